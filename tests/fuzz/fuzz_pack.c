/*
 * tests/fuzz/fuzz_pack.c - any bytes as saved parameters: refused, and then nothing is changed; or taken, and
 * then what is written is taken again and is the same.
 *
 * The checksum at the end is put right first, so that what it guards is reached.
 */
#include "math/learn/layers.h"
#include "math/learn/pack.h"

#include <stdlib.h>
#include <string.h>

static void must(bool truth)
{
    if (!truth)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fault       fault = { 0 };
    struct rand        chance;
    struct math_params p;
    struct math_array  arrays[16];
    double             seen[2] = { 1, 2 };
    rand_seed(&chance, 1);
    math_params_init(&p);
    (void)math_mlp_add(&p, "net", (int[]){ 2, 2, 1 }, 2, MATH_TANH, &chance);
    int n = math_pack_params(&p, arrays, 16);
    n += math_pack_moments(&p, "net", arrays + n, 16 - n);
    arrays[n++] = math_pack_doubles("seen", seen, 2, true);

    size_t         whole = math_pack_size(arrays, n);
    unsigned char *before = malloc(whole), *after = malloc(whole), *bytes = malloc(size + 1);
    must(before && after && bytes);
    memcpy(bytes, data, size);
    uint64_t sum = size >= 8 ? math_pack_sum(bytes, size - 8) : 0;
    for (size_t i = 0; size >= 8 && i < 8; i++)
        bytes[size - 8 + i] = (unsigned char)(sum >> (8 * i));
    math_pack(arrays, n, before);
    enum err e = math_unpack(arrays, n, bytes, size, &fault);
    math_pack(arrays, n, after);
    if (e != OK) {
        must(*fault.text && memcmp(before, after, whole) == 0);
    } else {
        must(math_unpack(arrays, n, after, whole, &fault) == OK);
        math_pack(arrays, n, before);
        must(memcmp(before, after, whole) == 0);
    }
    free(before);
    free(after);
    free(bytes);
    math_params_done(&p);
    return 0;
}
