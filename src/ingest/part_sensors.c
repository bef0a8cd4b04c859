/* ingest/part_sensors.c - a thread that reads the sensors, and once a minute writes the history. */
#include "ingest/inside.h"

#include "base/log.h"
#include "ingest/minutes.h"
#include "sensor/conf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct sensing {
    struct ingest         *in;
    pthread_t              thread;
    pthread_mutex_t        lock;              /* of everything below */
    pthread_cond_t         nudge;
    bool                   ending;
    struct sensors        *sensors;
    struct history        *history;           /* NULL: it could not be opened, which was told */
    struct minutes        *minutes;
    uint64_t               failures, written, unwritten;
    struct fault           last;
};

static enum err append(void *ctx, const struct record *r, struct fault *fault)
{
    struct sensing *s = ctx;
    return journal_append_wait(s->in->journal, r, NULL, fault);
}

static enum err make(struct ingest *in, struct sensing *s, struct sensors **out, struct fault *fault)
{
    size_t                           n;
    const struct sensors_group_conf *groups = conf_instances(in->conf, &sensor_groups_section, &n);
    return sensors_new(conf_of(in->conf, &sensors_section), n ? groups : NULL, n, &(struct sensors_options){ .clock = in->clock, .emit = append, .ctx = s }, out, fault);
}

/* A minute has ended: it is written, or counted as missing. */
static void write_minute(struct sensing *s)
{
    struct fault fault = { 0 };
    if (!s->history)
        return;
    if (history_append(s->history, minutes_latest(s->minutes), true, &fault) == OK)
        s->written++;
    else if (s->unwritten++ == 0)
        log_fault(LOG_WARN, "a minute of the history was not written; the next one is tried again", &fault);
}

static void *sense(void *arg)
{
    struct sensing *s = arg;
    int64_t         next_us = clock_mono_us(s->in->clock);
    (void)pthread_mutex_lock(&s->lock);
    while (!s->ending) {
        struct fault fault = { 0 };
        if (sensors_tick(s->sensors, &fault) != OK) {
            if (s->failures++ == 0)
                log_fault(LOG_WARN, "a reading of the sensors could not be kept; the next one follows", &fault);
            s->last = fault;
        }
        if (minutes_see(s->minutes, s->sensors, clock_wall_us(s->in->clock), clock_mono_us(s->in->clock)))
            write_minute(s);
        int64_t interval_us = sensors_interval_us(s->sensors), mono_us = clock_mono_us(s->in->clock);
        next_us += interval_us;
        if (next_us < mono_us)                /* we were held up: no crowd of readings to make up for it */
            next_us = mono_us + interval_us;
        struct timespec until = { .tv_sec = next_us / US_PER_S, .tv_nsec = next_us % US_PER_S * 1000 };
        while (!s->ending && pthread_cond_timedwait(&s->nudge, &s->lock, &until) != ETIMEDOUT)
            ;
    }
    (void)pthread_mutex_unlock(&s->lock);
    return NULL;
}

static void free_all(struct sensing *s)
{
    sensors_free(s->sensors);
    history_close(s->history);
    minutes_free(s->minutes);
    free(s);
}

static enum err sensors_start(struct ingest *in, void **self, struct fault *fault)
{
    const struct sensors_conf *c = conf_of(in->conf, &sensors_section);
    struct sensing            *s;
    struct fault               why = { 0 };
    char                       folder[INGEST_PATH_SIZE + 16];
    pthread_condattr_t         steady;
    if (!c->enabled)
        return OK;
    if (!(s = calloc(1, sizeof *s)) || !(s->minutes = minutes_new(0))) {
        if (s)
            free_all(s);
        return fail(fault, ERR_LIMIT, "no memory for the sensors");
    }
    s->in = in;
    enum err e = make(in, s, &s->sensors, fault);
    if (e != OK) {
        free_all(s);
        return e;
    }
    (void)snprintf(folder, sizeof folder, "%s/history", in->store_folder);
    if (history_open(folder, (struct history_bounds){ 0 }, &s->history, &why) != OK)
        log_fault(LOG_ERROR, "there is no history: homeostat top will show nothing of this time", &why);
    (void)pthread_condattr_init(&steady);
    (void)pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&s->lock, NULL);
    (void)pthread_cond_init(&s->nudge, &steady);
    (void)pthread_condattr_destroy(&steady);
    if (pthread_create(&s->thread, NULL, sense, s) != 0) {
        free_all(s);
        return fail(fault, ERR_LIMIT, "no thread for the sensors");
    }
    *self = s;
    return OK;
}

static void sensors_stop(struct ingest *in, void *self)
{
    struct sensing *s = self;
    (void)pthread_mutex_lock(&s->lock);
    s->ending = true;
    (void)pthread_cond_broadcast(&s->nudge);
    (void)pthread_mutex_unlock(&s->lock);
    (void)pthread_join(s->thread, NULL);
    (void)pthread_cond_destroy(&s->nudge);
    (void)pthread_mutex_destroy(&s->lock);
    free_all(s);
}

static enum err sensors_reload(struct ingest *in, void **self, void **gone, struct fault *fault)
{
    const struct sensors_conf *c = conf_of(in->conf, &sensors_section);
    struct sensing            *s = *self;
    struct sensors            *fresh = NULL;
    if (!s)
        return sensors_start(in, self, fault);
    if (!c->enabled) {
        *gone = s;
        *self = NULL;
        return OK;
    }
    enum err e = make(in, s, &fresh, fault);
    if (e != OK)
        return e;
    (void)pthread_mutex_lock(&s->lock);
    struct sensors *old = s->sensors;
    s->sensors = fresh;
    (void)pthread_mutex_unlock(&s->lock);
    sensors_free(old);
    return OK;
}

static json_t *sensors_status(struct ingest *in, void *self)
{
    struct sensing       *s = self;
    struct sensors_counts n;
    (void)pthread_mutex_lock(&s->lock);
    sensors_count(s->sensors, &n);
    json_t *out = json_pack("{s:f, s:I, s:I, s:I, s:I, s:I, s:b, s:I, s:s}", "interval_seconds", (double)sensors_interval_us(s->sensors) / 1e6, "readings", (json_int_t)n.ticks, "samples",
                            (json_int_t)n.samples, "series", (json_int_t)n.series, "processes", (json_int_t)n.processes, "failures", (json_int_t)s->failures, "history", s->history != NULL,
                            "minutes", (json_int_t)s->written, "last_error", s->last.text);
    (void)pthread_mutex_unlock(&s->lock);
    return out;
}

static void sensors_metrics(struct ingest *in, void *self, struct gauge *g)
{
    struct sensing       *s = self;
    struct sensors_counts n;
    (void)pthread_mutex_lock(&s->lock);
    sensors_count(s->sensors, &n);
    gauge_counter(g, "homeostat_sensors_readings_total", "Readings of the host.", (double)n.ticks, NULL);
    gauge_counter(g, "homeostat_sensors_samples_total", "Samples in them.", (double)n.samples, NULL);
    gauge_counter(g, "homeostat_sensors_failures_total", "Readings that could not be kept.", (double)s->failures, NULL);
    gauge_set(g, "homeostat_sensors_series", "Series of this host.", (double)n.series, NULL);
    gauge_counter(g, "homeostat_history_minutes_total", "Minutes written to the history.", (double)s->written, NULL);
    gauge_counter(g, "homeostat_history_failures_total", "Minutes that could not be written.", (double)s->unwritten, NULL);
    (void)pthread_mutex_unlock(&s->lock);
}

const struct ingest_part ingest_part_sensors = { "sensors", "Host, processes and network of this machine, and the minutes that are kept on disk.",
    sensors_start, sensors_reload, sensors_stop, sensors_status, sensors_metrics, NULL };
