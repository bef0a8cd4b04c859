/*
 * act/pg_file.h - postgresql.auto.conf without a server: read it, put entries back, leave every other line as it is.
 *
 *     struct pg_file f;
 *     pg_file_parse(text, size, &f, fault);
 *     pg_file_set(&f, "shared_buffers", "128MB", fault);     NULL takes the entry out
 *     pg_file_print(&f, &out);  pg_file_save(path, out.s, out.used, fault);
 *
 * The grammar is PostgreSQL's: name [=] value, '' and backslash escapes inside quotes, # comments, blank lines, CRLF, the last
 * of several entries counts.  Lines that are none of that are kept and reported, not repaired.
 */
#ifndef ACT_PG_FILE_H
#define ACT_PG_FILE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>

enum { PG_FILE_BYTES_MAX = 1024 * 1024, PG_FILE_LINES_MAX = 16384 };

struct pg_file_line {
    const char *raw;      /* with its line end */
    size_t      raw_size;
    const char *name;     /* lower case; NULL: comment, blank, or not understood */
    const char *value;    /* without quotes */
    bool        broken;   /* neither an entry nor nothing */
};

struct pg_file {
    struct arena         arena;
    struct pg_file_line *line;
    int                  lines, broken;
    const char          *line_end;   /* "\n" or "\r\n", as the file has it */
};

MUST_CHECK enum err pg_file_parse(const char *text, size_t size, struct pg_file *f, struct fault *fault);
void                pg_file_done(struct pg_file *f);
const char         *pg_file_get(const struct pg_file *f, const char *name);   /* NULL: no entry */
MUST_CHECK enum err pg_file_set(struct pg_file *f, const char *name, const char *value, struct fault *fault);
void                pg_file_print(const struct pg_file *f, struct text *out);

/* name = 'value' as it stands in the file, without a line end. */
void                pg_file_entry_text(struct text *out, const char *name, const char *value);

/* Replace a file at once, with the owner, group and mode of the one that is there; fsynced. */
MUST_CHECK enum err pg_file_save(const char *path, const char *data, size_t size, struct fault *fault);

#endif
