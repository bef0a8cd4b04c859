/*
 * tests/fuzz/fuzz_wire_otlp.c - any bytes as an OTLP request of each signal: checking and reading agree on whether it is well-formed and on the
 * counts, and what is written from the events is read as the same events.
 *
 * The first byte says which signal.
 */
#include "base/text.h"
#include "event/encode.h"
#include "event/event.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { KEEP = 4096, ARENA = 64 * 1024 * 1024 };

struct kept { const struct event *list[KEEP]; size_t n; };

static void must(bool truth)
{
    if (!truth)
        abort();
}

static bool keep(void *ctx, const struct event *e)
{
    struct kept *k = ctx;
    must(e->index == k->n && e->resource && e->scope);
    k->list[k->n++] = e;
    return k->n < KEEP;
}

static enum err read(enum record_kind kind, struct slice body, struct arena *a, struct kept *k, struct event_report *report)
{
    struct record r = { .id = 1, .received_us = 1, .kind = kind, .form = FORM_PROTOBUF, .body = body };
    struct fault  fault = { 0 };
    k->n = 0;
    enum err e = event_read(&r, a, keep, k, report, &fault);
    must(e == OK || *fault.text);
    return e;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum record_kind kinds[] = { RECORD_OTLP_LOGS, RECORD_OTLP_METRICS, RECORD_OTLP_TRACES };
    static struct kept            kept, again;
    struct event_report           checked, report;
    struct fault                  fault = { 0 };
    struct arena                  a, b;
    struct text                   first, second;
    if (size == 0)
        return 0;
    enum record_kind kind = kinds[data[0] % 3];
    struct slice     body = { (const char *)data + 1, size - 1 };
    enum err         check = event_check(kind, FORM_PROTOBUF, body, &checked, &fault);
    must(check == OK || (check == ERR_INPUT && *fault.text));
    arena_init(&a, ARENA);
    arena_init(&b, ARENA);
    text_init(&first, ARENA);
    text_init(&second, ARENA);
    enum err e = read(kind, body, &a, &kept, &report);
    if (e != ERR_LIMIT && kept.n < KEEP) {
        must(e == check);
        must(e != OK || (report.events == checked.events && report.rejected == checked.rejected && report.too_deep == checked.too_deep &&
                         report.bad_text == checked.bad_text && strcmp(report.why, checked.why) == 0 && kept.n == checked.events));
        must(event_encode(kept.list, kept.n, &first, &fault) == OK);
        e = read(kind, (struct slice){ first.s, first.used }, &b, &again, &report);
        must(e == OK && report.rejected == 0 && report.too_deep == 0 && again.n == kept.n);
        must(event_encode(again.list, again.n, &second, &fault) == OK);
        must(first.used == second.used && memcmp(first.s, second.s, first.used) == 0);
    }
    for (size_t i = 0; i < kept.n && e == OK; i++)
        for (size_t k = 0; k < kept.list[i]->attrs.count; k++)
            (void)value_text(&kept.list[i]->attrs.item[k].value, &a);
    text_done(&first);
    text_done(&second);
    arena_done(&a);
    arena_done(&b);
    return 0;
}
