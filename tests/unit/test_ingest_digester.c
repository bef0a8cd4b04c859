/* ingest: whatever is killed and begun again, digest.db says the same as if nothing had happened, and a person finds what came in. */
#include "digester_site.h"

#include "ingest/look.h"
#include "ingest/mock_run.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void everything_is_in_the_tables_once(void **state)
{
    (void)state;
    struct journal *j = a_journal(12, small);
    wall = BEGIN + 30 * MINUTE;
    whole(0, j, 5 * US_PER_S);
    assert_int_equal(number(0, "SELECT sum(count_total) FROM log_pattern_5m"), 12 * 400);
    assert_int_equal(number(0, "SELECT sum(samples) FROM metric_1m"), 12 * 48);
    assert_int_equal(number(0, "SELECT sum(events) FROM oo_locator"), 12 * 648);
    assert_int_equal(number(0, "SELECT count(*) FROM (SELECT DISTINCT fingerprint_id FROM log_pattern_5m)"), 3);
    assert_int_equal(number(0, "SELECT count(*) FROM log_pattern WHERE json_extract(attrs_schema, '$.fields[0].index') = 0 AND json_extract(attrs_schema, '$.fields[0].example') <> ''"), 3);
    assert_true(number(0, "SELECT count(*) FROM service_call_5m WHERE dst_resource_id = (SELECT resource_id FROM dim_resource WHERE urn LIKE 'urn:db:postgres:%')") > 0);
    /* Each pair is one call; mail's go to the database twice. */
    int64_t pairs = 12 * 100, twice = number(0, "SELECT sum(calls) FROM service_call_5m WHERE dst_resource_id = (SELECT resource_id FROM dim_resource WHERE urn LIKE 'urn:db:%')");
    assert_int_equal(number(0, "SELECT sum(calls) FROM service_call_5m"), pairs + twice / 2);
    assert_int_equal(number(0, "SELECT count(*) FROM etl_job_run WHERE status <> 'success' OR attempts <> 1"), 0);
    whole(0, j, 0);                                      /* nothing is read again */
    assert_int_equal(number(0, "SELECT sum(count_total) FROM log_pattern_5m"), 12 * 400);
    journal_close(j);
}

/* Killed again and again, at another place each time. */
static void killed(int64_t save_us, int step)
{
    struct fault            fault = { 0 };
    struct journal         *j = a_journal(9, small);
    struct digester_options o = options(1, j, save_us);
    int                     lives = 0, took;
    wall = BEGIN + 30 * MINUTE;
    whole(0, j, US_PER_S * 3600);
    do {
        struct digester *d;
        assert_ok(digester_open(&o, &d, &fault), &fault);
        took = turns(d, step + lives % 3);
        digester_close(d);
        lives++;
    } while (took >= step + (lives - 1) % 3 && lives < 1000);
    assert_true(lives > 2);
    char *one = tables(0), *other = tables(1);
    assert_string_equal(one, other);
    free(one);
    free(other);
    journal_close(j);
}

static void a_digest_that_is_killed_at_every_turn_makes_the_same_tables(void **state) { (void)state; killed(0, 1); }
static void a_digest_that_is_killed_between_its_saves_makes_the_same_tables(void **state) { (void)state; killed(3600 * US_PER_S, 2); }

static void a_write_that_fails_is_tried_again_and_nothing_is_lost_or_twice(void **state)
{
    (void)state;
    struct fault            fault = { 0 };
    struct journal         *j = a_journal(6, small);
    struct digester_options o = options(1, j, 0);
    struct digester        *d;
    struct digester_stats   s;
    sqlite3                *db;
    char                    path[128];
    bool                    idle;
    wall = BEGIN + 30 * MINUTE;
    whole(0, j, 0);
    assert_ok(digester_open(&o, &d, &fault), &fault);
    turns(d, 5);
    (void)snprintf(path, sizeof path, "%s/digest.db", site_store[1]);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    /* Rows of calls are refused: the whole window is, with what was written before it. */
    assert_int_equal(sqlite3_exec(db, "CREATE TRIGGER no BEFORE INSERT ON service_call_5m BEGIN SELECT RAISE(ABORT, 'no'); END", NULL, NULL, NULL), SQLITE_OK);
    enum err e = OK;
    for (int i = 0; i < 100 && e == OK; i++)
        e = digester_step(d, &idle, &fault);
    assert_int_not_equal(e, OK);
    assert_true(idle);
    digester_stats(d, &s);
    assert_true(s.waiting);
    assert_int_equal(s.failures, 1);
    uint64_t records = s.records;
    assert_ok(digester_step(d, &idle, &fault), &fault);     /* it waits, and reads nothing meanwhile */
    digester_stats(d, &s);
    assert_int_equal(s.records, records);
    assert_int_equal(sqlite3_exec(db, "DROP TRIGGER no", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    wall += 2 * MINUTE;
    turns(d, 10000);
    digester_stats(d, &s);
    assert_false(s.waiting);
    digester_close(d);
    wall += MINUTE * 0;
    assert_int_equal(number(1, "SELECT sum(count_total) FROM log_pattern_5m"), 6 * 400);
    assert_int_equal(number(1, "SELECT sum(samples) FROM metric_1m"), 6 * 48);
    assert_int_equal(number(1, "SELECT sum(calls) FROM service_call_5m"), number(0, "SELECT sum(calls) FROM service_call_5m"));
    journal_close(j);
}

static void a_window_that_is_asked_for_again_is_written_over_by_the_same(void **state)
{
    (void)state;
    struct fault            fault = { 0 };
    struct journal         *j = a_journal(20, small);
    struct digester_options o = options(0, j, 0);
    struct digester        *d;
    struct digester_stats   s;
    sqlite3                *db;
    char                    path[128];
    wall = BEGIN + 60 * MINUTE;
    whole(0, j, 0);
    char *before = tables(0);
    (void)snprintf(path, sizeof path, "%s/digest.db", site_store[0]);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "UPDATE metric_1m SET avg_val = 99; DELETE FROM log_pattern_5m; UPDATE service_call_5m SET calls = 1, rps = 7", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    assert_ok(digester_open(&o, &d, &fault), &fault);
    assert_int_equal(ask(d, "oo-agg", "shop", wall, wall + 1441 * MINUTE, &fault), ERR_INPUT);       /* more than a day ahead */
    assert_int_equal(ask(d, "nothing", "shop", BEGIN, BEGIN + MINUTE, &fault), ERR_INPUT);
    assert_ok(ask(d, "oo-agg", "shop", BEGIN, BEGIN + 20 * MINUTE, &fault), &fault);
    assert_ok(ask(d, "oo-agg", "shop", BEGIN, BEGIN + 20 * MINUTE, &fault), &fault);          /* twice is once */
    turns(d, 1000);
    digester_stats(d, &s);
    assert_int_equal(s.asked_done, 1);
    assert_int_equal(s.asked_refused, 0);
    digester_close(d);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "DELETE FROM etl_job_run WHERE asked_at IS NOT NULL", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    char *after = tables(0);
    assert_string_equal(before, after);
    free(after);
    /* A part of five minutes: all five of them are made again, not a part. */
    assert_ok(digester_open(&o, &d, &fault), &fault);
    assert_ok(ask(d, "oo-agg", "shop", BEGIN + 7 * MINUTE, BEGIN + 8 * MINUTE, &fault), &fault);
    turns(d, 1000);
    digester_stats(d, &s);
    assert_int_equal(s.asked_done, 1);
    digester_close(d);
    char *again = tables(0);                             /* the window that was due had the same bounds: one row, without conflict */
    assert_string_equal(before, again);
    free(before);
    free(again);
    journal_close(j);
}

/* The trace of the first span of the first record with spans, from a record on; returns that record. */
static uint64_t first_trace(struct journal *j, uint64_t from, char id[40])
{
    struct fault             fault = { 0 };
    struct journal_consumer *c;
    struct record            r;
    assert_ok(journal_consumer_open(j, "test", JOURNAL_FROM_START, &c, &fault), &fault);
    assert_ok(journal_seek(c, from, false, &fault), &fault);
    do
        assert_ok(journal_read(c, &r, &fault), &fault);
    while (r.kind != RECORD_OTLP_TRACES);
    *id = 0;
    for (size_t i = 0; i + 18 < r.body.n && !*id; i++)
        if (r.body.s[i] == 0x0a && r.body.s[i + 1] == 16 && r.body.s[i + 18] == 0x12)      /* trace_id, then span_id */
            for (int k = 0; k < 16; k++)
                (void)snprintf(id + 2 * k, 3, "%02x", (unsigned char)r.body.s[i + 2 + (size_t)k]);
    assert_int_equal(strlen(id), 32);
    journal_consumer_close(c);
    return r.id;
}

static void a_trace_is_found_with_its_spans_and_what_a_service_calls_too(void **state)
{
    (void)state;
    struct fault    fault = { 0 };
    struct journal *j = a_journal(10, small);
    struct looker  *l;
    json_t         *out = NULL;
    char            id[40];
    wall = BEGIN + 30 * MINUTE;
    whole(0, j, 0);
    first_trace(j, JOURNAL_FROM_START, id);
    assert_ok(look_open(&(struct look_at){ .store = site_store[0], .journal_folder = site_journal }, &l, &fault), &fault);
    assert_ok(look_trace(l, "", id, NULL, &out, &fault), &fault);
    assert_int_equal(json_array_size(json_object_get(out, "spans")), 2);
    json_decref(out);
    assert_int_equal(look_trace(l, "other", id, NULL, &out, &fault), ERR_MISSING);               /* nobody else's */
    assert_int_equal(look_trace(l, "", "00000000000000000000000000000001", NULL, &out, &fault), ERR_MISSING);
    assert_int_equal(look_trace(l, "", "xyz", NULL, &out, &fault), ERR_INPUT);
    assert_ok(digest_read_downstreams(look_reader(l), "", "cart", BEGIN, 5, &out, &fault), &fault);
    assert_int_equal(json_array_size(json_object_get(out, "downstreams")), 1);
    const json_t *down = json_array_get(json_object_get(out, "downstreams"), 0);
    assert_string_equal(json_string_value(json_object_get(down, "urn")), "urn:svc:orders");
    assert_true(json_array_size(json_object_get(down, "patterns")) > 0);
    assert_true(json_array_size(json_object_get(down, "locators")) > 0);
    json_decref(out);
    assert_ok(digest_read_errors(look_reader(l), "shop", BEGIN, 10, &out, &fault), &fault);
    assert_true(json_array_size(out) >= 4);
    json_decref(out);
    assert_int_equal(digest_read_downstreams(look_reader(l), "", "nobody", BEGIN, 5, &out, &fault), ERR_MISSING);
    look_close(l);
    journal_close(j);
}

static size_t spans_found(const char *id, const struct look_open *open)
{
    struct fault   fault = { 0 };
    struct looker *l;
    json_t        *out = NULL;
    assert_ok(look_open(&(struct look_at){ .store = site_store[0], .journal_folder = site_journal }, &l, &fault), &fault);
    size_t n = look_trace(l, "", id, open, &out, &fault) == OK ? json_array_size(json_object_get(out, "spans")) : 0;
    json_decref(out);
    look_close(l);
    return n;
}

static void an_answer_about_a_trace_is_cut_when_the_digest_was_too_busy_to_be_asked(void **state)
{
    struct fault            fault = { 0 };
    struct journal         *j = a_journal(1, small);
    static struct look_open open;
    struct looker          *l;
    json_t                 *out;
    char                    id[40];
    (void)first_trace(j, 1, id);
    wall = BEGIN + 30 * MINUTE;
    whole(0, j, 0);
    for (int busy = 0; busy < 2; busy++) {
        open.busy = busy;
        assert_ok(look_open(&(struct look_at){ .store = site_store[0], .journal_folder = site_journal }, &l, &fault), &fault);
        assert_ok(look_trace(l, "", id, &open, &out, &fault), &fault);
        assert_int_equal(json_is_true(json_object_get(out, "cut")), busy);
        json_decref(out);
        look_close(l);
    }
    journal_close(j);
}

static void a_trace_is_found_at_once_while_its_window_is_open_and_before_the_digest_has_read_it(void **state)
{
    (void)state;
    struct fault            fault = { 0 };
    struct journal         *j = a_journal(1, small);
    struct digester        *d;
    struct digester_options o = options(0, j, US_PER_S * 3600);
    static struct look_open open;
    uint64_t                hash;
    char                    id[40];
    bool                    idle = false;
    uint64_t                record = first_trace(j, 1, id);
    assert_ok(look_trace_hash(id, &hash, &fault), &fault);
    assert_ok(digester_open(&o, &d, &fault), &fault);
    /* Nothing was read yet: the records that nobody knows are looked through. */
    open.records = digester_open_trace(d, hash, open.record, LOOK_RECORDS_MAX, &open.read, &open.busy);
    assert_int_equal(open.records, 0);
    assert_int_equal(open.read, 0);
    assert_int_equal(spans_found(id, &open), 2);
    open.read = record - 1;
    assert_int_equal(spans_found(id, &open), 2);
    /* Read, and its window open: only the digest knows. */
    while (!idle)
        assert_ok(digester_step(d, &idle, &fault), &fault);
    open.records = digester_open_trace(d, hash, open.record, LOOK_RECORDS_MAX, &open.read, &open.busy);
    assert_true(open.records >= 1);
    assert_int_equal(spans_found(id, NULL), 0);
    assert_int_equal(spans_found(id, &open), 2);
    /* Closed: digest.db knows, and nothing is given twice by whoever asked the digest just before. */
    wall = BEGIN + 30 * MINUTE;
    turns(d, 1000);
    assert_int_equal(spans_found(id, &open), 2);
    open.records = digester_open_trace(d, hash, open.record, LOOK_RECORDS_MAX, &open.read, &open.busy);
    assert_int_equal(open.records, 0);
    assert_int_equal(spans_found(id, &open), 2);
    open.read = record - 1;                              /* as it was when the digest was asked, and then it wrote the window */
    assert_int_equal(spans_found(id, &open), 2);
    digester_close(d);
    journal_close(j);
}

static void a_trace_is_found_while_the_digest_fails_and_the_answer_says_that_there_may_be_more(void **state)
{
    struct fault            fault = { 0 };
    struct journal         *j = a_journal(1, small);
    struct digester        *d;
    struct digester_options o = options(0, j, 0);
    static struct look_open open;
    uint64_t                hash;
    char                    id[40];
    bool                    idle;
    (void)first_trace(j, 1, id);
    assert_ok(look_trace_hash(id, &hash, &fault), &fault);
    assert_ok(digester_open(&o, &d, &fault), &fault);
    run_sql(0, "CREATE TRIGGER no BEFORE INSERT ON digest_state BEGIN SELECT raise(ABORT, 'no room'); END");
    assert_int_not_equal(digester_step(d, &idle, &fault), OK);
    open.records = digester_open_trace(d, hash, open.record, LOOK_RECORDS_MAX, &open.read, &open.busy);
    assert_true(open.busy);
    assert_int_equal(spans_found(id, &open), 2);
    digester_close(d);
    journal_close(j);
}

static bool feed_it(void *ctx, const struct event *e)
{
    digester_feed(ctx, e);
    return true;
}

static void a_mock_minute_is_in_the_tables_at_once(void **state)
{
    (void)state;
    struct fault            fault = { 0 };
    struct digester        *d;
    struct digester_options o = options(0, NULL, 0);
    assert_ok(digester_open(&o, &d, &fault), &fault);
    mock_minute(1, MOCK_MINUTE, BEGIN, 1, feed_it, d);
    assert_ok(digester_close_windows(d, BEGIN + 10 * MINUTE, &fault), &fault);
    digester_close(d);
    assert_int_equal(number(0, "SELECT sum(count_total) FROM log_pattern_5m"), 5000);
    assert_int_equal(number(0, "SELECT sum(samples) FROM metric_1m"), 500);
}

/* A call of a host that is called once, by a service that is seen once. */
static void one_that_comes_once(struct digester *d, int i, int64_t at_us)
{
    char            service[32], host[32];
    const uint64_t  id[4] = { 1, 2, 3, (uint64_t)i + 1 };
    (void)snprintf(service, sizeof service, "once%d", i);
    (void)snprintf(host, sizeof host, "host%d", i);
    struct attr     name = { SLICE("service.name"), { VALUE_TEXT, { .text = slice_of(service) } } }, called = { SLICE("server.address"), { VALUE_TEXT, { .text = slice_of(host) } } };
    struct resource resource = { .attrs = { &name, 1 }, .id = (uint64_t)i + 1 };
    struct scope    scope = { .dropped = 0 };
    struct event    e = { .type = EVENT_SPAN, .record = (uint64_t)i + 1, .received_us = at_us, .source = SLICE("otlp"), .resource = &resource, .scope = &scope, .attrs = { &called, 1 } };
    e.as.span = (struct span_event){ .kind = SPAN_CLIENT, .trace_id = { (const char *)id, 16 }, .span_id = { (const char *)&id[3], 8 }, .start_ns = at_us * 1000, .end_ns = at_us * 1000 + 1000000 };
    digester_feed(d, &e);
    e.type = EVENT_POINT;
    e.as.point = (struct point_event){ .name = SLICE("load"), .kind = POINT_GAUGE, .time_ns = at_us * 1000, .value = i };
    digester_feed(d, &e);
    e.type = EVENT_LOG;
    e.as.log = (struct log_event){ .time_ns = at_us * 1000, .body = { VALUE_TEXT, { .text = SLICE("it began") } } };
    digester_feed(d, &e);
}

static void who_came_once_keeps_nobody_out_who_comes_later(void **state)
{
    (void)state;
    struct fault            fault = { 0 };
    struct digester        *d;
    struct digester_options o = options(0, NULL, 0);
    o.feed.places_max = 80;
    assert_ok(digester_open(&o, &d, &fault), &fault);
    for (int i = 0; i < 120; i++) {
        one_that_comes_once(d, i, BEGIN + i * MINUTE);
        wall = BEGIN + (i + 1) * MINUTE;
        assert_ok(digester_close_windows(d, BEGIN + (i + 1) * MINUTE, &fault), &fault);
        if (i % 50 == 49) {                                  /* and what it holds survives */
            assert_ok(digester_save(d, &fault), &fault);
            digester_close(d);
            assert_ok(digester_open(&o, &d, &fault), &fault);
        }
    }
    assert_ok(digester_close_windows(d, BEGIN + 140 * MINUTE, &fault), &fault);
    digester_close(d);
    assert_int_equal(number(0, "SELECT count(*) FROM dim_resource WHERE urn = 'urn:other'"), 0);
    assert_int_equal(number(0, "SELECT count(*) FROM metric_1m m JOIN dim_resource r USING (resource_id) WHERE metric = 'load' AND r.urn = 'urn:svc:once' || CAST(m.avg_val AS INTEGER)"), 120);
    assert_int_equal(number(0, "SELECT sum(count_total) FROM log_pattern_5m"), 120);
    assert_int_equal(number(0, "SELECT count(*) FROM service_call_5m c JOIN dim_resource s ON s.resource_id = c.src_resource_id JOIN dim_resource t ON t.resource_id = c.dst_resource_id "
                               "WHERE s.urn LIKE 'urn:svc:once%' AND t.urn = 'urn:host:host' || substr(s.urn, 13)"), 120);
}

static void mock_minutes_go_through_a_journal_and_every_event_is_in_the_tables(void **state)
{
    struct fault     fault = { 0 };
    struct mock_told told;
    struct mock_run  m = { .seed = 1, .size = MOCK_MINUTE, .minutes = 3, .begin_us = BEGIN };
    assert_ok(mock_run(&m, site_store[0], &told, &fault), &fault);
    assert_int_equal(told.events, 3 * 6500);
    assert_int_equal(told.lost, 0);
    assert_int_equal(number(0, "SELECT sum(count_total) FROM log_pattern_5m"), 3 * 5000);
    assert_int_equal(number(0, "SELECT sum(samples) FROM metric_1m"), 3 * 500);
    assert_int_equal(number(0, "SELECT sum(events) FROM oo_locator WHERE dataset = 'traces'"), 3 * 1000);
    assert_int_equal(mock_run(&m, site_store[0], &told, &fault), ERR_CONFLICT);      /* what is there is nobody's to mix with */
    m.minutes = 0;
    assert_int_equal(mock_run(&m, site_store[1], &told, &fault), ERR_INPUT);
}

static void its_thread_reads_what_comes_and_stores_what_is_open_when_it_ends(void **state)
{
    (void)state;
    struct fault            fault = { 0 };
    struct journal         *j = a_journal(1, small);
    struct digester_options o = options(0, j, 3600 * US_PER_S);
    struct digester        *d;
    struct digester_stats   s;
    struct journal_stats    js;
    journal_stats(j, &js);
    assert_ok(digester_open(&o, &d, &fault), &fault);
    assert_ok(digester_start(d, &fault), &fault);
    do {
        digester_stats(d, &s);
    } while (s.events < 648);
    digester_stop(d);
    digester_close(d);
    assert_ok(digester_open(&o, &d, &fault), &fault);
    digester_stats(d, &s);
    assert_int_equal(s.cursor, js.last_id);
    digester_close(d);
    journal_close(j);
}

/* ---- what is asked for and goes wrong ---- */

static void a_window_that_cannot_be_made_again_is_told_and_holds_up_nothing(void **state)
{
    struct fault             fault = { 0 };
    struct journal          *j = a_journal(20, small);
    struct digester_options  o = options(0, j, 0);
    struct digester         *d;
    struct digester_stats    s;
    struct journal_consumer *c;
    wall = BEGIN + 60 * MINUTE;
    whole(0, j, 0);
    char *before = tables(0);
    assert_ok(digester_open(&o, &d, &fault), &fault);
    assert_ok(journal_consumer_open(j, "digest-again", JOURNAL_FROM_NOW, &c, &fault), &fault);         /* so that it cannot be read */
    assert_ok(ask(d, "oo-agg", "shop", BEGIN, BEGIN + 17 * MINUTE, &fault), &fault);
    turns(d, 1000);                                                                                    /* none of them fails */
    digester_stats(d, &s);
    assert_int_equal(s.failures, 0);
    assert_int_equal(s.asked_done, 0);
    assert_int_equal(s.asked_failed, 1);
    assert_int_equal(number(0, "SELECT count(*) FROM etl_job_run WHERE status = 'failed' AND error <> ''"), 1);
    journal_consumer_close(c);
    digester_close(d);
    run_sql(0, "DELETE FROM etl_job_run WHERE asked_at IS NOT NULL");
    char *after = tables(0);
    assert_string_equal(before, after);
    free(before);
    free(after);
    journal_close(j);
}

static void a_window_that_is_asked_for_while_the_digest_cannot_write_is_not_forgotten(void **state)
{
    struct fault            fault = { 0 };
    struct journal         *j = a_journal(5, small);
    struct digester_options o = options(0, j, 0);
    struct digester        *d;
    struct digester_stats   s;
    bool                    idle;
    wall = BEGIN + 60 * MINUTE;
    whole(0, j, 0);
    for (int life = 0; life < 2; life++) {               /* the second time it is killed as soon as it has answered */
        assert_ok(digester_open(&o, &d, &fault), &fault);
        run_sql(0, "CREATE TRIGGER no BEFORE INSERT ON digest_state BEGIN SELECT raise(ABORT, 'no room'); END");
        assert_ok(ask(d, "oo-agg", "shop", BEGIN, BEGIN + 5 * MINUTE, &fault), &fault);
        assert_int_equal(number(0, "SELECT count(*) FROM etl_job_run WHERE status = 'queued'"), 1);
        if (life == 0)
            assert_int_not_equal(digester_step(d, &idle, &fault), OK);
        if (life == 1) {
            digester_close(d);
            assert_ok(digester_open(&o, &d, &fault), &fault);
        }
        run_sql(0, "DROP TRIGGER no");
        wall += 2 * MINUTE;
        turns(d, 1000);
        digester_stats(d, &s);
        assert_int_equal(s.asked_done, 1);
        digester_close(d);
    }
    journal_close(j);
}

static void a_window_is_asked_for_by_the_code_of_a_tenant_or_its_number_and_none_comes_into_being(void **state)
{
    struct fault            fault = { 0 };
    struct journal         *j = a_journal(5, small);
    struct digester_options o = options(0, j, 0);
    struct digester        *d;
    int64_t                 due;
    wall = BEGIN + 60 * MINUTE;
    whole(0, j, 0);
    int64_t               tenants = number(0, "SELECT count(*) FROM dim_tenant"), shop = number(0, "SELECT tenant_id FROM dim_tenant WHERE code = 'shop'");
    struct digest_request q = { "oo-agg", "shpo", 0, BEGIN, BEGIN + 5 * MINUTE };
    assert_ok(digester_open(&o, &d, &fault), &fault);
    assert_int_equal(digester_ask(d, &q, &due, &fault), ERR_MISSING);
    q.tenant = NULL;
    q.tenant_id = 4711;
    assert_int_equal(digester_ask(d, &q, &due, &fault), ERR_MISSING);
    assert_int_equal(number(0, "SELECT count(*) FROM dim_tenant"), tenants);
    assert_int_equal(number(0, "SELECT count(*) FROM etl_job_run WHERE status = 'queued'"), 0);
    q.tenant_id = shop;
    assert_ok(digester_ask(d, &q, &due, &fault), &fault);
    assert_int_equal(number(0, "SELECT tenant_id FROM etl_job_run WHERE status = 'queued'"), shop);
    q.tenant = "";                                       /* the installation's own */
    assert_ok(digester_ask(d, &q, &due, &fault), &fault);
    assert_int_equal(number(0, "SELECT count(*) FROM etl_job_run JOIN dim_tenant USING (tenant_id) WHERE status = 'queued' AND code = ''"), 1);
    digester_close(d);
    journal_close(j);
}

static void who_asks_while_somebody_else_writes_for_long_is_told_to_come_again(void **state)
{
    struct fault            fault = { 0 };
    struct journal         *j = a_journal(1, small);
    struct digester_options o = options(0, j, 0);
    struct digester        *d;
    sqlite3                *db;
    char                    path[128];
    wall = BEGIN + 30 * MINUTE;
    whole(0, j, 0);
    (void)snprintf(path, sizeof path, "%s/digest.db", site_store[0]);
    assert_ok(digester_open(&o, &d, &fault), &fault);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(ask(d, "oo-agg", "shop", BEGIN, BEGIN + MINUTE, &fault), ERR_BUSY);
    assert_true(strlen(fault.hint) > 0);
    assert_int_equal(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    assert_ok(ask(d, "oo-agg", "shop", BEGIN, BEGIN + MINUTE, &fault), &fault);
    sqlite3_close(db);
    digester_close(d);
    journal_close(j);
}

static void more_windows_than_can_wait_are_refused_for_now(void **state)
{
    struct fault            fault = { 0 };
    struct journal         *j = a_journal(1, small);
    struct digester_options o = options(0, j, 0);
    struct digester        *d;
    wall = BEGIN + 300 * MINUTE;
    whole(0, j, 0);
    assert_ok(digester_open(&o, &d, &fault), &fault);
    for (int i = 0; i < DIGEST_ASKED_MAX; i++)
        assert_ok(ask(d, "oo-agg", "shop", BEGIN + i * MINUTE, BEGIN + (i + 1) * MINUTE, &fault), &fault);
    assert_int_equal(ask(d, "oo-agg", "shop", BEGIN + 100 * MINUTE, BEGIN + 101 * MINUTE, &fault), ERR_BUSY);
    assert_ok(ask(d, "oo-agg", "shop", BEGIN, BEGIN + MINUTE, &fault), &fault);      /* it waits already */
    digester_close(d);
    journal_close(j);
}

/* As a replay of letters puts them there (ingest/unrouted.h). */
static void what_came_into_the_journal_again_because_no_sink_took_it_is_counted_once(void **state)
{
    (void)state;
    static const char        mark[] = "homeostat.replayed\0unrouted";
    struct fault             fault = { 0 };
    struct journal          *j = a_journal(4, small);
    struct journal_consumer *c;
    struct journal_stats     s;
    struct record            r;
    journal_stats(j, &s);
    assert_ok(journal_consumer_open(j, "again", JOURNAL_FROM_START, &c, &fault), &fault);
    while (journal_read(c, &r, &fault) == OK && r.id <= s.last_id) {
        r.id = 0;
        r.received_us = 0;
        r.labels = (struct slice){ mark, sizeof mark };
        assert_ok(journal_append_wait(j, &r, NULL, &fault), &fault);
    }
    journal_consumer_close(c);
    wall = BEGIN + 30 * MINUTE;
    whole(0, j, 0);
    assert_int_equal(number(0, "SELECT sum(count_total) FROM log_pattern_5m"), 4 * 400);
    assert_int_equal(number(0, "SELECT sum(samples) FROM metric_1m"), 4 * 48);
    struct digester_options o = options(0, j, 0);
    struct digester        *d;
    struct digester_stats   told;
    assert_ok(digester_open(&o, &d, &fault), &fault);
    assert_ok(ask(d, "oo-agg", "shop", BEGIN, BEGIN + 4 * MINUTE, &fault), &fault);
    turns(d, 1000);
    digester_stats(d, &told);
    assert_int_equal(told.asked_done, 1);
    digester_close(d);
    assert_int_equal(number(0, "SELECT sum(count_total) FROM log_pattern_5m"), 4 * 400);
    journal_close(j);
}

static void a_crash_while_a_window_is_made_again_does_not_hold_the_journal_for_ever(void **state)
{
    struct fault             fault = { 0 };
    struct journal          *j = a_journal(1, small);
    struct digester_options  o = options(0, j, 0);
    struct digester         *d;
    struct journal_consumer *c;
    struct journal_progress  p[JOURNAL_CONSUMERS_MAX];
    assert_ok(journal_consumer_open(j, "digest-again", JOURNAL_FROM_START, &c, &fault), &fault);
    journal_consumer_close(c);                           /* as it is after a crash: nobody forgot it */
    assert_ok(digester_open(&o, &d, &fault), &fault);
    size_t n = journal_progress(j, p, JOURNAL_CONSUMERS_MAX);
    for (size_t i = 0; i < n; i++)
        assert_string_not_equal(p[i].name, "digest-again");
    digester_close(d);
    journal_close(j);
}

static void how_far_it_is_behind_grows_while_it_cannot_write(void **state)
{
    struct fault            fault = { 0 };
    struct journal         *j = a_journal(3, small);
    struct digester_options o = options(0, j, 0);
    struct digester        *d;
    struct digester_stats   before, after;
    wall = BEGIN + 10 * MINUTE;
    assert_ok(digester_open(&o, &d, &fault), &fault);
    turns(d, 1000);
    digester_stats(d, &before);
    wall += 5 * MINUTE;                                  /* and no turn since */
    digester_stats(d, &after);
    assert_true(after.window_lag_seconds > before.window_lag_seconds + 299);
    digester_close(d);
    journal_close(j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(everything_is_in_the_tables_once, site_make, site_remove),
        cmocka_unit_test_setup_teardown(a_digest_that_is_killed_at_every_turn_makes_the_same_tables, site_make, site_remove),
        cmocka_unit_test_setup_teardown(a_digest_that_is_killed_between_its_saves_makes_the_same_tables, site_make, site_remove),
        cmocka_unit_test_setup_teardown(a_write_that_fails_is_tried_again_and_nothing_is_lost_or_twice, site_make, site_remove),
        cmocka_unit_test_setup_teardown(a_window_that_is_asked_for_again_is_written_over_by_the_same, site_make, site_remove),
        cmocka_unit_test_setup_teardown(an_answer_about_a_trace_is_cut_when_the_digest_was_too_busy_to_be_asked, site_make, site_remove),
        cmocka_unit_test_setup_teardown(a_trace_is_found_at_once_while_its_window_is_open_and_before_the_digest_has_read_it, site_make, site_remove),
        cmocka_unit_test_setup_teardown(a_trace_is_found_while_the_digest_fails_and_the_answer_says_that_there_may_be_more, site_make, site_remove),
        cmocka_unit_test_setup_teardown(a_trace_is_found_with_its_spans_and_what_a_service_calls_too, site_make, site_remove),
        cmocka_unit_test_setup_teardown(who_came_once_keeps_nobody_out_who_comes_later, site_make, site_remove),
        cmocka_unit_test_setup_teardown(a_mock_minute_is_in_the_tables_at_once, site_make, site_remove),
        cmocka_unit_test_setup_teardown(mock_minutes_go_through_a_journal_and_every_event_is_in_the_tables, site_make, site_remove),
        cmocka_unit_test_setup_teardown(its_thread_reads_what_comes_and_stores_what_is_open_when_it_ends, site_make, site_remove),
        cmocka_unit_test_setup_teardown(a_window_that_cannot_be_made_again_is_told_and_holds_up_nothing, site_make, site_remove),
        cmocka_unit_test_setup_teardown(a_window_that_is_asked_for_while_the_digest_cannot_write_is_not_forgotten, site_make, site_remove),
        cmocka_unit_test_setup_teardown(a_window_is_asked_for_by_the_code_of_a_tenant_or_its_number_and_none_comes_into_being, site_make, site_remove),
        cmocka_unit_test_setup_teardown(who_asks_while_somebody_else_writes_for_long_is_told_to_come_again, site_make, site_remove),
        cmocka_unit_test_setup_teardown(more_windows_than_can_wait_are_refused_for_now, site_make, site_remove),
        cmocka_unit_test_setup_teardown(what_came_into_the_journal_again_because_no_sink_took_it_is_counted_once, site_make, site_remove),
        cmocka_unit_test_setup_teardown(a_crash_while_a_window_is_made_again_does_not_hold_the_journal_for_ever, site_make, site_remove),
        cmocka_unit_test_setup_teardown(how_far_it_is_behind_grows_while_it_cannot_write, site_make, site_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
