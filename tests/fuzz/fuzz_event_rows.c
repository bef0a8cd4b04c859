/*
 * tests/fuzz/fuzz_event_rows.c - any bytes as JSON rows: checking and reading agree, and events can be written as requests.
 *
 * The first byte says whether the rows are of metrics, of logs, or not said; with 64 added the path named a table, with 128 they come a line each.
 */
#include "event/encode.h"
#include "event/event.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void must(bool truth)
{
    if (!truth)
        abort();
}

static bool write_one(void *ctx, const struct event *e)
{
    struct text *t = ctx;
    struct fault fault;
    text_clear(t);
    must(e->as.log.time_ns != 0 || e->type == EVENT_POINT);
    must(event_encode(&e, 1, t, &fault) == OK && t->used > 0);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct slice labels[] = { { "kind\0metrics\0a\0b", 16 }, { "kind\0logs", 9 }, { "", 0 }, { "kind\0metrics\0table\0", 20 } };
    struct event_report       checked, report;
    struct fault              fault = { 0 };
    struct arena              a;
    struct text               t;
    if (size == 0)
        return 0;
    int           kind = data[0] & 64 ? 3 : (data[0] & 63) % 3;
    struct record r = { .id = 1, .received_us = 1, .kind = RECORD_ROWS, .form = data[0] & 128 ? FORM_JSON_LINES : FORM_JSON, .source = { "t", 1 }, .labels = labels[kind], .body = { (const char *)data + 1, size - 1 } };
    arena_init(&a, 256u * 1024u * 1024u);
    text_init(&t, 64u * 1024u * 1024u);
    enum err check = event_check_record(&r, &checked, &fault), read = event_read(&r, &a, write_one, &t, &report, &fault);
    must(check == read && (check == OK || (check == ERR_INPUT && *fault.text)));
    if (check == OK)
        must(report.rejected == checked.rejected && report.events == checked.events && report.too_deep == checked.too_deep && report.bad_text == checked.bad_text && strcmp(report.why, checked.why) == 0);
    text_done(&t);
    arena_done(&a);
    return 0;
}
