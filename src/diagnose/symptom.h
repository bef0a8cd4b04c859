/*
 * diagnose/symptom.h - what the numbers of a database complain about. Pure.
 *
 * One table: a metric, a comparison, what it usually means.  A symptom is
 * evidence for a person and a hint for the planner, never a reason to act.
 */
#ifndef DIAGNOSE_SYMPTOM_H
#define DIAGNOSE_SYMPTOM_H

#include "base/text.h"
#include "model/sample.h"
#include "model/target.h"

enum { SYMPTOMS_MAX = 24 };

struct symptom {
    int         number;          /* stable */
    enum metric metric;
    double      value, usual;    /* the mean over the windows; the line that it crossed */
    const char *title;           /* constant */
    char        text[240];
};

/* Fills list with what applies, the strongest first; returns how many. What is unknown complains of nothing. */
int diagnose_symptoms(const struct window *windows, int n, const struct target_facts *facts, struct symptom *list, int max);

/* The table, for `homeostat map` and the docs. */
void diagnose_print(struct text *out);

#endif
