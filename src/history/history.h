/*
 * history/history.h - a ring of minutes on disk, readable when everything else is down.
 *
 * A file for each day (UTC) at least, minutes.YYYYMMDDTHHMM, append only. A block holds one minute, as differences to the block before it, compressed,
 * with a CRC32C. Whatever a crash leaves at the end of a file is cut off by the next writer; readers stop there, and skip damage in the
 * middle to the next block that stands alone (at least each hour). Days beyond the bounds are deleted, the oldest first. A clock that was ahead
 * leaves a file behind its time; what is written after it was set back begins another, so minutes are read file by file, and not always in order.
 * One writer, any number of readers, also of a folder that is being written.
 */
#ifndef HISTORY_HISTORY_H
#define HISTORY_HISTORY_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    HISTORY_DAYS        = 30,
    HISTORY_DISKS_MAX   = 64,
    HISTORY_NETS_MAX    = 64,
    HISTORY_MOUNTS_MAX  = 64,
    HISTORY_TOP_MAX     = 48,           /* processes in a minute */
    HISTORY_NAME        = 64,           /* bytes of a name, with its NUL */
    HISTORY_KEY_EVERY   = 60            /* minutes from one block that stands alone to the next */
};
#define HISTORY_BYTES_MAX (200 * 1024 * 1024)

/* The numbers of the host: C name, name in JSON, scale (kept as round(value x scale)). Appended to only: the order is on disk. */
#define HISTORY_HOST_MAP(X)                                                                                     \
    X(load1, 100) X(load5, 100) X(load15, 100) X(procs_running, 1) X(procs_blocked, 1) X(processes, 1) X(cpus, 1)                      \
    X(cpu_user, 10000) X(cpu_nice, 10000) X(cpu_system, 10000) X(cpu_idle, 10000) X(cpu_iowait, 10000) X(cpu_irq, 10000)               \
    X(cpu_softirq, 10000) X(cpu_steal, 10000)           /* shares of all cores */                               \
    X(forks, 100) X(context_switches, 1) X(interrupts, 1)                                 /* a second */        \
    X(mem_total, 1) X(mem_free, 1) X(mem_available, 1) X(mem_buffers, 1) X(mem_cached, 1) X(mem_dirty, 1) X(mem_slab, 1)               \
    X(swap_total, 1) X(swap_free, 1)                                                      /* bytes */           \
    X(page_in, 1) X(page_out, 1) X(swap_in, 100) X(swap_out, 100) X(major_faults, 100) X(oom_kills, 1)                                 \
    X(pressure_cpu, 10000) X(pressure_memory, 10000) X(pressure_io, 10000)                /* share of the time somebody waited */      \
    X(tcp_established, 1) X(tcp_retransmits, 100) X(tcp_resets, 100) X(listen_overflows, 100) X(filefd, 1)

struct history_host {
#define X(name, scale) double name;
    HISTORY_HOST_MAP(X)
#undef X
};

struct history_disk  { char name[HISTORY_NAME]; double read_bytes, write_bytes, reads, writes, busy, wait_ms; };    /* a second; busy: share of the time; wait: mean time per request */
struct history_net   { char name[HISTORY_NAME]; double rx_bytes, tx_bytes, rx_packets, tx_packets, errors, drops; }; /* a second */
struct history_mount { char name[HISTORY_NAME]; double size_bytes, avail_bytes, files, files_free; };
struct history_top {
    char     name[HISTORY_NAME], group[HISTORY_NAME];
    int64_t  pid, start_ticks;
    double   cpu, rss_bytes, read_bytes, write_bytes, threads;       /* cpu in cores; bytes read and written a second */
};

/* What is NAN is unknown, and stays so. */
struct history_minute {
    int64_t              at_us;         /* wall: the end of the minute */
    double               seconds;       /* how long a time the rates are of */
    struct history_host  host;
    struct history_disk  disk[HISTORY_DISKS_MAX];
    struct history_net   net[HISTORY_NETS_MAX];
    struct history_mount mount[HISTORY_MOUNTS_MAX];
    struct history_top   top[HISTORY_TOP_MAX];
    size_t               disks, nets, mounts, tops;
};

/* ---- write ---- */

struct history;
struct history_bounds { int64_t bytes; int days; };          /* 0: the bounds above */

/* Make the folder, cut a torn end. Damage, or a newest file that cannot be read, never keeps it from opening. ERR_BUSY: somebody else writes there. */
MUST_CHECK enum err history_open(const char *folder, struct history_bounds bounds, struct history **out, struct fault *fault);
/* Append and, when sync, fdatasync. Time that went back by two minutes at most is ERR_INPUT; by more, a file begins. After ERR_IO the file's end is as before. */
MUST_CHECK enum err history_append(struct history *h, const struct history_minute *m, bool sync, struct fault *fault);
void history_close(struct history *h);

/* ---- read ---- */

struct history_reader;
MUST_CHECK enum err history_open_read(const char *folder, struct history_reader **out, struct fault *fault);
/* The last minute whose end is at or before wall_us (INT64_MAX: the newest). ERR_MISSING: there is none. *m is large: put it on the heap. */
MUST_CHECK enum err history_at(struct history_reader *r, int64_t wall_us, struct history_minute *m, struct fault *fault);
/* Every minute from..to, the oldest file first, until see answers false. *damaged (may be NULL): bytes that could not be read. */
MUST_CHECK enum err history_each(struct history_reader *r, int64_t from_us, int64_t to_us, bool (*see)(void *ctx, const struct history_minute *m), void *ctx,
                                 int64_t *damaged, struct fault *fault);
void history_close_read(struct history_reader *r);

#endif
