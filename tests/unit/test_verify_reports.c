/* verify: a load of reports, a dozen in a window and no two windows alike, can be tuned, too. */
#include "unit.h"

#include "base/rand.h"
#include "verify/trial.h"
#include "verify/trial_state.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { REPORTS = 22, HISTORY = 30, SECONDS_MAX = 86400 };
#define SECOND_US INT64_C(1000000)

/* effect: log ratio, + is faster; one report takes flip times as long, -1: none does; fails: the share that ends in an error. */
struct change { double effect; int flipped; double flip, fails; };

/* One session that asks all reports again and again, each time in another order. */
static struct {
    struct rand        chance;
    int64_t            now_us;
    bool               candidate;
    struct change      change;             /* what the candidate brings */
    int                order[REPORTS], at; /* what is asked next */
    double             left_ms, takes_ms;  /* of the one that runs */
    int                failed;
    struct query_count count[REPORTS];
} reports;

static double usual_ms(int i) { return 1000 * 2.0 * pow(1.125, i); }      /* from 2 s to 24 s, all of them 200 s */

static void shuffle(void)
{
    for (int i = REPORTS - 1; i > 0; i--) {
        int k = (int)rand_int(&reports.chance, 0, i), other = reports.order[i];
        reports.order[i] = reports.order[k];
        reports.order[k] = other;
    }
    reports.at = 0;
}

static void ask_next(void)
{
    if (++reports.at >= REPORTS)
        shuffle();
    int i = reports.order[reports.at];
    reports.takes_ms = usual_ms(i) * exp(0.15 * rand_normal(&reports.chance));
    if (reports.candidate)
        reports.takes_ms *= exp(-reports.change.effect) * (i == reports.change.flipped ? reports.change.flip : 1);
    reports.left_ms = reports.takes_ms;
}

static void begin(uint64_t seed)
{
    memset(&reports, 0, sizeof reports);
    rand_seed(&reports.chance, seed);
    reports.now_us = 1000 * SECOND_US;
    for (int i = 0; i < REPORTS; i++) {
        reports.order[i] = i;
        reports.count[i].id = 500 + i;
    }
    shuffle();
    ask_next();
}

static void second(struct sample *s)
{
    double left_ms = 1000, done = 0, errors = 0, sum_ms = 0;
    while (left_ms >= reports.left_ms) {
        struct query_count *c = &reports.count[reports.order[reports.at]];
        left_ms -= reports.left_ms;
        bool failed = reports.candidate && rand_unit(&reports.chance) < reports.change.fails;
        errors += failed;
        reports.failed += failed;
        done += !failed;
        c->calls += !failed;
        c->rows += !failed ? 100 : 0;
        c->total_ms += failed ? 0 : reports.takes_ms;
        sum_ms += reports.takes_ms;
        ask_next();
    }
    reports.left_ms -= left_ms;
    reports.now_us += SECOND_US;
    sample_clear(s);
    s->mono_us = s->wall_us = reports.now_us;
    s->postmaster_start_us = s->conf_load_us = s->stats_reset_us = 7 * SECOND_US;
    s->checkpoints_done = 0;
    s->v[METRIC_UP] = 1;
    s->v[METRIC_TPS] = s->v[METRIC_CALLS] = done;
    s->v[METRIC_ERRORS] = s->v[METRIC_ROLLBACKS] = errors;
    s->v[METRIC_CONNECTIONS_ACTIVE] = 1;
    s->v[METRIC_CPU] = 0.5;
    s->v[METRIC_MEMORY_USED] = 0.5e9;
    s->v[METRIC_MEMORY_LIMIT] = 1e9;
    s->v[METRIC_DISK_FREE] = 50e9;
    if (done > 0)
        s->v[METRIC_LATENCY_MEAN] = s->v[METRIC_LATENCY_P99] = sum_ms / done;
    s->queries = REPORTS;
    memcpy(s->query, reports.count, sizeof reports.count);
}

static struct window history[HISTORY];

static void see(int windows, int64_t window_us)
{
    struct window_run run;
    struct sample     s;
    second(&s);
    for (int i = 0; i < windows; i++) {
        window_open(&run, &s, 0);
        do {
            second(&s);
            window_add(&run, &s);
        } while (s.mono_us - run.from_us < window_us);
        window_close(&run, &history[i]);
    }
}

static struct trial_conf conf_of(enum verify_class method)
{
    return (struct trial_conf){
        .method = method, .window_us = 120 * SECOND_US, .washout_us = 10 * SECOND_US, .warmup_us = 40 * SECOND_US, .windows_min = 3, .windows_max = method == VERIFY_RESTART ? 6 : 12,
        .alpha = 0.05, .margin = 0.01, .p99_ratio_max = 1.25, .query_ratio_max = 1.5, .errors_ratio_max = 1.5, .cpu_max = 0.98, .memory_ratio_max = 0.98,
        .saturating = true, .response = RESPONSE_TPS, .seed = 3,
    };
}

/* What comes of a change that is tried under the reports of the seed. */
static struct verdict tried(enum verify_class method, uint64_t seed, struct change change)
{
    struct trial_conf c = conf_of(method);
    struct trial     *t;
    struct fault      fault;
    struct sample     s;
    struct verdict    v;
    begin(seed);
    see(HISTORY, c.window_us);
    reports.change = change;
    assert_ok(trial_new(&c, history, HISTORY, &t, &fault), &fault);
    assert_int_equal(t->mix.kind, RESPONSE_QUERIES);
    reports.candidate = true;
    trial_begin(t, reports.now_us);
    enum trial_wish wish = TRIAL_OBSERVE;
    for (int i = 0; i < SECONDS_MAX && wish != TRIAL_FINISHED; i++) {
        second(&s);
        wish = trial_feed(t, &s);
        if (wish == TRIAL_GO_CANDIDATE || wish == TRIAL_GO_INCUMBENT) {
            reports.candidate = wish == TRIAL_GO_CANDIDATE;
            trial_toggled(t, reports.candidate ? ARM_CANDIDATE : ARM_INCUMBENT, reports.now_us);
        } else if (wish == TRIAL_CHECKPOINT) {
            trial_checkpointed(t, reports.now_us);
        }
    }
    assert_int_equal(wish, TRIAL_FINISHED);
    trial_verdict(t, &v);
    trial_free(t);
    return v;
}

static const enum verify_class methods[] = { VERIFY_IMMEDIATE, VERIFY_RESTART };

static void reports_that_get_faster_are_recognised(void **state)
{
    (void)state;
    struct change faster = { .effect = log(1.6), .flipped = -1 };
    for (size_t m = 0; m < 2; m++) {
        int better = 0;
        for (uint64_t seed = 1; seed <= 10; seed++) {
            struct verdict v = tried(methods[m], seed, faster);
            better += v.outcome == OUTCOME_BETTER;
            if (v.outcome == OUTCOME_WORSE || (v.outcome == OUTCOME_BETTER && fabs(v.effect - faster.effect) > 0.15))
                fail_msg("%s, seed %d: %s", verify_class_name(methods[m]), (int)seed, v.why);
        }
        if (better < 8)
            fail_msg("%s: %d of 10", verify_class_name(methods[m]), better);
    }
}

static void what_does_nothing_to_reports_is_not_kept(void **state)
{
    (void)state;
    struct change nothing = { .flipped = -1 };
    int better = 0;
    for (size_t m = 0; m < 2; m++)
        for (uint64_t seed = 100; seed < 130; seed++)
            better += tried(methods[m], seed, nothing).outcome == OUTCOME_BETTER;
    assert_true(better <= 5);      /* 1.5 of 60 by the promise, and three standard deviations */
}

static void reports_that_get_slower_cost_two_windows_at_the_most(void **state)
{
    (void)state;
    struct change slower = { .effect = log(0.6), .flipped = -1 };
    for (size_t m = 0; m < 2; m++)
        for (uint64_t seed = 1; seed <= 10; seed++) {
            struct verdict v = tried(methods[m], seed, slower);
            if (v.outcome == OUTCOME_BETTER || v.outcome == OUTCOME_EQUIVALENT || v.windows_b > 2)
                fail_msg("%s, seed %d, after %d windows: %s", verify_class_name(methods[m]), (int)seed, v.windows_b, v.why);
        }
}

/* What was gained with the others is nothing to whoever waits for that one. */
static void one_report_that_takes_five_times_as_long_outweighs_a_gain(void **state)
{
    (void)state;
    struct change flip = { .effect = log(1.6), .flipped = 12, .flip = 8 };
    for (size_t m = 0; m < 2; m++)
        for (uint64_t seed = 1; seed <= 10; seed++) {
            struct verdict v = tried(methods[m], seed, flip);
            if (v.outcome == OUTCOME_BETTER)
                fail_msg("%s, seed %d: kept: %s", verify_class_name(methods[m]), (int)seed, v.why);
        }
}

static void reports_that_begin_to_fail_are_not_kept(void **state)
{
    (void)state;
    for (int often = 0; often < 2; often++)
        for (size_t m = 0; m < 2; m++)
            for (uint64_t seed = 1; seed <= 10; seed++) {
                struct change failing = { .effect = log(1.6), .flipped = -1, .fails = often ? 0.3 : 0.03 };
                struct verdict v = tried(methods[m], seed, failing);
                if (reports.failed > 0 && v.outcome == OUTCOME_BETTER)
                    fail_msg("%s, seed %d: %d failed: %s", verify_class_name(methods[m]), (int)seed, reports.failed, v.why);
            }
}

/* So few cannot show that nothing fails; it is told, and nothing speaks against it. */
static void what_so_few_reports_cannot_show_is_told(void **state)
{
    (void)state;
    struct change faster = { .effect = log(2), .flipped = -1 };
    struct verdict v = tried(VERIFY_RESTART, 1, faster);
    assert_int_equal(v.outcome, OUTCOME_BETTER);
    assert_non_null(strstr(v.why, "Varies too much to be shown, but does not look worse: errors"));
    assert_non_null(strstr(v.why, "Not measured: p99"));
}

static void a_trial_of_reports_goes_on_after_a_restart(void **state)
{
    (void)state;
    struct trial_conf c = conf_of(VERIFY_RESTART);
    struct trial     *t, *back;
    struct fault      fault;
    begin(1);
    see(HISTORY, c.window_us);
    assert_ok(trial_new(&c, history, HISTORY, &t, &fault), &fault);
    json_t *saved = trial_save(t);
    assert_ok(trial_load(saved, &back, &fault), &fault);
    for (int i = 0; i < HISTORY; i++) {
        double a = response_of(&t->mix, &history[i]), b = response_of(&back->mix, &history[i]);
        assert_true(!isnan(a) && fabs(a - b) < 1e-12);
    }
    assert_true(back->mix.few && back->mix.rare);
    trial_free(back);
    json_object_del(saved, "seldom");      /* as an earlier version has saved it */
    assert_ok(trial_load(saved, &back, &fault), &fault);
    assert_false(back->mix.few || back->mix.rare);
    trial_free(back);
    trial_free(t);
    json_decref(saved);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reports_that_get_faster_are_recognised),
        cmocka_unit_test(what_does_nothing_to_reports_is_not_kept),
        cmocka_unit_test(reports_that_get_slower_cost_two_windows_at_the_most),
        cmocka_unit_test(one_report_that_takes_five_times_as_long_outweighs_a_gain),
        cmocka_unit_test(reports_that_begin_to_fail_are_not_kept),
        cmocka_unit_test(what_so_few_reports_cannot_show_is_told),
        cmocka_unit_test(a_trial_of_reports_goes_on_after_a_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
