/*
 * engine/upkeep.c - cases on indexes and statistics, opened without being asked where policy says auto.
 *
 * The report of the careful look (surveyor.c) has the plans; here one is chosen: statistics first, since everything else is
 * judged by them, then what an earlier build of ours left behind or nobody uses any more, then the index that would save
 * most.  An index is tried once; only what hypothetical indexes have judged is tried at all.  What waited and was given up before
 * it began has not been tried.
 */
#include "base/log.h"
#include "base/text.h"
#include "engine/inside.h"
#include "model/index.h"

#include <stdio.h>
#include <string.h>

enum { AGAIN_S = 60, ANALYZE_PAUSE_S = 3600, BENEFIT_TIMES_OVERHEAD = 2, PATIENT_WINDOWS = 2 * HISTORY_MAX };

static const struct cause     by_upkeep = { .actor = "engine", .reason = "" };
static const struct principal upkeep = { "engine", ROLE_OPERATOR };

static bool may_begin(struct engine *e, struct etarget *t)
{
    const struct policy_values *v = &e->policy.set;
    bool allowed = v->index_build == BUILD_AUTO || v->index_drop == BUILD_AUTO || v->analyze == BUILD_AUTO;
    return allowed && !t->case_id[0] && t->mode >= MODE_SUGGEST && t->facts && !t->facts->in_recovery && t->seen && t->last.v[METRIC_UP] == 1 && !engine_stopped(e, t->conf->name) &&
           !autopilot_rests(e, t);
}

/* ---- what was tried ---- */

struct tried { const char *what; bool found; };

static void is_it(void *ctx, const struct stored_outcome *o)
{
    struct tried *t = ctx;
    const char   *what = json_string_value(json_object_get(o->proposal, "upkeep"));
    t->found = t->found || (what && strcmp(what, t->what) == 0 && !outcome_teaches_nothing(o));
}

static bool was_tried(struct engine *e, const struct etarget *t, const char *what)
{
    struct tried tried = { what, false };
    struct fault ignored;
    return store_outcomes(e->store, t->conf->name, is_it, &tried, &ignored) != OK || tried.found;
}

/* ---- choosing ---- */

static const json_t *step_of(const json_t *plan) { return json_array_get(json_object_get(plan, "steps"), 0); }

static bool is_action(const json_t *plan, const char *action)
{
    const char *is = json_string_value(json_object_get(step_of(plan), "action"));
    return is && strcmp(is, action) == 0;
}

/* What an outcome is remembered by: an index that was built once may still be dropped once. */
static const char *name_of(const json_t *plan, char *out, size_t size)
{
    const json_t *params = json_object_get(step_of(plan), "params");
    const char   *name = json_string_value(json_object_get(params, "name")), *what = json_string_value(json_object_get(params, "do"));
    (void)snprintf(out, size, "%s%s", what && strcmp(what, "drop") == 0 ? "drop " : "", name ? name : "statistics");
    return out;
}

static json_t *choose_finding(struct engine *e, struct etarget *t, const json_t *report, int64_t now_us)
{
    size_t  i;
    json_t *f;
    char    name[INDEX_NAME_SIZE + 8];
    json_array_foreach(json_object_get(report, "findings"), i, f) {
        json_t *plan = json_object_get(f, "plan");
        if (plan && is_action(plan, "postgres.analyze") && e->policy.set.analyze == BUILD_AUTO && now_us >= t->analyze_again_us)
            return plan;
        if (plan && is_action(plan, "postgres.index") && e->policy.set.index_drop == BUILD_AUTO && !was_tried(e, t, name_of(plan, name, sizeof name)))
            return plan;
    }
    return NULL;
}

static json_t *choose_index(struct engine *e, struct etarget *t, const json_t *report)
{
    size_t  i;
    json_t *x;
    if (e->policy.set.index_build != BUILD_AUTO || (e->policy.index_windows > 0 && !restart_window_is_near(e, e->policy.index_window, e->policy.index_windows)))
        return NULL;
    json_array_foreach(json_object_get(report, "indexes"), i, x) {
        double benefit = json_number_value(json_object_get(x, "benefit_ms")), overhead = json_number_value(json_object_get(x, "overhead_ms"));
        if (json_is_true(json_object_get(x, "judged")) && json_is_true(json_object_get(x, "may_build")) && benefit > BENEFIT_TIMES_OVERHEAD * overhead &&
            !was_tried(e, t, json_string_value(json_object_get(x, "name"))))
            return json_object_get(x, "plan");
    }
    return NULL;
}

json_t *upkeep_choose(struct engine *e, struct etarget *t, const json_t *report)
{
    json_t *plan = choose_finding(e, t, report, clock_mono_us(e->clock));
    return plan ? plan : choose_index(e, t, report);
}

/* ---- opening ---- */

static enum err feed(struct engine *e, struct casefile *c, enum case_event on, struct fault *fault)
{
    struct case_input    in = { .kind = INPUT_EVENT, .event = on };
    struct case_decision d;
    enum case_answer     said;
    return engine_feed(e, c, &in, &by_upkeep, &said, &d, fault);
}

/* The look is the analysis, and it brought its plan: the case goes to the gate within this turn. */
static enum err open_case(struct engine *e, struct etarget *t, json_t *plan, struct fault *fault)
{
    struct casefile c;
    char            name[INDEX_NAME_SIZE + 8];
    json_t         *proposal = json_pack("{s:s}", "upkeep", name_of(plan, name, sizeof name));
    enum err err = turn_begin(e, fault);
    if (err == OK)
        err = engine_open_case(e, &c, &upkeep, json_string_value(json_object_get(plan, "title")), t->conf->name, t->conf->tenant, DRIVER_ENGINE, fault);
    if (err == OK) {
        (void)text_copy(t->case_id, sizeof t->case_id, c.id);
        t->idle_why[0] = '\0';
        err = feed(e, &c, ON_START_ANALYSIS, fault);
    }
    if (err == OK)
        err = feed(e, &c, ON_ANALYSIS_DONE, fault);
    if (err == OK)
        err = engine_set_plan(e, &c, plan, is_action(plan, "postgres.analyze") ? "statistics" : "index", proposal, fault);
    if (err == OK)
        err = feed(e, &c, ON_PLAN_READY, fault);
    json_decref(proposal);
    return err;
}

static bool enough_history(struct engine *e, struct etarget *t, const json_t *plan)
{
    enum verify_class class;
    const char       *method = json_string_value(json_object_get(json_object_get(plan, "verify"), "method"));
    int               n;
    if (!method || !verify_class_parse(method, &class))
        return true;
    const struct window *w = prove_history(t, class, &n);
    return prove_history_enough(e, t, class, w, n, 0);
}

/* Nobody answered for a day: it is asked again, and not before the tuner has had its turn. */
void upkeep_waits_for_others(struct engine *e, struct etarget *t)
{
    t->upkeep_again_us = clock_mono_us(e->clock) + e->d.tune->settle_us + AGAIN_S * US_PER_S;
}

/* Nothing else is begun meanwhile: it would move what this has to be compared with. Where the load changes more often than that, it gives way. */
static void wait_for_history(struct engine *e, struct etarget *t, int64_t now, bool *opened)
{
    if (t->upkeep_patient_until_us == 0)
        t->upkeep_patient_until_us = now + PATIENT_WINDOWS * e->d.tune->window_us;
    bool patient = now < t->upkeep_patient_until_us;
    t->upkeep_again_us = now + (patient ? US_PER_S : e->d.tune->reevaluate_us);
    *opened = t->upkeep_waits = patient;
    (void)text_copy(t->idle_why, sizeof t->idle_why, patient ? "an index waits for more history to be compared with; nothing else is begun meanwhile" : "");
    if (!patient)
        t->upkeep_patient_until_us = 0;
}

enum err upkeep_tick(struct engine *e, struct etarget *t, bool *opened, struct fault *fault)
{
    int64_t now = clock_mono_us(e->clock);
    json_t *report;
    *opened = may_begin(e, t) && t->upkeep_waits;
    if (now < t->upkeep_again_us || !may_begin(e, t))
        return OK;
    struct fault not_yet;
    if (engine_report(e, t->conf->name, e->d.tune->reevaluate_us, &report, &not_yet) != OK) {
        *opened = t->upkeep_waits = true;   /* the look takes seconds; what is begun meanwhile takes minutes */
        t->upkeep_again_us = now + US_PER_S / 2;
        return OK;
    }
    t->upkeep_waits = false;
    t->upkeep_again_us = now + AGAIN_S * US_PER_S;
    *opened = false;
    json_t *plan = upkeep_choose(e, t, report);
    enum err err = OK;
    bool waits = plan && !enough_history(e, t, plan);
    if (waits)
        wait_for_history(e, t, now, opened);
    else
        t->upkeep_patient_until_us = 0;   /* whatever waits next has patience of its own */
    if (plan && !waits) {
        json_t *own = json_deep_copy(plan);
        if (is_action(own, "postgres.analyze"))
            t->analyze_again_us = now + ANALYZE_PAUSE_S * US_PER_S;
        err = open_case(e, t, own, fault);
        json_decref(own);
        *opened = err == OK;
        engine_report_forget(e, t->conf->name);   /* the next choice is made from a new look */
    }
    json_decref(report);
    return err;
}
