/* model: what is asked of a database, as numbers that can be compared; unknown stays unknown. */
#include "unit.h"

#include "facts.h"
#include "near.h"

#include "model/workload.h"

static struct target_facts facts;
static struct fault        fault;

/* A minute of short transactions, and one of reports. */
static struct window oltp(void)
{
    struct window w;
    window_clear(&w);
    w.whole = true;
    w.to_us = 60000000;
    w.v[METRIC_TPS] = 130;
    w.v[METRIC_CALLS] = 3900;
    w.v[METRIC_ROWS_READ] = 40000;
    w.v[METRIC_ROWS_FETCHED] = 36000;
    w.v[METRIC_ROWS_WRITTEN] = 2000;
    w.v[METRIC_WAL_BYTES] = 2e6;
    w.v[METRIC_TEMP_BYTES] = 0;
    w.v[METRIC_LOCKS_WAITING] = 0.5;
    w.v[METRIC_CONNECTIONS_ACTIVE] = 6;
    w.v[METRIC_IDLE_IN_TRANSACTION] = 2;
    w.v[METRIC_CACHE_HIT] = 0.93;
    w.queries = 2;
    w.query[0] = (struct query_count){ 1, 200000, 300000, 200000 };
    w.query[1] = (struct query_count){ 0, 34000, 51000, 268000 };
    return w;
}

static struct window reports(void)
{
    struct window w = oltp();
    w.v[METRIC_TPS] = 0.5;
    w.v[METRIC_CALLS] = 0.5;
    w.v[METRIC_ROWS_READ] = 4e6;
    w.v[METRIC_ROWS_FETCHED] = 1e5;
    w.v[METRIC_ROWS_WRITTEN] = 0;
    w.v[METRIC_WAL_BYTES] = 500;
    w.v[METRIC_TEMP_BYTES] = 2e7;
    w.v[METRIC_LOCKS_WAITING] = 0;
    w.v[METRIC_CONNECTIONS_ACTIVE] = 2;
    w.v[METRIC_IDLE_IN_TRANSACTION] = 0;
    w.query[0] = (struct query_count){ 9, 30, 58000, 2000 };
    w.queries = 1;
    return w;
}

static void it_is_made_of_ratios_and_what_cannot_be_divided_is_unknown(void **state)
{
    (void)state;
    struct workload w;
    struct window   window = oltp();
    facts_pg15(&facts, 1 * FACTS_GIB, 2);
    workload_of(&w, &window, 1, &facts);
    assert_near(w.v[WORKLOAD_WRITES], 0.05, 1e-12);
    assert_near(w.v[WORKLOAD_SCANS], 0.1, 1e-12);
    assert_near(w.v[WORKLOAD_READS], 40000 / 130.0, 1e-9);
    assert_near(w.v[WORKLOAD_ROWS], 2, 1e-12);
    assert_near(w.v[WORKLOAD_STATEMENTS], 30, 1e-12);
    assert_near(w.v[WORKLOAD_WAL], 2e6 / 130, 1e-9);
    assert_near(w.v[WORKLOAD_TEMP], 0, 0);
    assert_near(w.v[WORKLOAD_LOCKS], 1.0 / 16, 1e-12);
    assert_near(w.v[WORKLOAD_CLIENTS], 4, 1e-12);
    assert_near(w.v[WORKLOAD_RATE], 65, 1e-12);
    assert_near(w.v[WORKLOAD_TIME], 1.5, 1e-12);
    assert_near(w.v[WORKLOAD_MISSES], 0.07, 1e-12);
    assert_near(w.v[WORKLOAD_DATABASE], 1.3, 1e-12);
    assert_near(w.v[WORKLOAD_BUFFERS], 0.125 / 1.3, 1e-12);
    assert_int_equal(workload_known(&w), WORKLOAD_COUNT);

    window.v[METRIC_TPS] = 0;                 /* nothing happened: that is no workload */
    window.queries = -1;
    window.v[METRIC_CACHE_HIT] = (double)NAN;
    workload_of(&w, &window, 1, NULL);
    assert_true(isnan(w.v[WORKLOAD_WAL]) && isnan(w.v[WORKLOAD_STATEMENTS]) && isnan(w.v[WORKLOAD_ROWS]) && isnan(w.v[WORKLOAD_MISSES]));
    assert_true(isnan(w.v[WORKLOAD_CLIENTS]) && isnan(w.v[WORKLOAD_DATABASE]));
    window.whole = false;
    workload_of(&w, &window, 1, &facts);      /* what the machine is remains known, what happened does not */
    assert_true(isnan(w.v[WORKLOAD_WRITES]) && isnan(w.v[WORKLOAD_LOCKS]) && !isnan(w.v[WORKLOAD_DATABASE]));
}

static void longer_windows_weigh_more_and_broken_ones_nothing(void **state)
{
    (void)state;
    struct workload w;
    struct window   window[3] = { oltp(), oltp(), oltp() };
    window[1].to_us = 180000000;
    window[1].v[METRIC_TPS] = 50;
    window[2].whole = false;
    window[2].v[METRIC_TPS] = 1e6;
    facts_pg15(&facts, 1 * FACTS_GIB, 2);
    workload_of(&w, window, 3, &facts);
    assert_near(w.v[WORKLOAD_RATE], (130 + 3 * 50) / 4.0 / 2, 1e-9);
}

static void reports_are_another_workload_and_a_faster_server_is_not(void **state)
{
    (void)state;
    struct workload a, b, faster;
    struct window   one = oltp(), other = reports(), tuned = oltp();
    int             compared;
    facts_pg15(&facts, 1 * FACTS_GIB, 2);
    workload_of(&a, &one, 1, &facts);
    workload_of(&b, &other, 1, &facts);
    assert_near(workload_distance(&a, &a, &compared), 0, 0);
    assert_int_equal(compared, WORKLOAD_COUNT - 1);           /* all but the one that counts nothing */
    assert_true(workload_distance(&a, &b, NULL) > 1);
    assert_near(workload_distance(&a, &b, NULL), workload_distance(&b, &a, NULL), 0);

    /* Twice as fast after a tuning step: more of the same in each second, from a better cache, with fewer full pages in the log. */
    for (int m = 0; m < 4; m++)
        tuned.v[(enum metric[]){ METRIC_TPS, METRIC_CALLS, METRIC_ROWS_READ, METRIC_ROWS_FETCHED }[m]] *= 2;
    tuned.v[METRIC_ROWS_WRITTEN] *= 2;
    tuned.v[METRIC_CACHE_HIT] = 0.99;
    tuned.v[METRIC_CONNECTIONS_ACTIVE] = 4;
    tuned.query[0].total_ms /= 2;
    facts_change(&facts, KNOB_SHARED_BUFFERS, 78000);
    workload_of(&faster, &tuned, 1, &facts);
    assert_true(workload_distance(&a, &faster, NULL) < 0.25);
    assert_true(workload_another(&a, &b, true) && workload_another(&a, &b, false));
    assert_false(workload_another(&a, &faster, true) || workload_another(&a, &faster, false));
    assert_true(workload_differs_most(&a, &b) < WORKLOAD_COUNT);
    assert_true(workload_differs_most(&a, &a) == WORKLOAD_COUNT);
}

static void unknown_features_are_left_out_of_the_distance_and_nothing_in_common_is_unknown(void **state)
{
    (void)state;
    struct workload a, b;
    int             compared;
    workload_clear(&a);
    workload_clear(&b);
    assert_true(isnan(workload_distance(&a, &b, &compared)));
    assert_int_equal(compared, 0);
    assert_false(workload_another(&a, &b, true) || workload_another(&a, &b, false));      /* what cannot be compared is no other one */
    a.v[WORKLOAD_SCANS] = 0.2;
    b.v[WORKLOAD_WRITES] = 1;
    assert_true(isnan(workload_distance(&a, &b, NULL)));
    b.v[WORKLOAD_SCANS] = 0.6;
    assert_near(workload_distance(&a, &b, &compared), 1, 1e-12);
    assert_int_equal(compared, 1);
    assert_int_equal(workload_differs_most(&a, &b), WORKLOAD_SCANS);
    a.v[WORKLOAD_STATEMENTS] = b.v[WORKLOAD_STATEMENTS] = 7;
    assert_near(workload_distance(&a, &b, NULL), sqrt(0.5), 1e-12);
}

static void coordinates_end_where_values_are_no_longer_told_apart(void **state)
{
    (void)state;
    for (int f = 0; f < WORKLOAD_COUNT; f++) {
        const struct workload_info *i = &workload_info[f];
        assert_true(workload_feature_parse(i->name, &(enum workload_feature){ 0 }));
        assert_true(i->scale > 0 && i->most > 0 && i->weight >= 0 && (i->kind == WORKLOAD_KIND_PLAIN || i->grain > 0));
        double most = workload_coordinate((enum workload_feature)f, i->most);
        assert_near(workload_coordinate((enum workload_feature)f, 0), 0, 0);
        assert_true(workload_coordinate((enum workload_feature)f, i->most / 2) < most);
        assert_near(workload_coordinate((enum workload_feature)f, 2 * i->most), most, 0);
        assert_true(isnan(workload_coordinate((enum workload_feature)f, (double)NAN)));
    }
}

static void it_survives_the_way_to_json_and_back_and_other_versions(void **state)
{
    (void)state;
    struct workload a, back;
    struct window   window = oltp();
    window.v[METRIC_CACHE_HIT] = (double)NAN;
    facts_pg15(&facts, 1 * FACTS_GIB, 2);
    workload_of(&a, &window, 1, &facts);
    json_t *json = workload_json(&a);
    assert_int_equal(json_object_size(json), WORKLOAD_COUNT - 1);
    json_object_set_new(json, "a_feature_of_tomorrow", json_real(4));
    assert_ok(workload_parse(json, &back, &fault), &fault);
    for (int f = 0; f < WORKLOAD_COUNT; f++)
        assert_true(isnan(a.v[f]) ? isnan(back.v[f]) : fabs(a.v[f] - back.v[f]) <= 0);
    json_object_set_new(json, "wal", json_string("much"));
    assert_int_equal(workload_parse(json, &back, &fault), ERR_INPUT);
    assert_non_null(strstr(fault.text, "wal"));
    json_object_set_new(json, "wal", json_real(-1));
    assert_int_equal(workload_parse(json, &back, &fault), ERR_INPUT);
    assert_int_equal(workload_parse(NULL, &back, &fault), ERR_INPUT);
    json_decref(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_made_of_ratios_and_what_cannot_be_divided_is_unknown),
        cmocka_unit_test(longer_windows_weigh_more_and_broken_ones_nothing),
        cmocka_unit_test(reports_are_another_workload_and_a_faster_server_is_not),
        cmocka_unit_test(unknown_features_are_left_out_of_the_distance_and_nothing_in_common_is_unknown),
        cmocka_unit_test(coordinates_end_where_values_are_no_longer_told_apart),
        cmocka_unit_test(it_survives_the_way_to_json_and_back_and_other_versions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
