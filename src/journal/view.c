/*
 * journal/view.c - looking at a journal from outside, also while another process writes it, or without a name from inside.
 *
 * From outside, a view is a journal that takes no lock, starts no thread and writes nothing.  It reads the folder when it is opened, and
 * again when it is asked for what it does not have.  Forgetting and seeking take the lock and write one cursor, without a keeper.
 * From inside it is one more reader, which knows at once what the writer knows, and holds nothing but the block that it reads.
 */
#include "journal/inside.h"

#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

struct journal_view {
    struct journal *j;
    struct reader   reader;
    bool            reading, inside;
};

static void nothing(void *to, const char *name)
{
    (void)to;
    (void)name;
}

enum err journal_view_open(const char *folder, struct journal_view **out, struct fault *fault)
{
    struct journal_options o = journal_options_default(folder);
    struct journal_view   *v = calloc(1, sizeof *v);
    if (!v || !(v->j = journal_new(&o))) {
        free(v);
        return fail(fault, ERR_LIMIT, "no memory to look at the journal in %.300s", folder);
    }
    v->j->looking = true;
    if (v->j->f.list(v->j->f.ctx, folder, nothing, NULL) != 0) {
        journal_view_close(v);
        return fail(fault, errno == ENOENT ? ERR_MISSING : ERR_IO, "cannot look at the journal in %.300s: %s", folder, strerror(errno));
    }
    v->j->segment_bytes = 0;
    enum err e = journal_recover_look(v->j, fault);
    if (e == OK)
        *out = v;
    else
        journal_view_close(v);
    return e;
}

enum err journal_view_inside(struct journal *j, struct journal_view **out, struct fault *fault)
{
    struct journal_view *v = calloc(1, sizeof *v);
    if (!v)
        return fail(fault, ERR_LIMIT, "no memory to look at the journal in %.300s", j->folder);
    v->j = j;
    v->inside = true;
    *out = v;
    return OK;
}

void journal_view_close(struct journal_view *v)
{
    if (!v)
        return;
    if (v->reading)
        journal_reader_done(&v->reader);
    if (!v->inside)
        journal_delete(v->j);
    free(v);
}

enum err journal_view_forget(const char *folder, const char *name, struct fault *fault)
{
    struct journal_options o = journal_options_default(folder);
    struct journal        *j = journal_new(&o);
    if (!j)
        return fail(fault, ERR_LIMIT, "no memory to look at the journal in %.300s", folder);
    enum err e = journal_recover_lock(j, false, fault);
    if (e == OK && (e = journal_cursors_load(j, fault)) == OK)
        e = journal_forget(j, name, fault);
    journal_delete(j);
    return e;
}

/* Only the file of the cursor is written: no keeper runs that could use again what was just asked for. */
static enum err seek(struct journal *j, const char *name, int64_t since_us, uint64_t *id, struct fault *fault)
{
    char           file[NAME_MAX + 1];
    bool           found;
    struct cursor *c = journal_cursor_find(j, name);
    struct slot    slot = { .fd = -1 };
    enum err       e = c ? journal_cursor_file(name, file, sizeof file, fault) : fail(fault, ERR_MISSING, "the journal has no consumer %s", name);
    if (e == OK && !*id)
        e = journal_find(j, since_us, id, fault);
    if (e == OK)
        e = journal_slot_open(&slot, &j->f, j->folder, file, name, &found, fault);
    if (e != OK)
        return e;
    uint64_t end = j->last_id > c->committed ? j->last_id : c->committed, floor = found && slot.b > end ? slot.b : end;
    *id = *id <= end ? *id : end + 1;
    e = journal_slot_write(&slot, &j->f, *id - 1, floor, fault);
    journal_slot_close(&slot, &j->f);
    return e;
}

enum err journal_view_seek(const char *folder, const char *name, int64_t since_us, uint64_t *id, struct fault *fault)
{
    struct journal_options o = journal_options_default(folder);
    struct journal        *j = journal_new(&o);
    if (!j)
        return fail(fault, ERR_LIMIT, "no memory to look at the journal in %.300s", folder);
    j->looking = true;
    j->segment_bytes = 0;
    enum err e = journal_recover_lock(j, false, fault);
    if (e == OK && (e = journal_recover_look(j, fault)) == OK)
        e = seek(j, name, since_us, id, fault);
    journal_delete(j);
    return e;
}

/* Every block is looked at, whatever the seal says. */
static void verify(struct journal *j, const struct segment *s, struct journal_segment *out)
{
    char                path[4096], name[SEGMENT_NAME];
    struct segment_scan scan = { .files = &j->f, .fd = -1, .stamp = s->stamp, .at = SEGMENT_PAGE, .end = s->used, .payloads = true, .past_errors = true };
    struct block        b;
    int64_t             at, size;
    enum segment_found  found;
    journal_segment_name(s->number, name);
    if (journal_path(j, name, path, sizeof path, NULL) != OK || (scan.fd = j->f.open(j->f.ctx, path, O_RDONLY, 0)) < 0) {
        out->damaged += s->blocks;
        return;
    }
    while ((found = journal_segment_scan_next(&scan, &b, &at, &size)) == FOUND_BLOCK || found == FOUND_GAP)
        out->damaged += found == FOUND_GAP;
    out->damaged += at < s->used;
    journal_segment_scan_done(&scan);
    (void)j->f.close(j->f.ctx, scan.fd);
}

static void describe(struct journal *j, const struct segment *s, bool is_free, struct journal_segment *out)
{
    *out = (struct journal_segment){ .generation = s->generation, .first_id = s->first, .last_id = s->last, .blocks = s->blocks, .bytes_used = s->used, .bytes = s->bytes,
                                     .first_us = s->first_us, .last_us = s->last_us, .free = is_free };
    journal_segment_name(s->number, out->file);
    out->damaged = s->torn + s->missing;
    if (!is_free && s->first && !s->walked)      /* of the others the gaps were judged */
        verify(j, s, out);
}

size_t journal_view_segments(struct journal_view *v, struct journal_segment *list, size_t max)
{
    size_t n = 0;
    for (size_t i = 0; i < v->j->count && n < max; i++)
        describe(v->j, v->j->segments[i], false, &list[n++]);
    for (int i = 0; i < v->j->readies && n < max; i++)
        describe(v->j, v->j->ready[i], true, &list[n++]);
    return n;
}

void journal_view_stats(struct journal_view *v, struct journal_stats *s) { journal_stats(v->j, s); }

size_t journal_view_progress(struct journal_view *v, struct journal_progress *list, size_t max) { return journal_progress(v->j, list, max); }

enum err journal_view_read(struct journal_view *v, uint64_t from, struct record *r, struct fault *fault)
{
    if (v->reading)
        journal_reader_seek(&v->reader, from);
    else
        journal_reader_init(&v->reader, v->j, from);
    v->reading = true;
    enum err e = journal_reader_next(&v->reader, r, fault);
    if (e != ERR_MISSING || v->inside)
        return e;
    /* Perhaps the writer is further now; segments that were used again are told by their stamps. */
    if ((e = journal_recover_look(v->j, fault)) != OK)
        return e;
    journal_reader_done(&v->reader);
    journal_reader_init(&v->reader, v->j, from);
    return journal_reader_next(&v->reader, r, fault);
}
