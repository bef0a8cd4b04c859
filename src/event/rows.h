/*
 * event/rows.h - how rows say times and levels; pure functions, for whoever reads tables of people.
 */
#ifndef EVENT_ROWS_H
#define EVENT_ROWS_H

#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

/* RFC 3339 with any fraction (nanoseconds are kept), 'T' or a blank between, Z or an offset. false: it is not one. */
bool rows_time(struct slice text, int64_t *ns);

/* "WARN", "error", "crit", ... as OpenTelemetry's severity; 0: not a word that is known. */
int rows_severity(struct slice level);

#endif
