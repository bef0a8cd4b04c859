/* sense/procfs.c - small parsers for texts that the kernel writes, without copying them. */
#include "sense/procfs.h"

#include "base/text.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *next_line(const char *s)
{
    s = strchr(s, '\n');
    return s ? s + 1 : NULL;
}

/* ---- CPUs ---- */

bool cpu_set_has(const struct cpu_set *set, int cpu)
{
    return cpu >= 0 && cpu < PROC_CPUS_MAX && (set->bits[cpu / 64] >> (cpu % 64) & 1);
}

bool proc_cpu_list(const char *text, struct cpu_set *set)
{
    *set = (struct cpu_set){ 0 };
    for (const char *s = text; isdigit((unsigned char)*s);) {
        char *end;
        long  lo = strtol(s, &end, 10), hi = lo;
        if (*end == '-')
            hi = strtol(end + 1, &end, 10);
        for (long i = lo; i <= hi && i < PROC_CPUS_MAX; i++)
            if (!cpu_set_has(set, (int)i)) {
                set->bits[i / 64] |= UINT64_C(1) << (i % 64);
                set->count++;
            }
        s = *end == ',' ? end + 1 : end;
    }
    return set->count > 0;
}

bool proc_stat_cpu(const char *text, const struct cpu_set *set, struct cpu_ticks *ticks)
{
    *ticks = (struct cpu_ticks){ 0 };
    for (const char *s = text; s && strncmp(s, "cpu", 3) == 0; s = next_line(s)) {
        if (!isdigit((unsigned char)s[3]))
            continue;   /* the sum over all */
        char *end;
        long  cpu = strtol(s + 3, &end, 10);
        if (set && !cpu_set_has(set, (int)cpu))
            continue;
        double v[8] = { 0 };   /* user nice system idle iowait irq softirq steal */
        for (int i = 0; i < 8; i++)
            v[i] = strtod(end, &end);
        double idle = v[3] + v[4], busy = v[0] + v[1] + v[2] + v[5] + v[6] + v[7];
        ticks->busy += busy;
        ticks->total += busy + idle;
        ticks->cpus++;
    }
    return ticks->cpus > 0;
}

double proc_stat_boot_time(const char *text) { return proc_key_value(text, "btime"); }

/* ---- key and value ---- */

double proc_key_value(const char *text, const char *key)
{
    size_t n = strlen(key);
    for (const char *s = text; s && *s; s = next_line(s)) {
        if (strncmp(s, key, n) != 0)
            continue;
        const char *v = s + n;
        if (*v == ':')
            v++;
        if (*v != ' ' && *v != '\t')
            continue;
        char  *end;
        double value = strtod(v, &end);
        return end == v ? (double)NAN : value;
    }
    return (double)NAN;
}

bool proc_status_field(const char *text, const char *key, char *out, size_t size)
{
    size_t n = strlen(key);
    for (const char *s = text; s && *s; s = next_line(s)) {
        if (strncmp(s, key, n) != 0 || s[n] != ':')
            continue;
        const char *from = s + n + 1;
        from += strspn(from, " \t");
        size_t length = strcspn(from, "\n");
        while (length > 0 && isspace((unsigned char)from[length - 1]))
            length--;
        (void)snprintf(out, size, "%.*s", (int)length, from);
        return true;
    }
    return false;
}

double proc_one_number(const char *text)
{
    if (strncmp(text, "max", 3) == 0)
        return (double)INFINITY;
    char  *end;
    double v = strtod(text, &end);
    return end == text ? (double)NAN : v;
}

double proc_cpu_max(const char *text)
{
    double quota = proc_one_number(text);
    if (isnan(quota) || isinf(quota))
        return quota;
    const char *blank = strchr(text, ' ');
    double      period = blank ? strtod(blank, NULL) : 100000;
    return period > 0 ? quota / period : (double)NAN;
}

/* ---- memory ---- */

bool proc_meminfo(const char *text, struct mem_info *m)
{
    double total = proc_key_value(text, "MemTotal"), unused = proc_key_value(text, "MemFree");
    double buffers = proc_key_value(text, "Buffers"), cached = proc_key_value(text, "Cached");
    double shared = proc_key_value(text, "Shmem"), slab = proc_key_value(text, "SReclaimable");
    shared = isnan(shared) ? 0 : shared;
    slab = isnan(slab) ? 0 : slab;
    m->total = total * 1024;
    m->available = proc_key_value(text, "MemAvailable") * 1024;
    m->used = (total - unused - buffers - (cached - shared) - slab) * 1024;
    if (m->used < 0)
        m->used = 0;   /* the lines are not read in one instant */
    return !isnan(total);
}

/* ---- disks ---- */

bool proc_disk_stat(const char *text, struct disk_counts *d)
{
    double v[10];   /* reads, merged, sectors of 512 bytes, ms; writes, merged, sectors, ms; in flight, busy ms */
    char  *end = (char *)(uintptr_t)text;
    for (int i = 0; i < 10; i++) {
        char *start = end;
        v[i] = strtod(start, &end);
        if (start == end)
            return false;
    }
    *d = (struct disk_counts){ .reads = v[0], .read_bytes = v[2] * 512, .writes = v[4], .write_bytes = v[6] * 512, .busy_ms = v[9] };
    return true;
}

/* ---- network ---- */

bool proc_net_dev(const char *text, bool (*want)(void *ctx, const char *name), void *ctx, struct net_counts *n)
{
    *n = (struct net_counts){ 0 };
    for (const char *s = text; s && *s; s = next_line(s)) {
        const char *colon = strchr(s, ':'), *line_end = strchr(s, '\n');
        if (!colon || (line_end && colon > line_end))
            continue;
        const char *from = s + strspn(s, " ");
        char        name[64];
        (void)snprintf(name, sizeof name, "%.*s", (int)(colon - from), from);
        if (!want(ctx, name))
            continue;
        char *end = (char *)(uintptr_t)(colon + 1);
        double v[9] = { 0 };   /* received: bytes packets errs drop fifo frame compressed multicast; sent: bytes */
        for (int i = 0; i < 9; i++)
            v[i] = strtod(end, &end);
        n->rx_bytes += v[0];
        n->tx_bytes += v[8];
        n->interfaces++;
    }
    return n->interfaces > 0;
}

/* ---- pressure ---- */

double proc_pressure_some(const char *text)
{
    if (strncmp(text, "some ", 5) != 0)
        return (double)NAN;
    const char *total = strstr(text, "total=");
    return total ? proc_one_number(total + strlen("total=")) : (double)NAN;
}

/* ---- processes ---- */

bool proc_pid_stat(const char *text, struct proc_stat *p)
{
    *p = (struct proc_stat){ 0 };
    const char *open = strchr(text, '('), *close = strrchr(text, ')');   /* the last: a name may hold ")" */
    if (!open || !close || close < open || close[1] != ' ' || !close[2])
        return false;
    (void)snprintf(p->name, sizeof p->name, "%.*s", (int)(close - open - 1), open + 1);
    p->state = close[2];
    char *end = (char *)(uintptr_t)(close + 3);
    p->parent = (int)strtol(end, &end, 10);
    /* Field 4 was the parent, 22 is the start time. */
    for (int field = 5; field < 22; field++) {
        end += strspn(end, " ");
        end += strcspn(end, " ");
    }
    char *start = end;
    p->start_ticks = strtoull(start, &end, 10);
    return end != start;
}
