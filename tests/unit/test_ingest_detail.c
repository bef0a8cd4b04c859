/* Sinks with layout: detail while nobody answers: they try again, say so, leave the digest alone, and end when they are told to. With a server: tests/live/test_ship_detail.py. */
#include "unit.h"

#include "base/clock.h"
#include "ingest/detail.h"
#include "store/digest_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char                folder[64];
static struct detail      *detail;
static struct digest_store *store;
static struct fault        fault;

static struct sink_conf sink_named(const char *name)
{
    return (struct sink_conf){ .name = name, .kind = "postgres", .layout = LAYOUT_DETAIL, .dsn = "host=127.0.0.1 port=1 dbname=none user=none", .origin = "here",
        .url = "", .token = { "", "", 0 }, .user = "", .password = { "", "", 0 }, .tls_ca = "", .tls_certificate = "", .tls_key = { "", "", 0 }, .folder = "", .path = "", .database = "", .schema = "",
        .table = "", .bucket = "", .region = "", .prefix = "", .topic = "", .subject = "", .stream = "", .batch_events = 100, .batch_bytes = 65536, .timeout_us = US_PER_S, .retry_first_us = 10 * US_PER_MS, .retry_most_us = 20 * US_PER_MS, .stuck_after_us = 1 };
}

static int begin(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/homeostat-detail-XXXXXX");
    store = NULL;
    return mkdtemp(folder) && detail_new(&(struct detail_options){ .folder = folder, .seed = 1 }, &detail, &fault) == OK ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    char command[128];
    detail_free(detail);
    digest_store_close(store);
    (void)snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static void a_metric(void)
{
    int64_t tenant;
    if (!store)
        assert_ok(digest_store_open(folder, &store, &fault), &fault);
    assert_ok(digest_store_begin(store, &fault), &fault);
    assert_ok(digest_tenant(store, "", 1, &tenant, &fault), &fault);
    assert_ok(digest_metric_put(store, &(struct digest_metric){ US_PER_S, tenant, 1, 77, 3, "queue", "{}", 1, 2, 2, 1, 3 }, &fault), &fault);
    assert_ok(digest_store_commit(store, &fault), &fault);
}

static struct ship_stats only(void)
{
    struct ship_stats s[2] = { 0 };
    assert_int_equal(detail_stats(detail, s, 2), 1);
    return s[0];
}

static void configure(const struct sink_conf *c)
{
    assert_ok(detail_configure(detail, &c, c ? 1 : 0, &fault), &fault);
}

static void nobody_there_is_tried_again_and_told_with_what_waits(void **state)
{
    (void)state;
    struct sink_conf c = sink_named("tables");
    a_metric();
    configure(&c);
    while (only().retries < 3)
        usleep(1000);
    struct ship_stats s = only();
    assert_true(s.behind == 1 && s.lag_us > 0 && s.sent == 0 && s.attempts > 0 && s.running && s.last_error[0] && s.stuck);
    assert_string_equal(s.name, "tables");
    a_metric();                                              /* who writes does not wait for it */
    assert_ok(digest_store_sync(store, &fault), &fault);
}

static void what_waits_only_for_a_moment_is_not_stuck(void **state)
{
    (void)state;
    struct sink_conf c = sink_named("tables");
    c.stuck_after_us = 3600 * US_PER_S;
    a_metric();
    configure(&c);
    while (only().retries < 3)
        usleep(1000);
    assert_true(only().behind == 1 && !only().stuck);
}

static void a_reload_leaves_it_alone_or_begins_anew_and_no_counter_goes_back(void **state)
{
    (void)state;
    struct sink_conf c = sink_named("tables"), other = sink_named("tables");
    a_metric();
    configure(&c);
    while (only().retries < 3)
        usleep(1000);
    configure(&c);
    assert_true(only().retries >= 3);
    other.paused = true;
    configure(&other);
    struct ship_stats s = only();
    assert_true(s.retries >= 3 && s.paused && !s.stuck);
    configure(NULL);
    assert_int_equal(detail_stats(detail, &s, 1), 0);
}

static void without_a_digest_it_waits_for_one_and_nothing_has_failed(void **state)
{
    (void)state;
    struct sink_conf c = sink_named("tables");
    configure(&c);
    while (!only().last_error[0])
        usleep(1000);
    assert_non_null(strstr(only().last_error, "nothing was digested yet"));
    assert_true(only().retries == 0 && !only().stuck);
    a_metric();
    while (only().retries == 0)
        usleep(1000);
}

static void only_sinks_of_this_layout_belong_here(void **state)
{
    (void)state;
    struct sink_conf c = sink_named("tables");
    assert_true(detail_is(&c));
    c.layout = LAYOUT_LAYERED;
    assert_false(detail_is(&c));
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, begin, end)
    const struct CMUnitTest tests[] = {
        T(nobody_there_is_tried_again_and_told_with_what_waits),
        T(what_waits_only_for_a_moment_is_not_stuck),
        T(a_reload_leaves_it_alone_or_begins_anew_and_no_counter_goes_back),
        T(without_a_digest_it_waits_for_one_and_nothing_has_failed),
        T(only_sinks_of_this_layout_belong_here),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
