/*
 * event/flatten.h - points of any kind as Prometheus' series: a name, sorted labels, a number, a time in milliseconds.
 *
 * By the OpenTelemetry rules for Prometheus: units and _total are added to the name, characters that Prometheus does not know become _;
 * service.namespace/service.name is job, service.instance.id is instance.  A point that came from Prometheus (it has a `job` of its own, or came
 * by remote write, exposition or our sensors) keeps its name and labels as they are.  Histograms become _bucket{le}, _sum and _count, summaries
 * {quantile}, _sum and _count; exponential ones a native histogram, or buckets where the receiver knows none.
 * Delta points are given out as they are, with delta set: whoever needs totals adds them up.
 */
#ifndef EVENT_FLATTEN_H
#define EVENT_FLATTEN_H

#include "event/event.h"
#include "wire/remote.h"

enum { FLATTEN_LABELS_MAX = 256, FLATTEN_NATIVE_BUCKETS_MAX = 160 };

struct flatten_options {
    bool native;             /* exponential histograms as native ones; else as buckets */
    bool keep_names;         /* no suffixes, no unit: only characters are made fit */
    bool resource_labels;    /* every resource attribute becomes a label; else only job and instance */
};

struct flatten_sample {
    const struct remote_label     *labels;           /* sorted, __name__ among them, no name twice, none empty */
    size_t                         labels_n;
    struct slice                   name;             /* value of __name__ */
    enum remote_type               type;             /* of the family */
    struct slice                   help, unit;
    double                         value;
    int64_t                        time_ms, start_ms;
    bool                           delta, stale;     /* stale: value has the bits of a stale marker */
    const struct remote_histogram *native;           /* NULL: an ordinary sample; else value means nothing */
    const struct exemplar         *exemplars;        /* of the point; given with its first sample only */
    size_t                         exemplars_n;
};

/* What it is given is valid during the call. false: stop. */
typedef bool flatten_take(void *ctx, const struct flatten_sample *s);

/* A log or a span: ERR_INPUT. ERR_LIMIT: the arena is full, or there are too many labels. Everything made lies in the arena. options may be NULL. */
MUST_CHECK enum err flatten_point(const struct event *e, const struct flatten_options *options, struct arena *a, flatten_take *take, void *ctx, struct fault *fault);

/* The name a point gets, in the arena: "http.server.duration", "ms", histogram -> "http_server_duration_milliseconds". Empty: the arena is full. */
struct slice flatten_name(const struct event *e, const struct flatten_options *options, struct arena *a);
/* A label's name made fit: every other character becomes _, a digit in front gets key_. Returned as it lies when it is fit already. */
struct slice flatten_label(struct slice key, struct arena *a);

#endif
