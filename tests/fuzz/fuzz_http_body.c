/*
 * tests/fuzz/fuzz_http_body.c - headers and body of a request, as the web reads them before the engine hears of it.
 *
 * The input is lines of headers, an empty line, and the body, as in HTTP: "Content-Type: application/json\n\n{...}".
 */
#include "base/text.h"
#include "web/body.h"
#include "web/header.h"
#include "web/meter.h"
#include "web/route.h"
#include "web/stream.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { VALUE_MAX = 4096 };

/* The value of a header; NULL when it is not there. Memory of its own, so that reading too far is noticed. */
static char *header(const char *head, size_t size, const char *name)
{
    size_t n = strlen(name);
    for (const char *s = head, *end = head + size; s < end;) {
        const char *line_end = memchr(s, '\n', (size_t)(end - s));
        line_end = line_end ? line_end : end;
        if ((size_t)(line_end - s) > n && memcmp(s, name, n) == 0 && s[n] == ':')
            return strndup(s + n + 1, (size_t)(line_end - s) - n - 1 < VALUE_MAX ? (size_t)(line_end - s) - n - 1 : VALUE_MAX);
        s = line_end + 1;
    }
    return NULL;
}

static void read_headers(const char *head, size_t size, int64_t *if_match)
{
    static const char *const names[] = { "Idempotency-Key", "If-Match", "If-None-Match", "Prefer", "Accept", "traceparent", "X-Request-Id", "Authorization" };
    static const char *const offers[] = { "application/json", "text/plain; version=0.0.4" };
    char *v[8];
    for (int i = 0; i < 8; i++)
        v[i] = header(head, size, names[i]);
    char                 key[HEADER_KEY_SIZE], trace[HEADER_TRACE_SIZE], id[REQUEST_ID_SIZE];
    struct fault         fault;
    struct header_prefer prefer;
    if (header_key(v[0], key, &fault) == OK && v[0])
        assert(key[0] && strlen(key) < sizeof key);
    if (header_if_match(v[1], if_match, &fault) != OK)
        *if_match = IF_MATCH_NONE;
    (void)header_if_none_match(v[2], 3);
    header_prefer(v[3], 60000000, &prefer);
    assert(prefer.wait_us <= 60000000);
    int chosen = header_accept(v[4], offers, 2);
    assert(chosen >= -1 && chosen < 2);
    (void)header_trace_id(v[5], trace);
    assert(strlen(trace) == 32);
    header_request_id(v[6], id);
    assert(strlen(id) > 0);
    (void)header_bearer(v[7]);
    for (int i = 0; i < 8; i++)
        free(v[i]);
}

static void read_body(enum header_body type, const char *data, size_t size, int64_t if_match)
{
    struct body       body;
    struct body_fault where;
    struct fault      fault = { 0 };
    if (body_read(data, size, type, &body, &where, &fault) != OK) {
        assert(fault.text[0]);
        assert(problem_status(where.problem) >= 400);
        return;
    }
    assert(!body.json || json_is_object(body.json));
    int64_t version;
    char    one[DIGEST_SIZE], two[DIGEST_SIZE];
    (void)!body_expected_version(body.json, if_match, &version, &where, &fault);
    /* What is written out and read again is the same request. */
    if (body.json && body_fingerprint("POST", "/x", "p", body.json, one, &fault) == OK) {
        char   *text = json_dumps(body.json, JSON_COMPACT | JSON_REAL_PRECISION(17));
        json_t *again = text ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
        assert(again);
        assert(body_fingerprint("POST", "/x", "p", again, two, &fault) == OK);
        assert(strcmp(one, two) == 0);
        json_decref(again);
        free(text);
    }
    json_decref(body.json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *all = (const char *)data, *end = size >= 2 ? memmem(all, size, "\n\n", 2) : NULL;
    size_t      head = end ? (size_t)(end - all) : 0, skip = end ? head + 2 : 0;
    int64_t     if_match = IF_MATCH_NONE;
    read_headers(all, head, &if_match);
    char *type = header(all, head, "Content-Type"), *copy = malloc(size - skip + 1);
    memcpy(copy, all + skip, size - skip);
    read_body(header_content_type(type), copy, size - skip, if_match);
    copy[size - skip] = '\0';

    size_t framed_size;
    char  *framed = stream_format(1, "evt", copy, &framed_size);
    assert(!framed || strlen(framed) == framed_size);
    free(framed);

    struct route_match m;
    route_find("GET", copy, &m);
    struct text metrics CLEANUP(text_done);
    text_init(&metrics, 1 << 20);
    meter_openmetrics(copy, &metrics);
    free(copy);
    free(type);
    return 0;
}
