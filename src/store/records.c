/* store/records.c - plans, decisions, approvals, actions, outcomes, budgets, stops. */
#include "store/store.h"

#include "base/text.h"
#include "store/inside.h"
#include "store/sql.h"

#include <stdlib.h>
#include <string.h>

/* ---- plans, decisions, approvals ---- */

void stored_plan_done(struct stored_plan *p)
{
    json_decref(p->plan);
    json_decref(p->proposal);
    p->plan = p->proposal = NULL;
}

enum err store_plan_add(struct store *s, const char *case_id, const struct stored_plan *p, int64_t now_us, struct fault *fault)
{
    json_t  *empty = p->proposal ? NULL : json_object();
    enum err e = db_run(s->db, sql_plan_add, fault, "ttjttjII", p->id, case_id, p->plan, p->hash, p->planner, p->proposal ? p->proposal : empty, p->case_version, now_us);
    json_decref(empty);
    return e;
}

enum err store_plan_get(struct store *s, const char *id, struct stored_plan *p, struct fault *fault)
{
    struct db_rows r;
    enum err       e = db_ask(s->db, sql_plan_get, &r, fault, "t", id);
    if (e != OK)
        return e;
    bool found = db_next(&r);
    if (found) {
        *p = (struct stored_plan){ .plan = db_json(&r, 0), .proposal = db_json(&r, 3), .case_version = db_int(&r, 4) };
        (void)text_copy(p->id, sizeof p->id, id);
        (void)text_copy(p->hash, sizeof p->hash, db_text(&r, 1));
        (void)text_copy(p->planner, sizeof p->planner, db_text(&r, 2));
    }
    e = db_end(s->db, &r, fault);
    return e == OK && !found ? fail(fault, ERR_MISSING, "there is no plan %.40s", id) : e;
}

enum err store_plan_brought(struct store *s, const char *case_id, char *who, size_t size, struct fault *fault)
{
    struct db_rows r;
    enum err       e = db_ask(s->db, sql_plan_brought, &r, fault, "t", case_id);
    if (e != OK)
        return e;
    (void)text_copy(who, size, db_next(&r) ? db_text(&r, 0) : "");
    return db_end(s->db, &r, fault);
}

enum err store_decision_add(struct store *s, const char *id, const char *case_id, const char *plan_id, const json_t *decision, const char *answer, int64_t now_us, struct fault *fault)
{
    return db_run(s->db, sql_decision_add, fault, "tttjtI", id, case_id, plan_id, decision, answer, now_us);
}

enum err store_approval_add(struct store *s, const char *id, const char *case_id, const struct stored_approval *a, const char *reason, struct fault *fault)
{
    return db_run(s->db, sql_approval_add, fault, "tttibttItII", id, case_id, a->by.name, (int)a->by.roles, a->granted, reason,
                  a->plan_hash, a->case_version, a->policy_version, a->given_us, a->expires_us);
}

enum err store_approvals(struct store *s, const char *case_id, struct stored_approval *list, int max, int *n, struct fault *fault)
{
    struct db_rows r;
    enum err       e = db_ask(s->db, sql_approval_list, &r, fault, "t", case_id);
    *n = 0;
    if (e != OK)
        return e;
    while (*n < max && db_next(&r)) {
        struct stored_approval *a = &list[(*n)++];
        *a = (struct stored_approval){ .by = { .roles = (unsigned)db_int(&r, 1) }, .granted = db_int(&r, 2) != 0, .case_version = db_int(&r, 4),
                                       .given_us = db_int(&r, 6), .expires_us = db_int(&r, 7) };
        (void)text_copy(a->by.name, sizeof a->by.name, db_text(&r, 0));
        (void)text_copy(a->plan_hash, sizeof a->plan_hash, db_text(&r, 3));
        (void)text_copy(a->policy_version, sizeof a->policy_version, db_text(&r, 5));
    }
    return db_end(s->db, &r, fault);
}

/* ---- carrying out ---- */

enum err store_action_begin(struct store *s, const char *case_id, int64_t action, const char *kind, int step, const json_t *snapshot, int64_t now_us, struct fault *fault)
{
    return db_run(s->db, sql_action_begin, fault, "tItijI", case_id, action, kind, step, snapshot, now_us);
}

enum err store_action_end(struct store *s, const char *case_id, int64_t action, const struct action_end *end, int64_t now_us, struct fault *fault)
{
    return db_run(s->db, sql_action_end, fault, "tItjttIj", case_id, action, end->outcome, end->witness, end->output, end->fault, now_us, end->snapshot);
}

enum err store_action_last(struct store *s, const char *case_id, char *outcome, size_t size, struct fault *fault)
{
    struct db_rows r;
    enum err       e = db_ask(s->db, sql_action_last, &r, fault, "t", case_id);
    if (e != OK)
        return e;
    (void)text_copy(outcome, size, db_next(&r) ? db_text(&r, 0) : "");
    return db_end(s->db, &r, fault);
}

enum err store_action_snapshot(struct store *s, const char *case_id, int step, json_t **snapshot, struct fault *fault)
{
    struct db_rows r;
    enum err       e = db_ask(s->db, sql_action_snapshot, &r, fault, "ti", case_id, step);
    *snapshot = NULL;
    if (e != OK)
        return e;
    if (db_next(&r))
        *snapshot = db_json(&r, 0);
    return db_end(s->db, &r, fault);
}

enum err store_action_begun(struct store *s, const char *case_id, int *steps, struct fault *fault)
{
    struct db_rows r;
    enum err       e = db_ask(s->db, sql_action_begun, &r, fault, "t", case_id);
    *steps = 0;
    if (e != OK)
        return e;
    if (db_next(&r))
        *steps = (int)db_int(&r, 0);
    return db_end(s->db, &r, fault);
}

enum err store_action_saw_start(struct store *s, const char *case_id, int64_t action, int64_t *start_us, struct fault *fault)
{
    struct db_rows r;
    enum err       e = db_ask(s->db, sql_action_saw_start, &r, fault, "tI", case_id, action);
    *start_us = 0;
    if (e != OK)
        return e;
    if (db_next(&r))
        *start_us = db_int(&r, 0);
    return db_end(s->db, &r, fault);
}

enum err store_action_output(struct store *s, const char *case_id, char **output, struct fault *fault)
{
    struct db_rows r;
    enum err       e = db_ask(s->db, sql_action_output, &r, fault, "t", case_id);
    *output = NULL;
    if (e != OK)
        return e;
    if (db_next(&r))
        *output = strdup(db_text(&r, 0));
    return db_end(s->db, &r, fault);
}

void stored_run_done(struct stored_run *r)
{
    json_decref(r->units);
    json_decref(r->trial);
    json_decref(r->verdict);
    free(r->undo_path);
    *r = (struct stored_run){ 0 };
}

enum err store_run_put(struct store *s, const char *case_id, const json_t *units, const char *undo_path, struct fault *fault)
{
    return db_run(s->db, sql_run_put, fault, "tjt", case_id, units, undo_path);
}

enum err store_run_anew(struct store *s, const char *case_id, struct fault *fault) { return db_run(s->db, sql_run_anew, fault, "t", case_id); }

enum err store_run_get(struct store *s, const char *case_id, struct stored_run *out, struct fault *fault)
{
    struct db_rows r;
    enum err       e = db_ask(s->db, sql_run_get, &r, fault, "t", case_id);
    *out = (struct stored_run){ 0 };
    if (e != OK)
        return e;
    bool found = db_next(&r);
    if (found)
        *out = (struct stored_run){ db_json(&r, 0), db_json(&r, 1), db_json(&r, 2), strdup(db_text(&r, 3)) };
    e = db_end(s->db, &r, fault);
    return e == OK && !found ? fail(fault, ERR_MISSING, "case %.40s has no run", case_id) : e;
}

enum err store_run_trial(struct store *s, const char *case_id, const json_t *trial, struct fault *fault)
{
    return db_run(s->db, sql_run_trial, fault, "tj", case_id, trial);
}

enum err store_run_verdict(struct store *s, const char *case_id, const json_t *verdict, struct fault *fault)
{
    return db_run(s->db, sql_run_verdict, fault, "tj", case_id, verdict);
}

/* ---- learning and limits ---- */

enum err store_outcome_add(struct store *s, const struct stored_outcome *o, int64_t now_us, struct fault *fault)
{
    json_t  *empty = json_object();
    enum err e = db_run(s->db, sql_outcome_add, fault, "tttjtbrrrrrjjI", o->case_id, o->target, o->planner, o->proposal ? o->proposal : empty, o->result, o->kept,
                        o->effect, o->lo, o->hi, o->alpha, o->degraded_s, o->verdict ? o->verdict : empty, o->workload ? o->workload : empty, now_us);
    json_decref(empty);
    return e;
}

enum err store_outcomes(struct store *s, const char *target, store_outcome_row *row, void *ctx, struct fault *fault)
{
    struct db_rows r;
    enum err       e = db_ask(s->db, sql_outcome_list, &r, fault, "t", target);
    if (e != OK)
        return e;
    while (db_next(&r)) {
        json_t *proposal = db_json(&r, 0), *verdict = db_json(&r, 8);
        row(ctx, &(struct stored_outcome){ .target = target, .planner = db_text(&r, 9), .result = db_text(&r, 1), .kept = db_int(&r, 2) != 0,
                                           .effect = db_real(&r, 3), .lo = db_real(&r, 4), .hi = db_real(&r, 5), .alpha = db_real(&r, 6),
                                           .degraded_s = db_real(&r, 7), .proposal = proposal, .verdict = verdict });
        json_decref(proposal);
        json_decref(verdict);
    }
    return db_end(s->db, &r, fault);
}

enum err store_outcome_totals(struct store *s, const char *target, int64_t now_us, int64_t span_us, int *count, double *alpha, double *degraded_s, struct fault *fault)
{
    struct db_rows r;
    enum err       e = db_ask(s->db, sql_outcome_totals, &r, fault, "tII", target, now_us, span_us);
    if (e != OK)
        return e;
    if (db_next(&r)) {
        *count = (int)db_int(&r, 0);
        *alpha = db_real(&r, 1);
        *degraded_s = db_real(&r, 2);
    }
    return db_end(s->db, &r, fault);
}

enum err store_failures(struct store *s, const char *target, int *of_last_ten, struct fault *fault)
{
    struct db_rows r;
    enum err       e = db_ask(s->db, sql_failures_recent, &r, fault, "t", target);
    if (e != OK)
        return e;
    if (db_next(&r))
        *of_last_ten = (int)db_int(&r, 0);
    return db_end(s->db, &r, fault);
}

enum err store_change_add(struct store *s, const char *target, const char *case_id, const char *kind, int64_t now_us, struct fault *fault)
{
    return db_run(s->db, sql_change_add, fault, "tttI", target, case_id, kind, now_us);
}

enum err store_change_count(struct store *s, const char *target, const char *kind, int64_t now_us, int64_t span_us, int *count, int64_t *oldest_us, int64_t *newest_us, struct fault *fault)
{
    struct db_rows r;
    enum err       e = db_ask(s->db, sql_change_count, &r, fault, "ttII", target, kind, now_us, span_us);
    if (e != OK)
        return e;
    if (db_next(&r)) {
        *count = (int)db_int(&r, 0);
        *oldest_us = db_int(&r, 1);
        *newest_us = db_int(&r, 2);
    }
    return db_end(s->db, &r, fault);
}

enum err store_stop_put(struct store *s, const struct stored_stop *stop, struct fault *fault)
{
    return db_run(s->db, sql_stop_put, fault, "tttII", stop->scope, stop->why, stop->actor, stop->created_us, stop->expires_us);
}

enum err store_stop_delete(struct store *s, const char *scope, struct fault *fault)
{
    return db_run(s->db, sql_stop_delete, fault, "t", scope);
}

enum err store_stops(struct store *s, struct stored_stop *list, int max, int *n, struct fault *fault)
{
    struct db_rows r;
    enum err       e = db_ask(s->db, sql_stop_list, &r, fault, "");
    *n = 0;
    if (e != OK)
        return e;
    while (*n < max && db_next(&r)) {
        struct stored_stop *stop = &list[(*n)++];
        *stop = (struct stored_stop){ .created_us = db_int(&r, 3), .expires_us = db_int(&r, 4) };
        (void)text_copy(stop->scope, sizeof stop->scope, db_text(&r, 0));
        (void)text_copy(stop->why, sizeof stop->why, db_text(&r, 1));
        (void)text_copy(stop->actor, sizeof stop->actor, db_text(&r, 2));
    }
    return db_end(s->db, &r, fault);
}

enum err store_target_get(struct store *s, const char *target, struct stored_target *t, struct fault *fault)
{
    struct db_rows r;
    enum err       e = db_ask(s->db, sql_target_get, &r, fault, "t", target);
    *t = (struct stored_target){ 0 };
    if (e != OK)
        return e;
    if (db_next(&r)) {
        (void)text_copy(t->mode, sizeof t->mode, db_text(&r, 0));
        t->idle_until_us = db_int(&r, 1);
        t->peak_sessions = (int)db_int(&r, 2);
    }
    return db_end(s->db, &r, fault);
}

enum err store_target_put(struct store *s, const char *target, const struct stored_target *t, int64_t now_us, struct fault *fault)
{
    return db_run(s->db, sql_target_put, fault, "ttIiI", target, t->mode[0] ? t->mode : NULL, t->idle_until_us, t->peak_sessions, now_us);
}

enum err store_event_add(struct store *s, const char *case_id, const char *severity, const char *kind, const char *title, const char *summary,
                         const json_t *labels, const json_t *reference, int64_t now_us, struct fault *fault)
{
    char id[ID_SIZE], hash[DIGEST_SIZE] = "";
    id_new(now_us, id);
    json_t  *empty = labels ? NULL : json_object();
    enum err e = db_run(s->db, sql_event_add, fault, "tItttttj", id, now_us, case_id, severity, kind, title, summary, labels ? labels : empty);
    json_decref(empty);
    if (e != OK || !reference)
        return e;
    char *text = json_dumps(reference, JSON_COMPACT | JSON_SORT_KEYS);
    if (text)
        digest_hex(text, strlen(text), hash);
    free(text);
    return db_run(s->db, sql_evidence_add, fault, "ttjtt", id, "metric", reference, title, hash);
}
