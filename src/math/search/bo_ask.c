/* math/search/bo_ask.c - what an optimiser asks next, and what it answers: models made for the moment from what was told. */
#include "math/search/bo_parts.h"

#include "math/search/design.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { GLOBAL_EVALUATIONS = 50, LOCAL_EVALUATIONS = 50, LOCAL_POINTS_MAX = 60, ANCHORS = 4 };

/* ---- the model of the whole space ---- */

/*
 * Hyper-parameters are fitted when a chapter has certain numbers of trials only; between them points are added.  So the model
 * does not depend on when it was asked for.
 */
static int fitted_at(int n)
{
    int stride = n < 64 ? 1 : n / 20;
    while (stride & (stride - 1))
        stride &= stride - 1;                              /* a power of two, so that the numbers do not wander with n */
    return n - n % stride;
}

static enum err build_from(struct math_bo *b, struct bo_model *m, int n, int from, struct fault *fault)
{
    struct rand r;
    int        *all = calloc((size_t)n + 1, sizeof *all);
    if (!all)
        return fail(fault, ERR_LIMIT, "no memory for a list of %d trials", n);
    for (int i = 0; i < n; i++)
        all[i] = i;
    bo_rand(b, n, BO_GLOBAL_FIT, &r);
    enum err e = bo_model_build(m, b, all, n, from, NULL, NULL, GLOBAL_EVALUATIONS, &r, fault);
    free(all);
    return e;
}

/* The model of the whole space in this chapter. */
static enum err believe(struct math_bo *b, struct fault *fault)
{
    int      n = b->told.n, at = b->set.surrogate == MATH_BO_GP ? b->chapter + fitted_at(n - b->chapter) : n;
    enum err e = OK;
    at = at > b->news ? at : b->news;
    if (b->global_fitted != at || b->global_seen > n) {
        b->global_fitted = -1;
        e = build_from(b, b->global, at, b->chapter, fault);
        if (e != OK)
            return e;
        b->global_fitted = b->global_seen = at;
    }
    while (b->global_seen < n && e == OK) {
        e = bo_model_extend(b->global, b, b->global_seen, fault);
        b->global_seen += e == OK;
    }
    if (e != OK)
        b->global_fitted = -1;
    return e;
}

/* The model of everything that was told, for answers. */
static enum err recall(struct math_bo *b, struct bo_model **m, struct fault *fault)
{
    enum err e = believe(b, fault);
    *m = b->global;
    if (e != OK || b->chapter == 0)
        return e;
    *m = b->whole;
    if (b->whole_seen == b->told.n)
        return OK;
    b->whole_seen = -1;
    e = build_from(b, b->whole, b->told.n, 0, fault);
    if (e == OK)
        b->whole_seen = b->told.n;
    return e;
}

/* The tried configurations as they would be in this context. */
struct anchors { int n; int *trial; double *x, *features, *columns; };

static void anchors_free(struct anchors *a)
{
    free(a->trial);
    free(a->x);
    free(a->features);
    free(a->columns);
    *a = (struct anchors){ 0 };      /* whoever asked for them frees them, too, when there were none */
}

/* A configuration as it would be in this context: moved to what is legal there, where ranges lean on what is given. */
static enum err in_context(const struct math_bo *b, const double *context, double *x, struct fault *fault)
{
    for (int k = 0; k < b->space.params && context; k++)
        if (b->space.param[k].context)
            x[k] = context[k];
    return context && math_space_leans(&b->space) ? math_space_snap(&b->space, x, x, fault) : OK;
}

/* Of these trials (NULL: all) those with a result that are not before `from`. */
static enum err anchors_new(const struct math_bo *b, const double *context, const int *trial, int trials, int from, struct anchors *a, struct fault *fault)
{
    size_t n = (size_t)(trials > 0 ? trials : 1), params = (size_t)b->space.params;
    *a = (struct anchors){ .trial = calloc(n, sizeof(int)), .x = calloc(n * params, sizeof(double)),
                           .features = calloc(n * (size_t)b->features, sizeof(double)), .columns = calloc(n * (size_t)b->columns, sizeof(double)) };
    if (!a->trial || !a->x || !a->features || !a->columns) {
        anchors_free(a);
        return fail(fault, ERR_LIMIT, "no memory for %d trials", trials);
    }
    for (int i = 0; i < trials; i++) {
        int     at = trial ? trial[i] : i;
        double *x = a->x + (size_t)a->n * params;
        if (b->told.failed[at] || at < from)
            continue;
        memcpy(x, b->told.x + (size_t)at * params, params * sizeof *x);
        enum err e = in_context(b, context, x, fault);
        if (e != OK) {
            anchors_free(a);
            return e;
        }
        bo_see(b, x, a->features + (size_t)a->n * (size_t)b->features, a->columns + (size_t)a->n * (size_t)b->columns);
        a->trial[a->n++] = at;
    }
    return OK;
}

/* ---- asking ---- */

/* The next point that fills the space and was not tried; how even it is does not depend on what was told unasked. */
static enum err ask_start(const struct math_bo *b, const double *context, double *x, struct fault *fault)
{
    struct rand       r;
    struct math_sobol sobol;
    double            cube[MATH_PROJECT_MAX];
    int               done = b->told.n - b->chapter;
    bo_rand(b, b->chapter, BO_DESIGN, &r);
    if (b->set.start == MATH_BO_SOBOL && b->dims <= MATH_SOBOL_MAX) {
        enum err e = math_sobol_init(&sobol, b->dims, &r, fault);
        for (int i = 0; i < done + 64 && e == OK; i++) {
            math_sobol_next(&sobol, cube);
            bo_configure(b, cube, context, x);
            if (i >= done && bo_times_tried(b, x) == 0)
                return OK;
        }
    } else {
        size_t  n = (size_t)b->starts, d = (size_t)b->dims;
        double *all = calloc(n * d, sizeof *all);
        int    *scratch = calloc(n, sizeof *scratch);
        bool    found = false;
        if (all && scratch)
            math_latin(b->starts, b->dims, &r, all, scratch);
        for (int i = done; i < b->starts && all && scratch && !found; i++) {
            bo_configure(b, all + (size_t)i * d, context, x);
            found = bo_times_tried(b, x) == 0;
        }
        free(all);
        free(scratch);
        if (found)
            return OK;
    }
    bo_rand(b, b->told.n, BO_RANDOM, &r);
    return bo_search_random(b, context, &r, x, fault);
}

/* The best few anchors by posterior mean, as cubes, the best first; returns how many. */
static enum err promising(struct math_bo *b, struct bo_model *m, const struct anchors *a, int want, double *cubes, int *got, struct fault *fault)
{
    double *mean = calloc(2 * (size_t)(a->n > 0 ? a->n : 1), sizeof *mean);
    *got = 0;
    if (!mean)
        return fail(fault, ERR_LIMIT, "no memory for %d trials", a->n);
    enum err e = a->n > 0 && m->results > 0 ? bo_model_predict(m, b, a->n, a->features, a->columns, mean, mean + a->n, fault) : OK;
    while (e == OK && *got < want && *got < a->n) {
        int top = -1;
        for (int i = 0; i < a->n; i++)
            if (!isnan(mean[i]) && (top < 0 || mean[i] > mean[top]))
                top = i;
        if (top < 0)
            break;
        bo_to_cube(b, a->x + (size_t)top * (size_t)b->space.params, cubes + (size_t)*got * (size_t)b->dims);
        mean[top] = (double)NAN;
        ++*got;
    }
    free(mean);
    return e;
}

static enum err ask_global(struct math_bo *b, const double *context, const struct anchors *a, double *x, double *score, struct fault *fault)
{
    double      lo[MATH_PROJECT_MAX], hi[MATH_PROJECT_MAX];
    double      anchor[ANCHORS * MATH_PROJECT_MAX];
    struct rand r;
    int         anchors = 0;
    enum err    e = promising(b, b->global, a, ANCHORS, anchor, &anchors, fault);
    if (e != OK)
        return e;
    for (int d = 0; d < b->dims; d++) {
        lo[d] = 0;
        hi[d] = 1;
    }
    bo_rand(b, b->told.n, BO_SEARCH, &r);
    struct bo_hunt hunt = { .model = b->global, .context = context, .lo = lo, .hi = hi, .anchor = anchor, .anchors = anchors, .r = &r };
    return bo_search(b, &hunt, x, score, fault);
}

/* Does coordinate d of the cube stretch with the region? Choices and few steps do not. */
static bool stretches(const struct math_bo *b, int d)
{
    return b->projected || (bo_is_free(b, d) && math_space_levels(&b->space, d) == 0);
}

/* The box of the region around the centre, and how the local model's features are to be seen in it. */
static void lay_region(const struct math_bo *b, const double *centre, const double *centre_features, double *lo, double *hi, double *shift, double *stretch)
{
    double scale[MATH_PROJECT_MAX] = { 0 }, around[MATH_PROJECT_MAX] = { 0 }, box_lo[MATH_PROJECT_MAX], box_hi[MATH_PROJECT_MAX];
    int    own[MATH_PROJECT_MAX], n = 0;
    for (int d = 0; d < b->dims; d++) {
        lo[d] = 0;
        hi[d] = 1;
        if (!stretches(b, d))
            continue;
        int f = b->projected ? d : b->space.feature_of[d];
        scale[n] = fmin(fmax(b->global->objective->hyper.scale[b->global->objective->scale_of[f]], 0.05), 2);
        around[n] = centre[d];
        own[n++] = d;
    }
    for (int f = 0; f < b->features; f++) {
        shift[f] = 0;
        stretch[f] = 1;
    }
    math_region_box(&b->region, around, scale, n, box_lo, box_hi);
    for (int k = 0; k < n; k++) {
        int f = b->projected ? own[k] : b->space.feature_of[own[k]];
        lo[own[k]] = box_lo[k];
        hi[own[k]] = box_hi[k];
        shift[f] = centre_features[f];
        stretch[f] = fmax(box_hi[k] - box_lo[k], 1e-6);
    }
}

struct near { double distance; int trial; };

static int nearer(const void *a, const void *b)
{
    const struct near *x = a, *y = b;
    return x->distance != y->distance ? (x->distance > y->distance) - (x->distance < y->distance) : x->trial - y->trial;
}

/* The trials of this chapter that are nearest to the centre, in sides of the box, and older failures within it; in the order of their numbers. */
static enum err gather(const struct math_bo *b, const double *centre, const double *lo, const double *hi, int *member, int *members, struct fault *fault)
{
    int          enough = 2 * (b->dims + 1), n = 0, old = 0;
    struct near *near = calloc((size_t)b->told.n + 1, sizeof *near);
    bool        *in = calloc((size_t)b->told.n + 1, sizeof *in);
    if (!near || !in) {
        free(near);
        free(in);
        return fail(fault, ERR_LIMIT, "no memory for %d trials", b->told.n);
    }
    for (int i = 0; i < b->told.n; i++) {
        near[i].trial = i;
        for (int d = 0; d < b->dims; d++)
            if (stretches(b, d))
                near[i].distance = fmax(near[i].distance, fabs(b->told.cube[(size_t)i * (size_t)b->dims + (size_t)d] - centre[d]) / fmax(hi[d] - lo[d], 1e-6));
    }
    qsort(near, (size_t)b->told.n, sizeof *near, nearer);
    for (int i = 0; i < b->told.n; i++) {
        bool mine = near[i].trial >= b->chapter;
        if (mine ? n < LOCAL_POINTS_MAX && (n < enough || near[i].distance <= 1) : old < LOCAL_POINTS_MAX && near[i].distance <= 1) {
            in[near[i].trial] = true;
            n += mine;
            old += !mine;
        }
    }
    *members = 0;
    for (int i = 0; i < b->told.n; i++)
        if (in[i])
            member[(*members)++] = i;
    free(near);
    free(in);
    return OK;
}

/* Around the best of the chapter; where results depend on the context, around the best in this one. */
static enum err ask_local(struct math_bo *b, const double *context, const struct anchors *a, int best, double *x, double *score, struct fault *fault)
{
    double         lo[MATH_PROJECT_MAX], hi[MATH_PROJECT_MAX], centre[MATH_PROJECT_MAX];
    double         shift[MATH_GP_FEATURES_MAX], stretch[MATH_GP_FEATURES_MAX];
    int            member[2 * LOCAL_POINTS_MAX], members = 0, top = -1;
    struct rand    r;
    struct anchors mine = { 0 };
    const double  *x_centre = b->contextual ? a->x + (size_t)best * (size_t)b->space.params : b->told.x + (size_t)b->centre * (size_t)b->space.params;
    double         features[MATH_GP_FEATURES_MAX], columns[MATH_PROJECT_MAX];
    bo_to_cube(b, x_centre, centre);
    bo_see(b, x_centre, features, columns);
    lay_region(b, centre, features, lo, hi, shift, stretch);
    enum err e = gather(b, centre, lo, hi, member, &members, fault);
    bo_rand(b, b->told.n, BO_LOCAL_FIT, &r);
    if (e == OK)
        e = bo_model_build(b->local, b, member, members, b->chapter, shift, stretch, LOCAL_EVALUATIONS, &r, fault);
    if (e == OK)
        e = anchors_new(b, context, member, members, b->chapter, &mine, fault);
    if (e == OK)
        e = bo_model_incumbent(b->local, b, mine.n, mine.trial, mine.features, mine.columns, &top, fault);
    bo_rand(b, b->told.n, BO_SEARCH, &r);
    if (e == OK && top >= 0)                               /* with noise not always the centre */
        bo_to_cube(b, mine.x + (size_t)top * (size_t)b->space.params, centre);
    struct bo_hunt hunt = { .model = b->local, .context = context, .lo = lo, .hi = hi, .anchor = centre, .anchors = 1, .r = &r };
    if (e == OK)
        e = bo_search(b, &hunt, x, score, fault);
    anchors_free(&mine);
    return e;
}

static enum err guess_at(const struct math_bo *b, struct bo_model *m, const double *x, double z, struct math_bo_guess *g, struct fault *fault)
{
    double features[MATH_GP_FEATURES_MAX], columns[MATH_PROJECT_MAX], mean = 0, variance = 0, log_works = 0;
    *g = (struct math_bo_guess){ (double)NAN, (double)NAN, (double)NAN, (double)NAN };
    bo_see(b, x, features, columns);
    enum err e = bo_model_log_works(m, b, 1, features, &log_works, fault);
    if (e != OK)
        return e;
    g->works = exp(log_works);
    if (m->results == 0)
        return OK;
    e = bo_model_predict(m, b, 1, features, columns, &mean, &variance, fault);
    if (e != OK)
        return e;
    g->y = math_warp_undo(&m->warp, mean);
    g->lo = math_warp_undo(&m->warp, mean - z * sqrt(variance));
    g->hi = math_warp_undo(&m->warp, mean + z * sqrt(variance));
    return OK;
}

/* Before something is asked: what is believed now, what it is compared with, and the best of that; -1: nothing worked yet. Only a contextual search keeps its context. */
static enum err take_stock(struct math_bo *b, const double **context, struct anchors *a, int *best, struct fault *fault)
{
    enum err e = math_space_check_given(&b->space, *context, fault);
    *context = b->contextual ? *context : NULL;
    if (e == OK && b->told.n > 0)
        e = believe(b, fault);
    if (e == OK)
        e = anchors_new(b, *context, NULL, b->told.n, b->chapter, a, fault);
    if (e == OK && b->told.n > 0)
        e = bo_model_incumbent(b->global, b, a->n, a->trial, a->features, a->columns, best, fault);
    return e;
}

enum err math_bo_ask(struct math_bo *b, const double *context, double *x, struct math_bo_reason *why, struct fault *fault)
{
    struct math_bo_reason reason = { .phase = bo_phase(b, b->told.n), .trial = b->told.n, .chapter = b->chapters, .score = (double)NAN, .region = b->region.length,
                                     .guess = { (double)NAN, (double)NAN, (double)NAN, (double)NAN } };
    struct anchors        a = { 0 };
    struct rand           r;
    int                   best = -1;
    enum err              e = take_stock(b, &context, &a, &best, fault);
    if (e == OK && reason.phase == MATH_BO_LOCAL && (best < 0 || b->centre < 0))
        reason.phase = MATH_BO_GLOBAL;                     /* no centre: nothing worked within the limits yet */
    if (e == OK)
        switch (reason.phase) {
        case MATH_BO_STARTING:
            e = ask_start(b, context, x, fault);
            break;
        case MATH_BO_RANDOM:
            bo_rand(b, b->told.n, BO_RANDOM, &r);
            e = bo_search_random(b, context, &r, x, fault);
            break;
        case MATH_BO_LOCAL:
            e = ask_local(b, context, &a, best, x, &reason.score, fault);
            break;
        case MATH_BO_GLOBAL:
            e = ask_global(b, context, &a, x, &reason.score, fault);
            break;
        }
    if (e == OK && b->told.n > 0)
        e = guess_at(b, b->global, x, 1, &reason.guess, fault);
    anchors_free(&a);
    if (why && e == OK)
        *why = reason;
    return e;
}

/* ---- answering ---- */

enum err math_bo_best(struct math_bo *b, const double *context, double *x, struct math_bo_guess *guess, struct fault *fault)
{
    struct anchors   a = { 0 };
    struct bo_model *m = NULL;
    int              best = -1;
    enum err         e = math_space_check_given(&b->space, context, fault);
    context = b->contextual ? context : NULL;
    if (e == OK)
        e = recall(b, &m, fault);
    if (e == OK)
        e = anchors_new(b, context, NULL, b->told.n, 0, &a, fault);
    if (e == OK)
        e = bo_model_incumbent(m, b, a.n, a.trial, a.features, a.columns, &best, fault);
    if (e == OK && best < 0)
        e = fail(fault, ERR_MISSING, a.n == 0 ? "nothing worked yet" : "nothing kept the limits yet");
    if (e == OK) {
        memcpy(x, a.x + (size_t)best * (size_t)b->space.params, (size_t)b->space.params * sizeof *x);
        if (guess)
            e = guess_at(b, m, x, 1, guess, fault);
    }
    anchors_free(&a);
    return e;
}

enum err math_bo_guess(struct math_bo *b, const double *x, double z, struct math_bo_guess *guess, struct fault *fault)
{
    double           u[MATH_SPACE_MAX];
    struct bo_model *m = NULL;
    enum err         e = math_space_encode(&b->space, x, u, fault);
    if (e == OK && b->told.n == 0)
        e = fail(fault, ERR_MISSING, "nothing was told yet");
    if (e == OK)
        e = recall(b, &m, fault);
    return e == OK ? guess_at(b, m, x, z, guess, fault) : e;
}

enum err math_bo_hope(struct math_bo *b, const double *context, int count, const double *x, double *hope, struct fault *fault)
{
    size_t         rows = (size_t)(count > 0 ? count : 1);
    double        *features = calloc(rows * (size_t)b->features, sizeof *features), *columns = calloc(rows * (size_t)b->columns, sizeof *columns);
    double         u[MATH_SPACE_MAX];
    struct anchors a = { 0 };
    int            best = -1;
    enum err       e = features && columns ? take_stock(b, &context, &a, &best, fault) : fail(fault, ERR_LIMIT, "no memory for %d places", count);
    for (int i = 0; i < count && e == OK; i++)
        e = math_space_encode(&b->space, x + (size_t)i * (size_t)b->space.params, u, fault);
    for (int i = 0; i < count && e == OK; i++) {
        bo_see(b, x + (size_t)i * (size_t)b->space.params, features + (size_t)i * (size_t)b->features, columns + (size_t)i * (size_t)b->columns);
        hope[i] = -INFINITY;
    }
    if (e == OK && best >= 0)
        e = bo_model_score(b->global, b, count, features, columns, hope, fault);
    anchors_free(&a);
    free(features);
    free(columns);
    return e;
}

enum err math_bo_importance(struct math_bo *b, double *weight, struct fault *fault)
{
    size_t              params = (size_t)b->space.params;
    int                 n = 0;
    struct math_forest *forest = NULL;
    struct rand         r;
    double             *x = calloc((size_t)b->told.n * (params + 3) + 1, sizeof *x), *y = x + (size_t)b->told.n * params, *scratch = y + b->told.n;
    enum err            e = x ? OK : fail(fault, ERR_LIMIT, "no memory for %d trials", b->told.n);
    for (int i = 0; i < b->told.n && e == OK; i++)
        if (!b->told.failed[i]) {
            math_space_columns(&b->space, b->told.x + (size_t)i * params, x + (size_t)n * params);
            y[n++] = b->told.y[i];
        }
    if (e == OK && n < 4)
        e = fail(fault, ERR_MISSING, "%d results say nothing of what matters", n);
    if (e == OK)
        e = math_forest_new(b->space.params, b->space.choices_of, &forest, fault);
    if (e == OK) {
        struct math_warp warp = math_warp_fit(y, n, b->set.no_warp, scratch);
        for (int i = 0; i < n; i++)
            y[i] = math_warp_apply(&warp, y[i]);
        bo_rand(b, b->told.n, BO_IMPORTANCE, &r);
        e = math_forest_fit(forest, n, x, y, &(struct math_forest_options){ .trees = 100, .leaf_min = 3 }, &r, fault);
    }
    for (size_t i = 0; i < params && e == OK; i++)
        weight[i] = forest->importance[i];
    math_forest_free(forest);
    free(x);
    return e;
}
