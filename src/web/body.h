/*
 * web/body.h - from the bytes of a request's body to what the engine is asked.  Pure; the fuzzer starts here.
 */
#ifndef WEB_BODY_H
#define WEB_BODY_H

#include "base/err.h"
#include "base/id.h"
#include "model/problem.h"
#include "web/header.h"

#include <jansson.h>
#include <stdint.h>

struct body_fault {
    enum problem problem;
    int          line, column;      /* 0: not a matter of a place */
    char         pointer[64];       /* JSON pointer of the member, "" for the whole */
};

struct body {
    json_t *json;                   /* owned; an object, or NULL when there was none */
    bool    mended;                 /* see body_read() */
};

/*
 * Empty gives json == NULL.  Unknown members stay in and are nobody's business here; a member that is there twice is
 * refused.  A text whose only flaw is that its last two characters are }" instead of "} is read as if they were: the
 * published walk-through has them that way round.  *mended tells, so that the answer can say so.
 */
MUST_CHECK enum err body_read(const char *data, size_t size, enum header_body type, struct body *out, struct body_fault *where, struct fault *fault);

/* If-Match and the member expected_version, which must not contradict each other. */
MUST_CHECK enum err body_expected_version(const json_t *json, int64_t if_match, int64_t *version, struct body_fault *where, struct fault *fault);

/* What makes two requests with one key the same request. */
MUST_CHECK enum err body_fingerprint(const char *method, const char *path, const char *principal, const json_t *json, char out[DIGEST_SIZE], struct fault *fault);

#endif
