/* verify: estimates keep their promise under peeking, dependence and drift, and guards hold only when that was shown. */
#include "unit.h"

#include "base/rand.h"
#include "verify/before_after.h"
#include "verify/guards.h"
#include "verify/switchback.h"
#include "verify/harm_watch.h"

#include <math.h>
#include <string.h>

enum { RUNS = 400, PAIRS = 40 };

static const struct switchback_conf usual = { 6, PAIRS, 0.05, 0.01 };

/* Share of runs without an effect in which a look at any block says better. phi: how much neighbouring differences resemble each other. */
static double false_better(double phi, bool wild)
{
    struct rand r;
    rand_seed(&r, 11);
    int wrong = 0;
    for (int run = 0; run < RUNS; run++) {
        double d[PAIRS], x = rand_normal(&r) / sqrt(1 - phi * phi);
        bool better = false;
        for (int n = 1; n <= PAIRS; n++) {
            x = phi * x + rand_normal(&r) * (wild && rand_unit(&r) < 0.1 ? 6 : 1);
            d[n - 1] = 0.1 * x;
            if (n < usual.pairs_min)
                continue;
            struct estimate e = switchback_estimate(d, n, &usual);
            better |= (e.known && e.lo > usual.margin) || e.signs_better;
        }
        wrong += better;
    }
    return (double)wrong / RUNS;
}

static const double half_alpha_bar = 0.025 + 3 * 0.0078;   /* three standard deviations of 400 runs */

static void nothing_is_seldom_called_better(void **state)
{
    (void)state;
    assert_true(false_better(0, false) < half_alpha_bar);
    assert_true(false_better(0, true) < half_alpha_bar);
}

static void differences_that_wander_together_are_batched_and_prove_little(void **state)
{
    (void)state;
    /* An effect that comes and goes in phases of many blocks. Without batches three such runs in ten are called better. */
    assert_true(false_better(0.6, false) < 2.5 * half_alpha_bar);
    double d[32];
    struct rand r;
    rand_seed(&r, 2);
    for (int i = 0; i < 32; i++)
        d[i] = 0.1 * ((i / 8) % 2 ? 1 : -1) + 0.3 + 0.01 * rand_normal(&r);
    struct estimate e = switchback_estimate(d, 32, &usual);
    assert_true(e.n < 16);
    for (int i = 0; i < 32; i++)
        d[i] = 0.02 * i;   /* a trend is not an effect that one can put a number on */
    e = switchback_estimate(d, 32, &usual);
    assert_true(!e.known && isinf(e.hi) && !e.signs_better);
}

static void a_planted_effect_is_found_in_time(void **state)
{
    (void)state;
    struct rand r;
    rand_seed(&r, 3);
    int found = 0;
    for (int run = 0; run < RUNS; run++) {
        double d[PAIRS];
        for (int i = 0; i < PAIRS; i++)
            d[i] = 0.1 + 0.1 * rand_normal(&r);
        bool better = false;
        for (int n = usual.pairs_min; n <= 24; n++) {
            struct estimate e = switchback_estimate(d, n, &usual);
            better |= (e.known && e.lo > usual.margin) || e.signs_better;
        }
        found += better;
    }
    if (found < 0.8 * RUNS)   /* 0.9 standard deviations beyond the margin */
        fail_msg("found in %d of %d", found, RUNS);
}

static void one_wild_pair_does_not_hide_what_all_others_say(void **state)
{
    (void)state;
    double d[14];
    for (int i = 0; i < 14; i++)
        d[i] = 0.2 + 0.01 * (i % 3);
    d[3] = 2.5;
    struct estimate e = switchback_estimate(d, 14, &usual);
    assert_true(e.signs_better);
    double many[24];   /* but many small gains do not make up for a disaster */
    for (int i = 0; i < 24; i++)
        many[i] = i == 3 ? -9 : 0.2 + 0.01 * (i % 3);
    e = switchback_estimate(many, 24, &usual);
    assert_false(e.signs_better || e.lo > usual.margin);
}

static void it_gives_up_when_there_is_no_hope(void **state)
{
    (void)state;
    double d[24];
    for (int i = 0; i < 24; i++)
        d[i] = i % 2 ? 0.5 : -0.5;
    assert_true(switchback_estimate(d, 24, &usual).hopeless);
    assert_false(switchback_estimate(d, 8, &usual).hopeless);
    for (int i = 0; i < 10; i++)
        d[i] = i % 2 ? 0.3 : 0.1;
    assert_false(switchback_estimate(d, 10, &usual).hopeless);
}

static void a_coin_decides_which_arm_goes_first(void **state)
{
    (void)state;
    int first = 0;
    for (int block = 0; block < 1000; block++) {
        first += switchback_candidate_first(42, block);
        assert_int_equal(switchback_candidate_first(42, block), switchback_candidate_first(42, block));
    }
    assert_in_range(first, 440, 560);
}

/* ---- before and after ---- */

static void drift(struct rand *r, double *x, int n, double slow_sd)
{
    double slow = slow_sd * rand_normal(r), keep = exp(-1.0 / 10);
    for (int i = 0; i < n; i++) {
        slow = keep * slow + sqrt(1 - keep * keep) * slow_sd * rand_normal(r);
        x[i] = slow + 0.05 * rand_normal(r);
    }
}

static void a_margin_from_placebos_covers_what_the_database_does_by_itself(void **state)
{
    (void)state;
    struct rand r;
    rand_seed(&r, 8);
    struct before_after_shape shape = { 5, 3, 5 };
    for (int n = 17; n <= 97; n += 40) {
        int beyond = 0, known = 0;
        for (int run = 0; run < RUNS; run++) {
            double x[120];
            drift(&r, x, n + 8, 0.1);
            struct estimate e = before_after_estimate(x, n, x + n + 3, shape, 0.01);
            known += e.known;
            beyond += e.known && e.lo > 0;
        }
        assert_int_equal(known, RUNS);
        assert_true((double)beyond / RUNS < 0.01 + 3 * sqrt(0.01 * 0.99 / RUNS));
    }
}

/* n windows with correlation phi from one to the next, spread 1, and a drift per window. */
static void windows_like(struct rand *r, double *x, int n, double phi, double drift_each)
{
    double y = rand_normal(r);
    for (int i = 0; i < n; i++) {
        x[i] = y + drift_each * i;
        y = phi * y + sqrt(1 - phi * phi) * rand_normal(r);
    }
}

static void a_short_history_does_not_make_noise_look_like_an_effect(void **state)
{
    (void)state;
    static const struct { double phi, drift_each; } noise[] = { { 0, 0 }, { 0.3, 0 }, { 0.6, 0 }, { -0.4, 0 }, { 0, 0.1 }, { 0.3, 0.05 } };
    static const struct { int n; struct before_after_shape shape; } trials[] = { { 13, { 3, 3, 3 } }, { 15, { 3, 5, 3 } }, { 15, { 6, 5, 6 } }, { 40, { 5, 3, 5 } } };
    struct rand r;
    rand_seed(&r, 21);
    for (size_t k = 0; k < sizeof noise / sizeof noise[0]; k++)
        for (size_t i = 0; i < sizeof trials / sizeof trials[0]; i++) {
            int n = trials[i].n, gap = trials[i].shape.gap, beyond = 0;
            for (int run = 0; run < RUNS; run++) {
                double x[60];
                windows_like(&r, x, n + gap + trials[i].shape.after, noise[k].phi, noise[k].drift_each);
                struct estimate e = before_after_estimate(x, n, x + n + gap, trials[i].shape, 0.01);
                assert_true(e.known);
                beyond += e.lo > 0;
            }
            assert_true((double)beyond / RUNS < 0.01 + 3 * sqrt(0.01 * 0.99 / RUNS));
        }
}

static void with_the_history_that_is_asked_for_three_windows_show_an_effect_of_four_spreads(void **state)
{
    (void)state;
    struct rand r;
    rand_seed(&r, 22);
    struct before_after_shape shape = { 3, 5, 3 };
    int n = before_after_needed(shape), seen = 0;
    for (int run = 0; run < RUNS; run++) {
        double x[60];
        windows_like(&r, x, n + 8, 0, 0);
        for (int i = n + 5; i < n + 8; i++)
            x[i] += 4.3;
        seen += before_after_estimate(x, n, x + n + 5, shape, 0.0075).lo > 0;
    }
    assert_true(seen > RUNS * 3 / 4);
}

static void too_little_history_gives_no_margin_at_all(void **state)
{
    (void)state;
    struct before_after_shape shape = { 4, 2, 4 };
    double x[40];
    struct rand r;
    rand_seed(&r, 1);
    for (int i = 0; i < 40; i++)
        x[i] = 0.01 * rand_normal(&r);
    assert_int_equal(before_after_needed(shape), 22);
    assert_false(before_after_placebo(x, 10, shape, 0.01).known);
    assert_true(before_after_placebo(x, 11, shape, 0.01).known);   /* stretched */
    assert_true(before_after_placebo(x, 13, shape, 0.01).known);
    assert_true(before_after_placebo(x, 13, shape, 0.01).margin > before_after_placebo(x, 40, shape, 0.01).margin);
    double after[4] = { 5, 5, 5, 5 };
    struct estimate e = before_after_estimate(x, 10, after, shape, 0.01);
    assert_true(!e.known && isinf(e.hi) && e.effect > 4);
}

static void a_warm_up_is_over_when_the_level_no_longer_rises(void **state)
{
    (void)state;
    double y[6] = { 1, 1.2, 1.4, 1.6, 1.8, 2 };
    assert_false(before_after_settled(y, 6, 0.05));
    double flat[6] = { 1, 1.01, 0.99, 1.02, 0.98, 1 }, falling[6] = { 2, 1.9, 1.8, 1.7, 1.6, 1.5 };
    assert_true(before_after_settled(flat, 6, 0.05));
    assert_true(before_after_settled(falling, 6, 0.05));
    assert_false(before_after_settled(flat, 3, 0.05));
}

/* ---- guards ---- */

static struct trial_conf bounds(void)
{
    return (struct trial_conf){ .method = VERIFY_IMMEDIATE, .p99_ratio_max = 1.2, .query_ratio_max = 1.5, .errors_ratio_max = 1.5, .cpu_max = 0.9,
                                .memory_ratio_max = 0.9, .windows_min = 3, .windows_max = 20, .saturating = true };
}

static struct trial_obs quiet_window(int i)
{
    return (struct trial_obs){ .seconds = 30, .response = 0, .tps = 100, .p99 = 20 + i % 2, .fails = 3, .tries = 3000, .cpu = 0.5, .memory = 0.5,
                               .disk_free = 1e10, .recovery_wal = 1e8, .checkpoints = 0 };
}

struct arms { struct trial_conf conf; struct response_mix mix; struct query_tale tale[QUERIES_MAX]; struct trial_obs a[10], b[10]; };

static void arms_init(struct arms *x)
{
    memset(x, 0, sizeof *x);
    x->conf = bounds();
    x->mix.kind = RESPONSE_QUERIES;
    for (int i = 0; i < 10; i++) {
        x->a[i] = quiet_window(i);
        x->b[i] = quiet_window(i + 1);
    }
}

static struct guards judged(const struct arms *x)
{
    struct guards g;
    guards_judge(&(struct guard_case){ &x->conf, &x->mix, x->tale, x->a, x->b, 10, 10, true, false }, &g);
    return g;
}

static const struct guard_result *guard(const struct guards *g, const char *name, enum guard_state *state)
{
    for (int i = 0; i < g->n; i++)
        if (strcmp(g->result[i].name, name) == 0) {
            *state = g->state[i];
            return &g->result[i];
        }
    fail_msg("no guard %s", name);
    return NULL;
}

static enum guard_state state_of(const struct arms *x, const char *name)
{
    struct guards g = judged(x);
    enum guard_state s = GUARD_OPEN;
    const struct guard_result *r = guard(&g, name, &s);
    assert_int_equal(r->holds, s == GUARD_HOLDS);
    return s;
}

static void unchanged_figures_hold(void **state)
{
    (void)state;
    struct arms x;
    arms_init(&x);
    struct guards g = judged(&x);
    assert_int_equal(g.fails, 0);
    assert_int_equal(g.open, 0);
    assert_int_equal(g.worst, -1);
    assert_true(g.n >= 5);
}

static void known_before_and_unknown_after_never_holds(void **state)
{
    (void)state;
    static const char *const names[] = { "p99", "errors", "cpu", "memory", "disk", "throughput" };
    for (int k = 0; k < 6; k++) {
        struct arms x;
        arms_init(&x);
        for (int i = 0; i < 10; i++) {
            double *const member[] = { &x.b[i].p99, &x.b[i].fails, &x.b[i].cpu, &x.b[i].memory, &x.b[i].disk_free, &x.b[i].tps };
            *member[k] = (double)NAN;
        }
        assert_int_equal(state_of(&x, names[k]), GUARD_OPEN);
        struct guards g = judged(&x);
        assert_int_equal(g.open, 1);
        assert_int_equal(g.worst >= 0, 1);
    }
}

static void what_was_never_measured_is_said_and_does_not_block(void **state)
{
    (void)state;
    struct arms x;
    arms_init(&x);
    for (int i = 0; i < 10; i++)
        x.a[i].p99 = x.b[i].p99 = x.a[i].cpu = x.b[i].cpu = (double)NAN;
    assert_int_equal(state_of(&x, "p99"), GUARD_UNMEASURED);
    assert_int_equal(state_of(&x, "cpu"), GUARD_UNMEASURED);
    struct guards g = judged(&x);
    assert_int_equal(g.open + g.fails, 0);
}

static void a_noisy_tail_is_open_and_a_long_one_fails(void **state)
{
    (void)state;
    struct arms x;
    arms_init(&x);
    for (int i = 0; i < 10; i++)
        x.b[i].p99 = i % 2 ? 60 : 7;
    assert_int_equal(state_of(&x, "p99"), GUARD_OPEN);
    for (int i = 0; i < 10; i++)
        x.b[i].p99 = 30 + i % 2;
    assert_int_equal(state_of(&x, "p99"), GUARD_FAILS);
}

static void more_errors_fail_and_a_few_among_many_do_not(void **state)
{
    (void)state;
    struct arms x;
    arms_init(&x);
    for (int i = 0; i < 10; i++)
        x.b[i].fails = 60;
    assert_int_equal(state_of(&x, "errors"), GUARD_FAILS);
    for (int i = 0; i < 10; i++) {
        x.b[i].fails = i == 0;
        x.a[i].fails = 0;
    }
    assert_int_equal(state_of(&x, "errors"), GUARD_HOLDS);
    for (int i = 0; i < 10; i++)
        x.b[i].tries = x.a[i].tries = 5;   /* none of fifty is no proof of few */
    assert_int_equal(state_of(&x, "errors"), GUARD_OPEN);
}

static void an_old_configuration_too_slow_to_err_does_not_hide_that_the_new_one_does_not(void **state)
{
    (void)state;
    struct arms x;
    arms_init(&x);
    for (int i = 0; i < 10; i++) {
        x.a[i].fails = x.b[i].fails = 0;
        x.a[i].tries = 5;
        x.b[i].tries = 400;
    }
    assert_int_equal(state_of(&x, "errors"), GUARD_HOLDS);
    for (int i = 0; i < 10; i++)
        x.b[i].fails = 1;      /* 2.5 in 1000, where the old one's fifty say nothing */
    assert_int_equal(state_of(&x, "errors"), GUARD_OPEN);
}

static void a_saturated_machine_may_stay_saturated(void **state)
{
    (void)state;
    struct arms x;
    arms_init(&x);
    for (int i = 0; i < 10; i++)
        x.b[i].cpu = 0.97;
    assert_int_equal(state_of(&x, "cpu"), GUARD_FAILS);
    for (int i = 0; i < 10; i++)
        x.a[i].cpu = 0.98;
    assert_int_equal(state_of(&x, "cpu"), GUARD_HOLDS);
}

static void a_load_that_takes_what_it_can_get_may_take_the_cores_when_a_transaction_costs_hardly_more(void **state)
{
    (void)state;
    struct arms x;
    arms_init(&x);
    for (int i = 0; i < 10; i++) {
        x.b[i].cpu = 0.99;
        x.b[i].tps = 220;
    }
    assert_int_equal(state_of(&x, "cpu"), GUARD_HOLDS);
    for (int i = 0; i < 10; i++)
        x.b[i].tps = 120;      /* two thirds more for each */
    assert_int_equal(state_of(&x, "cpu"), GUARD_FAILS);
    for (int i = 0; i < 10; i++)
        x.b[i].tps = 220;
    x.conf.saturating = false;      /* an ordinary load needs room above it */
    assert_int_equal(state_of(&x, "cpu"), GUARD_FAILS);
}

/* Of a dozen reports in a window nobody can show that not one in a thousand fails, and their number is no throughput. */
static void of_a_few_reports_nothing_is_asked_that_takes_thousands(void **state)
{
    (void)state;
    struct arms x;
    arms_init(&x);
    for (int i = 0; i < 10; i++) {
        x.a[i].fails = x.b[i].fails = 0;
        x.a[i].tries = x.b[i].tries = 13;
        x.b[i].tps = 0.9 * x.a[i].tps;
    }
    assert_int_equal(state_of(&x, "errors"), GUARD_OPEN);
    assert_int_equal(state_of(&x, "throughput"), GUARD_FAILS);
    x.mix.few = true;
    assert_int_equal(state_of(&x, "errors"), GUARD_UNPROVEN);
    struct guards g = judged(&x);
    for (int i = 0; i < g.n; i++)
        assert_string_not_equal(g.result[i].name, "throughput");
    x.b[3].fails = 1;      /* more than before is more than before */
    assert_int_equal(state_of(&x, "errors"), GUARD_OPEN);
}

static void memory_disk_recovery_and_throughput_have_bounds(void **state)
{
    (void)state;
    struct arms x;
    arms_init(&x);
    x.b[7].memory = 0.95;
    assert_int_equal(state_of(&x, "memory"), GUARD_FAILS);
    x.b[7].disk_free = 4e9;
    assert_int_equal(state_of(&x, "disk"), GUARD_FAILS);
    x.conf.recovery_wal_max = 2e8;
    assert_int_equal(state_of(&x, "recovery"), GUARD_HOLDS);
    x.b[7].recovery_wal = 3e8;
    assert_int_equal(state_of(&x, "recovery"), GUARD_FAILS);
    for (int i = 0; i < 10; i++)
        x.b[i].tps = 80 + i % 2;
    assert_int_equal(state_of(&x, "throughput"), GUARD_FAILS);
}

static void tell(struct arms *x, enum trial_arm arm, double calls, double ms)
{
    struct window w;
    window_clear(&w);
    w.queries = 2;
    w.query[0] = (struct query_count){ 1, 1000, 1000, 0 };
    w.query[1] = (struct query_count){ 2, calls, calls * ms, 0 };
    for (int i = 0; i < 10; i++) {
        w.query[1].total_ms *= 1 + 0.02 * (i % 2);
        guards_tell(&x->mix, x->tale, arm, &w);
    }
}

static void mix_of_two(struct arms *x)
{
    arms_init(x);
    x->mix.n = 2;
    x->mix.q[0] = (struct response_query){ 1, 0.9, 1 };
    x->mix.q[1] = (struct response_query){ 2, 0.1, 5 };
    tell(x, ARM_INCUMBENT, 100, 5);
}

static void one_query_twice_as_slow_breaks_the_promise_though_the_total_is_fine(void **state)
{
    (void)state;
    struct arms x;
    mix_of_two(&x);
    tell(&x, ARM_CANDIDATE, 100, 5.5);
    assert_int_equal(state_of(&x, "query 2"), GUARD_HOLDS);
    mix_of_two(&x);
    tell(&x, ARM_CANDIDATE, 100, 11);
    assert_int_equal(state_of(&x, "query 2"), GUARD_FAILS);
}

static void a_query_that_never_ends_any_more_is_noticed(void **state)
{
    (void)state;
    struct arms x;
    mix_of_two(&x);
    tell(&x, ARM_CANDIDATE, 0, 0);
    assert_int_equal(state_of(&x, "query 2"), GUARD_FAILS);
}

/* Six windows in which query 2 takes `ratio` times as long in all and typically `typical` times, give or take a factor e^spread. */
static enum guard_state changeable(double ratio, double typical, double spread, bool last)
{
    struct arms x;
    mix_of_two(&x);
    struct query_arm *a = &x.tale[1].arm[ARM_INCUMBENT], *b = &x.tale[1].arm[ARM_CANDIDATE];
    tell(&x, ARM_CANDIDATE, 100, 5);
    *b = (struct query_arm){ a->calls, a->total_ms * ratio, 6, a->mean_log + log(typical), 5 * spread * spread };
    struct guards g;
    guards_judge(&(struct guard_case){ .conf = &x.conf, .mix = &x.mix, .tale = x.tale, .a = x.a, .b = x.b, .na = 10, .nb = 10, .paired = true, .last = last }, &g);
    enum guard_state s = GUARD_HOLDS;
    const struct guard_result *r = guard(&g, "query 2", &s);
    assert_int_equal(r->holds, s == GUARD_HOLDS);
    assert_int_equal(g.open, s == GUARD_OPEN);
    return s;
}

static void a_query_too_changeable_to_be_shown_is_let_off_at_the_end_unless_it_looks_slower(void **state)
{
    (void)state;
    assert_int_equal(changeable(1.2, 1.2, 1.2, false), GUARD_OPEN);
    assert_int_equal(changeable(1.2, 1.2, 1.2, true), GUARD_UNPROVEN);
    assert_int_equal(changeable(1.6, 1.2, 1.2, true), GUARD_OPEN);      /* its total is beyond the bound */
    assert_int_equal(changeable(1.2, 1.6, 1.2, true), GUARD_OPEN);      /* its usual time is */
    assert_int_equal(changeable(1.45, 1.45, 0.2, true), GUARD_OPEN);    /* it did become slower */
    assert_int_equal(changeable(1.1, 1.1, 0.1, true), GUARD_HOLDS);
    assert_int_equal(changeable(3, 3, 0.3, true), GUARD_FAILS);
}

static void what_blocks_is_named_even_when_the_list_is_full(void **state)
{
    (void)state;
    struct arms x;
    arms_init(&x);
    x.mix.n = 60;
    for (int q = 0; q < 60; q++) {
        x.mix.q[q] = (struct response_query){ q + 1, 1.0 / 60, 1 };
        for (int arm = 0; arm < 2; arm++)
            x.tale[q].arm[arm] = (struct query_arm){ 1000, 1000 * (arm && q > 40 ? 9 : 1), 10, arm && q > 40 ? log(9) : 0, 0.01 };
    }
    struct guards g = judged(&x);
    assert_int_equal(g.fails, 19);
    int named = 0;
    for (int i = 0; i < g.n; i++)
        named += g.state[i] == GUARD_FAILS;
    assert_true(g.n <= GUARDS_MAX && named >= 15);
}

/* ---- the watch ---- */

static struct harm_watch watching(void)
{
    struct harm_watch w = { .kind = HARM_WATCH_TPS };
    double levels[5] = { log(100), log(104), log(96), log(101), log(99) }, lulls[5] = { NAN, NAN, NAN, NAN, NAN };
    harm_watch_refer(&w, levels, lulls, 5);
    harm_watch_begin_arm(&w);
    harm_watch_begin_window(&w);
    return w;
}

static void feed(struct harm_watch *w, double tps, int seconds)
{
    struct sample s;
    sample_clear(&s);
    for (int i = 0; i < seconds; i++) {
        s.v[METRIC_TPS] = tps * (i % 2 ? 1.1 : 0.9);
        harm_watch_add(w, &s);
    }
}

static void clear_harm_is_seen_in_seconds_and_doubtful_harm_is_not(void **state)
{
    (void)state;
    struct harm_watch w = watching();
    feed(&w, 30, 9);
    assert_true(harm_watch_fires(&w));
    w = watching();
    feed(&w, 95, 60);
    assert_false(harm_watch_fires(&w));
    w = watching();
    feed(&w, 80, 6);
    assert_false(harm_watch_fires(&w));
    w = watching();
    feed(&w, 100, 20);
    feed(&w, 10, 10);
    assert_true(harm_watch_collapse(&w));
    feed(&w, 100, 1);
    assert_false(harm_watch_collapse(&w));
    w = (struct harm_watch){ .kind = HARM_WATCH_TPS, .ref = (double)NAN };   /* nothing to compare with: no opinion */
    feed(&w, 1, 60);
    assert_false(harm_watch_fires(&w) || harm_watch_collapse(&w));
}

/* Windows of 100, where each third one, or one alone, has ten seconds of 20 in it. */
static struct harm_watch watching_a_database_that_stalls(bool often)
{
    struct harm_watch w = { .kind = HARM_WATCH_TPS };
    double            levels[30], lulls[30];
    for (int i = 0; i < 30; i++) {
        levels[i] = log(100 + i % 5);
        lulls[i] = log((often ? i % 3 == 0 : i == 20) ? 20 : 90);
    }
    harm_watch_refer(&w, levels, lulls, 30);
    harm_watch_begin_arm(&w);
    harm_watch_begin_window(&w);
    return w;
}

static void a_lull_like_those_that_the_database_has_by_itself_is_no_collapse(void **state)
{
    (void)state;
    struct harm_watch w = watching_a_database_that_stalls(true);
    feed(&w, 400, 20);
    feed(&w, 20, 12);
    assert_false(harm_watch_collapse(&w));
    feed(&w, 5, 12);
    assert_true(harm_watch_collapse(&w));
    w = watching_a_database_that_stalls(false);      /* one odd hour does not blind the watch */
    feed(&w, 400, 20);
    feed(&w, 20, 12);
    assert_true(harm_watch_collapse(&w));
}

/* A window that opens as a lull begins shows nothing else at first. */
static void a_window_that_begins_with_a_lull_of_its_own_is_not_given_up(void **state)
{
    (void)state;
    struct harm_watch w = watching_a_database_that_stalls(true);
    feed(&w, 20, 6);
    assert_false(harm_watch_fires(&w));
    feed(&w, 20, 4);
    assert_false(harm_watch_fires(&w));
    feed(&w, 20, 15);                                /* ten seconds, and not half a minute */
    assert_true(harm_watch_fires(&w));
    w = watching_a_database_that_stalls(false);
    feed(&w, 20, 6);
    assert_true(harm_watch_fires(&w));
}

/* Twenty transactions a second, and none at all for ten seconds in each third window, or in none. */
static void a_standstill_like_those_that_the_database_has_by_itself_is_no_collapse(void **state)
{
    (void)state;
    for (int often = 0; often < 2; often++) {
        struct harm_watch w = { .kind = HARM_WATCH_TPS };
        struct window     still;
        double            levels[30], lulls[30];
        window_clear(&still);
        for (int i = 0; i < 30; i++) {
            levels[i] = log(20 + i % 5);
            still.lull_tps = often && i % 3 == 0 ? 0 : 18;
            lulls[i] = harm_watch_lull(w.kind, &still);
        }
        harm_watch_refer(&w, levels, lulls, 30);
        harm_watch_begin_arm(&w);
        harm_watch_begin_window(&w);
        assert_int_equal(harm_watch_stands_still(&w), often);
        feed(&w, 22, 20);
        feed(&w, 0, 12);
        assert_int_equal(harm_watch_collapse(&w), !often);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_window_that_begins_with_a_lull_of_its_own_is_not_given_up),
        cmocka_unit_test(a_standstill_like_those_that_the_database_has_by_itself_is_no_collapse),
        cmocka_unit_test(a_lull_like_those_that_the_database_has_by_itself_is_no_collapse),
        cmocka_unit_test(nothing_is_seldom_called_better),
        cmocka_unit_test(differences_that_wander_together_are_batched_and_prove_little),
        cmocka_unit_test(a_planted_effect_is_found_in_time),
        cmocka_unit_test(one_wild_pair_does_not_hide_what_all_others_say),
        cmocka_unit_test(it_gives_up_when_there_is_no_hope),
        cmocka_unit_test(a_coin_decides_which_arm_goes_first),
        cmocka_unit_test(a_short_history_does_not_make_noise_look_like_an_effect),
        cmocka_unit_test(with_the_history_that_is_asked_for_three_windows_show_an_effect_of_four_spreads),
        cmocka_unit_test(a_margin_from_placebos_covers_what_the_database_does_by_itself),
        cmocka_unit_test(too_little_history_gives_no_margin_at_all),
        cmocka_unit_test(a_warm_up_is_over_when_the_level_no_longer_rises),
        cmocka_unit_test(unchanged_figures_hold),
        cmocka_unit_test(known_before_and_unknown_after_never_holds),
        cmocka_unit_test(what_was_never_measured_is_said_and_does_not_block),
        cmocka_unit_test(a_noisy_tail_is_open_and_a_long_one_fails),
        cmocka_unit_test(more_errors_fail_and_a_few_among_many_do_not),
        cmocka_unit_test(an_old_configuration_too_slow_to_err_does_not_hide_that_the_new_one_does_not),
        cmocka_unit_test(a_saturated_machine_may_stay_saturated),
        cmocka_unit_test(a_load_that_takes_what_it_can_get_may_take_the_cores_when_a_transaction_costs_hardly_more),
        cmocka_unit_test(of_a_few_reports_nothing_is_asked_that_takes_thousands),
        cmocka_unit_test(memory_disk_recovery_and_throughput_have_bounds),
        cmocka_unit_test(one_query_twice_as_slow_breaks_the_promise_though_the_total_is_fine),
        cmocka_unit_test(a_query_that_never_ends_any_more_is_noticed),
        cmocka_unit_test(a_query_too_changeable_to_be_shown_is_let_off_at_the_end_unless_it_looks_slower),
        cmocka_unit_test(what_blocks_is_named_even_when_the_list_is_full),
        cmocka_unit_test(clear_harm_is_seen_in_seconds_and_doubtful_harm_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
