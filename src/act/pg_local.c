/*
 * act/pg_local.c - are the server's files here, are they that server's, and may we write them?
 *
 * A path that the server names may exist on this machine and belong to another server, so three things must agree before
 * a file is touched: the system identifier in global/pg_control, the process and start time in postmaster.pid, and that
 * we can really create a file there.  Of a server that is down the second cannot be seen any more; it must have been seen
 * when the snapshot was taken.
 */
#include "act/pg.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* pg_postmaster_start_time() is taken a little after the time in postmaster.pid. */
enum { START_SKEW_S = 120, PID_FILE_MAX = 4096 };

static enum err join(char *out, size_t size, const char *folder, const char *name, struct fault *fault)
{
    return (size_t)snprintf(out, size, "%s/%s", folder, name) < size ? OK : fail(fault, ERR_LIMIT, "path too long: %.100s", folder);
}

/* Line n (from 1) of postmaster.pid as a number; 0 when there is none. */
static long long pid_file_line(const struct pg_local *l, int n)
{
    char  path[PATH_MAX + 32], *text = NULL;
    (void)snprintf(path, sizeof path, "%s/postmaster.pid", l->data_directory);
    if (file_read(path, PID_FILE_MAX, &text, NULL, NULL) != OK)
        return 0;
    const char *p = text;
    for (int i = 1; p && i < n; i++) {
        p = strchr(p, '\n');
        p = p ? p + 1 : NULL;
    }
    long long value = p ? strtoll(p, NULL, 10) : 0;
    free(text);
    return value;
}

/* A process that only waits to be reaped does not run any more. */
static bool process_lives(long long pid)
{
    char path[64], *text = NULL;
    if (pid <= 0 || (kill((pid_t)pid, 0) != 0 && errno == ESRCH))
        return false;
    (void)snprintf(path, sizeof path, "/proc/%lld/stat", pid);
    if (file_read(path, PID_FILE_MAX, &text, NULL, NULL) != OK)
        return true;
    const char *after = strrchr(text, ')');
    bool        zombie = after && after[1] == ' ' && (after[2] == 'Z' || after[2] == 'X');
    bool        server = strstr(text, "postgres") || strstr(text, "postmaster");
    free(text);
    return !zombie && server;
}

bool pg_local_running(const struct pg_local *l) { return process_lives(pid_file_line(l, 1)); }

/*
 * struct ControlFileData begins the same in all versions that we work with: identifier (8 bytes), two version numbers of 4
 * bytes, then the state, of which 1 is "shut down" and 2 "shut down in recovery".
 */
bool pg_local_stopped_properly(const struct pg_local *l)
{
    char     path[PATH_MAX + 32];
    uint32_t state = 0;
    (void)snprintf(path, sizeof path, "%s/global/pg_control", l->data_directory);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = pread(fd, &state, sizeof state, 16);
    close(fd);
    return n == (ssize_t)sizeof state && (state == 1 || state == 2);
}

static enum err check_identity(const struct pg_local *l, const char *system_identifier, struct fault *fault)
{
    char     path[PATH_MAX + 32];
    uint64_t id = 0;
    (void)snprintf(path, sizeof path, "%s/global/pg_control", l->data_directory);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail(fault, errno == EACCES ? ERR_DENIED : ERR_MISSING, "cannot open %s: %s", path, strerror(errno));
    ssize_t n = read(fd, &id, sizeof id);
    close(fd);
    char text[24];
    (void)snprintf(text, sizeof text, "%" PRIu64, id);
    if (n == (ssize_t)sizeof id && system_identifier && strcmp(text, system_identifier) == 0)
        return OK;
    return fail(fault, ERR_CONFLICT, "%s on this machine belongs to another server", l->data_directory);
}

/* Doing it is the only proof: permissions, read-only mounts and full disks all show here. */
static enum err check_writable(struct pg_local *l, struct fault *fault)
{
    char        path[PATH_MAX + 64];
    struct stat st;
    if (stat(l->auto_conf, &st) != 0)
        return fail(fault, errno == EACCES ? ERR_DENIED : ERR_MISSING, "cannot look at %s: %s", l->auto_conf, strerror(errno));
    l->uid = st.st_uid;
    l->gid = st.st_gid;
    int fd = open(l->auto_conf, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail(fault, ERR_DENIED, "cannot read %s: %s", l->auto_conf, strerror(errno));
    close(fd);
    if (geteuid() != 0 && geteuid() != l->uid)
        return fail(fault, ERR_DENIED, "%s belongs to another user, so it could not be put back as it was", l->auto_conf);
    (void)snprintf(path, sizeof path, "%s/homeostat.probe.%ld", l->data_directory, (long)getpid());
    (void)unlink(path);   /* of a predecessor of our number, killed just here: in a container we all have the same */
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail(fault, ERR_DENIED, "cannot write in %s: %s", l->data_directory, strerror(errno));
    bool wrote = write(fd, "x", 1) == 1;
    close(fd);
    (void)unlink(path);
    return wrote ? OK : fail(fault, ERR_IO, "cannot write in %s", l->data_directory);
}

static bool holds(const char *folder, const char *program)
{
    char path[PATH_MAX + 32];
    (void)snprintf(path, sizeof path, "%s/%s", folder, program);
    return access(path, X_OK) == 0;
}

/* The folder of the running server's own binary, else the usual place of its version. */
static void find_binaries(struct pg_work *w)
{
    struct pg_local *l = &w->local;
    char             link[64];
    l->bin[0] = '\0';
    if (w->c->target->bin_directory) {
        (void)text_copy(l->bin, sizeof l->bin, w->c->target->bin_directory);
    } else {
        (void)snprintf(link, sizeof link, "/proc/%lld/exe", pid_file_line(l, 1));
        ssize_t n = readlink(link, l->bin, sizeof l->bin - 1);
        l->bin[n > 0 ? n : 0] = '\0';
        char *slash = strrchr(l->bin, '/');
        if (slash)
            *slash = '\0';
        if (!slash || !holds(l->bin, "initdb"))
            (void)snprintf(l->bin, sizeof l->bin, "/usr/lib/postgresql/%d/bin", w->server.version / 10000);
    }
    if (!holds(l->bin, "postgres") || !holds(l->bin, "initdb"))
        l->bin[0] = '\0';
}

static enum err place(struct pg_work *w, const char *data_directory, struct fault *fault)
{
    struct pg_local *l = &w->local;
    l->proven = false;
    if (w->c->target->data_directory)
        data_directory = w->c->target->data_directory;
    if (!data_directory) {
        enum err e = fail(fault, ERR_DENIED, "where the server's files are is not visible to this role");
        fail_hint(fault, "set data_directory for this target, or GRANT pg_read_all_settings to its role");
        return e;
    }
    if (!text_copy(l->data_directory, sizeof l->data_directory, data_directory))
        return fail(fault, ERR_LIMIT, "path too long: %.100s", data_directory);
    return join(l->auto_conf, sizeof l->auto_conf, l->data_directory, "postgresql.auto.conf", fault);
}

static enum err hint_files(enum err e, struct fault *fault)
{
    if (e != OK && fault && !*fault->hint)
        fail_hint(fault, "a restart needs proven access to the server's files, so that it can be put back when the server does not come up: "
                         "run Homeostat on the server's machine, as the user of its files or as root");
    return e;
}

enum err pg_local_prove(struct pg_work *w, struct fault *fault)
{
    struct pg_local *l = &w->local;
    enum err e = place(w, w->server.data_directory, fault);
    if (e == OK)
        e = check_identity(l, w->server.system_identifier, fault);
    if (e == OK) {
        long long started_s = pid_file_line(l, 3), skew_s = w->server.start_us / US_PER_S - started_s;
        if (!pg_local_running(l) || skew_s < -1 || skew_s > START_SKEW_S)
            e = fail(fault, ERR_CONFLICT, "the server that answers is not the one that runs on %s here", l->data_directory);
    }
    if (e == OK)
        e = check_writable(l, fault);
    if (e != OK)
        return hint_files(e, fault);
    find_binaries(w);
    l->proven = true;
    return OK;
}

enum err pg_local_prove_down(struct pg_work *w, struct fault *fault)
{
    struct pg_local *l = &w->local;
    /* A copy (a standby that is stopped, a base backup) has the same identifier and often the same path, and nothing runs on it. */
    enum err e = w->was_local ? place(w, w->then.data_directory, fault) : fail(fault, ERR_DENIED, "it was never seen that the server's files are on this machine");
    if (e == OK)
        e = check_identity(l, w->then.system_identifier, fault);
    if (e == OK)
        e = check_writable(l, fault);
    if (e != OK)
        return hint_files(e, fault);
    l->proven = true;
    return pg_local_running(l) ? fail(fault, ERR_BUSY, "a server runs on %s, but does not let us in", l->data_directory) : OK;
}

enum err pg_local_read(const struct pg_local *l, struct pg_file *f, struct fault *fault)
{
    char    *text = NULL;
    size_t   size = 0;
    enum err e = file_read(l->auto_conf, PG_FILE_BYTES_MAX, &text, &size, fault);
    if (e == OK)
        e = pg_file_parse(text, size, f, fault);
    free(text);
    return e;
}
