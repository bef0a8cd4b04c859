/* casefile/step.c - reads the tables and decides. */
#include "casefile/step.h"

#include "casefile/rules.h"

#include <assert.h>
#include <stddef.h>

static const char *const order_names[ORDER_COUNT] = {
#define X(id, name, text) [ORDER_##id] = name,
    CASE_ORDER_MAP(X)
#undef X
};
static const char *const input_names[RUN_INPUT_COUNT] = {
#define X(id, name, text) [RUN_ON_##id] = name,
    RUN_INPUT_MAP(X)
#undef X
};

#define MINUTES(n) ((int64_t)(n) * 60 * 1000000)

const struct case_timing case_timing_default = { {
    [CASE_NEW]       = MINUTES(24 * 60),
    [CASE_ANALYZING] = MINUTES(60),
    [CASE_PLANNING]  = MINUTES(60),
    [CASE_WAIT_GATE] = MINUTES(24 * 60),
    [CASE_EXECUTING] = MINUTES(4 * 60),
    [CASE_VERIFYING] = MINUTES(12 * 60),
    [CASE_PARKED]    = MINUTES(7 * 24 * 60),
    [CASE_CLOSED]    = 0,
}, .undo_us = MINUTES(60) };

const char *case_order_name(enum case_order o) { return (unsigned)o < ORDER_COUNT ? order_names[o] : "?"; }
const char *run_input_name(enum run_input i)   { return (unsigned)i < RUN_INPUT_COUNT ? input_names[i] : "?"; }
bool        case_is_final(enum case_state s)   { return s == CASE_CLOSED; }

bool case_order_is_action(enum case_order o)
{
    switch (o) {
    case ORDER_PREPARE: case ORDER_PROBE: case ORDER_DO: case ORDER_INCUMBENT:
    case ORDER_CANDIDATE: case ORDER_UNDO: case ORDER_RECOVER:
        return true;
    default:
        return false;
    }
}

static bool acts(enum case_state s) { return s == CASE_EXECUTING || s == CASE_VERIFYING; }

static const struct case_rule *find_rule(const struct casefile *c, enum case_event on, const struct case_facts *f, const struct case_rule **refused)
{
    for (size_t i = 0; i < case_rules_count; i++) {
        const struct case_rule *r = &case_rules[i];
        if (r->from != c->state || r->on != on)
            continue;
        if (!r->when || r->when(c, f))
            return r;
        if (r->unless)
            *refused = r;
    }
    return NULL;
}

static const struct run_rule *find_run(const struct casefile *c, enum run_input on, const struct case_facts *f)
{
    for (size_t i = 0; i < run_rules_count; i++) {
        const struct run_rule *r = &run_rules[i];
        if (r->from == c->phase && r->on == on && (!r->when || r->when(c, f)))
            return r;
    }
    return NULL;
}

/* A new action gets a number of its own, so that the answer to an older one is recognised as such. */
static void give_action(struct casefile *c, enum case_order order)
{
    c->action = case_order_is_action(order) ? ++c->actions : 0;
}

/* What a run rule changes beside the phase. */
static void apply_run(struct casefile *c, const struct run_rule *r)
{
    bool again = r->to == r->from && case_order_is_action(r->order);
    bool waits = r->on == RUN_ON_PUT_BACK && r->order == ORDER_NONE;   /* the action under way goes on */

    if (r->on == RUN_ON_PUT_BACK)
        c->put_back = true;
    if (r->from == RUN_DOING && r->on == RUN_ON_DONE)
        c->step++;
    if (again || r->number == 1033)
        c->attempts++;
    else if (!waits && r->number != 1022)
        c->attempts = 0;
    /* From the first intent on, what is in force is only proven by reading back. */
    if (r->to == RUN_DOING || r->to == RUN_TO_INCUMBENT || r->to == RUN_TO_CANDIDATE || r->to == RUN_UNDOING || r->to == RUN_UNKNOWN)
        c->in_force_is_proven = false;
    if (r->to == RUN_WATCHING || r->to == RUN_DONE || r->to == RUN_UNDONE)
        c->in_force_is_proven = true;
    if (r->on == RUN_ON_DONE && r->to == RUN_DONE)
        c->candidate_in_force = r->from == RUN_TO_CANDIDATE;
    if (r->to == RUN_DONE && r->from == RUN_WATCHING)
        c->candidate_in_force = true;
    if (r->to == RUN_UNDONE) {
        c->step = 0;
        c->candidate_in_force = false;
    }
    c->phase = r->to;
    if (!waits)
        give_action(c, r->order);
}

static void enter(struct casefile *c, const struct case_rule *r, const struct case_timing *timing, int64_t now_us)
{
    if (r->on == ON_PROVEN)
        c->in_force_is_proven = true;
    if (r->on == ON_RESUME || r->to == CASE_PLANNING) {
        c->plan_id[0] = c->plan_hash[0] = '\0';
        c->steps = c->step = c->attempts = 0;
        c->phase = RUN_IDLE;
        c->put_back = c->candidate_in_force = false;
    }
    if (r->on == ON_GATE_APPROVED)
        c->plans_tried++;
    if (r->number == 507 || r->number == 607) {
        c->phase = RUN_UNKNOWN;
        c->in_force_is_proven = false;
    }
    if (!acts(r->to))
        c->action = 0;
    if (r->to != c->state)
        c->deadline_us = case_is_final(r->to) ? 0 : now_us + timing->stay_us[r->to];
    else if (r->order == ORDER_UNDO && !c->put_back)
        c->deadline_us = now_us + timing->undo_us;
    else if (r->on == ON_DEADLINE)
        c->deadline_us = now_us + timing->stay_us[r->to];
    c->state = r->to;
}

/* Putting back has the time it takes, however near the deadline was when it was asked for, and when it begins; who asks again does not put it off. */
static void give_time_to_undo(struct casefile *next, const struct casefile *c, const struct run_rule *r, const struct case_timing *timing, int64_t now_us)
{
    bool asked = r->on == RUN_ON_PUT_BACK && !c->put_back, begins = r->to == RUN_UNDOING && r->from != RUN_UNDOING;
    if ((asked || begins) && next->deadline_us < now_us + timing->undo_us)
        next->deadline_us = now_us + timing->undo_us;
}

/* A failed run is exec_failed while executing and verify_failed while verifying. */
static enum case_event event_in(enum case_event e, enum case_state s)
{
    return e == ON_EXEC_FAILED && s == CASE_VERIFYING ? ON_VERIFY_FAILED : e;
}

static enum case_answer decide_run(const struct casefile *c, const struct case_input *in, const struct case_timing *timing, int64_t now_us, struct case_decision *out)
{
    if (!acts(c->state))
        return in->action ? CASE_IGNORED : CASE_ILLEGAL;
    if (in->action && in->action != c->action)
        return CASE_IGNORED;
    const struct run_rule *r = find_run(c, in->run, &in->facts);
    if (!r)
        return in->action ? CASE_IGNORED : CASE_ILLEGAL;
    out->run = r;
    out->order = r->order;
    out->why = r->why;
    apply_run(&out->next, r);
    give_time_to_undo(&out->next, c, r, timing, now_us);
    if (r->event == ON_NOTHING)
        return CASE_MOVED;

    const struct case_rule *refused = NULL;
    out->rule = find_rule(&out->next, event_in(r->event, c->state), &in->facts, &refused);
    assert(out->rule && "a run rule ends in an event that its state has a rule for");
    out->order = out->rule->order;
    enter(&out->next, out->rule, timing, now_us);
    return CASE_MOVED;
}

static enum case_answer decide_event(const struct casefile *c, const struct case_input *in, const struct case_timing *timing, int64_t now_us, struct case_decision *out)
{
    const struct case_rule *refused = NULL;
    const struct case_rule *r = find_rule(c, in->event, &in->facts, &refused);
    if (!r) {
        out->rule = refused;
        out->why = refused ? refused->unless : NULL;
        return refused ? CASE_GUARDED : CASE_ILLEGAL;
    }
    out->rule = r;
    out->order = r->order;
    out->why = r->why;
    enter(&out->next, r, timing, now_us);
    if (r->order != ORDER_UNDO)
        return CASE_MOVED;

    /* Cancel and deadline only ask: the run decides what putting back means where it stands. */
    struct case_input ask = { .kind = INPUT_RUN, .run = RUN_ON_PUT_BACK, .facts = in->facts };
    struct casefile   asked = out->next;
    out->order = ORDER_NONE;
    if (decide_run(&asked, &ask, timing, now_us, out) == CASE_MOVED) {
        if (!out->rule)
            out->rule = r;
        return CASE_MOVED;
    }
    out->rule = r;
    return CASE_MOVED;
}

enum case_answer case_decide(const struct casefile *c, const struct case_input *in, const struct case_timing *timing,
                             int64_t now_us, struct case_decision *out)
{
    *out = (struct case_decision){ .next = *c };
    enum case_answer a = in->kind == INPUT_RUN ? decide_run(c, in, timing, now_us, out) : decide_event(c, in, timing, now_us, out);
    if (a != CASE_MOVED) {
        out->next = *c;
        return a;
    }
    out->next.version = c->version + 1;
    out->next.updated_us = now_us;
    assert(!case_order_is_action(out->order) || acts(out->next.state));
    assert(out->next.state == CASE_CLOSED || out->next.deadline_us != 0);
    return CASE_MOVED;
}

enum case_answer case_restart(const struct casefile *c, int64_t now_us, struct case_decision *out)
{
    static const enum case_order again[RUN_PHASE_COUNT] = {
        [RUN_PREPARING] = ORDER_PREPARE, [RUN_PROBING] = ORDER_PROBE, [RUN_DOING] = ORDER_RECOVER,
        [RUN_WATCHING] = ORDER_WATCH, [RUN_TO_INCUMBENT] = ORDER_RECOVER, [RUN_TO_CANDIDATE] = ORDER_RECOVER, [RUN_UNDOING] = ORDER_UNDO,
    };
    *out = (struct case_decision){ .next = *c };
    if (!acts(c->state))
        return CASE_ILLEGAL;
    out->order = c->phase == RUN_DONE && c->state == CASE_VERIFYING ? ORDER_VERIFY : again[c->phase];
    if (out->order == ORDER_NONE)
        return CASE_ILLEGAL;
    out->why = "the engine was restarted";
    give_action(&out->next, out->order);
    out->next.version = c->version + 1;
    out->next.updated_us = now_us;
    return CASE_MOVED;
}

bool case_holds_target(const struct casefile *c)
{
    return c->phase == RUN_UNKNOWN ? c->state != CASE_CLOSED && !c->in_force_is_proven : acts(c->state);
}

int case_events_from(enum case_state s, enum case_event out[CASE_EVENT_COUNT])
{
    int  n = 0;
    bool seen[CASE_EVENT_COUNT] = { false };
    for (size_t i = 0; i < case_rules_count; i++)
        if (case_rules[i].from == s && !seen[case_rules[i].on]) {
            seen[case_rules[i].on] = true;
            out[n++] = case_rules[i].on;
        }
    return n;
}
