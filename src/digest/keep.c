/*
 * digest/keep.c - what was learned, as bytes.
 *
 * "HOMEOPAT", version (4 bytes), next id (8), lines without a pattern (8), evicted (8), templates (4); for each, the one not seen for
 * longest first: id, count, first, last (8 each), size of the sample (2), tokens (2), sample; and for each token its kind (1), whether
 * a blank stands before it (1), size (2) and bytes.  At the end XXH3 over all before (8).  Everything little-endian.
 */
#include "digest/patterns_inside.h"

#include <stdlib.h>
#include <xxhash.h>

enum { VERSION = 1, HEAD = 8 + 4 + 8 + 8 + 8 + 4, SUM = 8 };
static const char magic[8] = { 'H', 'O', 'M', 'E', 'O', 'P', 'A', 'T' };

/* ---- writing ---- */

static void put(unsigned char **at, uint64_t n, int bytes)
{
    for (int i = 0; i < bytes; i++)
        *(*at)++ = (unsigned char)(n >> (8 * i));
}

static void put_bytes(unsigned char **at, const char *s, size_t n)
{
    if (n)
        memcpy(*at, s, n);
    *at += n;
}

static size_t entry_size(const struct entry *e)
{
    size_t n = 4 * 8 + 2 + 2 + strlen(e->public.sample);
    for (size_t i = 0; i < e->n; i++)
        n += 4 + (is_open(e->token[i].kind) ? 0u : e->token[i].n);
    return n;
}

enum err patterns_save(const struct patterns *p, char **bytes, size_t *size, struct fault *fault)
{
    size_t n = HEAD + SUM;
    for (const struct entry *e = p->oldest; e; e = e->newer)
        n += entry_size(e);
    unsigned char *made = malloc(n), *at = made;
    *bytes = (char *)made;
    *size = n;
    if (!made)
        return fail(fault, ERR_LIMIT, "patterns: out of memory for a snapshot of %zu bytes", n);
    put_bytes(&at, magic, sizeof magic);
    put(&at, VERSION, 4);
    put(&at, p->next_id, 8);
    put(&at, p->unfit, 8);
    put(&at, p->evicted, 8);
    put(&at, p->count, 4);
    for (const struct entry *e = p->oldest; e; e = e->newer) {
        size_t sample = strlen(e->public.sample);
        put(&at, e->public.id, 8);
        put(&at, e->public.count, 8);
        put(&at, (uint64_t)e->public.first_us, 8);
        put(&at, (uint64_t)e->public.last_us, 8);
        put(&at, sample, 2);
        put(&at, e->n, 2);
        put_bytes(&at, e->public.sample, sample);
        for (size_t i = 0; i < e->n; i++) {
            const struct token *t = &e->token[i];
            size_t k = is_open(t->kind) ? 0 : t->n;
            put(&at, t->kind, 1);
            put(&at, t->blank, 1);
            put(&at, k, 2);
            put_bytes(&at, e->chars + t->at, k);
        }
    }
    put(&at, XXH3_64bits(made, n - SUM), 8);
    return OK;
}

/* ---- reading ---- */

struct in { const unsigned char *at, *end; bool bad; };

static uint64_t get(struct in *in, int bytes)
{
    uint64_t n = 0;
    if (in->bad || in->end - in->at < bytes) {
        in->bad = true;
        return 0;
    }
    for (int i = 0; i < bytes; i++)
        n |= (uint64_t)*in->at++ << (8 * i);
    return n;
}

static struct slice get_slice(struct in *in, size_t n)
{
    in->bad |= (size_t)(in->end - in->at) < n;
    struct slice s = { (const char *)in->at, in->bad ? 0 : n };
    in->at += s.n;
    return s;
}

/* One template, put into p as the one seen last. False: damaged, or (memory) out of memory. */
static bool get_entry(struct in *in, struct patterns *p, bool *memory)
{
    char              line[PATTERN_LINE_MAX];
    struct mask_token token[MASK_TOKENS_MAX];
    size_t            used = 0;
    struct pattern    is = { .id = get(in, 8), .count = get(in, 8), .first_us = (int64_t)get(in, 8), .last_us = (int64_t)get(in, 8) };
    size_t            sample_n = get(in, 2), n = get(in, 2);
    struct slice      sample = get_slice(in, sample_n);
    if (in->bad || is.id == 0 || is.id >= p->next_id || patterns_find(p, is.id) || n == 0 || n > MASK_TOKENS_MAX || sample.n >= PATTERN_SAMPLE_MAX)
        return false;
    for (size_t i = 0; i < n; i++) {
        uint8_t      kind = (uint8_t)get(in, 1), blank = (uint8_t)get(in, 1);
        struct slice s = get_slice(in, get(in, 2));
        bool         varies = kind == MASK_VAR || kind == TOKEN_OPEN || kind == TOKEN_WIDE;
        if (in->bad || blank > 1 || (varies ? s.n > 0 : kind > MASK_MARK || s.n == 0) || used + s.n > sizeof line)
            return false;
        token[i] = (struct mask_token){ (uint32_t)used, (uint32_t)s.n, kind, blank, false, varies ? MASK_VAR_HASH : mask_hash(s.s, s.n) };
        if (s.n)
            memcpy(line + used, s.s, s.n);
        used += s.n;
    }
    *memory = false;
    struct entry *e = entry_new(token, n, (struct slice){ line, used });
    if (!e)
        return false;
    if (e->wides > WIDES_MAX || (e->wides && token[0].kind == TOKEN_WIDE)) {
        *memory = true;
        entry_free(e);
        return false;
    }
    e->public.id = is.id;
    e->public.count = is.count;
    e->public.first_us = is.first_us;
    e->public.last_us = is.last_us;
    if (!entry_set_sample(e, sample) || !patterns_put(p, e)) {
        entry_free(e);
        return false;
    }
    *memory = true;
    return true;
}

enum err patterns_load(struct patterns *p, struct slice bytes, struct fault *fault)
{
    struct in in = { (const unsigned char *)bytes.s, (const unsigned char *)bytes.s + bytes.n, false };
    if (bytes.n < HEAD + SUM || memcmp(bytes.s, magic, sizeof magic) != 0)
        return fail(fault, ERR_INPUT, "patterns: these %zu bytes are not a snapshot", bytes.n);
    in.at += sizeof magic;
    uint64_t version = get(&in, 4);
    if (version != VERSION)
        return fail(fault, ERR_INPUT, "patterns: a snapshot of version %llu, this program reads %d", (unsigned long long)version, VERSION);
    struct in tail = { in.end - SUM, in.end, false };
    if (get(&tail, 8) != XXH3_64bits(bytes.s, bytes.n - SUM))
        return fail(fault, ERR_INPUT, "patterns: the snapshot is damaged, its checksum is another");
    in.end -= SUM;

    struct patterns *fresh;
    enum err         e = patterns_new(&p->options, &fresh, fault);
    if (e)
        return e;
    bool memory = true;
    fresh->next_id = get(&in, 8);
    uint64_t unfit = get(&in, 8), evicted = get(&in, 8), count = get(&in, 4);
    in.bad |= fresh->next_id == 0 || fresh->next_id == FRESH_ID;
    for (uint64_t i = 0; i < count && !in.bad; i++)
        in.bad |= !get_entry(&in, fresh, &memory);
    if (in.bad || in.at != in.end) {
        patterns_free(fresh);
        return memory ? fail(fault, ERR_INPUT, "patterns: the snapshot is damaged")
                      : fail(fault, ERR_LIMIT, "patterns: out of memory for the snapshot");
    }
    fresh->evicted += evicted;
    fresh->unfit = fresh->other->public.count = unfit;
    fresh->on_merge = p->on_merge;
    fresh->ctx = p->ctx;
    struct patterns was = *p;
    *p = *fresh;
    *fresh = was;
    patterns_free(fresh);
    return OK;
}
