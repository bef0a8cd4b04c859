/*
 * wire/flat.h - FlatBuffers read with every bound checked.
 *
 * A table that does not lie whole in its buffer is refused when it is opened; a field that would reach outside reads as absent, and the
 * buffer's `bad` is set, which the caller looks at when it is done.
 */
#ifndef WIRE_FLAT_H
#define WIRE_FLAT_H

#include "base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct flat { struct slice buffer; bool bad; };
struct flat_table { struct flat *in; uint32_t at, vtable; uint16_t vtable_bytes, table_bytes; };      /* at 0: no table */
struct flat_vector { struct flat *in; uint32_t at, n; };                                              /* at: of the first element */

static inline bool flat_is(struct flat_table t) { return t.in && t.at; }

/* The root table. Not flat_is() when it is damaged. */
struct flat_table flat_root(struct flat *f);

/* Fields by their number, 0 and up. */
int64_t            flat_int(struct flat_table t, unsigned field, unsigned bytes, int64_t absent);         /* 1, 2, 4, 8 bytes, signed */
struct flat_table  flat_table_at(struct flat_table t, unsigned field);
struct slice       flat_text(struct flat_table t, unsigned field);
/* A vector whose elements take `bytes` each: 4 for tables and texts, the size of the struct for structs. */
struct flat_vector flat_vector_at(struct flat_table t, unsigned field, unsigned bytes);
struct flat_table  flat_vector_table(struct flat_vector v, uint32_t i);
/* Of a vector of structs or numbers: the bytes of element i begin here; i must be < n. */
const char        *flat_vector_bytes(struct flat_vector v, uint32_t i, unsigned bytes);

#endif
