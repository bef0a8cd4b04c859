/* math: the functions give the textbook's numbers, and the sequential tests keep their promise when replayed. */
#include "unit.h"

#include "base/rand.h"
#include "math/stats/compare.h"
#include "math/stats/describe.h"
#include "math/stats/multiple.h"
#include "math/stats/sequential.h"
#include "math/stats/series.h"
#include "math/stats/special.h"

#include <math.h>

#define assert_near(a, b, eps)                                                  \
    do {                                                                        \
        double a_ = (a), b_ = (b);                                              \
        if (!(fabs(a_ - b_) <= (eps)))                                          \
            fail_msg("%s is %.12g, not %.12g +- %g", #a, a_, b_, (double)(eps)); \
    } while (0)

static void the_special_functions_give_the_tables_values(void **state)
{
    (void)state;
    assert_near(math_normal_cdf(1.959963984540054), 0.975, 1e-12);
    assert_near(math_normal_quantile(0.975), 1.959963984540054, 1e-9);
    assert_near(math_normal_quantile(1e-9), -5.997807015007686, 1e-7);
    assert_near(math_lgamma(0.5), 0.5723649429247001, 1e-12);
    assert_near(math_betai(2, 3, 0.5), 0.6875, 1e-12);
    assert_near(math_betai(0.5, 0.5, 0.25), 1.0 / 3, 1e-12);
    assert_near(math_t_cdf(2.228138851964939, 10), 0.975, 1e-10);
    assert_near(math_t_quantile(0.975, 1), 12.706204736432095, 1e-6);
    assert_near(math_t_quantile(0.975, 10), 2.228138851964939, 1e-8);
    assert_near(math_t_quantile(0.99, 3), 4.540702858471, 1e-6);
    assert_near(math_t_quantile(0.01, 30), -2.457261542, 1e-6);
    assert_near(math_t_quantile(0.999, 1e9), 3.090232306, 1e-6);
    for (double nu = 0.7; nu < 50; nu *= 1.7)
        for (double p = 0.501; p < 0.9999; p += 0.007)
            assert_near(math_t_cdf(math_t_quantile(p, nu), nu), p, 1e-9);
    assert_near(math_beta_quantile(0.5, 2, 2), 0.5, 1e-10);
    assert_true(isnan(math_t_quantile(0.5, 0)) && isnan(math_betai(1, 1, 2)) && isnan(math_lgamma(-1)));
}

static void numbers_are_described_as_the_textbook_does(void **state)
{
    (void)state;
    double x[] = { 2, 4, 4, 4, 5, 5, 7, 9 }, scratch[32];
    assert_near(math_mean(x, 8), 5, 0);
    assert_near(math_variance(x, 8), 32.0 / 7, 1e-12);
    assert_near(math_quantile(x, 8, 0.25, scratch), 4, 1e-12);
    assert_near(math_quantile(x, 8, 0.9, scratch), 7.6, 1e-12);
    assert_near(math_mad(x, 8, scratch), 1.4826022185056018 * 0.5, 1e-12);
    double y[] = { 1, 2, 3, 4, 100 };
    assert_near(math_hodges_lehmann(y, 5), 3, 0);
    assert_true(isnan(math_mean(x, 0)) && isnan(math_variance(x, 1)) && isnan(math_median(x, 0, scratch)));
    double holes[] = { 1, NAN, 3, INFINITY };
    assert_int_equal(math_known(holes, 4, scratch), 2);
    struct math_running r = { 0 };
    for (int i = 0; i < 8; i++)
        math_running_add(&r, x[i]);
    assert_near(math_running_sd(&r), math_sd(x, 8), 1e-12);
    assert_near(r.max, 9, 0);
}

static void two_groups_are_compared_as_the_textbook_does(void **state)
{
    (void)state;
    /* Welch: group a of NIST-like sizes; reference by hand: se^2 = 4/5 + 9/10, nu = 1.7^2 / (.8^2/4 + .9^2/9). */
    struct math_difference d = math_welch(5, 10, 4, 10, 13, 9);
    assert_near(d.se, sqrt(1.7), 1e-12);
    assert_near(d.nu, 2.89 / (0.16 + 0.09), 1e-9);
    assert_near(math_difference_upper(&d, 0.025) - d.estimate, math_t_quantile(0.975, d.nu) * d.se, 1e-12);
    /* Paired t on Student's sleep data (1908): t = 4.0621, p = 0.002833. */
    double sleep[] = { 1.2, 2.4, 1.3, 1.3, 0, 1.0, 1.8, 0.8, 4.6, 1.4 };
    d = math_paired(sleep, 10);
    assert_near(d.estimate / d.se, 4.0621, 1e-4);
    assert_near(d.p, 0.002833, 1e-6);
    double x[] = { 1, 2, 2, 3 }, y[] = { 2, 3, 4, 5 }, scratch[16];
    struct math_ranks r = math_mann_whitney(x, 4, y, 4, scratch);
    assert_near(r.u, 2.5, 1e-12);   /* pairs x > y: 1 (3 > 2); ties: 2=2 twice, 3=3 once: 1.5 */
    assert_near(r.cles, 2.5 / 16, 1e-12);
    double same[] = { 1, 1, 1 };
    assert_near(math_mann_whitney(same, 3, same, 3, scratch).p, 1, 0);
    double lo, hi;
    math_proportion_interval(0, 10, 0.05, &lo, &hi);
    assert_near(lo, 0, 0);
    assert_near(hi, 0.30849710, 1e-7);
    math_proportion_interval(4, 20, 0.05, &lo, &hi);
    assert_near(lo, 0.05733, 1e-4);
    assert_near(hi, 0.43661, 1e-4);
    math_rate_ratio_interval(10, 1, 10, 1, 0.05, &lo, &hi);
    assert_near(lo * hi, 1, 1e-6);
    math_rate_ratio_interval(0, 1, 0, 1, 0.05, &lo, &hi);
    assert_true(lo <= 0 && isinf(hi));
    double load[] = { 1, 2, 3, 4 }, answer[] = { 3, 5, 7, 9 };
    assert_near(math_cuped_theta(answer, load, 4), 2, 1e-12);
}

static void alpha_is_spent_once_and_shared_fairly(void **state)
{
    (void)state;
    double sum = 0;
    for (int j = 1; j < 100000; j++)
        sum += math_alpha_spend(0.05, j);
    assert_true(sum < 0.05);
    assert_near(sum, 0.05, 1e-6);
    assert_near(math_alpha_spend(0.05, 0), 0, 0);
    double lord = 0;
    for (int j = 1; j < 2000000; j++)
        lord += math_alpha_lord(0.05, j, NULL, 0);
    assert_near(lord, 0.045, 1e-6);
    int found[] = { 3, 7 };
    assert_true(math_alpha_lord(0.05, 8, found, 2) > math_alpha_spend(0.05, 1));       /* right after a rejection: as strong as in the beginning */
    assert_true(math_alpha_lord(0.05, 8, found, 1) < 10 * math_alpha_spend(0.05, 8));
    double p[] = { 0.01, 0.04, 0.03, 0.005 };   /* Holm at .05: .005 <= .0125, .01 <= .0167, .03 > .025 */
    bool reject[4];
    assert_int_equal(math_holm(p, 4, 0.05, reject), 2);
    assert_true(reject[0] && reject[3] && !reject[1] && !reject[2]);
    double e[] = { log(100), log(1), log(45), log(2) };   /* k/(i alpha): 80, 40, 26.7, 20 */
    assert_int_equal(math_e_bh(e, 4, 0.05, reject), 2);
    assert_true(reject[0] && reject[2] && !reject[1] && !reject[3]);
    assert_near(math_bonferroni(0.05, 5), 0.01, 1e-15);
}

/* Stories of forty decisions, some of which have something to find; decided by p-values at LORD's levels. */
static void of_what_lord_finds_at_most_the_promised_share_is_false(void **state)
{
    (void)state;
    enum { STORIES = 4000, DECISIONS = 40 };
    static const double truths[] = { 0, 0.1, 0.3 };
    struct rand r;
    rand_seed(&r, 21);
    for (int t = 0; t < 3; t++) {
        double shares = 0, found_by_spending = 0, true_found = 0;
        for (int i = 0; i < STORIES; i++) {
            int found[DECISIONS], k = 0, wrong = 0;
            for (int j = 1; j <= DECISIONS; j++) {
                bool   real = rand_unit(&r) < truths[t];
                double p = 2 * math_normal_cdf(-fabs(rand_normal(&r) + (real ? 3.5 : 0)));
                found_by_spending += real && p <= math_alpha_spend(0.1, j);
                if (p > math_alpha_lord(0.1, j, found, k))
                    continue;
                found[k++] = j;
                wrong += !real;
                true_found += real;
            }
            shares += k ? (double)wrong / k : 0;
        }
        if (!(shares / STORIES <= 0.1 + 3 * sqrt(0.1 * 0.9 / STORIES)))
            fail_msg("where %g have something to find, %g of what is found is false", truths[t], shares / STORIES);
        if (t == 2)
            assert_true(true_found > 1.3 * found_by_spending);
    }
}

static void a_line_and_its_drift_are_found(void **state)
{
    (void)state;
    double t[] = { 0, 1, 2, 3, 4 }, y[] = { 1, 3.1, 4.9, 7.1, 8.9 };
    struct math_line line = math_line_fit(t, y, 5);
    assert_near(line.slope, 1.98, 1e-12);
    assert_near(line.intercept, 1.04, 1e-12);
    assert_near(line.slope_se, sqrt((0.0016 + 0.0064 + 0.01 + 0.0144 + 0.0036) / 3 / 10), 1e-9);
    math_drift_remove(t, y, 5);
    assert_near(math_line_fit(t, y, 5).slope, 0, 1e-12);
    assert_near(math_mean(y, 5), 5, 1e-12);
    assert_true(isnan(math_line_fit(t, y, 2).slope));
}

static void batches_grow_until_neighbours_are_forgotten(void **state)
{
    (void)state;
    struct rand r;
    rand_seed(&r, 5);
    static double x[20000], scratch[20000];
    double lag1;
    for (int i = 0; i < 20000; i++)
        x[i] = (i ? 0.6 * x[i - 1] : 0) + rand_normal(&r);
    assert_near(math_autocorrelation(x, 20000, 1), 0.6, 0.03);
    int b = math_batch_length(x, 20000, 0.1, 0, 10, scratch, &lag1);
    assert_in_range(b, 6, 24);
    assert_true(lag1 < 0.1);
    for (int i = 0; i < 20000; i++)
        x[i] = rand_normal(&r);
    assert_int_equal(math_batch_length(x, 20000, 0.1, 0, 10, scratch, &lag1), 1);
    for (int i = 0; i < 200; i++)
        x[i] = i;
    assert_int_equal(math_batch_length(x, 200, 0.1, 0, 10, scratch, &lag1), 0);   /* a trend has no honest batch */
    assert_near(math_effective_n(100, 0.6), 25, 1e-9);
}

/* ---- replays against the measured numbers of the method's description (500 runs, fixed seed) ---- */

enum { RUNS = 500, LOOKS = 400 };

enum noise { GAUSS, T3, LOGNORMAL_PAIR, AR6, AR6_BATCH_32, NOISES };

static double t3(struct rand *r)
{
    double a = rand_normal(r), b = rand_normal(r), c = rand_normal(r);
    return rand_normal(r) / sqrt((a * a + b * b + c * c) / 3);
}

static double draw(struct rand *r, enum noise kind, double *memory)
{
    double sum = 0;
    switch (kind) {
    case GAUSS:          return rand_normal(r);
    case T3:             return t3(r);
    case LOGNORMAL_PAIR: return exp(rand_normal(r)) - exp(rand_normal(r));
    case AR6:            return *memory = 0.6 * *memory + rand_normal(r);
    case AR6_BATCH_32:
        for (int i = 0; i < 32; i++)
            sum += *memory = 0.6 * *memory + rand_normal(r);
        return sum / 32;
    case NOISES:         break;
    }
    return 0;
}

/* Share of A/A runs in which the plug-in normal interval, or the t interval, excludes zero at any look. */
static double false_alarms(enum noise kind, int burn_in, bool exact)
{
    struct rand r;
    rand_seed(&r, 1000 + (unsigned)kind);
    double rho2 = math_cs_normal_rho2(50, 0.05), c2 = math_cs_t_c2(50, 0.05);
    int alarms = 0;
    for (int run = 0; run < RUNS; run++) {
        struct math_running s = { 0 };
        double memory = 0;
        for (int i = 0; i < 20; i++)
            draw(&r, kind == AR6_BATCH_32 ? AR6 : kind, &memory);
        for (int n = 1; n <= LOOKS; n++) {
            math_running_add(&s, draw(&r, kind, &memory));
            if (n < burn_in)
                continue;
            double h = exact ? math_cs_t(n, s.ss, c2, 0.05) : math_cs_normal(n, math_running_sd(&s), rho2, 0.05);
            if (fabs(s.mean) > h) {
                alarms++;
                break;
            }
        }
    }
    return (double)alarms / RUNS;
}

static void peeking_is_safe_as_measured_and_unsafe_as_measured(void **state)
{
    (void)state;
    double sd3 = 3 * sqrt(0.05 * 0.95 / RUNS);
    assert_near(false_alarms(GAUSS, 20, false), 0.039, sd3);
    assert_near(false_alarms(LOGNORMAL_PAIR, 20, false), 0.022, sd3);
    assert_near(false_alarms(AR6, 20, false), 0.623, 3 * sqrt(0.25 / RUNS));
    assert_near(false_alarms(AR6_BATCH_32, 20, false), 0.050, sd3);
}

static void the_interval_of_unknown_spread_needs_no_burn_in(void **state)
{
    (void)state;
    double bar = 0.05 + 3 * sqrt(0.05 * 0.95 / RUNS);
    assert_true(false_alarms(GAUSS, 2, true) < bar);
    assert_true(false_alarms(T3, 2, true) < bar);
    assert_true(false_alarms(LOGNORMAL_PAIR, 2, true) < bar);
    assert_true(false_alarms(GAUSS, 2, false) > bar);   /* the plugged-in sd does */
}

/* Median number of observations until the interval excludes zero. */
static double stop_median(double effect, bool exact, double *decided)
{
    struct rand r;
    rand_seed(&r, 77);
    double rho2 = math_cs_normal_rho2(50, 0.05), c2 = math_cs_t_c2(50, 0.05), stop[RUNS], scratch[RUNS];
    int k = 0;
    for (int run = 0; run < RUNS; run++) {
        struct math_running s = { 0 };
        stop[run] = 1000;
        for (int n = 1; n < 1000; n++) {
            math_running_add(&s, effect + rand_normal(&r));
            double h = exact ? math_cs_t(n, s.ss, c2, 0.05) : n < 2 ? INFINITY : math_cs_normal(n, 1, rho2, 0.05);
            if (s.mean > h) {
                stop[run] = n;
                k++;
                break;
            }
        }
    }
    *decided = (double)k / RUNS;
    return math_median(stop, RUNS, scratch);
}

static void planted_effects_are_found_near_the_measured_medians(void **state)
{
    (void)state;
    double decided;
    assert_near(stop_median(1.0, false, &decided), 11, 2);
    assert_near(stop_median(0.5, false, &decided), 30, 4);
    assert_near(stop_median(0.25, false, &decided), 111, 15);
    assert_true(decided > 0.99);
    assert_true(stop_median(1.0, true, &decided) < 16);
    assert_true(stop_median(0.5, true, &decided) < 38);
}

static void the_mixture_ratio_and_its_interval_are_the_same_test(void **state)
{
    (void)state;
    double n = 17, sd = 2, rho2 = 0.3, alpha = 0.02, h = math_cs_normal(n, sd, rho2, alpha);
    assert_near(math_msprt_log_e(n, h, 0, sd, rho2 * sd * sd), -log(alpha), 1e-9);
    double ss = 40, c2 = 0.4, ht = math_cs_t(n, ss, c2, alpha);
    assert_near(math_t_log_e(n, 3 + ht, ss, 3, c2), -log(alpha), 1e-9);
    assert_true(math_cs_t(n, ss, math_cs_t_c2(n, alpha), alpha) <= ht);
    assert_true(isinf(math_cs_t(2, 1, 1, 0.001)));
    assert_near(math_cs_normal_rho2(50, 0.05), 0.1756, 1e-4);
}

static void signs_alone_are_enough_and_keep_their_promise(void **state)
{
    (void)state;
    assert_near(math_sign_log_e(0, 0), 0, 1e-12);
    assert_near(exp(math_sign_log_e(7, 0)), 3432.0 / 16384 * 128, 1e-9);   /* C(14, 7) / 2^14 * 2^7 */
    struct rand r;
    rand_seed(&r, 9);
    int alarms = 0;
    double stop[RUNS], scratch[RUNS];
    for (int run = 0; run < RUNS; run++) {
        double wins = 0, w2 = 0;
        stop[run] = 1000;
        bool alarm = false;
        for (int n = 1; n <= LOOKS; n++) {
            wins += t3(&r) > 0;
            alarm |= math_sign_log_e(wins, n - wins) >= log(20);
            w2 += 1 + rand_normal(&r) > 0;
            if (stop[run] > n && math_sign_log_e(w2, n - w2) >= log(20))
                stop[run] = n;
        }
        alarms += alarm;
    }
    assert_true((double)alarms / RUNS < 0.05 + 3 * sqrt(0.05 * 0.95 / RUNS));
    assert_near(math_median(stop, RUNS, scratch), 16, 3);
}

static void walds_test_stops_as_early_as_promised(void **state)
{
    (void)state;
    struct rand r;
    rand_seed(&r, 3);
    double looks = 0;
    int wrong = 0;
    for (int run = 0; run < RUNS; run++) {
        double llr = 0;
        enum math_sprt s = MATH_SPRT_GO_ON;
        for (; s == MATH_SPRT_GO_ON; looks++) {
            llr = math_sprt_llr(llr, rand_normal(&r), 0, 0.5, 1);
            s = math_sprt_decide(llr, 0.05, 0.05);
        }
        wrong += s == MATH_SPRT_H1;
    }
    assert_near(looks / RUNS, 24, 3);
    assert_true((double)wrong / RUNS < 0.05 + 3 * sqrt(0.05 * 0.95 / RUNS));
}

static void rare_failures_are_watched_without_crying_wolf(void **state)
{
    (void)state;
    struct rand r;
    rand_seed(&r, 4);
    int binomial = 0, poisson = 0, seen = 0;
    for (int run = 0; run < RUNS; run++) {
        double k = 0, bad = 0, events = 0;
        bool b = false, p = false, s = false;
        for (int n = 1; n <= LOOKS; n++) {
            k += rand_unit(&r) < 0.02;
            bad += rand_unit(&r) < 0.10;
            b |= math_binomial_log_e(k, n, 0.02) >= log(20);
            s |= math_binomial_log_e(bad, n, 0.02) >= log(20);
            for (double t = -log(1 - rand_unit(&r)); t < 1; t -= log(1 - rand_unit(&r)))
                events++;
            p |= math_poisson_log_e(events, n, 1, 2, 1) >= log(20);
        }
        binomial += b;
        poisson += p;
        seen += s;
    }
    double bar = 0.05 + 3 * sqrt(0.05 * 0.95 / RUNS);
    assert_true((double)binomial / RUNS < bar);
    assert_true((double)poisson / RUNS < bar);
    assert_true((double)seen / RUNS > 0.95);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_special_functions_give_the_tables_values),
        cmocka_unit_test(numbers_are_described_as_the_textbook_does),
        cmocka_unit_test(two_groups_are_compared_as_the_textbook_does),
        cmocka_unit_test(alpha_is_spent_once_and_shared_fairly),
        cmocka_unit_test(of_what_lord_finds_at_most_the_promised_share_is_false),
        cmocka_unit_test(a_line_and_its_drift_are_found),
        cmocka_unit_test(batches_grow_until_neighbours_are_forgotten),
        cmocka_unit_test(peeking_is_safe_as_measured_and_unsafe_as_measured),
        cmocka_unit_test(the_interval_of_unknown_spread_needs_no_burn_in),
        cmocka_unit_test(planted_effects_are_found_near_the_measured_medians),
        cmocka_unit_test(the_mixture_ratio_and_its_interval_are_the_same_test),
        cmocka_unit_test(signs_alone_are_enough_and_keep_their_promise),
        cmocka_unit_test(walds_test_stops_as_early_as_promised),
        cmocka_unit_test(rare_failures_are_watched_without_crying_wolf),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
