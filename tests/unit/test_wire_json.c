/* wire: JSON is read piece by piece, strictly and within bounds; numbers keep every bit. */
#include "unit.h"

#include "base/text.h"
#include "wire/json_pull.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char letters[] = { [PULL_BAD] = '!', [PULL_END] = '.', [PULL_OBJECT] = '{', [PULL_OBJECT_END] = '}', [PULL_ARRAY] = '[', [PULL_ARRAY_END] = ']',
                                [PULL_KEY] = 'k', [PULL_TEXT] = 's', [PULL_NUMBER] = 'n', [PULL_TRUE] = 't', [PULL_FALSE] = 'f', [PULL_NULL] = '0' };

/* The tokens of a text, one letter each. */
static const char *shape(const char *json)
{
    static char     out[2048];
    size_t          used = 0;
    enum pull_token t;
    struct pull     p;
    pull_init(&p, slice_of(json));
    do
        out[used++] = letters[t = pull_next(&p)];
    while (t != PULL_BAD && t != PULL_END && used < sizeof out - 1);
    out[used] = '\0';
    assert_int_equal(pull_next(&p), t == PULL_BAD ? PULL_BAD : PULL_END);
    return out;
}

static void a_document_comes_as_its_tokens(void **state)
{
    (void)state;
    assert_string_equal(shape(" {\"a\": [1, -2.5e+3, \"x\", true, false, null, {}, []], \"b\":{\"c\":0}} "), "{k[nnstf0{}[]]k{kn}}.");
    assert_string_equal(shape("\"alone\""), "s.");
    assert_string_equal(shape("0"), "n.");
}

static void what_json_does_not_know_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "", " ", "{", "[", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}", "{1:1}", "{\"a\" 1}", "{]", "[}", "[1}", "}", "1 2",
        "01", "-", "1.", ".5", "1e", "1e+", "+1", "0x10", "NaN", "nul", "truf", "'a'", "\"a", "\"\\x\"", "\"\\u12g4\"", "\"\\u12", "\"a\nb\"", "\"\\", "// no", "[1]]", "{\"a\":1}x",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const char *s = shape(wrong[i]);
        if (s[strlen(s) - 1] != '!')
            fail_msg("taken: %s as %s", wrong[i], s);
    }
}

static void a_refusal_says_where(void **state)
{
    (void)state;
    struct pull  p;
    struct fault fault;
    pull_init(&p, SLICE("[1, 2 3]"));
    while (pull_next(&p) != PULL_BAD)
        ;
    assert_int_equal(pull_fail(&p, &fault), ERR_INPUT);
    assert_string_equal(fault.text, "JSON at byte 6 of 8: no comma between two values");
}

static void nesting_has_a_bound(void **state)
{
    (void)state;
    char        deep[2 * PULL_DEPTH_MAX + 8];
    struct pull p;
    memset(deep, '[', PULL_DEPTH_MAX);
    memset(deep + PULL_DEPTH_MAX, ']', PULL_DEPTH_MAX);
    pull_init(&p, (struct slice){ deep, 2 * PULL_DEPTH_MAX });
    assert_int_equal(pull_next(&p), PULL_ARRAY);
    assert_true(pull_skip(&p));
    assert_int_equal(pull_next(&p), PULL_END);
    memset(deep, '[', PULL_DEPTH_MAX + 1);
    pull_init(&p, (struct slice){ deep, PULL_DEPTH_MAX + 1 });
    assert_int_equal(pull_next(&p), PULL_ARRAY);
    assert_false(pull_skip(&p));
    assert_string_equal(p.why, "nested too deeply");
}

static void a_value_nobody_wants_is_gone_past(void **state)
{
    (void)state;
    struct pull p;
    pull_init(&p, SLICE("{\"a\":{\"b\":[1,{\"c\":[]}]},\"d\":7}"));
    assert_int_equal(pull_next(&p), PULL_OBJECT);
    assert_int_equal(pull_next(&p), PULL_KEY);
    assert_int_equal(pull_next(&p), PULL_OBJECT);
    assert_true(pull_skip(&p));
    assert_int_equal(pull_next(&p), PULL_KEY);
    assert_true(pull_text_is(&p, "d"));
    assert_int_equal(pull_next(&p), PULL_NUMBER);
    assert_true(pull_skip(&p));
    assert_int_equal(pull_next(&p), PULL_OBJECT_END);
    assert_int_equal(pull_next(&p), PULL_END);
}

static void escapes_are_taken_out(void **state)
{
    (void)state;
    char        to[128];
    struct pull p;
    pull_init(&p, SLICE("\"\\\"\\\\\\/\\b\\f\\n\\r\\t \\u0041\\u00fc\\u20AC \\ud83d\\ude00 \\ud83dx \\ude00 \\u0000.\""));
    assert_int_equal(pull_next(&p), PULL_TEXT);
    assert_true(p.escaped);
    size_t n = pull_unescape(p.text, to);
    static const char want[] = "\"\\/\b\f\n\r\t A\xc3\xbc\xe2\x82\xac \xf0\x9f\x98\x80 \xef\xbf\xbdx \xef\xbf\xbd \0.";
    assert_int_equal(n, sizeof want - 1);
    assert_memory_equal(to, want, n);
    pull_init(&p, SLICE("{\"tim\\u0065\":1}"));
    (void)pull_next(&p);
    assert_int_equal(pull_next(&p), PULL_KEY);
    assert_true(pull_text_is(&p, "time"));
}

static void whole_numbers_keep_every_bit(void **state)
{
    (void)state;
    int64_t  i;
    uint64_t u;
    assert_true(number_i64(SLICE("9223372036854775807"), &i) && i == INT64_MAX);
    assert_true(number_i64(SLICE("-9223372036854775808"), &i) && i == INT64_MIN);
    assert_true(number_i64(SLICE("1790000000123456789"), &i) && i == INT64_C(1790000000123456789));
    assert_false(number_i64(SLICE("9223372036854775808"), &i));
    assert_false(number_i64(SLICE("-9223372036854775809"), &i));
    assert_true(number_u64(SLICE("18446744073709551615"), &u) && u == UINT64_MAX);
    assert_false(number_u64(SLICE("18446744073709551616"), &u));
    assert_false(number_u64(SLICE("-1"), &u));
    assert_true(number_i64(SLICE("1e3"), &i) && i == 1000);
    assert_true(number_i64(SLICE("5.0"), &i) && i == 5);
    assert_false(number_i64(SLICE("5.5"), &i));
    assert_false(number_i64(SLICE(""), &i));
    assert_false(number_i64(SLICE("-"), &i));
    assert_false(number_i64(SLICE("12a"), &i));
    assert_false(number_i64(SLICE("NaN"), &i));
}

static void fractions_are_what_strtod_says(void **state)
{
    (void)state;
    static const char *const numbers[] = { "0", "-0", "0.1", "-2.5", "123456.789012345", "1e22", "1.7976931348623157e308", "5e-324", "3.141592653589793", "100000000000000000000", "0.3e-5" };
    for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++) {
        double d, want = strtod(numbers[k], NULL);
        assert_true(number_double(slice_of(numbers[k]), false, &d));
        assert_memory_equal(&d, &want, sizeof d);
    }
    double d;
    assert_true(number_double(SLICE("NaN"), true, &d) && isnan(d));
    assert_true(number_double(SLICE("-Infinity"), true, &d) && isinf(d) && d < 0);
    assert_false(number_double(SLICE("NaN"), false, &d));
    static const char *const wrong[] = { "", ".", "1.", ".5", "1.2.3", " 1", "1 ", "inf", "0x1p3", "1e", "--1" };
    for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++)
        assert_false(number_double(slice_of(wrong[k]), true, &d));
}

static void a_double_is_written_as_the_shortest_text_that_reads_back(void **state)
{
    (void)state;
    static const struct { double d; const char *s; } rows[] = {
        { 0, "0" }, { 1, "1" }, { -3, "-3" }, { 0.1, "0.1" }, { 1.0 / 3, "0.3333333333333333" }, { 1e21, "1e+21" }, { 123456789012.0, "123456789012" }, { 5e-324, "4.94065645841247e-324" },
        { 0.1 + 0.2, "0.30000000000000004" },
    };
    char s[32];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        s[number_text(rows[i].d, s)] = '\0';
        assert_string_equal(s, rows[i].s);
        double again;
        assert_true(number_double(slice_of(s), false, &again));
        assert_memory_equal(&again, &rows[i].d, sizeof again);
    }
    assert_int_equal(number_text(-(double)INFINITY, s), 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_document_comes_as_its_tokens),
        cmocka_unit_test(what_json_does_not_know_is_refused),
        cmocka_unit_test(a_refusal_says_where),
        cmocka_unit_test(nesting_has_a_bound),
        cmocka_unit_test(a_value_nobody_wants_is_gone_past),
        cmocka_unit_test(escapes_are_taken_out),
        cmocka_unit_test(whole_numbers_keep_every_bit),
        cmocka_unit_test(fractions_are_what_strtod_says),
        cmocka_unit_test(a_double_is_written_as_the_shortest_text_that_reads_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
