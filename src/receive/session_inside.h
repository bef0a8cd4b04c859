/* receive/session_inside.h - what session.c, session_http1.c and session_http2.c share. */
#ifndef RECEIVE_SESSION_INSIDE_H
#define RECEIVE_SESSION_INSIDE_H

#include "receive/http1.h"
#include "receive/session.h"

#include <nghttp2/nghttp2.h>

enum { SESSION_OUT_MAX = 256 * 1024, SESSION_OUT_STEP = 64 * 1024, SESSION_FLOOD_BURST = 2000, SESSION_FLOOD_PER_S = 200, SESSION_FLOOD_ANSWER = 4 };

struct session {
    struct session_host       *host;
    void                      *user;
    const struct session_door *door;
    enum session_speech        speech;
    struct exchange           *first;           /* all that are not freed and not gone */
    size_t                     under_way;       /* of them: not ANSWERED */
    struct buffer              held;            /* bytes that were read and must wait */
    struct buffer              out;
    size_t                     out_sent;
    struct head                head;            /* of the request whose head is being read */
    int64_t                    began_us, moved_us, head_us /* a head began */, paused_us /* 0: not */;
    uint64_t                   requests;
    bool                       closing, broken, lingers, draining;
    /* HTTP/1.1 */
    struct http1               http1;
    struct exchange           *current;
    bool                       keep_alive, tells_keep /* to a client of HTTP/1.0, which expects the end otherwise */;
    /* HTTP/2 */
    nghttp2_session           *http2;
    size_t                     head_n, withheld;
    bool                       head_over;
    int64_t                    flood, flood_us;
};

/* Is this request to be read at all? False: the answer says why not. */
bool session_judge(struct session *s, const struct head *h, bool http2, struct exchange *x);
/* A head is complete: an exchange for it, judged. NULL: no memory. */
struct exchange *session_begin(struct session *s, const struct head *h, int32_t stream, bool *refused);
/* Bytes of its body. False: refused, see the answer. */
bool session_take(struct session *s, struct exchange *x, const char *bytes, size_t n);
void session_complete(struct session *s, struct exchange *x);
/* Take it out of the session's list and free it, or leave it to the host. */
void session_leave(struct session *s, struct exchange *x);
void session_out(struct session *s, const void *bytes, size_t n);
/* Count an answer that is about to go out. */
void session_counted(struct session *s, struct exchange *x);

void session_http1_start(struct session *s);
void session_http1_feed(struct session *s, struct slice in);
void session_http1_answer(struct session *s, struct exchange *x);

bool session_http2_start(struct session *s);
bool session_http2_feed(struct session *s, const char *bytes, size_t n);
void session_http2_pull(struct session *s);
void session_http2_answer(struct session *s, struct exchange *x);
void session_http2_consume(struct session *s, struct exchange *x, size_t n);
void session_http2_give_back(struct session *s);

#endif
