/* load: arguments are checked before anything is touched, and no secret comes through them. */
#include "unit.h"

#include "base/clock.h"
#include "load/options.h"
#include "load/schema.h"
#include "load/session.h"
#include "load/target.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const struct load_command run = { "run", "x", " dsn clients duration rate think-time json isolation seed listen schedule schema ", NULL };

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
        { "--seed", "99999999999999999999", "out of range" },           { "--dsn", "", "--dsn wants a value (DSN), and this one is empty" },
        { "--dsn=", NULL, "and this one is empty" },                    { "--listen", "", "and this one is empty" },
        { "--schedule=", NULL, "and this one is empty" },               { "--schema", "", "and this one is empty" },
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
        "host=h passwort=hunter2", "postgresql://u:hunter2@h:port:/db%%", "postgre://u:hunter2@h/db", "Postgresql://u:hunter2@h/db",
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

static void a_server_that_says_nothing_is_waited_for_as_long_as_it_is_told(void **state)
{
    (void)state;
    struct sockaddr_in  at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t           size = sizeof at;
    int                 silent = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct load_target  t;
    struct load_session s = { .target = &t, .isolation = "read committed", .stop_fd = -1, .timeout_us = 300 * US_PER_MS };
    struct fault        fault = { 0 };
    char                dsn[100];
    assert_true(silent >= 0 && bind(silent, (struct sockaddr *)&at, size) == 0 && listen(silent, 1) == 0 && getsockname(silent, (struct sockaddr *)&at, &size) == 0);
    (void)snprintf(dsn, sizeof dsn, "host=127.0.0.1 port=%u user=u dbname=d", ntohs(at.sin_port));
    assert_ok(load_target_parse(dsn, &t, &fault), &fault);
    int64_t begun_us = clock_mono_us(&clock_real);
    assert_int_equal(load_session_open(&s, &fault), LOAD_BROKEN);
    assert_true(clock_mono_us(&clock_real) - begun_us >= 300 * US_PER_MS);
    assert_non_null(strstr(fault.text, "within 0.3 s"));
    load_session_close(&s);
    load_target_done(&t);
    (void)close(silent);
}

static void the_mark_of_a_load_reads_back_and_others_are_not_ours(void **state)
{
    (void)state;
    const struct load_layout *c = &load_layout_tpcc, *h = &load_layout_tpch;
    struct load_mark          m = { .complete = true, .seed = 12345, .warehouses = 12, .last_name = 77 }, back;
    char                      text[LOAD_MARK_SIZE];
    load_mark_print(c, &m, text);
    assert_true(load_mark_read(c, text, &back));
    assert_true(back.complete && back.warehouses == 12 && back.last_name == 77 && back.seed == 12345);
    assert_false(load_mark_read(h, text, &back));
    m = (struct load_mark){ .complete = true, .seed = 9, .scale = 0.01 };
    load_mark_print(h, &m, text);
    assert_true(load_mark_read(h, text, &back));
    assert_true(back.complete && back.scale == 0.01 && back.seed == 9);
    assert_false(load_mark_read(c, text, &back));
    load_mark_print(c, &(struct load_mark){ 0 }, text);
    assert_true(load_mark_read(c, text, &back) && !back.complete);
    assert_false(load_mark_read(c, "our customers", &back));
    assert_false(load_mark_read(h, "", &back));
}

static enum err agree(const char *words, struct fault *fault)
{
    static const struct load_command all = { "run", "x", " bench schedule clients duration rate think-time test streams rounds query-timeout tpcc-share tpch-share "
                                                         "expect schema warehouses warmup isolation queue report-every ", NULL };
    static char          copy[200];
    static char         *argv[20];
    struct load_options  o;
    bool                 help;
    int                  argc = 0;
    (void)snprintf(copy, sizeof copy, "%s", words);
    for (char *word = strtok(copy, " "); word; word = strtok(NULL, " "))
        argv[argc++] = word;
    load_options_init(&o);
    *fault = (struct fault){ 0 };
    enum err code = load_options_parse(&all, argc, argv, &o, &help, fault);
    return code == OK ? load_options_agree(&o, fault) : code;
}

static void options_that_would_be_ignored_are_refused(void **state)
{
    (void)state;
    static const char *const good[] = {
        "", "--rate 5", "--think-time", "--bench tpch", "--bench tpch --rounds 3", "--bench tpch --test throughput --streams 4", "--bench tpch --test loop --streams 3 --duration 5",
        "--bench tpch --expect 5949821b5f0ae986",
        "--bench mixed --clients 4 --streams 2 --tpch-share 30", "--schedule x.yaml --warehouses 2 --query-timeout 5",
    };
    static const struct { const char *words, *says; } bad[] = {
        { "--streams 2", "--bench tpch or mixed" },             { "--rate 5 --think-time", "closed loop" },
        { "--bench tpch --clients 4", "--streams" },            { "--bench tpch --duration 5", "a test ends" },
        { "--bench tpch --streams 2", "--test throughput" },    { "--bench mixed --test power", "TPC-H's alone" },
        { "--bench tpch --test loop --rounds 2", "rounds" },    { "--schedule x.yaml --clients=4", "tpcc.clients" },
        { "--schedule x.yaml --bench tpch", "schedule" },       { "--query-timeout 5", "--timeout" },
        { "--bench tpch --schema Big", "no name for a schema" }, { "--bench tpch --schema pg_x", "no name for a schema" },
        { "--bench tpch --tpch-share 30", "full speed" },
        { "--bench tpch --expect null", "no digest" },          { "--bench tpch --expect=", "this one is empty" },
        { "--bench tpch --expect 5949821b5f0ae98", "no digest" }, { "--bench tpch --expect 0x5949821b5f0ae9", "no digest" },
    };
    struct fault fault;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_ok(agree(good[i], &fault), &fault);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(agree(bad[i].words, &fault), ERR_INPUT);
        assert_non_null(strstr(fault.text, bad[i].says));
    }
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
        cmocka_unit_test(a_server_that_says_nothing_is_waited_for_as_long_as_it_is_told),
        cmocka_unit_test(options_that_would_be_ignored_are_refused),
        cmocka_unit_test(the_mark_of_a_load_reads_back_and_others_are_not_ours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
