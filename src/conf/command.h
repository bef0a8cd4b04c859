/*
 * conf/command.h - `homeostat config check|print|docs`, for whichever sections the program is made of.
 *
 * Each writes to the streams and answers the exit code: 0 fine, 1 not.  Errors
 * go to err as "file:line:column: text. hint", one per line; with json, as one
 * object on out.
 */
#ifndef CONF_COMMAND_H
#define CONF_COMMAND_H

#include "conf/conf.h"

#include <stdbool.h>
#include <stdio.h>

int conf_command_check(const char *path, const struct conf_section *const *sections, size_t count, bool json, FILE *out, FILE *err);
int conf_command_print(const char *path, const struct conf_section *const *sections, size_t count, bool json, FILE *out, FILE *err);
/* form: "markdown", "man" (scdoc) or "json". */
int conf_command_docs(const char *form, const struct conf_section *const *sections, size_t count, FILE *out, FILE *err);

#endif
