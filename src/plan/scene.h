/*
 * plan/scene.h - what the proposers share: the situation, what has been tried, and the rules of a fair proposal.
 *
 * A proposer drafts: it puts knobs and wishes into a proposal.  scene_finish()
 * then cuts the wishes down to what machine, policy and dependencies allow,
 * drops what is in force already, and says whether anything worth trying is
 * left.  So proposers stay short, and none of them can propose what the gate
 * would refuse anyway.
 */
#ifndef PLAN_SCENE_H
#define PLAN_SCENE_H

#include "plan/planner.h"

enum { SCENE_REACH = 12 };   /* steps a reloadable knob may need: the most that one case should take */

struct scene {
    const struct planner_view *view;
    const struct planner_told *told;
    int                        tolds;
    uint64_t                   seed;
    struct knob_state          now;
    int                        windows;               /* whole ones; 0: only the machine speaks */
    double                     seen[METRIC_COUNT];    /* means over them; NAN: unknown */
    struct workload            workload;              /* of them */
    int                        configuration[TOLD_MAX + 1];   /* in force when told[i] was proposed, by number; [tolds]: now */
    bool                       elsewhere[TOLD_MAX];   /* told[i] was made under another workload: it says little about this one */
    bool                       restarts;              /* may be proposed */
    bool                       oltp;                  /* many short transactions */
    bool                       second_try;            /* what was undecided once may be tried again */
    struct transfer           *others;                /* what databases like this one have told; NULL: nothing, or nobody asked (warm_open()) */
    struct lessons            *taught;                /* what they and this one say of each parameter by itself; NULL: nothing */
    char                       withheld[PROPOSAL_TITLE_SIZE];   /* the first proposal of this question that they warned of; empty: none */
};

/* Were told[i] and told[j] made under different workloads? tolds: the one that is seen now. */
bool scene_another(const struct scene *s, int i, int j);

void scene_init(struct scene *s, const struct planner_view *view, const struct planner_told *told, int n, uint64_t seed);

/*
 * Can a file change it here at all?  Not what policy or the version rules out, what the command line, a role or a database decides, what
 * our role was not granted, nor what somebody else's change waits for: whoever carries a plan out would refuse all of it for that.
 */
bool scene_is_settable(const struct scene *s, const struct knob *k);

/* A wish; a later one for the same knob replaces the earlier. */
void scene_wish(struct proposal *p, enum knob_id id, double to);
/* As far towards `to` as SCENE_REACH steps lead; knobs that restart or jump get there at once. */
void scene_wish_within_reach(const struct scene *s, struct proposal *p, enum knob_id id, double to);
/* What would be in force with these wishes. */
struct knob_state scene_after(const struct scene *s, const struct proposal *p);
/* The proposer's name, behind the planner's: "ladder/" stays. */
void scene_name(struct proposal *p, const char *proposer);
PRINTF(2, 3) void scene_why(struct proposal *p, const char *format, ...);   /* appends a sentence */

/* The largest shared_buffers (base units, whole MB) up to this share of memory that leaves room for the rest; NAN: unknown. */
double scene_shared_buffers(const struct scene *s, const struct proposal *p, double share);
/* The largest max_wal_size (MB) up to `want` that recovery time and disk allow. */
double scene_max_wal_size(const struct scene *s, double want);

/* Cut down, check, title. False: nothing is left of it, or it was tried. */
bool scene_finish(const struct scene *s, struct proposal *p);

/* Tried before so that it must not come again? */
bool scene_spent(const struct scene *s, const struct proposal *p);
/*
 * What follows looks only at what was told under this workload: what was worse under another one may be right here.
 * How many proposals were told since the last that was better: all, those with a restart, those whose planner begins so ("ladder/search", "learned/").
 */
int  scene_told_here(const struct scene *s);
int  scene_told_since_better(const struct scene *s);
int  scene_restarts_since_better(const struct scene *s);
int  scene_told_of_since_better(const struct scene *s, const char *planner);
/* Restarts that led nowhere three times in a row are enough. */
bool scene_may_restart(const struct scene *s);
/* What needs none may still be had. */
bool scene_may_change(const struct scene *s, enum knob_id id);
bool scene_failed_with(const struct scene *s, enum knob_id id, double to);

static inline double scene_mb(double mb, enum knob_id id) { return mb * 1048576.0 / knob_unit_bytes(knob_at(id)); }

/* ---- the proposers: each has variants 0..n-1 and drafts and finishes one ---- */

/* Whose credit a proposal earns. */
enum arm { ARM_THUMB, ARM_SYMPTOM, ARM_GP, ARM_FOREST, ARM_LOCAL, ARM_RESTART, ARM_SEARCH, ARM_PPO, ARM_COUNT, ARM_NONE = -1 };
const char *proposer_arm_name(enum arm a);
enum arm    proposer_arm_of(const char *planner);      /* "joint/spills": ARM_SYMPTOM; ARM_NONE: nobody's */

struct proposer {
    const char *name;
    enum arm    arm;
    int         variants;                     /* 0: as many as there are symptoms */
    bool        opening;                      /* before anything else, in whatever order the rest comes */
    bool        late;                         /* in the fixed order: when everything before has been told twice */
    bool        ladder, joint;                /* who asks it */
    bool      (*draft)(const struct scene *s, int variant, struct proposal *p);
};
enum { PROPOSERS = 16 };
extern const struct proposer proposers[PROPOSERS];

/* The first variant that has something to say that nobody warns of; who is warned of is noted in the scene. kind: "ladder" or "joint". */
bool proposer_ask(const struct proposer *r, const char *kind, struct scene *s, struct proposal *p);
/* Is there anything to plan for at all? */
MUST_CHECK enum err proposers_may(const struct planner_view *view, struct fault *fault);
/* One question to a planner: the scene with what other databases have told, as long as ask() looks at it. */
typedef enum err proposers_ask(struct scene *s, struct proposal *out, struct fault *fault);
MUST_CHECK enum err proposers_answer(const struct planner_told *told, int n, uint64_t seed, const struct planner_view *view, proposers_ask *ask, struct proposal *out, struct fault *fault);
/* ERR_MISSING, in words. */
enum err proposers_exhausted(const struct scene *s, struct fault *fault);
/* Whoever is told that there is nothing more is told, too, what was held back for what others have told, and how to have it tried all the same. */
void     proposers_tell_withheld(const struct scene *s, struct fault *fault);

bool draft_recall(const struct scene *s, int variant, struct proposal *p);
bool draft_transfer(const struct scene *s, int variant, struct proposal *p);
bool draft_big_step(const struct scene *s, int variant, struct proposal *p);
bool draft_thumb(const struct scene *s, int variant, struct proposal *p);
bool draft_climb(const struct scene *s, int variant, struct proposal *p);
bool draft_checkpoints(const struct scene *s, int variant, struct proposal *p);
bool draft_background_writer(const struct scene *s, int variant, struct proposal *p);
bool draft_costs(const struct scene *s, int variant, struct proposal *p);
bool draft_symptom(const struct scene *s, int variant, struct proposal *p);
bool draft_search(const struct scene *s, int variant, struct proposal *p);
bool draft_learned(const struct scene *s, int variant, struct proposal *p);
bool draft_gp(const struct scene *s, int variant, struct proposal *p);
bool draft_forest(const struct scene *s, int variant, struct proposal *p);
bool draft_local(const struct scene *s, int variant, struct proposal *p);
bool draft_ppo(const struct scene *s, int variant, struct proposal *p);
bool draft_restart(const struct scene *s, int variant, struct proposal *p);
/*
 * What other databases have told, once for all proposers of one question; whoever opens closes. ERR_LIMIT: no memory.
 * Warned: by what is known of each parameter by itself a proposal is surely (95 %) a loss.
 */
MUST_CHECK enum err warm_open(struct scene *s, struct fault *fault);
void                warm_close(struct scene *s);
bool                warm_warns(const struct scene *s, const struct proposal *p);

int  draft_symptoms(void);
bool symptom_is(const char *name);

#endif
