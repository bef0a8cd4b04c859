/*
 * engine/guarding.c - the watch window after a step, and its hard guards.
 */
#include "base/log.h"
#include "engine/inside.h"
#include "math/stats/describe.h"

#include <math.h>
#include <stdio.h>

/*
 * While a step is watched: the mean latency of the last ten seconds may exceed twice the incumbent's only where that has such lulls itself,
 * in one window of ten.  Errors come in bursts, and are judged over ten seconds as well, whether anything is answered besides or not.
 */
#define GUARD_LATENCY_RATIO 2.0
#define GUARD_LULL_RATIO    1.5
#define GUARD_USUAL_LULLS   0.9
#define GUARD_TPS_MIN       5.0
enum { GUARD_STILL_S = 10, WATCH_PATIENCE = 3 };

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

void guarding_begin(struct engine *e, struct etarget *t, int watch_s, bool cold)
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

void guarding_sample(struct engine *e, struct etarget *t, const struct sample *s)
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
    if (known && !comparable_still(e, t, &c)) {
        (void)turn_outlives(e, autopilot_lost_its_past(e, &c, &fault), "a trial could not go on", &fault);
        return;
    }
    if (known && !restart_is_in_time(e, t, &c)) {
        (void)turn_outlives(e, autopilot_is_late(e, &c, &fault), "a trial could not go on", &fault);
        return;
    }
    struct cause cause = { .actor = why ? "guard" : "engine", .reason = why ? why : "" };
    if (why)
        log_warn("putting back", F("target", t->conf->name), F("case", (const char *)t->case_id), F("why", why));
    (void)turn_outlives(e, engine_run(e, t->case_id, why ? RUN_ON_PUT_BACK : RUN_ON_WATCHED, 0, 0, &cause, &fault), "a trial could not go on", &fault);
}
