/*
 * model/index.h - an index that could be built, and the steps that carry one.
 *
 * postgres.index carries
 *   { "target": "main", "do": "create" | "drop", "schema": "public", "table": "orders", "name": "homeostat_orders_customer_id_1f2e3d4c",
 *     "columns": ["customer_id", "placed desc"], "include": ["total"], "bytes": 12345678, "table_bytes": 98765432, "lock_timeout_s": 60 }
 * and postgres.analyze
 *   { "target": "main", "schema": "public", "table": "orders", "columns": ["customer_id"] }     (no columns: all of them)
 *
 * No SQL travels in a step, only names; whoever says them quotes them.  The name of an index of ours ends in the digest of
 * what it is, so that a leftover of a build that failed can be told from somebody else's index.
 */
#ifndef MODEL_INDEX_H
#define MODEL_INDEX_H

#include "base/err.h"
#include "base/text.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum { INDEX_NAME_SIZE = 64 /* PostgreSQL's own bound */, INDEX_COLUMNS_MAX = 8, INDEX_INCLUDE_MAX = 8, INDEX_LOCK_DEFAULT_S = 60, INDEX_LOCK_MAX_S = 3600, INDEX_COMMENT_SIZE = 160 };

struct index_column { char name[INDEX_NAME_SIZE]; bool descending; };

struct index_def {
    char   schema[INDEX_NAME_SIZE], table[INDEX_NAME_SIZE], name[INDEX_NAME_SIZE];
    int    columns, includes;
    struct index_column column[INDEX_COLUMNS_MAX];
    char   include[INDEX_INCLUDE_MAX][INDEX_NAME_SIZE];
};

struct index_step {
    struct index_def def;
    bool             drop;
    double           bytes, table_bytes;    /* as the plan believes; NAN: it does not say */
    int              lock_timeout_s;
};

struct analyze_step {
    char schema[INDEX_NAME_SIZE], table[INDEX_NAME_SIZE];
    int  columns;
    char column[INDEX_COLUMNS_MAX][INDEX_NAME_SIZE];
};

/* Gives the definition its name: homeostat_<table>_<columns>_<eight digits>. */
void index_name_make(struct index_def *d);
/* Made by index_name_make() for exactly this definition? */
bool index_name_fits(const struct index_def *d);
/* Looks like one of ours; what it is on has to be looked at. */
bool index_name_is_ours(const char *name);
/* What is written on an index of ours: "built by Homeostat at 2026-01-31T23:59:59.123Z, action 7". When an index was built, the server does not say. */
void    index_comment_write(int64_t built_us, const char *action, char out[INDEX_COMMENT_SIZE]);
int64_t index_comment_time(const char *comment);   /* 0: it does not say */
/* The same columns in the same order, whatever the name. */
bool index_def_same(const struct index_def *a, const struct index_def *b);

MUST_CHECK enum err index_step_parse(const json_t *params, struct index_step *s, struct fault *fault);
MUST_CHECK enum err analyze_step_parse(const json_t *params, struct analyze_step *s, struct fault *fault);
/* The whole step, as a plan holds it. NULL without memory. */
json_t *index_step_json(const struct index_step *s, const char *target, int timeout_s);
json_t *analyze_step_json(const struct analyze_step *s, const char *target, int timeout_s);

/* An identifier, quoted as PostgreSQL wants it, whatever is in it. */
void sql_identifier(struct text *out, const char *name);
/* "CREATE INDEX CONCURRENTLY ..." and the like; no semicolon. */
void index_create_sql(const struct index_def *d, struct text *out);
void index_drop_sql(const struct index_def *d, struct text *out);
void analyze_sql(const struct analyze_step *s, struct text *out);

/* What a B-tree of so many rows takes, with keys and included columns of that width together. NAN when something is unknown. */
double index_bytes_estimate(double rows, double width);

#endif
