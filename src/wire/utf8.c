/* wire/utf8.c - eight bytes at a time while they are ASCII, which they mostly are. */
#include "wire/utf8.h"

#include <stdint.h>

bool utf8_fine(struct slice s)
{
    const unsigned char *p = (const unsigned char *)s.s, *end = p + s.n;
    while (p < end) {
        uint64_t eight;
        if (end - p >= 8 && (memcpy(&eight, p, 8), !(eight & UINT64_C(0x8080808080808080)))) {
            p += 8;
            continue;
        }
        if (*p < 0x80) {
            p++;
            continue;
        }
        unsigned char low = 0x80, high = 0xbf;       /* what the second byte may be */
        long          more;
        if (*p >= 0xc2 && *p <= 0xdf)
            more = 1;
        else if (*p >= 0xe0 && *p <= 0xef) {
            more = 2;
            low  = *p == 0xe0 ? 0xa0 : 0x80;
            high = *p == 0xed ? 0x9f : 0xbf;
        } else if (*p >= 0xf0 && *p <= 0xf4) {
            more = 3;
            low  = *p == 0xf0 ? 0x90 : 0x80;
            high = *p == 0xf4 ? 0x8f : 0xbf;
        } else
            return false;
        if (end - p <= more || p[1] < low || p[1] > high)
            return false;
        for (long i = 2; i <= more; i++)
            if ((p[i] & 0xc0) != 0x80)
                return false;
        p += more + 1;
    }
    return true;
}

size_t utf8_count(struct slice s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.s[i] & 0xc0) != 0x80;
    return n;
}
