/* Two cases and one target, two people and one plan, a turn that is lost and a clock that is set back: what the engine lets through, and what it remembers. */
#include "unit.h"

#include "engine/commands.h"
#include "engine_alone.h"
#include "facts.h"
#include "store/inside.h"
#include "store/read.h"
#include "store/telemetry.h"

#include <string.h>

static const struct principal olga = { "olga", ROLE_OPERATOR };

static struct clock_manual hands;
static struct clock        wall;
static struct engine_alone alone;
static struct engine      *engine;
static struct fault        fault;
static struct telemetry   *telemetry;

/* shop wants a person for everything, spare none. */
static int setup(void **state)
{
    (void)state;
    hands = (struct clock_manual){ INT64_C(1767225600000000), INT64_C(1000000000) };
    wall = clock_manual_of(&hands);
    engine = engine_alone_begin(&alone, &wall, "targets: {shop: {dsn: service=shop, mode: approve}, spare: {dsn: service=spare, mode: auto}}\n", &fault);
    engine->targets = 2;
    free(engine->target);
    engine->target = calloc(2, sizeof *engine->target);
    for (int i = 0; i < 2; i++) {
        engine->target[i].conf = &engine->d.target[i];
        engine->target[i].mode = (enum target_mode)engine->d.target[i].mode;
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    return engine_alone_end(&alone, &fault);
}

static struct casefile a_case(const char *target, enum case_driver driver, enum case_state state, enum run_phase phase)
{
    struct casefile c;
    assert_ok(engine_open_case(engine, &c, &olga, "a case", target, "default", driver, &fault), &fault);
    c.state = state;
    c.phase = phase;
    c.version++;
    hands.wall_us += US_PER_S;
    assert_ok(store_case_update(engine->store, &c, &fault), &fault);
    return c;
}

/* A program as a plan of one step; on: what the step names, NULL: nothing. */
static json_t *program(const char *on)
{
    json_t *params = json_pack("{s:[s,s]}", "argv", "echo", "ok");
    if (on)
        json_object_set_new(params, "target", json_string(on));
    return json_pack("{s:s,s:[{s:s,s:i,s:i,s:o}],s:{},s:{s:s}}", "title", "a program", "steps", "action", "script.exec", "timeout_s", 60, "retry", 0, "params", params, "rollback", "verify", "method", "none");
}

/* It waits at the gate. */
static void plan_it(struct casefile *c, json_t *plan)
{
    assert_ok(engine_set_plan(engine, c, plan, "person", NULL, &fault), &fault);
    json_decref(plan);
    c->state = CASE_WAIT_GATE;
    c->version++;
    assert_ok(store_case_update(engine->store, c, &fault), &fault);
}

/* The status of the answer; what it says to be freed by the next. */
static json_t *said;
static int asked_by(const char *who, command_fn *command, const char *id, json_t *body)
{
    struct engine_request r = { .body = body, .who = { .roles = ROLE_ADMIN }, .if_match = -1 };
    struct answer         a = { 0 };
    strcpy(r.who.name, who);
    (void)snprintf(r.id, sizeof r.id, "%s", id);
    assert_ok(command(engine, &r, &a, &fault), &fault);
    json_decref(body);
    json_decref(said);
    said = a.body;
    return a.status;
}

static int asked(command_fn *command, const char *id, json_t *body) { return asked_by("root", command, id, body); }

/* ---- two cases, one target ---- */

static void after_a_restart_a_target_belongs_to_the_case_that_acts_on_it(void **state)
{
    (void)state;
    struct gate_verdict v;
    struct casefile     acts = a_case("shop", DRIVER_PERSON, CASE_VERIFYING, RUN_DONE), waits = a_case("shop", DRIVER_ENGINE, CASE_PLANNING, RUN_IDLE);
    plan_it(&waits, program(NULL));
    assert_ok(stages_recover(engine, &fault), &fault);
    assert_string_equal(engine->target[0].case_id, acts.id);
    assert_ok(engine_judge(engine, &waits, true, &v, &fault), &fault);
    assert_int_equal(v.answer, GATE_WAIT);
    assert_int_equal(v.rule, 105);
}

static void what_a_plan_acts_on_is_what_its_case_is_about(void **state)
{
    (void)state;
    struct gate_verdict v;
    struct casefile     c = a_case("shop", DRIVER_PERSON, CASE_PLANNING, RUN_IDLE), back;
    plan_it(&c, program("spare"));                         /* which needs nobody's approval, as the case's own target does */
    assert_ok(engine_judge(engine, &c, false, &v, &fault), &fault);
    assert_int_equal(v.answer, GATE_REJECT);
    assert_int_equal(v.rule, 204);

    c = a_case("", DRIVER_PERSON, CASE_PLANNING, RUN_IDLE);
    plan_it(&c, program("shop"));                          /* from now on it is about that one */
    assert_ok(store_case_get(engine->store, c.id, &back, NULL, &fault), &fault);
    assert_string_equal(back.target, "shop");
    assert_ok(engine_judge(engine, &c, false, &v, &fault), &fault);
    assert_int_equal(v.rule, 104);
    assert_ok(engine_take_target(engine, &c, &fault), &fault);
    assert_string_equal(engine->target[0].case_id, c.id);

    c = a_case("", DRIVER_PERSON, CASE_PLANNING, RUN_IDLE);
    plan_it(&c, program("elsewhere"));                     /* of which nothing is known */
    assert_string_equal(c.target, "");
    assert_ok(engine_judge(engine, &c, false, &v, &fault), &fault);
    assert_int_equal(v.answer, GATE_REJECT);
    assert_string_equal(v.why, "no target \"elsewhere\" is configured");
}

static void what_cannot_be_read_is_neither_a_free_target_nor_a_plan_that_nobody_refused(void **state)
{
    (void)state;
    struct gate_verdict v;
    struct casefile     c = a_case("spare", DRIVER_PERSON, CASE_PLANNING, RUN_IDLE);
    plan_it(&c, program(NULL));
    assert_ok(engine_judge(engine, &c, false, &v, &fault), &fault);
    assert_int_equal(v.answer, GATE_APPROVE);
    assert_ok(db_exec(engine->store->db, "ALTER TABLE approval RENAME TO unreadable", &fault), &fault);
    assert_int_not_equal(engine_judge(engine, &c, false, &v, &fault), OK);
    assert_ok(db_exec(engine->store->db, "ALTER TABLE unreadable RENAME TO approval", &fault), &fault);
    strcpy(engine->target[1].case_id, "one that is gone");
    assert_ok(engine_judge(engine, &c, false, &v, &fault), &fault);
    assert_int_equal(v.answer, GATE_APPROVE);
}

static void a_case_that_a_person_parked_keeps_its_target_only_as_long_as_nobody_knows_what_is_in_force(void **state)
{
    (void)state;
    struct casefile c = a_case("shop", DRIVER_PERSON, CASE_PARKED, RUN_UNKNOWN);
    struct etarget *t = &engine->target[0];
    strcpy(t->case_id, c.id);
    t->histories = 5;
    c.in_force_is_proven = false;
    assert_ok(store_case_update(engine->store, &c, &fault), &fault);
    assert_ok(autopilot_tick(engine, &fault), &fault);
    assert_string_equal(t->case_id, c.id);
    assert_int_equal(t->histories, 5);
    c.in_force_is_proven = true;
    assert_ok(store_case_update(engine->store, &c, &fault), &fault);
    hands.mono_us += US_PER_S;
    assert_ok(autopilot_tick(engine, &fault), &fault);
    assert_string_equal(t->case_id, "");                   /* the engine's own work on it goes on */
    assert_true(t->ours);
    assert_int_equal(t->histories, 0);                     /* what is in force may be what was tried: windows from before would be compared with its own */
}

static void whoever_is_told_that_it_is_stopped_sees_nothing_begin_any_more(void **state)
{
    (void)state;
    assert_int_equal(asked(command_stop_set, "", json_pack("{s:s,s:s}", "why", "backup", "target", "shop")), 200);
    assert_true(atomic_load(&engine->target[0].stopped));      /* what the worker asks right before it acts */
    assert_false(atomic_load(&engine->target[1].stopped));
    assert_int_equal(asked(command_stop_set, "", json_pack("{s:s}", "why", "release")), 200);
    assert_true(atomic_load(&engine->target[1].stopped));
    json_decref(said);
    said = NULL;
}

static void take_stopped(void *ctx, const struct stored_outcome *o) { (void)snprintf(ctx, 32, "%s", o->result); }

/* A step is under way; its worker hears of the switch at once, and breaks it off before the next tick. */
static struct casefile under_way(void)
{
    struct casefile c = a_case("shop", DRIVER_ENGINE, CASE_PLANNING, RUN_IDLE);
    plan_it(&c, program(NULL));
    c.state = CASE_EXECUTING, c.phase = RUN_DOING, c.action = c.actions = 3, c.plans_tried = 1, c.version++;
    assert_ok(store_case_update(engine->store, &c, &fault), &fault);
    strcpy(engine->target[0].case_id, c.id);
    return c;
}

static void what_a_stop_breaks_off_before_the_next_tick_was_stopped_and_did_not_fail(void **state)
{
    (void)state;
    char            result[32] = "";
    struct cause    by_act = { .actor = "act", .reason = "stopped before anything was changed" };
    struct casefile c = under_way();
    assert_int_equal(asked(command_stop_set, "", json_pack("{s:s}", "why", "release")), 200);
    assert_ok(engine_run(engine, c.id, RUN_ON_UNTOUCHED, 3, 0, &by_act, &fault), &fault);
    assert_ok(store_case_get(engine->store, c.id, &c, NULL, &fault), &fault);
    assert_int_equal(c.state, CASE_PARKED);
    assert_ok(outcome_learn(engine, &c, &fault), &fault);
    assert_ok(store_outcomes(engine->store, "shop", take_stopped, result, &fault), &fault);
    assert_string_equal(result, "stopped");
    json_decref(said);
    said = NULL;
}

static void a_stop_that_is_cleared_before_the_next_tick_has_put_back_what_was_under_way(void **state)
{
    (void)state;
    struct casefile c = under_way();
    assert_int_equal(asked(command_stop_set, "", json_pack("{s:s}", "why", "release")), 200);
    assert_int_equal(asked(command_stop_clear, "", NULL), 200);
    assert_false(atomic_load(&engine->target[0].stopped));     /* what begins now is not broken off */
    assert_ok(store_case_get(engine->store, c.id, &c, NULL, &fault), &fault);
    assert_true(c.put_back);
    json_decref(said);
    said = NULL;
}

static void who_begins_again_while_everything_is_stopped_goes_on_with_nothing(void **state)
{
    (void)state;
    struct casefile    c = under_way();
    struct stored_stop stop = { .why = "release", .actor = "root", .created_us = hands.wall_us };
    c.phase = RUN_PROBING;
    assert_ok(store_case_update(engine->store, &c, &fault), &fault);
    assert_ok(store_stop_put(engine->store, &stop, &fault), &fault);
    assert_ok(autopilot_recall(engine, &fault), &fault);
    assert_true(atomic_load(&engine->target[0].stopped));
    assert_ok(stages_recover(engine, &fault), &fault);
    assert_ok(store_case_get(engine->store, c.id, &c, NULL, &fault), &fault);
    assert_true(c.put_back);
}

static void what_is_being_put_back_is_not_watched_or_verified_any_more(void **state)
{
    (void)state;
    static const struct { enum case_state state; enum run_phase phase; } cases[] = { { CASE_EXECUTING, RUN_WATCHING }, { CASE_VERIFYING, RUN_DONE } };
    struct stored_stop stop = { .why = "release", .actor = "root", .created_us = hands.wall_us };
    struct etarget    *shop = &engine->target[0];
    assert_ok(store_stop_put(engine->store, &stop, &fault), &fault);
    assert_ok(queue_init(&shop->worker.jobs, 8, NULL, NULL, &fault), &fault);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct casefile c = a_case("shop", DRIVER_ENGINE, CASE_PLANNING, RUN_IDLE);
        json_t         *plan = program(NULL);
        json_object_set_new(json_array_get(json_object_get(plan, "steps"), 0), "watch_s", json_integer(60));
        json_object_set_new(plan, "verify", json_pack("{s:s}", "method", "immediate"));
        plan_it(&c, plan);
        c.state = cases[i].state, c.phase = cases[i].phase, c.step = 1, c.candidate_in_force = true, c.plans_tried = 1, c.version++;
        assert_ok(store_case_update(engine->store, &c, &fault), &fault);
        engine->orders_count = 0;
        shop->case_id[0] = '\0';
        assert_ok(autopilot_recall(engine, &fault), &fault);
        assert_ok(stages_recover(engine, &fault), &fault);
        stages_run(engine);
        assert_ok(store_case_get(engine->store, c.id, &c, NULL, &fault), &fault);
        assert_int_equal(c.phase, RUN_UNDOING);
        assert_true(shop->watch_until_us == 0 && !shop->trial);
        c.state = CASE_CLOSED, c.phase = RUN_UNDONE, c.deadline_us = 0, c.version++;
        assert_ok(store_case_update(engine->store, &c, &fault), &fault);
    }
    queue_close(&shop->worker.jobs);
    for (struct job *j; (j = queue_take(&shop->worker.jobs)); )
        job_free(j);
    queue_done(&shop->worker.jobs);
}

static void a_stop_is_not_waited_for_by_what_has_no_target(void **state)
{
    (void)state;
    struct casefile c = a_case("", DRIVER_PERSON, CASE_EXECUTING, RUN_WATCHING);
    assert_ok(autopilot_tick(engine, &fault), &fault);
    hands.mono_us += US_PER_S;
    assert_int_equal(asked(command_stop_set, "", json_pack("{s:s}", "why", "release")), 200);
    assert_ok(autopilot_tick(engine, &fault), &fault);
    assert_ok(store_case_get(engine->store, c.id, &c, NULL, &fault), &fault);
    assert_true(c.put_back);
    json_decref(said);
    said = NULL;
}

static bool is_ordered(const char *id, enum case_order order)
{
    for (int i = 0; i < engine->orders_count; i++)
        if (strcmp(engine->orders[i].case_id, id) == 0 && engine->orders[i].order == order)
            return true;
    return false;
}

static void a_case_that_the_engine_is_to_drive_is_driven_whoever_opened_it(void **state)
{
    (void)state;
    struct casefile c;
    struct etarget *shop = &engine->target[0];
    char            id[ID_SIZE], other[ID_SIZE];
    assert_int_equal(asked_by("olga", command_case_create, "", json_pack("{s:s,s:s,s:s}", "title", "a look, please", "target", "shop", "driver", "engine")), 201);
    strcpy(id, json_string_value(json_object_get(json_object_get(said, "data"), "id")));
    assert_ok(autopilot_tick(engine, &fault), &fault);
    assert_ok(store_case_get(engine->store, id, &c, NULL, &fault), &fault);
    assert_int_equal(c.state, CASE_NEW);                   /* who has a plan brings it at once */
    hands.wall_us += 11 * US_PER_S, hands.mono_us += 11 * US_PER_S;
    assert_ok(autopilot_tick(engine, &fault), &fault);
    assert_ok(store_case_get(engine->store, id, &c, NULL, &fault), &fault);
    assert_int_equal(c.state, CASE_ANALYZING);
    assert_string_equal(shop->case_id, id);                /* nothing else is opened beside it */

    c = a_case("shop", DRIVER_ENGINE, CASE_ANALYZING, RUN_IDLE);      /* there is not enough history yet; the target is another case's */
    strcpy(other, c.id);
    hands.mono_us += 11 * US_PER_S;
    engine->orders_count = 0;
    assert_ok(autopilot_tick(engine, &fault), &fault);
    assert_true(is_ordered(other, ORDER_ANALYSE));
    c.state = CASE_PLANNING, c.version++;
    assert_ok(store_case_update(engine->store, &c, &fault), &fault);
    hands.mono_us += 11 * US_PER_S;
    engine->orders_count = 0;
    assert_ok(autopilot_tick(engine, &fault), &fault);
    assert_true(is_ordered(other, ORDER_PLAN));
    json_decref(said);
    said = NULL;
}

static void a_stop_for_an_hour_lasts_an_hour_whatever_the_clock_says_for_a_moment(void **state)
{
    (void)state;
    assert_int_equal(asked(command_stop_set, "", json_pack("{s:s,s:i}", "why", "release", "expires_s", 3600)), 200);
    hands.wall_us += INT64_C(86400) * US_PER_S, hands.mono_us += US_PER_S;      /* a wrong time server */
    assert_non_null(engine_stopped(engine, "shop"));
    assert_ok(autopilot_tick(engine, &fault), &fault);
    assert_int_equal(asked(command_stop_set, "", json_pack("{s:s,s:s}", "why", "backup", "target", "shop")), 200);
    assert_int_equal(engine->stops_count, 2);
    hands.wall_us -= INT64_C(86400) * US_PER_S, hands.mono_us += US_PER_S;
    assert_ok(autopilot_tick(engine, &fault), &fault);
    assert_non_null(engine_stopped(engine, "spare"));
    hands.wall_us += 3600 * US_PER_S, hands.mono_us += 3600 * US_PER_S;
    assert_null(engine_stopped(engine, "spare"));
    assert_ok(autopilot_tick(engine, &fault), &fault);
    assert_int_equal(engine->stops_count, 1);
    json_decref(said);
    said = NULL;
}

static void what_is_under_way_on_a_target_that_is_only_watched_from_now_on_is_put_back(void **state)
{
    (void)state;
    struct casefile c = under_way();
    c.phase = RUN_WATCHING;                                /* after the first step of several, the last of which may be a restart */
    assert_ok(store_case_update(engine->store, &c, &fault), &fault);
    assert_int_equal(asked(command_target_mode, "shop", json_pack("{s:s}", "mode", "suggest")), 200);
    assert_ok(autopilot_tick(engine, &fault), &fault);
    assert_ok(store_case_get(engine->store, c.id, &c, NULL, &fault), &fault);
    assert_int_equal(c.phase, RUN_WATCHING);               /* somebody approved it */
    assert_int_equal(asked(command_target_mode, "shop", json_pack("{s:s}", "mode", "watch")), 200);
    hands.mono_us += US_PER_S;
    assert_ok(autopilot_tick(engine, &fault), &fault);
    assert_ok(store_case_get(engine->store, c.id, &c, NULL, &fault), &fault);
    assert_int_equal(c.phase, RUN_UNDOING);
    json_decref(said);
    said = NULL;
}

static void what_is_only_measured_on_a_target_does_not_take_it_from_the_case_that_acts_on_it(void **state)
{
    (void)state;
    struct etarget *shop = &engine->target[0];
    struct casefile acts = under_way(), measures = a_case("", DRIVER_PERSON, CASE_PLANNING, RUN_IDLE);
    json_t         *plan = program(NULL);
    json_object_set_new(plan, "verify", json_pack("{s:s,s:s}", "method", "immediate", "target", "shop"));
    plan_it(&measures, plan);
    measures.state = CASE_VERIFYING, measures.phase = RUN_DONE, measures.candidate_in_force = true, measures.version++;
    assert_ok(store_case_update(engine->store, &measures, &fault), &fault);
    assert_ok(prove_begin(engine, &measures, &fault), &fault);
    assert_string_equal(shop->case_id, acts.id);           /* whose guards would be asked of nobody, or put back the wrong case */
    assert_null(shop->trial);
    measures.driver = DRIVER_ENGINE;
    assert_ok(store_case_update(engine->store, &measures, &fault), &fault);
    engine->orders_count = 0;
    assert_ok(autopilot_tick(engine, &fault), &fault);
    assert_true(is_ordered(measures.id, ORDER_VERIFY));    /* again, until the target is free */
    shop->case_id[0] = '\0';
    assert_ok(prove_begin(engine, &measures, &fault), &fault);
    assert_string_equal(shop->case_id, measures.id);
    assert_non_null(shop->trial);
    shop->mode = MODE_WATCH;                               /* it is watched, and nothing of it is changed */
    hands.mono_us += 11 * US_PER_S;
    engine->orders_count = 0;
    assert_ok(autopilot_tick(engine, &fault), &fault);
    assert_false(is_ordered(measures.id, ORDER_VERIFY));
    assert_ok(store_case_get(engine->store, measures.id, &measures, NULL, &fault), &fault);
    assert_false(measures.put_back);
    prove_forget(shop);
}

static void who_clears_a_stop_hears_what_is_stopped_still(void **state)
{
    (void)state;
    assert_int_equal(asked(command_stop_set, "", json_pack("{s:s}", "why", "release")), 200);
    assert_int_equal(asked(command_stop_set, "", json_pack("{s:s,s:s}", "why", "backup", "target", "shop")), 200);
    assert_int_equal(asked(command_stop_clear, "", json_pack("{s:s}", "target", "shpo")), 404);
    assert_int_equal(asked(command_stop_clear, "", json_pack("{s:s}", "target", "shop")), 200);
    assert_true(json_is_true(json_object_get(json_object_get(said, "data"), "stopped")));
    assert_string_equal(json_string_value(json_object_get(json_object_get(said, "data"), "why")), "release");
    assert_int_equal(asked(command_stop_clear, "", NULL), 200);
    assert_true(json_is_false(json_object_get(json_object_get(said, "data"), "stopped")));
    assert_int_equal(asked(command_stop_clear, "", NULL), 200);                 /* again does no harm */
    assert_int_equal(engine->stops_count, 0);
    json_decref(said);
    said = NULL;
}

static void who_cancels_what_takes_an_hour_waits_for_it_and_then_it_is_put_back(void **state)
{
    (void)state;
    struct cause    why = { .actor = "olga", .reason = "enough" };
    struct casefile c = a_case("spare", DRIVER_PERSON, CASE_PLANNING, RUN_IDLE);
    json_t         *plan = program(NULL);
    json_object_set_new(json_array_get(json_object_get(plan, "steps"), 0), "timeout_s", json_integer(3600));
    plan_it(&c, plan);
    c.state = CASE_EXECUTING, c.phase = RUN_DOING, c.action = c.actions = 3, c.version++;
    assert_ok(store_case_update(engine->store, &c, &fault), &fault);
    assert_ok(engine_event(engine, c.id, ON_CANCEL, &why, &fault), &fault);
    assert_ok(store_case_get(engine->store, c.id, &c, NULL, &fault), &fault);
    assert_true(c.put_back);
    assert_true(c.deadline_us >= hands.wall_us + 2 * INT64_C(3600) * US_PER_S);      /* its end, and its undo */
    hands.wall_us += INT64_C(3590) * US_PER_S;
    c.deadline_us = hands.wall_us + US_PER_S;
    assert_ok(store_case_update(engine->store, &c, &fault), &fault);
    assert_ok(engine_run(engine, c.id, RUN_ON_DONE, 3, 0, &why, &fault), &fault);
    assert_ok(store_case_get(engine->store, c.id, &c, NULL, &fault), &fault);
    assert_int_equal(c.phase, RUN_UNDOING);
    assert_true(c.deadline_us >= hands.wall_us + INT64_C(3600) * US_PER_S);
}

static void take_result(void *ctx, const struct stored_outcome *o)
{
    (void)snprintf(ctx, 32, "%s", o->result);
    assert_true(isnan(o->effect));
}

static void the_verdict_on_a_plan_is_not_that_on_the_next_one(void **state)
{
    (void)state;
    struct casefile      c = a_case("spare", DRIVER_PERSON, CASE_PLANNING, RUN_IDLE);
    struct case_decision d;
    enum case_answer     answer;
    struct case_input    ready = { .kind = INPUT_EVENT, .event = ON_PLAN_READY }, no = { .kind = INPUT_EVENT, .event = ON_GATE_REJECTED };
    struct cause         by_olga = { .actor = "olga", .reason = "" };
    json_t              *units = json_array(), *verdict = json_pack("{s:s,s:f,s:f}", "outcome", "worse", "effect", -0.5, "alpha", 0.01), *other = program(NULL);
    char                 result[32] = "";
    plan_it(&c, program(NULL));
    assert_ok(store_run_put(engine->store, c.id, units, "", &fault), &fault);
    assert_ok(store_run_verdict(engine->store, c.id, verdict, &fault), &fault);
    c.state = CASE_PLANNING, c.plans_tried = 1, c.version++;      /* it was put back, and somebody has another idea */
    assert_ok(engine_set_plan(engine, &c, other, "person", NULL, &fault), &fault);
    assert_ok(engine_feed(engine, &c, &ready, &by_olga, &answer, &d, &fault), &fault);
    assert_ok(engine_feed(engine, &c, &no, &by_olga, &answer, &d, &fault), &fault);
    assert_int_equal(c.state, CASE_PARKED);
    assert_ok(outcome_learn(engine, &c, &fault), &fault);
    assert_ok(store_outcomes(engine->store, "spare", take_result, result, &fault), &fault);
    assert_string_equal(result, "refused");
    json_decref(units);
    json_decref(verdict);
    json_decref(other);
}

static json_t *a_setting(const char *on)
{
    return json_pack("{s:s,s:[{s:s,s:i,s:i,s:{s:s,s:[{s:s,s:s,s:s}]}}],s:{},s:{}}", "title", "t", "steps", "action", "postgres.set", "timeout_s", 60, "retry", 0, "params", "target", on,
                     "settings", "name", "work_mem", "from", "4MB", "to", "4800kB", "rollback", "verify");
}

static void what_waits_at_the_gate_is_not_refused_because_we_begin_again_and_know_nothing_yet(void **state)
{
    (void)state;
    static struct target_facts facts;
    struct casefile begins, waits = a_case("shop", DRIVER_ENGINE, CASE_PLANNING, RUN_IDLE);
    plan_it(&waits, a_setting("shop"));
    begins = a_case("spare", DRIVER_ENGINE, CASE_PLANNING, RUN_IDLE);
    plan_it(&begins, a_setting("spare"));
    begins.state = CASE_EXECUTING, begins.version++;       /* approved, and not begun */
    assert_ok(store_case_update(engine->store, &begins, &fault), &fault);
    assert_ok(stages_recover(engine, &fault), &fault);
    stages_run(engine);
    assert_ok(store_case_get(engine->store, waits.id, &waits, NULL, &fault), &fault);
    assert_int_equal(waits.state, CASE_WAIT_GATE);
    assert_ok(store_case_get(engine->store, begins.id, &begins, NULL, &fault), &fault);
    assert_int_equal(begins.state, CASE_EXECUTING);
    assert_int_equal(begins.phase, RUN_IDLE);
    facts_pg15(&facts, 8 * FACTS_GIB, 4);                  /* now it was looked at */
    facts.read_wall_us = hands.wall_us;
    engine->target[1].facts = &facts;
    engine->policy.set.risk_auto_max = 1;
    hands.mono_us += 2 * US_PER_S;
    assert_ok(autopilot_tick(engine, &fault), &fault);
    stages_run(engine);
    assert_ok(store_case_get(engine->store, begins.id, &begins, NULL, &fault), &fault);
    assert_int_equal(begins.phase, RUN_PREPARING);
    prove_forget(&engine->target[1]);
    engine->target[1].facts = NULL;
}

static void who_waits_for_a_target_of_which_nobody_knows_what_is_in_force_is_told_what_to_do(void **state)
{
    (void)state;
    struct gate_verdict v;
    struct casefile     lost = a_case("spare", DRIVER_PERSON, CASE_PARKED, RUN_UNKNOWN), c = a_case("spare", DRIVER_PERSON, CASE_PLANNING, RUN_IDLE);
    plan_it(&c, program(NULL));
    lost.in_force_is_proven = false;
    assert_ok(store_case_update(engine->store, &lost, &fault), &fault);
    strcpy(engine->target[1].case_id, lost.id);
    assert_ok(engine_judge(engine, &c, false, &v, &fault), &fault);
    assert_int_equal(v.rule, 105);
    assert_non_null(strstr(v.why, lost.id));
    assert_non_null(strstr(v.why, "homeostat case event "));
    assert_non_null(strstr(v.why, "in_force_proven"));
    assert_null(strstr(v.why, "is working"));
}

static void a_call_for_a_person_names_the_command_that_there_is(void **state)
{
    (void)state;
    struct store_reader *r = NULL;
    json_t              *told = NULL;
    struct casefile      lost = a_case("spare", DRIVER_PERSON, CASE_PARKED, RUN_UNKNOWN);
    char                 words[120];
    engine_order(engine, &lost, ORDER_CALL);
    stages_run(engine);
    assert_ok(store_commit(engine->store, &fault), &fault);
    assert_ok(store_reader_open(alone.folder, &r, &fault), &fault);
    assert_ok(read_case_file(r, lost.id, &told, &fault), &fault);
    (void)snprintf(words, sizeof words, "homeostat case event %s in_force_proven", lost.id);
    assert_non_null(strstr(json_string_value(json_object_get(json_array_get(json_object_get(told, "evidence"), 0), "summary")), words));
    json_decref(told);
    store_reader_close(r);
    assert_ok(store_begin(engine->store, &fault), &fault);
}

/* ---- clocks ---- */

#define HOUR (INT64_C(3600) * US_PER_S)

/* A setting that is its own neighbour, so that only calendar and budgets have something to say. */
static int rule_for_a_change(struct casefile *c)
{
    static struct target_facts facts;
    struct gate_verdict        v;
    facts_pg15(&facts, 8 * FACTS_GIB, 4);
    facts.read_wall_us = hands.wall_us;
    engine->target[1].facts = &facts;
    if (!c->plan_id[0])
        plan_it(c, a_setting("spare"));
    assert_ok(engine_judge(engine, c, true, &v, &fault), &fault);
    engine->target[1].facts = NULL;
    return v.answer == GATE_WAIT ? v.rule : 0;
}

static void change(const char *kind, int times)
{
    for (int i = 0; i < times; i++)
        assert_ok(store_change_add(engine->store, "spare", "a-case", kind, hands.wall_us, &fault), &fault);
}

static void what_a_clock_counted_that_was_a_year_ahead_keeps_nobody_waiting_for_a_year(void **state)
{
    (void)state;
    struct casefile c = a_case("spare", DRIVER_PERSON, CASE_PLANNING, RUN_IDLE);
    engine->policy.set.risk_auto_max = 1;
    hands.wall_us += 365 * 24 * HOUR;
    change("change", 12);
    change("rollback", 1);
    hands.wall_us -= 365 * 24 * HOUR;
    assert_int_equal(rule_for_a_change(&c), 0);
    change("rollback", 1);                                 /* and what is done now is still counted */
    assert_int_equal(rule_for_a_change(&c), 604);
    hands.wall_us -= 60 * US_PER_S;                        /* set back a little: as it should */
    assert_int_equal(rule_for_a_change(&c), 604);
    hands.wall_us += HOUR;
    assert_int_equal(rule_for_a_change(&c), 0);
    change("change", 12);
    hands.wall_us -= HOUR / 2;
    assert_int_equal(rule_for_a_change(&c), 602);
    hands.wall_us += HOUR / 2 + HOUR + US_PER_S;
    assert_int_equal(rule_for_a_change(&c), 0);
}

/* ---- what people write ---- */

#define TEN "\xe5\x81\x9c\xe5\x81\x9c\xe5\x81\x9c\xe5\x81\x9c\xe5\x81\x9c\xe5\x81\x9c\xe5\x81\x9c\xe5\x81\x9c\xe5\x81\x9c\xe5\x81\x9c"

static void a_long_word_in_any_script_stops_neither_the_gate_nor_the_timeline(void **state)
{
    (void)state;
    struct gate_verdict  v;
    struct store_reader *r = NULL;
    json_t              *told = NULL;
    struct casefile      c = a_case("spare", DRIVER_PERSON, CASE_PLANNING, RUN_IDLE);
    struct cause         why = { .actor = "olga", .reason = TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN };
    plan_it(&c, program(NULL));
    engine->stops[0] = (struct stored_stop){ .why = TEN TEN TEN TEN TEN TEN };
    engine->stops_count = 1;
    assert_ok(engine_ask_gate(engine, &c, &why, &v, &fault), &fault);
    assert_int_equal(v.rule, 101);
    assert_ok(engine_event(engine, c.id, ON_CANCEL, &why, &fault), &fault);
    assert_ok(store_commit(engine->store, &fault), &fault);
    assert_ok(telemetry_open(alone.folder, &telemetry, &fault), &fault);
    assert_ok(store_reader_open(alone.folder, &r, &fault), &fault);
    assert_ok(read_case_file(r, c.id, &told, &fault), &fault);
    char *text = json_dumps(told, JSON_COMPACT);
    assert_non_null(text);
    assert_non_null(strstr(text, "cancelled at the gate: " TEN TEN));
    free(text);
    json_decref(told);
    store_reader_close(r);
    telemetry_close(telemetry);
    assert_ok(store_begin(engine->store, &fault), &fault);
}

static const char *verdict(const char *key)
{
    json_t *data = json_object_get(said, "data");
    return json_string_value(json_object_get(json_object_get(data ? data : said, "verdict"), key));
}

static void with_four_eyes_two_see_what_is_done(void **state)
{
    (void)state;
    struct casefile c;
    engine->policy.set.four_eyes = true;
    assert_int_equal(asked_by("olga", command_case_create, "", json_pack("{s:s,s:s}", "title", "x", "target", "shop")), 201);
    strcpy(c.id, json_string_value(json_object_get(json_object_get(said, "data"), "id")));
    assert_int_equal(asked_by("bob", command_plan_generate, "", json_pack("{s:s,s:o}", "case_id", c.id, "plan", program(NULL))), 200);
    assert_int_equal(asked_by("bob", command_case_approve, c.id, json_pack("{s:s,s:{s:s}}", "actor", "anna", "meta", "principal", "anna")), 200);
    assert_string_equal(verdict("answer"), "ask");
    assert_int_equal(asked_by("olga", command_case_approve, c.id, NULL), 200);
    assert_string_equal(verdict("answer"), "ask");
    assert_int_equal(asked_by("anna", command_case_approve, c.id, NULL), 200);
    assert_string_equal(verdict("answer"), "approve");
    json_decref(said);
    said = NULL;
}

static void what_is_asked_on_a_condition_that_cannot_be_read_is_not_done(void **state)
{
    (void)state;
    struct casefile c = a_case("spare", DRIVER_PERSON, CASE_PLANNING, RUN_IDLE);
    plan_it(&c, program(NULL));
    assert_int_equal(asked(command_case_approve, c.id, json_pack("{s:i}", "plan_hash", 1)), 422);
    assert_int_equal(asked(command_case_approve, c.id, json_pack("{s:s}", "plan_hash", "another")), 412);
    assert_int_equal(asked(command_case_transition, c.id, json_pack("{s:s,s:i}", "event", "cancel", "expected_version", 1)), 412);
    assert_int_equal(asked(command_case_create, "", json_pack("{s:s,s:s}", "title", "x", "tenant", TEN TEN TEN)), 422);
    assert_int_equal(asked(command_case_create, "", json_pack("{s:s,s:s}", "title", "x", "driver", "Engine")), 422);
    assert_int_equal(asked(command_case_create, "", json_pack("{s:s,s:s,s:s}", "title", "x", "tenant", TEN TEN "abc", "driver", "engine")), 201);
    assert_int_equal(asked(command_case_transition, c.id, json_pack("{s:s,s:I}", "event", "cancel", "expected_version", (json_int_t)c.version)), 200);
    json_decref(said);
    said = NULL;
}

static void what_was_proven_by_its_output_is_told_so_in_any_script(void **state)
{
    (void)state;
    struct stored_run run;
    bool              settled = false;
    struct casefile   c = a_case("spare", DRIVER_PERSON, CASE_PLANNING, RUN_IDLE);
    json_t           *plan = program(NULL), *units = json_array();
    json_object_set_new(plan, "verify", json_pack("{s:s,s:s}", "method", "output", "expect", TEN TEN TEN TEN));
    plan_it(&c, plan);
    c.state = CASE_VERIFYING, c.phase = RUN_DONE, c.step = 1, c.candidate_in_force = true, c.version++;
    assert_ok(store_case_update(engine->store, &c, &fault), &fault);
    assert_ok(store_action_begin(engine->store, c.id, 1, "do", 0, NULL, 1, &fault), &fault);
    assert_ok(store_action_end(engine->store, c.id, 1, &(struct action_end){ .outcome = "done", .output = "so: " TEN TEN TEN TEN "\n" }, 2, &fault), &fault);
    assert_ok(store_run_put(engine->store, c.id, units, "", &fault), &fault);
    assert_ok(prove_now(engine, &c, &settled, &fault), &fault);
    assert_int_equal(c.state, CASE_CLOSED);
    assert_ok(store_run_get(engine->store, c.id, &run, &fault), &fault);
    assert_string_equal(json_string_value(json_object_get(run.verdict, "outcome")), "better");
    stored_run_done(&run);
    json_decref(units);
}

static void whose_word_a_refusal_was_is_who_said_it_and_not_whom_he_names(void **state)
{
    (void)state;
    struct stored_giving_up g;
    struct casefile         c = a_case("spare", DRIVER_ENGINE, CASE_PLANNING, RUN_IDLE);
    plan_it(&c, program(NULL));
    assert_int_equal(asked_by("olga", command_case_transition, c.id, json_pack("{s:s,s:s}", "event", "cancel", "actor", "autopilot")), 200);
    assert_ok(store_case_given_up(engine->store, c.id, &g, &fault), &fault);
    assert_string_equal(g.event, "cancel");
    assert_string_equal(g.actor, "olga");                  /* or the planner would not be told that somebody said no */
    json_decref(said);
    said = NULL;
}

static void a_target_is_seen_whatever_its_server_said_last(void **state)
{
    (void)state;
    strcpy(engine->target[0].trouble, "FATAL:  la base de donn\xe9""es n'existe pas");      /* in the server's own letters, before ours are agreed on */
    strcpy(engine->target[0].idle_why, TEN "\xe5\x81");
    live_refresh(engine);
    json_t *seen = json_array_get(json_object_get(engine->live, "targets"), 0);
    assert_string_equal(json_string_value(json_object_get(seen, "trouble")), "FATAL:  la base de donn?es n'existe pas");
    assert_string_equal(json_string_value(json_object_get(seen, "idle_why")), TEN "??");
    json_decref(engine->live);
}

static void the_metrics_say_that_everything_is_stopped_also_while_the_store_cannot_be_written(void **state)
{
    (void)state;
    assert_int_equal(asked(command_stop_set, "", json_pack("{s:s}", "why", "release")), 200);
    strcpy(engine->degraded, "the store cannot be written: full");
    live_refresh(engine);
    char *text = engine_metrics(engine);
    assert_non_null(strstr(text, "\nhomeostat_degraded 1\n"));
    assert_non_null(strstr(text, "\nhomeostat_stopped 1\n"));
    free(text);
    engine->degraded[0] = '\0';
    json_decref(engine->live);
    engine->live = NULL;
    json_decref(said);
    said = NULL;
}

static void a_problem_is_told_whatever_was_cut_out_of_it(void **state)
{
    (void)state;
    struct answer a = { 0 };
    command_problem(&a, PROBLEM_INVALID, "/" TEN "\xe5\x81 is not that of the approved step", "\xff");
    char *text = json_dumps(a.body, JSON_COMPACT);
    assert_non_null(text);
    assert_non_null(strstr(text, "?? is not that"));
    free(text);
    json_decref(a.body);
}

/* ---- a turn that is lost ---- */

static int heard;
static void hear(void *ctx, const struct bus_message *m) { (void)ctx; heard += m->outbox_id > 0; }
static void wake(uv_async_t *a) { (void)a; }

static void relayed(void)
{
    relay_run(engine);
    assert_ok(turn_begin(engine, &fault), &fault);
    assert_ok(relay_mark(engine, &fault), &fault);
    assert_ok(store_commit(engine->store, &fault), &fault);
    engine->in_turn = false;
}

static void a_rest_says_why_also_after_a_restart(void **state)
{
    (void)state;
    struct etarget *shop = &engine->target[0];
    assert_ok(autopilot_rest(engine, shop, 3600 * US_PER_S, "cooling down after putting back", &fault), &fault);
    assert_ok(autopilot_recall(engine, &fault), &fault);
    assert_string_equal(shop->idle_why, "cooling down after putting back");
    shop->idle_why[0] = '\0';
    assert_ok(autopilot_recall(engine, &fault), &fault);
    assert_non_null(strstr(shop->idle_why, "latest case"));
    assert_string_equal(engine->target[1].idle_why, "");
}

/* What a guard has ordered is ordered again when the store can be read: it is neither forgotten nor done without what it takes. */
static void an_order_whose_case_cannot_be_read_waits_for_the_store(void **state)
{
    (void)state;
    static const char *const tables[] = { "case_run", "plan_proposed", "exec_step", "ops_case" };
    struct casefile c = under_way();
    c.phase = RUN_UNDOING;
    assert_ok(store_case_update(engine->store, &c, &fault), &fault);
    assert_ok(store_commit(engine->store, &fault), &fault);
    engine->in_turn = false;
    assert_ok(queue_init(&engine->target[0].worker.jobs, 8, NULL, NULL, &fault), &fault);
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        char away[80], back[80];
        (void)snprintf(away, sizeof away, "ALTER TABLE %s RENAME TO unreadable", tables[i]);
        (void)snprintf(back, sizeof back, "ALTER TABLE unreadable RENAME TO %s", tables[i]);
        assert_ok(db_exec(engine->store->db, away, &fault), &fault);
        engine_order(engine, &c, ORDER_UNDO);
        stages_run(engine);
        assert_ok(db_exec(engine->store->db, back, &fault), &fault);
        assert_int_equal(queue_length(&engine->target[0].worker.jobs), 0);
        assert_string_not_equal(engine->degraded, "");
        engine->degraded[0] = '\0';
    }
    engine_order(engine, &c, ORDER_UNDO);
    stages_run(engine);
    assert_string_equal(engine->degraded, "");
    assert_int_equal(queue_length(&engine->target[0].worker.jobs), 1);
    queue_close(&engine->target[0].worker.jobs);
    for (struct job *j; (j = queue_take(&engine->target[0].worker.jobs)); )
        job_free(j);
    queue_done(&engine->target[0].worker.jobs);
    assert_ok(store_begin(engine->store, &fault), &fault);
}

static void what_became_of_a_plan_is_not_made_up_while_it_cannot_be_read(void **state)
{
    (void)state;
    static const char *const tables[] = { "case_run", "plan_proposed", "case_timeline" };
    char            result[32] = "";
    struct cause    by_act = { .actor = "act", .reason = "" };
    struct casefile c = under_way();
    assert_ok(engine_run(engine, c.id, RUN_ON_UNTOUCHED, 3, 0, &by_act, &fault), &fault);
    assert_ok(engine_event(engine, c.id, ON_GIVE_UP, &by_act, &fault), &fault);
    assert_ok(store_case_get(engine->store, c.id, &c, NULL, &fault), &fault);
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        char away[80], back[80];
        (void)snprintf(away, sizeof away, "ALTER TABLE %s RENAME TO unreadable", tables[i]);
        (void)snprintf(back, sizeof back, "ALTER TABLE unreadable RENAME TO %s", tables[i]);
        assert_ok(db_exec(engine->store->db, away, &fault), &fault);
        assert_int_equal(outcome_learn(engine, &c, &fault), ERR_IO);
        assert_ok(db_exec(engine->store->db, back, &fault), &fault);
        assert_string_equal(engine->target[0].case_id, c.id);
    }
    assert_ok(store_outcomes(engine->store, "shop", take_stopped, result, &fault), &fault);
    assert_string_equal(result, "");
    assert_ok(outcome_learn(engine, &c, &fault), &fault);
    assert_ok(store_outcomes(engine->store, "shop", take_stopped, result, &fault), &fault);
    assert_string_equal(result, "failed");
}

static void what_may_be_the_candidate_is_no_history(void **state)
{
    (void)state;
    struct sample   s;
    struct etarget *shop = &engine->target[0];
    struct casefile c = under_way();
    c.state = CASE_VERIFYING, c.phase = RUN_DONE, c.version++;
    assert_ok(store_case_update(engine->store, &c, &fault), &fault);
    sample_clear(&s);
    s.mono_us = hands.mono_us;
    s.v[METRIC_UP] = 1;
    assert_ok(db_exec(engine->store->db, "ALTER TABLE ops_case RENAME TO unreadable", &fault), &fault);
    history_sample(engine, shop, &s);
    assert_ok(db_exec(engine->store->db, "ALTER TABLE unreadable RENAME TO ops_case", &fault), &fault);
    assert_false(shop->rolling_open);
    strcpy(shop->case_id, "one that is gone");
    history_sample(engine, shop, &s);
    assert_true(shop->rolling_open);
}

static void seconds(struct etarget *t, int n, double active)
{
    for (int i = 0; i < n; i++) {
        struct sample s;
        sample_clear(&s);
        s.wall_us = hands.wall_us += US_PER_S;
        s.v[METRIC_CONNECTIONS_ACTIVE] = active;
        live_sample(t, &s);
    }
}

static void a_threshold_is_kept_by_what_was_seen_since_the_change_whatever_the_clock_says(void **state)
{
    (void)state;
    bool            settled;
    struct etarget *spare = &engine->target[1];
    struct casefile c = a_case("spare", DRIVER_PERSON, CASE_PLANNING, RUN_IDLE);
    json_t         *plan = program(NULL);
    json_object_set_new(plan, "verify", json_pack("{s:s,s:s,s:i}", "method", "slo", "metric", "connections_active", "max", 5));
    plan_it(&c, plan);
    seconds(spare, 60, 1);                                 /* before the change */
    hands.wall_us -= INT64_C(3600) * US_PER_S;             /* and the clock is set back */
    c.state = CASE_VERIFYING, c.phase = RUN_DONE, c.candidate_in_force = true, c.updated_us = hands.wall_us, c.version++;
    assert_ok(store_case_update(engine->store, &c, &fault), &fault);
    assert_ok(prove_now(engine, &c, &settled, &fault), &fault);
    assert_false(settled);
    seconds(spare, 30, 50);
    assert_ok(prove_now(engine, &c, &settled, &fault), &fault);
    assert_false(settled);
    seconds(spare, 30, 50);
    assert_ok(prove_now(engine, &c, &settled, &fault), &fault);
    assert_true(settled);
    assert_int_equal(c.phase, RUN_UNDOING);                /* fifty are at work, where one was */
}

static void messages_whose_marks_were_lost_with_a_turn_do_not_stand_before_all_others(void **state)
{
    (void)state;
    int64_t depth = -1, oldest = 0;
    assert_int_equal(uv_loop_init(&engine->loop), 0);
    assert_int_equal(uv_async_init(&engine->loop, &engine->wake, wake), 0);
    heard = 0;
    assert_true(engine_subscribe(engine, hear, NULL) > 0);
    for (int i = 0; i < 600; i++)
        assert_ok(engine_publish(engine, "evt.case.transition.v1", "a-case", NULL, &fault), &fault);
    assert_ok(store_commit(engine->store, &fault), &fault);
    engine->in_turn = false;
    relay_run(engine);
    (void)fail(&fault, ERR_LIMIT, "the store is full");
    turn_fail(engine, &fault);                             /* what was published is not marked */
    engine->degraded[0] = '\0';
    relayed();
    relayed();
    assert_int_equal(heard, 600);                          /* each once */
    assert_ok(store_outbox_depth(engine->store, &depth, &oldest, &fault), &fault);
    assert_int_equal(depth, 0);
    uv_close((uv_handle_t *)&engine->wake, NULL);
    assert_int_equal(uv_run(&engine->loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(&engine->loop), 0);
    assert_ok(store_begin(engine->store, &fault), &fault);
}

static void who_waits_for_a_case_that_cannot_be_read_is_told_so_at_the_end_of_the_wait(void **state)
{
    (void)state;
    struct turn_reply      replies[2];
    struct engine_request *r = calloc(1, sizeof *r);
    engine->replies = replies;
    engine->pending[0] = (struct pending){ .request = r, .case_id = "one that is gone", .until_us = hands.mono_us + US_PER_S };
    engine->pendings = 1;
    pending_settle(engine);
    assert_int_equal(engine->replies_count, 0);
    hands.mono_us += 2 * US_PER_S;
    pending_settle(engine);
    assert_int_equal(engine->replies_count, 1);
    assert_int_equal(engine->pendings, 0);
    assert_int_equal(replies[0].status, 404);
    free(replies[0].body);
    engine_request_free(r);
    engine->replies = NULL;
}

static void who_stopped_it_and_in_which_mode_it_is_are_what_the_store_has_after_a_turn_was_lost(void **state)
{
    (void)state;
    struct etarget *shop = &engine->target[0];
    assert_int_equal(asked(command_stop_set, "", json_pack("{s:s}", "why", "release")), 200);
    assert_int_equal(asked(command_target_mode, "shop", json_pack("{s:s}", "mode", "watch")), 200);
    assert_ok(store_commit(engine->store, &fault), &fault);
    engine->in_turn = false;
    assert_ok(turn_begin(engine, &fault), &fault);
    assert_int_equal(asked(command_stop_clear, "", NULL), 200);
    assert_int_equal(asked(command_target_mode, "shop", json_pack("{s:s}", "mode", "auto")), 200);
    assert_ok(autopilot_rest(engine, shop, 3600 * US_PER_S, "settling", &fault), &fault);
    (void)fail(&fault, ERR_LIMIT, "the store is full");
    turn_fail(engine, &fault);                             /* whoever asked is told that nothing was changed */
    engine->degraded[0] = '\0';
    assert_ok(autopilot_recall(engine, &fault), &fault);
    assert_non_null(engine_stopped(engine, "shop"));
    assert_int_equal(shop->mode, MODE_WATCH);
    assert_int_equal(shop->idle_until_us, 0);
    assert_int_equal(engine->target[1].mode, MODE_AUTO);
    json_decref(said);
    said = NULL;
    assert_ok(store_begin(engine->store, &fault), &fault);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(after_a_restart_a_target_belongs_to_the_case_that_acts_on_it, setup, teardown),
        cmocka_unit_test_setup_teardown(what_a_plan_acts_on_is_what_its_case_is_about, setup, teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_read_is_neither_a_free_target_nor_a_plan_that_nobody_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_long_word_in_any_script_stops_neither_the_gate_nor_the_timeline, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_asked_on_a_condition_that_cannot_be_read_is_not_done, setup, teardown),
        cmocka_unit_test_setup_teardown(a_target_is_seen_whatever_its_server_said_last, setup, teardown),
        cmocka_unit_test_setup_teardown(an_order_whose_case_cannot_be_read_waits_for_the_store, setup, teardown),
        cmocka_unit_test_setup_teardown(what_became_of_a_plan_is_not_made_up_while_it_cannot_be_read, setup, teardown),
        cmocka_unit_test_setup_teardown(what_may_be_the_candidate_is_no_history, setup, teardown),
        cmocka_unit_test_setup_teardown(a_threshold_is_kept_by_what_was_seen_since_the_change_whatever_the_clock_says, setup, teardown),
        cmocka_unit_test_setup_teardown(messages_whose_marks_were_lost_with_a_turn_do_not_stand_before_all_others, setup, teardown),
        cmocka_unit_test_setup_teardown(a_rest_says_why_also_after_a_restart, setup, teardown),
        cmocka_unit_test_setup_teardown(who_stopped_it_and_in_which_mode_it_is_are_what_the_store_has_after_a_turn_was_lost, setup, teardown),
        cmocka_unit_test_setup_teardown(what_a_clock_counted_that_was_a_year_ahead_keeps_nobody_waiting_for_a_year, setup, teardown),
        cmocka_unit_test_setup_teardown(with_four_eyes_two_see_what_is_done, setup, teardown),
        cmocka_unit_test_setup_teardown(a_case_that_a_person_parked_keeps_its_target_only_as_long_as_nobody_knows_what_is_in_force, setup, teardown),
        cmocka_unit_test_setup_teardown(a_case_that_the_engine_is_to_drive_is_driven_whoever_opened_it, setup, teardown),
        cmocka_unit_test_setup_teardown(a_stop_for_an_hour_lasts_an_hour_whatever_the_clock_says_for_a_moment, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_under_way_on_a_target_that_is_only_watched_from_now_on_is_put_back, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_only_measured_on_a_target_does_not_take_it_from_the_case_that_acts_on_it, setup, teardown),
        cmocka_unit_test_setup_teardown(who_clears_a_stop_hears_what_is_stopped_still, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_proven_by_its_output_is_told_so_in_any_script, setup, teardown),
        cmocka_unit_test_setup_teardown(who_cancels_what_takes_an_hour_waits_for_it_and_then_it_is_put_back, setup, teardown),
        cmocka_unit_test_setup_teardown(whose_word_a_refusal_was_is_who_said_it_and_not_whom_he_names, setup, teardown),
        cmocka_unit_test_setup_teardown(the_verdict_on_a_plan_is_not_that_on_the_next_one, setup, teardown),
        cmocka_unit_test_setup_teardown(what_waits_at_the_gate_is_not_refused_because_we_begin_again_and_know_nothing_yet, setup, teardown),
        cmocka_unit_test_setup_teardown(who_waits_for_a_case_that_cannot_be_read_is_told_so_at_the_end_of_the_wait, setup, teardown),
        cmocka_unit_test_setup_teardown(who_waits_for_a_target_of_which_nobody_knows_what_is_in_force_is_told_what_to_do, setup, teardown),
        cmocka_unit_test_setup_teardown(a_call_for_a_person_names_the_command_that_there_is, setup, teardown),
        cmocka_unit_test_setup_teardown(whoever_is_told_that_it_is_stopped_sees_nothing_begin_any_more, setup, teardown),
        cmocka_unit_test_setup_teardown(what_a_stop_breaks_off_before_the_next_tick_was_stopped_and_did_not_fail, setup, teardown),
        cmocka_unit_test_setup_teardown(a_stop_that_is_cleared_before_the_next_tick_has_put_back_what_was_under_way, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_being_put_back_is_not_watched_or_verified_any_more, setup, teardown),
        cmocka_unit_test_setup_teardown(who_begins_again_while_everything_is_stopped_goes_on_with_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_stop_is_not_waited_for_by_what_has_no_target, setup, teardown),
        cmocka_unit_test_setup_teardown(the_metrics_say_that_everything_is_stopped_also_while_the_store_cannot_be_written, setup, teardown),
        cmocka_unit_test_setup_teardown(a_problem_is_told_whatever_was_cut_out_of_it, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
