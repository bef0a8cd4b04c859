/*
 * engine/proving.c - between the pure trial and the world: watch windows, hard guards, trials.
 *
 * Each second a sample comes in; the watch window after a step may trip a guard,
 * and the trial may wish for a toggle, a CHECKPOINT, or to be done.
 */
#include "base/log.h"
#include "base/text.h"
#include "engine/inside.h"
#include "math/stats/describe.h"
#include "math/stats/multiple.h"
#include "model/knob.h"
#include "model/told.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/*
 * While a step is watched: the mean latency of the last ten seconds may exceed twice the incumbent's only where that has such lulls itself,
 * in one window of ten.  Errors come in bursts, and are judged over ten seconds as well, whether anything is answered besides or not.
 */
#define GUARD_LATENCY_RATIO 2.0
#define GUARD_LULL_RATIO    1.5
#define GUARD_USUAL_LULLS   0.9
#define GUARD_TPS_MIN       5.0
enum { GUARD_STILL_S = 10, WATCH_PATIENCE = 3, SLO_WINDOW_S = 60 };

static enum err guarded(struct engine *e, enum err err, const struct fault *fault)
{
    if (err == OK)
        return OK;
    if (err == ERR_MISSING || err == ERR_CONFLICT)
        log_fault(LOG_WARN, "a trial could not go on", fault);
    else
        turn_fail(e, fault);
    return err;
}

void prove_forget(struct etarget *t)
{
    trial_free(t->trial);
    json_decref(t->trial_saved);
    free(t->before);
    t->trial = NULL;
    t->trial_saved = NULL;
    t->before = NULL;
    t->trial_waits = t->trial_loaded = false;
    t->watch_until_us = 0;
}

/* ---- the watch window after a step ---- */

/* The incumbent's mean over its windows; NAN: unknown. */
static double usual(const struct etarget *t, enum metric m)
{
    double sum = 0;
    int    n = 0;
    for (int i = 0; i < t->histories; i++)
        if (isfinite(t->history[i].v[m]))
            sum += t->history[i].v[m], n++;
    return n ? sum / n : (double)NAN;
}

typedef double window_figure(const struct window *w);
static double slowest_ten(const struct window *w)  { return w->lull_ms; }
static double worst_second(const struct window *w) { return w->max[METRIC_ERRORS]; }
static double stillest_ten(const struct window *w) { return -w->lull_tps; }

/* What one of the incumbent's windows in ten exceeds; NAN: unknown. */
static double in_one_of_ten(const struct etarget *t, window_figure *figure)
{
    double x[HISTORY_MAX];
    int    n = 0;
    for (int i = 0; i < t->histories; i++)
        if (isfinite(figure(&t->history[i])))
            x[n++] = figure(&t->history[i]);
    math_sort(x, n);
    return n ? math_quantile_sorted(x, n, GUARD_USUAL_LULLS) : (double)NAN;
}

void prove_watch(struct engine *e, struct etarget *t, const struct casefile *c, int watch_s, bool cold)
{
    int64_t now = clock_mono_us(e->clock);
    t->watch_until_us = now + (int64_t)watch_s * US_PER_S;
    t->watch_grace_us = cold ? now + e->d.tune->warm_up_us : now;
    t->watch_cold_us = cold ? now + (int64_t)fmax(4 * (double)e->d.tune->warm_up_us, (double)(e->d.tune->warm_up_us + 120 * US_PER_S)) : 0;
    warming_clear(&t->warming);
    t->watch_last_us = now + (int64_t)watch_s * WATCH_PATIENCE * US_PER_S + 60 * US_PER_S;
    t->unknown_s = 0;
    t->still_since_us = 0;
    lull_clear(&t->recent);
    lull_clear(&t->erring);
    lull_clear(&t->going);
    t->guard_latency_ms = usual(t, METRIC_LATENCY_MEAN);
    t->guard_errors = usual(t, METRIC_ERRORS);
    t->guard_lull_ms = in_one_of_ten(t, slowest_ten);
    t->guard_errors_most = in_one_of_ten(t, worst_second);
    t->guard_stalls = usual(t, METRIC_TPS) >= GUARD_TPS_MIN && !(in_one_of_ten(t, stillest_ten) >= 0);
    (void)c;
}

/* Caches that fill again may take longer than warm_up: as long as calls get faster by themselves it is not told whether they are slow. */
static bool still_warming(struct etarget *t, const struct sample *s)
{
    double latency = s->v[METRIC_LATENCY_MEAN];
    if (s->mono_us >= t->watch_cold_us)
        return false;
    warming_add(&t->warming, latency > 0 ? -log(latency) : (double)NAN, s->mono_us);
    if (s->mono_us >= t->watch_grace_us && warming_is_over(&t->warming))
        t->watch_cold_us = 0;
    return t->watch_cold_us != 0;
}

static bool too_slow(const struct etarget *t, char *text, size_t size)
{
    double ten = lull_mean(&t->recent, LULL_SECONDS), most = fmax(GUARD_LATENCY_RATIO * t->guard_latency_ms, GUARD_LULL_RATIO * t->guard_lull_ms);
    (void)snprintf(text, size, "guard: latency %.3g ms over ten seconds, more than %.1f times the incumbent's %.3g ms, and more than its own lulls", ten, GUARD_LATENCY_RATIO, t->guard_latency_ms);
    return !isnan(t->guard_latency_ms) && ten > most;
}

static bool too_many_errors(const struct etarget *t, char *text, size_t size)
{
    double ten = lull_mean(&t->erring, LULL_SECONDS), load = lull_mean(&t->going, LULL_SECONDS);
    (void)snprintf(text, size, "guard: %.3g errors per second over ten seconds, the incumbent had %.3g", ten, t->guard_errors);
    return ten > fmax(10 * t->guard_errors + 1 + 0.05 * load, GUARD_LULL_RATIO * t->guard_errors_most) && !isnan(load);
}

/* Sessions are at work, and nothing comes of it. Where none is, clients only ask nothing. */
static bool stands_still(struct etarget *t, const struct sample *s, char *text, size_t size)
{
    bool still = s->v[METRIC_TPS] <= 0 && !(s->v[METRIC_CONNECTIONS_ACTIVE] <= 0);
    t->still_since_us = !still ? 0 : t->still_since_us ? t->still_since_us : s->mono_us;
    (void)snprintf(text, size, "guard: no transaction was committed for %d s", GUARD_STILL_S);
    return still && t->guard_stalls && s->mono_us - t->still_since_us >= GUARD_STILL_S * US_PER_S;
}

/* Why the watched step is to be put back, or NULL. */
static const char *tripped(struct etarget *t, const struct sample *s, char *text, size_t size)
{
    double latency = s->v[METRIC_LATENCY_MEAN], errors = s->v[METRIC_ERRORS], load = s->v[METRIC_TPS];
    bool   warm = s->mono_us >= t->watch_grace_us, warming = still_warming(t, s);
    if (s->v[METRIC_UP] == 0 && warm) {
        (void)snprintf(text, size, "guard: the server is down");
        return text;
    }
    t->unknown_s = isnan(latency) && isnan(load) ? t->unknown_s + 1 : 0;
    if (!warm)
        return NULL;
    if (!warming && !isnan(latency) && load != 0)
        lull_add(&t->recent, latency, isnan(load) ? 1 : load);
    if (!isnan(errors))
        lull_add(&t->erring, errors, 1);
    if (!isnan(load))
        lull_add(&t->going, load, 1);
    return too_slow(t, text, size) || too_many_errors(t, text, size) || stands_still(t, s, text, size) ? text : NULL;
}

static void watch_sample(struct engine *e, struct etarget *t, const struct sample *s)
{
    char        text[200];
    struct fault fault = { 0 };
    const char *why = tripped(t, s, text, sizeof text);
    bool        over = s->mono_us >= t->watch_until_us, blind = t->unknown_s > 0;
    if (!why && over && blind && s->mono_us >= t->watch_last_us)
        why = "nothing was known of the target for too long";
    if (!why && (!over || blind))
        return;   /* no data is not success: the window is held open until something is known again */
    struct casefile c;
    t->watch_until_us = 0;
    bool known = !why && store_case_get(e->store, t->case_id, &c, NULL, &fault) == OK;
    if (known && !autopilot_still_comparable(e, t, &c)) {
        (void)guarded(e, autopilot_lost_its_past(e, &c, &fault), &fault);
        return;
    }
    if (known && !autopilot_restart_in_time(e, t, &c)) {
        (void)guarded(e, autopilot_is_late(e, &c, &fault), &fault);
        return;
    }
    struct cause cause = { .actor = why ? "guard" : "engine", .reason = why ? why : "" };
    if (why)
        log_warn("putting back", F("target", t->conf->name), F("case", (const char *)t->case_id), F("why", why));
    (void)guarded(e, engine_run(e, t->case_id, why ? RUN_ON_PUT_BACK : RUN_ON_WATCHED, 0, 0, &cause, &fault), &fault);
}

/* ---- trials ---- */

static enum err finish(struct engine *e, struct casefile *c, bool better, const char *text, const json_t *verdict, struct fault *fault)
{
    enum err err = store_run_verdict(e->store, c->id, verdict, fault);
    json_t  *meta = json_pack("{s:O}", "verdict", verdict);
    struct cause why = { .actor = "verify", .reason = text, .meta = meta };
    struct case_decision d;
    enum case_answer     said;
    struct case_input    in = { .kind = better ? INPUT_EVENT : INPUT_RUN, .event = ON_VERIFY_PASS, .run = RUN_ON_PUT_BACK, .facts = { .proven_better = better, .recover_max = RECOVER_MAX } };
    if (err == OK)
        err = engine_feed(e, c, &in, &why, &said, &d, fault);
    json_decref(meta);
    return err;
}

static void trial_done(struct engine *e, struct etarget *t)
{
    struct verdict  v;
    struct casefile c;
    struct fault    fault = { 0 };
    trial_verdict(t->trial, &v);
    v.wall_us = clock_wall_us(e->clock);
    json_t  *json = verdict_json(&v);
    enum err err = turn_begin(e, &fault);
    if (err == OK)
        err = store_case_get(e->store, t->case_id, &c, NULL, &fault);
    if (err == OK && c.state == CASE_VERIFYING) {
        log_info("verdict", F("case", (const char *)c.id), F("target", t->conf->name), F("outcome", outcome_name(v.outcome)), F("effect", v.effect), F("lo", v.lo), F("hi", v.hi), F("why", (const char *)v.why));
        err = finish(e, &c, v.outcome == OUTCOME_BETTER, v.why, json, &fault);
        if (err == OK) {      /* or it is found once more when the store can be written */
            e->count.verdicts[v.outcome]++;
            e->count.verify_latency_sum += (double)(clock_mono_us(e->clock) - t->trial_began_us) / 1e6;
            e->count.verify_latency_count++;
            e->count.degraded_s += v.degraded_s;
        }
    }
    json_decref(json);
    if (guarded(e, err, &fault) == OK)
        prove_forget(t);
}

static void send_checkpoint(struct engine *e, struct etarget *t)
{
    struct job  *j = calloc(1, sizeof *j);
    struct fault ignored;
    if (!j)
        return;
    *j = (struct job){ .kind = JOB_CHECKPOINT, .target = (int)(t - e->target) };
    (void)text_copy(j->case_id, sizeof j->case_id, t->case_id);
    if (worker_send(&t->worker, j, &ignored) == OK) {
        t->trial_waits = true;
        t->own_checkpoints++;
        t->own_windows = 0;
    }
}

/* Once somebody has asked to put back there is nothing left to find out. */
static bool still_tried(struct engine *e, struct etarget *t)
{
    struct casefile c;
    struct fault    ignored;
    if (store_case_get(e->store, t->case_id, &c, NULL, &ignored) != OK || (c.state == CASE_VERIFYING && !c.put_back))
        return true;
    prove_forget(t);
    return false;
}

void prove_sample(struct engine *e, struct etarget *t, const struct sample *s)
{
    if (t->watch_until_us) {
        watch_sample(e, t, s);
        return;
    }
    if (!t->trial || !still_tried(e, t))
        return;
    struct fault    fault = { 0 };
    struct cause    why = { .actor = "verify", .reason = "" };
    enum trial_wish wish = trial_feed(t->trial, s);
    if (e->degraded[0])
        return;   /* nothing can be written, so nothing is done; the wish comes again with the next sample */
    switch (wish) {
    case TRIAL_OBSERVE:
        break;
    case TRIAL_GO_INCUMBENT: case TRIAL_GO_CANDIDATE:
        if (!t->trial_waits) {
            bool back = trial_arm(t->trial) == ARM_CANDIDATE;
            t->trial_waits = true;
            t->rolling_open = false;
            (void)guarded(e, engine_run(e, t->case_id, back ? RUN_ON_GO_INCUMBENT : RUN_ON_GO_CANDIDATE, 0, 0, &why, &fault), &fault);
        }
        break;
    case TRIAL_CHECKPOINT:
        if (!t->trial_waits)
            send_checkpoint(e, t);
        break;
    case TRIAL_FINISHED:
        trial_done(e, t);
        break;
    }
}

/* ---- what others change meanwhile ---- */

static void leave_out(struct target_facts *f, const char *name)
{
    for (int i = 0; name && i < f->settings; i++)
        if (strcasecmp(f->setting[i].name, name) == 0)
            f->setting[i] = f->setting[--f->settings];
}

/* Of what is in force when a plan begins all is to be the same when it has been carried out, an hour later it may be, but what the plan itself changes. */
void prove_take(struct engine *e, struct etarget *t, const struct casefile *c)
{
    struct stored_plan plan;
    struct fault       ignored;
    size_t             i, k;
    json_t            *step, *s;
    free(t->before);
    t->before = NULL;
    if (!t->facts || store_plan_get(e->store, c->plan_id, &plan, &ignored) != OK)
        return;
    t->before = malloc(sizeof *t->before);
    if (t->before)
        *t->before = *t->facts;
    json_array_foreach(t->before ? json_object_get(plan.plan, "steps") : NULL, i, step)
        json_array_foreach(json_object_get(json_object_get(step, "params"), "settings"), k, s)
            leave_out(t->before, json_string_value(json_object_get(s, "name")));
    stored_plan_done(&plan);
}

/* What the server makes of other parameters, or of the shell that started it: nobody has changed it. */
static bool is_derived(const struct setting *s)
{
    return strcmp(s->source, "default") == 0 || strcmp(s->source, "override") == 0 || strcmp(s->source, "environment variable") == 0;
}

static const struct setting *changed_since(const struct target_facts *before, const struct target_facts *fresh)
{
    struct target_facts  *rest = malloc(sizeof *rest);
    const struct setting *other = NULL;
    if (!rest)
        return NULL;
    *rest = *before;
    while ((other = target_changed(rest, fresh)) && is_derived(other) && is_derived(target_setting(rest, other->name)))
        leave_out(rest, other->name);
    free(rest);
    return other;
}

/* Before and after tell of the plan only while nothing else is changed; what takes turns meets alike what others do. */
void prove_facts(struct etarget *t, const struct target_facts *fresh)
{
    char why[SETTING_NAME_SIZE + 120];
    const struct setting *other = NULL;
    if (!t->trial || !trial_compares_with_past(t->trial))
        return;
    if (t->facts && t->facts->read_wall_us > t->trial_wall_us)
        other = target_changed(t->facts, fresh);
    else if (t->before && fresh->read_wall_us > t->trial_wall_us)      /* the first since all of the plan is in force */
        other = changed_since(t->before, fresh);
    if (!other)
        return;
    (void)snprintf(why, sizeof why, "%s was changed by somebody else while this was tried, so nothing can be said about the change.", other->name);
    trial_give_up(t->trial, why);
}

/* Of a plan's settings one that is in force with another value than its last step brought; NULL: none, as far as it can be told. */
static const char *not_there(const json_t *plan, const struct target_facts *f)
{
    const json_t *steps = json_object_get(plan, "steps");
    const char   *gone = NULL;
    json_t       *later = json_object(), *s;
    size_t        k;
    for (size_t i = json_array_size(steps); i-- > 0; )
        json_array_foreach(json_object_get(json_object_get(json_array_get(steps, i), "params"), "settings"), k, s) {
            const char           *name = json_string_value(json_object_get(s, "name")), *to = json_string_value(json_object_get(s, "to"));
            const struct knob    *knob = name ? knob_find(name) : NULL;
            const struct setting *now = knob ? target_setting(f, knob->name) : NULL;
            bool                  first = name && !json_object_get(later, name), elsewhere = now && (strstr(now->source, "database") || strcmp(now->source, "user") == 0);
            double                wanted, is;
            struct fault          ignored;
            if (name)
                (void)json_object_set_new(later, name, json_true());
            if (!first || !now || !to || elsewhere || knob_parse(knob, to, &wanted, &ignored) != OK || knob_special_of(knob, wanted))
                continue;
            if (knob_current(knob, f, &is, &ignored) == OK && !knob_equal(knob, is, wanted))
                gone = knob->name;
        }
    json_decref(later);
    return gone;
}

/* Who finds homeostat gone amid a trial takes its undo script, and rightly so: then what is measured from now on is not what was to be tried. */
void prove_still_there(struct engine *e, struct etarget *t, const struct target_facts *fresh)
{
    struct casefile    c;
    struct stored_plan plan;
    struct fault       ignored;
    char               why[SETTING_NAME_SIZE + 120];
    if (!t->trial || !t->trial_loaded || fresh->read_wall_us <= t->trial_wall_us)
        return;
    t->trial_loaded = false;
    if (store_case_get(e->store, t->case_id, &c, NULL, &ignored) != OK || store_plan_get(e->store, c.plan_id, &plan, &ignored) != OK)
        return;
    const char *gone = not_there(plan.plan, fresh);
    if (gone) {
        (void)snprintf(why, sizeof why, "%s was changed by somebody else while homeostat was not there, so nothing can be said about the change.", gone);
        trial_give_up(t->trial, why);
    }
    stored_plan_done(&plan);
}

void prove_toggled(struct engine *e, struct etarget *t, const struct casefile *c)
{
    t->trial_waits = false;
    if (t->trial)
        trial_toggled(t->trial, c->candidate_in_force ? ARM_CANDIDATE : ARM_INCUMBENT, clock_mono_us(e->clock));
}

void prove_count(struct etarget *t, const struct stored_outcome *o)
{
    if (!(o->alpha > 0))
        return;
    t->decisions++;
    if (strcmp(o->result, outcome_name(OUTCOME_BETTER)) != 0)
        return;
    if (t->founds == FOUND_MAX)
        memmove(t->found, t->found + 1, (size_t)--t->founds * sizeof t->found[0]);
    t->found[t->founds++] = t->decisions;
}

/* Over the lifetime of a target, however many trials there will be: of what is called better, so much is not, on average. */
static double alpha_of(const struct engine *e, const struct etarget *t) { return math_alpha_lord(e->d.tune->alpha, t->decisions + 1, t->found, t->founds); }

static struct trial_conf trial_conf_for(struct engine *e, struct etarget *t, enum verify_class method)
{
    const struct daemon_tune *tune = e->d.tune;
    bool open = t->seen && isfinite(t->last.v[METRIC_OFFERED]);
    return (struct trial_conf){
        .method = method, .window_us = tune->window_us, .washout_us = tune->wash_out_us, .warmup_us = tune->warm_up_us,
        .windows_min = (int)tune->windows_min, .windows_max = (int)tune->windows_max, .alpha = alpha_of(e, t), .margin = 0.01,
        .p99_ratio_max = 1.25, .query_ratio_max = 1.5, .errors_ratio_max = 1.5, .cpu_max = 0.98, .memory_ratio_max = 0.98,
        .open_loop = open, .saturating = t->conf->load_saturates && !open, .seed = (uint64_t)tune->seed, .sample_us = t->conf->sample_interval_us,
        /* The wait for a commit's flush is in no statement's time; where throughput is earned, it tells the whole. */
        .response = t->conf->load_saturates && !open ? RESPONSE_TPS : RESPONSE_AUTO,
    };
}

/* Only windows of a restart hold a CHECKPOINT of ours: compared with such ones, anything else would look better than it is. */
const struct window *prove_history(const struct etarget *t, enum verify_class method, int *n)
{
    int from = t->histories;
    while (from > 0 && (method == VERIFY_RESTART || !t->history[from - 1].checkpoint_asked))
        from--;
    *n = t->histories - from;
    return t->history + from;
}

int prove_history_needed(struct engine *e, struct etarget *t, enum verify_class method)
{
    struct trial_conf conf = trial_conf_for(e, t, method);
    int               needed = trial_history_needed(&conf);
    return needed < 3 ? 3 : needed < HISTORY_MAX ? needed : HISTORY_MAX;      /* more is not kept */
}

bool prove_can_compare(struct engine *e, struct etarget *t, enum verify_class method, int gap)
{
    struct trial_conf conf = trial_conf_for(e, t, method);
    return trial_can_compare(&conf, gap, HISTORY_MAX);
}

bool prove_can_measure(struct engine *e, struct etarget *t)
{
    struct trial_conf conf = trial_conf_for(e, t, VERIFY_IMMEDIATE);
    return t->histories == 0 || trial_can_measure(&conf, t->history, t->histories);
}

double prove_least(struct engine *e, struct etarget *t, enum verify_class method, int gap)
{
    struct trial_conf conf = trial_conf_for(e, t, method);
    return trial_least_provable(&conf, t->history, t->histories, gap);
}

/* "queries": ["-123", ...]: what the change was made for, and what the verdict is about. */
static void take_queries(const json_t *verify, struct trial_conf *conf)
{
    size_t  i;
    json_t *one;
    json_array_foreach(json_object_get(verify, "queries"), i, one)
        if (json_is_string(one) && conf->only < RESPONSE_ONLY_MAX)
            conf->only_id[conf->only++] = strtoll(json_string_value(one), NULL, 10);
}

/* A trial that was under way before a restart of ours goes on with the windows it had; else a new one begins. */
static enum err load_or_new(struct engine *e, struct etarget *t, const char *case_id, enum verify_class method, const json_t *verify, bool *loaded, struct fault *fault)
{
    struct stored_run run;
    *loaded = false;
    if (store_run_get(e->store, case_id, &run, fault) == OK) {
        bool     begun = json_is_object(run.trial);
        enum err err = begun ? trial_load(run.trial, &t->trial, fault) : ERR_MISSING;
        stored_run_done(&run);
        *loaded = err == OK;
        if (begun && err != OK)
            log_warn("a trial that was under way begins anew", F("case", case_id), F("why", (const char *)fault->text));
        if (*loaded)
            return OK;
    }
    struct trial_conf conf = trial_conf_for(e, t, method);
    take_queries(verify, &conf);
    int                  n;
    const struct window *history = prove_history(t, method, &n);
    return trial_new(&conf, history, n, &t->trial, fault);
}

static enum err method_of(struct engine *e, const struct casefile *c, char *method, size_t size, json_t **verify, struct fault *fault)
{
    struct stored_plan plan;
    enum err           err = store_plan_get(e->store, c->plan_id, &plan, fault);
    if (err != OK)
        return err;
    json_t     *v = json_object_get(plan.plan, "verify");
    const char *m = json_string_value(json_object_get(v, "method"));
    (void)text_copy(method, size, m ? m : "none");
    *verify = json_incref(v);
    stored_plan_done(&plan);
    return OK;
}

static enum err save_trial(struct engine *e, struct etarget *t, struct fault *fault);

/* A plan that changes no target may have its effect measured on one, on which another case acts meanwhile. What cannot be read is not nobody. */
static bool is_anothers(struct engine *e, const struct etarget *t, const struct casefile *c)
{
    struct casefile other;
    struct fault    ignored;
    if (!t->case_id[0] || strcmp(t->case_id, c->id) == 0)
        return false;
    enum err err = store_case_get(e->store, t->case_id, &other, NULL, &ignored);
    return err == OK ? case_holds_target(&other) : err != ERR_MISSING;
}

enum err prove_begin(struct engine *e, struct casefile *c, struct fault *fault)
{
    bool     settled = false;
    enum err err = prove_now(e, c, &settled, fault);
    if (err != OK || settled)
        return err;
    char              method[32];
    json_t           *verify = NULL;
    enum verify_class class;
    struct etarget   *t = engine_target(e, c->target);
    err = method_of(e, c, method, sizeof method, &verify, fault);
    if (err != OK)
        return err;
    const char *named = json_string_value(json_object_get(verify, "target"));
    if (!t)
        t = engine_target(e, named);
    if (!t || !verify_class_parse(method, &class) || class == VERIFY_NONE || is_anothers(e, t, c)) {
        json_decref(verify);
        return OK;   /* an slo waits for its minutes: prove_tick asks again until the deadline */
    }
    if (t->trial) {   /* the store was full for a while: a toggle that was wished for then was never ordered */
        json_decref(verify);
        t->trial_waits = false;
        return OK;
    }
    (void)text_copy(t->case_id, sizeof t->case_id, c->id);
    bool loaded;
    err = load_or_new(e, t, c->id, class, verify, &loaded, fault);
    json_decref(verify);
    if (err != OK) {
        /* No trial means no proof, and no proof means put back. */
        struct cause why = { .actor = "verify", .reason = fault->text };
        return engine_run(e, c->id, RUN_ON_PUT_BACK, 0, 0, &why, fault);
    }
    t->trial_waits = false;
    t->rolling_open = false;
    t->fresh = 0;
    int64_t now = clock_mono_us(e->clock);
    t->steady_us = now + (class == VERIFY_RESTART ? e->d.tune->warm_up_us : e->d.tune->wash_out_us);
    t->trial_began_us = now;
    t->trial_wall_us = clock_wall_us(e->clock);
    watcher_refresh_facts(e, (int)(t - e->target));
    if (!loaded)
        trial_begin(t->trial, now);
    if (loaded || !c->candidate_in_force)   /* it does not know what was read back while nobody was there */
        trial_toggled(t->trial, c->candidate_in_force ? ARM_CANDIDATE : ARM_INCUMBENT, now);
    t->trial_loaded = loaded && trial_compares_with_past(t->trial);      /* what takes turns is written, and read back, with the next one */
    return save_trial(e, t, fault);   /* from now on a restart knows that it was begun */
}

/* ---- methods that need no trial: what the step printed, or nothing at all, or a threshold ---- */

static json_t *plain_verdict(struct engine *e, bool good, const char *method, const char *why)
{
    char when[32];
    return json_pack("{s:s,s:s,s:o,s:s}", "outcome", good ? "better" : "undecided", "method", method, "why", told_text(why), "time", clock_format(clock_wall_us(e->clock), when, sizeof when));
}

static enum err last_output(struct engine *e, const struct casefile *c, char *out, size_t size, struct fault *fault)
{
    char *text = NULL;
    enum err err = store_action_output(e->store, c->id, &text, fault);
    (void)text_copy(out, size, text ? text : "");
    free(text);
    return err;
}

/* {"method":"slo","metric":"latency_p95","max":250,"windows":1}: the last minute's mean against a threshold. Unknown never passes. */
static int slo_holds(struct engine *e, const struct casefile *c, const json_t *verify, char *why, size_t size)
{
    struct etarget *t = engine_target(e, c->target);
    enum metric     m;
    const char     *name = json_string_value(json_object_get(verify, "metric"));
    json_t         *max = json_object_get(verify, "max"), *min = json_object_get(verify, "min");
    if (!t || !name || !metric_parse(name, &m) || (!json_is_number(max) && !json_is_number(min))) {
        (void)snprintf(why, size, "the plan's slo names no known target, metric or threshold");
        return 0;
    }
    double  sum = 0;
    int     n = 0;
    int64_t newer = clock_wall_us(e->clock);      /* what lies ahead of it was seen before the clock was set back */
    for (int i = 0; i < SLO_WINDOW_S && i < t->live_count; i++) {
        int at = (t->live_at - 1 - i + 2 * LIVE_SECONDS) % LIVE_SECONDS;
        if (t->live_us[at] < c->updated_us || t->live_us[at] > newer)
            break;
        newer = t->live_us[at];
        if (isfinite(t->live[at][m]))
            sum += (double)t->live[at][m], n++;
    }
    if (n < SLO_WINDOW_S * 9 / 10)
        return -1;
    double mean = sum / n;
    bool   holds = (!json_is_number(max) || mean <= json_number_value(max)) && (!json_is_number(min) || mean >= json_number_value(min));
    (void)snprintf(why, size, "%s was %.4g over %d s, which %s the threshold", name, mean, n, holds ? "keeps to" : "breaks");
    return holds;
}

enum err prove_now(struct engine *e, struct casefile *c, bool *settled, struct fault *fault)
{
    char     method[32], why[400] = "";
    json_t  *verify = NULL;
    int      good = -1;
    enum err err = method_of(e, c, method, sizeof method, &verify, fault);
    if (err != OK)
        return err;
    if (strcmp(method, "output") == 0) {
        char        output[4096];
        const char *expect = json_string_value(json_object_get(verify, "expect"));
        err = last_output(e, c, output, sizeof output, fault);
        good = !expect || strstr(output, expect) != NULL;
        (void)snprintf(why, sizeof why, good ? "the output contains \"%.100s\"" : "the output does not contain \"%.100s\"", expect ? expect : "");
    } else if (strcmp(method, "readback") == 0 || strcmp(method, "none") == 0) {
        good = 1;
        (void)snprintf(why, sizeof why, "every step was read back; nothing else was asked for");
    } else if (strcmp(method, "slo") == 0) {
        good = slo_holds(e, c, verify, why, sizeof why);
    }
    json_decref(verify);
    *settled = err == OK && good >= 0;
    if (!*settled)
        return err;
    json_t *verdict = plain_verdict(e, good == 1, method, why);
    err = finish(e, c, good == 1, why, verdict, fault);
    json_decref(verdict);
    return err;
}

/* ---- twice a second ---- */

static enum err save_trial(struct engine *e, struct etarget *t, struct fault *fault)
{
    json_t *now = trial_save(t->trial);
    if (!now || (t->trial_saved && json_equal(now, t->trial_saved))) {
        json_decref(now);
        return OK;
    }
    json_decref(t->trial_saved);
    t->trial_saved = now;
    enum err err = turn_begin(e, fault);
    return err == OK ? store_run_trial(e->store, t->case_id, now, fault) : err;
}

/* Somebody has begun to verify, and we were restarted meanwhile: going on needs nobody's word. */
static bool was_begun(struct engine *e, const struct casefile *c)
{
    struct stored_run run;
    struct fault      ignored;
    if (c->driver == DRIVER_ENGINE)
        return true;
    if (store_run_get(e->store, c->id, &run, &ignored) != OK)
        return false;
    bool begun = json_is_object(run.trial);
    stored_run_done(&run);
    return begun;
}

enum err prove_tick(struct engine *e, struct fault *fault)
{
    int64_t now = clock_mono_us(e->clock);
    if (now < e->prove_again_us)
        return OK;
    e->prove_again_us = now + 2 * US_PER_S;
    enum err err = OK;
    for (int i = 0; i < e->targets && err == OK; i++) {
        struct etarget *t = &e->target[i];
        struct casefile c;
        if (!t->case_id[0] || store_case_get(e->store, t->case_id, &c, NULL, fault) != OK)
            continue;
        if (t->trial && c.state != CASE_VERIFYING)
            prove_forget(t);
        if (t->trial)
            err = save_trial(e, t, fault);
        else if (c.state == CASE_VERIFYING && c.phase == RUN_DONE && !c.put_back) {
            bool settled = false;
            err = turn_begin(e, fault);
            if (err == OK)
                err = was_begun(e, &c) ? prove_begin(e, &c, fault) : prove_now(e, &c, &settled, fault);
        }
    }
    return err;
}
