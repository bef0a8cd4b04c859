/* engine/command_answer.c - answers, and what every command asks first. */
#include "base/text.h"
#include "engine/commands.h"
#include "model/problem.h"

#include <stdio.h>
#include <string.h>

void command_problem(struct answer *a, enum problem p, const char *detail, const char *hint)
{
    json_decref(a->body);
    a->status = problem_status(p);
    a->body = problem_json(p, detail, hint);
}

void command_fault(struct answer *a, const struct fault *f) { command_problem(a, problem_of(f->code), f->text, f->hint); }

void command_answer(struct answer *a, int status, const struct casefile *c, const char *extra, json_t *more)
{
    json_t *data = engine_case_json(c);
    if (extra)
        json_object_set_new(data, extra, more ? more : json_null());
    a->status = status;
    a->body = json_pack("{s:o}", "data", data);
    a->version = c->version;
}

const char *command_text(const json_t *body, const char *key, const char *fallback)
{
    const char *s = json_string_value(json_object_get(body, key));
    return s ? s : fallback;
}

/* 409 with what would be legal, or 422 with the guard's reason. */
void command_refused(struct answer *a, const struct casefile *c, enum case_answer why, const struct case_decision *d)
{
    enum case_event legal[CASE_EVENT_COUNT];
    char            detail[400];
    int             n = case_events_from(c->state, legal);
    if (why == CASE_GUARDED)
        (void)snprintf(detail, sizeof detail, "%s (rule %d, case in %s)", d->why, d->rule ? d->rule->number : 0, case_state_name(c->state));
    else
        (void)snprintf(detail, sizeof detail, "a case in %s has no such transition", case_state_name(c->state));
    command_problem(a, why == CASE_GUARDED ? PROBLEM_GUARD : PROBLEM_ILLEGAL, detail, NULL);
    json_t *list = json_array();
    for (int i = 0; i < n; i++)
        json_array_append_new(list, json_string(case_event_name(legal[i])));
    json_object_set_new(a->body, "allowed_transitions", list);
    json_object_set_new(a->body, "state", json_string(case_state_name(c->state)));
    a->version = c->version;
}

/* The case that a request is about: from the route, or from "case_id" in the body. */
bool command_find(struct engine *e, const struct engine_request *r, struct answer *a, struct casefile *c, struct fault *fault)
{
    const char *id = r->id[0] ? r->id : command_text(r->body, "case_id", "");
    if (!id_valid(id)) {
        command_problem(a, r->id[0] ? PROBLEM_NOT_FOUND : PROBLEM_INVALID, r->id[0] ? "there is no such case" : "/case_id is missing or is no case id", NULL);
        return false;
    }
    enum err err = store_case_get(e->store, id, c, NULL, fault);
    if (err != OK) {
        command_fault(a, fault);
        return false;
    }
    (void)text_copy(a->case_id, sizeof a->case_id, c->id);
    return true;
}

bool command_fresh(struct engine *e, const struct engine_request *r, const struct casefile *c, struct answer *a)
{
    int64_t wanted = r->if_match;
    json_t *expected = json_object_get(r->body, "expected_version");
    if (wanted < 0 && json_is_integer(expected))
        wanted = json_integer_value(expected);
    if (wanted <= 0 || wanted == c->version)
        return true;
    char detail[160];
    (void)snprintf(detail, sizeof detail, "the case is at version %lld, not %lld", (long long)c->version, (long long)wanted);
    command_problem(a, PROBLEM_STALE, detail, "read the case again and decide anew");
    a->version = c->version;
    e->count.conflict_412++;
    return false;
}

struct cause command_cause(const struct engine_request *r, json_t **meta)
{
    json_t *given = json_object_get(r->body, "meta");
    *meta = json_is_object(given) ? json_deep_copy(given) : json_object();
    json_object_set_new(*meta, "principal", json_string(r->who.name));
    return (struct cause){ .actor = command_text(r->body, "actor", r->who.name), .reason = command_text(r->body, "reason", ""), .meta = *meta };
}
