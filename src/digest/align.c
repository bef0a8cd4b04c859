/*
 * digest/align.c - which templates are one.
 *
 * A template only ever becomes more general, and only when it is shown: a word is a variable when enough templates differ in it
 * and in nothing else.  How many are enough depends on what differs (words with a structure, or beside masked values: little;
 * plain words: more) and on how much else agrees.  So "session opened" and "session closed" stay two, and users become one.
 */
#include "digest/patterns_inside.h"

enum { MASKS_MAX = 48, DIFFERENT_MAX = 8 };

/* Where two templates differ, as bits; ~0 when in too many places or in punctuation. */
struct difference { uint64_t where; size_t count; bool plain; };

static bool compare(const struct entry *e, const struct token *token, size_t n, size_t most, struct difference *d)
{
    *d = (struct difference){ 0 };
    for (size_t i = 0; i < n; i++) {
        const struct token *a = &e->token[i], *b = &token[i];
        if (a->hash == b->hash || a->kind == TOKEN_OPEN || b->kind == TOKEN_OPEN)
            continue;
        if (a->kind == MASK_MARK || i >= 64 || ++d->count > most)
            return false;
        d->where |= UINT64_C(1) << i;
        d->plain |= a->kind == MASK_WORD && b->kind == MASK_WORD;
    }
    return true;
}

struct entry *align_find(struct patterns *p, const struct token *token, size_t n, uint64_t skeleton)
{
    struct entry *best = NULL;
    size_t        looked = 0;
    for (struct entry *e = p->by_skeleton[skeleton & p->table_mask]; e && looked < BUCKET_LOOK_MAX; e = e->bucket_next, looked++)
        if (e->skeleton == skeleton && entry_covers(e, token, n) && (!best || e->words > best->words))
            best = e;
    return best;
}

/* How many templates must differ there and nowhere else. */
static size_t enough(const struct difference *d, size_t agree)
{
    if (agree == 0)
        return SIZE_MAX;
    size_t k = !d->plain ? 2 : agree >= 4 ? 4 : 5;
    if (agree == 1)
        k = d->plain ? 8 : 3;
    return k + (d->plain ? 2 * (d->count - 1) : 0);
}

static void open_up(struct entry *e, uint64_t where)
{
    for (size_t i = 0; i < e->n && i < 64; i++) {
        if (!(where >> i & 1))
            continue;
        e->words -= e->token[i].kind == MASK_WORD || e->token[i].kind == MASK_SOFT;
        e->token[i].kind = TOKEN_OPEN;
        e->token[i].hash = MASK_VAR_HASH;
    }
}

/* Whatever the template covers now is the same one. */
static struct entry *gather(struct patterns *p, struct entry *e)
{
    size_t looked = 0;
    for (struct entry *o = p->by_skeleton[e->skeleton & p->table_mask], *next; o && looked < BUCKET_LOOK_MAX; o = next, looked++) {
        next = o->bucket_next;
        if (o != e && o->skeleton == e->skeleton && (entry_covers(e, o->token, o->n) || entry_covers(o, e->token, e->n)))
            patterns_merge(p, o, &e);
    }
    return e;
}

struct entry *align_learn(struct patterns *p, const struct token *token, size_t n, uint64_t skeleton)
{
    struct { struct difference d; struct entry *oldest; size_t count; } mask[MASKS_MAX];
    size_t masks = 0, words = 0, looked = 0;
    for (size_t i = 0; i < n; i++)
        words += token[i].kind == MASK_WORD || token[i].kind == MASK_SOFT;
    size_t most = (size_t)((double)words * (1 - p->options.similarity) + 0.5);
    most = most < 1 ? 1 : most > DIFFERENT_MAX ? DIFFERENT_MAX : most;

    for (struct entry *e = p->by_skeleton[skeleton & p->table_mask]; e && looked < BUCKET_LOOK_MAX; e = e->bucket_next, looked++) {
        struct difference d;
        if (e->skeleton != skeleton || e->n != n || !compare(e, token, n, most, &d))
            continue;
        size_t at = 0;
        while (at < masks && mask[at].d.where != d.where)
            at++;
        if (at == MASKS_MAX)
            continue;
        if (at == masks) {
            masks++;
            mask[at].d = d;
            mask[at].oldest = e;
            mask[at].count = 1;
        } else {
            mask[at].count++;
            mask[at].d.plain |= d.plain;
            if (e->public.id < mask[at].oldest->public.id)
                mask[at].oldest = e;
        }
    }
    struct entry *best = NULL;
    uint64_t      where = 0;
    size_t        fewest = SIZE_MAX;
    for (size_t i = 0; i < masks; i++) {
        size_t agree = 0;
        const struct entry *e = mask[i].oldest;
        for (size_t j = 0; j < n; j++)
            agree += (token[j].kind == MASK_WORD || token[j].kind == MASK_SOFT) && e->token[j].hash == token[j].hash;
        if (mask[i].count + 1 >= enough(&mask[i].d, agree) && mask[i].d.count < fewest) {
            best = mask[i].oldest;
            where = mask[i].d.where;
            fewest = mask[i].d.count;
        }
    }
    if (!best)
        return NULL;
    open_up(best, where);
    best = gather(p, best);
    if (!entry_write_text(best))
        best->public.changed = true;
    return best;
}
