/* verify/harm_watch.c - running level of the candidate's seconds against the incumbent's windows. */
#include "verify/harm_watch.h"

#include "math/stats/describe.h"

#include <math.h>
#include <string.h>

const double harm_watch_tenth = -0.10536051565782628;
static const double half_log = -0.6931471805599453;
static const double usual_lulls = 0.1;         /* one window in ten has a lull like that */
static const double lull_beyond = -0.40546510810816444;      /* log(2/3) below it is none of those */
static const double doubt = 3;                 /* standard errors */
static const double ref_sd_min = 0.05;         /* no database repeats itself more closely than this */
static const double dependence_usual = 4;      /* (1 + .6) / (1 - .6): what seconds of a database usually show */
static const double cv_min = 0.2;              /* of seconds: a stall is steady in itself, but not the usual state */
static const double lull_tps_min = 0.1;        /* ten seconds with one commit */
static const double level_floor = -7;          /* log ratio of a second without any commit */

enum { SECONDS_MIN = 5, DEPENDENCE_SECONDS_MIN = 12, COLLAPSE_SECONDS = 5, REF_WINDOWS = 5 };

double harm_watch_level(enum harm_watch_kind kind, const struct window *w)
{
    double x = kind == HARM_WATCH_TPS ? w->v[METRIC_TPS] : w->v[METRIC_LATENCY_MEAN];
    if (kind == HARM_WATCH_NOTHING || !(x > 0))
        return (double)NAN;
    return kind == HARM_WATCH_TPS ? log(x) : -log(x);
}

double harm_watch_lull(enum harm_watch_kind kind, const struct window *w)
{
    double x = kind == HARM_WATCH_TPS ? w->lull_tps : w->lull_ms;
    if (kind == HARM_WATCH_NOTHING || isnan(x))
        return (double)NAN;
    return kind == HARM_WATCH_TPS ? log(fmax(x, lull_tps_min)) : -log(x);
}

void harm_watch_refer(struct harm_watch *w, const double *levels, const double *lulls, int n)
{
    double known[256], scratch[256];
    if (n > 256) {
        levels += n - 256;
        lulls += n - 256;
        n = 256;
    }
    int lows = math_known(lulls, n, known);
    math_sort(known, lows);
    w->ref_lull = lows ? math_quantile_sorted(known, lows, usual_lulls) : (double)NAN;      /* not the worst of all: one odd hour must not blind the watch */
    int k = math_known(levels, n, known), use = k < REF_WINDOWS ? k : REF_WINDOWS;
    w->ref = math_median(known + k - use, use, scratch);
    double sd = k >= 3 ? math_sd(known, k) : 3 * ref_sd_min;
    w->ref_sd = sd > ref_sd_min ? sd : ref_sd_min;
}

void harm_watch_begin_arm(struct harm_watch *w)
{
    lull_clear(&w->recent);
    w->all_weight = w->all_sum = 0;
}

void harm_watch_begin_window(struct harm_watch *w) { w->n = w->weight = w->sum = w->squares = w->lagged = w->last = 0; }

void harm_watch_add(struct harm_watch *w, const struct sample *s)
{
    double tps = s->v[METRIC_TPS], weight = 1;
    double x = w->kind == HARM_WATCH_TPS ? tps : s->v[METRIC_LATENCY_MEAN];
    if (w->kind == HARM_WATCH_LATENCY && !isnan(tps))
        weight = tps;
    if (w->kind == HARM_WATCH_NOTHING || isnan(x) || !(weight > 0))
        return;
    lull_add(&w->recent, x, weight);
    w->all_weight += weight;
    w->all_sum += weight * x;
    w->n += 1;
    w->weight += weight;
    w->sum += weight * x;
    w->squares += x * x;
    w->lagged += w->n > 1 ? x * w->last : 0;
    w->last = x;
}

static double effect_of(const struct harm_watch *w, double mean)
{
    double level = w->kind == HARM_WATCH_TPS ? log(fmax(mean, lull_tps_min)) : -log(mean);      /* as its own lulls are told */
    double effect = level - w->ref;
    return effect < level_floor ? level_floor : effect;
}

double harm_watch_effect(const struct harm_watch *w) { return w->n > 0 && !isnan(w->ref) ? effect_of(w, w->sum / w->weight) : (double)NAN; }

double harm_watch_all(const struct harm_watch *w) { return w->all_weight > 0 && !isnan(w->ref) ? effect_of(w, w->all_sum / w->all_weight) : (double)NAN; }

double harm_watch_recent(const struct harm_watch *w, int k)
{
    double mean = lull_mean(&w->recent, k);
    return isnan(mean) || isnan(w->ref) ? (double)NAN : effect_of(w, mean);
}

/* What the running window would show had it one of the incumbent's own lulls in it: the first seconds may be nothing else. NAN: unknown. */
static double with_own_lull(const struct harm_watch *w)
{
    double share = fmin(w->n, LULL_SECONDS) / w->n, sign = w->kind == HARM_WATCH_TPS ? 1 : -1;
    return sign * log(share * exp(sign * w->ref_lull) + (1 - share) * exp(sign * w->ref)) - w->ref;
}

bool harm_watch_fires(const struct harm_watch *w)
{
    double effect = harm_watch_effect(w);
    if (w->n < SECONDS_MIN || isnan(effect))
        return false;
    double mean = w->sum / w->weight, var = w->squares / w->n - mean * mean, dependence = dependence_usual;
    var = var > 0 ? var : 0;
    if (w->n >= DEPENDENCE_SECONDS_MIN && var > 0) {
        double r = (w->lagged / (w->n - 1) - mean * mean) / var;
        r = r > 0.9 ? 0.9 : r < 0.3 ? 0.3 : r;
        dependence = (1 + r) / (1 - r);
    }
    double cv2 = mean > 0 ? var / (mean * mean) : 0;
    double own = (cv2 > cv_min * cv_min ? cv2 : cv_min * cv_min) * dependence / w->n;
    return effect + doubt * sqrt(own + w->ref_sd * w->ref_sd) < fmin(harm_watch_tenth, with_own_lull(w));      /* of a number and NAN the number */
}

bool harm_watch_stands_still(const struct harm_watch *w) { return w->kind == HARM_WATCH_TPS && w->ref_lull <= log(lull_tps_min) + 1e-9; }

bool harm_watch_collapse(const struct harm_watch *w)
{
    double bar = fmin(half_log, w->ref_lull - w->ref + lull_beyond);      /* of a number and NAN the number */
    if (!(harm_watch_recent(w, LULL_SECONDS) < bar))
        return false;
    for (int back = 0; back < COLLAPSE_SECONDS; back++)
        if (effect_of(w, lull_second(&w->recent, back)) >= bar)
            return false;
    return true;
}
