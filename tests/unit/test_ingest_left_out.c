/* ingest: a bound of the digest tells when it begins to leave something out, and then not more than once an hour. */
#include "unit.h"

#include "ingest/digester.h"

#include <string.h>

#define HOUR (INT64_C(3600) * US_PER_S)

static size_t row_of(const char *dataset, const char *reason)
{
    for (size_t i = 0; i < left_out_count; i++)
        if (strcmp(left_out[i].dataset, dataset) == 0 && strcmp(left_out[i].reason, reason) == 0)
            return i;
    fail_msg("there is no %s %s", dataset, reason);
    return 0;
}

static void a_bound_that_is_felt_is_told_at_once_and_then_once_an_hour(void **state)
{
    (void)state;
    static struct digester_stats s;
    struct left_out_watch        w = { 0 };
    uint32_t                     bit = UINT32_C(1) << row_of("metrics", "source_series_max");
    memset(&s, 0, sizeof s);
    assert_int_equal(left_out_look(&w, &s, HOUR), 0);
    s.metrics.capped_source = 1;
    assert_int_equal(left_out_look(&w, &s, HOUR + 1), bit);
    for (int minute = 1; minute < 60; minute++) {
        s.metrics.capped_source++;
        assert_int_equal(left_out_look(&w, &s, HOUR + minute * 60 * US_PER_S), 0);
    }
    assert_int_equal(left_out_look(&w, &s, 3 * HOUR), 0);            /* it was felt no more */
    s.metrics.capped_source++;
    assert_int_equal(left_out_look(&w, &s, 4 * HOUR), bit);
    assert_int_equal(w.grew_us[row_of("metrics", "source_series_max")], 4 * HOUR);
}

static void what_was_left_out_before_the_start_is_not_told_again(void **state)
{
    (void)state;
    static struct digester_stats s;
    struct left_out_watch        w = { 0 };
    memset(&s, 0, sizeof s);
    s.calls.hurried = 1000;
    assert_int_equal(left_out_look(&w, &s, HOUR), 0);
    assert_int_equal(left_out_look(&w, &s, 2 * HOUR), 0);
    s.calls.hurried = 10;                                            /* as digest.db had it: what came after was thrown away after a failure */
    assert_int_equal(left_out_look(&w, &s, 2 * HOUR), 0);
    s.calls.hurried = 11;
    assert_int_equal(left_out_look(&w, &s, 2 * HOUR), UINT32_C(1) << row_of("traces", "waiting"));
}

static void what_senders_do_is_counted_and_not_told(void **state)
{
    (void)state;
    static struct digester_stats s;
    struct left_out_watch        w = { 0 };
    memset(&s, 0, sizeof s);
    assert_int_equal(left_out_look(&w, &s, HOUR), 0);
    s.logs.late = s.metrics.early = s.calls.nameless = s.metrics.unusable = s.pointers_late = s.pointers_early = 5;
    assert_int_equal(left_out_look(&w, &s, HOUR), 0);
    assert_int_equal(w.grew_us[row_of("logs", "late")], HOUR);
    assert_int_equal(left_out_of(&left_out[row_of("traces", "nameless")], &s), 5);
}

static void each_reason_stands_in_the_table_once_and_has_a_count_of_its_own(void **state)
{
    (void)state;
    for (size_t i = 0; i < left_out_count; i++)
        for (size_t k = i + 1; k < left_out_count; k++) {
            assert_true(strcmp(left_out[i].dataset, left_out[k].dataset) != 0 || strcmp(left_out[i].reason, left_out[k].reason) != 0);
            assert_int_not_equal(left_out[i].at, left_out[k].at);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bound_that_is_felt_is_told_at_once_and_then_once_an_hour),
        cmocka_unit_test(what_was_left_out_before_the_start_is_not_told_again),
        cmocka_unit_test(what_senders_do_is_counted_and_not_told),
        cmocka_unit_test(each_reason_stands_in_the_table_once_and_has_a_count_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
