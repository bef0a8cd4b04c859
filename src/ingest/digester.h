/*
 * ingest/digester.h - reads the journal as the consumer "digest" and writes digest.db: each event once, whatever happens in between.
 *
 * A window's rows, the note that it was run, everything that is still open and the number of the last record read stand in one
 * transaction of digest.db.  After a crash work goes on behind that record with what was open then, so nothing is read twice into a
 * row and nothing is left out.  The journal's own cursor follows once digest.db is known to be on disk; it only keeps records from being thrown away.
 *
 * Time is the journal's while there is a backlog (when the last record was received), the clock's when there is none: the same
 * journal gives the same windows whenever it is read.
 *
 * A clock that was put back by more than ten minutes takes the windows back with it: they begin again where it is then.
 *
 * When something fails, memory is thrown away and read again from digest.db after a while (digest/windows.h: back-off, circuit);
 * meanwhile the journal keeps what comes.  A digest.db that is damaged is put aside, and a fresh one is made from what the journal holds.
 */
#ifndef INGEST_DIGESTER_H
#define INGEST_DIGESTER_H

#include "base/clock.h"
#include "base/err.h"
#include "ingest/feed.h"
#include "ingest/left_out.h"
#include "journal/journal.h"
#include "ship/archive.h"
#include "store/digest_store.h"

#include <stdbool.h>
#include <stdint.h>

struct digester_options {
    const char         *folder;              /* of digest.db */
    struct journal     *journal;             /* NULL: only what digester_feed() gives */
    const struct clock *clock;               /* NULL: the machine's */
    struct feed_options feed;
    struct digest_keep  keep;
    int64_t             initial_us;          /* where nothing was made yet, the first window begins so long before what is due */
    int64_t             save_us;             /* what is open is stored at least so often while there is work */
    uint32_t            records_a_turn;
};
struct digester_options digester_options_default(const char *folder, struct journal *j);

struct digester_stats {
    uint64_t records, events, bad_records;   /* read since the start */
    uint64_t saves, windows, rows, failures, asked_done, asked_refused, asked_failed;
    uint64_t cursor;                         /* the last record that is in digest.db */
    int64_t  upper_us;                       /* windows that end by then are written; INT64_MIN: none yet */
    double   window_lag_seconds;             /* how old the end of the last window is; NAN while there is none. Less than delay + align while it takes its turns */
    uint64_t damaged;                        /* times that digest.db was damaged and made anew */
    double   save_seconds;                   /* how long the last one took */
    bool     behind;                         /* there was a backlog when it looked last */
    bool     waiting;                        /* something failed; it is tried again later */
    uint64_t lost;                           /* pointers into the journal and traces that did not fit */
    uint64_t pointers_late, pointers_early;  /* events too old for a pointer, or too far ahead, since it was read from digest.db */
    uint64_t places_refused;
    struct metrics_stats metrics;
    struct calls_stats   calls;
    struct logs_stats    logs;
    struct left_out_watch caps;              /* when one of our bounds was felt last */
    char     why[400];                       /* the last failure; "" */
};

struct digester;
MUST_CHECK enum err digester_open(const struct digester_options *o, struct digester **d, struct fault *fault);
void                digester_close(struct digester *d);      /* nothing is written: as after a crash. NULL is fine */

/*
 * A turn: reads some records, closes the windows that are due, does what was asked for.  *idle: there was nothing to do.
 * A failure is in the stats, is counted, and is tried again later; what comes back is what the caller should know and may log.
 */
MUST_CHECK enum err digester_step(struct digester *d, bool *idle, struct fault *fault);
/* For sources other than the journal (the mock): an event now. Close with digester_close_windows(). */
void                digester_feed(struct digester *d, const struct event *e);
MUST_CHECK enum err digester_close_windows(struct digester *d, int64_t now_us, struct fault *fault);
/* Store what is open, now: before a clean end. */
MUST_CHECK enum err digester_save(struct digester *d, struct fault *fault);

/*
 * Any thread. A window that shall be made again is in digest.db, on disk, when it returns OK, also while the digest itself fails or waits. One that is
 * not over yet waits until it is, and the delay has passed: *due_us is when (0: at once).
 * ERR_INPUT: no such job, the window cannot be asked for, or too many wait that are not over; ERR_MISSING: no such tenant; ERR_BUSY: too many wait, or
 * digest.db is being written.
 */
MUST_CHECK enum err digester_ask(struct digester *d, const struct digest_request *q, int64_t *due_us, struct fault *fault);
/*
 * Any thread. Where a window that is asked for is read from when the journal does not hold all of it any more; NULL: nowhere, and such a window is refused.
 * The digester's own from now on, and what it had before goes.
 */
void                digester_archive_set(struct digester *d, struct archive *a);
/* Any thread: as of the last turn; the lag as of now. */
void                digester_stats(struct digester *d, struct digester_stats *s);

/*
 * Any thread. Where a trace (digest/locate.h) lies of which digest.db may know nothing yet: the records of windows that are open, and the last
 * record that was read at all (UINT64_MAX: unknown). What is in neither is in digest.db for whoever opens it afterwards. Returns how many, at most max.
 * *busy: nobody could look, since the digest was writing for so long, or has failed and holds nothing: then windows that are open are missing.
 */
size_t              digester_open_trace(struct digester *d, uint64_t hash, uint64_t *record, size_t max, uint64_t *read, bool *busy);

/* A thread that takes turns until it is stopped, and then stores what is open. */
MUST_CHECK enum err digester_start(struct digester *d, struct fault *fault);
void                digester_stop(struct digester *d);       /* waits for it; fine when it was not started */

#endif
