/* The small grammars of HTTP headers are read strictly, and what cannot be read never becomes something else. */
#include "unit.h"

#include "base/text.h"
#include "web/header.h"

#include <string.h>

static void a_request_id_is_kept_when_it_is_harmless(void **state)
{
    char out[REQUEST_ID_SIZE];
    header_request_id("  abc-1 ", out);
    assert_string_equal(out, "abc-1");
    header_request_id("a\x01z", out);
    assert_int_equal(strlen(out), 32);
    header_request_id(NULL, out);
    assert_int_equal(strlen(out), 32);
    char longer[200];
    memset(longer, 'a', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    header_request_id(longer, out);
    assert_int_equal(strlen(out), 32);
}

static void a_trace_is_taken_up_only_when_it_is_well_formed(void **state)
{
    static const struct { const char *value; bool good; } rows[] = {
        { "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", true },
        { "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more", true },
        { "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more", false },
        { "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false },
        { "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false },
        { "00-00000000000000000000000000000000-b7ad6b7169203331-01", false },
        { "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", false },
        { "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331", false },
        { "", false },
        { NULL, false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char out[HEADER_TRACE_SIZE];
        assert_int_equal(header_trace_id(rows[i].value, out), rows[i].good);
        assert_int_equal(strlen(out), 32);
        assert_int_equal(strcmp(out, "0af7651916cd43dd8448eb211c80319c") == 0, rows[i].good);
    }
}

static void a_key_may_be_quoted_or_bare(void **state)
{
    static const struct { const char *value, *key; } rows[] = {
        { "a1", "a1" },   { " a1 ", "a1" }, { "\"a1\"", "a1" }, { "\"a\\\"b\\\\c\"", "a\"b\\c" }, { "\"a1\";v=2", "a1" }, { "\"a1\" ", "a1" },
        { "", NULL },     { "  ", NULL },   { "\"\"", NULL },   { "\"a", NULL },                  { "\"a\"b", NULL },     { "\"a\\n\"", NULL },
        { "\"a\x7f\"", NULL }, { "\xc3\xa4", NULL }, { "\"", NULL }, { "\"\\\"", NULL },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char         key[HEADER_KEY_SIZE];
        struct fault fault = { 0 };
        enum err     code = header_key(rows[i].value, key, &fault);
        if ((code == OK) != (rows[i].key != NULL))
            fail_msg("<%s>: %s", rows[i].value, err_name(code));
        assert_string_equal(key, rows[i].key ? rows[i].key : "");
    }
    char key[HEADER_KEY_SIZE];
    assert_int_equal(header_key(NULL, key, NULL), OK);
    assert_string_equal(key, "");
}

static void preferences_that_cannot_be_read_are_ignored(void **state)
{
    static const struct { const char *value; int64_t wait_us; bool async; } rows[] = {
        { NULL, -1, false },
        { "wait=5", 5000000, false },
        { "respond-async, wait=10", 10000000, true },
        { "RESPOND-ASYNC;foo=bar , Wait = 7", 7000000, true },
        { "wait=5, wait=9", 5000000, false },           /* the first counts */
        { "wait=999999999999999999999999", 60000000, false },
        { "wait=-3", -1, false },
        { "wait", -1, false },
        { "return=minimal", -1, false },
        { "awaited=3", -1, false },
        { ",,;;==", -1, false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct header_prefer p;
        header_prefer(rows[i].value, 60000000, &p);
        if (p.wait_us != rows[i].wait_us || p.async != rows[i].async)
            fail_msg("<%s>: wait %lld, async %d", rows[i].value, (long long)p.wait_us, p.async);
    }
}

static void the_best_of_the_accepted_formats_is_chosen(void **state)
{
    static const char *const text[] = { "text/plain; version=0.0.4", "application/openmetrics-text; version=1.0.0" };
    static const struct { const char *accept; int chosen; } rows[] = {
        { NULL, 0 },
        { "", 0 },
        { "*/*", 0 },
        { "text/*", 0 },
        { "application/*", 1 },
        { "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1", 1 },
        { "text/plain;q=0.5, application/openmetrics-text;q=0.4", 0 },
        { "text/plain;q=0, */*", 1 },
        { "image/png", -1 },
        { "*/*;q=0", -1 },
        { "garbage", -1 },
        { ";;;,,,/", -1 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (header_accept(rows[i].accept, text, 2) != rows[i].chosen)
            fail_msg("<%s>: %d", rows[i].accept ? rows[i].accept : "-", header_accept(rows[i].accept, text, 2));
}

static void a_bearer_token_is_found_whatever_the_case_of_its_scheme(void **state)
{
    assert_string_equal(header_bearer("Bearer abc"), "abc");
    assert_string_equal(header_bearer("bearer   abc"), "abc");
    assert_null(header_bearer("Bearer "));
    assert_null(header_bearer("Bearerabc"));
    assert_null(header_bearer("Basic abc"));
    assert_null(header_bearer(NULL));
}

static void entity_tags_are_compared_weakly_for_reading(void **state)
{
    assert_true(header_if_none_match("\"v1\", W/\"v3\"", 3));
    assert_true(header_if_none_match("*", 3));
    assert_false(header_if_none_match("\"v30\"", 3));
    assert_false(header_if_none_match("v3", 3));
    assert_false(header_if_none_match("\"v99999999999999999999\"", 3));
    assert_false(header_if_none_match(NULL, 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_id_is_kept_when_it_is_harmless),
        cmocka_unit_test(a_trace_is_taken_up_only_when_it_is_well_formed),
        cmocka_unit_test(a_key_may_be_quoted_or_bare),
        cmocka_unit_test(preferences_that_cannot_be_read_are_ignored),
        cmocka_unit_test(the_best_of_the_accepted_formats_is_chosen),
        cmocka_unit_test(a_bearer_token_is_found_whatever_the_case_of_its_scheme),
        cmocka_unit_test(entity_tags_are_compared_weakly_for_reading),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
