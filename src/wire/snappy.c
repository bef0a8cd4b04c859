/* wire/snappy.c - libsnappy, behind a look at the header. */
#include "wire/snappy.h"

#include <stdint.h>

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
