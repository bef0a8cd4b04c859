/*
 * digest/calls.c - one half of a call waits for the other.
 *
 * The oldest of those who wait leave first, and only then does what they say without an answer become part of a window for good.  A
 * server leaves when its client comes; a client that was answered stays in a list of its own, and so does who served which span: a span
 * below it was not called from outside.
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
                                   .pending_max = 1 << 19, .answered_max = 1 << 17, .aside_max = 1 << 16, .edges_max = 20000 };
}

enum err calls_new(const struct calls_options *o, struct calls **out, struct fault *fault)
{
    struct calls *c = calloc(1, sizeof *c);
    if (c) {
        c->o = *o;
        c->floor_us = INT64_MIN;
        const uint32_t most[LISTS] = { o->pending_max, o->answered_max, o->aside_max, o->aside_max };
        c->spans_free = NO_SPAN;
        c->spans_room = 1;
        for (int i = 0; i < LISTS; i++) {
            c->list[i] = (struct waiting_list){ NO_SPAN, NO_SPAN, 0, most[i] };
            c->spans_room += most[i];
        }
        c->span = calloc(c->spans_room, sizeof *c->span);                            /* pages are touched as they are used */
    }
    if (!c || !c->span || !calls_served_new(c)) {
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
    free(c->served_room);
    free(c);
}

static int64_t bucket_of(int64_t us) { return us - ((us % CALLS_WINDOW_US) + CALLS_WINDOW_US) % CALLS_WINDOW_US; }

/* What the window said so far has changed. */
static void changed(struct calls *c, int64_t at_us)
{
    int64_t bucket = bucket_of(at_us);
    for (uint32_t i = 0; i < c->windows; i++)
        if (c->window[i]->bucket_us == bucket)
            c->window[i]->dirty = true;
}

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

/* A call of which both halves are there. What was said of either alone is true no more. */
static void match(struct calls *c, const struct waiting *client, const struct waiting *server)
{
    if (client->place == server->place) {
        c->stats.same_service++;
        return;
    }
    struct call_window *w = calls_window_of(c, bucket_of(client->at_us));
    if (!w) {
        c->stats.late++;
        return;
    }
    count(c, w, client->place, server->place, client->ms, client->error || server->error, client->record);
    w->dirty = true;
    c->stats.calls++;
}

/* ---- without an answer ---- */

/* Whom it goes to and from whom; false: nothing can be said. */
static bool unanswered(struct places *p, const struct waiting *t, uint32_t *src, uint32_t *dst)
{
    if (t->matched || t->untimely || (t->half == HALF_CLIENT && t->peer == NO_PEER))
        return false;
    *src = t->half == HALF_CLIENT ? t->place : t->peer != NO_PEER ? t->peer : places_external(p, t->place);
    *dst = t->half == HALF_CLIENT ? t->peer : t->place;
    return *src != *dst;
}

static void untimely(struct calls *c, const struct waiting *t)
{
    if (t->at_us > t->arrived_us + c->o.ahead_us)
        c->stats.early++;
    else
        c->stats.late++;
}

/* Nobody comes for it any more. */
static void decide(struct calls *c, struct places *p, const struct waiting *t)
{
    uint32_t src, dst;
    if (t->untimely)
        untimely(c, t);
    else if (t->half == HALF_CLIENT && !t->matched)
        *(t->peer == NO_PEER ? &c->stats.nameless : &c->stats.unanswered) += 1;
    else if (t->half == HALF_SERVER)
        *(t->peer == NO_PEER ? &c->stats.uncalled : t->peer == t->place ? &c->stats.same_service : &c->stats.calls) += 1;
    struct call_window *w = unanswered(p, t, &src, &dst) ? calls_window_of(c, bucket_of(t->at_us)) : NULL;
    if (w) {
        count(c, w, src, dst, t->ms, t->error, t->record);
        w->dirty = true;
    }
}

/* The oldest of a list goes; of those that still wait it is decided what they were. */
static void let_go(struct calls *c, struct places *p, int list)
{
    uint32_t at = c->list[list].oldest;
    if (list == LIST_OPEN || list == LIST_UNTIMELY)
        decide(c, p, &c->span[at]);
    calls_release(c, at);
}

static void wait_for_it(struct calls *c, struct places *p, const struct waiting *t)
{
    const struct waiting_list *l = calls_list_of(c, t);
    if (l->n >= l->max && l->n) {
        c->stats.hurried += l == &c->list[LIST_OPEN];
        let_go(c, p, (int)(l - c->list));
    }
    if (!calls_wait(c, t))
        c->stats.no_memory++;
}

/* ---- the other half ---- */

/* Within a tenant: what another one says of the same trace is nobody's business here. */
static uint64_t link_of(uint32_t tenant, struct slice trace, struct slice span)
{
    char   both[24] = { 0 };
    size_t n = trace.n < 16 ? trace.n : 16;
    if (!span.n)
        return 0;
    if (n)
        memcpy(both, trace.s, n);
    memcpy(both + 16, span.s, span.n < 8 ? span.n : 8);
    return XXH3_64bits_withSeed(both, sizeof both, tenant);
}

/* What is known under a link: a client (the same one may have been sent twice: first one that nobody answered yet), and how many are there. */
struct known { uint32_t client, n; };

static struct known look(const struct calls *c, uint64_t link)
{
    struct known k = { NO_SPAN, 0 };
    for (uint32_t i = link ? calls_first(c, link) : NO_SPAN; i != NO_SPAN; i = c->span[i].next, k.n++) {
        const struct waiting *t = &c->span[i], *b = k.client == NO_SPAN ? NULL : &c->span[k.client];
        if (t->half == HALF_CLIENT && (!b || t->matched < b->matched || (t->matched == b->matched && t->record < b->record)))
            k.client = i;
    }
    return k;
}

/* A server that waited is answered by this client. */
static void answered(struct calls *c, struct waiting *client, uint32_t at)
{
    match(c, client, &c->span[at]);
    client->matched = true;
    if (!c->span[at].untimely)
        changed(c, c->span[at].at_us);
    calls_release(c, at);
}

/* Who waits there: a server itself, or one that waits elsewhere and can be found here too. */
static uint32_t server_at(const struct calls *c, uint32_t at)
{
    const struct waiting *t = &c->span[at];
    return t->half == HALF_SERVER ? at : t->half == HALF_ALIAS ? calls_server(c, t->record, t->own) : NO_SPAN;
}

/*
 * A client has come: whoever waited for it waits no more. A server that has the client's own id shares it, as Zipkin's do; then both
 * have the same parent. Returns how many were there.
 */
static uint32_t answers_of(struct calls *c, struct waiting *client, uint32_t tenant, const struct span_event *s)
{
    calls_soon(c, client->link);
    uint32_t looked = 0, shared = NO_SPAN;
    if (calls_served(c, client->link, client->arrived_us) != NO_PEER)
        shared = calls_server(c, link_of(tenant, s->trace_id, s->parent_id), calls_own(client->link));
    if (shared != NO_SPAN)
        answered(c, client, shared);
    for (uint32_t i = calls_first(c, client->link), next; i != NO_SPAN; i = next, looked++) {
        uint32_t at = server_at(c, i);
        next = c->span[i].next;
        if (at == NO_SPAN || (at != i && c->span[at].place == client->place))        /* that one only received the message */
            continue;
        if (next == at)                                  /* but for a snapshot that was tampered with it is in another chain */
            next = c->span[at].next;
        answered(c, client, at);
    }
    return looked;
}

static void answer(struct calls *c, struct places *p, uint32_t at, const struct waiting *server)
{
    if (!c->span[at].matched) {
        changed(c, c->span[at].at_us);
        if (c->list[LIST_ANSWERED].n && c->list[LIST_ANSWERED].n >= c->list[LIST_ANSWERED].max)
            let_go(c, p, LIST_ANSWERED);
        calls_answered(c, at);
    }
    match(c, &c->span[at], server);
}

/* Those who wait for a span were not called from outside, when somebody served it, but by whoever did. */
static void called_by(struct calls *c, uint64_t own, uint32_t place)
{
    for (uint32_t i = calls_first(c, own), next; i != NO_SPAN; i = next) {
        uint32_t at = server_at(c, i);
        next = c->span[i].next;
        if (at == NO_SPAN || c->span[at].peer != NO_PEER)
            continue;
        struct waiting *below = &c->span[at];
        below->peer = place;
        if (!below->untimely)
            changed(c, below->at_us);
        if (below->place != place || at != i)
            continue;                                    /* who waits for a producer as well goes on waiting */
        c->stats.same_service++;
        calls_release(c, at);
    }
}

/* ---- what comes ---- */

static void take_client(struct calls *c, struct places *p, const struct event *e, struct waiting *t)
{
    struct place_name peer;
    if (t->untimely) {
        untimely(c, t);
        return;
    }
    uint32_t looked = t->link ? answers_of(c, t, places_get(p, t->place)->tenant_number, &e->as.span) : 0;
    bool     hurried = looked >= 2 * LINK_MAX;           /* else each of very many would be compared with all before it */
    if (!t->matched && place_of_peer(&e->attrs, &peer))
        t->peer = places_beside(p, t->place, &peer);
    changed(c, t->at_us);
    c->stats.hurried += hurried;
    if (hurried || !t->link)                             /* without an id nobody can name it */
        decide(c, p, t);
    else
        wait_for_it(c, p, t);
}

/* Nobody was there for it. True: it waits. */
static bool take_unmatched(struct calls *c, struct places *p, const struct waiting *t, uint32_t n)
{
    bool hurried = t->link && n >= LINK_MAX;
    if (!t->untimely)
        changed(c, t->at_us);
    c->stats.hurried += hurried;
    if (hurried || !t->link)                             /* without: a root, nobody can come any more */
        decide(c, p, t);
    else
        wait_for_it(c, p, t);
    return !hurried && t->link;
}

/*
 * A server's client has the id of its parent, or its own. A consumer's may be that which its first link names, where the parent is of the
 * same service (it received the message, the consumer works on it); it waits for that one and can be found by its parent, too.
 */
static void take_server(struct calls *c, struct places *p, const struct event *e, struct waiting *t)
{
    const struct span_event *s = &e->as.span;
    uint32_t                 tenant = places_get(p, t->place)->tenant_number;
    uint64_t                 parent = link_of(tenant, s->trace_id, s->parent_id), own = link_of(tenant, s->trace_id, s->span_id);
    uint64_t                 link = s->kind == SPAN_CONSUMER && s->links_n ? link_of(tenant, s->links[0].trace_id, s->links[0].span_id) : 0;
    calls_soon(c, own);
    calls_soon(c, parent);
    t->link = link ? link : parent;
    own = own == parent || own == link ? 0 : own;
    t->own = calls_own(own);
    struct known up = look(c, parent), by = t->link == parent ? up : look(c, link), self = look(c, own);
    uint32_t     client = self.client;
    bool         waits = false;
    if (client == NO_SPAN && up.client != NO_SPAN && (t->link == parent || c->span[up.client].place != t->place))
        client = up.client;
    if (client == NO_SPAN && t->link != parent)
        client = by.client;
    if (client == NO_SPAN && (t->peer = calls_served(c, parent, t->arrived_us)) == NO_PEER)
        t->peer = calls_served(c, t->link, t->arrived_us);
    if (client != NO_SPAN)
        answer(c, p, client, t);
    else if (t->peer == t->place && t->link == parent)
        c->stats.same_service++;
    else
        waits = take_unmatched(c, p, t, by.n);
    if (self.n)
        called_by(c, own, t->place);
    calls_served_put(c, own, t->place, t->arrived_us);
    if (waits && parent && t->link != parent && up.n < LINK_MAX)
        wait_for_it(c, p, &(struct waiting){ .half = HALF_ALIAS, .link = parent, .record = t->link, .own = t->own, .arrived_us = t->arrived_us, .place = t->place, .peer = NO_PEER });
}

/* One that lasted longer than a window is of that in which it ended: the one in which it began may be closed by then. Else the one in which it began. */
static int64_t window_time(const struct span_event *s, int64_t latest_us)
{
    int64_t start = s->start_ns / 1000, end = s->end_ns / 1000;
    return end > start && end - start > CALLS_WINDOW_US && end <= latest_us ? end : start;
}

/* NAN: it does not say when it began or ended, or its clock went back; it is a call all the same. */
static float duration_ms(const struct span_event *s)
{
    return s->start_ns > 0 && s->end_ns >= s->start_ns ? (float)((double)(s->end_ns - s->start_ns) / 1e6) : (float)NAN;
}

void calls_take(struct calls *c, struct places *p, const struct event *e, uint32_t place)
{
    const struct span_event *s = &e->as.span;
    c->stats.spans++;
    bool client = s->kind == SPAN_CLIENT || s->kind == SPAN_PRODUCER, server = s->kind == SPAN_SERVER || s->kind == SPAN_CONSUMER;
    if (!client && !server)
        return;
    int64_t        latest_us = e->received_us + c->o.ahead_us;
    struct waiting t = { .record = e->record, .at_us = window_time(s, latest_us), .arrived_us = e->received_us, .place = place, .peer = NO_PEER,
                         .ms = duration_ms(s), .half = client ? HALF_CLIENT : HALF_SERVER, .error = s->status == SPAN_ERROR };
    t.untimely = t.at_us > latest_us || !calls_window_of(c, bucket_of(t.at_us));
    if (!t.untimely && t.at_us > c->newest_us)
        c->newest_us = t.at_us;
    if (client)
        t.link = link_of(places_get(p, place)->tenant_number, s->trace_id, s->span_id);
    (client ? take_client : take_server)(c, p, e, &t);
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
    for (uint32_t i = c->list[LIST_OPEN].oldest; i != NO_SPAN; i = c->span[i].newer) {
        const struct waiting *t = &c->span[i];
        uint32_t              src, dst;
        if (bucket_of(t->at_us) != w->bucket_us || !unanswered(p, t, &src, &dst))
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
        uint64_t            capped = c->stats.capped;
        fine = over && overlay(c, p, w, over) && window(ctx, w->bucket_us);
        c->stats.capped = capped;                        /* who waits is counted once, when it is decided what it was */
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
    for (int i = 0; i < LISTS; i++) {
        while (c->list[i].n && c->span[c->list[i].oldest].arrived_us + c->o.match_us <= now_us) {
            struct call_window *w = i == LIST_OPEN ? calls_window_of(c, bucket_of(c->span[c->list[i].oldest].at_us)) : NULL;
            bool                dirty = w && w->dirty;
            let_go(c, p, i);
            if (w)
                w->dirty = dirty;
        }
    }
    c->settled_us = now_us;
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

void calls_places(struct calls *c, struct places_held *held)
{
    for (uint32_t i = 0; i < c->windows; i++)
        for (uint32_t k = 0; k < c->window[i]->edges; k++) {
            places_hold(held, c->window[i]->edge[k].src);
            places_hold(held, c->window[i]->edge[k].dst);
        }
    for (int l = 0; l < LISTS; l++)
        for (uint32_t i = c->list[l].oldest; i != NO_SPAN; i = c->span[i].newer) {
            places_hold(held, c->span[i].place);
            places_hold(held, c->span[i].peer);          /* NO_PEER is beyond all */
        }
    for (size_t i = 0; i < (size_t)SERVED_BUCKETS * SERVED_WAYS; i++) {
        struct served *s = &c->served[i];
        if ((int64_t)s->seen_s * 1000000 + c->o.match_us <= c->settled_us)
            *s = (struct served){ 0 };                   /* nobody is told of it any more, and its place may become another's */
        else if (s->link)
            places_hold(held, s->place);
    }
}

void calls_stats(const struct calls *c, struct calls_stats *s)
{
    *s = c->stats;
    s->pending = c->list[LIST_OPEN].n + c->list[LIST_UNTIMELY].n;
    s->answered = c->list[LIST_ANSWERED].n;
    s->edges = 0;
    for (uint32_t i = 0; i < c->windows; i++)
        s->edges += c->window[i]->edges;
}
