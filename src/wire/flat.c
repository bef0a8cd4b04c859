/* wire/flat.c - offsets in FlatBuffers go forward only, so that no walk over them can go round; a table's vtable may lie anywhere. */
#include "wire/flat.h"

static uint16_t u16(const struct flat *f, size_t at) { uint16_t v; memcpy(&v, f->buffer.s + at, 2); return v; }
static uint32_t u32(const struct flat *f, size_t at) { uint32_t v; memcpy(&v, f->buffer.s + at, 4); return v; }

static struct flat_table no_table(struct flat *f, bool bad)
{
    f->bad |= bad;
    return (struct flat_table){ .in = f };
}

static struct flat_table table_open(struct flat *f, uint64_t at)
{
    size_t n = f->buffer.n;
    if (at < 4 || n < 8 || at > n - 4 || at > UINT32_MAX)
        return no_table(f, true);
    int64_t vtable = (int64_t)at - (int32_t)u32(f, (size_t)at);
    if (vtable < 0 || (uint64_t)vtable > n - 4)
        return no_table(f, true);
    struct flat_table t = { f, (uint32_t)at, (uint32_t)vtable, u16(f, (size_t)vtable), u16(f, (size_t)vtable + 2) };
    if (t.vtable_bytes < 4 || (uint64_t)vtable + t.vtable_bytes > n || t.table_bytes < 4 || at + t.table_bytes > n)
        return no_table(f, true);
    return t;
}

struct flat_table flat_root(struct flat *f)
{
    return f->buffer.n < 8 ? no_table(f, true) : table_open(f, u32(f, 0));
}

/* Where a field of so many bytes begins; 0: it is absent. */
static uint32_t field_at(struct flat_table t, unsigned field, unsigned bytes)
{
    unsigned slot = 4 + 2 * field;
    if (!flat_is(t) || slot + 2 > t.vtable_bytes)
        return 0;
    uint16_t offset = u16(t.in, t.vtable + slot);
    if (offset == 0)
        return 0;
    if (offset < 4 || offset + bytes > t.table_bytes) {
        t.in->bad = true;
        return 0;
    }
    return t.at + offset;
}

/* What an offset at this place points to; 0: bad. */
static uint64_t follow(struct flat *f, uint32_t at)
{
    uint64_t to = (uint64_t)at + u32(f, at);
    if (to == at || to > f->buffer.n - 4) {
        f->bad = true;
        return 0;
    }
    return to;
}

int64_t flat_int(struct flat_table t, unsigned field, unsigned bytes, int64_t absent)
{
    uint32_t at = field_at(t, field, bytes);
    if (!at)
        return absent;
    const char *p = t.in->buffer.s + at;
    int8_t      b;
    int16_t     s;
    int32_t     i;
    int64_t     l;
    switch (bytes) {
    case 1:  memcpy(&b, p, 1); return b;
    case 2:  memcpy(&s, p, 2); return s;
    case 4:  memcpy(&i, p, 4); return i;
    default: memcpy(&l, p, 8); return l;
    }
}

struct flat_table flat_table_at(struct flat_table t, unsigned field)
{
    uint32_t at = field_at(t, field, 4);
    uint64_t to = at ? follow(t.in, at) : 0;
    return to ? table_open(t.in, to) : no_table(t.in, false);
}

struct flat_vector flat_vector_at(struct flat_table t, unsigned field, unsigned bytes)
{
    uint32_t at = field_at(t, field, 4);
    uint64_t to = at ? follow(t.in, at) : 0;
    if (!to)
        return (struct flat_vector){ .in = t.in };
    uint32_t n = u32(t.in, (size_t)to);
    if ((uint64_t)n * bytes > t.in->buffer.n - 4 - to) {
        t.in->bad = true;
        return (struct flat_vector){ .in = t.in };
    }
    return (struct flat_vector){ t.in, (uint32_t)to + 4, n };
}

struct slice flat_text(struct flat_table t, unsigned field)
{
    struct flat_vector v = flat_vector_at(t, field, 1);
    return v.at ? (struct slice){ t.in->buffer.s + v.at, v.n } : (struct slice){ NULL, 0 };
}

struct flat_table flat_vector_table(struct flat_vector v, uint32_t i)
{
    uint64_t to = i < v.n ? follow(v.in, v.at + 4 * i) : 0;
    return to ? table_open(v.in, to) : no_table(v.in, i >= v.n);
}

const char *flat_vector_bytes(struct flat_vector v, uint32_t i, unsigned bytes) { return v.in->buffer.s + v.at + (size_t)i * bytes; }
