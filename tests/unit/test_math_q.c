/* math: Q-learning finds what is known exactly, by table and by network, and the same seed tells the same story. */
#include "unit.h"

#include "gym.h"
#include "math/learn/dqn.h"
#include "math/learn/q.h"

#include <math.h>
#include <string.h>

static void assert_near(double a, double b, double eps)
{
    if (!(fabs(a - b) <= eps))
        fail_msg("%.12g is not %.12g +- %g", a, b, eps);
}

static struct math_q_options table(int states)
{
    return (struct math_q_options){ .states = states, .actions = 4, .gamma = 0.99, .rate_power = 0.6, .first = 0, .explore_first = 1, .explore_last = 0.1 };
}

static void a_slippery_lake_is_worth_what_it_is_worth(void **state)
{
    (void)state;
    struct fault          fault;
    struct math_q         q;
    struct math_q_options o = table(16);
    static double         returns[10000];
    double                sum = 0;
    assert_ok(math_q_init(&q, &o, &fault), &fault);
    assert_ok(math_q_train(&q, &gym_lake_4, 1, 1000000, &fault), &fault);
    assert_near(q.value[math_q_best(&q, 0)], 0.542026, 0.02);
    assert_ok(math_world_score(&gym_lake_4, math_q_choose, &q, 10000, 2, returns, &fault), &fault);
    for (int i = 0; i < 10000; i++)
        sum += returns[i];
    assert_near(sum / 10000, 0.740165, 3 * sqrt(0.740165 * (1 - 0.740165) / 10000));
    math_q_done(&q);
}

static void the_same_seed_fills_the_same_table(void **state)
{
    (void)state;
    struct fault          fault;
    struct math_q         a, b;
    struct math_q_options o = table(64);
    assert_ok(math_q_init(&a, &o, &fault), &fault);
    assert_ok(math_q_init(&b, &o, &fault), &fault);
    assert_ok(math_q_train(&a, &gym_lake_8, 9, 50000, &fault), &fault);
    assert_ok(math_q_train(&b, &gym_lake_8, 9, 50000, &fault), &fault);
    assert_memory_equal(a.value, b.value, 256 * sizeof *a.value);
    math_q_done(&a);
    math_q_done(&b);
}

static void only_a_real_end_has_no_future(void **state)
{
    (void)state;
    struct fault          fault;
    struct math_q         q;
    struct math_q_options o = { .states = 2, .actions = 2, .gamma = 0.5, .rate_power = 1, .first = 0 };
    assert_ok(math_q_init(&q, &o, &fault), &fault);
    math_q_learn(&q, 1, 0, 8, true, 0);
    assert_near(q.value[2], 8, 0);
    math_q_learn(&q, 0, 1, 1, false, 1);
    assert_near(q.value[1], 1 + 0.5 * 8, 0);
    math_q_learn(&q, 0, 0, 1, true, 1);
    assert_near(q.value[0], 1, 0);
    math_q_learn(&q, 0, 0, 3, true, 1);
    assert_near(q.value[0], 2, 0);       /* the mean, as its rate falls */
    math_q_done(&q);
    o.states = 1 << 25;
    assert_int_equal(math_q_init(&q, &o, &fault), ERR_INPUT);
}

static void a_rate_that_does_not_fall_keeps_on_following(void **state)
{
    (void)state;
    struct fault          fault;
    struct math_q         q;
    struct math_q_options o = { .states = 2, .actions = 2, .gamma = 0.9, .rate = 0.1 };
    assert_ok(math_q_init(&q, &o, &fault), &fault);
    math_q_learn(&q, 1, 0, 10, true, 0);
    assert_near(q.value[2], 1, 1e-12);
    math_q_learn(&q, 0, 0, 1, false, 1);
    assert_near(q.value[0], 0.1 * (1 + 0.9 * 1), 1e-12);
    for (int i = 0; i < 1000; i++)
        math_q_learn(&q, 1, 0, 10, true, 0);
    assert_near(q.value[2], 10, 1e-9);
    for (int i = 0; i < 30; i++)
        math_q_learn(&q, 1, 0, -10, true, 0);      /* the world changed; a mean over all visits would still be above 9 */
    assert_true(q.value[2] < -9);
    math_q_done(&q);
    o.rate = 2;
    assert_int_equal(math_q_init(&q, &o, &fault), ERR_INPUT);
    assert_non_null(strstr(fault.text, "rate 2"));
}

/* A corridor of three places, one-hot; action 1 goes on, 0 stays; 1 at the end. */
struct corridor { int at, steps; };

static void corridor_show(const struct corridor *c, double *seen)
{
    for (int i = 0; i < 3; i++)
        seen[i] = i == c->at;
}

static void corridor_reset(const struct math_world_kind *kind, void *world, struct rand *chance, double *seen)
{
    (void)kind;
    (void)chance;
    *(struct corridor *)world = (struct corridor){ 0 };
    corridor_show(world, seen);
}

static struct math_outcome corridor_step(const struct math_world_kind *kind, void *world, const double *action, struct rand *chance, double *seen)
{
    struct corridor *c = world;
    (void)kind;
    (void)chance;
    c->at += action[0] > 0.5;
    bool there = c->at > 2;
    c->at = there ? 2 : c->at;
    corridor_show(c, seen);
    return (struct math_outcome){ there, there, ++c->steps >= 5 };
}

static const struct math_world_kind corridor = { .name = "corridor", .observation = 3, .action = 2, .discrete = true, .size = sizeof(struct corridor), .reset = corridor_reset, .step = corridor_step };

static struct math_dqn_options small(void)
{
    struct math_dqn_options o = math_dqn_usual(3, 2);
    o.width[0] = o.width[1] = 32;
    o.gamma = 0.9;
    o.ahead = 1;
    o.memory = 2000;
    o.start = 200;
    o.every = 4;
    o.target_every = 50;
    o.target_share = 1;
    o.rate = 3e-3;
    o.explore_last = 0.3;
    return o;
}

static void a_network_learns_what_a_corridor_is_worth(void **state)
{
    (void)state;
    struct fault            fault;
    struct math_dqn        *d;
    struct math_dqn_options o = small();
    const double            places[] = { 1, 0, 0, 0, 1, 0, 0, 0, 1 };
    double                  values[6], actions[3];
    for (int kind = 0; kind < 4; kind++) {
        o.twice = kind % 2;
        o.norm = kind < 2;
        assert_ok(math_dqn_new(&o, &d, &fault), &fault);
        assert_ok(math_dqn_train(d, &corridor, 1, 12000, &fault), &fault);
        math_dqn_values(d, places, 3, values);
        for (int i = 0; i < 3; i++) {
            assert_near(values[2 * i + 1], pow(0.9, 2 - i), 0.04);
            assert_near(values[2 * i], pow(0.9, 3 - i), 0.04);      /* staying costs one discount, though the fifth step cuts it off */
        }
        math_dqn_choose(d, places, 3, actions);
        assert_true(actions[0] == 1 && actions[1] == 1 && actions[2] == 1);
        math_dqn_free(d);
    }
}

static void rewards_of_several_steps_are_summed_up_until_the_story_ends(void **state)
{
    (void)state;
    struct fault            fault;
    struct math_dqn        *d;
    struct math_dqn_options o = small();
    const double            places[] = { 1, 0, 0, 0, 1, 0, 0, 0, 1 };
    double                  values[6];
    o.ahead = 3;
    o.rate_last = 1e-4;
    o.explore_first = o.explore_last = 1;        /* everything is tried; then three steps tell what chance would do */
    assert_ok(math_dqn_new(&o, &d, &fault), &fault);
    assert_ok(math_dqn_train(d, &corridor, 1, 12000, &fault), &fault);
    math_dqn_values(d, places, 3, values);
    assert_near(values[5], 1, 0.04);                                    /* nothing follows the end */
    assert_near(values[4], 0.9 * (0.5 + 0.5 * 0.9 * (0.5 + 0.5 * 0.9)), 0.05);
    math_dqn_free(d);
}

static void the_same_seed_makes_the_same_network(void **state)
{
    (void)state;
    struct fault            fault;
    struct math_dqn        *a, *b;
    struct math_dqn_options o = small();
    double                  from_a[6], from_b[6];
    const double            places[] = { 1, 0, 0, 0, 1, 0, 0, 0, 1 };
    assert_ok(math_dqn_new(&o, &a, &fault), &fault);
    assert_ok(math_dqn_new(&o, &b, &fault), &fault);
    assert_ok(math_dqn_train(a, &corridor, 1, 2000, &fault), &fault);
    assert_ok(math_dqn_train(b, &corridor, 1, 2000, &fault), &fault);
    math_dqn_values(a, places, 3, from_a);
    math_dqn_values(b, places, 3, from_b);
    assert_memory_equal(from_a, from_b, sizeof from_a);
    math_dqn_free(b);

    struct math_array arrays[MATH_DQN_ARRAYS];
    unsigned char     bytes[1 << 16];
    int               n = math_dqn_arrays(a, arrays);
    assert_true(math_pack_size(arrays, n) <= sizeof bytes);
    math_pack(arrays, n, bytes);
    size_t size = math_pack_size(arrays, n);
    o.seed = 5;
    assert_ok(math_dqn_new(&o, &b, &fault), &fault);
    n = math_dqn_arrays(b, arrays);
    assert_ok(math_unpack(arrays, n, bytes, size, &fault), &fault);
    math_dqn_values(b, places, 3, from_b);
    assert_memory_equal(from_a, from_b, sizeof from_a);
    math_dqn_free(a);
    math_dqn_free(b);
}

/* Six hundred steps in the corridor; each seventh is the last one before a gap: a step that is told with nonsense, or one that is said to be cut off. */
static void tell_with_gaps(struct math_dqn *d, bool said, const double *seen_then, double reward_then, const double *followed_then)
{
    struct fault fault;
    for (int i = 0; i < 600; i++) {
        double              seen[3] = { i % 3 == 0, i % 3 == 1, i % 3 == 2 }, followed[3] = { i % 3 == 2, i % 3 == 0, i % 3 == 1 };
        bool                gap = i % 7 == 6;
        struct math_outcome outcome = { i % 3 == 2, false, gap && said }, then = { reward_then, false, false };
        assert_ok(math_dqn_tell(d, seen, i % 2, &outcome, followed, 0, &fault), &fault);
        if (gap && !said)
            assert_int_equal(math_dqn_tell(d, seen_then, 0, &then, followed_then, 0, &fault), ERR_INPUT);
    }
}

static void what_no_network_can_hold_is_a_gap_in_the_story(void **state)
{
    (void)state;
    static const double known[3] = { 1, 0, 0 }, absurd[3] = { 0, 1e39, 0 }, places[] = { 1, 0, 0, 0, 1, 0, 0, 0, 1 };
    static const struct { const double *seen; double reward; const double *followed; } each[] = { { absurd, 0, known }, { known, -1e39, known }, { known, 0, absurd } };
    struct fault            fault;
    struct math_dqn        *d;
    struct math_dqn_options o = small();
    double                  cut_off[6], values[6];
    o.ahead = 3;
    assert_ok(math_dqn_new(&o, &d, &fault), &fault);
    tell_with_gaps(d, true, NULL, 0, NULL);
    math_dqn_values(d, places, 3, cut_off);
    math_dqn_free(d);
    for (size_t k = 0; k < sizeof each / sizeof each[0]; k++) {
        assert_ok(math_dqn_new(&o, &d, &fault), &fault);
        tell_with_gaps(d, false, each[k].seen, each[k].reward, each[k].followed);
        math_dqn_values(d, places, 3, values);
        assert_memory_equal(values, cut_off, sizeof values);
        math_dqn_free(d);
    }
}

static void a_network_refuses_what_is_missing_or_makes_no_sense(void **state)
{
    (void)state;
    struct fault            fault;
    struct math_dqn        *d;
    struct math_dqn_options o = small();
    double                  seen[3] = { 1, 0, 0 };
    struct math_outcome     missing = { (double)NAN, false, false };
    o.batch = 0;
    assert_int_equal(math_dqn_new(&o, &d, &fault), ERR_INPUT);
    assert_non_null(strstr(fault.text, "batch"));
    o = small();
    assert_ok(math_dqn_new(&o, &d, &fault), &fault);
    assert_int_equal(math_dqn_tell(d, seen, 0, &missing, seen, 0, &fault), ERR_INPUT);
    assert_int_equal(math_dqn_train(d, &gym_cartpole, 1, 10, &fault), ERR_INPUT);
    math_dqn_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_slippery_lake_is_worth_what_it_is_worth),
        cmocka_unit_test(the_same_seed_fills_the_same_table),
        cmocka_unit_test(only_a_real_end_has_no_future),
        cmocka_unit_test(a_rate_that_does_not_fall_keeps_on_following),
        cmocka_unit_test(a_network_learns_what_a_corridor_is_worth),
        cmocka_unit_test(rewards_of_several_steps_are_summed_up_until_the_story_ends),
        cmocka_unit_test(the_same_seed_makes_the_same_network),
        cmocka_unit_test(what_no_network_can_hold_is_a_gap_in_the_story),
        cmocka_unit_test(a_network_refuses_what_is_missing_or_makes_no_sense),
    };
    return cmocka_run_group_tests_name("math_q", tests, NULL, NULL);
}
