/*
 * base/text.h - text that grows, born with a maximum.
 *
 * Once the maximum is reached nothing more is added and cut is set; the text
 * stays a valid C string at all times.
 *
 *     struct text t CLEANUP(text_done);
 *     text_init(&t, 64 * 1024);
 *     text_printf(&t, "%d cases\n", n);
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct text {
    char  *s;        /* never NULL after text_init */
    size_t used;     /* without the final NUL */
    size_t room, max;
    bool   cut;
};

void text_init(struct text *t, size_t max);
void text_done(struct text *t);
void text_clear(struct text *t);
void text_add(struct text *t, const char *s);
void text_add_n(struct text *t, const char *s, size_t n);
PRINTF(2, 3) void text_printf(struct text *t, const char *format, ...);

/* Take the string away from t; the caller frees it. */
char *text_take(struct text *t);

/* strlcpy's job: copies what fits, always ends with NUL; false when it was cut. */
bool text_copy(char *to, size_t size, const char *from);

#endif
