/*
 * web/answer.c - every answer leaves through here, so that all of them carry the same headers.
 */
#include "web/inside.h"

#include "base/log.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* The dashboard brings its own script and style; nothing else may run, load or frame it. */
#define PAGE_POLICY "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; " \
                    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
#define DATA_POLICY "default-src 'none'; frame-ancestors 'none'"

void exchange_header(struct exchange *x, const char *name, const char *format, ...)
{
    if (x->extras == EXTRA_HEADERS_MAX) {
        log_error("an answer has more headers than there is room for", F("header", name));
        return;
    }
    va_list args;
    va_start(args, format);
    (void)text_copy(x->extra[x->extras].name, sizeof x->extra[0].name, name);
    int n = vsnprintf(x->extra[x->extras].value, sizeof x->extra[0].value, format, args);
    va_end(args);
    /* A header cut short would say something else than was meant. */
    if (n >= 0 && (size_t)n < sizeof x->extra[0].value)
        x->extras++;
}

const char *exchange_request_header(const struct exchange *x, const char *name)
{
    return MHD_lookup_connection_value(x->connection, MHD_HEADER_KIND, name);
}

const char *exchange_query(const struct exchange *x, const char *name)
{
    return MHD_lookup_connection_value(x->connection, MHD_GET_ARGUMENT_KIND, name);
}

void exchange_record(const struct exchange *x)
{
    int64_t took_us = clock_mono_us(x->web->clock) - x->began_us;
    bool    writes = strcmp(x->method, "GET") != 0 && strcmp(x->method, "HEAD") != 0 && strcmp(x->method, "OPTIONS") != 0;
    meter_request(&x->web->meter, x->route ? (int)(x->route - web_routes) : -1, writes, x->status, x->streams ? -1 : took_us);
    if (!writes)
        return;
    /* Who did what, and how it went: never what was in it. The route, not the path, when nobody knows the path. */
    log_info("audit", F("principal", x->who.name), F("address", x->address), F("method", x->method), F("route", x->route ? x->route->path : "-"),
             F("id", x->id), F("status", x->status), F("took_ms", took_us / 1000), F("trace", x->trace_id), F("request", x->request_id));
}

enum MHD_Result answer_response(struct exchange *x, int status, const char *type, struct MHD_Response *response)
{
    if (!response) {
        log_error("no memory for an answer", F("trace", x->trace_id));
        return MHD_NO;
    }
    bool page = type && (strncmp(type, "text/html", 9) == 0 || strncmp(type, "text/javascript", 15) == 0 || strncmp(type, "text/css", 8) == 0);
    char span[17];
    char parent[TRACE_PARENT_SIZE];
    id_random_hex(span, 8);
    (void)snprintf(parent, sizeof parent, "00-%s-%s-01", x->trace_id, span);
    const struct { const char *name, *value; } common[] = {
        { "Content-Type", type },
        { "Cache-Control", "no-store" },
        { "X-Request-Id", x->request_id },
        { "X-Trace-Id", x->trace_id },
        { "traceresponse", parent },
        { "X-Content-Type-Options", "nosniff" },
        { "X-Frame-Options", "DENY" },
        { "Referrer-Policy", "no-referrer" },
        { "Cross-Origin-Resource-Policy", "same-origin" },
        { "Content-Security-Policy", page ? PAGE_POLICY : DATA_POLICY },
        { "Strict-Transport-Security", x->web->tls ? "max-age=31536000" : NULL },
    };
    for (size_t i = 0; i < sizeof common / sizeof common[0]; i++) {
        bool overridden = false;
        for (int e = 0; e < x->extras; e++)
            overridden |= strcmp(x->extra[e].name, common[i].name) == 0;
        if (common[i].value && !overridden)
            (void)MHD_add_response_header(response, common[i].name, common[i].value);
    }
    for (int e = 0; e < x->extras; e++)
        (void)MHD_add_response_header(response, x->extra[e].name, x->extra[e].value);
    x->status = status;
    peer_deadline(x->peer, x->streams ? 0 : clock_mono_us(x->web->clock) + 2 * x->web->options.header_timeout_us);
    exchange_record(x);
    enum MHD_Result done = MHD_queue_response(x->connection, (unsigned)status, response);
    MHD_destroy_response(response);
    return done;
}

enum MHD_Result answer_text(struct exchange *x, int status, const char *type, const char *data, size_t size)
{
    return answer_response(x, status, type, MHD_create_response_from_buffer(size, (void *)(uintptr_t)data, MHD_RESPMEM_MUST_COPY));
}

enum MHD_Result answer_static(struct exchange *x, int status, const char *type, const void *data, size_t size)
{
    return answer_response(x, status, type, MHD_create_response_from_buffer(size, (void *)(uintptr_t)data, MHD_RESPMEM_PERSISTENT));
}

enum MHD_Result answer_nothing(struct exchange *x, int status) { return answer_static(x, status, NULL, "", 0); }

enum MHD_Result answer_json(struct exchange *x, int status, const char *type, json_t *document)
{
    char *text = document ? json_dumps(document, JSON_COMPACT) : NULL;
    json_decref(document);
    if (!text) {
        static const char broken[] = "{\"type\":\"urn:homeostat:problem:internal\",\"title\":\"Something broke inside\",\"status\":500}";
        return answer_static(x, 500, "application/problem+json", broken, sizeof broken - 1);
    }
    struct MHD_Response *response = MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE);
    if (!response)
        free(text);
    return answer_response(x, status, type, response);
}

enum MHD_Result answer_data(struct exchange *x, int status, json_t *data, json_t *more)
{
    if (!data) {
        json_decref(more);
        return answer_problem(x, PROBLEM_INTERNAL, NULL, NULL);
    }
    json_t *document = json_pack("{s:o}", "data", data);
    if (document && more)
        (void)json_object_update_missing(document, more);
    json_decref(more);
    return answer_json(x, status, "application/json", document);
}

enum MHD_Result answer_problem(struct exchange *x, enum problem p, const struct fault *fault, json_t *extension)
{
    json_t *document = problem_json(p, fault ? fault->text : NULL, fault ? fault->hint : NULL);
    if (document) {
        (void)json_object_set_new(document, "trace_id", json_string(x->trace_id));
        if (extension)
            (void)json_object_update(document, extension);
    }
    json_decref(extension);
    return answer_json(x, problem_status(p), "application/problem+json", document);
}

enum MHD_Result answer_fault(struct exchange *x, const struct fault *fault)
{
    enum problem p = problem_of(fault->code);
    if (problem_status(p) == 503)
        exchange_header(x, "Retry-After", "1");
    return answer_problem(x, p, fault, NULL);
}
