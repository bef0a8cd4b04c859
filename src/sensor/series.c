/* sensor/series.c - see series.h. The image of a series is written once; afterwards sixteen of its bytes change. */
#include "sensor/series.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SAMPLE_SIZE = 16, NAME_MAX_ = 256 };      /* tag value tag time: 1 + 8 + 1 + 6 bytes */
enum { CROWDED_LOOK = 512 };
#define STALE UINT64_C(0x7ff0000000000002)      /* the NaN by which remote write says that a series has ended */

void series_init(struct series_table *t, size_t bound, size_t each) { *t = (struct series_table){ .bound = bound, .each = each }; }

static void one_done(struct series *s) { free(s->key); }

void series_done(struct series_table *t)
{
    for (size_t i = 0; i < SERIES_OWNERS_MAX; i++) {
        for (size_t j = 0; j < t->list[i].count; j++)
            one_done(&t->list[i].item[j]);
        free(t->list[i].item);
    }
    *t = (struct series_table){ 0 };
}

static size_t labels_count(const char *names)
{
    size_t n = *names != 0;
    for (; *names; names++)
        n += *names == ' ';
    return n;
}

/* ---- protobuf, as much of it as is needed ---- */

static size_t varint_size(uint64_t v)
{
    size_t n = 1;
    for (; v >= 128; v >>= 7)
        n++;
    return n;
}

static uint8_t *varint(uint8_t *p, uint64_t v)
{
    for (; v >= 128; v >>= 7)
        *p++ = (uint8_t)(v | 128);
    *p++ = (uint8_t)v;
    return p;
}

static size_t field_size(size_t n) { return 1 + varint_size(n) + n; }

static uint8_t *field(uint8_t *p, uint8_t tag, struct slice s)
{
    *p++ = tag;
    p    = varint(p, s.n);
    if (s.n)
        memcpy(p, s.s, s.n);
    return p + s.n;
}

static size_t label_size(struct slice name, struct slice value) { return field_size(name.n) + field_size(value.n); }

static uint8_t *label(uint8_t *p, struct slice name, struct slice value)
{
    *p++ = 0x0a;
    p    = varint(p, label_size(name, value));
    p    = field(p, 0x0a, name);
    return field(p, 0x12, value);
}

static struct slice next_word(const char **names)
{
    const char *from = *names, *to = from + strcspn(from, " ");
    *names = *to ? to + 1 : to;
    return (struct slice){ from, (size_t)(to - from) };
}

static struct slice name_of(const struct series_kind *kind, struct slice word, char *out, size_t size)
{
    const char *star = strchr(kind->name, '*');
    int         n    = star ? snprintf(out, size, "%.*s%.*s%s", (int)(star - kind->name), kind->name, (int)word.n, word.s ? word.s : "", star + 1)
                            : snprintf(out, size, "%s", kind->name);
    return (struct slice){ out, n < 0 ? 0 : (size_t)n < size ? (size_t)n : size - 1 };
}

struct slice series_name(const struct series *s, char *out, size_t size)
{
    return name_of(s->kind, (struct slice){ s->key, s->word_size }, out, size);
}

/* The labels of a series in turn; an empty value is no label. */
struct label_walk { const char *names, *value; size_t left; };

static struct label_walk walk_of(const struct series *s) { return (struct label_walk){ s->kind->labels, s->key + s->word_size + 1, s->labels }; }

static bool walk(struct label_walk *w, struct slice *name, struct slice *value)
{
    while (w->left) {
        w->left--;
        *name     = next_word(&w->names);
        *value    = slice_of(w->value);
        w->value += value->n + 1;
        if (value->n)
            return true;
    }
    return false;
}

static bool make(struct series *s, const struct series_kind *kind, struct slice word, const struct slice *values)
{
    char         buffer[NAME_MAX_];
    struct slice name = name_of(kind, word, buffer, sizeof buffer), key, value;
    size_t       n = labels_count(kind->labels), key_size = word.n + 1;
    assert(n <= SERIES_LABELS_MAX);
    for (size_t i = 0; i < n; i++)
        key_size += values[i].n + 1;
    size_t most = 64 + key_size + label_size(SLICE("__name__"), name) + strlen(kind->labels) + 16 * (n + 1);
    *s = (struct series){ .kind = kind, .word_size = (uint16_t)word.n, .labels = (uint16_t)n, .key_size = (uint32_t)key_size, .key = malloc(key_size + most) };
    if (!s->key)
        return false;
    char *k = s->key;
    if (word.n)
        memcpy(k, word.s, word.n);
    k   += word.n;
    *k++ = 0;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < values[i].n; j++)
            *k++ = values[i].s[j] ? values[i].s[j] : '?';        /* the key's own end */
        *k++ = 0;
    }
    size_t            body = 1 + varint_size(label_size(SLICE("__name__"), name)) + label_size(SLICE("__name__"), name) + 2 + SAMPLE_SIZE;
    struct label_walk w    = walk_of(s);
    while (walk(&w, &key, &value))
        body += 1 + varint_size(label_size(key, value)) + label_size(key, value);
    uint8_t *p = s->image = (uint8_t *)s->key + key_size;
    *p++ = 0x0a;
    p    = varint(p, body);
    p    = label(p, SLICE("__name__"), name);
    for (w = walk_of(s); walk(&w, &key, &value);)
        p = label(p, key, value);
    *p++ = 0x12;
    *p++ = SAMPLE_SIZE;
    p[0] = 0x09;
    p[9] = 0x10;
    p   += SAMPLE_SIZE;
    s->image_size = (uint32_t)(p - s->image);
    assert(s->image_size <= most);
    return true;
}

/* ---- telling ---- */

static bool is(const struct series *s, const struct series_kind *kind, struct slice word, const struct slice *values)
{
    if (s->kind != kind || s->word_size != word.n || (word.n && memcmp(s->key, word.s, word.n) != 0))
        return false;
    const char *k = s->key + word.n + 1, *end = s->key + s->key_size;
    for (size_t i = 0; i < s->labels; i++) {
        size_t n = values[i].n;
        if ((size_t)(end - k) <= n || (n && memcmp(k, values[i].s, n) != 0) || k[n])
            return false;
        k += n + 1;
    }
    return true;
}

void series_begin(struct series_table *t, size_t owner)
{
    assert(owner < SERIES_OWNERS_MAX && !t->now);
    t->now         = &t->list[owner];
    t->now->cursor  = 0;
    t->now->crowded = false;
    t->now->turn++;
}

static struct series *add(struct series_table *t, const struct series_kind *kind, struct slice word, const struct slice *values)
{
    struct series_list *l = t->now;
    if (l->count >= t->each || (t->count >= t->bound && l != &t->list[SERIES_OWNERS_MAX - 1]))
        return NULL;
    if (l->count == l->room) {
        size_t         room = l->room ? 2 * l->room : 16;
        struct series *item = realloc(l->item, room * sizeof *item);
        if (!item)
            return NULL;
        l->item = item;
        l->room = room;
    }
    /* where the cursor is, so that the next turn finds it in order */
    struct series one;
    if (!make(&one, kind, word, values))
        return NULL;
    memmove(&l->item[l->cursor + 1], &l->item[l->cursor], (l->count - l->cursor) * sizeof *l->item);
    l->item[l->cursor] = one;
    l->count++;
    t->count++;
    return &l->item[l->cursor];
}

void series_put(struct series_table *t, const struct series_kind *kind, struct slice word, const struct slice *values, double value)
{
    struct series_list *l = t->now;
    struct slice        cut[SERIES_LABELS_MAX];
    assert(l);
    size_t n = labels_count(kind->labels);
    for (size_t i = 0; i < n; i++)
        if (values[i].n > SERIES_LABEL_BYTES_MAX) {
            memcpy(cut, values, n * sizeof *cut);
            for (size_t j = 0; j < n; j++)
                cut[j].n = cut[j].n > SERIES_LABEL_BYTES_MAX ? SERIES_LABEL_BYTES_MAX : cut[j].n;
            values = cut;
            break;
        }
    if (word.n > 100)
        word.n = 100;
    struct series *s = NULL;
    /* Those that stand come in order, so each is close to the one before; whoever would look through all of them for each that has no room would never get done. */
    size_t look = l->crowded && l->count > CROWDED_LOOK ? CROWDED_LOOK : l->count;
    for (size_t i = 0; i < look && !s; i++) {
        size_t at = l->cursor + i < l->count ? l->cursor + i : l->cursor + i - l->count;
        if (is(&l->item[at], kind, word, values)) {
            s         = &l->item[at];
            l->cursor = at;
        }
    }
    if (!s && !(s = add(t, kind, word, values))) {
        t->refused++;
        l->crowded = true;
        return;
    }
    s->value = value;
    s->seen  = l->turn;
    s->ended = false;
    l->cursor++;
}

void series_end(struct series_table *t, size_t owner)
{
    struct series_list *l = &t->list[owner];
    assert(t->now == l);
    t->now   = NULL;
    l->fresh = true;
    for (size_t i = 0; i < l->count; i++)
        if (l->item[i].seen != l->turn)
            l->item[i].ended = true;
}

/* ---- encoding ---- */

static void patch(uint8_t *sample, uint64_t value, int64_t ms)
{
    for (int i = 0; i < 8; i++)
        sample[1 + i] = (uint8_t)(value >> (8 * i));
    /* always six bytes: good from 1970 to 2109 */
    uint64_t v = (uint64_t)(ms < 0 ? 0 : ms);
    for (int i = 0; i < 6; i++, v >>= 7)
        sample[10 + i] = (uint8_t)((v & 127) | (i < 5 ? 128 : 0));
}

size_t series_encode(struct series_table *t, int64_t wall_ms, struct text *out)
{
    size_t samples = 0;
    for (size_t o = 0; o < SERIES_OWNERS_MAX; o++) {
        struct series_list *l = &t->list[o];
        if (!l->fresh)
            continue;
        l->fresh    = false;
        size_t kept = 0;
        for (size_t i = 0; i < l->count; i++) {
            struct series *s = &l->item[i];
            uint64_t       bits;
            memcpy(&bits, &s->value, sizeof bits);
            patch(s->image + s->image_size - SAMPLE_SIZE, s->ended ? STALE : bits, wall_ms);
            text_add_n(out, (const char *)s->image, s->image_size);
            samples++;
            if (s->ended) {
                one_done(s);
                t->count--;
            } else {
                if (kept != i)
                    l->item[kept] = *s;
                kept++;
            }
        }
        l->count = kept;
    }
    return samples;
}

/* ---- leaving ---- */

/* Name and labels as they are sent: equal series have equal images, but for the sample at the end. */
static struct slice named(const struct series *s) { return (struct slice){ (const char *)s->image, s->image_size - SAMPLE_SIZE }; }

static int by_image(const void *a, const void *b) { return slice_order(*(const struct slice *)a, *(const struct slice *)b); }

static void leave_list(struct series_table *t, struct series_list *l, const struct slice *stays, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < l->count; i++) {
        struct slice name = named(&l->item[i]);
        if (count && bsearch(&name, stays, count, sizeof *stays, by_image)) {
            one_done(&l->item[i]);
            t->count--;
            continue;
        }
        l->item[i].ended = true;
        l->item[kept++]  = l->item[i];
    }
    l->count = kept;
    l->fresh = kept > 0;
}

void series_leave(struct series_table *t, const struct series_table *now)
{
    size_t        n = 0;
    struct slice *stays = now ? malloc((now->count + 1) * sizeof *stays) : NULL;
    for (size_t o = 0; stays && o < SERIES_OWNERS_MAX; o++)
        for (size_t i = 0; i < now->list[o].count; i++)
            if (!now->list[o].item[i].ended)
                stays[n++] = named(&now->list[o].item[i]);
    if (stays)
        qsort(stays, n, sizeof *stays, by_image);
    if (now && !stays)
        return;                 /* out of memory: rather no mark than one for a series that goes on */
    for (size_t o = 0; o < SERIES_OWNERS_MAX; o++)
        leave_list(t, &t->list[o], stays, n);
    free(stays);
}

/* ---- text ---- */

struct line { struct slice name; const struct series *s; size_t order; };

static int by_name(const void *a, const void *b)
{
    const struct line *x = a, *y = b;
    int                o = slice_order(x->name, y->name);
    return o ? o : (x->order > y->order) - (x->order < y->order);
}

static void value_text(double v, struct text *out)
{
    if (isnan(v))
        text_add(out, "NaN");
    else if (isinf(v))
        text_add(out, v > 0 ? "+Inf" : "-Inf");
    else if (v == floor(v) && fabs(v) < 9e15)
        text_printf(out, "%lld", (long long)v);
    else
        text_printf(out, "%.17g", v);
}

static void escaped(struct slice s, struct text *out)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.s[i];
        if (c == '"' || c == '\\')
            text_add_n(out, (char[]){ '\\', c }, 2);
        else if (c == '\n')
            text_add(out, "\\n");
        else
            text_add_n(out, &c, 1);
    }
}

static void line_text(const struct line *l, bool first, struct text *out)
{
    static const char *const types[] = { "gauge", "counter", "untyped" };
    const struct series     *s = l->s;
    int                      n = (int)l->name.n;
    if (first) {
        const char *star = strchr(s->kind->help, '*');
        text_printf(out, "# HELP %.*s %.*s%.*s%s\n# TYPE %.*s %s\n", n, l->name.s, star ? (int)(star - s->kind->help) : (int)strlen(s->kind->help), s->kind->help,
                    star ? (int)s->word_size : 0, s->key, star ? star + 1 : "", n, l->name.s, types[s->kind->type]);
    }
    text_add_n(out, l->name.s, l->name.n);
    struct label_walk w = walk_of(s);
    struct slice      name, value;
    char              sign = '{';
    while (walk(&w, &name, &value)) {
        text_printf(out, "%c%.*s=\"", sign, (int)name.n, name.s);
        escaped(value, out);
        text_add(out, "\"");
        sign = ',';
    }
    text_add(out, sign == ',' ? "} " : " ");
    value_text(s->value, out);
    text_add(out, "\n");
}

void series_text(const struct series_table *t, struct text *out)
{
    struct line *line  = malloc((t->count + 1) * sizeof *line);
    char        *names = malloc((t->count + 1) * NAME_MAX_);
    size_t       n     = 0;
    if (!line || !names) {
        out->cut = true;
        goto done;
    }
    for (size_t o = 0; o < SERIES_OWNERS_MAX; o++)
        for (size_t i = 0; i < t->list[o].count; i++) {
            const struct series *s = &t->list[o].item[i];
            if (!s->ended)
                line[n] = (struct line){ series_name(s, names + n * NAME_MAX_, NAME_MAX_), s, n }, n++;
        }
    qsort(line, n, sizeof *line, by_name);
    for (size_t i = 0; i < n; i++)
        line_text(&line[i], i == 0 || !slice_same(line[i].name, line[i - 1].name), out);
done:
    free(line);
    free(names);
}
