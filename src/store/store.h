/*
 * store/store.h - cases.db: the engine's own connection, and everything that is written there.
 *
 * All writing happens between store_begin() and store_commit(): one turn of the
 * engine is one transaction, one fsync.  A request inside a turn has a savepoint
 * of its own, so that one bad request does not take the others with it.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/err.h"
#include "model/casefile.h"
#include "model/principal.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct store;

/* Makes the folder (0700) when it is missing, takes its lock (ERR_BUSY: another engine has it), runs migrations, prepares every statement. */
MUST_CHECK enum err store_open(const char *folder, struct store **s, struct fault *fault);
void                store_close(struct store *s);
bool                store_is_fatal(struct store *s);    /* an fsync failed: the process must end and recover from disk */

MUST_CHECK enum err store_begin(struct store *s, struct fault *fault);
MUST_CHECK enum err store_commit(struct store *s, struct fault *fault);
void                store_rollback(struct store *s);
MUST_CHECK enum err store_savepoint(struct store *s, struct fault *fault);
MUST_CHECK enum err store_release(struct store *s, struct fault *fault);
void                store_rollback_to(struct store *s);   /* undo what came after the savepoint, and release it */

/* ---- cases ---- */

MUST_CHECK enum err store_case_insert(struct store *s, const struct casefile *c, const struct principal *opener, struct fault *fault);
MUST_CHECK enum err store_case_update(struct store *s, const struct casefile *c, struct fault *fault);
/* ERR_MISSING when there is none; opener may be NULL. */
MUST_CHECK enum err store_case_get(struct store *s, const char *id, struct casefile *c, struct principal *opener, struct fault *fault);
/* Ids of the cases that are not CLOSED, oldest first; *ids is an array of n the caller frees. */
MUST_CHECK enum err store_case_open(struct store *s, char (**ids)[ID_SIZE], int *n, struct fault *fault);

/* Those whose deadline has passed, the oldest deadline first, at most 100; those that the engine drives or looks at, at most 1000. */
MUST_CHECK enum err store_case_due(struct store *s, int64_t now_us, char (**ids)[ID_SIZE], int *n, struct fault *fault);
MUST_CHECK enum err store_case_driven(struct store *s, char (**ids)[ID_SIZE], int *n, struct fault *fault);
/* The clock was set back: open cases that were written more than slack ahead of it keep what was left of their stay, counted from now. */
MUST_CHECK enum err store_case_clock_back(struct store *s, int64_t now_us, int64_t slack_us, int *cases, struct fault *fault);
/* CLOSED with a plan and without an outcome: we ended between the two; at most 100. */
MUST_CHECK enum err store_case_unlearned(struct store *s, char (**ids)[ID_SIZE], int *n, struct fault *fault);
/* How many are in each state, CLOSED left out. */
MUST_CHECK enum err store_case_counts(struct store *s, int counts[CASE_STATE_COUNT], struct fault *fault);

struct timeline_row {
    const char     *case_id, *event, *actor, *reason, *trace_id;
    int64_t         version, at_us;
    enum case_state from, to;
    int             rule, run_rule;
    bool            moved;
    const json_t   *meta;          /* NULL: {} */
};
MUST_CHECK enum err store_timeline_add(struct store *s, const struct timeline_row *row, struct fault *fault);

struct stored_giving_up { char event[24], actor[CASE_NAME_SIZE]; enum case_state from; };
/* What first asked for the case's current plan to be given up or put back, whose word that was, and where the plan stood. ERR_MISSING: nothing did. */
MUST_CHECK enum err store_case_given_up(struct store *s, const char *case_id, struct stored_giving_up *out, struct fault *fault);

/* ---- outbox and idempotency ---- */

MUST_CHECK enum err store_outbox_add(struct store *s, const char *topic, const char *key, const json_t *payload, int64_t now_us, struct fault *fault);
typedef void store_outbox_row(void *ctx, int64_t id, const char *topic, const char *key, const char *payload);
MUST_CHECK enum err store_outbox_waiting(struct store *s, int limit, store_outbox_row *row, void *ctx, struct fault *fault);
MUST_CHECK enum err store_outbox_mark(struct store *s, int64_t id, int64_t now_us, struct fault *fault);
MUST_CHECK enum err store_outbox_depth(struct store *s, int64_t *depth, int64_t *oldest_us, struct fault *fault);

struct stored_answer { char fingerprint[DIGEST_SIZE]; int status; char *body; int64_t version; char location[96]; };
/* ERR_MISSING when the key is new. The caller frees answer->body. */
MUST_CHECK enum err store_answer_get(struct store *s, const char *key, struct stored_answer *a, struct fault *fault);
MUST_CHECK enum err store_answer_put(struct store *s, const char *key, const struct stored_answer *a, int64_t now_us, struct fault *fault);
/* Answers and published messages older than the horizon. */
MUST_CHECK enum err store_forget(struct store *s, int64_t before_us, struct fault *fault);

/* ---- plans, decisions, approvals ---- */

struct stored_plan { char id[ID_SIZE]; json_t *plan, *proposal; char hash[DIGEST_SIZE]; char planner[32]; int64_t case_version; };
void                stored_plan_done(struct stored_plan *p);
MUST_CHECK enum err store_plan_add(struct store *s, const char *case_id, const struct stored_plan *p, int64_t now_us, struct fault *fault);
MUST_CHECK enum err store_plan_get(struct store *s, const char *id, struct stored_plan *p, struct fault *fault);
/* Whose request brought the current plan of the case to the gate; empty: the engine planned. */
MUST_CHECK enum err store_plan_brought(struct store *s, const char *case_id, char *who, size_t size, struct fault *fault);
MUST_CHECK enum err store_decision_add(struct store *s, const char *id, const char *case_id, const char *plan_id, const json_t *decision, const char *answer, int64_t now_us, struct fault *fault);

struct stored_approval {
    struct principal by;
    bool             granted;
    char             plan_hash[DIGEST_SIZE], policy_version[DIGEST_SIZE];
    int64_t          case_version, given_us, expires_us;
};
MUST_CHECK enum err store_approval_add(struct store *s, const char *id, const char *case_id, const struct stored_approval *a, const char *reason, struct fault *fault);
/* Each person's last word on each plan; with more than max, what is about another plan than the current one goes first, and refusals last. */
MUST_CHECK enum err store_approvals(struct store *s, const char *case_id, struct stored_approval *list, int max, int *n, struct fault *fault);

/* ---- carrying out ---- */

MUST_CHECK enum err store_action_begin(struct store *s, const char *case_id, int64_t action, const char *kind, int step, const json_t *snapshot, int64_t now_us, struct fault *fault);
struct action_end { const char *outcome; const json_t *witness, *snapshot; const char *output, *fault; };
MUST_CHECK enum err store_action_end(struct store *s, const char *case_id, int64_t action, const struct action_end *end, int64_t now_us, struct fault *fault);
/* Of the last action that ended; empty: none has. */
MUST_CHECK enum err store_action_last(struct store *s, const char *case_id, char *outcome, size_t size, struct fault *fault);
/* The newest snapshot of a step; NULL in *snapshot when there is none. The caller decrefs. */
MUST_CHECK enum err store_action_snapshot(struct store *s, const char *case_id, int step, json_t **snapshot, struct fault *fault);
/* How many steps of the plan at hand were begun, counted from its first. */
MUST_CHECK enum err store_action_begun(struct store *s, const char *case_id, int *steps, struct fault *fault);

/* Since when the server had been running when an action before this one saw it last; 0: none did. */
MUST_CHECK enum err store_action_saw_start(struct store *s, const char *case_id, int64_t action, int64_t *start_us, struct fault *fault);

/* What the newest finished step printed; NULL in *output when nothing. The caller frees. */
MUST_CHECK enum err store_action_output(struct store *s, const char *case_id, char **output, struct fault *fault);

struct stored_run { json_t *units, *trial, *verdict; char *undo_path; };
void                stored_run_done(struct stored_run *r);
MUST_CHECK enum err store_run_put(struct store *s, const char *case_id, const json_t *units, const char *undo_path, struct fault *fault);
MUST_CHECK enum err store_run_anew(struct store *s, const char *case_id, struct fault *fault);   /* another plan: what was found out was about the last one */
MUST_CHECK enum err store_run_get(struct store *s, const char *case_id, struct stored_run *r, struct fault *fault);   /* ERR_MISSING */
MUST_CHECK enum err store_run_trial(struct store *s, const char *case_id, const json_t *trial, struct fault *fault);
MUST_CHECK enum err store_run_verdict(struct store *s, const char *case_id, const json_t *verdict, struct fault *fault);

/* ---- learning and limits ---- */

struct stored_outcome {
    const char   *case_id, *target, *planner, *result;
    bool          kept;
    double        effect, lo, hi, alpha, degraded_s;
    const json_t *proposal, *verdict, *workload;
};
MUST_CHECK enum err store_outcome_add(struct store *s, const struct stored_outcome *o, int64_t now_us, struct fault *fault);
typedef void store_outcome_row(void *ctx, const struct stored_outcome *o);
MUST_CHECK enum err store_outcomes(struct store *s, const char *target, store_outcome_row *row, void *ctx, struct fault *fault);
MUST_CHECK enum err store_outcome_totals(struct store *s, const char *target, int64_t now_us, int64_t span_us, int *count, double *alpha, double *degraded_s, struct fault *fault);
MUST_CHECK enum err store_failures(struct store *s, const char *target, int *of_last_ten, struct fault *fault);

MUST_CHECK enum err store_change_add(struct store *s, const char *target, const char *case_id, const char *kind, int64_t now_us, struct fault *fault);
/* What was done within the span around now: ahead of it lies what was done before the clock was set back. */
MUST_CHECK enum err store_change_count(struct store *s, const char *target, const char *kind, int64_t now_us, int64_t span_us, int *count, int64_t *oldest_us, int64_t *newest_us, struct fault *fault);

struct stored_stop { char scope[CASE_NAME_SIZE], why[200], actor[CASE_NAME_SIZE]; int64_t created_us, expires_us; };
MUST_CHECK enum err store_stop_put(struct store *s, const struct stored_stop *stop, struct fault *fault);
MUST_CHECK enum err store_stop_delete(struct store *s, const char *scope, struct fault *fault);
MUST_CHECK enum err store_stops(struct store *s, struct stored_stop *list, int max, int *n, struct fault *fault);

struct stored_target { char mode[16]; int64_t idle_until_us; int peak_sessions; };
MUST_CHECK enum err store_target_get(struct store *s, const char *target, struct stored_target *t, struct fault *fault);   /* zeroed when missing */
MUST_CHECK enum err store_target_put(struct store *s, const char *target, const struct stored_target *t, int64_t now_us, struct fault *fault);

/* ---- knowledge: knowledge.c ---- */

/* What this installation's digests of names are made with: random, made with the store, never told. */
MUST_CHECK enum err store_secret(struct store *s, char out[DIGEST_SIZE], struct fault *fault);

struct stored_knowledge {
    const char   *id, *source, *tenant, *database, *result;
    bool          shared;
    double        effect;                /* NAN: none */
    int64_t       happened_us;
    const json_t *record;                /* all of it: what plan/knowledge.h reads */
};
/* *added: false when it was there already. */
MUST_CHECK enum err store_knowledge_add(struct store *s, const struct stored_knowledge *k, int64_t now_us, bool *added, struct fault *fault);
/* In the order in which they came. */
typedef void store_knowledge_row(void *ctx, const json_t *record, bool shared);
MUST_CHECK enum err store_knowledge(struct store *s, store_knowledge_row *row, void *ctx, struct fault *fault);
MUST_CHECK enum err store_knowledge_count(struct store *s, int *count, struct fault *fault);
/* Whether a tenant's records may be exported and used for others. */
MUST_CHECK enum err store_knowledge_share(struct store *s, const char *tenant, bool shared, struct fault *fault);
MUST_CHECK enum err store_knowledge_share_none(struct store *s, struct fault *fault);
/* More than keep: first those of the source `own` that are more than half of it go, then those of the others, then the rest; of each the oldest first. */
MUST_CHECK enum err store_knowledge_forget(struct store *s, const char *own, int keep, struct fault *fault);

/* An observation worth keeping, with what it points to. */
MUST_CHECK enum err store_event_add(struct store *s, const char *case_id, const char *severity, const char *kind, const char *title, const char *summary,
                                    const json_t *labels, const json_t *reference, int64_t now_us, struct fault *fault);

#endif
