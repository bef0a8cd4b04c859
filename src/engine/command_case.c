/* engine/command_case.c - what may be asked of a case: open, move, approve, reject, comment. */
#include "base/text.h"
#include "engine/commands.h"
#include "model/problem.h"

#include <stdio.h>
#include <string.h>

enum err command_case_create(struct engine *e, struct engine_request *r, struct answer *a, struct fault *fault)
{
    const char *title = command_text(r->body, "title", ""), *target = command_text(r->body, "target", "");
    if (!*title || strlen(title) >= CASE_TITLE_SIZE) {
        command_problem(a, PROBLEM_INVALID, *title ? "/title is longer than 199 bytes" : "/title is missing or empty", NULL);
        return OK;
    }
    if (*target && !engine_target(e, target)) {
        command_problem(a, PROBLEM_INVALID, "/target names no configured target", "GET /target lists them");
        return OK;
    }
    const char *driver = command_text(r->body, "driver", "person"), *tenant = command_text(r->body, "tenant", *target ? engine_target(e, target)->conf->tenant : "default");
    if (strlen(tenant) >= CASE_NAME_SIZE) {
        command_problem(a, PROBLEM_INVALID, "/tenant is longer than 63 bytes", NULL);
        return OK;
    }
    if (strcmp(driver, "person") != 0 && strcmp(driver, "engine") != 0) {
        command_problem(a, PROBLEM_INVALID, "/driver must be person or engine", NULL);
        return OK;
    }
    struct casefile c;
    enum err err = engine_open_case(e, &c, &r->who, title, target, tenant, strcmp(driver, "engine") == 0 ? DRIVER_ENGINE : DRIVER_PERSON, fault);
    if (err != OK)
        return err;
    command_answer(a, 201, &c, NULL, NULL);
    (void)snprintf(a->location, sizeof a->location, "/case/%s", c.id);
    return OK;
}

static enum err approve(struct engine *e, struct engine_request *r, struct casefile *c, bool granted, struct answer *a, struct fault *fault)
{
    if (c->state != CASE_WAIT_GATE) {
        struct case_decision none = { 0 };
        command_refused(a, c, CASE_ILLEGAL, &none);
        e->count.conflict_409++;
        return OK;
    }
    const json_t *looked_at = json_object_get(r->body, "plan_hash");
    if (looked_at && !json_is_string(looked_at) && !json_is_null(looked_at)) {
        command_problem(a, PROBLEM_INVALID, "/plan_hash must be the text that GET /case/{id} shows", NULL);
        return OK;
    }
    if (json_is_string(looked_at) && strcmp(json_string_value(looked_at), c->plan_hash) != 0) {
        command_problem(a, PROBLEM_STALE, "the plan at the gate is another one than the one you looked at", "read the case again and decide anew");
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
    err = store_approval_add(e->store, id, c->id, &yes, command_text(r->body, "reason", ""), fault);
    struct gate_verdict v;
    json_t *meta;
    struct cause why = command_cause(r, &meta);
    if (err == OK)
        err = engine_ask_gate(e, c, &why, &v, fault);
    json_decref(meta);
    if (err == OK)
        command_answer(a, 200, c, "verdict", gate_verdict_json(&v));
    if (err == OK && granted && v.answer == GATE_REJECT) {
        json_t *verdict = gate_verdict_json(&v);
        command_problem(a, PROBLEM_GUARD, v.why, NULL);
        json_object_set_new(a->body, "verdict", verdict);
    }
    return err;
}

enum err command_case_approve(struct engine *e, struct engine_request *r, struct answer *a, struct fault *fault)
{
    struct casefile c;
    if (!command_find(e, r, a, &c, fault) || !command_fresh(e, r, &c, a))
        return OK;
    return approve(e, r, &c, true, a, fault);
}

enum err command_case_reject(struct engine *e, struct engine_request *r, struct answer *a, struct fault *fault)
{
    struct casefile c;
    if (!command_find(e, r, a, &c, fault) || !command_fresh(e, r, &c, a))
        return OK;
    return approve(e, r, &c, false, a, fault);
}

/* Anybody may say what is in force, but only the target can prove it: see stages.c for what reads it back. */
enum err command_case_transition(struct engine *e, struct engine_request *r, struct answer *a, struct fault *fault)
{
    struct casefile c;
    enum case_event on;
    const char     *event = command_text(r->body, "event", "");
    if (!command_find(e, r, a, &c, fault) || !command_fresh(e, r, &c, a))
        return OK;
    if (!case_event_parse(event, &on) || on == ON_DEADLINE || on == ON_UNKNOWN) {
        command_problem(a, PROBLEM_INVALID, *event ? "/event is no event that can be sent" : "/event is missing",
                       "start_analysis, analysis_done, plan_ready, gate_approved, gate_rejected, exec_done, exec_failed, verify_pass, verify_failed, resume, give_up, cancel, in_force_proven");
        return OK;
    }
    bool needs_approver = on == ON_GATE_APPROVED || on == ON_GATE_REJECTED || on == ON_PROVEN;
    if (needs_approver && !principal_may(&r->who, ROLE_APPROVER)) {
        command_problem(a, PROBLEM_FORBIDDEN, "this event needs the role approver", NULL);
        return OK;
    }
    if ((on == ON_GATE_APPROVED || on == ON_GATE_REJECTED) && c.state == CASE_WAIT_GATE)
        return approve(e, r, &c, on == ON_GATE_APPROVED, a, fault);

    struct case_decision d;
    enum case_answer     said;
    struct case_input    in = { .kind = INPUT_EVENT, .event = on, .facts = { .recover_max = RECOVER_MAX } };
    json_t              *meta;
    struct cause         why = command_cause(r, &meta);
    enum err err = engine_feed(e, &c, &in, &why, &said, &d, fault);
    json_decref(meta);
    if (err != OK)
        return err;
    if (said == CASE_MOVED)
        command_answer(a, 200, &c, NULL, NULL);
    else
        command_refused(a, &c, said, &d);
    return OK;
}

enum err command_case_comment(struct engine *e, struct engine_request *r, struct answer *a, struct fault *fault)
{
    struct casefile c;
    if (!command_find(e, r, a, &c, fault))
        return OK;
    const char *text = command_text(r->body, "text", command_text(r->body, "reason", ""));
    if (!*text || strlen(text) > 4000) {
        command_problem(a, PROBLEM_INVALID, "/text is missing, empty or longer than 4000 bytes", NULL);
        return OK;
    }
    json_t *meta;
    struct cause why = command_cause(r, &meta);
    why.reason = text;
    enum err err = engine_remark(e, &c, "comment", &why, fault);
    json_decref(meta);
    if (err == OK)
        command_answer(a, 200, &c, NULL, NULL);
    return err;
}
