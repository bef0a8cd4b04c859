/*
 * event/encode.h - events as OTLP requests in protobuf: for the OTLP sink, for inputs that make lines of their own, and for tests.
 *
 * Neighbours of one resource, scope and metric go into one message, and the order is kept: what event_read() gives back from the request is the
 * same events in the same order, but for record, index, tenant and source, which are not part of a request.  Points that OpenTelemetry has no kind for
 * (UNKNOWN, INFO, STATESET) go as gauges with the collector's metadata `prometheus.type`.
 */
#ifndef EVENT_ENCODE_H
#define EVENT_ENCODE_H

#include "base/text.h"
#include "event/event.h"

/* Adds a request to out. All events are of one type; none: nothing is added. ERR_INPUT: they are of several. ERR_LIMIT: out is full, and of no use. */
MUST_CHECK enum err event_encode(const struct event *const *event, size_t count, struct text *out, struct fault *fault);

/*
 * Lines, one after the other, for records of RECORD_LINES:
 *
 *     event_lines_begin(&l, &out, &resource, scope_name);
 *     event_lines_add(&l, &log, &attrs);        // out.used tells how large it has become
 *     e = event_lines_end(&l, fault);           // now out holds an ExportLogsServiceRequest
 */
struct event_lines { struct text *out; size_t resources, scopes; uint32_t count; };

/* resource: its attributes; scope_name may be empty. */
void event_lines_begin(struct event_lines *l, struct text *out, const struct attrs *resource, struct slice scope_name);
void event_lines_add(struct event_lines *l, const struct log_event *log, const struct attrs *attrs);
MUST_CHECK enum err event_lines_end(struct event_lines *l, struct fault *fault);

#endif
