/* sensor/probe_name.c - see probe_name.h. */
#include "sensor/probe_name.h"

#include <math.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

double probe_now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/*
 * A look-up cannot be cut short, so it has a thread; whoever comes last, the thread or its owner, frees what they share. There is one of
 * these for each probe at most.
 */
struct probe_pending {
    pthread_mutex_t lock;
    pthread_cond_t  changed;
    bool            done, left;
    int             error;
    double          began_s;
    probe_resolver *resolve;
    size_t          count;
    char            address[PROBE_ADDRESSES_MAX][PROBE_ADDRESS_SIZE];
    char            name[1024];
};

enum { LOOK_UP_STACK = 512 * 1024 };

static void pending_done(struct probe_pending *p)
{
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->changed);
    free(p);
}

static int system_resolve(const char *name, struct addrinfo **found)
{
    return getaddrinfo(name, NULL, &(struct addrinfo){ .ai_socktype = SOCK_STREAM }, found);
}

static void *look_up_alone(void *ctx)
{
    struct probe_pending *p = ctx;
    struct addrinfo      *found = NULL;
    int                   error = p->resolve(p->name, &found);
    /* until it is done this is nobody else's: the addresses need no lock */
    for (struct addrinfo *a = error ? NULL : found; a && p->count < PROBE_ADDRESSES_MAX; a = a->ai_next)
        p->count += getnameinfo(a->ai_addr, a->ai_addrlen, p->address[p->count], PROBE_ADDRESS_SIZE, NULL, 0, NI_NUMERICHOST) == 0;
    if (found)
        freeaddrinfo(found);
    pthread_mutex_lock(&p->lock);
    p->error  = error;
    p->done   = true;
    bool last = p->left;
    pthread_cond_signal(&p->changed);
    pthread_mutex_unlock(&p->lock);
    if (last)
        pending_done(p);
    return NULL;
}

void probe_pending_free(struct probe_pending *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    bool last = p->done;
    p->left   = true;
    pthread_mutex_unlock(&p->lock);
    if (last)
        pending_done(p);
}

static bool pending_is_done(struct probe_pending *p)
{
    pthread_mutex_lock(&p->lock);
    bool done = p->done;
    pthread_mutex_unlock(&p->lock);
    return done;
}

static struct probe_pending *pending_new(const char *name, probe_resolver *resolve)
{
    struct probe_pending *p = calloc(1, sizeof *p);
    pthread_condattr_t    clock;
    pthread_attr_t        how;
    pthread_t             thread;
    if (!p)
        return NULL;
    snprintf(p->name, sizeof p->name, "%s", name);
    p->resolve = resolve ? resolve : system_resolve;
    p->began_s = probe_now_s();
    pthread_mutex_init(&p->lock, NULL);
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&p->changed, &clock);
    pthread_condattr_destroy(&clock);
    pthread_attr_init(&how);
    pthread_attr_setdetachstate(&how, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&how, LOOK_UP_STACK);
    int error = pthread_create(&thread, &how, look_up_alone, p);
    pthread_attr_destroy(&how);
    if (error) {
        pending_done(p);
        return NULL;
    }
    return p;
}

static bool cancelled(const atomic_bool *cancel) { return cancel && atomic_load(cancel); }

static enum probe_class class_of_error(int error, size_t found)
{
    if (!error && found)
        return PROBE_CLASS_NONE;
#ifdef EAI_NODATA
    if (error == EAI_NODATA)
        return PROBE_CLASS_DNS_NO_NAME;
#endif
    return !error || error == EAI_NONAME ? PROBE_CLASS_DNS_NO_NAME : PROBE_CLASS_DNS;
}

/* Until it is done, the time is over, or nobody wants to know any more. */
static bool wait_for(struct probe_pending *p, double until_s, const atomic_bool *cancel)
{
    pthread_mutex_lock(&p->lock);
    while (!p->done && probe_now_s() < until_s && !cancelled(cancel)) {
        double          soon = probe_now_s() + 0.1, to = until_s < soon ? until_s : soon;       /* cancel is looked at now and then */
        struct timespec at   = { (time_t)to, (long)((to - floor(to)) * 1e9) };
        pthread_cond_timedwait(&p->changed, &p->lock, &at);
    }
    bool done = p->done;
    pthread_mutex_unlock(&p->lock);
    return done;
}

struct probe_name probe_name_find(const char *name, const struct probe_question *q, struct probe_pending **pending)
{
    struct probe_name     r = { .class = PROBE_CLASS_DNS };
    struct probe_pending *p = *pending;
    if (p && !pending_is_done(p)) {     /* the one before has not ended: no second beside it, and it has taken this long already */
        r.seconds = probe_now_s() - p->began_s;
        return r;
    }
    probe_pending_free(p);
    if (!(p = *pending = pending_new(name, q->resolve))) {
        r.class = PROBE_CLASS_OTHER;
        return r;
    }
    bool done = wait_for(p, p->began_s + (double)q->timeout_us / 1e6, q->cancel);
    r.seconds = probe_now_s() - p->began_s;
    if (!done)
        return r;
    r.class = class_of_error(p->error, p->count);
    r.count = p->count;
    memcpy(r.address, p->address, sizeof r.address);
    *pending = NULL;
    probe_pending_free(p);
    return r;
}
