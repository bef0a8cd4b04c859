/*
 * receive/server.h - the listening side on the network: HTTP/1.1, HTTP/2 and gRPC, with and without TLS, on threads of its own.
 *
 *     struct receive_hooks hooks = { 0 };
 *     if (receive_server_start(conf, journal, &hooks, &server, fault) != OK) ...
 *     receive_server_reload(server, new_conf, fault);     // listeners come, go and change; connections of the others stay
 *     receive_server_stop(server);                        // GOAWAY, what is under way is finished, then closed
 *
 * An answer that something was accepted goes out only after the journal said that it is durable.  Trouble of ours is told only in
 * ways that make a client come again: 503 + Retry-After, gRPC 14 + RetryInfo.  Before that it waits: nothing more is read from it.
 *
 * Threads: every function may be called from any thread, start, reload and stop by one at a time.  The journal must outlive the
 * server; the conf need not.
 */
#ifndef RECEIVE_SERVER_H
#define RECEIVE_SERVER_H

#include "base/clock.h"
#include "base/err.h"
#include "base/slice.h"
#include "conf/conf.h"
#include "event/event.h"
#include "journal/journal.h"
#include "receive/conf.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum err receive_check(const struct record *r, struct event_report *report, struct fault *fault);

struct receive_hooks {
    const struct clock *clock;      /* NULL: the machine's */
    receive_check      *check;      /* NULL: event_check_record */
};

struct receive_server;

/* With no listener at all there are no threads and no ports. ERR_IO: an address cannot be listened on. ERR_INPUT: certificate, key, tokens. */
MUST_CHECK enum err receive_server_start(const struct conf *conf, struct journal *journal, const struct receive_hooks *hooks,
                                         struct receive_server **server, struct fault *fault);
/* The port a listener really has; 0: there is none of that name. */
int  receive_server_port(struct receive_server *server, const char *name);
/* Certificates and tokens are read again as well. On any error everything is as before. The number of threads stays. */
MUST_CHECK enum err receive_server_reload(struct receive_server *server, const struct conf *conf, struct fault *fault);
/* Waits until what was appended to the journal is durable and answered, at most receive.stop_wait for clients. NULL is fine. */
void receive_server_stop(struct receive_server *server);

/* ---- how it stands ---- */

#define RECEIVE_REFUSAL_MAP(X)                                   \
    X(MALFORMED, "malformed")      /* cannot be decoded */       \
    X(TOO_LARGE, "too-large")                                    \
    X(UNKNOWN,   "unknown")        /* path or method */          \
    X(FORM,      "form")           /* content type, encoding */  \
    X(DENIED,    "denied")         /* token */                   \
    X(FULL,      "full")           /* budget or journal: told to come again */ \
    X(TROUBLE,   "trouble")        /* not durable: told to come again */       \
    X(LATE,      "late")           /* the client stopped sending */

enum receive_refusal {
    REFUSED_NOT,
#define X(name, word) REFUSED_##name,
    RECEIVE_REFUSAL_MAP(X)
#undef X
    RECEIVE_REFUSAL_COUNT
};
const char *receive_refusal_name(enum receive_refusal why);

enum { RECEIVE_LATENCY_BUCKETS = 16 };
/* Upper bounds in microseconds, the last is INT64_MAX. */
extern const int64_t receive_latency_bounds_us[RECEIVE_LATENCY_BUCKETS];

struct receive_stats {
    struct receive_protocol_stats {
        uint64_t requests, accepted, events, rejected_events, bytes;   /* bytes: of bodies as they came */
        uint64_t refused[RECEIVE_REFUSAL_COUNT];
    } of[RECEIVE_PROTOCOL_COUNT];
    uint64_t connections_opened, connections_refused /* TLS or first bytes were wrong */, connections_evicted, timeouts, floods;
    int64_t  connections, in_flight_bytes, in_flight_requests, paused /* connections not read from right now */;
    uint64_t ack_latency[RECEIVE_LATENCY_BUCKETS], ack_latency_sum_us;  /* from a complete body to its answer; of accepted ones */
};
void receive_server_stats(struct receive_server *server, struct receive_stats *out);

#endif
