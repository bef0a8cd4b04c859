/*
 * math/match.c - nearest neighbours on the linear propensity, with replacement.
 *
 * Rows are sorted once; the neighbours of a row are then found by walking away
 * from it in both directions.  All rows as near as the last neighbour that is
 * needed share its place (Abadie & Imbens 2006, Matching's convention), so the
 * answer does not depend on the order of the rows.
 */
#include "math/effect.h"

#include "math/describe.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

static const double tie = 1e-9;    /* propensities this near to each other, relative to their spread, are the same */

struct place { double eta; int row; bool treated; };

static int by_eta(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    return x->eta < y->eta ? -1 : x->eta > y->eta ? 1 : (x->row > y->row) - (x->row < y->row);
}

/* What the neighbours of a place within one arm say: how many there are, and their mean outcome. */
struct near { int count; double mean; };

/* A walk to both sides, always to the nearer one. */
struct walk { const struct place *p; int n, lo, hi; bool treated; double from; };

static struct walk walk_from(const struct place *p, int n, int i, bool treated)
{
    struct walk w = { p, n, i - 1, i + 1, treated, p[i].eta };
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

/* Mean outcome of the nearest `wanted` (and those tied with the last); 1 / count is added to once, its square to twice, at each of their rows. */
static struct near neighbours(const struct math_study *s, const struct place *p, int i, bool treated, int wanted, double eps, double *once, double *twice)
{
    struct near near = { 0, 0 };
    for (int pass = 0; pass < (once ? 2 : 1); pass++) {
        struct walk w = walk_from(p, s->n, i, treated);
        double distance, last = 0, sum = 0;
        int    count = 0;
        for (int at = walk_on(&w, &distance); at >= 0 && (count < wanted || distance <= last + eps); at = walk_on(&w, &distance)) {
            if (count++ < wanted)
                last = distance;
            sum += s->y[p[at].row];
            if (pass == 1) {
                once[p[at].row] += 1.0 / near.count;
                twice[p[at].row] += 1.0 / near.count / near.count;
            }
        }
        near = (struct near){ count, count > 0 ? sum / count : (double)NAN };
    }
    return near;
}

enum err math_match(const struct math_study *s, const double *eta, int matches, enum math_estimand estimand, struct arena *scratch,
                    double *estimate, double *se, struct fault *fault)
{
    size_t n = (size_t)s->n;
    struct place *p = arena_alloc(scratch, n * sizeof *p);
    double *once = math_doubles(scratch, n, fault), *twice = math_doubles(scratch, n, fault), *gain = math_doubles(scratch, n, fault);
    if (!p || !once || !twice || !gain)
        return fail(fault, ERR_LIMIT, "matching %d rows does not fit into the memory set aside", s->n);
    int arm[2] = { 0, 0 }, asked = 0;
    for (int i = 0; i < s->n; i++) {
        p[i] = (struct place){ eta[i], i, s->treat[i] > 0.5 };
        arm[p[i].treated]++;
    }
    if (arm[0] < 2 || arm[1] < 2 || (estimand == MATH_ATE && matches > arm[1]) || matches > arm[0])
        return fail(fault, ERR_INPUT, "arms of %d and %d rows cannot give %d matches to each row, and a spread", arm[1], arm[0], matches);
    double eps = tie * math_sd(eta, s->n), sum = 0, var = 0;
    qsort(p, n, sizeof *p, by_eta);
    for (int i = 0; i < s->n; i++) {
        if (estimand == MATH_ATT && !p[i].treated)
            continue;
        double other = neighbours(s, p, i, !p[i].treated, matches, eps, once, twice).mean, own = s->y[p[i].row];
        gain[asked] = p[i].treated ? own - other : other - own;
        sum += gain[asked++];
    }
    *estimate = sum / asked;
    for (int i = 0; i < asked; i++)
        var += (gain[i] - *estimate) * (gain[i] - *estimate);
    /* Rows that serve as a match often make their neighbours' gains alike: add what their own spread, seen among their like, does to them. */
    for (int i = 0; i < s->n; i++) {
        int    row = p[i].row;
        double k = once[row], more = k * k - twice[row] + (estimand == MATH_ATE ? 2 * k : 0);
        if (!(more > 0))
            continue;
        struct near like = neighbours(s, p, i, p[i].treated, 1, eps, NULL, NULL);
        double d = s->y[row] - like.mean;
        var += more * d * d * like.count / (like.count + 1.0);
    }
    *se = sqrt(var) / asked;
    return OK;
}
