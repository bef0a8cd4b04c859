/*
 * digest/align.c - which templates are one.
 *
 * A template only ever becomes more general, and only when it is shown: a word is a variable when enough templates differ in it
 * and in nothing else.  How many are enough depends on what differs (words with a structure, or beside masked values: little;
 * plain words: more) and on how much else agrees.  So "session opened" and "session closed" stay two, and users become one.
 */
#include "digest/patterns_inside.h"

enum {
    MASKS_MAX = 48, DIFFERENT_MAX = 8,
    SAID_MAX = 200,                  /* kinds of msg="X" in lines that are the same otherwise: with more of them, X is a value */
};

/* Where two templates differ, as bits; ~0 when in too many places or in punctuation. */
struct difference { uint64_t where; size_t count; };

static bool compare(const struct entry *e, const struct token *token, size_t n, size_t most, struct difference *d)
{
    *d = (struct difference){ 0 };
    for (size_t i = 0; i < n; i++) {
        const struct token *a = &e->token[i], *b = &token[i];
        if (a->hash == b->hash || (a->kind >= TOKEN_OPEN && b->kind != MASK_MARK))
            continue;
        if (a->kind == MASK_MARK || b->kind == MASK_MARK || i >= 64 || ++d->count > most)
            return false;
        d->where |= UINT64_C(1) << i;
    }
    return true;
}

struct entry *align_find(struct patterns *p, const struct token *token, size_t n, uint64_t skeleton)
{
    struct entry *best = NULL;
    size_t        looked = 0;
    for (struct entry *e = p->by_skeleton[skeleton & p->table_mask]; e && looked < BUCKET_LOOK_MAX; e = e->bucket_next, looked++)
        if (e->skeleton == skeleton && entry_covers(e, token, n, NULL) && (!best || e->words > best->words))
            best = e;
    if (best || !p->wides)
        return best;
    looked = 0;
    for (struct entry *e = p->by_first[token[0].hash & p->table_mask]; e && looked < BUCKET_LOOK_MAX; e = e->first_next, looked++)
        if (e->wides && entry_covers(e, token, n, NULL) && (!best || e->words > best->words))
            best = e;
    return best;
}

static bool is_word(const struct token *t) { return t->kind == MASK_WORD || t->kind == MASK_SOFT; }

/* ---- words that vary ---- */

/* opened, closed, starting: what happens is seldom a variable. */
static bool is_verb(const char *s, size_t n)
{
    return (n > 4 && memcmp(s + n - 2, "ed", 2) == 0) || (n > 5 && memcmp(s + n - 3, "ing", 3) == 0);
}

/* After these somebody or something is named. */
static bool introduces(const char *s, size_t n)
{
    static const char *const word[] = { "user", "users", "from", "by", "for", "on", "at", "via", "host", "hostname", "name", "named", "node",
                                        "service", "process", "device", "interface", "domain", "group", "module", "file", "client", "server",
                                        "daemon", "package" };
    for (size_t i = 0; i < sizeof word / sizeof *word; i++)
        if (strlen(word[i]) == n && memcmp(word[i], s, n) == 0)
            return true;
    return false;
}

static bool is_loud(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!((s[i] >= 'A' && s[i] <= 'Z') || s[i] == '_' || s[i] == '-'))
            return false;
    return n > 1;
}

/* Is a name to be expected at token i: "user X", "user: X", "host [X]"? */
static bool is_introduced(const struct entry *e, size_t i)
{
    if (i && e->token[i - 1].kind == MASK_MARK)
        i--;
    return i && e->token[i - 1].kind == MASK_WORD && introduces(e->chars + e->token[i - 1].at, e->token[i - 1].n);
}

/* How many templates must have another word at i before it is a variable, when `agree` words are the same. */
static size_t enough_at(const struct entry *e, const struct token *b, const char *b_word, size_t i, size_t agree, bool *named)
{
    const struct token *a = &e->token[i];
    const char         *a_word = e->chars + a->at;
    *named = true;
    if (!is_word(a) || !is_word(b))                          /* masked in one of them */
        return 2;
    if (i == 0)                                              /* who speaks, or what is spoken of */
        return agree >= 4 ? 6 : a->kind == MASK_SOFT && b->kind == MASK_SOFT ? 8 : 16;
    if (a->kind == MASK_SOFT || b->kind == MASK_SOFT)
        return agree >= 3 ? 2 : 3;
    bool to_state = e->token[i - 1].n == 2 && memcmp(e->chars + e->token[i - 1].at, "to", 2) == 0 && is_loud(a_word, a->n) && is_loud(b_word, b->n);
    *named = agree >= 2 && (is_introduced(e, i) || to_state);
    if (is_verb(a_word, a->n) && is_verb(b_word, b->n))
        return 16;
    return *named ? 3 : agree >= 4 ? 4 : 5;
}

static bool is_mark(const struct entry *e, size_t i, const char *marks)
{
    return e->token[i].kind == MASK_MARK && e->token[i].n == 1 && strchr(marks, e->chars[e->token[i].at]);
}

static bool is_said_at(const struct entry *e, size_t i)      /* does msg= or "event": stand before token i? */
{
    return i >= 2 && is_mark(e, i - 1, "=:") && e->token[i - 2].kind == MASK_WORD && (e->chars[e->token[i - 1].at] == '=' || e->chars[e->token[i - 2].at] == '"') &&
           mask_says(e->chars + e->token[i - 2].at, e->token[i - 2].n);
}

/* What a line of keys and values says: the tokens of msg="..." and "event":"..." that i is one of, or of msg=i. */
static bool is_said(const struct entry *e, size_t i, size_t *from, size_t *to)
{
    *from = i;
    *to = i + 1;
    if (is_said_at(e, i))
        return true;
    while (*from && !is_mark(e, *from - 1, "\""))
        --*from;
    while (*to < e->n && !is_mark(e, *to, "\""))
        ++*to;
    return *from && is_said_at(e, *from - 1);
}

/* How many words are the same. Of what is said all that count are its own: the keys around it are the same in any case. */
static size_t agreement(const struct entry *e, const struct token *token, const struct difference *d, bool *said)
{
    size_t agree = SIZE_MAX, from, to;
    *said = false;
    for (size_t i = 0; i <= e->n; i++) {
        size_t n = 0;
        if (i == e->n)
            from = 0, to = e->n;
        else if (i >= 64 || !(d->where >> i & 1) || !is_said(e, i, &from, &to))
            continue;
        for (size_t k = from; k < to; k++)
            n += is_word(&token[k]) && e->token[k].hash == token[k].hash;
        *said |= i < e->n;
        agree = n < agree ? n : agree;
    }
    return agree;
}

/* How many templates must differ there and nowhere else. */
static size_t enough(const struct patterns *p, const struct entry *e, const struct token *token, const struct difference *d)
{
    size_t most = 2, plain = 0;
    bool   words = false, said;
    size_t agree = agreement(e, token, d, &said);
    if (agree == 0)
        return said && d->count == 1 ? SAID_MAX : SIZE_MAX;
    for (size_t i = 0; i < e->n && i < 64; i++) {
        bool named;
        if (!(d->where >> i & 1))
            continue;
        size_t k = enough_at(e, &token[i], p->line.line.s + token[i].at, i, agree, &named);
        most = k > most ? k : most;
        plain += !named;
        words |= is_word(&e->token[i]) && is_word(&token[i]);
    }
    if (agree == 1)
        most = words ? 2 * most : most + 1;
    return most + (d->count > 1 ? 2 * plain : 0);
}

static void open_up(struct patterns *p, struct entry *e, uint64_t where)
{
    for (size_t i = 0; i < e->n && i < 64; i++)
        if (where >> i & 1)
            entry_open(e, i, TOKEN_OPEN);
    patterns_changed(p, e);
}

/* Whatever the template covers now is the same one. */
static void gather(struct patterns *p, struct entry *e)
{
    size_t looked = 0;
    for (struct entry *o = p->by_skeleton[e->skeleton & p->table_mask], *next; o && looked < BUCKET_LOOK_MAX; o = next, looked++) {
        next = o->bucket_next;
        if (o != e && o->skeleton == e->skeleton && entry_covers(e, o->token, o->n, NULL))
            patterns_merge(p, o, e);
    }
    if (!e->wides)
        return;
    looked = 0;
    for (struct entry *o = p->by_first[e->first & p->table_mask], *next; o && looked < BUCKET_LOOK_MAX; o = next, looked++) {
        next = o->first_next;
        if (o != e && o->first == e->first && entry_covers(e, o->token, o->n, NULL))
            patterns_merge(p, o, e);
    }
}

/* ---- values of several parts ---- */

struct gap { size_t at, a, b; };                 /* after `at` tokens: a tokens of the one, b of the other */

static struct gap gap_between(const struct entry *e, const struct token *token, size_t n)
{
    size_t least = e->n < n ? e->n : n, head = 0, tail = 0;
    while (head < least && e->token[head].hash == token[head].hash)
        head++;
    while (tail < least - head && e->token[e->n - 1 - tail].hash == token[n - 1 - tail].hash)
        tail++;
    if ((e->n == head + tail || n == head + tail) && head && e->token[head - 1].hash == MASK_VAR_HASH)
        head--;
    return (struct gap){ head, e->n - head - tail, n - head - tail };
}

/* A few tokens without a blank between them, and one of them masked: LOCAL(0), a{7}; or what is quoted: "Alice Meyer". */
static bool is_chunk(const struct token *t, size_t n)
{
    bool   varies = false;
    size_t words = 0;
    if (is_quotation(t, n))
        return true;
    for (size_t i = 0; i < n; i++) {
        if (i && t[i].blank)
            return false;
        varies |= t[i].hash == MASK_VAR_HASH;
        words += is_word(&t[i]);
    }
    return varies && n <= WIDE_MAX && words <= 2;
}

static struct entry *learn_wide(struct patterns *p, const struct token *token, size_t n)
{
    size_t looked = 0;
    for (struct entry *e = p->by_first[token[0].hash & p->table_mask]; e && looked < BUCKET_LOOK_MAX; e = e->first_next, looked++) {
        if (e->first != token[0].hash || e->n == n)
            continue;
        struct gap g = gap_between(e, token, n);
        bool       shorter = g.a == 1 && e->token[g.at].hash == MASK_VAR_HASH && g.b > 1 && is_chunk(token + g.at, g.b);
        bool       longer = g.b == 1 && token[g.at].hash == MASK_VAR_HASH && g.a > 1 && is_chunk(e->token + g.at, g.a);
        if ((!shorter && !longer) || is_said_at(e, g.at))
            continue;
        size_t agree = 0;
        for (size_t i = 0; i < e->n; i++)
            agree += (i < g.at || i >= g.at + g.a) && is_word(&e->token[i]);
        if (g.at == 0 || agree < 2 || e->wides >= WIDES_MAX)
            continue;
        if (shorter) {
            entry_open(e, g.at, TOKEN_WIDE);
            p->wides += e->wides == 1;
            patterns_changed(p, e);
            gather(p, e);
            return e;
        }
        struct entry *narrow = patterns_narrow(p, e, g.at);
        if (narrow)
            gather(p, narrow);
        return narrow;
    }
    return NULL;
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
            if (e->public.id < mask[at].oldest->public.id)
                mask[at].oldest = e;
        }
    }
    struct entry *best = NULL;
    uint64_t      where = 0;
    size_t        fewest = SIZE_MAX;
    for (size_t i = 0; i < masks; i++) {
        if (mask[i].d.count < fewest && mask[i].count + 1 >= enough(p, mask[i].oldest, token, &mask[i].d)) {
            best = mask[i].oldest;
            where = mask[i].d.where;
            fewest = mask[i].d.count;
        }
    }
    if (!best)
        return learn_wide(p, token, n);
    open_up(p, best, where);
    gather(p, best);
    return best;
}
