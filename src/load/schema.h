/*
 * load/schema.h - the tables of a benchmark: making them, their keys, and recognising our own.
 *
 * The comment on one table is our mark.  It says "loading" from the moment the
 * tables exist, and what a run must know once the load is complete.  Tables
 * without the mark belong to somebody else and are never dropped.
 *
 * TPC-C's nine tables lie wherever the search path says, TPC-H's eight in a
 * schema of their own: both have a customer and orders.
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
    int64_t seed;
    int     warehouses;    /* TPC-C */
    int     last_name;     /* TPC-C: NURand's constant for last names at load */
    double  scale;         /* TPC-H: the scale factor */
};

#define LOAD_MARK_SIZE 120

/* What differs between the benchmarks. */
struct load_layout {
    const char         *name, *hint;                  /* "TPC-C"; the command that makes the tables */
    int                 tables;
    const char         *find, *create, *drop, *foreign_keys, *analyze, *read_mark, *write_mark;   /* statements */
    const char *const  *keys;                         /* DDL statements that may run side by side, in any order, after the rows */
    size_t              key_count, primary_count;     /* the first primary_count of them are primary keys */
    void              (*print)(const struct load_mark *m, char out[LOAD_MARK_SIZE]);
    bool              (*read)(const char *text, struct load_mark *m);
};
extern const struct load_layout load_layout_tpcc, load_layout_tpch;

void load_mark_print(const struct load_layout *l, const struct load_mark *m, char out[LOAD_MARK_SIZE]);
bool load_mark_read(const struct load_layout *l, const char *text, struct load_mark *m);   /* false when it is not ours */

/* Whether a schema's name needs no quotes: small letters, digits and _, at most 63, no digit in front, not pg_... */
MUST_CHECK enum err load_schema_name_check(const char *name, struct fault *fault);
/* The schema comes first in this connection's search path; create: it is made if it is missing. */
MUST_CHECK enum err load_schema_enter(PGconn *conn, const char *schema, bool create, struct fault *fault);

/* Make the tables. ERR_STATE when any is there, unless force and they are ours. */
MUST_CHECK enum err load_schema_create(PGconn *conn, const struct load_layout *l, bool force, struct fault *fault);

/* After rows and keys. */
MUST_CHECK enum err load_schema_finish(PGconn *conn, const struct load_layout *l, bool foreign_keys, const struct load_mark *mark, struct fault *fault);

/* What is loaded. ERR_MISSING with a hint when there is no complete load. */
MUST_CHECK enum err load_schema_inspect(PGconn *conn, const struct load_layout *l, struct load_mark *mark, struct fault *fault);

#endif
