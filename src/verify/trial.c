/* verify/trial.c - the proof as a state machine: one sample in, one wish out. */
#include "verify/trial.h"

#include "math/describe.h"
#include "math/sequential.h"
#include "verify/before_after.h"
#include "verify/trial_state.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const int64_t unanswered_us = INT64_C(15) * 60 * 1000000;   /* a wish nobody fulfils */
static const int64_t warmup_extra_us = INT64_C(120) * 1000000;
static const int64_t warm_batch_us = 5000000;
static const int64_t down_us = 3000000;          /* not answering for so long is down, not a lost answer */
static const double  warm_rise_max = 0.05;       /* log ratio over the stretch looked at: a level */
static const int64_t errors_grace_us = 5000000;  /* clients that come back after a change stumble once */
static const double  errors_floor = 0.001;       /* one in a thousand is never an emergency */
static const double  errors_unknown = 0.05;      /* assumed bound when the incumbent's errors are not known */
static const double  errors_log_e = 9.21;        /* log(10 000): beyond doubt */
static const double  stall_tps_min = 5, stall_s = 10;

static const double  spread_unknown = 0.15;      /* of neighbouring windows, while too few have been seen */
static const double  clear_spreads = 2.5;        /* a drop of so many spreads is no chance */
static const double  checkpoint_excuse = -0.1625189294977749;   /* log(0.85): what a checkpoint of its own may cost the first window */
static const double  first_look_share = 0.75;    /* of alpha, before/after */
static const double  tail_ratio_max = 2, tail_beyond = 1.2;      /* p99 of one window: times the usual, times the worst seen */
static const double  tail_early = 1.5;           /* before the window is over: a short stall weighs more in a part of it */
static const double  flip_beyond = 2, flip_share_min = 0.05;     /* one query in one window: times query_ratio_max, share of the time */

enum { WARM_POINTS = 6, ERRORS_MIN = 10, REPEATS_MIN = 4, REF_WINDOWS = 5, NEIGHBOURS_MIN = 4, FLIP_CALLS_MIN = 20, TAIL_SECONDS_MIN = 10, TAIL_COUNT_MIN = 1000 };

/* ---- being born ---- */

static bool switchback_method(enum verify_class c) { return c == VERIFY_IMMEDIATE || c == VERIFY_PLANNER || c == VERIFY_CHECKPOINT; }
bool trial_is_switchback(const struct trial *t) { return switchback_method(t->conf.method); }

static enum err conf_check(const struct trial_conf *c, struct fault *fault)
{
    const struct { const char *name; bool fine; const char *range; } checks[] = {
        { "method",           c->method > VERIFY_NONE && c->method < VERIFY_CLASS_COUNT, "a class other than none" },
        { "window_us",        c->window_us >= 1000000,                                   "one second or more" },
        { "washout_us",       c->washout_us >= 0,                                        "zero or more" },
        { "warmup_us",        c->warmup_us >= 0,                                         "zero or more" },
        { "windows_min",      c->windows_min >= 2,                                       "two or more" },
        { "windows_max",      c->windows_max >= c->windows_min && c->windows_max <= TRIAL_WINDOWS_MAX, "windows_min..128" },
        { "alpha",            c->alpha > 0 && c->alpha < 1,                              "between 0 and 1" },
        { "margin",           c->margin >= 0 && c->margin < 1,                           "0..1" },
        { "p99_ratio_max",    c->p99_ratio_max > 0,                                      "above 0" },
        { "query_ratio_max",  c->query_ratio_max > 0,                                    "above 0" },
        { "errors_ratio_max", c->errors_ratio_max > 0,                                   "above 0" },
        { "cpu_max",          c->cpu_max > 0,                                            "above 0" },
        { "memory_ratio_max", c->memory_ratio_max > 0,                                   "above 0" },
        { "sample_us",        c->sample_us >= 0,                                         "zero (1 s) or more" },
    };
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++)
        if (!checks[i].fine)
            return fail(fault, ERR_INPUT, "trial: %s must be %s", checks[i].name, checks[i].range);
    return OK;
}

static int gap_expected(const struct trial_conf *c) { return (int)((c->warmup_us + c->window_us - 1) / c->window_us) + 1; }

int trial_history_needed(const struct trial_conf *c)
{
    return switchback_method(c->method) ? 0 : before_after_needed((struct before_after_shape){ c->windows_min, gap_expected(c), c->windows_min });
}

static struct trial_obs reduce(const struct trial *t, const struct window *w, int arm, int block)
{
    double seconds = (double)(w->to_us - w->from_us) / 1e6;
    double tries = w->v[METRIC_TPS] + (isnan(w->v[METRIC_ROLLBACKS]) ? 0 : w->v[METRIC_ROLLBACKS]);
    double used = w->max[METRIC_MEMORY_USED], limit = w->v[METRIC_MEMORY_LIMIT];
    return (struct trial_obs){
        .arm = arm, .block = block, .from_us = w->from_us, .to_us = w->to_us, .seconds = seconds,
        .response = response_of(&t->mix, w), .level = watch_window_level(t->watch.kind, w),
        .tps = w->v[METRIC_TPS], .p99 = w->v[METRIC_LATENCY_P99],
        .fails = w->v[METRIC_ERRORS] * seconds, .tries = tries * seconds,
        .cpu = w->v[METRIC_CPU], .memory = limit > 0 ? used / limit : (double)NAN,
        .disk_free = w->v[METRIC_DISK_FREE], .recovery_wal = w->max[METRIC_RECOVERY_WAL], .checkpoints = w->checkpoints,
    };
}

/* What the candidate's seconds and errors are compared with: the incumbent's own windows of the trial, else the past. */
static void refer(struct trial *t)
{
    double level[PAST_MAX + OBS_MAX], fails = 0, tries = 0;
    int n = 0;
    for (int i = 0; i < t->pasts; i++)
        level[n++] = t->past[i].level;
    for (int i = 0; i < t->obses; i++)
        if (t->obs[i].arm == ARM_INCUMBENT)
            level[n++] = t->obs[i].level;
    watch_refer(&t->watch, level, n);
    for (int i = 0; i < t->pasts + t->obses; i++) {
        const struct trial_obs *o = i < t->pasts ? &t->past[i] : &t->obs[i - t->pasts];
        if (o->arm == ARM_INCUMBENT && !isnan(o->fails) && o->tries > 0) {
            fails += o->fails;
            tries += o->tries;
        }
    }
    t->fail_rate_a = tries > 0 ? fails / tries : (double)NAN;
}

static void take_history(struct trial *t, const struct window *w, int n)
{
    double seconds = 0, checkpoints = 0;
    int first_told = n;
    for (int i = n - 1, k = 0; i >= 0 && k < t->conf.windows_max; i--)
        if (w[i].whole) {
            first_told = i;
            k++;
        }
    for (int i = 0; i < n; i++) {
        if (!w[i].whole)
            continue;
        struct trial_obs o = reduce(t, &w[i], ARM_INCUMBENT, -1);
        if (isnan(o.response))
            continue;
        if (t->pasts == PAST_MAX)
            memmove(t->past, t->past + 1, (size_t)(--t->pasts) * sizeof t->past[0]);
        t->past[t->pasts++] = o;
        seconds += o.seconds;
        checkpoints += o.checkpoints >= 0 ? o.checkpoints : (double)NAN;
        if (!trial_is_switchback(t) && i >= first_told)
            guards_tell(&t->mix, t->tale, ARM_INCUMBENT, &w[i]);
    }
    t->checkpoints_past = seconds > 0 ? checkpoints / seconds : (double)NAN;
}

enum err trial_new(const struct trial_conf *conf, const struct window *history, int n, struct trial **out, struct fault *fault)
{
    *out = NULL;
    enum err e = conf_check(conf, fault);
    if (e)
        return e;
    struct trial *t = calloc(1, sizeof *t);
    if (!t)
        return fail(fault, ERR_LIMIT, "trial: no memory");
    t->conf = *conf;
    if (t->conf.sample_us == 0)
        t->conf.sample_us = 1000000;
    int64_t four = 4 * conf->warmup_us, longer = conf->warmup_us + warmup_extra_us;
    if (t->conf.warmup_max_us <= 0)
        t->conf.warmup_max_us = four > longer ? four : longer;
    /* Windows of history that are longer than ours would make placebos look calmer than our observations are. */
    for (int i = 0; i < n && !trial_is_switchback(t); i++)
        if (history[i].whole && history[i].to_us - history[i].from_us > t->conf.window_us)
            t->conf.window_us = history[i].to_us - history[i].from_us;
    t->gap = -1;
    t->watch.kind = conf->saturating && !conf->open_loop ? WATCH_TPS : WATCH_LATENCY;
    response_learn(&t->mix, conf->response, conf->saturating, conf->open_loop, history, n);
    take_history(t, history, n);
    refer(t);
    trial_speak(t, OUTCOME_UNDECIDED);
    *out = t;
    return OK;
}

void trial_free(struct trial *t) { free(t); }

enum trial_arm trial_arm(const struct trial *t) { return (enum trial_arm)t->arm; }

/* ---- moving ---- */

static void enter(struct trial *t, enum trial_phase phase, int64_t now)
{
    t->phase = (int)phase;
    t->since_us = now;
    t->pausing = false;
    t->checkpoint_due = phase == PHASE_SLATE;
}

PRINTF(3, 4) static void finish(struct trial *t, enum outcome outcome, const char *format, ...)
{
    if (format) {
        va_list args;
        va_start(args, format);
        vsnprintf(t->reason, sizeof t->reason, format, args);
        va_end(args);
    }
    trial_speak(t, outcome);
    enter(t, outcome == OUTCOME_BETTER && t->arm == ARM_INCUMBENT ? PHASE_CLOSING : PHASE_FINISHED, t->last_us);
}

static enum trial_arm first_of_block(const struct trial *t)
{
    /* Without any history the incumbent goes first: there must be something to watch the candidate against. */
    if (t->block == 0 && t->pasts == 0)
        return ARM_INCUMBENT;
    return switchback_candidate_first(t->conf.seed, t->block) ? ARM_CANDIDATE : ARM_INCUMBENT;
}

static const struct trial_obs *obs_in_block(const struct trial *t, int block, int arm)
{
    for (int i = t->obses - 1; i >= 0; i--)
        if (t->obs[i].block == block && t->obs[i].arm == arm)
            return &t->obs[i];
    return NULL;
}

/* Decide what to observe next, and go there. */
static void next_window(struct trial *t, int64_t now)
{
    if (!trial_is_switchback(t)) {
        t->aim = ARM_CANDIDATE;
    } else {
        bool have_a = obs_in_block(t, t->block, ARM_INCUMBENT), have_b = obs_in_block(t, t->block, ARM_CANDIDATE);
        if (have_a && have_b) {
            t->block++;
            have_a = have_b = false;
        }
        t->aim = have_a ? ARM_CANDIDATE : have_b ? ARM_INCUMBENT : (int)first_of_block(t);
    }
    if (t->aim != t->arm)
        enter(t, PHASE_TOGGLE, now);
    else if (t->conf.method == VERIFY_CHECKPOINT)
        enter(t, PHASE_SLATE, now);
    else
        enter(t, PHASE_SETTLE, now);
}

void trial_begin(struct trial *t, int64_t mono_us)
{
    assert(t->phase == PHASE_NEW);
    t->arm = ARM_CANDIDATE;
    t->last_us = t->changed_us = mono_us;
    t->toggled_since_window = true;
    if (trial_is_switchback(t)) {
        t->aim = (int)first_of_block(t);
        enter(t, t->aim == t->arm ? PHASE_SETTLE : PHASE_TOGGLE, mono_us);
        return;
    }
    int needed = trial_history_needed(&t->conf);
    enter(t, PHASE_WARMUP, mono_us);
    if (t->mix.kind == RESPONSE_NONE)
        finish(t, OUTCOME_UNDECIDED, "The history holds nothing to measure with: neither statement times, nor a saturating load, nor a driver's latencies.");
    else if (t->pasts < needed)
        finish(t, OUTCOME_UNDECIDED, "Too little untouched history to know how far this database moves by itself: %d windows, %d are needed.", t->pasts, needed);
}

void trial_toggled(struct trial *t, enum trial_arm now_in_force, int64_t mono_us)
{
    if (t->phase == PHASE_FINISHED || t->phase == PHASE_NEW)
        return;
    t->arm = (int)now_in_force;
    t->changed_us = mono_us;
    t->toggled_since_window = true;
    t->down_since_us = 0;
    watch_begin_arm(&t->watch);
    if (t->phase == PHASE_CLOSING) {
        if (t->arm == ARM_CANDIDATE)
            enter(t, PHASE_FINISHED, mono_us);
        return;
    }
    enter(t, t->arm == t->aim ? PHASE_SETTLE : PHASE_TOGGLE, mono_us);
}

void trial_checkpointed(struct trial *t, int64_t mono_us)
{
    t->checkpoint_due = t->checkpoint_wanted = t->pausing = false;
    if (t->phase == PHASE_SLATE)
        t->since_us = mono_us;
}

/* ---- opening and closing windows ---- */

static int windows_of(const struct trial *t, int arm)
{
    int n = 0;
    for (int i = 0; i < t->obses; i++)
        n += t->obs[i].arm == arm;
    return n;
}

/*
 * restart: the first window holds a CHECKPOINT, which flushes what the warm-up left behind; after that there are at least as
 * many per second as the incumbent had, or one in each window where that is not known.
 */
static bool checkpoint_at_start(const struct trial *t)
{
    if (t->conf.method != VERIFY_RESTART)
        return false;
    int windows = windows_of(t, ARM_CANDIDATE), held = 0;
    for (int i = 0; i < t->obses; i++)
        held += t->obs[i].checkpoints > 0 ? t->obs[i].checkpoints : 0;
    if (windows == 0 || isnan(t->checkpoints_past))
        return true;
    return held < t->checkpoints_past * (windows + 1) * (double)t->conf.window_us / 1e6;
}

static void open_window(struct trial *t, const struct sample *s)
{
    enter(t, PHASE_WINDOW, s->mono_us);
    window_open(&t->run, s, t->conf.sample_us);
    watch_begin_window(&t->watch);
    t->checkpoint_seen = false;
    t->checkpoint_wanted = t->conf.method == VERIFY_CHECKPOINT || checkpoint_at_start(t);
    t->checkpoint_due = t->conf.method == VERIFY_RESTART && t->checkpoint_wanted;
    if (!trial_is_switchback(t) && t->gap < 0 && t->pasts > 0) {
        int64_t apart = s->mono_us - t->past[t->pasts - 1].to_us;
        int     least = gap_expected(&t->conf) - 1;
        t->gap = apart > 0 ? (int)((apart + t->conf.window_us - 1) / t->conf.window_us) : least;
    }
}

static void repeat(struct trial *t, const char *why)
{
    t->repeats++;
    int most = t->conf.windows_max / 2 > REPEATS_MIN ? t->conf.windows_max / 2 : REPEATS_MIN;
    if (t->repeats > most)
        finish(t, OUTCOME_UNDECIDED, "%d windows could not be used, the last one because %s.", t->repeats, why);
    else
        next_window(t, t->last_us);
}

static const char *why_not_whole(const struct window_run *r)
{
    return r->restarted ? "the server was restarted in it" : r->reset ? "the statistics were reset in it"
         : r->reloaded ? "somebody reloaded the configuration in it" : "samples are missing";
}

/* ---- judging ---- */

int trial_arms(const struct trial *t, struct trial_obs *a, int *na, struct trial_obs *b)
{
    int nb = 0;
    *na = 0;
    if (trial_is_switchback(t)) {
        for (int block = 0; block <= t->block; block++) {
            const struct trial_obs *x = obs_in_block(t, block, ARM_INCUMBENT), *y = obs_in_block(t, block, ARM_CANDIDATE);
            if (x && y) {
                a[(*na)++] = *x;
                b[nb++] = *y;
            }
        }
        return nb;
    }
    for (int i = 0; i < t->obses; i++)
        b[nb++] = t->obs[i];
    int want = nb > t->conf.windows_min ? nb : t->conf.windows_min;
    for (int i = t->pasts > want ? t->pasts - want : 0; i < t->pasts; i++)
        a[(*na)++] = t->past[i];
    return nb;
}

static struct estimate estimate_now(const struct trial *t, const struct trial_obs *a, int na, const struct trial_obs *b, int nb)
{
    double x[PAST_MAX], y[TRIAL_WINDOWS_MAX];
    if (trial_is_switchback(t)) {
        for (int i = 0; i < nb; i++)
            x[i] = b[i].response - a[i].response;
        return switchback_estimate(x, nb, &(struct switchback_conf){ t->conf.windows_min, t->conf.windows_max, t->conf.alpha, t->conf.margin });
    }
    for (int i = 0; i < t->pasts; i++)
        x[i] = t->past[i].response;
    for (int i = 0; i < nb; i++)
        y[i] = b[i].response;
    /* The 99th percentile of placebos, or beyond where less of alpha is to be spent. Two looks share it; drift lets the second one add little. */
    double level = t->conf.alpha / 2 < 0.01 ? t->conf.alpha / 2 : 0.01;
    bool first = t->pair_looks <= 1, only = t->conf.windows_min == t->conf.windows_max;
    struct before_after_shape shape = { na, t->gap > 0 ? t->gap : 0, nb };
    return before_after_estimate(x, t->pasts, y, shape, only ? level : first ? first_look_share * level : (1 - first_look_share) * level);
}

/* ---- one bad window is enough ---- */

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

static bool same_burden(const struct trial_obs *a, const struct trial_obs *b) { return (a->checkpoints > 0) == (b->checkpoints > 0); }

/*
 * What one window of the candidate is measured against: its neighbour in the block, else the incumbent's latest windows.  A
 * window in which a checkpoint ran is compared with such windows; *alike is false when there are none.
 */
static double reference_for(const struct trial *t, const struct trial_obs *now, bool *alike)
{
    double near[REF_WINDOWS], any[REF_WINDOWS], scratch[REF_WINDOWS];
    int nears = 0, anys = 0, at = 0;
    const struct trial_obs *pair = trial_is_switchback(t) ? obs_in_block(t, now->block, ARM_INCUMBENT) : NULL, *o;
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
        if (o->arm != ARM_CANDIDATE || (trial_is_switchback(t) && o->block < t->block && !obs_in_block(t, o->block, ARM_INCUMBENT)))
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
    finish(t, OUTCOME_WORSE, "p99 was %.0f ms over %.0f s with the new configuration; usual is %.0f ms.", p99, seconds, usual);
    return true;
}

/* One query three times as slow, and it matters: its plan has flipped. */
static bool query_is_bad(struct trial *t, const struct window *w, double drop)
{
    double all = 0;
    for (int i = 0; i < w->queries; i++)
        all += w->query[i].total_ms;
    for (int i = 0; i < w->queries; i++) {
        const struct query_count *q = &w->query[i];
        int at = response_query(&t->mix, q->id);
        if (at < 0 || q->id == 0 || q->calls < FLIP_CALLS_MIN || q->total_ms < flip_share_min * all)
            continue;
        double ratio = q->total_ms / q->calls / t->mix.q[at].usual_ms;
        double bound = flip_beyond * t->conf.query_ratio_max;
        if (ratio * exp(drop < 0 ? drop : 0) <= bound)   /* beyond what slows all of them */
            continue;
        finish(t, OUTCOME_WORSE, "Query %lld took %.1f x its usual time in window %d with the new configuration.", (long long)q->id, ratio,
               windows_of(t, ARM_CANDIDATE));
        return true;
    }
    return false;
}

/* One window a tenth worse is all that a candidate is granted, unless its other windows speak for it or a checkpoint may explain it. */
static bool one_bad_window(struct trial *t, const struct trial_obs *now)
{
    bool alike;
    double drop = now->response - reference_for(t, now, &alike);
    if (!(drop < watch_harm_log) || mean_effect(t) >= 0)
        return false;
    if (!alike && windows_of(t, ARM_CANDIDATE) == 1 && drop > checkpoint_excuse)
        return false;
    enum outcome clear = drop < -clear_spreads * neighbour_spread(t) ? OUTCOME_WORSE : OUTCOME_UNDECIDED;
    finish(t, clear, "With the new configuration window %d was %.0f %% worse than the old one%s; a second such window is not risked.",
           windows_of(t, ARM_CANDIDATE), 100 * (1 - exp(drop)), clear == OUTCOME_WORSE ? "" : ", which may be chance");
    return true;
}

/* After each window: has the candidate's latest one been enough? */
static bool enough_harm(struct trial *t)
{
    for (int i = t->obses - 1; i >= 0; i--) {
        const struct trial_obs *o = &t->obs[i];
        if (o->arm != ARM_CANDIDATE)
            continue;
        bool fresh = i == t->obses - 1, alike;
        if (fresh && (tail_is_bad(t, o->p99, o->seconds, 1) || query_is_bad(t, &t->window, o->response - reference_for(t, o, &alike))))
            return true;
        return one_bad_window(t, o);
    }
    return false;
}

/* May this count of windows be looked at? Every block of a switchback; twice in a before/after. */
static bool look_is_due(const struct trial *t, int nb)
{
    if (nb < t->conf.windows_min || nb == t->last_look)
        return false;
    return trial_is_switchback(t) || nb == t->conf.windows_min || nb >= t->conf.windows_max;
}

static void judge(struct trial *t)
{
    struct trial_obs a[TRIAL_WINDOWS_MAX], b[TRIAL_WINDOWS_MAX];
    int na, nb = trial_arms(t, a, &na, b);
    if (!look_is_due(t, nb))
        return;
    t->last_look = nb;
    t->pair_looks++;
    t->estimate = estimate_now(t, a, na, b, nb);
    const struct estimate *e = &t->estimate;
    guards_judge(&(struct guard_case){ &t->conf, &t->mix, t->tale, a, b, na, nb, trial_is_switchback(t) }, &t->guards);

    double m = t->conf.margin;
    bool better = (e->known && e->lo > m) || e->signs_better, last = nb >= t->conf.windows_max;
    if (t->guards.fails > 0)
        finish(t, OUTCOME_WORSE, NULL);
    else if (better && t->guards.open == 0)
        finish(t, OUTCOME_BETTER, NULL);
    else if (e->known && e->hi < 0)
        finish(t, OUTCOME_WORSE, NULL);
    else if (e->known && e->lo > -m && e->hi < m)
        finish(t, OUTCOME_EQUIVALENT, NULL);
    else if (e->known && e->hi < m)
        finish(t, OUTCOME_UNDECIDED, "Even at the best it gains less than the %.1f %% that matter.", 100 * (exp(m) - 1));
    else if (last)
        finish(t, OUTCOME_UNDECIDED, NULL);
    else if (e->hopeless && !better)
        finish(t, OUTCOME_UNDECIDED, "At the spread of this load %d windows of each configuration would not be enough to prove a gain.", t->conf.windows_max);
}

static void close_window(struct trial *t)
{
    window_close(&t->run, &t->window);
    const struct window *w = &t->window;
    if (!w->whole) {
        repeat(t, why_not_whole(&t->run));
        return;
    }
    if (t->mix.kind == RESPONSE_NONE && t->arm == ARM_INCUMBENT) {
        response_learn(&t->mix, t->conf.response, t->conf.saturating, t->conf.open_loop, w, 1);
        if (t->mix.kind == RESPONSE_NONE) {
            finish(t, OUTCOME_UNDECIDED, "There is nothing to measure with: neither statement times, nor a saturating load, nor a driver's latencies.");
            return;
        }
    }
    struct trial_obs o = reduce(t, w, t->arm, trial_is_switchback(t) ? t->block : windows_of(t, ARM_CANDIDATE));
    if (isnan(o.response)) {
        repeat(t, "the load did not show in it");
        return;
    }
    assert(t->obses < OBS_MAX);
    t->obs[t->obses++] = o;
    t->toggled_since_window = false;
    guards_tell(&t->mix, t->tale, (enum trial_arm)t->arm, w);
    if (t->arm == ARM_INCUMBENT)
        refer(t);
    if (enough_harm(t))
        return;
    judge(t);
    if (t->phase == PHASE_WINDOW)
        next_window(t, t->last_us);
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
    return t->fails_b >= ERRORS_MIN && t->fails_b > 2 * p0 * t->tries_b && math_binomial_log_e(t->fails_b, t->tries_b, p0) >= errors_log_e;
}

static bool stalled(struct trial *t, const struct sample *s, double seconds)
{
    double usual = 0, n = 0;
    for (int i = t->pasts > REF_WINDOWS ? t->pasts - REF_WINDOWS : 0; i < t->pasts; i++, n++)
        usual += t->past[i].tps;
    for (int i = 0; i < t->obses; i++)
        if (t->obs[i].arm == ARM_INCUMBENT) {
            usual += t->obs[i].tps;
            n++;
        }
    t->stalled_s = s->v[METRIC_TPS] <= 0 && n > 0 && usual / n >= stall_tps_min ? t->stalled_s + seconds : 0;
    return t->stalled_s >= stall_s;
}

static void count_degraded(struct trial *t, double seconds)
{
    enum { SMOOTH_S = 5 };
    double r = watch_recent(&t->watch, t->watch.recent_n < SMOOTH_S ? t->watch.recent_n : SMOOTH_S);
    if (t->down_since_us != 0 || r < watch_harm_log)
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

/* Ends the trial when the candidate does obvious harm. */
static void look_at_second(struct trial *t, const struct sample *s, double seconds)
{
    bool down = is_down(t, s), twice = restarted_twice(t, s);
    if (s->in_recovery) {
        finish(t, OUTCOME_UNDECIDED, "The target has become a standby: it must not be changed.");
        return;
    }
    if (t->arm != ARM_CANDIDATE)
        return;
    watch_add(&t->watch, s);
    count_degraded(t, seconds);
    bool warming = t->phase == PHASE_WARMUP, looking = !warming && !t->pausing && t->phase != PHASE_SLATE;
    /* A checkpoint burdens the part of a window it runs in: with one, only most of the window is worth a judgement. */
    bool enough = !t->checkpoint_seen || s->mono_us - t->run.from_us >= t->conf.window_us / 2;
    if (down)
        finish(t, OUTCOME_WORSE, "The server stopped answering with the new configuration in force.");
    else if (twice)
        finish(t, OUTCOME_WORSE, "The server was restarted twice with the new configuration in force, and not by us.");
    else if (errors_explode(t, s, seconds))
        finish(t, OUTCOME_WORSE, "Errors with the new configuration: %.3g in 1000 transactions; with the old one %.3g.",
               1000 * t->fails_b / t->tries_b, 1000 * t->fail_rate_a);
    else if (!warming && stalled(t, s, seconds))
        finish(t, OUTCOME_WORSE, "No transaction was committed for %.0f s with the new configuration.", t->stalled_s);
    else if (looking && enough && tail_explodes(t, s))
        return;
    else if (looking && enough && watch_collapse(&t->watch))
        finish(t, OUTCOME_WORSE, "The load collapsed to %.0f %% of its usual level with the new configuration.", 100 * exp(watch_recent(&t->watch, WATCH_RECENT)));
    else if (looking && enough && t->phase == PHASE_WINDOW && watch_harm(&t->watch))
        finish(t, OUTCOME_WORSE, "After %.0f s of a window with the new configuration it was clearly more than 10 %% worse (by %.0f %%).",
               (double)(s->mono_us - t->run.from_us) / 1e6, 100 * (1 - exp(watch_effect(&t->watch))));
}

/* Five-second means of the level; true when the warm-up is over. */
static bool warmed_up(struct trial *t, const struct sample *s)
{
    double x = t->watch.kind == WATCH_TPS ? s->v[METRIC_TPS] : s->v[METRIC_LATENCY_MEAN];
    if (t->warm_from_us == 0)
        t->warm_from_us = s->mono_us;
    if (x > 0) {
        t->warm_sum += t->watch.kind == WATCH_TPS ? log(x) : -log(x);
        t->warm_n += 1;
    }
    if (s->mono_us - t->warm_from_us >= warm_batch_us) {
        if (t->warm_n > 0 && t->warms == WARM_BATCHES_MAX)
            memmove(t->warm, t->warm + 1, (size_t)(--t->warms) * sizeof t->warm[0]);
        if (t->warm_n > 0)
            t->warm[t->warms++] = t->warm_sum / t->warm_n;
        t->warm_sum = t->warm_n = 0;
        t->warm_from_us = s->mono_us;
    }
    int64_t waited = s->mono_us - t->since_us;
    if (waited < t->conf.warmup_us)
        return false;
    int points = t->warms < WARM_POINTS ? t->warms : WARM_POINTS;
    return waited >= t->conf.warmup_max_us || before_after_settled(t->warm + t->warms - points, points, warm_rise_max);
}

static void note_checkpoint(struct trial *t, const struct sample *s)
{
    bool ran = s->v[METRIC_CHECKPOINTS_TIMED] > 0 || s->v[METRIC_CHECKPOINTS_REQ] > 0
            || (s->checkpoints_done >= 0 && t->run.last.checkpoints_done >= 0 && s->checkpoints_done > t->run.last.checkpoints_done);
    t->checkpoint_seen |= ran;
}

static enum trial_wish wish_checkpoint(struct trial *t)
{
    t->pausing = t->checkpoint_seen = true;
    return TRIAL_CHECKPOINT;
}

static enum trial_wish in_window(struct trial *t, const struct sample *s)
{
    note_checkpoint(t, s);
    window_add(&t->run, s);
    bool long_enough = s->mono_us - t->run.from_us >= t->conf.window_us;
    if (long_enough && t->checkpoint_wanted && t->conf.method == VERIFY_CHECKPOINT)
        t->checkpoint_due = true;
    if (t->checkpoint_due) {
        if (s->mono_us - t->run.from_us < t->conf.window_us + unanswered_us)
            return wish_checkpoint(t);
        finish(t, OUTCOME_UNDECIDED, "A CHECKPOINT that was asked for was not done in time.");
        return TRIAL_FINISHED;
    }
    if (long_enough)
        close_window(t);
    return TRIAL_OBSERVE;
}

static enum trial_wish in_phase(struct trial *t, const struct sample *s)
{
    int64_t now = s->mono_us, spent = now - t->since_us;
    int64_t wait = t->toggled_since_window ? t->conf.washout_us : 0;
    switch ((enum trial_phase)t->phase) {
    case PHASE_WARMUP:
        if (warmed_up(t, s))
            open_window(t, s);
        break;
    case PHASE_SETTLE:
        if (spent >= wait && t->conf.method == VERIFY_CHECKPOINT)
            enter(t, PHASE_SLATE, now);
        else if (spent >= wait)
            open_window(t, s);
        break;
    case PHASE_SLATE:
        if (!t->checkpoint_due)
            open_window(t, s);
        else if (spent >= unanswered_us)
            finish(t, OUTCOME_UNDECIDED, "A CHECKPOINT that was asked for was not done in time.");
        break;
    case PHASE_WINDOW:
        return in_window(t, s);
    case PHASE_TOGGLE:
        if (spent >= unanswered_us)
            finish(t, OUTCOME_UNDECIDED, "A change of configuration that was asked for was not done in time.");
        break;
    case PHASE_CLOSING:
        if (spent >= unanswered_us)
            finish(t, OUTCOME_UNDECIDED, "Proven better, but the change back to the new configuration was not done in time.");
        break;
    case PHASE_NEW:
    case PHASE_FINISHED:
    case PHASE_COUNT:
        break;
    }
    return TRIAL_OBSERVE;
}

static enum trial_wish wish_of(struct trial *t, enum trial_wish otherwise)
{
    switch ((enum trial_phase)t->phase) {
    case PHASE_FINISHED: return TRIAL_FINISHED;
    case PHASE_CLOSING:  return TRIAL_GO_CANDIDATE;
    case PHASE_TOGGLE:   return t->aim == ARM_CANDIDATE ? TRIAL_GO_CANDIDATE : TRIAL_GO_INCUMBENT;
    case PHASE_SLATE:    return t->checkpoint_due ? wish_checkpoint(t) : TRIAL_OBSERVE;
    case PHASE_WINDOW:   return t->checkpoint_due ? wish_checkpoint(t) : otherwise;
    case PHASE_NEW: case PHASE_WARMUP: case PHASE_SETTLE: case PHASE_COUNT: break;
    }
    return otherwise;
}

enum trial_wish trial_feed(struct trial *t, const struct sample *s)
{
    if (t->phase == PHASE_FINISHED || t->phase == PHASE_NEW)
        return t->phase == PHASE_NEW ? TRIAL_OBSERVE : TRIAL_FINISHED;
    if (t->since_us == 0 || s->mono_us < t->since_us)
        t->since_us = s->mono_us;            /* loaded from disk: the clock may be another one */
    double seconds = (double)(s->mono_us - t->last_us) / 1e6, usual = (double)t->conf.sample_us / 1e6;
    seconds = seconds > 0 && seconds < 3 * usual ? seconds : usual;
    t->last_us = s->mono_us;
    t->verdict.wall_us = s->wall_us;
    if (t->phase != PHASE_CLOSING)
        look_at_second(t, s, seconds);
    return wish_of(t, in_phase(t, s));
}

double trial_progress(const struct trial *t)
{
    if (t->phase == PHASE_FINISHED)
        return 1;
    double per_arm = trial_is_switchback(t) ? 2 : 1;
    return t->obses / (per_arm * t->conf.windows_max + 1);
}
