/* math/search/gp.c - the posterior: covariances, conditioning, prediction. Fitting is in gp_fit.c. */
#include "math/search/gp.h"

#include "math/linear/linear.h"
#include "math/search/bend.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define VARIANCE_MIN 1e-14   /* of the signal: rounding leaves less than nothing next to a point without noise */

double math_matern52(double r)
{
    double a = sqrt(5) * r;
    return (1 + a + a * a / 3) * exp(-a);
}

/* ---- memory ---- */

enum err math_gp_new(int features, const int *scale_of, struct math_gp **out, struct fault *fault)
{
    *out = NULL;
    if (features < 1 || features > MATH_GP_FEATURES_MAX)
        return fail(fault, ERR_INPUT, "a Gaussian process of %d features; 1 to %d", features, MATH_GP_FEATURES_MAX);
    int scales = 0;
    for (int f = 0; f < features; f++) {
        int s = scale_of ? scale_of[f] : f;
        if (s < 0 || s > scales || s >= MATH_GP_SCALES_MAX)
            return fail(fault, ERR_INPUT, "feature %d has length scale %d; there may be %d, without gaps", f, s, MATH_GP_SCALES_MAX);
        scales += s == scales;
    }
    struct math_gp *gp = calloc(1, sizeof *gp);
    int            *of = calloc((size_t)features, sizeof *of);
    if (!gp || !of) {
        free(gp);
        free(of);
        return fail(fault, ERR_LIMIT, "no memory for a Gaussian process");
    }
    for (int f = 0; f < features; f++)
        of[f] = scale_of ? scale_of[f] : f;
    *gp = (struct math_gp){ .features = features, .scales = scales, .scale_of = of, .hyper = { .noise = 1e-2, .signal = 1 } };
    for (int s = 0; s < scales; s++)
        gp->hyper.scale[s] = 0.5;
    *out = gp;
    return OK;
}

static void free_arrays(struct math_gp *gp)
{
    double **const array[] = { &gp->x, &gp->scaled, &gp->y, &gp->known, &gp->chol, &gp->weight, &gp->slope, &gp->inverse, &gp->turn, &gp->row, &gp->diagonal };
    for (size_t i = 0; i < sizeof array / sizeof array[0]; i++) {
        free(*array[i]);
        *array[i] = NULL;
    }
}

void math_gp_free(struct math_gp *gp)
{
    if (!gp)
        return;
    free_arrays(gp);
    free(gp->scale_of);
    free(gp);
}

/* Old rows of `from` doubles into new rows of `to` doubles; NULL when there is no memory. */
static double *widen(const double *old, size_t rows_old, size_t from, size_t rows_new, size_t to)
{
    double *new = calloc(rows_new * to, sizeof *new);
    for (size_t i = 0; new && old && i < rows_old; i++)
        memcpy(new + i * to, old + i * from, from * sizeof *new);
    return new;
}

/* Room for n points; the data stay, and the factor too. */
static enum err make_room(struct math_gp *gp, int n, struct fault *fault)
{
    if (n > MATH_GP_POINTS_MAX)
        return fail(fault, ERR_LIMIT, "a Gaussian process of more than %d points", MATH_GP_POINTS_MAX);
    if (n <= gp->room)
        return OK;
    int want = gp->room ? 2 * gp->room : 32;
    while (want < n)
        want *= 2;
    size_t         from = (size_t)gp->room, to = (size_t)want, features = (size_t)gp->features;
    struct math_gp new = *gp;
    new.room = want;
    new.x = widen(gp->x, features, from, features, to);
    new.scaled = widen(gp->scaled, features, from, features, to);
    new.y = widen(gp->y, 1, from, 1, to);
    new.known = widen(gp->known, 1, from, 1, to);
    new.chol = widen(gp->chol, from, from, to, to);
    new.weight = widen(gp->weight, 1, from, 1, to);
    new.row = widen(NULL, 0, 0, 1, to);
    new.diagonal = widen(gp->diagonal, 1, from, 1, to);
    new.slope = new.inverse = new.turn = NULL;
    if (!new.x || !new.scaled || !new.y || !new.known || !new.chol || !new.weight || !new.row || !new.diagonal) {
        free_arrays(&new);
        return fail(fault, ERR_LIMIT, "no memory for %d points", n);
    }
    free_arrays(gp);
    *gp = new;
    return OK;
}

/* ---- covariances ---- */

static double scale_of(const struct math_gp *gp, int f) { return gp->hyper.scale[gp->scale_of[f]]; }

static double bend_of(const struct math_gp *gp, int f) { return gp->hyper.bend[gp->scale_of[f]]; }

static double bent(const struct math_gp *gp, int f, double x) { return bend_of(gp, f) == 0 ? x : math_bend(x, bend_of(gp, f)); }

static void rescale(struct math_gp *gp, int from)
{
    for (int f = 0; f < gp->features; f++) {
        double s = 1 / scale_of(gp, f);
        for (int i = from; i < gp->n; i++)
            gp->scaled[f * gp->room + i] = bent(gp, f, gp->x[f * gp->room + i]) * s;
    }
}

/*
 * Covariances of one point (features already divided by their scales, `stride` apart) with the first n points into k; when slope
 * is wanted, (5 / 3) (1 + a) exp(-a) signal: minus the derivative of k by half the squared scaled distance.
 */
static void covariances(const struct math_gp *gp, const double *scaled, int stride, int n, double *restrict k, double *restrict slope)
{
    memset(k, 0, (size_t)n * sizeof *k);
    for (int f = 0; f < gp->features; f++) {
        const double *restrict other = gp->scaled + f * gp->room;
        double x = scaled[f * stride];
        for (int j = 0; j < n; j++)
            k[j] += (x - other[j]) * (x - other[j]);
    }
    double signal = gp->hyper.signal;
    for (int j = 0; j < n; j++) {
        double a = sqrt(5 * k[j]), e = signal * exp(-a);
        if (slope)
            slope[j] = 5.0 / 3 * (1 + a) * e;
        k[j] = (1 + a + a * a / 3) * e;
    }
}

/* The mean, the weights and the likelihood that belong to the factor. */
static void weigh(struct math_gp *gp)
{
    int n = gp->n;
    if (!gp->mean_given) {
        double ones = 0, sum = 0;
        for (int i = 0; i < n; i++)
            gp->row[i] = 1;
        math_chol_solve(gp->chol, n, gp->room, gp->row);
        for (int i = 0; i < n; i++) {
            ones += gp->row[i];
            sum += gp->row[i] * gp->y[i];
        }
        gp->mean = ones > 0 ? sum / ones : 0;
    }
    for (int i = 0; i < n; i++)
        gp->weight[i] = gp->y[i] - gp->mean;
    math_chol_solve(gp->chol, n, gp->room, gp->weight);
    double fit = 0;
    for (int i = 0; i < n; i++)
        fit += gp->weight[i] * (gp->y[i] - gp->mean);
    gp->log_likelihood = -0.5 * (fit + math_chol_log_det(gp->chol, n, gp->room) + n * log(2 * acos(-1)));
}

static enum err condition(struct math_gp *gp, struct fault *fault)
{
    int n = gp->n, room = gp->room;
    gp->ready = false;
    rescale(gp, 0);
    for (int i = 0; i < n; i++) {
        double *k = gp->chol + (size_t)i * (size_t)room;
        covariances(gp, gp->scaled + i, room, i, k, gp->slope ? gp->slope + (size_t)i * (size_t)room : NULL);
        k[i] = gp->hyper.signal + gp->hyper.noise + gp->known[i];
        for (int j = 0; j < i; j++)
            gp->chol[(size_t)j * (size_t)room + (size_t)i] = k[j];
    }
    if (n > 0) {
        enum err e = math_chol(gp->chol, n, room, gp->diagonal, &gp->jitter, fault);
        if (e != OK)
            return e;
        weigh(gp);
    } else {
        gp->mean = gp->mean_given ? gp->mean : 0;
        gp->log_likelihood = 0;
    }
    gp->ready = true;
    return OK;
}

/* ---- data ---- */

static enum err check_point(const struct math_gp *gp, const double *x, double y, double known, struct fault *fault)
{
    for (int f = 0; f < gp->features; f++)
        if (!isfinite(x[f]))
            return fail(fault, ERR_INPUT, "feature %d of a point is not a finite number", f);
    if (!isfinite(y))
        return fail(fault, ERR_INPUT, "the value of a point is not a finite number");
    if (!isfinite(known) || known < 0)
        return fail(fault, ERR_INPUT, "the known noise of a point is not a variance");
    return OK;
}

static void put_point(struct math_gp *gp, int i, const double *x, double y, double known)
{
    for (int f = 0; f < gp->features; f++)
        gp->x[f * gp->room + i] = x[f];
    gp->y[i] = y;
    gp->known[i] = known;
}

enum err math_gp_data(struct math_gp *gp, int n, const double *x, const double *y, const double *known, struct fault *fault)
{
    enum err e = n < 0 ? fail(fault, ERR_INPUT, "%d points", n) : make_room(gp, n, fault);
    for (int i = 0; i < n && e == OK; i++)
        e = check_point(gp, x + (size_t)i * (size_t)gp->features, y[i], known ? known[i] : 0, fault);
    if (e != OK)
        return e;
    for (int i = 0; i < n; i++)
        put_point(gp, i, x + (size_t)i * (size_t)gp->features, y[i], known ? known[i] : 0);
    gp->n = n;
    gp->ready = false;
    return OK;
}

void math_gp_give_mean(struct math_gp *gp, double mean)
{
    gp->mean_given = !isnan(mean);
    gp->mean = gp->mean_given ? mean : 0;
    gp->ready = false;
}

enum err math_gp_set(struct math_gp *gp, const struct math_gp_hyper *hyper, struct fault *fault)
{
    for (int s = 0; s < gp->scales; s++)
        if (!(hyper->scale[s] > 0) || !isfinite(hyper->scale[s]) || !isfinite(hyper->bend[s]))
            return fail(fault, ERR_INPUT, "length scale %d is not positive, or its bend no number", s);
    if (!(hyper->noise >= 0) || !(hyper->signal > 0) || !isfinite(hyper->noise) || !isfinite(hyper->signal))
        return fail(fault, ERR_INPUT, "noise or signal is not a variance");
    gp->hyper = *hyper;
    return condition(gp, fault);
}

enum err math_gp_add(struct math_gp *gp, const double *x, double y, double known, struct fault *fault)
{
    enum err e = check_point(gp, x, y, known, fault);
    if (e == OK)
        e = make_room(gp, gp->n + 1, fault);
    if (e != OK)
        return e;
    int at = gp->n++;
    put_point(gp, at, x, y, known);
    if (!gp->ready || at == 0)
        return condition(gp, fault);
    rescale(gp, at);
    covariances(gp, gp->scaled + at, gp->room, at, gp->row, NULL);
    double corner = gp->hyper.signal + gp->hyper.noise + known;
    if (math_chol_append(gp->chol, at, gp->room, gp->row, corner + gp->jitter, NULL) != OK)
        return condition(gp, fault);                 /* a copy of an old point: the whole matrix again, with jitter */
    gp->diagonal[at] = corner;
    weigh(gp);
    return OK;
}

/* ---- prediction ---- */

void math_gp_predict(const struct math_gp *gp, int m, const double *x, double *mean, double *variance, double *scratch)
{
    assert(gp->ready || gp->n == 0);
    double scaled[MATH_GP_FEATURES_MAX], signal = gp->hyper.signal;
    int    n = gp->n;
    if (m < 1)
        return;
    for (int i = 0; i < m; i++) {
        for (int f = 0; f < gp->features; f++)
            scaled[f] = bent(gp, f, x[i * gp->features + f]) / scale_of(gp, f);
        covariances(gp, scaled, 1, n, scratch + (size_t)i * (size_t)n, NULL);
    }
    math_rows_times(scratch, m, n, n, gp->weight, mean);
    math_lower_solve_rows(gp->chol, n, gp->room, scratch, m, n);
    for (int i = 0; i < m; i++) {
        const double *v = scratch + (size_t)i * (size_t)n;
        mean[i] += gp->mean;
        variance[i] = fmax(signal - math_dot(v, v, n), VARIANCE_MIN * signal);
    }
}

void math_gp_predict_slope(const struct math_gp *gp, const double *x, double *mean, double *variance, double *mean_slope,
                           double *variance_slope, double *scratch)
{
    assert(gp->ready || gp->n == 0);
    double  scaled[MATH_GP_FEATURES_MAX], signal = gp->hyper.signal;
    int     n = gp->n;
    double *k = scratch, *slope = scratch + n;
    for (int f = 0; f < gp->features; f++)
        scaled[f] = bent(gp, f, x[f]) / scale_of(gp, f);
    covariances(gp, scaled, 1, n, k, slope);
    *mean = gp->mean + math_dot(k, gp->weight, n);
    math_lower_solve(gp->chol, n, gp->room, k);
    *variance = signal - math_dot(k, k, n);
    bool floor = !(*variance > VARIANCE_MIN * signal);
    if (floor)
        *variance = VARIANCE_MIN * signal;
    math_lower_solve_back(gp->chol, n, gp->room, k);     /* k is now K^-1 k */
    for (int f = 0; f < gp->features; f++) {
        const double *other = gp->scaled + f * gp->room;
        double        by_mean = 0, by_variance = 0;
        for (int j = 0; j < n; j++) {
            double d = slope[j] * (scaled[f] - other[j]);
            by_mean += gp->weight[j] * d;
            by_variance += k[j] * d;
        }
        double by_x = math_bend_slope(x[f], bend_of(gp, f));
        mean_slope[f] = -by_mean / scale_of(gp, f) * by_x;
        variance_slope[f] = floor ? 0 : 2 * by_variance / scale_of(gp, f) * by_x;
    }
}
