/* digest: whatever a sender calls itself, its name can be told in JSON. */
#include "unit.h"

#include "digest/place.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
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

static void who_does_not_name_itself_is_told_apart_by_its_source(void **state)
{
    struct fault    f = { 0 };
    struct places  *p;
    struct attr     some = { SLICE("process.pid"), { .kind = VALUE_TEXT, .as.text = SLICE("7") } };
    struct resource r = { .attrs = { &some, 1 } };
    r.id = attrs_id(&r.attrs);
    assert_ok(places_new(100, &p, &f), &f);
    struct event one = { .record = 1, .resource = &r, .source = SLICE("file:/var/log/one") }, two = { .record = 2, .resource = &r, .source = SLICE("file:/var/log/two") };
    uint32_t     first = places_of(p, &one), second = places_of(p, &two);
    assert_string_equal(places_get(p, first)->urn, "urn:source:file:_var_log_one");
    assert_string_equal(places_get(p, second)->urn, "urn:source:file:_var_log_two");
    places_free(p);
}

static const char *called(const char *key, const char *value)
{
    static struct place_name name;
    struct attr              one = { slice_of(key), { .kind = VALUE_TEXT, .as.text = slice_of(value) } };
    struct attrs             a = { &one, 1 };
    return place_of_peer(&a, &name) ? name.urn : NULL;
}

static void a_client_that_only_has_a_url_called_the_host_in_it(void **state)
{
    (void)state;
    static const char *const keys[] = { "url.full", "http.url" };
    for (int i = 0; i < 2; i++) {
        assert_string_equal(called(keys[i], "https://only.example:8443/x?y"), "urn:host:only.example");
        assert_string_equal(called(keys[i], "http://only.example"), "urn:host:only.example");
        assert_string_equal(called(keys[i], "http://only.example?at=a@b"), "urn:host:only.example");
        assert_string_equal(called(keys[i], "http://only.example#a:b@c"), "urn:host:only.example");
        assert_string_equal(called(keys[i], "wss://10.0.0.7:80/"), "urn:host:10.0.0.7");
        assert_string_equal(called(keys[i], "http://[2001:db8::7]:8080/x"), "urn:host:2001:db8::7");
        assert_string_equal(called(keys[i], "http://[fe80::1%25eth0]"), "urn:host:fe80::1%25eth0");
        assert_string_equal(called(keys[i], "http://m\xc3\xbcnchen.example/"), "urn:host:m\xc3\xbcnchen.example");
        assert_string_equal(called(keys[i], "http://only.example:/"), "urn:host:only.example");
    }
    struct place_name name;
    struct attr       both[] = { { SLICE("url.full"), { .kind = VALUE_TEXT, .as.text = SLICE("http://10.0.0.7/") } }, { SLICE("server.address"), { .kind = VALUE_TEXT, .as.text = SLICE("cart.local") } } };
    struct attrs      a = { both, 2 };
    assert_true(place_of_peer(&a, &name));
    assert_string_equal(name.urn, "urn:host:cart.local");        /* the URL is the last choice */
}

static void a_password_in_a_url_is_kept_nowhere(void **state)
{
    (void)state;
    assert_string_equal(called("url.full", "https://bob:secret@only.example/x"), "urn:host:only.example");
    assert_string_equal(called("url.full", "https://bob:se@cret@only.example:1/x"), "urn:host:only.example");
    assert_string_equal(called("url.full", "https://bob:[secret]@[::1]:1"), "urn:host:::1");
    assert_string_equal(called("url.full", "https://secret@only.example"), "urn:host:only.example");
    assert_null(called("url.full", "https://bob:se/cret@only.example/x"));
}

static void a_url_that_is_none_names_nobody(void **state)
{
    (void)state;
    static const char *const bad[] = { "", "only.example/x", "/x", "//only.example/x", "http:", "http:/", "http://", "http:///x", "http://?x", "://only.example", "http://bob@", "http://:80/",
                                       "http://a b/", "http://a\\b/", "http://a%2fb/", "http://a:b:1/", "http://a:8o/", "http://[::1/", "http://[]/", "http://[::1]x/", "http://[::1]:x/", "http://::1/",
                                       "http://x]/", "jdbc:postgresql://db/x", "http://\n/", "ht tp://x/", "http://{host}/" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_null(called("url.full", bad[i]));
    char endless[1000] = "http://";
    memset(endless + 7, 'x', sizeof endless - 8);
    assert_null(called("url.full", endless));
    char heap[] = { 'h', 't', 't', 'p', ':', '/', '/', '[', ':' };      /* nothing ends it */
    for (size_t n = 0; n <= sizeof heap; n++) {
        struct place_name name;
        char             *exact = malloc(n ? n : 1);
        assert_non_null(exact);
        memcpy(exact, heap, n);
        struct attr       one = { SLICE("url.full"), { .kind = VALUE_TEXT, .as.text = { exact, n } } };
        struct attrs      a = { &one, 1 };
        assert_false(place_of_peer(&a, &name));
        free(exact);
    }
}

static void tenants_without_room_are_counted_and_are_called_other(void **state)
{
    struct fault     f = { 0 };
    struct places   *p, *again;
    struct attr      name = { SLICE("service.name"), { .kind = VALUE_TEXT, .as.text = SLICE("cart") } };
    struct resource  r = { .attrs = { &name, 1 } };
    struct pack      bytes;
    r.id = attrs_id(&r.attrs);
    assert_ok(places_new(1000, &p, &f), &f);
    assert_ok(places_new(1000, &again, &f), &f);
    for (uint64_t i = 0; i < PLACES_TENANTS_MAX + 3; i++) {
        char         code[16];
        struct event e = { .record = i + 1, .resource = &r, .source = SLICE("otlp") };
        e.tenant = (struct slice){ code, (size_t)snprintf(code, sizeof code, "t%d", (int)i) };
        (void)places_of(p, &e);
        assert_true(places_tenant_is(p, e.tenant, i < PLACES_TENANTS_MAX ? code : "other"));
        assert_int_equal(places_refused(p), i < PLACES_TENANTS_MAX ? 0 : i - PLACES_TENANTS_MAX + 1);
    }
    assert_false(places_tenant_is(p, SLICE("t7"), "other"));
    assert_false(places_tenant_is(p, SLICE("t7"), "t8"));
    pack_init(&bytes, 1 << 20);
    places_save(p, &bytes);
    assert_ok(places_load(again, pack_bytes(&bytes), &f), &f);
    assert_int_equal(places_refused(again), 3);              /* loading refuses nobody */
    assert_true(places_tenant_is(again, SLICE("t257"), "other"));
    pack_done(&bytes);
    places_free(p);
    places_free(again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_that_is_no_text_becomes_one),
        cmocka_unit_test(a_name_that_is_cut_is_not_cut_within_a_character),
        cmocka_unit_test(a_client_that_only_has_a_url_called_the_host_in_it),
        cmocka_unit_test(a_password_in_a_url_is_kept_nowhere),
        cmocka_unit_test(a_url_that_is_none_names_nobody),
        cmocka_unit_test(who_does_not_name_itself_is_told_apart_by_its_source),
        cmocka_unit_test(tenants_without_room_are_counted_and_are_called_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
