/* What a series lets expect: math/forecast. */
#include "unit.h"

#include "base/rand.h"
#include "math/stats/forecast.h"

#include <math.h>

enum { RUNS = 500, LONG = 3 * MATH_FORECAST_MAX };

/* Noise of spread 1 with correlation phi; phi = 1 wanders by 1 each step. */
static void noise(struct rand *r, double *x, int n, double phi)
{
    double y = rand_normal(r);
    for (int i = 0; i < n; i++) {
        x[i] = y;
        y = phi < 1 ? phi * y + sqrt(1 - phi * phi) * rand_normal(r) : y + rand_normal(r);
    }
}

static double mean_of(const double *x, int n)
{
    double s = 0;
    for (int i = 0; i < n; i++)
        s += x[i] / n;
    return s;
}

static void what_comes_lies_beyond_a_bound_as_seldom_as_was_asked(void **state)
{
    (void)state;
    /* Two dozen values hardly show a correlation of 0.6 or that they wander, so there it may be twice as often. */
    static const struct { double phi, times; } kinds[] = { { 0, 1 }, { 0.3, 1 }, { 0.6, 2 }, { -0.4, 1 }, { 1, 2 } };
    const double level = 0.025;
    struct rand r;
    rand_seed(&r, 1);
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++)
        for (int n = 24; n <= 60; n += 18) {
            double p = kinds[k].times * level, allowed = p + 3 * sqrt(p * (1 - p) / RUNS);
            int above = 0, below = 0;
            for (int run = 0; run < RUNS; run++) {
                double x[70];
                noise(&r, x, n + 7, kinds[k].phi);
                struct math_forecast f = math_forecast_mean(x, n, 3, 4, level);
                double came = mean_of(x + n + 3, 4);
                assert_true(f.known && f.lower < f.mean && f.mean < f.upper);
                above += came > f.upper;
                below += came < f.lower;
            }
            print_error( "%zu %d: %d %d of %d\n", k, n, above, below, RUNS);
            assert_true((double)above / RUNS < allowed);
            assert_true((double)below / RUNS < allowed);
        }
}

static void white_noise_costs_little_more_than_if_it_were_known_to_be_white(void **state)
{
    (void)state;
    const double known = 2.0 * sqrt(1.0 / 4 + 1.0 / 60);   /* t(59) at 2.5 %, four coming values */
    struct rand r;
    double      wide = 0;
    rand_seed(&r, 2);
    for (int run = 0; run < 100; run++) {
        double x[60];
        noise(&r, x, 60, 0);
        struct math_forecast f = math_forecast_mean(x, 60, 0, 4, 0.025);
        wide += (f.upper - f.mean) / 100;
    }
    assert_true(wide > known && wide < 1.5 * known);
}

static void a_wandering_series_is_the_less_sure_the_farther_away(void **state)
{
    (void)state;
    struct rand r;
    double      x[40];
    rand_seed(&r, 3);
    noise(&r, x, 40, 1);
    struct math_forecast soon = math_forecast_mean(x, 40, 0, 1, 0.05), late = math_forecast_mean(x, 40, 20, 1, 0.05);
    assert_true(late.upper - late.lower > 2 * (soon.upper - soon.lower));
}

static void a_rise_is_expected_to_go_on(void **state)
{
    (void)state;
    struct rand r;
    double      x[40];
    rand_seed(&r, 4);
    for (int i = 0; i < 40; i++)
        x[i] = 0.2 * i + 0.1 * rand_normal(&r);
    struct math_forecast f = math_forecast_mean(x, 40, 4, 1, 0.01);
    assert_true(f.upper > 0.2 * 44 && f.mean > 0.2 * 41);
}

static void a_constant_past_expects_the_same(void **state)
{
    (void)state;
    double x[12];
    for (int i = 0; i < 12; i++)
        x[i] = 6.25;
    struct math_forecast f = math_forecast_mean(x, 12, 3, 3, 0.01);
    assert_true(f.known);
    assert_true(fabs(f.mean - 6.25) < 1e-9);
    assert_true(f.upper - f.lower < 1e-6);
}

static void unit_and_zero_of_the_scale_do_not_matter(void **state)
{
    (void)state;
    struct rand r;
    double      x[30], y[30];
    rand_seed(&r, 5);
    noise(&r, x, 30, 0.4);
    for (int i = 0; i < 30; i++)
        y[i] = 1000 - 0.01 * x[i];
    struct math_forecast f = math_forecast_mean(x, 30, 2, 5, 0.02), g = math_forecast_mean(y, 30, 2, 5, 0.02);
    assert_true(fabs(g.mean - (1000 - 0.01 * f.mean)) < 1e-9);
    assert_true(fabs(g.lower - (1000 - 0.01 * f.upper)) < 1e-7);
    assert_true(fabs(g.upper - (1000 - 0.01 * f.lower)) < 1e-7);
}

static void of_a_long_past_the_latest_values_count(void **state)
{
    (void)state;
    struct rand r;
    double      x[LONG];
    rand_seed(&r, 6);
    noise(&r, x, LONG, 0.5);
    struct math_forecast f = math_forecast_mean(x, LONG, 1, 2, 0.05), g = math_forecast_mean(x + LONG - MATH_FORECAST_MAX, MATH_FORECAST_MAX, 1, 2, 0.05);
    assert_true(f.mean == g.mean && f.upper == g.upper && f.lower == g.lower);
}

static void what_cannot_be_known_is_unknown(void **state)
{
    (void)state;
    double x[MATH_FORECAST_LEAST] = { 1, 2, 1, 2, 1, 2, 1, 2 };
    assert_true(math_forecast_mean(x, MATH_FORECAST_LEAST, 0, 1, 0.05).known);
    const struct math_forecast wrong[] = {
        math_forecast_mean(x, MATH_FORECAST_LEAST - 1, 0, 1, 0.05), math_forecast_mean(x, MATH_FORECAST_LEAST, -1, 1, 0.05),
        math_forecast_mean(x, MATH_FORECAST_LEAST, 0, 0, 0.05),     math_forecast_mean(x, MATH_FORECAST_LEAST, 0, MATH_FORECAST_AHEAD_MAX + 1, 0.05),
        math_forecast_mean(x, MATH_FORECAST_LEAST, 0, 1, 0),        math_forecast_mean(x, MATH_FORECAST_LEAST, 0, 1, (double)NAN),
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_true(!wrong[i].known && isnan(wrong[i].mean) && isinf(wrong[i].upper) && isinf(wrong[i].lower));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_comes_lies_beyond_a_bound_as_seldom_as_was_asked),
        cmocka_unit_test(white_noise_costs_little_more_than_if_it_were_known_to_be_white),
        cmocka_unit_test(a_wandering_series_is_the_less_sure_the_farther_away),
        cmocka_unit_test(a_rise_is_expected_to_go_on),
        cmocka_unit_test(a_constant_past_expects_the_same),
        cmocka_unit_test(unit_and_zero_of_the_scale_do_not_matter),
        cmocka_unit_test(of_a_long_past_the_latest_values_count),
        cmocka_unit_test(what_cannot_be_known_is_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
