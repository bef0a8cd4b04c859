/*
 * ingest/evidence.h - events, and the evidence for each out of what the digest knows (ingest/gather.h): at once with what is known, again with each window that is
 * written until all is in that had come by the time we were told, then when the five minutes of the event are written, and for the last time when the five
 * minutes after are. Some three minutes after its end a window is written.
 *
 *     evidence_post(v, request, &answer, fault);         // durable (synced) when it says OK; the same again is the same event
 *     evidence_tell(v, request);                         // from a thread that may not wait: into a bounded list, written in the next turn
 *
 * Which events are still to be looked at stands in digest.db in the transaction that took the event, and what was found in one transaction with when to look again:
 * after a crash it goes on where it was.  Here is no window and nothing that the digest has open: each post, and each turn in which there is something to do, has a
 * connection of its own to digest.db beside the digest's, and short transactions.
 */
#ifndef INGEST_EVIDENCE_H
#define INGEST_EVIDENCE_H

#include "base/clock.h"
#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum { EVIDENCE_TOLD_MAX = 256, EVIDENCE_OPEN_MAX = 1000, EVIDENCE_BOUNDS = 8, EVIDENCE_PATIENCE_MS = 1500 };
extern const double evidence_bound_s[EVIDENCE_BOUNDS];

struct evidence_options {
    const char         *folder;                      /* of digest.db */
    const struct clock *clock;                       /* NULL: the machine's */
    int64_t             keep_us;                     /* events that lie longer back are not taken */
    int64_t           (*upper)(void *ctx);           /* windows that end by then are written; INT64_MIN: none yet */
    void               *ctx;
};

struct evidence_stats {
    uint64_t events, again, refused, untold, looks, pieces, cut, failures;   /* untold: the list was full */
    int64_t  open;                                   /* events whose evidence is not complete yet */
    uint64_t write_count[EVIDENCE_BOUNDS + 1];       /* from taking an event to its first evidence being written: up to each bound, and beyond */
    double   write_sum_s;
    char     why[400];                               /* the last failure; "" */
};

struct evidence;
MUST_CHECK enum err evidence_open(const struct evidence_options *o, struct evidence **v, struct fault *fault);
void                evidence_close(struct evidence *v);       /* NULL is fine */

/*
 * Any thread. {"event_id", "created": false when it was there, ...}. ERR_INPUT: a member is wrong; ERR_CONFLICT: that id is another event; ERR_BUSY: digest.db is being
 * written, or EVIDENCE_OPEN_MAX events wait for their evidence: come again.
 */
MUST_CHECK enum err evidence_post(struct evidence *v, const json_t *request, json_t **out, struct fault *fault);
/* Any thread; waits for nothing. Takes the request. What finds no room is counted. */
void                evidence_tell(struct evidence *v, json_t *request);

/* A turn of the thread: what was told is written, and what is due is looked at. *idle: there was nothing to do. */
MUST_CHECK enum err evidence_step(struct evidence *v, bool *idle, struct fault *fault);
void                evidence_stats(struct evidence *v, struct evidence_stats *s);

MUST_CHECK enum err evidence_start(struct evidence *v, struct fault *fault);     /* a thread that takes turns */
void                evidence_stop(struct evidence *v);        /* waits for it; what was told is written first */

#endif
