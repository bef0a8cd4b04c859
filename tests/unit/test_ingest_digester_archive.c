/* ingest: a window that the journal does not hold any more is made again from what a sink has put away, with the same rows, or not at all. */
#include "digester_lake.h"
#include "digester_site.h"

#include "event/encode.h"
#include "ingest/digester_inside.h"

#include <glob.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SPOIL "UPDATE metric_1m SET avg_val = 99; DELETE FROM log_pattern_5m; UPDATE service_call_5m SET calls = 1, rps = 7"

enum { MINUTES = 40, PIECES = 700 };

static char             lake[96];
static struct sink_conf conf;
static struct fault     fault;

static int set_up(void **state)
{
    if (site_make(state) != 0)
        return -1;
    (void)snprintf(lake, sizeof lake, "%s/lake", site_folder);
    conf = (struct sink_conf){ .name = "lake", .kind = "files", .folder = lake, .path = "{dataset}/yyyy=%Y/hh=%Y-%m-%dT%H/mm=%M", .roll_bytes = 100000, .roll_after_us = 60 * US_PER_S,
                               .url = "", .token = { "", "", 0 }, .user = "", .password = { "", "", 0 }, .tls_ca = "", .tls_certificate = "", .tls_key = { "", "", 0 }, .database = "", .schema = "", .table = "",
                               .bucket = "", .region = "", .prefix = "", .topic = "", .subject = "", .stream = "", .dsn = "", .origin = "" };
    return 0;
}

/* ---- what comes in: the mock's minutes, and what a mock does not have ---- */

static void append_points(struct journal *j, const struct event *const *e, size_t n)
{
    struct text body;
    text_init(&body, 1 << 20);
    assert_ok(event_encode(e, n, &body, &fault), &fault);
    struct record r = { .kind = RECORD_OTLP_METRICS, .form = FORM_PROTOBUF, .events = (uint32_t)n, .tenant = SLICE("shop"), .source = SLICE("otlp"), .body = { body.s, body.used } };
    assert_ok(journal_append_wait(j, &r, NULL, &fault), &fault);
    text_done(&body);
}

/* A counter, a histogram, an exponential one and a summary, with attributes of all kinds, every ten seconds. */
static void other_points(struct journal *j, int64_t at_us, int64_t i)
{
    static const struct scope none;
    static double    bounds[] = { 0.1, 0.5, 1 };
    uint64_t         counts[] = { (uint64_t)i, (uint64_t)(2 * i), (uint64_t)i, 0 }, side[] = { (uint64_t)i, (uint64_t)(3 * i) };
    struct quantile  q[] = { { 0.5, 0.25 }, { 0.99, (double)i } };
    struct value     inner[] = { { VALUE_INT, { .integer = 1 } }, { VALUE_REAL, { .real = 2 } } };
    struct attr      map[] = { { SLICE("list"), { VALUE_LIST, { .list = { inner, 2 } } } } };
    struct attr      attrs[] = { { SLICE("whole"), { VALUE_REAL, { .real = 5 } } },        { SLICE("int"), { VALUE_INT, { .integer = 5 } } }, { SLICE("half"), { VALUE_REAL, { .real = 0.5 } } },
                                 { SLICE("yes"), { VALUE_BOOL, { .boolean = true } } },    { SLICE("none"), { VALUE_NONE, { .integer = 0 } } }, { SLICE("quo\"te\n"), { VALUE_TEXT, { .text = SLICE("\xc3\xa4\t") } } },
                                 { SLICE("map"), { VALUE_MAP, { .map = { map, 1 } } } } };
    struct attr      name[] = { { SLICE("service.name"), { VALUE_TEXT, { .text = SLICE("till") } } }, { SLICE("service.version"), { VALUE_REAL, { .real = 2 } } } };
    struct resource  resource = { .attrs = { name, 2 } };
    struct event     e[5];
    const struct event *list[5];
    for (int k = 0; k < 5; k++) {
        e[k] = (struct event){ .type = EVENT_POINT, .resource = &resource, .scope = &none, .attrs = { attrs, 7 } };
        e[k].as.point = (struct point_event){ .temporality = TEMPORALITY_CUMULATIVE, .start_ns = (BEGIN - MINUTE) * 1000, .time_ns = at_us * 1000, .sum = NAN, .min = NAN, .max = NAN, .unit = SLICE("s") };
        list[k] = &e[k];
    }
    struct point_event *p[] = { &e[0].as.point, &e[1].as.point, &e[2].as.point, &e[3].as.point, &e[4].as.point };
    p[0]->name = SLICE("sold"), p[0]->kind = POINT_SUM, p[0]->monotonic = true, p[0]->is_int = true, p[0]->integer = 7 * i, p[0]->value = 7.0 * (double)i;
    p[1]->name = SLICE("took"), p[1]->kind = POINT_SUM, p[1]->monotonic = true, p[1]->value = 1.5 * (double)i;
    p[2]->name = SLICE("wait"), p[2]->kind = POINT_HISTOGRAM, p[2]->bounds = bounds, p[2]->bounds_n = 3, p[2]->counts = counts, p[2]->counts_n = 4, p[2]->count = (uint64_t)(4 * i), p[2]->sum = (double)i;
    p[3]->name = SLICE("size"), p[3]->kind = POINT_EXPONENTIAL, p[3]->scale = 2, p[3]->positive = (struct side){ -3, side, 2 }, p[3]->count = (uint64_t)(4 * i), p[3]->sum = (double)(9 * i);
    p[4]->name = SLICE("paid"), p[4]->kind = POINT_SUMMARY, p[4]->quantiles = q, p[4]->quantiles_n = 2, p[4]->count = (uint64_t)(4 * i), p[4]->sum = (double)(2 * i), p[4]->temporality = TEMPORALITY_UNKNOWN;
    append_points(j, list, 5);
}

static struct journal_options journal_settings(void)
{
    struct journal_options o = journal_options_default(site_journal);
    o.segment_bytes = 1 << 20;
    o.size_max = 64 << 20;
    o.keep_us = 24 * 3600 * US_PER_S;
    o.commit_delay_us = 0;
    o.reserve_bytes = 0;
    o.pack = 0;
    o.clock = &the_clock;
    return o;
}

static struct journal *open_journal(void)
{
    struct journal        *j = NULL;
    struct journal_options o = journal_settings();
    assert_ok(journal_open(&o, &j, &fault), &fault);
    return j;
}

static struct journal *journal_with(int minutes)
{
    struct journal *j = open_journal();
    for (int m = 0; m < minutes; m++) {
        minutes_into(j, BEGIN + m * MINUTE, 1, (struct mock_size){ 1200, 48, 400 });
        for (int i = 0; i < 6; i++)
            other_points(j, BEGIN + m * MINUTE + i * 10 * US_PER_S, m * 6 + i);
    }
    wall = BEGIN + 120 * MINUTE;
    return j;
}

/* ---- a sink ---- */

static void ship_all(struct journal *j) { lake_fill(j, &conf, PIECES); }

static void archive_into(struct digester *d)
{
    struct archive *a;
    assert_ok(archive_fits(&conf, &fault), &fault);
    assert_ok(archive_open(&conf, &a, &fault), &fault);
    digester_archive_set(d, a);
}

/* The older half goes, as it does when there is room for so much only. */
static void age_journal(struct journal *j)
{
    struct journal_options o = journal_settings();
    struct journal_stats   s = { 0 };
    o.size_max = 4 * o.segment_bytes;
    assert_ok(journal_adjust(j, &o, &fault), &fault);
    for (int i = 0; i < 10000 && (i == 0 || s.segments > 4 || s.first_id == 1); i++) {
        (void)usleep(1000);
        journal_stats(j, &s);
    }
    assert_true(s.oldest_us > BEGIN + 5 * MINUTE && s.first_id > 1 && s.first_id < s.last_id);
}

static char *path_of(const char *pattern, size_t which)
{
    static char one[300];
    char        all[200];
    glob_t      g;
    (void)snprintf(all, sizeof all, "%s/%s", lake, pattern);
    assert_int_equal(glob(all, 0, NULL, &g), 0);
    assert_true(g.gl_pathc > which);
    (void)snprintf(one, sizeof one, "%s", g.gl_pathv[which]);
    globfree(&g);
    return one;
}

/* ---- asking ---- */

static struct digester_stats asked(struct journal *j, int minutes)
{
    struct digester_options o = options(0, j, 0);
    struct digester        *d;
    struct digester_stats   s;
    assert_ok(digester_open(&o, &d, &fault), &fault);
    archive_into(d);
    turns(d, 10000);
    assert_ok(ask(d, "oo-agg", "shop", BEGIN, BEGIN + minutes * MINUTE, &fault), &fault);
    turns(d, 10000);
    digester_stats(d, &s);
    digester_close(d);
    return s;
}

static char *rows(void)
{
    run_sql(0, "DELETE FROM etl_job_run WHERE asked_at IS NOT NULL");
    return tables(0);
}

static void assert_same(char *before)
{
    char *after = rows();
    assert_string_equal(before, after);
    free(before);
    free(after);
}

static void a_window_that_the_journal_holds_in_part_is_made_from_it_and_the_archive(void **state)
{
    struct journal *j = journal_with(MINUTES);
    whole(0, j, 0);
    char *before = rows();
    ship_all(j);
    age_journal(j);
    run_sql(0, SPOIL);
    assert_int_equal(asked(j, MINUTES).asked_done, 1);
    assert_same(before);
    journal_close(j);
}

/* Another journal, whose numbers begin anew. */
static void a_window_of_a_journal_that_is_gone_is_made_from_the_archive_alone(void **state)
{
    struct journal *j = journal_with(MINUTES);
    char            command[200];
    whole(0, j, 0);
    ship_all(j);
    journal_close(j);
    (void)snprintf(command, sizeof command, "rm -rf '%s'", site_journal);
    assert_int_equal(system(command), 0);
    j = open_journal();
    minutes_into(j, BEGIN + 130 * MINUTE, 1, small);
    wall = BEGIN + 150 * MINUTE;
    whole(0, j, 0);
    char *before = rows();
    run_sql(0, "UPDATE metric_1m SET avg_val = 99 WHERE bucket < 1700003000000000; DELETE FROM log_pattern_5m WHERE bucket < 1700003000000000; UPDATE service_call_5m SET calls = 1 WHERE bucket < 1700003000000000");
    assert_int_equal(asked(j, MINUTES).asked_done, 1);
    assert_same(before);
    journal_close(j);
}

static void what_lies_in_the_archive_twice_is_counted_once(void **state)
{
    struct journal *j = journal_with(MINUTES);
    char            command[700];
    whole(0, j, 0);
    char *before = rows();
    ship_all(j);
    for (size_t i = 0; i < 3; i++) {
        char *one = path_of("*/*/*/*/*.jsonl", i * 5);
        (void)snprintf(command, sizeof command, "cp '%s' '%.*s.2.jsonl' && gzip '%s'", one, (int)strlen(one) - 6, one, one);
        assert_int_equal(system(command), 0);
    }
    char *one = path_of("*/*/*/*/*.jsonl", 20);      /* one that is still growing, with half a line: SINK.first-index.part */
    int   first = (int)(strchr(strrchr(one, '/'), '-') - one);
    first += (int)strcspn(one + first, ".");
    (void)snprintf(command, sizeof command, "mv '%s' '%.*s.part' && printf '{\"type\":\"lo' >> '%.*s.part'", one, first, one, first, one);
    assert_int_equal(system(command), 0);
    age_journal(j);
    run_sql(0, SPOIL);
    assert_int_equal(asked(j, MINUTES).asked_done, 1);
    assert_same(before);
    journal_close(j);
}

static void fails(struct journal *j, const char *why)
{
    char  sql[200];
    char *before = rows();
    assert_int_equal(asked(j, 10).asked_failed, 1);
    (void)snprintf(sql, sizeof sql, "SELECT count(*) FROM etl_job_run WHERE status = 'failed' AND error LIKE '%%%s%%'", why);
    if (number(0, sql) != 1) {
        run_sql(0, "UPDATE etl_job_run SET job = error WHERE asked_at IS NOT NULL");
        fail_msg("%s", strstr(tables(0), "archive"));
    }
    assert_same(before);                          /* nothing was written over */
}

static void an_archive_that_is_damaged_or_lacks_something_writes_nothing_over_and_can_be_asked_again(void **state)
{
    struct journal *j = journal_with(MINUTES);
    char            command[800], one[300];
    whole(0, j, 0);
    char *before = rows();
    ship_all(j);
    age_journal(j);
    run_sql(0, SPOIL);
    (void)snprintf(one, sizeof one, "%s", path_of("metrics/*/*/*/*.jsonl", 1));
    (void)snprintf(command, sizeof command, "mv '%s' '%s/away'", one, lake);
    assert_int_equal(system(command), 0);
    fails(j, "of the % events that were counted");
    (void)snprintf(command, sizeof command, "head -c 5000 '%s/away' > '%s'", lake, one);
    assert_int_equal(system(command), 0);
    fails(j, "is damaged: it ends within line");
    (void)snprintf(command, sizeof command, "sed '2s/type/typo/' '%s/away' > '%s'", lake, one);
    assert_int_equal(system(command), 0);
    fails(j, ".jsonl, line 2: ");
    (void)snprintf(command, sizeof command, "rm '%s'; gzip -c '%s/away' | tr '\\001\\002' '\\003\\004' > '%s.gz'", one, lake, one);
    assert_int_equal(system(command), 0);
    fails(j, "cannot be unpacked");
    (void)snprintf(command, sizeof command, "rm '%s.gz'; mv '%s/away' '%s'", one, lake, one);
    assert_int_equal(system(command), 0);
    assert_int_equal(asked(j, MINUTES).asked_done, 1);
    assert_same(before);
    journal_close(j);
}

static void without_an_archive_such_a_window_is_refused(void **state)
{
    struct journal         *j = journal_with(MINUTES);
    struct digester_options o = options(0, j, 0);
    struct digester        *d;
    struct digester_stats   s;
    whole(0, j, 0);
    age_journal(j);
    assert_ok(digester_open(&o, &d, &fault), &fault);
    archive_into(d);
    digester_archive_set(d, NULL);
    turns(d, 10);
    assert_ok(ask(d, "oo-agg", "shop", BEGIN, BEGIN + 5 * MINUTE, &fault), &fault);
    turns(d, 100);
    digester_stats(d, &s);
    assert_int_equal(s.asked_refused, 1);
    digester_close(d);
    journal_close(j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_window_that_the_journal_holds_in_part_is_made_from_it_and_the_archive, set_up, site_remove),
        cmocka_unit_test_setup_teardown(a_window_of_a_journal_that_is_gone_is_made_from_the_archive_alone, set_up, site_remove),
        cmocka_unit_test_setup_teardown(what_lies_in_the_archive_twice_is_counted_once, set_up, site_remove),
        cmocka_unit_test_setup_teardown(an_archive_that_is_damaged_or_lacks_something_writes_nothing_over_and_can_be_asked_again, set_up, site_remove),
        cmocka_unit_test_setup_teardown(without_an_archive_such_a_window_is_refused, set_up, site_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
