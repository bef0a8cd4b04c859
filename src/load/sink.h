/*
 * load/sink.h - rows in the text form of COPY, written by hand because a load writes hundreds of millions of characters.
 *
 * A writer puts fields, ends rows, and sends what it has in pieces of about
 * 64 kB.  Once sending has failed, everything else is ignored; the failure is
 * told at the end.  Fields must not hold tabs, newlines or backslashes.
 *
 *     load_put_int(&w, key); load_put(&w, "GERMANY"); load_put_decimal(&w, cents, 2); load_end_row(&w);
 */
#ifndef LOAD_SINK_H
#define LOAD_SINK_H

#include "base/err.h"
#include "base/rand.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOAD_SINK_BYTES (64 * 1024)
#define LOAD_ROW_BYTES  2048         /* the longest row, TPC-C's customer, is under 900 */

struct load_sink {
    enum err (*send)(void *ctx, const char *data, size_t size, struct fault *fault);
    void      *ctx;
    uint64_t  *rows;                 /* counted up as rows are finished, for progress; atomic */
    enum err   failed;               /* once set, everything else is ignored */
    size_t     used;
    char       bytes[LOAD_SINK_BYTES + LOAD_ROW_BYTES];
};

struct load_writer {
    struct load_sink *sink;
    struct fault     *fault;
    struct rand       rand;
    bool              in_row;
};

void load_writer_init(struct load_writer *w, struct load_sink *sink, struct fault *fault);
/* What is left goes out. The first failure of all. */
MUST_CHECK enum err load_writer_finish(struct load_writer *w);

int  load_draw(struct load_writer *w, int lo, int hi);

/* A field. */
void load_put(struct load_writer *w, const char *text);
void load_put_null(struct load_writer *w);
void load_put_int(struct load_writer *w, int64_t value);
void load_put_decimal(struct load_writer *w, int64_t value, int decimals);   /* value / 10^decimals */
void load_put_letters(struct load_writer *w, size_t lo, size_t hi);
void load_put_number_text(struct load_writer *w, size_t lo, size_t hi);
void load_end_row(struct load_writer *w);

/* The pieces of a field: begin, then add. */
void load_begin_field(struct load_writer *w);
void load_add(struct load_writer *w, const char *text, size_t n);
void load_add_digits(struct load_writer *w, int64_t value, int least_digits);
char *load_add_room(struct load_writer *w, size_t n);   /* n bytes that the caller fills; at most what a row may have */

#endif
