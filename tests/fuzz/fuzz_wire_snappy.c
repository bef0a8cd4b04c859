/* tests/fuzz/fuzz_wire_snappy.c - any bytes as a snappy block and as frames: no more memory than was said; and any bytes survive being packed. */
#include "wire/snappy.h"

#include <stdint.h>
#include <stdlib.h>

enum { LIMIT = 1 << 20 };

static void must(bool truth)
{
    if (!truth)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice in = { (const char *)data, size };
    struct fault fault = { 0 };
    size_t       n = 0, used = 0;
    enum err     e = snappy_block_size(in, LIMIT, &n, &fault);
    must(e == OK ? n <= LIMIT : e == ERR_INPUT || e == ERR_LIMIT);
    if (e == OK) {
        char *to = malloc(n ? n : 1);
        must(to);
        e = snappy_block_read(in, to, n, &fault);
        must(e == OK || (e == ERR_INPUT && *fault.text));
        free(to);
    }
    e = snappy_frames_size(in, LIMIT, &n, &fault);
    must(e == OK ? n <= LIMIT && n / 22 <= size : e == ERR_INPUT || e == ERR_LIMIT);
    if (e == OK) {
        char *to = malloc(n ? n : 1);
        must(to);
        e = snappy_frames_read(in, to, n, &fault);
        must(e == OK || (e == ERR_INPUT && *fault.text));
        free(to);
    }
    size_t room = snappy_block_bound(size);
    char  *packed = malloc(room), *again = malloc(size + 1);
    must(packed && again);
    must(snappy_block_write(in, packed, room, &used, &fault) == OK);
    must(snappy_block_size((struct slice){ packed, used }, size, &n, &fault) == OK && n == size);
    must(snappy_block_read((struct slice){ packed, used }, again, n, &fault) == OK && (!size || !memcmp(again, data, size)));
    free(packed);
    free(again);
    return 0;
}
