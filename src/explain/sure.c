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

static const char *response_of(const struct explanation *e) { return *e->response ? e->response : "the speed of the answers to clients"; }

/* An effect is a log ratio of which more is better: of time it is the inverse that is read, and the ends of an interval change places. */
static const char *change_of(const struct explanation *e, double x, char *out, size_t size) { return figure_percent(e->of_time ? -x : x, out, size); }
static double from_end(const struct explanation *e) { return e->of_time ? e->hi : e->lo; }
static double to_end(const struct explanation *e)   { return e->of_time ? e->lo : e->hi; }

static int judge_effect(struct explanation *e)
{
    char a[40], b[40];
    if (is_decided(e)) {
        add_point(e, true, "The interval of the effect does not hold zero: %s changed by between %s and %s, however often one looked.", response_of(e),
                  change_of(e, from_end(e), a, sizeof a), change_of(e, to_end(e), b, sizeof b));
        return 2;
    }
    if (e->proven && isfinite(e->lo) && isfinite(e->hi)) {
        add_point(e, true, "It was proven better, however often one looked, by the signs of the pairs or at an earlier look; the last interval, from %s to %s, holds zero all the same.",
                  change_of(e, from_end(e), a, sizeof a), change_of(e, to_end(e), b, sizeof b));
        return 2;
    }
    if (isfinite(e->lo) && isfinite(e->hi))
        add_point(e, false, "The interval of the effect holds zero: %s may have changed by anything between %s and %s.", response_of(e),
                  change_of(e, from_end(e), a, sizeof a), change_of(e, to_end(e), b, sizeof b));
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
        add_point(e, e->randomised, "%d attempts to refute it failed%s.", known, e->randomised ? "" : ", but none of them can tell the change from what else happened at that moment");
    return e->randomised && known >= 2 && refuted == 0;
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
    e->sure = !measured ? "none" : score >= 4 && e->randomised ? "high" : score >= 3 ? "fair" : "low";
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

static void tell_effect(const struct explanation *e, struct text *out)
{
    char        a[40], b[40], c[40];
    const char *with = e->changes > 1 ? "With them" : "With it", *size = change_of(e, e->effect, a, sizeof a), *from = change_of(e, from_end(e), b, sizeof b), *to = change_of(e, to_end(e), c, sizeof c);
    const char *way = *size == '-' ? "less" : "more", *worth = e->effect >= 0 ? "better" : "worse";
    if (is_decided(e))
        text_printf(out, "%s %s became %s %s, which is %s; the change lies between %s and %s.", with, response_of(e), size + 1, way, worth, from, to);
    else if (e->proven && isfinite(e->lo) && isfinite(e->hi))
        text_printf(out, "%s %s became %s %s, which is better and was proven, though the last interval of the change, from %s to %s, holds zero.", with, response_of(e), size + 1, way, from, to);
    else if (isfinite(e->lo) && isfinite(e->hi))
        text_printf(out, "%s no change of %s can be told from chance; it lies between %s and %s.", with, response_of(e), from, to);
    else
        text_printf(out, "%s %s was measured %s %s; there is no interval, so that may be chance.", with, response_of(e), size + 1, way);
}

/* What was better and is gone all the same has its reason in the verdict: a guard, or that it was too little to matter. */
static void tell_refusal(const struct explanation *e, struct text *out)
{
    bool gone = e->in_force == FORCE_NOT_KEPT || e->in_force == FORCE_PUTTING_BACK || e->in_force == FORCE_PUT_BACK;
    if (gone && e->lo > 0 && isfinite(e->hi) && *e->why)
        text_printf(out, " It was not kept all the same: %s", e->why);
}

void explanation_lead(const struct explanation *e, struct text *out)
{
    if (e->changes == 0) {
        text_add(out, "Nothing was changed. ");
    } else {
        list_changes(e, out);
        text_printf(out, ": %s. ", force_words(e->in_force));
    }
    if (!isfinite(e->effect)) {
        bool yet = e->in_force == FORCE_PLANNED || e->in_force == FORCE_UNDER_WAY || e->in_force == FORCE_ON_TRIAL;
        text_add(out, yet ? "Its effect has not been measured yet." : "Its effect was not measured.");
        return;
    }
    tell_effect(e, out);
    tell_refusal(e, out);
}

static const char *verb_of(const struct explain_station *s)
{
    return !s->moved ? "did not move measurably" : station_rose(s) ? "rose" : "fell";
}

/* Load that differed between the windows, too: then the means went another way than the change that is left when load is held still. */
static bool means_differ(const struct explain_station *s) { return s->moved && station_rose(s) != (s->after >= s->before); }

static void tell_station(const struct explain_station *s, struct text *out)
{
    char a[64], b[64];
    bool differ = means_differ(s);
    text_printf(out, differ ? "%s %s, held for load (its mean went from %s to %s), " : "%s %s from %s to %s, ", s->name, verb_of(s),
                figure_with_unit(s->before, s->unit, a, sizeof a), figure_with_unit(s->after, s->unit, b, sizeof b));
    if (isfinite(s->change.estimate))
        text_add(out, "by ");
    figure_interval(&s->change, s->unit, out);
}

void explanation_way(const struct explanation *e, struct text *out)
{
    const char *condition = NULL;                                   /* what all of it rests on where the order was not drawn by lot */
    for (int i = 0; i < e->path && !condition; i++)
        if (e->station[i].change.standing == STANDING_ASSUMED)
            condition = e->station[i].change.why;
    if (e->path > 0)
        text_add(out, e->shown ? "Because " : "The model expects this way; measured was: ");
    for (int i = 0; i < e->path; i++) {
        text_add(out, i == 0 ? "" : i + 1 == e->path && e->shown ? ", therefore " : ", ");
        tell_station(&e->station[i], out);
    }
    if (e->path > 0)
        text_printf(out, " (95 %% intervals in brackets)%s%s.", condition ? ", " : "", condition ? condition : "");
    text_printf(out, "%s%s", e->path > 0 && *e->way ? " " : "", e->way);
}
