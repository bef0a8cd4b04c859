/*
 * cli/client_inside.h - what asking (client.c) and listening (stream.c) share.
 */
#ifndef CLI_CLIENT_INSIDE_H
#define CLI_CLIENT_INSIDE_H

#include "cli/client.h"
#include "cli/where.h"

#include <curl/curl.h>

struct client {
    struct cli         *cli;
    struct where        where;
    CURL               *curl;
    char                why[CURL_ERROR_SIZE];
    bool                nobody;         /* what was asked last reached no one: nothing listens there */
    struct cli_progress progress;
    const char         *standing;       /* for the progress line */
};

/* What became of an attempt. NOBODY: nothing was sent. LOST: it may have arrived. */
enum client_attempt { CLIENT_ANSWERED, CLIENT_NOBODY, CLIENT_LOST, CLIENT_BROKEN };
enum client_attempt client_attempt_of(CURLcode code);
enum err            client_why_not(struct client *c, CURLcode code, const char *method, struct fault *fault);

/* Options that every exchange has, on a handle that was reset. False is a failure of memory. */
bool client_prepare(struct client *c, const char *url, struct curl_slist *headers);
bool client_make_headers(struct client *c, const struct client_request *r, const char *key, const char *accept, struct curl_slist **list);
PRINTF(2, 3) bool client_add_header(struct curl_slist **list, const char *format, ...);
/* "Name: value" without the end of the line, when the header is that one. */
bool client_header_is(const char *line, size_t n, const char *name, char *out, size_t size);

/* Wait before the next attempt, as long as the server says, else a little longer each time; but not beyond a moment. */
void client_pause(struct client *c, int attempt, int retry_after_s, int64_t until_us);

#endif
