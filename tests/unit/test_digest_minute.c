/* digest: a minute speaks over the values that were known, once, and never twice. */
#include "unit.h"

#include "base/clock.h"
#include "digest/minute.h"

#include <math.h>
#include <string.h>

#define MINUTE (60 * US_PER_S)

static struct minute_row rows[METRIC_COUNT];
static int n;

static void add(struct minute *m, int64_t wall_us, double tps, double cpu)
{
    static struct sample s;
    sample_clear(&s);
    s.wall_us = wall_us;
    s.v[METRIC_TPS] = tps;
    s.v[METRIC_CPU] = cpu;
    minute_add(m, &s);
}

static const struct minute_row *row(enum metric metric)
{
    for (int i = 0; i < n; i++)
        if (rows[i].metric == metric)
            return &rows[i];
    return NULL;
}

static void a_whole_minute_has_its_average_maximum_and_percentile(void **state)
{
    (void)state;
    struct minute *m = minute_new(5 * US_PER_S);
    for (int i = 0; i < 60; i++)
        add(m, 10 * MINUTE + i * US_PER_S, 60 - i, (double)NAN);
    assert_false(minute_take(m, 11 * MINUTE + 4 * US_PER_S, rows, &n));
    assert_true(minute_take(m, 11 * MINUTE + 5 * US_PER_S, rows, &n));
    assert_int_equal(n, 1);
    assert_int_equal(rows[0].minute_us, 10 * MINUTE);
    assert_int_equal(rows[0].metric, METRIC_TPS);
    assert_int_equal(rows[0].samples, 60);
    assert_float_equal(rows[0].avg, 30.5, 1e-12);
    assert_float_equal(rows[0].max, 60, 0);
    assert_float_equal(rows[0].p95, 57, 0);
    assert_false(minute_take(m, 100 * MINUTE, rows, &n));
    minute_free(m);
}

static void unknown_values_are_left_out_and_not_counted(void **state)
{
    (void)state;
    struct minute *m = minute_new(0);
    add(m, 0, 10, (double)NAN);
    add(m, 1 * US_PER_S, (double)NAN, (double)NAN);
    add(m, 2 * US_PER_S, 20, 0);
    assert_true(minute_take(m, MINUTE, rows, &n));
    assert_int_equal(n, 2);
    assert_int_equal(row(METRIC_TPS)->samples, 2);
    assert_float_equal(row(METRIC_TPS)->avg, 15, 0);
    assert_int_equal(row(METRIC_CPU)->samples, 1);   /* zero is a value */
    assert_float_equal(row(METRIC_CPU)->p95, 0, 0);
    assert_null(row(METRIC_UP));
    minute_free(m);
}

static void late_samples_count_until_the_delay_has_passed(void **state)
{
    (void)state;
    struct minute *m = minute_new(5 * US_PER_S);
    add(m, 59 * US_PER_S, 1, 1);
    add(m, 60 * US_PER_S, 2, 1);
    add(m, 58 * US_PER_S, 3, 1);
    assert_true(minute_take(m, 65 * US_PER_S, rows, &n));
    assert_int_equal(row(METRIC_TPS)->samples, 2);
    add(m, 57 * US_PER_S, 9, 1);
    assert_int_equal(minute_dropped(m), 1);
    assert_true(minute_flush(m, rows, &n));
    assert_int_equal(rows[0].minute_us, MINUTE);
    assert_int_equal(row(METRIC_TPS)->samples, 1);
    assert_false(minute_flush(m, rows, &n));
    minute_free(m);
}

static void a_clock_that_jumps_writes_no_minute_twice(void **state)
{
    (void)state;
    struct minute *m = minute_new(0);
    add(m, 100 * MINUTE, 1, 1);
    add(m, 500 * MINUTE, 2, 1);                       /* an hour and more ahead */
    assert_true(minute_take(m, 500 * MINUTE, rows, &n));
    assert_int_equal(rows[0].minute_us, 100 * MINUTE);
    assert_true(minute_take(m, 501 * MINUTE, rows, &n));
    add(m, 495 * MINUTE, 3, 1);                       /* and back a little */
    assert_int_equal(minute_dropped(m), 1);
    assert_false(minute_take(m, 502 * MINUTE, rows, &n));
    add(m, 502 * MINUTE, 4, 1);
    assert_true(minute_flush(m, rows, &n));
    minute_free(m);
}

static void a_clock_that_was_far_ahead_keeps_no_minute_out_once_it_is_right(void **state)
{
    (void)state;
    const int64_t  year = 525600 * MINUTE;
    struct minute *m = minute_new(5 * US_PER_S);
    add(m, 100 * MINUTE, 1, 1);
    add(m, year, 2, 1);
    add(m, year + MINUTE, 2, 1);
    assert_true(minute_take(m, year + MINUTE + 5 * US_PER_S, rows, &n));
    assert_int_equal(rows[0].minute_us, 100 * MINUTE);
    assert_true(minute_take(m, year + MINUTE + 5 * US_PER_S, rows, &n));
    assert_int_equal(rows[0].minute_us, year);
    for (int64_t i = 102; i < 106; i++) {
        for (int k = 0; k < 60; k++)
            add(m, i * MINUTE + k * US_PER_S, 3, 1);
        if (i == 102) {                               /* what it had begun is given out, and takes no place any more */
            assert_true(minute_take(m, i * MINUTE + 59 * US_PER_S, rows, &n));
            assert_int_equal(rows[0].minute_us, year + MINUTE);
        }
        assert_false(minute_take(m, (i + 1) * MINUTE + 4 * US_PER_S, rows, &n));
        assert_true(minute_take(m, (i + 1) * MINUTE + 5 * US_PER_S, rows, &n));
        assert_int_equal(rows[0].minute_us, i * MINUTE);
        assert_int_equal(row(METRIC_TPS)->samples, 60);
    }
    assert_int_equal(minute_dropped(m), 0);
    minute_free(m);
}

static void more_samples_than_there_is_room_for_are_counted(void **state)
{
    (void)state;
    struct minute *m = minute_new(0);
    for (int i = 0; i < MINUTE_VALUES_MAX + 7; i++)
        add(m, i, 1, 1);
    assert_int_equal(minute_dropped(m), 7);
    assert_true(minute_take(m, MINUTE, rows, &n));
    assert_int_equal(row(METRIC_TPS)->samples, MINUTE_VALUES_MAX);
    minute_free(m);
}

static void metrics_know_whose_they_are(void **state)
{
    (void)state;
    char out[64];
    assert_true(metric_is_host(METRIC_CPU));
    assert_true(metric_is_host(METRIC_DISK_FREE));
    assert_false(metric_is_host(METRIC_RECOVERY_WAL));
    assert_false(metric_is_host(METRIC_TPS));
    assert_string_equal(urn_database("main", "shop", out, sizeof out), "urn:db:postgres:main/shop");
    assert_string_equal(urn_database("a/b:c", "ü", out, sizeof out), "urn:db:postgres:a%2fb%3ac/%c3%bc");
    assert_string_equal(urn_host("db1.example.org", out, sizeof out), "urn:host:db1.example.org");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_minute_has_its_average_maximum_and_percentile),
        cmocka_unit_test(unknown_values_are_left_out_and_not_counted),
        cmocka_unit_test(late_samples_count_until_the_delay_has_passed),
        cmocka_unit_test(a_clock_that_jumps_writes_no_minute_twice),
        cmocka_unit_test(a_clock_that_was_far_ahead_keeps_no_minute_out_once_it_is_right),
        cmocka_unit_test(more_samples_than_there_is_room_for_are_counted),
        cmocka_unit_test(metrics_know_whose_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
