/* receive/append.c - whole requests go to the journal; what became durable comes back and is answered. */
#include "receive/flight.h"
#include "receive/loop_inside.h"

#include <unistd.h>

static struct loop *loop_of(struct session_host *h) { return (struct loop *)h; }

/* Seen first by nobody: wake the loop; else it is awake, or will be. */
static void on_durable(void *ctx, uint64_t id, enum err result)
{
    struct exchange *x = ctx;
    struct loop     *l = x->owner;
    x->result = result;
    atomic_fetch_add(&l->ringing, 1);      /* l stays until this is 0 again */
    struct exchange *was = atomic_load_explicit(&l->done, memory_order_relaxed);
    do
        x->later = was;
    while (!atomic_compare_exchange_weak_explicit(&l->done, &was, x, memory_order_release, memory_order_relaxed));
    if (!was) {
        uint64_t one = 1;
        ssize_t  n = write(l->wake, &one, sizeof one);      /* fails only when it is already set */
        (void)n;
    }
    atomic_fetch_sub(&l->ringing, 1);
}

/* A Flight message is an exchange of its own, behind which its stream waits. */
static void settle(struct loop *l, struct exchange *x)
{
    struct session *s = x->of ? x->of->session : x->session;
    if (x->of)
        flight_settle(&l->host, x);
    else
        session_settle(&l->host, x);
    if (s)
        conn_mark(session_user(s));
}

static void park(struct loop *l, struct exchange *x)
{
    x->later = NULL;
    if (!x->parked_us)
        x->parked_us = l->host.now_us - x->waited_us;      /* patience is asked for once */
    if (l->parked)
        l->parked_last->later = x;
    else
        l->parked = x;
    l->parked_last = x;
}

/* False: the journal is full, nothing happened. */
static bool append_try(struct loop *l, struct exchange *x)
{
    struct fault fault = { 0 };
    x->owner = l;
    enum err e = journal_append(l->common->journal, &x->record, on_durable, x, &fault);
    if (e == OK) {
        l->outstanding++;
        exchange_drop_body(&l->host, x);                   /* the journal has a copy */
        return true;
    }
    if (e == ERR_BUSY)
        return false;
    if (e == ERR_INPUT)
        answer_refused(&x->answer, REFUSED_TOO_LARGE, "%s", fault.text);
    else
        answer_later(&x->answer, REFUSED_TROUBLE, l->conf.retry_us, "it could not be written down");
    settle(l, x);
    return true;
}

static void append_or_park(struct loop *l, struct exchange *x)
{
    if (l->parked || !append_try(l, x))
        park(l, x);
}

void append_complete(struct session_host *h, struct exchange *x)
{
    struct loop *l = loop_of(h);
    if (x->route->shape == ROUTE_HEALTH) {
        if (journal_has_room(l->common->journal, 1))
            answer_accepted(&x->answer, 0, 0, "");
        else
            answer_later(&x->answer, REFUSED_FULL, l->conf.retry_us, "the journal is full");
        settle(l, x);
    } else if (x->route->shape == ROUTE_FLIGHT)
        flight_ended(h, x);
    else if (l->parked)
        park(l, x);      /* as it came: unpacked it may be a thousand times as large */
    else if (!intake_read(&l->intake, h, x))
        settle(l, x);
    else
        append_or_park(l, x);
}

void append_message(struct session_host *h, struct exchange *x, struct slice message, bool packed)
{
    struct loop     *l = loop_of(h);
    struct exchange *part = flight_message(&l->intake, h, x, message, packed);
    if (part)
        append_or_park(l, part);
}

void append_forget(struct session_host *h, struct exchange *x) { flight_forget(h, x); }

void append_done_take(struct loop *l)
{
    struct exchange *list = atomic_exchange_explicit(&l->done, NULL, memory_order_acquire), *x, *first = NULL;
    while ((x = list)) {      /* first come, first served */
        list = x->later;
        x->later = first;
        first = x;
    }
    while ((x = first)) {
        first = x->later;
        l->outstanding--;
        if (x->result != OK)
            answer_later(&x->answer, x->result == ERR_BUSY ? REFUSED_FULL : REFUSED_TROUBLE, l->conf.retry_us, "it could not be made durable: %s",
                         err_text(x->result));
        settle(l, x);
    }
}

/* Only one of them is unpacked at a time, and only when there is room for it. */
static bool parked_try(struct loop *l, struct exchange *x)
{
    if (x->record.kind == RECORD_NONE && !journal_has_room(l->common->journal, x->body.n))
        return false;
    if (x->record.kind != RECORD_NONE || intake_read(&l->intake, &l->host, x))
        return append_try(l, x);
    settle(l, x);
    return true;
}

void append_parked_retry(struct loop *l)
{
    struct exchange *x;
    int64_t          patience = l->stopping ? 0 : l->conf.patience_us;
    while ((x = l->parked)) {
        l->parked = x->later;      /* first of all: an answer may let the next request of its connection in, and that may be parked too */
        if (parked_try(l, x))
            continue;
        if (l->host.now_us - x->parked_us < patience) {
            x->later = l->parked;
            l->parked_last = l->parked ? l->parked_last : x;
            l->parked = x;
            return;
        }
        answer_later(&x->answer, REFUSED_FULL, l->conf.retry_us, "the journal is full");
        settle(l, x);
    }
}
