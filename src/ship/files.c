/*
 * ship/files.c - the sink `files`: folder/type/yyyy=/mm=/dd=/hh=/sink.first-last.jsonl (or .otlp: requests, each behind four bytes of length, the
 * highest first). The time is that of reception; the setting `path` may have other folders (ship/folder.h).
 *
 * A file grows under the name sink.first.part and gets its last name when it is large or old enough. What is written, and how a crash is
 * survived without losing or repeating, is in ledger.h.
 */
#include "ship/kinds.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "event/encode.h"
#include "ship/conf.h"
#include "ship/folder.h"
#include "ship/json.h"
#include "ship/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WRITE_MAX = 1024 * 1024 * 1024, TURNS_MAX = 1000 };

struct files {
    const struct sink_conf *conf;
    bool                    ready;             /* the ledger was read */
    bool                    fresh;             /* nothing newer than the ledger was seen yet */
    uint64_t                load;              /* that the batch looked at last belongs to, and ... */
    int64_t                 load_us;           /* ... when the latest of what came with it so far was received: records do not stand in the order of their times */
    int                     lock;              /* held while nobody else may write there under this name; -1: not */
    struct ledger           ledger;
    struct ship_folder      now;               /* of the event looked at last */
    struct text             out;
    const struct event    **picked;
    unsigned char          *part_of;           /* of each event of the batch; PART_NONE: it is in the files already */
    size_t                  room;
};

enum { PART_NONE = 255 };

/* ---- names ---- */

static void ledger_name(const struct files *f, const char *sink, char *out) { (void)snprintf(out, LEDGER_PATH_MAX, "%s/.%s.ledger", f->conf->folder, sink); }

static void growing_name(const struct files *f, const struct part *p, char *out)
{
    char folder[LEDGER_PATH_MAX];
    ledger_folder(f->conf->folder, p, folder);
    (void)snprintf(out, LEDGER_PATH_MAX, "%.3800s/%s.%012" PRIu64 "-%" PRIu32 ".part", folder, f->conf->name, p->first.record, p->first.index);
}

/* turn: 1, or which one of the same name it is: the numbers of a journal that began anew come again. */
static void final_name(const struct files *f, const struct part *p, int turn, char *out)
{
    char folder[LEDGER_PATH_MAX], more[16] = "";
    ledger_folder(f->conf->folder, p, folder);
    if (turn > 1)
        (void)snprintf(more, sizeof more, ".%d", turn);
    (void)snprintf(out, LEDGER_PATH_MAX, "%.3800s/%s.%012" PRIu64 "-%" PRIu32 ".%012" PRIu64 "-%" PRIu32 "%s.%s", folder, f->conf->name, p->first.record, p->first.index, p->last.record,
                   p->last.index, more, p->format == FORMAT_OTLP ? "otlp" : "jsonl");
}

/* ---- on the disk ---- */

static enum err sync_folder(const char *path, struct fault *fault)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int bad = fd < 0 || fsync(fd) != 0 ? errno : 0;
    if (fd >= 0)
        (void)close(fd);
    return bad ? fail(fault, bad == ENOENT ? ERR_MISSING : ERR_IO, "cannot sync %.300s: %s", path, strerror(bad)) : OK;
}

/* A new name is durable when its folder is, and the folders above that may be new too. */
static enum err sync_above(const struct files *f, const struct part *p, struct fault *fault)
{
    char     path[LEDGER_PATH_MAX];
    enum err e = OK;
    ledger_folder(f->conf->folder, p, path);
    for (size_t least = strlen(f->conf->folder); e == OK && strlen(path) >= least; ) {
        char *slash = strrchr(path, '/');
        e = sync_folder(path, fault);
        if (!slash || slash == path)
            break;
        *slash = '\0';
    }
    return e;
}

static enum err part_open(const struct files *f, struct part *p, bool fresh, struct fault *fault)
{
    char     path[LEDGER_PATH_MAX], folder[LEDGER_PATH_MAX];
    enum err e = OK;
    growing_name(f, p, path);
    ledger_folder(f->conf->folder, p, folder);
    if (fresh && (e = file_make_dirs(folder, 0750, fault)) != OK)
        return e;
    p->fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | (fresh ? O_CREAT | O_TRUNC : 0), 0640);     /* others may write to the folder, too */
    if (p->fd < 0)
        return fail(fault, errno == ENOENT ? ERR_MISSING : ERR_IO, "cannot open %.300s: %s", path, strerror(errno));
    return fresh ? sync_above(f, p, fault) : OK;
}

static void part_drop(struct ledger *l, size_t i)
{
    if (l->part[i].fd >= 0)
        (void)close(l->part[i].fd);
    memmove(&l->part[i], &l->part[i + 1], (--l->parts - i) * sizeof l->part[0]);
}

static bool is_one_file(const char *one, const char *other)
{
    struct stat a, b;
    return stat(one, &a) == 0 && stat(other, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/*
 * Of a file system that cannot rename without replacing: two steps, of which a crash may leave the first.  Where there are no hard links either it is looked
 * at first: the folder has one writer.
 */
static int rename_in_steps(const char *from, const char *to)
{
    struct stat there;
    if (link(from, to) == 0)
        return unlink(from);
    if (errno == EPERM || errno == ENOSYS || errno == EOPNOTSUPP) {
        if (lstat(to, &there) != 0)
            return rename(from, to);
        errno = EEXIST;
    }
    return -1;
}

static int rename_new(const char *from, const char *to)
{
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
        return 0;
    if ((errno == EINVAL || errno == ENOSYS) && rename_in_steps(from, to) == 0)
        return 0;
    if (errno != EEXIST)
        return -1;
    if (is_one_file(from, to))
        return unlink(from);
    errno = EEXIST;
    return -1;
}

/* A file that was finished is never replaced. ERR_MISSING: it is not there: it has its name already, or somebody took it away. */
static enum err give_last_name(const struct files *f, const struct part *p, const char *from, struct fault *fault)
{
    char to[LEDGER_PATH_MAX];
    for (int turn = 1; turn <= TURNS_MAX; turn++) {
        final_name(f, p, turn, to);
        if (rename_new(from, to) == 0)
            return OK;
        if (errno != EEXIST)
            return fail(fault, errno == ENOENT ? ERR_MISSING : ERR_IO, "cannot rename %.300s: %s", from, strerror(errno));
    }
    return fail(fault, ERR_LIMIT, "there are %d files with the numbers of %.300s already", TURNS_MAX, from);
}

/* It gets its last name, then leaves the ledger; in between a crash finds no file of the old name, which says the same. After a fault it may have left. */
static enum err part_finish(struct files *f, size_t i, struct fault *fault)
{
    struct part *p = &f->ledger.part[i];
    char         from[LEDGER_PATH_MAX], path[LEDGER_PATH_MAX];
    struct stat  st;
    enum err     e = OK;
    growing_name(f, p, from);
    if (p->fd >= 0 && fstat(p->fd, &st) == 0 && st.st_size > p->size && (ftruncate(p->fd, p->size) != 0 || fsync(p->fd) != 0))     /* the rest of a write that failed */
        return fail(fault, ERR_IO, "cannot cut %.300s: %s", from, strerror(errno));
    if (p->size == 0)
        (void)unlink(from);
    else
        e = give_last_name(f, p, from, fault);
    final_name(f, p, 1, path);
    if (e == ERR_MISSING && access(path, F_OK) != 0)
        log_warn("an unfinished file of a sink was removed by somebody else, with what was in it", F("sink", f->conf->name), F("file", from), F("bytes", p->size));
    ledger_folder(f->conf->folder, p, path);
    if (e == OK || e == ERR_MISSING)
        e = sync_folder(path, fault);
    if (e != OK && e != ERR_MISSING)             /* a folder that is gone has nothing to sync */
        return e;
    part_drop(&f->ledger, i);
    ledger_name(f, f->conf->name, path);
    return ledger_write(path, &f->ledger, fault);
}

/* ---- after a start ---- */

/* Without it the journal's cursor says where to go on: a batch that was under way may be there twice, and unfinished files stay as they are. */
static enum err put_aside(struct files *f, const char *path, struct fault *fault)
{
    char aside[LEDGER_PATH_MAX + 8];
    (void)snprintf(aside, sizeof aside, "%s.bad", path);
    if (rename(path, aside) != 0)
        return fail(fault, ERR_IO, "cannot rename %.300s, which is damaged: %s", path, strerror(errno));
    log_warn("the ledger of a sink is damaged and was put aside; its unfinished files end as .part, and the last batch may be there twice", F("sink", f->conf->name), F("file", aside),
             F("why", fault->text));
    f->ledger = (struct ledger){ 0 };
    return OK;
}

/* Files of the former name that a crash left unfinished are finished under it. What the ledger does not have is cut off, and comes again. */
static enum err finish_former(const struct files *f, const char *name, const struct ledger *old, struct fault *fault)
{
    struct sink_conf conf = *f->conf;
    struct files     former = { .conf = &conf, .ledger = *old, .lock = -1 };
    enum err         e = OK;
    conf.name = name;
    for (size_t left; e == OK && (left = former.ledger.parts); ) {
        e = part_open(&former, &former.ledger.part[left - 1], false, fault);
        if (e == OK)
            e = part_finish(&former, left - 1, fault);
        if (e == ERR_MISSING) {                 /* it has its last name */
            part_drop(&former.ledger, left - 1);
            e = OK;
        }
    }
    while (former.ledger.parts)
        part_drop(&former.ledger, 0);
    return e;
}

static enum err read_ledger(struct files *f, struct fault *fault)
{
    char     path[LEDGER_PATH_MAX];
    ledger_name(f, f->conf->name, path);
    enum err e = ledger_read(path, &f->ledger, fault);
    if (e == ERR_INPUT)
        e = put_aside(f, path, fault);
    for (size_t i = 0; e == OK && !f->ledger.known && i < f->conf->formerly.count; i++) {
        struct ledger old;
        ledger_name(f, f->conf->formerly.item[i], path);
        e = ledger_read(path, &old, fault);
        if (e == ERR_INPUT) {
            log_warn("the ledger of a sink's former name is damaged and not used: the last batch may be there twice", F("sink", f->conf->name), F("file", path));
            e = OK;
        } else if (e == OK && old.last.record) {
            f->ledger.last = old.last;
            f->ledger.last_us = old.last_us;
        }
        if (e == OK && old.parts)
            e = finish_former(f, f->conf->formerly.item[i], &old, fault);
    }
    return e;
}

static void let_go(struct files *f)
{
    while (f->ledger.parts)
        part_drop(&f->ledger, 0);
}

/*
 * Two who write there under one name would give the same names to different files.  A lock that the file system does not know is done without; one that root
 * made while it looked is held by reading.
 */
static enum err hold(struct files *f, struct fault *fault)
{
    char path[LEDGER_PATH_MAX];
    if (f->lock >= 0)
        (void)close(f->lock);                  /* the folder may be another one by now */
    (void)snprintf(path, sizeof path, "%.3800s/.%s.ledger.lock", f->conf->folder, f->conf->name);
    f->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (f->lock < 0 && errno == EACCES)
        f->lock = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (f->lock < 0)
        return fail(fault, ERR_IO, "cannot open %.300s: %s", path, strerror(errno));
    if (flock(f->lock, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK)
        return OK;
    (void)close(f->lock);
    f->lock = -1;
    return fail(fault, ERR_IO, "somebody else writes to %.150s as sink %.60s: give one of the two another name or folder", f->conf->folder, f->conf->name);
}

static enum err recover(struct files *f, struct fault *fault)
{
    let_go(f);
    enum err e = file_make_dirs(f->conf->folder, 0750, fault);
    if (e == OK)
        e = hold(f, fault);
    if (e == OK)
        e = read_ledger(f, fault);
    for (size_t i = 0; e == OK && i < f->ledger.parts; ) {
        struct part *p = &f->ledger.part[i];
        struct stat  st;
        e = part_open(f, p, false, fault);
        if (e == ERR_MISSING) {                 /* it has its last name */
            part_drop(&f->ledger, i);
            e = OK;
            continue;
        }
        if (e == OK && (fstat(p->fd, &st) != 0 || (st.st_size > p->size && ftruncate(p->fd, p->size) != 0)))
            e = fail(fault, ERR_IO, "cannot cut an unfinished file in %.300s: %s", f->conf->folder, strerror(errno));
        if (e == OK && st.st_size < p->size)
            p->size = st.st_size;               /* somebody else cut it; what is there is finished like any other */
        if (e == OK && st.st_nlink > 1) {       /* it has its last name as well, and is never added to */
            char from[LEDGER_PATH_MAX];
            growing_name(f, p, from);
            if ((e = give_last_name(f, p, from, fault)) == OK) {
                part_drop(&f->ledger, i);
                continue;
            }
        }
        i++;
    }
    if (e != OK)
        let_go(f);
    f->ready = e == OK;
    f->fresh = true;
    return e;
}

/* ---- a batch ---- */

static bool make_room(struct files *f, size_t n)
{
    if (n <= f->room)
        return true;
    const struct event **picked = realloc(f->picked, n * sizeof *picked);
    if (picked)
        f->picked = picked;
    unsigned char *part_of = realloc(f->part_of, n);
    if (part_of)
        f->part_of = part_of;
    if (!picked || !part_of)
        return false;
    f->room = n;
    return true;
}

static bool written_before(struct files *f, const struct batch *b, const struct event *e)
{
    if (b->again || !f->fresh)
        return false;
    struct place p = { e->record, e->index };
    if (place_order(p, f->ledger.last) <= 0 && e->received_us <= f->ledger.last_us)
        return true;
    f->fresh = false;
    return false;
}

static void note_times(struct files *f, const struct batch *b)
{
    if (f->load != b->load)
        f->load_us = 0;
    f->load = b->load;
    for (size_t i = 0; i < b->count; i++)
        if (b->event[i]->received_us > f->load_us)
            f->load_us = b->event[i]->received_us;
}

static enum err part_for(struct files *f, const struct event *e, unsigned char *which, struct fault *fault)
{
    struct part p = { .type = e->type, .first = { e->record, e->index }, .format = f->conf->format, .fd = -1 };
    size_t      i = 0;
    const char *folder = ship_folder_of(&f->now, f->conf->path, e->type, e->received_us);
    if (!folder)
        return fail(fault, ERR_BUSY, "the name of a folder is too long");
    (void)snprintf(p.folder, sizeof p.folder, "%s", folder);
    while (i < f->ledger.parts && (f->ledger.part[i].type != p.type || strcmp(f->ledger.part[i].folder, p.folder) != 0))
        i++;
    if (i == f->ledger.parts) {
        if (i == LEDGER_PARTS_MAX)
            return fail(fault, ERR_LIMIT, "events of too many folders at once");
        enum err x = part_open(f, &p, true, fault);
        if (x != OK)
            return x;
        f->ledger.part[f->ledger.parts++] = p;
    }
    struct part *g = &f->ledger.part[i];
    if (g->grown_events++ == 0 || place_order((struct place){ e->record, e->index }, g->grown_last) > 0)
        g->grown_last = (struct place){ e->record, e->index };
    *which = (unsigned char)i;
    return OK;
}

static enum err write_all(int fd, const struct text *t, int64_t at, struct fault *fault)
{
    for (size_t done = 0; done < t->used; ) {
        ssize_t n = pwrite(fd, t->s + done, t->used - done, (off_t)(at + (int64_t)done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return fail(fault, ERR_IO, "cannot write: %s", n < 0 ? strerror(errno) : "nothing was written");
        done += (size_t)n;
    }
    return fdatasync(fd) == 0 ? OK : fail(fault, ERR_IO, "cannot sync: %s", strerror(errno));
}

static enum err compose(struct files *f, size_t n, struct fault *fault)
{
    text_clear(&f->out);
    if (f->conf->format == FORMAT_OTLP) {
        text_add_n(&f->out, "\0\0\0\0", 4);
        enum err e = event_encode(f->picked, n, &f->out, fault);
        if (e != OK)
            return e;
        for (int i = 0; i < 4; i++)
            f->out.s[i] = (char)((f->out.used - 4) >> (24 - 8 * i) & 0xff);
    } else {
        for (size_t i = 0; i < n; i++) {
            ship_json_event(&f->out, f->picked[i]);
            text_add(&f->out, "\n");
        }
    }
    return f->out.cut ? fail(fault, ERR_LIMIT, "a batch becomes more than %d bytes", WRITE_MAX) : OK;
}

static enum err write_part(struct files *f, const struct batch *b, size_t which, struct fault *fault)
{
    struct part *p = &f->ledger.part[which];
    struct stat  st;
    size_t       n = 0;
    if (!p->grown_events)
        return OK;
    if (fstat(p->fd, &st) == 0 && st.st_nlink == 0)      /* what is written to it now, nobody would ever see */
        return fail(fault, ERR_IO, "an unfinished file of %s in %.200s was removed by somebody else, and %" PRId64 " bytes with it; a new one is made", f->conf->name, f->conf->folder, p->size);
    for (size_t i = 0; i < b->count; i++)
        if (f->part_of[i] == which)
            f->picked[n++] = b->event[i];
    enum err e = compose(f, n, fault);
    if (e != OK)
        return e;
    p->grown = (int64_t)f->out.used;
    return write_all(p->fd, &f->out, p->size, fault);
}

static void forget_growth(struct files *f)
{
    for (size_t i = 0; i < f->ledger.parts; i++) {
        f->ledger.part[i].grown = 0;
        f->ledger.part[i].grown_events = 0;
    }
}

/* Data first, then the ledger: only then is it true. */
static enum err write_batch(struct files *f, const struct batch *b, struct fault *fault)
{
    char          path[LEDGER_PATH_MAX];
    struct ledger next;
    size_t        news = 0;
    note_times(f, b);
    for (size_t i = 0; i < b->count; i++) {
        f->part_of[i] = PART_NONE;
        if (written_before(f, b, b->event[i]))
            continue;
        enum err e = part_for(f, b->event[i], &f->part_of[i], fault);
        if (e != OK)
            return e;
        news++;
    }
    if (!news)
        return OK;
    for (size_t i = 0; i < f->ledger.parts; i++) {
        enum err e = write_part(f, b, i, fault);
        if (e != OK)
            return e;
    }
    next = f->ledger;
    for (size_t i = 0; i < next.parts; i++) {
        struct part *p = &next.part[i];
        if (p->grown_events)
            p->last = p->grown_last;
        p->size += p->grown;
        p->grown = 0;
        p->grown_events = 0;
    }
    const struct event *e = b->event[b->count - 1];
    if (!b->again) {
        next.last = (struct place){ e->record, e->index };
        next.last_us = f->load_us;
    }
    ledger_name(f, f->conf->name, path);
    enum err err = ledger_write(path, &next, fault);
    if (err == OK)
        f->ledger = next;
    return err;
}

static enum err finish_full(struct files *f, int64_t now_us, struct fault *fault)
{
    for (size_t i = 0; i < f->ledger.parts; ) {
        struct part *p = &f->ledger.part[i];
        if (!p->opened_us)
            p->opened_us = now_us;
        bool over = p->size >= f->conf->roll_bytes || (now_us && now_us - p->opened_us >= f->conf->roll_after_us) || p->format != f->conf->format || f->ledger.parts > LEDGER_PARTS_MAX - 6;
        enum err e = over ? part_finish(f, i, fault) : OK;
        if (e != OK)
            return e;
        i += !over;
    }
    return OK;
}

static enum sent files_send(void *self, const struct batch *b, struct sent_answer *a)
{
    struct files *f = self;
    struct fault  fault = { 0 };
    enum err      e = make_room(f, b->count) ? OK : fail(&fault, ERR_BUSY, "no memory");
    if (e == OK && !f->ready)
        e = recover(f, &fault);
    if (e == OK)
        e = finish_full(f, 0, &fault);
    bool begun = e == OK;
    if (e == OK)
        e = write_batch(f, b, &fault);
    forget_growth(f);
    if (e == OK)
        return SENT_ALL;
    if (e == ERR_IO)                               /* what is there is looked at anew; folders that are gone are made again */
        f->ready = false;
    (void)snprintf(a->why, sizeof a->why, "%.239s", fault.text);
    return begun && e == ERR_LIMIT ? SENT_TOO_LARGE : begun && e == ERR_INPUT ? SENT_REFUSED : SENT_LATER;
}

/* Trouble here shows again, and is told, when something is to be written. */
static void files_idle(void *self, int64_t now_us)
{
    struct files *f = self;
    struct fault  fault;
    if ((f->ready || recover(f, &fault) == OK) && finish_full(f, now_us, &fault) == ERR_IO)
        f->ready = false;
}

static void files_close(void *self)
{
    struct files *f = self;
    struct fault  fault;
    for (size_t left; (left = f->ledger.parts); )
        if (part_finish(f, left - 1, &fault) != OK && f->ledger.parts == left)      /* the ledger has it: the next one goes on with it */
            part_drop(&f->ledger, left - 1);
    if (f->lock >= 0)
        (void)close(f->lock);
    text_done(&f->out);
    free(f->picked);
    free(f->part_of);
    free(f);
}

static enum err files_replay(void *self, struct fault *fault)
{
    struct files *f = self;
    struct stat   st;
    char          path[LEDGER_PATH_MAX];
    ledger_name(f, f->conf->name, path);
    if (stat(path, &st) != 0)                      /* nothing was written */
        return OK;
    enum err e = f->ready ? OK : recover(f, fault);
    if (e != OK)
        return e;
    f->ledger.last = (struct place){ 0, 0 };
    f->ledger.last_us = 0;
    e = ledger_write(path, &f->ledger, fault);
    if (e == OK && st.st_uid != geteuid() && chown(path, st.st_uid, st.st_gid) != 0)       /* root asks, somebody else writes */
        e = fail(fault, ERR_IO, "cannot give %.300s back to its owner: %s", path, strerror(errno));
    let_go(f);                                     /* close has nothing to finish, and writes no other ledger */
    f->ready = false;                              /* whoever goes on reads it anew */
    return e;
}

static enum err files_open(const struct sink_conf *conf, void **self, struct fault *fault)
{
    struct files *f = calloc(1, sizeof *f);
    if (!f)
        return fail(fault, ERR_LIMIT, "no memory for a sink");
    f->conf = conf;
    f->lock = -1;
    text_init(&f->out, WRITE_MAX);
    *self = f;
    return OK;
}

static void files_check(const struct sink_conf *conf, struct conf_checker *c)
{
    if (strlen(conf->folder) > LEDGER_PATH_MAX - 512)
        conf_refuse(c, "folder", "Use a shorter one.", "the path is too long");
}

const struct sink_kind sink_files = {
    .name = "files", .takes = 1u << EVENT_LOG | 1u << EVENT_POINT | 1u << EVENT_SPAN, .why = "Files on this machine, by type and hour (or as path says): lines of JSON, or OTLP.",
    .open = files_open, .send = files_send, .idle = files_idle, .close = files_close, .replay = files_replay, .check = files_check, .settings = "!folder path format roll.bytes roll.after",
};
