/* receive/syslog_inside.h - what syslog_in.c (life, loop), syslog_place.c (sockets, settings) and syslog_conn.c (reading) share. */
#ifndef RECEIVE_SYSLOG_INSIDE_H
#define RECEIVE_SYSLOG_INSIDE_H

#include "receive/batch.h"
#include "receive/syslog_in.h"
#include "receive/syslog_map.h"

#include <stdatomic.h>

enum {
    SYSLOG_DATAGRAMS   = 32,                /* in one call */
    SYSLOG_DATAGRAM    = 64 * 1024,
    SYSLOG_TURN_CALLS  = 16,                /* of a socket, then the others have their turn */
    SYSLOG_READ        = 16 * 1024,
    SYSLOG_HANDSHAKE_S = 10,
    SYSLOG_PEER_SIZE   = 64
};

struct ssl_ctx_st;
struct ssl_st;

/* A listener. Its texts stay until every line of it is settled. */
struct syslog_place {
    struct syslog_place  *next;
    char                  name[CONF_NAME_MAX + 1], host[256], tenant[RECORD_TENANT_MAX + 1], source[CONF_NAME_MAX + 16];
    int                   wanted, port, fd;
    bool                  fresh;            /* while it is being put up: its socket is new */
    enum syslog_transport transport;
    size_t                message_max;
    struct ssl_ctx_st    *tls;
    uint32_t              drops;            /* as the kernel counted for this socket */
    bool                  deaf;             /* too many connections, or no file for one more: not accepting */
    struct lane           lane;
};

struct syslog_conn {
    struct syslog_conn  *next, *prev;
    struct syslog_place *place;
    int                  fd;
    struct ssl_st       *tls;
    bool                 shaking, more;     /* more: there are bytes that epoll does not tell of */
    bool                 writes;            /* TLS wants to write */
    int64_t              since_us;
    struct syslog_frames frames;
    char                *s;                 /* NULL while there is nothing of a message */
    size_t               n, room;
    char                 peer[SYSLOG_PEER_SIZE];
};

struct syslog_in {
    const struct clock  *clock;
    pthread_t            thread;
    bool                 runs;
    int                  epoll, wake;
    struct batcher       batcher;
    atomic_bool          stopping;
    pthread_mutex_t      lock;              /* over change, and over the list of places while it changes or is looked at by others */
    pthread_cond_t       heard;
    struct syslog_place *change;            /* the places there shall be; taken by the thread */
    bool                 changed;
    int64_t              delay_us;          /* of the change */
    bool                 drops_due;         /* something came since the kernel was asked what it threw away */
    struct syslog_place *places, *retired;
    struct syslog_conn  *conns;
    size_t               conns_n, shaking_n, more_n;
    atomic_size_t        conns_max;         /* SYSLOG_CONNS_MAX, or what open files allow (server.c has the shares) */
    int64_t              now_us, wall_us, drops_us, offset_at_us, heard_us;
    bool                 deaf;              /* some place is */
    int32_t              utc_offset_s;
    size_t               turn_lines;
    struct datagrams    *datagrams;         /* NULL until there is a UDP listener */
    struct syslog_log    log;
    atomic_ullong        cut, refused, lost, empty;
    atomic_llong         open;
};

/* syslog_place.c */
MUST_CHECK enum err syslog_places_new(const struct conf *conf, const struct syslog_place *were, struct syslog_place **out, struct fault *fault);
void syslog_places_drop(struct syslog_place *list);      /* with the sockets that are fresh */
void syslog_place_free(struct syslog_place *p);
void syslog_place_drops(struct syslog_in *s, struct syslog_place *p);

/* syslog_conn.c */
void syslog_datagrams(struct syslog_in *s, struct syslog_place *p);
void syslog_accept(struct syslog_in *s, struct syslog_place *p);
void syslog_conn_read(struct syslog_in *s, struct syslog_conn *c);      /* may close it */
void syslog_conn_close(struct syslog_in *s, struct syslog_conn *c, bool last);      /* last: what remains is a message */
void syslog_datagrams_free(struct datagrams *d);

#endif
