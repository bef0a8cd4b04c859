/* sensor/disk.c - block devices and the filesystems on them. */
#include "sensor/inside.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/vfs.h>

/* ---- devices ---- */

static const struct disk_column { double scale; struct series_kind kind; } columns[] = {
    { 1,    { "node_disk_reads_completed_total", "device", SERIES_COUNTER, "The total number of reads completed successfully." } },
    { 1,    { "node_disk_reads_merged_total", "device", SERIES_COUNTER, "The total number of reads merged." } },
    { 512,  { "node_disk_read_bytes_total", "device", SERIES_COUNTER, "The total number of bytes read successfully." } },
    { .001, { "node_disk_read_time_seconds_total", "device", SERIES_COUNTER, "The total number of seconds spent by all reads." } },
    { 1,    { "node_disk_writes_completed_total", "device", SERIES_COUNTER, "The total number of writes completed successfully." } },
    { 1,    { "node_disk_writes_merged_total", "device", SERIES_COUNTER, "The number of writes merged." } },
    { 512,  { "node_disk_written_bytes_total", "device", SERIES_COUNTER, "The total number of bytes written successfully." } },
    { .001, { "node_disk_write_time_seconds_total", "device", SERIES_COUNTER, "This is the total number of seconds spent by all writes." } },
    { 1,    { "node_disk_io_now", "device", SERIES_GAUGE, "The number of I/Os currently in progress." } },
    { .001, { "node_disk_io_time_seconds_total", "device", SERIES_COUNTER, "Total seconds spent doing I/Os." } },
    { .001, { "node_disk_io_time_weighted_seconds_total", "device", SERIES_COUNTER, "The weighted # of seconds spent doing I/Os." } },
    { 1,    { "node_disk_discards_completed_total", "device", SERIES_COUNTER, "The total number of discards completed successfully." } },
    { 1,    { "node_disk_discards_merged_total", "device", SERIES_COUNTER, "The total number of discards merged." } },
    { 1,    { "node_disk_discarded_sectors_total", "device", SERIES_COUNTER, "The total number of sectors discarded successfully." } },
    { .001, { "node_disk_discard_time_seconds_total", "device", SERIES_COUNTER, "This is the total number of seconds spent by all discards." } },
    { 1,    { "node_disk_flush_requests_total", "device", SERIES_COUNTER, "The total number of flush requests completed successfully" } },
    { .001, { "node_disk_flush_requests_time_seconds_total", "device", SERIES_COUNTER, "This is the total number of seconds spent by all flush requests." } },
};
static const struct series_kind info_kind = { "node_disk_info", "device major minor", SERIES_GAUGE, "Info of /sys/block/<block_device>." };

struct disk_state { struct kept file; struct filter out; };

static enum sensed disk_read(struct turn *u, void *state)
{
    struct disk_state *st = state;
    struct slice       text, line;
    enum sensed        is = kept_read(u, &st->file, "/proc/diskstats", &text);
    if (is != SENSED)
        return is;
    for (struct scan all = scan_of(text); scan_line(&all, &line);) {
        struct scan  s     = scan_of(line);
        struct slice major = scan_word(&s), minor = scan_word(&s), device = scan_word(&s);
        if (!device.n || !filter_keeps(&st->out, u->conf->disks_exclude, device))
            continue;
        series_put(u->t, &info_kind, SLICE(""), (struct slice[]){ device, major, minor }, 1);
        uint64_t v;
        for (size_t i = 0; i < COUNT(columns) && scan_u64(&s, &v); i++)
            put_1(u, &columns[i].kind, device, (double)v * columns[i].scale);
    }
    return SENSED;
}

static void disk_done(void *state)
{
    struct disk_state *st = state;
    kept_done(&st->file);
    filter_done(&st->out);
}

/* ---- filesystems ---- */

#define OF_MOUNT "device fstype mountpoint", SERIES_GAUGE
static const struct series_kind size_kind  = { "node_filesystem_size_bytes", OF_MOUNT, "Filesystem size in bytes." };
static const struct series_kind free_kind  = { "node_filesystem_free_bytes", OF_MOUNT, "Filesystem free space in bytes." };
static const struct series_kind avail_kind = { "node_filesystem_avail_bytes", OF_MOUNT, "Filesystem space available to non-root users in bytes." };
static const struct series_kind files_kind = { "node_filesystem_files", OF_MOUNT, "Filesystem total file nodes." };
static const struct series_kind ffree_kind = { "node_filesystem_files_free", OF_MOUNT, "Filesystem total free file nodes." };
static const struct series_kind ro_kind    = { "node_filesystem_readonly", OF_MOUNT, "Filesystem read-only status." };
static const struct series_kind error_kind = { "node_filesystem_device_error", OF_MOUNT, "Whether an error occurred while getting statistics for the given device." };

enum { MOUNTS_MAX = 512, MOUNT_PATH = 1024 };

struct mount_state { struct kept file; struct filter points, types; uint64_t seen[MOUNTS_MAX]; size_t count; };

/* "\040" is a blank. */
static struct slice unescaped(struct slice s, char *out, size_t size)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n && n + 1 < size; i++)
        if (s.s[i] == '\\' && i + 3 < s.n && s.s[i + 1] >= '0' && s.s[i + 1] <= '3') {
            out[n++] = (char)((s.s[i + 1] - '0') * 64 + (s.s[i + 2] - '0') * 8 + (s.s[i + 3] - '0'));
            i += 3;
        } else {
            out[n++] = s.s[i];
        }
    out[n] = 0;
    return (struct slice){ out, n };
}

/* A question to a server that is gone is never answered, and would hold up all sensors. */
static bool may_hang(struct slice type)
{
    static const char *const far[] = { "nfs", "nfs4", "cifs", "smb3", "smbfs", "ceph", "9p", "glusterfs", "afs", "lustre", "ocfs2", "gfs2" };
    for (size_t i = 0; i < COUNT(far); i++)
        if (slice_is(type, far[i]))
            return true;
    return type.n >= 5 && memcmp(type.s, "fuse.", 5) == 0;
}

static bool read_only(struct slice options)
{
    return options.n >= 2 && memcmp(options.s, "ro", 2) == 0 && (options.n == 2 || options.s[2] == ',');
}

static void one_mount(struct turn *u, struct mount_state *st, struct slice line)
{
    char         where[MOUNT_PATH], path[2 * MOUNT_PATH];
    struct scan  s      = scan_of(line);
    struct slice device = scan_word(&s), point = unescaped(scan_word(&s), where, sizeof where), type = scan_word(&s), options = scan_word(&s);
    if (!type.n || may_hang(type) || !filter_keeps(&st->points, u->conf->mounts_exclude, point) || !filter_keeps(&st->types, u->conf->filesystems_exclude, type))
        return;
    uint64_t h = slice_hash(point) * 31 + slice_hash(device);
    for (size_t i = 0; i < st->count; i++)
        if (st->seen[i] == h)
            return;
    if (st->count == MOUNTS_MAX)
        return;
    st->seen[st->count++] = h;
    struct slice  of[] = { device, type, point };
    struct statfs f;
    snprintf(path, sizeof path, "%s%s", u->root, where);
    bool fine = statfs(path, &f) == 0;
    series_put(u->t, &error_kind, SLICE(""), of, fine ? 0 : 1);
    if (!fine)
        return;
    double block = (double)f.f_bsize;
    series_put(u->t, &size_kind, SLICE(""), of, (double)f.f_blocks * block);
    series_put(u->t, &free_kind, SLICE(""), of, (double)f.f_bfree * block);
    series_put(u->t, &avail_kind, SLICE(""), of, (double)f.f_bavail * block);
    series_put(u->t, &files_kind, SLICE(""), of, (double)f.f_files);
    series_put(u->t, &ffree_kind, SLICE(""), of, (double)f.f_ffree);
    series_put(u->t, &ro_kind, SLICE(""), of, read_only(options) ? 1 : 0);
}

static enum sensed mount_read(struct turn *u, void *state)
{
    struct mount_state *st = state;
    struct slice        text, line;
    enum sensed         is = kept_read(u, &st->file, "/proc/1/mounts", &text);
    if (is != SENSED) {
        kept_done(&st->file);
        is = file_once(u, "/proc/self/mounts", &text);
    }
    if (is != SENSED)
        return is;
    st->count = 0;
    for (struct scan all = scan_of(text); scan_line(&all, &line);)
        one_mount(u, st, line);
    return SENSED;
}

static void mount_done(void *state)
{
    struct mount_state *st = state;
    kept_done(&st->file);
    filter_done(&st->points);
    filter_done(&st->types);
}

const struct sensor sensors_disk[] = {
    { "diskstats",  0,  sizeof(struct disk_state),  disk_read,  disk_done,  "requests, bytes and time of each block device" },
    { "filesystem", 10, sizeof(struct mount_state), mount_read, mount_done, "room on each local filesystem; those of other machines are not asked, since they may never answer" },
};
const size_t sensors_disk_count = COUNT(sensors_disk);
