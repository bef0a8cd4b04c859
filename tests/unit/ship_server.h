/* tests/unit/ship_server.h - a server of HTTP in this process that keeps what it is asked and answers what it is told, one connection at a time. */
#ifndef SHIP_SERVER_H
#define SHIP_SERVER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

enum { REQUESTS_MAX = 16, REQUEST_ROOM = 1 << 20 };

struct ship_server {
    int         fd, port;
    pthread_t   thread;
    atomic_int  n, connections;
    atomic_bool stop;
    const char *answer[REQUESTS_MAX];          /* whole; NULL: 200 and nothing; "silence": none until the end; "hang up" */
    size_t      answer_size[REQUESTS_MAX];     /* 0: as long as its text */
    char       *head[REQUESTS_MAX], *body[REQUESTS_MAX];
    size_t      size[REQUESTS_MAX];
};

extern struct ship_server server;

void server_begin(void);
void server_end(void);
/* Whether the head of a request has that in it, in whatever case. */
bool head_has(int i, const char *line);

#endif
