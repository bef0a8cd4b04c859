/* math/cause/refute.c - change one thing, estimate again, and see where the answer lands. */
#include "math/cause/refute.h"

#include "math/stats/describe.h"
#include "math/cause/logit.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const double failed_most = 0.2;    /* of the draws */

static const char *const names[MATH_REFUTERS] = {
    [MATH_PLACEBO] = "placebo treatment", [MATH_COMMON_CAUSE] = "common cause", [MATH_SUBSET] = "subset of the rows", [MATH_NEGATIVE_OUTCOME] = "negative outcome",
};

const char *math_refuter_name(enum math_refuter r) { return (unsigned)r < MATH_REFUTERS ? names[r] : "?"; }

static enum err effect_of(const struct math_study *s, const void *context, struct arena *scratch, struct math_effect *e, struct fault *fault)
{
    return math_effect(s, context, scratch, e, fault);
}

struct math_estimator math_effect_estimator(const struct math_effect_conf *conf) { return (struct math_estimator){ effect_of, conf }; }

/* ---- the frame that all share ---- */

/* One attempt under way: the study with room for what is changed, and where the answers go. */
struct attempt {
    const struct math_study       *s;
    const struct math_estimator   *how;
    const struct math_refute_conf *conf;
    struct math_refutation        *r;
    struct arena                   turn;       /* one estimate */
    double                        *value;      /* draws */
    int                            draws, known;
    double                         alpha;
};

static void attempt_done(struct attempt *a) { arena_done(&a->turn); }

/* Estimates the untouched study; false when there is no effect to refute, or the attempt itself is in vain. */
static bool begin(struct attempt *a, enum math_refuter kind, const struct math_study *s, const struct math_estimator *how, const struct math_refute_conf *conf,
                  struct arena *scratch, struct math_refutation *r, enum err *e, struct fault *fault)
{
    struct math_effect original;
    *a = (struct attempt){ .s = s, .how = how, .conf = conf, .r = r, .draws = conf->draws > 0 ? conf->draws : 200, .alpha = conf->alpha > 0 ? conf->alpha : 0.05 };
    *r = (struct math_refutation){ .kind = kind, .standing = MATH_NOT_IDENTIFIED, .original = (double)NAN, .mean = (double)NAN, .sd = (double)NAN, .p = (double)NAN };
    arena_init(&a->turn, scratch->bound);
    if (a->draws > MATH_REFUTE_DRAWS_MAX || !(a->alpha < 1) || !conf->rand || !(conf->share >= 0 && conf->share < 1)) {
        *e = fail(fault, ERR_INPUT, "a refutation needs a generator, at most %d draws, and alpha and share between 0 and 1", MATH_REFUTE_DRAWS_MAX);
        return false;
    }
    a->value = math_doubles(scratch, (size_t)a->draws, fault);
    *e = a->value ? how->effect(s, how->context, &a->turn, &original, fault) : ERR_LIMIT;
    if (*e)
        return false;
    if (original.standing != MATH_KNOWN) {
        r->standing = original.standing;
        snprintf(r->why, sizeof r->why, "%.150s", original.why);
        return false;
    }
    r->original = original.estimate;
    return true;
}

/* One more estimate. What has no answer is counted, not guessed; only lack of memory and the like ends the attempt. */
static enum err draw(struct attempt *a, const struct math_study *s, double minus, struct fault *fault)
{
    struct math_effect again;
    arena_reset(&a->turn);
    enum err e = a->how->effect(s, a->how->context, &a->turn, &again, fault);
    if (e && e != ERR_INPUT)
        return e;
    a->r->draws++;
    if (e || again.standing != MATH_KNOWN)
        a->r->failed++;
    else
        a->value[a->known++] = again.estimate - minus;
    return OK;
}

/* Where does the expected value lie among the draws? Two-sided; a value like all of them is in the middle. */
static void judge(struct attempt *a, double expected)
{
    struct math_refutation *r = a->r;
    int below = 0, above = 0;
    r->expected = expected;
    if (a->known < 2 || r->failed > failed_most * a->draws) {
        snprintf(r->why, sizeof r->why, "%d of %d estimates had no answer.", r->failed, r->draws);
        return;
    }
    r->mean = math_mean(a->value, a->known);
    r->sd = math_sd(a->value, a->known);
    double slack = 1e-12 * (fabs(expected) + fabs(r->mean));
    for (int i = 0; i < a->known; i++) {
        below += a->value[i] <= expected + slack;
        above += a->value[i] >= expected - slack;
    }
    r->p = fmin(1, 2.0 * (1 + (below < above ? below : above)) / (a->known + 1));
    if (2.0 / (a->known + 1) >= a->alpha)    /* no rank among so few could ever refute */
        r->p = fabs(expected - r->mean) <= slack ? 1 : math_p_value(expected - r->mean, r->sd * sqrt(1 + 1.0 / a->known), a->known - 1);
    r->refuted = r->p < a->alpha;
    r->standing = MATH_KNOWN;
}

static void shuffle(double *v, int n, struct rand *r)
{
    for (int i = n - 1; i > 0; i--) {
        int    j = (int)rand_int(r, 0, i);
        double keep = v[i];
        v[i] = v[j];
        v[j] = keep;
    }
}

/* ---- placebo ---- */

/*
 * What of the treatment the suspects explain (level), and what is left (rest), which is shuffled.  Binary, with suspects: level is
 * the linear propensity.  Without suspects level is the mean, so the treatment itself is shuffled.
 */
struct placebo { bool binary; double *level, *rest, *treat; };

static bool is_binary(const double *t, int n)
{
    int ones;
    return math_binary_check(t, n, &ones, NULL) == OK;
}

static enum err placebo_fit(const struct math_study *s, const double *const *suspects, int m, struct arena *scratch, struct placebo *p, struct math_refutation *r, struct fault *fault)
{
    size_t n = (size_t)s->n;
    struct math_logit l;
    struct math_ols   o;
    p->treat = math_doubles(scratch, n, fault);
    if (!p->treat)
        return ERR_LIMIT;
    p->binary = m > 0 && is_binary(s->treat, s->n);
    if (!p->binary) {
        enum err e = math_ols(s->treat, suspects, m, s->n, MATH_ERRORS_CLASSIC, scratch, &o, fault);
        p->rest = o.residual;
        p->level = e ? NULL : math_doubles(scratch, n, fault);
        for (size_t i = 0; i < n && p->level; i++)
            p->level[i] = s->treat[i] - o.residual[i];
        return e ? e : p->level ? OK : ERR_LIMIT;
    }
    enum err e = math_logit(s->treat, suspects, m, s->n, scratch, &l, fault);
    p->level = l.eta;
    if (!e && l.separated) {
        r->standing = MATH_NO_OVERLAP;
        snprintf(r->why, sizeof r->why, "The suspects tell treated from untreated rows without error.");
    }
    return e;
}

enum err math_refute_placebo(const struct math_study *s, const double *const *suspects, int m, const struct math_estimator *how,
                             const struct math_refute_conf *conf, struct arena *scratch, struct math_refutation *r, struct fault *fault)
{
    struct attempt a CLEANUP(attempt_done);
    struct placebo p = { 0 };
    enum err e;
    if (!begin(&a, MATH_PLACEBO, s, how, conf, scratch, r, &e, fault))
        return e;
    e = placebo_fit(s, suspects, m, scratch, &p, r, fault);
    if (e || r->standing == MATH_NO_OVERLAP)
        return e;
    struct math_study sham = *s;
    sham.treat = p.treat;
    for (int d = 0; d < a.draws && !e; d++) {
        if (!p.binary)
            shuffle(p.rest, s->n, conf->rand);
        for (int i = 0; i < s->n; i++)
            p.treat[i] = p.binary ? rand_unit(conf->rand) < math_logistic(p.level[i]) : p.level[i] + p.rest[i];
        e = draw(&a, &sham, 0, fault);
    }
    if (!e)
        judge(&a, 0);
    return e;
}

/* ---- common cause ---- */

/* The rows `row[n]` of every column of the study, and of one more. */
static void take_rows(const struct math_study *s, const double *column, const int *row, int n, double *copy)
{
    for (int i = 0; i < n; i++) {
        copy[i] = s->y[row[i]];
        copy[n + i] = s->treat[row[i]];
        for (int j = 0; j < s->k; j++)
            copy[(size_t)(2 + j) * (size_t)n + (size_t)i] = s->x[j][row[i]];
        if (column)
            copy[(size_t)(2 + s->k) * (size_t)n + (size_t)i] = column[row[i]];
    }
}

static struct math_study study_of(const double *copy, const double **x, int n, int k)
{
    for (int j = 0; j < k; j++)
        x[j] = copy + (size_t)(2 + j) * (size_t)n;
    return (struct math_study){ n, k, copy, copy + n, x };
}

/* A given column: by how much does it move the estimate, resample by resample? */
static enum err given_cause(struct attempt *a, const double *column, struct arena *scratch, struct fault *fault)
{
    const struct math_study *s = a->s;
    const double *x[MATH_COLUMNS_MAX];
    double *copy = math_doubles(scratch, (size_t)(s->k + 3) * (size_t)s->n, fault);
    int    *row = arena_alloc(scratch, (size_t)s->n * sizeof *row);
    if (!copy || !row)
        return fail(fault, ERR_LIMIT, "%d rows do not fit into the memory set aside", s->n);
    enum err e = OK;
    for (int d = 0; d < a->draws && !e; d++) {
        struct math_effect without;
        for (int i = 0; i < s->n; i++)
            row[i] = (int)rand_int(a->conf->rand, 0, s->n - 1);
        take_rows(s, column, row, s->n, copy);
        struct math_study less = study_of(copy, x, s->n, s->k);
        arena_reset(&a->turn);
        e = a->how->effect(&less, a->how->context, &a->turn, &without, fault);
        if (e == ERR_INPUT || (!e && without.standing != MATH_KNOWN)) {
            a->r->draws++;
            a->r->failed++;
            e = OK;
        } else if (!e) {
            struct math_study more = study_of(copy, x, s->n, s->k + 1);
            e = draw(a, &more, without.estimate, fault);
        }
    }
    return e;
}

/* A random one, again and again. */
static enum err random_cause(struct attempt *a, struct arena *scratch, struct fault *fault)
{
    const struct math_study *s = a->s;
    const double *x[MATH_COLUMNS_MAX];
    double *noise = math_doubles(scratch, (size_t)s->n, fault);
    struct math_study more = { s->n, s->k + 1, s->y, s->treat, x };
    if (!noise)
        return ERR_LIMIT;
    for (int j = 0; j < s->k; j++)
        x[j] = s->x[j];
    x[s->k] = noise;
    enum err e = OK;
    for (int d = 0; d < a->draws && !e; d++) {
        for (int i = 0; i < s->n; i++)
            noise[i] = rand_normal(a->conf->rand);
        e = draw(a, &more, 0, fault);
    }
    return e;
}

enum err math_refute_common_cause(const struct math_study *s, const double *column, const struct math_estimator *how,
                                  const struct math_refute_conf *conf, struct arena *scratch, struct math_refutation *r, struct fault *fault)
{
    struct attempt a CLEANUP(attempt_done);
    enum err e;
    if (!begin(&a, MATH_COMMON_CAUSE, s, how, conf, scratch, r, &e, fault))
        return e;
    if (s->k + 1 >= MATH_COLUMNS_MAX)
        return fail(fault, ERR_INPUT, "there is no room for one more covariate beside %d", s->k);
    if (column)
        e = math_finite_check("the common cause", column, s->n, fault);
    if (!e)
        e = column ? given_cause(&a, column, scratch, fault) : random_cause(&a, scratch, fault);
    if (!e)
        judge(&a, column ? 0 : r->original);
    return e;
}

/* ---- subset, and an outcome that cannot be ---- */

enum err math_refute_subset(const struct math_study *s, const struct math_estimator *how, const struct math_refute_conf *conf,
                            struct arena *scratch, struct math_refutation *r, struct fault *fault)
{
    struct attempt a CLEANUP(attempt_done);
    const double *x[MATH_COLUMNS_MAX];
    enum err e;
    if (!begin(&a, MATH_SUBSET, s, how, conf, scratch, r, &e, fault))
        return e;
    int     part = (int)((conf->share > 0 ? conf->share : 0.8) * s->n);
    double *copy = math_doubles(scratch, (size_t)(s->k + 2) * (size_t)s->n, fault);
    int    *row = arena_alloc(scratch, (size_t)s->n * sizeof *row);
    if (!copy || !row)
        return fail(fault, ERR_LIMIT, "%d rows do not fit into the memory set aside", s->n);
    for (int i = 0; i < s->n; i++)
        row[i] = i;
    struct math_study some = study_of(copy, x, part, s->k);
    for (int d = 0; d < a.draws && !e; d++) {
        for (int i = 0; i < part; i++) {
            int j = (int)rand_int(conf->rand, i, s->n - 1), keep = row[i];
            row[i] = row[j];
            row[j] = keep;
        }
        take_rows(s, NULL, row, part, copy);
        e = draw(&a, &some, 0, fault);
    }
    if (!e)
        judge(&a, r->original);
    return e;
}

enum err math_refute_negative_outcome(const struct math_study *s, const double *outcome, const struct math_estimator *how,
                                      const struct math_refute_conf *conf, struct arena *scratch, struct math_refutation *r, struct fault *fault)
{
    struct attempt a CLEANUP(attempt_done);
    struct math_effect sham;
    enum err e;
    if (!begin(&a, MATH_NEGATIVE_OUTCOME, s, how, conf, scratch, r, &e, fault))
        return e;
    struct math_study other = *s;
    other.y = outcome;
    arena_reset(&a.turn);
    e = how->effect(&other, how->context, &a.turn, &sham, fault);
    if (e)
        return e;
    r->draws = 1;
    r->standing = sham.standing;
    r->mean = sham.estimate;
    r->sd = sham.se;
    r->p = sham.p;
    r->refuted = sham.standing == MATH_KNOWN && sham.p < a.alpha;
    snprintf(r->why, sizeof r->why, "%.150s", sham.why);
    return OK;
}
