/*
 * math/search/bo_parts.h - what the four chapters of the optimiser share: bo.c (the story), bo_ask.c (questions and answers), bo_model.c
 * (what is believed), bo_search.c (where the acquisition is largest).  Not for others; they take math/search/bo.h.
 */
#ifndef MATH_BO_PARTS_H
#define MATH_BO_PARTS_H

#include "math/search/bo.h"

#include "base/rand.h"
#include "math/search/forest.h"
#include "math/search/gp.h"
#include "math/search/project.h"
#include "math/search/region.h"
#include "math/search/warp.h"

#include <stddef.h>

/* What a space can have, models can take: of scales a number has two, its own and that of its special values. */
_Static_assert(2 * (int)MATH_SPACE_MAX <= (int)MATH_GP_SCALES_MAX && (int)MATH_SPACE_MAX <= (int)MATH_PROJECT_MAX && (int)MATH_SPACE_MAX <= (int)MATH_FOREST_COLUMNS_MAX &&
               sizeof((struct math_space *)0)->scale_of / sizeof(int) <= MATH_GP_FEATURES_MAX, "a space of the largest kind has its models");

/* What was told, as columns; room trials. */
struct bo_told {
    int     n, room;
    double *x, *cube, *features, *columns;   /* [room][params], [room][dims], [room][features], [room][columns] */
    double *y, *noise_sd, *limit;            /* limit: [room][MATH_BO_LIMITS_MAX] */
    bool   *failed;
    double *scratch;                         /* [2 * room] */
};

/* A model of some of the trials. Features are (feature - shift) / stretch. */
struct bo_model {
    int                 members, results;    /* trials within; those with a result */
    double             *shift, *stretch;
    bool               *bends;               /* [scales]: of which parameters the scale is learned */
    struct math_warp    warp;
    struct math_gp     *objective;           /* NULL: trees */
    struct math_forest *trees;               /* NULL: objective */
    struct math_gp     *works;               /* of +1 and -1; used when something failed */
    struct math_gp     *limit[MATH_BO_LIMITS_MAX];
    double              limit_scale[MATH_BO_LIMITS_MAX];   /* 0: nothing known yet */
    bool                limit_steps[MATH_BO_LIMITS_MAX];   /* exactly 0 was read */
    bool                failures;
    bool                has_incumbent;
    double              incumbent, floor;    /* warped; floor: the lowest posterior mean */
    double             *scratch;
    size_t              scratch_room;
};

struct math_bo {
    struct math_space       space;
    struct math_bo_settings set;
    uint64_t                seed;
    int                     dims;            /* of the cube that is searched */
    int                     features, columns;
    bool                    projected, contextual;
    struct math_projection  projection;
    int                     starts;
    struct bo_told          told;
    struct math_region      region;
    int                     centre;          /* the trial that the region is around, the best one in it; -1: none yet */
    int                     chapter;         /* the trial that the present chapter began with: since then all is as if nothing was known */
    int                     chapters;        /* that have ended, or would have */
    int                     news;            /* how many had been told when last something was the first of its kind */
    struct bo_model        *global;
    int                     global_fitted, global_seen;    /* number of trials; -1: not yet */
    struct bo_model        *local, *whole;   /* whole: of all chapters, for answers; whole_seen trials of it */
    int                     whole_seen;
};

/* ---- bo.c ---- */

/* What a model sees of x: features and columns. */
void bo_see(const struct math_bo *b, const double *x, double *features, double *columns);
/* From the searched cube to a legal configuration in this context. */
void bo_configure(const struct math_bo *b, const double *cube, const double *context, double *x);
bool bo_is_free(const struct math_bo *b, int dim);           /* ours to choose: not context */
int  bo_times_tried(const struct math_bo *b, const double *x);
/* The cube of a configuration that was checked. */
void bo_to_cube(const struct math_bo *b, const double *x, double *cube);
/* It worked, and no limit is known to be broken. */
bool bo_kept(const struct math_bo *b, int trial);
/* The same, and all limits are known. */
bool bo_surely_kept(const struct math_bo *b, int trial);
/* Whose turn it is when n trials were told. */
enum math_bo_phase bo_phase(const struct math_bo *b, int n);

/* What chance is drawn for: separate streams, so that one draw more in one place changes nothing in another. */
enum bo_purpose { BO_DESIGN = 1, BO_PROJECTION, BO_LOT, BO_RANDOM, BO_GLOBAL_FIT, BO_LOCAL_FIT, BO_SEARCH, BO_IMPORTANCE };
void bo_rand(const struct math_bo *b, int trial, enum bo_purpose purpose, struct rand *r);

/* ---- bo_model.c ---- */

enum err bo_model_new(const struct math_bo *b, struct bo_model **m, struct fault *fault);
void     bo_model_free(struct bo_model *m);
/*
 * From these trials, hyper-parameters and all: the result from those that are not before `from`, what works and the limits from
 * all of them. shift and stretch [features]; NULL: 0 and 1.
 */
enum err bo_model_build(struct bo_model *m, const struct math_bo *b, const int *trial, int trials, int from, const double *shift,
                        const double *stretch, int evaluations, struct rand *r, struct fault *fault);
/* How far the model bends the scale of parameter d; 0: not at all. */
double   bo_model_bend(const struct bo_model *m, const struct math_bo *b, int d);
/* One trial more; hyper-parameters and warp stay. */
enum err bo_model_extend(struct bo_model *m, const struct math_bo *b, int trial, struct fault *fault);

/* Warped mean and variance at count places; features and columns as bo_see() gives them. */
enum err bo_model_predict(struct bo_model *m, const struct math_bo *b, int count, const double *features, const double *columns,
                          double *mean, double *variance, struct fault *fault);
/* ln of the probability that it works and keeps the limits. */
enum err bo_model_log_works(struct bo_model *m, const struct math_bo *b, int count, const double *features, double *log_works, struct fault *fault);
/* Sets incumbent and floor from these places (tried configurations as they would be in the context asked for). trial: their numbers. */
enum err bo_model_incumbent(struct bo_model *m, const struct math_bo *b, int count, const int *trial, const double *features,
                            const double *columns, int *best, struct fault *fault);
enum err bo_model_score(struct bo_model *m, const struct math_bo *b, int count, const double *features, const double *columns,
                        double *score, struct fault *fault);
/* The same at one place with its gradient[features]; only where bo_model_smooth(). */
bool     bo_model_smooth(const struct bo_model *m);
double   bo_model_score_slope(struct bo_model *m, const struct math_bo *b, const double *features, double *gradient);

/* ---- bo_search.c ---- */

struct bo_hunt {
    struct bo_model *model;
    const double    *context;
    const double    *lo, *hi;            /* [dims]: the box */
    const double    *anchor;             /* [anchors][dims]: promising places to look around */
    int              anchors;
    struct rand     *r;
};

/* Where the score is largest, among what may still be asked for. ERR_MISSING: nothing may. */
enum err bo_search(const struct math_bo *b, const struct bo_hunt *h, double *x, double *score, struct fault *fault);
/* Anything that may still be asked for, at random. */
enum err bo_search_random(const struct math_bo *b, const double *context, struct rand *r, double *x, struct fault *fault);

#endif
