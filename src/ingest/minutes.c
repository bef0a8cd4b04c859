/* ingest/minutes.c - which series become which number of a minute, and which processes are worth keeping. */
#include "ingest/minutes.h"

#include "base/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PROCESSES_MAX = 16384, TOP_BY_CPU = 24, TOP_BY_MEMORY = 12, TOP_BY_IO = 12 };

/* ---- the host: series that are summed over what their labels leave open ---- */

struct host_row { const char *metric, *label, *value; size_t at; bool rate; double scale; };
#define HOST(field) offsetof(struct history_host, field)

static const struct host_row host_rows[] = {
    { "node_load1", NULL, NULL, HOST(load1), false, 1 },
    { "node_load5", NULL, NULL, HOST(load5), false, 1 },
    { "node_load15", NULL, NULL, HOST(load15), false, 1 },
    { "node_procs_running", NULL, NULL, HOST(procs_running), false, 1 },
    { "node_procs_blocked", NULL, NULL, HOST(procs_blocked), false, 1 },
    { "node_cpu_seconds_total", "mode", "user", HOST(cpu_user), true, 1 },
    { "node_cpu_seconds_total", "mode", "nice", HOST(cpu_nice), true, 1 },
    { "node_cpu_seconds_total", "mode", "system", HOST(cpu_system), true, 1 },
    { "node_cpu_seconds_total", "mode", "idle", HOST(cpu_idle), true, 1 },
    { "node_cpu_seconds_total", "mode", "iowait", HOST(cpu_iowait), true, 1 },
    { "node_cpu_seconds_total", "mode", "irq", HOST(cpu_irq), true, 1 },
    { "node_cpu_seconds_total", "mode", "softirq", HOST(cpu_softirq), true, 1 },
    { "node_cpu_seconds_total", "mode", "steal", HOST(cpu_steal), true, 1 },
    { "node_forks_total", NULL, NULL, HOST(forks), true, 1 },
    { "node_context_switches_total", NULL, NULL, HOST(context_switches), true, 1 },
    { "node_intr_total", NULL, NULL, HOST(interrupts), true, 1 },
    { "node_memory_MemTotal_bytes", NULL, NULL, HOST(mem_total), false, 1 },
    { "node_memory_MemFree_bytes", NULL, NULL, HOST(mem_free), false, 1 },
    { "node_memory_MemAvailable_bytes", NULL, NULL, HOST(mem_available), false, 1 },
    { "node_memory_Buffers_bytes", NULL, NULL, HOST(mem_buffers), false, 1 },
    { "node_memory_Cached_bytes", NULL, NULL, HOST(mem_cached), false, 1 },
    { "node_memory_Dirty_bytes", NULL, NULL, HOST(mem_dirty), false, 1 },
    { "node_memory_Slab_bytes", NULL, NULL, HOST(mem_slab), false, 1 },
    { "node_memory_SwapTotal_bytes", NULL, NULL, HOST(swap_total), false, 1 },
    { "node_memory_SwapFree_bytes", NULL, NULL, HOST(swap_free), false, 1 },
    { "node_vmstat_pgpgin", NULL, NULL, HOST(page_in), true, 1024 },
    { "node_vmstat_pgpgout", NULL, NULL, HOST(page_out), true, 1024 },
    { "node_vmstat_pswpin", NULL, NULL, HOST(swap_in), true, 1 },
    { "node_vmstat_pswpout", NULL, NULL, HOST(swap_out), true, 1 },
    { "node_vmstat_pgmajfault", NULL, NULL, HOST(major_faults), true, 1 },
    { "node_vmstat_oom_kill", NULL, NULL, HOST(oom_kills), true, 60 },
    { "node_pressure_cpu_waiting_seconds_total", NULL, NULL, HOST(pressure_cpu), true, 1 },
    { "node_pressure_memory_waiting_seconds_total", NULL, NULL, HOST(pressure_memory), true, 1 },
    { "node_pressure_io_waiting_seconds_total", NULL, NULL, HOST(pressure_io), true, 1 },
    { "node_netstat_Tcp_CurrEstab", NULL, NULL, HOST(tcp_established), false, 1 },
    { "node_netstat_Tcp_RetransSegs", NULL, NULL, HOST(tcp_retransmits), true, 1 },
    { "node_netstat_Tcp_OutRsts", NULL, NULL, HOST(tcp_resets), true, 1 },
    { "node_netstat_TcpExt_ListenOverflows", NULL, NULL, HOST(listen_overflows), true, 1 },
    { "node_filefd_allocated", NULL, NULL, HOST(filefd), false, 1 },
};
enum { HOST_ROWS = sizeof host_rows / sizeof host_rows[0] };

/* ---- disks, interfaces, mounts: named by a label ---- */

enum { THING_VALUES = 8 };
struct thing { char name[HISTORY_NAME]; double value[THING_VALUES]; };
struct things { struct thing item[HISTORY_DISKS_MAX]; size_t count; };
_Static_assert(HISTORY_NETS_MAX == HISTORY_DISKS_MAX && HISTORY_MOUNTS_MAX == HISTORY_DISKS_MAX, "one bound for all");

enum kind { DISK, NET, MOUNT, KINDS };
struct thing_row { const char *metric; enum kind kind; int at; };

static const struct thing_row thing_rows[] = {
    { "node_disk_read_bytes_total", DISK, 0 }, { "node_disk_written_bytes_total", DISK, 1 }, { "node_disk_reads_completed_total", DISK, 2 }, { "node_disk_writes_completed_total", DISK, 3 },
    { "node_disk_io_time_seconds_total", DISK, 4 }, { "node_disk_read_time_seconds_total", DISK, 5 }, { "node_disk_write_time_seconds_total", DISK, 6 },
    { "node_network_receive_bytes_total", NET, 0 }, { "node_network_transmit_bytes_total", NET, 1 }, { "node_network_receive_packets_total", NET, 2 }, { "node_network_transmit_packets_total", NET, 3 },
    { "node_network_receive_errs_total", NET, 4 }, { "node_network_transmit_errs_total", NET, 5 }, { "node_network_receive_drop_total", NET, 6 }, { "node_network_transmit_drop_total", NET, 7 },
    { "node_filesystem_size_bytes", MOUNT, 0 }, { "node_filesystem_avail_bytes", MOUNT, 1 }, { "node_filesystem_files", MOUNT, 2 }, { "node_filesystem_files_free", MOUNT, 3 },
};
static const char *const thing_label[KINDS] = { "device", "device", "mountpoint" };

struct reading {
    int64_t       at_us;
    double        host[HOST_ROWS];
    double        cpus;
    struct things thing[KINDS];
    struct sensors_process *process;         /* names are not used: they are gone with the next tick */
    size_t        processes;
};

struct minutes { struct reading now, before; bool has_before; struct history_top *top; size_t tops; };

struct minutes *minutes_new(void)
{
    struct minutes *m = calloc(1, sizeof *m);
    if (m) {
        m->now.process = calloc(PROCESSES_MAX, sizeof *m->now.process);
        m->before.process = calloc(PROCESSES_MAX, sizeof *m->before.process);
        m->top = calloc(PROCESSES_MAX, sizeof *m->top);
        if (!m->now.process || !m->before.process || !m->top) {
            minutes_free(m);
            return NULL;
        }
    }
    return m;
}

void minutes_free(struct minutes *m)
{
    if (!m)
        return;
    free(m->now.process);
    free(m->before.process);
    free(m->top);
    free(m);
}

static struct slice label_of(const struct sensors_value *v, const char *name)
{
    for (size_t i = 0; i < v->labels; i++)
        if (slice_is(v->label[2 * i], name))
            return v->label[2 * i + 1];
    return SLICE("");
}

static struct thing *thing_of(struct things *all, struct slice name)
{
    char copy[HISTORY_NAME];
    size_t n = name.n < sizeof copy - 1 ? name.n : sizeof copy - 1;
    memcpy(copy, name.s, n);
    copy[n] = '\0';
    for (size_t i = 0; i < all->count; i++)
        if (strcmp(all->item[i].name, copy) == 0)
            return &all->item[i];
    if (n == 0 || all->count == HISTORY_DISKS_MAX)
        return NULL;
    struct thing *t = &all->item[all->count++];
    memcpy(t->name, copy, n + 1);
    for (int k = 0; k < THING_VALUES; k++)
        t->value[k] = NAN;
    return t;
}

static void see_value(void *ctx, const struct sensors_value *v)
{
    struct reading *r = ctx;
    for (size_t i = 0; i < HOST_ROWS; i++) {
        const struct host_row *row = &host_rows[i];
        if (!slice_is(v->name, row->metric) || (row->label && !slice_is(label_of(v, row->label), row->value)))
            continue;
        r->host[i] = isnan(r->host[i]) ? v->value : r->host[i] + v->value;
        if (row->label && strcmp(row->value, "idle") == 0)
            r->cpus++;
        return;
    }
    for (size_t i = 0; i < sizeof thing_rows / sizeof thing_rows[0]; i++)
        if (slice_is(v->name, thing_rows[i].metric)) {
            struct thing *t = thing_of(&r->thing[thing_rows[i].kind], label_of(v, thing_label[thing_rows[i].kind]));
            if (t)
                t->value[thing_rows[i].at] = v->value;
            return;
        }
}

/* ---- processes ---- */

struct process_walk { struct minutes *m; double seconds; };

static int by_pid(const void *a, const void *b)
{
    const struct sensors_process *x = a, *y = b;
    return (x->pid > y->pid) - (x->pid < y->pid);
}

static double per_second(double now, double before, double seconds) { return now >= before ? (now - before) / seconds : NAN; }

static void see_process(void *ctx, const struct sensors_process *p)
{
    struct process_walk *w = ctx;
    struct minutes      *m = w->m;
    if (m->now.processes == PROCESSES_MAX)
        return;
    m->now.process[m->now.processes++] = *p;
    if (!m->has_before)
        return;
    const struct sensors_process *old = bsearch(p, m->before.process, m->before.processes, sizeof *old, by_pid);
    bool                          same = old && old->start_ticks == p->start_ticks;
    struct history_top           *t = &m->top[m->tops++];
    *t = (struct history_top){ .pid = p->pid, .start_ticks = (int64_t)p->start_ticks, .rss_bytes = p->rss_bytes, .threads = p->threads };
    (void)text_copy(t->name, sizeof t->name, p->comm ? p->comm : "");
    (void)text_copy(t->group, sizeof t->group, p->group ? p->group : "");
    t->cpu = per_second(p->cpu_s, same ? old->cpu_s : 0, w->seconds);
    t->read_bytes = per_second(p->read_bytes, same ? old->read_bytes : 0, w->seconds);
    t->write_bytes = per_second(p->write_bytes, same ? old->write_bytes : 0, w->seconds);
}

static double zero_if_unknown(double v) { return isnan(v) ? 0 : v; }
static int    order(double a, double b) { return (a < b) - (a > b); }
static int    by_cpu(const void *a, const void *b) { return order(zero_if_unknown(((const struct history_top *)a)->cpu), zero_if_unknown(((const struct history_top *)b)->cpu)); }
static int    by_memory(const void *a, const void *b) { return order(((const struct history_top *)a)->rss_bytes, ((const struct history_top *)b)->rss_bytes); }
static int    by_io(const void *a, const void *b)
{
    const struct history_top *x = a, *y = b;
    return order(zero_if_unknown(x->read_bytes) + zero_if_unknown(x->write_bytes), zero_if_unknown(y->read_bytes) + zero_if_unknown(y->write_bytes));
}

/* The first of a list by CPU, then of the rest by memory, then of the rest by what they read and write. */
static void choose(struct minutes *m, struct history_minute *out)
{
    static const struct { int (*by)(const void *, const void *); size_t most; } turns[] = { { by_cpu, TOP_BY_CPU }, { by_memory, TOP_BY_MEMORY }, { by_io, TOP_BY_IO } };
    _Static_assert(TOP_BY_CPU + TOP_BY_MEMORY + TOP_BY_IO <= HISTORY_TOP_MAX, "there is room for all of them");
    size_t done = 0;
    out->tops = 0;
    for (size_t k = 0; k < sizeof turns / sizeof turns[0]; k++) {
        qsort(m->top + done, m->tops - done, sizeof *m->top, turns[k].by);
        for (size_t i = 0; i < turns[k].most && done < m->tops; i++)
            out->top[out->tops++] = m->top[done++];
    }
}

/* ---- a minute ---- */

static void put_host(const struct minutes *m, double seconds, struct history_host *h)
{
#define X(name, scale) h->name = NAN;
    HISTORY_HOST_MAP(X)
#undef X
    for (size_t i = 0; i < HOST_ROWS; i++) {
        const struct host_row *row = &host_rows[i];
        double v = row->rate ? per_second(m->now.host[i], m->before.host[i], seconds) : m->now.host[i];
        if (strcmp(row->metric, "node_cpu_seconds_total") == 0 && m->now.cpus > 0)
            v /= m->now.cpus;
        *(double *)((char *)h + row->at) = v * row->scale;
    }
    h->cpus = m->now.cpus;
    h->processes = (double)m->now.processes;
}

static const struct thing *thing_before(const struct minutes *m, enum kind kind, const char *name)
{
    for (size_t i = 0; i < m->before.thing[kind].count; i++)
        if (strcmp(m->before.thing[kind].item[i].name, name) == 0)
            return &m->before.thing[kind].item[i];
    return NULL;
}

static void put_things(const struct minutes *m, double seconds, struct history_minute *out)
{
    for (int kind = 0; kind < KINDS; kind++)
        for (size_t i = 0; i < m->now.thing[kind].count; i++) {
            const struct thing *t = &m->now.thing[kind].item[i], *old = thing_before(m, (enum kind)kind, t->name);
            double              r[THING_VALUES];
            for (int k = 0; k < THING_VALUES; k++)
                r[k] = old ? per_second(t->value[k], old->value[k], seconds) : NAN;
            if (kind == DISK) {
                struct history_disk *d = &out->disk[out->disks++];
                double               requests = r[2] + r[3];
                *d = (struct history_disk){ .read_bytes = r[0], .write_bytes = r[1], .reads = r[2], .writes = r[3], .busy = r[4], .wait_ms = requests > 0 ? (r[5] + r[6]) / requests * 1000 : isnan(requests) ? NAN : 0 };
                memcpy(d->name, t->name, sizeof d->name);
            } else if (kind == NET) {
                struct history_net *n = &out->net[out->nets++];
                *n = (struct history_net){ .rx_bytes = r[0], .tx_bytes = r[1], .rx_packets = r[2], .tx_packets = r[3], .errors = r[4] + r[5], .drops = r[6] + r[7] };
                memcpy(n->name, t->name, sizeof n->name);
            } else {
                struct history_mount *f = &out->mount[out->mounts++];
                *f = (struct history_mount){ .size_bytes = t->value[0], .avail_bytes = t->value[1], .files = t->value[2], .files_free = t->value[3] };
                memcpy(f->name, t->name, sizeof f->name);
            }
        }
}

bool minutes_take(struct minutes *m, const struct sensors *s, int64_t now_us, struct history_minute *minute)
{
    struct reading free_one = m->before;
    m->before = m->now;                       /* of the last time; nothing at first */
    m->now = free_one;
    m->now.at_us = now_us;
    m->now.cpus = 0;
    m->now.processes = 0;
    m->tops = 0;
    for (int k = 0; k < KINDS; k++)
        m->now.thing[k].count = 0;
    for (size_t i = 0; i < HOST_ROWS; i++)
        m->now.host[i] = NAN;
    m->has_before = m->before.at_us > 0 && m->before.at_us < now_us;
    struct process_walk w = { m, m->has_before ? (double)(now_us - m->before.at_us) / 1e6 : 1 };
    sensors_each(s, see_value, &m->now);
    sensors_processes(s, see_process, &w);
    qsort(m->now.process, m->now.processes, sizeof *m->now.process, by_pid);
    memset(minute, 0, sizeof *minute);
    minute->at_us = now_us;
    minute->seconds = w.seconds;
    if (!m->has_before)
        return false;
    put_host(m, w.seconds, &minute->host);
    put_things(m, w.seconds, minute);
    choose(m, minute);
    return true;
}
