/*
 * wire/json_pull.h - JSON read piece by piece, without building a tree and without memory of its own.
 *
 *     struct pull p;
 *     pull_init(&p, body);
 *     if (pull_next(&p) != PULL_OBJECT) ...
 *     while (pull_next(&p) == PULL_KEY)
 *         if (pull_text_is(&p, "rows")) { pull_next(&p); ... }
 *         else { pull_next(&p); pull_skip(&p); }
 *
 * Strict RFC 8259: no comments, no trailing commas, one value and nothing after it. Bytes in strings are not checked for UTF-8.
 * After PULL_BAD every further call answers PULL_BAD; p.why says what, p.at where.
 */
#ifndef WIRE_JSON_PULL_H
#define WIRE_JSON_PULL_H

#include "base/err.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PULL_DEPTH_MAX = 512, PULL_NUMBER_MAX = 127 };     /* arrays and objects within each other; characters of a number */

enum pull_token {
    PULL_BAD, PULL_END, PULL_OBJECT, PULL_OBJECT_END, PULL_ARRAY, PULL_ARRAY_END, PULL_KEY, PULL_TEXT, PULL_NUMBER, PULL_TRUE, PULL_FALSE, PULL_NULL
};

struct pull {
    const char     *begin, *at, *end;
    enum pull_token token;           /* the last one given */
    struct slice    text;            /* KEY, TEXT: between the quotes, escapes as they stand; NUMBER: its characters */
    bool            escaped;         /* KEY, TEXT: there are escapes in it */
    const char     *why;             /* BAD: a phrase; else NULL */
    int             depth;
    uint8_t         expect;          /* inside: what may come next */
    uint8_t         object[PULL_DEPTH_MAX / 8];
};

void            pull_init(struct pull *p, struct slice text);
enum pull_token pull_next(struct pull *p);
/* Go past the rest of the value whose first token was the last one given: for OBJECT and ARRAY to their end, else nothing. false: BAD. */
bool            pull_skip(struct pull *p);
/* As ERR_INPUT with the place: "JSON at byte 17: ..." */
enum err        pull_fail(const struct pull *p, struct fault *fault);

/* The last KEY or TEXT is this (compared after escapes are taken out). */
bool   pull_text_is(const struct pull *p, const char *word);
/* Take out the escapes; to has room for raw.n bytes. Answers how many were written. Half of a surrogate pair becomes U+FFFD. */
size_t pull_unescape(struct slice raw, char *to);

/* Numbers, from the characters of a NUMBER or of a text that should be one. false: not such a number, or out of range. Exact: no double between. */
bool   number_i64(struct slice s, int64_t *n);
bool   number_u64(struct slice s, uint64_t *n);
/* As strtod in the C locale, for what JSON calls a number; also NaN, Infinity, -Infinity when words is set. */
bool   number_double(struct slice s, bool words, double *d);

/* A double as the shortest text that reads back as the same; NaN, Infinity, -Infinity. to: at least 32 bytes. Answers the length. */
size_t number_text(double d, char *to);

#endif
