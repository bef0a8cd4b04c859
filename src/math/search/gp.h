/*
 * math/search/gp.h - a Gaussian process: what is known of a function from a few of its values, and how surely.
 *
 * Kernel: Matern 5/2 with a length scale for each feature or group of features (ARD),
 *
 *     k(x, x') = signal * (1 + a + a^2 / 3) exp(-a),   a = sqrt(5 sum_f ((x_f - x'_f) / scale_f)^2),
 *
 * plus on the diagonal `noise` (fitted) and each point's own known noise variance (given).  The mean is a constant, estimated by
 * generalised least squares unless it is given.  Rasmussen & Williams, Gaussian Processes for Machine Learning, ch. 2 and 5.
 *
 * Features lie in about [0, 1]; targets have about mean 0 and variance 1: the priors count on it, and whoever calls sees to it.
 * Groups: the indicators of a category share one length scale, so that its values are all equally far from each other.
 *
 *     math_gp_new(features, NULL, &gp, fault);
 *     math_gp_data(gp, n, x, y, NULL, fault);           x: n rows of features
 *     math_gp_fit(gp, &prior, 60, &rand, fault);        length scales, noise
 *     math_gp_predict(gp, m, x_new, mean, variance);
 *     math_gp_add(gp, x, y, 0, fault);                  one more point, O(n^2), the same length scales
 *
 * Nothing depends on anything but the arguments; one gp is for one thread.
 */
#ifndef MATH_GP_H
#define MATH_GP_H

#include "base/err.h"
#include "base/rand.h"

#include <stdbool.h>

enum { MATH_GP_POINTS_MAX = 2048, MATH_GP_FEATURES_MAX = 1280, MATH_GP_SCALES_MAX = 512 };      /* any space of math/search/space.h fits */

/* noise and signal are variances; the features of a length scale are seen as math_bend(x, bend) (math/search/bend.h) */
struct math_gp_hyper { double scale[MATH_GP_SCALES_MAX], bend[MATH_GP_SCALES_MAX], noise, signal; };

/*
 * What is believed of the hyper-parameters before any data: log-normal densities, and hard bounds.  A density that has sd 0 does
 * not count, one with sd < 0 holds its parameter at exp(mean).  math_gp_prior_usual(): length scales as in BoTorch since 0.12,
 * ln scale ~ N(sqrt 2 + ln(scales) / 2, 3) with standard deviation sqrt 3, scale >= 0.025 (Hvarfner, Hellsten, Nardi 2024);
 * ln noise ~ N(-4, 1), noise >= 1e-4; signal held at 1.
 */
struct math_gp_belief { double mean, sd, min, max; };
struct math_gp_prior {
    struct math_gp_belief scale, noise, signal;
    const bool           *bends;      /* [scales]: whose features, all of them in [0, 1], are bent; NULL: none are */
    double                bend_sd;    /* bend ~ N(0, bend_sd^2), within +-MATH_BEND_MAX */
};
struct math_gp_prior math_gp_prior_usual(int scales);

/* Read, do not write. Matrices are row-major with room doubles in a row; features lie feature by feature, room points each. */
struct math_gp {
    int                  features, scales, n, room;
    int                 *scale_of;            /* [features]: which length scale */
    struct math_gp_hyper hyper;
    bool                 mean_given, ready;   /* ready: chol and weight belong to hyper and data */
    double               mean, jitter, log_likelihood;
    double              *x, *scaled;          /* [features][room]; scaled: bent x / scale */
    double              *y, *known;           /* targets; known noise variance of each */
    double              *chol, *weight;       /* [room][room]; [room]: K^-1 (y - mean) */
    double              *slope, *inverse;     /* [room][room]: for fitting only, NULL before */
    double              *turn;                /* [features][room]: d scaled / d bend, for fitting only */
    double              *row, *diagonal;      /* scratch [room] */
};

/* scale_of[features] in 0..max, without gaps; NULL: a scale for each feature. The hyper-parameters begin at scale 0.5, noise 1e-2, signal 1. */
MUST_CHECK enum err math_gp_new(int features, const int *scale_of, struct math_gp **gp, struct fault *fault);
void                math_gp_free(struct math_gp *gp);

/* Replace everything: x[n][features], y[n], known[n] (variances; NULL: none). ERR_INPUT for what is not finite, ERR_LIMIT beyond the maximum. */
MUST_CHECK enum err math_gp_data(struct math_gp *gp, int n, const double *x, const double *y, const double *known, struct fault *fault);
/* The mean is this and not estimated; NAN: estimate it again. */
void                math_gp_give_mean(struct math_gp *gp, double mean);
/* Take these hyper-parameters and condition on the data. */
MUST_CHECK enum err math_gp_set(struct math_gp *gp, const struct math_gp_hyper *hyper, struct fault *fault);
/* One point more; a copy of an old one costs O(n^3) and jitter, and works. */
MUST_CHECK enum err math_gp_add(struct math_gp *gp, const double *x, double y, double known, struct fault *fault);

/*
 * Maximum a posteriori by quasi-Newton from several starts (the middle of the prior, shorter, longer, drawn from it): all are
 * looked at, the best two are followed, with `evaluations` of the likelihood in all.  n = 0 keeps the prior's middle.
 */
MUST_CHECK enum err math_gp_fit(struct math_gp *gp, const struct math_gp_prior *prior, int evaluations, struct rand *r, struct fault *fault);
/*
 * math_gp_data() and math_gp_fit() in one, with hyper-parameters from at most MATH_GP_FIT_POINTS of the points (the better half of
 * them, and the rest evenly): more say little more of the length scales, and cost their cube in each evaluation.
 */
enum { MATH_GP_FIT_POINTS = 100 };
MUST_CHECK enum err math_gp_learn(struct math_gp *gp, int n, const double *x, const double *y, const double *known, const struct math_gp_prior *prior, int evaluations,
                                  struct rand *r, struct fault *fault);

/*
 * ln p(y | x, hyper) + ln p(hyper) and its gradient by ln scale[0..scales), ln noise, ln signal into gradient[scales + 2]
 * (NULL: not wanted); with prior->bends by bend[0..scales), too, gradient[2 scales + 2].  NAN when the covariance cannot be factored.  Leaves the gp conditioned on hyper.
 */
double math_gp_posterior(struct math_gp *gp, const struct math_gp_prior *prior, const struct math_gp_hyper *hyper, double *gradient);

/* At x[m][features]: mean[m] and variance[m] of the function itself, without noise. scratch: m * n doubles. No data: the mean (0 unless given) and the signal. */
void math_gp_predict(const struct math_gp *gp, int m, const double *x, double *mean, double *variance, double *scratch);
/* At one x: both with their gradients[features]. scratch: 2 n doubles. */
void math_gp_predict_slope(const struct math_gp *gp, const double *x, double *mean, double *variance, double *mean_slope,
                           double *variance_slope, double *scratch);

/* (1 + a + a^2 / 3) exp(-a), a = sqrt(5) r, for r >= 0. */
double math_matern52(double r);

#endif
