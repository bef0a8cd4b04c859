/* base/utf8.h - text that somebody else wrote, to be told in JSON. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Bytes of the character at s, of which n are there; 0: it is none. */
static inline size_t utf8_length(const char *s, size_t n)
{
    const unsigned char *u = (const unsigned char *)s;
    unsigned char        c = n ? u[0] : 0xff;
    size_t               k = c < 0x80 ? 1 : c >= 0xc2 && c < 0xe0 ? 2 : c >= 0xe0 && c < 0xf0 ? 3 : c >= 0xf0 && c < 0xf5 ? 4 : 0;
    bool                 fine = k && k <= n;
    for (size_t j = 1; fine && j < k; j++)
        fine = (u[j] & 0xc0) == 0x80;
    if (fine && k == 3)
        fine = !(c == 0xe0 && u[1] < 0xa0) && !(c == 0xed && u[1] >= 0xa0);
    if (fine && k == 4)
        fine = !(c == 0xf0 && u[1] < 0x90) && !(c == 0xf4 && u[1] >= 0x90);
    return fine ? k : 0;
}

static inline bool utf8_whole(const char *s)
{
    size_t n = strlen(s), k = 1;
    for (; n && (k = utf8_length(s, n)) > 0; s += k)
        n -= k;
    return k > 0;
}

/* A byte that is no character, or half a one where the room ended, becomes `instead`. */
static inline void utf8_clean(char *s, char instead)
{
    for (size_t n = strlen(s), k; n; s += k, n -= k)
        if ((k = utf8_length(s, n)) == 0) {
            *s = instead;
            k = 1;
        }
}

/* What a terminal would obey is no better: C0, DEL, and C1 with both its bytes. */
static inline void utf8_tame(char *s, char instead)
{
    utf8_clean(s, instead);
    for (unsigned char *u = (unsigned char *)s; *u; u++)
        if (*u < 0x20 || *u == 0x7f)
            *u = (unsigned char)instead;
        else if (u[0] == 0xc2 && u[1] < 0xa0)
            u[0] = u[1] = (unsigned char)instead;
}

#endif
