/*
 * receive/loop.h - one thread of the server: epoll over its listening sockets and connections, sessions above them, the journal below.
 * Only server.c uses it.
 */
#ifndef RECEIVE_LOOP_H
#define RECEIVE_LOOP_H

#include "receive/door.h"
#include "receive/intake.h"
#include "receive/server.h"
#include "receive/session.h"

#include <pthread.h>
#include <stdatomic.h>

/* What all loops share; belongs to the server. */
struct loop_common {
    struct journal       *journal;
    struct receive_hooks  hooks;
    const struct clock   *clock;
    struct receive_conf   conf;          /* as it was when the loop was made; later ones come with a change */
    atomic_llong          in_flight;     /* bytes */
    atomic_int            connections;
};

/* The listeners there shall be from now on. fd < 0: the one of that name that is there, with another door. */
struct loop_change {
    struct receive_conf conf;
    size_t              count;
    struct { char name[CONF_NAME_MAX + 1]; int fd; struct door *door; } of[RECEIVE_LISTENERS_MAX];
};

struct loop;
MUST_CHECK enum err loop_start(struct loop_common *common, struct loop **out, struct fault *fault);
/* Takes over fds and a hold of each door; returns when it is in force. */
void loop_set(struct loop *l, const struct loop_change *change);
/* Begin to stop; then wait for the end, which frees it. */
void loop_stop(struct loop *l);
void loop_join(struct loop *l);
void loop_stats_add(struct loop *l, struct receive_stats *to);

#endif
