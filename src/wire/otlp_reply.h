/*
 * wire/otlp_reply.h - what OTLP's senders are answered: Export*ServiceResponse and google.rpc.Status, in protobuf and in JSON.
 *
 * Senders try again only after certain codes: for gRPC those with grpc_retried(), for HTTP 429, 502, 503 and 504.  Our own trouble is always one
 * of these (UNAVAILABLE, 503).  All functions add to out.
 */
#ifndef WIRE_OTLP_REPLY_H
#define WIRE_OTLP_REPLY_H

#include "base/slice.h"
#include "base/text.h"
#include "wire/otlp.h"

#include <stdbool.h>
#include <stdint.h>

enum grpc_code {
    GRPC_OK, GRPC_CANCELLED, GRPC_UNKNOWN, GRPC_INVALID_ARGUMENT, GRPC_DEADLINE_EXCEEDED, GRPC_NOT_FOUND, GRPC_ALREADY_EXISTS,
    GRPC_PERMISSION_DENIED, GRPC_RESOURCE_EXHAUSTED, GRPC_FAILED_PRECONDITION, GRPC_ABORTED, GRPC_OUT_OF_RANGE, GRPC_UNIMPLEMENTED,
    GRPC_INTERNAL, GRPC_UNAVAILABLE, GRPC_DATA_LOSS, GRPC_UNAUTHENTICATED
};

/* Will a sender of OTLP try again after this code? with_retry_info: a RetryInfo goes with it. */
bool grpc_retried(enum grpc_code code, bool with_retry_info);

/* Nothing rejected and nothing said: a full success, which is no byte at all in protobuf and {} in JSON. */
void otlp_success_protobuf(struct text *out, uint64_t rejected, struct slice message);
void otlp_success_json(struct text *out, enum otlp_signal signal, uint64_t rejected, struct slice message);

/* retry_ms > 0: with a RetryInfo. */
void otlp_status_protobuf(struct text *out, enum grpc_code code, struct slice message, int64_t retry_ms);
void otlp_status_json(struct text *out, enum grpc_code code, struct slice message, int64_t retry_ms);

/* The header grpc-message: what is not printable ASCII, and '%', as %XX. */
void grpc_message_put(struct text *out, struct slice message);

/* A JSON string with its quotes. What is not UTF-8 becomes U+FFFD. */
void json_put_text(struct text *out, struct slice s);

#endif
