/* What changed in digest.db: each window that was written, cleared or merged has a mark behind all that were seen, and what only grew old has none. */
#include "digest_number.h"
#include "unit.h"

#include "base/clock.h"
#include "store/db.h"
#include "store/digest_changes.h"
#include "store/digest_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY (86400 * US_PER_S)
#define NOW (INT64_C(20000) * DAY)
enum { MARKS = 64 };

static char                   folder[64];
static struct digest_store   *store;
static struct digest_changes *changes;
static struct digest_change   seen;
static int64_t                tenant, cart;

static int begin(void **state)
{
    (void)state;
    struct fault f = { 0 };
    strcpy(folder, "/tmp/homeostat-changes-XXXXXX");
    seen = (struct digest_change){ 0 };
    return mkdtemp(folder) && digest_store_open(folder, &store, &f) == OK && digest_changes_open(folder, &changes, &f) == OK ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    char command[128];
    digest_changes_close(changes);
    digest_store_close(store);
    (void)snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static void start(void)
{
    struct fault           f = { 0 };
    struct digest_resource r = { .urn = "urn:svc:cart", .type = "svc", .name = "cart", .env = "", .region = "", .zone = "" };
    assert_ok(digest_store_begin(store, &f), &f);
    assert_ok(digest_tenant(store, "shop", NOW, &tenant, &f), &f);
    r.tenant_id = tenant;
    assert_ok(digest_resource(store, &r, NOW, &cart, &f), &f);
}

static void finish(void)
{
    struct fault f = { 0 };
    assert_ok(digest_store_commit(store, &f), &f);
}

static void metric(int64_t bucket)
{
    struct fault f = { 0 };
    assert_ok(digest_metric_put(store, &(struct digest_metric){ bucket, tenant, cart, 77, 3, "queue", "{}", 1, 2, 2, 1, 3 }, &f), &f);
}

static void line(int64_t bucket, uint64_t pattern)
{
    struct fault f = { 0 };
    assert_ok(digest_locator_put(store, &(struct digest_locator){ tenant, cart, bucket, bucket + 300 * US_PER_S, 5, 9, 100, "logs" }, &f), &f);
    assert_ok(digest_pattern_put(store, &(struct digest_pattern){ tenant, pattern, "took <*>", "took 3", "INFO", bucket, bucket }, &f), &f);
    assert_ok(digest_log_put(store, &(struct digest_log){ bucket, tenant, cart, pattern, 10, 1 }, &f), &f);
}

static void run(const char *sql)
{
    char     path[128];
    sqlite3 *db;
    (void)snprintf(path, sizeof path, "%s/digest.db", folder);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA foreign_keys = ON", NULL, NULL, NULL), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sqlite3_errmsg(db), sql);
    sqlite3_close(db);
}

/* Marks since the last call as "kind:key ...", keys that are times as minutes after NOW. */
static const char *news(void)
{
    static char          text[1024];
    struct fault         f = { 0 };
    struct digest_change list[MARKS];
    size_t               n, used = 0;
    text[0] = '\0';
    assert_ok(digest_changes_next(changes, &seen, list, MARKS, &n, &f), &f);
    for (size_t i = 0; i < n; i++) {
        int64_t key = list[i].kind <= DIGEST_LOGS ? (list[i].key - NOW) / (60 * US_PER_S) : list[i].kind == DIGEST_PATTERNS ? list[i].key & 0xff : list[i].key;
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%d:%lld", i ? " " : "", list[i].kind, (long long)key);
        seen = list[i];
    }
    return text;
}

static void a_window_has_one_mark_however_many_rows_it_has_and_a_new_one_when_it_is_written_again(void **state)
{
    (void)state;
    start();
    for (int i = 0; i < 30; i++)
        metric(NOW);
    metric(NOW + 60 * US_PER_S);
    line(NOW, 4);
    finish();
    assert_string_equal(news(), "1:0 2:0 2:1 4:0 5:4");
    assert_string_equal(news(), "");
    start();
    metric(NOW);
    finish();
    assert_string_equal(news(), "2:0");
}

static void what_was_rolled_back_leaves_no_mark_and_hides_none(void **state)
{
    (void)state;
    start();
    metric(NOW);
    digest_store_rollback(store);
    assert_string_equal(news(), "");
    start();
    metric(NOW);
    finish();
    assert_string_equal(news(), "2:0");
}

static void windows_that_are_cleared_and_patterns_that_are_joined_are_marked(void **state)
{
    (void)state;
    struct fault f = { 0 };
    start();
    metric(NOW);
    metric(NOW + 60 * US_PER_S);
    line(NOW, 4);
    line(NOW, 5);
    line(NOW + 300 * US_PER_S, 5);
    finish();
    (void)news();
    start();
    assert_ok(digest_window_clear(store, tenant, NOW, NOW + 60 * US_PER_S, NOW, NOW + 300 * US_PER_S, &f), &f);
    assert_ok(digest_calls_clear(store, NOW + 600 * US_PER_S, &f), &f);
    finish();
    assert_string_equal(news(), "2:0 3:10 4:0");
    start();
    assert_ok(digest_pattern_merge(store, tenant, 5, 4, &f), &f);
    finish();
    assert_string_equal(news(), "4:5 5:5");
}

static void what_is_written_outside_of_a_transaction_is_marked_as_well(void **state)
{
    (void)state;
    struct fault f = { 0 };
    start();
    metric(NOW);
    finish();
    (void)news();
    assert_ok(digest_run_ask(folder, &(struct digest_request){ .job = "oo-agg", .tenant = "shop", .from_us = NOW, .to_us = NOW + 60 * US_PER_S }, NOW, &f), &f);
    assert_string_equal(news(), "7:1");
    assert_ok(digest_circuit_put(store, "oo-agg", tenant, &(struct digest_circuit){ "open", 1, 2 }, NOW, &f), &f);
    run("INSERT INTO event_envelope (event_id, detected_at, tenant_id, severity, kind) VALUES ('e', 1, 1, 'ERROR', 'anomaly')");
    assert_string_equal(news(), "8:1 6:1");
    run("INSERT INTO evidence_link (event_id, dim) VALUES ('e', 'log')");
    assert_string_equal(news(), "6:1");
    run("DELETE FROM evidence_link");                        /* as who scores it again does */
    assert_string_equal(news(), "6:1");
    run("INSERT INTO evidence_link (event_id, dim) VALUES ('e', 'log')");
    (void)news();
    run("DELETE FROM event_envelope");                       /* as age does, and with it its evidence */
    assert_string_equal(news(), "");
    metric(NOW);
    assert_string_equal(news(), "2:0");
}

static void what_goes_by_age_is_no_change_but_can_be_told_from_what_never_was(void **state)
{
    (void)state;
    struct fault       f = { 0 };
    struct digest_keep keep = digest_keep_default();
    int64_t            before;
    start();
    metric(NOW);
    metric(NOW + 60 * US_PER_S);
    finish();
    assert_string_equal(news(), "2:0 2:1");
    assert_ok(digest_changes_forgot(changes, DIGEST_METRICS, &before, &f), &f);
    assert_true(before == INT64_MIN);
    assert_ok(digest_store_forget(store, &keep, NOW + keep.metrics_us + 30 * US_PER_S, 0, &f), &f);
    assert_string_equal(news(), "");
    assert_ok(digest_changes_forgot(changes, DIGEST_METRICS, &before, &f), &f);
    assert_true(before == NOW + 30 * US_PER_S);
    seen = (struct digest_change){ 0 };
    assert_string_equal(news(), "2:0 2:1");                  /* the marks are still there, for who has not seen them */
    assert_ok(digest_store_forget(store, &keep, NOW + keep.metrics_us + 31 * DAY, 0, &f), &f);
    seen = (struct digest_change){ 0 };
    assert_string_equal(news(), "");
}

static void a_file_from_before_there_were_marks_has_all_of_its_rows_marked(void **state)
{
    (void)state;
    struct fault f = { 0 };
    start();
    metric(NOW);
    line(NOW + 300 * US_PER_S, 4);
    finish();
    digest_store_close(store);
    digest_changes_close(changes);
    changes = NULL;
    run("DROP TRIGGER changed_event_envelope_insert; DROP TRIGGER changed_event_envelope_update; DROP TRIGGER changed_evidence_link_insert; DROP TRIGGER changed_evidence_link_update;"
        "DROP TRIGGER changed_evidence_link_delete; DROP TRIGGER changed_etl_job_run_insert; DROP TRIGGER changed_etl_job_run_update; DROP TRIGGER changed_etl_job_circuit_insert;"
        "DROP TRIGGER changed_etl_job_circuit_update; DROP TABLE changed; DROP TABLE change_state; DROP TABLE change_forgot;"
        "ALTER TABLE evidence_link DROP COLUMN score; DROP TABLE evidence_open; DROP INDEX ix_event_when; DROP INDEX ix_call_dst; PRAGMA user_version = 1");
    assert_int_equal(digest_changes_open(folder, &changes, &f), ERR_MISSING);
    assert_ok(digest_store_open(folder, &store, &f), &f);
    assert_ok(digest_changes_open(folder, &changes, &f), &f);
    assert_string_equal(news(), "1:5 2:0 4:5 5:4");
}

static enum err count(void *ctx, struct db_rows *row, struct fault *fault)
{
    (void)row;
    (void)fault;
    ++*(int *)ctx;
    return OK;
}

/* With the columns of the data model alone, and what they have as a default there. */
static const char guests[] =
    "INSERT INTO dim_tenant (code, name) VALUES ('theirs', 'theirs');"
    "INSERT INTO dim_resource (tenant_id, urn, type, name) SELECT tenant_id, 'urn:svc:theirs', 'svc', 'theirs' FROM dim_tenant WHERE code = 'theirs';"
    "INSERT INTO oo_locator (tenant_id, dataset, bucket, object_key, t_from, t_to) SELECT tenant_id, 'logs', 'theirs', 'key', 1, 2 FROM dim_tenant, (SELECT 1 UNION SELECT 2) WHERE code = 'theirs';"
    "INSERT INTO metric_1m (bucket, tenant_id, resource_id, metric, avg_val, labels) SELECT 1, tenant_id, resource_id, 'theirs', 1, n FROM dim_resource, (SELECT '{\"n\":1}' AS n UNION SELECT '{\"n\":2}')"
    " WHERE name = 'theirs';"
    "INSERT INTO service_call_5m (bucket, tenant_id, src_resource_id, dst_resource_id, rps, sample_ref) SELECT 1, tenant_id, resource_id, resource_id, 7, (SELECT min(id) FROM oo_locator WHERE bucket = 'theirs')"
    " FROM dim_resource WHERE name = 'theirs';"
    "INSERT INTO event_envelope (tenant_id, severity, kind) SELECT tenant_id, 'WARN', 'deploy' FROM dim_tenant WHERE code = 'theirs';"
    "INSERT INTO evidence_link (event_id, dim, ref_oo) SELECT event_id, 'log', o.id FROM event_envelope, oo_locator o WHERE o.bucket = 'theirs' AND kind = 'deploy';"
    "INSERT INTO evidence_link (event_id, dim, ref_pg) SELECT event_id, 'kb', '{\"table\":\"kb_chunk\"}' FROM event_envelope WHERE kind = 'deploy';";

static int64_t counted(const char *sql) { return digest_number(folder, sql); }

static void others_put_rows_there_with_the_columns_of_the_data_model_alone(void **state)
{
    (void)state;
    run(guests);
    assert_int_equal(counted("SELECT count(*) FROM oo_locator WHERE resource_id IS NULL AND events = 0"), 2);
    assert_int_equal(counted("SELECT count(DISTINCT labels_hash) FROM metric_1m WHERE samples = 0"), 2);
    assert_int_equal(counted("SELECT count(*) FROM event_envelope WHERE length(event_id) = 36 AND abs(detected_at / 1000000 - unixepoch()) < 3600"), 1);
    assert_int_equal(counted("SELECT created_at > 1000000000000000 FROM dim_resource WHERE name = 'theirs'"), 1);
    run("INSERT INTO evidence_link (event_id, dim, ref_pg) SELECT event_id, dim, ref_pg FROM evidence_link WHERE true ON CONFLICT (event_id, dim, ref_pg_hash, coalesce(ref_oo, 0)) DO NOTHING");
    run("INSERT OR IGNORE INTO evidence_link (event_id, dim, ref_oo) SELECT event_id, dim, ref_oo FROM evidence_link WHERE ref_oo IS NOT NULL");
    assert_int_equal(counted("SELECT count(*) FROM evidence_link WHERE dim = 'kb'"), 1);
    assert_int_equal(counted("SELECT count(*) FROM evidence_link WHERE ref_oo IS NOT NULL"), 2);
}

static void a_file_from_before_others_could_write_there_keeps_its_rows_and_takes_theirs(void **state)
{
    (void)state;
    struct fault f = { 0 };
    int          n[2] = { 0 };
    start();
    metric(NOW);
    line(NOW, 4);
    finish();
    run("INSERT INTO event_envelope (event_id, detected_at, tenant_id, severity, kind) VALUES ('e', 1, 1, 'ERROR', 'anomaly')");
    run("INSERT INTO evidence_link (event_id, dim, ref_pg, score, note) VALUES ('e', 'log', '{\"a\":1}', 0.5, 'first')");
    digest_store_close(store);
    digest_changes_close(changes);
    changes = NULL;
    run("PRAGMA writable_schema = ON;"
        "UPDATE sqlite_schema SET sql = replace(replace(replace(sql, ' NOT NULL DEFAULT 0', ' NOT NULL'), ' DEFAULT (random())', ''), ' DEFAULT (unixepoch() * 1000000)', '') WHERE type = 'table' AND name IN ('dim_tenant', 'dim_resource', 'oo_locator', 'metric_1m', 'service_call_5m', 'event_envelope');"
        "UPDATE sqlite_schema SET sql = replace(sql, 'resource_id  INTEGER,', 'resource_id  INTEGER NOT NULL,') WHERE name = 'oo_locator';"
        "UPDATE sqlite_schema SET sql = substr(sql, 1, instr(sql, ' DEFAULT (lower(') - 1) || substr(sql, instr(sql, ',\n    detected_at')) WHERE name = 'event_envelope';"
        "PRAGMA writable_schema = RESET; DROP INDEX ux_evidence_unique; ALTER TABLE evidence_link DROP COLUMN ref_pg_hash; ALTER TABLE evidence_link ADD COLUMN ref_pg_hash TEXT NOT NULL DEFAULT 'x';"
        "CREATE UNIQUE INDEX ux_evidence_unique ON evidence_link(event_id, dim, ref_pg_hash, coalesce(ref_oo, 0));"
        "INSERT INTO evidence_link (event_id, dim, ref_pg, note, ref_pg_hash) VALUES ('e', 'log', '{\"a\":1}', 'the same under another hash', 'y'); PRAGMA user_version = 3");
    assert_int_equal(counted("SELECT instr(sql, 'DEFAULT 0') + instr(sql, 'DEFAULT (') FROM sqlite_schema WHERE name = 'oo_locator'"), 0);
    assert_ok(digest_store_open(folder, &store, &f), &f);
    assert_int_equal(counted("SELECT count(*) FROM evidence_link WHERE note = 'first' AND score = 0.5"), 1);
    assert_int_equal(counted("SELECT count(*) FROM evidence_link"), 1);
    assert_int_equal(counted("SELECT count(*) FROM oo_locator WHERE first_record = 5 AND last_record = 9 AND events = 100"), 1);
    assert_int_equal(counted("SELECT count(*) FROM metric_1m WHERE labels_hash = 77 AND samples = 3 AND avg_val = 1"), 1);
    run(guests);
    assert_int_equal(counted("SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'"), 1);
    assert_int_equal(counted("SELECT count(*) FROM oo_locator"), 3);
    assert_ok(digest_changes_open(folder, &changes, &f), &f);
    assert_ok(digest_changes_rows(changes, ROWS_LOCATORS, NOW, count, &n[0], &f), &f);
    assert_ok(digest_changes_rows(changes, ROWS_LOCATORS, 1, count, &n[1], &f), &f);
    assert_int_equal(n[0], 1);
    assert_int_equal(n[1], 0);                               /* theirs is copied nowhere: it has no name to be known by */
}

static void a_file_that_was_put_aside_is_noticed(void **state)
{
    (void)state;
    char command[256];
    assert_false(digest_changes_is_replaced(changes));
    (void)snprintf(command, sizeof command, "cd '%s' && mv digest.db aside", folder);
    assert_int_equal(system(command), 0);
    assert_true(digest_changes_is_replaced(changes));
    (void)snprintf(command, sizeof command, "cd '%s' && cp aside digest.db", folder);
    assert_int_equal(system(command), 0);
    assert_true(digest_changes_is_replaced(changes));
}

static void rows_come_with_what_they_point_to(void **state)
{
    (void)state;
    struct fault f = { 0 };
    int          n[5] = { 0 };
    start();
    line(NOW, 4);
    line(NOW, 5);
    line(NOW + 300 * US_PER_S, 6);
    finish();
    assert_ok(digest_changes_rows(changes, ROWS_LOGS, NOW, count, &n[0], &f), &f);
    assert_ok(digest_changes_rows(changes, ROWS_PATTERNS_OF_LOGS, NOW, count, &n[1], &f), &f);
    assert_ok(digest_changes_rows(changes, ROWS_LOCATORS, NOW, count, &n[2], &f), &f);
    assert_ok(digest_changes_rows(changes, ROWS_RESOURCES, 0, count, &n[3], &f), &f);
    run("INSERT INTO event_envelope (event_id, detected_at, tenant_id, severity, kind) VALUES ('e', 1, 1, 'ERROR', 'anomaly'), ('f', 1, 1, 'ERROR', 'anomaly')");
    run("INSERT INTO evidence_link (event_id, dim, ref_pg) SELECT 'e', 'log', json_object('keys', json_object('fingerprint_id', fingerprint_id)) FROM log_pattern LIMIT 2");
    run("INSERT INTO evidence_link (event_id, dim) VALUES ('e', 'trace')");
    assert_ok(digest_changes_rows(changes, ROWS_PATTERNS_OF_EVIDENCE, 1, count, &n[4], &f), &f);
    assert_ok(digest_changes_rows(changes, ROWS_PATTERNS_OF_EVIDENCE, 2, count, &n[4], &f), &f);
    assert_int_equal(n[4], 2);                               /* of the first event only */
    assert_int_equal(n[0], 2);
    assert_int_equal(n[1], 2);
    assert_int_equal(n[2], 1);
    assert_int_equal(n[3], 1);
}

static void numbers_grow_also_when_the_clock_of_the_last_one_was_ahead(void **state)
{
    (void)state;
    struct fault       f = { 0 };
    struct digest_head a, b;
    run("UPDATE change_state SET seq = 9000000000000000");
    assert_ok(digest_changes_head(changes, &a, &f), &f);
    start();
    metric(NOW);
    finish();
    assert_ok(digest_changes_head(changes, &b, &f), &f);
    assert_true(b.seq > a.seq && strlen(b.epoch) == 32 && strcmp(a.epoch, b.epoch) == 0);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, begin, end)
    const struct CMUnitTest tests[] = {
        T(a_window_has_one_mark_however_many_rows_it_has_and_a_new_one_when_it_is_written_again),
        T(what_was_rolled_back_leaves_no_mark_and_hides_none),
        T(windows_that_are_cleared_and_patterns_that_are_joined_are_marked),
        T(what_is_written_outside_of_a_transaction_is_marked_as_well),
        T(what_goes_by_age_is_no_change_but_can_be_told_from_what_never_was),
        T(a_file_from_before_there_were_marks_has_all_of_its_rows_marked),
        T(others_put_rows_there_with_the_columns_of_the_data_model_alone),
        T(a_file_from_before_others_could_write_there_keeps_its_rows_and_takes_theirs), T(a_file_that_was_put_aside_is_noticed),
        T(rows_come_with_what_they_point_to),
        T(numbers_grow_also_when_the_clock_of_the_last_one_was_ahead),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
