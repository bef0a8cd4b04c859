/*
 * engine/restarts.c - is a restart worth asking for, at this hour, and could its gain be told from noise?
 */
#include "base/log.h"
#include "engine/inside.h"

#include <math.h>
#include <string.h>

#define RESTARTS_PAUSE_US (INT64_C(7) * 86400 * US_PER_S)
#define PROVABLE_MOST      0.6931471805599453      /* log(2): what a restart must be able to prove, at the least */
#define PROVABLE_STILL     (1.5 * PROVABLE_MOST)   /* when it was planned with that, and the next windows were noisier */

void restarts_pause(struct engine *e, struct etarget *t, const char *why)
{
    t->restarts_again_us = clock_mono_us(e->clock) + RESTARTS_PAUSE_US;
    log_info("no restart is proposed for a week", F("target", t->conf->name), F("why", why));
}

bool restart_may_be_asked(struct engine *e, const struct etarget *t)
{
    return t->conf->restart != DAEMON_RESTART_NEVER && t->act->restart_command && clock_mono_us(e->clock) >= t->restarts_again_us;
}

/* A plan whose window opens later than a case may wait at the gate would only keep everything else waiting meanwhile. */
bool restart_window_is_near(const struct engine *e, const struct week_window *list, int n)
{
    int64_t now = clock_wall_us(e->clock), opens, closes;
    for (int i = 0; i < n; i++)
        if (week_window_open(&list[i], now, &opens, &closes) || opens - now < case_timing_default.stay_us[CASE_WAIT_GATE])
            return true;
    return false;
}

bool restart_is_near(const struct engine *e, const struct etarget *t)
{
    return (e->policy.set.restart == RESTART_ALLOWED && t->conf->restart == DAEMON_RESTART_ALLOWED) || restart_window_is_near(e, e->policy.window, e->policy.windows);
}

/*
 * Its window opens, or whoever approves comes, when nobody works, and tomorrow it will be the same: were it planned again at once, it
 * would wait all day and keep everything else waiting.  What needs no restart has its turn first.
 */
void restart_came_too_late(struct engine *e, struct etarget *t) { restarts_pause(e, t, "the last one was to begin when nobody worked"); }

/*
 * A restart is dear, and paid for in vain when its gain cannot be told from how this database moves by itself: as long as not even a
 * doubling could, and more history is kept than there is yet, it waits for more.  Where all that is kept lets nothing be proven, be it
 * large or small, there is no restart: what needs none has its turn.
 */
bool restart_is_worth_it(struct engine *e, struct etarget *t, const json_t *plan, bool planned)
{
    enum verify_class class;
    if (t->mode < MODE_APPROVE || !comparable_class(plan, &class) || class != VERIFY_RESTART)      /* a suggestion restarts nothing */
        return true;
    double least = prove_least(e, t, class, comparable_gap(e, plan, class));
    bool   all = t->histories >= HISTORY_MAX;
    if (least <= (planned ? PROVABLE_STILL : PROVABLE_MOST) || (all && isfinite(least)))
        return true;
    if (all)
        restarts_pause(e, t, "nothing could be proven of one: too few windows of the history tell how well clients were answered");
    else if (!t->too_noisy)
        log_info("a restart waits for more history: less than this could not be proven yet", F("target", t->conf->name), F("factor", exp(least)), F("windows", t->histories), F("windows_most", HISTORY_MAX));
    t->too_noisy = true;
    return false;
}

/* The steps before a restart may take longer than was expected when they began; a window that has closed meanwhile is closed, and policy may be another one. */
bool restart_is_in_time(struct engine *e, struct etarget *t, const struct casefile *c)
{
    struct stored_plan plan;
    struct fault       ignored;
    if (store_plan_get(e->store, c->plan_id, &plan, &ignored) != OK)
        return true;
    const char *next = json_string_value(json_object_get(json_array_get(json_object_get(plan.plan, "steps"), (size_t)c->step), "action"));
    bool        yes = !next || strcmp(next, "postgres.restart") != 0 || gate_restart_in_time(&e->policy, (enum policy_restart)t->conf->restart, clock_wall_us(e->clock));
    stored_plan_done(&plan);
    return yes;
}
