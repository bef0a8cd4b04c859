/*
 * base/slice.h - bytes that belong to somebody else.
 *
 * A slice has no NUL at its end and may hold any bytes.  It is valid as long as what it points into; the empty slice may point to NULL.
 */
#ifndef BASE_SLICE_H
#define BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct slice { const char *s; size_t n; };

#define SLICE(literal) ((struct slice){ "" literal, sizeof(literal) - 1 })

static inline struct slice slice_of(const char *text) { return (struct slice){ text, text ? strlen(text) : 0 }; }
static inline bool         slice_same(struct slice a, struct slice b) { return a.n == b.n && (a.n == 0 || memcmp(a.s, b.s, a.n) == 0); }
static inline bool         slice_is(struct slice a, const char *text) { return slice_same(a, slice_of(text)); }

/* Bytewise, a shorter one before what it begins: the order of labels. */
static inline int slice_order(struct slice a, struct slice b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int    o = n ? memcmp(a.s, b.s, n) : 0;
    return o ? o : (a.n > b.n) - (a.n < b.n);
}

#endif
