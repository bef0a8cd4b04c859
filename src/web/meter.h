/*
 * web/meter.h - what this room counts of itself, and the two text formats in which counts are given away.
 */
#ifndef WEB_METER_H
#define WEB_METER_H

#include "base/text.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { METER_ROUTES = 64, METER_CLASSES = 6, METER_BUCKETS = 12 };

struct meter {
    _Atomic uint64_t requests[METER_ROUTES + 1][METER_CLASSES];   /* by route (the last: none) and first digit of the status */
    _Atomic uint64_t took[2][METER_BUCKETS + 1], took_us[2];      /* reading and writing; the last bucket has no bound */
    _Atomic uint64_t refused_tokens, throttled, stream_cut, stream_sent;
    _Atomic int64_t  open_connections, waiting, subscribers;
};

/* route: index in web_routes, or -1. us: -1 when it says nothing (a stream). */
void meter_request(struct meter *m, int route, bool writes, int status, int64_t us);
/* Prometheus text 0.0.4. */
void meter_write(struct meter *m, struct text *out);

/* Prometheus text to OpenMetrics 1.0.0: counters lose _total in their family's name, untyped is unknown, and it ends with # EOF. */
void meter_openmetrics(const char *prometheus, struct text *out);

#endif
