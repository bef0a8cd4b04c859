/*
 * receive/answer.h - what came of a request, and how that is told in each protocol.
 *
 * Pure: structs in, texts out.  The status codes are those that make a client come again only when that can help.
 */
#ifndef RECEIVE_ANSWER_H
#define RECEIVE_ANSWER_H

#include "base/err.h"
#include "base/text.h"
#include "receive/route.h"
#include "receive/server.h"
#include "wire/otlp_reply.h"

#include <stdbool.h>
#include <stdint.h>

struct answer {
    enum receive_refusal why;                        /* REFUSED_NOT: accepted */
    int                  http;                       /* status */
    enum grpc_code       grpc;
    int64_t              retry_us;                   /* > 0: come again after this long */
    uint64_t             events, rejected;
    bool                 has_written;                /* remote write 2.0: */
    uint64_t             samples, histograms, exemplars;
    char                 text[200];                  /* what is wrong, or what was rejected; never a secret */
};

void answer_accepted(struct answer *a, uint64_t events, uint64_t rejected, const char *text);
PRINTF(3, 4) void answer_refused(struct answer *a, enum receive_refusal why, const char *format, ...);
/* FULL or TROUBLE: with the time to wait. */
PRINTF(4, 5) void answer_later(struct answer *a, enum receive_refusal why, int64_t retry_us, const char *format, ...);
/* A code other than the usual of its refusal. */
void answer_code(struct answer *a, int http, enum grpc_code grpc);

/* HTTP: status, fields and body. The texts of fields lie in the struct or are constant. */
enum { ANSWER_FIELDS_MAX = 10 };
struct answer_http {
    int         status;
    struct answer_field { const char *name; char value[72]; } field[ANSWER_FIELDS_MAX];      /* names in lower case, without content-length */
    size_t      fields;
    struct text body;
};
/* media: of the request. route may be NULL. answer_http_done() when used. */
void answer_http_init(struct answer_http *h, const struct answer *a, const struct route *route, enum media media);
void answer_http_done(struct answer_http *h);
const char *answer_reason(int status);

/* gRPC: the message, framed (empty when refused), and what goes into the trailers. */
struct answer_grpc { struct text message, grpc_message, details /* base64; empty: none */; char status[4]; };
void answer_grpc_init(struct answer_grpc *g, const struct answer *a, const struct route *route);
void answer_grpc_done(struct answer_grpc *g);

#endif
