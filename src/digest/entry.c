/* digest/entry.c - one template: its tokens, its text, and whether it covers a line. */
#include "base/utf8.h"
#include "digest/patterns_inside.h"

#include <stdlib.h>

void tokens_of(const struct mask_line *m, struct token *token)
{
    for (size_t i = 0; i < m->n; i++) {
        const struct mask_token *t = &m->token[i];
        token[i] = (struct token){ t->hash, t->at, (uint16_t)t->n, t->kind, t->blank };
    }
}

uint64_t skeleton_of(const struct token *token, size_t n)
{
    uint64_t h = n;
    for (size_t i = 0; i < n; i++)
        if (token[i].kind == MASK_MARK)
            h = mask_hash_next(mask_hash_next(h, i), token[i].hash);
    return h;
}

struct entry *entry_new(const struct mask_token *token, size_t n, struct slice line)
{
    size_t chars = 0;
    for (size_t i = 0; i < n; i++)
        chars += is_open(token[i].kind) ? 0 : token[i].n;
    size_t        size = sizeof(struct entry) + n * sizeof(struct token) + chars;
    struct entry *e = calloc(1, size);
    if (!e)
        return NULL;
    e->n = (uint32_t)n;
    e->chars = (char *)(e->token + n);
    e->bytes = size;
    for (size_t i = 0, at = 0; i < n; i++) {
        const struct mask_token *t = &token[i];
        bool var = is_open(t->kind);
        e->token[i] = (struct token){ t->hash, (uint32_t)at, var ? 0 : (uint16_t)t->n, t->kind, t->blank };
        e->words += t->kind == MASK_WORD || t->kind == MASK_SOFT;
        e->wides += t->kind == TOKEN_WIDE;
        if (!var && t->n) {
            memcpy(e->chars + at, line.s + t->at, t->n);
            at += t->n;
        }
    }
    e->skeleton = skeleton_of(e->token, n);
    e->first = n ? e->token[0].hash : 0;
    if (entry_write_text(e) && entry_set_sample(e, line))
        return e;
    entry_free(e);
    return NULL;
}

void entry_free(struct entry *e)
{
    if (!e)
        return;
    free((char *)e->public.text);
    free((char *)e->public.sample);
    free(e);
}

/* UTF-8 as it is; any other byte as '?'. to holds at most max bytes and a NUL. */
static size_t add_clean(char *to, size_t used, size_t max, const char *s, size_t n)
{
    for (size_t i = 0; i < n && used < max;) {
        unsigned char c = (unsigned char)s[i];
        size_t        k = utf8_length(s + i, n - i);
        if (k <= 1) {
            to[used++] = k == 0 ? '?' : c < 0x20 || c == 0x7f ? ' ' : (char)c;
            i++;
            continue;
        }
        if (used + k > max)
            break;
        memcpy(to + used, s + i, k);
        used += k;
        i += k;
    }
    return used;
}

static bool replace(struct entry *e, const char **kept, const char *fresh, size_t n)
{
    char *copy = malloc(n + 1);
    if (!copy)
        return false;
    memcpy(copy, fresh, n);
    copy[n] = '\0';
    e->bytes = e->bytes - (*kept ? strlen(*kept) + 1 : 0) + strlen(copy) + 1;
    free((char *)*kept);
    *kept = copy;
    return true;
}

bool entry_write_text(struct entry *e)
{
    char   text[PATTERN_TEXT_MAX];
    size_t used = 0, max = sizeof text - 1;
    for (size_t i = 0; i < e->n; i++) {
        const struct token *t = &e->token[i];
        if (t->blank && i)
            used = add_clean(text, used, max, " ", 1);
        used = is_open(t->kind) ? add_clean(text, used, max, "<*>", 3) : add_clean(text, used, max, e->chars + t->at, t->n);
    }
    if (!replace(e, &e->public.text, text, used))
        return false;
    e->public.changed = true;
    return true;
}

bool entry_set_sample(struct entry *e, struct slice line)
{
    char sample[PATTERN_SAMPLE_MAX];
    return replace(e, &e->public.sample, sample, add_clean(sample, 0, sizeof sample - 1, line.s, line.n));
}

bool is_quotation(const struct token *t, size_t n)
{
    static const char marks[] = "\"'`";
    bool quoted = false;
    if (n < 3 || n > WIDE_MAX || t[0].kind != MASK_MARK || t[n - 1].kind != MASK_MARK || t[0].hash != t[n - 1].hash)
        return false;
    for (size_t i = 0; !quoted && i < sizeof marks - 1; i++)
        quoted = t[0].hash == mask_hash(&marks[i], 1);
    for (size_t i = 1; quoted && i < n - 1; i++)
        quoted = t[i].hash != t[0].hash;
    return quoted;
}

static bool covers_from(const struct entry *e, size_t i, const struct token *token, size_t j, size_t n, size_t *start)
{
    for (; i < e->n; i++, j++) {
        const struct token *t = &e->token[i];
        if (j >= n)
            return false;
        if (start)
            start[i] = j;
        if (t->kind == TOKEN_WIDE) {
            bool blank = false;
            for (size_t k = 1; k <= WIDE_MAX && j + k <= n; k++) {
                blank |= k > 1 && token[j + k - 1].blank;
                if ((!blank || is_quotation(token + j, k)) && covers_from(e, i + 1, token, j + k, n, start))
                    return true;
            }
            return false;
        }
        if (t->hash != token[j].hash && !(t->kind == TOKEN_OPEN && token[j].kind != MASK_MARK))
            return false;
        if (token[j].kind == TOKEN_WIDE)                     /* another template, which stands for more */
            return false;
    }
    if (start)
        start[i] = n;
    return j == n;
}

bool entry_covers(const struct entry *e, const struct token *token, size_t n, size_t *start)
{
    return (e->wides || e->n == n) && covers_from(e, 0, token, 0, n, start);
}

void entry_open(struct entry *e, size_t i, uint8_t kind)
{
    struct token *t = &e->token[i];
    e->words -= t->kind == MASK_WORD || t->kind == MASK_SOFT;
    e->wides += (uint32_t)(kind == TOKEN_WIDE) - (uint32_t)(t->kind == TOKEN_WIDE);
    t->kind = kind;
    t->hash = MASK_VAR_HASH;
}
