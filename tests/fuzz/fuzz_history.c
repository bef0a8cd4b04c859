/* fuzz_history - any bytes as a block of the history: a minute or a refusal; a minute that is taken is written and read again as the same. */
#include "history/block.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put_u32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (8 * i));
}

/* The input is a raw payload behind a flag: packed here as it would be on disk, so that what lies behind the sum and zstd is reached. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct block b;
    (void)block_is(data, size, &b);
    if (size < 2 || size > BLOCK_MAX / 2)
        return 0;
    struct history_minute *m = calloc(3, sizeof *m);
    uint8_t               *bytes = malloc(BLOCK_HEADER + BLOCK_MAX), *frame = malloc(size + 32);
    size_t                 written;
    /* a zstd frame of raw blocks, by hand: magic, single segment with a size of 4 bytes, blocks of at most 64 KiB */
    size_t at = 0, n = size - 1, done = 0;
    put_u32(frame, 0xfd2fb528);
    frame[4] = 0xa0;
    put_u32(frame + 5, (uint32_t)n);
    at = 9;
    do {
        size_t   part   = n - done < 65536 ? n - done : 65536;
        uint32_t header = (uint32_t)(part << 3 | (done + part == n));
        frame[at++] = (uint8_t)header;
        frame[at++] = (uint8_t)(header >> 8);
        frame[at++] = (uint8_t)(header >> 16);
        memcpy(frame + at, data + 1 + done, part);
        at   += part;
        done += part;
    } while (done < n);
    m[0].tops = m[0].disks = 1;
    strcpy(m[0].top[0].name, "a");
    b = (struct block){ .packed = (uint32_t)at, .raw = (uint32_t)n, .key = data[0] & 1, .at_us = 1, .payload = frame };
    if (block_read(&b, &m[0], &m[1], NULL) == OK) {
        if (block_write(&m[1], NULL, 1, bytes, &written, NULL) != OK || !block_is(bytes, written, &b) || block_read(&b, NULL, &m[2], NULL) != OK)
            abort();
        if (m[1].tops != m[2].tops || m[1].nets != m[2].nets || memcmp(m[1].top[0].name, m[2].top[0].name, HISTORY_NAME) != 0)
            abort();
    }
    free(m);
    free(bytes);
    free(frame);
    return 0;
}
