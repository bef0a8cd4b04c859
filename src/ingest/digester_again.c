/*
 * ingest/digester_again.c - a window that somebody asked for is made again from the journal, in the place of what was there.
 *
 * Piece by piece: a turn makes one, in a transaction of its own that also says how far the window has come, so that what is due is done between
 * two of them.  While a piece is read it is left when we are to stop or when something is due, and begun again later; after that it
 * is shorter, and the third time it is read to its end whatever is due, so that it gets on.
 *
 * Of spans all are read that came in within the time, and within an hour after it, whatever their own times say: a server's clock may be hours off,
 * and its client is of this window all the same.
 *
 * One that was asked for before it was over waits until the digest has written that far.
 * Only what the journal still holds as a whole is done: a window of which a part is gone would be written over with less.  Where there is an
 * archive, what is not in the journal any more is read from there, and what is in both is taken once; when that is less than what the digest
 * counted when it made the window first, it is not written.  What the digest still has open is left to it, since it knows that best.
 */
#include "base/log.h"
#include "event/event.h"
#include "ingest/digester_inside.h"
#include "ingest/unrouted.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PIECE_US  (INT64_C(900) * US_PER_S)
#define SHORT_US  FIVE_US                        /* one that was left */
#define LOOK_US   (INT64_C(3600) * US_PER_S)
/* Counters need a point before the first minute, and one that came within idle_us of metrics.h before the window that was closed last is known; senders' clocks differ. */
#define BEFORE_US (INT64_C(1200) * US_PER_S)
#define AFTER_US  (INT64_C(3600) * US_PER_S)     /* what came late */
#define FIVE_US   (INT64_C(300) * US_PER_S)
enum { LEFT_MAX = 2, LOOK_EVENTS = 4096 };

struct again {
    struct digester  *d;
    struct feed      *feed;
    const char       *tenant;
    int64_t           from_us, to_us;
    bool              left;
    /* When the journal does not hold all of it: */
    struct archive   *archive;
    struct again_seen seen;
    int64_t           from_5m, to_5m, events;     /* those within the windows whose pointers are compared; how many there were */
    unsigned          looked;
};

/* Halves of a call may be far apart by their own clocks, and a long one is of the window in which it ends: the digest of calls sees all of them. */
static bool take(void *ctx, const struct event *e)
{
    struct again *a = ctx;
    int64_t       us = feed_time_us(e);
    bool within = us >= a->from_us && us < a->to_us;
    if ((!within && e->type != EVENT_SPAN) || !places_tenant_is(a->feed->places, e->tenant, a->tenant))
        return true;
    if (a->archive && !again_is_new(&a->seen, e))
        return !a->seen.full;
    a->events += us >= a->from_5m && us < a->to_5m;
    if (e->type == EVENT_SPAN)
        calls_take(a->feed->calls, a->feed->places, e, places_of(a->feed->places, e));
    else
        feed_take(a->feed, e);
    return true;
}

static bool to_leave(struct digester *d) { return atomic_load(&d->stopping) || (d->left < LEFT_MAX && digester_due(d)); }

/* A sink may have come further than the digest, which will read that itself. */
static bool is_ahead(const struct digester *d, const struct event *e)
{
    return d->last.received_us && (e->received_us > d->last.received_us || (e->received_us == d->last.received_us && e->record > d->read));
}

static bool take_archived(void *ctx, const struct event *e)
{
    struct again *a = ctx;
    a->left = a->left || (a->looked++ % LOOK_EVENTS == 0 && to_leave(a->d));
    return !a->left && (is_ahead(a->d, e) || take(a, e));
}

/* As with the journal: what was received from the first time on, and what came late. */
static enum err read_archive(struct digester *d, struct again *a, struct fault *fault)
{
    enum err e = archive_read(a->archive, a->from_us, a->to_us + AFTER_US, take_archived, a, fault);
    if (e != OK && atomic_load(&d->stopping)) {   /* it was cut short */
        a->left = true;
        e = OK;
    }
    return e == OK ? OK : fail_in(fault, "the archive");
}

/* Never a window with a part of its rows: not fewer events than were counted when it was made first. */
static enum err check_archived(struct digester *d, struct again *a, int64_t tenant_id, struct fault *fault)
{
    int64_t  located = 0;
    enum err e = OK;
    if (!a->archive || a->left)
        return OK;
    if (a->seen.full && !d->left) {               /* a short piece may do */
        a->left = true;
        return OK;
    }
    if (a->seen.full)
        e = fail(fault, ERR_LIMIT, "the archive has more records within minutes than can be told from one another (%zu)", a->seen.of.count);
    if (e == OK)
        e = digest_located(d->store, tenant_id, a->from_5m, a->to_5m, &located, fault);
    if (e == OK && a->events < located) {
        e = fail(fault, ERR_STATE, "archive and journal have %" PRId64 " of the %" PRId64 " events that were counted: with them rows would be written over by less", a->events, located);
        fail_hint(fault, "did the sink begin later, or have another path, prefix or folder then?");
    }
    return e;
}

static enum err read_piece(struct digester *d, struct again *a, struct fault *fault)
{
    struct journal_consumer *c = NULL;
    struct record            r;
    uint64_t                 first;
    enum err                 e = journal_find(d->o.journal, a->from_us, &first, fault);
    if (e == OK)
        e = journal_consumer_open(d->o.journal, DIGEST_AGAIN, first, &c, fault);
    if (e == OK)
        e = journal_seek(c, first, false, fault);
    while (e == OK && !(a->left = to_leave(d))) {
        struct event_report report = { 0 };
        e = journal_read(c, &r, fault);
        /* What claims to be received later than now came in while the clock was wrong: it says nothing about what comes behind it. */
        if (e != OK || r.id > d->read || (r.received_us >= a->to_us + AFTER_US && r.received_us <= d->now_us))
            break;
        arena_reset(&d->arena);
        if (unrouted_again(&r))
            continue;
        (void)!event_read(&r, &d->arena, take, a, &report, NULL);      /* one that cannot be read was counted when it was read first */
    }
    journal_consumer_close(c);
    struct fault unheard;
    if (c && journal_forget(d->o.journal, DIGEST_AGAIN, &unheard) != OK && e == OK)
        e = fail(fault, ERR_IO, "%s", unheard.text);
    return e == ERR_MISSING ? OK : e;
}

/* ---- how far it has come ---- */

struct come { int64_t id, at_us, rows; };        /* everything before at_us is made */

static enum err come_load(struct digester *d, const struct digest_asked *q, const struct window *w, struct come *come, struct fault *fault)
{
    char    *bytes;
    size_t   size;
    enum err e = digest_state_get(d->store, "again", &bytes, &size, fault);
    *come = (struct come){ q->id, w->from_us, 0 };
    if (e != OK || !bytes)
        return e;
    struct unpack u = unpack_of((struct slice){ bytes, size });
    bool          known = unpack_u(&u) == 1;
    struct come   c = { unpack_i(&u), unpack_i(&u), unpack_i(&u) };
    free(bytes);
    if (known && !u.bad && c.id == q->id && c.at_us > w->from_us && c.at_us < w->to_us)
        *come = c;                               /* else it speaks of another one */
    return OK;
}

static enum err come_keep(struct digester *d, const struct come *come, struct fault *fault)
{
    struct pack p;
    pack_init(&p, 64);
    pack_u(&p, 1);
    pack_i(&p, come->id);
    pack_i(&p, come->at_us);
    pack_i(&p, come->rows);
    enum err e = p.full ? fail(fault, ERR_LIMIT, "no memory to store how far a window is") : digest_state_put(d->store, "again", pack_bytes(&p), fault);
    pack_done(&p);
    return e;
}

/* ---- a piece ---- */

/* Whether the journal has lost some of what is received from then on, or is another one than it was. */
static bool is_gone(struct digester *d, int64_t from_us)
{
    struct journal_stats s;
    journal_stats(d->o.journal, &s);
    return s.first_id > s.last_id || ((s.first_id > 1 || d->replaced) && s.oldest_us > window_floor(from_us, FIVE_US) - BEFORE_US);
}

/* NULL: it can be done. The rest of it begins at from_us. */
static const char *refusal(struct digester *d, const struct digest_asked *q, const struct window *w, int64_t from_us)
{
    if (w->to_us > d->upper_us)
        return "it was not run yet";
    return !digester_archive(d) && is_gone(d, from_us) ? "the journal does not hold all of it any more" : NULL;
}

static const char *impossible(struct digester *d, const struct digest_asked *q, struct window *w)
{
    const char *why = NULL;
    int64_t     due;
    if (strcmp(q->job, DIGEST_JOB) != 0)
        return "this job is not run here";
    if (!d->o.journal)
        return "there is no journal to read";
    return window_asked(&d->job, d->now_us, q->from_us, q->to_us, w, &due, &why) ? NULL : why;
}

static struct feed_range range_of(struct digester *d, const struct window *w, int64_t from)
{
    int64_t           last_5m = window_floor(d->upper_us, FIVE_US), most = d->left ? SHORT_US : PIECE_US, to = window_floor(from, most) + most;
    struct feed_range range = { from, to < w->to_us ? to : w->to_us, window_floor(from, FIVE_US), 0, 0 };
    range.to_5m = window_floor(range.to_us + FIVE_US - 1, FIVE_US);
    if (range.to_5m > last_5m)
        range.to_5m = last_5m > range.from_5m ? last_5m : range.from_5m;
    int64_t open = logs_open_us(d->feed->logs);          /* INT64_MIN: it never wrote a window */
    range.logs_to_5m = open == INT64_MIN || range.to_5m < open ? range.to_5m : open;
    return range;
}

/* Rows, that they are made, and the patterns that they name: all of it or nothing. */
static enum err write_piece(struct digester *d, struct again *a, const struct digest_asked *q, const struct window *w, const struct feed_range *range, struct come *come, struct fault *fault)
{
    enum err e = digest_store_begin(d->store, fault);
    if (e == OK)
        e = digest_window_clear(d->store, q->tenant_id, range->from_us, range->to_us, range->from_5m, range->to_5m, fault);
    if (e == OK)
        e = feed_emit(a->feed, d->store, a->to_us, d->now_us, false, range, fault);
    for (uint32_t i = 0; e == OK && i < places_tenants(a->feed->places); i++)
        come->rows += a->feed->rows[i];
    if (e == OK && range->logs_to_5m < range->to_5m)
        e = feed_emit_lines(d->feed, d->store, range->logs_to_5m > range->from_5m ? range->logs_to_5m : range->from_5m, range->to_5m, d->now_us, fault);
    for (uint32_t i = 0; e == OK && range->logs_to_5m < range->to_5m && i < places_tenants(d->feed->places); i++)
        come->rows += d->feed->tenant_id[i] == q->tenant_id ? d->feed->rows[i] : 0;
    come->at_us = range->to_us;
    struct digest_run run = { .job = q->job, .status = "success", .tenant_id = q->tenant_id, .from_us = q->from_us, .to_us = q->to_us, .rows = come->rows };
    bool        last = come->at_us >= w->to_us;
    struct come none = { 0 };                    /* so that the same window, asked for again, begins at its beginning */
    if (e == OK && last)
        e = digest_run_put(d->store, &run, d->now_us, fault);
    if (e == OK)
        e = come_keep(d, last ? &none : come, fault);
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
    return OK;
}

static enum err do_piece(struct digester *d, const struct digest_asked *q, const struct window *w, struct come *come, bool *left, struct fault *fault)
{
    struct feed_options o = d->o.feed;
    struct feed_range   range = range_of(d, w, come->at_us);
    struct again        a = { .d = d, .tenant = q->tenant, .from_us = range.from_5m - BEFORE_US, .to_us = (range.to_us > range.to_5m ? range.to_us : range.to_5m) + FIVE_US };
    a.archive = is_gone(d, range.from_us) ? digester_archive(d) : NULL;
    a.from_5m = range.from_5m;
    a.to_5m = window_floor(range.to_us + FIVE_US - 1, FIVE_US);
    o.metrics.lookback_us = o.calls.lookback_us = o.logs.lookback_us = 4 * LOOK_US;
    enum err e = feed_new_beside(d->feed, &o, &a.feed, fault);
    if (e == OK)
        calls_settle(a.feed->calls, a.feed->places, a.from_us + o.calls.lookback_us, a.from_us);     /* no windows before it */
    if (e == OK && a.archive)
        e = read_archive(d, &a, fault);
    if (e == OK && !a.left)
        e = read_piece(d, &a, fault);
    if (e == OK)
        e = check_archived(d, &a, q->tenant_id, fault);
    if (e == OK && !a.left)
        e = write_piece(d, &a, q, w, &range, come, fault);
    feed_free(a.feed);
    map_done(&a.seen.of);
    *left = e == OK && a.left;
    return e;
}

/* ---- what becomes of it ---- */

enum ending { DONE, REFUSED, FAILED };

static void count(struct digester *d, enum ending ending)
{
    pthread_mutex_lock(&d->lock);
    d->stats.asked_done += ending == DONE;
    d->stats.asked_refused += ending == REFUSED;
    d->stats.asked_failed += ending == FAILED;
    pthread_mutex_unlock(&d->lock);
}

static enum err give_up(struct digester *d, const struct digest_asked *q, enum ending ending, const char *why, struct fault *fault)
{
    struct digest_run run = { .job = q->job, .status = ending == REFUSED ? "refused" : "failed", .error = why, .tenant_id = q->tenant_id, .from_us = q->from_us, .to_us = q->to_us };
    struct come       none = { 0 };
    enum err          e = digest_store_begin(d->store, fault);
    if (e == OK)
        e = digest_run_put(d->store, &run, d->now_us, fault);
    if (e == OK)
        e = come_keep(d, &none, fault);
    if (e == OK)
        e = digest_store_commit(d->store, fault);
    else
        digest_store_rollback(d->store);
    if (e == OK)
        count(d, ending);
    return e;
}

enum err digester_again(struct digester *d, bool *did, struct fault *fault)
{
    struct digest_asked q;
    struct window       w = { 0, 0 };
    struct come         come = { 0 };
    struct fault        own = { 0 };
    bool                left = false;
    *did = false;
    atomic_store(&d->look_for_asked, false);     /* before it looks, so that who asks meanwhile is seen next time */
    enum err e = digest_run_asked(d->store, d->upper_us, &q, fault);
    if (e != OK)
        return e == ERR_MISSING ? OK : e;
    atomic_store(&d->look_for_asked, true);
    if (atomic_load(&d->stopping))
        return OK;
    *did = true;
    if (d->left_id != q.id)
        d->left = 0;
    d->left_id = q.id;
    const char *why = impossible(d, &q, &w);
    if (!why && (e = come_load(d, &q, &w, &come, fault)) != OK)
        return e;
    if (!why)
        why = refusal(d, &q, &w, come.at_us);
    if (why)
        return give_up(d, &q, REFUSED, why, fault);
    e = do_piece(d, &q, &w, &come, &left, &own);
    d->left = left ? d->left + 1 : 0;
    if (e == OK && !left && come.at_us >= w.to_us)
        count(d, DONE);
    if (e == OK)
        return OK;
    if (e == ERR_DAMAGED) {
        if (fault)
            *fault = own;
        return e;
    }
    /* What was asked for must not hold up what is due: it is noted as failed, and can be asked for again. If that cannot be written either, all of it waits. */
    log_fault(LOG_ERROR, "a window that was asked for could not be made again", &own);
    e = give_up(d, &q, FAILED, own.text, fault);
    digester_drop(d);
    return e;
}
