/* sense/peek.c */
#include "sense/peek.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

static int open_at(const char *format, va_list args)
{
    char path[PATH_MAX];
    int  n = vsnprintf(path, sizeof path, format, args);
    return n < 0 || n >= (int)sizeof path ? -1 : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
}

void peek_open(struct peek *p, const char *format, ...)
{
    peek_close(p);
    va_list args;
    va_start(args, format);
    p->fd = open_at(format, args);
    va_end(args);
}

void peek_close(struct peek *p)
{
    if (p->fd >= 0)
        close(p->fd);
    p->fd = -1;
}

bool peek_read(const struct peek *p, char *text, size_t size)
{
    size_t used = 0;
    while (p->fd >= 0 && used + 1 < size) {
        ssize_t n = pread(p->fd, text + used, size - 1 - used, (off_t)used);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            used = 0;   /* half a file is worse than none */
        if (n <= 0)
            break;
        used += (size_t)n;
    }
    text[used] = '\0';
    return used > 0;
}

bool peek_once(char *text, size_t size, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    struct peek p = { open_at(format, args) };
    va_end(args);
    bool got = peek_read(&p, text, size);
    peek_close(&p);
    return got;
}
