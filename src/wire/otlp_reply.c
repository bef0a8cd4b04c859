/* wire/otlp_reply.c - answers to OTLP's senders. */
#include "wire/otlp_reply.h"

#include "wire/protobuf.h"

static const char *const rejected_names[] = { [OTLP_LOGS] = "rejectedLogRecords", [OTLP_METRICS] = "rejectedDataPoints", [OTLP_TRACES] = "rejectedSpans" };
static const char        retry_info[] = "type.googleapis.com/google.rpc.RetryInfo";

bool grpc_retried(enum grpc_code code, bool with_retry_info)
{
    switch (code) {
    case GRPC_CANCELLED:
    case GRPC_DEADLINE_EXCEEDED:
    case GRPC_ABORTED:
    case GRPC_OUT_OF_RANGE:
    case GRPC_UNAVAILABLE:
    case GRPC_DATA_LOSS: return true;
    case GRPC_RESOURCE_EXHAUSTED: return with_retry_info;
    default: return false;
    }
}

void otlp_success_protobuf(struct text *out, uint64_t rejected, struct slice message)
{
    if (rejected == 0 && message.n == 0)
        return;
    size_t partial = pb_begin(out, 1);
    if (rejected)
        pb_put_varint(out, 1, rejected);
    if (message.n)
        pb_put_bytes(out, 2, message);
    pb_end(out, partial);
}

void otlp_success_json(struct text *out, enum otlp_signal signal, uint64_t rejected, struct slice message)
{
    text_add(out, "{");
    if (rejected || message.n) {
        text_add(out, "\"partialSuccess\":{");
        if (rejected)
            text_printf(out, "\"%s\":\"%llu\"", rejected_names[signal], (unsigned long long)rejected);
        if (message.n) {
            text_add(out, rejected ? ",\"errorMessage\":" : "\"errorMessage\":");
            json_put_text(out, message);
        }
        text_add(out, "}");
    }
    text_add(out, "}");
}

void otlp_status_protobuf(struct text *out, enum grpc_code code, struct slice message, int64_t retry_ms)
{
    if (code)
        pb_put_varint(out, 1, code);
    if (message.n)
        pb_put_bytes(out, 2, message);
    if (retry_ms <= 0)
        return;
    size_t any = pb_begin(out, 3);
    pb_put_bytes(out, 1, slice_of(retry_info));
    size_t info = pb_begin(out, 2), duration = pb_begin(out, 1);
    if (retry_ms >= 1000)
        pb_put_varint(out, 1, (uint64_t)retry_ms / 1000);
    if (retry_ms % 1000)
        pb_put_varint(out, 2, (uint64_t)retry_ms % 1000 * 1000000);
    pb_end(out, duration);
    pb_end(out, info);
    pb_end(out, any);
}

void otlp_status_json(struct text *out, enum grpc_code code, struct slice message, int64_t retry_ms)
{
    text_printf(out, "{\"code\":%d,\"message\":", (int)code);
    json_put_text(out, message);
    if (retry_ms > 0)
        text_printf(out, ",\"details\":[{\"@type\":\"%s\",\"retryDelay\":\"%lld.%03llds\"}]", retry_info, (long long)retry_ms / 1000, (long long)retry_ms % 1000);
    text_add(out, "}");
}

void grpc_message_put(struct text *out, struct slice message)
{
    for (size_t i = 0; i < message.n; i++) {
        unsigned char c = (unsigned char)message.s[i];
        if (c < 0x20 || c > 0x7e || c == '%')
            text_printf(out, "%%%02X", c);
        else
            text_add_n(out, message.s + i, 1);
    }
}

/* How many bytes from here need no escape; *bad: the byte after them is not the beginning of UTF-8. */
static size_t plain(const char *s, size_t left, bool *wrong)
{
    size_t n = 0;
    *wrong = false;
    while (n < left) {
        unsigned char c = (unsigned char)s[n];
        if (c < 0x20 || c == '"' || c == '\\')
            break;
        size_t bytes = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
        if (bytes > 1 && (bytes > left - n || !utf8_valid((struct slice){ s + n, bytes }))) {
            *wrong = true;
            break;
        }
        n += bytes;
    }
    return n;
}

void json_put_text(struct text *out, struct slice s)
{
    text_add(out, "\"");
    for (size_t i = 0; i < s.n;) {
        bool   wrong;
        size_t n = plain(s.s + i, s.n - i, &wrong);
        text_add_n(out, s.s + i, n);
        i += n;
        if (i == s.n)
            break;
        char c = s.s[i++];
        if (wrong)
            text_add(out, "\xef\xbf\xbd");
        else if (c == '"' || c == '\\')
            text_printf(out, "\\%c", c);
        else if (c == '\n')
            text_add(out, "\\n");
        else if (c == '\t')
            text_add(out, "\\t");
        else if (c == '\r')
            text_add(out, "\\r");
        else
            text_printf(out, "\\u%04x", (unsigned)(unsigned char)c);
    }
    text_add(out, "\"");
}
