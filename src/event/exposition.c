/*
 * event/exposition.c - what a target answered, as points. The record's labels are the target's: they win, and the sample's own label of that
 * name becomes exported_<name>; with the label __honor_labels__ in the record it is the other way round.
 *
 * Labels that begin with __ are for the scraper alone and are not given out.  Histograms and summaries stay the series they are written as.
 */
#include "event/series_inside.h"

#include "wire/exposition.h"

#include <math.h>
#include <xxhash.h>

/* The numbers of the two rooms' types are not the same thing, though they look alike. */
static enum remote_type type_of(enum exposition_type type)
{
    static const enum remote_type types[] = {
        [EXPOSITION_UNKNOWN] = REMOTE_UNKNOWN, [EXPOSITION_COUNTER] = REMOTE_COUNTER, [EXPOSITION_GAUGE] = REMOTE_GAUGE, [EXPOSITION_HISTOGRAM] = REMOTE_HISTOGRAM,
        [EXPOSITION_GAUGE_HISTOGRAM] = REMOTE_GAUGE_HISTOGRAM, [EXPOSITION_SUMMARY] = REMOTE_SUMMARY, [EXPOSITION_INFO] = REMOTE_INFO,
        [EXPOSITION_STATESET] = REMOTE_STATESET,
    };
    return types[type];
}

/* An open table; room is a power of two, or 0. */
struct created { struct created_slot { uint64_t hash; int64_t ns; } *slot; size_t room; };

struct target { struct attrs labels; bool honor; struct series_resource resource; struct created created; };

/* ---- when series began: OpenMetrics says it in samples that may come after those they speak of, so they are gathered first ---- */

/* Of a series without what tells its own samples apart: 0 is nobody's. */
static uint64_t series_hash(const struct exposition_sample *s)
{
    uint64_t sum = XXH3_64bits(s->family->name.s, s->family->name.n);
    for (size_t i = 0; i < s->labels_n; i++) {
        const struct exposition_label *l = &s->labels[i];
        if (!slice_is(l->name, "le") && !slice_is(l->name, "quantile"))
            sum += XXH3_64bits_withSeed(l->value.s ? l->value.s : "", l->value.n, XXH3_64bits(l->name.s, l->name.n));
    }
    return sum | 1;
}

static int64_t created_find(const struct created *c, const struct exposition_sample *s)
{
    uint64_t hash = c->room ? series_hash(s) : 0;
    for (size_t k = hash & (c->room - 1); c->room && c->slot[k].hash; k = (k + 1) & (c->room - 1))
        if (c->slot[k].hash == hash)
            return c->slot[k].ns;
    return 0;
}

static void created_add(struct created *c, const struct exposition_sample *s)
{
    uint64_t hash = series_hash(s);
    size_t   k = hash & (c->room - 1);
    while (c->slot[k].hash && c->slot[k].hash != hash)
        k = (k + 1) & (c->room - 1);
    if (s->value > 0 && s->value < 9e9)
        c->slot[k] = (struct created_slot){ hash, (int64_t)(s->value * 1e3) * 1000000 };
}

static size_t occurrences(struct slice body, struct slice word)
{
    size_t      n = 0;
    const char *at = body.s, *end = body.s + body.n;
    while (at && at < end && (at = memmem(at, (size_t)(end - at), word.s, word.n))) {
        n++;
        at += word.n;
    }
    return n;
}

/* The body may be malformed; who reads it for its samples says so. ERR_LIMIT: the arena is full. */
static enum err created_gather(struct reading *r, struct created *c, struct fault *fault)
{
    struct exposition        x;
    struct exposition_sample s;
    size_t                   n = r->record->form == FORM_OPENMETRICS && r->record->body.n ? occurrences(r->record->body, SLICE("_created")) : 0;
    enum err                 e;
    *c = (struct created){ .room = 0 };
    if (!n)
        return OK;
    for (c->room = 16; c->room < n * 2;)
        c->room *= 2;
    if (!(c->slot = reading_alloc(r, c->room * sizeof *c->slot)))
        return reading_full(r, fault);
    if (exposition_open(&x, EXPOSITION_OPENMETRICS, r->record->body, NULL, r->arena, NULL) == OK)
        while (exposition_next(&x, &s, &e, NULL))
            if (s.created)
                created_add(c, &s);
    return OK;
}

/* ---- labels ---- */

static bool hidden(struct slice name) { return name.n >= 2 && name.s[0] == '_' && name.s[1] == '_'; }

static bool has(struct attrs labels, struct slice name)
{
    for (size_t i = 0; i < labels.count; i++)
        if (slice_same(labels.item[i].key, name))
            return true;
    return false;
}

static bool sample_has(const struct exposition_sample *s, struct slice name)
{
    for (size_t i = 0; i < s->labels_n; i++)
        if (slice_same(s->labels[i].name, name))
            return true;
    return false;
}

/* The target's labels without the hidden ones; they are ours to add, not reading_give()'s. */
static bool target_begin(struct reading *r, struct target *t)
{
    struct attr *item = reading_alloc(r, r->labels.count * sizeof *item);
    size_t       n = 0;
    if (!item)
        return false;
    *t = (struct target){ .honor = false };
    for (size_t i = 0; i < r->labels.count; i++) {
        t->honor |= slice_is(r->labels.item[i].key, "__honor_labels__");
        if (!hidden(r->labels.item[i].key) && r->labels.item[i].value.as.text.n)
            item[n++] = r->labels.item[i];
    }
    t->labels = (struct attrs){ item, n };
    r->labels = (struct attrs){ NULL, 0 };
    return true;
}

/* exported_<name>, with as many prefixes as it takes to be nobody else's. Empty: the arena is full. */
static struct slice exported(struct reading *r, const struct target *t, const struct exposition_sample *s, struct slice name)
{
    static const char prefix[] = "exported_";
    do {
        char *to = reading_alloc(r, name.n + sizeof prefix - 1);
        if (!to)
            return (struct slice){ NULL, 0 };
        memcpy(to, prefix, sizeof prefix - 1);
        memcpy(to + sizeof prefix - 1, name.s, name.n);
        name = (struct slice){ to, name.n + sizeof prefix - 1 };
    } while (sample_has(s, name) || has(t->labels, name));
    return name;
}

static bool labels_merge(struct reading *r, const struct target *t, const struct exposition_sample *s, struct attrs *out)
{
    struct attr *item = reading_alloc(r, (s->labels_n + t->labels.count) * sizeof *item);
    size_t       n = 0;
    if (!item)
        return false;
    for (size_t i = 0; i < s->labels_n; i++) {
        struct slice name = s->labels[i].name;
        if (!s->labels[i].value.n)
            continue;
        if (!t->honor && has(t->labels, name) && !(name = exported(r, t, s, name)).n)
            return false;
        item[n++] = (struct attr){ name, series_text(s->labels[i].value) };
    }
    for (size_t i = 0; i < t->labels.count; i++)
        if (!t->honor || !sample_has(s, t->labels.item[i].key))
            item[n++] = t->labels.item[i];
    *out = (struct attrs){ item, n };
    return true;
}

static bool exemplar_set(struct reading *r, struct point_event *p, const struct exposition_sample *s)
{
    struct exemplar    *x = reading_alloc(r, sizeof *x);
    struct remote_label label[EXPOSITION_EXEMPLAR_MAX];
    size_t              n = s->exemplar.labels_n < EXPOSITION_EXEMPLAR_MAX ? s->exemplar.labels_n : EXPOSITION_EXEMPLAR_MAX;
    for (size_t i = 0; i < n; i++)
        label[i] = (struct remote_label){ s->exemplar.labels[i].name, s->exemplar.labels[i].value };
    if (!x || !series_exemplar(r, x, label, n, s->exemplar.value, s->exemplar.has_time ? s->exemplar.time_ms : p->time_ns / 1000000))
        return false;
    p->exemplars = x;
    p->exemplars_n = 1;
    return true;
}

static struct event *point_of(struct reading *r, struct target *t, const struct exposition_sample *s)
{
    struct attrs attrs;
    if (!labels_merge(r, t, s, &attrs))
        return NULL;
    const struct resource *resource = series_resource(r, &t->resource, &attrs);
    struct event          *e = resource ? reading_event(r, EVENT_POINT, resource, NULL) : NULL;
    if (!e)
        return NULL;
    struct point_event *p = &e->as.point;
    e->attrs = attrs;
    p->name = s->name;
    p->unit = s->family->unit;
    p->description = s->family->help;
    p->value = s->value;
    p->sum = p->min = p->max = (double)NAN;
    p->start_ns = created_find(&t->created, s);
    p->time_ns = s->has_time ? series_ns(s->time_ms) : r->record->received_us * 1000;
    series_kind(p, type_of(s->family->type), s->name);
    return s->has_exemplar && !exemplar_set(r, p, s) ? NULL : e;
}

static enum exposition_form form_of(enum record_form form) { return form == FORM_OPENMETRICS ? EXPOSITION_OPENMETRICS : EXPOSITION_TEXT; }

enum err scraped_read(struct reading *r, struct fault *fault)
{
    struct exposition        x;
    struct exposition_sample s;
    struct target            target;
    enum err                 e = exposition_open(&x, form_of(r->record->form), r->record->body, NULL, r->arena, fault);
    if (e != OK)
        return e;
    if (!target_begin(r, &target))
        return reading_full(r, fault);
    if ((e = created_gather(r, &target.created, fault)) != OK)
        return e;
    while (exposition_next(&x, &s, &e, fault)) {
        if (s.created)
            continue;
        struct event *event = point_of(r, &target, &s);
        if (!event)
            return reading_full(r, fault);
        if (!reading_give(r, event, fault))
            return r->end;
    }
    return e;
}

enum { CHECK_MEMORY = 96 * 1024 * 1024 };    /* unescaped texts, and which families there were */

enum err scraped_check(const struct record *r, struct event_report *report, struct fault *fault)
{
    struct arena a;
    uint64_t     samples;
    arena_init(&a, CHECK_MEMORY);
    enum err e = exposition_check(form_of(r->form), r->body, NULL, &a, &samples, fault);
    arena_done(&a);
    report->events = (uint32_t)samples;
    return e;
}
