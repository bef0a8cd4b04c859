/* wire/exposition: what the two forms allow, what they forbid, and where a limit bites. */
#include "unit.h"

#include "wire/exposition.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct world { struct arena a; struct exposition x; struct fault fault; };

static enum err begin(struct world *w, enum exposition_form form, const char *text)
{
    arena_init(&w->a, 1 << 20);
    return exposition_open(&w->x, form, slice_of(text), NULL, &w->a, &w->fault);
}

static struct exposition_sample next(struct world *w)
{
    struct exposition_sample s;
    enum err                 e;
    if (!exposition_next(&w->x, &s, &e, &w->fault))
        fail_msg("no sample: %s", e == OK ? "the end" : w->fault.text);
    return s;
}

static void end(struct world *w)
{
    struct exposition_sample s;
    enum err                 e;
    assert_false(exposition_next(&w->x, &s, &e, &w->fault));
    assert_ok(e, &w->fault);
    arena_done(&w->a);
}

static enum err check(enum exposition_form form, const char *text, struct fault *fault)
{
    struct arena a;
    uint64_t     n;
    arena_init(&a, 1 << 20);
    enum err e = exposition_check(form, slice_of(text), NULL, &a, &n, fault);
    arena_done(&a);
    return e;
}

static void a_page_of_text_is_read(void **state)
{
    (void)state;
    struct world w;
    assert_ok(begin(&w, EXPOSITION_TEXT,
        "# HELP http_requests_total The total\\nof \\\\ requests.\n"
        "# TYPE http_requests_total counter\n"
        "http_requests_total{method=\"post\",code=\"200\"} 1027 1395066363000\n"
        "\n"
        "# just a comment\n"
        "  msdos_file_access_time_seconds{path=\"C:\\\\DIR\\\\FILE.TXT\",error=\"Cannot find\\n\\\"FILE\\\" \\x } , #\"\t,} 1.458255915e9\n"
        "metric_without_timestamp_and_labels 12.47\n"
        "something_weird{problem=\"division by zero\"} +Inf -3982045\n"
        "# TYPE rpc summary\n"
        "rpc{quantile=\"0.5\"} 4773\n"
        "rpc_sum 1.7560473e+07\n"
        "rpc_count{ } NaN"), &w.fault);
    struct exposition_sample s = next(&w);
    assert_true(slice_is(s.name, "http_requests_total") && s.value == 1027 && s.has_time && s.time_ms == 1395066363000);
    assert_true(s.family->type == EXPOSITION_COUNTER && slice_is(s.family->help, "The total\nof \\ requests."));
    assert_true(s.labels_n == 2 && slice_is(s.labels[1].name, "code") && slice_is(s.labels[1].value, "200"));
    assert_true(slice_is(s.series, "http_requests_total{method=\"post\",code=\"200\"}"));
    s = next(&w);
    assert_true(s.family->type == EXPOSITION_UNKNOWN && s.family->help.n == 0);
    assert_true(slice_is(s.labels[0].value, "C:\\DIR\\FILE.TXT") && slice_is(s.labels[1].value, "Cannot find\n\"FILE\" \\x } , #"));
    assert_true(s.value == 1.458255915e9 && !s.has_time);
    assert_true(next(&w).value == 12.47);
    s = next(&w);
    assert_true(isinf(s.value) && s.time_ms == -3982045);
    assert_true(next(&w).family->type == EXPOSITION_SUMMARY);
    s = next(&w);
    assert_true(s.family->type == EXPOSITION_SUMMARY && slice_is(s.name, "rpc_sum"));
    s = next(&w);
    assert_true(isnan(s.value) && slice_is(s.family->name, "rpc"));
    end(&w);
}

static void names_in_quotes_may_be_any_utf8(void **state)
{
    (void)state;
    struct world w;
    assert_ok(begin(&w, EXPOSITION_TEXT, "# TYPE \"my.metric\" gauge\n{\"my.metric\",\"l.x\"=\"v\",b=\"\xc3\xa4\"} 1\n{\"a \\\"b\\\"\"} 2\nbare{\"l.x\"=\"v\"}3\n"), &w.fault);
    struct exposition_sample s = next(&w);
    assert_true(slice_is(s.name, "my.metric") && s.family->type == EXPOSITION_GAUGE && slice_is(s.labels[0].name, "l.x") && slice_is(s.labels[1].value, "\xc3\xa4"));
    assert_true(slice_is(next(&w).name, "a \"b\""));
    s = next(&w);
    assert_true(slice_is(s.name, "bare") && s.value == 3);
    end(&w);
}

static void openmetrics_has_units_exemplars_and_created(void **state)
{
    (void)state;
    struct world w;
    assert_ok(begin(&w, EXPOSITION_OPENMETRICS,
        "# TYPE foo_seconds counter\n# UNIT foo_seconds seconds\n# HELP foo_seconds A \\\"quoted\\\" help\n"
        "foo_seconds_total{a=\"b\"} 17.0 1520879607.789 # {trace_id=\"KOO5S4vxi0o\"} 0.67 1520879606\n"
        "foo_seconds_created{a=\"b\"} 1520430000.123\n"
        "# TYPE h histogram\nh_bucket{le=\"+Inf\"} 1 # {} 9\nh_count 1\nh_sum 1\n"
        "plain 5\n# EOF"), &w.fault);
    struct exposition_sample s = next(&w);
    assert_true(s.time_ms == 1520879607789 && s.has_exemplar && slice_is(s.exemplar.labels[0].value, "KOO5S4vxi0o"));
    assert_true(s.exemplar.value == 0.67 && s.exemplar.time_ms == 1520879606000);
    assert_true(slice_is(s.family->unit, "seconds") && slice_is(s.family->help, "A \"quoted\" help") && s.family->type == EXPOSITION_COUNTER);
    s = next(&w);
    assert_true(s.created && s.value == 1520430000.123 && !s.has_exemplar);
    s = next(&w);
    assert_true(s.has_exemplar && s.exemplar.labels_n == 0 && s.exemplar.value == 9 && !s.exemplar.has_time);
    assert_true(slice_is(next(&w).name, "h_count"));
    assert_true(slice_is(next(&w).name, "h_sum"));
    s = next(&w);
    assert_true(s.family->type == EXPOSITION_UNKNOWN && slice_is(s.family->name, "plain"));
    end(&w);
    assert_int_equal(w.x.samples, 5);
}

static void openmetrics_without_its_end_is_refused_before_anything_is_given_out(void **state)
{
    (void)state;
    struct world w;
    static const char *const cut[] = { "", "foo 1\n", "foo 1\n# EO", "foo 1\n# EOF\n\n", "foo 1 # EOF", "foo 1\n# EOF\nbar 1\n", "foo 1\n# EOF " };
    for (size_t i = 0; i < sizeof cut / sizeof *cut; i++) {
        assert_int_equal(begin(&w, EXPOSITION_OPENMETRICS, cut[i]), ERR_INPUT);
        assert_non_null(strstr(w.fault.text, "cut off"));
        arena_done(&w.a);
    }
    assert_ok(begin(&w, EXPOSITION_OPENMETRICS, "# EOF\n"), &w.fault);
    end(&w);
}

/* What exporters that everybody has write, and Prometheus takes: names as in 0.0.4, families twice, exemplars anywhere. */
static void families_of_openmetrics_may_hang_together_as_in_text(void **state)
{
    struct world w;
    assert_ok(begin(&w, EXPOSITION_OPENMETRICS,
        "# HELP kube_restarts_total Restarts.\n# TYPE kube_restarts_total counter\nkube_restarts_total{pod=\"a\"} 3\n"
        "# TYPE gotk_resource_info info\ngotk_resource_info{name=\"x\"} 1\n# TYPE kube_pod_created gauge\nkube_pod_created 1.5e9\n"
        "# HELP started Requests\n# TYPE started gauge\nstarted 4 # {trace_id=\"x\"} 4\n# HELP started Rate\n# TYPE started counter\nstarted_total 5\n"
        "b 1\nkube_restarts_total{pod=\"b\"} 4\n# EOF"), &w.fault);
    struct exposition_sample s = next(&w);
    assert_true(slice_is(s.name, "kube_restarts_total") && s.family->type == EXPOSITION_COUNTER && slice_is(s.family->help, "Restarts.") && !s.created);
    s = next(&w);
    assert_true(slice_is(s.name, "gotk_resource_info") && s.family->type == EXPOSITION_INFO);
    s = next(&w);
    assert_true(slice_is(s.name, "kube_pod_created") && s.family->type == EXPOSITION_GAUGE && !s.created);
    s = next(&w);
    assert_true(slice_is(s.name, "started") && s.family->type == EXPOSITION_GAUGE && s.has_exemplar && slice_is(s.family->help, "Requests"));
    s = next(&w);
    assert_true(slice_is(s.name, "started_total") && s.family->type == EXPOSITION_COUNTER && slice_is(s.family->help, "Rate"));
    assert_true(slice_is(next(&w).name, "b"));
    s = next(&w);
    assert_true(slice_is(s.name, "kube_restarts_total") && s.value == 4);
    end(&w);
}

static void lines_of_openmetrics_are_read_strictly(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "\n# EOF", "a  1\n# EOF", "a 1 \n# EOF", " a 1\n# EOF", "a\t1\n# EOF", "a 1 1  # {} 1\n# EOF", "# a comment\n# EOF", "#TYPE a gauge\n# EOF",
        "a{b=\"c\",} 1\n# EOF", "a{b = \"c\"} 1\n# EOF", "a 1\n# EOF\n# EOF", "# TYPE a  gauge\n# EOF", "# TYPE a untyped\n# EOF", "# TYPE a gauge \n# EOF",
        "# HELP a\n# EOF", "# UNIT a_seconds minutes\n# EOF", "# UNIT seconds seconds\n# EOF",
        "# TYPE a counter\na_total 1 # {}\n# EOF", "# TYPE a counter\na_total 1 # {} x\n# EOF", "# TYPE a counter\na_total 1 #{} 1\n# EOF",
        "a 1 NaN\n# EOF", "a 1 1 1\n# EOF", "a_total\n# EOF",
    };
    struct fault fault;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (check(EXPOSITION_OPENMETRICS, wrong[i], &fault) != ERR_INPUT)
            fail_msg("taken: %s", wrong[i]);
}

static void text_is_as_strict_as_prometheus(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "a\n", "a b\n", "a 1 1.5\n", "a 1 1 1\n", "a{b} 1\n", "a{b=c} 1\n", "a{b=\"c} 1\n", "a{b=\"c\"\n", "a{b=\"c\" d=\"e\"} 1\n", "1a 1\n", "{} 1\n", "a{1=\"x\"} 1\n",
        "a{b=\"1\",b=\"2\"} 1\n", "a{__name__=\"b\"} 1\n", "a{b=\"\xff\"} 1\n", "{\"a\",\"b\"} 1\n", "a{\"b\"} 1\n", "# TYPE a thing\n", "# TYPE\n", "# TYPE 1 gauge\n", "a 0x10\n",
        "a 1_000\n", "a 1e\n", "a 1e999\n", "a -\n", "a .\n", "a 1 99999999999999999999\n", "a{b=\"c\"}} 1\n", "a-b 1\n", "a{b:c=\"d\"} 1\n", "a 1 # {} 1\n",
    };
    struct fault fault;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (check(EXPOSITION_TEXT, wrong[i], &fault) != ERR_INPUT)
            fail_msg("taken: %s", wrong[i]);
    assert_int_equal(check(EXPOSITION_TEXT, "a 1\n\nb x\n", &fault), ERR_INPUT);
    assert_string_equal(fault.text, "line 3 of the exposition: the value of b is not a number");
    assert_int_equal(check(EXPOSITION_TEXT, "a 1\r\n", &fault), ERR_INPUT);
    assert_non_null(strstr(fault.text, "end in CR LF"));
}

static void numbers_are_those_of_go(void **state)
{
    (void)state;
    static const struct { const char *text; double value; } fine[] = {
        { "0", 0 }, { "-0", -0.0 }, { "1", 1 }, { "+1.5", 1.5 }, { ".5", .5 }, { "5.", 5 }, { "1e3", 1e3 }, { "1E-3", 1e-3 }, { "1.7976931348623157e308", 1.7976931348623157e308 },
        { "5e-324", 5e-324 }, { "123456789012345678", 123456789012345678.0 }, { "1234567890123456789012", 1234567890123456789012.0 }, { "0.1", 0.1 }, { "0x1p-3", 0.125 },
        { "0X1.8P1", 3 }, { "9007199254740993", 9007199254740993.0 }, { "9007199254740993e1", 9007199254740993e1 }, { "1.458255915e9", 1458255915 }, { "0.000000000000000000000000000001", 1e-30 }, { "1e-400", 0 },
        { "00000000000000000000000000017", 17 }, { "3.141592653589793", 3.141592653589793 }, { "1e22", 1e22 }, { "1e23", 1e23 },
    };
    double v;
    for (size_t i = 0; i < sizeof fine / sizeof *fine; i++)
        if (!exposition_number(slice_of(fine[i].text), &v) || memcmp(&v, &fine[i].value, sizeof v) != 0)
            fail_msg("%s is %.17g", fine[i].text, v);
    assert_true(exposition_number(SLICE("nAn"), &v) && isnan(v));
    assert_true(exposition_number(SLICE("-Infinity"), &v) && v < 0 && isinf(v));
    assert_true(exposition_number(SLICE("iNF"), &v) && v > 0 && isinf(v));
    /* The short way and strtod() agree. */
    srand(7);
    for (int i = 0; i < 20000; i++) {
        char text[64];
        (void)snprintf(text, sizeof text, "%d%d.%de%d", rand() % 100000, rand() % 10000, rand() % 1000000, rand() % 40 - 20);
        double want = strtod(text, NULL);
        assert_true(exposition_number(slice_of(text), &v) && v == want);
    }
}

static void limits_are_named_when_they_bite(void **state)
{
    (void)state;
    static const struct exposition_limits limits[] = { { .samples = 2 }, { .labels = 1 }, { .name_bytes = 1 }, { .value_bytes = 1 } };
    static const char text[] = "a 1\nb{c=\"d\"} 1\nlong{x=\"yy\",z=\"q\"} 1\n";
    struct fault      fault;
    struct arena      a;
    uint64_t          n;
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        arena_init(&a, 1 << 20);
        assert_int_equal(exposition_check(EXPOSITION_TEXT, slice_of(text), &limits[i], &a, &n, &fault), ERR_LIMIT);
        assert_int_equal(n, 2);
        assert_non_null(strstr(fault.text, "line 3"));
        arena_done(&a);
    }
    arena_init(&a, 8);
    assert_int_equal(exposition_check(EXPOSITION_TEXT, SLICE("a{b=\"a long \\n value\"} 1\n"), NULL, &a, &n, &fault), ERR_LIMIT);
    arena_done(&a);
    char exemplar[300];
    (void)snprintf(exemplar, sizeof exemplar, "# TYPE a counter\na_total 1 # {abc=\"%0*d\"} 1\n# EOF", 126, 0);
    assert_int_equal(check(EXPOSITION_OPENMETRICS, exemplar, &fault), ERR_INPUT);
    (void)snprintf(exemplar, sizeof exemplar, "# TYPE a counter\na_total 1 # {abc=\"%0*d\"} 1\n# EOF", 125, 0);
    assert_ok(check(EXPOSITION_OPENMETRICS, exemplar, &fault), &fault);
}

static void the_form_is_told_by_the_content_type(void **state)
{
    (void)state;
    assert_int_equal(exposition_form_of(SLICE("application/openmetrics-text; version=1.0.0; charset=utf-8")), EXPOSITION_OPENMETRICS);
    assert_int_equal(exposition_form_of(SLICE(" Application/OpenMetrics-Text")), EXPOSITION_OPENMETRICS);
    assert_int_equal(exposition_form_of(SLICE("application/openmetrics-textual")), EXPOSITION_TEXT);
    assert_int_equal(exposition_form_of(SLICE("text/plain;version=0.0.4")), EXPOSITION_TEXT);
    assert_int_equal(exposition_form_of(SLICE("")), EXPOSITION_TEXT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_of_text_is_read),
        cmocka_unit_test(names_in_quotes_may_be_any_utf8),
        cmocka_unit_test(openmetrics_has_units_exemplars_and_created),
        cmocka_unit_test(openmetrics_without_its_end_is_refused_before_anything_is_given_out),
        cmocka_unit_test(lines_of_openmetrics_are_read_strictly),
        cmocka_unit_test(families_of_openmetrics_may_hang_together_as_in_text),
        cmocka_unit_test(text_is_as_strict_as_prometheus),
        cmocka_unit_test(numbers_are_those_of_go),
        cmocka_unit_test(limits_are_named_when_they_bite),
        cmocka_unit_test(the_form_is_told_by_the_content_type),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
