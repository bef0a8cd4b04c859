/* digest: whatever a sender calls itself, its name can be told in JSON. */
#include "unit.h"

#include "digest/place.h"

#include <jansson.h>
#include <string.h>

static void assert_is_text(const struct attrs *a, struct slice source, const char *urn)
{
    struct place_name name;
    place_of_resource(a, source, &name);
    json_t *u = json_string(name.urn), *n = json_string(name.name);      /* NULL when it is not UTF-8 */
    assert_non_null(u);
    assert_non_null(n);
    if (urn)
        assert_string_equal(name.urn, urn);
    json_decref(u);
    json_decref(n);
}

static void a_name_that_is_no_text_becomes_one(void **state)
{
    struct attr  service = { SLICE("service.name"), { .kind = VALUE_TEXT, .as.text = SLICE("caf\xe9/\xc3\xa9\xc3") } };
    struct attrs one = { &service, 1 }, none = { 0 };
    assert_is_text(&one, SLICE("otlp"), "urn:svc:caf__\xc3\xa9_");
    assert_is_text(&none, SLICE("file:/var/log/\xff"), "urn:source:file:_var_log__");
}

static void a_name_that_is_cut_is_not_cut_within_a_character(void **state)
{
    char long_name[1200];
    for (size_t i = 0; i < sizeof long_name; i += 3)
        memcpy(long_name + i, "\xe2\x82\xac", 3);
    for (size_t from = 0; from < 3; from++) {        /* wherever the end falls */
        memset(long_name, 'x', from);
        memmove(long_name + from, "\xe2\x82\xac", 3);
        for (size_t i = from; i + 3 <= sizeof long_name; i += 3)
            memcpy(long_name + i, "\xe2\x82\xac", 3);
        struct attr  service = { SLICE("service.name"), { .kind = VALUE_TEXT, .as.text = { long_name, sizeof long_name - 3 } } };
        struct attrs one = { &service, 1 };
        assert_is_text(&one, SLICE("otlp"), NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_that_is_no_text_becomes_one),
        cmocka_unit_test(a_name_that_is_cut_is_not_cut_within_a_character),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
