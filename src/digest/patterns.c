/* digest/patterns.c - taking lines: the cache of shapes, the tables, and what goes when memory ends. */
#include "digest/patterns_inside.h"

#include <stdlib.h>

enum { CACHE_MIN = 1024, CACHE_MAX = 1 << 15, NO_SLOT = UINT32_MAX };
#define PATTERNS_MOST 1000000u

struct patterns_options patterns_options_default(void)
{
    return (struct patterns_options){ .patterns_max = 20000, .bytes_max = 64u << 20, .similarity = 0.6 };
}

static size_t power_above(size_t n, size_t least, size_t most)
{
    size_t p = least;
    while (p < n && p < most)
        p *= 2;
    return p;
}

static size_t tables_for(size_t patterns_max) { return power_above(patterns_max, 64, 1u << 20); }
static size_t cache_for(size_t patterns_max) { return power_above(2 * patterns_max, CACHE_MIN, CACHE_MAX); }

size_t patterns_least_bytes(size_t patterns_max)
{
    return sizeof(struct patterns) + tables_for(patterns_max) * 3 * sizeof(struct entry *) + patterns_max * sizeof(struct slot) + cache_for(patterns_max) * sizeof(struct cached);
}

enum err patterns_new(const struct patterns_options *o, struct patterns **made, struct fault *fault)
{
    *made = NULL;
    if (o->patterns_max < 1 || o->patterns_max > PATTERNS_MOST || !(o->similarity >= 0 && o->similarity <= 1))
        return fail(fault, ERR_INPUT, "patterns: %zu templates of 1 to %u, similarity %g of 0 to 1", o->patterns_max, PATTERNS_MOST, o->similarity);
    struct patterns *p = calloc(1, sizeof *p);
    if (!p)
        return fail(fault, ERR_LIMIT, "patterns: out of memory");
    size_t table = tables_for(o->patterns_max), cache = cache_for(o->patterns_max);
    p->options = *o;
    p->table_mask = table - 1;
    p->cache_mask = cache - 1;
    p->by_id = calloc(table, sizeof *p->by_id);
    p->by_skeleton = calloc(table, sizeof *p->by_skeleton);
    p->by_first = calloc(table, sizeof *p->by_first);
    p->slot = calloc(o->patterns_max, sizeof *p->slot);
    p->cache = calloc(cache, sizeof *p->cache);
    p->other = entry_new(NULL, 0, SLICE(""));
    char *text = malloc(sizeof "<other>");
    p->free_slot = NO_SLOT;
    p->next_id = 1;
    p->bytes = patterns_least_bytes(o->patterns_max);
    if (!p->by_id || !p->by_skeleton || !p->by_first || !p->slot || !p->cache || !p->other || !text) {
        free(text);
        patterns_free(p);
        return fail(fault, ERR_LIMIT, "patterns: out of memory for %zu templates", o->patterns_max);
    }
    memcpy(text, "<other>", sizeof "<other>");
    free((char *)p->other->public.text);
    p->other->public.text = text;
    if (p->bytes > o->bytes_max) {
        enum err e = fail(fault, ERR_INPUT, "patterns: tables for %zu templates need %zu bytes, the bound is %zu",
                          o->patterns_max, p->bytes, o->bytes_max);
        patterns_free(p);
        return e;
    }
    *made = p;
    return OK;
}

void patterns_free(struct patterns *p)
{
    if (!p)
        return;
    for (struct entry *e = p->newest, *older; e; e = older) {
        older = e->older;
        entry_free(e);
    }
    entry_free(p->other);
    free(p->by_id);
    free(p->by_skeleton);
    free(p->by_first);
    free(p->slot);
    free(p->cache);
    free(p);
}

/* ---- links ---- */

static void use_unlink(struct patterns *p, struct entry *e)
{
    *(e->newer ? &e->newer->older : &p->newest) = e->older;
    *(e->older ? &e->older->newer : &p->oldest) = e->newer;
}

static void use_link(struct patterns *p, struct entry *e)
{
    e->newer = NULL;
    e->older = p->newest;
    *(p->newest ? &p->newest->newer : &p->oldest) = e;
    p->newest = e;
}

static void use(struct patterns *p, struct entry *e)
{
    if (p->newest == e)
        return;
    use_unlink(p, e);
    use_link(p, e);
}

static void tables_unlink(struct patterns *p, struct entry *e)
{
    *(e->bucket_before ? &e->bucket_before->bucket_next : &p->by_skeleton[e->skeleton & p->table_mask]) = e->bucket_next;
    if (e->bucket_next)
        e->bucket_next->bucket_before = e->bucket_before;
    *(e->first_before ? &e->first_before->first_next : &p->by_first[e->first & p->table_mask]) = e->first_next;
    if (e->first_next)
        e->first_next->first_before = e->first_before;
}

static void tables_link(struct patterns *p, struct entry *e)
{
    struct entry **head = &p->by_skeleton[e->skeleton & p->table_mask];
    e->bucket_before = NULL;
    e->bucket_next = *head;
    if (*head)
        (*head)->bucket_before = e;
    *head = e;
    head = &p->by_first[e->first & p->table_mask];
    e->first_before = NULL;
    e->first_next = *head;
    if (*head)
        (*head)->first_before = e;
    *head = e;
}

static void id_link(struct patterns *p, struct entry *e, uint64_t id)
{
    struct entry **at = &p->by_id[id & p->table_mask];
    e->public.id = id;
    e->id_next = *at;
    *at = e;
}

static void id_unlink(struct patterns *p, struct entry *e)
{
    struct entry **at = &p->by_id[e->public.id & p->table_mask];
    while (*at != e)
        at = &(*at)->id_next;
    *at = e->id_next;
}

void patterns_drop(struct patterns *p, struct entry *e)
{
    id_unlink(p, e);
    use_unlink(p, e);
    tables_unlink(p, e);
    p->slot[e->slot].entry = NULL;
    p->slot[e->slot].generation++;
    p->slot[e->slot].next_free = p->free_slot;
    p->free_slot = e->slot;
    p->bytes -= e->bytes;
    p->wides -= e->wides > 0;
    p->count--;
    entry_free(e);
}

bool patterns_put(struct patterns *p, struct entry *e)
{
    while (p->oldest && (p->count >= p->options.patterns_max || p->bytes + e->bytes > p->options.bytes_max)) {
        patterns_drop(p, p->oldest);
        p->evicted++;
    }
    if (p->bytes + e->bytes > p->options.bytes_max)
        return false;
    if (p->free_slot != NO_SLOT) {
        e->slot = p->free_slot;
        p->free_slot = p->slot[e->slot].next_free;
    } else {
        e->slot = p->slots++;
    }
    p->slot[e->slot].entry = e;
    id_link(p, e, e->public.id);
    use_link(p, e);
    tables_link(p, e);
    p->bytes += e->bytes;
    p->wides += e->wides > 0;
    p->count++;
    return true;
}

void patterns_merge(struct patterns *p, struct entry *gone, struct entry *into)
{
    struct pattern g = gone->public, *i = &into->public;
    patterns_drop(p, gone);
    uint64_t younger = g.id > i->id ? g.id : i->id;
    if (g.id < i->id) {
        id_unlink(p, into);
        id_link(p, into, g.id);
        i->changed = true;
    }
    if (g.count && (!i->count || g.first_us < i->first_us))
        i->first_us = g.first_us;
    if (g.count && (!i->count || g.last_us > i->last_us))
        i->last_us = g.last_us;
    i->count += g.count;
    if (p->on_merge && younger != FRESH_ID)
        p->on_merge(p->ctx, younger, i->id);
}

void patterns_changed(struct patterns *p, struct entry *e)
{
    size_t before = e->bytes;
    if (!entry_write_text(e))
        e->public.changed = true;
    p->bytes = p->bytes - before + e->bytes;
    for (; p->bytes > p->options.bytes_max && p->oldest != e; p->evicted++)
        patterns_drop(p, p->oldest);
    if (e->first != e->token[0].hash) {
        tables_unlink(p, e);
        e->first = e->token[0].hash;
        tables_link(p, e);
    }
}

struct entry *patterns_narrow(struct patterns *p, struct entry *e, size_t wide)
{
    struct slot   was = p->slot[e->slot];
    uint32_t      slot = e->slot;
    struct entry *fresh = entry_new(p->line.token, p->line.n, p->line.line);
    if (!fresh)
        return NULL;
    entry_open(fresh, wide, TOKEN_WIDE);
    fresh->public.id = FRESH_ID;
    use(p, e);
    if (!patterns_put(p, fresh)) {
        entry_free(fresh);
        return NULL;
    }
    if (p->slot[slot].entry == was.entry && p->slot[slot].generation == was.generation) {
        patterns_merge(p, e, fresh);
    } else {
        id_unlink(p, fresh);
        id_link(p, fresh, p->next_id++);
    }
    return fresh;
}

/* ---- lines ---- */

static struct entry *from_cache(struct patterns *p, uint64_t hash)
{
    const struct cached *c = &p->cache[hash & p->cache_mask];
    if (c->hash != hash || p->slot[c->slot].generation != c->generation)
        return NULL;
    return p->slot[c->slot].entry;
}

static void to_cache(struct patterns *p, uint64_t hash, const struct entry *e)
{
    p->cache[hash & p->cache_mask] = (struct cached){ hash, e->slot, p->slot[e->slot].generation };
}

static bool is_text(struct slice line)
{
    return line.n && !memchr(line.s, '\0', line.n);
}

/* Before a blank, lest half a word be taken for one. */
static struct slice cut(struct slice line)
{
    if (line.n <= PATTERN_LINE_MAX)
        return line;
    const char *blank = memrchr(line.s, ' ', PATTERN_LINE_MAX + 1);
    return (struct slice){ line.s, blank && blank > line.s ? (size_t)(blank - line.s) : PATTERN_LINE_MAX };
}

static const struct pattern *count_it(struct patterns *p, struct entry *e, int64_t now_us)
{
    if (e->public.count++ == 0)
        e->public.first_us = e->public.last_us = now_us;
    else if (now_us > e->public.last_us)
        e->public.last_us = now_us;
    else if (now_us < e->public.first_us)
        e->public.first_us = now_us;
    if (e == p->other)
        p->unfit++;
    else
        use(p, e);
    return &e->public;
}

const struct pattern *patterns_take(struct patterns *p, struct slice line, int64_t now_us)
{
    struct mask_line *m = &p->line;
    line = cut(line);
    if (!is_text(line))
        return count_it(p, p->other, now_us);
    mask_line(m, line, &p->options.ignore);
    if (m->n == 0)
        return count_it(p, p->other, now_us);
    struct entry *e = from_cache(p, m->hash);
    if (e)
        return count_it(p, e, now_us);

    struct token token[MASK_TOKENS_MAX];
    tokens_of(m, token);
    uint64_t skeleton = skeleton_of(token, m->n);
    e = align_find(p, token, m->n, skeleton);
    if (!e)
        e = align_learn(p, token, m->n, skeleton);
    if (!e) {
        e = entry_new(m->token, m->n, line);
        if (!e)
            return count_it(p, p->other, now_us);
        e->public.id = p->next_id;
        if (!patterns_put(p, e)) {
            entry_free(e);
            return count_it(p, p->other, now_us);
        }
        p->next_id++;
    }
    to_cache(p, m->hash, e);
    return count_it(p, e, now_us);
}

const struct pattern *patterns_match(struct patterns *p, struct slice line)
{
    line = cut(line);
    if (!is_text(line))
        return &p->other->public;
    mask_line(&p->line, line, &p->options.ignore);
    if (p->line.n == 0)
        return &p->other->public;
    struct entry *e = from_cache(p, p->line.hash);
    if (!e) {
        struct token token[MASK_TOKENS_MAX];
        tokens_of(&p->line, token);
        e = align_find(p, token, p->line.n, skeleton_of(token, p->line.n));
    }
    return e ? &e->public : NULL;
}

static struct entry *find(struct patterns *p, uint64_t id)
{
    if (id == 0)
        return p->other;
    struct entry *e = p->by_id[id & p->table_mask];
    while (e && e->public.id != id)
        e = e->id_next;
    return e;
}

const struct pattern *patterns_find(struct patterns *p, uint64_t id)
{
    const struct entry *e = find(p, id);
    return e ? &e->public : NULL;
}

void patterns_settled(struct patterns *p, uint64_t id)
{
    struct entry *e = find(p, id);
    if (e)
        e->public.changed = false;
}

void patterns_on_merge(struct patterns *p, void (*f)(void *ctx, uint64_t gone, uint64_t into), void *ctx)
{
    p->on_merge = f;
    p->ctx = ctx;
}

size_t   patterns_count(const struct patterns *p) { return p->count; }
size_t   patterns_bytes(const struct patterns *p) { return p->bytes; }
uint64_t patterns_evicted(const struct patterns *p) { return p->evicted; }
uint64_t patterns_unfit(const struct patterns *p) { return p->unfit; }

void patterns_each(struct patterns *p, bool (*f)(void *ctx, const struct pattern *), void *ctx)
{
    if (p->other->public.count && !f(ctx, &p->other->public))
        return;
    for (struct entry *e = p->newest, *older; e; e = older) {
        older = e->older;
        if (!f(ctx, &e->public))
            return;
    }
}

size_t patterns_fields(const struct patterns *p, const struct pattern *pattern, struct slice line, struct slice *field, size_t max)
{
    const struct entry *e = (const struct entry *)pattern;
    struct mask_line    m;
    struct token        token[MASK_TOKENS_MAX];
    size_t              n = 0, start[MASK_TOKENS_MAX + 1];
    line = cut(line);
    if (!is_text(line) || e->public.id == 0)
        return 0;
    mask_line(&m, line, &p->options.ignore);
    tokens_of(&m, token);
    if (!entry_covers(e, token, m.n, start))
        return 0;
    for (size_t i = 0; i < e->n && n < max; i++) {
        if (!is_open(e->token[i].kind))
            continue;
        const struct mask_token *first = &m.token[start[i]], *last = &m.token[start[i + 1] - 1];
        field[n++] = (struct slice){ line.s + first->at, last->at + last->n - first->at };
    }
    return n;
}
