/*
 * receive/door.h - what a listener lets in, as read from its settings: protocols, tokens, certificate. Immutable, shared by all threads.
 */
#ifndef RECEIVE_DOOR_H
#define RECEIVE_DOOR_H

#include "base/err.h"
#include "receive/conf.h"
#include "receive/session.h"

#include <stdatomic.h>

struct ssl_ctx_st;

struct door {
    struct session_door    in;        /* points into this struct */
    struct receive_tokens *tokens;
    struct ssl_ctx_st     *tls;       /* NULL: without */
    char                   tenant[RECORD_TENANT_MAX + 1];
    atomic_int             holders;
};

/* With one holder. ERR_INPUT: tokens, certificate or key. */
MUST_CHECK enum err door_new(const struct receive_listener *l, struct door **out, struct fault *fault);
/* A server's TLS with this certificate and key, for other listeners too; SSL_CTX_free. ERR_INPUT: certificate or key. */
MUST_CHECK enum err door_tls_new(const char *certificate, const struct conf_secret *secret, struct ssl_ctx_st **out, struct fault *fault);
struct door *door_hold(struct door *d);
void         door_release(struct door *d);      /* NULL is fine */

#endif
