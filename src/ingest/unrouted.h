/*
 * ingest/unrouted.h - events that no sink takes: counted, or kept as dead letters (ingest.unrouted).
 *
 * A worker like that of a sink, `unrouted`, goes through the journal behind a cursor of its own and asks of each event what every sink would ask: is it of a type
 * that it takes, can its kind hold it, do its rules let it through, do its conditions hold.  What a rule drops was dropped on purpose and is not
 * unrouted.  Types of which some sink takes everything need not be looked at; when those are all types there is no such worker.
 *
 * A replay of its letters puts them into the journal again, so that the sinks as they are by now get them; such a record is marked, and the digest, which
 * had them when they came first, passes it by.
 */
#ifndef INGEST_UNROUTED_H
#define INGEST_UNROUTED_H

#include "conf/conf.h"
#include "journal/journal.h"
#include "ship/worker.h"

#include <stdbool.h>

struct unrouted;
/* *out NULL: nothing has to be looked at. conf and journal live longer. */
MUST_CHECK enum err unrouted_new(const struct conf *conf, struct journal *journal, struct unrouted **out, struct fault *fault);
void                unrouted_free(struct unrouted *u);     /* once no worker uses it any more */
bool                unrouted_keeps(const struct unrouted *u);        /* as dead letters */
/* For ship_configure(); version is another one each time. */
struct ship_sink    unrouted_sink(const struct unrouted *u, uint64_t version);
/* Of its worker: how many there were. */
uint64_t            unrouted_count(const struct ship_stats *s);

/* Its events were in the journal before, as unrouted ones. */
bool                unrouted_again(const struct record *r);

#endif
