/* math/search/space.c - between values, the cube and the features. */
#include "math/search/space.h"

#include "math/search/bend.h"

#include <assert.h>
#include <math.h>
#include <string.h>

static double clip(double v, double lo, double hi) { return v < lo ? lo : v > hi ? hi : v; }

static double step_of(const struct math_param *p) { return p->kind == MATH_PARAM_INTEGER && !(p->step > 0) ? 1 : p->step; }

double math_space_edge(const struct math_param *p)
{
    if (p->specials == 0)
        return 0;
    return p->special_share > 0 ? p->special_share : MATH_SPECIAL_SHARE;
}

double math_space_bend(const struct math_param *p, double u, double by)
{
    double edge = math_space_edge(p);
    return p->kind != MATH_PARAM_CATEGORY && u > edge ? edge + (1 - edge) * math_bend_undo((u - edge) / (1 - edge), by) : u;
}

int math_space_special(const struct math_param *p, double value)
{
    for (int k = 0; k < p->specials; k++)
        if (p->special[k] == value)
            return k;
    return -1;
}

/* ---- checking and laying out ---- */

static enum err check_number(const struct math_param *p, int i, struct fault *fault)
{
    if (!isfinite(p->lo) || !isfinite(p->hi) || p->lo > p->hi)
        return fail(fault, ERR_INPUT, "parameter %d ranges from %g to %g", i, p->lo, p->hi);
    if (p->log && !(p->lo > 0))
        return fail(fault, ERR_INPUT, "parameter %d has ratios but begins at %g", i, p->lo);
    if (!(p->step >= 0) || !isfinite(p->step))
        return fail(fault, ERR_INPUT, "parameter %d goes in steps of %g", i, p->step);
    if (p->specials < 0 || p->specials > MATH_SPECIALS_MAX || !(p->special_share >= 0) || p->special_share >= 1)
        return fail(fault, ERR_INPUT, "parameter %d has %d special values with a share of %g", i, p->specials, p->special_share);
    for (int k = 0; k < p->specials; k++)
        if (!isfinite(p->special[k]))
            return fail(fault, ERR_INPUT, "a special value of parameter %d is not a finite number", i);
    return OK;
}

static enum err check_lean(struct math_space *s, int i, int other, const char *how, struct fault *fault)
{
    if (other == 0)
        return OK;
    if (other < 1 || other > i)
        return fail(fault, ERR_INPUT, "parameter %d %s number %d, which is not before it", i, how, other - 1);
    s->leaned_on[other - 1] = true;
    return OK;
}

static enum err check_param(struct math_space *s, int i, struct fault *fault)
{
    const struct math_param *p = &s->param[i];
    enum err                 e = OK;
    if (p->kind == MATH_PARAM_CATEGORY) {
        if (p->choices < 1 || p->choices > MATH_CHOICES_MAX || p->specials || p->below || p->above)
            return fail(fault, ERR_INPUT, "parameter %d is a category of %d choices (1 to %d), without special values or bounds", i, p->choices, MATH_CHOICES_MAX);
    } else {
        e = check_number(p, i, fault);
    }
    if (e == OK)
        e = check_lean(s, i, p->below, "is bounded by", fault);
    if (e == OK)
        e = check_lean(s, i, p->above, "is bounded by", fault);
    if (e == OK)
        e = check_lean(s, i, p->when, "depends on", fault);
    if (e == OK && ((p->below && s->param[p->below - 1].kind == MATH_PARAM_CATEGORY) || (p->above && s->param[p->above - 1].kind == MATH_PARAM_CATEGORY)))
        e = fail(fault, ERR_INPUT, "parameter %d is bounded by a category", i);
    if (e == OK && ((p->below && !(isfinite(p->below_factor) && isfinite(p->below_plus))) || (p->above && !(isfinite(p->above_factor) && isfinite(p->above_plus)))))
        e = fail(fault, ERR_INPUT, "parameter %d is bounded by what is not a finite number", i);
    if (e == OK && p->when && !(p->when_lo <= p->when_hi))
        e = fail(fault, ERR_INPUT, "parameter %d counts while another one is within %g and %g, which is never", i, p->when_lo, p->when_hi);
    if (e == OK && p->when && (!isfinite(p->idle) || (p->kind == MATH_PARAM_CATEGORY && !(p->idle >= 0 && p->idle < p->choices && p->idle == floor(p->idle)))))
        e = fail(fault, ERR_INPUT, "parameter %d has no good idle value", i);
    if (e == OK && p->context && (p->below || p->above || p->when))
        e = fail(fault, ERR_INPUT, "parameter %d is given, so it cannot depend on others", i);
    return e;
}

enum err math_space_init(struct math_space *s, struct fault *fault)
{
    enum { FEATURES_MAX = sizeof s->scale_of / sizeof s->scale_of[0] };
    int scales = 0;
    if (s->params < 1 || s->params > MATH_SPACE_MAX)
        return fail(fault, ERR_INPUT, "a space of %d parameters; 1 to %d", s->params, MATH_SPACE_MAX);
    s->features = 0;
    memset(s->leaned_on, 0, sizeof s->leaned_on);
    for (int i = 0; i < s->params; i++) {
        enum err e = check_param(s, i, fault);
        if (e != OK)
            return e;
        const struct math_param *p = &s->param[i];
        bool category = p->kind == MATH_PARAM_CATEGORY;
        int  want = category ? p->choices : 1 + p->specials;
        if (s->features + want > FEATURES_MAX)
            return fail(fault, ERR_LIMIT, "the space has more than %d features", FEATURES_MAX);
        s->feature_of[i] = s->features;
        s->choices_of[i] = category ? p->choices : 0;
        for (int f = 0; f < want; f++)                   /* a number and its specials have two length scales, a category one */
            s->scale_of[s->features++] = scales + (!category && f > 0);
        scales += 1 + (!category && p->specials > 0);
    }
    return OK;
}

/* ---- values and the cube ---- */

static bool ordinary(const struct math_space *s, const double *x, int i)
{
    return math_space_active(s, x, i) && math_space_special(&s->param[i], x[i]) < 0;
}

enum err math_space_check_given(const struct math_space *s, const double *context, struct fault *fault)
{
    for (int i = 0; i < s->params; i++) {
        const struct math_param *p = &s->param[i];
        if (!p->context)
            continue;
        if (!context)
            return fail(fault, ERR_INPUT, "some parameters are given with each question, and this one came without");
        if (!isfinite(context[i]))
            return fail(fault, ERR_INPUT, "parameter %d, which is given, is not a finite number", i);
        if (p->kind == MATH_PARAM_CATEGORY && !(context[i] >= 0 && context[i] < p->choices && context[i] == floor(context[i])))
            return fail(fault, ERR_INPUT, "parameter %d, which is given, has no choice %g", i, context[i]);
    }
    return OK;
}

bool math_space_leans(const struct math_space *s)
{
    bool leans = false;
    for (int i = 0; i < s->params; i++)
        leans = leans || (s->param[i].context && s->leaned_on[i]);
    return leans;
}

bool math_space_active(const struct math_space *s, const double *x, int i)
{
    const struct math_param *p = &s->param[i];
    if (!p->when)
        return true;
    return math_space_active(s, x, p->when - 1) && x[p->when - 1] >= p->when_lo && x[p->when - 1] <= p->when_hi;
}

/* The range of parameter i, given those before it. */
static void range_of(const struct math_space *s, const double *x, int i, double *lo, double *hi)
{
    const struct math_param *p = &s->param[i];
    *lo = p->lo;
    *hi = p->hi;
    if (p->above && ordinary(s, x, p->above - 1))
        *lo = clip(p->above_factor * x[p->above - 1] + p->above_plus, p->lo, p->hi);
    if (p->below && ordinary(s, x, p->below - 1))
        *hi = clip(p->below_factor * x[p->below - 1] + p->below_plus, p->lo, p->hi);
    *lo = fmin(*lo, *hi);                                /* where both cannot be had the upper bound wins */
    double step = step_of(p);
    if (step > 0) {
        *lo = fmin(p->lo + ceil((*lo - p->lo) / step - 1e-9) * step, p->hi);
        *hi = p->lo + floor((*hi - p->lo) / step + 1e-9) * step;
        *lo = fmin(*lo, *hi);
    }
}

/* t in [0, 1] over a range to a value, and back. Steps share the edge evenly, except on a scale of ratios. */
static double spread(const struct math_param *p, double lo, double hi, double t)
{
    double step = step_of(p), v;
    if (!(hi > lo))
        return lo;
    if (step > 0 && !p->log) {
        double levels = floor((hi - lo) / step + 1e-9) + 1;
        return lo + step * fmin(floor(t * levels), levels - 1);
    }
    if (!p->log)
        return clip(lo + t * (hi - lo), lo, hi);
    if (!(step > 0))
        return clip(lo * pow(hi / lo, t), lo, hi);
    double half = 0.5 * step, from = fmax(lo - half, 0.5 * lo);           /* the ends get a whole step, too */
    v = from * pow((hi + half) / from, t);
    return clip(lo + step * round((v - lo) / step), lo, hi);
}

static double unspread(const struct math_param *p, double lo, double hi, double v)
{
    double step = step_of(p);
    if (!(hi > lo))
        return 0.5;
    v = clip(v, lo, hi);
    if (step > 0 && !p->log) {
        double levels = floor((hi - lo) / step + 1e-9) + 1;
        return (clip(round((v - lo) / step), 0, levels - 1) + 0.5) / levels;
    }
    if (!p->log)
        return (v - lo) / (hi - lo);
    if (!(step > 0))
        return log(v / lo) / log(hi / lo);
    double half = 0.5 * step, from = fmax(lo - half, 0.5 * lo);
    return clip(log(v / from) / log((hi + half) / from), 0, 1);
}

void math_space_decode(const struct math_space *s, const double *u, double *x) { math_space_decode_given(s, u, NULL, x); }

void math_space_decode_given(const struct math_space *s, const double *u, const double *context, double *x)
{
    for (int i = 0; i < s->params; i++) {
        const struct math_param *p = &s->param[i];
        double                   t = clip(u[i], 0, 1), share = math_space_edge(p), lo, hi;
        if (p->context && context) {
            x[i] = context[i];
        } else if (!math_space_active(s, x, i)) {
            x[i] = p->idle;
        } else if (p->kind == MATH_PARAM_CATEGORY) {
            x[i] = fmin(floor(t * p->choices), p->choices - 1);
        } else if (t < share) {
            x[i] = p->special[(int)fmin(floor(t / share * p->specials), p->specials - 1)];
        } else {
            range_of(s, x, i, &lo, &hi);
            x[i] = spread(p, lo, hi, (t - share) / (1 - share));
        }
    }
}

enum err math_space_encode(const struct math_space *s, const double *x, double *u, struct fault *fault)
{
    for (int i = 0; i < s->params; i++) {
        const struct math_param *p = &s->param[i];
        double                   share = math_space_edge(p), lo, hi;
        int                      special = math_space_special(p, x[i]);
        if (!isfinite(x[i]))
            return fail(fault, ERR_INPUT, "parameter %d is not a finite number", i);
        if (p->kind == MATH_PARAM_CATEGORY) {
            if (!(x[i] >= 0 && x[i] < p->choices && x[i] == floor(x[i])))
                return fail(fault, ERR_INPUT, "parameter %d has no choice %g", i, x[i]);
            u[i] = (x[i] + 0.5) / p->choices;
        } else if (!math_space_active(s, x, i)) {
            u[i] = 0.5;
        } else if (special >= 0) {
            u[i] = share * (special + 0.5) / p->specials;
        } else {
            range_of(s, x, i, &lo, &hi);
            u[i] = fmin(share + (1 - share) * unspread(p, lo, hi, x[i]), 1);
        }
    }
    return OK;
}

enum err math_space_snap(const struct math_space *s, const double *x, double *legal, struct fault *fault)
{
    double   u[MATH_SPACE_MAX], out[MATH_SPACE_MAX];
    enum err e = math_space_encode(s, x, u, fault);
    if (e != OK)
        return e;
    for (int i = 0; i < s->params; i++) {                /* ranges depend on what those before it became */
        const struct math_param *p = &s->param[i];
        double                   share = math_space_edge(p), lo, hi;
        if (!math_space_active(s, out, i)) {
            out[i] = p->idle;
        } else if (p->context || p->kind == MATH_PARAM_CATEGORY || math_space_special(p, x[i]) >= 0) {
            out[i] = x[i];
        } else {
            range_of(s, out, i, &lo, &hi);
            u[i] = fmin(share + (1 - share) * unspread(p, lo, hi, x[i]), 1);
            out[i] = spread(p, lo, hi, (u[i] - share) / (1 - share));
        }
    }
    memcpy(legal, out, (size_t)s->params * sizeof *out);
    return OK;
}

/* ---- what models see ---- */

/* Where an ordinary value stands in the full range, 0 to 1. */
static double position(const struct math_param *p, double v)
{
    if (!(p->hi > p->lo))
        return 0.5;
    v = clip(v, p->lo, p->hi);
    return p->log ? log(v / p->lo) / log(p->hi / p->lo) : (v - p->lo) / (p->hi - p->lo);
}

void math_space_features(const struct math_space *s, const double *x, double *features)
{
    const double apart = 0.70710678118654752440;         /* two different choices are at distance 1 */
    memset(features, 0, (size_t)s->features * sizeof *features);
    for (int i = 0; i < s->params; i++) {
        const struct math_param *p = &s->param[i];
        double                  *f = features + s->feature_of[i];
        bool                     active = math_space_active(s, x, i);
        int                      special = math_space_special(p, x[i]);
        if (p->kind == MATH_PARAM_CATEGORY) {
            if (active)
                f[(int)clip(x[i], 0, p->choices - 1)] = apart;
        } else if (!active || special >= 0) {
            f[0] = 0.5;
            if (active)
                f[1 + special] = apart;
        } else {
            f[0] = position(p, x[i]);
        }
    }
}

void math_space_columns(const struct math_space *s, const double *x, double *columns)
{
    for (int i = 0; i < s->params; i++) {
        const struct math_param *p = &s->param[i];
        int                      special = math_space_special(p, x[i]);
        if (p->kind == MATH_PARAM_CATEGORY)
            columns[i] = x[i];
        else if (!math_space_active(s, x, i))
            columns[i] = -1 - MATH_SPECIALS_MAX;         /* left of everything: one split sets it apart */
        else
            columns[i] = special >= 0 ? -1 - special : position(p, x[i]);
    }
}

int math_space_levels(const struct math_space *s, int i)
{
    const struct math_param *p = &s->param[i];
    double                   step = step_of(p);
    if (p->kind == MATH_PARAM_CATEGORY)
        return p->choices;
    if (!(p->hi > p->lo))
        return 1 + p->specials;
    if (!(step > 0))
        return 0;
    double levels = floor((p->hi - p->lo) / step + 1e-9) + 1 + p->specials;
    return levels <= MATH_LEVELS_MAX ? (int)levels : 0;
}

/* The largest ordinary value that is a whole number of steps from the least. */
static double top_of(const struct math_param *p) { return p->lo + floor((p->hi - p->lo) / step_of(p) + 1e-9) * step_of(p); }

double math_space_at_level(const struct math_space *s, int i, int k)
{
    const struct math_param *p = &s->param[i];
    double                   edge = math_space_edge(p);
    int                      own = k - p->specials;
    if (own < 0)
        return edge * (k + 0.5) / p->specials;
    if (p->kind != MATH_PARAM_CATEGORY && p->log && p->hi > p->lo)      /* levels of ratios are not equally wide */
        return fmin(edge + (1 - edge) * unspread(p, p->lo, top_of(p), p->lo + own * step_of(p)), 1);
    return edge + (1 - edge) * (own + 0.5) / (math_space_levels(s, i) - p->specials);
}

int math_space_level_of(const struct math_space *s, int i, double u)
{
    const struct math_param *p = &s->param[i];
    double                   edge = math_space_edge(p), t = (u - edge) / (1 - edge);
    int                      levels = math_space_levels(s, i);
    if (u < edge)
        return (int)clip(floor(u / edge * p->specials), 0, p->specials - 1);
    if (p->kind != MATH_PARAM_CATEGORY && p->log && p->hi > p->lo)
        return (int)clip(p->specials + round((spread(p, p->lo, top_of(p), clip(t, 0, 1)) - p->lo) / step_of(p)), p->specials, levels - 1);
    return (int)clip(p->specials + floor(t * (levels - p->specials)), p->specials, levels - 1);
}

double math_space_size(const struct math_space *s)
{
    double size = 1;
    for (int i = 0; i < s->params; i++) {
        const struct math_param *p = &s->param[i];
        if (p->context)
            continue;
        if (p->kind != MATH_PARAM_CATEGORY && p->hi > p->lo && !(step_of(p) > 0))
            return (double)INFINITY;
        size *= p->kind == MATH_PARAM_CATEGORY ? p->choices : p->hi > p->lo ? floor((p->hi - p->lo) / step_of(p) + 1e-9) + 1 + p->specials : 1 + p->specials;
    }
    return size;
}

double math_space_slope(const struct math_space *s, const double *u, const double *x, int i)
{
    const struct math_param *p = &s->param[i];
    double                   share = math_space_edge(p);
    if (p->kind == MATH_PARAM_CATEGORY || p->context || p->below || p->above || s->leaned_on[i] || !math_space_active(s, x, i))
        return 0;
    if (math_space_levels(s, i) > 0 || u[i] < share || !(p->hi > p->lo))
        return 0;
    return 1 / (1 - share);
}

/* Values of one parameter, equal but for rounding on its own scale; a special value is like nothing else. */
static bool alike(const struct math_param *p, double x, double y)
{
    if (x == y)
        return true;
    if (p->kind != MATH_PARAM_REAL || math_space_special(p, x) >= 0 || math_space_special(p, y) >= 0)
        return false;
    if (p->log && x > 0 && y > 0)
        return fabs(log(x / y)) < 1e-9 * log(p->hi / p->lo);
    return fabs(x - y) < 1e-9 * (p->hi - p->lo);
}

bool math_space_same(const struct math_space *s, const double *x, const double *y)
{
    for (int i = 0; i < s->params; i++) {
        bool active = math_space_active(s, x, i);
        if (active != math_space_active(s, y, i))
            return false;
        if (active && !alike(&s->param[i], x[i], y[i]))
            return false;
    }
    return true;
}
