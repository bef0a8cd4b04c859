/*
 * gate/risk.c - how bad it could be times how likely that is, with every part shown.
 *
 * The weights are judgement, not measurement; they order plans and say when a
 * person should look.  Hard limits are rules, not risk.
 */
#include "gate/look.h"

#include "base/utf8.h"
#include "model/script.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

PRINTF(4, 5) static double part(struct gate_verdict *v, const char *name, double value, const char *format, ...)
{
    if (value <= 0 || v->parts == RISK_PARTS_MAX)
        return 0;
    struct risk_part *p = &v->part[v->parts++];
    va_list args;
    (void)snprintf(p->name, sizeof p->name, "%s", name);
    p->value = value;
    va_start(args, format);
    (void)vsnprintf(p->text, sizeof p->text, format, args);
    va_end(args);
    utf8_clean(p->text, '?');
    return value;
}

/* The farthest any parameter goes, in factors of ten; a jump or a special value counts as half of one. */
static double farthest(const struct gate_look *l)
{
    const struct knob_state *end = &l->after[l->states - 1];
    double most = 0;
    for (int i = 1; l->states && i < KNOB_COUNT; i++) {
        double a = l->before.value[i], b = end->value[i];
        if (!l->touched[i] || knob_equal(&knobs[i], a, b))
            continue;
        double d = knobs[i].choice[0].name || !(a > 0) || !(b > 0) ? 0.5 : fabs(log10(b / a));
        most = isnan(d) ? 1 : fmax(most, d);
    }
    return most;
}

static bool wants_shell(const struct gate_look *l)
{
    for (int i = 0; i < l->q->plan->steps; i++)
        if (json_is_true(json_object_get(l->q->plan->step[i].params, "shell")))
            return true;
    return false;
}

void gate_risk(const struct gate_look *l, struct gate_verdict *v)
{
    v->parts = 0;
    double impact = 0, chance = 0;
    if (l->builds)
        impact += part(v, "impact: build", 0.2, "reads a whole table beside running work, and makes writes to it dearer from then on");
    if (l->drops)
        impact += part(v, "impact: drop", 0.3, "queries that use the index are slower until it is built again");
    if (l->analyzes)
        impact += part(v, "impact: statistics", 0.1, "plans may change, and there is no way back");
    if (l->configures && !l->restarts)
        impact += part(v, "impact: reload", 0.2, "parameters of a running server, taken back by a reload");
    if (l->restarts)
        impact += part(v, "impact: restart", 0.5, "every connection is cut for some seconds, caches are cold afterwards");
    if (l->q->facts && l->postgres && l->q->facts->standbys > 0)
        impact += part(v, "impact: standbys", 0.1, "%d standbys follow this server", l->q->facts->standbys);
    if (l->scripts)
        impact += part(v, "impact: script", 0.3, "a program does what it does, and nothing takes it back by itself");
    if (wants_shell(l))
        impact += part(v, "impact: shell", 0.4, "a shell can do anything");

    if (impact > 0)
        chance += part(v, "chance: base", 0.1, "anything can go wrong");
    if (l->knobs_touched)
        chance += part(v, "chance: parameters", fmin(0.02 * l->knobs_touched, 0.2), "%d parameters at once", l->knobs_touched);
    double far = l->moves ? farthest(l) : 0;
    chance += part(v, "chance: distance", fmin(0.2 * far, 0.3), "the farthest goes by a factor of %.1f", pow(10, far));
    if (l->q->facts && look_touches(l, KNOB_MEMORY) && l->states) {
        struct footprint p;
        footprint_of(&l->after[l->states - 1], l->q->facts, &l->policy->bounds, &p);
        double full = p.total / p.bound;
        chance += part(v, "chance: memory", isnan(full) ? 0.3 : fmin(fmax(full - 0.7, 0) / 0.3 * 0.2, 0.3), "%.0f %% of the memory bound at worst", 100 * full);
    }
    if (l->builds) {
        double share = 2 * l->index_bytes / (l->q->facts ? l->q->facts->disk_free_bytes : (double)NAN);
        chance += part(v, "chance: room", isnan(share) ? 0.3 : fmin(share, 0.3), "the build takes %.1f %% of the free disk", 100 * share);
        double load = l->q->cpu;
        chance += part(v, "chance: load", isnan(load) ? 0.2 : fmin(fmax(load - 0.3, 0), 0.3), "the processors are %.0f %% busy", 100 * load);
    }
    if (look_touches(l, KNOB_MAY_NOT_START))
        chance += part(v, "chance: start", 0.1, "a value that the machine cannot serve keeps the server from starting");
    if (l->q->failures > 0)
        chance += part(v, "chance: history", fmin(0.05 * l->q->failures, 0.3), "%d of the last plans here were worse or failed", l->q->failures);
    v->risk = fmin(impact, 1) * fmin(chance, 1);
}
