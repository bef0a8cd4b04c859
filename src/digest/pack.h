/*
 * digest/pack.h - numbers and texts as bytes, and back: how open windows survive a restart.
 *
 * Writing never fails half-way: beyond its maximum (or without memory) the pack becomes `full` and must not be used.  Reading never
 * goes beyond the end: what is not there reads as zero and sets `bad`, so a caller looks once, at the end, and before it trusts a count.
 */
#ifndef DIGEST_PACK_H
#define DIGEST_PACK_H

#include "base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pack { char *s; size_t n, room, max; bool full; };

void pack_init(struct pack *p, size_t max);
void pack_done(struct pack *p);
void pack_clear(struct pack *p);
void pack_u(struct pack *p, uint64_t v);          /* 1..10 bytes */
void pack_i(struct pack *p, int64_t v);
void pack_r(struct pack *p, double v);            /* 8 bytes, any bits */
void pack_s(struct pack *p, struct slice s);
static inline struct slice pack_bytes(const struct pack *p) { return (struct slice){ p->s, p->n }; }

struct unpack { const char *s, *end; bool bad; };

static inline struct unpack unpack_of(struct slice bytes) { return (struct unpack){ bytes.s, bytes.s + bytes.n, false }; }
uint64_t     unpack_u(struct unpack *u);
int64_t      unpack_i(struct unpack *u);
int64_t      unpack_time(struct unpack *u);       /* one that can be reckoned with, or INT64_MIN for none; else 0 and bad */
double       unpack_r(struct unpack *u);
struct slice unpack_s(struct unpack *u);          /* lies in the bytes */
/* A count of things of at least `least` bytes each; 0 and bad when there cannot be so many. */
size_t       unpack_count(struct unpack *u, size_t least);

#endif
