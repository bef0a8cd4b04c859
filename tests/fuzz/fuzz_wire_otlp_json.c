/*
 * tests/fuzz/fuzz_wire_otlp_json.c - any bytes as an OTLP request in JSON: refused with a place, or written as a request in protobuf that is well-formed;
 * checking and reading agree.
 *
 * The first byte says which signal.
 */
#include "event/event.h"
#include "wire/json_pull.h"
#include "wire/otlp.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void must(bool truth)
{
    if (!truth)
        abort();
}

static bool count(void *ctx, const struct event *e)
{
    *(size_t *)ctx += e->index + 1 > 0;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum record_kind kinds[] = { RECORD_OTLP_LOGS, RECORD_OTLP_METRICS, RECORD_OTLP_TRACES };
    struct event_report           checked, report;
    struct otlp_count             counted;
    struct fault                  fault = { 0 };
    struct arena                  a;
    struct text                   out;
    size_t                        events = 0;
    if (size == 0)
        return 0;
    int           signal = data[0] % 3;
    struct record r = { .id = 1, .received_us = 1, .kind = kinds[signal], .form = FORM_JSON, .body = { (const char *)data + 1, size - 1 } };
    text_init(&out, 8 * size + 1024);
    enum err written = otlp_from_json((enum otlp_signal)signal, r.body, &out, &fault);
    must(written == OK || (written == ERR_INPUT && *fault.text));
    if (written == OK)
        must(otlp_check((enum otlp_signal)signal, (struct slice){ out.s, out.used }, &counted, &fault) == OK);
    text_done(&out);
    must(event_check(r.kind, FORM_JSON, r.body, &checked, &fault) == written);
    arena_init(&a, 256u * 1024u * 1024u);
    must(event_read(&r, &a, count, &events, &report, &fault) == written);
    must(written != OK || (events == checked.events && events == counted.items && report.rejected == checked.rejected));
    arena_done(&a);

    struct pull p;
    pull_init(&p, r.body);
    while (pull_next(&p) != PULL_BAD && p.token != PULL_END)
        must(p.at >= p.begin && p.at <= p.end);
    must(written != OK || p.token == PULL_END);
    return 0;
}
