/* digest/schema.c - what varies in a template, as JSON: which field, what stands before it, and a value it had. */
#include "base/utf8.h"
#include "digest/patterns_inside.h"

#include <stdio.h>

enum { FIELDS_MAX = 16, NAME_MAX_BYTES = 40, EXAMPLE_MAX_BYTES = 64 };

struct out { char *s; size_t n, size; };

static void put(struct out *o, const char *s, size_t n)
{
    if (o->n + n < o->size) {
        memcpy(o->s + o->n, s, n);
        o->n += n;
    }
}

/* In quotes, at most max bytes and only whole characters. */
static void put_text(struct out *o, struct slice s, size_t max)
{
    put(o, "\"", 1);
    for (size_t i = 0, k; i < s.n && (k = utf8_length(s.s + i, s.n - i)) != 0 && i + k <= max; i += k) {
        if (s.s[i] == '"' || s.s[i] == '\\')
            put(o, "\\", 1);
        if ((unsigned char)s.s[i] >= ' ')
            put(o, s.s + i, k);
    }
    put(o, "\"", 1);
}

/* key=<*>, "key":<*>, key: <*>. Empty: nothing that names it stands before it. */
static struct slice name_of(const struct entry *e, size_t i)
{
    if (i < 2 || e->token[i - 1].kind != MASK_MARK || e->token[i - 1].n != 1 || e->token[i - 1].blank || is_open(e->token[i - 2].kind) || e->token[i - 2].kind == MASK_MARK)
        return (struct slice){ 0 };
    char         mark = e->chars[e->token[i - 1].at];
    struct slice s = { e->chars + e->token[i - 2].at, e->token[i - 2].n };
    if (s.n > 2 && s.s[0] == '"' && s.s[s.n - 1] == '"')
        s = (struct slice){ s.s + 1, s.n - 2 };
    return mark == '=' || mark == ':' ? s : (struct slice){ 0 };
}

size_t patterns_schema(const struct patterns *p, const struct pattern *pattern, char *out, size_t size)
{
    const struct entry *e = (const struct entry *)pattern;
    struct out          o = { out, 0, size - 3 };                  /* room for the end */
    struct slice        example[FIELDS_MAX];
    size_t              examples = patterns_fields(p, pattern, slice_of(pattern->sample), example, FIELDS_MAX), fields = 0;
    put(&o, "{\"fields\":[", 11);
    for (size_t i = 0; i < e->n; i++) {
        char head[40];
        if (!is_open(e->token[i].kind) || fields++ >= FIELDS_MAX)
            continue;
        put(&o, head, (size_t)snprintf(head, sizeof head, "%s{\"index\":%zu", fields > 1 ? "," : "", fields - 1));
        struct slice name = name_of(e, i);
        if (name.n) {
            put(&o, ",\"name\":", 8);
            put_text(&o, name, NAME_MAX_BYTES);
        }
        if (fields <= examples) {
            put(&o, ",\"example\":", 11);
            put_text(&o, example[fields - 1], EXAMPLE_MAX_BYTES);
        }
        put(&o, "}", 1);
    }
    put(&o, "]", 1);
    if (fields > FIELDS_MAX) {
        char more[40];
        put(&o, more, (size_t)snprintf(more, sizeof more, ",\"more\":%zu", fields - FIELDS_MAX));
    }
    out[o.n] = '}';
    out[o.n + 1] = 0;
    return o.n + 1;
}
