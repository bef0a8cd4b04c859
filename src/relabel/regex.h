/*
 * relabel/regex.h - an expression that has to match the whole of a text, with a bound on the work it may take.
 *
 * It goes by characters; by bytes only over a text that is no UTF-8.  The bound grows with the text, up to a last one.  A match that would
 * take more is neither found nor not found: regex_given_up() grows, and who asked must not go on as if it had an answer.  Belongs to one thread at a time.
 */
#ifndef RELABEL_REGEX_H
#define RELABEL_REGEX_H

#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

/* So many, and so many more for each byte of the text: who looks for a word in a long line from its end has a step for each. */
enum { REGEX_STEPS_LEAST = 100000, REGEX_STEPS_BYTE = 32, REGEX_STEPS_MOST = 50000000 };

struct regex;
MUST_CHECK enum err regex_new(const char *pattern, struct regex **r, struct fault *fault);     /* ERR_INPUT with the place */
void                regex_free(struct regex *r);
bool                regex_matches(struct regex *r, struct slice text);
/* After a match: `replacement` with $1, ${1}, ${name} and $$ put in, as Go has it; an unknown group is nothing. In the arena; false: it is full. */
bool                regex_expand(struct regex *r, struct slice text, const char *replacement, struct arena *a, struct slice *out);
uint64_t            regex_given_up(const struct regex *r);

#endif
