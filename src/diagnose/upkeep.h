/*
 * diagnose/upkeep.h - what a careful look at a database complains about: indexes that are broken, double or idle, and
 * statistics that mislead the planner of queries.  Pure; one table, numbered like the symptoms (diagnose/symptom.h).
 *
 * A finding is told.  Steps that a case could carry out come only with refreshing statistics, and with dropping an index that
 * we have built ourselves: a leftover, or one that says when it was built and has been idle since, for a day at least, on a
 * server without standbys - they count their own uses - and that no foreign key needs.
 */
#ifndef DIAGNOSE_UPKEEP_H
#define DIAGNOSE_UPKEEP_H

#include "model/survey.h"

/* A name of 63 bytes takes 128 in quotes, when all of them are quotes: the longest advice names a table twice and four columns. */
enum { FINDINGS_OF_KIND_MAX = 40, FINDINGS_MAX = 8 * FINDINGS_OF_KIND_MAX, FINDING_TEXT_SIZE = 800, FINDING_ADVICE_SIZE = 1600 };

struct finding {
    int         number;                       /* stable */
    const char *kind;                         /* "invalid index", ...: constant */
    char        subject[160];                 /* schema.name */
    char        text[FINDING_TEXT_SIZE];
    char        advice[FINDING_ADVICE_SIZE];  /* SQL, or a sentence; empty: none */
    double      weight;                       /* bytes or rows it is about: the heaviest of a kind come first */
    bool        refresh;                      /* an ANALYZE of `analyze` would mend it */
    struct analyze_step analyze;
    bool        drop;                         /* an index of ours that a case could drop */
    struct index_def ours;
    double      table_rows;
};

/*
 * Returns how many. What is unknown complains of nothing. Of a kind there are at most FINDINGS_OF_KIND_MAX, those of the largest tables, so
 * that a thousand unused indexes do not hide the table that was never analysed; *left_out, unless NULL: how many more there were.
 */
int diagnose_upkeep(const struct survey *s, struct finding *list, int max, int *left_out);

/* A statement whose plan expects ten times too many or too few rows, comparing several columns of one table for equality. */
struct correlation { int query, table, columns, column[4]; double expected, actual; };
void diagnose_correlation(const struct survey *s, const struct correlation *c, struct finding *f);

#endif
