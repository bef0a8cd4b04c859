/* digest: how bad a plain line says it is. */
#include "unit.h"

#include "digest/severity.h"

#include <stdlib.h>
#include <string.h>

static void must_be(const char *line, int severity)
{
    int said = severity_of_line(slice_of(line));
    if (said != severity)
        fail_msg("%d instead of %d: %s", said, severity, line);
}

static void a_line_that_says_it_is_believed(void **state)
{
    (void)state;
    static const struct { const char *line; int severity; } of[] = {
        { "<3>disk lost", 17 }, { "<6>eth0: link up", 9 }, { "<165>1 2003-08-24T05:14:15Z host app - - - text", 10 }, { "<0>gone", 22 },
        { "E0101 10:11:12.123456    1234 server.go:45] no route", 17 }, { "I1231 23:59:59.000001 1 a.go:1] up", 9 }, { "W0203 01:02:03.4 1 b] slow", 13 },
        { "level=error ts=2024-01-01T00:00:00Z msg=\"no route\"", 17 }, { "ts=2024-01-01T00:00:00Z level=warn msg=x", 13 }, { "time=1 lvl=dbug level=debug", 5 },
        { "{\"ts\":1,\"level\":\"info\",\"msg\":\"an ERROR was repaired\"}", 9 }, { "{\"severity\": \"CRITICAL\", \"message\": \"x\"}", 18 },
        { "{\"level\":30,\"time\":1531171074631,\"msg\":\"hi\"}", 9 }, { "{\"level\":50,\"msg\":\"hi\"}", 17 },
        { "2024-05-06 07:08:09.123 UTC [123] ERROR:  duplicate key", 17 }, { "2024-05-06 07:08:09.123 UTC [123] LOG:  checkpoint complete", 9 },
        { "2024-05-06 07:08:09 FATAL:  the database system is starting up", 21 }, { "2024-05-06 07:08:09.123 UTC [1] PANIC:  could not write", 21 },
        { "[Sun Dec 04 04:47:44 2005] [error] mod_jk child in error state 6", 17 }, { "[Sun Dec 04 04:47:44 2005] [notice] workerEnv.init() ok", 10 },
        { "2024/05/06 07:08:09 [warn] 12#12: *1 buffered to a temporary file", 13 }, { "081109 203615 148 INFO dfs.DataNode: PacketResponder", 9 },
        { "2015-07-29 17:41:44,747 - WARN  [main:Sender@400] - Connection broken", 13 }, { "[INFO ] started", 9 }, { "[ERROR]: failed", 17 },
        { "ERROR could not connect", 17 }, { "error: could not connect", 17 }, { "Warning: Permanently added host", 13 }, { "warning: unused variable", 13 },
        { "10:11:12.123 [main] DEBUG org.example.Main - text", 5 }, { "2024-01-01T00:00:00.000Z\tINFO\tmain\tstarted", 9 }, { "2024-01-01T00:00:00Z info started", 9 },
        { "03-17 16:13:38.811  1702  2395 D WindowManager: x", 5 }, { "03-17 16:13:38.811  1702  2395 E WindowManager: x", 17 }, { "[W] slow", 13 },
        { "2024-01-01 00:00:00 | WARNING | module:f:1 - text", 13 }, { "app[1]: TRACE: enter", 1 }, { "pg: connection: error: server closed", 17 },
        { "1:M 02 Jan 2024 10:11:12.000 # Warning: no config file", 13 }, { "<error> something", 17 },
        { "kernel: [123.4] EMERG: gone", 22 }, { "ALERT: look", 19 },
    };
    for (size_t i = 0; i < sizeof of / sizeof *of; i++)
        must_be(of[i].line, of[i].severity);
}

static void the_forms_of_well_known_programs_are_read(void **state)
{
    (void)state;
    static const struct { const char *line; int severity; } of[] = {
        /* Monolog; PostgreSQL's csvlog and jsonlog; MongoDB; Serilog; OpenTelemetry as JSON; logcat; java.util.logging; a table with a time first */
        { "[2026-11-22 10:00:00] production.ERROR: no route {\"a\":1} []", 17 }, { "[2026-11-22T10:00:00.000+00:00] app.INFO: an ERROR was repaired", 9 },
        { "{\"message\":\"x\",\"level\":400,\"level_name\":\"ERROR\",\"channel\":\"app\"}", 17 },
        { "2026-11-22 10:00:00.123 UTC,\"app\",\"shop\",71,\"[local]\",65a.47,3,\"SELECT\",2026-11-22 09:59:00 UTC,4/12,0,ERROR,42P01,\"relation \"\"x\"\" does not exist\",,,,", 17 },
        { "2026-11-22 10:00:00.123 UTC,\"reader\",\"shop\",71,,65a.47,3,,2026-11-22 09:59:00 UTC,,0,LOG,00000,\"duration: 5 ms  statement: select 1 where level = 'error'\",,,,", 9 },
        { "2026-11-22 10:00:00.123 UTC,\"app\",\"shop\",71,\"h:1\",65a.47,3,\"x\",2026-11-22 09:59:00 UTC,4/12,0,FATAL,XX000,\"x\",,,,", 21 },
        { "{\"timestamp\":\"2026-11-22\",\"pid\":7,\"error_severity\":\"ERROR\",\"message\":\"x\"}", 17 },
        { "{\"t\":{\"$date\":\"2026-11-22T10:00:00.000+00:00\"},\"s\":\"E\",  \"c\":\"NETWORK\", \"id\":1,\"ctx\":\"conn7\",\"msg\":\"x\"}", 17 },
        { "{\"t\":{\"$date\":\"2026-11-22T10:00:00.000+00:00\"},\"s\":\"I\",  \"c\":\"NETWORK\", \"id\":1,\"ctx\":\"conn7\",\"msg\":\"x\"}", 9 },
        { "{\"@t\":\"2026-11-22T10:00:00Z\",\"@m\":\"x\",\"@l\":\"Error\"}", 17 }, { "{\"@l\":\"Fatal\",\"@m\":\"x\"}", 21 },
        { "{\"severity_text\":\"ERROR\",\"msg\":\"x\"}", 17 }, { "{\"severityNumber\":21,\"severityText\":\"FATAL\",\"body\":\"x\"}", 21 }, { "level=ERROR3 msg=x", 19 },
        { "E/Tag(1): x", 17 }, { "W/ActivityManager(  812): slow", 13 }, { "E/AndroidRuntime: FATAL EXCEPTION: main", 17 },
        { "Nov 22, 2026 10:00:00 AM com.acme.App run\nSEVERE: no route", 17 }, { "2026-11-22 10:00:00,ERROR,app,x", 17 }, { "2026-11-22 10:00:00;WARN;app;x", 13 },
    };
    for (size_t i = 0; i < sizeof of / sizeof *of; i++)
        must_be(of[i].line, of[i].severity);
}

static void what_only_looks_like_such_a_form_says_nothing(void **state)
{
    (void)state;
    static const char *const line[] = {
        "GET,ERROR,INFO", "states: NEW,ERROR,DONE", "7 of A,ERROR,12345", "10:00 GET,ERROR,INFO", "a,0,ERROR,later", "a,0,error,42P01,x",
        "code 0,ERROR,ABCDE,x", "code 0,ERROR,42P01 was seen", "a,0,ERROR,42P01", ",ERROR,", "0,ERROR", "{\"s\":\"E\",\"to\":\"N\"}",
        "{\"l\":\"error\"}", "I/O: done", "E/x", "E/Tag", "E/Tag(1)", "E/Tag(x): y", "E/Tag(1: y", "see config.error: it is set", "counts:\nerror: 0", "a.ERROR x", "\"@l", "severity_texts=ERROR",
    };
    for (size_t i = 0; i < sizeof line / sizeof *line; i++)
        must_be(line[i], 0);
}

static void a_word_that_merely_occurs_says_nothing(void **state)
{
    (void)state;
    static const char *const line[] = {
        "", " ", "done with 0 errors", "no error was found", "the error handler was installed", "information about it", "fine, thanks", "log rotated", "I am here",
        "session opened for user info by root", "A warning light is on", "GET /error HTTP/1.1", "x-error-code 7", "debugger attached", "<3 you", "<999>x", "<>", "<3",
        "E01", "E0101 at noon", "level 5 reached", "level: up", "level=", "\"level\"", "priority", "panicking is no help", "alerts sent: 5", "WARNINGS 3", "the log: 5",
    };
    for (size_t i = 0; i < sizeof line / sizeof *line; i++)
        must_be(line[i], 0);
}

static void levels_have_names_in_any_case(void **state)
{
    (void)state;
    static const struct { const char *name; int severity; } of[] = {
        { "TRACE", 1 }, { "Debug", 5 }, { "info", 9 }, { "Notice", 10 }, { "WARN", 13 }, { "warning", 13 }, { "Err", 17 }, { "ERROR", 17 }, { "crit", 18 }, { "Critical", 18 },
        { "ALERT", 19 }, { "fatal", 21 }, { "panic", 21 }, { "emerg", 22 }, { "W", 13 }, { "e", 17 }, { "ERROR2", 18 }, { "FATAL3", 23 },
        { "TRACE4", 4 }, { "Warn4", 16 }, { " ERROR ", 17 }, { "[error]", 17 }, { "[E]", 17 }, { "ERROR5", 0 }, { " ", 0 }, { "", 0 }, { "x", 0 }, { "information technology", 0 }, { "er", 0 },
    };
    for (size_t i = 0; i < sizeof of / sizeof *of; i++)
        assert_int_equal(severity_of_name(slice_of(of[i].name)), of[i].severity);
}

static void any_bytes_may_be_asked_about(void **state)
{
    (void)state;
    unsigned seed = 1;
    for (int i = 0; i < 20000; i++) {
        char   line[40];
        size_t n = seed % sizeof line;
        for (size_t k = 0; k < n; k++) {
            seed = seed * 1664525u + 1013904223u;
            line[k] = "<3>[]=:\" leverror\xff\0EWI0912/@,.()l\n"[(seed >> 16) % 35];
        }
        seed = seed * 1664525u + 1013904223u;
        char *copy = malloc(n ? n : 1);       /* so that reading beyond the end is seen */
        assert_non_null(copy);
        memcpy(copy, line, n);
        int s = severity_of_line((struct slice){ copy, n });
        assert_true(s >= 0 && s <= 24);
        free(copy);
    }
    assert_int_equal(severity_of_line((struct slice){ NULL, 0 }), 0);
}

static void only_the_first_part_of_a_long_line_counts(void **state)
{
    (void)state;
    char line[2000];
    memset(line, 'x', sizeof line);
    memcpy(line + 1000, " ERROR ", 7);
    assert_int_equal(severity_of_line((struct slice){ line, sizeof line }), 0);
    memcpy(line + 600, " level=warn ", 12);
    assert_int_equal(severity_of_line((struct slice){ line, sizeof line }), 13);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_that_says_it_is_believed),
        cmocka_unit_test(the_forms_of_well_known_programs_are_read),
        cmocka_unit_test(what_only_looks_like_such_a_form_says_nothing),
        cmocka_unit_test(a_word_that_merely_occurs_says_nothing),
        cmocka_unit_test(levels_have_names_in_any_case),
        cmocka_unit_test(any_bytes_may_be_asked_about),
        cmocka_unit_test(only_the_first_part_of_a_long_line_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
