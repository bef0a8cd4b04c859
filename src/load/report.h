/*
 * load/report.h - what a run prints, for people or as JSON: a line each second, each phase, each query of a test, and a summary.
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
    bool                       interrupted;   /* by a signal (the summary, a phase) */
    const struct load_reading *what;
};

/* Columns' names, once, for people. */
void load_report_head(const struct load_run *run, FILE *out);
void load_report_second(const struct load_run *run, const struct load_interval *i, FILE *out);
void load_report_summary(const struct load_run *run, const struct load_interval *i, FILE *out);

/* A phase of the schedule that is over; i->seconds is how long it really took. */
void load_report_phase(const struct load_run *run, struct load_moment m, const struct load_interval *i, FILE *out);

/* A query of a test has its answer, or none. Streams call this, each from its thread. */
void load_report_query(struct load_run *run, const struct load_result *r);
void load_report_test(const struct load_run *run, const struct load_score *s, bool interrupted, FILE *out);

/* The shares in force right now, and the phase's name; NULL without a schedule. */
json_t *load_report_schedule(const struct load_run *run);

/* Whether a run counts latencies of this class. */
bool load_report_counts(const struct load_run *run, int class);

/* Sparse buckets as [[upper_us, count], ...], also for the endpoint; neighbours: how many lie in one, 8 makes them 6 % wide. */
json_t *load_report_buckets(const struct load_histogram *h, size_t neighbours);

#endif
