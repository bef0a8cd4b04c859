/* receive/answer.c - see answer.h. */
#include "receive/answer.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { ANSWER_TEXT_MAX = 4096 };

/* What each refusal is in HTTP and in gRPC. Only FULL and TROUBLE let a client come again. */
static const struct { const char *word; int http; enum grpc_code grpc; } refusals[RECEIVE_REFUSAL_COUNT] = {
    [REFUSED_NOT]       = { "none", 200, GRPC_OK },
    [REFUSED_MALFORMED] = { "malformed", 400, GRPC_INVALID_ARGUMENT },
    [REFUSED_TOO_LARGE] = { "too-large", 413, GRPC_RESOURCE_EXHAUSTED },
    [REFUSED_UNKNOWN]   = { "unknown", 404, GRPC_UNIMPLEMENTED },
    [REFUSED_FORM]      = { "form", 415, GRPC_UNIMPLEMENTED },
    [REFUSED_DENIED]    = { "denied", 401, GRPC_UNAUTHENTICATED },
    [REFUSED_FULL]      = { "full", 503, GRPC_UNAVAILABLE },
    [REFUSED_TROUBLE]   = { "trouble", 503, GRPC_UNAVAILABLE },
    [REFUSED_LATE]      = { "late", 408, GRPC_CANCELLED },
};

const char *receive_refusal_name(enum receive_refusal why) { return (unsigned)why < RECEIVE_REFUSAL_COUNT ? refusals[why].word : "unknown"; }

static void refuse(struct answer *a, enum receive_refusal why, const char *format, va_list args)
{
    a->why = why;
    a->http = refusals[why].http;
    a->grpc = refusals[why].grpc;
    a->retry_us = 0;
    (void)vsnprintf(a->text, sizeof a->text, format, args);
}

void answer_refused(struct answer *a, enum receive_refusal why, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    refuse(a, why, format, args);
    va_end(args);
}

void answer_later(struct answer *a, enum receive_refusal why, int64_t retry_us, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    refuse(a, why, format, args);
    va_end(args);
    a->retry_us = retry_us > 0 ? retry_us : 1000000;
}

void answer_code(struct answer *a, int http, enum grpc_code grpc)
{
    a->http = http;
    a->grpc = grpc;
}

void answer_accepted(struct answer *a, uint64_t events, uint64_t rejected, const char *text)
{
    a->why = REFUSED_NOT;
    a->http = 200;
    a->grpc = GRPC_OK;
    a->retry_us = 0;
    a->events = events;
    a->rejected = rejected;
    (void)snprintf(a->text, sizeof a->text, "%s", text);
}

static enum otlp_signal signal_of(const struct route *r)
{
    return r->kind == RECORD_OTLP_LOGS ? OTLP_LOGS : r->kind == RECORD_OTLP_METRICS ? OTLP_METRICS : OTLP_TRACES;
}

/* ---- HTTP ---- */

PRINTF(3, 4) static void field(struct answer_http *h, const char *name, const char *format, ...)
{
    if (h->fields == ANSWER_FIELDS_MAX)
        return;
    struct answer_field *f = &h->field[h->fields++];
    f->name = name;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(f->value, sizeof f->value, format, args);
    va_end(args);
}

static void otlp_body(struct answer_http *h, const struct answer *a, const struct route *route, bool json)
{
    struct slice text = slice_of(a->text);
    field(h, "content-type", "%s", json ? "application/json" : "application/x-protobuf");
    if (a->why == REFUSED_NOT && json)
        otlp_success_json(&h->body, signal_of(route), a->rejected, text);
    else if (a->why == REFUSED_NOT)
        otlp_success_protobuf(&h->body, a->rejected, text);
    else if (json)
        otlp_status_json(&h->body, a->grpc, text, a->retry_us / 1000);
    else
        otlp_status_protobuf(&h->body, a->grpc, text, a->retry_us / 1000);
}

static void remote_body(struct answer_http *h, const struct answer *a)
{
    if (a->has_written) {
        bool all = a->why == REFUSED_NOT || a->http == 400;      /* a 400 may have stored the part that was right */
        field(h, "x-prometheus-remote-write-samples-written", "%llu", all ? (unsigned long long)a->samples : 0);
        field(h, "x-prometheus-remote-write-histograms-written", "%llu", all ? (unsigned long long)a->histograms : 0);
        field(h, "x-prometheus-remote-write-exemplars-written", "%llu", all ? (unsigned long long)a->exemplars : 0);
    }
    if (a->why == REFUSED_NOT) {
        h->status = 204;
        return;
    }
    field(h, "content-type", "text/plain; charset=utf-8");
    text_printf(&h->body, "%s\n", a->text);
}

static void json_body(struct answer_http *h, const struct answer *a, const struct route *route)
{
    field(h, "content-type", "%s", a->why == REFUSED_NOT ? "application/json" : "application/problem+json");
    if (a->why != REFUSED_NOT) {
        text_printf(&h->body, "{\"title\":\"%s\",\"status\":%d,\"detail\":", answer_reason(a->http), a->http);
        json_put_text(&h->body, slice_of(a->text));
        text_add(&h->body, "}");
    } else if (route && route->shape == ROUTE_HEALTH)
        text_add(&h->body, "{\"status\":\"ok\"}");
    else {
        text_printf(&h->body, "{\"accepted\":%llu,\"rejected\":%llu", (unsigned long long)a->events, (unsigned long long)a->rejected);
        if (*a->text) {
            text_add(&h->body, ",\"message\":");
            json_put_text(&h->body, slice_of(a->text));
        }
        text_add(&h->body, "}");
    }
}

void answer_http_init(struct answer_http *h, const struct answer *a, const struct route *route, enum media media)
{
    h->status = a->http;
    h->fields = 0;
    text_init(&h->body, ANSWER_TEXT_MAX);
    if (route && route->shape == ROUTE_OTLP)
        otlp_body(h, a, route, media == MEDIA_JSON);
    else if (route && route->shape == ROUTE_REMOTE)
        remote_body(h, a);
    else
        json_body(h, a, route);
    if (a->retry_us > 0)
        field(h, "retry-after", "%lld", (long long)((a->retry_us + 999999) / 1000000));
    if (h->status == 405)
        field(h, "allow", "%s", route && route->shape == ROUTE_HEALTH ? "GET, HEAD" : "POST");
    if (h->status == 401)
        field(h, "www-authenticate", "Bearer");
    if (h->status == 415 && a->why == REFUSED_FORM)
        field(h, "accept-encoding", "%s", route && route->shape == ROUTE_REMOTE ? "snappy" : "gzip, zstd, deflate, snappy");
}

void answer_http_done(struct answer_http *h) { text_done(&h->body); }

const char *answer_reason(int status)
{
    static const struct { int status; const char *reason; } known[] = {
        { 100, "Continue" }, { 200, "OK" }, { 204, "No Content" }, { 400, "Bad Request" }, { 401, "Unauthorized" }, { 404, "Not Found" },
        { 405, "Method Not Allowed" }, { 408, "Request Timeout" }, { 413, "Content Too Large" }, { 415, "Unsupported Media Type" },
        { 417, "Expectation Failed" }, { 431, "Request Header Fields Too Large" }, { 501, "Not Implemented" }, { 503, "Service Unavailable" },
        { 505, "HTTP Version Not Supported" },
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (known[i].status == status)
            return known[i].reason;
    return "Error";
}

/* ---- gRPC ---- */

static void base64(struct text *out, const char *s, size_t n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < n; i += 3) {
        unsigned v = (unsigned)(unsigned char)s[i] << 16 | (i + 1 < n ? (unsigned)(unsigned char)s[i + 1] << 8 : 0) | (i + 2 < n ? (unsigned)(unsigned char)s[i + 2] : 0);
        char     four[4] = { digits[v >> 18], digits[v >> 12 & 63], digits[v >> 6 & 63], digits[v & 63] };
        text_add_n(out, four, n - i >= 3 ? 4 : n - i + 1);
    }
}

void answer_grpc_init(struct answer_grpc *g, const struct answer *a, const struct route *route)
{
    text_init(&g->message, ANSWER_TEXT_MAX);
    text_init(&g->grpc_message, ANSWER_TEXT_MAX);
    text_init(&g->details, ANSWER_TEXT_MAX);
    (void)snprintf(g->status, sizeof g->status, "%u", (unsigned)a->grpc % 100);
    if (a->why == REFUSED_NOT) {
        if (route->shape != ROUTE_GRPC)
            return;
        text_add_n(&g->message, "\0\0\0\0\0", 5);
        otlp_success_protobuf(&g->message, a->rejected, slice_of(a->text));
        size_t n = g->message.used - 5;
        g->message.s[3] = (char)(n >> 8);
        g->message.s[4] = (char)n;
        return;
    }
    grpc_message_put(&g->grpc_message, slice_of(a->text));
    if (a->retry_us > 0) {
        struct text status;
        text_init(&status, ANSWER_TEXT_MAX);
        otlp_status_protobuf(&status, a->grpc, slice_of(a->text), a->retry_us / 1000);
        base64(&g->details, status.s, status.used);
        text_done(&status);
    }
}

void answer_grpc_done(struct answer_grpc *g)
{
    text_done(&g->message);
    text_done(&g->grpc_message);
    text_done(&g->details);
}
