/*
 * plan/planner.h - ask what to try next, tell how it went.
 *
 * A planner is a pure function of its seed, of what it was told, and of what is
 * seen now: asking changes nothing, and asking twice answers twice the same.
 * After a restart the engine makes a planner from the same seed and tells it
 * all stored outcomes again, in order; it then stands where it stood.
 *
 * Three kinds stand behind the same table.  "joint" chooses among its proposers
 * (rules of thumb, symptoms, models, searches) by what each has earned;
 * "joint-ppo" has a learned policy among them; "ladder" asks in a fixed order.
 *
 *     planner_new("joint", seed, &p, fault);
 *     for each stored outcome:   planner_tell(p, &proposal, outcome, effect, fault);
 *     e = planner_ask(p, &view, &proposal, fault);      ERR_MISSING: nothing is left to try, the fault says why
 *     compose_plan(&proposal, facts, &how, &json, fault);   -> plan/compose.h
 *     ... gate, act, verify ...
 *     planner_tell(p, &proposal, TOLD_BETTER, verdict.effect, fault);
 */
#ifndef PLAN_PLANNER_H
#define PLAN_PLANNER_H

#include "base/err.h"
#include "model/bounds.h"
#include "model/knob.h"
#include "model/sample.h"
#include "model/target.h"
#include "model/verdict.h"
#include "model/workload.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define PLANNER_EFFECT_MOST 5.0        /* log ratio: whatever is told to be more, or less than its negative, counts as that */
enum { PROPOSAL_CHANGES_MAX = 24, PROPOSAL_TITLE_SIZE = 160, PROPOSAL_WHY_SIZE = 800, TOLD_MAX = 500 };

struct proposed_change { enum knob_id knob; double from, to; };   /* base units; from is what was in force when it was proposed */

struct proposal {
    char                   planner[32];                 /* which kind, and which of its proposers: "ladder/big-step" */
    char                   title[PROPOSAL_TITLE_SIZE];  /* "shared_buffers 128MB -> 614MB, max_wal_size 1GB -> 4GB and 6 more" */
    char                   why[PROPOSAL_WHY_SIZE];      /* sentences for a person */
    int                    changes;
    struct proposed_change change[PROPOSAL_CHANGES_MAX];
    bool                   needs_restart;
    enum verify_class      verify;                      /* the strictest among the knobs */
    bool                   has_workload;                /* false: made before workloads were kept, or by hand */
    struct workload        workload;                    /* under which it was made */
};

enum told { TOLD_BETTER, TOLD_WORSE, TOLD_UNDECIDED, TOLD_EQUIVALENT,
            TOLD_REFUSED,      /* the gate or a person said no */
            TOLD_FAILED,       /* it could not be applied, a guard tripped while it was, or the server did not start */
            TOLD_COUNT };
const char *told_name(enum told t);
bool        told_parse(const char *text, enum told *t);
enum told   told_of(enum outcome o);

struct knowledge;
struct tenants_policy;
struct math_ppo;

/* What a planner sees. Everything is borrowed for the call. */
struct planner_view {
    const struct target_facts *facts;
    const struct window       *window;   /* recent ones of the configuration in force, oldest first */
    int                        windows;  /* may be 0: then only the machine speaks */
    const struct bounds       *bounds;   /* the policy's numbers */
    const struct knowledge *const *known;   /* what other databases have told, in any order (plan/knowledge.h) */
    int                        knowns;   /* may be 0 */
    const struct tenants_policy *base;   /* what a policy begins with (plan/practice.h); NULL: with nothing */
};

struct planner;

/* "joint" (default for NULL), "joint-ppo" or "ladder". ERR_MISSING for a kind that is not there. */
MUST_CHECK enum err planner_new(const char *kind, uint64_t seed, struct planner **p, struct fault *fault);
void                planner_free(struct planner *p);

/* ERR_MISSING: nothing left to try; ERR_UNKNOWN: what it would have to know is unknown;
 * ERR_STATE: a standby, or somebody else's configuration. The fault's text is for people. */
MUST_CHECK enum err planner_ask(const struct planner *p, const struct planner_view *view, struct proposal *out, struct fault *fault);
/*
 * policy practises on what this planner was told (plan/practice.h): for a base that several targets share. ERR_MISSING: too little
 * is known to practise on, or nothing may be varied; the policy is as it was.
 */
MUST_CHECK enum err planner_practise(const struct planner *p, const struct planner_view *view, struct math_ppo *policy, struct fault *fault);
/* effect: log ratio, + is better; NAN when there is none. After TOLD_MAX the oldest are forgotten, those that failed last of all. ERR_LIMIT: no memory. */
MUST_CHECK enum err planner_tell(struct planner *p, const struct proposal *proposal, enum told told, double effect, struct fault *fault);
/* The same with the standard deviation of the effect's error; NAN, 0 or infinite: not known. */
MUST_CHECK enum err planner_tell_measured(struct planner *p, const struct proposal *proposal, enum told told, double effect, double sd, struct fault *fault);

/* A proposal goes into its plan as the member "proposal" and comes back from there. */
json_t             *proposal_json(const struct proposal *p);
MUST_CHECK enum err proposal_parse(const json_t *json, struct proposal *p, struct fault *fault);

/* ---- how it stands ---- */

enum { PLANNER_ARMS_MAX = 16 };
struct planner_arm { const char *name; int told; double mean, share; };   /* mean: of what it earns, 0..1; share: how likely it is asked next */

/*
 * unsafe: outcomes that were worse than what was in force by more than the policy's harm_max for their class of proof, or failed;
 * a worse one without a measured effect counts.  What was refused was never tried.
 */
struct planner_stats {
    int                told, by[TOLD_COUNT], restarts, unsafe;      /* of those that are remembered */
    int                ever;               /* told, those that are forgotten included */
    double             worst;              /* smallest effect, log ratio; NAN: none was measured */
    int                arms;               /* 0: this kind has none */
    struct planner_arm arm[PLANNER_ARMS_MAX];
};
bool planner_was_unsafe(const struct proposal *p, enum told told, double effect, const struct bounds *b);
void planner_stats_of(const struct planner *p, const struct bounds *b, struct planner_stats *out);

/* What a kind of planner is. */
struct planner_told {
    struct proposal proposal;
    enum told       told;
    double          effect, sd;    /* sd: of the effect's error; NAN or 0: not known */
    struct workload workload;      /* that of the proposal; all unknown when it has none */
};
struct planner_kind {
    const char *name, *text;
    enum err (*ask)(const struct planner_told *told, int n, uint64_t seed, const struct planner_view *view,
                    struct proposal *out, struct fault *fault);
    void (*arms)(const struct planner_told *told, int n, uint64_t seed, struct planner_arm *arm, int *arms);   /* may be NULL */
};
extern const struct planner_kind planner_joint, planner_joint_ppo, planner_ladder;

#endif
