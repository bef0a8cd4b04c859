/* journal/consumer.c - those who read, each with a cursor that survives. */
#include "journal/inside.h"

#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

struct journal_consumer {
    struct journal *j;
    struct cursor  *cursor;
    struct reader   reader;
};

/* With the lock: a row for the name, open, holding what it has to hold. */
static enum err register_cursor(struct journal *j, const char *name, uint64_t from, struct cursor **out, bool *known, struct fault *fault)
{
    struct cursor *c = journal_cursor_find(j, name);
    *known = c != NULL;
    if (c && c->open)
        return fail(fault, ERR_BUSY, "the consumer %s of the journal is open already", name);
    for (int i = 0; i < JOURNAL_CONSUMERS_MAX && !c; i++)
        c = j->cursors[i].used ? NULL : &j->cursors[i];
    if (!c)
        return fail(fault, ERR_LIMIT, "the journal has %d consumers already: %s is one too many", (int)JOURNAL_CONSUMERS_MAX, name);
    if (!*known) {
        uint64_t oldest = j->last_id;
        for (size_t i = j->count; i-- > 0; )
            oldest = j->segments[i]->first ? j->segments[i]->first - 1 : oldest;
        *c = (struct cursor){ .used = true, .slot = { .fd = -1 } };
        (void)text_copy(c->name, sizeof c->name, name);
        c->committed = from == JOURNAL_FROM_START ? oldest : from == JOURNAL_FROM_NOW ? j->last_id : from - 1;
        c->committed = c->committed < RECORD_ID_END ? c->committed : j->last_id;
    }
    c->open = true;
    c->woken = false;
    *out = c;
    return OK;
}

enum err journal_consumer_open(struct journal *j, const char *name, uint64_t from, struct journal_consumer **out, struct fault *fault)
{
    char                     file[NAME_MAX + 1];
    bool                     known = false, found = false;
    enum err                 e = journal_cursor_file(name, file, sizeof file, fault);
    struct journal_consumer *c = e == OK ? calloc(1, sizeof *c) : NULL;
    if (!c)
        return e != OK ? e : fail(fault, ERR_LIMIT, "no memory for the consumer %s", name);
    pthread_mutex_lock(&j->lock);
    e = register_cursor(j, name, from, &c->cursor, &known, fault);
    uint64_t at = e == OK ? c->cursor->committed : 0, last = j->last_id;
    pthread_mutex_unlock(&j->lock);
    if (e == OK) {
        e = journal_slot_open(&c->cursor->slot, &j->f, j->folder, file, name, &found, fault);
        if (e == OK && (!found || !known))
            e = journal_slot_write(&c->cursor->slot, &j->f, at, last, fault);
        if (e != OK) {
            journal_slot_close(&c->cursor->slot, &j->f);
            pthread_mutex_lock(&j->lock);
            c->cursor->open = false;
            c->cursor->used = known;
            pthread_mutex_unlock(&j->lock);
        }
    }
    if (e != OK) {
        free(c);
        return e;
    }
    c->j = j;
    journal_reader_init(&c->reader, j, at + 1);
    *out = c;
    return OK;
}

void journal_consumer_close(struct journal_consumer *c)
{
    if (!c)
        return;
    journal_reader_done(&c->reader);
    journal_slot_close(&c->cursor->slot, &c->j->f);
    pthread_mutex_lock(&c->j->lock);
    c->cursor->open = false;
    pthread_mutex_unlock(&c->j->lock);
    free(c);
}

enum err journal_read(struct journal_consumer *c, struct record *r, struct fault *fault) { return journal_reader_next(&c->reader, r, fault); }

bool journal_wait(struct journal_consumer *c, int64_t timeout_us)
{
    struct journal *j = c->j;
    int64_t         began = timeout_us > 0 ? journal_real_us() : 0;
    bool            there;
    pthread_mutex_lock(&j->lock);
    for (;;) {
        there = c->reader.next <= j->last_id || c->cursor->woken;
        int64_t left = timeout_us > 0 ? timeout_us - (journal_real_us() - began) : timeout_us;
        if (there || (timeout_us >= 0 && left <= 0))
            break;
        journal_timed_wait(j, &j->readable, timeout_us < 0 ? -1 : left);
    }
    c->cursor->woken = false;
    pthread_mutex_unlock(&j->lock);
    return there;
}

void journal_wake(struct journal_consumer *c)
{
    pthread_mutex_lock(&c->j->lock);
    c->cursor->woken = true;
    pthread_cond_broadcast(&c->j->readable);
    pthread_mutex_unlock(&c->j->lock);
}

/* Durable first; only then is anything used again because of it. */
static enum err set_cursor(struct journal_consumer *c, uint64_t id, uint64_t last, struct fault *fault)
{
    struct journal *j = c->j;
    enum err        e = journal_slot_write(&c->cursor->slot, &j->f, id, last, fault);
    if (e != OK)
        return e;
    pthread_mutex_lock(&j->lock);
    if (id > c->cursor->committed)
        c->cursor->moved_us = clock_wall_us(j->clock);
    c->cursor->committed = id;
    pthread_cond_signal(&j->settled);
    pthread_mutex_unlock(&j->lock);
    return OK;
}

enum err journal_commit(struct journal_consumer *c, uint64_t id, struct fault *fault)
{
    pthread_mutex_lock(&c->j->lock);
    uint64_t last = c->j->last_id, committed = c->cursor->committed;
    pthread_mutex_unlock(&c->j->lock);
    id = id < last ? id : last;
    return id > committed ? set_cursor(c, id, last, fault) : OK;
}

enum err journal_seek(struct journal_consumer *c, uint64_t id, bool durable, struct fault *fault)
{
    pthread_mutex_lock(&c->j->lock);
    uint64_t last = c->j->last_id;
    pthread_mutex_unlock(&c->j->lock);
    id = id == 0 ? 1 : id > last ? last + 1 : id;
    enum err e = durable ? set_cursor(c, id - 1, last, fault) : OK;
    if (e == OK)
        journal_reader_seek(&c->reader, id);
    return e;
}

enum err journal_find(struct journal *j, int64_t wall_us, uint64_t *id, struct fault *fault)
{
    struct reader r;
    struct record record;
    enum err      e;
    uint64_t      from;
    pthread_mutex_lock(&j->lock);
    from = j->last_id + 1;
    for (size_t i = 0; i < j->count && from > j->last_id; i++)
        from = j->segments[i]->first && j->segments[i]->last_us >= wall_us ? j->segments[i]->first : from;
    *id = j->last_id + 1;
    pthread_mutex_unlock(&j->lock);
    journal_reader_init(&r, j, from);
    while ((e = journal_reader_next(&r, &record, fault)) == OK && record.received_us < wall_us)
        ;
    if (e == OK)
        *id = record.id;
    journal_reader_done(&r);
    return e == ERR_MISSING ? OK : e;
}

enum err journal_forget(struct journal *j, const char *name, struct fault *fault)
{
    char     file[NAME_MAX + 1], path[PATH_MAX];
    enum err e = journal_cursor_file(name, file, sizeof file, fault);
    if (e != OK || (e = journal_path(j, file, path, sizeof path, fault)) != OK)
        return e;
    pthread_mutex_lock(&j->lock);
    struct cursor *c = journal_cursor_find(j, name);
    if (!c)
        e = fail(fault, ERR_MISSING, "the journal has no consumer %s", name);
    else if (c->open)
        e = fail(fault, ERR_STATE, "%s reads the journal: only who is at work no more can be forgotten", name);
    else
        c->open = true;        /* nobody else's meanwhile */
    pthread_mutex_unlock(&j->lock);
    if (e != OK)
        return e;
    if ((j->f.unlink(j->f.ctx, path) != 0 && errno != ENOENT) || j->f.fsync_folder(j->f.ctx, j->folder) != 0)
        e = fail(fault, ERR_IO, "cannot remove %.300s: %s", path, strerror(errno));
    pthread_mutex_lock(&j->lock);
    c->open = false;
    c->used = e != OK;
    pthread_cond_signal(&j->settled);
    pthread_mutex_unlock(&j->lock);
    return e;
}

/* ---- how far they are ---- */

enum { HEADERS_AT_ONCE = 2048 };       /* that one question looks at for a consumer; the next one goes on from there */

/* From block to block as far as id. What cannot be read leaves *p where it was: too early, never too late. */
static void walk_to(struct journal *j, const struct segment *s, int64_t end, uint64_t id, struct place *p)
{
    struct segment_scan scan = { .files = &j->f, .fd = journal_segment_open(j, s, O_RDONLY), .stamp = s->stamp, .at = p->at, .end = end, .past_errors = true };
    struct block        b;
    int64_t             at, size;
    enum segment_found  found = scan.fd >= 0 ? FOUND_GAP : FOUND_ERROR;
    for (int n = 0; n < HEADERS_AT_ONCE && (found == FOUND_BLOCK || found == FOUND_GAP) && p->last < id; n++)
        if ((found = journal_segment_scan_next(&scan, &b, &at, &size)) == FOUND_BLOCK)
            *p = (struct place){ s->generation, b.first, journal_block_last(&b), at, b.first_us };
    journal_segment_scan_done(&scan);
    if (scan.fd >= 0)
        (void)j->f.close(j->f.ctx, scan.fd);
}

/* With the lock, which it lets go while it reads: when the first record at or behind id came; 0: there is none. */
static int64_t when_came(struct journal *j, struct cursor *c, uint64_t id)
{
    for (const struct group *g = j->hot && id >= j->hot->first ? j->hot : NULL; g; g = g->next)
        if (g->first + g->count - 1 >= id)
            return g->first_us;
    struct segment *s = NULL;
    for (size_t i = 0; i < j->count && !s; i++)
        s = j->segments[i]->first && j->segments[i]->last >= id ? j->segments[i] : NULL;
    if (!s)
        return 0;
    struct place p = { s->generation, 0, 0, journal_segment_near(s, id), journal_segment_when(s, id) };
    if (c->place.generation == s->generation && c->place.first <= id && c->place.at >= p.at)
        p = c->place;
    if (p.last >= id)
        return p.us;
    int64_t end = s->used;
    s->pins++;
    pthread_mutex_unlock(&j->lock);
    walk_to(j, s, end, id, &p);
    pthread_mutex_lock(&j->lock);
    s->pins--;
    c->place = p;
    return p.us;
}

size_t journal_progress(struct journal *j, struct journal_progress *list, size_t max)
{
    uint64_t first = 0;
    size_t   n = 0;
    int64_t  now = clock_wall_us(j->clock);
    pthread_mutex_lock(&j->lock);
    for (size_t i = 0; i < j->count && !first; i++)
        first = j->segments[i]->first;
    for (int i = 0; i < JOURNAL_CONSUMERS_MAX && n < max; i++) {
        struct cursor *c = &j->cursors[i];
        if (!c->used)
            continue;
        uint64_t                 from = first > c->committed ? first - 1 : c->committed;
        struct journal_progress *p = &list[n++];
        *p = (struct journal_progress){ .open = c->open, .committed = c->committed, .behind = j->present > from ? j->present - from : 0, .moved_us = c->moved_us };
        (void)text_copy(p->name, sizeof p->name, c->name);
        int64_t came = p->behind ? when_came(j, c, from + 1) : 0;
        if (came)
            p->lag_us = now > came ? now - came : 1;
    }
    pthread_mutex_unlock(&j->lock);
    return n;
}
