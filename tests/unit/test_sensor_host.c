/* sensor: a made-up /proc and /sys, and what becomes of it. */
#include "unit.h"

#include "base/clock.h"
#include "base/file.h"
#include "sensor/inside.h"
#include "sensor/sensors.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static char root[64];

static void put_file(const char *path, const char *text)
{
    struct fault fault = { 0 };
    char         full[256], folder[256];
    snprintf(full, sizeof full, "%s%s", root, path);
    snprintf(folder, sizeof folder, "%s", full);
    *strrchr(folder, '/') = 0;
    assert_int_equal(file_make_dirs(folder, 0755, &fault), OK);
    FILE *f = fopen(full, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static const char stat_text[] = "cpu  300 10 100 1000 50 5 5 30 20 0\ncpu0 100 10 50 500 25 5 0 10 20 0\ncpu1 200 0 50 500 25 0 5 20 0 0\n"
                                "intr 12345 0 0\nctxt 99\nbtime 1700000000\nprocesses 5\nprocs_running 2\nprocs_blocked 1\n";

static int fresh(void **state)
{
    (void)state;
    snprintf(root, sizeof root, "/tmp/sensor.XXXXXX");
    if (!mkdtemp(root))
        return -1;
    put_file("/proc/stat", stat_text);
    put_file("/proc/loadavg", "0.50 1.25 2.00 3/99 1234\n");
    put_file("/proc/meminfo", "MemTotal:       1000 kB\nActive(anon):     12 kB\nHugePages_Total:       3\n");
    put_file("/proc/vmstat", "nr_free_pages 1\npgpgin 7\npgfault 11\npgmajfault 2\noom_kill 1\npgscan 4\n");
    put_file("/proc/pressure/io", "some avg10=0.00 avg60=0.00 avg300=0.00 total=2500000\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=500000\n");
    put_file("/proc/diskstats", " 254 0 vda 10 1 200 30 20 2 400 60 0 70 90 5 0 8 1 3 4\n 254 1 vda1 1 1 1 1 1 1 1 1 1 1 1\n");
    put_file("/proc/net/dev", "Inter-|   Receive                                                |  Transmit\n face |bytes    packets errs drop fifo frame compressed multicast|bytes\n"
                              "    lo: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n  eth0:1000 10 1 2 3 4 5 6 2000 20 7 8 9 10 11 12\n");
    put_file("/proc/net/snmp", "Tcp: RtoAlgorithm CurrEstab RetransSegs OutSegs\nTcp: 1 4 3 100\n");
    put_file("/proc/net/sockstat", "sockets: used 23\nTCP: inuse 4 orphan 0 tw 1 alloc 5 mem 2\n");
    put_file("/proc/sys/fs/file-nr", "640\t0\t2466177\n");
    return 0;
}

static int wipe(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", root);
    return system(command);
}

/* ---- a world ---- */

struct emitted { int records; char *body; size_t size; uint32_t events; enum err answer; };

static enum err take(void *ctx, const struct record *r, struct fault *fault)
{
    struct emitted *e = ctx;
    if (e->answer != OK)
        return fail(fault, e->answer, "full");
    assert_int_equal(r->kind, RECORD_SAMPLES);
    assert_int_equal(r->form, FORM_PROTOBUF);
    e->records++;
    free(e->body);
    e->body = malloc(r->body.n + 1);
    memcpy(e->body, r->body.s, r->body.n);
    e->size   = r->body.n;
    e->events = r->events;
    return OK;
}

struct world { struct conf *conf; struct sensors *s; struct clock_manual time; struct clock clock; struct emitted e; struct text text; };

static void begin(struct world *w, const char *yaml)
{
    static const struct conf_section *const sections[] = { &sensors_section, &sensor_groups_section };
    struct fault fault = { 0 };
    *w      = (struct world){ .time = { INT64_C(1770000000000000), 1000000 } };
    w->clock = clock_manual_of(&w->time);
    text_init(&w->text, 1 << 20);
    if (conf_load_text("test", yaml, strlen(yaml), sections, 2, &w->conf, NULL, &fault) != OK)
        fail_msg("%s", fault.text);
    size_t                           n;
    const struct sensors_group_conf *groups = conf_instances(w->conf, &sensor_groups_section, &n);
    struct sensors_options           o      = { .clock = &w->clock, .root = root, .emit = take, .ctx = &w->e };
    if (sensors_new(conf_of(w->conf, &sensors_section), groups, n, &o, &w->s, &fault) != OK)
        fail_msg("%s", fault.text);
}

static void end(struct world *w)
{
    sensors_free(w->s);
    conf_free(w->conf);
    text_done(&w->text);
    free(w->e.body);
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

static bool says(const struct world *w, const char *line)
{
    char whole[400];
    snprintf(whole, sizeof whole, "\n%s\n", line);
    return strstr(w->text.s, whole) != NULL;
}

#define DEFAULTS "sensors:\n  interval: 1s\n"
#define assert_says(w, line) do { if (!says(w, line)) fail_msg("not there: %s\n%s", line, (w)->text.s); } while (0)

/* ---- the host ---- */

static void the_host_is_told_under_node_exporters_names(void **state)
{
    (void)state;
    struct world w;
    begin(&w, DEFAULTS);
    tick(&w);
    static const char *const lines[] = {
        "# TYPE node_cpu_seconds_total counter", "node_cpu_seconds_total{cpu=\"0\",mode=\"user\"} 1", "node_cpu_seconds_total{cpu=\"1\",mode=\"steal\"} 0.20000000000000001",
        "node_cpu_guest_seconds_total{cpu=\"0\",mode=\"user\"} 0.20000000000000001", "node_context_switches_total 99", "node_boot_time_seconds 1700000000",
        "node_procs_blocked 1", "node_load5 1.25", "node_memory_MemTotal_bytes 1024000", "node_memory_Active_anon_bytes 12288", "node_memory_HugePages_Total 3",
        "node_vmstat_oom_kill 1", "node_vmstat_pgmajfault 2", "node_pressure_io_waiting_seconds_total 2.5", "node_pressure_io_stalled_seconds_total 0.5",
        "node_disk_read_bytes_total{device=\"vda\"} 102400", "node_disk_written_bytes_total{device=\"vda\"} 204800", "node_disk_flush_requests_total{device=\"vda\"} 3",
        "node_network_receive_bytes_total{device=\"eth0\"} 1000", "node_network_transmit_bytes_total{device=\"eth0\"} 2000", "node_network_transmit_compressed_total{device=\"eth0\"} 12",
        "node_netstat_Tcp_RetransSegs 3", "node_sockstat_TCP_tw 1", "node_sockstat_sockets_used 23", "node_filefd_maximum 2466177", "homeostat_sensor_up{sensor=\"stat\"} 1",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        assert_says(&w, lines[i]);
    assert_null(strstr(w.text.s, "vda1"));
    assert_null(strstr(w.text.s, "\"lo\""));
    assert_null(strstr(w.text.s, "pgscan"));
    assert_null(strstr(w.text.s, "sensor=\"conntrack\""));      /* what is not here is no failure */
    end(&w);
}

static void put_link(const char *path, const char *to)
{
    char full[256];
    snprintf(full, sizeof full, "%s%s", root, path);
    assert_int_equal(symlink(to, full), 0);
}

static void numbers_with_gaps_are_no_end_and_a_chip_is_called_by_its_place(void **state)
{
    (void)state;
    struct world w;
    put_file("/sys/devices/platform/coretemp.0/hwmon/hwmon3/name", "coretemp\n");
    put_file("/sys/class/hwmon/hwmon3/name", "coretemp\n");
    put_file("/sys/class/hwmon/hwmon3/temp1_input", "41000\n");
    put_file("/sys/class/hwmon/hwmon3/temp40_input", "39500\n");
    put_link("/sys/class/hwmon/hwmon3/device", "../../../devices/platform/coretemp.0");
    put_file("/sys/class/hwmon/hwmon7/name", "Odd Chip\n");
    put_file("/sys/class/hwmon/hwmon7/temp2_input", "20000\n");
    put_file("/sys/class/thermal/thermal_zone2/type", "x86_pkg\n");
    put_file("/sys/class/thermal/thermal_zone2/temp", "55000\n");
    put_file("/sys/devices/system/cpu/cpu0/topology", "\n");
    put_file("/sys/devices/system/cpu/cpu2/cpufreq/scaling_cur_freq", "2400000\n");
    put_file("/etc/os-release", "NAME=Alpine\nID=alpine\nVERSION_ID=3.18.4\n");
    begin(&w, DEFAULTS);
    tick(&w);
    static const char *const lines[] = {
        "node_hwmon_temp_celsius{chip=\"platform_coretemp_0\",sensor=\"temp1\"} 41", "node_hwmon_temp_celsius{chip=\"platform_coretemp_0\",sensor=\"temp40\"} 39.5",
        "node_hwmon_chip_names{chip=\"platform_coretemp_0\",chip_name=\"coretemp\"} 1", "node_hwmon_temp_celsius{chip=\"odd_chip\",sensor=\"temp2\"} 20",
        "node_thermal_zone_temp{type=\"x86_pkg\",zone=\"2\"} 55", "node_cpu_scaling_frequency_hertz{cpu=\"2\"} 2400000000", "node_os_version{id=\"alpine\",name=\"Alpine\"} 3.1800000000000002",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        assert_says(&w, lines[i]);
    end(&w);
}

static void what_somebody_wrote_into_an_interface_becomes_text(void **state)
{
    (void)state;
    struct world w;
    put_file("/sys/class/net/eth0/ifalias", "zum B\xfcro\n");
    put_file("/sys/class/net/eth0/operstate", "up\n");
    begin(&w, DEFAULTS);
    tick(&w);
    assert_says(&w, "node_network_info{device=\"eth0\",ifalias=\"zum B?ro\",operstate=\"up\"} 1");
    end(&w);
}

static void disks_and_interfaces_that_are_one_tell_how_many_of_them_work(void **state)
{
    (void)state;
    struct world w;
    put_file("/proc/mdstat", "Personalities : [raid1] [raid6] [raid5] [raid4]\n"
        "md0 : active raid5 sdc1[3] sdb1[1](F) sda1[0] sdd1[4](S)\n      195310144 blocks level 5, 64k chunk, algorithm 2 [3/2] [U_U]\n"
        "      [=>...................]  recovery =  8.5% (16775552/97655072) finish=17.0min speed=259783K/sec\n\n"
        "md1 : active raid0 sde1[0] sdf1[1]\n      7932928 blocks super 1.2 512k chunks\n\nmd2 : inactive sdg1[0](S)\n      12582 blocks\n\nunused devices: <none>\n");
    put_file("/sys/class/net/bonding_masters", "bond0 dmz\n");
    put_file("/sys/class/net/bond0/bonding/slaves", "eth0 eth4\n");
    put_file("/sys/class/net/bond0/lower_eth0/bonding_slave/mii_status", "up\n");
    put_file("/sys/class/net/bond0/slave_eth4/bonding_slave/mii_status", "down\n");
    put_file("/sys/class/net/dmz/bonding/slaves", "\n");
    begin(&w, DEFAULTS);
    tick(&w);
    static const char *const lines[] = {
        "node_md_state{device=\"md0\",state=\"recovering\"} 1", "node_md_state{device=\"md0\",state=\"active\"} 0", "node_md_disks{device=\"md0\",state=\"active\"} 2",
        "node_md_disks{device=\"md0\",state=\"failed\"} 1", "node_md_disks{device=\"md0\",state=\"spare\"} 1", "node_md_disks_required{device=\"md0\"} 3",
        "node_md_blocks{device=\"md0\"} 195310144", "node_md_blocks_synced{device=\"md0\"} 16775552", "node_md_state{device=\"md1\",state=\"active\"} 1",
        "node_md_disks{device=\"md1\",state=\"active\"} 2", "node_md_blocks_synced{device=\"md1\"} 7932928", "node_md_state{device=\"md2\",state=\"inactive\"} 1",
        "node_md_disks{device=\"md2\",state=\"active\"} 0", "node_bonding_slaves{master=\"bond0\"} 2", "node_bonding_active{master=\"bond0\"} 1", "node_bonding_slaves{master=\"dmz\"} 0",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        assert_says(&w, lines[i]);
    end(&w);
}

static void counters_do_not_go_back_when_the_kernels_idle_time_does(void **state)
{
    (void)state;
    struct world w;
    begin(&w, DEFAULTS);
    tick(&w);
    put_file("/proc/stat", "cpu0 101 10 50 498 25 5 0 10 20 0\n");
    tick(&w);
    assert_says(&w, "node_cpu_seconds_total{cpu=\"0\",mode=\"idle\"} 5");
    assert_says(&w, "node_cpu_seconds_total{cpu=\"0\",mode=\"user\"} 1.01");
    end(&w);
}

static void a_sensor_that_is_off_tells_nothing_and_one_that_fails_is_asked_again(void **state)
{
    (void)state;
    struct world w;
    begin(&w, DEFAULTS "  off: [loadavg]\n");
    tick(&w);
    assert_null(strstr(w.text.s, "node_load1"));
    assert_says(&w, "homeostat_sensor_failures_total{sensor=\"meminfo\"} 0");
    char path[128];
    snprintf(path, sizeof path, "%s/proc/diskstats", root);
    end(&w);
    /* a folder where a file should be */
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0755), 0);
    begin(&w, DEFAULTS);
    tick(&w);
    assert_says(&w, "homeostat_sensor_up{sensor=\"diskstats\"} 0");
    assert_int_equal(rmdir(path), 0);
    put_file("/proc/diskstats", " 254 0 vda 10 1 200 30 20 2 400 60 0 70 90\n");
    tick(&w);
    assert_says(&w, "homeostat_sensor_up{sensor=\"diskstats\"} 1");
    assert_says(&w, "homeostat_sensor_failures_total{sensor=\"diskstats\"} 1");
    assert_says(&w, "node_disk_read_bytes_total{device=\"vda\"} 102400");
    end(&w);
}

static void what_is_beyond_a_bound_is_not_told_and_counted(void **state)
{
    struct world w;
    char         text[64 * 1024];
    size_t       n = (size_t)snprintf(text, sizeof text, "IP address HW type Flags HW address Mask Device\n");
    for (int i = 0; i < 600; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "10.0.0.1 0x1 0x2 02:00:00:00:00:01 * veth%d\n", i);
    put_file("/proc/net/arp", text);
    put_file("/proc/stat", "cpu  1 1 1 1 1 1 1 1 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\ncpu1024 1 1 1 1 1 1 1 1 0 0\n");
    begin(&w, DEFAULTS);
    tick(&w);
    assert_says(&w, "homeostat_sensor_left_out{sensor=\"arp\"} 88");
    assert_says(&w, "node_arp_entries{device=\"veth511\"} 1");
    assert_says(&w, "homeostat_sensor_left_out{sensor=\"stat\"} 1");
    assert_null(strstr(w.text.s, "homeostat_sensor_left_out{sensor=\"netdev\"}"));
    put_file("/proc/stat", stat_text);
    tick(&w);
    assert_null(strstr(w.text.s, "homeostat_sensor_left_out{sensor=\"stat\"}"));
    end(&w);
}

/* One that has very many series leaves room for the others, and for what is said of it. */
static void a_sensor_with_too_many_series_takes_no_room_from_the_others(void **state)
{
    enum { INTERFACES = 1500 };
    struct world w;
    static char  text[INTERFACES * 80];
    size_t       n = 0;
    for (int i = 0; i < INTERFACES; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "  veth%d:%d 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n", i, i);
    put_file("/proc/net/dev", text);
    begin(&w, DEFAULTS);
    text_done(&w.text);
    text_init(&w.text, 8 << 20);
    tick(&w);
    assert_says(&w, "node_network_receive_bytes_total{device=\"veth9\"} 9");
    assert_says(&w, "node_sockstat_TCP_tw 1");
    assert_says(&w, "homeostat_sensor_up{sensor=\"netdev\"} 1");
    const char *refused = strstr(w.text.s, "\nhomeostat_sensor_series_refused_total ");
    assert_non_null(refused);
    assert_true(strtol(strchr(refused, ' '), NULL, 10) > 1000);
    end(&w);
}

static double processor_s(void)
{
    struct timespec t;
    assert_int_equal(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t), 0);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

enum { SERIES_TOLD = 60000 };

/* A reading of so many; how long it took. */
static double told_s(struct series_table *t, int from)
{
    static const struct series_kind kind = { "node_disk_io_now", "device", SERIES_GAUGE, "" };
    double began = processor_s();
    series_begin(t, 0);
    for (int i = from; i < SERIES_TOLD; i++) {
        char name[16];
        int  n = snprintf(name, sizeof name, "sd%d", i);
        series_put(t, &kind, SLICE(""), &(struct slice){ name, (size_t)n }, i);
    }
    series_end(t, 0);
    return processor_s() - began;
}

static void series_that_have_no_room_are_not_looked_for_among_all_that_stand(void **state)
{
    (void)state;
    enum { EACH = 13000 };
    struct series_table t;
    struct text         out;
    series_init(&t, SERIES_TOLD, SERIES_TOLD);
    (void)told_s(&t, 0);
    double usual = told_s(&t, 0);      /* where all have room, on this machine: a twentieth of the right one and a five hundredth of the wrong one */
    series_done(&t);
    text_init(&out, 64 << 20);
    series_init(&t, 40000, EACH);
    for (int turn = 0; turn < 3; turn++) {
        double took = told_s(&t, turn == 2 ? 300 : 0);      /* at last some are gone from their beginning */
        assert_true(turn == 0 || took < 1 || took < 150 * usual);
        text_clear(&out);
        assert_int_equal(series_encode(&t, 1000, &out), EACH);
        assert_int_equal(t.count, turn == 2 ? EACH - 300 : EACH);
    }
    text_done(&out);
    series_done(&t);
}

/* ---- what is handed on ---- */

static uint64_t varint(const unsigned char **p)
{
    uint64_t v = 0;
    for (int shift = 0;; shift += 7) {
        v |= (uint64_t)(**p & 127) << shift;
        if (*(*p)++ < 128)
            return v;
    }
}

/* The sample of a series in a WriteRequest, read by the specification: name and one label. */
static bool sample(const struct emitted *e, const char *name, const char *label, const char *value, double *v, int64_t *ms, int *count)
{
    const unsigned char *p = (const unsigned char *)e->body, *end = p + e->size;
    bool                 found = false;
    *count = 0;
    while (p < end) {
        assert_int_equal(*p++, 0x0a);
        uint64_t             n = varint(&p);
        const unsigned char *series = p + n;
        char                 last[64] = "";
        bool                 named = false, labelled = !label;
        double               d = 0;
        uint64_t             t = 0;
        while (p < series) {
            int                  tag = *p++;
            uint64_t             size = varint(&p);
            const unsigned char *inner = p + size;
            if (tag == 0x0a) {
                char part[2][256] = { "", "" };
                for (int i = 0; i < 2; i++) {
                    assert_int_equal(*p++, i ? 0x12 : 0x0a);
                    uint64_t length = varint(&p);
                    snprintf(part[i], sizeof part[i], "%.*s", (int)length, p);
                    p += length;
                }
                assert_true(strcmp(last, part[0]) < 0);     /* labels are in order */
                snprintf(last, sizeof last, "%.63s", part[0]);
                assert_true(*part[1]);
                named |= strcmp(part[0], "__name__") == 0 && strcmp(part[1], name) == 0;
                labelled |= label && strcmp(part[0], label) == 0 && strcmp(part[1], value) == 0;
            } else {
                assert_int_equal(tag, 0x12);
                assert_int_equal(*p++, 0x09);
                memcpy(&d, p, sizeof d);
                p += 8;
                assert_int_equal(*p++, 0x10);
                t = varint(&p);
            }
            assert_ptr_equal(p, inner);
        }
        ++*count;
        if (named && labelled) {
            found = true;
            *v    = d;
            *ms   = (int64_t)t;
        }
    }
    return found;
}

static void a_reading_is_a_record_of_remote_write(void **state)
{
    (void)state;
    struct world w;
    double       v = 0;
    int64_t      ms = 0;
    int          count;
    begin(&w, DEFAULTS);
    tick(&w);
    assert_int_equal(w.e.records, 1);
    assert_true(sample(&w.e, "node_network_receive_bytes_total", "device", "eth0", &v, &ms, &count));
    assert_true(v == 1000);
    assert_int_equal(ms, 1770000000000);
    assert_int_equal(count, w.e.events);
    put_file("/proc/net/dev", "  eth0:5000 10 1 2 3 4 5 6 2000 20 7 8 9 10 11 12\n");
    tick(&w);
    assert_true(sample(&w.e, "node_network_receive_bytes_total", "device", "eth0", &v, &ms, &count));
    assert_true(v == 5000);
    assert_int_equal(ms, 1770000001000);
    end(&w);
}

static void a_series_that_ends_is_marked_stale_once(void **state)
{
    (void)state;
    struct world w;
    double       v = 0;
    uint64_t     bits;
    int64_t      ms;
    int          count;
    begin(&w, DEFAULTS);
    tick(&w);
    put_file("/proc/net/dev", "  eth1:5000 10 1 2 3 4 5 6 2000 20 7 8 9 10 11 12\n");
    tick(&w);
    assert_true(sample(&w.e, "node_network_receive_bytes_total", "device", "eth0", &v, &ms, &count));
    memcpy(&bits, &v, sizeof bits);
    assert_true(bits == UINT64_C(0x7ff0000000000002));
    assert_null(strstr(w.text.s, "eth0"));
    tick(&w);
    assert_false(sample(&w.e, "node_network_receive_bytes_total", "device", "eth0", &v, &ms, &count));
    assert_true(sample(&w.e, "node_network_receive_bytes_total", "device", "eth1", &v, &ms, &count));
    end(&w);
}

static void new_settings_end_the_series_that_they_do_not_have_and_no_other(void **state)
{
    (void)state;
    struct world before, after;
    struct fault fault = { 0 };
    double       v = 0;
    uint64_t     bits;
    int64_t      ms;
    int          count;
    begin(&before, DEFAULTS);
    tick(&before);
    begin(&after, DEFAULTS "  off: [loadavg]\n");
    tick(&after);
    assert_int_equal(sensors_leave(before.s, after.s, &fault), OK);
    assert_true(sample(&before.e, "node_load1", NULL, NULL, &v, &ms, &count));
    memcpy(&bits, &v, sizeof bits);
    assert_true(bits == UINT64_C(0x7ff0000000000002));
    assert_false(sample(&before.e, "node_network_receive_bytes_total", "device", "eth0", &v, &ms, &count));
    assert_int_equal(before.e.events, 5);               /* three of the load, and how that sensor did */
    assert_int_equal(sensors_leave(after.s, NULL, &fault), OK);      /* nobody takes their place */
    assert_true(sample(&after.e, "node_network_receive_bytes_total", "device", "eth0", &v, &ms, &count));
    end(&before);
    end(&after);
}

static void a_reading_that_is_refused_is_counted_and_the_next_one_follows(void **state)
{
    (void)state;
    struct world w;
    struct fault fault = { 0 };
    begin(&w, DEFAULTS);
    w.e.answer = ERR_BUSY;
    assert_int_equal(sensors_tick(w.s, &fault), ERR_BUSY);
    w.e.answer = OK;
    tick(&w);
    assert_int_equal(w.e.records, 1);
    assert_says(&w, "homeostat_sensor_records_refused_total 1");
    end(&w);
}

static void a_burst_is_seen_and_the_usual_traffic_is_none(void **state)
{
    (void)state;
    struct world w;
    uint64_t     bytes = 0;
    char         line[200];
    begin(&w, DEFAULTS);
    for (int i = 0; i < 120; i++) {
        bytes += (uint64_t)(i % 2 ? 900000 : 1100000);
        snprintf(line, sizeof line, "  eth0:%llu 10 1 2 3 4 5 6 2000 20 7 8 9 10 11 12\n", (unsigned long long)bytes);
        put_file("/proc/net/dev", line);
        tick(&w);
        assert_says(&w, "homeostat_net_burst{device=\"eth0\",direction=\"receive\"} 0");
    }
    snprintf(line, sizeof line, "  eth0:%llu 10 1 2 3 4 5 6 2000 20 7 8 9 10 11 12\n", (unsigned long long)bytes + 20000000);
    put_file("/proc/net/dev", line);
    tick(&w);
    assert_says(&w, "homeostat_net_burst{device=\"eth0\",direction=\"receive\"} 1");
    assert_says(&w, "homeostat_net_burst{device=\"eth0\",direction=\"transmit\"} 0");
    end(&w);
}

/* So many interfaces, from that number on. */
static void put_interfaces(int from, int count)
{
    static char text[32 * 1024];
    size_t      n = 0;
    for (int i = from; i < from + count; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "  veth%d:1000 10 0 0 0 0 0 0 2000 20 0 0 0 0 0 0\n", i);
    put_file("/proc/net/dev", text);
}

static void an_interface_that_is_gone_makes_room_for_another_after_ten_minutes(void **state)
{
    (void)state;
    struct world w;
    begin(&w, DEFAULTS);
    put_interfaces(0, 128);
    tick(&w);
    put_interfaces(127, 2);
    tick(&w);
    assert_null(strstr(w.text.s, "homeostat_net_burst{device=\"veth128\""));
    assert_says(&w, "homeostat_net_baselines_refused_total 1");
    w.time.mono_us += 600 * US_PER_S;
    tick(&w);
    assert_says(&w, "homeostat_net_burst{device=\"veth128\",direction=\"receive\"} 0");
    assert_says(&w, "homeostat_net_burst{device=\"veth127\",direction=\"receive\"} 0");
    assert_says(&w, "homeostat_net_baselines_refused_total 1");
    end(&w);
}

static void failures_of_tcp_have_a_class_and_the_time_outs_are_this_hosts(void **state)
{
    (void)state;
    struct world w;
    put_file("/proc/net/snmp", "Tcp: ActiveOpens PassiveOpens AttemptFails EstabResets OutSegs RetransSegs OutRsts\nTcp: 10 5 2 1 1000 10 3\n");
    put_file("/proc/net/netstat", "TcpExt: ListenOverflows TCPTimeouts TCPSynRetrans TCPKeepAlive\nTcpExt: 4 5 6 7\nIpExt: InOctets\nIpExt: 9\n");
    static const char *const settings[] = { "tcp_syn_retries", "6", "tcp_syn_linear_timeouts", "4", "tcp_retries2", "15", "tcp_keepalive_time", "7200", "tcp_keepalive_intvl", "75",
        "tcp_keepalive_probes", "9" };
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i += 2) {
        char path[96];
        snprintf(path, sizeof path, "/proc/sys/net/ipv4/%s", settings[i]);
        put_file(path, settings[i + 1]);
    }
    begin(&w, DEFAULTS);
    tick(&w);
    assert_says(&w, "homeostat_tcp_failures_total{class=\"connect\"} 2");
    assert_says(&w, "homeostat_tcp_failures_total{class=\"listen_overflow\"} 4");
    assert_says(&w, "homeostat_tcp_failures_total{class=\"rto\"} 5");
    assert_says(&w, "homeostat_tcp_give_up_seconds{what=\"connect\"} 131");       /* as the kernel's documentation says */
    assert_says(&w, "homeostat_tcp_give_up_seconds{what=\"data\"} 924.60000000000002");
    assert_says(&w, "homeostat_tcp_give_up_seconds{what=\"keepalive\"} 7875");
    assert_null(strstr(w.text.s, "retransmission_ratio"));      /* one reading is no rate */
    put_file("/proc/net/snmp", "Tcp: ActiveOpens PassiveOpens AttemptFails EstabResets OutSegs RetransSegs OutRsts\nTcp: 10 5 2 1 1400 110 3\n");
    tick(&w);
    assert_says(&w, "homeostat_tcp_retransmission_ratio 0.25");
    end(&w);
}

static void the_settings_are_in_order(void **state)
{
    (void)state;
    static const struct conf_section *const sections[] = { &sensors_section, &sensor_groups_section, &probes_section };
    struct fault fault = { 0 };
    struct conf *conf;
    if (conf_tables_check(sections, 3, &fault) != OK)
        fail_msg("%s", fault.text);
    static const char *const wrong[] = { "sensors:\n  off: [lodavg]\n", "sensors:\n  disks:\n    exclude: '('\n", "sensor_groups:\n  - name: '{{.Nobody}}'\n",
        "sensor_groups:\n  - cmdline: ['(?=x)']\n", "sensors:\n  interval: 10ms\n",
        "sensor_groups:\n  - cmdline: ['a++']\n", "sensor_groups:\n  - cmdline: ['((a{200}){200})']\n", "sensors:\n  disks:\n    exclude: '(a)\\1'\n" };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(conf_load_text("test", wrong[i], strlen(wrong[i]), sections, 3, &conf, NULL, &fault), ERR_INPUT);
    static const char right[] = "sensor_groups:\n  - cmdline: ['^(?P<x>[^]+*]+)+ (?:[0-9]{1,3}\\.){3}\\d? [*+]+$']\nsensors:\n  mounts:\n    exclude: '^/(run|dev)($|/)'\n";
    if (conf_load_text("test", right, sizeof right - 1, sections, 3, &conf, NULL, &fault) != OK)
        fail_msg("%s", fault.text);
    conf_free(conf);
}

static void every_sensor_can_be_named_in_the_settings(void **state)
{
    (void)state;
    size_t                     count, rows = 0;
    const char *const         *names = sensors_names(&count);
    const struct sensor *const tables[] = { sensors_cpu, sensors_memory, sensors_disk, sensors_filesystem, sensors_net, sensors_netclass, sensors_misc, sensors_raid, sensors_tcp, sensors_process };
    const size_t               counts[] = { sensors_cpu_count, sensors_memory_count, sensors_disk_count, sensors_filesystem_count, sensors_net_count, sensors_netclass_count, sensors_misc_count,
        sensors_raid_count, sensors_tcp_count, sensors_process_count };
    for (size_t t = 0; t < COUNT(tables); t++)
        for (size_t i = 0; i < counts[t]; i++, rows++) {
            bool named = false;
            for (size_t n = 0; n < count; n++)
                named |= strcmp(names[n], tables[t][i].name) == 0;
            assert_true(named && *tables[t][i].why && tables[t][i].read);
        }
    assert_int_equal(rows, count);
}

/* A file below `folder`, mapped where nothing else lies, so that it has the next line of /proc/self/maps. */
static void *mapped(int folder, size_t at)
{
    int   fd = openat(folder, "file", O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    void *p  = fd >= 0 && ftruncate(fd, 4096) == 0 ? mmap((void *)at, 4096, PROT_READ, MAP_PRIVATE | MAP_FIXED_NOREPLACE, fd, 0) : MAP_FAILED;
    assert_true(p != MAP_FAILED);
    close(fd);
    return p;
}

/* The kernel fills a page with whole lines: before one as long as a mount's of a container with many layers it stops early. */
static void a_file_of_long_lines_is_read_to_its_end(void **state)
{
    (void)state;
    char         name[251] = "";
    struct turn  u = { .root = "" };
    struct kept  f = { .long_lines = true };
    struct slice text;
    int          folder = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    void        *first = mapped(folder, 0x100000), *second;
    memset(name, 'x', sizeof name - 1);
    for (int i = 0; i < 16; i++) {
        int below = mkdirat(folder, name, 0700) == 0 ? openat(folder, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
        assert_true(below >= 0);
        close(folder);
        folder = below;
    }
    second = mapped(folder, 0x200000);
    assert_int_equal(kept_read(&u, &f, "/proc/self/maps", &text), SENSED);
    assert_true(text.n > 4096 && memmem(text.s, text.n, "[stack]", 7));
    munmap(first, 4096);
    munmap(second, 4096);
    close(folder);
    kept_done(&f);
    free(u.buffer);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, fresh, wipe)
    const struct CMUnitTest tests[] = {
        TEST(the_host_is_told_under_node_exporters_names),
        TEST(a_file_of_long_lines_is_read_to_its_end),
        TEST(numbers_with_gaps_are_no_end_and_a_chip_is_called_by_its_place),
        TEST(what_somebody_wrote_into_an_interface_becomes_text),
        TEST(disks_and_interfaces_that_are_one_tell_how_many_of_them_work),
        TEST(counters_do_not_go_back_when_the_kernels_idle_time_does),
        TEST(a_sensor_that_is_off_tells_nothing_and_one_that_fails_is_asked_again),
        TEST(what_is_beyond_a_bound_is_not_told_and_counted),
        TEST(a_sensor_with_too_many_series_takes_no_room_from_the_others),
        cmocka_unit_test(series_that_have_no_room_are_not_looked_for_among_all_that_stand),
        TEST(a_reading_is_a_record_of_remote_write),
        TEST(a_series_that_ends_is_marked_stale_once),
        TEST(new_settings_end_the_series_that_they_do_not_have_and_no_other),
        TEST(a_reading_that_is_refused_is_counted_and_the_next_one_follows),
        TEST(a_burst_is_seen_and_the_usual_traffic_is_none),
        TEST(an_interface_that_is_gone_makes_room_for_another_after_ten_minutes),
        TEST(failures_of_tcp_have_a_class_and_the_time_outs_are_this_hosts),
        TEST(the_settings_are_in_order),
        cmocka_unit_test(every_sensor_can_be_named_in_the_settings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
