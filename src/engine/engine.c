/*
 * engine/engine.c - the engine's life, its queue of notes, and the turn.
 *
 * A turn: take what waits in the queue, decide everything in one transaction,
 * commit, reply, give orders; orders may lead to further turns at once.  The
 * thread never waits for anything but the disk.
 */
#include "engine/host.h"

#include "base/crash.h"
#include "base/log.h"
#include "base/text.h"
#include "base/utf8.h"
#include "engine/inside.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const struct engine_command_info engine_command_info[COMMAND_COUNT] = {
#define X(id, name, method, route, role, text) [COMMAND_##id] = { name, method, route, role, text },
    ENGINE_COMMAND_MAP(X)
#undef X
};

void engine_request_free(struct engine_request *r)
{
    if (!r)
        return;
    json_decref(r->body);
    free(r);
}

void note_free(struct note *n)
{
    if (!n)
        return;
    switch (n->kind) {
    case NOTE_REQUEST: engine_request_free(n->as.request); break;
    case NOTE_RESULT: case NOTE_DRY_RUN: case NOTE_CHECKPOINT: case NOTE_LOOK: job_free(n->as.job); break;
    case NOTE_SAMPLE: free(n->as.sample); break;
    case NOTE_FACTS: free(n->as.facts); break;
    case NOTE_QUIT: break;
    }
    free(n);
}

enum err engine_note(struct engine *e, struct note *n, struct fault *fault) { return queue_put(&e->notes, n, fault); }

enum err engine_submit(struct engine *e, struct engine_request *r, struct fault *fault)
{
    struct note *n = calloc(1, sizeof *n);
    if (!n)
        return fail(fault, ERR_BUSY, "no memory for a request");
    *n = (struct note){ .kind = NOTE_REQUEST, .target = -1, .as.request = r };
    enum err err = engine_note(e, n, fault);
    if (err != OK)
        free(n);
    return err;
}

struct etarget *engine_target(struct engine *e, const char *name)
{
    int i = engine_target_index(e, name);
    return i < 0 ? NULL : &e->target[i];
}

int engine_target_index(struct engine *e, const char *name)
{
    for (int i = 0; i < e->targets && name && *name; i++)
        if (strcmp(e->target[i].conf->name, name) == 0)
            return i;
    return -1;
}

/* ---- the turn ---- */

enum { REPLIES_MAX = TURN_NOTES_MAX + PENDING_MAX };

static void new_trace(struct engine *e) { id_random_hex(e->trace_id, 16); }

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

static void turn_end(struct engine *e)
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
        prove_facts(t, n->as.facts);
        prove_still_there(e, t, n->as.facts);
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
    if (err == ERR_MISSING || err == ERR_CONFLICT)
        log_fault(LOG_WARN, "a note could not be used", &fault);
    else if (err != OK)
        turn_fail(e, &fault);
    note_free(n);
}

static void run_turns(struct engine *e)
{
    for (int taken = 0; taken < TURN_NOTES_MAX; taken++) {
        struct note *n = queue_take(&e->notes);
        if (!n)
            break;
        new_trace(e);
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

static void on_wake(uv_async_t *a) { run_turns(a->data); }

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

static void on_tick(uv_timer_t *timer)
{
    struct engine *e = timer->data;
    struct fault   fault = { 0 };
    atomic_store(&e->alive_us, clock_mono_us(e->clock));
    new_trace(e);
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

/* ---- life ---- */

static void on_quit_signal(uv_signal_t *s, int number)
{
    struct engine *e = s->data;
    log_info("stopping", F("signal", number));
    e->quitting = true;
    uv_stop(&e->loop);
}

static void on_hangup(uv_signal_t *s, int number)
{
    (void)number;
    struct fault fault = { 0 };
    if (engine_reload(s->data, &fault) != OK)
        log_fault(LOG_ERROR, "the configuration was not reloaded; the old one stays in force", &fault);
}

static void wake_engine(void *ctx) { uv_async_send(&((struct engine *)ctx)->wake); }

/* One file may serve several installations, so it is no mistake; but a name that is misspelt freezes nothing. */
static void tell_idle_freezes(const struct daemon_conf *d, const struct policy *p)
{
    for (int i = 0; i < p->freezes; i++) {
        bool known = p->freeze[i].target[0] == '\0';
        for (size_t k = 0; k < d->targets; k++)
            known = known || strcmp(d->target[k].name, p->freeze[i].target) == 0;
        if (!known)
            log_warn("a freeze of the policy is about no target of the configuration", F("target", (const char *)p->freeze[i].target), F("freeze", (const char *)p->freeze[i].why));
    }
}

static enum err load_policy(const struct daemon_conf *d, struct policy *p, struct fault *fault)
{
    policy_default(p);
    enum err err = d->policy->file[0] ? policy_read(d->policy->file, p, NULL, fault) : OK;
    if (err == OK)
        tell_idle_freezes(d, p);
    return err;
}

static enum err load_templates(const struct daemon_conf *d, struct template_set **set, struct fault *fault)
{
    *set = NULL;
    return d->runbooks->folder[0] ? templates_load(d->runbooks->folder, set, fault) : templates_built_in(set, fault);
}

/* What was said last counts: a mode that is changed in the file stands over one that a person set before, one that is not does not. */
static void reload_target(struct engine *e, struct etarget *t, const struct daemon_target *fresh)
{
    struct fault fault = { 0 };
    bool         other_mode = fresh->mode != t->conf->mode;
    t->conf = fresh;
    if (autopilot_equip(t, &fault) != OK)
        log_fault(LOG_ERROR, "a target's commands stay as they were", &fault);
    if (!other_mode)
        return;
    t->mode = (enum target_mode)fresh->mode;
    log_warn("target mode changed", F("target", fresh->name), F("mode", target_mode_name(t->mode)), F("by", "the configuration"));
    struct stored_target stored;
    enum err err = turn_begin(e, &fault);
    if (err == OK)
        err = store_target_get(e->store, fresh->name, &stored, &fault);
    stored.mode[0] = '\0';
    if (err == OK)
        err = store_target_put(e->store, fresh->name, &stored, clock_wall_us(e->clock), &fault);
    if (err != OK)
        log_fault(LOG_ERROR, "a mode that a person set before will be in force again after a restart", &fault);
}

static void tell_changes(const struct conf *fresh)
{
    size_t n;
    const struct conf_change *change = conf_changes(fresh, &n);
    struct text t CLEANUP(text_done);
    text_init(&t, 4096);
    for (size_t i = 0; i < n; i++) {
        text_clear(&t);
        conf_change_text(&change[i], &t);
        if (change[i].waits)
            log_warn("a change of the configuration waits for a restart of homeostat", F("change", t.s));
        else
            log_info("a change of the configuration", F("change", t.s));
    }
}

/* What was in force may still be pointed into; it goes with the engine. Without memory for the note it stays for good. */
static void keep_past(struct engine *e)
{
    struct conf **more = realloc(e->past, (e->pasts + 1) * sizeof *more);
    if (!more)
        return;
    e->past = more;
    e->past[e->pasts++] = e->conf;
}

/* Whoever has just changed it must not take it for done. */
static void note_waits(struct engine *e, const struct conf *fresh)
{
    struct text               t CLEANUP(text_done);
    size_t                    n;
    const struct conf_change *change = conf_changes(fresh, &n);
    json_decref(e->waits);
    e->waits = json_array();
    text_init(&t, 2048);
    for (size_t i = 0; i < n; i++) {
        text_clear(&t);
        conf_change_text(&change[i], &t);
        utf8_clean(t.s, '?');
        if (change[i].waits)
            json_array_append_new(e->waits, json_string(t.s));
    }
}

/* What is in force stays as it is: nothing has changed, or only what waits. */
static bool is_the_same(const struct conf *fresh)
{
    size_t                    n;
    const struct conf_change *change = conf_changes(fresh, &n);
    bool                      same = n < CONF_CHANGES_MAX;      /* beyond that they are not told one by one */
    for (size_t i = 0; i < n; i++)
        same &= change[i].waits;
    return same;
}

/*
 * Everything is read before anything is changed: a bad file changes nothing, and a worker that begins meanwhile sees nothing of what is freed then.
 * Whoever reloads every minute keeps no copy of each.
 */
enum err engine_reload(struct engine *e, struct fault *fault)
{
    struct conf          *fresh = NULL;
    struct policy         policy;
    struct template_set  *templates = NULL;
    enum err err = conf_reload(e->conf, &fresh, NULL, fault);
    if (err != OK)
        return err;
    bool               same = is_the_same(fresh);
    struct daemon_conf d = same ? e->d : daemon_conf_of(fresh);
    err = load_policy(&d, &policy, fault);
    if (err == OK)
        err = load_templates(&d, &templates, fault);
    if (err != OK) {
        conf_free(fresh);
        return err;
    }
    e->d = d;
    /* Targets keep pointing into the old configuration's names; both live until the end of the process. */
    for (int i = 0; i < e->targets; i++)
        for (size_t k = 0; k < e->d.targets; k++)
            if (strcmp(e->d.target[k].name, e->target[i].conf->name) == 0)
                reload_target(e, &e->target[i], &e->d.target[k]);
    struct fault why = { 0 };
    if (knowing_mark_again(e, &why) != OK)
        log_fault(LOG_ERROR, "what tenants share is written down as soon as the store can be written", &why);
    tell_changes(fresh);
    note_waits(e, fresh);
    if (same) {
        conf_free(fresh);
    } else {
        keep_past(e);
        e->conf = fresh;
    }
    e->policy = policy;
    templates_free(e->templates);
    e->templates = templates;
    log_setup(e->d.log->format, e->d.log->level, NULL);
    log_info("configuration reloaded", F("policy_version", (const char *)e->policy.version));
    if (e->reloaded)
        e->reloaded(e->reloaded_ctx);
    return OK;
}

static enum err open_parts(struct engine *e, struct fault *fault)
{
    enum err err;
    e->d = daemon_conf_of(e->conf);
    e->folder = e->d.store->folder;
    log_setup(e->d.log->format, e->d.log->level, NULL);
    if ((err = load_policy(&e->d, &e->policy, fault)) != OK || (err = load_templates(&e->d, &e->templates, fault)) != OK)
        return err;
    if ((err = store_open(e->d.store->folder, &e->store, fault)) != OK)
        return err;
    if ((err = queue_init(&e->notes, NOTES_MAX, wake_engine, e, fault)) != OK)
        return err;
    e->replies = calloc(REPLIES_MAX, sizeof *e->replies);
    if (!e->replies)
        return fail(fault, ERR_LIMIT, "no memory for the engine");
    uv_loop_init(&e->loop);
    uv_async_init(&e->loop, &e->wake, on_wake);
    uv_timer_init(&e->loop, &e->tick);
    uv_signal_init(&e->loop, &e->on_term);
    uv_signal_init(&e->loop, &e->on_int);
    uv_signal_init(&e->loop, &e->on_hup);
    e->wake.data = e->tick.data = e->on_term.data = e->on_int.data = e->on_hup.data = e;
    uv_timer_start(&e->tick, on_tick, 50, 250);
    uv_signal_start(&e->on_term, on_quit_signal, SIGTERM);
    uv_signal_start(&e->on_int, on_quit_signal, SIGINT);
    uv_signal_start(&e->on_hup, on_hangup, SIGHUP);
    return OK;
}

enum err engine_open(struct conf *conf, struct engine **out, struct fault *fault)
{
    struct engine *e = calloc(1, sizeof *e);
    if (!e) {
        conf_free(conf);
        return fail(fault, ERR_LIMIT, "no memory for the engine");
    }
    e->conf = conf;
    e->clock = &clock_real;
    pthread_mutex_init(&e->live_lock, NULL);
    pthread_mutex_init(&e->bus_lock, NULL);
    e->live = json_object();
    atomic_store(&e->alive_us, clock_mono_us(e->clock));
    enum err err = open_parts(e, fault);
    if (err == OK)
        err = autopilot_start(e, fault);
    if (err == OK)
        err = worker_start(e, &e->loose, fault);
    for (int i = 0; i < e->targets && err == OK; i++)
        err = worker_start(e, &e->target[i].worker, fault);
    if (err == OK) {
        new_trace(e);
        err = stages_recover(e, fault);
        if (err == OK)
            turn_end(e);
        e->recovered = err == OK;
        e->outbox_waits = true;
        live_refresh(e);
    }
    if (err == OK)
        err = watcher_start(e, fault);
    if (err == OK)
        err = surveying_start(e, fault);
    if (err != OK)
        return err;   /* the program ends; what is open is closed with it */
    *out = e;
    return OK;
}

int engine_run_loop(struct engine *e)
{
    uv_async_send(&e->wake);
    uv_run(&e->loop, UV_RUN_DEFAULT);
    return store_is_fatal(e->store) ? 1 : 0;
}

void engine_quit(struct engine *e)
{
    struct note *n = calloc(1, sizeof *n);
    struct fault ignored;
    if (!n)
        return;
    *n = (struct note){ .kind = NOTE_QUIT, .target = -1 };
    if (engine_note(e, n, &ignored) != OK)
        free(n);
}

static void close_handle(uv_handle_t *h, void *ctx)
{
    (void)ctx;
    if (!uv_is_closing(h))
        uv_close(h, NULL);
}

static bool stop_workers(struct engine *e)
{
    int64_t until_us = clock_mono_us(e->clock) + CLOSE_WAIT_S * US_PER_S;
    atomic_store(&e->closing, 1);
    bool all = worker_stop(&e->loose, until_us);
    for (int i = 0; i < e->targets; i++)
        if (!worker_stop(&e->target[i].worker, until_us)) {
            log_warn("an action is still under way; the next start finds out what became of it", F("target", e->target[i].conf->name));
            all = false;
        }
    return all;
}

/* What the workers still had to say is written down; what would follow from it is left to the next start. */
static void write_last_words(struct engine *e)
{
    for (struct note *n; (n = queue_take(&e->notes)); ) {
        new_trace(e);
        if (n->kind == NOTE_RESULT || n->kind == NOTE_LOOK || n->kind == NOTE_DRY_RUN)
            handle(e, n);
        else
            note_free(n);
    }
    turn_end(e);
    e->orders_count = 0;
}

/* A worker that is held up by its target may be so for minutes: as after a crash, the store knows what was intended. */
static _Noreturn void end_now(struct engine *e)
{
    store_close(e->store);
    log_info("homeostat ends", F("code", 0));
    fflush(NULL);
    _exit(0);
}

void engine_close(struct engine *e)
{
    if (!e)
        return;
    surveying_stop(e);
    watcher_stop(e);
    bool all_ended = stop_workers(e);
    write_last_words(e);
    if (!all_ended)
        end_now(e);
    queue_close(&e->notes);
    for (struct note *n; (n = queue_take(&e->notes)); )
        note_free(n);
    for (int i = 0; i < e->pendings; i++) {
        struct engine_reply gone = { .status = 503, .body = "{\"type\":\"urn:homeostat:problem:busy\",\"title\":\"Not now, try again\",\"status\":503,\"detail\":\"homeostat is stopping\"}", .retry_after_s = 5 };
        e->pending[i].request->reply(e->pending[i].request->reply_ctx, &gone);
        engine_request_free(e->pending[i].request);
    }
    uv_walk(&e->loop, close_handle, NULL);
    while (uv_run(&e->loop, UV_RUN_NOWAIT))
        ;
    uv_loop_close(&e->loop);
    practising_stop(e);
    for (int i = 0; i < e->targets; i++) {
        struct etarget *t = &e->target[i];
        prove_forget(t);
        planner_free(t->planner);
        free(t->facts);
        json_decref(t->facts_json);
        for (struct act_made *m = t->made, *older; m; m = older) {
            older = m->older;
            free(m);
        }
    }
    free(e->target);
    knowing_stop(e);
    queue_done(&e->notes);
    templates_free(e->templates);
    store_close(e->store);
    free(e->replies);
    json_decref(e->live);
    json_decref(e->waits);
    pthread_mutex_destroy(&e->live_lock);
    pthread_mutex_destroy(&e->bus_lock);
    conf_free(e->conf);
    for (size_t i = 0; i < e->pasts; i++)
        conf_free(e->past[i]);
    free(e->past);
    free(e);
}

void engine_on_reload(struct engine *e, void (*f)(void *ctx), void *ctx)
{
    e->reloaded = f;
    e->reloaded_ctx = ctx;
}

const struct daemon_conf *engine_conf(struct engine *e)         { return &e->d; }
const struct conf        *engine_whole_conf(struct engine *e)   { return e->conf; }
const char               *engine_policy_version(struct engine *e) { return e->policy.version; }
const char               *engine_store_folder(struct engine *e) { return e->folder; }
