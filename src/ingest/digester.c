/* ingest/digester.c */
#include "ingest/digester.h"

#include "base/log.h"
#include "event/event.h"
#include "ingest/digester_inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_MAX  ((size_t)512 * 1024 * 1024)
#define FORGET_US  (INT64_C(3600) * US_PER_S)
#define SAVE_SHARE 50                        /* storing may take one part in so many of the time */
enum { RECORDS_A_TURN = 256, EVENTS_A_TURN = 200000 };

struct digester_options digester_options_default(const char *folder, struct journal *j)
{
    return (struct digester_options){ .folder = folder, .journal = j, .feed = feed_options_default(), .keep = digest_keep_default(), .save_us = 5 * US_PER_S, .records_a_turn = RECORDS_A_TURN };
}

static const struct clock *clock_of(const struct digester *d) { return d->o.clock ? d->o.clock : &clock_real; }

/* ---- how far it has come ---- */

enum err digester_keep(struct digester *d, struct fault *fault)
{
    struct pack p;
    pack_init(&p, 4096);
    pack_u(&p, 1);
    pack_u(&p, d->read);
    pack_i(&p, d->now_us);
    pack_i(&p, d->upper_us);
    enum err e = p.full ? fail(fault, ERR_LIMIT, "no memory to store how far the digest is") : feed_save(d->feed, d->store, fault);
    if (e == OK)
        e = digest_state_put(d->store, "progress", pack_bytes(&p), fault);
    pack_done(&p);
    return e;
}

static enum err load_progress(struct digester *d, struct fault *fault)
{
    char    *bytes;
    size_t   size;
    enum err e = digest_state_get(d->store, "progress", &bytes, &size, fault);
    d->read = 0;
    d->now_us = d->upper_us = INT64_MIN;
    if (e != OK || !bytes)
        return e;
    struct unpack u = unpack_of((struct slice){ bytes, size });
    bool          fine = unpack_u(&u) == 1;
    d->read = unpack_u(&u);
    d->now_us = unpack_i(&u);
    d->upper_us = unpack_i(&u);
    free(bytes);
    if (fine && !u.bad)
        return OK;
    (void)fail(fault, ERR_INPUT, "digest.db does not say how far it is");
    fail_hint(fault, "move %s/digest.db away: it is made again from what the journal still holds", d->o.folder);
    return ERR_INPUT;
}

void digester_drop(struct digester *d)
{
    pthread_mutex_lock(&d->open);
    feed_free(d->feed);
    d->feed = NULL;
    pthread_mutex_unlock(&d->open);
}

/* Memory as digest.db says it is: at start, and after whatever went wrong. */
static enum err reload(struct digester *d, struct fault *fault)
{
    digester_drop(d);
    enum err e = OK;
    if (!d->store)
        e = digest_store_open(d->o.folder, &d->store, fault);
    if (e == OK)
        e = load_progress(d, fault);
    struct feed *f = NULL;
    if (e == OK)
        e = feed_new(&d->o.feed, &d->arena, &f, fault);
    if (e == OK)
        e = feed_load(f, d->store, fault);
    if (e == OK && d->o.journal) {
        struct journal_stats s;
        journal_stats(d->o.journal, &s);
        if (d->read > s.last_id) {
            log_warn("the journal is another one than the digest knew: it is read from its beginning", F("known", (int64_t)d->read), F("last", (int64_t)s.last_id));
            d->read = 0;
        }
        e = journal_seek(d->consumer, d->read + 1, false, fault);
    }
    if (e != OK) {
        feed_free(f);
        return e;
    }
    pthread_mutex_lock(&d->open);
    d->feed = f;
    pthread_mutex_unlock(&d->open);
    d->committed = d->read;
    d->dirty = false;
    d->saved_us = clock_mono_us(clock_of(d));
    return OK;
}

/* ---- open, close ---- */

static void note_counts(struct digester *d)
{
    struct digester_stats *s = &d->stats;
    s->lost = locate_lost(d->feed->locate);
    s->places_refused = places_refused(d->feed->places);
    metrics_stats(d->feed->metrics, &s->metrics);
    calls_stats(d->feed->calls, &s->calls);
    logs_stats(d->feed->logs, &s->logs);
}

enum err digester_open(const struct digester_options *o, struct digester **out, struct fault *fault)
{
    struct digester *d = calloc(1, sizeof *d);
    if (!d)
        return fail(fault, ERR_LIMIT, "no memory for the digest");
    d->o = *o;
    d->job = window_job(DIGEST_JOB);
    d->look_for_asked = true;
    (void)pthread_mutex_init(&d->lock, NULL);
    (void)pthread_mutex_init(&d->open, NULL);
    rand_seed(&d->chance, (uint64_t)clock_wall_us(clock_of(d)));
    arena_init(&d->arena, ARENA_MAX);
    enum err     e = OK;
    struct fault unheard;
    if (o->journal && journal_forget(o->journal, DIGEST_AGAIN, &unheard) == OK)      /* left by a crash: it would hold the journal for ever */
        log_info("a window was being made again when we ended");
    if (o->journal)
        e = journal_consumer_open(o->journal, DIGEST_CONSUMER, JOURNAL_FROM_START, &d->consumer, fault);
    if (e == OK)
        e = reload(d, fault);
    if (e != OK) {
        digester_close(d);
        return e;
    }
    d->stats.upper_us = d->upper_us;
    d->stats.cursor = d->committed;
    note_counts(d);
    (void)left_out_look(&d->stats.caps, &d->stats, clock_wall_us(clock_of(d)));     /* what comes on top of it is told */
    *out = d;
    return OK;
}

void digester_close(struct digester *d)
{
    if (!d)
        return;
    digester_stop(d);
    feed_free(d->feed);
    journal_consumer_close(d->consumer);
    digest_store_close(d->store);
    arena_done(&d->arena);
    (void)pthread_mutex_destroy(&d->lock);
    (void)pthread_mutex_destroy(&d->open);
    free(d);
}

/* What is open goes into the transaction as well, and that is the end of it: all of it is there, or, when anything failed, nothing. */
static enum err end_turn(struct digester *d, enum err e, struct fault *fault)
{
    if (e == OK)
        e = digester_keep(d, fault);
    if (e == OK)
        e = digest_store_commit(d->store, fault);
    else
        digest_store_rollback(d->store);
    if (e != OK)
        return e;
    d->committed = d->read;
    d->dirty = false;
    d->saved_us = clock_mono_us(clock_of(d));
    return OK;
}

/* ---- writing ---- */

static enum err save(struct digester *d, struct fault *fault)
{
    int64_t  began = clock_mono_us(clock_of(d));
    bool     traces = locate_full(d->feed->locate);
    enum err e = digest_store_begin(d->store, fault);
    if (e == OK && traces)                   /* pointers alone: windows are not looked at */
        e = feed_emit(d->feed, d->store, INT64_MIN, d->now_us, true, NULL, fault);
    pthread_mutex_lock(&d->open);
    if (e == OK && traces)
        locate_settle(d->feed->locate, INT64_MIN, true);
    e = end_turn(d, e, fault);
    pthread_mutex_unlock(&d->open);
    if (e != OK)
        return e;
    pthread_mutex_lock(&d->lock);
    d->stats.saves++;
    d->stats.save_seconds = (double)(d->saved_us - began) / 1e6;
    pthread_mutex_unlock(&d->lock);
    return OK;
}

/* One window: its rows, that it was run for each tenant, and what stays open. */
static enum err close_window(struct digester *d, const struct window *w, struct fault *fault)
{
    struct feed *f = d->feed;
    enum err     e = digest_store_begin(d->store, fault);
    if (e == OK)
        e = feed_emit(f, d->store, w->to_us, d->now_us, true, NULL, fault);
    int64_t rows = 0;
    for (uint32_t i = 0; e == OK && i < places_tenants(f->places); i++) {
        struct digest_run run = { .job = DIGEST_JOB, .status = "success", .tenant_id = f->tenant_id[i], .from_us = w->from_us, .to_us = w->to_us, .rows = f->rows[i] };
        e = digest_run_put(d->store, &run, d->now_us, fault);
        rows += f->rows[i];
    }
    pthread_mutex_lock(&d->open);
    if (e == OK) {
        feed_settle(f, w->to_us, d->now_us, true);
        d->upper_us = w->to_us;
    }
    e = end_turn(d, e, fault);
    pthread_mutex_unlock(&d->open);
    if (e != OK)
        return e;
    pthread_mutex_lock(&d->lock);
    d->stats.windows++;
    d->stats.rows += (uint64_t)rows;
    pthread_mutex_unlock(&d->lock);
    return OK;
}

/* The journal may throw away what is in digest.db, once that is on disk. */
static enum err let_journal_go(struct digester *d, struct fault *fault)
{
    enum err e = digest_store_sync(d->store, fault);
    if (e == OK && d->consumer && d->committed)
        e = journal_commit(d->consumer, d->committed, fault);
    return e == ERR_BUSY ? OK : e;                       /* the next window will do */
}

static enum err close_due(struct digester *d, bool *did, struct fault *fault)
{
    struct window w;
    enum err      e = OK;
    *did = false;
    while (e == OK && d->now_us != INT64_MIN && window_next(d->job, d->now_us, d->upper_us, INT64_MIN, &w)) {
        e = close_window(d, &w, fault);
        *did = true;
    }
    if (!*did || e != OK)
        return e;
    e = let_journal_go(d, fault);
    int64_t wall = clock_wall_us(clock_of(d));
    if (e == OK && wall - d->forgot_us >= FORGET_US) {
        struct journal_stats s = { 0 };
        if (d->o.journal)
            journal_stats(d->o.journal, &s);
        d->forgot_us = wall;
        e = digest_store_forget(d->store, &d->o.keep, d->now_us, s.first_id, fault);
    }
    return e;
}

/* ---- reading ---- */

static bool take(void *ctx, const struct event *e)
{
    struct digester *d = ctx;
    feed_take(d->feed, e);
    return true;
}

static enum err read_some(struct digester *d, bool *any, struct fault *fault)
{
    struct record   r;
    uint64_t        records = 0, events = 0, bad = 0;
    enum err        e = OK;
    while (records < d->o.records_a_turn && events < EVENTS_A_TURN && !locate_full(d->feed->locate)) {
        struct event_report report = { 0 };
        e = journal_read(d->consumer, &r, fault);
        if (e != OK)
            break;
        arena_reset(&d->arena);
        if (r.received_us > d->now_us)
            d->now_us = r.received_us;
        /* A window ends between two records, so that it holds the same whenever it is closed. */
        bool closed;
        e = close_due(d, &closed, fault);
        if (e != OK)
            break;
        pthread_mutex_lock(&d->open);
        enum err decoded = event_read(&r, &d->arena, take, d, &report, NULL);
        d->read = r.id;
        pthread_mutex_unlock(&d->open);
        bad += decoded != OK && decoded != ERR_MISSING;
        events += report.events;
        records++;
    }
    *any = records > 0;
    d->behind = e == OK;
    d->dirty |= *any;
    pthread_mutex_lock(&d->lock);
    d->stats.records += records;
    d->stats.events += events;
    d->stats.bad_records += bad;
    pthread_mutex_unlock(&d->lock);
    return e == ERR_MISSING ? OK : e;
}

void digester_feed(struct digester *d, const struct event *e)
{
    feed_take(d->feed, e);
    d->read = e->record > d->read ? e->record : d->read;
    d->dirty = true;
    d->stats.events++;
}

/* ---- asked for ---- */

enum err digester_ask(struct digester *d, const char *job, const char *tenant, int64_t from_us, int64_t to_us, struct fault *fault)
{
    const struct job_kind *kind = window_job(job);
    struct window          w;
    const char            *why;
    if (!kind)
        return fail(fault, ERR_INPUT, "there is no job '%s'", job);
    if (strcmp(job, DIGEST_JOB) != 0)
        return fail(fault, ERR_INPUT, "job '%s' is not run here", job);
    if (strlen(tenant) > RECORD_TENANT_MAX)
        return fail(fault, ERR_INPUT, "the name of the tenant is too long");
    if (!window_asked(kind, clock_wall_us(clock_of(d)), from_us, to_us, &w, &why))
        return fail(fault, ERR_INPUT, "this window of %s cannot be done again: %s", job, why);
    enum err e = OK;
    pthread_mutex_lock(&d->lock);
    if (d->askeds == ASKED_MAX) {
        e = fail(fault, ERR_BUSY, "%d windows wait to be done again", ASKED_MAX);
    } else {
        struct asked *a = &d->asked[d->askeds++];
        *a = (struct asked){ .from_us = w.from_us, .to_us = w.to_us };
        (void)snprintf(a->job, sizeof a->job, "%s", job);
        (void)snprintf(a->tenant, sizeof a->tenant, "%s", tenant);
    }
    pthread_mutex_unlock(&d->lock);
    if (d->consumer)
        journal_wake(d->consumer);
    return e;
}

/* What could not be queued stays. */
static enum err queue_asked(struct digester *d, struct fault *fault)
{
    struct asked list[ASKED_MAX];
    pthread_mutex_lock(&d->lock);
    unsigned n = d->askeds, done = 0;
    memcpy(list, d->asked, n * sizeof *list);
    pthread_mutex_unlock(&d->lock);
    enum err e = OK;
    for (; done < n && e == OK; done += e == OK) {
        e = digest_run_ask(d->store, list[done].job, list[done].tenant, list[done].from_us, list[done].to_us, clock_wall_us(clock_of(d)), fault);
        d->look_for_asked = true;
    }
    if (done == 0)
        return e;
    pthread_mutex_lock(&d->lock);
    d->askeds -= done;                       /* others may have come behind them */
    memmove(d->asked, d->asked + done, d->askeds * sizeof *d->asked);
    pthread_mutex_unlock(&d->lock);
    return e;
}

/* ---- turns ---- */

static void note(struct digester *d, enum err e, const struct fault *fault)
{
    uint32_t tell = 0;
    pthread_mutex_lock(&d->lock);
    struct digester_stats *s = &d->stats;
    s->cursor = d->committed;
    s->upper_us = d->upper_us;
    s->behind = d->behind;
    s->waiting = e != OK;
    if (e != OK) {
        s->failures++;
        (void)snprintf(s->why, sizeof s->why, "%s", fault->text);
    }
    if (d->feed) {
        note_counts(d);
        tell = left_out_look(&s->caps, s, clock_wall_us(clock_of(d)));
    }
    pthread_mutex_unlock(&d->lock);
    left_out_tell(tell, s);                  /* only this thread writes them */
}

static void save_circuit(struct digester *d)
{
    struct digest_circuit c = { .failures = d->circuit.failures, .until_us = d->circuit.until_us };
    struct fault          unheard;
    (void)snprintf(c.state, sizeof c.state, "%s", circuit_name(d->circuit.state));
    int64_t  own, now = clock_wall_us(clock_of(d));
    enum err e = digest_tenant(d->store, "", now, &own, &unheard);
    if (e == OK)
        e = digest_circuit_put(d->store, DIGEST_JOB, own, &c, now, &unheard);     /* the failure itself is what is told */
    (void)e;
}

static enum err turn(struct digester *d, bool *idle, struct fault *fault)
{
    bool     any = false, closed = false, did = false;
    enum err e = d->feed ? OK : reload(d, fault);
    if (e == OK)
        e = queue_asked(d, fault);
    if (e == OK && d->consumer)
        e = read_some(d, &any, fault);
    if (e == OK && d->consumer && !d->behind) {
        int64_t wall = clock_wall_us(clock_of(d));
        if (wall > d->now_us)
            d->now_us = wall;
    }
    if (e == OK && d->consumer)
        e = close_due(d, &closed, fault);
    int64_t wait = d->o.save_us > (int64_t)(d->stats.save_seconds * 1e6) * SAVE_SHARE ? d->o.save_us : (int64_t)(d->stats.save_seconds * 1e6) * SAVE_SHARE;
    if (e == OK && d->dirty && (locate_full(d->feed->locate) || clock_mono_us(clock_of(d)) - d->saved_us >= wait))
        e = save(d, fault);
    if (e == OK && d->look_for_asked && !d->behind)
        e = digester_again(d, &did, fault);
    *idle = !any && !closed && !did;
    return e;
}

enum err digester_step(struct digester *d, bool *idle, struct fault *fault)
{
    struct fault own = { 0 }, *f = fault ? fault : &own;
    int64_t      wall = clock_wall_us(clock_of(d));
    *idle = true;
    if (!circuit_allows(&d->circuit, wall))
        return OK;
    enum err e = turn(d, idle, f);
    if (e == OK && d->circuit.failures) {
        circuit_good(&d->circuit);
        save_circuit(d);
    } else if (e != OK) {
        circuit_bad(&d->circuit, wall, &d->chance);
        digester_drop(d);
        *idle = true;
        if (d->store)
            save_circuit(d);
    }
    note(d, e, f);
    return e;
}

enum err digester_close_windows(struct digester *d, int64_t now_us, struct fault *fault)
{
    bool did;
    d->now_us = now_us > d->now_us ? now_us : d->now_us;
    enum err e = close_due(d, &did, fault);
    note(d, e, fault);
    return e;
}

enum err digester_save(struct digester *d, struct fault *fault)
{
    enum err e = d->feed && d->dirty ? save(d, fault) : OK;
    return e == OK ? let_journal_go(d, fault) : e;
}

size_t digester_open_trace(struct digester *d, uint64_t hash, uint64_t *record, size_t max, uint64_t *read)
{
    pthread_mutex_lock(&d->open);
    size_t found = d->feed ? locate_find_open(d->feed->locate, hash, record, max) : 0;
    *read = d->feed ? d->read : 0;
    pthread_mutex_unlock(&d->open);
    return found;
}

void digester_stats(struct digester *d, struct digester_stats *s)
{
    pthread_mutex_lock(&d->lock);
    *s = d->stats;
    pthread_mutex_unlock(&d->lock);
    /* As of now: it must grow while nothing is written. */
    s->window_lag_seconds = s->upper_us == INT64_MIN ? 0 : (double)(clock_wall_us(clock_of(d)) - s->upper_us) / 1e6;
}

/* ---- its thread ---- */

static void *run(void *ctx)
{
    struct digester *d = ctx;
    struct fault     fault;
    bool             idle, failing = false;
    while (!atomic_load(&d->stopping)) {
        enum err e = digester_step(d, &idle, &fault);
        if (e != OK && !failing)
            log_fault(LOG_ERROR, "the digest stands still and tries again", &fault);
        else if (e == OK && failing && !d->circuit.failures)
            log_info("the digest goes on");
        failing = e != OK || d->circuit.failures > 0;
        if (idle && !atomic_load(&d->stopping))
            (void)journal_wait(d->consumer, US_PER_S);
        if (d->circuit.failures && !atomic_load(&d->stopping))
            (void)journal_wait(d->consumer, US_PER_S / 10);
    }
    if (digester_save(d, &fault) != OK)
        log_fault(LOG_WARN, "what the digest has open was not stored; it will be read again from the journal", &fault);
    return NULL;
}

enum err digester_start(struct digester *d, struct fault *fault)
{
    if (!d->consumer)
        return fail(fault, ERR_STATE, "the digest has no journal to read");
    atomic_store(&d->stopping, false);
    if (pthread_create(&d->thread, NULL, run, d) != 0)
        return fail(fault, ERR_LIMIT, "no thread for the digest");
    d->started = true;
    return OK;
}

void digester_stop(struct digester *d)
{
    if (!d->started)
        return;
    atomic_store(&d->stopping, true);
    journal_wake(d->consumer);
    (void)pthread_join(d->thread, NULL);
    d->started = false;
}
