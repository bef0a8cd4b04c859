/* gate/judge.c - all rules, then risk, then people; the sternest answer decides. */
#include "gate/look.h"

#include "base/clock.h"
#include "base/utf8.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Rules that need the others' answers or the risk. Their text is part of the same list. */
enum { RULE_RISK_ASK = 701, RULE_RISK_REJECT = 702, RULE_APPROVED = 703, RULE_STALE = 704, RULE_REFUSED = 705, RULE_NOTHING_OBJECTS = 900 };

static const struct { int number; enum gate_answer answer; const char *text; } late_rules[] = {
    { RULE_RISK_ASK,        GATE_ASK,     "a person looks at plans above risk.auto_max" },
    { RULE_RISK_REJECT,     GATE_REJECT,  "plans above risk.max are refused, whoever approves" },
    { RULE_APPROVED,        GATE_APPROVE, "a person's approval stands in for all that asks for one" },
    { RULE_STALE,           GATE_APPROVE,     "an approval counts for one plan, one version of the case and one policy, until it expires, from an approver who neither opened the case nor brought the plan where four eyes are asked for" },
    { RULE_REFUSED,         GATE_REJECT,  "a person refused this plan" },
    { RULE_NOTHING_OBJECTS, GATE_APPROVE, "no rule objects and the target's mode allows it" },
};
enum { LATE_RULES = sizeof late_rules / sizeof late_rules[0] };

void gate_question_init(struct gate_question *q)
{
    *q = (struct gate_question){ .mode = MODE_WATCH, .restart = RESTART_ALLOWED, .changes_last_hour = -1, .restarts_last_day = -1,
                                 .degraded_s_last_day = (double)NAN, .cpu = (double)NAN, .wal_bytes_per_s = (double)NAN };
}

static int sternness(enum gate_answer a) { return a == GATE_REJECT ? 3 : a == GATE_WAIT ? 2 : a == GATE_ASK ? 1 : 0; }

PRINTF(4, 5) static void add_reason(struct gate_verdict *v, int rule, enum gate_answer answer, const char *format, ...)
{
    if (v->reasons == GATE_REASONS_MAX) {
        if (sternness(answer) <= sternness(v->reason[v->reasons - 1].answer))
            return;
        v->reasons--;   /* sorted already: the last is the mildest */
    }
    struct gate_reason r = { .rule = rule, .answer = answer };
    va_list args;
    va_start(args, format);
    (void)vsnprintf(r.text, sizeof r.text, format, args);
    va_end(args);
    utf8_clean(r.text, '?');   /* it may have been cut within a character, and half a one can neither be stored nor told */
    int at = v->reasons++;
    while (at > 0 && (sternness(v->reason[at - 1].answer) < sternness(answer) ||
                      (sternness(v->reason[at - 1].answer) == sternness(answer) && v->reason[at - 1].rule > rule))) {
        v->reason[at] = v->reason[at - 1];
        at--;
    }
    v->reason[at] = r;
}

static void ask_rules(const struct gate_look *l, struct gate_verdict *v)
{
    for (int i = 0; i < gate_rules_count; i++) {
        char             text[sizeof v->reason[0].text] = "";
        struct gate_says s = { text, sizeof text, 0 };
        if (!gate_rules[i].says(l, &s))
            continue;
        add_reason(v, gate_rules[i].number, gate_rules[i].answer, "%s", text);
        if (gate_rules[i].answer == GATE_WAIT && s.wait_until_us > v->wait_until_us)
            v->wait_until_us = s.wait_until_us;   /* all of them have to be over */
    }
}

static void ask_risk(const struct policy *p, struct gate_verdict *v)
{
    if (!(v->risk <= p->set.risk_max))
        add_reason(v, RULE_RISK_REJECT, GATE_REJECT, "the risk is %.2f, policy accepts at most %.2f", v->risk, p->set.risk_max);
    else if (!(v->risk <= p->set.risk_auto_max))
        add_reason(v, RULE_RISK_ASK, GATE_ASK, "the risk is %.2f, without a person at most %.2f", v->risk, p->set.risk_auto_max);
}

/* Why an approval does not count; NULL when it does. */
static const char *approval_flaw(const struct policy *p, const struct gate_question *q, const struct gate_approval *a)
{
    if (strcmp(a->plan_hash, q->plan->hash) != 0)
        return "it was for another plan";
    if (a->case_version != q->case_version)
        return "the case has moved on since";
    if (strcmp(a->policy_version, p->version) != 0)
        return "the policy has changed since";
    if (q->now_us >= a->expires_us || q->now_us - a->given_us >= p->set.approval_expires_us)
        return "it has expired, which is no refusal";
    if (q->now_us < a->given_us)
        return "it comes from the future: the clock was set back";
    if (!principal_may(&a->by, ROLE_APPROVER))
        return "who gave it is no approver";
    if (p->set.four_eyes && strcmp(a->by.name, q->opener.name) == 0)
        return "who gave it opened the case, and policy wants four eyes";
    if (p->set.four_eyes && q->planner && strcmp(a->by.name, q->planner) == 0)
        return "who gave it brought the plan, and policy wants four eyes";
    return NULL;
}

/* Said again later, by the same person, about the same plan? Later is what stands later: by the times in them an approval would outlast a refusal when the clock was set back. */
static bool said_again(const struct gate_question *q, int i)
{
    for (int j = i + 1; j < q->approvals && j < GATE_APPROVALS_MAX; j++)
        if (strcmp(q->approval[j].by.name, q->approval[i].by.name) == 0 && strcmp(q->approval[j].plan_hash, q->approval[i].plan_hash) == 0)
            return true;
    return false;
}

/* The last word of each person counts; a standing refusal of this very plan is final. */
static void ask_people(const struct policy *p, const struct gate_question *q, struct gate_verdict *v)
{
    const struct gate_approval *good = NULL;
    for (int i = 0; i < q->approvals && i < GATE_APPROVALS_MAX; i++) {
        const struct gate_approval *a = &q->approval[i];
        if (said_again(q, i))
            continue;
        if (!a->granted) {
            if (strcmp(a->plan_hash, q->plan->hash) == 0)
                add_reason(v, RULE_REFUSED, GATE_REJECT, "%.60s refused this plan", a->by.name);
            continue;
        }
        const char *flaw = approval_flaw(p, q, a);
        if (!flaw)
            good = a;
        else
            add_reason(v, RULE_STALE, GATE_APPROVE, "the approval of %.60s does not count: %s", a->by.name, flaw);
    }
    if (!good)
        return;
    for (int i = 0; i < v->reasons; i++)
        if (v->reason[i].answer == GATE_ASK)
            v->reason[i].answer = GATE_APPROVE;   /* asked and answered */
    add_reason(v, RULE_APPROVED, GATE_APPROVE, "approved by %.60s", good->by.name);
}

static bool was_asked(const struct gate_verdict *v)
{
    for (int i = 0; i < v->reasons; i++)
        if (v->reason[i].rule == RULE_APPROVED)
            return true;
    return false;
}

void gate_judge(const struct policy *policy, const struct gate_question *q, struct gate_verdict *v)
{
    struct gate_look *l = malloc(sizeof *l);
    *v = (struct gate_verdict){ .answer = GATE_REJECT };
    (void)text_copy(v->policy_version, sizeof v->policy_version, policy->version);
    if (!l) {
        (void)snprintf(v->why, sizeof v->why, "no memory to judge the plan with");
        return;
    }
    gate_look(policy, q, l);
    gate_risk(l, v);
    ask_rules(l, v);
    ask_risk(policy, v);
    ask_people(policy, q, v);
    free(l);

    bool stern = v->reasons > 0 && v->reason[0].answer != GATE_APPROVE;
    if (!stern) {
        /* The decider is the approval where one was needed, else the rule that nothing objects; remarks follow. */
        int rule = was_asked(v) ? RULE_APPROVED : RULE_NOTHING_OBJECTS;
        if (rule == RULE_NOTHING_OBJECTS)
            add_reason(v, rule, GATE_APPROVE, "no rule objects; the risk is %.2f", v->risk);
        for (int i = 0; i < v->reasons; i++)
            if (v->reason[i].rule == rule) {
                struct gate_reason decider = v->reason[i];
                memmove(&v->reason[1], &v->reason[0], (size_t)i * sizeof decider);
                v->reason[0] = decider;
                break;
            }
    }
    v->answer = v->reason[0].answer;
    v->rule = v->reason[0].rule;
    (void)text_copy(v->why, sizeof v->why, v->reason[0].text);
    if (v->answer != GATE_WAIT)
        v->wait_until_us = 0;
}

/* ---- for people and programs ---- */

/* Approve is what is left when nothing else is said; such a rule only remarks. */
static const char *rule_answer(int rule, enum gate_answer a)
{
    return a == GATE_APPROVE && rule != RULE_APPROVED && rule != RULE_NOTHING_OBJECTS ? "remark" : gate_answer_name(a);
}

static json_t *number(double x) { return isfinite(x) ? json_real(x) : json_null(); }

json_t *gate_verdict_json(const struct gate_verdict *v)
{
    json_t *parts = json_array(), *reasons = json_array();
    char    when[32];
    for (int i = 0; i < v->parts; i++)
        (void)json_array_append_new(parts, json_pack("{s:s, s:o, s:s}", "name", v->part[i].name, "value", number(v->part[i].value), "text", v->part[i].text));
    for (int i = 0; i < v->reasons; i++)
        (void)json_array_append_new(reasons, json_pack("{s:i, s:s, s:s}", "rule", v->reason[i].rule, "answer", rule_answer(v->reason[i].rule, v->reason[i].answer), "text", v->reason[i].text));
    json_t *j = json_pack("{s:s, s:i, s:s, s:o, s:o, s:o, s:s}", "answer", gate_answer_name(v->answer), "rule", v->rule, "why", v->why, "risk", number(v->risk),
                          "risk_parts", parts, "reasons", reasons, "policy_version", v->policy_version);
    if (j && v->wait_until_us > 0)
        (void)json_object_set_new(j, "wait_until", json_string(clock_format(v->wait_until_us, when, sizeof when)));
    return j;
}

void gate_rules_print(struct text *out)
{
    text_add(out, "The gate asks all of these; the sternest answer decides (reject, wait, ask, approve), among equals the lowest number.\n\n");
    for (int i = 0; i < gate_rules_count; i++) {
        for (int j = 0; j < LATE_RULES; j++)   /* the table is sorted; the late ones fall into their places */
            if (late_rules[j].number < gate_rules[i].number && (i == 0 || late_rules[j].number > gate_rules[i - 1].number))
                text_printf(out, "%4d  %-8s %s\n", late_rules[j].number, rule_answer(late_rules[j].number, late_rules[j].answer), late_rules[j].text);
        text_printf(out, "%4d  %-8s %s\n", gate_rules[i].number, rule_answer(gate_rules[i].number, gate_rules[i].answer), gate_rules[i].text);
    }
    text_printf(out, "%4d  %-8s %s\n", late_rules[LATE_RULES - 1].number, gate_answer_name(GATE_APPROVE), late_rules[LATE_RULES - 1].text);
}

json_t *gate_rules_json(void)
{
    json_t *list = json_array();
    for (int i = 0; i < gate_rules_count; i++)
        (void)json_array_append_new(list, json_pack("{s:i, s:s, s:s}", "rule", gate_rules[i].number, "answer", rule_answer(gate_rules[i].number, gate_rules[i].answer), "text", gate_rules[i].text));
    for (int j = 0; j < LATE_RULES; j++)
        (void)json_array_append_new(list, json_pack("{s:i, s:s, s:s}", "rule", late_rules[j].number, "answer", rule_answer(late_rules[j].number, late_rules[j].answer), "text", late_rules[j].text));
    return list;
}

enum err gate_rules_check(struct fault *fault)
{
    for (int i = 0; i < gate_rules_count; i++) {
        if (!gate_rules[i].says || !gate_rules[i].text || !*gate_rules[i].text)
            return fail(fault, ERR_INPUT, "rule %d has no function or no text", gate_rules[i].number);
        if (i > 0 && gate_rules[i].number <= gate_rules[i - 1].number)
            return fail(fault, ERR_INPUT, "rule %d stands out of order", gate_rules[i].number);
        for (int j = 0; j < LATE_RULES; j++)
            if (late_rules[j].number == gate_rules[i].number)
                return fail(fault, ERR_INPUT, "rule %d is there twice", gate_rules[i].number);
    }
    return OK;
}
