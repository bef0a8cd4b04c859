/* ingest/digester_inside.h - what digester.c and digester_again.c share. */
#ifndef INGEST_DIGESTER_INSIDE_H
#define INGEST_DIGESTER_INSIDE_H

#include "base/rand.h"
#include "digest/windows.h"
#include "ingest/digester.h"

#include <pthread.h>
#include <stdatomic.h>

enum { ASKED_MAX = 64 };
#define DIGEST_CONSUMER "digest"
#define DIGEST_AGAIN    "digest-again"           /* while a window is made again; nothing of it is worth keeping */
#define DIGEST_JOB      "oo-agg"

struct asked { char job[32], tenant[RECORD_TENANT_MAX + 1]; int64_t from_us, to_us; };

struct digester {
    struct digester_options  o;
    const struct job_kind   *job;
    struct digest_store     *store;
    struct journal_consumer *consumer;
    struct feed             *feed;           /* NULL: must be read again from the store */
    struct arena             arena;
    struct circuit           circuit;
    struct rand              chance;
    uint64_t                 read;           /* the last record that is in the feed */
    uint64_t                 committed;      /* in digest.db */
    int64_t                  now_us;         /* of the windows */
    int64_t                  upper_us;       /* written up to */
    int64_t                  saved_us, forgot_us;   /* mono; wall */
    bool                     dirty, behind, look_for_asked;
    pthread_mutex_t          open;           /* over feed->locate and read, for who looks for a trace; held until what left them is in digest.db */
    pthread_mutex_t          lock;           /* over what follows */
    struct digester_stats    stats;
    struct asked             asked[ASKED_MAX];
    unsigned                 askeds;
    pthread_t                thread;
    bool                     started;
    atomic_bool              stopping;
};

/* Forget what is open: it may hold what was not stored, and digest.db is what counts. */
void digester_drop(struct digester *d);
/* Store the feed and how far it has come, within a transaction. */
MUST_CHECK enum err digester_keep(struct digester *d, struct fault *fault);
/* The oldest window that somebody asked for, if any: in a transaction of its own. *did: there was one. */
MUST_CHECK enum err digester_again(struct digester *d, bool *did, struct fault *fault);

#endif
