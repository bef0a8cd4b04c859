/* plan: a policy that practises on what models believe goes where they promise more, keeps away from what nobody knows, and follows from base, story and seed. */
#include "unit.h"

#include "near.h"
#include "plan_world.h"

#include "plan/practice.h"

#include <string.h>

enum { TOLD = 14 };
static struct plan_world   world;
static struct planner_told told[TOLD];
static struct planner_view view;
static struct scene        scene;
static struct story        story;
static struct belief       belief;
static struct fault        fault;

static int own(void) { return belief.knobs - belief.given; }

static int place_of(enum knob_id id)
{
    for (int i = 0; i < own(); i++)
        if (belief.id[i] == id)
            return i;
    fail_msg("%s may not be varied here", knobs[id].name);
    return -1;
}

/* One parameter was tried all over its range, always from what is in force: the more of it, the better. Nothing is known of the others. */
static int setup(void **state)
{
    (void)state;
    plan_world_start(&world, 1, 1);
    for (int i = 0; i < TOLD; i++) {
        double to = 4096 * pow(2, 0.5 * (i + 1));
        told[i] = (struct planner_told){ .told = TOLD_UNDECIDED, .effect = 0.04 * (i + 1), .sd = 0.01 };
        told[i].proposal = (struct proposal){ .planner = "test", .changes = 1, .change = { { KNOB_WORK_MEM, 4096, to } }, .verify = VERIFY_IMMEDIATE };
        workload_clear(&told[i].workload);
    }
    view = plan_world_view(&world);
    scene_init(&scene, &view, told, TOLD, 7);
    assert_ok(story_of(&scene, &story, &fault), &fault);
    assert_ok(belief_of(&scene, &story, &(struct belief_how){ .seed = 7, .portfolio = { .starts = 1 } }, &belief, &fault), &fault);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    belief_done(&belief);
    story_done(&story);
    return 0;
}

static void practise_and_ask(uint64_t seed, double *x)
{
    struct math_ppo *policy = NULL;
    assert_ok(practice_new(seed, NULL, &policy, &fault), &fault);
    assert_ok(practice_train(policy, &belief, seed, &fault), &fault);
    assert_ok(practice_ask(policy, &belief, seed, x, &fault), &fault);
    math_ppo_free(policy);
}

static void it_goes_where_the_models_promise_more(void **state)
{
    (void)state;
    int w = place_of(KNOB_WORK_MEM);
    for (uint64_t seed = 1; seed <= 3; seed++) {
        double x[MATH_SPACE_MAX];
        practise_and_ask(seed, x);
        if (!(x[w] > 3 * belief.now[w]))
            fail_msg("seed %d: %s goes from %g to %g only", (int)seed, knobs[KNOB_WORK_MEM].name, belief.now[w], x[w]);
    }
}

static void the_same_seed_gives_the_same_answer_bit_for_bit(void **state)
{
    (void)state;
    double x[MATH_SPACE_MAX], again[MATH_SPACE_MAX];
    practise_and_ask(5, x);
    practise_and_ask(5, again);
    assert_memory_equal(x, again, (size_t)belief.space.params * sizeof *x);
}

static void what_is_given_is_never_moved(void **state)
{
    (void)state;
    double x[MATH_SPACE_MAX];
    practise_and_ask(2, x);
    for (int i = own(); i < belief.space.params; i++)
        assert_true(x[i] == belief.now[i]);
}

static double difference(const struct math_params *a, const struct math_params *b)
{
    double most = 0;
    for (size_t i = 0; i < a->size; i++)
        most = fmax(most, fabs((double)a->value[i] - (double)b->value[i]));
    return most;
}

static void a_clone_begins_where_its_base_stands_and_leaves_it_alone(void **state)
{
    (void)state;
    struct math_ppo *base = NULL, *clone = NULL, *untaught = NULL;
    assert_ok(practice_new(1, NULL, &base, &fault), &fault);
    assert_ok(practice_new(1, NULL, &untaught, &fault), &fault);
    struct tenants_policy networks = practice_networks(base);
    assert_ok(practice_new(9, &networks, &clone, &fault), &fault);
    assert_near(difference(math_ppo_actor(base), math_ppo_actor(clone)), 0, 0);
    assert_ok(practice_train(clone, &belief, 9, &fault), &fault);
    assert_true(difference(math_ppo_actor(base), math_ppo_actor(clone)) > 1e-3);
    assert_near(difference(math_ppo_actor(base), math_ppo_actor(untaught)), 0, 0);
    math_ppo_free(clone);
    math_ppo_free(untaught);
    math_ppo_free(base);
}

static void a_base_of_another_shape_is_refused(void **state)
{
    (void)state;
    struct math_ppo_options o = math_ppo_usual(3, 2);
    struct math_ppo        *other = NULL, *clone = NULL;
    assert_ok(math_ppo_new(&o, &other, &fault), &fault);
    struct tenants_policy networks = practice_networks(other);
    assert_int_equal(practice_new(1, &networks, &clone, &fault), ERR_INPUT);
    assert_null(clone);
    math_ppo_free(other);
}

/* ---- behind the planner ---- */

static int asked_of_ppo(const char *kind, int cases)
{
    int ppo = 0;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct planner *planner;
        plan_world_start(&world, seed, 1);
        assert_ok(planner_new(kind, seed, &planner, &fault), &fault);
        for (int i = 0; i < cases; i++) {
            struct proposal p;
            enum told       answer;
            if (plan_world_case(&world, planner, &p, &answer, &fault) != OK)
                break;
            ppo += strcmp(p.planner, "learned/ppo") == 0;
        }
        planner_free(planner);
    }
    return ppo;
}

static void only_joint_ppo_asks_it(void **state)
{
    (void)state;
    assert_int_equal(asked_of_ppo("joint", 30), 0);
    assert_true(asked_of_ppo("joint-ppo", 30) > 0);
}

static void too_little_to_practise_on_leaves_the_policy_as_it_was(void **state)
{
    (void)state;
    struct planner  *planner;
    struct math_ppo *policy = NULL, *untaught = NULL;
    assert_ok(planner_new("joint-ppo", 1, &planner, &fault), &fault);
    assert_ok(practice_new(1, NULL, &policy, &fault), &fault);
    assert_ok(practice_new(1, NULL, &untaught, &fault), &fault);
    assert_int_equal(planner_practise(planner, &view, policy, &fault), ERR_MISSING);
    assert_near(difference(math_ppo_actor(policy), math_ppo_actor(untaught)), 0, 0);
    for (int i = 0; i < TOLD; i++)
        assert_ok(planner_tell_measured(planner, &told[i].proposal, told[i].told, told[i].effect, told[i].sd, &fault), &fault);
    assert_ok(planner_practise(planner, &view, policy, &fault), &fault);
    assert_true(difference(math_ppo_actor(policy), math_ppo_actor(untaught)) > 1e-3);
    math_ppo_free(policy);
    math_ppo_free(untaught);
    planner_free(planner);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_goes_where_the_models_promise_more, setup, teardown),
        cmocka_unit_test_setup_teardown(the_same_seed_gives_the_same_answer_bit_for_bit, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_given_is_never_moved, setup, teardown),
        cmocka_unit_test_setup_teardown(a_clone_begins_where_its_base_stands_and_leaves_it_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(a_base_of_another_shape_is_refused, setup, teardown),
        cmocka_unit_test(only_joint_ppo_asks_it),
        cmocka_unit_test_setup_teardown(too_little_to_practise_on_leaves_the_policy_as_it_was, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
