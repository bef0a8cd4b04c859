/*
 * plan/learned.c - what models of all trials so far would try next.
 *
 * The story of a target (what was tried from where, and how it went) becomes trials of whole configurations; math/search/portfolio.h
 * learns from them and asks.  What it asks moves every parameter a little; of that only what the model itself counts on is
 * proposed, so that a change stays small enough to be explained: each parameter goes back to what is in force as long as the
 * expectation hardly suffers.  And of the way there only as much as is believed to do no harm.  A policy that practised on the same
 * models (plan/practice.h) is heard in the same way.
 */
#include "plan/practice.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { LEARNED_TRIALS_MIN = 3, LEARNED_GIVES_UP_AFTER = 12, WAY_GIVES_UP_AFTER = 8, LEARNED_CHANGES_MAX = 6, RESTART_PAUSE = 6 };
#define RESTART_GAIN   0.05     /* what a model must expect of a restart, in log units */
#define GAIN_GIVEN_UP  0.10     /* a parameter goes back when that costs no more than this share of the expected gain */

static void wish_all(const struct scene *s, const struct belief *b, const double *x, struct proposal *p)
{
    p->changes = 0;
    for (int i = 0; i < b->knobs; i++)
        if (!knob_equal(knob_at(b->id[i]), x[i], b->now[i]))
            scene_wish_within_reach(s, p, b->id[i], knob_round(knob_at(b->id[i]), x[i]));
}

/* Parameter after parameter goes back, the one that costs least first, while the model hardly minds. */
static enum err prune(const struct belief *b, struct math_bo *model, double *x, struct fault *fault)
{
    struct math_bo_guess base, all, g;
    enum err e = math_bo_guess(model, b->now, 1, &base, fault);
    if (e == OK)
        e = math_bo_guess(model, x, 1, &all, fault);
    double left = fmax(all.y - base.y, 0.5 * (all.hi - all.y));      /* a question may also be asked out of curiosity */
    for (;;) {
        int    least = -1, moved = 0;
        double cost = INFINITY;
        for (int i = 0; i < b->knobs && e == OK; i++) {
            double was = x[i];
            if (knob_equal(knob_at(b->id[i]), was, b->now[i]))
                continue;
            moved++;
            x[i] = b->now[i];
            e = math_bo_guess(model, x, 1, &g, fault);
            x[i] = was;
            double loses = all.y - g.y + 0.5 * ((all.hi - all.y) - (g.hi - g.y));
            if (e == OK && loses < cost) {
                cost = loses;
                least = i;
            }
        }
        if (e != OK || moved <= 1 || least < 0 || (cost > GAIN_GIVEN_UP * left && moved <= LEARNED_CHANGES_MAX))
            return e;
        x[least] = b->now[least];
    }
}

static void tell_why(int known, const struct math_portfolio_reason *why, const struct math_bo_guess *g, struct proposal *p)
{
    if (why->who == MATH_SEARCH_GP || why->who == MATH_SEARCH_FOREST)
        scene_why(p, "A model (%s) of the %d trials so far expects %+.0f %% of it, between %+.0f and %+.0f %%.",
                  why->who == MATH_SEARCH_GP ? "a Gaussian process" : "a forest", known, 100 * (exp(g->y) - 1), 100 * (exp(g->lo) - 1), 100 * (exp(g->hi) - 1));
    else
        scene_why(p, "A small change of one of the best configurations of the %d trials so far.", known);
}

/* A share of the way from what is in force; choices and special values go the whole way or not at all. */
static bool part_of_the_way(const struct belief *b, const double *x, double share, double *out)
{
    double from[MATH_SPACE_MAX], to[MATH_SPACE_MAX];
    memcpy(out, x, (size_t)b->space.params * sizeof *out);
    if (share >= 1)
        return true;
    if (math_space_encode(&b->space, b->now, from, NULL) != OK || math_space_encode(&b->space, x, to, NULL) != OK)
        return false;
    for (int i = 0; i < b->space.params; i++)
        to[i] = from[i] + share * (to[i] - from[i]);
    math_space_decode(&b->space, to, out);
    for (int i = 0; i < b->knobs; i++) {
        const struct knob *k = knob_at(b->id[i]);
        if (k->choice[0].name || knob_special_of(k, x[i]) || knob_special_of(k, b->now[i]))
            out[i] = b->now[i];
    }
    return true;
}

/*
 * The largest part of the way that is believed to do no harm.  What is proposed is what is judged: the wishes as machine, policy
 * and reach have cut them down.
 */
static bool propose_safely(const struct scene *s, const struct belief *b, const double *x, struct proposal *p, double *at)
{
    static const double share[] = { 1, 0.6, 0.35, 0.2, 0.1 };
    const struct proposal blank = *p;
    for (size_t i = 0; i < sizeof share / sizeof share[0]; i++) {
        *p = blank;
        if (!part_of_the_way(b, x, share[i], at))
            return false;
        wish_all(s, b, at, p);
        if (!scene_finish(s, p))
            continue;
        struct knob_state after = scene_after(s, p);
        belief_point(b, &after, at);
        if (belief_is_safe(b, at, s->view->bounds->harm_max[p->verify]))
            return true;
    }
    return false;
}

/* What a model wants at x becomes a proposal, and what is expected of it. */
static bool settle(const struct scene *s, const struct belief *b, struct math_bo *model, const char *way, double *x, struct proposal *p, struct math_bo_guess *g)
{
    double       at[MATH_SPACE_MAX];
    struct fault ignored;
    if (prune(b, model, x, &ignored) != OK)
        return false;
    (void)snprintf(p->planner, sizeof p->planner, "learned/%s", way);
    return propose_safely(s, b, x, p, at) && math_bo_guess(model, at, 1.645, g, &ignored) == OK;
}

static bool ask(const struct scene *s, const struct belief *b, enum math_search way, bool restart, struct proposal *p)
{
    struct math_portfolio_reason why;
    struct math_bo_guess         g = { 0 };
    double                       x[MATH_SPACE_MAX];
    struct fault                 ignored;
    if (math_portfolio_ask(b->portfolio, b->now, x, &why, &ignored) != OK || (way != MATH_SEARCH_OTHER && why.who != way))
        return false;
    struct math_bo *model = why.who == MATH_SEARCH_FOREST ? math_portfolio_forest(b->portfolio) : math_portfolio_gp(b->portfolio);
    if (!settle(s, b, model, restart ? "restart" : math_search_name(why.who), x, p, &g))
        return false;
    tell_why(b->known, &why, &g, p);
    return !restart || (p->needs_restart && g.y >= RESTART_GAIN);
}

static bool ask_policy(const struct scene *s, const struct belief *b, struct proposal *p)
{
    struct math_ppo     *policy = NULL;
    struct math_bo_guess g = { 0 };
    double               x[MATH_SPACE_MAX];
    struct fault         ignored;
    bool found = practice_new(s->seed, s->view->base, &policy, &ignored) == OK && practice_train(policy, b, s->seed, &ignored) == OK &&
                 practice_ask(policy, b, s->seed, x, &ignored) == OK && settle(s, b, math_portfolio_gp(b->portfolio), proposer_arm_name(ARM_PPO), x, p, &g);
    math_ppo_free(policy);
    if (found)
        scene_why(p, "A policy that practised on a model of the %d trials so far goes there; the model expects %+.0f %% of it, between %+.0f and %+.0f %%.",
                  b->known, 100 * expm1(g.y), 100 * expm1(g.lo), 100 * expm1(g.hi));
    return found;
}

/* way: MATH_SEARCH_OTHER leaves the choice to the portfolio. */
static struct belief_how how_to(enum math_search way, bool restart, uint64_t seed)
{
    struct belief_how how = { .restarts = restart, .seed = seed, .portfolio = { .starts = 1 } };      /* rules have looked around already */
    for (int i = 0; i < MATH_SEARCH_COUNT && way != MATH_SEARCH_OTHER; i++)
        how.portfolio.without[i] = i != (int)way;
    return how;
}

static bool draft(const struct scene *s, enum math_search way, bool policy, bool restart, int variant, struct proposal *p)
{
    struct belief     b;
    struct story      story;
    struct fault      ignored;
    bool              found = false;
    struct belief_how how = how_to(way, restart, s->seed + (uint64_t)variant);
    if (s->tolds < LEARNED_TRIALS_MIN || story_of(s, &story, &ignored) != OK)
        return false;
    if (belief_of(s, &story, &how, &b, &ignored) == OK) {
        found = b.known >= LEARNED_TRIALS_MIN && (policy ? ask_policy(s, &b, p) : ask(s, &b, way, restart, p));
        belief_done(&b);
    }
    story_done(&story);
    return found;
}

bool draft_learned(const struct scene *s, int variant, struct proposal *p)
{
    return scene_told_of_since_better(s, "learned/") < LEARNED_GIVES_UP_AFTER && draft(s, MATH_SEARCH_OTHER, false, false, variant, p);
}

static bool draft_by(const struct scene *s, enum math_search way, int variant, struct proposal *p)
{
    char name[32];
    (void)snprintf(name, sizeof name, "learned/%s", math_search_name(way));
    return scene_told_of_since_better(s, name) < WAY_GIVES_UP_AFTER && draft(s, way, false, false, variant, p);
}

bool draft_gp(const struct scene *s, int variant, struct proposal *p)     { return draft_by(s, MATH_SEARCH_GP, variant, p); }
bool draft_forest(const struct scene *s, int variant, struct proposal *p) { return draft_by(s, MATH_SEARCH_FOREST, variant, p); }
bool draft_local(const struct scene *s, int variant, struct proposal *p)  { return draft_by(s, MATH_SEARCH_CLIMB, variant, p); }

bool draft_ppo(const struct scene *s, int variant, struct proposal *p)
{
    return scene_told_of_since_better(s, "learned/ppo") < WAY_GIVES_UP_AFTER && draft(s, MATH_SEARCH_GP, true, false, variant, p);
}

/* All that needs a restart comes in one, when it promises enough, and not soon after another. */
bool draft_restart(const struct scene *s, int variant, struct proposal *p)
{
    int since = 0;
    while (since < s->tolds && !s->told[s->tolds - 1 - since].proposal.needs_restart)
        since++;
    return scene_may_restart(s) && since >= RESTART_PAUSE && draft(s, MATH_SEARCH_GP, false, true, variant, p);
}
