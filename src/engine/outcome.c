/*
 * engine/outcome.c - what became of a plan, and what is learned from it.
 *
 * An outcome is written down once, when its case is over.  What the engine knows of the past is always what a start would read from
 * the store: memory is filled by the same rows, in the same order.
 */
#include "base/log.h"
#include "engine/inside.h"

#include <math.h>
#include <string.h>

/* How a plan can end that says nothing of it: what it was made for is gone, nobody answered in time, everything was stopped. */
#define OVERTAKEN  "overtaken"
#define UNANSWERED "unanswered"
#define STOPPED    "stopped"
/* A look before the act could not be taken, or found somebody else at work: nothing was touched, and later it may be otherwise. */
#define HINDERED   "hindered"

static enum told told_from(const char *result)
{
    static const struct { const char *text; enum told told; } map[] = {
        { "better", TOLD_BETTER }, { "worse", TOLD_WORSE }, { "undecided", TOLD_UNDECIDED }, { "equivalent", TOLD_EQUIVALENT }, { "refused", TOLD_REFUSED },
        { HINDERED, TOLD_UNDECIDED },
    };
    for (size_t i = 0; i < sizeof map / sizeof map[0]; i++)
        if (strcmp(map[i].text, result) == 0)
            return map[i].told;
    return TOLD_FAILED;
}

double outcome_sd(const struct stored_outcome *o) { return (o->hi - o->lo) / (2 * 2.8); }

/*
 * What was better takes its place in the story as what is in force.  Where it was put back all the same (everything was stopped, it could
 * not be put in force again), nothing may be built on it: it is a reading, and worth a second try.
 */
static enum told told_of_outcome(const struct stored_outcome *o)
{
    enum told told = told_from(o->result);
    return told == TOLD_BETTER && !o->kept ? TOLD_UNDECIDED : told;
}

static enum err tell_outcome(struct planner *planner, const struct proposal *p, const struct stored_outcome *o, struct fault *fault)
{
    return planner_tell_measured(planner, p, told_of_outcome(o), o->effect, outcome_sd(o), fault);
}

/* Nobody said no to it, and nothing was found out: it may be asked again. */
bool outcome_teaches_nothing(const struct stored_outcome *o)
{
    return strcmp(o->result, OVERTAKEN) == 0 || strcmp(o->result, UNANSWERED) == 0 || strcmp(o->result, STOPPED) == 0;
}

static void tell_again(void *ctx, const struct stored_outcome *o)
{
    struct etarget *t = ctx;
    struct proposal p;
    struct fault    ignored;
    if (outcome_teaches_nothing(o))
        return;
    if (o->kept)
        t->kept++;
    prove_count(t, o);
    if (proposal_parse(o->proposal, &p, &ignored) == OK)
        (void)!tell_outcome(t->planner, &p, o, &ignored);
}

enum err outcomes_recall(struct engine *e, struct etarget *t, struct fault *fault)
{
    struct planner *planner;
    enum err        err = planner_new(daemon_planner_name(e->d.tune->planner), (uint64_t)e->d.tune->seed, &planner, fault);
    if (err != OK)
        return err;
    planner_free(t->planner);
    t->planner = planner;
    t->decisions = t->founds = t->kept = 0;
    return store_outcomes(e->store, t->conf->name, tell_again, t, fault);
}

enum err outcomes_recall_all(struct engine *e, struct fault *fault)
{
    knowing_stop(e);
    enum err err = knowing_start(e, fault);
    for (int i = 0; i < e->targets && err == OK; i++)
        err = outcomes_recall(e, &e->target[i], fault);
    return err;
}

/* ---- a case is over ---- */

static enum err was_hindered(struct engine *e, const struct casefile *c, bool *yes, struct fault *fault)
{
    char last[32] = "";
    *yes = false;
    if (c->plans_tried == 0 || c->phase != RUN_IDLE)
        return OK;
    enum err err = store_action_last(e->store, c->id, last, sizeof last, fault);
    *yes = strcmp(last, ACTION_UNSEEN) == 0 || strcmp(last, ACTION_IN_THE_WAY) == 0;
    return err == ERR_MISSING ? OK : err;
}

/*
 * Why a plan ended that has no verdict, as its timeline tells: who first asked for it to be given up or put back.  A deadline at the
 * gate is no refusal, the stop switch and a load that changed say nothing of the plan, and what was not decided in time is undecided;
 * what is left over are refusals, and plans that failed.
 */
static enum err ended_without_verdict(struct engine *e, const struct casefile *c, const char **result, struct fault *fault)
{
    static const struct { const char *event, *actor; bool at_gate, acting; const char *result; } rows[] = {
        { "deadline",      NULL,          true,  false, UNANSWERED },
        { "deadline",      NULL,          false, true,  "undecided" },
        { "gate_rejected", "autopilot",   true,  false, OVERTAKEN },
        { "gate_rejected", NULL,          true,  false, "refused" },
        { "cancel",        "autopilot",   true,  true,  OVERTAKEN },
        { "cancel",        "engine",      true,  true,  OVERTAKEN },
        { "cancel",        "stop switch", false, true,  STOPPED },
        { "cancel",        NULL,          true,  true,  "refused" },
    };
    struct stored_giving_up g;
    bool                    hindered;
    *result = c->plans_tried == 0 ? "refused" : c->in_force_is_proven ? "failed" : "unknown";
    if (!c->in_force_is_proven)
        return OK;
    enum err err = store_case_given_up(e->store, c->id, &g, fault);
    if (err != OK)
        return err == ERR_MISSING ? OK : err;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strcmp(rows[i].event, g.event) == 0 && (!rows[i].actor || strcmp(rows[i].actor, g.actor) == 0) && (g.from == CASE_WAIT_GATE ? rows[i].at_gate : rows[i].acting)) {
            *result = rows[i].result;
            return OK;
        }
    err = was_hindered(e, c, &hindered, fault);
    *result = hindered ? HINDERED : *result;
    return err;
}

/* What cannot be read is not made up: it is remembered for ever. The order comes again when the store can be read. */
static enum err describe(struct engine *e, const struct casefile *c, struct stored_outcome *o, struct stored_run *run, struct fault *fault)
{
    enum err err = ended_without_verdict(e, c, &o->result, fault);
    o->effect = o->lo = o->hi = NAN;
    if (err == OK)
        err = store_run_get(e->store, c->id, run, fault);
    if (err != OK)
        return err == ERR_MISSING ? OK : err;
    if (!json_is_object(run->verdict)) {      /* nobody let it end; what it cost until then it did cost */
        o->degraded_s = json_number_value(json_object_get(run->trial, "degraded_s"));
        return OK;
    }
    const json_t *v = o->verdict = run->verdict;
    const char   *outcome = json_string_value(json_object_get(v, "outcome"));
    json_t       *effect = json_object_get(v, "effect"), *lo = json_object_get(v, "lo"), *hi = json_object_get(v, "hi");
    if (outcome && c->plans_tried > 0)
        o->result = outcome;
    if (json_is_number(effect))
        o->effect = json_number_value(effect);
    if (json_is_number(lo))
        o->lo = json_number_value(lo);
    if (json_is_number(hi))
        o->hi = json_number_value(hi);
    o->alpha = json_number_value(json_object_get(v, "alpha"));
    o->degraded_s = json_number_value(json_object_get(v, "degraded_s"));
    return OK;
}

/* Kept is what the run ended in, not what somebody hoped: the candidate is in force, read back. */
static bool was_kept(const struct casefile *c) { return c->phase == RUN_DONE && c->candidate_in_force && c->in_force_is_proven; }

static void tell(struct engine *e, struct etarget *t, const struct proposal *p, const struct stored_outcome *o)
{
    struct fault ignored;
    (void)!tell_outcome(t->planner, p, o, &ignored);
    e->count.unsafe_steps += planner_was_unsafe(p, told_from(o->result), o->effect, &e->policy.bounds);
}

void outcome_set_free(struct engine *e, struct etarget *t, const struct casefile *c, bool put_back)
{
    t->case_id[0] = '\0';
    prove_forget(t);
    if (c->phase == RUN_UNKNOWN)      /* whoever saw to it may have left in force what was tried, and windows from before it tell nothing of that */
        t->histories = 0;
    t->fresh = 0;
    t->ours = true;
    t->rolling_open = false;
    if (put_back)
        t->steady_us = clock_mono_us(e->clock) + e->d.tune->warm_up_us;
    watcher_refresh_facts(e, (int)(t - e->target));
    engine_report_forget(e, t->conf->name);
}

/* The target is free again: its history is that of what is in force now, and the next case comes when it has settled. */
static enum err release(struct engine *e, struct etarget *t, const struct casefile *c, const struct stored_outcome *o, bool planned, struct fault *fault)
{
    bool     acted = c->plans_tried > 0 && c->phase != RUN_IDLE;
    enum err err = OK;
    if (o->kept) {
        t->kept++;
        memcpy(t->history, t->freshly, (size_t)t->fresh * sizeof t->history[0]);
        t->histories = t->fresh;
    }
    outcome_set_free(e, t, c, acted && !o->kept);
    const char *why = o->kept ? "settling after a change" : acted ? "cooling down after putting back" : "settling after a plan that was not carried out";
    if (c->driver == DRIVER_ENGINE && planned)
        err = autopilot_rest(e, t, acted && !o->kept ? e->d.tune->cool_down_us : e->d.tune->settle_us, why, fault);
    if (strcmp(o->result, UNANSWERED) == 0 && json_object_get(o->proposal, "upkeep"))
        upkeep_waits_for_others(e, t);
    return err;
}

enum err outcome_learn(struct engine *e, struct casefile *c, struct fault *fault)
{
    struct etarget       *t = engine_target(e, c->target);
    struct stored_plan    plan = { 0 };
    struct stored_run     run = { 0 };
    struct stored_outcome o = { .case_id = c->id, .target = c->target, .planner = "person", .kept = was_kept(c) };
    struct fault          ignored;
    enum err err = c->plan_id[0] ? store_plan_get(e->store, c->plan_id, &plan, fault) : ERR_MISSING;
    bool planned = err == OK;
    if (err == OK || err == ERR_MISSING)
        err = describe(e, c, &o, &run, fault);
    if (planned) {
        o.planner = plan.planner;
        o.proposal = plan.proposal;
        o.workload = json_object_get(plan.proposal, "workload");
    }
    if (err == OK && planned)
        err = store_outcome_add(e->store, &o, clock_wall_us(e->clock), fault);
    if (err == OK && t && planned)
        prove_count(t, &o);
    struct proposal p;
    if (err == OK && t && planned && !outcome_teaches_nothing(&o) && proposal_parse(plan.proposal, &p, &ignored) == OK) {
        tell(e, t, &p, &o);
        err = knowing_learn(e, t, &p, told_from(o.result), &o, fault);
    }
    if (err == OK && !o.verdict)      /* a verdict has counted it */
        e->count.degraded_s += o.degraded_s;
    if (err == OK && planned)
        log_info("outcome", F("case", (const char *)c->id), F("target", (const char *)c->target), F("result", o.result), F("kept", o.kept), F("effect", o.effect), F("planner", o.planner));
    if (err == OK && t && strcmp(t->case_id, c->id) == 0)
        err = release(e, t, c, &o, planned, fault);
    stored_plan_done(&plan);
    stored_run_done(&run);
    return err;
}
