/*
 * receive/unpack.h - a transport's compression taken off, with a bound on what comes out: gzip, deflate, zstd, snappy as a block or in frames.
 * The bound holds while unpacking, so that a small body cannot become a large one first.  Not for sharing between threads.
 */
#ifndef RECEIVE_UNPACK_H
#define RECEIVE_UNPACK_H

#include "base/err.h"
#include "base/slice.h"
#include "receive/buffer.h"
#include "receive/route.h"

struct unpacker { void *deflate, *zstd; };     /* made when first needed; zero to begin with */

/* out must be empty. ERR_INPUT: damaged. ERR_LIMIT: more than max bytes. ERR_BUSY: no memory now. ERR_MISSING: this packing is not known. */
MUST_CHECK enum err unpack(struct unpacker *u, enum packing packing, struct slice in, size_t max, struct buffer_stock *stock, struct buffer *out,
                           struct fault *fault);
void unpacker_done(struct unpacker *u);

#endif
