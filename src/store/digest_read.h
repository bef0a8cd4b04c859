/*
 * store/digest_read.h - digest.db for those who only look, as JSON.
 *
 * A read-only connection of its own: one per thread. Times are RFC 3339. tenant "" means any. What needs the journal as well is ingest/look.h.
 */
#ifndef STORE_DIGEST_READ_H
#define STORE_DIGEST_READ_H

#include "base/err.h"
#include "base/slice.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct digest_reader;

MUST_CHECK enum err digest_reader_open(const char *folder, struct digest_reader **r, struct fault *fault);   /* ERR_MISSING: there is no digest.db */
void                digest_reader_close(struct digest_reader *r);

/* From now on nothing that began at this time or later is told of; as opened there is no end. */
void                digest_reader_until(struct digest_reader *r, int64_t until_us);

/* The blocks in which a trace may stand (digest/locate.h). False from take stops. */
typedef bool digest_block(void *ctx, uint64_t base, struct slice entries);
MUST_CHECK enum err digest_read_trace(struct digest_reader *r, unsigned shard, digest_block *take, void *ctx, struct fault *fault);

/* [{"urn", "tenant", "logs", "errors", "error_rate", "calls", "calls_failed", "call_error_rate"}], the most errors first */
MUST_CHECK enum err digest_read_errors(struct digest_reader *r, const char *tenant, int64_t since_us, int limit, json_t **out, struct fault *fault);
/* {"service", "since", "downstreams": [{"urn", "calls", "errors", "err_rate", "rps", "p50_ms", "p95_ms", "patterns": [...], "locators": [...]}], "patterns", "locators"}; ERR_MISSING: no such service */
MUST_CHECK enum err digest_read_downstreams(struct digest_reader *r, const char *tenant, const char *service, int64_t since_us, int limit, json_t **out, struct fault *fault);
/* service "" : of all. [{"fingerprint_id", "pattern", "severity", "count", "errors", "sample", "urn", "last"}] */
MUST_CHECK enum err digest_read_patterns(struct digest_reader *r, const char *tenant, const char *service, int64_t since_us, int limit, json_t **out, struct fault *fault);
/* What happened, the newest first; kind, service: "" for any. [{"event_id", "detected_at", "tenant", "urn", "severity", "kind", "title", "evidence": how much, "complete"}] */
MUST_CHECK enum err digest_read_events(struct digest_reader *r, const char *tenant, const char *kind, const char *service, int64_t since_us, int limit, json_t **out, struct fault *fault);
/*
 * The event with its evidence, what speaks most first: {..., "complete": windows around it are closed, "evidence": [{"evidence_id", "dim", "score", "note", "ref", "bucket",
 * "object_key", "query_hint", "first_record", "last_record", "dataset", "from", "to"}]}; without a pointer its members are null. ERR_MISSING.
 */
MUST_CHECK enum err digest_read_event(struct digest_reader *r, const char *id, json_t **out, struct fault *fault);
/* {"runs": [...], "circuits": [...]} */
MUST_CHECK enum err digest_read_jobs(struct digest_reader *r, int limit, json_t **out, struct fault *fault);

#endif
