/*
 * digest/increase.h - what a point says that the one before it in its series did not: a value, a rate, or new counts in buckets.
 *
 * Pure but for the state of one series, which it moves on.  digest/metrics.h says what becomes of which kind.
 *
 * A delta that says when it began needs none before it, and may come in any order.  What a histogram says of its smallest and largest value
 * holds for all that it counts: it is used where all of that is new (a delta, after a reset), and otherwise it is left to the buckets.  When
 * the bounds of a cumulative histogram change and it goes on (its count and sum do), count and sum say what is new, and where it lies is
 * unknown: no bucket.  Where its sum does not go on the point is unusable, and the next one goes on from it: nothing is counted twice.
 */
#ifndef DIGEST_INCREASE_H
#define DIGEST_INCREASE_H

#include "digest/pack.h"
#include "event/event.h"

#include <stdbool.h>
#include <stdint.h>

enum { INCREASE_BUCKETS_MAX = 512 };

struct series_state {
    int64_t   last_ns, start_ns;      /* last_ns 0: nothing came yet, and what began before start_ns may be counted already */
    double    last;                   /* value, or sum */
    uint64_t  count, zero;
    uint64_t *prev;                   /* of a cumulative histogram: its counts; of an exponential one both sides, negative first */
    uint32_t  prev_n, prev_negative;
    int32_t   scale, offset, negative_offset;
    uint64_t  bounds;                 /* a digest of those of the counts */
};
void series_state_done(struct series_state *s);
void series_state_end(struct series_state *s);     /* the next point is a first one, but what was counted is not counted again */
void series_state_save(const struct series_state *s, struct pack *out);
bool series_state_load(struct series_state *s, struct unpack *u, bool with_bounds /* as they are saved since version 2 of metrics_keep.c */);

enum increase_kind { INCREASE_NOTHING, INCREASE_VALUE, INCREASE_BUCKETS, INCREASE_OUT_OF_ORDER, INCREASE_UNUSABLE };

struct increase {
    enum increase_kind kind;
    bool     reset;
    double   value;                   /* VALUE */
    uint64_t n;                       /* BUCKETS: how many values are new, their sum (NAN: unknown), the smallest (NAN: unknown) and the largest (a bound of it) */
    double   sum, min, max;
    size_t   buckets;
    struct { double value; uint64_t times; } bucket[2 * INCREASE_BUCKETS_MAX + 1];
};

/* Whether a point without a kind counts upwards, by its name: ..._total, ..._count, ..._sum, ..._bucket. */
bool increase_is_counter_name(struct slice name);
void increase_of(struct series_state *s, const struct point_event *p, struct increase *out);

#endif
