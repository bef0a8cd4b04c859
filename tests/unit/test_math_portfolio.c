/* math/search/{credit,climb,portfolio}.h: who earns more is asked more, everybody learns from everything, and the same story asks the same. */
#include "unit.h"
#include "near.h"

#include "base/rand.h"
#include "math/search/climb.h"
#include "math/search/credit.h"
#include "math/search/portfolio.h"
#include "math/stats/describe.h"

#include <math.h>
#include <string.h>

enum { SEEDS = 9, TRIALS = 40 };

/* ---- credit ---- */

static double share_of(const struct math_credit *c, int arm)
{
    struct rand r;
    double      share[MATH_CREDIT_ARMS_MAX];
    rand_seed(&r, 5);
    math_credit_shares(c, NULL, 2000, &r, share);
    return share[arm];
}

static void who_earns_more_is_chosen_more_and_nobody_is_given_up(void **state)
{
    (void)state;
    struct math_credit c = math_credit_usual(3);
    assert_near(share_of(&c, 0), 1.0 / 3, 0.05);
    for (int i = 0; i < 30; i++)
        math_credit_told(&c, i % 3, i % 3 == 1 ? 0.9 : 0.2);
    assert_true(share_of(&c, 1) > 0.8);
    assert_true(share_of(&c, 0) > 0.001 && share_of(&c, 2) > 0.001);
    assert_true(math_credit_mean(&c, 1) > math_credit_mean(&c, 0));
}

static void who_was_good_once_gives_room_to_who_is_good_now(void **state)
{
    (void)state;
    struct math_credit c = math_credit_usual(2);
    for (int i = 0; i < 60; i++)
        math_credit_told(&c, i % 2, i % 2 == 0);
    assert_true(share_of(&c, 0) > 0.95);
    for (int i = 0; i < 60; i++)
        math_credit_told(&c, i % 2, i % 2 == 1);
    assert_true(share_of(&c, 1) > 0.8);
}

static void what_is_not_known_only_lets_time_pass(void **state)
{
    (void)state;
    struct math_credit c = math_credit_usual(2);
    for (int i = 0; i < 20; i++)
        math_credit_told(&c, 0, 1);
    double sure = share_of(&c, 0);
    for (int i = 0; i < 100; i++)
        math_credit_told(&c, 0, (double)NAN);
    assert_true(share_of(&c, 0) < sure);
    assert_near(share_of(&c, 0), 0.5, 0.06);
}

static void only_who_may_is_chosen(void **state)
{
    (void)state;
    struct math_credit c = math_credit_usual(3);
    struct rand        r;
    rand_seed(&r, 1);
    for (int i = 0; i < 50; i++)
        assert_int_equal(math_credit_choose(&c, (const bool[]){ false, false, true }, &r), 2);
    assert_int_equal(math_credit_choose(&c, (const bool[]){ false, false, false }, &r), -1);
}

/* ---- climbing ---- */

static struct math_space mixed(void)
{
    struct math_space s = { .params = 4 };
    struct fault      fault;
    s.param[0] = (struct math_param){ .kind = MATH_PARAM_REAL, .lo = 1, .hi = 1024, .log = true };
    s.param[1] = (struct math_param){ .kind = MATH_PARAM_INTEGER, .lo = 1, .hi = 100, .specials = 1, .special = { -1 } };
    s.param[2] = (struct math_param){ .kind = MATH_PARAM_CATEGORY, .choices = 3 };
    s.param[3] = (struct math_param){ .kind = MATH_PARAM_REAL, .lo = 0, .hi = 1, .context = true };
    assert_ok(math_space_init(&s, &fault), &fault);
    return s;
}

static void a_child_differs_a_little_from_a_good_parent_and_leaves_the_context_alone(void **state)
{
    (void)state;
    struct math_space s = mixed();
    struct rand       r;
    double            cube[2][4] = { { 0.5, 0.5, 0.5, 0.25 }, { 0.9, 0.1, 0.9, 0.25 } }, u[4];
    int               moved[4] = { 0 };
    rand_seed(&r, 3);
    for (int i = 0; i < 2000; i++) {
        math_climb(&s, 1, cube[0], &r, u);
        int now = 0;
        for (int d = 0; d < 4; d++) {
            assert_true(u[d] >= 0 && u[d] <= 1);
            now += u[d] != cube[0][d];
            moved[d] += u[d] != cube[0][d];
        }
        assert_true(now >= 1 && now <= 3);
    }
    assert_int_equal(moved[3], 0);
    for (int d = 0; d < 3; d++)
        assert_true(moved[d] > 500);
    int from_second = 0;
    for (int i = 0; i < 200; i++) {
        math_climb(&s, 2, cube[0], &r, u);
        from_second += u[0] == 0.9 || u[1] == 0.1 || u[2] == 0.9;
    }
    assert_true(from_second > 40 && from_second < 140);
}

/* ---- the portfolio ---- */

/* A hill over ratios with a cliff, a choice and an automatic value: best at about 256, 40, 1. */
static double landscape(const double *x)
{
    double u = log2(x[0]) / 10, v = x[1] < 0 ? 0.6 : x[1] / 100;
    return -3 * (u - 0.8) * (u - 0.8) - (v - 0.4) * (v - 0.4) + 0.1 * (x[2] == 1) - (u > 0.9 ? 2 : 0);
}

static struct math_portfolio *make(const struct math_portfolio_settings *set, uint64_t seed)
{
    struct math_space      s = mixed();
    struct math_portfolio *p;
    struct fault           fault;
    s.param[3].context = false;
    assert_ok(math_portfolio_new(&s, set, seed, &p, &fault), &fault);
    return p;
}

struct story { double x[TRIALS][4], y[TRIALS]; enum math_search who[TRIALS]; };

static double play(const struct math_portfolio_settings *set, uint64_t seed, struct story *story)
{
    struct math_portfolio       *p = make(set, seed);
    struct math_portfolio_reason why;
    struct fault                 fault;
    double                       best = -INFINITY;
    for (int i = 0; i < TRIALS; i++) {
        assert_ok(math_portfolio_ask(p, NULL, story->x[i], &why, &fault), &fault);
        assert_int_equal(why.trial, i);
        story->who[i] = why.who;
        story->y[i] = landscape(story->x[i]);
        best = fmax(best, story->y[i]);
        assert_ok(math_portfolio_tell(p, &(struct math_bo_trial){ .x = story->x[i], .y = story->y[i] }, why.who, &fault), &fault);
    }
    math_portfolio_free(p);
    return best;
}

static void together_they_find_what_evenly_spread_points_do_not(void **state)
{
    (void)state;
    double       joint[SEEDS], spread[SEEDS], scratch[SEEDS];
    struct story story;
    struct math_portfolio_settings alone = { .starts = TRIALS };
    for (int s = 0; s < SEEDS; s++) {
        joint[s] = play(NULL, (uint64_t)s + 1, &story);
        spread[s] = play(&alone, (uint64_t)s + 1, &story);
    }
    double found = math_median(joint, SEEDS, scratch), even = math_median(spread, SEEDS, scratch);
    if (!(found > 0.095 && found > even))
        fail_msg("%g, where evenly spread points found %g", found, even);
}

static void the_same_story_asks_the_same_and_asking_changes_nothing(void **state)
{
    (void)state;
    static struct story          story;
    struct math_portfolio_reason why;
    struct fault                 fault;
    (void)play(NULL, 7, &story);
    struct math_portfolio *again = make(NULL, 7);
    for (int i = 0; i < TRIALS; i++) {
        double x[4];
        for (int k = 0; k < (i % 5 == 0 ? 2 : 1); k++) {
            assert_ok(math_portfolio_ask(again, NULL, x, &why, &fault), &fault);
            assert_memory_equal(x, story.x[i], sizeof x);
            assert_int_equal(why.who, story.who[i]);
        }
        assert_ok(math_portfolio_tell(again, &(struct math_bo_trial){ .x = x, .y = story.y[i] }, why.who, &fault), &fault);
    }
    math_portfolio_free(again);
}

static void what_others_found_is_learned_from_and_failures_too(void **state)
{
    (void)state;
    struct math_portfolio       *p = make(&(struct math_portfolio_settings){ .starts = 2 }, 1);
    struct math_portfolio_reason why;
    struct fault                 fault;
    double                       x[4] = { 200, 40, 1, 0 };
    assert_ok(math_portfolio_tell(p, &(struct math_bo_trial){ .x = x, .y = landscape(x) }, MATH_SEARCH_OTHER, &fault), &fault);
    x[0] = 900;
    assert_ok(math_portfolio_tell(p, &(struct math_bo_trial){ .x = x, .failed = true }, MATH_SEARCH_OTHER, &fault), &fault);
    assert_ok(math_portfolio_ask(p, NULL, x, &why, &fault), &fault);
    assert_true(why.who != MATH_SEARCH_SPREAD);      /* enough is known to begin */
    double best[4];
    assert_ok(math_bo_best(math_portfolio_gp(p), NULL, best, NULL, &fault), &fault);
    assert_near(best[0], 200, 1e-9);
    x[1] = (double)NAN;
    assert_int_equal(math_portfolio_tell(p, &(struct math_bo_trial){ .x = x, .y = 1 }, MATH_SEARCH_OTHER, &fault), ERR_INPUT);
    math_portfolio_free(p);
}

static void when_everything_was_tried_it_says_so(void **state)
{
    (void)state;
    struct math_space      s = { .params = 2 };
    struct math_portfolio *p;
    struct fault           fault;
    double                 x[2];
    s.param[0] = (struct math_param){ .kind = MATH_PARAM_CATEGORY, .choices = 3 };
    s.param[1] = (struct math_param){ .kind = MATH_PARAM_INTEGER, .lo = 1, .hi = 4 };
    assert_ok(math_portfolio_new(&s, NULL, 1, &p, &fault), &fault);
    bool seen[3][5] = { { false } };
    for (int i = 0; i < 12; i++) {
        struct math_portfolio_reason why;
        assert_ok(math_portfolio_ask(p, NULL, x, &why, &fault), &fault);
        assert_false(seen[(int)x[0]][(int)x[1]]);
        seen[(int)x[0]][(int)x[1]] = true;
        assert_ok(math_portfolio_tell(p, &(struct math_bo_trial){ .x = x, .y = x[0] * x[1] }, why.who, &fault), &fault);
    }
    assert_int_equal(math_portfolio_ask(p, NULL, x, NULL, &fault), ERR_MISSING);
    math_portfolio_free(p);
}

static void what_leans_on_what_is_given_is_legal_whoever_asks(void **state)
{
    (void)state;
    struct math_space      s = mixed();
    struct math_portfolio *p;
    struct fault           fault;
    double                 x[4], context[4] = { 0 };
    s.param[0] = s.param[3];
    s.param[3] = (struct math_param){ .kind = MATH_PARAM_REAL, .lo = 0, .hi = 1, .below = 1, .below_factor = 0.5 };
    assert_ok(math_portfolio_new(&s, &(struct math_portfolio_settings){ .starts = 4 }, 1, &p, &fault), &fault);
    assert_int_equal(math_portfolio_ask(p, NULL, x, NULL, &fault), ERR_INPUT);      /* from the first question on */
    for (int n = 0; n < 16; n++) {
        struct math_portfolio_reason why;
        context[0] = n % 2 ? 0.3 : 1;
        assert_ok(math_portfolio_ask(p, context, x, &why, &fault), &fault);
        assert_true(x[0] == context[0] && x[3] <= 0.5 * x[0] + 1e-12);
        assert_ok(math_portfolio_tell(p, &(struct math_bo_trial){ .x = x, .y = -fabs(x[3] - 0.4) }, why.who, &fault), &fault);
    }
    math_portfolio_free(p);
}

/* Every second one has a special value, and so two length scales; a scale that is doubted has a bend beside it. */
static void two_hundred_parameters_are_searched_like_two(void **state)
{
    (void)state;
    enum { MANY = 200, ASKED = 8 };
    struct math_space s = { .params = MANY };
    struct fault      fault;
    double            x[MANY];
    for (int i = 0; i < MANY; i++)
        s.param[i] = (struct math_param){ .kind = MATH_PARAM_REAL, .lo = 1, .hi = 100, .specials = i % 2, .special = { -1 } };
    struct math_portfolio *p;
    assert_ok(math_portfolio_new(&s, &(struct math_portfolio_settings){ .starts = 4 }, 1, &p, &fault), &fault);
    for (int n = 0; n < ASKED; n++) {
        struct math_portfolio_reason why;
        assert_ok(math_portfolio_ask(p, NULL, x, &why, &fault), &fault);
        for (int i = 0; i < MANY; i++)
            assert_true((x[i] >= 1 && x[i] <= 100) || (i % 2 && x[i] == -1));
        assert_ok(math_portfolio_tell(p, &(struct math_bo_trial){ .x = x, .y = -fabs(x[0] - 40) - fabs(x[199]) }, why.who, &fault), &fault);
    }
    math_portfolio_free(p);
    s.params = MATH_SPACE_MAX + 1;
    assert_int_equal(math_portfolio_new(&s, NULL, 1, &p, &fault), ERR_INPUT);
    assert_null(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_earns_more_is_chosen_more_and_nobody_is_given_up),
        cmocka_unit_test(who_was_good_once_gives_room_to_who_is_good_now),
        cmocka_unit_test(what_is_not_known_only_lets_time_pass),
        cmocka_unit_test(only_who_may_is_chosen),
        cmocka_unit_test(a_child_differs_a_little_from_a_good_parent_and_leaves_the_context_alone),
        cmocka_unit_test(together_they_find_what_evenly_spread_points_do_not),
        cmocka_unit_test(the_same_story_asks_the_same_and_asking_changes_nothing),
        cmocka_unit_test(what_others_found_is_learned_from_and_failures_too),
        cmocka_unit_test(when_everything_was_tried_it_says_so),
        cmocka_unit_test(what_leans_on_what_is_given_is_legal_whoever_asks),
        cmocka_unit_test(two_hundred_parameters_are_searched_like_two),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
