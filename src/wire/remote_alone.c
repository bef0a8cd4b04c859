/*
 * wire/remote_alone.c - exemplars that stand alone: Prometheus sends them in a series of their own, without a sample. They belong to the series
 * with the same labels, which stands elsewhere in the request.
 */
#include "wire/remote.h"

#include "wire/protobuf.h"

#include <stdlib.h>
#include <xxhash.h>

/* Exemplars, and neither samples nor histograms; most series are told from that by what follows their labels. */
static bool alone(struct slice s, enum remote_version version)
{
    const unsigned  exemplar_field = version == REMOTE_V2 ? 4 : 3, histogram_field = version == REMOTE_V2 ? 3 : 4;
    struct pb       m = pb_of(s);
    struct pb_field f;
    bool            exemplars = false;
    while (m.end - m.at >= 2 && m.at[0] == 0x0a && m.at[1] < 0x80 && m.end - m.at - 2 >= m.at[1])
        m.at += 2 + m.at[1];
    while (pb_next(&m, &f) > 0) {
        if (f.type == PB_LEN && (f.number == 2 || f.number == histogram_field))
            return false;
        exemplars |= f.type == PB_LEN && f.number == exemplar_field;
    }
    return exemplars;
}

bool remote_may_stand_alone(enum remote_version version, struct slice body)
{
    const unsigned  series_field = version == REMOTE_V2 ? 5 : 1;
    struct pb       m = pb_of(body);
    struct pb_field f;
    while (pb_next(&m, &f) > 0)
        if (f.number == series_field && f.type == PB_LEN && alone(f.bytes, version))
            return true;
    return false;
}

static uint64_t id_of(const struct remote_series *s)
{
    uint64_t id = 0;
    for (size_t i = 0; i < s->labels.count; i++) {
        const struct remote_label *l = &s->labels.item[i];
        id = XXH3_64bits_withSeed(l->value.n ? l->value.s : "", l->value.n, XXH3_64bits_withSeed(l->name.n ? l->name.s : "", l->name.n, id));
    }
    return id;
}

static int item_order(const void *a, const void *b)
{
    const struct remote_alone_item *x = a, *y = b;
    if (x->id != y->id)
        return x->id < y->id ? -1 : 1;
    return x->exemplars.s < y->exemplars.s ? -1 : x->exemplars.s > y->exemplars.s;
}

enum err remote_alone_find(struct remote *r, struct remote_alone *a, struct fault *fault)
{
    struct slice         rest = r->rest;
    struct remote_series s;
    struct fault         unused;
    enum err             e;
    size_t               n = 0;
    *a = (struct remote_alone){ .n = 0 };
    while (remote_next(r, &s, &e, &unused))
        n += remote_stands_alone(&s);
    r->rest = rest;
    if (!n)
        return OK;
    if (!(a->item = arena_alloc(r->arena, n * sizeof *a->item)))
        return fail(fault, ERR_LIMIT, "remote write: %zu exemplars without samples do not fit into the memory of the request", n);
    while (remote_next(r, &s, &e, &unused))
        if (remote_stands_alone(&s)) {
            a->item[a->n++] = (struct remote_alone_item){ id_of(&s), s.exemplars, s.exemplars_n, false };
            a->left += s.exemplars_n;
        }
    r->rest = rest;
    qsort(a->item, a->n, sizeof *a->item, item_order);
    return OK;
}

const struct remote_alone_item *remote_alone_take(struct remote_alone *a, const struct remote_series *s, size_t *items, size_t *exemplars)
{
    uint64_t id;
    size_t   low = 0, high = a->n;
    *items = *exemplars = 0;
    if (!a->left || !(s->samples_n || s->histograms_n))
        return NULL;
    id = id_of(s);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (a->item[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == a->n || a->item[low].id != id || a->item[low].taken)
        return NULL;
    for (size_t i = low; i < a->n && a->item[i].id == id; i++, ++*items) {
        a->item[i].taken = true;
        *exemplars += a->item[i].n;
    }
    a->left -= *exemplars;
    return &a->item[low];
}
