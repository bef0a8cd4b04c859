/* ingest/part_sensors.c - a thread that reads the sensors, and once a minute writes the history. */
#include "ingest/inside.h"

#include "base/log.h"
#include "ingest/diary.h"
#include "ingest/minutes.h"
#include "sensor/conf.h"
#include "sensor/group.h"

#include <errno.h>
#include <stdlib.h>

static const struct conf_section *const settings[] = { &sensors_section, &sensor_groups_section };

/* What others may ask about while a reading is under way. */
struct told { struct sensors_counts counts; int64_t interval_us; uint64_t failures, written, unwritten; bool history; struct fault last; };

struct sensing {
    struct ingest    *in;
    char              labels[INGEST_LABELS_SIZE];
    size_t            labels_size;
    char             *settings;          /* that it was made of; start's and reload's */
    pthread_t         thread;
    pthread_mutex_t   lock;              /* of what follows, and never held while a disk or the journal is waited for */
    pthread_cond_t    nudge;
    bool              ending, leaving;   /* leaving: for good, so its series have ended */
    struct sensors   *next;              /* of a reload; NULL: none */
    struct told       told;
    /* of the thread */
    struct sensors   *sensors;
    struct diary      diary;
    struct minutes   *minutes;
    struct told       now;
};

static enum err append(void *ctx, const struct record *r, struct fault *fault)
{
    struct sensing *s   = ctx;
    struct record   own = *r;
    own.labels          = (struct slice){ s->labels, s->labels_size };
    return journal_append_wait(s->in->journal, &own, NULL, fault);
}

static void log_doubt(void *ctx, const char *text) { log_warn("a group of processes may not be what was meant", F("group", text)); }

static void log_said(void *ctx, const char *text) { log_warn("what the sensors saw", F("what", text)); }

static enum err make(struct ingest *in, struct sensing *s, struct sensors **out, struct fault *fault)
{
    size_t                           n;
    const struct sensors_group_conf *groups = conf_instances(in->conf, &sensor_groups_section, &n);
    (void)grouping_doubts(groups, n, log_doubt, NULL);
    return sensors_new(conf_of(in->conf, &sensors_section), n ? groups : NULL, n, &(struct sensors_options){ .clock = in->clock, .emit = append, .ctx = s, .say = log_said }, out, fault);
}

/* ---- the thread ---- */

static void keep_fault(struct sensing *s, const struct fault *fault)
{
    if (s->now.failures++ == 0)
        log_fault(LOG_WARN, "a reading of the sensors could not be kept; the next one follows", fault);
    s->now.last = *fault;
}

/* old: those before a reload, whose series end where the new ones do not have them. */
static void turn(struct sensing *s, struct sensors *old)
{
    struct fault fault = { 0 };
    if (sensors_tick(s->sensors, &fault) != OK)
        keep_fault(s, &fault);
    if (old && sensors_leave(old, s->sensors, &fault) != OK)
        keep_fault(s, &fault);
    sensors_free(old);
    if (minutes_see(s->minutes, s->sensors, clock_wall_us(s->in->clock), clock_mono_us(s->in->clock)))
        diary_take(&s->diary, minutes_latest(s->minutes));
    sensors_count(s->sensors, &s->now.counts);
    s->now.interval_us = sensors_interval_us(s->sensors);
    s->now.written     = s->diary.written;
    s->now.unwritten   = s->diary.unwritten;
    s->now.history     = s->diary.history != NULL;
}

/* With the lock: what a reload has left. Answers those that were there, if others take their place. */
static struct sensors *take_next(struct sensing *s)
{
    struct sensors *old = s->next ? s->sensors : NULL;
    s->sensors          = s->next ? s->next : s->sensors;
    s->next             = NULL;
    return old;
}

static void *sense(void *arg)
{
    struct sensing *s = arg;
    struct fault    fault = { 0 };
    int64_t         next_us = clock_mono_us(s->in->clock);
    (void)pthread_mutex_lock(&s->lock);
    while (!s->ending) {
        struct sensors *old = take_next(s);
        (void)pthread_mutex_unlock(&s->lock);
        turn(s, old);
        (void)pthread_mutex_lock(&s->lock);
        s->told = s->now;
        int64_t interval_us = s->now.interval_us, mono_us = clock_mono_us(s->in->clock);
        next_us += interval_us;
        if (next_us < mono_us)                /* we were held up: no crowd of readings to make up for it */
            next_us = mono_us + interval_us;
        struct timespec until = { .tv_sec = next_us / US_PER_S, .tv_nsec = next_us % US_PER_S * 1000 };
        while (!s->ending && !s->next && pthread_cond_timedwait(&s->nudge, &s->lock, &until) != ETIMEDOUT)
            ;
        if (s->next)
            next_us = clock_mono_us(s->in->clock);
    }
    bool leaving = s->leaving;
    (void)pthread_mutex_unlock(&s->lock);
    if (leaving && sensors_leave(s->sensors, NULL, &fault) != OK)
        log_fault(LOG_WARN, "that the series of the sensors have ended could not be told", &fault);
    return NULL;
}

static void free_all(struct sensing *s)
{
    sensors_free(s->sensors);
    sensors_free(s->next);
    diary_close(&s->diary);
    minutes_free(s->minutes);
    free(s->settings);
    free(s);
}

static enum err sensors_start(struct ingest *in, void **self, struct fault *fault)
{
    const struct sensors_conf *c = conf_of(in->conf, &sensors_section);
    struct sensing            *s;
    pthread_condattr_t         steady;
    if (!c->enabled)
        return OK;
    if (!(s = calloc(1, sizeof *s)) || !(s->minutes = minutes_new(0))) {
        free(s);
        return fail(fault, ERR_LIMIT, "no memory for the sensors");
    }
    s->in          = in;
    s->labels_size = ingest_own_labels(s->labels);
    s->settings    = ingest_settings_text(in->conf, settings, sizeof settings / sizeof *settings);
    enum err e     = make(in, s, &s->sensors, fault);
    if (e != OK) {
        free_all(s);
        return e;
    }
    diary_open(&s->diary, in->store_folder);
    s->told.interval_us = c->interval_us;
    s->told.history     = s->diary.history != NULL;
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
        (void)pthread_mutex_lock(&s->lock);
        s->leaving = true;
        (void)pthread_mutex_unlock(&s->lock);
        *gone = s;
        *self = NULL;
        return OK;
    }
    char *text = ingest_settings_text(in->conf, settings, sizeof settings / sizeof *settings);
    if (ingest_settings_same(s->settings, text)) {       /* the reload means others: these go on counting */
        free(text);
        return OK;
    }
    enum err e = make(in, s, &fresh, fault);
    if (e != OK) {
        free(text);
        return e;
    }
    free(s->settings);
    s->settings = text;
    (void)pthread_mutex_lock(&s->lock);
    struct sensors *untaken = s->next;
    s->next = fresh;
    (void)pthread_cond_broadcast(&s->nudge);
    (void)pthread_mutex_unlock(&s->lock);
    sensors_free(untaken);
    return OK;
}

static struct told ask_told(struct sensing *s)
{
    (void)pthread_mutex_lock(&s->lock);
    struct told t = s->told;
    (void)pthread_mutex_unlock(&s->lock);
    return t;
}

static json_t *sensors_status(struct ingest *in, void *self)
{
    struct told t = ask_told(self);
    return json_pack("{s:f, s:I, s:I, s:I, s:I, s:I, s:b, s:I, s:s}", "interval_seconds", (double)t.interval_us / 1e6, "readings", (json_int_t)t.counts.ticks, "samples",
                     (json_int_t)t.counts.samples, "series", (json_int_t)t.counts.series, "processes", (json_int_t)t.counts.processes, "failures", (json_int_t)t.failures, "history",
                     t.history, "minutes", (json_int_t)t.written, "last_error", t.last.text);
}

static void sensors_metrics(struct ingest *in, void *self, struct gauge *g)
{
    struct told t = ask_told(self);
    gauge_counter(g, "homeostat_sensors_readings_total", "Readings of the host.", (double)t.counts.ticks, NULL);
    gauge_counter(g, "homeostat_sensors_samples_total", "Samples in them.", (double)t.counts.samples, NULL);
    gauge_counter(g, "homeostat_sensors_failures_total", "Readings that could not be kept.", (double)t.failures, NULL);
    gauge_set(g, "homeostat_sensors_series", "Series of this host.", (double)t.counts.series, NULL);
    gauge_counter(g, "homeostat_history_minutes_total", "Minutes written to the history.", (double)t.written, NULL);
    gauge_counter(g, "homeostat_history_failures_total", "Minutes that could not be written.", (double)t.unwritten, NULL);
}

const struct ingest_part ingest_part_sensors = { "sensors", "Host, processes and network of this machine, and the minutes that are kept on disk.",
    sensors_start, sensors_reload, sensors_stop, sensors_status, sensors_metrics, NULL };
