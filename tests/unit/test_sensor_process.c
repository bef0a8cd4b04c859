/* sensor: processes of a made-up /proc come, work, end; their groups. */
#include "unit.h"

#include "base/clock.h"
#include "base/file.h"
#include "sensor/group.h"
#include "sensor/sensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char root[64];

static void put_file(const char *path, const char *bytes, size_t size)
{
    struct fault fault = { 0 };
    char         full[256], folder[256];
    snprintf(full, sizeof full, "%s%s", root, path);
    snprintf(folder, sizeof folder, "%s", full);
    *strrchr(folder, '/') = 0;
    assert_int_equal(file_make_dirs(folder, 0755, &fault), OK);
    FILE *f = fopen(full, "w");
    assert_non_null(f);
    fwrite(bytes, 1, size, f);
    fclose(f);
}

struct made { int pid, parent, start; const char *comm, *cmdline; int user, read; };

static void put_process(struct made m)
{
    char path[64], text[600];
    int  n = snprintf(text, sizeof text, "%d (%s) S %d 1 1 0 -1 4194560 10 0 2 0 %d 5 0 0 20 0 3 0 %d 1000000 25 18446744073709551615 1 1\n", m.pid, m.comm, m.parent, m.user, m.start);
    snprintf(path, sizeof path, "/proc/%d/stat", m.pid);
    put_file(path, text, (size_t)n);
    n = snprintf(text, sizeof text, "rchar: 1\nwchar: 1\nsyscr: 1\nsyscw: 1\nread_bytes: %d\nwrite_bytes: 4096\ncancelled_write_bytes: 0\n", m.read);
    snprintf(path, sizeof path, "/proc/%d/io", m.pid);
    put_file(path, text, (size_t)n);
    n = snprintf(text, sizeof text, "Name:\t%s\nVmSwap:\t      8 kB\nvoluntary_ctxt_switches:\t7\nnonvoluntary_ctxt_switches:\t1\n", m.comm);
    snprintf(path, sizeof path, "/proc/%d/status", m.pid);
    put_file(path, text, (size_t)n);
    snprintf(path, sizeof path, "/proc/%d/limits", m.pid);
    put_file(path, "Limit  Soft Hard Units\nMax open files            10                 20    files\n", 76);
    snprintf(path, sizeof path, "/proc/%d/fd/0", m.pid);
    put_file(path, "", 0);
    size_t size = 0;
    for (const char *c = m.cmdline; *c; c++)
        text[size++] = *c == ' ' ? 0 : *c;
    text[size++] = 0;
    snprintf(path, sizeof path, "/proc/%d/cmdline", m.pid);
    put_file(path, text, *m.cmdline ? size : 0);
}

static void end_process(int pid)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s/proc/%d", root, pid);
    assert_int_equal(system(command), 0);
}

static int fresh(void **state)
{
    (void)state;
    snprintf(root, sizeof root, "/tmp/sensor.XXXXXX");
    if (!mkdtemp(root))
        return -1;
    put_file("/proc/stat", "cpu0 1 1 1 1\nbtime 1000\n", 24);
    return 0;
}

static int wipe(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", root);
    return system(command);
}

struct world { struct conf *conf; struct sensors *s; struct clock_manual time; struct clock clock; struct text text; };

static void begin(struct world *w, const char *yaml)
{
    static const struct conf_section *const sections[] = { &sensors_section, &sensor_groups_section };
    struct fault fault = { 0 };
    *w       = (struct world){ .time = { INT64_C(1770000000000000), 1000000 } };
    w->clock = clock_manual_of(&w->time);
    text_init(&w->text, 1 << 20);
    if (conf_load_text("test", yaml, strlen(yaml), sections, 2, &w->conf, NULL, &fault) != OK)
        fail_msg("%s", fault.text);
    size_t                           n;
    const struct sensors_group_conf *groups = conf_instances(w->conf, &sensor_groups_section, &n);
    struct sensors_options           o      = { .clock = &w->clock, .root = root };
    if (sensors_new(conf_of(w->conf, &sensors_section), groups, n, &o, &w->s, &fault) != OK)
        fail_msg("%s", fault.text);
}

static void end(struct world *w)
{
    sensors_free(w->s);
    conf_free(w->conf);
    text_done(&w->text);
}

static void tick(struct world *w)
{
    struct fault fault = { 0 };
    assert_int_equal(sensors_tick(w->s, &fault), OK);
    w->time.wall_us += 1000000;
    w->time.mono_us += 1000000;
    text_clear(&w->text);
    sensors_text(w->s, &w->text);
}

/* The value of a line; -1: it is not there. */
static double value(const struct world *w, const char *name, const char *labels)
{
    char        start[300];
    snprintf(start, sizeof start, "\nnamedprocess_namegroup_%s{%s} ", name, labels);
    const char *at = strstr(w->text.s, start);
    return at ? strtod(at + strlen(start), NULL) : -1;
}

#define BY_COMM "sensors:\n  interval: 1s\n"
#define USER(group) "groupname=\"" group "\",mode=\"user\""
#define GROUP(group) "groupname=\"" group "\""

static void a_group_sums_its_processes(void **state)
{
    (void)state;
    struct world w;
    put_process((struct made){ 10, 1, 500, "web", "/usr/bin/web -a", 100, 4096 });
    put_process((struct made){ 11, 1, 400, "web", "/usr/bin/web -b", 100, 4096 });
    put_process((struct made){ 12, 2, 400, "kworker", "", 100, 0 });
    begin(&w, BY_COMM);
    tick(&w);
    assert_true(value(&w, "num_procs", GROUP("web")) == 2);
    assert_true(value(&w, "num_procs", GROUP("other")) == 1);
    assert_true(value(&w, "num_threads", GROUP("web")) == 6);
    assert_true(value(&w, "memory_bytes", "groupname=\"web\",memtype=\"virtual\"") == 2000000);
    assert_true(value(&w, "memory_bytes", "groupname=\"web\",memtype=\"swapped\"") == 16384);
    assert_true(value(&w, "open_filedesc", GROUP("web")) == 2);
    assert_true(value(&w, "worst_fd_ratio", GROUP("web")) == 0.1);
    assert_true(value(&w, "oldest_start_time_seconds", GROUP("web")) == 1004);
    assert_true(value(&w, "states", "groupname=\"web\",state=\"Sleeping\"") == 2);
    assert_true(value(&w, "cpu_seconds_total", USER("web")) == 0);      /* what was used before anybody looked does not count */
    put_process((struct made){ 10, 1, 500, "web", "/usr/bin/web -a", 150, 8192 });
    tick(&w);
    assert_true(value(&w, "cpu_seconds_total", USER("web")) == 0.5);
    assert_true(value(&w, "read_bytes_total", GROUP("web")) == 4096);
    end(&w);
}

static void counters_do_not_go_back_when_processes_end_or_a_pid_is_given_again(void **state)
{
    (void)state;
    struct world w;
    put_process((struct made){ 10, 1, 500, "web", "web", 100, 0 });
    put_process((struct made){ 11, 1, 500, "web", "web", 100, 0 });
    begin(&w, BY_COMM);
    tick(&w);
    put_process((struct made){ 10, 1, 500, "web", "web", 300, 0 });
    tick(&w);
    assert_true(value(&w, "cpu_seconds_total", USER("web")) == 2);
    end_process(10);
    tick(&w);
    assert_true(value(&w, "cpu_seconds_total", USER("web")) == 2);
    assert_true(value(&w, "num_procs", GROUP("web")) == 1);
    put_process((struct made){ 11, 1, 900, "web", "web", 40, 0 });       /* another one under the same number: all of it is new */
    tick(&w);
    assert_true(value(&w, "cpu_seconds_total", USER("web")) == 2.4);
    put_process((struct made){ 12, 1, 950, "web", "web", 60, 0 });       /* one that began after the first look counts whole */
    tick(&w);
    assert_true(value(&w, "cpu_seconds_total", USER("web")) == 3);
    end_process(11);
    end_process(12);
    tick(&w);
    assert_true(value(&w, "cpu_seconds_total", USER("web")) == 3);
    assert_true(value(&w, "num_procs", GROUP("web")) == 0);
    end(&w);
}

static void the_first_recipe_that_matches_names_the_group(void **state)
{
    (void)state;
    struct world w;
    put_process((struct made){ 10, 1, 5, "java", "/opt/jdk/bin/java -Dapp=shop -Xmx1g", 0, 0 });
    put_process((struct made){ 11, 1, 5, "java", "/opt/jdk/bin/java -jar x.jar", 0, 0 });
    put_process((struct made){ 12, 1, 5, "nginx", "nginx: worker", 0, 0 });
    put_process((struct made){ 13, 1, 5, "cron", "/usr/sbin/cron", 0, 0 });
    put_process((struct made){ 14, 13, 5, "sh", "sh -c job", 0, 0 });
    put_process((struct made){ 15, 1, 5, "lost", "/bin/lost", 0, 0 });
    begin(&w, "sensors:\n  interval: 1s\nsensor_groups:\n"
              "  - name: 'app-{{.Matches.app}}'\n    exe: [java]\n    cmdline: ['-Dapp=(?P<app>\\w+)']\n"
              "  - name: '{{.ExeFull}}'\n    exe: [/opt/jdk/bin/java]\n"
              "  - name: '{{.Comm}}'\n    comm: [nginx, cron]\n");
    tick(&w);
    assert_true(value(&w, "num_procs", GROUP("app-shop")) == 1);
    assert_true(value(&w, "num_procs", GROUP("/opt/jdk/bin/java")) == 1);
    assert_true(value(&w, "num_procs", GROUP("nginx")) == 1);
    assert_true(value(&w, "num_procs", GROUP("cron")) == 2);      /* a child that matches nothing is its parent's */
    assert_true(value(&w, "num_procs", GROUP("other")) == 1);
    put_process((struct made){ 15, 1, 5, "cron", "/usr/sbin/cron", 0, 0 });       /* it became another program */
    tick(&w);
    assert_true(value(&w, "num_procs", GROUP("cron")) == 3);
    end(&w);
}

/* As people write it for process-exporter, with expressions also where that takes names. */
static const char with_expressions[] =
    "  - name: \"nginx\"\n    exe: [\"~/usr/local/openresty/nginx/sbin/nginx$\"]\n    comm: [\"^nginx$\"]\n    cmdline: [\"nginx\"]\n"
    "  - name: \"redis\"\n    exe: [\".*/redis-server$\"]\n    comm: [\"^redis-server$\"]\n    cmdline: [\"redis-server\"]\n"
    "  - name: \"postgres\"\n    exe: [\".*/postgres$\", \".*/postmaster$\"]\n    comm: [\"^postgres$\", \"^postmaster$\"]\n    cmdline: [\"postgres\", \"postmaster\"]\n"
    "  - name: \"xcontrol-server\"\n    exe: [\"~/usr/bin/xcontrol-server$\"]\n    comm: [\"^xcontrol-server$\"]\n    cmdline: [\"xcontrol-server\"]\n"
    "  - name: \"other\"\n    cmdline: [\".+\"]\n";

static void names_and_paths_may_be_expressions_and_what_is_none_is_exact(void **state)
{
    (void)state;
    struct world w;
    char         yaml[2000];
    put_process((struct made){ 10, 1, 5, "nginx", "/usr/local/openresty/nginx/sbin/nginx -g daemon", 0, 0 });
    put_process((struct made){ 11, 1, 5, "redis-server", "", 0, 0 });
    put_file("/proc/11/cmdline", "/usr/bin/redis-server 127.0.0.1:6379\0", 37);       /* it writes them into one */
    put_process((struct made){ 12, 1, 5, "postmaster", "/usr/lib/postgresql/15/bin/postmaster -D /data", 0, 0 });
    put_process((struct made){ 13, 1, 5, "xcontrol-server", "/usr/bin/xcontrol-server", 0, 0 });
    put_process((struct made){ 14, 1, 5, "nginx-debug", "/usr/bin/nginx-debug", 0, 0 });
    snprintf(yaml, sizeof yaml, "sensors:\n  interval: 1s\nsensor_groups:\n%s", with_expressions);
    begin(&w, yaml);
    tick(&w);
    assert_true(value(&w, "num_procs", GROUP("nginx")) == 1 && value(&w, "num_procs", GROUP("redis")) == 1);
    assert_true(value(&w, "num_procs", GROUP("postgres")) == 1 && value(&w, "num_procs", GROUP("xcontrol-server")) == 1);
    assert_true(value(&w, "num_procs", GROUP("other")) == 1);
    end(&w);
    begin(&w, "sensors:\n  interval: 1s\nsensor_groups:\n  - name: plain\n    comm: [ngin., nginx]\n");
    tick(&w);
    assert_true(value(&w, "num_procs", GROUP("plain")) == 1);        /* a point alone is no expression */
    end(&w);
}

/* What each is in by these groups: "" when in none. */
static const char *group_of(const char *groups, const char *comm, const char *line)
{
    static char      out[GROUP_NAME_MAX];
    struct world     w;
    struct grouping *g;
    struct fault     fault = { 0 };
    char             yaml[2000], arguments[300];
    size_t           n, size = (size_t)snprintf(arguments, sizeof arguments, "%s", line) + 1;
    snprintf(yaml, sizeof yaml, "sensors:\n  interval: 1s\nsensor_groups:\n%s", groups);
    for (size_t i = 0; i < size; i++)
        arguments[i] = arguments[i] == ' ' ? 0 : arguments[i];
    begin(&w, yaml);
    const struct sensors_group_conf *conf = conf_instances(w.conf, &sensor_groups_section, &n);
    assert_int_equal(grouping_new(conf, n, &g, &fault), OK);
    if (!grouping_name(g, &(struct group_facts){ slice_of(comm), { arguments, size }, 0 }, out))
        *out = 0;
    grouping_free(g);
    end(&w);
    return out;
}

static void lists_that_name_the_same_programs_are_alternatives_in_cmdline_too(void **state)
{
    (void)state;
    assert_string_equal(group_of(with_expressions, "postgres", "/usr/lib/postgresql/17/bin/postgres -D /data"), "postgres");
    assert_string_equal(group_of(with_expressions, "postmaster", "/opt/pg/bin/postmaster -D /data"), "postgres");
    assert_string_equal(group_of(with_expressions, "psql", "/usr/bin/psql -h postgres"), "other");      /* comm and exe must match all the same */
}

static void elsewhere_every_pattern_of_cmdline_must_be_found(void **state)
{
    (void)state;
    static const char *const both[] = {
        "  - name: g\n    cmdline: [python3, gunicorn]\n",
        "  - name: g\n    exe: [python3, gunicorn]\n    comm: [python3, gunicorn]\n    cmdline: [python3, gunicorn]\n",      /* names, as process-exporter takes them */
        "  - name: g\n    exe: ['/python3$', '/gunicorn$']\n    cmdline: [python3, gunicorn]\n",
        "  - name: g\n    exe: ['/python3$']\n    comm: ['^python3$']\n    cmdline: [python3, gunicorn]\n",
        "  - name: g\n    exe: ['/python3$', '/gunicorn$']\n    comm: ['^gunicorn$', '^python3$']\n    cmdline: [python3, gunicorn]\n",
    };
    for (size_t i = 0; i < sizeof both / sizeof *both; i++) {
        assert_string_equal(group_of(both[i], "python3", "/usr/bin/python3 /usr/bin/gunicorn app"), "g");
        assert_string_equal(group_of(both[i], "python3", "/usr/bin/python3 other.py"), "");
    }
}

struct doubted { size_t n; char text[4][300]; };

static void doubt(void *ctx, const char *text)
{
    struct doubted *d = ctx;
    snprintf(d->text[d->n++ % 4], sizeof d->text[0], "%s", text);
}

static void recipes_that_can_match_nobody_are_told(void **state)
{
    (void)state;
    static const char *const               all[] = { ".+" }, *const is_long[] = { "a-very-long-name-of-a-program", "^another-that-is-long$" }, *const is_short[] = { "kthreadd" };
    static const struct sensors_group_conf conf[] = {
        { .name = "long", .comm = { is_long, 2 } }, { .name = "everybody", .cmdline = { all, 1 } }, { .name = "late", .exe = { is_short, 1 } }, { .name = "kernel", .comm = { is_short, 1 } },
    };
    struct doubted d = { 0 };
    assert_int_equal(grouping_doubts(conf, 4, doubt, &d), 2);
    assert_non_null(strstr(d.text[0], "sensor_groups[0], long: never matches: the kernel keeps 15"));
    assert_non_null(strstr(d.text[1], "sensor_groups[2], late: never matches: sensor_groups[1], everybody"));
    assert_int_equal(grouping_doubts(conf + 3, 1, doubt, &d), 0);
}

static void patterns_that_look_like_alternatives_are_told(void **state)
{
    (void)state;
    static const char *const               exe[] = { ".*/postgres$", ".*/postmaster$" }, *const comm[] = { "^postgres$", "^postmaster$" }, *const line[] = { "postgres", "postmaster" };
    static const char *const               begin[] = { "^/usr/bin/a ", "^/usr/bin/b?" }, *const apart[] = { "^/usr/bin/a ", "^/opt/b" }, *const words[] = { "java", "kafka\\.Kafka" };
    static const struct sensors_group_conf conf[] = {
        { .name = "all-three", .exe = { exe, 2 }, .comm = { comm, 2 }, .cmdline = { line, 2 } },
        { .name = "two", .exe = { exe, 2 }, .cmdline = { line, 2 } },
        { .name = "apart", .cmdline = { apart, 2 } },
        { .name = "perhaps", .cmdline = { begin, 2 } },
        { .name = "kafka", .comm = { words, 1 }, .cmdline = { words, 2 } },
    };
    struct doubted d = { 0 };
    assert_int_equal(grouping_doubts(conf, 5, doubt, &d), 3);
    assert_non_null(strstr(d.text[0], "sensor_groups[0], all-three: comm, exe and cmdline name the same programs, so one pattern of cmdline is enough here"));
    assert_non_null(strstr(d.text[1], "sensor_groups[1], two: all patterns of cmdline must be found in one command line, and they look like alternatives; those are one pattern: '(postgres|postmaster)'"));
    assert_non_null(strstr(d.text[2], "sensor_groups[2], apart: never matches"));
}

static void names_beyond_the_bound_are_other(void **state)
{
    (void)state;
    struct world w;
    char         comm[16];
    for (int i = 0; i < 30; i++) {
        snprintf(comm, sizeof comm, "p%d", i);
        put_process((struct made){ 10 + i, 1, 5, comm, comm, 0, 0 });
    }
    begin(&w, "sensors:\n  interval: 1s\n  processes:\n    groups_max: 5\n");
    tick(&w);
    size_t      groups = 0;
    for (const char *at = w.text.s; (at = strstr(at, "\nnamedprocess_namegroup_num_procs{")); at++)
        groups++;
    assert_int_equal(groups, 6);
    assert_true(value(&w, "num_procs", GROUP("other")) == 25);
    assert_non_null(strstr(w.text.s, "homeostat_sensor_groups_refused_total 25"));
    end(&w);
}

static void a_name_with_blanks_and_parentheses_is_read(void **state)
{
    (void)state;
    struct world w;
    put_process((struct made){ 10, 1, 5, "a) R (b", "weird", 0, 0 });
    begin(&w, BY_COMM);
    tick(&w);
    assert_true(value(&w, "num_procs", GROUP("a) R (b")) == 1);
    end(&w);
}

/* A folder in the place of a file can be opened and not be read: as when there is no descriptor left. */
static void make_unreadable(int pid)
{
    char path[128];
    end_process(pid);
    snprintf(path, sizeof path, "%s/proc/%d/stat", root, pid);
    struct fault fault = { 0 };
    assert_int_equal(file_make_dirs(path, 0755, &fault), OK);
}

static void a_process_that_cannot_be_read_for_a_while_counts_nothing_twice(void **state)
{
    (void)state;
    struct world w;
    char         comm[16];
    for (int i = 0; i < 300; i++) {                     /* more than are kept open */
        snprintf(comm, sizeof comm, "%s", i < 299 ? "crowd" : "late");
        put_process((struct made){ 100 + i, 1, 5, comm, comm, 1000, 0 });
    }
    put_process((struct made){ 90, 1, 5, "shy", "shy", 1000, 0 });
    make_unreadable(90);
    begin(&w, BY_COMM);
    tick(&w);
    put_process((struct made){ 399, 1, 5, "late", "late", 1050, 0 });
    tick(&w);
    assert_true(value(&w, "cpu_seconds_total", USER("late")) == 0.5);
    make_unreadable(399);
    tick(&w);
    assert_true(value(&w, "num_procs", GROUP("late")) == 1);
    assert_non_null(strstr(w.text.s, "\nhomeostat_sensor_processes_unread_total 4\n"));        /* 90 three times */
    end_process(399);
    put_process((struct made){ 399, 1, 5, "late", "late", 1100, 0 });
    end_process(90);
    put_process((struct made){ 90, 1, 5, "shy", "shy", 1000, 0 });
    tick(&w);
    assert_true(value(&w, "cpu_seconds_total", USER("late")) == 1);
    assert_true(value(&w, "num_procs", GROUP("shy")) == 1 && value(&w, "cpu_seconds_total", USER("shy")) == 0);       /* it was there before anybody looked */
    end(&w);
}

static void a_name_that_nobody_uses_any_more_gives_way_after_ten_minutes(void **state)
{
    (void)state;
    struct world w;
    put_process((struct made){ 10, 1, 5, "old", "old", 100, 0 });
    put_process((struct made){ 11, 1, 5, "steady", "steady", 100, 0 });
    begin(&w, "sensors:\n  interval: 1s\n  processes:\n    groups_max: 2\n");
    tick(&w);
    end_process(10);
    put_process((struct made){ 12, 1, 9, "young", "young", 100, 0 });
    for (int i = 0; i < 10; i++)
        tick(&w);
    assert_true(value(&w, "num_procs", GROUP("other")) == 1);
    assert_non_null(strstr(w.text.s, "homeostat_sensor_groups_refused_total 1\n"));
    w.time.mono_us += 600 * US_PER_S;
    for (int i = 0; i < 10; i++)
        tick(&w);
    assert_true(value(&w, "num_procs", GROUP("young")) == 1 && value(&w, "num_procs", GROUP("other")) == 0);
    assert_true(value(&w, "num_procs", GROUP("old")) == -1 && value(&w, "num_procs", GROUP("steady")) == 1);
    end(&w);
}

static void names_that_are_no_text_become_some(void **state)
{
    (void)state;
    struct world w;
    put_process((struct made){ 10, 1, 5, "caf\xe9", "/opt/caf\xe9", 0, 0 });
    begin(&w, "sensors:\n  interval: 1s\nsensor_groups:\n  - name: '{{.Comm}} {{.ExeFull}}'\n    cmdline: [.]\n");
    tick(&w);
    assert_true(value(&w, "num_procs", GROUP("caf? /opt/caf?")) == 1);
    end(&w);
}

static void open_files_that_may_not_be_counted_are_unknown_and_not_none(void **state)
{
    (void)state;
    struct world w;
    char         command[128];
    put_process((struct made){ 10, 1, 5, "web", "web", 0, 0 });
    snprintf(command, sizeof command, "rm -rf %s/proc/10/fd", root);
    assert_int_equal(system(command), 0);
    begin(&w, BY_COMM);
    tick(&w);
    assert_true(value(&w, "num_procs", GROUP("web")) == 1);
    assert_true(value(&w, "open_filedesc", GROUP("web")) == -1 && value(&w, "worst_fd_ratio", GROUP("web")) == -1);
    assert_non_null(strstr(w.text.s, "\nnamedprocess_scrape_partial_errors 1\n"));
    end(&w);
}

static void the_host_is_told_how_many_processes_there_are_and_may_be(void **state)
{
    (void)state;
    struct world w;
    put_process((struct made){ 10, 1, 5, "a", "a", 0, 0 });
    put_process((struct made){ 11, 1, 5, "b", "b", 0, 0 });
    put_file("/proc/sys/kernel/pid_max", "4194304\n", 8);
    put_file("/proc/sys/kernel/threads-max", "126000\n", 7);
    put_file("/proc/11/task/11/stat", "11 (b) S 1", 10);             /* 10 was gone by then */
    put_file("/proc/11/task/12/stat", "12 (R) D) D 1", 13);
    put_file("/proc/11/task/13/stat", "13 (b) R 1", 10);
    begin(&w, BY_COMM);
    tick(&w);
    assert_non_null(strstr(w.text.s, "namedprocess_scrape_errors 0"));
    static const char *const lines[] = { "node_processes_threads_state{thread_state=\"S\"} 1", "node_processes_threads_state{thread_state=\"D\"} 1", "node_processes_threads_state{thread_state=\"R\"} 1", "node_processes_pids 2", "node_processes_threads 6", "node_processes_state{state=\"S\"} 2", "node_processes_max_processes 4194304",
        "node_processes_max_threads 126000" };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        if (!strstr(w.text.s, lines[i]))
            fail_msg("not there: %s", lines[i]);
    end(&w);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, fresh, wipe)
    const struct CMUnitTest tests[] = {
        TEST(a_group_sums_its_processes),
        TEST(counters_do_not_go_back_when_processes_end_or_a_pid_is_given_again),
        TEST(the_first_recipe_that_matches_names_the_group),
        TEST(names_and_paths_may_be_expressions_and_what_is_none_is_exact),
        TEST(recipes_that_can_match_nobody_are_told),
        TEST(lists_that_name_the_same_programs_are_alternatives_in_cmdline_too),
        TEST(elsewhere_every_pattern_of_cmdline_must_be_found),
        TEST(patterns_that_look_like_alternatives_are_told),
        TEST(names_beyond_the_bound_are_other),
        TEST(a_process_that_cannot_be_read_for_a_while_counts_nothing_twice),
        TEST(a_name_that_nobody_uses_any_more_gives_way_after_ten_minutes),
        TEST(names_that_are_no_text_become_some),
        TEST(open_files_that_may_not_be_counted_are_unknown_and_not_none),
        TEST(the_host_is_told_how_many_processes_there_are_and_may_be),
        TEST(a_name_with_blanks_and_parentheses_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
