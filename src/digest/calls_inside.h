/* digest/calls_inside.h - the structs of calls.c, for its tests as well. */
#ifndef DIGEST_CALLS_INSIDE_H
#define DIGEST_CALLS_INSIDE_H

#include "digest/calls.h"
#include "digest/map.h"
#include "digest/sketch.h"

#define NO_PEER UINT32_MAX
#define NO_SPAN UINT32_MAX

struct waiting {
    uint64_t link, record;            /* link: hash of the tenant, the trace's id and the id of the client's span */
    int64_t  start_us, arrived_us;
    uint32_t place, peer;
    uint32_t next;                    /* an older one with the same link; of a free one: the next that is free */
    uint32_t newer, older;            /* in its list */
    float    ms;
    bool     client, error, matched;  /* matched: a client that was answered */
};
struct waiting_list { uint32_t newest, oldest, n; };
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
    struct waiting_list  open, answered;               /* by when they came; by when they were answered */
    struct map           by_link;
};

struct call_window *calls_window_of(struct calls *c, int64_t bucket);          /* NULL: too old, or too many */
struct call_edge   *calls_edge_of(struct calls *c, struct call_window *w, uint32_t src, uint32_t dst);
bool                calls_wait(struct calls *c, const struct waiting *t);
void                calls_window_free(struct call_window *w);

#endif
