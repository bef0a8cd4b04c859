/*
 * engine/engine.c - the engine's life, and its queue of notes.
 */
#include "engine/host.h"

#include "base/log.h"
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

static enum err open_parts(struct engine *e, struct fault *fault)
{
    enum err err;
    e->d = daemon_conf_of(e->conf);
    e->folder = e->d.store->folder;
    log_setup(e->d.log->format, e->d.log->level, NULL);
    if ((err = reload_policy(&e->d, &e->policy, fault)) != OK || (err = reload_templates(&e->d, &e->templates, fault)) != OK)
        return err;
    if ((err = store_open(e->d.store->folder, &e->store, fault)) != OK)
        return err;
    if ((err = queue_init(&e->notes, NOTES_MAX, wake_engine, e, fault)) != OK)
        return err;
    e->replies = calloc(REPLIES_MAX, sizeof *e->replies);
    if (!e->replies)
        return fail(fault, ERR_LIMIT, "no memory for the engine");
    uv_loop_init(&e->loop);
    uv_async_init(&e->loop, &e->wake, turn_on_wake);
    uv_timer_init(&e->loop, &e->tick);
    uv_signal_init(&e->loop, &e->on_term);
    uv_signal_init(&e->loop, &e->on_int);
    uv_signal_init(&e->loop, &e->on_hup);
    e->wake.data = e->tick.data = e->on_term.data = e->on_int.data = e->on_hup.data = e;
    uv_timer_start(&e->tick, turn_on_tick, 50, 250);
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
        turn_trace(e);
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
    turn_last_words(e);
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

const struct daemon_conf *engine_conf(struct engine *e)         { return &e->d; }
const struct conf        *engine_whole_conf(struct engine *e)   { return e->conf; }
const char               *engine_policy_version(struct engine *e) { return e->policy.version; }
const char               *engine_store_folder(struct engine *e) { return e->folder; }
