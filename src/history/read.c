/* history/read.c - whoever looks back; needs nothing but the folder. */
#include "base/file.h"
#include "history/block.h"
#include "history/files.h"
#include "history/history.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct history_reader {
    char                  folder[900];
    struct history_files  files;
    struct history_minute pair[2];          /* the minute before, and the one that is read */
};

enum err history_open_read(const char *folder, struct history_reader **out, struct fault *fault)
{
    struct history_reader *r = calloc(1, sizeof *r);
    if (!r)
        return fail(fault, ERR_LIMIT, "out of memory for the history");
    enum err e = (size_t)snprintf(r->folder, sizeof r->folder, "%s", folder) < sizeof r->folder ? history_files_list(folder, &r->files, fault)
                                                                                                : fail(fault, ERR_INPUT, "the path of the history is too long");
    if (e != OK) {
        history_close_read(r);
        return e;
    }
    *out = r;
    return OK;
}

void history_close_read(struct history_reader *r)
{
    if (r)
        history_files_done(&r->files);
    free(r);
}

typedef bool minute_function(void *ctx, const struct history_minute *m);

/* Every minute of one file. false: see had enough. What is no block is looked over, byte by byte, until one begins. */
static bool walk(struct history_reader *r, const uint8_t *bytes, size_t size, minute_function *see, void *ctx, int64_t *damaged)
{
    const struct history_minute *before = NULL;
    uint32_t                     sequence = 0;
    int                          turn = 0;
    struct block                 b;
    for (size_t at = 0; at < size;) {
        if (!block_is(bytes + at, size - at, &b)) {
            at++;
            *damaged += 1;
            before    = NULL;
            continue;
        }
        size_t length = BLOCK_HEADER + b.packed;
        at           += length;
        const struct history_minute *with = before && b.sequence == sequence + 1 ? before : NULL;
        if (block_read(&b, with, &r->pair[turn], NULL) != OK) {
            *damaged += (int64_t)length;
            before    = NULL;
            continue;
        }
        before   = &r->pair[turn];
        sequence = b.sequence;
        turn     = !turn;
        if (!see(ctx, before))
            return false;
    }
    return true;
}

static enum err walk_file(struct history_reader *r, const struct history_file *f, minute_function *see, void *ctx, bool *more, int64_t *damaged, struct fault *fault)
{
    char     path[1024], *data;
    size_t   size;
    int64_t  bad = 0;
    snprintf(path, sizeof path, "%s/%s", r->folder, f->name);
    enum err e = file_read(path, 2 * (size_t)HISTORY_BYTES_MAX, &data, &size, fault);
    if (e == ERR_MISSING)
        return OK;              /* the writer has deleted it meanwhile */
    if (e != OK)
        return e;
    *more = walk(r, (const uint8_t *)data, size, see, ctx, &bad);
    free(data);
    if (damaged)
        *damaged += bad;
    return OK;
}

struct span { int64_t from_us, to_us; minute_function *see; void *ctx; };

/* A later one is no end: a file that was begun by a clock that was ahead may have been gone on with. */
static bool in_span(void *ctx, const struct history_minute *m)
{
    const struct span *s = ctx;
    return m->at_us < s->from_us || m->at_us > s->to_us || s->see(s->ctx, m);
}

/* All minutes of a file are of the day of its first. */
static bool may_hold(const struct history_file *f, int64_t from_us, int64_t to_us)
{
    const int64_t day_us = INT64_C(86400) * 1000000;
    return f->from_us <= to_us && (f->from_us / day_us + 1) * day_us > from_us;
}

enum err history_each(struct history_reader *r, int64_t from_us, int64_t to_us, minute_function *see, void *ctx, int64_t *damaged, struct fault *fault)
{
    struct span s    = { from_us, to_us, see, ctx };
    bool        more = true;
    if (damaged)
        *damaged = 0;
    for (size_t i = 0; i < r->files.count && more; i++) {
        if (!may_hold(&r->files.item[i], from_us, to_us))
            continue;
        enum err e = walk_file(r, &r->files.item[i], in_span, &s, &more, damaged, fault);
        if (e != OK)
            return e;
    }
    return OK;
}

struct last { int64_t at_us; struct history_minute *m; bool found; };

static bool keep_last(void *ctx, const struct history_minute *m)
{
    struct last *l = ctx;
    if (m->at_us <= l->at_us && !(l->found && m->at_us < l->m->at_us)) {
        *l->m    = *m;
        l->found = true;
    }
    return true;
}

enum err history_at(struct history_reader *r, int64_t wall_us, struct history_minute *m, struct fault *fault)
{
    struct last l = { wall_us, m, false };
    for (size_t i = r->files.count; i-- && !l.found;) {
        bool more;
        if (r->files.item[i].from_us > wall_us)
            continue;
        enum err e = walk_file(r, &r->files.item[i], keep_last, &l, &more, NULL, fault);
        if (e != OK)
            return e;
    }
    return l.found ? OK : fail(fault, ERR_MISSING, "the history in %s has no minute at or before that time", r->folder);
}
