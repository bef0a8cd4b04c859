/*
 * sense/rate.h - counters into rates, and the ways in which counters lie: reset, restart, wrap, gaps.
 */
#ifndef SENSE_RATE_H
#define SENSE_RATE_H

#include <stdbool.h>
#include <stdint.h>

/* A pause longer than this makes the next difference a mean over too long: it is unknown, and counting starts anew. */
#define RATE_GAP_MAX_US INT64_C(15000000)

struct rate { double last; int64_t at_us; bool known; };

/* Per second since the last known value. NAN: the first value, an unknown value, a counter that went back, a gap. */
double rate_next(struct rate *r, double value, int64_t mono_us);
/* The same for a kernel counter of that many bits which is known to wrap around. */
double rate_next_wrapping(struct rate *r, double value, int64_t mono_us, int bits);
void   rate_forget(struct rate *r);

#endif
