/*
 * plan/index.h - which indexes could help the statements that cost most, and what each would cost itself.  Pure.
 *
 *     n = index_draw(&survey, list);           candidates from plans, with their queries
 *     ... cost_after is filled in by hypothetical indexes, where the server has them ...
 *     n = index_score(&survey, list, n);       what is worth telling, the best first
 *
 * Drawing goes by the plans, not by the text of statements: what is compared for equality comes first, then one range or the
 * order wanted; what joins asks for is tried as an equality; what an index covers already is left out, and what is a prefix
 * of another candidate becomes part of it.
 *
 * Without hypothetical indexes there is no benefit, only the time of the statements concerned as a bound: such a candidate
 * is a suggestion to look at, and says so.
 */
#ifndef PLAN_INDEX_H
#define PLAN_INDEX_H

#include "model/survey.h"

/* How one statement uses one table, as its plan shows it. Columns are numbers within the table. */
enum { USES_MAX = 12, USE_COLUMNS_MAX = 12, USE_NEEDS_MAX = 64 };
struct table_use {
    int    table;
    char   alias[INDEX_NAME_SIZE];
    int    equals, equal[USE_COLUMNS_MAX];       /* col = something known beforehand, col = ANY (...), col IS NULL */
    int    singles, single[USE_COLUMNS_MAX];     /* those of them that are equal to one value: not to any of a list, and not NULL */
    int    ranges, range[USE_COLUMNS_MAX];       /* col < something */
    int    joins, join[USE_COLUMNS_MAX];         /* col = a column of another table */
    int    orders, order[USE_COLUMNS_MAX];       /* rows are wanted in this order */
    bool   order_descending[USE_COLUMNS_MAX];
    int    needs, need[USE_NEEDS_MAX];           /* every column that is looked at */
    bool   needs_all;                            /* more than can be told */
    bool   scans_whole;                          /* a sequential scan: what an index would replace */
    bool   guessed;                              /* there is a range, a list, or a condition that is not understood: without its values the server can only guess how many rows it leaves */
    double rows;                                 /* that the scan is expected to give */
};

/* The uses in a query's plan; the deepest first. */
int index_read(const struct survey *s, const struct survey_query *q, struct table_use uses[USES_MAX]);

/* At most CANDIDATES_MAX, and CANDIDATES_OF_QUERY_MAX new ones for each statement; returns how many. */
int index_draw(const struct survey *s, struct index_candidate *list);
int index_score(const struct survey *s, struct index_candidate *list, int n);

/*
 * The heaviest statement whose plan is wrong about its rows by a factor of ten or more while it compares several columns of
 * one table for equality, and nothing else: candidates for extended statistics.  Returns how many.
 */
struct misjudged { int query, table, columns, column[4]; double expected, actual; };
int index_misjudged(const struct survey *s, struct misjudged *list, int max);

/* Is there a usable index that begins with these columns in this order? Returns it, or -1. */
int index_covering(const struct survey *s, int table, const int *key, const bool *descending, int keys);

#endif
