/*
 * tests/unit/web_client.h - a client that writes exactly what it is told and reads what comes, for the tests of web/.
 */
#ifndef WEB_CLIENT_H
#define WEB_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

struct answer {
    int    status;          /* 0: the connection ended without one */
    char   head[8192];      /* status line and headers */
    char  *body;            /* never NULL after client_ask(); owned */
    size_t size;
};

int  client_open(int port);
void client_send(int fd, const char *data, size_t size);
/* What has arrived within the time, up to size - 1 bytes, until it contains `until` (NULL: until the end). Returns how many bytes. */
size_t client_read(int fd, char *out, size_t size, const char *until, int timeout_ms);
/* One whole answer. */
void client_answer(int fd, bool head, struct answer *a);

/*
 * One request on a connection of its own. headers: lines that each end with \r\n, or NULL. body NULL: none.
 * The token of the test is sent unless `headers` has an Authorization line (an empty one is left out: no token).
 */
void client_ask(int port, const char *token, const char *method, const char *path, const char *headers, const char *body, struct answer *a);
void answer_done(struct answer *a);
/* The value of a header, or NULL; valid until the next call. */
const char *answer_header(const struct answer *a, const char *name);

#endif
