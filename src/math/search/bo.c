/* math/search/bo.c - the story of an optimiser: what it was told, and what follows from that alone. Asking and answering: bo_ask.c. */
#include "math/search/bo_parts.h"

#include "math/stats/describe.h"
#include "math/search/design.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { STARTS_MIN = 4, STARTS_MAX = 12, TURNS = 4 };   /* of four turns one is for the whole space, the others for the region */
#define CONTEXT_LENGTH 0.4                                   /* of a region that only follows */

const char *math_bo_phase_name(enum math_bo_phase p)
{
    static const char *const names[] = { "start", "global", "local", "random" };
    return (unsigned)p < 4 ? names[p] : "?";
}

void bo_rand(const struct math_bo *b, int trial, enum bo_purpose purpose, struct rand *r)
{
    rand_seed(r, b->seed ^ ((uint64_t)trial * UINT64_C(0x9e3779b97f4a7c15)) ^ ((uint64_t)purpose << 56));
}

/* ---- beginning and end ---- */

static enum err check_settings(const struct math_space *space, const struct math_bo_settings *s, bool contextual, struct fault *fault)
{
    if (s->limits < 0 || s->limits > MATH_BO_LIMITS_MAX)
        return fail(fault, ERR_INPUT, "%d limits; 0 to %d", s->limits, MATH_BO_LIMITS_MAX);
    if (!(s->works_min < 1))
        return fail(fault, ERR_INPUT, "a probability of at least %g that it works", s->works_min);
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
        bo_rand(b, 0, BO_PROJECTION, &r);
        b->projected = true;
        e = math_projection_init(&b->projection, b->space.params, b->set.project, &r, fault);
    }
    b->dims = b->projected ? b->set.project : b->space.params;
    b->features = b->projected ? b->set.project : b->space.features;
    b->columns = b->dims;
    own = b->projected ? b->dims : own;
    b->starts = b->set.starts > 0 ? b->set.starts : own + 1 < STARTS_MIN ? STARTS_MIN : own + 1 > STARTS_MAX ? STARTS_MAX : own + 1;
    b->region = math_region_usual(own);
    if (b->contextual)
        b->region.length = CONTEXT_LENGTH;
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
    void *const     array[] = { t->x, t->cube, t->features, t->columns, t->y, t->noise_sd, t->limit, t->failed, t->scratch };
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
    math_space_decode_given(&b->space, u, context, x);
}

void bo_to_cube(const struct math_bo *b, const double *x, double *cube)
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
        bo_to_cube(b, x, features);
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

enum math_bo_phase bo_phase(const struct math_bo *b, int n)
{
    double      share = b->set.random_share == 0 && b->set.surrogate == MATH_BO_FOREST ? 0.1 : b->set.random_share;
    struct rand r;
    bo_rand(b, n, BO_LOT, &r);
    if (n - b->chapter < b->starts)
        return MATH_BO_STARTING;
    if (rand_unit(&r) < share)
        return MATH_BO_RANDOM;
    bool region = b->set.surrogate == MATH_BO_GP && !b->set.no_region && b->centre >= 0;
    return region && (n - b->chapter - b->starts) % TURNS != 0 ? MATH_BO_LOCAL : MATH_BO_GLOBAL;
}

/* ---- the trust region: also a function of what was told ---- */

/* How much the results of this chapter differ: what separates the middle one from the best. */
static double spread(const struct math_bo *b)
{
    double *result = b->told.scratch, best = -INFINITY;
    int     n = 0;
    for (int i = b->chapter; i < b->told.n; i++)
        if (!b->told.failed[i]) {
            result[n++] = b->told.y[i];
            best = fmax(best, b->told.y[i]);
        }
    double wide = n > 0 ? best - math_median(result, n, result + n) : 0;
    return wide > 0 ? wide : 1e-300;
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

bool bo_kept(const struct math_bo *b, int trial)
{
    bool kept = !b->told.failed[trial];
    for (int k = 0; k < b->set.limits; k++)
        kept = kept && !(b->told.limit[trial * MATH_BO_LIMITS_MAX + k] > 0);
    return kept;
}

/* A region is not laid around what may have broken a limit unseen: there might be nothing in it that may be asked. */
bool bo_surely_kept(const struct math_bo *b, int trial)
{
    bool known = true;
    for (int k = 0; k < b->set.limits; k++)
        known = known && !isnan(b->told.limit[trial * MATH_BO_LIMITS_MAX + k]);
    return known && bo_kept(b, trial);
}

/*
 * Where nothing is left to win, the chapter ends: the next one begins with points that fill the space, its own models and its own
 * region.  So the search is not held by the first hill that it climbed; what works and the limits are not forgotten.  Where
 * results depend on a context they cannot be compared like that: the region only follows the best.
 */
static void move_region(struct math_bo *b, int trial, enum math_bo_phase phase)
{
    bool   inside = b->centre >= 0 && apart(b, trial, b->centre) <= b->region.length;
    double gain = -INFINITY;
    if (bo_surely_kept(b, trial))
        gain = b->centre < 0 ? INFINITY : (b->told.y[trial] - b->told.y[b->centre]) / spread(b);
    if (gain > 0)
        b->centre = trial;
    if (b->contextual || trial - b->chapter < b->starts)
        return;
    if (!inside && gain > MATH_REGION_WIN)                  /* somewhere else is better than all that was climbed to here */
        math_region_anew(&b->region);
    if (inside && (phase == MATH_BO_LOCAL || gain > MATH_REGION_WIN) && math_region_told(&b->region, gain)) {
        b->chapters++;
        b->chapter = b->set.one_chapter ? b->chapter : b->told.n;
        b->centre = b->set.one_chapter ? b->centre : -1;
    }
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
        !grow(&t->noise_sd, room * d) || !grow(&t->limit, room * MATH_BO_LIMITS_MAX * d) || !grow(&t->failed, room * sizeof(bool)) || !grow(&t->scratch, 2 * room * d))
        return fail(fault, ERR_LIMIT, "no memory for %zu trials", room);
    t->room = (int)room;
    return OK;
}

/* What a trial says of a limit, or of the result when k < 0; NAN: nothing. */
static double reading(const struct bo_told *t, int trial, int k)
{
    return t->failed[trial] ? (double)NAN : k < 0 ? t->y[trial] : t->limit[trial * MATH_BO_LIMITS_MAX + k];
}

/* The first reading from trial `from` on, or the first that is another than all before: until then nothing was known of the scale. */
static bool is_first(const struct bo_told *t, int from, int trial, int k)
{
    double now = reading(t, trial, k), before = (double)NAN;
    if (isnan(now))
        return false;
    for (int i = from; i < trial; i++) {
        double v = reading(t, i, k);
        if (isnan(v))
            continue;
        if (v == now || (!isnan(before) && v != before))
            return false;
        before = v;
    }
    return true;
}

/* The first of its kind: a failure, a result, a reading of a limit, or the first that differs. A model without it cannot be extended by it. */
static bool is_news(const struct math_bo *b, int trial)
{
    const struct bo_told *t = &b->told;
    bool                  first = t->failed[trial];
    for (int i = 0; i < trial && first; i++)
        first = !t->failed[i];
    for (int k = -1; k < b->set.limits && !first; k++)
        first = is_first(t, k < 0 ? b->chapter : 0, trial, k);
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
    struct bo_told    *t = &b->told;
    size_t             i = (size_t)t->n;
    enum math_bo_phase phase = bo_phase(b, t->n);
    memcpy(t->x + i * (size_t)b->space.params, trial->x, (size_t)b->space.params * sizeof *t->x);
    bo_to_cube(b, trial->x, t->cube + i * (size_t)b->dims);
    bo_see(b, trial->x, t->features + i * (size_t)b->features, t->columns + i * (size_t)b->columns);
    t->failed[i] = trial->failed;
    t->y[i] = trial->failed ? 0 : trial->y;
    t->noise_sd[i] = trial->noise_sd;
    for (int k = 0; k < MATH_BO_LIMITS_MAX; k++)
        t->limit[i * MATH_BO_LIMITS_MAX + (size_t)k] = k < b->set.limits ? trial->limit[k] : (double)NAN;
    t->n++;
    if (is_news(b, (int)i))
        b->news = t->n;
    move_region(b, (int)i, phase);
    return OK;
}
