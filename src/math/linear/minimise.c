/* math/linear/minimise.c - projected limited-memory BFGS. */
#include "math/linear/minimise.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

enum { HISTORY = 8 };

struct pair { double s[MATH_MINIMISE_MAX], y[MATH_MINIMISE_MAX], sy; };

struct walk {
    math_slope_fn *f;
    void          *context;
    const double  *lo, *hi;
    int            n, evaluations, budget;
    double         x[MATH_MINIMISE_MAX], g[MATH_MINIMISE_MAX], value;
    bool           held[MATH_MINIMISE_MAX];
    struct pair    pair[HISTORY];
    int            pairs, newest;
};

static double clip(double v, double lo, double hi) { return v < lo ? lo : v > hi ? hi : v; }

static double evaluate(struct walk *w, const double *x, double *g)
{
    w->evaluations++;
    double v = w->f(x, g, w->context);
    for (int i = 0; i < w->n && isfinite(v); i++)
        if (!isfinite(g[i]))
            return (double)NAN;
    return v;
}

/* Held by a bound that the gradient pushes against; returns the largest move that the gradient alone would make. */
static double hold(struct walk *w)
{
    double largest = 0;
    for (int i = 0; i < w->n; i++) {
        w->held[i] = (w->x[i] <= w->lo[i] && w->g[i] > 0) || (w->x[i] >= w->hi[i] && w->g[i] < 0);
        largest = fmax(largest, fabs(clip(w->x[i] - w->g[i], w->lo[i], w->hi[i]) - w->x[i]));
    }
    return largest;
}

static double dot_free(const struct walk *w, const double *a, const double *b)
{
    double sum = 0;
    for (int i = 0; i < w->n; i++)
        if (!w->held[i])
            sum += a[i] * b[i];
    return sum;
}

/* The two loops: d = -H g on the free variables. */
static void direction(const struct walk *w, double *d)
{
    double share[HISTORY];
    for (int i = 0; i < w->n; i++)
        d[i] = w->held[i] ? 0 : -w->g[i];
    for (int k = 0; k < w->pairs; k++) {
        const struct pair *p = &w->pair[(w->newest - k + HISTORY) % HISTORY];
        share[k] = dot_free(w, p->s, d) / p->sy;
        for (int i = 0; i < w->n; i++)
            d[i] -= w->held[i] ? 0 : share[k] * p->y[i];
    }
    if (w->pairs > 0) {
        const struct pair *p = &w->pair[w->newest];
        double yy = dot_free(w, p->y, p->y);
        for (int i = 0; i < w->n && yy > 0; i++)
            d[i] *= p->sy / yy;
    }
    for (int k = w->pairs - 1; k >= 0; k--) {
        const struct pair *p = &w->pair[(w->newest - k + HISTORY) % HISTORY];
        double back = dot_free(w, p->y, d) / p->sy;
        for (int i = 0; i < w->n; i++)
            d[i] += w->held[i] ? 0 : (share[k] - back) * p->s[i];
    }
}

static void remember(struct walk *w, const double *x, const double *g)
{
    double sy = 0, ss = 0, yy = 0;
    for (int i = 0; i < w->n; i++) {
        double s = x[i] - w->x[i], y = g[i] - w->g[i];
        sy += s * y;
        ss += s * s;
        yy += y * y;
    }
    if (!(sy > 1e-10 * sqrt(ss * yy)))
        return;                              /* not convex here: such a pair would turn the direction uphill, and take the place of one that is in use */
    w->newest = w->pairs ? (w->newest + 1) % HISTORY : 0;
    w->pairs += w->pairs < HISTORY;
    struct pair *p = &w->pair[w->newest];
    p->sy = sy;
    for (int i = 0; i < w->n; i++) {
        p->s[i] = x[i] - w->x[i];
        p->y[i] = g[i] - w->g[i];
    }
}

static void go_to(struct walk *w, const double *x, const double *g, double value)
{
    remember(w, x, g);
    memcpy(w->x, x, (size_t)w->n * sizeof *x);
    memcpy(w->g, g, (size_t)w->n * sizeof *g);
    w->value = value;
}

/* The place t along d, clipped; returns what the gradient promises there. */
static double place(const struct walk *w, const double *d, double t, double *x)
{
    double promise = 0;
    for (int i = 0; i < w->n; i++) {
        x[i] = clip(w->x[i] + t * d[i], w->lo[i], w->hi[i]);
        promise += w->g[i] * (x[i] - w->x[i]);
    }
    return promise;
}

enum search { WON, SETTLED, STUCK };

/*
 * From x along d: shorter until it is lower (Armijo), then longer while it still falls as steeply (the curvature that the past
 * tells of would keep all steps short otherwise).  STUCK: clipped by the box this way leads nowhere.
 */
static enum search search_along(struct walk *w, const double *d, double t, double tolerance)
{
    double x[2][MATH_MINIMISE_MAX], g[2][MATH_MINIMISE_MAX], v = 0, began = w->value;
    int    at = 0;
    bool   lower = false;
    while (!lower && w->evaluations < w->budget) {
        double promise = place(w, d, t, x[at]);
        if (!(promise < 0) || t < 1e-12)
            return STUCK;
        v = evaluate(w, x[at], g[at]);
        lower = isfinite(v) && v <= w->value + 1e-4 * promise;
        if (!lower)
            t *= clip(isfinite(v) ? -0.5 * promise / (v - w->value - promise) : 0.1, 0.1, 0.5);
    }
    if (!lower)
        return SETTLED;
    while (w->evaluations < w->budget && dot_free(w, g[at], d) < 0.9 * dot_free(w, w->g, d)) {
        double further, promise = place(w, d, t *= 3, x[!at]);
        further = evaluate(w, x[!at], g[!at]);
        if (!(isfinite(further) && further < v && further <= w->value + 1e-4 * promise))
            break;
        at = !at;
        v = further;
    }
    go_to(w, x[at], g[at], v);
    return began - v > tolerance * (1 + fabs(v)) ? WON : SETTLED;
}

/* How far d leads before the first wall. */
static double reach(const struct walk *w, const double *d)
{
    double t = INFINITY;
    for (int i = 0; i < w->n; i++)
        if (d[i] != 0)
            t = fmin(t, ((d[i] > 0 ? w->hi[i] : w->lo[i]) - w->x[i]) / d[i]);
    return t;
}

/*
 * One step: bent at the walls, else straight up to the first wall, else without help from the past.
 * False: nothing more to gain, or no evaluations left.
 */
static bool step(struct walk *w, double tolerance)
{
    double d[MATH_MINIMISE_MAX];
    if (hold(w) < tolerance * (1 + fabs(w->value)))
        return false;
    for (;;) {
        double      t = 1;
        bool        plain = w->pairs == 0;
        enum search found = STUCK;
        direction(w, d);
        for (int i = 0; plain && i < w->n; i++)        /* nothing is known of the scale: a tenth of the box at most */
            if (d[i] != 0)
                t = fmin(t, 0.1 * (w->hi[i] - w->lo[i]) / fabs(d[i]));
        if (dot_free(w, d, w->g) < 0) {
            found = search_along(w, d, t, tolerance);
            double straight = found == STUCK ? reach(w, d) : 0;
            if (straight > 0)
                found = search_along(w, d, fmin(straight, t), tolerance);
        }
        if (found != STUCK || plain)
            return found == WON;
        w->pairs = 0;
    }
}

struct math_minimum math_minimise(math_slope_fn *f, void *context, double *x, int n, const double *lo, const double *hi,
                                  int evaluations, double tolerance)
{
    assert(n >= 0 && n <= MATH_MINIMISE_MAX);
    struct walk w = { .f = f, .context = context, .lo = lo, .hi = hi, .n = n, .budget = evaluations };
    for (int i = 0; i < n; i++)
        w.x[i] = clip(x[i], lo[i], hi[i]);
    w.value = evaluate(&w, w.x, w.g);
    if (isfinite(w.value))
        while (w.evaluations < w.budget && step(&w, tolerance)) { }
    memcpy(x, w.x, (size_t)n * sizeof *x);
    return (struct math_minimum){ isfinite(w.value) ? w.value : (double)NAN, w.evaluations };
}
