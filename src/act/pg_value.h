/*
 * act/pg_value.h - names and values of parameters as PostgreSQL reads them: when two texts mean the same, and how to say
 * one safely.  Pure functions.
 */
#ifndef ACT_PG_VALUE_H
#define ACT_PG_VALUE_H

#include "base/text.h"

#include <stdbool.h>

enum { PG_VALUE_MAX = 4096 };   /* bytes of one parameter's value that we are willing to write */

/* "work_mem", "auto_explain.log_min_duration": what may stand in ALTER SYSTEM without being an attack on it. */
bool pg_name_valid(const char *name);

/* Values that take a list of names, each of which must be said by itself: ALTER SYSTEM would quote the commas otherwise. */
bool pg_name_is_list(const char *name);

/*
 * Would the server read both as the same value?  vartype and unit as in pg_settings ("integer", "8kB"); "1GB" is "131072" then.
 * NULL is the same only as NULL.
 */
bool pg_value_same(const char *name, const char *vartype, const char *unit, const char *a, const char *b);

/* Is the parameter, written like this, computed when the server starts (wal_buffers = -1), so that another value is in force? */
bool pg_value_computed(const char *name, const char *value);

/* A number in the parameter's base unit; NAN when the text is not one (or carries a unit that does not fit). */
double pg_value_number(const char *vartype, const char *unit, const char *value);

/* ALTER SYSTEM SET name = 'value', or RESET for NULL and for an empty list; no semicolon. The name must be valid. */
void pg_alter_text(struct text *out, const char *name, const char *value);

/* 'a word' for a POSIX shell, whatever is in it. */
void shell_quote(struct text *out, const char *word);

#endif
