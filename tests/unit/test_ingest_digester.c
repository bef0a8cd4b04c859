/* ingest: whatever is killed and begun again, digest.db says the same as if nothing had happened, and a person finds what came in. */
#include "unit.h"

#include "event/encode.h"
#include "ingest/digester.h"
#include "ingest/look.h"
#include "ingest/mock.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MINUTE (60 * US_PER_S)
#define BEGIN  (INT64_C(1700000100) * US_PER_S)         /* a whole five minutes */
enum { BATCH = 100 };

static char    folder[64], journal_folder[96], store_folder[2][96];
static _Atomic int64_t wall;

static int64_t the_wall(void *ctx) { (void)ctx; return wall; }
static int64_t the_mono(void *ctx) { (void)ctx; return clock_mono_us(&clock_real); }
static const struct clock the_clock = { the_wall, the_mono, NULL };

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/homeostat-digest-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    (void)snprintf(journal_folder, sizeof journal_folder, "%s/journal", folder);
    for (int i = 0; i < 2; i++)
        (void)snprintf(store_folder[i], sizeof store_folder[i], "%s/store%d", folder, i);
    wall = BEGIN;
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

/* ---- a journal with mock minutes ---- */

struct filling { struct journal *j; struct arena a; const struct event *batch[3][BATCH]; size_t n[3]; const char *tenant; };

static void append(struct filling *f, int type)
{
    static const enum record_kind kinds[] = { RECORD_OTLP_LOGS, RECORD_OTLP_METRICS, RECORD_OTLP_TRACES };
    struct fault                  fault = { 0 };
    struct text                   body;
    if (!f->n[type])
        return;
    text_init(&body, 1 << 22);
    assert_ok(event_encode(f->batch[type], f->n[type], &body, &fault), &fault);
    struct record r = { .kind = kinds[type], .form = FORM_PROTOBUF, .events = (uint32_t)f->n[type], .tenant = slice_of(f->tenant), .source = SLICE("otlp"), .body = { body.s, body.used } };
    wall = f->batch[type][f->n[type] - 1]->received_us > wall ? f->batch[type][f->n[type] - 1]->received_us : wall;
    assert_ok(journal_append_wait(f->j, &r, NULL, &fault), &fault);
    text_done(&body);
    f->n[type] = 0;
}

static struct slice copied(struct filling *f, struct slice s)
{
    char *to = arena_alloc(&f->a, s.n + 1);
    if (s.n)
        memcpy(to, s.s, s.n);
    return (struct slice){ to, s.n };
}

static bool fill(void *ctx, const struct event *e)
{
    static const struct scope none;
    struct filling *f = ctx;
    struct event   *c = arena_alloc(&f->a, sizeof *c);
    *c = *e;
    c->scope = &none;
    if (e->type == EVENT_LOG)
        c->as.log.body.as.text = copied(f, e->as.log.body.as.text);
    if (e->type == EVENT_SPAN) {
        c->as.span.trace_id = copied(f, e->as.span.trace_id);
        c->as.span.span_id = copied(f, e->as.span.span_id);
        c->as.span.parent_id = copied(f, e->as.span.parent_id);
        struct attr *a = arena_alloc(&f->a, sizeof *a);
        if (e->attrs.count)
            *a = e->attrs.item[0], c->attrs.item = a;
    }
    struct resource *r = arena_alloc(&f->a, sizeof *r);
    struct attr     *ra = arena_alloc(&f->a, sizeof *ra);
    *ra = e->resource->attrs.item[0];
    *r = *e->resource;
    r->attrs.item = ra;
    c->resource = r;
    f->batch[e->type][f->n[e->type]++] = c;
    if (f->n[e->type] == BATCH)
        append(f, (int)e->type);
    return true;
}

static struct journal *a_journal(int minutes, struct mock_size size)
{
    struct fault           fault = { 0 };
    struct filling         f = { .tenant = "shop" };
    struct journal_options o = journal_options_default(journal_folder);
    o.segment_bytes = 1 << 20;
    o.size_max = 64 << 20;
    o.keep_us = 3600 * US_PER_S * 24;
    o.commit_delay_us = 0;
    o.reserve_bytes = 0;
    o.clock = &the_clock;
    assert_ok(journal_open(&o, &f.j, &fault), &fault);
    arena_init(&f.a, 64 << 20);
    for (int m = 0; m < minutes; m++) {
        mock_minute(7, size, BEGIN + m * MINUTE, 0, fill, &f);
        for (int t = 0; t < 3; t++)
            append(&f, t);
        arena_reset(&f.a);
    }
    arena_done(&f.a);
    return f.j;
}

/* ---- digesting ---- */

static struct digester_options options(int which, struct journal *j, int64_t save_us)
{
    struct digester_options o = digester_options_default(store_folder[which], j);
    o.clock = &the_clock;
    o.save_us = save_us;
    o.records_a_turn = 7;
    return o;
}

static int turns(struct digester *d, int most)
{
    struct fault fault = { 0 };
    bool         idle = false;
    int          n = 0;
    while (n < most && !idle) {
        assert_ok(digester_step(d, &idle, &fault), &fault);
        n++;
    }
    return n;
}

/* Every row that speaks of what came in; not when it was written. */
static char *tables(int which)
{
    static const char *const asks[] = {
        "SELECT bucket, t.code, urn, metric, avg_val, max_val, p95_val, min_val, sum_val, samples, m.labels FROM metric_1m m JOIN dim_resource r USING (resource_id) JOIN dim_tenant t ON t.tenant_id = m.tenant_id ORDER BY 1, 2, 3, 4, m.labels_hash",
        "SELECT bucket, s.urn, d.urn, rps, err_rate, p50_ms, p95_ms, calls, errors, sample_record FROM service_call_5m c JOIN dim_resource s ON s.resource_id = src_resource_id JOIN dim_resource d ON d.resource_id = dst_resource_id ORDER BY 1, 2, 3",
        "SELECT bucket, urn, pattern, count_total, count_error FROM log_pattern_5m JOIN dim_resource USING (resource_id) JOIN log_pattern USING (fingerprint_id) ORDER BY 1, 2, 3",
        "SELECT urn, dataset, t_from, object_key, events FROM oo_locator JOIN dim_resource USING (resource_id) ORDER BY 1, 2, 3",
        "SELECT shard, block, last_record, hex(entries) FROM trace_block ORDER BY 1, 2",
        "SELECT job, window_from, window_to, status FROM etl_job_run ORDER BY 1, 2, 3",
        "SELECT fingerprint_id, pattern, severity, first_seen, last_seen FROM log_pattern ORDER BY 1",
    };
    char        path[128];
    sqlite3    *db;
    struct text out;
    text_init(&out, 8 << 20);
    (void)snprintf(path, sizeof path, "%s/digest.db", store_folder[which]);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    for (size_t i = 0; i < sizeof asks / sizeof *asks; i++) {
        sqlite3_stmt *s;
        assert_int_equal(sqlite3_prepare_v2(db, asks[i], -1, &s, NULL), SQLITE_OK);
        while (sqlite3_step(s) == SQLITE_ROW) {
            for (int c = 0; c < sqlite3_column_count(s); c++) {
                const char *t = (const char *)sqlite3_column_text(s, c);
                text_printf(&out, "%s|", t ? t : "-");
            }
            text_add(&out, "\n");
        }
        sqlite3_finalize(s);
        text_add(&out, "\n");
    }
    sqlite3_close(db);
    assert_false(out.cut);
    return text_take(&out);
}

static int64_t number(int which, const char *sql)
{
    char          path[128];
    sqlite3      *db;
    sqlite3_stmt *s;
    (void)snprintf(path, sizeof path, "%s/digest.db", store_folder[which]);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    int64_t n = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    sqlite3_close(db);
    return n;
}

static const struct mock_size small = { 400, 48, 200 };

static void whole(int which, struct journal *j, int64_t save_us)
{
    struct fault            fault = { 0 };
    struct digester        *d;
    struct digester_options o = options(which, j, save_us);
    assert_ok(digester_open(&o, &d, &fault), &fault);
    turns(d, 100000);
    digester_close(d);
}

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
    (void)snprintf(path, sizeof path, "%s/digest.db", store_folder[1]);
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
    (void)snprintf(path, sizeof path, "%s/digest.db", store_folder[0]);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "UPDATE metric_1m SET avg_val = 99; DELETE FROM log_pattern_5m; UPDATE service_call_5m SET calls = 1, rps = 7", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    assert_ok(digester_open(&o, &d, &fault), &fault);
    assert_int_equal(digester_ask(d, "oo-agg", "shop", wall, wall + MINUTE, &fault), ERR_INPUT);       /* not over yet */
    assert_int_equal(digester_ask(d, "nothing", "shop", BEGIN, BEGIN + MINUTE, &fault), ERR_INPUT);
    assert_ok(digester_ask(d, "oo-agg", "shop", BEGIN, BEGIN + 20 * MINUTE, &fault), &fault);
    assert_ok(digester_ask(d, "oo-agg", "shop", BEGIN, BEGIN + 20 * MINUTE, &fault), &fault);          /* twice is once */
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
    assert_ok(digester_ask(d, "oo-agg", "shop", BEGIN + 7 * MINUTE, BEGIN + 8 * MINUTE, &fault), &fault);
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
    assert_ok(look_open(store_folder[0], journal_folder, &l, &fault), &fault);
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
    assert_ok(look_open(store_folder[0], journal_folder, &l, &fault), &fault);
    size_t n = look_trace(l, "", id, open, &out, &fault) == OK ? json_array_size(json_object_get(out, "spans")) : 0;
    json_decref(out);
    look_close(l);
    return n;
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
    /* Nothing was read yet: the records that nobody knows are looked through. A digest at record 0 has read nothing, and says so. */
    open.records = digester_open_trace(d, hash, open.record, LOOK_RECORDS_MAX, &open.read);
    assert_int_equal(open.records, 0);
    assert_int_equal(spans_found(id, &open), 0);
    open.read = record - 1;
    assert_int_equal(spans_found(id, &open), 2);
    /* Read, and its window open: only the digest knows. */
    while (!idle)
        assert_ok(digester_step(d, &idle, &fault), &fault);
    open.records = digester_open_trace(d, hash, open.record, LOOK_RECORDS_MAX, &open.read);
    assert_true(open.records >= 1);
    assert_int_equal(spans_found(id, NULL), 0);
    assert_int_equal(spans_found(id, &open), 2);
    /* Closed: digest.db knows, and nothing is given twice by whoever asked the digest just before. */
    wall = BEGIN + 30 * MINUTE;
    turns(d, 1000);
    assert_int_equal(spans_found(id, &open), 2);
    open.records = digester_open_trace(d, hash, open.record, LOOK_RECORDS_MAX, &open.read);
    assert_int_equal(open.records, 0);
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

static void run_sql(int which, const char *sql)
{
    sqlite3 *db;
    char     path[128];
    (void)snprintf(path, sizeof path, "%s/digest.db", store_folder[which]);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

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
    assert_ok(digester_ask(d, "oo-agg", "shop", BEGIN, BEGIN + 17 * MINUTE, &fault), &fault);
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

static void a_window_that_is_asked_for_while_nothing_can_be_written_is_not_forgotten(void **state)
{
    struct fault            fault = { 0 };
    struct journal         *j = a_journal(5, small);
    struct digester_options o = options(0, j, 0);
    struct digester        *d;
    struct digester_stats   s;
    bool                    idle;
    wall = BEGIN + 60 * MINUTE;
    whole(0, j, 0);
    assert_ok(digester_open(&o, &d, &fault), &fault);
    run_sql(0, "CREATE TRIGGER no BEFORE INSERT ON etl_job_run BEGIN SELECT raise(ABORT, 'no room'); END");
    assert_ok(digester_ask(d, "oo-agg", "shop", BEGIN, BEGIN + 5 * MINUTE, &fault), &fault);
    assert_int_not_equal(digester_step(d, &idle, &fault), OK);
    run_sql(0, "DROP TRIGGER no");
    wall += 2 * MINUTE;
    turns(d, 1000);
    digester_stats(d, &s);
    assert_int_equal(s.asked_done, 1);
    digester_close(d);
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
        cmocka_unit_test_setup_teardown(everything_is_in_the_tables_once, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_digest_that_is_killed_at_every_turn_makes_the_same_tables, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_digest_that_is_killed_between_its_saves_makes_the_same_tables, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_write_that_fails_is_tried_again_and_nothing_is_lost_or_twice, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_window_that_is_asked_for_again_is_written_over_by_the_same, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_trace_is_found_at_once_while_its_window_is_open_and_before_the_digest_has_read_it, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_trace_is_found_with_its_spans_and_what_a_service_calls_too, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_mock_minute_is_in_the_tables_at_once, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(its_thread_reads_what_comes_and_stores_what_is_open_when_it_ends, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_window_that_cannot_be_made_again_is_told_and_holds_up_nothing, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_window_that_is_asked_for_while_nothing_can_be_written_is_not_forgotten, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_crash_while_a_window_is_made_again_does_not_hold_the_journal_for_ever, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(how_far_it_is_behind_grows_while_it_cannot_write, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
