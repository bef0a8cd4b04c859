/* math/cause/effect.c - are the arms comparable, and if so, what is the difference? */
#include "math/cause/effect.h"

#include "math/stats/compare.h"
#include "math/stats/describe.h"
#include "math/cause/logit.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const double caliper = 0.2;    /* of the sd of the linear propensity: how far outside the other arm's range still counts as inside (Austin 2011) */
static const double never = 20;       /* on the scale of the linear propensity below the least of a treated row, where there is no fit: odds of 1 to 500 million */
static const double rare = 0.05;      /* probability of the other arm below which a row beyond its range is not there by chance */

static const char *const method_names[MATH_METHODS] = {
    [MATH_BY_DIFFERENCE] = "difference of means",
    [MATH_BY_REGRESSION] = "linear regression",
    [MATH_BY_MATCHING]   = "propensity matching",
    [MATH_BY_WEIGHTING]  = "inverse probability weighting",
    [MATH_BY_DOUBLY]     = "doubly robust",
};

static const char *const standing_names[MATH_STANDINGS] = {
    [MATH_KNOWN] = "known", [MATH_NOT_IDENTIFIED] = "not identified", [MATH_NO_OVERLAP] = "no overlap",
};

const char *math_method_name(enum math_method m) { return (unsigned)m < MATH_METHODS ? method_names[m] : "?"; }
const char *math_standing_name(enum math_standing s) { return (unsigned)s < MATH_STANDINGS ? standing_names[s] : "?"; }

void math_effect_unknown(struct math_effect *e, enum math_standing standing, const char *why)
{
    e->standing = standing;
    e->estimate = e->se = e->df = e->lo = e->hi = e->p = (double)NAN;
    snprintf(e->why, sizeof e->why, "%s", why);
}

void math_effect_settle(struct math_effect *e, double estimate, double se, double df, double alpha)
{
    e->standing = MATH_KNOWN;
    e->estimate = estimate;
    e->se = se;
    e->df = df;
    e->p = math_p_value(estimate, se, df);
    math_interval(estimate, se, df, alpha, &e->lo, &e->hi);
    e->why[0] = '\0';
}

/* ---- without a propensity ---- */

static enum err by_difference(const struct math_study *s, double alpha, struct math_effect *e, struct fault *fault)
{
    struct math_running arm[2] = { { 0 }, { 0 } };
    for (int i = 0; i < s->n; i++)
        math_running_add(&arm[s->treat[i] > 0.5], s->y[i]);
    if (arm[0].n < 2 || arm[1].n < 2)
        return fail(fault, ERR_INPUT, "an arm of one row has no spread to compare with");
    struct math_difference d = math_welch(arm[0].n, arm[0].mean, arm[0].ss / (arm[0].n - 1), arm[1].n, arm[1].mean, arm[1].ss / (arm[1].n - 1));
    math_effect_settle(e, d.estimate, d.se, d.nu, alpha);
    return OK;
}

static enum err by_regression(const struct math_study *s, const struct math_effect_conf *conf, double alpha, struct arena *scratch, struct math_effect *e, struct fault *fault)
{
    const double *x[MATH_COLUMNS_MAX];
    struct math_ols o;
    int ones;
    if (math_binary_check(s->treat, s->n, &ones, NULL) == OK)
        e->treated = ones;
    x[0] = s->treat;
    for (int j = 0; j < s->k; j++)
        x[1 + j] = s->x[j];
    enum err err = math_ols(s->y, x, s->k + 1, s->n, conf->errors, scratch, &o, fault);
    if (err) {
        if (err == ERR_INPUT && fault && !fault->hint[0])
            fail_hint(fault, "column 1 is the treatment, the covariates follow");
        return err;
    }
    math_effect_settle(e, o.beta[1], o.se[1], o.df, alpha);
    return OK;
}

/* ---- with one ---- */

/* What each row counts for in its own arm: weight, and how the weight moves with the linear propensity. */
struct counts { double *w, *dw; double total[2]; };

static enum err count_rows(const struct math_study *s, const double *eta, enum math_estimand estimand, struct arena *scratch, struct counts *c, struct fault *fault)
{
    *c = (struct counts){ math_doubles(scratch, (size_t)s->n, fault), math_doubles(scratch, (size_t)s->n, fault), { 0, 0 } };
    if (!c->w || !c->dw)
        return ERR_LIMIT;
    for (int i = 0; i < s->n; i++) {
        bool treated = s->treat[i] > 0.5;
        double odds = exp(treated ? -eta[i] : eta[i]);   /* of being in the other arm */
        c->w[i] = estimand == MATH_ATE ? 1 + odds : treated ? 1 : odds;
        c->dw[i] = estimand == MATH_ATT && treated ? 0 : treated ? -odds : odds;
        c->total[treated] += c->w[i];
    }
    return OK;
}

/* Share of the rows the question is about that lie outside the range of the other arm's propensities, and not by chance. */
static double unsupported(const struct math_study *s, const double *eta, enum math_estimand estimand)
{
    double lo[2] = { INFINITY, INFINITY }, hi[2] = { -INFINITY, -INFINITY }, slack = caliper * math_sd(eta, s->n), lost = 0, asked = 0;
    for (int i = 0; i < s->n; i++) {
        int arm = s->treat[i] > 0.5;
        lo[arm] = fmin(lo[arm], eta[i]);
        hi[arm] = fmax(hi[arm], eta[i]);
    }
    for (int i = 0; i < s->n; i++) {
        int other = !(s->treat[i] > 0.5);
        if (estimand == MATH_ATT && other)
            continue;
        asked++;
        bool outside = eta[i] < lo[other] - slack || eta[i] > hi[other] + slack;
        lost += outside && math_logistic(other ? eta[i] : -eta[i]) < rare;
    }
    return lost / asked;
}

/* Effective rows of the arm that weights thin out most, and how many it has. */
static double thinnest(const struct math_study *s, const struct counts *c, double *rows)
{
    double square[2] = { 0, 0 }, n[2] = { 0, 0 };
    for (int i = 0; i < s->n; i++) {
        int arm = s->treat[i] > 0.5;
        square[arm] += c->w[i] * c->w[i];
        n[arm]++;
    }
    double ess[2] = { c->total[0] * c->total[0] / square[0], c->total[1] * c->total[1] / square[1] };
    int arm = ess[1] / n[1] < ess[0] / n[0];
    *rows = n[arm];
    return ess[arm];
}

static bool overlaps(const struct math_study *s, const struct math_effect_conf *conf, const double *eta, const struct counts *c, struct math_effect *e)
{
    double rows, most = conf->unsupported_max > 0 ? conf->unsupported_max : 0.1, least = conf->ess_min > 0 ? conf->ess_min : 10;
    char why[sizeof e->why];
    e->unsupported = unsupported(s, eta, conf->estimand);
    e->ess = thinnest(s, c, &rows);
    if (!isfinite(e->ess))
        e->ess = 0;
    if (e->unsupported > most)
        snprintf(why, sizeof why, "%.0f %% of the rows have nobody like them in the other arm (at most %.0f %%).", 100 * e->unsupported, 100 * most);
    else if (e->ess < fmin(least, rows / 2))
        snprintf(why, sizeof why, "An arm of %.0f rows is carried by %.1f of them.", rows, e->ess);
    else
        return true;
    math_effect_unknown(e, MATH_NO_OVERLAP, why);
    return false;
}

/* A linear outcome model of one arm: its fit for all rows in mu, its residuals' scores and pull. */
struct outcome { double *mu, *pull, *score; };

static enum err model_arm(const struct math_study *s, bool treated, struct arena *scratch, struct outcome *m, struct fault *fault)
{
    size_t n = (size_t)s->n;
    double beta[MATH_COLUMNS_MAX + 1], *in = math_doubles(scratch, n, fault);
    struct math_lsq f;
    *m = (struct outcome){ math_doubles(scratch, n, fault), math_doubles(scratch, n * (size_t)(s->k + 1), fault), math_doubles(scratch, n, fault) };
    if (!in || !m->mu || !m->pull || !m->score)
        return ERR_LIMIT;
    for (int i = 0; i < s->n; i++)
        in[i] = (s->treat[i] > 0.5) == treated;
    enum err e = math_lsq_factor(s->x, s->k, s->n, in, scratch, &f, fault);
    if (e)
        return e;
    math_lsq_solve(&f, s->y, beta);
    math_lsq_pull(&f, m->pull);
    for (int i = 0; i < s->n; i++) {
        m->mu[i] = math_lsq_at(beta, s->x, s->k, i);
        m->score[i] = in[i] * (s->y[i] - m->mu[i]);
    }
    return OK;
}

/* psi += n * slope' pull score: what the uncertainty of a fitted model adds to each row's contribution. slope[0] belongs to the intercept. */
static void correct(const struct math_study *s, double *psi, const double *slope, const double *pull, const double *score)
{
    for (int j = 0; j <= s->k; j++)
        for (int i = 0; i < s->n; i++)
            psi[i] += s->n * slope[j] * pull[(size_t)j * (size_t)s->n + (size_t)i] * score[i];
}

/* slope[j] += sum over rows of v[i] times the design's entry. */
static void gather(const struct math_study *s, const double *v, double *slope)
{
    for (int i = 0; i < s->n; i++) {
        slope[0] += v[i];
        for (int j = 0; j < s->k; j++)
            slope[1 + j] += v[i] * s->x[j][i];
    }
}

/*
 * Weighting and the doubly robust estimate are one formula, the former with outcome models that say 0:
 *     mean over the target of mu1 - mu0, plus the weighted mean residual of the treated, minus that of the others.
 * psi[i] is what row i adds to n times its error, by the delta method through all models that were fitted.
 */
static enum err by_weights(const struct math_study *s, const struct math_effect_conf *conf, double alpha, const struct math_logit *l, const struct counts *c,
                           struct arena *scratch, struct math_effect *e, struct fault *fault)
{
    size_t n = (size_t)s->n;
    bool doubly = conf->method == MATH_BY_DOUBLY;
    double *psi = math_doubles(scratch, n, fault), *v = math_doubles(scratch, n, fault), *rest = math_doubles(scratch, n, fault);
    double slope[MATH_COLUMNS_MAX + 1], mean[2] = { 0, 0 }, level = 0, target = 0;
    struct outcome m[2];
    if (!psi || !v || !rest)
        return ERR_LIMIT;
    for (int arm = 0; arm < 2 && doubly; arm++) {
        enum err err = model_arm(s, arm, scratch, &m[arm], fault);
        if (err == ERR_INPUT) {
            math_effect_unknown(e, MATH_NO_OVERLAP, "The covariates of one arm vary too little to say what the other would have done.");
            return OK;
        }
        if (err)
            return err;
    }
    for (int i = 0; i < s->n; i++) {
        int arm = s->treat[i] > 0.5;
        rest[i] = s->y[i] - (doubly ? m[arm].mu[i] : 0);
        mean[arm] += c->w[i] * rest[i] / c->total[arm];
        bool asked = conf->estimand == MATH_ATE || arm;
        target += asked;
        level += doubly && asked ? m[1].mu[i] - m[0].mu[i] : 0;
    }
    level /= target;
    for (int i = 0; i < s->n; i++) {
        int    arm = s->treat[i] > 0.5;
        double share = (arm ? s->n : -s->n) / c->total[arm];
        bool   asked = conf->estimand == MATH_ATE || arm;
        psi[i] = share * c->w[i] * (rest[i] - mean[arm]) + (doubly && asked ? s->n / target * (m[1].mu[i] - m[0].mu[i] - level) : 0);
        v[i] = share * c->dw[i] * (rest[i] - mean[arm]) / s->n;
    }
    for (int i = 0; i < s->n; i++)
        rest[i] = s->treat[i] - math_logistic(l->eta[i]);
    memset(slope, 0, sizeof slope);
    gather(s, v, slope);
    correct(s, psi, slope, l->pull, rest);
    for (int arm = 0; arm < 2 && doubly; arm++) {
        for (int i = 0; i < s->n; i++) {
            bool in = (s->treat[i] > 0.5) == arm, asked = conf->estimand == MATH_ATE || s->treat[i] > 0.5;
            v[i] = (arm ? 1 : -1) * (asked / target - in * c->w[i] / c->total[arm]);
        }
        memset(slope, 0, sizeof slope);
        gather(s, v, slope);
        correct(s, psi, slope, m[arm].pull, m[arm].score);
    }
    double df = s->n - (s->k + 1), var = math_sum_squares(psi, s->n, 0) / s->n / df;
    math_effect_settle(e, level + mean[1] - mean[0], sqrt(var), df, alpha);
    return OK;
}

/* There is no propensity to fit where covariates tell the arm without error, of all rows or of some. */
static void separated(const struct math_study *s, const double *eta, enum math_estimand estimand, struct math_effect *e)
{
    double least = INFINITY, most = -INFINITY;    /* of the treated, of the others */
    char   why[sizeof e->why];
    for (int i = 0; i < s->n; i++)
        if (s->treat[i] > 0.5)
            least = fmin(least, eta[i]);
        else
            most = fmax(most, eta[i]);
    e->unsupported = least > most ? 1 : unsupported(s, eta, estimand);
    if (least > most)
        snprintf(why, sizeof why, "The covariates tell treated from untreated rows without error: nobody is like anybody in the other arm.");
    else
        snprintf(why, sizeof why, "Of some rows (%.1f %% of those asked about) the covariates alone tell the arm: nobody in the other one is like them. Leave them out.", 100 * e->unsupported);
    math_effect_unknown(e, MATH_NO_OVERLAP, why);
}

/* The rows of the treated, and of the others all that might have been one of them, in `row`; returns how many. */
static int ever_treated(const struct math_study *s, const double *eta, int *row)
{
    double least = INFINITY;
    int    n = 0;
    for (int i = 0; i < s->n; i++)
        least = s->treat[i] > 0.5 ? fmin(least, eta[i]) : least;
    for (int i = 0; i < s->n; i++)
        if (s->treat[i] > 0.5 || eta[i] > least - never)
            row[n++] = i;
    return n;
}

static void take_rows(const double *v, const int *row, int n, double *to)
{
    for (int i = 0; i < n; i++)
        to[i] = v[row[i]];
}

/*
 * The covariates in those rows.  What says nothing there is left out: a column that is the same in all of them, or told by the others,
 * as the kinds that are left are when the one they were told apart from is gone.
 */
static enum err take_columns(struct math_study *some, const struct math_study *s, const int *row, const double **x, double *copy, struct arena *scratch, struct fault *fault)
{
    struct math_lsq f;
    struct arena turn CLEANUP(arena_done);
    arena_init(&turn, scratch->bound);
    for (int j = 0; j < s->k; j++) {
        x[some->k] = copy + (size_t)some->k * (size_t)some->n;
        take_rows(s->x[j], row, some->n, copy + (size_t)some->k * (size_t)some->n);
        arena_reset(&turn);
        enum err err = math_lsq_factor(x, some->k + 1, some->n, NULL, &turn, &f, fault);
        if (err && err != ERR_INPUT)
            return err;
        some->k += !err;
    }
    return OK;
}

static enum err by_propensity(const struct math_study *s, const struct math_effect_conf *conf, double alpha, struct arena *scratch, struct math_effect *e, struct fault *fault);

/*
 * The question about the treated needs nobody who is never treated: such rows have weight 0 and match nobody, and without them the
 * others have a propensity.  *e is left as it is where there are no such rows, or only treated ones beside them.
 */
static enum err among_ever_treated(const struct math_study *s, const struct math_effect_conf *conf, double alpha, const double *eta, struct arena *scratch, struct math_effect *e, struct fault *fault)
{
    const double *x[MATH_COLUMNS_MAX];
    struct math_effect again = *e;
    int    *row = arena_alloc(scratch, (size_t)s->n * sizeof *row), n = row ? ever_treated(s, eta, row) : 0;
    double *copy = row ? math_doubles(scratch, (size_t)n * (size_t)(s->k + 2), fault) : NULL;
    if (!row || !copy)
        return fail(fault, ERR_LIMIT, "%d rows do not fit into the memory set aside", s->n);
    if (n == s->n)
        return OK;
    struct math_study some = { n, 0, copy, copy + n, x };
    take_rows(s->y, row, n, copy);
    take_rows(s->treat, row, n, copy + n);
    enum err err = take_columns(&some, s, row, x, copy + 2 * (size_t)n, scratch, fault);
    again.n = n;
    if (!err)
        err = by_propensity(&some, conf, alpha, scratch, &again, fault);
    if (!err)
        *e = again;
    return err == ERR_INPUT ? OK : err;
}

static enum err by_propensity(const struct math_study *s, const struct math_effect_conf *conf, double alpha, struct arena *scratch, struct math_effect *e, struct fault *fault)
{
    struct math_logit l;
    struct counts c;
    double estimate, se;
    enum err err = math_logit(s->treat, s->x, s->k, s->n, scratch, &l, fault);
    if (err)
        return err;
    if (l.separated) {
        separated(s, l.eta, conf->estimand, e);
        return conf->estimand == MATH_ATT ? among_ever_treated(s, conf, alpha, l.eta, scratch, e, fault) : OK;
    }
    err = count_rows(s, l.eta, conf->estimand, scratch, &c, fault);
    if (err || !overlaps(s, conf, l.eta, &c, e))
        return err;
    if (conf->method != MATH_BY_MATCHING)
        return by_weights(s, conf, alpha, &l, &c, scratch, e, fault);
    err = math_match(s, &l, conf->matches > 0 ? conf->matches : 1, conf->estimand, scratch, &estimate, &se, fault);
    if (!err)
        math_effect_settle(e, estimate, se, s->n - (s->k + 1), alpha);
    return err;
}

/* Squares beyond what a number holds: no estimate, however finite the outcomes are. */
static enum err told_or_not(struct math_effect *e, enum err err, struct fault *fault)
{
    if (err || e->standing != MATH_KNOWN || (isfinite(e->estimate) && isfinite(e->se)))
        return err;
    math_effect_unknown(e, MATH_NOT_IDENTIFIED, "Not estimated.");
    return fail(fault, ERR_INPUT, "the outcome is too large for its spread to be told");
}

enum err math_effect(const struct math_study *s, const struct math_effect_conf *conf, struct arena *scratch, struct math_effect *e, struct fault *fault)
{
    double alpha = conf->alpha > 0 ? conf->alpha : 0.05;
    *e = (struct math_effect){ .n = s->n, .treated = -1, .unsupported = (double)NAN, .ess = (double)NAN };
    math_effect_unknown(e, MATH_NOT_IDENTIFIED, "Not estimated.");
    if (!(alpha < 1) || (unsigned)conf->method >= MATH_METHODS)
        return fail(fault, ERR_INPUT, "alpha must lie between 0 and 1, and the method be one of the list");
    if (s->n < 2 || s->k < 0 || s->k >= MATH_COLUMNS_MAX)
        return fail(fault, ERR_INPUT, "%d rows and %d covariates; there must be 2 rows or more, and 0 to %d covariates", s->n, s->k, MATH_COLUMNS_MAX - 1);
    enum err err = math_finite_check("the outcome", s->y, s->n, fault);
    if (!err)
        err = math_finite_check("the treatment", s->treat, s->n, fault);
    if (err)
        return err;
    if (conf->method == MATH_BY_REGRESSION)
        return told_or_not(e, by_regression(s, conf, alpha, scratch, e, fault), fault);
    err = math_binary_check(s->treat, s->n, &e->treated, fault);
    if (err)
        return err;
    return told_or_not(e, conf->method == MATH_BY_DIFFERENCE ? by_difference(s, alpha, e, fault) : by_propensity(s, conf, alpha, scratch, e, fault), fault);
}
