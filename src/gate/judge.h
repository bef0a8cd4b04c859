/*
 * gate/judge.h - may this plan be carried out? A pure function: policy + question -> verdict.
 *
 * The rules stand in one table with stable numbers, which history quotes.  All
 * are evaluated, so that a person sees everything that stands in the way; the
 * decider is the sternest: reject before wait before ask before approve, and
 * among equals the lowest number.  A plan is approved only when the ladder of
 * modes or a person says so and no rule objects.
 *
 * Nothing here trusts the planner: steps are simulated from the facts, and
 * ranges, step sizes, dependencies and memory are judged on every state on the
 * way.  What is not known never counts as safe.
 *
 * The same function is asked again right before execution (at_execution).
 */
#ifndef GATE_JUDGE_H
#define GATE_JUDGE_H

#include "base/err.h"
#include "base/text.h"
#include "gate/policy.h"
#include "model/plan.h"
#include "model/principal.h"
#include "model/target.h"
#include "model/verdict.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum { GATE_APPROVALS_MAX = 8 };

/* A person said yes (or no) to one plan, at one version of the case, under one policy. */
struct gate_approval {
    struct principal by;
    bool    granted;                 /* false: rejected */
    char    plan_hash[DIGEST_SIZE];
    int64_t case_version;
    char    policy_version[DIGEST_SIZE];
    int64_t given_us, expires_us;    /* wall */
};

/* The rule that waits for facts: at a start there are none for some seconds. */
#define GATE_RULE_NO_FACTS 401

struct gate_question {
    const struct plan         *plan;
    const struct target_facts *facts;          /* of the plan's target; NULL: unknown, or no configured target */
    const char                *target;         /* the case's target; NULL or empty: none */
    bool                       unconfigured;   /* nobody has configured a target of that name */
    enum target_mode           mode;           /* of the target; for a plan without target it is not looked at */
    enum policy_restart        restart;        /* what the target's own configuration says; the sterner of the two counts */
    struct principal           opener;         /* of the case; Homeostat itself: "engine" with ROLE_OPERATOR */
    const char                *planner;        /* who brought the plan; NULL or empty: Homeostat itself */
    int64_t                    case_version;
    int64_t                    now_us;         /* wall */
    bool                       at_execution;   /* the re-check right before the first effect */

    bool        stopped;                       /* stop switch, global or for this target */
    const char *stop_why;
    const char *held_by;                       /* id of another case that has this target; NULL: nobody */
    bool        held_unknown;                  /* that case is parked, and nobody knows what it has left in force */
    int         changes_last_hour;             /* applied to this target; -1: unknown */
    int64_t     oldest_change_us;              /* wall; when the hour's first one was; 0: unknown */
    int         restarts_last_day;             /* -1: unknown */
    int64_t     last_rollback_us;              /* wall; 0: none */
    double      degraded_s_last_day;           /* NAN: unknown */
    int         failures;                      /* how often plans of this target were worse or failed, of the last 10 */
    double      cpu;                           /* of the target right now, 0..1; NAN: unknown */
    double      wal_bytes_per_s;               /* NAN: unknown; only shown: a quiet moment must not talk a bound away */

    int                  approvals;                /* of the same person, and the same plan, the last one counts */
    struct gate_approval approval[GATE_APPROVALS_MAX];
};

void gate_question_init(struct gate_question *q);   /* everything unknown; restart as the policy says */

/* Pure. v is filled completely. */
void gate_judge(const struct policy *policy, const struct gate_question *q, struct gate_verdict *v);

/*
 * Pure. May a restart be made at this moment, as far as policy's windows and the target's own configuration go?  For a plan under way: what
 * comes before its restart may take longer than was expected when it began.
 */
bool gate_restart_in_time(const struct policy *policy, enum policy_restart target, int64_t now_us);

json_t *gate_verdict_json(const struct gate_verdict *v);

/* The rules: numbers, what they may answer, text. */
void gate_rules_print(struct text *out);            /* for `homeostat rules` */
json_t *gate_rules_json(void);
MUST_CHECK enum err gate_rules_check(struct fault *fault);

#endif
