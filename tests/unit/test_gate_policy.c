/* gate: a policy is read whole or not at all, reads back as printed, and its version is its meaning; windows are those of the calendar. */
#include "unit.h"

#include "base/clock.h"
#include "base/rand.h"
#include "gate/policy.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct policy policy, other;
static struct fault  fault;

static enum err parse(const char *text) { return policy_parse("policy.yaml", text, strlen(text), &policy, NULL, &fault); }

static void the_tables_are_well_formed(void **state)
{
    (void)state;
    assert_ok(conf_tables_check(policy_sections, policy_sections_count, &fault), &fault);
}

static void the_built_in_policy_is_cautious(void **state)
{
    (void)state;
    policy_default(&policy);
    assert_int_equal(policy.set.restart, RESTART_NEVER);
    assert_false(policy.bounds.restart_allowed);
    assert_false(policy.set.shell);
    assert_true(policy.bounds.step_ratio == 0.20);
    assert_true(policy.bounds.memory_fraction <= 0.9);
    for (int i = 1; i < KNOB_COUNT; i++)
        assert_int_equal(policy.bounds.knob[i].allowed, (knobs[i].flags & KNOB_TUNED) != 0);
    assert_false(policy.bounds.knob[KNOB_FSYNC].allowed);
    assert_int_equal(strlen(policy.version), 64);
}

static const char full[] =
    "steps: { ratio: 10%, max: 32, settings_max: 3, watch_min: 5s }\n"
    "memory: { fraction: 80%, session: 8MiB }\n"
    "restart: { when: window, per_day: 2, windows: [\"mon-fri 02:00-04:00 +01:00\", \"sat,sun 22:00-06:00\"] }\n"
    "risk: { auto_max: 0.5, max: 0.8 }\n"
    "approval: { four_eyes: yes, expires: 2h }\n"
    "scripts: { shell: yes, programs: [\"systemctl reload pgbouncer\", \"echo ...\"] }\n"
    "freezes:\n"
    "  - { from: 2026-12-20T00:00:00Z, to: 2027-01-02T00:00:00+01:00, why: \"year's \\\"end\\\" \\\\\" }\n"
    "  - { weekly: \"fri 16:00-24:00\", why: no releases before the weekend, target: shop }\n"
    "knobs:\n"
    "  work_mem: { max: 64MB }\n"
    "  jit: { allowed: \"no\" }\n"
    "  synchronous_commit: { allowed: \"yes\" }\n";

static void a_policy_says_what_it_says(void **state)
{
    (void)state;
    assert_ok(parse(full), &fault);
    assert_true(policy.bounds.step_ratio == 0.10);
    assert_int_equal(policy.bounds.steps_max, 32);
    assert_int_equal(policy.bounds.changes_max, 3);
    assert_int_equal(policy.set.restart, RESTART_WINDOW);
    assert_true(policy.bounds.restart_allowed);
    assert_int_equal(policy.windows, 2);
    assert_int_equal(policy.freezes, 2);
    assert_true(policy.freeze[1].weekly);
    assert_string_equal(policy.freeze[1].target, "shop");
    assert_int_equal(policy.freeze[0].to_us - policy.freeze[0].from_us, (INT64_C(13) * 24 - 1) * 3600 * US_PER_S);
    assert_int_equal(policy.programs, 2);
    assert_int_equal(policy.program[0].words, 3);
    assert_false(policy.program[0].more);
    assert_true(policy.program[1].more);
    assert_true(policy.bounds.knob[KNOB_WORK_MEM].allowed);
    assert_true(policy.bounds.knob[KNOB_WORK_MEM].hi == 65536);
    assert_true(isnan(policy.bounds.knob[KNOB_WORK_MEM].lo));
    assert_false(policy.bounds.knob[KNOB_JIT].allowed);
    assert_true(policy.bounds.knob[KNOB_SYNCHRONOUS_COMMIT].allowed);
}

static void what_is_printed_reads_back_to_the_same_version(void **state)
{
    (void)state;
    static const char *const texts[] = { full, "steps: { max: 3 }\n" };
    for (int i = 0; i < 2; i++) {
        struct text t, again;
        text_init(&t, 256 * 1024);
        text_init(&again, 256 * 1024);
        assert_ok(parse(texts[i]), &fault);
        policy_print(&policy, &t);
        assert_ok(policy_parse("printed", t.s, t.used, &other, NULL, &fault), &fault);
        assert_string_equal(policy.version, other.version);
        policy_print(&other, &again);   /* text by text: structs have padding that means nothing */
        assert_string_equal(t.s, again.s);
        text_done(&t);
        text_done(&again);
    }
}

static void the_version_is_the_meaning_and_not_the_spelling(void **state)
{
    (void)state;
    assert_ok(parse("steps: { max: 3 }\nrisk: { max: 0.5 }\n"), &fault);
    other = policy;
    assert_ok(parse("# a comment\nrisk:\n  max: 0.50\nsteps:\n  max: 3\n"), &fault);
    assert_string_equal(policy.version, other.version);
    static const char *const others[] = { "steps: { max: 4 }\nrisk: { max: 0.5 }\n", "steps: { max: 3 }\nrisk: { max: 0.5 }\nknobs: { jit: { allowed: \"no\" } }\n",
        "steps: { max: 3 }\nrisk: { max: 0.5 }\nscripts: { programs: [] }\n", "steps: { max: 3 }\nrisk: { max: 0.5 }\nrestart: { windows: [\"daily 01:00-02:00\"] }\n",
        "steps: { max: 3 }\nrisk: { max: 0.5 }\nfreezes: [{ why: x, weekly: \"daily 01:00-02:00\" }]\n" };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_ok(parse(others[i]), &fault);
        assert_string_not_equal(policy.version, other.version);
    }
}

static void a_mistake_is_told_with_its_place_and_changes_nothing(void **state)
{
    (void)state;
    static const struct { const char *text, *place, *says; } bad[] = {
        { "steps: { ratoi: 20% }\n", "policy.yaml:1:", "ratoi" },
        { "steps: { ratio: 60% }\n", "policy.yaml:1:", "50%" },
        { "steps: { ratio: 20 }\n", "policy.yaml:1:", "" },
        { "\nrestart: { when: sometimes }\n", "policy.yaml:2:", "sometimes" },
        { "restart: { windows: [\"mon-fri 2-4\"] }\n", "policy.yaml:1:", "weekly window" },
        { "recovery: { max: 90 }\n", "policy.yaml:1:", "" },
        { "risk: { auto_max: 0.5, max: 0.4 }\n", "policy.yaml:1:", "automatic" },
        { "scripts: { programs: [\"... x\"] }\n", "policy.yaml:1:", "" },
        { "freezes:\n  - { why: x }\n", "policy.yaml:2:", "once or weekly" },
        { "freezes:\n  - { why: x, from: 2026-01-02T00:00:00Z, to: 2026-01-01T00:00:00Z }\n", "policy.yaml:2:", "no end" },
        { "freezes:\n  - { why: x, from: tomorrow, to: 2026-01-01T00:00:00Z }\n", "policy.yaml:2:", "not a time" },
        { "freezes:\n  - { weekly: \"daily 00:00-01:00\" }\n", "policy.yaml:2:", "why" },
        { "knobs:\n  work_mem: { max: 64mb }\n", "policy.yaml:2:", "64mb" },
        { "knobs:\n  wrok_mem: { max: 64MB }\n", "policy.yaml:2:", "catalogue" },
        { "knobs:\n  work_mem: { min: 64MB, max: 32MB }\n", "policy.yaml:2:", "greater" },
        { "knobs:\n  jit: { max: \"on\" }\n", "policy.yaml:2:", "choices" },
        { "knobs:\n  work_mem: { allowed: no! }\n", "policy.yaml:2:", "" },
        { "", "policy.yaml", "" },
        { "[1, 2]\n", "policy.yaml:1:", "" },
    };
    policy_default(&policy);
    other = policy;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (parse(bad[i].text) == OK)
            fail_msg("was taken: %s", bad[i].text);
        if (!strstr(fault.text, bad[i].place) || !strstr(fault.text, bad[i].says))
            fail_msg("%s -> %s", bad[i].text, fault.text);
        assert_memory_equal(&policy, &other, sizeof policy);
    }
}

static int64_t at(const char *text) { return clock_parse(text); }

static void a_window_opens_and_closes_when_the_calendar_says(void **state)
{
    (void)state;
    struct week_window w;
    int64_t            opens, closes;
    assert_ok(week_window_parse("mon-fri 02:00-04:00 +01:00", &w, &fault), &fault);
    assert_false(week_window_open(&w, at("2026-01-02T00:59:59Z"), &opens, &closes));   /* Friday */
    assert_int_equal(opens, at("2026-01-02T01:00:00Z"));
    assert_true(week_window_open(&w, at("2026-01-02T01:00:00Z"), &opens, &closes));
    assert_int_equal(closes, at("2026-01-02T03:00:00Z"));
    assert_false(week_window_open(&w, at("2026-01-02T03:00:00Z"), &opens, &closes));
    assert_int_equal(opens, at("2026-01-05T01:00:00Z"));                               /* over the weekend to Monday */

    assert_ok(week_window_parse("sat 22:00-06:00", &w, &fault), &fault);
    assert_true(week_window_open(&w, at("2026-01-04T05:59:59Z"), &opens, &closes));    /* Sunday morning belongs to Saturday night */
    assert_false(week_window_open(&w, at("2026-01-04T22:30:00Z"), &opens, &closes));
    assert_int_equal(opens, at("2026-01-10T22:00:00Z"));
    assert_int_equal(week_window_length_us(&w), INT64_C(8) * 3600 * US_PER_S);

    assert_ok(week_window_parse("daily 00:00-24:00", &w, &fault), &fault);
    assert_true(week_window_open(&w, at("2026-01-04T23:59:59Z"), &opens, &closes));
    assert_int_equal(week_window_length_us(&w), INT64_C(24) * 3600 * US_PER_S);
    assert_ok(week_window_parse("sun-mon 23:00-23:30 -08:00", &w, &fault), &fault);
    assert_true(week_window_open(&w, at("2026-01-06T07:15:00Z"), &opens, &closes));    /* Monday night there */
    assert_true(week_window_meets(&w, at("2026-01-06T06:00:00Z"), at("2026-01-06T07:00:00Z"), &closes));
    assert_false(week_window_meets(&w, at("2026-01-06T06:00:00Z"), at("2026-01-06T06:59:59Z"), &closes));
    static const char *const bad[] = { "", "mon", "mon 1:00-2:00", "mon 01:00-25:00", "mon 01:00-02:60", "mun 01:00-02:00", "mon, 01:00-02:00", "mon 01:00-02:00 CET", "mon 01:00-02:00 +1", "mon 01:00-02:00 +01:00 x", "mon-01:00-02:00" };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (week_window_parse(bad[i], &w, &fault) == OK)
            fail_msg("was taken: %s", bad[i]);
}

static void windows_agree_with_a_minute_by_minute_count(void **state)
{
    (void)state;
    struct rand r;
    rand_seed(&r, 2);
    for (int round = 0; round < 2000; round++) {
        struct week_window w = { .days = (unsigned)rand_int(&r, 1, 127), .from_min = (int)rand_int(&r, 0, 1439), .to_min = (int)rand_int(&r, 1, 1440), .offset_min = 15 * (int)rand_int(&r, -56, 56) };
        struct week_window again;
        char               text[64];
        assert_ok(week_window_parse(week_window_format(&w, text, sizeof text), &again, &fault), &fault);
        assert_memory_equal(&w, &again, sizeof w);
        int64_t now = at("2026-03-01T00:00:00Z") + rand_int(&r, 0, 20160) * 60 * US_PER_S, opens, closes;
        int64_t minute = (now + w.offset_min * 60 * US_PER_S) / (60 * US_PER_S);
        int64_t day = minute / 1440, m = minute % 1440, yesterday = day - 1;
        bool over = w.to_min <= w.from_min;
        bool today = (w.days >> ((day + 3) % 7) & 1) && m >= w.from_min && (over || m < w.to_min);
        bool late = over && (w.days >> ((yesterday + 3) % 7) & 1) && m < w.to_min;
        bool open = week_window_open(&w, now, &opens, &closes);
        if (open != (today || late))
            fail_msg("%s at minute %d of day %d", text, (int)m, (int)day);
        assert_true(closes > now && (open ? opens <= now : opens > now));
    }
}

static void the_shipped_policy_is_the_built_in_one_with_comments(void **state)
{
    (void)state;
    policy_default(&other);
    assert_ok(policy_read(POLICY_SAMPLE, &policy, NULL, &fault), &fault);
    assert_string_equal(policy.version, other.version);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_tables_are_well_formed),
        cmocka_unit_test(the_built_in_policy_is_cautious),
        cmocka_unit_test(a_policy_says_what_it_says),
        cmocka_unit_test(what_is_printed_reads_back_to_the_same_version),
        cmocka_unit_test(the_version_is_the_meaning_and_not_the_spelling),
        cmocka_unit_test(a_mistake_is_told_with_its_place_and_changes_nothing),
        cmocka_unit_test(a_window_opens_and_closes_when_the_calendar_says),
        cmocka_unit_test(windows_agree_with_a_minute_by_minute_count),
        cmocka_unit_test(the_shipped_policy_is_the_built_in_one_with_comments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
