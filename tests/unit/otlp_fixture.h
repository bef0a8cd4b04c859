/*
 * tests/unit/otlp_fixture.h - a request of each signal in which every field says something, by hand from opentelemetry-proto, in both encodings.
 *
 * In the notation of wire_hex.h; fields stand in the order in which event/encode.c writes them.  What is a comment is the field's name there.
 */
#ifndef OTLP_FIXTURE_H
#define OTLP_FIXTURE_H

#define HEX_RESOURCE                                                                                                    \
    "0a{"                                   /* resource */                                                              \
    "  0a{ 0a{'service.name'} 12{ 0a{'cart'} } }"   /* attributes: key, value: string_value */                          \
    "  10 02 }"                             /* dropped_attributes_count */                                              \
    "1a{'http://r/1'}"                      /* schema_url */

#define HEX_SCOPE                                                                                                       \
    "0a{ 0a{'lib'} 12{'1.2'}"               /* scope: name, version */                                                  \
    "    1a{ 0a{'k'} 12{ 18 07 } }"         /* attributes: int_value */                                                 \
    "    20 01 }"                           /* dropped_attributes_count */                                              \
    "1a{'http://s/1'}"                      /* schema_url */

#define JSON_RESOURCE                                                                                                   \
    "\"resource\":{\"attributes\":[{\"key\":\"service.name\",\"value\":{\"stringValue\":\"cart\"}}],"                   \
    "\"droppedAttributesCount\":2},\"schemaUrl\":\"http://r/1\","
#define JSON_SCOPE                                                                                                      \
    "\"scope\":{\"name\":\"lib\",\"version\":\"1.2\",\"attributes\":[{\"key\":\"k\",\"value\":{\"intValue\":\"7\"}}],"  \
    "\"droppedAttributesCount\":1},\"schemaUrl\":\"http:\\/\\/s\\/1\","

#define TRACE_ID "000102030405060708090a0b0c0d0e0f"
#define SPAN_ID  "0102030405060708"

static const char logs_hex[] =
    "0a{" HEX_RESOURCE                      /* resource_logs */
    "12{" HEX_SCOPE                         /* scope_logs */
    "12{"                                   /* log_records */
    "  09 15cd5b0700000000"                 /* time_unix_nano 123456789 */
    "  10 11"                               /* severity_number ERROR */
    "  1a{'Err'}"                           /* severity_text */
    "  2a{ 32{"                             /* body: kvlist_value */
    "    0a{ 0a{'a'} 12{ 2a{"               /* values: key, value: array_value */
    "      0a{ 18 feffffffffffffffff01 }"   /* values: int_value -2 */
    "      0a{ 10 01 }"                     /* bool_value */
    "      0a{ 21 000000000000f83f }"       /* double_value 1.5 */
    "      0a{ 3a{ 00ff } }"                /* bytes_value */
    "      0a{ }"                           /* none */
    "      0a{ 0a{ } }"                     /* string_value, empty */
    "    } } } } }"
    "  32{ 0a{'http.method'} 12{ 0a{'GET'} } }"   /* attributes */
    "  38 03"                               /* dropped_attributes_count */
    "  45 01000000"                         /* flags */
    "  4a{" TRACE_ID "}"                    /* trace_id */
    "  52{" SPAN_ID "}"                     /* span_id */
    "  59 16cd5b0700000000"                 /* observed_time_unix_nano */
    "  62{'oops'}"                          /* event_name */
    "} } }";

static const char logs_json[] =
    "{\"resourceLogs\":[{" JSON_RESOURCE "\"scopeLogs\":[{" JSON_SCOPE "\"logRecords\":[{"
    "\"timeUnixNano\":\"123456789\",\"severityNumber\":17,\"severityText\":\"Err\","
    "\"body\":{\"kvlistValue\":{\"values\":[{\"key\":\"a\",\"value\":{\"arrayValue\":{\"values\":["
    "{\"intValue\":\"-2\"},{\"boolValue\":true},{\"doubleValue\":1.5},{\"bytesValue\":\"AP8=\"},{},{\"stringValue\":\"\"}]}}}]}},"
    "\"attributes\":[{\"key\":\"http.method\",\"value\":{\"stringValue\":\"\\u0047ET\"}}],\"droppedAttributesCount\":3,\"flags\":1,"
    "\"traceId\":\"" TRACE_ID "\",\"spanId\":\"" SPAN_ID "\",\"observedTimeUnixNano\":123456790,\"eventName\":\"oops\",\"unknown\":{\"x\":[1]},"
    "\"severityText\":null}]}]}]}";

static const char metrics_hex[] =
    "0a{" HEX_RESOURCE                      /* resource_metrics */
    "12{" HEX_SCOPE                         /* scope_metrics */
    "12{ 0a{'load'} 12{'how busy'} 1a{'1'}" /* metrics: name, description, unit */
    "  2a{ 0a{"                             /* gauge: data_points */
    "    11 0100000000000000"               /* start_time_unix_nano */
    "    19 0200000000000000"               /* time_unix_nano */
    "    21 000000000000e03f"               /* as_double 0.5 */
    "    3a{ 0a{'cpu'} 12{ 18 00 } } } } }" /* attributes */
    "12{ 0a{'hits'}"
    "  3a{ 0a{"                             /* sum: data_points */
    "    19 0200000000000000"
    "    31 ffffffffffffff7f"               /* as_int 2^63-1 */
    "    2a{ 11 0500000000000000"           /* exemplars: time_unix_nano */
    "        19 000000000000f03f"           /*   as_double 1 */
    "        22{" SPAN_ID "} 2a{" TRACE_ID "}"  /*   span_id, trace_id */
    "        3a{ 0a{'u'} 12{ 0a{'me'} } } } }"  /*   filtered_attributes */
    "  0a{ 19 0300000000000000 40 01 }"     /* data_points: flags: no recorded value */
    "  10 02 18 01 } }"                     /* aggregation_temporality CUMULATIVE, is_monotonic */
    "12{ 0a{'took'}"
    "  4a{ 0a{"                             /* histogram: data_points */
    "    19 0200000000000000"
    "    21 0600000000000000"               /* count 6 */
    "    29 0000000000002440"               /* sum 10 */
    "    32{ 0100000000000000 0200000000000000 0300000000000000 }"   /* bucket_counts */
    "    3a{ 000000000000f03f 0000000000000040 }"                    /* explicit_bounds 1, 2 */
    "    59 000000000000e03f"               /* min 0.5 */
    "    61 0000000000001440 }"             /* max 5 */
    "  10 01 } }"                           /* DELTA */
    "12{ 0a{'size'}"
    "  52{ 0a{"                             /* exponential_histogram: data_points */
    "    0a{ 0a{'p'} 12{ 10 00 } }"         /* attributes: bool_value false */
    "    19 0200000000000000"
    "    21 0600000000000000"               /* count */
    "    30 03"                             /* scale -2 */
    "    39 0100000000000000"               /* zero_count */
    "    42{ 08 01 12{ 01 ac02 } }"         /* positive: offset -1, bucket_counts 1, 300 */
    "    4a{ 12{ 04 } }"                    /* negative */
    "    71 000000000000e03f }"             /* zero_threshold 0.5 */
    "  10 02 } }"
    "12{ 0a{'rpc'}"
    "  5a{ 0a{"                             /* summary: data_points */
    "    19 0200000000000000"
    "    21 0600000000000000"               /* count */
    "    29 0000000000002440"               /* sum */
    "    32{ 09 000000000000e03f 11 0000000000000040 } } } }"   /* quantile_values: quantile 0.5, value 2 */
    "12{ 0a{'build'} 2a{ 0a{ 19 0200000000000000 21 000000000000f03f } }"
    "  62{ 0a{'prometheus.type'} 12{ 0a{'info'} } } }"   /* metadata */
    "} }";

static const char metrics_json[] =
    "{\"resourceMetrics\":[{" JSON_RESOURCE "\"scopeMetrics\":[{" JSON_SCOPE "\"metrics\":["
    "{\"name\":\"load\",\"description\":\"how busy\",\"unit\":\"1\",\"gauge\":{\"dataPoints\":[{\"startTimeUnixNano\":\"1\",\"timeUnixNano\":\"2\",\"asDouble\":0.5,"
    "\"attributes\":[{\"key\":\"cpu\",\"value\":{\"intValue\":0}}]}]}},"
    "{\"name\":\"hits\",\"sum\":{\"dataPoints\":[{\"timeUnixNano\":\"2\",\"asInt\":\"9223372036854775807\",\"exemplars\":[{\"timeUnixNano\":\"5\",\"asDouble\":1,"
    "\"spanId\":\"" SPAN_ID "\",\"traceId\":\"" TRACE_ID "\",\"filteredAttributes\":[{\"key\":\"u\",\"value\":{\"stringValue\":\"me\"}}]}]},"
    "{\"timeUnixNano\":\"3\",\"flags\":1}],\"aggregationTemporality\":2,\"isMonotonic\":true}},"
    "{\"name\":\"took\",\"histogram\":{\"dataPoints\":[{\"timeUnixNano\":\"2\",\"count\":\"6\",\"sum\":10,\"bucketCounts\":[\"1\",2,\"3\"],\"explicitBounds\":[1,2.0],"
    "\"min\":0.5,\"max\":5}],\"aggregationTemporality\":\"AGGREGATION_TEMPORALITY_DELTA\"}},"
    "{\"name\":\"size\",\"exponentialHistogram\":{\"dataPoints\":[{\"attributes\":[{\"key\":\"p\",\"value\":{\"boolValue\":false}}],\"timeUnixNano\":\"2\",\"count\":6,"
    "\"scale\":-2,\"zeroCount\":1,\"positive\":{\"offset\":-1,\"bucketCounts\":[1,\"300\"]},\"negative\":{\"bucketCounts\":[4]},\"zeroThreshold\":0.5}],"
    "\"aggregationTemporality\":2}},"
    "{\"name\":\"rpc\",\"summary\":{\"dataPoints\":[{\"timeUnixNano\":\"2\",\"count\":\"6\",\"sum\":10,\"quantileValues\":[{\"quantile\":0.5,\"value\":2}]}]}},"
    "{\"name\":\"build\",\"gauge\":{\"dataPoints\":[{\"timeUnixNano\":\"2\",\"asDouble\":1}]},\"metadata\":[{\"key\":\"prometheus.type\",\"value\":{\"stringValue\":\"info\"}}]}"
    "]}]}]}";

static const char traces_hex[] =
    "0a{" HEX_RESOURCE                      /* resource_spans */
    "12{" HEX_SCOPE                         /* scope_spans */
    "12{"                                   /* spans */
    "  0a{" TRACE_ID "} 12{" SPAN_ID "}"    /* trace_id, span_id */
    "  1a{'a=b'}"                           /* trace_state */
    "  22{ 1111111111111111 }"              /* parent_span_id */
    "  2a{'GET /'}"                         /* name */
    "  30 02"                               /* kind SERVER */
    "  39 0100000000000000"                 /* start_time_unix_nano */
    "  41 0200000000000000"                 /* end_time_unix_nano */
    "  4a{ 0a{'k'} 12{ 21 000000000000f87f } }"   /* attributes: double_value NaN */
    "  50 01"                               /* dropped_attributes_count */
    "  5a{ 09 0300000000000000 12{'retry'}" /* events: time_unix_nano, name */
    "      1a{ 0a{'n'} 12{ 18 01 } } 20 04 }"     /*   attributes, dropped_attributes_count */
    "  60 05"                               /* dropped_events_count */
    "  6a{ 0a{" TRACE_ID "} 12{" SPAN_ID "} 1a{'c=d'}"   /* links: trace_id, span_id, trace_state */
    "      22{ 0a{'l'} 12{ 10 01 } } 28 06 35 01000000 }"   /*   attributes, dropped_attributes_count, flags */
    "  70 07"                               /* dropped_links_count */
    "  7a{ 12{'boom'} 18 02 }"              /* status: message, code ERROR */
    "  8501 01030000"                       /* flags */
    "} } }";

static const char traces_json[] =
    "{\"resourceSpans\":[{" JSON_RESOURCE "\"scopeSpans\":[{" JSON_SCOPE "\"spans\":[{"
    "\"traceId\":\"000102030405060708090A0B0C0D0E0F\",\"spanId\":\"" SPAN_ID "\",\"traceState\":\"a=b\",\"parentSpanId\":\"1111111111111111\",\"name\":\"GET /\","
    "\"kind\":2,\"startTimeUnixNano\":\"1\",\"endTimeUnixNano\":2,\"attributes\":[{\"key\":\"k\",\"value\":{\"doubleValue\":\"NaN\"}}],\"droppedAttributesCount\":1,"
    "\"events\":[{\"timeUnixNano\":\"3\",\"name\":\"retry\",\"attributes\":[{\"key\":\"n\",\"value\":{\"intValue\":1}}],\"droppedAttributesCount\":4}],\"droppedEventsCount\":5,"
    "\"links\":[{\"traceId\":\"" TRACE_ID "\",\"spanId\":\"" SPAN_ID "\",\"traceState\":\"c=d\",\"attributes\":[{\"key\":\"l\",\"value\":{\"boolValue\":true}}],"
    "\"droppedAttributesCount\":\"6\",\"flags\":1}],\"droppedLinksCount\":7,\"status\":{\"message\":\"boom\",\"code\":\"STATUS_CODE_ERROR\"},\"flags\":769}]}]}]}";

#endif
