/*
 * ingest/minutes.h - from readings of the sensors to minutes of the history: rates between two boundaries, and who used most.
 *
 *     after each sensors_tick():   if (minutes_see(maker, sensors, wall_us, mono_us)) history_append(h, minutes_latest(maker), true, &fault);
 *
 * One thread.
 */
#ifndef INGEST_MINUTES_H
#define INGEST_MINUTES_H

#include "history/history.h"
#include "sensor/sensors.h"

#include <stdbool.h>
#include <stdint.h>

struct minutes;

struct minutes *minutes_new(int64_t length_us);     /* 0: a minute; NULL: out of memory */
void minutes_free(struct minutes *k);

/* True when a minute has ended: minutes_latest() is it, until the next call. The first boundary only begins one. */
bool minutes_see(struct minutes *k, const struct sensors *s, int64_t wall_us, int64_t mono_us);
const struct history_minute *minutes_latest(const struct minutes *k);

#endif
