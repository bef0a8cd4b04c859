/*
 * sensor/sensors.h - reads host, processes and network, and hands each reading on as one record.
 *
 * Names and labels are those of node_exporter 1.5 and process-exporter; what is our own begins with homeostat_. A series' name and
 * labels are encoded once; a tick reads files that are kept open and patches values.
 *
 *     sensors_new(conf, groups, n, &(struct sensors_options){ .clock = &clock_real, .emit = into_journal, .ctx = j }, &s, fault);
 *     every sensors_interval_us(s):  sensors_tick(s, fault);
 *
 * One thread at a time. What a host does not have is left out and no error; a sensor that fails says so in
 * homeostat_sensor_up{sensor} and is asked again at its next turn.
 */
#ifndef SENSOR_SENSORS_H
#define SENSOR_SENSORS_H

#include "base/clock.h"
#include "base/err.h"
#include "base/slice.h"
#include "base/text.h"
#include "journal/record.h"
#include "sensor/conf.h"
#include "sensor/diag.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SENSOR_SERIES_MAX = 40000, SENSOR_SERIES_EACH = 13000 };     /* of all, and of one sensor; beyond them series are refused, counted in homeostat_sensor_series_refused_total and said */

struct sensors;

/* Take a record (kind SAMPLES, form PROTOBUF); it borrows, and ends with the call. What is not OK is counted, and the reading is gone: the next one follows. */
typedef enum err sensors_emit(void *ctx, const struct record *r, struct fault *fault);

struct sensors_options {
    const struct clock *clock;
    const char         *root;           /* in front of /proc, /sys and /etc; NULL or "": this machine */
    sensors_emit       *emit;           /* NULL: nobody, for reading as text only */
    void               *ctx;
    diag_asker         *diag;           /* who tells of connections; NULL: the kernel, and with a root nobody */
    void               *diag_whom;
    void              (*say)(void *ctx, const char *text);     /* what belongs into a log: a sensor that begins to fail, a forbidden port. May be NULL */
    bool                undivided;      /* every sensor at every tick: for comparing and for a single reading */
};

/* ERR_INPUT for a pattern that is no regular expression or a name that is no template. groups may be NULL: each process by {{.Comm}}. */
MUST_CHECK enum err sensors_new(const struct sensors_conf *conf, const struct sensors_group_conf *groups, size_t count,
                                const struct sensors_options *options, struct sensors **out, struct fault *fault);
void    sensors_free(struct sensors *s);
int64_t sensors_interval_us(const struct sensors *s);

/* Read what is due and emit it. Answers what emit answered. */
MUST_CHECK enum err sensors_tick(struct sensors *s, struct fault *fault);

/* Others take the place of these (NULL: nobody does): emits that what those do not have has ended. The last call before sensors_free(). */
MUST_CHECK enum err sensors_leave(struct sensors *s, const struct sensors *now, struct fault *fault);

/* Everything known now, as exposition text 0.0.4. */
void sensors_text(const struct sensors *s, struct text *out);

struct sensors_counts { uint64_t ticks, samples, refused_records, refused_series; size_t series, processes; };
void sensors_count(const struct sensors *s, struct sensors_counts *out);

/* ---- for the history and for whoever wants values rather than bytes ---- */

struct sensors_value { struct slice name; const struct slice *label; size_t labels; /* label[2i] is a name, label[2i+1] its value */ double value; };
void sensors_each(const struct sensors *s, void (*see)(void *ctx, const struct sensors_value *v), void *ctx);

struct sensors_process {
    int32_t     pid;
    const char *comm, *group;           /* borrowed until the next tick */
    uint64_t    start_ticks;
    double      cpu_s;                  /* since it began; NAN: it could not be read yet, and nothing but its pid is known */
    double      read_bytes, write_bytes;/* since it began; NAN: may not be read */
    double      rss_bytes;
    uint32_t    threads;
    char        state;
};
void sensors_processes(const struct sensors *s, void (*see)(void *ctx, const struct sensors_process *p), void *ctx);

/* The names of all sensors; *count of them. */
const char *const *sensors_names(size_t *count);

#endif
