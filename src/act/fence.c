/* act/fence.c - see fence.h. */
#include "act/fence.h"

#include "act/sql.h"
#include "base/clock.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

enum { RETRY_MS = 50 };

static bool pause_until(int64_t until_us)
{
    if (clock_mono_us(&clock_real) + RETRY_MS * US_PER_MS > until_us)
        return false;
    (void)nanosleep(&(struct timespec){ .tv_nsec = RETRY_MS * 1000000L }, NULL);
    return true;
}

/* Not a proof of anything, only a word for people. */
static void holder(int fd, char *out, size_t size)
{
    ssize_t n = pread(fd, out, size - 1, 0);
    out[n > 0 ? n : 0] = '\0';
    out[strcspn(out, "\n")] = '\0';
}

enum err fence_take(struct fence *f, const struct act_context *c, int64_t until_us, struct fault *fault)
{
    char     path[PATH_MAX];
    enum err e = file_make_dirs(c->state_folder, 0700, fault);
    if (e != OK)
        return e;
    if (snprintf(path, sizeof path, "%s/%s.lock", c->state_folder, c->target ? c->target->name : "no-target") >= (int)sizeof path)
        return fail(fault, ERR_LIMIT, "path too long: %s", c->state_folder);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return fail(fault, ERR_IO, "cannot open %s: %s", path, strerror(errno));
    while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR) {
            e = fail(fault, ERR_IO, "cannot lock %s: %s", path, strerror(errno));
            close(fd);
            return e;
        }
        if (!pause_until(until_us)) {
            char who[120];
            holder(fd, who, sizeof who);
            close(fd);
            e = fail(fault, ERR_BUSY, "another action on %s is under way (%s)", c->target ? c->target->name : "scripts", *who ? who : "it left no name");
            fail_hint(fault, "wait for it to end; fuser %s shows who holds the lock", path);
            return e;
        }
    }
    char line[120];
    int  n = snprintf(line, sizeof line, "action %.60s, process %ld\n", c->action_id ? c->action_id : "?", (long)getpid());
    if (ftruncate(fd, 0) != 0 || pwrite(fd, line, (size_t)n, 0) != n) {
        /* The name in the file is a courtesy; the lock is what counts. */
    }
    f->fd = fd;
    return OK;
}

void fence_release(struct fence *f)
{
    if (f->fd >= 0)
        close(f->fd);   /* not LOCK_UN: that would take it from under a keeper that shares it */
    f->fd = -1;
}

static enum err try_session(struct pg_link *link, int64_t deadline_us, bool *got, struct fault *fault)
{
    PGresult *r CLEANUP(pg_result_clear) = NULL;
    enum err  e = pg_link_query(link, sql_act_lock_try, 1, (const char *[]){ FENCE_KEY }, deadline_us, &r, fault);
    if (e != OK)
        return e;
    const char *cell = pg_cell(r, 0, 0);
    *got = cell && *cell == 't';
    if (!*got)
        return fail(fault, ERR_BUSY, "another acting session holds the advisory lock of this server");
    PGresult *other CLEANUP(pg_result_clear) = NULL;
    e = pg_link_query(link, sql_act_lock_elsewhere, 1, (const char *[]){ FENCE_KEY }, deadline_us, &other, fault);
    if (e != OK || PQntuples(other) == 0)
        return e;
    *got = false;
    PGresult *dropped CLEANUP(pg_result_clear) = NULL;
    e = pg_link_query(link, sql_act_lock_drop, 1, (const char *[]){ FENCE_KEY }, deadline_us, &dropped, fault);
    return e != OK ? e : fail(fault, ERR_BUSY, "another acting session (process %s, database %s) holds the advisory lock of this server", pg_cell(other, 0, 0), pg_cell(other, 0, 1));
}

enum err fence_take_session(struct pg_link *link, int64_t until_us, struct fault *fault)
{
    for (;;) {
        bool     got = false;
        enum err e = try_session(link, until_us + 5 * US_PER_S, &got, fault);
        if (e == OK && got)
            return OK;
        if (e != ERR_BUSY)
            return e;
        if (!pause_until(until_us)) {
            fail_hint(fault, "two Homeostats on one server? select * from pg_locks where locktype = 'advisory' shows the session");
            return e;
        }
    }
}
