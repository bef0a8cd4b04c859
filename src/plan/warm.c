/*
 * plan/warm.c - a warm start: the configuration that databases like this one have proven, brought to this machine.
 *
 * It stands before the large first step of the ladder.  That step follows from the machine alone; a configuration that was
 * proven better under this kind of load, on this kind of machine, is the better reason, and mostly contains what the step would have tried
 * without its detours.  Where nobody alike has told anything there is no such proposal, and the ladder begins as it always does.
 */
#include "plan/scene.h"
#include "plan/transfer.h"

#include <math.h>

enum { WARM_GIVES_UP_AFTER = 2, WARM_RESTARTS_MAX = 3 };
#define WORTH_A_TRIAL 0.03      /* expected, log ratio, over what is in force */
#define EVIDENCE_MIN  0.15      /* of transfer_guess.weight: one trial on a database at twice the likeness's distance */

struct warm { struct proposal proposal; struct transfer_guess guess; double gain; const struct transfer_donor *donor; };

/*
 * Values grow with the machine, the defaults that a server begins with do not: what was raised on a large machine can come out below
 * what is in force on a small one.  What the donor proved is the direction.
 */
static bool other_way(const struct scene *s, const struct proposed_change *c)
{
    const struct knob *k = knob_at(c->knob);
    double             now = s->now.value[c->knob];
    if (k->choice[0].name || isnan(now) || isnan(c->from) || knob_special_of(k, c->from) || knob_special_of(k, c->to) || knob_special_of(k, now))
        return false;
    return (c->to - c->from) * (c->to - now) < 0;
}

/* What trials here have proven under this load, log ratio. */
static double proven_here(const struct scene *s)
{
    double sum = 0;
    for (int i = 0; i < s->tolds; i++)
        sum += s->told[i].told == TOLD_BETTER && !s->elsewhere[i] && !isnan(s->told[i].effect) ? s->told[i].effect : 0;
    return sum;
}

/* As much of a donor's configuration as may be had here, judged as what it then is: without its restart it is another one. */
static bool borrow(const struct transfer *t, const struct scene *s, const struct transfer_donor *d, double base, struct warm *w)
{
    for (int i = 0; i < d->changes; i++)
        if (!other_way(s, &d->change[i]))
            scene_wish_within_reach(s, &w->proposal, d->change[i].knob, d->change[i].to);
    struct knob_state after = s->now;
    w->donor = d;
    if (!scene_finish(s, &w->proposal) || (w->proposal.needs_restart && scene_restarts_since_better(s) >= WARM_RESTARTS_MAX))
        return false;
    for (int i = 0; i < w->proposal.changes; i++)
        after.value[w->proposal.change[i].knob] = w->proposal.change[i].to;
    transfer_guess(t, &after, &w->guess);
    w->gain = w->guess.gain - base;
    return w->gain >= WORTH_A_TRIAL && w->guess.weight >= EVIDENCE_MIN;
}

static void tell_why(const struct scene *s, const struct warm *w, struct proposal *p)
{
    int n = w->guess.databases > 1 ? w->guess.databases : 1;
    scene_why(p, "%d database%s like this one %s tried something like it; the one it comes from lies %.2f away, where 1 is another kind of load or machine.", n, n == 1 ? "" : "s",
              n == 1 ? "has" : "have", w->donor->distance);
    scene_why(p, "What was proven there in %d trials gained %+.0f %%; scaled to this machine, and with all that was seen of its like, %+.0f %% is expected here.", w->donor->trials,
              100 * (exp(w->donor->gain) - 1), 100 * (exp(w->gain) - 1));
    if (p->changes < w->donor->changes)
        scene_why(p, "Of its %d parameters %d are changed: the others are so already, or may not be had here%s.", w->donor->changes, p->changes,
                  s->restarts ? "" : " without a restart");
}

/* All that may be borrowed, the most promising first. */
static int rank(const struct transfer *t, const struct scene *s, const struct proposal *blank, struct warm better[TRANSFER_DATABASES_MAX])
{
    struct transfer_guess now;
    int                   n = 0;
    transfer_guess(t, &s->now, &now);
    double base = fmax(now.gain, proven_here(s));      /* what others say of this configuration is less than what it has shown here */
    for (int i = 0; i < transfer_donors(t); i++) {
        struct warm w = { .proposal = *blank };
        if (!borrow(t, s, transfer_donor_at(t, i), base, &w))
            continue;
        int at = n++;
        for (; at > 0 && better[at - 1].gain < w.gain; at--)
            better[at] = better[at - 1];
        better[at] = w;
    }
    return n;
}

bool draft_transfer(const struct scene *s, int variant, struct proposal *p)
{
    struct warm      better[TRANSFER_DATABASES_MAX];
    struct transfer *t;
    struct fault     ignored;
    if (scene_told_of_since_better(s, p->planner) >= WARM_GIVES_UP_AFTER || transfer_new(s->view, &t, &ignored) != OK)
        return false;
    bool found = variant < rank(t, s, p, better);
    if (found) {
        *p = better[variant].proposal;
        tell_why(s, &better[variant], p);
    }
    transfer_free(t);
    return found;
}
