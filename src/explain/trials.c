/*
 * explain/trials.c - what else was tried with the same target, the level that each reached, and what a model of all of it has learned.
 *
 * Levels are sums of proven effects since the first case: what was kept raises the level in force, everything is measured against
 * what was in force when it was tried.  What was measured on some statements alone, as an index is, is no level of the database.
 */
#include "explain/inside.h"

#include "base/clock.h"
#include "math/search/bo.h"
#include "model/verdict.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RESULTS_MIN = 4, START_TOLD = 3, MODEL_SEED = 7 };
static const double effect_sd = 0.05;           /* of a result without an interval, in log units */
static const double two_sided_95 = 1.959964;

struct trial_point { bool told, failed; double y, sd, value[KNOB_COUNT]; };

struct league {
    const struct explain_case *c;
    struct explanation *e;
    struct trial_point *point;                  /* [tries], parallel to e->tried */
    double              start[KNOB_COUNT];      /* the configuration before the first trial, as far as it is known; NAN */
    double              now[KNOB_COUNT];        /* the one in force, likewise */
    double              level, best;
};

static void read_try(const json_t *o, struct explain_try *t)
{
    const json_t *proposal = json_object_get(o, "proposal");
    const char   *title = explain_text_of(proposal, "title");
    *t = (struct explain_try){ .kept = json_is_true(json_object_get(o, "kept")), .effect = explain_real_of(o, "effect"), .lo = explain_real_of(o, "lo"), .hi = explain_real_of(o, "hi") };
    (void)figure_label(explain_text_of(o, "case_id"), t->case_id, sizeof t->case_id);
    (void)figure_label(*title ? title : *explain_text_of(proposal, "upkeep") ? explain_text_of(proposal, "upkeep") : explain_text_of(o, "planner"), t->title, sizeof t->title);
    (void)figure_label(explain_text_of(o, "result"), t->result, sizeof t->result);
    int64_t at = *explain_text_of(o, "created_at") ? clock_parse(explain_text_of(o, "created_at")) : -1;
    t->at_us = at > 0 ? at : 0;
}

static bool is_related(const struct explain_case *c, const struct explain_knob *k, int n)
{
    for (int i = 0; i < n; i++)
        for (int j = 0; j < c->knobs; j++)
            if (c->knob[j].id == k[i].id)
                return true;
    return false;
}

/* Oldest first. Where a proposal says that a parameter was something else before than we believed, it is right: others change things, too. */
static void follow(struct league *l, const json_t *o, struct explain_try *t, struct trial_point *p)
{
    struct explain_knob k[EXPLAIN_CHANGES_MAX];
    int n = explain_read_knobs(json_object_get(json_object_get(o, "proposal"), "changes"), k, EXPLAIN_CHANGES_MAX);
    for (int i = 0; i < n; i++) {
        l->now[k[i].id] = k[i].from;
        if (isnan(l->start[k[i].id]))
            l->start[k[i].id] = k[i].from;
    }
    memcpy(p->value, l->now, sizeof p->value);
    for (int i = 0; i < n; i++)
        p->value[k[i].id] = k[i].to;
    double gain = verdict_of_some(explain_text_of(json_object_get(o, "verdict"), "why")) ? (double)NAN : t->effect;
    t->related = is_related(l->c, k, n);
    t->this_one = strcmp(t->case_id, l->e->case_id) == 0;
    t->level = l->level + gain;
    p->failed = strcmp(t->result, "failed") == 0;
    p->told = n > 0 && (p->failed || isfinite(gain));
    p->y = isfinite(gain) ? t->level : l->level;
    p->sd = isfinite(t->hi - t->lo) && t->hi > t->lo ? fmin((t->hi - t->lo) / (2 * two_sided_95), 1) : effect_sd;
    if (t->kept) {
        memcpy(l->now, p->value, sizeof l->now);
        l->level += isfinite(gain) ? gain : 0;
        l->best = fmax(l->best, l->level);
    }
    t->best = l->best;
}

/* ---- a model of all of it ---- */

struct field { int knobs; enum knob_id id[MATH_SPACE_MAX]; struct math_space space; };

static void widen(struct math_param *p, double v, bool *any)
{
    p->lo = *any ? fmin(p->lo, v) : v;
    p->hi = *any ? fmax(p->hi, v) : v;
    *any = true;
}

/*
 * A parameter counts when two values of it were seen. The one that it came from is among them: what was changed once and kept is in
 * force ever after, and only that first value says what it was worth.
 */
static bool param_of(const struct league *l, const struct knob *k, struct math_param *p)
{
    double first = l->start[k->id];
    bool   any = false, differs = false;
    *p = (struct math_param){ .kind = k->type == KNOB_TYPE_REAL ? MATH_PARAM_REAL : MATH_PARAM_INTEGER };
    for (int i = 0; i < KNOB_SPECIALS_MAX && k->special[i].means; i++)
        p->special[p->specials++] = k->special[i].value;
    if (isnan(first))
        return false;                                               /* never changed */
    for (int i = -1; i <= l->e->tries; i++) {
        double v = i < 0 ? first : i < l->e->tries ? l->point[i].value[k->id] : l->now[k->id];
        if (isnan(v))
            continue;
        differs = differs || v != first;
        if (!knob_special_of(k, v))
            widen(p, v, &any);
    }
    if (k->choice[0].name) {
        *p = (struct math_param){ .kind = MATH_PARAM_CATEGORY };
        while (p->choices < KNOB_CHOICES_MAX && k->choice[p->choices].name)
            p->choices++;
        return differs;
    }
    if (any && p->hi <= p->lo) {                                    /* one ordinary value beside special ones */
        p->lo -= fabs(p->lo) / 2;
        p->hi += fmax(fabs(p->hi) / 2, 1);
    }
    p->log = p->lo > 0 && p->hi / p->lo >= 8;
    return differs && any;
}

static void lay_field(const struct league *l, struct field *f)
{
    f->knobs = 0;
    for (int id = 1; id < KNOB_COUNT && f->knobs < MATH_SPACE_MAX; id++)
        if (param_of(l, knob_at((enum knob_id)id), &f->space.param[f->knobs]))
            f->id[f->knobs++] = (enum knob_id)id;
    f->space.params = f->knobs;
}

/*
 * Every later trial stands on the start, so it is told as often as the forest that weighs parameters wants points in a leaf: with one
 * point it could never tell the start from what was kept. Together they weigh as much as one.
 */
static enum err teach(const struct league *l, const struct field *f, struct math_bo *b, struct fault *fault)
{
    double   x[MATH_SPACE_MAX], start[MATH_SPACE_MAX];
    enum err e = OK;
    for (int j = 0; j < f->knobs; j++)
        x[j] = start[j] = l->start[f->id[j]];
    for (int i = 0; i < START_TOLD && e == OK; i++)
        e = math_bo_tell(b, &(struct math_bo_trial){ .x = x, .y = 0, .noise_sd = effect_sd / 2 * sqrt(START_TOLD) }, fault);
    for (int i = 0; i < l->e->tries && e == OK; i++) {
        const struct trial_point *p = &l->point[i];
        for (int j = 0; j < f->knobs; j++)
            x[j] = isnan(p->value[f->id[j]]) ? start[j] : p->value[f->id[j]];
        if (p->told)
            e = math_bo_tell(b, &(struct math_bo_trial){ .x = x, .y = p->y, .noise_sd = p->sd, .failed = p->failed }, fault);
    }
    return e;
}

static void add_weights(const struct field *f, const double *weight, struct explanation *e)
{
    bool taken[MATH_SPACE_MAX] = { 0 };
    while (e->weights < EXPLAIN_WEIGHTS_MAX && e->weights < f->knobs) {
        int most = -1;
        for (int j = 0; j < f->knobs; j++)
            if (!taken[j] && (most < 0 || weight[j] > weight[most]))
                most = j;
        taken[most] = true;
        struct explain_weight *w = &e->weight[e->weights++];
        w->weight = weight[most];
        (void)text_copy(w->knob, sizeof w->knob, knob_at(f->id[most])->name);
    }
}

/* The model's opinion of one parameter, everything else as it is in force: % against the configuration at the beginning. */
static enum err cut_slice(const struct league *l, const struct field *f, int at, struct math_bo *b, struct explain_slice *s, struct fault *fault)
{
    const struct knob       *k = knob_at(f->id[at]);
    const struct math_param *p = &f->space.param[at];
    double   x[MATH_SPACE_MAX];
    enum err e = OK;
    *s = (struct explain_slice){ .category = p->kind == MATH_PARAM_CATEGORY, .log = p->log, .in_force = l->now[k->id] };
    s->n = s->category ? p->choices : EXPLAIN_SLICE_POINTS;
    (void)text_copy(s->knob, sizeof s->knob, k->name);
    for (int j = 0; j < f->knobs; j++)
        x[j] = isnan(l->now[f->id[j]]) ? l->start[f->id[j]] : l->now[f->id[j]];
    for (int i = 0; i < s->n && e == OK; i++) {
        struct math_bo_guess g;
        double share = s->n > 1 ? (double)i / (s->n - 1) : 0;
        double v = s->category ? i : p->log ? p->lo * pow(p->hi / p->lo, share) : p->lo + share * (p->hi - p->lo);
        x[at] = s->x[i] = s->category ? v : knob_round(k, v);
        (void)knob_format(k, x[at], s->label[i], sizeof s->label[i]);
        e = math_bo_guess(b, x, two_sided_95, &g, fault);
        s->y[i] = 100 * expm1(g.y);
        s->lo[i] = 100 * expm1(g.lo);
        s->hi[i] = 100 * expm1(g.hi);
    }
    return e;
}

static void learn(struct league *l)
{
    struct explanation *e = l->e;
    struct field       *f = calloc(1, sizeof *f);
    struct math_bo     *b = NULL;
    struct fault        fault = { 0 };
    double              weight[MATH_SPACE_MAX];
    if (!f)
        return;
    lay_field(l, f);
    if (e->results < RESULTS_MIN || f->knobs == 0) {
        (void)snprintf(e->model_why, sizeof e->model_why, "A model needs %d results with different values of parameters; there are %d.", RESULTS_MIN, e->results);
        free(f);
        return;
    }
    enum err err = math_space_init(&f->space, &fault);
    if (err == OK)
        err = math_bo_new(&f->space, &(struct math_bo_settings){ 0 }, MODEL_SEED, &b, &fault);
    if (err == OK)
        err = teach(l, f, b, &fault);
    if (err == OK)
        err = math_bo_importance(b, weight, &fault);
    if (err == OK)
        add_weights(f, weight, e);
    for (int i = 0; i < e->weights && e->slices < EXPLAIN_SLICES_MAX && err == OK; i++)
        for (int j = 0; j < f->knobs; j++)
            if (strcmp(knob_at(f->id[j])->name, e->weight[i].knob) == 0 && e->weight[i].weight > 0.02) {
                err = cut_slice(l, f, j, b, &e->slice[e->slices], &fault);
                e->slices += err == OK;
                break;
            }
    if (err != OK)
        (void)snprintf(e->model_why, sizeof e->model_why, "No model could be made of the results: %.180s.", fault.text);
    math_bo_free(b);
    free(f);
}

/* outcomes: newest first, as the store has them. */
enum err trials_explain(const json_t *outcomes, const struct explain_case *c, struct explanation *e, struct fault *fault)
{
    size_t all = json_array_size(outcomes), n = all < EXPLAIN_TRIES_MAX ? all : EXPLAIN_TRIES_MAX;
    struct league l = { .c = c, .e = e };
    e->tried = calloc(n + 1, sizeof *e->tried);
    l.point = calloc(n + 1, sizeof *l.point);
    if (!e->tried || !l.point) {
        free(l.point);
        return fail(fault, ERR_LIMIT, "no memory for %zu trials", n);
    }
    for (int id = 0; id < KNOB_COUNT; id++)
        l.start[id] = l.now[id] = (double)NAN;
    e->tries = (int)n;
    e->tries_before = (int)(all - n);
    for (int i = 0; i < e->tries; i++) {
        const json_t *o = json_array_get(outcomes, n - 1 - (size_t)i);
        read_try(o, &e->tried[i]);
        follow(&l, o, &e->tried[i], &l.point[i]);
        e->results += l.point[i].told;
    }
    learn(&l);
    free(l.point);
    return OK;
}
