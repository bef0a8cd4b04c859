/*
 * receive/batch.h - lines gathered into records, on their way to the journal, and what may be forgotten once they are durable.
 *
 *     if (batcher_room(b, now)) lane_add(&lane, &origin, &log, &attrs, of, generation, offset);
 *     batcher_turn(b, now);                   // closes what is old or large, appends, and calls `settled` in the order of closing
 *
 * A lane gathers what has one tenant and source; its texts may be of many origins (resources).  A record that the journal does not take now, or
 * cannot make durable, is kept and appended again; so the batcher is bounded by what it holds: without room nothing more must be added.
 * `settled` of a record is called only after those of all that were closed before it: a mark that is settled stands for everything before it.
 *
 * Threads: one owns it; the journal's writer touches it only in its callback; batcher_count may be called from any.
 */
#ifndef RECEIVE_BATCH_H
#define RECEIVE_BATCH_H

#include "base/clock.h"
#include "base/text.h"
#include "event/encode.h"
#include "journal/journal.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    BATCH_BYTES     = 256 * 1024,             /* a record is closed when it is this large, or older than delay_us */
    BATCH_RETRY_US  = 50 * 1000,              /* between two attempts to append what was not taken */
    BATCHER_MAX     = 8 * 1024 * 1024,        /* bytes that are not durable; beyond it there is no room */
    BATCH_SPARE_MAX = 4,
    BATCH_NOTE_SIZE = 512
};

/* How far something was read: everything of it before offset is in this record or in an earlier one. */
struct batch_mark { void *of; uint64_t generation; int64_t offset; };

struct batch {
    struct batch      *next;
    struct batcher    *owner;
    struct lane       *lane;                  /* while it is open */
    struct text        body;
    struct event_lines lines;
    struct slice       tenant, source;        /* of the lane: valid as long as the lane's */
    uint32_t           events;
    int64_t            opened_us, waiting;    /* waiting: what it counts for in waiting_bytes */
    enum { BATCH_OPEN, BATCH_CLOSED, BATCH_ON_ITS_WAY, BATCH_DURABLE, BATCH_FAILED, BATCH_REFUSED /* for good */ } state;      /* under the batcher's lock from ON_ITS_WAY on */
    size_t             marks_n, marks_room;
    struct batch_mark *marks;                 /* one for each `of` that is in it */
    char               note[BATCH_NOTE_SIZE]; /* journald's cursor of the last text */
};

typedef void batch_settled(void *ctx, const struct batch *b);

enum { BATCH_TOLD = 64, BATCH_TOLD_A_MINUTE = 10 };

struct batcher {
    struct journal      *journal;
    int64_t              delay_us;
    int                  wake;                /* an eventfd of the owner's, written when something became durable */
    batch_settled       *settled;             /* may be NULL */
    void                *ctx;
    pthread_mutex_t      lock;
    struct batch        *first, *last, *spare;
    size_t               spare_n;
    struct lane         *lanes;               /* with an open batch */
    int64_t              retry_us;            /* mono; not before; 0: nothing was refused */
    struct batch_counts {
        uint64_t lines, bytes, records, lost;
        int64_t  waiting_bytes;
        bool     held;
        char     last_error[256];
    } counts;                                 /* under the lock */
    uint64_t             told[BATCH_TOLD];    /* troubles that stand in the log already; 0: none */
    size_t               told_at, told_n;     /* told_n: within the minute that began at told_us */
    int64_t              told_us;
};

/* Where texts come from; the same id means the same attributes. */
struct batch_origin { uint64_t id; struct attrs attrs; };

struct lane {
    struct batcher *owner;
    struct slice    tenant, source, scope;    /* belong to the caller, and must stay until everything is settled */
    struct batch   *open;
    uint64_t        origin;
    struct lane    *next;
};

void batcher_init(struct batcher *b, struct journal *j, int64_t delay_us, int wake, batch_settled *settled, void *ctx);
/* Everything must be settled or given up. */
void batcher_done(struct batcher *b);
bool batcher_room(struct batcher *b);

/* There was room. Returns false when there is no memory: nothing happened. note may be NULL. */
bool lane_add(struct lane *l, const struct batch_origin *origin, const struct log_event *log, const struct attrs *attrs, const struct batch_mark *mark, const char *note, int64_t now_us);

/* Answers how long until it wants to be called again; -1: not before something is added or durable. */
int64_t batcher_turn(struct batcher *b, int64_t now_us);
/* Close all and append, whatever their age. */
void    batcher_flush(struct batcher *b, int64_t now_us);
/* Nothing is open, refused or on its way. */
bool    batcher_empty(struct batcher *b);
/* At a stop: wait until what the journal took is durable, then count the events of what it did not take, and drop them. */
uint64_t batcher_give_up(struct batcher *b);

void batcher_count(struct batcher *b, struct batch_counts *out);
PRINTF(2, 3) void batcher_trouble(struct batcher *b, const char *format, ...);      /* becomes last_error */

#endif
