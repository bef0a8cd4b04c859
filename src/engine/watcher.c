/*
 * engine/watcher.c - the thread that senses.
 *
 * One event loop for all targets; each second a copy of what was seen goes to
 * the engine, each minute its sums go to telemetry.db.  A telemetry that cannot
 * be written is said and lost; it stalls nothing.
 */
#include "base/log.h"
#include "base/text.h"
#include "base/utf8.h"
#include "digest/minute.h"
#include "engine/inside.h"
#include "sense/watch.h"
#include "store/telemetry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEEP_METRICS_US (180 * 86400 * US_PER_S)
#define MINUTE_DELAY_US (5 * US_PER_S)

struct watched {
    struct engine *engine;
    int            index;
    struct watch  *watch;
    struct minute *minute;
    char           urn[200];
    atomic_int     refresh;
    enum sense_pg_event trouble;   /* the last event that said what is wrong, or that it is over */
};

struct watcher {
    struct engine    *engine;
    pthread_t         thread;
    uv_loop_t         loop;
    uv_async_t        poke;
    atomic_int        quit;
    struct watched   *target;
    struct telemetry *telemetry;
    char              host_urn[160];
    bool              complained;
    uint64_t          lost_samples;
};

static void post(struct watcher *w, struct note *n)
{
    struct fault fault;
    if (engine_note(w->engine, n, &fault) == OK)
        return;
    /* A sample that the engine has no room for is unknown to it, and the next one comes in a second. */
    if (w->lost_samples++ % 60 == 0)
        log_warn("the engine does not keep up, a sample is left out", F("lost", (int64_t)w->lost_samples));
    note_free(n);
}

static void write_rows(struct watcher *w, const struct watched *t, const struct minute_row *rows, int n)
{
    struct metric_row out[METRIC_COUNT];
    struct fault      fault = { 0 };
    for (int i = 0; i < n; i++)
        out[i] = (struct metric_row){ rows[i].minute_us, metric_is_host(rows[i].metric) ? w->host_urn : t->urn, metric_info[rows[i].metric].name, rows[i].avg, rows[i].max, rows[i].p95, rows[i].samples };
    enum err err = telemetry_write(w->telemetry, out, n, &fault);
    if (err != OK && !w->complained)
        log_fault(LOG_ERROR, "telemetry cannot be written; cases go on without it", &fault);
    w->complained = err != OK;
}

static void write_minutes(struct watcher *w, struct watched *t, const struct sample *s)
{
    struct minute_row rows[METRIC_COUNT];
    struct fault      fault = { 0 };
    int               n;
    while (minute_take(t->minute, s->wall_us, rows, &n))
        write_rows(w, t, rows, n);
    if (telemetry_keep(w->telemetry, KEEP_METRICS_US, s->wall_us, s->mono_us, &fault) != OK)
        log_fault(LOG_WARN, "old telemetry cannot be deleted", &fault);
}

static void on_sample(void *ctx, const struct sample *s)
{
    struct watched *t = ctx;
    struct watcher *w = t->engine->watcher;
    struct note    *n = calloc(1, sizeof *n);
    if (n && (n->as.sample = malloc(sizeof *s))) {
        n->kind = NOTE_SAMPLE;
        n->target = t->index;
        *n->as.sample = *s;
        post(w, n);
    } else {
        free(n);
    }
    minute_add(t->minute, s);
    write_minutes(w, t, s);
}

static void on_facts(void *ctx, const struct target_facts *f)
{
    struct watched *t = ctx;
    struct note    *n = calloc(1, sizeof *n);
    if (n && (n->as.facts = malloc(sizeof *f))) {
        n->kind = NOTE_FACTS;
        n->target = t->index;
        *n->as.facts = *f;
        post(t->engine->watcher, n);
    } else {
        free(n);
    }
}

/* The last word on why it cannot be worked with, for those who look without reading the log. */
static void note_trouble(struct watched *t, enum sense_pg_event event, const char *text, const char *hint)
{
    struct etarget *target = &t->engine->target[t->index];
    bool            stays = event == SENSE_PG_DOWN || event == SENSE_PG_STANDBY || event == SENSE_PG_REPLACED;
    bool            over = event == SENSE_PG_PROMOTED || (event == SENSE_PG_UP && t->trouble == SENSE_PG_DOWN);   /* a standby is told before it is up */
    if (!stays && !over)
        return;
    t->trouble = event;
    pthread_mutex_lock(&t->engine->live_lock);
    (void)snprintf(target->trouble, sizeof target->trouble, "%.200s%s%.190s", stays ? text : "", stays && *hint ? "; " : "", stays ? hint : "");
    utf8_clean(target->trouble, '?');   /* the server's own words, cut: as no text it would take the target out of what is told */
    pthread_mutex_unlock(&t->engine->live_lock);
}

static void on_state(void *ctx, enum sense_pg_event e, const struct fault *what)
{
    struct watched *t = ctx;
    bool            bad = e == SENSE_PG_DOWN || e == SENSE_PG_LACKS || e == SENSE_PG_REPLACED || e == SENSE_PG_STANDBY;
    const char     *text = what ? what->text : "", *hint = what ? what->hint : "";
    note_trouble(t, e, text, hint);
    if (bad)
        log_warn("target", F("target", t->engine->target[t->index].conf->name), F("event", sense_pg_event_name(e)), F("text", text), F("hint", hint));
    else
        log_info("target", F("target", t->engine->target[t->index].conf->name), F("event", sense_pg_event_name(e)), F("text", text));
}

static void close_all(uv_handle_t *h, void *ctx)
{
    (void)ctx;
    if (!uv_is_closing(h))
        uv_close(h, NULL);
}

static void on_poke(uv_async_t *a)
{
    struct watcher *w = a->data;
    for (int i = 0; i < w->engine->targets; i++)
        if (atomic_exchange(&w->target[i].refresh, 0) && w->target[i].watch)
            sense_pg_refresh_facts(watch_pg(w->target[i].watch));
    if (!atomic_load(&w->quit))
        return;
    for (int i = 0; i < w->engine->targets; i++) {
        watch_free(w->target[i].watch);
        w->target[i].watch = NULL;
    }
    uv_close((uv_handle_t *)&w->poke, NULL);
}

static void *watcher_main(void *arg)
{
    struct watcher *w = arg;
    uv_run(&w->loop, UV_RUN_DEFAULT);
    uv_walk(&w->loop, close_all, NULL);
    uv_run(&w->loop, UV_RUN_DEFAULT);
    return NULL;
}

static enum err start_target(struct watcher *w, int i, struct fault *fault)
{
    struct engine  *e = w->engine;
    struct etarget *t = &e->target[i];
    struct watched *x = &w->target[i];
    *x = (struct watched){ .engine = e, .index = i, .minute = minute_new(MINUTE_DELAY_US) };
    urn_database(t->conf->name, "server", x->urn, sizeof x->urn);
    enum err err = telemetry_resource(w->telemetry, x->urn, "db", t->conf->name, clock_wall_us(e->clock), fault);
    if (err != OK || !x->minute)
        return err != OK ? err : fail(fault, ERR_LIMIT, "no memory for %s", t->conf->name);
    struct watch_conf conf;
    watch_conf_init(&conf);
    conf.pg.name = t->conf->name;
    conf.pg.pg = t->act->link;
    conf.load_endpoint = t->conf->load_endpoint;
    conf.interval_ms = (int)(t->conf->sample_interval_us / 1000);
    struct watch_callbacks callbacks = { on_sample, on_facts, on_state, x };
    return watch_new(&w->loop, &conf, &callbacks, &x->watch, fault);
}

static enum err open_telemetry(struct watcher *w, const char *host, struct fault *fault)
{
    enum err err = telemetry_open(w->engine->d.store->folder, &w->telemetry, fault);
    if (err != OK)
        return err;
    err = telemetry_resource(w->telemetry, w->host_urn, "host", host, clock_wall_us(w->engine->clock), fault);
    if (err == ERR_DAMAGED) {
        telemetry_close(w->telemetry);
        w->telemetry = NULL;
    }
    return err;
}

enum err watcher_start(struct engine *e, struct fault *fault)
{
    char            name[96] = "localhost";
    struct watcher *w = calloc(1, sizeof *w);
    if (!w)
        return fail(fault, ERR_LIMIT, "no memory for the sensing thread");
    w->engine = e;
    e->watcher = w;
    w->target = calloc((size_t)e->targets + 1, sizeof *w->target);
    (void)gethostname(name, sizeof name - 1);
    urn_host(name, w->host_urn, sizeof w->host_urn);
    uv_loop_init(&w->loop);
    uv_async_init(&w->loop, &w->poke, on_poke);
    w->poke.data = w;
    enum err err = open_telemetry(w, name, fault);
    if (err == ERR_DAMAGED) {      /* it may be thrown away, and keeps nobody from putting back what is in force */
        log_fault(LOG_ERROR, "telemetry.db is damaged; it is put aside, and begun anew", fault);
        err = telemetry_put_aside(e->d.store->folder, fault);
        if (err == OK)
            err = open_telemetry(w, name, fault);
    }
    for (int i = 0; i < e->targets && err == OK; i++)
        err = start_target(w, i, fault);
    if (err == OK && pthread_create(&w->thread, NULL, watcher_main, w) != 0)
        err = fail(fault, ERR_LIMIT, "cannot start the sensing thread");
    return err;
}

void watcher_refresh_facts(struct engine *e, int target)
{
    if (!e->watcher)
        return;
    atomic_store(&e->watcher->target[target].refresh, 1);
    uv_async_send(&e->watcher->poke);
}

void watcher_stop(struct engine *e)
{
    struct watcher *w = e->watcher;
    if (!w)
        return;
    atomic_store(&w->quit, 1);
    uv_async_send(&w->poke);
    pthread_join(w->thread, NULL);
    uv_loop_close(&w->loop);
    for (int i = 0; i < e->targets; i++) {
        struct minute_row rows[METRIC_COUNT];
        int               n;
        while (minute_flush(w->target[i].minute, rows, &n))   /* the rest of a minute; what comes after a restart is added to it */
            write_rows(w, &w->target[i], rows, n);
        minute_free(w->target[i].minute);
    }
    telemetry_close(w->telemetry);
    free(w->target);
    free(w);
    e->watcher = NULL;
}
