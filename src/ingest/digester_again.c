/*
 * ingest/digester_again.c - a window that somebody asked for is made again from the journal, in the place of what was there.
 *
 * Only what the journal still holds as a whole is done: a window of which a part is gone would be written over with less.  What
 * the digest still has open is left to it, since it knows that best.
 */
#include "base/log.h"
#include "event/event.h"
#include "ingest/digester_inside.h"

#include <stdio.h>
#include <string.h>

#define PIECE_US  (INT64_C(3600) * US_PER_S)
#define BEFORE_US (INT64_C(600) * US_PER_S)      /* counters need a point before the first minute; senders' clocks differ */
#define AFTER_US  (INT64_C(3600) * US_PER_S)     /* what came late */
#define FIVE_US   (INT64_C(300) * US_PER_S)

struct again { struct feed *feed; const char *tenant; int64_t from_us, to_us; };

static bool take(void *ctx, const struct event *e)
{
    struct again *a = ctx;
    int64_t       us = feed_time_us(e);
    if (us >= a->from_us && us < a->to_us && slice_is(e->tenant, a->tenant))
        feed_take(a->feed, e);
    return true;
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
    while (e == OK) {
        struct event_report report = { 0 };
        e = journal_read(c, &r, fault);
        if (e != OK || r.id > d->read || r.received_us >= a->to_us + AFTER_US)
            break;
        arena_reset(&d->arena);
        (void)!event_read(&r, &d->arena, take, a, &report, NULL);      /* one that cannot be read was counted when it was read first */
    }
    journal_consumer_close(c);
    struct fault unheard;
    if (c && journal_forget(d->o.journal, DIGEST_AGAIN, &unheard) != OK && e == OK)
        e = fail(fault, ERR_IO, "%s", unheard.text);
    return e == ERR_MISSING ? OK : e;
}

static enum err do_piece(struct digester *d, const struct digest_asked *q, const struct feed_range *range, int64_t *rows, struct fault *fault)
{
    struct feed_options o = d->o.feed;
    struct again        a = { .tenant = q->tenant, .from_us = range->from_5m - BEFORE_US, .to_us = (range->to_us > range->to_5m ? range->to_us : range->to_5m) + FIVE_US };
    o.metrics.lookback_us = o.calls.lookback_us = o.logs.lookback_us = 4 * PIECE_US;
    enum err e = feed_new_beside(d->feed, &o, &a.feed, fault);
    if (e == OK)
        e = read_piece(d, &a, fault);
    if (e == OK)
        e = digest_window_clear(d->store, q->tenant_id, range->from_us, range->to_us, range->from_5m, range->to_5m, fault);
    if (e == OK)
        e = feed_emit(a.feed, d->store, a.to_us, d->now_us, false, range, fault);
    for (uint32_t i = 0; e == OK && i < places_tenants(a.feed->places); i++)
        *rows += a.feed->rows[i];
    feed_free(a.feed);
    return e;
}

/* NULL: it can be done. */
static const char *refusal(struct digester *d, const struct digest_asked *q, struct window *w)
{
    const char          *why = NULL;
    struct journal_stats s;
    if (strcmp(q->job, DIGEST_JOB) != 0)
        return "this job is not run here";
    if (!d->o.journal)
        return "there is no journal to read";
    if (!window_asked(d->job, d->now_us, q->from_us, q->to_us, w, &why))
        return why;
    if (w->to_us > d->upper_us)
        return "it was not run yet";
    journal_stats(d->o.journal, &s);
    if (s.first_id > s.last_id || (s.first_id > 1 && s.oldest_us > window_floor(w->from_us, FIVE_US) - BEFORE_US))
        return "the journal does not hold all of it any more";
    return NULL;
}

static enum err do_all(struct digester *d, const struct digest_asked *q, const struct window *w, int64_t *rows, struct fault *fault)
{
    int64_t  last_5m = window_floor(d->upper_us, FIVE_US);
    enum err e = OK;
    for (int64_t from = w->from_us; from < w->to_us && e == OK;) {
        int64_t           to = window_floor(from, PIECE_US) + PIECE_US;
        struct feed_range range = { from, to < w->to_us ? to : w->to_us, window_floor(from, FIVE_US), 0 };
        range.to_5m = window_floor(range.to_us + FIVE_US - 1, FIVE_US);
        if (range.to_5m > last_5m)
            range.to_5m = last_5m > range.from_5m ? last_5m : range.from_5m;
        e = do_piece(d, q, &range, rows, fault);
        from = range.to_us;
    }
    return e;
}

enum err digester_again(struct digester *d, bool *did, struct fault *fault)
{
    struct digest_asked q;
    struct window       w;
    *did = false;
    enum err e = digest_run_asked(d->store, &q, fault);
    if (e == ERR_MISSING) {
        d->look_for_asked = false;
        return OK;
    }
    if (e != OK)
        return e;
    *did = true;
    const char       *why = refusal(d, &q, &w);
    struct fault      own = { 0 };
    struct digest_run run = { .job = q.job, .status = why ? "refused" : "success", .error = why, .tenant_id = q.tenant_id, .from_us = q.from_us, .to_us = q.to_us };
    bool              failed = false;
    e = digest_store_begin(d->store, fault);
    if (e == OK && !why && do_all(d, &q, &w, &run.rows, &own) != OK) {
        /* What was asked for must not hold up what is due: it is noted as failed, and can be asked for again. If that cannot be written either, all of it waits. */
        digest_store_rollback(d->store);
        failed = true;
        why = run.error = own.text;
        run.status = "failed";
        run.rows = 0;
        e = digest_store_begin(d->store, fault);
    }
    if (e == OK)
        e = digest_run_put(d->store, &run, d->now_us, fault);
    if (e == OK && !why)
        e = digester_keep(d, fault);             /* patterns may have been learned, and rows name them */
    if (e == OK)
        e = digest_store_commit(d->store, fault);
    else
        digest_store_rollback(d->store);
    if (failed)
        digester_drop(d);
    if (e != OK)
        return e;
    if (!why) {
        d->committed = d->read;
        d->dirty = false;
    }
    if (failed)
        log_fault(LOG_ERROR, "a window that was asked for could not be made again", &own);
    pthread_mutex_lock(&d->lock);
    d->stats.asked_done += !why;
    d->stats.asked_refused += why && !failed;
    d->stats.asked_failed += failed;
    pthread_mutex_unlock(&d->lock);
    return OK;
}
