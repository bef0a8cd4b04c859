/* plan: what was learned under one load is remembered with it, counts under that load, and is neither lost nor mixed up under another. */
#include "unit.h"

#include "facts.h"
#include "near.h"
#include "plan_world.h"

#include "plan/belief.h"
#include "plan/story.h"

static struct plan_world world;
static struct fault      fault;

static int start(void **state)
{
    (void)state;
    plan_world_start(&world, 1, 1);
    return 0;
}

static struct workload workload_under(enum plan_load load)
{
    struct workload w;
    plan_world_load(&world, load);
    workload_of(&w, world.window, world.windows, &world.facts);
    return w;
}

/* A told change of one parameter, made under this load. */
static struct planner_told told_of_one(enum plan_load load, enum knob_id id, double from, double to, enum told told, double effect)
{
    struct planner_told t = { .told = told, .effect = effect, .workload = workload_under(load) };
    t.proposal = (struct proposal){ .planner = "test", .changes = 1, .change = { { id, from, to } }, .verify = VERIFY_IMMEDIATE, .has_workload = true, .workload = t.workload };
    return t;
}

static struct scene scene_under(enum plan_load load, const struct planner_told *told, int n)
{
    static struct planner_view view;
    static struct scene        s;
    plan_world_load(&world, load);
    view = plan_world_view(&world);
    scene_init(&s, &view, told, n, 7);
    return s;
}

static void a_proposal_carries_its_workload_through_the_store_and_old_ones_stay_readable(void **state)
{
    (void)state;
    struct planner     *planner;
    struct proposal     p, back;
    struct planner_view v = plan_world_view(&world);
    assert_ok(planner_new(NULL, 3, &planner, &fault), &fault);
    assert_ok(planner_ask(planner, &v, &p, &fault), &fault);
    assert_true(p.has_workload && workload_known(&p.workload) > 8);
    json_t *json = proposal_json(&p);
    assert_ok(proposal_parse(json, &back, &fault), &fault);
    assert_true(back.has_workload);
    assert_near(workload_distance(&p.workload, &back.workload, NULL), 0, 1e-12);
    json_object_del(json, "workload");
    assert_ok(proposal_parse(json, &back, &fault), &fault);
    assert_false(back.has_workload);
    assert_ok(planner_tell(planner, &back, TOLD_WORSE, -0.1, &fault), &fault);
    assert_ok(planner_ask(planner, &v, &p, &fault), &fault);
    json_object_set_new(json, "workload", json_string("heavy"));
    assert_int_equal(proposal_parse(json, &back, &fault), ERR_INPUT);
    json_decref(json);
    planner_free(planner);
}

static void what_was_worse_under_another_load_may_be_tried_under_this_one(void **state)
{
    (void)state;
    struct planner_told told[2] = { told_of_one(LOAD_REPORTS, KNOB_WORK_MEM, 4096, 8192, TOLD_WORSE, -0.2),
                                    told_of_one(LOAD_OLTP, KNOB_JIT, 1, 0, TOLD_WORSE, -0.2) };
    struct scene s = scene_under(LOAD_OLTP, told, 2);
    assert_true(s.elsewhere[0] && !s.elsewhere[1]);
    assert_false(scene_spent(&s, &told[0].proposal));
    assert_true(scene_spent(&s, &told[1].proposal));
    assert_int_equal(scene_told_here(&s), 1);
    assert_int_equal(scene_told_since_better(&s), 1);
    told[0].told = TOLD_FAILED;                      /* what does not start does not start under any load */
    s = scene_under(LOAD_OLTP, told, 2);
    assert_true(scene_spent(&s, &told[0].proposal));
    workload_clear(&told[0].workload);               /* of an old story nobody knows: it counts */
    told[0].told = TOLD_WORSE;
    s = scene_under(LOAD_OLTP, told, 2);
    assert_false(s.elsewhere[0]);
    assert_true(scene_spent(&s, &told[0].proposal));
}

/* A kept change may lead to other plans and less spilling: what clients ask is as it was, and so is what was learned under it. */
static void other_plans_after_a_success_are_no_other_load(void **state)
{
    (void)state;
    struct planner_told told[2] = { told_of_one(LOAD_REPORTS, KNOB_JIT, 1, 0, TOLD_WORSE, -0.2),
                                    told_of_one(LOAD_REPORTS, KNOB_WORK_MEM, 4096, 65536, TOLD_BETTER, 0.8) };
    for (int i = 0; i < 2; i++) {
        told[i].workload.v[WORKLOAD_SCANS] = 1;
        told[i].workload.v[WORKLOAD_TEMP] = 5e7;
        told[i].proposal.workload = told[i].workload;
    }
    facts_change(&world.facts, KNOB_WORK_MEM, 65536);
    plan_world_load(&world, LOAD_REPORTS);
    struct planner_view view = plan_world_view(&world);
    static struct scene s;
    struct workload     after;
    scene_init(&s, &view, told, 2, 7);
    after = s.workload;
    after.v[WORKLOAD_SCANS] = 0;
    after.v[WORKLOAD_TEMP] = 0;
    s.workload = after;
    assert_true(workload_distance(&after, &told[0].workload, NULL) > WORKLOAD_ANOTHER);
    assert_false(scene_another(&s, 0, 2));
    assert_false(scene_another(&s, 1, 2));
    told[1].told = TOLD_UNDECIDED;                   /* nothing was kept: then it is the load that differs */
    scene_init(&s, &view, told, 2, 7);
    s.workload = after;
    assert_true(scene_another(&s, 0, 2));
}

static void levels_follow_what_was_kept_back_to_the_beginning(void **state)
{
    (void)state;
    struct planner_told told[3] = { told_of_one(LOAD_OLTP, KNOB_WORK_MEM, 4096, 8192, TOLD_BETTER, 0.1),
                                    told_of_one(LOAD_OLTP, KNOB_JIT, 1, 0, TOLD_WORSE, -0.2),
                                    told_of_one(LOAD_OLTP, KNOB_BGWRITER_DELAY, 200, 100, TOLD_BETTER, 0.3) };
    facts_change(&world.facts, KNOB_WORK_MEM, 8192);
    facts_change(&world.facts, KNOB_BGWRITER_DELAY, 100);
    struct story story;
    struct scene s = scene_under(LOAD_OLTP, told, 3);
    assert_ok(story_of(&s, &story, &fault), &fault);
    assert_near(story.trial[2].y, 0, 1e-12);
    assert_near(story.trial[1].y, -0.5, 1e-12);
    assert_near(story.trial[1].level, -0.3, 1e-12);
    assert_near(story.trial[0].level, -0.4, 1e-12);
    assert_near(story.trial[0].before.value[KNOB_WORK_MEM], 4096, 0);
    assert_near(story_after(&story, 0)->value[KNOB_WORK_MEM], 8192, 0);
    assert_near(story_after(&story, 1)->value[KNOB_JIT], 1, 0);
    story_done(&story);
}

static void what_broke_a_guard_is_no_gain_however_much_faster_it_was(void **state)
{
    (void)state;
    struct planner_told told[3] = { told_of_one(LOAD_OLTP, KNOB_WORK_MEM, 4096, 8192, TOLD_WORSE, 0.4),
                                    told_of_one(LOAD_OLTP, KNOB_WORK_MEM, 4096, 16384, TOLD_WORSE, (double)NAN),
                                    told_of_one(LOAD_OLTP, KNOB_WORK_MEM, 4096, 2048, TOLD_UNDECIDED, 0.2) };
    struct story story;
    struct scene s = scene_under(LOAD_OLTP, told, 3);
    assert_ok(story_of(&s, &story, &fault), &fault);
    assert_true(story.trial[0].y < 0 && story.trial[0].y > -0.2);
    assert_true(isnan(story.trial[1].y));                   /* it failed: models count that by itself */
    assert_near(story.trial[2].y, 0.2, 1e-12);
    story_done(&story);
}

/* Two loads that want the opposite, and back: what is in force again has the level it had. */
static void levels_under_another_load_do_not_chain_and_come_back_with_it(void **state)
{
    (void)state;
    struct planner_told told[4] = { told_of_one(LOAD_OLTP, KNOB_WORK_MEM, 4096, 8192, TOLD_BETTER, 0.1),
                                    told_of_one(LOAD_OLTP, KNOB_JIT, 1, 0, TOLD_WORSE, -0.2),
                                    told_of_one(LOAD_REPORTS, KNOB_WORK_MEM, 8192, 65536, TOLD_BETTER, 0.8),
                                    told_of_one(LOAD_OLTP, KNOB_WORK_MEM, 65536, 8192, TOLD_BETTER, 0.4) };
    struct story story;
    facts_change(&world.facts, KNOB_WORK_MEM, 8192);
    struct scene s = scene_under(LOAD_OLTP, told, 4);
    assert_ok(story_of(&s, &story, &fault), &fault);
    assert_near(story.trial[3].level, -0.4, 1e-12);
    assert_true(fabs(story.trial[2].y) < 0.2);              /* little of -0.4 holds for reports */
    assert_near(story.trial[1].level, 0, 1e-12);            /* the same configuration under the same load as now */
    assert_near(story.trial[1].y, -0.2, 1e-12);
    assert_near(story.trial[0].level, -0.1, 1e-12);
    story_done(&story);

    s = scene_under(LOAD_REPORTS, told, 3);                 /* while reports run, their own trial is what counts */
    assert_ok(story_of(&s, &story, &fault), &fault);
    story_done(&story);
    assert_int_equal(story_nearest(&s), -1);
    s = scene_under(LOAD_OLTP, told, 3);                    /* the first load is back: take up where it ended, which is after trial 1 */
    assert_int_equal(story_nearest(&s), 1);
    s = scene_under(LOAD_OLTP, told, 4);
    assert_int_equal(story_nearest(&s), -1);
}

static double guess_of(enum plan_load load, const struct planner_told *told, int n, double work_mem)
{
    struct belief        b;
    struct story         story;
    struct math_bo_guess g;
    double               x[MATH_SPACE_MAX];
    struct scene         s = scene_under(load, told, n);
    struct knob_state    there = s.now;
    assert_ok(story_of(&s, &story, &fault), &fault);
    assert_ok(belief_of(&s, &story, &(struct belief_how){ .seed = 1 }, &b, &fault), &fault);
    there.value[KNOB_WORK_MEM] = work_mem;
    belief_point(&b, &there, x);
    assert_ok(math_bo_guess(math_portfolio_gp(b.portfolio), x, 1, &g, &fault), &fault);
    belief_done(&b);
    story_done(&story);
    return g.y;
}

static void models_know_under_which_load_something_was_good(void **state)
{
    (void)state;
    struct planner_told told[16];
    for (int i = 0; i < 16; i++) {                          /* memory helps reports and hurts transactions */
        double to = 4096 * pow(1.5, 1 + i / 2);
        told[i] = i % 2 ? told_of_one(LOAD_REPORTS, KNOB_WORK_MEM, 4096, to, TOLD_UNDECIDED, 0.1 * log(to / 4096))
                        : told_of_one(LOAD_OLTP, KNOB_WORK_MEM, 4096, to, TOLD_UNDECIDED, -0.1 * log(to / 4096));
    }
    assert_true(guess_of(LOAD_REPORTS, told, 16, 65536) > 0.1);
    assert_true(guess_of(LOAD_OLTP, told, 16, 65536) < -0.1);
}

static void while_the_load_stays_the_same_models_see_nothing_but_parameters(void **state)
{
    (void)state;
    struct planner_told told[3] = { told_of_one(LOAD_OLTP, KNOB_WORK_MEM, 4096, 8192, TOLD_WORSE, -0.1), told_of_one(LOAD_OLTP, KNOB_JIT, 1, 0, TOLD_WORSE, -0.2),
                                    told_of_one(LOAD_REPORTS, KNOB_JIT, 1, 0, TOLD_WORSE, -0.2) };
    struct belief b;
    struct story  story;
    struct scene  s = scene_under(LOAD_OLTP, told, 2);
    assert_ok(story_of(&s, &story, &fault), &fault);
    assert_ok(belief_of(&s, &story, &(struct belief_how){ 0 }, &b, &fault), &fault);
    assert_int_equal(b.features, 0);
    assert_int_equal(b.known, 2);
    for (int i = 0; i < b.knobs; i++)
        assert_false(knob_needs_restart(knob_at(b.id[i]), &world.facts));
    belief_done(&b);
    story_done(&story);
    s = scene_under(LOAD_OLTP, told, 3);
    assert_ok(story_of(&s, &story, &fault), &fault);
    assert_ok(belief_of(&s, &story, &(struct belief_how){ 0 }, &b, &fault), &fault);
    assert_in_range(b.features, 1, BELIEF_CONTEXTS_MAX);
    for (int i = 0; i < b.features; i++)
        assert_true(b.space.param[b.knobs + i].context);
    belief_done(&b);
    story_done(&story);
}

/* A load that collapses is put back at once, as worse and without an effect: models that did not hear of it would go there again. */
static void what_was_put_back_before_it_was_measured_is_a_failure_to_models(void **state)
{
    (void)state;
    struct planner_told told[2] = { told_of_one(LOAD_OLTP, KNOB_WORK_MEM, 4096, 8192, TOLD_WORSE, (double)NAN), told_of_one(LOAD_OLTP, KNOB_JIT, 1, 0, TOLD_UNDECIDED, (double)NAN) };
    struct belief b;
    struct story  story;
    struct scene  s = scene_under(LOAD_OLTP, told, 2);
    assert_ok(story_of(&s, &story, &fault), &fault);
    assert_ok(belief_of(&s, &story, &(struct belief_how){ 0 }, &b, &fault), &fault);
    assert_int_equal(b.known, 1);                           /* of the second nothing is known */
    assert_int_equal(b.results, 1);                         /* what is in force: a failure has no result */
    belief_done(&b);
    story_done(&story);
}

/* Without asking for a restart models still see what an earlier one changed. */
static void what_needs_a_restart_is_given_and_not_asked_for_when_none_may_be(void **state)
{
    (void)state;
    struct planner_told told[2] = { told_of_one(LOAD_OLTP, KNOB_JIT, 1, 0, TOLD_WORSE, -0.1), told_of_one(LOAD_OLTP, KNOB_SHARED_BUFFERS, 16384, 65536, TOLD_BETTER, 0.3) };
    struct belief b;
    struct story  story;
    facts_change(&world.facts, KNOB_SHARED_BUFFERS, 65536);
    struct scene s = scene_under(LOAD_OLTP, told, 2);
    assert_ok(story_of(&s, &story, &fault), &fault);
    assert_ok(belief_of(&s, &story, &(struct belief_how){ 0 }, &b, &fault), &fault);
    assert_int_equal(b.given, 1);
    assert_int_equal(b.id[b.knobs - 1], KNOB_SHARED_BUFFERS);
    assert_true(b.space.param[b.knobs - 1].context);
    belief_done(&b);
    assert_ok(belief_of(&s, &story, &(struct belief_how){ .restarts = true }, &b, &fault), &fault);
    assert_int_equal(b.given, 0);
    belief_done(&b);
    story_done(&story);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup(f, start)
        TEST(a_proposal_carries_its_workload_through_the_store_and_old_ones_stay_readable),
        TEST(what_was_worse_under_another_load_may_be_tried_under_this_one),
        TEST(other_plans_after_a_success_are_no_other_load),
        TEST(levels_follow_what_was_kept_back_to_the_beginning),
        TEST(what_broke_a_guard_is_no_gain_however_much_faster_it_was),
        TEST(levels_under_another_load_do_not_chain_and_come_back_with_it),
        TEST(models_know_under_which_load_something_was_good),
        TEST(while_the_load_stays_the_same_models_see_nothing_but_parameters),
        TEST(what_was_put_back_before_it_was_measured_is_a_failure_to_models),
        TEST(what_needs_a_restart_is_given_and_not_asked_for_when_none_may_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
