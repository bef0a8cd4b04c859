/* math/linear/linear.h, math/linear/minimise.h, math/search/gp.h: the numbers are those of the closed forms, and the hard cases end well. */
#include "unit.h"
#include "near.h"

#include "base/rand.h"
#include "math/search/bend.h"
#include "math/search/gp.h"
#include "math/linear/linear.h"
#include "math/linear/minimise.h"

#include <math.h>
#include <string.h>

/* ---- linear algebra ---- */

static void a_matrix_is_factored_solved_and_inverted(void **state)
{
    (void)state;
    struct fault fault;
    double a[16] = { 4, 2, 1, 0, 2, 5, 3, 0, 1, 3, 6, 0, 0, 0, 0, 0 }, diagonal[4], jitter = 1, inverse[16] = { 0 }, b[3] = { 1, 2, 3 };
    assert_ok(math_chol(a, 3, 4, diagonal, &jitter, &fault), &fault);
    assert_true(jitter == 0);
    assert_near(a[0], 2, 1e-15);
    assert_near(a[4], 1, 1e-15);
    assert_near(a[5], 2, 1e-15);
    assert_near(math_chol_log_det(a, 3, 4), log(67), 1e-14);
    math_chol_solve(a, 3, 4, b);
    assert_near(4 * b[0] + 2 * b[1] + b[2], 1, 1e-14);
    assert_near(2 * b[0] + 5 * b[1] + 3 * b[2], 2, 1e-14);
    assert_near(b[0] + 3 * b[1] + 6 * b[2], 3, 1e-14);
    math_chol_inverse(a, 3, 4, inverse);
    assert_near(inverse[0], 21.0 / 67, 1e-14);
    assert_near(inverse[4], -9.0 / 67, 1e-14);
    assert_near(inverse[10], 16.0 / 67, 1e-14);
    double rows[6] = { 1, 2, 3, 4, 2, 1 }, one[3] = { 4, 2, 1 };
    math_lower_solve_rows(a, 3, 4, rows, 2, 3);
    math_lower_solve(a, 3, 4, one);
    for (int i = 0; i < 3; i++)
        assert_near(rows[3 + i], one[i], 1e-14);
}

static void a_row_is_appended_as_if_it_had_always_been_there(void **state)
{
    (void)state;
    enum { N = 12 };
    struct fault fault;
    double whole[N * N], grown[N * N], diagonal[N];
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++)
            whole[i * N + j] = exp(-0.1 * (i - j) * (i - j)) + (i == j ? 0.01 : 0);
    memcpy(grown, whole, sizeof grown);
    assert_ok(math_chol(grown, 5, N, diagonal, NULL, &fault), &fault);
    for (int n = 5; n < N; n++)
        assert_ok(math_chol_append(grown, n, N, whole + n * N, whole[n * N + n], &fault), &fault);
    assert_ok(math_chol(whole, N, N, diagonal, NULL, &fault), &fault);
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++)
            assert_near(grown[i * N + j], whole[i * N + j], 1e-12);
    double copy[N];
    for (int j = 0; j < N - 1; j++)
        copy[j] = exp(-0.1 * j * j) + (j == 0 ? 0.01 : 0);        /* the first point once more */
    assert_int_equal(math_chol_append(whole, N - 1, N, copy, 1.01, &fault), ERR_LIMIT);
}

static void a_singular_matrix_is_helped_and_an_impossible_one_refused(void **state)
{
    (void)state;
    struct fault fault;
    double ones[9] = { 1, 1, 1, 1, 1, 1, 1, 1, 1 }, diagonal[3], jitter = 0, b[3] = { 2, 2, 2 };
    assert_ok(math_chol(ones, 3, 3, diagonal, &jitter, &fault), &fault);
    assert_true(jitter > 0 && jitter < 1e-10);
    assert_true(diagonal[0] == 1 && ones[1] == 1);                 /* what was there can be had again */
    math_chol_solve(ones, 3, 3, b);
    assert_near(b[0] + b[1] + b[2], 2, 1e-3);
    double bad[4] = { 1, 3, 3, 1 };
    assert_int_equal(math_chol(bad, 2, 2, diagonal, &jitter, &fault), ERR_LIMIT);
    assert_non_null(strstr(fault.text, "even with 0.0001 added"));      /* what was tried, and no more */
    double nothing[4] = { 0 }, hardly[4] = { 1e-315, 3e-315, 3e-315, 1e-315 };
    assert_int_equal(math_chol(nothing, 2, 2, diagonal, &jitter, &fault), ERR_LIMIT);
    assert_int_equal(math_chol(hardly, 2, 2, diagonal, &jitter, &fault), ERR_LIMIT);
    double nan[4] = { 1, (double)NAN, (double)NAN, 1 };
    assert_int_equal(math_chol(nan, 2, 2, diagonal, &jitter, &fault), ERR_INPUT);
}

/* Jitter is a share of the diagonal: where that is nothing, there is no end to trying. */
static void a_matrix_of_zeros_is_refused_at_once(void **state)
{
    (void)state;
    struct fault fault;
    double zeros[4] = { 0 }, diagonal[2], jitter = 0;
    assert_int_equal(math_chol(zeros, 2, 2, diagonal, &jitter, &fault), ERR_LIMIT);
    double beside[4] = { 0, 1, 1, 0 };
    assert_int_equal(math_chol(beside, 2, 2, diagonal, &jitter, &fault), ERR_LIMIT);
    double below[1] = { -1 };
    assert_int_equal(math_chol(below, 1, 1, diagonal, &jitter, &fault), ERR_LIMIT);
}

/* ---- minimising ---- */

static double rosenbrock(const double *x, double *g, void *context)
{
    (void)context;
    double a = 1 - x[0], b = x[1] - x[0] * x[0];
    g[0] = -2 * a - 400 * x[0] * b;
    g[1] = 200 * b;
    return a * a + 100 * b * b;
}

static void a_valley_is_followed_to_its_end_or_to_the_wall(void **state)
{
    (void)state;
    double x[2] = { -1.2, 1 }, lo[2] = { -5, -5 }, hi[2] = { 5, 5 };
    struct math_minimum m = math_minimise(rosenbrock, NULL, x, 2, lo, hi, 200, 1e-14);
    assert_true(m.value < 1e-12 && m.evaluations < 80);
    assert_near(x[0], 1, 1e-5);
    double y[2] = { -1.2, 1 }, wall[2] = { 0.5, 5 };
    m = math_minimise(rosenbrock, NULL, y, 2, lo, wall, 200, 1e-14);
    assert_near(y[0], 0.5, 1e-9);
    assert_near(y[1], 0.25, 1e-6);
    assert_near(m.value, 0.25, 1e-9);
}

/* Convex only near the bottom: log(1 + k (x - 0.3)^2), of unequal widths. */
static double long_slopes(const double *x, double *g, void *context)
{
    double sum = 0;
    for (int i = 0; i < *(const int *)context; i++) {
        double k = pow(3, i % 4), d = x[i] - 0.3;
        sum += log1p(k * d * d);
        g[i] = 2 * k * d / (1 + k * d * d);
    }
    return sum;
}

static void a_step_that_tells_nothing_of_the_curvature_does_not_displace_one_that_does(void **state)
{
    (void)state;
    int    n = 4;
    double x[4] = { -9, -2, 5, -7 }, lo[4] = { -10, -10, -10, -10 }, hi[4] = { 10, 10, 10, 10 };
    struct math_minimum m = math_minimise(long_slopes, &n, x, n, lo, hi, 400, 1e-14);
    for (int i = 0; i < n; i++)
        assert_near(x[i], 0.3, 1e-6);
    assert_true(m.evaluations < 48);         /* 42; with such steps among those that are remembered it takes 58 */
}

static double only_right(const double *x, double *g, void *context)
{
    (void)context;
    g[0] = x[0] > 1 ? 2 * (x[0] - 2) : (double)NAN;
    return x[0] > 1 ? (x[0] - 2) * (x[0] - 2) : (double)NAN;
}

static void where_there_is_no_value_the_step_is_shorter(void **state)
{
    (void)state;
    double x[1] = { 9 }, lo[1] = { -50 }, hi[1] = { 50 };
    struct math_minimum m = math_minimise(only_right, NULL, x, 1, lo, hi, 100, 1e-12);
    assert_near(x[0], 2, 1e-5);
    assert_true(m.value < 1e-9);
    double nowhere[1] = { -9 };
    m = math_minimise(only_right, NULL, nowhere, 1, lo, hi, 100, 1e-12);
    assert_true(isnan(m.value) && m.evaluations == 1 && nowhere[0] == -9);
}

/* ---- the process ---- */

static void the_kernel_gives_the_tables_values(void **state)
{
    (void)state;
    assert_near(math_matern52(0), 1, 0);
    assert_near(math_matern52(0.1), 0.991759236171178, 1e-14);
    assert_near(math_matern52(0.5), 0.828649142418125, 1e-14);
    assert_near(math_matern52(1), 0.52399410883182, 1e-14);
    assert_near(math_matern52(2), 0.138660219138504, 1e-14);
    assert_near(math_matern52(5), 0.000750933788873755, 1e-17);
}

static struct math_gp *make(int features, const int *scale_of)
{
    struct fault    fault;
    struct math_gp *gp;
    assert_ok(math_gp_new(features, scale_of, &gp, &fault), &fault);
    return gp;
}

static void two_points_give_the_closed_form(void **state)
{
    (void)state;
    struct fault         fault;
    struct math_gp      *gp = make(1, NULL);
    struct math_gp_hyper h = { .scale = { 0.4 }, .noise = 0.1, .signal = 2 };
    double               x[2] = { 0.2, 0.7 }, y[2] = { 1, -0.5 }, known[2] = { 0, 0.3 }, mean, variance, at = 0.35, scratch[8];
    math_gp_give_mean(gp, 0.25);
    assert_ok(math_gp_data(gp, 2, x, y, known, &fault), &fault);
    assert_ok(math_gp_set(gp, &h, &fault), &fault);
    math_gp_predict(gp, 1, &at, &mean, &variance, scratch);
    double k = 2 * math_matern52(0.5 / 0.4), a = 2.1, b = 2.4, det = a * b - k * k;
    double p = 2 * math_matern52(0.15 / 0.4), q = 2 * math_matern52(0.35 / 0.4);
    assert_near(mean, 0.25 + (p * (b * 0.75 - k * -0.75) + q * (a * -0.75 - k * 0.75)) / det, 1e-13);
    assert_near(variance, 2 - (p * p * b - 2 * p * q * k + q * q * a) / det, 1e-13);
    double fit = (0.75 * (b * 0.75 + k * 0.75) + -0.75 * (-a * 0.75 - k * 0.75)) / det;
    assert_near(gp->log_likelihood, -0.5 * (fit + log(det) + 2 * log(2 * acos(-1))), 1e-13);
    math_gp_give_mean(gp, (double)NAN);
    assert_ok(math_gp_set(gp, &h, &fault), &fault);
    assert_near(gp->mean, ((b - k) * 1 + (a - k) * -0.5) / (a + b - 2 * k), 1e-13);       /* generalised least squares */
    math_gp_free(gp);
}

static void without_noise_the_mean_goes_through_the_points(void **state)
{
    (void)state;
    struct fault         fault;
    struct math_gp      *gp = make(2, NULL);
    struct math_gp_hyper h = { .scale = { 0.5, 0.3 }, .noise = 0, .signal = 1 };
    double               x[6] = { 0.1, 0.1, 0.5, 0.9, 0.8, 0.2 }, y[3] = { 1, 2, -1 }, mean[3], variance[3], scratch[9];
    assert_ok(math_gp_data(gp, 3, x, y, NULL, &fault), &fault);
    assert_ok(math_gp_set(gp, &h, &fault), &fault);
    math_gp_predict(gp, 3, x, mean, variance, scratch);
    for (int i = 0; i < 3; i++) {
        assert_near(mean[i], y[i], 1e-12);
        assert_true(variance[i] > 0 && variance[i] < 1e-12);
    }
    double far[2] = { 50, 50 };
    math_gp_predict(gp, 1, far, mean, variance, scratch);
    assert_near(mean[0], gp->mean, 1e-12);
    assert_near(variance[0], 1, 1e-12);
    math_gp_free(gp);
}

/* A few points of a bumpy function of three features, the last two of which share a length scale. */
static void bumpy(int n, double *x, double *y, double *known)
{
    struct rand r;
    rand_seed(&r, 7);
    for (int i = 0; i < n; i++) {
        for (int f = 0; f < 3; f++)
            x[3 * i + f] = rand_unit(&r);
        y[i] = sin(5 * x[3 * i]) + 0.5 * cos(9 * x[3 * i + 1]) + x[3 * i + 2] + 0.1 * rand_normal(&r);
        known[i] = i % 3 == 0 ? 0.02 : 0;
    }
}

static void the_gradient_of_the_likelihood_is_that_of_its_differences(void **state)
{
    (void)state;
    enum { N = 17 };
    struct fault        fault;
    const int           scale_of[3] = { 0, 1, 1 };
    double              x[3 * N], y[N], known[N], gradient[6], unused[6];
    struct math_gp     *gp = make(3, scale_of);
    struct math_gp_prior prior = math_gp_prior_usual(2);
    prior.signal = (struct math_gp_belief){ 0, 1, 0.01, 100 };
    prior.bends = (const bool[]){ true, true };
    prior.bend_sd = 3;
    bumpy(N, x, y, known);
    assert_ok(math_gp_data(gp, N, x, y, known, &fault), &fault);
    for (int given = 0; given < 2; given++) {
        struct math_gp_hyper h = { .scale = { 0.3, 0.8 }, .bend = { 2.5, given ? 0 : -4 }, .noise = 0.05, .signal = 1.5 };
        math_gp_give_mean(gp, given ? 0.3 : (double)NAN);
        assert_true(isfinite(math_gp_posterior(gp, &prior, &h, gradient)));
        for (int k = 0; k < 4; k++) {
            double *theta = k < 2 ? &h.scale[k] : k == 2 ? &h.noise : &h.signal, was = *theta, step = 1e-5;
            *theta = was * exp(step);
            double up = math_gp_posterior(gp, &prior, &h, unused);
            *theta = was * exp(-step);
            double down = math_gp_posterior(gp, &prior, &h, NULL);
            *theta = was;
            assert_near(gradient[k], (up - down) / (2 * step), 1e-6 * (1 + fabs(gradient[k])));
        }
        for (int k = 0; k < 2; k++) {
            double was = h.bend[k], step = 1e-5;
            h.bend[k] = was + step;
            double up = math_gp_posterior(gp, &prior, &h, NULL);
            h.bend[k] = was - step;
            double down = math_gp_posterior(gp, &prior, &h, NULL);
            h.bend[k] = was;
            assert_near(gradient[4 + k], (up - down) / (2 * step), 1e-6 * (1 + fabs(gradient[4 + k])));
        }
    }
    math_gp_free(gp);
}

static void the_gradient_of_the_prediction_is_that_of_its_differences(void **state)
{
    (void)state;
    enum { N = 17 };
    struct fault         fault;
    double               x[3 * N], y[N], known[N], at[3] = { 0.3, 0.6, 0.2 }, mean, variance, by_mean[3], by_variance[3], m[2], v[2], scratch[2 * N];
    struct math_gp      *gp = make(3, NULL);
    struct math_gp_hyper h = { .scale = { 0.3, 0.8, 0.5 }, .bend = { 0, 3, -6 }, .noise = 0.05, .signal = 1.5 };
    bumpy(N, x, y, known);
    assert_ok(math_gp_data(gp, N, x, y, known, &fault), &fault);
    assert_ok(math_gp_set(gp, &h, &fault), &fault);
    math_gp_predict_slope(gp, at, &mean, &variance, by_mean, by_variance, scratch);
    math_gp_predict(gp, 1, at, m, v, scratch);
    assert_near(mean, m[0], 1e-13);
    assert_near(variance, v[0], 1e-13);
    for (int f = 0; f < 3; f++) {
        double was = at[f], step = 1e-6, up[3], down[3];
        at[f] = was + step;
        math_gp_predict(gp, 1, at, &up[0], &up[1], scratch);
        at[f] = was - step;
        math_gp_predict(gp, 1, at, &down[0], &down[1], scratch);
        at[f] = was;
        assert_near(by_mean[f], (up[0] - down[0]) / (2 * step), 1e-6);
        assert_near(by_variance[f], (up[1] - down[1]) / (2 * step), 1e-6);
    }
    math_gp_free(gp);
}

static void a_bend_keeps_the_ends_can_be_undone_and_makes_differences_of_ratios(void **state)
{
    (void)state;
    static const double by[] = { -16, -3, -1e-3, -1e-6, 0, 1e-6, 1e-3, 3, 16 };
    for (size_t k = 0; k < sizeof by / sizeof by[0]; k++) {
        double c = by[k], step = 1e-6;
        assert_near(math_bend(0, c), 0, 1e-15);
        assert_near(math_bend(1, c), 1, 1e-12);
        for (double u = 0.05; u < 1; u += 0.1) {
            assert_near(math_bend_undo(math_bend(u, c), c), u, 1e-9);
            assert_near(math_bend_slope(u, c), (math_bend(u + step, c) - math_bend(u - step, c)) / (2 * step), 1e-6);
            assert_near(math_bend_turn(u, c), (math_bend(u, c + step) - math_bend(u, c - step)) / (2 * step), 1e-6);
        }
    }
    double lo = 16, hi = 4096, v = 300;
    assert_near(math_bend(log(v / lo) / log(hi / lo), log(hi / lo)), (v - lo) / (hi - lo), 1e-12);
}

/* What matters lies in the last tenth of the range: a model that may bend it foresees better, and knows where. */
static void a_fit_finds_the_scale_on_which_a_function_is_even(void **state)
{
    (void)state;
    enum { N = 30 };
    struct fault         fault;
    struct rand          r;
    double               x[N], y[N], likelihood[2];
    struct math_gp_prior prior = math_gp_prior_usual(1);
    for (int i = 0; i < N; i++) {
        x[i] = (i + 0.5) / N;
        y[i] = sin(4 * math_bend(x[i], 10)) - 0.5;
    }
    for (int bent = 0; bent < 2; bent++) {
        struct math_gp *gp = make(1, NULL);
        prior.bends = bent ? (const bool[]){ true } : NULL;
        prior.bend_sd = 4;
        rand_seed(&r, 5);
        assert_ok(math_gp_data(gp, N, x, y, NULL, &fault), &fault);
        assert_ok(math_gp_fit(gp, &prior, 80, &r, &fault), &fault);
        likelihood[bent] = gp->log_likelihood;
        if (bent)
            assert_true(gp->hyper.bend[0] > 5);
        else
            assert_true(gp->hyper.bend[0] == 0);
        math_gp_free(gp);
    }
    assert_true(likelihood[1] > likelihood[0] + 5);
}

static void points_added_one_by_one_are_the_same_as_all_at_once(void **state)
{
    (void)state;
    enum { N = 70 };                                     /* more than the first room */
    struct fault         fault;
    double               x[3 * N], y[N], known[N], at[6] = { 0.3, 0.6, 0.2, 0.9, 0.1, 0.5 }, m[4], v[4], scratch[2 * N];
    struct math_gp_hyper h = { .scale = { 0.3, 0.8, 0.5 }, .noise = 0.01, .signal = 1 };
    struct math_gp      *whole = make(3, NULL), *grown = make(3, NULL);
    bumpy(N, x, y, known);
    assert_ok(math_gp_data(whole, N, x, y, known, &fault), &fault);
    assert_ok(math_gp_set(whole, &h, &fault), &fault);
    assert_ok(math_gp_data(grown, 3, x, y, known, &fault), &fault);
    assert_ok(math_gp_set(grown, &h, &fault), &fault);
    for (int i = 3; i < N; i++)
        assert_ok(math_gp_add(grown, x + 3 * i, y[i], known[i], &fault), &fault);
    math_gp_predict(whole, 2, at, m, v, scratch);
    math_gp_predict(grown, 2, at, m + 2, v + 2, scratch);
    for (int i = 0; i < 2; i++) {
        assert_near(m[i], m[i + 2], 1e-10);
        assert_near(v[i], v[i + 2], 1e-10);
    }
    assert_near(whole->log_likelihood, grown->log_likelihood, 1e-8);
    math_gp_free(whole);
    math_gp_free(grown);
}

static void copies_of_a_point_are_survived(void **state)
{
    (void)state;
    enum { N = 30 };
    struct fault         fault;
    double               x[N], y[N], mean, variance, at = 0.5, scratch[2 * N];
    struct math_gp_hyper h = { .scale = { 0.7 }, .noise = 0, .signal = 1 };
    struct math_gp      *gp = make(1, NULL);
    for (int i = 0; i < N; i++) {
        x[i] = 0.5 + 1e-9 * (i % 7);
        y[i] = 1 + 1e-8 * i;
    }
    assert_ok(math_gp_data(gp, 2, x, y, NULL, &fault), &fault);
    assert_ok(math_gp_set(gp, &h, &fault), &fault);
    for (int i = 2; i < N; i++)
        assert_ok(math_gp_add(gp, x + i, y[i], 0, &fault), &fault);
    math_gp_predict(gp, 1, &at, &mean, &variance, scratch);
    assert_true(gp->jitter > 0);
    assert_near(mean, 1, 1e-5);
    assert_true(variance >= 0 && variance < 1e-3);
    math_gp_free(gp);
}

static void a_fit_finds_what_matters_and_how_noisy_it_is(void **state)
{
    (void)state;
    enum { N = 60 };
    struct fault         fault;
    struct rand          r;
    double               x[2 * N], y[N], first = 0;
    struct math_gp_prior prior = math_gp_prior_usual(2);
    rand_seed(&r, 3);
    for (int i = 0; i < N; i++) {
        x[2 * i] = rand_unit(&r);
        x[2 * i + 1] = rand_unit(&r);
        y[i] = 1.4 * sin(9 * x[2 * i]) + 0.2 * rand_normal(&r);
    }
    for (int again = 0; again < 2; again++) {
        struct math_gp *gp = make(2, NULL);
        rand_seed(&r, 5);
        assert_ok(math_gp_data(gp, N, x, y, NULL, &fault), &fault);
        assert_ok(math_gp_fit(gp, &prior, 80, &r, &fault), &fault);
        assert_true(gp->hyper.scale[1] > 5 * gp->hyper.scale[0]);
        assert_true(gp->hyper.scale[0] > 0.1 && gp->hyper.scale[0] < 0.6);
        assert_true(gp->hyper.noise > 0.02 && gp->hyper.noise < 0.08);
        assert_true(gp->hyper.signal == 1);
        if (again)
            assert_true(gp->hyper.scale[0] == first);                /* bit for bit */
        first = gp->hyper.scale[0];
        math_gp_free(gp);
    }
}

static void known_noise_is_not_counted_as_fitted_noise(void **state)
{
    (void)state;
    enum { N = 60 };
    struct fault         fault;
    struct rand          r;
    double               x[N], y[N], known[N];
    struct math_gp      *gp = make(1, NULL);
    struct math_gp_prior prior = math_gp_prior_usual(1);
    rand_seed(&r, 3);
    for (int i = 0; i < N; i++) {
        x[i] = rand_unit(&r);
        known[i] = 0.09;
        y[i] = sin(6 * x[i]) + 0.3 * rand_normal(&r);
    }
    assert_ok(math_gp_data(gp, N, x, y, known, &fault), &fault);
    assert_ok(math_gp_fit(gp, &prior, 80, &r, &fault), &fault);
    assert_true(gp->hyper.noise < 0.03);
    math_gp_free(gp);
}

static void one_point_or_none_or_all_alike_are_no_trouble(void **state)
{
    (void)state;
    struct fault         fault;
    struct rand          r;
    struct math_gp      *gp = make(2, NULL);
    struct math_gp_prior prior = math_gp_prior_usual(2);
    double               x[20] = { 0.5, 0.5 }, y[10] = { 0 }, mean, variance, at[2] = { 0.1, 0.9 }, scratch[20];
    rand_seed(&r, 1);
    assert_ok(math_gp_fit(gp, &prior, 30, &r, &fault), &fault);
    math_gp_predict(gp, 1, at, &mean, &variance, scratch);
    assert_true(mean == 0 && variance == gp->hyper.signal);
    y[0] = 3;
    assert_ok(math_gp_data(gp, 1, x, y, NULL, &fault), &fault);
    assert_ok(math_gp_fit(gp, &prior, 30, &r, &fault), &fault);
    math_gp_predict(gp, 1, at, &mean, &variance, scratch);
    assert_near(mean, 3, 1e-9);
    assert_true(variance > 0 && variance <= 1);
    y[0] = 0;
    for (int i = 0; i < 20; i++)
        x[i] = rand_unit(&r);
    assert_ok(math_gp_data(gp, 10, x, y, NULL, &fault), &fault);
    assert_ok(math_gp_fit(gp, &prior, 30, &r, &fault), &fault);
    math_gp_predict(gp, 1, at, &mean, &variance, scratch);
    assert_near(mean, 0, 1e-12);
    math_gp_free(gp);
}

/* A plateau of time-outs, and beyond it, found late, where results differ: more of the same must not hide the little that is known. */
static void what_is_better_than_a_plateau_is_learned_from_however_late_it_comes(void **state)
{
    (void)state;
    enum { FLAT = 140, BETTER = 20, N = FLAT + BETTER };
    struct fault         fault;
    struct rand          r;
    struct math_gp      *gp = make(1, NULL);
    struct math_gp_prior prior = math_gp_prior_usual(1);
    double               x[N], y[N] = { 0 }, at = 0.93, mean, variance, scratch[N];
    for (int i = 0; i < FLAT; i++)
        x[i] = 0.8 * i / FLAT;
    for (int i = 0; i < BETTER; i++) {
        x[FLAT + i] = 0.8 + 0.2 * (i + 0.5) / BETTER;
        y[FLAT + i] = 1 + sin(60 * (x[FLAT + i] - 0.8) - 1.5);
    }
    rand_seed(&r, 4);
    assert_ok(math_gp_learn(gp, N, x, y, NULL, &prior, 50, &r, &fault), &fault);
    assert_true(gp->hyper.scale[0] < 0.3);
    math_gp_predict(gp, 1, &at, &mean, &variance, scratch);
    assert_near(mean, 1 + sin(60 * (at - 0.8) - 1.5), 0.3);
    math_gp_free(gp);
}

/* The other way round, as trials that worked: a hundred that are the best there is, and only what is worse tells one place from another. */
static void what_is_worse_than_a_plateau_is_learned_from_too(void **state)
{
    (void)state;
    enum { FLAT = 120, WORSE = 120, N = FLAT + WORSE };
    struct fault         fault;
    struct rand          r;
    struct math_gp      *gp = make(1, NULL);
    struct math_gp_prior prior = math_gp_prior_usual(1);
    double               x[N], y[N], at = 0.8, mean, variance, scratch[N];
    for (int i = 0; i < N; i++) {
        x[i] = i < FLAT ? 0.5 * i / FLAT : 0.5 + 0.5 * (i - FLAT + 0.5) / WORSE;
        y[i] = i < FLAT ? 1 : -1 + sin(60 * x[i]);
    }
    rand_seed(&r, 4);
    assert_ok(math_gp_learn(gp, N, x, y, NULL, &prior, 50, &r, &fault), &fault);
    assert_true(gp->hyper.scale[0] < 0.3);
    math_gp_predict(gp, 1, &at, &mean, &variance, scratch);
    assert_near(mean, -1 + sin(60 * at), 0.2);
    math_gp_free(gp);
}

static void what_is_not_a_number_is_refused(void **state)
{
    (void)state;
    struct fault         fault;
    struct math_gp      *gp = make(1, NULL), *none;
    struct math_gp_hyper h = { .scale = { 0 }, .noise = 0.1, .signal = 1 };
    double               x[2] = { 0.1, 0.2 }, y[2] = { 1, 2 }, nan = (double)NAN;
    assert_ok(math_gp_data(gp, 2, x, y, NULL, &fault), &fault);
    assert_int_equal(math_gp_set(gp, &h, &fault), ERR_INPUT);
    assert_int_equal(math_gp_data(gp, 1, &nan, y, NULL, &fault), ERR_INPUT);
    assert_int_equal(math_gp_data(gp, 1, x, &nan, NULL, &fault), ERR_INPUT);
    assert_int_equal(math_gp_data(gp, 1, x, y, &nan, &fault), ERR_INPUT);
    assert_int_equal(math_gp_add(gp, &nan, 1, 0, &fault), ERR_INPUT);
    assert_int_equal(gp->n, 2);
    const int gap[2] = { 0, 2 };
    assert_int_equal(math_gp_new(2, gap, &none, &fault), ERR_INPUT);
    assert_int_equal(math_gp_new(0, NULL, &none, &fault), ERR_INPUT);
    assert_null(none);
    math_gp_free(gp);
    math_gp_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_matrix_is_factored_solved_and_inverted),
        cmocka_unit_test(a_row_is_appended_as_if_it_had_always_been_there),
        cmocka_unit_test(a_singular_matrix_is_helped_and_an_impossible_one_refused),
        cmocka_unit_test(a_matrix_of_zeros_is_refused_at_once),
        cmocka_unit_test(a_valley_is_followed_to_its_end_or_to_the_wall),
        cmocka_unit_test(a_step_that_tells_nothing_of_the_curvature_does_not_displace_one_that_does),
        cmocka_unit_test(where_there_is_no_value_the_step_is_shorter),
        cmocka_unit_test(the_kernel_gives_the_tables_values),
        cmocka_unit_test(two_points_give_the_closed_form),
        cmocka_unit_test(without_noise_the_mean_goes_through_the_points),
        cmocka_unit_test(the_gradient_of_the_likelihood_is_that_of_its_differences),
        cmocka_unit_test(the_gradient_of_the_prediction_is_that_of_its_differences),
        cmocka_unit_test(a_bend_keeps_the_ends_can_be_undone_and_makes_differences_of_ratios),
        cmocka_unit_test(a_fit_finds_the_scale_on_which_a_function_is_even),
        cmocka_unit_test(points_added_one_by_one_are_the_same_as_all_at_once),
        cmocka_unit_test(copies_of_a_point_are_survived),
        cmocka_unit_test(a_fit_finds_what_matters_and_how_noisy_it_is),
        cmocka_unit_test(known_noise_is_not_counted_as_fitted_noise),
        cmocka_unit_test(one_point_or_none_or_all_alike_are_no_trouble),
        cmocka_unit_test(what_is_better_than_a_plateau_is_learned_from_however_late_it_comes),
        cmocka_unit_test(what_is_worse_than_a_plateau_is_learned_from_too),
        cmocka_unit_test(what_is_not_a_number_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
