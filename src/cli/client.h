/*
 * cli/client.h - asking Homeostat over HTTP, as carefully as a client should.
 *
 *     struct client *c = NULL;
 *     struct client_answer a CLEANUP(client_answer_done) = { 0 };
 *     if (client_open(cli, &c, fault) == OK &&
 *         client_ask(c, &(struct client_request){ .method = "GET", .path = "/target" }, &a, fault) == OK)
 *         ... a.status, a.json ...
 *     client_close(c);
 *
 * A request that changes something carries an Idempotency-Key, chosen once; when
 * Homeostat is busy or the connection is lost half-way the same request is sent
 * again with the same key, so that it happens once.  When nobody answers to
 * begin with there is nothing to repeat, and that is said at once.
 */
#ifndef CLI_CLIENT_H
#define CLI_CLIENT_H

#include "base/err.h"
#include "cli/cli.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum { CLIENT_ANSWER_MAX = 64 * 1024 * 1024, CLIENT_PATH_MAX = 2000 };

struct client;

struct client_request {
    const char   *method, *path;   /* path with its query, encoded */
    const json_t *body;            /* NULL: none; borrowed */
    const char   *what;            /* for the progress line; NULL: the path */
    int64_t       wait_us;         /* how long Homeostat may take for the work; 0: as it likes */
    bool          health;          /* "not ready" is an answer, not a reason to ask again */
};

struct client_answer {
    int     status;
    json_t *json;                  /* owned; NULL when it is none */
    char   *text;                  /* owned; as it came */
    char    etag[64];
    bool    replayed;
    int     retry_after_s;
};

MUST_CHECK enum err client_open(struct cli *cli, struct client **c, struct fault *fault);
void                client_close(struct client *c);

/* OK when there is an answer, whatever its status. */
MUST_CHECK enum err client_ask(struct client *c, const struct client_request *r, struct client_answer *a, struct fault *fault);
void                client_answer_done(struct client_answer *a);

/* 0 for 2xx; else what the problem means to a script: 3 for a guard, 4 for a conflict, 1 for the rest. */
int  client_exit_of(const struct client_answer *a);
/* Tell a person what the problem document says. Returns client_exit_of(). */
int  client_complain(struct cli *cli, const struct client *c, const struct client_answer *a);

/* What most commands do: ask, complain unless it is 2xx, else hand over {"data": ...}. *exit_code when NULL is returned. */
json_t *client_data(struct cli *cli, struct client *c, const struct client_request *r, int *exit_code);
/* The same for who can do without: that nobody listens there is not complained of but told in *nobody, whose code is OK otherwise. */
json_t *client_data_or(struct cli *cli, struct client *c, const struct client_request *r, struct fault *nobody, int *exit_code);
/* The same two with a connection of their own. */
json_t *client_once(struct cli *cli, const struct client_request *r, int *exit_code);
json_t *client_once_or(struct cli *cli, const struct client_request *r, struct fault *nobody, int *exit_code);

/* The array in {"data": [...]} of an answer, borrowed. NULL: complained. For who goes on with the rest of the answer, such as the next page. */
json_t *client_list(struct cli *cli, struct client *c, const struct client_answer *a, int *exit_code);

/* ---- the event stream ---- */

struct client_event { const char *id, *topic, *data; };    /* id "" when it has none */
typedef bool client_event_f(void *ctx, const struct client_event *e);   /* false: enough */

/*
 * Read GET /events (path with query) until f has enough, `idle_us` pass without an event (0: for ever), or the
 * stream cannot be had.  A stream that breaks is taken up again after the last id.
 */
MUST_CHECK enum err client_stream(struct client *c, const char *path, int64_t after, int64_t idle_us, client_event_f *f, void *ctx, struct fault *fault);

/* ---- paths ---- */

/* Append text to a path or query, percent-encoded. False: it does not fit. */
bool client_encode(char *path, size_t size, const char *text);
/* "?name=text" or "&name=text", nothing when text is empty. */
bool client_query(char *path, size_t size, const char *name, const char *text);

#endif
