/*
 * web/stream.h - GET /events: what happens, as it happens, to whoever listens (server-sent events).
 *
 * Durable messages carry their outbox id; a client that comes back with Last-Event-ID gets everything after it, from
 * the store, before it hears the present.  They arrive at least once and consumers de-duplicate by id.  live.sample
 * and live.trial carry no id and are never repeated.
 *
 * The engine's thread only copies a message once and hangs it into queues.  Each client has a queue of its own with
 * a bound; whoever is so slow that it fills up is cut off and may come back with its Last-Event-ID.
 */
#ifndef WEB_STREAM_H
#define WEB_STREAM_H

#include "base/err.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    STREAM_QUEUE_MAX = 512,             /* messages a client may be behind */
    STREAM_BYTES_MAX = 1024 * 1024,     /* and bytes */
    STREAM_RECENT = 256,                /* durable messages kept, for those who change from the past to the present */
    STREAM_PAGE = 200                   /* events read from the store at once */
};

struct web;
struct frame;
struct subscriber;

struct stream {
    struct web        *web;
    pthread_mutex_t    lock;
    struct subscriber *first;
    int                subscribers;
    struct frame      *recent[STREAM_RECENT];   /* a ring; the oldest at recent_at */
    int                recent_at, recent_count;
    int64_t            evicted_id;              /* the highest id that has left the ring; what is not in the ring is at most this */
    int                handle;                  /* at the engine's bus */
    bool               ending;
};

void stream_open(struct stream *s, struct web *w);     /* subscribes at the engine */
void stream_end(struct stream *s);                     /* every client's stream ends; new ones are refused */
void stream_done(struct stream *s);                    /* no client is left */
void stream_tick(struct stream *s, int64_t mono_us);   /* heartbeats, tokens that have ended */

/* One message as text of the protocol: id (0: none), event, and the data with each line marked. The caller frees it. */
char *stream_format(int64_t id, const char *topic, const char *payload, size_t *size);

#endif
