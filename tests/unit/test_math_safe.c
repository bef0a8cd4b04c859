/* math/search/safe.h: the known ground grows from its edge, nothing is asked that is not believed to hold, and what failed is kept away from. */
#include "unit.h"
#include "near.h"

#include "base/rand.h"
#include "math/search/safe.h"

#include <math.h>
#include <string.h>

enum { SEEDS = 5, STEPS = 40 };
#define NOISE 0.01

static struct math_space square(void)
{
    struct math_space s = { .params = 2 };
    for (int i = 0; i < 2; i++)
        s.param[i] = (struct math_param){ .kind = MATH_PARAM_REAL, .lo = 0, .hi = 1 };
    return s;
}

/* A hill whose top is at (0.7, 0.3), and a shoulder to the right of it behind which all is lost. */
static double truth(const double *x)
{
    return -0.8 * (x[0] - 0.7) * (x[0] - 0.7) - 0.4 * (x[1] - 0.3) * (x[1] - 0.3) - 0.5 * (1 + tanh(12 * (x[0] - 0.95)));
}

static const double in_force[2] = { 0.3, 0.6 };

static struct math_safe *make(uint64_t seed)
{
    struct math_space space = square();
    struct math_safe *s;
    struct fault      fault;
    assert_ok(math_safe_new(&space, NULL, seed, &s, &fault), &fault);
    return s;
}

static void tell(struct math_safe *s, const double *x, double y)
{
    struct fault fault;
    assert_ok(math_safe_tell(s, &(struct math_bo_trial){ .x = x, .y = y, .noise_sd = NOISE }, &fault), &fault);
}

static void it_begins_with_what_is_in_force(void **state)
{
    (void)state;
    struct math_safe *s = make(1);
    struct fault      fault;
    double            x[2];
    assert_int_equal(math_safe_ask(s, x, NULL, &fault), ERR_MISSING);
    assert_int_equal(math_safe_tell(s, &(struct math_bo_trial){ .x = in_force, .failed = true }, &fault), ERR_INPUT);
    assert_int_equal(math_safe_tell(s, &(struct math_bo_trial){ .x = in_force, .y = (double)NAN }, &fault), ERR_INPUT);
    tell(s, in_force, 0);
    assert_ok(math_safe_ask(s, x, NULL, &fault), &fault);
    math_safe_free(s);
}

static void it_climbs_and_over_an_edge_that_nobody_could_foresee_it_falls_once_at_most(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct math_safe       *s = make(seed);
        struct math_safe_reason why;
        struct fault            fault;
        struct rand             r;
        double                  x[2], mean, start = truth(in_force);
        int                     fell = 0;
        rand_seed(&r, seed);
        tell(s, in_force, 0);
        for (int i = 0; i < STEPS; i++) {
            assert_ok(math_safe_ask(s, x, &why, &fault), &fault);
            assert_true(why.again || why.lower >= why.reference - 0.05);
            double y = truth(x) - start;
            fell += y < -0.05;
            tell(s, x, y + NOISE * rand_normal(&r));
        }
        assert_ok(math_safe_best(s, x, &mean, &fault), &fault);
        if (!(truth(x) > -0.02))
            fail_msg("seed %d found only %g", (int)seed, truth(x));
        assert_near(mean, truth(x) - start, 0.05);
        math_safe_free(s);
        if (fell > 1)
            fail_msg("seed %d fell %d times", (int)seed, fell);
    }
}

static void what_it_asks_it_also_judges_safe_and_far_away_it_does_not(void **state)
{
    (void)state;
    struct math_safe       *s = make(4);
    struct math_safe_reason asked, judged;
    struct fault            fault;
    double                  x[2], far[2] = { 0.9, 0.1 };
    assert_int_equal(math_safe_judge(s, far, &judged, &fault), ERR_MISSING);
    tell(s, in_force, 0);
    assert_ok(math_safe_judge(s, in_force, &judged, &fault), &fault);
    assert_int_equal(judged.safe, 1);
    assert_ok(math_safe_ask(s, x, &asked, &fault), &fault);
    assert_ok(math_safe_judge(s, x, &judged, &fault), &fault);
    assert_int_equal(judged.safe, 1);
    assert_near(judged.lower, asked.lower, 1e-12);
    assert_near(judged.upper, asked.upper, 1e-12);
    assert_ok(math_safe_judge(s, far, &judged, &fault), &fault);
    assert_int_equal(judged.safe, 0);
    assert_true(judged.lower < -0.3);
    math_safe_free(s);
}

static void the_known_ground_grows_from_its_edge(void **state)
{
    (void)state;
    struct math_safe *s = make(3);
    struct fault      fault;
    double            x[2], good[STEPS + 1][2];
    memcpy(good[0], in_force, sizeof in_force);
    tell(s, in_force, 0);
    for (int i = 1; i <= STEPS / 2; i++) {
        double near = INFINITY;
        assert_ok(math_safe_ask(s, x, NULL, &fault), &fault);
        for (int k = 0; k < i; k++)
            near = fmin(near, fmax(fabs(x[0] - good[k][0]), fabs(x[1] - good[k][1])));
        assert_true(near <= 0.15 + 1e-12);
        memcpy(good[i], x, sizeof x);
        tell(s, x, truth(x) - truth(in_force));
    }
    math_safe_free(s);
}

static void what_failed_is_kept_away_from(void **state)
{
    (void)state;
    struct math_safe *s = make(2);
    struct fault      fault;
    double            x[2], lost[2] = { 0.4, 0.6 };
    tell(s, in_force, 0);
    assert_ok(math_safe_tell(s, &(struct math_bo_trial){ .x = lost, .failed = true }, &fault), &fault);
    for (int i = 0; i < 10; i++) {
        assert_ok(math_safe_ask(s, x, NULL, &fault), &fault);
        assert_true(fmax(fabs(x[0] - lost[0]), fabs(x[1] - lost[1])) > 0.03);
        tell(s, x, 0);
    }
    math_safe_free(s);
}

static void when_nothing_new_is_safe_the_best_one_is_asked_again(void **state)
{
    (void)state;
    struct math_space         space = square();
    struct math_safe_settings strict = { .margin = 1e-6, .beta = 50 };
    struct math_safe         *s;
    struct math_safe_reason   why;
    struct fault              fault;
    double                    x[2];
    assert_ok(math_safe_new(&space, &strict, 1, &s, &fault), &fault);
    tell(s, in_force, 0);
    assert_ok(math_safe_ask(s, x, &why, &fault), &fault);
    assert_true(why.again && why.safe == 0);
    assert_near(why.mean, why.reference, 1e-12);      /* said of the one that is asked */
    assert_true(why.lower < why.mean && why.mean < why.upper);
    assert_memory_equal(x, in_force, sizeof x);
    math_safe_free(s);
}

/* A switch has two levels, half the cube apart: a step of less leads nowhere. */
static void a_switch_is_within_a_step(void **state)
{
    (void)state;
    struct math_space         space = square();
    struct math_safe_settings careless = { .margin = 5 };
    struct math_safe         *s;
    struct fault              fault;
    double                    x[2], start[2] = { 0.3, 0 };
    int                       on = 0;
    space.param[1] = (struct math_param){ .kind = MATH_PARAM_INTEGER, .lo = 0, .hi = 1 };
    assert_ok(math_safe_new(&space, &careless, 1, &s, &fault), &fault);
    tell(s, start, 0);
    for (int i = 0; i < 8; i++) {
        assert_ok(math_safe_ask(s, x, NULL, &fault), &fault);
        assert_true(x[1] == 0 || x[1] == 1);
        on += x[1] == 1;
        tell(s, x, 0.1 * x[1]);
    }
    assert_true(on > 0);
    math_safe_free(s);
}

/* What is given may be beyond what was expected; a question has it as the trial had it that it starts from, and what leans on it follows. */
static void what_is_given_stays_as_it_was_told(void **state)
{
    (void)state;
    struct math_space         space = square();
    struct math_safe_settings careless = { .margin = 5 };
    struct math_safe         *s;
    struct fault              fault;
    double                    x[2], start[2] = { 3, 0.2 };
    space.param[0].context = true;
    space.param[1] = (struct math_param){ .kind = MATH_PARAM_REAL, .lo = 0, .hi = 5, .below = 1, .below_factor = 0.5 };
    assert_ok(math_safe_new(&space, &careless, 1, &s, &fault), &fault);
    tell(s, start, 0);
    for (int i = 0; i < 12; i++) {
        assert_ok(math_safe_ask(s, x, NULL, &fault), &fault);
        assert_true(x[0] == 3 && x[1] <= 0.5 * x[0] + 1e-12);
        tell(s, x, x[1]);
    }
    assert_true(x[1] > 0.5);      /* more than the largest that was expected to be given would allow */
    math_safe_free(s);
}

static void the_same_story_asks_the_same(void **state)
{
    (void)state;
    struct math_safe *one = make(9), *other = make(9);
    struct fault      fault;
    double            x[2], again[2];
    tell(one, in_force, 0);
    tell(other, in_force, 0);
    for (int i = 0; i < 12; i++) {
        assert_ok(math_safe_ask(one, x, NULL, &fault), &fault);
        assert_ok(math_safe_ask(one, x, NULL, &fault), &fault);
        assert_ok(math_safe_ask(other, again, NULL, &fault), &fault);
        assert_memory_equal(x, again, sizeof x);
        tell(one, x, truth(x));
        tell(other, x, truth(x));
    }
    math_safe_free(one);
    math_safe_free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_begins_with_what_is_in_force),
        cmocka_unit_test(it_climbs_and_over_an_edge_that_nobody_could_foresee_it_falls_once_at_most),
        cmocka_unit_test(what_it_asks_it_also_judges_safe_and_far_away_it_does_not),
        cmocka_unit_test(the_known_ground_grows_from_its_edge),
        cmocka_unit_test(what_failed_is_kept_away_from),
        cmocka_unit_test(when_nothing_new_is_safe_the_best_one_is_asked_again),
        cmocka_unit_test(a_switch_is_within_a_step),
        cmocka_unit_test(what_is_given_stays_as_it_was_told),
        cmocka_unit_test(the_same_story_asks_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
