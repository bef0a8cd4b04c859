/*
 * engine/commands.c - what a request may ask, one function a row.
 *
 * The order of checks is the same for all: replay of a known Idempotency-Key,
 * precondition (If-Match), validation, and only then the change.  Answers,
 * refusals included, are stored under the key in the same transaction.
 */
#include "base/crash.h"
#include "base/log.h"
#include "base/text.h"
#include "engine/inside.h"
#include "model/problem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum err engine_reload(struct engine *e, struct fault *fault);

/* What a command answers. */
struct answer {
    int      status;
    json_t  *body;        /* owned */
    int64_t  version;
    char     location[96];
    bool     waits;       /* the work goes on; the reply comes when it has ended, or at the end of the wait */
    bool     until_verified;
    char     case_id[ID_SIZE];
    int      retry_after_s;
};

static void answer_problem(struct answer *a, enum problem p, const char *detail, const char *hint)
{
    json_decref(a->body);
    a->status = problem_status(p);
    a->body = problem_json(p, detail, hint);
}

static void answer_fault(struct answer *a, const struct fault *f) { answer_problem(a, problem_of(f->code), f->text, f->hint); }

static void answer_case(struct answer *a, int status, const struct casefile *c, const char *extra, json_t *more)
{
    json_t *data = engine_case_json(c);
    if (extra)
        json_object_set_new(data, extra, more ? more : json_null());
    a->status = status;
    a->body = json_pack("{s:o}", "data", data);
    a->version = c->version;
}

static const char *text_of(const json_t *body, const char *key, const char *fallback)
{
    const char *s = json_string_value(json_object_get(body, key));
    return s ? s : fallback;
}

/* 409 with what would be legal, or 422 with the guard's reason. */
static void answer_refused(struct answer *a, const struct casefile *c, enum case_answer why, const struct case_decision *d)
{
    enum case_event legal[CASE_EVENT_COUNT];
    char            detail[400];
    int             n = case_events_from(c->state, legal);
    if (why == CASE_GUARDED)
        (void)snprintf(detail, sizeof detail, "%s (rule %d, case in %s)", d->why, d->rule ? d->rule->number : 0, case_state_name(c->state));
    else
        (void)snprintf(detail, sizeof detail, "a case in %s has no such transition", case_state_name(c->state));
    answer_problem(a, why == CASE_GUARDED ? PROBLEM_GUARD : PROBLEM_ILLEGAL, detail, NULL);
    json_t *list = json_array();
    for (int i = 0; i < n; i++)
        json_array_append_new(list, json_string(case_event_name(legal[i])));
    json_object_set_new(a->body, "allowed_transitions", list);
    json_object_set_new(a->body, "state", json_string(case_state_name(c->state)));
    a->version = c->version;
}

/* The case that a request is about: from the route, or from "case_id" in the body. */
static bool find_case(struct engine *e, const struct engine_request *r, struct answer *a, struct casefile *c, struct fault *fault)
{
    const char *id = r->id[0] ? r->id : text_of(r->body, "case_id", "");
    if (!id_valid(id)) {
        answer_problem(a, r->id[0] ? PROBLEM_NOT_FOUND : PROBLEM_INVALID, r->id[0] ? "there is no such case" : "/case_id is missing or is no case id", NULL);
        return false;
    }
    enum err err = store_case_get(e->store, id, c, NULL, fault);
    if (err != OK) {
        answer_fault(a, fault);
        return false;
    }
    (void)text_copy(a->case_id, sizeof a->case_id, c->id);
    return true;
}

static bool precondition(struct engine *e, const struct engine_request *r, const struct casefile *c, struct answer *a)
{
    int64_t wanted = r->if_match;
    json_t *expected = json_object_get(r->body, "expected_version");
    if (wanted < 0 && json_is_integer(expected))
        wanted = json_integer_value(expected);
    if (wanted <= 0 || wanted == c->version)
        return true;
    char detail[160];
    (void)snprintf(detail, sizeof detail, "the case is at version %lld, not %lld", (long long)c->version, (long long)wanted);
    answer_problem(a, PROBLEM_STALE, detail, "read the case again and decide anew");
    a->version = c->version;
    e->count.conflict_412++;
    return false;
}

static struct cause cause_of(const struct engine_request *r, json_t **meta)
{
    json_t *given = json_object_get(r->body, "meta");
    *meta = json_is_object(given) ? json_deep_copy(given) : json_object();
    json_object_set_new(*meta, "principal", json_string(r->who.name));
    return (struct cause){ .actor = text_of(r->body, "actor", r->who.name), .reason = text_of(r->body, "reason", ""), .meta = *meta };
}

/* ---- cases ---- */

static enum err case_create(struct engine *e, struct engine_request *r, struct answer *a, struct fault *fault)
{
    const char *title = text_of(r->body, "title", ""), *target = text_of(r->body, "target", "");
    if (!*title || strlen(title) >= CASE_TITLE_SIZE) {
        answer_problem(a, PROBLEM_INVALID, *title ? "/title is longer than 199 bytes" : "/title is missing or empty", NULL);
        return OK;
    }
    if (*target && !engine_target(e, target)) {
        answer_problem(a, PROBLEM_INVALID, "/target names no configured target", "GET /target lists them");
        return OK;
    }
    const char *driver = text_of(r->body, "driver", "person");
    struct casefile c;
    enum err err = engine_open_case(e, &c, &r->who, title, target, text_of(r->body, "tenant", "default"), strcmp(driver, "engine") == 0 ? DRIVER_ENGINE : DRIVER_PERSON, fault);
    if (err != OK)
        return err;
    answer_case(a, 201, &c, NULL, NULL);
    (void)snprintf(a->location, sizeof a->location, "/case/%s", c.id);
    return OK;
}

static enum err approve(struct engine *e, struct engine_request *r, struct casefile *c, bool granted, struct answer *a, struct fault *fault)
{
    if (c->state != CASE_WAIT_GATE) {
        struct case_decision none = { 0 };
        answer_refused(a, c, CASE_ILLEGAL, &none);
        e->count.conflict_409++;
        return OK;
    }
    const char *hash = json_string_value(json_object_get(r->body, "plan_hash"));
    if (hash && strcmp(hash, c->plan_hash) != 0) {
        answer_problem(a, PROBLEM_STALE, "the plan at the gate is another one than the one you looked at", "read the case again and decide anew");
        return OK;
    }
    struct stored_plan     plan;
    struct stored_approval yes = { .by = r->who, .granted = granted, .given_us = clock_wall_us(e->clock) };
    enum err err = store_plan_get(e->store, c->plan_id, &plan, fault);
    if (err != OK)
        return err;
    yes.case_version = plan.case_version;
    stored_plan_done(&plan);
    yes.expires_us = yes.given_us + e->policy.set.approval_expires_us;
    (void)text_copy(yes.plan_hash, sizeof yes.plan_hash, c->plan_hash);
    (void)text_copy(yes.policy_version, sizeof yes.policy_version, e->policy.version);
    char id[ID_SIZE];
    id_new(yes.given_us, id);
    err = store_approval_add(e->store, id, c->id, &yes, text_of(r->body, "reason", ""), fault);
    struct gate_verdict v;
    json_t *meta;
    struct cause why = cause_of(r, &meta);
    if (err == OK)
        err = engine_ask_gate(e, c, &why, &v, fault);
    json_decref(meta);
    if (err == OK)
        answer_case(a, 200, c, "verdict", gate_verdict_json(&v));
    if (err == OK && granted && v.answer == GATE_REJECT) {
        json_t *verdict = gate_verdict_json(&v);
        answer_problem(a, PROBLEM_GUARD, v.why, NULL);
        json_object_set_new(a->body, "verdict", verdict);
    }
    return err;
}

static enum err case_approve(struct engine *e, struct engine_request *r, struct answer *a, struct fault *fault)
{
    struct casefile c;
    if (!find_case(e, r, a, &c, fault) || !precondition(e, r, &c, a))
        return OK;
    return approve(e, r, &c, true, a, fault);
}

static enum err case_reject(struct engine *e, struct engine_request *r, struct answer *a, struct fault *fault)
{
    struct casefile c;
    if (!find_case(e, r, a, &c, fault) || !precondition(e, r, &c, a))
        return OK;
    return approve(e, r, &c, false, a, fault);
}

/* Anybody may say what is in force, but only the target can prove it: see stages.c for what reads it back. */
static enum err case_transition(struct engine *e, struct engine_request *r, struct answer *a, struct fault *fault)
{
    struct casefile c;
    enum case_event on;
    const char     *event = text_of(r->body, "event", "");
    if (!find_case(e, r, a, &c, fault) || !precondition(e, r, &c, a))
        return OK;
    if (!case_event_parse(event, &on) || on == ON_DEADLINE || on == ON_UNKNOWN) {
        answer_problem(a, PROBLEM_INVALID, *event ? "/event is no event that can be sent" : "/event is missing",
                       "start_analysis, analysis_done, plan_ready, gate_approved, gate_rejected, exec_done, exec_failed, verify_pass, verify_failed, resume, give_up, cancel, in_force_proven");
        return OK;
    }
    bool needs_approver = on == ON_GATE_APPROVED || on == ON_GATE_REJECTED || on == ON_PROVEN;
    if (needs_approver && !principal_may(&r->who, ROLE_APPROVER)) {
        answer_problem(a, PROBLEM_FORBIDDEN, "this event needs the role approver", NULL);
        return OK;
    }
    if ((on == ON_GATE_APPROVED || on == ON_GATE_REJECTED) && c.state == CASE_WAIT_GATE)
        return approve(e, r, &c, on == ON_GATE_APPROVED, a, fault);

    struct case_decision d;
    enum case_answer     said;
    struct case_input    in = { .kind = INPUT_EVENT, .event = on, .facts = { .recover_max = RECOVER_MAX } };
    json_t              *meta;
    struct cause         why = cause_of(r, &meta);
    enum err err = engine_feed(e, &c, &in, &why, &said, &d, fault);
    json_decref(meta);
    if (err != OK)
        return err;
    if (said == CASE_MOVED)
        answer_case(a, 200, &c, NULL, NULL);
    else
        answer_refused(a, &c, said, &d);
    return OK;
}

static enum err case_comment(struct engine *e, struct engine_request *r, struct answer *a, struct fault *fault)
{
    struct casefile c;
    if (!find_case(e, r, a, &c, fault))
        return OK;
    const char *text = text_of(r->body, "text", text_of(r->body, "reason", ""));
    if (!*text || strlen(text) > 4000) {
        answer_problem(a, PROBLEM_INVALID, "/text is missing, empty or longer than 4000 bytes", NULL);
        return OK;
    }
    json_t *meta;
    struct cause why = cause_of(r, &meta);
    why.reason = text;
    enum err err = engine_remark(e, &c, "comment", &why, fault);
    json_decref(meta);
    if (err == OK)
        answer_case(a, 200, &c, NULL, NULL);
    return err;
}

/* ---- plan, gate, execution, verification ---- */

/* A person who asks for a plan has looked: NEW and ANALYZING are walked through, each with its own timeline row. */
static enum err walk_to_planning(struct engine *e, struct engine_request *r, struct casefile *c, struct answer *a, struct fault *fault)
{
    static const struct { enum case_state from; enum case_event on; } way[] = { { CASE_NEW, ON_START_ANALYSIS }, { CASE_ANALYZING, ON_ANALYSIS_DONE }, { CASE_PARKED, ON_RESUME } };
    json_t      *meta;
    struct cause why = cause_of(r, &meta);
    enum err     err = OK;
    for (size_t i = 0; i < sizeof way / sizeof way[0] && err == OK; i++) {
        if (c->state != way[i].from)
            continue;
        struct case_input    in = { .kind = INPUT_EVENT, .event = way[i].on };
        struct case_decision d;
        enum case_answer     said;
        err = engine_feed(e, c, &in, &why, &said, &d, fault);
        if (err == OK && said != CASE_MOVED) {
            answer_refused(a, c, said, &d);
            break;
        }
    }
    json_decref(meta);
    if (err == OK && !a->body && c->state != CASE_PLANNING) {
        struct case_decision none = { 0 };
        answer_refused(a, c, CASE_ILLEGAL, &none);
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
        if (!e->templates)
            return fail(fault, ERR_MISSING, "there is no template \"%.60s\": no runbooks folder is configured", template);
        json_t *params = json_object_get(r->body, "params");
        json_t *all = json_is_object(params) ? json_deep_copy(params) : json_object();
        enum err err = template_make(e->templates, template, all, plan, fault);
        json_decref(all);
        return err;
    }
    struct etarget *t = engine_target(e, c->target);
    if (!t)
        return fail(fault, ERR_INPUT, "say what to plan: \"template\", or \"plan\"; a planner needs a case with a target");
    return autopilot_propose(e, t, plan, proposal, planner, size, fault);
}

static enum err plan_generate(struct engine *e, struct engine_request *r, struct answer *a, struct fault *fault)
{
    struct casefile c;
    if (!find_case(e, r, a, &c, fault) || !precondition(e, r, &c, a))
        return OK;
    if (c.state != CASE_NEW && c.state != CASE_ANALYZING && c.state != CASE_PLANNING && c.state != CASE_PARKED) {
        struct case_decision none = { 0 };
        answer_refused(a, &c, CASE_ILLEGAL, &none);
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
        answer_problem(a, err == ERR_MISSING ? PROBLEM_NOT_FOUND : err == ERR_STATE ? PROBLEM_ILLEGAL : PROBLEM_INVALID, fault->text, fault->hint);
        return OK;
    }
    err = walk_to_planning(e, r, &c, a, fault);
    if (err == OK && !a->body)
        err = engine_set_plan(e, &c, plan, planner, proposal, fault);
    if (err == OK && !a->body) {
        json_t              *meta;
        struct cause         why = cause_of(r, &meta);
        struct case_decision d;
        enum case_answer     said;
        struct case_input    in = { .kind = INPUT_EVENT, .event = ON_PLAN_READY };
        err = engine_feed(e, &c, &in, &why, &said, &d, fault);
        json_decref(meta);
        if (err == OK && said == CASE_MOVED)
            answer_case(a, 200, &c, "plan", json_deep_copy(plan));
        else if (err == OK)
            answer_refused(a, &c, said, &d);
    }
    json_decref(plan);
    json_decref(proposal);
    return err;
}

static enum err gate_eval(struct engine *e, struct engine_request *r, struct answer *a, struct fault *fault)
{
    struct casefile c;
    if (!find_case(e, r, a, &c, fault) || !precondition(e, r, &c, a))
        return OK;
    if (c.state != CASE_WAIT_GATE) {
        struct case_decision none = { 0 };
        answer_refused(a, &c, CASE_ILLEGAL, &none);
        e->count.conflict_409++;
        return OK;
    }
    struct gate_verdict v;
    json_t *meta;
    struct cause why = cause_of(r, &meta);
    enum err err = engine_ask_gate(e, &c, &why, &v, fault);
    json_decref(meta);
    if (err == OK)
        answer_case(a, 200, &c, "verdict", gate_verdict_json(&v));
    return err;
}

/* What is sent to be executed must be what was approved, to the letter. */
static bool same_step(const json_t *body, const json_t *step, char *why, size_t size)
{
    static const struct { const char *adapter, *action; } adapters[] = {
        { "script", "script.exec" }, { "noop", "noop" }, { "postgres", "postgres.set" }, { "postgres", "postgres.restart" },
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

static enum err adapter_exec(struct engine *e, struct engine_request *r, struct answer *a, struct fault *fault)
{
    struct casefile c;
    if (!find_case(e, r, a, &c, fault) || !precondition(e, r, &c, a))
        return OK;
    if (c.state != CASE_EXECUTING || c.phase != RUN_IDLE) {
        struct case_decision none = { 0 };
        answer_refused(a, &c, CASE_ILLEGAL, &none);
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
        answer_problem(a, PROBLEM_INVALID, detail, "GET /case/{id}/file shows the approved plan");
        a->version = c.version;
        return OK;
    }
    struct gate_verdict v;
    err = engine_judge(e, &c, true, &v, fault);
    if (err != OK)
        return err;
    if (v.answer != GATE_APPROVE) {
        answer_problem(a, PROBLEM_GUARD, v.why, "the gate was asked again right before execution");
        json_object_set_new(a->body, "verdict", gate_verdict_json(&v));
        return OK;
    }
    err = engine_take_target(e, &c, fault);
    if (err != OK)
        return err;
    json_t              *meta;
    struct cause         why = cause_of(r, &meta);
    struct case_decision d;
    enum case_answer     said;
    struct case_input    in = { .kind = INPUT_RUN, .run = RUN_ON_BEGIN };
    err = engine_feed(e, &c, &in, &why, &said, &d, fault);
    json_decref(meta);
    if (err != OK)
        return err;
    if (said != CASE_MOVED) {
        answer_refused(a, &c, said, &d);
        return OK;
    }
    answer_case(a, 202, &c, NULL, NULL);
    a->waits = true;
    a->retry_after_s = 1;
    (void)snprintf(a->location, sizeof a->location, "/case/%s", c.id);
    return OK;
}

static enum err verify_run(struct engine *e, struct engine_request *r, struct answer *a, struct fault *fault)
{
    struct casefile c;
    if (!find_case(e, r, a, &c, fault) || !precondition(e, r, &c, a))
        return OK;
    if (c.state != CASE_VERIFYING) {
        struct case_decision none = { 0 };
        answer_refused(a, &c, CASE_ILLEGAL, &none);
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
    struct stored_run run;
    json_t *verdict = store_run_get(e->store, c.id, &run, fault) == OK ? json_incref(run.verdict) : NULL;
    if (verdict)
        stored_run_done(&run);
    answer_case(a, settled ? 200 : 202, &c, "verdict", verdict);
    a->waits = !settled;
    a->until_verified = true;
    a->retry_after_s = settled ? 0 : 5;
    (void)snprintf(a->location, sizeof a->location, "/case/%s", c.id);
    return OK;
}

/* ---- stop, mode, reload ---- */

static enum err stop_set(struct engine *e, struct engine_request *r, struct answer *a, struct fault *fault)
{
    struct stored_stop stop = { .created_us = clock_wall_us(e->clock) };
    const char *why = text_of(r->body, "why", text_of(r->body, "reason", "")), *target = text_of(r->body, "target", "");
    json_t     *expires = json_object_get(r->body, "expires_s");
    if (!*why || strlen(why) >= sizeof stop.why) {
        answer_problem(a, PROBLEM_INVALID, "/why is missing, empty or longer than 199 bytes", "a stop without a reason helps nobody later");
        return OK;
    }
    if (*target && !engine_target(e, target)) {
        answer_problem(a, PROBLEM_INVALID, "/target names no configured target", NULL);
        return OK;
    }
    if (expires && (!json_is_integer(expires) || json_integer_value(expires) < 1 || json_integer_value(expires) > 366 * 86400)) {
        answer_problem(a, PROBLEM_INVALID, "/expires_s must be a whole number of seconds from 1 to one year", NULL);
        return OK;
    }
    (void)text_copy(stop.scope, sizeof stop.scope, target);
    (void)text_copy(stop.why, sizeof stop.why, why);
    (void)text_copy(stop.actor, sizeof stop.actor, r->who.name);
    stop.expires_us = expires ? stop.created_us + json_integer_value(expires) * US_PER_S : 0;
    enum err err = store_stop_put(e->store, &stop, fault);
    if (err == OK)
        err = store_stops(e->store, e->stops, STOPS_MAX, &e->stops_count, fault);
    if (err != OK)
        return err;
    log_warn("stop switch set", F("scope", *target ? target : "everything"), F("why", why), F("by", (const char *)r->who.name));
    a->status = 200;
    char when[32];
    a->body = json_pack("{s:{s:s,s:s,s:s,s:o}}", "data", "scope", stop.scope, "why", stop.why, "actor", stop.actor,
                        "expires_at", stop.expires_us ? json_string(clock_format(stop.expires_us, when, sizeof when)) : json_null());
    return OK;
}

static enum err stop_clear(struct engine *e, struct engine_request *r, struct answer *a, struct fault *fault)
{
    const char *scope = text_of(r->body, "target", "");
    enum err    err = store_stop_delete(e->store, scope, fault);
    if (err == OK)
        err = store_stops(e->store, e->stops, STOPS_MAX, &e->stops_count, fault);
    if (err != OK)
        return err;
    log_warn("stop switch cleared", F("scope", *scope ? scope : "everything"), F("by", (const char *)r->who.name));
    a->status = 200;
    a->body = json_pack("{s:{s:s,s:b}}", "data", "scope", scope, "stopped", 0);
    return OK;
}

static enum err target_mode(struct engine *e, struct engine_request *r, struct answer *a, struct fault *fault)
{
    static const char *const names[] = { "watch", "suggest", "approve", "auto" };
    struct etarget *t = engine_target(e, r->id);
    const char     *mode = text_of(r->body, "mode", "");
    if (!t) {
        answer_problem(a, PROBLEM_NOT_FOUND, "there is no such target", NULL);
        return OK;
    }
    for (int i = 0; i < 4; i++)
        if (strcmp(mode, names[i]) == 0) {
            struct stored_target stored;
            enum err err = store_target_get(e->store, r->id, &stored, fault);
            (void)text_copy(stored.mode, sizeof stored.mode, mode);
            if (err == OK)
                err = store_target_put(e->store, r->id, &stored, clock_wall_us(e->clock), fault);
            if (err != OK)
                return err;
            t->mode = (enum target_mode)i;
            log_warn("target mode changed", F("target", (const char *)r->id), F("mode", mode), F("by", (const char *)r->who.name));
            a->status = 200;
            a->body = json_pack("{s:{s:s,s:s}}", "data", "target", r->id, "mode", mode);
            return OK;
        }
    answer_problem(a, PROBLEM_INVALID, "/mode must be watch, suggest, approve or auto", NULL);
    return OK;
}

static enum err reload(struct engine *e, struct engine_request *r, struct answer *a, struct fault *fault)
{
    (void)r;
    struct fault f = { 0 };
    if (engine_reload(e, &f) != OK) {
        answer_problem(a, PROBLEM_INVALID, f.text, f.hint[0] ? f.hint : "the old configuration stays in force");
        return OK;
    }
    (void)fault;
    a->status = 200;
    a->body = json_pack("{s:{s:b,s:s}}", "data", "reloaded", 1, "policy_version", e->policy.version);
    return OK;
}

typedef enum err command_fn(struct engine *e, struct engine_request *r, struct answer *a, struct fault *fault);
static command_fn *const commands[COMMAND_COUNT] = {
    [COMMAND_CASE_CREATE] = case_create, [COMMAND_CASE_TRANSITION] = case_transition, [COMMAND_CASE_APPROVE] = case_approve,
    [COMMAND_CASE_REJECT] = case_reject, [COMMAND_CASE_COMMENT] = case_comment, [COMMAND_PLAN_GENERATE] = plan_generate,
    [COMMAND_GATE_EVAL] = gate_eval, [COMMAND_ADAPTER_EXEC] = adapter_exec, [COMMAND_VERIFY_RUN] = verify_run,
    [COMMAND_STOP_SET] = stop_set, [COMMAND_STOP_CLEAR] = stop_clear, [COMMAND_TARGET_MODE] = target_mode, [COMMAND_RELOAD] = reload,
};

/* ---- the frame around each command ---- */

static void queue_reply(struct engine *e, struct engine_request *r, const struct answer *a, char *body, bool replayed)
{
    struct turn_reply *out = &e->replies[e->replies_count++];
    *out = (struct turn_reply){ .request = r, .status = a->status, .body = body, .version = a->version, .replayed = replayed, .retry_after_s = a->retry_after_s };
    (void)text_copy(out->location, sizeof out->location, a->location);
}

static void scoped_key(const struct engine_request *r, char *out, size_t size) { (void)snprintf(out, size, "%s/%s", r->who.name, r->key); }

/* true: the request has its answer. */
static bool replay(struct engine *e, struct engine_request *r, struct fault *fault)
{
    char                 key[IDEMPOTENCY_KEY_SIZE + 80];
    struct stored_answer stored;
    struct answer        a = { 0 };
    if (!r->key[0])
        return false;
    scoped_key(r, key, sizeof key);
    for (int i = 0; i < e->pendings; i++)
        if (strcmp(e->pending[i].request->key, r->key) == 0 && strcmp(e->pending[i].request->who.name, r->who.name) == 0) {
            bool same = strcmp(e->pending[i].request->fingerprint, r->fingerprint) == 0;
            answer_problem(&a, same ? PROBLEM_IN_FLIGHT : PROBLEM_KEY_REUSED, NULL, NULL);
            a.retry_after_s = same ? 1 : 0;
            queue_reply(e, r, &a, json_dumps(a.body, JSON_COMPACT), false);
            json_decref(a.body);
            return true;
        }
    if (store_answer_get(e->store, key, &stored, fault) != OK)
        return false;
    if (strcmp(stored.fingerprint, r->fingerprint) != 0) {
        answer_problem(&a, PROBLEM_KEY_REUSED, "use a new key for a new request", NULL);
        queue_reply(e, r, &a, json_dumps(a.body, JSON_COMPACT), false);
        json_decref(a.body);
        free(stored.body);
        e->count.conflict_422++;
        return true;
    }
    a.status = stored.status;
    a.version = stored.version;
    (void)text_copy(a.location, sizeof a.location, stored.location);
    queue_reply(e, r, &a, stored.body, true);
    e->count.replays++;
    return true;
}

static enum err remember(struct engine *e, const struct engine_request *r, const struct answer *a, char *body, struct fault *fault)
{
    if (!r->key[0] || a->status >= 500 || a->status == 429)
        return OK;
    char                 key[IDEMPOTENCY_KEY_SIZE + 80];
    struct stored_answer stored = { .status = a->status, .body = body, .version = a->version };
    scoped_key(r, key, sizeof key);
    (void)text_copy(stored.fingerprint, sizeof stored.fingerprint, r->fingerprint);
    (void)text_copy(stored.location, sizeof stored.location, a->location);
    return store_answer_put(e->store, key, &stored, clock_wall_us(e->clock), fault);
}

static void reply_unavailable(struct engine *e, struct engine_request *r, const struct fault *fault)
{
    struct answer a = { 0 };
    answer_problem(&a, PROBLEM_STORE, fault->text, fault->hint);
    a.retry_after_s = 5;
    queue_reply(e, r, &a, json_dumps(a.body, JSON_COMPACT), false);
    json_decref(a.body);
    e->count.refused_store++;
}

void command_run(struct engine *e, struct engine_request *r)
{
    struct fault  fault = { 0 };
    struct answer a = { 0 };
    (void)text_copy(e->trace_id, sizeof e->trace_id, r->trace_id);
    if (turn_begin(e, &fault) != OK) {
        reply_unavailable(e, r, &fault);
        return;
    }
    if (replay(e, r, &fault))
        return;
    if (fault.code != OK && fault.code != ERR_MISSING) {   /* an answer that cannot be read is not a new request */
        reply_unavailable(e, r, &fault);
        turn_fail(e, &fault);
        return;
    }
    if (!principal_may(&r->who, engine_command_info[r->command].least)) {
        answer_problem(&a, PROBLEM_FORBIDDEN, NULL, NULL);
        queue_reply(e, r, &a, json_dumps(a.body, JSON_COMPACT), false);
        json_decref(a.body);
        return;
    }
    int      orders = e->orders_count;
    enum err err = store_savepoint(e->store, &fault);
    if (err == OK)
        err = commands[r->command](e, r, &a, &fault);
    /* A request that is refused may still have recorded its refusal, but what it moved on the way is taken back. */
    bool refused = err == OK && a.status >= 400 && e->orders_count > orders;
    if (err == OK && refused) {
        store_rollback_to(e->store);
        e->orders_count = orders;
        err = store_savepoint(e->store, &fault);
    }
    char *body = a.body ? json_dumps(a.body, JSON_COMPACT) : NULL;
    if (err == OK && body)
        err = remember(e, r, &a, body, &fault);
    if (err == OK)
        err = store_release(e->store, &fault);
    if (err != OK) {
        store_rollback_to(e->store);
        e->orders_count = orders;
        free(body);
        json_decref(a.body);
        a.body = NULL;
        if (err == ERR_IO || err == ERR_LIMIT || err == ERR_BUSY) {
            reply_unavailable(e, r, &fault);
            turn_fail(e, &fault);
            return;
        }
        answer_fault(&a, &fault);
        body = json_dumps(a.body, JSON_COMPACT);
    }
    if (err == OK && a.waits && r->wait_us > 0 && e->pendings < PENDING_MAX) {
        struct pending *p = &e->pending[e->pendings++];
        *p = (struct pending){ .request = r, .until_verified = a.until_verified, .until_us = clock_mono_us(e->clock) + r->wait_us };
        (void)text_copy(p->case_id, sizeof p->case_id, a.case_id);
        free(body);
    } else {
        queue_reply(e, r, &a, body, false);
    }
    json_decref(a.body);
}

/* ---- requests that wait for work to end ---- */

static bool settled(const struct pending *p, const struct casefile *c)
{
    return p->until_verified ? c->state != CASE_VERIFYING : c->state != CASE_EXECUTING;
}

void pending_settle(struct engine *e)
{
    for (int i = 0; i < e->pendings; ) {
        struct pending *p = &e->pending[i];
        struct casefile c;
        struct fault    fault = { 0 };
        bool            late = clock_mono_us(e->clock) >= p->until_us;
        if (store_case_get(e->store, p->case_id, &c, NULL, &fault) != OK || (!late && !settled(p, &c))) {
            i++;
            continue;
        }
        struct answer     a = { 0 };
        struct stored_run run;
        json_t           *verdict = NULL;
        if (p->until_verified && store_run_get(e->store, c.id, &run, &fault) == OK) {
            verdict = json_incref(run.verdict);
            stored_run_done(&run);
        }
        answer_case(&a, settled(p, &c) ? 200 : 202, &c, p->until_verified ? "verdict" : NULL, verdict);
        a.retry_after_s = a.status == 202 ? 5 : 0;
        (void)snprintf(a.location, sizeof a.location, "/case/%s", c.id);
        /* The provisional 202 under the key becomes what the client is told now. */
        char *body = json_dumps(a.body, JSON_COMPACT);
        if (p->request->key[0] && turn_begin(e, &fault) == OK && remember(e, p->request, &a, body, &fault) != OK)
            log_fault(LOG_WARN, "an answer could not be stored under its key", &fault);
        queue_reply(e, p->request, &a, body, false);
        json_decref(a.body);
        e->pending[i] = e->pending[--e->pendings];
    }
}
