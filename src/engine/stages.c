/*
 * engine/stages.c - what each order means, as one table.
 *
 * Orders are remembered while a turn is decided and carried out here, after the
 * commit.  A case that a person drives waits for that person between the stages;
 * a case that the engine drives goes on by itself.
 */
#include "base/crash.h"
#include "base/log.h"
#include "base/text.h"
#include "engine/inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct cause by_engine = { .actor = "engine", .reason = "" };

struct stage {
    enum case_order order;
    bool            always;      /* also when a person drives the case */
    enum err      (*run)(struct engine *e, struct casefile *c, enum case_order order, struct fault *fault);
    const char     *text;
};

static enum err stage_analyse(struct engine *e, struct casefile *c, enum case_order order, struct fault *fault)
{
    (void)order;
    bool ready = false;
    return planning_analyse(e, c, &ready, fault);   /* not ready yet: the tick asks again */
}

static enum err stage_plan(struct engine *e, struct casefile *c, enum case_order order, struct fault *fault)
{
    (void)order;
    return planning_plan(e, c, fault);
}

static enum err send_dry_run(struct engine *e, const struct casefile *c, struct fault *fault);

static enum err stage_gate(struct engine *e, struct casefile *c, enum case_order order, struct fault *fault)
{
    (void)order;
    struct gate_verdict v;
    enum err        err = engine_ask_gate(e, c, &by_engine, &v, fault);
    struct etarget *t = engine_target(e, c->target);
    if (err == OK && t && (v.answer == GATE_WAIT || v.answer == GATE_ASK))
        t->gate_again_us = clock_mono_us(e->clock) + US_PER_S;
    return err == OK ? send_dry_run(e, c, fault) : err;
}

/* What the planner planned, it planned with enough history; while it waited at the gate that may have begun anew, or come to lie far back. */
static enum err can_be_compared(struct engine *e, const struct casefile *c, bool *yes, struct fault *fault)
{
    struct etarget    *t = engine_target(e, c->target);
    struct stored_plan plan;
    if (!t || c->driver != DRIVER_ENGINE)
        return OK;
    enum err err = store_plan_get(e->store, c->plan_id, &plan, fault);
    if (err != OK)
        return err;
    if (json_object_get(plan.proposal, "changes")) {
        bool near = comparable_near(e, t, plan.plan);
        *yes = near && comparable_enough(e, t, plan.plan) && restart_is_worth_it(e, t, plan.plan, true);
        if (!near)
            restart_came_too_late(e, t);
    }
    stored_plan_done(&plan);
    return OK;
}

/* The gate is asked again right before the first effect: policy, approvals and facts may have changed. */
static enum err stage_begin(struct engine *e, struct casefile *c, enum case_order order, struct fault *fault)
{
    (void)order;
    struct gate_verdict v;
    enum err err = engine_judge(e, c, true, &v, fault);
    if (err != OK)
        return err;
    if (v.answer == GATE_REJECT) {
        struct cause why = { .actor = "gate", .reason = v.why };
        return engine_event(e, c->id, ON_CANCEL, &why, fault);
    }
    struct etarget *t = engine_target(e, c->target);
    if (t)
        t->gate_again_us = clock_mono_us(e->clock) + US_PER_S;
    if (v.answer == GATE_WAIT && v.rule == GATE_RULE_NO_FACTS)      /* we have just begun; it is ordered again, until the deadline */
        return OK;
    if (v.answer != GATE_APPROVE)      /* a window that has closed, a switch that was set: nobody said no to the plan */
        return autopilot_overtake(e, c, v.why, fault);
    bool comparable = true;
    err = can_be_compared(e, c, &comparable, fault);
    if (err == OK && !comparable)
        return autopilot_overtake(e, c, "what this was to be compared with is too little now, or too long ago: load or configuration have changed since it was planned, or nobody works with it", fault);
    if (err != OK)
        return err;
    err = engine_take_target(e, c, fault);
    return err == OK ? engine_run(e, c->id, RUN_ON_BEGIN, 0, 0, &by_engine, fault) : err;
}

static enum err stage_watch(struct engine *e, struct casefile *c, enum case_order order, struct fault *fault)
{
    (void)order;
    struct stored_plan stored;
    struct plan        plan;
    enum err           err = store_plan_get(e->store, c->plan_id, &stored, fault);
    if (err != OK)
        return err;
    err = plan_parse(stored.plan, &plan, fault);
    struct etarget *t = engine_target(e, c->target);
    int  watch_s = 0;
    bool cold = false;
    if (err == OK) {
        int done = c->step > 0 ? c->step - 1 : 0;
        watch_s = plan.step[done].watch_s;
        cold = plan.step[done].action == PLAN_POSTGRES_RESTART;
        plan_done(&plan);
    }
    stored_plan_done(&stored);
    if (err != OK)
        return err;
    if (t && !comparable_still(e, t, c))
        return autopilot_lost_its_past(e, c, fault);
    if (watch_s == 0 && t && !restart_is_in_time(e, t, c))
        return autopilot_is_late(e, c, fault);
    if (watch_s == 0 || !t)
        return engine_run(e, c->id, RUN_ON_WATCHED, 0, 0, &by_engine, fault);
    guarding_begin(e, t, watch_s, cold);
    return OK;
}

static enum err stage_verify(struct engine *e, struct casefile *c, enum case_order order, struct fault *fault)
{
    (void)order;
    return prove_begin(e, c, fault);
}

static enum err stage_call(struct engine *e, struct casefile *c, enum case_order order, struct fault *fault)
{
    (void)order;
    char text[320];
    (void)snprintf(text, sizeof text, "A person is needed: it cannot be told what is in force. The undo script of the case tells how to put it back; when that is so, or what is "
                   "in force is as wanted: homeostat case event %s in_force_proven", c->id);
    log_error("a person is needed: it cannot be told what is in force", F("case", (const char *)c->id), F("target", (const char *)c->target), F("what_to_do", (const char *)text));
    return store_event_add(e->store, c->id, "ERROR", "incident", "outcome unknown", text, NULL, NULL, clock_wall_us(e->clock), fault);
}

static enum err stage_learn(struct engine *e, struct casefile *c, enum case_order order, struct fault *fault)
{
    (void)order;
    return outcome_learn(e, c, fault);
}

static struct worker *worker_of(struct engine *e, int target) { return target >= 0 ? &e->target[target].worker : &e->loose; }

/* How far the case has come, and what it takes to put it back. What cannot be read is not nothing: an undo that knows no unit would be done at once. */
static enum err read_progress(struct engine *e, const struct casefile *c, struct job *j, struct fault *fault)
{
    struct stored_run run;
    enum err          err = store_run_get(e->store, c->id, &run, fault);
    if (err == OK) {
        j->units = json_deep_copy(run.units);
        stored_run_done(&run);
    }
    err = err == ERR_MISSING ? OK : err;      /* nothing was looked at yet */
    if (err == OK)
        err = store_action_snapshot(e->store, c->id, c->step, &j->snapshot, fault);
    return err == OK ? store_action_begun(e->store, c->id, &j->begun, fault) : err;
}

/* A job carries deep copies: the worker's thread and ours share nothing. NULL: what it takes cannot be read. */
static struct job *job_for(struct engine *e, const struct casefile *c, enum job_kind kind, enum case_order order, struct fault *fault)
{
    struct stored_plan stored;
    if (store_plan_get(e->store, c->plan_id, &stored, fault) != OK)
        return NULL;
    struct job *j = calloc(1, sizeof *j);
    if (j) {
        *j = (struct job){ .kind = kind, .order = order, .action = c->action, .phase = c->phase, .step = c->step, .plans_tried = c->plans_tried, .plan = json_deep_copy(stored.plan) };
        (void)text_copy(j->case_id, sizeof j->case_id, c->id);
        struct plan plan;
        j->target = engine_target_index(e, c->target);
        if (j->target < 0 && plan_parse(stored.plan, &plan, fault) == OK) {
            j->target = engine_target_index(e, json_string_value(json_object_get(plan.step[0].params, "target")));
            plan_done(&plan);
        }
    } else {
        (void)fail(fault, ERR_LIMIT, "no memory for a job");
    }
    stored_plan_done(&stored);
    if (j && read_progress(e, c, j, fault) != OK) {
        job_free(j);
        j = NULL;
    }
    return j;
}

static enum err send_dry_run(struct engine *e, const struct casefile *c, struct fault *fault)
{
    if (c->state != CASE_WAIT_GATE)
        return OK;
    struct job *j = job_for(e, c, JOB_DRY_RUN, ORDER_NONE, fault);
    if (!j)
        return fault->code;
    struct fault ignored;   /* a full worker only means that the SQL is not shown */
    if (worker_send(worker_of(e, j->target), j, &ignored) != OK)
        log_fault(LOG_DEBUG, "the commands of a plan are not shown", &ignored);
    return OK;
}

/* The action's intent is written in the same turn as the order (see stage_intents); here it is handed over. */
static enum err stage_act(struct engine *e, struct casefile *c, enum case_order order, struct fault *fault)
{
    struct job *j = job_for(e, c, JOB_ACTION, order, fault);
    if (!j)
        return fault->code;
    if (c->attempts > 0 && (order == ORDER_RECOVER || order == ORDER_UNDO || order == ORDER_PROBE))
        j->pause_ms = RECOVER_PAUSE_MS;
    CRASH_POINT(CRASH_AFTER_INTENT);
    enum err err = worker_send(worker_of(e, j->target), j, fault);
    if (err != OK)   /* the deadline is the way out; a queue of 64 for one action at a time is never full */
        log_fault(LOG_ERROR, "an order could not be handed to its worker", fault);
    return OK;
}

static const struct stage stages[] = {
    { ORDER_ANALYSE,   false, stage_analyse, "measure the incumbent, rank the symptoms" },
    { ORDER_PLAN,      false, stage_plan,    "ask the planner, compose steps" },
    { ORDER_GATE,      false, stage_gate,    "judge by policy; approve, ask a person, wait or reject" },
    { ORDER_BEGIN,     false, stage_begin,   "judge once more, then take the target" },
    { ORDER_PREPARE,   true,  stage_act,     "probe every unit, write the undo script" },
    { ORDER_PROBE,     true,  stage_act,     "probe the next step" },
    { ORDER_DO,        true,  stage_act,     "do it under the fence, read back" },
    { ORDER_WATCH,     true,  stage_watch,   "hold, watch the guards second by second" },
    { ORDER_VERIFY,    false, stage_verify,  "compare with the incumbent by the knobs' class" },
    { ORDER_INCUMBENT, true,  stage_act,     "toggle to the incumbent" },
    { ORDER_CANDIDATE, true,  stage_act,     "toggle to the candidate" },
    { ORDER_UNDO,      true,  stage_act,     "put back the snapshot, read back" },
    { ORDER_RECOVER,   true,  stage_act,     "take the fence, look at the witness" },
    { ORDER_CALL,      true,  stage_call,    "raise an incident" },
    { ORDER_LEARN,     true,  stage_learn,   "store the outcome, tell the planner" },
};

void engine_map_print(FILE *out)
{
    fprintf(out, "order         who goes on   what happens\n");
    for (size_t i = 0; i < sizeof stages / sizeof stages[0]; i++)
        fprintf(out, "%-13s %-13s %s\n", case_order_name(stages[i].order), stages[i].always ? "the engine" : "driver", stages[i].text);
}

/* An order given in one state means nothing in the next: a person who brings a plan walks through three states in one turn. */
static bool is_stale(enum case_order order, const struct casefile *c)
{
    static const struct { enum case_order order; enum case_state in; } meant_for[] = {
        { ORDER_ANALYSE, CASE_ANALYZING }, { ORDER_PLAN, CASE_PLANNING }, { ORDER_GATE, CASE_WAIT_GATE }, { ORDER_BEGIN, CASE_EXECUTING },
        { ORDER_WATCH, CASE_EXECUTING }, { ORDER_VERIFY, CASE_VERIFYING },
    };
    if ((order == ORDER_WATCH || order == ORDER_VERIFY) && (c->put_back || c->phase == RUN_UNDOING))
        return true;
    for (size_t i = 0; i < sizeof meant_for / sizeof meant_for[0]; i++)
        if (meant_for[i].order == order)
            return meant_for[i].in != c->state;
    return false;
}

static enum err run_one(struct engine *e, const struct order *o, struct fault *fault)
{
    struct casefile c;
    enum err        err = turn_begin(e, fault);
    if (err == OK)
        err = store_savepoint(e->store, fault);
    if (err != OK)
        return err;
    int orders = e->orders_count;
    err = store_case_get(e->store, o->case_id, &c, NULL, fault);
    for (size_t i = 0; i < sizeof stages / sizeof stages[0] && err == OK; i++)
        if (stages[i].order == o->order && !is_stale(o->order, &c) && (stages[i].always || c.driver == DRIVER_ENGINE))
            err = stages[i].run(e, &c, o->order, fault);
    if (err == OK)
        return store_release(e->store, fault);
    store_rollback_to(e->store);   /* half a stage leaves nothing behind, orders included */
    e->orders_count = orders;
    return err;
}

/* Its intent was committed with the turn before. */
static enum err act_one(struct engine *e, const struct order *o, struct fault *fault)
{
    struct casefile c;
    enum err        err = store_case_get(e->store, o->case_id, &c, NULL, fault);
    return err == OK && c.action != 0 ? stage_act(e, &c, o->order, fault) : err;
}

void stages_run(struct engine *e)
{
    /* Orders given by these orders are for the next turn: each goes through a commit of its own. */
    struct order todo[ORDERS_MAX];
    int          n = e->orders_count;
    memcpy(todo, e->orders, (size_t)n * sizeof todo[0]);
    e->orders_count = 0;
    for (int i = 0; i < n; i++) {
        struct fault fault = { 0 };
        enum err     err = case_order_is_action(todo[i].order) ? act_one(e, &todo[i], &fault) : run_one(e, &todo[i], &fault);
        if (err == OK)
            continue;
        log_fault(LOG_ERROR, "a stage failed", &fault);
        if (err == ERR_IO || err == ERR_LIMIT || err == ERR_BUSY)      /* when the store can be used again, all that is under way is ordered anew */
            turn_fail(e, &fault);
    }
}

/* ---- results ---- */

static json_int_t started_at(const json_t *seen) { return json_integer_value(json_object_get(json_object_get(seen, "server"), "postmaster_start_us")); }

/* Every connection was interrupted, whatever came of the step: one that failed and was put back counts as much as one that was done. */
static bool was_restarted(const struct job *j)
{
    json_t     *step = json_array_get(json_object_get(j->plan, "steps"), (size_t)j->step);
    const char *action = json_string_value(json_object_get(step, "action"));
    bool        another = started_at(j->witness) != 0 && started_at(j->witness) != started_at(j->snapshot);
    return action && strcmp(action, "postgres.restart") == 0 && (j->answer == RUN_ON_DONE || another);
}

static bool has_a_restart(const struct job *j)
{
    size_t  i;
    json_t *step;
    json_array_foreach(json_object_get(j->plan, "steps"), i, step) {
        const char *action = json_string_value(json_object_get(step, "action"));
        if (action && strcmp(action, "postgres.restart") == 0)
            return true;
    }
    return false;
}

/* What took a restart to be put in force takes one to be put back: does the server run since another moment than before? */
static enum err was_restarted_on_the_way_back(struct engine *e, const struct casefile *c, const struct job *j, bool *yes, struct fault *fault)
{
    int64_t before = 0;
    *yes = false;
    if (j->order != ORDER_UNDO || started_at(j->witness) == 0 || !has_a_restart(j))
        return OK;
    enum err err = store_action_saw_start(e->store, c->id, j->action, &before, fault);
    *yes = err == OK && before != 0 && before != started_at(j->witness);
    return err;
}

static enum err count_change(struct engine *e, const struct casefile *c, const struct job *j, struct fault *fault)
{
    int64_t now = clock_wall_us(e->clock);
    const char *target = j->target >= 0 ? e->target[j->target].conf->name : c->target;
    enum err err = OK;
    /* A result that was lost is counted when a look has found it. */
    bool ended = (j->order == ORDER_DO || (j->order == ORDER_RECOVER && j->phase == RUN_DOING)) && j->answer != RUN_ON_LOST;
    if (ended && j->answer == RUN_ON_DONE && j->step == 0)
        err = store_change_add(e->store, target, c->id, "change", now, fault);
    bool back = false;
    if (err == OK)
        err = was_restarted_on_the_way_back(e, c, j, &back, fault);
    if (err == OK && ((ended && was_restarted(j)) || back))
        err = store_change_add(e->store, target, c->id, "restart", now, fault);
    if (err == OK && j->order == ORDER_UNDO && j->answer == RUN_ON_DONE)
        err = store_change_add(e->store, target, c->id, "rollback", now, fault);
    return err;
}

static int retry_of(const struct job *j)
{
    json_t *step = json_array_get(json_object_get(j->plan, "steps"), (size_t)j->step);
    return (int)json_integer_value(json_object_get(step, "retry"));
}

/* A program whose result is lost and that has no witness: to look again would tell nothing new. */
static bool nobody_to_ask(const struct job *j)
{
    json_t     *step = json_array_get(json_object_get(j->plan, "steps"), (size_t)j->step);
    const char *action = json_string_value(json_object_get(step, "action"));
    return j->order == ORDER_RECOVER && j->phase == RUN_DOING && action && strcmp(action, "script.exec") == 0 && !json_object_get(json_object_get(step, "params"), "witness");
}

enum err stage_result(struct engine *e, struct job *j, struct fault *fault)
{
    struct casefile c;
    enum err        err = turn_begin(e, fault);
    if (err == OK)
        err = store_case_get(e->store, j->case_id, &c, NULL, fault);
    if (err != OK)
        return err;
    if (j->action != c.action) {
        e->count.dedup++;
        return OK;
    }
    struct action_end end = { .outcome = j->outcome ? j->outcome : "lost", .witness = j->witness, .snapshot = j->order == ORDER_PROBE ? j->found : NULL,
                              .output = j->output, .fault = j->fault.code ? j->fault.text : NULL };
    err = store_action_end(e->store, c.id, j->action, &end, clock_wall_us(e->clock), fault);
    if (err == OK && j->order == ORDER_PREPARE && j->answer == RUN_ON_PREPARED)
        err = store_run_put(e->store, c.id, j->found, j->undo_path, fault);
    if (err == OK)
        err = count_change(e, &c, j, fault);
    if (err == OK && (j->order == ORDER_DO || j->order == ORDER_UNDO || j->order == ORDER_RECOVER))
        err = engine_publish(e, "evt.exec.step_result.v1", c.id, json_pack("{s:s,s:i,s:I,s:s,s:s}", "order", case_order_name(j->order), "step", j->step,
                             "action", (json_int_t)j->action, "outcome", end.outcome, "target", c.target), fault);
    if (err != OK)
        return err;
    e->count.step_latency_sum += (double)j->took_us / 1e6;
    e->count.step_latency_count++;
    e->count.actions_done += j->answer == RUN_ON_DONE;
    e->count.actions_failed += j->answer == RUN_ON_UNTOUCHED || j->answer == RUN_ON_PARTIAL || j->answer == RUN_ON_REFUSED;
    e->count.actions_unknown += j->answer == RUN_ON_LOST;

    char text[sizeof j->fault.text + sizeof j->fault.hint + 4];
    (void)snprintf(text, sizeof text, "%s%s%s", j->fault.code ? j->fault.text : "", j->fault.code && j->fault.hint[0] ? "; " : "", j->fault.code ? j->fault.hint : "");
    struct cause why = { .actor = "act", .reason = text };
    enum run_phase before = c.phase;
    struct case_decision d;
    enum case_answer     said;
    struct case_input    in = { .kind = INPUT_RUN, .run = j->answer, .action = j->action, .facts = { .retry = retry_of(j), .recover_max = nobody_to_ask(j) ? 0 : RECOVER_MAX } };
    err = engine_feed(e, &c, &in, &why, &said, &d, fault);
    if (err != OK)
        return err;
    struct etarget *t = j->target >= 0 ? &e->target[j->target] : NULL;
    err = store_case_get(e->store, j->case_id, &c, NULL, fault);
    if (err == OK && t && (before == RUN_TO_INCUMBENT || before == RUN_TO_CANDIDATE) && c.phase == RUN_DONE)
        prove_toggled(e, t, &c);
    CRASH_POINT(CRASH_AFTER_RESULT);
    return err;
}

/* ---- what is in force after all, of a case that was parked as unknown ---- */

void stage_look(struct engine *e, struct casefile *c)
{
    struct fault fault = { 0 };
    struct job  *j = job_for(e, c, JOB_LOOK, ORDER_NONE, &fault);
    /* A look at a server that is gone takes minutes. Others in the line behind it would tell nothing more, and hold up what comes. */
    if (j && atomic_load(&worker_of(e, j->target)->busy) > 0) {
        job_free(j);
        return;
    }
    if (j && j->units) {
        if (worker_send(worker_of(e, j->target), j, &fault) != OK)
            log_fault(LOG_WARN, "a parked case could not be looked at", &fault);
    } else {
        job_free(j);
    }
}

/* Only the old configuration, read back whole, lets a parked case go; a new one that nobody verified is left to a person. */
enum err stage_looked(struct engine *e, struct job *j, struct fault *fault)
{
    if (j->answer != RUN_ON_UNTOUCHED)
        return OK;
    struct casefile c;
    enum err        err = store_case_get(e->store, j->case_id, &c, NULL, fault);
    if (err != OK || c.state != CASE_PARKED || c.in_force_is_proven)
        return err;
    struct cause why = { .actor = "act", .reason = "the old configuration is in force, read back" };
    return engine_event(e, c.id, ON_PROVEN, &why, fault);
}

/* ---- after a start ---- */

/* What a case taught is written in a turn of its own after it was closed; whoever ended in between learns it now. */
static enum err learn_late(struct engine *e, struct fault *fault)
{
    char   (*ids)[ID_SIZE] = NULL;
    int      n = 0;
    enum err err = store_case_unlearned(e->store, &ids, &n, fault);
    for (int i = 0; i < n && err == OK; i++) {
        struct casefile c;
        err = store_case_get(e->store, ids[i], &c, NULL, fault);
        if (err == OK)
            engine_order(e, &c, ORDER_LEARN);
    }
    free(ids);
    return err;
}

/* Of several open cases of one target it belongs to the one that acts on it, or acted on it and does not know what is in force; else to the newest that the engine drives. */
enum claim { CLAIM_NONE, CLAIM_WAITS, CLAIM_ACTS };
static enum claim claim_of(const struct casefile *c)
{
    bool holds = case_holds_target(c);
    return holds && c->phase != RUN_IDLE ? CLAIM_ACTS : holds || c->driver == DRIVER_ENGINE ? CLAIM_WAITS : CLAIM_NONE;
}

enum err stages_recover(struct engine *e, struct fault *fault)
{
    char     (*ids)[ID_SIZE] = NULL;
    int        n = 0;
    enum claim owner[DAEMON_TARGETS_MAX] = { CLAIM_NONE };
    enum err   err = turn_begin(e, fault);
    if (err == OK)
        err = store_case_open(e->store, &ids, &n, fault);
    for (int i = 0; i < n && err == OK; i++) {
        struct casefile      c;
        struct case_decision d;
        err = store_case_get(e->store, ids[i], &c, NULL, fault);
        if (err != OK)
            break;
        struct etarget *t = engine_target(e, c.target);
        enum claim      claim = claim_of(&c);
        if (t && claim != CLAIM_NONE && claim >= owner[t - e->target] && owner[t - e->target] != CLAIM_ACTS) {
            (void)text_copy(t->case_id, sizeof t->case_id, c.id);
            owner[t - e->target] = claim;
        }
        if (case_restart(&c, clock_wall_us(e->clock), &d) == CASE_MOVED) {
            struct cause why = { .actor = "engine", .reason = "recovery after a restart" };
            err = store_case_update(e->store, &d.next, fault);
            if (err == OK)
                err = store_timeline_add(e->store, &(struct timeline_row){ .case_id = c.id, .event = "recovery", .actor = why.actor, .reason = case_order_name(d.order),
                                         .trace_id = e->trace_id, .version = d.next.version, .at_us = clock_wall_us(e->clock), .from = c.state, .to = c.state, .moved = true }, fault);
            if (err == OK && case_order_is_action(d.order))
                err = store_action_begin(e->store, c.id, d.next.action, case_order_name(d.order), c.step, NULL, clock_wall_us(e->clock), fault);
            engine_order(e, &d.next, d.order);
            log_info("case recovered", F("case", (const char *)c.id), F("state", case_state_name(c.state)), F("phase", run_phase_name(c.phase)), F("order", case_order_name(d.order)));
        } else if (c.driver == DRIVER_ENGINE) {
            static const enum case_order again[CASE_STATE_COUNT] = { [CASE_ANALYZING] = ORDER_ANALYSE, [CASE_PLANNING] = ORDER_PLAN, [CASE_WAIT_GATE] = ORDER_GATE, [CASE_EXECUTING] = ORDER_BEGIN };
            engine_order(e, &c, again[c.state]);
        }
    }
    free(ids);
    if (err == OK)
        err = autopilot_stop(e, fault);
    if (err == OK)
        err = learn_late(e, fault);
    CRASH_POINT(CRASH_AFTER_RECOVERY);
    return err;
}
