/* ingest/gather.c - what digest.db knows around an event. */
#include "ingest/gather.h"

#include "base/clock.h"
#include "base/utf8.h"
#include "digest/windows.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIVE_US (300 * US_PER_S)
#define HOUR_US (3600 * US_PER_S)
enum { FIVES_AN_HOUR = 12, MINUTES_LEAST = 10, URN_SIZE = 320 };
static const double own = 1, host = .7, neighbour = .5, raw_score = .2, topo_score = .1, z_least = 3, spread_least = .05;
static const size_t most[GATHER_KINDS] = { GATHER_PATTERNS_MAX, GATHER_CALLS_MAX, GATHER_SERIES_MAX, GATHER_RAW_MAX, GATHER_TOPO_MAX };
static const struct { const char *dataset, *dim; } datasets[] = { { "logs", "log" }, { "traces", "trace" }, { "metrics", "metric" } };

struct about { int64_t id; char urn[URN_SIZE]; double near; };
struct looking {
    struct digest_store        *s;
    const struct digest_around *a;
    const struct digest_due    *due;
    struct gathering           *g;
    struct about                about[GATHER_ABOUT_MAX];
    size_t                      abouts, neighbours;
    const struct about         *at;              /* whose turn it is */
    bool                        logs_before;
    size_t                      series_read;
    int64_t                     locator;
};

/* ---- windows ---- */

struct gather_when gather_when(int64_t at_us)
{
    int64_t            five = window_floor(at_us, FIVE_US);
    struct gather_when w = { .around = { .from_us = five - FIVE_US, .to_us = five + 2 * FIVE_US }, .again_us = { five + FIVE_US, five + 2 * FIVE_US } };
    w.around.before_us = w.around.from_us - HOUR_US;
    return w;
}

int64_t gather_again(const struct gather_when *w, int64_t told_us, int64_t upper_us)
{
    if (upper_us < told_us)
        return upper_us + 1;
    return upper_us < w->again_us[0] ? w->again_us[0] : upper_us < w->again_us[1] ? w->again_us[1] : INT64_MAX;
}

/* ---- scores ---- */

double gather_rise(double now, double usual, bool known) { return !known ? .5 : now > usual ? (now - usual) / (now + usual) : 0; }
double gather_enough(double n) { return n / (n + 3); }

double gather_departure(double value, double mean, double sd)
{
    double spread = sd > spread_least * fabs(mean) ? sd : spread_least * fabs(mean), off = fabs(value - mean);
    return off == 0 ? 0 : spread == 0 ? 1 : off / spread > z_least ? 1 - z_least * spread / off : 0;
}

/* ---- pieces ---- */

/* Takes the reference. The best stay; of as good ones those that came first. */
static void keep(struct gathering *g, enum gather_kind kind, struct gathered one)
{
    struct gathered *list = g->piece[kind];
    size_t           n = g->n[kind], at = n;
    utf8_clean(one.note, '?');               /* names and patterns are cut where the room ends */
    while (at > 0 && list[at - 1].score < one.score)
        at--;
    if (n == most[kind]) {
        g->cut++;
        if (at == n) {
            json_decref(one.ref);
            return;
        }
        json_decref(list[--n].ref);
    }
    memmove(list + at + 1, list + at, (n - at) * sizeof *list);
    list[at] = one;
    g->n[kind] = n + 1;
}

void gathering_done(struct gathering *g)
{
    for (int k = 0; k < GATHER_KINDS; k++)
        while (g->n[k])
            json_decref(g->piece[k][--g->n[k]].ref);
}

static json_t *moment(int64_t us)
{
    char text[32];
    return json_string(clock_format(us, text, sizeof text));
}

/* {"table", "keys": {..., "from", "to"}}; takes keys. The same around one event whenever it is looked at. */
static json_t *reference(const struct looking *l, const char *table, json_t *keys)
{
    json_object_set_new(keys, "from", moment(l->a->from_us));
    json_object_set_new(keys, "to", moment(l->a->to_us));
    return json_pack("{s:s, s:o}", "table", table, "keys", keys);
}

static bool take_locator(void *ctx, int64_t id, int64_t from_us, int64_t events)
{
    (void)from_us, (void)events;
    ((struct looking *)ctx)->locator = id;
    return false;
}

/* The pointer of these five minutes; 0: there was no room for it. */
static enum err locator_of(struct looking *l, int64_t resource, const char *dataset, int64_t bucket_us, int64_t *id, struct fault *fault)
{
    l->locator = 0;
    enum err e = bucket_us ? digest_locators(l->s, resource, dataset, bucket_us, bucket_us + 1, take_locator, l, fault) : OK;
    *id = l->locator;
    return e;
}

/* ---- whom it is about ---- */

static struct about *add_about(struct looking *l, int64_t id, const char *urn, double near)
{
    for (size_t i = 0; i < l->abouts; i++)
        if (l->about[i].id == id)
            return NULL;
    if (l->abouts == GATHER_ABOUT_MAX) {
        l->g->cut++;
        return NULL;
    }
    struct about *b = &l->about[l->abouts++];
    *b = (struct about){ .id = id, .near = near };
    (void)snprintf(b->urn, sizeof b->urn, "%s", urn);
    return b;
}

static bool take_sibling(void *ctx, int64_t id, const char *urn) { return add_about(ctx, id, urn, own), true; }

static enum err own_things(struct looking *l, struct fault *fault)
{
    const struct digest_due *d = l->due;
    char                     begin[URN_SIZE];
    int64_t                  id;
    enum err                 e = OK;
    if (d->resource_id)
        (void)add_about(l, d->resource_id, d->urn, own);
    (void)snprintf(begin, sizeof begin, "%s", d->urn);
    char *slash = strrchr(begin, '/');
    if (strncmp(d->urn, "urn:db:", 7) == 0 && slash) {
        slash[1] = '\0';
        e = digest_resources(l->s, d->tenant_id, begin, GATHER_SIBLINGS_MAX, take_sibling, l, fault);
    }
    if (e == OK && *d->host) {
        e = digest_resource_find(l->s, d->tenant_id, d->host, &id, fault);
        if (e == OK)
            (void)add_about(l, id, d->host, host);
    }
    return e == ERR_MISSING ? OK : e;
}

/* ---- calls, and with them neighbours ---- */

struct call_seen { struct digest_call_around c; char src[URN_SIZE], dst[URN_SIZE]; };
struct calls_seen { struct looking *l; struct call_seen list[GATHER_CALLS_READ]; size_t n; };

static bool take_call(void *ctx, const struct digest_call_around *c)
{
    struct calls_seen *seen = ctx;
    struct call_seen  *one = &seen->list[seen->n++];
    one->c = *c;
    (void)snprintf(one->src, sizeof one->src, "%s", c->src_urn);
    (void)snprintf(one->dst, sizeof one->dst, "%s", c->dst_urn);
    return seen->n < GATHER_CALLS_READ;
}

static void keep_call(struct looking *l, const struct call_seen *s, int64_t locator)
{
    const struct digest_call_around *c = &s->c;
    double before = c->calls_before ? (double)c->errors_before / (double)c->calls_before : 0;
    double fails = c->worst > before ? (c->worst - before) * gather_enough((double)c->errors) : 0;
    double slow = c->p95_before_ms > 0 && c->p95_ms > 2 * c->p95_before_ms ? (1 - c->p95_before_ms / c->p95_ms) * gather_enough((double)c->calls) / 2 : 0;
    struct gathered one = { .dim = "trace", .locator = locator, .score = (fails > slow ? fails : slow) * l->at->near };
    if (one.score <= 0)
        return;
    one.ref = reference(l, "service_call_5m", json_pack("{s:I, s:I}", "src_resource_id", (json_int_t)c->src, "dst_resource_id", (json_int_t)c->dst));
    if (fails >= slow)
        (void)snprintf(one.note, sizeof one.note, "%.90s to %.90s: %lld of %lld calls failed, at worst %.3g %% in five minutes, %.3g %% before", s->src, s->dst, (long long)c->errors,
                       (long long)c->calls, 100 * c->worst, 100 * before);
    else
        (void)snprintf(one.note, sizeof one.note, "%.90s to %.90s: p95 %.4g ms in its slowest five minutes, %.4g ms at most before", s->src, s->dst, c->p95_ms, c->p95_before_ms);
    keep(l->g, GATHER_CALL, one);
}

static void keep_neighbour(struct looking *l, const struct call_seen *s)
{
    const struct digest_call_around *c = &s->c;
    bool            calls_it = c->src == l->at->id;
    struct gathered one = { .dim = "topo", .score = topo_score };
    if (l->neighbours < GATHER_NEIGHBOURS_MAX && add_about(l, calls_it ? c->dst : c->src, calls_it ? s->dst : s->src, neighbour))
        l->neighbours++;
    one.ref = reference(l, "service_call_5m", json_pack("{s:I, s:I}", "src_resource_id", (json_int_t)c->src, "dst_resource_id", (json_int_t)c->dst));
    (void)snprintf(one.note, sizeof one.note, "%.100s calls %.100s: %lld calls", s->src, s->dst, (long long)c->calls);
    keep(l->g, GATHER_TOPO, one);
}

static enum err look_calls(struct looking *l, struct fault *fault)
{
    struct calls_seen *seen = calloc(1, sizeof *seen);
    if (!seen)
        return fail(fault, ERR_LIMIT, "no memory to look through calls");
    seen->l = l;
    enum err e = digest_calls_around(l->s, l->at->id, l->a, GATHER_CALLS_READ, take_call, seen, fault);
    l->g->cut += seen->n == GATHER_CALLS_READ;
    for (size_t i = 0; i < seen->n && e == OK; i++) {
        const struct digest_call_around *c = &seen->list[i].c;
        int64_t locator;
        e = locator_of(l, c->dst, "traces", c->worst_us, &locator, fault);
        if (e == OK && !locator)
            e = locator_of(l, c->src, "traces", c->worst_us, &locator, fault);
        if (e == OK) {
            keep_call(l, &seen->list[i], locator);
            keep_neighbour(l, &seen->list[i]);
        }
    }
    free(seen);
    return e;
}

/* ---- lines ---- */

struct pattern_seen { int64_t peak_us; struct gathered one; };
struct patterns_seen { struct looking *l; struct pattern_seen list[GATHER_PATTERNS_READ]; size_t n; };

static bool take_pattern(void *ctx, const struct digest_pattern_around *p)
{
    struct patterns_seen *seen = ctx;
    struct looking       *l = seen->l;
    struct pattern_seen  *s = &seen->list[seen->n];
    double usual = (double)p->before / FIVES_AN_HOUR, bad = .5 + .5 * (double)p->errors / (double)p->total;
    *s = (struct pattern_seen){ .peak_us = p->peak_us, .one = { .dim = "log" } };
    s->one.score = gather_rise((double)p->peak, usual, l->logs_before) * gather_enough((double)p->total) * bad * l->at->near;
    if (s->one.score <= 0)
        return true;
    s->one.ref = reference(l, "log_pattern_5m", json_pack("{s:I, s:I}", "resource_id", (json_int_t)l->at->id, "fingerprint_id", (json_int_t)p->fingerprint));
    if (l->logs_before)
        (void)snprintf(s->one.note, sizeof s->one.note, "%.60s: %lld in five minutes, usual %.3g: %.160s", l->at->urn, (long long)p->peak, usual, p->pattern);
    else
        (void)snprintf(s->one.note, sizeof s->one.note, "%.60s: %lld in five minutes, the hour before is unknown: %.140s", l->at->urn, (long long)p->peak, p->pattern);
    return ++seen->n < GATHER_PATTERNS_READ;
}

static enum err look_patterns(struct looking *l, struct fault *fault)
{
    struct patterns_seen *seen = calloc(1, sizeof *seen);
    if (!seen)
        return fail(fault, ERR_LIMIT, "no memory to look through patterns");
    seen->l = l;
    enum err e = digest_logs_before(l->s, l->at->id, l->a, &l->logs_before, fault);
    if (e == OK)
        e = digest_patterns_around(l->s, l->at->id, l->a, GATHER_PATTERNS_READ, take_pattern, seen, fault);
    l->g->cut += seen->n == GATHER_PATTERNS_READ;
    size_t i = 0;
    for (; i < seen->n && e == OK; i++)
        if ((e = locator_of(l, l->at->id, "logs", seen->list[i].peak_us, &seen->list[i].one.locator, fault)) == OK)
            keep(l->g, GATHER_PATTERN, seen->list[i].one);
        else
            json_decref(seen->list[i].one.ref);
    for (; i < seen->n; i++)
        json_decref(seen->list[i].one.ref);
    free(seen);
    return e;
}

/* ---- series ---- */

enum { MINUTES_MAX = 80 };
struct minutes_seen { const struct digest_around *a; double before[MINUTES_MAX], around[MINUTES_MAX]; int64_t at[MINUTES_MAX]; size_t befores, arounds; char labels[120]; };

static bool take_minute(void *ctx, int64_t bucket_us, double value, const char *labels)
{
    struct minutes_seen *m = ctx;
    if (isnan(value))
        return true;
    if (bucket_us < m->a->from_us && m->befores < MINUTES_MAX) {
        m->before[m->befores++] = value;
    } else if (bucket_us >= m->a->from_us && m->arounds < MINUTES_MAX) {
        m->at[m->arounds] = bucket_us;
        m->around[m->arounds++] = value;
    }
    (void)snprintf(m->labels, sizeof m->labels, "%s", labels);
    return true;
}

static enum err keep_series(struct looking *l, const struct digest_series *of, const struct minutes_seen *m, struct fault *fault)
{
    double sum = 0, square = 0, best = 0;
    size_t worst = 0;
    if (m->befores < MINUTES_LEAST)          /* what is usual is unknown */
        return OK;
    for (size_t i = 0; i < m->befores; i++)
        sum += m->before[i];
    double mean = sum / (double)m->befores;
    for (size_t i = 0; i < m->befores; i++)
        square += (m->before[i] - mean) * (m->before[i] - mean);
    double sd = sqrt(square / (double)m->befores);
    for (size_t i = 0; i < m->arounds; i++) {
        double score = gather_departure(m->around[i], mean, sd);
        if (score > best) {
            best = score;
            worst = i;
        }
    }
    if (best <= 0)
        return OK;
    struct gathered one = { .dim = "metric", .score = best * l->at->near };
    char            when[32];
    /* The five minutes of the event, so that it is the same pointer whichever minute stands out most in the end. */
    enum err e = locator_of(l, l->at->id, "metrics", window_floor(l->due->at_us, FIVE_US), &one.locator, fault);
    if (e != OK)
        return e;
    one.ref = reference(l, "metric_1m", json_pack("{s:I, s:s, s:I}", "resource_id", (json_int_t)l->at->id, "metric", of->metric, "labels_hash", (json_int_t)of->labels_hash));
    (void)snprintf(one.note, sizeof one.note, "%.60s: %.80s %.100s was %.4g at %s, usual %.4g", l->at->urn, of->metric, strcmp(m->labels, "{}") == 0 ? "" : m->labels, m->around[worst],
                   clock_format(m->at[worst], when, sizeof when), mean);
    keep(l->g, GATHER_SERIES, one);
    return OK;
}

static enum err look_series(struct looking *l, struct fault *fault)
{
    struct digest_series at = { .labels_hash = INT64_MIN };
    enum err             e = OK;
    while (e == OK && l->series_read < GATHER_SERIES_READ) {
        struct minutes_seen m = { .a = l->a };
        e = digest_series_next(l->s, l->at->id, &at, fault);
        if (e == OK)
            e = digest_series_minutes(l->s, l->at->id, &at, l->a, take_minute, &m, fault);
        if (e == OK)
            e = keep_series(l, &at, &m, fault);
        l->series_read++;
    }
    l->g->cut += e == OK || e == ERR_LIMIT;
    return e == ERR_MISSING || e == ERR_LIMIT ? OK : e;
}

/* ---- raw data ---- */

struct raw_seen { struct looking *l; int dataset; size_t n; };

static bool take_raw(void *ctx, int64_t id, int64_t from_us, int64_t events)
{
    struct raw_seen *seen = ctx;
    struct looking  *l = seen->l;
    bool             its_own = from_us == window_floor(l->due->at_us, FIVE_US);
    char             when[32];
    struct gathered  one = { .dim = datasets[seen->dataset].dim, .locator = id, .score = (its_own ? raw_score : raw_score * .75) * l->at->near };
    (void)snprintf(one.note, sizeof one.note, "%.120s: raw %s from %s, %lld", l->at->urn, datasets[seen->dataset].dataset, clock_format(from_us, when, sizeof when), (long long)events);
    keep(l->g, GATHER_RAW, one);
    seen->n++;
    return true;
}

/* What fell silent still has its last words. */
static enum err last_heard(struct looking *l, int dataset, struct fault *fault)
{
    struct gathered one = { .dim = datasets[dataset].dim, .score = raw_score * .75 };
    enum err        e = digest_locator_find(l->s, l->due->tenant_id, l->at->urn, datasets[dataset].dataset, l->due->at_us, &one.locator, fault);
    if (e != OK)
        return e == ERR_MISSING ? OK : e;
    (void)snprintf(one.note, sizeof one.note, "%.120s: the last raw %s before; around it there are none", l->at->urn, datasets[dataset].dataset);
    keep(l->g, GATHER_RAW, one);
    return OK;
}

static enum err look_raw(struct looking *l, struct fault *fault)
{
    enum err e = OK;
    for (int i = 0; i < 3 && e == OK; i++) {
        struct raw_seen seen = { l, i, 0 };
        int64_t         five = window_floor(l->due->at_us, FIVE_US);
        bool            its_own = l->at->near >= own;        /* of others the five minutes of the event will do */
        e = digest_locators(l->s, l->at->id, datasets[i].dataset, its_own ? l->a->from_us : five, its_own ? l->a->to_us : five + 1, take_raw, &seen, fault);
        if (e == OK && seen.n == 0 && l->at->id == l->due->resource_id)
            e = last_heard(l, i, fault);
    }
    return e;
}

enum err gather(struct digest_store *s, const struct digest_due *d, const struct digest_around *a, struct gathering *g, struct fault *fault)
{
    struct looking l = { .s = s, .a = a, .due = d, .g = g };
    memset(g, 0, sizeof *g);
    enum err e = own_things(&l, fault);
    size_t   owned = l.abouts;
    for (size_t i = 0; i < owned && e == OK; i++) {
        l.at = &l.about[i];
        e = look_calls(&l, fault);
    }
    for (size_t i = 0; i < l.abouts && e == OK; i++) {
        l.at = &l.about[i];
        e = look_patterns(&l, fault);
        if (e == OK)
            e = look_series(&l, fault);
        if (e == OK)
            e = look_raw(&l, fault);
    }
    return e;
}
