/* base/queue.c - a ring under a mutex. */
#include "base/queue.h"

#include "base/clock.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>

enum err queue_init(struct queue *q, size_t bound, void (*wake)(void *), void *ctx, struct fault *fault)
{
    *q = (struct queue){ .bound = bound, .wake = wake, .wake_ctx = ctx };
    q->items = calloc(bound, sizeof *q->items);
    if (!q->items)
        return fail(fault, ERR_LIMIT, "no memory for a queue of %zu", bound);
    pthread_mutex_init(&q->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&q->filled, &attr);
    pthread_condattr_destroy(&attr);
    return OK;
}

void queue_done(struct queue *q)
{
    if (!q->items)
        return;
    assert(q->count == 0);
    pthread_mutex_destroy(&q->lock);
    pthread_cond_destroy(&q->filled);
    free(q->items);
    q->items = NULL;
}

enum err queue_put(struct queue *q, void *item, struct fault *fault)
{
    assert(item);
    pthread_mutex_lock(&q->lock);
    bool closed = q->closed, full = q->count == q->bound;
    if (!closed && !full) {
        q->items[(q->head + q->count++) % q->bound] = item;
        pthread_cond_signal(&q->filled);
    }
    pthread_mutex_unlock(&q->lock);
    if (closed)
        return fail(fault, ERR_STATE, "the queue is closed: the program is stopping");
    if (full)
        return fail(fault, ERR_BUSY, "the queue is full (%zu waiting)", q->bound);
    if (q->wake)
        q->wake(q->wake_ctx);
    return OK;
}

static void *take_locked(struct queue *q)
{
    if (q->count == 0)
        return NULL;
    void *item = q->items[q->head];
    q->head = (q->head + 1) % q->bound;
    q->count--;
    return item;
}

void *queue_take(struct queue *q)
{
    pthread_mutex_lock(&q->lock);
    void *item = take_locked(q);
    pthread_mutex_unlock(&q->lock);
    return item;
}

void *queue_wait(struct queue *q, int64_t timeout_us)
{
    int64_t         until = clock_mono_us(&clock_real) + (timeout_us < 0 ? 0 : timeout_us);
    struct timespec at = { .tv_sec = until / US_PER_S, .tv_nsec = until % US_PER_S * 1000 };
    pthread_mutex_lock(&q->lock);
    while (q->count == 0 && !q->closed) {
        if (timeout_us < 0)
            pthread_cond_wait(&q->filled, &q->lock);
        else if (pthread_cond_timedwait(&q->filled, &q->lock, &at) == ETIMEDOUT)
            break;
    }
    void *item = take_locked(q);
    pthread_mutex_unlock(&q->lock);
    return item;
}

void queue_close(struct queue *q)
{
    pthread_mutex_lock(&q->lock);
    q->closed = true;
    pthread_cond_broadcast(&q->filled);
    pthread_mutex_unlock(&q->lock);
}

size_t queue_length(struct queue *q)
{
    pthread_mutex_lock(&q->lock);
    size_t n = q->count;
    pthread_mutex_unlock(&q->lock);
    return n;
}
