/*
 * wire/arrow_batch.c - the columns of a record batch out of its buffers, in the order in which the format lays them out: depth first, for each
 * column its validity, then offsets or values.
 */
#include "wire/arrow_inside.h"

#include <zstd.h>

enum { CODEC_NONE = -1, CODEC_LZ4 = 0, CODEC_ZSTD = 1 };

struct columns {
    struct arrow_reader *r;
    struct arena        *arena;
    struct slice         body;
    struct flat_vector   nodes, buffers;
    uint32_t             node, buffer;
    int64_t              codec;
    struct fault        *fault;
};

static int64_t i64(const char *p) { int64_t v; memcpy(&v, p, 8); return v; }

static enum err broken(const struct columns *c, const struct arrow_field *f, const char *what)
{
    return fail(c->fault, ERR_INPUT, "arrow: column %.*s: %s", (int)(f->name.n < 100 ? f->name.n : 100), f->name.n ? f->name.s : "", what);
}

static enum err too_much(const struct columns *c)
{
    return fail(c->fault, ERR_LIMIT, "arrow: a batch needs more than %zu bytes of memory", c->arena->bound);
}

/* The next buffer, uncompressed. */
static enum err buffer_next(struct columns *c, const struct arrow_field *f, struct slice *out)
{
    if (c->buffer == c->buffers.n)
        return broken(c, f, "a buffer is missing");
    const char *at = flat_vector_bytes(c->buffers, c->buffer++, 16);
    int64_t     offset = i64(at), length = i64(at + 8);
    if (offset < 0 || length < 0 || (uint64_t)offset > c->body.n || (uint64_t)length > c->body.n - (uint64_t)offset)
        return broken(c, f, "a buffer reaches beyond the body");
    *out = (struct slice){ c->body.s + offset, (size_t)length };
    if (c->codec == CODEC_NONE || length == 0)
        return OK;
    if (length < 8)
        return broken(c, f, "a compressed buffer without its length");
    int64_t whole = i64(out->s);
    *out = (struct slice){ out->s + 8, out->n - 8 };
    if (whole == -1)
        return OK;
    if (whole < 0)
        return broken(c, f, "a compressed buffer with a length below zero");
    /* One byte more: the arena gives nothing for nothing. */
    if ((uint64_t)whole > c->r->limits.memory || (c->r->unpacked += (uint64_t)whole) / ARROW_UNPACKED > c->r->limits.memory)
        return too_much(c);
    char *to = (uint64_t)whole < c->arena->bound ? arena_alloc(c->arena, (size_t)whole + 1) : NULL;
    if (!to)
        return too_much(c);
    size_t n = ZSTD_decompress(to, (size_t)whole, out->s, out->n);
    if (ZSTD_isError(n) || n != (size_t)whole)
        return broken(c, f, "a buffer that zstd cannot read");
    *out = (struct slice){ to, n };
    return OK;
}

static uint64_t offset_at(const struct arrow_column *c, size_t i)
{
    uint32_t narrow;
    uint64_t wide;
    if (c->width == 4) {
        memcpy(&narrow, c->offsets + 4 * i, 4);
        return narrow;
    }
    memcpy(&wide, c->offsets + 8 * i, 8);
    return wide;
}

/* They never go back, nor beyond `most`. */
static bool offsets_fine(const struct arrow_column *c, uint64_t most)
{
    for (size_t i = 0; i < c->rows; i++)
        if (offset_at(c, i) > offset_at(c, i + 1))
            return false;
    return c->rows == 0 || offset_at(c, c->rows) <= most;
}

static enum err offsets_next(struct columns *c, const struct arrow_field *f, struct arrow_column *column)
{
    struct slice s;
    enum err     e = buffer_next(c, f, &s);
    if (e == OK && column->rows && s.n / f->width < column->rows + 1)
        e = broken(c, f, "offsets are missing");
    column->offsets = s.s;
    return e;
}

static bool valid_at(const struct arrow_column *c, size_t row) { return !c->valid || (c->valid[row / 8] >> (row % 8) & 1); }

static enum err index_next(struct columns *c, const struct arrow_field *f, struct arrow_column *column)
{
    struct arrow_dictionary *d = arrow_dictionary_find(c->r, f->dictionary);
    struct slice             s;
    enum err                 e = buffer_next(c, f, &s);
    if (e != OK)
        return e;
    if (!d || !d->there)
        return column->rows ? broken(c, f, "its dictionary has not come") : OK;
    if (s.n / f->index_width < column->rows)
        return broken(c, f, "indices are missing");
    for (size_t i = 0; i < column->rows; i++) {
        uint64_t index = 0;
        memcpy(&index, s.s + i * f->index_width, f->index_width);
        if (valid_at(column, i) && index >= d->values.rows)       /* one below zero is large */
            return broken(c, f, "an index beyond its dictionary");
    }
    column->index = s.s;
    column->index_width = f->index_width;
    column->values = &d->values;
    return OK;
}

static enum err column_next(struct columns *c, const struct arrow_field *f, int64_t rows, struct arrow_column *column);

static enum err children_next(struct columns *c, const struct arrow_field *f, int64_t rows, struct arrow_column *column)
{
    struct arrow_column *child = arena_alloc(c->arena, (f->children ? f->children : 1) * sizeof *child);
    if (!child)
        return too_much(c);
    for (size_t i = 0; i < f->children; i++) {
        enum err e = column_next(c, &f->child[i], rows, &child[i]);
        if (e != OK)
            return e;
    }
    column->child = child;
    column->children = f->children;
    return OK;
}

/* rows: how many there must be; -1: the column says it. */
static enum err column_next(struct columns *c, const struct arrow_field *f, int64_t rows, struct arrow_column *column)
{
    struct slice s;
    enum err     e;
    if (c->node == c->nodes.n)
        return broken(c, f, "it is missing from the batch");
    const char *node = flat_vector_bytes(c->nodes, c->node++, 16);
    int64_t     length = i64(node), nulls = i64(node + 8);
    if (length < 0 || nulls < 0 || nulls > length || (rows >= 0 && length != rows))
        return broken(c, f, "its number of rows is not that of the batch");
    if ((uint64_t)length > c->r->limits.rows)
        return fail(c->fault, ERR_LIMIT, "arrow: more than %zu rows", c->r->limits.rows);
    *column = (struct arrow_column){ .name = f->name, .type = f->type, .rows = (size_t)length, .width = f->width, .time_scale = f->time_scale };
    if (f->type == ARROW_NULL)
        return OK;
    if ((e = buffer_next(c, f, &s)) != OK)
        return e;
    if (nulls) {
        if (s.n < (column->rows + 7) / 8)
            return broken(c, f, "the bits of what is null are missing");
        column->valid = (const uint8_t *)s.s;
    }
    if (f->encoded)
        return index_next(c, f, column);
    switch (f->type) {
    case ARROW_TEXT:
    case ARROW_BYTES:
        if ((e = offsets_next(c, f, column)) != OK || (e = buffer_next(c, f, &s)) != OK)
            return e;
        column->data = s.s;
        column->data_n = s.n;
        return offsets_fine(column, s.n) ? OK : broken(c, f, "offsets that go back or beyond the end");
    case ARROW_LIST:
    case ARROW_MAP:
        if ((e = offsets_next(c, f, column)) != OK || (e = children_next(c, f, -1, column)) != OK)
            return e;
        if (!offsets_fine(column, column->child->rows))
            return broken(c, f, "offsets that go back or beyond the end");
        if (f->type == ARROW_MAP) {          /* the pairs' struct is no column for callers */
            column->children = column->child->children;
            column->child = column->child->child;
        }
        return OK;
    case ARROW_STRUCT:
        return children_next(c, f, length, column);
    case ARROW_BOOL:
        if ((e = buffer_next(c, f, &s)) != OK)
            return e;
        column->data = s.s;
        return s.n >= (column->rows + 7) / 8 ? OK : broken(c, f, "values are missing");
    case ARROW_INT: case ARROW_UINT: case ARROW_REAL: case ARROW_TIME: case ARROW_NULL:
    default:
        if ((e = buffer_next(c, f, &s)) != OK)
            return e;
        column->data = s.s;
        return s.n / f->width >= column->rows ? OK : broken(c, f, "values are missing");
    }
}

enum err arrow_batch_read(struct arrow_reader *r, struct flat_table batch, struct slice body, const struct arrow_field *field, size_t fields, struct arena *arena,
    struct arrow_column *column, size_t *rows, struct fault *fault)
{
    struct flat_table compression = flat_table_at(batch, 3);
    struct columns    c = { .r = r, .arena = arena, .body = body, .nodes = flat_vector_at(batch, 1, 16), .buffers = flat_vector_at(batch, 2, 16),
                            .codec = flat_is(compression) ? flat_int(compression, 0, 1, 0) : CODEC_NONE, .fault = fault };
    int64_t           n = flat_int(batch, 0, 8, 0);
    if (!flat_is(batch) || batch.in->bad || n < 0)
        return fail(fault, ERR_INPUT, "arrow: malformed record batch");
    if (c.codec != CODEC_NONE && c.codec != CODEC_ZSTD) {
        enum err e = fail(fault, ERR_INPUT, "arrow: the batch is compressed with %s, which is not read", c.codec == CODEC_LZ4 ? "lz4" : "an unknown codec");
        fail_hint(fault, "send it with zstd, or without compression");
        return e;
    }
    for (size_t i = 0; i < fields; i++) {
        enum err e = column_next(&c, &field[i], n, &column[i]);
        if (e != OK)
            return e;
    }
    *rows = (size_t)n;
    return OK;
}
