/* digest: windows are aligned, wait for what is late, follow each other without a gap, and a job that fails is left alone for a while. */
#include "unit.h"

#include "digest/windows.h"

#include <string.h>

#define S INT64_C(1000000)
#define M (60 * S)

static void upper_is_now_less_the_delay_cut_to_a_whole_window(void **state)
{
    (void)state;
    const struct job_kind *j = window_job("oo-agg");
    assert_int_equal(window_upper(j, 10 * M), 8 * M);
    assert_int_equal(window_upper(j, 10 * M + 59 * S), 8 * M);
    assert_int_equal(window_upper(j, 11 * M), 9 * M);
    assert_int_equal(window_floor(-1, M), -M);
    assert_int_equal(window_floor(-M, M), -M);
}

static void windows_follow_each_other_without_gap_or_overlap(void **state)
{
    (void)state;
    const struct job_kind *j = window_job("oo-agg");
    struct window          w;
    assert_true(window_next(j, 100 * M, INT64_MIN, INT64_MIN, &w));        /* the first: from the initial look-back */
    assert_int_equal(w.from_us, 83 * M);
    assert_int_equal(w.to_us, 98 * M);
    assert_false(window_next(j, 100 * M + 59 * S, w.to_us, INT64_MIN, &w));
    assert_true(window_next(j, 101 * M, 98 * M, INT64_MIN, &w));
    assert_int_equal(w.from_us, 98 * M);
    assert_int_equal(w.to_us, 99 * M);
    int64_t done = 99 * M, pieces = 0;                                     /* five hours away: made up in pieces */
    while (window_next(j, 401 * M, done, INT64_MIN, &w)) {
        assert_int_equal(w.from_us, done);
        assert_true(w.to_us - w.from_us <= j->window_max_us);
        done = w.to_us;
        pieces++;
    }
    assert_int_equal(done, 399 * M);
    assert_int_equal(pieces, 5);
}

static void the_lag_stays_below_delay_and_one_window(void **state)
{
    (void)state;
    const struct job_kind *j = window_job("oo-agg");
    for (int64_t now = 100 * M; now < 103 * M; now += S)
        assert_true(now - window_upper(j, now) < j->delay_us + j->align_us);
}

static void what_was_missed_for_more_than_a_week_is_left_out(void **state)
{
    const struct job_kind *j = window_job("oo-agg");
    int64_t                done = INT64_C(1700000100) * 1000000, now = done + WINDOW_ASKED_MAX_US;
    struct window          w;
    assert_true(window_next(j, now, done, INT64_MIN, &w));
    assert_int_equal(w.from_us, done);
    now += INT64_C(3600) * 1000000;
    assert_true(window_next(j, now, done, INT64_MIN, &w));
    assert_int_equal(w.from_us, window_upper(j, now) - j->initial_us);
}

static void a_job_waits_for_the_one_it_needs(void **state)
{
    (void)state;
    const struct job_kind *j = window_job("age-refresh");
    struct window          w;
    assert_string_equal(j->after, "oo-agg");
    assert_false(window_next(j, 100 * M, 90 * M, INT64_MIN, &w));
    assert_false(window_next(j, 100 * M, 90 * M, 94 * M, &w));
    assert_true(window_next(j, 100 * M, 90 * M, 96 * M, &w));
    assert_int_equal(w.to_us, 95 * M);
}

static void jobs_stand_in_an_order_in_which_each_has_what_it_needs(void **state)
{
    (void)state;
    size_t                 count, order[JOBS_MAX];
    const struct job_kind *jobs = window_jobs(&count);
    const struct job_kind  circle[] = { { .name = "a", .after = "b" }, { .name = "b", .after = "a" } }, three[] = { { "c", "b" }, { "b", "a" }, { "a", "" } };
    assert_true(windows_order(jobs, count, order));
    assert_false(windows_order(circle, 2, order));
    assert_true(windows_order(three, 3, order));
    assert_int_equal(order[0], 2);
    assert_int_equal(order[2], 0);
    for (size_t i = 0; i < count; i++)
        assert_non_null(jobs[i].why);
}

static void what_is_asked_for_before_it_is_over_is_due_when_it_is(void **state)
{
    (void)state;
    const struct job_kind *j = window_job("oo-agg");
    struct window          w;
    const char            *why;
    int64_t                due;
    assert_true(window_asked(j, 100 * M, 90 * M + S, 91 * M + S, &w, &due, &why));
    assert_int_equal(w.from_us, 90 * M);
    assert_int_equal(w.to_us, 92 * M);
    assert_int_equal(due, 0);
    assert_true(window_asked(j, 100 * M, 97 * M, 98 * M, &w, &due, &why) && due == 0);
    assert_true(window_asked(j, 100 * M, 97 * M, 98 * M + S, &w, &due, &why));
    assert_int_equal(due, 101 * M);
    assert_true(window_asked(j, 100 * M, 200 * M, 1540 * M, &w, &due, &why));
    assert_int_equal(due, 1542 * M);
    assert_false(window_asked(j, 100 * M, 200 * M, 1540 * M + S, &w, &due, &why));
    assert_string_equal(why, "it ends more than a day from now");
    assert_false(window_asked(j, 100 * M, 90 * M, 90 * M, &w, &due, &why));
    assert_false(window_asked(j, 100000 * M, 0, 90000 * M, &w, &due, &why));
}

static void a_circuit_opens_after_failures_and_tries_once_when_it_has_cooled_down(void **state)
{
    (void)state;
    struct circuit c = { 0 };
    struct rand    chance;
    int64_t        now = 0, wait = 0;
    rand_seed(&chance, 1);
    for (int i = 1; i < CIRCUIT_FAILURES; i++) {
        assert_true(circuit_allows(&c, now));
        circuit_bad(&c, now, &chance);
        assert_int_equal(c.state, CIRCUIT_CLOSED);
        assert_false(circuit_allows(&c, now));
        assert_true(c.until_us - now >= wait / 2);                         /* longer, with chance in it */
        wait = c.until_us - now;
        now = c.until_us;
    }
    circuit_bad(&c, now, &chance);
    assert_string_equal(circuit_name(c.state), "open");
    assert_true(c.until_us - now >= CIRCUIT_OPEN_US / 2);
    assert_false(circuit_allows(&c, c.until_us - 1));
    assert_true(circuit_allows(&c, c.until_us));
    assert_string_equal(circuit_name(c.state), "half_open");
    now = c.until_us;
    circuit_bad(&c, now, &chance);
    assert_int_equal(c.state, CIRCUIT_OPEN);
    circuit_good(&c);
    assert_true(circuit_allows(&c, now));
    assert_int_equal(c.failures, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(upper_is_now_less_the_delay_cut_to_a_whole_window),
        cmocka_unit_test(windows_follow_each_other_without_gap_or_overlap),
        cmocka_unit_test(the_lag_stays_below_delay_and_one_window),
        cmocka_unit_test(what_was_missed_for_more_than_a_week_is_left_out),
        cmocka_unit_test(a_job_waits_for_the_one_it_needs),
        cmocka_unit_test(jobs_stand_in_an_order_in_which_each_has_what_it_needs),
        cmocka_unit_test(what_is_asked_for_before_it_is_over_is_due_when_it_is),
        cmocka_unit_test(a_circuit_opens_after_failures_and_tries_once_when_it_has_cooled_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
