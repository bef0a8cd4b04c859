/* wire/syslog: the examples of the two RFCs, what is seen in the wild, and streams cut at every byte. */
#include "unit.h"

#include "wire/syslog.h"

#include <stdio.h>

/* 2026-01-02 00:00:00 UTC, and a receiver one hour east of it. */
static const struct syslog_around around = { INT64_C(1767312000000000), 3600 };

#define READ(m, text) syslog_read((struct slice){ text, sizeof text - 1 }, &around, m)
#define SAYS(slice, text) assert_true(slice_is(slice, text) || (print_error("[%.*s]\n", (int)(slice).n, (slice).s ? (slice).s : ""), false))

static void the_examples_of_rfc_5424_are_read(void **state)
{
    (void)state;
    struct syslog_message m;
    READ(&m, "<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - \xef\xbb\xbf'su root' failed for lonvick on /dev/pts/8");
    assert_true(m.form == SYSLOG_5424 && m.facility == 4 && m.severity == 2 && m.bom && !m.odd);
    assert_int_equal(m.time_us, INT64_C(1065910455003000));
    SAYS(m.host, "mymachine.example.com");
    SAYS(m.app, "su");
    SAYS(m.procid, "");
    SAYS(m.msgid, "ID47");
    SAYS(m.text, "'su root' failed for lonvick on /dev/pts/8");
    READ(&m, "<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 - - %% It's time to make the do-nuts.\r\n");
    assert_int_equal(m.time_us, INT64_C(1061727255000003));
    SAYS(m.procid, "8710");
    SAYS(m.text, "%% It's time to make the do-nuts.");
    READ(&m, "<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 "
             "[exampleSDID@32473 iut=\"3\" eventSource=\"App \\\"x\\\" \\] \\y\"][examplePriority@32473] An application event\n");
    assert_int_equal(m.pairs_n, 3);
    SAYS(m.pair[0].id, "exampleSDID@32473");
    SAYS(m.pair[0].name, "iut");
    SAYS(m.pair[0].value, "3");
    SAYS(m.pair[1].value, "App \"x\" ] \\y");
    SAYS(m.pair[2].id, "examplePriority@32473");
    SAYS(m.pair[2].name, "");
    SAYS(m.text, "An application event");
    READ(&m, "<0>1 - - - - - -");
    assert_true(m.form == SYSLOG_5424 && m.time_us == 0 && m.severity == 0 && !m.odd && m.text.n == 0 && m.host.n == 0);
}

static void a_text_that_begins_with_a_number_stays_whole(void **state)
{
    (void)state;
    struct syslog_message m;
    READ(&m, "<14>5 minutes have passed since the last sync of the disk");
    assert_true(m.form == SYSLOG_3164 && m.severity == 6 && !m.host.n && !m.app.n);
    SAYS(m.text, "5 minutes have passed since the last sync of the disk");
    READ(&m, "<14>1 packet was dropped");
    SAYS(m.text, "1 packet was dropped");
    READ(&m, "<14>12 - 7 is 5");
    SAYS(m.text, "12 - 7 is 5");
}

static void what_breaks_off_is_in_the_text(void **state)
{
    (void)state;
    struct syslog_message m;
    READ(&m, "<34>1 2003-13-11T22:14:15Z host app 1 - - text");
    assert_true(m.odd && m.time_us == 0);
    SAYS(m.host, "host");
    SAYS(m.text, "text");
    READ(&m, "<34>1 2003-10-11T22:14:15Z host app");
    assert_true(m.odd && m.time_us != 0 && m.host.n == 0);
    SAYS(m.text, "host app");
    READ(&m, "<34>1 - host app 1 - [id a=\"b] text");
    assert_true(m.odd && m.pairs_n == 0);
    SAYS(m.text, "[id a=\"b] text");
    READ(&m, "<34>1 - host app 1 - [id a=\"b\"]text");
    assert_true(m.odd && m.pairs_n == 0);
    READ(&m, "<34>1 - host app 1 - no structure");
    assert_true(m.odd);
    SAYS(m.text, "no structure");
    READ(&m, "<192>1 - - - - - - x");
    assert_true(m.form == SYSLOG_BARE && m.severity == -1);
    READ(&m, "");
    assert_true(m.form == SYSLOG_BARE && m.text.n == 0);
}

static void rfc_3164_is_read_as_it_is_seen(void **state)
{
    (void)state;
    struct syslog_message m;
    READ(&m, "<34>Oct 11 22:14:15 mymachine su: 'su root' failed");
    assert_true(m.form == SYSLOG_3164 && m.facility == 4 && m.severity == 2);
    assert_int_equal(m.time_us, INT64_C(1760217255000000));             /* 2025: nearer to now than 2026; 22:14:15 at +1 h */
    SAYS(m.host, "mymachine");
    SAYS(m.app, "su");
    SAYS(m.text, "'su root' failed");
    READ(&m, "<13>Jan  3 00:00:00 host cron[123]: (root) CMD (x: y)");
    assert_int_equal(m.time_us, INT64_C(1767394800000000));             /* tomorrow, this year */
    SAYS(m.app, "cron");
    SAYS(m.procid, "123");
    SAYS(m.text, "(root) CMD (x: y)");
    READ(&m, "<13>Oct 11 22:14:15 sshd[9]: no host here");
    SAYS(m.host, "");
    SAYS(m.app, "sshd");
    READ(&m, "<13>Oct 11 22:14:15 kernel: no host, no pid");
    SAYS(m.host, "");
    SAYS(m.app, "kernel");
    READ(&m, "<13>Oct 11 22:14:15 host last message repeated 2 times");
    SAYS(m.host, "host");
    SAYS(m.app, "");
    SAYS(m.text, "last message repeated 2 times");
    READ(&m, "Oct 11 2024 22:14:15.25 fe80::1 app: no PRI, and a year");
    assert_true(m.severity == -1 && m.time_us == INT64_C(1728681255250000));
    SAYS(m.host, "fe80::1");
    READ(&m, "<13>Jan  2 00:00:00 UTC web1 app: the zone is said");
    assert_int_equal(m.time_us, around.now_us);
    SAYS(m.host, "web1");
    SAYS(m.app, "app");
    READ(&m, "<189>Jan  2 2026 00:00:00 GMT: %SYS-5-CONFIG_I: Configured");
    assert_int_equal(m.time_us, around.now_us);
    SAYS(m.app, "%SYS-5-CONFIG_I");
    READ(&m, "<13>Jan  2 01:00:00 UTCHOST app: this is none");
    assert_int_equal(m.time_us, around.now_us);
    SAYS(m.host, "UTCHOST");
    READ(&m, "<13>2026-01-01T10:00:00.5+02:00 host app: high precision");
    assert_int_equal(m.time_us, INT64_C(1767254400500000));
    SAYS(m.app, "app");
    READ(&m, "<13>app[7]: without a time");
    assert_true(m.time_us == 0);
    SAYS(m.app, "app");
    READ(&m, "<13>error: without a time or a tag");
    SAYS(m.app, "");
    SAYS(m.text, "error: without a time or a tag");
    READ(&m, "<13>Feb 30 22:14:15 host app: no such day");
    assert_true(m.time_us == 0);
    SAYS(m.text, "Feb 30 22:14:15 host app: no such day");
    READ(&m, "plain text");
    assert_true(m.form == SYSLOG_BARE);
    SAYS(m.text, "plain text");
}

static void more_pairs_than_are_kept_are_counted(void **state)
{
    (void)state;
    static struct syslog_message m;
    char   text[4096];
    size_t n = (size_t)snprintf(text, sizeof text, "<34>1 - - - - - [x");
    for (int i = 0; i < SYSLOG_PAIRS_MAX + 3; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, " k%d=\"%d\"", i, i);
    n += (size_t)snprintf(text + n, sizeof text - n, "] t");
    syslog_read((struct slice){ text, n }, &around, &m);
    assert_int_equal(m.pairs_n, SYSLOG_PAIRS_MAX);
    assert_int_equal(m.pairs_lost, 3);
    SAYS(m.text, "t");
}

/* The messages of a stream that comes in pieces of `step` bytes, each followed by a |. */
static enum err cut(const char *in, size_t all, size_t step, size_t max, char *out, uint64_t *cuts)
{
    struct syslog_frames f = { .max = max };
    char                 buffer[4096];
    size_t               have = 0, at = 0;
    enum err             e = OK;
    *out = '\0';
    for (bool end = false; !end && e == OK;) {
        size_t more = all - at < step ? all - at : step;
        memcpy(buffer + have, in + at, more);
        at += more;
        have += more;
        end = at == all;
        struct slice message;
        for (;;) {
            size_t used;
            bool   got = syslog_frame_next(&f, (struct slice){ buffer, have }, end, &message, &used, &e, NULL);
            if (got) {
                (void)strncat(out, message.s, message.n);
                (void)strcat(out, "|");
            }
            memmove(buffer, buffer + used, have - used);
            have -= used;
            if (!got)
                break;
        }
        if (e == OK)
            assert_true(have <= (max ? max : 65536) + 16);
    }
    *cuts = f.cut;
    return e;
}

static void frames_are_the_same_wherever_the_stream_is_torn(void **state)
{
    (void)state;
    static const struct { const char *in; size_t n; const char *out; size_t max; uint64_t cut; enum err e; } rows[] = {
#define ROW(in, ...) { in, sizeof in - 1, __VA_ARGS__ }
        ROW("<1>one\n<2>two\r\n\n<3>three", "<1>one|<2>two||<3>three|", 0, 0, OK),
        ROW("6 <1>one8 <2>t\nwo 6 <3>end", "<1>one|<2>t\nwo |<3>end|", 0, 0, OK),
        ROW("6 <1>one\n6 <3>end\n", "<1>one|<3>end|", 0, 0, OK),
        ROW("<1>nul\0<2>two\0", "<1>nul|<2>two|", 0, 0, OK),
        ROW("2026 is a year\n12 x\n", "2026 is a year|12 x|", 0, 0, OK),
        ROW("<1>123456789\n<2>x\n", "<1>12345|<2>x|", 8, 1, OK),
        ROW("12 <1>1234567896 <2>xyz", "<1>12345|<2>xyz|", 8, 1, OK),
        ROW("6 <1>one<2>two", "<1>one|<2>two|", 0, 0, OK),
        ROW("6 <1>one<2>two\n6 <3>end<4>x\0", "<1>one|<2>two|<3>end|<4>x|", 0, 0, OK),
        ROW("6 <1>one<2>3456789\n6 <3>end", "<1>one|<2>34567|<3>end|", 8, 1, OK),
        ROW("<1>one\n6 <2>two\n", "<1>one|6 <2>two|", 0, 0, OK),
        ROW("6 <1>oneoh\n", "<1>one|", 0, 0, ERR_INPUT),
        ROW("6 <1>one0 <2>two", "<1>one|", 0, 0, ERR_INPUT),
        ROW("6 <1>one1234567890 <2>two", "<1>one|", 0, 0, ERR_INPUT),
        ROW("9 <1>one", "<1>one|", 0, 1, OK),
        ROW("", "", 0, 0, OK),
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (size_t step = 1; step <= rows[i].n + 1; step++) {
            char     out[256];
            uint64_t cuts;
            enum err e = cut(rows[i].in, rows[i].n, step, rows[i].max, out, &cuts);
            if (e != rows[i].e || strcmp(out, rows[i].out) != 0 || cuts != rows[i].cut)
                fail_msg("row %zu in pieces of %zu: %s, %s, %llu cut", i, step, err_name(e), out, (unsigned long long)cuts);
        }
}

static void severities_become_opentelemetrys(void **state)
{
    (void)state;
    assert_int_equal(syslog_severity_number(0), 21);
    assert_int_equal(syslog_severity_number(3), 17);
    assert_int_equal(syslog_severity_number(7), 5);
    assert_int_equal(syslog_severity_number(-1), 0);
    assert_string_equal(syslog_severity_name(4), "warning");
    assert_string_equal(syslog_facility_name(23), "local7");
    assert_string_equal(syslog_facility_name(24), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_examples_of_rfc_5424_are_read),
        cmocka_unit_test(a_text_that_begins_with_a_number_stays_whole),
        cmocka_unit_test(what_breaks_off_is_in_the_text),
        cmocka_unit_test(rfc_3164_is_read_as_it_is_seen),
        cmocka_unit_test(more_pairs_than_are_kept_are_counted),
        cmocka_unit_test(frames_are_the_same_wherever_the_stream_is_torn),
        cmocka_unit_test(severities_become_opentelemetrys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
