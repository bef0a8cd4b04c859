/*
 * digest/mask_inside.h - what the scanner asks about words and forms: mask_words.c answers from tables, and keeps nothing.
 */
#ifndef DIGEST_MASK_INSIDE_H
#define DIGEST_MASK_INSIDE_H

#include "digest/mask.h"

#include <string.h>

enum { ACCESS_LOOK_MAX = 512 };                              /* in so many bytes a line of a web server has its date */

bool mask_is_one_of(const char *s, size_t n, const char *list);      /* words with a blank between them */
bool mask_is_unit(const char *s, size_t n);                          /* after a number it belongs to it */
bool mask_is_month(const char *s, size_t n);
bool mask_is_day(const char *s, size_t n);
bool mask_is_constant(const char *s, size_t n);                      /* true, null, NaN */
bool mask_is_method(const char *s, size_t n);                        /* of HTTP */

/* GET /x HTTP/1.1, without the quote before it; 0.9 had no version: how long the method is; 0: it is no request. */
size_t mask_request(const char *s, size_t n);

/*
 * The common log format of web servers: host ident user [22/Nov/2026:10:00:00 +0000] "...  Where host (or what is three fields before the date) begins,
 * and in *when the date's bracket.  NULL: it is no such line.
 */
const char *mask_access(const char *begin, const char *end, const char **when);

/* Where the frames of a stack trace end that begin behind this new line, at the next new line or the end; `at` itself: there are none.
   json: new lines are written \n. */
const char *mask_frames(const char *at, const char *end, bool json);

#endif
