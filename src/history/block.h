/*
 * history/block.h - one minute as a block of bytes, and back. Pure.
 *
 * A block is a header of BLOCK_HEADER bytes (magic, version and flags, place in its file, sizes, time, CRC32C over header and payload) and a
 * payload: zstd over varints. A number is round(value x scale), written as its difference to the same number of the minute before; a
 * row (a disk, a process) names the row of the minute before that it continues. A key block has no minute before.
 */
#ifndef HISTORY_BLOCK_H
#define HISTORY_BLOCK_H

#include "history/history.h"

#include <stdint.h>

enum { BLOCK_HEADER = 36, BLOCK_MAX = 256 * 1024 /* of a payload, packed or not */ };

struct block { uint32_t sequence, packed, raw; bool key; int64_t at_us; const uint8_t *payload; };

/* The bytes of a minute into out (at least BLOCK_HEADER + BLOCK_MAX); *size is how many. before is NULL for a key block. *m becomes what a reader will see: rounded. */
MUST_CHECK enum err block_write(struct history_minute *m, const struct history_minute *before, uint32_t sequence, uint8_t *out, size_t *size, struct fault *fault);

/* Is there a whole block at the beginning of these bytes, with the right sum? */
bool block_is(const uint8_t *bytes, size_t size, struct block *b);

/* Does a block of another version, which we cannot read, begin here? */
bool block_is_foreign(const uint8_t *bytes, size_t size);

/* The minute of a block; before is the one in front of it, NULL for a key block. ERR_INPUT when the payload makes no sense. */
MUST_CHECK enum err block_read(const struct block *b, const struct history_minute *before, struct history_minute *m, struct fault *fault);

#endif
