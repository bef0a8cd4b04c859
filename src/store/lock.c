/* store/lock.c - see lock.h. */
#include "store/lock.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

/* A predecessor that was killed while it forked leaves a child that holds the lock for another moment. */
enum { PATIENCE_MS = 2000, RETRY_MS = 20 };

static bool try_for(int fd, int64_t until_us)
{
    while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if ((errno != EWOULDBLOCK && errno != EINTR) || clock_mono_us(&clock_real) >= until_us)
            return false;
        (void)nanosleep(&(struct timespec){ .tv_nsec = RETRY_MS * 1000000L }, NULL);
    }
    return true;
}

enum err store_lock_take(const char *folder, int *fd, struct fault *fault)
{
    char path[512], who[64] = "";
    if (snprintf(path, sizeof path, "%s/engine.lock", folder) >= (int)sizeof path)
        return fail(fault, ERR_LIMIT, "path too long: %.100s...", folder);
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file < 0) {
        bool theirs = errno == EACCES;           /* who ran it once as root, say, to try it */
        (void)fail(fault, ERR_IO, "cannot open %s: %s", path, strerror(errno));
        if (theirs)
            fail_hint(fault, "the store and what is in it must belong to the user that Homeostat runs as: chown -R USER %.180s", folder);
        return ERR_IO;
    }
    if (!try_for(file, clock_mono_us(&clock_real) + PATIENCE_MS * US_PER_MS)) {
        int      why = errno;
        ssize_t  n = pread(file, who, sizeof who - 1, 0);
        close(file);
        if (why != EWOULDBLOCK)
            return fail(fault, ERR_IO, "cannot lock %s: %s", path, strerror(why));
        who[n > 0 ? n : 0] = '\0';
        who[strcspn(who, "\n")] = '\0';
        enum err e = fail(fault, ERR_BUSY, "another Homeostat (%s) works on the store %s", *who ? who : "it left no name", folder);
        fail_hint(fault, "stop it first, or give this one a store of its own (store: { folder: ... })");
        return e;
    }
    int n = snprintf(who, sizeof who, "process %ld\n", (long)getpid());
    if (ftruncate(file, 0) != 0 || pwrite(file, who, (size_t)n, 0) != n) {
        /* The name is a courtesy; the lock is what counts. */
    }
    *fd = file;
    return OK;
}
