/* receive/follow_file.c - one file: who it is, reading it on, and noticing that it began anew. */
#include "receive/follow_inside.h"

#include "base/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>
#include <xxhash.h>

enum { TAIL = 64, COPY_WAIT_US = 10 * 1000 * 1000, WATCHED = IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_MODIFY | IN_DELETE_SELF | IN_MOVE_SELF };

/* ---- who it is ---- */

/* What cannot be read says nothing: it is neither the file that it was nor another one. */
enum holds { HOLDS_NOT, HOLDS, HOLDS_UNKNOWN };

/* XXH3 of n bytes at offset. HOLDS_NOT: they are not there; HOLDS_UNKNOWN: errno. */
static enum holds print_of(int fd, int64_t offset, uint32_t n, uint64_t *print)
{
    char    bytes[FOLLOW_PRINT];
    ssize_t got = pread(fd, bytes, n, offset);
    *print = got == (ssize_t)n ? XXH3_64bits(bytes, n) : 0;
    return got < 0 ? HOLDS_UNKNOWN : got == (ssize_t)n ? HOLDS : HOLDS_NOT;
}

static enum holds print_holds(int fd, const struct follow_life *life)
{
    uint64_t   print;
    enum holds there = print_of(fd, 0, life->print_n, &print);
    return there == HOLDS && life->print_n && print != life->print ? HOLDS_NOT : there;
}

static void print_grow(struct followed *x, int64_t size)
{
    uint32_t n = size < FOLLOW_PRINT ? (uint32_t)size : FOLLOW_PRINT;
    uint64_t print;
    if (n > x->now.print_n && print_of(x->fd, 0, n, &print) == HOLDS) {
        x->now.print = print;
        x->now.print_n = n;
    }
}

static enum holds tail_holds(int fd, const struct follow_life *life)
{
    uint64_t   tail;
    enum holds there = print_of(fd, life->at - life->tail_n, life->tail_n, &tail);
    return there == HOLDS && life->tail_n && tail != life->tail ? HOLDS_NOT : there;
}

/* ---- is it a copy ---- */

/*
 * copytruncate makes a file that is named after ours (app.log.1, app.log-20260101), begins as ours did and goes on behind what we have read of it; then
 * ours is truncated.  Only all of that together makes a copy: another file with the same lines has its own.
 */
static bool named_after(const struct followed *x, const struct followed *original)
{
    size_t n = strlen(original->base);
    return strncmp(x->base, original->base, n) == 0 && x->base[n];
}

static bool copy_of(int fd, int64_t size, const struct follow_life *life)
{
    return life->print_n && life->at > 0 && size >= life->at && life->tail_n && print_holds(fd, life) == HOLDS && tail_holds(fd, life) == HOLDS;
}

/* As far as the new one goes already. */
static bool begins_alike(int a, int b, int64_t size)
{
    char   of_a[FOLLOW_PRINT], of_b[FOLLOW_PRINT];
    size_t n = size < FOLLOW_PRINT ? (size_t)size : FOLLOW_PRINT;
    return pread(a, of_a, n, 0) == (ssize_t)n && pread(b, of_b, n, 0) == (ssize_t)n && memcmp(of_a, of_b, n) == 0;
}

/* Whether or not we have looked at it since. */
static bool truncated(struct follow *f, struct followed *o)
{
    struct stat st;
    return (o->fd >= 0 || followed_wake(f, o)) && fstat(o->fd, &st) == 0 && (st.st_size < o->now.at || print_holds(o->fd, &o->now) == HOLDS_NOT);
}

static const struct follow_life *original_of(struct follow *f, const struct followed *x, int64_t size, bool *perhaps)
{
    *perhaps = false;
    for (struct followed *o = f->files; o; o = o->next) {
        if (o->rule != x->rule || (o->dev == x->dev && o->ino == x->ino) || !named_after(x, o))
            continue;
        if (copy_of(x->fd, size, &o->before))
            return &o->before;
        if (o->now.at <= 0)
            continue;
        bool cut = truncated(f, o);
        if (cut && copy_of(x->fd, size, &o->now))
            return &o->now;
        *perhaps |= !cut && o->fd >= 0 && (size >= o->now.at ? copy_of(x->fd, size, &o->now) : begins_alike(x->fd, o->fd, size));
    }
    return NULL;
}

/* A copy in the making is left alone for a while: what it is shows when its original is truncated. */
static bool copy_waits(struct follow *f, const struct followed *x, bool perhaps, int64_t now_us)
{
    int64_t             most = x->rule->linger_us < COPY_WAIT_US ? x->rule->linger_us : COPY_WAIT_US;
    struct follow_copy *mine = NULL, *free_one = NULL;
    for (struct follow_copy *c = f->copies; c < f->copies + FOLLOW_COPIES_MAX; c++)
        if (c->since_us && c->dev == x->dev && c->ino == x->ino)
            mine = c;
        else if (!c->since_us || now_us - c->since_us > 2 * COPY_WAIT_US)
            free_one = c;
    if (!mine && perhaps && free_one) {
        mine = free_one;
        *mine = (struct follow_copy){ x->dev, x->ino, now_us ? now_us : 1 };
    }
    if (mine && perhaps && now_us - mine->since_us < most)
        return true;
    if (mine)
        *mine = (struct follow_copy){ 0 };
    return false;
}

static bool same_folder(const char *a, const char *b)
{
    const char *end = strrchr(a, '/');
    size_t      n = end ? (size_t)(end - a) + 1 : 0;
    return strncmp(a, b, n) == 0 && !strchr(b + n, '/');
}

static enum holds seen_holds(const struct followed *x, const struct follow_seen *s, int64_t size)
{
    struct follow_life was = { .print = s->print, .print_n = s->print_n };
    return s->offset <= size && (s->print_n > 0 || s->offset == 0) ? print_holds(x->fd, &was) : HOLDS_NOT;
}

/* What was stored of this file. A device may have another number since, when it was found or mounted in another order: then folder, inode and beginning tell. */
static struct follow_seen *seen_of(struct follow *f, const struct followed *x, int64_t size)
{
    struct follow_seen *moved = NULL;
    for (size_t i = 0; i < f->old.seen_n; i++) {
        struct follow_seen *s = &f->old.seen[i];
        if (s->taken || s->ino != x->ino)
            continue;
        if (s->dev == x->dev)
            return s;
        if (!moved && s->print_n > 0 && same_folder(s->path, x->path) && seen_holds(x, s, size) != HOLDS_NOT)
            moved = s;
    }
    return moved;
}

/* Where a file begins that was just opened. False: that is not known yet; or no path of ours names it, and it is another one than it was. */
static bool begin_at(struct follow *f, struct followed *x, int64_t size, int64_t now_us)
{
    bool                perhaps;
    struct follow_seen *s = seen_of(f, x, size);
    if (s) {
        enum holds holds = seen_holds(x, s, size);
        if (holds == HOLDS_UNKNOWN) {
            batcher_trouble(&f->batcher, "%s cannot be read: %s", x->path, strerror(errno));
            return false;
        }
        s->taken = true;
        if (holds == HOLDS)
            x->now = (struct follow_life){ .print = s->print, .print_n = s->print_n, .at = s->offset, .durable = s->offset };
        else
            f->dirty = true;      /* the inode is another file's now, or it was truncated: from its start */
        return holds == HOLDS || x->named;
    }
    f->dirty = true;
    if (x->named && !x->rule->begun && x->rule->from == FILES_FROM_END) {
        x->now.at = x->now.durable = size;
        return true;
    }
    const struct follow_life *original = original_of(f, x, size, &perhaps);
    if (copy_waits(f, x, perhaps && !original, now_us)) {
        f->search_soon = true;
        return false;
    }
    if (original) {
        x->now.at = original->at;
        x->now.durable = original->durable;
    }
    return true;
}

static void watch(struct follow *f, struct followed *x)
{
    char folder[PATH_MAX];
    x->wd = -1;
    if (f->inotify < 0)
        return;
    (void)text_copy(folder, sizeof folder, x->real);
    x->wd = inotify_add_watch(f->inotify, dirname(folder), WATCHED);
    if (x->wd < 0)
        f->blind = true;
}

static struct followed *untellable(struct follow *f, struct followed *x, const char *path, int error)
{
    if (error != ENOENT)
        batcher_trouble(&f->batcher, "%s cannot be followed: %s", path, strerror(error));
    followed_free(x);
    return NULL;
}

struct followed *followed_open(struct follow *f, struct follow_rule *rule, const char *path, bool named, int64_t now_us)
{
    struct stat      st;
    struct followed *x = calloc(1, sizeof *x);
    if (!x)
        return untellable(f, NULL, path, ENOMEM);
    x->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (x->fd < 0 || fstat(x->fd, &st) != 0)
        return untellable(f, x, path, errno);
    if (!S_ISREG(st.st_mode)) {
        followed_free(x);
        return NULL;
    }
    x->path = strdup(path);
    x->real = realpath(path, NULL);
    if (!x->real)
        x->real = strdup(path);
    if (!x->path || !x->real) {
        (void)close(x->fd);
        x->fd = -1;
        return untellable(f, x, path, ENOMEM);
    }
    char *slash = strrchr(x->real, '/');
    x->base = slash ? slash + 1 : x->real;
    x->rule = rule;
    x->dev = st.st_dev;
    x->ino = st.st_ino;
    x->named = x->met = named;
    x->look = true;
    x->grown_us = x->unnamed_us = now_us;
    x->size = -1;
    if (!begin_at(f, x, st.st_size, now_us)) {
        followed_free(x);
        return NULL;
    }
    x->marked = x->now.at;
    print_grow(x, st.st_size);
    watch(f, x);
    return x;
}

void followed_free(struct followed *x)
{
    if (!x)
        return;
    if (x->fd >= 0)
        (void)close(x->fd);
    free(x->path);
    free(x->real);
    free(x);
}

bool followed_elsewhere(const char *path, uint64_t dev, uint64_t ino, char *out, size_t size)
{
    char           folder[PATH_MAX];
    struct stat    st;
    struct dirent *d;
    bool           found = false;
    (void)text_copy(folder, sizeof folder, path);
    const char *name = dirname(folder);
    DIR        *list = opendir(name);
    while (list && !found && (d = readdir(list)))
        if (d->d_ino == ino && (size_t)snprintf(out, size, "%s/%s", name, d->d_name) < size)
            found = stat(out, &st) == 0 && st.st_dev == dev && st.st_ino == ino && S_ISREG(st.st_mode);
    if (list)
        (void)closedir(list);
    return found;
}

/* ---- asleep ---- */

void followed_sleep(struct follow *f, struct followed *x)
{
    (void)close(x->fd);
    x->fd = -1;
    f->open_n--;
}

bool followed_wake(struct follow *f, struct followed *x)
{
    char        elsewhere[PATH_MAX];
    struct stat st;
    const char *path = x->path;
    errno = 0;
    if (stat(path, &st) != 0 || st.st_dev != x->dev || st.st_ino != x->ino) {
        if (!followed_elsewhere(path, x->dev, x->ino, elsewhere, sizeof elsewhere))
            return false;
        path = elsewhere;
    }
    x->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    /* Under another name it must begin as ours did: the inode of a file that was deleted is given to the next one, whosever that is. */
    if (x->fd >= 0 && fstat(x->fd, &st) == 0 && st.st_dev == x->dev && st.st_ino == x->ino && (path == x->path || print_holds(x->fd, &x->now) != HOLDS_NOT)) {
        f->open_n++;
        return true;
    }
    if (x->fd >= 0) {
        (void)close(x->fd);
        errno = ENOENT;
    }
    x->fd = -1;
    return false;
}

/* ---- reading on ---- */

/* It was truncated: another life begins. What is on its way of the old one does not count for the new one. */
static void begin_anew(struct follow *f, struct followed *x)
{
    (void)pthread_mutex_lock(&f->lock);
    if (x->now.durable != x->marked) {
        x->owes = x->generation + 1;
        x->owed = x->marked;
    }
    x->before = x->now;
    x->now = (struct follow_life){ 0 };
    x->generation++;
    x->marked = 0;
    x->size = -1;
    x->calm = false;
    f->truncated++;
    f->dirty = true;
    (void)pthread_mutex_unlock(&f->lock);
}

/* False: no memory; it is tried again. */
static bool take(struct follow *f, struct followed *x, const struct lines_found *found, int64_t at, int64_t now_us)
{
    struct attr item[] = {
        { SLICE("log.file.path"), { .kind = VALUE_TEXT, .as.text = lines_utf8(slice_of(x->path), &f->scratch) } },
        { SLICE("log.file.offset"), { .kind = VALUE_INT, .as.integer = at } },
    };
    struct text       path = f->scratch;      /* a path that is not UTF-8 lies there */
    struct log_event  log = { .observed_ns = clock_wall_us(&clock_real) * 1000, .body = { .kind = VALUE_TEXT } };
    struct attrs      attrs = { item, 2 };
    struct batch_mark mark = { x, x->generation, at + (int64_t)found->used };
    bool              other = item[0].value.as.text.s != x->path;
    if (other)
        text_init(&f->scratch, f->scratch.max);
    log.body.as.text = lines_utf8(found->text, &f->scratch);
    bool kept = lane_add(&x->rule->lane, &x->rule->origin, &log, &attrs, &mark, NULL, now_us);
    if (other) {
        text_done(&f->scratch);
        f->scratch = path;
    }
    if (kept)
        x->marked = mark.offset;
    return kept;
}

/* ---- what was left empty ---- */

/*
 * A writer that does not append goes on where it was after its file was truncated, and leaves NULs in front.  They are no text.  NULs up to the
 * end may be room that was taken in advance, and still be written.
 */
static bool begins_empty(const struct followed *x)
{
    char first, last;
    return x->now.at == 0 || (pread(x->fd, &first, 1, 0) == 1 && first == '\0' && pread(x->fd, &last, 1, x->now.at - 1) == 1 && last == '\0');
}

static void pass(struct follow *f, struct followed *x, int64_t to)
{
    (void)pthread_mutex_lock(&f->lock);
    if (x->now.durable == x->marked)
        x->now.durable = x->marked = to;
    x->now.at = to;
    x->now.tail_n = 0;
    f->dirty = true;
    (void)pthread_mutex_unlock(&f->lock);
}

/* The chunk that is read next, without NULs in front of the first text. Below 0: it cannot be read. */
static ssize_t chunk_read(struct follow *f, struct followed *x, int64_t size, bool over)
{
    ssize_t n = pread(x->fd, f->chunk, FOLLOW_CHUNK, x->now.at);
    if (n <= 0 || *f->chunk != '\0' || !begins_empty(x))
        return n;
    int64_t data = lseek(x->fd, x->now.at, SEEK_DATA), from = x->now.at;
    if (data < 0 && errno == ENXIO && !over)
        return 0;
    if (data > from && data < size) {
        from = data;
        n = pread(x->fd, f->chunk, FOLLOW_CHUNK, from);
    }
    ssize_t nuls = 0;
    while (nuls < n && f->chunk[nuls] == '\0')
        nuls++;
    if (n < 0 || (nuls == n && from + n >= size && !over))
        return n < 0 ? n : 0;
    pass(f, x, from + nuls);
    memmove(f->chunk, f->chunk + nuls, (size_t)(n - nuls));
    return n - nuls;
}

static void tail_keep(struct followed *x, const char *chunk, int64_t begin)
{
    int64_t n = x->now.at - begin;
    if (n <= 0)
        return;
    x->now.tail_n = n < TAIL ? (uint32_t)n : TAIL;
    x->now.tail = XXH3_64bits(chunk + n - x->now.tail_n, x->now.tail_n);
}

/* What of the chunk is complete. */
static void cut(struct follow *f, struct followed *x, struct slice in, enum lines_flush flush, int64_t now_us)
{
    struct lines_found found;
    int64_t            begin = x->now.at, at = begin;
    uint64_t           split = 0;
    const char        *chunk = in.s;
    while (lines_next(&x->rule->lines, in, flush, &found)) {
        if (found.text.n && !take(f, x, &found, at, now_us)) {
            x->look = true;
            x->size = -1;
            break;
        }
        split += found.split;
        at += (int64_t)found.used;
        in = (struct slice){ in.s + found.used, in.n - found.used };
    }
    (void)pthread_mutex_lock(&f->lock);
    if (x->now.durable == x->marked && x->marked != at) {      /* only empty lines: nothing of it is on its way */
        x->now.durable = x->marked = at;
        f->dirty = true;
    }
    x->now.at = at;
    f->split += split;
    (void)pthread_mutex_unlock(&f->lock);
    tail_keep(x, chunk, begin);
}

/* It is tried again when folders and sizes are looked at the next time. */
static void unreadable(struct follow *f, struct followed *x)
{
    batcher_trouble(&f->batcher, "%s cannot be read: %s", x->path, strerror(errno));
    x->size = -1;
}

void followed_read(struct follow *f, struct followed *x, int64_t now_us)
{
    struct stat st;
    x->look = false;
    if (x->fd < 0 && !followed_wake(f, x)) {
        x->look = errno == EMFILE || errno == ENFILE || errno == ENOMEM;      /* it is there, and its turn comes */
        x->ended = !x->named && !x->look;
        return;
    }
    if (fstat(x->fd, &st) != 0)
        return;
    /* Each time, since it may have been written anew to the same size. The end of one that grew says nothing: there are writers that go back over it. */
    enum holds holds = st.st_size < x->now.at ? HOLDS_NOT : print_holds(x->fd, &x->now);
    if (holds == HOLDS && st.st_size == x->size)
        holds = tail_holds(x->fd, &x->now);
    if (holds == HOLDS_UNKNOWN) {
        unreadable(f, x);
        return;
    }
    if (holds == HOLDS_NOT)
        begin_anew(f, x);
    if (st.st_size != x->size)
        x->grown_us = now_us;
    bool quiet = now_us - x->grown_us >= x->rule->group_us;
    bool over = !x->named && now_us - (x->grown_us > x->unnamed_us ? x->grown_us : x->unnamed_us) >= x->rule->linger_us;
    bool fresh = st.st_size != x->size;
    x->calm = quiet;
    x->size = st.st_size;
    x->changed_ns = st.st_mtim.tv_sec * INT64_C(1000000000) + st.st_mtim.tv_nsec;
    print_grow(x, st.st_size);
    if (st.st_size > x->now.at && (fresh || quiet || over)) {
        int64_t before = x->now.at;
        ssize_t n = chunk_read(f, x, st.st_size, over);
        if (n < 0) {
            unreadable(f, x);
            return;
        }
        bool all = x->now.at + n >= st.st_size;      /* what was added since is seen the next time */
        cut(f, x, (struct slice){ f->chunk, (size_t)n }, !all ? LINES_MORE : over ? LINES_END : quiet && (x->rule->has_start || x->rule->lines.indented) ? LINES_QUIET : LINES_MORE, now_us);
        if (!all && x->now.at > before) {
            x->look = true;
            x->size = -1;      /* there is more, whether it grows or not */
        }
    }
    x->ended = over && x->now.at >= st.st_size && !x->look;
}
