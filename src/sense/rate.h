/*
 * sense/rate.h - counters into rates, and the ways in which counters lie: reset, restart, wrap, gaps.
 */
#ifndef SENSE_RATE_H
#define SENSE_RATE_H

#include <stdbool.h>
#include <stdint.h>

/* A pause longer than a rate's gap makes the next difference a mean over too long: it is unknown, and counting starts anew. */
#define RATE_GAP_LEAST_US INT64_C(15000000)

/* The gap for readings that are this far apart: a few may fail. */
static inline int64_t rate_gap_us(int interval_ms)
{
    int64_t three = interval_ms * INT64_C(3000);
    return three > RATE_GAP_LEAST_US ? three : RATE_GAP_LEAST_US;
}

struct rate { double last; int64_t at_us; bool known; };

/* Per second since the last known value. NAN: the first value, an unknown value, a counter that went back, a gap. */
double rate_next(struct rate *r, double value, int64_t mono_us, int64_t gap_us);
/* The same for a kernel counter of that many bits which is known to wrap around. */
double rate_next_wrapping(struct rate *r, double value, int64_t mono_us, int64_t gap_us, int bits);
void   rate_forget(struct rate *r);

#endif
