/*
 * model/survey.h - what a careful look at one database found: its tables, columns, indexes and heaviest statements with
 * the plans they get.  Plain data in one arena; read by plan (indexes) and diagnose (upkeep), made by sense/survey.h.
 *
 * A number that could not be read is NAN.  Rates are means since the statistics began (stats_s).
 */
#ifndef MODEL_SURVEY_H
#define MODEL_SURVEY_H

#include "base/arena.h"
#include "model/index.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum { SURVEY_TABLES_MAX = 2000, SURVEY_COLUMNS_MAX = 40000, SURVEY_INDEXES_MAX = 8000, SURVEY_QUERIES_MAX = 60, SURVEY_KEYS_MAX = 32,
       SURVEY_TEXT_MAX = 8192, SURVEY_BYTES_MAX = 64 * 1024 * 1024 };

struct survey_column {
    const char *name, *type;
    bool        sortable;                 /* a B-tree can be built on it */
    bool        comparable;               /* by the server's own operators, in the order of its indexes */
    bool        varying;                  /* text or character varying, or a domain over one: an index does not tell them apart */
    bool        analyzed;
    double      n_distinct;               /* as pg_stats has it: below 0 a share of the rows; NAN unknown */
    double      correlation, null_frac, width;
    double      counted;                  /* different values, counted by hopping through an index; NAN: not counted */
    bool        counted_all;              /* false: there are at least so many */
};

struct survey_table {
    int64_t     oid;
    const char *schema, *name;
    char        kind;                     /* r, p, m */
    bool        ours;                     /* our role owns it: it could build an index */
    double      rows, live_rows, bytes;   /* rows as planned with; live as counted; the table alone */
    double      all_visible;              /* share of pages that an index-only scan need not visit */
    double      inserts, updates, hot_updates, deletes;   /* rows a second */
    double      seq_scans, seq_rows;      /* a second */
    double      modified;                 /* rows since the last ANALYZE */
    double      analyze_at;               /* modified rows at which autovacuum would come; NAN: it is switched off here */
    int64_t     analyzed_us;              /* wall; 0: never, as far as the statistics know */
    bool        held;                     /* somebody holds it exclusively: its indexes were not looked at */
    int         first_column, columns;
};

struct survey_index {
    int64_t     oid;
    int         table;
    const char *name, *definition;
    bool        unique, constraint, valid, special;   /* special: partial, on expressions, not a B-tree, or in an order of its own */
    bool        own_order;                /* an operator class, a collation or a place of nulls that the columns alone would not give it */
    bool        building;                 /* somebody is at it right now */
    bool        attached;                 /* a part of a partitioned index: it goes with that, and not alone */
    const char *foreign_key;              /* of its table, whose columns it begins with; NULL: none */
    int64_t     built_us;                 /* wall; of ours, as we wrote on them; 0: not known */
    int         keys, includes;
    int         key[SURVEY_KEYS_MAX];     /* columns of the table; keys first, then the included ones; -1: an expression */
    bool        descending[SURVEY_KEYS_MAX];
    const char *method, *condition;       /* condition NULL: none */
    double      scans, bytes;             /* scans since the statistics began */
};

struct survey_query {
    int64_t     id;
    const char *text;
    double      calls, total_ms, rows;    /* since the statistics of statements began */
    json_t     *plan;                     /* owned; the generic plan's node as EXPLAIN (VERBOSE, FORMAT JSON) has it; NULL: there is none */
    double      cost;                     /* of it; NAN */
    const char *why_not;                  /* when there is no plan */
};

struct survey {
    struct arena          arena;
    int64_t               taken_us;       /* wall */
    const char           *database, *role;
    int                   server_version;
    double                stats_s, statements_s;   /* how long the statistics of tables, on this server as a primary, and of statements have been counting; NAN */
    double                load_ms;        /* time of all statements since then; NAN */
    bool                  has_statements, has_hypopg;
    bool                  sees_all;       /* the statements of everybody, not only its own */
    bool                  superuser;      /* our role: what others declared immutable is evaluated with its rights */
    const char           *why_no_statements;   /* they did not answer; NULL: they did, or the extension is not there */
    bool                  cut;            /* there was more than the bounds allow */
    int                   standbys;
    int                   nested;         /* statements inside of functions, which are not looked at */
    int                   denied;         /* statements that have no plan because our role may not read their tables */
    int                   tables, columns, indexes, queries;
    struct survey_table  *table;
    struct survey_column *column;
    struct survey_index  *index;
    struct survey_query   query[SURVEY_QUERIES_MAX];
};

void survey_init(struct survey *s);
void survey_done(struct survey *s);

int survey_table_named(const struct survey *s, const char *schema, const char *name);       /* -1 */
int survey_column_named(const struct survey *s, int table, const char *name);               /* of the table, from 0; -1 */
static inline const struct survey_column *survey_column_of(const struct survey *s, int table, int column) { return &s->column[s->table[table].first_column + column]; }
/* How many different values: never less than 1; NAN when nothing is known. */
double survey_distinct(const struct survey *s, int table, int column);

/* ---- what is drawn from it ---- */

enum { CANDIDATES_MAX = 128, CANDIDATES_OF_QUERY_MAX = 16 /* one of many tables must not take the room of all others */, CANDIDATE_QUERIES_MAX = 16, CANDIDATE_WHY_SIZE = 400 };

struct candidate_query { int query; double cost_before, cost_after; };   /* after: NAN until judged */

struct index_candidate {
    int              table;
    struct index_def def;
    int              keys, includes, key[INDEX_COLUMNS_MAX + INDEX_INCLUDE_MAX];
    bool             descending[INDEX_COLUMNS_MAX];
    int              equal;               /* so many of the keys are compared for equality: their order is free */
    double           bytes;               /* estimated */
    int              queries;
    struct candidate_query query[CANDIDATE_QUERIES_MAX];
    bool             judged;              /* by hypothetical indexes */
    double           benefit_ms, overhead_ms;   /* a second; benefit NAN until judged */
    double           at_most_ms;          /* the time a second of the statements concerned: no index can save more */
    char             why[CANDIDATE_WHY_SIZE];
};

#endif
