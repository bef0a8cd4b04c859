/* receive/unpack.c - see unpack.h. */
#include "receive/unpack.h"

#include "wire/snappy.h"

#include <libdeflate.h>
#include <string.h>
#include <zstd.h>

enum { ZSTD_WINDOW_LOG_MAX = 26 };     /* as large as the largest body */

static enum err too_large(struct fault *fault, size_t max) { return fail(fault, ERR_LIMIT, "unpacked, the body is larger than %zu bytes", max); }
static enum err no_memory(struct fault *fault) { return fail(fault, ERR_BUSY, "out of memory for unpacking"); }

/* Twice the room, within the bound plus one byte, which shows that there is more. */
static enum err more_room(struct buffer_stock *stock, struct buffer *out, size_t least, size_t max, struct fault *fault)
{
    if (out->n > max || out->room > max)
        return too_large(fault, max);
    size_t want = out->room ? out->room * 2 : least;
    if (want > max + 1)
        want = max + 1;
    return buffer_need(stock, out, want) ? OK : no_memory(fault);
}

static enum libdeflate_result inflate_once(struct libdeflate_decompressor *d, enum packing packing, bool raw, struct slice in, struct buffer *out, size_t room,
                                           size_t *used, size_t *made)
{
    char *to = out->s + out->n;
    return packing == PACKED_GZIP ? libdeflate_gzip_decompress_ex(d, in.s, in.n, to, room, used, made)
           : raw                  ? libdeflate_deflate_decompress_ex(d, in.s, in.n, to, room, used, made)
                                  : libdeflate_zlib_decompress_ex(d, in.s, in.n, to, room, used, made);
}

/* libdeflate begins anew when the room did not suffice, so the first guess is the size that gzip writes at the end. */
static size_t inflate_guess(enum packing packing, struct slice in, size_t max)
{
    size_t guess = in.n * 4;
    if (packing == PACKED_GZIP && in.n >= 18) {
        const unsigned char *end = (const unsigned char *)in.s + in.n - 4;
        size_t               said = (size_t)end[0] | (size_t)end[1] << 8 | (size_t)end[2] << 16 | (size_t)end[3] << 24;
        if (said > 0 && said <= max && said / 1100 <= in.n)
            guess = said + 1;
    }
    return guess < 64 ? 64 : guess > max + 1 ? max + 1 : guess;
}

static enum err inflate(struct unpacker *u, enum packing packing, struct slice in, size_t max, struct buffer_stock *stock, struct buffer *out, struct fault *fault)
{
    if (!u->deflate && !(u->deflate = libdeflate_alloc_decompressor()))
        return no_memory(fault);
    if (!buffer_need(stock, out, inflate_guess(packing, in, max)))
        return no_memory(fault);
    bool raw = false;
    do {
        size_t                 used = 0, made = 0, room = (out->room > max ? max : out->room) - out->n;
        enum libdeflate_result r = inflate_once(u->deflate, packing, raw, in, out, room, &used, &made);
        if (r == LIBDEFLATE_INSUFFICIENT_SPACE) {
            enum err e = out->room >= max ? too_large(fault, max) : more_room(stock, out, 64, max, fault);
            if (e != OK)
                return e;
            continue;
        }
        if (r != LIBDEFLATE_SUCCESS && packing == PACKED_DEFLATE && !raw) {
            raw = true;      /* there are clients that leave zlib's frame out */
            continue;
        }
        if (r != LIBDEFLATE_SUCCESS)
            return fail(fault, ERR_INPUT, "the body is no %s", packing == PACKED_GZIP ? "gzip" : "deflate");
        out->n += made;
        in.s += used;
        in.n -= used;
        if (in.n && packing != PACKED_GZIP)
            return fail(fault, ERR_INPUT, "there is something behind the packed body");
    } while (in.n);
    return OK;
}

static enum err unzstd(struct unpacker *u, struct slice in, size_t max, struct buffer_stock *stock, struct buffer *out, struct fault *fault)
{
    ZSTD_DCtx *z = u->zstd;
    if (!z) {
        if (!(u->zstd = z = ZSTD_createDCtx()))
            return no_memory(fault);
        (void)ZSTD_DCtx_setParameter(z, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG_MAX);
    }
    unsigned long long said = ZSTD_getFrameContentSize(in.s, in.n);
    if (said == ZSTD_CONTENTSIZE_ERROR)
        return fail(fault, ERR_INPUT, "the body is no zstd");
    if (said != ZSTD_CONTENTSIZE_UNKNOWN && said > max)
        return too_large(fault, max);
    /* What a frame says of itself is believed up to what so few bytes usually become. */
    size_t guess = said != ZSTD_CONTENTSIZE_UNKNOWN && said < in.n * 64 + 65536 ? (size_t)said + 1 : in.n * 4;
    if (!buffer_need(stock, out, guess < 64 ? 64 : guess > max + 1 ? max + 1 : guess))
        return no_memory(fault);
    (void)ZSTD_DCtx_reset(z, ZSTD_reset_session_only);
    ZSTD_inBuffer from = { in.s, in.n, 0 };
    size_t        left = 1;
    while (from.pos < from.size || left) {
        ZSTD_outBuffer to = { out->s, out->room, out->n };
        size_t         was = from.pos;
        left = ZSTD_decompressStream(z, &to, &from);
        if (ZSTD_isError(left))
            return fail(fault, ERR_INPUT, "the body is no zstd: %s", ZSTD_getErrorName(left));
        bool stood = to.pos == out->n && from.pos == was;
        out->n = to.pos;
        if (out->n > max)
            return too_large(fault, max);
        if (left == 0 && from.pos == from.size)
            return OK;
        if (out->n == out->room) {
            enum err e = more_room(stock, out, 64, max, fault);
            if (e != OK)
                return e;
        } else if (stood || from.pos == from.size)
            return fail(fault, ERR_INPUT, "the zstd of the body is cut off");
    }
    return OK;
}

static enum err unsnappy(struct slice in, size_t max, struct buffer_stock *stock, struct buffer *out, struct fault *fault)
{
    size_t   size;
    bool     framed = snappy_is_framed(in);
    enum err e = (framed ? snappy_frames_size : snappy_block_size)(in, max, &size, fault);
    if (e != OK)
        return e;
    if (!buffer_need(stock, out, size ? size : 1))
        return no_memory(fault);
    e = (framed ? snappy_frames_read : snappy_block_read)(in, out->s, size, fault);
    out->n = e == OK ? size : 0;
    return e;
}

enum err unpack(struct unpacker *u, enum packing packing, struct slice in, size_t max, struct buffer_stock *stock, struct buffer *out, struct fault *fault)
{
    switch (packing) {
    case PACKED_GZIP:
    case PACKED_DEFLATE: return inflate(u, packing, in, max, stock, out, fault);
    case PACKED_ZSTD:    return unzstd(u, in, max, stock, out, fault);
    case PACKED_SNAPPY:  return unsnappy(in, max, stock, out, fault);
    case PACKED_NOT:
    case PACKED_UNKNOWN: break;
    }
    return fail(fault, ERR_MISSING, "this way of packing is not known");
}

void unpacker_done(struct unpacker *u)
{
    if (u->deflate)
        libdeflate_free_decompressor(u->deflate);
    if (u->zstd)
        (void)ZSTD_freeDCtx(u->zstd);
    *u = (struct unpacker){ 0 };
}
