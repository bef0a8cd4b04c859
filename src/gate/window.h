/*
 * gate/window.h - a piece of each week: "mon-fri 02:00-04:00 +01:00", "daily 22:00-06:00", "sat,sun 00:00-24:00".
 *
 * Days are those on which the window begins; a window that ends before it
 * begins goes over midnight.  Times are those of a fixed offset to UTC (none:
 * UTC); a zone with summer time would need a database of zones on every machine
 * to mean the same thing, so there is none.
 */
#ifndef GATE_WINDOW_H
#define GATE_WINDOW_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct week_window {
    unsigned days;                   /* bit 0 is Monday; never 0 */
    int      from_min, to_min;       /* minutes after midnight, 0..1439 and 1..1440 */
    int      offset_min;             /* of local time to UTC: +60 for +01:00 */
};

MUST_CHECK enum err week_window_parse(const char *text, struct week_window *w, struct fault *fault);
int64_t week_window_length_us(const struct week_window *w);   /* from its opening to its closing */
char *week_window_format(const struct week_window *w, char *out, size_t size);   /* needs 64 bytes */

/* Is the moment inside? *opens_us: when it opens (next, or did), *closes_us: when that one closes. */
bool week_window_open(const struct week_window *w, int64_t wall_us, int64_t *opens_us, int64_t *closes_us);

/* Does any part of [from, to] lie inside? *closes_us: when that window closes. */
bool week_window_meets(const struct week_window *w, int64_t from_us, int64_t to_us, int64_t *closes_us);

#endif
