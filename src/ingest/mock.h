/*
 * ingest/mock.h - a minute of telemetry that nobody sent: 5 000 lines of logs, 500 points, 1 000 spans. The same seed gives the same minute.
 */
#ifndef INGEST_MOCK_H
#define INGEST_MOCK_H

#include "event/event.h"

#include <stdint.h>

struct mock_size { uint32_t logs, points, spans; };
#define MOCK_MINUTE ((struct mock_size){ 5000, 500, 1000 })

/* Events in the minute that begins at minute_us, as if each lay in the record with the number `record`; received as it happened. */
void mock_minute(uint64_t seed, struct mock_size size, int64_t minute_us, uint64_t record, event_take *take, void *ctx);

#endif
