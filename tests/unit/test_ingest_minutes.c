/* ingest: readings become minutes, minutes the history, and both tell the same. */
#include "unit.h"

#include "base/clock.h"
#include "base/file.h"
#include "ingest/diary.h"
#include "ingest/minutes.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char root[64];

static void put_file(const char *path, const char *format, double v)
{
    struct fault fault = { 0 };
    char         full[256], folder[256];
    snprintf(full, sizeof full, "%s%s", root, path);
    snprintf(folder, sizeof folder, "%s", full);
    *strrchr(folder, '/') = 0;
    assert_int_equal(file_make_dirs(folder, 0755, &fault), OK);
    FILE *f = fopen(full, "w");
    assert_non_null(f);
    for (const char *c = format; *c; c++)
        if (*c == '#')
            fprintf(f, "%.0f", v);
        else
            fputc(*c, f);
    fclose(f);
}

/* The machine after so many seconds: half of one of two cores is used, by process 10. */
static void world(double s)
{
    put_file("/proc/stat", "cpu0 # 0 0 0 0 0 0 0 0 0\n", 50 * s);
    put_file("/proc/stat", "cpu0 # 0 0 1000000 0 0 0 0 0 0\nctxt 7\nbtime 1000\n", 50 * s);
    put_file("/proc/loadavg", "1.50 1.00 0.50 1/1 1\n", 0);
    put_file("/proc/diskstats", " 254 0 vda # 0 # 0 0 0 0 0 0 0 0\n", 10 * s);
    put_file("/proc/net/dev", "  eth0:# 0 1 0 0 0 0 0 # 0 0 0 0 0 0 0\n", 1000 * s);
    put_file("/proc/10/stat", "10 (busy) R 1 1 1 0 -1 0 0 0 0 0 # 0 0 0 20 0 3 0 500 1000000 25 1 1 1\n", 50 * s);
    put_file("/proc/11/stat", "11 (idle) S 1 1 1 0 -1 0 0 0 0 0 5 0 0 0 20 0 1 0 500 1000000 99 1 1 1\n", 0);
}

static int fresh(void **state)
{
    (void)state;
    snprintf(root, sizeof root, "/tmp/minute.XXXXXX");
    return mkdtemp(root) ? 0 : -1;
}

static int wipe(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", root);
    return system(command);
}

static void rates_lie_between_two_boundaries_and_come_back_from_disk(void **state)
{
    (void)state;
    static const struct conf_section *const sections[] = { &sensors_section, &sensor_groups_section };
    static const char        yaml[] = "sensors:\n  interval: 10s\n";
    struct fault             fault = { 0 };
    struct conf             *conf;
    struct sensors          *s;
    struct history          *h;
    struct history_reader   *r;
    struct clock_manual      time  = { INT64_C(1770000000000000), 5000000 };
    struct clock             clock = clock_manual_of(&time);
    struct minutes     *k     = minutes_new(0);
    struct history_minute   *back  = malloc(sizeof *back);
    char                     folder[128];
    int                      minutes = 0;
    assert_int_equal(conf_load_text("test", yaml, sizeof yaml - 1, sections, 2, &conf, NULL, &fault), OK);
    world(0);
    assert_int_equal(sensors_new(conf_of(conf, &sensors_section), NULL, 0, &(struct sensors_options){ .clock = &clock, .root = root }, &s, &fault), OK);
    snprintf(folder, sizeof folder, "%s/history", root);
    assert_int_equal(history_open(folder, (struct history_bounds){ 0 }, &h, &fault), OK);
    for (int i = 0; i <= 13; i++) {
        world(10.0 * i);
        assert_int_equal(sensors_tick(s, &fault), OK);
        if (minutes_see(k, s, time.wall_us, time.mono_us)) {
            minutes++;
            assert_int_equal(history_append(h, minutes_latest(k), false, &fault), OK);
        }
        time.wall_us += 10000000;
        time.mono_us += 10000000;
    }
    assert_int_equal(minutes, 2);
    const struct history_minute *m = minutes_latest(k);
    assert_true(m->seconds == 60);
    assert_true(m->host.load1 == 1.5 && m->host.cpus == 1 && m->host.processes == 2);
    assert_true(m->host.cpu_user == 1 && m->host.cpu_idle == 0);       /* of what was counted */
    assert_true(isnan(m->host.mem_total));                              /* not there: unknown, and not zero */
    assert_int_equal(m->disks, 1);
    assert_true(m->disk[0].reads == 10 && m->disk[0].read_bytes == 10 * 512);
    assert_true(m->net[0].rx_bytes == 1000 && m->net[0].tx_bytes == 1000);
    assert_int_equal(m->tops, 2);
    assert_int_equal(m->top[0].pid, 10);
    assert_true(fabs(m->top[0].cpu - 0.5) < 1e-9 && isnan(m->top[0].read_bytes));
    history_close(h);
    assert_int_equal(history_open_read(folder, &r, &fault), OK);
    assert_int_equal(history_at(r, INT64_MAX, back, &fault), OK);
    assert_int_equal(back->at_us, m->at_us);
    assert_true(back->host.cpu_user == 1 && isnan(back->host.mem_total) && back->disk[0].reads == 10 && strcmp(back->top[0].name, "busy") == 0);
    history_close_read(r);
    minutes_free(k);
    sensors_free(s);
    conf_free(conf);
    free(back);
}

struct world { struct conf *conf; struct sensors *s; struct minutes *k; struct clock_manual time; struct clock clock; };

static void begin(struct world *w)
{
    static const struct conf_section *const sections[] = { &sensors_section, &sensor_groups_section };
    static const char                       yaml[]     = "sensors:\n  interval: 10s\n";
    struct fault                            fault      = { 0 };
    *w       = (struct world){ .time = { INT64_C(1770000000000000), 5000000 }, .k = minutes_new(0) };
    w->clock = clock_manual_of(&w->time);
    assert_int_equal(conf_load_text("test", yaml, sizeof yaml - 1, sections, 2, &w->conf, NULL, &fault), OK);
    assert_int_equal(sensors_new(conf_of(w->conf, &sensors_section), NULL, 0, &(struct sensors_options){ .clock = &w->clock, .root = root }, &w->s, &fault), OK);
}

/* One reading, and a minute later. */
static const struct history_minute *minute_passes(struct world *w)
{
    struct fault fault = { 0 };
    assert_int_equal(sensors_tick(w->s, &fault), OK);
    (void)minutes_see(w->k, w->s, w->time.wall_us, w->time.mono_us);
    w->time.wall_us += 60000000;
    w->time.mono_us += 60000000;
    return minutes_latest(w->k);
}

static void end(struct world *w)
{
    minutes_free(w->k);
    sensors_free(w->s);
    conf_free(w->conf);
}

static void a_processor_that_is_taken_off_or_put_on_leaves_the_shares_of_the_others(void **state)
{
    (void)state;
    static const char one[] = "cpu0 # 0 0 # 0 0 0 0 0 0\nctxt 7\nbtime 1000\n", both[] = "cpu0 # 0 0 # 0 0 0 0 0 0\ncpu1 900000 0 0 # 0 0 0 0 0 0\nctxt 7\nbtime 1000\n";
    struct world w;
    begin(&w);
    put_file("/proc/stat", both, 1000);
    (void)minute_passes(&w);
    put_file("/proc/stat", one, 4000);
    const struct history_minute *m = minute_passes(&w);
    assert_true(m->host.cpu_user == .5 && m->host.cpu_idle == .5 && m->host.cpus == 1);
    put_file("/proc/stat", both, 7000);
    m = minute_passes(&w);
    assert_true(m->host.cpu_user == .5 && m->host.cpu_idle == .5 && m->host.cpus == 2);
    end(&w);
}

#define LONG "a-name-of-more-characters-than-there-is-room-for-in-a-row-of-the-history-"

static void rows_whose_names_differ_only_where_there_is_no_room_are_two(void **state)
{
    (void)state;
    static const char table[] = " 254 0 " LONG "one-" LONG "end # 0 0 0 0 0 0 0 0 0 0\n 254 1 " LONG "two-" LONG "end # 0 0 0 0 0 0 0 0 0 0\n";
    struct world w;
    begin(&w);
    put_file("/proc/stat", "cpu0 1 1 1 1 0 0 0 0 0 0\n", 0);
    put_file("/proc/diskstats", table, 0);
    (void)minute_passes(&w);
    put_file("/proc/diskstats", table, 600);
    const struct history_minute *m = minute_passes(&w);
    assert_int_equal(m->disks, 2);
    assert_true(m->disk[0].reads == 10 && m->disk[1].reads == 10);
    assert_string_not_equal(m->disk[0].name, m->disk[1].name);
    assert_string_equal(m->disk[0].name + strlen(m->disk[0].name) - 4, "-end");       /* it says more than the beginning */
    end(&w);
}

static void a_process_that_could_not_be_read_at_first_has_no_life_in_one_minute(void **state)
{
    (void)state;
    struct world w;
    struct fault fault = { 0 };
    char         path[128];
    begin(&w);
    put_file("/proc/stat", "cpu0 1 1 1 1 0 0 0 0 0 0\n", 0);
    put_file("/proc/11/stat", "11 (b) S 1 1 1 0 -1 0 0 0 0 0 # 0 0 0 20 0 1 0 500 1000000 99 1 1 1\n", 0);
    snprintf(path, sizeof path, "%s/proc/10/stat", root);
    assert_int_equal(file_make_dirs(path, 0755, &fault), OK);          /* a folder can be opened, and not be read */
    (void)minute_passes(&w);
    assert_int_equal(remove(path), 0);
    put_file("/proc/10/stat", "10 (a) S 1 1 1 0 -1 0 0 0 0 0 # 0 0 0 20 0 1 0 500 1000000 99 1 1 1\n", 600000);
    put_file("/proc/11/stat", "11 (b) S 1 1 1 0 -1 0 0 0 0 0 # 0 0 0 20 0 1 0 500 1000000 99 1 1 1\n", 600);
    const struct history_minute *m = minute_passes(&w);
    assert_int_equal(m->tops, 2);
    assert_true(m->top[0].pid == 11 && fabs(m->top[0].cpu - .1) < 1e-9);
    assert_true(m->top[1].pid == 10 && isnan(m->top[1].cpu));
    end(&w);
}

static void a_history_that_could_not_be_opened_is_tried_again_each_minute(void **state)
{
    (void)state;
    struct diary          k = { .folder = "" };
    struct history_minute *m = calloc(1, sizeof *m);
    char                   path[128];
    m->at_us = INT64_C(1770000000000000);
    put_file("/history", "a file in its place\n", 0);
    diary_open(&k, root);
    assert_null(k.history);
    diary_take(&k, m);
    assert_true(k.written == 0 && k.unwritten == 1);
    snprintf(path, sizeof path, "%s/history", root);
    assert_int_equal(remove(path), 0);
    diary_take(&k, m);
    assert_true(k.history && k.written == 1 && k.unwritten == 1);
    diary_close(&k);
    free(m);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, fresh, wipe)
    const struct CMUnitTest tests[] = { TEST(rates_lie_between_two_boundaries_and_come_back_from_disk),
        TEST(a_processor_that_is_taken_off_or_put_on_leaves_the_shares_of_the_others), TEST(rows_whose_names_differ_only_where_there_is_no_room_are_two),
        TEST(a_process_that_could_not_be_read_at_first_has_no_life_in_one_minute), TEST(a_history_that_could_not_be_opened_is_tried_again_each_minute) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
