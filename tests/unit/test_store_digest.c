/* The store of the digest: a window is there as a whole or not at all, again is the same, and what is old goes by itself. */
#include "digest_number.h"
#include "unit.h"

#include "base/clock.h"
#include "store/db.h"
#include "store/digest_evidence.h"
#include "store/digest_read.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

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

static int64_t number(const char *sql) { return digest_number(folder, sql); }

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
    assert_int_equal(digest_run_asked(s, NOW + 60 * US_PER_S, &a, &f), ERR_MISSING);
    put(s, NOW, 1);
    for (int i = 0; i < 2; i++)
        assert_ok(digest_run_ask(folder, &(struct digest_request){ "oo-agg", "shop", 0, NOW, NOW + 60 * US_PER_S }, NOW, &f), &f);      /* one that was done: no conflict */
    assert_int_equal(digest_run_asked(s, NOW + 60 * US_PER_S - 1, &a, &f), ERR_MISSING);      /* it ends later than that */
    assert_ok(digest_run_asked(s, NOW + 60 * US_PER_S, &a, &f), &f);
    assert_string_equal(a.tenant, "shop");
    assert_int_equal(number("SELECT count(*) FROM etl_job_run"), 1);
    assert_ok(digest_run_put(s, &(struct digest_run){ a.job, "refused", "gone", a.tenant_id, a.from_us, a.to_us, 0 }, NOW, &f), &f);
    assert_int_equal(digest_run_asked(s, NOW + 60 * US_PER_S, &a, &f), ERR_MISSING);
    assert_int_equal(number("SELECT count(*) FROM etl_job_run WHERE error = 'gone'"), 1);
    digest_store_close(s);
}

static void a_pattern_stays_as_grave_as_the_gravest_line_that_is_counted(void **state)
{
    (void)state;
    struct fault         f = { 0 };
    struct digest_store *s = a_store();
    const char *const    said[] = { "INFO", "ERROR", "WARN", NULL, "DEBUG" }, *const known[] = { "INFO", "ERROR", "ERROR", "ERROR", "ERROR" };
    char                 ask[120];
    for (int i = 0; i < 5; i++) {                            /* window by window */
        assert_ok(digest_pattern_put(s, &(struct digest_pattern){ tenant, 8, "took <*>", "took 4", said[i], NOW + i, NOW + i, NULL }, &f), &f);
        (void)snprintf(ask, sizeof ask, "SELECT severity = '%s' FROM log_pattern WHERE pattern = 'took <*>'", known[i]);
        assert_int_equal(number(ask), 1);
    }
    assert_ok(digest_pattern_put(s, &(struct digest_pattern){ tenant, 9, "took long", "took long", "FATAL", NOW - 7, NOW + 70, NULL }, &f), &f);
    assert_ok(digest_pattern_merge(s, tenant, 9, 8, &f), &f);
    assert_int_equal(number("SELECT count(*) FROM log_pattern WHERE pattern = 'took <*>' AND severity = 'FATAL'"), 1);
    assert_true(number("SELECT first_seen FROM log_pattern WHERE pattern = 'took <*>'") == NOW - 7);
    assert_true(number("SELECT last_seen FROM log_pattern WHERE pattern = 'took <*>'") == NOW + 70);
    digest_store_close(s);
}

static void what_is_not_known_of_a_pattern_any_more_stays_as_it_was(void **state)
{
    (void)state;
    struct fault         f = { 0 };
    struct digest_store *s = a_store();
    put(s, NOW, 1);
    assert_ok(digest_pattern_put(s, &(struct digest_pattern){ tenant, 8, "lasted <*>", "lasted 4", "ERROR", NOW, NOW + 5, "{\"fields\":[{\"index\":0}]}" }, &f), &f);
    assert_ok(digest_pattern_put(s, &(struct digest_pattern){ tenant, 8, "", "", NULL, NOW + 3, NOW + 9, "" }, &f), &f);
    assert_int_equal(number("SELECT count(*) FROM log_pattern WHERE pattern = 'lasted <*>' AND sample_message = 'lasted 4' AND severity = 'ERROR'"), 1);
    assert_int_equal(number("SELECT count(*) FROM log_pattern WHERE attrs_schema = '{\"fields\":[{\"index\":0}]}'"), 1);
    assert_true(number("SELECT first_seen FROM log_pattern WHERE pattern = 'lasted <*>'") == NOW);
    assert_true(number("SELECT last_seen FROM log_pattern WHERE pattern = 'lasted <*>'") == NOW + 9);
    /* What an older program wrote without times gets them. */
    assert_ok(digest_pattern_put(s, &(struct digest_pattern){ tenant, 0, "<other>", "", NULL, 0, 0, NULL }, &f), &f);
    assert_ok(digest_pattern_put(s, &(struct digest_pattern){ tenant, 0, "<other>", "", NULL, NOW, NOW, NULL }, &f), &f);
    assert_true(number("SELECT first_seen FROM log_pattern WHERE pattern = '<other>'") == NOW);
    assert_int_equal(number("SELECT count(*) FROM log_pattern WHERE pattern = '<other>' AND attrs_schema = '{}'"), 1);
    digest_store_close(s);
}

static void a_pattern_goes_only_after_its_last_row(void **state)
{
    (void)state;
    struct fault         f = { 0 };
    struct digest_store *s = a_store();
    struct digest_keep   k = digest_keep_default();
    put(s, NOW, 1);
    for (uint64_t id = 20; id < 22; id++)
        assert_ok(digest_pattern_put(s, &(struct digest_pattern){ tenant, id, "seen long ago", "", NULL, NOW - 200 * DAY, NOW - 200 * DAY, NULL }, &f), &f);
    assert_ok(digest_log_put(s, &(struct digest_log){ NOW - 100 * DAY, tenant, cart, 20, 5, 0 }, &f), &f);
    assert_ok(digest_store_forget(s, &k, NOW, 9, &f), &f);
    assert_int_equal(number("SELECT count(*) FROM log_pattern WHERE pattern = 'seen long ago'"), 1);
    assert_ok(digest_store_forget(s, &k, NOW + 90 * DAY, 9, &f), &f);
    assert_int_equal(number("SELECT count(*) FROM log_pattern WHERE pattern = 'seen long ago'"), 0);
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
    assert_ok(digest_read_event(r, "", e.id, &out, &f), &f);
    assert_int_equal(json_array_size(json_object_get(out, "evidence")), 2);
    assert_true(json_real_value(json_object_get(json_array_get(json_object_get(out, "evidence"), 0), "score")) == .75);        /* as it was put last */
    assert_string_equal(json_string_value(json_object_get(json_array_get(json_object_get(out, "evidence"), 1), "object_key")), "records/5-9");
    json_decref(out);
    assert_ok(digest_read_jobs(r, "", 10, &out, &f), &f);
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

/* ---- reading ---- */

static struct digest_store *opened;
static struct digest_reader *reader;

static int make_reader(void **state)
{
    struct fault f = { 0 };
    if (make_folder(state) != 0)
        return -1;
    opened = a_store();
    assert_ok(digest_reader_open(folder, &reader, &f), &f);
    return 0;
}

static int remove_reader(void **state)
{
    digest_reader_close(reader);
    digest_store_close(opened);
    return remove_folder(state);
}

static int64_t a_tenant(const char *code)
{
    struct fault f = { 0 };
    int64_t      id;
    assert_ok(digest_tenant(opened, code, NOW, &id, &f), &f);
    return id;
}

static int64_t a_thing(const char *code, const char *urn, const char *name)
{
    struct fault           f = { 0 };
    int64_t                id;
    struct digest_resource r = { .tenant_id = a_tenant(code), .urn = urn, .type = "svc", .name = name, .env = "", .region = "", .zone = "" };
    assert_ok(digest_resource(opened, &r, NOW, &id, &f), &f);
    return id;
}

static void a_call(const char *code, int64_t from, int64_t to, int64_t calls, int64_t errors, double p95)
{
    struct fault f = { 0 };
    assert_ok(digest_call_put(opened, &(struct digest_call){ NOW, a_tenant(code), from, to, calls, errors, 5, (double)calls / 300, (double)errors / (double)calls, p95 / 2, p95 }, &f), &f);
}

static void a_minute(const char *code, int64_t of, int64_t at, const char *metric, int64_t series, double avg, double max, int64_t samples)
{
    struct fault f = { 0 };
    char         labels[40];
    (void)snprintf(labels, sizeof labels, "{\"cpu\":\"%d\"}", (int)series);
    assert_ok(digest_metric_put(opened, &(struct digest_metric){ at, a_tenant(code), of, series * 1000003 - 5000000, samples, metric, labels, avg, max, max, avg, avg * (double)samples }, &f), &f);
}

static json_t *called(const char *code, const char *name, int64_t since)
{
    struct fault f = { 0 };
    json_t      *out = NULL;
    assert_ok(digest_read_downstreams(reader, code, name, since, 100, &out, &f), &f);
    return out;
}

static json_t *metrics_of(const char *code, const char *name, const char *metric, int64_t since, int limit)
{
    struct fault f = { 0 };
    json_t      *out = NULL;
    assert_ok(digest_read_metrics(reader, code, name, metric, since, limit, &out, &f), &f);
    return out;
}

static const char *text(const json_t *list, size_t i, const char *member)
{
    const char *s = json_string_value(json_object_get(json_array_get(list, i), member));
    return s ? s : "";
}

static double real(const json_t *list, size_t i, const char *member) { return json_number_value(json_object_get(json_array_get(list, i), member)); }

static void the_metrics_of_a_service_are_listed_with_their_newest_minute(void **state)
{
    (void)state;
    int64_t id = a_thing("", "urn:svc:cart", "cart"), other = a_thing("", "urn:svc:pay", "pay");
    for (int series = 1; series < 9; series++)
        for (int k = 0; k < 5; k++)
            a_minute("", id, NOW + k * 60 * US_PER_S, "busy", series, series + k, 10 * series + k, series);
    a_minute("", id, NOW + 300 * US_PER_S, "queue", 1, 7, 8, 6);
    a_minute("", id, NOW - DAY, "old", 1, 7, 8, 6);
    a_minute("", other, NOW, "alien", 1, 7, 8, 6);
    json_t *out = metrics_of("", "cart", "", NOW, 10), *list = json_object_get(out, "metrics");
    assert_int_equal(json_array_size(list), 2);
    assert_string_equal(text(list, 0, "metric"), "busy");
    assert_string_equal(text(list, 1, "metric"), "queue");
    assert_string_equal(text(list, 0, "urn"), "urn:svc:cart");
    assert_true(real(list, 0, "series") == 8 && real(list, 0, "samples") == 36 && real(list, 0, "max") == 84 && real(list, 0, "min") == 5);
    assert_true(fabs(real(list, 0, "avg") - (204 + 36 * 4) / 36.0) < 1e-9);       /* sum of k*k for 1..8, and 4 more for each sample */
    assert_false(json_is_true(json_object_get(out, "cut")));
    json_decref(out);
    out = metrics_of("", "cart", "", NOW, 1);
    assert_int_equal(json_array_size(json_object_get(out, "metrics")), 1);
    assert_true(json_is_true(json_object_get(out, "cut")));
    json_decref(out);
}

static void what_only_calls_or_has_only_metrics_is_listed_after_what_has_errors(void **state)
{
    (void)state;
    struct fault f = { 0 };
    json_t      *out;
    int64_t      id = a_thing("", "urn:svc:cart", "cart"), cron = a_thing("", "urn:svc:cron", "cron"), host = a_thing("", "urn:host:web-1", "web-1"), gone = a_thing("", "urn:host:web-2", "web-2");
    a_call("", cron, id, 10, 1, 5);
    for (int k = 0; k < 60; k++) {
        a_minute("", host, NOW + k * 60 * US_PER_S, "load", 1, 2, 3, 4);
        if (k < 30)
            a_minute("", gone, NOW + k * 60 * US_PER_S, "load", 1, 2, 3, 4);
    }
    assert_ok(digest_read_errors(reader, "", NOW, 10, &out, &f), &f);
    assert_int_equal(json_array_size(out), 3);
    assert_string_equal(text(out, 0, "urn"), "urn:svc:cart");
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(json_is_true(json_object_get(json_array_get(out, i), "metrics")), strcmp(text(out, i, "urn"), "urn:host:web-1") == 0);
    assert_true(strcmp(text(out, 1, "urn"), "urn:svc:cron") == 0 || strcmp(text(out, 2, "urn"), "urn:svc:cron") == 0);
    json_decref(out);
}

static void the_minutes_of_a_metric_come_newest_first_and_within_their_time(void **state)
{
    (void)state;
    int64_t id = a_thing("", "urn:svc:cart", "cart");
    for (int series = 1; series < 4; series++)
        for (int k = -600; k < 5; k++)
            a_minute("", id, NOW + k * 60 * US_PER_S, "busy", series, k, k, 6);
    digest_reader_until(reader, NOW + 3 * 60 * US_PER_S);
    json_t *out = metrics_of("", "urn:svc:cart", "busy", NOW + 30 * US_PER_S, 100), *list = json_object_get(out, "minutes");
    assert_int_equal(json_array_size(list), 9);                                  /* minutes 0, which half of it is in, 1 and 2 */
    assert_true(real(list, 0, "avg") == 2 && real(list, 8, "avg") == 0);
    assert_string_equal(json_string_value(json_object_get(json_object_get(json_array_get(list, 1), "labels"), "cpu")), "2");
    assert_false(json_is_true(json_object_get(out, "cut")));
    json_decref(out);
    out = metrics_of("", "cart", "busy", NOW, 4);
    assert_int_equal(json_array_size(json_object_get(out, "minutes")), 4);
    assert_true(json_is_true(json_object_get(out, "cut")));
    json_decref(out);
    out = metrics_of("", "cart", "nothing", NOW, 4);
    assert_int_equal(json_array_size(json_object_get(out, "minutes")), 0);
    json_decref(out);
}

static void the_joined_view_holds_the_metrics_of_both_sides(void **state)
{
    (void)state;
    int64_t id = a_thing("", "urn:svc:cart", "cart"), pay = a_thing("", "urn:svc:pay", "pay");
    char    name[16];
    a_call("", id, pay, 10, 0, 5);
    a_minute("", pay, NOW, "pool", 1, 3, 4, 6);
    for (int i = 0; i < 20; i++) {
        (void)snprintf(name, sizeof name, "m%02d", i);
        a_minute("", id, NOW, name, 1, i, i, 6);
    }
    json_t *out = called("", "cart", NOW), *row = json_array_get(json_object_get(out, "downstreams"), 0);
    assert_string_equal(text(json_object_get(row, "metrics"), 0, "metric"), "pool");
    assert_true(real(json_object_get(row, "metrics"), 0, "p95") == 4);
    assert_false(json_is_true(json_object_get(row, "metrics_cut")));
    assert_int_equal(json_array_size(json_object_get(out, "metrics")), 12);
    assert_true(json_is_true(json_object_get(out, "metrics_cut")));
    json_decref(out);
}

static void a_window_that_began_before_the_time_asked_for_is_told_of_when_it_ended_after(void **state)
{
    (void)state;
    struct fault f = { 0 };
    json_t      *out;
    put(opened, NOW, 10);                                    /* the bucket begins at NOW, and is five minutes long */
    for (int inside = 0; inside < 2; inside++) {
        int64_t since = NOW + (inside ? 299 : 300) * US_PER_S;
        assert_ok(digest_read_errors(reader, "", since, 10, &out, &f), &f);
        assert_int_equal(json_array_size(out), inside);
        json_decref(out);
        assert_ok(digest_read_patterns(reader, "", "", since, 10, &out, &f), &f);
        assert_int_equal(json_array_size(out), inside);
        json_decref(out);
        out = called("", "cart", since);
        assert_int_equal(json_array_size(json_object_get(out, "downstreams")), inside);
        json_decref(out);
        out = metrics_of("", "cart", "", NOW + (inside ? 59 : 60) * US_PER_S, 10);
        assert_int_equal(json_array_size(json_object_get(out, "metrics")), inside);
        json_decref(out);
    }
}

static void a_service_is_found_by_its_urn_the_end_of_it_and_its_name_as_it_was_sent(void **state)
{
    (void)state;
    static const char *const named[][3] = {                  /* said, URN, name: as digest/place.c writes them down */
        { "urn:k8s:svc:shop/cart", "urn:k8s:svc:shop/cart", "cart" }, { "shop/cart", "urn:k8s:svc:shop/cart", "cart" }, { "a/b", "urn:svc:a_b", "a_b" },
        { "my \"own\" service", "urn:svc:my__own__service", "my__own__service" }, { "urn:svc:my \"own\" service", "urn:svc:my__own__service", "my__own__service" },
        { "urn:svc:team/x y", "urn:svc:team/x_y", "x_y" }, { "team/x y", "urn:svc:team/x_y", "x_y" }, { "a\xff" "b", "urn:svc:a_b", "a_b" },
    };
    char long_name[200], long_urn[220];
    memset(long_name, 'x', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = 0;
    (void)snprintf(long_urn, sizeof long_urn, "urn:svc:%s", long_name);
    (void)a_thing("", long_urn, long_name);
    for (size_t i = 0; i < sizeof named / sizeof *named; i++)
        (void)a_thing("", named[i][1], named[i][2]);
    for (size_t i = 0; i < sizeof named / sizeof *named; i++) {
        json_t *out = called("", named[i][0], NOW);
        assert_int_equal(json_array_size(json_object_get(out, "service")), 1);
        assert_string_equal(json_string_value(json_array_get(json_object_get(out, "service"), 0)), named[i][1]);
        json_decref(out);
    }
    json_decref(called("", long_name, NOW));
    struct fault f = { 0 };
    json_t      *out = NULL;
    assert_int_equal(digest_read_downstreams(reader, "", "shop", NOW, 5, &out, &f), ERR_MISSING);
    assert_non_null(strstr(f.text, "'shop'"));
}

static void answers_say_whose_a_service_is_when_two_have_the_same_name(void **state)
{
    (void)state;
    struct fault f = { 0 };
    int64_t      ours = a_thing("", "urn:svc:cart", "cart"), theirs = a_thing("shop", "urn:svc:cart", "cart"), test = a_thing("shop", "urn:k8s:svc:test/cart", "cart");
    a_call("", ours, a_thing("", "urn:svc:pay", "pay"), 10, 0, 5);
    a_call("shop", theirs, a_thing("shop", "urn:svc:pay", "pay"), 20, 0, 5);
    a_call("shop", test, a_thing("shop", "urn:svc:bank", "bank"), 30, 0, 5);
    a_minute("shop", test, NOW, "busy", 1, 2, 3, 4);
    json_t *out = called("", "cart", NOW), *list = json_object_get(out, "downstreams");
    assert_int_equal(json_array_size(list), 3);
    for (size_t i = 0; i < 3; i++) {
        double n = real(list, i, "calls");
        assert_string_equal(text(list, i, "tenant"), n == 10 ? DIGEST_OWN_TENANT : "shop");
        assert_string_equal(text(list, i, "from"), n == 30 ? "urn:k8s:svc:test/cart" : "urn:svc:cart");
    }
    assert_string_equal(text(json_object_get(out, "metrics"), 0, "urn"), "urn:k8s:svc:test/cart");
    assert_string_equal(text(json_object_get(out, "metrics"), 0, "tenant"), "shop");
    json_decref(out);
    out = called("shop", "urn:svc:cart", NOW);
    list = json_object_get(out, "downstreams");
    assert_true(json_array_size(list) == 1 && real(list, 0, "calls") == 20);
    json_decref(out);
    assert_int_equal(digest_read_downstreams(reader, "bakery", "cart", NOW, 5, &out, &f), ERR_MISSING);
    assert_non_null(strstr(f.text, "bakery"));
}

static void a_log(const char *code, int64_t of, uint64_t pattern)
{
    struct fault f = { 0 };
    assert_ok(digest_pattern_put(opened, &(struct digest_pattern){ a_tenant(code), pattern, "took <*>", "took 3", "INFO", NOW, NOW }, &f), &f);
    assert_ok(digest_log_put(opened, &(struct digest_log){ NOW, a_tenant(code), of, pattern, 10, 1 }, &f), &f);
}

static void every_question_can_be_about_one_tenant_also_the_installation_itself(void **state)
{
    (void)state;
    static const char *const tenants[] = { "", "shop" }, *const asked[] = { "", DIGEST_OWN_TENANT, "shop", "bakery" };
    static const size_t      rows[] = { 2, 1, 1, 0 };
    struct fault             f = { 0 };
    json_t                  *out;
    for (int i = 0; i < 2; i++) {
        char id[40];
        (void)snprintf(id, sizeof id, "018f2e0c-5b1a-7abc-8def-01234567890%d", i);
        a_log(tenants[i], a_thing(tenants[i], "urn:svc:cart", "cart"), 4);
        assert_ok(digest_run_put(opened, &(struct digest_run){ "oo-agg", "success", NULL, a_tenant(tenants[i]), NOW, NOW + 60 * US_PER_S, 5 }, NOW, &f), &f);
        assert_ok(digest_circuit_put(opened, "oo-agg", a_tenant(tenants[i]), &(struct digest_circuit){ "open", 7, NOW }, NOW, &f), &f);
        assert_ok(digest_event_put(opened, &(struct digest_event){ .id = id, .severity = "WARN", .kind = "anomaly", .title = "slow", .summary = "very", .tenant_id = a_tenant(tenants[i]), .at_us = NOW },
                                   &(bool){ false }, &f), &f);
    }
    for (size_t k = 0; k < 4; k++) {
        size_t whole = k == 1 ? 0 : k == 2 ? 1 : 2;          /* index into tenants of the one that is asked for */
        assert_ok(digest_read_errors(reader, asked[k], NOW, 10, &out, &f), &f);
        assert_int_equal(json_array_size(out), rows[k]);
        if (whole < 2)
            assert_string_equal(text(out, 0, "tenant"), asked[k]);
        json_decref(out);
        assert_ok(digest_read_patterns(reader, asked[k], "", NOW, 10, &out, &f), &f);
        assert_int_equal(json_array_size(out), rows[k]);
        if (whole < 2)
            assert_string_equal(text(out, 0, "tenant"), asked[k]);
        json_decref(out);
        assert_ok(digest_read_events(reader, asked[k], "", "", NOW, 10, &out, &f), &f);
        assert_int_equal(json_array_size(out), rows[k]);
        json_decref(out);
        assert_ok(digest_read_jobs(reader, asked[k], 10, &out, &f), &f);
        assert_int_equal(json_array_size(json_object_get(out, "runs")), rows[k]);
        assert_int_equal(json_array_size(json_object_get(out, "circuits")), rows[k]);
        json_decref(out);
        for (int i = 0; i < 2; i++) {
            char id[40];
            (void)snprintf(id, sizeof id, "018f2e0c-5b1a-7abc-8def-01234567890%d", i);
            bool theirs = k == 0 || whole == (size_t)i;
            assert_int_equal(digest_read_event(reader, asked[k], id, &out, &f), theirs ? OK : ERR_MISSING);
            if (theirs)
                json_decref(out);
        }
    }
}

static void lines_count_also_when_their_pattern_was_forgotten(void **state)
{
    (void)state;
    struct fault f = { 0 };
    json_t      *out;
    int64_t      id = a_thing("shop", "urn:svc:cart", "cart");
    a_log("shop", id, 4);
    assert_ok(digest_log_put(opened, &(struct digest_log){ NOW, a_tenant("shop"), id, 5, 100, 30 }, &f), &f);
    assert_ok(digest_log_put(opened, &(struct digest_log){ NOW, a_tenant("shop"), id, 0, 100, 20 }, &f), &f);
    assert_ok(digest_read_patterns(reader, "", "cart", NOW, 10, &out, &f), &f);
    assert_int_equal(json_array_size(out), 3);
    assert_string_equal(text(out, 0, "pattern"), "(forgotten)");
    assert_true(real(out, 0, "count") == 100 && real(out, 0, "errors") == 30);
    assert_string_equal(text(out, 1, "pattern"), "<other>");
    assert_string_equal(text(out, 2, "pattern"), "took <*>");
    json_decref(out);
}

static void what_fails_comes_before_what_is_slow_and_a_few_errors_of_many_do_not_count_as_failing(void **state)
{
    (void)state;
    int64_t id = a_thing("", "urn:svc:cart", "cart");
    a_call("", id, a_thing("", "urn:svc:busy", "busy"), 100000, 30, 4);
    a_call("", id, a_thing("", "urn:svc:slow", "slow"), 100, 0, 2000);
    a_call("", id, a_thing("", "urn:svc:failing", "failing"), 100, 20, 40);
    json_t *out = called("", "cart", NOW), *list = json_object_get(out, "downstreams");
    assert_string_equal(text(list, 0, "urn"), "urn:svc:failing");
    assert_string_equal(text(list, 1, "urn"), "urn:svc:slow");
    assert_string_equal(text(list, 2, "urn"), "urn:svc:busy");
    json_decref(out);
}

static void calls_in(int64_t bucket, int64_t seconds, int64_t from, int64_t to, int64_t calls)
{
    struct fault f = { 0 };
    assert_ok(digest_call_put(opened, &(struct digest_call){ bucket, a_tenant(""), from, to, calls, 0, 5, (double)calls / (double)seconds, 0, 1, 2 }, &f), &f);
}

static double calls_a_second(int64_t since)
{
    json_t *out = called("", "cart", since), *list = json_object_get(out, "downstreams");
    double  rps = -1;
    for (size_t i = 0; i < json_array_size(list); i++)
        if (strcmp(text(list, i, "urn"), "urn:svc:pay") == 0)
            rps = real(list, i, "rps");
    json_decref(out);
    return rps;
}

static void calls_a_second_are_calls_over_the_time_since_the_first_window_of_the_question_with_one(void **state)
{
    (void)state;
    const int64_t five = 300 * US_PER_S;
    struct fault  f = { 0 };
    int64_t       from = a_thing("", "urn:svc:cart", "cart"), to = a_thing("", "urn:svc:pay", "pay");
    calls_in(NOW, 300, from, to, 300);
    assert_float_equal(calls_a_second(NOW), 1, 1e-9);
    calls_in(NOW + five, 300, from, to, 1);
    assert_float_equal(calls_a_second(0), 301. / 600, 1e-9);                     /* not from when nothing is known of them */
    assert_float_equal(calls_a_second(NOW + five), 1. / 300, 1e-9);
    calls_in(NOW + 3 * five, 300, from, a_thing("", "urn:svc:other", "other"), 10);
    assert_float_equal(calls_a_second(NOW), 301. / 1200, 1e-9);                  /* a quiet window has no row */
    calls_in(NOW + 4 * five, 60, from, to, 59);
    assert_float_equal(calls_a_second(NOW), 360. / 1260, 1e-9);                  /* one that is not over */
    assert_float_equal(calls_a_second(NOW + 4 * five), 59. / 60, 1e-9);
    assert_ok(digest_run_put(opened, &(struct digest_run){ "oo-agg", "success", NULL, a_tenant(""), NOW, NOW + 5 * five + 100 * US_PER_S, 5 }, NOW, &f), &f);
    assert_float_equal(calls_a_second(NOW), 360. / 1600, 1e-9);                  /* made, and nothing came */
    digest_reader_until(reader, NOW + 2 * five);
    assert_float_equal(calls_a_second(NOW), 301. / 600, 1e-9);
    digest_reader_until(reader, NOW + five + 7);
    assert_float_equal(calls_a_second(NOW), 301. / 600, 1e-9);                   /* it began before that, and is told of as a whole */
    digest_reader_until(reader, NOW + five);
    assert_float_equal(calls_a_second(NOW), 1, 1e-9);
}

static void more_than_the_limits_let_through_is_told(void **state)
{
    (void)state;
    struct fault f = { 0 };
    json_t      *out;
    char         urn[40], name[40];
    int64_t      id = a_thing("", "urn:svc:cart", "cart");
    for (int i = 0; i < 17; i++) {
        (void)snprintf(name, sizeof name, "pay%d", i);
        (void)snprintf(urn, sizeof urn, "urn:svc:pay%d", i);
        a_call("", id, a_thing("", urn, name), 10, 0, 5);
        (void)snprintf(urn, sizeof urn, "urn:k8s:svc:n%d/same", i);
        (void)a_thing("", urn, "same");
    }
    for (int limit = 16; limit < 18; limit++) {
        assert_ok(digest_read_downstreams(reader, "", "cart", NOW, limit, &out, &f), &f);
        assert_int_equal(json_array_size(json_object_get(out, "downstreams")), limit);
        assert_int_equal(json_is_true(json_object_get(out, "cut")), limit == 16);
        json_decref(out);
    }
    out = called("", "same", NOW);
    assert_int_equal(json_array_size(json_object_get(out, "service")), 16);
    assert_true(json_is_true(json_object_get(out, "cut")));
    json_decref(out);
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

static void *put_aside(void *ctx)
{
    struct fault f = { 0 };
    return (void *)(intptr_t)digest_store_aside(folder, NOW, ctx, 80, &f);
}

/* Somebody waits for a lock on this file. */
static bool waited_for(const char *path)
{
    struct stat st;
    char        line[200], inode[40];
    bool        found = false;
    if (stat(path, &st) != 0)
        return false;
    (void)snprintf(inode, sizeof inode, ":%ju ", (uintmax_t)st.st_ino);
    FILE *f = fopen("/proc/locks", "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f))
        found |= strstr(line, "-> FLOCK") && strstr(line, inode);
    (void)fclose(f);
    return found;
}

static void a_file_is_not_put_aside_while_somebody_writes_it(void **state)
{
    (void)state;
    struct fault         f = { 0 };
    struct digest_store *beside = NULL;
    char                 name[80] = "", path[128];
    pthread_t            t;
    void                *result;
    digest_store_close(a_store());
    assert_ok(digest_store_open_beside(folder, 1000, &beside, &f), &f);
    assert_int_equal(pthread_create(&t, NULL, put_aside, name), 0);
    (void)snprintf(path, sizeof path, "%s/digest.lock", folder);
    while (!waited_for(path))
        (void)nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
    (void)snprintf(path, sizeof path, "%s/digest.db", folder);
    assert_int_equal(access(path, F_OK), 0);
    digest_store_close(beside);
    assert_int_equal(pthread_join(t, &result), 0);
    assert_int_equal((int)(intptr_t)result, OK);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(strncmp(name, "digest.db.damaged-", 18), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_window_written_again_is_written_over, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(what_was_not_committed_never_was, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_pattern_that_joins_an_older_one_takes_its_counts_along, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_pattern_stays_as_grave_as_the_gravest_line_that_is_counted, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_window_asked_for_waits_once_until_it_is_done, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(what_is_not_known_of_a_pattern_any_more_stays_as_it_was, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_pattern_goes_only_after_its_last_row, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(what_is_old_goes_by_itself, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(the_same_evidence_is_there_once, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(what_is_on_disk_is_not_claimed_while_somebody_reads, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(the_state_of_a_circuit_survives, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_file_is_not_put_aside_while_somebody_writes_it, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(the_metrics_of_a_service_are_listed_with_their_newest_minute, make_reader, remove_reader),
        cmocka_unit_test_setup_teardown(calls_a_second_are_calls_over_the_time_since_the_first_window_of_the_question_with_one, make_reader, remove_reader),
        cmocka_unit_test_setup_teardown(what_only_calls_or_has_only_metrics_is_listed_after_what_has_errors, make_reader, remove_reader),
        cmocka_unit_test_setup_teardown(the_minutes_of_a_metric_come_newest_first_and_within_their_time, make_reader, remove_reader),
        cmocka_unit_test_setup_teardown(the_joined_view_holds_the_metrics_of_both_sides, make_reader, remove_reader),
        cmocka_unit_test_setup_teardown(a_window_that_began_before_the_time_asked_for_is_told_of_when_it_ended_after, make_reader, remove_reader),
        cmocka_unit_test_setup_teardown(a_service_is_found_by_its_urn_the_end_of_it_and_its_name_as_it_was_sent, make_reader, remove_reader),
        cmocka_unit_test_setup_teardown(answers_say_whose_a_service_is_when_two_have_the_same_name, make_reader, remove_reader),
        cmocka_unit_test_setup_teardown(every_question_can_be_about_one_tenant_also_the_installation_itself, make_reader, remove_reader),
        cmocka_unit_test_setup_teardown(lines_count_also_when_their_pattern_was_forgotten, make_reader, remove_reader),
        cmocka_unit_test_setup_teardown(what_fails_comes_before_what_is_slow_and_a_few_errors_of_many_do_not_count_as_failing, make_reader, remove_reader),
        cmocka_unit_test_setup_teardown(more_than_the_limits_let_through_is_told, make_reader, remove_reader),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
