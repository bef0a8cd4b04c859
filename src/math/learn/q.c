/* math/learn/q.c - a table of what actions are worth. */
#include "math/learn/q.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

static size_t cell(const struct math_q *q, int state, int action)
{
    assert(state >= 0 && state < q->o.states && action >= 0 && action < q->o.actions);
    return (size_t)state * (size_t)q->o.actions + (size_t)action;
}

enum err math_q_init(struct math_q *q, const struct math_q_options *o, struct fault *fault)
{
    *q = (struct math_q){ .o = *o };
    if (o->states < 1 || o->actions < 1 || (double)o->states * o->actions > MATH_Q_CELLS_MAX)
        return fail(fault, ERR_INPUT, "a table of %d states and %d actions; 1 to %d cells are possible", o->states, o->actions, MATH_Q_CELLS_MAX);
    if (!(o->gamma >= 0 && o->gamma <= 1 && o->rate >= 0 && o->rate <= 1 && o->rate_power >= 0 && o->rate_power <= 1 && isfinite(o->first)))
        return fail(fault, ERR_INPUT, "Q-learning with gamma %g, rate %g, rate power %g (each in 0..1), first value %g", o->gamma, o->rate, o->rate_power, o->first);
    size_t cells = (size_t)o->states * (size_t)o->actions;
    q->value = calloc(cells, sizeof *q->value);
    q->visits = calloc(cells, sizeof *q->visits);
    if (!q->value || !q->visits) {
        math_q_done(q);
        return fail(fault, ERR_LIMIT, "no memory for a table of %zu cells", cells);
    }
    for (size_t i = 0; i < cells; i++)
        q->value[i] = o->first;
    return OK;
}

void math_q_done(struct math_q *q)
{
    free(q->value);
    free(q->visits);
    q->value = q->visits = NULL;
}

int math_q_best(const struct math_q *q, int state)
{
    const double *v = q->value + cell(q, state, 0);
    int           best = 0;
    for (int a = 1; a < q->o.actions; a++)
        best = v[a] > v[best] ? a : best;
    return best;
}

int math_q_explore(const struct math_q *q, int state, double share, struct rand *chance)
{
    return rand_unit(chance) < share ? (int)rand_int(chance, 0, q->o.actions - 1) : math_q_best(q, state);
}

void math_q_learn(struct math_q *q, int state, int action, double reward, bool terminated, int followed)
{
    size_t at = cell(q, state, action);
    double future = terminated ? 0 : q->value[cell(q, followed, math_q_best(q, followed))], rate = q->o.rate > 0 ? q->o.rate : 1;
    q->visits[at] += 1;
    q->value[at] += rate * (reward + q->o.gamma * future - q->value[at]) / pow(q->visits[at], q->o.rate_power);
}

void math_q_choose(void *q, const double *observations, int rows, double *actions)
{
    for (int r = 0; r < rows; r++)
        actions[r] = math_q_best(q, (int)observations[r]);
}

enum err math_q_train(struct math_q *q, const struct math_world_kind *kind, uint64_t seed, int64_t steps, struct fault *fault)
{
    struct rand chance;
    double      seen, action;
    if (kind->observation != 1 || !kind->discrete || kind->action != q->o.actions)
        return fail(fault, ERR_INPUT, "%s is not a world of numbered states with %d actions", kind->name, q->o.actions);
    void *world = calloc(1, kind->size);
    if (!world)
        return fail(fault, ERR_LIMIT, "no memory for a world of %s", kind->name);
    rand_seed(&chance, seed);
    kind->reset(kind, world, &chance, &seen);
    for (int64_t i = 0; i < steps; i++) {
        double share = q->o.explore_first + (q->o.explore_last - q->o.explore_first) * (double)i / (double)steps;
        int    state = (int)seen;
        action = math_q_explore(q, state, share, &chance);
        struct math_outcome o = kind->step(kind, world, &action, &chance, &seen);
        math_q_learn(q, state, (int)action, o.reward, o.terminated, (int)seen);     /* one that is only cut off counts its future */
        if (o.terminated || o.truncated)
            kind->reset(kind, world, &chance, &seen);
    }
    free(world);
    return OK;
}
