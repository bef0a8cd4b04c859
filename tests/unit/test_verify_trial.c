/* verify: a trial promotes only what it has proven, ends harm at once, and never waits for ever. */
#include "unit.h"

#include "deck_world.h"
#include "verify/trial.h"
#include "verify/trial_state.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { HISTORY = 90 };

static struct window history[HISTORY];
static struct world  world;

static struct trial_conf conf_of(enum verify_class method)
{
    bool restart = method == VERIFY_RESTART || method == VERIFY_SLOW;
    return (struct trial_conf){
        .method = method, .window_us = 20000000, .washout_us = 10000000, .warmup_us = 40000000, .windows_min = 5,
        .windows_max = restart ? 10 : 30, .alpha = 0.05, .margin = 0.01, .p99_ratio_max = 1.25, .query_ratio_max = 1.5,
        .errors_ratio_max = 1.5, .cpu_max = 0.95, .memory_ratio_max = 0.9, .saturating = true, .seed = 5,
    };
}

/* A calm database, so that a test says what it means without luck. */
static struct world_conf calm(double effect)
{
    struct world_conf w = world_usual(7);
    w.ar_sd = 0.08;
    w.slow_sd = 0.02;
    w.wave = 0;
    w.stall_each_s = 0;
    w.checkpoint_each_s = 0;
    w.effect = effect;
    return w;
}

static struct trial *prepared(const struct world_conf *wc, const struct trial_conf *tc, int windows)
{
    struct trial *t;
    struct fault fault;
    world_init(&world, wc);
    world_history(&world, tc->window_us, history, windows);
    assert_ok(trial_new(tc, history, windows, &t, &fault), &fault);
    return t;
}

static struct verdict told(const struct world_conf *wc, const struct trial_conf *tc, int windows, struct world_answers *a)
{
    struct trial *t = prepared(wc, tc, windows);
    struct verdict v;
    assert_true(world_try(&world, t, tc->method == VERIFY_RESTART, 86400, a));
    trial_verdict(t, &v);
    assert_true(v.outcome != OUTCOME_BETTER || trial_arm(t) == ARM_CANDIDATE);
    assert_true(v.why[0] && v.why[strlen(v.why) - 1] == '.');
    trial_free(t);
    return v;
}

static struct verdict run(enum verify_class method, const struct world_conf *wc)
{
    struct world_answers a = { 0 };
    struct trial_conf tc = conf_of(method);
    return told(wc, &tc, method == VERIFY_RESTART || method == VERIFY_SLOW ? HISTORY : 15, &a);
}

static void do_as_wished(struct trial *t, enum trial_wish wish)
{
    if (wish == TRIAL_GO_CANDIDATE || wish == TRIAL_GO_INCUMBENT) {
        world_change(&world, wish == TRIAL_GO_CANDIDATE, false);
        trial_toggled(t, wish == TRIAL_GO_CANDIDATE ? ARM_CANDIDATE : ARM_INCUMBENT, world.mono_us);
    } else if (wish == TRIAL_CHECKPOINT) {
        trial_checkpointed(t, world.mono_us);
    }
}

static enum trial_wish feed(struct trial *t, int n)
{
    enum trial_wish wish = TRIAL_OBSERVE;
    struct sample s;
    for (int i = 0; i < n && wish != TRIAL_FINISHED; i++) {
        world_second(&world, &s);
        wish = trial_feed(t, &s);
        do_as_wished(t, wish);
    }
    return wish;
}

static const enum verify_class methods[] = { VERIFY_IMMEDIATE, VERIFY_PLANNER, VERIFY_CHECKPOINT, VERIFY_RESTART, VERIFY_SLOW };

static void help_is_recognised_by_every_method(void **state)
{
    (void)state;
    for (size_t i = 0; i < 5; i++) {
        struct world_conf w = calm(log(1.4));
        struct verdict v = run(methods[i], &w);
        if (v.outcome != OUTCOME_BETTER)
            fail_msg("%s: %s", verify_class_name(methods[i]), v.why);
        assert_true(v.lo > 0.01 && v.effect > 0.25 && v.effect < 0.42 && v.hi > v.effect);
        assert_true(v.guards >= 5 && v.windows_b >= 5 && v.alpha > 0.049 && v.method == methods[i]);
    }
}

static void harm_is_never_kept_and_costs_less_than_a_window(void **state)
{
    (void)state;
    for (size_t i = 0; i < 5; i++) {
        struct world_conf w = calm(log(0.5));
        struct verdict v = run(methods[i], &w);
        assert_int_equal(v.outcome, OUTCOME_WORSE);
        assert_int_equal(v.windows_b, 0);
        assert_true(v.degraded_s > 0 && v.degraded_s < 100);
    }
}

static void a_bad_window_is_not_given_a_second_chance(void **state)
{
    (void)state;
    for (size_t i = 0; i < 5; i++) {
        struct world_conf w = calm(log(0.82));
        struct verdict v = run(methods[i], &w);
        assert_true(v.outcome == OUTCOME_WORSE || v.outcome == OUTCOME_UNDECIDED);
        assert_true(v.windows_b <= 1);
    }
}

static void nothing_is_not_promoted(void **state)
{
    (void)state;
    int better = 0;
    for (size_t i = 0; i < 5; i++)
        for (uint64_t seed = 100; seed < 120; seed++) {
            struct world_conf w = seed % 2 ? world_usual(seed) : calm(0);
            w.seed = seed;
            w.effect = 0.004;
            better += run(methods[i], &w).outcome == OUTCOME_BETTER;
        }
    assert_true(better <= 7);   /* 2.5 of 100 by the promise, and three standard deviations */
}

static void no_candidate_is_better_before_the_agreed_number_of_windows(void **state)
{
    (void)state;
    for (size_t i = 0; i < 5; i++) {
        struct world_answers a = { 0 };
        struct world_conf w = calm(log(4));
        struct trial_conf c = conf_of(methods[i]);
        c.windows_min = 9;
        struct verdict v = told(&w, &c, HISTORY, &a);
        assert_int_equal(v.outcome, OUTCOME_BETTER);
        assert_true(v.windows_b >= 9);
        assert_int_equal(v.looks, 1);
    }
}

static void a_tail_that_the_candidate_hides_never_counts_as_kept(void **state)
{
    (void)state;
    /* The driver stops reporting with the candidate: everything else looks splendid. */
    struct world_conf w = calm(log(1.5));
    struct trial_conf c = conf_of(VERIFY_IMMEDIATE);
    struct trial *t = prepared(&w, &c, 15);
    struct sample s;
    enum trial_wish wish;
    world_change(&world, true, false);
    trial_begin(t, world.mono_us);
    do {
        world_second(&world, &s);
        if (world.candidate) {
            s.latency.known = false;
            s.v[METRIC_LATENCY_P99] = s.v[METRIC_LATENCY_MEAN] = (double)NAN;
        }
        wish = trial_feed(t, &s);
        if (wish == TRIAL_GO_CANDIDATE || wish == TRIAL_GO_INCUMBENT) {
            world_change(&world, wish == TRIAL_GO_CANDIDATE, false);
            trial_toggled(t, wish == TRIAL_GO_CANDIDATE ? ARM_CANDIDATE : ARM_INCUMBENT, world.mono_us);
        }
    } while (wish != TRIAL_FINISHED);
    struct verdict v;
    trial_verdict(t, &v);
    assert_int_equal(v.outcome, OUTCOME_UNDECIDED);
    assert_int_equal(v.windows_b, c.windows_max);
    assert_non_null(strstr(v.why, "p99"));
    trial_free(t);
}

static void a_broken_guard_outweighs_any_gain(void **state)
{
    (void)state;
    struct world_conf w = calm(log(2));
    struct trial_conf c = conf_of(VERIFY_SLOW);
    struct trial *t = prepared(&w, &c, HISTORY);
    struct sample s;
    struct verdict v;
    world_change(&world, true, false);
    trial_begin(t, world.mono_us);
    do {
        world_second(&world, &s);
        s.v[METRIC_MEMORY_USED] = 0.97 * s.v[METRIC_MEMORY_LIMIT];
    } while (trial_feed(t, &s) != TRIAL_FINISHED);
    trial_verdict(t, &v);
    assert_int_equal(v.outcome, OUTCOME_WORSE);
    assert_non_null(strstr(v.why, "memory"));
    trial_free(t);
}

static void a_collapse_is_seen_during_the_wash_out(void **state)
{
    (void)state;
    struct world_answers a = { 0 };
    struct world_conf w = calm(log(0.2));
    struct trial_conf c = conf_of(VERIFY_IMMEDIATE);
    c.washout_us = 120000000;
    struct verdict v = told(&w, &c, 15, &a);
    assert_int_equal(v.outcome, OUTCOME_WORSE);
    assert_non_null(strstr(v.why, "collapsed"));
    assert_true(v.degraded_s < 30);
}

/* Half a minute of a third, amid a gain: no database that never falls so low does that, and one that does so by itself does it now. Ten seconds are worth no second restart. */
static void a_lull_that_the_database_has_by_itself_ends_no_trial(void **state)
{
    (void)state;
    for (int usual = 0; usual < 2; usual++) {
        struct world_conf w = calm(log(1.5));
        w.has_driver = false;                              /* which would tell of the tail */
        struct trial_conf c = conf_of(VERIFY_RESTART);
        struct trial     *t = prepared(&w, &c, HISTORY), *back;
        struct fault      fault;
        struct verdict    v;
        trial_free(t);
        for (int i = 0; i < HISTORY; i++)
            history[i].lull_tps = (usual && i % 4 == 0 ? 0.3 : 0.95) * history[i].v[METRIC_TPS];
        for (int i = 0; i < HISTORY - 6; i++)              /* its windows lie far apart, too, or one bad one would be enough */
            history[i].v[METRIC_TPS] *= i % 2 ? 0.5 : 1.5;
        assert_ok(trial_new(&c, history, HISTORY, &t, &fault), &fault);
        json_t *j = trial_save(t);                         /* a restart of ours forgets nothing of it */
        assert_ok(trial_load(j, &back, &fault), &fault);
        json_decref(j);
        trial_free(t);
        world_change(&world, true, false);
        trial_begin(back, world.mono_us);
        assert_int_equal(feed(back, 70), TRIAL_OBSERVE);
        world.conf.effect = log(0.33);
        enum trial_wish soon = feed(back, 11), wish = feed(back, 20);
        world.conf.effect = log(1.5);
        trial_verdict(back, &v);
        assert_int_equal(soon, TRIAL_OBSERVE);
        assert_int_equal(wish == TRIAL_FINISHED, !usual);
        assert_int_equal(strstr(v.why, "collapsed") != NULL, !usual);
        trial_free(back);
    }
}

static void the_least_that_could_be_proven_falls_with_more_history_and_rises_with_its_noise(void **state)
{
    (void)state;
    struct world_conf quiet = calm(0), wild = world_usual(7);
    struct trial_conf c = conf_of(VERIFY_RESTART), to_and_fro = conf_of(VERIFY_IMMEDIATE);
    wild.ar_sd = 0.8;
    trial_free(prepared(&quiet, &c, HISTORY));
    double all = trial_least_provable(&c, history, HISTORY, 0), few = trial_least_provable(&c, history, 24, 0);
    assert_true(all > 0 && all < 0.2 && few > all);
    assert_true(isinf(trial_least_provable(&c, history, 3, 0)));
    assert_true(trial_least_provable(&to_and_fro, history, 3, 0) <= 0);
    c.alpha = 0.005;
    assert_true(trial_least_provable(&c, history, HISTORY, 0) > all);
    c.alpha = 0.05;
    trial_free(prepared(&wild, &c, HISTORY));
    assert_true(trial_least_provable(&c, history, HISTORY, 0) > 2 * all);
}

static void no_driver_at_all_is_said_and_does_not_block(void **state)
{
    (void)state;
    struct world_conf w = calm(log(1.4));
    w.has_driver = false;
    struct verdict v = run(VERIFY_IMMEDIATE, &w);
    assert_int_equal(v.outcome, OUTCOME_BETTER);
    assert_non_null(strstr(v.why, "Not measured: p99"));
}

static void harm_of_other_kinds_is_refused_too(void **state)
{
    (void)state;
    for (int kind = 0; kind < 4; kind++) {
        struct world_conf w = calm(log(1.2));
        w.errors = kind == 0 ? 0.05 : 0;
        w.p99_stretch = kind == 1 ? 4 : 0;
        w.query_flip = kind == 2 ? 5 : 0;
        w.dies_after_s = kind == 3 ? 25 : 0;
        static const char *const says[] = { "Errors", "p99", "Query 106", "stopped answering" };
        struct verdict v = run(VERIFY_IMMEDIATE, &w);
        assert_int_equal(v.outcome, OUTCOME_WORSE);
        if (!strstr(v.why, says[kind]))
            fail_msg("not \"%s\": %s", says[kind], v.why);
        assert_true(v.windows_b <= 1);
    }
}

/* A statement that waits for somebody now and then does so under the candidate, too; one whose plan has flipped is still found. */
static void a_query_that_is_slow_by_itself_at_times_is_no_harm(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++)
        for (int flips = 0; flips < 2; flips++) {
            struct world_conf w = calm(log(1.4));
            struct trial_conf c = conf_of(VERIFY_IMMEDIATE);
            struct world_answers a = { 0 };
            c.saturating = w.saturating = true;
            c.response = RESPONSE_TPS;
            w.seed = seed;
            w.query_wait = 12;
            w.query_flip = flips ? 60 : 0;
            struct verdict v = told(&w, &c, 15, &a);
            if ((v.outcome == OUTCOME_WORSE) != flips || (flips && (v.windows_b > 1 || !strstr(v.why, "Query 106"))))
                fail_msg("seed %d, %s: %s", (int)seed, flips ? "a plan has flipped" : "nothing is wrong", v.why);
        }
}

/* Who sums up gains has to know whose they are. */
static void a_verdict_says_when_it_is_about_some_statements_alone(void **state)
{
    (void)state;
    static const struct { int64_t only; double factor; enum outcome outcome; bool some; } rows[] = {
        { 101, 1.4, OUTCOME_BETTER, true }, { 101, 0.5, OUTCOME_WORSE, true }, { 0, 1.4, OUTCOME_BETTER, false }, { 4711, 1.4, OUTCOME_BETTER, false },    /* nobody has seen it: all are asked */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct world_answers a = { 0 };
        struct world_conf w = calm(log(rows[i].factor));
        struct trial_conf c = conf_of(VERIFY_IMMEDIATE);
        c.only = rows[i].only != 0;
        c.only_id[0] = rows[i].only;
        struct verdict v = told(&w, &c, 15, &a);
        if (v.outcome != rows[i].outcome || verdict_of_some(v.why) != rows[i].some)
            fail_msg("row %zu: %s: %s", i, outcome_name(v.outcome), v.why);
    }
    assert_false(verdict_of_some(NULL));
}

/* The dashboard sums up gains, too, and goes by the same words. */
static void the_dashboard_knows_a_verdict_on_some_statements_by_the_same_words(void **state)
{
    (void)state;
    static char text[100000];
    FILE *f = fopen(DASHBOARD_SUMS, "r");
    assert_non_null(f);
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    fclose(f);
    assert_non_null(strstr(text, "OF_SOME = \"" VERDICT_OF_SOME "\""));
}

static void a_checkpoint_trial_wipes_the_slate_and_pays_the_bill(void **state)
{
    (void)state;
    struct world_answers a = { 0 };
    struct world_conf w = calm(0);
    struct trial_conf c = conf_of(VERIFY_CHECKPOINT);
    w.effect = log(1.4);
    struct verdict v = told(&w, &c, 15, &a);
    assert_int_equal(v.outcome, OUTCOME_BETTER);
    assert_int_equal(a.checkpoints, 2 * (v.windows_a + v.windows_b));
}

static void cost_that_is_postponed_past_the_window_is_not_gain(void **state)
{
    (void)state;
    struct world_conf w = calm(0);
    w.postponed = 0.3;
    w.has_driver = false;   /* its tail would give it away */
    for (int sham = 0; sham < 2; sham++) {
        struct world_answers a = { .sham_checkpoints = sham };
        struct trial_conf c = conf_of(VERIFY_CHECKPOINT);
        struct verdict v = told(&w, &c, 15, &a);
        assert_int_equal(v.outcome == OUTCOME_BETTER, sham);   /* without the checkpoints it would be believed */
    }
}

/* The first so many of those that it asks for cannot be done. Returns how many it asked for. */
static int without_checkpoints(enum verify_class method, int failures, struct verdict *v)
{
    struct world_conf w = calm(log(1.5));
    struct trial_conf c = conf_of(method);
    struct trial     *t = prepared(&w, &c, HISTORY);
    enum trial_wish   wish = TRIAL_OBSERVE;
    struct sample     s;
    int               asked = 0;
    world_change(&world, true, method == VERIFY_RESTART);
    trial_begin(t, world.mono_us);
    for (int i = 0; i < 20000 && wish != TRIAL_FINISHED; i++) {
        world_second(&world, &s);
        wish = trial_feed(t, &s);
        if (wish == TRIAL_CHECKPOINT && ++asked <= failures)
            trial_checkpoint_failed(t, "permission denied");
        else
            do_as_wished(t, wish);
    }
    assert_int_equal(wish, TRIAL_FINISHED);
    trial_verdict(t, v);
    trial_free(t);
    return asked;
}

static void without_the_checkpoints_that_it_asks_for_a_trial_proves_nothing(void **state)
{
    (void)state;
    static const enum verify_class with_checkpoints[] = { VERIFY_CHECKPOINT, VERIFY_RESTART };
    for (size_t i = 0; i < 2; i++) {
        struct verdict v;
        assert_int_equal(without_checkpoints(with_checkpoints[i], 1000, &v), 3);
        assert_int_equal(v.outcome, OUTCOME_UNDECIDED);
        assert_non_null(strstr(v.why, "could not be had: permission denied."));
        assert_true(without_checkpoints(with_checkpoints[i], 2, &v) > 2);      /* what fails now and then is asked for again */
        assert_int_equal(v.outcome, OUTCOME_BETTER);
    }
}

static void a_restarted_server_runs_a_checkpoint_before_it_is_believed(void **state)
{
    (void)state;
    struct world_answers a = { 0 };
    struct world_conf w = calm(log(1.5));
    struct trial_conf c = conf_of(VERIFY_RESTART);
    struct verdict v = told(&w, &c, HISTORY, &a);
    assert_int_equal(v.outcome, OUTCOME_BETTER);
    assert_int_equal(a.checkpoints, 1);
    assert_int_equal(a.toggles, 0);
    /* As often as the incumbent had them. */
    w.checkpoint_each_s = 40;
    a = (struct world_answers){ 0 };
    v = told(&w, &c, HISTORY, &a);
    assert_true(v.outcome == OUTCOME_BETTER && a.checkpoints >= 1);
    struct trial *t = prepared(&w, &c, HISTORY);
    assert_true(t->checkpoints_past > 0.015 && t->checkpoints_past < 0.04);
    trial_free(t);
}

/* Each second in which a CHECKPOINT is asked for, and each window that opens. */
static void a_warm_up_has_checkpoints_at_the_pace_of_the_windows(void **state)
{
    (void)state;
    struct world_conf w = calm(log(1.5));
    struct trial_conf c = conf_of(VERIFY_RESTART);
    w.checkpoint_each_s = 40;
    w.warm_s = 60;
    w.warm_depth = 1;
    c.warmup_us = c.window_us * 3 / 2;
    struct trial *t = prepared(&w, &c, HISTORY);
    t->checkpoints_past = 1e6 / (double)c.window_us;    /* as if each of its windows had held one */
    struct sample s;
    int64_t asked = 0, begun;
    int     before = 0;
    world_change(&world, true, true);
    trial_begin(t, world.mono_us);
    begun = asked = world.mono_us;
    while (t->phase == PHASE_WARMUP) {
        world_second(&world, &s);
        if (trial_feed(t, &s) == TRIAL_CHECKPOINT && t->phase == PHASE_WARMUP) {
            assert_true(s.mono_us - asked >= c.window_us && s.mono_us - asked <= c.window_us + 2000000);
            asked = s.mono_us;
            before++;
            trial_checkpointed(t, s.mono_us);
        }
        assert_true(s.mono_us - begun < 86400 * INT64_C(1000000));
    }
    assert_int_equal(t->phase, PHASE_WINDOW);
    assert_true(before >= 1 && s.mono_us - begun >= c.warmup_us);
    /* The first window opens with the next CHECKPOINT: what it flushes is one window's worth. */
    assert_true(t->checkpoint_due && s.mono_us - asked >= c.window_us && s.mono_us - asked <= c.window_us + 2000000);
    trial_free(t);
    /* Where the incumbent has few, the warm-up has none. */
    w.checkpoint_each_s = 300;
    struct world_answers a = { 0 };
    struct verdict v = told(&w, &c, HISTORY, &a);
    assert_true(v.outcome == OUTCOME_BETTER && a.checkpoints >= 1 && a.checkpoints <= 2);
}

static void a_comparison_of_before_and_after_is_looked_at_twice_at_most(void **state)
{
    (void)state;
    struct world_answers a = { 0 };
    struct trial_conf c = conf_of(VERIFY_SLOW);
    for (uint64_t seed = 1; seed < 6; seed++) {
        struct world_conf w = calm(0.02);   /* never enough: it goes on to the last window */
        w.seed = seed;
        struct verdict v = told(&w, &c, HISTORY, &a);
        assert_true(v.looks <= 2);
    }
}

static void a_slow_warm_up_is_waited_for(void **state)
{
    (void)state;
    struct world_answers a = { 0 };
    struct world_conf w = calm(log(1.4));
    w.warm_depth = 2.5;
    w.warm_s = 30;
    struct trial_conf c = conf_of(VERIFY_RESTART);
    struct verdict v = told(&w, &c, HISTORY, &a);
    assert_int_equal(v.outcome, OUTCOME_BETTER);
    struct trial *t = prepared(&w, &c, HISTORY);
    struct sample s;
    world_change(&world, true, true);
    int64_t begun = world.mono_us;
    trial_begin(t, begun);
    do {
        world_second(&world, &s);
        trial_feed(t, &s);
    } while (t->phase == PHASE_WARMUP);
    assert_in_range(world.mono_us - begun, 60000000, 160000000);
    trial_free(t);
}

/* Seconds until the warm-up is over; seconds [lull, lull_ends) of it are a tenth of what the candidate is worth. */
static int warm_up_s(struct trial *t, int lull, int lull_ends, double effect)
{
    struct sample s;
    int           passed = 0;
    world_change(&world, true, true);
    trial_begin(t, world.mono_us);
    for (; t->phase == PHASE_WARMUP && passed < 1000; passed++) {
        world.conf.effect = passed >= lull && passed < lull_ends ? log(0.1) : effect;
        world_second(&world, &s);
        do_as_wished(t, trial_feed(t, &s));
    }
    world.conf.effect = effect;
    return passed;
}

static void a_burst_after_a_restart_is_waited_out_and_the_lull_that_pays_for_it_as_well(void **state)
{
    (void)state;
    struct trial_conf c = conf_of(VERIFY_RESTART);
    struct world_conf w = calm(log(1.4));
    struct verdict    v;
    w.warm_depth = -1.5;
    w.warm_s = 30;
    struct trial *t = prepared(&w, &c, HISTORY);
    assert_in_range(warm_up_s(t, 0, 0, w.effect), 60, 160);
    trial_free(t);
    w.warm_depth = -2.5;
    t = prepared(&w, &c, HISTORY);
    assert_in_range(warm_up_s(t, 40, 90, w.effect), 91, 161);
    assert_int_equal(feed(t, 1000), TRIAL_FINISHED);
    trial_verdict(t, &v);
    assert_int_equal(v.outcome, OUTCOME_BETTER);
    trial_free(t);
}

static void who_bursts_and_then_is_worse_is_given_no_longer_than_it_was_ahead(void **state)
{
    (void)state;
    struct trial_conf c = conf_of(VERIFY_RESTART);
    struct world_conf w = calm(log(0.4));
    struct verdict    v;
    w.warm_depth = -1.6;
    w.warm_s = 15;
    struct trial *t = prepared(&w, &c, HISTORY);
    assert_in_range(warm_up_s(t, 0, 0, w.effect), 40, 80);
    assert_int_equal(feed(t, 60), TRIAL_FINISHED);
    trial_verdict(t, &v);
    assert_int_equal(v.outcome, OUTCOME_WORSE);
    assert_int_equal(v.windows_b, 0);
    trial_free(t);
}

static void a_restart_by_somebody_else_is_followed_by_another_warm_up(void **state)
{
    (void)state;
    struct world_conf w = calm(log(1.4));
    struct trial_conf c = conf_of(VERIFY_RESTART);
    struct trial     *t = prepared(&w, &c, HISTORY);
    struct verdict    v;
    world_change(&world, true, true);
    trial_begin(t, world.mono_us);
    for (int i = 0; i < 600 && t->phase != PHASE_WINDOW; i++)
        (void)feed(t, 1);
    assert_int_equal(t->phase, PHASE_WINDOW);
    (void)feed(t, 3);
    world.conf.warm_depth = 1.5;                           /* cold for half a minute: a collapse, were it taken for the candidate's doing */
    world.conf.warm_s = 10;
    world_change(&world, true, true);
    (void)feed(t, 2);
    assert_int_equal(t->phase, PHASE_WARMUP);
    assert_int_equal(t->repeats, 1);
    assert_int_equal(feed(t, 20000), TRIAL_FINISHED);
    trial_verdict(t, &v);
    assert_int_equal(v.outcome, OUTCOME_BETTER);
    trial_free(t);
}

static void what_happens_in_the_wash_out_counts_for_nobody(void **state)
{
    (void)state;
    struct world_conf w = calm(log(1.4));
    w.warm_depth = 1.5;
    w.warm_s = 2;
    assert_int_equal(run(VERIFY_IMMEDIATE, &w).outcome, OUTCOME_BETTER);
    struct world_answers a = { 0 };
    struct trial_conf c = conf_of(VERIFY_IMMEDIATE);
    struct trial *t = prepared(&w, &c, 15);
    assert_true(world_try(&world, t, false, 86400, &a));
    for (int i = 1; i < t->obses; i++) {
        bool toggled = t->obs[i].arm != t->obs[i - 1].arm;
        assert_true(t->obs[i].from_us - t->obs[i - 1].to_us >= (toggled ? c.washout_us : 0));
    }
    trial_free(t);
}

static void the_order_of_the_arms_is_drawn_and_every_block_has_both(void **state)
{
    (void)state;
    struct world_answers a = { 0 };
    struct world_conf w = calm(0.03);
    struct trial_conf c = conf_of(VERIFY_IMMEDIATE);
    struct trial *t = prepared(&w, &c, 15);
    assert_true(world_try(&world, t, false, 86400, &a));
    int first[2] = { 0 };
    for (int i = 0; i + 1 < t->obses; i += 2) {
        assert_int_equal(t->obs[i].block, i / 2);
        assert_int_equal(t->obs[i + 1].block, i / 2);
        assert_int_not_equal(t->obs[i].arm, t->obs[i + 1].arm);
        first[t->obs[i].arm]++;
    }
    assert_true(first[0] > 0 && first[1] > 0);
    trial_free(t);
}

static void without_history_the_incumbent_is_looked_at_first(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 8; seed++) {
        struct world_answers a = { 0 };
        struct world_conf w = calm(log(1.4));
        struct trial_conf c = conf_of(VERIFY_IMMEDIATE);
        c.seed = seed;
        struct trial *t = prepared(&w, &c, 0);
        assert_true(world_try(&world, t, false, 86400, &a));
        assert_int_equal(t->obs[0].arm, ARM_INCUMBENT);
        struct verdict v;
        trial_verdict(t, &v);
        assert_int_equal(v.outcome, OUTCOME_BETTER);
        trial_free(t);
    }
}

static void too_little_history_ends_a_restart_before_it_costs_anything(void **state)
{
    (void)state;
    struct world_answers a = { 0 };
    struct world_conf w = calm(log(3));
    struct trial_conf c = conf_of(VERIFY_RESTART);
    int needed = trial_history_needed(&c);
    assert_in_range(needed, 20, 32);
    struct verdict v = told(&w, &c, needed - 1, &a);
    assert_int_equal(v.outcome, OUTCOME_UNDECIDED);
    assert_non_null(strstr(v.why, "untouched history"));
    assert_int_equal(a.ended_us - a.begun_us, 1000000);
    v = told(&w, &c, needed, &a);
    assert_true(v.windows_b > 0);
    assert_true(trial_can_compare(&c, 0, needed));
    assert_false(trial_can_compare(&c, 0, needed - 1));
    assert_true(trial_can_compare(&c, 20, 64));
    assert_false(trial_can_compare(&c, 120, 64));      /* carried out so slowly that hardly two windows of history lie so far apart */
    c = conf_of(VERIFY_IMMEDIATE);
    assert_int_equal(trial_history_needed(&c), 0);
    assert_true(trial_can_compare(&c, 120, 0));
}

static void nothing_to_measure_with_is_undecided(void **state)
{
    (void)state;
    struct world_answers a = { 0 };
    struct world_conf w = calm(log(2));
    w.has_driver = w.has_queries = w.saturating = false;
    for (size_t i = 0; i < 5; i++) {
        struct trial_conf c = conf_of(methods[i]);
        c.saturating = false;
        struct verdict v = told(&w, &c, HISTORY, &a);
        assert_int_equal(v.outcome, OUTCOME_UNDECIDED);
        assert_non_null(strstr(v.why, "measure with"));
    }
}

static void missing_samples_are_repeated_and_then_given_up(void **state)
{
    (void)state;
    struct world_conf w = calm(log(1.4));
    w.missing = 0.03;
    assert_int_equal(run(VERIFY_IMMEDIATE, &w).outcome, OUTCOME_BETTER);
    struct world_answers a = { 0 };
    struct trial_conf c = conf_of(VERIFY_IMMEDIATE);
    w.missing = 0;
    struct trial *t = prepared(&w, &c, 15);
    world.conf.missing = 0.4;
    assert_true(world_try(&world, t, false, 86400, &a));
    struct verdict v;
    trial_verdict(t, &v);
    assert_int_equal(v.outcome, OUTCOME_UNDECIDED);
    assert_non_null(strstr(v.why, "samples are missing"));
    assert_true(a.ended_us - a.begun_us < INT64_C(3600) * 1000000);
    trial_free(t);
}

static void a_wish_that_nobody_fulfils_ends_the_trial(void **state)
{
    (void)state;
    struct world_answers a = { .no_toggles = true };
    struct world_conf w = calm(log(1.4));
    struct trial_conf c = conf_of(VERIFY_IMMEDIATE);
    struct verdict v = told(&w, &c, 15, &a);
    assert_int_equal(v.outcome, OUTCOME_UNDECIDED);
    assert_int_equal(a.toggles, 0);
    assert_true(a.ended_us - a.begun_us < INT64_C(1200) * 1000000);
}

static void a_target_that_becomes_a_standby_is_let_alone(void **state)
{
    (void)state;
    struct world_conf w = calm(log(1.4));
    struct trial_conf c = conf_of(VERIFY_IMMEDIATE);
    struct trial *t = prepared(&w, &c, 15);
    struct sample s;
    struct verdict v;
    trial_begin(t, world.mono_us);
    world_second(&world, &s);
    s.in_recovery = true;
    assert_int_equal(trial_feed(t, &s), TRIAL_FINISHED);
    trial_verdict(t, &v);
    assert_int_equal(v.outcome, OUTCOME_UNDECIDED);
    assert_non_null(strstr(v.why, "standby"));
    assert_int_equal(trial_feed(t, &s), TRIAL_FINISHED);
    trial_free(t);
}

static void a_burst_of_errors_while_clients_come_back_is_forgiven(void **state)
{
    (void)state;
    struct world_conf w = calm(log(1.4));
    struct trial_conf c = conf_of(VERIFY_IMMEDIATE);
    struct trial *t = prepared(&w, &c, 15);
    struct sample s;
    trial_begin(t, world.mono_us);
    for (int i = 1; i <= 9; i++) {
        world_second(&world, &s);
        s.v[METRIC_ERRORS] = i <= 3 ? 80 : 0;
        assert_int_not_equal(trial_feed(t, &s), TRIAL_FINISHED);
    }
    trial_free(t);
}

/* Four fifths of a second's transactions fail, in one second: no database whose errors come one by one does that. */
static void a_burst_of_errors_that_the_database_has_by_itself_ends_no_trial(void **state)
{
    (void)state;
    for (int usual = 0; usual < 2; usual++) {
        struct world_conf w = calm(log(1.4));
        struct trial_conf c = conf_of(VERIFY_SLOW);
        struct trial     *t;
        struct fault      fault;
        struct sample     s;
        struct verdict    v;
        enum trial_wish   wish = TRIAL_OBSERVE;
        double            burst = 0.8 * w.tps;
        world_init(&world, &w);
        world_history(&world, c.window_us, history, HISTORY);
        for (int i = 0; usual && i < HISTORY; i += 4)
            history[i].v[METRIC_ERRORS] += burst / ((double)c.window_us / 1e6);
        assert_ok(trial_new(&c, history, HISTORY, &t, &fault), &fault);
        world_change(&world, true, false);
        trial_begin(t, world.mono_us);
        for (int i = 1; i <= 30 && wish != TRIAL_FINISHED; i++) {
            world_second(&world, &s);
            s.v[METRIC_ERRORS] = i == 12 ? burst : s.v[METRIC_ERRORS];
            wish = trial_feed(t, &s);
        }
        assert_int_equal(wish == TRIAL_FINISHED, !usual);
        for (int i = 0; i < 60 && wish != TRIAL_FINISHED; i++) {      /* every other one, again and again, is no burst */
            world_second(&world, &s);
            s.v[METRIC_ERRORS] = 0.5 * w.tps;
            wish = trial_feed(t, &s);
            do_as_wished(t, wish);
        }
        assert_int_equal(wish, TRIAL_FINISHED);
        trial_verdict(t, &v);
        assert_int_equal(v.outcome, OUTCOME_WORSE);
        assert_non_null(strstr(v.why, "Errors"));
        trial_free(t);
    }
}

/* Nothing is committed any more, and of the latest untouched window nobody knows what was. */
static void a_stall_is_seen_though_one_window_of_the_history_has_no_rate(void **state)
{
    (void)state;
    struct world_conf w = calm(log(1.4));
    struct trial_conf c = conf_of(VERIFY_IMMEDIATE);
    struct trial *t;
    struct fault fault;
    struct sample s;
    struct verdict v;
    bool finished = false;
    c.saturating = false;
    world_init(&world, &w);
    world_history(&world, c.window_us, history, 15);
    history[14].v[METRIC_TPS] = (double)NAN;
    assert_ok(trial_new(&c, history, 15, &t, &fault), &fault);
    trial_begin(t, world.mono_us);
    for (int i = 0; i < 15 && !finished; i++) {
        world_second(&world, &s);
        s.v[METRIC_TPS] = s.v[METRIC_ROLLBACKS] = s.v[METRIC_ERRORS] = 0;
        s.v[METRIC_LATENCY_MEAN] = (double)NAN;
        finished = trial_feed(t, &s) == TRIAL_FINISHED;
    }
    assert_true(finished);
    trial_verdict(t, &v);
    assert_int_equal(v.outcome, OUTCOME_WORSE);
    assert_non_null(strstr(v.why, "No transaction was committed"));
    trial_free(t);
}

/* So many seconds without a commit, with so many sessions at work: what ends the trial? */
static bool ends_with_a_stall(const struct trial_conf *c, int windows, int seconds, double active)
{
    struct trial  *t;
    struct fault   fault;
    struct sample  s;
    struct verdict v;
    bool           finished = false;
    assert_ok(trial_new(c, history, windows, &t, &fault), &fault);
    trial_begin(t, world.mono_us);
    for (int i = 0; i < seconds && !finished; i++) {
        world_second(&world, &s);
        s.v[METRIC_TPS] = s.v[METRIC_ROLLBACKS] = s.v[METRIC_ERRORS] = 0;
        s.v[METRIC_LATENCY_MEAN] = (double)NAN;
        s.v[METRIC_CONNECTIONS_ACTIVE] = active;
        finished = trial_feed(t, &s) == TRIAL_FINISHED;
    }
    trial_verdict(t, &v);
    bool stall = finished && v.outcome == OUTCOME_WORSE && strstr(v.why, "No transaction was committed");
    assert_int_equal(stall, finished);
    trial_free(t);
    return stall;
}

static void where_no_session_is_at_work_clients_only_ask_nothing(void **state)
{
    (void)state;
    struct world_conf w = calm(log(1.4));
    struct trial_conf c = conf_of(VERIFY_IMMEDIATE);
    c.saturating = false;
    world_init(&world, &w);
    world_history(&world, c.window_us, history, 15);
    assert_true(ends_with_a_stall(&c, 15, 15, 3));
    assert_true(ends_with_a_stall(&c, 15, 15, (double)NAN));
    assert_false(ends_with_a_stall(&c, 15, 15, 0));
}

static void a_database_that_stands_still_by_itself_may_do_so_for_a_while(void **state)
{
    (void)state;
    struct world_conf w = calm(log(1.4));
    struct trial_conf c = conf_of(VERIFY_IMMEDIATE);
    c.washout_us = 120000000;
    world_init(&world, &w);
    world_history(&world, c.window_us, history, 15);
    for (int i = 0; i < 15; i += 4)
        history[i].lull_tps = 0;
    assert_false(ends_with_a_stall(&c, 15, 20, 3));
    assert_true(ends_with_a_stall(&c, 15, 35, 3));
}

static void the_same_seed_tells_the_same_story(void **state)
{
    (void)state;
    char *first = NULL;
    for (int i = 0; i < 2; i++) {
        struct world_conf w = world_usual(99);
        w.effect = log(1.2);
        struct verdict v = run(VERIFY_IMMEDIATE, &w);
        json_t *j = verdict_json(&v);
        char *text = json_dumps(j, JSON_SORT_KEYS);
        if (first)
            assert_string_equal(first, text);
        free(first);
        first = text;
        json_decref(j);
    }
    free(first);
}

/* What clients ask: statements and written rows of each transaction. */
static void ask(struct sample *s, double statements, double written)
{
    s->v[METRIC_CALLS] = statements * s->v[METRIC_TPS];
    s->v[METRIC_ROWS_WRITTEN] = written * s->v[METRIC_TPS];
}

static void ask_in_history(double statements, double written)
{
    for (int i = 0; i < HISTORY; i++) {
        history[i].v[METRIC_CALLS] = statements * history[i].v[METRIC_TPS] * (1 + 0.05 * sin(i));
        history[i].v[METRIC_ROWS_WRITTEN] = written * history[i].v[METRIC_TPS] * (1 + 0.05 * cos(i));
    }
}

/* When clients ask single statements that write nothing, and are served so much faster: every so many seconds (0: once), from..until. */
struct turn { int every_s, from_s, until_s; double faster; };

static struct verdict when_the_load_turns_for(struct trial_conf c, struct world_conf w, struct turn turn)
{
    struct fault    fault;
    struct trial   *t;
    struct verdict  v;
    struct sample   s;
    enum trial_wish wish;
    int             second = 0;
    world_init(&world, &w);
    world_history(&world, c.window_us, history, HISTORY);
    ask_in_history(30, 12);
    assert_ok(trial_new(&c, history, HISTORY, &t, &fault), &fault);
    world_change(&world, true, false);
    trial_begin(t, world.mono_us);
    do {
        int  at = turn.every_s ? second % turn.every_s : second;
        bool turned = at >= turn.from_s && at < turn.until_s;
        world_second(&world, &s);
        s.v[METRIC_TPS] *= turned ? turn.faster : 1;
        ask(&s, turned ? 1 : 30, turned ? 0 : 12);
        wish = trial_feed(t, &s);
        do_as_wished(t, wish);
    } while (wish != TRIAL_FINISHED && ++second < 10 * 86400);
    assert_int_equal(wish, TRIAL_FINISHED);
    trial_verdict(t, &v);
    trial_free(t);
    return v;
}

/* The candidate has no effect. */
static struct verdict when_the_load_turns(enum verify_class method, int at_s, int until_s, double faster)
{
    return when_the_load_turns_for(conf_of(method), calm(0), (struct turn){ 0, at_s, until_s, faster });
}

static void a_load_that_turns_into_a_faster_one_after_a_restart_is_no_gain(void **state)
{
    (void)state;
    static const enum verify_class before_after[] = { VERIFY_RESTART, VERIFY_SLOW };
    for (size_t i = 0; i < 2; i++)
        for (int at = 0; at <= 120; at += 15) {      /* before the first window, between windows, and amid one */
            struct verdict v = when_the_load_turns(before_after[i], at, 1 << 30, 20);
            assert_int_equal(v.outcome, OUTCOME_UNDECIDED);
            assert_non_null(strstr(v.why, "Clients ask something else"));
        }
}

static void one_odd_window_is_waited_out(void **state)
{
    (void)state;
    for (int at = 40; at <= 110; at += 7) {
        struct verdict v = when_the_load_turns(VERIFY_RESTART, at, at + 2, 20);
        assert_true(v.outcome != OUTCOME_BETTER);
        assert_null(strstr(v.why, "Clients ask something else"));
    }
}

static void a_single_window_of_something_cheap_makes_no_gain(void **state)
{
    (void)state;
    static const enum verify_class before_after[] = { VERIFY_RESTART, VERIFY_SLOW };
    for (size_t i = 0; i < 2; i++) {
        struct trial_conf c = conf_of(before_after[i]);
        int               window_s = (int)(c.window_us / 1000000);
        c.saturating = true;
        c.response = RESPONSE_TPS;
        c.windows_min = 6;
        c.windows_max = 40;
        for (int at = 10; at <= 8 * window_s; at += window_s / 3 + 1) {
            struct verdict v = when_the_load_turns_for(c, calm(0), (struct turn){ 0, at, at + 3 * window_s / 2, 20 });
            assert_true(v.outcome != OUTCOME_BETTER);
        }
    }
}

static void odd_windows_again_and_again_end_the_trial_undecided(void **state)
{
    (void)state;
    struct trial_conf c = conf_of(VERIFY_RESTART);
    int               window_s = (int)(c.window_us / 1000000);
    c.windows_max = TRIAL_WINDOWS_MAX;
    struct verdict v = when_the_load_turns_for(c, calm(0), (struct turn){ 4 * window_s, 2 * window_s, 4 * window_s, 20 });
    assert_true(v.outcome != OUTCOME_BETTER);
}

static void the_largest_number_of_windows_fits_with_odd_ones_among_them(void **state)
{
    (void)state;
    struct trial_conf c = conf_of(VERIFY_SLOW);
    int               window_s = (int)(c.window_us / 1000000);
    c.windows_min = c.windows_max = TRIAL_WINDOWS_MAX;
    struct verdict v = when_the_load_turns_for(c, world_usual(5), (struct turn){ 20 * window_s, 19 * window_s, 20 * window_s, 1 });
    assert_true(v.windows_b <= TRIAL_WINDOWS_MAX);
}

static void a_switchback_goes_on_under_the_new_load_and_does_not_take_it_for_a_gain(void **state)
{
    (void)state;
    for (int at = 20; at <= 200; at += 30) {
        struct verdict v = when_the_load_turns(VERIFY_IMMEDIATE, at, 1 << 30, 20);
        assert_true(v.outcome != OUTCOME_BETTER);
        assert_null(strstr(v.why, "Clients ask something else"));
    }
}

/* Feeds n samples, doing what is wished at once. */

/* Saved by a version that knew nothing of what clients ask. */
static void a_trial_of_the_first_format_goes_on(void **state)
{
    (void)state;
    struct world_conf w = calm(log(1.4));
    struct trial_conf c = conf_of(VERIFY_RESTART);
    struct trial *t = prepared(&w, &c, HISTORY), *back;
    struct fault  fault;
    struct verdict v;
    world_change(&world, true, false);
    trial_begin(t, world.mono_us);
    feed(t, 97);
    json_t *j = trial_save(t);
    json_object_set_new(j, "format", json_integer(1));
    json_object_del(j, "past_asked");
    json_object_del(j, "obs_asked");
    assert_ok(trial_load(j, &back, &fault), &fault);
    json_object_set_new(j, "format", json_integer(99));
    trial_free(t);
    assert_int_equal(trial_load(j, &t, &fault), ERR_INPUT);
    json_decref(j);
    trial_toggled(back, ARM_CANDIDATE, world.mono_us);
    assert_int_equal(feed(back, 86400), TRIAL_FINISHED);
    trial_verdict(back, &v);
    assert_int_equal(v.outcome, OUTCOME_BETTER);
    trial_free(back);
}

static void finished_windows_survive_a_restart_of_the_engine(void **state)
{
    (void)state;
    for (size_t i = 0; i < 5; i++) {
        struct world_conf w = calm(log(1.4));
        struct trial_conf c = conf_of(methods[i]);
        struct trial *t = prepared(&w, &c, HISTORY), *back;
        struct fault fault;
        world_change(&world, true, false);
        trial_begin(t, world.mono_us);
        for (int cut = 0; cut < 6; cut++) {
            feed(t, trial_is_switchback(t) ? 37 : 97);
            json_t *j = trial_save(t);
            char *text = json_dumps(j, 0);
            json_decref(j);
            j = json_loads(text, 0, NULL);
            free(text);
            assert_ok(trial_load(j, &back, &fault), &fault);
            json_decref(j);
            assert_int_equal(back->obses, t->obses);
            assert_int_equal(back->pasts, t->pasts);
            assert_int_equal(trial_arm(back), trial_arm(t));
            assert_true(back->conf.seed == t->conf.seed && back->block == t->block);
            if (t->obses)
                assert_memory_equal(&back->obs[t->obses - 1].response, &t->obs[t->obses - 1].response, sizeof(double));
            for (int m = 0; m < MECHANISMS && t->obses; m++)   /* NAN is kept as what it is */
                assert_true(isnan(back->obs[0].mechanism[m]) ? isnan(t->obs[0].mechanism[m]) : back->obs[0].mechanism[m] == t->obs[0].mechanism[m]);
            trial_free(t);
            t = back;
            if (cut % 2)
                trial_toggled(t, world.candidate ? ARM_CANDIDATE : ARM_INCUMBENT, world.mono_us);
            else if (world.candidate)
                trial_begin(t, world.mono_us);
        }
        assert_true(t->obses > 0);
        assert_int_equal(feed(t, 20000), TRIAL_FINISHED);
        struct verdict v, v2;
        trial_verdict(t, &v);
        if (v.outcome != OUTCOME_BETTER)
            fail_msg("%s: %s", verify_class_name(methods[i]), v.why);
        json_t *j = trial_save(t);
        assert_ok(trial_load(j, &back, &fault), &fault);
        json_decref(j);
        trial_verdict(back, &v2);
        assert_string_equal(v.why, v2.why);
        assert_int_equal(v2.guards, v.guards);
        assert_int_equal(feed(back, 1), TRIAL_FINISHED);
        trial_free(back);
        trial_free(t);
    }
}

static void a_damaged_save_is_refused(void **state)
{
    (void)state;
    struct world_conf w = calm(0);
    struct trial_conf c = conf_of(VERIFY_IMMEDIATE);
    struct trial *t = prepared(&w, &c, 15), *back;
    struct fault fault;
    const char *name;
    json_t *whole = trial_save(t), *member;
    json_object_foreach(whole, name, member) {
        json_t *j = json_deep_copy(whole);
        json_object_del(j, name);
        bool lulls = strcmp(name, "lulls") == 0, slow = strcmp(name, "slow_ms") == 0, seldom = strcmp(name, "seldom") == 0, unheard = strcmp(name, "unheard") == 0;
        bool needed = !lulls && !slow && !seldom && !unheard && strcmp(name, "mechanisms") != 0;   /* the verdict asks for all but these */
        assert_int_equal(trial_load(j, &back, &fault), needed ? ERR_INPUT : OK);
        assert_true(needed ? !back : seldom ? !back->mix.few && !back->mix.rare : unheard ? back->silent == 0 : isnan(lulls ? back->past[0].lull : slow ? back->mix.q[0].slow_ms : back->past[0].mechanism[0]));
        trial_free(back);
        json_object_set_new(j, name, json_string("nonsense"));
        assert_true(strcmp(name, "reason") == 0 || strcmp(name, "checkpoints_past") == 0 || trial_load(j, &back, &fault) == ERR_INPUT || !back
                    || (trial_free(back), true));
        json_decref(j);
    }
    json_object_set_new(whole, "phase", json_integer(99));
    assert_int_equal(trial_load(whole, &back, &fault), ERR_INPUT);
    json_decref(whole);
    trial_free(t);
}

static void a_conf_that_makes_no_sense_is_refused(void **state)
{
    (void)state;
    struct fault fault;
    struct trial *t;
    struct trial_conf good = conf_of(VERIFY_IMMEDIATE), c = good;
    c.method = VERIFY_NONE;
    assert_int_equal(trial_new(&c, NULL, 0, &t, &fault), ERR_INPUT);
    c = good;
    c.windows_min = 1000;
    assert_int_equal(trial_new(&c, NULL, 0, &t, &fault), ERR_INPUT);
    c = good;
    c.p99_ratio_max = 0;   /* a guard that is forgotten must not go missing silently */
    assert_int_equal(trial_new(&c, NULL, 0, &t, &fault), ERR_INPUT);
    assert_non_null(strstr(fault.text, "p99_ratio_max"));
    c = good;
    c.alpha = (double)NAN;
    assert_int_equal(trial_new(&c, NULL, 0, &t, &fault), ERR_INPUT);
}

static void a_loss_of_throughput_contradicts_a_response_that_got_better(void **state)
{
    (void)state;
    /* Statements are quicker, but fewer of them come through: time is lost where statements do not show it (commit). */
    struct world_conf w = calm(log(1.4));
    struct trial_conf c = conf_of(VERIFY_IMMEDIATE);
    w.has_driver = false;
    struct trial *t = prepared(&w, &c, 15);
    struct sample s;
    enum trial_wish wish;
    trial_begin(t, world.mono_us);
    world_change(&world, true, false);
    do {
        world_second(&world, &s);
        if (world.candidate)
            s.v[METRIC_TPS] /= 1.55;
        wish = trial_feed(t, &s);
        if (wish == TRIAL_GO_CANDIDATE || wish == TRIAL_GO_INCUMBENT) {
            world_change(&world, wish == TRIAL_GO_CANDIDATE, false);
            trial_toggled(t, wish == TRIAL_GO_CANDIDATE ? ARM_CANDIDATE : ARM_INCUMBENT, world.mono_us);
        }
    } while (wish != TRIAL_FINISHED);
    struct verdict v;
    trial_verdict(t, &v);
    assert_int_not_equal(v.outcome, OUTCOME_BETTER);
    trial_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(help_is_recognised_by_every_method),
        cmocka_unit_test(harm_is_never_kept_and_costs_less_than_a_window),
        cmocka_unit_test(a_bad_window_is_not_given_a_second_chance),
        cmocka_unit_test(nothing_is_not_promoted),
        cmocka_unit_test(no_candidate_is_better_before_the_agreed_number_of_windows),
        cmocka_unit_test(a_tail_that_the_candidate_hides_never_counts_as_kept),
        cmocka_unit_test(a_broken_guard_outweighs_any_gain),
        cmocka_unit_test(a_collapse_is_seen_during_the_wash_out),
        cmocka_unit_test(a_lull_that_the_database_has_by_itself_ends_no_trial),
        cmocka_unit_test(the_least_that_could_be_proven_falls_with_more_history_and_rises_with_its_noise),
        cmocka_unit_test(no_driver_at_all_is_said_and_does_not_block),
        cmocka_unit_test(harm_of_other_kinds_is_refused_too),
        cmocka_unit_test(a_query_that_is_slow_by_itself_at_times_is_no_harm),
        cmocka_unit_test(a_verdict_says_when_it_is_about_some_statements_alone),
        cmocka_unit_test(the_dashboard_knows_a_verdict_on_some_statements_by_the_same_words),
        cmocka_unit_test(a_checkpoint_trial_wipes_the_slate_and_pays_the_bill),
        cmocka_unit_test(cost_that_is_postponed_past_the_window_is_not_gain),
        cmocka_unit_test(without_the_checkpoints_that_it_asks_for_a_trial_proves_nothing),
        cmocka_unit_test(a_restarted_server_runs_a_checkpoint_before_it_is_believed),
        cmocka_unit_test(a_warm_up_has_checkpoints_at_the_pace_of_the_windows),
        cmocka_unit_test(a_comparison_of_before_and_after_is_looked_at_twice_at_most),
        cmocka_unit_test(a_slow_warm_up_is_waited_for),
        cmocka_unit_test(a_burst_after_a_restart_is_waited_out_and_the_lull_that_pays_for_it_as_well),
        cmocka_unit_test(who_bursts_and_then_is_worse_is_given_no_longer_than_it_was_ahead),
        cmocka_unit_test(a_restart_by_somebody_else_is_followed_by_another_warm_up),
        cmocka_unit_test(what_happens_in_the_wash_out_counts_for_nobody),
        cmocka_unit_test(the_order_of_the_arms_is_drawn_and_every_block_has_both),
        cmocka_unit_test(a_load_that_turns_into_a_faster_one_after_a_restart_is_no_gain),
        cmocka_unit_test(one_odd_window_is_waited_out),
        cmocka_unit_test(a_trial_of_the_first_format_goes_on),
        cmocka_unit_test(a_single_window_of_something_cheap_makes_no_gain),
        cmocka_unit_test(odd_windows_again_and_again_end_the_trial_undecided),
        cmocka_unit_test(the_largest_number_of_windows_fits_with_odd_ones_among_them),
        cmocka_unit_test(a_switchback_goes_on_under_the_new_load_and_does_not_take_it_for_a_gain),
        cmocka_unit_test(without_history_the_incumbent_is_looked_at_first),
        cmocka_unit_test(too_little_history_ends_a_restart_before_it_costs_anything),
        cmocka_unit_test(nothing_to_measure_with_is_undecided),
        cmocka_unit_test(missing_samples_are_repeated_and_then_given_up),
        cmocka_unit_test(a_wish_that_nobody_fulfils_ends_the_trial),
        cmocka_unit_test(a_target_that_becomes_a_standby_is_let_alone),
        cmocka_unit_test(a_burst_of_errors_while_clients_come_back_is_forgiven),
        cmocka_unit_test(a_burst_of_errors_that_the_database_has_by_itself_ends_no_trial),
        cmocka_unit_test(a_stall_is_seen_though_one_window_of_the_history_has_no_rate),
        cmocka_unit_test(where_no_session_is_at_work_clients_only_ask_nothing),
        cmocka_unit_test(a_database_that_stands_still_by_itself_may_do_so_for_a_while),
        cmocka_unit_test(the_same_seed_tells_the_same_story),
        cmocka_unit_test(finished_windows_survive_a_restart_of_the_engine),
        cmocka_unit_test(a_damaged_save_is_refused),
        cmocka_unit_test(a_conf_that_makes_no_sense_is_refused),
        cmocka_unit_test(a_loss_of_throughput_contradicts_a_response_that_got_better),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
