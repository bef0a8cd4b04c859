/*
 * sense/line.h - one connection to PostgreSQL that lives on the loop: connects, comes back, never blocks, never hangs.
 *
 * Up to LINE_ITEMS_MAX statements are asked at once, in one round trip (a pipeline, each item a transaction of its own, so
 * that one that fails takes nothing with it).  Each is prepared the first time it is used on a connection.  Host names are
 * looked up on libuv's threads before libpq sees them.
 *
 *     line_new(loop, &conf, &calls, &line, fault)
 *     on_open                         ready: line_send() now and again
 *     line_send(line, items, n, ms)   then on_answer for each item that was answered, in order, then on_end once
 *     on_lost                         closed, refused or given up; the line tries again by itself
 *
 * A connection that owes an answer for LINE_GRACE_MS after the limit is given up: the server, or the way to it, is frozen.
 * Callbacks must not call line_free.
 */
#ifndef SENSE_LINE_H
#define SENSE_LINE_H

#include "base/err.h"
#include "link/pg.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

enum { LINE_ITEMS_MAX = 16, LINE_GRACE_MS = 2000, LINE_ADDRESSES_MAX = 16 };

struct line;

struct line_item {
    const char        *name;             /* of the prepared statement; a constant */
    const char        *sql;
    int                n;                /* parameters */
    const char *const *values;           /* copied by libpq before line_send returns */
};

enum line_end { LINE_ANSWERED, LINE_LATE, LINE_BROKEN };

struct line_conf {
    struct pg_link_conf pg;              /* borrowed while line_new runs */
    int      connect_limit_ms;
    int      backoff_min_ms, backoff_max_ms;
    uint64_t seed;
};

struct line_calls {
    void (*on_open)(void *ctx);
    void (*on_lost)(void *ctx, bool was_open, const struct fault *why);
    void (*on_answer)(void *ctx, int item, const PGresult *r);      /* r may be an error: look at its status */
    void (*on_end)(void *ctx, enum line_end how);
    void *ctx;
};

MUST_CHECK enum err line_new(uv_loop_t *loop, const struct line_conf *conf, const struct line_calls *calls, struct line **line, struct fault *fault);
void line_free(struct line *l);                      /* no callbacks from here on; memory goes with the loop's close callbacks */

bool    line_is_open(const struct line *l);          /* connected, and nothing is owed: line_send may be called */
bool    line_is_busy(const struct line *l);
PGconn *line_conn(const struct line *l);             /* NULL when not connected */
void    line_send(struct line *l, const struct line_item *items, int n, int limit_ms);
void    line_drop(struct line *l, const struct fault *why);   /* close and connect anew (the session is of no use any more) */

#endif
