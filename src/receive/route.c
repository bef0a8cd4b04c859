/* receive/route.c - see route.h. */
#include "receive/route.h"

#include "wire/protobuf.h"

#include <string.h>
#include <strings.h>

#define OTLP_SERVICE(signal, name) "/opentelemetry.proto.collector." signal ".v1." name "Service/Export"

static const struct route routes[] = {
    { OTLP_SERVICE("logs", "Logs"),       ROUTE_GRPC,   RECEIVE_OTLP_GRPC,    RECORD_OTLP_LOGS,    "rejectedLogRecords" },
    { OTLP_SERVICE("metrics", "Metrics"), ROUTE_GRPC,   RECEIVE_OTLP_GRPC,    RECORD_OTLP_METRICS, "rejectedDataPoints" },
    { OTLP_SERVICE("trace", "Trace"),     ROUTE_GRPC,   RECEIVE_OTLP_GRPC,    RECORD_OTLP_TRACES,  "rejectedSpans" },
    { "/v1/logs",                         ROUTE_OTLP,   RECEIVE_OTLP_HTTP,    RECORD_OTLP_LOGS,    "rejectedLogRecords" },
    { "/v1/metrics",                      ROUTE_OTLP,   RECEIVE_OTLP_HTTP,    RECORD_OTLP_METRICS, "rejectedDataPoints" },
    { "/v1/traces",                       ROUTE_OTLP,   RECEIVE_OTLP_HTTP,    RECORD_OTLP_TRACES,  "rejectedSpans" },
    { "/api/v1/write",                    ROUTE_REMOTE, RECEIVE_REMOTE_WRITE, RECORD_REMOTE_WRITE, "" },
    { "/write/metrics",                   ROUTE_ROWS,   RECEIVE_ROWS,         RECORD_ROWS,         "metrics" },
    { "/write/logs",                      ROUTE_ROWS,   RECEIVE_ROWS,         RECORD_ROWS,         "logs" },
    { "/schema/register",                 ROUTE_SCHEMA, RECEIVE_ROWS,         RECORD_SCHEMA,       "" },
    { "/arrow.flight.protocol.FlightService/DoPut", ROUTE_FLIGHT, RECEIVE_FLIGHT, RECORD_ARROW,    "" },
    { "/health",                          ROUTE_HEALTH, RECEIVE_HEALTH,       RECORD_NONE,         "" },
};
enum { ROUTES = sizeof routes / sizeof routes[0] };

const struct route *route_list(size_t *count)
{
    *count = ROUTES;
    return routes;
}

const struct route *endpoint_find(struct slice path)
{
    for (size_t i = 0; i < ROUTES; i++)
        if (slice_is(path, routes[i].path))
            return &routes[i];
    return NULL;
}

/* ---- heads ---- */

void head_begin(struct head *h)
{
    h->method = METHOD_NONE;
    h->media = MEDIA_NONE;
    h->packing = h->message_packing = PACKED_NOT;
    h->route = NULL;
    h->length = -1;
    h->authorization_n = 0;
    h->table[0] = '\0';
    h->table_bad = false;
}

void head_method(struct head *h, struct slice m)
{
    h->method = slice_is(m, "POST") ? METHOD_POST : slice_is(m, "GET") ? METHOD_GET : slice_is(m, "HEAD") ? METHOD_HEAD : METHOD_OTHER;
}

static int hex_of(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;
}

/* What stands in a URL, decoded; false: it is malformed, does not fit, or holds a control character. */
static bool url_decode(struct slice s, char *to, size_t size)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        int c = (unsigned char)s.s[i];
        if (c == '%') {
            int high = s.n - i > 2 ? hex_of(s.s[i + 1]) : -1, low = s.n - i > 2 ? hex_of(s.s[i + 2]) : -1;
            if (high < 0 || low < 0)
                return false;
            c = high * 16 + low;
            i += 2;
        } else if (c == '+')
            c = ' ';
        if (c < ' ' || c == 0x7f || n + 1 >= size)
            return false;
        to[n++] = (char)c;
    }
    to[n] = '\0';
    return true;
}

void head_target(struct head *h, struct slice target)
{
    const char  *mark = memchr(target.s, '?', target.n);
    struct slice path = { target.s, mark ? (size_t)(mark - target.s) : target.n };
    h->route = endpoint_find(path);
    for (struct slice rest = mark ? (struct slice){ mark + 1, target.n - path.n - 1 } : (struct slice){ 0 }; rest.n;) {
        const char  *and = memchr(rest.s, '&', rest.n);
        struct slice item = { rest.s, and ? (size_t)(and - rest.s) : rest.n };
        if (item.n > 6 && memcmp(item.s, "table=", 6) == 0)
            h->table_bad |= !url_decode((struct slice){ item.s + 6, item.n - 6 }, h->table, sizeof h->table) || !utf8_valid(slice_of(h->table));
        rest.n -= item.n + (and != NULL);
        rest.s += item.n + (and != NULL);
    }
}

static bool word_is(struct slice s, const char *word) { return s.n == strlen(word) && strncasecmp(s.s, word, s.n) == 0; }

static struct slice before(struct slice s, char end)
{
    const char *at = s.n ? memchr(s.s, end, s.n) : NULL;
    if (at)
        s.n = (size_t)(at - s.s);
    while (s.n && (s.s[s.n - 1] == ' ' || s.s[s.n - 1] == '\t'))
        s.n--;
    return s;
}

/* The value of proto= in "application/x-protobuf;proto=io.prometheus.write.v2.Request". */
static struct slice proto_of(struct slice s)
{
    for (const char *at; s.n && (at = memchr(s.s, ';', s.n));) {
        s.n -= (size_t)(at + 1 - s.s);
        s.s = at + 1;
        while (s.n && (*s.s == ' ' || *s.s == '\t'))
            s.s++, s.n--;
        if (s.n > 6 && strncasecmp(s.s, "proto=", 6) == 0) {
            struct slice v = before((struct slice){ s.s + 6, s.n - 6 }, ';');
            if (v.n >= 2 && v.s[0] == '"' && v.s[v.n - 1] == '"')
                v = (struct slice){ v.s + 1, v.n - 2 };
            return v;
        }
    }
    return (struct slice){ 0 };
}

static enum media media_of(struct slice value)
{
    struct slice type = before(value, ';'), proto;
    if (type.n >= 16 && strncasecmp(type.s, "application/grpc", 16) == 0)
        return type.n == 16 || word_is(type, "application/grpc+proto") ? MEDIA_GRPC : MEDIA_OTHER;
    if (word_is(type, "application/json"))
        return MEDIA_JSON;
    if (word_is(type, "application/x-ndjson") || word_is(type, "application/ndjson") || word_is(type, "application/jsonl"))
        return MEDIA_JSON_LINES;
    if (!word_is(type, "application/x-protobuf") && !word_is(type, "application/protobuf"))
        return MEDIA_OTHER;
    proto = proto_of(value);
    return proto.n == 0 || slice_is(proto, "prometheus.WriteRequest") ? MEDIA_PROTOBUF
           : slice_is(proto, "io.prometheus.write.v2.Request")        ? MEDIA_REMOTE_2
                                                                      : MEDIA_OTHER;
}

static enum packing packing_of(struct slice v)
{
    static const struct { const char *word; enum packing packing; } known[] = {
        { "identity", PACKED_NOT }, { "gzip", PACKED_GZIP }, { "zstd", PACKED_ZSTD }, { "snappy", PACKED_SNAPPY }, { "deflate", PACKED_DEFLATE }, { "x-gzip", PACKED_GZIP },
        { "x-snappy-framed", PACKED_SNAPPY },
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (word_is(v, known[i].word))
            return known[i].packing;
    return v.n ? PACKED_UNKNOWN : PACKED_NOT;
}

void head_field(struct head *h, struct slice name, struct slice value)
{
    switch (name.n) {
    case 12:
        if (word_is(name, "content-type"))
            h->media = media_of(value);
        break;
    case 13:
        if (word_is(name, "grpc-encoding"))
            h->message_packing = packing_of(value);
        else if (word_is(name, "authorization")) {
            h->authorization_n = value.n <= HEAD_TOKEN_MAX ? value.n : HEAD_TOKEN_MAX + 1;
            if (value.n <= HEAD_TOKEN_MAX && value.n)
                memcpy(h->authorization, value.s, value.n);
        }
        break;
    case 14:
        if (word_is(name, "content-length")) {
            h->length = 0;
            for (size_t i = 0; i < value.n && i < 18; i++)
                h->length = value.s[i] >= '0' && value.s[i] <= '9' ? h->length * 10 + (value.s[i] - '0') : -1;
        }
        break;
    case 16:
        if (word_is(name, "content-encoding"))
            h->packing = packing_of(value);
        break;
    default:
        break;
    }
}
