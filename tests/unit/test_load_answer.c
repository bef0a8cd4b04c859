/* load: two answers have one digest when a plan may rightly have made either of them, and a test's figures hide nothing that is missing. */
#include "unit.h"

#include "load/answer.h"
#include "load/score.h"

#include <math.h>
#include <string.h>

struct table { int columns; const char *numbers; const char *cells[12]; };   /* numbers: 'n' for a column of numbers */

static const char *text_of(const void *ctx, int row, int column)
{
    const struct table *t = ctx;
    return t->cells[row * t->columns + column];
}

static int digits_of(const void *ctx, int column) { return ((const struct table *)ctx)->numbers[column] == 'n' ? 9 : 0; }

static uint64_t digest(const struct table *t, int rows, const int sorted_by[4], int limit)
{
    struct load_cells c = { rows, t->columns, text_of, digits_of, t };
    return load_answer_digest(&c, sorted_by, limit);
}

static const int unsorted[4] = { 0 }, by_second[4] = { 2 };

static void rows_of_a_query_that_does_not_order_may_stand_anyhow(void **state)
{
    (void)state;
    const struct table a = { 2, "tn", { "x", "1", "y", "2", "x", "1" } }, b = { 2, "tn", { "x", "1", "x", "1", "y", "2" } }, c = { 2, "tn", { "x", "1", "y", "2", "y", "2" } };
    assert_true(digest(&a, 3, unsorted, 0) == digest(&b, 3, unsorted, 0));
    assert_true(digest(&a, 3, unsorted, 0) != digest(&c, 3, unsorted, 0));
    assert_true(digest(&a, 3, unsorted, 0) != digest(&a, 2, unsorted, 0));
}

static void rows_of_a_query_that_orders_keep_their_order_but_ties_do_not(void **state)
{
    (void)state;
    const struct table a = { 2, "tn", { "x", "1", "y", "1", "z", "2" } }, ties = { 2, "tn", { "y", "1", "x", "1", "z", "2" } },
                       wrong = { 2, "tn", { "z", "2", "x", "1", "y", "1" } };
    assert_true(digest(&a, 3, by_second, 0) == digest(&ties, 3, by_second, 0));
    assert_true(digest(&a, 3, by_second, 0) != digest(&wrong, 3, by_second, 0));
}

static void where_a_limit_cuts_through_ties_it_does_not_matter_which_are_shown(void **state)
{
    (void)state;
    const struct table a = { 2, "tn", { "x", "1", "y", "2" } }, b = { 2, "tn", { "x", "1", "z", "2" } }, c = { 2, "tn", { "w", "1", "y", "2" } };
    assert_true(digest(&a, 2, by_second, 2) == digest(&b, 2, by_second, 2));
    assert_true(digest(&a, 2, by_second, 3) != digest(&b, 2, by_second, 3));   /* nothing was cut */
    assert_true(digest(&a, 2, by_second, 2) != digest(&c, 2, by_second, 2));
}

static void numbers_agree_when_their_first_digits_do_and_text_to_the_last_letter(void **state)
{
    (void)state;
    static const struct { const char *a, *b; bool same; } pairs[] = {
        { "0.5", "0.5000", true }, { "123456789.00000001", "123456789", true }, { "0.123456789012", "0.123456789013", true }, { "0.12345678", "0.12345679", false },
        { "-0.0", "0", true },     { "100", "101", false },
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        const struct table a = { 1, "n", { pairs[i].a } }, b = { 1, "n", { pairs[i].b } };
        assert_true((digest(&a, 1, unsorted, 0) == digest(&b, 1, unsorted, 0)) == pairs[i].same);
        const struct table c = { 1, "t", { pairs[i].a } }, d = { 1, "t", { pairs[i].b } };
        assert_true(digest(&c, 1, unsorted, 0) != digest(&d, 1, unsorted, 0));
    }
    const struct table padded = { 1, "t", { "x   " } }, plain = { 1, "t", { "x" } }, null = { 1, "t", { NULL } }, empty = { 1, "t", { "" } };
    assert_true(digest(&padded, 1, unsorted, 0) == digest(&plain, 1, unsorted, 0));
    assert_true(digest(&null, 1, unsorted, 0) != digest(&empty, 1, unsorted, 0));
}

static void cells_do_not_run_into_each_other(void **state)
{
    (void)state;
    const struct table a = { 2, "tt", { "ab", "c" } }, b = { 2, "tt", { "a", "bc" } };
    assert_true(digest(&a, 1, unsorted, 0) != digest(&b, 1, unsorted, 0));
}

/* A test of one stream in which query n takes n seconds, one after the other. */
static void fill(struct load_result r[LOAD_QUERIES])
{
    int64_t at = 0;
    for (int i = 0; i < LOAD_QUERIES; i++) {
        r[i] = (struct load_result){ .place = i, .question.query = LOAD_QUERIES - i, .verdict = LOAD_ANSWERED, .begun_us = at, .digest = (uint64_t)i };
        at += (LOAD_QUERIES - i) * INT64_C(1000000);
        r[i].ended_us = at;
    }
}

static void a_test_has_its_geometric_mean_and_queries_an_hour(void **state)
{
    (void)state;
    struct load_result r[LOAD_QUERIES];
    struct load_score  s;
    fill(r);
    load_score(r, LOAD_QUERIES, &s);
    assert_true(s.complete && s.answered == 22 && s.total_s == 253 && s.elapsed_s == 253);
    assert_true(fabs(s.geometric_mean_s - exp(lgamma(23) / 22)) < 1e-9);
    assert_true(fabs(s.queries_per_hour - 3600 * 22 / 253.0) < 1e-9);
}

static void a_query_without_an_answer_makes_the_mean_unknown(void **state)
{
    (void)state;
    struct load_result r[LOAD_QUERIES];
    struct load_score  s, whole;
    fill(r);
    load_score(r, LOAD_QUERIES, &whole);
    r[3].verdict = LOAD_TIMED_OUT;
    load_score(r, LOAD_QUERIES, &s);
    assert_true(!s.complete && s.timed_out == 1 && isnan(s.geometric_mean_s) && s.digest == 0);
    assert_true(fabs(s.geometric_mean_at_least_s - whole.geometric_mean_s) < 1e-9);
    r[4].verdict = LOAD_QUERY_FAILED;
    load_score(r, LOAD_QUERIES, &s);
    assert_true(isnan(s.geometric_mean_at_least_s) && s.failed == 1 && s.answered == 20);
    memset(r, 0, sizeof r);
    load_score(r, LOAD_QUERIES, &s);
    assert_true(!s.complete && s.asked == 0 && isnan(s.queries_per_hour) && isnan(s.elapsed_s));
}

static void the_digest_of_all_answers_does_not_depend_on_when_they_came(void **state)
{
    (void)state;
    struct load_result r[LOAD_QUERIES], turned[LOAD_QUERIES];
    struct load_score  a, b;
    fill(r);
    for (int i = 0; i < LOAD_QUERIES; i++)
        turned[i] = r[LOAD_QUERIES - 1 - i];
    load_score(r, LOAD_QUERIES, &a);
    load_score(turned, LOAD_QUERIES, &b);
    assert_true(a.digest == b.digest && a.digest != 0);
    turned[5].digest++;
    load_score(turned, LOAD_QUERIES, &b);
    assert_true(a.digest != b.digest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_of_a_query_that_does_not_order_may_stand_anyhow),
        cmocka_unit_test(rows_of_a_query_that_orders_keep_their_order_but_ties_do_not),
        cmocka_unit_test(where_a_limit_cuts_through_ties_it_does_not_matter_which_are_shown),
        cmocka_unit_test(numbers_agree_when_their_first_digits_do_and_text_to_the_last_letter),
        cmocka_unit_test(cells_do_not_run_into_each_other),
        cmocka_unit_test(a_test_has_its_geometric_mean_and_queries_an_hour),
        cmocka_unit_test(a_query_without_an_answer_makes_the_mean_unknown),
        cmocka_unit_test(the_digest_of_all_answers_does_not_depend_on_when_they_came),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
