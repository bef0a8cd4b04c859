/* verify/trial_keep.c - a trial and its verdict as JSON: finished windows survive, the running one does not. */
#include "verify/keep.h"
#include "verify/trial_state.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FORMAT = 2, FORMAT_FIRST = 1 };

static const struct keep conf_fields[] = {
#define C(member, kind) KEEP(struct trial_conf, member, kind)
    C(window_us, INT64), C(washout_us, INT64), C(warmup_us, INT64), C(windows_min, INT), C(windows_max, INT), C(alpha, REAL),
    C(margin, REAL), C(p99_ratio_max, REAL), C(query_ratio_max, REAL), C(errors_ratio_max, REAL), C(cpu_max, REAL),
    C(memory_ratio_max, REAL), C(open_loop, BOOL), C(saturating, BOOL), C(sample_us, INT64), C(warmup_max_us, INT64),
    C(disk_ratio_max, REAL), C(recovery_wal_max, REAL), C(method, INT), C(response, INT), C(only, INT),
    KEEP_END
#undef C
};

static const struct keep obs_fields[] = {
#define O(member, kind) KEEP(struct trial_obs, member, kind)
    O(arm, INT), O(block, INT), O(from_us, INT64), O(to_us, INT64), O(seconds, REAL), O(response, REAL), O(level, REAL), O(tps, REAL),
    O(p99, REAL), O(fails, REAL), O(tries, REAL), O(cpu, REAL), O(memory, REAL), O(disk_free, REAL), O(recovery_wal, REAL),
    O(checkpoints, INT),
    KEEP_END
};

static const struct keep asked_fields[] = {      /* from format 2 on; unknown before */
    O(statements, REAL), O(rows, REAL), O(written, REAL),
    KEEP_END
#undef O
};

static const struct keep query_fields[] = {
    KEEP(struct response_query, id, INT64), KEEP(struct response_query, share, REAL), KEEP(struct response_query, usual_ms, REAL),
    KEEP(struct response_query, aside, BOOL), KEEP_END
};

static const struct keep arm_fields[] = {
    KEEP(struct query_arm, calls, REAL), KEEP(struct query_arm, total_ms, REAL), KEEP(struct query_arm, windows, REAL),
    KEEP(struct query_arm, mean_log, REAL), KEEP(struct query_arm, ss_log, REAL), KEEP_END
};

static const struct keep mix_fields[] = {
    KEEP(struct response_mix, kind, INT), KEEP(struct response_mix, windows, INT), KEEP(struct response_mix, offered_theta, REAL),
    KEEP(struct response_mix, offered_log, REAL), KEEP_END
};

static const struct keep trial_fields[] = {
#define T(member, kind) KEEP(struct trial, member, kind)
    T(phase, INT), T(arm, INT), T(aim, INT), T(block, INT), T(gap, INT), T(repeats, INT), T(looks, INT), T(last_look, INT), T(proven, INT),
    T(checkpoints_past, REAL), T(restarts_b, INT), T(postmaster_start_us, INT64), T(fail_rate_a, REAL),
    T(degraded_s, REAL), T(reason, TEXT),
    KEEP_END
#undef T
};

static const struct keep watch_fields[] = {
    KEEP(struct harm_watch, kind, INT), KEEP(struct harm_watch, ref, REAL), KEEP(struct harm_watch, ref_sd, REAL), KEEP_END
};

static const struct keep estimate_fields[] = {
    KEEP(struct estimate, known, BOOL), KEEP(struct estimate, effect, REAL), KEEP(struct estimate, lo, REAL), KEEP(struct estimate, hi, REAL),
    KEEP(struct estimate, signs_better, BOOL), KEEP(struct estimate, hopeless, BOOL), KEEP(struct estimate, n, INT),
    KEEP(struct estimate, lag1, REAL), KEEP_END
};

static const struct keep verdict_fields[] = {
#define V(member, kind) KEEP(struct verdict, member, kind)
    V(effect, REAL), V(lo, REAL), V(hi, REAL), V(alpha, REAL), V(n, INT), V(windows_a, INT), V(windows_b, INT), V(looks, INT),
    V(lag1, REAL), V(degraded_s, REAL), V(wall_us, INT64), V(why, TEXT),
    KEEP_END
#undef V
};

static const struct keep guard_fields[] = {
    KEEP(struct guard_result, name, TEXT), KEEP(struct guard_result, ratio, REAL), KEEP(struct guard_result, bound, REAL),
    KEEP(struct guard_result, holds, BOOL), KEEP(struct guard_result, text, TEXT), KEEP_END
};

json_t *verdict_json(const struct verdict *v)
{
    json_t *o = json_pack("{s:s, s:s}", "outcome", outcome_name(v->outcome), "method", verify_class_name(v->method));
    json_t *numbers = keep_save(verdict_fields, v);
    json_object_update(o, numbers);
    json_decref(numbers);
    keep_save_array(o, "guards", guard_fields, v->guard, sizeof v->guard[0], v->guards);
    return o;
}

static enum err verdict_load(const json_t *saved, struct verdict *v, struct fault *fault)
{
    const char *outcome = json_string_value(json_object_get(saved, "outcome")), *method = json_string_value(json_object_get(saved, "method"));
    bool found = false;
    for (int i = OUTCOME_BETTER; outcome && i <= OUTCOME_EQUIVALENT; i++)
        if (strcmp(outcome, outcome_name((enum outcome)i)) == 0) {
            v->outcome = (enum outcome)i;
            found = true;
        }
    if (!found || !method || !verify_class_parse(method, &v->method))
        return fail(fault, ERR_INPUT, "saved verdict has no known outcome or method");
    enum err e = keep_load(verdict_fields, v, saved, fault);
    return e ? e : keep_load_array(saved, "guards", guard_fields, v->guard, sizeof v->guard[0], GUARDS_MAX, &v->guards, fault);
}

/* Lists of numbers, one for each window, beside the names that they belong to: another version may keep others. */
static json_t *mechanisms_save(const struct trial_obs *o, int n)
{
    json_t *all = json_array();
    for (int i = 0; i < n; i++) {
        json_t *one = json_array();
        for (int m = 0; m < MECHANISMS; m++)
            json_array_append_new(one, keep_real(o[i].mechanism[m]));
        json_array_append_new(all, one);
    }
    return all;
}

static json_t *mechanism_names(void)
{
    json_t *names = json_array();
    for (int m = 0; m < MECHANISMS; m++)
        json_array_append_new(names, json_string(metric_info[metric_mechanism[m]].name));
    return names;
}

/* The worst ten seconds of each window: a list beside the windows, which earlier versions did not keep. */
static json_t *lulls_save(const struct trial_obs *o, int n)
{
    json_t *all = json_array();
    for (int i = 0; i < n; i++)
        json_array_append_new(all, keep_real(o[i].lull));
    return all;
}

static void lulls_load(const json_t *all, struct trial_obs *o, int n)
{
    for (int i = 0; i < n; i++)
        o[i].lull = keep_real_of(json_array_get(all, (size_t)i));
}

/* Likewise beside the queries: how slow each is by itself. */
static json_t *slow_save(const struct response_mix *m)
{
    json_t *all = json_array();
    for (int i = 0; i < m->n; i++)
        json_array_append_new(all, keep_real(m->q[i].slow_ms));
    return all;
}

static void slow_load(const json_t *all, struct response_mix *m)
{
    for (int i = 0; i < m->n; i++)
        m->q[i].slow_ms = keep_real_of(json_array_get(all, (size_t)i));
}

/* Likewise: what is asked so seldom that windows differ in it. A trial that was begun without knowing of it goes on so. */
static json_t *seldom_save(const struct response_mix *m) { return json_pack("{s:b,s:b,s:f}", "few", m->few, "rare", m->rare, "calls", m->calls); }

static void seldom_load(const json_t *kept, struct response_mix *m)
{
    m->few = json_is_true(json_object_get(kept, "few"));
    m->rare = json_is_true(json_object_get(kept, "rare"));
    m->calls = json_number_value(json_object_get(kept, "calls"));
}

/* Likewise: what went wrong in windows without a response, and waits to be told. */
static json_t *unheard_save(const struct trial *t)
{
    return json_pack("{s:i,s:[f,f],s:[f,f]}", "silent", t->silent, "fails", t->unheard_fails[0], t->unheard_fails[1], "tries", t->unheard_tries[0], t->unheard_tries[1]);
}

static void unheard_load(const json_t *kept, struct trial *t)
{
    t->silent = (int)json_integer_value(json_object_get(kept, "silent"));
    for (size_t arm = 0; arm < 2; arm++) {
        t->unheard_fails[arm] = json_number_value(json_array_get(json_object_get(kept, "fails"), arm));
        t->unheard_tries[arm] = json_number_value(json_array_get(json_object_get(kept, "tries"), arm));
    }
}

/* No verdict depends on them: what is missing is unknown, and the trial goes on. */
static void mechanisms_load(const json_t *saved, const char *part, struct trial_obs *o, int n)
{
    const json_t *names = json_object_get(saved, "names"), *all = json_object_get(saved, part);
    for (int i = 0; i < n; i++)
        for (size_t m = 0; m < MECHANISMS; m++) {
            const char *kept = json_string_value(json_array_get(names, m));
            bool        same = kept && strcmp(kept, metric_info[metric_mechanism[m]].name) == 0;
            o[i].mechanism[m] = keep_real_of(same ? json_array_get(json_array_get(all, (size_t)i), m) : NULL);
        }
}

json_t *trial_save(const struct trial *t)
{
    json_t *o = keep_save(trial_fields, t), *tale = json_array(), *conf = keep_save(conf_fields, &t->conf);
    char seed[24];
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)t->conf.seed);
    json_object_set_new(conf, "seed", json_string(seed));   /* 64 bits do not fit a JSON number everywhere */
    json_object_set_new(o, "format", json_integer(FORMAT));
    json_object_set_new(o, "conf", conf);
    json_object_set_new(o, "mix", keep_save(mix_fields, &t->mix));
    json_object_set_new(o, "watch", keep_save(watch_fields, &t->watch));
    json_object_set_new(o, "estimate", keep_save(estimate_fields, &t->estimate));
    json_object_set_new(o, "verdict", verdict_json(&t->verdict));
    keep_save_array(o, "queries", query_fields, t->mix.q, sizeof t->mix.q[0], t->mix.n);
    json_object_set_new(o, "slow_ms", slow_save(&t->mix));
    json_object_set_new(o, "seldom", seldom_save(&t->mix));
    json_object_set_new(o, "unheard", unheard_save(t));
    keep_save_array(o, "past", obs_fields, t->past, sizeof t->past[0], t->pasts);
    keep_save_array(o, "obs", obs_fields, t->obs, sizeof t->obs[0], t->obses);
    keep_save_array(o, "past_asked", asked_fields, t->past, sizeof t->past[0], t->pasts);
    keep_save_array(o, "obs_asked", asked_fields, t->obs, sizeof t->obs[0], t->obses);
    json_object_set_new(o, "mechanisms", json_pack("{s:o,s:o,s:o}", "names", mechanism_names(), "past", mechanisms_save(t->past, t->pasts),
                                                   "obs", mechanisms_save(t->obs, t->obses)));
    json_object_set_new(o, "lulls", json_pack("{s:o,s:o}", "past", lulls_save(t->past, t->pasts), "obs", lulls_save(t->obs, t->obses)));
    for (int i = 0; i < t->mix.n; i++)
        json_array_append_new(tale, json_pack("[o,o]", keep_save(arm_fields, &t->tale[i].arm[0]), keep_save(arm_fields, &t->tale[i].arm[1])));
    json_object_set_new(o, "tale", tale);
    return o;
}

static enum err asked_load(const json_t *o, const char *name, struct trial_obs *obs, int n, struct fault *fault)
{
    int kept = n;
    for (int i = 0; i < n; i++)
        obs[i].statements = obs[i].rows = obs[i].written = (double)NAN;
    if (json_integer_value(json_object_get(o, "format")) == FORMAT_FIRST)
        return OK;
    enum err e = keep_load_array(o, name, asked_fields, obs, sizeof *obs, n, &kept, fault);
    return e == OK && kept != n ? fail(fault, ERR_INPUT, "saved list %s has %d entries for %d windows", name, kept, n) : e;
}

static enum err load_parts(struct trial *t, const json_t *o, struct fault *fault)
{
    const struct { const char *name; const struct keep *fields; void *to; } parts[] = {
        { "conf", conf_fields, &t->conf }, { "mix", mix_fields, &t->mix }, { "watch", watch_fields, &t->watch },
        { "estimate", estimate_fields, &t->estimate },
    };
    enum err e = keep_load(trial_fields, t, o, fault);
    for (size_t i = 0; !e && i < sizeof parts / sizeof parts[0]; i++)
        e = keep_load(parts[i].fields, parts[i].to, json_object_get(o, parts[i].name), fault);
    if (!e)
        e = verdict_load(json_object_get(o, "verdict"), &t->verdict, fault);
    if (!e)
        e = keep_load_array(o, "queries", query_fields, t->mix.q, sizeof t->mix.q[0], QUERIES_MAX, &t->mix.n, fault);
    if (!e)
        e = keep_load_array(o, "past", obs_fields, t->past, sizeof t->past[0], PAST_MAX, &t->pasts, fault);
    if (!e)
        e = keep_load_array(o, "obs", obs_fields, t->obs, sizeof t->obs[0], OBS_MAX, &t->obses, fault);
    if (!e)
        e = asked_load(o, "past_asked", t->past, t->pasts, fault);
    if (!e)
        e = asked_load(o, "obs_asked", t->obs, t->obses, fault);
    if (!e) {
        slow_load(json_object_get(o, "slow_ms"), &t->mix);
        seldom_load(json_object_get(o, "seldom"), &t->mix);
        unheard_load(json_object_get(o, "unheard"), t);
        mechanisms_load(json_object_get(o, "mechanisms"), "past", t->past, t->pasts);
        mechanisms_load(json_object_get(o, "mechanisms"), "obs", t->obs, t->obses);
        lulls_load(json_object_get(json_object_get(o, "lulls"), "past"), t->past, t->pasts);
        lulls_load(json_object_get(json_object_get(o, "lulls"), "obs"), t->obs, t->obses);
    }
    for (int i = 0; !e && i < t->mix.n; i++)
        for (size_t arm = 0; !e && arm < 2; arm++)
            e = keep_load(arm_fields, &t->tale[i].arm[arm], json_array_get(json_array_get(json_object_get(o, "tale"), (size_t)i), arm), fault);
    return e;
}

static enum err in_range(const struct trial *t, struct fault *fault)
{
    bool fine = t->phase >= 0 && t->phase < PHASE_COUNT && (t->arm == 0 || t->arm == 1) && (t->aim == 0 || t->aim == 1) && t->block >= 0
             && t->block <= TRIAL_WINDOWS_MAX && t->conf.windows_min >= 2 && t->conf.windows_max >= t->conf.windows_min
             && t->conf.windows_max <= TRIAL_WINDOWS_MAX && t->conf.window_us >= 1000000 && (int)t->conf.method > VERIFY_NONE
             && (int)t->conf.method < VERIFY_CLASS_COUNT && t->mix.kind <= RESPONSE_NONE && t->watch.kind <= HARM_WATCH_LATENCY;
    for (int i = 0; fine && i < t->obses; i++)
        fine = t->obs[i].arm == 0 || t->obs[i].arm == 1;
    return fine ? OK : fail(fault, ERR_INPUT, "saved trial has values out of range");
}

enum err trial_load(const json_t *saved, struct trial **out, struct fault *fault)
{
    *out = NULL;
    json_int_t format = json_integer_value(json_object_get(saved, "format"));
    if (format < FORMAT_FIRST || format > FORMAT)
        return fail(fault, ERR_INPUT, "saved trial is of format %lld; this program knows %d to %d", (long long)format, FORMAT_FIRST, FORMAT);
    struct trial *t = calloc(1, sizeof *t);
    if (!t)
        return fail(fault, ERR_LIMIT, "trial: no memory");
    enum err e = load_parts(t, saved, fault);
    const char *seed = json_string_value(json_object_get(json_object_get(saved, "conf"), "seed"));
    if (!e && !seed)
        e = fail(fault, ERR_INPUT, "saved trial has no seed");
    if (!e)
        e = in_range(t, fault);
    if (e) {
        free(t);
        return e;
    }
    t->conf.seed = strtoull(seed, NULL, 10);
    trial_refer(t);
    /* The running window is gone: wash out again, or warm up again when there was none yet. */
    t->toggled_since_window = true;
    if (t->phase == PHASE_WINDOW || t->phase == PHASE_SLATE)
        t->phase = trial_is_switchback(t) || t->obses > 0 ? PHASE_SETTLE : PHASE_WARMUP;
    *out = t;
    return OK;
}
