/*
 * ingest/minutes.h - from what the sensors read to the minutes of the history: rates between two readings, and the processes that matter.
 *
 *     minutes_new(&m);
 *     each minute:  if (minutes_take(m, sensors, now_us, minute)) history_append(h, minute, true, fault);
 */
#ifndef INGEST_MINUTES_H
#define INGEST_MINUTES_H

#include "history/history.h"
#include "sensor/sensors.h"

struct minutes;
struct minutes *minutes_new(void);               /* NULL: out of memory */
void            minutes_free(struct minutes *m);
/* False: this was the first reading, which has nothing to be compared with. minute is overwritten whole. */
bool            minutes_take(struct minutes *m, const struct sensors *s, int64_t now_us, struct history_minute *minute);

#endif
