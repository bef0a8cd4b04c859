/* plan/practice.c - the world in which a policy practises, and what it says of the real one. */
#include "plan/practice.h"

#include "math/search/gp.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WORLDS = 16, HORIZON = 64, SEEN = KNOB_COUNT + WORKLOAD_COUNT, CHEAP = 100 /* results with which a step costs hardly anything */ };

/* What all worlds share: one belief. */
struct place {
    const struct belief *b;
    struct math_gp      *gp;
    double              *scratch;
    double               load[WORKLOAD_COUNT];
    double              *start;      /* [starts][params] of the cube: what is in force, and what was tried */
    int                  starts;
};
struct world { double u[MATH_SPACE_MAX], worth; int step; };

static int own(const struct belief *b) { return b->knobs - b->given; }

/* ---- one step ---- */

static double worth(const struct place *p, const double *u, double *x)
{
    const struct belief *b = p->b;
    double               features[MATH_GP_FEATURES_MAX], mean, variance;
    math_space_decode(&b->space, u, x);
    memcpy(x + own(b), b->now + own(b), (size_t)(b->given + b->features) * sizeof *x);
    math_space_features(&b->space, x, features);
    math_gp_predict(p->gp, 1, features, &mean, &variance, p->scratch);
    return mean - PRACTICE_DOUBT * sqrt(fmax(variance, 0));
}

static void show(const struct place *p, const struct world *w, double *seen)
{
    for (int i = 0; i < KNOB_COUNT; i++)
        seen[i] = 0.5;
    for (int i = 0; i < own(p->b); i++)
        seen[p->b->id[i]] = w->u[i];
    memcpy(seen + KNOB_COUNT, p->load, sizeof p->load);
}

static void move(const struct place *p, const double *action, struct world *w)
{
    for (int i = 0; i < own(p->b); i++)
        w->u[i] = fmin(fmax(w->u[i] + PRACTICE_STRIDE * action[p->b->id[i]], 0), 1);
}

static void enter(const struct place *p, int start, struct world *w)
{
    double x[MATH_SPACE_MAX];
    memcpy(w->u, p->start + (size_t)start * (size_t)p->b->space.params, (size_t)p->b->space.params * sizeof *w->u);
    w->worth = worth(p, w->u, x);
    w->step = 0;
}

static void reset(const struct math_world_kind *kind, void *world, struct rand *chance, double *seen)
{
    const struct place *p = kind->setting;
    /* Half of the episodes begin where the real one does. */
    enter(p, rand_unit(chance) < 0.5 ? 0 : (int)rand_int(chance, 0, p->starts - 1), world);
    show(p, world, seen);
}

static struct math_outcome step(const struct math_world_kind *kind, void *world, const double *action, struct rand *chance, double *seen)
{
    (void)chance;
    const struct place *p = kind->setting;
    struct world       *w = world;
    double              before = w->worth, x[MATH_SPACE_MAX];
    move(p, action, w);
    w->worth = worth(p, w->u, x);
    show(p, w, seen);
    return (struct math_outcome){ .reward = w->worth - before, .truncated = ++w->step >= PRACTICE_STEPS };
}

/* ---- a place ---- */

static void leave(struct place *p)
{
    math_gp_free(p->gp);
    free(p->scratch);
    free(p->start);
}

static enum err visit(const struct belief *b, uint64_t seed, struct place *p, struct fault *fault)
{
    size_t params = (size_t)b->space.params;
    *p = (struct place){ .b = b, .scratch = calloc((size_t)b->results, sizeof *p->scratch), .start = calloc((size_t)b->results * params, sizeof *p->start) };
    enum err e = p->scratch && p->start ? belief_levels(b, seed, &p->gp, fault) : fail(fault, ERR_LIMIT, "no memory for %d trials", b->results);
    if (e == OK) {      /* what nobody knows is believed to be as what is in force, however good the trials were */
        struct math_gp_hyper hyper = p->gp->hyper;
        math_gp_give_mean(p->gp, 0);
        e = math_gp_set(p->gp, &hyper, fault);
    }
    for (int i = 0; i < b->results && e == OK; i++)      /* the first one is what is in force */
        if (math_space_encode(&b->space, b->x + (size_t)i * params, p->start + (size_t)p->starts * params, NULL) == OK)
            p->starts++;
    if (e == OK && p->starts == 0)
        e = fail(fault, ERR_STATE, "what is in force has no place in the space of parameters");
    for (int f = 0; f < WORKLOAD_COUNT; f++)
        p->load[f] = isnan(b->load.v[f]) ? 0 : workload_coordinate((enum workload_feature)f, b->load.v[f]);
    if (e != OK)
        leave(p);
    return e;
}

/* ---- the policy ---- */

enum err practice_new(uint64_t seed, const struct tenants_policy *base, struct math_ppo **policy, struct fault *fault)
{
    struct math_ppo_options o = math_ppo_usual(SEEN, KNOB_COUNT);
    o.width[0] = o.width[1] = 64;
    o.activation = MATH_TANH;
    o.spread_seen = false;
    o.spread_first = 0.15;      /* two dozen parameters move at once */
    o.worlds = WORLDS;
    o.horizon = HORIZON;
    o.batch = 256;
    o.epochs = 4;
    o.rate = o.rate_last = 1e-3;
    o.scale_observations = false;      /* theirs is one scale for all targets already */
    o.seed = seed;
    enum err e = math_ppo_new(&o, policy, fault);
    if (e != OK || !base)
        return e;
    struct math_params *net[] = { math_ppo_actor(*policy), math_ppo_critic(*policy) };
    for (int i = 0; i < 2 && e == OK; i++)
        e = base->sets == 2 && base->set[i]->size == net[i]->size ? OK : fail(fault, ERR_INPUT, "the base policy has another shape");
    for (int i = 0; i < 2 && e == OK; i++)
        math_params_copy(net[i], base->set[i]);
    if (e != OK) {
        math_ppo_free(*policy);
        *policy = NULL;
    }
    return e;
}

struct tenants_policy practice_networks(struct math_ppo *policy)
{
    return (struct tenants_policy){ { math_ppo_actor(policy), math_ppo_critic(policy) }, 2 };
}

enum err practice_train(struct math_ppo *policy, const struct belief *b, uint64_t seed, struct fault *fault)
{
    struct place p;
    enum err     e = visit(b, seed, &p, fault);
    if (e != OK)
        return e;
    double                 dear = fmax((double)b->results / CHEAP, 1);      /* a prediction costs as the square of them */
    int64_t                steps = (int64_t)fmax(PRACTICE_ALL / (dear * dear), PRACTICE_LEAST);
    struct math_world_kind kind = { "practice", SEEN, KNOB_COUNT, false, sizeof(struct world), &p, reset, step };
    e = math_ppo_train(policy, &kind, seed, steps, NULL, NULL, fault);
    leave(&p);
    return e;
}

enum err practice_ask(struct math_ppo *policy, const struct belief *b, uint64_t seed, double *x, struct fault *fault)
{
    struct place p;
    struct world w;
    double       seen[SEEN], action[KNOB_COUNT], at[MATH_SPACE_MAX], most;
    enum err     e = visit(b, seed, &p, fault);
    if (e != OK)
        return e;
    enter(&p, 0, &w);
    most = w.worth;
    memcpy(x, b->now, (size_t)b->space.params * sizeof *x);
    for (int i = 0; i < PRACTICE_STEPS; i++) {
        show(&p, &w, seen);
        math_ppo_choose(policy, seen, 1, action);
        move(&p, action, &w);
        w.worth = worth(&p, w.u, at);
        if (w.worth > most) {
            most = w.worth;
            memcpy(x, at, (size_t)b->space.params * sizeof *x);
        }
    }
    leave(&p);
    return OK;
}
