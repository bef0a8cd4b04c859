/* tests/unit/hex.h - bytes written by hand: "0a 05 'hello' 10 01" is hex, with texts in single quotes; ( ) stands for the length of what is between, as a varint. */
#ifndef HEX_H
#define HEX_H

#include "base/slice.h"

#include <stdlib.h>

struct hex { size_t n; char s[4096]; };

static inline struct slice hex_of(struct hex *h, const char *text)
{
    size_t open[8], depth = 0;
    h->n = 0;
    for (const char *p = text; *p;) {
        if (*p == ' ' || *p == '\n') {
            p++;
        } else if (*p == '\'') {
            for (p++; *p && *p != '\''; p++)
                h->s[h->n++] = *p;
            p += *p == '\'';
        } else if (*p == '(') {
            open[depth++] = h->n++;
            p++;
        } else if (*p == ')') {
            depth--;
            size_t n = h->n - open[depth] - 1;
            char  *at = h->s + open[depth];
            if (n > 127) {
                memmove(at + 2, at + 1, n);
                at[1] = (char)(n >> 7);
                h->n++;
            }
            at[0] = (char)(n > 127 ? (n & 127) | 128 : n);
            p++;
        } else {
            char two[3] = { p[0], p[1], '\0' };
            h->s[h->n++] = (char)strtol(two, NULL, 16);
            p += 2;
        }
        if (h->n == sizeof h->s)
            abort();
    }
    return (struct slice){ h->s, h->n };
}

#endif
