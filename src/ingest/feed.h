/*
 * ingest/feed.h - everything of the digest that is open, as one thing: events in, rows of digest.db out.
 *
 * feed_emit() writes within a transaction of the caller's; feed_settle() then takes note of it.  When the transaction fails the
 * feed no longer agrees with what is stored and must be thrown away (feed_load() gives back what was stored last).
 */
#ifndef INGEST_FEED_H
#define INGEST_FEED_H

#include "digest/calls.h"
#include "digest/locate.h"
#include "digest/logs.h"
#include "digest/metrics.h"
#include "digest/place.h"
#include "store/digest_store.h"

#include <stdbool.h>
#include <stdint.h>

struct feed_options {
    uint32_t               places_max;
    struct metrics_options metrics;
    struct calls_options   calls;
    struct logs_options    logs;
};
struct feed_options feed_options_default(void);

struct feed {
    struct places  *places;
    struct metrics *metrics;
    struct calls   *calls;
    struct logs    *logs;
    struct locate  *locate;
    struct arena   *arena;                 /* the record's: for bodies that are no texts */
    int64_t        *resource_id;           /* of a place; 0: not asked for yet */
    uint32_t        resources_room;
    int64_t         tenant_id[PLACES_TENANTS_MAX + 1];
    int64_t         rows[PLACES_TENANTS_MAX + 1];      /* of each tenant, written by the last feed_emit */
};

MUST_CHECK enum err feed_new(const struct feed_options *o, struct arena *a, struct feed **f, struct fault *fault);
/* One for doing a window again: numbers of patterns are those of main. Freed before main. */
MUST_CHECK enum err feed_new_beside(struct feed *main, const struct feed_options *o, struct feed **f, struct fault *fault);
void                feed_free(struct feed *f);
void                feed_take(struct feed *f, const struct event *e);
/* The time of an event as windows see it. */
int64_t             feed_time_us(const struct event *e);

struct feed_range { int64_t from_us, to_us, from_5m, to_5m, logs_to_5m /* of lines only so far */; };     /* only these windows are written; and no pointers into the journal */
/* traces: write where traces lie, too. only: NULL for whatever changed. */
MUST_CHECK enum err feed_emit(struct feed *f, struct digest_store *s, int64_t upper_us, int64_t now_us, bool traces, const struct feed_range *only, struct fault *fault);
/* Lines of the windows that begin within this time and are open, changed or not. They stay open. */
MUST_CHECK enum err feed_emit_lines(struct feed *f, struct digest_store *s, int64_t from_5m, int64_t to_5m, int64_t now_us, struct fault *fault);
void                feed_settle(struct feed *f, int64_t upper_us, int64_t now_us, bool traces);
/*
 * The clock was put back: what is open goes (it must have been written), and nothing older than the floor is taken any more, so that no row is
 * written over by less than it held.  Places and patterns stay.  On a failure nothing changes.
 */
MUST_CHECK enum err feed_put_back(struct feed *f, const struct feed_options *o, int64_t floor_us, struct fault *fault);
MUST_CHECK enum err feed_save(const struct feed *f, struct digest_store *s, struct fault *fault);
MUST_CHECK enum err feed_load(struct feed *f, struct digest_store *s, struct fault *fault);      /* f is new; nothing stored is fine. ERR_DAMAGED: what is stored cannot be read */

#endif
