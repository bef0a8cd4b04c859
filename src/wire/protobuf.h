/*
 * wire/protobuf.h - protobuf without a schema compiler: a walk over the fields of a message that copies nothing, and a writer.
 *
 *     struct pb       m = pb_of(body);
 *     struct pb_field f;
 *     int             more;
 *     while ((more = pb_next(&m, &f)) > 0)
 *         if (f.number == 1 && f.type == PB_LEN)
 *             name = f.bytes;
 *     if (more < 0) ...the message is malformed at m.at
 *
 * What the walker refuses: a varint of more than 64 bits, field number 0, groups and the two types that do not exist, a length beyond the end of
 * the message.  A field of a number or type the caller does not know is skipped by not looking at it.  Messages within are not looked into.
 */
#ifndef WIRE_PROTOBUF_H
#define WIRE_PROTOBUF_H

#include "base/slice.h"
#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum pb_type { PB_VARINT = 0, PB_I64 = 1, PB_LEN = 2, PB_I32 = 5 };

struct pb { const uint8_t *at, *end; };

struct pb_field {
    uint32_t     number;
    enum pb_type type;
    uint64_t     n;          /* VARINT, I64, I32: the bits */
    struct slice bytes;      /* LEN: a view into the message; else empty */
};

static inline struct pb pb_of(struct slice message)
{
    const uint8_t *s = (const uint8_t *)(message.s ? message.s : "");
    return (struct pb){ s, s + message.n };
}

/* Of more than one byte. false: it does not end, or has more than 64 bits. */
bool pb_varint_long(struct pb *m, uint64_t *n);

static inline bool pb_varint(struct pb *m, uint64_t *n)
{
    if (m->at < m->end && *m->at < 0x80) {
        *n = *m->at++;
        return true;
    }
    return pb_varint_long(m, n);
}

static inline uint64_t pb_u64(const void *at) { uint64_t n; memcpy(&n, at, sizeof n); return n; }   /* little-endian machines only, as is the whole house */
static inline uint32_t pb_u32(const void *at) { uint32_t n; memcpy(&n, at, sizeof n); return n; }
static inline double   pb_double(uint64_t bits) { double d; memcpy(&d, &bits, sizeof d); return d; }
static inline int64_t  pb_zigzag(uint64_t n) { return (int64_t)((n >> 1) ^ (0 - (n & 1))); }

/* 1: a field; 0: the end; -1: malformed, and m->at is near where. Always inlined: then the fields live in registers, which is twice as fast. */
__attribute__((always_inline)) static inline int pb_next(struct pb *m, struct pb_field *f)
{
    uint64_t tag, n;
    if (m->at == m->end)
        return 0;
    if (!pb_varint(m, &tag) || tag > UINT32_MAX || tag < 8)
        return -1;
    f->number = (uint32_t)(tag >> 3);
    f->type = (enum pb_type)(tag & 7);
    f->bytes = (struct slice){ NULL, 0 };
    f->n = 0;
    if (f->type == PB_LEN) {
        if (!pb_varint(m, &n) || n > (uint64_t)(m->end - m->at))
            return -1;
        f->bytes = (struct slice){ (const char *)m->at, (size_t)n };
        m->at += n;
        return 1;
    }
    if (f->type == PB_VARINT)
        return pb_varint(m, &f->n) ? 1 : -1;
    size_t wide = f->type == PB_I64 ? 8 : f->type == PB_I32 ? 4 : 0;
    if (wide == 0 || (size_t)(m->end - m->at) < wide)
        return -1;
    f->n = wide == 8 ? pb_u64(m->at) : pb_u32(m->at);
    m->at += wide;
    return 1;
}

/* Number and type in one, to switch over: a field of the wrong type is an unknown one. */
#define PB_FIELD(number, type) ((uint32_t)(number) << 3 | (uint32_t)(type))
static inline uint32_t pb_field(const struct pb_field *f) { return PB_FIELD(f->number, f->type); }

/*
 * A field of a repeated scalar, whether packed or not: how many numbers are in it.  false: malformed, or of neither type (then *count is 0
 * and *known false: skip it).  one: the type of an unpacked number.
 */
bool pb_repeated(const struct pb_field *f, enum pb_type one, size_t *count, bool *known);
/* The numbers of such a field into out, which has room for them. Answers how many. Only after pb_repeated() said yes. */
size_t pb_repeated_read(const struct pb_field *f, enum pb_type one, uint64_t *out);

/* Is it UTF-8 (shortest forms only, no surrogates, up to U+10FFFF)? */
bool utf8_valid(struct slice text);

/* ---- writing: into a text, which may hold any bytes; when its maximum is reached t->cut is set and what is in it is of no use ---- */

/* Scalars that are 0 and bytes that are empty are written too: whether to leave a default out is the caller's affair. */
void pb_put_varint(struct text *t, uint32_t number, uint64_t n);
void pb_put_sint(struct text *t, uint32_t number, int64_t n);              /* zigzag */
void pb_put_fixed64(struct text *t, uint32_t number, uint64_t n);
void pb_put_fixed32(struct text *t, uint32_t number, uint32_t n);
void pb_put_double(struct text *t, uint32_t number, double d);
void pb_put_bytes(struct text *t, uint32_t number, struct slice bytes);    /* strings, and messages that are already written */
void pb_put_raw_varint(struct text *t, uint64_t n);                        /* without a tag: within packed fields */
void pb_put_raw_fixed64(struct text *t, uint64_t n);

/* A message within (or a packed field): begin, write its fields, end with what begin answered. */
size_t pb_begin(struct text *t, uint32_t number);
void   pb_end(struct text *t, size_t begun);

#endif
