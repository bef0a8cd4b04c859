/* history/files.h - the ring's files: minutes.YYYYMMDDTHHMM, named by their first minute; so the order of names is that of time. */
#ifndef HISTORY_FILES_H
#define HISTORY_FILES_H

#include "base/err.h"

#include <stdint.h>
#include <stddef.h>

enum { HISTORY_FILES_MAX = 4096, HISTORY_FILE_NAME = 32 };

struct history_file  { char name[HISTORY_FILE_NAME]; int64_t from_us, size; };
struct history_files { struct history_file *item; size_t count; };

/* The oldest first. ERR_MISSING when the folder is not there. */
MUST_CHECK enum err history_files_list(const char *folder, struct history_files *out, struct fault *fault);
void history_files_done(struct history_files *f);
char *history_file_name(int64_t at_us, char out[HISTORY_FILE_NAME]);

#endif
