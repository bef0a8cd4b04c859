/*
 * plan/compose.h - from a proposal to a ChangePlan (model/plan.h): which steps, how large, in which order.
 *
 * Reloadable numbers move by at most step_ratio of the current value per step
 * (x1.2 up, x0.8 down), never past target or range; all of them move in
 * parallel, one postgres.set per step.  Knobs that need a restart go together,
 * in one postgres.restart, which carries the last step of the reloadable ones
 * with it.  The restart comes after them: what a reload can take back is tried
 * first, and no guard is watched while the cache is cold.
 *
 * Where knobs depend on each other, one is held back until the other has made
 * room (effective_cache_size falls only as far as shared_buffers lets it, and
 * goes on after the restart), so that every configuration on the way keeps to
 * the dependencies of the catalogue; where that is impossible it refuses.
 *
 * A road longer than PLAN_STEPS_MAX steps ends where the plan ends; the plan's
 * "why" then says so, and a later case may go on.
 */
#ifndef PLAN_COMPOSE_H
#define PLAN_COMPOSE_H

#include "base/err.h"
#include "plan/planner.h"

#include <jansson.h>

struct compose_how {
    const char *target;        /* configured name of the target */
    double      step_ratio;    /* 0.20 */
    const struct bounds *bounds; /* the policy's; NULL: bounds_default() */
    int         watch_s;       /* per step */
    int         timeout_s;     /* per postgres.set, >= 10 */
    int         restart_timeout_s;
};

/* A new reference in *plan. ERR_STATE when nothing would change, ERR_INPUT for a proposal that does not fit the facts. */
MUST_CHECK enum err compose_plan(const struct proposal *p, const struct target_facts *f, const struct compose_how *how,
                                 json_t **plan, struct fault *fault);

/* The next value on the road from -> target (which may be reached). Equal to from when no step is possible. */
double compose_step(const struct knob *k, double from, double target, double ratio);

#endif
