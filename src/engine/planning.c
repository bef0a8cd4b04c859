/*
 * engine/planning.c - from what was measured to a plan that is worth a trial.
 *
 * An analysis waits for the history that a plan will be compared with, tells what is unusual, and a planner is asked.  A plan waits
 * until its effect could be proven, and gives way when that will never be.
 */
#include "base/log.h"
#include "base/text.h"
#include "diagnose/symptom.h"
#include "engine/inside.h"
#include "plan/compose.h"

#include <math.h>

static const struct cause by_engine = { .actor = "engine", .reason = "" };

/*
 * Where nobody works a trial would have nothing to measure by and end undecided, whatever was tried: a night would use up the
 * proposals, and what may be spent on proofs.  Whoever only suggests measures nothing: then the machine speaks without a load.
 */
bool planning_cannot_measure(const struct etarget *t) { return t->asleep && t->mode >= MODE_APPROVE; }
static bool need_not_measure(const struct etarget *t) { return t->asleep && t->mode < MODE_APPROVE; }

/* What we opened ourselves gives way to what can be done in quiet hours: indexes and statistics. */
static enum err give_way(struct engine *e, const struct casefile *c, const char *reason, struct fault *fault)
{
    struct cause why = { .actor = "autopilot", .reason = reason };
    return autopilot_opened(c) ? engine_event(e, c->id, ON_CANCEL, &why, fault) : OK;
}

#define NEVER_ENOUGH "there is never enough history for one: the configuration is reloaded, or the load changes, too often"

/* A restart needs the longest history. Where that begins anew before it is long enough, nothing would ever be tried; we look twice a second. */
static void wait_for_longer(struct engine *e, struct etarget *t)
{
    t->analysis_waits += t->last.v[METRIC_UP] == 1;
    if (t->analysis_waits <= 2 * ANALYSIS_WINDOWS * (e->d.tune->window_us / US_PER_S))
        return;
    t->analysis_waits = 0;
    restarts_pause(e, t, NEVER_ENOUGH);
}

enum err planning_analyse(struct engine *e, struct casefile *c, bool *ready, struct fault *fault)
{
    struct etarget *t = engine_target(e, c->target);
    *ready = false;
    if (!t)
        return engine_event(e, c->id, ON_ANALYSIS_DONE, &by_engine, fault);
    bool restart = restart_may_be_asked(e, t);
    if (planning_cannot_measure(t))
        return give_way(e, c, NOBODY_WORKS, fault);
    if (!need_not_measure(t) && !prove_history_enough(e, t, restart ? VERIFY_RESTART : VERIFY_IMMEDIATE, t->history, t->histories, 0)) {
        if (restart && prove_history_enough(e, t, VERIFY_IMMEDIATE, t->history, t->histories, 0))
            wait_for_longer(e, t);
        return OK;
    }
    t->analysis_waits = 0;
    if (t->mode >= MODE_APPROVE && autopilot_opened(c) && !prove_can_measure(e, t))
        return give_way(e, c, NOTHING_TELLS, fault);
    struct symptom list[SYMPTOMS_MAX];
    int      n = diagnose_symptoms(t->history, t->histories, t->facts, list, SYMPTOMS_MAX);
    enum err err = OK;
    json_t  *all = json_array();
    for (int i = 0; i < n && err == OK; i++) {
        json_t *labels = json_pack("{s:f,s:f,s:i,s:s}", "value", list[i].value, "usual", list[i].usual, "number", list[i].number, "metric", metric_info[list[i].metric].name);
        json_t *reference = json_pack("{s:s,s:{s:s,s:s,s:I}}", "table", "metric_1m", "keys", "target", t->conf->name, "metric", metric_info[list[i].metric].name, "to", (json_int_t)clock_wall_us(e->clock));
        err = store_event_add(e->store, c->id, "INFO", "anomaly", list[i].title, list[i].text, labels, reference, clock_wall_us(e->clock), fault);
        json_array_append_new(all, json_string(list[i].title));
        json_decref(labels);
        json_decref(reference);
    }
    if (err == OK)
        err = engine_publish(e, "evt.analysis.findings.v1", c->id, json_pack("{s:s,s:O,s:i}", "target", c->target, "findings", all, "windows", t->histories), fault);
    json_decref(all);
    if (err != OK)
        return err;
    *ready = true;
    return engine_event(e, c->id, ON_ANALYSIS_DONE, &by_engine, fault);
}

enum err planning_propose(struct engine *e, struct etarget *t, json_t **plan, json_t **proposal, char *planner, size_t size, struct fault *fault)
{
    struct proposal p;
    if (!t->facts)
        return fail(fault, ERR_UNKNOWN, "nothing is known of %s yet", t->conf->name);
    struct bounds bounds = e->policy.bounds;
    bounds.restart_allowed = bounds.restart_allowed && e->policy.set.restart != RESTART_NEVER && t->conf->restart != DAEMON_RESTART_NEVER && t->act->restart_command != NULL &&
                             restart_is_near(e, t) && clock_mono_us(e->clock) >= t->restarts_again_us && (t->mode < MODE_APPROVE || t->facts->may_checkpoint);
    struct planner_view view = { .facts = t->facts, .window = t->history, .windows = t->histories, .bounds = &bounds };
    knowing_show(e, t, &view);
    practising_show(e, t, &view);
    practising_learn(e, t, &view);
    enum err err = planner_ask(t->planner, &view, &p, fault);
    if (err != OK)
        return err;
    struct compose_how how = { .target = t->conf->name, .step_ratio = e->policy.bounds.step_ratio, .bounds = &e->policy.bounds, .watch_s = (int)(e->d.tune->watch_us / US_PER_S),
                               .timeout_s = 60, .restart_timeout_s = (int)(t->conf->restart_timeout_us / US_PER_S) + 120 };
    err = compose_plan(&p, t->facts, &how, plan, fault);
    if (err == OK && (err = comparable_check(e, t, *plan, fault)) != OK) {
        json_decref(*plan);
        *plan = NULL;
    }
    if (err == ERR_INPUT || err == ERR_STATE) {   /* what cannot be composed must not be proposed for ever */
        struct fault ignored;
        (void)!planner_tell(t->planner, &p, TOLD_REFUSED, (double)NAN, &ignored);
    }
    if (err != OK)
        return err;
    *proposal = proposal_json(&p);
    (void)text_copy(planner, size, p.planner);
    return OK;
}

/*
 * Where somebody reloads every half hour, or the load is another one as often, there will never be as much history as a restart needs;
 * the planner would propose it for ever, and what needs less would never have its turn.
 */
static void wait_for_history(struct engine *e, struct etarget *t, const json_t *plan, const json_t *proposal)
{
    enum verify_class class;
    struct proposal   p;
    struct fault      ignored;
    if (++t->plan_waits <= PLAN_WAITS_MAX)
        return;
    t->plan_waits = 0;
    if (comparable_class(plan, &class) && class == VERIFY_RESTART)
        restarts_pause(e, t, NEVER_ENOUGH);
    else if (proposal_parse(proposal, &p, &ignored) == OK)
        (void)!planner_tell(t->planner, &p, TOLD_REFUSED, (double)NAN, &ignored);
}

enum err planning_plan(struct engine *e, struct casefile *c, struct fault *fault)
{
    struct etarget *t = engine_target(e, c->target);
    json_t *plan = NULL, *proposal = NULL;
    char    planner[32] = "";
    if (!t)
        return OK;
    if (planning_cannot_measure(t))
        return give_way(e, c, NOBODY_WORKS, fault);
    enum err err = planning_propose(e, t, &plan, &proposal, planner, sizeof planner, fault);
    if (err == ERR_MISSING || err == ERR_UNKNOWN || err == ERR_STATE || err == ERR_INPUT || err == ERR_LIMIT) {      /* no model, no memory for one: other targets go on */
        struct cause why = { .actor = "planner", .reason = fault->text };
        int64_t      wait = err == ERR_MISSING ? e->d.tune->reevaluate_us : e->d.tune->settle_us;
        char         text[400];
        (void)text_copy(text, sizeof text, fault->text);
        log_info(err == ERR_MISSING ? "nothing left to try" : "no plan could be made", F("target", t->conf->name), F("why", (const char *)text));
        err = engine_event(e, c->id, ON_CANCEL, &why, fault);
        return err == OK ? autopilot_rest(e, t, wait, text, fault) : err;
    }
    if (err != OK)
        return err;
    t->plan_again_us = clock_mono_us(e->clock) + e->d.tune->window_us / 2;
    enum verify_class class;
    t->restart_waits = comparable_class(plan, &class) && class == VERIFY_RESTART;
    if (need_not_measure(t) || (comparable_enough(e, t, plan) && comparable_fresh(e, t, plan) && restart_is_worth_it(e, t, plan, false))) {
        t->restart_waits = false;
        t->plan_again_us = 0;
        t->plan_waits = 0;
        t->too_noisy = false;
        err = engine_set_plan(e, c, plan, planner, proposal, fault);
        struct case_input    in = { .kind = INPUT_EVENT, .event = ON_PLAN_READY };
        struct case_decision d;
        enum case_answer     said;
        if (err == OK)
            err = engine_feed(e, c, &in, &by_engine, &said, &d, fault);
    } else {
        wait_for_history(e, t, plan, proposal);
    }
    json_decref(plan);
    json_decref(proposal);
    return err;
}
