/*
 * receive/lines.h - where one text ends and the next begins in the bytes of a file. Pure: the same bytes in other portions give the same texts.
 *
 *     while (lines_next(&rules, rest, flush, &found)) { use(found.text); rest.s += found.used; rest.n -= found.used; }
 *     // what is left is not complete: read on from there
 *
 * A line ends in LF; a CR in front of it is not part of it.  With a rule for what begins a text, lines that do not begin one belong to the text before.
 */
#ifndef RECEIVE_LINES_H
#define RECEIVE_LINES_H

#include "base/slice.h"
#include "base/text.h"

#include <regex.h>
#include <stdbool.h>
#include <stddef.h>

enum { LINES_LOOK = 1000 };         /* bytes of a line that `start` is compared with, up to a NUL */

struct lines_rules {
    size_t         max;             /* of a text; a longer line goes on in another text, and a line that would make one longer begins the next. More than 8 */
    bool           indented;        /* a line that begins with a blank or a tab belongs to the one before */
    const regex_t *start;           /* or one without a match; NULL: no such rule */
};

enum lines_flush {
    LINES_MORE,                     /* more may come: half lines and texts that may go on wait */
    LINES_QUIET,                    /* nothing was added for a while: what has its LF is complete */
    LINES_END                       /* nothing will come: all of it is complete */
};

struct lines_found {
    struct slice text;              /* may be empty; may hold LF when there are rules */
    size_t       used;              /* bytes of the input that are done with, its end included */
    bool         split;             /* longer than max: what follows goes on with it */
};

/* False: nothing is complete. */
bool lines_next(const struct lines_rules *r, struct slice in, enum lines_flush flush, struct lines_found *found);

/* The text as valid UTF-8: as it lies when it is, else in scratch (cleared first), with U+FFFD for what is not. */
struct slice lines_utf8(struct slice in, struct text *scratch);

#endif
