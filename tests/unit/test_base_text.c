/* base: text never grows past its maximum, time reads back as it was written, chance repeats from its seed. */
#include "unit.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/id.h"
#include "base/log.h"
#include "base/rand.h"
#include "base/text.h"

#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void a_text_stops_at_its_maximum_and_says_so(void **state)
{
    (void)state;
    struct text t;
    text_init(&t, 10);
    text_add(&t, "12345678");
    text_printf(&t, "%s", "90abc");
    assert_string_equal(t.s, "1234567890");
    assert_true(t.cut);
    text_done(&t);
}

static void what_cannot_be_formatted_is_told_as_cut_and_not_left_out_in_silence(void **state)
{
    (void)state;
    struct text  t;
    volatile int wide = INT_MAX;
    text_init(&t, 100);
    text_add(&t, "before");
    text_printf(&t, "%*d%s", wide, 1, "more than printf can count");
    assert_string_equal(t.s, "before");
    assert_true(t.cut);
    text_done(&t);
}

static void a_fault_can_be_put_in_front_of_itself(void **state)
{
    (void)state;
    struct fault f = { 0 };
    assert_int_equal(fail(&f, ERR_IO, "cannot read x"), ERR_IO);
    assert_int_equal(fail_in(&f, "while starting"), ERR_IO);
    assert_string_equal(f.text, "while starting: cannot read x");
    assert_int_equal(fail(&f, ERR_INPUT, "again: %s", f.text), ERR_INPUT);
    assert_string_equal(f.text, "again: while starting: cannot read x");
}

static void a_fault_quotes_whole_characters_whatever_was_cut(void **state)
{
    (void)state;
    struct fault f = { 0 };
    (void)fail(&f, ERR_INPUT, "no case \"%.4s\" in \xe9t\xc3\xa9", "ab\xc3\xa9\xc3\xa9");
    assert_string_equal(f.text, "no case \"ab\xc3\xa9\" in ?t\xc3\xa9");
    (void)fail(&f, ERR_INPUT, "%.3s", "ab\xc3\xa9");
    fail_hint(&f, "not %.1s", "\xc3\xa9");
    assert_string_equal(f.text, "ab?");
    assert_string_equal(f.hint, "not ?");
    char long_text[1000];
    memset(long_text, 'x', sizeof long_text);
    (void)snprintf(long_text + sizeof f.text - 2, 3, "\xc3\xa9");
    (void)fail(&f, ERR_INPUT, "%s", long_text);
    assert_int_equal(strlen(f.text), sizeof f.text - 1);
    assert_int_equal(f.text[sizeof f.text - 2], '?');
}

/* One line as it was logged; the caller frees it. */
static char *logged(enum log_format format, const char *text, const char *more)
{
    char  *line = NULL;
    size_t n;
    FILE  *out = open_memstream(&line, &n);
    log_setup(format, LOG_INFO, out);
    log_info("it happened", F("what", text), F("why", more), F("n", 7));
    log_setup(LOG_LOGFMT, LOG_INFO, NULL);
    fclose(out);
    return line;
}

static void a_line_of_the_log_that_is_cut_says_so_and_can_be_read(void **state)
{
    (void)state;
    char long_text[20000];
    memset(long_text, '\x01', sizeof long_text);
    long_text[sizeof long_text - 1] = '\0';
    char   *line = logged(LOG_JSON, long_text, "never told");
    json_t *o = json_loads(line, 0, NULL);
    assert_non_null(o);
    assert_true(json_is_true(json_object_get(o, "cut")));
    assert_true(strlen(line) < 8192);
    json_decref(o);
    free(line);
    memset(long_text, 'x', sizeof long_text - 1);
    line = logged(LOG_LOGFMT, "short", long_text);
    assert_string_equal(line + strlen(line) - 12, "x\" cut=true\n");
    free(line);
}

static void what_a_terminal_would_obey_does_not_reach_the_log(void **state)
{
    (void)state;
    static const char *const bad = "a\x1b[2J\x7f\xc2\x9b" "1m\xff\xc3\xa9";
    char   *line = logged(LOG_JSON, bad, "fine");
    json_t *o = json_loads(line, 0, NULL);
    assert_non_null(o);
    assert_string_equal(json_string_value(json_object_get(o, "what")), "a\x1b[2J\x7f\xc2\x9b" "1m\xef\xbf\xbd\xc3\xa9");
    assert_int_equal(json_integer_value(json_object_get(o, "n")), 7);
    assert_null(strpbrk(line, "\x1b\x7f\x9b\xff"));
    json_decref(o);
    free(line);
    line = logged(LOG_LOGFMT, bad, "del\x7f");
    assert_null(strpbrk(line, "\x1b\x7f\x9b\xff"));
    assert_non_null(strstr(line, "why=\"del\\u007f\" n=7\n"));
    free(line);
}

static void what_is_no_file_is_not_written_over(void **state)
{
    (void)state;
    char         folder[] = "/tmp/homeostat-base-XXXXXX", pipe[64], link[64];
    struct stat  st;
    struct fault f = { 0 };
    assert_non_null(mkdtemp(folder));
    (void)snprintf(pipe, sizeof pipe, "%s/pipe", folder);
    (void)snprintf(link, sizeof link, "%s/link", folder);
    assert_int_equal(mkfifo(pipe, 0600) | symlink(pipe, link), 0);
    assert_int_equal(file_write(pipe, "x", 1, 0600, &f), ERR_STATE);
    assert_non_null(strstr(f.text, "/pipe is no regular file"));
    assert_int_equal(file_write(link, "x", 1, 0600, &f), ERR_STATE);
    assert_int_equal(lstat(pipe, &st), 0);
    assert_true(S_ISFIFO(st.st_mode));
    assert_int_equal(lstat(link, &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    assert_int_equal(unlink(pipe), 0);
    assert_int_equal(file_write(pipe, "x", 1, 0600, &f), OK);
    assert_int_equal(unlink(pipe) | unlink(link) | rmdir(folder), 0);
}

static void a_link_that_lies_where_a_file_is_made_is_not_followed(void **state)
{
    (void)state;
    struct fault f = { 0 };
    char         folder[] = "/tmp/homeostat-file-XXXXXX", victim[64], beside[96], path[64], *text = NULL;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(victim, sizeof victim, "%s/victim", folder);
    (void)snprintf(path, sizeof path, "%s/tokens", folder);
    (void)snprintf(beside, sizeof beside, "%s.new.%ld", path, (long)getpid());
    assert_ok(file_write(victim, "precious", 8, 0600, &f), &f);
    assert_int_equal(symlink(victim, beside), 0);
    assert_ok(file_write(path, "new", 3, 0644, &f), &f);
    struct stat is;
    assert_int_equal(stat(victim, &is), 0);
    assert_int_equal(is.st_mode & 0777, 0600);
    assert_ok(file_read(victim, 100, &text, NULL, &f), &f);
    assert_string_equal(text, "precious");
    free(text);
    assert_int_equal(lstat(path, &is), 0);
    assert_true(S_ISREG(is.st_mode));
    assert_int_equal(is.st_mode & 0777, 0644);
    (void)unlink(path);
    (void)unlink(victim);
    (void)rmdir(folder);
}

static void a_time_reads_back_as_it_was_written(void **state)
{
    (void)state;
    char s[32];
    assert_string_equal(clock_format(INT64_C(1767225599123000), s, sizeof s), "2025-12-31T23:59:59.123Z");
    assert_int_equal(clock_parse(s), INT64_C(1767225599123000));
    assert_int_equal(clock_parse("2026-01-01T01:59:59.123+02:00"), INT64_C(1767225599123000));
    assert_int_equal(clock_parse("yesterday"), -1);
    assert_string_equal(clock_format(-1, s, sizeof s), "1969-12-31T23:59:59.999Z");
    assert_string_equal(clock_format(INT64_C(-1500000), s, sizeof s), "1969-12-31T23:59:58.500Z");
    assert_int_equal(clock_parse("2026-01-01T01:59:59.123+0200"), INT64_C(1767225599123000));
    assert_int_equal(clock_parse("2028-02-29T00:00:00Z"), INT64_C(1835395200000000));
    static const char *const none[] = { "2026-13-01T00:00:00Z", "2026-02-29T00:00:00Z", "2026-04-31T00:00:00Z", "2026-01-01T-1:00:00Z", "2026-01-01T00:00:00+2", "2026-01-01T00:00:00+2400",
        "2026-01-01T00:00:00+02000", "2026-01-01T00:00:00+-1:00" };
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        assert_int_equal(clock_parse(none[i]), -1);
}

static void the_same_seed_gives_the_same_story(void **state)
{
    (void)state;
    struct rand a, b;
    rand_seed(&a, 7);
    rand_seed(&b, 7);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(rand_u64(&a), rand_u64(&b));
        int64_t n = rand_int(&a, -3, 3);
        assert_in_range(n + 3, 0, 6);
        assert_int_equal(n, rand_int(&b, -3, 3));
    }
}

static void an_id_is_valid_and_sorts_by_time(void **state)
{
    (void)state;
    char a[ID_SIZE], b[ID_SIZE];
    id_new(1000000, a);
    id_new(2000000, b);
    assert_true(id_valid(a));
    assert_false(id_valid("not-an-id"));
    assert_true(strcmp(a, b) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_stops_at_its_maximum_and_says_so),
        cmocka_unit_test(what_cannot_be_formatted_is_told_as_cut_and_not_left_out_in_silence),
        cmocka_unit_test(a_fault_can_be_put_in_front_of_itself),
        cmocka_unit_test(a_fault_quotes_whole_characters_whatever_was_cut),
        cmocka_unit_test(a_line_of_the_log_that_is_cut_says_so_and_can_be_read),
        cmocka_unit_test(what_a_terminal_would_obey_does_not_reach_the_log),
        cmocka_unit_test(what_is_no_file_is_not_written_over),
        cmocka_unit_test(a_link_that_lies_where_a_file_is_made_is_not_followed),
        cmocka_unit_test(a_time_reads_back_as_it_was_written),
        cmocka_unit_test(the_same_seed_gives_the_same_story),
        cmocka_unit_test(an_id_is_valid_and_sorts_by_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
