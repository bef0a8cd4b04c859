/*
 * conf/complain.h - what is wrong with a file, all of it, each with its place.
 *
 * A person who edits a file wants every mistake at once, as "file:line:column:
 * text. hint", the form that editors and CI logs make clickable.  A program
 * wants the first one as a struct fault.  This list serves both.
 *
 *     struct conf_complaints all CLEANUP(conf_complaints_done);
 *     conf_complaints_init(&all);
 *     if (conf_load(path, sections, n, &conf, &all, &fault) != OK)
 *         conf_complaints_text(&all, &report);
 */
#ifndef CONF_COMPLAIN_H
#define CONF_COMPLAIN_H

#include "base/arena.h"
#include "base/err.h"
#include "base/text.h"

#include <jansson.h>
#include <stddef.h>

#define CONF_COMPLAINTS_MAX 50u                  /* beyond it only the count is kept */

struct conf_place { const char *file; unsigned line, column; };   /* from 1; line 0: the file as a whole */

struct conf_complaint {
    struct conf_place at;
    const char       *text;                      /* what is wrong, without a full stop */
    const char       *hint;                      /* what would be right; may be empty */
};

struct conf_complaints {
    struct arena          memory;
    struct conf_complaint list[CONF_COMPLAINTS_MAX];
    size_t                count, dropped;
};

void conf_complaints_init(struct conf_complaints *all);
void conf_complaints_done(struct conf_complaints *all);

/* Add one; hint may be NULL. The file name at `at` is copied. */
PRINTF(4, 5) void conf_complain(struct conf_complaints *all, struct conf_place at, const char *hint, const char *format, ...);

/* The first one as a fault, with the number of the others; OK when there is none. */
enum err conf_complaints_fault(const struct conf_complaints *all, struct fault *fault);

/* One line each. */
void conf_complaints_text(const struct conf_complaints *all, struct text *out);

/* [{"file":..., "line":..., "column":..., "text":..., "hint":...}]; NULL when out of memory. */
json_t *conf_complaints_json(const struct conf_complaints *all);

/* "file:line:column" into out, "file" when the line is 0. Returns out. */
char *conf_place_text(struct conf_place at, char *out, size_t size);

/* The word of the list that somebody probably meant, or NULL. Case, '-' and '_' do not count. */
const char *conf_nearest(const char *word, const char *const *list, size_t count);

#endif
