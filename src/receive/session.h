/*
 * receive/session.h - one connection without its socket: bytes of HTTP/1.1 or HTTP/2 go in, bytes come out, requests go to a host.
 *
 *     session_new(&host, &door, SESSION_EITHER, &s);
 *     ok = session_feed(s, bytes, n);                       // host.complete(x) is called for each whole request
 *     while ((out = session_output(s)).n) session_sent(s, write(...));
 *     ...
 *     session_settle(x);                                    // x->answer is filled; then look at session_output() again
 *
 * An exchange is one request and its answer.  It belongs to its session while it is being received, to the host from complete() until
 * session_settle(), and to its session again until the answer is away.  When the session goes meanwhile, x->session
 * becomes NULL and settling frees it.  Everything belongs to one thread; nothing here blocks, logs or looks at a clock.
 */
#ifndef RECEIVE_SESSION_H
#define RECEIVE_SESSION_H

#include "base/err.h"
#include "base/slice.h"
#include "base/text.h"
#include "journal/record.h"
#include "receive/answer.h"
#include "receive/buffer.h"
#include "receive/route.h"
#include "receive/server.h"
#include "receive/tokens.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SESSION_SPARES_MAX   = 256,
    SESSION_READ_MAX     = 256 * 1024,      /* bytes of one feed */
    SESSION_EXCHANGE     = 2 * 1024,        /* what a request takes beside its body, in the budget */
    SESSION_BUDGET_SLACK = 32 * 1024        /* the largest body fits with what is around it, also when the budget is no larger than that body */
};

/* What a listener lets in. Must stay as long as a session points to it. */
struct session_door { unsigned protocols; const struct receive_tokens *tokens; /* NULL: everybody */ const char *tenant; };

struct session_limits { size_t body_max, head_max; uint32_t streams_max; int64_t budget, retry_us, patience_us, head_us, stall_us, idle_us; };

struct session;

enum exchange_state { EXCHANGE_RECEIVING, EXCHANGE_WITH_HOST, EXCHANGE_ANSWERED };

struct exchange {
    struct exchange     *prev, *next;       /* of the same session */
    struct exchange     *later;             /* for the host's own lists */
    struct session      *session;           /* NULL: its peer is gone */
    const struct route  *route;             /* NULL: no such path */
    enum exchange_state  state;
    enum media           media;
    enum packing         packing;           /* of the body; of messages with gRPC */
    bool                 grpc, no_body /* HEAD */, ended;
    int32_t              stream;
    int64_t              length;            /* as said; -1 */
    struct buffer        body;              /* raw: with frames and packing */
    size_t               raw;               /* bytes that came */
    size_t               with_journal;      /* of them, those that the journal has and has not made durable */
    size_t               counted, withheld; /* in the budget; not given back to HTTP/2's windows */
    int64_t              moved_us, complete_us, waited_us /* while its connection was paused */;
    char                 tenant[RECORD_TENANT_MAX + 1], table[HEAD_TABLE_MAX + 1];
    struct answer        answer;
    /* The host's. */
    struct record        record;
    enum err             result;
    int64_t              parked_us;
    void                *owner, *extra;     /* extra: freed by host.forget() */
    unsigned             pending;           /* Flight: messages that are not durable yet */
    struct exchange     *of;                /* Flight: the stream this message belongs to */
    /* What goes out over HTTP/2. */
    struct text          out;
    size_t               out_sent;
    bool                 out_open, out_begun, out_last, out_away;
    size_t               after;             /* bytes that still came though the answer was given */
    struct answer_grpc   trailers;
    bool                 has_trailers;
};

/* Whoever holds sessions: one per thread. Zero it, then fill limits, complete, in_flight and stats. */
struct session_host {
    struct session_limits limits;
    int64_t               now_us;          /* monotonic; set before each call */
    int64_t               wall_us;         /* for the field Date */
    bool                  pressed;         /* no memory or no room: nobody is given more window */
    bool                  full;            /* it is the journal that has no room, not the budget */
    atomic_llong         *in_flight;       /* the budget, shared by all threads */
    struct receive_stats *stats;           /* written by this thread alone, with relaxed atomics */
    void                (*complete)(struct session_host *h, struct exchange *x);
    /* Flight: one message of a stream, framing taken off. The host answers later with session_flight_put(). x->ended: none follows. */
    void                (*message)(struct session_host *h, struct exchange *x, struct slice message, bool packed);
    void                (*forget)(struct session_host *h, struct exchange *x);      /* x->extra is to be freed. May be NULL */
    struct buffer_stock   stock;
    size_t                kept;            /* of Flight's streams, between their batches: bounded by a part of the budget */
    struct exchange      *spare;
    size_t                spares;
};
void session_host_done(struct session_host *h);

enum session_speech { SESSION_EITHER /* the first bytes decide */, SESSION_HTTP1, SESSION_HTTP2 };

/* NULL: no memory. */
struct session *session_new(struct session_host *h, const struct session_door *door, enum session_speech speech);
void            session_free(struct session *s);
void            session_door(struct session *s, const struct session_door *door);
void            session_set_user(struct session *s, void *user);
void           *session_user(const struct session *s);

/* At most SESSION_READ_MAX bytes; all are taken. False: the peer broke the protocol; what there is to send should be sent, then close. */
bool            session_feed(struct session *s, const char *bytes, size_t n);
/* What is to be sent, valid until the next call about this session; empty: nothing now. */
struct slice    session_output(struct session *s);
void            session_sent(struct session *s, size_t n);
/* Whether it makes sense to read. False while requests that were read wait for an earlier one. */
bool            session_wants_input(const struct session *s);
/* Everything is said: close, once session_output() is empty. */
bool            session_over(struct session *s);
/* Something may still be coming that nobody will read; give the peer time to read the answer before closing. */
bool            session_lingers(const struct session *s);

bool            session_idle(const struct session *s);            /* no request is under way */
bool            session_receiving(const struct session *s);       /* a body is on its way in */
bool            session_under_way(const struct session *s);       /* a request is, received or not yet answered */
int64_t         session_moved_us(const struct session *s);        /* when something came last */

/* The answer stands in x->answer. */
void            session_settle(struct session_host *h, struct exchange *x);
/* One answer of a Flight stream, already in a frame; last: with it, end. Accepts x whose session is gone. */
void            session_flight_put(struct session_host *h, struct exchange *x, struct slice frame);
void            session_flight_end(struct session_host *h, struct exchange *x);

/* Not read from because of h->pressed: from now on; and again yes, which gives withheld windows back. */
void            session_pause(struct session *s);
void            session_resume(struct session *s);
/* Look at the times. False: close it now. */
bool            session_tick(struct session *s);
/* No new requests: GOAWAY, or Connection: close with the answer. */
void            session_shutdown(struct session *s);

/* For a host that makes exchanges of its own (Flight's messages). NULL: no memory. */
struct exchange *exchange_new(struct session_host *h);
void             request_exchange_free(struct session_host *h, struct exchange *x);
/* The body is not needed any more; what came of it counts in the budget until the exchange is settled. */
void             exchange_drop_body(struct session_host *h, struct exchange *x);

/* After a change of its buffers: what it takes counts in the budget. */
void             exchange_count(struct session_host *h, struct exchange *x);

/* Whether the budget is used up, and so much more. */
static inline bool session_over_budget(const struct session_host *h, int64_t more)
{
    return atomic_load_explicit(h->in_flight, memory_order_relaxed) >= h->limits.budget + SESSION_BUDGET_SLACK + more;
}

static inline void session_count(uint64_t *c, uint64_t n) { __atomic_store_n(c, *c + n, __ATOMIC_RELAXED); }

#endif
