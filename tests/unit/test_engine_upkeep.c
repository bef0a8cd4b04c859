/* Indexes by the engine itself: what is tried, what was tried already, and how long one waits for a history to be compared with. */
#include "unit.h"

#include "engine_alone.h"

#include <string.h>

static struct engine_alone alone;
static struct clock_manual manual;
static struct clock        a_clock;
static struct engine      *engine;
static struct etarget     *t;
static struct fault        fault;
static struct target_facts facts;
static json_t             *report;

/* The look's report, without a database. */
enum err __wrap_engine_report(struct engine *e, const char *target, int64_t max_age_us, json_t **out, struct fault *f);
void     __wrap_engine_report_forget(struct engine *e, const char *target);

enum err __wrap_engine_report(struct engine *e, const char *target, int64_t max_age_us, json_t **out, struct fault *f)
{
    *out = json_incref(report);
    return OK;
}

void __wrap_engine_report_forget(struct engine *e, const char *target) { }

static int setup(void **state)
{
    (void)state;
    manual = (struct clock_manual){ .wall_us = INT64_C(1700000000000000), .mono_us = INT64_C(1000000000) };
    a_clock = clock_manual_of(&manual);
    engine = engine_alone_begin(&alone, &a_clock, "targets: {shop: {dsn: service=shop, restart: window, restart_command: [/bin/true]}}\ntune: {window: 60s, reevaluate: 600s}\n", &fault);
    engine->policy.set.index_build = BUILD_AUTO;
    t = &engine->target[0];
    t->mode = MODE_AUTO;
    t->facts = &facts;
    t->seen = true;
    t->last.v[METRIC_UP] = 1;
    report = json_pack("{s:[],s:[{s:s,s:b,s:b,s:f,s:f,s:{s:s,s:[{s:s,s:{s:s,s:s}}],s:{s:s}}}]}", "findings", "indexes", "name", "homeostat_x", "judged", 1, "may_build", 1,
                       "benefit_ms", 10.0, "overhead_ms", 1.0, "plan", "title", "an index", "steps", "action", "postgres.index", "params", "do", "create", "name", "homeostat_x",
                       "verify", "method", "planner");
    assert_non_null(report);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    json_decref(report);
    return engine_alone_end(&alone, &fault);
}

/* Whether something waits, or is begun, so long after the last question. */
static bool holds_the_target_after(int64_t us)
{
    bool opened = false;
    manual.mono_us += us;
    manual.wall_us += us;
    assert_ok(upkeep_tick(engine, t, &opened, &fault), &fault);
    return opened;
}

static void it_ended(const char *result)
{
    static const struct principal opener = { "engine", ROLE_OPERATOR };
    struct casefile c = { .state = CASE_CLOSED, .version = 1, .driver = DRIVER_ENGINE, .target = "shop", .created_us = 1, .updated_us = 1 };
    json_t         *proposal = json_pack("{s:s}", "upkeep", "homeostat_x");
    id_new(clock_wall_us(&clock_real), c.id);
    assert_ok(store_case_insert(engine->store, &c, &opener, &fault), &fault);
    assert_ok(store_outcome_add(engine->store, &(struct stored_outcome){ .case_id = c.id, .target = "shop", .planner = "index", .result = result, .proposal = proposal }, 1, &fault), &fault);
    json_decref(proposal);
}

static void an_index_waits_for_a_history_but_not_for_one_that_never_comes(void **state)
{
    (void)state;
    int64_t window_us = engine->d.tune->window_us;
    assert_true(holds_the_target_after(1));
    assert_true(holds_the_target_after(US_PER_S));
    assert_non_null(strstr(engine->target[0].idle_why, "an index waits"));         /* whoever wonders why nothing is tried */
    assert_true(holds_the_target_after((2 * HISTORY_MAX - 1) * window_us));
    assert_false(holds_the_target_after(window_us));                               /* others have their turn */
    assert_string_equal(engine->target[0].idle_why, "");
    assert_false(holds_the_target_after(engine->d.tune->reevaluate_us / 2));
    assert_true(holds_the_target_after(engine->d.tune->reevaluate_us));            /* and it has another one */
    assert_true(holds_the_target_after(HISTORY_MAX * window_us));
}

static void what_waits_later_has_the_same_patience(void **state)
{
    (void)state;
    assert_true(holds_the_target_after(1));
    json_t *indexes = json_incref(json_object_get(report, "indexes"));
    assert_int_equal(json_object_set_new(report, "indexes", json_array()), 0);     /* nothing to build any more */
    assert_false(holds_the_target_after(60 * US_PER_S));
    assert_int_equal(json_object_set_new(report, "indexes", indexes), 0);
    assert_true(holds_the_target_after(86400 * US_PER_S));
}

static void an_index_that_was_given_up_before_it_began_is_tried_and_one_that_was_tried_is_not(void **state)
{
    (void)state;
    it_ended("overtaken");
    it_ended("unanswered");
    assert_true(holds_the_target_after(1));
    it_ended("worse");
    assert_false(holds_the_target_after(60 * US_PER_S));
}

static void what_was_refused_is_not_asked_for_again(void **state)
{
    (void)state;
    it_ended("refused");
    assert_false(holds_the_target_after(1));
}

static void an_index_that_saves_hardly_more_than_it_costs_is_not_tried(void **state)
{
    (void)state;
    json_t *x = json_array_get(json_object_get(report, "indexes"), 0);
    assert_int_equal(json_object_set_new(x, "overhead_ms", json_real(5)), 0);
    assert_false(holds_the_target_after(1));
    assert_int_equal(json_object_set_new(x, "overhead_ms", json_real(4.9)), 0);
    assert_true(holds_the_target_after(60 * US_PER_S));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_index_waits_for_a_history_but_not_for_one_that_never_comes),
        TEST(what_waits_later_has_the_same_patience),
        TEST(an_index_that_was_given_up_before_it_began_is_tried_and_one_that_was_tried_is_not),
        TEST(what_was_refused_is_not_asked_for_again),
        TEST(an_index_that_saves_hardly_more_than_it_costs_is_not_tried),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
