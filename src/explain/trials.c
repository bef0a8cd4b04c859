/*
 * explain/trials.c - what else was tried with the same target, the level that each reached, and what a model of all of it has learned.
 *
 * Levels are sums of proven effects since the first case: what was kept raises the level in force, everything is measured against
 * what was in force when it was tried.  What was measured on some statements alone, as an index is, is no level of the database.
 *
 * What was won under one load says nothing of another, under which the same two configurations may stand the other way round: so with
 * another load a chapter begins, whose level 0 is what is in force then.  A load that comes back goes on with its chapter where that knows
 * what is in force now, or what is tried now.  The model learns from the chapter of the case that is explained.
 */
#include "explain/inside.h"

#include "base/clock.h"
#include "math/search/bo.h"
#include "model/verdict.h"
#include "model/workload.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RESULTS_MIN = 4, START_TOLD = 3, MODEL_SEED = 7 };
static const double effect_sd = 0.05;           /* of a result without an interval, in log units */
static const double interval_sds = 2.8;         /* half an interval that holds however often one looks, in standard deviations, as planners take it (engine/outcome.c) */
static const double two_sided_95 = 1.959964, one_sided_95 = 1.644854;

struct trial_point {
    bool            told, failed, loaded;       /* loaded: something is known of the load */
    int             configuration;              /* in force when it was tried, by number */
    double          y, sd, level;               /* level: of what was in force, in its chapter */
    double          before[KNOB_COUNT], value[KNOB_COUNT];     /* in force, and tried; NAN: as at the start, as far as anybody knows */
    struct workload load;
};

struct league {
    const struct explain_case *c;
    struct explanation *e;
    struct trial_point *point;                  /* [tries], parallel to e->tried */
    double              start[KNOB_COUNT];      /* the configuration before the first trial, as far as it is known; NAN */
    double              now[KNOB_COUNT];        /* the one in force, likewise */
    double              level, best;            /* in the chapter that is under way */
    int                 chapter, configuration; /* which that is; how often something was kept */
    int                 told;                   /* the chapter that the model learns from */
    double              origin[KNOB_COUNT];     /* the configuration before the first trial of that one */
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

/* ---- chapters ---- */

/* Where nothing was written down of the load it is what it was. */
static void read_load(struct league *l, const json_t *o, int i)
{
    struct trial_point *p = &l->point[i];
    struct fault        ignored;
    workload_clear(&p->load);
    p->configuration = l->configuration;
    p->loaded = workload_parse(json_object_get(o, "workload"), &p->load, &ignored) == OK && workload_known(&p->load) > 0;
    if (!p->loaded && i > 0) {
        p->load = l->point[i - 1].load;
        p->loaded = l->point[i - 1].loaded;
    }
}

static bool same_load(const struct league *l, int i, int j)
{
    const struct trial_point *a = &l->point[i], *b = &l->point[j];
    return a->loaded && b->loaded && !workload_another(&a->load, &b->load, a->configuration == b->configuration);
}

static bool same_values(const struct league *l, const double *a, const double *b)
{
    for (int id = 1; id < KNOB_COUNT; id++) {
        double x = isnan(a[id]) ? l->start[id] : a[id], y = isnan(b[id]) ? l->start[id] : b[id];
        if (isnan(x) != isnan(y) || (!isnan(x) && !knob_equal(knob_at((enum knob_id)id), x, y)))
            return false;
    }
    return true;
}

/* The newest trial before i, under its load, that knows the level of this configuration; -1: none does. */
static int known_since(const struct league *l, int i, const double *values, double *level)
{
    for (int j = i - 1; j >= 0; j--) {
        const struct trial_point *p = &l->point[j];
        double                    tried = l->e->tried[j].level;
        if (!same_load(l, j, i))
            continue;
        *level = isfinite(tried) && same_values(l, p->value, values) ? tried : same_values(l, p->before, values) ? p->level : (double)NAN;
        if (isfinite(*level))
            return j;
    }
    return -1;
}

/* Is trial i under the load of the chapter that is under way? The newest trial under that load says so; where nobody knows the load, it is. */
static bool goes_on(const struct league *l, int i)
{
    if (i == 0 || !l->point[i].loaded || !l->point[i - 1].loaded || same_load(l, i - 1, i))
        return i > 0;
    for (int j = i - 1; j >= 0; j--)
        if (same_load(l, j, i))
            return l->e->tried[j].chapter == l->chapter;
    return false;
}

static void turn_page(struct league *l, int i, double gain)
{
    const struct trial_point *p = &l->point[i];
    double                    level = 0;
    if (goes_on(l, i))
        return;
    int since = known_since(l, i, p->before, &level);
    if (since < 0 && isfinite(gain) && (since = known_since(l, i, p->value, &level)) >= 0)
        level -= gain;                                              /* what is tried is known: then it says what is in force */
    if (since < 0) {
        l->chapter = l->e->chapters++;
        l->level = l->best = 0;
        return;
    }
    l->chapter = l->e->tried[since].chapter;
    l->level = level;
    for (int j = i - 1; j >= 0; j--)
        if (l->e->tried[j].chapter == l->chapter) {
            l->best = fmax(l->e->tried[j].best, level);
            return;
        }
}

/* Oldest first. Where a proposal says that a parameter was something else before than we believed, it is right: others change things, too. */
static void follow(struct league *l, const json_t *o, int i)
{
    struct explain_try *t = &l->e->tried[i];
    struct trial_point *p = &l->point[i];
    struct explain_knob k[EXPLAIN_CHANGES_MAX];
    int n = explain_read_knobs(json_object_get(json_object_get(o, "proposal"), "changes"), k, EXPLAIN_CHANGES_MAX);
    for (int j = 0; j < n; j++) {
        l->now[k[j].id] = k[j].from;
        if (isnan(l->start[k[j].id]))
            l->start[k[j].id] = k[j].from;
    }
    memcpy(p->before, l->now, sizeof p->before);
    memcpy(p->value, l->now, sizeof p->value);
    for (int j = 0; j < n; j++)
        p->value[k[j].id] = k[j].to;
    double gain = verdict_of_some(explain_text_of(json_object_get(o, "verdict"), "why")) ? (double)NAN : t->effect;
    read_load(l, o, i);
    turn_page(l, i, gain);
    t->chapter = l->chapter;
    t->related = is_related(l->c, k, n);
    t->this_one = strcmp(t->case_id, l->e->case_id) == 0;
    p->level = l->level;
    t->level = l->level + gain;
    p->failed = strcmp(t->result, "failed") == 0;
    p->told = n > 0 && (p->failed || isfinite(gain));
    p->y = isfinite(gain) ? t->level : l->level;
    p->sd = isfinite(t->hi - t->lo) && t->hi > t->lo ? fmin((t->hi - t->lo) / (2 * interval_sds), 1) : effect_sd;
    if (t->kept) {
        memcpy(l->now, p->value, sizeof l->now);
        l->configuration++;
        l->level += isfinite(gain) ? gain : 0;
        l->best = fmax(l->best, l->level);
    }
    t->best = l->best;
}

/* ---- a model of all of it ---- */

struct field { int knobs; enum knob_id id[MATH_SPACE_MAX]; struct math_space space; };

static bool is_told(const struct league *l, int i) { return l->point[i].told && l->e->tried[i].chapter == l->told; }

/* The chapter of this case; of one that has no outcome yet, or none among the newest, the last. */
static void choose_chapter(struct league *l)
{
    int first = -1;
    l->told = l->chapter;
    for (int i = 0; i < l->e->tries; i++)
        if (l->e->tried[i].this_one)
            l->told = l->e->tried[i].chapter;
    for (int i = 0; i < l->e->tries; i++) {
        first = first < 0 && l->e->tried[i].chapter == l->told ? i : first;
        l->e->results += is_told(l, i);
    }
    for (int id = 0; id < KNOB_COUNT; id++)
        l->origin[id] = first < 0 || isnan(l->point[first].before[id]) ? l->start[id] : l->point[first].before[id];
}

/* Could it all be the errors of the results? Chi square of the levels around their mean, its 95 % quantile as of Wilson and Hilferty (1931). */
static bool may_be_chance(const struct league *l)
{
    double weight = 4 / (effect_sd * effect_sd), sum = 0, squares = 0;          /* the start, whose level is 0 */
    int    n = 1;
    for (int i = 0; i < l->e->tries; i++) {
        const struct trial_point *p = &l->point[i];
        if (!is_told(l, i) || p->failed)
            continue;
        double w = 1 / (p->sd * p->sd);
        weight += w;
        sum += w * p->y;
        squares += w * p->y * p->y;
        n++;
    }
    double freedom = n - 1, part = 2 / (9 * fmax(freedom, 1));
    return n > 1 && squares - sum * sum / weight <= freedom * pow(1 - part + one_sided_95 * sqrt(part), 3);
}

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
    double first = l->origin[k->id];
    bool   any = false, differs = false;
    *p = (struct math_param){ .kind = k->type == KNOB_TYPE_REAL ? MATH_PARAM_REAL : MATH_PARAM_INTEGER };
    for (int i = 0; i < KNOB_SPECIALS_MAX && k->special[i].means; i++)
        p->special[p->specials++] = k->special[i].value;
    if (isnan(first))
        return false;                                               /* never changed */
    for (int i = -1; i <= l->e->tries; i++) {
        bool   tried = i >= 0 && i < l->e->tries;
        double v = i < 0 ? first : tried ? l->point[i].value[k->id] : l->now[k->id];
        if (isnan(v) || (tried && l->e->tried[i].chapter != l->told))
            continue;
        differs = differs || ((tried || l->told == l->chapter) && v != first);      /* what is in force since another load came was not seen under this one */
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
    double   x[MATH_SPACE_MAX];
    enum err e = OK;
    for (int j = 0; j < f->knobs; j++)
        x[j] = l->origin[f->id[j]];
    for (int i = 0; i < START_TOLD && e == OK; i++)
        e = math_bo_tell(b, &(struct math_bo_trial){ .x = x, .y = 0, .noise_sd = effect_sd / 2 * sqrt(START_TOLD) }, fault);
    for (int i = 0; i < l->e->tries && e == OK; i++) {
        const struct trial_point *p = &l->point[i];
        for (int j = 0; j < f->knobs; j++)
            x[j] = isnan(p->value[f->id[j]]) ? l->start[f->id[j]] : p->value[f->id[j]];
        if (is_told(l, i))
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
    choose_chapter(l);
    lay_field(l, f);
    if (e->results < RESULTS_MIN || f->knobs == 0) {
        (void)snprintf(e->model_why, sizeof e->model_why, "A model needs %d results with different values of parameters%s; there are %d.", RESULTS_MIN,
                       e->chapters > 1 ? " that can be compared, under one load" : "", e->results);
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
    if (err == OK && may_be_chance(l))
        (void)snprintf(e->model_doubt, sizeof e->model_doubt, "The results differ by no more than their errors do: which of these parameters matters, if any of them does, is not shown.");
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

/* outcomes: newest first, as the store has them; of them the newest n are followed. */
static enum err follow_all(struct league *l, const json_t *outcomes, size_t n, struct fault *fault)
{
    struct explanation *e = l->e;
    e->tried = calloc(n + 1, sizeof *e->tried);
    l->point = calloc(n + 1, sizeof *l->point);
    if (!e->tried || !l->point)
        return fail(fault, ERR_LIMIT, "no memory for %zu trials", n);
    for (int id = 0; id < KNOB_COUNT; id++)
        l->start[id] = l->now[id] = (double)NAN;
    e->tries = (int)n;
    e->tries_before = (int)(json_array_size(outcomes) - n);
    for (int i = 0; i < e->tries; i++) {
        const json_t *o = json_array_get(outcomes, n - 1 - (size_t)i);
        read_try(o, &e->tried[i]);
        follow(l, o, i);
    }
    return OK;
}

enum err trials_explain(const json_t *outcomes, const struct explain_case *c, struct explanation *e, struct fault *fault)
{
    size_t        all = json_array_size(outcomes);
    struct league l = { .c = c, .e = e };
    enum err      err = follow_all(&l, outcomes, all < EXPLAIN_TRIES_MAX ? all : EXPLAIN_TRIES_MAX, fault);
    if (err == OK)
        learn(&l);
    free(l.point);
    return err;
}

static void put(json_t *o, const char *name, double x) { (void)json_object_set_new(o, name, isfinite(x) ? json_real(x) : json_null()); }

enum err explain_levels(json_t *outcomes, struct fault *fault)
{
    struct explain_case *nothing = calloc(1, sizeof *nothing);
    struct explanation  *e = calloc(1, sizeof *e);
    struct league        l = { .c = nothing, .e = e };
    enum err             err = nothing && e ? follow_all(&l, outcomes, json_array_size(outcomes), fault) : fail(fault, ERR_LIMIT, "no memory to follow outcomes");
    for (int i = 0; err == OK && i < e->tries; i++) {
        json_t *o = json_array_get(outcomes, (size_t)(e->tries - 1 - i));
        (void)json_object_set_new(o, "chapter", json_integer(e->tried[i].chapter));
        put(o, "before", l.point[i].level);
        put(o, "level", e->tried[i].level);
        put(o, "best", e->tried[i].best);
    }
    free(l.point);
    free(nothing);
    explanation_free(e);
    return err;
}
