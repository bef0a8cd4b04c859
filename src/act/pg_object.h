/*
 * act/pg_object.h - what the chapters on tables and indexes share.  For files in this room.
 *
 * One call is one struct pg_object: the session and the fence of a struct pg_work, and what is known of the table.
 */
#ifndef ACT_PG_OBJECT_H
#define ACT_PG_OBJECT_H

#include "act/pg.h"
#include "model/index.h"

enum { OBJECT_FENCE_WAIT_S = 5, OBJECT_LOOK_S = 20 };

struct pg_table {
    bool        found, ours, may_create;
    const char *oid, *kind, *persistence, *owner;   /* texts live in the work's arena */
    double      bytes, rows, modified;              /* rows: NAN when never analysed */
    int64_t     analyzes, analyzed_us, now_us;      /* analyzed_us 0: never, or not known any more */
};

/* Session (with the fence, when it is held), and the server as it should be: no standby, no pooler, as in the snapshot. */
MUST_CHECK enum err object_meet(struct pg_work *w, const json_t *snapshot, int64_t deadline_us, struct fault *fault);
/* The same, waiting for a server that is starting or a predecessor that still holds the advisory lock. */
MUST_CHECK enum err object_meet_again(struct pg_work *w, const json_t *snapshot, int64_t deadline_us, struct fault *fault);
MUST_CHECK enum err object_table(struct pg_work *w, const char *schema, const char *table, struct pg_table *t, struct fault *fault);
/* Are all named columns there? *width is what an index entry over them carries. */
MUST_CHECK enum err object_columns(struct pg_work *w, const char *schema, const char *table, const char *const *names, int n, double *width, struct fault *fault);
/* lock_timeout and statement_timeout of the session; and the server is to give up when we are not there any more. */
MUST_CHECK enum err object_patience(struct pg_work *w, int lock_s, struct fault *fault);
/* Run it, told in the output; a stop that comes meanwhile cancels it. */
MUST_CHECK enum err object_run(struct pg_work *w, const char *sql, struct fault *fault);
json_t *object_server_json(const struct pg_work *w);
/* {"a","b"} for a text[] parameter; in the work's arena. */
const char *object_array(struct pg_work *w, const char *const *names, int n);

#endif
