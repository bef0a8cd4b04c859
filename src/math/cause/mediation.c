/* math/cause/mediation.c - regressions in a row, and the errors of what their coefficients make together. */
#include "math/cause/mediation.h"

#include "math/stats/describe.h"

#include <math.h>
#include <string.h>

static const double failed_most = 0.2;    /* of the resamples: more without an answer, and there is no bootstrap interval */

static double alpha_of(const struct math_mediation_conf *conf) { return conf->alpha > 0 ? conf->alpha : 0.05; }

/* psi[n]: what each row adds to the error. */
static void settle(struct math_part *part, double estimate, const double *psi, int n, double df, double alpha)
{
    part->estimate = estimate;
    part->se = sqrt(math_sum_squares(psi, n, 0));
    part->df = df;
    part->p = math_p_value(estimate, part->se, df);
    math_interval(estimate, part->se, df, alpha, &part->lo, &part->hi);
    part->boot_lo = part->boot_hi = (double)NAN;
}

static enum err conf_check(const struct math_mediation_conf *conf, struct fault *fault)
{
    if (!(conf->alpha >= 0 && conf->alpha < 1) || conf->errors == MATH_ERRORS_CLASSIC)
        return fail(fault, ERR_INPUT, "a path needs alpha between 0 and 1, and robust errors");
    if (conf->draws < 0 || (conf->draws > 0 && !conf->rand))
        return fail(fault, ERR_INPUT, "a bootstrap of %d draws needs a generator", conf->draws);
    return OK;
}

/* ---- the bootstrap ---- */

/* A problem as columns of rows, and its answers from other rows of the same. */
struct problem {
    int n, columns, answers;
    const double *const *column;
    enum err (*answer)(const struct problem *p, const double *const *column, struct arena *turn, double *out, struct fault *fault);
    const void *context;
};

/* Answers from `draws` resamples in values[answer * draws + draw]; returns how many had none. */
static enum err resample(const struct problem *p, int draws, struct rand *r, struct arena *scratch, double *values, int *failed, struct fault *fault)
{
    size_t n = (size_t)p->n;
    double *copy = math_doubles(scratch, n * (size_t)p->columns, fault), out[MATH_MEDIATORS_MAX + MATH_LINKS_MAX + 3];
    const double *column[3 * MATH_COLUMNS_MAX];
    struct arena turn CLEANUP(arena_done);
    arena_init(&turn, scratch->bound);
    *failed = 0;
    if (!copy)
        return ERR_LIMIT;
    for (int d = 0, k = 0; d < draws; d++) {
        for (size_t i = 0; i < n; i++) {
            size_t row = (size_t)rand_int(r, 0, p->n - 1);
            for (size_t c = 0; c < (size_t)p->columns; c++)
                copy[c * n + i] = p->column[c][row];
        }
        for (int c = 0; c < p->columns; c++)
            column[c] = copy + (size_t)c * n;
        arena_reset(&turn);
        enum err e = p->answer(p, column, &turn, out, fault);
        if (e && e != ERR_INPUT)
            return e;
        *failed += e != OK;
        for (int a = 0; a < p->answers && !e; a++)
            values[(size_t)a * (size_t)draws + (size_t)k] = out[a];
        k += e == OK;
    }
    return OK;
}

static enum err bootstrap(const struct problem *p, const struct math_mediation_conf *conf, struct arena *scratch, struct math_part *const *part, int *failed, struct fault *fault)
{
    double alpha = alpha_of(conf), *values = math_doubles(scratch, (size_t)p->answers * (size_t)conf->draws, fault);
    enum err e = values ? resample(p, conf->draws, conf->rand, scratch, values, failed, fault) : ERR_LIMIT;
    if (e)
        return e;
    int good = conf->draws - *failed;
    if (*failed > failed_most * conf->draws)
        return OK;
    for (int a = 0; a < p->answers; a++) {
        double *v = values + (size_t)a * (size_t)conf->draws;
        math_sort(v, good);
        part[a]->boot_lo = math_quantile_sorted(v, good, alpha / 2);
        part[a]->boot_hi = math_quantile_sorted(v, good, 1 - alpha / 2);
    }
    return OK;
}

/* Coefficients of y on columns, without errors. */
static enum err coefficients(const double *y, const double *const *x, int k, int n, struct arena *turn, double *beta, struct fault *fault)
{
    struct math_lsq f;
    enum err e = math_lsq_factor(x, k, n, NULL, turn, &f, fault);
    if (!e)
        math_lsq_solve(&f, y, beta);
    return e;
}

/* ---- total, direct, indirect ---- */

/* Columns in the order treatment, mediators, covariates, outcome. */
static enum err mediation_answer(const struct problem *p, const double *const *column, struct arena *turn, double *out, struct fault *fault)
{
    const struct math_chain *c = p->context;
    const double *x[MATH_COLUMNS_MAX];
    double b[MATH_COLUMNS_MAX + 1], a[MATH_COLUMNS_MAX + 1];
    enum err e = coefficients(column[p->columns - 1], column, p->columns - 1, p->n, turn, b, fault);
    x[0] = column[0];
    for (int j = 0; j < c->k; j++)
        x[1 + j] = column[1 + c->mediators + j];
    out[1] = b[1];
    out[2] = 0;
    for (int j = 0; j < c->mediators && !e; j++) {
        e = coefficients(column[1 + j], x, c->k + 1, p->n, turn, a, fault);
        out[3 + j] = a[1] * b[2 + j];
        out[2] += out[3 + j];
    }
    out[0] = out[1] + out[2];
    return e;
}

static enum err mediation_bootstrap(const struct math_chain *c, const double *const *column, int columns, const struct math_mediation_conf *conf,
                                    struct arena *scratch, struct math_mediation *m, struct fault *fault)
{
    struct problem p = { c->n, columns, 3 + c->mediators, column, mediation_answer, c };
    struct math_part *part[3 + MATH_MEDIATORS_MAX] = { &m->total, &m->direct, &m->indirect };
    for (int j = 0; j < c->mediators; j++)
        part[3 + j] = &m->through[j];
    m->draws = conf->draws;
    return bootstrap(&p, conf, scratch, part, &m->failed, fault);
}

enum err math_mediation(const struct math_chain *c, const struct math_mediation_conf *conf, struct arena *scratch, struct math_mediation *m, struct fault *fault)
{
    *m = (struct math_mediation){ .n = c->n, .mediators = c->mediators, .share = (double)NAN };
    enum err e = conf_check(conf, fault);
    if (e)
        return e;
    if (c->mediators < 1 || c->mediators > MATH_MEDIATORS_MAX || c->k < 0 || c->k > MATH_COLUMNS_MAX - MATH_MEDIATORS_MAX - 2 || c->n < 1)
        return fail(fault, ERR_INPUT, "%d mediators and %d covariates; there may be 1 to %d and up to %d", c->mediators, c->k, MATH_MEDIATORS_MAX,
                    MATH_COLUMNS_MAX - MATH_MEDIATORS_MAX - 2);
    int    n = c->n, columns = 2 + c->mediators + c->k;
    double alpha = alpha_of(conf), *psi = math_doubles(scratch, (size_t)n, fault), *all = math_doubles(scratch, (size_t)n, fault);
    const double *column[MATH_COLUMNS_MAX], *x[MATH_COLUMNS_MAX];
    if (!psi || !all)
        return ERR_LIMIT;
    column[0] = x[0] = c->treat;
    for (int j = 0; j < c->mediators; j++)
        column[1 + j] = c->mediator[j];
    for (int j = 0; j < c->k; j++)
        column[1 + c->mediators + j] = x[1 + j] = c->x[j];
    column[columns - 1] = c->y;

    struct math_ols end, to;
    e = math_ols(c->y, column, columns - 1, n, conf->errors, scratch, &end, fault);
    if (e) {
        if (e == ERR_INPUT && fault && !fault->hint[0])
            fail_hint(fault, "columns are the treatment, the mediators, the covariates");
        return e;
    }
    size_t rows = (size_t)n;
    settle(&m->direct, end.beta[1], end.psi + rows, n, end.df, alpha);
    double sum = 0;
    for (int j = 0; j < c->mediators; j++) {
        e = math_ols(c->mediator[j], x, c->k + 1, n, conf->errors, scratch, &to, fault);
        if (e)
            return e;
        double a = to.beta[1], b = end.beta[2 + j];
        const double *psi_a = to.psi + rows, *psi_b = end.psi + (size_t)(2 + j) * rows;
        for (size_t i = 0; i < rows; i++) {
            psi[i] = b * psi_a[i] + a * psi_b[i];
            all[i] += psi[i];
        }
        settle(&m->through[j], a * b, psi, n, end.df, alpha);
        sum += a * b;
    }
    settle(&m->indirect, sum, all, n, end.df, alpha);
    for (size_t i = 0; i < rows; i++)
        all[i] += end.psi[rows + i];
    settle(&m->total, m->direct.estimate + sum, all, n, end.df, alpha);
    if (m->total.p < alpha)
        m->share = m->indirect.estimate / m->total.estimate;
    return conf->draws > 0 ? mediation_bootstrap(c, column, columns, conf, scratch, m, fault) : OK;
}

/* ---- along one way ---- */

struct links { const struct math_link *link; int links; };

/* Columns in the order of the links: from, covariates, to, and again for the next. */
static enum err way_answer(const struct problem *p, const double *const *column, struct arena *turn, double *out, struct fault *fault)
{
    const struct links *w = p->context;
    double beta[MATH_COLUMNS_MAX + 1];
    out[0] = 1;
    for (int l = 0, at = 0; l < w->links; at += w->link[l].k + 2, l++) {
        int k = w->link[l].k + 1;
        enum err e = coefficients(column[at + k], column + at, k, p->n, turn, beta, fault);
        if (e)
            return e;
        out[1 + l] = beta[1];
        out[0] *= beta[1];
    }
    return OK;
}

static enum err way_bootstrap(const struct math_link *link, int links, int n, const struct math_mediation_conf *conf, struct arena *scratch, struct math_way *w, struct fault *fault)
{
    const double *column[3 * MATH_COLUMNS_MAX];
    struct math_part *part[1 + MATH_LINKS_MAX] = { &w->product };
    struct links all = { link, links };
    int columns = 0;
    for (int l = 0; l < links; l++) {
        if (columns + link[l].k + 2 > 3 * MATH_COLUMNS_MAX)
            return fail(fault, ERR_LIMIT, "the path has too many columns for a bootstrap");
        part[1 + l] = &w->edge[l];
        column[columns++] = link[l].from;
        for (int j = 0; j < link[l].k; j++)
            column[columns++] = link[l].x[j];
        column[columns++] = link[l].to;
    }
    struct problem p = { n, columns, 1 + links, column, way_answer, &all };
    w->draws = conf->draws;
    return bootstrap(&p, conf, scratch, part, &w->failed, fault);
}

enum err math_way(const struct math_link *link, int links, int n, const struct math_mediation_conf *conf, struct arena *scratch, struct math_way *w, struct fault *fault)
{
    *w = (struct math_way){ .n = n, .links = links };
    enum err e = conf_check(conf, fault);
    if (e)
        return e;
    if (links < 1 || links > MATH_LINKS_MAX || n < 1)
        return fail(fault, ERR_INPUT, "a path of %d edges; there may be 1 to %d", links, MATH_LINKS_MAX);
    size_t rows = (size_t)n;
    double alpha = alpha_of(conf), *psi = math_doubles(scratch, rows, fault), *edge[MATH_LINKS_MAX], df = INFINITY;
    const double *x[MATH_COLUMNS_MAX];
    if (!psi)
        return ERR_LIMIT;
    for (int l = 0; l < links; l++) {
        struct math_ols o;
        if (link[l].k < 0 || link[l].k >= MATH_COLUMNS_MAX)
            return fail(fault, ERR_INPUT, "edge %d of the path has %d covariates; there may be up to %d", l + 1, link[l].k, MATH_COLUMNS_MAX - 1);
        x[0] = link[l].from;
        for (int j = 0; j < link[l].k; j++)
            x[1 + j] = link[l].x[j];
        e = math_ols(link[l].to, x, link[l].k + 1, n, conf->errors, scratch, &o, fault);
        if (e)
            return fail_in(fault, "edge %d of the path", l + 1);
        edge[l] = o.psi + rows;
        settle(&w->edge[l], o.beta[1], edge[l], n, o.df, alpha);
        df = fmin(df, o.df);
    }
    double product = 1;
    for (int l = 0; l < links; l++) {
        double others = 1;
        for (int m = 0; m < links; m++)
            others *= m == l ? 1 : w->edge[m].estimate;
        for (size_t i = 0; i < rows; i++)
            psi[i] += others * edge[l][i];
        product *= w->edge[l].estimate;
    }
    settle(&w->product, product, psi, n, df, alpha);
    return conf->draws > 0 ? way_bootstrap(link, links, n, conf, scratch, w, fault) : OK;
}
