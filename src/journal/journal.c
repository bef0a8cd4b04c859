/* journal/journal.c - opening and closing, appending, and how it stands. */
#include "journal/inside.h"

#include "base/log.h"
#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MIB INT64_C(1048576)

struct journal_options journal_options_default(const char *folder)
{
    return (struct journal_options){
        .folder = folder, .segment_bytes = 128 * MIB, .size_max = 4096 * MIB, .keep_us = 3600 * US_PER_S, .commit_delay_us = 5 * US_PER_MS, .commit_bytes = MIB / 2,
        .waiting_max = 32 * MIB, .pack = -5, .when_full = JOURNAL_BLOCK, .reserve_bytes = 512 * MIB,
    };
}

int64_t journal_real_us(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * US_PER_S + t.tv_nsec / 1000;
}

void journal_timed_wait(struct journal *j, pthread_cond_t *cond, int64_t us)
{
    if (us < 0) {
        pthread_cond_wait(cond, &j->lock);
        return;
    }
    int64_t until = journal_real_us() + us;
    (void)pthread_cond_timedwait(cond, &j->lock, &(struct timespec){ (time_t)(until / US_PER_S), (long)(until % US_PER_S * 1000) });
}

/* ---- open, close ---- */

static enum err check_options(const struct journal_options *o, struct fault *fault)
{
    if (!o->folder || !*o->folder)
        return fail(fault, ERR_INPUT, "a journal needs a folder");
    if (o->segment_bytes < SEGMENT_BYTES_MIN || o->segment_bytes > SEGMENT_BYTES_MAX)
        return fail(fault, ERR_INPUT, "a segment of the journal has 1 MiB to 1 GiB, not %lld bytes", (long long)o->segment_bytes);
    if (o->size_max < 4 * o->segment_bytes)
        return fail(fault, ERR_INPUT, "the journal needs room for at least 4 segments: %lld bytes are less than 4 times %lld", (long long)o->size_max, (long long)o->segment_bytes);
    if (o->commit_bytes < 1 || o->commit_delay_us < 0 || o->keep_us < 0 || o->waiting_max < 1 || o->reserve_bytes < 0)
        return fail(fault, ERR_INPUT, "commit_bytes and waiting_max must be at least 1; commit_delay, keep and reserve_bytes at least 0");
    if (o->pack && (o->pack < ZSTD_minCLevel() || o->pack > ZSTD_maxCLevel()))
        return fail(fault, ERR_INPUT, "zstd has no level %d", o->pack);
    return OK;
}

/* What a group can hold so that it fits into every segment. */
static int64_t group_most(const struct journal *j) { return j->segment_bytes - SEGMENT_PAGE - BLOCK_HEAD - BLOCK_ALIGN; }

static void take_options(struct journal *j, const struct journal_options *o)
{
    j->o = *o;
    j->o.folder = j->folder;
    int64_t most = group_most(j) / 2, limit = COMMIT_BYTES_MAX / 2;
    j->o.commit_bytes = o->commit_bytes < most ? o->commit_bytes : most;
    j->o.commit_bytes = j->o.commit_bytes < limit ? j->o.commit_bytes : limit;
}

static void init_cond(pthread_cond_t *c)
{
    pthread_condattr_t a;
    (void)pthread_condattr_init(&a);
    (void)pthread_condattr_setclock(&a, CLOCK_MONOTONIC);
    (void)pthread_cond_init(c, &a);
    (void)pthread_condattr_destroy(&a);
}

struct journal *journal_new(const struct journal_options *o)
{
    struct journal *j = calloc(1, sizeof *j);
    if (!j)
        return NULL;
    j->folder = strdup(o->folder);
    j->pack = ZSTD_createCCtx();
    j->f = o->files ? *o->files : journal_files_real;
    j->clock = o->clock ? o->clock : &clock_real;
    j->lock_fd = j->meta.fd = -1;
    (void)pthread_mutex_init(&j->lock, NULL);
    init_cond(&j->work);
    init_cond(&j->prepared);
    init_cond(&j->readable);
    init_cond(&j->settled);
    if (j->folder && j->pack) {
        j->segment_bytes = o->segment_bytes / SEGMENT_PAGE * SEGMENT_PAGE;
        take_options(j, o);
        return j;
    }
    journal_delete(j);
    return NULL;
}

static void free_groups(struct group *g)
{
    for (struct group *next; g; g = next) {
        next = g->next;
        journal_group_free(g);
    }
}

void journal_delete(struct journal *j)
{
    free_groups(j->hot);
    free_groups(j->pool);
    journal_segments_free(j);
    journal_slot_close(&j->meta, &j->f);
    if (j->lock_fd >= 0)
        (void)j->f.close(j->f.ctx, j->lock_fd);
    (void)pthread_cond_destroy(&j->work);
    (void)pthread_cond_destroy(&j->prepared);
    (void)pthread_cond_destroy(&j->readable);
    (void)pthread_cond_destroy(&j->settled);
    (void)pthread_mutex_destroy(&j->lock);
    ZSTD_freeCCtx(j->pack);
    free(j->scratch);
    free(j->folder);
    free(j);
}

enum err journal_open(const struct journal_options *o, struct journal **out, struct fault *fault)
{
    enum err e = check_options(o, fault);
    if (e != OK)
        return e;
    struct journal *j = journal_new(o);
    if (!j)
        return fail(fault, ERR_LIMIT, "no memory for the journal in %.300s", o->folder);
    if ((e = journal_recover(j, fault)) == OK) {
        if (pthread_create(&j->keeper, NULL, journal_keeper_main, j) != 0) {
            e = fail(fault, ERR_LIMIT, "cannot start a thread for the journal");
        } else if (pthread_create(&j->writer, NULL, journal_writer_main, j) != 0) {
            e = fail(fault, ERR_LIMIT, "cannot start a thread for the journal");
            pthread_mutex_lock(&j->lock);
            j->closing = true;
            pthread_cond_broadcast(&j->settled);
            pthread_mutex_unlock(&j->lock);
            (void)pthread_join(j->keeper, NULL);
        }
    }
    if (e != OK) {
        journal_delete(j);
        return e;
    }
    *out = j;
    return OK;
}

void journal_close(struct journal *j)
{
    if (!j)
        return;
    pthread_mutex_lock(&j->lock);
    j->closing = true;
    pthread_cond_broadcast(&j->work);
    pthread_cond_broadcast(&j->prepared);
    pthread_cond_broadcast(&j->settled);
    pthread_mutex_unlock(&j->lock);
    (void)pthread_join(j->writer, NULL);
    (void)pthread_join(j->keeper, NULL);
    /* An orderly stop knows its end: what is missing of it at the next start was destroyed. */
    struct fault why = { 0 };
    if (journal_meta_write(j, j->meta.a, j->meta.b, &why) != OK)
        log_fault(LOG_WARN, "where the journal ends could not be written down", &why);
    journal_delete(j);
}

enum err journal_adjust(struct journal *j, const struct journal_options *o, struct fault *fault)
{
    struct journal_options n = *o;
    n.folder = j->folder;
    n.segment_bytes = j->segment_bytes;
    enum err e = check_options(&n, fault);
    if (e != OK)
        return e;
    pthread_mutex_lock(&j->lock);
    take_options(j, &n);
    pthread_cond_broadcast(&j->settled);
    pthread_cond_broadcast(&j->work);
    pthread_mutex_unlock(&j->lock);
    return OK;
}

/* ---- append ---- */

/* With the lock: why so many bytes are not taken; NULL: they are. */
static const char *refusal(struct journal *j, size_t bytes)
{
    int64_t left = j->current ? j->current->bytes - j->current->used : 0, more = (int64_t)(j->waiting + bytes);
    if (j->closing)
        return "it is being closed";
    if (j->waiting && more > j->o.waiting_max)
        return "waiting: what was appended and is not durable yet is as much as may be";
    if (j->write_blocked || (j->blocked && j->readies == 0 && left < more + 2 * j->o.commit_bytes + SEGMENT_PAGE))
        return *j->why ? j->why : "size";
    return NULL;
}

bool journal_has_room(struct journal *j, size_t bytes)
{
    pthread_mutex_lock(&j->lock);
    bool room = refusal(j, bytes) == NULL;
    pthread_mutex_unlock(&j->lock);
    return room;
}

static bool room_for_waiter(struct group *g)
{
    if (g->count < g->waiters_room)
        return true;
    uint32_t       room = g->waiters_room ? g->waiters_room * 2 : 16;
    struct waiter *more = realloc(g->waiters, room * sizeof *more);
    if (!more)
        return false;
    g->waiters = more;
    g->waiters_room = room;
    return true;
}

static void close_group(struct journal *j)
{
    if (j->closed_tail)
        j->closed_tail->next = j->open;
    else
        j->closed = j->open;
    j->closed_tail = j->open;
    j->open = NULL;
}

/* With the lock: the group that takes so many bytes more; NULL: no memory. */
static struct group *group_for(struct journal *j, size_t size)
{
    if (j->open && j->open->used + size > j->open->room)
        close_group(j);
    if (!j->open)
        j->open = journal_group_new(j, size);
    return j->open && room_for_waiter(j->open) ? j->open : NULL;
}

enum err journal_append(struct journal *j, const struct record *r, journal_done *done, void *ctx, struct fault *fault)
{
    size_t   size = journal_record_size(r);
    enum err e = journal_record_check(r, fault);
    if (e == OK && (int64_t)size > group_most(j))
        e = fail(fault, ERR_INPUT, "a record of %zu bytes is larger than a segment of the journal bears", size);
    if (e != OK)
        return e;
    struct record copy = *r;
    copy.received_us = r->received_us ? r->received_us : clock_wall_us(j->clock);
    pthread_mutex_lock(&j->lock);
    const char   *why = refusal(j, size);
    struct group *g = why ? NULL : group_for(j, size);
    if (!g) {
        j->stats.refused++;
        e = fail(fault, ERR_BUSY, "the journal is full (%.120s)", why ? why : "waiting: no memory");
        pthread_mutex_unlock(&j->lock);
        return e;
    }
    bool first = g->count == 0;
    journal_record_write(g->data + BLOCK_HEAD + g->used, &copy);
    g->waiters[g->count++] = (struct waiter){ done, ctx };
    g->used += size;
    g->events += r->events;
    g->first_us = first || copy.received_us < g->first_us ? copy.received_us : g->first_us;
    g->last_us = first || copy.received_us > g->last_us ? copy.received_us : g->last_us;
    j->waiting += size;
    bool full = (int64_t)g->used >= j->o.commit_bytes;
    if (full)
        close_group(j);
    if (first || full)
        pthread_cond_signal(&j->work);
    pthread_mutex_unlock(&j->lock);
    return OK;
}

struct waiting { pthread_mutex_t lock; pthread_cond_t cond; bool done; uint64_t id; enum err result; };

static void wake_waiting(void *ctx, uint64_t id, enum err result)
{
    struct waiting *w = ctx;
    pthread_mutex_lock(&w->lock);
    w->done = true;
    w->id = id;
    w->result = result;
    pthread_cond_signal(&w->cond);
    pthread_mutex_unlock(&w->lock);
}

enum err journal_append_wait(struct journal *j, const struct record *r, uint64_t *id, struct fault *fault)
{
    struct waiting w = { .lock = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER };
    enum err       e = journal_append(j, r, wake_waiting, &w, fault);
    if (e != OK)
        return e;
    pthread_mutex_lock(&w.lock);
    while (!w.done)
        pthread_cond_wait(&w.cond, &w.lock);
    pthread_mutex_unlock(&w.lock);
    (void)pthread_cond_destroy(&w.cond);
    (void)pthread_mutex_destroy(&w.lock);
    if (id)
        *id = w.id;
    return w.result == OK ? OK : fail(fault, w.result, "the record could not be made durable in the journal in %.300s", j->folder);
}

/* ---- how it stands ---- */

static int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

void journal_stats(struct journal *j, struct journal_stats *s)
{
    int64_t syncs[SYNCS_KEPT];
    size_t  n;
    pthread_mutex_lock(&j->lock);
    *s = j->stats;
    s->last_id = j->last_id;
    s->identity = j->identity;
    s->first_id = j->last_id + 1;
    s->segments = (int64_t)j->count + j->readies;
    s->segments_free = j->readies;
    for (size_t i = j->count; i-- > 0; ) {
        s->bytes += j->segments[i]->bytes;
        if (j->segments[i]->first) {
            s->first_id = j->segments[i]->first;
            s->oldest_us = j->segments[i]->first_us;
        }
    }
    for (int i = 0; i < j->readies; i++)
        s->bytes += j->ready[i]->bytes;
    s->waiting_bytes = (int64_t)j->waiting;
    s->full = j->write_blocked || (j->blocked && j->readies == 0);
    if (s->full)
        (void)text_copy(s->why_full, sizeof s->why_full, j->why);
    n = s->syncs < SYNCS_KEPT ? (size_t)s->syncs : SYNCS_KEPT;
    memcpy(syncs, j->syncs, n * sizeof syncs[0]);
    pthread_mutex_unlock(&j->lock);
    if (n) {
        qsort(syncs, n, sizeof syncs[0], by_size);
        s->sync_p99_us = syncs[(n * 99 + 99) / 100 - 1];
    }
}
