/* verify/trial.c - the proof as a state machine: one sample in, one wish out. */
#include "verify/trial.h"

#include "model/workload.h"
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
static const double  warm_fall_sds = 2;          /* of the incumbent's windows: a fall */

enum { FALL_LEVELS = 3, REPEATS_MIN = 4, SILENT_MAX = 3, CHECKPOINT_TRIES = 3 };

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
        { "windows_min",      c->windows_min >= 2 && c->windows_min <= TRIAL_WINDOWS_MAX, "2..256" },
        { "windows_max",      c->windows_max >= c->windows_min,                          "windows_min or more" },
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

bool trial_can_compare(const struct trial_conf *c, int gap, int history)
{
    struct before_after_shape shape = { c->windows_min, gap_expected(c) - 1 + gap, c->windows_min };
    return switchback_method(c->method) || (history >= trial_history_needed(c) && before_after_possible(history, shape));
}

int trial_history_usable(const struct trial_conf *c, const struct window *history, int n)
{
    struct response_mix mix;
    int                 usable = 0;
    response_learn(&mix, c->response, c->saturating, c->open_loop, history, n);
    for (int i = 0; i < n; i++)
        usable += history[i].whole && !isnan(response_of(&mix, &history[i]));
    return mix.kind == RESPONSE_NONE ? n : usable;
}

bool trial_can_measure(const struct trial_conf *c, const struct window *history, int n)
{
    struct response_mix mix;
    response_learn(&mix, c->response, c->saturating, c->open_loop, history, n);
    return mix.kind != RESPONSE_NONE;
}

static void ask_of(const struct window *w, struct trial_obs *o)
{
    struct workload load;
    workload_of(&load, w, 1, NULL);
    o->statements = load.v[WORKLOAD_STATEMENTS];
    o->rows = load.v[WORKLOAD_ROWS];
    o->written = load.v[WORKLOAD_WRITTEN];
}

static struct trial_obs reduce(const struct trial *t, const struct window *w, int arm, int block)
{
    double seconds = (double)(w->to_us - w->from_us) / 1e6;
    double tries = w->v[METRIC_TPS] + (isnan(w->v[METRIC_ROLLBACKS]) ? 0 : w->v[METRIC_ROLLBACKS]);
    double used = w->max[METRIC_MEMORY_USED], limit = w->v[METRIC_MEMORY_LIMIT];
    struct trial_obs o = {
        .arm = arm, .block = block, .from_us = w->from_us, .to_us = w->to_us, .seconds = seconds,
        .response = response_of(&t->mix, w), .level = harm_watch_level(t->watch.kind, w), .lull = harm_watch_lull(t->watch.kind, w),
        .tps = w->v[METRIC_TPS],
        .p99 = t->mix.few ? (double)NAN : w->v[METRIC_LATENCY_P99],      /* of a few it is the slowest, whichever that was */
        .fails = w->v[METRIC_ERRORS] * seconds, .tries = tries * seconds,
        .cpu = w->v[METRIC_CPU], .memory = limit > 0 ? used / limit : (double)NAN,
        .disk_free = w->v[METRIC_DISK_FREE], .recovery_wal = w->max[METRIC_RECOVERY_WAL], .checkpoints = w->checkpoints,
    };
    ask_of(w, &o);
    for (int i = 0; i < MECHANISMS; i++)
        o.mechanism[i] = w->v[metric_mechanism[i]];
    return o;
}

static void take_history(struct trial *t, const struct window *w, int n)
{
    double seconds = 0, checkpoints = 0;
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
        if (!trial_is_switchback(t))
            guards_tell(&t->mix, t->tale, ARM_INCUMBENT, &w[i]);
    }
    t->checkpoints_past = seconds > 0 ? checkpoints / seconds : (double)NAN;
}

/* Where the queries concerned are not seen, the verdict is about all of the load instead, and says so by not naming them. */
static void learn(struct trial *t, const struct window *w, int n, bool last_chance)
{
    response_learn(&t->mix, t->conf.only ? RESPONSE_QUERIES : t->conf.response, t->conf.saturating, t->conf.open_loop, w, n);
    if (t->conf.only)
        response_only(&t->mix, t->conf.only_id, t->conf.only);
    if (t->conf.only && t->mix.kind == RESPONSE_NONE && last_chance) {
        t->conf.only = 0;
        learn(t, w, n, true);
    }
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
    if (t->conf.windows_max > TRIAL_WINDOWS_MAX)
        t->conf.windows_max = TRIAL_WINDOWS_MAX;
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
    t->watch.kind = conf->saturating && !conf->open_loop ? HARM_WATCH_TPS : HARM_WATCH_LATENCY;
    learn(t, history, n, !trial_is_switchback(t));
    take_history(t, history, n);
    trial_refer(t);
    trial_speak(t, OUTCOME_UNDECIDED);
    *out = t;
    return OK;
}

void trial_free(struct trial *t) { free(t); }

enum trial_arm trial_arm(const struct trial *t) { return (enum trial_arm)t->arm; }
bool trial_compares_with_past(const struct trial *t) { return !trial_is_switchback(t); }

double trial_least_provable(const struct trial_conf *c, const struct window *history, int n, int gap)
{
    struct trial *t;
    double        x[PAST_MAX], least = (double)INFINITY;
    if (switchback_method(c->method))
        return 0;
    if (trial_new(c, history, n, &t, NULL) != OK)
        return least;
    for (int i = 0; i < t->pasts; i++)
        x[i] = t->past[i].response;
    int apart = gap_expected(c) - 1 + gap;
    for (int last = 0; last < 2; last++) {
        int windows = last ? t->conf.windows_max : t->conf.windows_min, before = windows < t->pasts ? windows : t->pasts;
        least = fmin(least, before_after_placebo(x, t->pasts, (struct before_after_shape){ before, apart, windows }, trial_placebo_level(c, last == 0)).margin);
    }
    trial_free(t);
    return least;
}

/* ---- moving ---- */

static void enter(struct trial *t, enum trial_phase phase, int64_t now)
{
    t->phase = (int)phase;
    t->since_us = now;
    t->pausing = false;
    t->checkpoint_due = phase == PHASE_SLATE;
}

void trial_finish(struct trial *t, enum outcome outcome, const char *format, ...)
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

const struct trial_obs *trial_obs_in_block(const struct trial *t, int block, int arm)
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
        bool have_a = trial_obs_in_block(t, t->block, ARM_INCUMBENT), have_b = trial_obs_in_block(t, t->block, ARM_CANDIDATE);
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
    if (t->phase != PHASE_NEW) {   /* loaded from disk */
        trial_toggled(t, ARM_CANDIDATE, mono_us);
        return;
    }
    t->arm = t->aim = ARM_CANDIDATE;
    t->last_us = t->changed_us = mono_us;
    trial_stray_turned(t, ARM_INCUMBENT, INT64_MIN);
    trial_stray_turned(t, ARM_CANDIDATE, mono_us);
    t->toggled_since_window = true;
    if (trial_is_switchback(t)) {
        t->aim = (int)first_of_block(t);
        enter(t, t->aim == t->arm ? PHASE_SETTLE : PHASE_TOGGLE, mono_us);
        return;
    }
    int needed = trial_history_needed(&t->conf);
    enter(t, PHASE_WARMUP, mono_us);
    if (t->mix.kind == RESPONSE_NONE)
        trial_finish(t, OUTCOME_UNDECIDED, "The history holds nothing to measure with: neither statement times, nor a saturating load, nor a driver's latencies.");
    else if (t->pasts < needed)
        trial_finish(t, OUTCOME_UNDECIDED, "Too little untouched history to know how far this database moves by itself: %d windows, %d are needed.", t->pasts, needed);
}

void trial_toggled(struct trial *t, enum trial_arm now_in_force, int64_t mono_us)
{
    if (t->phase == PHASE_FINISHED || t->phase == PHASE_NEW)
        return;
    t->arm = (int)now_in_force;
    t->changed_us = mono_us;
    trial_stray_turned(t, t->arm, mono_us);
    t->toggled_since_window = true;
    t->down_since_us = 0;
    harm_watch_begin_arm(&t->watch);
    if (t->phase == PHASE_CLOSING) {
        if (t->arm == ARM_CANDIDATE)
            enter(t, PHASE_FINISHED, mono_us);
        return;
    }
    if (trial_is_switchback(t))
        enter(t, t->arm == t->aim ? PHASE_SETTLE : PHASE_TOGGLE, mono_us);
    else if (t->arm == ARM_INCUMBENT)
        trial_finish(t, OUTCOME_UNDECIDED, "The old configuration was put back before anything was proven.");
    else
        enter(t, t->obses > 0 ? PHASE_SETTLE : PHASE_WARMUP, mono_us);
}

void trial_give_up(struct trial *t, const char *why)
{
    if (t->phase != PHASE_NEW && t->phase != PHASE_CLOSING && t->phase != PHASE_FINISHED)
        trial_finish(t, OUTCOME_UNDECIDED, "%s", why);
}

void trial_checkpointed(struct trial *t, int64_t mono_us)
{
    t->checkpoint_due = t->checkpoint_wanted = t->pausing = false;
    t->checkpoints_failed = 0;
    if (t->phase == PHASE_SLATE)
        t->since_us = mono_us;
}

/* A window that was to pay its bill and did not is not believed: cost would be put off, and called a gain. */
void trial_checkpoint_failed(struct trial *t, const char *why)
{
    char text[sizeof t->reason];
    t->pausing = false;
    if (++t->checkpoints_failed < CHECKPOINT_TRIES)
        return;
    (void)snprintf(text, sizeof text, "A CHECKPOINT, without which cost that is put off would look like gain, could not be had: %.160s.", why);
    trial_give_up(t, text);
}

/* ---- opening and closing windows ---- */

int trial_windows_of(const struct trial *t, int arm)
{
    int n = 0;
    for (int i = 0; i < t->obses; i++)
        n += t->obs[i].arm == arm;
    return n;
}

/*
 * restart: the first window holds a CHECKPOINT; after that there are at least as many per second as the incumbent had, or one
 * in each window where that is not known.
 */
static bool checkpoint_at_start(const struct trial *t)
{
    if (t->conf.method != VERIFY_RESTART)
        return false;
    int windows = trial_windows_of(t, ARM_CANDIDATE), held = 0;
    for (int i = 0; i < t->obses; i++)
        held += t->obs[i].checkpoints > 0 ? t->obs[i].checkpoints : 0;
    if (windows == 0 || isnan(t->checkpoints_past))
        return true;
    return held < t->checkpoints_past * (windows + 1) * (double)t->conf.window_us / 1e6;
}

/* Do the incumbent's windows hold a checkpoint as a rule? */
static bool checkpoint_in_each_window(const struct trial *t)
{
    return t->conf.method == VERIFY_RESTART && t->checkpoints_past * (double)t->conf.window_us / 1e6 > 0.5;
}

static void open_window(struct trial *t, const struct sample *s)
{
    enter(t, PHASE_WINDOW, s->mono_us);
    window_open(&t->run, s, t->conf.sample_us);
    harm_watch_begin_window(&t->watch);
    trial_stray_opened(t);
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
        trial_finish(t, OUTCOME_UNDECIDED, "%d windows could not be used, the last one because %s.", t->repeats, why);
    else
        next_window(t, t->last_us);
}

/* Somebody else has restarted the server: its caches are cold, and what follows would be told as harm. */
static void after_a_restart(struct trial *t)
{
    t->toggled_since_window = true;
    if (trial_is_switchback(t) || t->phase != PHASE_SETTLE)
        return;
    warming_clear(&t->warming);
    t->warm_checkpoint_us = 0;
    enter(t, PHASE_WARMUP, t->last_us);
}

/* Of a few reports, none may end in a window: that is no fault of it, and what does end is told with the next.  But nobody waits for ever. */
static void without_response(struct trial *t, const struct trial_obs *o)
{
    if (!t->mix.rare) {
        repeat(t, "the load did not show in it");
        return;
    }
    trial_stray_keep(t, &t->window);
    t->unheard_fails[t->arm] += isnan(o->fails) ? 0 : o->fails;
    t->unheard_tries[t->arm] += isnan(o->tries) ? 0 : o->tries;
    if (++t->silent > SILENT_MAX)
        trial_finish(t, OUTCOME_UNDECIDED, "In %d windows in a row too little ended to tell how fast it was; usual are %.0f statements in each.", t->silent, t->mix.calls);
    else
        next_window(t, t->last_us);
}

static const char *why_not_whole(const struct window_run *r)
{
    return r->restarted ? "the server was restarted in it" : r->reset ? "the statistics were reset in it"
         : r->reloaded ? "somebody reloaded the configuration in it" : "samples are missing";
}

static void close_window(struct trial *t)
{
    window_close(&t->run, &t->window);
    const struct window *w = &t->window;
    if (!w->whole) {
        repeat(t, why_not_whole(&t->run));
        if (t->run.restarted)
            after_a_restart(t);
        return;
    }
    trial_stray_settle(t, &t->window);
    if (t->mix.kind == RESPONSE_NONE && t->arm == ARM_INCUMBENT) {
        learn(t, w, 1, true);
        if (t->mix.kind == RESPONSE_NONE) {
            trial_finish(t, OUTCOME_UNDECIDED, "There is nothing to measure with: neither statement times, nor a saturating load, nor a driver's latencies.");
            return;
        }
    }
    struct trial_obs o = reduce(t, w, t->arm, trial_is_switchback(t) ? t->block : trial_windows_of(t, ARM_CANDIDATE));
    if (isnan(o.response)) {
        without_response(t, &o);
        return;
    }
    t->silent = 0;
    o.fails += t->unheard_fails[t->arm];
    o.tries += t->unheard_tries[t->arm];
    t->unheard_fails[t->arm] = t->unheard_tries[t->arm] = 0;
    switch (trial_load_of(t, &o)) {
    case TRIAL_LOAD_SAME:    break;
    case TRIAL_LOAD_ODD:     repeat(t, "clients asked something else in it"); return;
    case TRIAL_LOAD_ANOTHER: return;
    }
    assert(t->obses < OBS_MAX);
    t->obs[t->obses++] = o;
    t->toggled_since_window = false;
    guards_tell(&t->mix, t->tale, (enum trial_arm)t->arm, w);
    if (t->arm == ARM_INCUMBENT)
        trial_refer(t);
    if (trial_window_harms(t))
        return;
    trial_judge(t);
    if (t->phase == PHASE_WINDOW)
        next_window(t, t->last_us);
}

/* ---- sample by sample ---- */

/*
 * A server that was just started has nothing to write yet, and may run far ahead until what it made dirty has to go to the disk: neither that
 * nor the lull in which it pays for it is its level.  So who has done more than the incumbent, on the whole, is given the time
 * to come down from it; who has not, is judged.  Cycle against cycle where windows hold a checkpoint each, for within one the level always falls.
 */
static bool comes_down(const struct trial *t)
{
    const int64_t level_us = WARMING_LEVEL_S * INT64_C(1000000);
    bool cycles = checkpoint_in_each_window(t);
    int  each = cycles ? (int)((t->conf.window_us + level_us - 1) / level_us) : FALL_LEVELS;
    each = each > WARMING_LEVELS_MAX / 2 ? WARMING_LEVELS_MAX / 2 : each;
    if (!(harm_watch_all(&t->watch) > 0))
        return false;
    if (t->warming.levels < 2 * each)
        return cycles;
    double was = fmax(warming_mean(&t->warming, each, each), t->watch.ref);      /* at the bottom of the lull it falls no further */
    return was - warming_mean(&t->warming, each, 0) > warm_fall_sds * t->watch.ref_sd;
}

/* True when the warm-up is over. */
static bool warmed_up(struct trial *t, const struct sample *s)
{
    double  x = t->watch.kind == HARM_WATCH_TPS ? s->v[METRIC_TPS] : s->v[METRIC_LATENCY_MEAN];
    int64_t waited = s->mono_us - t->since_us;
    warming_add(&t->warming, !(x > 0) ? (double)NAN : t->watch.kind == HARM_WATCH_TPS ? log(x) : -log(x), s->mono_us);
    if (waited < t->conf.warmup_us)
        return false;
    return waited >= t->conf.warmup_max_us || (warming_is_over(&t->warming) && !comes_down(t));
}

/*
 * The first window pays for what one window has made dirty, as the incumbent's do, and not for the whole warm-up: where those
 * hold a checkpoint each, the warm-up has them at the same pace, and the window opens when the next one is due.
 */
static void in_warmup(struct trial *t, const struct sample *s)
{
    int64_t clean = t->warm_checkpoint_us > t->since_us ? t->warm_checkpoint_us : t->since_us, now = s->mono_us;
    bool warm = !t->pausing && warmed_up(t, s);
    if (t->checkpoint_due && now - clean >= unanswered_us)
        trial_finish(t, OUTCOME_UNDECIDED, "A CHECKPOINT that was asked for was not done in time.");
    if (t->checkpoint_due)
        return;
    if (checkpoint_in_each_window(t) && now - clean < t->conf.window_us)
        return;
    if (warm) {
        open_window(t, s);
    } else if (checkpoint_in_each_window(t)) {
        t->warm_checkpoint_us = now;
        t->checkpoint_due = true;
    }
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
    if (t->run.restarted) {
        close_window(t);
        return TRIAL_OBSERVE;
    }
    bool long_enough = s->mono_us - t->run.from_us >= t->conf.window_us;
    if (long_enough && t->checkpoint_wanted && t->conf.method == VERIFY_CHECKPOINT)
        t->checkpoint_due = true;
    if (t->checkpoint_due) {
        if (s->mono_us - t->run.from_us < t->conf.window_us + unanswered_us)
            return wish_checkpoint(t);
        trial_finish(t, OUTCOME_UNDECIDED, "A CHECKPOINT that was asked for was not done in time.");
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
        in_warmup(t, s);
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
            trial_finish(t, OUTCOME_UNDECIDED, "A CHECKPOINT that was asked for was not done in time.");
        break;
    case PHASE_WINDOW:
        return in_window(t, s);
    case PHASE_TOGGLE:
        if (spent >= unanswered_us)
            trial_finish(t, OUTCOME_UNDECIDED, "A change of configuration that was asked for was not done in time.");
        break;
    case PHASE_CLOSING:
        if (spent >= unanswered_us)
            trial_finish(t, OUTCOME_UNDECIDED, "Proven better, but the change back to the new configuration was not done in time.");
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
    case PHASE_WARMUP: case PHASE_WINDOW:
                         return t->checkpoint_due ? wish_checkpoint(t) : otherwise;
    case PHASE_NEW: case PHASE_SETTLE: case PHASE_COUNT: break;
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
    trial_stray_sample(t, s);
    if (t->phase != PHASE_CLOSING)
        trial_watch_second(t, s, seconds);
    return wish_of(t, in_phase(t, s));
}

double trial_progress(const struct trial *t)
{
    if (t->phase == PHASE_FINISHED)
        return 1;
    double per_arm = trial_is_switchback(t) ? 2 : 1;
    return t->obses / (per_arm * t->conf.windows_max + 1);
}
