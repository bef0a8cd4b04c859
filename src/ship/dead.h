/*
 * ship/dead.h - dead letters: events that a sink will never take, kept with the reason until somebody looks.
 *
 * They lie in a journal of their own, <journal>/dead: a record for each letter, whose body is the event written again as OTLP and whose
 * labels say which sink, why, and from which record and place it came.  What could not be read at all is kept as it came.  When it is
 * full the sink waits: nothing is thrown away here either, until `forget`.
 *
 * Replay: dead_want_replay() notes durably, in <journal>/dead/replay/, that the letters of a sink up to the present one are to be
 * sent again; its worker does that, now or when it runs again.  What is refused once more becomes a new letter.
 *
 * Threads: any; calls take turns.
 */
#ifndef SHIP_DEAD_H
#define SHIP_DEAD_H

#include "base/clock.h"
#include "base/err.h"
#include "event/event.h"
#include "journal/journal.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DEAD_WHY_MAX = 239 };

struct dead_letter {
    uint64_t      id;                         /* in the journal of dead letters */
    int64_t       when_us;
    char          sink[JOURNAL_NAME_MAX + 1];
    char          why[DEAD_WHY_MAX + 1];
    uint64_t      record;                     /* where the event came from, and which of its events it was */
    uint32_t      index;
    uint64_t      of;                         /* the letter that was replayed and refused again; 0: the first time */
    uint64_t      count;                      /* events: 1; a whole record that could not be read; or a count without the events, see known */
    bool          whole;                      /* a whole record as it came, whatever index says */
    bool          known;                      /* false: the other side gave a count, not which; there is nothing to replay */
    struct record content;                    /* fit for event_read(); lies in memory */
    char         *memory; size_t room;        /* the letter's own, used again by the next call */
};
/* A letter begins as { 0 } and ends here. */
void dead_letter_done(struct dead_letter *l);

/* ---- writing and sending again: the worker, and whoever hosts it ---- */

struct dead;
/* Opens the journal in <journal_folder>/dead. size_max 0: 1 GiB. clock NULL: the machine's. */
MUST_CHECK enum err dead_open(const char *journal_folder, int64_t size_max, const struct clock *clock, struct dead **d, struct fault *fault);
void                dead_close(struct dead *d);

struct dead_note { const char *sink, *why; uint64_t of; };
/* Durable when OK. ERR_BUSY: full; try again later. */
MUST_CHECK enum err dead_add_event(struct dead *d, const struct dead_note *n, const struct event *e, struct fault *fault);
MUST_CHECK enum err dead_add_record(struct dead *d, const struct dead_note *n, const struct record *r, struct fault *fault);
/* `count` events out of the records first..: refused by number only. */
MUST_CHECK enum err dead_add_count(struct dead *d, const struct dead_note *n, uint64_t first, uint64_t count, struct fault *fault);

/* The first letter with an id >= from. ERR_MISSING: none. */
MUST_CHECK enum err dead_next(struct dead *d, uint64_t from, struct dead_letter *l, struct fault *fault);
/* Letters up to and including id are not needed any more, whosesoever they are. Their room is used again. */
MUST_CHECK enum err dead_forget(struct dead *d, uint64_t id, struct fault *fault);

struct dead_stats { uint64_t first_id, last_id, added, full; int64_t bytes; };     /* added, full (letters that had to wait): since the start */
void                dead_stats(struct dead *d, struct dead_stats *s);

/* ---- replay ---- */

struct dead_replay { uint64_t done, until; };     /* nothing to do when done >= until */
MUST_CHECK enum err dead_want_replay(struct dead *d, const char *sink, struct dead_replay *r, struct fault *fault);
MUST_CHECK enum err dead_replay_read(struct dead *d, const char *sink, struct dead_replay *r, struct fault *fault);
MUST_CHECK enum err dead_replay_done(struct dead *d, const char *sink, uint64_t id, struct fault *fault);     /* durable */
const char         *dead_folder(const struct dead *d);

/* ---- from outside, also while a daemon runs: homeostat deadletter ---- */

struct dead_view;
MUST_CHECK enum err dead_view_open(const char *journal_folder, struct dead_view **v, struct fault *fault);     /* ERR_MISSING: there never was a letter */
void                dead_view_close(struct dead_view *v);
MUST_CHECK enum err dead_view_next(struct dead_view *v, uint64_t from, struct dead_letter *l, struct fault *fault);
/* As dead_want_replay(), for a daemon that runs or will run. */
MUST_CHECK enum err dead_view_want_replay(struct dead_view *v, const char *sink, struct dead_replay *r, struct fault *fault);
/* Letters up to id shall be forgotten: by a daemon that runs or will run, within seconds. ERR_MISSING: there is no such letter. */
MUST_CHECK enum err dead_view_want_forget(struct dead_view *v, uint64_t id, struct fault *fault);
MUST_CHECK enum err dead_view_replay_read(struct dead_view *v, const char *sink, struct dead_replay *r, struct fault *fault);

#endif
