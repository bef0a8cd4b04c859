/* ship/load.c - see load.h. */
#include "ship/load.h"

#include <stdlib.h>
#include <string.h>

struct held { struct held *next; struct record record; char bytes[]; };

void load_init(struct load *l)
{
    *l = (struct load){ 0 };
    arena_init(&l->arena, LOAD_MEMORY_MAX);
}

void load_reset(struct load *l)
{
    while (l->held) {
        struct held *h = l->held;
        l->held = h->next;
        free(h);
    }
    arena_reset(&l->arena);
    l->count = l->bytes = 0;
    l->last = 0;
}

void load_done(struct load *l)
{
    load_reset(l);
    arena_done(&l->arena);
    free(l->event);
    free(l->entry);
    *l = (struct load){ 0 };
}

/* ---- copies ---- */

static struct slice put(char **at, struct slice s)
{
    struct slice copy = { *at, s.n };
    if (s.n)
        memcpy(*at, s.s, s.n);
    *at += s.n;
    return copy;
}

static struct held *hold(const struct record *r)
{
    struct held *h = malloc(sizeof *h + r->tenant.n + r->source.n + r->labels.n + r->body.n + 1);
    if (!h)
        return NULL;
    char *at = h->bytes;
    h->next = NULL;
    h->record = *r;
    h->record.tenant = put(&at, r->tenant);
    h->record.source = put(&at, r->source);
    h->record.labels = put(&at, r->labels);
    h->record.body = put(&at, r->body);
    return h;
}

static bool make_room(struct load *l)
{
    if (l->count < l->room)
        return true;
    size_t               room = l->room ? l->room * 2 : 1024;
    const struct event **events = room <= LOAD_EVENTS_MAX ? realloc(l->event, room * sizeof *events) : NULL;
    if (!events)
        return false;
    l->event = events;
    struct entry *entries = realloc(l->entry, room * sizeof *entries);
    if (!entries)
        return false;
    l->entry = entries;
    l->room = room;
    return true;
}

/* ---- one record ---- */

struct sifting {
    struct load         *l;
    const struct sieve  *s;
    const struct record *record;
    const struct place  *at;
    uint64_t             of;
    uint32_t             bytes;           /* of one event, about */
    struct load_counts   counts;
    bool                 full;
};

static bool seen(const struct sieve *s, struct place p, int64_t received_us)
{
    size_t lo = 0, hi = s->seen_n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int    o = place_order(s->seen[mid].at, p);
        if (o == 0)
            return received_us <= s->seen[mid].when_us;
        if (o < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return false;
}

static bool dealt_with(const struct sifting *f, struct place p)
{
    return !f->at && (place_order(p, f->s->resume) < 0 || seen(f->s, p, f->record->received_us));
}

static bool add(struct sifting *f, const struct event *e)
{
    if (!make_room(f->l)) {
        f->full = true;
        return false;
    }
    f->l->event[f->l->count] = e;
    f->l->entry[f->l->count++] = (struct entry){ f->record, f->bytes, f->of };
    return true;
}

static bool take(void *ctx, const struct event *given)
{
    struct sifting *f = ctx;
    struct place    p = { f->record->id, given->index };
    if (dealt_with(f, p))
        return true;
    if (!(f->s->types & 1u << given->type)) {
        f->counts.skipped++;
        return true;
    }
    if (f->s->holds && !f->s->holds(given)) {
        f->counts.skipped++;
        f->counts.unfit++;
        return true;
    }
    struct event *e = arena_alloc(&f->l->arena, sizeof *e);
    if (!e) {
        f->full = true;
        return false;
    }
    *e = *given;
    bool sifted = f->at && f->at->index != LOAD_WHOLE;      /* an event of a dead letter has been through all this; a record that nobody could read has not */
    if (f->at)
        e->record = f->at->record;
    if (sifted)
        e->index = f->at->index;
    if (!sifted && f->s->rule) {
        enum ship_ruled ruled = f->s->rule(f->s->rule_ctx, e, &f->l->arena);
        if (ruled == RULED_NOT) {
            f->full = true;
            return false;
        }
        if (ruled == RULED_OUT) {
            f->counts.dropped++;
            return true;
        }
        f->counts.unparsed += ruled == RULED_UNPARSED;
    }
    if (!sifted && !route_takes(f->s->route, e, &f->l->arena)) {
        f->counts.skipped++;
        return true;
    }
    return add(f, e);
}

/* The types that can be in a record, so that what is not for us need not be decoded. */
static unsigned types_of(enum record_kind k)
{
    switch (k) {
    case RECORD_OTLP_LOGS:
    case RECORD_LINES:        return 1u << EVENT_LOG;
    case RECORD_OTLP_METRICS:
    case RECORD_REMOTE_WRITE:
    case RECORD_EXPOSITION:
    case RECORD_SAMPLES:      return 1u << EVENT_POINT;
    case RECORD_OTLP_TRACES:  return 1u << EVENT_SPAN;
    case RECORD_SCHEMA:       return 0;
    default:                  return 1u << EVENT_LOG | 1u << EVENT_POINT | 1u << EVENT_SPAN;
    }
}

static void keep(struct load *l, struct held *h, size_t size)
{
    h->next = l->held;
    l->held = h;
    l->bytes += size;
}

enum err load_add(struct load *l, const struct record *r, const struct sieve *s, const struct place *at, uint64_t of, struct load_counts *counts, struct fault *fault)
{
    uint64_t id = at ? of : r->id;
    if (!(types_of(r->kind) & s->types)) {
        counts->skipped += r->events;
        l->last = id;
        return OK;
    }
    struct event_report report = { 0 };
    struct held        *h = hold(r);
    size_t              before = l->count;
    if (!h)
        return l->count ? ERR_LIMIT : fail(fault, ERR_BUSY, "no memory for a record of %zu bytes", r->body.n);
    struct sifting f = { .l = l, .s = s, .record = &h->record, .at = at, .of = of };
    f.bytes = (uint32_t)(r->body.n / (r->events ? r->events : 1));
    struct fault why = { 0 };
    enum err     e = event_read(&h->record, &l->arena, take, &f, &report, &why);
    if (f.full || e == ERR_LIMIT) {
        l->count = before;
        if (l->bytes) {                       /* what is there already goes first */
            free(h);
            return ERR_LIMIT;
        }
        arena_reset(&l->arena);               /* then nothing of before lies in it */
        e = ERR_INPUT;
    }
    keep(l, h, r->body.n);
    if (e == ERR_INPUT) {
        f.counts.undecodable = 1;
        if (!s->readable && !dealt_with(&f, (struct place){ r->id, LOAD_WHOLE }) && !add(&f, NULL))
            return fail(fault, ERR_BUSY, "no memory for a record that cannot be read");
    }
    if (e == ERR_MISSING)
        f.counts.skipped += r->events;
    if (l->count == 0)                        /* nothing points into it */
        load_reset(l);
    l->last = id;
    counts->skipped += f.counts.skipped;
    counts->unfit += f.counts.unfit;
    counts->dropped += f.counts.dropped;
    counts->unparsed += f.counts.unparsed;
    counts->undecodable += f.counts.undecodable;
    counts->rejected += report.rejected;
    return e == OK || e == ERR_INPUT || e == ERR_MISSING ? OK : fail(fault, e, "%.300s", why.text);
}
