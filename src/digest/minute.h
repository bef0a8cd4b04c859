/*
 * digest/minute.h - samples of one series set (a target, a host) into rows of metric_1m. Pure.
 *
 *     struct minute *m = minute_new(5 * US_PER_S);
 *     each second: minute_add(m, &sample);
 *                  while (minute_take(m, sample.wall_us, rows, &n)) store(rows, n);
 *
 * A minute is a whole minute of the wall clock.  It is given out once `delay` has passed after its end, so that late
 * samples still count; what comes later than that is counted and left out, unless a clock that was far ahead was put back.  NAN is no value: a row says over how many values
 * it speaks, and a metric without any has no row.  p95 is exact (nearest rank over the values of the minute).
 */
#ifndef DIGEST_MINUTE_H
#define DIGEST_MINUTE_H

#include "model/sample.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MINUTE_VALUES_MAX = 600 };        /* per metric and minute: ten a second */

struct minute_row {
    int64_t     minute_us;               /* wall; start of the minute */
    enum metric metric;
    double      avg, max, p95;
    int         samples;
};

struct minute;

struct minute *minute_new(int64_t delay_us);   /* NULL: out of memory */
void           minute_free(struct minute *m);
void           minute_add(struct minute *m, const struct sample *s);
/* The rows of the oldest minute that is finished at now_us, or of one that a clock began which was put back since; false when there is none. rows has room for METRIC_COUNT. */
bool           minute_take(struct minute *m, int64_t now_us, struct minute_row rows[METRIC_COUNT], int *n);
/* At shutdown: what is there of the oldest open minute, finished or not. */
bool           minute_flush(struct minute *m, struct minute_row rows[METRIC_COUNT], int *n);
uint64_t       minute_dropped(const struct minute *m);   /* samples that came too late, or too many in one minute */

/* Which URN a metric belongs to: the machine's or the database's. */
bool metric_is_host(enum metric m);
/* "urn:db:postgres:<target>/<database>", "urn:host:<name>"; bytes that do not belong into a URN become %xx. Returns out. */
char *urn_database(const char *target, const char *database, char *out, size_t size);
char *urn_host(const char *hostname, char *out, size_t size);

#endif
