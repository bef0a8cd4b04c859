/* ingest/part_probes.c - asks what was configured to be asked: connections, names, pages; and puts the answers into the journal. */
#include "ingest/inside.h"

#include "base/log.h"
#include "sensor/probe.h"

#include <errno.h>
#include <stdlib.h>

enum { TICK_S = 1 };

static const struct conf_section *const settings[] = { &probes_section };

struct probing {
    struct ingest  *in;
    char            labels[INGEST_LABELS_SIZE];
    size_t          labels_size;
    char           *settings;          /* that they were made of; start's and reload's */
    pthread_t       thread;
    pthread_mutex_t lock;              /* of what follows, and never held while the journal is waited for */
    pthread_cond_t  nudge;
    bool            ending;
    struct probes  *next;              /* of a reload; NULL: none */
    size_t          count;
    uint64_t        failures;
    struct probes  *probes;            /* of the thread */
};

static enum err append(void *ctx, const struct record *r, struct fault *fault)
{
    struct probing *p   = ctx;
    struct record   own = *r;
    own.labels          = (struct slice){ p->labels, p->labels_size };
    return journal_append_wait(p->in->journal, &own, NULL, fault);
}

static enum err make(struct ingest *in, struct probing *p, struct probes **out, size_t *count, struct fault *fault)
{
    const struct probe_conf *conf = conf_instances(in->conf, &probes_section, count);
    return probes_new(conf, *count, &(struct sensors_options){ .clock = in->clock, .emit = append, .ctx = p }, out, fault);
}

/* With the lock: what a reload has left. Answers those that were there, if others take their place. */
static struct probes *take_next(struct probing *p)
{
    struct probes *old = p->next ? p->probes : NULL;
    p->probes          = p->next ? p->next : p->probes;
    p->next            = NULL;
    return old;
}

static void *probe(void *arg)
{
    struct probing *p = arg;
    (void)pthread_mutex_lock(&p->lock);
    while (!p->ending) {
        struct fault    fault = { 0 };
        struct timespec until;
        struct probes  *old = take_next(p);
        (void)pthread_mutex_unlock(&p->lock);
        enum err e = probes_tick(p->probes, &fault);
        if (old) {
            struct fault why = { 0 };
            if (probes_leave(old, p->probes, &why) != OK)
                log_fault(LOG_WARN, "that the series of probes have ended could not be told", &why);
            probes_free(old);
        }
        (void)clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += TICK_S;
        (void)pthread_mutex_lock(&p->lock);
        if (e != OK && p->failures++ == 0)
            log_fault(LOG_WARN, "answers of probes could not be kept", &fault);
        while (!p->ending && !p->next && pthread_cond_timedwait(&p->nudge, &p->lock, &until) != ETIMEDOUT)
            ;
    }
    (void)pthread_mutex_unlock(&p->lock);
    return NULL;
}

static void free_all(struct probing *p)
{
    probes_free(p->probes);
    probes_free(p->next);
    free(p->settings);
    free(p);
}

static enum err probes_start(struct ingest *in, void **self, struct fault *fault)
{
    size_t             n;
    pthread_condattr_t steady;
    (void)conf_instances(in->conf, &probes_section, &n);
    if (n == 0)
        return OK;
    struct probing *p = calloc(1, sizeof *p);
    if (!p)
        return fail(fault, ERR_LIMIT, "no memory for probes");
    p->in          = in;
    p->labels_size = ingest_own_labels(p->labels);
    p->settings    = ingest_settings_text(in->conf, settings, sizeof settings / sizeof *settings);
    enum err e     = make(in, p, &p->probes, &p->count, fault);
    if (e != OK) {
        free_all(p);
        return e;
    }
    (void)pthread_condattr_init(&steady);
    (void)pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&p->lock, NULL);
    (void)pthread_cond_init(&p->nudge, &steady);
    (void)pthread_condattr_destroy(&steady);
    if (pthread_create(&p->thread, NULL, probe, p) != 0) {
        free_all(p);
        return fail(fault, ERR_LIMIT, "no thread for probes");
    }
    *self = p;
    return OK;
}

static void probes_stop(struct ingest *in, void *self)
{
    struct probing *p = self;
    (void)pthread_mutex_lock(&p->lock);
    p->ending = true;
    (void)pthread_cond_broadcast(&p->nudge);
    (void)pthread_mutex_unlock(&p->lock);
    (void)pthread_join(p->thread, NULL);
    (void)pthread_cond_destroy(&p->nudge);
    (void)pthread_mutex_destroy(&p->lock);
    free_all(p);
}

static enum err probes_reload(struct ingest *in, void **self, void **gone, struct fault *fault)
{
    struct probing *p = *self;
    struct probes  *fresh = NULL;
    size_t          n;
    if (!p)
        return probes_start(in, self, fault);
    char *text = ingest_settings_text(in->conf, settings, sizeof settings / sizeof *settings);
    if (ingest_settings_same(p->settings, text)) {       /* the reload means others: these go on counting */
        free(text);
        return OK;
    }
    enum err e = make(in, p, &fresh, &n, fault);
    if (e != OK) {
        free(text);
        return e;
    }
    free(p->settings);
    p->settings = text;
    (void)pthread_mutex_lock(&p->lock);
    struct probes *untaken = p->next;
    p->next  = fresh;
    p->count = n;
    (void)pthread_cond_broadcast(&p->nudge);
    (void)pthread_mutex_unlock(&p->lock);
    probes_free(untaken);
    return OK;
}

static json_t *probes_status(struct ingest *in, void *self)
{
    struct probing *p = self;
    (void)pthread_mutex_lock(&p->lock);
    json_t *out = json_pack("{s:I, s:I}", "probes", (json_int_t)p->count, "failures", (json_int_t)p->failures);
    (void)pthread_mutex_unlock(&p->lock);
    return out;
}

static void probes_metrics(struct ingest *in, void *self, struct gauge *g)
{
    struct probing *p = self;
    (void)pthread_mutex_lock(&p->lock);
    gauge_counter(g, "homeostat_probes_failures_total", "Times that answers of probes could not be kept.", (double)p->failures, NULL);
    (void)pthread_mutex_unlock(&p->lock);
}

const struct ingest_part ingest_part_probes = { "probes", "Does it answer, how fast, and if not, why not.", probes_start, probes_reload, probes_stop, probes_status, probes_metrics, NULL };
