/*
 * store/digest_aside.c - a digest.db that cannot be used any more makes room for a fresh one.
 *
 * It is kept for whoever wants to know why, under a name that sqlite3 opens together with its log: digest.db.damaged-<time>.
 */
#include "store/digest_store.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
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

enum err digest_store_aside(const char *folder, int64_t now_us, char *name, size_t size, struct fault *fault)
{
    char      stamp[STAMP_SIZE], old[STAMP_SIZE], from[PATH_SIZE], to[PATH_SIZE];
    struct tm t;
    time_t    seconds = (time_t)(now_us / 1000000);
    (void)gmtime_r(&seconds, &t);
    size_t n = strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%S", &t);
    (void)snprintf(stamp + n, sizeof stamp - n, ".%06dZ", (int)(now_us % 1000000));
    for (int left = copies(folder, old); left >= DIGEST_DAMAGED_KEPT; left--) {
        remove_copy(folder, old);
        (void)copies(folder, old);
    }
    /* The database first: beside one that is new and empty SQLite throws an old log away. */
    for (int i = 0; i < 3; i++) {
        (void)snprintf(from, sizeof from, "%s/digest.db%s", folder, ends[i]);
        (void)snprintf(to, sizeof to, "%s/" DAMAGED "%s%s", folder, stamp, ends[i]);
        if (rename(from, to) == 0 || (i > 0 && errno == ENOENT))
            continue;
        (void)fail(fault, ERR_IO, "%.200s is damaged and cannot be moved aside: %s", from, strerror(errno));
        fail_hint(fault, "move it away by hand: it is made again from what the journal still holds");
        return ERR_IO;
    }
    (void)snprintf(name, size, DAMAGED "%s", stamp);
    return OK;
}
