/* tests/fuzz/fuzz_wire_exposition.c - any bytes as an exposition, OpenMetrics by the first byte: checking and reading agree. */
#include "event/event.h"
#include "wire/exposition.h"

#include <stdlib.h>

static void must(bool truth)
{
    if (!truth)
        abort();
}

static bool take(void *ctx, const struct event *e)
{
    must(e->as.point.name.n > 0);
    for (size_t i = 0; i < e->attrs.count; i++)
        for (size_t k = 0; k < i; k++)
            must(!slice_same(e->attrs.item[i].key, e->attrs.item[k].key));
    return ++*(size_t *)ctx > 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    static const char   labels[] = "job\0j\0a\0b\0__honor_labels__\0" "1";
    struct record       r = { .id = 1, .received_us = 1, .kind = RECORD_EXPOSITION, .form = data[0] & 1 ? FORM_OPENMETRICS : FORM_TEXT,
                              .labels = { labels, data[0] & 2 ? sizeof labels : 10 }, .body = { (const char *)data + 1, size - 1 } };
    struct event_report read, checked;
    struct fault        fault = { 0 };
    struct arena        a;
    size_t              n = 0;
    arena_init(&a, 64 << 20);
    enum err e = event_read(&r, &a, take, &n, &read, &fault), f = event_check(r.kind, r.form, r.body, &checked, &fault);
    must(e == f && (e == OK || *fault.text));
    must(e != OK || (read.events == checked.events && n == read.events));
    arena_done(&a);
    return 0;
}
