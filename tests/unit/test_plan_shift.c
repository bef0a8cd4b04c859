/* plan: another load is found within three windows, and noise is not taken for one. */
#include "unit.h"

#include "facts.h"
#include "near.h"
#include "plan_world.h"

#include "math/stats/describe.h"
#include "plan/shift.h"

#include <stdlib.h>

static struct plan_world world;

static double times(struct rand *r, double sd) { return exp(sd * rand_normal(r)); }

/* A window of one load; noise: standard deviation of each reading, in log units. */
static struct workload one_window(struct rand *r, enum plan_load load, double noise)
{
    static const enum metric noisy[] = { METRIC_TPS, METRIC_CALLS, METRIC_ROWS_READ, METRIC_ROWS_FETCHED, METRIC_ROWS_WRITTEN, METRIC_WAL_BYTES, METRIC_TEMP_BYTES,
                                         METRIC_LOCKS_WAITING, METRIC_CONNECTIONS_ACTIVE, METRIC_IDLE_IN_TRANSACTION };
    struct workload w;
    if (world.load != load || world.windows == 0)
        plan_world_load(&world, load);
    struct window x = world.window[0];
    for (size_t i = 0; i < sizeof noisy / sizeof noisy[0]; i++)
        x.v[noisy[i]] *= times(r, noise);
    workload_of(&w, &x, 1, &world.facts);
    return w;
}

/* Amid a window: this share of its time under reports. */
static struct workload mixed_window(struct rand *r, double share)
{
    struct workload w;
    plan_world_load(&world, LOAD_REPORTS);
    struct window reports = world.window[0];
    plan_world_load(&world, LOAD_OLTP);
    struct window x = world.window[0];
    for (int m = 0; m < METRIC_COUNT; m++)
        x.v[m] = ((1 - share) * x.v[m] + share * reports.v[m]) * times(r, 0.05);
    workload_of(&w, &x, 1, &world.facts);
    return w;
}

static int start(void **state)
{
    (void)state;
    plan_world_start(&world, 1, 1);
    return 0;
}

static struct shift_window under(int configuration, struct workload load) { return (struct shift_window){ load, configuration }; }

/* How many windows after the switch it is found; 99: not. Also whether it was found before. */
static int found_after(struct rand *r, int before, enum plan_load from, double share, double noise, int *early)
{
    struct shift_window w[SHIFT_WINDOWS_MAX];
    struct shift    s;
    int             n = 0;
    for (int i = 0; i < before; i++) {
        w[n++] = under(1, one_window(r, from, noise));
        shift_find(w, n, &s);
        *early += s.changed;
    }
    if (share > 0)
        w[n++] = under(1, mixed_window(r, share));
    for (int i = 0; i < 4; i++) {
        shift_find(w, n, &s);
        if (s.changed && s.at >= before)
            return n - before;
        w[n++] = under(1, one_window(r, from == LOAD_OLTP ? LOAD_REPORTS : LOAD_OLTP, noise));
    }
    return 99;
}

static void a_switch_of_the_load_is_found_within_three_windows(void **state)
{
    (void)state;
    struct rand r;
    int         early = 0;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        rand_seed(&r, seed);
        double noise = 0.05 + 0.25 * rand_unit(&r);
        int    before = (int)rand_int(&r, SHIFT_EARLIER_MIN, 50);
        assert_in_range(found_after(&r, before, LOAD_OLTP, 0, noise, &early), 1, 3);
        assert_in_range(found_after(&r, before, LOAD_REPORTS, 0, noise, &early), 1, 3);
        assert_in_range(found_after(&r, before, LOAD_OLTP, rand_unit(&r), noise, &early), 1, 3);
    }
    assert_int_equal(early, 0);
}

static void it_says_what_changed_and_from_where_on(void **state)
{
    (void)state;
    struct shift_window w[14];
    struct shift    s;
    struct rand     r;
    rand_seed(&r, 3);
    for (int i = 0; i < 14; i++)
        w[i] = under(1, one_window(&r, i < 12 ? LOAD_OLTP : LOAD_REPORTS, 0.1));
    shift_find(w, 14, &s);
    assert_true(s.changed);
    assert_int_equal(s.at, 12);
    assert_true(s.distance > 0.8 && s.usual < 0.2);
    assert_true(s.feature < WORKLOAD_COUNT);
    assert_near(s.false_alarm, 1.0 / (14 * 13 / 2), 1e-12);
    shift_find(w, 13, &s);                              /* one window alone may be a report that somebody ran */
    assert_false(s.changed);
    shift_find(w + 6, 8, &s);                           /* too few to know what is usual */
    assert_false(s.changed);
    assert_near(s.false_alarm, 1, 0);
}

static void a_window_in_which_nothing_happened_is_no_other_load(void **state)
{
    (void)state;
    struct shift_window w[30];
    struct shift    s;
    struct rand     r;
    rand_seed(&r, 5);
    for (int i = 0; i < 30; i++) {
        w[i] = under(1, one_window(&r, LOAD_OLTP, 0.1));
        if (i >= 20)
            for (int f = 0; f < WORKLOAD_COUNT; f++)
                w[i].load.v[f] = f == WORKLOAD_DATABASE ? w[i].load.v[f] : (double)NAN;
        shift_find(w, i + 1, &s);
        assert_false(s.changed);
    }
    w[28] = under(1, one_window(&r, LOAD_REPORTS, 0.1));          /* and behind the pause it is compared with what was before */
    w[29] = under(1, one_window(&r, LOAD_REPORTS, 0.1));
    shift_find(w, 30, &s);
    assert_true(s.changed);
    assert_int_equal(s.at, 28);
}

static void heavy_and_slow_noise_is_taken_for_another_load_less_than_once_in_a_thousand_windows(void **state)
{
    (void)state;
    int         alarms = 0, looks = 0;
    struct rand r;
    for (uint64_t seed = 1; seed <= 150; seed++) {
        struct shift_window w[SHIFT_WINDOWS_MAX];
        struct shift    s;
        double          slow = 0;
        rand_seed(&r, seed);
        for (int n = 0; n < SHIFT_WINDOWS_MAX; n++) {      /* neighbours resemble each other, and tails are heavy */
            slow = 0.8 * slow + 0.1 * rand_normal(&r);
            double noise = rand_unit(&r) < 0.1 ? 0.5 : 0.15;
            w[n] = under(1, one_window(&r, seed % 2 ? LOAD_OLTP : LOAD_REPORTS, noise));
            w[n].load.v[WORKLOAD_READS] *= exp(slow);
            w[n].load.v[WORKLOAD_RATE] *= exp(2 * slow);
            shift_find(w, n + 1, &s);
            alarms += s.changed;
            looks += s.false_alarm < 1;
        }
    }
    assert_true(looks > 8000);
    if (alarms > looks / 1000)
        fail_msg("%d alarms in %d looks", alarms, looks);
}

/* Where the noise is so wild that distances say nothing, the order of exchangeable windows still bounds how often it is fooled. */
static void the_bound_on_false_alarms_holds_whatever_the_noise(void **state)
{
    (void)state;
    enum { ROUNDS = 4000 };
    static const int lengths[] = { SHIFT_EARLIER_MIN + 2, 20, 40, 64 };
    struct rand      r;
    rand_seed(&r, 11);
    for (size_t k = 0; k < sizeof lengths / sizeof lengths[0]; k++) {
        int    alarms = 0;
        double bound = 0;
        for (int i = 0; i < ROUNDS; i++) {
            struct shift_window w[SHIFT_WINDOWS_MAX];
            struct shift    s;
            for (int n = 0; n < lengths[k]; n++) {
                w[n] = under(1, one_window(&r, LOAD_OLTP, 0));
                double wild = tan(1.5 * (2 * rand_unit(&r) - 1));
                for (int f = 0; f < WORKLOAD_COUNT; f++)
                    w[n].load.v[f] *= exp(fmin(wild * (f % 2 ? 1 : -1), 20));
            }
            shift_find(w, lengths[k], &s);
            alarms += s.changed;
            bound = s.false_alarm;
        }
        double most = bound + 3 * sqrt(bound * (1 - bound) / ROUNDS);
        if (!(alarms <= most * ROUNDS))
            fail_msg("%d alarms in %d looks at %d windows, at most %g are promised", alarms, ROUNDS, lengths[k], most * ROUNDS);
    }
}

static void our_own_change_of_the_configuration_is_no_other_load(void **state)
{
    (void)state;
    struct rand     r;
    struct shift_window w[40];
    struct shift    s;
    rand_seed(&r, 9);
    for (int i = 0; i < 40; i++) {
        plan_world_load(&world, LOAD_OLTP);
        struct window x = world.window[0];
        if (i >= 20) {                                    /* twice as fast, nearly all from the cache, half the log */
            for (int m = 0; m < 5; m++)
                x.v[(enum metric[]){ METRIC_TPS, METRIC_CALLS, METRIC_ROWS_READ, METRIC_ROWS_FETCHED, METRIC_ROWS_WRITTEN }[m]] *= 2.2;
            x.v[METRIC_CACHE_HIT] = 0.995;
            x.v[METRIC_LOCKS_WAITING] = 0.1;
            x.v[METRIC_CONNECTIONS_ACTIVE] = 4;
        }
        for (int m = 0; m < METRIC_COUNT; m++)
            x.v[m] *= m == METRIC_CACHE_HIT ? 1 : times(&r, 0.05);
        workload_of(&w[i].load, &x, 1, &world.facts);
        w[i].configuration = i < 20 ? 1 : 2;
        shift_find(w, i + 1, &s);
        assert_false(s.changed);
    }
}

/* Reports that a new plan reads by an index: other rows, in other ways, and no temporary files; but the same questions. */
static struct workload better_plans(struct rand *r, bool better)
{
    struct workload w;
    plan_world_load(&world, LOAD_REPORTS);
    struct window x = world.window[0];
    if (better) {
        x.v[METRIC_ROWS_READ] /= 500;
        x.v[METRIC_ROWS_FETCHED] = 0.98 * x.v[METRIC_ROWS_READ];
        x.v[METRIC_TEMP_BYTES] = 0;
        x.v[METRIC_CACHE_HIT] = 0.999;
        x.v[METRIC_TPS] *= 3;
        x.v[METRIC_CALLS] *= 3;
    }
    for (int m = 0; m < METRIC_COUNT; m++)
        x.v[m] *= m == METRIC_CACHE_HIT ? 1 : times(r, 0.05);
    x.queries = 1;
    x.query[0] = (struct query_count){ .id = 1, .calls = x.v[METRIC_CALLS] * 60, .total_ms = 1000, .rows = 20 * x.v[METRIC_CALLS] * 60 };
    workload_of(&w, &x, 1, &world.facts);
    return w;
}

static void other_plans_under_another_configuration_are_no_other_load_but_under_the_same_one_they_are(void **state)
{
    (void)state;
    struct rand         r;
    struct shift_window w[40];
    struct shift        s;
    for (int same = 0; same < 2; same++) {
        bool found = false;
        rand_seed(&r, 13);
        for (int i = 0; i < 40; i++) {
            w[i] = under(same || i < 20 ? 1 : 2, better_plans(&r, i >= 20));
            shift_find(w, i + 1, &s);
            found = found || s.changed;
        }
        assert_int_equal(found, same);
    }
}

static void while_configurations_take_turns_another_load_is_still_found_within_three_windows(void **state)
{
    (void)state;
    struct rand         r;
    struct shift_window w[24];
    struct shift        s;
    rand_seed(&r, 17);
    for (int i = 0; i < 20; i++) {
        w[i] = under(i % 3 == 2 ? 0 : i, one_window(&r, LOAD_OLTP, 0.1));
        shift_find(w, i + 1, &s);
        assert_false(s.changed);
    }
    int found = 0;
    for (int i = 20; i < 23 && !found; i++) {
        w[i] = under(i, one_window(&r, LOAD_REPORTS, 0.1));
        shift_find(w, i + 1, &s);
        found = s.changed ? i : 0;
    }
    assert_in_range(found, 21, 22);
    assert_int_equal(s.at, 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup(f, start)
        TEST(a_switch_of_the_load_is_found_within_three_windows),
        TEST(other_plans_under_another_configuration_are_no_other_load_but_under_the_same_one_they_are),
        TEST(while_configurations_take_turns_another_load_is_still_found_within_three_windows),
        TEST(it_says_what_changed_and_from_where_on),
        TEST(a_window_in_which_nothing_happened_is_no_other_load),
        TEST(heavy_and_slow_noise_is_taken_for_another_load_less_than_once_in_a_thousand_windows),
        TEST(the_bound_on_false_alarms_holds_whatever_the_noise),
        TEST(our_own_change_of_the_configuration_is_no_other_load),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
