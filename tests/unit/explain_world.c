/* tests/unit/explain_world.c */
#include "explain_world.h"

#include "base/clock.h"
#include "base/rand.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* The level of each node without the change; a node reacts to its causes with this elasticity. */
static const double base[CAUSE_NODES] = {
    [CAUSE_ACTIVE] = 6, [CAUSE_LOCKS] = 1, [CAUSE_CLEANER] = 2, [CAUSE_FULL_PAGES] = 1, [CAUSE_WAL] = 8, [CAUSE_WAL_WAITS] = 3, [CAUSE_CHECKPOINT] = 4, [CAUSE_CACHE_HIT] = 80,
    [CAUSE_DEAD_ROWS] = 500, [CAUSE_BLOCKS_READ] = 20, [CAUSE_TEMP] = 30, [CAUSE_BACKEND_WRITES] = 1, [CAUSE_CPU] = 60, [CAUSE_BYTES_READ] = 100, [CAUSE_READ_TIME] = 3,
    [CAUSE_BYTES_WRITTEN] = 60, [CAUSE_LATENCY] = 10, [CAUSE_THROUGHPUT] = 800,
};
static const double  elasticity = 0.6;
static const int64_t began_us = INT64_C(1767225600) * 1000000;   /* 2026-01-01T00:00:00Z */

static double effect_on_first(const struct explain_world *w, int node)
{
    double effect = 0;
    for (int i = 0; i < cause_entry_count; i++)
        if (cause_entries[i].change == (int)w->knob && (int)cause_entries[i].to == node && !(w->one_way && node != (int)w->first))
            effect += w->strength * (cause_entries[i].sign ? cause_entries[i].sign : -1) * base[node];
    return effect;
}

/* All nodes of one window, from causes to effects. A null world has neither noise nor load. */
static void draw(const struct explain_world *w, struct rand *r, bool with, double load, double *v)
{
    for (int n = 0; n < CAUSE_NODES; n++) {
        v[n] = base[n] + (with ? effect_on_first(w, n) : 0);
        for (int i = 0; i < cause_arrow_count; i++)
            if ((int)cause_arrows[i].to == n && n != CAUSE_THROUGHPUT)
                v[n] += cause_arrows[i].sign * elasticity * base[n] / base[cause_arrows[i].from] * (v[cause_arrows[i].from] - base[cause_arrows[i].from]);
        if (n == CAUSE_THROUGHPUT)
            v[n] = base[n] * base[CAUSE_LATENCY] / v[CAUSE_LATENCY];
        if (r)
            v[n] += base[n] * ((n == CAUSE_THROUGHPUT ? 0.3 : 1) * w->noise * rand_normal(r) + (n == CAUSE_THROUGHPUT ? 0 : w->load * load));
        v[n] = fmax(v[n], 0.02 * base[n]);
    }
}

static double reading(const double *v, enum metric m, uint32_t unseen)
{
    for (int n = 0; n < CAUSE_NODES; n++)
        if (cause_info[n].metric == m && !(unseen & cause_bit(n)))
            return v[n] / cause_info[n].scale * (cause_info[n].per_transaction ? v[CAUSE_THROUGHPUT] : 1);
    return m == METRIC_CONNECTIONS ? 16 : (double)NAN;
}

static json_t *readings(const struct explain_world *w, const double *v)
{
    json_t *all = json_array();
    for (int m = 0; m < MECHANISMS; m++) {
        double x = reading(v, metric_mechanism[m], w->unseen);
        (void)json_array_append_new(all, isfinite(x) ? json_real(x) : json_null());
    }
    return all;
}

static json_t *time_json(int64_t us)
{
    char when[40];
    return json_string(clock_format(us, when, sizeof when));
}

struct record { json_t *obs, *past, *obs_values, *past_values, *names, *minutes, *actions; double response[2], squares[2]; int n[2]; struct rand r; double load; };

static void take_response(struct record *t, bool with, double response)
{
    t->response[with] += response;
    t->squares[with] += response * response;
    t->n[with]++;
}

/* Of the mean of one arm. */
static double variance(const struct record *t, int arm)
{
    double mean = t->response[arm] / t->n[arm];
    return fmax(t->squares[arm] / t->n[arm] - mean * mean, 0) / fmax(t->n[arm] - 1, 1);
}

static void put_window(const struct explain_world *w, struct record *t, bool past, bool with, int block)
{
    double v[CAUSE_NODES];
    t->load = 0.7 * t->load + sqrt(1 - 0.49) * rand_normal(&t->r);
    draw(w, &t->r, with, t->load, v);
    take_response(t, with, -log(v[CAUSE_LATENCY]));
    (void)json_array_append_new(past ? t->past : t->obs, json_pack("{s:i,s:i,s:f}", "arm", with, "block", block, "seconds", 60.0));
    (void)json_array_append_new(past ? t->past_values : t->obs_values, readings(w, v));
}

static void put_minute(const struct explain_world *w, struct record *t, bool with, int64_t at_us)
{
    double v[CAUSE_NODES];
    t->load = 0.7 * t->load + sqrt(1 - 0.49) * rand_normal(&t->r);
    draw(w, &t->r, with, t->load, v);
    take_response(t, with, -log(v[CAUSE_LATENCY]));
    for (int m = 0; m < MECHANISMS; m++) {
        const char *name = metric_info[metric_mechanism[m]].name;
        double      x = reading(v, metric_mechanism[m], w->unseen);
        json_t     *series = json_object_get(t->minutes, name);
        if (!series) {
            series = json_pack("{s:[],s:[]}", "bucket", "avg");
            (void)json_object_set_new(t->minutes, name, series);
        }
        (void)json_array_append_new(json_object_get(series, "bucket"), time_json(at_us));
        (void)json_array_append_new(json_object_get(series, "avg"), isfinite(x) ? json_real(x) : json_null());
    }
}

static void act(struct record *t, const char *kind, int64_t at_us)
{
    (void)json_array_append_new(t->actions, json_pack("{s:s,s:s,s:o}", "kind", kind, "outcome", "done", "result_at", time_json(at_us)));
}

static void watch(struct explain_world *w, struct record *t)
{
    int64_t change_us = began_us + 40 * INT64_C(60000000);
    if (w->design == WORLD_MINUTES)
        for (int i = 0; i < 40; i++)
            put_minute(w, t, false, began_us + i * INT64_C(60000000));
    act(t, "do", change_us);
    for (int i = 0; i < 20 && w->design == WORLD_SWITCHBACK; i++)
        put_window(w, t, true, false, -1);
    for (int i = 0; i < w->pairs && w->design == WORLD_SWITCHBACK; i++) {
        bool first = rand_unit(&t->r) < 0.5;
        put_window(w, t, false, first, i);
        put_window(w, t, false, !first, i);
    }
    for (int i = 0; i < 40 && w->design == WORLD_RESTART; i++)
        put_window(w, t, true, false, -1);
    for (int i = 0; i < w->pairs && w->design == WORLD_RESTART; i++)
        put_window(w, t, false, true, -1);
    for (int i = 0; i < w->pairs && w->design == WORLD_MINUTES; i++)
        put_minute(w, t, true, change_us + (2 + i) * INT64_C(60000000));
}

static void keep_truth(struct explain_world *w)
{
    double a[CAUSE_NODES], b[CAUSE_NODES];
    for (int i = cause_entry_count - 1; i >= 0; i--)
        if (cause_entries[i].change == (int)w->knob)
            w->first = cause_entries[i].to;
    draw(w, NULL, false, 0, a);
    draw(w, NULL, true, 0, b);
    for (int n = 0; n < CAUSE_NODES; n++)
        w->truth[n] = b[n] - a[n];
}

void explain_world_make(struct explain_world *w, json_t **file, json_t **minutes)
{
    static const char *const methods[] = { "planner", "restart", "slow" };
    struct record t = { .obs = json_array(), .past = json_array(), .obs_values = json_array(), .past_values = json_array(), .names = json_array(), .minutes = json_object(), .actions = json_array() };
    const char   *name = knob_at(w->knob)->name, *method = methods[w->design];
    char          title[200];
    rand_seed(&t.r, w->seed);
    for (int m = 0; m < MECHANISMS; m++)
        (void)json_array_append_new(t.names, json_string(metric_info[metric_mechanism[m]].name));
    keep_truth(w);
    watch(w, &t);
    double effect = t.response[1] / t.n[1] - t.response[0] / t.n[0], half = 3.5 * sqrt(variance(&t, 0) + variance(&t, 1));
    (void)snprintf(title, sizeof title, "%s %s -> %s", name, w->from, w->to);
    json_t *verdict = json_pack("{s:s,s:s,s:f,s:f,s:f,s:f,s:i,s:f,s:I,s:s}", "outcome", effect > half ? "better" : "undecided", "method", method, "effect", effect, "lo", effect - half, "hi",
                                effect + half, "alpha", 0.05, "n", t.n[1], "degraded_s", 0.0, "wall_us", (json_int_t)(began_us + INT64_C(7200000000)), "why", "It was measured.");
    json_t *changes = json_pack("[{s:s,s:s,s:s}]", "name", name, "from", w->from, "to", w->to);
    *file = json_pack("{s:{s:s,s:s,s:s,s:s,s:s,s:s,s:b},s:[{s:s,s:{},s:{s:s,s:s,s:s,s:o}}],s:o,s:{s:{s:{s:i},s:o,s:o,s:{s:o,s:o,s:o}},s:O},s:{s:s,s:b,s:O}}",
                      "case", "id", "case-1", "title", title, "target", "main", "status", "CLOSED", "plan_id", "p1", "phase", effect > half ? "done" : "undone", "in_force_is_proven", 1,
                      "plans", "id", "p1", "plan", "proposal", "planner", "ladder/thumb", "title", title, "why", "The machine has room for it.", "changes", changes,
                      "actions", t.actions,
                      "run", "trial", "mix", "kind", 1, "past", t.past, "obs", t.obs, "mechanisms", "names", t.names, "past", t.past_values, "obs", t.obs_values, "verdict", verdict,
                      "outcome", "result", effect > half ? "better" : "undecided", "kept", effect > half, "verdict", verdict);
    json_decref(verdict);
    if (w->design == WORLD_MINUTES)
        *minutes = t.minutes;
    else {
        json_decref(t.minutes);
        *minutes = NULL;
    }
}

json_t *explain_world_outcomes(uint64_t seed, int n, const char *case_id)
{
    struct rand r;
    json_t     *all = json_array();
    double      buffers = 128;
    rand_seed(&r, seed);
    for (int i = 0; i < n; i++) {
        char   from[32], to[32], id[40], title[100];
        bool   about_buffers = i % 2 == 0;
        double wanted = about_buffers ? 128 + floor(rand_unit(&r) * 1000) : 100 + floor(rand_unit(&r) * 400);
        double gain = about_buffers ? 0.3 * log(wanted / buffers) : 0, effect = gain + 0.01 * rand_normal(&r);
        bool   kept = effect > 0.05;
        (void)snprintf(from, sizeof from, "%.0fMB", about_buffers ? buffers : 4.0);
        (void)snprintf(to, sizeof to, "%.0fMB", about_buffers ? wanted : wanted / 25);
        (void)snprintf(id, sizeof id, "case-%d", i + 2);
        (void)snprintf(title, sizeof title, "%s %s -> %s", about_buffers ? "shared_buffers" : "work_mem", from, to);
        (void)json_array_insert_new(all, 0, json_pack("{s:s,s:s,s:s,s:b,s:f,s:f,s:f,s:s,s:{s:s,s:[{s:s,s:s,s:s}]}}", "case_id", i == n - 1 ? case_id : id, "planner", "ladder", "result",
                                                      kept ? "better" : "undecided", "kept", kept && about_buffers, "effect", effect, "lo", effect - 0.03, "hi", effect + 0.03, "created_at",
                                                      "2026-01-01T00:00:00Z", "proposal", "title", title, "changes", "name", about_buffers ? "shared_buffers" : "work_mem", "from", from, "to", to));
        if (kept && about_buffers)
            buffers = wanted;
    }
    return all;
}
