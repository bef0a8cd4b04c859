/* bench/plan_world.c */
#include "plan_world.h"

#include "facts.h"

static double height(const struct plan_world *w, const struct knob *k, double value)
{
    double lo, hi, weight = w->weight[w->load][k->id], top = w->top[w->load][k->id];
    if (isnan(value) || weight <= 0)
        return 0;
    if (k->choice[0].name)
        return (int)value % 2 == (top > 0.5) ? 0 : -weight * 0.3;
    if (knob_range(k, &w->facts, &lo, &hi, NULL) != OK || !(hi > lo))
        return 0;
    bool   log_scale = lo > 0 && hi / lo >= 8;
    double u = log_scale ? log(fmax(value, lo) / lo) / log(hi / lo) : (value - lo) / (hi - lo);
    u = fmin(fmax(u, 0), 1) - top;
    return -weight * u * u;
}

double plan_world_truth(const struct plan_world *w, const struct knob_state *s)
{
    double sum = 0;
    for (int i = 1; i < KNOB_COUNT; i++)
        if (knobs[i].flags & KNOB_TUNED)
            sum += height(w, &knobs[i], s->value[i]);
    return sum;
}

double plan_world_left(const struct plan_world *w)
{
    struct knob_state now;
    double            left = 0;
    knob_state_of(&now, &w->facts);
    for (int i = 1; i < KNOB_COUNT; i++) {
        const struct knob *k = &knobs[i];
        if ((k->flags & KNOB_TUNED) && k->verify != VERIFY_SLOW && !isnan(now.value[i]) && (w->bounds.restart_allowed || !k->restart))
            left = fmax(left, -height(w, k, now.value[i]));
    }
    return left;
}

void plan_world_load(struct plan_world *w, enum plan_load load)
{
    w->load = load;
    w->windows = PLAN_WORLD_WINDOWS;
    for (int i = 0; i < w->windows; i++) {
        struct window *x = &w->window[i];
        double         n = 1 + 0.05 * rand_normal(&w->chance);
        bool           oltp = load == LOAD_OLTP;
        window_clear(x);
        x->whole = true;
        x->to_us = 60000000;
        x->v[METRIC_TPS] = (oltp ? 130 : 0.5) * n;
        x->v[METRIC_CALLS] = (oltp ? 3900 : 0.5) * n;
        x->v[METRIC_LATENCY_MEAN] = oltp ? 60 : 4000;
        x->v[METRIC_ROWS_READ] = (oltp ? 40000 : 4e6) * (1 + 0.05 * rand_normal(&w->chance));
        x->v[METRIC_ROWS_FETCHED] = (oltp ? 36000 : 1e5) * n;
        x->v[METRIC_ROWS_WRITTEN] = (oltp ? 2000 : 0) * n;
        x->v[METRIC_CACHE_HIT] = oltp ? 0.93 : 0.7;
        x->v[METRIC_BLOCKS_READ] = 2000;
        x->v[METRIC_WAL_BYTES] = (oltp ? 2e6 : 500) * (1 + 0.1 * rand_normal(&w->chance));
        x->v[METRIC_TEMP_BYTES] = (oltp ? 0 : 2e7) * n;
        x->v[METRIC_LOCKS_WAITING] = oltp ? 0.5 : 0;
        x->v[METRIC_CONNECTIONS_ACTIVE] = oltp ? 6 : 2;
        x->v[METRIC_IDLE_IN_TRANSACTION] = oltp ? 2 : 0;
        x->queries = 0;
    }
}

void plan_world_start(struct plan_world *w, uint64_t seed, double steep)
{
    *w = (struct plan_world){ .noise = 0.015 };
    rand_seed(&w->chance, seed * 7919 + 1);
    facts_pg15(&w->facts, 1 * FACTS_GIB, 2);
    bounds_default(&w->bounds);
    int tuned = 0;
    for (int i = 1; i < KNOB_COUNT; i++)
        tuned += (knobs[i].flags & KNOB_TUNED) != 0;
    for (int l = 0; l < LOAD_COUNT; l++)
        for (int i = 1; i < KNOB_COUNT; i++) {
            w->weight[l][i] = rand_unit(&w->chance) < 0.5 ? 0 : 10 * steep / tuned * rand_unit(&w->chance);
            w->top[l][i] = rand_unit(&w->chance);
        }
    plan_world_load(w, LOAD_OLTP);
}

struct planner_view plan_world_view(const struct plan_world *w) { return (struct planner_view){ &w->facts, w->window, w->windows, &w->bounds }; }

enum told plan_world_judge(struct plan_world *w, const struct proposal *p, double *effect)
{
    struct knob_state now, then;
    knob_state_of(&now, &w->facts);
    then = now;
    for (int i = 0; i < p->changes; i++)
        then.value[p->change[i].knob] = p->change[i].to;
    double truth = plan_world_truth(w, &then) - plan_world_truth(w, &now);
    *effect = truth + w->noise * rand_normal(&w->chance);
    w->cases++;
    w->restarts += p->needs_restart;
    w->unsafe += truth < log(0.9);
    if (*effect < -2.5 * w->noise)
        return TOLD_WORSE;
    if (*effect < 2.5 * w->noise)
        return fabs(*effect) < w->noise ? TOLD_EQUIVALENT : TOLD_UNDECIDED;
    for (int i = 0; i < p->changes; i++)
        facts_change(&w->facts, p->change[i].knob, p->change[i].to);
    w->best += truth;
    return TOLD_BETTER;
}

enum err plan_world_case(struct plan_world *w, struct planner *planner, struct proposal *p, enum told *told, struct fault *fault)
{
    double              effect;
    struct planner_view v = plan_world_view(w);
    enum err            e = planner_ask(planner, &v, p, fault);
    if (e != OK)
        return e;
    *told = plan_world_judge(w, p, &effect);
    return planner_tell_measured(planner, p, *told, effect, w->noise, fault);
}
