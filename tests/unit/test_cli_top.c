/* homeostat top: one minute on a screen, a line for each of many; from the folder alone. */
#include "unit.h"

#include "base/clock.h"
#include "base/utf8.h"
#include "cli/commands.h"
#include "history/history.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MINUTE INT64_C(60000000)

static char    folder[64];
static int64_t began;           /* two hours ago, at a whole hour */

static void put_minutes(struct history *h, int64_t from, int64_t to)
{
    struct fault           fault = { 0 };
    struct history_minute *m     = malloc(sizeof *m);
    for (int64_t i = from; i < to; i++) {
        memset(m, 0, sizeof *m);
        m->at_us       = began + i * MINUTE;
        m->seconds     = 60;
        m->host.load1  = (double)i;
        m->host.cpu_idle = .25;
        m->host.mem_available = NAN;
        m->disks = m->mounts = m->tops = m->nets = 1;
        snprintf(m->disk[0].name, HISTORY_NAME, "sda");
        m->disk[0].read_bytes = 4096;
        snprintf(m->net[0].name, HISTORY_NAME, "abcdefghijklmno\xc3\xa9");
        snprintf(m->mount[0].name, HISTORY_NAME, "/var/lib/containers/volumes/of-the-shop/data-of-the-orders");
        snprintf(m->top[0].name, HISTORY_NAME, "caf\xe9\033[2J\xc2\x9b" "1m");
        m->top[0].cpu = 1.5;
        assert_ok(history_append(h, m, false, &fault), &fault);
    }
    free(m);
}

static int begin(void **state)
{
    struct fault    fault = { 0 };
    struct history *h;
    int64_t         hour = 60 * MINUTE;
    (void)state;
    began = (clock_wall_us(&clock_real) / hour - 2) * hour;
    snprintf(folder, sizeof folder, "/tmp/top.XXXXXX");
    if (!mkdtemp(folder) || history_open(folder, (struct history_bounds){ 0 }, &h, &fault) != OK)
        return -1;
    put_minutes(h, 0, 60);
    history_close(h);
    return 0;
}

static int end(void **state)
{
    char command[128];
    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

struct said { int code; char *out, *err; };

static struct said top(const char *at, const char *since, const char *to, int64_t every_us, bool json)
{
    struct said s;
    struct cli  c;
    size_t      n, m;
    memset(&c, 0, sizeof c);
    cli_options_init(&c.o);
    c.o.folder = folder;
    c.o.at     = at;
    c.o.since  = since;
    c.o.to     = to;
    c.o.every_us = every_us;
    c.o.json   = json;
    c.out      = open_memstream(&s.out, &n);
    c.err      = open_memstream(&s.err, &m);
    s.code     = cmd_top(&c);
    fclose(c.out);
    fclose(c.err);
    return s;
}

static void said_done(struct said *s)
{
    free(s->out);
    free(s->err);
}

static size_t lines(const char *text)
{
    size_t n = 0;
    for (; *text; text++)
        n += *text == '\n';
    return n;
}

static void a_minute_is_shown_with_the_end_of_long_paths_and_nothing_that_a_terminal_obeys(void **state)
{
    (void)state;
    struct said s = top("", "", "", 0, false);
    assert_int_equal(s.code, CLI_DONE);
    assert_non_null(strstr(s.out, "load     59.00"));
    assert_non_null(strstr(s.out, "\n~/of-the-shop/data-of-the-orders "));
    assert_non_null(strstr(s.out, "caf??[2J??1m"));
    assert_non_null(strstr(s.out, "\nabcdefghijklmno?  "));
    assert_true(utf8_whole(s.out));
    assert_null(strchr(s.out, '\033'));
    said_done(&s);
}

static void a_span_is_replayed_with_a_line_for_each_minute(void **state)
{
    (void)state;
    char        since[40], to[40];
    struct said s = top("", clock_format(began + 10 * MINUTE, since, sizeof since), clock_format(began + 19 * MINUTE, to, sizeof to), 0, false);
    assert_int_equal(s.code, CLI_DONE);
    assert_int_equal(lines(s.out), 11);              /* with the heading */
    assert_non_null(strstr(s.out, "     10.00   75.0%"));
    assert_null(strstr(s.out, " 20.00 "));
    assert_non_null(strstr(s.out, "caf??[2J??1m 150.0%\n"));
    said_done(&s);
}

static void of_each_so_long_a_time_there_is_one(void **state)
{
    (void)state;
    char        since[40];
    struct said s = top("", clock_format(began, since, sizeof since), "", 10 * MINUTE, false);
    assert_int_equal(lines(s.out), 7);
    static const char *const loads[] = { " 0.00 ", " 10.00 ", " 20.00 ", " 30.00 ", " 40.00 ", " 50.00 " };
    for (size_t i = 0; i < sizeof loads / sizeof *loads; i++)
        assert_non_null(strstr(s.out, loads[i]));
    said_done(&s);
}

static void as_json_each_line_is_a_whole_minute(void **state)
{
    (void)state;
    char         since[40];
    json_error_t why;
    struct said  s = top("", clock_format(began + 58 * MINUTE, since, sizeof since), "", 0, true);
    assert_int_equal(lines(s.out), 2);
    *strchr(s.out, '\n') = 0;
    json_t *m = json_loads(s.out, 0, &why);
    assert_true(json_number_value(json_object_get(json_object_get(m, "host"), "load1")) == 58);
    assert_true(json_is_null(json_object_get(json_object_get(m, "host"), "mem_available")));
    assert_string_equal(json_string_value(json_object_get(json_array_get(json_object_get(m, "processes"), 0), "name")), "caf?\033[2J\xc2\x9b" "1m");
    json_decref(m);
    said_done(&s);
}

static void minutes_of_a_clock_that_was_ahead_are_not_the_newest(void **state)
{
    (void)state;
    struct fault    fault = { 0 };
    struct history *h;
    assert_ok(history_open(folder, (struct history_bounds){ 0 }, &h, &fault), &fault);
    put_minutes(h, 100000, 100001);
    history_close(h);
    struct said s = top("", "", "", 0, false);
    assert_non_null(strstr(s.out, "load     59.00"));
    said_done(&s);
}

static void a_time_without_minutes_and_one_that_is_none_are_said(void **state)
{
    (void)state;
    struct said s = top("", "2001-01-01T00:00:00Z", "2001-01-02T00:00:00Z", 0, false);
    assert_int_equal(s.code, CLI_FAILED);
    assert_non_null(strstr(s.err, "no minute in that time"));
    said_done(&s);
    s = top("", "yesterday", "", 0, false);
    assert_non_null(strstr(s.err, "--since yesterday is no time"));
    said_done(&s);
    s = top("2h", "1h", "", 0, false);
    assert_true(s.code != CLI_DONE);
    said_done(&s);
}

static void a_minute_that_is_not_of_the_time_that_was_asked_for_says_so(void **state)
{
    char        at[40];
    struct said s = top(clock_format(began + 30 * MINUTE + MINUTE / 2, at, sizeof at), "", "", 0, false);
    assert_non_null(strstr(s.out, "load     30.00"));
    assert_string_equal(s.err, "");
    said_done(&s);
    s = top(clock_format(began + 64 * MINUTE, at, sizeof at), "", "", 0, false);
    assert_non_null(strstr(s.out, "load     59.00"));
    assert_non_null(strstr(s.err, "this one ended 0 h 5 min before it"));
    said_done(&s);
    s = top("", "", "", 0, false);               /* what is newest is an hour old at least */
    assert_non_null(strstr(s.err, "this one ended"));
    said_done(&s);
    s = top(clock_format(began - MINUTE, at, sizeof at), "", "", 0, false);
    assert_int_equal(s.code, CLI_FAILED);
    assert_non_null(strstr(s.err, "The oldest minute that is there is of"));
    assert_non_null(strstr(s.err, clock_format(began, at, sizeof at)));
    said_done(&s);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(a_minute_is_shown_with_the_end_of_long_paths_and_nothing_that_a_terminal_obeys),
        TEST(a_span_is_replayed_with_a_line_for_each_minute),
        TEST(of_each_so_long_a_time_there_is_one),
        TEST(as_json_each_line_is_a_whole_minute),
        TEST(minutes_of_a_clock_that_was_ahead_are_not_the_newest),
        TEST(a_time_without_minutes_and_one_that_is_none_are_said),
        TEST(a_minute_that_is_not_of_the_time_that_was_asked_for_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
