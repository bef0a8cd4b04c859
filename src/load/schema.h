/*
 * load/schema.h - the nine tables: making them, their keys, and recognising our own.
 *
 * The comment on the customer table is our mark.  It says "loading" from the
 * moment the tables exist, and what a run must know once the load is complete.
 * Tables without the mark belong to somebody else and are never dropped.
 */
#ifndef LOAD_SCHEMA_H
#define LOAD_SCHEMA_H

#include "base/err.h"

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct load_mark {
    bool    complete;
    int     warehouses;
    int     last_name;     /* NURand's constant for last names at load */
    int64_t seed;
};

#define LOAD_MARK_SIZE 120
void load_mark_print(const struct load_mark *m, char out[LOAD_MARK_SIZE]);
bool load_mark_read(const char *text, struct load_mark *m);   /* false when it is not ours */

/* Make the tables. ERR_STATE when any is there, unless force and they are ours. */
MUST_CHECK enum err load_schema_create(PGconn *conn, bool force, struct fault *fault);

/* After the rows: keys and indexes are DDL statements that may run side by side, in any order. */
size_t      load_schema_key_count(void);
const char *load_schema_key(size_t i);

MUST_CHECK enum err load_schema_finish(PGconn *conn, bool foreign_keys, const struct load_mark *mark, struct fault *fault);

/* What is loaded. ERR_MISSING with a hint when there is no complete load. */
MUST_CHECK enum err load_schema_inspect(PGconn *conn, struct load_mark *mark, struct fault *fault);

#endif
