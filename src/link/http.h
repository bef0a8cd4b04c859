/*
 * link/http.h - GET something small from somebody we know, within a time and a size.
 *
 * Plain http is for this machine only (127.0.0.0/8, ::1, localhost); elsewhere https.  No redirects, no proxies from
 * the environment, no credentials in the address: what the configuration names is what is asked.
 */
#ifndef LINK_HTTP_H
#define LINK_HTTP_H

#include "base/err.h"
#include "base/text.h"

enum { HTTP_BODY_MAX = 16 * 1024 * 1024 };

struct http_answer {
    long        status;      /* 200 */
    struct text body;        /* owned */
};

/*
 * body_max <= HTTP_BODY_MAX; a longer answer is ERR_LIMIT, not a shortened text.  A status other than 2xx is ERR_STATE, with
 * the status filled in.  On failure there is nothing to free.
 */
MUST_CHECK enum err http_get(const char *url, int timeout_ms, size_t body_max, struct http_answer *answer, struct fault *fault);
void                http_answer_done(struct http_answer *answer);

/* Would http_get take this address? So that a configuration can be refused early. */
MUST_CHECK enum err http_url_check(const char *url, struct fault *fault);

#endif
