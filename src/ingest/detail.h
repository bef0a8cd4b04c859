/*
 * ingest/detail.h - sinks `postgres` with `layout: detail` at work: a thread for each, copying what changed in digest.db into PostgreSQL.
 *
 *     struct detail *d;
 *     detail_new(&(struct detail_options){ .folder = store_folder }, &d, fault);
 *     detail_configure(d, confs, n, fault);       // at the start, and again at each reload; a sink whose settings are as before is left alone
 *     ...
 *     detail_free(d);                             // cuts short what is under way; it is begun again from where PostgreSQL says
 *
 * They read no journal and hold none: digest.db keeps its rows for half a year, and how far a sink has come stands in PostgreSQL, with the rows. A PostgreSQL that
 * cannot be reached is tried without end, with pauses that grow and are spread by chance. The digest is never waited for, nor does it wait.
 *
 * Threads: any; calls take turns.
 */
#ifndef INGEST_DETAIL_H
#define INGEST_DETAIL_H

#include "base/clock.h"
#include "base/err.h"
#include "ship/worker.h"

#include <stddef.h>
#include <stdint.h>

struct detail_options {
    const char         *folder;              /* of digest.db */
    const struct clock *clock;               /* NULL: the machine's */
    uint64_t            seed;                /* of the jitter */
};

struct detail;
MUST_CHECK enum err detail_new(const struct detail_options *o, struct detail **d, struct fault *fault);
void                detail_free(struct detail *d);

bool                detail_is(const struct sink_conf *conf);                   /* Does this sink belong here, and not to ship? */
MUST_CHECK enum err detail_configure(struct detail *d, const struct sink_conf *const *confs, size_t n, struct fault *fault);

/* As of other sinks: sent are rows, batches transactions, behind windows and rows of digest.db that changed, expired those that went by age before they were copied. */
size_t              detail_stats(struct detail *d, struct ship_stats *list, size_t max);

#endif
