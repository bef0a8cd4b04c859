/*
 * engine/engine.h - the one thread that owns cases, and how others talk to it.
 *
 * Everything that changes a case is a request.  The engine takes requests from
 * a bounded queue, runs as many as wait in one transaction (state, timeline,
 * outbox, idempotency record), commits, and only then replies and sends orders
 * to the act workers.  Replies are called on the engine's thread and must not
 * block.
 *
 * Reading does not go through the engine: see store/read.h for what is stored
 * and engine_live() for what is seen right now.
 */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include "base/err.h"
#include "base/id.h"
#include "model/principal.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* X(enum, name, method and route, least role, what it does) - the router, the OpenAPI test and the CLI read this table. */
#define ENGINE_COMMAND_MAP(X)                                                                                                              \
    X(CASE_CREATE,     "case.create",     "POST",   "/case/create",            ROLE_OPERATOR, "Open a case")                                \
    X(CASE_TRANSITION, "case.transition", "PATCH",  "/case/{id}/transition",   ROLE_OPERATOR, "Send an event to a case: the only way to change its state") \
    X(CASE_APPROVE,    "case.approve",    "POST",   "/case/{id}/approve",      ROLE_APPROVER, "Approve the plan that waits at the gate")    \
    X(CASE_REJECT,     "case.reject",     "POST",   "/case/{id}/reject",       ROLE_APPROVER, "Reject the plan that waits at the gate")     \
    X(CASE_COMMENT,    "case.comment",    "POST",   "/case/{id}/comment",      ROLE_OPERATOR, "Add a remark to the timeline")               \
    X(PLAN_GENERATE,   "plan.generate",   "POST",   "/plan/generate",          ROLE_OPERATOR, "Make a plan from a template, a planner or the body") \
    X(GATE_EVAL,       "gate.eval",       "POST",   "/gate/eval",              ROLE_OPERATOR, "Ask the gate")                               \
    X(ADAPTER_EXEC,    "adapter.exec",    "POST",   "/adapter/exec",           ROLE_OPERATOR, "Execute the approved step; the body must equal it") \
    X(VERIFY_RUN,      "verify.run",      "POST",   "/verify/run",             ROLE_OPERATOR, "Verify what was executed")                   \
    X(STOP_SET,        "stop.set",        "POST",   "/stop",                   ROLE_OPERATOR, "Stop acting: globally or for one target, with a reason and an expiry") \
    X(STOP_CLEAR,      "stop.clear",      "DELETE", "/stop",                   ROLE_ADMIN,    "Let the engine act again")                   \
    X(TARGET_MODE,     "target.mode",     "PUT",    "/target/{id}/mode",       ROLE_ADMIN,    "How far the engine may go with a target")    \
    X(KNOWLEDGE_IMPORT, "knowledge.import", "POST",  "/knowledge",              ROLE_ADMIN,    "Take in what trials on other databases have taught") \
    X(RELOAD,          "reload",          "POST",   "/reload",                 ROLE_ADMIN,    "Read the configuration again")

enum engine_command {
#define X(id, name, method, route, role, text) COMMAND_##id,
    ENGINE_COMMAND_MAP(X)
#undef X
    COMMAND_COUNT
};

struct engine_command_info { const char *name, *method, *route; enum role least; const char *text; };
extern const struct engine_command_info engine_command_info[COMMAND_COUNT];

enum { IDEMPOTENCY_KEY_SIZE = 256, TRACE_ID_SIZE = 33 };

struct engine_reply {
    int         status;          /* HTTP */
    const char *body;            /* JSON text; problem+json when status >= 400. Valid during the call only */
    int64_t     version;         /* of the case, for the ETag; 0: none */
    bool        replayed;        /* the stored first answer */
    int         retry_after_s;   /* 0: none */
    char        location[96];    /* empty: none */
};

struct engine_request {
    enum engine_command command;
    char             id[64];                          /* from the route: case id or target name; may be empty */
    json_t          *body;                            /* owned; an object or NULL */
    struct principal who;
    char             key[IDEMPOTENCY_KEY_SIZE];       /* Idempotency-Key; empty: none */
    char             fingerprint[DIGEST_SIZE];        /* of method, route and canonical body */
    int64_t          if_match;                        /* version; -1: no If-Match; 0: "*" */
    char             trace_id[TRACE_ID_SIZE];         /* 32 hex digits; never empty */
    int64_t          wait_us;                         /* how long the caller is willing to wait for the work to end; then 202 */
    void           (*reply)(void *ctx, const struct engine_reply *r);   /* once, on the engine's thread */
    void            *reply_ctx;
};

struct engine;

/* Takes the request over (and its body). When it fails (ERR_BUSY, ERR_STATE) reply is not called and the caller keeps it. */
MUST_CHECK enum err engine_submit(struct engine *e, struct engine_request *r, struct fault *fault);
void                engine_request_free(struct engine_request *r);

/* A snapshot of what is seen right now, for the dashboard: targets, facts, latest samples, trials. Any thread. Caller decrefs. */
json_t *engine_live(struct engine *e);
/* Seconds of one target since a moment (wall, us): {"time":[...],"tps":[...],...} for the metrics named (comma separated; NULL: a default set). */
json_t *engine_series(struct engine *e, const char *target, const char *metrics, int64_t since_us);
/*
 * What a careful look at one database found: symptoms, findings, index candidates with their plans.  Any thread; never waits.
 * ERR_BUSY: a look that is at most max_age_us old is being made, ask again. ERR_MISSING: no such target. Caller decrefs.
 */
MUST_CHECK enum err engine_report(struct engine *e, const char *target, int64_t max_age_us, json_t **report, struct fault *fault);
/* Prometheus text of the engine's own metrics. Any thread. Caller frees. */
char   *engine_metrics(struct engine *e);
/* Is the loop alive (livez), is everything ready (readyz: "store", "migrations", "recovery")? JSON with "ok", "checks" and, for people, "why" not. */
json_t *engine_health(struct engine *e, bool ready);

/*
 * The in-process bus. Messages are CloudEvents; durable ones come from the outbox in order per case, at least once;
 * "live.sample" and "live.trial" are not stored. The callback runs on the engine's thread, must copy and must not block.
 */
struct bus_message { int64_t outbox_id; /* 0: not stored */ const char *topic, *key, *payload; };
typedef void bus_callback(void *ctx, const struct bus_message *m);
int  engine_subscribe(struct engine *e, bus_callback *f, void *ctx);    /* a handle; any thread */
void engine_unsubscribe(struct engine *e, int handle);                  /* after it returns f is not called any more */

#endif
