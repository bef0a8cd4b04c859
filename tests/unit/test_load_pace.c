/* load: in an open loop transactions are due at a given rate, whether or not anybody has time for them. */
#include "unit.h"

#include "base/clock.h"
#include "load/pace.h"

#include <math.h>

static struct load_pace new_pace(double rate, size_t bound, uint64_t seed)
{
    struct load_pace p;
    struct fault     fault = { 0 };
    assert_ok(load_pace_init(&p, rate, bound, seed, 1000, &fault), &fault);
    return p;
}

static void arrivals_come_at_the_rate_and_are_memoryless(void **state)
{
    (void)state;
    struct load_pace p = new_pace(500, 1000, 1);
    double  sum = 0, squares = 0;
    int64_t last = 1000, arrival;
    bool    booked;
    enum { N = 200000 };
    for (int i = 0; i < N; i++) {
        assert_true(load_pace_take(&p, last, &arrival, &booked));
        assert_true(arrival >= last);
        double gap = (double)(arrival - last);
        sum += gap;
        squares += gap * gap;
        last = arrival;
    }
    double mean = sum / N, sd = sqrt(squares / N - mean * mean);
    assert_true(fabs(mean - 2000) < 20);
    assert_true(fabs(sd / mean - 1) < 0.02);   /* exponential: deviation equals mean */
    load_pace_done(&p);
}

static void the_same_seed_gives_the_same_arrivals_however_they_are_taken(void **state)
{
    (void)state;
    struct load_pace a = new_pace(100, 10000, 7), b = new_pace(100, 10000, 7);
    (void)load_pace_advance(&b, 20 * US_PER_S);
    for (int i = 0; i < 1000; i++) {
        int64_t x, y;
        bool    booked;
        assert_true(load_pace_take(&a, 0, &x, &booked));
        assert_true(load_pace_take(&b, 20 * US_PER_S, &y, &booked));
        assert_int_equal(x, y);
    }
    load_pace_done(&a);
    load_pace_done(&b);
}

static void a_database_that_stands_still_makes_the_queue_grow_and_latency_counts_from_the_arrival(void **state)
{
    (void)state;
    struct load_pace p = new_pace(1000, 100000, 2);
    size_t  queued = load_pace_advance(&p, 5 * US_PER_S);
    int64_t arrival;
    bool    booked;
    assert_in_range(queued, 4700, 5300);
    assert_true(load_pace_take(&p, 5 * US_PER_S, &arrival, &booked));
    assert_false(booked);
    assert_true(5 * US_PER_S - arrival > 4900 * US_PER_MS);   /* the first one has waited for five seconds */
    assert_int_equal(load_pace_advance(&p, 5 * US_PER_S), queued - 1);
    load_pace_done(&p);
}

static void an_arrival_that_finds_the_queue_full_is_dropped_and_counted(void **state)
{
    (void)state;
    struct load_pace p = new_pace(1000, 50, 3);
    assert_int_equal(load_pace_advance(&p, 1 * US_PER_S), 50);
    assert_int_equal(p.dropped, p.arrivals - 50);
    int64_t first, arrival = 0, taken = 0;
    bool    booked = false;
    assert_true(load_pace_take(&p, US_PER_S, &first, &booked));
    assert_true(first < 10 * US_PER_MS);   /* the oldest was kept */
    for (taken = 1; !booked; taken++)
        assert_true(load_pace_take(&p, US_PER_S, &arrival, &booked));
    assert_int_equal(taken, 51);
    assert_true(arrival > US_PER_S);
    load_pace_done(&p);
}

static void nothing_arrives_after_the_end_but_the_queue_is_worked_off(void **state)
{
    (void)state;
    struct load_pace p = new_pace(100, 1000, 4);
    int64_t booked_at, arrival;
    bool    booked;
    size_t  queued = load_pace_advance(&p, US_PER_S);
    for (size_t i = 0; i < queued - 5; i++)
        assert_true(load_pace_take(&p, US_PER_S, &arrival, &booked));
    load_pace_end(&p, US_PER_S + 1);
    assert_int_equal(load_pace_advance(&p, 10 * US_PER_S), 5);
    for (int i = 0; i < 5; i++)
        assert_true(load_pace_take(&p, 10 * US_PER_S, &arrival, &booked));
    assert_false(load_pace_take(&p, 10 * US_PER_S, &booked_at, &booked));
    load_pace_done(&p);
}

static void a_booked_arrival_whose_time_does_not_come_never_happened(void **state)
{
    (void)state;
    struct load_pace p = new_pace(1, 10, 5);
    int64_t arrival;
    bool    booked;
    assert_true(load_pace_take(&p, 1000, &arrival, &booked));
    assert_true(booked);
    assert_int_equal(p.arrivals, 0);
    load_pace_end(&p, 1001);
    assert_false(load_pace_arrive(&p, arrival));
    assert_int_equal(p.arrivals, 0);
    load_pace_done(&p);
}

/* All of it in every other second. */
static double on_and_off(const void *ctx, int64_t us, int64_t *until_us)
{
    (void)ctx, (void)until_us;
    return us / US_PER_S % 2 == 0 ? 1 : 0.25;
}

static void a_rate_may_vary_and_each_moment_gets_its_share(void **state)
{
    (void)state;
    struct load_pace p;
    struct fault     fault = { 0 };
    uint64_t         before = 0, full = 0, quarter = 0;
    assert_ok(load_pace_init_varying(&p, 1000, on_and_off, NULL, 100 * US_PER_S, 1000000, 7, 0, &fault), &fault);
    for (int64_t s = 0; s < 120; s++) {
        (void)load_pace_advance(&p, (s + 1) * US_PER_S);
        *(s % 2 == 0 ? &full : &quarter) += p.arrivals - before;
        before = p.arrivals;
        if (s >= 100)
            assert_int_equal(p.arrivals, full + quarter);
    }
    assert_in_range(full, 49000, 51000);
    assert_in_range(quarter, 12000, 13000);
    load_pace_done(&p);
}

#define DAY_US (24 * 3600 * US_PER_S)
#define NIGHTS 2000

struct nights { int asked; };

/* A quarter of the second half of each day; the first half rests. */
static double by_day_only(const void *ctx, int64_t us, int64_t *until_us)
{
    struct nights *n = (struct nights *)(uintptr_t)ctx;
    assert_true(++n->asked < 100 * NIGHTS);   /* and not 43 million draws for each night */
    if (us % DAY_US >= DAY_US / 2)
        return 0.25;
    *until_us = us - us % DAY_US + DAY_US / 2;
    return 0;
}

static void a_time_without_arrivals_is_passed_over_and_changes_nothing_behind_it(void **state)
{
    (void)state;
    struct load_pace p;
    struct fault     fault = { 0 };
    struct nights    seen = { 0 };
    double sum = 0, squares = 0;
    for (int i = 0; i < NIGHTS; i++) {   /* each from midnight: how long after noon is the first arrival? */
        int64_t arrival;
        bool    booked;
        assert_ok(load_pace_init_varying(&p, 1000, by_day_only, &seen, INT64_MAX, 10, (uint64_t)i + 1, 0, &fault), &fault);
        assert_true(load_pace_take(&p, 0, &arrival, &booked));
        assert_true(booked && arrival >= DAY_US / 2);
        sum += (double)(arrival - DAY_US / 2);
        squares += (double)(arrival - DAY_US / 2) * (double)(arrival - DAY_US / 2);
        load_pace_done(&p);
    }
    double mean = sum / NIGHTS, sd = sqrt(squares / NIGHTS - mean * mean);
    assert_true(fabs(mean - 4000) < 450);      /* 250 arrivals a second, five standard errors; memoryless, so the deviation is the mean */
    assert_true(fabs(sd / mean - 1) < 0.2);
}

static void no_share_means_no_arrivals_and_ends(void **state)
{
    (void)state;
    struct load_pace p;
    struct fault     fault = { 0 };
    int64_t          arrival;
    bool             booked;
    assert_ok(load_pace_init_varying(&p, 1000, on_and_off, NULL, 0, 10, 7, 0, &fault), &fault);
    assert_false(load_pace_take(&p, 5, &arrival, &booked));
    load_pace_done(&p);
}

/* A run that could not start has none, and is stopped like any other. */
static void a_pace_that_was_never_begun_has_no_arrivals_and_ends(void **state)
{
    (void)state;
    struct load_pace p = { 0 };
    int64_t          arrival;
    bool             booked;
    load_pace_end(&p, US_PER_S);
    assert_int_equal(load_pace_advance(&p, 10 * US_PER_S), 0);
    assert_false(load_pace_take(&p, 10 * US_PER_S, &arrival, &booked));
    assert_int_equal(p.arrivals, 0);
    load_pace_done(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arrivals_come_at_the_rate_and_are_memoryless),
        cmocka_unit_test(the_same_seed_gives_the_same_arrivals_however_they_are_taken),
        cmocka_unit_test(a_database_that_stands_still_makes_the_queue_grow_and_latency_counts_from_the_arrival),
        cmocka_unit_test(an_arrival_that_finds_the_queue_full_is_dropped_and_counted),
        cmocka_unit_test(nothing_arrives_after_the_end_but_the_queue_is_worked_off),
        cmocka_unit_test(a_booked_arrival_whose_time_does_not_come_never_happened),
        cmocka_unit_test(a_rate_may_vary_and_each_moment_gets_its_share),
        cmocka_unit_test(a_time_without_arrivals_is_passed_over_and_changes_nothing_behind_it),
        cmocka_unit_test(no_share_means_no_arrivals_and_ends),
        cmocka_unit_test(a_pace_that_was_never_begun_has_no_arrivals_and_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
