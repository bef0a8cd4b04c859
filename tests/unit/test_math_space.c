/* math/search/space.h: every point of the cube is legal, every legal configuration has its place, and models see what counts. */
#include "unit.h"
#include "near.h"

#include "base/rand.h"
#include "math/search/space.h"

#include <math.h>
#include <string.h>

enum { MEMORY, PARTS, PLAN, WAL_MAX, WAL_MIN, COST, JIT, JIT_COST, LOAD, PARAMS };

/* A bit of everything that knobs are. */
static struct math_space knobs(void)
{
    struct fault      fault;
    struct math_space s = { .params = PARAMS };
    s.param[MEMORY] = (struct math_param){ .kind = MATH_PARAM_INTEGER, .lo = 16, .hi = 1048576, .log = true };
    s.param[PARTS] = (struct math_param){ .kind = MATH_PARAM_INTEGER, .lo = 0, .hi = 8 };
    s.param[PLAN] = (struct math_param){ .kind = MATH_PARAM_CATEGORY, .choices = 3 };
    s.param[WAL_MAX] = (struct math_param){ .kind = MATH_PARAM_REAL, .lo = 32, .hi = 4096, .log = true };
    s.param[WAL_MIN] = (struct math_param){ .kind = MATH_PARAM_REAL, .lo = 32, .hi = 4096, .log = true, .below = 1 + WAL_MAX, .below_factor = 0.5, .below_plus = 0 };
    s.param[COST] = (struct math_param){ .kind = MATH_PARAM_REAL, .lo = 0.1, .hi = 10, .specials = 2, .special = { -1, 0 } };
    s.param[JIT] = (struct math_param){ .kind = MATH_PARAM_CATEGORY, .choices = 2 };
    s.param[JIT_COST] = (struct math_param){ .kind = MATH_PARAM_REAL, .lo = 0, .hi = 100, .step = 12.5, .when = 1 + JIT, .when_lo = 1, .when_hi = 1, .idle = 50 };
    s.param[LOAD] = (struct math_param){ .kind = MATH_PARAM_REAL, .lo = 0, .hi = 1, .context = true };
    assert_ok(math_space_init(&s, &fault), &fault);
    return s;
}

static void every_point_of_the_cube_is_legal_and_finds_back(void **state)
{
    (void)state;
    struct math_space s = knobs();
    struct fault      fault;
    struct rand       r;
    double            u[PARAMS], x[PARAMS], again[PARAMS], snapped[PARAMS], v[PARAMS];
    rand_seed(&r, 1);
    for (int k = 0; k < 5000; k++) {
        for (int i = 0; i < PARAMS; i++)
            u[i] = k == 0 ? 0 : k == 1 ? 1 : k == 2 ? -3 : k == 3 ? 7 : rand_unit(&r);
        math_space_decode(&s, u, x);
        assert_true(x[MEMORY] >= 16 && x[MEMORY] <= 1048576 && x[MEMORY] == floor(x[MEMORY]));
        assert_true(x[PARTS] >= 0 && x[PARTS] <= 8 && x[PARTS] == floor(x[PARTS]));
        assert_true(x[WAL_MIN] <= fmax(0.5 * x[WAL_MAX], 32) + 1e-9);
        assert_true(x[COST] == -1 || x[COST] == 0 || (x[COST] >= 0.1 && x[COST] <= 10));
        assert_true(x[JIT] == 1 ? fmod(x[JIT_COST], 12.5) == 0 : x[JIT_COST] == 50);
        assert_ok(math_space_encode(&s, x, v, &fault), &fault);
        math_space_decode(&s, v, again);
        for (int i = 0; i < PARAMS; i++)
            assert_near(again[i], x[i], 1e-9 * fabs(x[i]));
        assert_true(math_space_same(&s, x, again));
        assert_ok(math_space_snap(&s, x, snapped, &fault), &fault);
        for (int i = 0; i < PARAMS; i++)
            assert_near(snapped[i], x[i], 1e-9 * fabs(x[i]));
    }
}

static void a_uniform_draw_meets_special_values_and_each_level_fairly(void **state)
{
    (void)state;
    enum { N = 20000 };
    struct math_space s = knobs();
    struct rand       r;
    int               automatic = 0, off = 0, parts[9] = { 0 }, small = 0, least = 0;
    double            u[PARAMS], x[PARAMS];
    rand_seed(&r, 2);
    for (int k = 0; k < N; k++) {
        for (int i = 0; i < PARAMS; i++)
            u[i] = rand_unit(&r);
        math_space_decode(&s, u, x);
        automatic += x[COST] == -1;
        off += x[COST] == 0;
        parts[(int)x[PARTS]]++;
        small += x[MEMORY] < 4096;                                   /* the middle of the ratios */
        least += x[MEMORY] == 16;
    }
    assert_near(automatic, 0.1 * N, 200);
    assert_near(off, 0.1 * N, 200);
    for (int k = 0; k < 9; k++)
        assert_near(parts[k], N / 9.0, 200);
    assert_near(small, 0.5 * N, 300);
    assert_true(least > 20 && least < 200);
}

static void what_is_not_legal_is_moved_to_the_nearest(void **state)
{
    (void)state;
    struct math_space s = knobs();
    struct fault      fault;
    double            x[PARAMS] = { 5e6, 3.4, 1, 1000, 3000, 0.05, 1, 30, 0.3 }, legal[PARAMS];
    assert_ok(math_space_snap(&s, x, legal, &fault), &fault);
    assert_near(legal[MEMORY], 1048576, 0);
    assert_near(legal[PARTS], 3, 0);
    assert_near(legal[WAL_MIN], 500, 1e-9);
    assert_near(legal[COST], 0.1, 1e-12);
    assert_near(legal[JIT_COST], 25, 0);
    x[JIT] = 0;
    assert_ok(math_space_snap(&s, x, legal, &fault), &fault);
    assert_near(legal[JIT_COST], 50, 0);
    x[PLAN] = 3;
    assert_int_equal(math_space_snap(&s, x, legal, &fault), ERR_INPUT);
    x[PLAN] = 1;
    x[COST] = (double)NAN;
    assert_int_equal(math_space_snap(&s, x, legal, &fault), ERR_INPUT);
    double u[PARAMS];
    assert_int_equal(math_space_encode(&s, x, u, &fault), ERR_INPUT);
}

static void what_leans_on_what_is_given_goes_with_it_and_not_with_the_cube(void **state)
{
    (void)state;
    struct math_space s = { .params = 3 };
    struct fault      fault;
    double            x[3], legal[3], given[3] = { 100, (double)NAN, (double)NAN };
    s.param[0] = (struct math_param){ .kind = MATH_PARAM_REAL, .lo = 10, .hi = 1000, .context = true };
    s.param[1] = (struct math_param){ .kind = MATH_PARAM_REAL, .lo = 1, .hi = 1000, .below = 1, .below_factor = 0.5 };
    s.param[2] = (struct math_param){ .kind = MATH_PARAM_REAL, .lo = 0, .hi = 1, .when = 1, .when_lo = 500, .when_hi = 5000, .idle = 0 };
    assert_ok(math_space_init(&s, &fault), &fault);
    assert_true(math_space_leans(&s));
    math_space_decode_given(&s, (const double[]){ 1, 1, 1 }, given, x);      /* the cube would have 1000, 500 and 1 */
    assert_true(x[0] == 100 && x[1] == 50 && x[2] == 0);
    given[0] = 4000;                                                          /* beyond what was expected, and as it is */
    math_space_decode_given(&s, (const double[]){ 0, 1, 1 }, given, x);
    assert_true(x[0] == 4000 && x[1] == 1000 && x[2] == 1);
    math_space_decode_given(&s, (const double[]){ 1, 1, 1 }, NULL, x);
    assert_true(x[0] == 1000 && x[1] == 500 && x[2] == 1);
    double moved[3] = { 4000, 3000, 0.5 };
    assert_ok(math_space_snap(&s, moved, legal, &fault), &fault);
    assert_true(legal[0] == 4000 && legal[1] == 1000 && legal[2] == 0.5);
    assert_int_equal(math_space_check_given(&s, NULL, &fault), ERR_INPUT);
    assert_ok(math_space_check_given(&s, given, &fault), &fault);
    given[0] = (double)NAN;
    assert_int_equal(math_space_check_given(&s, given, &fault), ERR_INPUT);
    s.param[0] = (struct math_param){ .kind = MATH_PARAM_CATEGORY, .choices = 3, .context = true };
    static const double none[] = { -1, 3, 0.5 };
    for (size_t k = 0; k < sizeof none / sizeof none[0]; k++)
        assert_int_equal(math_space_check_given(&s, (const double[]){ none[k], 0, 0 }, &fault), ERR_INPUT);
    assert_ok(math_space_check_given(&s, (const double[]){ 2, 0, 0 }, &fault), &fault);
}

static void features_are_near_where_configurations_are_alike(void **state)
{
    (void)state;
    struct math_space s = knobs();
    double            x[PARAMS] = { 4096, 4, 0, 1024, 64, 5.05, 0, 50, 0.3 }, f[64], g[64], c[PARAMS];
    assert_int_equal(s.features, 1 + 1 + 3 + 1 + 1 + 3 + 2 + 1 + 1);
    math_space_features(&s, x, f);
    assert_near(f[s.feature_of[MEMORY]], 0.5, 1e-12);               /* in ratios, 4096 is in the middle */
    assert_near(f[s.feature_of[PARTS]], 0.5, 1e-12);
    assert_near(f[s.feature_of[COST]], 0.5, 1e-12);
    x[PLAN] = 2;
    x[COST] = -1;
    math_space_features(&s, x, g);
    double choices = 0, special = 0;
    for (int k = 0; k < 3; k++) {
        choices += pow(f[s.feature_of[PLAN] + k] - g[s.feature_of[PLAN] + k], 2);
        special += pow(f[s.feature_of[COST] + k] - g[s.feature_of[COST] + k], 2);
    }
    assert_near(choices, 1, 1e-12);
    assert_near(special, 0.5, 1e-12);
    for (int k = 1; k < 3; k++)                                     /* the choices share a scale, the special values another than their number */
        assert_int_equal(s.scale_of[s.feature_of[PLAN] + k], s.scale_of[s.feature_of[PLAN]]);
    assert_int_not_equal(s.scale_of[s.feature_of[COST]], s.scale_of[s.feature_of[COST] + 1]);
    math_space_columns(&s, x, c);
    assert_near(c[COST], -1, 0);
    assert_near(c[PLAN], 2, 0);
    assert_true(c[JIT_COST] < -1 - MATH_SPECIALS_MAX + 0.5);
}

static void what_does_not_count_makes_no_difference(void **state)
{
    (void)state;
    struct math_space s = knobs();
    double            x[PARAMS] = { 4096, 4, 0, 1024, 64, 5, 0, 50, 0.3 }, y[PARAMS], f[64], g[64];
    memcpy(y, x, sizeof y);
    y[JIT_COST] = 12.5;                                             /* nobody looks at it while the switch is off */
    assert_true(math_space_same(&s, x, y));
    math_space_features(&s, x, f);
    math_space_features(&s, y, g);
    assert_memory_equal(f, g, (size_t)s.features * sizeof *f);
    x[JIT] = y[JIT] = 1;
    assert_false(math_space_same(&s, x, y));
    y[JIT_COST] = x[JIT_COST];
    y[MEMORY] += 1;
    assert_false(math_space_same(&s, x, y));
}

/* Ten decades: a billionth of the range is more than all of the first decade. */
static void what_differs_at_the_low_end_of_many_decades_is_not_the_same(void **state)
{
    (void)state;
    struct math_space s = { .params = 1, .param = { { .kind = MATH_PARAM_REAL, .lo = 1e-8, .hi = 100, .log = true, .specials = 1, .special = { 0 } } } };
    struct fault      fault;
    assert_ok(math_space_init(&s, &fault), &fault);
    assert_false(math_space_same(&s, (const double[]){ 1e-8 }, (const double[]){ 3e-8 }));
    assert_false(math_space_same(&s, (const double[]){ 1e-8 }, (const double[]){ 0 }));
    assert_true(math_space_same(&s, (const double[]){ 3e-8 }, (const double[]){ 3e-8 * (1 + 1e-12) }));
    assert_false(math_space_same(&s, (const double[]){ 50 }, (const double[]){ 50.001 }));
    s.param[0] = (struct math_param){ .kind = MATH_PARAM_INTEGER, .lo = 0, .hi = 1e12 };
    assert_ok(math_space_init(&s, &fault), &fault);
    assert_false(math_space_same(&s, (const double[]){ 7 }, (const double[]){ 8 }));      /* whole numbers are never nearly the same */
}

static void slopes_are_those_of_the_differences_or_zero(void **state)
{
    (void)state;
    struct math_space s = knobs();
    struct rand       r;
    double            u[PARAMS], x[PARAMS], y[PARAMS], f[64], g[64];
    rand_seed(&r, 3);
    for (int k = 0; k < 200; k++) {
        for (int i = 0; i < PARAMS; i++)
            u[i] = 0.05 + 0.9 * rand_unit(&r);
        math_space_decode(&s, u, x);
        math_space_features(&s, x, f);
        for (int i = 0; i < PARAMS; i++) {
            double slope = math_space_slope(&s, u, x, i), was = u[i], step = 0.02;
            if (slope == 0)
                continue;
            u[i] = was + step;
            math_space_decode(&s, u, y);
            math_space_features(&s, y, g);
            u[i] = was;
            assert_near((g[s.feature_of[i]] - f[s.feature_of[i]]) / step, slope, 0.02 * slope + (i == MEMORY ? 0.25 : 0));
        }
        assert_true(math_space_slope(&s, u, x, PLAN) == 0 && math_space_slope(&s, u, x, PARTS) == 0 && math_space_slope(&s, u, x, WAL_MIN) == 0);
        assert_true(math_space_slope(&s, u, x, WAL_MAX) == 0 && math_space_slope(&s, u, x, LOAD) == 0 && math_space_slope(&s, u, x, MEMORY) > 0);
        assert_true(u[COST] < 0.2 ? math_space_slope(&s, u, x, COST) == 0 : math_space_slope(&s, u, x, COST) > 0);
    }
    assert_int_equal(math_space_levels(&s, PARTS), 9);
    assert_int_equal(math_space_levels(&s, MEMORY), 0);
    assert_int_equal(math_space_levels(&s, JIT_COST), 9);
    assert_true(isinf(math_space_size(&s)));
    struct math_space small = { .params = 2, .param = { s.param[PARTS], s.param[PLAN] } };
    struct fault      fault;
    assert_ok(math_space_init(&small, &fault), &fault);
    assert_near(math_space_size(&small), 27, 0);
}

/* One to sixty-four by ratios: the first value has a seventh of the edge, the last a two-hundredth. */
static void every_level_has_its_place_also_on_a_scale_of_ratios(void **state)
{
    (void)state;
    static const struct math_param each[] = {
        { .kind = MATH_PARAM_INTEGER, .lo = 1, .hi = 64, .log = true },
        { .kind = MATH_PARAM_INTEGER, .lo = 1, .hi = 40, .log = true, .specials = 2, .special = { -1, 0 } },
        { .kind = MATH_PARAM_REAL, .lo = 0.5, .hi = 20.2, .step = 0.5, .log = true },
        { .kind = MATH_PARAM_INTEGER, .lo = 3, .hi = 9, .specials = 1, .special = { 0 } },
        { .kind = MATH_PARAM_CATEGORY, .choices = 5 },
        { .kind = MATH_PARAM_INTEGER, .lo = 8, .hi = 8, .log = true, .specials = 1, .special = { 0 } },
    };
    struct fault fault;
    struct rand  r;
    rand_seed(&r, 6);
    for (size_t k = 0; k < sizeof each / sizeof each[0]; k++) {
        struct math_space s = { .params = 1, .param = { each[k] } };
        double            step = each[k].step > 0 ? each[k].step : 1, u, x;
        assert_ok(math_space_init(&s, &fault), &fault);
        int levels = math_space_levels(&s, 0);
        assert_true(levels > 0);
        for (int level = 0; level < levels; level++) {
            u = math_space_at_level(&s, 0, level);
            math_space_decode(&s, &u, &x);
            assert_near(x, level < each[k].specials ? each[k].special[level] : each[k].lo + (level - each[k].specials) * step, 1e-9);
            assert_int_equal(math_space_level_of(&s, 0, u), level);
        }
        for (int n = 0; n < 500; n++) {
            double here = rand_unit(&r), there, y;
            math_space_decode(&s, &here, &x);
            there = math_space_at_level(&s, 0, math_space_level_of(&s, 0, here));
            math_space_decode(&s, &there, &y);
            assert_near(x, y, 1e-9);
        }
    }
}

static void nonsense_is_refused_with_the_number_of_the_parameter(void **state)
{
    (void)state;
    static const struct math_param bad[] = {
        { .kind = MATH_PARAM_REAL, .lo = 2, .hi = 1 },
        { .kind = MATH_PARAM_REAL, .lo = 0, .hi = 1, .log = true },
        { .kind = MATH_PARAM_REAL, .lo = 0, .hi = (double)INFINITY },
        { .kind = MATH_PARAM_CATEGORY, .choices = 0 },
        { .kind = MATH_PARAM_CATEGORY, .choices = 65 },
        { .kind = MATH_PARAM_REAL, .lo = 0, .hi = 1, .specials = 3 },
        { .kind = MATH_PARAM_REAL, .lo = 0, .hi = 1, .special_share = 1.5, .specials = 1 },
        { .kind = MATH_PARAM_REAL, .lo = 0, .hi = 1, .below = 2 },
        { .kind = MATH_PARAM_REAL, .lo = 0, .hi = 1, .when = 3 },
        { .kind = MATH_PARAM_REAL, .lo = 0, .hi = 1, .below = 1, .below_factor = (double)NAN },
        { .kind = MATH_PARAM_REAL, .lo = 0, .hi = 1, .above = 1, .above_plus = -(double)INFINITY },
        { .kind = MATH_PARAM_REAL, .lo = 0, .hi = 1, .when = 1, .when_lo = 1 },
        { .kind = MATH_PARAM_CATEGORY, .choices = 2, .when = 1, .idle = 2 },
        { .kind = MATH_PARAM_REAL, .lo = 0, .hi = 1, .when = 1, .context = true },
    };
    struct fault fault;
    for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++) {
        struct math_space s = { .params = 2, .param = { { .kind = MATH_PARAM_REAL, .lo = 0, .hi = 1 }, bad[k] } };
        assert_int_equal(math_space_init(&s, &fault), ERR_INPUT);
        assert_non_null(strstr(fault.text, "parameter 1"));
    }
    struct math_space none = { .params = 0 };
    assert_int_equal(math_space_init(&none, &fault), ERR_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_point_of_the_cube_is_legal_and_finds_back),
        cmocka_unit_test(a_uniform_draw_meets_special_values_and_each_level_fairly),
        cmocka_unit_test(what_is_not_legal_is_moved_to_the_nearest),
        cmocka_unit_test(what_leans_on_what_is_given_goes_with_it_and_not_with_the_cube),
        cmocka_unit_test(features_are_near_where_configurations_are_alike),
        cmocka_unit_test(what_does_not_count_makes_no_difference),
        cmocka_unit_test(what_differs_at_the_low_end_of_many_decades_is_not_the_same),
        cmocka_unit_test(slopes_are_those_of_the_differences_or_zero),
        cmocka_unit_test(every_level_has_its_place_also_on_a_scale_of_ratios),
        cmocka_unit_test(nonsense_is_refused_with_the_number_of_the_parameter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
