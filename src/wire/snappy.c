/* wire/snappy.c - libsnappy, behind a look at the header; and the framing format around it. */
#include "wire/snappy.h"

#include "base/crc32c.h"

#include <stdint.h>
#include <string.h>

#include <snappy-c.h>

/* Three bytes can become 64 at most, so a header that promises more is a lie. */
enum { GROWTH_MAX = 22 };

enum err snappy_block_size(struct slice in, size_t max, size_t *size, struct fault *fault)
{
    uint64_t n = 0;
    size_t   i = 0;
    for (;; i++) {
        if (i == in.n || i == 5)
            return fail(fault, ERR_INPUT, "snappy: the block of %zu bytes has no size at its beginning", in.n);
        n |= (uint64_t)((unsigned char)in.s[i] & 0x7f) << (7 * i);
        if (!((unsigned char)in.s[i] & 0x80))
            break;
    }
    if (n > UINT32_MAX)
        return fail(fault, ERR_INPUT, "snappy: the block says it will have more than 4 GiB");
    if (n > max)
        return fail(fault, ERR_LIMIT, "snappy: the block will have %llu bytes, at most %zu are taken", (unsigned long long)n, max);
    if (n / GROWTH_MAX > in.n)
        return fail(fault, ERR_INPUT, "snappy: %zu bytes cannot become %llu", in.n, (unsigned long long)n);
    *size = (size_t)n;
    return OK;
}

enum err snappy_block_read(struct slice in, char *to, size_t size, struct fault *fault)
{
    char        nothing[1];
    size_t      told, used = size;
    enum err    e = snappy_block_size(in, size, &told, fault);
    if (e != OK)
        return e;
    if (told != size || snappy_uncompress(in.s, in.n, to ? to : nothing, &used) != SNAPPY_OK || used != size)
        return fail(fault, ERR_INPUT, "snappy: the block of %zu bytes is damaged", in.n);
    return OK;
}

/* ---- frames: a type, three bytes of length, little-endian, and as many bytes ---- */

enum { FRAME_HEAD = 4, FRAME_SUM = 4, FRAME_MAX = 64 * 1024 };
enum { FRAME_PACKED = 0x00, FRAME_PLAIN = 0x01, FRAME_SKIPPED_FROM = 0x80, FRAME_MARK = 0xff };

static const char mark[] = "\xff\x06\0\0sNaPpY";

bool snappy_is_framed(struct slice in) { return in.n >= sizeof mark - 1 && memcmp(in.s, mark, sizeof mark - 1) == 0; }

struct frame { unsigned type; uint32_t sum; struct slice bytes; size_t size; /* of what it becomes */ };

/* The next frame that holds something, off the front of in. False: there is none; *e says whether that is all. */
static bool frame_next(struct slice *in, struct frame *f, enum err *e, struct fault *fault)
{
    *e = OK;
    while (in->n) {
        const unsigned char *p = (const unsigned char *)in->s;
        size_t               n = in->n < FRAME_HEAD ? 0 : (size_t)p[1] | (size_t)p[2] << 8 | (size_t)p[3] << 16;
        if (in->n < FRAME_HEAD || n > in->n - FRAME_HEAD) {
            *e = fail(fault, ERR_INPUT, "snappy: the last frame breaks off");
            return false;
        }
        *f = (struct frame){ .type = p[0], .bytes = { in->s + FRAME_HEAD, n } };
        in->s += FRAME_HEAD + n;
        in->n -= FRAME_HEAD + n;
        if (f->type == FRAME_MARK ? n == 6 && memcmp(f->bytes.s, mark + FRAME_HEAD, 6) == 0 : f->type >= FRAME_SKIPPED_FROM)
            continue;
        if (f->type > FRAME_PLAIN || n < FRAME_SUM) {
            *e = fail(fault, ERR_INPUT, "snappy: a frame of a type that is not known, or too short");
            return false;
        }
        p += FRAME_HEAD;
        f->sum = (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
        f->bytes = (struct slice){ f->bytes.s + FRAME_SUM, n - FRAME_SUM };
        f->size = f->bytes.n;
        if (f->type == FRAME_PACKED)
            *e = snappy_block_size(f->bytes, FRAME_MAX, &f->size, fault);
        else if (f->size > FRAME_MAX)
            *e = fail(fault, ERR_INPUT, "snappy: a frame of %zu bytes, where 64 KiB are the most", f->size);
        *e = *e == ERR_LIMIT ? ERR_INPUT : *e;      /* the format's bound, not ours */
        return *e == OK;
    }
    return false;
}

enum err snappy_frames_size(struct slice in, size_t max, size_t *size, struct fault *fault)
{
    struct frame f;
    enum err     e;
    size_t       all = 0;
    while (frame_next(&in, &f, &e, fault)) {
        if (f.size > max - all)
            return fail(fault, ERR_LIMIT, "snappy: the frames will have more than %zu bytes", max);
        all += f.size;
    }
    *size = e == OK ? all : 0;
    return e;
}

enum err snappy_frames_read(struct slice in, char *to, size_t size, struct fault *fault)
{
    struct frame f;
    enum err     e;
    size_t       at = 0;
    while (frame_next(&in, &f, &e, fault)) {
        if (f.size > size - at)
            return fail(fault, ERR_INPUT, "snappy: the frames have more than they said");
        if (f.type == FRAME_PACKED)
            e = snappy_block_read(f.bytes, to + at, f.size, fault);
        else if (f.size)
            memcpy(to + at, f.bytes.s, f.size);
        if (e != OK)
            return e;
        uint32_t sum = crc32c(0, to + at, f.size);
        if ((sum >> 15 | sum << 17) + 0xa282ead8 != f.sum)
            return fail(fault, ERR_INPUT, "snappy: the checksum of a frame is wrong");
        at += f.size;
    }
    return e != OK || at == size ? e : fail(fault, ERR_INPUT, "snappy: the frames have less than they said");
}

size_t snappy_block_bound(size_t n) { return snappy_max_compressed_length(n); }

enum err snappy_block_write(struct slice in, char *to, size_t room, size_t *used, struct fault *fault)
{
    *used = room;
    if (in.n > UINT32_MAX || room < snappy_max_compressed_length(in.n) || snappy_compress(in.n ? in.s : "", in.n, to, used) != SNAPPY_OK) {
        *used = 0;
        return fail(fault, ERR_LIMIT, "snappy: %zu bytes do not fit into a block of %zu", in.n, room);
    }
    return OK;
}
