/*
 * journal/recover.c - what is in the folder when a journal is opened, whatever happened to it.
 *
 * A sealed segment is believed.  One that is not is walked from block to block: behind its last good block is the tail, which
 * is cut; whether it was durable, missing.c tells.  A segment behind it that has no block yet is ready to be written.
 * Nothing found here keeps a journal from opening: what cannot be read is put aside, counted and told.
 */
#include "journal/inside.h"

#include "base/id.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEGMENTS_MAX = 1 << 20 };

struct found { struct journal *j; uint32_t *number; size_t n, room; bool cut; };

enum err journal_path(const struct journal *j, const char *name, char *out, size_t size, struct fault *fault)
{
    return snprintf(out, size, "%s/%s", j->folder, name) < (int)size ? OK : fail(fault, ERR_INPUT, "the path %.200s/%.100s is too long", j->folder, name);
}

/* ---- aside ---- */

static void count_file(void *to, const char *name)
{
    struct journal *j = to;
    char            path[PATH_MAX], inside[300];
    (void)snprintf(inside, sizeof inside, "quarantine/%.255s", name);
    if (journal_path(j, inside, path, sizeof path, NULL) != OK)
        return;
    int     fd = j->f.open(j->f.ctx, path, O_RDONLY, 0);
    int64_t size = fd >= 0 ? j->f.size(j->f.ctx, fd) : 0;
    if (fd >= 0)
        (void)j->f.close(j->f.ctx, fd);
    j->quarantine_files++;
    j->quarantine_bytes += size > 0 ? size : 0;
}

/* 1: copied, 0: it was there already, -1: could not. */
static int copy_aside(struct journal *j, const char *path, int fd, int64_t at, int64_t size)
{
    enum { PIECE = 256 * 1024 };
    int to = j->f.open(j->f.ctx, path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (to < 0)
        return errno == EEXIST ? 0 : -1;
    char *piece = malloc(PIECE);
    bool  good = piece != NULL;
    for (int64_t done = 0; good && done < size; ) {
        ssize_t n = journal_files_read_all(&j->f, fd, piece, size - done < PIECE ? (size_t)(size - done) : PIECE, at + done);
        if (n == 0)
            break;                    /* the file was cut shorter: what is left of it */
        good = n > 0 && journal_files_write_all(&j->f, to, piece, (size_t)n, done);
        done += n;
    }
    good = good && j->f.fdatasync(j->f.ctx, to) == 0;
    free(piece);
    (void)j->f.close(j->f.ctx, to);
    return good ? 1 : -1;
}

bool journal_quarantine_add(struct journal *j, const struct segment *s, int fd, int64_t at, int64_t size)
{
    char name[80], path[PATH_MAX];
    if (j->looking)
        return false;
    pthread_mutex_lock(&j->lock);
    bool room = j->quarantine_files < QUARANTINE_FILES && j->quarantine_bytes + size <= QUARANTINE_BYTES;
    pthread_mutex_unlock(&j->lock);
    (void)snprintf(name, sizeof name, "quarantine/%016llx-%08llx.bad", (unsigned long long)s->generation, (unsigned long long)at);
    int copied = room && journal_path(j, name, path, sizeof path, NULL) == OK ? copy_aside(j, path, fd, at, size) : -1;
    if (copied == 0)
        return false;
    pthread_mutex_lock(&j->lock);
    j->stats.damaged_blocks++;
    j->stats.damaged_bytes += (uint64_t)size;
    if (copied == 1) {
        j->quarantine_files++;
        j->quarantine_bytes += size;
    }
    pthread_mutex_unlock(&j->lock);
    log_error("a block of the journal cannot be read and was skipped", F("folder", j->folder), F("segment", (int64_t)s->number), F("at", at), F("bytes", size),
              F("kept", copied == 1 ? name : "no: quarantine is full or cannot be written"));
    return true;
}

/* ---- the segments ---- */

enum err journal_segments_add(struct journal *j, struct segment *s, struct fault *fault)
{
    if (j->count == j->segments_room) {
        size_t           room = j->segments_room ? j->segments_room * 2 : 64;
        struct segment **more = room <= SEGMENTS_MAX ? realloc(j->segments, room * sizeof *more) : NULL;
        if (!more)
            return fail(fault, ERR_LIMIT, "no memory for more than %zu segments", j->count);
        j->segments = more;
        j->segments_room = room;
    }
    j->segments[j->count++] = s;
    return OK;
}

void journal_segments_free(struct journal *j)
{
    for (size_t i = 0; i < j->count; i++) {
        if (j->segments[i]->fd >= 0)
            (void)j->f.close(j->f.ctx, j->segments[i]->fd);
        free(j->segments[i]);
    }
    for (int i = 0; i < j->readies; i++) {
        if (j->ready[i]->fd >= 0)
            (void)j->f.close(j->f.ctx, j->ready[i]->fd);
        free(j->ready[i]);
    }
    free(j->segments);
    j->segments = NULL;
    j->current = NULL;
    j->count = j->segments_room = 0;
    j->readies = 0;
}

int journal_segment_open(struct journal *j, const struct segment *s, int flags)
{
    char name[SEGMENT_NAME], path[PATH_MAX];
    journal_segment_name(s->number, name);
    if (journal_path(j, name, path, sizeof path, NULL) == OK)
        return j->f.open(j->f.ctx, path, flags, 0);
    errno = ENAMETOOLONG;
    return -1;
}

static void shut(struct journal *j, struct segment *s)
{
    if (s->fd >= 0)
        (void)j->f.close(j->f.ctx, s->fd);
    s->fd = -1;
}

/* Nothing is said about the file: it is not taken for a damaged one. */
enum err journal_short(const struct journal *j, const char *what, int error, struct fault *fault)
{
    enum err e = fail(fault, ERR_LIMIT, "cannot open %.80s of the journal in %.250s: %s", what, j->folder, strerror(error));
    fail_hint(fault, error == ENOMEM ? "the machine has no memory for it" : "allow more open files: LimitNOFILE of the unit, or ulimit -n");
    return e;
}

static enum err short_of_something(const struct journal *j, const struct segment *s, int error, struct fault *fault)
{
    char name[SEGMENT_NAME];
    journal_segment_name(s->number, name);
    return journal_short(j, name, error, fault);
}

static void find_file(void *to, const char *name)
{
    struct found *f = to;
    uint32_t      number;
    char          path[PATH_MAX];
    if (journal_segment_number(name, ".new", &number)) {
        if (!f->j->looking && journal_path(f->j, name, path, sizeof path, NULL) == OK)
            (void)f->j->f.unlink(f->j->f.ctx, path);
        return;
    }
    if (!journal_segment_number(name, ".seg", &number))
        return;
    if (f->n == f->room) {
        size_t    room = f->room ? f->room * 2 : 64;
        uint32_t *more = room <= SEGMENTS_MAX ? realloc(f->number, room * sizeof *more) : NULL;
        f->cut = f->cut || !more;
        if (!more)
            return;
        f->number = more;
        f->room = room;
    }
    f->number[f->n++] = number;
}

/* A page that says nothing: the newest block that is whole says whose file this is. */
static bool salvage(struct journal *j, struct segment *s, int64_t size)
{
    char         in[BLOCK_HEAD];
    struct block b;
    s->generation = s->stamp = s->floor = 0;
    s->bytes = size < SEGMENT_BYTES_MAX ? size : SEGMENT_BYTES_MAX;
    for (int64_t at = SEGMENT_PAGE; at + BLOCK_HEAD <= s->bytes; at += BLOCK_ALIGN)
        if (journal_files_read_all(&j->f, s->fd, in, sizeof in, at) == BLOCK_HEAD && journal_block_head_read(in, &b) && b.generation > s->generation) {
            s->generation = b.generation;
            s->stamp = b.stamp;
        }
    return s->generation > 0;
}

/* *out NULL: not to be used; told. Nobody holds the file afterwards: there may be more of them than may be open. */
static enum err open_segment(struct journal *j, uint32_t number, struct segment **out, struct fault *fault)
{
    char            name[SEGMENT_NAME], page[SEGMENT_PAGE];
    struct segment *s = calloc(1, sizeof *s);
    *out = NULL;
    if (!s)
        return fail(fault, ERR_LIMIT, "no memory for the segments of the journal in %.300s", j->folder);
    journal_segment_name(number, name);
    s->number = number;
    s->used = SEGMENT_PAGE;
    s->fd = journal_segment_open(j, s, j->looking ? O_RDONLY : O_RDWR);
    int      error = s->fd < 0 ? errno : 0;
    enum err e = journal_files_short(error) ? short_of_something(j, s, error, fault) : OK;
    int64_t  size = s->fd >= 0 ? j->f.size(j->f.ctx, s->fd) : -1;
    ssize_t  got = size >= 0 ? journal_files_read_all(&j->f, s->fd, page, sizeof page, 0) : -1;
    bool     good = got == SEGMENT_PAGE && journal_segment_page_read(page, s);
    if (good)
        (void)journal_segment_seal_read(page, s);
    if (!good && size >= 0 && salvage(j, s, size)) {
        good = s->torn = true;
        if (!j->looking)
            (void)journal_quarantine_add(j, s, s->fd, 0, SEGMENT_PAGE);
    }
    if (!good && j->looking && s->fd >= 0)
        good = s->torn = s->sealed = true;       /* to be seen, with nothing in it */
    shut(j, s);
    if (good) {
        *out = s;
        return OK;
    }
    if (!j->looking && e == OK)
        log_error("a file of the journal is no segment; it is left as it is", F("folder", j->folder), F("file", name), F("bytes", size), F("error", error ? strerror(error) : ""));
    j->stats.damaged_blocks += size != 0;
    free(s);
    return e;
}

static int by_generation(const void *a, const void *b)
{
    const struct segment *x = *(struct segment *const *)a, *y = *(struct segment *const *)b;
    return x->generation != y->generation ? (x->generation > y->generation) - (x->generation < y->generation) : (x->number > y->number) - (x->number < y->number);
}

/* Blocks of a segment that was not sealed; last: the last id before it. False: the file cannot be read through; what was found counts. */
static bool walk(struct journal *j, struct segment *s, uint64_t last, struct missing *m)
{
    struct segment_scan scan = { .files = &j->f, .fd = s->fd, .stamp = s->stamp, .at = SEGMENT_PAGE, .end = s->bytes, .payloads = true, .past_errors = true };
    struct block        b;
    int64_t             at, size, gap_at = 0, gap = 0;
    enum segment_found  found;
    s->walked = true;
    while ((found = journal_segment_scan_next(&scan, &b, &at, &size)) == FOUND_BLOCK || found == FOUND_GAP) {
        if (found == FOUND_GAP) {
            gap_at = at;
            gap = size;
            continue;
        }
        if (gap)
            journal_missing_gap(m, (struct gap){ s, gap_at, gap, last, b });
        gap = 0;
        if (s->first == 0 || b.first > s->last)
            journal_segment_note(s, &b, at);
        else
            s->used = at + size;
        last = s->last > last ? s->last : last;
        m->durable = b.durable > m->durable ? b.durable : m->durable;
    }
    /* A torn block whose header is there: its ids are not given again. */
    char head[BLOCK_HEAD];
    if (s->used + BLOCK_HEAD <= s->bytes && journal_files_read_all(&j->f, s->fd, head, sizeof head, s->used) == BLOCK_HEAD && journal_block_head_read(head, &b) && b.stamp == s->stamp) {
        s->cut = journal_block_size(b.stored) < s->bytes - s->used ? journal_block_size(b.stored) : s->bytes - s->used;
        j->stats.cut_bytes += (uint64_t)s->cut;
        j->next_id = journal_block_last(&b) >= j->next_id && journal_block_last(&b) < (s->last > s->floor ? s->last : s->floor) + ID_MARGIN ? journal_block_last(&b) + 1 : j->next_id;
    }
    journal_segment_scan_done(&scan);
    return found == FOUND_END;
}

static enum err load_segments(struct journal *j, struct fault *fault)
{
    struct found f = { .j = j };
    enum err     e = OK;
    if (j->f.list(j->f.ctx, j->folder, find_file, &f) != 0)
        e = fail(fault, ERR_IO, "cannot list folder %.300s: %s", j->folder, strerror(errno));
    if (f.cut)
        log_error("the journal has more segments than there is memory for", F("folder", j->folder), F("segments", (int64_t)f.n));
    for (size_t i = 0; i < f.n && e == OK; i++) {
        struct segment *s;
        if ((e = open_segment(j, f.number[i], &s, fault)) != OK || !s)
            continue;
        j->number = s->number > j->number ? s->number : j->number;
        j->identity = s->identity && !j->identity ? s->identity : j->identity;
        if ((e = journal_segments_add(j, s, fault)) != OK)
            free(s);
    }
    free(f.number);
    if (j->count)
        qsort(j->segments, j->count, sizeof *j->segments, by_generation);
    return e;
}

static void take_meta(struct journal *j, bool found)
{
    if (!found || j->meta.more[META_LAST] >= RECORD_ID_END / 2 || j->meta.more[META_JUDGED] >= RECORD_ID_END / 2)
        memset(j->meta.more, 0, sizeof j->meta.more);
    j->judged = j->meta.more[META_JUDGED];
    j->identity = j->meta.more[META_IDENTITY];
}

/* How far sorting has come. */
struct sorting { struct missing missing; struct segment *holder; size_t records_end; bool reached /* the first that is not sealed: what is behind it has at most just begun */; };

static enum err look_into(struct journal *j, size_t i, bool all, struct sorting *o, struct fault *fault)
{
    struct segment *s = j->segments[i];
    char            head[BLOCK_HEAD];
    struct block    b;
    uint64_t        last = o->holder ? o->holder->last : 0;
    s->fd = journal_segment_open(j, s, O_RDONLY);
    if (s->fd < 0 && journal_files_short(errno))
        return short_of_something(j, s, errno, fault);
    bool begun = s->fd >= 0 && journal_files_read_all(&j->f, s->fd, head, sizeof head, SEGMENT_PAGE) == BLOCK_HEAD && journal_block_head_read(head, &b) && b.stamp == s->stamp;
    if (!s->sealed && (!o->reached || begun || all) && (s->fd < 0 || !walk(j, s, last, &o->missing)))
        log_error("a segment of the journal cannot be read through", F("folder", j->folder), F("segment", (int64_t)s->number), F("error", strerror(errno)));
    shut(j, s);
    o->reached = o->reached || !s->sealed;
    if (!s->first)
        return OK;
    if (begun)
        journal_missing_before(j, i, o->holder, &b);
    if (last && s->first > last + 1 && !j->looking)
        log_warn("ids are missing in the journal", F("folder", j->folder), F("after", (int64_t)last), F("before", (int64_t)s->first));
    o->holder = s->last > last ? s : o->holder;
    o->records_end = i + 1;
    return OK;
}

/* Into the list: those with records and what lies before them; behind it, empty ones are ready. */
static enum err sort_out(struct journal *j, struct fault *fault)
{
    struct sorting o = { 0 };
    enum err       e = OK;
    for (size_t i = 0; i < j->count && e == OK; i++) {
        e = look_into(j, i, false, &o, fault);
        j->next_id = j->segments[i]->floor > j->next_id ? j->segments[i]->floor : j->next_id;
        j->generation = j->segments[i]->generation > j->generation ? j->segments[i]->generation : j->generation;
    }
    /* Something is missing: perhaps it is in one whose first block was destroyed. */
    for (size_t i = o.records_end; i < j->count && e == OK && (o.holder ? o.holder->last : 0) < journal_missing_want(j); i++)
        if (!j->segments[i]->sealed && !j->segments[i]->walked)
            e = look_into(j, i, true, &o, fault);
    if (e == OK)
        journal_missing_end(j, &o.missing, o.holder);
    free(o.missing.gap);
    if (e != OK)
        return e;
    size_t keep = o.records_end;
    for (size_t i = keep; i < j->count; i++) {
        struct segment *s = j->segments[i];
        if (!s->sealed && !s->torn && s->bytes >= j->segment_bytes && j->readies < READY_MAX)
            j->ready[j->readies++] = s;
        else
            j->segments[keep++] = s;       /* empty: the keeper finds it passed */
    }
    j->count = keep;
    j->last_id = j->present = o.holder ? o.holder->last : 0;
    j->next_id = j->last_id >= j->next_id ? j->last_id + 1 : j->next_id;
    if (o.records_end && !j->segments[o.records_end - 1]->sealed && !j->segments[o.records_end - 1]->torn)
        j->current = j->segments[o.records_end - 1];
    return OK;
}

/* Ids are never given twice, and what was durable was there: whoever has come so far goes on from there, also when it is missing now. */
static void count_on(struct journal *j)
{
    uint64_t want = journal_missing_want(j);
    want = j->durable > want ? j->durable : want;
    want = j->judged > want ? j->judged : want;
    j->next_id = want >= j->next_id ? want + 1 : j->next_id;
    j->last_id = j->last_id == 0 ? j->next_id - 1 : want > j->last_id ? want : j->last_id;
}

enum err journal_recover_look(struct journal *j, struct fault *fault)
{
    char path[PATH_MAX];
    journal_segments_free(j);
    memset(&j->stats, 0, sizeof j->stats);
    j->next_id = 1;
    j->number = 0;
    j->generation = 0;
    /* Before the segments: what somebody writes meanwhile is more than these know. */
    enum err e = journal_path(j, "meta", path, sizeof path, fault);
    if (e == OK)
        take_meta(j, journal_slot_look(&j->meta, &j->f, path));
    if (e == OK && (e = journal_cursors_load(j, fault)) == OK && (e = load_segments(j, fault)) == OK)
        e = sort_out(j, fault);
    if (e == OK)
        count_on(j);
    return e;
}

static enum err make_folders(struct journal *j, struct fault *fault)
{
    char path[PATH_MAX];
    if (journal_path(j, "quarantine", path, sizeof path, fault) != OK)
        return ERR_INPUT;
    bool made = false;
    for (char *p = path + 1; ; p++) {
        if (*p != '/' && *p != '\0')
            continue;
        char was = *p;
        *p = '\0';
        if (j->f.mkdir(j->f.ctx, path, 0700) == 0)
            made = true;
        else if (errno != EEXIST)
            return fail(fault, ERR_IO, "cannot make folder %.300s: %s", path, strerror(errno));
        *p = was;
        if (was == '\0')
            break;
    }
    if (!made)
        return OK;
    /* The names of the folders, so that a journal does not vanish with them. */
    for (char *p = strrchr(path, '/'); p && p > path; p = strrchr(path, '/')) {
        *p = '\0';
        if (j->f.fsync_folder(j->f.ctx, path) != 0 && errno != EACCES && errno != EPERM)
            return fail(fault, ERR_IO, "cannot fsync folder %.300s: %s", path, strerror(errno));
    }
    return OK;
}

enum err journal_recover_lock(struct journal *j, bool make, struct fault *fault)
{
    char     path[PATH_MAX];
    enum err e = journal_path(j, "lock", path, sizeof path, fault);
    if (e != OK)
        return e;
    j->lock_fd = j->f.open(j->f.ctx, path, make ? O_RDWR | O_CREAT : O_RDWR, 0600);
    if (j->lock_fd < 0)
        return fail(fault, errno == ENOENT ? ERR_MISSING : ERR_IO, "cannot open %.300s: %s", path, strerror(errno));
    if (j->f.lock(j->f.ctx, j->lock_fd) == 0)
        return OK;
    bool taken = errno == EWOULDBLOCK;
    e = fail(fault, taken ? ERR_BUSY : ERR_IO, taken ? "another process writes the journal in %.300s" : "cannot lock the journal in %.300s", j->folder);
    fail_hint(fault, "one process writes; homeostat journal looks without writing");
    return e;
}

/* What is missing now was told: the next start tells only what has gone since. */
static void note_start(struct journal *j, bool found)
{
    struct fault why = { 0 };
    uint64_t     a = found && j->meta.a < RECORD_ID_END / 2 && j->meta.a > j->next_id ? j->meta.a : j->next_id + ID_MARGIN;
    while (!j->identity)
        j->identity = rand_u64(&j->chance);
    j->judged = j->last_id;
    if (journal_meta_write(j, a, j->generation, &why) != OK)
        log_fault(LOG_WARN, "how the journal was found could not be written down", &why);
}

enum err journal_recover(struct journal *j, struct fault *fault)
{
    char     seed[17], path[PATH_MAX];
    bool     found;
    enum err e;
    id_random_hex(seed, 8);
    rand_seed(&j->chance, strtoull(seed, NULL, 16));
    if ((e = make_folders(j, fault)) != OK || (e = journal_recover_lock(j, true, fault)) != OK)
        return e;
    if (journal_path(j, "quarantine", path, sizeof path, NULL) == OK)
        (void)j->f.list(j->f.ctx, path, count_file, j);
    if ((e = journal_slot_open(&j->meta, &j->f, j->folder, "meta", "the journal", &found, fault)) != OK)
        return e;
    take_meta(j, found);
    j->next_id = 1;
    if ((e = journal_cursors_load(j, fault)) != OK || (e = load_segments(j, fault)) != OK || (e = sort_out(j, fault)) != OK)
        return e;
    /* The newest generation that was ever given is not here: it may have been used, so its ids are left out. */
    if (found && j->meta.a < RECORD_ID_END / 2 && j->meta.b > j->generation) {
        log_warn("the newest segment of the journal that was made is not there", F("folder", j->folder), F("generation", (int64_t)j->meta.b), F("newest", (int64_t)j->generation),
                 F("next", (int64_t)(j->meta.a > j->next_id ? j->meta.a : j->next_id)));
        j->next_id = j->meta.a > j->next_id ? j->meta.a : j->next_id;
        j->generation = j->meta.b;
    }
    count_on(j);
    if (j->stats.cut_bytes)
        log_info("a write that was not finished was cut from the end of the journal", F("folder", j->folder), F("bytes", (int64_t)j->stats.cut_bytes), F("last", (int64_t)j->last_id));
    if (j->current && (j->current->fd = journal_segment_open(j, j->current, O_RDWR)) < 0 && journal_files_short(errno))
        return short_of_something(j, j->current, errno, fault);
    /* What a process before us wrote and did not sync is durable before anybody reads it. */
    if (j->current && (j->current->fd < 0 || j->f.fdatasync(j->f.ctx, j->current->fd) != 0)) {
        log_error("a segment of the journal cannot be synced; going on in another one", F("folder", j->folder), F("segment", (int64_t)j->current->number), F("error", strerror(errno)));
        shut(j, j->current);
        j->current->sealed = true;
        j->current = NULL;
    }
    note_start(j, found);
    if (!j->current && j->readies == 0) {
        struct segment *s;
        struct fault    why = { 0 };
        if (journal_keeper_make(j, false, &s, &why) == OK)
            j->ready[j->readies++] = s;
        else
            log_fault(LOG_WARN, "the journal has no room to write yet", &why);
    }
    return OK;
}
