/*
 * Three ways into ship, by the first byte: a letter as it lies on the disk, a condition of a route, and any record as JSON, which must be JSON.
 */
#include "base/arena.h"
#include "base/text.h"
#include "event/event.h"
#include "ship/dead_inside.h"
#include "ship/json.h"
#include "ship/route.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static bool is_json(void *ctx, const struct event *e)
{
    (void)ctx;
    struct text t CLEANUP(text_done);
    text_init(&t, 64 * 1024 * 1024);
    ship_json_event(&t, e);
    json_error_t error;
    json_t      *j = t.cut ? json_null() : json_loadb(t.s, t.used, JSON_ALLOW_NUL, &error);
    if (!j && json_error_code(&error) != json_error_null_byte_in_key)       /* JSON may have that, jansson may not */
        abort();
    json_decref(j);
    return true;
}

static void letter(struct slice in)
{
    struct dead_letter l CLEANUP(dead_letter_done) = { 0 };
    struct fault       fault;
    size_t             n = in.n / 2;
    struct record      r = { .id = 1, .kind = RECORD_OTLP_LOGS, .form = FORM_PROTOBUF, .labels = { in.s, n }, .body = { in.s + n, in.n - n } };
    if (dead_letter_read(&r, &l, &fault) == OK && (l.content.body.n != r.body.n || l.content.labels.n > n))
        abort();
}

static void condition(struct slice in)
{
    char         text[600];
    struct fault fault;
    if (in.n >= sizeof text)
        return;
    memcpy(text, in.s, in.n);
    text[in.n] = '\0';
    (void)route_condition_check(text, &fault);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    char        *copy = malloc(size);           /* so that reading beyond the end is seen */
    memcpy(copy, data + 1, size - 1);
    struct slice in = { copy, size - 1 };
    if (*data == 'l') {
        letter(in);
    } else if (*data == 'c') {
        condition(in);
    } else {
        static const enum record_kind kinds[] = { RECORD_OTLP_LOGS, RECORD_OTLP_METRICS, RECORD_OTLP_TRACES, RECORD_REMOTE_WRITE, RECORD_ROWS };
        enum record_kind    kind = kinds[*data % 5];
        struct record       r = { .id = 1, .kind = kind, .form = kind == RECORD_ROWS ? FORM_JSON : FORM_PROTOBUF, .source = SLICE("t"), .body = in };
        struct event_report report = { 0 };
        struct fault        fault;
        struct arena        a;
        arena_init(&a, 64 * 1024 * 1024);
        enum err e = event_read(&r, &a, is_json, NULL, &report, &fault);
        (void)e;
        arena_done(&a);
    }
    free(copy);
    return 0;
}
