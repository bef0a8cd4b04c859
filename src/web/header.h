/*
 * web/header.h - what stands in HTTP headers, read strictly.  Pure functions; nothing here knows a connection.
 *
 * Each takes the header's value as it came (NULL: the header is not there).
 */
#ifndef WEB_HEADER_H
#define WEB_HEADER_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- who calls it what ---- */

enum { REQUEST_ID_SIZE = 129, TRACE_PARENT_SIZE = 56, HEADER_KEY_SIZE = 256, HEADER_TRACE_SIZE = 33 };

/* The client's X-Request-Id when it is short and printable, else a new one. */
void header_request_id(const char *value, char out[REQUEST_ID_SIZE]);

/* W3C traceparent: its trace id. Anything malformed, or none: a new random one, and false. */
bool header_trace_id(const char *value, char out[HEADER_TRACE_SIZE]);

/* ---- writing twice, writing over ---- */

/*
 * Idempotency-Key: a structured-field string ("a1") or the bare form (a1).  1 to 255 printable characters.
 * NULL gives "".  ERR_INPUT says what is wrong with it.
 */
MUST_CHECK enum err header_key(const char *value, char out[HEADER_KEY_SIZE], struct fault *fault);

/* What If-Match asks for, as the engine wants it. */
#define IF_MATCH_NONE  INT64_C(-1)      /* no header */
#define IF_MATCH_ANY   INT64_C(0)       /* "*" */
#define IF_MATCH_NEVER INT64_MAX        /* a weak or foreign tag: equal to no version */

/* "v3" gives 3. ERR_INPUT when it is no entity tag, or a list with more than one that could match. */
MUST_CHECK enum err header_if_match(const char *value, int64_t *version, struct fault *fault);

/* Weak comparison: does the client hold this version already? */
bool header_if_none_match(const char *value, int64_t version);

/* ---- how long, in what form ---- */

struct header_prefer { int64_t wait_us; bool async; };   /* wait_us -1: not said */
/* RFC 7240; what cannot be read is ignored, as the RFC wants. Waits are cut at max_us. */
void header_prefer(const char *value, int64_t max_us, struct header_prefer *p);

/*
 * Which of the offered media types suits Accept best; -1: none does.  No header: the first.  Of equals the earlier.
 * An offer may carry parameters ("text/plain; version=0.0.4"); they only count when Accept names them.
 */
int header_accept(const char *value, const char *const *offers, int n);

enum header_body { BODY_JSON, BODY_MAYBE_JSON /* counts when it parses as an object */, BODY_OTHER };
enum header_body header_content_type(const char *value);

/* The token of "Authorization: Bearer <token>", or NULL. Points into value. */
const char *header_bearer(const char *value);

#endif
