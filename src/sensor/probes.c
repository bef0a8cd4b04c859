/* sensor/probes.c - all probes: a few threads that ask, a table that tells; see probe.h. */
#include "sensor/inside.h"
#include "sensor/probe.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>

enum { BODY_MAX = 1024 * 1024, SERIES_BOUND = PROBES_MAX * 32 };

struct probe {
    char                  name[CONF_NAME_MAX + 1], target[1024];
    enum probe_kind       kind;
    int64_t               interval_us, timeout_us, due_us;      /* mono */
    bool                  running, answered, fresh;
    struct probe_result   last;
    struct probe_history  history;
    uint64_t              failures[PROBE_CLASSES], asked;
    struct probe_pending *pending;
};

struct probes {
    struct probe           probe[PROBES_MAX];
    size_t                 count, threads;
    pthread_t              thread[PROBE_THREADS_MAX];
    pthread_mutex_t        lock;
    pthread_cond_t         changed;         /* its clock is the monotonic one */
    atomic_bool            ending;
    struct sensors_options options;
    struct series_table    table;           /* under the lock, as are the probes' results */
    struct text            body;
};

static const struct series_kind success_kind  = { "probe_success", "kind probe target", SERIES_GAUGE, "Whether it answered as it should." };
static const struct series_kind duration_kind = { "probe_duration_seconds", "kind probe target", SERIES_GAUGE, "How long the question took, whatever came of it." };
static const struct series_kind phase_kind    = { "probe_phase_seconds", "kind phase probe target", SERIES_GAUGE, "How long a phase took: dns, connect, tls, first_byte. Absent: not reached, or, of dns, an address needs none." };
static const struct series_kind status_kind   = { "probe_http_status_code", "kind probe target", SERIES_GAUGE, "Status of the page." };
static const struct series_kind class_kind    = { "probe_failures_total", "class kind probe target", SERIES_COUNTER,
    "Failures by class: dns (the name server failed or was too slow), dns_no_name, refused, unreachable, blocked (an ICMP message, or a rule of this host, says that it is prohibited), timeout (no "
    "connection: silently dropped or gone), no_answer (connected), reset, tls, status, too_large, other." };
static const struct series_kind jitter_kind   = { "probe_jitter_seconds", "kind probe target", SERIES_GAUGE, "How much the time to connect (tcp), of the look-up (dns) or to the first byte (http) varies, as RFC 3550 counts it." };
static const struct series_kind fine_kind     = { "probe_availability_ratio", "kind probe target", SERIES_GAUGE, "Share of the last 60 questions that were answered as they should. Absent before ten." };
static const struct series_kind lost_kind     = { "probe_loss_ratio", "kind probe target", SERIES_GAUGE, "Share of the last 60 questions that got no answer at all in time. Absent before ten." };
static const struct series_kind asked_kind    = { "probe_asked_total", "kind probe target", SERIES_COUNTER, "Questions asked." };

/* The next one to ask; *wait_us says how long there is none. */
static struct probe *due(struct probes *p, int64_t now_us, int64_t *wait_us)
{
    struct probe *next = NULL;
    *wait_us           = US_PER_S;
    for (size_t i = 0; i < p->count; i++)
        if (!p->probe[i].running && (!next || p->probe[i].due_us < next->due_us))
            next = &p->probe[i];
    if (!next || next->due_us <= now_us)
        return next;
    if (next->due_us - now_us < *wait_us)
        *wait_us = next->due_us - now_us;
    return NULL;
}

static void wait_for(struct probes *p, int64_t us)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t ns    = until.tv_nsec + us % US_PER_S * 1000;
    until.tv_sec += us / US_PER_S + ns / 1000000000;
    until.tv_nsec = ns % 1000000000;
    pthread_cond_timedwait(&p->changed, &p->lock, &until);
}

static void *work(void *ctx)
{
    struct probes *p = ctx;
    pthread_mutex_lock(&p->lock);
    while (!atomic_load(&p->ending)) {
        int64_t       wait_us, now_us = clock_mono_us(p->options.clock);
        struct probe *one = due(p, now_us, &wait_us);
        if (!one) {
            wait_for(p, wait_us);
            continue;
        }
        one->running = true;
        /* from the time that was set, so that the pace is kept; but what was missed is not made up for */
        one->due_us  = one->due_us + one->interval_us > now_us ? one->due_us + one->interval_us : now_us + one->interval_us;
        pthread_mutex_unlock(&p->lock);
        struct probe_result r = probe_once(&(struct probe_question){ one->kind, one->target, one->timeout_us, &p->ending, NULL }, &one->pending);
        pthread_mutex_lock(&p->lock);
        one->running = false;
        if (atomic_load(&p->ending))
            break;
        one->last     = r;
        one->answered = one->fresh = true;
        one->asked++;
        probe_history_see(&one->history, one->kind, &r);
        one->failures[r.class] += r.class != PROBE_CLASS_NONE;
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

static enum err start(struct probes *p, struct fault *fault)
{
    for (size_t n = p->count < PROBE_THREADS_MAX ? p->count : PROBE_THREADS_MAX; p->threads < n; p->threads++)
        if (pthread_create(&p->thread[p->threads], NULL, work, p) != 0)
            return fail(fault, ERR_LIMIT, "cannot begin a thread for the probes");
    return OK;
}

enum err probes_new(const struct probe_conf *conf, size_t count, const struct sensors_options *options, struct probes **out, struct fault *fault)
{
    if (count > PROBES_MAX)
        return fail(fault, ERR_LIMIT, "more than %d probes", PROBES_MAX);
    struct probes *p = calloc(1, sizeof *p);
    if (!p)
        return fail(fault, ERR_LIMIT, "out of memory for the probes");
    pthread_condattr_t attributes;
    curl_global_init(CURL_GLOBAL_DEFAULT);
    pthread_mutex_init(&p->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&p->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    series_init(&p->table, SERIES_BOUND, SERIES_BOUND);
    text_init(&p->body, BODY_MAX);
    p->options     = *options;
    int64_t now_us = clock_mono_us(options->clock);
    enum err e     = OK;
    for (size_t i = 0; e == OK && i < count; i++) {
        struct probe *one = &p->probe[p->count++];
        *one = (struct probe){ .kind = (enum probe_kind)conf[i].kind, .interval_us = conf[i].interval_us, .timeout_us = conf[i].timeout_us,
            .due_us = now_us + conf[i].interval_us * (int64_t)i / (int64_t)count / 4 /* not all at once */ };
        text_copy(one->name, sizeof one->name, conf[i].name);
        text_copy(one->target, sizeof one->target, conf[i].target);
        if ((e = probe_target_check(one->kind, one->target, fault)) != OK)
            fail_in(fault, "probe %s", one->name);
    }
    if (e == OK)
        e = start(p, fault);
    if (e != OK) {
        probes_free(p);
        return e;
    }
    *out = p;
    return OK;
}

void probes_free(struct probes *p)
{
    if (!p)
        return;
    atomic_store(&p->ending, true);
    pthread_mutex_lock(&p->lock);
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
    for (size_t i = 0; i < p->threads; i++)
        pthread_join(p->thread[i], NULL);
    for (size_t i = 0; i < p->count; i++)
        probe_pending_free(p->probe[i].pending);
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->changed);
    series_done(&p->table);
    text_done(&p->body);
    free(p);
}

static void tell_one(struct turn *u, const struct probe *one)
{
    static const char *const   kinds[] = { "tcp", "dns", "http" };
    const struct probe_result *r       = &one->last;
    struct slice               kind = slice_of(kinds[one->kind]), name = slice_of(one->name), target = slice_of(one->target), labels[] = { kind, name, target };
    const struct { const char *name; double s; } phases[] = { { "dns", r->dns_s }, { "connect", r->connect_s }, { "tls", r->tls_s }, { "first_byte", r->first_byte_s } };
    series_put(u->t, &success_kind, SLICE(""), labels, r->class == PROBE_CLASS_NONE);
    series_put(u->t, &duration_kind, SLICE(""), labels, r->total_s);
    series_put(u->t, &asked_kind, SLICE(""), labels, (double)one->asked);
    for (size_t i = 0; i < COUNT(phases); i++)
        if (!isnan(phases[i].s))
            series_put(u->t, &phase_kind, SLICE(""), (struct slice[]){ kind, slice_of(phases[i].name), name, target }, phases[i].s);
    const struct { const struct series_kind *kind; double v; } of_many[] = { { &jitter_kind, probe_history_jitter(&one->history) },
        { &fine_kind, probe_history_available(&one->history) }, { &lost_kind, probe_history_lost(&one->history) } };
    for (size_t i = 0; i < COUNT(of_many); i++)
        if (!isnan(of_many[i].v))
            series_put(u->t, of_many[i].kind, SLICE(""), labels, of_many[i].v);
    if (r->status)
        series_put(u->t, &status_kind, SLICE(""), labels, (double)r->status);
    for (size_t i = PROBE_CLASS_NONE + 1; i < PROBE_CLASSES; i++)
        series_put(u->t, &class_kind, SLICE(""), (struct slice[]){ slice_of(probe_class_name((enum probe_class)i)), kind, name, target }, (double)one->failures[i]);
}

enum err probes_tick(struct probes *p, struct fault *fault)
{
    struct turn u   = { .t = &p->table };
    bool        any = false;
    int64_t     now = clock_wall_us(p->options.clock);
    text_clear(&p->body);
    pthread_mutex_lock(&p->lock);
    for (size_t i = 0; i < p->count; i++)
        any |= p->probe[i].fresh;
    size_t samples = 0;
    if (any) {
        series_begin(&p->table, 0);
        for (size_t i = 0; i < p->count; i++) {
            if (p->probe[i].answered)
                tell_one(&u, &p->probe[i]);
            p->probe[i].fresh = false;
        }
        series_end(&p->table, 0);
        samples = series_encode(&p->table, now / US_PER_MS, &p->body);
    }
    pthread_mutex_unlock(&p->lock);
    if (!samples || !p->options.emit)
        return OK;
    struct record r = { .received_us = now, .kind = RECORD_SAMPLES, .form = FORM_PROTOBUF, .events = (uint32_t)samples, .tenant = SLICE(""), .source = SLICE("probes"),
        .labels = SLICE(""), .body = { p->body.s, p->body.used } };
    return p->options.emit(p->options.ctx, &r, fault);
}

void probes_text(struct probes *p, struct text *out)
{
    pthread_mutex_lock(&p->lock);
    series_text(&p->table, out);
    pthread_mutex_unlock(&p->lock);
}

enum err probes_leave(struct probes *p, struct probes *now, struct fault *fault)
{
    int64_t wall_us = clock_wall_us(p->options.clock);
    text_clear(&p->body);
    pthread_mutex_lock(&p->lock);
    if (now)
        pthread_mutex_lock(&now->lock);
    series_leave(&p->table, now ? &now->table : NULL);
    if (now)
        pthread_mutex_unlock(&now->lock);
    size_t samples = series_encode(&p->table, wall_us / US_PER_MS, &p->body);
    pthread_mutex_unlock(&p->lock);
    if (!samples || !p->options.emit)
        return OK;
    struct record r = { .received_us = wall_us, .kind = RECORD_SAMPLES, .form = FORM_PROTOBUF, .events = (uint32_t)samples, .tenant = SLICE(""), .source = SLICE("probes"),
        .labels = SLICE(""), .body = { p->body.s, p->body.used } };
    return p->options.emit(p->options.ctx, &r, fault);
}
