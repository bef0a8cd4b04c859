/* model/plan.c - from JSON to struct plan, refusing by name what does not fit. */
#include "model/plan.h"

#include "base/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const struct plan_action_info plan_action_info[PLAN_ACTION_COUNT] = {
#define X(id, name, dangerous, text) [PLAN_##id] = { name, dangerous, text },
    PLAN_ACTION_MAP(X)
#undef X
};

bool plan_action_parse(const char *name, enum plan_action *action)
{
    for (int i = 0; i < PLAN_ACTION_COUNT; i++)
        if (strcmp(plan_action_info[i].name, name) == 0) {
            *action = (enum plan_action)i;
            return true;
        }
    return false;
}

static enum err parse_whole(const json_t *step, size_t at, const char *key, int lo, int hi, bool required, int *out, struct fault *fault)
{
    const json_t *v = json_object_get(step, key);
    if (!v && !required)
        return OK;
    if (!v)
        return fail(fault, ERR_INPUT, "/steps/%zu/%s is missing", at, key);
    if (!json_is_integer(v) || json_integer_value(v) < lo || json_integer_value(v) > hi)
        return fail(fault, ERR_INPUT, "/steps/%zu/%s must be a whole number from %d to %d", at, key, lo, hi);
    *out = (int)json_integer_value(v);
    return OK;
}

static enum err parse_step(json_t *json, size_t at, struct plan_step *step, struct fault *fault)
{
    if (!json_is_object(json))
        return fail(fault, ERR_INPUT, "/steps/%zu must be an object", at);
    const char *action = json_string_value(json_object_get(json, "action"));
    if (!action || !plan_action_parse(action, &step->action)) {
        (void)fail(fault, ERR_INPUT, "/steps/%zu/action %s%s%s", at, action ? "\"" : "", action ? action : "is missing or not text", action ? "\" is not known" : "");
        fail_hint(fault, "known actions: noop, script.exec, postgres.set, postgres.restart, k8s.rollout, gateway.flip");
        return ERR_INPUT;
    }
    step->params = json_object_get(json, "params");
    if (!step->params) {
        step->params = json_object();
        if (!step->params || json_object_set_new(json, "params", step->params) != 0)
            return fail(fault, ERR_LIMIT, "no memory for a plan step");
    }
    if (!json_is_object(step->params))
        return fail(fault, ERR_INPUT, "/steps/%zu/params must be an object", at);
    enum err e = parse_whole(json, at, "timeout_s", 10, 86400, true, &step->timeout_s, fault);
    if (e == OK)
        e = parse_whole(json, at, "retry", 0, 3, true, &step->retry, fault);
    if (e == OK)
        e = parse_whole(json, at, "watch_s", 0, 86400, false, &step->watch_s, fault);
    return e;
}

static enum err parse_into(struct plan *plan, struct fault *fault)
{
    const char *title = json_string_value(json_object_get(plan->json, "title"));
    if (!title || !*title)
        return fail(fault, ERR_INPUT, "/title is missing or not text");
    if (!text_copy(plan->title, sizeof plan->title, title))
        return fail(fault, ERR_INPUT, "/title is longer than %d bytes", PLAN_TITLE_SIZE - 1);

    const json_t *risk = json_object_get(plan->json, "risk_score");
    plan->risk_score = risk ? json_number_value(risk) : (double)NAN;
    if (risk && (!json_is_number(risk) || plan->risk_score < 0 || plan->risk_score > 1))
        return fail(fault, ERR_INPUT, "/risk_score must be a number from 0 to 1");

    json_t *steps = json_object_get(plan->json, "steps");
    size_t  n = json_array_size(steps);
    if (!json_is_array(steps) || n < 1 || n > PLAN_STEPS_MAX)
        return fail(fault, ERR_INPUT, "/steps must be a list of 1 to %d steps", PLAN_STEPS_MAX);
    for (size_t i = 0; i < n; i++) {
        enum err e = parse_step(json_array_get(steps, i), i, &plan->step[i], fault);
        if (e != OK)
            return e;
    }
    plan->steps = (int)n;

    plan->rollback = json_object_get(plan->json, "rollback");
    if (!json_is_object(plan->rollback))
        return fail(fault, ERR_INPUT, "/rollback is missing or not an object");
    plan->verify = json_object_get(plan->json, "verify");
    if (!json_is_object(plan->verify))
        return fail(fault, ERR_INPUT, "/verify is missing or not an object");

    char *canonical = plan_canonical(plan->json);
    if (!canonical)
        return fail(fault, ERR_INPUT, "the plan cannot be written as JSON");
    size_t size = strlen(canonical);
    if (size <= PLAN_BYTES_MAX)
        digest_hex(canonical, size, plan->hash);
    free(canonical);
    return size <= PLAN_BYTES_MAX ? OK : fail(fault, ERR_LIMIT, "the plan is larger than %d bytes", PLAN_BYTES_MAX);
}

enum err plan_parse(json_t *json, struct plan *plan, struct fault *fault)
{
    if (!json_is_object(json))
        return fail(fault, ERR_INPUT, "a plan must be a JSON object");
    *plan = (struct plan){ .json = json_incref(json) };
    enum err e = parse_into(plan, fault);
    if (e != OK)
        plan_done(plan);
    return e;
}

enum err plan_parse_text(const char *text, struct plan *plan, struct fault *fault)
{
    json_error_t where;
    json_t      *json = json_loads(text, JSON_REJECT_DUPLICATES, &where);
    if (!json)
        return fail(fault, ERR_INPUT, "not JSON: %s (line %d, column %d)", where.text, where.line, where.column);
    enum err e = plan_parse(json, plan, fault);
    json_decref(json);
    return e;
}

void plan_done(struct plan *plan)
{
    json_decref(plan->json);
    *plan = (struct plan){ 0 };
}

char *plan_canonical(const json_t *json) { return json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(17)); }
