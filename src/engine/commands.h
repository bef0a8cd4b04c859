/*
 * engine/commands.h - what the chapters of commands share: the answer, and the checks that come before a change.  For files in this room.
 *
 *     commands.c        the frame around each command: replay, savepoint, the stored answer, requests that wait
 *     command_answer.c  answers, and what every command asks first
 *     command_case.c    opening, moving, approving, rejecting, commenting
 *     command_flow.c    plan, gate, execution, verification
 *     command_knowledge.c  what others have learned
 *     command_rule.c    stop switch, modes, reload
 */
#ifndef ENGINE_COMMANDS_H
#define ENGINE_COMMANDS_H

#include "engine/inside.h"
#include "model/problem.h"

/* What a command answers. */
struct answer {
    int      status;
    json_t  *body;        /* owned */
    int64_t  version;
    char     location[96];
    bool     waits;       /* the work goes on; the reply comes when it has ended, or at the end of the wait */
    bool     until_verified;
    char     case_id[ID_SIZE];
    int      retry_after_s;
};

typedef enum err command_fn(struct engine *e, struct engine_request *r, struct answer *a, struct fault *fault);
command_fn command_case_create, command_case_approve, command_case_reject, command_case_transition,
           command_case_comment, command_plan_generate, command_gate_eval, command_adapter_exec,
           command_verify_run, command_stop_set, command_stop_clear, command_target_mode,
           command_knowledge_import, command_reload;

void command_problem(struct answer *a, enum problem p, const char *detail, const char *hint);
void command_fault(struct answer *a, const struct fault *f);
/* {"data": the case, with one more member}; takes `more` over. */
void command_answer(struct answer *a, int status, const struct casefile *c, const char *extra, json_t *more);
/* 409 with what would be legal, or 422 with the guard's reason. */
void command_refused(struct answer *a, const struct casefile *c, enum case_answer why, const struct case_decision *d);

const char *command_text(const json_t *body, const char *key, const char *fallback);
/* The case that a request is about: from the route, or from "case_id" in the body. false: the answer says why not. */
bool command_find(struct engine *e, const struct engine_request *r, struct answer *a, struct casefile *c, struct fault *fault);
/* If-Match, or expected_version in the body. false: the answer says 412. */
bool command_fresh(struct engine *e, const struct engine_request *r, const struct casefile *c, struct answer *a);
/* Who says it and why; the caller decrefs *meta when the cause is used up. */
struct cause command_cause(const struct engine_request *r, json_t **meta);

#endif
