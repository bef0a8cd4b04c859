/*
 * wire/arrow.h - an Arrow IPC stream: a schema, dictionaries, record batches.
 *
 *     struct arrow_reader *r = arrow_new(&limits);
 *     arrow_feed(r, body);
 *     while (arrow_next(r, &batch, &e, fault))
 *         for (row...) arrow_text(&batch->column[c], row);
 *
 * Types: utf8, large_utf8, binary, large_binary, bool, signed and unsigned integers of 8 to 64 bits, float32, float64, timestamp, date,
 * dictionary-encoded ones of these, and list, struct and map for labels.  Other types: ERR_INPUT that names the column and the type.
 * Bodies: plain or zstd; lz4 is refused with a hint. Little-endian only, as every writer does by default.
 * Every offset is checked when a batch is opened, so that asking for a row cannot fail.
 */
#ifndef WIRE_ARROW_H
#define WIRE_ARROW_H

#include "base/err.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    ARROW_COLUMNS_MAX = 1024,
    ARROW_UNPACKED    = 8,
    ARROW_DEPTH_MAX   = 4,               /* map -> struct -> key */
    ARROW_ROWS_MAX    = 16 * 1024 * 1024 /* of a stream */
};

enum arrow_type {
    ARROW_NULL, ARROW_BOOL, ARROW_INT, ARROW_UINT, ARROW_REAL, ARROW_TEXT, ARROW_BYTES, ARROW_TIME /* nanoseconds since 1970, whatever the column's unit */,
    ARROW_LIST, ARROW_STRUCT, ARROW_MAP
};

struct arrow_column {
    struct slice               name;
    enum arrow_type            type;         /* of a dictionary-encoded column: that of its values */
    size_t                     rows;
    /* How it lies; callers use the functions below. */
    unsigned                   width;        /* bytes of a value or of an offset */
    int64_t                    time_scale;   /* nanoseconds in one unit of the column */
    const uint8_t             *valid;        /* a bit per row; NULL: all are */
    const char                *offsets, *data;
    size_t                     data_n;
    const char                *index;        /* dictionary-encoded: index_width bytes per row */
    unsigned                   index_width;
    const struct arrow_column *values;       /* the dictionary */
    const struct arrow_column *child;        /* LIST: 1; MAP: key and value; STRUCT: children */
    size_t                     children;
};

struct arrow_batch { size_t rows, columns; const struct arrow_column *column; };

/* memory: of one batch, and of the dictionaries; a stream may uncompress to ARROW_UNPACKED times as much, one batch after the other. 0: 256 MiB, ARROW_ROWS_MAX */
struct arrow_limits { size_t memory, rows; };
struct arrow_reader;

struct arrow_reader *arrow_new(const struct arrow_limits *limits);       /* NULL: no memory */
void                 arrow_free(struct arrow_reader *r);                 /* NULL is fine; batches go with it */
/* The stream; must stay where it is until the reader is done with. Damage is found by arrow_next(). */
void                 arrow_feed(struct arrow_reader *r, struct slice stream);
/* The next batch, valid until the next is asked for. false: no more, or *e is not OK: ERR_INPUT malformed or a type we do not read; ERR_LIMIT. */
bool                 arrow_next(struct arrow_reader *r, const struct arrow_batch **batch, enum err *e, struct fault *fault);
/* How many rows all batches have together, after reading every one of them. ERR_INPUT without a schema. */
MUST_CHECK enum err  arrow_check(struct slice stream, const struct arrow_limits *limits, uint64_t *rows, struct fault *fault);

/* row must be < column->rows. Of a value that is null or of another type: empty, 0, NAN. */
bool         arrow_is_null(const struct arrow_column *c, size_t row);
struct slice arrow_text(const struct arrow_column *c, size_t row);       /* TEXT, BYTES */
int64_t      arrow_int(const struct arrow_column *c, size_t row);        /* INT, UINT (above INT64_MAX: INT64_MAX), BOOL, TIME in ns */
uint64_t     arrow_uint(const struct arrow_column *c, size_t row);       /* UINT, all of its bits; of other types as arrow_int() */
double       arrow_real(const struct arrow_column *c, size_t row);       /* any number */
/* LIST, MAP: rows first .. first + n of the child columns belong to this row. */
void         arrow_range(const struct arrow_column *c, size_t row, size_t *first, size_t *n);
/* By name, letter by letter; NULL: there is none. */
const struct arrow_column *arrow_find(const struct arrow_batch *b, const char *name);

#endif
