/*
 * load/histogram.h - latencies in log-linear buckets, the way HdrHistogram does it.
 *
 * Whole microseconds from 1 us to 1 hour.  Below 256 us every value has a bucket
 * of its own; above, each power of two is cut into 128 buckets, so a bucket's upper
 * end is at most 1/128 (0.8 %) above any value in it.  What takes longer than an
 * hour counts in the last bucket.  Histograms of several threads can be merged
 * exactly, and the difference of two readings of a growing one is the histogram
 * of what happened in between.
 *
 * One thread adds; others may merge from it at the same time: every count they
 * see was true at some moment, and never falls.
 */
#ifndef LOAD_HISTOGRAM_H
#define LOAD_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

#define LOAD_HISTOGRAM_MAX_US  INT64_C(3600000000)
#define LOAD_HISTOGRAM_BUCKETS 3287   /* the bucket of MAX_US, and one */

struct load_histogram {
    uint64_t counts[LOAD_HISTOGRAM_BUCKETS];
    uint64_t count;    /* of all buckets */
    uint64_t sum_us;
    uint64_t max_us;   /* exact, since the start; a difference keeps the newer one's, cut to its last bucket */
};

size_t  load_histogram_index(int64_t us);
int64_t load_histogram_upper(size_t index);   /* the largest value that falls into the bucket */

void load_histogram_clear(struct load_histogram *h);
void load_histogram_add(struct load_histogram *h, int64_t us);
void load_histogram_merge(struct load_histogram *into, const struct load_histogram *from);

/* into becomes what was added since older was read from the same histogram. */
void load_histogram_since(struct load_histogram *into, const struct load_histogram *older);

/* The value that a share q (0..1) of all values do not exceed, at most 0.8 % too high; beyond an hour it is the largest of all. NAN when there are none. */
double load_histogram_percentile_us(const struct load_histogram *h, double q);
double load_histogram_mean_us(const struct load_histogram *h);

#endif
