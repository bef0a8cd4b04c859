/* load: arguments are checked before anything is touched, and no secret comes through them. */
#include "unit.h"

#include "base/clock.h"
#include "load/options.h"
#include "load/schema.h"
#include "load/target.h"

#include <stdlib.h>
#include <string.h>

static const struct load_command run = { "run", "x", " dsn clients duration rate think-time json isolation seed ", NULL };

static enum err parse(struct load_options *o, struct fault *fault, char *a, char *b)
{
    char *argv[] = { a, b, NULL };
    bool  help;
    load_options_init(o);
    *fault = (struct fault){ 0 };
    return load_options_parse(&run, b ? 2 : a ? 1 : 0, argv, o, &help, fault);
}

static void options_have_their_documented_defaults(void **state)
{
    (void)state;
    struct load_options o;
    struct fault        fault;
    assert_ok(parse(&o, &fault, NULL, NULL), &fault);
    assert_int_equal(o.clients, 8);
    assert_int_equal(o.duration_us, 60 * US_PER_S);
    assert_int_equal(o.timeout_us, 60 * US_PER_S);
    assert_string_equal(o.isolation, "read-committed");
    assert_true(o.rate == 0 && o.think == 0 && !o.json);
}

static void times_take_units(void **state)
{
    (void)state;
    static const struct { const char *text; int64_t us; } good[] = {
        { "90", 90 * US_PER_S }, { "90s", 90 * US_PER_S }, { "1.5m", 90 * US_PER_S }, { "250ms", 250 * US_PER_MS }, { "1h", 3600 * US_PER_S }, { "0", 0 },
    };
    static const char *const bad[] = { "", "s", "-1", "10 s", "10x", "nan", "1e300" };
    struct fault             fault;
    int64_t                  us;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_ok(load_duration_parse(good[i].text, &us, &fault), &fault);
        assert_int_equal(us, good[i].us);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(load_duration_parse(bad[i], &us, &fault), ERR_INPUT);
}

static void what_is_wrong_is_refused_and_named(void **state)
{
    (void)state;
    static const struct { const char *a, *b, *says; } bad[] = {
        { "--clients", "0", "--clients 0 is out of range: 1 to 1000" }, { "--clients", "many", "--clients wants a whole number" },
        { "--clients", NULL, "--clients wants a value" },               { "--rate", "inf", "--rate wants a number" },
        { "--isolation", "chaos", "choose one of" },                    { "--isolation", "", "choose one of" },
        { "--duration", "soon", "\"soon\" is no time" },                { "--warmup", "5", "run has no option --warmup" },
        { "--json=yes", NULL, "takes no value" },                       { "stray", NULL, "no option stray" },
        { "--seed", "99999999999999999999", "out of range" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct load_options o;
        struct fault        fault;
        assert_int_equal(parse(&o, &fault, (char *)(uintptr_t)bad[i].a, (char *)(uintptr_t)bad[i].b), ERR_INPUT);
        assert_non_null(strstr(fault.text, bad[i].says));
    }
}

static void thinking_time_may_be_scaled(void **state)
{
    (void)state;
    struct load_options o;
    struct fault        fault;
    char                plain[] = "--think-time", scaled[] = "--think-time=0.25";
    assert_ok(parse(&o, &fault, plain, NULL), &fault);
    assert_true(o.think == 1);
    assert_ok(parse(&o, &fault, scaled, NULL), &fault);
    assert_true(o.think == 0.25);
}

static void a_dsn_with_a_password_is_refused_and_not_repeated(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "host=h password=hunter2", "postgresql://u:hunter2@h/db", "postgres://h/db?password=hunter2", "host=h sslpassword='hunter2'", "host=h PASSWORD hunter2=",
        "host=h passwort=hunter2", "postgresql://u:hunter2@h:port:/db%%",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct load_target t;
        struct fault       fault = { 0 };
        assert_int_not_equal(load_target_parse(bad[i], &t, &fault), OK);
        assert_null(strstr(fault.text, "hunter2"));
        assert_null(strstr(fault.hint, "hunter2"));
    }
}

static void a_dsn_may_be_pairs_a_uri_a_name_or_nothing(void **state)
{
    (void)state;
    static const char *const good[] = { "host=h port=1 dbname=d", "postgresql://u@h:1/d", "d", "", NULL };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct load_target t;
        struct fault       fault = { 0 };
        assert_ok(load_target_parse(good[i], &t, &fault), &fault);
        load_target_done(&t);
    }
}

static void the_mark_of_a_load_reads_back_and_others_are_not_ours(void **state)
{
    (void)state;
    struct load_mark m = { true, 12, 77, 12345 }, back;
    char             text[LOAD_MARK_SIZE];
    load_mark_print(&m, text);
    assert_true(load_mark_read(text, &back));
    assert_true(back.complete && back.warehouses == 12 && back.last_name == 77 && back.seed == 12345);
    load_mark_print(&(struct load_mark){ 0 }, text);
    assert_true(load_mark_read(text, &back));
    assert_false(back.complete);
    assert_false(load_mark_read("our customers", &back));
    assert_false(load_mark_read("", &back));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_have_their_documented_defaults),
        cmocka_unit_test(times_take_units),
        cmocka_unit_test(what_is_wrong_is_refused_and_named),
        cmocka_unit_test(thinking_time_may_be_scaled),
        cmocka_unit_test(a_dsn_with_a_password_is_refused_and_not_repeated),
        cmocka_unit_test(a_dsn_may_be_pairs_a_uri_a_name_or_nothing),
        cmocka_unit_test(the_mark_of_a_load_reads_back_and_others_are_not_ours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
