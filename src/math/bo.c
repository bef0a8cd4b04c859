/* math/bo.c - the story of an optimiser: what it was told, whose turn it is, what it answers. */
#include "math/bo_parts.h"

#include "math/describe.h"
#include "math/design.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    STARTS_MIN = 4, STARTS_MAX = 12,
    TURNS = 4,                              /* one for the whole space, the others for the region */
    GLOBAL_EVALUATIONS = 50, LOCAL_EVALUATIONS = 50,
    LOCAL_POINTS_MAX = 60,                  /* a local model knows the nearest ones */
    ANCHORS = 4,
};

/* What chance is drawn for: separate streams, so that one draw more in one place changes nothing in another. */
enum purpose { FOR_DESIGN = 1, FOR_PROJECTION, FOR_LOT, FOR_RANDOM, FOR_GLOBAL_FIT, FOR_LOCAL_FIT, FOR_SEARCH, FOR_IMPORTANCE };

const char *math_bo_phase_name(enum math_bo_phase p)
{
    static const char *const names[] = { "start", "global", "local", "random" };
    return (unsigned)p < 4 ? names[p] : "?";
}

void bo_rand(const struct math_bo *b, int trial, int purpose, struct rand *r)
{
    rand_seed(r, b->seed ^ ((uint64_t)trial * UINT64_C(0x9e3779b97f4a7c15)) ^ ((uint64_t)purpose << 56));
}

/* ---- beginning and end ---- */

static enum err check_settings(const struct math_space *space, const struct math_bo_settings *s, bool contextual, struct fault *fault)
{
    if (s->limits < 0 || s->limits > MATH_BO_LIMITS_MAX)
        return fail(fault, ERR_INPUT, "%d limits; 0 to %d", s->limits, MATH_BO_LIMITS_MAX);
    if (!(s->kappa >= 0) || !(s->random_share <= 1) || s->starts < 0 || s->repeats < 0)
        return fail(fault, ERR_INPUT, "kappa %g, random share %g, %d starts, %d repeats", s->kappa, s->random_share, s->starts, s->repeats);
    if (s->project < 0 || s->project > space->params || (s->project > 0 && contextual))
        return fail(fault, ERR_INPUT, "%d parameters cannot be projected to %d coordinates%s", space->params, s->project, contextual ? " when some are given" : "");
    return OK;
}

enum err math_bo_new(const struct math_space *space, const struct math_bo_settings *settings, uint64_t seed, struct math_bo **out, struct fault *fault)
{
    struct math_bo *b = calloc(1, sizeof *b);
    int             own = 0;
    *out = NULL;
    if (!b)
        return fail(fault, ERR_LIMIT, "no memory for an optimiser");
    b->space = *space;
    b->set = settings ? *settings : (struct math_bo_settings){ 0 };
    b->seed = seed;
    b->centre = b->global_fitted = b->global_seen = b->whole_seen = -1;
    enum err e = math_space_init(&b->space, fault);
    for (int i = 0; i < b->space.params && e == OK; i++) {
        b->contextual = b->contextual || b->space.param[i].context;
        own += !b->space.param[i].context;
    }
    if (e == OK)
        e = own > 0 ? check_settings(&b->space, &b->set, b->contextual, fault) : fail(fault, ERR_INPUT, "all parameters are given, none is left to choose");
    if (e == OK && b->set.project > 0) {
        struct rand r;
        bo_rand(b, 0, FOR_PROJECTION, &r);
        b->projected = true;
        e = math_projection_init(&b->projection, b->space.params, b->set.project, &r, fault);
    }
    b->dims = b->projected ? b->set.project : b->space.params;
    b->features = b->projected ? b->set.project : b->space.features;
    b->columns = b->dims;
    own = b->projected ? b->dims : own;
    b->starts = b->set.starts > 0 ? b->set.starts : own + 1 < STARTS_MIN ? STARTS_MIN : own + 1 > STARTS_MAX ? STARTS_MAX : own + 1;
    b->region = math_region_usual(own);
    if (e == OK)
        e = bo_model_new(b, &b->global, fault);
    if (e == OK)
        e = bo_model_new(b, &b->local, fault);
    if (e == OK)
        e = bo_model_new(b, &b->whole, fault);
    if (e != OK) {
        math_bo_free(b);
        return e;
    }
    *out = b;
    return OK;
}

void math_bo_free(struct math_bo *b)
{
    if (!b)
        return;
    struct bo_told *t = &b->told;
    void *const     array[] = { t->x, t->cube, t->features, t->columns, t->y, t->noise_sd, t->limit, t->failed };
    for (size_t i = 0; i < sizeof array / sizeof array[0]; i++)
        free(array[i]);
    bo_model_free(b->global);
    bo_model_free(b->local);
    bo_model_free(b->whole);
    free(b);
}

int math_bo_trials(const struct math_bo *b) { return b->told.n; }

/* ---- between the searched cube and what is tried ---- */

bool bo_is_free(const struct math_bo *b, int dim) { return b->projected || !b->space.param[dim].context; }

void bo_configure(const struct math_bo *b, const double *cube, const double *context, double *x)
{
    double        large[MATH_PROJECT_MAX];
    const double *u = cube;
    if (b->projected) {
        math_projection_up(&b->projection, cube, large);
        u = large;
    }
    math_space_decode(&b->space, u, x);
    for (int i = 0; i < b->space.params && context; i++)
        if (b->space.param[i].context)
            x[i] = context[i];
}

/* The cube of a configuration that is known to be good. */
static void to_cube(const struct math_bo *b, const double *x, double *cube)
{
    double   u[MATH_SPACE_MAX];
    enum err e = math_space_encode(&b->space, x, u, NULL);
    assert(e == OK);
    (void)e;
    if (b->projected)
        math_projection_down(&b->projection, u, cube);
    else
        memcpy(cube, u, (size_t)b->dims * sizeof *cube);
}

void bo_see(const struct math_bo *b, const double *x, double *features, double *columns)
{
    if (b->projected) {
        to_cube(b, x, features);
        memcpy(columns, features, (size_t)b->dims * sizeof *columns);
        return;
    }
    math_space_features(&b->space, x, features);
    math_space_columns(&b->space, x, columns);
}

int bo_times_tried(const struct math_bo *b, const double *x)
{
    int times = 0;
    for (int i = 0; i < b->told.n; i++)
        times += math_space_same(&b->space, x, b->told.x + (size_t)i * (size_t)b->space.params);
    return times;
}

/* ---- whose turn it is: a function of what was told ---- */

static enum math_bo_phase phase_of(const struct math_bo *b, int n)
{
    double      share = b->set.random_share == 0 && b->set.surrogate == MATH_BO_FOREST ? 0.1 : b->set.random_share;
    struct rand r;
    bo_rand(b, n, FOR_LOT, &r);
    if (n - b->chapter < b->starts)
        return MATH_BO_STARTING;
    if (rand_unit(&r) < share)
        return MATH_BO_RANDOM;
    bool region = b->set.surrogate == MATH_BO_GP && !b->set.no_region && b->centre >= 0;
    return region && (n - b->chapter - b->starts) % TURNS != 0 ? MATH_BO_LOCAL : MATH_BO_GLOBAL;
}

/* ---- the trust region: also a function of what was told ---- */

/* How much results differ: what separates the middle one from the best. */
static double spread_of(const struct math_bo *b, double *scratch)
{
    int    n = 0;
    double best = -INFINITY;
    for (int i = b->chapter; i < b->told.n; i++)
        if (!b->told.failed[i]) {
            scratch[n++] = b->told.y[i];
            best = fmax(best, b->told.y[i]);
        }
    double spread = n > 0 ? best - math_median(scratch, n, scratch + n) : 0;
    return spread > 0 ? spread : 1e-300;
}

/* Largest difference of the cubes of two trials in a coordinate that is ours. */
static double apart(const struct math_bo *b, int one, int other)
{
    const double *u = b->told.cube + (size_t)one * (size_t)b->dims, *v = b->told.cube + (size_t)other * (size_t)b->dims;
    double        far = 0;
    for (int d = 0; d < b->dims; d++)
        if (bo_is_free(b, d))
            far = fmax(far, fabs(u[d] - v[d]));
    return far;
}

/*
 * Where nothing is left to win, the chapter ends: the next one begins with points that fill the space, its own models and its own
 * region.  So the search is not held by the first hill that it climbed; what works and the limits are not forgotten.
 */
static enum err move_region(struct math_bo *b, int trial, struct fault *fault)
{
    const struct bo_told *t = &b->told;
    if (t->failed[trial] && b->centre < 0)
        return OK;
    double *scratch = calloc(2 * (size_t)t->n, sizeof *scratch);
    if (!scratch)
        return fail(fault, ERR_LIMIT, "no memory to compare %d trials", t->n);
    double spread = spread_of(b, scratch), gain = t->failed[trial] ? -INFINITY : b->centre < 0 ? INFINITY : (t->y[trial] - t->y[b->centre]) / spread;
    bool   inside = b->centre >= 0 && apart(b, trial, b->centre) <= b->region.length, starting = trial - b->chapter < b->starts;
    free(scratch);
    if (gain > 0)
        b->centre = trial;
    if (starting)
        return OK;
    if (!inside && gain > MATH_REGION_WIN)                  /* somewhere else is better than all that was climbed to here */
        math_region_anew(&b->region);
    if (inside && math_region_told(&b->region, gain)) {
        b->chapter = t->n;
        b->centre = -1;
    }
    return OK;
}

/* ---- telling ---- */

static bool grow(void *array, size_t size)
{
    void *more = realloc(*(void **)array, size);
    if (more)
        *(void **)array = more;
    return more != NULL;
}

static enum err make_room(struct math_bo *b, struct fault *fault)
{
    struct bo_told *t = &b->told;
    if (t->n >= MATH_BO_TRIALS_MAX)
        return fail(fault, ERR_LIMIT, "an optimiser keeps %d trials", MATH_BO_TRIALS_MAX);
    if (t->n < t->room)
        return OK;
    size_t room = t->room ? 2 * (size_t)t->room : 32, d = sizeof(double);
    if (!grow(&t->x, room * (size_t)b->space.params * d) || !grow(&t->cube, room * (size_t)b->dims * d) ||
        !grow(&t->features, room * (size_t)b->features * d) || !grow(&t->columns, room * (size_t)b->columns * d) || !grow(&t->y, room * d) ||
        !grow(&t->noise_sd, room * d) || !grow(&t->limit, room * MATH_BO_LIMITS_MAX * d) || !grow(&t->failed, room * sizeof(bool)))
        return fail(fault, ERR_LIMIT, "no memory for %zu trials", room);
    t->room = (int)room;
    return OK;
}

/* The first of its kind: a failure, a result, a reading of a limit. A model without it cannot be extended by it. */
static bool is_news(const struct math_bo *b, int trial)
{
    const struct bo_told *t = &b->told;
    bool                  first = true;
    for (int i = t->failed[trial] ? 0 : b->chapter; i < trial && first; i++)
        first = t->failed[i] != t->failed[trial];
    for (int k = 0; k < b->set.limits && !first && !t->failed[trial]; k++) {
        first = !isnan(t->limit[trial * MATH_BO_LIMITS_MAX + k]);
        for (int i = 0; i < trial && first; i++)
            first = t->failed[i] || isnan(t->limit[i * MATH_BO_LIMITS_MAX + k]);
    }
    return first;
}

enum err math_bo_tell(struct math_bo *b, const struct math_bo_trial *trial, struct fault *fault)
{
    double   u[MATH_SPACE_MAX];
    enum err e = math_space_encode(&b->space, trial->x, u, fault);
    if (e == OK && !trial->failed && !isfinite(trial->y))
        e = fail(fault, ERR_INPUT, "a result that is not a finite number: a trial without one has failed");
    if (e == OK && !(trial->noise_sd >= 0 && isfinite(trial->noise_sd)))
        e = fail(fault, ERR_INPUT, "the noise of a result is not a standard deviation");
    for (int k = 0; k < b->set.limits && e == OK; k++)
        if (isinf(trial->limit[k]))
            e = fail(fault, ERR_INPUT, "limit %d is infinite", k);
    if (e == OK)
        e = make_room(b, fault);
    if (e != OK)
        return e;
    struct bo_told *t = &b->told;
    size_t          i = (size_t)t->n;
    memcpy(t->x + i * (size_t)b->space.params, trial->x, (size_t)b->space.params * sizeof *t->x);
    to_cube(b, trial->x, t->cube + i * (size_t)b->dims);
    bo_see(b, trial->x, t->features + i * (size_t)b->features, t->columns + i * (size_t)b->columns);
    t->failed[i] = trial->failed;
    t->y[i] = trial->failed ? 0 : trial->y;
    t->noise_sd[i] = trial->noise_sd;
    for (int k = 0; k < MATH_BO_LIMITS_MAX; k++)
        t->limit[i * MATH_BO_LIMITS_MAX + (size_t)k] = k < b->set.limits ? trial->limit[k] : (double)NAN;
    t->n++;
    if (is_news(b, (int)i))
        b->news = t->n;
    return move_region(b, (int)i, fault);
}

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
    bo_rand(b, n, FOR_GLOBAL_FIT, &r);
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
        for (int k = 0; k < b->space.params && context; k++)
            if (b->space.param[k].context)
                x[k] = context[k];
        bo_see(b, x, a->features + (size_t)a->n * (size_t)b->features, a->columns + (size_t)a->n * (size_t)b->columns);
        a->trial[a->n++] = at;
    }
    return OK;
}

/* ---- asking ---- */

static enum err check_context(const struct math_bo *b, const double *context, struct fault *fault)
{
    if (b->contextual && !context)
        return fail(fault, ERR_INPUT, "some parameters are given with each question, and this one came without");
    for (int i = 0; i < b->space.params && b->contextual; i++) {
        const struct math_param *p = &b->space.param[i];
        if (!p->context)
            continue;
        if (!isfinite(context[i]))
            return fail(fault, ERR_INPUT, "parameter %d, which is given, is not a finite number", i);
        if (p->kind == MATH_PARAM_CATEGORY && !(context[i] >= 0 && context[i] < p->choices && context[i] == floor(context[i])))
            return fail(fault, ERR_INPUT, "parameter %d, which is given, has no choice %g", i, context[i]);
    }
    return OK;
}

/* The next point that fills the space and was not tried; how even it is does not depend on what was told unasked. */
static enum err ask_start(const struct math_bo *b, const double *context, double *x, struct fault *fault)
{
    struct rand       r;
    struct math_sobol sobol;
    double            cube[MATH_PROJECT_MAX];
    int               done = b->told.n - b->chapter;
    bo_rand(b, b->chapter, FOR_DESIGN, &r);
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
    bo_rand(b, b->told.n, FOR_RANDOM, &r);
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
        to_cube(b, a->x + (size_t)top * (size_t)b->space.params, cubes + (size_t)*got * (size_t)b->dims);
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
    bo_rand(b, b->told.n, FOR_SEARCH, &r);
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

static enum err ask_local(struct math_bo *b, const double *context, double *x, double *score, struct fault *fault)
{
    double         lo[MATH_PROJECT_MAX], hi[MATH_PROJECT_MAX], centre[MATH_PROJECT_MAX];
    double         shift[MATH_GP_FEATURES_MAX], stretch[MATH_GP_FEATURES_MAX];
    int            member[2 * LOCAL_POINTS_MAX], members = 0, top = -1;
    struct rand    r;
    struct anchors mine = { 0 };
    memcpy(centre, b->told.cube + (size_t)b->centre * (size_t)b->dims, (size_t)b->dims * sizeof *centre);
    lay_region(b, centre, b->told.features + (size_t)b->centre * (size_t)b->features, lo, hi, shift, stretch);
    enum err e = gather(b, centre, lo, hi, member, &members, fault);
    bo_rand(b, b->told.n, FOR_LOCAL_FIT, &r);
    if (e == OK)
        e = bo_model_build(b->local, b, member, members, b->chapter, shift, stretch, LOCAL_EVALUATIONS, &r, fault);
    if (e == OK)
        e = anchors_new(b, context, member, members, b->chapter, &mine, fault);
    if (e == OK)
        e = bo_model_incumbent(b->local, b, mine.n, mine.trial, mine.features, mine.columns, &top, fault);
    bo_rand(b, b->told.n, FOR_SEARCH, &r);
    if (e == OK && top >= 0)                               /* with noise not always the centre */
        to_cube(b, mine.x + (size_t)top * (size_t)b->space.params, centre);
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

enum err math_bo_ask(struct math_bo *b, const double *context, double *x, struct math_bo_reason *why, struct fault *fault)
{
    struct math_bo_reason reason = { .phase = phase_of(b, b->told.n), .trial = b->told.n, .score = (double)NAN, .region = b->region.length,
                                     .guess = { (double)NAN, (double)NAN, (double)NAN, (double)NAN } };
    struct anchors        a = { 0 };
    struct rand           r;
    int                   best = -1;
    enum err              e = check_context(b, context, fault);
    context = b->contextual ? context : NULL;
    if (e == OK && b->told.n > 0)
        e = believe(b, fault);
    if (e == OK)
        e = anchors_new(b, context, NULL, b->told.n, b->chapter, &a, fault);
    if (e == OK && b->told.n > 0)
        e = bo_model_incumbent(b->global, b, a.n, a.trial, a.features, a.columns, &best, fault);
    if (e == OK && reason.phase == MATH_BO_LOCAL && best < 0)
        reason.phase = MATH_BO_GLOBAL;                     /* no centre: nothing worked within the limits yet */
    if (e == OK)
        switch (reason.phase) {
        case MATH_BO_STARTING:
            e = ask_start(b, context, x, fault);
            break;
        case MATH_BO_RANDOM:
            bo_rand(b, b->told.n, FOR_RANDOM, &r);
            e = bo_search_random(b, context, &r, x, fault);
            break;
        case MATH_BO_LOCAL:
            e = ask_local(b, context, x, &reason.score, fault);
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
    enum err         e = check_context(b, context, fault);
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
        bo_rand(b, b->told.n, FOR_IMPORTANCE, &r);
        e = math_forest_fit(forest, n, x, y, &(struct math_forest_options){ .trees = 100, .leaf_min = 3 }, &r, fault);
    }
    for (size_t i = 0; i < params && e == OK; i++)
        weight[i] = forest->importance[i];
    math_forest_free(forest);
    free(x);
    return e;
}
