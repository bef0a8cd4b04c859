/*
 * ship/parts.h - for sinks that send a batch in parts (logs, metrics, traces): what the other side took is not sent again when another part failed.
 *
 *     for (t = ...)
 *         n = parts_pick(&self->parts, b, t, picked);       // events of the type that were not taken yet
 *         ... send them; when they were taken: parts_taken(&self->parts, b, t);
 */
#ifndef SHIP_PARTS_H
#define SHIP_PARTS_H

#include "ship/sink.h"

struct parts { uint64_t load; size_t through[EVENT_SPAN + 1]; };      /* events of the type in front of that number were taken */

/* picked has room for b->count. */
static inline size_t parts_pick(const struct parts *p, const struct batch *b, enum event_type t, const struct event **picked)
{
    size_t n = 0, from = p->load == b->load && p->through[t] > b->at ? p->through[t] - b->at : 0;
    for (size_t i = from; i < b->count; i++)
        if (b->event[i]->type == t)
            picked[n++] = b->event[i];
    return n;
}

static inline void parts_taken(struct parts *p, const struct batch *b, enum event_type t)
{
    if (p->load != b->load)
        *p = (struct parts){ .load = b->load };
    if (p->through[t] < b->at + b->count)
        p->through[t] = b->at + b->count;
}

#endif
