/*
 * ship/worker.h - the sinks at work: a thread for each, reading the journal behind a cursor of its own.
 *
 *     struct ship *s;
 *     ship_new(&(struct ship_options){ .journal = j, .dead = d }, &s, fault);
 *     ship_configure(s, sinks, n, fault);         // at the start, and again at each reload
 *     ...
 *     ship_free(s);                               // stops within seconds, or the longest time limit of a kind that cannot be cut short; cursors stay
 *
 * Each event goes to each sink that takes its type and whose conditions it meets, in the order of the journal, at least once.  The
 * cursor passes an event only when it was sent, lies among the dead letters, or was left out on purpose (type, condition, rule), which
 * is counted.  A sink that cannot be reached is tried without end, with pauses that grow and are spread by chance.
 *
 * ship_configure() leaves a sink alone whose settings are as before; others stop and go on from their cursors.  A sink that is
 * not in the list any more stops; its cursor stays and holds the journal until ship_forget().
 *
 * Threads: any; calls take turns.
 */
#ifndef SHIP_WORKER_H
#define SHIP_WORKER_H

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "event/event.h"
#include "journal/journal.h"
#include "ship/conf.h"
#include "ship/dead.h"
#include "ship/sink.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* May change the event, with what lies in the arena. Called on the sink's thread. */
enum ship_ruled {
    RULED_OUT,                                /* it is dropped on purpose, and counted */
    RULED_IN,
    RULED_UNPARSED,                           /* in, although a rule could not read what it should have; counted */
    RULED_NOT                                 /* the arena was too small for it: it must not go as it is */
};
typedef enum ship_ruled ship_rule(void *ctx, struct event *e, struct arena *a);

struct ship_sink {
    const struct sink_conf *conf;             /* copied */
    const struct sink_kind *kind;             /* NULL: found by conf->kind */
    void                   *self;             /* the kind's, which is not opened then; lives as long as rule_ctx. NULL: kind->open() makes it */
    ship_rule              *rule;             /* NULL: none */
    void                   *rule_ctx;         /* lives until a later ship_configure() or ship_free() has returned */
    uint64_t                rule_version;     /* another one: the rules changed, so the worker starts anew */
};

struct ship_options {
    struct journal     *journal;              /* both live longer */
    struct dead        *dead;
    const struct clock *clock;                /* NULL: the machine's */
    uint64_t            seed;                 /* of the jitter */
    int64_t             grace_us;             /* how long a request that is under way may go on when its sink shall stop; 0: 3 s */
};

struct ship_stats {
    char     name[JOURNAL_NAME_MAX + 1], kind[32];
    uint64_t sent, batches, bytes;            /* events; what the kind said SENT_ALL to */
    uint64_t retries;                         /* SENT_LATER */
    uint64_t halved;                          /* batches that were refused or too large */
    uint64_t dead;                            /* events among the dead letters */
    uint64_t skipped;                         /* of a type that it does not take, or a condition does not hold */
    uint64_t unfit;                           /* among the skipped: what its kind cannot hold */
    uint64_t dropped;                         /* by a rule, on purpose */
    uint64_t unparsed;                        /* a rule could not read what it should have; sent as they were */
    uint64_t rejected;                        /* in a record that was read, but not as their specification wants them: nobody gets them */
    uint64_t undecodable;                     /* records */
    uint64_t replayed;                        /* events of dead letters that were sent after all */
    uint64_t expired;                         /* of layout: detail: what went by age before it could be copied */
    uint64_t committed, behind;               /* id; records behind the journal's end */
    int64_t  lag_us;                          /* age of the oldest record that it has not dealt with */
    uint64_t waiting;                         /* events in hand */
    int64_t  progress_us;                     /* wall: when something last went forward, or the worker began */
    int64_t  moved_us;                        /* mono: the same, or when nothing waited */
    int64_t  retry_at_us;                     /* wall: when it tries again; 0: it does not wait */
    uint64_t attempts;                        /* in vain, in a row */
    bool     paused, running, stuck;
    char     last_error[240];                 /* "": the last one went well */
    int64_t  last_error_us;
};

struct ship;
MUST_CHECK enum err ship_new(const struct ship_options *o, struct ship **s, struct fault *fault);
void                ship_free(struct ship *s);

/* All sinks that there shall be. On a fault those that could be started run, the others keep being as they were, and the fault tells of the first. One that never ran stays in the list
   and tells why; the next call tries it again. */
MUST_CHECK enum err ship_configure(struct ship *s, const struct ship_sink *sinks, size_t n, struct fault *fault);

/* A sink that is gone shall not hold the journal any more. ERR_BUSY: it is there. ERR_MISSING: nobody knows it. */
MUST_CHECK enum err ship_forget(struct ship *s, const char *name, struct fault *fault);
/*
 * A sink reads the journal again from record *id on (0: the first received at or after since_us), and takes what it finds there once more; *id is set to where
 * it goes on. What lies among its dead letters stays there. ERR_MISSING: no such sink.
 */
MUST_CHECK enum err ship_replay(struct ship *s, const char *name, int64_t since_us, uint64_t *id, struct fault *fault);
/* For a sink whose Homeostat does not run, beside journal_view_seek(): it will take once more what it took. */
MUST_CHECK enum err ship_replay_allow(const struct sink_conf *conf, struct fault *fault);
/* Its dead letters up to now are sent again. ERR_MISSING: no such sink. */
MUST_CHECK enum err ship_dead_replay(struct ship *s, const char *name, struct fault *fault);

size_t              ship_stats(struct ship *s, struct ship_stats *list, size_t max);
/* Something waits, it is not paused, and nothing moved for a while. Health is progress. Monotonic time: a clock that is set must not blind it. */
bool                ship_is_stuck(const struct ship_stats *s, int64_t now_mono_us, int64_t after_us);

#endif
