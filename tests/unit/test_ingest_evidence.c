/* ingest: an event is one however often it is told; what rose, failed or stands out around it is linked to it, with pointers to the raw data, also after a crash. */
#include "unit.h"

#include "ingest/evidence.h"
#include "ingest/gather.h"
#include "ingest/happened.h"
#include "store/db.h"
#include "store/digest_read.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MINUTE (60 * US_PER_S)
#define FIVE   (300 * US_PER_S)
#define BEGIN  (INT64_C(1700000100) * US_PER_S)          /* a whole five minutes: those of the event */
#define AT     (BEGIN + 90 * US_PER_S)

static char           folder[64];
static int64_t        wall, upper;
static struct digest_store *store;
static int64_t        tenant, cart, pay, shop;
static int64_t        record;

static int64_t the_wall(void *ctx) { (void)ctx; return wall; }
static int64_t the_mono(void *ctx) { (void)ctx; return clock_mono_us(&clock_real); }
static const struct clock the_clock = { the_wall, the_mono, NULL };
static int64_t the_upper(void *ctx) { (void)ctx; return upper; }

static int64_t resource(const char *urn, const char *type, const char *name)
{
    struct fault           f = { 0 };
    struct digest_resource r = { tenant, urn, type, name, "", "", "" };
    int64_t                id;
    assert_ok(digest_resource(store, &r, BEGIN, &id, &f), &f);
    return id;
}

static int begin(void **state)
{
    (void)state;
    struct fault f = { 0 };
    strcpy(folder, "/tmp/homeostat-evidence-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    wall = AT + US_PER_S;
    upper = BEGIN - MINUTE;
    record = 0;
    assert_ok(digest_store_open(folder, &store, &f), &f);
    assert_ok(digest_tenant(store, "", BEGIN, &tenant, &f), &f);
    cart = resource("urn:svc:cart", "svc", "cart");
    pay = resource("urn:svc:pay", "svc", "pay");
    shop = resource("urn:svc:shop", "svc", "shop");
    return 0;
}

static int end(void **state)
{
    (void)state;
    char command[128];
    digest_store_close(store);
    (void)snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

/* ---- what the digest wrote ---- */

static void raw(int64_t id, const char *dataset, int64_t bucket)
{
    struct fault f = { 0 };
    record += 10;
    assert_ok(digest_locator_put(store, &(struct digest_locator){ tenant, id, bucket, bucket + FIVE, record, record + 9, 100, dataset }, &f), &f);
}

static void lines(int64_t id, uint64_t pattern, int64_t bucket, int64_t total, int64_t errors)
{
    struct fault f = { 0 };
    char         text[64];
    (void)snprintf(text, sizeof text, "pattern %d of <*>", (int)pattern);
    assert_ok(digest_pattern_put(store, &(struct digest_pattern){ tenant, pattern, text, text, errors ? "ERROR" : "INFO", bucket, bucket }, &f), &f);
    assert_ok(digest_log_put(store, &(struct digest_log){ bucket, tenant, id, pattern, total, errors }, &f), &f);
}

static void calls(int64_t src, int64_t dst, int64_t bucket, int64_t n, int64_t errors, double p95)
{
    struct fault f = { 0 };
    assert_ok(digest_call_put(store, &(struct digest_call){ bucket, tenant, src, dst, n, errors, record, 1, (double)errors / (double)n, p95 / 2, p95 }, &f), &f);
}

static void minute(int64_t id, const char *metric, int64_t bucket, double value)
{
    struct fault f = { 0 };
    assert_ok(digest_metric_put(store, &(struct digest_metric){ bucket, tenant, id, 7, 3, metric, "{}", value, value, value, value, value }, &f), &f);
}

/* An hour in which nothing is out of the ordinary, up to the five minutes before the event. */
static void a_usual_hour(void)
{
    for (int64_t b = BEGIN - 13 * FIVE; b < BEGIN; b += FIVE) {
        raw(cart, "logs", b);
        lines(cart, 1, b, 100, 0);
        calls(cart, pay, b, 100, 1, 20);
        calls(shop, cart, b, 100, 0, 30);
        for (int m = 0; m < 5; m++) {
            minute(cart, "queue", b + m * MINUTE, 10 + m % 2);
            minute(cart, "steady", b + m * MINUTE, 5);
        }
    }
}

/* The five minutes of the event: another line comes, calls of pay fail, the queue is long; the usual line and the rest are as ever. */
static void the_event_shows(void)
{
    for (int i = 0; i < 3; i++)
        raw(cart, (const char *const[]){ "logs", "metrics", "traces" }[i], BEGIN);
    raw(pay, "traces", BEGIN);
    raw(pay, "logs", BEGIN);
    lines(cart, 1, BEGIN, 100, 0);
    lines(cart, 2, BEGIN, 40, 40);
    lines(pay, 3, BEGIN, 30, 30);
    calls(cart, pay, BEGIN, 100, 60, 22);
    calls(shop, cart, BEGIN, 100, 0, 31);
    for (int m = 0; m < 5; m++) {
        minute(cart, "queue", BEGIN + m * MINUTE, 900);
        minute(cart, "steady", BEGIN + m * MINUTE, 5);
    }
}

/* ---- asking ---- */

static struct evidence *opened(void)
{
    struct fault            f = { 0 };
    struct evidence        *v = NULL;
    struct evidence_options o = { .folder = folder, .clock = &the_clock, .keep_us = INT64_C(365) * 86400 * US_PER_S, .upper = the_upper };
    assert_ok(evidence_open(&o, &v, &f), &f);
    return v;
}

static json_t *a_deploy(const char *id)
{
    char when[32];
    return json_pack("{s:s, s:s, s:s, s:s, s:s}", "event_id", id, "kind", "deploy", "service", "cart", "title", "cart 1.42", "at", clock_format(AT, when, sizeof when));
}

static enum err post(struct evidence *v, json_t *request, bool *created, struct fault *f)
{
    json_t  *out = NULL;
    enum err e = evidence_post(v, request, &out, f);
    *created = json_is_true(json_object_get(out, "created"));
    json_decref(out);
    json_decref(request);
    return e;
}

static void steps(struct evidence *v)
{
    struct fault f = { 0 };
    bool         idle = false;
    while (!idle)
        assert_ok(evidence_step(v, &idle, &f), &f);
}

static json_t *read_back(const char *told)
{
    struct fault          f = { 0 };
    struct digest_reader *r;
    json_t               *out;
    char                  id[ID_SIZE];
    happened_id(told, id);
    assert_ok(digest_reader_open(folder, &r, &f), &f);
    assert_ok(digest_read_event(r, "", id, &out, &f), &f);
    digest_reader_close(r);
    return out;
}

static void e_is_there(const char *told) { json_decref(read_back(told)); }

static const char *text_of(const json_t *o, const char *name) { const char *s = json_string_value(json_object_get(o, name)); return s ? s : ""; }

/* The piece whose note has these words; NULL: there is none. */
static json_t *piece(const json_t *event, const char *words)
{
    size_t  i;
    json_t *one;
    json_array_foreach(json_object_get(event, "evidence"), i, one)
        if (strstr(text_of(one, "note"), words))
            return one;
    return NULL;
}

static double score(const json_t *event, const char *words) { return json_real_value(json_object_get(piece(event, words), "score")); }

/* ---- tests ---- */

static void an_event_is_one_however_often_it_is_told(void **state)
{
    (void)state;
    struct fault     f = { 0 };
    struct evidence *v = opened();
    bool             created;
    for (int i = 0; i < 3; i++) {
        assert_ok(post(v, a_deploy("run-4711"), &created, &f), &f);
        assert_int_equal(created, i == 0);
        wall += US_PER_S;
    }
    json_t *other = a_deploy("run-4711");
    json_object_set_new(other, "title", json_string("cart 1.43"));
    assert_int_equal(post(v, other, &created, &f), ERR_CONFLICT);
    for (int i = 0; i < 2; i++) {                        /* without an id: what was said is what it is */
        json_t *nameless = a_deploy("x");
        json_object_del(nameless, "event_id");
        assert_ok(post(v, nameless, &created, &f), &f);
        assert_int_equal(created, i == 0);
    }
    json_t *upper_case = a_deploy("018F2E0C-5B1A-7ABC-8DEF-0123456789AB"), *event;
    assert_ok(post(v, upper_case, &created, &f), &f);
    event = read_back("018f2e0c-5b1a-7abc-8def-0123456789ab");         /* a UUID is itself */
    assert_string_equal(text_of(event, "event_id"), "018f2e0c-5b1a-7abc-8def-0123456789ab");
    json_decref(event);
    event = read_back("run-4711");
    assert_string_equal(text_of(event, "title"), "cart 1.42");
    assert_string_equal(text_of(event, "severity"), "INFO");
    assert_string_equal(text_of(event, "urn"), "urn:svc:cart");
    json_decref(event);
    evidence_close(v);
}

static void what_is_wrong_with_an_event_is_said(void **state)
{
    (void)state;
    static const struct { const char *json, *why; } wrong[] = {
        { "{\"kind\": \"party\", \"service\": \"a\", \"title\": \"t\"}", "/kind" },
        { "{\"service\": \"a\", \"title\": \"t\"}", "/kind" },
        { "{\"kind\": \"deploy\", \"service\": \"a\"}", "/title" },
        { "{\"kind\": \"deploy\", \"service\": \"a\", \"title\": \"\"}", "/title" },
        { "{\"kind\": \"deploy\", \"title\": \"t\"}", "/service or /urn" },
        { "{\"kind\": \"deploy\", \"urn\": \"svc:a\", \"title\": \"t\"}", "/urn" },
        { "{\"kind\": \"deploy\", \"urn\": \"urn:svc:a b\", \"title\": \"t\"}", "/urn" },
        { "{\"kind\": \"deploy\", \"service\": \"a\", \"title\": \"t\", \"severity\": \"BAD\"}", "/severity" },
        { "{\"kind\": \"deploy\", \"service\": \"a\", \"title\": \"t\", \"at\": \"yesterday\"}", "/at" },
        { "{\"kind\": \"deploy\", \"service\": \"a\", \"title\": \"t\", \"at\": \"2100-01-01T00:00:00Z\"}", "/at lies in the future" },
        { "{\"kind\": \"deploy\", \"service\": \"a\", \"title\": \"t\", \"at\": \"1999-01-01T00:00:00Z\"}", "/at lies so far back" },
        { "{\"kind\": \"deploy\", \"service\": \"a\", \"title\": \"t\", \"labels\": []}", "/labels" },
        { "{\"kind\": \"deploy\", \"service\": \"a\", \"title\": \"t\", \"labels\": {\"x\": {}}}", "/labels/x" },
        { "{\"kind\": \"deploy\", \"service\": \"a\", \"title\": \"t\", \"event_id\": \"a b\"}", "/event_id" },
        { "{\"kind\": \"deploy\", \"service\": \"a\", \"title\": \"t\", \"tenant\": 3}", "/tenant" },
        { "[]", "an object" },
    };
    struct happened h;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct fault f = { 0 };
        json_t      *j = json_loads(wrong[i].json, 0, NULL);
        assert_int_equal(happened_read(j, AT, INT64_C(1500000000) * US_PER_S, &h, &f), ERR_INPUT);
        if (!strstr(f.text, wrong[i].why))
            fail_msg("%s: %s", wrong[i].json, f.text);
        json_decref(j);
    }
}

static void scores_are_what_the_header_says(void **state)
{
    (void)state;
    assert_true(gather_rise(10, 0, true) == 1 && gather_rise(10, 10, true) == 0 && gather_rise(5, 10, true) == 0 && gather_rise(30, 10, true) == .5 && gather_rise(30, 10, false) == .5);
    assert_true(gather_enough(1) == .25 && gather_enough(9) == .75);
    assert_true(gather_departure(10, 10, 1) == 0 && gather_departure(13, 10, 1) == 0 && gather_departure(16, 10, 1) == .5 && gather_departure(4, 10, 1) == .5);
    assert_true(gather_departure(5, 0, 0) == 1 && fabs(gather_departure(103, 100, 0)) < 1e-12);        /* five in a hundred are nothing, however still it was */
}

static void what_rose_failed_or_stands_out_is_linked_with_pointers_to_the_raw_data(void **state)
{
    (void)state;
    struct fault     f = { 0 };
    struct evidence *v = opened();
    bool             created;
    a_usual_hour();
    the_event_shows();
    upper = BEGIN + 3 * FIVE;
    assert_ok(post(v, a_deploy("run"), &created, &f), &f);
    steps(v);
    json_t *e = read_back("run");
    assert_true(json_is_true(json_object_get(e, "complete")));
    assert_string_equal(text_of(piece(e, "pattern 2 of"), "dim"), "log");
    assert_true(strncmp(text_of(piece(e, "pattern 2 of"), "object_key"), "records/", 8) == 0);
    assert_string_equal(text_of(json_object_get(piece(e, "pattern 2 of"), "ref"), "table"), "log_pattern_5m");
    assert_null(piece(e, "pattern 1 of"));                              /* as ever */
    assert_string_equal(text_of(piece(e, "61 of 200 calls failed, at worst 60 %"), "dim"), "trace");
    assert_string_equal(text_of(json_object_get(piece(e, "61 of 200 calls failed, at worst 60 %"), "ref"), "table"), "service_call_5m");
    assert_true(json_is_integer(json_object_get(piece(e, "61 of 200 calls failed, at worst 60 %"), "first_record")));
    assert_string_equal(text_of(piece(e, "queue"), "dim"), "metric");
    assert_null(piece(e, "steady"));
    assert_non_null(piece(e, "pattern 3 of"));                          /* whom it calls */
    assert_true(score(e, "pattern 2 of") > score(e, "pattern 3 of"));   /* is farther away */
    assert_string_equal(text_of(piece(e, "urn:svc:cart calls urn:svc:pay"), "dim"), "topo");
    assert_non_null(piece(e, "urn:svc:shop calls urn:svc:cart"));
    for (int i = 0; i < 3; i++) {
        char words[64];
        (void)snprintf(words, sizeof words, "urn:svc:cart: raw %s from", (const char *const[]){ "logs", "metrics", "traces" }[i]);
        assert_non_null(piece(e, words));
    }
    double before = 1;
    size_t i;
    json_t *one;
    json_array_foreach(json_object_get(e, "evidence"), i, one) {
        double now = json_real_value(json_object_get(one, "score"));
        assert_true(now > 0 && now <= before);                          /* what speaks most is first */
        before = now;
    }
    json_decref(e);
    evidence_close(v);
}

static void evidence_is_there_at_once_and_complete_when_the_windows_around_are_written(void **state)
{
    (void)state;
    struct fault          f = { 0 };
    struct evidence      *v = opened();
    struct evidence_stats s;
    bool                  created;
    a_usual_hour();
    assert_ok(post(v, a_deploy("run"), &created, &f), &f);
    steps(v);
    json_t *e = read_back("run");
    assert_false(json_is_true(json_object_get(e, "complete")));
    int64_t kept = json_integer_value(json_object_get(piece(e, "raw logs"), "evidence_id"));
    assert_true(kept > 0);                               /* the five minutes before are there */
    assert_null(piece(e, "pattern 2 of"));
    json_decref(e);
    evidence_stats(v, &s);
    uint64_t looks = s.looks;
    steps(v);
    evidence_stats(v, &s);
    assert_int_equal(s.looks, looks);                    /* nothing was written, so there is nothing to see */
    assert_int_equal(s.open, 1);

    the_event_shows();
    upper = BEGIN + FIVE;
    steps(v);
    e = read_back("run");
    assert_non_null(piece(e, "pattern 2 of"));
    assert_false(json_is_true(json_object_get(e, "complete")));
    assert_int_equal(json_integer_value(json_object_get(piece(e, "raw logs from 2023-11-14T22:10"), "evidence_id")), kept);
    size_t pieces = json_array_size(json_object_get(e, "evidence"));
    json_decref(e);

    upper = BEGIN + 2 * FIVE;
    steps(v);
    assert_ok(post(v, a_deploy("run"), &created, &f), &f);      /* told again: nothing is added */
    assert_false(created);
    steps(v);
    e = read_back("run");
    assert_true(json_is_true(json_object_get(e, "complete")));
    assert_int_equal(json_array_size(json_object_get(e, "evidence")), pieces);
    json_decref(e);
    evidence_stats(v, &s);
    assert_int_equal(s.open, 0);
    looks = s.looks;
    upper += 10 * FIVE;
    steps(v);
    evidence_stats(v, &s);
    assert_int_equal(s.looks, looks);
    evidence_close(v);
}

static void what_came_late_is_waited_for_until_all_is_in_that_had_come_when_it_was_told(void **state)
{
    (void)state;
    struct fault     f = { 0 };
    struct evidence *v = opened();
    bool             created;
    wall = AT + 3600 * US_PER_S;                         /* told an hour later; the windows around are long written, and empty */
    upper = wall - 3 * MINUTE;
    assert_ok(post(v, a_deploy("run"), &created, &f), &f);
    steps(v);
    the_event_shows();                                   /* was on its way */
    upper += MINUTE;
    steps(v);
    json_t *e = read_back("run");
    assert_non_null(piece(e, "pattern 2 of"));
    assert_false(json_is_true(json_object_get(e, "complete")));
    json_decref(e);
    upper = wall;
    steps(v);
    e = read_back("run");
    assert_true(json_is_true(json_object_get(e, "complete")));
    json_decref(e);
    evidence_close(v);
}

static void an_event_that_a_crash_left_without_evidence_gets_it_after_the_start(void **state)
{
    (void)state;
    struct fault          f = { 0 };
    struct evidence      *v = opened();
    struct evidence_stats s;
    bool                  created;
    a_usual_hour();
    the_event_shows();
    assert_ok(post(v, a_deploy("run"), &created, &f), &f);
    evidence_close(v);                                   /* no turn was taken: as when it is killed here */
    json_t *e = read_back("run");
    assert_int_equal(json_array_size(json_object_get(e, "evidence")), 0);
    json_decref(e);
    v = opened();
    evidence_stats(v, &s);
    assert_int_equal(s.open, 1);
    upper = BEGIN + 2 * FIVE;
    steps(v);
    e = read_back("run");
    assert_non_null(piece(e, "pattern 2 of"));
    assert_true(json_is_true(json_object_get(e, "complete")));
    json_decref(e);
    evidence_close(v);
}

static void what_fell_silent_still_has_its_last_words(void **state)
{
    (void)state;
    struct fault     f = { 0 };
    struct evidence *v = opened();
    bool             created;
    raw(cart, "logs", BEGIN - 40 * FIVE);
    assert_ok(post(v, a_deploy("run"), &created, &f), &f);
    steps(v);
    json_t *e = read_back("run");
    assert_string_equal(text_of(piece(e, "the last raw logs before"), "object_key"), "records/10-19");
    json_decref(e);
    raw(cart, "logs", BEGIN);                            /* it was only late: what a fuller look does not find again goes */
    upper = BEGIN + 2 * FIVE;
    steps(v);
    e = read_back("run");
    assert_null(piece(e, "the last raw logs before"));
    assert_string_equal(text_of(piece(e, "raw logs from"), "object_key"), "records/20-29");
    assert_int_equal(json_array_size(json_object_get(e, "evidence")), 1);
    json_decref(e);
    evidence_close(v);
}

static void a_digest_db_that_was_put_aside_is_not_written_any_more(void **state)
{
    (void)state;
    struct fault          f = { 0 };
    struct evidence      *v = opened();
    struct evidence_stats s;
    char                  command[256];
    bool                  created;
    assert_ok(post(v, a_deploy("before"), &created, &f), &f);
    steps(v);
    digest_store_close(store);
    (void)snprintf(command, sizeof command, "cd %s && mv digest.db aside.db", folder);
    assert_int_equal(system(command), 0);
    assert_int_equal(post(v, a_deploy("between"), &created, &f), ERR_BUSY);      /* the digest makes it, nobody else */
    assert_ok(digest_store_open(folder, &store, &f), &f);
    assert_ok(post(v, a_deploy("after"), &created, &f), &f);
    steps(v);
    e_is_there("after");
    evidence_stats(v, &s);
    assert_int_equal(s.open, 1);                         /* of those that are there */
    evidence_close(v);
}

static void databases_of_a_server_and_the_host_that_is_named_are_looked_at(void **state)
{
    (void)state;
    struct fault     f = { 0 };
    struct evidence *v = opened();
    char             when[32];
    bool             created;
    int64_t          orders = resource("urn:db:postgres:main/orders", "db", "orders"), host = resource("urn:host:db-1", "host", "db-1");
    (void)resource("urn:db:postgres:mainly/other", "db", "other");
    raw(orders, "logs", BEGIN);
    raw(host, "metrics", BEGIN);
    lines(orders, 5, BEGIN, 20, 20);
    assert_ok(post(v, json_pack("{s:s, s:s, s:s, s:s, s:{s:s}}", "kind", "incident", "urn", "urn:db:postgres:main/server", "title", "slow", "at", clock_format(AT, when, sizeof when), "labels",
                                "host", "urn:host:db-1"), &created, &f), &f);
    steps(v);
    struct digest_reader *r;
    json_t               *list, *e;
    assert_ok(digest_reader_open(folder, &r, &f), &f);
    assert_ok(digest_read_events(r, "", "incident", "", 0, 10, &list, &f), &f);
    assert_int_equal(json_array_size(list), 1);
    assert_ok(digest_read_event(r, "", text_of(json_array_get(list, 0), "event_id"), &e, &f), &f);
    assert_non_null(piece(e, "pattern 5 of"));
    assert_non_null(piece(e, "urn:host:db-1: raw metrics"));
    json_decref(e);
    json_decref(list);
    assert_ok(digest_read_events(r, "", "deploy", "", 0, 10, &list, &f), &f);
    assert_int_equal(json_array_size(list), 0);
    json_decref(list);
    assert_ok(digest_read_events(r, "", "", "urn:db:postgres:main/server", 0, 10, &list, &f), &f);
    assert_int_equal(json_array_size(list), 1);
    json_decref(list);
    digest_reader_close(r);
    evidence_close(v);
}

static void of_too_much_the_best_stays_and_the_rest_is_counted(void **state)
{
    (void)state;
    struct fault          f = { 0 };
    struct evidence      *v = opened();
    struct evidence_stats s;
    bool                  created;
    assert_ok(digest_store_begin(store, &f), &f);
    raw(cart, "logs", BEGIN);
    for (int p = 1; p <= 3 * GATHER_PATTERNS_MAX; p++)
        lines(cart, (uint64_t)p, BEGIN, p, p);
    assert_ok(digest_store_commit(store, &f), &f);
    upper = BEGIN + 2 * FIVE;
    assert_ok(post(v, a_deploy("run"), &created, &f), &f);
    steps(v);
    json_t *e = read_back("run");
    assert_int_equal(json_array_size(json_object_get(e, "evidence")), GATHER_PATTERNS_MAX + 1);
    assert_non_null(piece(e, "pattern 36 of"));
    assert_null(piece(e, "pattern 3 of"));
    json_decref(e);
    evidence_stats(v, &s);
    assert_int_equal(s.cut, 2 * GATHER_PATTERNS_MAX);
    evidence_close(v);
}

static void while_the_digest_writes_who_posts_is_told_to_come_again_and_nothing_is_half_there(void **state)
{
    (void)state;
    struct fault     f = { 0 };
    struct evidence *v = opened();
    bool             created, idle;
    assert_ok(digest_store_begin(store, &f), &f);
    assert_int_equal(post(v, a_deploy("run"), &created, &f), ERR_BUSY);
    evidence_tell(v, a_deploy("told"));                  /* who may not wait: it stays in the list */
    assert_int_equal(evidence_step(v, &idle, &f), ERR_BUSY);
    assert_true(idle);
    digest_store_rollback(store);
    assert_ok(post(v, a_deploy("run"), &created, &f), &f);
    assert_true(created);
    steps(v);
    json_decref(read_back("told"));
    evidence_close(v);
}

static void what_is_told_and_finds_no_room_is_counted(void **state)
{
    (void)state;
    struct evidence      *v = opened();
    struct evidence_stats s;
    char                  id[32];
    for (int i = 0; i < EVIDENCE_TOLD_MAX + 3; i++) {
        (void)snprintf(id, sizeof id, "case-%d", i);
        evidence_tell(v, a_deploy(id));
    }
    evidence_stats(v, &s);
    assert_int_equal(s.untold, 3);
    evidence_close(v);
}

static void no_more_events_wait_for_evidence_than_there_is_room_for(void **state)
{
    (void)state;
    struct fault          f = { 0 };
    struct evidence      *v = opened();
    struct evidence_stats s;
    bool                  created;
    char                  id[32];
    assert_ok(digest_store_begin(store, &f), &f);
    for (int i = 0; i < EVIDENCE_OPEN_MAX; i++) {
        struct digest_event e = { .id = id, .severity = "INFO", .kind = "deploy", .tenant_id = tenant, .at_us = AT };
        (void)snprintf(id, sizeof id, "e-%d", i);
        assert_ok(digest_event_put(store, &e, &created, &f), &f);
        assert_ok(digest_open_put(store, id, AT, INT64_MIN, &f), &f);
    }
    assert_ok(digest_store_commit(store, &f), &f);
    assert_int_equal(post(v, a_deploy("run"), &created, &f), ERR_BUSY);
    bool idle;
    evidence_tell(v, a_deploy("told"));                      /* waits as well, and holds up nobody */
    upper = BEGIN + 2 * FIVE;
    assert_int_equal(evidence_step(v, &idle, &f), ERR_BUSY);
    steps(v);
    assert_ok(post(v, a_deploy("run"), &created, &f), &f);
    assert_true(created);
    evidence_stats(v, &s);
    assert_int_equal(s.open, 1);
    assert_int_equal(s.events, 2);
    assert_int_equal(s.refused, 1);
    evidence_close(v);
}

static void its_thread_links_what_is_posted_and_says_how_long_that_took(void **state)
{
    (void)state;
    struct fault          f = { 0 };
    struct evidence      *v = opened();
    struct evidence_stats s = { 0 };
    uint64_t              all = 0;
    bool                  created;
    a_usual_hour();
    the_event_shows();
    assert_ok(evidence_start(v, &f), &f);
    assert_ok(post(v, a_deploy("run"), &created, &f), &f);
    evidence_tell(v, a_deploy("told"));
    evidence_stop(v);                                    /* what was told is written before it ends */
    evidence_stats(v, &s);
    for (int b = 0; b <= EVIDENCE_BOUNDS; b++)
        all += s.write_count[b];
    assert_int_equal(all, 2);
    assert_int_equal(s.events, 2);
    json_t *e = read_back("told");
    assert_non_null(piece(e, "pattern 2 of"));
    json_decref(e);
    evidence_close(v);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        T(an_event_is_one_however_often_it_is_told), T(what_is_wrong_with_an_event_is_said), T(scores_are_what_the_header_says),
        T(what_rose_failed_or_stands_out_is_linked_with_pointers_to_the_raw_data), T(evidence_is_there_at_once_and_complete_when_the_windows_around_are_written),
        T(what_came_late_is_waited_for_until_all_is_in_that_had_come_when_it_was_told), T(an_event_that_a_crash_left_without_evidence_gets_it_after_the_start),
        T(what_fell_silent_still_has_its_last_words), T(a_digest_db_that_was_put_aside_is_not_written_any_more), T(databases_of_a_server_and_the_host_that_is_named_are_looked_at),
        T(of_too_much_the_best_stays_and_the_rest_is_counted), T(while_the_digest_writes_who_posts_is_told_to_come_again_and_nothing_is_half_there),
        T(what_is_told_and_finds_no_room_is_counted), T(no_more_events_wait_for_evidence_than_there_is_room_for),
        T(its_thread_links_what_is_posted_and_says_how_long_that_took),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
