/*
 * sense/peek.h - small kernel files: read once, or kept open and read again from the start each second.
 *
 * Text always ends with NUL; what does not fit is cut off, which is harmless for files whose interesting lines come first.
 */
#ifndef SENSE_PEEK_H
#define SENSE_PEEK_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct peek { int fd; };                                     /* -1: not there */

#define PEEK_NONE ((struct peek){ -1 })

PRINTF(2, 3) void peek_open(struct peek *p, const char *format, ...);   /* closes what was open before */
void peek_close(struct peek *p);
/* false: not open, or the file let us down. text is "" then. */
bool peek_read(const struct peek *p, char *text, size_t size);
/* Open, read, close. */
PRINTF(3, 4) bool peek_once(char *text, size_t size, const char *format, ...);

#endif
