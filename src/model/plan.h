/*
 * model/plan.h - what somebody proposes to do: the ChangePlan contract.
 *
 *   { "title": "...", "risk_score": 0.1,
 *     "steps": [ { "action": "postgres.set", "params": {...}, "timeout_s": 60, "retry": 0, "watch_s": 20 } ],
 *     "rollback": { "how": "reverse" },
 *     "verify":   { "method": "switchback", ... } }
 *
 * title, steps (1 to 64), rollback and verify are required; each step has
 * action, timeout_s >= 10 and retry 0..3.  What does not keep to this never
 * reaches the state machine.  plan_parse() says which member is wrong, by JSON
 * pointer.  The plan owns its JSON; step->params points into it.
 */
#ifndef MODEL_PLAN_H
#define MODEL_PLAN_H

#include "base/err.h"
#include "base/id.h"

#include <jansson.h>
#include <stdbool.h>

enum { PLAN_STEPS_MAX = 64, PLAN_TITLE_SIZE = 200, PLAN_BYTES_MAX = 256 * 1024 };

/* X(enum, name, dangerous: interrupts service or cannot be put back by itself, what it does) */
#define PLAN_ACTION_MAP(X)                                                              \
    X(NOOP,             "noop",             false, "does nothing")                      \
    X(SCRIPT_EXEC,      "script.exec",      true,  "runs a program with arguments")     \
    X(POSTGRES_SET,     "postgres.set",     false, "sets parameters and reloads")       \
    X(POSTGRES_RESTART, "postgres.restart", true,  "sets parameters and restarts the server") \
    X(POSTGRES_INDEX,   "postgres.index",   false, "builds or drops an index beside running work") \
    X(POSTGRES_ANALYZE, "postgres.analyze", false, "refreshes the statistics of a table")   \
    X(K8S_ROLLOUT,      "k8s.rollout",      true,  "rolls out a workload")              \
    X(GATEWAY_FLIP,     "gateway.flip",     true,  "moves traffic")

enum plan_action {
#define X(id, name, dangerous, text) PLAN_##id,
    PLAN_ACTION_MAP(X)
#undef X
    PLAN_ACTION_COUNT
};

struct plan_action_info { const char *name; bool dangerous; const char *text; };
extern const struct plan_action_info plan_action_info[PLAN_ACTION_COUNT];

struct plan_step {
    enum plan_action action;
    json_t          *params;      /* borrowed; an object, possibly empty */
    int              timeout_s;   /* >= 10 */
    int              retry;       /* 0..3 */
    int              watch_s;     /* hold and watch the guards this long after the step; 0: none */
};

struct plan {
    json_t          *json;        /* owned */
    char             title[PLAN_TITLE_SIZE];
    double           risk_score;  /* the planner's own opinion, NAN when it has none; the gate computes its own */
    int              steps;
    struct plan_step step[PLAN_STEPS_MAX];
    json_t          *rollback;    /* borrowed; an object */
    json_t          *verify;      /* borrowed; an object */
    char             hash[DIGEST_SIZE];   /* SHA-256 of the canonical JSON: what an approval is bound to */
};

/* Takes a reference of its own to json. On failure *plan needs no plan_done. */
MUST_CHECK enum err plan_parse(json_t *json, struct plan *plan, struct fault *fault);
MUST_CHECK enum err plan_parse_text(const char *text, struct plan *plan, struct fault *fault);
void                plan_done(struct plan *plan);

/* Sorted keys, no white space. The caller frees it. */
char *plan_canonical(const json_t *json);
bool  plan_action_parse(const char *name, enum plan_action *action);

/*
 * postgres.set and postgres.restart carry:
 *   "target": "main", "settings": [ { "name": "max_wal_size", "from": "1GB", "to": "1228MB" } ... ]
 * "from" is what pg_settings showed when the plan was made, "to": null means RESET.
 * What postgres.index and postgres.analyze carry is in model/index.h.
 */

#endif
