/*
 * journal/reader.c - from an id to the records behind it.
 *
 * Whoever keeps up reads the groups that the writer has just made durable, out of memory.  The others read a block at a time,
 * check it once, unpack it once; records are slices into it.  Blocks before the one that is looked for are passed by their
 * headers alone.  What cannot be read is put aside and skipped.
 */
#include "journal/inside.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { ERRORS_MAX = 5 };        /* reads that failed before the place is taken for damaged */

void journal_reader_init(struct reader *r, struct journal *j, uint64_t next)
{
    *r = (struct reader){ .j = j, .next = next ? next : 1, .scan = { .files = &j->f, .fd = -1, .payloads = true } };
}

static void let_go(struct reader *r)
{
    r->payload = NULL;
    if (r->pin) {
        pthread_mutex_lock(&r->j->lock);
        journal_group_unref(r->j, r->pin);
        pthread_mutex_unlock(&r->j->lock);
        r->pin = NULL;
    }
}

static void close_file(struct reader *r)
{
    if (r->scan.fd >= 0)
        (void)r->j->f.close(r->j->f.ctx, r->scan.fd);
    r->scan.fd = -1;
    r->scan.window = 0;
    r->generation = 0;
}

void journal_reader_done(struct reader *r)
{
    let_go(r);
    close_file(r);
    journal_segment_scan_done(&r->scan);
    ZSTD_freeDCtx(r->unpack);
    free(r->full);
}

void journal_reader_seek(struct reader *r, uint64_t next)
{
    if (next >= r->next) {            /* the block at hand may hold it, or the file that is open */
        r->ahead = r->ahead || next > r->next;
        r->next = next;
        return;
    }
    let_go(r);
    close_file(r);
    r->next = next ? next : 1;
}

static void take_block(struct reader *r, const char *payload, size_t n, uint64_t first, uint64_t last)
{
    r->payload = payload;
    r->n = n;
    r->at = 0;
    r->id = first;
    r->last = last;
}

/* With the lock: the group in memory that holds next, if what is in memory reaches back so far. */
static bool take_hot(struct reader *r)
{
    struct journal *j = r->j;
    struct group   *g = r->pin && r->pin->hot ? r->pin : j->hot;
    if (!j->hot || r->next < j->hot->first)
        return false;
    while (g && g->first + g->count - 1 < r->next)
        g = g->next;
    if (!g)
        return false;
    g->refs++;
    if (r->pin)
        journal_group_unref(j, r->pin);
    r->pin = g;
    take_block(r, g->data + BLOCK_HEAD, g->used, g->first, g->first + g->count - 1);
    return true;
}

/* With the lock: the first segment that reaches as far as next. */
static struct segment *segment_of(struct journal *j, uint64_t next)
{
    for (size_t i = 0; i < j->count; i++)
        if (j->segments[i]->first && j->segments[i]->last >= next)
            return j->segments[i];
    return NULL;
}

static enum err open_file(struct reader *r, const struct segment *s, int64_t at, struct fault *fault)
{
    char     name[SEGMENT_NAME], path[PATH_MAX];
    enum err e;
    if (r->generation == s->generation && r->number == s->number) {
        if (r->ahead) {
            r->scan.at = at > r->scan.at ? at : r->scan.at;
            r->scan.payloads = r->ahead = false;
        }
        return OK;
    }
    close_file(r);
    journal_segment_name(s->number, name);
    if ((e = journal_path(r->j, name, path, sizeof path, fault)) != OK)
        return e;
    r->scan.fd = r->j->f.open(r->j->f.ctx, path, O_RDONLY, 0);
    if (r->scan.fd < 0 && errno == ENOENT)
        return ERR_MISSING;
    if (r->scan.fd < 0)
        return fail(fault, ERR_IO, "cannot open %.300s: %s", path, strerror(errno));
    r->generation = s->generation;
    r->number = s->number;
    r->scan.stamp = s->stamp;
    r->scan.at = at;
    r->scan.payloads = r->scan.past_errors = r->ahead = false;
    return OK;
}

/* False: no memory, or the bytes do not unpack. */
static bool unpack(struct reader *r, const struct block *b)
{
    if (!b->packed) {
        take_block(r, r->scan.payload, b->stored, b->first, journal_block_last(b));
        return true;
    }
    if (r->full_room < b->full) {
        char *more = realloc(r->full, b->full);
        if (!more)
            return false;
        r->full = more;
        r->full_room = b->full;
    }
    if (!r->unpack && !(r->unpack = ZSTD_createDCtx()))
        return false;
    size_t n = ZSTD_decompressDCtx(r->unpack, r->full, r->full_room, r->scan.payload, b->stored);
    if (ZSTD_isError(n) || n != b->full)
        return false;
    take_block(r, r->full, n, b->first, journal_block_last(b));
    return true;
}

/* The segment is pinned. OK: a block is at hand. ERR_MISSING: no more in this segment. */
static enum err from_segment(struct reader *r, const struct segment *s, int64_t end, struct fault *fault)
{
    struct block b;
    int64_t      at, size;
    r->scan.end = end;
    for (;;) {
        switch (journal_segment_scan_next(&r->scan, &b, &at, &size)) {
        case FOUND_BLOCK:
            if (journal_block_last(&b) < r->next)
                break;
            if (!r->scan.payloads) {                 /* now all of it, to be checked */
                r->scan.payloads = true;
                r->scan.at = at;
                break;
            }
            r->errors = 0;
            if (unpack(r, &b))
                return OK;
            (void)journal_quarantine_add(r->j, s, r->scan.fd, at, size);
            break;
        case FOUND_GAP:
            (void)journal_quarantine_add(r->j, s, r->scan.fd, at, size);
            break;
        case FOUND_END:
            if (at < end)
                (void)journal_quarantine_add(r->j, s, r->scan.fd, at, end - at);
            r->scan.at = end;
            return ERR_MISSING;
        case FOUND_ERROR:
            r->scan.past_errors = ++r->errors >= ERRORS_MAX && errno == EIO;
            return fail(fault, ERR_IO, "cannot read segment %08x of the journal in %.200s at %lld: %s", s->number, r->j->folder, (long long)at, strerror(errno));
        }
    }
}

static enum err next_block(struct reader *r, struct fault *fault)
{
    struct journal *j = r->j;
    for (;;) {
        pthread_mutex_lock(&j->lock);
        bool            hot = r->next <= j->last_id && take_hot(r);
        struct segment *s = !hot && r->next <= j->last_id ? segment_of(j, r->next) : NULL;
        if (!hot && !s && r->next <= j->last_id && !j->looking)
            r->next = j->last_id + 1;        /* none of them is here any more; whoever waits is not to believe that there is something */
        int64_t         end = s ? s->used : 0, at = s ? journal_segment_near(s, r->next) : 0;
        if (s) {
            s->pins++;
            if (r->pin)
                journal_group_unref(j, r->pin);
            r->pin = NULL;
        }
        pthread_mutex_unlock(&j->lock);
        if (hot)
            return OK;
        if (!s)
            return ERR_MISSING;
        enum err e = open_file(r, s, at, fault);
        bool     lost = e == ERR_MISSING;
        if (lost && !j->looking)
            log_warn("a segment of the journal is gone; going on behind it", F("folder", j->folder), F("segment", (int64_t)s->number), F("to", (int64_t)s->last));
        if (e == OK)
            e = from_segment(r, s, end, fault);
        pthread_mutex_lock(&j->lock);
        s->pins--;
        if (e == ERR_MISSING && s->last >= r->next)
            r->next = s->last + 1;
        pthread_mutex_unlock(&j->lock);
        if (e != ERR_MISSING)
            return e;
    }
}

enum err journal_reader_next(struct reader *r, struct record *record, struct fault *fault)
{
    for (;;) {
        while (r->payload && r->id <= r->last) {
            if (!journal_record_next(r->payload, r->n, &r->at, record)) {
                r->id = r->last + 1;
                break;
            }
            record->id = r->id++;
            if (record->id >= r->next) {
                r->next = r->id;
                return OK;
            }
        }
        if (r->payload && r->next <= r->last)
            r->next = r->last + 1;
        r->payload = NULL;
        enum err e = next_block(r, fault);
        if (e != OK)
            return e;
    }
}
