/* verify: a load of reports, a dozen in a window and no two windows alike, some longer than a window, can be tuned, too. */
#include "unit.h"

#include "base/rand.h"
#include "verify/trial.h"
#include "verify/trial_state.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { REPORTS = 22, HISTORY = 30, SECONDS_MAX = 86400 };
#define SECOND_US INT64_C(1000000)

/* What a report takes, and how many rows it brings. */
static const struct load { const char *name; double ms[REPORTS], rows[REPORTS]; } loads[] = {
    { "even",      /* from 2 s to 24 s, all of them 200 s */
      { 2000, 2250, 2530, 2850, 3200, 3600, 4050, 4560, 5130, 5770, 6490, 7310, 8220, 9250, 10400, 11700, 13200, 14800, 16700, 18700, 21100, 23700 },
      { 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100 } },
    { "uneven",    /* as TPC-H at scale 1 on a slow disk: one lasts longer than a window, and all of them eight minutes */
      { 13700, 400, 15500, 11500, 16200, 9400, 16700, 13100, 126000, 16900, 2700, 14000, 13600, 13200, 24000, 2800, 81300, 51400, 500, 20100, 16000, 5000 },
      { 4, 100, 10, 5, 5, 1, 4, 2, 175, 20, 1000, 2, 42, 1, 1, 18000, 1, 57, 1, 186, 100, 7 } },
};

/* effect: log ratio, + is faster; one report takes flip times as long, -1: none does; fails: the share that ends in an error. */
struct change { double effect; int flipped; double flip, fails; };

/* One session that asks all reports again and again, each time in another order. */
static struct {
    const struct load *load;
    struct rand        chance;
    int64_t            now_us;
    bool               candidate;
    struct change      change;             /* what the candidate brings */
    int                order[REPORTS], at; /* what is asked next */
    double             left_ms, takes_ms;  /* of the one that runs */
    bool               measured;           /* a window of a trial is open */
    int                failed;             /* in such windows */
    struct query_count count[REPORTS];
} reports;

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
    reports.takes_ms = reports.load->ms[i] * exp(0.15 * rand_normal(&reports.chance));
    if (reports.candidate)
        reports.takes_ms *= exp(-reports.change.effect) * (i == reports.change.flipped ? reports.change.flip : 1);
    reports.left_ms = reports.takes_ms;
}

static void begin(const struct load *load, uint64_t seed)
{
    memset(&reports, 0, sizeof reports);
    reports.load = load;
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
        reports.failed += failed && reports.measured;
        done += !failed;
        c->calls += !failed;
        c->rows += !failed ? reports.load->rows[c - reports.count] : 0;
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
static struct verdict tried(const struct load *load, enum verify_class method, uint64_t seed, struct change change)
{
    struct trial_conf c = conf_of(method);
    struct trial     *t;
    struct fault      fault;
    struct sample     s;
    struct verdict    v;
    begin(load, seed);
    see(HISTORY, c.window_us);
    reports.change = change;
    assert_ok(trial_new(&c, history, HISTORY, &t, &fault), &fault);
    assert_int_equal(t->mix.kind, RESPONSE_QUERIES);
    reports.candidate = true;
    trial_begin(t, reports.now_us);
    enum trial_wish wish = TRIAL_OBSERVE;
    for (int i = 0; i < SECONDS_MAX && wish != TRIAL_FINISHED; i++) {
        reports.measured = t->phase == PHASE_WINDOW;
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

/* Every load with every way to compare. */
static const struct kind { const struct load *load; enum verify_class method; } kinds[] = {
    { &loads[0], VERIFY_IMMEDIATE }, { &loads[0], VERIFY_RESTART }, { &loads[1], VERIFY_IMMEDIATE }, { &loads[1], VERIFY_RESTART },
};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

static void reports_that_get_faster_are_recognised(void **state)
{
    (void)state;
    struct change faster = { .effect = log(1.6), .flipped = -1 };
    for (const struct kind *k = kinds; k < kinds + KINDS; k++) {
        int better = 0;
        for (uint64_t seed = 1; seed <= 10; seed++) {
            struct verdict v = tried(k->load, k->method, seed, faster);
            better += v.outcome == OUTCOME_BETTER;
            if (v.outcome == OUTCOME_WORSE || (v.outcome == OUTCOME_BETTER && fabs(v.effect - faster.effect) > 0.15))
                fail_msg("%s, %s, seed %d: %s", k->load->name, verify_class_name(k->method), (int)seed, v.why);
        }
        if (better < 8)
            fail_msg("%s, %s: %d of 10", k->load->name, verify_class_name(k->method), better);
    }
}

static void what_does_nothing_to_reports_is_not_kept(void **state)
{
    (void)state;
    struct change nothing = { .flipped = -1 };
    int better = 0;
    for (const struct kind *k = kinds; k < kinds + KINDS; k++)
        for (uint64_t seed = 100; seed < 130; seed++)
            better += tried(k->load, k->method, seed, nothing).outcome == OUTCOME_BETTER;
    assert_true(better <= 8);      /* 3 of 120 by the promise, and three standard deviations */
}

static void reports_that_get_slower_cost_two_windows_at_the_most(void **state)
{
    (void)state;
    struct change slower = { .effect = log(0.6), .flipped = -1 };
    for (const struct kind *k = kinds; k < kinds + KINDS; k++)
        for (uint64_t seed = 1; seed <= 10; seed++) {
            struct verdict v = tried(k->load, k->method, seed, slower);
            if (v.outcome == OUTCOME_BETTER || v.outcome == OUTCOME_EQUIVALENT || v.windows_b > 2)
                fail_msg("%s, %s, seed %d, after %d windows: %s", k->load->name, verify_class_name(k->method), (int)seed, v.windows_b, v.why);
        }
}

/* What was gained with the others is nothing to whoever waits for that one. */
static void one_report_that_takes_five_times_as_long_outweighs_a_gain(void **state)
{
    (void)state;
    struct change flip = { .effect = log(1.6), .flipped = 12, .flip = 8 };
    for (const struct kind *k = kinds; k < kinds + KINDS; k++)
        for (uint64_t seed = 1; seed <= 10; seed++) {
            struct verdict v = tried(k->load, k->method, seed, flip);
            if (v.outcome == OUTCOME_BETTER)
                fail_msg("%s, %s, seed %d: kept: %s", k->load->name, verify_class_name(k->method), (int)seed, v.why);
        }
}

static void reports_that_begin_to_fail_are_not_kept(void **state)
{
    (void)state;
    for (int often = 0; often < 2; often++)
        for (const struct kind *k = kinds; k < kinds + KINDS; k++)
            for (uint64_t seed = 1; seed <= 10; seed++) {
                struct change failing = { .effect = log(1.6), .flipped = -1, .fails = often ? 0.3 : 0.03 };
                struct verdict v = tried(k->load, k->method, seed, failing);
                if (reports.failed > 0 && v.outcome == OUTCOME_BETTER)
                    fail_msg("%s, %s, seed %d: %d failed: %s", k->load->name, verify_class_name(k->method), (int)seed, reports.failed, v.why);
            }
}

/* So few cannot show that nothing fails; it is told, and nothing speaks against it. */
static void what_so_few_reports_cannot_show_is_told(void **state)
{
    (void)state;
    struct change faster = { .effect = log(2), .flipped = -1 };
    struct verdict v = tried(&loads[0], VERIFY_RESTART, 1, faster);
    assert_int_equal(v.outcome, OUTCOME_BETTER);
    assert_non_null(strstr(v.why, "Varies too much to be shown, but does not look worse: errors"));
    assert_non_null(strstr(v.why, "Not measured: p99"));
}

/* Half of the windows tell nothing, so twice as many are waited for. */
static void history_in_which_nothing_ended_is_not_counted(void **state)
{
    (void)state;
    struct trial_conf c = conf_of(VERIFY_RESTART);
    begin(&loads[1], 1);
    see(HISTORY, c.window_us);
    int usable = trial_history_usable(&c, history, HISTORY);
    assert_true(usable > HISTORY / 2 && usable <= HISTORY);
    for (int i = 0; i < HISTORY / 3; i++)
        history[3 * i].queries = 0;
    int fewer = trial_history_usable(&c, history, HISTORY);
    assert_true(fewer >= HISTORY / 2 && fewer <= HISTORY - HISTORY / 3);
    for (int i = 0; i < HISTORY; i++) {
        history[i].queries = -1;
        history[i].v[METRIC_TPS] = (double)NAN;
    }
    assert_int_equal(trial_history_usable(&c, history, HISTORY), HISTORY);      /* waiting would not help */
}

/* The short ones among them are seen as seldom as the others, and one of them may be what has become slow. */
static void what_ended_in_a_window_without_a_response_is_told_with_the_next(void **state)
{
    (void)state;
    struct trial_conf c = conf_of(VERIFY_RESTART);
    struct trial     *t;
    struct fault      fault;
    begin(&loads[1], 1);
    see(HISTORY, c.window_us);
    assert_ok(trial_new(&c, history, HISTORY, &t, &fault), &fault);
    t->arm = ARM_CANDIDATE;
    struct window silent = { .queries = 2, .query = { { 501, 1, 3000, 7 }, { 502, 0, 0, 0 } } }, next = { .queries = 1, .query = { { 501, 2, 1000, 8 } } }, after = next;
    trial_stray_keep(t, &silent);
    silent.query[0] = (struct query_count){ 503, 1, 5000, 9 };
    trial_stray_keep(t, &silent);
    trial_stray_settle(t, &next);
    assert_int_equal(next.queries, 2);
    assert_true(next.query[0].id == 501 && next.query[0].calls == 3 && next.query[0].total_ms == 4000 && next.query[0].rows == 15);
    assert_true(next.query[1].id == 503 && next.query[1].calls == 1 && next.query[1].total_ms == 5000);
    trial_stray_settle(t, &after);
    assert_true(after.queries == 1 && after.query[0].calls == 2);      /* and only once */
    trial_free(t);
}

/* A candidate under which nothing ends any more is not waited for. */
static void reports_that_never_end_are_given_up(void **state)
{
    (void)state;
    struct change never = { .effect = log(1e-4), .flipped = -1 };
    for (const struct kind *k = kinds; k < kinds + KINDS; k++)
        for (uint64_t seed = 1; seed <= 5; seed++) {
            struct verdict v = tried(k->load, k->method, seed, never);
            if (v.outcome == OUTCOME_BETTER || v.outcome == OUTCOME_EQUIVALENT || v.windows_b > 2)
                fail_msg("%s, %s, seed %d, after %d windows: %s", k->load->name, verify_class_name(k->method), (int)seed, v.windows_b, v.why);
        }
}

static void a_trial_of_reports_goes_on_after_a_restart(void **state)
{
    (void)state;
    struct trial_conf c = conf_of(VERIFY_RESTART);
    struct trial     *t, *back;
    struct fault      fault;
    begin(&loads[0], 1);
    see(HISTORY, c.window_us);
    assert_ok(trial_new(&c, history, HISTORY, &t, &fault), &fault);
    t->silent = 2;
    t->unheard_fails[ARM_CANDIDATE] = 3;
    t->unheard_tries[ARM_CANDIDATE] = 5;
    json_t *saved = trial_save(t);
    assert_ok(trial_load(saved, &back, &fault), &fault);
    for (int i = 0; i < HISTORY; i++) {
        double a = response_of(&t->mix, &history[i]), b = response_of(&back->mix, &history[i]);
        assert_true(!isnan(a) && fabs(a - b) < 1e-12);
    }
    assert_true(back->mix.few && back->mix.rare);
    assert_true(back->silent == 2 && back->unheard_fails[ARM_CANDIDATE] > 2 && back->unheard_tries[ARM_CANDIDATE] > 4);
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
        cmocka_unit_test(history_in_which_nothing_ended_is_not_counted),
        cmocka_unit_test(what_ended_in_a_window_without_a_response_is_told_with_the_next),
        cmocka_unit_test(reports_that_never_end_are_given_up),
        cmocka_unit_test(a_trial_of_reports_goes_on_after_a_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
