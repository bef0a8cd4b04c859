/*
 * plan/learned.c - what models of all trials so far would try next.
 *
 * The story of a target (what was tried from where, and how it went) becomes trials of whole configurations; math/search/portfolio.h
 * learns from them and asks.  What it asks moves every parameter a little; of that only what the model itself counts on is
 * proposed, so that a change stays small enough to be explained: each parameter goes back to what is in force as long as the
 * expectation hardly suffers.
 */
#include "plan/scene.h"

#include "math/search/portfolio.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LEARNED_TRIALS_MIN = 3, LEARNED_GIVES_UP_AFTER = 12, LEARNED_CHANGES_MAX = 6 };
#define EFFECT_SD      0.05     /* standard deviation of a verdict's effect when nothing better is known, in log units */
#define UNDECIDED_SD   0.15     /* of one that could not be told from noise */
#define GAIN_GIVEN_UP  0.10     /* a parameter goes back when that costs no more than this share of the expected gain */

/* Which parameters may be varied here, in the catalogue's order, and the space that they span. */
struct field {
    int               knobs;
    enum knob_id      id[KNOB_COUNT];
    struct math_space space;
};

static bool may_vary(const struct scene *s, const struct knob *k, double *lo, double *hi)
{
    const struct knob_limit *limit = &s->view->bounds->knob[k->id];
    const struct target_facts *f = s->view->facts;
    if (!(k->flags & KNOB_TUNED) || !limit->allowed || !knob_applies(k, f) || isnan(s->now.value[k->id]))
        return false;
    if (k->verify == VERIFY_SLOW || (knob_needs_restart(k, f) && !s->restarts))
        return false;                                     /* what does not show within a case teaches nothing */
    if (k->choice[0].name)
        return true;
    if (knob_range(k, f, lo, hi, NULL) != OK)
        return false;
    *lo = isnan(limit->lo) ? *lo : fmax(*lo, limit->lo);
    *hi = isnan(limit->hi) ? *hi : fmin(*hi, limit->hi);
    return *hi > *lo;
}

static struct math_param param_of(const struct knob *k, double lo, double hi)
{
    struct math_param p = { .kind = k->type == KNOB_TYPE_REAL ? MATH_PARAM_REAL : MATH_PARAM_INTEGER, .lo = lo, .hi = hi, .log = lo > 0 && hi / lo >= 8 };
    if (k->choice[0].name) {
        p = (struct math_param){ .kind = MATH_PARAM_CATEGORY };
        while (p.choices < KNOB_CHOICES_MAX && k->choice[p.choices].name)
            p.choices++;
    }
    for (int i = 0; i < KNOB_SPECIALS_MAX && k->special[i].means; i++)
        p.special[p.specials++] = k->special[i].value;
    return p;
}

static enum err lay_field(const struct scene *s, struct field *f, struct fault *fault)
{
    *f = (struct field){ 0 };
    for (int id = 1; id < KNOB_COUNT && f->knobs < MATH_SPACE_MAX; id++) {
        const struct knob *k = knob_at((enum knob_id)id);
        double             lo = NAN, hi = NAN;
        if (!may_vary(s, k, &lo, &hi))
            continue;
        f->id[f->knobs] = k->id;
        f->space.param[f->knobs++] = param_of(k, lo, hi);
    }
    f->space.params = f->knobs;
    return f->knobs > 0 ? math_space_init(&f->space, fault) : fail(fault, ERR_MISSING, "no parameter may be varied here");
}

static void point_of(const struct field *f, const struct knob_state *state, double *x)
{
    for (int i = 0; i < f->knobs; i++)
        x[i] = state->value[f->id[i]];
}

/* ---- the story as trials ---- */

struct remembered { struct knob_state tried; double y; enum told told; };

/*
 * Backwards from what is in force, whose level is 0: what was kept is taken back, what was put back left nothing. y: log ratio to
 * what is in force now.  Only what Homeostat did is known; what others changed meanwhile is taken as having been so all along.
 */
static struct remembered *remember(const struct scene *s)
{
    struct remembered *r = calloc((size_t)s->tolds + 1, sizeof *r);
    struct knob_state  state = s->now;
    double             level = 0;
    for (int i = s->tolds - 1; i >= 0 && r; i--) {
        const struct planner_told *t = &s->told[i];
        bool kept = t->told == TOLD_BETTER;
        if (kept) {
            level -= isnan(t->effect) ? 0 : t->effect;
            for (int c = 0; c < t->proposal.changes; c++)
                state.value[t->proposal.change[c].knob] = t->proposal.change[c].from;
        }
        r[i] = (struct remembered){ .tried = state, .y = level + t->effect, .told = t->told };
        for (int c = 0; c < t->proposal.changes; c++)
            r[i].tried.value[t->proposal.change[c].knob] = t->proposal.change[c].to;
    }
    return r;
}

/* Which way proposed it: "learned/gp" and so on. */
static enum math_search way_of(const char *planner)
{
    for (int i = 0; i < MATH_SEARCH_COUNT; i++) {
        const char *slash = strchr(planner, '/');
        if (slash && strncmp(planner, "learned", 7) == 0 && strcmp(slash + 1, math_search_name((enum math_search)i)) == 0)
            return (enum math_search)i;
    }
    return MATH_SEARCH_OTHER;
}

static enum err teach(const struct scene *s, const struct field *f, struct math_portfolio *p, int *known, struct fault *fault)
{
    double             x[MATH_SPACE_MAX];
    struct remembered *r = remember(s);
    if (!r)
        return fail(fault, ERR_LIMIT, "no memory for %d trials", s->tolds);
    point_of(f, &s->now, x);
    enum err e = math_portfolio_tell(p, &(struct math_bo_trial){ .x = x, .y = 0, .noise_sd = EFFECT_SD / 2 }, MATH_SEARCH_OTHER, fault);
    *known = 0;
    for (int i = 0; i < s->tolds && e == OK; i++) {
        struct math_bo_trial trial = { .x = x, .y = r[i].y, .noise_sd = r[i].told == TOLD_UNDECIDED ? UNDECIDED_SD : EFFECT_SD, .failed = r[i].told == TOLD_FAILED };
        if (r[i].told == TOLD_REFUSED || (!trial.failed && isnan(trial.y)))
            continue;
        point_of(f, &r[i].tried, x);
        if (trial.failed)
            trial.y = 0;
        e = math_portfolio_tell(p, &trial, way_of(s->told[i].proposal.planner), fault);
        (*known)++;
    }
    free(r);
    return e;
}

/* ---- from a question to a proposal ---- */

static void wish_all(const struct scene *s, const struct field *f, const double *x, const double *now, struct proposal *p)
{
    p->changes = 0;
    for (int i = 0; i < f->knobs; i++)
        if (!knob_equal(knob_at(f->id[i]), x[i], now[i]))
            scene_wish_within_reach(s, p, f->id[i], knob_round(knob_at(f->id[i]), x[i]));
}

/* Parameter after parameter goes back, the one that costs least first, while the model hardly minds. */
static enum err prune(const struct field *f, struct math_bo *model, const double *now, double *x, struct fault *fault)
{
    struct math_bo_guess base, all, g;
    enum err e = math_bo_guess(model, now, 1, &base, fault);
    if (e == OK)
        e = math_bo_guess(model, x, 1, &all, fault);
    double left = fmax(all.y - base.y, 0.5 * (all.hi - all.y));      /* a question may also be asked out of curiosity */
    for (;;) {
        int    least = -1, moved = 0;
        double cost = INFINITY;
        for (int i = 0; i < f->knobs && e == OK; i++) {
            double was = x[i];
            if (knob_equal(knob_at(f->id[i]), was, now[i]))
                continue;
            moved++;
            x[i] = now[i];
            e = math_bo_guess(model, x, 1, &g, fault);
            x[i] = was;
            double loses = all.y - g.y + 0.5 * ((all.hi - all.y) - (g.hi - g.y));
            if (e == OK && loses < cost) {
                cost = loses;
                least = i;
            }
        }
        if (e != OK || moved <= 1 || (cost > GAIN_GIVEN_UP * left && moved <= LEARNED_CHANGES_MAX))
            return e;
        x[least] = now[least];
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

static bool ask(const struct scene *s, const struct field *f, struct math_portfolio *portfolio, int known, struct proposal *p)
{
    struct math_portfolio_reason why;
    struct math_bo_guess         g = { 0 };
    double                       x[MATH_SPACE_MAX], now[MATH_SPACE_MAX];
    struct fault                 ignored;
    if (math_portfolio_ask(portfolio, NULL, x, &why, &ignored) != OK)
        return false;
    struct math_bo *model = why.who == MATH_SEARCH_FOREST ? math_portfolio_forest(portfolio) : math_portfolio_gp(portfolio);
    point_of(f, &s->now, now);
    if (prune(f, model, now, x, &ignored) != OK)
        return false;
    (void)snprintf(p->planner, sizeof p->planner, "learned/%s", math_search_name(why.who));
    wish_all(s, f, x, now, p);
    if (!scene_finish(s, p))
        return false;
    if (math_bo_guess(model, x, 1.645, &g, &ignored) == OK)
        tell_why(known, &why, &g, p);
    return true;
}

bool draft_learned(const struct scene *s, int variant, struct proposal *p)
{
    struct field           f;
    struct math_portfolio *portfolio = NULL;
    struct fault           ignored;
    int                    known = 0;
    bool                   found = false;
    if (s->tolds < LEARNED_TRIALS_MIN || scene_told_of_since_better(s, "learned/") >= LEARNED_GIVES_UP_AFTER || lay_field(s, &f, &ignored) != OK)
        return false;
    struct math_portfolio_settings set = { .starts = 1 };      /* rules have looked around already */
    enum err e = math_portfolio_new(&f.space, &set, s->seed + (uint64_t)variant, &portfolio, &ignored);
    if (e == OK)
        e = teach(s, &f, portfolio, &known, &ignored);
    if (e == OK && known >= LEARNED_TRIALS_MIN)
        found = ask(s, &f, portfolio, known, p);
    math_portfolio_free(portfolio);
    return found;
}
