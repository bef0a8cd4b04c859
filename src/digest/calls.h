/*
 * digest/calls.h - spans into calls between services, per five minutes: how many, how many failed, how long they took.
 *
 * A CLIENT or PRODUCER span of one service whose child is the SERVER or CONSUMER span of another is one call between them; the two may come
 * in either order and in different batches.  So is a server that shares its client's id, as Zipkin's do.  A client that nobody answered within
 * match_us called whom its attributes name (a database, a queue, a host).  A server that nobody known called was called from "urn:external",
 * but if its parent was served, too, then by that one's service; within one service that is no call.  What still waits counts as
 * unanswered in what is emitted, and is counted anew when the other half comes: a window is emitted whole, in place of what was there.
 *
 * A CONSUMER that has links, as messaging does it, continues what its first link names, be it in another trace: when it has no parent, or one of its
 * own service (which received the message) or that nobody knows.  Only the first: a batch of messages is one call, from who produced the
 * first of them; the others' producers called the queue.  A root is decided at once: who shares a root's id must have come before it.
 *
 * A call is of the window in which its client began, by the client's clock; one that lasted longer than a window is of the one in which it ended, since
 * it is sent only then.  That depends on nothing but the span, so it is the same whenever it is read.  A server may say any time: it is left
 * out as late or early only when no client came, and has room of its own (aside_max) meanwhile.
 *
 * How long a call took is known when its span says when it began and ended: percentiles are of those that do (NAN: none does).
 *
 * Spans that wait for their other half have a bound (pending_max); beyond it the oldest is decided early and counted in hurried: a match may be
 * lost.  So is the newest when hundreds wait for the same other half.  Clients that were answered take no room among them: they are kept
 * for more consumers of the same message, answered_max of them, and the one answered first goes.  Who served a span is known for match_us,
 * of the last hundred thousand or so; a child that comes first waits for it like any other half.  Memory is touched only as it is used.
 */
#ifndef DIGEST_CALLS_H
#define DIGEST_CALLS_H

#include "base/err.h"
#include "digest/pack.h"
#include "digest/place.h"
#include "event/event.h"

#include <stdbool.h>
#include <stdint.h>

enum { CALLS_WINDOWS_MAX = 64 };
#define CALLS_WINDOW_US (300 * INT64_C(1000000))

struct calls_options { int64_t lookback_us, ahead_us, match_us; uint32_t pending_max, answered_max, aside_max, edges_max; };
struct calls_options calls_options_default(void);

struct calls_stats { uint64_t spans, calls, late, early, same_service, unanswered, uncalled, nameless, hurried, capped, no_memory; uint32_t pending, answered, edges; };

struct calls_row {
    int64_t  bucket_us, seconds;                /* seconds: those of the five minutes that have passed */
    uint32_t src, dst;
    uint64_t count, errors, record;             /* record: one that holds such a call */
    double   rps, err_rate, p50_ms, p95_ms;     /* the last two NAN: of no call is known how long it took */
};
typedef bool calls_window(void *ctx, int64_t bucket_us);                    /* comes before its rows: they replace all there were */
typedef bool calls_take_row(void *ctx, const struct calls_row *row);

struct calls;
MUST_CHECK enum err calls_new(const struct calls_options *o, struct calls **c, struct fault *fault);
void                calls_free(struct calls *c);
void                calls_take(struct calls *c, struct places *p, const struct event *e, uint32_t place);
bool                calls_emit(struct calls *c, struct places *p, int64_t upper_us, calls_window *window, calls_take_row *row, void *ctx);
void                calls_settle(struct calls *c, struct places *p, int64_t upper_us, int64_t now_us);
void                calls_stats(const struct calls *c, struct calls_stats *s);
void                calls_places(struct calls *c, struct places_held *held);      /* after calls_settle() */
void                calls_save(const struct calls *c, struct pack *out);
MUST_CHECK enum err calls_load(struct calls *c, struct slice bytes, struct fault *fault);

#endif
