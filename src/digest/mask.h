/*
 * digest/mask.h - a line of a log as tokens: words that may belong to its template, punctuation, and what surely varies.
 *
 * What varies by its shape alone: numbers with their units, dates, addresses, hexadecimal, identifiers with digits, paths, URLs, mail
 * addresses, the value after "=", values of JSON, a single quoted word, true and false and null, months and days beside numbers, lists of
 * such values; of a line of a web server all but the method; the frames of a stack trace.  What stands under keys like msg and event is read as a line of its own.
 * A scanner written by hand, one pass, no memory of its own.
 */
#ifndef DIGEST_MASK_H
#define DIGEST_MASK_H

#include "base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MASK_TOKENS_MAX = 192, MASK_IGNORE_MAX = 64 };              /* what comes after so many tokens is one that varies */

enum mask_kind {
    MASK_VAR,                                /* varies */
    MASK_WORD,                               /* a word; that it varies would have to be shown */
    MASK_SOFT,                               /* a word with a structure, such as a.b.c: it takes little to show it */
    MASK_MARK,                               /* punctuation: part of the template for good */
};

struct mask_token {
    uint32_t at, n;                          /* where in the line; an empty value has n 0 */
    uint8_t  kind;                           /* enum mask_kind */
    bool     blank;                          /* a blank stands before it */
    bool     number;                         /* a VAR that is a number: a unit may follow */
    uint64_t hash;                           /* of its bytes; MASK_VAR_HASH for what varies */
};
#define MASK_VAR_HASH UINT64_C(0x9e3779b97f4a7c15)

struct mask_line {
    struct slice      line;
    size_t            n;
    uint64_t          hash;                  /* of the tokens in their order: equal for lines of one shape */
    struct mask_token token[MASK_TOKENS_MAX];
};

/*
 * Keys whose values vary whatever they look like: key=value, key="a value", key=(what is in brackets), and the same after "key": as JSON has it.
 * Without quotes or brackets a value ends at a blank.
 */
struct mask_ignore { size_t n; uint64_t key[MASK_IGNORE_MAX]; };             /* mask_hash() of each */
bool mask_ignore_add(struct mask_ignore *ignore, struct slice key);          /* false: there is no room for it */

/* line is at most PATTERN_LINE_MAX bytes; they may be any. ignore: NULL for none. */
void mask_line(struct mask_line *m, struct slice line, const struct mask_ignore *ignore);

/* Is the value of this key (msg, "event" with its quotes) not a value but what the line says? */
bool mask_says(const char *key, size_t n);

uint64_t mask_hash(const char *s, size_t n);
uint64_t mask_hash_next(uint64_t hash, uint64_t token);

#endif
