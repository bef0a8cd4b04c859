/*
 * store/digest_aside.c - a digest.db that cannot be used any more makes room for a fresh one.
 *
 * It is kept for whoever wants to know why, under a name that sqlite3 opens together with its log: digest.db.damaged-<time>.
 */
#include "store/digest_store.h"

#include "store/inside.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#define DAMAGED "digest.db.damaged-"
enum { STAMP_SIZE = 32, PATH_SIZE = 640 };

static const char *const ends[] = { "", "-wal", "-shm" };

/* The oldest copy: its time alone, so that the names of its files can be made. Returns how many there are. */
static int copies(const char *folder, char oldest[STAMP_SIZE])
{
    DIR *d = opendir(folder);
    int  n = 0;
    *oldest = 0;
    for (struct dirent *f; d && (f = readdir(d));) {
        const char *stamp = f->d_name + strlen(DAMAGED);
        if (strncmp(f->d_name, DAMAGED, strlen(DAMAGED)) != 0 || strchr(stamp, '-') || strlen(stamp) >= STAMP_SIZE)
            continue;
        n++;
        if (!*oldest || strcmp(stamp, oldest) < 0)
            (void)snprintf(oldest, STAMP_SIZE, "%s", stamp);
    }
    if (d)
        (void)closedir(d);
    return n;
}

static void remove_copy(const char *folder, const char *stamp)
{
    char path[PATH_SIZE];
    for (int i = 2; i >= 0; i--) {           /* the database last: without it nobody would find the others */
        (void)snprintf(path, sizeof path, "%s/" DAMAGED "%s%s", folder, stamp, ends[i]);
        (void)unlink(path);
    }
}

enum err digest_hold(const char *folder, bool alone, int *fd, struct fault *fault)
{
    char path[PATH_SIZE];
    int  locked;
    (void)snprintf(path, sizeof path, "%s/digest.lock", folder);
    if ((*fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)) < 0)
        return fail(fault, ERR_IO, "cannot open %.200s: %s", path, strerror(errno));
    do
        locked = flock(*fd, alone ? LOCK_EX : LOCK_SH);
    while (locked != 0 && errno == EINTR);
    if (locked == 0)
        return OK;
    (void)fail(fault, ERR_IO, "cannot lock %.200s: %s", path, strerror(errno));
    (void)close(*fd);
    return ERR_IO;
}

/* The database first: beside one that is new and empty SQLite throws an old log away. */
static enum err move_all(const char *folder, const char *stamp, struct fault *fault)
{
    char from[PATH_SIZE], to[PATH_SIZE];
    for (int i = 0; i < 3; i++) {
        (void)snprintf(from, sizeof from, "%s/digest.db%s", folder, ends[i]);
        (void)snprintf(to, sizeof to, "%s/" DAMAGED "%s%s", folder, stamp, ends[i]);
        if (rename(from, to) == 0 || (i > 0 && errno == ENOENT))
            continue;
        (void)fail(fault, ERR_IO, "%.200s is damaged and cannot be moved aside: %s", from, strerror(errno));
        fail_hint(fault, "move it away by hand: it is made again from what the journal still holds");
        return ERR_IO;
    }
    return OK;
}

enum err digest_store_aside(const char *folder, int64_t now_us, char *name, size_t size, struct fault *fault)
{
    char      stamp[STAMP_SIZE], old[STAMP_SIZE];
    struct tm t;
    time_t    seconds = (time_t)(now_us / 1000000);
    int       held;
    (void)gmtime_r(&seconds, &t);
    size_t n = strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%S", &t);
    (void)snprintf(stamp + n, sizeof stamp - n, ".%06dZ", (int)(now_us % 1000000));
    for (int left = copies(folder, old); left >= DIGEST_DAMAGED_KEPT; left--) {
        remove_copy(folder, old);
        (void)copies(folder, old);
    }
    enum err e = digest_hold(folder, true, &held, fault);
    if (e != OK)
        return e;
    e = move_all(folder, stamp, fault);
    (void)close(held);
    if (e == OK)
        (void)snprintf(name, size, DAMAGED "%s", stamp);
    return e;
}
