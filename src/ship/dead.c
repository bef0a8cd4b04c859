/* ship/dead.c - see dead.h: the journal of dead letters, and a view of it from outside. */
#include "ship/dead.h"

#include "base/log.h"
#include "base/text.h"
#include "event/encode.h"
#include "ship/dead_inside.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MIB           INT64_C(1048576)
enum { SEGMENTS_MAX = 4096 };
#define SIZE_USUAL    (1024 * MIB)
#define SEGMENT_USUAL (66 * MIB)              /* the largest record has room in it */
#define RESERVE       (64 * MIB)              /* less than the main journal leaves free: letters can be written when that is full */

struct dead {
    char                     folder[DEAD_PATH_MAX];
    struct journal          *journal;
    struct journal_consumer *kept;            /* reads for everybody; its cursor is behind what is not needed any more */
    pthread_mutex_t          lock;            /* of what follows, and of reading */
    uint64_t                 next, forgotten; /* id that a read would give; all up to it are not needed */
    uint64_t                 added, full;
    bool                     told;            /* what somebody wishes to be forgotten cannot be read */
};

/* ---- open ---- */

static uint64_t forgotten_of(const struct journal_progress *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i].name, DEAD_KEPT) == 0)
            return list[i].committed;
    return 0;
}

enum err dead_open(const char *journal_folder, int64_t size_max, const struct clock *clock, struct dead **out, struct fault *fault)
{
    *out = NULL;
    struct dead *d = calloc(1, sizeof *d);
    if (!d)
        return fail(fault, ERR_LIMIT, "no memory for dead letters");
    (void)pthread_mutex_init(&d->lock, NULL);
    enum err e = dead_folder_of(journal_folder, d->folder, sizeof d->folder, fault);
    if (e == OK) {
        struct journal_options o = journal_options_default(d->folder);
        o.size_max = size_max ? size_max : SIZE_USUAL;
        o.segment_bytes = o.size_max < 4 * SEGMENT_USUAL ? o.size_max / 4 : SEGMENT_USUAL;
        o.reserve_bytes = RESERVE;
        o.keep_us = 0;
        o.commit_delay_us = 0;
        o.when_full = JOURNAL_BLOCK;
        o.clock = clock;
        e = journal_open(&o, &d->journal, fault);
    }
    if (e == OK)
        e = journal_consumer_open(d->journal, DEAD_KEPT, JOURNAL_FROM_START, &d->kept, fault);
    if (e != OK) {
        dead_close(d);
        return e;
    }
    struct journal_progress list[JOURNAL_CONSUMERS_MAX];
    d->forgotten = forgotten_of(list, journal_progress(d->journal, list, JOURNAL_CONSUMERS_MAX));
    *out = d;
    return OK;
}

void dead_close(struct dead *d)
{
    if (!d)
        return;
    journal_consumer_close(d->kept);
    journal_close(d->journal);
    (void)pthread_mutex_destroy(&d->lock);
    free(d);
}

const char *dead_folder(const struct dead *d) { return d->folder; }

/* ---- writing ---- */

static void label(struct text *t, const char *key, const char *value)
{
    text_add_n(t, key, strlen(key) + 1);
    text_add_n(t, value, strlen(value) + 1);
}

static void label_number(struct text *t, const char *key, uint64_t value)
{
    char s[24];
    (void)snprintf(s, sizeof s, "%" PRIu64, value);
    label(t, key, s);
}

struct about { const char *form; uint64_t record, index, count; int64_t received_us; struct slice others; };

static void write_labels(struct text *t, const struct dead_note *n, const struct about *a)
{
    char why[DEAD_WHY_MAX + 1];
    (void)snprintf(why, sizeof why, "%s", n->why);
    text_clear(t);
    label(t, "letter.form", a->form);
    label(t, "letter.sink", n->sink);
    label(t, "letter.why", why);
    label_number(t, "letter.record", a->record);
    label_number(t, "letter.index", a->index);
    label_number(t, "letter.count", a->count);
    label_number(t, "letter.received", (uint64_t)a->received_us);
    if (n->of)
        label_number(t, "letter.of", n->of);
    text_add_n(t, a->others.s, a->others.n);
}

/* What somebody outside wished. True: there is more room now, perhaps. */
static bool forget_as_wished(struct dead *d)
{
    uint64_t     id = 0;
    struct fault why = { 0 };
    bool         unreadable = dead_notes_forget_read(d->folder, &id, &why) != OK;
    (void)pthread_mutex_lock(&d->lock);
    uint64_t so_far = d->forgotten;
    bool     news = unreadable && !d->told;
    d->told = unreadable;
    (void)pthread_mutex_unlock(&d->lock);
    if (news)
        log_fault(LOG_WARN, "which dead letters are to be forgotten cannot be read, so none are", &why);
    return !unreadable && id > so_far && dead_forget(d, id, &why) == OK;
}

static enum err append(struct dead *d, const struct dead_note *n, const struct about *a, struct record *r, struct fault *fault)
{
    struct text labels CLEANUP(text_done);
    text_init(&labels, RECORD_LABELS_MAX);
    write_labels(&labels, n, a);
    if (labels.cut)
        return fail(fault, ERR_INPUT, "the labels of a dead letter are longer than %d bytes", RECORD_LABELS_MAX);
    r->id = 0;
    r->received_us = 0;
    r->labels = (struct slice){ labels.s, labels.used };
    enum err e = journal_append_wait(d->journal, r, NULL, fault);
    if (e == ERR_BUSY && forget_as_wished(d))
        e = journal_append_wait(d->journal, r, NULL, fault);
    (void)pthread_mutex_lock(&d->lock);
    d->added += e == OK;
    d->full += e == ERR_BUSY;
    (void)pthread_mutex_unlock(&d->lock);
    if (e == ERR_BUSY) {
        (void)fail_in(fault, "the dead letters are full: ");
        fail_hint(fault, "homeostat deadletter ls shows them; replay or forget some");
    }
    return e;
}

enum err dead_add_count(struct dead *d, const struct dead_note *n, uint64_t first, uint64_t count, struct fault *fault)
{
    struct record r = { .kind = RECORD_OTLP_LOGS, .form = FORM_PROTOBUF };
    return append(d, n, &(struct about){ "count", first, 0, count, 0, { 0 } }, &r, fault);
}

/* What is too large even for here leaves at least its number and its reason. */
static enum err or_count(struct dead *d, enum err e, const struct dead_note *n, uint64_t record, uint64_t count, struct fault *fault)
{
    if (e != ERR_INPUT && e != ERR_LIMIT)
        return e;
    char why[DEAD_WHY_MAX + 1];
    (void)snprintf(why, sizeof why, "(not kept: %.90s) %.130s", fault ? fault->text : "too large", n->why);
    return dead_add_count(d, &(struct dead_note){ n->sink, why, n->of }, record, count, fault);
}

enum err dead_add_event(struct dead *d, const struct dead_note *n, const struct event *event, struct fault *fault)
{
    static const enum record_kind kinds[] = { [EVENT_LOG] = RECORD_OTLP_LOGS, [EVENT_POINT] = RECORD_OTLP_METRICS, [EVENT_SPAN] = RECORD_OTLP_TRACES };
    struct fault own;
    struct text  body CLEANUP(text_done);
    text_init(&body, RECORD_BODY_MAX);
    enum err      e = event_encode(&event, 1, &body, fault = fault ? fault : &own);
    struct record r = { .kind = kinds[event->type], .form = FORM_PROTOBUF, .events = 1, .tenant = event->tenant, .source = event->source, .body = { body.s, body.used } };
    if (e == OK)
        e = append(d, n, &(struct about){ "event", event->record, event->index, 1, event->received_us, { 0 } }, &r, fault);
    return or_count(d, e, n, event->record, 1, fault);
}

enum err dead_add_record(struct dead *d, const struct dead_note *n, const struct record *record, struct fault *fault)
{
    struct fault  own;
    struct record r = *record;
    enum err      e = append(d, n, &(struct about){ "whole", record->id, 0, record->events, record->received_us, record->labels }, &r, fault = fault ? fault : &own);
    return or_count(d, e, n, record->id, record->events, fault);
}

/* ---- reading ---- */

static enum err next(struct dead *d, uint64_t from, struct dead_letter *l, struct fault *fault)
{
    struct record r;
    if (from <= d->forgotten)
        from = d->forgotten + 1;
    if (from != d->next) {
        d->next = 0;
        enum err e = journal_seek(d->kept, from, false, fault);
        if (e != OK)
            return e;
    }
    enum err e = journal_read(d->kept, &r, fault);
    d->next = e == OK ? r.id + 1 : 0;
    return e == OK ? dead_letter_read(&r, l, fault) : e;
}

enum err dead_next(struct dead *d, uint64_t from, struct dead_letter *l, struct fault *fault)
{
    struct journal_stats s;
    journal_stats(d->journal, &s);
    if (from > s.last_id || s.first_id > s.last_id)
        return ERR_MISSING;
    (void)pthread_mutex_lock(&d->lock);
    enum err e = next(d, from, l, fault);
    (void)pthread_mutex_unlock(&d->lock);
    return e;
}

enum err dead_forget(struct dead *d, uint64_t id, struct fault *fault)
{
    struct journal_stats s;
    journal_stats(d->journal, &s);
    if (id > s.last_id)
        return fail(fault, ERR_MISSING, "there is no letter %" PRIu64 " yet; the last one is %" PRIu64, id, s.last_id);
    (void)pthread_mutex_lock(&d->lock);
    enum err e = journal_commit(d->kept, id, fault);
    if (e == OK && id > d->forgotten)
        d->forgotten = id;
    (void)pthread_mutex_unlock(&d->lock);
    return e;
}

void dead_stats(struct dead *d, struct dead_stats *s)
{
    struct journal_stats j;
    journal_stats(d->journal, &j);
    (void)pthread_mutex_lock(&d->lock);
    *s = (struct dead_stats){ .first_id = d->forgotten + 1 > j.first_id ? d->forgotten + 1 : j.first_id, .last_id = j.last_id, .added = d->added, .full = d->full, .bytes = j.bytes };
    (void)pthread_mutex_unlock(&d->lock);
}

/* ---- replay ---- */

enum err dead_replay_read(struct dead *d, const char *sink, struct dead_replay *r, struct fault *fault)
{
    (void)forget_as_wished(d);                /* a worker asks every few seconds, so this is a good moment */
    return dead_notes_read(d->folder, sink, r, fault);
}

static enum err want(const char *folder, const char *sink, uint64_t last, struct dead_replay *r, struct fault *fault)
{
    enum err e = dead_notes_read(folder, sink, r, fault);
    if (e != OK || r->until >= last)
        return e;
    r->until = last;
    return dead_notes_want(folder, sink, last, fault);
}

enum err dead_want_replay(struct dead *d, const char *sink, struct dead_replay *r, struct fault *fault)
{
    struct journal_stats s;
    journal_stats(d->journal, &s);
    return want(d->folder, sink, s.last_id, r, fault);
}

enum err dead_replay_done(struct dead *d, const char *sink, uint64_t id, struct fault *fault)
{
    struct dead_replay r;
    enum err           e = dead_notes_read(d->folder, sink, &r, fault);
    return e != OK || r.done >= id ? e : dead_notes_done(d->folder, sink, id, fault);
}

/* ---- from outside ---- */

struct dead_view { char folder[DEAD_PATH_MAX]; struct journal_view *view; uint64_t forgotten; };

enum err dead_view_open(const char *journal_folder, struct dead_view **out, struct fault *fault)
{
    *out = NULL;
    struct dead_view *v = calloc(1, sizeof *v);
    if (!v)
        return fail(fault, ERR_LIMIT, "no memory for dead letters");
    enum err e = dead_folder_of(journal_folder, v->folder, sizeof v->folder, fault);
    if (e == OK && access(v->folder, F_OK) != 0) {
        bool never = errno == ENOENT && access(journal_folder, X_OK) == 0;      /* which only who may look into the journal's folder can say */
        int  why = errno;
        e = never ? fail(fault, ERR_MISSING, "%.300s is not there: no event was ever refused", v->folder)
                  : fail(fault, ERR_IO, "cannot look for dead letters in %.300s: %s", journal_folder, strerror(why));
        if (why == ENOENT && !never)
            fail_hint(fault, "the journal is made when Homeostat runs with ingest.enabled: yes; --config or --folder says where it is");
        else if (why == EACCES)
            fail_hint(fault, "it is for root and the user that Homeostat runs as");
    }
    if (e == OK)
        e = journal_view_open(v->folder, &v->view, fault);
    if (e != OK) {
        free(v);
        return e;
    }
    struct journal_progress list[JOURNAL_CONSUMERS_MAX];
    uint64_t                wished;
    v->forgotten = forgotten_of(list, journal_view_progress(v->view, list, JOURNAL_CONSUMERS_MAX));
    if (dead_notes_forget_read(v->folder, &wished, fault) == OK && wished > v->forgotten)
        v->forgotten = wished;                /* it will be, as soon as somebody runs */
    *out = v;
    return OK;
}

void dead_view_close(struct dead_view *v)
{
    if (!v)
        return;
    journal_view_close(v->view);
    free(v);
}

enum err dead_view_next(struct dead_view *v, uint64_t from, struct dead_letter *l, struct fault *fault)
{
    struct record r;
    enum err      e = journal_view_read(v->view, from > v->forgotten ? from : v->forgotten + 1, &r, fault);
    return e == OK ? dead_letter_read(&r, l, fault) : e;
}

enum err dead_view_replay_read(struct dead_view *v, const char *sink, struct dead_replay *r, struct fault *fault) { return dead_notes_read(v->folder, sink, r, fault); }

static enum err last_of(struct dead_view *v, uint64_t *last, struct fault *fault)
{
    struct journal_segment *list = calloc(SEGMENTS_MAX, sizeof *list);
    if (!list)
        return fail(fault, ERR_LIMIT, "no memory for a list of segments");
    size_t n = journal_view_segments(v->view, list, SEGMENTS_MAX);
    *last = 0;
    for (size_t i = 0; i < n; i++)
        if (!list[i].free && list[i].last_id > *last)
            *last = list[i].last_id;
    free(list);
    return OK;
}

enum err dead_view_want_replay(struct dead_view *v, const char *sink, struct dead_replay *r, struct fault *fault)
{
    uint64_t last;
    enum err e = last_of(v, &last, fault);
    return e == OK ? want(v->folder, sink, last, r, fault) : e;
}

enum err dead_view_want_forget(struct dead_view *v, uint64_t id, struct fault *fault)
{
    uint64_t last, wanted;
    enum err e = last_of(v, &last, fault);
    if (e == OK && id > last)
        e = fail(fault, ERR_MISSING, "there is no letter %" PRIu64 "; the last one is %" PRIu64, id, last);
    if (e == OK)
        e = dead_notes_forget_read(v->folder, &wanted, fault);
    return e != OK || wanted >= id ? e : dead_notes_forget_want(v->folder, id, fault);
}
