/* wire/protobuf.c - what of the walker need not be inlined, and the writer. */
#include "wire/protobuf.h"

enum { VARINT_MAX = 10 };

bool pb_varint_long(struct pb *m, uint64_t *n)
{
    uint64_t       v = 0;
    const uint8_t *at = m->at;
    for (int i = 0; i < VARINT_MAX && at < m->end; i++) {
        uint8_t b = *at++;
        if (i == VARINT_MAX - 1 && b > 1)
            return false;
        v |= (uint64_t)(b & 0x7f) << (7 * i);
        if (b < 0x80) {
            m->at = at;
            *n = v;
            return true;
        }
    }
    return false;
}

bool pb_repeated(const struct pb_field *f, enum pb_type one, size_t *count, bool *known)
{
    *count = 0;
    *known = true;
    if (f->type == one) {
        *count = 1;
        return true;
    }
    if (f->type != PB_LEN) {
        *known = false;
        return true;
    }
    if (one != PB_VARINT) {
        size_t each = one == PB_I64 ? 8 : 4;
        *count = f->bytes.n / each;
        return f->bytes.n % each == 0;
    }
    struct pb m = pb_of(f->bytes);
    uint64_t  n;
    while (m.at < m.end) {
        if (!pb_varint(&m, &n))
            return false;
        ++*count;
    }
    return true;
}

size_t pb_repeated_read(const struct pb_field *f, enum pb_type one, uint64_t *out)
{
    size_t n = 0;
    if (f->type == one) {
        out[0] = f->n;
        return 1;
    }
    struct pb m = pb_of(f->bytes);
    while (m.at < m.end)
        if (one == PB_VARINT) {
            if (!pb_varint(&m, &out[n]))
                break;
            n++;
        } else {
            out[n++] = one == PB_I64 ? pb_u64(m.at) : pb_u32(m.at);
            m.at += one == PB_I64 ? 8 : 4;
        }
    return n;
}

/* The ranges of Unicode's table of well-formed byte sequences. */
static size_t sequence(const uint8_t *s, size_t left)
{
    uint8_t b = s[0], low = 0x80, high = 0xbf;
    size_t  n = b < 0x80 ? 1 : b < 0xc2 ? 0 : b < 0xe0 ? 2 : b < 0xf0 ? 3 : b < 0xf5 ? 4 : 0;
    if (n == 0 || n > left)
        return 0;
    if (b == 0xe0)
        low = 0xa0;
    else if (b == 0xed)
        high = 0x9f;
    else if (b == 0xf0)
        low = 0x90;
    else if (b == 0xf4)
        high = 0x8f;
    if (n > 1 && (s[1] < low || s[1] > high))
        return 0;
    for (size_t i = 2; i < n; i++)
        if (s[i] < 0x80 || s[i] > 0xbf)
            return 0;
    return n;
}

bool utf8_valid(struct slice text)
{
    const uint8_t *s = (const uint8_t *)text.s;
    size_t         left = text.n;
    while (left >= 8) {
        if (pb_u64(s) & UINT64_C(0x8080808080808080))
            break;
        s += 8;
        left -= 8;
    }
    while (left) {
        size_t n = sequence(s, left);
        if (n == 0)
            return false;
        s += n;
        left -= n;
    }
    return true;
}

/* ---- writing ---- */

static size_t varint_bytes(uint64_t n, char out[VARINT_MAX])
{
    size_t used = 0;
    while (n >= 0x80) {
        out[used++] = (char)(n | 0x80);
        n >>= 7;
    }
    out[used++] = (char)n;
    return used;
}

/* Most pieces are a few bytes and there is room: no call, no search for the end. */
static inline void put(struct text *t, const char *s, size_t n)
{
    if (t->used + n < t->room && n <= t->max - t->used) {
        memcpy(t->s + t->used, s, n);
        t->used += n;
        t->s[t->used] = '\0';
    } else {
        text_add_n(t, s, n);
    }
}

static inline size_t tag(char *out, uint32_t number, enum pb_type type) { return varint_bytes((uint64_t)number << 3 | type, out); }

void pb_put_raw_varint(struct text *t, uint64_t n)
{
    char b[VARINT_MAX];
    put(t, b, varint_bytes(n, b));
}

void pb_put_raw_fixed64(struct text *t, uint64_t n)
{
    char b[8];
    memcpy(b, &n, 8);
    put(t, b, 8);
}

void pb_put_varint(struct text *t, uint32_t number, uint64_t n)
{
    char   b[2 * VARINT_MAX];
    size_t used = tag(b, number, PB_VARINT);
    put(t, b, used + varint_bytes(n, b + used));
}

void pb_put_sint(struct text *t, uint32_t number, int64_t n) { pb_put_varint(t, number, (uint64_t)n << 1 ^ (n < 0 ? UINT64_MAX : 0)); }

void pb_put_fixed64(struct text *t, uint32_t number, uint64_t n)
{
    char   b[VARINT_MAX + 8];
    size_t used = tag(b, number, PB_I64);
    memcpy(b + used, &n, 8);
    put(t, b, used + 8);
}

void pb_put_fixed32(struct text *t, uint32_t number, uint32_t n)
{
    char   b[VARINT_MAX + 4];
    size_t used = tag(b, number, PB_I32);
    memcpy(b + used, &n, 4);
    put(t, b, used + 4);
}

void pb_put_double(struct text *t, uint32_t number, double d)
{
    uint64_t n;
    memcpy(&n, &d, sizeof n);
    pb_put_fixed64(t, number, n);
}

void pb_put_bytes(struct text *t, uint32_t number, struct slice bytes)
{
    char   b[2 * VARINT_MAX];
    size_t used = tag(b, number, PB_LEN);
    used += varint_bytes(bytes.n, b + used);
    put(t, b, used);
    if (bytes.n)
        put(t, bytes.s, bytes.n);
}

/* One byte is left for the length; what has come to need more is moved up by the rest at the end. */
size_t pb_begin(struct text *t, uint32_t number)
{
    char   b[VARINT_MAX + 1];
    size_t used = tag(b, number, PB_LEN);
    b[used] = 0;
    put(t, b, used + 1);
    return t->used;
}

void pb_end(struct text *t, size_t begun)
{
    char b[VARINT_MAX];
    if (t->cut || begun > t->used)
        return;
    size_t length = t->used - begun, n = varint_bytes(length, b);
    if (n > 1) {
        put(t, "\0\0\0\0\0\0\0\0\0\0", n - 1);
        if (t->cut)
            return;
        memmove(t->s + begun + n - 1, t->s + begun, length);
    }
    memcpy(t->s + begun - 1, b, n);
}
