/*
 * sense/watch.c - one second after the other: ask both, wait for both, read the machine, hand out one sample.
 */
#include "sense/watch.h"

#include "base/clock.h"
#include "base/text.h"
#include "sense/host.h"
#include "sense/load.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DRIVER_LIMIT_MS = 2000 };

struct watch {
    uv_loop_t             *loop;
    uv_timer_t             beat;
    struct watch_callbacks on;
    int                    interval_ms;
    struct sense_pg       *pg;
    struct sense_load     *load;         /* NULL: no driver is configured */
    struct host           *host;         /* NULL: the machine is not read */
    struct sample          sample, last;
    struct target_facts   *facts;
    bool                   facts_known, last_known;
    bool                   wants_pg, wants_load;   /* of the second under way */
    bool                   load_told;
};

void watch_conf_init(struct watch_conf *c)
{
    *c = (struct watch_conf){ .interval_ms = 1000, .host = true };
    c->pg = (struct sense_pg_conf){ .limit_ms = 900, .slow_limit_ms = 10000, .connect_limit_ms = 3000, .backoff_max_ms = 5000,
                                    .statements_every_s = 5, .sizes_every_s = 60, .facts_every_s = 60, .estimate_latency = true, .seed = 1 };
}

/* A driver that should be there and does not answer leaves latencies unknown; an estimate would be another quantity under the same name. */
static void finish(struct watch *w)
{
    struct sample *s = &w->sample;
    if (w->load && !sense_load_fill(w->load, s)) {
        static const enum metric measured[] = { METRIC_LATENCY_MEAN, METRIC_LATENCY_P50, METRIC_LATENCY_P95, METRIC_LATENCY_P99, METRIC_LATENCY_ESTIMATED, METRIC_ERRORS };
        for (size_t i = 0; i < sizeof measured / sizeof *measured; i++)
            s->v[measured[i]] = (double)NAN;
    }
    if (w->host)
        host_read(w->host, clock_mono_us(&clock_real), s);
    w->last = *s;
    w->last_known = true;
    w->on.on_sample(w->on.ctx, s);
}

static void on_pg_sample(void *ctx, const struct sample *s)
{
    struct watch *w = ctx;
    w->sample = *s;
    w->wants_pg = false;
    if (!w->wants_load)
        finish(w);
}

static void on_load_done(void *ctx)
{
    struct watch *w = ctx;
    const struct fault *why = sense_load_fault(w->load);
    if (why && !w->load_told)
        w->on.on_state(w->on.ctx, SENSE_PG_LACKS, why);
    w->load_told = why != NULL;
    if (!w->wants_load)
        return;
    w->wants_load = false;
    if (!w->wants_pg)
        finish(w);
}

static void on_pg_facts(void *ctx, const struct target_facts *f)
{
    struct watch *w = ctx;
    *w->facts = *f;
    w->facts_known = true;
    if (w->host) {
        host_follow(w->host, f->local ? f->postmaster_pid : 0, f->data_directory);
        host_facts(w->host, w->facts);
    }
    w->on.on_facts(w->on.ctx, w->facts);
}

static void on_pg_state(void *ctx, enum sense_pg_event e, const struct fault *what)
{
    struct watch *w = ctx;
    w->on.on_state(w->on.ctx, e, what);
}

/* The next whole multiple of the interval on the wall clock, so that all targets and all restarts share one beat. */
static void on_beat(uv_timer_t *t);

static void schedule(struct watch *w)
{
    uv_update_time(w->loop);
    int64_t interval_us = w->interval_ms * US_PER_MS, now = clock_wall_us(&clock_real);
    int64_t left_ms = (interval_us - now % interval_us) / US_PER_MS;
    /* A timer may fire a little early by the wall clock; the beat that it was meant for must not come twice. */
    if (left_ms < w->interval_ms / 20)
        left_ms += w->interval_ms;
    (void)uv_timer_start(&w->beat, on_beat, (uint64_t)left_ms + 1, 0);
}

static void on_beat(uv_timer_t *t)
{
    struct watch *w = t->data;
    schedule(w);
    if (w->wants_pg || w->wants_load)
        return;   /* limits are shorter than the interval, so this is a loop that was held up */
    w->wants_pg = true;
    w->wants_load = w->load != NULL;
    if (w->load)
        sense_load_ask(w->load);
    sense_pg_ask(w->pg);
}

enum err watch_new(uv_loop_t *loop, const struct watch_conf *conf, const struct watch_callbacks *callbacks, struct watch **out, struct fault *fault)
{
    *out = NULL;
    struct watch *w = calloc(1, sizeof *w);
    if (!w || !(w->facts = calloc(1, sizeof *w->facts)) || (conf->host && !(w->host = host_new(conf->pg.proc_root, conf->interval_ms)))) {
        if (w)
            free(w->facts);
        free(w);
        return fail(fault, ERR_LIMIT, "no memory to watch a target");
    }
    w->loop = loop;
    w->on = *callbacks;
    w->interval_ms = conf->interval_ms > 0 ? conf->interval_ms : 1000;
    struct sense_pg_conf pg = conf->pg;
    int limit_most = w->interval_ms * 9 / 10;
    pg.interval_ms = w->interval_ms;
    if (pg.limit_ms <= 0 || pg.limit_ms > limit_most)
        pg.limit_ms = limit_most;
    const struct sense_pg_callbacks calls = { on_pg_sample, on_pg_facts, on_pg_state, w };
    bool driven = conf->load_endpoint && *conf->load_endpoint;
    pg.estimate_latency = pg.estimate_latency && !driven;
    enum err e = driven ? sense_load_new(loop, conf->load_endpoint, limit_most < DRIVER_LIMIT_MS ? limit_most : DRIVER_LIMIT_MS, on_load_done, w, &w->load, fault) : OK;
    if (e == OK)
        e = sense_pg_new(loop, &pg, &calls, &w->pg, fault);
    if (e != OK) {
        sense_load_free(w->load);
        host_free(w->host);
        free(w->facts);
        free(w);
        return e;
    }
    (void)uv_timer_init(loop, &w->beat);
    w->beat.data = w;
    schedule(w);
    *out = w;
    return OK;
}

static void beat_closed(uv_handle_t *h)
{
    struct watch *w = h->data;
    free(w->facts);
    free(w);
}

void watch_free(struct watch *w)
{
    if (!w)
        return;
    sense_pg_free(w->pg);
    sense_load_free(w->load);
    host_free(w->host);
    uv_close((uv_handle_t *)&w->beat, beat_closed);
}

struct sense_pg           *watch_pg(struct watch *w) { return w->pg; }
const struct target_facts *watch_facts(const struct watch *w) { return w->facts_known ? w->facts : NULL; }
const struct sample       *watch_last(const struct watch *w) { return w->last_known ? &w->last : NULL; }
