/* plan/lesson.c */
#include "plan/lesson.h"

#include "math/linear/linear.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define AMPLITUDE 0.15     /* prior standard deviation of what a parameter does, log ratio */
#define WIDTH     1.0      /* values that differ by a factor of e are 0.6 alike */

struct lessons {
    int            n;
    double        *factor, *weight;      /* Cholesky's, and covariance^-1 effect */
    struct lesson  lesson[];
};

bool lesson_failed(enum told told, double effect) { return told == TOLD_FAILED || (told == TOLD_WORSE && isnan(effect)); }

double lesson_reading(enum told told, double effect)
{
    if (told == TOLD_REFUSED)
        return (double)NAN;
    return lesson_failed(told, effect) ? LESSON_FAILED : told == TOLD_WORSE && effect >= 0 ? LESSON_WORSE : effect;
}

/*
 * How alike two values of a parameter are: 1 the same, 0 nothing in common.  Nowhere is it enough that two are nearly the same: then a could
 * be b, and b be c, and a not c, and with such values from a file no Gaussian process has these covariances.
 */
static double alike(const struct knob *k, double a, double b)
{
    const struct knob_special *p = knob_special_of(k, a), *q = knob_special_of(k, b);
    if (p || q)
        return p == q;
    if (k->choice[0].name || a <= 0 || b <= 0)
        return fabs(a - b) <= 0;
    double far = log(a / b) / WIDTH;
    return exp(-0.5 * far * far);
}

static double covariance_of(const struct proposed_change *a, const struct proposed_change *b)
{
    const struct knob *k = knob_at(a->knob);
    return AMPLITUDE * AMPLITUDE * (alike(k, a->to, b->to) - alike(k, a->to, b->from) - alike(k, a->from, b->to) + alike(k, a->from, b->from));
}

static double covariance(const struct proposed_change *a, int as, const struct proposed_change *b, int bs)
{
    double sum = 0;
    for (int i = 0; i < as; i++)
        for (int j = 0; j < bs; j++)
            if (a[i].knob == b[j].knob)
                sum += covariance_of(&a[i], &b[j]);
    return sum;
}

enum err lessons_new(const struct lesson *lesson, int n, struct lessons **out, struct fault *fault)
{
    size_t rows = (size_t)(n < LESSONS_MAX ? n : LESSONS_MAX);
    *out = NULL;
    if (n < 1)
        return fail(fault, ERR_INPUT, "no trial to learn from");
    for (size_t i = 0; i < rows; i++)
        if (!isfinite(lesson[i].effect) || !(lesson[i].sd > 0))
            return fail(fault, ERR_INPUT, "trial %zu has an effect of %.3g with an error of %.3g, which is no measurement", i + 1, lesson[i].effect, lesson[i].sd);
    struct lessons *l = calloc(1, sizeof *l + rows * sizeof *l->lesson);
    double         *diagonal = calloc(rows, sizeof *diagonal);
    enum err        e = l && diagonal && (l->factor = calloc(rows * rows, sizeof *l->factor)) && (l->weight = calloc(rows, sizeof *l->weight))
                            ? OK : fail(fault, ERR_LIMIT, "no memory for %zu trials", rows);
    if (e == OK) {
        l->n = (int)rows;
        memcpy(l->lesson, lesson, rows * sizeof *lesson);
        for (size_t i = 0; i < rows; i++)
            for (size_t j = 0; j <= i; j++)
                l->factor[i * rows + j] = l->factor[j * rows + i] =
                    covariance(lesson[i].change, lesson[i].changes, lesson[j].change, lesson[j].changes) + (i == j ? lesson[i].sd * lesson[i].sd : 0);
        e = math_chol(l->factor, l->n, l->n, diagonal, NULL, fault);
    }
    for (size_t i = 0; i < rows && e == OK; i++)
        l->weight[i] = lesson[i].effect;
    if (e == OK)
        math_chol_solve(l->factor, l->n, l->n, l->weight);
    free(diagonal);
    if (e != OK) {
        lessons_free(l);
        return e;
    }
    *out = l;
    return OK;
}

void lessons_free(struct lessons *l)
{
    if (l) {
        free(l->factor);
        free(l->weight);
        free(l);
    }
}

static double mean_of(const struct lessons *l, const struct proposed_change *change, int changes, double with[LESSONS_MAX])
{
    for (int i = 0; i < l->n; i++)
        with[i] = covariance(change, changes, l->lesson[i].change, l->lesson[i].changes);
    return math_dot(with, l->weight, l->n);
}

static double sd_of(const struct lessons *l, const struct proposed_change *change, int changes, double with[LESSONS_MAX])
{
    math_lower_solve(l->factor, l->n, l->n, with);
    return sqrt(fmax(covariance(change, changes, change, changes) - math_dot(with, with, l->n), 0));
}

void lessons_effect(const struct lessons *l, const struct proposed_change *change, int changes, double *mean, double *sd)
{
    double with[LESSONS_MAX];
    *mean = mean_of(l, change, changes, with);
    *sd = sd_of(l, change, changes, with);
}

static void look_at(const struct lessons *l, struct proposed_change change, double doubt, struct lessons_best *best)
{
    double with[LESSONS_MAX], mean = mean_of(l, &change, 1, with);
    if (mean <= best->worth)      /* doubt makes it no better, and is dear */
        return;
    double worth = mean - doubt * sd_of(l, &change, 1, with);
    if (worth > best->worth)
        *best = (struct lessons_best){ change.to, worth };
}

/* Most lessons go from and to the same few values. */
static int put_value(double *value, int n, double v)
{
    for (int i = 0; i < n; i++)
        if (value[i] <= v && value[i] >= v)
            return n;
    value[n] = v;
    return n + 1;
}

bool lessons_best(const struct lessons *l, enum knob_id id, double now, double doubt, double least, struct lessons_best *best)
{
    double value[LESSONS_MAX * PROPOSAL_CHANGES_MAX * 2];
    int    n = 0;
    for (int i = 0; i < l->n; i++)
        for (int c = 0; c < l->lesson[i].changes; c++)
            if (l->lesson[i].change[c].knob == id) {
                n = put_value(value, n, l->lesson[i].change[c].to);
                n = put_value(value, n, l->lesson[i].change[c].from);
            }
    *best = (struct lessons_best){ now, least };
    for (int i = 0; i < n; i++)
        look_at(l, (struct proposed_change){ id, now, value[i] }, doubt, best);
    return best->worth > least;
}
