/* ship/worker.c - the threads of the sinks, and which of them run after a reload. What a sink does is in pump.c. */
#include "ship/worker.h"

#include "base/log.h"
#include "ship/begin.h"
#include "ship/pump.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CONF_MEMORY = 1024 * 1024, PLACES_MAX = 4 * SHIP_SINKS_MAX, WAIT_MOST_MS = 1000 };
#define GRACE_US (3 * US_PER_S)               /* a request that is under way may end; one that is cut short may have to be repeated */

struct worker {
    struct ship            *of;
    struct arena            arena;            /* as long as the worker */
    struct sink_conf        conf;
    const struct sink_kind *kind;
    void                   *given;            /* the kind's, from who configured it; NULL: the kind makes its own */
    void                   *self;             /* given to the pump when that opens */
    ship_rule              *rule;
    void                   *rule_ctx;
    uint64_t                rule_version;
    struct pump            *pump;             /* NULL: could not begin; see why */
    struct ship_stats       before;           /* what those of this name have counted that run no more */
    struct fault            why;
    int64_t                 why_us;
    pthread_t               thread;
    bool                    has_thread;
    pthread_mutex_t         lock;
    pthread_cond_t          changed;
    bool                    stop, woken, ended;
};

struct ship {
    struct ship_options o;
    pthread_mutex_t     turn;                 /* one who changes something at a time */
    pthread_mutex_t     lock;                 /* of the list; held for moments only, and only taken by who has the turn for changes */
    struct worker      *worker[SHIP_SINKS_MAX];
    size_t              workers;
    uint64_t            begun;                /* for seeds */
    struct { char name[JOURNAL_NAME_MAX + 1]; struct place at; struct ship_stats counts; } place[PLACES_MAX];    /* where those stopped that run no more */
    size_t              places;
};

/* ---- one thread ---- */

static struct timespec in_us(int64_t us)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += (time_t)(us / US_PER_S);
    t.tv_nsec += (long)(us % US_PER_S) * 1000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_nsec -= 1000000000;
        t.tv_sec++;
    }
    return t;
}

static void wait_for(struct worker *w, int64_t us)
{
    struct timespec t = in_us(us);
    (void)pthread_mutex_lock(&w->lock);
    while (!w->stop && !w->woken && (us < 0 ? pthread_cond_wait(&w->changed, &w->lock) : pthread_cond_timedwait(&w->changed, &w->lock, &t)) == 0)
        continue;
    w->woken = false;
    (void)pthread_mutex_unlock(&w->lock);
}

static bool stopped(struct worker *w)
{
    (void)pthread_mutex_lock(&w->lock);
    bool stop = w->stop;
    (void)pthread_mutex_unlock(&w->lock);
    return stop;
}

static void *run(void *ctx)
{
    struct worker *w = ctx;
    while (!stopped(w)) {
        struct pump_next n = pump_step(w->pump);
        if (n.wait == PUMP_JOURNAL)           /* not for long: what is to be noticed beside the journal must not wait for it */
            (void)journal_wait(pump_consumer(w->pump), n.for_us < 0 || n.for_us > WAIT_MOST_MS * US_PER_MS ? WAIT_MOST_MS * US_PER_MS : n.for_us);
        else if (n.wait == PUMP_TIME)
            wait_for(w, n.for_us);
    }
    (void)pthread_mutex_lock(&w->lock);
    w->ended = true;
    (void)pthread_cond_broadcast(&w->changed);
    (void)pthread_mutex_unlock(&w->lock);
    return NULL;
}

static void wake(struct worker *w, bool stop)
{
    (void)pthread_mutex_lock(&w->lock);
    w->stop = w->stop || stop;
    w->woken = true;
    (void)pthread_cond_broadcast(&w->changed);
    (void)pthread_mutex_unlock(&w->lock);
    if (w->pump)
        journal_wake(pump_consumer(w->pump));
}

/* Until it has ended, or the time of grace is over: then what it does is cut short. */
static void await(struct worker *w, const struct timespec *grace)
{
    int over = 0;
    (void)pthread_mutex_lock(&w->lock);
    while (!w->ended && over == 0)
        over = pthread_cond_timedwait(&w->changed, &w->lock, grace);
    bool ended = w->ended;
    (void)pthread_mutex_unlock(&w->lock);
    if (!ended)
        pump_cancel(w->pump);
}

/* ---- one worker ---- */

static void worker_free(struct worker *w)
{
    if (!w)
        return;
    if (w->self)
        w->kind->close(w->self);
    sink_conf_wipe(&w->conf);
    arena_done(&w->arena);
    (void)pthread_cond_destroy(&w->changed);
    (void)pthread_mutex_destroy(&w->lock);
    free(w);
}

static void note_why(struct worker *w, const struct fault *why)
{
    w->why = *why;
    w->why_us = clock_wall_us(w->of->o.clock);
}

/* Settings copied and checked by the kind; nothing is touched that a predecessor uses. One that could not be opened has its `why` set. NULL: see fault. */
static struct worker *worker_new(struct ship *s, const struct ship_sink *k, struct fault *fault)
{
    struct worker *w = calloc(1, sizeof *w);
    if (!w) {
        (void)fail(fault, ERR_LIMIT, "no memory for sink %s", k->conf->name);
        return NULL;
    }
    pthread_condattr_t attr;
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&w->changed, &attr);
    (void)pthread_condattr_destroy(&attr);
    (void)pthread_mutex_init(&w->lock, NULL);
    arena_init(&w->arena, CONF_MEMORY);
    w->of = s;
    w->kind = k->kind ? k->kind : sink_kind_find(k->conf->kind);
    w->rule = k->rule;
    w->rule_ctx = k->rule_ctx;
    w->rule_version = k->rule_version;
    enum err e = w->kind ? sink_conf_copy(&w->conf, k->conf, &w->arena, fault) : fail(fault, ERR_INPUT, "sink %s: there is no kind %s", k->conf->name, k->conf->kind);
    w->self = w->given = k->self;
    if (e == OK && !w->given && w->kind->open(&w->conf, &w->self, fault) != OK) {
        w->self = NULL;
        (void)fail_in(fault, "sink %s: ", k->conf->name);
        note_why(w, fault);
    }
    if (e == OK)
        return w;
    worker_free(w);
    return NULL;
}

static struct place place_of(const struct ship *s, const struct sink_conf *conf)
{
    struct place p = { 0, 0 };
    for (size_t i = 0; i < s->places; i++)
        if (begin_is_ours(conf, s->place[i].name) && place_order(s->place[i].at, p) > 0)
            p = s->place[i].at;
    return p;
}

static void forget_place(struct ship *s, const char *name)
{
    for (size_t i = 0; i < s->places; i++)
        if (strcmp(s->place[i].name, name) == 0) {
            s->place[i] = s->place[--s->places];
            return;
        }
}

/* A counter does not go back because some setting has changed. */
static void add_counts(struct ship_stats *to, const struct ship_stats *more)
{
    to->sent += more->sent;
    to->batches += more->batches;
    to->bytes += more->bytes;
    to->retries += more->retries;
    to->halved += more->halved;
    to->dead += more->dead;
    to->skipped += more->skipped;
    to->unfit += more->unfit;
    to->dropped += more->dropped;
    to->unparsed += more->unparsed;
    to->rejected += more->rejected;
    to->undecodable += more->undecodable;
    to->replayed += more->replayed;
}

static void note_place(struct ship *s, const char *name, struct place at, const struct ship_stats *counts)
{
    forget_place(s, name);
    if (s->places == PLACES_MAX)              /* the oldest: after a crash it would not be known either */
        memmove(s->place, s->place + 1, sizeof s->place[0] * --s->places);
    (void)snprintf(s->place[s->places].name, sizeof s->place[0].name, "%s", name);
    s->place[s->places].counts = *counts;
    s->place[s->places++].at = at;
}

static enum err worker_begin(struct worker *w, struct fault *fault)
{
    struct ship        *s = w->of;
    struct pump_options o = { .journal = s->o.journal, .dead = s->o.dead, .clock = s->o.clock, .seed = s->o.seed ^ ++s->begun * UINT64_C(0x9e3779b97f4a7c15), .conf = &w->conf,
                              .kind = w->kind, .self = w->self, .rule = w->rule, .rule_ctx = w->rule_ctx, .resume = place_of(s, &w->conf) };
    w->self = NULL;
    for (size_t i = 0; i < s->places; i++)
        if (strcmp(s->place[i].name, w->conf.name) == 0)
            w->before = s->place[i].counts;
    enum err e = pump_open(&o, &w->pump, fault);
    if (e == OK && pthread_create(&w->thread, NULL, run, w) != 0) {
        pump_close(w->pump, NULL);
        w->pump = NULL;
        e = fail(fault, ERR_LIMIT, "sink %s: no thread", w->conf.name);
    }
    w->has_thread = e == OK;
    if (e != OK)
        note_why(w, fault);
    return e;
}

/* Not in the list any more. It was told to stop before. */
static void worker_end(struct worker *w)
{
    if (w->has_thread) {
        struct place      at;
        struct ship_stats counts;
        (void)pthread_join(w->thread, NULL);
        pump_stats(w->pump, &counts);
        add_counts(&counts, &w->before);
        pump_close(w->pump, &at);
        note_place(w->of, w->conf.name, at, &counts);
    }
    worker_free(w);
}

/* ---- all of them ---- */

enum err ship_new(const struct ship_options *o, struct ship **out, struct fault *fault)
{
    *out = NULL;
    struct ship *s = calloc(1, sizeof *s);
    if (!s)
        return fail(fault, ERR_LIMIT, "no memory for the sinks");
    s->o = *o;
    if (!s->o.clock)
        s->o.clock = &clock_real;
    (void)pthread_mutex_init(&s->turn, NULL);
    (void)pthread_mutex_init(&s->lock, NULL);
    *out = s;
    return OK;
}

static struct worker *find(const struct ship *s, const char *name)
{
    for (size_t i = 0; i < s->workers; i++)
        if (strcmp(s->worker[i]->conf.name, name) == 0)
            return s->worker[i];
    return NULL;
}

static void put(struct ship *s, struct worker *w)
{
    (void)pthread_mutex_lock(&s->lock);
    s->worker[s->workers++] = w;
    (void)pthread_mutex_unlock(&s->lock);
}

/* Those in `go` leave the list, all are told, and then each is waited for: the slowest counts, not the sum. */
static void end_all(struct ship *s, const bool *go)
{
    struct worker *leaving[SHIP_SINKS_MAX];
    size_t         n = 0, left = 0;
    (void)pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < s->workers; i++) {
        if (go[i])
            leaving[n++] = s->worker[i];
        else
            s->worker[left++] = s->worker[i];
    }
    s->workers = left;
    (void)pthread_mutex_unlock(&s->lock);
    for (size_t i = 0; i < n; i++)
        wake(leaving[i], true);
    struct timespec grace = in_us(s->o.grace_us ? s->o.grace_us : GRACE_US);
    for (size_t i = 0; i < n; i++)
        if (leaving[i]->has_thread)
            await(leaving[i], &grace);
    for (size_t i = 0; i < n; i++)
        worker_end(leaving[i]);
}

static bool as_before(const struct worker *w, const struct ship_sink *k)
{
    return w->has_thread && w->kind == (k->kind ? k->kind : sink_kind_find(k->conf->kind)) && w->rule == k->rule && w->rule_ctx == k->rule_ctx && w->rule_version == k->rule_version &&
           sink_conf_same(&w->conf, k->conf);
}

static enum err check_names(const struct ship_sink *sinks, size_t n, struct fault *fault)
{
    if (n > SHIP_SINKS_MAX)
        return fail(fault, ERR_LIMIT, "%zu sinks, at most %d", n, SHIP_SINKS_MAX);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < n; k++)
            if (k != i && begin_is_ours(sinks[i].conf, sinks[k].conf->name)) {
                enum err e = fail(fault, ERR_CONFLICT, "sink %s: %s is another sink in the same configuration", sinks[i].conf->name, sinks[k].conf->name);
                fail_hint(fault, "a former name must not be in use any more");
                return e;
            }
    return OK;
}

static enum err configure(struct ship *s, const struct ship_sink *sinks, size_t n, struct fault *fault)
{
    struct worker *fresh[SHIP_SINKS_MAX] = { 0 };
    bool           go[SHIP_SINKS_MAX];
    struct fault   why = { 0 };
    enum err       first = check_names(sinks, n, fault);
    if (first != OK)
        return first;
    for (size_t i = 0; i < s->workers; i++)
        go[i] = true;
    for (size_t i = 0; i < n; i++) {
        size_t at = 0;
        while (at < s->workers && strcmp(s->worker[at]->conf.name, sinks[i].conf->name) != 0)
            at++;
        bool known = at < s->workers, same = known && as_before(s->worker[at], &sinks[i]);
        fresh[i] = same ? NULL : worker_new(s, &sinks[i], &why);
        bool cannot = !same && (!fresh[i] || fresh[i]->why.code != OK);
        if (cannot && first == OK) {
            first = why.code;
            *fault = why;
        }
        if (cannot && known && s->worker[at]->has_thread) {
            worker_free(fresh[i]);
            fresh[i] = NULL;
        }
        if (known)
            go[at] = fresh[i] != NULL;        /* one whose new settings cannot be used stays as it is */
    }
    end_all(s, go);
    for (size_t i = 0; i < n; i++) {
        if (!fresh[i])
            continue;
        if (fresh[i]->why.code == OK && worker_begin(fresh[i], &why) != OK && first == OK) {
            first = why.code;
            *fault = why;
        }
        put(s, fresh[i]);
    }
    return first;
}

enum err ship_configure(struct ship *s, const struct ship_sink *sinks, size_t n, struct fault *fault)
{
    struct fault own;
    (void)pthread_mutex_lock(&s->turn);
    enum err e = configure(s, sinks, n, fault ? fault : &own);
    (void)pthread_mutex_unlock(&s->turn);
    return e;
}

void ship_free(struct ship *s)
{
    if (!s)
        return;
    bool go[SHIP_SINKS_MAX];
    for (size_t i = 0; i < SHIP_SINKS_MAX; i++)
        go[i] = true;
    (void)pthread_mutex_lock(&s->turn);
    end_all(s, go);
    (void)pthread_mutex_unlock(&s->turn);
    (void)pthread_mutex_destroy(&s->lock);
    (void)pthread_mutex_destroy(&s->turn);
    free(s);
}

enum err ship_forget(struct ship *s, const char *name, struct fault *fault)
{
    char cursor[JOURNAL_NAME_MAX + 1];
    (void)pthread_mutex_lock(&s->turn);
    enum err e = begin_cursor_name(name, cursor, fault);
    if (e == OK && find(s, name)) {
        e = fail(fault, ERR_STATE, "sink %.80s is in the configuration", name);
        fail_hint(fault, "take it out, reload, and then have it forgotten");
    }
    if (e == OK)
        e = journal_forget(s->o.journal, cursor, fault);
    if (e == OK)
        forget_place(s, name);
    (void)pthread_mutex_unlock(&s->turn);
    return e;
}

/* With the turn, while no worker has it open. */
static enum err send_back(struct ship *s, const struct sink_conf *conf, uint64_t id, struct fault *fault)
{
    char                     cursor[JOURNAL_NAME_MAX + 1];
    struct journal_consumer *c = NULL;
    enum err                 e = begin_cursor_name(conf->name, cursor, fault);
    if (e == OK)
        e = journal_consumer_open(s->o.journal, cursor, JOURNAL_FROM_START, &c, fault);
    if (e == OK)
        e = journal_seek(c, id, true, fault);
    journal_consumer_close(c);
    for (size_t i = 0; e == OK && i < s->places; i++)
        if (begin_is_ours(conf, s->place[i].name))
            s->place[i].at = (struct place){ 0, 0 };
    return e;
}

/* There may be more dead letters behind that place than a sink can keep in mind: then it would not begin, so it must not be moved. */
static enum err may_begin_at(struct ship *s, const struct sink_conf *conf, uint64_t id, struct fault *fault)
{
    struct sieve seen = { 0 };
    enum err     e = begin_seen_events(s->o.dead, conf, id ? id - 1 : 0, &seen, fault);
    free(seen.seen);
    return e;
}

/* Its worker ends and another one begins, at the new place; or, when that could not be noted, at the old one. */
static enum err replay(struct ship *s, struct worker *w, int64_t since_us, uint64_t *id, struct fault *fault)
{
    bool           go[SHIP_SINKS_MAX];
    struct fault   why = { 0 };
    enum err       e = *id ? OK : journal_find(s->o.journal, since_us, id, fault);
    struct worker *fresh = e == OK ? worker_new(s, &(struct ship_sink){ &w->conf, w->kind, w->given, w->rule, w->rule_ctx, w->rule_version }, fault) : NULL;
    if (!fresh || fresh->why.code != OK) {
        worker_free(fresh);
        return fault->code;
    }
    if ((e = may_begin_at(s, &w->conf, *id, fault)) != OK) {
        worker_free(fresh);
        return e;
    }
    for (size_t i = 0; i < s->workers; i++)
        go[i] = s->worker[i] == w;
    end_all(s, go);
    if (fresh->kind->replay)
        e = fresh->kind->replay(fresh->self, fault);
    if (e == OK)
        e = send_back(s, &fresh->conf, *id, fault);
    enum err began = worker_begin(fresh, &why);
    put(s, fresh);
    if (e == OK && began != OK) {
        *fault = why;
        e = began;
    }
    return e;
}

enum err ship_replay(struct ship *s, const char *name, int64_t since_us, uint64_t *id, struct fault *fault)
{
    (void)pthread_mutex_lock(&s->turn);
    struct worker *w = find(s, name);
    enum err       e = w ? replay(s, w, since_us, id, fault) : fail(fault, ERR_MISSING, "there is no sink %.80s", name);
    (void)pthread_mutex_unlock(&s->turn);
    return e;
}

enum err ship_replay_allow(const struct sink_conf *conf, struct fault *fault)
{
    const struct sink_kind *kind = sink_kind_find(conf->kind);
    void                   *self = NULL;
    if (!kind || !kind->replay)
        return OK;
    enum err e = kind->open(conf, &self, fault);
    if (e != OK)
        return e;
    e = kind->replay(self, fault);
    kind->close(self);
    return e;
}

enum err ship_dead_replay(struct ship *s, const char *name, struct fault *fault)
{
    struct dead_replay r;
    (void)pthread_mutex_lock(&s->turn);
    struct worker *w = find(s, name);
    enum err       e = w ? dead_want_replay(s->o.dead, name, &r, fault) : fail(fault, ERR_MISSING, "there is no sink %.80s", name);
    if (e == OK && w->pump) {
        pump_look(w->pump);
        wake(w, false);
    }
    (void)pthread_mutex_unlock(&s->turn);
    return e;
}

/* ---- how they are ---- */

bool ship_is_stuck(const struct ship_stats *s, int64_t now_us, int64_t after_us)
{
    return !s->paused && (s->behind || s->waiting) && now_us - s->moved_us > after_us;
}

static void one(struct worker *w, const struct journal_progress *list, size_t n, int64_t now_us, struct ship_stats *out)
{
    char         cursor[JOURNAL_NAME_MAX + 1];
    struct fault fault;
    *out = (struct ship_stats){ .progress_us = w->why_us, .last_error_us = w->why_us };
    if (w->pump)
        pump_stats(w->pump, out);
    else
        (void)snprintf(out->last_error, sizeof out->last_error, "%.239s", w->why.text);
    add_counts(out, &w->before);
    (void)snprintf(out->name, sizeof out->name, "%s", w->conf.name);
    (void)snprintf(out->kind, sizeof out->kind, "%s", w->kind->name);
    out->paused = w->conf.paused;
    out->running = w->pump != NULL;
    if (begin_cursor_name(w->conf.name, cursor, &fault) == OK)
        for (size_t i = 0; i < n; i++)
            if (strcmp(list[i].name, cursor) == 0) {
                out->committed = list[i].committed;
                out->behind = list[i].behind;
                out->lag_us = list[i].lag_us;
            }
    out->stuck = !out->running || ship_is_stuck(out, now_us, w->conf.stuck_after_us);
}

size_t ship_stats(struct ship *s, struct ship_stats *out, size_t max)
{
    struct journal_progress *list = calloc(JOURNAL_CONSUMERS_MAX, sizeof *list);
    size_t                   n = list ? journal_progress(s->o.journal, list, JOURNAL_CONSUMERS_MAX) : 0, given = 0;
    (void)pthread_mutex_lock(&s->lock);
    for (; given < s->workers && given < max; given++)
        one(s->worker[given], list, n, clock_mono_us(s->o.clock), &out[given]);
    (void)pthread_mutex_unlock(&s->lock);
    free(list);
    return given;
}
