/* tests/unit/receive_double.h - a host of sessions without sockets: its journal is a list, and it says itself when that is durable. */
#ifndef RECEIVE_DOUBLE_H
#define RECEIVE_DOUBLE_H

#include "receive/flight.h"
#include "receive/intake.h"
#include "receive/session.h"

#include <nghttp2/nghttp2.h>

enum { DOUBLE_RECORDS_MAX = 64, DOUBLE_STREAMS_MAX = 132, DOUBLE_TEXT_MAX = 64 * 1024 };

struct receive_double {
    struct session_host  host;           /* first */
    struct intake        intake;
    struct receive_stats stats;
    atomic_llong         in_flight;
    struct session_door  door;
    struct exchange     *waiting[DOUBLE_RECORDS_MAX];
    size_t               waiting_n;
    struct kept { enum record_kind kind; enum record_form form; uint32_t events; char tenant[64], source[256]; struct slice labels; char *body; size_t body_n; } kept[DOUBLE_RECORDS_MAX];
    size_t               kept_n;
    bool                 at_once;        /* durable before append returns */
    bool                 too_large;      /* what Flight brings is refused by append itself */
};

void double_open(struct receive_double *d);
void double_close(struct receive_double *d);
/* Answer what waits: durable, or not. */
void double_durable(struct receive_double *d, enum err result);

/* Everything a session has to say, added to `to`, with NUL behind it. */
void double_said(struct session *s, char *to, size_t size);

/* A client that speaks HTTP/2 with a session in memory. */
struct double_client {
    nghttp2_session *http2;
    struct session  *peer;
    struct double_stream {
        int32_t id;
        char    status[8], grpc_status[8], message[256], details[512], type[64], retry[16], written[16];
        char    data[4096];
        size_t  data_n, came;      /* came: also what does not fit into data */
        bool    closed, trailers;
        int     headers;
        uint32_t code;
        const char *body; size_t body_n, sent; bool hold_end;
    } of[DOUBLE_STREAMS_MAX];
    size_t n;
    bool   goaway;
    uint32_t goaway_code;
    size_t window_updates;
};
void client_open(struct double_client *c, struct session *peer);
void client_close(struct double_client *c);
/* Index into c->of. fields: "name\0value\0name\0value\0" ends with an empty name; may be NULL. hold_end: more would follow. */
size_t client_post(struct double_client *c, const char *path, const char *type, const char *const *fields, const char *body, size_t n, bool hold_end);
/* Carry bytes to and fro until nobody has any. */
void client_talk(struct double_client *c);
/* A frame of gRPC around a message; malloced. */
char *grpc_frame(const char *message, size_t n, bool packed, size_t *size);

#define GRPC_LOGS "/opentelemetry.proto.collector.logs.v1.LogsService/Export"
/* ExportLogsServiceRequest with one log whose body is "x", by hand. */
extern const char   one_log[20];
#endif
