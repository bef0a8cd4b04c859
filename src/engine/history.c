/*
 * engine/history.c - the rolling history of each target: windows of what is in force, as long as the load is the same.
 *
 * History of another configuration or of another load proves nothing.  When the load has become another one, history begins
 * anew, and so does the search, however exhausted it was: the planner starts from what it knows of the nearest load in its story.
 */
#include "base/log.h"
#include "base/text.h"
#include "engine/inside.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void push(struct window *ring, int *n, const struct window *w)
{
    if (*n == HISTORY_MAX) {
        memmove(ring, ring + 1, (HISTORY_MAX - 1) * sizeof *ring);
        --*n;
    }
    ring[(*n)++] = *w;
}

/* What a window seen now would be evidence of. */
enum collecting { COLLECT_NOTHING, COLLECT_HISTORY, COLLECT_FRESH };

static enum collecting collecting(struct engine *e, struct etarget *t, struct casefile *c)
{
    struct fault ignored;
    *c = (struct casefile){ .state = CASE_CLOSED };
    enum err err = t->case_id[0] ? store_case_get(e->store, t->case_id, c, NULL, &ignored) : ERR_MISSING;
    if (err != OK)      /* of a case that cannot be read nobody knows what it has in force */
        return err == ERR_MISSING ? COLLECT_HISTORY : COLLECT_NOTHING;
    if (c->state == CASE_VERIFYING)
        return c->phase == RUN_DONE && c->candidate_in_force ? COLLECT_FRESH : COLLECT_NOTHING;
    if (c->state == CASE_EXECUTING)
        return COLLECT_NOTHING;
    return c->in_force_is_proven ? COLLECT_HISTORY : COLLECT_NOTHING;
}

static void forget_history(struct etarget *t, const char *why)
{
    if (t->histories)
        log_info("the rolling history begins anew", F("target", t->conf->name), F("why", why), F("windows", t->histories));
    t->histories = 0;
    t->rolling_open = false;
}

/* Between putting back and the end of its case, half a second later, the reload (or the restart) that put it back is seen. */
static bool is_our_doing(const struct etarget *t, const struct casefile *c) { return t->ours || (c->state == CASE_PARKED && c->phase == RUN_UNDONE); }

static void note_changes(struct engine *e, struct etarget *t, const struct sample *s, const struct casefile *c, enum collecting what)
{
    bool restarted = s->postmaster_start_us && t->postmaster_us && s->postmaster_start_us != t->postmaster_us;
    bool reloaded = window_reloaded(t->config_us, s->conf_load_us);      /* a session of ours that had to connect anew says it a little otherwise */
    if ((restarted || reloaded) && what == COLLECT_HISTORY && !is_our_doing(t, c)) {
        forget_history(t, restarted ? "the server was restarted" : "somebody reloaded the configuration");
        if (restarted)
            t->steady_us = clock_mono_us(e->clock) + e->d.tune->warm_up_us;
        watcher_refresh_facts(e, (int)(t - e->target));
    }
    if (s->postmaster_start_us)
        t->postmaster_us = s->postmaster_start_us;
    if (s->conf_load_us)
        t->config_us = s->conf_load_us;
    if (what == COLLECT_HISTORY && s->conf_load_us)
        t->ours = false;
}

/*
 * What was restarted is measured with a CHECKPOINT in its windows, and so is what it is compared with: for the sake of nothing else are clients
 * made to wait for one, and those of any other change would make it look better than it is.
 */
static bool is_for_a_restart(struct engine *e, const struct etarget *t, const struct casefile *c)
{
    return c->state == CASE_ANALYZING ? restart_may_be_asked(e, t) : c->state == CASE_PLANNING && t->restart_waits;
}

static void ask_checkpoint(struct engine *e, struct etarget *t, const struct casefile *c)
{
    if (!e->d.tune->checkpoint_in_window || t->checkpoint_asked || t->mode < MODE_APPROVE || !is_for_a_restart(e, t, c))
        return;
    struct job  *j = calloc(1, sizeof *j);
    struct fault ignored;
    if (!j)
        return;
    *j = (struct job){ .kind = JOB_CHECKPOINT, .target = (int)(t - e->target) };
    (void)text_copy(j->case_id, sizeof j->case_id, c->id);
    t->checkpoint_asked = worker_send(&t->worker, j, &ignored) == OK;
    t->own_checkpoints += t->checkpoint_asked;
    t->own_windows = 0;
}

/* ---- the load ---- */

/* Statements a second, and transactions: ours, autovacuum's and a monitor's are among them; and sessions at work. */
#define IDLE_CALLS        0.1
#define IDLE_TRANSACTIONS 1.0
#define IDLE_ACTIVE       0.1

/* Where statements are not counted transactions must be as few; what is not known speaks against it. */
static bool nobody_worked(const struct window *w)
{
    double calls = w->v[METRIC_CALLS], tps = w->v[METRIC_TPS];
    bool   few = isnan(calls) ? tps < IDLE_CALLS : calls < IDLE_CALLS && !(tps >= IDLE_TRANSACTIONS);
    return few && w->v[METRIC_CONNECTIONS_ACTIVE] < IDLE_ACTIVE;
}

static void push_load(struct etarget *t, const struct window *w, int configuration)
{
    if (t->loads == SHIFT_WINDOWS_MAX) {
        memmove(t->load, t->load + 1, (SHIFT_WINDOWS_MAX - 1) * sizeof t->load[0]);
        memmove(t->load_from_us, t->load_from_us + 1, (SHIFT_WINDOWS_MAX - 1) * sizeof t->load_from_us[0]);
        t->loads--;
    }
    workload_of(&t->load[t->loads].load, w, 1, t->facts);
    t->load[t->loads].configuration = configuration;
    t->load_from_us[t->loads++] = w->from_us;
}

static int keep_since(struct window *w, int n, int64_t since_us)
{
    int old = 0;
    while (old < n && w[old].from_us < since_us)
        old++;
    memmove(w, w + old, (size_t)(n - old) * sizeof *w);
    return n - old;
}

static void begin_anew(struct etarget *t, int at)
{
    int64_t since = t->load_from_us[at];
    t->histories = keep_since(t->history, t->histories, since);
    t->fresh = keep_since(t->freshly, t->fresh, since);
    t->loads -= at;
    memmove(t->load, t->load + at, (size_t)t->loads * sizeof t->load[0]);
    memmove(t->load_from_us, t->load_from_us + at, (size_t)t->loads * sizeof t->load_from_us[0]);
}

/* Whatever was exhausted is not so under this load; what cools down after something was put back goes on doing so. */
static enum err rest_less(struct engine *e, struct etarget *t, struct fault *fault)
{
    int     unused;
    int64_t put_back = 0, oldest, now = clock_wall_us(e->clock), until = now + e->d.tune->settle_us;
    enum err err = store_change_count(e->store, t->conf->name, "rollback", now, e->d.tune->cool_down_us, &unused, &oldest, &put_back, fault);
    if (err == OK && put_back > 0 && put_back + e->d.tune->cool_down_us > until)
        until = put_back + e->d.tune->cool_down_us;
    return err == OK && t->idle_until_us > until ? autopilot_rest(e, t, until - now, "settling after the load has changed", fault) : err;
}

static void note_load(struct engine *e, struct etarget *t, const struct window *w, int configuration)
{
    struct shift shift;
    struct fault fault;
    push_load(t, w, configuration);
    shift_find(t->load, t->loads, &shift);
    if (!shift.changed)
        return;
    const char *feature = shift.feature < WORKLOAD_COUNT ? workload_info[shift.feature].name : "";
    log_info("the load is another one", F("target", t->conf->name), F("feature", feature), F("distance", shift.distance), F("usual", shift.usual));
    begin_anew(t, shift.at);
    e->count.load_changes++;
    enum err err = turn_begin(e, &fault);
    if (err == OK)
        err = engine_publish(e, "evt.workload.changed.v1", t->case_id,
                             json_pack("{s:s,s:s,s:f,s:f,s:f,s:o}", "target", t->conf->name, "feature", feature, "distance", shift.distance, "usual", shift.usual,
                                       "false_alarm", shift.false_alarm, "workload", workload_json(&t->load[t->loads - 1].load)), &fault);
    if (err == OK)
        err = rest_less(e, t, &fault);
    if (err == OK)
        err = autopilot_load_changed(e, t, &fault);
    if (err != OK)
        log_warn("a change of the load could not be written down", F("target", t->conf->name), F("why", (const char *)fault.text));
}

/*
 * What clients ask is seen whatever is in force and whatever is tried, or a change in the middle of a trial would be found when
 * it is over.  A reload amid a window is no reason to pass it over; a restart is.
 */
static void watch_load(struct engine *e, struct etarget *t, const struct sample *s)
{
    struct window w;
    if (t->configuration == 0)
        t->configuration = 1;
    if (t->loading_open) {
        window_add(&t->loading, s);
        if (s->mono_us - t->loading.from_us < e->d.tune->window_us)
            return;
        bool reloaded = t->loading.reloaded;
        t->configuration += reloaded || t->loading.restarted;
        t->loading.reloaded = false;
        window_close(&t->loading, &w);
        if (w.whole && !nobody_worked(&w))      /* no load is no other load: a quiet night must not end what the evening has taught */
            note_load(e, t, &w, reloaded ? 0 : t->configuration);
    }
    window_open(&t->loading, s, t->conf->sample_interval_us);
    t->loading_open = true;
}

/* ---- the windows ---- */

enum { OWN_WINDOWS = 4 };      /* on a slow disk it may be counted windows later */

/* A CHECKPOINT that we asked for is counted as requested, and would be taken for a log that fills too fast. */
static void leave_ours_out(struct etarget *t, struct window *w)
{
    if (t->own_checkpoints > 0 && t->own_windows++ == OWN_WINDOWS)      /* the server made one of it and its own */
        t->own_checkpoints = 0;
    w->checkpoint_asked = t->own_checkpoints > 0;
    double seconds = (double)(w->to_us - w->from_us) / 1e6, counted = w->v[METRIC_CHECKPOINTS_REQ] * seconds;
    int    ours = counted >= t->own_checkpoints ? t->own_checkpoints : counted > 0 ? (int)(counted + 0.5) : 0;
    if (ours == 0)
        return;
    t->own_checkpoints -= ours;
    w->v[METRIC_CHECKPOINTS_REQ] = fmax(counted - ours, 0) / seconds;
}

/* One busy window in a quiet night, a job by the hour, wakes nobody: as many must be busy as were idle, or a case would be opened and given up with each. */
static void count_idle(struct etarget *t, bool idle)
{
    t->idles += idle ? t->idles < IDLE_WINDOWS : -(t->idles > 0);
    t->asleep = t->idles == IDLE_WINDOWS || (t->asleep && t->idles > 0);
}

/* Without work there is nothing to compare with: after a quiet night the evening's windows are still the latest ones. */
static void keep(struct etarget *t, bool fresh, struct window *w)
{
    bool idle = nobody_worked(w);
    leave_ours_out(t, w);
    count_idle(t, idle);
    if (!idle)
        push(fresh ? t->freshly : t->history, fresh ? &t->fresh : &t->histories, w);
}

/* ---- a sample ---- */

void history_sample(struct engine *e, struct etarget *t, const struct sample *s)
{
    struct casefile c;
    enum collecting what = collecting(e, t, &c);
    note_changes(e, t, s, &c, what);
    if (isfinite(s->v[METRIC_CONNECTIONS]) && s->v[METRIC_CONNECTIONS] > t->peak_sessions)
        t->peak_sessions = (int)s->v[METRIC_CONNECTIONS];
    watch_load(e, t, s);
    if (what == COLLECT_NOTHING || s->mono_us < t->steady_us) {
        t->rolling_open = false;
        return;
    }
    if (!t->rolling_open) {
        t->own_checkpoints = 0;
        window_open(&t->rolling, s, t->conf->sample_interval_us);
        t->rolling_open = true;
        ask_checkpoint(e, t, &c);
        return;
    }
    window_add(&t->rolling, s);
    if (s->mono_us - t->rolling.from_us < e->d.tune->window_us)
        return;
    struct window w;
    window_close(&t->rolling, &w);
    if (w.whole)
        keep(t, what == COLLECT_FRESH, &w);
    window_open(&t->rolling, s, t->conf->sample_interval_us);
    ask_checkpoint(e, t, &c);
}
