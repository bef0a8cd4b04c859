/*
 * math/learn/pack.h - what was learned, as bytes.
 *
 * A pack is a list of named matrices of numbers with their shapes, a version
 * and a checksum; the same on every machine.  Reading goes into matrices that
 * exist already and must have the names and shapes of those that were written:
 * a network is built from its options first, then filled.  Bytes are taken as
 * hostile: whatever does not fit is an error that says where, numbers that are
 * not finite are refused, and nothing is filled unless all of it can be.
 *
 *     struct math_array arrays[MATH_TENSORS_MAX];
 *     int n = math_pack_params(&p, arrays, MATH_TENSORS_MAX);
 *     size_t size = math_pack_size(arrays, n);
 *     math_pack(arrays, n, bytes);
 *
 * Layout, little-endian: "HOMEONET", version (4 bytes), number of arrays (4);
 * for each its kind (1), length of its name (1), name, rows (4), columns (4),
 * numbers; at the end 8 bytes of FNV-1a over all before.
 */
#ifndef MATH_PACK_H
#define MATH_PACK_H

#include "base/err.h"
#include "math/learn/params.h"

#include <stddef.h>
#include <stdint.h>

enum math_kind { MATH_FLOAT = 4, MATH_DOUBLE = 8 };

/* In memory a matrix of `kind`; in bytes it may have been the other. not_negative: numbers below 0 are refused. */
struct math_array { char name[MATH_NAME_SIZE]; enum math_kind kind; int rows, cols; void *data; bool not_negative; };

size_t math_pack_size(const struct math_array *arrays, int count);
void   math_pack(const struct math_array *arrays, int count, unsigned char *out);    /* writes math_pack_size() bytes */
MUST_CHECK enum err math_unpack(const struct math_array *arrays, int count, const unsigned char *bytes, size_t size, struct fault *fault);

/* The checksum alone, for whoever makes bytes that should be looked at further than that. */
uint64_t math_pack_sum(const unsigned char *bytes, size_t size);

/* The values of a set as arrays, and what Adam remembers of it as name.adam.m, .v and .t; returns how many, at most room (assert). */
int math_pack_params(struct math_params *p, struct math_array *arrays, int room);
int math_pack_moments(struct math_params *p, const char *name, struct math_array *arrays, int room);

/* One row of doubles; where it belongs in a list: `arrays[n++] = ...`. */
struct math_array math_pack_doubles(const char *name, double *data, int n, bool not_negative);

#endif
