/*
 * load/pace.h - open loop: when transactions are due, whether or not anybody has time for them.
 *
 * Arrivals are a Poisson process of a given rate, drawn from a seed, independent of
 * how fast the database answers.  Whoever is free takes the oldest arrival that is due,
 * or books the next one and waits for its time; latency is counted from the arrival, so
 * that time spent in the queue shows.  The queue is bounded: an arrival that finds it
 * full is dropped and counted.
 *
 * The rate may vary: arrivals are drawn at the full rate, and each is kept with the
 * chance that `share` has at its time (thinning; Lewis and Shedler, 1979).  A time in
 * which none is kept is passed over at once.
 *
 * One that is all zeros has not begun: nothing arrives, wherever its end is moved.
 *
 * Pure: time is passed in and must not go back.  Not for several threads without a lock.
 */
#ifndef LOAD_PACE_H
#define LOAD_PACE_H

#include "base/err.h"
#include "base/rand.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* 0 to 1. *until_us comes in as 0; where the share is 0, it may become a moment until which that surely stays so. */
typedef double load_pace_share(const void *ctx, int64_t us, int64_t *until_us);

struct load_pace {
    struct rand rand;
    double      mean_gap_us;
    load_pace_share *share;        /* NULL: always 1 */
    const void *ctx;
    double      next_us;           /* the next arrival; a double, so that roundings do not add up */
    int64_t     end_us;            /* no arrivals from here on; INT64_MAX: for ever */
    int64_t    *due;               /* a ring of arrivals whose time has come, oldest first */
    size_t      head, count, bound;
    uint64_t    arrivals, dropped; /* so far; arrivals include the dropped, but not what is booked */
};

MUST_CHECK enum err load_pace_init(struct load_pace *p, double per_second, size_t bound, uint64_t seed, int64_t start_us, struct fault *fault);
/* The same with a rate that varies: per_second times share(ctx, time). There are no arrivals from end_us on; when share stays 0, it must not be INT64_MAX. */
MUST_CHECK enum err load_pace_init_varying(struct load_pace *p, double per_second, load_pace_share *share, const void *ctx, int64_t end_us,
                                           size_t bound, uint64_t seed, int64_t start_us, struct fault *fault);
void load_pace_done(struct load_pace *p);

/* No arrivals at or after end_us, which must not be earlier than the time already passed in. */
void load_pace_end(struct load_pace *p, int64_t end_us);

/* Let time pass: arrivals up to now_us join the queue or are dropped. Returns the queue's length. */
size_t load_pace_advance(struct load_pace *p, int64_t now_us);

/* Take the oldest due arrival (*booked is false), or else book the next one, which is in the future. False when there will be none. */
bool load_pace_take(struct load_pace *p, int64_t now_us, int64_t *arrival_us, bool *booked);

/* A booked arrival's time has come. False when the end was moved before it: then it never happened. */
bool load_pace_arrive(struct load_pace *p, int64_t arrival_us);

#endif
