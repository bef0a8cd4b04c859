/* digest/calls_inside.h - the structs of calls.c, for its tests as well. */
#ifndef DIGEST_CALLS_INSIDE_H
#define DIGEST_CALLS_INSIDE_H

#include "digest/calls.h"
#include "digest/map.h"
#include "digest/sketch.h"

#define NO_PEER UINT32_MAX
#define NO_SPAN UINT32_MAX

/* ALIAS: a server that waits elsewhere may be found here, too. */
enum half { HALF_CLIENT, HALF_SERVER, HALF_ALIAS };

struct waiting {
    uint64_t link, record;            /* link: hash of the tenant, the trace's id and the id of the client's span; record of an alias: the link under which who is meant waits */
    int64_t  at_us, arrived_us;       /* at: of which window it is */
    uint32_t place, peer;             /* peer: whom a client called, or who called a server, as far as is known */
    uint32_t next;                    /* an older one with the same link; of a free one: the next that is free */
    uint32_t newer, older;            /* in its list */
    float    ms;
    uint32_t own;                     /* server, alias: calls_own() of the server's own span */
    uint8_t  half;
    bool     error, matched, untimely;  /* matched: a client that was answered; untimely: of no window, it can only be an answer */
};
struct waiting_list { uint32_t newest, oldest, n, max; };
/* By when they came; the answered by when they were answered. */
enum { LIST_OPEN, LIST_ANSWERED, LIST_UNTIMELY, LIST_ALIAS, LISTS };

/* Who served a span, for those whose parent it is. A bucket is a cache line, the newest first; the oldest of a full one goes. */
enum { SERVED_WAYS = 4, SERVED_BUCKETS = 1 << 15 };
struct served { uint64_t link; uint32_t place, seen_s; };
struct call_edge { uint32_t src, dst; uint64_t count, errors, record; struct sketch *ms; };
struct call_window { int64_t bucket_us; bool dirty; struct call_edge *edge; uint32_t edges, room; struct map by_key; };

struct calls {
    struct calls_options o;
    struct calls_stats   stats;
    struct call_window  *window[CALLS_WINDOWS_MAX];    /* ascending */
    uint32_t             windows;
    int64_t              floor_us, newest_us;
    struct waiting      *span;
    uint32_t             spans_room, spans_used, spans_free;
    struct waiting_list  list[LISTS];
    struct map           by_link;
    struct served       *served;                       /* SERVED_BUCKETS of SERVED_WAYS, within served_room */
    void                *served_room;
    int64_t              settled_us;                   /* who was seen match_us before that is not kept */
};

struct call_window *calls_window_of(struct calls *c, int64_t bucket);          /* NULL: too old, or too many */
struct call_edge   *calls_edge_of(struct calls *c, struct call_window *w, uint32_t src, uint32_t dst);
void                calls_window_free(struct call_window *w);

/* calls_wait.c: who waits, in chains by link and in lists by age. */
struct waiting_list *calls_list_of(struct calls *c, const struct waiting *t);
bool                 calls_wait(struct calls *c, const struct waiting *t);     /* false: no room */
void                 calls_release(struct calls *c, uint32_t at);              /* it waits no more */
void                 calls_answered(struct calls *c, uint32_t at);             /* a client: it changes its list */
uint32_t             calls_first(const struct calls *c, uint64_t link);        /* the newest with this link, or NO_SPAN; then its next, and so on */
uint32_t             calls_server(const struct calls *c, uint64_t link, uint32_t own);      /* the server of this own span that waits under this link; else NO_SPAN */
static inline uint32_t calls_own(uint64_t link) { return (uint32_t)(link >> 32); }         /* enough to tell apart those with one link; 0: it has no id */

void                 calls_soon(const struct calls *c, uint64_t link);          /* what is known of it will be asked for: memory is slow */
bool                 calls_served_new(struct calls *c);                        /* false: no memory */
void                 calls_served_put(struct calls *c, uint64_t link, uint32_t place, int64_t seen_us);
uint32_t             calls_served(const struct calls *c, uint64_t link, int64_t now_us);       /* the place, or NO_PEER: unknown, or not for match_us */

#endif
