/*
 * sense/postgres.h - one PostgreSQL, asked once a second without ever blocking the loop.
 *
 *     struct sense_pg *pg = sense_pg_new(loop, &conf, &callbacks, fault);
 *     each second: sense_pg_ask(pg);                   -> on_sample exactly once per ask, within limit_ms
 *     sense_pg_free(pg);                               (any time outside of a callback; on_* are not called any more)
 *
 * Two connections: a quick one for the reading of each second, and one for what may take long (facts, sizes).  Both come
 * back by themselves, with back-off and jitter.  All callbacks run on the loop's thread.
 *
 * What a failed reading means
 *   refused, starting up, shutting down           UP = 0, everything else unknown
 *   no answer within the limit, session lost      UP and everything else unknown (a frozen server is not a stopped one)
 *   answered, but refuses us (password, slots)    UP = 1, everything else unknown
 *   one statement failed (privilege, time)        its metrics are unknown, the others are there
 *
 * Counters are those of the whole server, all databases together, less our own transactions: parameters are the server's too.
 * DEAD_TUPLES is of the database we are connected to, for the server tells no more.
 */
#ifndef SENSE_POSTGRES_H
#define SENSE_POSTGRES_H

#include "base/err.h"
#include "link/pg.h"
#include "model/sample.h"
#include "model/target.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct sense_pg;

struct sense_pg_conf {
    const char *name;                /* of the target, for messages and facts */
    struct pg_link_conf pg;          /* dsn, passfile; limits and application name are set by the sensor */
    int  interval_ms;                /* how often it is asked; default 1000 */
    int  limit_ms;                   /* one reading; default 900 */
    int  slow_limit_ms;              /* one reading of facts or sizes; default 10000 */
    int  connect_limit_ms;           /* default 3000 */
    int  backoff_max_ms;             /* between attempts to connect; default 5000; the first comes after about 250 */
    int  statements_every_s;         /* pg_stat_statements; default 5, 0: never */
    int  sizes_every_s;              /* database size, dead tuples; default 60, 0: never */
    int  facts_every_s;              /* default 60 */
    bool estimate_latency;           /* fill LATENCY_* from pg_stat_statements (labelled as estimated) */
    uint64_t seed;                   /* of the jitter */
    const char *proc_root;           /* "" or NULL outside of tests: see host_new() */
};

/* What may be told about the target besides samples. */
enum sense_pg_event {
    SENSE_PG_UP,              /* answers again, or for the first time */
    SENSE_PG_DOWN,            /* does not; the fault says why. Once per outage, and again when the reason changes */
    SENSE_PG_RESTARTED,       /* another postmaster start time */
    SENSE_PG_RELOADED,        /* another pg_conf_load_time() */
    SENSE_PG_STANDBY,         /* it is in recovery: it must not be changed (also told after connecting to one) */
    SENSE_PG_PROMOTED,        /* it was a standby, or its timeline went up */
    SENSE_PG_REPLACED,        /* another system identifier at the same address: another database */
    SENSE_PG_STATS_RESET,     /* somebody reset statistics; rates begin anew */
    SENSE_PG_LACKS,           /* a privilege, extension or setting is missing; fault.hint says how to get it. Once per thing */
    SENSE_PG_SLOW             /* readings are late; told once per minute at most */
};
const char *sense_pg_event_name(enum sense_pg_event e);   /* "up", "down", ... */

struct sense_pg_callbacks {
    void (*on_sample)(void *ctx, const struct sample *s);
    void (*on_facts)(void *ctx, const struct target_facts *f);
    void (*on_state)(void *ctx, enum sense_pg_event e, const struct fault *what);
    void *ctx;
};

/* Does not wait for a connection. Fails on what can be seen without one: a malformed dsn, a password in it. */
MUST_CHECK enum err sense_pg_new(uv_loop_t *loop, const struct sense_pg_conf *conf, const struct sense_pg_callbacks *callbacks,
                                 struct sense_pg **pg, struct fault *fault);
/* Closes everything; memory goes when the loop has run the close callbacks. NULL is fine. */
void sense_pg_free(struct sense_pg *pg);

/* Start one reading; on_sample may be called from in here. When the one before is still under way nothing happens but counting. */
void sense_pg_ask(struct sense_pg *pg);
/* Read facts as soon as possible (for instance after a change); on_facts follows, or on_state says why not. */
void sense_pg_refresh_facts(struct sense_pg *pg);
/* Read pg_stat_statements with the next reading, whatever the interval says: a window needs both its ends. */
void sense_pg_want_statements(struct sense_pg *pg);

/* Counted since sense_pg_new. */
struct sense_pg_counts { uint64_t asked, answered, late, skipped, failed_statements, connects, losses; };
struct sense_pg_counts sense_pg_counts(const struct sense_pg *pg);

#endif
