/*
 * ship/columns.h - an event as the columns that tables of events have: which service, which machine, how bad, what it says.
 *
 * Shared by the sinks that write tables, so that the same event looks the same in each of them.
 */
#ifndef SHIP_COLUMNS_H
#define SHIP_COLUMNS_H

#include "base/text.h"
#include "event/event.h"

/* service.name of the resource; else the attribute job or app; "" when nobody said. */
struct slice columns_app(const struct event *e);
/* host.name of the resource; else service.instance.id, or the attribute host or instance. */
struct slice columns_host(const struct event *e);
/* "ERROR": as it was said, else what the number means; of points and spans the attribute level. */
struct slice columns_level(const struct event *e);
/* 16 bytes or none; of a point that of its first exemplar that has one. */
struct slice columns_trace(const struct event *e);
int64_t      columns_time_ns(const struct event *e);
/* The body of a log: a text as it lies, another value as JSON, made in scratch, which is cleared. */
struct slice columns_message(const struct event *e, struct text *scratch);

/* The attributes that become labels: of the resource, of the scope, of the event. What a later one says counts. */
enum { COLUMNS_ATTRS = 3 };
const struct attrs *columns_attrs(const struct event *e, int which);
/* False for the two of the resource that are columns. */
bool                columns_is_label(int which, const struct attr *a);

#endif
