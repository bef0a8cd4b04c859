/*
 * sense/procfs.h - the texts of /proc and of cgroup files into numbers. Pure: text in, struct out.
 *
 * A number that is not in the text is NAN (or -1 for ids); a function returns false when nothing useful was found.
 */
#ifndef SENSE_PROCFS_H
#define SENSE_PROCFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PROC_CPUS_MAX = 1024, PROC_PATH = 512 };

/* A set of CPU numbers, from "0-3,8". */
struct cpu_set { uint64_t bits[PROC_CPUS_MAX / 64]; int count; };
bool proc_cpu_list(const char *text, struct cpu_set *set);
bool cpu_set_has(const struct cpu_set *set, int cpu);

/* /proc/stat: ticks of the CPUs in set (NULL: all). Guest time is inside user time; steal counts as busy: it is not ours to use. */
struct cpu_ticks { double busy, total; int cpus; };
bool proc_stat_cpu(const char *text, const struct cpu_set *set, struct cpu_ticks *ticks);
double proc_stat_boot_time(const char *text);            /* seconds since 1970 */

/* /proc/meminfo, in bytes. used: without page cache, buffers and reclaimable slab, but with shared memory. */
struct mem_info { double total, used, available; };
bool proc_meminfo(const char *text, struct mem_info *m);

/* /sys/dev/block/<major>:<minor>/stat: the same numbers as the device's line in /proc/diskstats. busy_ms wraps at 2^32. */
struct disk_counts { double reads, read_bytes, writes, write_bytes, busy_ms; };
bool proc_disk_stat(const char *text, struct disk_counts *d);

/* /proc/net/dev: sum over the interfaces that want() says yes to. */
struct net_counts { double rx_bytes, tx_bytes; int interfaces; };
bool proc_net_dev(const char *text, bool (*want)(void *ctx, const char *name), void *ctx, struct net_counts *n);

/* PSI: total stalled microseconds of the "some" line. NAN when it is not there. */
double proc_pressure_some(const char *text);

/* /proc/<pid>/stat. The name may hold blanks and parentheses. */
struct proc_stat { char name[64]; int parent; char state; uint64_t start_ticks; };
bool proc_pid_stat(const char *text, struct proc_stat *p);

/* A line "key value" (memory.stat, cpu.stat) or "key: value"; NAN when the key is not there. */
double proc_key_value(const char *text, const char *key);
/* A file with one number; "max" is INFINITY; NAN when it is neither. */
double proc_one_number(const char *text);
/* cpu.max of cgroup v2 ("150000 100000" or "max 100000") in cores; INFINITY: no quota. */
double proc_cpu_max(const char *text);
/* The text after "key:" in /proc/<pid>/status, without white space at both ends. */
bool proc_status_field(const char *text, const char *key, char *out, size_t size);

#endif
