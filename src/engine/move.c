/*
 * engine/move.c - the only place that writes a moved case.
 *
 * A decision, the case row, its timeline row and its messages are written in the
 * turn's transaction; what is to be done is only remembered here, and done after
 * the commit (stages.c).
 */
#include "base/crash.h"
#include "base/log.h"
#include "base/text.h"
#include "engine/inside.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static json_t *time_json(int64_t us)
{
    char text[32];
    return us ? json_string(clock_format(us, text, sizeof text)) : json_null();
}

/* The same members as store/read.h gives out, so that a reply and a later GET agree. */
json_t *engine_case_json(const struct casefile *c)
{
    return json_pack("{s:s,s:s,s:s,s:s,s:I,s:s,s:s,s:s,s:i,s:b,s:s,s:i,s:i,s:s,s:s,s:o,s:o,s:o}", "id", c->id, "tenant", c->tenant, "title", c->title,
                     "status", case_state_name(c->state), "version", (json_int_t)c->version, "target", c->target, "opened_by", c->opened_by,
                     "driver", c->driver == DRIVER_ENGINE ? "engine" : "person", "plans_tried", c->plans_tried, "in_force_is_proven", c->in_force_is_proven,
                     "phase", run_phase_name(c->phase), "step", c->step, "steps", c->steps, "plan_id", c->plan_id, "plan_hash", c->plan_hash,
                     "deadline_at", time_json(c->deadline_us), "created_at", time_json(c->created_us), "updated_at", time_json(c->updated_us));
}

enum err engine_publish(struct engine *e, const char *topic, const char *case_id, json_t *data, struct fault *fault)
{
    char    id[ID_SIZE], when[32];
    int64_t now = clock_wall_us(e->clock);
    id_new(now, id);
    json_t *message = json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:o}", "specversion", "1.0", "id", id, "source", "homeostat/engine", "type", topic,
                                "subject", case_id, "time", clock_format(now, when, sizeof when), "datacontenttype", "application/json",
                                "traceid", e->trace_id, "data", data ? data : json_object());
    enum err err = store_outbox_add(e->store, topic, case_id, message, now, fault);
    json_decref(message);
    e->outbox_waits = true;
    return err;
}

void engine_order(struct engine *e, const struct casefile *c, enum case_order order)
{
    if (order == ORDER_NONE)
        return;
    if (e->orders_count == ORDERS_MAX) {   /* the deadline of the case is the way out, and it is said */
        log_error("too many orders in one turn, one is left to its case's deadline", F("case", (const char *)c->id), F("order", case_order_name(order)));
        return;
    }
    struct order *o = &e->orders[e->orders_count++];
    (void)text_copy(o->case_id, sizeof o->case_id, c->id);
    o->order = order;
    o->target = engine_target_index(e, c->target);
}

static enum err write_timeline(struct engine *e, const struct casefile *before, const struct casefile *after, const char *event, int rule, int run_rule,
                               bool moved, const struct cause *why, const char *reason, struct fault *fault)
{
    json_t *meta = why->meta ? json_copy((json_t *)why->meta) : json_object();
    json_object_set_new(meta, "trace_id", json_string(e->trace_id));
    if (moved)
        json_object_set_new(meta, "phase", json_string(run_phase_name(after->phase)));
    enum err err = store_timeline_add(e->store, &(struct timeline_row){
        .case_id = before->id, .event = event, .actor = why->actor, .reason = reason, .trace_id = e->trace_id, .version = after->version,
        .at_us = clock_wall_us(e->clock), .from = before->state, .to = after->state, .rule = rule, .run_rule = run_rule, .moved = moved, .meta = meta }, fault);
    json_decref(meta);
    return err;
}

enum err engine_remark(struct engine *e, const struct casefile *c, const char *event, const struct cause *why, struct fault *fault)
{
    return write_timeline(e, c, c, event, 0, 0, false, why, why->reason ? why->reason : "", fault);
}

/* The messages that a transition sends, beside evt.case.transition.v1. */
static enum err publish_moved(struct engine *e, const struct casefile *before, const struct case_decision *d, const char *event, struct fault *fault)
{
    static const struct { enum case_event on; const char *topic; } topics[] = {
        { ON_EXEC_DONE, "evt.exec.done.v1" }, { ON_EXEC_FAILED, "evt.exec.failed.v1" }, { ON_VERIFY_PASS, "evt.verify.pass.v1" },
        { ON_VERIFY_FAILED, "evt.verify.failed.v1" }, { ON_GATE_APPROVED, "evt.plan.approved.v1" },
    };
    static const struct { enum case_order order; const char *topic; } commands[] = {
        { ORDER_PLAN, "cmd.plan.generate" }, { ORDER_GATE, "cmd.gate.eval" }, { ORDER_BEGIN, "cmd.exec.run" }, { ORDER_VERIFY, "cmd.verify.run" },
    };
    if (!d->rule)
        return OK;
    json_t *data = json_pack("{s:s,s:s,s:s,s:I,s:i,s:s,s:s}", "from", case_state_name(before->state), "to", case_state_name(d->next.state),
                             "event", event, "version", (json_int_t)d->next.version, "rule", d->rule->number, "why", d->rule->why, "target", before->target);
    enum err err = engine_publish(e, "evt.case.transition.v1", before->id, json_incref(data), fault);
    for (size_t i = 0; i < sizeof topics / sizeof topics[0] && err == OK; i++)
        if (d->rule->on == topics[i].on)
            err = engine_publish(e, topics[i].topic, before->id, json_incref(data), fault);
    for (size_t i = 0; i < sizeof commands / sizeof commands[0] && err == OK; i++)
        if (d->order == commands[i].order)
            err = engine_publish(e, commands[i].topic, before->id, json_incref(data), fault);
    json_decref(data);
    return err;
}

static const char *input_name(const struct case_input *in, const struct case_decision *d)
{
    if (in->kind == INPUT_EVENT)
        return case_event_name(in->event);
    return d->rule ? case_event_name(d->rule->on) : run_input_name(in->run);
}

/* EXECUTING and VERIFYING may take as long as their plan says, the other states as the table says. */
static struct case_timing timing_for(struct engine *e, const struct casefile *c)
{
    struct case_timing t = case_timing_default;
    struct stored_plan stored;
    struct plan        plan;
    struct fault       ignored;
    if (!c->plan_id[0] || store_plan_get(e->store, c->plan_id, &stored, &ignored) != OK)
        return t;
    if (plan_parse(stored.plan, &plan, &ignored) == OK) {
        int64_t seconds = 600, longest = 0, settings = 0, others = 0;      /* all settings are put back as one */
        for (int i = 0; i < plan.steps; i++) {
            int64_t timeout = plan.step[i].timeout_s;
            bool    sets = plan.step[i].action == PLAN_POSTGRES_SET || plan.step[i].action == PLAN_POSTGRES_RESTART;
            seconds += timeout * (plan.step[i].retry + 2) + 4 * (int64_t)plan.step[i].watch_s;
            longest = timeout > longest ? timeout : longest;
            settings = sets && timeout + 60 > settings ? timeout + 60 : settings;
            others += sets ? 0 : timeout + 60;
        }
        t.stay_us[CASE_EXECUTING] = seconds * US_PER_S;
        t.undo_us = (longest + 2 * (settings + others) + 300) * US_PER_S;
        int64_t windows = 3 * e->d.tune->windows_max + 6;
        t.stay_us[CASE_VERIFYING] = 2 * windows * (e->d.tune->window_us + e->d.tune->wash_out_us) + 4 * e->d.tune->warm_up_us + 600 * US_PER_S;
        plan_done(&plan);
    }
    stored_plan_done(&stored);
    return t;
}

static enum err record_refusal(struct engine *e, const struct casefile *c, const struct case_input *in, const struct cause *why, const struct case_decision *d, struct fault *fault)
{
    char reason[400];
    (void)snprintf(reason, sizeof reason, "refused: %s", d->why ? d->why : "this event means nothing here");
    e->count.conflict_409 += d->why == NULL;
    e->count.conflict_422 += d->why != NULL;
    return write_timeline(e, c, c, input_name(in, d), d->rule ? d->rule->number : 0, 0, false, why, reason, fault);
}

enum err engine_feed(struct engine *e, struct casefile *c, const struct case_input *in, const struct cause *why,
                     enum case_answer *answer, struct case_decision *d, struct fault *fault)
{
    struct case_timing timing = timing_for(e, c);
    *answer = case_decide(c, in, &timing, clock_wall_us(e->clock), d);
    if (*answer == CASE_IGNORED) {
        e->count.dedup++;
        return OK;
    }
    if (*answer != CASE_MOVED)
        return record_refusal(e, c, in, why, d, fault);

    const char *event = input_name(in, d);
    char        reason[600];
    /* Of an event its own rule, not only what the run made of it. */
    const char *because = in->kind == INPUT_EVENT && d->rule && d->rule->on == in->event ? d->rule->why : d->why ? d->why : "";
    (void)snprintf(reason, sizeof reason, "%s%s%s", because, why->reason && *why->reason && *because ? ": " : "", why->reason ? why->reason : "");
    enum err err = store_case_update(e->store, &d->next, fault);
    if (err == OK)
        err = write_timeline(e, c, &d->next, event, d->rule ? d->rule->number : 0, d->run ? d->run->number : 0, true, why, reason, fault);
    if (err == OK)
        err = publish_moved(e, c, d, event, fault);
    /* The intent is durable in the same transaction, before any worker hears of it. */
    if (err == OK && case_order_is_action(d->order)) {
        CRASH_POINT(CRASH_BEFORE_INTENT);
        err = store_action_begin(e->store, c->id, d->next.action, case_order_name(d->order), d->next.step, NULL, clock_wall_us(e->clock), fault);
    }
    if (err != OK)
        return err;

    if (d->rule) {
        e->count.transition[c->state][d->next.state][d->rule->on]++;
        log_info("case moved", F("case", (const char *)c->id), F("target", (const char *)c->target), F("rule", d->rule->number), F("from", case_state_name(c->state)),
                 F("to", case_state_name(d->next.state)), F("event", event), F("reason", (const char *)reason), F("trace_id", (const char *)e->trace_id));
        if (d->next.phase == RUN_UNDONE && c->phase == RUN_UNDOING)
            e->count.rollbacks++;
    }
    *c = d->next;
    engine_order(e, c, d->order);
    return OK;
}

enum err engine_event(struct engine *e, const char *case_id, enum case_event on, const struct cause *why, struct fault *fault)
{
    struct casefile      c;
    struct case_decision d;
    enum case_answer     answer;
    enum err             err = turn_begin(e, fault);
    if (err == OK)
        err = store_case_get(e->store, case_id, &c, NULL, fault);
    struct case_input in = { .kind = INPUT_EVENT, .event = on, .facts = { .recover_max = RECOVER_MAX } };
    return err == OK ? engine_feed(e, &c, &in, why, &answer, &d, fault) : err;
}

enum err engine_run(struct engine *e, const char *case_id, enum run_input on, int64_t action, int retry, const struct cause *why, struct fault *fault)
{
    struct casefile      c;
    struct case_decision d;
    enum case_answer     answer;
    enum err             err = turn_begin(e, fault);
    if (err == OK)
        err = store_case_get(e->store, case_id, &c, NULL, fault);
    struct case_input in = { .kind = INPUT_RUN, .run = on, .action = action, .facts = { .retry = retry, .recover_max = RECOVER_MAX } };
    return err == OK ? engine_feed(e, &c, &in, why, &answer, &d, fault) : err;
}

/* ---- birth, plans, the gate ---- */

enum err engine_open_case(struct engine *e, struct casefile *c, const struct principal *opener, const char *title, const char *target,
                          const char *tenant, enum case_driver driver, struct fault *fault)
{
    int64_t now = clock_wall_us(e->clock);
    *c = (struct casefile){ .state = CASE_NEW, .version = 1, .driver = driver, .in_force_is_proven = true,
                            .created_us = now, .updated_us = now, .deadline_us = now + case_timing_default.stay_us[CASE_NEW] };
    id_new(now, c->id);
    (void)text_copy(c->title, sizeof c->title, title);
    (void)text_copy(c->target, sizeof c->target, target);
    (void)text_copy(c->tenant, sizeof c->tenant, tenant);
    (void)text_copy(c->opened_by, sizeof c->opened_by, opener->name);
    enum err err = turn_begin(e, fault);
    if (err == OK)
        err = store_case_insert(e->store, c, opener, fault);
    struct cause why = { .actor = opener->name, .reason = title };
    if (err == OK)
        err = write_timeline(e, c, c, "created", 0, 0, true, &why, title, fault);
    if (err == OK)
        err = engine_publish(e, "evt.case.transition.v1", c->id, json_pack("{s:n,s:s,s:s,s:i,s:s,s:o}", "from", "to", "NEW", "event", "created", "version", 1, "target", c->target, "case", engine_case_json(c)), fault);
    return err;
}

/* What the case is about; when it names nothing, what its plan does. A plan may not act on a target behind the case's back: the gate compares the two. */
static const char *target_of(const struct plan *plan, const struct casefile *c)
{
    for (int i = 0; i < plan->steps && !*c->target; i++) {
        const char *named = json_string_value(json_object_get(plan->step[i].params, "target"));
        if (named)
            return named;
    }
    return c->target;
}

/* Who holds the target, who is stopped with it and what is learned of it is told by the case: one without a target is about that of its first plan from then on. */
static void take_up_target(struct engine *e, struct casefile *c, const struct plan *plan)
{
    const char *named = target_of(plan, c);
    if (named != c->target && engine_target(e, named))
        (void)text_copy(c->target, sizeof c->target, named);
}

enum err engine_set_plan(struct engine *e, struct casefile *c, json_t *json, const char *planner, const json_t *proposal, struct fault *fault)
{
    struct plan plan;
    enum err    err = plan_parse(json, &plan, fault);
    if (err != OK)
        return err;
    struct stored_plan stored = { .plan = json, .proposal = (json_t *)proposal, .case_version = c->version + 1 };
    id_new(clock_wall_us(e->clock), stored.id);
    (void)text_copy(stored.hash, sizeof stored.hash, plan.hash);
    (void)text_copy(stored.planner, sizeof stored.planner, planner);
    err = store_plan_add(e->store, c->id, &stored, clock_wall_us(e->clock), fault);
    if (err == OK)
        err = store_run_anew(e->store, c->id, fault);
    (void)text_copy(c->plan_id, sizeof c->plan_id, stored.id);
    (void)text_copy(c->plan_hash, sizeof c->plan_hash, plan.hash);
    c->steps = plan.steps;
    take_up_target(e, c, &plan);
    if (err == OK)
        err = engine_publish(e, "evt.plan.proposed.v1", c->id, json_pack("{s:s,s:s,s:s,s:i,s:s}", "plan_id", stored.id, "title", plan.title, "hash", plan.hash, "steps", plan.steps, "planner", planner), fault);
    plan_done(&plan);
    return err;
}

static enum err read_approvals(struct engine *e, const struct casefile *c, struct gate_question *q, struct fault *fault)
{
    struct stored_approval list[GATE_APPROVALS_MAX];
    int                    n = 0;
    enum err               err = store_approvals(e->store, c->id, list, GATE_APPROVALS_MAX, &n, fault);
    for (int i = 0; i < n && err == OK; i++) {
        struct gate_approval *a = &q->approval[q->approvals++];
        *a = (struct gate_approval){ .by = list[i].by, .granted = list[i].granted, .case_version = list[i].case_version, .given_us = list[i].given_us, .expires_us = list[i].expires_us };
        memcpy(a->plan_hash, list[i].plan_hash, sizeof a->plan_hash);
        memcpy(a->policy_version, list[i].policy_version, sizeof a->policy_version);
    }
    return err;
}

/* Who has the target, when it is another case. What cannot be read is not nobody. */
static enum err read_holder(struct engine *e, const struct etarget *t, const struct casefile *c, struct gate_question *q, struct fault *fault)
{
    struct casefile other;
    if (!t || !t->case_id[0] || strcmp(t->case_id, c->id) == 0)
        return OK;
    enum err err = store_case_get(e->store, t->case_id, &other, NULL, fault);
    if (err == OK && case_holds_target(&other)) {
        q->held_by = t->case_id;
        q->held_unknown = other.state == CASE_PARKED;
    }
    return err == ERR_MISSING ? OK : err;
}

static enum err read_budgets_used(struct engine *e, const char *target, struct gate_question *q, struct fault *fault)
{
    int64_t  now = q->now_us, day = 86400 * US_PER_S, unused, newest = 0;
    int      outcomes = 0;
    double   alpha = 0;
    enum err err = store_change_count(e->store, target, "change", now, 3600 * US_PER_S, &q->changes_last_hour, &q->oldest_change_us, &unused, fault);
    if (err == OK)
        err = store_change_count(e->store, target, "restart", now, day, &q->restarts_last_day, &unused, &unused, fault);
    int rollbacks = 0;
    if (err == OK)
        err = store_change_count(e->store, target, "rollback", now, e->policy.set.cool_down_us, &rollbacks, &unused, &newest, fault);
    q->last_rollback_us = newest;
    if (err == OK)
        err = store_outcome_totals(e->store, target, now, day, &outcomes, &alpha, &q->degraded_s_last_day, fault);
    if (err == OK)
        err = store_failures(e->store, target, &q->failures, fault);
    return err;
}

enum err engine_judge(struct engine *e, struct casefile *c, bool at_execution, struct gate_verdict *v, struct fault *fault)
{
    struct stored_plan stored;
    struct plan        plan;
    struct casefile    ignored;
    struct gate_question q;
    char               planner[sizeof q.opener.name];
    enum err err = store_plan_get(e->store, c->plan_id, &stored, fault);
    if (err != OK)
        return err;
    err = plan_parse(stored.plan, &plan, fault);
    if (err == OK) {
        gate_question_init(&q);
        q.plan = &plan;
        q.target = target_of(&plan, c);
        q.case_version = stored.case_version;
        q.now_us = clock_wall_us(e->clock);
        q.at_execution = at_execution;
        struct etarget *t = engine_target(e, q.target);
        q.facts = t ? t->facts : NULL;
        q.mode = t ? t->mode : MODE_WATCH;
        q.unconfigured = *q.target && !t;
        q.restart = t ? (enum policy_restart)t->conf->restart : RESTART_NEVER;
        const struct stored_stop *stop = engine_stopped(e, q.target);
        q.stopped = stop != NULL;
        q.stop_why = stop ? stop->why : NULL;
        if (t && t->seen)
            q.wal_bytes_per_s = t->last.v[METRIC_WAL_BYTES];
        if (t && t->seen)
            q.cpu = t->last.v[METRIC_CPU];
        err = store_case_get(e->store, c->id, &ignored, &q.opener, fault);
        if (err == OK)
            err = store_plan_brought(e->store, c->id, planner, sizeof planner, fault);
        q.planner = planner;
        if (err == OK)
            err = read_holder(e, t, c, &q, fault);
        if (err == OK)
            err = read_budgets_used(e, q.target, &q, fault);
        if (err == OK)
            err = read_approvals(e, c, &q, fault);
        if (err == OK)
            gate_judge(&e->policy, &q, v);
        plan_done(&plan);
    }
    stored_plan_done(&stored);
    return err;
}

enum err engine_ask_gate(struct engine *e, struct casefile *c, const struct cause *why, struct gate_verdict *v, struct fault *fault)
{
    enum err err = engine_judge(e, c, false, v, fault);
    if (err != OK)
        return err;
    char id[ID_SIZE];
    id_new(clock_wall_us(e->clock), id);
    json_t *decision = gate_verdict_json(v);
    err = store_decision_add(e->store, id, c->id, c->plan_id, decision, gate_answer_name(v->answer), clock_wall_us(e->clock), fault);
    e->count.gate[v->answer]++;

    char text[400];
    (void)snprintf(text, sizeof text, "gate rule %d: %s", v->rule, v->why);
    json_t *meta = json_pack("{s:i,s:f,s:s,s:s,s:s}", "gate_rule", v->rule, "risk", isfinite(v->risk) ? v->risk : 1.0, "answer", gate_answer_name(v->answer),
                             "policy_version", v->policy_version, "plan_hash", c->plan_hash);
    struct cause         because = { .actor = why->actor, .reason = text, .meta = meta };
    struct case_decision d;
    enum case_answer     answer;
    if (err == OK && (v->answer == GATE_APPROVE || v->answer == GATE_REJECT)) {
        struct case_input in = { .kind = INPUT_EVENT, .event = v->answer == GATE_APPROVE ? ON_GATE_APPROVED : ON_GATE_REJECTED, .facts = { .gate_approves = v->answer == GATE_APPROVE } };
        err = engine_feed(e, c, &in, &because, &answer, &d, fault);
    } else if (err == OK) {
        err = engine_remark(e, c, "gate_waits", &because, fault);
    }
    json_decref(meta);
    json_decref(decision);
    return err;
}
