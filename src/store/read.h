/*
 * store/read.h - what is stored, as JSON, for those who only look.
 *
 * A reader is a read-only connection of its own: one per thread that reads.
 * Times are RFC 3339. Ids are opaque. Lists are newest first and paged by an
 * opaque cursor.
 */
#ifndef STORE_READ_H
#define STORE_READ_H

#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct store_reader;

/* folder: where cases.db and telemetry.db live. */
MUST_CHECK enum err store_reader_open(const char *folder, struct store_reader **r, struct fault *fault);
void                store_reader_close(struct store_reader *r);

/* ERR_MISSING when there is no such thing. *out is owned by the caller. */
MUST_CHECK enum err read_case(struct store_reader *r, const char *id, json_t **out, int64_t *version, struct fault *fault);

struct case_filter { const char *state, *target, *tenant, *cursor; int64_t since_us; int limit; };   /* NULL or 0: any; limit 1..500 */
/* {"data":[...], "next_cursor": "..." or null} */
MUST_CHECK enum err read_cases(struct store_reader *r, const struct case_filter *f, json_t **out, struct fault *fault);
MUST_CHECK enum err read_timeline(struct store_reader *r, const char *case_id, json_t **out, struct fault *fault);
/* Everything about one case: case, plans (proposed, approved), gate verdicts, exec steps, trial, outcome, evidence. */
MUST_CHECK enum err read_case_file(struct store_reader *r, const char *case_id, json_t **out, struct fault *fault);
/* Outcomes of one target, newest first: what was tried and what became of it. */
MUST_CHECK enum err read_outcomes(struct store_reader *r, const char *target, int limit, json_t **out, struct fault *fault);
/* What trials taught, the newest first: [{"shared":..., "created_at":..., "record":{...}}] paged as cases are. shared: only what may be told to others. */
MUST_CHECK enum err read_knowledge(struct store_reader *r, bool shared, const char *cursor, int limit, json_t **out, struct fault *fault);
/* Stop switches, budgets used, alpha spent. */
MUST_CHECK enum err read_stops(struct store_reader *r, json_t **out, struct fault *fault);
MUST_CHECK enum err read_budgets(struct store_reader *r, json_t **out, struct fault *fault);
/* Published outbox rows after an id, oldest first: the resumable event feed. */
MUST_CHECK enum err read_events(struct store_reader *r, int64_t after_id, int limit, json_t **out, struct fault *fault);
/* metric_1m of one target: {"bucket":[...],"avg":[...],"max":[...],"p95":[...]} */
MUST_CHECK enum err read_metric(struct store_reader *r, const char *target, const char *metric, int64_t from_us, int64_t to_us, json_t **out, struct fault *fault);

#endif
