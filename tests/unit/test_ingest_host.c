/* ingest: the parts under one roof - who asks waits for no reload, the newest configuration wins, and the page of metrics can be read. */
#include "unit.h"

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
    static const char *const wanted[] = { "homeostat_sink_rejected_total{", "homeostat_sink_undecodable_records_total{", "homeostat_sink_replayed_total{", "homeostat_digest_places_refused_total ",
        "homeostat_digest_calls_capped_total ", "homeostat_digest_calls_hurried_total ",
        "homeostat_probes_failures_total " };
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
        if (!strstr(page.s, wanted[i]))
            fail_msg("there is no %s", wanted[i]);
    arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(who_asks_and_who_reloads_waits_for_no_sink_that_will_not_let_go, begin, end),
        cmocka_unit_test_setup_teardown(one_sink_that_cannot_begin_keeps_nobody_from_starting, begin, end),
        cmocka_unit_test_setup_teardown(its_page_of_metrics_can_be_read_and_has_each_family_once, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
