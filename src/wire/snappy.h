/*
 * wire/snappy.h - snappy's block format, as remote write sends it, and its framing format, as the Collector does, with a bound.
 *
 *     size_t size;
 *     if (snappy_block_size(in, limit, &size, fault) == OK && (to = malloc(size)) && snappy_block_read(in, to, size, fault) == OK) ...
 *
 * A block begins with the size it will have.  Nobody allocates for a size that is above the limit, or that so few bytes cannot become.  A stream of
 * frames is blocks of 64 KiB at most, each with a checksum, behind a mark; no block begins like that mark.
 */
#ifndef WIRE_SNAPPY_H
#define WIRE_SNAPPY_H

#include "base/err.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stddef.h>

/* What `in` will become. ERR_INPUT: not a block; ERR_LIMIT: more than max bytes. Size 0 is legal. */
MUST_CHECK enum err snappy_block_size(struct slice in, size_t max, size_t *size, struct fault *fault);
/* Exactly the `size` bytes that snappy_block_size() told, into `to`. ERR_INPUT: damaged, to holds anything. */
MUST_CHECK enum err snappy_block_read(struct slice in, char *to, size_t size, struct fault *fault);

bool snappy_is_framed(struct slice in);
/* What all of its frames together will become, and these bytes. ERR_INPUT: malformed; damaged, or a checksum is wrong. ERR_LIMIT: more than max bytes. */
MUST_CHECK enum err snappy_frames_size(struct slice in, size_t max, size_t *size, struct fault *fault);
MUST_CHECK enum err snappy_frames_read(struct slice in, char *to, size_t size, struct fault *fault);

/* How much room n bytes may need; n up to 4 GiB. */
size_t snappy_block_bound(size_t n);
/* Into `to`, which has at least snappy_block_bound(in.n) bytes; *used is how many were written. ERR_LIMIT: too small, or in is 4 GiB and more. */
MUST_CHECK enum err snappy_block_write(struct slice in, char *to, size_t room, size_t *used, struct fault *fault);

#endif
