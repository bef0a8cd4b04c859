/*
 * ship/sink.h - where events go: what a kind of sink must be able to do. One file per kind, one row each in ship/sinks.c.
 *
 * The worker in front of it (ship/worker.h) reads the journal, applies rules and routes, makes batches, waits, tries again
 * without end, halves a batch that is refused until the event is found that nobody wants, and puts that among the dead letters.
 * A sink only sends, and says honestly what came of it.  It must not wait longer than the time limit in its settings, nor retry by itself.
 */
#ifndef SHIP_SINK_H
#define SHIP_SINK_H

#include "base/err.h"
#include "event/event.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum sent {
    SENT_ALL,          /* durable there, as far as that side promises it */
    SENT_LATER,        /* nothing, or an unknown part, arrived; try all of it again after a while. Also when nobody is there */
    SENT_REFUSED,      /* the other side will never take this as it is: the worker halves it */
    SENT_TOO_LARGE     /* the same batch in smaller pieces may go */
};

/* Events that lie together; valid during send() only. The same events may come again, in other batches, after a crash or SENT_LATER. */
struct batch {
    const struct event *const *event;
    size_t                     count;
    size_t                     bytes;        /* about, undecoded */
    uint64_t                   load;         /* while it is the same, event number `at` + i of it is the same event as before: ship/parts.h */
    size_t                     at;
    bool                       again;        /* dead letters: their numbers are old ones, but they were never taken */
};

struct sent_answer {
    int64_t  retry_after_us;                 /* what the other side asked for; 0: it did not */
    uint64_t refused;                        /* events that it took note of and will not keep (partial success): they become dead letters as a count */
    bool     timed_out;                      /* SENT_LATER because the other side took too long over it: when that goes on, less at once may help */
    char     why[240];                       /* for SENT_LATER and SENT_REFUSED: what the other side said; never a secret */
};

struct sink_conf;                            /* ship/conf.h */
struct conf_checker;                         /* conf/conf.h */

struct sink_kind {
    const char *name;                        /* "postgres", "clickhouse", "files", ... as in the configuration */
    unsigned    takes;                       /* bits 1 << EVENT_LOG ...: what it can hold; others go past it, counted */
    const char *why;
    /* Checks settings, allocates; must not need the other side to be there. conf lives until close. A reload calls it while the former one still works. */
    enum err  (*open)(const struct sink_conf *conf, void **self, struct fault *fault);
    enum sent (*send)(void *self, const struct batch *b, struct sent_answer *a);
    /* Called when nothing waits, and about once a second between batches; now is monotonic time, which no clock that is set moves. NULL: nothing to do. Files are closed, partitions made and dropped here. */
    void      (*idle)(void *self, int64_t now_us);
    void      (*close)(void *self);
    /* Names of settings it knows beside those of every sink, parted by blanks; "!url": it must be set. The rest is refused. */
    const char *settings;
    /* What no list of names can say: called when a configuration is read. NULL: nothing. Refuse with conf_refuse(). */
    void      (*check)(const struct sink_conf *conf, struct conf_checker *c);
    /* Cut a send() short, which then says SENT_LATER: we are told to stop. From another thread; it is closed afterwards. NULL: send() ends in time by itself. */
    void      (*cancel)(void *self);
    /* What it took before is to be taken once more: it forgets durably what tells that it comes again. Before the first send(). NULL: it remembers nothing. */
    enum err  (*replay)(void *self, struct fault *fault);
    /* Whether it can hold this event of a type that it takes. What it cannot is left out and counted, and `lacks` is told once. NULL: everything. */
    bool      (*holds)(const struct event *e);
    const char *lacks;
    /* It gets what no sink takes: letters of every type are its own, whatever its types are by now; records that cannot be read are not, the sinks keep those. */
    bool        rest;
};

const struct sink_kind *sink_kind_find(const char *name);    /* NULL: no such kind */
/* All of them, for documentation. */
const struct sink_kind *const *sink_kinds(size_t *count);

#endif
