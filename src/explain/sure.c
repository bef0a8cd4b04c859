/* explain/sure.c - how sure is it? What speaks for the effect and its way, what against, as sentences; and the sentences that lead. */
#include "explain/inside.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

PRINTF(3, 4) static void add_point(struct explanation *e, bool good, const char *format, ...)
{
    va_list args;
    if (e->points == EXPLAIN_POINTS_MAX)
        return;
    struct explain_point *p = &e->point[e->points++];
    p->good = good;
    va_start(args, format);
    (void)vsnprintf(p->text, sizeof p->text, format, args);
    va_end(args);
}

static bool is_decided(const struct explanation *e) { return isfinite(e->lo) && isfinite(e->hi) && (e->lo > 0 || e->hi < 0); }

static int judge_effect(struct explanation *e)
{
    char a[40], b[40];
    if (is_decided(e)) {
        add_point(e, true, "The interval of the effect does not hold zero: between %s and %s, however often one looked.", figure_percent(e->lo, a, sizeof a), figure_percent(e->hi, b, sizeof b));
        return 2;
    }
    if (isfinite(e->lo) && isfinite(e->hi))
        add_point(e, false, "The interval of the effect holds zero: it may be anything between %s and %s.", figure_percent(e->lo, a, sizeof a), figure_percent(e->hi, b, sizeof b));
    else
        add_point(e, false, "No interval of the effect was measured.");
    return 0;
}

static int judge_design(struct explanation *e)
{
    if (e->randomised)
        add_point(e, true, "Both configurations were in force in turn, in an order drawn by lot: %d windows without and %d with the change%s.", e->windows_without, e->windows_with,
                  e->paired ? ", compared within pairs" : "");
    else if (e->windows_with > 0)
        add_point(e, false, "It is a comparison of before and after (%d and %d windows): whatever else happened at that moment looks the same.", e->windows_without, e->windows_with);
    if (e->from_minutes)
        add_point(e, false, "The trial kept no windows of what went on inside; minutes stand in for them.");
    return e->randomised;
}

static int judge_refuters(struct explanation *e)
{
    int known = 0, refuted = 0;
    for (int i = 0; i < e->refuters; i++) {
        known += e->refuter[i].known;
        refuted += e->refuter[i].known && e->refuter[i].refuted;
        if (e->refuter[i].known && e->refuter[i].refuted)
            add_point(e, false, "An attempt to refute it succeeded: %s.", e->refuter[i].name);
    }
    if (known > 0 && refuted == 0)
        add_point(e, true, "%d attempts to refute it failed.", known);
    return known >= 2 && refuted == 0;
}

static int judge_way(struct explanation *e)
{
    if (e->shown)
        add_point(e, true, "Every station on its way moved as the model of the server expects.");
    else
        add_point(e, false, "The way it acted is not shown by the data.");
    if (e->changes > 1)
        add_point(e, false, "%d things were changed at once: the effect is that of all of them together.", e->changes);
    return e->shown;
}

void sure_explain(struct explanation *e)
{
    int score = judge_effect(e);
    score += judge_design(e);
    score += judge_refuters(e);
    score += judge_way(e);
    bool measured = isfinite(e->effect);
    e->sure = !measured ? "none" : score >= 4 ? "high" : score == 3 ? "fair" : "low";
}

/* ---- the leading sentences ---- */

static void list_changes(const struct explanation *e, struct text *out)
{
    for (int i = 0; i < e->changes; i++) {
        const struct explain_change *c = &e->change[i];
        text_add(out, i == 0 ? "" : i + 1 == e->changes ? " and " : ", ");
        text_add(out, c->what);
        if (*c->to)
            text_printf(out, " %s%s%s", c->from, *c->from ? " \xe2\x86\x92 " : "to ", c->to);
    }
}

void explanation_lead(const struct explanation *e, struct text *out)
{
    char a[40], b[40], c[40];
    bool twofold = e->changes > 1;
    if (e->changes == 0) {
        text_add(out, "Nothing was changed. ");
    } else {
        list_changes(e, out);
        text_printf(out, ": %s. ", force_words(e->in_force));
    }
    if (!isfinite(e->effect)) {
        text_add(out, "Its effect was not measured.");
        return;
    }
    text_printf(out, "With %s %s became %s %s", twofold ? "them" : "it", *e->response ? e->response : "the answer to clients",
                figure_percent(e->effect, a, sizeof a) + 1, e->effect >= 0 ? "better" : "worse");
    if (isfinite(e->lo) && isfinite(e->hi))
        text_printf(out, "; the effect lies between %s and %s", figure_percent(e->lo, b, sizeof b), figure_percent(e->hi, c, sizeof c));
    text_add(out, ".");
}

static const char *verb_of(const struct explain_station *s)
{
    return !s->moved ? "did not move measurably" : s->after >= s->before ? "rose" : "fell";
}

void explanation_way(const struct explanation *e, struct text *out)
{
    char a[64], b[64];
    if (e->path > 0)
        text_add(out, e->shown ? "Because " : "As expected by the model: ");
    for (int i = 0; i < e->path; i++) {
        const struct explain_station *s = &e->station[i];
        text_printf(out, "%s%s %s from %s to %s, ", i == 0 ? "" : i + 1 == e->path && e->shown ? ", therefore " : ", ", s->name, verb_of(s),
                    figure_with_unit(s->before, s->unit, a, sizeof a), figure_with_unit(s->after, s->unit, b, sizeof b));
        if (isfinite(s->change.estimate))
            text_add(out, "by ");
        figure_interval(&s->change, s->unit, out);
    }
    text_printf(out, "%s%s%s", e->path > 0 ? " (95 % intervals in brackets)." : "", e->path > 0 && *e->way ? " " : "", e->way);
}
