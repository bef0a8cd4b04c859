/*
 * math/search/space.h - what may be varied, and how a search sees it.
 *
 * A parameter has values of its own (a number in a range, whole or in steps, or one of a few choices).  A search wants a cube:
 * each parameter is a coordinate u in [0, 1].  A model wants features in which near means alike.  This chapter goes between:
 *
 *     cube u[params]  <->  values x[params]  ->  features[features] for kernels, columns[params] for trees
 *
 * - log: equal ratios are equally far apart.
 * - specials: values outside the usual meaning (0 = off, -1 = automatic).  The first special_share of the cube's edge belongs to
 *   them (LlamaTune, Kanellis et al. 2022), so that a uniform draw meets them; for a model they are a category of their own.
 * - below, above: the range depends on another parameter (min_size <= max_size): x <= factor * other + plus.  The edge of the
 *   cube is stretched over what is allowed, so that every u is legal.
 * - when: the parameter counts only while another one is within [when_lo, when_hi]; otherwise it is `idle` and models ignore it.
 * - context: not ours to choose, given with each question (the workload's features); models see it, searches leave it alone.
 *   Others may lean on it: their ranges are those that go with what is given.
 *
 * A parameter may lean only on ones with a smaller number.  Numbers of others are given as 1 + index, so that 0 is none.
 */
#ifndef MATH_SPACE_H
#define MATH_SPACE_H

#include "base/err.h"

#include <stdbool.h>

enum { MATH_SPACE_MAX = 256, MATH_SPECIALS_MAX = 2, MATH_CHOICES_MAX = 64 };
#define MATH_SPECIAL_SHARE 0.2

enum math_param_kind { MATH_PARAM_REAL, MATH_PARAM_INTEGER, MATH_PARAM_CATEGORY };

struct math_param {
    enum math_param_kind kind;
    double lo, hi;                       /* REAL, INTEGER: both belong to it */
    double step;                         /* from lo; 0: none for REAL, 1 for INTEGER */
    bool   log;                          /* lo > 0 */
    int    choices;                      /* CATEGORY: 0..choices-1 */
    int    specials;
    double special[MATH_SPECIALS_MAX];
    double special_share;                /* 0: MATH_SPECIAL_SHARE */
    int    below, above;                 /* 1 + index of the other; while that one is special or idle the range is not narrowed */
    double below_factor, below_plus, above_factor, above_plus;
    int    when;                         /* 1 + index of the other */
    double when_lo, when_hi, idle;
    bool   context;
};

struct math_space {
    int               params;
    struct math_param param[MATH_SPACE_MAX];
    /* laid out by math_space_init */
    int               features;
    int               feature_of[MATH_SPACE_MAX];      /* the first feature of each */
    int               scale_of[3 * MATH_SPACE_MAX + MATH_CHOICES_MAX * 8];   /* [features]: groups for math_gp_new */
    int               choices_of[MATH_SPACE_MAX];      /* for math_forest_new */
    bool              leaned_on[MATH_SPACE_MAX];       /* another one depends on it */
};

/* Checks params and param[], lays out the rest. ERR_INPUT says which parameter and why. */
MUST_CHECK enum err math_space_init(struct math_space *s, struct fault *fault);

/* How much of a coordinate belongs to special values: 0 .. this. */
double math_space_edge(const struct math_param *p);
/* A coordinate of a number on another scale (math/search/bend.h); special values and categories stay where they are. */
double math_space_bend(const struct math_param *p, double u, double by);

void math_space_decode(const struct math_space *s, const double *u, double *x);       /* any u is legal; outside [0, 1] it is clipped */
/* The same where some are given: of context[params] those that are context are taken as they are, and what leans on them follows. NULL: none are. */
void math_space_decode_given(const struct math_space *s, const double *u, const double *context, double *x);
/* Any finite x, legal or not (what is in force may be outside); ERR_INPUT for NAN and for a choice that is none. u is in the middle of its step. */
MUST_CHECK enum err math_space_encode(const struct math_space *s, const double *x, double *u, struct fault *fault);
/* The legal configuration nearest to x; what is context stays as it is. */
MUST_CHECK enum err math_space_snap(const struct math_space *s, const double *x, double *legal, struct fault *fault);

void math_space_features(const struct math_space *s, const double *x, double *features);
void math_space_columns(const struct math_space *s, const double *x, double *columns);

/* ERR_INPUT: something is context and context[params] is NULL, or has no value or no such choice for it. */
MUST_CHECK enum err math_space_check_given(const struct math_space *s, const double *context, struct fault *fault);
bool   math_space_leans(const struct math_space *s);                                  /* does anything lean on what is given? */
bool   math_space_active(const struct math_space *s, const double *x, int param);
int    math_space_special(const struct math_param *p, double value);                  /* which special value; -1: an ordinary one */
/* How many values it can take in its full range, specials included; 0: uncountably many, or more than MATH_LEVELS_MAX. */
enum { MATH_LEVELS_MAX = 64 };
int    math_space_levels(const struct math_space *s, int param);
/* Of a parameter that has levels: the middle of the k-th in its full range as a coordinate, specials first; and which one u is. */
double math_space_at_level(const struct math_space *s, int param, int k);
int    math_space_level_of(const struct math_space *s, int param, double u);
/* How many configurations there are; INFINITY when uncountable. */
double math_space_size(const struct math_space *s);
/*
 * How fast the first feature of the parameter grows with its u at u[]: 0 where it does not move smoothly (choices, few steps,
 * special values, ranges that depend on others or on which others depend, context).
 */
double math_space_slope(const struct math_space *s, const double *u, const double *x, int param);
bool   math_space_same(const struct math_space *s, const double *x, const double *y);   /* equal in everything that counts */

#endif
