/*
 * math/search/bo_search.c - where the acquisition is largest.
 *
 * It has many hills.  So: look at many places, spread over the box and close around the promising ones; climb from the best few,
 * along the gradient in the coordinates that move smoothly and by single changes in the others; take the highest that may still
 * be asked for.
 */
#include "math/search/bo_parts.h"

#include "math/search/bend.h"
#include "math/search/design.h"
#include "math/linear/minimise.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SPREAD = 256, AROUND = 64, CLIMBS = 4, CLIMB_ROUNDS = 4, CLIMB_EVALUATIONS = 30, RANDOM_TRIES = 4096, COUNTED_MAX = 65536 };

/* Places: cube, configuration, what models see, score. */
struct places {
    const struct math_bo *b;
    int                   n, room;
    double               *cube, *x, *features, *columns, *score;
};

static void places_free(struct places *p)
{
    free(p->cube);
    free(p->x);
    free(p->features);
    free(p->columns);
    free(p->score);
}

static enum err places_new(struct places *p, const struct math_bo *b, int room, struct fault *fault)
{
    size_t rows = (size_t)room;
    *p = (struct places){ .b = b, .room = room, .cube = calloc(rows * (size_t)b->dims, sizeof(double)),
        .x = calloc(rows * (size_t)b->space.params, sizeof(double)), .features = calloc(rows * (size_t)b->features, sizeof(double)),
        .columns = calloc(rows * (size_t)b->columns, sizeof(double)), .score = calloc(rows, sizeof(double)) };
    if (p->cube && p->x && p->features && p->columns && p->score)
        return OK;
    places_free(p);
    return fail(fault, ERR_LIMIT, "no memory for %d places to look at", room);
}

static double *cube_at(const struct places *p, int i)     { return p->cube + (size_t)i * (size_t)p->b->dims; }
static double *x_at(const struct places *p, int i)        { return p->x + (size_t)i * (size_t)p->b->space.params; }
static double *features_at(const struct places *p, int i) { return p->features + (size_t)i * (size_t)p->b->features; }
static double *columns_at(const struct places *p, int i)  { return p->columns + (size_t)i * (size_t)p->b->columns; }

/* The cube of place i is written: complete the rest. */
static void see(struct places *p, int i, const double *context)
{
    bo_configure(p->b, cube_at(p, i), context, x_at(p, i));
    bo_see(p->b, x_at(p, i), features_at(p, i), columns_at(p, i));
}

static bool add(struct places *p, const double *cube, const double *context)
{
    if (p->n == p->room)
        return false;
    memcpy(cube_at(p, p->n), cube, (size_t)p->b->dims * sizeof *cube);
    see(p, p->n++, context);
    return true;
}

static bool may_be_asked(const struct math_bo *b, const double *x)
{
    return bo_times_tried(b, x) < (b->set.repeats > 1 ? b->set.repeats : 1);
}

/* ---- coordinates that step ---- */

/* Levels of a coordinate of the searched cube; 0: it moves smoothly, or has so many that it might as well. */
static int levels_of(const struct math_bo *b, int d) { return b->projected ? 0 : math_space_levels(&b->space, d); }

static double slope_of(const struct math_bo *b, const double *cube, const double *x, int d)
{
    return b->projected ? 1 : math_space_slope(&b->space, cube, x, d);
}

/* The edge below which a coordinate means special values. */
static double special_edge(const struct math_bo *b, int d)
{
    return b->projected ? 0 : math_space_edge(&b->space.param[d]);
}

static double clip(double v, double lo, double hi) { return v < lo ? lo : v > hi ? hi : v; }

/* ---- looking around ---- */

/* Where the scale may be another one: half of the places spread evenly over what the model takes it for, a quarter drawn to the ends. */
static void doubt_scale(const struct places *p, const struct bo_hunt *h, int i, double *u)
{
    const struct math_bo *b = p->b;
    for (int d = 0; d < b->dims && b->set.bend && !b->projected; d++) {
        double by = i % 2 ? bo_model_bend(h->model, b, d) : i % 4 ? math_bend_draw(h->r) : 0;
        u[d] = math_space_bend(&b->space.param[d], u[d], by);
    }
}

static void look_everywhere(struct places *p, const struct bo_hunt *h)
{
    const struct math_bo *b = p->b;
    struct math_sobol     sobol;
    double                u[MATH_PROJECT_MAX];
    bool                  even = math_sobol_init(&sobol, b->dims, h->r, NULL) == OK;      /* beyond its dimensions: plain chance */
    for (int i = 0; i < SPREAD; i++) {
        if (even)
            math_sobol_next(&sobol, u);
        for (int d = 0; d < b->dims; d++)
            u[d] = h->lo[d] + (even ? u[d] : rand_unit(h->r)) * (h->hi[d] - h->lo[d]);
        doubt_scale(p, h, i, u);
        if (!add(p, u, h->context))
            return;
    }
}

/* One coordinate moved by about `size` of the box, a stepping one by a level or to anywhere. */
static double nudge(const struct math_bo *b, const struct bo_hunt *h, int d, double u, double size)
{
    int levels = levels_of(b, d);
    if (levels > 0) {
        bool near = b->space.choices_of[d] == 0 && rand_unit(h->r) < 0.7;
        int  k = near ? math_space_level_of(&b->space, d, u) + (rand_unit(h->r) < 0.5 ? -1 : 1) : (int)rand_int(h->r, 0, levels - 1);
        return math_space_at_level(&b->space, d, (int)clip(k, 0, levels - 1));
    }
    if (special_edge(b, d) > 0 && rand_unit(h->r) < 0.2)
        return rand_unit(h->r);                                     /* in or out of the special values */
    return clip(u + size * (h->hi[d] - h->lo[d]) * rand_normal(h->r), h->lo[d], h->hi[d]);
}

static void look_around(struct places *p, const struct bo_hunt *h)
{
    static const double   size[] = { 0.3, 0.1, 0.03, 0.01, 0.003 };
    const struct math_bo *b = p->b;
    double                u[MATH_PROJECT_MAX], share = fmin(1, 20.0 / b->dims);
    for (int k = 0; k < h->anchors; k++)
        for (int i = 0; i < AROUND; i++) {
            memcpy(u, h->anchor + (size_t)k * (size_t)b->dims, (size_t)b->dims * sizeof *u);
            double moved_share = i % 2 ? share : fmin(share, 2.0 / b->dims);       /* all of them, or one or two */
            bool   moved = false;
            for (int d = 0; d < b->dims; d++)
                if (bo_is_free(b, d) && rand_unit(h->r) < moved_share) {
                    u[d] = nudge(b, h, d, u[d], size[i % 5]);
                    moved = true;
                }
            int d = (int)rand_int(h->r, 0, b->dims - 1);
            if (!moved && bo_is_free(b, d))
                u[d] = nudge(b, h, d, u[d], size[i % 5]);
            if (!add(p, u, h->context))
                return;
        }
}

/* ---- climbing ---- */

struct climb {
    struct bo_model      *model;
    const struct math_bo *b;
    int                   n, dim[MATH_MINIMISE_MAX], feature[MATH_MINIMISE_MAX];
    double                slope[MATH_MINIMISE_MAX], from[MATH_MINIMISE_MAX];
    double               *features, *base, *gradient;       /* [features] each */
};

/* The smooth coordinates move their first features in proportion; nothing else changes. */
static double uphill(const double *u, double *g, void *context)
{
    struct climb *c = context;
    memcpy(c->features, c->base, (size_t)c->b->features * sizeof *c->features);
    for (int k = 0; k < c->n; k++)
        c->features[c->feature[k]] = c->base[c->feature[k]] + c->slope[k] * (u[k] - c->from[k]);
    double v = bo_model_score_slope(c->model, c->b, c->features, c->gradient);
    for (int k = 0; k < c->n; k++)
        g[k] = -c->slope[k] * c->gradient[c->feature[k]];
    return -v;
}

/* Along the gradient; cube is moved. */
static void climb_smoothly(const struct math_bo *b, const struct bo_hunt *h, double *cube, const double *x, const double *features)
{
    struct climb c = { .model = h->model, .b = b };
    double       u[MATH_MINIMISE_MAX], lo[MATH_MINIMISE_MAX], hi[MATH_MINIMISE_MAX];
    double       room[3][MATH_GP_FEATURES_MAX];
    for (int d = 0; d < b->dims && c.n < MATH_MINIMISE_MAX; d++) {
        double slope = bo_is_free(b, d) ? slope_of(b, cube, x, d) : 0;
        if (!(slope > 0) || !(h->hi[d] > h->lo[d]))
            continue;
        c.dim[c.n] = d;
        c.feature[c.n] = b->projected ? d : b->space.feature_of[d];
        c.slope[c.n] = slope;
        c.from[c.n] = u[c.n] = cube[d];
        lo[c.n] = fmax(h->lo[d], special_edge(b, d));
        hi[c.n++] = fmax(h->hi[d], special_edge(b, d));
    }
    if (c.n == 0 || !bo_model_smooth(h->model))
        return;
    c.features = room[0];
    c.base = room[1];
    c.gradient = room[2];
    memcpy(c.base, features, (size_t)b->features * sizeof *features);
    struct math_minimum m = math_minimise(uphill, &c, u, c.n, lo, hi, CLIMB_EVALUATIONS, 1e-7);
    for (int k = 0; k < c.n && !isnan(m.value); k++)
        cube[c.dim[k]] = u[k];
}

/* The single changes of coordinate d of u, which is put back; false when there is no more room. */
static bool list_changes_of(struct places *p, const struct bo_hunt *h, double *u, int d)
{
    static const double   move[] = { -0.3, -0.1, -0.03, -0.01, 0.01, 0.03, 0.1, 0.3 };
    const struct math_bo *b = p->b;
    int                   levels = levels_of(b, d), now = levels > 0 ? math_space_level_of(&b->space, d, u[d]) : 0;
    int                   specials = b->projected ? 0 : b->space.param[d].specials;
    double                edge = special_edge(b, d), was = u[d];
    bool                  room = true;
    for (int k = 0; k < levels && room; k++)                        /* each level, or where there are many the near ones */
        if (k != now && (levels <= 8 || b->space.choices_of[d] > 0 || k < specials || abs(k - now) <= 2)) {
            u[d] = math_space_at_level(&b->space, d, k);
            room = add(p, u, h->context);
        }
    if (levels == 0) {
        for (int k = 0; k < specials && room; k++) {
            u[d] = edge * (k + 0.5) / specials;
            room = add(p, u, h->context);
        }
        for (int k = 0; k < 4 && was < edge && room; k++) {         /* back among the ordinary values */
            u[d] = edge + (1 - edge) * (k + 0.5) / 4;
            room = add(p, u, h->context);
        }
        for (size_t k = 0; k < sizeof move / sizeof move[0] && was >= edge && room; k++) {
            u[d] = clip(was + move[k] * (h->hi[d] - h->lo[d]), h->lo[d], h->hi[d]);
            room = add(p, u, h->context);
        }
    }
    u[d] = was;
    return room;
}

/* Every single change of a coordinate that does not move smoothly. */
static void list_changes(struct places *p, const struct bo_hunt *h, const double *cube, const double *x)
{
    double u[MATH_PROJECT_MAX];
    memcpy(u, cube, (size_t)p->b->dims * sizeof *u);
    for (int d = 0; d < p->b->dims; d++)
        if (bo_is_free(p->b, d) && (special_edge(p->b, d) > 0 || !(slope_of(p->b, cube, x, d) > 0)) && !list_changes_of(p, h, u, d))
            return;
}

/* From place i of p; where it ends is a new place at the end of p. */
static enum err climb(struct places *p, int i, const struct bo_hunt *h, struct fault *fault)
{
    const struct math_bo *b = p->b;
    struct places         near;
    if (p->n == p->room)
        return OK;
    enum err e = places_new(&near, b, 1 + 12 * b->dims + 2 * MATH_CHOICES_MAX, fault);
    if (e != OK)
        return e;
    add(&near, cube_at(p, i), h->context);
    near.score[0] = p->score[i];
    for (int round = 0; round < CLIMB_ROUNDS && e == OK; round++) {
        double began = near.score[0];
        near.n = 1;
        climb_smoothly(b, h, cube_at(&near, 0), x_at(&near, 0), features_at(&near, 0));
        see(&near, 0, h->context);
        list_changes(&near, h, cube_at(&near, 0), x_at(&near, 0));
        e = bo_model_score(h->model, b, near.n, near.features, near.columns, near.score, fault);
        int top = 0;
        for (int k = 1; k < near.n && e == OK; k++)
            if (near.score[k] > near.score[top])
                top = k;
        if (top > 0) {
            memcpy(cube_at(&near, 0), cube_at(&near, top), (size_t)b->dims * sizeof *near.cube);
            see(&near, 0, h->context);
            near.score[0] = near.score[top];
        }
        if (top == 0 || !(near.score[0] > began + 1e-6 * (1 + fabs(began))))
            break;
    }
    if (e == OK && add(p, cube_at(&near, 0), h->context))
        p->score[p->n - 1] = near.score[0];
    places_free(&near);
    return e;
}

/* ---- choosing ---- */

/* The highest place that may be asked for and was not taken; -1: none. */
static int highest(const struct places *p, int from, int to, const bool *taken)
{
    int top = -1;
    for (int i = from; i < to; i++)
        if (!(taken && taken[i]) && !isnan(p->score[i]) && (top < 0 || p->score[i] > p->score[top]))
            top = i;
    return top;
}

enum err bo_search(const struct math_bo *b, const struct bo_hunt *h, double *x, double *score, struct fault *fault)
{
    struct places p;
    int           seen, top;
    bool          taken[SPREAD + AROUND * 16 + CLIMBS] = { false };
    assert(h->anchors <= 16);
    enum err e = places_new(&p, b, SPREAD + AROUND * h->anchors + CLIMBS, fault);
    if (e != OK)
        return e;
    p.room -= CLIMBS;
    look_everywhere(&p, h);
    look_around(&p, h);
    p.room += CLIMBS;
    seen = p.n;
    e = bo_model_score(h->model, b, p.n, p.features, p.columns, p.score, fault);
    for (int k = 0; k < CLIMBS && e == OK && (top = highest(&p, 0, seen, taken)) >= 0; k++) {
        taken[top] = true;
        e = climb(&p, top, h, fault);
    }
    memset(taken, 0, sizeof taken);
    bool found = false;
    while (e == OK && !found && (top = highest(&p, 0, p.n, taken)) >= 0) {
        taken[top] = true;
        found = may_be_asked(b, x_at(&p, top));
        if (found) {
            memcpy(x, x_at(&p, top), (size_t)b->space.params * sizeof *x);
            *score = p.score[top];
        }
    }
    places_free(&p);
    if (e == OK && !found) {
        *score = (double)NAN;
        e = bo_search_random(b, h->context, h->r, x, fault);
    }
    return e;
}

/* ---- when nothing is left near: all of a small space, one after the other ---- */

/* The number-th configuration of a finite space, as a cube. */
static void enumerate(const struct math_bo *b, double number, double *u)
{
    for (int d = 0; d < b->dims; d++) {
        int levels = levels_of(b, d);
        u[d] = 0.5;
        if (!bo_is_free(b, d) || levels < 1)
            continue;
        u[d] = math_space_at_level(&b->space, d, (int)fmod(number, levels));
        number = floor(number / levels);
    }
}

enum err bo_search_random(const struct math_bo *b, const double *context, struct rand *r, double *x, struct fault *fault)
{
    double u[MATH_PROJECT_MAX], size = math_space_size(&b->space);
    for (int i = 0; i < RANDOM_TRIES; i++) {
        for (int d = 0; d < b->dims; d++)
            u[d] = rand_unit(r);
        bo_configure(b, u, context, x);
        if (may_be_asked(b, x))
            return OK;
    }
    bool counted = !b->projected && size <= COUNTED_MAX;
    for (int d = 0; d < b->dims; d++)
        counted = counted && (!bo_is_free(b, d) || levels_of(b, d) > 0);
    for (double k = 0; counted && k < size; k++) {
        enumerate(b, k, u);
        bo_configure(b, u, context, x);
        if (may_be_asked(b, x))
            return OK;
    }
    return fail(fault, ERR_MISSING, "every configuration that could be found was tried");
}
