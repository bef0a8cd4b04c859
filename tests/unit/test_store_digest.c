/* The store of the digest: a window is there as a whole or not at all, again is the same, and what is old goes by itself. */
#include "unit.h"

#include "base/clock.h"
#include "store/db.h"
#include "store/digest_evidence.h"
#include "store/digest_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char folder[64];
#define DAY (86400 * US_PER_S)
#define NOW (INT64_C(20000) * DAY)

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/homeostat-digest-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static struct digest_store *a_store(void)
{
    struct fault         f = { 0 };
    struct digest_store *s = NULL;
    assert_ok(digest_store_open(folder, &s, &f), &f);
    return s;
}

static int64_t number(const char *sql)
{
    char          path[128];
    sqlite3      *db;
    sqlite3_stmt *st;
    (void)snprintf(path, sizeof path, "%s/digest.db", folder);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    int64_t n = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    sqlite3_close(db);
    return n;
}

static int64_t cart, tenant;

/* A window's rows, within a transaction of the caller's. */
static void put(struct digest_store *s, int64_t bucket, double avg)
{
    struct fault           f = { 0 };
    struct digest_resource r = { .urn = "urn:svc:cart", .type = "svc", .name = "cart", .env = "", .region = "", .zone = "" };
    assert_ok(digest_tenant(s, "shop", NOW, &tenant, &f), &f);
    r.tenant_id = tenant;
    assert_ok(digest_resource(s, &r, NOW, &cart, &f), &f);
    assert_ok(digest_locator_put(s, &(struct digest_locator){ tenant, cart, bucket, bucket + 300 * US_PER_S, 5, 9, 100, "logs" }, &f), &f);
    assert_ok(digest_metric_put(s, &(struct digest_metric){ bucket, tenant, cart, 77, 3, "queue", "{}", avg, 2, 2, 1, 3 }, &f), &f);
    assert_ok(digest_call_put(s, &(struct digest_call){ bucket, tenant, cart, cart, 10, 1, 5, avg, 0.1, 3, 9 }, &f), &f);
    assert_ok(digest_pattern_put(s, &(struct digest_pattern){ tenant, 4, "took <*>", "took 3", "INFO", bucket, bucket }, &f), &f);
    assert_ok(digest_log_put(s, &(struct digest_log){ bucket, tenant, cart, 4, (int64_t)avg, 1 }, &f), &f);
    assert_ok(digest_trace_put(s, 17, (uint64_t)5, (uint64_t)9, SLICE("12345678"), &f), &f);
    assert_ok(digest_run_put(s, &(struct digest_run){ "oo-agg", "success", NULL, tenant, bucket, bucket + 60 * US_PER_S, 5 }, NOW, &f), &f);
    assert_ok(digest_state_put(s, "progress", SLICE("\0one"), &f), &f);
}

static void a_window_written_again_is_written_over(void **state)
{
    (void)state;
    struct fault         f = { 0 };
    struct digest_store *s = a_store();
    for (int i = 0; i < 3; i++) {
        assert_ok(digest_store_begin(s, &f), &f);
        put(s, NOW, 10 + i);
        assert_ok(digest_store_commit(s, &f), &f);
    }
    assert_int_equal(number("SELECT count(*) FROM metric_1m"), 1);
    assert_int_equal(number("SELECT avg_val FROM metric_1m"), 12);
    assert_int_equal(number("SELECT count(*) FROM service_call_5m WHERE rps = 12"), 1);
    assert_int_equal(number("SELECT count(*) FROM log_pattern_5m WHERE count_total = 12 AND sample_ref = (SELECT id FROM oo_locator)"), 1);
    assert_int_equal(number("SELECT count(*) FROM oo_locator"), 1);
    assert_int_equal(number("SELECT count(*) FROM etl_job_run WHERE attempts = 3"), 1);
    assert_int_equal(number("SELECT count(*) FROM dim_resource"), 1);
    int64_t to;
    assert_ok(digest_run_last(s, "oo-agg", tenant, &to, &f), &f);
    assert_int_equal(to, NOW + 60 * US_PER_S);
    assert_ok(digest_run_last(s, "oo-agg", 99, &to, &f), &f);
    assert_true(to == INT64_MIN);
    digest_store_close(s);
}

static void what_was_not_committed_never_was(void **state)
{
    (void)state;
    struct fault         f = { 0 };
    struct digest_store *s = a_store();
    char                *bytes;
    size_t               size;
    assert_ok(digest_store_begin(s, &f), &f);
    put(s, NOW, 1);
    assert_ok(digest_store_commit(s, &f), &f);
    for (int way = 0; way < 2; way++) {
        assert_ok(digest_store_begin(s, &f), &f);
        put(s, NOW, 50);
        put(s, NOW + 300 * US_PER_S, 50);
        assert_ok(digest_state_put(s, "progress", SLICE("two"), &f), &f);
        if (way)
            digest_store_rollback(s);
        else
            digest_store_close(s), s = a_store();            /* as when it is killed */
        assert_int_equal(number("SELECT count(*) FROM metric_1m WHERE avg_val = 1"), 1);
        assert_int_equal(number("SELECT count(*) FROM metric_1m"), 1);
        assert_int_equal(number("SELECT count(*) FROM etl_job_run"), 1);
        assert_ok(digest_state_get(s, "progress", &bytes, &size, &f), &f);
        assert_int_equal(size, 4);
        assert_memory_equal(bytes, "\0one", 4);
        free(bytes);
    }
    digest_store_close(s);
}

static void a_pattern_that_joins_an_older_one_takes_its_counts_along(void **state)
{
    (void)state;
    struct fault         f = { 0 };
    struct digest_store *s = a_store();
    put(s, NOW, 10);
    assert_ok(digest_pattern_put(s, &(struct digest_pattern){ tenant, 8, "took 4", "took 4", "INFO", NOW, NOW }, &f), &f);
    assert_ok(digest_log_put(s, &(struct digest_log){ NOW, tenant, cart, 8, 5, 2 }, &f), &f);
    assert_ok(digest_log_put(s, &(struct digest_log){ NOW + 300 * US_PER_S, tenant, cart, 8, 6, 0 }, &f), &f);
    for (int i = 0; i < 2; i++)                              /* once more does nothing */
        assert_ok(digest_pattern_merge(s, tenant, 8, 4, &f), &f);
    assert_int_equal(number("SELECT count(*) FROM log_pattern"), 1);
    assert_int_equal(number("SELECT count_total FROM log_pattern_5m ORDER BY bucket LIMIT 1"), 15);
    assert_int_equal(number("SELECT sum(count_total) FROM log_pattern_5m"), 21);
    assert_int_equal(number("SELECT sum(count_error) FROM log_pattern_5m"), 3);
    digest_store_close(s);
}

static void a_window_asked_for_waits_once_until_it_is_done(void **state)
{
    (void)state;
    struct fault         f = { 0 };
    struct digest_store *s = a_store();
    struct digest_asked  a;
    assert_int_equal(digest_run_asked(s, &a, &f), ERR_MISSING);
    put(s, NOW, 1);
    for (int i = 0; i < 2; i++)
        assert_ok(digest_run_ask(s, "oo-agg", "shop", NOW, NOW + 60 * US_PER_S, NOW, &f), &f);      /* one that was done: no conflict */
    assert_ok(digest_run_asked(s, &a, &f), &f);
    assert_string_equal(a.tenant, "shop");
    assert_int_equal(number("SELECT count(*) FROM etl_job_run"), 1);
    assert_ok(digest_run_put(s, &(struct digest_run){ a.job, "refused", "gone", a.tenant_id, a.from_us, a.to_us, 0 }, NOW, &f), &f);
    assert_int_equal(digest_run_asked(s, &a, &f), ERR_MISSING);
    assert_int_equal(number("SELECT count(*) FROM etl_job_run WHERE error = 'gone'"), 1);
    digest_store_close(s);
}

static void what_is_old_goes_by_itself(void **state)
{
    (void)state;
    struct fault         f = { 0 };
    struct digest_store *s = a_store();
    struct digest_keep   k = digest_keep_default();
    for (int i = 0; i < 400; i += 20)
        put(s, NOW - i * DAY, 1);
    assert_ok(digest_store_forget(s, &k, NOW, 9, &f), &f);
    assert_int_equal(number("SELECT count(*) FROM metric_1m"), 10);              /* 0, 20, ... 180 */
    assert_int_equal(number("SELECT count(*) FROM service_call_5m"), 19);        /* ... 360 */
    assert_int_equal(number("SELECT count(*) FROM log_pattern_5m"), 10);
    assert_int_equal(number("SELECT count(*) FROM trace_block"), 1);
    assert_ok(digest_store_forget(s, &k, NOW, 10, &f), &f);
    assert_int_equal(number("SELECT count(*) FROM trace_block"), 0);
    digest_store_close(s);
}

static void the_same_evidence_is_there_once(void **state)
{
    (void)state;
    struct fault          f = { 0 };
    struct digest_store  *s = a_store();
    struct digest_reader *r;
    json_t               *out;
    put(s, NOW, 1);
    struct digest_event e = { .id = "018f2e0c-5b1a-7abc-8def-0123456789ab", .severity = "WARN", .kind = "anomaly", .title = "slow", .summary = "very", .tenant_id = tenant, .resource_id = cart, .at_us = NOW };
    struct digest_event other = e;
    bool                created;
    other.said = "else";
    assert_ok(digest_event_put(s, &e, &created, &f), &f);
    assert_true(created);
    assert_ok(digest_event_put(s, &e, &created, &f), &f);
    assert_false(created);
    assert_int_equal(digest_event_put(s, &other, &created, &f), ERR_CONFLICT);
    for (int i = 0; i < 2; i++) {
        json_t *ref = i ? json_pack("{s:s, s:i}", "table", "metric_1m", "keys", 3) : json_pack("{s:i, s:s}", "keys", 3, "table", "metric_1m");
        assert_ok(digest_evidence_put(s, e.id, "metric", ref, 0, .5 + i / 4.0, "look", NULL, &f), &f);
        assert_ok(digest_evidence_put(s, e.id, "log", NULL, 1, .1, NULL, NULL, &f), &f);
        json_decref(ref);
    }
    int64_t found = 0;
    assert_ok(digest_locator_find(s, tenant, "urn:svc:cart", "logs", NOW + US_PER_S, &found, &f), &f);
    assert_int_equal(found, 1);
    assert_int_equal(digest_locator_find(s, tenant, "urn:svc:cart", "traces", NOW, &found, &f), ERR_MISSING);
    assert_int_equal(digest_locator_find(s, tenant, "urn:svc:cart", "logs", NOW - 1, &found, &f), ERR_MISSING);
    assert_int_equal(digest_evidence_put(s, e.id, "hearsay", NULL, 1, 0, NULL, NULL, &f), ERR_CONFLICT);
    assert_int_equal(digest_evidence_put(s, "nobody", "log", NULL, 1, 0, NULL, NULL, &f), ERR_CONFLICT);
    assert_ok(digest_reader_open(folder, &r, &f), &f);
    assert_ok(digest_read_event(r, e.id, &out, &f), &f);
    assert_int_equal(json_array_size(json_object_get(out, "evidence")), 2);
    assert_true(json_real_value(json_object_get(json_array_get(json_object_get(out, "evidence"), 0), "score")) == .75);        /* as it was put last */
    assert_string_equal(json_string_value(json_object_get(json_array_get(json_object_get(out, "evidence"), 1), "object_key")), "records/5-9");
    json_decref(out);
    assert_ok(digest_read_jobs(r, 10, &out, &f), &f);
    assert_int_equal(json_array_size(json_object_get(out, "runs")), 1);
    json_decref(out);
    assert_ok(digest_read_events(r, "shop", "", "", 0, 10, &out, &f), &f);
    assert_int_equal(json_array_size(out), 1);
    json_decref(out);
    assert_ok(digest_read_patterns(r, "", "cart", 0, 10, &out, &f), &f);
    assert_int_equal(json_array_size(out), 1);
    json_decref(out);
    for (int late = 0; late < 2; late++) {               /* nothing of what began at the end or later */
        digest_reader_until(r, NOW + late);
        assert_ok(digest_read_events(r, "shop", "", "", 0, 10, &out, &f), &f);
        assert_int_equal(json_array_size(out), late);
        json_decref(out);
        assert_ok(digest_read_patterns(r, "", "cart", 0, 10, &out, &f), &f);
        assert_int_equal(json_array_size(out), late);
        json_decref(out);
        assert_ok(digest_read_errors(r, "", 0, 10, &out, &f), &f);
        assert_int_equal(json_array_size(out) > 0, late);
        json_decref(out);
        assert_ok(digest_read_downstreams(r, "", "cart", 0, 10, &out, &f), &f);
        assert_int_equal(json_array_size(json_object_get(out, "downstreams")) + json_array_size(json_object_get(out, "locators")) > 0, late);
        json_decref(out);
    }
    digest_reader_close(r);
    digest_store_close(s);
}

static void what_is_on_disk_is_not_claimed_while_somebody_reads(void **state)
{
    (void)state;
    struct fault         f = { 0 };
    struct digest_store *s = a_store();
    sqlite3             *db;
    char                 path[128];
    put(s, NOW, 1);
    assert_ok(digest_store_sync(s, &f), &f);
    (void)snprintf(path, sizeof path, "%s/digest.db", folder);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "BEGIN; SELECT count(*) FROM metric_1m", NULL, NULL, NULL), SQLITE_OK);
    put(s, NOW + 300 * US_PER_S, 1);
    assert_int_equal(digest_store_sync(s, &f), ERR_BUSY);
    assert_int_equal(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    assert_ok(digest_store_sync(s, &f), &f);
    sqlite3_close(db);
    digest_store_close(s);
}

static void the_state_of_a_circuit_survives(void **state)
{
    (void)state;
    struct fault          f = { 0 };
    struct digest_store  *s = a_store();
    struct digest_circuit c = { "open", 7, NOW }, d;
    int64_t               id;
    assert_ok(digest_tenant(s, "", NOW, &id, &f), &f);
    assert_int_equal(digest_circuit_get(s, "oo-agg", id, &d, &f), ERR_MISSING);
    assert_ok(digest_circuit_put(s, "oo-agg", id, &c, NOW, &f), &f);
    assert_ok(digest_circuit_get(s, "oo-agg", id, &d, &f), &f);
    assert_string_equal(d.state, "open");
    assert_int_equal(d.failures, 7);
    digest_store_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_window_written_again_is_written_over, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(what_was_not_committed_never_was, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_pattern_that_joins_an_older_one_takes_its_counts_along, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_window_asked_for_waits_once_until_it_is_done, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(what_is_old_goes_by_itself, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(the_same_evidence_is_there_once, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(what_is_on_disk_is_not_claimed_while_somebody_reads, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(the_state_of_a_circuit_survives, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
