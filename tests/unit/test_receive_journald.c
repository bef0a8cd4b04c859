/* receive: an entry of systemd's journal as a log, and what happens where there is none. */
#include "receive_inputs.h"

#include "receive/journald_map.h"
#include "wire/syslog.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct journald_entry entry(void)
{
    struct journald_entry e = { .realtime_us = 1700000000000001, .cursor = "s=0;i=1" };
    e.field[JOURNALD_MESSAGE] = SLICE("checkpoint starting");
    e.field[JOURNALD_PRIORITY] = SLICE("6");
    e.field[JOURNALD_UNIT] = SLICE("postgresql@15-main.service");
    e.field[JOURNALD_IDENTIFIER] = SLICE("postgres");
    e.field[JOURNALD_PID] = SLICE("812");
    e.field[JOURNALD_HOST] = SLICE("db1");
    e.field[JOURNALD_FILE] = SLICE("xlog.c");
    e.field[JOURNALD_LINE] = SLICE("77");
    return e;
}

static void an_entry_becomes_a_log(void **state)
{
    struct journald_log   l;
    struct journald_entry e = entry();
    char                  uid[JOURNALD_UID + 1];
    journald_log_init(&l);
    journald_map(&e, 5, &l);
    struct attrs attrs = { l.attrs, l.attrs_n }, origin = { l.origin, l.origin_n };
    assert_true(slice_is(l.log.body.as.text, "checkpoint starting"));
    assert_int_equal(l.log.severity, syslog_severity_number(6));
    assert_int_equal(l.log.time_ns, INT64_C(1700000000000001000));
    assert_true(slice_is(attrs_text(&origin, "service.name"), "postgresql@15-main"));
    assert_true(slice_is(attrs_text(&origin, "host.name"), "db1"));
    assert_true(slice_is(attrs_text(&attrs, "systemd.unit"), "postgresql@15-main.service"));
    assert_true(slice_is(attrs_text(&attrs, "code.file.path"), "xlog.c"));
    assert_int_equal(attrs_find(&attrs, "code.line.number")->as.integer, 77);
    assert_int_equal(attrs_find(&attrs, "process.pid")->as.integer, 812);
    (void)strcpy(uid, l.uid);
    journald_map(&e, 6, &l);
    assert_string_equal(uid, l.uid);
    e.cursor = "s=0;i=2";
    journald_map(&e, 6, &l);
    assert_string_not_equal(uid, l.uid);
    journald_log_done(&l);
}

static void what_is_missing_or_odd_is_borne(void **state)
{
    struct journald_log   l;
    struct journald_entry e = entry();
    journald_log_init(&l);
    e.field[JOURNALD_UNIT] = SLICE("");
    e.field[JOURNALD_PRIORITY] = SLICE("high");
    e.field[JOURNALD_PID] = SLICE("");
    e.field[JOURNALD_SYSLOG_PID] = SLICE("9");
    e.field[JOURNALD_MESSAGE] = SLICE("bytes \xff");
    e.field[JOURNALD_SOURCE_US] = SLICE("1700000000000000");
    journald_map(&e, 5, &l);
    struct attrs attrs = { l.attrs, l.attrs_n }, origin = { l.origin, l.origin_n };
    assert_int_equal(l.log.severity, 0);
    assert_int_equal(l.log.time_ns, INT64_C(1700000000000000000));
    assert_true(slice_is(l.log.body.as.text, "bytes \xef\xbf\xbd"));
    assert_true(slice_is(attrs_text(&origin, "service.name"), "postgres"));
    assert_int_equal(attrs_find(&attrs, "process.pid")->as.integer, 9);
    journald_log_done(&l);
}

static void a_machine_without_a_journal_is_told_of_and_everything_else_goes_on(void **state)
{
    struct inputs_stats s;
    house_write("a.log", "one\n");
    house_start("journald: { enabled: yes, folder: '/nowhere/at/all' }\nfiles: { app: { paths: ['@/*.log'] } }\n");
    house_until(1);
    do {
        inputs_stats(h.inputs, &s);
        (void)usleep(1000);
    } while (!*s.of[INPUT_JOURNALD].last_error);
    assert_false(s.of[INPUT_JOURNALD].on);
    assert_true(s.of[INPUT_FILES].on);
}

/* With the journal files of somebody who has some: HOMEOSTAT_TEST_JOURNALD names their folder. Without it this is left out (tests/live says so). */
static void entries_of_a_real_journal_arrive_once(void **state)
{
    const char *folder = getenv("HOMEOSTAT_TEST_JOURNALD");
    char        text[400];
    (void)snprintf(text, sizeof text, "journald: { enabled: yes, folder: '%s' }\n", folder);
    house_start(text);
    house_until(3);
    (void)usleep(600000);
    size_t n = house_count("") + h.n;
    house_stop();
    n = house_count("") + h.n;
    print_message("%zu entries, the first from %s: %s (%s)\n", n, h.seen[0].service, h.seen[0].text, h.seen[0].more);
    house_start(text);
    (void)usleep(600000);
    house_stop();
    assert_int_equal(house_count("") + h.n, n);
}

int main(void)
{
#define HOUSE(t) cmocka_unit_test_setup_teardown(t, house_open, house_close)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_entry_becomes_a_log),
        cmocka_unit_test(what_is_missing_or_odd_is_borne),
        HOUSE(a_machine_without_a_journal_is_told_of_and_everything_else_goes_on),
    };
    const struct CMUnitTest real[] = { HOUSE(entries_of_a_real_journal_arrive_once) };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return getenv("HOMEOSTAT_TEST_JOURNALD") ? failed + cmocka_run_group_tests(real, NULL, NULL) : failed;
}
