/* A case never does harm it cannot undo, never waits for ever, never skips the gate, and never acts when parked. */
#include "unit.h"

#include "casefile/rules.h"

#include <string.h>

static struct casefile born(void)
{
    return (struct casefile){ .state = CASE_NEW, .version = 1, .deadline_us = 1, .in_force_is_proven = true };
}

static enum case_answer send(struct casefile *c, struct case_input in, struct case_decision *d)
{
    enum case_answer a = case_decide(c, &in, &case_timing_default, 1000, d);
    if (a == CASE_MOVED)
        *c = d->next;
    return a;
}

static enum case_answer event(struct casefile *c, enum case_event e)
{
    struct case_decision d;
    return send(c, (struct case_input){ .kind = INPUT_EVENT, .event = e, .facts = { .gate_approves = true, .proven_better = true } }, &d);
}

static enum case_order answer(struct casefile *c, enum run_input i)
{
    struct case_decision d;
    int64_t action = i == RUN_ON_BEGIN || i == RUN_ON_WATCHED || i == RUN_ON_PUT_BACK ? 0 : c->action;
    assert_int_equal(send(c, (struct case_input){ .kind = INPUT_RUN, .run = i, .action = action, .facts = { .recover_max = 1 } }, &d), CASE_MOVED);
    return d.order;
}

static struct casefile at_gate(int steps)
{
    struct casefile c = born();
    event(&c, ON_START_ANALYSIS);
    event(&c, ON_ANALYSIS_DONE);
    strcpy(c.plan_id, "p");
    c.steps = steps;
    assert_int_equal(event(&c, ON_PLAN_READY), CASE_MOVED);
    return c;
}

static struct casefile executing(int steps)
{
    struct casefile c = at_gate(steps);
    assert_int_equal(event(&c, ON_GATE_APPROVED), CASE_MOVED);
    return c;
}

static void the_tables_are_well_formed(void **state)
{
    (void)state;
    struct fault f = { 0 };
    assert_ok(case_rules_check(&f), &f);
}

static void the_happy_path_closes(void **state)
{
    (void)state;
    struct casefile c = executing(2);
    assert_int_equal(answer(&c, RUN_ON_BEGIN), ORDER_PREPARE);
    assert_int_equal(answer(&c, RUN_ON_PREPARED), ORDER_PROBE);
    assert_int_equal(answer(&c, RUN_ON_PROBED), ORDER_DO);
    assert_false(c.in_force_is_proven);
    assert_int_equal(answer(&c, RUN_ON_DONE), ORDER_WATCH);
    assert_int_equal(answer(&c, RUN_ON_WATCHED), ORDER_PROBE);
    assert_int_equal(answer(&c, RUN_ON_PROBED), ORDER_DO);
    assert_int_equal(answer(&c, RUN_ON_DONE), ORDER_WATCH);
    assert_int_equal(answer(&c, RUN_ON_WATCHED), ORDER_VERIFY);
    assert_int_equal(c.state, CASE_VERIFYING);
    assert_int_equal(event(&c, ON_VERIFY_PASS), CASE_MOVED);
    assert_int_equal(c.state, CASE_CLOSED);
    assert_int_equal(c.deadline_us, 0);
}

static void a_plan_that_is_not_complete_does_not_reach_the_gate(void **state)
{
    (void)state;
    struct casefile c = born();
    event(&c, ON_START_ANALYSIS);
    event(&c, ON_ANALYSIS_DONE);
    int64_t version = c.version;
    assert_int_equal(event(&c, ON_PLAN_READY), CASE_GUARDED);
    assert_int_equal(c.version, version);
}

static void nothing_acts_except_on_the_gates_approval(void **state)
{
    (void)state;
    for (size_t i = 0; i < case_rules_count; i++)
        if (case_rules[i].order == ORDER_BEGIN) {
            assert_int_equal(case_rules[i].from, CASE_WAIT_GATE);
            assert_int_equal(case_rules[i].on, ON_GATE_APPROVED);
        }
    struct casefile c = at_gate(1);
    struct case_decision d;
    assert_int_equal(send(&c, (struct case_input){ .kind = INPUT_EVENT, .event = ON_GATE_APPROVED }, &d), CASE_GUARDED);
    assert_int_equal(send(&c, (struct case_input){ .kind = INPUT_RUN, .run = RUN_ON_BEGIN }, &d), CASE_ILLEGAL);
}

static void a_person_cannot_declare_a_step_done(void **state)
{
    (void)state;
    struct casefile c = executing(1);
    assert_int_equal(event(&c, ON_EXEC_DONE), CASE_GUARDED);
    answer(&c, RUN_ON_BEGIN), answer(&c, RUN_ON_PREPARED), answer(&c, RUN_ON_PROBED);
    assert_int_equal(event(&c, ON_EXEC_FAILED), CASE_GUARDED);
}

static void a_failed_step_is_put_back_before_the_case_parks(void **state)
{
    (void)state;
    struct casefile c = executing(1);
    answer(&c, RUN_ON_BEGIN), answer(&c, RUN_ON_PREPARED), answer(&c, RUN_ON_PROBED);
    assert_int_equal(answer(&c, RUN_ON_PARTIAL), ORDER_UNDO);
    assert_int_equal(c.state, CASE_EXECUTING);
    assert_int_equal(answer(&c, RUN_ON_DONE), ORDER_NONE);
    assert_int_equal(c.state, CASE_PARKED);
    assert_true(c.in_force_is_proven);
    assert_int_equal(event(&c, ON_GIVE_UP), CASE_MOVED);
    assert_int_equal(c.state, CASE_CLOSED);
}

static void a_cancel_in_the_middle_of_a_step_waits_for_it_and_then_puts_back(void **state)
{
    (void)state;
    struct casefile c = executing(1);
    answer(&c, RUN_ON_BEGIN), answer(&c, RUN_ON_PREPARED), answer(&c, RUN_ON_PROBED);
    int64_t action = c.action;
    assert_int_equal(event(&c, ON_CANCEL), CASE_MOVED);
    assert_int_equal(c.phase, RUN_DOING);
    assert_int_equal(c.action, action);
    assert_int_equal(answer(&c, RUN_ON_DONE), ORDER_UNDO);
}

static void an_unknown_outcome_is_never_closed_by_time(void **state)
{
    (void)state;
    struct casefile c = executing(1);
    answer(&c, RUN_ON_BEGIN), answer(&c, RUN_ON_PREPARED), answer(&c, RUN_ON_PROBED);
    assert_int_equal(answer(&c, RUN_ON_LOST), ORDER_RECOVER);
    answer(&c, RUN_ON_LOST);
    assert_int_equal(c.state, CASE_PARKED);
    assert_false(c.in_force_is_proven);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(event(&c, ON_DEADLINE), CASE_MOVED);
        assert_int_equal(c.state, CASE_PARKED);
    }
    assert_int_equal(event(&c, ON_GIVE_UP), CASE_GUARDED);
    assert_int_equal(event(&c, ON_PROVEN), CASE_MOVED);
    assert_int_equal(event(&c, ON_GIVE_UP), CASE_MOVED);
}

static void an_undo_that_never_ends_is_unknown_not_forgotten(void **state)
{
    (void)state;
    struct casefile c = executing(1);
    answer(&c, RUN_ON_BEGIN), answer(&c, RUN_ON_PREPARED), answer(&c, RUN_ON_PROBED);
    assert_int_equal(event(&c, ON_DEADLINE), CASE_MOVED);
    assert_int_equal(c.state, CASE_EXECUTING);
    assert_int_equal(event(&c, ON_DEADLINE), CASE_MOVED);
    assert_int_equal(c.state, CASE_PARKED);
    assert_false(c.in_force_is_proven);
}

static void putting_back_has_the_time_it_takes_however_late_it_begins(void **state)
{
    (void)state;
    struct casefile      c = executing(2);
    struct case_decision d;
    int64_t              undo = case_timing_default.undo_us;
    answer(&c, RUN_ON_BEGIN), answer(&c, RUN_ON_PREPARED), answer(&c, RUN_ON_PROBED), answer(&c, RUN_ON_DONE);
    c.deadline_us = 1001;                                  /* the next moment */
    assert_int_equal(answer(&c, RUN_ON_PUT_BACK), ORDER_UNDO);
    assert_int_equal(c.deadline_us, 1000 + undo);
    c = executing(2);
    answer(&c, RUN_ON_BEGIN), answer(&c, RUN_ON_PREPARED), answer(&c, RUN_ON_PROBED), answer(&c, RUN_ON_DONE), answer(&c, RUN_ON_WATCHED);
    c.deadline_us = 1001;
    assert_int_equal(answer(&c, RUN_ON_REFUSED), ORDER_UNDO);
    assert_int_equal(c.deadline_us, 1000 + undo);
    c.deadline_us = 1001;                                  /* each try is no reason for another while */
    assert_int_equal(answer(&c, RUN_ON_PARTIAL), ORDER_UNDO);
    assert_int_equal(c.deadline_us, 1001);
    c = executing(1);
    answer(&c, RUN_ON_BEGIN), answer(&c, RUN_ON_PREPARED), answer(&c, RUN_ON_PROBED);
    assert_int_equal(send(&c, (struct case_input){ .kind = INPUT_EVENT, .event = ON_DEADLINE }, &d), CASE_MOVED);
    assert_int_equal(c.deadline_us, 1000 + undo);
}

static void an_answer_to_an_older_action_changes_nothing(void **state)
{
    (void)state;
    struct casefile c = executing(1);
    struct case_decision d;
    answer(&c, RUN_ON_BEGIN);
    int64_t old = c.action;
    answer(&c, RUN_ON_PREPARED);
    assert_int_equal(send(&c, (struct case_input){ .kind = INPUT_RUN, .run = RUN_ON_PREPARED, .action = old }, &d), CASE_IGNORED);
}

static void after_a_restart_a_lost_step_is_looked_at_and_not_repeated(void **state)
{
    (void)state;
    struct casefile c = executing(1);
    answer(&c, RUN_ON_BEGIN), answer(&c, RUN_ON_PREPARED), answer(&c, RUN_ON_PROBED);
    struct case_decision d;
    assert_int_equal(case_restart(&c, 1000, &d), CASE_MOVED);
    assert_int_equal(d.order, ORDER_RECOVER);
    assert_true(d.next.action > c.action);
}

static void a_plan_that_did_not_help_is_undone_and_at_most_three_are_tried(void **state)
{
    (void)state;
    struct casefile c = executing(1);
    for (int tried = 1; ; tried++) {
        answer(&c, RUN_ON_BEGIN), answer(&c, RUN_ON_PREPARED), answer(&c, RUN_ON_PROBED), answer(&c, RUN_ON_DONE), answer(&c, RUN_ON_WATCHED);
        assert_int_equal(answer(&c, RUN_ON_PUT_BACK), ORDER_UNDO);
        answer(&c, RUN_ON_DONE);
        assert_int_equal(c.state, CASE_PARKED);
        if (tried == CASE_PLANS_MAX)
            break;
        assert_int_equal(event(&c, ON_RESUME), CASE_MOVED);
        strcpy(c.plan_id, "q");
        c.steps = 1;
        event(&c, ON_PLAN_READY);
        assert_int_equal(event(&c, ON_GATE_APPROVED), CASE_MOVED);
    }
    assert_int_equal(event(&c, ON_RESUME), CASE_GUARDED);
}

static void the_incumbent_cannot_be_kept_as_the_better_one(void **state)
{
    (void)state;
    struct casefile c = executing(1);
    answer(&c, RUN_ON_BEGIN), answer(&c, RUN_ON_PREPARED), answer(&c, RUN_ON_PROBED), answer(&c, RUN_ON_DONE), answer(&c, RUN_ON_WATCHED);
    struct case_decision d;
    assert_int_equal(send(&c, (struct case_input){ .kind = INPUT_RUN, .run = RUN_ON_GO_INCUMBENT }, &d), CASE_MOVED);
    answer(&c, RUN_ON_DONE);
    assert_int_equal(event(&c, ON_VERIFY_PASS), CASE_GUARDED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_tables_are_well_formed),
        cmocka_unit_test(the_happy_path_closes),
        cmocka_unit_test(a_plan_that_is_not_complete_does_not_reach_the_gate),
        cmocka_unit_test(nothing_acts_except_on_the_gates_approval),
        cmocka_unit_test(a_person_cannot_declare_a_step_done),
        cmocka_unit_test(a_failed_step_is_put_back_before_the_case_parks),
        cmocka_unit_test(a_cancel_in_the_middle_of_a_step_waits_for_it_and_then_puts_back),
        cmocka_unit_test(an_unknown_outcome_is_never_closed_by_time),
        cmocka_unit_test(an_undo_that_never_ends_is_unknown_not_forgotten),
        cmocka_unit_test(putting_back_has_the_time_it_takes_however_late_it_begins),
        cmocka_unit_test(an_answer_to_an_older_action_changes_nothing),
        cmocka_unit_test(after_a_restart_a_lost_step_is_looked_at_and_not_repeated),
        cmocka_unit_test(a_plan_that_did_not_help_is_undone_and_at_most_three_are_tried),
        cmocka_unit_test(the_incumbent_cannot_be_kept_as_the_better_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
