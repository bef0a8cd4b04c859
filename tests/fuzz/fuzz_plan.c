/*
 * tests/fuzz/fuzz_plan.c - any bytes as a JSON plan: refused with a reason, or judged; and what is approved keeps to the bounds.
 *
 * The first byte chooses the surroundings: a cautious or a generous policy,
 * facts or none, a person's approval or none.
 */
#include "gate/judge.h"
#include "gate/look.h"
#include "plan/compose.h"

#include "../unit/facts.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void must(bool truth)
{
    if (!truth)
        abort();
}

static struct target_facts facts;
static struct policy       cautious, generous;

static void prepare(void)
{
    if (facts.settings)
        return;
    facts_pg15(&facts, 4 * FACTS_GIB, 4);
    policy_default(&cautious);
    generous = cautious;
    generous.set.restart = RESTART_ALLOWED;
    generous.set.risk_auto_max = generous.set.risk_max = 1;
    generous.set.shell = true;
    for (int i = 1; i < KNOB_COUNT; i++)
        generous.bounds.knob[i].allowed = true;
}

static void check_approved(const struct policy *policy, const struct gate_question *q)
{
    static struct gate_look l;
    gate_look(policy, q, &l);
    must(!*l.malformed && !*l.unknown_knob && !*l.stale_from);
    for (int i = 0; i < l.moves; i++)
        must(policy->bounds.knob[l.move[i].knob].allowed && isfinite(l.move[i].to));
    struct footprint was, is;
    footprint_of(&l.before, &facts, &policy->bounds, &was);
    for (int i = 0; l.moves && i < l.states; i++) {
        footprint_of(&l.after[i], &facts, &policy->bounds, &is);
        must(!look_touches(&l, KNOB_MEMORY) || is.total <= is.bound || is.total <= was.total);
    }
}

static void judge(const struct plan *plan, unsigned how)
{
    const struct policy *policy = how & 1 ? &generous : &cautious;
    struct gate_question q;
    struct gate_verdict  v, again;
    gate_question_init(&q);
    q.plan = plan;
    q.facts = how & 2 ? NULL : &facts;
    q.target = how & 4 ? "" : "main";
    q.mode = (enum target_mode)(how >> 3 & 3);
    q.opener = (struct principal){ "engine", ROLE_OPERATOR };
    q.now_us = INT64_C(1767225600000000);
    q.changes_last_hour = q.restarts_last_day = 0;
    q.degraded_s_last_day = 0;
    if (how & 32) {
        q.approvals = 1;
        q.approval[0] = (struct gate_approval){ .by = { "alice", ROLE_APPROVER }, .granted = true, .given_us = q.now_us - 1, .expires_us = q.now_us + 1 };
        memcpy(q.approval[0].plan_hash, plan->hash, sizeof plan->hash);
        memcpy(q.approval[0].policy_version, policy->version, sizeof policy->version);
    }
    gate_judge(policy, &q, &v);
    gate_judge(policy, &q, &again);
    must(v.reasons > 0 && *v.why && v.rule == v.reason[0].rule && v.answer == again.answer && v.rule == again.rule);
    must(v.risk >= 0 && v.risk <= 1);
    json_t *j = gate_verdict_json(&v);
    must(j != NULL);
    json_decref(j);
    if (v.answer == GATE_APPROVE)
        check_approved(policy, &q);
}

static void propose(const json_t *plan)
{
    struct proposal    p;
    struct fault       fault = { 0 };
    json_t            *made = NULL;
    struct compose_how how = { "main", 0.2, NULL, 5, 60, 60 };
    struct plan        parsed;
    if (proposal_parse(json_object_get(plan, "proposal"), &p, &fault) != OK || compose_plan(&p, &facts, &how, &made, &fault) != OK) {
        must(*fault.text != '\0');
        return;
    }
    must(plan_parse(made, &parsed, &fault) == OK);
    plan_done(&parsed);
    json_decref(made);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    prepare();
    if (size < 1)
        return 0;
    char *text = strndup((const char *)data + 1, size - 1);
    must(text != NULL);
    struct plan  plan;
    struct fault fault = { 0 };
    if (plan_parse_text(text, &plan, &fault) == OK) {
        judge(&plan, data[0]);
        propose(plan.json);
        plan_done(&plan);
    } else {
        must(*fault.text != '\0');
    }
    free(text);
    return 0;
}
