/*
 * receive/buffer.h - bytes that are gathered, and a small stock of memory for them, so that bodies that come one after the other
 * use the same warm pages.  Not for sharing between threads.
 */
#ifndef RECEIVE_BUFFER_H
#define RECEIVE_BUFFER_H

#include "base/slice.h"

#include <stdbool.h>
#include <stddef.h>

enum { BUFFER_CLASSES = 9, BUFFER_LEAST = 16 * 1024, BUFFER_STOCK_EACH = 8, BUFFER_STOCK_MAX = 8 * 1024 * 1024 };   /* 16 KiB .. 4 MiB are kept */

struct buffer { char *s; size_t n, room; };

struct buffer_stock {
    struct { char *item[BUFFER_STOCK_EACH]; size_t count; } class[BUFFER_CLASSES];
    size_t bytes;
};

/* Room for `room` bytes altogether; what is in it stays. False: no memory, b is as before. */
bool buffer_need(struct buffer_stock *k, struct buffer *b, size_t room);
/* Room grows by doubling, up to most. False: no memory, or more than most. */
bool buffer_add(struct buffer_stock *k, struct buffer *b, const void *bytes, size_t n, size_t most);
/* Give the memory back. */
void buffer_drop(struct buffer_stock *k, struct buffer *b);
void buffer_stock_done(struct buffer_stock *k);

static inline struct slice buffer_slice(const struct buffer *b) { return (struct slice){ b->s, b->n }; }

#endif
