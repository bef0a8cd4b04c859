/*
 * engine/relay.c - from the outbox to the bus: at least once, in order per case.
 *
 * Messages are published in the order in which they were committed, and marked
 * in the next transaction.  A crash in between publishes them again; they carry
 * the same id, so a consumer can tell.
 */
#include "base/crash.h"
#include "base/log.h"
#include "base/text.h"
#include "engine/inside.h"

#include <string.h>

static void count_topic(struct counters *c, const char *topic)
{
    for (int i = 0; i < TOPICS_MAX; i++) {
        if (!c->published[i].topic[0])
            (void)text_copy(c->published[i].topic, sizeof c->published[i].topic, topic);
        if (strcmp(c->published[i].topic, topic) == 0) {
            c->published[i].n++;
            return;
        }
    }
}

static void publish_row(void *ctx, int64_t id, const char *topic, const char *key, const char *payload)
{
    struct engine *e = ctx;
    e->marks[e->marks_count++] = id;
    if (id <= e->published_to)
        return;   /* published in this life already, only the mark is missing: its turn was lost */
    CRASH_POINT(CRASH_BEFORE_PUBLISH);
    bus_publish(e, &(struct bus_message){ .outbox_id = id, .topic = topic, .key = key, .payload = payload });
    CRASH_POINT(CRASH_AFTER_PUBLISH);
    e->published_to = id;
    count_topic(&e->count, topic);
}

void relay_run(struct engine *e)
{
    enum { BATCH = (int)(sizeof e->marks / sizeof e->marks[0]) };
    if (!e->outbox_waits || e->degraded[0] || e->marks_count > 0)
        return;
    struct fault fault = { 0 };
    e->outbox_waits = false;
    if (store_outbox_waiting(e->store, BATCH, publish_row, e, &fault) != OK) {
        log_fault(LOG_ERROR, "the outbox cannot be read", &fault);
        e->outbox_waits = true;
        return;
    }
    if (e->marks_count == BATCH)
        e->outbox_waits = true;
    if (e->marks_count > 0)
        uv_async_send(&e->wake);   /* the marks go with the next turn, at once */
}

enum err relay_mark(struct engine *e, struct fault *fault)
{
    int64_t now = clock_wall_us(e->clock);
    for (int i = 0; i < e->marks_count; i++) {
        enum err err = store_outbox_mark(e->store, e->marks[i], now, fault);
        if (err != OK)
            return err;
        CRASH_POINT(CRASH_AFTER_MARK);
    }
    e->marks_count = 0;
    return OK;
}

/* ---- the bus ---- */

void bus_publish(struct engine *e, const struct bus_message *m)
{
    pthread_mutex_lock(&e->bus_lock);
    for (int i = 0; i < e->subscribers; i++)
        e->subscriber[i].f(e->subscriber[i].ctx, m);
    pthread_mutex_unlock(&e->bus_lock);
}

int engine_subscribe(struct engine *e, bus_callback *f, void *ctx)
{
    pthread_mutex_lock(&e->bus_lock);
    int handle = e->subscribers < SUBSCRIBERS_MAX ? ++e->next_handle : -1;
    if (handle > 0)
        e->subscriber[e->subscribers++] = (struct subscriber){ handle, f, ctx };
    pthread_mutex_unlock(&e->bus_lock);
    return handle;
}

void engine_unsubscribe(struct engine *e, int handle)
{
    pthread_mutex_lock(&e->bus_lock);
    for (int i = 0; i < e->subscribers; i++)
        if (e->subscriber[i].handle == handle) {
            memmove(&e->subscriber[i], &e->subscriber[i + 1], (size_t)(e->subscribers - i - 1) * sizeof e->subscriber[0]);
            e->subscribers--;
            break;
        }
    pthread_mutex_unlock(&e->bus_lock);
}
