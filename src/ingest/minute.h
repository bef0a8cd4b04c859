/*
 * ingest/minute.h - from readings of the sensors to minutes of the history: rates between two boundaries, and who used most.
 *
 *     after each sensors_tick():   if (minute_see(maker, sensors, wall_us, mono_us)) history_append(h, minute_of(maker), true, &fault);
 *
 * One thread.
 */
#ifndef INGEST_MINUTE_H
#define INGEST_MINUTE_H

#include "history/history.h"
#include "sensor/sensors.h"

#include <stdbool.h>
#include <stdint.h>

struct minute_maker;

struct minute_maker *minute_new(int64_t length_us);     /* 0: a minute; NULL: out of memory */
void minute_free(struct minute_maker *k);

/* True when a minute has ended: minute_of() is it, until the next call. The first boundary only begins one. */
bool minute_see(struct minute_maker *k, const struct sensors *s, int64_t wall_us, int64_t mono_us);
const struct history_minute *minute_of(const struct minute_maker *k);

#endif
