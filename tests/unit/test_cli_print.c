/* JSON as people read it: values, tables, and text that a terminal must not obey. */
#include "unit.h"

#include "base/err.h"
#include "cli/client.h"
#include "cli/print.h"

#include <stdlib.h>
#include <string.h>

static const char *as(json_t *value, enum print_kind kind)
{
    static char text[200];
    (void)print_value(value, kind, text, sizeof text);
    json_decref(value);
    return text;
}

static void numbers_are_written_with_the_digits_that_matter(void **state)
{
    assert_string_equal(as(json_integer(42), PRINT_TEXT), "42");
    assert_string_equal(as(json_real(1.0), PRINT_TEXT), "1");
    assert_string_equal(as(json_real(0.25), PRINT_TEXT), "0.2500");
    assert_string_equal(as(json_real(12.345), PRINT_TEXT), "12.35");
    assert_string_equal(as(json_real(1234.56), PRINT_TEXT), "1234.6");
    assert_string_equal(as(json_real(25274793984.0), PRINT_TEXT), "25274793984");
    assert_string_equal(as(json_true(), PRINT_TEXT), "yes");
    assert_string_equal(as(json_pack("[i,i]", 1, 2), PRINT_TEXT), "[1,2]");
}

static void what_is_not_known_is_a_dash_and_never_a_zero(void **state)
{
    assert_string_equal(as(json_null(), PRINT_TEXT), "-");
    assert_string_equal(as(NULL, PRINT_GAIN), "-");
    assert_string_equal(as(json_string(""), PRINT_TEXT), "-");
    assert_string_equal(as(json_integer(0), PRINT_TEXT), "0");
    assert_string_equal(as(json_integer(0), PRINT_RULE), "-");
}

static void a_log_ratio_is_written_as_percent(void **state)
{
    assert_string_equal(as(json_real(0.6931471805599453), PRINT_GAIN), "+100.0 %");
    assert_string_equal(as(json_real(-0.05129329438755058), PRINT_GAIN), "-5.0 %");
}

static void a_share_is_written_as_percent_and_a_small_one_is_not_nothing(void **state)
{
    assert_string_equal(as(json_real(0.1417), PRINT_SHARE), "14.2 %");
    assert_string_equal(as(json_real(1), PRINT_SHARE), "100.0 %");
    assert_string_equal(as(json_real(0.00003), PRINT_SHARE), "< 0.1 %");
    assert_string_equal(as(json_real(0), PRINT_SHARE), "0 %");
    assert_string_equal(as(json_null(), PRINT_SHARE), "-");
}

static void times_and_digests_are_shortened(void **state)
{
    assert_string_equal(as(json_string("2026-01-31T23:59:58.123Z"), PRINT_TIME), "2026-01-31 23:59:58");
    assert_string_equal(as(json_integer(INT64_C(1767225600000000)), PRINT_TIME), "2026-01-01 00:00:00");
    assert_string_equal(as(json_string("not a time"), PRINT_TIME), "not a time");
    assert_string_equal(as(json_string("0123456789abcdef0123"), PRINT_SHORT), "0123456789ab");
}

static char *safe(const char *text, bool lines)
{
    char  *out = NULL;
    size_t n;
    FILE  *f = open_memstream(&out, &n);
    print_safe(f, text, lines);
    fclose(f);
    return out;
}

static void a_title_cannot_command_the_terminal(void **state)
{
    static const struct { const char *said, *shown; bool lines; } cases[] = {
        { "plain", "plain", false },
        { "\x1b]0;owned\a\x1b[2J", "?]0;owned??[2J", false },
        { "a\r\nb", "a? b", false },
        { "a\nb\tc", "a\nb\tc", true },
        { "K\xc3\xb6ln", "K\xc3\xb6ln", false },
        { "\xc2\x9b" "31m", "?31m", false },          /* the C1 form of ESC [ */
        { "cut \xe2\x82", "cut \xe2\x82", false },    /* a character that is cut off does not read past the end */
        { "\xf0\x9f\x90\x98", "\xf0\x9f\x90\x98", false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *out = safe(cases[i].said, cases[i].lines);
        assert_string_equal(out, cases[i].shown);
        free(out);
    }
}

static void json_cannot_command_the_terminal_either(void **state)
{
    char   *out = NULL;
    size_t  n;
    FILE   *f = open_memstream(&out, &n);
    json_t *o = json_pack("[s]", "a\xc2\x9b" "1m\x7f\x1b\xc3\xa9"), *back;
    print_json(f, o, JSON_COMPACT);
    fclose(f);
    assert_string_equal(out, "[\"a\\u009B1m\\u007F\\u001B\xc3\xa9\"]\n");
    back = json_loads(out, 0, NULL);
    assert_true(json_equal(o, back));
    json_decref(back);
    json_decref(o);
    free(out);
}

static void what_is_cut_says_so(void **state)
{
    char    s[8];
    json_t *o = json_pack("[s, s, s]", "1234567", "12345678", "12345\xc3\xb6" "78");
    assert_string_equal(print_value(json_array_get(o, 0), PRINT_TEXT, s, sizeof s), "1234567");
    assert_string_equal(print_value(json_array_get(o, 1), PRINT_TEXT, s, sizeof s), "123456~");
    assert_string_equal(print_value(json_array_get(o, 2), PRINT_TEXT, s, sizeof s), "12345~");
    assert_string_equal(print_value(o, PRINT_TEXT, s, sizeof s), "[\"1234~");
    json_decref(o);
}

static void a_table_lines_up_whatever_is_in_it(void **state)
{
    static const struct print_column columns[] = {
        { "NAME", "name", PRINT_TEXT, 0 }, { "CITY", "at.city", PRINT_TEXT, 6 }, { "N", "n", PRINT_TEXT, 0 }, { NULL, NULL, PRINT_TEXT, 0 },
    };
    json_t *rows = json_pack("[{s:s, s:{s:s}, s:i}, {s:s, s:i}, {}]", "name", "x", "at", "city", "K\xc3\xb6lner Platz", "n", 7, "name", "longer", "n", 123456);
    char   *out = NULL;
    size_t  n;
    FILE   *f = open_memstream(&out, &n);
    print_table(f, rows, columns, "nothing");
    fclose(f);
    assert_string_equal(out, "NAME    CITY    N\n"
                             "x       K\xc3\xb6lne~  7\n"
                             "longer  -       123456\n"
                             "-       -       -\n");
    free(out);
    json_decref(rows);
    rows = json_array();
    f = open_memstream(&out, &n);
    print_table(f, rows, columns, "nothing");
    fclose(f);
    assert_string_equal(out, "nothing\n");
    free(out);
    json_decref(rows);
}

static void what_stands_in_a_path_is_encoded(void **state)
{
    char path[40] = "/case/";
    assert_true(client_encode(path, sizeof path, "../x y?&\xc3\xb6"));
    assert_string_equal(path, "/case/..%2Fx%20y%3F%26%C3%B6");
    char small[10] = "/case/";
    assert_false(client_encode(small, sizeof small, "a/b"));
    char query[60] = "/case";
    assert_true(client_query(query, sizeof query, "state", "") && client_query(query, sizeof query, "target", "a b") && client_query(query, sizeof query, "n", "1"));
    assert_string_equal(query, "/case?target=a%20b&n=1");
}

static int exit_of(int status, const char *type)
{
    struct client_answer a = { .status = status, .json = type ? json_pack("{s:s}", "type", type) : NULL };
    int code = client_exit_of(&a);
    json_decref(a.json);
    return code;
}

static void answers_have_the_exit_status_that_scripts_expect(void **state)
{
    assert_int_equal(exit_of(200, NULL), CLI_DONE);
    assert_int_equal(exit_of(202, NULL), CLI_DONE);
    assert_int_equal(exit_of(422, "urn:homeostat:problem:guard-failed"), CLI_GATED);
    assert_int_equal(exit_of(422, "urn:homeostat:problem:invalid"), CLI_FAILED);
    assert_int_equal(exit_of(409, "urn:homeostat:problem:illegal-transition"), CLI_CONFLICT);
    assert_int_equal(exit_of(412, "urn:homeostat:problem:stale-version"), CLI_CONFLICT);
    assert_int_equal(exit_of(403, "urn:homeostat:problem:forbidden"), CLI_FAILED);
    assert_int_equal(exit_of(404, NULL), CLI_FAILED);
    assert_int_equal(exit_of(500, NULL), CLI_FAILED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_written_with_the_digits_that_matter),
        cmocka_unit_test(what_is_not_known_is_a_dash_and_never_a_zero),
        cmocka_unit_test(a_log_ratio_is_written_as_percent),
        cmocka_unit_test(a_share_is_written_as_percent_and_a_small_one_is_not_nothing),
        cmocka_unit_test(times_and_digests_are_shortened),
        cmocka_unit_test(a_title_cannot_command_the_terminal),
        cmocka_unit_test(json_cannot_command_the_terminal_either),
        cmocka_unit_test(what_is_cut_says_so),
        cmocka_unit_test(a_table_lines_up_whatever_is_in_it),
        cmocka_unit_test(what_stands_in_a_path_is_encoded),
        cmocka_unit_test(answers_have_the_exit_status_that_scripts_expect),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
