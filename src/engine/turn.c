/*
 * engine/turn.c - one turn: take what waits in the queue, decide everything in one transaction, commit, reply, give orders.
 *
 * Orders may lead to further turns at once.  The thread never waits for anything but the disk; when that fails, nothing of the turn
 * has happened, and nothing is done until it can be written again.
 */
#include "base/log.h"
#include "base/text.h"
#include "engine/inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void turn_trace(struct engine *e) { id_random_hex(e->trace_id, 16); }

enum err turn_begin(struct engine *e, struct fault *fault)
{
    if (e->in_turn)
        return OK;
    if (e->degraded[0])
        return fail(fault, ERR_LIMIT, "%s", e->degraded);
    enum err err = store_begin(e->store, fault);
    e->in_turn = err == OK;
    return err;
}

static void send_replies(struct engine *e)
{
    for (int i = 0; i < e->replies_count; i++) {
        struct turn_reply  *r = &e->replies[i];
        struct engine_reply out = { .status = r->status, .body = r->body ? r->body : "{}", .version = r->version, .replayed = r->replayed, .retry_after_s = r->retry_after_s };
        (void)text_copy(out.location, sizeof out.location, r->location);
        r->request->reply(r->request->reply_ctx, &out);
        engine_request_free(r->request);
        free(r->body);
    }
    e->replies_count = 0;
}

/* The store let us down: nothing of this turn happened, everybody is told, and the engine stops acting until it can write again. */
void turn_fail(struct engine *e, const struct fault *fault)
{
    if (e->in_turn)
        store_rollback(e->store);
    e->in_turn = false;
    e->orders_count = 0;
    e->outbox_waits = e->outbox_waits || e->marks_count > 0;
    e->marks_count = 0;
    if (!e->degraded[0]) {
        (void)snprintf(e->degraded, sizeof e->degraded, "the store cannot be written: %.240s", fault->text);
        log_fault(LOG_ERROR, "the store cannot be written; the engine stops acting until it can", fault);
        e->retry_store_us = clock_mono_us(e->clock) + 2 * US_PER_S;   /* whatever else fails meanwhile does not put this off */
    }
    json_t *problem = json_pack("{s:s,s:s,s:i,s:s,s:s}", "type", "urn:homeostat:problem:store-unavailable", "title", "The store cannot be written; nothing was changed",
                                "status", 503, "detail", fault->text, "hint", fault->hint);
    for (int i = 0; i < e->replies_count; i++) {
        struct turn_reply *r = &e->replies[i];
        free(r->body);
        r->body = json_dumps(problem, JSON_COMPACT);
        r->status = 503;
        r->version = 0;
        r->location[0] = '\0';
        r->retry_after_s = 5;
    }
    json_decref(problem);
    send_replies(e);
    if (store_is_fatal(e->store)) {
        log_error("fsync failed: what is on disk cannot be known any more; ending, so that the next start recovers from what is there");
        e->quitting = true;
        uv_stop(&e->loop);
    }
}

enum err turn_outlives(struct engine *e, enum err err, const char *what, const struct fault *fault)
{
    if (err == ERR_MISSING || err == ERR_CONFLICT)
        log_fault(LOG_WARN, what, fault);
    else if (err != OK)
        turn_fail(e, fault);
    return err;
}

/* After an error the store is tried with a real write before anything else is. */
static void try_store_again(struct engine *e)
{
    struct fault fault = { 0 };
    if (!e->degraded[0] || clock_mono_us(e->clock) < e->retry_store_us)
        return;
    e->retry_store_us = clock_mono_us(e->clock) + 2 * US_PER_S;
    enum err err = store_begin(e->store, &fault);
    if (err == OK)
        err = store_event_add(e->store, NULL, "WARN", "incident", "store writable again", e->degraded, NULL, NULL, clock_wall_us(e->clock), &fault);
    if (err == OK)
        err = store_commit(e->store, &fault);
    if (err != OK) {
        store_rollback(e->store);
        return;
    }
    e->degraded[0] = '\0';
    log_info("the store can be written again; going on");
    struct fault again = { 0 };
    if (autopilot_recall(e, &again) != OK || outcomes_recall_all(e, &again) != OK || stages_recover(e, &again) != OK)
        turn_fail(e, &again);
}

void turn_end(struct engine *e)
{
    struct fault fault = { 0 };
    if (e->in_turn) {
        enum err err = relay_mark(e, &fault);
        if (err == OK)
            err = store_commit(e->store, &fault);
        if (err != OK) {
            turn_fail(e, &fault);
            return;
        }
        e->in_turn = false;
    }
    relay_run(e);
    /* Whoever reads /metrics after its answer finds itself counted. */
    pthread_mutex_lock(&e->live_lock);
    e->published = e->count;
    pthread_mutex_unlock(&e->live_lock);
    send_replies(e);
}

static void handle_sample(struct engine *e, struct note *n)
{
    struct etarget *t = &e->target[n->target];
    pthread_mutex_lock(&e->live_lock);
    live_sample(t, n->as.sample);
    pthread_mutex_unlock(&e->live_lock);
    history_sample(e, t, n->as.sample);
    prove_sample(e, t, n->as.sample);
    t->last = *n->as.sample;
    t->seen = true;
}

static void handle(struct engine *e, struct note *n)
{
    struct fault fault = { 0 };
    enum err     err = OK;
    switch (n->kind) {
    case NOTE_REQUEST:
        command_run(e, n->as.request);
        n->as.request = NULL;
        break;
    case NOTE_RESULT: err = stage_result(e, n->as.job, &fault); break;
    case NOTE_SAMPLE: handle_sample(e, n); break;
    case NOTE_FACTS: {
        struct etarget *t = &e->target[n->target];
        meddling_facts(t, n->as.facts);
        meddling_while_away(e, t, n->as.facts);
        free(t->facts);
        t->facts = n->as.facts;
        n->as.facts = NULL;
        json_decref(t->facts_json);
        t->facts_json = NULL;
        autopilot_facts(e, t);
        break;
    }
    case NOTE_LOOK: err = stage_looked(e, n->as.job, &fault); break;
    case NOTE_DRY_RUN:
        err = turn_begin(e, &fault);
        if (err == OK)
            err = store_event_add(e->store, n->as.job->case_id, "INFO", "dry_run", "what would be run, and its undo", n->as.job->output, NULL, NULL, clock_wall_us(e->clock), &fault);
        break;
    case NOTE_CHECKPOINT: {
        struct etarget *t = &e->target[n->target];
        bool            done = n->as.job->answer == RUN_ON_DONE;
        if (!done && n->as.job->outcome) {      /* the server goes on with it: it is to be told from those of a log that fills too fast */
            log_debug("a CHECKPOINT for a measurement is not waited for", F("target", t->conf->name), F("why", (const char *)n->as.job->fault.text));
        } else if (!done) {
            log_fault(LOG_WARN, "a CHECKPOINT for a measurement failed", &n->as.job->fault);
            t->own_checkpoints -= t->own_checkpoints > 0;
        }
        t->checkpoint_asked = false;
        if (t->trial && t->trial_waits) {
            t->trial_waits = false;
            if (done)
                trial_checkpointed(t->trial, clock_mono_us(e->clock));
            else
                trial_checkpoint_failed(t->trial, n->as.job->fault.text);
        }
        break;
    }
    case NOTE_QUIT: e->quitting = true; break;
    }
    (void)turn_outlives(e, err, "a note could not be used", &fault);
    note_free(n);
}

static void run_turns(struct engine *e)
{
    for (int taken = 0; taken < TURN_NOTES_MAX; taken++) {
        struct note *n = queue_take(&e->notes);
        if (!n)
            break;
        turn_trace(e);
        handle(e, n);
    }
    pending_settle(e);
    turn_end(e);
    /* Orders lead to further decisions; each round is a transaction of its own. The bound is a guard against a loop of our own making. */
    for (int round = 0; round < 64 && e->orders_count > 0 && !e->degraded[0]; round++) {
        stages_run(e);
        pending_settle(e);
        turn_end(e);
    }
    if (queue_length(&e->notes) > 0)
        uv_async_send(&e->wake);
    if (e->quitting)
        uv_stop(&e->loop);
}

void turn_on_wake(uv_async_t *a) { run_turns(a->data); }

static void check_deadlines(struct engine *e)
{
    char       (*ids)[ID_SIZE] = NULL;
    int          n = 0;
    struct fault fault = { 0 };
    if (store_case_due(e->store, clock_wall_us(e->clock), &ids, &n, &fault) != OK)
        return;
    for (int i = 0; i < n && !e->degraded[0]; i++) {
        struct cause why = { .actor = "clock", .reason = "" };
        if (engine_event(e, ids[i], ON_DEADLINE, &why, &fault) != OK)
            turn_fail(e, &fault);
    }
    free(ids);
}

/* Deadlines are told by the wall clock. One that was set while it was far ahead would keep its case for as long as it was wrong. */
static void follow_clock(struct engine *e)
{
    int64_t      now = clock_wall_us(e->clock), slack = 60 * US_PER_S;
    struct fault fault = { 0 };
    int          cases = 0;
    enum err     err = OK;
    if (e->wall_us == 0 || now < e->wall_us - slack) {
        err = turn_begin(e, &fault);
        if (err == OK)
            err = store_case_clock_back(e->store, now, slack, &cases, &fault);
    }
    if (cases > 0)
        log_warn("the clock was set back; open cases have as much time left as before", F("cases", cases));
    if (err == OK)
        e->wall_us = now;
    else
        turn_fail(e, &fault);
}

/* Answers and published messages are kept for longer than any client retries, and not for ever. */
static void house_keeping(struct engine *e)
{
    struct fault fault = { 0 };
    int64_t      now = clock_mono_us(e->clock);
    if (now >= e->count_again_us) {
        e->count_again_us = now + 5 * US_PER_S;
        int counts[CASE_STATE_COUNT];
        if (store_case_counts(e->store, counts, &fault) == OK) {
            pthread_mutex_lock(&e->live_lock);
            memcpy(e->cases_by_state, counts, sizeof counts);
            pthread_mutex_unlock(&e->live_lock);
        } else {
            log_fault(LOG_WARN, "the open cases cannot be counted", &fault);
        }
    }
    if (now < e->forget_again_us || e->degraded[0])
        return;
    e->forget_again_us = now + 3600 * US_PER_S;
    enum err err = turn_begin(e, &fault);
    if (err == OK)
        err = store_forget(e->store, clock_wall_us(e->clock) - KEEP_MESSAGES_US, &fault);
    if (err != OK)
        turn_fail(e, &fault);
}

void turn_on_tick(uv_timer_t *timer)
{
    struct engine *e = timer->data;
    struct fault   fault = { 0 };
    atomic_store(&e->alive_us, clock_mono_us(e->clock));
    turn_trace(e);
    try_store_again(e);
    house_keeping(e);
    if (!e->degraded[0])
        follow_clock(e);
    if (!e->degraded[0]) {
        check_deadlines(e);
        if (prove_tick(e, &fault) != OK || autopilot_tick(e, &fault) != OK)
            turn_fail(e, &fault);
    }
    live_refresh(e);
    run_turns(e);
}

/* What the workers still had to say is written down; what would follow from it is left to the next start. */
void turn_last_words(struct engine *e)
{
    for (struct note *n; (n = queue_take(&e->notes)); ) {
        turn_trace(e);
        if (n->kind == NOTE_RESULT || n->kind == NOTE_LOOK || n->kind == NOTE_DRY_RUN)
            handle(e, n);
        else
            note_free(n);
    }
    turn_end(e);
    e->orders_count = 0;
}
