/* What the engine proposes by itself, and what it remembers of plans that ended without a verdict: only who refused, refused; and only what failed, failed. */
#include "unit.h"

#include "engine_alone.h"
#include "facts.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static struct engine_alone alone;
static struct engine  *engine;
static struct fault    fault;
static struct casefile c;
static char            result[32];

static struct target_facts facts;

static int setup(void **state)
{
    (void)state;
    engine = engine_alone_begin(&alone, &clock_real, "targets: {shop: {dsn: service=shop, load_saturates: true, restart: window, restart_command: [/bin/true]}}\n", &fault);
    assert_ok(outcomes_recall_all(engine, &fault), &fault);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    return engine_alone_end(&alone, &fault);
}

static void moved(const char *event, const char *actor, enum case_state from, enum case_state to)
{
    struct timeline_row row = { .case_id = c.id, .event = event, .actor = actor, .version = ++c.version, .at_us = 1, .from = from, .to = to, .moved = true };
    assert_ok(store_timeline_add(engine->store, &row, &fault), &fault);
}

/* A case with a plan of the planner's that has come to the gate, or further. */
static void a_plan(bool approved)
{
    static const struct principal opener = { "engine", ROLE_OPERATOR };
    struct proposal    p = { .planner = "joint/costs", .title = "random_page_cost 4 -> 1.1", .verify = VERIFY_PLANNER, .changes = 1, .change = { { KNOB_RANDOM_PAGE_COST, 4, 1.1 } } };
    struct stored_plan plan = { .plan = json_object(), .proposal = proposal_json(&p), .planner = "joint/costs", .case_version = 1 };
    c = (struct casefile){ .state = CASE_CLOSED, .version = 1, .driver = DRIVER_ENGINE, .in_force_is_proven = true, .plans_tried = approved, .created_us = 1, .updated_us = 1 };
    id_new(clock_wall_us(&clock_real), c.id);
    id_new(clock_wall_us(&clock_real), plan.id);
    strcpy(c.target, "shop");
    strcpy(c.plan_id, plan.id);
    assert_ok(store_case_insert(engine->store, &c, &opener, &fault), &fault);
    assert_ok(store_plan_add(engine->store, c.id, &plan, 1, &fault), &fault);
    stored_plan_done(&plan);
    moved("plan_ready", "engine", CASE_PLANNING, CASE_WAIT_GATE);
    if (approved)
        moved("gate_approved", "engine", CASE_WAIT_GATE, CASE_EXECUTING);
}

static void take(void *ctx, const struct stored_outcome *o)
{
    (void)ctx;
    (void)snprintf(result, sizeof result, "%s", o->result);
}

/* What is remembered of it, and what the planner was told; the same after a restart. */
static struct planner_stats learned(const char *expected)
{
    struct planner_stats now, later;
    assert_ok(outcome_learn(engine, &c, &fault), &fault);
    assert_ok(store_outcomes(engine->store, "shop", take, NULL, &fault), &fault);
    assert_string_equal(result, expected);
    planner_stats_of(engine->target[0].planner, &engine->policy.bounds, &now);
    assert_ok(outcomes_recall_all(engine, &fault), &fault);
    planner_stats_of(engine->target[0].planner, &engine->policy.bounds, &later);
    assert_int_equal(later.told, now.told);
    return now;
}

static void a_plan_that_nobody_answered_in_time_was_not_refused(void **state)
{
    (void)state;
    a_plan(false);
    moved("deadline", "clock", CASE_WAIT_GATE, CASE_PARKED);
    moved("give_up", "engine", CASE_PARKED, CASE_CLOSED);
    assert_int_equal(learned("unanswered").told, 0);
}

static void a_plan_that_was_refused_at_the_gate_is(void **state)
{
    (void)state;
    a_plan(false);
    moved("gate_rejected", "anna", CASE_WAIT_GATE, CASE_PARKED);
    assert_int_equal(learned("refused").by[TOLD_REFUSED], 1);
    a_plan(false);
    moved("cancel", "anna", CASE_WAIT_GATE, CASE_PARKED);
    assert_int_equal(learned("refused").by[TOLD_REFUSED], 2);
}

static void a_plan_for_which_the_history_was_lost_before_it_began_did_not_fail(void **state)
{
    (void)state;
    a_plan(true);
    moved("cancel", "autopilot", CASE_EXECUTING, CASE_PARKED);
    moved("give_up", "engine", CASE_PARKED, CASE_CLOSED);
    strcpy(engine->target[0].case_id, c.id);
    assert_int_equal(learned("overtaken").told, 0);
    assert_string_equal(engine->target[0].case_id, "");
    assert_non_null(strstr(engine->target[0].idle_why, "not carried out"));
    assert_true(engine->target[0].idle_until_us <= clock_wall_us(&clock_real) + engine->d.tune->settle_us);
}

static void a_plan_that_gave_way_to_another_case_was_not_refused(void **state)
{
    (void)state;
    a_plan(false);
    moved("cancel", "engine", CASE_WAIT_GATE, CASE_PARKED);
    assert_int_equal(learned("overtaken").told, 0);
}

static void what_the_stop_switch_put_back_neither_failed_nor_harmed(void **state)
{
    (void)state;
    a_plan(true);
    c.phase = RUN_UNDONE;
    moved("exec_done", "engine", CASE_EXECUTING, CASE_VERIFYING);
    moved("cancel", "stop switch", CASE_VERIFYING, CASE_VERIFYING);
    moved("verify_failed", "act", CASE_VERIFYING, CASE_PARKED);
    struct planner_stats s = learned("stopped");
    assert_int_equal(s.told, 0);
    assert_int_equal(s.unsafe, 0);
    assert_int_equal(engine->count.unsafe_steps, 0);
}

static void what_it_cost_is_counted_also_of_a_trial_that_nobody_let_end(void **state)
{
    (void)state;
    int     outcomes;
    double  alpha, degraded_s = 0;
    json_t *trial = json_pack("{s:i,s:f}", "format", 2, "degraded_s", 42.5), *units = json_array();
    a_plan(true);
    c.phase = RUN_UNDONE;
    assert_ok(store_run_put(engine->store, c.id, units, "", &fault), &fault);
    assert_ok(store_run_trial(engine->store, c.id, trial, &fault), &fault);
    moved("cancel", "anna", CASE_VERIFYING, CASE_VERIFYING);
    moved("verify_failed", "act", CASE_VERIFYING, CASE_PARKED);
    (void)learned("refused");
    assert_ok(store_outcome_totals(engine->store, "shop", clock_wall_us(&clock_real), 86400 * US_PER_S, &outcomes, &alpha, &degraded_s, &fault), &fault);
    assert_float_equal(degraded_s, 42.5, 1e-9);            /* of the day's budget */
    assert_float_equal(engine->count.degraded_s, 42.5, 1e-9);
    json_decref(units);
    json_decref(trial);
}

static void what_was_better_and_put_back_all_the_same_is_nothing_to_build_on(void **state)
{
    (void)state;
    static const struct { enum run_phase phase; bool in_force; enum told told; } ends[] = { { RUN_DONE, true, TOLD_BETTER }, { RUN_UNDONE, false, TOLD_UNDECIDED } };
    for (int i = 0; i < 2; i++) {
        json_t *verdict = json_pack("{s:s,s:f,s:f,s:f}", "outcome", "better", "effect", 0.2, "lo", 0.1, "hi", 0.3), *units = json_array();
        a_plan(true);
        c.phase = ends[i].phase;
        c.candidate_in_force = ends[i].in_force;
        assert_ok(store_run_put(engine->store, c.id, units, "", &fault), &fault);
        assert_ok(store_run_verdict(engine->store, c.id, verdict, &fault), &fault);
        json_decref(verdict);
        json_decref(units);
        struct planner_stats s = learned("better");
        assert_int_equal(s.told, i + 1);
        assert_int_equal(s.by[ends[i].told], 1);
    }
}

static void what_was_not_decided_in_time_is_undecided(void **state)
{
    (void)state;
    a_plan(true);
    c.phase = RUN_UNDONE;
    moved("exec_done", "engine", CASE_EXECUTING, CASE_VERIFYING);
    moved("deadline", "clock", CASE_VERIFYING, CASE_VERIFYING);
    moved("verify_failed", "act", CASE_VERIFYING, CASE_PARKED);
    assert_int_equal(learned("undecided").by[TOLD_UNDECIDED], 1);
}

static void what_a_guard_put_back_failed_whatever_came_afterwards(void **state)
{
    (void)state;
    a_plan(true);
    c.phase = RUN_UNDONE;
    moved("put_back", "guard", CASE_EXECUTING, CASE_EXECUTING);
    moved("cancel", "stop switch", CASE_EXECUTING, CASE_EXECUTING);
    moved("exec_failed", "act", CASE_EXECUTING, CASE_PARKED);
    assert_int_equal(learned("failed").by[TOLD_FAILED], 1);
    assert_int_equal(engine->count.unsafe_steps, 1);
}

static void looked(const char *outcome)
{
    assert_ok(store_action_begin(engine->store, c.id, 1, "prepare", 0, NULL, 1, &fault), &fault);
    assert_ok(store_action_end(engine->store, c.id, 1, &(struct action_end){ .outcome = outcome }, 2, &fault), &fault);
    moved("exec_failed", "act", CASE_EXECUTING, CASE_PARKED);
}

static void what_somebody_else_was_in_the_way_of_did_not_fail_and_is_tried_again_when_all_else_is_done(void **state)
{
    (void)state;
    a_plan(true);
    looked(ACTION_IN_THE_WAY);
    struct planner_stats s = learned("hindered");
    assert_int_equal(s.by[TOLD_UNDECIDED], 1);
    assert_int_equal(s.unsafe, 0);
    a_plan(true);
    looked(ACTION_UNSEEN);
    assert_int_equal(learned("hindered").by[TOLD_UNDECIDED], 2);
    a_plan(true);
    looked("refused");                                     /* a value that the server does not take */
    assert_int_equal(learned("failed").by[TOLD_FAILED], 1);
}

static void what_a_person_cancelled_while_it_was_tried_was_refused(void **state)
{
    (void)state;
    a_plan(true);
    c.phase = RUN_UNDONE;
    moved("exec_done", "engine", CASE_EXECUTING, CASE_VERIFYING);
    moved("cancel", "anna", CASE_VERIFYING, CASE_VERIFYING);
    moved("verify_failed", "act", CASE_VERIFYING, CASE_PARKED);
    assert_int_equal(learned("refused").by[TOLD_REFUSED], 1);
}

static void what_cannot_be_told_to_be_in_force_failed_whoever_cancelled_it(void **state)
{
    (void)state;
    a_plan(true);
    c.phase = RUN_UNKNOWN;
    c.in_force_is_proven = false;
    moved("cancel", "stop switch", CASE_EXECUTING, CASE_EXECUTING);
    moved("outcome_unknown", "act", CASE_EXECUTING, CASE_PARKED);
    assert_int_equal(learned("unknown").by[TOLD_FAILED], 1);
}

/* Kept, and measured as its verdict says; twice as fast. */
static void a_kept_gain(const char *why)
{
    a_plan(true);
    c.phase = RUN_DONE;
    c.candidate_in_force = true;
    json_t *units = json_array(), *verdict = json_pack("{s:s,s:f,s:f,s:f,s:f,s:s}", "outcome", "better", "effect", 0.6931, "lo", 0.5, "hi", 0.9, "alpha", 0.05, "why", why);
    assert_ok(store_run_put(engine->store, c.id, units, "", &fault), &fault);
    assert_ok(store_run_verdict(engine->store, c.id, verdict, &fault), &fault);
    strcpy(engine->target[0].case_id, c.id);
    json_decref(units);
    json_decref(verdict);
}

/* Both where it was learned and after a restart, when all of it is counted again. */
static void what_was_kept_is_counted_once(void **state)
{
    (void)state;
    struct etarget *t = &engine->target[0];
    for (int kept = 1; kept <= 3; kept++) {
        a_kept_gain(kept == 2 ? "50 % less time per call." : VERDICT_OF_SOME "50 % less time per call.");
        assert_ok(outcome_learn(engine, &c, &fault), &fault);
        assert_int_equal(t->kept, kept);
        assert_ok(outcomes_recall_all(engine, &fault), &fault);
        assert_int_equal(t->kept, kept);
    }
}

/* ---- proposing ---- */

/* A small machine whose limit counts the page cache, and a larger database: what has most to win here takes a restart. */
static struct etarget *a_target(void)
{
    struct etarget *t = &engine->target[0];
    facts_pg15(&facts, 1 * FACTS_GIB, 2);
    facts.limit_counts_cache = true;
    t->facts = &facts;
    sample_clear(&t->last);
    window_clear(&t->history[0]);
    t->history[0].whole = true;
    t->history[0].v[METRIC_TPS] = 130;
    t->history[0].v[METRIC_CACHE_HIT] = 0.93;
    t->history[0].v[METRIC_BLOCKS_READ] = 2000;
    t->history[0].v[METRIC_WAL_BYTES] = 2e6;
    t->histories = 1;
    assert_ok(autopilot_equip(t, &fault), &fault);
    engine->policy.bounds.restart_allowed = true;
    engine->policy.set.restart = RESTART_ALLOWED;
    return t;
}

static bool wants_a_restart(struct etarget *t)
{
    json_t *plan = NULL, *proposal = NULL;
    char    planner[32];
    assert_ok(planning_propose(engine, t, &plan, &proposal, planner, sizeof planner, &fault), &fault);
    bool restarts = json_is_true(json_object_get(json_object_get(plan, "rollback"), "restart"));
    assert_int_equal(restarts, json_is_true(json_object_get(proposal, "needs_restart")));
    json_decref(plan);
    json_decref(proposal);
    return restarts;
}

static void a_restart_is_proposed_when_its_window_opens_before_the_gate_gives_up(void **state)
{
    (void)state;
    struct etarget *t = a_target();
    int             today = (int)((clock_wall_us(&clock_real) / (INT64_C(86400) * US_PER_S) + 3) % 7);   /* 0: Monday */
    assert_false(wants_a_restart(t));                      /* the target wants windows, and there are none */
    engine->policy.windows = 1;
    engine->policy.window[0] = (struct week_window){ .days = 1u << ((today + 3) % 7), .from_min = 0, .to_min = 120 };
    assert_false(wants_a_restart(t));
    engine->policy.windows = 2;
    engine->policy.window[1] = (struct week_window){ .days = 0x7f, .from_min = 0, .to_min = 1440 };
    assert_true(wants_a_restart(t));
    int minute = (int)(clock_wall_us(&clock_real) / (60 * US_PER_S) % 1440);
    engine->policy.window[1] = (struct week_window){ .days = 0x7f, .from_min = (minute + 600) % 1440, .to_min = (minute + 720) % 1440 };
    assert_true(wants_a_restart(t));                       /* in ten hours */
}

static void a_change_of_which_no_verdict_could_come_is_not_made(void **state)
{
    (void)state;
    static struct daemon_tune slow;
    struct etarget *t = a_target();
    json_t         *plan = NULL, *proposal = NULL;
    char            planner[32];
    enum err        err = ERR_INPUT;
    slow = *engine->d.tune;
    engine->policy.windows = 1;
    engine->policy.window[0] = (struct week_window){ .days = 0x7f, .from_min = 0, .to_min = 1440 };
    t->mode = MODE_AUTO;
    assert_true(wants_a_restart(t));
    slow.watch_us = 1200 * US_PER_S;                       /* after each of a dozen steps, where a window has a minute */
    engine->d.tune = &slow;
    assert_int_equal(planning_propose(engine, t, &plan, &proposal, planner, sizeof planner, &fault), ERR_INPUT);
    assert_null(plan);
    assert_non_null(strstr(fault.text, "no verdict"));
    assert_non_null(strstr(fault.hint, "tune.watch"));
    for (int i = 0; i < 12 && err == ERR_INPUT; i++)       /* the other large ones take as long */
        err = planning_propose(engine, t, &plan, &proposal, planner, sizeof planner, &fault);
    assert_ok(err, &fault);
    assert_false(json_is_true(json_object_get(proposal, "needs_restart")));
    json_decref(plan);
    json_decref(proposal);
}

/* Cost that is put off is only seen with a CHECKPOINT, which from 15 on is granted by itself. */
static void a_role_that_may_not_checkpoint_is_given_nothing_to_prove_that_takes_one(void **state)
{
    (void)state;
    struct etarget *t = a_target();
    engine->policy.windows = 1;
    engine->policy.window[0] = (struct week_window){ .days = 0x7f, .from_min = 0, .to_min = 1440 };
    facts.may_checkpoint = false;
    t->mode = MODE_SUGGEST;
    assert_true(wants_a_restart(t));                       /* whoever only suggests proves nothing */
    t->mode = MODE_AUTO;
    for (int i = 0; i < 12; i++) {
        json_t *plan = NULL, *proposal = NULL;
        char    planner[32];
        if (planning_propose(engine, t, &plan, &proposal, planner, sizeof planner, &fault) == OK) {
            const char *method = json_string_value(json_object_get(json_object_get(plan, "verify"), "method"));
            assert_string_not_equal(method, "checkpoint");
            assert_string_not_equal(method, "restart");
        }
        json_decref(plan);
        json_decref(proposal);
    }
    facts.may_checkpoint = true;
    assert_true(wants_a_restart(t));
}

static double  requested;      /* checkpoints a second */
static int64_t loaded_us;      /* when the configuration is said to have been loaded; 0: unknown */

/* Windows of a second each, and so many statements, transactions and sessions at work in it. */
static void worked(struct etarget *t, int windows, double calls, double transactions, double active)
{
    static struct daemon_tune quick;
    static int64_t            clock_us = INT64_C(1000000000);
    quick = *engine->d.tune;
    quick.window_us = US_PER_S;
    quick.warm_up_us = 0;
    engine->d.tune = &quick;
    for (int i = 0; i < windows; i++) {
        struct sample s;
        sample_clear(&s);
        clock_us += US_PER_S;
        s.mono_us = s.wall_us = clock_us;
        s.conf_load_us = loaded_us;
        s.v[METRIC_UP] = 1;
        s.v[METRIC_CALLS] = calls;
        s.v[METRIC_TPS] = transactions;
        s.v[METRIC_CONNECTIONS_ACTIVE] = active;
        s.v[METRIC_CHECKPOINTS_REQ] = requested;
        history_sample(engine, t, &s);
    }
}

static void work(struct etarget *t, int windows, double calls) { worked(t, windows, calls, calls, calls / 10); }

/* A case of the engine's own. */
static void a_case(enum case_state state)
{
    static const struct principal opener = { "engine", ROLE_OPERATOR };
    c = (struct casefile){ .state = state, .version = 1, .driver = DRIVER_ENGINE, .in_force_is_proven = true, .created_us = 1, .updated_us = 1, .deadline_us = 5 };
    id_new(clock_wall_us(&clock_real), c.id);
    strcpy(c.target, "shop");
    strcpy(c.opened_by, opener.name);
    assert_ok(store_case_insert(engine->store, &c, &opener, &fault), &fault);
}

/* It looks at its target: is it done with that? */
static bool analysed(void)
{
    bool ready = false;
    a_case(CASE_ANALYZING);
    assert_ok(planning_analyse(engine, &c, &ready, &fault), &fault);
    assert_ok(store_case_get(engine->store, c.id, &c, NULL, &fault), &fault);
    return ready;
}

static void where_nobody_works_nothing_is_tried_and_the_history_stays_that_of_work(void **state)
{
    (void)state;
    struct etarget *t = a_target();
    t->mode = MODE_AUTO;
    t->histories = 0;
    work(t, 31, 130);                                      /* the first sample only opens a window */
    assert_int_equal(t->histories, 30);
    work(t, 100, 1.0 / 60);                                /* a monitor, or we */
    assert_int_equal(t->histories, 30);
    assert_int_equal(t->loads, 30);
    assert_false(analysed());
    assert_int_equal(c.state, CASE_PARKED);                /* nor does it keep the target from others */
    a_case(CASE_PLANNING);
    assert_ok(planning_plan(engine, &c, &fault), &fault);
    assert_ok(store_case_get(engine->store, c.id, &c, NULL, &fault), &fault);
    assert_int_equal(c.state, CASE_PARKED);
    work(t, 1, 130);
    assert_int_equal(t->histories, 31);
    assert_false(analysed());                              /* somebody's report in the night */
    work(t, 2, 130);
    assert_true(analysed());
    assert_int_equal(c.state, CASE_PLANNING);
}

static bool opens_a_case(struct etarget *t)
{
    t->seen = true;
    t->last.v[METRIC_UP] = 1;
    engine->pilot_again_us = 0;
    assert_ok(autopilot_tick(engine, &fault), &fault);
    bool opened = t->case_id[0] != '\0';
    t->case_id[0] = '\0';
    return opened;
}

static void no_case_is_opened_while_nobody_works_nor_for_a_job_by_the_hour(void **state)
{
    (void)state;
    struct etarget *t = a_target();
    t->mode = MODE_AUTO;
    work(t, 4, 0);
    assert_false(opens_a_case(t));
    assert_non_null(strstr(t->idle_why, "nobody works"));
    for (int i = 0; i < 5; i++) {
        work(t, 1, 130);
        assert_false(opens_a_case(t));
        work(t, 4, 0);
        assert_false(opens_a_case(t));
    }
    work(t, 3, 130);
    assert_true(opens_a_case(t));
    work(t, 2, 0);                                         /* a pause is no night */
    assert_true(opens_a_case(t));
}

static void where_nothing_tells_how_well_clients_are_answered_nothing_is_tried_and_it_is_said_what_would(void **state)
{
    (void)state;
    static struct daemon_target paced;
    struct etarget *t = a_target();
    paced = *t->conf;
    paced.load_saturates = false;
    t->conf = &paced;
    t->mode = MODE_AUTO;
    t->histories = 0;
    requested = 0;
    assert_true(opens_a_case(t));                          /* nothing is known yet */
    work(t, 40, 130);
    assert_false(analysed());
    assert_int_equal(c.state, CASE_PARKED);
    assert_false(opens_a_case(t));
    assert_non_null(strstr(t->idle_why, "pg_stat_statements"));
    for (int i = 0; i < t->histories; i++) {
        t->history[i].queries = 1;
        t->history[i].query[0] = (struct query_count){ .id = 1, .calls = 7800, .total_ms = 9000, .rows = 7800 };
    }
    assert_true(opens_a_case(t));
    assert_true(analysed());
    t->conf = &engine->d.target[0];
}

static void who_counts_no_statements_has_transactions_or_sessions_that_show_work(void **state)
{
    (void)state;
    struct etarget *t = a_target();
    t->histories = 0;
    worked(t, 5, 0, 5, 0);                                 /* statements are counted of another database only */
    assert_int_equal(t->histories, 4);
    worked(t, 4, (double)NAN, 5, 0);
    assert_int_equal(t->histories, 8);
    worked(t, 4, 0, 0, 1);                                 /* one statement that takes hours */
    assert_int_equal(t->histories, 12);
    worked(t, 4, 0, 0, (double)NAN);                       /* what is not known speaks for work */
    assert_int_equal(t->histories, 16);
    worked(t, 4, (double)NAN, 0, 0);
    assert_int_equal(t->histories, 16);
}

static void the_analysis_ends_when_there_is_as_much_history_as_is_kept(void **state)
{
    (void)state;
    static struct daemon_tune many;
    struct etarget *t = a_target();
    t->mode = MODE_AUTO;
    requested = 0;
    work(t, HISTORY_MAX + 2, 130);
    assert_int_equal(t->histories, HISTORY_MAX);
    many = *engine->d.tune;
    many.windows_min = 100;
    many.windows_max = 200;
    engine->d.tune = &many;
    assert_true(analysed());
}

/* Somebody reloads every quarter of an hour: there are never as many windows as a restart is compared with. */
static void the_analysis_does_not_wait_for_ever_for_the_history_of_a_restart(void **state)
{
    (void)state;
    struct etarget *t = a_target();
    t->mode = MODE_AUTO;
    requested = 0;
    work(t, 12, 130);
    t->histories = 10;
    assert_false(analysed());
    t->last.v[METRIC_UP] = 1;
    for (int i = 0; i < 4 * HISTORY_MAX; i++)              /* twice a second, as long as twice the history that is kept */
        assert_false(analysed());
    assert_int_equal(t->restarts_again_us, 0);
    assert_false(analysed());
    assert_true(t->restarts_again_us > clock_mono_us(&clock_real));
    assert_true(analysed());                               /* what needs less has its turn */
    t->histories = 2;
    assert_false(analysed());                              /* and needs some of it, too */
}

static void what_was_hours_ago_is_nothing_to_compare_a_restart_with(void **state)
{
    (void)state;
    struct etarget *t = a_target();
    json_t *restart = json_pack("{s:{s:s},s:[]}", "verify", "method", "restart", "steps"), *reload = json_pack("{s:{s:s},s:[]}", "verify", "method", "immediate", "steps");
    int64_t now = clock_mono_us(&clock_real), window = engine->d.tune->window_us;
    t->history[0].to_us = now - window;
    assert_true(comparable_near(engine, t, restart));
    t->history[0].to_us = now - 300 * window;              /* a restart in a night's window, and the last work was in the evening */
    assert_false(comparable_near(engine, t, restart));
    assert_true(comparable_near(engine, t, reload));
    json_decref(restart);
    json_decref(reload);
}

/* Each session of the server keeps for itself when it loaded the configuration, some milliseconds apart. */
static void a_connection_that_was_made_anew_is_no_reload_and_the_history_goes_on(void **state)
{
    (void)state;
    struct etarget *t = a_target();
    t->histories = 0;
    requested = 0;
    loaded_us = INT64_C(900) * US_PER_S;
    work(t, 11, 130);
    assert_int_equal(t->histories, 10);
    loaded_us -= 7000;
    work(t, 2, 130);
    assert_int_equal(t->histories, 12);
    loaded_us += 60 * US_PER_S;
    work(t, 2, 130);
    assert_int_equal(t->histories, 1);
    loaded_us = 0;
}

static void the_reload_that_puts_a_change_back_does_not_end_the_history_also_before_its_case_is_closed(void **state)
{
    (void)state;
    struct etarget *t = a_target();
    t->histories = 0;
    t->ours = false;
    requested = 0;
    loaded_us = INT64_C(900) * US_PER_S;
    work(t, 11, 130);
    a_case(CASE_PARKED);
    c.phase = RUN_UNDONE, c.version++;
    assert_ok(store_case_update(engine->store, &c, &fault), &fault);
    strcpy(t->case_id, c.id);
    loaded_us += 60 * US_PER_S;
    work(t, 2, 130);
    assert_in_range(t->histories, 11, 12);
    c.phase = RUN_IDLE, c.version++;                       /* parked before anything of it was in force: that was somebody else */
    assert_ok(store_case_update(engine->store, &c, &fault), &fault);
    loaded_us += 60 * US_PER_S;
    work(t, 2, 130);
    assert_int_equal(t->histories, 1);
    t->case_id[0] = '\0';
    loaded_us = 0;
}

static void a_checkpoint_that_we_asked_for_is_no_sign_of_a_log_that_fills_too_fast(void **state)
{
    (void)state;
    struct etarget *t = a_target();
    t->histories = 0;
    requested = 0;
    work(t, 2, 130);
    t->own_checkpoints = 1;
    requested = 1;
    work(t, 2, 130);
    requested = 0;
    assert_int_equal(t->histories, 3);
    assert_float_equal(t->history[1].v[METRIC_CHECKPOINTS_REQ], 0, 1e-9);
    assert_float_equal(t->history[2].v[METRIC_CHECKPOINTS_REQ], 1, 1e-9);
    assert_int_equal(t->own_checkpoints, 0);
}

/* How many are asked for in a window, with a case in such a state. */
static int asked_for(struct etarget *t, enum case_state state_of_case)
{
    struct job *j;
    int         n = 0;
    a_case(state_of_case);
    strcpy(t->case_id, c.id);
    t->rolling_open = t->checkpoint_asked = false;
    work(t, 1, 130);
    while ((j = queue_take(&t->worker.jobs))) {
        job_free(j);
        n++;
    }
    assert_int_equal(t->own_checkpoints, n);
    return n;
}

static void clients_wait_for_a_checkpoint_of_ours_only_where_a_restart_is_to_be_measured(void **state)
{
    (void)state;
    static struct daemon_tune with;
    struct etarget *t = a_target();
    with = *engine->d.tune;
    with.checkpoint_in_window = true;
    engine->d.tune = &with;
    t->mode = MODE_AUTO;
    requested = 0;
    assert_ok(queue_init(&t->worker.jobs, 4, NULL, NULL, &fault), &fault);
    assert_int_equal(asked_for(t, CASE_ANALYZING), 1);
    assert_int_equal(asked_for(t, CASE_WAIT_GATE), 0);
    assert_int_equal(asked_for(t, CASE_PLANNING), 0);      /* what waits for history is to be reloaded */
    t->restart_waits = true;
    assert_int_equal(asked_for(t, CASE_PLANNING), 1);
    t->mode = MODE_SUGGEST;
    assert_int_equal(asked_for(t, CASE_ANALYZING), 0);
    t->mode = MODE_AUTO;
    t->restarts_again_us = INT64_MAX;
    assert_int_equal(asked_for(t, CASE_ANALYZING), 0);
    queue_close(&t->worker.jobs);
    queue_done(&t->worker.jobs);
}

static void only_a_restart_is_compared_with_windows_that_held_a_checkpoint_of_ours(void **state)
{
    (void)state;
    int             n;
    struct etarget *t = a_target();
    t->histories = 0;
    requested = 0;
    work(t, 4, 130);
    t->own_checkpoints = 1, t->own_windows = 0;
    requested = 1;
    work(t, 1, 130);
    requested = 0;
    assert_ptr_equal(prove_history(t, VERIFY_SLOW, &n), t->history + 4);
    assert_int_equal(n, 0);
    work(t, 2, 130);
    assert_ptr_equal(prove_history(t, VERIFY_SLOW, &n), t->history + 4);
    assert_int_equal(n, 2);
    (void)prove_history(t, VERIFY_IMMEDIATE, &n);
    assert_int_equal(n, 2);
    assert_ptr_equal(prove_history(t, VERIFY_RESTART, &n), t->history);
    assert_int_equal(n, 6);
    t->own_checkpoints = 1, t->own_windows = 0;            /* the server made one of it and one of its own, and counts nothing */
    work(t, 10, 130);
    (void)prove_history(t, VERIFY_SLOW, &n);
    assert_int_equal(n, 6);
}

static void a_suggestion_needs_no_load(void **state)
{
    (void)state;
    struct etarget *t = a_target();
    t->mode = MODE_SUGGEST;
    t->histories = 0;
    requested = 0;
    work(t, 5, 0);
    assert_true(analysed());
    assert_ok(planning_plan(engine, &c, &fault), &fault);
    assert_ok(store_case_get(engine->store, c.id, &c, NULL, &fault), &fault);
    assert_int_equal(c.state, CASE_WAIT_GATE);
}

/* ---- right before it begins ---- */

/* A case with a plan that restarts, whose history ended so many windows ago. */
static void planned(struct etarget *t, enum case_state state, int windows_ago)
{
    static const struct principal opener = { "engine", ROLE_OPERATOR };
    struct stored_plan plan = { .case_version = 1 };
    int64_t            window = engine->d.tune->window_us, last = clock_mono_us(&clock_real) - windows_ago * window;
    facts.read_wall_us = clock_wall_us(&clock_real);
    engine->policy.set.risk_auto_max = 1;
    engine->policy.windows = 2;                            /* one of them is open for hours, whenever this is */
    engine->policy.window[0] = (struct week_window){ .days = 0x7f, .from_min = 0, .to_min = 1440 };
    engine->policy.window[1] = (struct week_window){ .days = 0x7f, .from_min = 720, .to_min = 720 };
    t->histories = HISTORY_MAX;
    for (int i = 1; i < HISTORY_MAX; i++)
        t->history[i] = t->history[0];
    for (int i = 0; i < HISTORY_MAX; i++)
        t->history[i].to_us = (t->history[i].from_us = last - (HISTORY_MAX - i) * window) + window;
    assert_ok(planning_propose(engine, t, &plan.plan, &plan.proposal, plan.planner, sizeof plan.planner, &fault), &fault);
    assert_true(json_is_true(json_object_get(plan.proposal, "needs_restart")));
    c = (struct casefile){ .state = state, .version = 2, .driver = DRIVER_ENGINE, .in_force_is_proven = true, .plans_tried = state == CASE_EXECUTING, .created_us = 1, .updated_us = 1, .deadline_us = 5,
                           .steps = (int)json_array_size(json_object_get(plan.plan, "steps")) };
    id_new(clock_wall_us(&clock_real), c.id);
    id_new(clock_wall_us(&clock_real), plan.id);
    strcpy(c.target, "shop");
    strcpy(c.plan_id, plan.id);
    strcpy(t->case_id, c.id);
    assert_ok(store_case_insert(engine->store, &c, &opener, &fault), &fault);
    assert_ok(store_plan_add(engine->store, c.id, &plan, 1, &fault), &fault);
    stored_plan_done(&plan);
}

/* It was approved at the gate, and begins, or does not. */
static void ordered_to_begin(void)
{
    engine->orders_count = 0;
    engine_order(engine, &c, ORDER_BEGIN);
    stages_run(engine);
    assert_ok(store_case_get(engine->store, c.id, &c, NULL, &fault), &fault);
}

static void begins(struct etarget *t, int windows_ago)
{
    planned(t, CASE_EXECUTING, windows_ago);
    ordered_to_begin();
}

static void a_restart_begins_while_what_it_is_compared_with_is_fresh(void **state)
{
    (void)state;
    struct etarget *t = a_target();
    t->mode = MODE_AUTO;
    begins(t, 0);
    assert_int_equal(c.state, CASE_EXECUTING);
    assert_int_equal(c.phase, RUN_PREPARING);
    begins(t, 300);
    assert_int_equal(c.state, CASE_PARKED);
    assert_int_equal(learned("overtaken").told, 0);
    assert_false(wants_a_restart(t));                      /* tomorrow would be the same: the rest has its turn */
    t->restarts_again_us = 0;
    assert_true(wants_a_restart(t));
}

static void what_the_gate_would_have_wait_right_before_it_begins_was_not_refused(void **state)
{
    (void)state;
    struct etarget *t = a_target();
    t->mode = MODE_AUTO;
    engine->stops[0] = (struct stored_stop){ .why = "Black Friday" };
    engine->stops_count = 1;
    begins(t, 0);
    assert_int_equal(c.state, CASE_PARKED);
    assert_int_equal(learned("overtaken").told, 0);
    engine->stops_count = 0;
    t->mode = MODE_WATCH;
    begins(t, 0);
    assert_int_equal(c.state, CASE_PARKED);
    assert_int_equal(learned("refused").by[TOLD_REFUSED], 1);
}

/* So many windows of a load that saturates the server, with a throughput between these two. */
static void measured(struct etarget *t, int windows, double least, double most)
{
    int64_t     window = engine->d.tune->window_us, now = clock_mono_us(&clock_real);
    struct rand r;
    rand_seed(&r, 3);
    t->histories = windows;
    for (int i = 0; i < windows; i++) {
        t->history[i] = t->history[0];
        t->history[i].to_us = (t->history[i].from_us = now - (windows - i) * window) + window;
        t->history[i].v[METRIC_TPS] = least * pow(most / least, rand_unit(&r));
    }
}

static enum case_state plans(struct etarget *t)
{
    t->plan_again_us = 0;
    assert_ok(store_case_get(engine->store, c.id, &c, NULL, &fault), &fault);
    assert_ok(planning_plan(engine, &c, &fault), &fault);
    assert_ok(store_case_get(engine->store, c.id, &c, NULL, &fault), &fault);
    return c.state;
}

static void a_restart_waits_for_history_until_a_doubling_could_be_proven(void **state)
{
    (void)state;
    static struct daemon_target saturated;
    struct etarget             *t = a_target();
    static struct daemon_tune   brief;
    enum { ENOUGH = HISTORY_MAX - 4 };
    brief = *engine->d.tune;
    brief.watch_us = 2 * US_PER_S;
    engine->d.tune = &brief;
    saturated = *t->conf;
    saturated.load_saturates = true;
    t->conf = &saturated;
    t->mode = MODE_AUTO;
    planned(t, CASE_PLANNING, 0);
    measured(t, ENOUGH, 20, 800);
    assert_int_equal(plans(t), CASE_PLANNING);
    assert_true(t->too_noisy && t->plan_again_us > 0);
    measured(t, HISTORY_MAX, 20, 800);
    assert_int_equal(plans(t), CASE_WAIT_GATE);            /* more is not kept: then the trial has to show it */
    t->mode = MODE_SUGGEST;
    planned(t, CASE_PLANNING, 0);
    measured(t, ENOUGH, 20, 800);
    assert_int_equal(plans(t), CASE_WAIT_GATE);            /* a suggestion restarts nothing */
    t->mode = MODE_AUTO;
    planned(t, CASE_PLANNING, 0);
    measured(t, ENOUGH, 95, 105);
    assert_int_equal(plans(t), CASE_WAIT_GATE);
    assert_false(t->too_noisy);
    t->conf = &engine->d.target[0];
}

/* While it waited at the gate somebody reloaded, and there is less history now, of another kind. */
static void begins_with(struct etarget *t, int windows, double least, double most)
{
    planned(t, CASE_EXECUTING, 0);
    measured(t, windows, least, most);
    ordered_to_begin();
}

static void what_is_reloaded_waits_for_windows_that_are_fresh(void **state)
{
    (void)state;
    struct etarget *t = a_target();
    t->mode = MODE_AUTO;
    t->restarts_again_us = INT64_MAX;
    measured(t, 30, 120, 140);
    for (int i = 0; i < t->histories; i++)
        t->history[i].to_us -= 60 * engine->d.tune->window_us;
    a_case(CASE_PLANNING);
    assert_int_equal(plans(t), CASE_PLANNING);
    measured(t, 30, 120, 140);
    t->history[26].checkpoint_asked = true;                /* three are left */
    assert_int_equal(plans(t), CASE_WAIT_GATE);
    for (int i = 0; i < t->histories; i++)                 /* a load that comes for a window each hour: there will not be as many */
        t->history[i].to_us -= 60 * engine->d.tune->window_us;
    a_case(CASE_PLANNING);
    int looks = 1;
    while (plans(t) == CASE_PLANNING && looks < 100)
        looks++;
    assert_in_range(looks, 20, 25);
}

static void a_restart_that_waited_at_the_gate_begins_only_if_a_doubling_could_still_be_proven(void **state)
{
    (void)state;
    static struct daemon_tune brief;
    struct etarget           *t = a_target();
    brief = *engine->d.tune;
    brief.watch_us = 2 * US_PER_S;
    engine->d.tune = &brief;
    t->mode = MODE_AUTO;
    begins_with(t, HISTORY_MAX - 4, 95, 105);
    assert_int_equal(c.state, CASE_EXECUTING);
    assert_int_equal(c.phase, RUN_PREPARING);
    begins_with(t, HISTORY_MAX - 4, 20, 800);
    assert_int_equal(c.state, CASE_PARKED);
    assert_int_equal(learned("overtaken").told, 0);
}

/* Somebody reloads every few minutes. */
static void a_restart_that_never_has_its_history_gives_way_to_what_needs_less(void **state)
{
    (void)state;
    struct etarget *t = a_target();
    t->mode = MODE_AUTO;
    planned(t, CASE_PLANNING, 0);
    measured(t, 5, 95, 105);
    assert_int_equal(plans(t), CASE_PLANNING);
    assert_int_equal(t->plan_waits, 1);
    assert_true(wants_a_restart(t));
    t->plan_waits = PLAN_WAITS_MAX;
    assert_int_equal(plans(t), CASE_PLANNING);
    assert_false(wants_a_restart(t));
    assert_int_equal(t->plan_waits, 0);
    measured(t, HISTORY_MAX, 95, 105);
    assert_int_equal(plans(t), CASE_WAIT_GATE);
}

static void where_no_history_will_ever_prove_a_restart_there_is_none_and_the_rest_has_its_turn(void **state)
{
    (void)state;
    static struct daemon_tune brief;
    struct etarget           *t = a_target();
    brief = *engine->d.tune;
    brief.watch_us = 2 * US_PER_S;
    engine->d.tune = &brief;
    t->mode = MODE_AUTO;
    planned(t, CASE_PLANNING, 0);
    measured(t, HISTORY_MAX, 95, 105);
    for (int i = 8; i < HISTORY_MAX; i++)
        t->history[i].v[METRIC_TPS] = (double)NAN;         /* statistics that are off, or hidden, most of the time */
    assert_int_equal(plans(t), CASE_PLANNING);
    measured(t, HISTORY_MAX, 95, 105);
    assert_false(wants_a_restart(t));
    t->restarts_again_us = 0;
    assert_true(wants_a_restart(t));
}

/* Its first step was done, and is to be watched. */
static void watches(struct etarget *t)
{
    planned(t, CASE_EXECUTING, 0);
    c.phase = RUN_WATCHING;
    c.step = 1;
    c.version++;
    assert_ok(store_case_update(engine->store, &c, &fault), &fault);
    engine->orders_count = 0;
    engine_order(engine, &c, ORDER_WATCH);
}

static enum run_phase phase_after_orders(void)
{
    stages_run(engine);
    assert_ok(store_case_get(engine->store, c.id, &c, NULL, &fault), &fault);
    return c.phase;
}

static enum run_phase phase_after_the_watch(struct etarget *t)
{
    struct sample s;
    sample_clear(&s);
    s.mono_us = t->watch_until_us;
    s.v[METRIC_UP] = 1;
    s.v[METRIC_TPS] = 130;
    prove_sample(engine, t, &s);
    assert_ok(store_case_get(engine->store, c.id, &c, NULL, &fault), &fault);
    return c.phase;
}

static void a_restart_under_way_is_put_back_when_what_it_was_to_be_compared_with_is_gone(void **state)
{
    (void)state;
    struct etarget *t = a_target();
    t->mode = MODE_AUTO;
    watches(t);
    assert_int_equal(phase_after_orders(), RUN_WATCHING);
    assert_int_equal(phase_after_the_watch(t), RUN_PROBING);
    watches(t);
    assert_int_equal(phase_after_orders(), RUN_WATCHING);
    t->histories = 2;                                      /* the load has become another one while it was watched */
    assert_int_equal(phase_after_the_watch(t), RUN_UNDOING);
    assert_true(c.put_back);
    prove_forget(t);
    watches(t);
    t->histories = 0;                                      /* we were ended, and begin again */
    assert_int_equal(phase_after_orders(), RUN_UNDOING);
    assert_int_equal(t->watch_until_us, 0);
    c.phase = RUN_UNDONE;
    c.in_force_is_proven = true;
    moved("exec_failed", "act", CASE_EXECUTING, CASE_PARKED);
    assert_int_equal(learned("overtaken").told, 0);
}

/* The steps before the restart were done. */
static void watches_before_the_restart(struct etarget *t)
{
    struct stored_plan plan;
    size_t             at = 0;
    watches(t);
    assert_ok(store_plan_get(engine->store, c.plan_id, &plan, &fault), &fault);
    json_t *steps = json_object_get(plan.plan, "steps");
    while (strcmp(json_string_value(json_object_get(json_array_get(steps, at), "action")), "postgres.restart") != 0)
        at++;
    assert_in_range(at, 1, json_array_size(steps) - 1);
    stored_plan_done(&plan);
    c.step = (int)at;
    c.version++;
    assert_ok(store_case_update(engine->store, &c, &fault), &fault);
}

static void a_restart_whose_window_has_closed_meanwhile_is_not_made(void **state)
{
    (void)state;
    struct etarget *t = a_target();
    t->mode = MODE_AUTO;
    watches_before_the_restart(t);
    assert_int_equal(phase_after_orders(), RUN_WATCHING);
    assert_int_equal(phase_after_the_watch(t), RUN_PROBING);
    prove_forget(t);
    watches_before_the_restart(t);
    assert_int_equal(phase_after_orders(), RUN_WATCHING);
    int minute = (int)(clock_wall_us(&clock_real) / (60 * US_PER_S) % 1440);
    engine->policy.windows = 1;                            /* the next one opens in an hour */
    engine->policy.window[0] = (struct week_window){ .days = 0x7f, .from_min = (minute + 60) % 1440, .to_min = (minute + 120) % 1440 };
    assert_int_equal(phase_after_the_watch(t), RUN_UNDOING);
    assert_true(c.put_back);
    c.phase = RUN_UNDONE;
    c.in_force_is_proven = true;
    moved("exec_failed", "act", CASE_EXECUTING, CASE_PARKED);
    assert_int_equal(learned("overtaken").told, 0);
}

static bool no_model;

enum err __wrap_planner_ask(const struct planner *p, const struct planner_view *view, struct proposal *out, struct fault *f);
enum err __real_planner_ask(const struct planner *p, const struct planner_view *view, struct proposal *out, struct fault *f);

enum err __wrap_planner_ask(const struct planner *p, const struct planner_view *view, struct proposal *out, struct fault *f)
{
    return no_model ? fail(f, ERR_LIMIT, "not positive definite, whatever is added") : __real_planner_ask(p, view, out, f);
}

static void a_planner_that_finds_no_model_leaves_its_target_alone_and_stops_nothing_else(void **state)
{
    (void)state;
    struct etarget *t = a_target();
    t->mode = MODE_AUTO;
    planned(t, CASE_PLANNING, 0);
    no_model = true;
    assert_int_equal(plans(t), CASE_PARKED);               /* and not a turn that fails, as when nothing can be stored */
    no_model = false;
    assert_true(autopilot_rests(engine, t));
    assert_non_null(strstr(t->idle_why, "not positive definite"));
    assert_false(engine->degraded[0]);
}

static void asked_again(struct etarget *t)
{
    t->gate_again_us = 1;
    engine->pilot_again_us = 0;
    engine->orders_count = 0;
    assert_ok(autopilot_tick(engine, &fault), &fault);
    assert_ok(store_case_get(engine->store, c.id, &c, NULL, &fault), &fault);
}

static void what_the_gate_refuses_after_it_had_it_wait_was_overtaken(void **state)
{
    (void)state;
    struct etarget *t = a_target();
    t->mode = MODE_AUTO;
    planned(t, CASE_WAIT_GATE, 0);
    engine->stops[0] = (struct stored_stop){ .why = "Black Friday" };
    engine->stops_count = 1;
    asked_again(t);
    assert_int_equal(c.state, CASE_WAIT_GATE);
    assert_int_equal(engine->orders_count, 0);
    facts.read_wall_us -= INT64_C(7200) * US_PER_S;        /* nobody could look at it for two hours */
    asked_again(t);
    assert_int_equal(c.state, CASE_PARKED);
    assert_int_equal(learned("overtaken").told, 0);
}

/* ---- indexes ---- */

static void an_index(struct etarget *t)
{
    struct stored_plan plan = { .plan = json_object(), .proposal = json_pack("{s:s}", "upkeep", "homeostat_t_a"), .planner = "index", .case_version = 1 };
    a_case(CASE_CLOSED);
    id_new(clock_wall_us(&clock_real), plan.id);
    strcpy(c.plan_id, plan.id);
    strcpy(t->case_id, c.id);
    assert_ok(store_plan_add(engine->store, c.id, &plan, 1, &fault), &fault);
    stored_plan_done(&plan);
    moved("plan_ready", "engine", CASE_PLANNING, CASE_WAIT_GATE);
}

static bool is_worth_a_case(struct etarget *t)
{
    json_t *report = json_pack("{s:[],s:[{s:s,s:b,s:b,s:f,s:f,s:{}}]}", "findings", "indexes", "name", "homeostat_t_a", "judged", 1, "may_build", 1, "benefit_ms", 900.0, "overhead_ms", 1.0, "plan");
    assert_non_null(report);
    bool chosen = upkeep_choose(engine, t, report) != NULL;
    json_decref(report);
    return chosen;
}

static void an_index_is_tried_once_and_what_nobody_decided_was_no_trial(void **state)
{
    (void)state;
    struct etarget *t = a_target();
    assert_false(is_worth_a_case(t));                      /* policy has not said so */
    engine->policy.set.index_build = BUILD_AUTO;
    assert_true(is_worth_a_case(t));
    an_index(t);
    c.plans_tried = 1;
    c.phase = RUN_UNDONE;
    moved("cancel", "stop switch", CASE_EXECUTING, CASE_EXECUTING);
    (void)learned("stopped");
    assert_true(is_worth_a_case(t));
    an_index(t);
    moved("gate_rejected", "anna", CASE_WAIT_GATE, CASE_PARKED);
    (void)learned("refused");
    assert_false(is_worth_a_case(t));
}

static void an_index_whose_window_is_far_is_not_asked_for_yet(void **state)
{
    (void)state;
    struct etarget *t = a_target();
    int             today = (int)((clock_wall_us(&clock_real) / (INT64_C(86400) * US_PER_S) + 3) % 7);
    engine->policy.set.index_build = BUILD_AUTO;
    engine->policy.index_windows = 1;
    engine->policy.index_window[0] = (struct week_window){ .days = 1u << ((today + 3) % 7), .from_min = 0, .to_min = 120 };
    assert_false(is_worth_a_case(t));
    engine->policy.index_window[0].days |= 1u << today | 1u << ((today + 1) % 7);
    assert_true(is_worth_a_case(t));
}

static void an_index_that_nobody_answers_for_a_day_lets_the_tuner_have_its_turn(void **state)
{
    (void)state;
    struct etarget *t = a_target();
    an_index(t);
    moved("deadline", "clock", CASE_WAIT_GATE, CASE_PARKED);
    (void)learned("unanswered");
    assert_true(t->upkeep_again_us > clock_mono_us(&clock_real) + engine->d.tune->settle_us);
}

static void where_the_configuration_is_somebody_elses_no_case_is_opened_and_it_is_said_whose_it_is(void **state)
{
    (void)state;
    struct etarget *t = a_target();
    t->mode = MODE_AUTO;
    t->seen = true;
    t->last.v[METRIC_UP] = 1;
    facts.owner = OWNER_PATRONI;
    strcpy(facts.owner_why, "wal_level is set in /etc/patroni.yml");
    assert_ok(autopilot_tick(engine, &fault), &fault);
    assert_string_equal(t->case_id, "");
    assert_non_null(strstr(t->idle_why, "belongs to patroni, wal_level is set"));
    t->facts = NULL;
    engine->pilot_again_us = 0;
    assert_ok(autopilot_tick(engine, &fault), &fault);
    assert_non_null(strstr(t->idle_why, "nothing is known"));
}

static void a_server_that_takes_no_alter_system_is_left_to_those_who_manage_it(void **state)
{
    (void)state;
    struct etarget *t = a_target();
    t->mode = MODE_AUTO;
    t->seen = true;
    t->last.v[METRIC_UP] = 1;
    facts_set(&facts, "allow_alter_system", "off", "");
    assert_ok(autopilot_tick(engine, &fault), &fault);
    assert_string_equal(t->case_id, "");
    assert_non_null(strstr(t->idle_why, "allow_alter_system"));
    facts_set(&facts, "allow_alter_system", "on", NULL);
    engine->pilot_again_us = 0;
    assert_ok(autopilot_tick(engine, &fault), &fault);
    assert_string_not_equal(t->case_id, "");
}

static void a_rest_is_not_longer_because_the_clock_was_set_back(void **state)
{
    (void)state;
    struct etarget *t = &engine->target[0];
    int64_t         now = clock_wall_us(&clock_real);
    t->idle_until_us = now + 600 * US_PER_S;
    assert_true(autopilot_rests(engine, t));
    t->idle_until_us = now - US_PER_S;
    assert_false(autopilot_rests(engine, t));
    t->idle_until_us = now + INT64_C(400) * 86400 * US_PER_S;
    assert_false(autopilot_rests(engine, t));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        TEST(a_plan_that_nobody_answered_in_time_was_not_refused),
        TEST(a_plan_that_was_refused_at_the_gate_is),
        TEST(a_plan_for_which_the_history_was_lost_before_it_began_did_not_fail),
        TEST(a_plan_that_gave_way_to_another_case_was_not_refused),
        TEST(what_the_stop_switch_put_back_neither_failed_nor_harmed),
        TEST(what_it_cost_is_counted_also_of_a_trial_that_nobody_let_end),
        TEST(what_was_better_and_put_back_all_the_same_is_nothing_to_build_on),
        TEST(what_was_not_decided_in_time_is_undecided),
        TEST(what_a_guard_put_back_failed_whatever_came_afterwards),
        TEST(what_somebody_else_was_in_the_way_of_did_not_fail_and_is_tried_again_when_all_else_is_done),
        TEST(what_a_person_cancelled_while_it_was_tried_was_refused),
        TEST(what_cannot_be_told_to_be_in_force_failed_whoever_cancelled_it),
        TEST(what_was_kept_is_counted_once),
        TEST(a_restart_is_proposed_when_its_window_opens_before_the_gate_gives_up),
        TEST(a_change_of_which_no_verdict_could_come_is_not_made),
        TEST(a_role_that_may_not_checkpoint_is_given_nothing_to_prove_that_takes_one),
        TEST(where_nobody_works_nothing_is_tried_and_the_history_stays_that_of_work),
        TEST(no_case_is_opened_while_nobody_works_nor_for_a_job_by_the_hour),
        TEST(where_nothing_tells_how_well_clients_are_answered_nothing_is_tried_and_it_is_said_what_would),
        TEST(who_counts_no_statements_has_transactions_or_sessions_that_show_work),
        TEST(the_analysis_ends_when_there_is_as_much_history_as_is_kept),
        TEST(the_analysis_does_not_wait_for_ever_for_the_history_of_a_restart),
        TEST(what_was_hours_ago_is_nothing_to_compare_a_restart_with),
        TEST(a_connection_that_was_made_anew_is_no_reload_and_the_history_goes_on),
        TEST(the_reload_that_puts_a_change_back_does_not_end_the_history_also_before_its_case_is_closed),
        TEST(a_checkpoint_that_we_asked_for_is_no_sign_of_a_log_that_fills_too_fast),
        TEST(clients_wait_for_a_checkpoint_of_ours_only_where_a_restart_is_to_be_measured),
        TEST(only_a_restart_is_compared_with_windows_that_held_a_checkpoint_of_ours),
        TEST(a_suggestion_needs_no_load),
        TEST(a_restart_begins_while_what_it_is_compared_with_is_fresh),
        TEST(a_restart_waits_for_history_until_a_doubling_could_be_proven),
        TEST(what_is_reloaded_waits_for_windows_that_are_fresh),
        TEST(a_restart_that_waited_at_the_gate_begins_only_if_a_doubling_could_still_be_proven),
        TEST(a_restart_that_never_has_its_history_gives_way_to_what_needs_less),
        TEST(where_no_history_will_ever_prove_a_restart_there_is_none_and_the_rest_has_its_turn),
        TEST(a_restart_whose_window_has_closed_meanwhile_is_not_made),
        TEST(a_restart_under_way_is_put_back_when_what_it_was_to_be_compared_with_is_gone),
        TEST(a_planner_that_finds_no_model_leaves_its_target_alone_and_stops_nothing_else),
        TEST(what_the_gate_would_have_wait_right_before_it_begins_was_not_refused),
        TEST(what_the_gate_refuses_after_it_had_it_wait_was_overtaken),
        TEST(an_index_is_tried_once_and_what_nobody_decided_was_no_trial),
        TEST(an_index_whose_window_is_far_is_not_asked_for_yet),
        TEST(an_index_that_nobody_answers_for_a_day_lets_the_tuner_have_its_turn),
        TEST(where_the_configuration_is_somebody_elses_no_case_is_opened_and_it_is_said_whose_it_is),
        TEST(a_server_that_takes_no_alter_system_is_left_to_those_who_manage_it),
        TEST(a_rest_is_not_longer_because_the_clock_was_set_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
