/*
 * wire/otlp.h - OpenTelemetry's messages as tables: one row per field with its number, its name in JSON and its type.
 *
 * Three things walk these tables: otlp_check(), which says whether a request is well-formed and how much is in it; otlp_from_json(), which
 * writes a JSON request as the same request in protobuf; and the readers in event/, which use the numbers.
 * From opentelemetry-proto 1.x (docs: "OTLP specification").  Nothing here holds state or logs.
 */
#ifndef WIRE_OTLP_H
#define WIRE_OTLP_H

#include "base/err.h"
#include "base/slice.h"
#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum otlp_signal { OTLP_LOGS, OTLP_METRICS, OTLP_TRACES };

enum { OTLP_VALUE_DEPTH_MAX = 32,                  /* values within values; what is deeper is not looked into */
       OTLP_TRACE_ID = 16, OTLP_SPAN_ID = 8,       /* bytes */
       OTLP_NO_VALUE = 1 };                        /* flags of a point: the series ended here */

/* Field numbers. Those of the envelopes are the same for the three signals. */
enum { OTLP_REQUEST_RESOURCES = 1, OTLP_RESOURCES_RESOURCE = 1, OTLP_RESOURCES_SCOPES = 2, OTLP_RESOURCES_SCHEMA = 3 };
enum { OTLP_SCOPES_SCOPE = 1, OTLP_SCOPES_ITEMS = 2, OTLP_SCOPES_SCHEMA = 3 };
enum { OTLP_RESOURCE_ATTRS = 1, OTLP_RESOURCE_DROPPED = 2, OTLP_RESOURCE_ENTITIES = 3 };
enum { OTLP_SCOPE_NAME = 1, OTLP_SCOPE_VERSION = 2, OTLP_SCOPE_ATTRS = 3, OTLP_SCOPE_DROPPED = 4 };
enum { OTLP_KEYVALUE_KEY = 1, OTLP_KEYVALUE_VALUE = 2 };
enum { OTLP_ANY_TEXT = 1, OTLP_ANY_BOOL = 2, OTLP_ANY_INT = 3, OTLP_ANY_REAL = 4, OTLP_ANY_LIST = 5, OTLP_ANY_MAP = 6, OTLP_ANY_BYTES = 7 };
enum { OTLP_LOG_TIME = 1, OTLP_LOG_SEVERITY = 2, OTLP_LOG_SEVERITY_TEXT = 3, OTLP_LOG_BODY = 5, OTLP_LOG_ATTRS = 6, OTLP_LOG_DROPPED = 7,
       OTLP_LOG_FLAGS = 8, OTLP_LOG_TRACE_ID = 9, OTLP_LOG_SPAN_ID = 10, OTLP_LOG_OBSERVED = 11, OTLP_LOG_EVENT_NAME = 12 };
enum { OTLP_METRIC_NAME = 1, OTLP_METRIC_DESCRIPTION = 2, OTLP_METRIC_UNIT = 3, OTLP_METRIC_GAUGE = 5, OTLP_METRIC_SUM = 7,
       OTLP_METRIC_HISTOGRAM = 9, OTLP_METRIC_EXPONENTIAL = 10, OTLP_METRIC_SUMMARY = 11, OTLP_METRIC_METADATA = 12 };
enum { OTLP_DATA_POINTS = 1, OTLP_DATA_TEMPORALITY = 2, OTLP_DATA_MONOTONIC = 3 };
enum { OTLP_NUMBER_START = 2, OTLP_NUMBER_TIME = 3, OTLP_NUMBER_REAL = 4, OTLP_NUMBER_EXEMPLARS = 5, OTLP_NUMBER_INT = 6, OTLP_NUMBER_ATTRS = 7,
       OTLP_NUMBER_FLAGS = 8 };
enum { OTLP_HISTOGRAM_START = 2, OTLP_HISTOGRAM_TIME = 3, OTLP_HISTOGRAM_COUNT = 4, OTLP_HISTOGRAM_SUM = 5, OTLP_HISTOGRAM_COUNTS = 6,
       OTLP_HISTOGRAM_BOUNDS = 7, OTLP_HISTOGRAM_EXEMPLARS = 8, OTLP_HISTOGRAM_ATTRS = 9, OTLP_HISTOGRAM_FLAGS = 10, OTLP_HISTOGRAM_MIN = 11,
       OTLP_HISTOGRAM_MAX = 12 };
enum { OTLP_EXPONENTIAL_ATTRS = 1, OTLP_EXPONENTIAL_START = 2, OTLP_EXPONENTIAL_TIME = 3, OTLP_EXPONENTIAL_COUNT = 4, OTLP_EXPONENTIAL_SUM = 5,
       OTLP_EXPONENTIAL_SCALE = 6, OTLP_EXPONENTIAL_ZERO_COUNT = 7, OTLP_EXPONENTIAL_POSITIVE = 8, OTLP_EXPONENTIAL_NEGATIVE = 9,
       OTLP_EXPONENTIAL_FLAGS = 10, OTLP_EXPONENTIAL_EXEMPLARS = 11, OTLP_EXPONENTIAL_MIN = 12, OTLP_EXPONENTIAL_MAX = 13,
       OTLP_EXPONENTIAL_ZERO_THRESHOLD = 14 };
enum { OTLP_BUCKETS_OFFSET = 1, OTLP_BUCKETS_COUNTS = 2 };
enum { OTLP_SUMMARY_START = 2, OTLP_SUMMARY_TIME = 3, OTLP_SUMMARY_COUNT = 4, OTLP_SUMMARY_SUM = 5, OTLP_SUMMARY_QUANTILES = 6,
       OTLP_SUMMARY_ATTRS = 7, OTLP_SUMMARY_FLAGS = 8, OTLP_QUANTILE_Q = 1, OTLP_QUANTILE_VALUE = 2 };
enum { OTLP_EXEMPLAR_TIME = 2, OTLP_EXEMPLAR_REAL = 3, OTLP_EXEMPLAR_SPAN_ID = 4, OTLP_EXEMPLAR_TRACE_ID = 5, OTLP_EXEMPLAR_INT = 6,
       OTLP_EXEMPLAR_ATTRS = 7 };
enum { OTLP_SPAN_TRACE_ID = 1, OTLP_SPAN_SPAN_ID = 2, OTLP_SPAN_STATE = 3, OTLP_SPAN_PARENT = 4, OTLP_SPAN_NAME = 5, OTLP_SPAN_KIND = 6,
       OTLP_SPAN_START = 7, OTLP_SPAN_END = 8, OTLP_SPAN_ATTRS = 9, OTLP_SPAN_DROPPED = 10, OTLP_SPAN_EVENTS = 11, OTLP_SPAN_DROPPED_EVENTS = 12,
       OTLP_SPAN_LINKS = 13, OTLP_SPAN_DROPPED_LINKS = 14, OTLP_SPAN_STATUS = 15, OTLP_SPAN_FLAGS = 16 };
enum { OTLP_SPAN_EVENT_TIME = 1, OTLP_SPAN_EVENT_NAME = 2, OTLP_SPAN_EVENT_ATTRS = 3, OTLP_SPAN_EVENT_DROPPED = 4 };
enum { OTLP_LINK_TRACE_ID = 1, OTLP_LINK_SPAN_ID = 2, OTLP_LINK_STATE = 3, OTLP_LINK_ATTRS = 4, OTLP_LINK_DROPPED = 5, OTLP_LINK_FLAGS = 6 };
enum { OTLP_STATUS_MESSAGE = 2, OTLP_STATUS_CODE = 3 };

/* How a field is written. Names are protobuf's; ID is bytes that JSON writes as hex. */
enum otlp_type { OTLP_NONE, OTLP_TEXT, OTLP_BYTES, OTLP_ID, OTLP_BOOL, OTLP_ENUM, OTLP_INT64, OTLP_UINT32, OTLP_UINT64, OTLP_SINT32, OTLP_FIXED32,
                 OTLP_FIXED64, OTLP_SFIXED64, OTLP_DOUBLE, OTLP_MESSAGE };

/* What otlp_check() does at the end of a message. */
enum otlp_role { OTLP_PLAIN, OTLP_ANY, OTLP_LOG, OTLP_METRIC, OTLP_NUMBER, OTLP_HISTOGRAM, OTLP_POINT, OTLP_SPAN };

struct otlp_message;
struct otlp_field {
    enum otlp_type             type;        /* NONE: there is no such number */
    bool                       repeated;
    const char                *name;        /* in JSON */
    const struct otlp_message *message;     /* MESSAGE */
    const char *const         *words;       /* ENUM: what it is called, NULL at the end; else NULL */
};
struct otlp_message {
    const char              *name;
    enum otlp_role           role;
    uint32_t                 last;          /* the largest number */
    const struct otlp_field *field;         /* by number, 0..last */
};

/* ExportLogsServiceRequest and its sisters. */
const struct otlp_message *otlp_request(enum otlp_signal signal);

/*
 * What was found. A rejected log, point or span is well-formed and says nothing that can be used: a span without valid ids, a point without a
 * value, a histogram whose counts and bounds do not belong together. why: of the first, a constant phrase; NULL: none.
 */
struct otlp_count { uint32_t items, rejected, too_deep, bad_text; const char *why; };

/* ERR_INPUT: malformed, with the message and the byte of the body. Allocates nothing. */
MUST_CHECK enum err otlp_check(enum otlp_signal signal, struct slice body, struct otlp_count *count, struct fault *fault);

/*
 * The same request in protobuf, added to out (bounded by its maximum: ERR_LIMIT).  Keys are in camelCase, or as in the .proto files (snake_case); unknown ones are left out, null is absent, 64-bit numbers may be
 * texts or numbers, enums numbers or names.  ERR_INPUT: not JSON, or a value of the wrong type, with its place.
 */
MUST_CHECK enum err otlp_from_json(enum otlp_signal signal, struct slice body, struct text *out, struct fault *fault);

/* Something is in the request, and nothing of it is known: traces on the path of logs, say. It must be well-formed. */
bool otlp_json_is_strange(enum otlp_signal signal, struct slice body);

/* 16 or 8 bytes that are not all zero. */
bool otlp_id_valid(struct slice id, size_t bytes);

#endif
