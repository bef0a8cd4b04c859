/*
 * plan/warm.c - a warm start: what databases like this one have proven, brought to this machine.
 *
 * Either the configuration at which one of them has arrived, or what all of them (and this one) say of each parameter by itself, put
 * together: nobody has tried that one as a whole, but it has the best of each.  What promises more comes first.
 *
 * It stands before the large first step of the ladder.  That step follows from the machine alone; a configuration that was
 * proven better under this kind of load, on this kind of machine, is the better reason, and mostly contains what the step would have tried
 * without its detours.  Where nobody alike has told anything there is no such proposal, and the ladder begins as it always does.
 *
 * The same lessons warn: what they say is surely a loss is proposed by nobody, the rules of thumb included.
 */
#include "plan/scene.h"
#include "plan/transfer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WARM_GIVES_UP_AFTER = 2, OWN_LESSONS_MAX = 120 };
#define DOUBT         0.7       /* of what lessons promise, so many standard deviations are not believed: 0 borrows what harms, 1 hardly anything */
#define WORTH_A_WISH  0.005     /* log ratio, of one parameter */
#define ONE_SIDED_95  1.645
#define OWN_SD        0.05      /* of an effect here when its error is not known */
#define WORTH_A_TRIAL 0.03      /* expected, log ratio, over what is in force */
#define EVIDENCE_MIN  0.15      /* of transfer_guess.weight: one trial on a database at twice the likeness's distance */

/* donor NULL: put together from lessons; then sd is that of the gain. */
struct warm { struct proposal proposal; struct transfer_guess guess; double gain, sd; const struct transfer_donor *donor; };

/*
 * Values grow with the machine, the defaults that a server begins with do not: what was raised on a large machine can come out below
 * what is in force on a small one.  What the donor proved is the direction; who went there and back, or by less than can be seen at this
 * size, proved none.
 */
static bool other_way(const struct scene *s, const struct proposed_change *c)
{
    const struct knob *k = knob_at(c->knob);
    double             now = s->now.value[c->knob];
    if (knob_equal(k, c->from, c->to))
        return true;
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
        if (scene_may_change(s, d->change[i].knob) && !other_way(s, &d->change[i]))
            scene_wish_within_reach(s, &w->proposal, d->change[i].knob, d->change[i].to);
    w->donor = d;
    if (!scene_finish(s, &w->proposal))
        return false;
    struct knob_state after = scene_after(s, &w->proposal);
    transfer_guess(t, &after, &w->guess);
    w->gain = w->guess.gain - base;
    if (s->taught) {
        double told, sd;
        lessons_effect(s->taught, w->proposal.change, w->proposal.changes, &told, &sd);
        w->gain = fmin(w->gain, told);
    }
    return w->gain >= WORTH_A_TRIAL && w->guess.weight >= EVIDENCE_MIN;
}

static void tell_why(const struct scene *s, const struct warm *w, struct proposal *p)
{
    if (!w->donor) {
        int n = transfer_donors(s->others);
        scene_why(p, "What %d database%s like this one %s told, in several changes at once and one by one, says of each parameter by itself how much it does; together %+.0f %% is expected here, between %+.0f and %+.0f %%.",
                  n, n == 1 ? "" : "s", n == 1 ? "has" : "have", 100 * expm1(w->gain), 100 * expm1(w->gain - ONE_SIDED_95 * w->sd), 100 * expm1(w->gain + ONE_SIDED_95 * w->sd));
        return;
    }
    int n = w->guess.databases > 1 ? w->guess.databases : 1;
    scene_why(p, "%d database%s like this one %s tried something like it; the one it comes from lies %.2f away, where 1 is another kind of load or machine.", n, n == 1 ? "" : "s",
              n == 1 ? "has" : "have", w->donor->distance);
    scene_why(p, "What was proven there in %d trials gained %+.0f %%; scaled to this machine, and with all that was seen of its like, %+.0f %% is expected here.", w->donor->trials,
              100 * (exp(w->donor->gain) - 1), 100 * (exp(w->gain) - 1));
    if (p->changes < w->donor->changes)
        scene_why(p, "Of its %d parameters %d are changed: the others are so already, or may not be had here%s.", w->donor->changes, p->changes,
                  scene_may_restart(s) ? "" : " without a restart");
}

/* What this database has told itself. */
static int own_lessons(const struct scene *s, struct lesson *out)
{
    int n = 0;
    for (int i = s->tolds - 1; i >= 0 && n < OWN_LESSONS_MAX; i--) {
        const struct planner_told *t = &s->told[i];
        bool                       failed = lesson_failed(t->told, t->effect);
        double                     effect = lesson_reading(t->told, t->effect);
        if (s->elsewhere[i] || t->proposal.changes == 0 || isnan(effect))
            continue;
        out[n] = (struct lesson){ .changes = t->proposal.changes, .effect = effect, .sd = failed ? LESSON_FAILED_SD : t->sd > 0 ? fmax(t->sd, 0.01) : OWN_SD };
        memcpy(out[n++].change, t->proposal.change, sizeof t->proposal.change);
    }
    return n;
}

enum err warm_open(struct scene *s, struct fault *fault)
{
    s->others = NULL;
    s->taught = NULL;
    enum err e = transfer_new(s->view, &s->others, fault);
    if (e != OK || !s->others)
        return e;
    int                  theirs, own;
    const struct lesson *others = transfer_lessons(s->others, &theirs);
    struct lesson       *lesson = calloc((size_t)theirs + OWN_LESSONS_MAX, sizeof *lesson);
    if (!lesson)
        e = fail(fault, ERR_LIMIT, "no memory for %d trials of other databases", theirs);
    if (e == OK && theirs > 0) {
        own = own_lessons(s, lesson);
        memcpy(lesson + own, others, (size_t)theirs * sizeof *lesson);
        e = lessons_new(lesson, own + theirs, &s->taught, fault);
    }
    free(lesson);
    if (e != OK)
        warm_close(s);
    return e;
}

void warm_close(struct scene *s)
{
    lessons_free(s->taught);
    transfer_free(s->others);
    s->taught = NULL;
    s->others = NULL;
}

/* However many have told the same, and however surely their mean is known by that: this is one more database, which differs as any of them. */
bool warm_warns(const struct scene *s, const struct proposal *p)
{
    double mean, sd;
    if (!s->taught)
        return false;
    lessons_effect(s->taught, p->change, p->changes, &mean, &sd);
    return mean + ONE_SIDED_95 * hypot(sd, TRANSFER_OTHERS_SD) < 0;
}

struct wish { enum knob_id knob; struct lessons_best best; };

static int by_worth(const void *a, const void *b)
{
    double p = ((const struct wish *)a)->best.worth, q = ((const struct wish *)b)->best.worth;
    return (p < q) - (p > q);
}

/*
 * The wishes, worth most first, as one proposal of as many as policy lets one plan change (left to itself it keeps those that stand first in the
 * catalogue); where machine, policy or what was tried stand against all of them together, one after the other, as long as it goes.
 */
static bool finish_wishes(const struct scene *s, const struct wish *wish, int n, struct proposal *p)
{
    const struct proposal blank = *p;
    struct proposal       wished = blank, more;
    int                   most = s->view->bounds->changes_max;
    for (int i = 0; i < n && p->changes < most; i++)
        scene_wish_within_reach(s, p, wish[i].knob, wish[i].best.to);
    if (scene_finish(s, p))
        return true;
    *p = blank;
    for (int i = 0; i < n && wished.changes < most; i++) {
        struct proposal before = wished;
        scene_wish_within_reach(s, &wished, wish[i].knob, wish[i].best.to);
        more = wished;
        if (scene_finish(s, &more))
            *p = more;
        else
            wished = before;
    }
    return p->changes > 0;
}

/* What all of them say of each parameter by itself, put together. */
static bool put_together(const struct scene *s, struct warm *w)
{
    struct wish wish[KNOB_COUNT];
    int         n = 0;
    for (int id = 1; id < KNOB_COUNT && s->taught; id++)
        if (!isnan(s->now.value[id]) && scene_may_change(s, (enum knob_id)id) && lessons_best(s->taught, (enum knob_id)id, s->now.value[id], DOUBT, WORTH_A_WISH, &wish[n].best))
            wish[n++].knob = (enum knob_id)id;
    qsort(wish, (size_t)n, sizeof *wish, by_worth);
    if (!finish_wishes(s, wish, n, &w->proposal))
        return false;
    lessons_effect(s->taught, w->proposal.change, w->proposal.changes, &w->gain, &w->sd);
    return w->gain - DOUBT * w->sd >= WORTH_A_TRIAL;
}

static void put_in(struct warm *better, int n, const struct warm *w)
{
    int at = n;
    for (; at > 0 && better[at - 1].gain < w->gain; at--)
        better[at] = better[at - 1];
    better[at] = *w;
}

/* All that may be borrowed, the most promising first; all of it is a gain by the lessons, so none of it is warned of, and who asks needs no more than the first. */
static int rank(const struct scene *s, const struct proposal *blank, struct warm better[TRANSFER_DATABASES_MAX + 1])
{
    struct transfer_guess now;
    struct warm           w = { .proposal = *blank };
    int                   n = 0;
    if (put_together(s, &w))
        better[n++] = w;
    transfer_guess(s->others, &s->now, &now);
    double base = fmax(now.gain, proven_here(s));      /* what others say of this configuration is less than what it has shown here */
    for (int i = 0; i < transfer_donors(s->others); i++) {
        w = (struct warm){ .proposal = *blank };
        if (borrow(s->others, s, transfer_donor_at(s->others, i), base, &w))
            put_in(better, n++, &w);
    }
    return n;
}

bool draft_transfer(const struct scene *s, int variant, struct proposal *p)
{
    struct warm better[TRANSFER_DATABASES_MAX + 1];
    if (!s->others || scene_told_of_since_better(s, p->planner) >= WARM_GIVES_UP_AFTER || variant >= rank(s, p, better))
        return false;
    *p = better[variant].proposal;
    tell_why(s, &better[variant], p);
    return true;
}
