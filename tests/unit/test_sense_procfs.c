/* sense: what the kernel's texts say. */
#include "unit.h"

#include "sense/procfs.h"

#include <math.h>
#include <string.h>

static const char stat_text[] =
    "cpu  300 10 100 1000 50 5 5 30 20 0\n"
    "cpu0 100 10 50 500 25 5 0 10 20 0\n"
    "cpu1 200 0 50 500 25 0 5 20 0 0\n"
    "intr 12345 0 0\nctxt 99\nbtime 1700000000\nprocesses 5\n";

static void busy_time_counts_steal_but_not_io_wait(void **state)
{
    (void)state;
    struct cpu_ticks t;
    assert_true(proc_stat_cpu(stat_text, NULL, &t));
    assert_int_equal(t.cpus, 2);
    assert_float_equal(t.busy, 100 + 10 + 50 + 5 + 10 + 200 + 50 + 5 + 20, 1e-9);
    double idle = t.total - t.busy;
    assert_float_equal(idle, 500 + 25 + 500 + 25, 1e-9);
    assert_float_equal(proc_stat_boot_time(stat_text), 1700000000, 0);
}

static void only_the_allowed_cpus_count(void **state)
{
    (void)state;
    struct cpu_set set;
    struct cpu_ticks t;
    assert_true(proc_cpu_list("1\n", &set));
    assert_true(proc_stat_cpu(stat_text, &set, &t));
    assert_int_equal(t.cpus, 1);
    assert_float_equal(t.busy, 275, 1e-9);
}

static void a_cpu_list_holds_ranges_and_single_numbers(void **state)
{
    (void)state;
    struct cpu_set set;
    assert_true(proc_cpu_list("0-3,8,70-71\n", &set));
    assert_int_equal(set.count, 7);
    assert_true(cpu_set_has(&set, 70));
    assert_false(cpu_set_has(&set, 4));
    assert_false(proc_cpu_list("\n", &set));
}

static void page_cache_is_not_used_memory_but_shared_memory_is(void **state)
{
    (void)state;
    struct mem_info m;
    assert_true(proc_meminfo("MemTotal:       1000 kB\nMemFree:         200 kB\nMemAvailable:    600 kB\nBuffers:          50 kB\nCached:          400 kB\n"
                             "SwapCached:        0 kB\nShmem:           100 kB\nSReclaimable:     50 kB\n", &m));
    assert_float_equal(m.total, 1000 * 1024, 0);
    assert_float_equal(m.used, (1000 - 200 - 50 - 300 - 50) * 1024, 0);
    assert_false(proc_meminfo("nothing here\n", &m));
}

static void a_disk_line_is_read_with_old_and_new_kernels(void **state)
{
    (void)state;
    struct disk_counts d;
    assert_true(proc_disk_stat("   31270     6994  2355530     6996    22511    10002  3114992    10001        0     5664    17428\n", &d));
    assert_float_equal(d.reads, 31270, 0);
    assert_float_equal(d.read_bytes, 2355530.0 * 512, 0);
    assert_float_equal(d.writes, 22511, 0);
    assert_float_equal(d.write_bytes, 3114992.0 * 512, 0);
    assert_float_equal(d.busy_ms, 5664, 0);
    assert_true(proc_disk_stat("1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17\n", &d));
    assert_false(proc_disk_stat("1 2 3\n", &d));
}

static bool not_lo(void *ctx, const char *name)
{
    (void)ctx;
    return strcmp(name, "lo") != 0;
}

static void interfaces_are_summed_as_wanted(void **state)
{
    (void)state;
    struct net_counts n;
    assert_true(proc_net_dev("Inter-|   Receive                                                |  Transmit\n"
                             " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n"
                             "    lo:    3193      29    0    0    0     0          0         0     3193      29    0    0    0     0       0          0\n"
                             "  eth0: 252335787    8146    0    0    0     0          0         0   303071    4140    0    0    0     0       0          0\n"
                             "eth1:7 1 0 0 0 0 0 0 9 1 0 0 0 0 0 0\n", not_lo, NULL, &n));
    assert_int_equal(n.interfaces, 2);
    assert_float_equal(n.rx_bytes, 252335794, 0);
    assert_float_equal(n.tx_bytes, 303080, 0);
}

static void pressure_is_the_total_of_some(void **state)
{
    (void)state;
    assert_float_equal(proc_pressure_some("some avg10=1.06 avg60=0.65 avg300=0.28 total=5084146\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=7\n"), 5084146, 0);
    assert_true(isnan(proc_pressure_some("")));
}

static void a_process_name_may_hold_anything(void **state)
{
    (void)state;
    struct proc_stat p;
    assert_true(proc_pid_stat("4711 (a ) (b) S 17 4711 4711 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987654 10 11\n", &p));
    assert_string_equal(p.name, "a ) (b");
    assert_int_equal(p.parent, 17);
    assert_int_equal(p.start_ticks, 987654);
    assert_int_equal(p.state, 'S');
    assert_false(proc_pid_stat("4711 (cut", &p));
    assert_false(proc_pid_stat("4711 (x) S 17 4711", &p));
}

static void limits_know_the_word_max(void **state)
{
    (void)state;
    assert_true(isinf(proc_one_number("max\n")));
    assert_float_equal(proc_one_number("1073741824\n"), 1073741824, 0);
    assert_true(isnan(proc_one_number("\n")));
    assert_float_equal(proc_cpu_max("150000 100000\n"), 1.5, 1e-12);
    assert_true(isinf(proc_cpu_max("max 100000\n")));
    assert_float_equal(proc_key_value("anon 12\ninactive_file 34\nactive_file 56\n", "inactive_file"), 34, 0);
    assert_true(isnan(proc_key_value("total_inactive_file 34\n", "inactive_file")));
}

static void a_status_field_comes_without_blanks(void **state)
{
    (void)state;
    char out[32];
    assert_true(proc_status_field("Name:\tpostgres\nCpus_allowed:\tff\nCpus_allowed_list:\t0-7 \n", "Cpus_allowed_list", out, sizeof out));
    assert_string_equal(out, "0-7");
    assert_false(proc_status_field("Name:\tpostgres\n", "NSpid", out, sizeof out));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(busy_time_counts_steal_but_not_io_wait),
        cmocka_unit_test(only_the_allowed_cpus_count),
        cmocka_unit_test(a_cpu_list_holds_ranges_and_single_numbers),
        cmocka_unit_test(page_cache_is_not_used_memory_but_shared_memory_is),
        cmocka_unit_test(a_disk_line_is_read_with_old_and_new_kernels),
        cmocka_unit_test(interfaces_are_summed_as_wanted),
        cmocka_unit_test(pressure_is_the_total_of_some),
        cmocka_unit_test(a_process_name_may_hold_anything),
        cmocka_unit_test(limits_know_the_word_max),
        cmocka_unit_test(a_status_field_comes_without_blanks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
