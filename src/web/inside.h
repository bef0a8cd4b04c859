/*
 * web/inside.h - what the files of this room share: the server, a connection, one request and its answer.
 *
 * Threads: libmicrohttpd's pool runs the handlers; the engine's thread calls back with replies and messages; one
 * thread of our own (the ticker) looks after what time decides.  Locks are taken in this order and never the other
 * way: web.lock, stream.lock, wait.lock, and then whatever libmicrohttpd takes inside suspend and resume.
 */
#ifndef WEB_INSIDE_H
#define WEB_INSIDE_H

#include "base/clock.h"
#include "base/text.h"
#include "engine/engine.h"
#include "model/problem.h"
#include "store/read.h"
#include "web/body.h"
#include "web/header.h"
#include "web/meter.h"
#include "web/route.h"
#include "web/stream.h"
#include "web/throttle.h"
#include "web/token.h"
#include "web/web.h"

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

enum {
    READERS_MAX = 64,             /* one for each thread of the pool at most */
    EXTRA_HEADERS_MAX = 8,
    SWALLOW_MAX = 8 * 1024 * 1024 /* of a body that is refused anyway: read so that the client sees the answer, then cut off */
};

/* A TCP connection. MHD has a time-out for silence; the deadline here is for those who speak, but too slowly. */
struct peer {
    struct peer     *before, *after;
    int              fd;
    _Atomic int64_t  deadline_us;         /* mono; 0: none */
};

struct web {
    struct web_options    options;
    char                  host[64], folder[512];
    bool                  tls;
    struct engine        *engine;
    struct web_sources    sources;
    const struct clock   *clock;
    struct MHD_Daemon    *daemon;
    int                   port;
    char                 *certificate, *key;

    struct tokens         tokens;
    struct throttle       throttle;
    struct meter          meter;
    struct stream         stream;
    char                 *openapi_text;   /* JSON */

    pthread_mutex_t       lock;           /* of everything below */
    pthread_cond_t        nudge;          /* wakes the ticker */
    struct peer          *peers;
    struct wait          *waits;
    int                   waiting;
    struct store_reader  *reader[READERS_MAX];
    int                   readers;        /* that lie idle in reader[] */
    atomic_int            explaining;     /* explanations that are being made */
    bool                  stopping;
    pthread_t             ticker;
};

/* One request. Lives from its first header to the last byte of its answer. */
struct exchange {
    struct web             *web;
    struct MHD_Connection  *connection;
    struct peer            *peer;
    const struct web_route *route;
    char                    method[16];
    const char             *path;                 /* without /v1 */
    char                    id[ROUTE_ID_SIZE];
    char                    allow[ROUTE_ALLOW_SIZE];
    struct principal        who;                  /* name "" until it is known */
    char                    address[64];
    char                    token_digest[DIGEST_SIZE];
    char                    trace_id[HEADER_TRACE_SIZE];
    char                    request_id[REQUEST_ID_SIZE];
    int64_t                 began_us;             /* mono */

    bool                    begun;                /* headers were looked at */
    struct text             body;
    size_t                  body_seen;
    bool                    refused;              /* with the members below */
    enum problem            problem;
    struct fault            fault;

    struct wait            *wait;                 /* for the engine; NULL: not asked */

    struct { char name[32], value[512]; } extra[EXTRA_HEADERS_MAX];
    int                     extras;
    int                     status;               /* of the answer; 0: not yet */
    bool                    streams;              /* the answer has no end of its own */
};

/* ---- answering (answer.c). Each queues the answer; a handler returns what they return. ---- */

/* Add a header to the answer to come. */
PRINTF(3, 4) void exchange_header(struct exchange *x, const char *name, const char *format, ...);

/* {"data": data} with further members when more is an object. Takes both over. NULL data is an answer of 500. */
enum MHD_Result answer_data(struct exchange *x, int status, json_t *data, json_t *more);
/* A whole document; takes it over. */
enum MHD_Result answer_json(struct exchange *x, int status, const char *type, json_t *document);
/* size bytes; copied. */
enum MHD_Result answer_text(struct exchange *x, int status, const char *type, const char *data, size_t size);
/* Bytes that live as long as the program. */
enum MHD_Result answer_static(struct exchange *x, int status, const char *type, const void *data, size_t size);
/* A response made elsewhere (the stream); takes it over. */
enum MHD_Result answer_response(struct exchange *x, int status, const char *type, struct MHD_Response *response);
enum MHD_Result answer_nothing(struct exchange *x, int status);

/* problem+json. fault may be NULL; extension is merged into the document and taken over (NULL: none). */
enum MHD_Result answer_problem(struct exchange *x, enum problem p, const struct fault *fault, json_t *extension);
/* The problem that belongs to the fault's code. */
enum MHD_Result answer_fault(struct exchange *x, const struct fault *fault);

/* Counts and, for what changes something, the line in the audit log. Called once, by whoever knows the status. */
void exchange_record(const struct exchange *x);

const char *exchange_request_header(const struct exchange *x, const char *name);
const char *exchange_query(const struct exchange *x, const char *name);   /* NULL: not there */

/* ---- the parts ---- */

/* serve.c: what libmicrohttpd calls. */
enum MHD_Result serve_request(void *cls, struct MHD_Connection *connection, const char *url, const char *method, const char *version,
                              const char *data, size_t *size, void **con_cls);
void            serve_done(void *cls, struct MHD_Connection *connection, void **con_cls, enum MHD_RequestTerminationCode why);
void           *serve_line(void *cls, const char *uri, struct MHD_Connection *connection);
void            serve_connection(void *cls, struct MHD_Connection *connection, void **socket_context, enum MHD_ConnectionNotificationCode code);
void            exchange_free(struct exchange *x);

/* command.c: what goes to the engine. */
web_handler     command_handle;
enum MHD_Result command_refuse_body(struct exchange *x, const struct body_fault *where, const struct fault *fault);   /* with the place in the body */
void            command_done(struct exchange *x);          /* the request is over, answered or not */
void            command_tick(struct web *w, int64_t mono_us, bool all);   /* answer those who waited too long; all: everybody */

/* look.c, telemetry.c, event.c, explanation.c, page.c, openapi.c, stream.c: what only reads. */
web_handler look_case, look_cases, look_timeline, look_case_file, look_targets, look_target, look_series, look_report, look_metric, look_outcomes, look_knowledge, look_explanation,
    look_stops, look_budgets, look_rules, look_policy, look_metrics, look_livez, look_readyz, look_whoami;
web_handler telemetry_status, telemetry_trace, telemetry_services, telemetry_downstreams, telemetry_metrics, telemetry_patterns, telemetry_jobs, telemetry_tables, telemetry_event, telemetry_enqueue;
web_handler telemetry_events, event_post;          /* telemetry.c, event.c: what happened */
web_handler telemetry_consumer_replay, telemetry_consumer_forget;
web_handler page_index, page_asset;
web_handler openapi_json, openapi_yaml;
web_handler stream_handle;

MUST_CHECK enum err openapi_open(struct web *w, struct fault *fault);
void                openapi_done(struct web *w);

/* A reader of the store, for as long as one request takes. */
struct store_reader *web_reader_take(struct web *w, struct fault *fault);
void                 web_reader_give(struct web *w, struct store_reader *r, bool usable);

/* Cut a connection off: its thread notices and tidies up. Only while the peer is known to be there. */
void peer_cut(struct peer *p);
static inline void peer_deadline(struct peer *p, int64_t mono_us) { atomic_store_explicit(&p->deadline_us, mono_us, memory_order_relaxed); }

#endif
