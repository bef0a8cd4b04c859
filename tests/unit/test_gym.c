/* bench/gym: the worlds that learners are checked in do what Gymnasium's do, and the lake's exact values come out of them. */
#include "unit.h"

#include "golden/gym.h"
#include "gym.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(a) ((int)(sizeof(a) / sizeof *(a)))

struct walk { const double *actions, *seen, *rewards; const int *ended; int steps, steps_max; double action_scale, eps; };

static void follow(const struct math_world_kind *kind, void *world, const struct walk *w)
{
    struct rand chance;
    double      seen[8];
    rand_seed(&chance, 1);
    for (int i = 0; i < w->steps; i++) {
        double              action = w->actions[i] * w->action_scale;
        struct math_outcome o = kind->step(kind, world, &action, &chance, seen);
        for (int k = 0; k < kind->observation; k++)
            if (!(fabs(seen[k] - w->seen[i * kind->observation + k]) <= w->eps))
                fail_msg("%s: step %d, number %d is %.9g, not %.9g", kind->name, i, k, seen[k], w->seen[i * kind->observation + k]);
        if (!(fabs(o.reward - w->rewards[i]) <= 10 * w->eps))
            fail_msg("%s: step %d has the reward %.9g, not %.9g", kind->name, i, o.reward, w->rewards[i]);
        assert_int_equal(o.terminated, w->ended[i]);
        assert_int_equal(o.truncated, i + 1 >= w->steps_max);
    }
}

static void the_pole_falls_as_it_should(void **state)
{
    (void)state;
    struct gym_cartpole world = { 0.02, -0.03, 0.04, 0.01, 0 };
    follow(&gym_cartpole, &world, &(struct walk){ cartpole_actions, cartpole_seen, cartpole_rewards, cartpole_ended, COUNT(cartpole_actions), cartpole_steps_max, 1, 1e-6 });
}

static void the_pendulum_swings_as_it_should(void **state)
{
    (void)state;
    struct gym_pendulum world = { 2.5, -0.4, 0 };
    follow(&gym_pendulum, &world, &(struct walk){ pendulum_actions, pendulum_seen, pendulum_rewards, pendulum_ended, COUNT(pendulum_actions), pendulum_steps_max, 0.5, 2e-6 });
}

static void the_car_rolls_as_it_should(void **state)
{
    (void)state;
    struct gym_mountain_car world = { -0.5, 0, 0 };
    follow(&gym_mountain_car, &world,
           &(struct walk){ mountain_car_actions, mountain_car_seen, mountain_car_rewards, mountain_car_ended, COUNT(mountain_car_actions), mountain_car_steps_max, 1, 2e-5 });
    assert_true(mountain_car_ended[COUNT(mountain_car_ended) - 1]);      /* it got to the top: the walk is worth following */
}

struct lake { const struct math_world_kind *kind; int fields; const int *leads, *ends, *slips; const double *reward; };
static const struct lake lakes[] = {
    { &gym_lake_4, 16, lake_4_leads, lake_4_ends, lake_4_slips, lake_4_reward },
    { &gym_lake_8, 64, lake_8_leads, lake_8_ends, lake_8_slips, lake_8_reward },
};

static bool water(const struct gym_lake_map *map, int field) { return map->fields[field] == 'H' || map->fields[field] == 'G'; }

static void the_lake_leads_where_it_should(void **state)
{
    (void)state;
    struct rand chance;
    rand_seed(&chance, 1);
    for (int l = 0; l < COUNT(lakes); l++) {
        const struct gym_lake_map *map = lakes[l].kind->setting;
        for (int s = 0; s < lakes[l].fields; s++)
            for (int a = 0; a < 4; a++) {
                if (water(map, s))
                    continue;
                int at = s * 4 + a;
                assert_int_equal(gym_lake_move(map, s, a), lakes[l].leads[at]);
                assert_int_equal(water(map, lakes[l].leads[at]), lakes[l].ends[at]);
                double seen;
                int    slipped[64] = { 0 };
                for (int i = 0; i < 3000; i++) {
                    struct gym_lake world = { s, 0 };
                    (void)lakes[l].kind->step(lakes[l].kind, &world, &(double){ a }, &chance, &seen);
                    slipped[(int)seen]++;
                }
                for (int k = 0; k < 3; k++) {
                    int to = lakes[l].slips[at * 3 + k], ways = 0;
                    for (int j = 0; j < 3; j++)
                        ways += lakes[l].slips[at * 3 + j] == to;
                    assert_true(abs(slipped[to] - ways * 1000) < 130);      /* five standard deviations */
                }
            }
    }
}

/* The value of the start by value iteration over the ported moves; the reference values were computed elsewhere, exactly. */
static double value_of_start(const struct gym_lake_map *map, double gamma)
{
    double v[64] = { 0 };
    int    fields = map->side * map->side;
    for (int sweep = 0; sweep < 20000; sweep++)
        for (int s = 0; s < fields; s++) {
            double best = -1;
            if (water(map, s))
                continue;
            for (int a = 0; a < 4; a++) {
                double q = 0;
                for (int slip = 3; slip <= 5; slip++) {
                    int to = gym_lake_move(map, s, (a + slip) % 4);
                    q += ((map->fields[to] == 'G') + gamma * v[to]) / 3;
                }
                best = q > best ? q : best;
            }
            v[s] = best;
        }
    return v[0];
}

static void the_lakes_exact_values_come_out(void **state)
{
    (void)state;
    assert_true(fabs(value_of_start(gym_lake_4.setting, 0.95) - 0.180472) < 1e-6);
    assert_true(fabs(value_of_start(gym_lake_4.setting, 0.99) - 0.542026) < 1e-6);
    assert_true(fabs(value_of_start(gym_lake_8.setting, 0.95) - 0.048250) < 1e-6);
    assert_true(fabs(value_of_start(gym_lake_8.setting, 0.99) - 0.414640) < 1e-6);
}

static void stories_are_cut_off_where_gymnasium_cuts_them(void **state)
{
    (void)state;
    const struct { const struct math_world_kind *kind; int steps; } limits[] = {
        { &gym_cartpole, cartpole_steps_max }, { &gym_pendulum, pendulum_steps_max }, { &gym_mountain_car, mountain_car_steps_max },
        { &gym_lake_4, lake_4_steps_max },     { &gym_lake_8, lake_8_steps_max },
    };
    for (int l = 0; l < COUNT(limits); l++) {
        const struct math_world_kind *k = limits[l].kind;
        struct rand                   chance;
        double                        seen[8];
        max_align_t                   room[16];
        bool                          cut = false;
        assert_true(k->size <= sizeof room);
        rand_seed(&chance, 3);
        for (int tries = 0; tries < 200000 && !cut; tries++) {
            k->reset(k, room, &chance, seen);
            for (int step = 1;; step++) {
                double action = 0;
                if (k == &gym_cartpole)      /* enough to stay up */
                    action = seen[2] + 0.3 * seen[3] + 0.02 * seen[1] > 0;
                if (k == &gym_lake_4 || k == &gym_lake_8)
                    action = (double)rand_int(&chance, 0, 1) * 3;      /* left and up: about the start */
                struct math_outcome o = k->step(k, room, &action, &chance, seen);
                assert_int_equal(o.truncated, step == limits[l].steps);
                cut = cut || (o.truncated && !o.terminated);
                if (o.terminated || o.truncated)
                    break;
            }
        }
        assert_true(cut);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_pole_falls_as_it_should),
        cmocka_unit_test(the_pendulum_swings_as_it_should),
        cmocka_unit_test(the_car_rolls_as_it_should),
        cmocka_unit_test(the_lake_leads_where_it_should),
        cmocka_unit_test(the_lakes_exact_values_come_out),
        cmocka_unit_test(stories_are_cut_off_where_gymnasium_cuts_them),
    };
    return cmocka_run_group_tests_name("gym", tests, NULL, NULL);
}
