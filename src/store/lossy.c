/* store/lossy.c - an SQLite VFS on top of the default one. */
#include "store/lossy.h"

#include "base/log.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PAGE = 512, PATHS_MAX = 64 };

/* Pages of one path that are written but not synced. Shared by all connections of the process to that path. */
struct overlay {
    char            path[512];
    unsigned char **page;            /* NULL: as on disk */
    size_t          pages;
    sqlite3_int64   size;            /* -1: as on disk */
    bool            used;
};

struct lossy_file {
    sqlite3_file    base;
    struct overlay *over;            /* NULL: passed through */
    sqlite3_file   *real;
};

static sqlite3_vfs    *under;
static struct overlay  overlays[PATHS_MAX];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool            keep_back;
static enum { FAIL_NONE, FAIL_FULL, FAIL_IO, FAIL_FSYNC } failing;
static atomic_long     fail_countdown;
static const char     *fail_while;

static bool fails_now(bool sync)
{
    if (failing == FAIL_NONE || (failing == FAIL_FSYNC) != sync)
        return false;
    if (fail_while && access(fail_while, F_OK) != 0)
        return false;
    return atomic_fetch_sub(&fail_countdown, 1) <= 1;
}

static struct overlay *overlay_of(const char *path)
{
    struct overlay *spare = NULL;
    for (int i = 0; i < PATHS_MAX; i++) {
        if (overlays[i].used && strcmp(overlays[i].path, path) == 0)
            return &overlays[i];
        if (!overlays[i].used && !spare)
            spare = &overlays[i];
    }
    if (!spare)
        return NULL;
    *spare = (struct overlay){ .used = true, .size = -1 };
    (void)snprintf(spare->path, sizeof spare->path, "%s", path);
    return spare;
}

static void forget(struct overlay *o)
{
    for (size_t i = 0; i < o->pages; i++)
        free(o->page[i]);
    free(o->page);
    o->page = NULL;
    o->pages = 0;
    o->size = -1;
}

static unsigned char *page_for_write(struct lossy_file *f, size_t at)
{
    struct overlay *o = f->over;
    if (at >= o->pages) {
        size_t          room = at * 2 + 64;
        unsigned char **more = realloc(o->page, room * sizeof *more);
        if (!more)
            return NULL;
        memset(more + o->pages, 0, (room - o->pages) * sizeof *more);
        o->page = more;
        o->pages = room;
    }
    if (!o->page[at]) {
        o->page[at] = calloc(1, PAGE);
        if (o->page[at])   /* a short read past the end leaves zeros, which is right */
            (void)f->real->pMethods->xRead(f->real, o->page[at], PAGE, (sqlite3_int64)at * PAGE);
    }
    return o->page[at];
}

static int real_size(struct lossy_file *f, sqlite3_int64 *size) { return f->real->pMethods->xFileSize(f->real, size); }

static sqlite3_int64 size_now(struct lossy_file *f)
{
    sqlite3_int64 size = f->over->size;
    if (size < 0)
        (void)real_size(f, &size);
    return size < 0 ? 0 : size;
}

static int x_close(sqlite3_file *file)
{
    struct lossy_file *f = (struct lossy_file *)file;
    int                code = f->real->pMethods->xClose(f->real);
    free(f->real);
    return code;
}

static int x_read(sqlite3_file *file, void *to, int n, sqlite3_int64 at)
{
    struct lossy_file *f = (struct lossy_file *)file;
    if (!f->over)
        return f->real->pMethods->xRead(f->real, to, n, at);
    pthread_mutex_lock(&lock);
    sqlite3_int64 size = size_now(f);
    int           code = SQLITE_OK;
    memset(to, 0, (size_t)n);
    for (int done = 0; done < n && code == SQLITE_OK; ) {
        size_t page = (size_t)((at + done) / PAGE), from = (size_t)((at + done) % PAGE);
        int    part = (int)(PAGE - from) < n - done ? (int)(PAGE - from) : n - done;
        if (page < f->over->pages && f->over->page[page]) {
            memcpy((char *)to + done, f->over->page[page] + from, (size_t)part);
        } else {
            code = f->real->pMethods->xRead(f->real, (char *)to + done, part, at + done);
            code = code == SQLITE_IOERR_SHORT_READ ? SQLITE_OK : code;
        }
        done += part;
    }
    if (code == SQLITE_OK && at + n > size) {
        sqlite3_int64 valid = size > at ? size - at : 0;
        memset((char *)to + valid, 0, (size_t)(n - valid));
        code = SQLITE_IOERR_SHORT_READ;
    }
    pthread_mutex_unlock(&lock);
    return code;
}

static int x_write(sqlite3_file *file, const void *from, int n, sqlite3_int64 at)
{
    struct lossy_file *f = (struct lossy_file *)file;
    if (fails_now(false))
        return failing == FAIL_FULL ? SQLITE_FULL : SQLITE_IOERR_WRITE;
    if (!f->over)
        return f->real->pMethods->xWrite(f->real, from, n, at);
    pthread_mutex_lock(&lock);
    int           code = SQLITE_OK;
    sqlite3_int64 size = size_now(f);
    for (int done = 0; done < n && code == SQLITE_OK; ) {
        size_t         page = (size_t)((at + done) / PAGE), off = (size_t)((at + done) % PAGE);
        int            part = (int)(PAGE - off) < n - done ? (int)(PAGE - off) : n - done;
        unsigned char *p = page_for_write(f, page);
        if (p)
            memcpy(p + off, (const char *)from + done, (size_t)part);
        else
            code = SQLITE_IOERR_NOMEM;
        done += part;
    }
    f->over->size = at + n > size ? at + n : size;
    pthread_mutex_unlock(&lock);
    return code;
}

static int x_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    struct lossy_file *f = (struct lossy_file *)file;
    if (!f->over)
        return f->real->pMethods->xTruncate(f->real, size);
    pthread_mutex_lock(&lock);
    for (size_t i = (size_t)((size + PAGE - 1) / PAGE); i < f->over->pages; i++) {
        free(f->over->page[i]);
        f->over->page[i] = NULL;
    }
    f->over->size = size;
    pthread_mutex_unlock(&lock);
    return SQLITE_OK;
}

static int x_sync(sqlite3_file *file, int flags)
{
    struct lossy_file *f = (struct lossy_file *)file;
    if (fails_now(true))
        return SQLITE_IOERR_FSYNC;
    if (!f->over)
        return f->real->pMethods->xSync(f->real, flags);
    pthread_mutex_lock(&lock);
    int           code = SQLITE_OK;
    sqlite3_int64 size = size_now(f);
    for (size_t i = 0; i < f->over->pages && code == SQLITE_OK; i++) {
        sqlite3_int64 at = (sqlite3_int64)i * PAGE;
        if (f->over->page[i] && at < size)
            code = f->real->pMethods->xWrite(f->real, f->over->page[i], (int)(size - at < PAGE ? size - at : PAGE), at);
    }
    if (code == SQLITE_OK && f->over->size >= 0)
        code = f->real->pMethods->xTruncate(f->real, size);
    if (code == SQLITE_OK)
        code = f->real->pMethods->xSync(f->real, flags);
    if (code == SQLITE_OK)
        forget(f->over);
    pthread_mutex_unlock(&lock);
    return code;
}

static int x_size(sqlite3_file *file, sqlite3_int64 *size)
{
    struct lossy_file *f = (struct lossy_file *)file;
    if (!f->over)
        return real_size(f, size);
    pthread_mutex_lock(&lock);
    *size = size_now(f);
    pthread_mutex_unlock(&lock);
    return SQLITE_OK;
}

#define REAL(file) (((struct lossy_file *)(file))->real)
static int  x_lock(sqlite3_file *f, int l)                       { return REAL(f)->pMethods->xLock(REAL(f), l); }
static int  x_unlock(sqlite3_file *f, int l)                     { return REAL(f)->pMethods->xUnlock(REAL(f), l); }
static int  x_check(sqlite3_file *f, int *out)                   { return REAL(f)->pMethods->xCheckReservedLock(REAL(f), out); }
static int  x_control(sqlite3_file *f, int op, void *arg)        { return op == SQLITE_FCNTL_SIZE_HINT ? SQLITE_OK : REAL(f)->pMethods->xFileControl(REAL(f), op, arg); }
static int  x_sector(sqlite3_file *f)                            { return REAL(f)->pMethods->xSectorSize(REAL(f)); }
static int  x_device(sqlite3_file *f)                            { return REAL(f)->pMethods->xDeviceCharacteristics(REAL(f)) & ~(SQLITE_IOCAP_BATCH_ATOMIC | SQLITE_IOCAP_POWERSAFE_OVERWRITE); }
static int  x_shm_map(sqlite3_file *f, int r, int s, int e, void volatile **p) { return REAL(f)->pMethods->xShmMap(REAL(f), r, s, e, p); }
static int  x_shm_lock(sqlite3_file *f, int o, int n, int flags) { return REAL(f)->pMethods->xShmLock(REAL(f), o, n, flags); }
static void x_shm_barrier(sqlite3_file *f)                       { REAL(f)->pMethods->xShmBarrier(REAL(f)); }
static int  x_shm_unmap(sqlite3_file *f, int del)                { return REAL(f)->pMethods->xShmUnmap(REAL(f), del); }

static const sqlite3_io_methods methods = {
    .iVersion = 2, .xClose = x_close, .xRead = x_read, .xWrite = x_write, .xTruncate = x_truncate, .xSync = x_sync, .xFileSize = x_size,
    .xLock = x_lock, .xUnlock = x_unlock, .xCheckReservedLock = x_check, .xFileControl = x_control, .xSectorSize = x_sector,
    .xDeviceCharacteristics = x_device, .xShmMap = x_shm_map, .xShmLock = x_shm_lock, .xShmBarrier = x_shm_barrier, .xShmUnmap = x_shm_unmap,
};

static int x_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *out)
{
    (void)vfs;
    struct lossy_file *f = (struct lossy_file *)file;
    *f = (struct lossy_file){ .real = calloc(1, (size_t)under->szOsFile) };
    if (!f->real)
        return SQLITE_NOMEM;
    int code = under->xOpen(under, path, f->real, flags, out);
    if (code != SQLITE_OK) {
        free(f->real);
        f->base.pMethods = NULL;
        return code;
    }
    bool ours = path && (flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL));
    if (ours && keep_back) {
        pthread_mutex_lock(&lock);
        f->over = overlay_of(path);
        pthread_mutex_unlock(&lock);
    }
    f->base.pMethods = &methods;
    return SQLITE_OK;
}

static int x_delete(sqlite3_vfs *vfs, const char *path, int sync)
{
    (void)vfs;
    pthread_mutex_lock(&lock);
    for (int i = 0; i < PATHS_MAX; i++)
        if (overlays[i].used && strcmp(overlays[i].path, path) == 0)
            forget(&overlays[i]);
    pthread_mutex_unlock(&lock);
    return under->xDelete(under, path, sync);
}

static enum err read_failure(const char *text, struct fault *fault)
{
    char kind[8];
    long n = 0;
    if (sscanf(text, "%7[a-z]:%ld", kind, &n) != 2 || n < 1)
        return fail(fault, ERR_INPUT, "HOMEOSTAT_STORE_FAIL must be full:N, io:N or fsync:N");
    failing = strcmp(kind, "full") == 0 ? FAIL_FULL : strcmp(kind, "io") == 0 ? FAIL_IO : FAIL_FSYNC;
    atomic_store(&fail_countdown, n);
    fail_while = getenv("HOMEOSTAT_STORE_FAIL_WHILE");
    return OK;
}

enum err lossy_from_environment(struct fault *fault)
{
    static bool        registered;
    static sqlite3_vfs vfs;
    const char        *lossy = getenv("HOMEOSTAT_STORE_LOSSY"), *failure = getenv("HOMEOSTAT_STORE_FAIL");
    if (registered || (!lossy && !failure))
        return OK;
    if (failure) {
        enum err e = read_failure(failure, fault);
        if (e != OK)
            return e;
    }
    keep_back = lossy && strcmp(lossy, "0") != 0;
    under = sqlite3_vfs_find(NULL);
    vfs = *under;
    vfs.zName = "lossy";
    vfs.szOsFile = (int)sizeof(struct lossy_file);
    vfs.pNext = NULL;
    vfs.xOpen = x_open;
    vfs.xDelete = x_delete;
    if (sqlite3_vfs_register(&vfs, 1) != SQLITE_OK)
        return fail(fault, ERR_IO, "the test file layer cannot be registered");
    registered = true;
    log_warn("the store runs on a file layer for tests", F("loses_unsynced", keep_back), F("fails", failure ? failure : "never"));
    return OK;
}
