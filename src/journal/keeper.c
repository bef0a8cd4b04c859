/*
 * journal/keeper.c - the thread that has the next segments ready, and decides which old ones are used again.
 *
 * A segment is ready when its file has been written through (a new one, with zeros) and its page, with a new generation and a new
 * stamp, is durable.  So the writer's syncs change no metadata, and it waits for the keeper only when there is nothing to be had.
 */
#include "journal/inside.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PIECE = 1024 * 1024, PIECES_A_SYNC = 4, NAMES_TRIED = 100000 };
#define PAUSE_NS   INT64_C(5000000)
#define RETRY_US   INT64_C(200000)

uint64_t journal_passed(const struct journal *j)
{
    uint64_t least = UINT64_MAX;
    for (int i = 0; i < JOURNAL_CONSUMERS_MAX; i++)
        if (j->cursors[i].used && j->cursors[i].committed < least)
            least = j->cursors[i].committed;
    return least;
}

static bool closing(struct journal *j, bool *urgent)
{
    pthread_mutex_lock(&j->lock);
    bool c = j->closing;
    *urgent = j->readies == 0;
    pthread_mutex_unlock(&j->lock);
    return c;
}

/* In pieces, each synced, so that the commits of the writer never stand behind a whole segment. */
static bool write_zeros(struct journal *j, int fd, int64_t bytes)
{
    char *zeros = calloc(1, PIECE);
    bool  good = zeros != NULL, urgent = false;
    int   piece = 0;
    for (int64_t at = 0; good && at < bytes; at += PIECE) {
        good = journal_files_write_all(&j->f, fd, zeros, bytes - at < PIECE ? (size_t)(bytes - at) : PIECE, at);
        if (!good || ++piece % PIECES_A_SYNC)
            continue;
        good = j->f.fdatasync(j->f.ctx, fd) == 0;
        if (good && closing(j, &urgent)) {
            errno = ECANCELED;
            good = false;
        } else if (good && !urgent) {
            (void)nanosleep(&(struct timespec){ 0, PAUSE_NS }, NULL);
        }
    }
    free(zeros);
    return good;
}

enum err journal_meta_write(struct journal *j, uint64_t a, uint64_t b, struct fault *fault)
{
    uint64_t old[SLOT_MORE];
    memcpy(old, j->meta.more, sizeof old);
    pthread_mutex_lock(&j->lock);
    size_t last = j->count;
    while (last > 0 && !j->segments[last - 1]->first)
        last--;
    const struct segment *s = last ? j->segments[last - 1] : NULL;
    j->meta.more[META_GENERATION] = s ? s->generation : 0;
    j->meta.more[META_USED] = s ? (uint64_t)s->used : 0;
    j->meta.more[META_LAST] = s ? s->last : 0;
    pthread_mutex_unlock(&j->lock);
    j->meta.more[META_JUDGED] = j->judged;
    j->meta.more[META_IDENTITY] = j->identity;
    enum err e = journal_slot_write(&j->meta, &j->f, a, b, fault);
    if (e != OK)
        memcpy(j->meta.more, old, sizeof old);
    return e;
}

/* Before the segment goes that meta says the journal ends in: else its end would seem to be missing. */
static void end_moves(struct journal *j, const struct segment *s)
{
    struct fault why = { 0 };
    if (s->generation == j->meta.more[META_GENERATION] && journal_meta_write(j, j->meta.a, j->meta.b, &why) != OK)
        log_fault(LOG_WARN, "where the journal ends could not be written down", &why);
}

/* The page of a new use, and what meta must know of it before it is used. */
static enum err begin_use(struct journal *j, struct segment *s, struct fault *fault)
{
    char page[SEGMENT_PAGE];
    pthread_mutex_lock(&j->lock);
    s->generation = ++j->generation;
    s->floor = j->next_id;
    pthread_mutex_unlock(&j->lock);
    s->stamp = rand_u64(&j->chance);
    s->identity = j->identity;
    s->walked = false;
    s->missing = 0;
    s->cut = 0;
    s->used = SEGMENT_PAGE;
    s->first = s->last = s->blocks = s->events = 0;
    s->first_us = s->last_us = 0;
    s->marks = 0;
    s->sealed = false;
    journal_segment_page_write(page, s, clock_wall_us(j->clock));
    if (!journal_files_write_all(&j->f, s->fd, page, sizeof page, 0) || j->f.fdatasync(j->f.ctx, s->fd) != 0)
        return fail(fault, ERR_IO, "cannot write segment %08x of the journal in %.200s: %s", s->number, j->folder, strerror(errno));
    return journal_meta_write(j, s->floor + ID_MARGIN, s->generation, fault);
}

static enum err out_of_room(struct journal *j, const char *what, const char *path, struct fault *fault)
{
    (void)j;
    return fail(fault, errno == ENOSPC || errno == EDQUOT ? ERR_BUSY : ERR_IO, "cannot %s %.250s: %s", what, path, strerror(errno));
}

/* Under a number that nobody has: a file that is there already, whosever it is, is left alone. */
static enum err make_file(struct journal *j, struct segment *s, char made[PATH_MAX], struct fault *fault)
{
    char name[SEGMENT_NAME];
    s->fd = -1;
    for (int i = 0; i < NAMES_TRIED && s->fd < 0; i++) {
        s->number = ++j->number;
        journal_segment_name(s->number, name);
        memcpy(name + 8, ".new", 5);
        enum err e = journal_path(j, name, made, PATH_MAX, fault);
        if (e != OK)
            return e;
        s->fd = j->f.open(j->f.ctx, made, O_RDWR | O_CREAT | O_EXCL, 0600);
        if (s->fd < 0 && errno != EEXIST)
            break;
    }
    return s->fd >= 0 ? OK : out_of_room(j, "make", made, fault);
}

static enum err name_file(struct journal *j, struct segment *s, const char *made, char path[PATH_MAX], struct fault *fault)
{
    char name[SEGMENT_NAME];
    for (int i = 0; i < NAMES_TRIED; i++, s->number = ++j->number) {
        journal_segment_name(s->number, name);
        enum err e = journal_path(j, name, path, PATH_MAX, fault);
        if (e != OK || j->f.rename(j->f.ctx, made, path) == 0)
            return e;
        if (errno != EEXIST)
            break;
    }
    return out_of_room(j, "rename", made, fault);
}

enum err journal_keeper_make(struct journal *j, bool zeroed, struct segment **out, struct fault *fault)
{
    char            path[PATH_MAX], made[PATH_MAX];
    struct segment *s = calloc(1, sizeof *s);
    enum err        e;
    if (!s)
        return fail(fault, ERR_LIMIT, "no memory for a segment");
    s->bytes = j->segment_bytes;
    if ((e = make_file(j, s, made, fault)) != OK) {
        free(s);
        return e;
    }
    const char *at = made;
    if (j->f.allocate(j->f.ctx, s->fd, (off_t)s->bytes) != 0 || (zeroed && !write_zeros(j, s->fd, s->bytes))) {
        e = out_of_room(j, "fill", made, fault);
    } else if ((e = begin_use(j, s, fault)) != OK) {
        ;
    } else if ((e = name_file(j, s, made, path, fault)) != OK) {
        ;
    } else {
        at = path;
        if (j->f.fsync_folder(j->f.ctx, j->folder) != 0)
            e = out_of_room(j, "sync the folder of", path, fault);
    }
    if (e == OK) {
        *out = s;
        return OK;
    }
    (void)j->f.close(j->f.ctx, s->fd);
    (void)j->f.unlink(j->f.ctx, at);
    free(s);
    return e;
}

static enum err remove_segment(struct journal *j, struct segment *s, struct fault *fault)
{
    char     name[SEGMENT_NAME], path[PATH_MAX];
    enum err e;
    journal_segment_name(s->number, name);
    if (s->fd >= 0)
        (void)j->f.close(j->f.ctx, s->fd);
    e = journal_path(j, name, path, sizeof path, fault);
    if (e == OK && j->f.unlink(j->f.ctx, path) != 0 && errno != ENOENT)
        e = fail(fault, ERR_IO, "cannot remove %.300s: %s", path, strerror(errno));
    free(s);
    return e;
}

static enum err use_again(struct journal *j, struct segment *s, struct segment **out, struct fault *fault)
{
    char     name[SEGMENT_NAME], path[PATH_MAX];
    enum err e;
    journal_segment_name(s->number, name);
    if ((e = journal_path(j, name, path, sizeof path, fault)) == OK) {
        s->fd = j->f.open(j->f.ctx, path, O_RDWR, 0);
        e = s->fd >= 0 ? begin_use(j, s, fault) : fail(fault, ERR_IO, "cannot open %.300s: %s", path, strerror(errno));
    }
    if (e == OK)
        *out = s;
    else
        (void)remove_segment(j, s, NULL);     /* it held nothing any more */
    return e;
}

/* ---- what to do next ---- */

enum deed { NOTHING, MAKE, USE_AGAIN, REMOVE, DROP, BLOCKED_SIZE };

/* With the lock. */
static enum deed choose(struct journal *j, bool disk_full, struct segment **s)
{
    struct segment *old = j->count && j->segments[0] != j->current && j->segments[0]->pins == 0 ? j->segments[0] : NULL;
    int64_t         now = clock_wall_us(j->clock);
    size_t          total = j->count + (size_t)j->readies, max = (size_t)(j->o.size_max / j->segment_bytes);
    bool            passed = old && old->last <= journal_passed(j);
    bool            aged = passed && (old->first == 0 || old->last_us + j->o.keep_us <= now || j->o.keep_us == 0);
    *s = old;
    if (total > max && passed)
        return REMOVE;
    if (j->readies >= READY_SEGMENTS)
        return NOTHING;
    if (aged)
        return old->bytes == j->segment_bytes ? USE_AGAIN : REMOVE;
    if (total < max && !disk_full)
        return MAKE;
    if (passed)
        return old->bytes == j->segment_bytes ? USE_AGAIN : REMOVE;
    /* Nothing is thrown away while there is a segment left to write in. */
    if (old && j->o.when_full == JOURNAL_DROP_OLDEST && j->readies == 0)
        return DROP;
    return j->readies == 0 ? BLOCKED_SIZE : NOTHING;
}

static void count_dropped(struct journal *j, const struct segment *s, uint64_t passed)
{
    struct segment_scan scan = { .files = &j->f, .fd = -1, .stamp = s->stamp, .at = SEGMENT_PAGE, .end = s->used, .past_errors = true };
    struct block        b;
    char                name[SEGMENT_NAME], path[PATH_MAX];
    int64_t             at, size;
    uint64_t            events = s->first > passed ? s->events : 0;
    enum segment_found  found;
    journal_segment_name(s->number, name);
    if (s->first <= passed && journal_path(j, name, path, sizeof path, NULL) == OK && (scan.fd = j->f.open(j->f.ctx, path, O_RDONLY, 0)) >= 0) {
        while ((found = journal_segment_scan_next(&scan, &b, &at, &size)) == FOUND_BLOCK || found == FOUND_GAP)
            events += found == FOUND_BLOCK && journal_block_last(&b) > passed ? b.events : 0;
        journal_segment_scan_done(&scan);
        (void)j->f.close(j->f.ctx, scan.fd);
    }
    pthread_mutex_lock(&j->lock);
    j->stats.dropped_events += events;
    pthread_mutex_unlock(&j->lock);
    log_warn("the journal is full: its oldest segment was dropped unread, as configured", F("folder", j->folder), F("from", (int64_t)s->first), F("to", (int64_t)s->last),
             F("events", (int64_t)events));
}

static bool disk_is_full(struct journal *j, struct fault *why)
{
    int64_t room = j->f.room(j->f.ctx, j->folder), segment = j->segment_bytes;
    pthread_mutex_lock(&j->lock);
    int64_t reserve = j->o.reserve_bytes;
    pthread_mutex_unlock(&j->lock);
    if (room < 0 || room - segment >= reserve)
        return false;
    (void)fail(why, ERR_BUSY, "the disk has %lld MiB left: a segment of %lld MiB would touch the reserve of %lld MiB", (long long)(room >> 20), (long long)(segment >> 20),
               (long long)(reserve >> 20));
    return true;
}

/* With the lock, which is let go meanwhile. False: there is nothing to do, or it could not be done. */
static bool one_deed(struct journal *j)
{
    struct segment *s, *made = NULL;
    struct fault    why = { 0 };
    bool            full = false;
    enum err        e = OK;
    enum deed       d = choose(j, false, &s);
    if (d == MAKE) {
        pthread_mutex_unlock(&j->lock);
        full = disk_is_full(j, &why);
        pthread_mutex_lock(&j->lock);
        d = choose(j, full, &s);
    }
    uint64_t passed = journal_passed(j);
    if (d == USE_AGAIN || d == REMOVE || d == DROP)
        memmove(j->segments, j->segments + 1, --j->count * sizeof *j->segments);
    if (d == NOTHING && full && j->readies == 0)
        d = BLOCKED_SIZE;
    if (d == NOTHING)
        return false;
    pthread_mutex_unlock(&j->lock);
    bool usable = s && s->bytes == j->segment_bytes;
    if (d == USE_AGAIN || d == REMOVE || d == DROP)
        end_moves(j, s);
    if (d == DROP)
        count_dropped(j, s, passed);
    switch (d) {
    case MAKE:      e = journal_keeper_make(j, true, &made, &why); break;
    case DROP:
    case USE_AGAIN: e = usable ? use_again(j, s, &made, &why) : remove_segment(j, s, &why); break;
    case REMOVE:    e = remove_segment(j, s, &why); break;
    default:        break;
    }
    pthread_mutex_lock(&j->lock);
    if (made) {
        j->ready[j->readies++] = made;
        if (j->blocked)
            log_info("the journal has room again", F("folder", j->folder));
        j->blocked = FULL_NOT;
        *j->why = '\0';
        pthread_cond_broadcast(&j->prepared);
    } else if (j->readies == 0 && (d == BLOCKED_SIZE || e != OK)) {
        bool disk = full || e != OK, was = j->blocked != FULL_NOT;
        j->blocked = disk ? FULL_DISK : FULL_SIZE;
        if (disk)
            (void)snprintf(j->why, sizeof j->why, "disk: %.110s", why.text);
        else
            (void)snprintf(j->why, sizeof j->why, "size: all %lld MiB hold what some consumer has not committed", (long long)(j->o.size_max >> 20));
        if (!was && !j->closing)
            log_warn("the journal is full", F("folder", j->folder), F("why", j->why));
        pthread_cond_broadcast(&j->prepared);
    }
    return made != NULL || (d == REMOVE && e == OK);
}

void *journal_keeper_main(void *journal)
{
    struct journal *j = journal;
    pthread_mutex_lock(&j->lock);
    while (!j->closing)
        if (!one_deed(j) && !j->closing)
            journal_timed_wait(j, &j->settled, RETRY_US);
    pthread_mutex_unlock(&j->lock);
    return NULL;
}
