/* ingest: a back-fill goes piece by piece - it can be killed, stopped and hurried by nothing, and what is due never waits for it for long. */
#include "digest_double.h"
#include "digester_site.h"

#include "event/encode.h"
#include "ingest/digester_inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SPOIL "UPDATE metric_1m SET avg_val = 99; DELETE FROM log_pattern_5m; UPDATE service_call_5m SET calls = 1, rps = 7"

static void made_as_before(char *before)
{
    run_sql(0, "DELETE FROM etl_job_run WHERE asked_at IS NOT NULL");
    char *after = tables(0);
    assert_string_equal(before, after);
    free(before);
    free(after);
}

static void a_long_window_is_made_in_pieces_between_which_other_things_are_done(void **state)
{
    struct fault            fault = { 0 };
    struct journal         *j = a_journal(40, small);
    struct digester_options o = options(0, j, 0);
    struct digester        *d;
    struct digester_stats   s;
    bool                    idle;
    int                     pieces = 0;
    wall = BEGIN + 120 * MINUTE;
    whole(0, j, 0);
    char *before = tables(0);
    run_sql(0, SPOIL);
    assert_ok(digester_open(&o, &d, &fault), &fault);
    turns(d, 10);
    assert_ok(ask(d, "oo-agg", "shop", BEGIN, BEGIN + 40 * MINUTE, &fault), &fault);
    do {
        int64_t good = number(0, "SELECT count(DISTINCT bucket) FROM log_pattern_5m");
        assert_ok(digester_step(d, &idle, &fault), &fault);
        assert_true(number(0, "SELECT count(DISTINCT bucket) FROM log_pattern_5m") - good <= 3);     /* a quarter of an hour at most */
        digester_stats(d, &s);
        pieces++;
    } while (!s.asked_done && pieces < 100);
    assert_true(pieces >= 3 && pieces < 100);
    assert_true(number(0, "SELECT rows FROM etl_job_run WHERE asked_at IS NOT NULL") > 100);
    digester_close(d);
    made_as_before(before);
    journal_close(j);
}

static void a_back_fill_that_is_killed_after_every_piece_goes_on_where_it_was(void **state)
{
    struct fault            fault = { 0 };
    struct journal         *j = a_journal(40, small);
    struct digester_options o = options(0, j, 0);
    struct digester        *d;
    bool                    idle;
    int                     lives = 0;
    wall = BEGIN + 120 * MINUTE;
    whole(0, j, 0);
    char *before = tables(0);
    run_sql(0, SPOIL);
    assert_ok(digester_open(&o, &d, &fault), &fault);
    assert_ok(ask(d, "oo-agg", "shop", BEGIN, BEGIN + 40 * MINUTE, &fault), &fault);
    digester_close(d);
    while (number(0, "SELECT count(*) FROM etl_job_run WHERE status = 'queued'") && lives < 100) {
        assert_ok(digester_open(&o, &d, &fault), &fault);
        assert_ok(digester_step(d, &idle, &fault), &fault);
        digester_close(d);
        lives++;
    }
    assert_true(lives >= 3 && lives < 10);               /* nothing of it was made twice */
    made_as_before(before);
    journal_close(j);
}

static struct digester *_Atomic to_stop;
static _Atomic int      looks;

static void stop_at_a_look(void)
{
    struct digester *d = to_stop;
    if (d && ++looks == 20)
        atomic_store(&d->stopping, true);
}

static void a_piece_is_left_when_we_are_to_stop_and_made_in_the_next_life(void **state)
{
    struct fault            fault = { 0 };
    struct journal         *j = a_journal(10, small);
    struct digester_options o = options(0, j, 0);
    struct digester        *d;
    struct digester_stats   s;
    bool                    idle;
    wall = BEGIN + 60 * MINUTE;
    whole(0, j, 0);
    char *before = tables(0);
    run_sql(0, SPOIL);
    assert_ok(digester_open(&o, &d, &fault), &fault);
    turns(d, 10);
    assert_ok(ask(d, "oo-agg", "shop", BEGIN, BEGIN + 10 * MINUTE, &fault), &fault);
    to_stop = d;
    looks = 0;
    wall_look = stop_at_a_look;                          /* in the midst of reading: it looks at the clock before each record */
    for (int i = 0; i < 10; i++)
        assert_ok(digester_step(d, &idle, &fault), &fault);
    assert_true(looks > 20);
    to_stop = NULL;
    wall_look = NULL;
    assert_int_equal(number(0, "SELECT count(*) FROM log_pattern_5m"), 0);
    atomic_store(&d->stopping, false);
    digester_close(d);
    assert_ok(digester_open(&o, &d, &fault), &fault);
    turns(d, 100);
    digester_stats(d, &s);
    assert_int_equal(s.asked_done, 1);
    digester_close(d);
    made_as_before(before);
    journal_close(j);
}

static void what_is_due_comes_first_and_the_back_fill_gets_on_all_the_same(void **state)
{
    struct fault            fault = { 0 };
    struct journal         *j = a_journal(40, small);
    struct digester_options o = options(0, j, 0);
    struct digester        *d;
    struct digester_stats   s;
    bool                    idle;
    int                     steps = 0, left = 0;
    wall = BEGIN + 60 * MINUTE;
    whole(0, j, 0);
    run_sql(0, SPOIL);
    assert_ok(digester_open(&o, &d, &fault), &fault);
    turns(d, 10);
    assert_ok(ask(d, "oo-agg", "shop", BEGIN, BEGIN + 40 * MINUTE, &fault), &fault);
    wall_step = 5 * US_PER_S;                            /* a window is due every dozen looks at the clock: before any piece can be read */
    do {
        uint64_t windows;
        digester_stats(d, &s);
        windows = s.windows;
        assert_ok(digester_step(d, &idle, &fault), &fault);
        digester_stats(d, &s);
        left += d->left > 0;
        assert_true(d->left <= 2);
        if (d->left == 2)
            assert_true(s.windows > windows);            /* it was left for something */
        steps++;
    } while (!s.asked_done && steps < 1000);
    wall_step = 0;
    assert_true(left > 0 && steps < 1000);
    assert_int_equal(number(0, "SELECT sum(count_total) FROM log_pattern_5m"), 40 * 400);
    digester_close(d);
    journal_close(j);
}

static void a_window_that_is_done_can_be_asked_for_again_and_is_made_from_its_beginning(void **state)
{
    struct fault            fault = { 0 };
    struct journal         *j = a_journal(40, small);
    struct digester_options o = options(0, j, 0);
    struct digester        *d;
    struct digester_stats   s;
    wall = BEGIN + 120 * MINUTE;
    whole(0, j, 0);
    char *before = tables(0);
    assert_ok(digester_open(&o, &d, &fault), &fault);
    for (int i = 1; i < 4; i++) {
        run_sql(0, SPOIL);
        assert_ok(ask(d, "oo-agg", "shop", BEGIN, BEGIN + 40 * MINUTE, &fault), &fault);
        turns(d, 1000);
        digester_stats(d, &s);
        assert_int_equal(s.asked_done, i);
    }
    digester_close(d);
    made_as_before(before);
    journal_close(j);
}

#define QUEUED "SELECT count(*) FROM etl_job_run WHERE status = 'queued'"

static void a_window_that_is_asked_for_before_it_is_over_is_made_when_it_is(void **state)
{
    struct fault            fault = { 0 };
    struct journal         *j = a_journal(12, small);
    struct digester_options o = options(0, j, 0);
    struct digester        *d;
    struct digester_stats   s;
    int64_t                 due;
    wall = BEGIN + 20 * MINUTE;
    whole(0, j, 0);
    assert_ok(digester_open(&o, &d, &fault), &fault);
    assert_ok(digester_ask(d, &(struct digest_request){ "oo-agg", "shop", 0, BEGIN + 15 * MINUTE, BEGIN + 25 * MINUTE }, &due, &fault), &fault);
    assert_int_equal(due, BEGIN + 27 * MINUTE);
    turns(d, 1000);
    assert_int_equal(number(0, QUEUED), 1);
    digester_close(d);                                   /* killed meanwhile */
    assert_ok(digester_open(&o, &d, &fault), &fault);
    minutes_into(j, BEGIN + 20 * MINUTE, 5, small);
    wall = BEGIN + 27 * MINUTE - 1;
    turns(d, 1000);
    digester_stats(d, &s);
    assert_int_equal(number(0, QUEUED), 1);
    assert_int_equal(s.asked_done + s.asked_refused + s.asked_failed, 0);
    wall = BEGIN + 27 * MINUTE;
    turns(d, 1000);
    digester_stats(d, &s);
    assert_int_equal(s.asked_done, 1);
    assert_int_equal(number(0, QUEUED), 0);
    assert_int_equal((number(0, "SELECT window_to FROM etl_job_run WHERE asked_at IS NOT NULL AND status = 'success'") - BEGIN) / MINUTE, 25);
    assert_int_equal(number(0, "SELECT sum(count_total) FROM log_pattern_5m WHERE bucket >= 1700000100000000 + 20 * 60000000"), 5 * 400);
    digester_close(d);
    journal_close(j);
}

static void of_windows_that_are_not_over_only_some_can_wait_and_they_keep_nobody_out(void **state)
{
    struct fault            fault = { 0 };
    struct journal         *j = a_journal(1, small);
    struct digester_options o = options(0, j, 0);
    struct digester        *d;
    wall = BEGIN + 300 * MINUTE;
    whole(0, j, 0);
    assert_ok(digester_open(&o, &d, &fault), &fault);
    for (int i = 0; i < DIGEST_AHEAD_MAX; i++)
        assert_ok(ask(d, "oo-agg", "shop", wall + i * MINUTE, wall + (i + 1) * MINUTE, &fault), &fault);
    assert_int_equal(ask(d, "oo-agg", "shop", wall + 100 * MINUTE, wall + 101 * MINUTE, &fault), ERR_INPUT);
    assert_non_null(strstr(fault.text, "16 windows that are not over yet wait already"));
    assert_ok(ask(d, "oo-agg", "shop", wall, wall + MINUTE, &fault), &fault);                    /* it waits already */
    for (int i = 0; i < DIGEST_ASKED_MAX; i++)
        assert_ok(ask(d, "oo-agg", "shop", BEGIN + i * MINUTE, BEGIN + (i + 1) * MINUTE, &fault), &fault);
    digester_close(d);
    journal_close(j);
}

/* ---- calls ---- */

static void send(struct journal *j, const char *tenant, struct event *e, size_t count)
{
    const struct event *list[16];
    struct fault        fault = { 0 };
    struct text         body;
    assert_true(count <= 16);
    for (size_t i = 0; i < count; i++)
        list[i] = &e[i];
    text_init(&body, 1 << 16);
    assert_ok(event_encode(list, count, &body, &fault), &fault);
    const enum record_kind kinds[] = { [EVENT_LOG] = RECORD_OTLP_LOGS, [EVENT_POINT] = RECORD_OTLP_METRICS, [EVENT_SPAN] = RECORD_OTLP_TRACES };
    struct record r = { .kind = kinds[e->type], .form = FORM_PROTOBUF, .events = (uint32_t)count, .tenant = slice_of(tenant), .source = SLICE("otlp"), .body = { body.s, body.used } };
    assert_ok(journal_append_wait(j, &r, NULL, &fault), &fault);
    text_done(&body);
}

static void send_spans(struct journal *j, struct event *e, size_t count) { send(j, "shop", e, count); }

/* A minute of calls that their own times place elsewhere: a server whose clock is hours off, calls of a quarter of an hour, parents that come later. */
static void calls_of_a_minute(struct journal *j, int minute)
{
    static const double    off[] = { 0, -7200, -1800, -300, 300, 1500, 7200 };
    const struct resource *web = a_resource("service.name", "web"), *cart = a_resource("service.name", "cart"), *mail = a_resource("service.name", "mail");
    int                    t = 1 + minute * 5;
    double                 now = (double)(BEGIN + minute * MINUTE) / 1e6 + 30;
    struct event           server = a_span(cart, SPAN_SERVER, t, 2, 1, now + off[minute % 7], 9), client = a_span(web, SPAN_CLIENT, t, 1, 9, now, 10), producer = a_span(web, SPAN_PRODUCER, t + 3, 1, 9, now, 1);
    struct span_link       link = { .trace_id = producer.as.span.trace_id, .span_id = producer.as.span.span_id };
    struct event           below = a_span(cart, SPAN_SERVER, t, 3, 2, now, 8), slow = a_span(web, SPAN_CLIENT, t + 1, 1, 9, now - 900, 900000), slowly = a_span(mail, SPAN_SERVER, t + 1, 2, 1, now - 900, 899000);
    struct event           receive = a_span(mail, SPAN_CONSUMER, t + 2, 3, 0, now, 9), process = a_span(mail, SPAN_CONSUMER, t + 2, 2, 3, now, 8), shared = a_span(cart, SPAN_SERVER, t + 4, 1, 9, now, 3);
    struct event           sharing = a_span(mail, SPAN_CLIENT, t + 4, 1, 9, now, 4);
    process.as.span.links = &link;
    process.as.span.links_n = 1;
    slow.attrs = sharing.attrs = an_attr("server.address", "10.0.0.7");
    producer.attrs = an_attr("messaging.destination.name", "jobs");
    wall = BEGIN + minute * MINUTE + 40 * US_PER_S;
    send_spans(j, minute % 2 ? (struct event[]){ below, server, process, slowly, shared } : (struct event[]){ client, producer, sharing, slow, receive }, 5);
    for (int i = 0; i < 8; i++) {                            /* too old for any window, each of another one */
        struct event old = a_span(cart, SPAN_SERVER, 250, 9, 0, now - 7200 - (minute * 8 + i) * 300, 9);
        send_spans(j, &old, 1);
    }
    wall += 10 * US_PER_S;
    send_spans(j, minute % 2 ? (struct event[]){ client, producer, sharing, slow, receive } : (struct event[]){ below, server, process, slowly, shared }, 5);
}

static void calls_are_counted_once_and_the_same_again_whatever_their_clocks_say(void **state)
{
    enum { MINUTES = 30 };
    struct fault            fault = { 0 };
    struct journal         *j = the_journal();
    struct digester_options o = options(0, j, 0);
    struct digester        *d;
    struct digester_stats   s;
    for (int m = 0; m < MINUTES; m++)
        calls_of_a_minute(j, m);
    wall = BEGIN + 120 * MINUTE;
    whole(0, j, 0);
    char *before = tables(0);
    assert_int_equal(number(0, "SELECT count(*) FROM service_call_5m c JOIN dim_resource r ON r.resource_id = src_resource_id WHERE urn = 'urn:external'"), MINUTES / 5);      /* receive: a root */
    assert_int_equal(number(0, "SELECT sum(calls) FROM service_call_5m c JOIN dim_resource r ON r.resource_id = src_resource_id WHERE urn = 'urn:external'"), MINUTES);
    assert_int_equal(number(0, "SELECT sum(calls) FROM service_call_5m"), 5 * MINUTES);      /* web to cart, web to mail slowly, web to mail by a queue, mail to cart, and that */
    assert_int_equal(number(0, "SELECT count(*) FROM service_call_5m"), 4 * MINUTES / 5);
    assert_ok(digester_open(&o, &d, &fault), &fault);
    turns(d, 10);
    for (int from = 0; from < MINUTES; from += 5) {          /* each by itself; at last all of them */
        run_sql(0, SPOIL);
        for (int at = from; at == from || (from + 5 == MINUTES && at >= 0); at -= 5)
            assert_ok(ask(d, "oo-agg", "shop", BEGIN + at * MINUTE, BEGIN + (at + 5) * MINUTE, &fault), &fault);
        turns(d, 1000);
        char ask[160];
        (void)snprintf(ask, sizeof ask, "SELECT sum(calls) FROM service_call_5m WHERE bucket = %lld", (long long)(BEGIN + from * MINUTE));
        assert_int_equal(number(0, ask), 25);
    }
    digester_stats(d, &s);
    assert_int_equal(s.asked_refused + s.asked_failed, 0);
    digester_close(d);
    made_as_before(before);
    journal_close(j);
}

/* ---- series, tenants ---- */

static void make_again(struct journal *j, const char *tenant, int minutes)
{
    struct fault            fault = { 0 };
    struct digester_options o = options(0, j, 0);
    struct digester        *d;
    struct digester_stats   s;
    char                   *before = tables(0);
    assert_ok(digester_open(&o, &d, &fault), &fault);
    turns(d, 10);
    for (int at = 0; at < minutes; at += 5)              /* each by itself, so that each begins in the middle of what came */
        assert_ok(ask(d, "oo-agg", tenant, BEGIN + at * MINUTE, BEGIN + (at + 5) * MINUTE, &fault), &fault);
    turns(d, 1000);
    digester_stats(d, &s);
    assert_int_equal(s.asked_done, minutes / 5);
    digester_close(d);
    made_as_before(before);
}

static void counters_that_come_seldom_keep_their_rates_when_their_windows_are_made_again(void **state)
{
    struct journal *j = the_journal();
    for (int m = 0; m < 85; m += 14) {                   /* a series is known for a quarter of an hour */
        struct event e = a_counter(a_resource("service.name", "cart"), "orders", 1000, (double)(BEGIN + m * MINUTE) / 1e6 + 1, 60 * m);
        wall = BEGIN + m * MINUTE + 2 * US_PER_S;
        send(j, "shop", &e, 1);
    }
    wall = BEGIN + 120 * MINUTE;
    whole(0, j, 0);
    assert_int_equal(number(0, "SELECT count(*) FROM metric_1m WHERE avg_val BETWEEN 0.99 AND 1.01"), 6);
    make_again(j, "shop", 85);
    journal_close(j);
}

static void tenants_without_room_keep_their_rows_when_those_of_other_are_made_again(void **state)
{
    struct journal *j = the_journal();
    for (int t = 0; t < PLACES_TENANTS_MAX + 4; t++) {   /* one tenant is the installation's own */
        char         code[16];
        struct event e = a_point(a_resource("service.name", "cart"), "queue", POINT_GAUGE, (double)(BEGIN + MINUTE) / 1e6, 1);
        (void)snprintf(code, sizeof code, "t%d", t);
        wall = BEGIN + MINUTE + US_PER_S;
        send(j, code, &e, 1);
    }
    wall = BEGIN + 60 * MINUTE;
    whole(0, j, 0);
    assert_int_equal(number(0, "SELECT samples FROM metric_1m JOIN dim_tenant USING (tenant_id) WHERE code = 'other'"), 4 + number(0, "SELECT count(*) FROM dim_tenant WHERE code = ''"));
    make_again(j, "other", 5);
    make_again(j, "t7", 5);
    journal_close(j);
}

/* Patterns that had no room are learned anew when their lines are read again. */
static void lines_of_a_window_that_is_still_open_are_counted_once_when_it_is_made_again(void **state)
{
    static const char *const lines[] = { "door opened", "door shut, red", "lamp: on", "lamp (off) now", "pump = dry", "[fan] hot", "fuse -> blown", "rain; wet", "key|lost", "bell!" };
    enum { LINES = sizeof lines / sizeof *lines };
    struct fault            fault = { 0 };
    struct journal         *j = the_journal();
    struct digester_options o = options(0, j, 0);
    struct digester        *d;
    struct event            e[LINES];
    const struct resource  *cart = a_resource("service.name", "cart");
    o.feed.logs.patterns.patterns_max = 3;
    for (int i = 0; i < LINES; i++)
        e[i] = a_log(cart, (double)BEGIN / 1e6 + i, 9, lines[i]);
    wall = BEGIN + 20 * US_PER_S;
    send(j, "shop", e, LINES);
    assert_ok(digester_open(&o, &d, &fault), &fault);
    wall = BEGIN + 8 * MINUTE;                           /* written, and open for what is late */
    turns(d, 100);
    assert_int_equal(number(0, "SELECT sum(count_total) FROM log_pattern_5m"), LINES);
    run_sql(0, "DELETE FROM log_pattern_5m");
    assert_ok(ask(d, "oo-agg", "shop", BEGIN, BEGIN + 5 * MINUTE, &fault), &fault);
    turns(d, 100);
    assert_int_equal(number(0, "SELECT sum(count_total) FROM log_pattern_5m"), LINES);
    send(j, "shop", e, 1);                               /* late */
    wall += MINUTE;
    turns(d, 100);
    assert_int_equal(number(0, "SELECT sum(count_total) FROM log_pattern_5m"), LINES + 1);
    wall += 30 * MINUTE;
    turns(d, 100);
    assert_ok(ask(d, "oo-agg", "shop", BEGIN, BEGIN + 5 * MINUTE, &fault), &fault);      /* not open any more */
    turns(d, 100);
    assert_int_equal(number(0, "SELECT sum(count_total) FROM log_pattern_5m"), LINES + 1);
    digester_close(d);
    journal_close(j);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, site_make, site_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_long_window_is_made_in_pieces_between_which_other_things_are_done),
        TEST(a_back_fill_that_is_killed_after_every_piece_goes_on_where_it_was),
        TEST(a_piece_is_left_when_we_are_to_stop_and_made_in_the_next_life),
        TEST(what_is_due_comes_first_and_the_back_fill_gets_on_all_the_same),
        TEST(calls_are_counted_once_and_the_same_again_whatever_their_clocks_say),
        TEST(a_window_that_is_done_can_be_asked_for_again_and_is_made_from_its_beginning),
        TEST(a_window_that_is_asked_for_before_it_is_over_is_made_when_it_is),
        TEST(counters_that_come_seldom_keep_their_rates_when_their_windows_are_made_again),
        TEST(tenants_without_room_keep_their_rows_when_those_of_other_are_made_again),
        TEST(lines_of_a_window_that_is_still_open_are_counted_once_when_it_is_made_again),
        TEST(of_windows_that_are_not_over_only_some_can_wait_and_they_keep_nobody_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
