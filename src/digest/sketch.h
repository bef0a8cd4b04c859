/*
 * digest/sketch.h - a distribution in little memory, whose parts can be put together: quantiles within one percent of their value.
 *
 * Buckets grow by a constant factor, so the error of a quantile is relative (DDSketch: Masson, Rim and Lee, VLDB 2019).  Only those that
 * hold something are kept, so a value far from the others costs one bucket and no other value its place.  Any double has one, of both
 * signs and zero, down to denormals (whose own steps are coarser than one percent at their very end); NAN is left out, infinities are
 * counted beyond all others of their side.
 *
 * One percent holds while the values lie in no more than SKETCH_BUCKETS_MAX buckets: always when they span less than 35 powers of ten (both
 * signs together), whatever else lies far from there, and always for SKETCH_BUCKETS_MAX values or fewer.  With more, all neighbours become
 * one, evenly, as often as needed, and the error doubles: sketch_error says what it is (UDDSketch: Epicoco et al., IEEE Access 2020).
 * How often is a matter of which values came and not of their order, so merging is exact at every error: order does not matter.
 */
#ifndef DIGEST_SKETCH_H
#define DIGEST_SKETCH_H

#include "base/err.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SKETCH_BUCKETS_MAX = 4096, SKETCH_PACKED_MAX = 40 * 1024 };
#define SKETCH_ERROR 0.01

struct sketch;                               /* 12 bytes for each bucket that holds something */

struct sketch *sketch_new(void);             /* NULL: out of memory */
void           sketch_free(struct sketch *s);
void           sketch_clear(struct sketch *s);
/* False: out of memory, or more than 2^64 - 1 values; nothing was added. */
bool           sketch_add(struct sketch *s, double value, uint64_t times);
bool           sketch_merge(struct sketch *into, const struct sketch *from);
uint64_t       sketch_count(const struct sketch *s);
double         sketch_sum(const struct sketch *s);       /* exact up to rounding; NAN when empty, so are: */
double         sketch_min(const struct sketch *s);
double         sketch_max(const struct sketch *s);
double         sketch_quantile(const struct sketch *s, double q);    /* 0..1, nearest rank; min and max are exact */
double         sketch_error(const struct sketch *s);     /* of its quantiles, relative: SKETCH_ERROR, or what it had to become */

/* As bytes that any machine reads; at most SKETCH_PACKED_MAX. Returns how many, 0 when size is too small. */
size_t         sketch_pack(const struct sketch *s, void *bytes, size_t size);
MUST_CHECK enum err sketch_unpack(struct slice bytes, struct sketch **s, struct fault *fault);
size_t         sketch_bytes(const struct sketch *s);     /* of memory */

#endif
