/* receive/batch.c - see batch.h. */
#include "receive/batch.h"

#include "base/clock.h"
#include "base/log.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>

enum { BODY_MAX = 8 * 1024 * 1024, SPARE_ROOM_MAX = 1024 * 1024 };

void batcher_init(struct batcher *b, struct journal *j, int64_t delay_us, int wake, batch_settled *settled, void *ctx)
{
    *b = (struct batcher){ .journal = j, .delay_us = delay_us, .wake = wake, .settled = settled, .ctx = ctx };
    (void)pthread_mutex_init(&b->lock, NULL);
}

static void batch_free(struct batch *x)
{
    text_done(&x->body);
    free(x->marks);
    free(x);
}

void batcher_done(struct batcher *b)
{
    assert(!b->first && !b->lanes);
    for (struct batch *x; (x = b->spare);) {
        b->spare = x->next;
        batch_free(x);
    }
    (void)pthread_mutex_destroy(&b->lock);
}

bool batcher_room(struct batcher *b)
{
    (void)pthread_mutex_lock(&b->lock);
    bool room = b->counts.waiting_bytes < BATCHER_MAX && b->retry_us == 0;
    (void)pthread_mutex_unlock(&b->lock);
    if (room)
        room = journal_has_room(b->journal, BATCH_BYTES);
    (void)pthread_mutex_lock(&b->lock);
    b->counts.held = !room;
    (void)pthread_mutex_unlock(&b->lock);
    return room;
}

/* ---- gathering ---- */

static struct batch *batch_take(struct batcher *b)
{
    struct batch *x = b->spare;
    if (x) {
        b->spare = x->next;
        b->spare_n--;
    } else if ((x = calloc(1, sizeof *x)))
        text_init(&x->body, BODY_MAX);
    return x;
}

static void batch_give(struct batcher *b, struct batch *x)
{
    if (b->spare_n >= BATCH_SPARE_MAX || x->body.room > SPARE_ROOM_MAX) {
        batch_free(x);
        return;
    }
    text_clear(&x->body);
    x->marks_n = 0;
    x->note[0] = '\0';
    x->next = b->spare;
    b->spare = x;
    b->spare_n++;
}

static bool mark_set(struct batch *x, const struct batch_mark *mark)
{
    for (size_t i = x->marks_n; i > 0; i--)          /* most often the last one */
        if (x->marks[i - 1].of == mark->of) {
            x->marks[i - 1] = *mark;
            return true;
        }
    if (x->marks_n == x->marks_room) {
        size_t             room = x->marks_room ? x->marks_room * 2 : 8;
        struct batch_mark *more = realloc(x->marks, room * sizeof *more);
        if (!more)
            return false;
        x->marks = more;
        x->marks_room = room;
    }
    x->marks[x->marks_n++] = *mark;
    return true;
}

static void waiting_add(struct batcher *b, uint64_t lines, uint64_t bytes, int64_t waiting)
{
    (void)pthread_mutex_lock(&b->lock);
    b->counts.lines += lines;
    b->counts.bytes += bytes;
    b->counts.waiting_bytes += waiting;
    (void)pthread_mutex_unlock(&b->lock);
}

/* Puts what is open behind what was closed before. */
static void lane_close(struct lane *l)
{
    struct batcher *b = l->owner;
    struct batch   *x = l->open;
    enum err        e = event_lines_end(&x->lines, NULL);
    assert(e == OK);      /* checked after each line */
    (void)e;
    l->open = NULL;
    for (struct lane **at = &b->lanes; *at; at = &(*at)->next)
        if (*at == l) {
            *at = l->next;
            break;
        }
    x->state = BATCH_CLOSED;
    x->lane = NULL;
    x->next = NULL;
    *(b->first ? &b->last->next : &b->first) = x;
    b->last = x;
}

static struct batch *lane_open(struct lane *l, const struct batch_origin *origin, int64_t now_us)
{
    struct batcher *b = l->owner;
    struct batch   *x = batch_take(b);
    if (!x)
        return NULL;
    x->owner = b;
    x->lane = l;
    x->tenant = l->tenant;
    x->source = l->source;
    x->events = 0;
    x->waiting = 0;
    x->opened_us = now_us;
    x->state = BATCH_OPEN;
    event_lines_begin(&x->lines, &x->body, &origin->attrs, l->scope);
    l->origin = origin->id;
    l->open = x;
    l->next = b->lanes;
    b->lanes = l;
    return x;
}

bool lane_add(struct lane *l, const struct batch_origin *origin, const struct log_event *log, const struct attrs *attrs, const struct batch_mark *mark, const char *note, int64_t now_us)
{
    bool          fresh = !l->open;
    struct batch *x = fresh ? lane_open(l, origin, now_us) : l->open;
    if (!x || (mark && !mark_set(x, mark)))
        return false;
    size_t before = fresh ? 0 : x->body.used;
    if (l->origin != origin->id) {
        if (event_lines_end(&x->lines, NULL) != OK)
            return false;
        event_lines_begin(&x->lines, &x->body, &origin->attrs, l->scope);
        l->origin = origin->id;
    }
    event_lines_add(&x->lines, log, attrs);
    assert(!x->body.cut);      /* closed long before; a text is bounded */
    x->events++;
    if (note)
        (void)text_copy(x->note, sizeof x->note, note);
    x->waiting += (int64_t)(x->body.used - before);
    waiting_add(l->owner, 1, log->body.as.text.n, (int64_t)(x->body.used - before));
    if (x->body.used >= BATCH_BYTES)
        lane_close(l);
    return true;
}

/* ---- appending ---- */

/* On the journal's thread. The lock is held over the write, so that who saw the state knows that this is over. */
static void on_durable(void *ctx, uint64_t id, enum err result)
{
    struct batch   *x = ctx;
    struct batcher *b = x->owner;
    uint64_t        one = 1;
    (void)id;
    (void)pthread_mutex_lock(&b->lock);
    x->state = result == OK ? BATCH_DURABLE : BATCH_FAILED;
    if (result != OK)
        (void)snprintf(b->counts.last_error, sizeof b->counts.last_error, "lines could not be made durable, they are tried again: %s", err_text(result));
    ssize_t n = write(b->wake, &one, sizeof one);      /* fails only when it is set already */
    (void)n;
    (void)pthread_mutex_unlock(&b->lock);
}

static void settle(struct batcher *b)
{
    (void)pthread_mutex_lock(&b->lock);
    for (struct batch *x; (x = b->first) && (x->state == BATCH_DURABLE || x->state == BATCH_REFUSED);) {
        if (!(b->first = x->next))
            b->last = NULL;
        b->counts.records += x->state == BATCH_DURABLE;
        b->counts.waiting_bytes -= x->waiting;
        (void)pthread_mutex_unlock(&b->lock);
        if (b->settled)
            b->settled(b->ctx, x);
        batch_give(b, x);
        (void)pthread_mutex_lock(&b->lock);
    }
    (void)pthread_mutex_unlock(&b->lock);
}

/* False: not now. What cannot ever be kept is counted and dropped. */
static bool append_one(struct batcher *b, struct batch *x, int64_t now_us)
{
    struct fault  fault = { 0 };
    struct record r = { .kind = RECORD_LINES, .form = FORM_PROTOBUF, .events = x->events, .tenant = x->tenant, .source = x->source, .body = { x->body.s, x->body.used } };
    (void)pthread_mutex_lock(&b->lock);
    int was = (int)x->state;
    if (was == BATCH_CLOSED || was == BATCH_FAILED)
        x->state = BATCH_ON_ITS_WAY;
    (void)pthread_mutex_unlock(&b->lock);
    if (was != BATCH_CLOSED && was != BATCH_FAILED)
        return true;
    enum err e = journal_append(b->journal, &r, on_durable, x, &fault);
    if (e == OK)
        return true;
    (void)pthread_mutex_lock(&b->lock);
    x->state = BATCH_CLOSED;
    if (e == ERR_INPUT) {
        x->state = BATCH_REFUSED;
        b->counts.lost += x->events;
    }
    if (e != ERR_BUSY)
        (void)text_copy(b->counts.last_error, sizeof b->counts.last_error, fault.text);
    (void)pthread_mutex_unlock(&b->lock);
    if (e != ERR_INPUT)
        b->retry_us = now_us + BATCH_RETRY_US;
    return e == ERR_INPUT;
}

static void append_all(struct batcher *b, int64_t now_us)
{
    if (now_us < b->retry_us)
        return;
    b->retry_us = 0;
    for (struct batch *x = b->first; x && append_one(b, x, now_us); x = x->next)
        ;
}

int64_t batcher_turn(struct batcher *b, int64_t now_us)
{
    int64_t wait = -1;
    for (struct lane *l = b->lanes, *next; l; l = next) {
        next = l->next;
        int64_t left = l->open->opened_us + b->delay_us - now_us;
        if (left <= 0)
            lane_close(l);
        else if (wait < 0 || left < wait)
            wait = left;
    }
    append_all(b, now_us);
    settle(b);
    if (b->retry_us && (wait < 0 || b->retry_us - now_us < wait))
        wait = b->retry_us > now_us ? b->retry_us - now_us : 0;
    return wait;
}

void batcher_flush(struct batcher *b, int64_t now_us)
{
    while (b->lanes)
        lane_close(b->lanes);
    append_all(b, now_us);
    settle(b);
}

bool batcher_empty(struct batcher *b) { return !b->first && !b->lanes; }

uint64_t batcher_give_up(struct batcher *b)
{
    uint64_t events = 0;
    while (b->lanes)
        lane_close(b->lanes);
    for (struct batch *x; (x = b->first);) {
        (void)pthread_mutex_lock(&b->lock);
        int state = (int)x->state;
        (void)pthread_mutex_unlock(&b->lock);
        if (state == BATCH_ON_ITS_WAY) {
            (void)nanosleep(&(struct timespec){ .tv_nsec = 1000 * 1000 }, NULL);
            continue;
        }
        if (state == BATCH_DURABLE && events == 0) {      /* only while nothing before it was given up */
            settle(b);
            continue;
        }
        if (!(b->first = x->next))
            b->last = NULL;
        events += state == BATCH_DURABLE ? 0 : x->events;
        batch_free(x);
    }
    return events;
}

void batcher_count(struct batcher *b, struct batch_counts *out)
{
    (void)pthread_mutex_lock(&b->lock);
    *out = b->counts;
    (void)pthread_mutex_unlock(&b->lock);
}

/* Each trouble stands in the log once, and no peer can fill it. With the lock. */
static bool is_news(struct batcher *b, uint64_t id)
{
    int64_t now_us = clock_mono_us(&clock_real);
    for (size_t i = 0; i < BATCH_TOLD; i++)
        if (b->told[i] == id)
            return false;
    if (now_us - b->told_us >= 60 * US_PER_S) {
        b->told_us = now_us;
        b->told_n = 0;
    }
    if (b->told_n >= BATCH_TOLD_A_MINUTE)
        return false;
    b->told_n++;
    b->told[b->told_at++ % BATCH_TOLD] = id;
    return true;
}

void batcher_trouble(struct batcher *b, const char *format, ...)
{
    char    text[sizeof b->counts.last_error];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    (void)pthread_mutex_lock(&b->lock);
    (void)text_copy(b->counts.last_error, sizeof b->counts.last_error, text);
    bool news = n > 0 && is_news(b, XXH3_64bits(text, strlen(text)) | 1);
    (void)pthread_mutex_unlock(&b->lock);
    if (news)
        log_warn("an input is in trouble", F("why", text));
}
