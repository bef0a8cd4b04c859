/* tests/unit/digest_double.h - events made by hand. Times are seconds; nothing is freed, the texts are literals. */
#ifndef DIGEST_DOUBLE_H
#define DIGEST_DOUBLE_H

#include "event/event.h"

#define AT(seconds) ((int64_t)((seconds) * 1000000.0))
#define NS(seconds) ((int64_t)((seconds) * 1e9))

/* A resource of one attribute; the same attribute has the same id. */
const struct resource *a_resource(const char *key, const char *value);
struct event a_point(const struct resource *r, const char *name, enum point_kind kind, double at_s, double value);
struct event a_counter(const struct resource *r, const char *name, double start_s, double at_s, double value);
struct event a_log(const struct resource *r, double at_s, int severity, const char *line);
/* ids are of one byte, 0: none */
struct event a_span(const struct resource *r, enum span_kind kind, int trace, int span, int parent, double at_s, double ms);
struct attrs an_attr(const char *key, const char *value);      /* at most 64 different ones stay valid at a time */

#endif
