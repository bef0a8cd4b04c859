/*
 * digest/calls_wait.c - spans that wait for their other half: where they lie.
 *
 * Each hangs in a list in the order in which they came, and in a chain by what joins the halves: trace id and the id of the client's span.
 * Lists have bounds, and of each the oldest leaves first.  Pages of the room are touched only as they are used.
 */
#include "digest/calls_inside.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

struct waiting_list *calls_list_of(struct calls *c, const struct waiting *t)
{
    return &c->list[t->half == HALF_ALIAS ? LIST_ALIAS : t->matched ? LIST_ANSWERED : t->untimely ? LIST_UNTIMELY : LIST_OPEN];
}

static void list_put(struct calls *c, uint32_t at)
{
    struct waiting      *t = &c->span[at];
    struct waiting_list *l = calls_list_of(c, t);
    t->newer = NO_SPAN;
    t->older = l->newest;
    *(l->newest == NO_SPAN ? &l->oldest : &c->span[l->newest].newer) = at;
    l->newest = at;
    l->n++;
}

static void list_remove(struct calls *c, uint32_t at)
{
    const struct waiting *t = &c->span[at];
    struct waiting_list  *l = calls_list_of(c, t);
    *(t->newer == NO_SPAN ? &l->newest : &c->span[t->newer].older) = t->older;
    *(t->older == NO_SPAN ? &l->oldest : &c->span[t->older].newer) = t->newer;
    l->n--;
}

uint32_t calls_first(const struct calls *c, uint64_t link)
{
    const uint32_t *head = map_at(&c->by_link, link);
    return head ? *head : NO_SPAN;
}

void calls_release(struct calls *c, uint32_t at)
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

bool calls_wait(struct calls *c, const struct waiting *t)
{
    uint32_t  at = c->spans_free != NO_SPAN ? c->spans_free : c->spans_used;
    uint32_t *head = map_at(&c->by_link, t->link), next = head ? *head : NO_SPAN;
    if (at >= c->spans_room || (!head && !map_put(&c->by_link, t->link, at)))
        return false;
    if (head)
        *head = at;
    if (at == c->spans_free)
        c->spans_free = c->span[at].next;
    else
        c->spans_used++;
    c->span[at] = *t;
    c->span[at].next = next;
    list_put(c, at);
    return true;
}

void calls_answered(struct calls *c, uint32_t at)
{
    list_remove(c, at);
    c->span[at].matched = true;
    list_put(c, at);
}

uint32_t calls_server(const struct calls *c, uint64_t link, uint32_t own)
{
    uint32_t i = link && own ? calls_first(c, link) : NO_SPAN;
    while (i != NO_SPAN && (c->span[i].half != HALF_SERVER || c->span[i].own != own))
        i = c->span[i].next;
    return i;
}

/* ---- who served what ---- */

bool calls_served_new(struct calls *c)
{
    const size_t line = SERVED_WAYS * sizeof *c->served;
    c->served_room = calloc(SERVED_BUCKETS + 1, line);                           /* pages are touched as they are used */
    c->served = c->served_room ? (struct served *)(void *)((char *)c->served_room + (line - (uintptr_t)c->served_room % line) % line) : NULL;
    return c->served;
}

static struct served *bucket_of(const struct calls *c, uint64_t link) { return &c->served[(link & (SERVED_BUCKETS - 1)) * SERVED_WAYS]; }

void calls_soon(const struct calls *c, uint64_t link)
{
    __builtin_prefetch(bucket_of(c, link));
    if (c->by_link.size)
        __builtin_prefetch(&c->by_link.slot[map_home(&c->by_link, link)]);
}

static struct served *served_at(const struct calls *c, uint64_t link)
{
    struct served *b = bucket_of(c, link);
    for (int i = 0; i < SERVED_WAYS; i++)
        if (b[i].link == link)
            return link ? &b[i] : NULL;
    return NULL;
}

uint32_t calls_served(const struct calls *c, uint64_t link, int64_t now_us)
{
    const struct served *s = served_at(c, link);
    return s && (int64_t)s->seen_s * US_PER_S + c->o.match_us > now_us ? s->place : NO_PEER;
}

void calls_served_put(struct calls *c, uint64_t link, uint32_t place, int64_t seen_us)
{
    struct served *b = bucket_of(c, link), *there = served_at(c, link);
    if (!link)
        return;
    if (!there)
        memmove(b + 1, b, (SERVED_WAYS - 1) * sizeof *b);
    *(there ? there : b) = (struct served){ link, place, (uint32_t)(seen_us / US_PER_S) };
}
