/*
 * receive/tokens.h - who may send: lines of "name token [tenant]", of which only digests are kept.
 * Empty lines and lines that begin with # mean nothing.  Immutable once made; may be read from any thread.
 */
#ifndef RECEIVE_TOKENS_H
#define RECEIVE_TOKENS_H

#include "base/err.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stddef.h>

enum { RECEIVE_TOKENS_MAX = 256, RECEIVE_TOKEN_LEAST = 16, RECEIVE_TOKEN_MOST = 512 };

struct receive_tokens;

/* ERR_INPUT: a line is wrong, or there is none; no token is ever quoted. */
MUST_CHECK enum err receive_tokens_new(const char *text, size_t size, struct receive_tokens **out, struct fault *fault);
void receive_tokens_free(struct receive_tokens *t);     /* NULL is fine */

/* authorization: the value of the field. True: it holds a known token; *tenant is that of its line, s NULL when there is none.
   Takes the same time whichever token it is and wherever it differs. */
bool receive_tokens_know(const struct receive_tokens *t, struct slice authorization, struct slice *tenant);

#endif
