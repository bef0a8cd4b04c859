/*
 * cli/case_events.h - cases as events of the telemetry: where ingest runs, each case that is opened is told to it, so that the evidence around that moment is kept.
 *
 * The event has the id of the case.  Messages of the engine's bus come at least once, and in the same transaction as the case; what a crash took between the
 * message and the event is made up for at start, when the newest cases are told again: the same event is kept once.
 */
#ifndef CLI_CASE_EVENTS_H
#define CLI_CASE_EVENTS_H

#include "engine/engine.h"
#include "ingest/ingest.h"

enum { CASE_EVENTS_AGAIN_MAX = 200 };
#define CASE_EVENTS_AGAIN_US (INT64_C(86400) * 1000000)

struct case_events { struct engine *engine; struct ingest *ingest; int handle; };

/* ingest NULL: nothing happens. Before the engine's loop runs; store_folder: where the cases are. */
void case_events_begin(struct case_events *c, struct engine *e, struct ingest *in, const char *store_folder);
void case_events_end(struct case_events *c);       /* before ingest is stopped */

/* Pure. What is told of a case: {"id", "title", "target", "tenant", "opened_by", "created_at"}. NULL: out of memory. */
json_t *case_event_of(const json_t *about, const char *host);

#endif
