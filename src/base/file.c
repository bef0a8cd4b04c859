/* base/file.c */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum err file_read(const char *path, size_t max, char **data, size_t *size, struct fault *fault)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail(fault, errno == ENOENT ? ERR_MISSING : ERR_IO, "cannot open %s: %s", path, strerror(errno));
    size_t room = 4096, used = 0;
    char  *s = malloc(room);
    while (s) {
        if (used + 1 == room) {
            char *more = realloc(s, room *= 2);
            if (!more)
                break;
            s = more;
        }
        ssize_t n = read(fd, s + used, room - used - 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            int e = errno;
            close(fd);
            free(s);
            return fail(fault, ERR_IO, "cannot read %s: %s", path, strerror(e));
        }
        if (n == 0) {
            close(fd);
            s[used] = '\0';
            *data = s;
            if (size)
                *size = used;
            return OK;
        }
        used += (size_t)n;
        if (used > max) {
            close(fd);
            free(s);
            return fail(fault, ERR_LIMIT, "%s is larger than %zu bytes", path, max);
        }
    }
    close(fd);
    free(s);
    return fail(fault, ERR_LIMIT, "no memory to read %s", path);
}

static enum err sync_folder_of(const char *path, struct fault *fault)
{
    char copy[PATH_MAX];
    (void)snprintf(copy, sizeof copy, "%s", path);
    const char *dir = dirname(copy);
    int         fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return fail(fault, ERR_IO, "cannot open folder %s: %s", dir, strerror(errno));
    int failed = fsync(fd), e = errno;
    close(fd);
    return failed ? fail(fault, ERR_IO, "cannot fsync folder %s: %s", dir, strerror(e)) : OK;
}

static int write_all(int fd, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, data, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        data += n;
        size -= (size_t)n;
    }
    return 0;
}

enum err file_write(const char *path, const char *data, size_t size, mode_t mode, struct fault *fault)
{
    char        beside[PATH_MAX];
    struct stat st;
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))       /* /dev/null would be gone, and what stands in its place would take all that is thrown away */
        return fail(fault, ERR_STATE, "%s is no regular file", path);
    if (snprintf(beside, sizeof beside, "%s.new.%ld", path, (long)getpid()) >= (int)sizeof beside)
        return fail(fault, ERR_LIMIT, "path too long: %s", path);
    (void)unlink(beside);   /* of a predecessor of our number, killed just here; or a link that somebody has laid out for us, in a folder that is theirs, too */
    int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    if (fd < 0)
        return fail(fault, ERR_IO, "cannot create %s: %s", beside, strerror(errno));
    if (fchmod(fd, mode) != 0 || write_all(fd, data, size) != 0 || fsync(fd) != 0) {
        int e = errno;
        close(fd);
        unlink(beside);
        return fail(fault, ERR_IO, "cannot write %s: %s", beside, strerror(e));
    }
    close(fd);
    if (rename(beside, path) != 0) {
        int e = errno;
        unlink(beside);
        return fail(fault, ERR_IO, "cannot rename %s to %s: %s", beside, path, strerror(e));
    }
    return sync_folder_of(path, fault);
}

enum err file_make_dirs(const char *path, mode_t mode, struct fault *fault)
{
    char copy[PATH_MAX];
    if (snprintf(copy, sizeof copy, "%s", path) >= (int)sizeof copy)
        return fail(fault, ERR_LIMIT, "path too long: %s", path);
    for (char *p = copy + 1; ; p++) {
        if (*p != '/' && *p != '\0')
            continue;
        char c = *p;
        *p = '\0';
        if (mkdir(copy, mode) != 0 && errno != EEXIST) {
            int why = errno;
            (void)fail(fault, ERR_IO, "cannot make folder %s: %s", copy, strerror(why));
            if (why == EROFS)
                fail_hint(fault, "a service may write to its own folder alone: ReadWritePaths= in a drop-in (systemctl edit) opens a folder that is there");
            else if (why == EACCES)
                fail_hint(fault, "make it, and give it to the user that this runs as");
            return ERR_IO;
        }
        *p = c;
        if (c == '\0')
            return OK;
    }
}

size_t file_limit(size_t wanted)
{
    struct rlimit l;
    if (getrlimit(RLIMIT_NOFILE, &l) != 0)
        return 1024;
    rlim_t now = l.rlim_cur;
    if (now < wanted) {
        l.rlim_cur = l.rlim_max < wanted ? l.rlim_max : (rlim_t)wanted;
        now = setrlimit(RLIMIT_NOFILE, &l) == 0 ? l.rlim_cur : now;
    }
    return now > SIZE_MAX / 2 ? SIZE_MAX / 2 : (size_t)now;
}
