/* ingest: the parts under one roof - who asks waits for no reload, the newest configuration wins, and the page of metrics can be read. */
#include "unit.h"

#include "digest/patterns.h"
#include "event/encode.h"
#include "event/event.h"
#include "ingest/conf.h"
#include "ingest/ingest.h"
#include "ingest/inside.h"
#include "receive/conf.h"
#include "receive/inputs_conf.h"
#include "relabel/conf.h"
#include "scrape/conf.h"
#include "sensor/conf.h"
#include "ship/conf.h"
#include "wire/exposition.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

static const struct conf_section *const sections[] = { &receive_section, &receive_listeners_section, &inputs_section, &syslog_section, &files_section, &journald_section, &scrape_section, &scraper_section, &sinks_section, &relabel_section, &sensors_section, &sensor_groups_section,
    &probes_section, &ingest_section, &ingest_journal_section, &ingest_digest_section };
enum { SECTIONS = sizeof sections / sizeof sections[0], CONFS_MAX = 4 };

static char           folder[64];
static struct conf   *confs[CONFS_MAX];
static size_t         confs_n;
static struct ingest *in;
static int            silent = -1;                   /* listens, and never answers */

static int begin(void **state)
{
    strcpy(folder, "/tmp/homeostat-host-XXXXXX");
    confs_n = 0;
    in = NULL;
    return mkdtemp(folder) ? 0 : -1;
}

static int end(void **state)
{
    char command[128];
    ingest_stop(in);
    if (silent >= 0)
        (void)close(silent);
    silent = -1;
    while (confs_n)
        conf_free(confs[--confs_n]);
    (void)snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

/* What every test has, and then its own. */
static const struct conf *configured(const char *more)
{
    char         text[2048];
    struct fault fault = { 0 };
    int n = snprintf(text, sizeof text, "ingest:\n  enabled: yes\n  journal:\n    segment: 1MiB\n    size_max: 16MiB\n    commit_size: 64KiB\n    dead_max: 4MiB\n    reserve: 0\n%s", more);
    assert_ok(conf_load_text("test", text, (size_t)n, sections, SECTIONS, &confs[confs_n], NULL, &fault), &fault);
    return confs[confs_n++];
}

static int listen_silently(void)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t          n = sizeof a;
    silent = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(silent, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(silent, 8), 0);
    assert_int_equal(getsockname(silent, (struct sockaddr *)&a, &n), 0);
    return ntohs(a.sin_port);
}

static void append_sample(void)
{
    struct fault  fault = { 0 };
    struct record r = { .received_us = clock_wall_us(&clock_real), .kind = RECORD_EXPOSITION, .form = FORM_TEXT, .events = 1, .tenant = SLICE(""), .source = SLICE("scrape"),
        .labels = SLICE(""), .body = SLICE("a_total 1\n") };
    assert_ok(journal_append_wait(in->journal, &r, NULL, &fault), &fault);
}

/* 150 series that came just now: of as many metrics, or of one. */
static void append_series(bool one)
{
    char         body[150 * 32];
    size_t       n = 0;
    struct fault fault = { 0 };
    for (int i = 0; i < 150; i++)
        n += (size_t)snprintf(body + n, sizeof body - n, one ? "queue{user=\"u%d\"} 1\n" : "queue_%d 1\n", i);
    struct record r = { .received_us = clock_wall_us(&clock_real), .kind = RECORD_EXPOSITION, .form = FORM_TEXT, .events = 150, .tenant = SLICE(""), .source = SLICE("scrape"),
        .labels = SLICE(""), .body = { body, n } };
    assert_ok(journal_append_wait(in->journal, &r, NULL, &fault), &fault);
}

static json_int_t left_out_of_metrics(json_t *status, const char *reason)
{
    return json_integer_value(json_object_get(json_object_get(json_object_get(json_object_get(status, "digest"), "left_out"), "metrics"), reason));
}

static bool has_sink(const char *name)
{
    bool    found = false;
    size_t  i;
    json_t *status = ingest_status(in), *one;
    json_array_foreach(json_object_get(json_object_get(status, "ship"), "sinks"), i, one)
        found |= strcmp(json_string_value(json_object_get(one, "name")), name) == 0;
    json_decref(status);
    return found;
}

static void who_asks_and_who_reloads_waits_for_no_sink_that_will_not_let_go(void **state)
{
    struct fault fault = { 0 };
    char         more[256], why[200];
    struct text  page CLEANUP(text_done);
    text_init(&page, 1 << 20);
    (void)snprintf(more, sizeof more, "sinks:\n  slow:\n    kind: otlp\n    url: http://127.0.0.1:%d\n    batch: { delay: 0s }\n    timeout: 30s\n", listen_silently());
    const struct conf *first = configured(more), *second = configured("sinks:\n  other:\n    kind: files\n    folder: /tmp/unused\n    paused: yes\n");
    assert_ok(ingest_start(first, folder, &in, &fault), &fault);
    append_sample();
    int held = accept(silent, NULL, NULL);           /* its request is under way now */
    assert_true(held >= 0);

    int64_t began = clock_mono_us(&clock_real);
    ingest_reload(in, first);
    ingest_reload(in, second);
    for (int i = 0; i < 20; i++) {                   /* meanwhile the slow one still has its time of grace */
        (void)ingest_ready(in, NULL, why, sizeof why);
        ingest_metrics(in, &page);
        json_decref(ingest_status(in));
        (void)nanosleep(&(struct timespec){ .tv_nsec = 10 * 1000 * 1000 }, NULL);
    }
    assert_true(clock_mono_us(&clock_real) - began < 2 * US_PER_S);
    while (!has_sink("other"))                       /* the newest is taken */
        (void)nanosleep(&(struct timespec){ .tv_nsec = 10 * 1000 * 1000 }, NULL);
    assert_false(has_sink("slow"));
    (void)close(held);
}

/* ---- the sensors ---- */

static pthread_mutex_t hang_lock    = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t  hang_changed = PTHREAD_COND_INITIALIZER;
static bool            hanging, stuck;              /* filesystems give no answer; somebody waits for one */

/* In the place of the library's. */
int statfs(const char *path, struct statfs *out)
{
    (void)pthread_mutex_lock(&hang_lock);
    while (hanging) {
        stuck = true;
        (void)pthread_cond_broadcast(&hang_changed);
        (void)pthread_cond_wait(&hang_changed, &hang_lock);
    }
    (void)pthread_mutex_unlock(&hang_lock);
    return (int)syscall(SYS_statfs, path, out);
}

static json_int_t readings(void)
{
    json_t    *status = ingest_status(in);
    json_int_t n = json_integer_value(json_object_get(json_object_get(status, "sensors"), "readings"));
    json_decref(status);
    return n;
}

static json_int_t await_readings(json_int_t least)
{
    while (readings() < least)
        (void)nanosleep(&(struct timespec){ .tv_nsec = 10 * 1000 * 1000 }, NULL);
    return readings();
}

static void how_the_sensors_stand_is_told_while_they_wait_for_a_disk(void **state)
{
    struct fault fault = { 0 };
    struct text  page CLEANUP(text_done);
    text_init(&page, 1 << 20);
    hanging = true;
    stuck   = false;
    /* each mount that is asked waits five seconds for its answer; what is told meanwhile is the state before the first reading */
    assert_ok(ingest_start(configured("sensors:\n  interval: 1s\n  mounts:\n    exclude: '^$'\n  filesystems:\n    exclude: '^$'\n"), folder, &in, &fault), &fault);
    (void)pthread_mutex_lock(&hang_lock);
    while (!stuck)
        (void)pthread_cond_wait(&hang_changed, &hang_lock);
    (void)pthread_mutex_unlock(&hang_lock);
    json_int_t before = readings();
    ingest_metrics(in, &page);
    (void)pthread_mutex_lock(&hang_lock);
    hanging = false;
    (void)pthread_cond_broadcast(&hang_changed);
    (void)pthread_mutex_unlock(&hang_lock);
    assert_int_equal(before, 0);
    assert_non_null(strstr(page.s, "homeostat_sensors_readings_total 0"));
    (void)await_readings(1);
}

static void a_reload_that_means_others_leaves_the_sensors_counting(void **state)
{
    static const char same[] = "sensors:\n  interval: 1s\nsensor_groups:\n  - name: web\n    comm: [web]\n";
    char              more[400];
    struct fault      fault = { 0 };
    assert_ok(ingest_start(configured(same), folder, &in, &fault), &fault);
    json_int_t before = await_readings(2);
    (void)snprintf(more, sizeof more, "%sprobes:\n  self:\n    kind: tcp\n    target: 127.0.0.1:9\n", same);
    ingest_reload(in, configured(more));
    json_int_t now = before;
    while (now >= before && now < before + 2) {
        (void)nanosleep(&(struct timespec){ .tv_nsec = 10 * 1000 * 1000 }, NULL);
        now = readings();
    }
    assert_true(now >= before + 2);                  /* and they did not begin anew */
    ingest_reload(in, configured("sensors:\n  interval: 5min\nsensor_groups:\n  - name: web\n    comm: [web, nginx]\n"));
    while (readings() != 1)                          /* others count from the beginning */
        (void)nanosleep(&(struct timespec){ .tv_nsec = 10 * 1000 * 1000 }, NULL);
}

static void what_this_machine_reads_says_which_machine_it_is(void **state)
{
    struct fault             fault = { 0 };
    struct journal_consumer *c;
    struct record            r = { .id = 0 };
    char                     want[300] = "instance";
    assert_ok(ingest_start(configured("sensors:\n  interval: 1s\n"), folder, &in, &fault), &fault);
    (void)await_readings(1);
    assert_ok(journal_consumer_open(in->journal, "test", 1, &c, &fault), &fault);
    while (r.kind != RECORD_SAMPLES)
        assert_ok(journal_read(c, &r, &fault), &fault);
    assert_int_equal(gethostname(want + 9, sizeof want - 10), 0);
    assert_true(slice_same(r.labels, (struct slice){ want, 9 + strlen(want + 9) + 1 }));
    journal_consumer_close(c);
}

/* Stale points of that source's last record in the journal. */
struct ended { size_t stale, all; };

static bool see_point(void *ctx, const struct event *e)
{
    struct ended *n = ctx;
    n->stale += e->as.point.stale;
    n->all++;
    return true;
}

static struct ended last_of(struct journal_consumer *c, const char *source)
{
    struct fault  fault = { 0 };
    struct record r;
    struct arena  a;
    struct ended  n = { 0, 0 };
    while (journal_read(c, &r, &fault) == OK)
        if (slice_is(r.source, source)) {
            n = (struct ended){ 0, 0 };
            arena_init(&a, 16 << 20);
            assert_ok(event_read(&r, &a, see_point, &n, NULL, &fault), &fault);
            arena_done(&a);
        }
    return n;
}

static void await_part(const char *name, bool there)
{
    for (bool is = !there; is != there;) {
        json_t *status = ingest_status(in), *part = json_object_get(status, name);
        is = json_integer_value(json_object_get(part, "probes")) > 0 || (part && strcmp(name, "probes") != 0);
        json_decref(status);
        (void)nanosleep(&(struct timespec){ .tv_nsec = 10 * 1000 * 1000 }, NULL);
    }
}

static void what_is_not_read_any_more_after_a_reload_has_ended(void **state)
{
    struct fault             fault = { 0 };
    struct journal_consumer *c;
    struct ended             n = { 0, 0 };
    assert_ok(ingest_start(configured("sensors:\n  interval: 1s\nprobes:\n  self:\n    kind: tcp\n    target: 127.0.0.1:9\n    interval: 1s\n    timeout: 1s\n"), folder, &in, &fault), &fault);
    assert_ok(journal_consumer_open(in->journal, "test", 1, &c, &fault), &fault);
    (void)await_readings(1);
    while (!n.all) {                                 /* the probe has been asked */
        (void)nanosleep(&(struct timespec){ .tv_nsec = 10 * 1000 * 1000 }, NULL);
        n = last_of(c, "probes");
    }
    ingest_reload(in, configured("sensors:\n  enabled: no\n"));
    await_part("sensors", false);
    await_part("probes", false);
    assert_ok(journal_seek(c, 1, false, &fault), &fault);
    n = last_of(c, "sensors");
    while (n.all != n.stale || !n.stale) {           /* the thread is on its way to its end */
        (void)nanosleep(&(struct timespec){ .tv_nsec = 10 * 1000 * 1000 }, NULL);
        n = last_of(c, "sensors");
    }
    assert_true(n.stale > 100);
    journal_consumer_close(c);
    assert_ok(journal_consumer_open(in->journal, "other", 1, &c, &fault), &fault);
    do {
        (void)nanosleep(&(struct timespec){ .tv_nsec = 10 * 1000 * 1000 }, NULL);
        assert_ok(journal_seek(c, 1, false, &fault), &fault);
        n = last_of(c, "probes");
    } while (n.all != n.stale);
    assert_true(n.stale > 3);
    journal_consumer_close(c);
}

static void one_sink_that_cannot_begin_keeps_nobody_from_starting(void **state)
{
    struct fault fault = { 0 };
    char         command[200], why[200] = "";
    (void)snprintf(command, sizeof command, "mkdir -p %s/journal/sink%%3aone.cursor", folder);        /* where its cursor should be */
    assert_int_equal(system(command), 0);
    const struct conf *c = configured("sinks:\n  one:\n    kind: files\n    folder: /tmp/unused\n    paused: yes\n  two:\n    kind: files\n    folder: /tmp/unused\n    paused: yes\n");
    assert_ok(ingest_start(c, folder, &in, &fault), &fault);
    assert_true(has_sink("one") && has_sink("two"));
    append_sample();
    assert_false(ingest_ready(in, NULL, why, sizeof why));
    assert_non_null(strstr(why, "the sink one is stuck"));
}

/* Every family once, with its type before its first sample; and every line can be read. */
static void its_page_of_metrics_can_be_read_and_has_each_family_once(void **state)
{
    struct fault fault = { 0 };
    struct text  page CLEANUP(text_done);
    text_init(&page, 1 << 20);
    const struct conf *c = configured("sensors:\n  enabled: yes\nprobes:\n  self:\n    kind: tcp\n    target: 127.0.0.1:9\nsinks:\n  one:\n    kind: files\n    folder: /tmp/unused\n    paused: yes\n"
                                      "  two:\n    kind: files\n    folder: /tmp/unused\n    paused: yes\n");
    assert_ok(ingest_start(c, folder, &in, &fault), &fault);
    ingest_metrics(in, &page);
    assert_false(page.cut);

    struct arena             a;
    struct exposition        x;
    struct exposition_sample s;
    enum err                 e;
    size_t                   samples = 0, families = 0;
    arena_init(&a, 1 << 20);
    e = exposition_open(&x, EXPOSITION_TEXT, (struct slice){ page.s, page.used }, NULL, &a, &fault);
    while (e == OK && exposition_next(&x, &s, &e, &fault)) {
        assert_true(s.family->type == EXPOSITION_COUNTER || s.family->type == EXPOSITION_GAUGE || s.family->type == EXPOSITION_HISTOGRAM);
        samples++;
    }
    assert_ok(e, &fault);
    assert_true(samples > 60);
    for (const char *at = page.s; (at = strstr(at, "# TYPE ")); at++, families++) {
        char line[200];
        (void)snprintf(line, sizeof line, "%.*s ", (int)strcspn(at + 7, " "), at + 7);
        for (const char *other = at + 1; (other = strstr(other, "# TYPE ")); other++)
            if (strncmp(other + 7, line, strlen(line)) == 0)
                fail_msg("twice: %s", line);
    }
    assert_true(families > 40);
    /* Nothing goes missing without a count. */
    static const char *const wanted[] = { "homeostat_sink_rejected_total{", "homeostat_sink_undecodable_records_total{", "homeostat_sink_replayed_total{", "homeostat_digest_left_out_total{dataset=\"all\",reason=\"places\"}",
        "homeostat_digest_left_out_total{dataset=\"traces\",reason=\"pairs\"}", "homeostat_digest_left_out_total{dataset=\"metrics\",reason=\"source_series_max\"}",
        "homeostat_probes_failures_total " };
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
        if (!strstr(page.s, wanted[i]))
            fail_msg("there is no %s", wanted[i]);
    arena_done(&a);
}

/* Each setting bounds what its name says, and whoever looks is told which one it was. */
static void series_beyond_a_setting_are_told_by_its_name(void **state)
{
    (void)state;
    static const char *const settings[] = { "series_max", "tenant_series_max", "source_series_max", "metric_series_max" };
    for (size_t i = 0; i < 4; i++) {
        char         more[160], own[128];
        struct fault fault = { 0 };
        json_t      *status = NULL;
        (void)snprintf(own, sizeof own, "%s/%zu", folder, i);
        (void)snprintf(more, sizeof more, "  digest:\n    %s: 100\nsensors:\n  enabled: no\n", settings[i]);
        assert_ok(ingest_start(configured(more), own, &in, &fault), &fault);
        append_series(i == 3);
        do {
            json_decref(status);
            status = ingest_status(in);
        } while (json_array_size(json_object_get(json_object_get(status, "digest"), "caps")) == 0);
        for (size_t k = 0; k < 4; k++)
            assert_int_equal(left_out_of_metrics(status, settings[k]), k == i ? 50 : 0);
        json_t *caps = json_object_get(json_object_get(status, "digest"), "caps");
        assert_int_equal(json_array_size(caps), 1);
        assert_string_equal(json_string_value(json_object_get(json_array_get(caps, 0), "bound")), settings[i]);
        json_decref(status);
        ingest_stop(in);
        in = NULL;
    }
}

/* Lines of as many shapes as there are, unless what msg says is left out of them. */
static void the_values_of_keys_that_are_set_are_no_part_of_patterns(void **state)
{
    (void)state;
    static const char *const     lines[] = { "msg=\"it was opened\"", "msg=\"what (or who) closed it?\"", "msg=opened", "msg={}" };
    static const struct resource nobody;
    static const struct scope    none;
    struct event                 e[4];
    const struct event          *all[4];
    struct text                  body, page;
    struct fault                 fault = { 0 };
    text_init(&body, 1 << 16);
    text_init(&page, 1 << 20);
    for (int i = 0; i < 4; i++) {
        e[i] = (struct event){ .type = EVENT_LOG, .resource = &nobody, .scope = &none,
                               .as.log = { .time_ns = clock_wall_us(&clock_real) * 1000, .body = { VALUE_TEXT, { .text = slice_of(lines[i]) } } } };
        all[i] = &e[i];
    }
    assert_ok(event_encode(all, 4, &body, &fault), &fault);
    assert_ok(ingest_start(configured("  digest:\n    ignore_fields: [sql, msg]\nsensors:\n  enabled: no\n"), folder, &in, &fault), &fault);
    struct record r = { .received_us = clock_wall_us(&clock_real), .kind = RECORD_OTLP_LOGS, .form = FORM_PROTOBUF, .events = 4, .tenant = SLICE(""), .source = SLICE("otlp"), .body = { body.s, body.used } };
    assert_ok(journal_append_wait(in->journal, &r, NULL, &fault), &fault);
    do {
        text_clear(&page);
        ingest_metrics(in, &page);
    } while (strstr(page.s, "homeostat_digest_patterns 0\n"));
    assert_non_null(strstr(page.s, "homeostat_digest_patterns 1\n"));
    text_done(&body);
    text_done(&page);
}

static void so_little_memory_that_no_pattern_would_fit_is_refused(void **state)
{
    (void)state;
    static const struct { const char *digest; bool fits; } rows[] = {
        { "{}", true }, { "{ patterns_max: 1000000 }", false }, { "{ patterns_max: 1000000, patterns_memory: 64MiB }", true }, { "{ patterns_memory: 1MiB }", false }, { "{ patterns_max: 1000, patterns_memory: 1MiB }", true },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fault fault = { 0 };
        struct conf *c = NULL;
        char         text[160];
        int          n = snprintf(text, sizeof text, "ingest:\n  digest: %s\n", rows[i].digest);
        assert_int_equal(conf_load_text("test", text, (size_t)n, sections, SECTIONS, &c, NULL, &fault) == OK, rows[i].fits);
        if (rows[i].fits) {
            const struct ingest_digest_conf *d = conf_of(c, &ingest_digest_section);
            struct patterns_options          o = patterns_options_default();
            struct patterns                 *made;
            o.patterns_max = (size_t)d->patterns_max;
            o.bytes_max = (size_t)d->patterns_bytes;
            assert_ok(patterns_new(&o, &made, &fault), &fault);
            assert_int_not_equal(patterns_take(made, SLICE("a line"), 1)->id, 0);
            patterns_free(made);
        }
        conf_free(c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(so_little_memory_that_no_pattern_would_fit_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(who_asks_and_who_reloads_waits_for_no_sink_that_will_not_let_go, begin, end),
        cmocka_unit_test_setup_teardown(series_beyond_a_setting_are_told_by_its_name, begin, end),
        cmocka_unit_test_setup_teardown(the_values_of_keys_that_are_set_are_no_part_of_patterns, begin, end),
        cmocka_unit_test_setup_teardown(how_the_sensors_stand_is_told_while_they_wait_for_a_disk, begin, end),
        cmocka_unit_test_setup_teardown(a_reload_that_means_others_leaves_the_sensors_counting, begin, end),
        cmocka_unit_test_setup_teardown(what_this_machine_reads_says_which_machine_it_is, begin, end),
        cmocka_unit_test_setup_teardown(what_is_not_read_any_more_after_a_reload_has_ended, begin, end),
        cmocka_unit_test_setup_teardown(one_sink_that_cannot_begin_keeps_nobody_from_starting, begin, end),
        cmocka_unit_test_setup_teardown(its_page_of_metrics_can_be_read_and_has_each_family_once, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
