/*
 * verify/trial_harm.c - what ends a trial at once, without waiting for proof.
 *
 * A harmful candidate may cost one window.  So its seconds are watched while the window runs, and each finished window is
 * measured against its neighbours; what is found here can only end a trial, never promote anything.
 */
#include "math/stats/describe.h"
#include "math/stats/sequential.h"
#include "verify/trial_state.h"

#include <math.h>

static const int64_t down_us = 3000000;          /* not answering for so long is down, not a lost answer */
static const int64_t errors_grace_us = 5000000;  /* clients that come back after a change stumble once */
static const double  errors_floor = 0.001;       /* one in a thousand is never an emergency */
static const double  errors_unknown = 0.05;      /* assumed bound when the incumbent's errors are not known */
static const double  errors_log_e = 9.21;        /* log(10 000): beyond doubt */
static const double  stall_tps_min = 5, stall_s = 10;
static const double  patience_s = 20;            /* with harm, where taking it back is a restart and the candidate is ahead on the whole */
static const double  spread_unknown = 0.15;      /* of neighbouring windows, while too few have been seen */
static const double  clear_spreads = 2.5;        /* a drop of so many spreads is no chance */
static const double  checkpoint_excuse = -0.1625189294977749;   /* log(0.85): what a checkpoint of its own may cost the first window */
static const double  tail_ratio_max = 2, tail_beyond = 1.2;      /* p99 of one window: times the usual, times the worst seen; the latter of a query's time, too */
static const double  tail_early = 1.5;           /* before the window is over: a short stall weighs more in a part of it */
static const double  flip_beyond = 2, flip_share_min = 0.05;     /* one query in one window: times query_ratio_max, share of the time */

enum { ERRORS_MIN = 10, REF_WINDOWS = 5, NEIGHBOURS_MIN = 4, TAIL_SECONDS_MIN = 10, TAIL_COUNT_MIN = 1000 };

/* The incumbent's windows, newest first: those of the trial, then the past. NULL when there are no more. */
static const struct trial_obs *incumbent_back(const struct trial *t, int *at)
{
    for (int i = (*at)++; ; i = (*at)++) {
        if (i >= t->obses + t->pasts)
            return NULL;
        const struct trial_obs *o = i < t->obses ? &t->obs[t->obses - 1 - i] : &t->past[t->pasts - 1 - (i - t->obses)];
        if (o->arm == ARM_INCUMBENT)
            return o;
    }
}

/* How many errors come at a time: how far its windows lie from its own rate, beside what errors would that come each by itself. */
static double fails_together(const struct trial *t, double rate)
{
    const struct trial_obs *o;
    double sum = 0;
    int n = 0, at = 0;
    while (rate > 0 && (o = incumbent_back(t, &at)))
        if (!isnan(o->fails) && o->tries > 0) {
            double expected = rate * o->tries;
            sum += (o->fails - expected) * (o->fails - expected) / expected;
            n++;
        }
    return n > 2 && sum > n - 1 ? sum / (n - 1) : 1;
}

/* What the candidate's seconds and errors are compared with: the incumbent's own windows of the trial, else the past. */
void trial_refer(struct trial *t)
{
    double level[PAST_MAX + OBS_MAX] = { 0 }, lull[PAST_MAX + OBS_MAX] = { 0 }, fails = 0, tries = 0;
    int n = 0;
    for (int i = 0; i < t->pasts + t->obses; i++) {
        const struct trial_obs *o = i < t->pasts ? &t->past[i] : &t->obs[i - t->pasts];
        if (o->arm != ARM_INCUMBENT)
            continue;
        level[n] = o->level;
        lull[n++] = o->lull;
        if (!isnan(o->fails) && o->tries > 0) {
            fails += o->fails;
            tries += o->tries;
        }
    }
    harm_watch_refer(&t->watch, level, lull, n);
    t->fail_rate_a = tries > 0 ? fails / tries : (double)NAN;
    t->fails_together = fails_together(t, t->fail_rate_a);
}

/* ---- one bad window is enough ---- */

static bool same_burden(const struct trial_obs *a, const struct trial_obs *b) { return (a->checkpoints > 0) == (b->checkpoints > 0); }

/*
 * What one window of the candidate is measured against: its neighbour in the block, else the incumbent's latest windows.  A
 * window in which a checkpoint ran is compared with such windows; *alike is false when there are none.
 */
static double reference_for(const struct trial *t, const struct trial_obs *now, bool *alike)
{
    double near[REF_WINDOWS], any[REF_WINDOWS], scratch[REF_WINDOWS];
    int nears = 0, anys = 0, at = 0;
    const struct trial_obs *pair = trial_is_switchback(t) ? trial_obs_in_block(t, now->block, ARM_INCUMBENT) : NULL, *o;
    *alike = true;
    if (pair && same_burden(pair, now))
        return pair->response;
    int most = trial_is_switchback(t) && t->block > 0 ? 1 : REF_WINDOWS;   /* the neighbour drifted least; alone it is too noisy as the first */
    while ((o = incumbent_back(t, &at))) {
        if (anys < REF_WINDOWS)
            any[anys++] = o->response;
        if (nears < most && same_burden(o, now))
            near[nears++] = o->response;
    }
    *alike = nears > 0;
    return pair && !nears ? pair->response : nears ? math_median(near, nears, scratch) : math_median(any, anys, scratch);
}

/* How far two neighbouring windows of the incumbent lie apart (standard deviation). */
static double neighbour_spread(const struct trial *t)
{
    const struct trial_obs *o, *newer = NULL;
    double ss = 0;
    int at = 0, n = 0;
    while ((o = incumbent_back(t, &at))) {
        if (newer) {
            ss += (newer->response - o->response) * (newer->response - o->response);
            n++;
        }
        newer = o;
    }
    return n >= NEIGHBOURS_MIN ? sqrt(ss / n) : spread_unknown;
}

/* The mean effect over all windows of the candidate that have something to be compared with. */
static double mean_effect(const struct trial *t)
{
    double sum = 0;
    int n = 0;
    bool alike;
    for (int i = 0; i < t->obses; i++) {
        const struct trial_obs *o = &t->obs[i];
        if (o->arm != ARM_CANDIDATE || (trial_is_switchback(t) && o->block < t->block && !trial_obs_in_block(t, o->block, ARM_INCUMBENT)))
            continue;
        sum += o->response - reference_for(t, o, &alike);
        n++;
    }
    return n ? sum / n : 0;
}

/* The p99 beyond which one window is harm: twice the usual, and beyond what nearly all of the incumbent's windows showed. NAN: unknown. */
static double tail_bound(const struct trial *t, double *usual)
{
    double p99[PAST_MAX + OBS_MAX];
    const struct trial_obs *o;
    int n = 0, at = 0;
    while ((o = incumbent_back(t, &at)))
        if (o->p99 > 0)
            p99[n++] = o->p99;
    math_sort(p99, n);
    *usual = math_quantile_sorted(p99, n, 0.5);
    double twice = tail_ratio_max * *usual, beyond = tail_beyond * math_quantile_sorted(p99, n, 0.95);
    return n == 0 ? (double)NAN : twice > beyond ? twice : beyond;
}

static bool tail_is_bad(struct trial *t, double p99, double seconds, double doubt)
{
    double usual, bound = doubt * tail_bound(t, &usual);
    if (!(p99 > bound))
        return false;
    trial_finish(t, OUTCOME_WORSE, "p99 was %.0f ms over %.0f s with the new configuration; usual is %.0f ms.", p99, seconds, usual);
    return true;
}

/* One query three times as slow, beyond what it is by itself at times, and it matters: its plan has flipped. */
static bool query_is_bad(struct trial *t, const struct window *w, double drop)
{
    double all = 0;
    for (int i = 0; i < w->queries; i++)
        all += w->query[i].total_ms;
    for (int i = 0; i < w->queries; i++) {
        const struct query_count *q = &w->query[i];
        int at = response_query(&t->mix, q->id);
        if (at < 0 || q->id == 0 || q->calls < RESPONSE_CALLS_TOLD || q->total_ms < flip_share_min * all)
            continue;
        double ratio = q->total_ms / q->calls / t->mix.q[at].usual_ms, by_itself = t->mix.q[at].slow_ms / t->mix.q[at].usual_ms;
        double bound = fmax(flip_beyond * t->conf.query_ratio_max, tail_beyond * by_itself);     /* of NAN and a number it is the number */
        if (ratio * exp(drop < 0 ? drop : 0) <= bound)   /* beyond what slows all of them */
            continue;
        trial_finish(t, OUTCOME_WORSE, "Query %lld took %.1f x its usual time in window %d with the new configuration.", (long long)q->id, ratio,
               trial_windows_of(t, ARM_CANDIDATE));
        return true;
    }
    return false;
}

/* One window a tenth worse is all that a candidate is granted, unless its other windows speak for it or a checkpoint may explain it. */
static bool one_bad_window(struct trial *t, const struct trial_obs *now)
{
    bool alike;
    double drop = now->response - reference_for(t, now, &alike);
    if (!(drop < harm_watch_tenth) || mean_effect(t) >= 0)
        return false;
    if (!alike && trial_windows_of(t, ARM_CANDIDATE) == 1 && drop > checkpoint_excuse)
        return false;
    enum outcome clear = drop < -clear_spreads * neighbour_spread(t) ? OUTCOME_WORSE : OUTCOME_UNDECIDED;
    trial_finish(t, clear, "With the new configuration window %d was %.0f %% worse than the old one%s; a second such window is not risked.",
           trial_windows_of(t, ARM_CANDIDATE), 100 * (1 - exp(drop)), clear == OUTCOME_WORSE ? "" : ", which may be chance");
    return true;
}

/* After each window: has the candidate's latest one been enough? */
bool trial_window_harms(struct trial *t)
{
    for (int i = t->obses - 1; i >= 0; i--) {
        const struct trial_obs *o = &t->obs[i];
        if (o->arm != ARM_CANDIDATE)
            continue;
        bool fresh = i == t->obses - 1, alike;
        double drop = o->response - reference_for(t, o, &alike);
        /* A statement that sat behind a CHECKPOINT while the window as a whole was no worse is for the guards to weigh. */
        bool excused = t->checkpoint_seen && drop >= 0;
        if (fresh && (tail_is_bad(t, o->p99, o->seconds, 1) || (!excused && query_is_bad(t, &t->window, drop))))
            return true;
        return one_bad_window(t, o);
    }
    return false;
}

/* ---- second by second ---- */

static bool is_down(struct trial *t, const struct sample *s)
{
    bool up_unknown_or_up = !(s->v[METRIC_UP] <= 0);
    if (up_unknown_or_up) {
        t->down_since_us = 0;
        return false;
    }
    if (t->down_since_us == 0)
        t->down_since_us = s->mono_us;
    return s->mono_us - t->down_since_us >= down_us;
}

static bool restarted_twice(struct trial *t, const struct sample *s)
{
    if (s->postmaster_start_us == 0)
        return false;
    if (t->postmaster_start_us != 0 && t->postmaster_start_us != s->postmaster_start_us)
        t->restarts_b += t->arm == ARM_CANDIDATE;
    t->postmaster_start_us = s->postmaster_start_us;
    return t->restarts_b >= 2;
}

static bool errors_explode(struct trial *t, const struct sample *s, double seconds)
{
    double tries = s->v[METRIC_TPS] + (isnan(s->v[METRIC_ROLLBACKS]) ? 0 : s->v[METRIC_ROLLBACKS]);
    if (isnan(s->v[METRIC_ERRORS]) || isnan(tries) || s->mono_us - t->changed_us < errors_grace_us)
        return false;
    double fails = s->v[METRIC_ERRORS] * seconds;
    t->fails_b += fails;
    t->tries_b += (tries > s->v[METRIC_ERRORS] ? tries : s->v[METRIC_ERRORS]) * seconds;
    double p0 = isnan(t->fail_rate_a) ? errors_unknown : t->fail_rate_a * t->conf.errors_ratio_max;
    p0 = p0 < errors_floor ? errors_floor : p0 > 0.5 ? 0.5 : p0;
    /* Errors that come in bursts are as many independent ones as there are bursts. */
    double k = t->fails_together;
    return t->fails_b >= ERRORS_MIN && t->fails_b > 2 * p0 * t->tries_b && math_binomial_log_e(t->fails_b / k, t->tries_b / k, p0) >= errors_log_e;
}

/*
 * A window without a rate says nothing of what is usual; it does not make all of it unknown.  What a database does by itself is granted
 * for three times as long.  Where no session is at work nobody waits: clients ask nothing, unless a restart has kept them out.
 */
static bool stalled(struct trial *t, const struct sample *s, double seconds)
{
    double usual = 0, n = 0;
    for (int i = t->pasts > REF_WINDOWS ? t->pasts - REF_WINDOWS : 0; i < t->pasts + t->obses; i++) {
        const struct trial_obs *o = i < t->pasts ? &t->past[i] : &t->obs[i - t->pasts];
        if (o->arm == ARM_INCUMBENT && !isnan(o->tps)) {
            usual += o->tps;
            n++;
        }
    }
    bool nobody_waits = t->conf.method != VERIFY_RESTART && s->v[METRIC_CONNECTIONS_ACTIVE] <= 0;
    t->stalled_s = s->v[METRIC_TPS] <= 0 && n > 0 && usual / n >= stall_tps_min && !nobody_waits ? t->stalled_s + seconds : 0;
    return t->stalled_s >= (harm_watch_stands_still(&t->watch) ? 3 : 1) * stall_s;
}

static void count_degraded(struct trial *t, double seconds)
{
    enum { SMOOTH_S = 5 };
    double r = harm_watch_recent(&t->watch, t->watch.recent.n < SMOOTH_S ? t->watch.recent.n : SMOOTH_S);
    if (t->down_since_us != 0 || r < harm_watch_tenth)
        t->degraded_s += seconds;
}

/* The true p99 of the running window, as soon as enough transactions have gone by. */
static bool tail_explodes(struct trial *t, const struct sample *s)
{
    const struct latency_count *then = &t->run.first.latency, *now = &s->latency;
    double seconds = (double)(s->mono_us - t->run.from_us) / 1e6, n = 0;
    if (t->phase != PHASE_WINDOW || !then->known || !now->known || seconds < TAIL_SECONDS_MIN)
        return false;
    for (int b = 0; b < LATENCY_BUCKETS; b++) {
        if (now->count[b] < then->count[b])
            return false;
        n += now->count[b] - then->count[b];
    }
    return n >= TAIL_COUNT_MIN && tail_is_bad(t, latency_quantile_ms(then, now, 0.99), seconds, tail_early);
}

/*
 * Taking back what a restart brought is another restart, with its pause and its cold cache: for a lull of one that has done more on the
 * whole than the incumbent would have, that is not worth it before the lull has lasted.
 */
static bool lasts(struct trial *t, bool harm, double seconds)
{
    t->harm_s = harm ? t->harm_s + seconds : 0;
    return harm && (t->conf.method != VERIFY_RESTART || !(harm_watch_all(&t->watch) > 0) || t->harm_s >= patience_s);
}

/* Ends the trial when the candidate does obvious harm. */
void trial_watch_second(struct trial *t, const struct sample *s, double seconds)
{
    bool down = is_down(t, s), twice = restarted_twice(t, s);
    if (s->in_recovery) {
        trial_finish(t, OUTCOME_UNDECIDED, "The target has become a standby: it must not be changed.");
        return;
    }
    if (t->arm != ARM_CANDIDATE)
        return;
    harm_watch_add(&t->watch, s);
    count_degraded(t, seconds);
    bool warming = t->phase == PHASE_WARMUP, looking = !warming && !t->pausing && t->phase != PHASE_SLATE;
    /* A checkpoint burdens the part of a window it runs in: with one, only most of the window is worth a judgement. */
    bool enough = !t->checkpoint_seen || s->mono_us - t->run.from_us >= t->conf.window_us / 2;
    bool collapse = harm_watch_collapse(&t->watch);
    if (down)
        trial_finish(t, OUTCOME_WORSE, "The server stopped answering with the new configuration in force.");
    else if (twice)
        trial_finish(t, OUTCOME_WORSE, "The server was restarted twice with the new configuration in force, and not by us.");
    else if (errors_explode(t, s, seconds))
        trial_finish(t, OUTCOME_WORSE, "Errors with the new configuration: %.3g in 1000 transactions; with the old one %.3g.",
               1000 * t->fails_b / t->tries_b, 1000 * t->fail_rate_a);
    else if (!warming && stalled(t, s, seconds))
        trial_finish(t, OUTCOME_WORSE, "No transaction was committed for %.0f s with the new configuration.", t->stalled_s);
    /* A few transactions stuck behind a CHECKPOINT are the p99 of half a window and not of a whole one: that is judged at its end. */
    else if (looking && !t->checkpoint_seen && tail_explodes(t, s))
        return;
    else if (!lasts(t, looking && enough && (collapse || (t->phase == PHASE_WINDOW && harm_watch_fires(&t->watch))), seconds))
        return;
    else if (collapse)
        trial_finish(t, OUTCOME_WORSE, "The load collapsed to %.0f %% of its usual level with the new configuration.", 100 * exp(harm_watch_recent(&t->watch, LULL_SECONDS)));
    else
        trial_finish(t, OUTCOME_WORSE, "After %.0f s of a window with the new configuration it was clearly more than 10 %% worse (by %.0f %%).",
               (double)(s->mono_us - t->run.from_us) / 1e6, 100 * (1 - exp(harm_watch_effect(&t->watch))));
}
