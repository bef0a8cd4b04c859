/*
 * ingest/look.h - what came in, for a person who asks: from digest.db and the journal, also while a daemon writes both. Answers JSON.
 *
 * A trace is found through trace_block, which leads to the records that hold it; nothing else of the journal is read.
 */
#ifndef INGEST_LOOK_H
#define INGEST_LOOK_H

#include "base/err.h"
#include "store/digest_read.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum { LOOK_RECORDS_MAX = 1000, LOOK_EVENTS_MAX = 10000 };

struct looker;
/* store: where digest.db is; journal: its folder. Both are only read. */
MUST_CHECK enum err look_open(const char *store, const char *journal, struct looker **l, struct fault *fault);
void                look_close(struct looker *l);
struct digest_reader *look_reader(struct looker *l);      /* for everything that needs no journal: store/digest_read.h */

/*
 * id: 32 hex digits. {"trace_id", "spans": [{"service", "urn", "name", "kind", "span_id", "parent_id", "start", "ms", "status", "record"}],
 * "logs": [...], "records": [...], "gone": how many records are no longer in the journal, "cut": whether there is more}, spans by time.
 * tenant "": of any. ERR_INPUT: not an id; ERR_MISSING: no such trace.
 */
MUST_CHECK enum err look_trace(struct looker *l, const char *tenant, const char *id, json_t **out, struct fault *fault);

#endif
