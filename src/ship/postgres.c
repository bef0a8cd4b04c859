/*
 * ship/postgres.c - the sink `postgres`: events become rows of logs_events, metrics_events and trace_events.
 *
 * All of a batch goes in one transaction: COPY into temporary tables, then INSERT ... ON CONFLICT DO NOTHING, so that a batch which comes again
 * changes nothing. Two Homeostats that write into the same tables do not take each other's rows for their own: the resource is part of the key.
 *
 * Tables, functions and statements are in sql/ship. Partitions by day are made when a day is met, and ahead in idle(); where the database has
 * TimescaleDB they are chunks of hypertables and its own jobs pack and drop them.
 */
#include "ship/kinds.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "link/pg.h"
#include "ship/conf.h"
#include "ship/postgres_layout.h"
#include "ship/postgres_migrations.h"
#include "ship/postgres_sql.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    ROWS_MAX = 512 * 1024 * 1024,
    DAYS_MAX = 256,                    /* days of tables that are known to be there; forgotten all at once when more come */
    DAYS_MADE_MAX = 32,                /* partitions that one batch may have made; what is of further days goes to the rest */
    DAYS_BACK = 400, DAYS_AHEAD = 2,   /* an event of a day outside of these gets no partition of its own */
    SESSION_LOCK_MS = 10000, CARE_EVERY_S = 600, CARE_AGAIN_S = 60, MIGRATE_MS = 600000, VERSION = 3
};

struct known_day { enum event_type type; int64_t day; };

struct postgres {
    const struct sink_conf *conf;
    struct pg_link         *link;                /* NULL: not connected */
    atomic_bool             cancelled;
    struct pg_rows          rows;
    struct known_day        known[DAYS_MAX];
    size_t                  knowns;
    unsigned                staged;              /* types whose temporary table is there, in this session */
    int64_t                 care_at_us;          /* mono */
    bool                    care_failed;
    bool                    of_table;            /* the transaction that failed last did so by a table as a whole: pg_link_of_table() */
    bool                    doubt;               /* the tables are not as they were when they were looked at */
    struct pg_warned        warned;              /* also of what is in the way of the tables */
    int64_t                 days_at_us;          /* mono: not before are days made again for a batch, as somebody reads the rest */
};

static int64_t deadline_of(const struct postgres *p) { return clock_mono_us(&clock_real) + p->conf->timeout_us; }

static bool give_up(void *ctx) { return atomic_load(&((struct postgres *)ctx)->cancelled); }

static void hang_up(struct postgres *p)
{
    pg_link_close(p->link);
    p->link = NULL;
    p->staged = 0;
    p->knowns = 0;                               /* somebody may have dropped them while we were away */
}

/* ---- a session ---- */

static enum err run(struct postgres *p, const char *sql, int n, const char *const *values, int64_t deadline_us, struct fault *fault)
{
    PGresult *r CLEANUP(pg_result_clear) = NULL;
    return pg_link_query(p->link, sql, n, values, deadline_us, &r, fault);
}

/* The first cell of the answer, "" when there is none. */
static enum err ask(struct postgres *p, const char *sql, int n, const char *const *values, char *out, size_t size, int64_t deadline_us, struct fault *fault)
{
    PGresult *r CLEANUP(pg_result_clear) = NULL;
    enum err  e = pg_link_query(p->link, sql, n, values, deadline_us, &r, fault);
    const char *cell = e == OK ? pg_cell(r, 0, 0) : NULL;
    (void)snprintf(out, size, "%s", cell ? cell : "");
    return e;
}

static const char *schema_of(const struct postgres *p) { return *p->conf->schema ? p->conf->schema : "public"; }

static enum err enter_schema(struct postgres *p, int64_t deadline_us, struct fault *fault)
{
    char        there[8];
    const char *const values[] = { schema_of(p) };
    enum err    e = run(p, sql_postgres_name_schema, 1, values, deadline_us, fault);
    if (e == OK)
        e = ask(p, sql_postgres_has_schema, 1, values, there, sizeof there, deadline_us, fault);
    if (e == OK && *there != 't')
        e = run(p, sql_postgres_make_schema, 0, NULL, deadline_us, fault);
    return e == OK ? run(p, sql_postgres_session, 1, values, deadline_us, fault) : e;
}

static enum err version_there(struct postgres *p, int *version, int64_t deadline_us, struct fault *fault)
{
    char     cell[16];
    enum err e = ask(p, sql_postgres_has_migrations, 0, NULL, cell, sizeof cell, deadline_us, fault);
    *version = 0;
    if (e != OK || *cell != 't')
        return e;
    if ((e = ask(p, sql_postgres_version, 0, NULL, cell, sizeof cell, deadline_us, fault)) == OK)
        *version = atoi(cell);
    return e;
}

/* In a transaction; somebody else may have done it while we waited for the lock. */
static enum err migrate_locked(struct postgres *p, int64_t deadline_us, struct fault *fault)
{
    char        number[16], most_ms[16];
    const char *const values[] = { number }, *const most[] = { most_ms };
    int         version = 0;
    (void)snprintf(number, sizeof number, "%d", VERSION);
    (void)snprintf(most_ms, sizeof most_ms, "%d", MIGRATE_MS);
    enum err    e = run(p, sql_postgres_lock, 1, most, deadline_us, fault);
    if (e == OK)
        e = version_there(p, &version, deadline_us, fault);
    if (e != OK || (version >= VERSION && !p->doubt))
        return e;
    e = run(p, sql_postgres_migrations_table, 0, NULL, deadline_us, fault);
    for (size_t i = 0; e == OK && i < ship_migration_statement_count; i++)
        e = run(p, ship_migration_statements[i].text, 0, NULL, deadline_us, fault);
    return e == OK ? run(p, sql_postgres_migrated, 1, values, deadline_us, fault) : e;
}

/* Ends it, well or not. state: with which SQLSTATE it failed. */
static enum err in_transaction(struct postgres *p, enum err e, char state[6], int64_t deadline_us, struct fault *fault)
{
    struct fault ignored;
    if (e == OK)
        e = run(p, sql_postgres_commit, 0, NULL, deadline_us, fault);
    (void)snprintf(state, 6, "%s", pg_link_state(p->link));
    p->of_table = pg_link_of_table(p->link);
    if (e != OK && pg_link_alive(p->link) && run(p, sql_postgres_rollback, 0, NULL, deadline_us, &ignored) != OK)
        hang_up(p);
    return e;
}

static enum err migrate(struct postgres *p, int64_t deadline_us, struct fault *fault)
{
    int      version = 0;
    char     state[6];
    enum err e = version_there(p, &version, deadline_us, fault);
    if (e != OK || (version >= VERSION && !p->doubt))
        return e;
    deadline_us = clock_mono_us(&clock_real) + MIGRATE_MS * US_PER_MS;
    e = run(p, sql_postgres_begin, 0, NULL, deadline_us, fault);
    if (e == OK)
        e = in_transaction(p, migrate_locked(p, deadline_us, fault), state, deadline_us, fault);
    if (e == ERR_DENIED && version >= VERSION && p->link)      /* a role that may only insert looks at nothing; what is wrong the next statement says */
        e = OK;
    p->doubt = p->doubt && e != OK;
    return e;
}

static enum err set_policies(struct postgres *p, int64_t deadline_us, struct fault *fault)
{
    char     keep[24], pack[24];
    enum err e = OK;
    (void)snprintf(keep, sizeof keep, "%" PRId64, p->conf->keep_us / US_PER_S);
    (void)snprintf(pack, sizeof pack, "%" PRId64, p->conf->pack_after_us / US_PER_S);
    for (enum event_type t = EVENT_LOG; e == OK && t <= EVENT_SPAN; t++)
        e = run(p, sql_postgres_policies, 3, (const char *const[]){ pg_tables()[t].name, keep, pack }, deadline_us, fault);
    return e;
}

/* What is in the way of the tables, and what to do about it: in the log once, for what is said of a batch has no room for both. */
static enum err migrate_telling(struct postgres *p, int64_t deadline_us, struct fault *fault)
{
    enum err e = migrate(p, deadline_us, fault);
    if (e == OK || !*fault->hint || strncmp(p->warned.last, fault->text, sizeof p->warned.last - 1) == 0)
        return e;
    (void)text_copy(p->warned.last, sizeof p->warned.last, fault->text);
    log_fault(LOG_WARN, "the tables of a sink cannot be made", fault);
    return e;
}

static enum err connect_to(struct postgres *p, int64_t deadline_us, struct fault *fault)
{
    if (p->link && pg_link_alive(p->link))
        return OK;
    hang_up(p);
    struct pg_link_conf c = { .dsn = p->conf->dsn, .passfile = *p->conf->password.path ? p->conf->password.path : NULL, .application_name = "homeostat ship",
        .connect_timeout_ms = (int)(p->conf->timeout_us / 1000), .statement_timeout_ms = (int)(p->conf->timeout_us / 1000), .lock_timeout_ms = SESSION_LOCK_MS, .keepalives = true,
        .give_up = give_up, .give_up_ctx = p, .warned = &p->warned };
    enum err e = pg_link_open(&c, deadline_us, &p->link, fault);
    if (e != OK)
        return e;
    e = enter_schema(p, deadline_us, fault);
    if (e == OK)
        e = migrate_telling(p, deadline_us, fault);
    if (e == OK)
        e = set_policies(p, deadline_us, fault);
    if (e != OK)
        hang_up(p);
    return e;
}

/* ---- days ---- */

static bool is_known(const struct postgres *p, enum event_type t, int64_t day)
{
    for (size_t i = p->knowns; i-- > 0; )
        if (p->known[i].day == day && p->known[i].type == t)
            return true;
    return false;
}

static enum err make_day(struct postgres *p, enum event_type t, int64_t day, int64_t deadline_us, struct fault *fault)
{
    char      date[16] = "";
    struct tm tm;
    time_t    at = (time_t)(day * 86400);
    if (is_known(p, t, day))
        return OK;
    if (gmtime_r(&at, &tm))
        (void)strftime(date, sizeof date, "%Y-%m-%d", &tm);
    enum err e = run(p, sql_postgres_make_day, 2, (const char *const[]){ pg_tables()[t].name, date }, deadline_us, fault);
    if (e == OK) {
        if (p->knowns == DAYS_MAX)
            p->knowns = 0;
        p->known[p->knowns++] = (struct known_day){ t, day };
    }
    return e;
}

/* What is too old to be kept would only be dropped again, and days far off are mistakes of a clock. */
static bool deserves(const struct postgres *p, const struct event *e)
{
    int64_t now = e->received_us / (86400 * US_PER_S), back = p->conf->keep_us ? p->conf->keep_us / (86400 * US_PER_S) : DAYS_BACK;
    int64_t day = pg_row_day(e);
    return day >= now - back && day <= now + DAYS_AHEAD;
}

/* Somebody reads the rest, or the table, for long: the rows go to the rest, and from there into their day when it is made. */
static enum err put_off(struct postgres *p, const struct fault *fault)
{
    log_fault(LOG_WARN, "a partition cannot be made now, so its rows go to the rest; it is tried again in a minute", fault);
    p->days_at_us = clock_mono_us(&clock_real) + CARE_AGAIN_S * US_PER_S;
    return OK;
}

static enum err make_days(struct postgres *p, const struct batch *b, int64_t deadline_us, struct fault *fault)
{
    int made = 0;
    if (clock_mono_us(&clock_real) < p->days_at_us)
        return OK;
    for (size_t i = 0; i < b->count; i++) {
        const struct event *x = b->event[i];
        int64_t             day = pg_row_day(x);
        if ((i && b->event[i - 1]->type == x->type && pg_row_day(b->event[i - 1]) == day) || is_known(p, x->type, day) || !deserves(p, x) || made == DAYS_MADE_MAX)
            continue;
        enum err e = make_day(p, x->type, day, deadline_us, fault);
        if (e == ERR_BUSY)
            return put_off(p, fault);
        if (e != OK)
            return e;
        made++;
    }
    return OK;
}

/* ---- a batch ---- */

static enum err put_type(struct postgres *p, const struct batch *b, enum event_type t, int64_t deadline_us, struct fault *fault)
{
    const struct pg_table *table = &pg_tables()[t];
    pg_rows_begin(&p->rows);
    for (size_t i = 0; i < b->count; i++)
        if (b->event[i]->type == t)
            pg_rows_add(&p->rows, b->event[i]);
    pg_rows_end(&p->rows);
    if (p->rows.rows == 0)
        return OK;
    if (p->rows.out.cut)
        return fail(fault, ERR_LIMIT, "the batch is larger than %d bytes as rows", ROWS_MAX);
    enum err e = p->staged & 1u << t ? OK : run(p, table->stage, 0, NULL, deadline_us, fault);
    if (e == OK)
        e = pg_link_copy(p->link, table->copy, p->rows.out.s, p->rows.out.used, deadline_us, fault);
    return e == OK ? run(p, table->insert, 0, NULL, deadline_us, fault) : e;
}

static enum err put_batch(struct postgres *p, const struct batch *b, int64_t deadline_us, struct fault *fault, char state[6])
{
    unsigned types = 0;
    enum err e = run(p, sql_postgres_begin, 0, NULL, deadline_us, fault);
    if (e != OK)
        return e;
    for (size_t i = 0; i < b->count; i++)
        types |= 1u << b->event[i]->type;
    for (enum event_type t = EVENT_LOG; e == OK && t <= EVENT_SPAN; t++)
        e = types & 1u << t ? put_type(p, b, t, deadline_us, fault) : OK;
    e = in_transaction(p, e, state, deadline_us, fault);
    if (e == OK)
        p->staged |= types;                      /* temporary tables of a transaction that did not hold are gone */
    return e;
}

/* 22 data exception, 23 constraint, 54 a limit of the server such as the size of a row. */
static bool is_of_the_data(const char *state)
{
    return strncmp(state, "22", 2) == 0 || strncmp(state, "23", 2) == 0 || strncmp(state, "54", 2) == 0;
}

/* States that mean that a table is not as our statements know it: then it is looked at again, and gets what it lacks, or is refused by what is in the way. */
static bool is_of_the_table(const char *state)
{
    static const char *const states[] = { "08P01", "22P03", "22P04", "42703", "42804", "42P01", "42P10" };      /* the first three: by COPY, when a column has another type */
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++)
        if (strcmp(state, states[i]) == 0)
            return true;
    return false;
}

/* Something is missing in a row. When it is a column that the sink does not know the table is to blame, and no row would be taken. */
static bool lacks_a_column(struct postgres *p, const char *state, int64_t deadline_us, struct fault *fault)
{
    struct fault why = { 0 };
    if (strcmp(state, "23502") != 0)
        return false;
    p->doubt = true;
    if (migrate_telling(p, deadline_us, &why) == OK)
        return false;
    *fault = why;
    return true;
}

/* No partition takes the row: a failed check that has no name, and is no trigger's. Of a day that there should be one for, somebody has yet to make it: all that comes now would follow that one. */
static bool lacks_a_partition(const struct postgres *p, const struct batch *b, const char *state)
{
    return strcmp(state, "23514") == 0 && p->of_table && b->count == 1 && deserves(p, b->event[0]);
}

/* What the server said, without the statement in front of it. */
static const char *said(const char *text)
{
    const char *end = strncmp(text, "cannot run \"", 12) == 0 ? strstr(text + 12, "\": ") : NULL;
    return end ? end + 3 : text;
}

static enum sent postgres_send(void *self, const struct batch *b, struct sent_answer *a)
{
    struct postgres *p = self;
    struct fault     fault = { 0 };
    char             state[6] = "";
    int64_t          deadline_us = deadline_of(p);
    pg_rows_begin(&p->rows);                     /* forgets that a former batch was cut */
    enum err         e = connect_to(p, deadline_us, &fault);
    if (e == OK)
        e = make_days(p, b, deadline_us, &fault);
    if (e == OK)
        e = put_batch(p, b, deadline_us, &fault, state);
    if (e == OK)
        return SENT_ALL;
    bool      alive = p->link && pg_link_alive(p->link), of_the_table = is_of_the_table(state);
    p->doubt = p->doubt || of_the_table;
    enum sent sent = alive && is_of_the_data(state) && !of_the_table && !lacks_a_partition(p, b, state) && !lacks_a_column(p, state, deadline_us, &fault) ? SENT_REFUSED
                                                                     : e == ERR_LIMIT && p->rows.out.cut ? SENT_TOO_LARGE : SENT_LATER;
    a->timed_out = sent == SENT_LATER && p->link && e == ERR_TIMEOUT;
    (void)snprintf(a->why, sizeof a->why, "%.230s", atomic_load(&p->cancelled) ? "cut short: the sink is stopping" : said(fault.text));
    if (sent == SENT_LATER)
        hang_up(p);                              /* a new session looks again at what is there: somebody may have taken it away */
    return sent;
}

/* ---- now and then ---- */

static enum err take_care(struct postgres *p, struct fault *fault)
{
    char     upto[24], keep[24];
    int64_t  now_us = clock_wall_us(&clock_real), today = now_us / (86400 * US_PER_S), deadline_us = deadline_of(p);
    enum err e = connect_to(p, deadline_us, fault);
    (void)snprintf(upto, sizeof upto, "%" PRId64, (now_us - p->conf->keep_us) / US_PER_S);
    (void)snprintf(keep, sizeof keep, "%" PRId64, p->conf->keep_us / US_PER_S);
    for (enum event_type t = EVENT_LOG; e == OK && t <= EVENT_SPAN; t++) {
        for (int64_t day = today; e == OK && day <= today + DAYS_AHEAD; day++)
            e = make_day(p, t, day, deadline_us, fault);
        if (e == OK && p->conf->keep_us)
            e = run(p, sql_postgres_drop_before, 3, (const char *const[]){ pg_tables()[t].name, upto, keep }, deadline_us, fault);
    }
    return e;
}

static void postgres_idle(void *self, int64_t now_us)
{
    struct postgres *p = self;
    struct fault     fault = { 0 };
    if (now_us < p->care_at_us)
        return;
    bool failed = take_care(p, &fault) != OK;
    if (failed)
        hang_up(p);
    if (failed && !p->care_failed)
        log_fault(LOG_WARN, "partitions could not be made ahead or dropped; it is tried again every minute", &fault);
    p->care_failed = failed;
    p->care_at_us = now_us + (failed ? CARE_AGAIN_S : CARE_EVERY_S) * US_PER_S;
}

/* ---- open and close ---- */

static void postgres_close(void *self)
{
    struct postgres *p = self;
    hang_up(p);
    pg_rows_done(&p->rows);
    free(p);
}

static enum err postgres_open(const struct sink_conf *conf, void **self, struct fault *fault)
{
    struct postgres *p = calloc(1, sizeof *p);
    if (!p)
        return fail(fault, ERR_LIMIT, "no memory for a sink");
    p->conf = conf;
    p->warned.who = conf->name;
    pg_rows_init(&p->rows, ROWS_MAX);
    *self = p;
    return OK;
}

static void postgres_cancel(void *self) { atomic_store(&((struct postgres *)self)->cancelled, true); }

/* What goes by events means nothing where rows of the digest are copied, and the other way round. */
static void check_layout(const struct sink_conf *conf, struct conf_checker *c)
{
    static const char *const of_events[] = { "formerly", "types", "match", "relabel", "batch.delay", "rate", "when_new" };
    for (size_t i = 0; conf->layout == LAYOUT_DETAIL && i < sizeof of_events / sizeof of_events[0]; i++)
        if (conf_is_set(c, of_events[i]))
            conf_refuse(c, of_events[i], "Take it out, or make it a sink of its own with layout: layered.", "layout: detail copies what the digest has counted, not events");
    if (conf->layout == LAYOUT_LAYERED && conf_is_set(c, "origin"))
        conf_refuse(c, "origin", "Take it out.", "only layout: detail knows it");
}

static void postgres_check(const struct sink_conf *conf, struct conf_checker *c)
{
    check_layout(conf, c);
    struct pg_params params;
    struct fault     fault = { 0 };
    enum err         e = pg_params_init(&params, &(struct pg_link_conf){ .dsn = conf->dsn }, &fault);
    if (e == OK)
        pg_params_done(&params);
    else if (*conf->dsn)
        conf_refuse(c, "dsn", "Write host=... port=... dbname=... user=...", "%.200s", fault.text);
}

const struct sink_kind sink_postgres = {
    .name = "postgres", .takes = 1u << EVENT_LOG | 1u << EVENT_POINT | 1u << EVENT_SPAN,
    .why = "PostgreSQL, with TimescaleDB where the database has it: tables metrics_events, trace_events, logs_events; with layout: detail those of the digest, metric_1m, service_call_5m, log_pattern_5m and the rest, kept 180 days (calls 365) and packed after 7 unless keep and pack_after say otherwise. The file of `password` is a passfile as libpq has them.",
    .open = postgres_open, .send = postgres_send, .idle = postgres_idle, .close = postgres_close, .cancel = postgres_cancel, .check = postgres_check,
    .settings = "!dsn password schema keep pack_after layout origin",
};
