/* verify/trial_judge.c - when a trial may look at its windows, and what it concludes. */
#include "verify/before_after.h"
#include "verify/trial_state.h"

#include <math.h>

static const double  first_look_share = 0.75;    /* of alpha, before/after */

int trial_arms(const struct trial *t, struct trial_obs *a, int *na, struct trial_obs *b)
{
    int nb = 0;
    *na = 0;
    if (trial_is_switchback(t)) {
        for (int block = 0; block <= t->block; block++) {
            const struct trial_obs *x = trial_obs_in_block(t, block, ARM_INCUMBENT), *y = trial_obs_in_block(t, block, ARM_CANDIDATE);
            if (x && y) {
                a[(*na)++] = *x;
                b[nb++] = *y;
            }
        }
        return nb;
    }
    for (int i = 0; i < t->obses; i++)
        b[nb++] = t->obs[i];
    int want = nb > t->conf.windows_min ? nb : t->conf.windows_min;
    for (int i = t->pasts > want ? t->pasts - want : 0; i < t->pasts; i++)
        a[(*na)++] = t->past[i];
    return nb;
}

/* The 99th percentile of placebos, or beyond where less of alpha is to be spent. Two looks share it; drift lets the second one add little. */
double trial_placebo_level(const struct trial_conf *c, bool first)
{
    double level = c->alpha / 2 < 0.01 ? c->alpha / 2 : 0.01;
    return c->windows_min == c->windows_max ? level : first ? first_look_share * level : (1 - first_look_share) * level;
}

static struct estimate estimate_now(const struct trial *t, const struct trial_obs *a, int na, const struct trial_obs *b, int nb)
{
    double x[PAST_MAX], y[TRIAL_WINDOWS_MAX];
    if (trial_is_switchback(t)) {
        for (int i = 0; i < nb; i++)
            x[i] = b[i].response - a[i].response;
        return switchback_estimate(x, nb, &(struct switchback_conf){ t->conf.windows_min, t->conf.windows_max, t->conf.alpha, t->conf.margin });
    }
    for (int i = 0; i < t->pasts; i++)
        x[i] = t->past[i].response;
    for (int i = 0; i < nb; i++)
        y[i] = b[i].response;
    struct before_after_shape shape = { na, t->gap > 0 ? t->gap : 0, nb };
    return before_after_estimate(x, t->pasts, y, shape, trial_placebo_level(&t->conf, t->looks <= 1));
}

/* May this count of windows be looked at? Every block of a switchback; twice in a before/after. */
static bool look_is_due(const struct trial *t, int nb)
{
    if (nb < t->conf.windows_min || nb == t->last_look)
        return false;
    return trial_is_switchback(t) || nb == t->conf.windows_min || nb >= t->conf.windows_max;
}

void trial_judge(struct trial *t)
{
    struct trial_obs a[TRIAL_WINDOWS_MAX], b[TRIAL_WINDOWS_MAX];
    int na, nb = trial_arms(t, a, &na, b);
    if (!look_is_due(t, nb))
        return;
    t->last_look = nb;
    t->looks++;
    t->estimate = estimate_now(t, a, na, b, nb);
    const struct estimate *e = &t->estimate;
    /* Guards of a before/after compare with the whole history: more windows say better how much windows vary. */
    bool paired = trial_is_switchback(t), last = nb >= t->conf.windows_max;
    guards_judge(&(struct guard_case){ &t->conf, &t->mix, t->tale, paired ? a : t->past, b, paired ? na : t->pasts, nb, paired, last }, &t->guards);

    /* What an earlier look has proven needs no second proof, while guards wait for their windows; only contradiction ends it. */
    double m = t->conf.margin;
    bool now = (e->known && e->lo > m) || e->signs_better, better = now || (t->proven > 0 && e->known && e->effect > m);
    if (now && t->proven == 0)
        t->proven = nb;
    if (t->guards.fails > 0)
        trial_finish(t, OUTCOME_WORSE, NULL);
    else if (better && t->guards.open == 0)
        trial_finish(t, OUTCOME_BETTER, NULL);
    else if (e->known && e->hi < 0)
        trial_finish(t, OUTCOME_WORSE, NULL);
    else if (e->known && e->lo > -m && e->hi < m)
        trial_finish(t, OUTCOME_EQUIVALENT, NULL);
    else if (e->known && e->hi < m)
        trial_finish(t, OUTCOME_UNDECIDED, "Even at the best it gains less than the %.1f %% that matter.", 100 * (exp(m) - 1));
    else if (last)
        trial_finish(t, OUTCOME_UNDECIDED, NULL);
    else if (e->hopeless && !better)
        trial_finish(t, OUTCOME_UNDECIDED, "At the spread of this load %d windows of each configuration would not be enough to prove a gain.", t->conf.windows_max);
}
