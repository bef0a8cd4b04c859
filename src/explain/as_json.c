/* explain/as_json.c - the explanation for programs: the same numbers, null where one is not known. */
#include "explain/inside.h"

#include "base/clock.h"

#include <math.h>

static json_t *real(double x) { return isfinite(x) ? json_real(x) : json_null(); }

static void put(json_t *o, const char *name, double x) { (void)json_object_set_new(o, name, real(x)); }

static json_t *moment(int64_t us)
{
    char when[40];
    return us > 0 ? json_string(clock_format(us, when, sizeof when)) : json_null();
}

static json_t *figure(const struct explain_figure *f)
{
    json_t *o = json_pack("{s:s,s:s}", "standing", explain_standing_name(f->standing), "why", f->why);
    put(o, "estimate", f->estimate);
    put(o, "lo", f->lo);
    put(o, "hi", f->hi);
    put(o, "p", f->p);
    return o;
}

static json_t *changes(const struct explanation *e)
{
    json_t *all = json_array();
    for (int i = 0; i < e->changes; i++)
        (void)json_array_append_new(all, json_pack("{s:s,s:s,s:s,s:s}", "what", e->change[i].what, "from", e->change[i].from, "to", e->change[i].to, "acts", e->change[i].acts));
    return all;
}

static json_t *stations(const struct explanation *e)
{
    json_t *all = json_array();
    for (int i = 0; i < e->stations; i++) {
        const struct explain_station *s = &e->station[i];
        json_t *o = json_pack("{s:s,s:s,s:i,s:b,s:i,s:o}", "name", s->name, "unit", s->unit, "on_path", s->on_path, "moved", (int)s->moved, "expected", s->expected, "change", figure(&s->change));
        put(o, "before", s->before);
        put(o, "after", s->after);
        (void)json_array_append_new(all, o);
    }
    return all;
}

static json_t *units(const struct explanation *e)
{
    json_t *all = json_array();
    for (int i = 0; i < e->units; i++) {
        const struct explain_unit *u = &e->unit[i];
        (void)json_array_append_new(all, json_pack("{s:s,s:s,s:s,s:s,s:o}", "cause", u->cause, "effect", u->effect, "unit", u->unit, "how", u->how, "figure", figure(&u->figure)));
    }
    return all;
}

static json_t *refuters(const struct explanation *e)
{
    json_t *all = json_array();
    for (int i = 0; i < e->refuters; i++) {
        const struct explain_refuter *r = &e->refuter[i];
        json_t *o = json_pack("{s:s,s:o,s:s}", "name", r->name, "refuted", r->known ? json_boolean(r->refuted) : json_null(), "why", r->why);
        put(o, "mean", r->mean);
        put(o, "expected", r->expected);
        put(o, "p", r->p);
        (void)json_array_append_new(all, o);
    }
    return all;
}

static json_t *tries(const struct explanation *e)
{
    json_t *all = json_array();
    for (int i = 0; i < e->tries; i++) {
        const struct explain_try *t = &e->tried[i];
        json_t *o = json_pack("{s:s,s:s,s:s,s:b,s:b,s:b,s:o}", "case_id", t->case_id, "title", t->title, "result", t->result, "kept", (int)t->kept, "this", (int)t->this_one,
                              "related", (int)t->related, "time", moment(t->at_us));
        (void)json_object_set_new(o, "chapter", json_integer(t->chapter));
        put(o, "effect", t->effect);
        put(o, "lo", t->lo);
        put(o, "hi", t->hi);
        put(o, "level", t->level);
        put(o, "best", t->best);
        (void)json_array_append_new(all, o);
    }
    return all;
}

static json_t *model(const struct explanation *e)
{
    json_t *weights = json_array(), *slices = json_array();
    for (int i = 0; i < e->weights; i++)
        (void)json_array_append_new(weights, json_pack("{s:s,s:f}", "knob", e->weight[i].knob, "weight", e->weight[i].weight));
    for (int i = 0; i < e->slices; i++) {
        const struct explain_slice *s = &e->slice[i];
        json_t *points = json_array();
        for (int j = 0; j < s->n; j++) {
            json_t *p = json_pack("{s:s}", "value", s->label[j]);
            put(p, "x", s->x[j]);
            put(p, "gain", s->y[j]);
            put(p, "lo", s->lo[j]);
            put(p, "hi", s->hi[j]);
            (void)json_array_append_new(points, p);
        }
        (void)json_array_append_new(slices, json_pack("{s:s,s:b,s:b,s:o,s:o}", "knob", s->knob, "category", (int)s->category, "log", (int)s->log, "in_force", real(s->in_force), "points", points));
    }
    return json_pack("{s:i,s:o,s:o,s:s,s:s}", "results", e->results, "importance", weights, "slices", slices, "why", e->model_why, "doubt", e->model_doubt);
}

static json_t *sure(const struct explanation *e)
{
    json_t *points = json_array();
    for (int i = 0; i < e->points; i++)
        (void)json_array_append_new(points, json_pack("{s:b,s:s}", "good", (int)e->point[i].good, "text", e->point[i].text));
    return json_pack("{s:s,s:o}", "level", e->sure, "points", points);
}

static json_t *spreads(const struct explanation *e)
{
    json_t *all = json_array();
    for (int i = 0; i < e->spreads; i++) {
        json_t *groups = json_array();
        for (int p = 0; p < PERIODS; p++) {
            const struct explain_group *g = &e->spread[i].group[p];
            if (g->n > 0)
                (void)json_array_append_new(groups, json_pack("{s:s,s:b,s:i,s:[f,f,f,f,f]}", "period", explain_period_name((enum explain_period)p), "changed", (int)spread_changed(&e->spread[i], p),
                                                              "windows", g->n, "quantiles", g->lo, g->q1, g->median, g->q3, g->hi));
        }
        (void)json_array_append_new(all, json_pack("{s:s,s:s,s:b,s:o}", "name", e->spread[i].name, "unit", e->spread[i].unit, "put_back", (int)e->spread[i].put_back, "groups", groups));
    }
    return all;
}

static json_t *sentence(void (*write)(const struct explanation *e, struct text *out), const struct explanation *e)
{
    struct text t CLEANUP(text_done);
    text_init(&t, 16 * 1024);
    write(e, &t);
    return json_string(t.s);
}

json_t *explanation_json(const struct explanation *e)
{
    char    missing[64];
    json_t *o = json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:b,s:o}", "case_id", e->case_id, "title", e->title, "target", e->target, "state", e->state, "method", e->method, "outcome", e->outcome,
                          "kept", (int)e->kept, "time", moment(e->at_us));
    if (!o)
        return NULL;
    (void)json_object_set_new(o, "lead", sentence(explanation_lead, e));
    (void)json_object_set_new(o, "way", sentence(explanation_way, e));
    (void)json_object_set_new(o, "why", json_string(e->why));
    (void)json_object_set_new(o, "planned_why", json_string(e->planned_why));
    (void)json_object_set_new(o, "changes", changes(e));
    put(o, "effect", e->effect);
    put(o, "lo", e->lo);
    put(o, "hi", e->hi);
    put(o, "degraded_s", e->degraded_s);
    (void)json_object_set_new(o, "response", json_string(e->response));
    (void)json_object_set_new(o, "randomised", json_boolean(e->randomised));
    (void)json_object_set_new(o, "from_minutes", json_boolean(e->from_minutes));
    (void)json_object_set_new(o, "windows", json_pack("{s:i,s:i}", "without", e->windows_without, "with", e->windows_with));
    (void)json_object_set_new(o, "shown", json_boolean(e->shown));
    (void)json_object_set_new(o, "stations", stations(e));
    (void)json_object_set_new(o, "through", figure(&e->through));
    (void)json_object_set_new(o, "direct", figure(&e->direct));
    put(o, "share", e->share);
    (void)json_object_set_new(o, "units", units(e));
    (void)json_object_set_new(o, "refuters", refuters(e));
    (void)json_object_set_new(o, "spreads", spreads(e));
    (void)json_object_set_new(o, "tries", tries(e));
    (void)json_object_set_new(o, "tries_left_out", json_integer(e->tries_before));
    (void)json_object_set_new(o, "model", model(e));
    (void)json_object_set_new(o, "sure", sure(e));
    (void)json_object_set_new(o, "missing", json_string(explanation_missing_text(explanation_missing(e), missing, sizeof missing)));
    return o;
}
