/* digest/locate.c - pointers into the journal. */
#include "digest/locate.h"

#include "digest/map.h"
#include "digest/place.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { RECENT = 1024 };              /* traces whose last entry is remembered, so that a span does not add one more */
#define LOCATE_FAR_US (6 * LOCATE_AHEAD_US)      /* earlier versions pointed to times as far away as an event said */

struct trace_entry { uint64_t hash, record; };

struct locate {
    struct located     *cell;
    uint32_t            cells, cells_room, last;
    struct map          by_key;
    bool               *dirty;       /* beside cell */
    struct trace_entry *entry;
    uint32_t            entries, entries_room;
    struct trace_entry  recent[RECENT];
    uint64_t            lost, late, early;       /* the last two: since the start */
    int64_t             lookback_us, floor_us;
};

enum err locate_new(int64_t lookback_us, struct locate **out, struct fault *fault)
{
    struct locate *l = calloc(1, sizeof *l);
    if (!l)
        return fail(fault, ERR_LIMIT, "no memory for pointers into the journal");
    l->lookback_us = lookback_us;
    l->floor_us = INT64_MIN;
    *out = l;
    return OK;
}

void locate_free(struct locate *l)
{
    if (!l)
        return;
    free(l->cell);
    free(l->dirty);
    free(l->entry);
    map_done(&l->by_key);
    free(l);
}

uint64_t locate_hash(struct slice trace_id) { return XXH3_64bits(trace_id.s ? trace_id.s : "", trace_id.n); }

static void take_trace(struct locate *l, struct slice trace_id, uint64_t record)
{
    uint64_t            hash = locate_hash(trace_id);
    struct trace_entry *r = &l->recent[hash & (RECENT - 1)];
    if (r->hash == hash && r->record == record)
        return;
    *r = (struct trace_entry){ hash, record };
    if (l->entries == l->entries_room) {
        uint32_t            room = l->entries_room ? 2 * l->entries_room : 4096;
        struct trace_entry *e = room <= LOCATE_TRACES_MAX ? realloc(l->entry, room * sizeof *e) : NULL;
        if (!e) {
            l->lost++;
            return;
        }
        l->entry = e;
        l->entries_room = room;
    }
    l->entry[l->entries++] = (struct trace_entry){ hash, record };
}

static int64_t bucket_of(int64_t us)
{
    int64_t rest = us % LOCATE_WINDOW_US;
    return us - (rest < 0 ? rest + LOCATE_WINDOW_US : rest);
}

static uint64_t key_of(const struct located *c) { return map_mix(map_mix((uint64_t)c->bucket_us, c->place), (uint64_t)c->type + 1); }

static bool cell_add(struct locate *l, const struct located *c, bool dirty)
{
    if (l->cells == l->cells_room) {
        uint32_t room = l->cells_room ? 2 * l->cells_room : 256;
        struct located *more = room <= LOCATE_CELLS_MAX * 2 ? realloc(l->cell, room * sizeof *more) : NULL;
        if (more)
            l->cell = more;
        bool *flags = more ? realloc(l->dirty, room * sizeof *flags) : NULL;
        if (flags)
            l->dirty = flags;
        if (!more || !flags)
            return false;
        l->cells_room = room;
    }
    if (l->cells >= LOCATE_CELLS_MAX || !map_put(&l->by_key, key_of(c), l->cells))
        return false;
    l->cell[l->cells] = *c;
    l->dirty[l->cells++] = dirty;
    return true;
}

void locate_take(struct locate *l, const struct event *e, uint32_t place, int64_t time_us, struct slice trace_id)
{
    if (trace_id.n)
        take_trace(l, trace_id, e->record);
    if (time_us - e->received_us > LOCATE_AHEAD_US) {
        l->early++;
        return;
    }
    int64_t         bucket = bucket_of(time_us);
    struct located *c = l->last < l->cells ? &l->cell[l->last] : NULL;
    if (!c || c->bucket_us != bucket || c->place != place || c->type != e->type) {
        struct located fresh = { bucket, place, e->type, e->record, e->record, 0 };
        uint32_t      *there = map_at(&l->by_key, key_of(&fresh));
        if (!there && bucket < l->floor_us) {
            l->late++;
            return;
        }
        if (!there && !cell_add(l, &fresh, true)) {
            l->lost++;
            return;
        }
        l->last = there ? *there : l->cells - 1;
        c = &l->cell[l->last];
    }
    c->events++;
    if (e->record > c->last)
        c->last = e->record;
    if (e->record < c->first)
        c->first = e->record;
    l->dirty[l->last] = true;
}

bool locate_full(const struct locate *l) { return l->entries >= LOCATE_TRACES_MAX / 4 * 3; }

static int by_hash(const void *a, const void *b)
{
    const struct trace_entry *x = a, *y = b;
    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return (x->record > y->record) - (x->record < y->record);
}

static void put32(char *to, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        to[i] = (char)(unsigned char)(v >> (8 * i));
}

static uint32_t get32(const char *s)
{
    const unsigned char *u = (const unsigned char *)s;
    return (uint32_t)u[0] | (uint32_t)u[1] << 8 | (uint32_t)u[2] << 16 | (uint32_t)u[3] << 24;
}

static uint32_t middle(uint64_t hash) { return (uint32_t)(hash >> 24); }

static bool emit_blocks(struct locate *l, locate_block *block, void *ctx)
{
    if (!l->entries)
        return true;
    uint64_t            base = UINT64_MAX, last = 0;
    struct trace_entry *by = malloc(l->entries * sizeof *by);      /* a copy: somebody may be looking through the other */
    char               *bytes = malloc((size_t)l->entries * LOCATE_ENTRY_BYTES);
    bool                fine = by && bytes;
    for (uint32_t i = 0; i < l->entries && fine; i++) {
        base = l->entry[i].record < base ? l->entry[i].record : base;
        last = l->entry[i].record > last ? l->entry[i].record : last;
        by[i] = l->entry[i];
    }
    if (fine)
        qsort(by, l->entries, sizeof *by, by_hash);
    for (uint32_t i = 0; i < l->entries && fine;) {
        unsigned shard = locate_shard(by[i].hash);
        size_t   n = 0;
        for (; i < l->entries && locate_shard(by[i].hash) == shard; i++) {
            const struct trace_entry *t = &by[i];
            if (n && t[-1].hash == t->hash && t[-1].record == t->record)
                continue;
            uint64_t delta = t->record - base;
            put32(bytes + n, middle(t->hash));
            put32(bytes + n + 4, delta > UINT32_MAX ? UINT32_MAX : (uint32_t)delta);
            n += LOCATE_ENTRY_BYTES;
        }
        fine = block(ctx, shard, base, last, (struct slice){ bytes, n });
    }
    free(bytes);
    free(by);
    return fine;
}

bool locate_emit(struct locate *l, locate_row *row, locate_block *block, void *ctx)
{
    for (uint32_t i = 0; i < l->cells; i++)
        if (l->dirty[i] && !row(ctx, &l->cell[i]))
            return false;
    return !block || emit_blocks(l, block, ctx);
}

void locate_settle(struct locate *l, int64_t upper_us, bool traces)
{
    uint32_t kept = 0;
    int64_t  most = upper_us == INT64_MIN ? INT64_MAX : upper_us + LOCATE_FAR_US;
    if (traces) {
        l->entries = 0;
        memset(l->recent, 0, sizeof l->recent);
    }
    if (upper_us != INT64_MIN && upper_us - l->lookback_us > l->floor_us)
        l->floor_us = upper_us - l->lookback_us - LOCATE_WINDOW_US;
    map_clear(&l->by_key);
    for (uint32_t i = 0; i < l->cells; i++)
        if (l->cell[i].bucket_us >= l->floor_us && l->cell[i].bucket_us <= most) {
            l->cell[kept] = l->cell[i];
            l->dirty[kept] = false;
            (void)map_put(&l->by_key, key_of(&l->cell[kept]), kept);     /* it held as many before */
            kept++;
        }
    l->cells = kept;
    l->last = UINT32_MAX;
}

void locate_places(const struct locate *l, struct places_held *held)
{
    for (uint32_t i = 0; i < l->cells; i++)
        places_hold(held, l->cell[i].place);
}

uint64_t locate_lost(const struct locate *l) { return l->lost; }
uint64_t locate_late(const struct locate *l) { return l->late; }
uint64_t locate_early(const struct locate *l) { return l->early; }

void locate_save(const struct locate *l, struct pack *out)
{
    pack_u(out, 1);
    pack_u(out, l->lost);
    pack_i(out, l->floor_us);
    pack_u(out, l->cells);
    for (uint32_t i = 0; i < l->cells; i++) {
        const struct located *c = &l->cell[i];
        pack_i(out, c->bucket_us);
        pack_u(out, c->place);
        pack_u(out, c->type);
        pack_u(out, c->first);
        pack_u(out, c->last);
        pack_u(out, c->events);
        pack_u(out, l->dirty[i]);
    }
    pack_u(out, l->entries);
    for (uint32_t i = 0; i < l->entries; i++) {
        pack_u(out, l->entry[i].hash);
        pack_u(out, l->entry[i].record);
    }
}

enum err locate_load(struct locate *l, struct slice bytes, struct fault *fault)
{
    struct unpack u = unpack_of(bytes);
    bool          fine = unpack_u(&u) == 1;
    l->lost = unpack_u(&u);
    l->floor_us = unpack_time(&u);
    size_t n = unpack_count(&u, 7);
    for (size_t i = 0; i < n && fine && !u.bad; i++) {
        struct located c = { .bucket_us = unpack_time(&u) };
        c.place = (uint32_t)unpack_u(&u);
        uint64_t type = unpack_u(&u);
        c.type = type == EVENT_LOG ? EVENT_LOG : type == EVENT_POINT ? EVENT_POINT : EVENT_SPAN;
        c.first = unpack_u(&u);
        c.last = unpack_u(&u);
        c.events = unpack_u(&u);
        fine = cell_add(l, &c, unpack_u(&u) != 0);
    }
    n = fine ? unpack_count(&u, 2) : 0;
    fine = fine && n <= LOCATE_TRACES_MAX;
    if (fine && n && !(l->entry = calloc(n, sizeof *l->entry)))
        return fail(fault, ERR_LIMIT, "no memory for the saved pointers into the journal");
    l->entries = l->entries_room = fine ? (uint32_t)n : 0;
    for (size_t i = 0; i < n && fine; i++) {
        l->entry[i].hash = unpack_u(&u);
        l->entry[i].record = unpack_u(&u);
    }
    l->last = UINT32_MAX;
    return fine && !u.bad ? OK : fail(fault, ERR_INPUT, "the saved pointers into the journal cannot be read");
}

size_t locate_find_open(const struct locate *l, uint64_t hash, uint64_t *record, size_t max)
{
    size_t found = 0;
    for (uint32_t i = 0; i < l->entries && found < max; i++)
        if (l->entry[i].hash == hash)
            record[found++] = l->entry[i].record;
    return found;
}

size_t locate_find(struct slice entries, uint64_t base, uint64_t hash, uint64_t *record, size_t max)
{
    uint32_t want = middle(hash);
    size_t   count = entries.n / LOCATE_ENTRY_BYTES, lo = 0, hi = count, found = 0;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (get32(entries.s + mid * LOCATE_ENTRY_BYTES) < want)
            lo = mid + 1;
        else
            hi = mid;
    }
    for (; lo < count && found < max && get32(entries.s + lo * LOCATE_ENTRY_BYTES) == want; lo++) {
        uint64_t id = base + get32(entries.s + lo * LOCATE_ENTRY_BYTES + 4);
        if (!found || record[found - 1] != id)
            record[found++] = id;
    }
    return found;
}
