/* sense: a counter becomes a rate only when both ends belong to the same story. */
#include "unit.h"

#include "sense/rate.h"

#include <math.h>

#define S INT64_C(1000000)

static void the_first_value_is_no_rate(void **state)
{
    (void)state;
    struct rate r = { 0 };
    assert_true(isnan(rate_next(&r, 100, 1 * S, RATE_GAP_LEAST_US)));
    assert_float_equal(rate_next(&r, 150, 2 * S, RATE_GAP_LEAST_US), 50, 1e-9);
    assert_float_equal(rate_next(&r, 250, 4 * S, RATE_GAP_LEAST_US), 50, 1e-9);
}

static void a_counter_that_goes_back_is_one_unknown_value(void **state)
{
    (void)state;
    struct rate r = { 0 };
    (void)rate_next(&r, 1e6, 1 * S, RATE_GAP_LEAST_US);
    assert_true(isnan(rate_next(&r, 3, 2 * S, RATE_GAP_LEAST_US)));
    assert_float_equal(rate_next(&r, 13, 3 * S, RATE_GAP_LEAST_US), 10, 1e-9);
}

static void an_unknown_value_in_between_costs_only_itself(void **state)
{
    (void)state;
    struct rate r = { 0 };
    (void)rate_next(&r, 10, 1 * S, RATE_GAP_LEAST_US);
    assert_true(isnan(rate_next(&r, (double)NAN, 2 * S, RATE_GAP_LEAST_US)));
    assert_float_equal(rate_next(&r, 30, 3 * S, RATE_GAP_LEAST_US), 10, 1e-9);
}

static void a_long_gap_begins_anew(void **state)
{
    (void)state;
    struct rate r = { 0 };
    (void)rate_next(&r, 10, 1 * S, RATE_GAP_LEAST_US);
    assert_true(isnan(rate_next(&r, 1000, 1 * S + RATE_GAP_LEAST_US + 1, RATE_GAP_LEAST_US)));
    assert_float_equal(rate_next(&r, 1001, 2 * S + RATE_GAP_LEAST_US + 1, RATE_GAP_LEAST_US), 1, 1e-9);
}

static void time_that_stands_still_gives_no_rate(void **state)
{
    (void)state;
    struct rate r = { 0 };
    (void)rate_next(&r, 10, 5 * S, RATE_GAP_LEAST_US);
    assert_true(isnan(rate_next(&r, 20, 5 * S, RATE_GAP_LEAST_US)));
    assert_true(isnan(rate_next(&r, 30, 4 * S, RATE_GAP_LEAST_US)));
}

static void a_known_wrap_is_counted_on(void **state)
{
    (void)state;
    struct rate r = { 0 };
    (void)rate_next_wrapping(&r, 4294967290.0, 1 * S, RATE_GAP_LEAST_US, 32);
    assert_float_equal(rate_next_wrapping(&r, 4, 2 * S, RATE_GAP_LEAST_US, 32), 10, 1e-6);
    (void)rate_next_wrapping(&r, 1000, 3 * S, RATE_GAP_LEAST_US, 32);
    assert_true(isnan(rate_next_wrapping(&r, 10, 4 * S, RATE_GAP_LEAST_US, 32)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_value_is_no_rate),
        cmocka_unit_test(a_counter_that_goes_back_is_one_unknown_value),
        cmocka_unit_test(an_unknown_value_in_between_costs_only_itself),
        cmocka_unit_test(a_long_gap_begins_anew),
        cmocka_unit_test(time_that_stands_still_gives_no_rate),
        cmocka_unit_test(a_known_wrap_is_counted_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
