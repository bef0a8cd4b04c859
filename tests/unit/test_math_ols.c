/* math: regressions give certified numbers to their last digits, and say plainly what they cannot be asked. */
#include "unit.h"

#include "base/rand.h"
#include "math/cause/logit.h"
#include "math/cause/ols.h"
#include "math/cause/power.h"

#include <math.h>
#include <string.h>

#define assert_near(a, b, eps)                                                  \
    do {                                                                        \
        double a_ = (a), b_ = (b);                                              \
        if (!(fabs(a_ - b_) <= (eps)))                                          \
            fail_msg("%s is %.15g, not %.15g +- %g", #a, a_, b_, (double)(eps)); \
    } while (0)

#define assert_close(a, b, relative) assert_near(a, b, (relative) * fabs(b))

struct bench { struct arena arena; struct fault fault; };

static int set_up(void **state)
{
    static struct bench b;
    arena_init(&b.arena, (size_t)256 << 20);
    *state = &b;
    return 0;
}

static int tear_down(void **state)
{
    arena_done(&((struct bench *)*state)->arena);
    return 0;
}

static void assert_refused(enum err e, const struct fault *f, const char *because)
{
    assert_int_equal(e, ERR_INPUT);
    if (!strstr(f->text, because))
        fail_msg("refused, but because %s", f->text);
}

/* Longley's data of 1967, of which NIST says to fifteen digits what comes out; its columns are nearly collinear. */
static const double longley[7][16] = {
    { 60323, 61122, 60171, 61187, 63221, 63639, 64989, 63761, 66019, 67857, 68169, 66513, 68655, 69564, 69331, 70551 },
    { 83.0, 88.5, 88.2, 89.5, 96.2, 98.1, 99.0, 100.0, 101.2, 104.6, 108.4, 110.8, 112.6, 114.2, 115.7, 116.9 },
    { 234289, 259426, 258054, 284599, 328975, 346999, 365385, 363112, 397469, 419180, 442769, 444546, 482704, 502601, 518173, 554894 },
    { 2356, 2325, 3682, 3351, 2099, 1932, 1870, 3578, 2904, 2822, 2936, 4681, 3813, 3931, 4806, 4007 },
    { 1590, 1456, 1616, 1650, 3099, 3594, 3547, 3350, 3048, 2857, 2798, 2637, 2552, 2514, 2572, 2827 },
    { 107608, 108632, 109773, 110929, 112075, 113270, 115094, 116219, 117388, 118734, 120445, 121950, 123366, 125368, 127852, 130081 },
    { 1947, 1948, 1949, 1950, 1951, 1952, 1953, 1954, 1955, 1956, 1957, 1958, 1959, 1960, 1961, 1962 },
};

static void nearly_collinear_columns_cost_few_digits(void **state)
{
    struct bench *b = *state;
    static const double beta[7] = { -3482258.63459582, 15.0618722713733, -0.358191792925910E-01, -2.02022980381683, -1.03322686717359, -0.511041056535807E-01, 1829.15146461355 };
    static const double se[7] = { 890420.383607373, 84.9149257747669, 0.334910077722432E-01, 0.488399681651699, 0.214274163161675, 0.226073200069370, 455.478499142212 };
    const double *x[6];
    for (int j = 0; j < 6; j++)
        x[j] = longley[1 + j];
    struct math_ols o;
    assert_ok(math_ols(longley[0], x, 6, 16, MATH_ERRORS_CLASSIC, &b->arena, &o, &b->fault), &b->fault);
    for (int j = 0; j < 7; j++) {
        assert_close(o.beta[j], beta[j], 1e-9);
        assert_close(o.se[j], se[j], 1e-9);
    }
    assert_close(o.sigma, 304.854073561965, 1e-11);
    assert_close(o.r2, 0.995479004577296, 1e-13);
    assert_near(o.df, 9, 0);
}

static void robust_errors_are_those_of_the_formula(void **state)
{
    struct bench *b = *state;
    static const double x[7] = { 1, 2, 3, 4, 5, 7, 10 }, y[7] = { 1.2, 1.9, 3.5, 3.1, 6.2, 6.1, 12.4 };
    const double *columns[1] = { x };
    double mean_x = 0, mean_y = 0, sxx = 0, sxy = 0, hc1 = 0, hc3 = 0;
    for (int i = 0; i < 7; i++) {
        mean_x += x[i] / 7;
        mean_y += y[i] / 7;
    }
    for (int i = 0; i < 7; i++) {
        sxx += (x[i] - mean_x) * (x[i] - mean_x);
        sxy += (x[i] - mean_x) * (y[i] - mean_y);
    }
    for (int i = 0; i < 7; i++) {
        double u = (x[i] - mean_x) / sxx, e = y[i] - mean_y - sxy / sxx * (x[i] - mean_x), h = 1.0 / 7 + (x[i] - mean_x) * u;
        hc1 += u * u * e * e * 7 / 5;
        hc3 += u * u * e * e / (1 - h) / (1 - h);
    }
    struct math_ols o;
    assert_ok(math_ols(y, columns, 1, 7, MATH_ERRORS_HC1, &b->arena, &o, &b->fault), &b->fault);
    assert_close(o.beta[1], sxy / sxx, 1e-13);
    assert_close(o.beta[0], mean_y - sxy / sxx * mean_x, 1e-12);
    assert_close(o.se[1], sqrt(hc1), 1e-12);
    assert_ok(math_ols(y, columns, 1, 7, MATH_ERRORS_HC3, &b->arena, &o, &b->fault), &b->fault);
    assert_close(o.se[1], sqrt(hc3), 1e-12);
    double lo, hi;
    math_interval(o.beta[1], o.se[1], o.df, 0.05, &lo, &hi);
    assert_close((hi - lo) / 2 / o.se[1], 2.570581835636197, 1e-8);   /* t, 5 degrees of freedom */
    assert_close(math_p_value(2.570581835636197, 1, 5), 0.05, 1e-8);
}

static void a_design_without_columns_is_the_mean(void **state)
{
    struct bench *b = *state;
    static const double y[4] = { 1, 2, 3, 6 };
    struct math_ols o;
    assert_ok(math_ols(y, NULL, 0, 4, MATH_ERRORS_CLASSIC, &b->arena, &o, &b->fault), &b->fault);
    assert_near(o.beta[0], 3, 1e-14);
    assert_near(o.se[0], sqrt(14.0 / 3 / 4), 1e-14);
}

static void units_do_not_matter(void **state)
{
    struct bench *b = *state;
    enum { N = 50 };
    static double x[2][N], large[2][N], y[N];
    struct rand r;
    rand_seed(&r, 3);
    for (int i = 0; i < N; i++) {
        x[0][i] = rand_normal(&r);
        x[1][i] = x[0][i] + 1e-4 * rand_normal(&r);
        y[i] = 1 + 2 * x[0][i] - x[1][i] + rand_normal(&r);
        large[0][i] = 1e12 + 1e9 * x[0][i];
        large[1][i] = 1e-9 * x[1][i];
    }
    const double *p[2] = { x[0], x[1] }, *q[2] = { large[0], large[1] };
    struct math_ols one, two;
    assert_ok(math_ols(y, p, 2, N, MATH_ERRORS_HC3, &b->arena, &one, &b->fault), &b->fault);
    assert_ok(math_ols(y, q, 2, N, MATH_ERRORS_HC3, &b->arena, &two, &b->fault), &b->fault);
    assert_close(two.beta[1] * 1e9, one.beta[1], 1e-6);
    assert_close(two.beta[2] * 1e-9, one.beta[2], 1e-6);
    assert_close(two.se[1] / two.beta[1], one.se[1] / one.beta[1], 1e-6);
}

static void bad_input_is_refused_with_its_reason(void **state)
{
    struct bench *b = *state;
    double x[2][6] = { { 1, 2, 3, 4, 5, 6 }, { 2, 1, 4, 3, 6, 5 } }, y[6] = { 1, 2, 2, 3, 3, 4 }, keep;
    const double *columns[3] = { x[0], x[1], x[1] };
    struct math_ols o;
    struct arena *a = &b->arena;
    struct fault *f = &b->fault;
    assert_refused(math_ols(y, columns, 3, 6, MATH_ERRORS_HC1, a, &o, f), f, "is a combination of other columns");
    assert_refused(math_ols(y, columns, 2, 3, MATH_ERRORS_HC1, a, &o, f), f, "3 rows are too few for 3 coefficients");
    keep = x[1][4], x[1][4] = (double)NAN;
    assert_refused(math_ols(y, columns, 2, 6, MATH_ERRORS_HC1, a, &o, f), f, "row 5 of column 2 is not a finite number");
    x[1][4] = keep, y[0] = INFINITY;
    assert_refused(math_ols(y, columns, 2, 6, MATH_ERRORS_HC1, a, &o, f), f, "row 1 of the outcome");
    y[0] = 1;
    for (int i = 0; i < 6; i++)
        x[1][i] = 0.1;
    assert_refused(math_ols(y, columns, 2, 6, MATH_ERRORS_HC1, a, &o, f), f, "column 2 is the same in all rows");
    for (int i = 0; i < 6; i++)
        x[1][i] = 1e200 * (i + 1);
    assert_refused(math_ols(y, columns, 2, 6, MATH_ERRORS_HC1, a, &o, f), f, "column 2 is too large to be squared");
    for (int i = 0; i < 6; i++)
        x[1][i] = i == 2;
    assert_refused(math_ols(y, columns, 2, 6, MATH_ERRORS_HC3, a, &o, f), f, "row 3 alone determines a coefficient");
    assert_int_equal(math_ols(y, columns, 2, 6, MATH_ERRORS_HC1, a, &o, f), OK);
    struct arena small;
    arena_init(&small, 64);
    assert_int_equal(math_ols(y, columns, 2, 6, MATH_ERRORS_HC1, &small, &o, f), ERR_LIMIT);
    arena_done(&small);
}

static void robust_intervals_cover_where_classic_ones_do_not(void **state)
{
    struct bench *b = *state;
    enum { N = 100, RUNS = 2000 };
    static double x[N], y[N];
    const double *columns[1] = { x };
    struct rand r;
    rand_seed(&r, 5);
    int covered[3] = { 0 };
    for (int run = 0; run < RUNS; run++) {
        for (int i = 0; i < N; i++) {
            x[i] = rand_normal(&r);
            y[i] = 1 + 0.5 * x[i] + fabs(x[i]) * rand_normal(&r);
        }
        for (int errors = 0; errors < 3; errors++) {
            struct math_ols o;
            double lo, hi;
            arena_reset(&b->arena);
            assert_ok(math_ols(y, columns, 1, N, (enum math_errors)errors, &b->arena, &o, &b->fault), &b->fault);
            math_interval(o.beta[1], o.se[1], o.df, 0.05, &lo, &hi);
            covered[errors] += lo <= 0.5 && 0.5 <= hi;
        }
    }
    assert_in_range(covered[MATH_ERRORS_HC3], 0.935 * RUNS, 0.965 * RUNS);
    assert_true(covered[MATH_ERRORS_CLASSIC] < 0.85 * RUNS);
    assert_true(covered[MATH_ERRORS_HC1] < covered[MATH_ERRORS_HC3]);
}

/* ---- logistic regression ---- */

static void a_table_of_four_cells_gives_its_odds_ratio(void **state)
{
    struct bench *b = *state;
    enum { A = 12, B = 30, C = 25, D = 8, N = A + B + C + D };   /* exposed treated, exposed not, unexposed treated, unexposed not */
    static double t[N], x[N];
    const double *columns[1] = { x };
    for (int i = 0; i < N; i++) {
        x[i] = i < A + B;
        t[i] = i < A || (i >= A + B && i < A + B + C);
    }
    struct math_logit l;
    assert_ok(math_logit(t, columns, 1, N, &b->arena, &l, &b->fault), &b->fault);
    assert_false(l.separated);
    assert_near(l.beta[0], log(25.0 / 8), 1e-10);
    assert_near(l.beta[1], log(12.0 * 8 / (30.0 * 25)), 1e-10);
    assert_near(l.se[1], sqrt(1.0 / A + 1.0 / B + 1.0 / C + 1.0 / D), 1e-9);
    assert_near(math_logistic(l.eta[0]), 12.0 / 42, 1e-10);
}

static void a_logistic_model_finds_the_coefficients_that_made_the_data(void **state)
{
    struct bench *b = *state;
    enum { N = 20000 };
    static double t[N], x[2][N];
    const double *columns[2] = { x[0], x[1] };
    struct rand r;
    rand_seed(&r, 6);
    for (int i = 0; i < N; i++) {
        x[0][i] = rand_normal(&r);
        x[1][i] = 1000 + 50 * rand_normal(&r);
        t[i] = rand_unit(&r) < math_logistic(-1 + 0.7 * x[0][i] + 0.02 * (x[1][i] - 1000));
    }
    struct math_logit l;
    assert_ok(math_logit(t, columns, 2, N, &b->arena, &l, &b->fault), &b->fault);
    assert_near(l.beta[1], 0.7, 4 * l.se[1]);
    assert_near(l.beta[2], 0.02, 4 * l.se[2]);
    assert_near(l.se[1], 0.0196, 0.002);
    double score[3] = { 0 };
    for (int i = 0; i < N; i++) {
        double e = t[i] - math_logistic(l.eta[i]);
        score[0] += e, score[1] += e * x[0][i], score[2] += e * x[1][i];
    }
    assert_near(score[0], 0, 1e-6);
    assert_near(score[1], 0, 1e-6);
    assert_near(score[2], 0, 1e-3);
}

static void separation_is_noticed_whether_whole_or_half(void **state)
{
    struct bench *b = *state;
    enum { N = 40 };
    double t[N], x[N], y[N];
    const double *columns[2] = { x, y };
    struct math_logit l;
    for (int i = 0; i < N; i++) {
        x[i] = i;
        y[i] = (i * 7) % 11;
        t[i] = i >= N / 2;
    }
    assert_ok(math_logit(t, columns, 2, N, &b->arena, &l, &b->fault), &b->fault);
    assert_true(l.separated);
    for (int i = 0; i < N; i++) {            /* one value of the column has treated rows only, the other both */
        x[i] = i < 10;
        t[i] = i < 10 || i % 3 == 0;
    }
    assert_ok(math_logit(t, columns, 2, N, &b->arena, &l, &b->fault), &b->fault);
    assert_true(l.separated);
    t[3] = 0;                                /* a single exception is enough to have an answer */
    assert_ok(math_logit(t, columns, 2, N, &b->arena, &l, &b->fault), &b->fault);
    assert_false(l.separated);
    for (int i = 0; i < N; i++)
        t[i] = 1;
    assert_refused(math_logit(t, columns, 2, N, &b->arena, &l, &b->fault), &b->fault, "nothing to compare with");
    t[1] = 0.5;
    assert_refused(math_logit(t, columns, 2, N, &b->arena, &l, &b->fault), &b->fault, "must be 0 or 1");
}

/* ---- power ---- */

static void power_and_what_can_be_detected_are_the_tables_numbers(void **state)
{
    (void)state;
    assert_near(math_detectable(1, INFINITY, 0.05, 0.8), 2.801585, 1e-6);
    assert_near(math_power(2.801585218, 1, INFINITY, 0.05), 0.8, 1e-4);
    assert_near(math_power(0, 1, INFINITY, 0.05), 0.05, 1e-9);
    assert_near(math_rows_needed(0.5, 1, 0.05, 0.8), 64, 0.5);      /* Cohen 1988, table 2.4.1 */
    assert_near(math_rows_needed(0.2, 1, 0.05, 0.8), 393, 1);
    assert_near(math_rows_needed(0.8, 1, 0.05, 0.8), 26, 0.5);
    assert_true(isinf(math_rows_needed(0, 1, 0.05, 0.8)) && isnan(math_detectable(1, 10, 0, 0.8)) && isnan(math_power(1, 0, 10, 0.05)));
    assert_near(math_robustness(4.18445, 783, 1), 0.13878, 1e-4);   /* Cinelli & Hazlett 2020, Darfur */
    assert_near(math_robustness(0, 10, 1), 0, 0);
    assert_near(math_robustness(-4.18445, 783, 1), math_robustness(4.18445, 783, 1), 0);
}

#define with_bench(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_bench(nearly_collinear_columns_cost_few_digits),
        with_bench(robust_errors_are_those_of_the_formula),
        with_bench(a_design_without_columns_is_the_mean),
        with_bench(units_do_not_matter),
        with_bench(bad_input_is_refused_with_its_reason),
        with_bench(robust_intervals_cover_where_classic_ones_do_not),
        with_bench(a_table_of_four_cells_gives_its_odds_ratio),
        with_bench(a_logistic_model_finds_the_coefficients_that_made_the_data),
        with_bench(separation_is_noticed_whether_whole_or_half),
        cmocka_unit_test(power_and_what_can_be_detected_are_the_tables_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
