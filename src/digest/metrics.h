/*
 * digest/metrics.h - points into minutes: average, maximum, 95th percentile, least, sum and count, per tenant, thing, metric and labels.
 *
 * What is a counter (a monotonic cumulative sum; without a kind, a name that ends in _total, _count, _sum or _bucket) becomes a
 * rate per second, at the time of its newer point; a reset (it went down, or says a later start, no later than itself) begins at zero, where the start is known, at that time.
 * A delta becomes a rate over its own interval.  Gauges are as they are.  Histograms and summaries give what was new since the last
 * point: average from sum and count, percentile and maximum from buckets.  A stale marker ends a series: its next value is a first one.
 *
 * A minute can be changed until it is older than the look-back; each metrics_emit gives out those that changed, whole, so a row is
 * written over by the same row with more in it.  Older points are counted as late, points too far ahead as early.
 *
 * Cardinality has a bound per tenant, source and metric: what comes beyond it goes into the series of that metric with
 * the labels {"other":"true"}, and is counted (a counter's point cannot become a rate there and is only counted).
 */
#ifndef DIGEST_METRICS_H
#define DIGEST_METRICS_H

#include "base/err.h"
#include "digest/pack.h"
#include "digest/place.h"
#include "event/event.h"

#include <stdbool.h>
#include <stdint.h>

enum { METRICS_WINDOWS_MAX = 96, METRICS_LABELS_MAX = 32, METRICS_LABELS_BYTES = 1024, METRICS_BUCKETS_MAX = 512 };
#define METRICS_WINDOW_US (60 * INT64_C(1000000))

struct metrics_options {
    int64_t  lookback_us;                       /* a minute can be changed so long after its end was written */
    int64_t  ahead_us;                          /* a point may be so far ahead of when it was received */
    int64_t  idle_us;                           /* a series not seen for so long is forgotten */
    uint32_t series_max;                        /* all together */
    uint32_t tenant_max, source_max, metric_max;   /* series of one tenant; of one source; of one metric of a tenant */
};
struct metrics_options metrics_options_default(void);

struct metrics_stats {
    uint64_t points, late, early, out_of_order, resets, capped, capped_counters, labels_cut, unusable, no_memory;
    uint64_t capped_all, capped_tenant, capped_source, capped_metric;      /* of capped: by which bound */
    uint32_t series, rows, windows;
};

struct minute_of_metric {
    int64_t     bucket_us;
    uint32_t    place;
    const char *metric, *labels;                /* a JSON object, sorted by key */
    uint64_t    labels_hash;
    double      avg, max, p95, min, sum;
    uint64_t    count;
};
typedef bool metrics_row(void *ctx, const struct minute_of_metric *row);   /* false: stop */

struct metrics;
MUST_CHECK enum err metrics_new(const struct metrics_options *o, struct metrics **m, struct fault *fault);
void                metrics_free(struct metrics *m);
void                metrics_take(struct metrics *m, const struct event *e, uint32_t place);
/* Every row of the minutes that ended by `upper` and changed since they were last settled. False when row() said so. */
bool                metrics_emit(struct metrics *m, int64_t upper_us, metrics_row *row, void *ctx);
/* What was emitted is kept; minutes beyond the look-back and idle series go. */
void                metrics_settle(struct metrics *m, int64_t upper_us);
void                metrics_stats(const struct metrics *m, struct metrics_stats *s);
void                metrics_places(const struct metrics *m, struct places_held *held);
void                metrics_save(const struct metrics *m, struct pack *out);
MUST_CHECK enum err metrics_load(struct metrics *m, struct slice bytes, struct fault *fault);   /* m is new */

#endif
