/* tests/fuzz/fuzz_sketch.c - any bytes as a sketch: refused; or taken, and then it packs into bytes that are taken again and are the same. */
#include "digest/sketch.h"

#include <math.h>
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
    static char    first[SKETCH_PACKED_MAX], second[SKETCH_PACKED_MAX];
    struct fault   fault = { 0 };
    struct sketch *s, *t, *twice = sketch_new();
    if (sketch_unpack((struct slice){ (const char *)data, size }, &s, &fault)) {
        must(!s && *fault.text);
        sketch_free(twice);
        return 0;
    }
    size_t n = sketch_pack(s, first, sizeof first);
    must(n > 0 && sketch_unpack((struct slice){ first, n }, &t, &fault) == OK);
    must(sketch_pack(t, second, sizeof second) == n && memcmp(first, second, n) == 0);
    for (double q = 0; q <= 1; q += 0.125) {
        double v = sketch_quantile(s, q);
        must(sketch_count(s) ? v >= sketch_min(s) && v <= sketch_max(s) : isnan(v));
    }
    must(twice && sketch_merge(twice, s));
    if (sketch_merge(twice, t))
        must(sketch_count(twice) == 2 * sketch_count(s) && (!sketch_count(s) || sketch_max(twice) == sketch_max(s)));
    sketch_free(twice);
    sketch_free(t);
    sketch_free(s);
    return 0;
}
