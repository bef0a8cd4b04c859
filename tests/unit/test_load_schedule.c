/* load: a schedule says at each moment how much is at work, and a wrong file is told with its place. */
#include "unit.h"

#include "base/clock.h"
#include "conf/conf.h"
#include "load/schedule.h"

#include <stdlib.h>
#include <string.h>

#define S US_PER_S

static struct load_schedule *read_good(const char *text)
{
    static struct load_schedule s;
    struct fault                fault = { 0 };
    assert_ok(load_schedule_read_text("s.yaml", text, &s, NULL, &fault), &fault);
    return &s;
}

static void assert_share(const struct load_schedule *s, int64_t us, double tpcc, double tpch)
{
    struct load_share x = load_schedule_at(s, us);
    if (x.tpcc < tpcc - 1e-9 || x.tpcc > tpcc + 1e-9 || x.tpch < tpch - 1e-9 || x.tpch > tpch + 1e-9)
        fail_msg("at %.3f s: %g and %g, not %g and %g", (double)us / 1e6, x.tpcc, x.tpch, tpcc, tpch);
}

static const char phases[] = "repeat: 2\n"
                             "tpcc: {clients: 12, rate: 300}\n"
                             "tpch: {streams: 3}\n"
                             "phases:\n"
                             "  - {name: oltp, duration: 10s, tpcc: 100%}\n"
                             "  - {name: olap, duration: 20s, tpch: 80%, ramp: 4s}\n"
                             "  - {duration: 10s, tpcc: 50%, tpch: 20%}\n";

static void the_tables_are_in_order(void **state)
{
    (void)state;
    struct fault                      fault = { 0 };
    size_t                            count;
    const struct conf_section *const *sections = load_schedule_sections(&count);
    assert_ok(conf_tables_check(sections, count, &fault), &fault);
}

static void the_sample_is_right(void **state)
{
    (void)state;
    static struct load_schedule s;
    struct fault                fault = { 0 };
    assert_ok(load_schedule_read(SCHEDULE_SAMPLE, &s, NULL, &fault), &fault);
    assert_true(s.count >= 4 && load_schedule_most(&s).tpcc == 1 && load_schedule_most(&s).tpch == 1);
}

static void a_file_is_laid_out_as_it_was_written(void **state)
{
    (void)state;
    const struct load_schedule *s = read_good(phases);
    assert_int_equal(s->count, 3);
    assert_int_equal(s->clients, 12);
    assert_int_equal(s->streams, 3);
    assert_true(s->rate == 300 && s->repeat == 2 && s->cycle_us == 40 * S);
    assert_string_equal(s->spell[0].name, "oltp");
    assert_string_equal(s->spell[2].name, "phase 3");
    assert_true(load_schedule_most(s).tpcc == 1 && load_schedule_most(s).tpch == 0.8);
}

static void phases_follow_each_other_and_repeat(void **state)
{
    (void)state;
    const struct load_schedule *s = read_good(phases);
    assert_share(s, -5, 1, 0);
    assert_share(s, 0, 1, 0);
    assert_share(s, 10 * S - 1, 1, 0);
    assert_share(s, 15 * S, 0, 0.8);
    assert_share(s, 30 * S, 0.5, 0.2);
    assert_share(s, 40 * S, 1, 0);
    assert_share(s, 79 * S, 0.5, 0.2);
    assert_share(s, 80 * S, 0, 0);
    struct load_moment m = load_schedule_moment(s, 51 * S);
    assert_true(m.round == 1 && m.place == 1 && m.since_us == S);
    assert_int_equal(load_schedule_moment(s, 80 * S).place, -1);
}

static void boundaries_are_known_before_they_come(void **state)
{
    (void)state;
    const struct load_schedule *s = read_good(phases);
    const int64_t               ends[] = { 10, 30, 40, 50, 70, 80 };
    int64_t                     at = 0;
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        at = load_schedule_next(s, at);
        assert_int_equal(at, ends[i] * S);
    }
    assert_true(load_schedule_next(s, at) == INT64_MAX);
    assert_int_equal(load_schedule_end(s), 80 * S);
    assert_true(load_schedule_end(read_good("repeat: off\nphases: [{duration: 1s, tpcc: 1%}]\n")) == INT64_MAX);
}

static void a_ramp_is_a_straight_line_from_what_was_before(void **state)
{
    (void)state;
    const struct load_schedule *s = read_good(phases);
    assert_share(s, 10 * S, 1, 0);
    assert_share(s, 11 * S, 0.75, 0.2);
    assert_share(s, 12 * S, 0.5, 0.4);
    assert_share(s, 14 * S, 0, 0.8);
    s = read_good("repeat: 2\nphases: [{duration: 10s, tpcc: 40%, ramp: 10s}]\n");
    assert_share(s, 5 * S, 0.2, 0);          /* from nothing */
    assert_share(s, 15 * S, 0.4, 0);         /* the second time from where the first ended */
}

static void a_wave_is_highest_at_its_peak_and_lowest_half_a_period_later(void **state)
{
    (void)state;
    const struct load_schedule *s = read_good("phases:\n"
                                              "  - {duration: 60s, tpcc: 80%, tpch: 50%, wave: {period: 20s, depth: 50%, peak: 5s}}\n"
                                              "  - {duration: 60s, tpcc: 80%, tpch: 50%, wave: {period: 20s, depth: 100%, tpch: opposite}}\n"
                                              "  - {duration: 60s, tpcc: 80%, tpch: 50%, wave: {period: 20s, depth: 100%, tpch: none}}\n");
    assert_share(s, 5 * S, 0.8, 0.5);
    assert_share(s, 15 * S, 0.4, 0.25);
    assert_share(s, 10 * S, 0.6, 0.375);
    assert_share(s, 45 * S, 0.8, 0.5);
    assert_share(s, 60 * S, 0.8, 0);
    assert_share(s, 70 * S, 0, 0.5);
    assert_share(s, 130 * S, 0, 0.5);
    for (int64_t us = 0; us < 180 * S; us += S / 7) {
        struct load_share x = load_schedule_at(s, us);
        assert_true(x.tpcc >= 0 && x.tpcc <= 0.8 && x.tpch >= 0 && x.tpch <= 0.5);
    }
}

static void a_phase_without_tpc_c_is_known_to_rest_until_its_end(void **state)
{
    (void)state;
    const struct load_schedule *s = read_good(phases);
    assert_int_equal(load_schedule_rests_until(s, 5 * S), 5 * S);
    assert_int_equal(load_schedule_rests_until(s, 12 * S), 12 * S);   /* the ramp still comes down */
    assert_int_equal(load_schedule_rests_until(s, 14 * S), 30 * S);
    assert_int_equal(load_schedule_rests_until(s, 30 * S), 30 * S);
    assert_int_equal(load_schedule_rests_until(s, 60 * S), 70 * S);
    assert_int_equal(load_schedule_rests_until(s, 80 * S), 80 * S);   /* over */
    s = read_good("phases:\n  - {duration: 10s, ramp: 5s, tpch: 10%}\n  - {duration: 10s, ramp: 5s, tpcc: 10%}\n");
    assert_int_equal(load_schedule_rests_until(s, 1), 10 * S);        /* down to nothing from nothing */
    assert_int_equal(load_schedule_rests_until(s, 11 * S), 11 * S);
}

static void one_load_for_ever_has_no_phases(void **state)
{
    (void)state;
    static struct load_schedule s;
    load_schedule_constant(&s, 0.5, 1);
    assert_share(&s, 0, 0.5, 1);
    assert_share(&s, INT64_MAX, 0.5, 1);
    assert_true(load_schedule_end(&s) == INT64_MAX && load_schedule_next(&s, 5) == INT64_MAX);
    assert_int_equal(load_schedule_moment(&s, 5).place, -1);
}

static void a_share_of_workers_is_some_at_work_and_one_in_part(void **state)
{
    (void)state;
    assert_true(load_share_duty(0.5, 4, 0) == 1 && load_share_duty(0.5, 4, 1) == 1 && load_share_duty(0.5, 4, 2) == 0 && load_share_duty(0.5, 4, 3) == 0);
    assert_true(load_share_duty(0.25, 2, 0) == 0.5 && load_share_duty(0.25, 2, 1) == 0);
    assert_true(load_share_duty(1, 3, 2) == 1 && load_share_duty(0, 3, 0) == 0);
}

static void each_mistake_is_told_with_its_line_and_column(void **state)
{
    (void)state;
    static const struct { const char *text, *says; } bad[] = {
        { "", "s.yaml" },
        { "repeat: 3\n", "s.yaml: there are no phases" },
        { "phases: []\n", "s.yaml: there are no phases" },
        { "phases: [{duration: 1s}]\n", "s.yaml: no phase has any load" },
        { "phases:\n  - {tpcc: 100%}\n", "s.yaml:2:" },
        { "phases:\n  - {duration: 10, tpcc: 100%}\n", "s.yaml:2:16: phases[0].duration: `10` has no unit" },
        { "phases:\n  - {duration: 1s, tpcc: 101%}\n", "s.yaml:2:26: phases[0].tpcc: 101% is more than 100%" },
        { "phases:\n  - {duration: 1s, tpcc: 10%, ramp: 2s}\n", "s.yaml:2:37: phases[0].ramp: the ramp takes longer" },
        { "phases:\n  - {duration: 1s, tpcc: 10%, wave: {depth: 20%}}\n", "s.yaml:2:45: phases[0].wave.depth: there is no wave without a period" },
        { "phases:\n  - {duration: 1s, tpcc: 10%, wave: {period: 2s, peak: 2s}}\n", "s.yaml:2:56: phases[0].wave.peak" },
        { "phases:\n  - duration: 1s\n    tppc: 10%\n", "s.yaml:3:5: unknown key `tppc`" },
        { "tpcc: {clients: 0}\nphases: [{duration: 1s, tpcc: 1%}]\n", "s.yaml:1:17: tpcc.clients: 0 is less than 1" },
        { "phases: 5\n", "s.yaml:1:9" },
        { "phases: [\n", "s.yaml:2" },
    };
    static struct load_schedule s;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct fault fault = { 0 };
        assert_int_equal(load_schedule_read_text("s.yaml", bad[i].text, &s, NULL, &fault), ERR_INPUT);
        if (!strstr(fault.text, bad[i].says))
            fail_msg("%s: \"%s\" instead of \"%s\"", bad[i].text, fault.text, bad[i].says);
    }
}

static void all_mistakes_are_told_at_once(void **state)
{
    (void)state;
    static struct load_schedule   s;
    static struct conf_complaints all;
    struct fault                  fault = { 0 };
    conf_complaints_init(&all);
    assert_int_equal(load_schedule_read_text("s.yaml", "repeat: 0\nphases:\n  - {duration: 1s, tpcc: 200%, tpch: -1%}\n", &s, &all, &fault), ERR_INPUT);
    assert_int_equal(all.count, 3);
    conf_complaints_done(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_tables_are_in_order),
        cmocka_unit_test(the_sample_is_right),
        cmocka_unit_test(a_file_is_laid_out_as_it_was_written),
        cmocka_unit_test(phases_follow_each_other_and_repeat),
        cmocka_unit_test(boundaries_are_known_before_they_come),
        cmocka_unit_test(a_ramp_is_a_straight_line_from_what_was_before),
        cmocka_unit_test(a_wave_is_highest_at_its_peak_and_lowest_half_a_period_later),
        cmocka_unit_test(a_phase_without_tpc_c_is_known_to_rest_until_its_end),
        cmocka_unit_test(one_load_for_ever_has_no_phases),
        cmocka_unit_test(a_share_of_workers_is_some_at_work_and_one_in_part),
        cmocka_unit_test(each_mistake_is_told_with_its_line_and_column),
        cmocka_unit_test(all_mistakes_are_told_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
