/*
 * sense/postgres.c - when to ask what, and what the answers say about the server as a whole.
 *
 * The quick line carries the reading of each second; the slow line, which exists only while the quick one is connected,
 * carries facts and sizes.  A question that the server refuses is asked again after a while, which doubles up to an hour, so that
 * its log does not fill with our errors; the next connection and the next refresh do not wait.
 */
#include "sense/postgres_inside.h"

#include "base/clock.h"
#include "sense/privileges.h"
#include "sense/sql.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { IDS_TEXT = 2048, LATE_MEANS_DOWN = 3 };

static int64_t mono_now(void) { return clock_mono_us(&clock_real); }

const char *sense_pg_event_name(enum sense_pg_event e)
{
    static const char *const names[] = {
        [SENSE_PG_UP] = "up", [SENSE_PG_DOWN] = "down", [SENSE_PG_RESTARTED] = "restarted", [SENSE_PG_RELOADED] = "reloaded",
        [SENSE_PG_STANDBY] = "standby", [SENSE_PG_PROMOTED] = "promoted", [SENSE_PG_REPLACED] = "replaced",
        [SENSE_PG_STATS_RESET] = "statistics reset", [SENSE_PG_LACKS] = "lacks", [SENSE_PG_SLOW] = "slow",
    };
    return (unsigned)e < sizeof names / sizeof *names ? names[e] : "?";
}

/* ---- telling ---- */

void sense_pg_tell(struct sense_pg *pg, enum sense_pg_event e, const struct fault *what) { pg->on.on_state(pg->on.ctx, e, what); }

PRINTF(4, 5) static void tell_text(struct sense_pg *pg, enum sense_pg_event e, enum err code, const char *format, ...)
{
    struct fault f = { .code = code };
    va_list      args;
    va_start(args, format);
    (void)vsnprintf(f.text, sizeof f.text, format, args);
    va_end(args);
    sense_pg_tell(pg, e, &f);
}

static void tell_down(struct sense_pg *pg, const struct fault *why)
{
    if (!pg->up && pg->told_down && pg->down_code == why->code)
        return;
    pg->up = false;
    pg->told_down = true;
    pg->down_code = why->code;
    sense_pg_tell(pg, SENSE_PG_DOWN, why);
}

bool sense_pg_first_time(unsigned *told, int bit)
{
    unsigned mask = 1u << bit;
    bool     first = !(*told & mask);
    *told |= mask;
    return first;
}

/* ---- a question was refused ---- */

static bool has_state(const PGresult *r, const char *state)
{
    const char *s = PQresultErrorField(r, PG_DIAG_SQLSTATE);
    return s && strcmp(s, state) == 0;
}

static int first_pause_s(const struct sense_pg *pg) { return pg->conf.facts_every_s > 0 ? pg->conf.facts_every_s : 60; }

static void note_refusal(const struct sense_pg *pg, struct refusal *r)
{
    int twice = r->pause_s * 2 < REFUSAL_PAUSE_MAX_S ? r->pause_s * 2 : REFUSAL_PAUSE_MAX_S;
    r->pause_s = r->is ? twice : first_pause_s(pg);
    r->is = true;
    r->again_us = mono_now() + r->pause_s * US_PER_S;
}

static bool is_refused_now(const struct sense_pg *pg, enum question q) { return pg->refused[q].is && mono_now() < pg->refused[q].again_us; }

static void hint_statements(const struct sense_pg *pg, struct fault *why)
{
    struct privileges p;
    char              grant[512];
    if (why->code == ERR_DENIED)
        return;
    privileges_of(pg->facts, &p);
    privilege_grant(ABILITY_STATEMENTS, &p, grant, sizeof grant);
    if (why->code == ERR_MISSING)
        fail_hint(why, "what came with a server before 14 needs, in database %.63s: ALTER EXTENSION pg_stat_statements UPDATE", p.database);
    else
        fail_hint(why, "%.230s", grant);
}

static void question_refused(struct sense_pg *pg, enum question q, const PGresult *r)
{
    struct fault why = { 0 };
    (void)pg_fault_result(line_conn(pg->quick), r, question_what[q], &why);
    pg->counts.failed_statements++;
    if (has_state(r, "57014") || why.code == ERR_BUSY) {
        int64_t now = mono_now();
        if (pg->slow_told_us == 0 || now - pg->slow_told_us > 60 * US_PER_S) {
            pg->slow_told_us = now;
            sense_pg_tell(pg, SENSE_PG_SLOW, &why);
        }
        return;
    }
    pg->drop_due = pg->drop_due || has_state(r, "0A000") || has_state(r, "26000");   /* the plan does not fit any more, or it is another session's */
    if (has_state(r, "26000"))
        fail_hint(&why, "this looks like a pooler that shares sessions; connect to PostgreSQL itself");
    note_refusal(pg, &pg->refused[q]);
    if (q == ASK_STATEMENTS) {
        hint_statements(pg, &why);
        pg->facts_due = pg->facts_due || pg->refused[q].pause_s == first_pause_s(pg);
    }
    if (sense_pg_first_time(&pg->odd_told, (int)q))
        sense_pg_tell(pg, SENSE_PG_LACKS, &why);
}

/* ---- the reading of a second ---- */

static void deliver(struct sense_pg *pg)
{
    struct sample *s = &pg->sample;
    s->stats_reset_us = pg->reading.statements.reset_us;
    if (pg->sizes_known_us != 0 && s->mono_us - pg->sizes_known_us < 2 * pg->sizes_pause_us) {
        s->v[METRIC_DATABASE_BYTES] = pg->sizes.database_bytes;
        s->v[METRIC_DEAD_TUPLES] = pg->sizes.dead_tuples;
    }
    pg->on.on_sample(pg->on.ctx, s);
}

static void on_quick_answer(void *ctx, int item, const PGresult *r)
{
    struct sense_pg *pg = ctx;
    enum question q = pg->asked_q[item];
    if (q == QUESTION_COUNT)
        return;   /* nothing depends on it that would not say so itself */
    if (PQresultStatus(r) != PGRES_TUPLES_OK) {
        question_refused(pg, q, r);
        return;
    }
    if (pg->got == 0) {
        pg->sample.mono_us = mono_now();
        pg->sample.wall_us = clock_wall_us(&clock_real);
    }
    if (!reading_take(&pg->reading, q, r, mono_now(), &pg->sample)) {
        pg->counts.failed_statements++;
        return;
    }
    pg->facts_due = pg->facts_due || (q == ASK_STATEMENTS && pg->refused[q].is);
    pg->refused[q].is = false;
    pg->got++;
    pg->got_activity = pg->got_activity || q == ASK_ACTIVITY;
}

static void compare_identity(struct sense_pg *pg)
{
    const struct sample *s = &pg->sample;
    char when[32];
    if (pg->postmaster_start_us != 0 && pg->postmaster_start_us != s->postmaster_start_us) {
        memset(pg->refused, 0, sizeof pg->refused);
        tell_text(pg, SENSE_PG_RESTARTED, OK, "the server was started at %s", clock_format(s->postmaster_start_us, when, sizeof when));
        pg->facts_due = true;
    } else if (pg->conf_load_us != 0 && pg->conf_load_us != s->conf_load_us) {
        tell_text(pg, SENSE_PG_RELOADED, OK, "the configuration was read again at %s", clock_format(s->conf_load_us, when, sizeof when));
        pg->facts_due = true;
    }
    pg->postmaster_start_us = s->postmaster_start_us;
    pg->conf_load_us = s->conf_load_us;

    if (s->in_recovery && !(pg->up && pg->recovery_known && pg->in_recovery))      /* also when it was away: that it is up is told next, and would be all that is left */
        tell_text(pg, SENSE_PG_STANDBY, ERR_STATE, "the server is a standby (in recovery): it is watched and not changed");
    else if (!s->in_recovery && pg->recovery_known && pg->in_recovery)
        tell_text(pg, SENSE_PG_PROMOTED, OK, "the server was a standby and is a primary now");
    else if (pg->timeline > 0 && pg->reading.timeline > pg->timeline)
        tell_text(pg, SENSE_PG_PROMOTED, OK, "the server is on timeline %d, it was on %d: a standby was promoted", pg->reading.timeline, pg->timeline);
    if (pg->recovery_known && pg->in_recovery != s->in_recovery)
        pg->facts_due = true;
    pg->recovery_known = true;
    pg->in_recovery = s->in_recovery;
    pg->timeline = pg->reading.timeline;
}

static void tell_conditions(struct sense_pg *pg)
{
    if (pg->reading.reset_seen && pg->up)
        tell_text(pg, SENSE_PG_STATS_RESET, OK, "somebody reset statistics; rates begin anew");
    pg->reading.reset_seen = false;
    if (pg->reading.untracked && sense_pg_first_time(&pg->odd_told, ODD_TRACK_ACTIVITIES)) {
        struct fault f = { 0 };
        (void)fail(&f, ERR_STATE, "track_activities is off: what sessions do is unknown");
        fail_hint(&f, "ALTER SYSTEM SET track_activities = on; SELECT pg_reload_conf();");
        sense_pg_tell(pg, SENSE_PG_LACKS, &f);
    }
    if (pg->reading.no_counts && sense_pg_first_time(&pg->odd_told, ODD_TRACK_COUNTS)) {
        struct fault f = { 0 };
        (void)fail(&f, ERR_STATE, "track_counts is off: transactions, blocks and dead rows are unknown, and autovacuum does not run");
        fail_hint(&f, "ALTER SYSTEM SET track_counts = on; SELECT pg_reload_conf();");
        sense_pg_tell(pg, SENSE_PG_LACKS, &f);
    }
}

static void note_late(struct sense_pg *pg)
{
    pg->counts.late++;
    pg->late_in_a_row++;
    struct fault why = { 0 };
    (void)fail(&why, ERR_TIMEOUT, "the server owed answers after %d ms", pg->conf.limit_ms);
    fail_hint(&why, "the server, its disk or the way to it is overloaded or frozen");
    if (pg->late_in_a_row == LATE_MEANS_DOWN)
        tell_down(pg, &why);
    else if (pg->got_activity && (pg->slow_told_us == 0 || mono_now() - pg->slow_told_us > 60 * US_PER_S)) {
        pg->slow_told_us = mono_now();
        sense_pg_tell(pg, SENSE_PG_SLOW, &why);
    }
}

static void on_quick_end(void *ctx, enum line_end how)
{
    struct sense_pg *pg = ctx;
    pg->reading.own_transactions += pg->asked;
    pg->turn = false;
    if (how == LINE_LATE)
        note_late(pg);
    pg->sample.v[METRIC_UP] = how == LINE_ANSWERED || pg->got > 0 ? 1 : (double)NAN;
    if (how == LINE_ANSWERED) {
        pg->counts.answered++;
        pg->late_in_a_row = 0;
    }
    if (pg->got_activity) {
        bool first = !pg->up;
        compare_identity(pg);
        tell_conditions(pg);
        if (first) {
            pg->up = true;
            pg->told_down = false;
            tell_text(pg, SENSE_PG_UP, OK, "PostgreSQL %d.%d answers", pg->version / 10000, pg->version % 10000);
        }
    }
    deliver(pg);
    if (pg->drop_due) {
        struct fault why = { 0 };
        (void)fail(&why, ERR_STATE, "prepared statements are gone or do not fit any more");
        pg->drop_due = false;
        line_drop(pg->quick, &why);
    }
}

/* Both ends of a window fall on the same beat everywhere: whole multiples of the interval on the wall clock. */
static bool statements_are_due(struct sense_pg *pg, int64_t wall_us)
{
    bool there = pg->facts_known && (pg->facts->has_statements || (pg->refused[ASK_STATEMENTS].is && *pg->statements_schema));
    if (pg->conf.statements_every_s <= 0 || is_refused_now(pg, ASK_STATEMENTS) || !there || pg->drop_due)
        return false;
    int64_t slot = wall_us / (pg->conf.statements_every_s * US_PER_S);
    bool    due = slot != pg->statements_slot || pg->want_statements;
    pg->statements_slot = slot;
    pg->want_statements = false;
    return due;
}

static void begin_turn(struct sense_pg *pg)
{
    char followed[IDS_TEXT], own[IDS_TEXT], backend[16];
    const char *const values[2] = { followed, own }, *const session[1] = { backend };
    struct line_item items[QUESTION_COUNT + 1];
    pg->asked = 0;
    pg->got = 0;
    pg->got_activity = false;
    reading_begin(&pg->reading);
    if (pg->session_due) {
        (void)snprintf(backend, sizeof backend, "%d", PQbackendPID(line_conn(pg->quick)));
        items[0] = (struct line_item){ .name = "sense_session", .sql = sql_sense_session, .n = 1, .values = session };
        pg->asked_q[pg->asked++] = QUESTION_COUNT;
        pg->session_due = false;
    }
    for (int q = 0; q < QUESTION_COUNT; q++) {
        if (is_refused_now(pg, (enum question)q) || (q == ASK_STATEMENTS && !statements_are_due(pg, pg->sample.wall_us)))
            continue;
        question_item((enum question)q, pg->version, &items[pg->asked]);
        if (q == ASK_STATEMENTS) {
            reading_ids(&pg->reading, followed, sizeof followed, own, sizeof own);
            items[pg->asked].sql = pg->statements_sql;
            items[pg->asked].n = 2;
            items[pg->asked].values = values;
        }
        pg->asked_q[pg->asked++] = (enum question)q;
    }
    if (pg->asked == 0) {   /* everything was refused */
        pg->sample.v[METRIC_UP] = (double)NAN;
        deliver(pg);
        return;
    }
    pg->turn = true;
    line_send(pg->quick, items, pg->asked, pg->conf.limit_ms);
}

void sense_pg_ask(struct sense_pg *pg)
{
    pg->counts.asked++;
    if (pg->turn) {
        pg->counts.skipped++;
        return;
    }
    sample_clear(&pg->sample);
    pg->sample.mono_us = mono_now();
    pg->sample.wall_us = clock_wall_us(&clock_real);
    if (line_is_open(pg->quick)) {
        begin_turn(pg);
    } else {
        pg->sample.v[METRIC_UP] = line_is_busy(pg->quick) ? (double)NAN : pg->up_guess;
        deliver(pg);
    }
    sense_pg_try_slow(pg);
}

/* ---- lines ---- */

static enum err open_line(struct sense_pg *pg, const struct line_calls *calls, int limit_ms, struct line **line, struct fault *fault)
{
    struct line_conf c = {
        .pg = { .dsn = pg->dsn, .passfile = pg->passfile, .application_name = "homeostat-sense", .connect_timeout_ms = pg->conf.connect_limit_ms,
                .statement_timeout_ms = limit_ms, .lock_timeout_ms = limit_ms / 2, .keepalives = true, .only_catalog = true },
        .connect_limit_ms = pg->conf.connect_limit_ms,
        .backoff_min_ms = 250,
        .backoff_max_ms = pg->conf.backoff_max_ms,
        .seed = pg->conf.seed++,
    };
    return line_new(pg->loop, &c, calls, line, fault);
}

static void close_slow(struct sense_pg *pg)
{
    line_free(pg->slow);
    pg->slow = NULL;
    pg->job = SLOW_NOTHING;
}

static void on_quick_open(void *ctx)
{
    struct sense_pg *pg = ctx;
    struct line_calls slow = sense_pg_slow_calls;
    struct fault ignored;   /* what a conninfo can have wrong was found when the quick line was made */
    slow.ctx = pg;
    pg->counts.connects++;
    pg->version = PQserverVersion(line_conn(pg->quick));
    pg->session_due = pg->facts_due = true;
    memset(pg->refused, 0, sizeof pg->refused);
    close_slow(pg);
    if (open_line(pg, &slow, pg->conf.slow_limit_ms, &pg->slow, &ignored) != OK)
        pg->slow = NULL;
}

/* What a failed attempt says of the server itself: 0 nobody is there, 1 it answers but not us, NAN cannot be told. */
static double up_by_fault(bool was_open, const struct fault *why)
{
    static const struct { const char *says; double up; } rows[] = {
        { "(53300)", 1 }, { "(28", 1 }, { "(3D000)", 1 }, { "(42501)", 1 }, { "too old", 1 }, { "(57P", 0 }, { "Connection refused", 0 }, { "No such file or directory", 0 },
    };
    for (size_t i = 0; !was_open && i < sizeof rows / sizeof *rows; i++)
        if (strstr(why->text, rows[i].says))
            return rows[i].up;
    return (double)NAN;
}

static void on_quick_lost(void *ctx, bool was_open, const struct fault *why)
{
    struct sense_pg *pg = ctx;
    close_slow(pg);
    pg->up_guess = up_by_fault(was_open, why);
    pg->late_in_a_row = 0;
    if (was_open)
        pg->counts.losses++;
    /* A session that was ended is no outage yet: the next attempt, in a moment, tells. */
    if (!was_open || why->code == ERR_TIMEOUT)
        tell_down(pg, why);
}

/* ---- outside ---- */

static char *copy_or_null(const char *text) { return text ? strdup(text) : NULL; }

static int otherwise(int value, int standard) { return value > 0 ? value : standard; }

static void free_parts(struct sense_pg *pg)
{
    free(pg->name);
    free(pg->dsn);
    free(pg->passfile);
    free(pg->proc_root);
    free(pg->facts);
    free(pg->draft);
    free(pg);
}

enum err sense_pg_new(uv_loop_t *loop, const struct sense_pg_conf *conf, const struct sense_pg_callbacks *callbacks, struct sense_pg **out, struct fault *fault)
{
    *out = NULL;
    struct sense_pg *pg = calloc(1, sizeof *pg);
    if (!pg)
        return fail(fault, ERR_LIMIT, "no memory to watch a server");
    pg->loop = loop;
    pg->conf = *conf;
    pg->on = *callbacks;
    pg->conf.limit_ms = otherwise(conf->limit_ms, 900);
    pg->conf.slow_limit_ms = otherwise(conf->slow_limit_ms, 10000);
    pg->conf.connect_limit_ms = otherwise(conf->connect_limit_ms, 3000);
    pg->conf.backoff_max_ms = otherwise(conf->backoff_max_ms, 5000);
    pg->name = copy_or_null(conf->name ? conf->name : "");
    pg->dsn = copy_or_null(conf->pg.dsn ? conf->pg.dsn : "");
    pg->passfile = copy_or_null(conf->pg.passfile);
    pg->proc_root = copy_or_null(conf->proc_root ? conf->proc_root : "");
    pg->facts = malloc(sizeof *pg->facts);
    pg->draft = malloc(sizeof *pg->draft);
    pg->up_guess = (double)NAN;
    pg->reading.gap_us = rate_gap_us(otherwise(conf->interval_ms, 1000));
    reading_forget(&pg->reading);
    pg->reading.estimate_latency = conf->estimate_latency;
    const struct line_calls quick = { on_quick_open, on_quick_lost, on_quick_answer, on_quick_end, pg };
    enum err e = pg->name && pg->dsn && pg->proc_root && pg->facts && pg->draft ? OK : fail(fault, ERR_LIMIT, "no memory to watch a server");
    if (e == OK)
        e = open_line(pg, &quick, pg->conf.limit_ms, &pg->quick, fault);
    if (e != OK) {
        free_parts(pg);
        return e;
    }
    *out = pg;
    return OK;
}

void sense_pg_free(struct sense_pg *pg)
{
    if (!pg)
        return;
    line_free(pg->quick);
    line_free(pg->slow);
    free_parts(pg);
}

void sense_pg_refresh_facts(struct sense_pg *pg)
{
    memset(pg->refused, 0, sizeof pg->refused);   /* what was refused may be granted by now */
    pg->facts_due = true;
    sense_pg_try_slow(pg);
}

void sense_pg_want_statements(struct sense_pg *pg) { pg->want_statements = true; }

struct sense_pg_counts sense_pg_counts(const struct sense_pg *pg) { return pg->counts; }
