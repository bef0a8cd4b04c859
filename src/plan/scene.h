/*
 * plan/scene.h - what the proposers of the ladder share: the situation, what has been tried, and the rules of a fair proposal.
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
    bool                       restarts;              /* may be proposed */
    bool                       oltp;                  /* many short transactions */
    bool                       second_try;            /* what was undecided once may be tried again */
};

void scene_init(struct scene *s, const struct planner_view *view, const struct planner_told *told, int n, uint64_t seed);

/* A wish; a later one for the same knob replaces the earlier. */
void scene_wish(struct proposal *p, enum knob_id id, double to);
/* As far towards `to` as SCENE_REACH steps lead; knobs that restart or jump get there at once. */
void scene_wish_within_reach(const struct scene *s, struct proposal *p, enum knob_id id, double to);
PRINTF(2, 3) void scene_why(struct proposal *p, const char *format, ...);   /* appends a sentence */

/* The largest shared_buffers (base units, whole MB) up to this share of memory that leaves room for the rest; NAN: unknown. */
double scene_shared_buffers(const struct scene *s, const struct proposal *p, double share);
/* The largest max_wal_size (MB) up to `want` that recovery time and disk allow. */
double scene_max_wal_size(const struct scene *s, double want);

/* Cut down, check, title. False: nothing is left of it, or it was tried. */
bool scene_finish(const struct scene *s, struct proposal *p);

/* Tried before so that it must not come again? */
bool scene_spent(const struct scene *s, const struct proposal *p);
/* How many proposals were told since the last that was better: all, those with a restart, those whose planner begins so ("ladder/search", "learned/"). */
int  scene_told_since_better(const struct scene *s);
int  scene_restarts_since_better(const struct scene *s);
int  scene_told_of_since_better(const struct scene *s, const char *planner);
bool scene_failed_with(const struct scene *s, enum knob_id id, double to);

static inline double scene_mb(double mb, enum knob_id id) { return mb * 1048576.0 / knob_unit_bytes(knob_at(id)); }

/* ---- the proposers; each has variants 0..n-1 and drafts and finishes one ---- */

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
int  draft_symptoms(void);

#endif
