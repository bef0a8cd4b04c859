/* ingest/digester_inside.h - what the files of the digester share. */
#ifndef INGEST_DIGESTER_INSIDE_H
#define INGEST_DIGESTER_INSIDE_H

#include "base/rand.h"
#include "digest/map.h"
#include "digest/windows.h"
#include "ingest/digester.h"

#include <pthread.h>
#include <stdatomic.h>

#define DIGEST_CONSUMER "digest"
#define DIGEST_AGAIN    "digest-again"           /* while a piece is made again; nothing of it is worth keeping */
#define DIGEST_JOB      "oo-agg"

/* What the record that was read last looked like: the journal is the same one while it does. Zeros: not known. */
struct digester_last { int64_t received_us; uint64_t bytes; };

struct digester {
    struct digester_options  o;
    struct job_kind          job;            /* as the settings want it */
    struct digest_store     *store;          /* NULL: must be opened */
    struct journal_consumer *consumer;
    struct feed             *feed;           /* NULL: must be read again from the store */
    struct arena             arena;
    struct circuit           circuit;
    bool                     circuit_told;   /* digest.db says that it is closed */
    struct rand              chance;
    uint64_t                 read;           /* the last record that is in the feed */
    struct digester_last     last;
    uint64_t                 identity;       /* of the journal that `read` is of; 0: written by an older version, not known */
    bool                     replaced;       /* there are rows of a journal that was another one than this */
    bool                     noted;          /* that windows were run, in etl_job_run */
    uint64_t                 committed;      /* in digest.db */
    int64_t                  now_us;         /* of the windows */
    int64_t                  upper_us;       /* written up to */
    int64_t                  saved_us;       /* mono */
    int64_t                  forgot_us, even_us, seen_wall_us, seen_mono_us;    /* mono; since when the wall clock goes evenly; the clocks as of the last turn */
    bool                     dirty, behind;
    int64_t                  left_id;        /* whose piece was left because something else was due, ... */
    unsigned                 left;           /* ... and how often in a row */
    atomic_bool              look_for_asked;
    pthread_mutex_t          open;           /* over feed->locate and read, for who looks for a trace; held until what left them is in digest.db */
    pthread_mutex_t          lock;           /* over what follows */
    struct archive          *archive, *archive_next;      /* the one in use, which only the digest's thread changes; the one to be used from the next piece on */
    bool                     archive_changed;
    struct digester_stats    stats;
    int64_t                  stats_now_us;   /* of the windows, as of the last turn */
    pthread_t                thread;
    bool                     started;
    atomic_bool              stopping;
};

static inline const struct clock *digester_clock(const struct digester *d) { return d->o.clock ? d->o.clock : &clock_real; }

/* ---- digester_state.c ---- */

/* Forget what is open: it may hold what was not stored, and digest.db is what counts. */
void digester_drop(struct digester *d);
/* Memory as digest.db says it is: at start, and after whatever went wrong. */
MUST_CHECK enum err digester_reload(struct digester *d, struct fault *fault);
/* digest.db was found damaged: it makes room, and the next reload makes a fresh one. */
MUST_CHECK enum err digester_aside(struct digester *d, const struct fault *damage, struct fault *fault);
/* Store the feed and how far it has come, within a transaction. */
MUST_CHECK enum err digester_keep(struct digester *d, struct fault *fault);
MUST_CHECK enum err digester_circuit_load(struct digester *d, struct fault *fault);
void                digester_circuit_save(struct digester *d);       /* as well as it can be */

/* ---- digester_table.c ---- */

/*
 * A record of kind RECORD_SCHEMA into table_registry, at once and outside of the digest's transactions: read again after a fall it writes the same row.
 * ERR_INPUT: it cannot be read, and nothing was written.
 */
MUST_CHECK enum err digester_table(struct digester *d, const struct record *r, struct fault *fault);

/* ---- digester_archive.c ---- */

/* To be used for a piece. NULL: there is none. */
struct archive *digester_archive(struct digester *d);
void            digester_archive_cancel(struct digester *d);     /* what is read from it ends soon */
void            digester_archive_done(struct digester *d);

/* Which events were taken already: of each record those up to an index, since what holds a record holds its events in their order. */
struct again_seen { struct map of; bool full; };
/* False: it was taken before, or there is no room to know (full). */
bool            again_is_new(struct again_seen *s, const struct event *e);

/* ---- digester_again.c ---- */

/* The next piece of the oldest window that somebody asked for, if any: in a transaction of its own. *did: something was done. */
MUST_CHECK enum err digester_again(struct digester *d, bool *did, struct fault *fault);
/* Whether a window of the main line is due by the wall clock. */
bool digester_due(const struct digester *d);

#endif
