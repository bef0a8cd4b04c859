/* scrape: from jobs and files to who is asked, under which labels, and when. */
#include "unit.h"

#include "base/clock.h"
#include "base/file.h"
#include "scrape/discover.h"
#include "scrape/targets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct fault            fault;
static struct arena            arena;
static struct conf            *conf;
static const struct scrape_job *jobs;
static size_t                  jobs_n;
static struct target_list      list;
static char                    folder[64];

static const struct conf_section *const sections[] = { &scrape_section, &scraper_section, &relabel_section };

static int begin(void **state)
{
    arena_init(&arena, 16 << 20);
    conf = NULL;
    list = (struct target_list){ 0 };
    (void)snprintf(folder, sizeof folder, "/tmp/scrape-XXXXXX");
    assert_non_null(mkdtemp(folder));
    return 0;
}

static int end(void **state)
{
    char command[128];
    conf_free(conf);
    arena_done(&arena);
    (void)snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

static enum err load(const char *text)
{
    conf_free(conf);
    conf = NULL;
    enum err e = conf_load_text("t.yaml", text, strlen(text), sections, 3, &conf, NULL, &fault);
    if (e == OK)
        jobs = conf_instances(conf, &scrape_section, &jobs_n);
    return e;
}

static void add(size_t job, const struct target_group *group, size_t groups)
{
    size_t                     n;
    const struct relabel_rule *rules = conf_instances(conf, &relabel_section, &n);
    struct relabel            *set = NULL;
    assert_ok(relabel_new(rules, n, &jobs[job].relabel, &set, &fault), &fault);
    assert_ok(targets_add(&list, 100, &jobs[job], job, set, group, groups, &arena, &fault), &fault);
    relabel_free(set);
}

static void add_own(size_t job)
{
    struct target_group own;
    assert_ok(targets_own(&jobs[job], &own, &arena, &fault), &fault);
    add(job, &own, 1);
}

static void add_file(size_t job, const char *name, const char *text)
{
    struct target_group *group;
    size_t               groups;
    assert_ok(targets_parse(name, text, strlen(text), &group, &groups, &arena, &fault), &fault);
    add(job, group, groups);
}

/* "a=b c=d", in order */
static const char *labels_of(size_t i)
{
    static char out[1024];
    size_t      n = 0;
    *out = '\0';
    for (size_t k = 0; k < list.item[i].labels; k++) {
        struct label l = list.item[i].label[k];
        n += (size_t)snprintf(out + n, sizeof out - n, "%s%.*s=%.*s", k ? " " : "", (int)l.name.n, l.name.s, (int)l.value.n, l.value.s);
    }
    return out;
}

static void the_tables_are_in_order(void **state) { assert_ok(conf_tables_check(sections, 3, &fault), &fault); }

static void what_does_not_go_together_is_refused(void **state)
{
    assert_int_equal(load("scrape: { a: { targets: [\"h:1\"], interval: 5s, timeout: 5s } }"), ERR_INPUT);
    assert_int_equal(load("scrape: { a: { interval: 5s } }"), ERR_INPUT);
    assert_int_equal(load("scrape: { a: { targets: [\"http://h:1/metrics\"] } }"), ERR_INPUT);
    assert_int_equal(load("scrape: { a: { targets: [\"h:1\"], labels: [\"1x=y\"] } }"), ERR_INPUT);
    assert_int_equal(load("scrape: { a: { targets: [\"h:1\"], labels: [\"novalue\"] } }"), ERR_INPUT);
    assert_int_equal(load("scrape: { a: { files: [\"targets.json\"] } }"), ERR_INPUT);
    assert_int_equal(load("scrape: { a: { targets: [\"h:1\"], user: me } }"), ERR_INPUT);
    assert_ok(load("scrape: { a: { targets: [\"h:1\"] } }"), &fault);
}

static void a_target_gets_job_and_instance_and_prometheus_defaults(void **state)
{
    assert_ok(load("scrape: { node: { targets: [\"10.0.0.1:9100\", \"[::1]:9100\"], labels: [\"site=north\"] } }"), &fault);
    add_own(0);
    assert_int_equal(list.count, 2);
    assert_string_equal(list.item[0].url, "http://10.0.0.1:9100/metrics");
    assert_string_equal(labels_of(0), "instance=10.0.0.1:9100 job=node site=north");
    assert_string_equal(list.item[1].url, "http://[::1]:9100/metrics");
    assert_int_equal(list.item[0].interval_us, 15 * US_PER_S);
    assert_int_equal(list.item[0].timeout_us, 10 * US_PER_S);
}

static void a_short_interval_shortens_the_timeout_nobody_set(void **state)
{
    assert_ok(load("scrape: { a: { targets: [\"h:1\"], interval: 1s }, b: { targets: [\"h:1\"], interval: 1min, timeout: 45s } }"), &fault);
    add_own(0);
    add_own(1);
    assert_int_equal(list.item[0].timeout_us, 900 * US_PER_MS);
    assert_int_equal(list.item[1].timeout_us, 45 * US_PER_S);
}

static void parameters_are_escaped_and_repeated_ones_stay(void **state)
{
    assert_ok(load("scrape: { a: { targets: [\"h:1\"], path: /federate, params: [\"match[]=up{a=\\\"b c\\\"}\", \"match[]=x\"], scheme: https } }"), &fault);
    add_own(0);
    assert_string_equal(list.item[0].url, "https://h:1/federate?match%5B%5D=up%7Ba%3D%22b%20c%22%7D&match%5B%5D=x");
    assert_true(list.item[0].has_query);
}

static void rules_choose_move_and_rename_targets(void **state)
{
    assert_ok(load("relabel:\n"
                   "  - { set: s, source_labels: [env], regex: test, action: drop }\n"
                   "  - { set: s, source_labels: [__address__], regex: \"([^:]+):.*\", target_label: instance }\n"
                   "  - { set: s, source_labels: [__address__], target_label: __param_target }\n"
                   "  - { set: s, target_label: __address__, replacement: \"prober:9115\" }\n"
                   "  - { set: s, target_label: __metrics_path__, replacement: /probe }\n"
                   "  - { set: s, target_label: __scheme__, replacement: https }\n"
                   "  - { set: s, source_labels: [__meta_filepath], regex: \".*/(.*)[.]json\", target_label: from }\n"
                   "  - { set: s, target_label: __scrape_interval__, replacement: 60s }\n"
                   "  - { set: s, target_label: __tmp, replacement: x }\n"
                   "scrape: { probe: { targets: [\"unused:1\"], relabel: [s] } }\n"), &fault);
    add_file(0, "/etc/t/shop.json", "[{\"targets\": [\"db:5432\", \"web:80\"], \"labels\": {\"env\": \"live\"}}, {\"targets\": [\"old:80\"], \"labels\": {\"env\": \"test\"}}]");
    assert_int_equal(list.count, 2);
    assert_int_equal(list.dropped, 1);
    assert_string_equal(list.item[0].url, "https://prober:9115/probe?target=db%3A5432");
    assert_string_equal(labels_of(0), "env=live from=shop instance=db job=probe");
    assert_int_equal(list.item[0].interval_us, 60 * US_PER_S);
    assert_string_equal(labels_of(1), "env=live from=shop instance=web job=probe");
}

static void who_is_there_twice_is_asked_once(void **state)
{
    assert_ok(load("scrape: { a: { targets: [\"h:1\", \"h:1\", \"h:2\"] }, b: { targets: [\"h:1\"] } }"), &fault);
    add_own(0);
    add_file(0, "/x/y.yaml", "- targets: ['h:2', 'h:3']\n");
    add_own(1);
    assert_int_equal(list.count, 4);             /* of another job it is another target */
    assert_int_equal(list.doubles, 2);
}

static void what_cannot_be_asked_is_left_out_and_said(void **state)
{
    assert_ok(load("relabel: [{ set: s, source_labels: [bad], regex: (.+), target_label: __scheme__ }]\nscrape: { a: { targets: [\"h:1\"], relabel: [s] } }"), &fault);
    add_file(0, "/x/y.yaml", "- targets: ['user:secret@h:2', 'h:3/path', 'h 4', '']\n- targets: ['h:5']\n  labels: {bad: ftp}\n- targets: ['good:1']\n");
    assert_int_equal(list.count, 1);
    assert_int_equal(list.refused, 4);
    assert_int_equal(list.dropped, 1);           /* no address */
    assert_non_null(strstr(list.why, "/x/y.yaml"));
}

static void more_than_the_maximum_is_counted(void **state)
{
    struct target_group own;
    assert_ok(load("scrape: { a: { targets: [\"h:1\", \"h:2\", \"h:3\"] } }"), &fault);
    assert_ok(targets_own(&jobs[0], &own, &arena, &fault), &fault);
    assert_ok(targets_add(&list, 2, &jobs[0], 0, NULL, &own, 1, &arena, &fault), &fault);
    assert_int_equal(list.count, 2);
    assert_int_equal(list.beyond, 1);
}

static void files_are_read_as_prometheus_reads_them(void **state)
{
    struct target_group *group;
    size_t               groups;
    static const char    yaml[] = "- targets: ['a:1', b:2]\n  labels: {port: 0100, on: true}\n- targets: [c:3]\n";
    assert_ok(targets_parse("/t/x.yml", yaml, strlen(yaml), &group, &groups, &arena, &fault), &fault);
    assert_int_equal(groups, 2);
    assert_int_equal(group[0].addresses, 2);
    assert_true(slice_is(group[0].address[1], "b:2"));
    assert_true(slice_is(group[0].label[0].value, "0100"));
    assert_true(slice_is(group[0].label[1].value, "true"));
    assert_ok(targets_parse("/t/empty.json", "[]", 2, &group, &groups, &arena, &fault), &fault);
    assert_int_equal(groups, 0);
}

static void a_broken_file_is_told_with_its_place(void **state)
{
    struct target_group     *group;
    size_t                   groups;
    static const char *const bad[][2] = {
        { "/t/a.json", "[{\"targets\": [\"a:1\"]" }, { "/t/a.json", "{}" }, { "/t/a.json", "[{\"targets\": [1]}]" }, { "/t/a.json", "[{\"target\": [\"a:1\"]}]" },
        { "/t/a.json", "[{\"labels\": {\"a\": 1}}]" }, { "/t/a.yaml", "targets: [a]" }, { "/t/a.yaml", "- targets: a:1" }, { "/t/a.yaml", "- targets: [[a]]" }, { "/t/a.yaml", "- [" }, { "/t/a.json", "" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        fault = (struct fault){ 0 };
        assert_int_equal(targets_parse(bad[i][0], bad[i][1], strlen(bad[i][1]), &group, &groups, &arena, &fault), ERR_INPUT);
        assert_non_null(strstr(fault.text, bad[i][0]));
    }
}

static void scrapes_are_spread_over_the_interval_and_stay_at_their_place(void **state)
{
    size_t        in[10] = { 0 };
    char          text[100], *many = calloc(1, 200000);
    strcpy(many, "- targets: [");
    for (int i = 0; i < 2000; i++) {
        (void)snprintf(text, sizeof text, "'10.0.%d.%d:9100',", i / 250, i % 250);
        strcat(many, text);
    }
    strcat(many, "]\n");
    assert_ok(load("scrape: { a: { targets: [\"h:1\"], interval: 10s } }"), &fault);
    struct target_group *group;
    size_t               groups;
    assert_ok(targets_parse("/t/x.yml", many, strlen(many), &group, &groups, &arena, &fault), &fault);
    assert_ok(targets_add(&list, 5000, &jobs[0], 0, NULL, group, groups, &arena, &fault), &fault);
    assert_int_equal(list.count, 2000);
    for (size_t i = 0; i < list.count; i++) {
        int64_t first = target_due_us(&list.item[i], 1000 * US_PER_S);
        assert_in_range(first, 1000 * US_PER_S + 1, 1010 * US_PER_S);
        assert_int_equal(target_due_us(&list.item[i], first), first + 10 * US_PER_S);
        assert_int_equal(target_due_us(&list.item[i], first + 9 * US_PER_S), first + 10 * US_PER_S);
        in[(size_t)((first - 1) % (10 * US_PER_S) / US_PER_S)]++;
    }
    for (int i = 0; i < 10; i++)
        assert_in_range(in[i], 130, 270);
    free(many);
}

static void the_same_target_has_the_same_number_after_a_reload(void **state)
{
    assert_ok(load("scrape: { a: { targets: [\"h:1\"] } }"), &fault);
    add_own(0);
    uint64_t id = list.item[0].id;
    list = (struct target_list){ 0 };
    assert_ok(load("scrape: { b: { targets: [\"h:1\"] }, a: { targets: [\"h:2\", \"h:1\"], interval: 30s } }"), &fault);
    add_own(1);
    assert_int_equal(list.item[1].id, id);
    assert_int_not_equal(list.item[0].id, id);
}

/* ---- looking at files ---- */

static int complaints;
static void complain(void *ctx, const struct fault *f) { complaints++; }

static void write_file(const char *name, const char *text)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_ok(file_write(path, text, strlen(text), 0600, &fault), &fault);
}

static size_t told(const struct discover *d)
{
    struct discover_file file[8];
    size_t               n = discover_files(d, &jobs[0], file, 8), targets = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t g = 0; g < file[i].groups; g++)
            targets += file[i].group[g].addresses;
    return targets;
}

static void files_are_read_again_when_they_change_and_broken_ones_keep_what_they_told(void **state)
{
    char text[200];
    (void)snprintf(text, sizeof text, "scrape: { a: { files: [\"%s/*.json\", \"%s/a*\"] } }", folder, folder);
    assert_ok(load(text), &fault);
    struct discover *d = discover_new();
    complaints = 0;
    assert_false(discover_look(d, jobs, 1, complain, NULL));
    write_file("a.json", "[{\"targets\": [\"h:1\", \"h:2\"]}]");
    assert_true(discover_look(d, jobs, 1, complain, NULL));
    assert_int_equal(told(d), 2);                /* two globs name it, and it is there once */
    assert_false(discover_look(d, jobs, 1, complain, NULL));
    write_file("b.json", "[{\"targets\": [\"h:3\"]}]");
    assert_true(discover_look(d, jobs, 1, complain, NULL));
    assert_int_equal(told(d), 3);
    write_file("a.json", "[{\"targets\": [\"h:1\"");
    assert_false(discover_look(d, jobs, 1, complain, NULL));
    assert_int_equal(told(d), 3);
    assert_int_equal(complaints, 1);
    assert_int_equal(discover_broken(d), 1);
    (void)discover_look(d, jobs, 1, complain, NULL);
    assert_int_equal(complaints, 1);             /* said once */
    write_file("a.json", "[{\"targets\": [\"h:9\"]}]");
    assert_true(discover_look(d, jobs, 1, complain, NULL));
    assert_int_equal(told(d), 2);
    assert_int_equal(discover_broken(d), 0);
    (void)snprintf(text, sizeof text, "%s/b.json", folder);
    assert_int_equal(unlink(text), 0);
    assert_true(discover_look(d, jobs, 1, complain, NULL));
    assert_int_equal(told(d), 1);
    discover_free(d);
}

static void what_cannot_be_read_for_a_while_keeps_what_it_told_and_is_read_again(void **state)
{
    enum { NOBODY = 65534 };
    char text[200], path[128];
    bool root = geteuid() == 0;
    if (root) {                                  /* who may read everything would see nothing of this */
        assert_int_equal(chown(folder, NOBODY, NOBODY), 0);
        assert_int_equal(seteuid(NOBODY), 0);
    }
    (void)snprintf(text, sizeof text, "scrape: { a: { files: [\"%s/*.json\", \"%s/none/*.json\"] } }", folder, folder);
    assert_ok(load(text), &fault);
    struct discover *d = discover_new();
    complaints = 0;
    write_file("a.json", "[{\"targets\": [\"h:1\", \"h:2\"]}]");
    (void)snprintf(path, sizeof path, "%s/a.json", folder);
    assert_true(discover_look(d, jobs, 1, complain, NULL));
    assert_int_equal(complaints, 0);
    const char *const kept_out[] = { path, folder };
    for (int i = 0; i < 2; i++) {
        assert_int_equal(chmod(kept_out[i], 0), 0);
        for (int look = 0; look < 3; look++) {
            (void)discover_look(d, jobs, 1, complain, NULL);
            assert_int_equal(told(d), 2);
            assert_int_equal(discover_broken(d), 1);
        }
        assert_int_equal(complaints, i + 1);     /* said once */
        assert_int_equal(chmod(kept_out[i], 0700), 0);
        (void)discover_look(d, jobs, 1, complain, NULL);
        assert_int_equal(told(d), 2);
        assert_int_equal(discover_broken(d), 0);
    }
    discover_free(d);
    if (root)
        assert_int_equal(seteuid(0), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(the_tables_are_in_order),
        TEST(what_does_not_go_together_is_refused),
        TEST(a_target_gets_job_and_instance_and_prometheus_defaults),
        TEST(a_short_interval_shortens_the_timeout_nobody_set),
        TEST(parameters_are_escaped_and_repeated_ones_stay),
        TEST(rules_choose_move_and_rename_targets),
        TEST(who_is_there_twice_is_asked_once),
        TEST(what_cannot_be_asked_is_left_out_and_said),
        TEST(more_than_the_maximum_is_counted),
        TEST(files_are_read_as_prometheus_reads_them),
        TEST(a_broken_file_is_told_with_its_place),
        TEST(scrapes_are_spread_over_the_interval_and_stay_at_their_place),
        TEST(the_same_target_has_the_same_number_after_a_reload),
        TEST(files_are_read_again_when_they_change_and_broken_ones_keep_what_they_told),
        TEST(what_cannot_be_read_for_a_while_keeps_what_it_told_and_is_read_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
