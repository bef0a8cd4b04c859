/* sensor/reader.c - files that are kept open, numbers in their texts, names that are left out; see inside.h. */
#include "sensor/inside.h"

#include "base/utf8.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum sensed failed(struct turn *u, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(u->why, sizeof u->why, format, args);
    va_end(args);
    return FAILED;
}

static bool no_such(int error) { return error == ENOENT || error == ENODEV || error == ENXIO || error == EOPNOTSUPP || error == ENOTDIR || error == EINVAL || error == ESRCH; }

static enum sensed open_it(struct turn *u, const char *path, int *fd)
{
    char full[512];
    if (*u->root && snprintf(full, sizeof full, "%s%s", u->root, path) < (int)sizeof full)
        path = full;
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (*fd >= 0)
        return SENSED;
    return no_such(errno) || errno == EACCES ? HERE_NOT : failed(u, "cannot open %s: %s", path, strerror(errno));
}

static enum sensed read_it(struct turn *u, const struct kept *f, const char *path, struct slice *text)
{
    size_t used = 0;
    for (;;) {
        if (u->room - used < 4096) {
            size_t room = u->room ? 2 * u->room : 64 * 1024;
            char  *more = room <= FILE_MAX ? realloc(u->buffer, room) : NULL;
            if (!more)
                return failed(u, "%s is larger than %d bytes", path, FILE_MAX);
            u->buffer = more;
            u->room   = room;
        }
        ssize_t n = pread(f->fd1 - 1, u->buffer + used, u->room - used - 1, (off_t)used);
        if (n < 0)
            return no_such(errno) || errno == EPERM || errno == EACCES ? HERE_NOT : failed(u, "cannot read %s: %s", path, strerror(errno));
        used += (size_t)n;
        /* the kernel gives at most a page at once for some files, so only nothing at all is the end; a short first read of a small file is one too */
        if (n == 0 || (n < 2048 && used == (size_t)n && !f->long_lines))
            break;
    }
    u->buffer[used] = 0;
    *text           = (struct slice){ u->buffer, used };
    return SENSED;
}

enum sensed kept_read(struct turn *u, struct kept *f, const char *path, struct slice *text)
{
    for (int attempt = 0;; attempt++) {
        bool was_open = f->fd1 != 0;
        if (!was_open) {
            int         fd;
            enum sensed s = open_it(u, path, &fd);
            if (s != SENSED)
                return s;
            f->fd1 = fd + 1;
        }
        enum sensed s = read_it(u, f, path, text);
        if (s == SENSED)
            return s;
        kept_done(f);
        if (!was_open || attempt)
            return s;       /* a device may have gone and come back under the same name: once more, opened anew */
    }
}

void kept_done(struct kept *f)
{
    if (f->fd1)
        close(f->fd1 - 1);
    f->fd1 = 0;
}

enum sensed file_once(struct turn *u, const char *path, struct slice *text)
{
    struct kept f = { 0 };
    enum sensed s = kept_read(u, &f, path, text);
    kept_done(&f);
    return s;
}

static int by_number(const void *a, const void *b) { return (*(const unsigned *)a > *(const unsigned *)b) - (*(const unsigned *)a < *(const unsigned *)b); }

size_t folder_numbers(struct turn *u, const char *path, const char *before, const char *behind, unsigned *out, size_t max)
{
    char   full[512];
    size_t count = 0, n = strlen(before);
    snprintf(full, sizeof full, "%s%s", u->root, path);
    DIR *d = opendir(full);
    if (!d)
        return 0;
    for (struct dirent *e; (e = readdir(d)) && count < max;) {
        const char *digits = e->d_name + n, *end = digits;
        if (strncmp(e->d_name, before, n) != 0)
            continue;
        while (*end >= '0' && *end <= '9')
            end++;
        if (end > digits && end - digits < 9 && strcmp(end, behind) == 0)
            out[count++] = (unsigned)atoi(digits);
    }
    closedir(d);
    qsort(out, count, sizeof *out, by_number);
    return count;
}

/* ---- scanning ---- */

bool scan_line(struct scan *s, struct slice *line)
{
    if (s->p >= s->end)
        return false;
    const char *end = memchr(s->p, '\n', (size_t)(s->end - s->p));
    *line = (struct slice){ s->p, (size_t)((end ? end : s->end) - s->p) };
    s->p  = end ? end + 1 : s->end;
    return true;
}

struct slice scan_word(struct scan *s)
{
    while (s->p < s->end && scan_blank(*s->p))
        s->p++;
    const char *from = s->p;
    while (s->p < s->end && !scan_blank(*s->p))
        s->p++;
    return (struct slice){ from, (size_t)(s->p - from) };
}

bool scan_u64(struct scan *s, uint64_t *v)
{
    const char *p = s->p;
    while (p < s->end && scan_blank(*p))
        p++;
    if (p >= s->end || *p < '0' || *p > '9')
        return false;
    uint64_t n = 0;
    for (; p < s->end && *p >= '0' && *p <= '9'; p++)
        n = n * 10 + (uint64_t)(*p - '0');
    s->p = p;
    *v   = n;
    return true;
}

uint64_t scan_or_0(struct scan *s)
{
    uint64_t v = 0;
    if (!scan_u64(s, &v))
        (void)scan_word(s);
    return v;
}

double slice_number(struct slice s)
{
    char copy[64], *end;
    s = slice_trim(s);
    if (!s.n || s.n >= sizeof copy)
        return NAN;
    uint64_t    v;
    struct scan fast = scan_of(s);
    if (s.n < 16 && scan_u64(&fast, &v) && fast.p == fast.end)
        return (double)v;
    memcpy(copy, s.s, s.n);
    copy[s.n] = 0;
    double d  = strtod(copy, &end);
    return end == copy || *end ? NAN : d;
}

struct slice slice_trim(struct slice s)
{
    while (s.n && (scan_blank(*s.s) || *s.s == '\n' || *s.s == '\r'))
        s.s++, s.n--;
    while (s.n && (scan_blank(s.s[s.n - 1]) || s.s[s.n - 1] == '\n' || s.s[s.n - 1] == '\r' || !s.s[s.n - 1]))
        s.n--;
    return s;
}

struct slice slice_clean(struct slice s, char *out, size_t size)
{
    size_t n = 0;
    while (n < s.n && !(s.s[n] & 0x80))
        n++;
    if (n == s.n)
        return s;
    n = s.n < size ? s.n : size - 1;
    memcpy(out, s.s, n);
    out[n] = 0;
    utf8_clean(out, '?');
    return (struct slice){ out, n };
}

/* ---- leaving out ---- */

uint64_t slice_hash(struct slice s)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < s.n; i++)
        h = (h ^ (unsigned char)s.s[i]) * UINT64_C(0x100000001b3);
    h ^= h >> 29;
    return h ? h : 1;
}

bool filter_matches(struct filter *f, const char *regex, struct slice name)
{
    char copy[512];
    if (!regex || !*regex)
        return false;
    uint64_t h = slice_hash(name);
    size_t   i = h % FILTER_ROOM;
    for (; f->seen[i]; i = (i + 1) % FILTER_ROOM)
        if (f->seen[i] == h)
            return f->match[i];
    if (!f->ready) {
        f->ready    = true;
        f->compiled = malloc(sizeof(regex_t));
        if (f->compiled && regcomp(f->compiled, regex, REG_EXTENDED | REG_NOSUB) != 0) {
            free(f->compiled);      /* conf.c has refused such a one */
            f->compiled = NULL;
        }
    }
    size_t n = name.n < sizeof copy ? name.n : sizeof copy - 1;
    if (n)
        memcpy(copy, name.s, n);
    copy[n]    = 0;
    bool match = f->compiled && regexec(f->compiled, copy, 0, NULL, 0) == 0;
    if (f->count >= FILTER_ROOM / 2) {      /* names that come and go: forget, and ask again */
        memset(f->seen, 0, sizeof f->seen);
        f->count = 0;
        i        = h % FILTER_ROOM;
    }
    f->seen[i]  = h;
    f->match[i] = match;
    f->count++;
    return match;
}

void filter_done(struct filter *f)
{
    if (f->compiled) {
        regfree(f->compiled);
        free(f->compiled);
    }
    *f = (struct filter){ 0 };
}
