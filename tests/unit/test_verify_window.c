/* verify: windows are made of what was really seen, and the response compares like with like. */
#include "unit.h"

#include "verify/response.h"
#include "verify/warming.h"
#include "verify/window.h"

#include <math.h>
#include <string.h>

#define assert_near(a, b, eps)                                                  \
    do {                                                                        \
        double a_ = (a), b_ = (b);                                              \
        if (!(fabs(a_ - b_) <= (eps)))                                          \
            fail_msg("%s is %.12g, not %.12g +- %g", #a, a_, b_, (double)(eps)); \
    } while (0)

static struct sample second(int at)
{
    struct sample s;
    sample_clear(&s);
    s.mono_us = (1000 + at) * INT64_C(1000000);
    s.wall_us = s.mono_us;
    s.v[METRIC_UP] = 1;
    s.v[METRIC_TPS] = 100;
    s.postmaster_start_us = s.stats_reset_us = s.conf_load_us = 7000000;
    return s;
}

static struct sample with_query(int at, int64_t id, double calls, double total_ms)
{
    struct sample s = second(at);
    s.queries = 1;
    s.query[0] = (struct query_count){ id, calls, total_ms, calls };
    return s;
}

static struct window closed(const struct window_run *r)
{
    struct window w;
    window_close(r, &w);
    return w;
}

static void the_border_lends_its_counters_but_not_its_rates(void **state)
{
    (void)state;
    struct window_run r;
    struct sample s = with_query(0, 5, 1000, 5000);
    s.v[METRIC_TPS] = 9999;
    window_open(&r, &s, 0);
    for (int i = 1; i <= 10; i++) {
        s = with_query(i, 5, 1000 + 10 * i, 5000 + 20 * i);
        s.v[METRIC_CPU] = i == 3 ? (double)NAN : 0.1 * i;
        window_add(&r, &s);
    }
    struct window w = closed(&r);
    assert_true(w.whole);
    assert_int_equal(w.samples, 10);
    assert_near(w.v[METRIC_TPS], 100, 0);
    assert_near(w.v[METRIC_CPU], 5.2 / 9, 1e-12);
    assert_near(w.max[METRIC_CPU], 1, 1e-12);
    assert_true(isnan(w.v[METRIC_LATENCY_P99]));
    assert_int_equal(w.queries, 1);
    assert_near(w.query[0].calls, 100, 0);
    assert_near(w.query[0].total_ms, 200, 0);
    assert_int_equal(w.to_us - w.from_us, 10000000);
}

/* 40 seconds: from the 15th to the 26th nearly nothing, and what there is takes long. */
static struct window stalling(int seconds)
{
    struct window_run r;
    struct sample     s = second(0);
    window_open(&r, &s, 0);
    for (int i = 1; i <= seconds; i++) {
        bool lull = i >= 15 && i < 27;
        s = second(i);
        s.v[METRIC_TPS] = lull ? 10 : 100;
        s.v[METRIC_LATENCY_MEAN] = lull ? 80 : 5;
        window_add(&r, &s);
    }
    return closed(&r);
}

static void the_worst_ten_seconds_of_a_window_are_kept_with_it(void **state)
{
    (void)state;
    struct window w = stalling(40), back;
    struct fault  fault;
    assert_near(w.lull_tps, 10, 1e-9);
    assert_near(w.lull_ms, 80, 1e-9);
    json_t *j = window_save(&w);
    assert_ok(window_load(j, &back, &fault), &fault);
    assert_near(back.lull_tps, 10, 1e-9);
    assert_near(back.lull_ms, 80, 1e-9);
    json_object_del(j, "lull");                        /* as earlier versions wrote it */
    assert_ok(window_load(j, &back, &fault), &fault);
    assert_true(isnan(back.lull_tps) && isnan(back.lull_ms));
    json_decref(j);
    w = stalling(9);
    assert_true(isnan(w.lull_tps) && isnan(w.lull_ms));
    w = stalling(19);                                  /* five of the ten; the mean latency is one over transactions */
    assert_near(w.lull_tps, 55, 1e-9);
    assert_near(w.lull_ms, (5 * 10 * 80 + 5 * 100 * 5) / 550.0, 1e-9);
}

static void a_window_with_holes_is_not_whole(void **state)
{
    (void)state;
    for (int missing = 0; missing <= 3; missing++) {
        struct window_run r;
        struct sample s = second(0);
        window_open(&r, &s, 0);
        for (int i = 1; i <= 20; i++) {
            s = second(i);
            if (i <= missing) {
                sample_clear(&s);
                s.mono_us = (1000 + i) * INT64_C(1000000);
            }
            window_add(&r, &s);
        }
        assert_int_equal(closed(&r).whole, missing <= 2);
    }
}

static void seconds_in_which_the_server_was_down_are_holes(void **state)
{
    (void)state;
    struct sample s = second(1);
    assert_true(sample_was_read(&s));
    s.v[METRIC_UP] = 0;
    assert_false(sample_was_read(&s));
    sample_clear(&s);
    assert_false(sample_was_read(&s));
    s.v[METRIC_LATENCY_MEAN] = 3;
    assert_true(sample_was_read(&s));
}

static void a_restart_a_reset_and_a_reload_each_spoil_a_window(void **state)
{
    (void)state;
    for (int what = 0; what < 4; what++) {
        struct window_run r;
        struct sample s = second(0);
        window_open(&r, &s, 0);
        for (int i = 1; i <= 10; i++) {
            s = second(i);
            if (i > 5) {
                s.postmaster_start_us += what == 1;
                s.stats_reset_us += what == 2;
                s.conf_load_us += what == 3 ? 60000000 : 500;   /* another backend read the same reload a moment later */
            }
            window_add(&r, &s);
        }
        assert_int_equal(closed(&r).whole, what == 0);
    }
}

static void a_query_whose_start_was_not_seen_is_left_out(void **state)
{
    (void)state;
    struct window_run r;
    struct sample s = with_query(0, 5, 100, 100);
    s.queries = 2;
    s.query[1] = (struct query_count){ 0, 50, 50, 0 };
    window_open(&r, &s, 0);
    s = with_query(1, 5, 40, 40);   /* evicted and born again: counters went back */
    s.queries = 3;
    s.query[1] = (struct query_count){ 6, 10, 10, 0 };
    s.query[2] = (struct query_count){ 0, 90, 90, 0 };   /* the rest of other names is another rest */
    window_add(&r, &s);
    assert_int_equal(closed(&r).queries, 0);
    struct window w;
    struct sample none = second(0);
    window_open(&r, &none, 0);
    none = second(1);
    window_add(&r, &none);
    window_close(&r, &w);
    assert_int_equal(w.queries, -1);   /* unknown, not zero */
}

static void the_rest_is_left_out_of_a_window_in_which_statements_were_forgotten(void **state)
{
    (void)state;
    for (int forgotten = 0; forgotten < 2; forgotten++) {
        struct window_run r;
        struct sample s = with_query(0, 5, 100, 100);
        s.queries = 2;
        s.query[1] = (struct query_count){ 0, 500, 500, 0 };
        window_open(&r, &s, 0);
        s = with_query(1, 5, 200, 200);
        s.queries = 2;
        s.query[1] = (struct query_count){ 0, 510, 900, 0 };   /* forgotten: so many calls less, and hardly less time */
        s.forgotten = forgotten;
        window_add(&r, &s);
        struct window w = closed(&r);
        assert_int_equal(w.queries, forgotten ? 1 : 2);
        assert_int_equal(w.query[0].id, 5);
    }
}

static void percentiles_are_true_ones_where_a_driver_counts(void **state)
{
    (void)state;
    struct window_run r;
    static struct sample s;
    s = second(0);
    s.latency.known = true;
    for (int b = 0; b < LATENCY_BUCKETS; b++)
        s.latency.count[b] = 5;
    static struct sample t;
    t = s;
    window_open(&r, &s, 0);
    for (int i = 1; i <= 10; i++) {
        t.mono_us += 1000000;
        t.latency.count[latency_bucket(2000)] += 98;
        t.latency.count[latency_bucket(50000)] += 2;
        t.v[METRIC_LATENCY_P99] = 1234;   /* a figure of one second is not the window's */
        t.v[METRIC_LATENCY_MEAN] = i == 1 ? 10 : 1;
        t.v[METRIC_TPS] = i == 1 ? 0.001 : 100;
        window_add(&r, &t);
    }
    struct window w = closed(&r);
    assert_near(w.v[METRIC_LATENCY_P50], 2, 0.1);
    assert_near(w.v[METRIC_LATENCY_P99], 50, 2.5);
    assert_near(w.v[METRIC_LATENCY_MEAN], 1, 0.01);   /* over transactions, not over seconds */
    t.mono_us += 1000000;
    memset(&t.latency.count, 0, sizeof t.latency.count);   /* the driver started anew */
    window_add(&r, &t);
    assert_near(closed(&r).v[METRIC_LATENCY_P99], 1234, 0);
}

static void a_window_survives_its_json(void **state)
{
    (void)state;
    struct window_run r;
    struct sample s = with_query(0, INT64_MIN + 5, 1000, 5000);
    s.checkpoints_done = 3;
    window_open(&r, &s, 0);
    s = with_query(1, INT64_MIN + 5, 1001, 5001.25);
    s.checkpoints_done = 4;
    window_add(&r, &s);
    struct window w = closed(&r), back;
    struct fault fault;
    json_t *j = window_save(&w);
    assert_ok(window_load(j, &back, &fault), &fault);
    assert_int_equal(back.checkpoints, 1);
    assert_int_equal(back.query[0].id, INT64_MIN + 5);
    assert_near(back.query[0].total_ms, 1.25, 0);
    assert_true(isnan(back.v[METRIC_CPU]) && back.whole);
    json_object_set_new(j, "queries", json_integer(5));
    assert_int_equal(window_load(j, &back, &fault), ERR_INPUT);
    json_object_del(j, "samples");
    assert_int_equal(window_load(j, &back, &fault), ERR_INPUT);
    json_decref(j);
}

/* ---- response ---- */

/* Two queries: a frequent quick one and a rare slow one. */
static struct window mixed(double calls_quick, double ms_quick, double calls_slow, double ms_slow)
{
    struct window w;
    window_clear(&w);
    w.whole = true;
    w.queries = 2;
    w.query[0] = (struct query_count){ 1, calls_quick, calls_quick * ms_quick, 0 };
    w.query[1] = (struct query_count){ 2, calls_slow, calls_slow * ms_slow, 0 };
    w.v[METRIC_TPS] = calls_quick;
    return w;
}

static void a_change_of_what_is_asked_is_not_a_change_of_speed(void **state)
{
    (void)state;
    struct response_mix m;
    struct window usual = mixed(1000, 1, 100, 10), lighter = mixed(2000, 1, 20, 10), faster = mixed(1000, 0.5, 100, 5);
    response_learn(&m, RESPONSE_AUTO, true, false, &usual, 1);
    assert_int_equal(m.kind, RESPONSE_QUERIES);
    assert_near(response_of(&m, &lighter) - response_of(&m, &usual), 0, 1e-12);
    assert_near(response_of(&m, &faster) - response_of(&m, &usual), log(2), 1e-12);
}

static void a_rare_query_that_became_terrible_shows(void **state)
{
    (void)state;
    struct response_mix m;
    struct window usual = mixed(10000, 1, 10, 10), flipped = mixed(10000, 1, 10, 10000);
    response_learn(&m, RESPONSE_AUTO, true, false, &usual, 1);
    assert_true(response_of(&m, &flipped) - response_of(&m, &usual) < -1);
}

static void a_query_seen_once_hardly_moves_the_response(void **state)
{
    (void)state;
    struct response_mix m;
    struct window usual = mixed(1000, 1, 90, 10), once = mixed(1000, 1, 1, 29), never = mixed(1000, 1, 0, 0), blind = mixed(0, 0, 2, 10);
    response_learn(&m, RESPONSE_AUTO, true, false, &usual, 1);
    assert_near(response_of(&m, &once) - response_of(&m, &usual), -log((1000 + 90 * 13.8) / 1900), 1e-9);   /* (29 + 4 * 10) / 5 ms */
    assert_near(response_of(&m, &never) - response_of(&m, &usual), 0, 1e-12);
    assert_true(isnan(response_of(&m, &blind)));   /* most of what usually takes time was not seen */
}

static void a_verdict_can_be_about_the_queries_a_change_was_made_for(void **state)
{
    (void)state;
    struct response_mix m;
    struct window usual = mixed(10000, 1, 10, 10), changed = mixed(10000, 2, 10, 1);
    response_learn(&m, RESPONSE_QUERIES, true, false, &usual, 1);
    assert_true(response_of(&m, &changed) < response_of(&m, &usual));
    int64_t rare = usual.query[1].id, unseen = 4711;
    response_only(&m, &rare, 1);
    assert_near(response_of(&m, &changed) - response_of(&m, &usual), log(10), 1e-9);
    assert_int_equal(response_query(&m, usual.query[0].id), 0);   /* the other one is guarded still */
    response_only(&m, &unseen, 1);
    assert_int_equal(m.kind, RESPONSE_NONE);
}

static void throughput_is_a_response_only_where_the_load_saturates(void **state)
{
    (void)state;
    struct response_mix m;
    struct window w;
    window_clear(&w);
    w.whole = true;
    w.v[METRIC_TPS] = 100;
    response_learn(&m, RESPONSE_AUTO, true, false, &w, 1);
    assert_int_equal(m.kind, RESPONSE_TPS);
    response_learn(&m, RESPONSE_AUTO, false, false, &w, 1);
    assert_int_equal(m.kind, RESPONSE_NONE);
    response_learn(&m, RESPONSE_AUTO, true, true, &w, 1);
    assert_int_equal(m.kind, RESPONSE_NONE);
    w.v[METRIC_LATENCY_MEAN] = 5;
    response_learn(&m, RESPONSE_AUTO, false, false, &w, 1);
    assert_int_equal(m.kind, RESPONSE_LATENCY);
    w.v[METRIC_LATENCY_ESTIMATED] = 1;   /* of statements of any kind: a mix nobody fixed */
    response_learn(&m, RESPONSE_AUTO, false, false, &w, 1);
    assert_int_equal(m.kind, RESPONSE_NONE);
    response_learn(&m, RESPONSE_AUTO, true, false, NULL, 0);
    assert_int_equal(m.kind, RESPONSE_NONE);
}

/* Half a dozen reports, once each: the number of a window's transactions is chance, and no two windows hold the same ones. */
static struct window report(int from, double speed)
{
    struct window w;
    window_clear(&w);
    w.whole = true;
    w.to_us = 120000000;
    w.queries = 6;
    w.v[METRIC_TPS] = 6 / 120.0;
    for (int i = 0; i < 6; i++)
        w.query[i] = (struct query_count){ 1 + (from + i) % 12, 1, (1 + (from + i) % 12) * 1000 / speed, 10 };
    return w;
}

static void reports_are_compared_with_what_they_usually_take(void **state)
{
    (void)state;
    struct response_mix m;
    struct window w[12], empty = report(0, 1), slow = report(3, 0.01);
    for (int i = 0; i < 12; i++)
        w[i] = report(i, 1);
    response_learn(&m, RESPONSE_TPS, true, false, w, 12);
    assert_int_equal(m.kind, RESPONSE_QUERIES);
    for (int i = 0; i < 12; i++) {
        struct window faster = report(i, 1.5);
        assert_near(response_of(&m, &w[i]), 0, 1e-12);
        assert_near(response_of(&m, &faster), log(1.5), 1e-12);
    }
    slow.queries = 1;
    assert_near(response_of(&m, &slow), log(0.01), 1e-9);      /* a window that holds less because of that is a window still */
    empty.queries = 1;
    assert_true(isnan(response_of(&m, &empty)));
    int64_t about = 12;      /* the verdict is about one of them: in half of the windows it is not asked */
    response_only(&m, &about, 1);
    assert_near(response_of(&m, &w[6]), 0, 1e-12);
    assert_true(isnan(response_of(&m, &w[0])));
}

static void as_long_as_there_are_enough_transactions_they_are_counted(void **state)
{
    (void)state;
    struct response_mix m;
    struct window w = report(0, 1);
    w.v[METRIC_TPS] = 2;
    response_learn(&m, RESPONSE_TPS, true, false, &w, 1);
    assert_int_equal(m.kind, RESPONSE_TPS);
    w.v[METRIC_TPS] = 1;
    response_learn(&m, RESPONSE_TPS, true, false, &w, 1);
    assert_int_equal(m.kind, RESPONSE_QUERIES);
    w.queries = -1;      /* nothing else tells */
    response_learn(&m, RESPONSE_TPS, true, false, &w, 1);
    assert_int_equal(m.kind, RESPONSE_TPS);
}

static void in_open_loop_the_offered_load_is_taken_out(void **state)
{
    (void)state;
    struct window w[20], busy;
    for (int i = 0; i < 20; i++) {
        window_clear(&w[i]);
        w[i].whole = true;
        w[i].v[METRIC_OFFERED] = 100 + 5 * i;
        w[i].v[METRIC_LATENCY_MEAN] = 0.1 * w[i].v[METRIC_OFFERED];
    }
    struct response_mix m;
    response_learn(&m, RESPONSE_AUTO, false, true, w, 20);
    assert_near(m.offered_theta, -1, 1e-9);
    busy = w[0];
    busy.v[METRIC_OFFERED] = 300;
    busy.v[METRIC_LATENCY_MEAN] = 30;
    assert_near(response_of(&m, &busy), response_of(&m, &w[0]), 1e-9);
    busy.v[METRIC_OFFERED] = (double)NAN;
    assert_true(isnan(response_of(&m, &busy)));
}

/* Levels of five seconds each, one second after the other; NAN: nothing was known for so long. */
static void warm(struct warming *w, int *at, const double *levels, int n)
{
    for (int i = 0; i < n; i++)
        for (int s = 0; s < WARMING_LEVEL_S; s++)
            warming_add(w, levels[i], (1000 + (*at)++) * INT64_C(1000000));
}

static void a_server_is_warm_when_its_level_has_held_for_half_a_minute(void **state)
{
    (void)state;
    struct warming w;
    double rising[] = { 1, 1.2, 1.4, 1.6, 1.8, 2 }, level[] = { 2, 2, 2, 2, 2, 2 };
    int    at = 0;
    warming_clear(&w);
    warm(&w, &at, rising, 3);
    assert_false(warming_is_over(&w));           /* too few to tell */
    warm(&w, &at, rising + 3, 3);
    assert_false(warming_is_over(&w));
    warm(&w, &at, level, 3);
    assert_false(warming_is_over(&w));
    warm(&w, &at, level, 5);
    assert_true(warming_is_over(&w));
    assert_near(warming_mean(&w, 2, 0), 2, 1e-12);
    assert_true(isnan(warming_mean(&w, 10, 10)));
}

/* A second without a reading is no level; neither are five of them, which push none out that was known. */
static void what_is_not_known_of_a_warm_up_is_no_level(void **state)
{
    (void)state;
    struct warming w;
    double unknown[] = { NAN, NAN, NAN }, level[] = { 2, 2, 2, 2 };
    int    at = 0;
    warming_clear(&w);
    warm(&w, &at, level, 4);
    int levels = w.levels;
    warm(&w, &at, unknown, 3);
    assert_in_range(w.levels, levels, levels + 1);     /* the one under way had some that were known */
    assert_true(warming_is_over(&w));
}

static void only_the_latest_levels_are_kept(void **state)
{
    (void)state;
    struct warming w;
    int at = 0;
    warming_clear(&w);
    for (int i = 0; i < 2 * WARMING_LEVELS_MAX; i++)
        warm(&w, &at, &(double){ i }, 1);
    assert_int_equal(w.levels, WARMING_LEVELS_MAX);
    assert_true(w.level[WARMING_LEVELS_MAX - 1] > 2 * WARMING_LEVELS_MAX - 60 && w.level[0] < w.level[WARMING_LEVELS_MAX - 1]);
    assert_near(warming_mean(&w, 1, 1), w.level[WARMING_LEVELS_MAX - 2], 1e-12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_border_lends_its_counters_but_not_its_rates),
        cmocka_unit_test(the_worst_ten_seconds_of_a_window_are_kept_with_it),
        cmocka_unit_test(a_window_with_holes_is_not_whole),
        cmocka_unit_test(seconds_in_which_the_server_was_down_are_holes),
        cmocka_unit_test(a_restart_a_reset_and_a_reload_each_spoil_a_window),
        cmocka_unit_test(a_query_whose_start_was_not_seen_is_left_out),
        cmocka_unit_test(the_rest_is_left_out_of_a_window_in_which_statements_were_forgotten),
        cmocka_unit_test(percentiles_are_true_ones_where_a_driver_counts),
        cmocka_unit_test(a_window_survives_its_json),
        cmocka_unit_test(a_change_of_what_is_asked_is_not_a_change_of_speed),
        cmocka_unit_test(a_rare_query_that_became_terrible_shows),
        cmocka_unit_test(a_query_seen_once_hardly_moves_the_response),
        cmocka_unit_test(a_verdict_can_be_about_the_queries_a_change_was_made_for),
        cmocka_unit_test(throughput_is_a_response_only_where_the_load_saturates),
        cmocka_unit_test(reports_are_compared_with_what_they_usually_take),
        cmocka_unit_test(as_long_as_there_are_enough_transactions_they_are_counted),
        cmocka_unit_test(in_open_loop_the_offered_load_is_taken_out),
        cmocka_unit_test(a_server_is_warm_when_its_level_has_held_for_half_a_minute),
        cmocka_unit_test(what_is_not_known_of_a_warm_up_is_no_level),
        cmocka_unit_test(only_the_latest_levels_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
