/*
 * digest/metrics_keep.c - labels as they are stored, and everything that is open as bytes.
 *
 * Version 1 told series apart by less (no scope; the order of attributes) and did not have the bounds of histograms, so what it knew of a series cannot be given to one of today:
 * its minutes are taken over, its series are not.  A counter's next point is then a first one, which says nothing but when it began after
 * all that was counted: one interval is missing, and nothing is counted twice.
 */
#include "digest/metrics_inside.h"

#include "base/arena.h"
#include "base/utf8.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VERSION = 2, VERSION_WITHOUT_SCOPES = 1, NESTED_MAX = 64 * 1024 };

/* Who reads the object would find no object at all in it if one byte were no UTF-8. */
static size_t put_text(char *out, size_t size, size_t n, struct slice s)
{
    for (size_t i = 0, k; i < s.n; i += k) {
        unsigned char c = (unsigned char)s.s[i];
        char          one[8] = { (char)c, 0 };
        size_t        whole = utf8_length(s.s + i, s.n - i);
        k = whole ? whole : 1;
        if (!whole)
            one[0] = '?';
        else if (k > 1)
            memcpy(one, s.s + i, k);
        else if (c == '"' || c == '\\')
            (void)snprintf(one, sizeof one, "\\%c", c);
        else if (c < ' ')
            (void)snprintf(one, sizeof one, "\\u%04x", c);
        size_t add = strlen(one);
        if (c == 0 || n + add >= size) {
            if (c == 0)
                continue;
            return size;                                 /* does not fit */
        }
        memcpy(out + n, one, add);
        n += add;
    }
    return n;
}

static int by_name(const void *a, const void *b) { return slice_order(((const struct attr *)a)->key, ((const struct attr *)b)->key); }

/* The same value with the keys of its maps in order, as they are no part of it. False: too much. */
static bool in_order(struct value *v, struct arena *a)
{
    size_t        n = v->kind == VALUE_LIST ? v->as.list.count : v->kind == VALUE_MAP ? v->as.map.count : 0;
    bool          fits = n <= NESTED_MAX;
    struct value *list = fits && v->kind == VALUE_LIST ? arena_alloc(a, (n + 1) * sizeof *list) : NULL;
    struct attr  *map = fits && v->kind == VALUE_MAP ? arena_alloc(a, (n + 1) * sizeof *map) : NULL;
    if (v->kind != VALUE_LIST && v->kind != VALUE_MAP)
        return true;
    fits = list || map;
    for (size_t i = 0; i < n && fits; i++) {
        if (list)
            list[i] = v->as.list.item[i];
        else
            map[i] = v->as.map.item[i];
        fits = in_order(list ? &list[i] : &map[i].value, a);
    }
    if (fits && list)
        v->as.list.item = list;
    if (fits && map) {
        qsort(map, n, sizeof *map, by_name);
        v->as.map.item = map;
    }
    return fits;
}

/* Lists and maps as JSON, bytes as base64. Without text there was too much of it, and it is no label. */
static struct slice nested(struct value v, struct arena *a)
{
    return in_order(&v, a) ? value_text(&v, a) : (struct slice){ 0 };
}

static size_t put_one(char *out, size_t size, size_t n, const struct attr *a, bool first, struct arena *room)
{
    char         number[40];
    struct slice s = { 0 };
    switch (a->value.kind) {
    case VALUE_TEXT: s = a->value.as.text; break;
    case VALUE_BOOL: s = slice_of(a->value.as.boolean ? "true" : "false"); break;
    case VALUE_INT:  (void)snprintf(number, sizeof number, "%" PRId64, a->value.as.integer), s = slice_of(number); break;
    case VALUE_REAL: (void)snprintf(number, sizeof number, "%.17g", a->value.as.real), s = slice_of(number); break;
    case VALUE_NONE: break;
    case VALUE_BYTES: case VALUE_LIST: case VALUE_MAP: s = nested(a->value, room); break;
    }
    bool too_long = !s.n && (a->value.kind == VALUE_LIST || a->value.kind == VALUE_MAP || (a->value.kind == VALUE_BYTES && a->value.as.text.n));
    if (n + 8 >= size || too_long)
        return size;
    memcpy(out + n, first ? "\"" : ",\"", first ? 1 : 2);
    n = put_text(out, size, n + (first ? 1 : 2), a->key);
    if (n + 4 >= size)
        return size;
    memcpy(out + n, "\":\"", 3);
    n = put_text(out, size, n + 3, s);
    if (n + 3 >= size)
        return size;
    out[n++] = '"';
    return n;
}

static int by_key(const void *a, const void *b)
{
    const struct attr *const *x = a, *const *y = b;
    return slice_order((*x)->key, (*y)->key);
}

bool metrics_labels(const struct attrs *a, char *out, size_t size)
{
    const struct attr *sorted[METRICS_LABELS_MAX];
    size_t             count = a->count < METRICS_LABELS_MAX ? a->count : METRICS_LABELS_MAX, n = 1;
    bool               whole = count == a->count, first = true;
    struct arena       room;
    arena_init(&room, NESTED_MAX);
    for (size_t i = 0; i < count; i++)
        sorted[i] = &a->item[i];
    qsort(sorted, count, sizeof *sorted, by_key);
    out[0] = '{';
    for (size_t i = 0; i < count; i++) {
        size_t after = put_one(out, size - 2, n, sorted[i], first, &room);
        arena_reset(&room);
        if (after >= size - 2) {
            whole = false;
            continue;
        }
        n = after;
        first = false;
    }
    arena_done(&room);
    out[n++] = '}';
    out[n] = 0;
    return whole;
}

static void save_cell(const struct metric_cell *c, uint32_t row, char *room, struct pack *out)
{
    pack_u(out, row);
    pack_u(out, c->n);
    pack_r(out, c->sum);
    pack_r(out, c->min);
    pack_r(out, c->max);
    pack_u(out, c->sketch || c->packed ? CELL_EXACT + 1 : c->exact);
    for (uint32_t i = 0; i < c->exact && !c->sketch && !c->packed; i++)
        pack_r(out, c->value[i]);
    if (c->packed)
        pack_s(out, (struct slice){ c->packed, c->packed_n });
    if (c->sketch)
        pack_s(out, (struct slice){ room, sketch_pack(c->sketch, room, SKETCH_PACKED_MAX) });
}

void metrics_save(const struct metrics *m, struct pack *out)
{
    uint32_t *number = malloc((m->rows_used + 1) * sizeof *number), n = 0;
    char     *room = malloc(SKETCH_PACKED_MAX);
    if (!number || !room) {
        out->full = true;
        free(number);
        free(room);
        return;
    }
    pack_u(out, VERSION);
    pack_i(out, m->counted_ns);
    pack_i(out, m->floor_us);
    pack_s(out, (struct slice){ (const char *)&m->stats, sizeof m->stats });
    pack_u(out, m->rows);
    for (uint32_t i = 0; i < m->rows_used; i++)
        if (m->row[i].metric) {
            const struct metric_row *r = &m->row[i];
            number[i] = n++;
            pack_u(out, r->key);
            pack_u(out, r->place);
            pack_s(out, slice_of(r->metric));
            pack_s(out, slice_of(r->labels));
        }
    pack_u(out, m->series_used);
    for (uint32_t i = 0; i < m->series_used; i++) {
        const struct metric_series *s = &m->series[i];
        pack_u(out, s->key);
        for (int k = 0; k < 3; k++)
            pack_u(out, s->scope[k]);
        pack_i(out, s->seen_us);
        pack_u(out, number[s->row]);
        series_state_save(&s->state, out);
    }
    pack_u(out, m->windows);
    for (uint32_t i = 0; i < m->windows; i++) {
        const struct metric_window *w = m->window[i];
        pack_i(out, w->bucket_us);
        pack_u(out, w->dirty);
        pack_u(out, w->cells);
        for (uint32_t k = 0; k < w->cells; k++)
            save_cell(&w->cell[k], number[w->cell[k].row], room, out);
    }
    free(number);
    free(room);
}

static bool load_rows(struct metrics *m, struct unpack *u)
{
    size_t n = unpack_count(u, 4);
    if (n > m->rows_max && n < 1u << 29)                 /* the bound was lowered meanwhile */
        m->rows_max = (uint32_t)n;
    for (size_t i = 0; i < n && !u->bad; i++) {
        uint64_t     key = unpack_u(u), place = unpack_u(u);
        struct slice metric = unpack_s(u), labels = unpack_s(u);
        char         text[METRICS_LABELS_BYTES + 64];
        if (u->bad || labels.n >= sizeof text || place > UINT32_MAX)
            return false;
        memcpy(text, labels.s, labels.n);
        text[labels.n] = 0;
        if (metrics_row_add(m, key, (uint32_t)place, metric, text) != i)
            return false;
    }
    return !u->bad;
}

static bool load_series(struct metrics *m, struct unpack *u, bool with_bounds)
{
    size_t n = unpack_count(u, 12);
    if (u->bad || n > UINT32_MAX / 2)
        return false;
    if (n && !(m->series = calloc(n, sizeof *m->series)))
        return false;
    m->series_room = (uint32_t)n;
    for (size_t i = 0; i < n && !u->bad; i++) {
        struct metric_series *s = &m->series[i];
        s->key = unpack_u(u);
        for (int k = 0; k < 3; k++)
            s->scope[k] = unpack_u(u);
        s->seen_us = unpack_time(u);
        s->row = (uint32_t)unpack_u(u);
        m->series_used++;
        if (!series_state_load(&s->state, u, with_bounds) || s->row >= m->rows_used || !map_put(&m->by_series, s->key, (uint32_t)i))
            return false;
        m->row[s->row].users++;
        for (int k = 0; k < 3; k++) {
            uint32_t *there = map_at(&m->scopes, s->scope[k]);
            if (!map_put(&m->scopes, s->scope[k], there ? *there + 1 : 1))
                return false;
        }
    }
    return !u->bad;
}

static bool load_cell(struct metrics *m, struct metric_window *w, struct unpack *u)
{
    uint64_t            row = unpack_u(u);
    struct metric_cell *c = !u->bad && row < m->rows_used ? metrics_cell(m, w, (uint32_t)row) : NULL;
    if (!c || c->n)
        return false;
    c->n = unpack_u(u);
    c->sum = unpack_r(u);
    c->min = unpack_r(u);
    c->max = unpack_r(u);
    uint64_t exact = unpack_u(u);
    if (exact > CELL_EXACT) {
        struct slice s = unpack_s(u);
        return !u->bad && s.n && sketch_unpack(s, &c->sketch, NULL) == OK;
    }
    c->exact = (uint32_t)exact;
    for (uint32_t i = 0; i < c->exact; i++)
        c->value[i] = unpack_r(u);
    return !u->bad;
}

static void forget_series(struct metrics *m)
{
    for (uint32_t i = 0; i < m->series_used; i++) {
        struct metric_series *s = &m->series[i];
        if (s->state.last_ns > m->counted_ns)
            m->counted_ns = s->state.last_ns;
        metrics_row_drop(m, s->row);
        series_state_done(&s->state);
    }
    m->series_used = 0;
    map_clear(&m->by_series);
    map_clear(&m->scopes);
}

enum err metrics_load(struct metrics *m, struct slice bytes, struct fault *fault)
{
    struct unpack u = unpack_of(bytes);
    uint64_t      version = unpack_u(&u);
    bool          fine = version == VERSION || version == VERSION_WITHOUT_SCOPES;
    m->counted_ns = version == VERSION ? unpack_i(&u) : 0;
    m->floor_us = unpack_time(&u);
    struct slice stats = unpack_s(&u);
    if (stats.n == sizeof m->stats)
        memcpy(&m->stats, stats.s, stats.n);
    fine = fine && load_rows(m, &u) && load_series(m, &u, version != VERSION_WITHOUT_SCOPES);
    size_t windows = fine ? unpack_count(&u, 3) : 0;
    fine = fine && windows <= METRICS_WINDOWS_MAX;
    for (size_t i = 0; i < windows && fine && !u.bad; i++) {
        struct metric_window *w = calloc(1, sizeof *w);
        if (!w)
            break;
        m->window[m->windows++] = w;
        w->bucket_us = unpack_time(&u);
        w->dirty = unpack_u(&u) != 0;
        size_t cells = unpack_count(&u, 27);
        for (size_t k = 0; k < cells && fine; k++)
            fine = load_cell(m, w, &u);
        fine = fine && w->bucket_us != INT64_MIN && (i == 0 || m->window[i - 1]->bucket_us < w->bucket_us);
    }
    m->last = NONE;
    fine = fine && !u.bad && m->windows == windows;
    if (fine && version == VERSION_WITHOUT_SCOPES)       /* only now: the numbers of rows are those of the file until its end */
        forget_series(m);
    return fine ? OK : fail(fault, ERR_INPUT, "the saved minutes of metrics cannot be read");
}
