/*
 * sense/host.h - the machine under a PostgreSQL: CPU, memory, IO, pressure, network and disk, once a second.
 *
 * Everything comes from /proc and /sys through descriptors that stay open (pread; no allocation per reading).  What is
 * read belongs to one postmaster and is only as good as the proof that this postmaster runs here (sense/local.h): until
 * host_follow() has named its process, every metric is unknown, and unknown is NAN.
 *
 * What the numbers mean
 *   CPU           the larger of: busy share of the CPUs it may run on; share of its cgroup's quota that is used
 *   MEMORY_LIMIT  the smallest of the machine's memory and every limit between its cgroup and the root (v1, v2, hybrid); in
 *                 v2 memory.high too: above it the kernel takes memory back and makes whoever wants more wait
 *   MEMORY_USED   of the thing that limits, without page cache (shared memory counts: that is shared_buffers)
 *   IO_*          the block devices under the data directory, pg_wal included; IO_BUSY is that of the busiest
 *   PSI_*         of its cgroup where the kernel keeps it (v2), else of the machine
 *   NET_*         the network interfaces it sees, without loopback and without doubles (bridges, veth) where there are real ones
 *   DISK_FREE     on the data directory's file system, for an unprivileged user
 */
#ifndef SENSE_HOST_H
#define SENSE_HOST_H

#include "base/err.h"
#include "model/sample.h"
#include "model/target.h"

#include <stdint.h>

struct host;

/* root: put in front of /proc and /sys; "" outside of tests. interval_ms: how far readings are apart. NULL: out of memory. */
struct host *host_new(const char *root, int interval_ms);
void         host_free(struct host *h);

/* Watch the machine for this postmaster from now on; pid 0: for none. Cheap when nothing has changed since the last call. */
void host_follow(struct host *h, int postmaster_pid, const char *data_directory);

/* Fill the host metrics of s. Rates need two readings; what cannot be read is left as NAN. */
void host_read(struct host *h, int64_t mono_us, struct sample *s);

/* Fill cpus, memory, disk and limits of f; everything unknown while nobody is followed. */
void host_facts(struct host *h, struct target_facts *f);

#endif
