/* sense: what statements did in between, whoever came, went or was reset. */
#include "unit.h"

#include "sense/statements.h"

#include <math.h>
#include <string.h>

#define S INT64_C(1000000)

static double calls_of(const struct sample *s, int64_t id)
{
    for (int i = 0; i < s->queries; i++)
        if (s->query[i].id == id)
            return s->query[i].calls;
    return -1;
}

static struct sample fill(const struct statements *st)
{
    struct sample s;
    sample_clear(&s);
    statements_fill(st, true, &s);
    return s;
}

static struct statement_row row(int64_t id, double calls, double mean_ms, double sd_ms, bool top)
{
    return (struct statement_row){ id, calls, calls * mean_ms, calls, calls * (mean_ms * mean_ms + sd_ms * sd_ms), top };
}

static void the_first_reading_counts_nothing(void **state)
{
    (void)state;
    static struct statements st;
    statements_forget(&st);
    struct statement_row rows[] = { row(0, 1000, 2, 1, false), row(7, 900, 2, 1, true) };
    statements_take(&st, rows, 2, 5, 3, 1 * S);
    struct sample s = fill(&st);
    assert_int_equal(s.queries, 2);
    assert_float_equal(calls_of(&s, 7), 0, 0);
    assert_float_equal(calls_of(&s, 0), 0, 0);
    assert_true(isnan(s.v[METRIC_CALLS]));
    assert_true(isnan(s.v[METRIC_LATENCY_P99]));
    assert_int_equal(s.stats_reset_us, 5);
}

static void differences_add_up_and_lose_nothing(void **state)
{
    (void)state;
    static struct statements st;
    statements_forget(&st);
    struct statement_row a[] = { row(0, 1000, 2, 1, false), row(7, 900, 2, 1, true) };
    struct statement_row b[] = { row(0, 1500, 2, 1, false), row(7, 1300, 2, 1, true), row(8, 100, 2, 1, true) };
    struct statement_row c[] = { row(0, 1700, 2, 1, false), row(7, 1400, 2, 1, true), row(8, 150, 2, 1, true) };
    statements_take(&st, a, 2, 5, 3, 1 * S);
    statements_take(&st, b, 3, 5, 3, 6 * S);
    struct sample s = fill(&st);
    assert_float_equal(calls_of(&s, 7), 400, 0);
    assert_float_equal(calls_of(&s, 8), 0, 0);       /* followed from here on; its share of this interval is in the rest */
    assert_float_equal(calls_of(&s, 0), 100, 0);
    assert_float_equal(s.v[METRIC_CALLS], 100, 1e-9);
    statements_take(&st, c, 3, 5, 3, 11 * S);
    s = fill(&st);
    assert_float_equal(calls_of(&s, 7), 500, 0);
    assert_float_equal(calls_of(&s, 8), 50, 0);
    assert_float_equal(calls_of(&s, 0), 150, 0);
    assert_float_equal(s.v[METRIC_CALLS], 40, 1e-9);
}

static void a_reset_is_never_a_negative_or_a_huge_difference(void **state)
{
    (void)state;
    static struct statements st;
    statements_forget(&st);
    struct statement_row a[] = { row(0, 1000, 2, 1, false), row(7, 900, 2, 1, true) };
    struct statement_row b[] = { row(0, 2000, 2, 1, false), row(7, 1900, 2, 1, true) };
    struct statement_row c[] = { row(0, 50, 2, 1, false), row(7, 50, 2, 1, true) };
    statements_take(&st, a, 2, 5, 3, 1 * S);
    statements_take(&st, b, 2, 77, 3, 2 * S);   /* reset, and busy enough to have more than before */
    assert_true(st.was_reset);
    struct sample s = fill(&st);
    assert_true(isnan(s.v[METRIC_CALLS]));
    assert_float_equal(calls_of(&s, 7), 0, 0);
    assert_int_equal(s.stats_reset_us, 77);
    statements_take(&st, c, 2, 77, 3, 3 * S);   /* less than before without a word */
    s = fill(&st);
    assert_true(isnan(s.v[METRIC_CALLS]));
}

static void a_single_statement_that_went_back_counts_nothing(void **state)
{
    (void)state;
    static struct statements st;
    statements_forget(&st);
    struct statement_row a[] = { row(0, 1000, 2, 1, false), row(7, 300, 2, 1, true), row(8, 700, 2, 1, true) };
    struct statement_row b[] = { row(0, 810, 2, 1, false), row(7, 10, 2, 1, true), row(8, 800, 2, 1, true) };
    statements_take(&st, a, 3, 5, 3, 1 * S);
    statements_take(&st, b, 3, 5, 3, 2 * S);
    struct sample s = fill(&st);
    assert_float_equal(calls_of(&s, 7), 0, 0);
    assert_float_equal(calls_of(&s, 8), 100, 0);
    assert_float_equal(calls_of(&s, 0), 0, 0);
}

static void what_was_forgotten_is_no_call_less_and_no_latency(void **state)
{
    (void)state;
    static struct statements st;
    statements_forget(&st);
    struct statement_row a[] = { row(0, 1000, 2, 1, false), row(7, 300, 2, 1, true) };
    struct statement_row b[] = { row(0, 900, 2, 1, false), row(7, 400, 2, 1, true) };      /* 200 of the rest are gone with what was seldom */
    struct statement_row c[] = { row(0, 1000, 2, 1, false), row(7, 400, 2, 1, true) };     /* and here more came than went */
    struct statement_row d[] = { row(0, 1100, 2, 1, false), row(7, 400, 2, 1, true) };
    statements_take(&st, a, 2, 5, 3, 1 * S);
    int64_t before = fill(&st).forgotten;
    statements_take(&st, b, 2, 5, 4, 2 * S);
    struct sample s = fill(&st);
    assert_float_equal(calls_of(&s, 7), 100, 0);
    assert_true(isnan(s.v[METRIC_CALLS]) && isnan(s.v[METRIC_LATENCY_MEAN]));      /* not none */
    assert_true(s.forgotten > before);
    before = s.forgotten;
    statements_take(&st, c, 2, 5, 5, 3 * S);
    assert_true(fill(&st).forgotten > before);
    before = fill(&st).forgotten;
    statements_take(&st, d, 2, 5, 5, 4 * S);
    s = fill(&st);
    assert_float_equal(s.v[METRIC_CALLS], 100, 1e-9);
    assert_int_equal(s.forgotten, before);
}

static void heavy_newcomers_take_the_place_of_those_that_fell_back(void **state)
{
    (void)state;
    static struct statements st;
    static struct statement_row rows[STATEMENT_ROWS_MAX];
    statements_forget(&st);
    rows[0] = row(0, 1e6, 1, 0, false);
    for (int i = 1; i <= STATEMENTS_FOLLOWED; i++)
        rows[i] = row(i, 100, 1, 0, true);
    statements_take(&st, rows, STATEMENTS_FOLLOWED + 1, 5, 3, 1 * S);
    assert_int_equal(st.followed, STATEMENTS_FOLLOWED);
    rows[0] = row(0, 2e6, 1, 0, false);
    rows[5].top = false;
    rows[STATEMENTS_FOLLOWED + 1] = row(1000, 5000, 1, 0, true);
    statements_take(&st, rows, STATEMENTS_FOLLOWED + 2, 5, 3, 2 * S);
    assert_int_equal(st.followed, STATEMENTS_FOLLOWED);
    struct sample s = fill(&st);
    assert_int_equal(s.queries, QUERIES_MAX);
    assert_float_equal(calls_of(&s, 1000), 0, 0);
    assert_float_equal(calls_of(&s, 5), -1, 0);
    assert_float_equal(calls_of(&s, 0), 1e6, 0);
    char ids[2048];
    statements_ids(&st, ids, sizeof ids);
    assert_non_null(strstr(ids, "1000"));
    assert_null(strstr(ids, ",5,"));
}

static void percentiles_of_one_lognormal_are_its_own(void **state)
{
    (void)state;
    /* mean 10, standard deviation 5: sigma^2 = ln 1.25, median = 10 / sqrt(1.25) = 8.94427, p95 = 19.4527, p99 = 26.8303 */
    double w = 3, m = 10, v = 25;
    double p50 = mixture_quantile(1, &w, &m, &v, 0.5), p95 = mixture_quantile(1, &w, &m, &v, 0.95), p99 = mixture_quantile(1, &w, &m, &v, 0.99);
    double sigma = sqrt(log(1.25)), median = 10 / sqrt(1.25);
    assert_true(fabs(p50 - median) < 1e-4);
    assert_true(fabs(p95 - median * exp(1.6448536 * sigma)) < 1e-4);
    assert_true(fabs(p99 - median * exp(2.3263479 * sigma)) < 1e-4);
}

static void percentiles_of_a_mixture_lie_where_the_share_says(void **state)
{
    (void)state;
    double w[] = { 98, 2 }, m[] = { 1, 1000 }, v[] = { 0, 0 };
    assert_true(fabs(mixture_quantile(2, w, m, v, 0.95) - 1) < 1e-6);
    assert_true(fabs(mixture_quantile(2, w, m, v, 0.99) - 1000) < 1e-3);
    assert_true(isnan(mixture_quantile(0, w, m, v, 0.5)));
}

static void an_idle_server_has_calls_but_no_latency(void **state)
{
    (void)state;
    static struct statements st;
    statements_forget(&st);
    struct statement_row a[] = { row(0, 1000, 2, 1, false), row(7, 900, 2, 1, true) };
    statements_take(&st, a, 2, 5, 3, 1 * S);
    statements_take(&st, a, 2, 5, 3, 6 * S);
    struct sample s = fill(&st);
    assert_float_equal(s.v[METRIC_CALLS], 0, 0);
    assert_true(isnan(s.v[METRIC_LATENCY_MEAN]));
    struct statement_row b[] = { row(0, 2000, 2, 1, false), row(7, 1900, 2, 1, true) };
    statements_take(&st, b, 2, 5, 3, 11 * S);
    s = fill(&st);
    assert_float_equal(s.v[METRIC_LATENCY_MEAN], 2, 1e-6);
    assert_float_equal(s.v[METRIC_LATENCY_ESTIMATED], 1, 0);
    assert_true(s.v[METRIC_LATENCY_P99] > s.v[METRIC_LATENCY_P95] && s.v[METRIC_LATENCY_P95] > s.v[METRIC_LATENCY_P50]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_reading_counts_nothing),
        cmocka_unit_test(differences_add_up_and_lose_nothing),
        cmocka_unit_test(a_reset_is_never_a_negative_or_a_huge_difference),
        cmocka_unit_test(a_single_statement_that_went_back_counts_nothing),
        cmocka_unit_test(what_was_forgotten_is_no_call_less_and_no_latency),
        cmocka_unit_test(heavy_newcomers_take_the_place_of_those_that_fell_back),
        cmocka_unit_test(percentiles_of_one_lognormal_are_its_own),
        cmocka_unit_test(percentiles_of_a_mixture_lie_where_the_share_says),
        cmocka_unit_test(an_idle_server_has_calls_but_no_latency),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
