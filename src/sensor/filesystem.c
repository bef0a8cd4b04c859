/*
 * sensor/filesystem.c - room on the filesystems of this machine, as the first process sees them.
 *
 * Filesystems of other machines are not asked at all. The others are asked by another thread (asker.h), since also what is called local may hang.
 * A service is often shown something else than the machine at the same place (ProtectHome=), so what answers must be the device of the table.
 */
#include "sensor/asker.h"
#include "sensor/inside.h"

#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sysmacros.h>

#define OF_MOUNT "device fstype mountpoint", SERIES_GAUGE
static const struct series_kind size_kind  = { "node_filesystem_size_bytes", OF_MOUNT, "Filesystem size in bytes." };
static const struct series_kind free_kind  = { "node_filesystem_free_bytes", OF_MOUNT, "Filesystem free space in bytes." };
static const struct series_kind avail_kind = { "node_filesystem_avail_bytes", OF_MOUNT, "Filesystem space available to non-root users in bytes." };
static const struct series_kind files_kind = { "node_filesystem_files", OF_MOUNT, "Filesystem total file nodes." };
static const struct series_kind ffree_kind = { "node_filesystem_files_free", OF_MOUNT, "Filesystem total free file nodes." };
static const struct series_kind ro_kind    = { "node_filesystem_readonly", OF_MOUNT, "Filesystem read-only status." };
static const struct series_kind error_kind = { "node_filesystem_device_error", OF_MOUNT, "Whether an error occurred while getting statistics for the given device." };

enum { MOUNTS_MAX = 1024, MOUNT_PATH = 1024, FAR_MAX = 64 };

/* Points into the text that was read. */
struct mount { struct slice device, type, point; unsigned major, minor; bool read_only; };

struct mount_state {
    struct kept   file, own;            /* as the first process sees it; as we do */
    struct filter points, types;
    struct asker *asker;
    struct mount  mount[MOUNTS_MAX];
    struct ask   *ask;                  /* one for each of them */
    size_t        count, room;
};

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

/* A question to a server that is gone is never answered. */
static bool is_far(struct slice type)
{
    static const char *const far[] = { "nfs", "nfs4", "cifs", "smb2", "smb3", "smbfs", "ceph", "9p", "virtiofs", "vboxsf", "glusterfs", "afs", "coda", "ncpfs", "lustre", "beegfs",
        "gpfs", "orangefs", "pvfs2", "ocfs2", "gfs2", "fuse" };
    for (size_t i = 0; i < COUNT(far); i++)
        if (slice_is(type, far[i]))
            return true;
    return type.n >= 5 && memcmp(type.s, "fuse.", 5) == 0;
}

static bool read_only(struct slice options)
{
    return options.n >= 2 && memcmp(options.s, "ro", 2) == 0 && (options.n == 2 || options.s[2] == ',');
}

/* "36 35 254:1 / /home rw,noatime shared:1 - ext4 /dev/vda1 rw": number, parent, device, root, point, options, more of them, type, source, the filesystem's own options. */
static bool mount_parse(struct slice line, struct mount *m)
{
    struct scan s = scan_of(line);
    (void)scan_word(&s);
    (void)scan_word(&s);
    m->major = (unsigned)scan_or_0(&s);
    if (s.p >= s.end || *s.p++ != ':')
        return false;
    m->minor = (unsigned)scan_or_0(&s);
    (void)scan_word(&s);
    m->point     = scan_word(&s);
    m->read_only = read_only(scan_word(&s));
    for (struct slice more = scan_word(&s); !slice_is(more, "-"); more = scan_word(&s))
        if (!more.n)
            return false;
    m->type       = scan_word(&s);
    m->device     = scan_word(&s);
    m->read_only |= read_only(scan_word(&s));
    return m->type.n && m->point.n;
}

static bool below(struct slice point, struct slice top)
{
    return point.n >= top.n && memcmp(point.s, top.s, top.n) == 0 && (point.n == top.n || point.s[top.n] == '/' || top.s[top.n - 1] == '/');
}

static bool is_wanted(struct turn *u, struct mount_state *st, const struct mount *m)
{
    char         where[MOUNT_PATH];
    struct slice point = unescaped(m->point, where, sizeof where);
    if (!filter_keeps(&st->points, u->conf->mounts_exclude, point) || !filter_keeps(&st->types, u->conf->filesystems_exclude, m->type))
        return false;
    for (size_t i = 0; i < st->count; i++)
        if (slice_same(st->mount[i].point, m->point) && slice_same(st->mount[i].device, m->device))
            return false;
    return true;
}

/* Those to be asked. Whoever lies below a far one is far: the way there leads through it. */
static void choose(struct turn *u, struct mount_state *st, struct slice text)
{
    struct slice far[FAR_MAX], line;
    size_t       fars = 0, kept = 0;
    struct mount m;
    st->count = 0;
    for (struct scan all = scan_of(text); scan_line(&all, &line);) {
        if (!mount_parse(line, &m))
            continue;
        if (is_far(m.type) && fars < FAR_MAX)
            far[fars++] = m.point;
        else if (!is_far(m.type) && is_wanted(u, st, &m)) {
            if (st->count < MOUNTS_MAX)
                st->mount[st->count++] = m;
            else
                u->left_out++;
        }
    }
    for (size_t i = 0; i < st->count; i++) {
        bool hidden = false;
        for (size_t j = 0; j < fars && !hidden; j++)
            hidden = below(st->mount[i].point, far[j]);
        if (!hidden)
            st->mount[kept++] = st->mount[i];
    }
    st->count = kept;
}

static bool prepare(struct turn *u, struct mount_state *st)
{
    if (st->room < st->count) {
        struct ask *more = realloc(st->ask, st->count * sizeof *more);
        if (!more)
            return false;
        st->ask  = more;
        st->room = st->count;
    }
    for (size_t i = 0; i < st->count; i++) {
        char where[MOUNT_PATH];
        (void)unescaped(st->mount[i].point, where, sizeof where);
        snprintf(st->ask[i].path, sizeof st->ask[i].path, "%s%s", u->root, where);
    }
    return st->asker || (st->asker = asker_new());
}

/* Is what answered what the table speaks of? btrfs and bcachefs give each subvolume a device number of its own. */
static bool is_the_same(const struct mount *m, const struct ask *a)
{
    if (slice_is(m->type, "btrfs") || slice_is(m->type, "bcachefs"))
        return a->room.f_type != TMPFS_MAGIC && a->room.f_type != RAMFS_MAGIC;
    return a->device == makedev(m->major, m->minor);
}

static void tell(struct turn *u, const struct mount *m, const struct ask *a)
{
    char         where[MOUNT_PATH], clean[MOUNT_PATH], device[256];
    struct slice of[] = { slice_clean(m->device, device, sizeof device), m->type, slice_clean(unescaped(m->point, where, sizeof where), clean, sizeof clean) };
    bool         fine = !a->error && is_the_same(m, a);
    series_put(u->t, &error_kind, SLICE(""), of, fine ? 0 : 1);
    if (!fine)
        return;
    double block = (double)a->room.f_bsize;
    series_put(u->t, &size_kind, SLICE(""), of, (double)a->room.f_blocks * block);
    series_put(u->t, &free_kind, SLICE(""), of, (double)a->room.f_bfree * block);
    series_put(u->t, &avail_kind, SLICE(""), of, (double)a->room.f_bavail * block);
    series_put(u->t, &files_kind, SLICE(""), of, (double)a->room.f_files);
    series_put(u->t, &ffree_kind, SLICE(""), of, (double)a->room.f_ffree);
    series_put(u->t, &ro_kind, SLICE(""), of, m->read_only ? 1 : 0);
}

static enum sensed mount_read(struct turn *u, void *state)
{
    struct mount_state *st = state;
    struct slice        text;
    st->file.long_lines = st->own.long_lines = true;       /* a container's root names each of its layers */
    enum sensed         is = kept_read(u, &st->file, "/proc/1/mountinfo", &text);
    if (is == HERE_NOT)
        is = kept_read(u, &st->own, "/proc/self/mountinfo", &text);
    if (is != SENSED)
        return is;
    choose(u, st, text);
    if (!st->count)
        return SENSED;
    if (!prepare(u, st))
        return failed(u, "out of memory for the filesystems");
    asker_ask(st->asker, st->ask, st->count);
    for (size_t i = 0; i < st->count; i++)
        tell(u, &st->mount[i], &st->ask[i]);
    return SENSED;
}

static void mount_done(void *state)
{
    struct mount_state *st = state;
    kept_done(&st->file);
    kept_done(&st->own);
    filter_done(&st->points);
    filter_done(&st->types);
    asker_free(st->asker);
    free(st->ask);
}

const struct sensor sensors_filesystem[] = {
    { "filesystem", 10, sizeof(struct mount_state), mount_read, mount_done,
      "room on each local filesystem; those of other machines are not asked, since they may never answer" },
};
const size_t sensors_filesystem_count = COUNT(sensors_filesystem);
