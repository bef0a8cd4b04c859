/*
 * receive/route.h - what can be asked for: one row per endpoint; and the fields of a request's head that matter, of either HTTP.
 */
#ifndef RECEIVE_ROUTE_H
#define RECEIVE_ROUTE_H

#include "base/slice.h"
#include "journal/record.h"
#include "receive/conf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum route_shape {
    ROUTE_GRPC,            /* one message, one answer */
    ROUTE_FLIGHT,          /* a stream of messages, an answer to each */
    ROUTE_OTLP,            /* POST of protobuf or JSON */
    ROUTE_REMOTE,          /* POST of snappy and protobuf */
    ROUTE_ROWS,            /* POST of JSON rows, or of a row a line */
    ROUTE_SCHEMA,          /* POST of a table's description */
    ROUTE_HEALTH           /* GET */
};

struct route {
    const char           *path;
    enum route_shape      shape;
    enum receive_protocol protocol;
    enum record_kind      kind;
    const char           *word;      /* rows: "metrics" or "logs"; OTLP: the field of a partial success in JSON */
};

/* NULL: there is no such path. */
const struct route *endpoint_find(struct slice path);
const struct route *route_list(size_t *count);

enum media { MEDIA_NONE, MEDIA_GRPC, MEDIA_PROTOBUF, MEDIA_REMOTE_2, MEDIA_JSON, MEDIA_JSON_LINES, MEDIA_OTHER };
enum packing { PACKED_NOT, PACKED_GZIP, PACKED_DEFLATE, PACKED_ZSTD, PACKED_SNAPPY, PACKED_UNKNOWN };
enum method { METHOD_NONE, METHOD_GET, METHOD_HEAD, METHOD_POST, METHOD_OTHER };

enum { HEAD_TOKEN_MAX = 600, HEAD_TABLE_MAX = 127 };

/* A head while it is being read. */
struct head {
    enum method         method;
    enum media          media;
    enum packing        packing, message_packing;
    const struct route *route;
    int64_t             length;                            /* -1: not said */
    size_t              authorization_n;                   /* HEAD_TOKEN_MAX + 1: too long to be one */
    char                authorization[HEAD_TOKEN_MAX + 1];
    char                table[HEAD_TABLE_MAX + 1];
    bool                table_bad;
};

void head_begin(struct head *h);
void head_method(struct head *h, struct slice method);
/* "/write/logs?table=app%2Ferrors" */
void head_target(struct head *h, struct slice target);
/* Names may be in any case. What is not known is passed over. */
void head_field(struct head *h, struct slice name, struct slice value);

#endif
