/*
 * load/report.h - what a run prints: a line each second and a summary, for people or as JSON.
 */
#ifndef LOAD_REPORT_H
#define LOAD_REPORT_H

#include "load/run.h"

#include <jansson.h>
#include <stdio.h>

struct load_interval {
    double                     elapsed_s;     /* since the clients were let go, at its end */
    double                     seconds;       /* how long it was */
    enum load_phase            phase;
    bool                       interrupted;   /* by a signal (the summary) */
    const struct load_reading *what;
};

/* Columns' names, once, for people. */
void load_report_head(const struct load_run *run, FILE *out);
void load_report_second(const struct load_run *run, const struct load_interval *i, FILE *out);
void load_report_summary(const struct load_run *run, const struct load_interval *i, FILE *out);

/* Sparse buckets as [[upper_us, count], ...], also for the endpoint. */
json_t *load_report_buckets(const struct load_histogram *h);

#endif
