/*
 * tests/unit/wire_hex.h - wire bytes written by hand: hexadecimal digits, 'text', and { } around what a length belongs in front of.
 *
 *     0a{ 0a{'cart'} }  is  0a 06 0a 04 63 61 72 74
 */
#ifndef WIRE_HEX_H
#define WIRE_HEX_H

#include "base/slice.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

enum { WIRE_HEX_DEPTH = 128 };

static inline int wire_hex_digit(char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; }

static inline void wire_hex_close(struct text *t, size_t begun)
{
    char   length[10];
    size_t n = t->used - begun, used = 0;
    char  *inner = malloc(n + 1);
    memcpy(inner, t->s + begun, n);
    size_t left = n;
    for (; left >= 0x80; left >>= 7)
        length[used++] = (char)(left | 0x80);
    length[used++] = (char)left;
    t->used = begun;
    text_add_n(t, length, used);
    text_add_n(t, inner, n);
    free(inner);
}

/* Aborts when what was written is not in this notation. */
static inline struct slice wire_hex(struct text *t, const char *s)
{
    size_t begun[WIRE_HEX_DEPTH], depth = 0;
    text_clear(t);
    while (*s) {
        if (*s == '\'') {
            const char *end = strchr(s + 1, '\'');
            if (!end)
                abort();
            text_add_n(t, s + 1, (size_t)(end - s - 1));
            s = end + 1;
        } else if (*s == '{') {
            if (depth == WIRE_HEX_DEPTH)
                abort();
            begun[depth++] = t->used;
            s++;
        } else if (*s == '}') {
            if (depth == 0)
                abort();
            wire_hex_close(t, begun[--depth]);
            s++;
        } else if (*s == ' ') {
            s++;
        } else {
            int high = wire_hex_digit(s[0]), low = high < 0 ? -1 : wire_hex_digit(s[1]);
            if (low < 0)
                abort();
            char byte = (char)(high << 4 | low);
            text_add_n(t, &byte, 1);
            s += 2;
        }
    }
    if (depth)
        abort();
    return (struct slice){ t->s, t->used };
}

#endif
