/* scrape/turn.c - see turn.h. An answer is looked at as a whole first, so that what comes after cannot fail half-way because of it. */
#include "scrape/turn.h"

#include "event/event.h"
#include "journal/record.h"
#include "scrape/series.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/* SAMPLES_BEFORE: so many times the samples that may be kept may be there for rules to drop; what they dropped is remembered, too. */
enum { TURN_MEMORY = 256 * 1024 * 1024, LABELS_MAX = REMOTE_LABELS_MAX, SAMPLES_BEFORE = 16 };

/* Of what a reader has room for; the rest is for what its arena wastes. */
enum { WHOLE_DECODED = EVENT_DECODED_MAX / 4 * 3, PART_DECODED = EVENT_DECODED_MAX / 2, PART_BYTES = RECORD_BODY_MAX / 4, EXTRA_BYTES = 128 };

void turn_init(struct turn *t)
{
    *t = (struct turn){ .rewritten = false };
    arena_init(&t->arena, TURN_MEMORY);
    remote_write_init(&t->data, REMOTE_V2, RECORD_BODY_MAX);      /* 2.0 says what kind each series is */
    remote_write_init(&t->report, REMOTE_V1, RECORD_BODY_MAX);
}

void turn_done(struct turn *t)
{
    arena_done(&t->arena);
    remote_write_done(&t->data);
    remote_write_done(&t->report);
}

static void begin(struct turn *t)
{
    t->rewritten = false;
    t->scraped = t->kept = t->added = t->dropped = t->doubles = t->cut = t->ended = 0;
    t->decoded = t->data_decoded = t->report_decoded = 0;
    arena_reset(&t->arena);
    remote_write_reset(&t->data);
    remote_write_reset(&t->report);
}

static size_t decoded_bytes(size_t labels) { return sizeof(struct event) + EXTRA_BYTES + labels * sizeof(struct attr); }

/* Before one more sample with so many labels, exemplar's included. */
static void make_room(struct turn *t, const struct turn_ask *ask, struct remote_writer *w, size_t labels)
{
    size_t *decoded = w == &t->data ? &t->data_decoded : &t->report_decoded, more = decoded_bytes(labels) + labels * 2 * sizeof(struct slice) /* symbols */;
    if (ask->part && w->samples_n && (*decoded + more > PART_DECODED || w->out.used + w->texts.used > PART_BYTES)) {
        ask->part(ask->ctx, t, w);
        remote_write_reset(w);
        *decoded = 0;
    }
    *decoded += more;
}

/* ---- labels of one sample, as they are kept; what event/exposition.c does when the body goes as it came ---- */

static struct slice target_label(const struct turn_ask *ask, struct slice name)
{
    for (size_t i = 0; i < ask->labels; i++)
        if (slice_same(ask->label[i].name, name))
            return ask->label[i].value;
    return SLICE("");
}

static bool sample_has(const struct exposition_sample *s, struct slice name)
{
    for (size_t i = 0; i < s->labels_n; i++)
        if (slice_same(s->labels[i].name, name))
            return true;
    return false;
}

/* exported_<name>, as often as it takes to be nobody else's. n 0: no memory. */
static struct slice exported(struct turn *t, const struct turn_ask *ask, const struct exposition_sample *s, struct slice name)
{
    do {
        char *to = arena_printf(&t->arena, "exported_%.*s", (int)name.n, name.s);
        if (!to)
            return SLICE("");
        name = slice_of(to);
    } while (sample_has(s, name) || target_label(ask, name).n);
    return name;
}

static int by_name(const void *a, const void *b) { return slice_order(((const struct label *)a)->name, ((const struct label *)b)->name); }

enum merged { MERGED, MERGED_DROPPED, MERGED_TOO_MANY, MERGED_NO_MEMORY };

static enum merged merge(struct turn *t, const struct turn_ask *ask, const struct exposition_sample *s, struct label *label, size_t *count)
{
    size_t n = 0;
    bool   cut = false;
    if (s->labels_n + ask->labels + 1 > LABELS_MAX)
        return MERGED_TOO_MANY;
    label[n++] = (struct label){ SLICE("__name__"), s->name };
    for (size_t i = 0; i < s->labels_n; i++) {
        struct slice name = s->labels[i].name;
        if (!s->labels[i].value.n || slice_is(name, "__name__"))
            continue;
        if (!ask->job->honor_labels && target_label(ask, name).n && !(name = exported(t, ask, s, name)).n)
            return MERGED_NO_MEMORY;
        label[n++] = (struct label){ name, s->labels[i].value };
    }
    for (size_t i = 0; i < ask->labels; i++)
        if (ask->label[i].value.n && (!ask->job->honor_labels || !sample_has(s, ask->label[i].name)))
            label[n++] = ask->label[i];
    if (!relabel_labels(ask->rules, label, &n, LABELS_MAX, &t->arena, &cut))
        return MERGED_DROPPED;
    t->cut += cut;
    qsort(label, n, sizeof *label, by_name);
    *count = n;
    for (size_t i = 0; i < n; i++)
        if (slice_is(label[i].name, "__name__"))
            return MERGED;
    return MERGED_DROPPED;                   /* rules took its name */
}

/* ---- the series of one sample ---- */

/* NULL with OK: rules drop it. */
static enum err series_of(struct turn *t, const struct turn_ask *ask, struct series_set *set, const struct exposition_sample *s, struct one **out, struct fault *fault)
{
    uint64_t      hash = XXH3_64bits(s->series.s, s->series.n);
    struct stand *known = series_stand(set, hash);
    struct label  label[LABELS_MAX];
    size_t        n = 0;
    uint32_t      number;
    *out = NULL;
    if (known) {
        known->seen = set->turn;
        *out = known->one == SERIES_DROPPED ? NULL : &set->one[known->one - 1];
        return OK;
    }
    switch (merge(t, ask, s, label, &n)) {
    case MERGED_TOO_MANY:
        return fail(fault, ERR_LIMIT, "%.*s has more labels than are possible with those of its target", (int)(s->name.n < 80 ? s->name.n : 80), s->name.s);
    case MERGED_NO_MEMORY:
        return fail(fault, ERR_LIMIT, "no memory for the labels of this answer");
    case MERGED_DROPPED:
        if (!series_stand_add(set, hash, SERIES_DROPPED))
            return fail(fault, ERR_LIMIT, "no memory for the series of this target");
        return OK;
    case MERGED:
        break;
    }
    if (!series_one(set, label, n, ask->series_max, &number) || !series_stand_add(set, hash, number + 1)) {
        (void)fail(fault, ERR_LIMIT, "more series than may be remembered for all targets together");
        fail_hint(fault, "raise scraper.series_max, or let rules drop some before the target shows them");
        return ERR_LIMIT;
    }
    *out = &set->one[number];
    return OK;
}

static bool own_time(const struct turn_ask *ask, const struct exposition_sample *s) { return s->has_time && ask->job->honor_timestamps; }

static enum err mark(struct turn *t, const struct turn_ask *ask, struct series_set *set, const struct exposition_sample *s, struct fault *fault)
{
    struct one *o;
    enum err    e = series_of(t, ask, set, s, &o, fault);
    if (e != OK)
        return e;
    t->rewritten |= s->has_time && !ask->job->honor_timestamps;
    t->decoded += decoded_bytes(s->labels_n + ask->labels + (s->has_exemplar ? s->exemplar.labels_n : 0));
    if (!o) {
        t->dropped++;
        return OK;
    }
    if (o->seen == set->turn) {
        t->doubles++;
        t->rewritten = true;
        return OK;
    }
    if (++t->kept > (uint64_t)ask->job->samples_max)
        return fail(fault, ERR_LIMIT, "more than samples_max, %lld, after rules", (long long)ask->job->samples_max);
    t->added += !o->alive;
    o->seen = set->turn;
    o->timed = own_time(ask, s);
    return OK;
}

/* ---- writing it again ---- */

static enum remote_type type_of(enum exposition_type type)
{
    static const enum remote_type types[] = {
        [EXPOSITION_UNKNOWN] = REMOTE_UNKNOWN, [EXPOSITION_COUNTER] = REMOTE_COUNTER, [EXPOSITION_GAUGE] = REMOTE_GAUGE, [EXPOSITION_HISTOGRAM] = REMOTE_HISTOGRAM,
        [EXPOSITION_GAUGE_HISTOGRAM] = REMOTE_GAUGE_HISTOGRAM, [EXPOSITION_SUMMARY] = REMOTE_SUMMARY, [EXPOSITION_INFO] = REMOTE_INFO, [EXPOSITION_STATESET] = REMOTE_STATESET,
    };
    return types[type];
}

static void write_exemplar(struct turn *t, const struct turn_ask *ask, const struct exposition_sample *s)
{
    struct remote_label l[EXPOSITION_EXEMPLAR_MAX];
    size_t              n = s->exemplar.labels_n < EXPOSITION_EXEMPLAR_MAX ? s->exemplar.labels_n : EXPOSITION_EXEMPLAR_MAX;
    for (size_t i = 0; i < n; i++)
        l[i] = (struct remote_label){ s->exemplar.labels[i].name, s->exemplar.labels[i].value };
    remote_write_exemplar(&t->data, l, n, s->exemplar.value, s->exemplar.has_time ? s->exemplar.time_ms : ask->time_ms);
}

static enum err rewrite(struct turn *t, const struct turn_ask *ask, struct series_set *set, const struct exposition_sample *s, struct fault *fault)
{
    struct remote_label label[LABELS_MAX];
    struct one         *o;
    enum err            e = series_of(t, ask, set, s, &o, fault);
    if (e != OK || !o || o->written == set->turn)
        return e;
    o->written = set->turn;
    size_t n = series_labels(set, o, label, LABELS_MAX);
    make_room(t, ask, &t->data, n + (s->has_exemplar ? s->exemplar.labels_n : 0));
    remote_write_series(&t->data, label, n, type_of(s->family->type), s->family->help, s->family->unit);
    remote_write_sample(&t->data, s->value, own_time(ask, s) ? s->time_ms : ask->time_ms, 0);
    if (s->has_exemplar)
        write_exemplar(t, ask, s);
    return t->data.full ? fail(fault, ERR_LIMIT, "the answer is too large to be written again") : OK;
}

/* ---- series that ended ---- */

static void end_series(struct turn *t, const struct turn_ask *ask, const struct series_set *set, const struct one *o)
{
    struct remote_label label[LABELS_MAX];
    uint64_t            bits = REMOTE_STALE_BITS;
    double              stale;
    memcpy(&stale, &bits, sizeof stale);
    size_t n = series_labels(set, o, label, LABELS_MAX);
    make_room(t, ask, &t->report, n);
    remote_write_series(&t->report, label, n, REMOTE_UNKNOWN, SLICE(""), SLICE(""));
    remote_write_sample(&t->report, stale, ask->time_ms, 0);
    t->ended++;
}

static void end_all(struct turn *t, const struct turn_ask *ask, struct series_set *set)
{
    for (size_t i = 0; i < set->ones; i++)
        if (set->one[i].alive && !set->one[i].timed)
            end_series(t, ask, set, &set->one[i]);
    series_clear(set);
}

static void end_missing(struct turn *t, const struct turn_ask *ask, struct series_set *set)
{
    set->alive = 0;
    for (size_t i = 0; i < set->ones; i++) {
        struct one *o = &set->one[i];
        bool        here = o->seen == set->turn;
        if (o->alive && !here && !o->timed)
            end_series(t, ask, set, o);
        o->alive = here;
        set->alive += here;
    }
    series_tidy(set);
}

/* ---- a turn ---- */

static enum err each(struct turn *t, const struct turn_ask *ask, struct series_set *set, enum exposition_form form, struct slice body, bool writing, struct fault *fault)
{
    struct exposition        x;
    struct exposition_sample s;
    enum err                 e = exposition_open(&x, form, body, NULL, &t->arena, fault), ours = OK;
    if (e != OK)
        return e;
    while (ours == OK && exposition_next(&x, &s, &e, fault)) {
        if (s.created)                       /* when something began, not a series */
            continue;
        ours = writing ? rewrite(t, ask, set, &s, fault) : mark(t, ask, set, &s, fault);
        t->scraped += !writing;
    }
    return ours != OK ? ours : e;
}

static enum err take(struct turn *t, const struct turn_ask *ask, struct series_set *set, enum exposition_form form, struct slice body, struct fault *fault)
{
    const struct scrape_job *j = ask->job;
    struct exposition_limits limits = { (size_t)j->samples_max * (ask->rules ? SAMPLES_BEFORE : 1), (size_t)j->labels_max, (size_t)j->name_max, (size_t)j->value_max };
    uint64_t                 samples;
    enum err                 e = exposition_check(form, body, &limits, &t->arena, &samples, fault);
    if (e != OK)
        return e;
    arena_reset(&t->arena);
    set->turn++;
    t->rewritten = ask->rules != NULL;
    e = each(t, ask, set, form, body, false, fault);
    t->rewritten |= ask->part && t->decoded > WHOLE_DECODED;
    if (e != OK || !t->rewritten)
        return e;
    return each(t, ask, set, form, body, true, fault);
}

enum err turn_take(struct turn *t, const struct turn_ask *ask, struct series_set *set, enum exposition_form form, struct slice body, struct fault *fault)
{
    begin(t);
    enum err e = take(t, ask, set, form, body, fault);
    if (e == OK) {
        end_missing(t, ask, set);
        return OK;
    }
    remote_write_reset(&t->data);
    t->kept = t->added = t->dropped = t->doubles = 0;
    t->rewritten = false;
    end_all(t, ask, set);
    return e;
}

/* ---- what we say of it ourselves ---- */

static void say(struct turn *t, const struct turn_ask *ask, const char *name, double value)
{
    struct remote_label label[TARGET_LABELS_MAX + 1];
    size_t              n = 0;
    bool                named = false;
    for (size_t i = 0; i < ask->labels && i < TARGET_LABELS_MAX; i++) {
        if (!named && slice_order(ask->label[i].name, SLICE("__name__")) > 0) {
            label[n++] = (struct remote_label){ SLICE("__name__"), slice_of(name) };
            named = true;
        }
        label[n++] = (struct remote_label){ ask->label[i].name, ask->label[i].value };
    }
    if (!named)
        label[n++] = (struct remote_label){ SLICE("__name__"), slice_of(name) };
    remote_write_series(&t->report, label, n, REMOTE_GAUGE, SLICE(""), SLICE(""));
    remote_write_sample(&t->report, value, ask->time_ms, 0);
}

void turn_report(struct turn *t, const struct turn_ask *ask, bool up, double seconds)
{
    say(t, ask, "up", up);
    say(t, ask, "scrape_duration_seconds", seconds);
    say(t, ask, "scrape_samples_scraped", (double)t->scraped);
    say(t, ask, "scrape_samples_post_metric_relabeling", (double)(t->kept + t->doubles));
    say(t, ask, "scrape_series_added", (double)t->added);
}

void turn_miss(struct turn *t, const struct turn_ask *ask, struct series_set *set, bool gone)
{
    static const char *const ours[] = { "up", "scrape_duration_seconds", "scrape_samples_scraped", "scrape_samples_post_metric_relabeling", "scrape_series_added" };
    uint64_t                 bits = REMOTE_STALE_BITS;
    double                   stale;
    memcpy(&stale, &bits, sizeof stale);
    begin(t);
    end_all(t, ask, set);
    for (size_t i = 0; gone && i < sizeof ours / sizeof ours[0]; i++)
        say(t, ask, ours[i], stale);
}
