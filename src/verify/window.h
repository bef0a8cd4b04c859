/*
 * verify/window.h - from a stream of samples to one window.
 *
 * Used by trials for their observations and by the engine for the rolling
 * history of the untouched incumbent, so that both are made in the same way.
 *
 *     window_open(&run, &sample_at_the_border, period_us);
 *     each sample after it:   window_add(&run, &sample);
 *     window_close(&run, &window);       then, for the next one, window_open(&run, &last_sample, period_us)
 *
 * The sample at the border lends its cumulative counters; its rates describe
 * the time before the window and are not used.  Means ignore what is unknown;
 * a metric that was never known stays NAN.  The mean latency is weighted with
 * the transactions of each second, so that it is the mean over transactions.
 */
#ifndef VERIFY_WINDOW_H
#define VERIFY_WINDOW_H

#include "base/err.h"
#include "model/sample.h"
#include "verify/lull.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* The cumulative part of a sample. */
struct window_marks {
    struct latency_count latency;
    int                  queries;
    struct query_count   query[QUERIES_MAX];
    int64_t              checkpoints_done, forgotten;
};

struct window_run {
    int64_t from_us, to_us, wall_us, period_us;
    int     samples;                               /* that were read */
    bool    restarted, reset, reloaded;            /* why it cannot be whole */
    int64_t postmaster_start_us, stats_reset_us, conf_load_us;
    double  n[METRIC_COUNT], sum[METRIC_COUNT], max[METRIC_COUNT];
    double  weight, weighted_latency;
    struct lull tps, latency;                      /* LULL_SECONDS samples, which are seconds where samples are */
    struct window_marks first, last;
};

/* period_us: how far apart samples should be; 0 means one second. */
void window_open(struct window_run *r, const struct sample *border, int64_t period_us);
void window_add(struct window_run *r, const struct sample *s);
void window_close(const struct window_run *r, struct window *w);

/* Was the configuration loaded between two times at which it is said to have been loaded last? 0: unknown, which says nothing. */
bool window_reloaded(int64_t then_us, int64_t now_us);

/* A sample counts as read when the server answered: it is not down, and at least one of its main figures is known. */
bool sample_was_read(const struct sample *s);

/* Compact JSON, NAN as null; for keeping history across a restart. */
json_t             *window_save(const struct window *w);
MUST_CHECK enum err window_load(const json_t *saved, struct window *w, struct fault *fault);

#endif
