/*
 * link/pg.h - connections to PostgreSQL: said safely, bounded in time, and clear when they fail.
 *
 * Two ways in.  Blocking, for the act worker and the command line:
 *
 *     struct pg_link *l = NULL;
 *     if (pg_link_open(&conf, clock_mono_us(&clock_real) + 5 * US_PER_S, &l, fault) == OK) ...
 *     PGresult *r CLEANUP(pg_result_clear) = NULL;
 *     pg_link_query(l, "select $1::int + 1", 1, (const char *[]){ "41" }, deadline_us, &r, fault);
 *
 * Asynchronous, for an event loop:
 *
 *     struct pg_params p;
 *     pg_params_init(&p, &conf, fault);             (keyword and value arrays for PQconnectStartParams)
 *     PGconn *c = pg_params_start(&p, fault);       (the same with readable errors switched on)
 *     ... PQconnectPoll ...  PGRES_POLLING_FAILED: pg_fault_connect(c, fault)
 *     PGRES_POLLING_OK:      pg_check_server(c, fault), then queries; a bad result: pg_fault_result(c, r, "what", fault)
 *
 * Deadlines are points on the monotonic clock, in microseconds.  A name that must be looked up blocks in getaddrinfo
 * for as long as the resolver likes; everything after that keeps to the deadline.
 *
 * What the codes mean here (so that callers can decide without reading text):
 *     ERR_INPUT    the conninfo is malformed, or carries a password
 *     ERR_IO       nobody answers there, or the connection was lost
 *     ERR_BUSY     it answers, but not now: starting up, shutting down, too many connections, lock not available
 *     ERR_DENIED   password, pg_hba.conf or a missing privilege
 *     ERR_MISSING  no such database, role, table or parameter
 *     ERR_STATE    not a PostgreSQL that we can work with (older than 14, or read-only)
 *     ERR_TIMEOUT  the deadline or statement_timeout passed; whether a statement took effect must be read back
 */
#ifndef LINK_PG_H
#define LINK_PG_H

#include "base/err.h"

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PG_VERSION_LEAST = 140000, PG_PARAMS_MAX = 64, PG_QUERY_PARAMS_MAX = 16 };

/* Warnings of the server, each logged that is not the one before; across sessions, therefore the caller's. */
struct pg_warned { const char *who; char last[160]; };

/* Borrowed texts; NULL or 0 means: leave it to libpq and the server. */
struct pg_link_conf {
    const char *dsn;                 /* "host=... dbname=..." or a postgresql:// URI; a password in it is refused */
    const char *passfile;            /* where the password is; libpq's own default is ~/.pgpass */
    const char *application_name;    /* NULL: "homeostat" */
    int         connect_timeout_ms;
    int         statement_timeout_ms;
    int         lock_timeout_ms;
    bool        keepalives;          /* notice within about 25 s that the other side has gone */
    bool        only_catalog;        /* names without a schema mean the server's own, whatever somebody has put into a schema of the role's path */
    bool      (*give_up)(void *ctx); /* NULL, or as pg_link_watch() has it: from the first moment of connecting on */
    void       *give_up_ctx;
    struct pg_warned *warned;        /* must outlive the link; NULL: warnings are not told (libpq would print them) */
};

/* ---- conninfo ---- */

struct pg_params {
    const char *keyword[PG_PARAMS_MAX + 1], *value[PG_PARAMS_MAX + 1];   /* NULL-terminated; owned */
    int         count;
};

MUST_CHECK enum err pg_params_init(struct pg_params *p, const struct pg_link_conf *conf, struct fault *fault);
void                pg_params_done(struct pg_params *p);
const char         *pg_params_get(const struct pg_params *p, const char *keyword);   /* NULL: not set */

/* PQconnectStartParams with errors that carry their SQLSTATE. NULL only when out of memory or malformed; then fault is filled. */
PGconn             *pg_params_start(const struct pg_params *p, struct fault *fault);

/* ---- errors ---- */

/* Why the connection could not be made. Never OK. Never echoes a password. */
enum err            pg_fault_connect(PGconn *c, struct fault *fault);
/* Why the query failed; what is the thing we were about to do ("read pg_settings"). r may be NULL. Never OK. */
enum err            pg_fault_result(PGconn *c, const PGresult *r, const char *what, struct fault *fault);
/* Refuses what is too old to work with. */
MUST_CHECK enum err pg_check_server(PGconn *c, struct fault *fault);

/* ---- blocking, with deadlines ---- */

struct pg_link;

MUST_CHECK enum err pg_link_open(const struct pg_link_conf *conf, int64_t deadline_us, struct pg_link **link, struct fault *fault);
void                pg_link_close(struct pg_link *l);           /* NULL is fine */
bool                pg_link_alive(const struct pg_link *l);     /* false once a connection was lost or given up */
PGconn             *pg_link_conn(struct pg_link *l);
int                 pg_link_version(const struct pg_link *l);   /* 150018 */

/* One statement with text parameters. *result is NULL unless OK; the caller clears it. n <= PG_QUERY_PARAMS_MAX. */
MUST_CHECK enum err pg_link_query(struct pg_link *l, const char *sql, int n, const char *const *values, int64_t deadline_us,
                                  PGresult **result, struct fault *fault);
/* The same for a statement whose answer does not matter. */
MUST_CHECK enum err pg_link_run(struct pg_link *l, const char *sql, int64_t deadline_us, struct fault *fault);

/* COPY ... FROM STDIN: sql, then the data as it lies. */
MUST_CHECK enum err pg_link_copy(struct pg_link *l, const char *sql, const char *data, size_t n, int64_t deadline_us, struct fault *fault);
/* Which SQLSTATE the last statement failed with; "" when no server said one, or it did not fail. */
const char         *pg_link_state(const struct pg_link *l);
/* Whether the server named a table with it, and neither a column nor a constraint of it: as when no partition takes a row. */
bool                pg_link_of_table(const struct pg_link *l);

void pg_result_clear(PGresult **r);                             /* for CLEANUP() */

/* While it is set, a statement that is waited for is given up (ERR_TIMEOUT) when give_up says so; asked a few times a second. NULL: not. */
void pg_link_watch(struct pg_link *l, bool (*give_up)(void *ctx), void *ctx);

/* A cell as text; NULL when it is NULL or not there (PQgetvalue cannot tell the two from ''). */
const char *pg_cell(const PGresult *r, int row, int column);

#endif
