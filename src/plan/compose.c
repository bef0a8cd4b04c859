/* plan/compose.c - a walk from the configuration in force to the proposed one, one legal step at a time. */
#include "plan/compose.h"

#include "model/plan.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* A real value that reads well: three digits, rounded towards where it comes from, so that the share is never exceeded. */
static double step_real(const struct knob *k, double from, double share)
{
    double x = from + share, unit = pow(10, floor(log10(fabs(x))) - 2);
    double next = knob_round(k, (share > 0 ? floor(x / unit + 1e-9) : ceil(x / unit - 1e-9)) * unit);
    return share > 0 ? (next > from ? next : x) : (next < from ? next : x);
}

double compose_step(const struct knob *k, double from, double target, double ratio)
{
    if (knob_equal(k, from, target) || k->rule == KNOB_BY_JUMP || k->rule == KNOB_TOGETHER || knob_special_of(k, target))
        return target;
    const struct knob_special *leaving = knob_special_of(k, from);
    if (leaving)
        return leaving->land;
    bool   up = target > from;
    double next;
    if (k->rule == KNOB_BY_ONE) {
        next = up ? from + 1 : from - 1;
    } else if (k->type == KNOB_TYPE_INT) {
        /* Rounded towards where it comes from, so that the share is never exceeded; by one where the share is less. */
        next = up ? fmax(floor(from + fabs(from) * ratio + 1e-9), from + 1) : fmin(ceil(from - fabs(from) * ratio - 1e-9), from - 1);
    } else {
        next = step_real(k, from, (up ? 1 : -1) * fabs(from) * ratio);
    }
    return up ? fmin(next, target) : fmax(next, target);
}

struct walk {
    const struct target_facts *f;
    const struct bounds       *bounds;
    double                     ratio;
    struct knob_state          start, now;
    double                     goal[KNOB_COUNT];      /* NAN: not to be changed */
    bool                       restart[KNOB_COUNT];
    bool                       any_restart, cut;
    int                        steps, restart_at;     /* -1: none */
    struct knob_state          after[PLAN_STEPS_MAX];
};

static const struct knob_dependency *broken(const struct walk *w, const struct knob_state *after)
{
    for (int i = 0; i < KNOB_DEPENDENCIES; i++)
        if (knob_dependency_broken(&knob_dependency[i], &w->start, after, w->f, w->bounds))
            return &knob_dependency[i];
    return NULL;
}

static double next_of(const struct walk *w, int id)
{
    struct knob k = bounds_knob(w->bounds, (enum knob_id)id, w->f);
    return compose_step(&k, w->now.value[id], w->goal[id], w->ratio);
}

static bool try_hold(const struct walk *w, struct knob_state *next, enum knob_id id)
{
    if (id == KNOB_NONE || isnan(w->goal[id]) || knob_equal(&knobs[id], next->value[id], w->now.value[id]))
        return false;
    next->value[id] = w->now.value[id];
    return true;
}

/* One step of all reloadable knobs that may move now; false when none may. */
static bool advance(const struct walk *w, struct knob_state *next)
{
    *next = w->now;
    for (int i = 1; i < KNOB_COUNT; i++)
        if (!isnan(w->goal[i]) && !w->restart[i])
            next->value[i] = next_of(w, i);
    const struct knob_dependency *d;
    while ((d = broken(w, next)) != NULL) {
        /* The one whose move did the damage waits: the one that is right to move on its own is kept. */
        struct knob_state without_a = *next, without_b = *next;
        bool a = try_hold(w, &without_a, d->a), b = try_hold(w, &without_b, d->b);
        if (a && !knob_dependency_broken(d, &w->start, &without_a, w->f, w->bounds))
            *next = without_a;
        else if (b && !knob_dependency_broken(d, &w->start, &without_b, w->f, w->bounds))
            *next = without_b;
        else if (a || b)
            *next = a ? without_a : without_b;
        else
            return false;
    }
    for (int i = 1; i < KNOB_COUNT; i++)
        if (!isnan(w->goal[i]) && !knob_equal(&knobs[i], next->value[i], w->now.value[i]))
            return true;
    return false;
}

static void walk_reloads(struct walk *w, int room)
{
    struct knob_state next;
    while (advance(w, &next)) {
        if (w->steps >= room) {
            w->cut = true;
            return;
        }
        w->after[w->steps++] = w->now = next;
    }
}

static enum err walk_restart(struct walk *w, struct fault *fault)
{
    struct knob_state last = w->now;
    bool carried = w->steps > 0;   /* the last reload step travels with the restart */
    if (carried)
        w->steps--;
    for (int i = 1; i < KNOB_COUNT; i++)
        if (w->restart[i] && !isnan(w->goal[i]))
            last.value[i] = w->goal[i];
    const struct knob_dependency *d = broken(w, &last);
    if (d)
        return fail(fault, ERR_INPUT, "%s, and this proposal would break it", d->text);
    w->restart_at = w->steps;
    w->after[w->steps++] = w->now = last;
    return OK;
}

static enum err walk_all(struct walk *w, struct fault *fault)
{
    w->restart_at = -1;
    walk_reloads(w, w->any_restart ? PLAN_STEPS_MAX / 2 : PLAN_STEPS_MAX);
    if (w->any_restart) {
        enum err e = walk_restart(w, fault);
        if (e != OK)
            return e;
        if (!w->cut)
            walk_reloads(w, PLAN_STEPS_MAX);
    }
    if (w->steps == 0)
        return fail(fault, ERR_INPUT, "no step of this proposal can be made without breaking what its knobs demand of each other");
    if (w->cut)
        return OK;
    for (int i = 1; i < KNOB_COUNT; i++)
        if (!isnan(w->goal[i]) && !knob_equal(&knobs[i], w->now.value[i], w->goal[i]))
            return fail(fault, ERR_INPUT, "%s cannot reach its target without breaking what it demands of other knobs", knobs[i].name);
    return OK;
}

static enum err walk_begin(struct walk *w, const struct proposal *p, const struct target_facts *f, const struct compose_how *how,
                           const struct bounds *bounds, struct fault *fault)
{
    *w = (struct walk){ .f = f, .bounds = bounds, .ratio = how->step_ratio };
    knob_state_of(&w->start, f);
    w->now = w->start;
    for (int i = 0; i < KNOB_COUNT; i++)
        w->goal[i] = (double)NAN;
    int changes = 0;
    for (int i = 0; i < p->changes; i++) {
        const struct proposed_change *c = &p->change[i];
        bool twice = false;
        for (int j = 0; j < i; j++)
            twice |= p->change[j].knob == c->knob;
        if (twice || (unsigned)c->knob >= KNOB_COUNT || c->knob == KNOB_NONE)
            return fail(fault, ERR_INPUT, "change %d of the proposal names no knob, or one that is there twice", i + 1);
        const struct knob *k = knob_at(c->knob);
        double             now;
        enum err           e = knob_current(k, f, &now, fault);
        if (e == OK)
            e = knob_allows(k, f, c->to, fault);
        if (e != OK)
            return e;
        double to = knob_round(k, c->to);
        if (knob_equal(k, now, to))
            continue;
        w->goal[c->knob] = to;
        w->restart[c->knob] = knob_needs_restart(k, f);
        w->any_restart |= w->restart[c->knob];
        changes++;
    }
    return changes ? OK : fail(fault, ERR_STATE, "all of it is in force already");
}

/* ---- to JSON ---- */

static int push(json_t *list, json_t *item) { return json_array_append_new(list, item); }

static json_t *step_settings(const struct walk *w, int at)
{
    const struct knob_state *before = at ? &w->after[at - 1] : &w->start, *after = &w->after[at];
    json_t *list = json_array();
    for (int i = 1; i < KNOB_COUNT; i++) {
        if (isnan(w->goal[i]) || knob_equal(&knobs[i], before->value[i], after->value[i]))
            continue;
        char from[48], to[48];
        json_t *one = json_pack("{s:s, s:s, s:s}", "name", knobs[i].name, "from", knob_format(&knobs[i], before->value[i], from, sizeof from),
                                "to", knob_format(&knobs[i], after->value[i], to, sizeof to));
        if (push(list, one) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *step_json(const struct walk *w, const struct compose_how *how, int at)
{
    bool    restart = at == w->restart_at;
    json_t *settings = step_settings(w, at);
    return json_pack("{s:s, s:{s:s, s:o}, s:i, s:i, s:i, s:b, s:s}", "action",
                     plan_action_info[restart ? PLAN_POSTGRES_RESTART : PLAN_POSTGRES_SET].name, "params", "target", how->target, "settings", settings,
                     "timeout_s", restart ? how->restart_timeout_s : how->timeout_s, "retry", 0, "watch_s", how->watch_s, "dangerous", (int)restart,
                     "text", restart ? "interrupts every connection for some seconds" : "takes effect with a reload, can be taken back by a reload");
}

static enum verify_class strictest(const struct walk *w)
{
    enum verify_class c = VERIFY_NONE;
    for (int i = 1; i < KNOB_COUNT; i++)
        if (!isnan(w->goal[i])) {
            enum verify_class own = w->restart[i] || !knobs[i].restart ? knobs[i].verify : VERIFY_SLOW;
            c = own > c ? own : c;
        }
    return c;
}

static json_t *walk_json(const struct walk *w, const struct proposal *p, const struct compose_how *how)
{
    json_t *steps = json_array();
    for (int i = 0; i < w->steps; i++)
        if (push(steps, step_json(w, how, i)) != 0) {
            json_decref(steps);
            return NULL;
        }
    char why[PROPOSAL_WHY_SIZE + 320];
    (void)snprintf(why, sizeof why, "%s%s%d step%s of at most %g %% of the value in force%s%s", p->why, *p->why ? " " : "", w->steps, w->steps == 1 ? "" : "s", 100 * w->ratio,
                   w->any_restart ? "; one restart, which comes when everything that a reload can take back has held" : "",
                   w->cut ? "; the targets are farther than one plan may go, so this one ends on the way." : ".");
    return json_pack("{s:s, s:s, s:o, s:{s:s, s:b}, s:{s:s, s:s}, s:o}", "title", p->title, "why", why, "steps", steps, "rollback", "how", "reverse",
                     "restart", (int)w->any_restart, "verify", "method", verify_class_name(strictest(w)), "target", how->target, "proposal", proposal_json(p));
}

enum err compose_plan(const struct proposal *p, const struct target_facts *f, const struct compose_how *how, json_t **plan, struct fault *fault)
{
    if (!how->target || !*how->target || !(how->step_ratio > 0 && how->step_ratio <= 1) || how->timeout_s < 10 || how->watch_s < 0 || how->restart_timeout_s < 10)
        return fail(fault, ERR_INPUT, "a plan needs a target, a step ratio above 0 and time limits of at least 10 s");
    struct bounds own;
    bounds_default(&own);
    struct walk w;
    enum err    e = walk_begin(&w, p, f, how, how->bounds ? how->bounds : &own, fault);
    if (e == OK)
        e = walk_all(&w, fault);
    if (e != OK)
        return e;
    *plan = walk_json(&w, p, how);
    return *plan ? OK : fail(fault, ERR_LIMIT, "no memory for a plan, or the target's name is not UTF-8");
}
