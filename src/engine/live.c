/*
 * engine/live.c - what is seen right now, and the engine's own metrics.
 *
 * The engine builds an immutable tree once a second and swaps it under a lock;
 * readers on other threads take a reference.
 */
#include "base/text.h"
#include "diagnose/symptom.h"
#include "engine/inside.h"
#include "model/knob.h"
#include "model/told.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static json_t *number(double v) { return isfinite(v) ? json_real(v) : json_null(); }

static json_t *time_text(int64_t us)
{
    char text[32];
    return us ? json_string(clock_format(us, text, sizeof text)) : json_null();
}

void live_sample(struct etarget *t, const struct sample *s)
{
    for (int m = 0; m < METRIC_COUNT; m++)
        t->live[t->live_at][m] = (float)s->v[m];
    t->live_us[t->live_at] = s->wall_us;
    t->live_at = (t->live_at + 1) % LIVE_SECONDS;
    if (t->live_count < LIVE_SECONDS)
        t->live_count++;
}

static json_t *settings_json(const struct target_facts *f)
{
    json_t *list = json_array();
    for (int i = 0; i < f->settings; i++) {
        const struct setting *s = &f->setting[i];
        const struct knob    *k = knob_find(s->name);
        if (!k)
            continue;
        double       now, boot;
        char         shown[64], normal[64];
        struct fault ignored;
        bool known = knob_current(k, f, &now, &ignored) == OK, defaulted = knob_boot(k, f, &boot, &ignored) == OK;
        json_array_append_new(list, json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:b,s:s,s:s}", "name", s->name, "value", known ? knob_format(k, now, shown, sizeof shown) : s->value,
                                              "default", defaulted ? knob_format(k, boot, normal, sizeof normal) : s->boot, "unit", s->unit, "context", s->context,
                                              "source", s->source, "pending_restart", s->pending_restart, "why", k->why, "class", verify_class_name(k->verify)));
    }
    return list;
}

static json_t *facts_json(const struct target_facts *f)
{
    return f ? json_pack("{s:i,s:b,s:b,s:o,s:i,s:o,s:b,s:o,s:o,s:i,s:i,s:b,s:b,s:b,s:s,s:o}", "server_version", f->server_version, "local", f->local, "in_recovery", f->in_recovery,
                         "data_directory", told_text(f->data_directory), "cpus", f->cpus, "memory_bytes", number(f->memory_bytes), "limit_counts_cache", f->limit_counts_cache,
                         "disk_free_bytes", number(f->disk_free_bytes), "database_bytes", number(f->database_bytes), "peak_sessions", f->peak_sessions, "standbys", f->standbys,
                         "has_statements", f->has_statements, "may_alter_system", f->may_alter_system, "file_access", f->file_access, "owner", target_owner_name(f->owner), "settings", settings_json(f))
             : json_null();
}

static const char *arm_name(const struct trial *trial) { return trial_arm(trial) == ARM_CANDIDATE ? "candidate" : "incumbent"; }

static json_t *symptoms_json(const struct etarget *t)
{
    struct symptom list[SYMPTOMS_MAX];
    json_t        *all = json_array();
    int            n = t->facts && t->histories ? diagnose_symptoms(t->history, t->histories, t->facts, list, SYMPTOMS_MAX) : 0;
    for (int i = 0; i < n; i++)
        json_array_append_new(all, json_pack("{s:i,s:s,s:s,s:s,s:o,s:o}", "number", list[i].number, "metric", metric_info[list[i].metric].name, "title", list[i].title, "text", list[i].text,
                                             "value", number(list[i].value), "usual", number(list[i].usual)));
    return all;
}

static json_t *target_json(struct engine *e, struct etarget *t)
{
    json_t *v = json_object();
    for (int m = 0; m < METRIC_COUNT && t->seen; m++)
        json_object_set_new(v, metric_info[m].name, number(t->last.v[m]));
    const struct stored_stop *stop = engine_stopped(e, t->conf->name);
    struct casefile c = { .state = CASE_CLOSED };
    struct fault    ignored;
    bool open = t->case_id[0] && store_case_get(e->store, t->case_id, &c, NULL, &ignored) == OK;
    json_t *trial = t->trial ? json_pack("{s:f,s:s}", "progress", trial_progress(t->trial), "arm", arm_name(t->trial)) : json_null();
    json_t *facts = t->facts_json ? json_incref(t->facts_json) : json_null();
    pthread_mutex_lock(&e->live_lock);
    json_t *trouble = t->trouble[0] ? told_text(t->trouble) : json_null();
    pthread_mutex_unlock(&e->live_lock);
    return json_pack("{s:s,s:s,s:s,s:o,s:o,s:o,s:o,s:o,s:o,s:s,s:s,s:o,s:i,s:o,s:i,s:o,s:o,s:o}", "name", t->conf->name, "kind", "postgres", "mode", target_mode_name(t->mode),
                     "up", t->seen ? (t->last.v[METRIC_UP] == 1 ? json_true() : t->last.v[METRIC_UP] == 0 ? json_false() : json_null()) : json_null(),
                     "trouble", trouble, "time", time_text(t->seen ? t->last.wall_us : 0), "latest", v, "facts", facts, "trial", trial, "case_id", open ? t->case_id : "",
                     "case_state", open ? case_state_name(c.state) : "", "case_phase", open ? json_string(run_phase_name(c.phase)) : json_null(), "history_windows", t->histories, "symptoms", symptoms_json(t),
                     "kept", t->kept, "idle_until", time_text(t->idle_until_us), "idle_why", told_text(t->idle_why),
                     "stopped", stop ? json_pack("{s:s,s:s,s:s,s:o}", "why", stop->why, "by", stop->actor, "scope", stop->scope, "expires_at", time_text(stop->expires_us)) : json_null());
}

/* Takes message over. */
static void publish(struct engine *e, const struct etarget *t, const char *topic, json_t *message)
{
    char *text = json_dumps(message, JSON_COMPACT | JSON_REAL_PRECISION(6));
    if (text)
        bus_publish(e, &(struct bus_message){ .topic = topic, .key = t->conf->name, .payload = text });
    free(text);
    json_decref(message);
}

static void publish_sample(struct engine *e, const struct etarget *t)
{
    if (!t->seen)
        return;
    json_t *v = json_object();
    for (int m = 0; m < METRIC_COUNT; m++)
        if (isfinite(t->last.v[m]))
            json_object_set_new(v, metric_info[m].name, json_real(t->last.v[m]));
    publish(e, t, "live.sample", json_pack("{s:s,s:o,s:o}", "target", t->conf->name, "time", time_text(t->last.wall_us), "v", v));
}

static void publish_trial(struct engine *e, const struct etarget *t)
{
    if (t->trial)
        publish(e, t, "live.trial", json_pack("{s:s,s:s,s:s,s:f,s:o}", "target", t->conf->name, "case_id", t->case_id, "arm", arm_name(t->trial),
                                              "progress", trial_progress(t->trial), "time", time_text(t->last.wall_us)));
}

void live_refresh(struct engine *e)
{
    int64_t now = clock_mono_us(e->clock);
    if (now < e->live_again_us)
        return;
    e->live_again_us = now + US_PER_S;
    struct fault ignored;
    int64_t      depth = e->outbox_depth, oldest_us;
    (void)!store_outbox_depth(e->store, &depth, &oldest_us, &ignored);
    json_t *targets = json_array();
    for (int i = 0; i < e->targets; i++) {
        struct etarget *t = &e->target[i];
        if (t->facts && !t->facts_json)
            t->facts_json = facts_json(t->facts);
        json_array_append_new(targets, target_json(e, t));
    }
    const struct stored_stop *stop = engine_stopped(e, "");
    json_t *live = json_pack("{s:o,s:{s:s,s:s,s:o,s:s,s:o}}", "targets", targets, "engine", "state", e->degraded[0] ? "degraded" : stop ? "stopped" : "acting", "degraded", e->degraded,
                             "stop", stop ? json_pack("{s:s,s:s,s:o}", "why", stop->why, "by", stop->actor, "expires_at", time_text(stop->expires_us)) : json_null(),
                             "policy_version", e->policy.version, "time", time_text(clock_wall_us(e->clock)));
    pthread_mutex_lock(&e->live_lock);
    json_t *old = e->live;
    e->live = live;
    e->outbox_depth = depth;
    pthread_mutex_unlock(&e->live_lock);
    json_decref(old);
    for (int i = 0; i < e->targets; i++) {
        publish_sample(e, &e->target[i]);
        publish_trial(e, &e->target[i]);
    }
}

json_t *engine_live(struct engine *e)
{
    pthread_mutex_lock(&e->live_lock);
    json_t *live = json_incref(e->live);
    pthread_mutex_unlock(&e->live_lock);
    return live;
}

/* ---- series: asked of the engine's thread, since the ring is its own ---- */

static bool wanted(const char *metrics, const char *name)
{
    static const char *const usual = "tps,latency_mean,latency_p50,latency_p95,latency_p99,errors,cpu,cache_hit,io_busy,wal_bytes,connections_active";
    const char *list = metrics && *metrics ? metrics : usual;
    size_t      n = strlen(name);
    for (const char *p = list; (p = strstr(p, name)); p += n)
        if ((p == list || p[-1] == ',') && (p[n] == ',' || p[n] == '\0'))
            return true;
    return false;
}

json_t *engine_series(struct engine *e, const char *target, const char *metrics, int64_t since_us)
{
    struct etarget *t = engine_target(e, target);
    if (!t)
        return NULL;
    json_t *all = json_object(), *time = json_array(), *column[METRIC_COUNT];
    pthread_mutex_lock(&e->live_lock);
    json_object_set_new(all, "time", time);
    for (int m = 0; m < METRIC_COUNT; m++) {
        column[m] = wanted(metrics, metric_info[m].name) ? json_array() : NULL;
        if (column[m])
            json_object_set_new(all, metric_info[m].name, column[m]);
    }
    for (int i = 0; i < t->live_count; i++) {
        int at = (t->live_at - t->live_count + i + 2 * LIVE_SECONDS) % LIVE_SECONDS;
        if (t->live_us[at] <= since_us)
            continue;
        json_array_append_new(time, json_integer(t->live_us[at] / 1000));
        for (int m = 0; m < METRIC_COUNT; m++)
            if (column[m])
                json_array_append_new(column[m], number((double)t->live[at][m]));
    }
    pthread_mutex_unlock(&e->live_lock);
    return all;
}

/* ---- metrics ---- */

static void family(struct text *out, const char *name, const char *type, const char *help)
{
    text_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void print_counters(struct text *out, const struct counters *c)
{
    family(out, "case_transition_total", "counter", "Transitions of cases.");
    for (int f = 0; f < CASE_STATE_COUNT; f++)
        for (int t = 0; t < CASE_STATE_COUNT; t++)
            for (int v = 0; v < CASE_EVENT_COUNT; v++)
                if (c->transition[f][t][v])
                    text_printf(out, "case_transition_total{from=\"%s\",to=\"%s\",event=\"%s\"} %" PRIu64 "\n", case_state_name((enum case_state)f),
                                case_state_name((enum case_state)t), case_event_name((enum case_event)v), c->transition[f][t][v]);
    family(out, "conflict_total", "counter", "Requests refused because the case did not allow them.");
    text_printf(out, "conflict_total{reason=\"409\"} %" PRIu64 "\nconflict_total{reason=\"412\"} %" PRIu64 "\nconflict_total{reason=\"422\"} %" PRIu64 "\n", c->conflict_409, c->conflict_412, c->conflict_422);
    family(out, "idempotent_replay_total", "counter", "Answers replayed for a known Idempotency-Key.");
    text_printf(out, "idempotent_replay_total %" PRIu64 "\n", c->replays);
    family(out, "outbox_publish_total", "counter", "Messages given to the bus.");
    for (int i = 0; i < TOPICS_MAX && c->published[i].topic[0]; i++)
        text_printf(out, "outbox_publish_total{topic=\"%s\",status=\"ok\"} %" PRIu64 "\n", c->published[i].topic, c->published[i].n);
    family(out, "inbox_dedup_total", "counter", "Answers and messages that had been seen before.");
    text_printf(out, "inbox_dedup_total %" PRIu64 "\n", c->dedup);
    family(out, "homeostat_actions_total", "counter", "Actions on the world, by outcome.");
    text_printf(out, "homeostat_actions_total{outcome=\"done\"} %" PRIu64 "\nhomeostat_actions_total{outcome=\"failed\"} %" PRIu64 "\nhomeostat_actions_total{outcome=\"unknown\"} %" PRIu64 "\n", c->actions_done, c->actions_failed, c->actions_unknown);
    family(out, "homeostat_rollbacks_total", "counter", "Plans that were put back.");
    text_printf(out, "homeostat_rollbacks_total %" PRIu64 "\n", c->rollbacks);
    family(out, "homeostat_verdicts_total", "counter", "Verdicts of trials.");
    for (int i = 0; i < 4; i++)
        text_printf(out, "homeostat_verdicts_total{outcome=\"%s\"} %" PRIu64 "\n", outcome_name((enum outcome)i), c->verdicts[i]);
    family(out, "homeostat_gate_decisions_total", "counter", "Decisions of the gate.");
    for (int i = 0; i < 4; i++)
        text_printf(out, "homeostat_gate_decisions_total{answer=\"%s\"} %" PRIu64 "\n", gate_answer_name((enum gate_answer)i), c->gate[i]);
    family(out, "homeostat_degraded_seconds_total", "counter", "Seconds in which a candidate was more than 10 % worse than the incumbent.");
    text_printf(out, "homeostat_degraded_seconds_total %.3f\n", c->degraded_s);
    family(out, "homeostat_unsafe_steps_total", "counter", "Proposals that turned out worse than policy wants a trial to be, or failed.");
    text_printf(out, "homeostat_unsafe_steps_total %" PRIu64 "\n", c->unsafe_steps);
    family(out, "homeostat_policy_rounds_total", "counter", "Rounds in which the policy that targets share has learned from them.");
    text_printf(out, "homeostat_policy_rounds_total %" PRIu64 "\n", c->policy_rounds);
    family(out, "homeostat_load_changes_total", "counter", "Changes of a target's load to another one.");
    text_printf(out, "homeostat_load_changes_total %" PRIu64 "\n", c->load_changes);
    family(out, "homeostat_store_refusals_total", "counter", "Requests refused because the store could not be written.");
    text_printf(out, "homeostat_store_refusals_total %" PRIu64 "\n", c->refused_store);
    family(out, "adapter_step_latency_seconds", "summary", "How long actions took.");
    text_printf(out, "adapter_step_latency_seconds_sum %.6f\nadapter_step_latency_seconds_count %" PRIu64 "\n", c->step_latency_sum, c->step_latency_count);
    family(out, "verify_latency_seconds", "summary", "How long verifications took.");
    text_printf(out, "verify_latency_seconds_sum %.6f\nverify_latency_seconds_count %" PRIu64 "\n", c->verify_latency_sum, c->verify_latency_count);
}

char *engine_metrics(struct engine *e)
{
    struct text out;
    text_init(&out, 1024 * 1024);
    pthread_mutex_lock(&e->live_lock);
    struct counters *c = malloc(sizeof *c);
    if (c)
        *c = e->published;
    json_t *live = json_incref(e->live);
    int64_t depth = e->outbox_depth;
    int     cases[CASE_STATE_COUNT];
    memcpy(cases, e->cases_by_state, sizeof cases);
    pthread_mutex_unlock(&e->live_lock);
    if (c)
        print_counters(&out, c);
    free(c);
    json_t     *targets = json_object_get(live, "targets"), *t;
    const char *state = json_string_value(json_object_get(json_object_get(live, "engine"), "state"));
    size_t      i;
    family(&out, "homeostat_cases", "gauge", "Open cases by state.");
    for (int s = 0; s < CASE_STATE_COUNT - 1; s++)
        text_printf(&out, "homeostat_cases{state=\"%s\"} %d\n", case_state_name((enum case_state)s), cases[s]);
    family(&out, "homeostat_outbox_depth", "gauge", "Messages not yet published.");
    text_printf(&out, "homeostat_outbox_depth %" PRId64 "\n", depth);
    family(&out, "homeostat_degraded", "gauge", "1 while the engine cannot act because its store cannot be written.");
    text_printf(&out, "homeostat_degraded %d\n", state && strcmp(state, "degraded") == 0);
    family(&out, "homeostat_stopped", "gauge", "1 while the stop switch is set for everything.");
    text_printf(&out, "homeostat_stopped %d\n", json_is_object(json_object_get(json_object_get(live, "engine"), "stop")));
    family(&out, "homeostat_target_up", "gauge", "1 while the target answers; absent while that is unknown.");
    json_array_foreach(targets, i, t) {
        const json_t *up = json_object_get(t, "up");
        if (json_is_boolean(up))
            text_printf(&out, "homeostat_target_up{target=\"%s\"} %d\n", json_string_value(json_object_get(t, "name")), json_is_true(up));
    }
    for (int m = 0; m < METRIC_COUNT; m++) {
        bool headed = false;
        json_array_foreach(targets, i, t) {
            const json_t *v = json_object_get(json_object_get(t, "latest"), metric_info[m].name);
            if (!json_is_number(v))
                continue;
            if (!headed)
                text_printf(&out, "# HELP homeostat_target_%s %s (%s)\n# TYPE homeostat_target_%s gauge\n", metric_info[m].name, metric_info[m].text, metric_info[m].unit, metric_info[m].name);
            headed = true;
            text_printf(&out, "homeostat_target_%s{target=\"%s\"} %.9g\n", metric_info[m].name, json_string_value(json_object_get(t, "name")), json_number_value(v));
        }
    }
    json_decref(live);
    return text_take(&out);
}

json_t *engine_health(struct engine *e, bool ready)
{
    bool    alive = clock_mono_us(&clock_real) - atomic_load(&e->alive_us) < 5 * US_PER_S;
    json_t *live = engine_live(e), *checks = json_object();
    const char *degraded = json_string_value(json_object_get(json_object_get(live, "engine"), "degraded"));
    bool        store = !degraded || !*degraded, ok = alive;
    json_object_set_new(checks, "loop", json_boolean(alive));
    if (ready) {
        json_object_set_new(checks, "store", json_boolean(store));
        json_object_set_new(checks, "recovery", json_boolean(e->recovered));
        json_object_set_new(checks, "migrations", json_true());
        ok = ok && store && e->recovered;
    }
    const char *why = "";
    if (!alive)
        why = "the engine's loop does not answer";
    else if (ready && !store)
        why = degraded;
    else if (ready && !e->recovered)
        why = "what was under way when the last run ended is still being looked at";
    json_t *health = json_pack("{s:b,s:o,s:s}", "ok", ok, "checks", checks, "why", why);
    json_decref(live);
    return health;
}
