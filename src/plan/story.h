/*
 * plan/story.h - what was told, as trials of whole configurations with a level each: what models learn from.
 *
 * A verdict compares two configurations under one workload, so a story is a chain of differences.  Here it is followed backwards
 * from what is in force, whose level is 0: what was kept is taken back, what was put back left nothing.  Under another workload
 * the same two configurations may stand the other way round.  So where the workload changed in the story, the level begins anew:
 * with what is known of this configuration under that workload, else with the share of the level that carries over to it.
 *
 * Only what Homeostat did is known; what others changed meanwhile is taken as having been so all along.
 */
#ifndef PLAN_STORY_H
#define PLAN_STORY_H

#include "plan/scene.h"

struct story_trial {
    const struct planner_told *told;
    struct knob_state          before, tried;
    double                     level;      /* of before, under this trial's workload: log ratio to what is in force now */
    double                     y;          /* of tried; NAN: there is no result */
};

struct story { int n; struct story_trial *trial; };

/* One trial for each told outcome, in their order. */
MUST_CHECK enum err story_of(const struct scene *s, struct story *story, struct fault *fault);
void                story_done(struct story *story);

/* What was in force after trial i. */
static inline const struct knob_state *story_after(const struct story *s, int i) { return s->trial[i].told->told == TOLD_BETTER ? &s->trial[i].tried : &s->trial[i].before; }

/*
 * The last trial under the workload nearest to the one that is seen now, and under another one than the last: where to take up
 * again after the workload changed.  -1: nothing nearer is known than what was told last.
 */
int story_nearest(const struct scene *s);

#endif
