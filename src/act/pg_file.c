/* act/pg_file.c - see pg_file.h; the scanner follows guc-file.l. */
#include "act/pg_file.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- reading ---- */

struct scan { const char *p, *end; };

static void skip_blanks(struct scan *s)
{
    while (s->p < s->end && strchr(" \t\r", *s->p))
        s->p++;
}

static bool name_char(char c, bool first)
{
    unsigned char u = (unsigned char)c;
    return isalpha(u) || c == '_' || u >= 0x80 || (!first && (isdigit(u) || c == '$' || c == '.'));
}

static bool scan_name(struct scan *s, char *out, size_t size)
{
    size_t n = 0;
    while (s->p < s->end && name_char(*s->p, n == 0) && n + 1 < size)
        out[n++] = (char)tolower((unsigned char)*s->p++);
    out[n] = '\0';
    return n > 0 && (s->p == s->end || !name_char(*s->p, false));
}

static char escape_of(struct scan *s)
{
    char c = *s->p++;
    if (c >= '0' && c <= '7') {
        int value = c - '0';
        for (int i = 0; i < 2 && s->p < s->end && *s->p >= '0' && *s->p <= '7'; i++)
            value = value * 8 + (*s->p++ - '0');
        return (char)value;
    }
    static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
    const char *at = memchr(from, c, sizeof from - 1);
    return at ? to[at - from] : c;
}

/* 'it''s' */
static bool scan_quoted(struct scan *s, struct text *out)
{
    for (s->p++; s->p < s->end;) {
        char c = *s->p++;
        if (c == '\'') {
            if (s->p == s->end || *s->p != '\'')
                return true;
            s->p++;
        } else if (c == '\\' && s->p < s->end) {
            c = escape_of(s);
        }
        text_add_n(out, &c, 1);
    }
    return false;
}

static bool scan_plain(struct scan *s, struct text *out)
{
    const char *from = s->p;
    while (s->p < s->end && !strchr(" \t\r#='", *s->p))
        s->p++;
    text_add_n(out, from, (size_t)(s->p - from));
    return s->p > from;
}

/* An entry, nothing (blank or comment), or something else. */
static bool scan_line(struct scan *s, char *name, size_t name_size, struct text *value, bool *entry)
{
    *entry = false;
    skip_blanks(s);
    if (s->p == s->end || *s->p == '#')
        return true;
    if (!scan_name(s, name, name_size))
        return false;
    skip_blanks(s);
    if (s->p < s->end && *s->p == '=') {
        s->p++;
        skip_blanks(s);
    }
    if (s->p == s->end || !(*s->p == '\'' ? scan_quoted(s, value) : scan_plain(s, value)))
        return false;
    skip_blanks(s);
    *entry = s->p == s->end || *s->p == '#';
    return *entry;
}

static enum err take_line(struct pg_file *f, const char *raw, size_t size, struct fault *fault)
{
    struct pg_file_line *line = &f->line[f->lines];
    char                *copy = arena_alloc(&f->arena, size + 1);
    struct text value CLEANUP(text_done);
    text_init(&value, size);
    char        name[128];
    bool        entry;
    if (!copy)
        return fail(fault, ERR_LIMIT, "no memory for postgresql.auto.conf");
    memcpy(copy, raw, size);
    *line = (struct pg_file_line){ .raw = copy, .raw_size = size };
    struct scan s = { copy, copy + size - (size > 0 && copy[size - 1] == '\n') };
    line->broken = !scan_line(&s, name, sizeof name, &value, &entry);
    if (entry) {
        line->name = arena_text(&f->arena, name);
        line->value = arena_text(&f->arena, value.s);
        if (!line->name || !line->value)
            return fail(fault, ERR_LIMIT, "no memory for postgresql.auto.conf");
    }
    f->broken += line->broken;
    f->lines++;
    return OK;
}

enum err pg_file_parse(const char *text, size_t size, struct pg_file *f, struct fault *fault)
{
    *f = (struct pg_file){ .line_end = "\n" };
    if (size > PG_FILE_BYTES_MAX)
        return fail(fault, ERR_LIMIT, "postgresql.auto.conf is larger than %d bytes", PG_FILE_BYTES_MAX);
    size_t lines = 1;
    for (size_t i = 0; i < size; i++)
        lines += text[i] == '\n';
    if (lines > PG_FILE_LINES_MAX)
        return fail(fault, ERR_LIMIT, "postgresql.auto.conf has more than %d lines", PG_FILE_LINES_MAX);
    arena_init(&f->arena, (size_t)8 * PG_FILE_BYTES_MAX);
    /* One more than there are: pg_file_set may add one per call, see below. */
    f->line = arena_alloc(&f->arena, (lines + 1) * sizeof *f->line);
    enum err e = f->line ? OK : fail(fault, ERR_LIMIT, "no memory for postgresql.auto.conf");
    for (const char *p = text, *end = text + size; e == OK && p < end;) {
        const char *nl = memchr(p, '\n', (size_t)(end - p));
        size_t      n = nl ? (size_t)(nl - p) + 1 : (size_t)(end - p);
        if (nl && n >= 2 && p[n - 2] == '\r')
            f->line_end = "\r\n";
        e = take_line(f, p, n, fault);
        p += n;
    }
    if (e != OK)
        pg_file_done(f);
    return e;
}

void pg_file_done(struct pg_file *f)
{
    arena_done(&f->arena);
    *f = (struct pg_file){ 0 };
}

const char *pg_file_get(const struct pg_file *f, const char *name)
{
    for (int i = f->lines - 1; i >= 0; i--)
        if (f->line[i].name && strcasecmp(f->line[i].name, name) == 0)
            return f->line[i].value;
    return NULL;
}

/* ---- writing ---- */

void pg_file_entry_text(struct text *out, const char *name, const char *value)
{
    text_printf(out, "%s = '", name);
    for (const char *p = value; *p; p++) {
        if (*p == '\'' || *p == '\\')
            text_add_n(out, p, 1);
        text_add_n(out, p, 1);
    }
    text_add(out, "'");
}

static enum err make_line(struct pg_file *f, const char *name, const char *value, struct pg_file_line *line, struct fault *fault)
{
    struct text t CLEANUP(text_done);
    text_init(&t, PG_FILE_BYTES_MAX);
    pg_file_entry_text(&t, name, value);
    text_add(&t, f->line_end);
    *line = (struct pg_file_line){ .raw = arena_text(&f->arena, t.s), .raw_size = t.used, .name = arena_text(&f->arena, name),
                                   .value = arena_text(&f->arena, value) };
    return t.cut || !line->raw || !line->name || !line->value ? fail(fault, ERR_LIMIT, "no memory for an entry of postgresql.auto.conf") : OK;
}

enum err pg_file_set(struct pg_file *f, const char *name, const char *value, struct fault *fault)
{
    if (value && strpbrk(value, "\r\n"))
        return fail(fault, ERR_INPUT, "a value with a line end cannot stand in postgresql.auto.conf (%s)", name);
    struct pg_file_line *lines = arena_alloc(&f->arena, ((size_t)f->lines + 2) * sizeof *lines);
    if (!lines)
        return fail(fault, ERR_LIMIT, "no memory for postgresql.auto.conf");
    int last = -1, n = 0;
    for (int i = 0; i < f->lines; i++)
        if (f->line[i].name && strcasecmp(f->line[i].name, name) == 0)
            last = i;
    for (int i = 0; i < f->lines; i++) {
        bool ours = f->line[i].name && strcasecmp(f->line[i].name, name) == 0;
        if (!ours)
            lines[n++] = f->line[i];
        else if (i == last && value && make_line(f, name, value, &lines[n++], fault) != OK)
            return ERR_LIMIT;
    }
    if (last < 0 && value && make_line(f, name, value, &lines[n++], fault) != OK)
        return ERR_LIMIT;
    f->line = lines;
    f->lines = n;
    return OK;
}

void pg_file_print(const struct pg_file *f, struct text *out)
{
    for (int i = 0; i < f->lines; i++) {
        const struct pg_file_line *line = &f->line[i];
        text_add_n(out, line->raw, line->raw_size);
        if (i + 1 < f->lines && (line->raw_size == 0 || line->raw[line->raw_size - 1] != '\n'))
            text_add(out, f->line_end);
    }
}

static enum err write_beside(int fd, const char *beside, const struct stat *like, const char *data, size_t size, struct fault *fault)
{
    /* A file that the server's user cannot read would keep the server from starting, so the owner comes first. */
    if (fchown(fd, like->st_uid, like->st_gid) != 0 && (like->st_uid != geteuid() || like->st_gid != getegid()))
        return fail(fault, ERR_DENIED, "cannot give %s to its owner %ld:%ld: %s", beside, (long)like->st_uid, (long)like->st_gid, strerror(errno));
    if (fchmod(fd, like->st_mode & 07777) != 0)
        return fail(fault, ERR_IO, "cannot set the mode of %s: %s", beside, strerror(errno));
    while (size > 0) {
        ssize_t n = write(fd, data, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail(fault, ERR_IO, "cannot write %s: %s", beside, strerror(errno));
        data += n;
        size -= (size_t)n;
    }
    return fsync(fd) == 0 ? OK : fail(fault, ERR_IO, "cannot fsync %s: %s", beside, strerror(errno));
}

enum err pg_file_save(const char *path, const char *data, size_t size, struct fault *fault)
{
    char        beside[PATH_MAX], folder[PATH_MAX];
    struct stat like;
    if (snprintf(beside, sizeof beside, "%s.homeostat.%ld", path, (long)getpid()) >= (int)sizeof beside)
        return fail(fault, ERR_LIMIT, "path too long: %s", path);
    if (stat(path, &like) != 0)
        return fail(fault, errno == ENOENT ? ERR_MISSING : ERR_IO, "cannot look at %s: %s", path, strerror(errno));
    (void)unlink(beside);
    int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail(fault, ERR_IO, "cannot create %s: %s", beside, strerror(errno));
    enum err e = write_beside(fd, beside, &like, data, size, fault);
    close(fd);
    if (e == OK && rename(beside, path) != 0)
        e = fail(fault, ERR_IO, "cannot rename %s to %s: %s", beside, path, strerror(errno));
    if (e != OK) {
        (void)unlink(beside);
        return e;
    }
    (void)snprintf(folder, sizeof folder, "%s", path);
    int dir = open(dirname(folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0 || fsync(dir) != 0)
        e = fail(fault, ERR_IO, "cannot fsync the folder of %s: %s", path, strerror(errno));
    if (dir >= 0)
        close(dir);
    return e;
}
