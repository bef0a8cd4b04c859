/*
 * sense/statements.h - pg_stat_statements over time: counters per statement that only go up, and latencies estimated from them.
 *
 * The server keeps sums since its last reset and forgets rare statements when its table is full.  Here the heaviest
 * STATEMENTS_FOLLOWED are followed one by one and all others together under id 0; what is handed out is what was added
 * since we began to look, so that a difference between two samples is right whoever came or went in between - but for the
 * rest, where statements were forgotten: what they had counted is missing in the sum, and `forgotten` says that it is.
 *
 * The estimate: within one statement times are taken to be lognormal with the mean and the standard deviation that the
 * server reports for the interval; percentiles are those of the mixture over all statements, by calls.  The mean is exact.
 * It is an estimate (LATENCY_ESTIMATED = 1): a statement with two kinds of callers is not lognormal, and statements are not
 * transactions.
 */
#ifndef SENSE_STATEMENTS_H
#define SENSE_STATEMENTS_H

#include "model/sample.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { STATEMENTS_FOLLOWED = QUERIES_MAX - 1, STATEMENT_ROWS_MAX = 2 * STATEMENTS_FOLLOWED + 1 };

/* One row of sense_statements. id 0: the sum over all. */
struct statement_row {
    int64_t id;
    double  calls, total_ms, rows, square;   /* square: sum of squared times */
    bool    top;
};

struct statement_sum { double calls, total_ms, rows, square; };

struct statement_slot {
    int64_t id;
    bool    top, fresh;                      /* fresh: began to be followed with the last reading */
    struct statement_sum raw, added, last;   /* as the server said; since we follow; in the last interval */
};

struct statements {
    bool    known;                           /* there was a reading before */
    int64_t reset_us, dealloc;
    int64_t forgotten;                       /* how often */
    int64_t at_us;
    int     followed;
    struct statement_slot slot[STATEMENTS_FOLLOWED];
    struct statement_slot all;               /* the sum over everything */
    struct statement_sum  rest_added, rest_last;
    double  interval_s;                      /* of `last`; 0: there is none (first reading, reset) */
    bool    was_reset;                       /* with the last reading */
};

void statements_forget(struct statements *s);
/* A reading, with the server's time of the last reset, how often it made room, and our monotonic time. */
void statements_take(struct statements *s, const struct statement_row *rows, int n, int64_t reset_us, int64_t dealloc, int64_t at_us);
/* Queries and CALLS; with estimate also LATENCY_*. */
void statements_fill(const struct statements *s, bool estimate, struct sample *out);
/* "{1,2,3}": the ids that are followed. */
void statements_ids(const struct statements *s, char *out, size_t size);

/* The quantile in ms of a mixture of lognormals: weights, means and variances of n parts. NAN when there is nothing. */
double mixture_quantile(int n, const double *weight, const double *mean, const double *variance, double q);

#endif
