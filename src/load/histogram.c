/* load/histogram.c - see the header. Counts are touched through relaxed atomics, which on this kind of machine cost nothing. */
#include "load/histogram.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#define SUB_BITS 7
#define SUB      (1u << SUB_BITS)

_Static_assert(LOAD_HISTOGRAM_BUCKETS == 24 * SUB + (LOAD_HISTOGRAM_MAX_US >> 24) + 1, "the last bucket is the one of an hour");

static uint64_t look(const uint64_t *counter) { return __atomic_load_n(counter, __ATOMIC_RELAXED); }

static void bump(uint64_t *counter, uint64_t by)
{
    __atomic_store_n(counter, *counter + by, __ATOMIC_RELAXED);   /* one writer, so no locked instruction */
}

size_t load_histogram_index(int64_t us)
{
    if (us < 0)
        us = 0;
    if (us > LOAD_HISTOGRAM_MAX_US)
        us = LOAD_HISTOGRAM_MAX_US;
    uint64_t v = (uint64_t)us;
    if (v < 2 * SUB)
        return (size_t)v;
    unsigned shift = 63u - (unsigned)__builtin_clzll(v) - SUB_BITS;
    return (size_t)(shift * SUB + (v >> shift));
}

int64_t load_histogram_upper(size_t index)
{
    assert(index < LOAD_HISTOGRAM_BUCKETS);
    if (index < 2 * SUB)
        return (int64_t)index;
    size_t  shift = index / SUB - 1;
    int64_t upper = (((int64_t)(index - shift * SUB) + 1) << shift) - 1;
    return upper < LOAD_HISTOGRAM_MAX_US ? upper : LOAD_HISTOGRAM_MAX_US;
}

void load_histogram_clear(struct load_histogram *h) { memset(h, 0, sizeof *h); }

void load_histogram_add(struct load_histogram *h, int64_t us)
{
    if (us < 0)
        us = 0;
    bump(&h->counts[load_histogram_index(us)], 1);
    bump(&h->sum_us, (uint64_t)us);
    bump(&h->count, 1);
    if ((uint64_t)us > h->max_us)
        __atomic_store_n(&h->max_us, (uint64_t)us, __ATOMIC_RELAXED);
}

void load_histogram_merge(struct load_histogram *into, const struct load_histogram *from)
{
    /* The total is what the buckets say, so that a reading taken while a value is being added still adds up. */
    for (size_t i = 0; i < LOAD_HISTOGRAM_BUCKETS; i++) {
        uint64_t n = look(&from->counts[i]);
        into->counts[i] += n;
        into->count += n;
    }
    into->sum_us += look(&from->sum_us);
    uint64_t max = look(&from->max_us);
    if (max > into->max_us)
        into->max_us = max;
}

void load_histogram_since(struct load_histogram *into, const struct load_histogram *older)
{
    size_t last = 0;
    into->count = 0;
    for (size_t i = 0; i < LOAD_HISTOGRAM_BUCKETS; i++) {
        assert(into->counts[i] >= older->counts[i]);
        into->counts[i] -= older->counts[i];
        into->count += into->counts[i];
        if (into->counts[i])
            last = i;
    }
    into->sum_us -= older->sum_us;
    uint64_t bound = into->count ? (uint64_t)load_histogram_upper(last) : 0;
    if (last < LOAD_HISTOGRAM_BUCKETS - 1 && into->max_us > bound)
        into->max_us = bound;
}

double load_histogram_percentile_us(const struct load_histogram *h, double q)
{
    if (h->count == 0)
        return NAN;
    uint64_t wanted = (uint64_t)ceil(q * (double)h->count), seen = 0;
    if (wanted < 1)
        wanted = 1;
    for (size_t i = 0; i < LOAD_HISTOGRAM_BUCKETS - 1; i++) {
        seen += h->counts[i];
        if (seen >= wanted) {
            double upper = (double)load_histogram_upper(i);
            return upper < (double)h->max_us ? upper : (double)h->max_us;
        }
    }
    return (double)h->max_us;   /* the last bucket is open: its values are no more than this, and may be far more than an hour */
}

double load_histogram_mean_us(const struct load_histogram *h)
{
    return h->count ? (double)h->sum_us / (double)h->count : NAN;
}
