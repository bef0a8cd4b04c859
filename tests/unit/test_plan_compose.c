/* plan: a plan goes from the configuration in force to the proposed one in legal steps, or does not come to be. */
#include "unit.h"

#include "facts.h"

#include "base/rand.h"
#include "model/plan.h"
#include "plan/compose.h"

static struct target_facts facts;
static const struct compose_how how = { .target = "main", .step_ratio = 0.20, .watch_s = 20, .timeout_s = 60, .restart_timeout_s = 120 };

static void wish(struct proposal *p, enum knob_id id, const char *to)
{
    struct fault fault = { 0 };
    p->change[p->changes].knob = id;
    assert_ok(knob_parse(knob_at(id), to, &p->change[p->changes++].to, &fault), &fault);
    snprintf(p->title, sizeof p->title, "a test");
    snprintf(p->planner, sizeof p->planner, "test");
}

static json_t *composed(const struct proposal *p, struct plan *plan)
{
    json_t      *json = NULL;
    struct fault fault = { 0 };
    assert_ok(compose_plan(p, &facts, &how, &json, &fault), &fault);
    assert_ok(plan_parse(json, plan, &fault), &fault);
    return json;
}

static const char *value_in(const struct plan *plan, int step, const char *name, const char *key)
{
    const json_t *list = json_object_get(plan->step[step].params, "settings");
    for (size_t i = 0; i < json_array_size(list); i++)
        if (strcmp(json_string_value(json_object_get(json_array_get(list, i), "name")), name) == 0)
            return json_string_value(json_object_get(json_array_get(list, i), key));
    return NULL;
}

static int setup(void **state)
{
    (void)state;
    facts_pg15(&facts, 8 * FACTS_GIB, 4);
    return 0;
}

static void a_number_moves_by_a_fifth_of_itself_and_never_past_its_target(void **state)
{
    (void)state;
    struct proposal p = { 0 };
    struct plan     plan;
    wish(&p, KNOB_MAX_WAL_SIZE, "2GB");
    json_t *json = composed(&p, &plan);
    assert_int_equal(plan.steps, 4);
    assert_string_equal(value_in(&plan, 0, "max_wal_size", "from"), "1GB");
    assert_string_equal(value_in(&plan, 0, "max_wal_size", "to"), "1228MB");
    assert_string_equal(value_in(&plan, 1, "max_wal_size", "to"), "1473MB");
    assert_string_equal(value_in(&plan, 2, "max_wal_size", "to"), "1767MB");
    assert_string_equal(value_in(&plan, 3, "max_wal_size", "to"), "2GB");
    assert_int_equal(plan.step[0].watch_s, 20);
    assert_string_equal(json_string_value(json_object_get(plan.rollback, "how")), "reverse");
    assert_string_equal(json_string_value(json_object_get(plan.verify, "method")), "checkpoint");
    plan_done(&plan);
    json_decref(json);
}

static double stepped(enum knob_id id, double from, double to) { return compose_step(knob_at(id), from, to, 0.2); }

static void every_kind_of_value_has_its_own_step(void **state)
{
    (void)state;
    assert_float_equal(stepped(KNOB_WORK_MEM, 4096, 100), 3277, 0);                   /* up is rounded down, down is rounded up */
    assert_float_equal(stepped(KNOB_RANDOM_PAGE_COST, 4, 1.1), 3.2, 1e-12);
    assert_float_equal(stepped(KNOB_RANDOM_PAGE_COST, 2.56, 1.1), 2.05, 1e-12);
    assert_float_equal(stepped(KNOB_EFFECTIVE_IO_CONCURRENCY, 1, 200), 2, 0);         /* a fifth of 1 is nothing: by one */
    assert_float_equal(stepped(KNOB_EFFECTIVE_IO_CONCURRENCY, 9, 200), 10, 0);
    assert_float_equal(stepped(KNOB_EFFECTIVE_IO_CONCURRENCY, 10, 200), 12, 0);
    assert_float_equal(stepped(KNOB_MAX_PARALLEL_WORKERS_PER_GATHER, 2, 0), 1, 0);
    assert_float_equal(stepped(KNOB_MAX_PARALLEL_WORKERS_PER_GATHER, 8, 16), 9, 0);   /* small integers: by one, whatever the share */
    assert_float_equal(stepped(KNOB_BACKEND_FLUSH_AFTER, 0, 64), 16, 0);              /* leaving "off" lands at a known place */
    assert_float_equal(stepped(KNOB_BACKEND_FLUSH_AFTER, 64, 0), 0, 0);
    assert_float_equal(stepped(KNOB_AUTOVACUUM_VACUUM_COST_LIMIT, -1, 2000), 200, 0);
    assert_float_equal(stepped(KNOB_MAX_PARALLEL_WORKERS, 0, 8), 1, 0);
    assert_float_equal(stepped(KNOB_JIT, 1, 0), 0, 0);
    assert_float_equal(stepped(KNOB_WAL_COMPRESSION, 0, 3), 3, 0);
    assert_float_equal(stepped(KNOB_SHARED_BUFFERS, 16384, 131072), 131072, 0);
}

static void reloads_come_first_and_one_restart_carries_the_last_of_them(void **state)
{
    (void)state;
    struct proposal p = { 0 };
    struct plan     plan;
    wish(&p, KNOB_SHARED_BUFFERS, "2GB");
    wish(&p, KNOB_WAL_BUFFERS, "16MB");
    wish(&p, KNOB_MAX_WAL_SIZE, "1400MB");
    wish(&p, KNOB_JIT, "off");
    json_t *json = composed(&p, &plan);
    assert_int_equal(plan.steps, 2);
    assert_int_equal(plan.step[0].action, PLAN_POSTGRES_SET);
    assert_string_equal(value_in(&plan, 0, "jit", "to"), "off");
    assert_null(value_in(&plan, 0, "shared_buffers", "to"));
    assert_int_equal(plan.step[1].action, PLAN_POSTGRES_RESTART);
    assert_string_equal(value_in(&plan, 1, "shared_buffers", "to"), "2GB");
    assert_string_equal(value_in(&plan, 1, "wal_buffers", "to"), "16MB");
    assert_string_equal(value_in(&plan, 1, "max_wal_size", "to"), "1400MB");
    assert_null(value_in(&plan, 1, "jit", "to"));
    assert_int_equal(plan.step[1].timeout_s, 120);
    assert_true(json_is_true(json_object_get(json_array_get(json_object_get(json, "steps"), 1), "dangerous")));
    assert_string_equal(json_string_value(json_object_get(plan.verify, "method")), "restart");
    plan_done(&plan);
    json_decref(json);
}

static void a_knob_waits_until_another_has_made_room(void **state)
{
    (void)state;
    struct proposal p = { 0 };
    struct plan     plan;
    facts_set(&facts, "shared_buffers", "262144", NULL);          /* 2 GB, cache size 4 GB: it may not fall before the restart */
    wish(&p, KNOB_SHARED_BUFFERS, "512MB");
    wish(&p, KNOB_EFFECTIVE_CACHE_SIZE, "2GB");
    json_t *json = composed(&p, &plan);
    assert_int_equal(plan.step[0].action, PLAN_POSTGRES_RESTART);
    assert_null(value_in(&plan, 0, "effective_cache_size", "to"));
    assert_string_equal(value_in(&plan, plan.steps - 1, "effective_cache_size", "to"), "2GB");
    plan_done(&plan);
    json_decref(json);

    struct proposal q = { 0 };
    facts_set(&facts, "min_wal_size", "1024", NULL);
    wish(&q, KNOB_MIN_WAL_SIZE, "1500MB");
    wish(&q, KNOB_MAX_WAL_SIZE, "1500MB");
    json = composed(&q, &plan);
    assert_string_equal(value_in(&plan, plan.steps - 1, "min_wal_size", "to"), "1500MB");
    plan_done(&plan);
    json_decref(json);
}

static void a_proposal_that_breaks_a_dependency_or_changes_nothing_is_refused(void **state)
{
    (void)state;
    json_t         *json = NULL;
    struct fault    fault = { 0 };
    struct proposal p = { 0 }, q = { 0 }, r = { 0 }, s = { 0 };
    wish(&p, KNOB_MIN_WAL_SIZE, "4GB");
    assert_int_equal(compose_plan(&p, &facts, &how, &json, &fault), ERR_INPUT);
    wish(&q, KNOB_SHARED_BUFFERS, "3GB");
    assert_int_equal(compose_plan(&q, &facts, &how, &json, &fault), ERR_INPUT);
    assert_non_null(strstr(fault.text, "half of effective_cache_size"));
    wish(&r, KNOB_JIT, "on");
    assert_int_equal(compose_plan(&r, &facts, &how, &json, &fault), ERR_STATE);
    wish(&s, KNOB_WORK_MEM, "2000GB");
    assert_int_equal(compose_plan(&s, &facts, &how, &json, &fault), ERR_INPUT);
    s.change[1] = s.change[0];
    s.changes = 2;
    assert_int_equal(compose_plan(&s, &facts, &how, &json, &fault), ERR_INPUT);
}

static void a_road_that_is_too_long_ends_on_the_way_and_says_so(void **state)
{
    (void)state;
    struct proposal p = { 0 };
    struct plan     plan;
    struct compose_how slow = how;
    json_t      *json = NULL;
    struct fault fault = { 0 };
    slow.step_ratio = 0.01;
    wish(&p, KNOB_MAX_WAL_SIZE, "8GB");
    assert_ok(compose_plan(&p, &facts, &slow, &json, &fault), &fault);
    assert_ok(plan_parse(json, &plan, &fault), &fault);
    assert_int_equal(plan.steps, PLAN_STEPS_MAX);
    assert_non_null(strstr(json_string_value(json_object_get(json, "why")), "ends on the way"));
    plan_done(&plan);
    json_decref(json);
}

/* The property that the gate will check again, with its own means. */
static void any_proposal_becomes_a_legal_plan_or_none(void **state)
{
    (void)state;
    struct rand r;
    int         made = 0;
    rand_seed(&r, 20);
    for (int round = 0; round < 3000; round++) {
        int cpus = (int)rand_int(&r, 1, 32);
        facts_pg15(&facts, FACTS_GIB * (double)rand_int(&r, 1, 64), cpus);
        struct proposal p = { .title = "t", .planner = "t" };
        int n = (int)rand_int(&r, 1, 8);
        for (int i = 0; i < n; i++) {
            const struct knob *k = &knobs[rand_int(&r, 1, KNOB_COUNT - 1)];
            double             lo, hi;
            if (knob_range(k, &facts, &lo, &hi, NULL) != OK || !knob_applies(k, &facts))
                continue;
            bool special = k->special[0].means && rand_unit(&r) < 0.3;
            double to = special ? k->special[0].value : knob_round(k, fmax(lo, 1e-3) * pow(hi / fmax(lo, 1e-3), rand_unit(&r)));
            bool   twice = false;
            for (int j = 0; j < p.changes; j++)
                twice |= p.change[j].knob == k->id;
            if (!twice)
                p.change[p.changes++] = (struct proposed_change){ .knob = k->id, .to = to };
        }
        json_t      *json = NULL;
        struct fault fault = { 0 };
        struct plan  plan;
        if (compose_plan(&p, &facts, &how, &json, &fault) != OK)
            continue;
        made++;
        assert_ok(plan_parse(json, &plan, &fault), &fault);
        struct knob_state now;
        struct bounds     b;
        bounds_default(&b);
        knob_state_of(&now, &facts);
        const struct knob_state before = now;
        int restarts = 0;
        for (int i = 0; i < plan.steps; i++) {
            const json_t *list = json_object_get(plan.step[i].params, "settings");
            assert_true(json_array_size(list) > 0);
            restarts += plan.step[i].action == PLAN_POSTGRES_RESTART;
            for (size_t j = 0; j < json_array_size(list); j++) {
                const struct knob *k = knob_find(json_string_value(json_object_get(json_array_get(list, j), "name")));
                double             from, to;
                assert_ok(knob_parse(k, json_string_value(json_object_get(json_array_get(list, j), "from")), &from, &fault), &fault);
                assert_ok(knob_parse(k, json_string_value(json_object_get(json_array_get(list, j), "to")), &to, &fault), &fault);
                assert_true(knob_equal(k, from, now.value[k->id]));
                assert_true(!k->restart || plan.step[i].action == PLAN_POSTGRES_RESTART);
                bool by_share = k->rule == KNOB_BY_RATIO && !knob_special_of(k, from) && !knob_special_of(k, to);
                double most = k->type == KNOB_TYPE_INT ? fmax(1, 0.2 * fabs(from)) : 0.2 * fabs(from) * (1 + 1e-9);
                if (by_share && fabs(to - from) > most)
                    fail_msg("%s from %g to %g", k->name, from, to);
                now.value[k->id] = to;
            }
            for (int d = 0; d < KNOB_DEPENDENCIES; d++)
                assert_false(knob_dependency_broken(&knob_dependency[d], &before, &now, &facts, &b));
        }
        assert_true(restarts <= 1);
        for (int i = 0; i < p.changes; i++)
            if (plan.steps < PLAN_STEPS_MAX / 2 && !knob_equal(knob_at(p.change[i].knob), now.value[p.change[i].knob], p.change[i].to))
                fail_msg("%s did not arrive: %g instead of %g: %s", knob_at(p.change[i].knob)->name, now.value[p.change[i].knob], p.change[i].to, json_dumps(json, 0));
        plan_done(&plan);
        json_decref(json);
    }
    assert_true(made > 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_number_moves_by_a_fifth_of_itself_and_never_past_its_target, setup),
        cmocka_unit_test_setup(every_kind_of_value_has_its_own_step, setup),
        cmocka_unit_test_setup(reloads_come_first_and_one_restart_carries_the_last_of_them, setup),
        cmocka_unit_test_setup(a_knob_waits_until_another_has_made_room, setup),
        cmocka_unit_test_setup(a_proposal_that_breaks_a_dependency_or_changes_nothing_is_refused, setup),
        cmocka_unit_test_setup(a_road_that_is_too_long_ends_on_the_way_and_says_so, setup),
        cmocka_unit_test(any_proposal_becomes_a_legal_plan_or_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
