/*
 * event/event.h - a record of the journal as events: logs, points of metrics, spans. The one shape that digest, rules and sinks know.
 *
 *     arena_reset(&a);
 *     e = event_read(&record, &a, take, ctx, &report, fault);    // take() is called for each event, in order
 *
 * The event and everything it points to lie in the record's body or in the arena: valid until either goes.  Events of one
 * resource come one after the other and share the pointer to it.  Names of attributes are OpenTelemetry's: service.name, host.name, ...
 * Remote write and exposition become points whose name is __name__ and whose attributes are the other labels; resource attributes
 * service.name and service.instance.id stand for job and instance, which stay among the attributes too.
 */
#ifndef EVENT_EVENT_H
#define EVENT_EVENT_H

#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"
#include "journal/record.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    EVENT_DEPTH_MAX   = 32,                     /* of values within values; deeper ones become VALUE_NONE and are counted */
    EVENT_DECODED_MAX = 64 * 1024 * 1024        /* what the events of one record may need in an arena; readers have room for as much */
};

enum value_kind { VALUE_NONE, VALUE_TEXT, VALUE_BOOL, VALUE_INT, VALUE_REAL, VALUE_BYTES, VALUE_LIST, VALUE_MAP };

struct attr;
struct attrs { const struct attr *item; size_t count; };

struct value {
    enum value_kind kind;
    union {
        struct slice text;                                         /* TEXT, BYTES */
        bool         boolean;
        int64_t      integer;
        double       real;
        struct { const struct value *item; size_t count; } list;
        struct attrs map;
    } as;
};

struct attr { struct slice key; struct value value; };

struct resource {
    struct attrs attrs;
    struct slice schema_url;
    uint32_t     dropped;
    uint64_t     id;                 /* XXH3 over the attributes: the same for the same attributes, in whatever order */
};
struct scope { struct slice name, version, schema_url; struct attrs attrs; uint32_t dropped; };

enum event_type { EVENT_LOG, EVENT_POINT, EVENT_SPAN };

struct log_event {
    int64_t      time_ns;            /* 1970; never 0: time, else observed time, else when it was received */
    int64_t      observed_ns;        /* 0: unknown */
    int          severity;           /* 1..24 as in OpenTelemetry; 0: not said */
    struct slice severity_text, name;
    struct value body;
    struct slice trace_id, span_id;  /* 16 and 8 bytes, or empty */
    uint32_t     flags, dropped;
};

enum point_kind { POINT_UNKNOWN, POINT_GAUGE, POINT_SUM, POINT_HISTOGRAM, POINT_EXPONENTIAL, POINT_SUMMARY, POINT_INFO, POINT_STATESET };
enum temporality { TEMPORALITY_UNKNOWN, TEMPORALITY_DELTA, TEMPORALITY_CUMULATIVE };

struct exemplar { int64_t time_ns; double value; struct slice trace_id, span_id; struct attrs attrs; };
struct quantile { double q, value; };

struct point_event {
    struct slice     name, unit, description;
    enum point_kind  kind;
    enum temporality temporality;    /* SUM, HISTOGRAM, EXPONENTIAL */
    bool             monotonic;      /* SUM: a counter */
    bool             stale;          /* the series ended here; there is no value */
    bool             is_int;
    int64_t          start_ns, time_ns;
    double           value;          /* GAUGE, SUM, UNKNOWN, INFO, STATESET; of an integer too, rounded */
    int64_t          integer;        /* exact, when is_int */
    /* HISTOGRAM, EXPONENTIAL, SUMMARY; absent numbers are NAN */
    uint64_t         count;
    double           sum, min, max;
    const double    *bounds;         /* HISTOGRAM: upper, inclusive; bounds_n + 1 counts, or both 0 */
    size_t           bounds_n;
    const uint64_t  *counts;
    size_t           counts_n;
    int32_t          scale;          /* EXPONENTIAL: base 2^(2^-scale); bucket i of side s covers (base^(offset+i), base^(offset+i+1)] */
    double           zero_threshold;
    uint64_t         zero_count;
    struct side { int32_t offset; const uint64_t *counts; size_t n; } positive, negative;
    const struct quantile *quantiles;
    size_t           quantiles_n;
    const struct exemplar *exemplars;
    size_t           exemplars_n;
    uint32_t         flags;
};

enum span_kind   { SPAN_UNKNOWN, SPAN_INTERNAL, SPAN_SERVER, SPAN_CLIENT, SPAN_PRODUCER, SPAN_CONSUMER };
enum span_status { SPAN_UNSET, SPAN_OK, SPAN_ERROR };

struct span_note { int64_t time_ns; struct slice name; struct attrs attrs; uint32_t dropped; };                            /* an event in a span */
struct span_link { struct slice trace_id, span_id, state; struct attrs attrs; uint32_t dropped, flags; };

struct span_event {
    struct slice     trace_id, span_id, parent_id, state, name, status_message;
    enum span_kind   kind;
    enum span_status status;
    int64_t          start_ns, end_ns;
    const struct span_note *notes;
    size_t           notes_n;
    const struct span_link *links;
    size_t           links_n;
    uint32_t         dropped, dropped_notes, dropped_links, flags;
};

struct event {
    enum event_type        type;
    uint64_t               record;       /* id of the record, and which of its events: together the identity of the event */
    uint32_t               index;        /* 0, 1, ... */
    int64_t                received_us;
    struct slice           tenant, source;
    const struct resource *resource;     /* never NULL; of one without attributes too */
    const struct scope    *scope;        /* never NULL */
    struct attrs           attrs;
    union { struct log_event log; struct point_event point; struct span_event span; } as;
};

/* What was not as the specification wants it, in a record that was read all the same. */
struct event_report { uint32_t events /* without the rejected */, rejected, too_deep, bad_text; char why[160]; /* of the first that was rejected */ };

/* Return false to stop early (event_read then answers OK). */
typedef bool event_take(void *ctx, const struct event *e);

/*
 * ERR_INPUT: the body is malformed; events before that place were given out.  ERR_MISSING: not a kind that holds events (RECORD_SCHEMA).
 * ERR_LIMIT: the arena is full.
 */
MUST_CHECK enum err event_read(const struct record *r, struct arena *a, event_take *take, void *ctx, struct event_report *report, struct fault *fault);

/*
 * The same walk without giving anything out, for receivers, as cheap as can be: is it well-formed, and how much is in it. Of r only kind, form, labels and body matter.  What a
 * specification calls a partial success (a span without a valid trace id, ...) is counted in rejected and stays in the record; readers leave it out again.
 */
MUST_CHECK enum err event_check_record(const struct record *r, struct event_report *report, struct fault *fault);
/* Of a record without labels: what rows are is not known then, and each is what it looks like. */
MUST_CHECK enum err event_check(enum record_kind kind, enum record_form form, struct slice body, struct event_report *report, struct fault *fault);

/*
 * Before a record that somebody else made is acknowledged: do its events, r->events of them, fit into EVENT_DECODED_MAX?  ERR_LIMIT if not, so that no few
 * bytes can be stored that become too many for everybody who reads them.  Costs nothing unless the record is large; then it is decoded, one at a time.
 */
MUST_CHECK enum err event_fits(const struct record *r, struct fault *fault);

/* What struct resource.id is: a number for a set of attributes. */
uint64_t            attrs_id(const struct attrs *a);
/* The value of an attribute; NULL: there is none. */
const struct value *attrs_find(const struct attrs *a, const char *key);
/* The same as text, "" when it is missing or not a text. */
struct slice        attrs_text(const struct attrs *a, const char *key);
/* Of the event, its scope, its resource: the first that has it. NULL: none has. */
const struct value *event_find(const struct event *e, const char *key);
/* Any value as text: numbers as JSON writes them, lists and maps as JSON. TEXT is returned as it lies; else it is made in the arena. */
struct slice        value_text(const struct value *v, struct arena *a);
/*
 * A text that is JSON, as the value it stands for: whole numbers INT where they fit, else REAL; null is NONE; deeper than EVENT_DEPTH_MAX is NONE. Texts without
 * escapes lie in `text`, everything else in the arena.  ERR_INPUT: it is not JSON. ERR_LIMIT: the arena is full. No fault is filled.
 */
MUST_CHECK enum err value_from_json(struct slice text, struct arena *a, struct value *v);

#endif
