/* ship/messages.c - see messages.h. */
#include "ship/messages.h"

#include "event/encode.h"
#include "ship/conf.h"
#include "ship/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BODY_MAX = 512 * 1024 * 1024 };

void messages_init(struct messages *m)
{
    *m = (struct messages){ 0 };
    text_init(&m->body, BODY_MAX);
}

void messages_done(struct messages *m)
{
    text_done(&m->body);
    free(m->list);
    free(m->picked);
    free(m->taken);
}

static bool make_room(struct messages *m, size_t n)
{
    if (n > m->room) {
        struct message      *list = realloc(m->list, n * sizeof *list);
        const struct event **picked = list ? realloc(m->picked, n * sizeof *picked) : NULL;
        m->list = list ? list : m->list;
        m->picked = picked ? picked : m->picked;
        if (!list || !picked)
            return false;
        m->room = n;
    }
    return true;
}

/* What was taken is kept while the batch lies within the events it was noted for: the same batch, or a part of it. */
static bool recall(struct messages *m, const struct batch *b)
{
    if (m->taken && m->load == b->load && b->at >= m->from && b->at + b->count <= m->from + m->taken_n)
        return true;
    if (b->count > m->taken_room) {
        unsigned char *more = realloc(m->taken, b->count);
        if (!more)
            return false;
        m->taken = more;
        m->taken_room = b->count;
    }
    if (m->taken)
        memset(m->taken, 0, b->count);
    m->load = b->load;
    m->from = b->at;
    m->taken_n = b->count;
    return true;
}

static bool was_taken(const struct messages *m, const struct batch *b, size_t i) { return m->taken[b->at + i - m->from] != 0; }

static void add(struct messages *m, const struct event *first, const struct event *last, size_t events, size_t from, size_t position)
{
    m->list[m->count++] = (struct message){ first->type, first, last, events, from, m->body.used - from, position };
}

static void make_json(struct messages *m, const struct batch *b)
{
    for (size_t i = 0; i < b->count; i++) {
        size_t from = m->body.used;
        if (was_taken(m, b, i))
            continue;
        ship_json_event(&m->body, b->event[i]);
        add(m, b->event[i], b->event[i], 1, from, i);
    }
}

static enum err make_otlp(struct messages *m, const struct batch *b, enum event_type t, struct fault *fault)
{
    size_t n = 0, from = m->body.used;
    for (size_t i = 0; i < b->count; i++)
        if (b->event[i]->type == t && !was_taken(m, b, i))
            m->picked[n++] = b->event[i];
    enum err e = n ? event_encode(m->picked, n, &m->body, fault) : OK;
    if (e == OK && n)
        add(m, m->picked[0], m->picked[n - 1], n, from, 0);
    return e;
}

enum err messages_make(struct messages *m, const struct batch *b, int format, struct fault *fault)
{
    enum err e = OK;
    text_clear(&m->body);
    m->count = 0;
    m->json = format != FORMAT_OTLP;
    if (b->count == 0)
        return OK;
    if (!make_room(m, b->count < 3 ? 3 : b->count) || !recall(m, b))
        return fail(fault, ERR_BUSY, "no memory for a batch of %zu events", b->count);
    if (m->json)
        make_json(m, b);
    for (enum event_type t = EVENT_LOG; !m->json && e == OK && t <= EVENT_SPAN; t++)
        e = make_otlp(m, b, t, fault);
    return e == OK && m->body.cut ? fail(fault, ERR_LIMIT, "the batch is larger than %d bytes", BODY_MAX) : e;
}

struct slice messages_body(const struct messages *m, size_t i) { return (struct slice){ m->body.s + m->list[i].from, m->list[i].n }; }

void messages_id(const struct messages *m, size_t i, char out[MESSAGE_ID_MAX])
{
    const struct event *f = m->list[i].first, *l = m->list[i].last;
    if (m->json)
        (void)snprintf(out, MESSAGE_ID_MAX, "%016" PRIx64 "-%" PRIx64 "-%" PRIu64 "-%" PRIu32, f->resource->id, (uint64_t)f->received_us, f->record, f->index);
    else
        (void)snprintf(out, MESSAGE_ID_MAX, "%016" PRIx64 "-%" PRIx64 "-%" PRIu64 "-%" PRIu32 "-%" PRIu64 "-%" PRIu32 "-%zu-%d", f->resource->id, (uint64_t)f->received_us, f->record, f->index,
                       l->record, l->index, m->list[i].events, (int)f->type);
}

void messages_taken(struct messages *m, const struct batch *b, size_t i)
{
    if (m->json)
        m->taken[b->at + m->list[i].position - m->from] = 1;
    for (size_t k = 0; !m->json && k < b->count; k++)
        if (b->event[k]->type == m->list[i].type)
            m->taken[b->at + k - m->from] = 1;
}
