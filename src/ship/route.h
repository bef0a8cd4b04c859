/*
 * ship/route.h - which events a sink gets: conditions that must all hold.
 *
 *     key=value    key!=value    key~regex    key!~regex
 *
 * The key is tenant, source, type (logs, metrics, traces), name (of a metric, a span, a log's event), severity (of a log, as a
 * number), or else an attribute: of the event, its scope or its resource, the first that has it; resource.KEY, as rules write it, of the resource
 * alone.  What is missing is the empty text.
 * A regular expression is POSIX extended and must match all of the value.
 *
 * Threads: a route is read only once it is made.
 */
#ifndef SHIP_ROUTE_H
#define SHIP_ROUTE_H

#include "base/err.h"
#include "event/event.h"

#include <stddef.h>

enum { ROUTE_CONDITIONS_MAX = 32, ROUTE_CONDITION_LENGTH_MAX = 512 };

struct route;

/* conditions: n texts. ERR_INPUT says which is wrong. */
MUST_CHECK enum err route_new(const char *const *conditions, size_t n, struct route **r, struct fault *fault);
void                route_free(struct route *r);
/* The arena is for values that are not text. */
bool                route_takes(const struct route *r, const struct event *e, struct arena *a);

/* Is this one in order? For the table of settings. */
MUST_CHECK enum err route_condition_check(const char *condition, struct fault *fault);

const char *route_type_name(enum event_type t);      /* "logs", "metrics", "traces" */

#endif
