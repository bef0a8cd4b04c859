/* ingest/detail.c - the threads of sinks with `layout: detail`, and which of them run after a reload. What a batch does is in detail_batch.c. */
#include "ingest/detail.h"

#include "base/log.h"
#include "base/rand.h"
#include "base/utf8.h"
#include "ingest/detail_pg.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CONF_MEMORY = 1024 * 1024, BEHIND_MOST = 100000 };
#define LOOK_US       US_PER_S                /* how often digest.db is asked whether anything happened */
#define CARE_US       (600 * US_PER_S)
#define CARE_AGAIN_US (60 * US_PER_S)

struct worker {
    struct detail         *of;
    struct arena           arena;             /* as long as the worker */
    struct sink_conf       conf;
    struct detail_pg      *pg;
    struct digest_changes *changes;           /* NULL: not open */
    struct rand            chance;
    struct digest_change   at;                /* where PostgreSQL is, once known */
    int64_t                seq;               /* all up to here is copied; -1: not known */
    int64_t                care_us;           /* mono: when it is time again */
    bool                   care_failed;
    pthread_t              thread;
    bool                   has_thread;
    pthread_mutex_t        lock;              /* over what follows */
    pthread_cond_t         changed;
    bool                   stop;
    struct ship_stats      s;
};

struct detail {
    char            folder[1024];
    struct clock    clock;
    uint64_t        seed, begun;
    pthread_mutex_t turn;                     /* one who changes something at a time */
    pthread_mutex_t lock;                     /* of the list; held for moments only */
    struct worker  *worker[SHIP_SINKS_MAX];
    size_t          workers;
};

static int64_t mono(const struct worker *w) { return clock_mono_us(&w->of->clock); }
static int64_t wall(const struct worker *w) { return clock_wall_us(&w->of->clock); }

bool detail_is(const struct sink_conf *conf) { return strcmp(conf->kind, "postgres") == 0 && conf->layout == LAYOUT_DETAIL; }

/* ---- a turn ---- */

static void say(struct worker *w, const char *why)
{
    (void)snprintf(w->s.last_error, sizeof w->s.last_error, "%.239s", why);
    utf8_clean(w->s.last_error, '?');
    w->s.last_error_us = wall(w);
}

/* A pause that doubles, of which chance takes up to a half. */
static int64_t not_now(struct worker *w, const struct fault *fault)
{
    int64_t pause = w->conf.retry_first_us;
    for (uint64_t i = 0; i < w->s.attempts && pause < w->conf.retry_most_us; i++)
        pause *= 2;
    if (pause > w->conf.retry_most_us)
        pause = w->conf.retry_most_us;
    pause -= (int64_t)((double)pause * 0.5 * rand_unit(&w->chance));
    if (w->s.attempts++ == 0)
        log_warn("sink has to wait", F("sink", w->conf.name), F("why", fault->text), F("hint", fault->hint));
    w->s.retries++;
    w->s.retry_at_us = wall(w) + pause;
    say(w, fault->text);
    return pause;
}

static void moved(struct worker *w, const struct detail_batch *b)
{
    if (w->s.attempts)
        log_info("sink works again", F("sink", w->conf.name), F("attempts", (int64_t)w->s.attempts));
    w->s.attempts = 0;
    w->s.retry_at_us = 0;
    w->s.last_error[0] = '\0';
    w->s.progress_us = wall(w);
    w->s.moved_us = mono(w);
    w->s.sent += b->rows;
    w->s.bytes += b->bytes;
    w->s.batches += b->changes > 0;
    w->s.expired += b->expired;
    if (b->replaced)
        log_warn("characters that PostgreSQL does not hold were replaced", F("sink", w->conf.name), F("characters", (int64_t)b->replaced));
    if (b->expired) {
        log_error("what the digest had counted went by age before it could be copied", F("sink", w->conf.name), F("windows", (int64_t)b->expired));
        char why[120];
        (void)snprintf(why, sizeof why, "%llu windows or rows of digest.db went by age before they could be copied", (unsigned long long)b->expired);
        say(w, why);
    }
    w->at = b->at;
    w->seq = b->more ? -1 : b->seq;
}

static enum err batch(struct worker *w, bool *more, struct fault *fault)
{
    struct detail_batch b;
    (void)pthread_mutex_unlock(&w->lock);            /* who asks how we are does not wait for PostgreSQL */
    enum err e = detail_pg_batch(w->pg, w->changes, &b, fault);
    (void)pthread_mutex_lock(&w->lock);
    *more = e == OK && b.more;
    if (e == OK)
        moved(w, &b);
    return e;
}

/* What is not copied yet, from digest.db alone: also while PostgreSQL is away. */
static enum err look_behind(struct worker *w, const struct digest_head *h, struct fault *fault)
{
    struct digest_change next;
    size_t               n = 0;
    int64_t              behind = 0;
    enum err             e = w->seq == h->seq ? OK : digest_changes_behind(w->changes, &w->at, BEHIND_MOST, &behind, fault);
    if (e == OK && behind)
        e = digest_changes_next(w->changes, &w->at, &next, 1, &n, fault);
    if (e != OK)
        return e;
    w->s.behind = (uint64_t)behind;
    w->s.moved_us = behind ? w->s.moved_us : mono(w);        /* nothing waits */
    w->s.lag_us = n && wall(w) > next.seq ? wall(w) - next.seq : 0;
    return OK;
}

static void care(struct worker *w)
{
    struct fault fault = { 0 };
    if (mono(w) < w->care_us || w->s.attempts)
        return;
    (void)pthread_mutex_unlock(&w->lock);
    bool failed = detail_pg_care(w->pg, &fault) != OK;
    (void)pthread_mutex_lock(&w->lock);
    if (failed && !w->care_failed)
        log_fault(LOG_WARN, "partitions could not be made ahead or dropped; it is tried again every minute", &fault);
    w->care_failed = failed;
    w->care_us = mono(w) + (failed ? CARE_AGAIN_US : CARE_US);
}

static enum err copy(struct worker *w, const struct digest_head *h, int64_t *pause_us, struct fault *fault)
{
    bool     more = false;
    enum err e = OK;
    *pause_us = LOOK_US;
    if (w->seq != h->seq)
        e = batch(w, &more, fault);
    if (e == OK)
        e = look_behind(w, h, fault);
    if (e == OK && more)
        *pause_us = 0;
    if (e == OK && !more)
        care(w);
    return e;
}

/* With the lock. How long to wait afterwards. */
static int64_t turn(struct worker *w)
{
    struct fault       fault = { 0 };
    struct digest_head h;
    int64_t            pause;
    if (w->changes && digest_changes_is_replaced(w->changes)) {      /* put aside because it was damaged, for example */
        digest_changes_close(w->changes);
        w->changes = NULL;
        w->seq = -1;
    }
    enum err e = w->changes ? OK : digest_changes_open(w->of->folder, &w->changes, &fault);
    if (e == ERR_MISSING) {                          /* the digest is young, or off: nothing to copy is no failure */
        say(w, fault.text);
        return LOOK_US;
    }
    if (e == OK)
        e = digest_changes_head(w->changes, &h, &fault);
    if (e == OK)
        e = look_behind(w, &h, &fault);
    if (e == OK && w->conf.paused)
        return LOOK_US;
    if (e == OK)
        e = copy(w, &h, &pause, &fault);
    if (e == OK)
        return pause;
    digest_changes_close(w->changes);                /* whichever side it was, both begin anew */
    w->changes = NULL;
    return not_now(w, &fault);
}

/* ---- its thread ---- */

static void wait_for(struct worker *w, int64_t us)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    int64_t ns = (int64_t)t.tv_nsec + us % US_PER_S * 1000;
    t.tv_sec += (time_t)(us / US_PER_S + ns / 1000000000);
    t.tv_nsec = (long)(ns % 1000000000);
    while (us > 0 && !w->stop && pthread_cond_timedwait(&w->changed, &w->lock, &t) != ETIMEDOUT)
        continue;
}

static void *run(void *ctx)
{
    struct worker *w = ctx;
    (void)pthread_mutex_lock(&w->lock);
    while (!w->stop)
        wait_for(w, turn(w));
    (void)pthread_mutex_unlock(&w->lock);
    return NULL;
}

/* Others may still ask how it was. */
static void worker_stop(struct worker *w)
{
    if (!w->has_thread)
        return;
    (void)pthread_mutex_lock(&w->lock);
    w->stop = true;
    w->s.running = false;
    (void)pthread_cond_broadcast(&w->changed);
    (void)pthread_mutex_unlock(&w->lock);
    detail_pg_cancel(w->pg);
    (void)pthread_join(w->thread, NULL);
    w->has_thread = false;
}

static void worker_free(struct worker *w)
{
    if (!w)
        return;
    worker_stop(w);
    digest_changes_close(w->changes);
    detail_pg_free(w->pg);
    sink_conf_wipe(&w->conf);
    arena_done(&w->arena);
    (void)pthread_cond_destroy(&w->changed);
    (void)pthread_mutex_destroy(&w->lock);
    free(w);
}

static enum err worker_new(struct detail *d, const struct sink_conf *conf, struct worker **out, struct fault *fault)
{
    struct worker     *w = calloc(1, sizeof *w);
    pthread_condattr_t attr;
    if (!w)
        return fail(fault, ERR_LIMIT, "no memory for sink %s", conf->name);
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&w->changed, &attr);
    (void)pthread_condattr_destroy(&attr);
    (void)pthread_mutex_init(&w->lock, NULL);
    arena_init(&w->arena, CONF_MEMORY);
    w->of = d;
    w->seq = -1;
    rand_seed(&w->chance, d->seed + ++d->begun);
    enum err e = sink_conf_copy(&w->conf, conf, &w->arena, fault);
    if (e == OK)
        e = detail_pg_new(&w->conf, &w->pg, fault);
    if (e != OK) {
        worker_free(w);
        return e;
    }
    w->s.progress_us = wall(w);
    w->s.moved_us = mono(w);
    *out = w;
    return OK;
}

static enum err worker_start(struct worker *w, struct fault *fault)
{
    w->has_thread = w->s.running = true;
    if (pthread_create(&w->thread, NULL, run, w) == 0)
        return OK;
    w->has_thread = w->s.running = false;
    return fail(fault, ERR_LIMIT, "no thread for sink %s", w->conf.name);
}

/* ---- all of them ---- */

/* A counter does not go back because some setting has changed. */
static void inherit(struct worker *w, const struct ship_stats *was)
{
    w->s.sent = was->sent;
    w->s.batches = was->batches;
    w->s.bytes = was->bytes;
    w->s.retries = was->retries;
    w->s.expired = was->expired;
}

/* Takes it out of the list, and ends it. */
static void let_go(struct detail *d, size_t i)
{
    struct worker *w = d->worker[i];
    worker_stop(w);
    (void)pthread_mutex_lock(&d->lock);
    d->worker[i] = d->worker[--d->workers];
    (void)pthread_mutex_unlock(&d->lock);
    worker_free(w);
}

/* In place i: behind the last one, or in the place of one of its name, which has ended before. A sink that cannot begin leaves the former one alone. */
static enum err begin(struct detail *d, size_t i, const struct sink_conf *conf, struct fault *fault)
{
    struct worker *w = NULL, *former = i < d->workers ? d->worker[i] : NULL;
    enum err       e = i < SHIP_SINKS_MAX ? worker_new(d, conf, &w, fault) : fail(fault, ERR_LIMIT, "more than %d sinks", SHIP_SINKS_MAX);
    if (e != OK)
        return e;
    if (former) {
        worker_stop(former);
        inherit(w, &former->s);
    }
    e = worker_start(w, fault);                      /* one without a thread stays in the list, so that it can be seen that it does not run */
    (void)pthread_mutex_lock(&d->lock);
    d->worker[i] = w;
    d->workers += !former;
    (void)pthread_mutex_unlock(&d->lock);
    worker_free(former);
    return e;
}

static size_t place_of(const struct detail *d, const char *name)
{
    size_t i = 0;
    while (i < d->workers && strcmp(d->worker[i]->conf.name, name) != 0)
        i++;
    return i;
}

static bool is_wanted(const struct worker *w, const struct sink_conf *const *confs, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(w->conf.name, confs[i]->name) == 0)
            return true;
    return false;
}

enum err detail_configure(struct detail *d, const struct sink_conf *const *confs, size_t n, struct fault *fault)
{
    enum err e = OK;
    (void)pthread_mutex_lock(&d->turn);
    for (size_t i = d->workers; i-- > 0; )
        if (!is_wanted(d->worker[i], confs, n))
            let_go(d, i);
    for (size_t i = 0; i < n; i++) {
        struct fault own = { 0 };
        size_t       at = place_of(d, confs[i]->name);
        bool         as_before = at < d->workers && d->worker[at]->has_thread && sink_conf_same(&d->worker[at]->conf, confs[i]);
        if (!as_before && begin(d, at, confs[i], &own) != OK && e == OK) {
            e = own.code;
            *fault = own;
        }
    }
    (void)pthread_mutex_unlock(&d->turn);
    return e;
}

size_t detail_stats(struct detail *d, struct ship_stats *list, size_t max)
{
    size_t n = 0;
    (void)pthread_mutex_lock(&d->lock);
    for (; n < d->workers && n < max; n++) {
        struct worker *w = d->worker[n];
        (void)pthread_mutex_lock(&w->lock);
        list[n] = w->s;
        (void)pthread_mutex_unlock(&w->lock);
        (void)text_copy(list[n].name, sizeof list[n].name, w->conf.name);
        (void)text_copy(list[n].kind, sizeof list[n].kind, w->conf.kind);
        list[n].paused = w->conf.paused;
        list[n].stuck = !list[n].running || ship_is_stuck(&list[n], mono(w), w->conf.stuck_after_us);
    }
    (void)pthread_mutex_unlock(&d->lock);
    return n;
}

enum err detail_new(const struct detail_options *o, struct detail **out, struct fault *fault)
{
    struct detail *d = calloc(1, sizeof *d);
    if (!d)
        return fail(fault, ERR_LIMIT, "no memory for sinks");
    (void)text_copy(d->folder, sizeof d->folder, o->folder);
    d->clock = o->clock ? *o->clock : clock_real;
    d->seed = o->seed;
    (void)pthread_mutex_init(&d->turn, NULL);
    (void)pthread_mutex_init(&d->lock, NULL);
    *out = d;
    return OK;
}

void detail_free(struct detail *d)
{
    if (!d)
        return;
    while (d->workers)
        let_go(d, d->workers - 1);
    (void)pthread_mutex_destroy(&d->lock);
    (void)pthread_mutex_destroy(&d->turn);
    free(d);
}
