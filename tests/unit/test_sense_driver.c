/* sense: what a load driver's answers say, and what they do not. */
#include "unit.h"

#include "sense/load.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static struct driver_reading a, b;
static struct sample s;

static void parse(const char *json, struct driver_reading *r)
{
    struct fault fault = { 0 };
    assert_ok(driver_parse(json, r, &fault), &fault);
}

static void refuse(const char *json, const char *says)
{
    struct driver_reading r;
    struct fault fault = { 0 };
    assert_int_equal(driver_parse(json, &r, &fault), ERR_INPUT);
    assert_non_null(strstr(fault.text, says));
}

static void two_answers_make_rates_and_percentiles(void **state)
{
    (void)state;
    parse("{\"mono_us\":1000000,\"transactions\":100,\"errors\":1,\"mode\":\"closed\",\"rate\":null,\"sum_us\":100000,\"buckets\":[[1000,100]]}", &a);
    parse("{\"mono_us\":3000000,\"transactions\":300,\"errors\":5,\"mode\":\"closed\",\"rate\":0,\"sum_us\":700000,\"buckets\":[[1000,280],[8000,20]]}", &b);
    sample_clear(&s);
    driver_fill(&a, &b, &s);
    assert_true(s.latency.known);
    assert_float_equal(s.v[METRIC_ERRORS], 2, 1e-9);
    assert_float_equal(s.v[METRIC_LATENCY_MEAN], 3, 1e-9);
    assert_true(s.v[METRIC_LATENCY_P50] > 0.9 && s.v[METRIC_LATENCY_P50] < 1.1);
    assert_true(s.v[METRIC_LATENCY_P99] > 7.5 && s.v[METRIC_LATENCY_P99] < 8.5);
    assert_float_equal(s.v[METRIC_LATENCY_ESTIMATED], 0, 0);
    assert_true(isnan(s.v[METRIC_OFFERED]));
    assert_true(isnan(s.v[METRIC_TPS]));   /* that stays the server's */
}

static void an_open_loop_tells_what_it_offers(void **state)
{
    (void)state;
    parse("{\"mono_us\":1,\"transactions\":0,\"errors\":0,\"mode\":\"open\",\"rate\":250.5,\"sum_us\":0,\"buckets\":[]}", &a);
    sample_clear(&s);
    driver_fill(NULL, &a, &s);
    assert_float_equal(s.v[METRIC_OFFERED], 250.5, 1e-9);
    assert_true(isnan(s.v[METRIC_LATENCY_P99]));
    assert_true(isnan(s.v[METRIC_ERRORS]));
}

static void a_driver_that_started_anew_makes_one_unknown_second(void **state)
{
    (void)state;
    parse("{\"mono_us\":5000000,\"transactions\":100,\"errors\":0,\"sum_us\":100000,\"buckets\":[[1000,100]]}", &a);
    parse("{\"mono_us\":6000000,\"transactions\":150,\"errors\":0,\"sum_us\":100001,\"buckets\":[[1000,10],[2000,140]]}", &b);
    assert_true(driver_restarted(&a, &b));
    sample_clear(&s);
    driver_fill(&a, &b, &s);
    assert_true(isnan(s.v[METRIC_LATENCY_MEAN]));
    assert_true(isnan(s.v[METRIC_ERRORS]));
    assert_true(s.latency.known);   /* the base of the next difference */
}

static void a_second_in_which_nothing_finished_has_no_latency(void **state)
{
    (void)state;
    parse("{\"mono_us\":5000000,\"transactions\":100,\"errors\":0,\"sum_us\":100000,\"buckets\":[[1000,100]]}", &a);
    parse("{\"mono_us\":6000000,\"transactions\":100,\"errors\":3,\"sum_us\":100000,\"buckets\":[[1000,100]]}", &b);
    sample_clear(&s);
    driver_fill(&a, &b, &s);
    assert_true(isnan(s.v[METRIC_LATENCY_P99]));
    assert_float_equal(s.v[METRIC_ERRORS], 3, 1e-9);
}

static void nonsense_is_refused_by_name(void **state)
{
    (void)state;
    refuse("", "not JSON");
    refuse("[]", "missing");
    refuse("{\"mono_us\":1}", "missing");
    refuse("{\"mono_us\":1,\"transactions\":1}", "/buckets");
    refuse("{\"mono_us\":1,\"transactions\":1,\"buckets\":[[1000]]}", "/buckets/0");
    refuse("{\"mono_us\":1,\"transactions\":1,\"buckets\":[[1000,5],[900,5]]}", "/buckets/1");
    refuse("{\"mono_us\":1,\"transactions\":1,\"buckets\":[[1000,-5]]}", "/buckets/0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_answers_make_rates_and_percentiles),
        cmocka_unit_test(an_open_loop_tells_what_it_offers),
        cmocka_unit_test(a_driver_that_started_anew_makes_one_unknown_second),
        cmocka_unit_test(a_second_in_which_nothing_finished_has_no_latency),
        cmocka_unit_test(nonsense_is_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
