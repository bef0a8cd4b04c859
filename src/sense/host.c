/*
 * sense/host.c - readings of the machine under one postmaster.
 *
 * What is looked at depends on where the postmaster lives (cgroup, CPUs, devices, interfaces).  That is found out when it is
 * followed and checked again now and then, because limits are moved and processes are put into other groups; the reading
 * itself only preads and subtracts.
 */
#include "sense/host.h"

#include "base/clock.h"
#include "base/text.h"
#include "sense/cgroup.h"
#include "sense/device.h"
#include "sense/local.h"
#include "sense/peek.h"
#include "sense/procfs.h"
#include "sense/rate.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* A line per CPU comes first in /proc/stat; what is behind the buffer's end is not needed. */
enum { TEXT_ROOM = 64 * 1024, MEMBERSHIP_ROOM = 4096, INTERFACES_MAX = 32 };

/* How often the postmaster's whereabouts are looked at again. */
#define LOOK_AGAIN_US (15 * US_PER_S)

struct ratio_rate { double busy, total; bool known; };

/* One level of a cgroup that may limit. */
struct memory_level { struct peek limit, high, usage, stat; };   /* high: v2 only */
struct cpu_level    { struct peek quota, period, usage; struct rate rate; };

struct disk { struct device device; struct peek stat; struct rate reads, read_bytes, writes, write_bytes, busy; };

struct host {
    char     root[256];
    int64_t  gap_us;
    int      pid;                        /* 0: nobody is followed */
    uint64_t start_ticks;
    char     data_directory[256];
    int64_t  look_again_us;

    char     membership[MEMBERSHIP_ROOM];
    int      memory_version, cpu_version;
    int      memory_levels, cpu_levels;
    struct memory_level memory[CGROUP_LEVELS_MAX];
    struct cpu_level    cpu[CGROUP_LEVELS_MAX];

    struct cpu_set allowed;              /* count 0: unknown, all of them */
    struct peek    stat, meminfo, net;
    struct ratio_rate cpu_share;

    struct device_list where;
    int         disks;
    struct disk disk[DEVICES_MAX];

    struct peek pressure[3];
    struct rate pressure_rate[3];

    int         interfaces;              /* real ones; 0: take all but loopback */
    char        interface[INTERFACES_MAX][32];
    struct rate rx, tx;

    char        text[TEXT_ROOM];
};

static const enum metric pressure_metric[3] = { METRIC_PSI_CPU, METRIC_PSI_IO, METRIC_PSI_MEMORY };
static const char *const pressure_name[3] = { "cpu", "io", "memory" };

struct host *host_new(const char *root, int interval_ms)
{
    struct host *h = calloc(1, sizeof *h);
    if (!h)
        return NULL;
    (void)text_copy(h->root, sizeof h->root, root ? root : "");
    h->gap_us = rate_gap_us(interval_ms);
    h->stat = h->meminfo = h->net = PEEK_NONE;
    for (int i = 0; i < 3; i++)
        h->pressure[i] = PEEK_NONE;
    for (int i = 0; i < CGROUP_LEVELS_MAX; i++) {
        h->memory[i].limit = h->memory[i].high = h->memory[i].usage = h->memory[i].stat = PEEK_NONE;
        h->cpu[i].quota = h->cpu[i].period = h->cpu[i].usage = PEEK_NONE;
    }
    for (int i = 0; i < DEVICES_MAX; i++)
        h->disk[i].stat = PEEK_NONE;
    return h;
}

/* ---- closing ---- */

static void close_groups(struct host *h)
{
    for (int i = 0; i < CGROUP_LEVELS_MAX; i++) {
        peek_close(&h->memory[i].limit);
        peek_close(&h->memory[i].high);
        peek_close(&h->memory[i].usage);
        peek_close(&h->memory[i].stat);
        peek_close(&h->cpu[i].quota);
        peek_close(&h->cpu[i].period);
        peek_close(&h->cpu[i].usage);
        rate_forget(&h->cpu[i].rate);
    }
    for (int i = 0; i < 3; i++) {
        peek_close(&h->pressure[i]);
        rate_forget(&h->pressure_rate[i]);
    }
    h->memory_levels = h->cpu_levels = 0;
}

static void close_all(struct host *h)
{
    close_groups(h);
    peek_close(&h->stat);
    peek_close(&h->meminfo);
    peek_close(&h->net);
    for (int i = 0; i < DEVICES_MAX; i++) {
        peek_close(&h->disk[i].stat);
        h->disk[i] = (struct disk){ .stat = PEEK_NONE };
    }
    h->disks = 0;
    h->cpu_share = (struct ratio_rate){ 0 };
    rate_forget(&h->rx);
    rate_forget(&h->tx);
    h->membership[0] = '\0';
}

void host_free(struct host *h)
{
    if (!h)
        return;
    close_all(h);
    free(h);
}

/* ---- finding out where to look ---- */

static void open_memory(struct host *h, const struct cgroup_folders *f)
{
    static const char *const files[3][3] = {
        { NULL, NULL, NULL }, { "memory.limit_in_bytes", "memory.usage_in_bytes", "memory.stat" }, { "memory.max", "memory.current", "memory.stat" },
    };
    h->memory_version = f->version;
    for (int i = 0; i < f->levels; i++) {
        peek_open(&h->memory[i].limit, "%s/%s", f->folder[i], files[f->version][0]);
        if (f->version == 2)
            peek_open(&h->memory[i].high, "%s/memory.high", f->folder[i]);
        peek_open(&h->memory[i].usage, "%s/%s", f->folder[i], files[f->version][1]);
        peek_open(&h->memory[i].stat, "%s/%s", f->folder[i], files[f->version][2]);
    }
    h->memory_levels = f->levels;
}

/* In v1 the two CPU hierarchies may be mounted apart; usage counts only where it is that of the same group. */
static const char *folder_of_same_group(const struct cgroup_folders *f, const char *path)
{
    for (int i = 0; i < f->levels; i++)
        if (strcmp(f->folder[i] + f->top, path) == 0)
            return f->folder[i];
    return NULL;
}

static void open_cpu(struct host *h, const struct cgroup_folders *f, const struct cgroup_folders *acct)
{
    h->cpu_version = f->version;
    for (int i = 0; i < f->levels; i++) {
        const char *usage = folder_of_same_group(acct, f->folder[i] + f->top);
        peek_open(&h->cpu[i].quota, "%s/%s", f->folder[i], f->version == 1 ? "cpu.cfs_quota_us" : "cpu.max");
        if (f->version == 1)
            peek_open(&h->cpu[i].period, "%s/cpu.cfs_period_us", f->folder[i]);
        if (usage)
            peek_open(&h->cpu[i].usage, "%s/%s", usage, f->version == 1 ? "cpuacct.usage" : "cpu.stat");
    }
    h->cpu_levels = f->levels;
}

static void open_groups(struct host *h)
{
    struct cgroup_map *map = malloc(sizeof *map);
    if (!map)
        return;
    if (peek_once(h->text, sizeof h->text, "%s/proc/self/mountinfo", h->root)) {
        cgroup_resolve(h->root, h->membership, h->text, map);
        open_memory(h, &map->of[CGROUP_MEMORY]);
        open_cpu(h, &map->of[CGROUP_CPU], &map->of[CGROUP_CPUACCT]);
    } else {
        *map = (struct cgroup_map){ 0 };
    }
    const struct cgroup_folders *p = &map->of[CGROUP_PRESSURE];
    for (int i = 0; i < 3; i++) {
        if (p->levels > 0 && p->folder[0][p->top] != '\0')
            peek_open(&h->pressure[i], "%s/%s.pressure", p->folder[0], pressure_name[i]);
        if (h->pressure[i].fd < 0)
            peek_open(&h->pressure[i], "%s/proc/pressure/%s", h->root, pressure_name[i]);
    }
    free(map);
}

static bool want_name(void *ctx, const char *name)
{
    struct host *h = ctx;
    char         path[512];
    (void)snprintf(path, sizeof path, "%s/sys/class/net/%s/device", h->root, name);
    if (h->interfaces < INTERFACES_MAX && access(path, F_OK) == 0)
        (void)text_copy(h->interface[h->interfaces++], sizeof h->interface[0], name);
    return false;
}

static bool want_counts(void *ctx, const char *name)
{
    const struct host *h = ctx;
    for (int i = 0; i < h->interfaces; i++)
        if (strcmp(h->interface[i], name) == 0)
            return true;
    return h->interfaces == 0 && strcmp(name, "lo") != 0;
}

static void open_machine(struct host *h)
{
    struct net_counts none;
    peek_open(&h->stat, "%s/proc/stat", h->root);
    peek_open(&h->meminfo, "%s/proc/meminfo", h->root);
    peek_open(&h->net, "%s/proc/%d/net/dev", h->root, h->pid);
    h->interfaces = 0;
    if (peek_read(&h->net, h->text, sizeof h->text))
        (void)proc_net_dev(h->text, want_name, h, &none);
    device_find(h->root, h->pid, h->data_directory, &h->where);
    for (int i = 0; i < h->where.count; i++) {
        struct device d = h->where.device[i];
        h->disk[i].device = d;
        peek_open(&h->disk[i].stat, "%s/sys/dev/block/%u:%u/stat", h->root, d.major, d.minor);
    }
    h->disks = h->where.count;
}

/* Groups and CPUs can change while the process runs. */
static void look_again(struct host *h)
{
    char text[MEMBERSHIP_ROOM], list[1024];
    if (!local_process_alive(h->root, h->pid, h->start_ticks))
        return;   /* what is open stays open: the machine goes on while the server is down */
    if (peek_once(text, sizeof text, "%s/proc/%d/status", h->root, h->pid) && proc_status_field(text, "Cpus_allowed_list", list, sizeof list))
        (void)proc_cpu_list(list, &h->allowed);
    if (peek_once(text, sizeof text, "%s/proc/%d/cgroup", h->root, h->pid) && strcmp(text, h->membership) != 0) {
        (void)text_copy(h->membership, sizeof h->membership, text);
        close_groups(h);
        open_groups(h);
    }
}

void host_follow(struct host *h, int postmaster_pid, const char *data_directory)
{
    uint64_t start = postmaster_pid > 0 ? local_process_start(h->root, postmaster_pid) : 0;
    if (h->pid == postmaster_pid && h->start_ticks == start && strcmp(h->data_directory, data_directory) == 0)
        return;
    close_all(h);
    h->pid = start != 0 ? postmaster_pid : 0;
    h->start_ticks = start;
    (void)text_copy(h->data_directory, sizeof h->data_directory, data_directory);
    h->allowed = (struct cpu_set){ 0 };
    h->where = (struct device_list){ 0 };
    h->look_again_us = 0;
    if (h->pid == 0)
        return;
    open_machine(h);
    look_again(h);
}

/* ---- limits ---- */

static double machine_memory(struct host *h, struct mem_info *m)
{
    *m = (struct mem_info){ (double)NAN, (double)NAN, (double)NAN };
    return peek_read(&h->meminfo, h->text, sizeof h->text) && proc_meminfo(h->text, m) ? m->total : (double)NAN;
}

/* The tightest memory limit below the machine's own size; level -1: none. */
static double memory_limit(struct host *h, double machine, int *level)
{
    char   text[64];
    double least = machine;
    *level = -1;
    for (int i = 0; i < h->memory_levels; i++) {
        double hard = peek_read(&h->memory[i].limit, text, sizeof text) ? proc_one_number(text) : (double)NAN;
        double high = peek_read(&h->memory[i].high, text, sizeof text) ? proc_one_number(text) : (double)NAN, limit = fmin(hard, high);
        if (limit > 0 && (limit < least || isnan(least)) && limit < 0x1p60) {   /* v1 says "none" with a number near 2^63 */
            least = limit;
            *level = i;
        }
    }
    return least;
}

/* Memory of a group without what the kernel could drop at once: the file cache. */
static double group_memory_used(struct host *h, int level)
{
    const struct memory_level *m = &h->memory[level];
    double used = peek_read(&m->usage, h->text, sizeof h->text) ? proc_one_number(h->text) : (double)NAN;
    if (!peek_read(&m->stat, h->text, sizeof h->text))
        return (double)NAN;
    bool   v1 = h->memory_version == 1;
    double inactive = proc_key_value(h->text, v1 ? "total_inactive_file" : "inactive_file");
    double active = proc_key_value(h->text, v1 ? "total_active_file" : "active_file");
    used -= inactive + active;
    return used < 0 ? 0 : used;
}

static double level_quota(const struct host *h, int level)
{
    char   text[64];
    double quota = peek_read(&h->cpu[level].quota, text, sizeof text) ? (h->cpu_version == 2 ? proc_cpu_max(text) : proc_one_number(text)) : (double)NAN;
    if (h->cpu_version == 2)
        return quota;
    double period = peek_read(&h->cpu[level].period, text, sizeof text) ? proc_one_number(text) : (double)NAN;
    return quota < 0 ? (double)INFINITY : quota / period;
}

/* Nanoseconds (v1) or microseconds (v2) of CPU time, as seconds. */
static double level_usage_s(const struct host *h, int level)
{
    char text[1024];
    if (!peek_read(&h->cpu[level].usage, text, sizeof text))
        return (double)NAN;
    return h->cpu_version == 2 ? proc_key_value(text, "usage_usec") / 1e6 : proc_one_number(text) / 1e9;
}

/* ---- readings ---- */

static double share_of_machine(struct host *h)
{
    struct cpu_ticks t;
    if (!peek_read(&h->stat, h->text, sizeof h->text) || !proc_stat_cpu(h->text, h->allowed.count > 0 ? &h->allowed : NULL, &t))
        return (double)NAN;
    struct ratio_rate before = h->cpu_share;
    h->cpu_share = (struct ratio_rate){ t.busy, t.total, true };
    double busy = t.busy - before.busy, total = t.total - before.total;
    return before.known && total > 0 && busy >= 0 ? busy / total : (double)NAN;
}

/* fmax() takes the known one of two when the other is NAN: a quota without usage does not hide the machine's share. */
static void read_cpu(struct host *h, int64_t mono_us, struct sample *s)
{
    double share = share_of_machine(h);
    for (int i = 0; i < h->cpu_levels; i++) {
        double used = rate_next(&h->cpu[i].rate, level_usage_s(h, i), mono_us, h->gap_us), quota = level_quota(h, i);
        if (quota > 0 && !isinf(quota))
            share = fmax(share, used / quota);
    }
    s->v[METRIC_CPU] = share > 1 ? 1 : share;
}

static void read_memory(struct host *h, struct sample *s)
{
    struct mem_info m;
    int    level;
    double machine = machine_memory(h, &m);
    s->v[METRIC_MEMORY_LIMIT] = memory_limit(h, machine, &level);
    s->v[METRIC_MEMORY_USED] = level >= 0 ? group_memory_used(h, level) : m.used;
}

static void read_disks(struct host *h, int64_t mono_us, struct sample *s)
{
    static const enum metric sums[4] = { METRIC_IO_READS, METRIC_IO_READ_BYTES, METRIC_IO_WRITES, METRIC_IO_WRITE_BYTES };
    double sum[4] = { 0 }, busiest = (double)NAN;
    for (int i = 0; i < h->disks; i++) {
        struct disk       *d = &h->disk[i];
        struct disk_counts c;
        if (!peek_read(&d->stat, h->text, sizeof h->text) || !proc_disk_stat(h->text, &c))
            c = (struct disk_counts){ (double)NAN, (double)NAN, (double)NAN, (double)NAN, (double)NAN };
        sum[0] += rate_next(&d->reads, c.reads, mono_us, h->gap_us);
        sum[1] += rate_next(&d->read_bytes, c.read_bytes, mono_us, h->gap_us);
        sum[2] += rate_next(&d->writes, c.writes, mono_us, h->gap_us);
        sum[3] += rate_next(&d->write_bytes, c.write_bytes, mono_us, h->gap_us);
        busiest = fmax(busiest, rate_next_wrapping(&d->busy, c.busy_ms, mono_us, h->gap_us, 32) / 1000.0);
    }
    if (h->disks == 0)
        return;
    for (int i = 0; i < 4; i++)
        s->v[sums[i]] = sum[i];
    s->v[METRIC_IO_BUSY] = busiest > 1 ? 1 : busiest;
}

static void read_pressure(struct host *h, int64_t mono_us, struct sample *s)
{
    char text[256];
    for (int i = 0; i < 3; i++) {
        double total_us = peek_read(&h->pressure[i], text, sizeof text) ? proc_pressure_some(text) : (double)NAN;
        double share = rate_next(&h->pressure_rate[i], total_us, mono_us, h->gap_us) / 1e6;
        s->v[pressure_metric[i]] = share > 1 ? 1 : share;
    }
}

static void read_network(struct host *h, int64_t mono_us, struct sample *s)
{
    struct net_counts n = { (double)NAN, (double)NAN, 0 };
    if (!peek_read(&h->net, h->text, sizeof h->text) || !proc_net_dev(h->text, want_counts, h, &n))
        n = (struct net_counts){ (double)NAN, (double)NAN, 0 };
    s->v[METRIC_NET_RX] = rate_next(&h->rx, n.rx_bytes, mono_us, h->gap_us);
    s->v[METRIC_NET_TX] = rate_next(&h->tx, n.tx_bytes, mono_us, h->gap_us);
}

static double free_bytes(const char *path)
{
    struct statvfs f;
    return *path && statvfs(path, &f) == 0 ? (double)f.f_bavail * (double)f.f_frsize : (double)NAN;
}

void host_read(struct host *h, int64_t mono_us, struct sample *s)
{
    if (h->pid == 0)
        return;
    if (mono_us >= h->look_again_us) {
        look_again(h);
        h->look_again_us = mono_us + LOOK_AGAIN_US;
    }
    read_cpu(h, mono_us, s);
    read_memory(h, s);
    read_disks(h, mono_us, s);
    read_pressure(h, mono_us, s);
    read_network(h, mono_us, s);
    s->v[METRIC_DISK_FREE] = free_bytes(h->where.data);
}

/* ---- facts ---- */

/* The file is replaced by a new one, as the server itself does it, so the folder has to be writable too. */
static bool may_write_configuration(const char *data)
{
    char path[600];
    (void)snprintf(path, sizeof path, "%s/postgresql.auto.conf", data);
    return *data && access(data, R_OK | W_OK | X_OK) == 0 && access(path, R_OK | W_OK) == 0;
}

static int cpus_of_machine(struct host *h)
{
    struct cpu_ticks t;
    return peek_read(&h->stat, h->text, sizeof h->text) && proc_stat_cpu(h->text, h->allowed.count > 0 ? &h->allowed : NULL, &t) ? t.cpus : 0;
}

void host_facts(struct host *h, struct target_facts *f)
{
    f->cpus = 0;
    f->memory_bytes = f->memory_machine_bytes = f->disk_free_bytes = f->wal_disk_free_bytes = (double)NAN;
    f->cpus_limit = f->memory_used_bytes = (double)NAN;
    f->limit_counts_cache = f->rotational = f->host_readable = f->file_access = false;
    if (h->pid == 0)
        return;
    look_again(h);
    struct mem_info m;
    int level;
    f->memory_machine_bytes = machine_memory(h, &m);
    f->memory_bytes = memory_limit(h, f->memory_machine_bytes, &level);
    f->limit_counts_cache = level >= 0;   /* v1 and v2 both charge file pages to the group that read them first */
    f->memory_used_bytes = level >= 0 ? group_memory_used(h, level) : m.used;
    f->cpus = cpus_of_machine(h);
    for (int i = 0; i < h->cpu_levels; i++) {
        double quota = level_quota(h, i);
        if (quota > 0 && !isinf(quota) && !(f->cpus_limit <= quota))
            f->cpus_limit = quota;
    }
    if (f->cpus_limit < f->cpus)   /* false when there is no quota */
        f->cpus = f->cpus_limit < 1 ? 1 : (int)f->cpus_limit;
    f->disk_free_bytes = free_bytes(h->where.data);
    f->wal_disk_free_bytes = free_bytes(h->where.wal);   /* unknown where pg_wal is not ours to see */
    for (int i = 0; i < h->where.count; i++)
        f->rotational = f->rotational || device_rotational(h->root, h->where.device[i]);
    f->file_access = may_write_configuration(h->where.data);
    f->host_readable = !isnan(f->memory_machine_bytes) && f->cpus > 0;
}
