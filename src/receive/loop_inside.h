/* receive/loop_inside.h - what loop.c (the thread), conn.c (one connection) and append.c (to the journal and back) share. */
#ifndef RECEIVE_LOOP_INSIDE_H
#define RECEIVE_LOOP_INSIDE_H

#include "receive/loop.h"

#include <sys/epoll.h>

struct ssl_st;

enum { LOOP_EVENTS = 64, LOOP_ACCEPTS = 64, LOOP_READS = 4, LOOP_PRESSED_READ = 16 * 1024, LOOP_LINGER_US = 2000000, LOOP_TICK_FAST_US = 20000, LOOP_TICK_US = 500000 };

/* What epoll gives back points to one of these. */
enum loop_source { SOURCE_WAKE, SOURCE_TIMER, SOURCE_LISTENER, SOURCE_CONN };

struct listener {
    enum loop_source source;
    struct listener *next;
    char             name[CONF_NAME_MAX + 1];
    int              fd;                 /* -1: removed, its connections still end */
    struct door     *door;
    size_t           conns;
};

struct conn {
    enum loop_source source;
    struct conn     *prev, *next, *dirty_next, *closed_next, *held_next;
    struct loop     *loop;
    struct listener *listener;
    int              fd;
    uint32_t         armed;
    struct ssl_st   *tls;
    bool             shaking, paused, eof, dirty, closed, lingering, stuck, held, more;     /* more: the last read filled its room, so TLS may hold bytes that epoll does not see */
    int64_t          since_us;           /* accepted; later: lingering or stuck since */
    struct session  *session;            /* NULL while shaking hands */
};

struct loop {
    struct session_host  host;           /* first: callbacks of sessions get it */
    struct loop_common  *common;
    struct receive_conf  conf;
    struct intake        intake;
    struct receive_stats stats;
    pthread_t            thread;
    int                  epoll, wake, timer;
    int64_t              tick_us;        /* what the timer is set to; 0: off */
    struct listener     *listeners;
    struct conn         *conns, *dirty, *closed;
    struct conn         *held;           /* to be read from before anybody sleeps */
    size_t               conns_n, paused_n;
    bool                 accept_paused, stopping;
    int64_t              stop_us, accept_us;         /* since when it stops; when accepting was paused */
    struct exchange     *parked, *parked_last;       /* complete, but the journal had no room */
    size_t               outstanding;                /* with the journal */
    _Atomic(struct exchange *) done;                 /* pushed by the journal's thread, last first */
    atomic_int           ringing;                    /* calls of the journal that are at `wake` */
    /* Told from outside. */
    pthread_mutex_t      lock;
    pthread_cond_t       heard;
    const struct loop_change *change;
    bool                 stop_wanted;
    char                *bytes;                      /* SESSION_READ_MAX, for every read */
};

/* conn.c */
void conn_accept(struct loop *l, struct listener *from);
void conn_event(struct conn *c, uint32_t events);
void conn_flush(struct conn *c);
void conn_mark(struct conn *c);              /* flush it before going to sleep */
void conn_resume(struct conn *c);
void conn_held_take(struct loop *l);         /* what TLS holds */
void conn_tick(struct conn *c);
void conn_close(struct conn *c);

/* append.c */
void append_complete(struct session_host *h, struct exchange *x);
void append_message(struct session_host *h, struct exchange *x, struct slice message, bool packed);
void append_forget(struct session_host *h, struct exchange *x);
void append_done_take(struct loop *l);       /* what became durable */
void append_parked_retry(struct loop *l);

bool loop_pressed(struct loop *l);

#endif
