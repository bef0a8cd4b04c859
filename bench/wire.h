/*
 * bench/wire.h - as little HTTP/1.1 as a measuring client needs: one keep-alive connection, one request at a time.
 *
 *     struct wire w = { .fd = -1, .port = 7433, .token = "hst_..." };
 *     if (wire_send(&w, "GET", "/case/1", NULL, NULL) && wire_receive(&w, &answer)) ...
 *
 * A call that fails closes the connection; the next wire_send() opens it anew.
 */
#ifndef BENCH_WIRE_H
#define BENCH_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WIRE_BODY_MAX = 64 * 1024, WIRE_HEAD_MAX = 8 * 1024 };

struct wire {
    int         fd;          /* -1: not connected */
    int         port;
    const char *token;
    char        in[WIRE_HEAD_MAX + WIRE_BODY_MAX];
    size_t      used;
};

struct wire_answer {
    int         status;
    int64_t     version;     /* of the ETag "v17"; 0: none */
    bool        replayed;
    const char *body;        /* in the wire's buffer, NUL at the end; until the next call */
    size_t      size;
};

int64_t wire_now_ns(void);                                       /* monotonic */
bool    wire_open(struct wire *w);
void    wire_close(struct wire *w);
/* extra: whole header lines with their line ends, or NULL. */
size_t  wire_format(const struct wire *w, char *out, size_t room, const char *method, const char *path, const char *extra, const char *body);
bool    wire_write(struct wire *w, const char *data, size_t size);
bool    wire_send(struct wire *w, const char *method, const char *path, const char *extra, const char *body);
bool    wire_receive(struct wire *w, struct wire_answer *a);

#endif
