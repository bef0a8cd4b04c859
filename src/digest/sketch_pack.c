/*
 * digest/sketch_pack.c - a sketch as bytes.
 *
 * 'S', version 2, and whether anything was counted, without which that is all; counts of zeros and of both infinities; sum, min, max
 * (8 bytes each, little-endian); the level, how many buckets, and for each how much its key is above the one before it (the first: above
 * the lowest there can be) and its count.  Numbers are varints, 7 bits a byte, the lowest first.
 *
 * Version 1 is still read: instead of the level and buckets it has for each side, positive first, how many buckets, and when there are any,
 * the first one's index (zigzag) and their counts; a count of 0 is followed by how many more there are.
 */
#include "digest/sketch_inside.h"

#include <string.h>

enum { VERSION = 2, VERSION_OF_SIDES = 1, SIDE_BUCKETS_MAX = 2048, KEY_MAX = 2 * SKETCH_INDEX_MAX + 1 };

/* ---- writing ---- */

struct out { unsigned char *at, *end; bool full; };

static void put_byte(struct out *o, unsigned c)
{
    if (o->at == o->end)
        o->full = true;
    else
        *o->at++ = (unsigned char)c;
}

static void put_number(struct out *o, uint64_t n)
{
    for (; n >= 0x80; n >>= 7)
        put_byte(o, (unsigned)(n & 0x7f) | 0x80);
    put_byte(o, (unsigned)n);
}

static void put_double(struct out *o, double v)
{
    uint64_t bits;
    memcpy(&bits, &v, 8);
    for (int i = 0; i < 8; i++)
        put_byte(o, (unsigned)(bits >> (8 * i) & 0xff));
}

static void put_buckets(struct out *o, const struct sketch *s)
{
    int32_t before = -KEY_MAX;
    put_number(o, s->level);
    put_number(o, s->used);
    for (uint32_t i = 0; i < s->used; i++) {
        put_number(o, (uint64_t)(s->key[i] - before));
        put_number(o, s->count[i]);
        before = s->key[i];
    }
}

size_t sketch_pack(const struct sketch *s, void *bytes, size_t size)
{
    struct out o = { bytes, (unsigned char *)bytes + size, false };
    put_byte(&o, 'S');
    put_byte(&o, VERSION);
    put_byte(&o, s->total != 0);
    if (s->total) {
        put_number(&o, s->zero);
        put_number(&o, s->infinite[0]);
        put_number(&o, s->infinite[1]);
        put_double(&o, s->sum);
        put_double(&o, s->min);
        put_double(&o, s->max);
        put_buckets(&o, s);
    }
    return o.full ? 0 : (size_t)(o.at - (unsigned char *)bytes);
}

/* ---- reading ---- */

struct in { const unsigned char *at, *end; bool bad; };

static unsigned get_byte(struct in *i)
{
    i->bad |= i->at == i->end;
    return i->bad ? 0 : *i->at++;
}

static uint64_t get_number(struct in *i)
{
    uint64_t n = 0;
    for (int shift = 0; shift < 64; shift += 7) {
        unsigned c = get_byte(i);
        i->bad |= shift == 63 && c > 1;
        n |= (uint64_t)(c & 0x7f) << shift;
        if (c < 0x80)
            return n;
    }
    i->bad = true;
    return 0;
}

static double get_double(struct in *i)
{
    uint64_t bits = 0;
    for (int k = 0; k < 8; k++)
        bits |= (uint64_t)get_byte(i) << (8 * k);
    double v;
    memcpy(&v, &bits, 8);
    return v;
}

static void add_to_total(struct in *i, struct sketch *s, uint64_t n)
{
    i->bad |= n > UINT64_MAX - s->total;
    s->total += i->bad ? 0 : n;
}

/* Is it a bucket of a double, at this level? */
static bool is_key(int32_t key, uint32_t level)
{
    int32_t i = key ? sketch_index(key) : SKETCH_INDEX_MAX + 1, most = (SKETCH_INDEX_MAX >> level) + 1;
    return i >= -most && i <= (level ? most : SKETCH_INDEX_MAX);
}

/* False: out of memory. */
static bool get_buckets(struct in *i, struct sketch *s)
{
    uint64_t level = get_number(i), n = get_number(i);
    int64_t  key = -KEY_MAX;
    i->bad |= level > SKETCH_LEVEL_MAX || n > SKETCH_BUCKETS_MAX || n > (uint64_t)(i->end - i->at) / 2;
    if (i->bad)
        return true;
    s->level = (uint32_t)level;
    if (n && !sketch_room(s, (uint32_t)n))
        return false;
    for (uint64_t k = 0; k < n && !i->bad; k++) {
        uint64_t more = get_number(i), times = get_number(i);
        i->bad |= more > 2 * KEY_MAX || (more == 0 && k) || times == 0;
        key += i->bad ? 0 : (int64_t)more;
        i->bad |= key > KEY_MAX || !is_key((int32_t)key, s->level);
        add_to_total(i, s, times);
        if (i->bad)
            break;
        s->key[s->used] = (int32_t)key;
        s->count[s->used++] = times;
    }
    return true;
}

/* One side of version 1. False: out of memory. */
static bool get_side(struct in *i, struct sketch *s, bool negative)
{
    uint64_t n = get_number(i);
    if (n == 0 || i->bad)
        return true;
    uint64_t zigzag = get_number(i);
    i->bad |= n > SIDE_BUCKETS_MAX || zigzag > 2 * SKETCH_INDEX_MAX;
    if (i->bad)
        return true;
    int32_t low = zigzag & 1 ? -(int32_t)((zigzag + 1) / 2) : (int32_t)(zigzag / 2), top = low + (int32_t)n - 1;
    i->bad |= top > SKETCH_INDEX_MAX;
    for (int32_t k = low; k <= top && !i->bad; k++) {
        uint64_t c = get_number(i);
        i->bad |= c == 0 && (k == low || k == top);
        if (c == 0) {
            uint64_t more = get_number(i);
            i->bad |= more >= (uint64_t)(top - k);
            k += i->bad ? 0 : (int32_t)more;
            continue;
        }
        add_to_total(i, s, c);
        if (!i->bad && !sketch_put(s, sketch_key(k, negative), c))
            return false;
    }
    return true;
}

enum err sketch_unpack(struct slice bytes, struct sketch **made, struct fault *fault)
{
    struct in      i = { (const unsigned char *)bytes.s, (const unsigned char *)bytes.s + bytes.n, false };
    struct sketch *s;
    *made = NULL;
    if (bytes.n < 2 || i.at[0] != 'S')
        return fail(fault, ERR_INPUT, "sketch: these %zu bytes are not one", bytes.n);
    unsigned version = i.at[1];
    if (version != VERSION && version != VERSION_OF_SIDES)
        return fail(fault, ERR_INPUT, "sketch: version %u, this program reads %d and %d", version, VERSION_OF_SIDES, VERSION);
    if (!(s = sketch_new()))
        return fail(fault, ERR_LIMIT, "sketch: out of memory");
    i.at += 2;
    unsigned full = get_byte(&i);
    bool     memory = true;
    i.bad |= full > 1;
    if (full == 1) {
        add_to_total(&i, s, s->zero = get_number(&i));
        add_to_total(&i, s, s->infinite[0] = get_number(&i));
        add_to_total(&i, s, s->infinite[1] = get_number(&i));
        s->sum = get_double(&i);
        s->min = get_double(&i);
        s->max = get_double(&i);
        memory = version == VERSION ? get_buckets(&i, s) : get_side(&i, s, false) && get_side(&i, s, true);
        i.bad |= memory && !i.bad && (s->total == 0 || !sketch_agrees(s));
    }
    if (!memory) {
        sketch_free(s);
        return fail(fault, ERR_LIMIT, "sketch: out of memory");
    }
    if (i.bad || i.at != i.end) {
        sketch_free(s);
        return fail(fault, ERR_INPUT, "sketch: %zu bytes, damaged", bytes.n);
    }
    *made = s;
    return OK;
}
