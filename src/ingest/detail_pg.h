/*
 * ingest/detail_pg.h - the PostgreSQL that holds aggregates, locators and evidence (sinks with `layout: detail`): a session, and a batch of changes.
 *
 * A batch is one transaction: the changes that come next, the rows they speak of as digest.db has them now, and how far this has come, all of it in
 * PostgreSQL.  What was rolled back, or of which nobody knows whether it was committed, is begun again where PostgreSQL says: nothing is missing, nothing twice.
 *
 * Tenants and things get their numbers from PostgreSQL and are found again by code and URN, so several Homeostats can share a database. What each has counted is
 * told apart by its origin, a name that only one may use at a time.
 */
#ifndef INGEST_DETAIL_PG_H
#define INGEST_DETAIL_PG_H

#include "base/err.h"
#include "ship/conf.h"
#include "store/digest_changes.h"

#include <stdbool.h>
#include <stdint.h>

struct detail_pg;
struct detail_batch {
    uint64_t changes, rows, bytes, replaced;
    uint64_t expired;                        /* changes whose rows had gone by age */
    bool     more;                           /* there may be further changes */
    int64_t  seq;                            /* all changes up to this transaction of digest.db are there, when there are no more */
    struct digest_change at;                 /* how far it has come */
};

/* conf lives until detail_pg_free(). origin: NULL: the name of this machine. */
MUST_CHECK enum err detail_pg_new(const struct sink_conf *conf, struct detail_pg **p, struct fault *fault);
void                detail_pg_free(struct detail_pg *p);
void                detail_pg_cancel(struct detail_pg *p);         /* from another thread: whatever it waits for ends soon, and so does everything after it */
/* The next batch. After a fault the session is closed; the next call begins anew. */
MUST_CHECK enum err detail_pg_batch(struct detail_pg *p, struct digest_changes *c, struct detail_batch *done, struct fault *fault);
/* Ranges of time are made ahead, old rows thrown away. */
MUST_CHECK enum err detail_pg_care(struct detail_pg *p, struct fault *fault);
const char         *detail_pg_origin(const struct detail_pg *p);

#endif
