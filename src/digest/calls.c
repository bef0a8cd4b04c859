/*
 * digest/calls.c - one half of a call waits for the other.
 *
 * Waiting spans hang in a list in the order in which they came, and in chains by what joins the halves: trace id and the id of the
 * client's span.  The oldest leave the list first, and only then does what they say without an answer become part of a window for good.
 * A server leaves it when its client comes; a client that was answered changes to a list of its own.
 */
#include "digest/calls.h"

#include "digest/calls_inside.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { LINK_MAX = 256 };                         /* spans that wait with the same link */

struct calls_options calls_options_default(void)
{
    return (struct calls_options){ .lookback_us = 600 * INT64_C(1000000), .ahead_us = 600 * INT64_C(1000000), .match_us = 600 * INT64_C(1000000),
                                   .pending_max = 1 << 19, .answered_max = 1 << 17, .edges_max = 20000 };
}

enum err calls_new(const struct calls_options *o, struct calls **out, struct fault *fault)
{
    struct calls *c = calloc(1, sizeof *c);
    if (c) {
        c->o = *o;
        c->floor_us = INT64_MIN;
        c->spans_room = o->pending_max + o->answered_max + 1;
        c->spans_free = c->open.newest = c->open.oldest = c->answered.newest = c->answered.oldest = NO_SPAN;
        c->span = calloc(c->spans_room, sizeof *c->span);                            /* pages are touched as they are used */
    }
    if (!c || !c->span) {
        calls_free(c);
        return fail(fault, ERR_LIMIT, "no memory for %u waiting spans", o->pending_max);
    }
    *out = c;
    return OK;
}

void calls_window_free(struct call_window *w)
{
    if (!w)
        return;
    for (uint32_t i = 0; i < w->edges; i++)
        sketch_free(w->edge[i].ms);
    free(w->edge);
    map_done(&w->by_key);
    free(w);
}

void calls_free(struct calls *c)
{
    if (!c)
        return;
    for (uint32_t i = 0; i < c->windows; i++)
        calls_window_free(c->window[i]);
    map_done(&c->by_link);
    free(c->span);
    free(c);
}

static int64_t bucket_of(int64_t us) { return us - ((us % CALLS_WINDOW_US) + CALLS_WINDOW_US) % CALLS_WINDOW_US; }

struct call_window *calls_window_of(struct calls *c, int64_t bucket)
{
    uint32_t i = 0;
    while (i < c->windows && c->window[i]->bucket_us < bucket)
        i++;
    if (i < c->windows && c->window[i]->bucket_us == bucket)
        return c->window[i];
    struct call_window *w = bucket >= c->floor_us && c->windows < CALLS_WINDOWS_MAX ? calloc(1, sizeof *w) : NULL;
    if (!w)
        return NULL;
    w->bucket_us = bucket;
    memmove(&c->window[i + 1], &c->window[i], (c->windows - i) * sizeof *c->window);
    c->window[i] = w;
    c->windows++;
    return w;
}

struct call_edge *calls_edge_of(struct calls *c, struct call_window *w, uint32_t src, uint32_t dst)
{
    uint64_t  key = (uint64_t)src << 32 | dst;
    uint32_t *there = map_at(&w->by_key, key);
    if (there)
        return &w->edge[*there];
    if (w->edges >= c->o.edges_max) {
        c->stats.capped++;
        return NULL;
    }
    if (w->edges == w->room) {
        uint32_t          room = w->room ? 2 * w->room : 32;
        struct call_edge *e = realloc(w->edge, room * sizeof *e);
        if (e)
            w->edge = e, w->room = room;
    }
    struct sketch *ms = w->edges < w->room ? sketch_new() : NULL;
    if (!ms || !map_put(&w->by_key, key, w->edges)) {
        sketch_free(ms);
        c->stats.no_memory++;
        return NULL;
    }
    w->edge[w->edges] = (struct call_edge){ .src = src, .dst = dst, .ms = ms };
    return &w->edge[w->edges++];
}

static void count(struct calls *c, struct call_window *w, uint32_t src, uint32_t dst, double ms, bool error, uint64_t record)
{
    struct call_edge *e = calls_edge_of(c, w, src, dst);
    if (!e)
        return;
    if (!sketch_add(e->ms, ms, 1))
        c->stats.no_memory++;
    e->count++;
    e->errors += error;
    if (!e->record)
        e->record = record;
}

/* A call of which both halves are there. */
static void match(struct calls *c, struct waiting *client, const struct waiting *server)
{
    client->matched = true;
    if (client->place == server->place) {
        c->stats.same_service++;
        return;
    }
    struct call_window *w = calls_window_of(c, bucket_of(client->start_us));
    if (!w) {
        c->stats.late++;
        return;
    }
    count(c, w, client->place, server->place, client->ms, client->error || server->error, client->record);
    w->dirty = true;
    c->stats.calls++;
}

/* ---- waiting ---- */

/* What it means that nobody answered: whom it goes to and from whom; false: nothing can be said. */
static bool unanswered(struct places *p, const struct waiting *t, uint32_t *src, uint32_t *dst)
{
    if (t->matched || (t->client && t->peer == NO_PEER))
        return false;
    *src = t->client ? t->place : places_external(p, t->place);
    *dst = t->client ? t->peer : t->place;
    return *src != *dst;
}

/* Nobody comes for it any more. */
static void decide(struct calls *c, struct places *p, const struct waiting *t)
{
    uint32_t src, dst;
    if (t->matched)
        return;
    if (t->client && t->peer == NO_PEER)
        c->stats.nameless++;
    else if (t->client)
        c->stats.unanswered++;
    else
        c->stats.uncalled++;
    struct call_window *w = unanswered(p, t, &src, &dst) ? calls_window_of(c, bucket_of(t->start_us)) : NULL;
    if (w) {
        count(c, w, src, dst, t->ms, t->error, t->record);
        w->dirty = true;
    }
}

static struct waiting_list *list_of(struct calls *c, const struct waiting *t) { return t->matched ? &c->answered : &c->open; }

static void list_put(struct calls *c, uint32_t at)
{
    struct waiting      *t = &c->span[at];
    struct waiting_list *l = list_of(c, t);
    t->newer = NO_SPAN;
    t->older = l->newest;
    *(l->newest == NO_SPAN ? &l->oldest : &c->span[l->newest].newer) = at;
    l->newest = at;
    l->n++;
}

static void list_remove(struct calls *c, uint32_t at)
{
    const struct waiting *t = &c->span[at];
    struct waiting_list  *l = list_of(c, t);
    *(t->newer == NO_SPAN ? &l->newest : &c->span[t->newer].older) = t->older;
    *(t->older == NO_SPAN ? &l->oldest : &c->span[t->older].newer) = t->newer;
    l->n--;
}

/* It waits no more. */
static void release(struct calls *c, uint32_t at)
{
    struct waiting *t = &c->span[at];
    uint32_t       *head = map_at(&c->by_link, t->link), i = head ? *head : NO_SPAN;
    if (i == at && t->next == NO_SPAN) {
        map_remove(&c->by_link, t->link);
    } else if (i == at) {
        *head = t->next;
    } else {
        while (i != NO_SPAN && c->span[i].next != at)
            i = c->span[i].next;
        if (i != NO_SPAN)
            c->span[i].next = t->next;
    }
    list_remove(c, at);
    t->next = c->spans_free;
    c->spans_free = at;
}

/* Nobody is waited for any longer. */
static void let_go(struct calls *c, struct places *p)
{
    decide(c, p, &c->span[c->open.oldest]);
    release(c, c->open.oldest);
}

static void make_room(struct calls *c, struct places *p, bool answered)
{
    if (answered && c->answered.n >= c->o.answered_max && c->answered.n) {
        release(c, c->answered.oldest);
    } else if (!answered && c->open.n >= c->o.pending_max && c->open.n) {
        c->stats.hurried++;
        let_go(c, p);
    }
}

bool calls_wait(struct calls *c, const struct waiting *t)
{
    uint32_t  at = c->spans_free != NO_SPAN ? c->spans_free : c->spans_used;
    uint32_t *head = map_at(&c->by_link, t->link), next = head ? *head : NO_SPAN;
    if (at >= c->spans_room || !map_put(&c->by_link, t->link, at))
        return false;
    if (at == c->spans_free)
        c->spans_free = c->span[at].next;
    else
        c->spans_used++;
    c->span[at] = *t;
    c->span[at].next = next;
    list_put(c, at);
    return true;
}

/* Within a tenant: what another one says of the same trace is nobody's business here. */
static uint64_t link_of(uint32_t tenant, struct slice trace, struct slice span)
{
    char   both[24] = { 0 };
    size_t n = trace.n < 16 ? trace.n : 16;
    if (n)
        memcpy(both, trace.s, n);
    if (span.n)
        memcpy(both + 16, span.s, span.n < 8 ? span.n : 8);
    return XXH3_64bits_withSeed(both, sizeof both, tenant);
}

/* A client has come: whoever waited for it waits no more. Returns how many it was compared with. */
static uint32_t answers_of(struct calls *c, struct waiting *client)
{
    uint32_t *head = map_at(&c->by_link, client->link), looked = 0;
    for (uint32_t i = head ? *head : NO_SPAN, next; i != NO_SPAN; i = next, looked++) {
        next = c->span[i].next;
        if (c->span[i].client || c->span[i].matched)
            continue;
        match(c, client, &c->span[i]);
        release(c, i);
    }
    return looked;
}

/* A server has come: of its clients (the same one may have been sent twice) first one that nobody answered yet. */
static uint32_t client_of(struct calls *c, struct waiting *server)
{
    uint32_t *head = map_at(&c->by_link, server->link), looked = 0, best = NO_SPAN;
    for (uint32_t i = head ? *head : NO_SPAN; i != NO_SPAN; i = c->span[i].next, looked++) {
        const struct waiting *t = &c->span[i], *b = best == NO_SPAN ? NULL : &c->span[best];
        if (t->client && (!b || t->matched < b->matched || (t->matched == b->matched && t->record < b->record)))
            best = i;
    }
    if (best == NO_SPAN)
        return looked;
    struct waiting *client = &c->span[best];
    if (!client->matched) {
        list_remove(c, best);
        client->matched = true;
        make_room(c, NULL, true);
        list_put(c, best);
    }
    match(c, client, server);
    server->matched = true;
    return looked;
}

void calls_take(struct calls *c, struct places *p, const struct event *e, uint32_t place)
{
    const struct span_event *s = &e->as.span;
    c->stats.spans++;
    bool client = s->kind == SPAN_CLIENT || s->kind == SPAN_PRODUCER, server = s->kind == SPAN_SERVER || s->kind == SPAN_CONSUMER;
    if (!client && !server)
        return;
    struct waiting t = { .record = e->record, .start_us = s->start_ns / 1000, .arrived_us = e->received_us, .place = place, .peer = NO_PEER,
                         .ms = s->end_ns > s->start_ns ? (float)(((double)s->end_ns - (double)s->start_ns) / 1e6) : 0, .client = client, .error = s->status == SPAN_ERROR };
    struct call_window *w = t.start_us > e->received_us + c->o.ahead_us ? NULL : calls_window_of(c, bucket_of(t.start_us));
    if (!w) {
        if (t.start_us > e->received_us + c->o.ahead_us)
            c->stats.early++;
        else
            c->stats.late++;
        return;
    }
    if (t.start_us > c->newest_us)
        c->newest_us = t.start_us;
    struct slice trace = s->trace_id, id = client ? s->span_id : s->parent_id;
    if (s->kind == SPAN_CONSUMER && !id.n && s->links_n) {
        trace = s->links[0].trace_id;
        id = s->links[0].span_id;
    }
    if (server && !id.n) {                               /* a root: nobody can come any more */
        count(c, w, places_external(p, place), place, t.ms, t.error, t.record);
        w->dirty = true;
        c->stats.uncalled++;
        return;
    }
    t.link = link_of(places_get(p, place)->tenant_number, trace, id);
    uint32_t looked = client ? answers_of(c, &t) : client_of(c, &t);
    if (server && t.matched)
        return;
    struct place_name peer;
    if (client && place_of_peer(&e->attrs, &peer))
        t.peer = places_beside(p, place, &peer);
    w->dirty = true;
    if (looked >= (client ? 2 : 1) * LINK_MAX) {         /* else each of very many would be compared with all before it */
        c->stats.hurried++;
        decide(c, p, &t);
        return;
    }
    make_room(c, p, t.matched);
    if (!calls_wait(c, &t))
        c->stats.no_memory++;
}

/* ---- giving out ---- */

static bool row_out(const struct calls *c, const struct call_window *w, const struct call_edge *e, int64_t upper_us, calls_take_row *row, void *ctx)
{
    int64_t end = w->bucket_us + CALLS_WINDOW_US, until = upper_us > c->newest_us ? upper_us : c->newest_us;
    int64_t seconds = ((until < end ? until : end) - w->bucket_us) / 1000000;
    struct calls_row r = { .bucket_us = w->bucket_us, .seconds = seconds > 0 ? seconds : 1, .src = e->src, .dst = e->dst, .count = e->count, .errors = e->errors, .record = e->record };
    r.rps = (double)e->count / (double)r.seconds;
    r.err_rate = (double)e->errors / (double)e->count;
    r.p50_ms = sketch_quantile(e->ms, 0.5);
    r.p95_ms = sketch_quantile(e->ms, 0.95);
    return row(ctx, &r);
}

/* A window as it would be if nobody answered any more: a copy of those edges to which something is added. */
static bool overlay(struct calls *c, struct places *p, struct call_window *w, struct call_window *over)
{
    for (uint32_t i = c->open.oldest; i != NO_SPAN; i = c->span[i].newer) {
        const struct waiting *t = &c->span[i];
        uint32_t              src, dst;
        if (bucket_of(t->start_us) != w->bucket_us || !unanswered(p, t, &src, &dst))
            continue;
        bool              fresh = !map_at(&over->by_key, (uint64_t)src << 32 | dst);
        struct call_edge *e = calls_edge_of(c, over, src, dst);
        if (!e)
            continue;
        uint32_t *base = fresh ? map_at(&w->by_key, (uint64_t)src << 32 | dst) : NULL;
        if (base) {
            const struct call_edge *b = &w->edge[*base];
            if (!sketch_merge(e->ms, b->ms))
                return false;
            e->count = b->count;
            e->errors = b->errors;
            e->record = b->record;
        }
        if (!sketch_add(e->ms, t->ms, 1))
            return false;
        e->count++;
        e->errors += t->error;
        if (!e->record)
            e->record = t->record;
    }
    return true;
}

bool calls_emit(struct calls *c, struct places *p, int64_t upper_us, calls_window *window, calls_take_row *row, void *ctx)
{
    bool fine = true;
    for (uint32_t i = 0; i < c->windows && fine; i++) {
        struct call_window *w = c->window[i];
        if (!w->dirty || w->bucket_us >= upper_us)
            continue;
        struct call_window *over = calloc(1, sizeof *over);
        fine = over && overlay(c, p, w, over) && window(ctx, w->bucket_us);
        for (uint32_t k = 0; k < w->edges && fine; k++)
            if (!map_at(&over->by_key, (uint64_t)w->edge[k].src << 32 | w->edge[k].dst))
                fine = row_out(c, w, &w->edge[k], upper_us, row, ctx);
        for (uint32_t k = 0; k < (over ? over->edges : 0) && fine; k++)
            fine = row_out(c, w, &over->edge[k], upper_us, row, ctx);
        calls_window_free(over);
    }
    return fine;
}

void calls_settle(struct calls *c, struct places *p, int64_t upper_us, int64_t now_us)
{
    /* First, so that what changes now is clean afterwards: it says the same as what was emitted. */
    while (c->answered.n && c->span[c->answered.oldest].arrived_us + c->o.match_us <= now_us)
        release(c, c->answered.oldest);
    while (c->open.n && c->span[c->open.oldest].arrived_us + c->o.match_us <= now_us) {
        struct call_window *w = calls_window_of(c, bucket_of(c->span[c->open.oldest].start_us));
        bool                dirty = w && w->dirty;
        let_go(c, p);
        if (w)
            w->dirty = dirty;
    }
    uint32_t kept = 0;
    if (upper_us - c->o.lookback_us > c->floor_us)
        c->floor_us = upper_us - c->o.lookback_us;
    for (uint32_t i = 0; i < c->windows; i++) {
        struct call_window *w = c->window[i];
        if (w->bucket_us + CALLS_WINDOW_US <= upper_us)
            w->dirty = false;                            /* one that is not over stays dirty: its seconds go on */
        if (w->bucket_us + CALLS_WINDOW_US > c->floor_us)
            c->window[kept++] = w;
        else
            calls_window_free(w);
    }
    c->windows = kept;
    c->floor_us = c->floor_us == INT64_MIN ? INT64_MIN : bucket_of(c->floor_us);
}

void calls_stats(const struct calls *c, struct calls_stats *s)
{
    *s = c->stats;
    s->pending = c->open.n;
    s->answered = c->answered.n;
    s->edges = 0;
    for (uint32_t i = 0; i < c->windows; i++)
        s->edges += c->window[i]->edges;
}

/* ---- as bytes ---- */

static void save_list(const struct calls *c, const struct waiting_list *l, struct pack *out)
{
    for (uint32_t i = l->oldest; i != NO_SPAN; i = c->span[i].newer) {
        const struct waiting *t = &c->span[i];
        pack_u(out, t->link);
        pack_u(out, t->record);
        pack_i(out, t->start_us);
        pack_i(out, t->arrived_us);
        pack_u(out, t->place);
        pack_u(out, t->peer);
        pack_r(out, (double)t->ms);
        pack_u(out, (unsigned)t->client | (unsigned)t->error << 1 | (unsigned)t->matched << 2);
    }
}

void calls_save(const struct calls *c, struct pack *out)
{
    char *room = malloc(SKETCH_PACKED_MAX);
    if (!room) {
        out->full = true;
        return;
    }
    pack_u(out, 1);
    pack_i(out, c->floor_us);
    pack_i(out, c->newest_us);
    pack_s(out, (struct slice){ (const char *)&c->stats, sizeof c->stats });
    pack_u(out, c->windows);
    for (uint32_t i = 0; i < c->windows; i++) {
        const struct call_window *w = c->window[i];
        pack_i(out, w->bucket_us);
        pack_u(out, w->dirty);
        pack_u(out, w->edges);
        for (uint32_t k = 0; k < w->edges; k++) {
            const struct call_edge *e = &w->edge[k];
            pack_u(out, e->src);
            pack_u(out, e->dst);
            pack_u(out, e->count);
            pack_u(out, e->errors);
            pack_u(out, e->record);
            pack_s(out, (struct slice){ room, sketch_pack(e->ms, room, SKETCH_PACKED_MAX) });
        }
    }
    pack_u(out, c->open.n + c->answered.n);
    save_list(c, &c->open, out);
    save_list(c, &c->answered, out);
    free(room);
}

static bool load_windows(struct calls *c, struct unpack *u)
{
    size_t windows = unpack_count(u, 3);
    for (size_t i = 0; i < windows && !u->bad; i++) {
        int64_t             bucket = unpack_time(u);
        struct call_window *w = !u->bad && bucket != INT64_MIN && i < CALLS_WINDOWS_MAX && bucket_of(bucket) == bucket ? calls_window_of(c, bucket) : NULL;
        if (!w || w->edges)
            return false;
        w->dirty = unpack_u(u) != 0;
        size_t edges = unpack_count(u, 6);
        for (size_t k = 0; k < edges && !u->bad; k++) {
            uint64_t          src = unpack_u(u), dst = unpack_u(u);
            struct call_edge *e = src <= UINT32_MAX && dst <= UINT32_MAX ? calls_edge_of(c, w, (uint32_t)src, (uint32_t)dst) : NULL;
            struct sketch    *ms = NULL;
            if (!e || e->count)
                return false;
            e->count = unpack_u(u);
            e->errors = unpack_u(u);
            e->record = unpack_u(u);
            struct slice packed = unpack_s(u);
            if (u->bad || !packed.n || sketch_unpack(packed, &ms, NULL) != OK)
                return false;
            sketch_free(e->ms);
            e->ms = ms;
        }
    }
    return !u->bad;
}

enum err calls_load(struct calls *c, struct slice bytes, struct fault *fault)
{
    struct unpack u = unpack_of(bytes);
    bool          fine = unpack_u(&u) == 1;
    int64_t       floor_us = unpack_time(&u);
    c->newest_us = unpack_time(&u);
    struct slice stats = unpack_s(&u);
    if (stats.n == sizeof c->stats)
        memcpy(&c->stats, stats.s, stats.n);
    fine = fine && load_windows(c, &u);
    size_t waiting = fine ? unpack_count(&u, 15) : 0;
    if (waiting > c->o.pending_max || waiting > c->o.answered_max) {                 /* a bound may have been lowered: it holds again from the next start on */
        size_t          room = (size_t)c->o.pending_max + c->o.answered_max + waiting + 1;
        struct waiting *span = room < NO_SPAN ? calloc(room, sizeof *span) : NULL;
        if (!span)
            return fail(fault, ERR_LIMIT, "no memory for %zu waiting spans", waiting);
        free(c->span);
        c->span = span;
        c->spans_room = (uint32_t)room;
    }
    for (size_t i = 0; i < waiting && fine && !u.bad; i++) {
        struct waiting t = { .link = unpack_u(&u) };
        t.record = unpack_u(&u);
        t.start_us = unpack_time(&u);
        t.arrived_us = unpack_time(&u);
        t.place = (uint32_t)unpack_u(&u);
        t.peer = (uint32_t)unpack_u(&u);
        t.ms = (float)unpack_r(&u);
        uint64_t bits = unpack_u(&u);
        t.client = bits & 1;
        t.error = bits & 2;
        t.matched = bits & 4;
        fine = !u.bad && t.start_us != INT64_MIN && t.arrived_us != INT64_MIN && calls_wait(c, &t);
    }
    c->o.pending_max = c->open.n > c->o.pending_max ? c->open.n : c->o.pending_max;
    c->o.answered_max = c->answered.n > c->o.answered_max ? c->answered.n : c->o.answered_max;
    c->floor_us = floor_us;
    return fine && !u.bad ? OK : fail(fault, ERR_INPUT, "the saved calls cannot be read");
}
