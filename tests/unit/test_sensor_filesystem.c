/* sensor: filesystems that are something else than the table says, hang, or lie on other machines. */
#include "unit.h"

#include "base/clock.h"
#include "base/file.h"
#include "sensor/asker.h"
#include "sensor/sensors.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

static char            root[64];
static pthread_mutex_t lock    = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t  changed = PTHREAD_COND_INITIALIZER;
static bool            away;                /* who asks below /gone waits for it to come back */
static int             asked, waiting;      /* how often /gone was asked; who waits there now */

/* In the place of the library's. */
int statfs(const char *path, struct statfs *out)
{
    if (strstr(path, "/gone")) {
        pthread_mutex_lock(&lock);
        asked++;
        waiting++;
        while (away)
            pthread_cond_wait(&changed, &lock);
        waiting--;
        pthread_cond_broadcast(&changed);
        pthread_mutex_unlock(&lock);
    }
    return (int)syscall(SYS_statfs, path, out);
}

static int fresh(void **state)
{
    (void)state;
    snprintf(root, sizeof root, "/tmp/sensor.XXXXXX");
    away  = false;
    asked = waiting = 0;
    return mkdtemp(root) ? 0 : -1;
}

static int wipe(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", root);
    return system(command);
}

static int times_asked(void)
{
    pthread_mutex_lock(&lock);
    int n = asked;
    pthread_mutex_unlock(&lock);
    return n;
}

struct world { struct conf *conf; struct sensors *s; struct clock_manual time; struct clock clock; struct text text; };

static void begin(struct world *w)
{
    static const struct conf_section *const sections[] = { &sensors_section, &sensor_groups_section };
    static const char                       yaml[]     = "sensors:\n  interval: 10s\n";
    struct fault fault = { 0 };
    *w       = (struct world){ .time = { INT64_C(1770000000000000), 1000000 } };
    w->clock = clock_manual_of(&w->time);
    text_init(&w->text, 1 << 20);
    assert_int_equal(conf_load_text("test", yaml, sizeof yaml - 1, sections, 2, &w->conf, NULL, &fault), OK);
    assert_int_equal(sensors_new(conf_of(w->conf, &sensors_section), NULL, 0, &(struct sensors_options){ .clock = &w->clock, .root = root }, &w->s, &fault), OK);
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
    w->time.wall_us += 10000000;
    w->time.mono_us += 10000000;
    text_clear(&w->text);
    sensors_text(w->s, &w->text);
}

/* One line of the table for each: the device of the folder that is there, or one that is not. */
struct made { const char *point, *type, *source; bool other_device; };

static void put_mounts(const struct made *m, size_t n)
{
    struct fault fault = { 0 };
    char         path[256];
    struct stat  st;
    assert_int_equal(stat(root, &st), 0);
    snprintf(path, sizeof path, "%s/proc/1", root);
    assert_int_equal(file_make_dirs(path, 0755, &fault), OK);
    snprintf(path, sizeof path, "%s/proc/1/mountinfo", root);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    for (size_t i = 0; i < n; i++) {
        fprintf(f, "%zu 1 %u:%u / %s rw,noatime shared:1 - %s %s rw,discard\n", i + 20, major(st.st_dev), minor(st.st_dev) + m[i].other_device, m[i].point, m[i].type, m[i].source);
        snprintf(path, sizeof path, "%s%s", root, m[i].point);
        assert_int_equal(file_make_dirs(path, 0755, &fault), OK);
    }
    fclose(f);
}

#define PUT(...) put_mounts((const struct made[]){ __VA_ARGS__ }, sizeof((const struct made[]){ __VA_ARGS__ }) / sizeof(struct made))

/* What a line of this mount point says; -1: there is none. */
static double value(const struct world *w, const char *name, const char *point)
{
    char end_of[300];
    snprintf(end_of, sizeof end_of, "mountpoint=\"%s\"} ", point);
    for (const char *at = w->text.s; (at = strstr(at, name)); at++) {
        const char *line_end = strchr(at, '\n'), *found = strstr(at, end_of);
        if (at > w->text.s && at[-1] == '\n' && found && line_end && found < line_end)
            return strtod(found + strlen(end_of), NULL);
    }
    return -1;
}

static void room_is_told_of_what_the_table_speaks_of_and_of_nothing_else(void **state)
{
    (void)state;
    struct world w;
    PUT({ "/data", "ext4", "/dev/vdb", false }, { "/home", "ext4", "/dev/vdc", true }, { "/pool", "btrfs", "/dev/vdd", true });
    begin(&w);
    tick(&w);
    assert_true(value(&w, "node_filesystem_device_error{", "/data") == 0 && value(&w, "node_filesystem_size_bytes{", "/data") > 0);
    assert_true(value(&w, "node_filesystem_readonly{", "/data") == 0);
    assert_true(value(&w, "node_filesystem_device_error{", "/home") == 1 && value(&w, "node_filesystem_size_bytes{", "/home") == -1);
    assert_true(value(&w, "node_filesystem_device_error{", "/pool") == 0);       /* its subvolumes have numbers of their own */
    end(&w);
}

static void more_mounts_than_there_is_room_for_are_counted(void **state)
{
    enum { MANY = 1030 };
    static struct made made[MANY];
    static char        point[MANY][32];
    struct world       w;
    for (size_t i = 0; i < MANY; i++) {
        snprintf(point[i], sizeof point[i], "/pods/%zu", i);
        made[i] = (struct made){ point[i], "ext4", "/dev/vdb", false };
    }
    put_mounts(made, MANY);
    begin(&w);
    tick(&w);
    assert_true(value(&w, "node_filesystem_size_bytes{", "/pods/1023") > 0 && value(&w, "node_filesystem_size_bytes{", "/pods/1024") == -1);
    assert_non_null(strstr(w.text.s, "\nhomeostat_sensor_left_out{sensor=\"filesystem\"} 6\n"));
    end(&w);
}

static void what_lies_on_another_machine_or_below_it_is_not_asked(void **state)
{
    (void)state;
    struct world w;
    PUT({ "/mnt/a/gone/local", "ext4", "/dev/vdb", false }, { "/mnt/a", "nfs4", "far:/a", false }, { "/mnt/ab", "ext4", "/dev/vdc", false }, { "/gone", "fuse.sshfs", "far:", false },
        { "/virt/gone", "virtiofs", "share", false });
    begin(&w);
    tick(&w);
    assert_int_equal(times_asked(), 0);
    assert_true(value(&w, "node_filesystem_size_bytes{", "/mnt/ab") > 0);        /* what is mounted by hand is a disk too */
    assert_true(value(&w, "node_filesystem_device_error{", "/mnt/a/gone/local") == -1);
    end(&w);
}

static void one_that_hangs_holds_up_nobody_and_is_asked_again_when_it_is_back(void **state)
{
    (void)state;
    struct world w;
    away = true;
    PUT({ "/first", "ext4", "/dev/vda", false }, { "/gone", "ext4", "/dev/vdb", false }, { "/last", "ext4", "/dev/vdc", false });
    begin(&w);
    tick(&w);
    assert_true(value(&w, "node_filesystem_size_bytes{", "/first") > 0 && value(&w, "node_filesystem_size_bytes{", "/last") > 0);
    assert_true(value(&w, "node_filesystem_device_error{", "/gone") == 1 && value(&w, "node_filesystem_size_bytes{", "/gone") == -1);
    tick(&w);
    assert_int_equal(times_asked(), 1);              /* not by one thread after the other */
    pthread_mutex_lock(&lock);
    away = false;
    pthread_cond_broadcast(&changed);
    while (waiting)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
    for (int i = 0; i < 1000 && value(&w, "node_filesystem_size_bytes{", "/gone") <= 0; i++) {
        usleep(1000);                       /* its thread is on its way to its end */
        tick(&w);
    }
    assert_true(value(&w, "node_filesystem_device_error{", "/gone") == 0 && value(&w, "node_filesystem_size_bytes{", "/gone") > 0);
    end(&w);
}

static void who_stops_waits_for_none_that_hangs(void **state)
{
    (void)state;
    struct ask    one = { .path = "/gone" };
    struct asker *a   = asker_new();
    away = true;
    asker_ask(a, &one, 1);
    assert_int_equal(one.error, ETIMEDOUT);
    asker_free(a);
    pthread_mutex_lock(&lock);
    away = false;
    pthread_cond_broadcast(&changed);
    while (waiting)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

static void a_mount_point_that_is_no_text_becomes_one(void **state)
{
    (void)state;
    struct world w;
    PUT({ "/caf\xe9", "ext4", "/dev/v\xff", false });
    begin(&w);
    tick(&w);
    assert_true(value(&w, "node_filesystem_size_bytes{device=\"/dev/v?\"", "/caf?") > 0);
    end(&w);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, fresh, wipe)
    const struct CMUnitTest tests[] = {
        TEST(room_is_told_of_what_the_table_speaks_of_and_of_nothing_else),
        TEST(more_mounts_than_there_is_room_for_are_counted),
        TEST(what_lies_on_another_machine_or_below_it_is_not_asked),
        TEST(one_that_hangs_holds_up_nobody_and_is_asked_again_when_it_is_back),
        TEST(who_stops_waits_for_none_that_hangs),
        TEST(a_mount_point_that_is_no_text_becomes_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
