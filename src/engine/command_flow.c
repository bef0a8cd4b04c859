/* engine/command_flow.c - plan, gate, execution and verification, asked for by a person. */
#include "base/text.h"
#include "engine/commands.h"
#include "model/problem.h"

#include <stdio.h>
#include <string.h>

/* A person who asks for a plan has looked: NEW and ANALYZING are walked through, each with its own timeline row. */
static enum err walk_to_planning(struct engine *e, struct engine_request *r, struct casefile *c, struct answer *a, struct fault *fault)
{
    static const struct { enum case_state from; enum case_event on; } way[] = { { CASE_NEW, ON_START_ANALYSIS }, { CASE_ANALYZING, ON_ANALYSIS_DONE }, { CASE_PARKED, ON_RESUME } };
    json_t      *meta;
    struct cause why = command_cause(r, &meta);
    enum err     err = OK;
    for (size_t i = 0; i < sizeof way / sizeof way[0] && err == OK; i++) {
        if (c->state != way[i].from)
            continue;
        struct case_input    in = { .kind = INPUT_EVENT, .event = way[i].on };
        struct case_decision d;
        enum case_answer     said;
        err = engine_feed(e, c, &in, &why, &said, &d, fault);
        if (err == OK && said != CASE_MOVED) {
            command_refused(a, c, said, &d);
            break;
        }
    }
    json_decref(meta);
    if (err == OK && !a->body && c->state != CASE_PLANNING) {
        struct case_decision none = { 0 };
        command_refused(a, c, CASE_ILLEGAL, &none);
    }
    return err;
}

static enum err make_plan(struct engine *e, struct engine_request *r, struct casefile *c, json_t **plan, char *planner, size_t size, json_t **proposal, struct fault *fault)
{
    json_t     *given = json_object_get(r->body, "plan");
    const char *template = json_string_value(json_object_get(r->body, "template"));
    if (given) {
        (void)text_copy(planner, size, "person");
        *plan = json_deep_copy(given);
        return OK;
    }
    if (template) {
        (void)snprintf(planner, size, "template/%.20s", template);
        json_t *params = json_object_get(r->body, "params");
        json_t *all = json_is_object(params) ? json_deep_copy(params) : json_object();
        enum err err = template_make(e->templates, template, all, plan, fault);
        json_decref(all);
        return err;
    }
    struct etarget *t = engine_target(e, c->target);
    if (!t)
        return fail(fault, ERR_INPUT, "say what to plan: \"template\", or \"plan\"; a planner needs a case with a target");
    return planning_propose(e, t, plan, proposal, planner, size, fault);
}

enum err command_plan_generate(struct engine *e, struct engine_request *r, struct answer *a, struct fault *fault)
{
    struct casefile c;
    if (!command_find(e, r, a, &c, fault) || !command_fresh(e, r, &c, a))
        return OK;
    if (c.state != CASE_NEW && c.state != CASE_ANALYZING && c.state != CASE_PLANNING && c.state != CASE_PARKED) {
        struct case_decision none = { 0 };
        command_refused(a, &c, CASE_ILLEGAL, &none);
        e->count.conflict_409++;
        return OK;
    }
    json_t  *plan = NULL, *proposal = NULL;
    char     planner[32] = "";
    /* The plan is made and checked first, so that a bad one moves nothing. */
    enum err err = make_plan(e, r, &c, &plan, planner, sizeof planner, &proposal, fault);
    struct plan parsed;
    if (err == OK && (err = plan_parse(plan, &parsed, fault)) == OK)
        plan_done(&parsed);
    if (err != OK) {
        json_decref(plan);
        json_decref(proposal);
        if (err == ERR_IO)
            return err;
        command_problem(a, err == ERR_MISSING ? PROBLEM_NOT_FOUND : err == ERR_STATE ? PROBLEM_ILLEGAL : PROBLEM_INVALID, fault->text, fault->hint);
        return OK;
    }
    err = walk_to_planning(e, r, &c, a, fault);
    if (err == OK && !a->body)
        err = engine_set_plan(e, &c, plan, planner, proposal, fault);
    if (err == OK && !a->body) {
        json_t              *meta;
        struct cause         why = command_cause(r, &meta);
        struct case_decision d;
        enum case_answer     said;
        struct case_input    in = { .kind = INPUT_EVENT, .event = ON_PLAN_READY };
        err = engine_feed(e, &c, &in, &why, &said, &d, fault);
        json_decref(meta);
        if (err == OK && said == CASE_MOVED)
            command_answer(a, 200, &c, "plan", json_deep_copy(plan));
        else if (err == OK)
            command_refused(a, &c, said, &d);
    }
    json_decref(plan);
    json_decref(proposal);
    return err;
}

enum err command_gate_eval(struct engine *e, struct engine_request *r, struct answer *a, struct fault *fault)
{
    struct casefile c;
    if (!command_find(e, r, a, &c, fault) || !command_fresh(e, r, &c, a))
        return OK;
    if (c.state != CASE_WAIT_GATE) {
        struct case_decision none = { 0 };
        command_refused(a, &c, CASE_ILLEGAL, &none);
        e->count.conflict_409++;
        return OK;
    }
    struct gate_verdict v;
    json_t *meta;
    struct cause why = command_cause(r, &meta);
    enum err err = engine_ask_gate(e, &c, &why, &v, fault);
    json_decref(meta);
    if (err == OK)
        command_answer(a, 200, &c, "verdict", gate_verdict_json(&v));
    return err;
}

/* What is sent to be executed must be what was approved, to the letter. */
static bool same_step(const json_t *body, const json_t *step, char *why, size_t size)
{
    static const struct { const char *adapter, *action; } adapters[] = {
        { "script", "script.exec" }, { "noop", "noop" }, { "postgres", "postgres.set" }, { "postgres", "postgres.restart" },
        { "postgres", "postgres.index" }, { "postgres", "postgres.analyze" },
        { "k8s", "k8s.rollout" }, { "gateway", "gateway.flip" },
    };
    static const char *const envelope[] = { "case_id", "adapter", "action", "params", "step", "actor", "reason", "meta", "expected_version" };
    const char *adapter = json_string_value(json_object_get(body, "adapter")), *action = json_string_value(json_object_get(body, "action"));
    const char *approved = json_string_value(json_object_get(step, "action"));
    json_t     *params = json_object_get(step, "params"), *given = json_object_get(body, "params"), *value;
    const char *key;
    bool        known = !adapter;
    for (size_t i = 0; adapter && i < sizeof adapters / sizeof adapters[0]; i++)
        known = known || (strcmp(adapter, adapters[i].adapter) == 0 && strcmp(approved, adapters[i].action) == 0);
    if (!known || (action && strcmp(action, approved) != 0)) {
        (void)snprintf(why, size, "the approved step is %s", approved);
        return false;
    }
    if (given && !json_equal(given, params)) {
        (void)snprintf(why, size, "/params are not those of the approved step");
        return false;
    }
    json_object_foreach((json_t *)body, key, value) {
        bool outer = false;
        for (size_t i = 0; i < sizeof envelope / sizeof envelope[0]; i++)
            outer = outer || strcmp(key, envelope[i]) == 0;
        if (!outer && !json_equal(value, json_object_get(params, key))) {
            (void)snprintf(why, size, "/%.60s is not that of the approved step", key);
            return false;
        }
    }
    /* Naming an adapter but leaving out what it is to run would approve by silence. */
    if (adapter && !given)
        json_object_foreach(params, key, value)
            if (strcmp(key, "target") != 0 && !json_object_get(body, key)) {
                (void)snprintf(why, size, "/%.60s is missing: what is executed must equal the approved step", key);
                return false;
            }
    return true;
}

enum err command_adapter_exec(struct engine *e, struct engine_request *r, struct answer *a, struct fault *fault)
{
    struct casefile c;
    if (!command_find(e, r, a, &c, fault) || !command_fresh(e, r, &c, a))
        return OK;
    if (c.state != CASE_EXECUTING || c.phase != RUN_IDLE) {
        struct case_decision none = { 0 };
        command_refused(a, &c, CASE_ILLEGAL, &none);
        if (c.state == CASE_EXECUTING)
            json_object_set_new(a->body, "detail", json_string("the plan is being executed already"));
        e->count.conflict_409++;
        return OK;
    }
    struct stored_plan plan;
    enum err err = store_plan_get(e->store, c.plan_id, &plan, fault);
    if (err != OK)
        return err;
    char detail[200];
    bool same = same_step(r->body, json_array_get(json_object_get(plan.plan, "steps"), (size_t)c.step), detail, sizeof detail);
    stored_plan_done(&plan);
    if (!same) {
        command_problem(a, PROBLEM_INVALID, detail, "GET /case/{id}/file shows the approved plan");
        a->version = c.version;
        return OK;
    }
    struct gate_verdict v;
    err = engine_judge(e, &c, true, &v, fault);
    if (err != OK)
        return err;
    if (v.answer != GATE_APPROVE) {
        command_problem(a, PROBLEM_GUARD, v.why, "the gate was asked again right before execution");
        json_object_set_new(a->body, "verdict", gate_verdict_json(&v));
        return OK;
    }
    err = engine_take_target(e, &c, fault);
    if (err != OK)
        return err;
    json_t              *meta;
    struct cause         why = command_cause(r, &meta);
    struct case_decision d;
    enum case_answer     said;
    struct case_input    in = { .kind = INPUT_RUN, .run = RUN_ON_BEGIN };
    err = engine_feed(e, &c, &in, &why, &said, &d, fault);
    json_decref(meta);
    if (err != OK)
        return err;
    if (said != CASE_MOVED) {
        command_refused(a, &c, said, &d);
        return OK;
    }
    command_answer(a, 202, &c, NULL, NULL);
    a->waits = true;
    a->retry_after_s = 1;
    (void)snprintf(a->location, sizeof a->location, "/case/%s", c.id);
    return OK;
}

enum err command_verify_run(struct engine *e, struct engine_request *r, struct answer *a, struct fault *fault)
{
    struct casefile c;
    if (!command_find(e, r, a, &c, fault) || !command_fresh(e, r, &c, a))
        return OK;
    if (c.state != CASE_VERIFYING) {
        struct case_decision none = { 0 };
        command_refused(a, &c, CASE_ILLEGAL, &none);
        e->count.conflict_409++;
        return OK;
    }
    struct etarget *t = engine_target(e, c.target);
    bool settled = false;
    enum err err = t && t->trial ? OK : prove_now(e, &c, &settled, fault);
    if (err == OK && !settled && !(t && t->trial))
        err = prove_begin(e, &c, fault);
    if (err != OK)
        return err;
    settled = settled && c.state != CASE_VERIFYING;   /* a verdict of "put back" is over when that has been read back */
    struct stored_run run;
    json_t *verdict = store_run_get(e->store, c.id, &run, fault) == OK ? json_incref(run.verdict) : NULL;
    if (verdict)
        stored_run_done(&run);
    command_answer(a, settled ? 200 : 202, &c, "verdict", verdict);
    a->waits = !settled;
    a->until_verified = true;
    a->retry_after_s = settled ? 0 : 5;
    (void)snprintf(a->location, sizeof a->location, "/case/%s", c.id);
    return OK;
}
