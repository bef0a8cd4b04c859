/* ingest: events that no sink takes are counted, or become dead letters that can be sent again. */
#include "ship_fixture.h"

#include "conf/conf.h"
#include "event/encode.h"
#include "ingest/conf.h"
#include "ingest/unrouted.h"
#include "relabel/conf.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct conf_section *const sections[] = { &sinks_section, &relabel_section, &ingest_section };

static struct world     w;
static struct conf     *conf;
static struct unrouted *u;
static struct ship     *ship;
static uint64_t         version;

static int begin(void **state)
{
    (void)state;
    world_begin(&w, true);
    conf = NULL;
    u = NULL;
    struct ship_options o = { .journal = w.journal, .dead = w.dead };
    return ship_new(&o, &ship, &fault) == OK ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    ship_free(ship);
    unrouted_free(u);
    conf_free(conf);
    world_end(&w);
    return 0;
}

#define SINK(name, more) "  " name ":\n    kind: files\n    folder: /tmp/nowhere\n" more

/* By these settings from now on. */
static void go_by(const char *sinks, const char *more)
{
    char             text[4000];
    struct conf     *now = NULL;
    struct unrouted *fresh;
    snprintf(text, sizeof text, "sinks:\n%s%s", sinks, more);
    assert_ok(conf_load_text("test", text, strlen(text), sections, 3, &now, NULL, &fault), &fault);
    assert_ok(unrouted_new(now, w.journal, &fresh, &fault), &fault);
    struct ship_sink sink = fresh ? unrouted_sink(fresh, ++version) : (struct ship_sink){ 0 };
    assert_ok(ship_configure(ship, &sink, fresh ? 1 : 0, &fault), &fault);
    unrouted_free(u);
    conf_free(conf);
    u = fresh;
    conf = now;
}

static struct ship_stats stats(void)
{
    struct ship_stats s = { 0 };
    (void)ship_stats(ship, &s, 1);
    return s;
}

static void until_committed(uint64_t id)
{
    for (int i = 0; stats().committed < id; i++) {
        if (i > 30000)
            fail_msg("only %llu was committed", (unsigned long long)stats().committed);
        (void)nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
    }
}

static uint64_t unrouted(void)
{
    struct ship_stats s = stats();
    return unrouted_count(&s);
}

static size_t letters(void) { return letters_of(&w, "unrouted", (int[100]){ 0 }, 100); }

static void what_no_sink_takes_is_counted_and_nothing_else_is(void **state)
{
    (void)state;
    go_by(SINK("even", "    match: [parity=even]\n") SINK("six", "    match: ['severity=6']\n"), "");       /* the line 5 has severity 6 */
    (void)append_lines(&w, 0, 9);
    until_committed(append_point(&w, "heat", 1));
    assert_int_equal(unrouted(), 4 + 1);         /* 1 3 7 9, and the point */
    assert_int_equal(letters(), 0);
    assert_int_equal(stats().dropped, 0);                                                   /* nobody chose to drop anything */
    assert_false(unrouted_keeps(u));
}

static void what_a_rule_drops_was_dropped_on_purpose_and_what_it_changes_is_routed_as_changed(void **state)
{
    (void)state;
    go_by(SINK("made", "    relabel: [r]\n    match: [parity=none]\n"),
          "relabel:\n- {set: r, source_labels: [parity], regex: odd, action: drop}\n- {set: r, source_labels: [body], regex: '4', target_label: parity, replacement: none}\n");
    until_committed(append_lines(&w, 0, 9));
    assert_int_equal(unrouted(), 4);             /* 0 2 6 8 */
}

static void nobody_looks_where_some_sink_takes_everything(void **state)
{
    (void)state;
    go_by(SINK("all", "") SINK("even", "    match: [parity=even]\n"), "");
    assert_null(u);
    go_by(SINK("logs", "    types: [logs]\n") SINK("rest", "    types: [metrics, traces]\n    match: [service.name=x]\n"), "");
    assert_non_null(u);
    until_committed(append_lines(&w, 0, 9));
    assert_int_equal(unrouted(), 0);
    go_by(SINK("detail", "    types: []\n"), "");
    assert_null(u);
}

static uint64_t append_delta(void)
{
    struct text         body CLEANUP(text_done);
    struct resource     none = { 0 };
    struct scope        scope = { 0 };
    struct event        e = { .type = EVENT_POINT, .resource = &none, .scope = &scope };
    const struct event *one = &e;
    e.as.point = (struct point_event){ .name = SLICE("sold"), .kind = POINT_SUM, .temporality = TEMPORALITY_DELTA, .time_ns = 1000000, .value = 1 };
    text_init(&body, 4096);
    assert_ok(event_encode(&one, 1, &body, &fault), &fault);
    return append_raw(&w, RECORD_OTLP_METRICS, FORM_PROTOBUF, (struct slice){ body.s, body.used }, 1);
}

static void what_no_kind_can_hold_is_unrouted_though_its_type_is_taken(void **state)
{
    (void)state;
    go_by("  prom:\n    kind: remote-write\n    url: http://127.0.0.1:9/w\n" SINK("logs", "    types: [logs, traces]\n"), "");
    assert_non_null(u);                                  /* remote write does not hold every point */
    until_committed(append_point(&w, "heat", 1));
    assert_int_equal(unrouted(), 0);
    until_committed(append_delta());
    assert_int_equal(unrouted(), 1);
}

static void records_that_cannot_be_read_are_the_letters_of_the_sinks_and_not_of_this(void **state)
{
    (void)state;
    go_by(SINK("even", "    match: [parity=even]\n"), "ingest: {unrouted: dead_letter}\n");
    until_committed(append_raw(&w, RECORD_OTLP_LOGS, FORM_PROTOBUF, SLICE("\x0a\xff"), 1));
    assert_int_equal(letters(), 0);
    assert_int_equal(stats().dead, 0);
}

/* The records behind `from`, and whether each is marked. */
static size_t records_behind(uint64_t from, bool *again)
{
    struct journal_consumer *c;
    struct record            r;
    size_t                   n = 0;
    *again = true;
    assert_ok(journal_consumer_open(w.journal, "look", from + 1, &c, &fault), &fault);
    while (journal_read(c, &r, &fault) == OK) {
        n += r.events;
        *again &= unrouted_again(&r);
        assert_true(slice_is(r.source, "test"));
    }
    journal_consumer_close(c);
    return n;
}

static void they_become_dead_letters_and_a_replay_offers_them_to_the_sinks_of_then(void **state)
{
    (void)state;
    bool again;
    go_by(SINK("even", "    match: [parity=even]\n"), "ingest: {unrouted: dead_letter}\n");
    uint64_t last = append_lines(&w, 0, 9);
    until_committed(last);
    struct dead_letter l CLEANUP(dead_letter_done) = { 0 };
    assert_int_equal(letters(), 5);
    assert_ok(dead_next(w.dead, 0, &l, &fault), &fault);
    assert_string_equal(l.why, "unrouted");
    assert_int_equal(unrouted(), 5);
    go_by(SINK("all", ""), "ingest: {unrouted: dead_letter}\n");      /* now somebody takes them */
    assert_true(unrouted_keeps(u));
    assert_ok(ship_dead_replay(ship, "unrouted", &fault), &fault);
    for (int i = 0; stats().replayed < 5 && i < 30000; i++)
        (void)nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
    assert_int_equal(records_behind(last, &again), 5);
    assert_true(again);
    assert_int_equal(letters(), 5);                                    /* none was written anew */
    assert_int_equal(unrouted(), 5);
}

static void a_sink_of_the_configuration_cannot_be_called_so(void **state)
{
    (void)state;
    struct conf *c = NULL;
    const char  *text = "sinks:\n  unrouted: {kind: files, folder: /tmp/nowhere}\n", *old = "sinks:\n  a: {kind: files, folder: /tmp/nowhere, formerly: [unrouted]}\n";
    assert_int_equal(conf_load_text("test", text, strlen(text), sections, 3, &c, NULL, &fault), ERR_INPUT);
    assert_non_null(strstr(fault.text, "unrouted is the name of what no sink takes"));
    assert_int_equal(conf_load_text("test", old, strlen(old), sections, 3, &c, NULL, &fault), ERR_INPUT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_no_sink_takes_is_counted_and_nothing_else_is),
        TEST(what_a_rule_drops_was_dropped_on_purpose_and_what_it_changes_is_routed_as_changed),
        TEST(nobody_looks_where_some_sink_takes_everything),
        TEST(what_no_kind_can_hold_is_unrouted_though_its_type_is_taken),
        TEST(records_that_cannot_be_read_are_the_letters_of_the_sinks_and_not_of_this),
        TEST(they_become_dead_letters_and_a_replay_offers_them_to_the_sinks_of_then),
        TEST(a_sink_of_the_configuration_cannot_be_called_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
