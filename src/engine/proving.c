/*
 * engine/proving.c - between the pure trial and the world.
 *
 * Each second a sample comes in, and the trial may wish for a toggle, a CHECKPOINT, or to be done.
 */
#include "base/log.h"
#include "base/text.h"
#include "engine/inside.h"
#include "math/stats/multiple.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

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

static enum err save_trial(struct engine *e, struct etarget *t, struct fault *fault);

enum err prove_finish(struct engine *e, struct casefile *c, bool better, const char *text, const json_t *verdict, struct fault *fault)
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
        err = prove_finish(e, &c, v.outcome == OUTCOME_BETTER, v.why, json, &fault);
        if (err == OK) {      /* or it is found once more when the store can be written */
            e->count.verdicts[v.outcome]++;
            e->count.verify_latency_sum += (double)(clock_mono_us(e->clock) - t->trial_began_us) / 1e6;
            e->count.verify_latency_count++;
            e->count.degraded_s += v.degraded_s;
        }
    }
    json_decref(json);
    if (turn_outlives(e, err, "a trial could not go on", &fault) == OK)
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
        guarding_sample(e, t, s);
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
            (void)turn_outlives(e, engine_run(e, t->case_id, back ? RUN_ON_GO_INCUMBENT : RUN_ON_GO_CANDIDATE, 0, 0, &why, &fault), "a trial could not go on", &fault);
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

bool prove_history_enough(struct engine *e, struct etarget *t, enum verify_class method, const struct window *w, int n, int gap)
{
    int needed = prove_history_needed(e, t, method) + gap;
    needed = needed < HISTORY_MAX ? needed : HISTORY_MAX;
    struct trial_conf conf = trial_conf_for(e, t, method);
    return n >= needed && trial_history_usable(&conf, w, n) >= needed;
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

enum err prove_method(struct engine *e, const struct casefile *c, char *method, size_t size, json_t **verify, struct fault *fault)
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
    err = prove_method(e, c, method, sizeof method, &verify, fault);
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
