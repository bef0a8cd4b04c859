/*
 * store/digest_read.h - digest.db for those who only look, as JSON.
 *
 * A read-only connection of its own: one per thread. Times are RFC 3339. What needs the journal as well is ingest/look.h.
 *
 * A tenant is asked for by its name; the installation's own is DIGEST_OWN_TENANT, "" means any, and each row says whose it is. Who asks for a service
 * says its URN, the end of that (shop/cart), its name as it was sent or as it is written down; all things that this may mean are told of, at most 16.
 *
 * A window of five minutes, or of one, is told of when it ended after `since` and began before the end (digest_reader_until).
 * "cut" says that there is more than the limits let through.
 */
#ifndef STORE_DIGEST_READ_H
#define STORE_DIGEST_READ_H

#include "base/err.h"
#include "base/slice.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct digest_reader;

#define DIGEST_OWN_TENANT "installation"

MUST_CHECK enum err digest_reader_open(const char *folder, struct digest_reader **r, struct fault *fault);   /* ERR_MISSING: there is no digest.db */
void                digest_reader_close(struct digest_reader *r);

/* From now on nothing that began at this time or later is told of; as opened there is no end. */
void                digest_reader_until(struct digest_reader *r, int64_t until_us);

/* The blocks in which a trace may stand (digest/locate.h). False from take stops. */
typedef bool digest_block(void *ctx, uint64_t base, struct slice entries);
MUST_CHECK enum err digest_read_trace(struct digest_reader *r, unsigned shard, digest_block *take, void *ctx, struct fault *fault);

/* [{"urn", "tenant", "logs", "errors", "error_rate", "calls", "calls_failed", "call_error_rate", "metrics": had it some in the last ten minutes}], the most errors first */
MUST_CHECK enum err digest_read_errors(struct digest_reader *r, const char *tenant, int64_t since_us, int limit, json_t **out, struct fault *fault);
/*
 * {"service": [URN...], "since", "downstreams": [{"tenant", "from", "urn", "calls", "errors", "err_rate", "rps", "p50_ms", "p95_ms", "last", "patterns": [...], "locators": [...],
 * "metrics": [...]}], "patterns", "locators", "metrics", "cut"}: whom it calls, the failing first (in whole per cent), then the slow. p95 is that of the worst window, p50 a mean;
 * rps is calls over the time from the first window with such a call to the end of what was made, or of the question.
 * Of each thing at most 5 patterns, 5 locators and 12 metrics. ERR_MISSING: no such service.
 */
MUST_CHECK enum err digest_read_downstreams(struct digest_reader *r, const char *tenant, const char *service, int64_t since_us, int limit, json_t **out, struct fault *fault);
/*
 * metric "": {"service", "since", "metrics": [{"urn", "tenant", "metric", "time", "series", "avg", "max", "p95", "min", "samples"}], "cut"}, by name, each with its newest minute over all
 * its series: the mean of all samples, the largest maximum and 95th percentile, the least minimum.
 * Else {"service", "since", "metric", "minutes": [{"urn", "tenant", "time", "labels", "avg", "max", "p95", "min", "samples"}], "cut"}, a row for each series and minute, the newest first.
 * limit is of each thing. ERR_MISSING: no such service.
 */
MUST_CHECK enum err digest_read_metrics(struct digest_reader *r, const char *tenant, const char *service, const char *metric, int64_t since_us, int limit, json_t **out, struct fault *fault);
/* service "": of all. [{"fingerprint_id", "pattern", "severity", "count", "errors", "sample", "urn", "tenant", "last"}]; a pattern that made room for others is "(forgotten)". */
MUST_CHECK enum err digest_read_patterns(struct digest_reader *r, const char *tenant, const char *service, int64_t since_us, int limit, json_t **out, struct fault *fault);
/* What happened, the newest first; kind, service: "" for any. [{"event_id", "detected_at", "tenant", "urn", "severity", "kind", "title", "evidence": how much, "complete"}] */
MUST_CHECK enum err digest_read_events(struct digest_reader *r, const char *tenant, const char *kind, const char *service, int64_t since_us, int limit, json_t **out, struct fault *fault);
/*
 * The event with its evidence, what speaks most first: {..., "complete": windows around it are closed, "evidence": [{"evidence_id", "dim", "score", "note", "ref", "bucket",
 * "object_key", "query_hint", "first_record", "last_record", "dataset", "from", "to"}]}; without a pointer its members are null. ERR_MISSING.
 */
MUST_CHECK enum err digest_read_event(struct digest_reader *r, const char *tenant, const char *id, json_t **out, struct fault *fault);
/* Tables that were registered: {"tables": [{"table", "tenant", "kind", "created_at", "schema": as table_registry has it}], "cut": whether there is more}; 8 MiB of schemas at most. */
MUST_CHECK enum err digest_read_tables(struct digest_reader *r, const char *tenant, int limit, json_t **out, struct fault *fault);
/* {"runs": [...], "circuits": [...]} */
MUST_CHECK enum err digest_read_jobs(struct digest_reader *r, const char *tenant, int limit, json_t **out, struct fault *fault);

#endif
