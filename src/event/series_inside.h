/* event/series_inside.h - what points out of Prometheus' formats have in common. Between series.c and exposition.c. */
#ifndef EVENT_SERIES_INSIDE_H
#define EVENT_SERIES_INSIDE_H

#include "event/inside.h"
#include "wire/remote.h"

/* The resource made last: points of one target mostly come together. Zeroed at the beginning. */
struct series_resource { struct slice job, instance; const struct resource *resource; };

/* service.name and service.instance.id out of job and instance; NULL: the arena is full. The attributes' texts must stay. */
const struct resource *series_resource(struct reading *r, struct series_resource *last, const struct attrs *labels);
/* Kind, temporality, monotonic. name tells _bucket, _sum and _count from the rest. */
void series_kind(struct point_event *p, enum remote_type type, struct slice name);
/* The labels of an exemplar: trace_id and span_id out, the others stay. false: the arena is full. */
bool series_exemplar(struct reading *r, struct exemplar *x, const struct remote_label *label, size_t n, double value, int64_t time_ms);

static inline struct value series_text(struct slice s) { return (struct value){ .kind = VALUE_TEXT, .as.text = s }; }
/* Milliseconds as nanoseconds; what does not fit is the nearest that does. */
static inline int64_t series_ns(int64_t ms)
{
    const int64_t most = INT64_MAX / 1000000;
    return (ms > most ? most : ms < -most ? -most : ms) * 1000000;
}

#endif
