/*
 * receive/conf.h - the settings of the network side: limits once, and a listener per address.
 *
 *     receive: { budget: 128MiB }
 *     listeners:
 *       otlp:  { address: "127.0.0.1:4317", protocols: [otlp-grpc] }
 *       edge:  { address: "0.0.0.0:4318", tls_certificate: c.pem, tls_key: k.pem, tokens: senders.txt, tenant: shop }
 */
#ifndef RECEIVE_CONF_H
#define RECEIVE_CONF_H

#include "base/err.h"
#include "conf/conf.h"

#include <stdbool.h>
#include <stdint.h>

enum { RECEIVE_LISTENERS_MAX = 32, RECEIVE_THREADS_MAX = 64 };

/* What a listener may speak; bits. */
#define RECEIVE_PROTOCOL_MAP(X)          \
    X(OTLP_GRPC,    0, "otlp-grpc")      \
    X(OTLP_HTTP,    1, "otlp-http")      \
    X(REMOTE_WRITE, 2, "remote-write")   \
    X(ROWS,         3, "rows")           \
    X(FLIGHT,       4, "flight")         \
    X(HEALTH,       5, "health")

enum receive_protocol {
#define X(name, number, word) RECEIVE_##name = number,
    RECEIVE_PROTOCOL_MAP(X)
#undef X
    RECEIVE_PROTOCOL_COUNT
};

struct receive_conf {
    int64_t threads;
    int64_t body_max;               /* bytes, after every decompression */
    int64_t budget;                 /* bytes of bodies that are being received or not durable yet, all threads together */
    int64_t connections_max, streams_max, head_max;
    int64_t patience_us;            /* how long somebody may be kept waiting for room before he is told to come again */
    int64_t retry_us;               /* and when: Retry-After, RetryInfo */
    int64_t head_us, stall_us, idle_us, stop_us;
};

struct receive_listener {
    const char         *name;
    struct conf_address address;
    struct conf_list    protocols;  /* empty: all */
    const char         *tls_certificate;
    struct conf_secret  tls_key, tokens;
    const char         *tenant;
    bool                insecure;
};

extern const struct conf_section receive_section;               /* struct receive_conf, once */
extern const struct conf_section receive_listeners_section;     /* struct receive_listener, a map */

/* "otlp-grpc"; "unknown" beyond the map. Never NULL. */
const char *receive_protocol_name(enum receive_protocol p);
/* The bits of a list of words; all of them when it is empty. health is always among them. ERR_INPUT: not a word of the map. */
MUST_CHECK enum err receive_protocols_of(const struct conf_list *words, unsigned *bits, struct fault *fault);

#endif
