/* casefile/draw.c - the tables as a check, as a diagram and as JSON. */
#include "casefile/rules.h"

#include <stddef.h>

static enum err check_numbers(struct fault *fault)
{
    for (size_t i = 0; i < case_rules_count; i++) {
        const struct case_rule *r = &case_rules[i];
        if (case_is_final(r->from))
            return fail(fault, ERR_INPUT, "rule %d leaves final state %s", r->number, case_state_name(r->from));
        for (size_t j = 0; j < i; j++) {
            const struct case_rule *q = &case_rules[j];
            if (q->number == r->number)
                return fail(fault, ERR_INPUT, "two rules have number %d", r->number);
            if (q->from == r->from && q->on == r->on && !q->when)
                return fail(fault, ERR_INPUT, "rule %d is hidden by rule %d", r->number, q->number);
        }
    }
    for (size_t i = 0; i < run_rules_count; i++)
        for (size_t j = 0; j < i; j++) {
            const struct run_rule *r = &run_rules[i], *q = &run_rules[j];
            if (q->number == r->number)
                return fail(fault, ERR_INPUT, "two run rules have number %d", r->number);
            if (q->from == r->from && q->on == r->on && !q->when)
                return fail(fault, ERR_INPUT, "run rule %d is hidden by run rule %d", r->number, q->number);
        }
    return OK;
}

static enum err check_ways(struct fault *fault)
{
    bool has_deadline[CASE_STATE_COUNT] = { false }, reached[CASE_STATE_COUNT] = { [CASE_NEW] = true };
    bool run_reached[RUN_PHASE_COUNT] = { [RUN_IDLE] = true };

    for (size_t i = 0; i < case_rules_count; i++)
        if (case_rules[i].on == ON_DEADLINE && !case_rules[i].when)
            has_deadline[case_rules[i].from] = true;
    for (size_t pass = 0; pass < CASE_STATE_COUNT; pass++)
        for (size_t i = 0; i < case_rules_count; i++)
            if (reached[case_rules[i].from])
                reached[case_rules[i].to] = true;
    for (size_t pass = 0; pass < RUN_PHASE_COUNT; pass++)
        for (size_t i = 0; i < run_rules_count; i++)
            if (run_reached[run_rules[i].from])
                run_reached[run_rules[i].to] = true;
    for (enum case_state s = 0; s < CASE_STATE_COUNT; s++) {
        if (!reached[s])
            return fail(fault, ERR_INPUT, "nothing leads to %s", case_state_name(s));
        if (!case_is_final(s) && !has_deadline[s])
            return fail(fault, ERR_INPUT, "a case can stay in %s for ever", case_state_name(s));
    }
    for (enum run_phase p = 0; p < RUN_PHASE_COUNT; p++)
        if (!run_reached[p])
            return fail(fault, ERR_INPUT, "nothing leads to run phase %s", run_phase_name(p));
    return OK;
}

enum err case_rules_check(struct fault *fault)
{
    enum err e = check_numbers(fault);
    return e == OK ? check_ways(fault) : e;
}

void case_rules_mermaid(FILE *out)
{
    fputs("stateDiagram-v2\n    [*] --> NEW\n", out);
    for (size_t i = 0; i < case_rules_count; i++)
        fprintf(out, "    %s --> %s: %d %s - %s\n", case_state_name(case_rules[i].from), case_state_name(case_rules[i].to),
                case_rules[i].number, case_event_name(case_rules[i].on), case_rules[i].why);
    fputs("    state EXECUTING_and_VERIFYING {\n", out);
    for (size_t i = 0; i < run_rules_count; i++)
        fprintf(out, "        %s --> %s: %d %s - %s\n", run_phase_name(run_rules[i].from), run_phase_name(run_rules[i].to),
                run_rules[i].number, run_input_name(run_rules[i].on), run_rules[i].why);
    fputs("    }\n", out);
}

json_t *case_rules_json(void)
{
    json_t *cases = json_array(), *runs = json_array();
    for (size_t i = 0; i < case_rules_count; i++) {
        const struct case_rule *r = &case_rules[i];
        json_array_append_new(cases, json_pack("{s:i,s:s,s:s,s:s,s:s,s:b,s:s}", "number", r->number, "from", case_state_name(r->from),
                                               "on", case_event_name(r->on), "to", case_state_name(r->to),
                                               "order", case_order_name(r->order), "guarded", r->when != NULL, "why", r->why));
    }
    for (size_t i = 0; i < run_rules_count; i++) {
        const struct run_rule *r = &run_rules[i];
        json_array_append_new(runs, json_pack("{s:i,s:s,s:s,s:s,s:s,s:b,s:s}", "number", r->number, "from", run_phase_name(r->from),
                                              "on", run_input_name(r->on), "to", run_phase_name(r->to),
                                              "order", case_order_name(r->order), "guarded", r->when != NULL, "why", r->why));
    }
    return json_pack("{s:o,s:o}", "case", cases, "run", runs);
}
