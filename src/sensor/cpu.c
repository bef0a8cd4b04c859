/* sensor/cpu.c - what the processors do: /proc/stat, load, softnet, schedstat, frequencies. */
#include "sensor/inside.h"

#include <stdio.h>
#include <unistd.h>

/* ---- /proc/stat ---- */

static const struct series_kind cpu_kind   = { "node_cpu_seconds_total", "cpu mode", SERIES_COUNTER, "Seconds the CPUs spent in each mode." };
static const struct series_kind guest_kind = { "node_cpu_guest_seconds_total", "cpu mode", SERIES_COUNTER, "Seconds the CPUs spent in guests (VMs) for each mode." };
static const struct series_kind intr_kind  = { "node_intr_total", "", SERIES_COUNTER, "Total number of interrupts serviced." };
static const struct series_kind ctxt_kind  = { "node_context_switches_total", "", SERIES_COUNTER, "Total number of context switches." };
static const struct series_kind fork_kind  = { "node_forks_total", "", SERIES_COUNTER, "Total number of forks." };
static const struct series_kind boot_kind  = { "node_boot_time_seconds", "", SERIES_GAUGE, "Node boot time, in unixtime." };
static const struct series_kind run_kind   = { "node_procs_running", "", SERIES_GAUGE, "Number of processes in runnable state." };
static const struct series_kind block_kind = { "node_procs_blocked", "", SERIES_GAUGE, "Number of processes blocked waiting for I/O to complete." };

enum { STAT_CPUS_MAX = 1024, MODES = 8 };
static const char *const modes[MODES] = { "user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal" };

/* Idle and iowait are known to go back by some ticks; a counter must not. */
struct stat_state { struct kept file; uint64_t most[STAT_CPUS_MAX][MODES]; };

static void cpu_line(struct turn *u, struct stat_state *st, struct slice cpu, struct scan *s, double tick_s)
{
    uint64_t v[MODES + 2];
    size_t   index = (size_t)slice_number(cpu);
    for (size_t i = 0; i < MODES + 2; i++)
        v[i] = scan_or_0(s);
    for (size_t i = 0; i < MODES; i++) {
        uint64_t *most = &st->most[index][i];
        bool      back = v[i] < *most && *most - v[i] < 100 * 60;     /* more is a processor that was taken off and put on again */
        *most          = back ? *most : v[i];
        put_2(u, &cpu_kind, cpu, slice_of(modes[i]), (double)*most * tick_s);
    }
    put_2(u, &guest_kind, cpu, SLICE("user"), (double)v[MODES] * tick_s);
    put_2(u, &guest_kind, cpu, SLICE("nice"), (double)v[MODES + 1] * tick_s);
}

static enum sensed stat_read(struct turn *u, void *state)
{
    struct stat_state *st = state;
    struct slice       text, line;
    enum sensed        is = kept_read(u, &st->file, "/proc/stat", &text);
    if (is != SENSED)
        return is;
    static const struct { struct slice word; const struct series_kind *kind; } rows[] = {
        { { "intr", 4 }, &intr_kind }, { { "ctxt", 4 }, &ctxt_kind }, { { "processes", 9 }, &fork_kind }, { { "btime", 5 }, &boot_kind },
        { { "procs_running", 13 }, &run_kind }, { { "procs_blocked", 13 }, &block_kind },
    };
    double tick_s = 1.0 / (double)sysconf(_SC_CLK_TCK);
    for (struct scan all = scan_of(text); scan_line(&all, &line);) {
        struct scan  s    = scan_of(line);
        struct slice word = scan_word(&s);
        if (word.n > 3 && memcmp(word.s, "cpu", 3) == 0) {
            struct slice cpu = { word.s + 3, word.n - 3 };
            if (slice_number(cpu) >= 0 && slice_number(cpu) < STAT_CPUS_MAX)
                cpu_line(u, st, cpu, &s, tick_s);
            else
                u->left_out++;
            continue;
        }
        for (size_t i = 0; i < COUNT(rows); i++)
            if (slice_same(word, rows[i].word))
                put(u, rows[i].kind, (double)scan_or_0(&s));
    }
    return SENSED;
}

static void stat_done(void *state) { kept_done(&((struct stat_state *)state)->file); }

/* ---- load ---- */

static const struct series_kind load1_kind  = { "node_load1", "", SERIES_GAUGE, "1m load average." };
static const struct series_kind load5_kind  = { "node_load5", "", SERIES_GAUGE, "5m load average." };
static const struct series_kind load15_kind = { "node_load15", "", SERIES_GAUGE, "15m load average." };

static enum sensed load_read(struct turn *u, void *state)
{
    struct slice text;
    enum sensed  is = kept_read(u, state, "/proc/loadavg", &text);
    if (is != SENSED)
        return is;
    struct scan s = scan_of(text);
    put(u, &load1_kind, slice_number(scan_word(&s)));
    put(u, &load5_kind, slice_number(scan_word(&s)));
    put(u, &load15_kind, slice_number(scan_word(&s)));
    return SENSED;
}

static void one_file_done(void *state) { kept_done(state); }

/* ---- packets from the network, by processor ---- */

static const struct series_kind soft_kinds[] = {
    { "node_softnet_processed_total", "cpu", SERIES_COUNTER, "Number of processed packets" },
    { "node_softnet_dropped_total", "cpu", SERIES_COUNTER, "Number of dropped packets" },
    { "node_softnet_times_squeezed_total", "cpu", SERIES_COUNTER, "Number of times processing packets ran out of quota" },
};

static uint64_t hex(struct slice s)
{
    uint64_t v = 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.s[i];
        v = v * 16 + (uint64_t)(c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : 0);
    }
    return v;
}

static enum sensed softnet_read(struct turn *u, void *state)
{
    struct slice text, line;
    enum sensed  is = kept_read(u, state, "/proc/net/softnet_stat", &text);
    if (is != SENSED)
        return is;
    uint64_t row = 0;
    for (struct scan all = scan_of(text); scan_line(&all, &line); row++) {
        uint64_t    v[13] = { 0 };
        size_t      n     = 0;
        struct scan s     = scan_of(line);
        for (struct slice w; n < COUNT(v) && (w = scan_word(&s)).n; n++)
            v[n] = hex(w);
        char cpu[24];
        int  size = snprintf(cpu, sizeof cpu, "%llu", (unsigned long long)(n == COUNT(v) ? v[12] : row));
        for (size_t i = 0; i < COUNT(soft_kinds); i++)
            put_1(u, &soft_kinds[i], (struct slice){ cpu, (size_t)size }, (double)v[i]);
    }
    return SENSED;
}

/* ---- the scheduler ---- */

static const struct series_kind sched_run_kind   = { "node_schedstat_running_seconds_total", "cpu", SERIES_COUNTER, "Number of seconds CPU spent running a process." };
static const struct series_kind sched_wait_kind  = { "node_schedstat_waiting_seconds_total", "cpu", SERIES_COUNTER, "Number of seconds spent by processing waiting for this CPU." };
static const struct series_kind sched_slice_kind = { "node_schedstat_timeslices_total", "cpu", SERIES_COUNTER, "Number of timeslices executed by CPU." };

static enum sensed schedstat_read(struct turn *u, void *state)
{
    struct slice text, line;
    enum sensed  is = kept_read(u, state, "/proc/schedstat", &text);
    if (is != SENSED)
        return is;
    for (struct scan all = scan_of(text); scan_line(&all, &line);) {
        struct scan  s    = scan_of(line);
        struct slice word = scan_word(&s);
        if (word.n < 4 || memcmp(word.s, "cpu", 3) != 0)
            continue;
        struct slice cpu = { word.s + 3, word.n - 3 };
        for (int i = 0; i < 6; i++)
            (void)scan_word(&s);
        put_1(u, &sched_run_kind, cpu, (double)scan_or_0(&s) / 1e9);
        put_1(u, &sched_wait_kind, cpu, (double)scan_or_0(&s) / 1e9);
        put_1(u, &sched_slice_kind, cpu, (double)scan_or_0(&s));
    }
    return SENSED;
}

/* ---- frequencies ---- */

static const struct { const char *file; struct series_kind kind; } frequencies[] = {
    { "scaling_cur_freq", { "node_cpu_scaling_frequency_hertz", "cpu", SERIES_GAUGE, "Current scaled CPU thread frequency in hertz." } },
    { "scaling_min_freq", { "node_cpu_scaling_frequency_min_hertz", "cpu", SERIES_GAUGE, "Minimum scaled CPU thread frequency in hertz." } },
    { "scaling_max_freq", { "node_cpu_scaling_frequency_max_hertz", "cpu", SERIES_GAUGE, "Maximum scaled CPU thread frequency in hertz." } },
    { "cpuinfo_cur_freq", { "node_cpu_frequency_hertz", "cpu", SERIES_GAUGE, "Current CPU thread frequency in hertz." } },
    { "cpuinfo_min_freq", { "node_cpu_frequency_min_hertz", "cpu", SERIES_GAUGE, "Minimum CPU thread frequency in hertz." } },
    { "cpuinfo_max_freq", { "node_cpu_frequency_max_hertz", "cpu", SERIES_GAUGE, "Maximum CPU thread frequency in hertz." } },
};

static enum sensed cpufreq_read(struct turn *u, void *state)
{
    char         path[96], cpu[16];
    bool         any = false;
    unsigned     number[STAT_CPUS_MAX];
    struct slice text;
    (void)state;
    size_t count = folder_numbers(u, "/sys/devices/system/cpu", "cpu", "", number, STAT_CPUS_MAX);
    for (size_t n = 0; n < count; n++) {
        int size = snprintf(cpu, sizeof cpu, "%u", number[n]);
        for (size_t i = 0; i < COUNT(frequencies); i++) {
            snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%s/cpufreq/%s", cpu, frequencies[i].file);
            if (file_once(u, path, &text) != SENSED)
                continue;
            any = true;
            put_1(u, &frequencies[i].kind, (struct slice){ cpu, (size_t)size }, 1000 * slice_number(text));
        }
    }
    return any ? SENSED : HERE_NOT;
}

const struct sensor sensors_cpu[] = {
    { "stat",      0,  sizeof(struct stat_state), stat_read,      stat_done,     "time of each processor by mode; interrupts, switches, forks, running and blocked processes" },
    { "loadavg",   0,  sizeof(struct kept),       load_read,      one_file_done, "load" },
    { "softnet",   0,  sizeof(struct kept),       softnet_read,   one_file_done, "packets each processor took from the network, and lost" },
    { "schedstat", 0,  sizeof(struct kept),       schedstat_read, one_file_done, "time that was waited for a processor" },
    { "cpufreq",   15, 0,                         cpufreq_read,   NULL,          "frequencies" },
};
const size_t sensors_cpu_count = COUNT(sensors_cpu);
