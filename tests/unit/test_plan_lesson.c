/* What each parameter by itself does is told apart from trials that changed several at once. */
#include "unit.h"

#include "plan/lesson.h"

#include <math.h>
#include <string.h>

static struct fault fault;

static struct lesson one(enum knob_id id, double from, double to, double effect, double sd)
{
    return (struct lesson){ .changes = 1, .change = { { id, from, to } }, .effect = effect, .sd = sd };
}

static void effect_of(const struct lesson *lesson, int n, struct proposed_change change, double *mean, double *sd)
{
    struct lessons *l;
    assert_ok(lessons_new(lesson, n, &l, &fault), &fault);
    lessons_effect(l, &change, 1, mean, sd);
    lessons_free(l);
}

/* One lesson: the conditional mean and variance of two normal variables. A choice has nothing in common with another, so its change has twice the variance of a value. */
static void one_trial_says_what_the_conditional_distribution_says(void **state)
{
    (void)state;
    struct lesson known = one(KNOB_JIT, 1, 0, 0.2, 0.1);
    double        mean, sd, prior = 2 * 0.15 * 0.15, error = 0.1 * 0.1;
    effect_of(&known, 1, known.change[0], &mean, &sd);
    assert_true(fabs(mean - (0.2 * prior / (prior + error))) < 1e-12);
    assert_true(fabs(sd - sqrt(prior - prior * prior / (prior + error))) < 1e-12);
    effect_of(&known, 1, (struct proposed_change){ KNOB_JIT, 0, 1 }, &mean, &sd);
    assert_true(fabs(mean - (-0.2 * prior / (prior + error))) < 1e-12);      /* and back again */
    effect_of(&known, 1, (struct proposed_change){ KNOB_WORK_MEM, 4096, 8192 }, &mean, &sd);
    assert_float_equal(mean, 0, 0);
    assert_true(sd > 0.09);                                               /* nothing is expected, anything possible */
}

static void what_was_changed_together_is_told_apart_by_what_was_changed_alone(void **state)
{
    (void)state;
    struct lesson known[] = {
        { .changes = 2, .change = { { KNOB_WORK_MEM, 4096, 65536 }, { KNOB_RANDOM_PAGE_COST, 4, 1.1 } }, .effect = 0.3, .sd = 0.02 },
        one(KNOB_RANDOM_PAGE_COST, 4, 1.1, -0.1, 0.02),
    };
    double mean, sd, before;
    effect_of(known, 1, known[0].change[0], &mean, &before);
    assert_true(mean > 0.13 && mean < 0.2);                              /* about half of it, for all that is known */
    effect_of(known, 2, known[0].change[0], &mean, &sd);
    assert_float_equal(mean, 0.4, 0.03);
    assert_true(sd < before / 3);
}

static void a_value_near_by_is_expected_to_do_much_the_same_and_one_far_away_is_not_known(void **state)
{
    (void)state;
    struct lesson known = one(KNOB_MAX_WAL_SIZE, 1024, 8192, 0.3, 0.02);
    double        at, near, far, sd_at, sd_near, sd_far;
    effect_of(&known, 1, known.change[0], &at, &sd_at);
    effect_of(&known, 1, (struct proposed_change){ KNOB_MAX_WAL_SIZE, 1024, 6144 }, &near, &sd_near);
    effect_of(&known, 1, (struct proposed_change){ KNOB_MAX_WAL_SIZE, 1024, 262144 }, &far, &sd_far);
    assert_true(near > 0.8 * at && near < at && sd_near > sd_at);
    assert_true(far < 0.6 * at && sd_far > 3 * sd_near);
}

static void what_a_special_value_does_says_nothing_of_the_others(void **state)
{
    (void)state;
    struct lesson known = one(KNOB_CHECKPOINT_FLUSH_AFTER, 0, 32, 0.3, 0.001);
    double        mean, sd, off;
    effect_of(&known, 1, (struct proposed_change){ KNOB_CHECKPOINT_FLUSH_AFTER, 32, 64 }, &mean, &sd);
    effect_of(&known, 1, (struct proposed_change){ KNOB_CHECKPOINT_FLUSH_AFTER, 64, 0 }, &off, &sd);
    assert_true(off < mean - 0.2);                                        /* off is what is surely worse */
}

static void the_more_say_the_same_the_surer_it_is_however_many_there_are(void **state)
{
    (void)state;
    static struct lesson known[LESSONS_MAX + 100];
    double               mean, sd, before = INFINITY;
    for (int i = 0; i < LESSONS_MAX + 100; i++)
        known[i] = one(KNOB_RANDOM_PAGE_COST, 4, 1.5, 0.1, 0.2);
    static const int many[] = { 1, 10, LESSONS_MAX, LESSONS_MAX + 100 };
    for (int i = 0; i < 4; i++) {
        effect_of(known, many[i], known[0].change[0], &mean, &sd);
        assert_true(i == 3 ? sd == before : sd < before);
        before = sd;
    }
    assert_float_equal(mean, 0.1, 0.01);
}

static void the_best_value_is_the_one_of_which_most_is_expected_for_sure(void **state)
{
    (void)state;
    struct lesson   known[] = { one(KNOB_RANDOM_PAGE_COST, 4, 1.1, 0.25, 0.3), one(KNOB_RANDOM_PAGE_COST, 4, 2, 0.12, 0.01), one(KNOB_JIT, 1, 0, -0.2, 0.01) };
    struct lessons     *l;
    struct lessons_best best;
    assert_ok(lessons_new(known, 3, &l, &fault), &fault);
    assert_true(lessons_best(l, KNOB_RANDOM_PAGE_COST, 4, 0, 0.005, &best));
    assert_float_equal(best.to, 1.1f, 0);                                               /* without doubt */
    assert_true(lessons_best(l, KNOB_RANDOM_PAGE_COST, 4, 2, 0.005, &best));
    assert_float_equal(best.to, 2, 0);
    assert_false(lessons_best(l, KNOB_RANDOM_PAGE_COST, 2, 2, 0.005, &best));        /* it is there already */
    assert_false(lessons_best(l, KNOB_JIT, 1, 0.7, 0.005, &best));
    assert_true(lessons_best(l, KNOB_JIT, 0, 0.7, 0.005, &best) && best.to == 1);         /* where a trial came from is a value, too */
    assert_false(lessons_best(l, KNOB_WORK_MEM, 4096, 0.7, 0.005, &best));
    lessons_free(l);
}

static void what_was_worse_is_a_loss_whatever_was_measured_of_it(void **state)
{
    (void)state;
    assert_float_equal(lesson_reading(TOLD_BETTER, 0.2), 0.2, 1e-6);
    assert_float_equal(lesson_reading(TOLD_UNDECIDED, -0.1), -0.1, 1e-6);
    assert_float_equal(lesson_reading(TOLD_WORSE, -0.3), -0.3, 1e-6);
    assert_float_equal(lesson_reading(TOLD_WORSE, -0.02), -0.02, 1e-6);
    assert_float_equal(lesson_reading(TOLD_WORSE, 0.04), LESSON_WORSE, 1e-6);                /* faster on average, and a guard was broken */
    assert_float_equal(lesson_reading(TOLD_WORSE, (double)NAN), LESSON_FAILED, 1e-6);        /* put back before it could be measured */
    assert_float_equal(lesson_reading(TOLD_FAILED, 0.1), LESSON_FAILED, 1e-6);
    assert_true(lesson_failed(TOLD_WORSE, (double)NAN) && lesson_failed(TOLD_FAILED, 0.1) && !lesson_failed(TOLD_WORSE, -0.3) && !lesson_failed(TOLD_UNDECIDED, (double)NAN));
    assert_true(isnan(lesson_reading(TOLD_UNDECIDED, (double)NAN)) && isnan(lesson_reading(TOLD_REFUSED, 0.1)));
}

/* An error here would end every question to the planner, for one record of a file. */
static void whatever_values_a_file_brings_there_is_an_answer(void **state)
{
    (void)state;
    struct lesson known[6];
    for (int i = 0; i < 2; i++) {
        enum knob_id id = i ? KNOB_RANDOM_PAGE_COST : KNOB_AUTOVACUUM_VACUUM_COST_DELAY;
        double       a = i ? -1 : 0, b = i ? -1.0000009 : 9e-13, c = i ? -1.0000018 : 1.8e-12;      /* a is nearly b, and b nearly c */
        known[3 * i] = one(id, a, b, 0.1, 0.03);
        known[3 * i + 1] = one(id, b, c, 0.1, 0.03);
        known[3 * i + 2] = one(id, a, c, 0.1, 0.03);
    }
    double mean, sd;
    effect_of(known, 6, known[0].change[0], &mean, &sd);
    assert_true(isfinite(mean) && sd >= 0);
    effect_of(known, 6, known[5].change[0], &mean, &sd);
    assert_true(isfinite(mean) && sd >= 0);
}

static void what_is_no_measurement_is_refused_with_its_number(void **state)
{
    (void)state;
    struct lesson   known[] = { one(KNOB_JIT, 1, 0, 0.1, 0.1), one(KNOB_JIT, 1, 0, (double)NAN, 0.1) };
    struct lessons *l;
    assert_int_equal(lessons_new(known, 2, &l, &fault), ERR_INPUT);
    assert_non_null(strstr(fault.text, "trial 2"));
    known[1] = one(KNOB_JIT, 1, 0, 0.1, 0);
    assert_int_equal(lessons_new(known, 2, &l, &fault), ERR_INPUT);
    assert_int_equal(lessons_new(known, 0, &l, &fault), ERR_INPUT);
    assert_null(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_trial_says_what_the_conditional_distribution_says),
        cmocka_unit_test(what_was_changed_together_is_told_apart_by_what_was_changed_alone),
        cmocka_unit_test(a_value_near_by_is_expected_to_do_much_the_same_and_one_far_away_is_not_known),
        cmocka_unit_test(what_a_special_value_does_says_nothing_of_the_others),
        cmocka_unit_test(the_more_say_the_same_the_surer_it_is_however_many_there_are),
        cmocka_unit_test(the_best_value_is_the_one_of_which_most_is_expected_for_sure),
        cmocka_unit_test(what_was_worse_is_a_loss_whatever_was_measured_of_it),
        cmocka_unit_test(whatever_values_a_file_brings_there_is_an_answer),
        cmocka_unit_test(what_is_no_measurement_is_refused_with_its_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
