/* journal/files.c - the machine's own system calls. */
#include "journal/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static int real_open(void *ctx, const char *path, int flags, mode_t mode)
{
    (void)ctx;
    return open(path, flags | O_CLOEXEC, mode);
}

static int real_close(void *ctx, int fd)
{
    (void)ctx;
    return close(fd);
}

static ssize_t real_pread(void *ctx, int fd, void *to, size_t n, off_t at)
{
    (void)ctx;
    return pread(fd, to, n, at);
}

static ssize_t real_pwrite(void *ctx, int fd, const void *from, size_t n, off_t at)
{
    (void)ctx;
    return pwrite(fd, from, n, at);
}

static int real_fdatasync(void *ctx, int fd)
{
    (void)ctx;
    return fdatasync(fd);
}

static int real_fsync_folder(void *ctx, const char *path)
{
    (void)ctx;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    int r = fsync(fd), e = errno;
    (void)close(fd);
    errno = e;
    return r;
}

static int real_allocate(void *ctx, int fd, off_t bytes)
{
    (void)ctx;
    int e = posix_fallocate(fd, 0, bytes);
    if (e)
        errno = e;
    return e ? -1 : 0;
}

static int64_t real_size(void *ctx, int fd)
{
    struct stat st;
    (void)ctx;
    return fstat(fd, &st) == 0 ? (int64_t)st.st_size : -1;
}

static int real_rename(void *ctx, const char *from, const char *to)
{
    (void)ctx;
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -1;
    /* A file system that cannot do it in one step. */
    if (link(from, to) != 0)
        return -1;
    return unlink(from);
}

static int real_unlink(void *ctx, const char *path)
{
    (void)ctx;
    return unlink(path);
}

static int real_mkdir(void *ctx, const char *path, mode_t mode)
{
    (void)ctx;
    return mkdir(path, mode);
}

static int real_lock(void *ctx, int fd)
{
    (void)ctx;
    return flock(fd, LOCK_EX | LOCK_NB);
}

static int64_t real_room(void *ctx, const char *path)
{
    struct statvfs v;
    (void)ctx;
    return statvfs(path, &v) == 0 ? (int64_t)v.f_bavail * (int64_t)v.f_frsize : -1;
}

static int real_list(void *ctx, const char *folder, journal_files_each *each, void *to)
{
    (void)ctx;
    DIR *d = opendir(folder);
    if (!d)
        return -1;
    for (struct dirent *e; (e = readdir(d)); )
        if (e->d_name[0] != '.')
            each(to, e->d_name);
    (void)closedir(d);
    return 0;
}

/* There are file systems that do not count names, so the kernel must say it as well. */
static bool real_nameless(void *ctx, int fd)
{
    static const char mark[] = " (deleted)";
    struct stat       st;
    char              link[40], path[PATH_MAX + sizeof mark];
    (void)ctx;
    if (fstat(fd, &st) != 0 || st.st_nlink != 0)
        return false;
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path);
    return n >= (ssize_t)sizeof mark && memcmp(path + n - (sizeof mark - 1), mark, sizeof mark - 1) == 0;
}

const struct journal_files journal_files_real = {
    NULL, real_open, real_close, real_pread, real_pwrite, real_fdatasync, real_fsync_folder, real_allocate, real_size, real_rename, real_unlink,
    real_mkdir, real_lock, real_room, real_list, real_nameless,
};

bool journal_files_write_all(const struct journal_files *f, int fd, const void *from, size_t n, int64_t at)
{
    const char *p = from;
    while (n > 0) {
        ssize_t w = f->pwrite(f->ctx, fd, p, n, (off_t)at);
        if (w < 0 && errno == EINTR)
            continue;
        if (w == 0)
            errno = ENOSPC;
        if (w <= 0)
            return false;
        p += w;
        at += w;
        n -= (size_t)w;
    }
    return true;
}

bool journal_files_short(int error) { return error == EMFILE || error == ENFILE || error == ENOMEM; }

ssize_t journal_files_read_all(const struct journal_files *f, int fd, void *to, size_t n, int64_t at)
{
    char  *p = to;
    size_t got = 0;
    while (got < n) {
        ssize_t r = f->pread(f->ctx, fd, p + got, n - got, (off_t)(at + (int64_t)got));
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return -1;
        if (r == 0)
            break;
        got += (size_t)r;
    }
    return (ssize_t)got;
}
