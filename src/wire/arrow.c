/*
 * wire/arrow.c - the messages of a stream one after the other, and rows out of columns.
 *
 * A message is ff ff ff ff, the length of its metadata, the metadata (a FlatBuffer), then as many bytes of body as that says.  Old writers
 * leave the ff away.  Length 0, or the end of the bytes, is the end.
 */
#include "wire/arrow_inside.h"

#include <math.h>
#include <stdlib.h>

enum { HEADER_SCHEMA = 1, HEADER_DICTIONARY = 2, HEADER_BATCH = 3, SCHEMA_MEMORY = 1024 * 1024 };
static const size_t memory_default = (size_t)256 * 1024 * 1024;

struct arrow_reader *arrow_new(const struct arrow_limits *limits)
{
    struct arrow_reader *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    r->limits = limits ? *limits : (struct arrow_limits){ 0 };
    if (!r->limits.memory)
        r->limits.memory = memory_default;
    if (!r->limits.rows)
        r->limits.rows = ARROW_ROWS_MAX;
    arena_init(&r->schema_arena, SCHEMA_MEMORY);
    arena_init(&r->dictionary_arena, r->limits.memory);
    arena_init(&r->batch_arena, r->limits.memory);
    return r;
}

void arrow_free(struct arrow_reader *r)
{
    if (!r)
        return;
    arena_done(&r->schema_arena);
    arena_done(&r->dictionary_arena);
    arena_done(&r->batch_arena);
    free(r);
}

void arrow_feed(struct arrow_reader *r, struct slice stream) { r->rest = stream; }

struct arrow_dictionary *arrow_dictionary_find(struct arrow_reader *r, int64_t id)
{
    struct arrow_dictionary *d = r->dictionary;
    while (d && d->id != id)
        d = d->next;
    return d;
}

static uint32_t u32(const char *p) { uint32_t v; memcpy(&v, p, 4); return v; }

/* false: the end, or *e. The FlatBuffer begins on 8 bytes of the stream, not of memory; nothing here depends on it. */
static bool message_next(struct arrow_reader *r, struct slice *metadata, enum err *e, struct fault *fault)
{
    struct slice s = r->rest;
    *e = OK;
    if (r->ended || s.n == 0)
        return false;
    size_t head = s.n >= 4 && u32(s.s) == UINT32_MAX ? 8 : 4;
    if (s.n < head) {
        *e = fail(fault, ERR_INPUT, "arrow: the stream ends within a message");
        return false;
    }
    uint32_t n = u32(s.s + head - 4);
    if (n == 0) {
        r->ended = true;
        return false;
    }
    if (n > s.n - head) {
        *e = fail(fault, ERR_INPUT, "arrow: the stream ends within a message");
        return false;
    }
    *metadata = (struct slice){ s.s + head, n };
    r->rest = (struct slice){ s.s + head + n, s.n - head - n };
    return true;
}

static enum err dictionary_read(struct arrow_reader *r, struct flat_table t, struct slice body, struct fault *fault)
{
    struct arrow_dictionary *d = arrow_dictionary_find(r, flat_int(t, 0, 8, 0));
    if (!d)
        return fail(fault, ERR_INPUT, "arrow: a dictionary that no column has");
    if (flat_int(t, 2, 1, 0)) {
        enum err e = fail(fault, ERR_INPUT, "arrow: a dictionary that adds to the one before, which is not read");
        fail_hint(fault, "turn off emit_dictionary_deltas where it is written");
        return e;
    }
    struct arrow_field values = *d->field;
    size_t             rows;
    values.encoded = false;
    d->there = false;
    enum err e = arrow_batch_read(r, flat_table_at(t, 1), body, &values, 1, &r->dictionary_arena, &d->values, &rows, fault);
    d->there = e == OK;
    return e;
}

static enum err batch_read(struct arrow_reader *r, struct flat_table t, struct slice body, struct fault *fault)
{
    arena_reset(&r->batch_arena);
    struct arrow_column *column = arena_alloc(&r->batch_arena, (r->fields ? r->fields : 1) * sizeof *column);
    if (!column)
        return fail(fault, ERR_LIMIT, "arrow: a batch needs more than %zu bytes of memory", r->limits.memory);
    r->batch = (struct arrow_batch){ .columns = r->fields, .column = column };
    enum err e = arrow_batch_read(r, t, body, r->field, r->fields, &r->batch_arena, column, &r->batch.rows, fault);
    if (e == OK && (r->batch.rows > r->limits.rows || (r->rows += r->batch.rows) > r->limits.rows))
        e = fail(fault, ERR_LIMIT, "arrow: more than %zu rows", r->limits.rows);
    return e;
}

bool arrow_next(struct arrow_reader *r, const struct arrow_batch **batch, enum err *e, struct fault *fault)
{
    struct slice metadata;
    while (message_next(r, &metadata, e, fault)) {
        struct flat       f = { .buffer = metadata };
        struct flat_table message = flat_root(&f), header = flat_table_at(message, 2);
        int64_t           type = flat_int(message, 1, 1, 0), n = flat_int(message, 3, 8, 0);
        if (f.bad || !flat_is(header) || n < 0) {
            *e = fail(fault, ERR_INPUT, "arrow: malformed message");
            return false;
        }
        if ((uint64_t)n > r->rest.n) {
            *e = fail(fault, ERR_INPUT, "arrow: the stream ends within a body");
            return false;
        }
        struct slice body = { r->rest.s, (size_t)n };
        r->rest = (struct slice){ r->rest.s + n, r->rest.n - (size_t)n };
        if (type == HEADER_SCHEMA)
            *e = r->has_schema ? fail(fault, ERR_INPUT, "arrow: a second schema") : arrow_schema_read(r, header, fault);
        else if (!r->has_schema)
            *e = fail(fault, ERR_INPUT, "arrow: the stream does not begin with a schema");
        else if (type == HEADER_DICTIONARY)
            *e = dictionary_read(r, header, body, fault);
        else if (type == HEADER_BATCH) {
            *e = batch_read(r, header, body, fault);
            *batch = &r->batch;
            return *e == OK;
        } else
            *e = fail(fault, ERR_INPUT, "arrow: a message that is neither schema, dictionary nor record batch");
        if (*e != OK)
            return false;
    }
    return false;
}

enum err arrow_check(struct slice stream, const struct arrow_limits *limits, uint64_t *rows, struct fault *fault)
{
    struct arrow_reader     *r = arrow_new(limits);
    const struct arrow_batch *batch;
    enum err                 e;
    *rows = 0;
    if (!r)
        return fail(fault, ERR_LIMIT, "arrow: no memory");
    arrow_feed(r, stream);
    while (arrow_next(r, &batch, &e, fault))
        *rows += batch->rows;
    if (e == OK && !r->has_schema)
        e = fail(fault, ERR_INPUT, "arrow: the stream has no schema");
    arrow_free(r);
    return e;
}

/* ---- rows ---- */

bool arrow_is_null(const struct arrow_column *c, size_t row)
{
    return c->type == ARROW_NULL || (c->valid && !(c->valid[row / 8] >> (row % 8) & 1));
}

/* To the dictionary, when there is one. false: null. */
static bool resolve(const struct arrow_column **c, size_t *row)
{
    if (arrow_is_null(*c, *row))
        return false;
    if (!(*c)->values)
        return true;
    uint64_t index = 0;
    memcpy(&index, (*c)->index + *row * (*c)->index_width, (*c)->index_width);
    *row = (size_t)index;
    *c = (*c)->values;
    return !arrow_is_null(*c, *row);
}

void arrow_range(const struct arrow_column *c, size_t row, size_t *first, size_t *n)
{
    uint64_t begin = 0, end = 0;
    if (c->offsets && !arrow_is_null(c, row)) {
        memcpy(&begin, c->offsets + row * c->width, c->width);
        memcpy(&end, c->offsets + (row + 1) * c->width, c->width);
    }
    *first = (size_t)begin;
    *n = (size_t)(end - begin);
}

struct slice arrow_text(const struct arrow_column *c, size_t row)
{
    size_t first, n;
    if (!resolve(&c, &row) || (c->type != ARROW_TEXT && c->type != ARROW_BYTES))
        return (struct slice){ NULL, 0 };
    arrow_range(c, row, &first, &n);
    return (struct slice){ n ? c->data + first : NULL, n };
}

static int64_t saturated(int64_t v, int64_t scale)
{
    int64_t out;
    return !__builtin_mul_overflow(v, scale, &out) ? out : v < 0 ? INT64_MIN : INT64_MAX;
}

uint64_t arrow_uint(const struct arrow_column *c, size_t row)
{
    uint64_t bits = 0;
    if (!resolve(&c, &row))
        return 0;
    if (c->type != ARROW_UINT)
        return (uint64_t)arrow_int(c, row);
    memcpy(&bits, c->data + row * c->width, c->width);
    return bits;
}

int64_t arrow_int(const struct arrow_column *c, size_t row)
{
    if (!resolve(&c, &row))
        return 0;
    if (c->type == ARROW_BOOL)
        return (unsigned char)c->data[row / 8] >> (row % 8) & 1;
    if (c->type != ARROW_INT && c->type != ARROW_UINT && c->type != ARROW_TIME)
        return 0;
    uint64_t bits = 0;
    memcpy(&bits, c->data + row * c->width, c->width);
    if (c->type == ARROW_UINT)
        return bits > INT64_MAX ? INT64_MAX : (int64_t)bits;
    unsigned up = 64 - 8 * c->width;
    int64_t  v = (int64_t)(bits << up) >> up;
    return c->type == ARROW_TIME ? saturated(v, c->time_scale) : v;
}

double arrow_real(const struct arrow_column *c, size_t row)
{
    if (!resolve(&c, &row))
        return (double)NAN;
    if (c->type == ARROW_REAL) {
        float  narrow;
        double wide;
        if (c->width == 4) {
            memcpy(&narrow, c->data + 4 * row, 4);
            return (double)narrow;
        }
        memcpy(&wide, c->data + 8 * row, 8);
        return wide;
    }
    if (c->type == ARROW_UINT && c->width == 8) {
        uint64_t bits;
        memcpy(&bits, c->data + 8 * row, 8);
        return (double)bits;
    }
    return c->type == ARROW_INT || c->type == ARROW_UINT || c->type == ARROW_BOOL || c->type == ARROW_TIME ? (double)arrow_int(c, row) : (double)NAN;
}

const struct arrow_column *arrow_find(const struct arrow_batch *b, const char *name)
{
    for (size_t i = 0; i < b->columns; i++)
        if (slice_is(b->column[i].name, name))
            return &b->column[i];
    return NULL;
}
