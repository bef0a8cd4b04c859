/* load: latencies are kept with at most 1 % of error, merge exactly, and can be told apart by interval. */
#include "unit.h"

#include "base/rand.h"
#include "base/rand.h"
#include "load/histogram.h"
#include "load/report.h"

#include <math.h>
#include <stdlib.h>

static void every_bucket_holds_what_its_upper_end_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < LOAD_HISTOGRAM_BUCKETS; i++) {
        int64_t upper = load_histogram_upper(i);
        assert_int_equal(load_histogram_index(upper), i);
        if (i + 1 < LOAD_HISTOGRAM_BUCKETS)
            assert_int_equal(load_histogram_index(upper + 1), i + 1);
    }
    assert_int_equal(load_histogram_upper(LOAD_HISTOGRAM_BUCKETS - 1), LOAD_HISTOGRAM_MAX_US);
}

static void a_value_is_at_most_one_percent_below_its_bucket(void **state)
{
    (void)state;
    struct rand r;
    rand_seed(&r, 1);
    for (int i = 0; i < 200000; i++) {
        int64_t v = (int64_t)exp(rand_unit(&r) * log((double)LOAD_HISTOGRAM_MAX_US));
        int64_t upper = load_histogram_upper(load_histogram_index(v));
        assert_true(upper >= v);
        assert_true((double)(upper - v) <= 0.01 * (double)v);
    }
}

static void what_takes_longer_than_an_hour_counts_in_the_last_bucket(void **state)
{
    (void)state;
    assert_int_equal(load_histogram_index(INT64_MAX), LOAD_HISTOGRAM_BUCKETS - 1);
    assert_int_equal(load_histogram_index(-5), 0);
}

static void a_percentile_beyond_an_hour_is_not_told_as_an_hour(void **state)
{
    (void)state;
    static struct load_histogram h, older;
    const int64_t                hour_us = LOAD_HISTOGRAM_MAX_US;
    load_histogram_clear(&h);
    for (int i = 0; i < 90; i++)
        load_histogram_add(&h, 1000000);
    older = h;
    for (int i = 1; i <= 10; i++)
        load_histogram_add(&h, 2 * hour_us + i);
    assert_true(load_histogram_percentile_us(&h, 0.5) < 1010000);
    assert_true(load_histogram_percentile_us(&h, 0.9) < 1010000);
    assert_true(load_histogram_percentile_us(&h, 0.95) == (double)(2 * hour_us + 10));
    load_histogram_since(&h, &older);
    assert_true(load_histogram_percentile_us(&h, 0.5) == (double)(2 * hour_us + 10));
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void percentiles_are_those_of_the_sorted_values(void **state)
{
    (void)state;
    enum { N = 20000 };
    static int64_t        values[N];
    static struct load_histogram h;
    const double          qs[] = { 0, 0.01, 0.5, 0.9, 0.95, 0.99, 0.999, 1 };
    struct rand           r;
    rand_seed(&r, 2);
    load_histogram_clear(&h);
    for (int i = 0; i < N; i++) {
        values[i] = (int64_t)exp(6 + 1.5 * rand_normal(&r));
        load_histogram_add(&h, values[i]);
    }
    qsort(values, N, sizeof values[0], by_value);
    for (size_t i = 0; i < sizeof qs / sizeof qs[0]; i++) {
        int    rank = (int)ceil(qs[i] * N);
        double exact = (double)values[rank > 0 ? rank - 1 : 0], told = load_histogram_percentile_us(&h, qs[i]);
        assert_true(told >= exact && told <= exact * 1.01);
    }
    assert_true(load_histogram_percentile_us(&h, 1) == (double)values[N - 1]);
}

static void an_empty_histogram_knows_nothing(void **state)
{
    (void)state;
    static struct load_histogram h;
    load_histogram_clear(&h);
    assert_true(isnan(load_histogram_percentile_us(&h, 0.5)));
    assert_true(isnan(load_histogram_mean_us(&h)));
}

static void merging_two_is_as_if_one_had_seen_it_all(void **state)
{
    (void)state;
    static struct load_histogram a, b, both, merged;
    struct rand r;
    rand_seed(&r, 3);
    for (int i = 0; i < 5000; i++) {
        int64_t v = rand_int(&r, 0, 10000000);
        load_histogram_add(i % 3 ? &a : &b, v);
        load_histogram_add(&both, v);
    }
    load_histogram_merge(&merged, &a);
    load_histogram_merge(&merged, &b);
    assert_memory_equal(&merged, &both, sizeof both);
}

static void the_difference_of_two_readings_is_what_happened_in_between(void **state)
{
    (void)state;
    static struct load_histogram growing, older, interval, expected;
    for (int i = 0; i < 100; i++)
        load_histogram_add(&growing, 5000000);
    older = growing;
    for (int i = 1; i <= 1000; i++) {
        load_histogram_add(&growing, i);
        load_histogram_add(&expected, i);
    }
    load_histogram_merge(&interval, &growing);
    load_histogram_since(&interval, &older);
    assert_int_equal(interval.count, 1000);
    assert_memory_equal(interval.counts, expected.counts, sizeof expected.counts);
    assert_int_equal(interval.sum_us, expected.sum_us);
    assert_true(interval.max_us >= 1000 && interval.max_us <= 1010);
    assert_true(fabs(load_histogram_percentile_us(&interval, 0.5) - 500) <= 5);
}

static void buckets_may_be_told_by_the_handful_and_nothing_is_lost(void **state)
{
    (void)state;
    static struct load_histogram h;
    struct rand                  r;
    load_histogram_clear(&h);
    rand_seed(&r, 6);
    for (int i = 0; i < 200000; i++)
        load_histogram_add(&h, (int64_t)1 << rand_int(&r, 0, 31));
    for (int i = 0; i < 200000; i++)
        load_histogram_add(&h, rand_int(&r, 1, LOAD_HISTOGRAM_MAX_US));
    for (size_t neighbours = 1; neighbours <= 8; neighbours *= 8) {
        json_t    *list = load_report_buckets(&h, neighbours), *pair;
        size_t     i;
        json_int_t before = -1, sum = 0;
        json_array_foreach(list, i, pair) {
            json_int_t upper = json_integer_value(json_array_get(pair, 0));
            assert_true(upper > before);
            before = upper;
            sum += json_integer_value(json_array_get(pair, 1));
        }
        assert_int_equal(sum, 400000);
        assert_true(before == LOAD_HISTOGRAM_MAX_US);
        if (neighbours == 8)
            assert_true(json_array_size(list) <= LOAD_HISTOGRAM_BUCKETS / 8 + 1);   /* 22 of these are 150 kB at the very most */
        json_decref(list);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_bucket_holds_what_its_upper_end_says),
        cmocka_unit_test(a_value_is_at_most_one_percent_below_its_bucket),
        cmocka_unit_test(what_takes_longer_than_an_hour_counts_in_the_last_bucket),
        cmocka_unit_test(a_percentile_beyond_an_hour_is_not_told_as_an_hour),
        cmocka_unit_test(percentiles_are_those_of_the_sorted_values),
        cmocka_unit_test(an_empty_histogram_knows_nothing),
        cmocka_unit_test(merging_two_is_as_if_one_had_seen_it_all),
        cmocka_unit_test(the_difference_of_two_readings_is_what_happened_in_between),
        cmocka_unit_test(buckets_may_be_told_by_the_handful_and_nothing_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
