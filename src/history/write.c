/* history/write.c - the one who appends: one write for each minute, the oldest files deleted before a bound is passed. */
#include "base/file.h"
#include "history/block.h"
#include "history/files.h"
#include "history/history.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define DAY_US    (INT64_C(86400) * 1000000)
#define MINUTE_US (INT64_C(60) * 1000000)

enum {
    PATH_SIZE      = 1024,
    PARTS          = 8,                     /* no file grows beyond this part of the bound */
    FILES_KEPT_MAX = HISTORY_FILES_MAX / 2, /* a clock that jumps to and fro makes many */
    OLD_AT_ONCE    = 2                      /* files deleted for their age when one begins: a clock that is ahead for a moment must not cost everything */
};
#define BACK_US (2 * MINUTE_US)             /* a clock set back by no more waits until it is there again; by more, a file begins */

struct history {
    char                  folder[PATH_SIZE - HISTORY_FILE_NAME - 1];
    struct history_bounds bounds;
    int                   lock_fd, fd;      /* fd -1: the next minute begins a file */
    int64_t               end, began_us;    /* of the file that is open */
    char                  name[HISTORY_FILE_NAME];
    int64_t               last_us;          /* the last minute that is there */
    uint32_t              sequence;
    bool                  chained;          /* before holds the block in front */
    struct history_minute before, now;
    uint8_t               bytes[BLOCK_HEADER + BLOCK_MAX];
};

static char *path_of(const struct history *h, const char *name, char out[PATH_SIZE])
{
    snprintf(out, PATH_SIZE, "%s/%s", h->folder, name);
    return out;
}

/* Where the last whole block of a file ends, and its time and place. Damage in front of it stays where it is. */
static int64_t whole_end(const uint8_t *bytes, size_t size, struct block *last)
{
    size_t       end = 0;
    struct block b;
    for (size_t at = 0; at + BLOCK_HEADER <= size;) {
        if (block_is(bytes + at, size - at, &b)) {
            at   += BLOCK_HEADER + b.packed;
            end   = at;
            *last = b;
        } else {
            at++;
        }
    }
    return (int64_t)end;
}

/* What lies behind the last whole block is cut off when it can be the beginning of one that a crash has torn, and nothing else: a newer version's minutes stay. */
static bool is_of_others(const uint8_t *behind, size_t size) { return size > BLOCK_HEADER + BLOCK_MAX || block_is_foreign(behind, size); }

/* Go on in the newest file, behind its last whole block. One that cannot be gone on with stays as it is, and the next minute begins another. */
static enum err go_on(struct history *h, struct fault *fault)
{
    struct history_files files;
    char                 path[PATH_SIZE], *data;
    size_t               size;
    enum err             e = history_files_list(h->folder, &files, fault);
    if (e != OK || !files.count) {
        history_files_done(&files);
        return e;
    }
    struct history_file newest = files.item[files.count - 1];
    history_files_done(&files);
    if (file_read(path_of(h, newest.name, path), 2 * (size_t)HISTORY_BYTES_MAX, &data, &size, NULL) != OK)
        return OK;
    struct block last = { .at_us = newest.from_us - 1, .sequence = 0 };
    h->end            = whole_end((const uint8_t *)data, size, &last);
    bool others       = is_of_others((const uint8_t *)data + h->end, size - (size_t)h->end);
    free(data);
    if (others)
        return OK;
    h->fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    if (h->fd >= 0 && (int64_t)size > h->end && ftruncate(h->fd, h->end) != 0) {
        close(h->fd);
        h->fd = -1;
    }
    if (h->fd < 0)
        return OK;
    h->sequence = last.sequence;
    h->last_us  = last.at_us;
    h->began_us = newest.from_us;
    memcpy(h->name, newest.name, sizeof h->name);
    return OK;
}

enum err history_open(const char *folder, struct history_bounds bounds, struct history **out, struct fault *fault)
{
    char            path[PATH_SIZE];
    struct history *h = calloc(1, sizeof *h);
    if (!h)
        return fail(fault, ERR_LIMIT, "out of memory for the history");
    h->lock_fd = h->fd = -1;
    h->last_us         = INT64_MIN;
    h->bounds          = (struct history_bounds){ bounds.bytes > 0 ? bounds.bytes : HISTORY_BYTES_MAX, bounds.days > 0 ? bounds.days : HISTORY_DAYS };
    enum err e = (size_t)snprintf(h->folder, sizeof h->folder, "%s", folder) < sizeof h->folder ? file_make_dirs(folder, 0750, fault)
                                                                                                : fail(fault, ERR_INPUT, "the path of the history is too long");
    if (e == OK && (h->lock_fd = open(path_of(h, "lock", path), O_RDWR | O_CREAT | O_CLOEXEC, 0640)) < 0)
        e = fail(fault, ERR_IO, "cannot make %s: %s", path, strerror(errno));
    if (e == OK && flock(h->lock_fd, LOCK_EX | LOCK_NB) != 0)
        e = fail(fault, ERR_BUSY, "somebody else writes the history %s", folder);
    if (e == OK)
        e = go_on(h, fault);
    if (e != OK) {
        history_close(h);
        return e;
    }
    *out = h;
    return OK;
}

void history_close(struct history *h)
{
    if (!h)
        return;
    if (h->fd >= 0)
        close(h->fd);
    if (h->lock_fd >= 0)
        close(h->lock_fd);
    free(h);
}

/* Delete the oldest until there is room for `more` bytes. The file that is written to stays: it is at most a part of the bound. */
static enum err make_room(struct history *h, int64_t now_us, int64_t more, struct fault *fault)
{
    struct history_files files;
    char                 path[PATH_SIZE];
    enum err             e = history_files_list(h->folder, &files, fault);
    int64_t              total = more;
    int                  old = 0;
    int64_t              day_after = files.count ? files.item[files.count - 1].from_us + DAY_US : now_us;
    now_us                         = now_us < day_after ? now_us : day_after;       /* a jump is believed when the next file begins */
    for (size_t i = 0; e == OK && i < files.count; i++)
        total += files.item[i].size;
    for (size_t i = 0; e == OK && i + 1 < files.count + (h->fd < 0); i++) {
        /* a file's minutes end where the next one's begin */
        int64_t until = i + 1 < files.count ? files.item[i + 1].from_us : files.item[i].from_us + DAY_US;
        bool needed = total > h->bounds.bytes || files.count - i > FILES_KEPT_MAX;
        if (!needed && (until > now_us - h->bounds.days * DAY_US || old++ == OLD_AT_ONCE))
            break;
        if (unlink(path_of(h, files.item[i].name, path)) != 0 && errno != ENOENT)
            e = fail(fault, ERR_IO, "cannot delete %s: %s", path, strerror(errno));
        total -= files.item[i].size;
    }
    history_files_done(&files);
    return e;
}

static enum err new_file(struct history *h, int64_t at_us, struct fault *fault)
{
    char path[PATH_SIZE];
    if (h->fd >= 0)
        close(h->fd);
    h->fd      = -1;
    h->chained = false;
    enum err e = make_room(h, at_us, h->bounds.bytes / PARTS, fault);
    if (e != OK)
        return e;
    history_file_name(at_us, h->name);
    h->fd = open(path_of(h, h->name, path), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (h->fd < 0)
        return fail(fault, ERR_IO, "cannot make %s: %s", path, strerror(errno));
    struct stat st;
    h->end      = fstat(h->fd, &st) == 0 ? st.st_size : 0;       /* two files in one minute are one */
    h->began_us = at_us;
    h->sequence = 0;
    return OK;
}

static enum err append_bytes(struct history *h, size_t size, bool sync, struct fault *fault)
{
    size_t done = 0;
    while (done < size) {
        ssize_t n = pwrite(h->fd, h->bytes + done, size - done, h->end + (int64_t)done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        done += (size_t)n;
    }
    int error = errno;
    if (done == size && (!sync || fdatasync(h->fd) == 0))
        return OK;
    if (done == size)
        error = errno;
    if (ftruncate(h->fd, h->end) != 0) {        /* then the next open cuts it; this one begins another file */
        close(h->fd);
        h->fd = -1;
    }
    return fail(fault, ERR_IO, "cannot write a minute of the history into %s/%s: %s", h->folder, h->name, strerror(error));
}

static enum err encode(struct history *h, const struct history_minute *m, size_t *size, struct fault *fault)
{
    bool key = !h->chained || h->sequence % HISTORY_KEY_EVERY == 0;
    h->now   = *m;
    return block_write(&h->now, key ? NULL : &h->before, h->sequence + 1, h->bytes, size, fault);
}

enum err history_append(struct history *h, const struct history_minute *m, bool sync, struct fault *fault)
{
    size_t size = 0;
    bool   back = m->at_us <= h->last_us;
    if (back && m->at_us >= h->last_us - BACK_US)
        return fail(fault, ERR_INPUT, "a minute of the history that is not after the one before it: the clock was set back");
    bool     another = h->fd < 0 || back || m->at_us / DAY_US != h->began_us / DAY_US;
    enum err e       = another ? new_file(h, m->at_us, fault) : OK;
    if (e == OK)
        e = encode(h, m, &size, fault);
    if (e == OK && !another && h->end + (int64_t)size > h->bounds.bytes / PARTS && m->at_us / MINUTE_US != h->began_us / MINUTE_US) {
        e = new_file(h, m->at_us, fault);       /* it does not fit, and begins the next file, where it must stand alone */
        if (e == OK)
            e = encode(h, m, &size, fault);
    }
    if (e == OK)
        e = append_bytes(h, size, sync, fault);
    if (e != OK) {
        h->chained = false;
        return e;
    }
    h->end    += (int64_t)size;
    h->before  = h->now;
    h->chained = true;
    h->last_us = m->at_us;
    h->sequence++;
    return OK;
}
