/* wire: OTLP requests are checked field by field, JSON means the same as protobuf, and replies are what senders expect. */
#include "unit.h"

#include "otlp_fixture.h"
#include "wire/otlp.h"
#include "wire/otlp_reply.h"
#include "wire/protobuf.h"
#include "wire_hex.h"

#include <stdio.h>

struct bench { struct text hex, out; struct otlp_count count; struct fault fault; };

static int set_up(void **state)
{
    static struct bench b;
    b = (struct bench){ 0 };
    text_init(&b.hex, 1u << 20);
    text_init(&b.out, 1u << 20);
    *state = &b;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *b = *state;
    text_done(&b->hex);
    text_done(&b->out);
    return 0;
}

static enum err check(struct bench *b, enum otlp_signal signal, const char *hex) { return otlp_check(signal, wire_hex(&b->hex, hex), &b->count, &b->fault); }

/* Items within one resource and scope. */
static enum err check_item(struct bench *b, enum otlp_signal signal, const char *hex)
{
    char all[4096];
    (void)snprintf(all, sizeof all, "0a{ 12{ %s } }", hex);
    return check(b, signal, all);
}

static void requests_written_by_hand_are_counted(void **state)
{
    struct bench *b = *state;
    assert_ok(check(b, OTLP_LOGS, logs_hex), &b->fault);
    assert_true(b->count.items == 1 && b->count.rejected == 0 && b->count.bad_text == 0 && b->count.too_deep == 0);
    assert_ok(check(b, OTLP_METRICS, metrics_hex), &b->fault);
    assert_true(b->count.items == 7 && b->count.rejected == 0);
    assert_ok(check(b, OTLP_TRACES, traces_hex), &b->fault);
    assert_true(b->count.items == 1 && b->count.rejected == 0);
    assert_ok(check(b, OTLP_TRACES, ""), &b->fault);
    assert_int_equal(b->count.items, 0);
}

static void json_becomes_the_bytes_written_by_hand(void **state)
{
    struct bench *b = *state;
    assert_ok(otlp_from_json(OTLP_LOGS, slice_of(logs_json), &b->out, &b->fault), &b->fault);
    struct slice want = wire_hex(&b->hex, logs_hex);
    assert_int_equal(b->out.used, want.n);
    assert_memory_equal(b->out.s, want.s, want.n);
    text_clear(&b->out);
    assert_ok(otlp_from_json(OTLP_TRACES, slice_of(traces_json), &b->out, &b->fault), &b->fault);
    want = wire_hex(&b->hex, traces_hex);
    assert_int_equal(b->out.used, want.n);
    assert_memory_equal(b->out.s, want.s, want.n);
    text_clear(&b->out);
    assert_ok(otlp_from_json(OTLP_METRICS, slice_of(metrics_json), &b->out, &b->fault), &b->fault);
    assert_ok(otlp_check(OTLP_METRICS, (struct slice){ b->out.s, b->out.used }, &b->count, &b->fault), &b->fault);
    assert_true(b->count.items == 7 && b->count.rejected == 0);
}

/* Who prints messages with the names of the .proto files would else be told that all is well, and nothing would be kept. */
static void json_in_snake_case_is_the_same_request(void **state)
{
    struct bench *b = *state;
    const char   *snake = "{\"resource_logs\":[{\"scope_logs\":[{\"log_records\":[{\"time_unix_nano\":\"7\",\"severity_text\":\"warn\",\"trace_id\":\"5b8efff798038103d269b633813fc60c\","
                          "\"time_unix_\":1,\"_time_unix_nano\":1,\"timeunix_nano\":1,\"body\":{\"string_value\":\"x\"}}]}]}]}";
    const char   *camel = "{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[{\"timeUnixNano\":\"7\",\"severityText\":\"warn\",\"traceId\":\"5b8efff798038103d269b633813fc60c\","
                          "\"body\":{\"stringValue\":\"x\"}}]}]}]}";
    struct text   other CLEANUP(text_done);
    text_init(&other, 4096);
    assert_ok(otlp_from_json(OTLP_LOGS, slice_of(snake), &b->out, &b->fault), &b->fault);
    assert_ok(otlp_from_json(OTLP_LOGS, slice_of(camel), &other, &b->fault), &b->fault);
    assert_int_equal(b->out.used, other.used);
    assert_memory_equal(b->out.s, other.s, other.used);
}

static void a_request_of_which_nothing_is_known_is_strange_and_an_empty_one_is_not(void **state)
{
    (void)state;
    assert_true(otlp_json_is_strange(OTLP_METRICS, slice_of("{\"resourceLogs\":[{\"scopeLogs\":[]}]}")));
    assert_false(otlp_json_is_strange(OTLP_LOGS, slice_of("{\"other\":{\"a\":[1]},\"resourceLogs\":[]}")));
    assert_false(otlp_json_is_strange(OTLP_LOGS, slice_of("{\"resource_logs\":[]}")));
    assert_false(otlp_json_is_strange(OTLP_LOGS, slice_of("{}")));
}

/* Cut anywhere, the length of the outermost message is longer than what is left, but for its very beginning. */
static void a_request_that_was_cut_off_is_malformed(void **state)
{
    struct bench *b = *state;
    static const char *const all[] = { [OTLP_LOGS] = logs_hex, [OTLP_METRICS] = metrics_hex, [OTLP_TRACES] = traces_hex };
    for (int s = 0; s < 3; s++) {
        struct slice whole = wire_hex(&b->hex, all[s]);
        for (size_t n = 1; n < whole.n; n++)
            assert_int_equal(otlp_check((enum otlp_signal)s, (struct slice){ whole.s, n }, &b->count, &b->fault), ERR_INPUT);
    }
}

static void what_is_malformed_inside_is_found_and_named(void **state)
{
    struct bench *b = *state;
    assert_int_equal(check_item(b, OTLP_LOGS, "12{ 09 00 }"), ERR_INPUT);
    assert_string_equal(b->fault.text, "malformed protobuf: LogRecord breaks off or has an impossible field near byte 7 of 8");
    assert_int_equal(check_item(b, OTLP_LOGS, "12{ 2a{ 2a{ 0a{ 18 } } } }"), ERR_INPUT);
    assert_non_null(strstr(b->fault.text, "AnyValue"));
    assert_int_equal(check_item(b, OTLP_LOGS, "0a{ 0a 05 'x' }"), ERR_INPUT);
    assert_non_null(strstr(b->fault.text, "InstrumentationScope"));
    assert_int_equal(check_item(b, OTLP_METRICS, "12{ 4a{ 0a{ 32{ 00000000 } } } }"), ERR_INPUT);      /* half a bucket count */
    assert_non_null(strstr(b->fault.text, "HistogramDataPoint"));
    assert_int_equal(check_item(b, OTLP_METRICS, "12{ 52{ 0a{ 42{ 12{ 80 } } } } }"), ERR_INPUT);      /* half a varint */
    assert_non_null(strstr(b->fault.text, "Buckets"));
    assert_int_equal(check_item(b, OTLP_TRACES, "12{ 0a{" TRACE_ID "} 12{" SPAN_ID "} 7a{ 03 } }"), ERR_INPUT);   /* a group */
    assert_non_null(strstr(b->fault.text, "Status"));
}

static void unknown_fields_and_fields_of_another_type_are_skipped(void **state)
{
    struct bench *b = *state;
    assert_ok(check_item(b, OTLP_LOGS, "12{ f8ff01 01  f9ff01 0000000000000000  fa07{ 'any bytes' 00 }  fdff01 00000000  08 01  1d 00000000 }"), &b->fault);
    assert_int_equal(b->count.items, 1);
}

static void a_span_without_valid_ids_is_rejected_and_counted(void **state)
{
    struct bench *b = *state;
    assert_ok(check_item(b, OTLP_TRACES,
        "12{ 0a{" TRACE_ID "} 12{" SPAN_ID "} }"
        "12{ 0a{ 00000000000000000000000000000000 } 12{" SPAN_ID "} }"     /* all zero */
        "12{ 0a{ 0102030405060708 } 12{" SPAN_ID "} }"                     /* too short */
        "12{ 12{" SPAN_ID "} }"
        "12{ 0a{" TRACE_ID "} }"
        "12{ 0a{" TRACE_ID "} 12{ 0000000000000000 } }"), &b->fault);
    assert_true(b->count.items == 1 && b->count.rejected == 5);
    assert_string_equal(b->count.why, "a span without a valid trace id");
}

static void a_point_that_says_nothing_is_rejected_and_counted(void **state)
{
    struct bench *b = *state;
    assert_ok(check_item(b, OTLP_METRICS,
        "12{ 0a{'m'} 2a{ 0a{ 19 0200000000000000 }"                  /* no value */
        "        0a{ 40 01 }"                                        /* none, and it says so */
        "        0a{ 31 0000000000000000 } } }"                      /* zero is a value */
        "12{ 0a{'m'} 4a{ 0a{ 32{ 0100000000000000 } 3a{ 000000000000f03f } }"  /* one count for one bound */
        "        0a{ 31 0100000000000000 31 0100000000000000 39 000000000000f03f }"   /* two counts for one bound, not packed */
        "        0a{ 21 0100000000000000 } } }"), &b->fault);        /* neither */
    assert_true(b->count.items == 4 && b->count.rejected == 2);
    assert_string_equal(b->count.why, "a point without a value");
}

static void of_a_oneof_the_last_counts(void **state)
{
    struct bench *b = *state;
    assert_ok(check_item(b, OTLP_METRICS, "12{ 0a{'m'} 2a{ 0a{ 31 0000000000000000 } 0a{ 31 0000000000000000 } } 3a{ 0a{ 31 0000000000000000 } } }"), &b->fault);
    assert_int_equal(b->count.items, 1);
}

static void the_points_of_a_metric_without_a_name_are_rejected_and_those_beside_it_are_not(void **state)
{
    struct bench *b = *state;
    assert_ok(check_item(b, OTLP_METRICS,
        "12{ 2a{ 0a{ 31 0000000000000000 } 0a{ 31 0000000000000000 } } }"       /* none */
        "12{ 5a{ 0a{ } } 0a{ 'm' } 0a{ } }"                                     /* the last one is empty */
        "12{ 5a{ 0a{ } } 0a{ 'm' } }"), &b->fault);                             /* the name may stand behind */
    assert_true(b->count.items == 1 && b->count.rejected == 3);
    assert_string_equal(b->count.why, "a metric without a name");
}

static void bad_text_is_counted_and_not_refused(void **state)
{
    struct bench *b = *state;
    assert_ok(check_item(b, OTLP_LOGS, "12{ 1a{ ff } 2a{ 0a{ c3 } } 32{ 0a{ 'a' fe } } 4a{ ff } }"), &b->fault);      /* the id is no text */
    assert_true(b->count.items == 1 && b->count.bad_text == 3);
}

static void values_within_values_are_looked_into_only_so_deep(void **state)
{
    struct bench *b = *state;
    for (int deep = OTLP_VALUE_DEPTH_MAX; deep <= OTLP_VALUE_DEPTH_MAX + 3; deep++) {
        char   hex[2048];
        size_t used = (size_t)snprintf(hex, sizeof hex, "0a{ 12{ 12{ 2a{");
        for (int i = 1; i < deep; i++)
            used += (size_t)snprintf(hex + used, sizeof hex - used, "2a{ 0a{");
        for (int i = 1; i < deep; i++)
            used += (size_t)snprintf(hex + used, sizeof hex - used, "} }");
        (void)snprintf(hex + used, sizeof hex - used, "} } } }");
        assert_ok(check(b, OTLP_LOGS, hex), &b->fault);
        assert_int_equal(b->count.too_deep, deep > OTLP_VALUE_DEPTH_MAX);
    }
}

static void values_too_deep_in_json_are_counted_as_in_protobuf(void **state)
{
    struct bench *b = *state;
    for (int deep = OTLP_VALUE_DEPTH_MAX; deep <= OTLP_VALUE_DEPTH_MAX + 3; deep++) {
        char   json[4096];
        size_t used = (size_t)snprintf(json, sizeof json, "{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[{\"body\":{");
        for (int i = 1; i < deep; i++)
            used += (size_t)snprintf(json + used, sizeof json - used, "\"arrayValue\":{\"values\":[{");
        for (int i = 1; i < deep; i++)
            used += (size_t)snprintf(json + used, sizeof json - used, "}]}");
        (void)snprintf(json + used, sizeof json - used, "}}]}]}]}");
        text_clear(&b->out);
        assert_ok(otlp_from_json(OTLP_LOGS, slice_of(json), &b->out, &b->fault), &b->fault);
        assert_ok(otlp_check(OTLP_LOGS, (struct slice){ b->out.s, b->out.used }, &b->count, &b->fault), &b->fault);
        assert_int_equal(b->count.too_deep, deep > OTLP_VALUE_DEPTH_MAX);
    }
}

static void json_of_the_wrong_type_is_refused_with_its_place(void **state)
{
    struct bench *b = *state;
    static const struct { const char *json, *part; } wrong[] = {
        { "[]", "must be an object" },
        { "{\"resourceSpans\":{}}", "resourceSpans must be an array" },
        { "{\"resourceSpans\":[1]}", "resourceSpans must be an object" },
        { "{\"resourceSpans\":[{\"schemaUrl\":1}]}", "schemaUrl must be a text" },
        { "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"traceId\":\"xyz0\"}]}]}]}", "JSON at byte 60: traceId must be a text of hexadecimal digits" },
        { "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"traceId\":\"abc\"}]}]}]}", "hexadecimal" },
        { "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"startTimeUnixNano\":\"1.5\"}]}]}]}", "a whole number" },
        { "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"startTimeUnixNano\":-1}]}]}]}", "a whole number" },
        { "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"flags\":4294967296}]}]}]}", "32 bits" },
        { "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"kind\":\"SERVER\"}]}]}]}", "number of an enum" },
        { "{\"resourceSpans\":[{\"scopeSpans\":[{\"scope\":{\"attributes\":[{\"key\":\"a\",\"value\":{\"boolValue\":1}}]}}]}]}", "true or false" },
        { "{\"resourceSpans\":[{\"scopeSpans\":[{\"scope\":{\"attributes\":[{\"key\":\"a\",\"value\":{\"bytesValue\":\"a\"}}]}}]}]}", "base64" },
        { "{\"resourceSpans\":[{\"scopeSpans\":[{\"scope\":{\"attributes\":[{\"key\":\"a\",\"value\":{\"doubleValue\":\"x\"}}]}}]}]}", "a number" },
        { "{\"resourceSpans\":[]} x", "something after the end" },
        { "{\"resourceSpans\":[", "it ends too early" },
        { "{\"other\":[1,}", "no value" },
        { "", "it ends too early" },
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        text_clear(&b->out);
        if (otlp_from_json(OTLP_TRACES, slice_of(wrong[i].json), &b->out, &b->fault) != ERR_INPUT || !strstr(b->fault.text, wrong[i].part))
            fail_msg("%s: %s", wrong[i].json, b->fault.text);
    }
    struct text small;
    text_init(&small, 8);
    assert_int_equal(otlp_from_json(OTLP_LOGS, slice_of(logs_json), &small, &b->fault), ERR_LIMIT);
    text_done(&small);
}

static void a_full_success_says_nothing_and_a_partial_one_how_many(void **state)
{
    struct bench *b = *state;
    otlp_success_protobuf(&b->out, 0, SLICE(""));
    assert_int_equal(b->out.used, 0);
    otlp_success_protobuf(&b->out, 3, SLICE("why"));
    struct slice want = wire_hex(&b->hex, "0a{ 08 03 12{'why'} }");      /* partial_success: rejected, error_message */
    assert_true(slice_same(want, (struct slice){ b->out.s, b->out.used }));
    text_clear(&b->out);
    otlp_success_json(&b->out, OTLP_TRACES, 0, SLICE(""));
    assert_string_equal(b->out.s, "{}");
    text_clear(&b->out);
    otlp_success_json(&b->out, OTLP_METRICS, 3, SLICE("a \"b\"\n\x01\xff\xc3\xbc"));
    assert_string_equal(b->out.s, "{\"partialSuccess\":{\"rejectedDataPoints\":\"3\",\"errorMessage\":\"a \\\"b\\\"\\n\\u0001\xef\xbf\xbd\xc3\xbc\"}}");
    text_clear(&b->out);
    otlp_success_json(&b->out, OTLP_LOGS, 1, SLICE(""));
    assert_string_equal(b->out.s, "{\"partialSuccess\":{\"rejectedLogRecords\":\"1\"}}");
}

static void a_status_carries_when_to_try_again(void **state)
{
    struct bench *b = *state;
    otlp_status_protobuf(&b->out, GRPC_UNAVAILABLE, SLICE("busy"), 1500);
    struct slice want = wire_hex(&b->hex,
        "08 0e 12{'busy'}"                                                         /* code, message */
        "1a{ 0a{'type.googleapis.com/google.rpc.RetryInfo'}"                       /* details: Any: type_url */
        "    12{ 0a{ 08 01 10 80cab5ee01 } } }");                                  /* value: RetryInfo.retry_delay: 1 s, 500000000 ns */
    assert_int_equal(b->out.used, want.n);
    assert_memory_equal(b->out.s, want.s, want.n);
    text_clear(&b->out);
    otlp_status_json(&b->out, GRPC_UNAVAILABLE, SLICE("busy"), 1500);
    assert_string_equal(b->out.s,
        "{\"code\":14,\"message\":\"busy\",\"details\":[{\"@type\":\"type.googleapis.com/google.rpc.RetryInfo\",\"retryDelay\":\"1.500s\"}]}");
    text_clear(&b->out);
    otlp_status_protobuf(&b->out, GRPC_INVALID_ARGUMENT, SLICE("no"), 0);
    assert_true(slice_same(wire_hex(&b->hex, "08 03 12{'no'}"), (struct slice){ b->out.s, b->out.used }));
    text_clear(&b->out);
    grpc_message_put(&b->out, SLICE("100% \xc3\xbc~\n"));
    assert_string_equal(b->out.s, "100%25 %C3%BC~%0A");
    assert_true(grpc_retried(GRPC_UNAVAILABLE, false) && !grpc_retried(GRPC_RESOURCE_EXHAUSTED, false) && grpc_retried(GRPC_RESOURCE_EXHAUSTED, true));
    assert_true(!grpc_retried(GRPC_INTERNAL, true) && !grpc_retried(GRPC_UNKNOWN, true));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(requests_written_by_hand_are_counted),
        TEST(json_becomes_the_bytes_written_by_hand),
        TEST(json_in_snake_case_is_the_same_request),
        TEST(a_request_of_which_nothing_is_known_is_strange_and_an_empty_one_is_not),
        TEST(a_request_that_was_cut_off_is_malformed),
        TEST(what_is_malformed_inside_is_found_and_named),
        TEST(unknown_fields_and_fields_of_another_type_are_skipped),
        TEST(a_span_without_valid_ids_is_rejected_and_counted),
        TEST(a_point_that_says_nothing_is_rejected_and_counted),
        TEST(the_points_of_a_metric_without_a_name_are_rejected_and_those_beside_it_are_not),
        TEST(of_a_oneof_the_last_counts),
        TEST(bad_text_is_counted_and_not_refused),
        TEST(values_within_values_are_looked_into_only_so_deep),
        TEST(values_too_deep_in_json_are_counted_as_in_protobuf),
        TEST(json_of_the_wrong_type_is_refused_with_its_place),
        TEST(a_full_success_says_nothing_and_a_partial_one_how_many),
        TEST(a_status_carries_when_to_try_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
