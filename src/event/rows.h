/*
 * event/rows.h - what people write in rows: the keys, times and levels; pure functions, for whoever reads tables of people.
 */
#ifndef EVENT_ROWS_H
#define EVENT_ROWS_H

#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum row_role { ROW_OTHER, ROW_TIME, ROW_APP, ROW_HOST, ROW_NAME, ROW_VALUE, ROW_MESSAGE, ROW_TRACE, ROW_LEVEL, ROW_LABELS, ROW_ROLES };

/* What a key, or a column, means. Of several with one meaning the first in this table has it, and the others are attributes. */
enum { ROW_KEYS = 12 };
struct row_key { const char *name; enum row_role role; };
extern const struct row_key row_keys[ROW_KEYS];

/* RFC 3339 with any fraction (nanoseconds are kept), 'T' or a blank between, Z or an offset. false: it is not one. */
bool rows_time(struct slice text, int64_t *ns);

/* Seconds, milli-, micro- or nanoseconds since 1970, told apart by how large they are: seconds end in the year 5138. */
bool rows_time_number(struct slice text, int64_t *ns);

/* "WARN", "error", "crit", ... as OpenTelemetry's severity; 0: not a word that is known. */
int rows_severity(struct slice level);

#endif
