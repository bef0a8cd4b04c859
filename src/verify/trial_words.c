/* verify/trial_words.c - a verdict in numbers and in one sentence for a person. */
#include "base/text.h"
#include "verify/trial_state.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* "24 % less time per call"; x: log ratio, + is better. */
static void say_effect(struct text *out, enum response_kind kind, double x)
{
    bool   time = kind != RESPONSE_TPS;
    double change = 100 * (exp(time ? -x : x) - 1), size = fabs(change);
    const char *what = kind == RESPONSE_TPS ? "transactions per second" : kind == RESPONSE_LATENCY ? "time per transaction" : "time per call";
    text_printf(out, "%.*f %% %s %s", size < 10 ? 1 : 0, size, change < 0 ? time ? "less" : "fewer" : "more", what);
}

static void say_interval(struct text *out, enum response_kind kind, const struct estimate *e)
{
    bool   time = kind != RESPONSE_TPS;
    double a = 100 * (exp(time ? -e->hi : e->lo) - 1), b = 100 * (exp(time ? -e->lo : e->hi) - 1);
    if (e->known)
        text_printf(out, " (between %+.1f %% and %+.1f %%)", a, b);
    else
        text_add(out, " (too few independent observations for an interval)");
}

static void say_observations(struct text *out, const struct trial *t)
{
    const struct verdict *v = &t->verdict;
    if (trial_is_switchback(t))
        text_printf(out, " in %d randomised pairs of windows", v->windows_b);
    else
        text_printf(out, " in %d windows against %d before, beyond what this database moves by itself", v->windows_b, v->windows_a);
}

static void say_guards_in(struct text *out, const struct guards *g, enum guard_state state, const char *words)
{
    int k = 0;
    for (int i = 0; i < g->n; i++)
        if (g->state[i] == state)
            text_printf(out, "%s%s", k++ ? ", " : words, g->result[i].name);
    if (k)
        text_add(out, ".");
}

static bool unproven(const struct guards *g)
{
    bool any = false;
    for (int i = 0; i < g->n; i++)
        any |= g->state[i] == GUARD_UNPROVEN;
    return any;
}

static void say(struct text *out, const struct trial *t, enum outcome outcome)
{
    const struct guards *g = &t->guards;
    const struct guard_result *worst = g->worst >= 0 ? &g->result[g->worst] : NULL;
    enum response_kind kind = t->mix.kind;
    const struct estimate *e = &t->estimate;
    bool proven = t->proven > 0;

    if (t->conf.only && kind == RESPONSE_QUERIES)
        text_add(out, VERDICT_OF_SOME);
    if (t->reason[0]) {
        text_add(out, t->reason);
    } else if (outcome == OUTCOME_WORSE && g->fails > 0) {
        text_printf(out, "Guard %s broken: %s.", worst->name, worst->text);
    } else if (outcome == OUTCOME_UNDECIDED && proven && worst) {
        say_effect(out, kind, e->effect);
        text_printf(out, ", but guard %s could not be shown to hold: %s.", worst->name, worst->text);
    } else if (outcome == OUTCOME_UNDECIDED && !e->known) {
        text_add(out, trial_is_switchback(t) ? "The windows resemble their neighbours too much for an honest interval."
                                             : "Too little untouched history to know how far this database moves by itself.");
    } else {
        say_effect(out, kind, e->effect);
        say_interval(out, kind, e);
        if (outcome == OUTCOME_BETTER || outcome == OUTCOME_WORSE)
            say_observations(out, t);
        else
            text_printf(out, " in %d windows each", t->verdict.windows_b);
        if (outcome == OUTCOME_BETTER && e->signs_better && !(e->lo > t->conf.margin))
            text_add(out, "; the signs of the pairs alone prove it");
        else if (outcome == OUTCOME_BETTER && !(e->lo > t->conf.margin))
            text_printf(out, "; proven after %d windows", t->proven);
        if (outcome == OUTCOME_BETTER)
            text_add(out, unproven(g) ? "; no guard speaks against it" : "; all guards hold");
        if (outcome == OUTCOME_EQUIVALENT)
            text_printf(out, ": no difference that matters (%.1f %%)", 100 * (exp(t->conf.margin) - 1));
        if (outcome == OUTCOME_UNDECIDED)
            text_add(out, ": neither better nor worse could be proven");
        text_add(out, ".");
    }
    if (outcome == OUTCOME_BETTER) {
        say_guards_in(out, g, GUARD_UNPROVEN, " Varies too much to be shown, but does not look worse: ");
        say_guards_in(out, g, GUARD_UNMEASURED, " Not measured: ");
    }
}

void trial_speak(struct trial *t, enum outcome outcome)
{
    struct verdict *v = &t->verdict;
    int64_t wall_us = v->wall_us;
    *v = (struct verdict){
        .outcome = outcome, .method = t->conf.method, .alpha = t->conf.alpha, .looks = t->looks, .wall_us = wall_us,
        .effect = (double)NAN, .lo = -(double)INFINITY, .hi = (double)INFINITY, .lag1 = (double)NAN, .degraded_s = t->degraded_s,
    };
    struct trial_obs a[TRIAL_WINDOWS_MAX], b[TRIAL_WINDOWS_MAX];
    int na;
    trial_arms(t, a, &na, b);
    for (int i = 0; i < t->obses; i++) {
        v->windows_a += t->obs[i].arm == ARM_INCUMBENT;
        v->windows_b += t->obs[i].arm == ARM_CANDIDATE;
    }
    if (!trial_is_switchback(t))
        v->windows_a = na;
    if (t->looks > 0) {
        v->effect = t->estimate.effect;
        v->lo = t->estimate.lo;
        v->hi = t->estimate.hi;
        v->n = t->estimate.n;
        v->lag1 = t->estimate.lag1;
        v->guards = t->guards.n;
        memcpy(v->guard, t->guards.result, sizeof v->guard);
    }
    struct text out;
    text_init(&out, sizeof v->why - 1);
    if (outcome == OUTCOME_UNDECIDED && t->phase != PHASE_FINISHED && !t->reason[0] && t->looks == 0)
        text_printf(&out, "Not finished: %d windows with the new configuration so far.", v->windows_b);
    else
        say(&out, t, outcome);
    text_copy(v->why, sizeof v->why, out.s);
    text_done(&out);
}

void trial_verdict(const struct trial *t, struct verdict *v)
{
    *v = t->verdict;
    v->degraded_s = t->degraded_s;
    if (t->phase != PHASE_FINISHED && t->phase != PHASE_CLOSING) {
        int a = 0, b = 0;
        for (int i = 0; i < t->obses; i++) {
            a += t->obs[i].arm == ARM_INCUMBENT;
            b += t->obs[i].arm == ARM_CANDIDATE;
        }
        v->outcome = OUTCOME_UNDECIDED;
        snprintf(v->why, sizeof v->why, "Not finished: %d windows with the new configuration and %d with the old one so far.", b, a);
    }
}
