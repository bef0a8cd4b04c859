/* math/search/acquire.h, math/search/design.h, math/search/warp.h, math/search/region.h, math/search/project.h: values from tables, and what each promises. */
#include "unit.h"
#include "near.h"

#include "math/search/acquire.h"
#include "math/stats/describe.h"
#include "math/search/design.h"
#include "math/search/project.h"
#include "math/search/region.h"
#include "math/search/warp.h"

#include <math.h>
#include <string.h>

/* ---- acquisition ---- */

static void log_ei_gives_the_tables_values_however_far_out(void **state)
{
    (void)state;
    static const struct { double u, value; } table[] = {
        { 3, 1.09873966532771 },       { 1, 0.0800262188493069 },     { 0, -0.918938533204673 },    { -0.5, -1.62051626438732 },
        { -1, -2.48512102571264 },     { -2, -4.76878352391711 },     { -5, -16.744301162661 },     { -10, -55.5531220361224 },
        { -40, -808.29856835662 },     { -100, -5010.12957880025 },   { -1000, -500014.734452091 },
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        assert_near(math_log_h(table[i].u, NULL), table[i].value, 1e-13 * (1 + fabs(table[i].value)));
        assert_near(math_acq_log_ei(2 + 0.5 * table[i].u, 0.5, 2, NULL), log(0.5) + table[i].value, 1e-13 * (1 + fabs(table[i].value)));
    }
    assert_true(isfinite(math_log_h(-1e100, NULL)));
    assert_near(math_acq_ei(1.3, 0.4, 1, NULL), 0.4 * exp(math_log_h(0.75, NULL)), 1e-15);
    assert_near(math_acq_ucb(1.5, 0.25, 2, NULL), 2, 0);
}

static void the_two_branches_meet_without_a_step(void **state)
{
    (void)state;
    double at, slope, below = math_log_h(-2.5 - 1e-9, &at), above = math_log_h(-2.5 + 1e-9, &slope);
    assert_near(below, above, 1e-8);
    assert_near(at, slope, 1e-7);
    below = math_log_normal_cdf(-2.5 - 1e-9, &at);
    above = math_log_normal_cdf(-2.5 + 1e-9, &slope);
    assert_near(below, above, 1e-8);
    assert_near(at, slope, 1e-7);
    assert_near(math_log_normal_cdf(-10, NULL), -53.2312851505124, 1e-11);
    assert_near(math_log_normal_cdf(0, NULL), -log(2), 1e-15);
}

typedef double acquisition(double mean, double sd, double parameter, struct math_acq_slope *slope);

static void slopes_are_those_of_the_differences(void **state)
{
    (void)state;
    acquisition *const all[] = { math_acq_ucb, math_acq_ei, math_acq_log_ei, math_acq_log_below };
    for (size_t k = 0; k < 4; k++)
        for (double mean = -3; mean <= 3; mean += 0.7) {
            struct math_acq_slope s;
            double sd = 0.6, step = 1e-6;
            all[k](mean, sd, 0.4, &s);
            double by_mean = (all[k](mean + step, sd, 0.4, NULL) - all[k](mean - step, sd, 0.4, NULL)) / (2 * step);
            double by_sd = (all[k](mean, sd + step, 0.4, NULL) - all[k](mean, sd - step, 0.4, NULL)) / (2 * step);
            assert_near(s.by_mean, by_mean, 1e-7 * (1 + fabs(by_mean)));
            assert_near(s.by_sd, by_sd, 1e-7 * (1 + fabs(by_sd)));
        }
}

/* ---- designs ---- */

static void the_first_sobol_points_are_the_published_ones(void **state)
{
    (void)state;
    static const double first[8][3] = { { 0, 0, 0 }, { 0.5, 0.5, 0.5 }, { 0.75, 0.25, 0.25 }, { 0.25, 0.75, 0.75 }, { 0.375, 0.375, 0.625 },
                                        { 0.875, 0.875, 0.125 }, { 0.625, 0.125, 0.875 }, { 0.125, 0.625, 0.375 } };
    struct fault      fault;
    struct math_sobol s;
    double            x[3];
    assert_ok(math_sobol_init(&s, 3, NULL, &fault), &fault);
    for (int i = 0; i < 8; i++) {
        math_sobol_next(&s, x);
        for (int d = 0; d < 3; d++)
            assert_near(x[d], first[i][d], 0);
    }
    assert_int_equal(math_sobol_init(&s, 0, NULL, &fault), ERR_INPUT);
    assert_int_equal(math_sobol_init(&s, MATH_SOBOL_MAX + 1, NULL, &fault), ERR_INPUT);
}

static void every_dimension_and_every_scramble_fills_each_slice_once(void **state)
{
    (void)state;
    enum { N = 256 };
    struct fault      fault;
    struct math_sobol s;
    struct rand       r;
    double            x[MATH_SOBOL_MAX];
    for (int scrambled = 0; scrambled < 2; scrambled++) {
        bool taken[MATH_SOBOL_MAX][N] = { { false } };
        rand_seed(&r, 11);
        assert_ok(math_sobol_init(&s, MATH_SOBOL_MAX, scrambled ? &r : NULL, &fault), &fault);
        for (int i = 0; i < N; i++) {
            math_sobol_next(&s, x);
            for (int d = 0; d < MATH_SOBOL_MAX; d++) {
                assert_true(x[d] >= 0 && x[d] < 1);
                assert_false(taken[d][(int)(x[d] * N)]);
                taken[d][(int)(x[d] * N)] = true;
            }
        }
    }
}

static void designs_are_more_even_than_chance(void **state)
{
    (void)state;
    enum { N = 64, D = 6 };
    struct fault      fault;
    struct math_sobol s;
    struct rand       r;
    double            even[N * D], latin[N * D], chance[N * D];
    int               scratch[N];
    rand_seed(&r, 5);
    assert_ok(math_sobol_init(&s, D, &r, &fault), &fault);
    for (int i = 0; i < N; i++)
        math_sobol_next(&s, even + i * D);
    math_latin(N, D, &r, latin, scratch);
    for (int i = 0; i < N * D; i++)
        chance[i] = rand_unit(&r);
    assert_true(math_discrepancy(even, N, D) < 0.25 * math_discrepancy(chance, N, D));
    assert_true(math_discrepancy(latin, N, D) < 0.7 * math_discrepancy(chance, N, D));
    for (int d = 0; d < D; d++) {
        bool taken[N] = { false };
        for (int i = 0; i < N; i++)
            taken[(int)(latin[i * D + d] * N)] = true;
        for (int i = 0; i < N; i++)
            assert_true(taken[i]);
    }
    double middle = 0.5;
    assert_near(math_discrepancy(&middle, 1, 1), 13.0 / 12 - 2 + 1, 1e-15);
    assert_true(isnan(math_discrepancy(NULL, 0, 3)));
}

/* ---- the warp ---- */

static void the_warp_keeps_the_order_and_can_be_undone(void **state)
{
    (void)state;
    double y[] = { -900, -3, -2.5, -2, -1, -0.5, 0, 0.5, 1, 1.5 }, scratch[20];
    struct math_warp w = math_warp_fit(y, 10, 0, scratch);
    assert_true(w.lambda < 0.2);                                   /* one time-out far out is pulled in */
    double before = -INFINITY, sum = 0, squares = 0;
    for (int i = 0; i < 10; i++) {
        double z = math_warp_apply(&w, y[i]);
        assert_true(z > before);
        before = z;
        sum += z;
        squares += z * z;
        assert_near(math_warp_undo(&w, z), y[i], 1e-9 * (1 + fabs(y[i])));
        double step = 1e-6 * (1 + fabs(y[i]));
        assert_near(math_warp_slope(&w, y[i]), (math_warp_apply(&w, y[i] + step) - math_warp_apply(&w, y[i] - step)) / (2 * step), 1e-5);
    }
    assert_near(sum, 0, 1e-9);
    assert_near(squares, 9, 1e-9);
    assert_true(math_warp_apply(&w, -900) > -4);
}

static void the_warp_leaves_gaussian_results_and_the_good_side_alone(void **state)
{
    (void)state;
    enum { N = 400 };
    struct rand r;
    double      y[N], scratch[2 * N];
    rand_seed(&r, 9);
    for (int i = 0; i < N; i++)
        y[i] = 50 + 7 * rand_normal(&r);
    struct math_warp w = math_warp_fit(y, N, 0, scratch);
    assert_true(w.lambda > 0.8);
    for (int i = 0; i < N; i++)
        y[i] = exp(rand_normal(&r));                               /* the long tail is the good one */
    w = math_warp_fit(y, N, 0, scratch);
    assert_true(w.lambda == 1);
    w = math_warp_fit(y, N, 1, scratch);
    assert_true(w.lambda == 1);
}

static void constant_results_and_one_alone_are_only_centred(void **state)
{
    (void)state;
    double y[] = { 7, 7, 7, 7, 7 }, scratch[10];
    struct math_warp w = math_warp_fit(y, 5, 0, scratch);
    assert_near(math_warp_apply(&w, 7), 0, 0);
    assert_near(math_warp_undo(&w, 1), 8, 1e-15);
    w = math_warp_fit(y, 1, 0, scratch);
    assert_near(math_warp_apply(&w, 7), 0, 0);
    double most[] = { 7, 7, 7, 7, 9 };
    w = math_warp_fit(most, 5, 0, scratch);
    assert_true(isfinite(math_warp_apply(&w, 9)) && math_warp_apply(&w, 9) > math_warp_apply(&w, 7));
}

/* ---- the region, the projection ---- */

static void a_region_grows_with_success_shrinks_with_failure_and_begins_anew(void **state)
{
    (void)state;
    struct math_region r = math_region_usual(6);
    for (int i = 0; i < 3; i++)
        math_region_told(&r, true);
    assert_near(r.length, 1.6, 0);
    for (int i = 0; i < 3; i++)
        math_region_told(&r, true);
    assert_near(r.length, 1.6, 0);
    for (int i = 0; i < 6; i++)
        math_region_told(&r, false);
    assert_near(r.length, 0.8, 0);
    for (int i = 0; i < 5; i++)
        math_region_told(&r, false);
    math_region_told(&r, true);                                     /* a success between: the count begins anew */
    for (int i = 0; i < 5; i++)
        math_region_told(&r, false);
    assert_near(r.length, 0.8, 0);
    for (int i = 0; i < 1 + 6 * 6; i++)
        math_region_told(&r, false);
    assert_near(r.length, 0.8, 0);
    double centre[2] = { 0.5, 0.9 }, scale[2] = { 0.1, 0.4 }, lo[2], hi[2];
    r.length = 0.2;
    math_region_box(&r, centre, scale, 2, lo, hi);
    assert_near(hi[0] - lo[0], 0.1, 1e-15);
    assert_near(lo[1], 0.7, 1e-15);
    assert_near(hi[1], 1, 0);
}

static void a_projection_is_undone_exactly_on_its_images(void **state)
{
    (void)state;
    struct fault           fault;
    struct rand            r;
    struct math_projection p;
    double                 z[7], u[40], back[7];
    int                    used[7] = { 0 };
    rand_seed(&r, 4);
    assert_ok(math_projection_init(&p, 40, 7, &r, &fault), &fault);
    for (int j = 0; j < 7; j++)
        z[j] = rand_unit(&r);
    math_projection_up(&p, z, u);
    math_projection_down(&p, u, back);
    for (int j = 0; j < 7; j++)
        assert_near(back[j], z[j], 1e-15);
    for (int i = 0; i < 40; i++) {
        assert_true(u[i] >= 0 && u[i] <= 1);
        used[p.follows[i]]++;
    }
    for (int j = 0; j < 7; j++)
        assert_true(used[j] > 0);
    assert_int_equal(math_projection_init(&p, 5, 7, &r, &fault), ERR_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(log_ei_gives_the_tables_values_however_far_out),
        cmocka_unit_test(the_two_branches_meet_without_a_step),
        cmocka_unit_test(slopes_are_those_of_the_differences),
        cmocka_unit_test(the_first_sobol_points_are_the_published_ones),
        cmocka_unit_test(every_dimension_and_every_scramble_fills_each_slice_once),
        cmocka_unit_test(designs_are_more_even_than_chance),
        cmocka_unit_test(the_warp_keeps_the_order_and_can_be_undone),
        cmocka_unit_test(the_warp_leaves_gaussian_results_and_the_good_side_alone),
        cmocka_unit_test(constant_results_and_one_alone_are_only_centred),
        cmocka_unit_test(a_region_grows_with_success_shrinks_with_failure_and_begins_anew),
        cmocka_unit_test(a_projection_is_undone_exactly_on_its_images),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
