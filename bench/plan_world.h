/*
 * bench/plan_world.h - a server that is only pretended, with hills planted in its parameters, and cases upon it without an engine.
 *
 * Under each load every parameter that may be tuned has a hill of its own: a place where it is best, and how much is lost far
 * from there.  A case asks the planner, measures the truth with an error, keeps what looks better beyond doubt, and tells.
 */
#ifndef PLAN_WORLD_H
#define PLAN_WORLD_H

#include "base/rand.h"
#include "plan/planner.h"

enum plan_load { LOAD_OLTP, LOAD_REPORTS, LOAD_COUNT };
enum { PLAN_WORLD_WINDOWS = 8 };

struct plan_world {
    struct target_facts facts;
    struct bounds       bounds;
    struct window       window[PLAN_WORLD_WINDOWS];
    int                 windows;
    enum plan_load      load;
    double              weight[LOAD_COUNT][KNOB_COUNT], top[LOAD_COUNT][KNOB_COUNT];      /* a hill; of a choice: what it adds */
    double              noise;              /* standard deviation of a measured effect */
    struct rand         chance;
    double              best;               /* the truth of what is in force now, relative to what was there in the beginning */
    int                 cases, restarts, unsafe;      /* unsafe: truly worse by more than a tenth */
};

/* A machine with a gibibyte and two cores; steep: how much all hills together are worth, about. */
void   plan_world_start(struct plan_world *w, uint64_t seed, double steep);
void   plan_world_load(struct plan_world *w, enum plan_load load);                    /* the windows are of it from now on */
struct planner_view plan_world_view(const struct plan_world *w);
double plan_world_truth(const struct plan_world *w, const struct knob_state *s);     /* log throughput under the load, up to a constant */
/* The most that changing any one parameter that the planner may change could gain over what is in force. */
double plan_world_left(const struct plan_world *w);
/* What a case would find of it; what is better is put in force. */
enum told plan_world_judge(struct plan_world *w, const struct proposal *p, double *effect);
/* One case: ask, judge, tell. The planner's answer; *p is what was tried. */
enum err plan_world_case(struct plan_world *w, struct planner *planner, struct proposal *p, enum told *told, struct fault *fault);

#endif
