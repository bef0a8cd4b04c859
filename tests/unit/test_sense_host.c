/* sense: a machine made of files - v1, v2 and hybrid groups, limits on every level, things that vanish. */
#include "unit.h"

#include "base/file.h"
#include "sense/cgroup.h"
#include "sense/host.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define S INT64_C(1000000)

static char root[64];

static void put(const char *path, const char *text)
{
    struct fault fault;
    char full[512], folder[512];
    (void)snprintf(full, sizeof full, "%s%s", root, path);
    (void)snprintf(folder, sizeof folder, "%s", full);
    *strrchr(folder, '/') = '\0';
    assert_ok(file_make_dirs(folder, 0755, &fault), &fault);
    FILE *f = fopen(full, "w");   /* in place: readers keep their descriptors */
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void take_away(const char *path)
{
    char full[512];
    (void)snprintf(full, sizeof full, "%s%s", root, path);
    assert_int_equal(unlink(full), 0);
}

static void put_cpu(int busy, int idle)
{
    char text[256];
    (void)snprintf(text, sizeof text, "cpu  1 0 0 1 0 0 0 0\ncpu0 %d 0 0 %d 0 0 0 0\ncpu1 %d 0 0 %d 0 0 0 0\ncpu2 7 0 0 7 0 0 0 0\ncpu3 7 0 0 7 0 0 0 0\nbtime 1700000000\n", busy,
                   idle, busy, idle);
    put("/proc/stat", text);
}

static void put_disk(int reads, int sectors, int busy_ms)
{
    struct stat st;
    char path[128], text[128];
    assert_int_equal(stat(root, &st), 0);
    (void)snprintf(path, sizeof path, "/sys/dev/block/%u:%u/stat", major(st.st_dev), minor(st.st_dev));
    (void)snprintf(text, sizeof text, "%d 0 %d 0 %d 0 %d 0 0 %d 0\n", reads, sectors, reads, sectors, busy_ms);
    put(path, text);
}

/* A postmaster 4242 on CPUs 0 and 1 of four, with 8 GiB of memory. */
static int setup(void **state)
{
    (void)state;
    (void)snprintf(root, sizeof root, "/var/tmp/sense-host-XXXXXX");
    if (!mkdtemp(root))
        return -1;
    char cwd[512], data[512];
    put("/proc/4242/stat", "4242 (postgres) S 1 4242 4242 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 1000 10 11\n");
    put("/proc/4242/status", "Name:\tpostgres\nUid:\t0\t0\t0\t0\nNSpid:\t4242\nCpus_allowed_list:\t0-1\n");
    put("/proc/4242/net/dev", "h\nh\n  lo: 1 0 0 0 0 0 0 0 1 0 0 0 0 0 0 0\n eth0: 100 0 0 0 0 0 0 0 200 0 0 0 0 0 0 0\n br0: 5 0 0 0 0 0 0 0 5 0 0 0 0 0 0 0\n");
    put("/sys/class/net/eth0/device/vendor", "x");
    put("/proc/meminfo", "MemTotal: 8388608 kB\nMemFree: 4194304 kB\nBuffers: 0 kB\nCached: 2097152 kB\nShmem: 0 kB\nSReclaimable: 0 kB\n");
    put("/proc/pressure/cpu", "some avg10=0 avg60=0 avg300=0 total=1000000\n");
    put("/proc/pressure/io", "some avg10=0 avg60=0 avg300=0 total=0\n");
    put("/proc/pressure/memory", "some avg10=0 avg60=0 avg300=0 total=0\n");
    put("/data/pg_wal/x", "");
    put("/data/pg_tblspc/.keep", "");
    (void)snprintf(cwd, sizeof cwd, "%s/proc/4242/cwd", root);
    (void)snprintf(data, sizeof data, "%s/data", root);
    assert_int_equal(symlink(data, cwd), 0);
    put_cpu(100, 100);
    put_disk(10, 100, 1000);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", root);
    return system(command);
}

static struct host *follow(void)
{
    char data[512];
    struct host *h = host_new(root, 1000);
    assert_non_null(h);
    (void)snprintf(data, sizeof data, "%s/data", root);
    host_follow(h, 4242, data);
    return h;
}

static struct sample reading(struct host *h, int64_t at_us)
{
    struct sample s;
    sample_clear(&s);
    host_read(h, at_us, &s);
    return s;
}

static void without_a_proven_postmaster_everything_is_unknown(void **state)
{
    (void)state;
    struct host *h = host_new(root, 1000);
    struct sample s = reading(h, 1 * S);
    for (int i = 0; i < METRIC_COUNT; i++)
        assert_true(isnan(s.v[i]));
    struct target_facts *f = calloc(1, sizeof *f);
    host_facts(h, f);
    assert_int_equal(f->cpus, 0);
    assert_true(isnan(f->memory_bytes));
    assert_false(f->host_readable);
    free(f);
    host_free(h);
}

static void the_machine_is_read_through_the_postmasters_eyes(void **state)
{
    (void)state;
    put("/proc/4242/cgroup", "0::/\n");
    put("/proc/self/mountinfo", "40 30 0:40 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
    struct host  *h = follow();
    struct sample s = reading(h, 1 * S);
    assert_true(isnan(s.v[METRIC_CPU]));
    assert_float_equal(s.v[METRIC_MEMORY_LIMIT], 8388608.0 * 1024, 0);
    assert_float_equal(s.v[METRIC_MEMORY_USED], 2097152.0 * 1024, 0);
    assert_true(s.v[METRIC_DISK_FREE] > 0);
    put_cpu(130, 170);
    put_disk(30, 300, 1500);
    put("/proc/pressure/cpu", "some avg10=0 avg60=0 avg300=0 total=1250000\n");
    put("/proc/4242/net/dev", "h\nh\n  lo: 100 0 0 0 0 0 0 0 1 0 0 0 0 0 0 0\n eth0: 150 0 0 0 0 0 0 0 260 0 0 0 0 0 0 0\n br0: 500 0 0 0 0 0 0 0 5 0 0 0 0 0 0 0\n");
    s = reading(h, 2 * S);
    assert_float_equal(s.v[METRIC_CPU], 0.3, 1e-9);
    assert_float_equal(s.v[METRIC_IO_READS], 20, 1e-9);
    assert_float_equal(s.v[METRIC_IO_WRITE_BYTES], 200 * 512, 1e-9);
    assert_float_equal(s.v[METRIC_IO_BUSY], 0.5, 1e-9);
    assert_float_equal(s.v[METRIC_PSI_CPU], 0.25, 1e-9);
    assert_float_equal(s.v[METRIC_NET_RX], 50, 1e-9);
    assert_float_equal(s.v[METRIC_NET_TX], 60, 1e-9);
    host_free(h);
}

static void what_vanishes_becomes_unknown_and_not_zero(void **state)
{
    (void)state;
    put("/proc/4242/cgroup", "0::/\n");
    put("/proc/self/mountinfo", "");
    struct host *h = follow();
    (void)reading(h, 1 * S);
    put("/proc/meminfo", "");
    put("/proc/stat", "");
    put("/proc/4242/net/dev", "");
    struct sample s = reading(h, 2 * S);
    assert_true(isnan(s.v[METRIC_CPU]));
    assert_true(isnan(s.v[METRIC_MEMORY_USED]));
    assert_true(isnan(s.v[METRIC_MEMORY_LIMIT]));
    assert_true(isnan(s.v[METRIC_NET_RX]));
    host_free(h);
}

static const char hybrid_mounts[] =
    "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
    "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct\n"
    "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
    "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";

static void a_v1_limit_anywhere_above_the_group_binds(void **state)
{
    (void)state;
    put("/proc/4242/cgroup", "5:memory:/outer/inner\n3:cpu,cpuacct:/box\n1:name=systemd:/\n0::/\n");
    put("/proc/self/mountinfo", hybrid_mounts);
    put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    put("/sys/fs/cgroup/memory/memory.stat", "total_inactive_file 0\n");
    put("/sys/fs/cgroup/memory/outer/memory.limit_in_bytes", "1073741824\n");
    put("/sys/fs/cgroup/memory/outer/memory.usage_in_bytes", "900000000\n");
    put("/sys/fs/cgroup/memory/outer/memory.stat", "inactive_file 1\nactive_file 1\ntotal_inactive_file 500000000\ntotal_active_file 100000000\n");
    put("/sys/fs/cgroup/memory/outer/inner/memory.limit_in_bytes", "9223372036854771712\n");
    put("/sys/fs/cgroup/memory/outer/inner/memory.stat", "total_inactive_file 0\n");
    put("/sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_quota_us", "50000\n");
    put("/sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_period_us", "100000\n");
    put("/sys/fs/cgroup/cpu,cpuacct/box/cpuacct.usage", "1000000000\n");
    put("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
    put("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
    put("/sys/fs/cgroup/cpu,cpuacct/cpuacct.usage", "1000000000\n");
    struct host  *h = follow();
    struct sample s = reading(h, 1 * S);
    assert_float_equal(s.v[METRIC_MEMORY_LIMIT], 1073741824, 0);
    assert_float_equal(s.v[METRIC_MEMORY_USED], 300000000, 0);
    put("/sys/fs/cgroup/cpu,cpuacct/box/cpuacct.usage", "1400000000\n");
    put_cpu(110, 190);
    s = reading(h, 2 * S);
    assert_float_equal(s.v[METRIC_CPU], 0.8, 1e-9);   /* 0.4 of half a core; the machine itself is 10 % busy */

    struct target_facts *f = calloc(1, sizeof *f);
    host_facts(h, f);
    assert_int_equal(f->cpus, 1);
    assert_float_equal(f->cpus_limit, 0.5, 1e-9);
    assert_float_equal(f->memory_bytes, 1073741824, 0);
    assert_float_equal(f->memory_machine_bytes, 8388608.0 * 1024, 0);
    assert_true(f->limit_counts_cache);
    assert_true(f->disk_free_bytes > 0 && f->wal_disk_free_bytes > 0);
    free(f);
    host_free(h);
}

static void a_v2_limit_is_followed_when_it_moves(void **state)
{
    (void)state;
    put("/proc/4242/cgroup", "0::/system.slice/postgres.service\n");
    put("/proc/self/mountinfo", "40 30 0:40 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw,nsdelegate\n");
    put("/sys/fs/cgroup/cpu.stat", "usage_usec 5\n");
    put("/sys/fs/cgroup/system.slice/memory.max", "max\n");
    put("/sys/fs/cgroup/system.slice/cpu.max", "max 100000\n");
    put("/sys/fs/cgroup/system.slice/cpu.stat", "usage_usec 5\n");
    put("/sys/fs/cgroup/system.slice/postgres.service/memory.max", "2147483648\n");
    put("/sys/fs/cgroup/system.slice/postgres.service/memory.current", "1000000000\n");
    put("/sys/fs/cgroup/system.slice/postgres.service/memory.stat", "anon 1\nfile 2\ninactive_file 100\nactive_file 200\n");
    put("/sys/fs/cgroup/system.slice/postgres.service/cpu.max", "150000 100000\n");
    put("/sys/fs/cgroup/system.slice/postgres.service/cpu.stat", "usage_usec 1000000\nuser_usec 1\n");
    put("/sys/fs/cgroup/system.slice/postgres.service/cpu.pressure", "some avg10=0 avg60=0 avg300=0 total=0\n");
    put("/sys/fs/cgroup/system.slice/postgres.service/io.pressure", "some avg10=0 avg60=0 avg300=0 total=0\n");
    struct host  *h = follow();
    struct sample s = reading(h, 1 * S);
    assert_float_equal(s.v[METRIC_MEMORY_LIMIT], 2147483648.0, 0);
    assert_float_equal(s.v[METRIC_MEMORY_USED], 999999700, 0);
    put("/sys/fs/cgroup/system.slice/postgres.service/memory.max", "1073741824\n");
    put("/sys/fs/cgroup/system.slice/postgres.service/cpu.stat", "usage_usec 1750000\nuser_usec 1\n");
    put("/sys/fs/cgroup/system.slice/postgres.service/io.pressure", "some avg10=0 avg60=0 avg300=0 total=900000\n");
    s = reading(h, 2 * S);
    assert_float_equal(s.v[METRIC_MEMORY_LIMIT], 1073741824, 0);
    assert_float_equal(s.v[METRIC_CPU], 0.5, 1e-9);
    assert_float_equal(s.v[METRIC_PSI_IO], 0.9, 1e-9);
    put("/sys/fs/cgroup/system.slice/postgres.service/memory.high", "max\n");
    put("/sys/fs/cgroup/system.slice/memory.high", "805306368\n");      /* not a wall, but nobody can work above it */
    put("/proc/4242/cgroup", "0::/system.slice/postgres.service/\n");
    put("/sys/fs/cgroup/system.slice/memory.current", "600\n");
    put("/sys/fs/cgroup/system.slice/memory.stat", "inactive_file 0\nactive_file 0\n");
    s = reading(h, 30 * S);
    assert_float_equal(s.v[METRIC_MEMORY_LIMIT], 805306368, 0);
    assert_float_equal(s.v[METRIC_MEMORY_USED], 600, 0);
    /* Moved into another group: the next look finds it. */
    put("/proc/4242/cgroup", "0::/other\n");
    put("/sys/fs/cgroup/other/memory.max", "536870912\n");
    put("/sys/fs/cgroup/other/memory.current", "100\n");
    put("/sys/fs/cgroup/other/memory.stat", "inactive_file 0\nactive_file 0\n");
    s = reading(h, 60 * S);
    assert_float_equal(s.v[METRIC_MEMORY_LIMIT], 536870912, 0);
    host_free(h);
}

static void a_group_seen_through_a_container_mount_is_found(void **state)
{
    (void)state;
    static struct cgroup_map map;
    put("/sys/fs/cgroup/memory/memory.stat", "x\n");
    put("/sys/fs/cgroup/memory/sub/memory.stat", "x\n");
    char want[128];
    /* The mount shows /docker/abc as its top. */
    cgroup_resolve(root, "5:memory:/docker/abc/sub\n", "35 31 0:32 /docker/abc /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n", &map);
    assert_int_equal(map.of[CGROUP_MEMORY].version, 1);
    assert_int_equal(map.of[CGROUP_MEMORY].levels, 2);
    (void)snprintf(want, sizeof want, "%s/sys/fs/cgroup/memory/sub", root);
    assert_string_equal(map.of[CGROUP_MEMORY].folder[0], want);
    /* Outside of our own part of the tree: only the top is certain to bind. */
    cgroup_resolve(root, "5:memory:/../other\n", "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n", &map);
    assert_int_equal(map.of[CGROUP_MEMORY].levels, 1);
    assert_int_equal(map.of[CGROUP_CPU].version, 0);
}

static void a_gone_postmaster_leaves_the_machine_readable(void **state)
{
    (void)state;
    put("/proc/4242/cgroup", "0::/\n");
    put("/proc/self/mountinfo", "");
    struct host *h = follow();
    (void)reading(h, 1 * S);
    take_away("/proc/4242/stat");
    put_cpu(150, 150);
    struct sample s = reading(h, 20 * S);
    assert_true(isnan(s.v[METRIC_IO_READS]));   /* too long a pause */
    assert_float_equal(s.v[METRIC_CPU], 0.5, 1e-9);
    host_free(h);
}

#define MACHINE_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        MACHINE_TEST(without_a_proven_postmaster_everything_is_unknown),
        MACHINE_TEST(the_machine_is_read_through_the_postmasters_eyes),
        MACHINE_TEST(what_vanishes_becomes_unknown_and_not_zero),
        MACHINE_TEST(a_v1_limit_anywhere_above_the_group_binds),
        MACHINE_TEST(a_v2_limit_is_followed_when_it_moves),
        MACHINE_TEST(a_group_seen_through_a_container_mount_is_found),
        MACHINE_TEST(a_gone_postmaster_leaves_the_machine_readable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
