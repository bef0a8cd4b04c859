/* journal/consumer.c - those who read, each with a cursor that survives. */
#include "journal/inside.h"

#include "base/text.h"

#include <errno.h>
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
        e = fail(fault, ERR_BUSY, "the consumer %s of the journal is open", name);
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

size_t journal_progress(struct journal *j, struct journal_progress *list, size_t max)
{
    struct { uint64_t id; int64_t us; } first = { 0 };
    size_t  n = 0;
    int64_t now = clock_wall_us(j->clock);
    pthread_mutex_lock(&j->lock);
    for (size_t i = 0; i < j->count && !first.id; i++)
        if (j->segments[i]->first)
            first.id = j->segments[i]->first;
    for (int i = 0; i < JOURNAL_CONSUMERS_MAX && n < max; i++) {
        const struct cursor *c = &j->cursors[i];
        if (!c->used)
            continue;
        uint64_t from = first.id && first.id > c->committed ? first.id - 1 : c->committed;
        struct journal_progress *p = &list[n++];
        *p = (struct journal_progress){ .open = c->open, .committed = c->committed, .behind = j->present > from ? j->present - from : 0, .moved_us = c->moved_us };
        (void)text_copy(p->name, sizeof p->name, c->name);
        /* By the segment or, where it is known, the block: exact enough for an age. */
        for (size_t k = 0; p->behind && k < j->count; k++)
            if (j->segments[k]->first && j->segments[k]->last > c->committed) {
                p->lag_us = now - journal_segment_when(j->segments[k], c->committed + 1);
                p->lag_us = p->lag_us > 0 ? p->lag_us : 1;
                break;
            }
    }
    pthread_mutex_unlock(&j->lock);
    return n;
}
