/* base/text.c */
#include "base/text.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char nothing[1] = "";

void text_init(struct text *t, size_t max) { *t = (struct text){ .s = nothing, .max = max }; }

void text_done(struct text *t)
{
    if (t->s != nothing)
        free(t->s);
    t->s = nothing;
    t->used = t->room = 0;
}

void text_clear(struct text *t)
{
    t->used = 0;
    t->cut = false;
    if (t->s != nothing)
        t->s[0] = '\0';
}

/* Make room for n more bytes and the NUL; answers how many of the n there is room for. */
static size_t reserve(struct text *t, size_t n)
{
    if (n > t->max - t->used) {
        n = t->max - t->used;
        t->cut = true;
    }
    if (t->used + n + 1 > t->room) {
        size_t room = t->room ? t->room : 64;
        while (room < t->used + n + 1)
            room *= 2;
        char *s = realloc(t->s == nothing ? NULL : t->s, room);
        if (!s) {
            t->cut = true;
            return 0;
        }
        if (t->s == nothing)
            s[0] = '\0';
        t->s = s;
        t->room = room;
    }
    return n;
}

void text_add_n(struct text *t, const char *s, size_t n)
{
    n = reserve(t, n);
    if (n == 0)
        return;
    memcpy(t->s + t->used, s, n);
    t->used += n;
    t->s[t->used] = '\0';
}

void text_add(struct text *t, const char *s) { text_add_n(t, s, strlen(s)); }

void text_printf(struct text *t, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    if (n > 0) {
        char  small[256];
        char *s = (size_t)n < sizeof small ? small : malloc((size_t)n + 1);
        if (s) {
            (void)vsnprintf(s, (size_t)n + 1, format, again);
            text_add_n(t, s, (size_t)n);
        }
        t->cut = t->cut || !s;
        if (s != small)
            free(s);
    }
    t->cut = t->cut || n < 0;
    va_end(again);
    va_end(args);
}

char *text_take(struct text *t)
{
    char *s = t->s == nothing ? strdup("") : t->s;
    t->s = nothing;
    t->used = t->room = 0;
    return s;
}

bool text_copy(char *to, size_t size, const char *from)
{
    assert(size > 0);
    size_t n = strlen(from), fits = n < size ? n : size - 1;
    memcpy(to, from, fits);
    to[fits] = '\0';
    return fits == n;
}
