/*
 * math/cause/match.c - nearest neighbours on the linear propensity, with replacement.
 *
 * Rows are sorted once; the neighbours of a row are then found by walking away
 * from it in both directions.  All rows as near as the last neighbour that is
 * needed share its place (the convention of Abadie, Drukker, Herr & Imbens
 * 2004), so the answer does not depend on the order of the rows.
 */
#include "math/cause/effect.h"

#include "math/stats/describe.h"
#include "math/cause/logit.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const double tie = 1e-9;          /* propensities this near to each other, relative to their spread, are the same */
static const double correction_most = 0.9;   /* of the variance: what the fitted propensity may take away, being an estimate itself */

struct place { double eta; int row; bool treated; };

/* Everything about the rows that does not change, and where the rows of the latest neighbours are put. */
struct field {
    const struct math_study *s;
    struct place *p;
    double        eps;
    int          *row;       /* n */
};

static int by_eta(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    return x->eta < y->eta ? -1 : x->eta > y->eta ? 1 : (x->row > y->row) - (x->row < y->row);
}

/* A walk away from place `from` through one arm, always to the nearer side. */
struct walk { const struct place *p; int n, lo, hi; bool treated; double from; };

static struct walk walk_from(const struct place *p, int n, int from, bool treated)
{
    struct walk w = { p, n, from - 1, from + 1, treated, p[from].eta };
    while (w.lo >= 0 && p[w.lo].treated != treated)
        w.lo--;
    while (w.hi < n && p[w.hi].treated != treated)
        w.hi++;
    return w;
}

/* The next nearest place and its distance; -1 when the arm has no more. */
static int walk_on(struct walk *w, double *distance)
{
    double below = w->lo >= 0 ? w->from - w->p[w->lo].eta : INFINITY, above = w->hi < w->n ? w->p[w->hi].eta - w->from : INFINITY;
    int    at = below <= above ? w->lo : w->hi;
    *distance = fmin(below, above);
    if (isinf(*distance))
        return -1;
    if (below <= above)
        do w->lo--; while (w->lo >= 0 && w->p[w->lo].treated != w->treated);
    else
        do w->hi++; while (w->hi < w->n && w->p[w->hi].treated != w->treated);
    return at;
}

/* Rows of the nearest `wanted` places of one arm, and of those tied with the last, into f->row; returns how many. */
static int neighbours(struct field *f, int place, bool treated, int wanted)
{
    struct walk w = walk_from(f->p, f->s->n, place, treated);
    double distance, last = 0;
    int    count = 0;
    for (int at = walk_on(&w, &distance); at >= 0 && (count < wanted || distance <= last + f->eps); at = walk_on(&w, &distance)) {
        if (count < wanted)
            last = distance;
        f->row[count++] = f->p[at].row;
    }
    return count;
}

static double mean_outcome(const struct field *f, int count)
{
    double sum = 0;
    for (int i = 0; i < count; i++)
        sum += f->s->y[f->row[i]];
    return sum / count;
}

/*
 * Rows that serve as a match often make their neighbours' gains alike: their own spread, seen among their like, times how often they
 * serve.  once and twice: sums of 1 / (number of matches) and of its square over the rows they serve.
 */
static double of_serving(struct field *f, enum math_estimand estimand, const double *once, const double *twice)
{
    double sum = 0;
    for (int i = 0; i < f->s->n; i++) {
        int    row = f->p[i].row;
        double more = once[row] * once[row] - twice[row] + (estimand == MATH_ATE ? 2 * once[row] : 0);
        if (!(more > 0))
            continue;
        int    count = neighbours(f, i, f->p[i].treated, 1);
        double d = f->s->y[row] - mean_outcome(f, count);
        sum += more * d * d * count / (count + 1.0);
    }
    return sum;
}

/* to[j] += weight times the covariance of covariate j and the outcome in one arm near a place: of its two nearest rows, itself first. */
static void local_covariance(struct field *f, int place, bool treated, double weight, double *to)
{
    const struct math_study *s = f->s;
    bool   own = f->p[place].treated == treated;
    int    count = neighbours(f, place, treated, own ? 1 : 2);
    if (own)
        f->row[count++] = f->p[place].row;
    if (count < 2)
        return;
    double y = mean_outcome(f, count);
    for (int j = 0; j < s->k; j++) {
        double cov = 0;
        for (int i = 0; i < count; i++)
            cov += s->x[j][f->row[i]] * (s->y[f->row[i]] - y);
        to[1 + j] += weight * cov / (count - 1);
    }
}

/* to' (X'WX)^-1 to, where X'WX is the information of the propensity's fit. */
static double through_information(const struct math_logit *l, const double *to)
{
    double sum = 0;
    for (int i = 0; i < l->n; i++) {
        double along = 0;
        for (int j = 0; j < l->p; j++)
            along += l->pull[(size_t)j * (size_t)l->n + (size_t)i] * to[j];
        sum += along * along * math_logistic(l->eta[i]) * math_logistic(-l->eta[i]);
    }
    return sum;
}

/*
 * What a fitted propensity changes in the variance (Abadie & Imbens 2016, theorem 1 and its analogue for the treated): what is
 * matched on moves with the sample in a way that evens the covariates out, and, for the treated, so does the question.
 */
static double of_fitting(struct field *f, const struct math_logit *l, enum math_estimand estimand, const double *gain, double estimate)
{
    const struct math_study *s = f->s;
    double even[MATH_COLUMNS_MAX + 1] = { 0 }, moved[MATH_COLUMNS_MAX + 1] = { 0 }, asked = 0;
    for (int i = 0; i < s->n; i++) {
        int    row = f->p[i].row;
        double e = math_logistic(f->p[i].eta), rest = math_logistic(-f->p[i].eta), slope = e * rest;
        bool   all = estimand == MATH_ATE;
        asked += all ? 1 : e;
        local_covariance(f, i, true, all ? rest : slope, even);
        local_covariance(f, i, false, all ? e : e * e, even);
        for (int j = 0; j <= s->k && !all; j++)
            moved[j] += slope * (j ? s->x[j - 1][row] : 1) * (gain[row] - estimate);
    }
    for (int j = 0; j <= s->k; j++) {
        even[j] = (even[j] + moved[j]) / asked;
        moved[j] /= asked;
    }
    return through_information(l, moved) - through_information(l, even);
}

enum err math_match(const struct math_study *s, const struct math_logit *l, int matches, enum math_estimand estimand, struct arena *scratch,
                    double *estimate, double *se, struct fault *fault)
{
    size_t n = (size_t)s->n;
    struct field f = { s, arena_alloc(scratch, n * sizeof *f.p), tie * math_sd(l->eta, s->n), arena_alloc(scratch, (n + 1) * sizeof *f.row) };
    double *once = math_doubles(scratch, n, fault), *twice = math_doubles(scratch, n, fault), *gain = math_doubles(scratch, n, fault);
    if (!f.p || !f.row || !once || !twice || !gain)
        return fail(fault, ERR_LIMIT, "matching %d rows does not fit into the memory set aside", s->n);
    int arm[2] = { 0, 0 }, asked = 0;
    for (int i = 0; i < s->n; i++) {
        f.p[i] = (struct place){ l->eta[i], i, s->treat[i] > 0.5 };
        arm[f.p[i].treated]++;
    }
    if (arm[0] < 2 || arm[1] < 2 || (estimand == MATH_ATE && matches > arm[1]) || matches > arm[0])
        return fail(fault, ERR_INPUT, "arms of %d and %d rows cannot give %d matches to each row, and a spread", arm[1], arm[0], matches);
    qsort(f.p, n, sizeof *f.p, by_eta);
    double sum = 0, var = 0;
    for (int i = 0; i < s->n; i++) {
        int    row = f.p[i].row, count = neighbours(&f, i, !f.p[i].treated, matches);
        double other = mean_outcome(&f, count);
        gain[row] = f.p[i].treated ? s->y[row] - other : other - s->y[row];
        if (estimand == MATH_ATT && !f.p[i].treated)
            continue;
        sum += gain[row];
        asked++;
        for (int m = 0; m < count; m++) {
            once[f.row[m]] += 1.0 / count;
            twice[f.row[m]] += 1.0 / count / count;
        }
    }
    *estimate = sum / asked;
    for (int i = 0; i < s->n; i++)
        if (estimand == MATH_ATE || s->treat[i] > 0.5)
            var += (gain[i] - *estimate) * (gain[i] - *estimate);
    var = (var + of_serving(&f, estimand, once, twice)) / asked / asked;
    *se = sqrt(var + fmax(of_fitting(&f, l, estimand, gain, *estimate), -correction_most * var));
    return OK;
}
