/*
 * digest/sketch_pack.c - a sketch as bytes.
 *
 * 'S', version 1, and whether anything was counted, without which that is all; counts of zeros and of both infinities; sum, min, max
 * (8 bytes each, little-endian); then for each side how many buckets, and when there are any, the first one's index and their counts;
 * a count of 0 is followed by how many more there are.  Numbers are varints, 7 bits a byte, the lowest first; the index is zigzag.
 */
#include "digest/sketch_inside.h"

#include <string.h>

enum { VERSION = 1 };

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

static void put_side(struct out *o, const struct sketch_side *s)
{
    uint32_t from = 0, to = s->room;
    while (from < to && s->count[from] == 0)
        from++;
    while (to > from && s->count[to - 1] == 0)
        to--;
    put_number(o, to - from);
    if (from == to)
        return;
    int32_t low = s->low + (int32_t)from;
    put_number(o, low < 0 ? (uint64_t)(-(int64_t)low) * 2 - 1 : (uint64_t)low * 2);
    for (uint32_t i = from; i < to; i++) {
        put_number(o, s->count[i]);
        uint32_t more = 0;
        while (s->count[i] == 0 && s->count[i + more + 1] == 0)
            more++;
        if (s->count[i] == 0)
            put_number(o, more);
        i += more;
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
        put_side(&o, &s->side[0]);
        put_side(&o, &s->side[1]);
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

/* False: out of memory. */
static bool get_side(struct in *i, struct sketch *s, struct sketch_side *side)
{
    uint64_t n = get_number(i);
    if (n == 0 || i->bad)
        return true;
    uint64_t zigzag = get_number(i);
    i->bad |= n > SKETCH_BUCKETS_MAX || zigzag > 2 * SKETCH_INDEX_MAX;
    if (i->bad)
        return true;
    int32_t low = zigzag & 1 ? -(int32_t)((zigzag + 1) / 2) : (int32_t)(zigzag / 2), top = low + (int32_t)n - 1;
    if (top > SKETCH_INDEX_MAX) {
        i->bad = true;
        return true;
    }
    if (!sketch_bucket(side, top) || !sketch_bucket(side, low))
        return false;
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
        side->count[k - side->low] = i->bad ? 0 : c;
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
    if (i.at[1] != VERSION)
        return fail(fault, ERR_INPUT, "sketch: version %u, this program reads %d", i.at[1], VERSION);
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
        memory = get_side(&i, s, &s->side[0]) && get_side(&i, s, &s->side[1]);
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
