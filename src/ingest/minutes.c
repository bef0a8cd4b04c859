/* ingest/minutes.c - see minutes.h. Two snapshots of the counters; what lies between them is the minute. */
#include "ingest/minutes.h"

#include "base/utf8.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

enum { PROCESSES_KEPT_MAX = 65536, CPUS_MAX = 1024, MODES = 8 };

/* What becomes of a counter: as it is, a second, the share of all modes, the share of the time, how many. */
enum use { AS_IS, RATE, MODE, SHARE, DELTA };

struct source { const char *name, *label; size_t at; enum use use; };

#define H(member) offsetof(struct history_host, member)
static const struct source host_sources[] = {
    { "node_load1", NULL, H(load1), AS_IS }, { "node_load5", NULL, H(load5), AS_IS }, { "node_load15", NULL, H(load15), AS_IS },
    { "node_procs_running", NULL, H(procs_running), AS_IS }, { "node_procs_blocked", NULL, H(procs_blocked), AS_IS },
    { "node_cpu_seconds_total", "user", H(cpu_user), MODE }, { "node_cpu_seconds_total", "nice", H(cpu_nice), MODE },
    { "node_cpu_seconds_total", "system", H(cpu_system), MODE }, { "node_cpu_seconds_total", "idle", H(cpu_idle), MODE },
    { "node_cpu_seconds_total", "iowait", H(cpu_iowait), MODE }, { "node_cpu_seconds_total", "irq", H(cpu_irq), MODE },
    { "node_cpu_seconds_total", "softirq", H(cpu_softirq), MODE }, { "node_cpu_seconds_total", "steal", H(cpu_steal), MODE },
    { "node_forks_total", NULL, H(forks), RATE }, { "node_context_switches_total", NULL, H(context_switches), RATE }, { "node_intr_total", NULL, H(interrupts), RATE },
    { "node_memory_MemTotal_bytes", NULL, H(mem_total), AS_IS }, { "node_memory_MemFree_bytes", NULL, H(mem_free), AS_IS },
    { "node_memory_MemAvailable_bytes", NULL, H(mem_available), AS_IS }, { "node_memory_Buffers_bytes", NULL, H(mem_buffers), AS_IS },
    { "node_memory_Cached_bytes", NULL, H(mem_cached), AS_IS }, { "node_memory_Dirty_bytes", NULL, H(mem_dirty), AS_IS }, { "node_memory_Slab_bytes", NULL, H(mem_slab), AS_IS },
    { "node_memory_SwapTotal_bytes", NULL, H(swap_total), AS_IS }, { "node_memory_SwapFree_bytes", NULL, H(swap_free), AS_IS },
    { "node_vmstat_pgpgin", NULL, H(page_in), RATE }, { "node_vmstat_pgpgout", NULL, H(page_out), RATE }, { "node_vmstat_pswpin", NULL, H(swap_in), RATE },
    { "node_vmstat_pswpout", NULL, H(swap_out), RATE }, { "node_vmstat_pgmajfault", NULL, H(major_faults), RATE }, { "node_vmstat_oom_kill", NULL, H(oom_kills), DELTA },
    { "node_pressure_cpu_waiting_seconds_total", NULL, H(pressure_cpu), SHARE }, { "node_pressure_memory_waiting_seconds_total", NULL, H(pressure_memory), SHARE },
    { "node_pressure_io_waiting_seconds_total", NULL, H(pressure_io), SHARE },
    { "node_netstat_Tcp_CurrEstab", NULL, H(tcp_established), AS_IS }, { "node_netstat_Tcp_RetransSegs", NULL, H(tcp_retransmits), RATE },
    { "node_netstat_Tcp_OutRsts", NULL, H(tcp_resets), RATE }, { "node_netstat_TcpExt_ListenOverflows", NULL, H(listen_overflows), RATE },
    { "node_filefd_allocated", NULL, H(filefd), AS_IS },
};

#define D(member) offsetof(struct history_disk, member)
#define N(member) offsetof(struct history_net, member)
#define M(member) offsetof(struct history_mount, member)
/* wait_ms holds the seconds of all requests until the minute is made; errors and drops are of both directions. */
static const struct source disk_sources[] = {
    { "node_disk_read_bytes_total", NULL, D(read_bytes), RATE }, { "node_disk_written_bytes_total", NULL, D(write_bytes), RATE },
    { "node_disk_reads_completed_total", NULL, D(reads), RATE }, { "node_disk_writes_completed_total", NULL, D(writes), RATE },
    { "node_disk_io_time_seconds_total", NULL, D(busy), SHARE },
    { "node_disk_read_time_seconds_total", NULL, D(wait_ms), RATE }, { "node_disk_write_time_seconds_total", NULL, D(wait_ms), RATE },
};
static const struct source net_sources[] = {
    { "node_network_receive_bytes_total", NULL, N(rx_bytes), RATE }, { "node_network_transmit_bytes_total", NULL, N(tx_bytes), RATE },
    { "node_network_receive_packets_total", NULL, N(rx_packets), RATE }, { "node_network_transmit_packets_total", NULL, N(tx_packets), RATE },
    { "node_network_receive_errs_total", NULL, N(errors), RATE }, { "node_network_transmit_errs_total", NULL, N(errors), RATE },
    { "node_network_receive_drop_total", NULL, N(drops), RATE }, { "node_network_transmit_drop_total", NULL, N(drops), RATE },
};
static const struct source mount_sources[] = {
    { "node_filesystem_size_bytes", NULL, M(size_bytes), AS_IS }, { "node_filesystem_avail_bytes", NULL, M(avail_bytes), AS_IS },
    { "node_filesystem_files", NULL, M(files), AS_IS }, { "node_filesystem_files_free", NULL, M(files_free), AS_IS },
};

/* Seconds of one processor by mode, in the order of struct history_host; NAN: it is off. */
struct cpu { double mode[MODES]; };

struct was { int64_t pid; uint64_t start; double cpu_s, read, write; };

/* Counters as they stood at a boundary, in the places of the minute's numbers. */
struct snapshot { struct history_minute raw; struct was *was; size_t count, room; int64_t mono_us; uint64_t cpus; struct cpu cpu[CPUS_MAX]; bool cut; };

struct minutes {
    int64_t               length_us, boundary;
    bool                  begun;
    struct snapshot       old, now;
    struct history_minute made;
    struct history_top   *top;          /* of everybody, while the minute is made */
    size_t                tops, tops_room;
    const struct sensors *sensors;
};

struct minutes *minutes_new(int64_t length_us)
{
    struct minutes *k = calloc(1, sizeof *k);
    if (k)
        k->length_us = length_us > 0 ? length_us : 60 * INT64_C(1000000);
    return k;
}

void minutes_free(struct minutes *k)
{
    if (!k)
        return;
    free(k->old.was);
    free(k->now.was);
    free(k->top);
    free(k);
}

const struct history_minute *minutes_latest(const struct minutes *k) { return &k->made; }

/* ---- a snapshot ---- */

static void add_to(char *row, size_t at, double v)
{
    double d;
    memcpy(&d, row + at, sizeof d);
    d = isnan(d) ? v : d + v;
    memcpy(row + at, &d, sizeof d);
}

static void unknown(char *row, size_t from, size_t size)
{
    const double nan = NAN;
    for (size_t at = from; at + sizeof nan <= size; at += sizeof nan)
        memcpy(row + at, &nan, sizeof nan);
}

static struct slice label_of(const struct sensors_value *v, const char *name)
{
    for (size_t i = 0; i < v->labels; i++)
        if (slice_is(v->label[2 * i], name))
            return v->label[2 * i + 1];
    return SLICE("");
}

/* As a row is called. Names that are equal as far as there is room are told apart by a digest, and keep their end, which says more. */
static struct slice shortened(struct slice name, char out[HISTORY_NAME])
{
    uint32_t h = 2166136261u;
    if (name.n < HISTORY_NAME)
        return name;
    for (size_t i = 0; i < name.n; i++)
        h = (h ^ (unsigned char)name.s[i]) * 16777619u;
    int n = snprintf(out, HISTORY_NAME, "%08x~", (unsigned)h);
    memcpy(out + n, name.s + name.n - (size_t)(HISTORY_NAME - 1 - n), (size_t)(HISTORY_NAME - 1 - n));
    out[HISTORY_NAME - 1] = 0;
    utf8_clean(out, '?');
    return (struct slice){ out, HISTORY_NAME - 1 };
}

/* The row of that name, a new one when there is room. */
static char *row_of(char *rows, size_t *count, size_t max, size_t size, struct slice name)
{
    for (size_t i = 0; i < *count; i++)
        if (slice_is(name, rows + i * size))
            return rows + i * size;
    if (*count == max)
        return NULL;
    char *row = rows + (*count)++ * size;
    memset(row, 0, HISTORY_NAME);
    memcpy(row, name.s, name.n);
    unknown(row, HISTORY_NAME, size);
    return row;
}

static void see_rows(const struct sensors_value *v, const char *label, const struct source *sources, size_t n, char *rows, size_t *count, size_t max, size_t size)
{
    for (size_t i = 0; i < n; i++)
        if (slice_is(v->name, sources[i].name)) {
            char  shown[HISTORY_NAME];
            char *row = row_of(rows, count, max, size, shortened(label_of(v, label), shown));
            if (row)
                add_to(row, sources[i].at, v->value);
        }
}

static void see_cpu(struct snapshot *s, const struct sensors_value *v, size_t mode)
{
    struct slice name = label_of(v, "cpu");
    size_t       cpu  = 0;
    for (size_t i = 0; i < name.n; i++)
        cpu = cpu < CPUS_MAX && name.s[i] >= '0' && name.s[i] <= '9' ? 10 * cpu + (size_t)(name.s[i] - '0') : CPUS_MAX;
    if (name.n && cpu < CPUS_MAX)
        s->cpu[cpu].mode[mode] = v->value;
    s->cpus += mode == 0;
}

static void see_value(void *ctx, const struct sensors_value *v)
{
    struct snapshot       *s = ctx;
    struct history_minute *m = &s->raw;
    if (v->name.n < 6 || memcmp(v->name.s, "node_", 5) != 0)
        return;
    for (size_t i = 0; i < COUNT(host_sources); i++)
        if (slice_is(v->name, host_sources[i].name) && (!host_sources[i].label || slice_is(label_of(v, "mode"), host_sources[i].label))) {
            if (host_sources[i].use == MODE)
                see_cpu(s, v, (host_sources[i].at - H(cpu_user)) / sizeof(double));
            else
                add_to((char *)&m->host, host_sources[i].at, v->value);
        }
    see_rows(v, "device", disk_sources, COUNT(disk_sources), (char *)m->disk, &m->disks, HISTORY_DISKS_MAX, sizeof *m->disk);
    see_rows(v, "device", net_sources, COUNT(net_sources), (char *)m->net, &m->nets, HISTORY_NETS_MAX, sizeof *m->net);
    see_rows(v, "mountpoint", mount_sources, COUNT(mount_sources), (char *)m->mount, &m->mounts, HISTORY_MOUNTS_MAX, sizeof *m->mount);
}

static void see_process(void *ctx, const struct sensors_process *p)
{
    struct snapshot *s = ctx;
    if (s->count == s->room) {
        size_t      room = s->room ? 2 * s->room : 256;
        struct was *more = room <= PROCESSES_KEPT_MAX ? realloc(s->was, room * sizeof *more) : NULL;
        if (!more) {
            s->cut = true;
            return;
        }
        s->was  = more;
        s->room = room;
    }
    s->was[s->count++] = (struct was){ p->pid, p->start_ticks, p->cpu_s, p->read_bytes, p->write_bytes };
}

static void take(struct snapshot *s, const struct sensors *from, int64_t wall_us, int64_t mono_us)
{
    memset(&s->raw, 0, sizeof s->raw);
    unknown((char *)&s->raw.host, 0, sizeof s->raw.host);
    s->count     = 0;
    s->cpus      = 0;
    s->cut       = false;
    unknown((char *)s->cpu, 0, sizeof s->cpu);
    s->raw.at_us = wall_us;
    s->mono_us   = mono_us;
    sensors_each(from, see_value, s);
    sensors_processes(from, see_process, s);
}

/* ---- what lies between two ---- */

static double at(const char *row, size_t offset)
{
    double d;
    memcpy(&d, row + offset, sizeof d);
    return d;
}

/* A counter that went back has begun anew. */
static double between(double old, double now) { return isnan(old) || isnan(now) ? NAN : now >= old ? now - old : now; }

static void differ(char *out, const char *old, const char *now, const struct source *sources, size_t n, double seconds)
{
    for (size_t i = 0; i < n; i++) {
        double b = at(now, sources[i].at), d = old ? between(at(old, sources[i].at), b) : NAN, v = b;
        switch (sources[i].use) {
        case AS_IS: break;
        case RATE:
        case SHARE: v = d / seconds; break;
        case MODE:  continue;       /* see shares() */
        case DELTA: v = d; break;
        }
        memcpy(out + sources[i].at, &v, sizeof v);
    }
}

static const char *same(const char *rows, size_t count, size_t size, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(rows + i * size, name) == 0)
            return rows + i * size;
    return NULL;
}

static void differ_rows(char *out, const char *old, size_t olds, const char *now, size_t count, size_t size, const struct source *sources, size_t n, double seconds)
{
    for (size_t i = 0; i < count; i++) {
        memcpy(out + i * size, now + i * size, size);
        differ(out + i * size, same(old, olds, size, now + i * size), now + i * size, sources, n, seconds);
    }
}

/*
 * The shares of the modes: of those processors that were there at both ends. One that was taken off takes its life's seconds out of a sum, and one
 * that is put on brings them.
 */
static void shares(struct history_minute *m, const struct cpu *old, const struct cpu *now)
{
    double mode[MODES], all = 0;
    unknown((char *)mode, 0, sizeof mode);
    for (size_t c = 0; c < CPUS_MAX; c++)
        for (size_t i = 0; i < MODES; i++) {
            double d = between(old[c].mode[i], now[c].mode[i]);
            if (isnan(d))
                continue;
            mode[i] = isnan(mode[i]) ? d : mode[i] + d;
            all    += d;
        }
    for (size_t i = 0; i < MODES; i++) {
        double share = all > 0 ? mode[i] / all : NAN;
        memcpy((char *)&m->host + H(cpu_user) + i * sizeof share, &share, sizeof share);
    }
}

static int by_pid(const void *a, const void *b)
{
    const struct was *x = a, *y = b;
    return (x->pid > y->pid) - (x->pid < y->pid);
}

static void see_top(void *ctx, const struct sensors_process *p)
{
    struct minutes *k = ctx;
    if (isnan(p->cpu_s))
        return;                     /* it could not be read yet */
    if (k->tops == k->tops_room) {
        size_t              room = k->tops_room ? 2 * k->tops_room : 256;
        struct history_top *more = room <= PROCESSES_KEPT_MAX ? realloc(k->top, room * sizeof *more) : NULL;
        if (!more)
            return;
        k->top       = more;
        k->tops_room = room;
    }
    const struct was *was = k->old.count ? bsearch(&(struct was){ .pid = p->pid }, k->old.was, k->old.count, sizeof *was, by_pid) : NULL;
    double            before = k->old.cut ? NAN : 0;        /* not there then: all that it did was in this minute */
    struct was        none = { .start = p->start_ticks, .cpu_s = before, .read = before, .write = before };
    was                    = was && (was->start == p->start_ticks || isnan(was->cpu_s)) ? was : &none;
    double              s  = k->made.seconds;
    struct history_top *t  = &k->top[k->tops++];
    *t = (struct history_top){ .pid = p->pid, .start_ticks = (int64_t)p->start_ticks, .cpu = between(was->cpu_s, p->cpu_s) / s, .rss_bytes = p->rss_bytes,
        .read_bytes = between(was->read, p->read_bytes) / s, .write_bytes = between(was->write, p->write_bytes) / s, .threads = p->threads };
    snprintf(t->name, sizeof t->name, "%.63s", p->comm);
    snprintf(t->group, sizeof t->group, "%.63s", p->group);
    utf8_clean(t->group, '?');      /* it may have been cut within a character */
}

static double known(double v) { return isnan(v) ? 0 : v; }
static double io_of(const struct history_top *t) { return known(t->read_bytes) + known(t->write_bytes); }
static int    descending(double a, double b) { return (b > a) - (b < a); }
static int    by_io(const void *a, const void *b) { return descending(io_of(a), io_of(b)); }
static int    by_rss(const void *a, const void *b) { return descending(((const struct history_top *)a)->rss_bytes, ((const struct history_top *)b)->rss_bytes); }
static int    by_cpu(const void *a, const void *b) { return descending(known(((const struct history_top *)a)->cpu), known(((const struct history_top *)b)->cpu)); }

/* A third of the places each for those with most input and output, memory, and processor time. */
static void choose(struct minutes *k)
{
    int (*const orders[])(const void *, const void *) = { by_io, by_rss, by_cpu };
    size_t chosen = 0, left = k->tops;
    for (size_t o = 0; o < COUNT(orders) && left; o++) {
        qsort(k->top + chosen, left, sizeof *k->top, orders[o]);
        size_t n = HISTORY_TOP_MAX / COUNT(orders);
        if (o == 0)
            for (n = 0; n < HISTORY_TOP_MAX / COUNT(orders) && n < left && io_of(&k->top[n]) > 0;)
                n++;
        n       = n < left ? n : left;
        chosen += n;
        left   -= n;
    }
    if (chosen) {
        qsort(k->top, chosen, sizeof *k->top, by_cpu);
        memcpy(k->made.top, k->top, chosen * sizeof *k->top);
    }
    k->made.tops = chosen;
}

static void make(struct minutes *k, const struct sensors *s)
{
    const struct history_minute *old = &k->old.raw, *now = &k->now.raw;
    struct history_minute       *m   = &k->made;
    memcpy(m, now, sizeof *m);
    m->seconds = (double)(k->now.mono_us - k->old.mono_us) / 1e6;
    differ((char *)&m->host, (const char *)&old->host, (const char *)&now->host, host_sources, COUNT(host_sources), m->seconds);
    shares(m, k->old.cpu, k->now.cpu);
    differ_rows((char *)m->disk, (const char *)old->disk, old->disks, (const char *)now->disk, now->disks, sizeof *m->disk, disk_sources, COUNT(disk_sources), m->seconds);
    differ_rows((char *)m->net, (const char *)old->net, old->nets, (const char *)now->net, now->nets, sizeof *m->net, net_sources, COUNT(net_sources), m->seconds);
    for (size_t i = 0; i < m->disks; i++) {
        struct history_disk *d = &m->disk[i];
        double               requests = d->reads + d->writes;
        d->wait_ms = requests > 0 ? 1000 * d->wait_ms / requests : isnan(requests) ? NAN : 0;
    }
    m->host.cpus      = (double)k->now.cpus;
    m->host.processes = (double)k->now.count;
    k->tops           = 0;
    if (k->old.count)
        qsort(k->old.was, k->old.count, sizeof *k->old.was, by_pid);
    sensors_processes(s, see_top, k);
    choose(k);
}

bool minutes_see(struct minutes *k, const struct sensors *s, int64_t wall_us, int64_t mono_us)
{
    int64_t boundary = wall_us / k->length_us;
    if (k->begun && boundary == k->boundary)
        return false;
    bool whole  = k->begun && mono_us > k->old.mono_us;
    k->boundary = boundary;
    k->begun    = true;
    take(&k->now, s, wall_us, mono_us);
    if (whole)
        make(k, s);
    struct snapshot swap = k->old;
    k->old = k->now;
    k->now = swap;
    return whole;
}
