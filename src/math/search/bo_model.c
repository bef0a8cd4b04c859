/* math/search/bo_model.c - what an optimiser believes: of the result, of the limits, and of what works at all. */
#include "math/search/bo_parts.h"

#include "math/search/acquire.h"
#include "math/stats/describe.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WORKS_MIN 0.8        /* beside a cliff and beside a limit: half the broken ones of 0.5, and no worse an optimum found */
#define BEND_SD 4.0          /* a bend of 4 stretches one end by 55 against the other */
#define WORKS_STEEP 100.0    /* a tenth of the probability missing weighs e^13 of EI */
#define KEPT_BY     0.5      /* a limit that reads exactly 0 is kept, nobody knows by how much: as if by so many standard deviations */

/* ---- memory ---- */

static enum err no_memory(struct fault *fault) { return fail(fault, ERR_LIMIT, "no memory for a model"); }

enum err bo_model_new(const struct math_bo *b, struct bo_model **out, struct fault *fault)
{
    const int       *scale_of = b->projected ? NULL : b->space.scale_of, *choices = b->projected ? NULL : b->space.choices_of;
    struct bo_model *m = calloc(1, sizeof *m);
    *out = NULL;
    if (!m)
        return no_memory(fault);
    m->shift = calloc((size_t)b->features, sizeof *m->shift);
    m->stretch = calloc((size_t)b->features, sizeof *m->stretch);
    m->bends = calloc((size_t)b->features, sizeof *m->bends);
    enum err e = m->shift && m->stretch && m->bends ? OK : no_memory(fault);
    for (int i = 0; i < b->space.params && e == OK && b->set.bend && !b->projected; i++)
        m->bends[scale_of[b->space.feature_of[i]]] = b->space.param[i].kind != MATH_PARAM_CATEGORY;
    if (e == OK && b->set.surrogate == MATH_BO_FOREST)
        e = math_forest_new(b->columns, choices, &m->trees, fault);
    else if (e == OK)
        e = math_gp_new(b->features, scale_of, &m->objective, fault);
    if (e == OK)
        e = math_gp_new(b->features, scale_of, &m->works, fault);
    for (int k = 0; k < b->set.limits && e == OK; k++)
        e = math_gp_new(b->features, scale_of, &m->limit[k], fault);
    if (e != OK) {
        bo_model_free(m);
        return e;
    }
    math_gp_give_mean(m->works, 1);
    *out = m;
    return OK;
}

void bo_model_free(struct bo_model *m)
{
    if (!m)
        return;
    math_gp_free(m->objective);
    math_forest_free(m->trees);
    math_gp_free(m->works);
    for (int k = 0; k < MATH_BO_LIMITS_MAX; k++)
        math_gp_free(m->limit[k]);
    free(m->shift);
    free(m->stretch);
    free(m->bends);
    free(m->scratch);
    free(m);
}

static double *scratch(struct bo_model *m, size_t doubles)
{
    if (doubles > m->scratch_room) {
        free(m->scratch);
        m->scratch = calloc(doubles, sizeof *m->scratch);
        m->scratch_room = m->scratch ? doubles : 0;
    }
    return m->scratch;
}

/* ---- building ---- */

static struct math_gp_prior prior_of(const struct math_gp *gp, bool labels)
{
    struct math_gp_prior p = math_gp_prior_usual(gp->scales);
    p.noise.min = 1e-6;                                  /* tests and counters may be exact; the prior still expects noise */
    if (labels)
        p.noise = (struct math_gp_belief){ -2, 1, 1e-2, 1 };
    return p;
}

static enum err fit(struct math_gp *gp, int n, const double *x, const double *y, const double *known, bool labels, const bool *bends, int evaluations,
                    struct rand *r, struct fault *fault)
{
    struct math_gp_prior prior = prior_of(gp, labels);
    prior.bends = bends;
    prior.bend_sd = BEND_SD;
    return math_gp_learn(gp, n, x, y, known, &prior, evaluations, r, fault);
}

static void transform(const struct bo_model *m, const struct math_bo *b, const double *features, double *out)
{
    for (int f = 0; f < b->features; f++)
        out[f] = (features[f] - m->shift[f]) / m->stretch[f];
}

/* Room for one thing said of each of n trials: transformed features, columns, values, noise. */
struct table { double *features, *columns, *y, *known, *scratch; int n; };

static void table_free(struct table *t)
{
    free(t->features);
    free(t->columns);
    free(t->y);
    free(t->known);
    free(t->scratch);
}

static enum err table_new(struct table *t, const struct math_bo *b, int n, struct fault *fault)
{
    size_t rows = (size_t)(n > 0 ? n : 1);
    *t = (struct table){ .features = calloc(rows * (size_t)b->features, sizeof(double)), .columns = calloc(rows * (size_t)b->columns, sizeof(double)),
                         .y = calloc(rows, sizeof(double)), .known = calloc(rows, sizeof(double)), .scratch = calloc(2 * rows, sizeof(double)) };
    if (t->features && t->columns && t->y && t->known && t->scratch)
        return OK;
    table_free(t);
    return no_memory(fault);
}

static void table_add(struct table *t, const struct bo_model *m, const struct math_bo *b, int trial, double y, double noise_sd)
{
    size_t p = (size_t)b->features, c = (size_t)b->columns, i = (size_t)trial;
    transform(m, b, b->told.features + i * p, t->features + (size_t)t->n * p);
    memcpy(t->columns + (size_t)t->n * c, b->told.columns + i * c, c * sizeof *t->columns);
    t->y[t->n] = y;
    t->known[t->n++] = noise_sd;
}

static double known_variance(const struct bo_model *m, double y, double noise_sd)
{
    double sd = noise_sd * math_warp_slope(&m->warp, y);
    return sd * sd;
}

static enum err build_objective(struct bo_model *m, const struct math_bo *b, const int *trial, int trials, int from, bool bends, int evaluations, struct rand *r,
                                struct table *t, struct fault *fault)
{
    t->n = 0;
    for (int i = 0; i < trials; i++)
        if (!b->told.failed[trial[i]] && trial[i] >= from)
            table_add(t, m, b, trial[i], b->told.y[trial[i]], b->told.noise_sd[trial[i]]);
    m->results = t->n;
    if (t->n > 0)
        m->warp = math_warp_fit(t->y, t->n, b->set.no_warp, t->scratch);
    for (int i = 0; i < t->n; i++) {
        t->known[i] = known_variance(m, t->y[i], t->known[i]);
        t->y[i] = math_warp_apply(&m->warp, t->y[i]);
    }
    if (m->objective)
        return fit(m->objective, t->n, t->features, t->y, t->known, false, bends ? m->bends : NULL, evaluations, r, fault);
    return t->n > 0 ? math_forest_fit(m->trees, t->n, t->columns, t->y, NULL, r, fault) : OK;
}

static enum err build_works(struct bo_model *m, const struct math_bo *b, const int *trial, int trials, int evaluations, struct rand *r,
                            struct table *t, struct fault *fault)
{
    t->n = 0;
    m->failures = false;
    for (int i = 0; i < trials; i++) {
        m->failures = m->failures || b->told.failed[trial[i]];
        table_add(t, m, b, trial[i], b->told.failed[trial[i]] ? -1 : 1, 0);
    }
    return m->failures ? fit(m->works, t->n, t->features, t->y, NULL, true, NULL, evaluations / 2, r, fault) : OK;
}

static double limit_of(const struct math_bo *b, int trial, int k) { return b->told.limit[trial * MATH_BO_LIMITS_MAX + k]; }

/*
 * A limit is scaled, not centred: 0 stays the border.  What reads exactly 0 (errors counted, what is beyond an allowance) does not
 * lie on the border: to a model that took it there, it would be as likely broken as kept, wherever it was tried.  What
 * reads less than that (differences of counts) is kept no worse.
 */
static double scaled_limit(const struct bo_model *m, int k, double reading)
{
    double scaled = reading / m->limit_scale[k];
    return reading == 0 || (reading < 0 && m->limit_steps[k]) ? fmin(scaled, -KEPT_BY) : scaled;
}

static enum err build_limit(struct bo_model *m, const struct math_bo *b, int k, const int *trial, int trials, int evaluations, struct rand *r,
                            struct table *t, struct fault *fault)
{
    t->n = 0;
    for (int i = 0; i < trials; i++)
        if (!b->told.failed[trial[i]] && isfinite(limit_of(b, trial[i], k)))
            table_add(t, m, b, trial[i], limit_of(b, trial[i], k), 0);
    m->limit_scale[k] = 0;
    if (t->n == 0)
        return OK;
    double sd = t->n > 1 ? math_sd(t->y, t->n) : 0;
    m->limit_scale[k] = sd > 0 ? sd : t->y[0] != 0 ? fabs(t->y[0]) : 1;
    m->limit_steps[k] = false;
    for (int i = 0; i < t->n; i++)
        m->limit_steps[k] = m->limit_steps[k] || t->y[i] == 0;
    for (int i = 0; i < t->n; i++)
        t->y[i] = scaled_limit(m, k, t->y[i]);
    return fit(m->limit[k], t->n, t->features, t->y, NULL, false, NULL, evaluations / 2, r, fault);
}

enum err bo_model_build(struct bo_model *m, const struct math_bo *b, const int *trial, int trials, int from, const double *shift,
                        const double *stretch, int evaluations, struct rand *r, struct fault *fault)
{
    struct table t;
    for (int f = 0; f < b->features; f++) {
        m->shift[f] = shift ? shift[f] : 0;
        m->stretch[f] = stretch ? stretch[f] : 1;
    }
    m->members = trials;
    m->has_incumbent = false;
    enum err e = table_new(&t, b, trials, fault);
    if (e != OK)
        return e;
    e = build_objective(m, b, trial, trials, from, b->set.bend && !stretch, evaluations, r, &t, fault);
    if (e == OK)
        e = build_works(m, b, trial, trials, evaluations, r, &t, fault);
    for (int k = 0; k < b->set.limits && e == OK; k++)
        e = build_limit(m, b, k, trial, trials, evaluations, r, &t, fault);
    table_free(&t);
    return e;
}

enum err bo_model_extend(struct bo_model *m, const struct math_bo *b, int trial, struct fault *fault)
{
    assert(m->objective && b->features <= MATH_GP_FEATURES_MAX);
    double   features[MATH_GP_FEATURES_MAX], y = b->told.y[trial];
    bool     failed = b->told.failed[trial];
    enum err e = OK;
    transform(m, b, b->told.features + (size_t)trial * (size_t)b->features, features);
    m->members++;
    m->results += !failed;
    if (m->failures)
        e = math_gp_add(m->works, features, failed ? -1 : 1, 0, fault);
    if (e == OK && !failed)
        e = math_gp_add(m->objective, features, math_warp_apply(&m->warp, y), known_variance(m, y, b->told.noise_sd[trial]), fault);
    for (int k = 0; k < b->set.limits && e == OK && !failed; k++)
        if (m->limit_scale[k] > 0 && isfinite(limit_of(b, trial, k)))
            e = math_gp_add(m->limit[k], features, scaled_limit(m, k, limit_of(b, trial, k)), 0, fault);
    return e;
}

double bo_model_bend(const struct bo_model *m, const struct math_bo *b, int d)
{
    return m->objective ? m->objective->hyper.bend[m->objective->scale_of[b->space.feature_of[d]]] : 0;
}

/* ---- asking ---- */

/* Transformed features of count places at the start of the scratch, and behind them room for a prediction. */
static double *prepare(struct bo_model *m, const struct math_bo *b, int count, const double *features)
{
    size_t  p = (size_t)b->features, rows = (size_t)count, n = (size_t)(m->members > 0 ? m->members : 1);
    double *s = scratch(m, rows * (p + n + 4) + 1);
    for (size_t i = 0; s && i < rows; i++)
        transform(m, b, features + i * p, s + i * p);
    return s;
}

enum err bo_model_predict(struct bo_model *m, const struct math_bo *b, int count, const double *features, const double *columns,
                          double *mean, double *variance, struct fault *fault)
{
    if (m->trees) {
        math_forest_predict(m->trees, count, columns, mean, variance);
        return OK;
    }
    double *s = prepare(m, b, count, features);
    if (!s)
        return no_memory(fault);
    math_gp_predict(m->objective, count, s, mean, variance, s + (size_t)count * (size_t)b->features);
    return OK;
}

enum err bo_model_log_works(struct bo_model *m, const struct math_bo *b, int count, const double *features, double *log_works, struct fault *fault)
{
    double *s = prepare(m, b, count, features);
    if (!s)
        return no_memory(fault);
    size_t  rows = (size_t)count;
    double *mean = s + rows * (size_t)b->features, *variance = mean + rows, *rest = variance + rows;
    memset(log_works, 0, rows * sizeof *log_works);
    for (int k = -1; k < b->set.limits; k++) {
        const struct math_gp *gp = k < 0 ? m->works : m->limit[k];
        if (k < 0 ? !m->failures : !(m->limit_scale[k] > 0))
            continue;
        math_gp_predict(gp, count, s, mean, variance, rest);
        for (int i = 0; i < count; i++)
            log_works[i] += math_acq_log_below(k < 0 ? -mean[i] : mean[i], sqrt(variance[i] + (k < 0 ? gp->hyper.noise : 0)), 0, NULL);
    }
    return OK;
}

enum err bo_model_incumbent(struct bo_model *m, const struct math_bo *b, int count, const int *trial, const double *features,
                            const double *columns, int *best, struct fault *fault)
{
    double *mean = calloc(3 * (size_t)(count > 0 ? count : 1), sizeof *mean), *variance = mean + count, *works = variance + count;
    m->has_incumbent = false;
    m->floor = INFINITY;
    *best = -1;
    if (!mean)
        return no_memory(fault);
    enum err e = count > 0 && m->results > 0 ? bo_model_predict(m, b, count, features, columns, mean, variance, fault) : OK;
    if (e == OK)
        e = bo_model_log_works(m, b, count, features, works, fault);
    for (int i = 0; i < count && e == OK && m->results > 0; i++) {
        m->floor = fmin(m->floor, mean[i]);
        if (bo_kept(b, trial[i]) && (b->set.limits == 0 || works[i] > log(0.5)) && (*best < 0 || mean[i] > mean[*best]))
            *best = i;
    }
    /* Just within a limit that is rough, the model doubts the reading itself: better the one that it doubts least than to say there was none. */
    bool none = *best < 0;
    for (int i = 0; i < count && e == OK && m->results > 0 && none && b->set.limits > 0; i++)
        if (bo_surely_kept(b, trial[i]) && (*best < 0 || works[i] > works[*best]))
            *best = i;
    if (*best >= 0) {
        m->has_incumbent = true;
        m->incumbent = mean[*best];
    }
    free(mean);
    return e;
}

static bool constrained(const struct bo_model *m, const struct math_bo *b)
{
    bool any = m->failures;
    for (int k = 0; k < b->set.limits; k++)
        any = any || m->limit_scale[k] > 0;
    return any;
}

/* The acquisition alone, as a logarithm when a probability is to be added. */
static double acquisition(const struct bo_model *m, const struct math_bo *b, double mean, double sd, struct math_acq_slope *slope)
{
    bool   as_log = constrained(m, b);
    double kappa = b->set.kappa > 0 ? b->set.kappa : 2, v;
    switch (b->set.acquisition) {
    case MATH_BO_EI:
        return as_log ? math_acq_log_ei(mean, sd, m->incumbent, slope) : math_acq_ei(mean, sd, m->incumbent, slope);
    case MATH_BO_UCB:
        v = math_acq_ucb(mean, sd, kappa, slope);
        if (!as_log)
            return v;
        v = fmax(v - m->floor, 1e-12);
        *slope = (struct math_acq_slope){ slope->by_mean / v, slope->by_sd / v };
        return log(v);
    case MATH_BO_LOG_EI:
        break;
    }
    return math_acq_log_ei(mean, sd, m->incumbent, slope);
}

/*
 * The probability that it works, as it enters the score: below what is asked for it falls so steeply that no promise makes up
 * for it.  A product of EI and probability alone would, where little is left to win elsewhere, try the far side of a cliff again
 * and again.  The slope is by ln of the probability.
 */
static double caution(const struct math_bo *b, double log_works, double *slope)
{
    double least = b->set.works_min > 0 ? b->set.works_min : WORKS_MIN, lacking = b->set.works_min < 0 ? 0 : fmin(log_works - log(least), 0);
    *slope = lacking < 0 ? 1 + WORKS_STEEP : 1;
    return log_works + WORKS_STEEP * lacking;
}

enum err bo_model_score(struct bo_model *m, const struct math_bo *b, int count, const double *features, const double *columns,
                        double *score, struct fault *fault)
{
    double *mean = calloc(2 * (size_t)(count > 0 ? count : 1), sizeof *mean), *variance = mean + count;
    if (!mean)
        return no_memory(fault);
    enum err e = bo_model_log_works(m, b, count, features, score, fault);
    if (e == OK && m->has_incumbent) {
        e = bo_model_predict(m, b, count, features, columns, mean, variance, fault);
        struct math_acq_slope unused;
        double                unused_too;
        for (int i = 0; i < count && e == OK; i++)
            score[i] = caution(b, score[i], &unused_too) + acquisition(m, b, mean[i], sqrt(variance[i]), &unused);
    } else if (e == OK && m->failures && m->results == 0) {      /* nothing worked yet: also look where nothing is known */
        double *s = prepare(m, b, count, features);
        if (s)
            math_gp_predict(m->works, count, s, mean, variance, s + (size_t)count * (size_t)b->features);
        for (int i = 0; i < count && s; i++)
            score[i] += 0.5 * log(variance[i]);
        e = s ? OK : no_memory(fault);
    }
    free(mean);
    return e;
}

bool bo_model_smooth(const struct bo_model *m) { return m->objective && m->has_incumbent; }

static void add_slope(const struct math_bo *b, double by_mean, double by_sd, double sd, const double *mean_slope, const double *variance_slope, double *gradient)
{
    for (int f = 0; f < b->features; f++)
        gradient[f] += by_mean * mean_slope[f] + by_sd * variance_slope[f] / (2 * sd);
}

double bo_model_score_slope(struct bo_model *m, const struct math_bo *b, const double *features, double *gradient)
{
    size_t                p = (size_t)b->features;
    double               *s = scratch(m, 4 * p + 2 * (size_t)m->members + 2), mean, variance, value, log_works = 0, by_works;
    struct math_acq_slope slope;
    if (!s)
        return (double)NAN;
    double *mean_slope = s + p, *variance_slope = mean_slope + p, *works_slope = variance_slope + p, *rest = works_slope + p;
    transform(m, b, features, s);
    memset(gradient, 0, p * sizeof *gradient);
    memset(works_slope, 0, p * sizeof *works_slope);
    math_gp_predict_slope(m->objective, s, &mean, &variance, mean_slope, variance_slope, rest);
    double sd = sqrt(variance);
    value = acquisition(m, b, mean, sd, &slope);
    add_slope(b, slope.by_mean, slope.by_sd, sd, mean_slope, variance_slope, gradient);
    for (int k = -1; k < b->set.limits; k++) {
        const struct math_gp *gp = k < 0 ? m->works : m->limit[k];
        if (k < 0 ? !m->failures : !(m->limit_scale[k] > 0))
            continue;
        math_gp_predict_slope(gp, s, &mean, &variance, mean_slope, variance_slope, rest);
        sd = sqrt(variance + (k < 0 ? gp->hyper.noise : 0));
        log_works += math_acq_log_below(k < 0 ? -mean : mean, sd, 0, &slope);
        add_slope(b, k < 0 ? -slope.by_mean : slope.by_mean, slope.by_sd, sd, mean_slope, variance_slope, works_slope);
    }
    value += caution(b, log_works, &by_works);
    for (size_t f = 0; f < p; f++)
        gradient[f] = (gradient[f] + by_works * works_slope[f]) / m->stretch[f];
    return value;
}
