/* bench/put.h - protobuf, as much of it as senders need: a number, and a field of bytes. Each returns how many bytes it wrote. */
#ifndef BENCH_PUT_H
#define BENCH_PUT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline size_t put_varint(char *to, uint64_t v)
{
    size_t n = 0;
    for (; v >= 128; v >>= 7)
        to[n++] = (char)(v | 128);
    to[n++] = (char)v;
    return n;
}

static inline size_t put_bytes(char *to, int field, const char *s, size_t n)
{
    size_t at = put_varint(to, (uint64_t)field << 3 | 2);
    at += put_varint(to + at, n);
    memcpy(to + at, s, n);
    return at + n;
}

#endif
