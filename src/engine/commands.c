/*
 * engine/commands.c - the frame around each command.
 *
 * The order of checks is the same for all: replay of a known Idempotency-Key,
 * precondition (If-Match), validation, and only then the change.  Answers,
 * refusals included, are stored under the key in the same transaction.
 */
#include "engine/commands.h"

#include "base/log.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static command_fn *const commands[COMMAND_COUNT] = {
    [COMMAND_CASE_CREATE] = command_case_create, [COMMAND_CASE_TRANSITION] = command_case_transition, [COMMAND_CASE_APPROVE] = command_case_approve,
    [COMMAND_CASE_REJECT] = command_case_reject, [COMMAND_CASE_COMMENT] = command_case_comment, [COMMAND_PLAN_GENERATE] = command_plan_generate,
    [COMMAND_GATE_EVAL] = command_gate_eval, [COMMAND_ADAPTER_EXEC] = command_adapter_exec, [COMMAND_VERIFY_RUN] = command_verify_run,
    [COMMAND_STOP_SET] = command_stop_set, [COMMAND_STOP_CLEAR] = command_stop_clear, [COMMAND_TARGET_MODE] = command_target_mode, [COMMAND_KNOWLEDGE_IMPORT] = command_knowledge_import,
    [COMMAND_RELOAD] = command_reload,
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
            command_problem(&a, same ? PROBLEM_IN_FLIGHT : PROBLEM_KEY_REUSED, NULL, NULL);
            a.retry_after_s = same ? 1 : 0;
            queue_reply(e, r, &a, json_dumps(a.body, JSON_COMPACT), false);
            json_decref(a.body);
            return true;
        }
    if (store_answer_get(e->store, key, &stored, fault) != OK)
        return false;
    if (strcmp(stored.fingerprint, r->fingerprint) != 0) {
        command_problem(&a, PROBLEM_KEY_REUSED, "use a new key for a new request", NULL);
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
    command_problem(&a, PROBLEM_STORE, fault->text, fault->hint);
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
        command_problem(&a, PROBLEM_FORBIDDEN, NULL, NULL);
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
        command_fault(&a, &fault);
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

/* What the case has come to. */
static void tell_pending(struct engine *e, const struct pending *p, const struct casefile *c, struct answer *a)
{
    struct stored_run run;
    struct fault      ignored;
    json_t           *verdict = NULL;
    if (p->until_verified && store_run_get(e->store, c->id, &run, &ignored) == OK) {
        verdict = json_incref(run.verdict);
        stored_run_done(&run);
    }
    command_answer(a, settled(p, c) ? 200 : 202, c, p->until_verified ? "verdict" : NULL, verdict);
    a->retry_after_s = a->status == 202 ? 5 : 0;
    (void)snprintf(a->location, sizeof a->location, "/case/%s", c->id);
}

void pending_settle(struct engine *e)
{
    for (int i = 0; i < e->pendings; ) {
        struct pending *p = &e->pending[i];
        struct casefile c;
        struct answer   a = { 0 };
        struct fault    fault = { 0 };
        bool            late = clock_mono_us(e->clock) >= p->until_us, known = store_case_get(e->store, p->case_id, &c, NULL, &fault) == OK;
        if (!late && !(known && settled(p, &c))) {
            i++;
            continue;
        }
        if (known)
            tell_pending(e, p, &c, &a);
        else
            command_fault(&a, &fault);
        /* The provisional 202 under the key becomes what the client is told now. */
        char *body = json_dumps(a.body, JSON_COMPACT);
        if (known && p->request->key[0] && turn_begin(e, &fault) == OK && remember(e, p->request, &a, body, &fault) != OK)
            log_fault(LOG_WARN, "an answer could not be stored under its key", &fault);
        queue_reply(e, p->request, &a, body, false);
        json_decref(a.body);
        e->pending[i] = e->pending[--e->pendings];
    }
}
