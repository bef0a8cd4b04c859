/* tests/unit/digester_site.c - a journal with mock minutes in a folder of its own, and what the digest made of it. */
#include "digest_number.h"
#include "digester_site.h"

#include "event/encode.h"

#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 100 };

char            site_folder[64], site_journal[96], site_store[2][96];
_Atomic int64_t wall, wall_step;
void          (*_Atomic wall_look)(void);

static int64_t the_wall(void *ctx)
{
    void (*look)(void) = wall_look;
    if (look)
        look();
    return atomic_fetch_add(&wall, wall_step) + wall_step;
}

static int64_t the_mono(void *ctx) { (void)ctx; return clock_mono_us(&clock_real); }
const struct clock the_clock = { the_wall, the_mono, NULL };

int site_make(void **state)
{
    (void)state;
    strcpy(site_folder, "/tmp/homeostat-digest-XXXXXX");
    if (!mkdtemp(site_folder))
        return -1;
    (void)snprintf(site_journal, sizeof site_journal, "%s/journal", site_folder);
    for (int i = 0; i < 2; i++)
        (void)snprintf(site_store[i], sizeof site_store[i], "%s/store%d", site_folder, i);
    wall = BEGIN;
    wall_step = 0;
    wall_look = NULL;
    return 0;
}

int site_remove(void **state)
{
    (void)state;
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", site_folder);
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

struct journal *the_journal(void)
{
    struct fault           fault = { 0 };
    struct journal        *j = NULL;
    struct journal_options o = journal_options_default(site_journal);
    o.segment_bytes = 1 << 20;
    o.size_max = 64 << 20;
    o.keep_us = 3600 * US_PER_S * 24;
    o.commit_delay_us = 0;
    o.reserve_bytes = 0;
    o.clock = &the_clock;
    assert_ok(journal_open(&o, &j, &fault), &fault);
    return j;
}

void minutes_into(struct journal *j, int64_t from_us, int minutes, struct mock_size size)
{
    struct filling f = { .j = j, .tenant = "shop" };
    arena_init(&f.a, 64 << 20);
    for (int m = 0; m < minutes; m++) {
        mock_minute(7, size, from_us + m * MINUTE, 0, fill, &f);
        for (int t = 0; t < 3; t++)
            append(&f, t);
        arena_reset(&f.a);
    }
    arena_done(&f.a);
}

struct journal *a_journal(int minutes, struct mock_size size)
{
    struct journal *j = the_journal();
    minutes_into(j, BEGIN, minutes, size);
    return j;
}

/* ---- digesting ---- */

struct digester_options options(int which, struct journal *j, int64_t save_us)
{
    struct digester_options o = digester_options_default(site_store[which], j);
    o.clock = &the_clock;
    o.save_us = save_us;
    o.records_a_turn = 7;
    return o;
}

int turns(struct digester *d, int most)
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
char *tables(int which)
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
    (void)snprintf(path, sizeof path, "%s/digest.db", site_store[which]);
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

int64_t number(int which, const char *sql) { return digest_number(site_store[which], sql); }

enum err ask(struct digester *d, const char *job, const char *tenant, int64_t from_us, int64_t to_us, struct fault *fault)
{
    int64_t due;
    return digester_ask(d, &(struct digest_request){ job, tenant, 0, from_us, to_us }, &due, fault);
}

void whole(int which, struct journal *j, int64_t save_us)
{
    struct fault            fault = { 0 };
    struct digester        *d;
    struct digester_options o = options(which, j, save_us);
    assert_ok(digester_open(&o, &d, &fault), &fault);
    turns(d, 100000);
    digester_close(d);
}

void run_sql(int which, const char *sql)
{
    sqlite3 *db;
    char     path[128];
    (void)snprintf(path, sizeof path, "%s/digest.db", site_store[which]);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}
