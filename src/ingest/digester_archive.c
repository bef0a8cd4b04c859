/* ingest/digester_archive.c - the archive that a digest reads windows from which its journal does not hold any more: whose it is, and what comes out of both once only. */
#include "ingest/digester_inside.h"

enum { SEEN_MAX = 4 * 1024 * 1024 };             /* records: 16 bytes each, twice or four times */

void digester_archive_set(struct digester *d, struct archive *a)
{
    pthread_mutex_lock(&d->lock);
    struct archive *unused = d->archive_next;
    d->archive_next = a;
    d->archive_changed = true;
    pthread_mutex_unlock(&d->lock);
    archive_close(unused);
}

struct archive *digester_archive(struct digester *d)
{
    struct archive *old = NULL;
    pthread_mutex_lock(&d->lock);
    if (d->archive_changed) {
        old = d->archive;
        d->archive = d->archive_next;
        d->archive_next = NULL;
        d->archive_changed = false;
    }
    pthread_mutex_unlock(&d->lock);
    archive_close(old);
    return d->archive;
}

void digester_archive_cancel(struct digester *d)
{
    pthread_mutex_lock(&d->lock);
    if (d->archive)
        archive_cancel(d->archive);
    pthread_mutex_unlock(&d->lock);
}

void digester_archive_done(struct digester *d)
{
    archive_close(d->archive);
    archive_close(d->archive_next);
    d->archive = d->archive_next = NULL;
}

bool again_is_new(struct again_seen *s, const struct event *e)
{
    uint64_t  key = map_mix(map_mix(e->record, (uint64_t)e->type), (uint64_t)e->received_us);      /* numbers of a journal that began anew come again, at other times */
    uint32_t *taken = map_at(&s->of, key);
    if (taken) {
        bool is_new = e->index > *taken;
        *taken = is_new ? e->index : *taken;
        return is_new;
    }
    s->full = s->full || s->of.count >= SEEN_MAX || !map_put(&s->of, key, e->index);
    return !s->full;
}
