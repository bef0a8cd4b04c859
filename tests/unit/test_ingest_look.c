/* Questions about what came in: each is answered out of the files alone, things are found by what they call themselves, and a tenant is told apart from the others. */
#include "unit.h"

#include "base/clock.h"
#include "digest/locate.h"
#include "digest/place.h"
#include "event/encode.h"
#include "ingest/look.h"
#include "journal/journal.h"
#include "store/digest_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW   (INT64_C(1700000100) * US_PER_S)           /* a whole five minutes */
#define TRACE "00112233445566778899aabbccddeeff"
static const char trace_id[] = "\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff";

static char                 folder[64], journal_folder[96];
static struct digest_store *store;

static int make_store(void **state)
{
    (void)state;
    struct fault f = { 0 };
    strcpy(folder, "/tmp/homeostat-look-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    (void)snprintf(journal_folder, sizeof journal_folder, "%s/journal", folder);
    assert_ok(digest_store_open(folder, &store, &f), &f);
    return 0;
}

static int remove_store(void **state)
{
    (void)state;
    char command[128];
    digest_store_close(store);
    (void)snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

/* ---- what lies there: a span and a call of each tenant ---- */

static bool no_row(void *ctx, const struct located *row) { return true; }

static bool put_block(void *ctx, unsigned shard, uint64_t base, uint64_t last, struct slice entries)
{
    struct fault f = { 0 };
    assert_ok(digest_trace_put(store, shard, base, last, entries, &f), &f);
    return true;
}

static uint64_t append_span(struct journal *j, const char *tenant)
{
    static const struct resource nowhere;
    static const struct scope    none;
    struct fault                 f = { 0 };
    struct text                  body;
    uint64_t                     id;
    struct event e = { .type = EVENT_SPAN, .resource = &nowhere, .scope = &none, .as.span = { .trace_id = { trace_id, 16 }, .span_id = SLICE("12345678"), .name = SLICE("buy"), .kind = SPAN_SERVER,
                       .start_ns = NOW * 1000, .end_ns = NOW * 1000 + 5000000 } };
    text_init(&body, 1 << 16);
    assert_ok(event_encode((const struct event *const[]){ &e }, 1, &body, &f), &f);
    struct record r = { .kind = RECORD_OTLP_TRACES, .form = FORM_PROTOBUF, .events = 1, .tenant = slice_of(tenant), .source = SLICE("otlp"), .body = { body.s, body.used } };
    assert_ok(journal_append_wait(j, &r, &id, &f), &f);
    text_done(&body);
    return id;
}

/* A span for each tenant, in one trace, and pointers to both. */
static void a_journal(const char *const *tenants, int n)
{
    struct fault           f = { 0 };
    struct journal        *j;
    struct locate         *l;
    struct journal_options o = journal_options_default(journal_folder);
    o.segment_bytes = 1 << 20;
    o.size_max = 16 << 20;
    o.commit_delay_us = 0;
    o.reserve_bytes = 0;
    assert_ok(journal_open(&o, &j, &f), &f);
    assert_ok(locate_new(300 * US_PER_S, &l, &f), &f);
    for (int i = 0; i < n; i++) {
        struct event e = { .type = EVENT_SPAN, .record = append_span(j, tenants[i]) };
        locate_take(l, &e, 0, NOW, (struct slice){ trace_id, 16 });
    }
    assert_true(locate_emit(l, no_row, put_block, NULL));
    locate_free(l);
    journal_close(j);
}

static int64_t a_thing(const char *code, const char *type, const char *urn, const char *name)
{
    struct fault f = { 0 };
    int64_t      tenant, id;
    assert_ok(digest_tenant(store, code, NOW, &tenant, &f), &f);
    assert_ok(digest_resource(store, &(struct digest_resource){ tenant, urn, type, name, "", "", "" }, NOW, &id, &f), &f);
    return id;
}

static enum err asked(const char *what, const char *id, const char *service, const char *metric, const char *tenant, json_t **out)
{
    struct fault           f = { 0 };
    struct ingest_question q = { .what = what, .id = id, .service = service, .metric = metric, .tenant = tenant, .since_us = NOW, .until_us = NOW + 600 * US_PER_S, .limit = 10 };
    *out = NULL;
    return look_answer(&(struct look_at){ .store = folder, .journal_folder = journal_folder }, &q, NULL, out, &f);
}

/* ---- the promises ---- */

static void every_question_is_answered_out_of_the_files_alone(void **state)
{
    (void)state;
    static const char *const whats[] = { "trace", "services", "downstreams", "metrics", "patterns", "jobs", "tables", "events" };
    struct fault             f = { 0 };
    json_t                  *out;
    int64_t                  tenant, cart = a_thing("shop", "svc", "urn:svc:cart", "cart");
    a_journal((const char *const[]){ "shop" }, 1);
    assert_ok(digest_tenant(store, "shop", NOW, &tenant, &f), &f);
    assert_ok(digest_metric_put(store, &(struct digest_metric){ NOW, tenant, cart, 7, 6, "queue", "{}", 1, 2, 2, 0, 6 }, &f), &f);
    assert_ok(digest_call_put(store, &(struct digest_call){ NOW, tenant, cart, cart, 10, 1, 5, 1, .1, 3, 9 }, &f), &f);
    for (size_t i = 0; i < sizeof whats / sizeof *whats; i++) {
        assert_int_equal(asked(whats[i], TRACE, "cart", NULL, "shop", &out), OK);
        assert_non_null(out);
        json_decref(out);
    }
    assert_int_equal(asked("metrics", NULL, "cart", "queue", NULL, &out), OK);
    assert_int_equal(json_array_size(json_object_get(out, "minutes")), 1);
    json_decref(out);
    assert_int_equal(asked("event", "nothing", NULL, NULL, NULL, &out), ERR_MISSING);
    assert_int_equal(asked("downstreams", NULL, NULL, NULL, NULL, &out), ERR_MISSING);
    assert_int_equal(asked("weather", NULL, NULL, NULL, NULL, &out), ERR_INPUT);
}

static void a_trace_without_a_tenant_is_the_installations_own(void **state)
{
    (void)state;
    static const struct { const char *tenant; size_t spans; } rows[] = { { "", 2 }, { NULL, 2 }, { DIGEST_OWN_TENANT, 1 }, { "shop", 1 }, { "bakery", 0 } };
    json_t                                                   *out;
    a_journal((const char *const[]){ "", "shop" }, 2);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(asked("trace", TRACE, NULL, NULL, rows[i].tenant, &out), rows[i].spans ? OK : ERR_MISSING);
        assert_int_equal(json_array_size(json_object_get(out, "spans")), rows[i].spans);
        json_decref(out);
    }
}

/* store/digest_read.c cleans names as digest/place.c does, but may not ask it. */
static void whatever_a_service_calls_itself_it_is_found_by_that(void **state)
{
    (void)state;
    static const char *const names[] = { "cart", "a/b", "my service", "tab\there", "quo\"te", "back\\slash", "\177del", "half\xc3", "caf\xc3\xa9", "/", " x " };
    enum { NAMES = sizeof names / sizeof *names };
    json_t *out;
    char    long_name[400];
    memset(long_name, 'y', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = 0;
    a_journal(NULL, 0);
    for (size_t i = 0; i < 2 * (NAMES + 1); i++) {       /* each alone, and in a namespace */
        const char       *name = i / 2 < NAMES ? names[i / 2] : long_name;
        struct attr       attr[] = { { SLICE("service.name"), { VALUE_TEXT, .as.text = slice_of(name) } }, { SLICE("service.namespace"), { VALUE_TEXT, .as.text = SLICE("team one") } } };
        struct attrs      a = { attr, i % 2 ? 2 : 1 };
        struct place_name place;
        bool              found = false;
        place_of_resource(&a, SLICE("otlp"), &place);
        (void)a_thing("", place.type, place.urn, place.name);
        assert_int_equal(asked("downstreams", NULL, name, NULL, NULL, &out), OK);
        for (size_t k = 0; k < json_array_size(json_object_get(out, "service")); k++)
            found |= strcmp(json_string_value(json_array_get(json_object_get(out, "service"), k)), place.urn) == 0;
        assert_true(found);
        json_decref(out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_question_is_answered_out_of_the_files_alone, make_store, remove_store),
        cmocka_unit_test_setup_teardown(a_trace_without_a_tenant_is_the_installations_own, make_store, remove_store),
        cmocka_unit_test_setup_teardown(whatever_a_service_calls_itself_it_is_found_by_that, make_store, remove_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
