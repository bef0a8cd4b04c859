/* scrape: what one answer becomes beside the one before: series that go, come, are there twice, are renamed; and what is said of the target. */
#include "unit.h"

#include "event/event.h"
#include "scrape/turn.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct fault       fault;
static struct conf       *conf;
static struct turn        turn;
static struct series_set *set;
static struct relabel    *rules;
static struct turn_ask    ask;
static struct label       labels[] = { { { "instance", 8 }, { "h:1", 3 } }, { { "job", 3 }, { "j", 1 } } };

static const struct conf_section *const sections[] = { &scrape_section, &relabel_section };

static void load(const char *text)
{
    size_t n;
    relabel_free(rules);
    conf_free(conf);
    assert_ok(conf_load_text("t.yaml", text, strlen(text), sections, 2, &conf, NULL, &fault), &fault);
    const struct scrape_job *job = conf_instances(conf, &scrape_section, &n);
    const struct relabel_rule *rule = conf_instances(conf, &relabel_section, &n);
    assert_ok(relabel_new(rule, n, &job->metric_relabel, &rules, &fault), &fault);
    ask = (struct turn_ask){ .job = job, .label = labels, .labels = 2, .rules = rules, .time_ms = 1000, .series_max = 1000 };
}

static int begin(void **state)
{
    conf = NULL;
    rules = NULL;
    turn_init(&turn);
    set = series_set_new();
    load("scrape: { j: { targets: [\"h:1\"] } }");
    return 0;
}

static int end(void **state)
{
    turn_done(&turn);
    series_set_free(set);
    relabel_free(rules);
    conf_free(conf);
    return 0;
}

static enum err take_form(const char *body, enum exposition_form form)
{
    ask.time_ms += 1000;
    return turn_take(&turn, &ask, set, form, slice_of(body), &fault);
}

static void take(const char *body) { assert_ok(take_form(body, EXPOSITION_TEXT), &fault); }

/* A body of remote write as lines: name{label="v",...} value time, in order; "stale" for the mark. Labels of the target are left out. */
static const char *lines_of(struct remote_writer *w)
{
    static char          out[16384];
    struct remote        r;
    struct remote_series s;
    struct remote_sample v;
    struct arena         a;
    size_t               n = 0;
    enum err             e;
    arena_init(&a, 1 << 20);
    *out = '\0';
    assert_ok(remote_open(&r, w->version, remote_write_take(w), &a, &fault), &fault);
    while (remote_next(&r, &s, &e, &fault)) {
        assert_int_equal(s.flaw, REMOTE_FINE);
        assert_true(s.sorted);
        n += (size_t)snprintf(out + n, sizeof out - n, "%.*s", (int)s.name.n, s.name.s);
        for (size_t i = 0; i < s.labels.count; i++)
            if (!slice_is(s.labels.item[i].name, "__name__") && !slice_is(s.labels.item[i].name, "job") && !slice_is(s.labels.item[i].name, "instance"))
                n += (size_t)snprintf(out + n, sizeof out - n, " %.*s=%.*s", (int)s.labels.item[i].name.n, s.labels.item[i].name.s, (int)s.labels.item[i].value.n, s.labels.item[i].value.s);
        while (remote_sample_next(&s, &v)) {
            uint64_t bits;
            memcpy(&bits, &v.value, sizeof bits);
            if (bits == REMOTE_STALE_BITS)
                n += (size_t)snprintf(out + n, sizeof out - n, " stale %lld\n", (long long)v.time_ms);
            else
                n += (size_t)snprintf(out + n, sizeof out - n, " %g %lld\n", v.value, (long long)v.time_ms);
        }
    }
    assert_ok(e, &fault);
    arena_done(&a);
    return out;
}

static void a_series_that_vanishes_is_marked_once_at_the_time_of_the_scrape(void **state)
{
    take("a 1\nb{x=\"1\"} 2\nb{x=\"2\"} 3\n");
    assert_string_equal(lines_of(&turn.report), "");
    assert_int_equal(turn.added, 3);
    assert_false(turn.rewritten);
    take("a 1\nb{x=\"2\"} 3\n");
    assert_string_equal(lines_of(&turn.report), "b x=1 stale 3000\n");
    assert_int_equal(turn.added, 0);
    take("a 1\nb{x=\"2\"} 3\n");
    assert_string_equal(lines_of(&turn.report), "");
    take("a 1\nb{x=\"2\"} 3\nb{x=\"1\"} 3\n");
    assert_int_equal(turn.added, 1);
    take("");
    assert_int_equal(turn.ended, 3);
}

static void a_target_that_does_not_answer_ends_all_its_series_once(void **state)
{
    take("a 1\nb 2\n");
    turn_miss(&turn, &ask, set, false);
    turn_report(&turn, &ask, false, 0.5);
    assert_string_equal(lines_of(&turn.report), "a stale 2000\nb stale 2000\nup 0 2000\nscrape_duration_seconds 0.5 2000\nscrape_samples_scraped 0 2000\n"
                                                "scrape_samples_post_metric_relabeling 0 2000\nscrape_series_added 0 2000\n");
    turn_miss(&turn, &ask, set, false);
    assert_string_equal(lines_of(&turn.report), "");
}

static void a_target_that_is_removed_ends_what_is_said_of_it_too(void **state)
{
    take("a 1\n");
    turn_miss(&turn, &ask, set, true);
    assert_string_equal(lines_of(&turn.report), "a stale 2000\nup stale 2000\nscrape_duration_seconds stale 2000\nscrape_samples_scraped stale 2000\n"
                                                "scrape_samples_post_metric_relabeling stale 2000\nscrape_series_added stale 2000\n");
}

static void an_answer_that_breaks_off_counts_for_nothing(void **state)
{
    take("a 1\n");
    assert_int_equal(take_form("# TYPE a gauge\na 1\n# TYPE c gauge\nc 2\n", EXPOSITION_OPENMETRICS), ERR_INPUT);
    assert_string_equal(lines_of(&turn.report), "a stale 3000\n");
    assert_int_equal(series_set_count(set), 0);
    assert_int_equal(take_form("a 1\nnew 1\nb{ 2\n", EXPOSITION_TEXT), ERR_INPUT);
    assert_string_equal(lines_of(&turn.report), "");
    take("a 1\n");
    assert_int_equal(turn.added, 1);
}

static void limits_fail_the_whole_scrape(void **state)
{
    load("scrape: { j: { targets: [\"h:1\"], samples_max: 2, labels_max: 2, label_name_max: 8B, label_value_max: 8B } }");
    take("a 1\nb 1\n");
    assert_int_equal(take_form("a 1\nb 1\nc 1\n", EXPOSITION_TEXT), ERR_LIMIT);
    assert_int_equal(take_form("a{x=\"1\",y=\"2\",z=\"3\"} 1\n", EXPOSITION_TEXT), ERR_LIMIT);
    assert_int_equal(take_form("a{x=\"123456789\"} 1\n", EXPOSITION_TEXT), ERR_LIMIT);
    assert_int_equal(take_form("a{abcdefghi=\"1\"} 1\n", EXPOSITION_TEXT), ERR_LIMIT);
    assert_int_equal(take_form("abcdefghi 1\n", EXPOSITION_TEXT), ERR_LIMIT);
    ask.series_max = 1;
    assert_int_equal(take_form("a 1\nb 1\n", EXPOSITION_TEXT), ERR_LIMIT);
    assert_int_equal(series_set_count(set), 0);
}

static void what_rules_drop_does_not_count_as_a_sample_too_many(void **state)
{
    char   many[1024];
    size_t n = 0;
    load("relabel:\n  - { set: m, source_labels: [__name__], regex: \"go_.*\", action: drop }\n"
         "scrape: { j: { targets: [\"h:1\"], samples_max: 2, metric_relabel: [m] } }\n");
    take("go_a 1\na 1\ngo_b 1\nb 1\ngo_c 1\n");
    assert_int_equal(turn.kept, 2);
    assert_int_equal(take_form("go_a 1\na 1\ngo_b 1\nb 1\nc 1\n", EXPOSITION_TEXT), ERR_LIMIT);
    assert_non_null(strstr(fault.text, "after rules"));
    assert_string_equal(lines_of(&turn.report), "a stale 3000\nb stale 3000\n");
    for (int i = 0; i < 33; i++)                 /* what may be dropped has a bound, too */
        n += (size_t)snprintf(many + n, sizeof many - n, "go_%d 1\n", i);
    assert_int_equal(take_form(many, EXPOSITION_TEXT), ERR_LIMIT);
    *strrchr(many, 'g') = '\0';
    take(many);
}

static void of_a_series_that_is_there_twice_the_first_counts(void **state)
{
    take("a{x=\"1\",y=\"2\"} 1\na{y=\"2\",x=\"1\"} 2\nb 3\na{x=\"1\",y=\"2\"} 4\n");
    assert_int_equal(turn.doubles, 2);
    assert_int_equal(turn.kept, 2);
    assert_true(turn.rewritten);
    assert_string_equal(lines_of(&turn.data), "a x=1 y=2 1 2000\nb 3 2000\n");
    turn_report(&turn, &ask, true, 0.25);
    assert_string_equal(lines_of(&turn.report), "up 1 2000\nscrape_duration_seconds 0.25 2000\nscrape_samples_scraped 4 2000\nscrape_samples_post_metric_relabeling 4 2000\nscrape_series_added 2 2000\n");
    take("a{x=\"1\",y=\"2\"} 1\nb 3\n");
    assert_false(turn.rewritten);
}

static void rules_drop_and_rename_series(void **state)
{
    load("relabel:\n"
         "  - { set: m, source_labels: [__name__], regex: \"go_.*\", action: drop }\n"
         "  - { set: m, source_labels: [__name__], regex: \"old_(.*)\", target_label: __name__, replacement: \"new_$1\" }\n"
         "  - { set: m, regex: noise, action: labeldrop }\n"
         "scrape: { j: { targets: [\"h:1\"], metric_relabel: [m] } }\n");
    take("go_gc 1\nold_x{noise=\"1\"} 2\nplain{noise=\"7\",k=\"v\"} 3 777\n");
    assert_true(turn.rewritten);
    assert_int_equal(turn.dropped, 1);
    assert_string_equal(lines_of(&turn.data), "new_x 2 2000\nplain k=v 3 777\n");
    take("go_gc 1\nold_x{noise=\"2\"} 2\n");     /* another one as it stands, the same as it is kept */
    assert_string_equal(lines_of(&turn.report), "");
    assert_int_equal(turn.added, 0);
    take("go_gc 1\n");
    assert_string_equal(lines_of(&turn.report), "new_x stale 4000\n");
}

static void times_of_the_target_are_kept_or_not_as_it_is_set(void **state)
{
    take("a 1 500\nb 1\n");
    assert_false(turn.rewritten);
    take("");
    assert_string_equal(lines_of(&turn.report), "b stale 3000\n");         /* nobody knows when `a` ended */
    load("scrape: { j: { targets: [\"h:1\"], honor_timestamps: no } }");
    take("a 1 500\n");
    assert_string_equal(lines_of(&turn.data), "a 1 2000\n");
    take("");
    assert_string_equal(lines_of(&turn.report), "a stale 3000\n");
}

static void labels_that_the_target_has_too_are_exported_or_honored(void **state)
{
    take("a{job=\"x\",exported_job=\"y\"} 1\na{job=\"x\",exported_job=\"y\"} 1\n");
    assert_string_equal(lines_of(&turn.data), "a exported_exported_job=x exported_job=y 1 2000\n");
    load("scrape: { j: { targets: [\"h:1\"], honor_labels: yes } }");
    series_set_rethink(set);
    take("a{job=\"x\",instance=\"\"} 1\na{job=\"x\",instance=\"\"} 1\n");
    struct remote        r;
    struct remote_series s;
    enum err             e;
    assert_ok(remote_open(&r, turn.data.version, remote_write_take(&turn.data), &turn.arena, &fault), &fault);
    assert_true(remote_next(&r, &s, &e, &fault));
    assert_int_equal(s.labels.count, 2);
    assert_true(slice_is(s.labels.item[1].value, "x"));
}

/* Labels of an event, sorted, with its name and kind. */
struct seen { char text[64][256]; size_t n; };

static int by_text(const void *a, const void *b) { return strcmp(a, b); }

static bool see(void *ctx, const struct event *e)
{
    struct seen *seen = ctx;
    char         all[16][64];
    char        *to = seen->text[seen->n++];
    for (size_t i = 0; i < e->attrs.count; i++)
        (void)snprintf(all[i], sizeof all[i], "%.*s=%.*s", (int)e->attrs.item[i].key.n, e->attrs.item[i].key.s, (int)e->attrs.item[i].value.as.text.n, e->attrs.item[i].value.as.text.s);
    qsort(all, e->attrs.count, sizeof all[0], by_text);
    to += sprintf(to, "%.*s %g %d %d %.*s", (int)e->as.point.name.n, e->as.point.name.s, e->as.point.value, (int)e->as.point.kind, (int)e->as.point.monotonic,
                  (int)e->as.point.description.n, e->as.point.description.n ? e->as.point.description.s : "");
    for (size_t i = 0; i < e->attrs.count; i++)
        to += sprintf(to, " %s", all[i]);
    return true;
}

static void read_events(enum record_kind kind, enum record_form form, struct slice record_labels, struct slice body, struct seen *seen)
{
    struct record       r = { .id = 1, .received_us = 2000000, .kind = kind, .form = form, .labels = record_labels, .body = body };
    struct event_report report;
    struct arena        a;
    arena_init(&a, 1 << 20);
    seen->n = 0;
    assert_ok(event_read(&r, &a, see, seen, &report, &fault), &fault);
    arena_done(&a);
}

static void what_is_written_again_says_the_same_as_the_body_would(void **state)
{
    static const char  text[] = "a{job=\"x\",k=\"v\",e=\"\"} 1\nb{instance=\"i\",exported_instance=\"z\"} 2\nc{q=\"a\\\"b\\\\n\"} 3\n"
                                "# TYPE pg_stat_activity_count gauge\n# HELP pg_stat_activity_count connections\npg_stat_activity_count 4\n"
                                "# TYPE d counter\nd 5\n# TYPE h histogram\nh_bucket{le=\"+Inf\"} 6\n";
    static struct seen straight, again;
    struct slice       l = { "instance\0h:1\0job\0j", 19 };
    load("relabel: [{ set: m, regex: nothing, action: labeldrop }]\nscrape: { j: { targets: [\"h:1\"], metric_relabel: [m] } }");
    take(text);
    assert_true(turn.rewritten);
    read_events(RECORD_REMOTE_WRITE, turn.data.version == REMOTE_V2 ? FORM_PROTOBUF_2 : FORM_PROTOBUF, SLICE(""), remote_write_take(&turn.data), &again);
    read_events(RECORD_EXPOSITION, FORM_TEXT, l, slice_of(text), &straight);
    assert_int_equal(straight.n, 6);
    assert_int_equal(again.n, 6);
    for (size_t i = 0; i < 6; i++)
        assert_string_equal(straight.text[i], again.text[i]);
}

static void many_that_come_and_go_do_not_pile_up(void **state)
{
    static char body[64 * 1024];
    for (int turn_n = 0; turn_n < 50; turn_n++) {
        size_t n = 0;
        for (int i = 0; i < 500; i++)
            n += (size_t)snprintf(body + n, sizeof body - n, "a{x=\"%d\"} 1\n", turn_n * 250 + i);
        ask.series_max = 3000;
        take(body);
        assert_int_equal(turn.ended, turn_n ? 250 : 0);
        assert_int_equal(turn.added, turn_n ? 250 : 500);
        assert_true(series_set_count(set) < 1100);
    }
}

/* What readers get of it, each with the room that all of them have. */
static struct { size_t records, events, stale; } got;

static bool count_event(void *ctx, const struct event *e)
{
    got.events++;
    got.stale += e->as.point.stale;
    return true;
}

static void read_record(enum record_kind kind, enum record_form form, struct slice record_labels, struct slice body)
{
    struct record       r = { .id = 1, .received_us = 2000000, .kind = kind, .form = form, .labels = record_labels, .body = body };
    struct event_report report;
    struct arena        a;
    arena_init(&a, EVENT_DECODED_MAX);
    assert_ok(event_read(&r, &a, count_event, NULL, &report, &fault), &fault);
    arena_done(&a);
    got.records++;
}

static void read_part(void *ctx, struct turn *t, struct remote_writer *w)
{
    assert_ptr_equal(ctx, &got);
    read_record(RECORD_REMOTE_WRITE, w->version == REMOTE_V2 ? FORM_PROTOBUF_2 : FORM_PROTOBUF, SLICE(""), remote_write_take(w));
}

static void more_than_readers_have_room_for_comes_in_parts(void **state)
{
    enum { SERIES = 24000, LABELS = 60 };
    char  *body = malloc((size_t)SERIES * (LABELS * 10 + 40)), *to = body;
    for (int i = 0; i < SERIES; i++) {
        to += sprintf(to, "a{n=\"%d\"", i);
        for (int k = 0; k < LABELS; k++)
            to += sprintf(to, ",l%d=\"v\"", k);
        to += sprintf(to, "} 1\n");
    }
    ask.series_max = 2 * SERIES;
    ask.part = read_part;
    ask.ctx = &got;
    memset(&got, 0, sizeof got);
    take(body);
    if (turn.rewritten)
        read_part(&got, &turn, &turn.data);
    else
        read_record(RECORD_EXPOSITION, FORM_TEXT, (struct slice){ "instance\0h:1\0job\0j", 19 }, slice_of(body));
    assert_int_equal(turn.kept, SERIES);
    assert_int_equal(got.events, SERIES);
    assert_true(got.records > 1);
    /* And when all of them end at once what is said of the target itself is not lost with them. */
    memset(&got, 0, sizeof got);
    turn_miss(&turn, &ask, set, false);
    turn_report(&turn, &ask, false, 0.5);
    read_part(&got, &turn, &turn.report);
    assert_int_equal(got.stale, SERIES);
    assert_int_equal(got.events, SERIES + 5);
    assert_true(got.records > 1);
    free(body);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(a_series_that_vanishes_is_marked_once_at_the_time_of_the_scrape),
        TEST(a_target_that_does_not_answer_ends_all_its_series_once),
        TEST(a_target_that_is_removed_ends_what_is_said_of_it_too),
        TEST(an_answer_that_breaks_off_counts_for_nothing),
        TEST(limits_fail_the_whole_scrape),
        TEST(what_rules_drop_does_not_count_as_a_sample_too_many),
        TEST(of_a_series_that_is_there_twice_the_first_counts),
        TEST(rules_drop_and_rename_series),
        TEST(times_of_the_target_are_kept_or_not_as_it_is_set),
        TEST(labels_that_the_target_has_too_are_exported_or_honored),
        TEST(what_is_written_again_says_the_same_as_the_body_would),
        TEST(many_that_come_and_go_do_not_pile_up),
        TEST(more_than_readers_have_room_for_comes_in_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
