/* digest/calls_keep.c - what waits and what is open as bytes, and back. */
#include "digest/calls_inside.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

enum { FORM = 2 };                                       /* the first is read, too */

static int64_t bucket_of(int64_t us) { return us - ((us % CALLS_WINDOW_US) + CALLS_WINDOW_US) % CALLS_WINDOW_US; }

static void save_list(const struct calls *c, const struct waiting_list *l, struct pack *out)
{
    for (uint32_t i = l->oldest; i != NO_SPAN; i = c->span[i].newer) {
        const struct waiting *t = &c->span[i];
        pack_u(out, t->link);
        pack_u(out, t->own);
        pack_u(out, t->record);
        pack_i(out, t->at_us);
        pack_i(out, t->arrived_us);
        pack_u(out, t->place);
        pack_u(out, t->peer);
        pack_r(out, (double)t->ms);
        pack_u(out, (unsigned)t->half | (unsigned)t->error << 2 | (unsigned)t->matched << 3 | (unsigned)t->untimely << 4);
    }
}

/* The oldest of a bucket first, so that they come back in the same order. */
static void save_served(const struct calls *c, struct pack *out)
{
    uint64_t n = 0;
    for (int count = 1; count >= 0; count--) {
        for (size_t i = SERVED_BUCKETS * SERVED_WAYS; i-- > 0;) {
            const struct served *s = &c->served[i];
            if (!s->link || (int64_t)s->seen_s * US_PER_S + c->o.match_us <= c->settled_us)
                continue;
            n += (uint64_t)count;
            if (count)
                continue;
            pack_u(out, s->link);
            pack_u(out, s->place);
            pack_u(out, s->seen_s);
        }
        if (count)
            pack_u(out, n);
    }
}

void calls_save(const struct calls *c, struct pack *out)
{
    char *room = malloc(SKETCH_PACKED_MAX);
    if (!room) {
        out->full = true;
        return;
    }
    pack_u(out, FORM);
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
    uint32_t n = 0;
    for (int i = 0; i < LISTS; i++)
        n += c->list[i].n;
    pack_u(out, n);
    for (int i = 0; i < LISTS; i++)
        save_list(c, &c->list[i], out);
    save_served(c, out);
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

/* In the first form servers had no id of their own. */
static bool load_waiting(struct unpack *u, uint64_t form, struct waiting *t)
{
    *t = (struct waiting){ .link = unpack_u(u), .own = form > 1 ? (uint32_t)unpack_u(u) : 0 };
    t->record = unpack_u(u);
    t->at_us = unpack_time(u);
    t->arrived_us = unpack_time(u);
    t->place = (uint32_t)unpack_u(u);
    t->peer = (uint32_t)unpack_u(u);
    t->ms = (float)unpack_r(u);
    uint64_t bits = unpack_u(u);
    if (form == 1)
        bits = ((bits & 1) ? HALF_CLIENT : HALF_SERVER) | (bits & 6) << 1;
    t->half = bits & 3;
    t->error = bits & 4;
    t->matched = bits & 8;
    t->untimely = bits & 16;
    return !u->bad && t->half <= HALF_ALIAS && (t->half == HALF_ALIAS || t->at_us != INT64_MIN) && t->arrived_us != INT64_MIN;
}

static bool room_for(struct calls *c, size_t waiting)
{
    size_t room = 1 + waiting;
    bool   enough = true;
    for (int i = 0; i < LISTS; i++) {
        room += c->list[i].max;
        enough = enough && waiting <= c->list[i].max;
    }
    struct waiting *span = !enough && room < NO_SPAN ? calloc(room, sizeof *span) : NULL;
    if (!enough && !span)
        return false;
    if (span) {
        free(c->span);
        c->span = span;
        c->spans_room = (uint32_t)room;
    }
    return true;
}

enum err calls_load(struct calls *c, struct slice bytes, struct fault *fault)
{
    struct unpack u = unpack_of(bytes);
    uint64_t      form = unpack_u(&u);
    bool          fine = form >= 1 && form <= FORM;
    int64_t       floor_us = unpack_time(&u);
    c->newest_us = unpack_time(&u);
    struct slice stats = unpack_s(&u);
    if (stats.n == sizeof c->stats)
        memcpy(&c->stats, stats.s, stats.n);
    fine = fine && load_windows(c, &u);
    size_t waiting = fine ? unpack_count(&u, 15) : 0;
    if (!room_for(c, waiting))                           /* a bound may have been lowered: it holds again from the next start on */
        return fail(fault, ERR_LIMIT, "no memory for %zu waiting spans", waiting);
    for (size_t i = 0; i < waiting && fine && !u.bad; i++) {
        struct waiting t;
        fine = load_waiting(&u, form, &t) && calls_wait(c, &t);
    }
    for (size_t served = fine && form > 1 ? unpack_count(&u, 3) : 0; served > 0 && !u.bad; served--) {
        uint64_t link = unpack_u(&u);
        uint32_t place = (uint32_t)unpack_u(&u);
        calls_served_put(c, link, place, (int64_t)(uint32_t)unpack_u(&u) * US_PER_S);
    }
    for (int i = 0; i < LISTS; i++)
        c->list[i].max = c->list[i].n > c->list[i].max ? c->list[i].n : c->list[i].max;
    c->floor_us = floor_us;
    return fine && !u.bad ? OK : fail(fault, ERR_INPUT, "the saved calls cannot be read");
}
