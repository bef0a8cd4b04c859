/*
 * sense/postgres_slow.c - the slow side of the sensor: facts and sizes, on a connection of their own that may take its time.
 */
#include "sense/postgres_inside.h"

#include "base/clock.h"
#include "base/text.h"
#include "sense/local.h"
#include "sense/privileges.h"

#include <math.h>
#include <string.h>

static int64_t mono_now(void) { return clock_mono_us(&clock_real); }

static void tell_lacks(struct sense_pg *pg, const struct target_facts *f)
{
    struct privileges p;
    char grant[512];
    privileges_of(f, &p);
    for (int a = 0; a < ABILITY_COUNT; a++) {
        if (p.has[a] == PRIVILEGE_HAS)
            pg->lacks_told &= ~(1u << a);
        if (!ability_info[a].for_watching || p.has[a] != PRIVILEGE_LACKS || !sense_pg_first_time(&pg->lacks_told, a))
            continue;
        struct fault why = { 0 };
        privilege_grant((enum ability)a, &p, grant, sizeof grant);
        (void)fail(&why, a == ABILITY_WATCH || a == ABILITY_SETTINGS ? ERR_DENIED : ERR_MISSING, "%s: %s", p.why[a], ability_info[a].without);
        fail_hint(&why, "%.230s", grant);
        sense_pg_tell(pg, SENSE_PG_LACKS, &why);
    }
}

static void prove_local(struct sense_pg *pg, struct target_facts *f)
{
    struct local_proof  proof = { .why = "there is no connection to look at" };
    PGconn             *c = line_conn(pg->quick);
    struct local_claim  claim = { .socket = c ? PQsocket(c) : -1, .backend_pid = c ? PQbackendPID(c) : 0, .postmaster_start_us = f->postmaster_start_us,
                                  .data_directory = f->data_directory };
    if (c)
        local_prove(pg->proc_root, &claim, &proof);
    f->local = proof.proven;
    f->postmaster_pid = proof.postmaster_pid;
    (void)text_copy(f->local_why, sizeof f->local_why, proof.why);
}

/* The extension may have come, or moved: what was prepared for where it was is of no use any more. */
static void follow_statements(struct sense_pg *pg, const struct target_facts *f)
{
    if (strcmp(pg->statements_schema, f->statements_schema) == 0)
        return;
    struct line_item item;
    struct text      sql CLEANUP(text_done);
    text_init(&sql, sizeof pg->statements_sql);
    question_item(ASK_STATEMENTS, pg->version, &item);
    sql_in_schema(item.sql, f->statements_schema, &sql);
    pg->drop_due = pg->drop_due || *pg->statements_schema;
    pg->refused[ASK_STATEMENTS] = (struct refusal){ 0 };
    (void)text_copy(pg->statements_sql, sizeof pg->statements_sql, sql.s);
    (void)text_copy(pg->statements_schema, sizeof pg->statements_schema, f->statements_schema);
}

static void take_new_facts(struct sense_pg *pg)
{
    struct target_facts *f = pg->draft;
    facts_finish(f);
    prove_local(pg, f);
    follow_statements(pg, f);
    (void)text_copy(f->name, sizeof f->name, pg->name);
    f->read_wall_us = clock_wall_us(&clock_real);
    f->peak_sessions = pg->reading.peak_sessions;
    f->database_bytes = pg->sizes_known_us ? pg->sizes.database_bytes : (double)NAN;
    f->has_statements = f->has_statements && !pg->refused[ASK_STATEMENTS].is && facts_preload_statements(f);
    bool replaced = *pg->system_identifier && *f->system_identifier && strcmp(pg->system_identifier, f->system_identifier) != 0;
    if (replaced) {
        struct fault why = { 0 };
        (void)fail(&why, ERR_CONFLICT, "another database answers at this address: system identifier %s, it was %s", f->system_identifier, pg->system_identifier);
        fail_hint(&why, "what was learned of the other one does not count for it; check dsn, or name it as a target of its own");
        reading_forget(&pg->reading);
        sense_pg_tell(pg, SENSE_PG_REPLACED, &why);
    }
    if (*f->system_identifier)
        (void)text_copy(pg->system_identifier, sizeof pg->system_identifier, f->system_identifier);
    pg->draft = pg->facts;
    pg->facts = f;
    pg->facts_known = true;
    tell_lacks(pg, f);
    pg->on.on_facts(pg->on.ctx, f);
}

static void on_slow_answer(void *ctx, int item, const PGresult *r)
{
    struct sense_pg   *pg = ctx;
    enum fact_question q = pg->job == SLOW_SIZES ? FACT_SIZES : (enum fact_question)item;
    struct fault       why = { 0 };
    bool               answered = PQresultStatus(r) == PGRES_TUPLES_OK;
    int64_t            own_id = answered ? facts_own_id(q, r) : 0;
    if (own_id != 0)
        pg->reading.own_id[QUESTION_COUNT + (int)q] = own_id;   /* seconds of ours would be the latency of a quiet server, and seven calls a minute its load */
    if (answered && q == FACT_SIZES && facts_take_sizes(r, &pg->sizes)) {
        bool first = pg->sizes_known_us == 0;
        pg->sizes_known_us = mono_now();
        pg->facts->database_bytes = pg->sizes.database_bytes;
        if (first && pg->facts_known)
            pg->on.on_facts(pg->on.ctx, pg->facts);
        return;
    }
    if (answered && q != FACT_SIZES && facts_take(q, r, pg->draft))
        return;
    pg->counts.failed_statements++;
    if (answered)
        (void)fail(&why, ERR_STATE, "cannot %s: the answer is not understood", fact_what[q]);
    else
        (void)pg_fault_result(line_conn(pg->slow), r, fact_what[q], &why);
    pg->job_failed = pg->job_failed || q == FACT_SERVER || q == FACT_SETTINGS;
    if (sense_pg_first_time(&pg->odd_told, ODD_FACTS + (int)q))
        sense_pg_tell(pg, why.code == ERR_TIMEOUT ? SENSE_PG_SLOW : SENSE_PG_LACKS, &why);
}

/* Every file of every database is asked for its size: where these are a hundred thousand, that is work, and must not be a load. */
enum { SIZES_PAUSE_TIMES = 50 };

static int64_t longer(int64_t a, int64_t b) { return a > b ? a : b; }

static void on_slow_end(void *ctx, enum line_end how)
{
    struct sense_pg *pg = ctx;
    enum slow_job    job = pg->job;
    pg->job = SLOW_NOTHING;
    pg->reading.own_transactions += job == SLOW_FACTS ? FACT_SIZES : 1;
    if (job == SLOW_SIZES)
        pg->sizes_pause_us = longer(pg->conf.sizes_every_s * US_PER_S, SIZES_PAUSE_TIMES * (mono_now() - pg->sizes_at_us));
    if (how != LINE_ANSWERED) {
        pg->facts_due = pg->facts_due || (job == SLOW_FACTS && how == LINE_BROKEN);
        if (how == LINE_LATE)
            pg->counts.late++;
        return;
    }
    if (job == SLOW_FACTS && !pg->job_failed)
        take_new_facts(pg);
}

static void send_facts(struct sense_pg *pg)
{
    struct line_item items[FACT_SIZES];
    facts_clear(pg->draft);
    for (int q = 0; q < FACT_SIZES; q++)
        fact_item((enum fact_question)q, pg->version, &items[q]);
    pg->job = SLOW_FACTS;
    pg->job_failed = pg->facts_due = false;
    line_send(pg->slow, items, FACT_SIZES, pg->conf.slow_limit_ms);
}

void sense_pg_try_slow(struct sense_pg *pg)
{
    if (!pg->slow || !line_is_open(pg->slow) || pg->job != SLOW_NOTHING)
        return;
    int64_t now = mono_now();
    if (pg->facts_due || pg->facts_at_us == 0 || (pg->conf.facts_every_s > 0 && now - pg->facts_at_us >= pg->conf.facts_every_s * US_PER_S)) {
        pg->facts_at_us = now;
        send_facts(pg);
    } else if (pg->conf.sizes_every_s > 0 && (pg->sizes_at_us == 0 || now - pg->sizes_at_us >= longer(pg->sizes_pause_us, pg->conf.sizes_every_s * US_PER_S))) {
        struct line_item item;
        pg->sizes_at_us = now;
        fact_item(FACT_SIZES, pg->version, &item);
        pg->job = SLOW_SIZES;
        line_send(pg->slow, &item, 1, pg->conf.slow_limit_ms);
    }
}

static void on_slow_open(void *ctx)
{
    struct sense_pg *pg = ctx;
    pg->job = SLOW_NOTHING;
    sense_pg_try_slow(pg);
}

static void on_slow_lost(void *ctx, bool was_open, const struct fault *why)
{
    struct sense_pg *pg = ctx;
    pg->job = SLOW_NOTHING;
    if (!was_open && pg->up && sense_pg_first_time(&pg->odd_told, ODD_SLOW_LINE))
        sense_pg_tell(pg, SENSE_PG_LACKS, why);   /* the reading goes on, but without facts */
}

const struct line_calls sense_pg_slow_calls = { .on_open = on_slow_open, .on_lost = on_slow_lost, .on_answer = on_slow_answer, .on_end = on_slow_end };
