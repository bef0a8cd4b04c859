/*
 * base/arena.h - memory that goes all at once.
 *
 * An arena is named by its lifetime (turn, request, case) and passed to whoever
 * needs memory that lives as long.  It has a bound: beyond it alloc returns
 * NULL, which callers treat as ERR_LIMIT.  Not for sharing between threads.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/err.h"

#include <stddef.h>

struct arena_block;
struct arena {
    struct arena_block *head;
    size_t              used, bound;   /* bytes handed out; how many may be */
};

void  arena_init(struct arena *a, size_t bound);
void  arena_done(struct arena *a);
void  arena_reset(struct arena *a);                       /* everything handed out becomes invalid */
void *arena_alloc(struct arena *a, size_t size);          /* zeroed, aligned for any type; NULL beyond the bound */
char *arena_text(struct arena *a, const char *s);         /* a copy; NULL beyond the bound */
PRINTF(2, 3) char *arena_printf(struct arena *a, const char *format, ...);

#endif
