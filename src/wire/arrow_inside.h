/* wire/arrow_inside.h - between arrow.c (the stream), arrow_schema.c and arrow_batch.c. */
#ifndef WIRE_ARROW_INSIDE_H
#define WIRE_ARROW_INSIDE_H

#include "base/arena.h"
#include "wire/arrow.h"
#include "wire/flat.h"

/* What the schema says of a column. */
struct arrow_field {
    struct slice              name;
    enum arrow_type           type;
    unsigned                  width;             /* of values, or of offsets */
    int64_t                   time_scale;
    bool                      encoded;           /* by a dictionary; type and width are those of its values */
    int64_t                   dictionary;
    unsigned                  index_width;
    bool                      index_signed;
    const struct arrow_field *child;
    size_t                    children;
};

struct arrow_dictionary { int64_t id; const struct arrow_field *field; bool there; struct arrow_column values; struct arrow_dictionary *next; };

struct arrow_reader {
    struct arrow_limits      limits;
    struct slice             rest;
    struct arena             schema_arena, dictionary_arena, batch_arena;
    bool                     has_schema, ended;
    uint64_t                 unpacked, rows;     /* so far */
    const struct arrow_field *field;
    size_t                   fields;
    struct arrow_dictionary *dictionary;         /* as many as columns have asked for */
    struct arrow_batch       batch;
};

/* Fills field, fields and the dictionaries that will be needed. */
enum err arrow_schema_read(struct arrow_reader *r, struct flat_table schema, struct fault *fault);
/* The columns of a RecordBatch whose buffers lie in body, in arena. */
enum err arrow_batch_read(struct arrow_reader *r, struct flat_table batch, struct slice body, const struct arrow_field *field, size_t fields, struct arena *arena,
    struct arrow_column *column, size_t *rows, struct fault *fault);
struct arrow_dictionary *arrow_dictionary_find(struct arrow_reader *r, int64_t id);

#endif
