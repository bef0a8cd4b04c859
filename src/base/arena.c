/*
 * base/arena.c - a chain of blocks, each twice as large as the one before.
 *
 * A reset keeps the newest, so that an arena that is filled again and again soon needs one block and asks malloc for nothing.
 * Under the address sanitizer it keeps none: then a pointer from before the reset is found.
 */
#include "base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_BLOCK 4096u               /* of the first */
#define ARENA_KEEP  (4u * 1024u * 1024u) /* they do not double beyond it, and larger ones are not kept */

#if defined(__SANITIZE_ADDRESS__)
enum { FORGET = 1 };
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
enum { FORGET = 1 };
#else
enum { FORGET = 0 };
#endif
#else
enum { FORGET = 0 };
#endif

struct arena_block {
    struct arena_block *next;
    size_t              size, used;
    max_align_t         data[];
};

void arena_init(struct arena *a, size_t bound) { *a = (struct arena){ .bound = bound }; }

void arena_done(struct arena *a)
{
    while (a->head) {
        struct arena_block *b = a->head;
        a->head = b->next;
        free(b);
    }
    a->used = 0;
}

void arena_reset(struct arena *a)
{
    struct arena_block *kept = a->head;
    if (kept && kept->size <= ARENA_KEEP && !FORGET) {
        a->head = kept->next;
        arena_done(a);
        kept->next = NULL;
        kept->used = 0;
        a->head = kept;
    } else {
        arena_done(a);
    }
}

void *arena_alloc(struct arena *a, size_t size)
{
    if (size > a->bound)
        return NULL;
    size = (size + alignof(max_align_t) - 1) / alignof(max_align_t) * alignof(max_align_t);
    if (size > a->bound - a->used)
        return NULL;
    if (!a->head || a->head->size - a->head->used < size) {
        size_t room = !a->head ? ARENA_BLOCK : a->head->size < ARENA_KEEP / 2 ? 2 * a->head->size : ARENA_KEEP;
        if (room < size)
            room = size;
        struct arena_block *b = malloc(sizeof *b + room);
        if (!b)
            return NULL;
        b->size = room;
        b->used = 0;
        b->next = a->head;
        a->head = b;
    }
    void *p = (unsigned char *)a->head->data + a->head->used;
    a->head->used += size;
    a->used += size;
    return memset(p, 0, size);
}

char *arena_text(struct arena *a, const char *s)
{
    size_t n = strlen(s) + 1;
    char  *p = arena_alloc(a, n);
    if (p)
        memcpy(p, s, n);
    return p;
}

char *arena_printf(struct arena *a, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int   n = vsnprintf(NULL, 0, format, args);
    char *p = n < 0 ? NULL : arena_alloc(a, (size_t)n + 1);
    if (p)
        (void)vsnprintf(p, (size_t)n + 1, format, again);
    va_end(again);
    va_end(args);
    return p;
}
