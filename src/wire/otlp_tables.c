/* wire/otlp_tables.c - the messages of OpenTelemetry, by field number. */
#include "wire/otlp.h"

#define MESSAGE_OF(words, fields) .name = words, .field = fields, .last = sizeof(fields) / sizeof *(fields) - 1

/* ---- what all three have ---- */

static const struct otlp_message any, key_value;

static const struct otlp_field list_fields[] = { [1] = { OTLP_MESSAGE, true, "values", &any } };
static const struct otlp_field map_fields[] = { [1] = { OTLP_MESSAGE, true, "values", &key_value } };
static const struct otlp_message list = { MESSAGE_OF("ArrayValue", list_fields) };
static const struct otlp_message map = { MESSAGE_OF("KeyValueList", map_fields) };

static const struct otlp_field any_fields[] = {
    [OTLP_ANY_TEXT]  = { OTLP_TEXT, false, "stringValue" },
    [OTLP_ANY_BOOL]  = { OTLP_BOOL, false, "boolValue" },
    [OTLP_ANY_INT]   = { OTLP_INT64, false, "intValue" },
    [OTLP_ANY_REAL]  = { OTLP_DOUBLE, false, "doubleValue" },
    [OTLP_ANY_LIST]  = { OTLP_MESSAGE, false, "arrayValue", &list },
    [OTLP_ANY_MAP]   = { OTLP_MESSAGE, false, "kvlistValue", &map },
    [OTLP_ANY_BYTES] = { OTLP_BYTES, false, "bytesValue" },
};
static const struct otlp_message any = { MESSAGE_OF("AnyValue", any_fields), .role = OTLP_ANY };

static const struct otlp_field key_value_fields[] = {
    [OTLP_KEYVALUE_KEY]   = { OTLP_TEXT, false, "key" },
    [OTLP_KEYVALUE_VALUE] = { OTLP_MESSAGE, false, "value", &any },
};
static const struct otlp_message key_value = { MESSAGE_OF("KeyValue", key_value_fields) };

static const struct otlp_field entity_fields[] = {
    [1] = { OTLP_TEXT, false, "schemaUrl" },
    [2] = { OTLP_TEXT, false, "type" },
    [3] = { OTLP_TEXT, true, "idKeys" },
    [4] = { OTLP_TEXT, true, "descriptionKeys" },
};
static const struct otlp_message entity = { MESSAGE_OF("EntityRef", entity_fields) };

static const struct otlp_field resource_fields[] = {
    [OTLP_RESOURCE_ATTRS]    = { OTLP_MESSAGE, true, "attributes", &key_value },
    [OTLP_RESOURCE_DROPPED]  = { OTLP_UINT32, false, "droppedAttributesCount" },
    [OTLP_RESOURCE_ENTITIES] = { OTLP_MESSAGE, true, "entityRefs", &entity },
};
static const struct otlp_message resource = { MESSAGE_OF("Resource", resource_fields) };

static const struct otlp_field scope_fields[] = {
    [OTLP_SCOPE_NAME]    = { OTLP_TEXT, false, "name" },
    [OTLP_SCOPE_VERSION] = { OTLP_TEXT, false, "version" },
    [OTLP_SCOPE_ATTRS]   = { OTLP_MESSAGE, true, "attributes", &key_value },
    [OTLP_SCOPE_DROPPED] = { OTLP_UINT32, false, "droppedAttributesCount" },
};
static const struct otlp_message scope = { MESSAGE_OF("InstrumentationScope", scope_fields) };

/* Request, Resource* and Scope* differ in names only. */
#define ENVELOPE(signal, request_name, resources_name, resources_key, scopes_name, scopes_key, items_key, item)  \
    static const struct otlp_field signal##_scopes_fields[] = {                                                  \
        [OTLP_SCOPES_SCOPE]  = { OTLP_MESSAGE, false, "scope", &scope },                                         \
        [OTLP_SCOPES_ITEMS]  = { OTLP_MESSAGE, true, items_key, &item },                                         \
        [OTLP_SCOPES_SCHEMA] = { OTLP_TEXT, false, "schemaUrl" },                                                \
    };                                                                                                           \
    static const struct otlp_message signal##_scopes = { MESSAGE_OF(scopes_name, signal##_scopes_fields) };      \
    static const struct otlp_field signal##_resources_fields[] = {                                               \
        [OTLP_RESOURCES_RESOURCE] = { OTLP_MESSAGE, false, "resource", &resource },                              \
        [OTLP_RESOURCES_SCOPES]   = { OTLP_MESSAGE, true, scopes_key, &signal##_scopes },                        \
        [OTLP_RESOURCES_SCHEMA]   = { OTLP_TEXT, false, "schemaUrl" },                                           \
    };                                                                                                           \
    static const struct otlp_message signal##_resources = { MESSAGE_OF(resources_name, signal##_resources_fields) };   \
    static const struct otlp_field signal##_request_fields[] = {                                                 \
        [OTLP_REQUEST_RESOURCES] = { OTLP_MESSAGE, true, resources_key, &signal##_resources },                   \
    };                                                                                                           \
    static const struct otlp_message signal##_request = { MESSAGE_OF(request_name, signal##_request_fields) };

/* ---- logs ---- */

static const char *const severity_words[] = {
    "SEVERITY_NUMBER_UNSPECIFIED", "SEVERITY_NUMBER_TRACE", "SEVERITY_NUMBER_TRACE2", "SEVERITY_NUMBER_TRACE3", "SEVERITY_NUMBER_TRACE4",
    "SEVERITY_NUMBER_DEBUG", "SEVERITY_NUMBER_DEBUG2", "SEVERITY_NUMBER_DEBUG3", "SEVERITY_NUMBER_DEBUG4",
    "SEVERITY_NUMBER_INFO", "SEVERITY_NUMBER_INFO2", "SEVERITY_NUMBER_INFO3", "SEVERITY_NUMBER_INFO4",
    "SEVERITY_NUMBER_WARN", "SEVERITY_NUMBER_WARN2", "SEVERITY_NUMBER_WARN3", "SEVERITY_NUMBER_WARN4",
    "SEVERITY_NUMBER_ERROR", "SEVERITY_NUMBER_ERROR2", "SEVERITY_NUMBER_ERROR3", "SEVERITY_NUMBER_ERROR4",
    "SEVERITY_NUMBER_FATAL", "SEVERITY_NUMBER_FATAL2", "SEVERITY_NUMBER_FATAL3", "SEVERITY_NUMBER_FATAL4", NULL
};

static const struct otlp_field log_fields[] = {
    [OTLP_LOG_TIME]          = { OTLP_FIXED64, false, "timeUnixNano" },
    [OTLP_LOG_SEVERITY]      = { OTLP_ENUM, false, "severityNumber", .words = severity_words },
    [OTLP_LOG_SEVERITY_TEXT] = { OTLP_TEXT, false, "severityText" },
    [OTLP_LOG_BODY]          = { OTLP_MESSAGE, false, "body", &any },
    [OTLP_LOG_ATTRS]         = { OTLP_MESSAGE, true, "attributes", &key_value },
    [OTLP_LOG_DROPPED]       = { OTLP_UINT32, false, "droppedAttributesCount" },
    [OTLP_LOG_FLAGS]         = { OTLP_FIXED32, false, "flags" },
    [OTLP_LOG_TRACE_ID]      = { OTLP_ID, false, "traceId" },
    [OTLP_LOG_SPAN_ID]       = { OTLP_ID, false, "spanId" },
    [OTLP_LOG_OBSERVED]      = { OTLP_FIXED64, false, "observedTimeUnixNano" },
    [OTLP_LOG_EVENT_NAME]    = { OTLP_TEXT, false, "eventName" },
};
static const struct otlp_message log_record = { MESSAGE_OF("LogRecord", log_fields), .role = OTLP_LOG };

ENVELOPE(logs, "ExportLogsServiceRequest", "ResourceLogs", "resourceLogs", "ScopeLogs", "scopeLogs", "logRecords", log_record)

/* ---- metrics ---- */

static const char *const temporality_words[] = {
    "AGGREGATION_TEMPORALITY_UNSPECIFIED", "AGGREGATION_TEMPORALITY_DELTA", "AGGREGATION_TEMPORALITY_CUMULATIVE", NULL
};

static const struct otlp_field exemplar_fields[] = {
    [OTLP_EXEMPLAR_TIME]     = { OTLP_FIXED64, false, "timeUnixNano" },
    [OTLP_EXEMPLAR_REAL]     = { OTLP_DOUBLE, false, "asDouble" },
    [OTLP_EXEMPLAR_SPAN_ID]  = { OTLP_ID, false, "spanId" },
    [OTLP_EXEMPLAR_TRACE_ID] = { OTLP_ID, false, "traceId" },
    [OTLP_EXEMPLAR_INT]      = { OTLP_SFIXED64, false, "asInt" },
    [OTLP_EXEMPLAR_ATTRS]    = { OTLP_MESSAGE, true, "filteredAttributes", &key_value },
};
static const struct otlp_message exemplar = { MESSAGE_OF("Exemplar", exemplar_fields) };

static const struct otlp_field number_fields[] = {
    [OTLP_NUMBER_START]     = { OTLP_FIXED64, false, "startTimeUnixNano" },
    [OTLP_NUMBER_TIME]      = { OTLP_FIXED64, false, "timeUnixNano" },
    [OTLP_NUMBER_REAL]      = { OTLP_DOUBLE, false, "asDouble" },
    [OTLP_NUMBER_EXEMPLARS] = { OTLP_MESSAGE, true, "exemplars", &exemplar },
    [OTLP_NUMBER_INT]       = { OTLP_SFIXED64, false, "asInt" },
    [OTLP_NUMBER_ATTRS]     = { OTLP_MESSAGE, true, "attributes", &key_value },
    [OTLP_NUMBER_FLAGS]     = { OTLP_UINT32, false, "flags" },
};
static const struct otlp_message number = { MESSAGE_OF("NumberDataPoint", number_fields), .role = OTLP_NUMBER };

static const struct otlp_field histogram_fields[] = {
    [OTLP_HISTOGRAM_START]     = { OTLP_FIXED64, false, "startTimeUnixNano" },
    [OTLP_HISTOGRAM_TIME]      = { OTLP_FIXED64, false, "timeUnixNano" },
    [OTLP_HISTOGRAM_COUNT]     = { OTLP_FIXED64, false, "count" },
    [OTLP_HISTOGRAM_SUM]       = { OTLP_DOUBLE, false, "sum" },
    [OTLP_HISTOGRAM_COUNTS]    = { OTLP_FIXED64, true, "bucketCounts" },
    [OTLP_HISTOGRAM_BOUNDS]    = { OTLP_DOUBLE, true, "explicitBounds" },
    [OTLP_HISTOGRAM_EXEMPLARS] = { OTLP_MESSAGE, true, "exemplars", &exemplar },
    [OTLP_HISTOGRAM_ATTRS]     = { OTLP_MESSAGE, true, "attributes", &key_value },
    [OTLP_HISTOGRAM_FLAGS]     = { OTLP_UINT32, false, "flags" },
    [OTLP_HISTOGRAM_MIN]       = { OTLP_DOUBLE, false, "min" },
    [OTLP_HISTOGRAM_MAX]       = { OTLP_DOUBLE, false, "max" },
};
static const struct otlp_message histogram = { MESSAGE_OF("HistogramDataPoint", histogram_fields), .role = OTLP_HISTOGRAM };

static const struct otlp_field buckets_fields[] = {
    [OTLP_BUCKETS_OFFSET] = { OTLP_SINT32, false, "offset" },
    [OTLP_BUCKETS_COUNTS] = { OTLP_UINT64, true, "bucketCounts" },
};
static const struct otlp_message buckets = { MESSAGE_OF("Buckets", buckets_fields) };

static const struct otlp_field exponential_fields[] = {
    [OTLP_EXPONENTIAL_ATTRS]          = { OTLP_MESSAGE, true, "attributes", &key_value },
    [OTLP_EXPONENTIAL_START]          = { OTLP_FIXED64, false, "startTimeUnixNano" },
    [OTLP_EXPONENTIAL_TIME]           = { OTLP_FIXED64, false, "timeUnixNano" },
    [OTLP_EXPONENTIAL_COUNT]          = { OTLP_FIXED64, false, "count" },
    [OTLP_EXPONENTIAL_SUM]            = { OTLP_DOUBLE, false, "sum" },
    [OTLP_EXPONENTIAL_SCALE]          = { OTLP_SINT32, false, "scale" },
    [OTLP_EXPONENTIAL_ZERO_COUNT]     = { OTLP_FIXED64, false, "zeroCount" },
    [OTLP_EXPONENTIAL_POSITIVE]       = { OTLP_MESSAGE, false, "positive", &buckets },
    [OTLP_EXPONENTIAL_NEGATIVE]       = { OTLP_MESSAGE, false, "negative", &buckets },
    [OTLP_EXPONENTIAL_FLAGS]          = { OTLP_UINT32, false, "flags" },
    [OTLP_EXPONENTIAL_EXEMPLARS]      = { OTLP_MESSAGE, true, "exemplars", &exemplar },
    [OTLP_EXPONENTIAL_MIN]            = { OTLP_DOUBLE, false, "min" },
    [OTLP_EXPONENTIAL_MAX]            = { OTLP_DOUBLE, false, "max" },
    [OTLP_EXPONENTIAL_ZERO_THRESHOLD] = { OTLP_DOUBLE, false, "zeroThreshold" },
};
static const struct otlp_message exponential = { MESSAGE_OF("ExponentialHistogramDataPoint", exponential_fields), .role = OTLP_POINT };

static const struct otlp_field quantile_fields[] = {
    [OTLP_QUANTILE_Q]     = { OTLP_DOUBLE, false, "quantile" },
    [OTLP_QUANTILE_VALUE] = { OTLP_DOUBLE, false, "value" },
};
static const struct otlp_message quantile = { MESSAGE_OF("ValueAtQuantile", quantile_fields) };

static const struct otlp_field summary_fields[] = {
    [OTLP_SUMMARY_START]     = { OTLP_FIXED64, false, "startTimeUnixNano" },
    [OTLP_SUMMARY_TIME]      = { OTLP_FIXED64, false, "timeUnixNano" },
    [OTLP_SUMMARY_COUNT]     = { OTLP_FIXED64, false, "count" },
    [OTLP_SUMMARY_SUM]       = { OTLP_DOUBLE, false, "sum" },
    [OTLP_SUMMARY_QUANTILES] = { OTLP_MESSAGE, true, "quantileValues", &quantile },
    [OTLP_SUMMARY_ATTRS]     = { OTLP_MESSAGE, true, "attributes", &key_value },
    [OTLP_SUMMARY_FLAGS]     = { OTLP_UINT32, false, "flags" },
};
static const struct otlp_message summary = { MESSAGE_OF("SummaryDataPoint", summary_fields), .role = OTLP_POINT };

/* Gauge, Sum, Histogram, ExponentialHistogram, Summary: field numbers are the same where they have the field. */
static const struct otlp_field gauge_fields[] = { [OTLP_DATA_POINTS] = { OTLP_MESSAGE, true, "dataPoints", &number } };
static const struct otlp_field sum_fields[] = {
    [OTLP_DATA_POINTS]      = { OTLP_MESSAGE, true, "dataPoints", &number },
    [OTLP_DATA_TEMPORALITY] = { OTLP_ENUM, false, "aggregationTemporality", .words = temporality_words },
    [OTLP_DATA_MONOTONIC]   = { OTLP_BOOL, false, "isMonotonic" },
};
static const struct otlp_field histograms_fields[] = {
    [OTLP_DATA_POINTS]      = { OTLP_MESSAGE, true, "dataPoints", &histogram },
    [OTLP_DATA_TEMPORALITY] = { OTLP_ENUM, false, "aggregationTemporality", .words = temporality_words },
};
static const struct otlp_field exponentials_fields[] = {
    [OTLP_DATA_POINTS]      = { OTLP_MESSAGE, true, "dataPoints", &exponential },
    [OTLP_DATA_TEMPORALITY] = { OTLP_ENUM, false, "aggregationTemporality", .words = temporality_words },
};
static const struct otlp_field summaries_fields[] = { [OTLP_DATA_POINTS] = { OTLP_MESSAGE, true, "dataPoints", &summary } };
static const struct otlp_message gauges = { MESSAGE_OF("Gauge", gauge_fields) };
static const struct otlp_message sums = { MESSAGE_OF("Sum", sum_fields) };
static const struct otlp_message histograms = { MESSAGE_OF("Histogram", histograms_fields) };
static const struct otlp_message exponentials = { MESSAGE_OF("ExponentialHistogram", exponentials_fields) };
static const struct otlp_message summaries = { MESSAGE_OF("Summary", summaries_fields) };

static const struct otlp_field metric_fields[] = {
    [OTLP_METRIC_NAME]        = { OTLP_TEXT, false, "name" },
    [OTLP_METRIC_DESCRIPTION] = { OTLP_TEXT, false, "description" },
    [OTLP_METRIC_UNIT]        = { OTLP_TEXT, false, "unit" },
    [OTLP_METRIC_GAUGE]       = { OTLP_MESSAGE, false, "gauge", &gauges },
    [OTLP_METRIC_SUM]         = { OTLP_MESSAGE, false, "sum", &sums },
    [OTLP_METRIC_HISTOGRAM]   = { OTLP_MESSAGE, false, "histogram", &histograms },
    [OTLP_METRIC_EXPONENTIAL] = { OTLP_MESSAGE, false, "exponentialHistogram", &exponentials },
    [OTLP_METRIC_SUMMARY]     = { OTLP_MESSAGE, false, "summary", &summaries },
    [OTLP_METRIC_METADATA]    = { OTLP_MESSAGE, true, "metadata", &key_value },
};
static const struct otlp_message metric = { MESSAGE_OF("Metric", metric_fields), .role = OTLP_METRIC };

ENVELOPE(metrics, "ExportMetricsServiceRequest", "ResourceMetrics", "resourceMetrics", "ScopeMetrics", "scopeMetrics", "metrics", metric)

/* ---- traces ---- */

static const char *const kind_words[] = {
    "SPAN_KIND_UNSPECIFIED", "SPAN_KIND_INTERNAL", "SPAN_KIND_SERVER", "SPAN_KIND_CLIENT", "SPAN_KIND_PRODUCER", "SPAN_KIND_CONSUMER", NULL
};
static const char *const status_words[] = { "STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR", NULL };

static const struct otlp_field span_event_fields[] = {
    [OTLP_SPAN_EVENT_TIME]    = { OTLP_FIXED64, false, "timeUnixNano" },
    [OTLP_SPAN_EVENT_NAME]    = { OTLP_TEXT, false, "name" },
    [OTLP_SPAN_EVENT_ATTRS]   = { OTLP_MESSAGE, true, "attributes", &key_value },
    [OTLP_SPAN_EVENT_DROPPED] = { OTLP_UINT32, false, "droppedAttributesCount" },
};
static const struct otlp_message span_event = { MESSAGE_OF("Span.Event", span_event_fields) };

static const struct otlp_field link_fields[] = {
    [OTLP_LINK_TRACE_ID] = { OTLP_ID, false, "traceId" },
    [OTLP_LINK_SPAN_ID]  = { OTLP_ID, false, "spanId" },
    [OTLP_LINK_STATE]    = { OTLP_TEXT, false, "traceState" },
    [OTLP_LINK_ATTRS]    = { OTLP_MESSAGE, true, "attributes", &key_value },
    [OTLP_LINK_DROPPED]  = { OTLP_UINT32, false, "droppedAttributesCount" },
    [OTLP_LINK_FLAGS]    = { OTLP_FIXED32, false, "flags" },
};
static const struct otlp_message span_link = { MESSAGE_OF("Span.Link", link_fields) };

static const struct otlp_field status_fields[] = {
    [OTLP_STATUS_MESSAGE] = { OTLP_TEXT, false, "message" },
    [OTLP_STATUS_CODE]    = { OTLP_ENUM, false, "code", .words = status_words },
};
static const struct otlp_message status = { MESSAGE_OF("Status", status_fields) };

static const struct otlp_field span_fields[] = {
    [OTLP_SPAN_TRACE_ID]       = { OTLP_ID, false, "traceId" },
    [OTLP_SPAN_SPAN_ID]        = { OTLP_ID, false, "spanId" },
    [OTLP_SPAN_STATE]          = { OTLP_TEXT, false, "traceState" },
    [OTLP_SPAN_PARENT]         = { OTLP_ID, false, "parentSpanId" },
    [OTLP_SPAN_NAME]           = { OTLP_TEXT, false, "name" },
    [OTLP_SPAN_KIND]           = { OTLP_ENUM, false, "kind", .words = kind_words },
    [OTLP_SPAN_START]          = { OTLP_FIXED64, false, "startTimeUnixNano" },
    [OTLP_SPAN_END]            = { OTLP_FIXED64, false, "endTimeUnixNano" },
    [OTLP_SPAN_ATTRS]          = { OTLP_MESSAGE, true, "attributes", &key_value },
    [OTLP_SPAN_DROPPED]        = { OTLP_UINT32, false, "droppedAttributesCount" },
    [OTLP_SPAN_EVENTS]         = { OTLP_MESSAGE, true, "events", &span_event },
    [OTLP_SPAN_DROPPED_EVENTS] = { OTLP_UINT32, false, "droppedEventsCount" },
    [OTLP_SPAN_LINKS]          = { OTLP_MESSAGE, true, "links", &span_link },
    [OTLP_SPAN_DROPPED_LINKS]  = { OTLP_UINT32, false, "droppedLinksCount" },
    [OTLP_SPAN_STATUS]         = { OTLP_MESSAGE, false, "status", &status },
    [OTLP_SPAN_FLAGS]          = { OTLP_FIXED32, false, "flags" },
};
static const struct otlp_message span = { MESSAGE_OF("Span", span_fields), .role = OTLP_SPAN };

ENVELOPE(traces, "ExportTraceServiceRequest", "ResourceSpans", "resourceSpans", "ScopeSpans", "scopeSpans", "spans", span)

const struct otlp_message *otlp_request(enum otlp_signal signal)
{
    return signal == OTLP_LOGS ? &logs_request : signal == OTLP_METRICS ? &metrics_request : &traces_request;
}
