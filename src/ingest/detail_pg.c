/* ingest/detail_pg.c - the session: connected, in its schema, with the tables made and the name of the origin taken. And what is done now and then. */
#include "ingest/detail_inside.h"

#include "base/clock.h"
#include "ingest/detail_migrations.h"
#include "ingest/detail_sql.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SESSION_LOCK_MS = 10000, MIGRATE_MS = 600000, VERSION = 3, DAY_S = 86400, ROW_MAX = 16 * 1024 * 1024 };
#define CONNECT_MOST_US (5 * US_PER_S)            /* connecting cannot be cut short */

/* ---- statements ---- */

static int64_t deadline_of(const struct detail_pg *p)
{
    bool longer = p->migrates && p->conf->timeout_us < MIGRATE_MS * US_PER_MS;
    return clock_mono_us(&clock_real) + (longer ? MIGRATE_MS * US_PER_MS : p->conf->timeout_us);
}

static bool give_up(void *ctx) { return atomic_load(&((struct detail_pg *)ctx)->cancelled); }

void detail_hang_up(struct detail_pg *p)
{
    pg_link_close(p->link);
    p->link = NULL;
    p->mapped = false;
}

enum err detail_ask(struct detail_pg *p, const char *sql, int n, const char *const *values, PGresult **r, struct fault *fault)
{
    return pg_link_query(p->link, sql, n, values, deadline_of(p), r, fault);
}

enum err detail_run(struct detail_pg *p, const char *sql, int n, const char *const *values, struct fault *fault)
{
    PGresult *r CLEANUP(pg_result_clear) = NULL;
    return detail_ask(p, sql, n, values, &r, fault);
}

/* Is the first cell of the answer `t`? */
static enum err is_so(struct detail_pg *p, const char *sql, int n, const char *const *values, bool *yes, struct fault *fault)
{
    PGresult *r CLEANUP(pg_result_clear) = NULL;
    enum err  e = detail_ask(p, sql, n, values, &r, fault);
    const char *cell = e == OK ? pg_cell(r, 0, 0) : NULL;
    *yes = cell && *cell == 't';
    return e;
}

enum err detail_copy(struct detail_pg *p, enum detail_stage stage, struct fault *fault)
{
    static const char *const copies[STAGES] = {
        [STAGE_KEYS] = sql_detail_copy_keys, [STAGE_TENANT] = sql_detail_copy_tenant, [STAGE_RESOURCE] = sql_detail_copy_resource, [STAGE_LOCATOR] = sql_detail_copy_locator,
        [STAGE_PATTERN] = sql_detail_copy_pattern, [STAGE_METRIC] = sql_detail_copy_metric, [STAGE_CALL] = sql_detail_copy_call, [STAGE_LOG] = sql_detail_copy_log,
        [STAGE_EVENT] = sql_detail_copy_event, [STAGE_EVIDENCE] = sql_detail_copy_evidence, [STAGE_RUN] = sql_detail_copy_run, [STAGE_CIRCUIT] = sql_detail_copy_circuit,
    };
    struct detail_rows *s = &p->stage[stage];
    if (s->out.cut)
        return fail(fault, ERR_LIMIT, "a row of the digest is larger than %d bytes", ROW_MAX);
    enum err e = s->out.used ? pg_link_copy(p->link, copies[stage], s->out.s, s->out.used, deadline_of(p), fault) : OK;
    p->bytes += s->out.used;
    text_clear(&s->out);
    return e;
}

/* ---- a session ---- */

static const char *schema_of(const struct detail_pg *p) { return *p->conf->schema ? p->conf->schema : "public"; }

static enum err enter_schema(struct detail_pg *p, struct fault *fault)
{
    bool              there;
    const char *const values[] = { schema_of(p) };
    enum err          e = detail_run(p, sql_detail_name_schema, 1, values, fault);
    if (e == OK)
        e = is_so(p, sql_detail_has_schema, 1, values, &there, fault);
    if (e == OK && !there)
        e = detail_run(p, sql_detail_make_schema, 0, NULL, fault);
    return e == OK ? detail_run(p, sql_detail_session, 1, values, fault) : e;
}

static enum err version_there(struct detail_pg *p, int *version, struct fault *fault)
{
    bool      there;
    PGresult *r CLEANUP(pg_result_clear) = NULL;
    enum err  e = is_so(p, sql_detail_has_migrations, 0, NULL, &there, fault);
    *version = 0;
    if (e != OK || !there)
        return e;
    e = detail_ask(p, sql_detail_version, 0, NULL, &r, fault);
    if (e == OK && pg_cell(r, 0, 0))
        *version = atoi(pg_cell(r, 0, 0));
    return e;
}

/* In a transaction; somebody else may have done it while we waited for the lock. */
static enum err migrate_locked(struct detail_pg *p, struct fault *fault)
{
    char     number[16], most_ms[16];
    int      version = 0;
    (void)snprintf(number, sizeof number, "%d", VERSION);
    (void)snprintf(most_ms, sizeof most_ms, "%d", MIGRATE_MS);
    enum err e = detail_run(p, sql_detail_lock, 1, (const char *const[]){ most_ms }, fault);
    if (e == OK)
        e = version_there(p, &version, fault);
    if (e != OK || version >= VERSION)
        return e;
    e = detail_run(p, sql_detail_migrations_table, 0, NULL, fault);
    for (size_t i = 0; e == OK && i < detail_migration_statement_count; i++)
        e = detail_run(p, detail_migration_statements[i].text, 0, NULL, fault);
    if (e == OK && version == 0)
        e = detail_run(p, sql_detail_again, 0, NULL, fault);
    return e == OK ? detail_run(p, sql_detail_migrated, 1, (const char *const[]){ number }, fault) : fail_in(fault, "making the tables of layout detail");
}

/* After a fault the session is closed by who called, and with it the transaction. */
static enum err migrate(struct detail_pg *p, struct fault *fault)
{
    int      version = 0;
    enum err e = version_there(p, &version, fault);
    if (e != OK || version >= VERSION)
        return e;
    p->migrates = true;
    e = detail_run(p, sql_detail_begin, 0, NULL, fault);
    if (e == OK)
        e = migrate_locked(p, fault);
    if (e == OK)
        e = detail_run(p, sql_detail_commit, 0, NULL, fault);
    p->migrates = false;
    return e;
}

static enum err take_name(struct detail_pg *p, struct fault *fault)
{
    bool     ours;
    enum err e = is_so(p, sql_detail_own, 1, (const char *const[]){ p->origin }, &ours, fault);
    if (e != OK || ours)
        return e;
    (void)fail(fault, ERR_BUSY, "somebody else writes there as origin %.80s", p->origin);
    fail_hint(fault, "two Homeostats that write into one schema each need an `origin` of their own");
    return ERR_BUSY;
}

enum err detail_connect(struct detail_pg *p, struct fault *fault)
{
    if (p->link && pg_link_alive(p->link))
        return OK;
    detail_hang_up(p);
    int64_t             most_us = p->conf->timeout_us < CONNECT_MOST_US ? p->conf->timeout_us : CONNECT_MOST_US;
    struct pg_link_conf c = { .dsn = p->conf->dsn, .passfile = *p->conf->password.path ? p->conf->password.path : NULL, .application_name = "homeostat detail",
        .connect_timeout_ms = (int)(most_us / US_PER_MS), .statement_timeout_ms = (int)(p->conf->timeout_us / US_PER_MS), .lock_timeout_ms = SESSION_LOCK_MS, .keepalives = true,
        .give_up = give_up, .give_up_ctx = p, .warned = &p->warned };
    enum err e = pg_link_open(&c, deadline_of(p), &p->link, fault);
    if (e != OK)
        return e;
    e = enter_schema(p, fault);
    if (e == OK)
        e = migrate(p, fault);
    if (e == OK)
        e = take_name(p, fault);
    if (e == OK)
        e = detail_run(p, sql_detail_stages, 0, NULL, fault);
    if (e == OK)
        e = detail_run(p, sql_detail_policies, 4, (const char *const[]){ p->keep_metrics, p->keep_calls, p->keep_logs, p->pack }, fault);
    if (e != OK)
        detail_hang_up(p);
    return e;
}

/* ---- now and then ---- */

static enum err take_care(struct detail_pg *p, struct fault *fault)
{
    char              now[24];
    const char *const facts[] = { p->keep_metrics, p->keep_calls, p->keep_logs, now }, *const events[] = { p->keep_calls, now };
    const char *const locators[] = { p->origin_id, p->keep_logs, now }, *const runs[] = { p->origin_id, p->keep_runs, now };
    enum err          e = detail_connect(p, fault);
    (void)snprintf(now, sizeof now, "%" PRId64, clock_wall_us(&clock_real) / US_PER_S);
    if (e == OK)
        e = migrate(p, fault);
    if (e == OK)
        e = detail_run(p, sql_detail_care_ahead, 0, NULL, fault);
    if (e == OK)
        e = detail_run(p, sql_detail_care_drop, 4, facts, fault);
    if (e == OK && *p->origin_id)
        e = detail_run(p, sql_detail_care_locators, 3, locators, fault);
    if (e == OK && *p->origin_id)
        e = detail_run(p, sql_detail_care_patterns, 3, locators, fault);
    if (e == OK && *p->origin_id)
        e = detail_run(p, sql_detail_care_runs, 3, runs, fault);
    return e == OK ? detail_run(p, sql_detail_care_events, 2, events, fault) : e;
}

enum err detail_pg_care(struct detail_pg *p, struct fault *fault)
{
    enum err e = take_care(p, fault);
    if (e != OK)
        detail_hang_up(p);
    return e;
}

/* ---- open and close ---- */

static void put_days(char out[24], int64_t set_us, int days)
{
    (void)snprintf(out, 24, "%" PRId64, set_us ? set_us / US_PER_S : (int64_t)days * DAY_S);
}

enum err detail_pg_new(const struct sink_conf *conf, struct detail_pg **out, struct fault *fault)
{
    struct detail_pg *p = calloc(1, sizeof *p);
    if (!p)
        return fail(fault, ERR_LIMIT, "no memory for sink %s", conf->name);
    p->conf = conf;
    p->warned.who = conf->name;
    if (*conf->origin)
        (void)text_copy(p->origin, sizeof p->origin, conf->origin);
    else if (gethostname(p->origin, sizeof p->origin - 1) != 0 || !*p->origin)
        (void)text_copy(p->origin, sizeof p->origin, "homeostat");
    put_days(p->keep_metrics, conf->keep_us, 180);
    put_days(p->keep_calls, conf->keep_us, 365);
    put_days(p->keep_logs, conf->keep_us, 180);
    put_days(p->keep_runs, conf->keep_us, 30);
    put_days(p->pack, conf->pack_after_us, 7);
    for (int i = 0; i < STAGES; i++)
        detail_rows_init(&p->stage[i], (size_t)conf->batch_bytes + ROW_MAX);
    *out = p;
    return OK;
}

void detail_pg_free(struct detail_pg *p)
{
    if (!p)
        return;
    detail_hang_up(p);
    for (int i = 0; i < STAGES; i++)
        detail_rows_done(&p->stage[i]);
    free(p);
}

void detail_pg_cancel(struct detail_pg *p) { atomic_store(&p->cancelled, true); }

const char *detail_pg_origin(const struct detail_pg *p) { return p->origin; }
