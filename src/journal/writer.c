/*
 * journal/writer.c - the thread that makes groups durable.
 *
 * It takes what has come together, packs each group into a block, writes them behind each other, syncs once, shows them to the
 * consumers and tells those who appended.  Appends go on into new groups meanwhile.
 *
 * After a sync that failed nobody knows what is on the disk and what the system believes to be there: the segment is given up
 * from its last durable block on, and the groups are written into another one.
 */
#include "journal/inside.h"

#include "base/crc32c.h"
#include "base/log.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define ROOM_RETRY_US INT64_C(50000)

/* ---- groups ---- */

struct group *journal_group_new(struct journal *j, size_t bytes)
{
    size_t        standard = (size_t)j->o.commit_bytes * 2, room = bytes > standard ? bytes : standard;
    struct group *g = j->pool;
    if (g && g->room >= room) {
        j->pool = g->next;
        j->pooled--;
    } else {
        g = calloc(1, sizeof *g);
        if (!g || !(g->data = malloc(BLOCK_HEAD + room + SEGMENT_PAGE))) {
            free(g);
            return NULL;
        }
        g->room = room;
    }
    g->next = NULL;
    g->used = g->count = 0;
    g->first = g->events = 0;
    g->refs = 1;
    g->hot = false;
    g->segment = NULL;
    g->since_us = journal_real_us();
    return g;
}

void journal_group_free(struct group *g)
{
    free(g->data);
    free(g->waiters);
    free(g);
}

void journal_group_unref(struct journal *j, struct group *g)
{
    if (--g->refs > 0)
        return;
    if (j->pooled >= POOL_GROUPS || g->room > (size_t)j->o.commit_bytes * 2) {
        journal_group_free(g);
        return;
    }
    g->next = j->pool;
    j->pool = g;
    j->pooled++;
}

static void push_hot(struct journal *j, struct group *g)
{
    g->next = NULL;
    g->hot = true;
    g->refs++;
    if (j->hot_tail)
        j->hot_tail->next = g;
    else
        j->hot = g;
    j->hot_tail = g;
    j->hot_bytes += g->used;
    j->hots++;
    while (j->hot != j->hot_tail && (j->hot_bytes > HOT_BYTES || j->hots > HOT_GROUPS || g->since_us - j->hot->since_us > HOT_US)) {
        struct group *old = j->hot;
        j->hot = old->next;
        j->hot_bytes -= old->used;
        j->hots--;
        old->hot = false;
        journal_group_unref(j, old);
    }
}

/* ---- durable ---- */

static void tell(struct journal *j, struct group *g, enum err result)
{
    for (uint32_t i = 0; i < g->count; i++)
        g->waiters[i].done(g->waiters[i].ctx, result == OK ? g->first + i : 0, result);
    pthread_mutex_lock(&j->lock);
    journal_group_unref(j, g);
    pthread_mutex_unlock(&j->lock);
}

/* Everything from *list up to (not with) end is durable: shown, then told. */
static void publish(struct journal *j, struct group **list, struct group *end)
{
    enum { AT_ONCE = 64 };
    while (*list != end) {
        struct group *g, *next, *told[AT_ONCE];
        size_t        n = 0;
        pthread_mutex_lock(&j->lock);
        for (g = *list; g != end && n < AT_ONCE; g = next) {
            next = g->next;
            journal_segment_note(g->segment, &g->head, g->at);
            j->last_id = j->present = journal_block_last(&g->head);
            j->waiting -= g->used;
            j->stats.records += g->count;
            j->stats.record_bytes += g->used;
            j->stats.groups++;
            push_hot(j, g);
            told[n++] = g;
        }
        *list = g;
        pthread_cond_broadcast(&j->readable);
        pthread_mutex_unlock(&j->lock);
        for (size_t i = 0; i < n; i++)
            tell(j, told[i], OK);
    }
}

static bool sync_current(struct journal *j)
{
    int64_t began = journal_real_us();
    bool    good = j->f.fdatasync(j->f.ctx, j->current->fd) == 0;
    int     e = errno;
    pthread_mutex_lock(&j->lock);
    j->syncs[j->stats.syncs++ % SYNCS_KEPT] = journal_real_us() - began;
    pthread_mutex_unlock(&j->lock);
    errno = e;
    return good;
}

/* No block comes into it any more. What is written here only saves a later start the walk. */
static void leave_segment(struct journal *j, bool broken)
{
    char            seal[BLOCK_ALIGN];
    struct segment *s = j->current;
    journal_segment_seal_write(seal, s);
    if (journal_files_write_all(&j->f, s->fd, seal, sizeof seal, SEGMENT_SEAL_AT) && j->f.fdatasync(j->f.ctx, s->fd) != 0 && !broken)
        log_warn("a full segment of the journal could not be sealed", F("folder", j->folder), F("segment", (int64_t)s->number), F("error", strerror(errno)));
    (void)j->f.close(j->f.ctx, s->fd);
    pthread_mutex_lock(&j->lock);
    s->fd = -1;
    s->sealed = true;
    j->current = NULL;
    pthread_cond_signal(&j->settled);
    pthread_mutex_unlock(&j->lock);
}

/* With the lock, which it lets go meanwhile: one that was ready when the journal was opened has no file open. False: it cannot be opened now. */
static bool open_ready(struct journal *j, struct segment *s)
{
    pthread_mutex_unlock(&j->lock);
    s->fd = s->fd >= 0 ? s->fd : journal_segment_open(j, s, O_RDWR);
    int  e = s->fd < 0 ? errno : 0;
    bool later = journal_files_short(e);
    if (e)
        log_error(later ? "a segment of the journal cannot be opened now" : "a segment of the journal cannot be opened; it is left out", F("folder", j->folder), F("segment", (int64_t)s->number),
                  F("error", strerror(e)));
    pthread_mutex_lock(&j->lock);
    if (e && !later && journal_segments_add(j, s, NULL) == OK) {     /* empty: the keeper finds it passed */
        s->sealed = true;
        memmove(j->ready, j->ready + 1, (size_t)--j->readies * sizeof j->ready[0]);
        pthread_cond_signal(&j->settled);
    }
    return !e;
}

static enum err take_ready(struct journal *j, int64_t began, struct fault *fault)
{
    enum err e = OK;
    pthread_mutex_lock(&j->lock);
    pthread_cond_signal(&j->settled);
    while (e == OK && (j->readies == 0 || !open_ready(j, j->ready[0]))) {
        if (j->readies && journal_real_us() - began > GIVE_UP_US)
            e = fail(fault, ERR_BUSY, "no segment of the journal in %.200s can be opened", j->folder);
        else if ((j->blocked || j->closing) && (j->closing || journal_real_us() - began > GIVE_UP_US))
            e = fail(fault, ERR_BUSY, "the journal has no room: %s", *j->why ? j->why : "it is being closed");
        else
            journal_timed_wait(j, &j->prepared, ROOM_RETRY_US);
    }
    if (e == OK && (e = journal_segments_add(j, j->ready[0], fault)) == OK) {
        j->current = j->ready[0];
        memmove(j->ready, j->ready + 1, (size_t)--j->readies * sizeof j->ready[0]);
    }
    pthread_cond_signal(&j->settled);
    pthread_mutex_unlock(&j->lock);
    return e;
}

/* ---- blocks ---- */

/* The bytes of the block, header and all; at least a page of room is behind them. */
static char *make_block(struct journal *j, struct group *g, int level)
{
    size_t bound = level ? ZSTD_compressBound(g->used) : 0;
    char  *out = g->data;
    g->head = (struct block){ .first = g->first, .count = g->count, .full = (uint32_t)g->used, .stored = (uint32_t)g->used, .first_us = g->first_us, .last_us = g->last_us, .events = g->events };
    if (level && j->scratch_room < bound + BLOCK_HEAD + SEGMENT_PAGE) {
        char *more = realloc(j->scratch, bound + BLOCK_HEAD + SEGMENT_PAGE);
        j->scratch = more ? more : j->scratch;
        j->scratch_room = more ? bound + BLOCK_HEAD + SEGMENT_PAGE : j->scratch_room;
    }
    if (level && j->scratch_room >= bound + BLOCK_HEAD + SEGMENT_PAGE) {
        size_t n = ZSTD_compressCCtx(j->pack, j->scratch + BLOCK_HEAD, bound, g->data + BLOCK_HEAD, g->used, level);
        if (!ZSTD_isError(n) && n < g->used) {
            out = j->scratch;
            g->head.stored = (uint32_t)n;
            g->head.packed = true;
        }
    }
    return out;
}

/* Written up to the end of a page, with zeros: no page need be read first. */
static bool write_block(struct journal *j, struct group *g, char *out, int64_t at)
{
    int64_t end = (at + BLOCK_HEAD + g->head.stored + SEGMENT_PAGE - 1) / SEGMENT_PAGE * SEGMENT_PAGE;
    size_t  used = BLOCK_HEAD + g->head.stored, n = (size_t)((end < j->current->bytes ? end : j->current->bytes) - at);
    g->segment = j->current;
    g->at = at;
    g->head.stamp = j->current->stamp;
    g->head.generation = j->current->generation;
    g->head.durable = j->present;
    g->head.since = j->since;
    journal_block_head_write(out, &g->head);
    memset(out + used, 0, n - used);
    return journal_files_write_all(&j->f, j->current->fd, out, n, at);
}

static void set_write_blocked(struct journal *j, bool blocked)
{
    pthread_mutex_lock(&j->lock);
    if (blocked && !j->write_blocked) {
        (void)text_copy(j->why, sizeof j->why, "disk: no room to write into a segment that was made");
        log_warn("the journal is full", F("folder", j->folder), F("why", j->why));
    }
    j->write_blocked = blocked;
    pthread_mutex_unlock(&j->lock);
}

/* A sync that went well, of a file that a start will find. */
static enum err make_durable(struct journal *j, struct fault *fault)
{
    bool        synced = sync_current(j);
    const char *why = !synced ? strerror(errno) : j->f.nameless(j->f.ctx, j->current->fd) ? "somebody removed it" : NULL;
    return why ? fail(fault, ERR_IO, "cannot sync segment %08x of the journal in %.200s: %s", j->current->number, j->folder, why) : OK;
}

/* One pass over what is not durable yet. OK: all is. ERR_IO: the segment is not to be trusted, try again. Else: no room. */
static enum err pass(struct journal *j, struct group **list, int level, int64_t began, struct fault *fault)
{
    struct group *g = *list;
    int64_t       at = j->current ? j->current->used : 0;
    enum err      e;
    while (g) {
        char *out = make_block(j, g, level);
        g->head.payload_crc = crc32c(0, out + BLOCK_HEAD, g->head.stored);
        if (j->current && j->current->bytes - at < journal_block_size(g->head.stored)) {
            if (g != *list && (e = make_durable(j, fault)) != OK)
                return e;
            publish(j, list, g);
            leave_segment(j, false);
        }
        if (!j->current) {
            if ((e = take_ready(j, began, fault)) != OK)
                return e;
            at = j->current->used;
        }
        if (!write_block(j, g, out, at)) {
            bool full = errno == ENOSPC || errno == EDQUOT;
            (void)fail(fault, full ? ERR_BUSY : ERR_IO, "cannot write segment %08x of the journal in %.200s: %s", j->current->number, j->folder, strerror(errno));
            return full ? ERR_BUSY : ERR_IO;
        }
        at += journal_block_size(g->head.stored);
        g = g->next;
    }
    if ((e = make_durable(j, fault)) != OK)
        return e;
    publish(j, list, NULL);
    return OK;
}

static void commit(struct journal *j, struct group *list, int level)
{
    struct fault why = { 0 };
    int64_t      began = journal_real_us();
    enum err     e;
    int          tries = 0;
    pthread_mutex_lock(&j->lock);
    j->since = j->next_id;
    for (struct group *g = list; g; g = g->next) {
        g->first = j->next_id;
        j->next_id += g->count;
    }
    bool ending = j->closing;
    pthread_mutex_unlock(&j->lock);
    while ((e = pass(j, &list, level, began, &why)) != OK) {
        if (e == ERR_IO) {
            log_error("the journal goes on in another segment", F("folder", j->folder), F("because", why.text));
            if (j->current)
                leave_segment(j, true);
            if (++tries >= TRIES_MAX)
                break;
        } else if (!j->current || ending || journal_real_us() - began > GIVE_UP_US) {
            break;
        } else {
            set_write_blocked(j, true);
            pthread_mutex_lock(&j->lock);
            journal_timed_wait(j, &j->prepared, ROOM_RETRY_US);
            ending = j->closing;
            pthread_mutex_unlock(&j->lock);
        }
    }
    set_write_blocked(j, false);
    if (e != OK)
        log_error("what was appended to the journal could not be made durable; its senders were told", F("folder", j->folder), F("because", why.text));
    for (struct group *g = list, *next; g; g = next) {
        next = g->next;
        pthread_mutex_lock(&j->lock);
        j->waiting -= g->used;
        pthread_mutex_unlock(&j->lock);
        tell(j, g, e);
    }
}

/* With the lock: what is to be written now, at most COMMIT_BYTES_MAX of it; NULL: nothing yet, *wait_us says how long. */
static struct group *collect(struct journal *j, int64_t *wait_us)
{
    *wait_us = -1;
    if (!j->closed && j->open) {
        int64_t age = journal_real_us() - j->open->since_us;
        if (age < j->o.commit_delay_us && !j->closing) {
            *wait_us = j->o.commit_delay_us - age;
            return NULL;
        }
    }
    /* What is open goes along: it would only wait for the same sync. */
    if (j->open) {
        if (j->closed_tail)
            j->closed_tail->next = j->open;
        else
            j->closed = j->open;
        j->closed_tail = j->open;
        j->open = NULL;
    }
    struct group *list = j->closed, *last = list;
    size_t        bytes = last ? last->used : 0;
    while (last && last->next && bytes + last->next->used <= COMMIT_BYTES_MAX) {
        last = last->next;
        bytes += last->used;
    }
    if (last) {
        j->closed = last->next;
        j->closed_tail = j->closed ? j->closed_tail : NULL;
        last->next = NULL;
    }
    return list;
}

void *journal_writer_main(void *journal)
{
    struct journal *j = journal;
    pthread_mutex_lock(&j->lock);
    for (;;) {
        int64_t       wait_us;
        struct group *list = collect(j, &wait_us);
        if (list) {
            int level = j->o.pack;
            pthread_mutex_unlock(&j->lock);
            commit(j, list, level);
            pthread_mutex_lock(&j->lock);
        } else if (j->closing) {
            break;
        } else {
            journal_timed_wait(j, &j->work, wait_us);
        }
    }
    pthread_mutex_unlock(&j->lock);
    return NULL;
}
