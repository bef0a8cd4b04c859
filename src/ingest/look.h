/*
 * ingest/look.h - what came in, for a person who asks: from digest.db and the journal, also while a daemon writes both. Answers JSON.
 *
 * A trace is found through trace_block, which leads to the records that hold it, and in a daemon through what its digest has open; nothing
 * else of the journal is read but the few records that the digest has not read yet.
 */
#ifndef INGEST_LOOK_H
#define INGEST_LOOK_H

#include "base/err.h"
#include "ingest/ingest.h"
#include "journal/journal.h"
#include "store/digest_read.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum { LOOK_RECORDS_MAX = 1000, LOOK_EVENTS_MAX = 10000, LOOK_UNREAD_MAX = 64 };

/* store: the folder of digest.db. journal: the one that is open here; NULL: it is looked at from outside, in journal_folder. All are only read. */
struct look_at { const char *store, *journal_folder; struct journal *journal; };

struct looker;
MUST_CHECK enum err look_open(const struct look_at *at, struct looker **l, struct fault *fault);
void                look_close(struct looker *l);
struct digest_reader *look_reader(struct looker *l);      /* for everything that needs no journal: store/digest_read.h */

/* What a digest that runs knows of a trace beyond digest.db (digester_open_trace): asked for before look_open(), so that nothing falls between the two. */
struct look_open { uint64_t record[LOOK_RECORDS_MAX]; size_t records; uint64_t read /* UINT64_MAX: unknown */; bool busy; };

/* ERR_INPUT: not the id of a trace. */
MUST_CHECK enum err look_trace_hash(const char *id, uint64_t *hash, struct fault *fault);

/*
 * id: 32 hex digits. {"trace_id", "spans": [{"service", "urn", "name", "kind", "span_id", "parent_id", "start", "ms", "status", "record"}],
 * "logs": [...], "records": [...], "gone": how many records are no longer in the journal, "cut": whether there is more}, spans by time.
 * open NULL: there is no daemon to ask. tenant: as in store/digest_read.h. ERR_INPUT: not an id; ERR_MISSING: no such trace.
 */
MUST_CHECK enum err look_trace(struct looker *l, const char *tenant, const char *id, const struct look_open *open, json_t **out, struct fault *fault);

/* Any question out of the files, with or without a daemon. open: see above; NULL for what is no trace. ERR_INPUT: there is no such question. */
MUST_CHECK enum err look_answer(const struct look_at *at, const struct ingest_question *q, const struct look_open *open, json_t **out, struct fault *fault);

#endif
