/*
 * journal/missing.c - what was durable and is not there: told apart from what was only being written when everything stopped.
 *
 * Bytes alone do not tell: a block that was torn and one that was destroyed look alike.  What tells is how far the journal is known to
 * have come.  Each block says which id was durable when it was written and with which ones it was synced; each cursor keeps the last
 * durable id of its writing; meta keeps where the last block ends, as of the last start, orderly stop or new segment.  What lies behind
 * all of these may have been torn, and is cut.
 */
#include "journal/inside.h"

#include "base/log.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

enum { GAPS_MAX = 65536 };

static struct segment *of_generation(struct journal *j, uint64_t generation)
{
    for (size_t i = 0; generation && i < j->count; i++)
        if (j->segments[i]->generation == generation)
            return j->segments[i];
    return NULL;
}

/* Written once more into another segment after a sync that failed. */
static bool stands_elsewhere(const struct journal *j, const struct segment *not_here, uint64_t id)
{
    for (size_t i = 0; i < j->count; i++)
        if (j->segments[i] != not_here && j->segments[i]->first && j->segments[i]->first <= id && j->segments[i]->last >= id)
            return true;
    return false;
}

/* ---- between two blocks of a segment ---- */

static bool was_durable(const struct journal *j, const struct missing *m, const struct gap *g)
{
    const struct block *b = &g->behind;
    uint64_t            since = b->since && b->since < b->first ? b->since : b->first, from = g->before >= since ? g->before + 1 : since;
    if (b->durable + 1 >= b->first || (g->before && g->before < b->durable))
        return true;
    /* Of one sync with the block behind it. At a start before this one it was judged with less known: durable is then only what was found. */
    return b->first > j->judged && from < b->first && m->durable >= b->first - 1 && !stands_elsewhere(j, g->segment, from);
}

void journal_missing_gap(struct missing *m, struct gap g)
{
    if (m->n == m->room) {
        size_t      room = m->room ? m->room * 2 : 16;
        struct gap *more = room <= GAPS_MAX ? realloc(m->gap, room * sizeof *more) : NULL;
        m->left_out += !more;
        if (!more)
            return;
        m->gap = more;
        m->room = room;
    }
    m->gap[m->n++] = g;
}

static void put_aside(struct journal *j, struct segment *s, int64_t at, int64_t size)
{
    s->missing++;
    if (j->looking)
        return;
    int fd = journal_segment_open(j, s, O_RDONLY);
    (void)journal_quarantine_add(j, s, fd, at, size);
    if (fd >= 0)
        (void)j->f.close(j->f.ctx, fd);
}

static void judge_gaps(struct journal *j, const struct missing *m)
{
    for (size_t i = 0; i < m->n; i++)
        if (was_durable(j, m, &m->gap[i]))
            put_aside(j, m->gap[i].segment, m->gap[i].at, m->gap[i].size);
        else
            j->stats.cut_bytes += (uint64_t)m->gap[i].size;
    if (m->left_out)
        log_error("a journal has more damaged places than there is memory for: the rest was not put aside", F("folder", j->folder), F("places", (int64_t)m->left_out));
}

/* ---- behind the last block ---- */

/* Up to the last byte that is not zero, of as much as can have been written in one go. */
static int64_t something_until(struct journal *j, const struct segment *s, int fd)
{
    enum { PIECE = 256 * 1024 };
    char   *piece = malloc(PIECE);
    int64_t end = s->bytes - s->used < COMMIT_BYTES_MAX ? s->bytes : s->used + COMMIT_BYTES_MAX, until = s->used;
    ssize_t n;
    for (int64_t at = s->used; piece && at < end && (n = journal_files_read_all(&j->f, fd, piece, end - at < PIECE ? (size_t)(end - at) : PIECE, at)) > 0; at += n)
        for (ssize_t k = n; k-- > 0 && until < at + n; )
            if (piece[k]) {
                until = at + k + 1;
                break;
            }
    free(piece);
    return until;
}

static void tail_is_damaged(struct journal *j, struct segment *s, uint64_t last, uint64_t want)
{
    int     fd = journal_segment_open(j, s, O_RDONLY);
    int64_t until = s->generation == j->meta.more[META_GENERATION] ? (int64_t)j->meta.more[META_USED] : 0;
    until = until > s->used && until <= s->bytes ? until : s->cut ? s->used + s->cut : fd >= 0 ? something_until(j, s, fd) : s->used;
    if (fd >= 0)
        (void)j->f.close(j->f.ctx, fd);
    j->stats.cut_bytes -= (uint64_t)s->cut;
    s->cut = 0;
    if (!j->looking)
        log_error("records that were durable are missing at the end of a segment of the journal", F("folder", j->folder), F("segment", (int64_t)s->number), F("after", (int64_t)last),
                  F("up_to", (int64_t)want), F("at", s->used), F("bytes", until - s->used));
    put_aside(j, s, s->used, until - s->used);
}

static void segments_are_lost(struct journal *j, uint64_t n, uint64_t last, uint64_t want)
{
    j->stats.lost_segments += n;
    if (!j->looking)
        log_error("segments of the journal are gone, and what was durable in them", F("folder", j->folder), F("segments", (int64_t)n), F("after", (int64_t)last), F("up_to", (int64_t)want));
}

static uint64_t generations_between(uint64_t before, uint64_t behind) { return behind > before + 1 ? behind - before - 1 : 0; }

void journal_missing_before(struct journal *j, size_t i, struct segment *holder, const struct block *b)
{
    uint64_t last = holder ? holder->last : 0, hole = i ? generations_between(j->segments[i - 1]->generation, j->segments[i]->generation) : 0;
    if (!last || b->durable <= last)
        return;
    if (hole || holder->sealed)
        segments_are_lost(j, hole ? hole : 1, last, b->durable);
    else
        tail_is_damaged(j, holder, last, b->durable);
}

/* ---- at the end ---- */

uint64_t journal_missing_want(const struct journal *j)
{
    uint64_t end = j->meta.more[META_LAST], durable = j->durable > j->judged ? j->durable : 0;
    return end > durable ? end : durable;
}

/* Everything was passed and used again: then no page is older than the last durable record. */
static bool passed_over(const struct journal *j, uint64_t want)
{
    for (size_t i = 0; i < j->count; i++)
        if (j->segments[i]->floor > want)
            return true;
    return false;
}

/* Generations behind this one that were given and that no file here has. Some may never have been used: at least one, so many at most. */
static uint64_t gone_behind(const struct journal *j, uint64_t generation)
{
    uint64_t top = j->meta.b > j->generation ? j->meta.b : j->generation, here = 0, given = top > generation ? top - generation : 0;
    for (size_t i = 0; i < j->count; i++)
        here += j->segments[i]->generation > generation;
    return given > here ? given - here : 0;
}

/* Where the records that are missing can have been: in the last segment that has any, if it goes on, else in the one behind it. NULL: in none that is here. */
static struct segment *where_it_was(struct journal *j, struct segment *holder)
{
    if (holder && !holder->sealed)
        return holder;
    for (size_t i = 0; i < j->count && !(holder && gone_behind(j, holder->generation)); i++)
        if (!j->segments[i]->sealed && (!holder || j->segments[i]->generation > holder->generation))
            return j->segments[i];
    return NULL;
}

void journal_missing_end(struct journal *j, struct missing *m, struct segment *holder)
{
    uint64_t        want = journal_missing_want(j), last = holder ? holder->last : 0, end = j->meta.more[META_GENERATION];
    bool            by_end = j->meta.more[META_LAST] > last;
    struct segment *where = by_end ? of_generation(j, end) : where_it_was(j, holder);
    m->durable = m->durable > want ? m->durable : want;
    m->durable = m->durable > last ? m->durable : last;
    judge_gaps(j, m);
    if (last >= want)
        return;
    /* A newer page than meta knows of: it was stopped while a segment was put to use again. */
    if (!holder && (by_end ? !where && j->generation > j->meta.b : passed_over(j, want)))
        return;
    if (where) {
        tail_is_damaged(j, where, last, want);
        return;
    }
    uint64_t gone = holder || by_end ? gone_behind(j, holder ? holder->generation : end - 1) : 0;
    segments_are_lost(j, gone ? gone : 1, last, want);
}
