/* ingest/digester.c - reading, closing windows, and the turns and the thread that do it. */
#include "ingest/digester.h"

#include "base/log.h"
#include "event/event.h"
#include "ingest/digester_inside.h"
#include "ingest/unrouted.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ARENA_MAX  ((size_t)2 * EVENT_DECODED_MAX)
#define FORGET_US  (INT64_C(3600) * US_PER_S)
#define SAVE_SHARE 50                        /* storing may take one part in so many of the time */
#define JUMP_US    (INT64_C(600) * US_PER_S)    /* more than this, and a clock was set, not corrected */
#define FIVE_US    (INT64_C(300) * US_PER_S)
#define LOOKED_US  (2 * US_PER_S)            /* a digest that takes its turns looks at the clock more often than this */
#define TRACE_WAIT_US (US_PER_S / 5)
enum { RECORDS_A_TURN = 256, EVENTS_A_TURN = 200000 };

struct digester_options digester_options_default(const char *folder, struct journal *j)
{
    return (struct digester_options){ .folder = folder, .journal = j, .feed = feed_options_default(), .keep = digest_keep_default(), .save_us = 5 * US_PER_S,
                                      .initial_us = window_job(DIGEST_JOB)->initial_us, .records_a_turn = RECORDS_A_TURN };
}

/* ---- open, close ---- */

static void note_counts(struct digester *d)
{
    struct digester_stats *s = &d->stats;
    s->lost = locate_lost(d->feed->locate);
    s->pointers_late = locate_late(d->feed->locate);
    s->pointers_early = locate_early(d->feed->locate);
    s->places_refused = places_refused(d->feed->places);
    metrics_stats(d->feed->metrics, &s->metrics);
    calls_stats(d->feed->calls, &s->calls);
    logs_stats(d->feed->logs, &s->logs);
}

/*
 * Somebody took the notes of what was run away: then the look-back is made again, from the journal and in the place of what is there.  To read it
 * as if it had never been read would count it twice.
 */
static enum err look_back(struct digester *d, struct fault *fault)
{
    int      asked = 0;
    int64_t  now = clock_wall_us(digester_clock(d));
    enum err e = d->o.journal && d->noted
        ? digest_run_ask_all(d->store, DIGEST_JOB, window_floor(d->upper_us - d->job.initial_us, d->job.align_us), d->upper_us, now, &asked, fault) : OK;
    if (asked)
        log_info("no window is noted as made: the look-back is made again", F("job", DIGEST_JOB), F("tenants", (int64_t)asked));
    if (e == OK || e == ERR_DAMAGED)
        return e;
    log_fault(LOG_WARN, "whether the look-back must be made again could not be looked at; the next start will", fault);
    return OK;
}

static enum err begin(struct digester *d, struct fault *fault)
{
    enum err e = digester_reload(d, fault);
    if (e == OK)
        e = digester_circuit_load(d, fault);
    return e == OK ? look_back(d, fault) : e;
}

enum err digester_open(const struct digester_options *o, struct digester **out, struct fault *fault)
{
    struct digester *d = calloc(1, sizeof *d);
    if (!d)
        return fail(fault, ERR_LIMIT, "no memory for the digest");
    d->o = *o;
    d->job = *window_job(DIGEST_JOB);
    d->job.initial_us = o->initial_us;
    d->forgot_us = d->even_us = INT64_MIN;
    d->stats_now_us = INT64_MIN;
    atomic_init(&d->look_for_asked, true);
    atomic_init(&d->stopping, false);
    (void)pthread_mutex_init(&d->lock, NULL);
    (void)pthread_mutex_init(&d->open, NULL);
    rand_seed(&d->chance, (uint64_t)clock_wall_us(digester_clock(d)));
    arena_init(&d->arena, ARENA_MAX);
    enum err     e = OK;
    struct fault unheard;
    if (o->journal && journal_forget(o->journal, DIGEST_AGAIN, &unheard) == OK)      /* left by a crash: it would hold the journal for ever */
        log_info("a window was being made again when we ended");
    if (o->journal)
        e = journal_consumer_open(o->journal, DIGEST_CONSUMER, JOURNAL_FROM_START, &d->consumer, fault);
    struct fault own = { 0 }, *why = fault ? fault : &own;
    if (e == OK && (e = begin(d, why)) == ERR_DAMAGED && (e = digester_aside(d, why, why)) == OK)
        e = begin(d, why);
    if (e != OK) {
        digester_close(d);
        return e;
    }
    d->stats.upper_us = d->upper_us;
    d->stats_now_us = d->now_us;
    d->stats.cursor = d->committed;
    note_counts(d);
    (void)left_out_look(&d->stats.caps, &d->stats, clock_wall_us(digester_clock(d)));     /* what comes on top of it is told */
    d->stats.waiting = d->circuit.failures > 0;
    if (d->stats.waiting)
        (void)snprintf(d->stats.why, sizeof d->stats.why, "it failed %u times in a row before the restart, and is tried again in a while", d->circuit.failures);
    *out = d;
    return OK;
}

void digester_close(struct digester *d)
{
    if (!d)
        return;
    digester_stop(d);
    digester_archive_done(d);
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
    d->saved_us = clock_mono_us(digester_clock(d));
    return OK;
}

/* ---- writing ---- */

static enum err save(struct digester *d, struct fault *fault)
{
    int64_t  began = clock_mono_us(digester_clock(d));
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
        d->noted |= e == OK;
    }
    pthread_mutex_lock(&d->open);
    if (e == OK) {
        feed_settle(f, w->to_us, d->now_us, true);
        d->upper_us = w->to_us;
        atomic_store(&d->look_for_asked, true);          /* what was asked for ahead may be over now */
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

static enum err forget_old(struct digester *d, struct fault *fault)
{
    struct journal_stats s = { 0 };
    int64_t              mono = clock_mono_us(digester_clock(d));
    if (d->even_us == INT64_MIN || mono - d->even_us < FORGET_US || (d->forgot_us != INT64_MIN && mono - d->forgot_us < FORGET_US))
        return OK;
    if (d->o.journal)
        journal_stats(d->o.journal, &s);
    d->forgot_us = mono;
    return digest_store_forget(d->store, &d->o.keep, d->now_us, s.first_id, fault);
}

static enum err close_due(struct digester *d, bool *did, struct fault *fault)
{
    struct window w;
    enum err      e = OK;
    *did = false;
    while (e == OK && d->now_us != INT64_MIN && window_next(&d->job, d->now_us, d->upper_us, INT64_MIN, &w)) {
        e = close_window(d, &w, fault);
        *did = true;
    }
    if (!*did || e != OK)
        return e;
    e = let_journal_go(d, fault);
    return e == OK ? forget_old(d, fault) : e;
}

bool digester_due(const struct digester *d)
{
    struct window w;
    int64_t       wall = clock_wall_us(digester_clock(d));
    return window_next(&d->job, wall > d->now_us ? wall : d->now_us, d->upper_us, INT64_MIN, &w);
}

/* ---- the wall clock ---- */

/* Since when it goes evenly: what is old by a clock that was set a moment ago may be everything. */
static void look_at_clocks(struct digester *d)
{
    int64_t wall = clock_wall_us(digester_clock(d)), mono = clock_mono_us(digester_clock(d));
    int64_t off = (wall - d->seen_wall_us) - (mono - d->seen_mono_us);
    if (d->even_us == INT64_MIN || off > JUMP_US || off < -JUMP_US)
        d->even_us = mono;
    d->seen_wall_us = wall;
    d->seen_mono_us = mono;
}

/*
 * The clock was ahead and was put back: what it said before must not stop the windows until it is reached again.  Everything open is written,
 * and they begin again at the next whole five minutes; what is older by its own time is counted as late, and can be asked for again.
 */
static enum err put_back(struct digester *d, int64_t wall, struct fault *fault)
{
    int64_t  floor_us = window_floor(wall + FIVE_US - 1, FIVE_US), upper = window_upper(&d->job, wall);
    enum err e = digest_store_begin(d->store, fault);
    log_warn("the clock was put back: windows begin again where it is now; what came in while it was wrong can be made again with homeostat backfill",
             F("ahead_seconds", (d->now_us - wall) / US_PER_S));
    if (e == OK)
        e = feed_emit(d->feed, d->store, INT64_MAX, wall, true, NULL, fault);
    pthread_mutex_lock(&d->open);
    if (e == OK)
        e = feed_put_back(d->feed, &d->o.feed, floor_us, fault);
    if (e == OK) {
        d->now_us = wall;
        d->upper_us = upper < d->upper_us ? upper : d->upper_us;
    }
    e = end_turn(d, e, fault);
    pthread_mutex_unlock(&d->open);
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
    int64_t         wall = clock_wall_us(digester_clock(d));
    uint64_t        records = 0, events = 0, bad = 0;
    enum err        e = OK;
    while (records < d->o.records_a_turn && events < EVENTS_A_TURN && !locate_full(d->feed->locate)) {
        struct event_report report = { 0 };
        e = journal_read(d->consumer, &r, fault);
        if (e != OK)
            break;
        arena_reset(&d->arena);
        int64_t received = r.received_us < wall ? r.received_us : wall;      /* later than now: it was taken in while the clock was wrong */
        if (received > d->now_us)
            d->now_us = received;
        /* A window ends between two records, so that it holds the same whenever it is closed. */
        bool closed;
        e = close_due(d, &closed, fault);
        if (e != OK)
            break;
        enum err tabled = r.kind == RECORD_SCHEMA ? digester_table(d, &r, fault) : OK;
        if (tabled != OK && tabled != ERR_INPUT) {
            e = tabled;
            break;
        }
        pthread_mutex_lock(&d->open);
        enum err decoded = unrouted_again(&r) ? OK : event_read(&r, &d->arena, take, d, &report, NULL);
        d->read = r.id;
        d->last = (struct digester_last){ r.received_us, r.body.n };
        pthread_mutex_unlock(&d->open);
        bad += (decoded != OK && decoded != ERR_MISSING) || tabled != OK;
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

enum err digester_ask(struct digester *d, const struct digest_request *q, int64_t *due_us, struct fault *fault)
{
    const struct job_kind *kind = window_job(q->job);
    struct digest_request  whole = *q;
    struct window          w;
    const char            *why;
    int64_t                wall = clock_wall_us(digester_clock(d));
    if (!kind)
        return fail(fault, ERR_INPUT, "there is no job '%.80s'", q->job);
    if (strcmp(q->job, DIGEST_JOB) != 0)
        return fail(fault, ERR_INPUT, "job '%s' is not run here", q->job);
    if (!window_asked(kind, wall, q->from_us, q->to_us, &w, due_us, &why))
        return fail(fault, ERR_INPUT, "this window of %s cannot be done again: %s", q->job, why);
    whole.from_us = w.from_us;
    whole.to_us = w.to_us;
    enum err e = digest_run_ask(d->o.folder, &whole, wall, fault);
    if (e != OK)
        return e;
    atomic_store(&d->look_for_asked, true);
    if (d->consumer)
        journal_wake(d->consumer);
    return OK;
}

/* ---- turns ---- */

static void note(struct digester *d, enum err e, const struct fault *fault)
{
    uint32_t tell = 0;
    pthread_mutex_lock(&d->lock);
    struct digester_stats *s = &d->stats;
    s->cursor = d->committed;
    s->upper_us = d->upper_us;
    d->stats_now_us = d->now_us;
    s->behind = d->behind;
    s->waiting = e != OK;
    if (e != OK) {
        s->failures++;
        (void)snprintf(s->why, sizeof s->why, "%s", fault->text);
    }
    if (d->feed) {
        note_counts(d);
        tell = left_out_look(&s->caps, s, clock_wall_us(digester_clock(d)));
    }
    pthread_mutex_unlock(&d->lock);
    left_out_tell(tell, s);                  /* only this thread writes them */
}

static enum err turn(struct digester *d, bool *idle, struct fault *fault)
{
    bool     any = false, closed = false, did = false;
    int64_t  wall = clock_wall_us(digester_clock(d));
    enum err e = d->feed ? OK : digester_reload(d, fault);
    look_at_clocks(d);
    if (e == OK && d->consumer && d->now_us != INT64_MIN && d->now_us - wall > JUMP_US)
        e = put_back(d, wall, fault);
    if (e == OK && d->consumer)
        e = read_some(d, &any, fault);
    if (e == OK && d->consumer && !d->behind) {
        wall = clock_wall_us(digester_clock(d));
        if (wall > d->now_us)
            d->now_us = wall;
    }
    if (e == OK && d->consumer)
        e = close_due(d, &closed, fault);
    int64_t wait = d->o.save_us > (int64_t)(d->stats.save_seconds * 1e6) * SAVE_SHARE ? d->o.save_us : (int64_t)(d->stats.save_seconds * 1e6) * SAVE_SHARE;
    /* After a failure at once: a turn is good when what it read could be stored. */
    if (e == OK && d->dirty && (d->circuit.failures || locate_full(d->feed->locate) || clock_mono_us(digester_clock(d)) - d->saved_us >= wait))
        e = save(d, fault);
    if (e == OK && atomic_load(&d->look_for_asked) && !d->behind)
        e = digester_again(d, &did, fault);
    *idle = !any && !closed && !did;
    return e;
}

static enum err failed(struct digester *d, enum err e, int64_t wall, struct fault *fault)
{
    circuit_bad(&d->circuit, wall, &d->chance);
    d->circuit_told = false;
    if (e == ERR_DAMAGED && digester_aside(d, fault, fault) == OK)
        return e;                            /* the next reload makes a fresh one */
    digester_drop(d);
    if (d->store)
        digester_circuit_save(d);
    return e;
}

enum err digester_step(struct digester *d, bool *idle, struct fault *fault)
{
    struct fault own = { 0 }, *f = fault ? fault : &own;
    int64_t      wall = clock_wall_us(digester_clock(d));
    *idle = true;
    if (d->circuit.until_us > wall + CIRCUIT_OPEN_US)
        d->circuit.until_us = wall + CIRCUIT_OPEN_US;        /* the clock was put back */
    if (!circuit_allows(&d->circuit, wall))
        return OK;
    enum err e = turn(d, idle, f);
    if (e != OK) {
        *idle = true;
        e = failed(d, e, wall, f);
    } else if (!d->circuit_told) {
        circuit_good(&d->circuit);
        digester_circuit_save(d);
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
    return e == OK && d->store ? let_journal_go(d, fault) : e;
}

size_t digester_open_trace(struct digester *d, uint64_t hash, uint64_t *record, size_t max, uint64_t *read, bool *busy)
{
    /* It is held while a window is committed, and a slow disk may take seconds for that. */
    int64_t until = clock_wall_us(&clock_real) + TRACE_WAIT_US;
    *read = UINT64_MAX;
    *busy = pthread_mutex_timedlock(&d->open, &(struct timespec){ (time_t)(until / US_PER_S), (long)(until % US_PER_S * 1000) }) != 0;
    if (*busy)
        return 0;
    size_t found = d->feed ? locate_find_open(d->feed->locate, hash, record, max) : 0;
    bool   failed = !d->feed;
    *busy = failed;
    *read = d->read;
    pthread_mutex_unlock(&d->open);
    if (failed) {                            /* it was dropped with what was not stored: digest.db is what counts */
        pthread_mutex_lock(&d->lock);
        *read = d->stats.cursor;
        pthread_mutex_unlock(&d->lock);
    }
    return found;
}

void digester_stats(struct digester *d, struct digester_stats *s)
{
    pthread_mutex_lock(&d->lock);
    *s = d->stats;
    int64_t now = d->stats_now_us, wall = clock_wall_us(digester_clock(d));
    pthread_mutex_unlock(&d->lock);
    /* As of when it looked at the clock last, while it does; else as of now: it must grow while nothing is written. */
    if (now == INT64_MIN || wall - now > LOOKED_US)
        now = wall;
    s->window_lag_seconds = s->upper_us == INT64_MIN ? (double)NAN : (double)(now - s->upper_us) / 1e6;
}

/* ---- its thread ---- */

/* Until something comes, but not beyond the moment when the next window is due. */
static void rest(struct digester *d, bool idle)
{
    int64_t wall = clock_wall_us(digester_clock(d)), due = window_floor(wall, d->job.align_us) + d->job.align_us - wall;
    if (atomic_load(&d->stopping))
        return;
    if (d->circuit.failures)                 /* what comes meanwhile is no reason to wake */
        (void)nanosleep(&(struct timespec){ .tv_nsec = 100 * 1000 * 1000 }, NULL);
    else if (idle)
        (void)journal_wait(d->consumer, due < US_PER_S ? due : US_PER_S);
}

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
        rest(d, idle);
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
    digester_archive_cancel(d);
    journal_wake(d->consumer);
    (void)pthread_join(d->thread, NULL);
    d->started = false;
}
