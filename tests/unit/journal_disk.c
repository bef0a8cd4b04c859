/* tests/unit/journal_disk.c - see journal_disk.h. */
#include "journal_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NODES = 256, FDS = 256, OPS = 1024, SECTOR = 512 };

struct node { char *now, *durable; bool *dirty; int64_t size, durable_size, room; int names; };
struct name { char path[200]; int node; bool folder; };
struct op   { bool add; struct name name; };

struct disk {
    pthread_mutex_t lock;
    struct rand     chance;
    struct node     node[NODES];
    int             nodes;
    struct name     now[NODES], durable[NODES];
    int             nows, durables;
    struct op       op[OPS];
    int             ops;
    int             fd[FDS];                 /* node + 1 */
    long            calls, kill_at;
    bool            dead, shorts;
    int             fail_kinds, fail_error;
    long            fail_from, fail_times;
    int64_t         room;
};

struct disk *disk_new(uint64_t seed)
{
    struct disk *d = calloc(1, sizeof *d);
    if (!d)
        abort();
    (void)pthread_mutex_init(&d->lock, NULL);
    rand_seed(&d->chance, seed);
    d->room = INT64_MAX / 2;
    return d;
}

void disk_free(struct disk *d)
{
    for (int i = 0; i < d->nodes; i++) {
        free(d->node[i].now);
        free(d->node[i].durable);
        free(d->node[i].dirty);
    }
    (void)pthread_mutex_destroy(&d->lock);
    free(d);
}

/* With the lock when true. */
static bool enter(struct disk *d, int kind)
{
    pthread_mutex_lock(&d->lock);
    d->calls++;
    int error = 0;
    if (d->kill_at && d->calls >= d->kill_at)
        d->dead = true;
    if (d->dead)
        error = EIO;
    else if ((d->fail_kinds & kind) && d->fail_times > 0 && --d->fail_from < 1) {
        d->fail_times--;
        error = d->fail_error;
    }
    if (!error)
        return true;
    pthread_mutex_unlock(&d->lock);
    errno = error;
    return false;
}

static void *leave(struct disk *d)
{
    pthread_mutex_unlock(&d->lock);
    return d;
}

static int no(struct disk *d, int error)
{
    (void)leave(d);
    errno = error;
    return -1;
}

static void grow(struct node *n, int64_t size)
{
    if (size > n->room) {
        int64_t room = (size + SECTOR - 1) / SECTOR * SECTOR * 2;
        n->now = realloc(n->now, (size_t)room);
        n->durable = realloc(n->durable, (size_t)room);
        n->dirty = realloc(n->dirty, (size_t)(room / SECTOR));
        if (!n->now || !n->durable || !n->dirty)
            abort();
        memset(n->now + n->room, 0, (size_t)(room - n->room));
        memset(n->durable + n->room, 0, (size_t)(room - n->room));
        memset(n->dirty + n->room / SECTOR, 0, (size_t)((room - n->room) / SECTOR));
        n->room = room;
    }
    n->size = size > n->size ? size : n->size;
}

static int find(const struct name *list, int n, const char *path)
{
    for (int i = 0; i < n; i++)
        if (strcmp(list[i].path, path) == 0)
            return i;
    return -1;
}

static void apply(struct name *list, int *n, const struct op *op)
{
    int i = find(list, *n, op->name.path);
    if (i >= 0)
        memmove(list + i, list + i + 1, (size_t)(--*n - i) * sizeof *list);
    if (op->add && *n < NODES)
        list[(*n)++] = op->name;
}

static void change(struct disk *d, bool add, const char *path, int node, bool folder)
{
    if (d->ops == OPS)
        abort();
    struct op *op = &d->op[d->ops++];
    *op = (struct op){ add, { .node = node, .folder = folder } };
    (void)snprintf(op->name.path, sizeof op->name.path, "%s", path);
    apply(d->now, &d->nows, op);
}

static int disk_open(void *ctx, const char *path, int flags, mode_t mode)
{
    struct disk *d = ctx;
    (void)mode;
    if (!enter(d, DISK_OPEN))
        return -1;
    int i = find(d->now, d->nows, path);
    if (i < 0 && !(flags & O_CREAT))
        return no(d, ENOENT);
    if (i >= 0 && (flags & O_EXCL))
        return no(d, EEXIST);
    int node = i >= 0 ? d->now[i].node : -1;
    if (i < 0) {
        if (d->nodes == NODES)
            abort();
        node = d->nodes++;
        change(d, true, path, node, false);
    }
    for (int fd = 0; fd < FDS; fd++)
        if (!d->fd[fd]) {
            d->fd[fd] = node + 1;
            (void)leave(d);
            return fd;
        }
    return no(d, EMFILE);
}

static int disk_close(void *ctx, int fd)
{
    struct disk *d = ctx;
    pthread_mutex_lock(&d->lock);
    d->fd[fd] = 0;
    (void)leave(d);
    return 0;
}

static ssize_t disk_pread(void *ctx, int fd, void *to, size_t n, off_t at)
{
    struct disk *d = ctx;
    if (!enter(d, DISK_READ))
        return -1;
    struct node *node = &d->node[d->fd[fd] - 1];
    int64_t      left = node->size > at ? node->size - at : 0;
    n = (int64_t)n < left ? n : (size_t)left;
    if (n)
        memcpy(to, node->now + at, n);
    (void)leave(d);
    return (ssize_t)n;
}

static void put(struct node *n, const void *from, size_t size, off_t at)
{
    if (size == 0)
        return;
    grow(n, at + (int64_t)size);
    memcpy(n->now + at, from, size);
    memset(n->dirty + at / SECTOR, 1, (size_t)((at + (int64_t)size - 1) / SECTOR - at / SECTOR + 1));
}

static ssize_t disk_pwrite(void *ctx, int fd, const void *from, size_t n, off_t at)
{
    struct disk *d = ctx;
    bool         was_dead = disk_dead(d);
    if (!enter(d, DISK_WRITE)) {
        int e = errno;
        pthread_mutex_lock(&d->lock);
        if (d->dead && !was_dead && n)       /* killed in the middle of it */
            put(&d->node[d->fd[fd] - 1], from, (size_t)rand_int(&d->chance, 0, (int64_t)n), at);
        (void)leave(d);
        errno = e;
        return -1;
    }
    if (d->shorts && n > 1 && rand_int(&d->chance, 0, 2) == 0)
        n = (size_t)rand_int(&d->chance, 1, (int64_t)n - 1);
    put(&d->node[d->fd[fd] - 1], from, n, at);
    (void)leave(d);
    return (ssize_t)n;
}

static int disk_fdatasync(void *ctx, int fd)
{
    struct disk *d = ctx;
    bool         was_dead = disk_dead(d);
    if (!enter(d, DISK_SYNC)) {
        int e = errno;
        pthread_mutex_lock(&d->lock);
        struct node *n = &d->node[d->fd[fd] - 1];
        if (!d->dead && !was_dead && n->room)
            memset(n->dirty, 0, (size_t)(n->room / SECTOR));
        (void)leave(d);
        errno = e;
        return -1;
    }
    struct node *n = &d->node[d->fd[fd] - 1];
    for (int64_t i = 0; i < n->room / SECTOR; i++)
        if (n->dirty[i]) {
            memcpy(n->durable + i * SECTOR, n->now + i * SECTOR, SECTOR);
            n->dirty[i] = false;
        }
    n->durable_size = n->size;
    (void)leave(d);
    return 0;
}

static int disk_fsync_folder(void *ctx, const char *path)
{
    struct disk *d = ctx;
    (void)path;
    if (!enter(d, DISK_FOLDER))
        return -1;
    for (int i = 0; i < d->ops; i++)
        apply(d->durable, &d->durables, &d->op[i]);
    d->ops = 0;
    (void)leave(d);
    return 0;
}

static int disk_allocate(void *ctx, int fd, off_t bytes)
{
    struct disk *d = ctx;
    if (!enter(d, DISK_ALLOCATE))
        return -1;
    if (d->room < bytes)
        return no(d, ENOSPC);
    d->room -= bytes;
    grow(&d->node[d->fd[fd] - 1], bytes);
    (void)leave(d);
    return 0;
}

static int64_t disk_size(void *ctx, int fd)
{
    struct disk *d = ctx;
    if (!enter(d, DISK_OTHER))
        return -1;
    int64_t size = d->node[d->fd[fd] - 1].size;
    (void)leave(d);
    return size;
}

static int disk_rename(void *ctx, const char *from, const char *to)
{
    struct disk *d = ctx;
    if (!enter(d, DISK_RENAME))
        return -1;
    int i = find(d->now, d->nows, from);
    if (i < 0)
        return no(d, ENOENT);
    if (find(d->now, d->nows, to) >= 0)
        return no(d, EEXIST);
    int node = d->now[i].node;
    /* One step: both names are one operation of the folder; the crash is never between. */
    change(d, true, to, node, false);
    change(d, false, from, 0, false);
    (void)leave(d);
    return 0;
}

static int disk_unlink(void *ctx, const char *path)
{
    struct disk *d = ctx;
    if (!enter(d, DISK_UNLINK))
        return -1;
    int i = find(d->now, d->nows, path);
    if (i < 0)
        return no(d, ENOENT);
    d->room += d->node[d->now[i].node].size;
    change(d, false, path, 0, false);
    (void)leave(d);
    return 0;
}

static int disk_mkdir(void *ctx, const char *path, mode_t mode)
{
    struct disk *d = ctx;
    (void)mode;
    if (!enter(d, DISK_OTHER))
        return -1;
    if (find(d->now, d->nows, path) >= 0)
        return no(d, EEXIST);
    if (d->nodes == NODES)
        abort();
    change(d, true, path, d->nodes++, true);
    (void)leave(d);
    return 0;
}

static int disk_lock(void *ctx, int fd)
{
    struct disk *d = ctx;
    (void)fd;
    if (!enter(d, DISK_OTHER))
        return -1;
    (void)leave(d);
    return 0;
}

static int64_t disk_room(void *ctx, const char *path)
{
    struct disk *d = ctx;
    (void)path;
    if (!enter(d, DISK_OTHER))
        return -1;
    int64_t room = d->room;
    (void)leave(d);
    return room;
}

static int disk_list(void *ctx, const char *folder, journal_files_each *each, void *to)
{
    struct disk *d = ctx;
    size_t       n = strlen(folder), count = 0;
    if (!enter(d, DISK_OTHER))
        return -1;
    struct name *copy = calloc(NODES, sizeof *copy);
    for (int i = 0; i < d->nows; i++)
        if (strncmp(d->now[i].path, folder, n) == 0 && d->now[i].path[n] == '/' && !strchr(d->now[i].path + n + 1, '/') && !d->now[i].folder)
            copy[count++] = d->now[i];
    (void)leave(d);
    for (size_t i = 0; i < count; i++)
        each(to, copy[i].path + n + 1);
    free(copy);
    return 0;
}

static bool disk_nameless(void *ctx, int fd)
{
    struct disk *d = ctx;
    bool         found = false;
    pthread_mutex_lock(&d->lock);
    for (int i = 0; i < d->nows && !found; i++)
        found = !d->now[i].folder && d->now[i].node == d->fd[fd] - 1;
    (void)leave(d);
    return !found;
}

struct journal_files disk_files(struct disk *d)
{
    return (struct journal_files){ d, disk_open, disk_close, disk_pread, disk_pwrite, disk_fdatasync, disk_fsync_folder, disk_allocate, disk_size, disk_rename, disk_unlink,
                                   disk_mkdir, disk_lock, disk_room, disk_list, disk_nameless };
}

/* ---- from outside ---- */

long disk_calls(struct disk *d)
{
    pthread_mutex_lock(&d->lock);
    long n = d->calls;
    (void)leave(d);
    return n;
}

void disk_kill_at(struct disk *d, long call)
{
    pthread_mutex_lock(&d->lock);
    d->kill_at = call ? d->calls + call : 0;
    (void)leave(d);
}

bool disk_dead(struct disk *d)
{
    pthread_mutex_lock(&d->lock);
    bool dead = d->dead;
    (void)leave(d);
    return dead;
}

void disk_fail(struct disk *d, int calls, int error, long from, long times)
{
    pthread_mutex_lock(&d->lock);
    d->fail_kinds = calls;
    d->fail_error = error;
    d->fail_from = from;
    d->fail_times = times;
    (void)leave(d);
}

void disk_short_writes(struct disk *d, bool on)
{
    pthread_mutex_lock(&d->lock);
    d->shorts = on;
    (void)leave(d);
}

void disk_set_room(struct disk *d, int64_t bytes)
{
    pthread_mutex_lock(&d->lock);
    d->room = bytes;
    (void)leave(d);
}

void disk_crash(struct disk *d, bool power)
{
    pthread_mutex_lock(&d->lock);
    d->dead = false;
    d->kill_at = 0;
    d->fail_times = 0;
    memset(d->fd, 0, sizeof d->fd);
    if (power) {
        int survive = (int)rand_int(&d->chance, 0, d->ops);
        for (int i = 0; i < survive; i++)
            apply(d->durable, &d->durables, &d->op[i]);
        memcpy(d->now, d->durable, sizeof d->now);
        d->nows = d->durables;
        d->ops = 0;
        int64_t chance = rand_int(&d->chance, 0, 4);       /* none .. all of it */
        for (int i = 0; i < d->nodes; i++) {
            struct node *n = &d->node[i];
            for (int64_t k = 0; k < n->room / SECTOR; k++) {
                if (n->dirty[k] && rand_int(&d->chance, 0, 3) < chance) {
                    memcpy(n->durable + k * SECTOR, n->now + k * SECTOR, SECTOR);
                    n->durable_size = n->durable_size > (k + 1) * SECTOR ? n->durable_size : (k + 1) * SECTOR;
                }
                n->dirty[k] = false;
            }
            if (n->room)
                memcpy(n->now, n->durable, (size_t)n->room);
            n->size = n->durable_size;
        }
    }
    (void)leave(d);
}

char *disk_bytes(struct disk *d, const char *path, int64_t *size)
{
    pthread_mutex_lock(&d->lock);
    int   i = find(d->now, d->nows, path);
    char *bytes = i >= 0 ? d->node[d->now[i].node].now : NULL;
    if (bytes && size)
        *size = d->node[d->now[i].node].size;
    (void)leave(d);
    return bytes;
}

bool disk_remove(struct disk *d, const char *path)
{
    pthread_mutex_lock(&d->lock);
    int i = find(d->now, d->nows, path);
    if (i >= 0)
        change(d, false, path, 0, false);
    (void)leave(d);
    return i >= 0;
}

const char *disk_path(struct disk *d, const char *ending, int n)
{
    const char *found = NULL;
    pthread_mutex_lock(&d->lock);
    for (int i = 0; i < d->nows && !found; i++) {
        size_t have = strlen(d->now[i].path), want = strlen(ending);
        if (have >= want && strcmp(d->now[i].path + have - want, ending) == 0 && n-- == 0)
            found = d->now[i].path;
    }
    (void)leave(d);
    return found;
}
