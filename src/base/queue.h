/*
 * base/queue.h - a bounded queue of pointers between threads.
 *
 * Full means the sender is told (ERR_BUSY), never that something is dropped.
 * Whoever takes a pointer out owns it.  A wake function is called after each
 * put, outside the lock (uv_async_send for an event loop; NULL for waiters).
 */
#ifndef BASE_QUEUE_H
#define BASE_QUEUE_H

#include "base/err.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct queue {
    pthread_mutex_t lock;
    pthread_cond_t  filled;
    void          **items;
    size_t          head, count, bound;
    bool            closed;
    void          (*wake)(void *ctx);
    void           *wake_ctx;
};

MUST_CHECK enum err queue_init(struct queue *q, size_t bound, void (*wake)(void *), void *ctx, struct fault *fault);
void   queue_done(struct queue *q);                     /* must be empty and unused */
MUST_CHECK enum err queue_put(struct queue *q, void *item, struct fault *fault);  /* ERR_BUSY when full, ERR_STATE when closed */
void  *queue_take(struct queue *q);                     /* NULL when empty */
void  *queue_wait(struct queue *q, int64_t timeout_us); /* NULL on time-out or closed and empty; timeout_us < 0: for ever */
void   queue_close(struct queue *q);                    /* no more puts; waiters wake up */
size_t queue_length(struct queue *q);

#endif
