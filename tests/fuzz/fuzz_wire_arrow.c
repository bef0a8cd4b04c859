/* tests/fuzz/fuzz_wire_arrow.c - any bytes as an Arrow stream and as FlightData: checking and reading agree, and nothing is read beyond the end. */
#include "base/text.h"
#include "event/event.h"
#include "wire/arrow.h"
#include "wire/flight.h"

#include <stdlib.h>

static void must(bool truth)
{
    if (!truth)
        abort();
}

static bool take(void *ctx, const struct event *e)
{
    struct arena *a = ctx;
    for (size_t i = 0; i < e->attrs.count; i++)
        (void)value_text(&e->attrs.item[i].value, a);
    return true;
}

static void columns(const struct arrow_column *c, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t sum = 0;
        for (size_t row = 0; row < c[i].rows && row < 1000; row++) {
            struct slice s = arrow_text(&c[i], row);
            for (size_t k = 0; k < s.n; k++)
                sum += (uint8_t)s.s[k];
            sum += (uint64_t)arrow_int(&c[i], row) + (arrow_real(&c[i], row) > 0);
        }
        must(sum + 1 != sum);
        columns(c[i].child, c[i].children);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct arrow_limits limits = { .memory = 1 << 20, .rows = 10000 };
    struct slice              body = { (const char *)data, size };
    struct record             r = { .id = 1, .received_us = 1, .kind = RECORD_ARROW, .form = FORM_ARROW, .body = body };
    struct event_report       read, checked;
    struct fault              fault = { 0 };
    struct arena              a, values;
    struct flight_data        d;
    const struct arrow_batch *batch;
    uint64_t                  rows;
    enum err                  e;
    struct arrow_reader      *reader = arrow_new(&limits);
    must(reader);
    arrow_feed(reader, body);
    while (arrow_next(reader, &batch, &e, &fault))
        columns(batch->column, batch->columns);
    arrow_free(reader);
    must(e == OK || *fault.text);
    if (arrow_check(body, &limits, &rows, &fault) == OK && rows < 10000) {
        arena_init(&a, 16 << 20);
        arena_init(&values, 16 << 20);
        e = event_read(&r, &a, take, &values, &read, &fault);
        must(e == ERR_LIMIT || (event_check(r.kind, r.form, body, &checked, &fault) == e && read.rejected == checked.rejected && read.events == checked.events));
        arena_done(&a);
        arena_done(&values);
    }
    if (flight_data_read(body, &d, &fault) == OK) {
        struct text t;
        text_init(&t, 1 << 20);
        e = flight_stream_add(&t, &d, &fault);
        must(e == OK || *fault.text);
        text_done(&t);
    }
    return 0;
}
