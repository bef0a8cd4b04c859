/* digest/pack.c - variable-length integers, little-endian reals, texts with their length. */
#include "digest/pack.h"

#include <stdlib.h>
#include <string.h>

void pack_init(struct pack *p, size_t max) { *p = (struct pack){ .max = max }; }

void pack_done(struct pack *p)
{
    free(p->s);
    *p = (struct pack){ 0 };
}

void pack_clear(struct pack *p)
{
    p->n = 0;
    p->full = false;
}

static bool make_room(struct pack *p, size_t more)
{
    if (p->full)
        return false;
    if (more <= p->room - p->n)
        return true;
    size_t room = p->room ? p->room : 4096;
    while (room - p->n < more && room <= p->max)
        room *= 2;
    if (room > p->max)
        room = p->max;
    char *s = room - p->n >= more && room >= p->n ? realloc(p->s, room) : NULL;
    if (!s) {
        p->full = true;
        return false;
    }
    p->s = s;
    p->room = room;
    return true;
}

void pack_u(struct pack *p, uint64_t v)
{
    if (!make_room(p, 10))
        return;
    while (v >= 0x80) {
        p->s[p->n++] = (char)(unsigned char)(v | 0x80);
        v >>= 7;
    }
    p->s[p->n++] = (char)v;
}

void pack_i(struct pack *p, int64_t v) { pack_u(p, ((uint64_t)v << 1) ^ (uint64_t)(v >> 63)); }

void pack_r(struct pack *p, double v)
{
    if (!make_room(p, 8))
        return;
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    for (int i = 0; i < 8; i++)
        p->s[p->n++] = (char)(unsigned char)(bits >> (8 * i));
}

void pack_s(struct pack *p, struct slice s)
{
    pack_u(p, s.n);
    if (s.n && make_room(p, s.n)) {
        memcpy(p->s + p->n, s.s, s.n);
        p->n += s.n;
    }
}

uint64_t unpack_u(struct unpack *u)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (u->s == u->end)
            break;
        unsigned char c = (unsigned char)*u->s++;
        v |= (uint64_t)(c & 0x7f) << shift;
        if (!(c & 0x80))
            return v;
    }
    u->bad = true;
    return 0;
}

int64_t unpack_i(struct unpack *u)
{
    uint64_t v = unpack_u(u);
    return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

int64_t unpack_time(struct unpack *u)
{
    const int64_t far = INT64_C(1) << 61;
    int64_t       t = unpack_i(u);
    if (t == INT64_MIN || (t > -far && t < far))
        return t;
    u->bad = true;
    return 0;
}

double unpack_r(struct unpack *u)
{
    if (u->end - u->s < 8) {
        u->bad = true;
        return 0;
    }
    uint64_t bits = 0;
    for (int i = 0; i < 8; i++)
        bits |= (uint64_t)(unsigned char)u->s[i] << (8 * i);
    u->s += 8;
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

struct slice unpack_s(struct unpack *u)
{
    uint64_t n = unpack_u(u);
    if (u->bad || n > (uint64_t)(u->end - u->s)) {
        u->bad = true;
        return (struct slice){ 0 };
    }
    struct slice s = { u->s, (size_t)n };
    u->s += n;
    return s;
}

size_t unpack_count(struct unpack *u, size_t least)
{
    uint64_t n = unpack_u(u);
    if (u->bad || n > (uint64_t)(u->end - u->s) / (least ? least : 1)) {
        u->bad = true;
        return 0;
    }
    return (size_t)n;
}
