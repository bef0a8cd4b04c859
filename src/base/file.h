/*
 * base/file.h - files that are either the old or the new one, never half of each.
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/err.h"

#include <stddef.h>
#include <sys/types.h>

/* The whole file, NUL added, at most max bytes (ERR_LIMIT beyond). The caller frees *data. size may be NULL. */
MUST_CHECK enum err file_read(const char *path, size_t max, char **data, size_t *size, struct fault *fault);

/* Write beside, fsync, rename, fsync the folder. The file has exactly mode afterwards. What is there and no file is left alone (ERR_STATE). */
MUST_CHECK enum err file_write(const char *path, const char *data, size_t size, mode_t mode, struct fault *fault);

/* mkdir -p with the mode for what is made. */
MUST_CHECK enum err file_make_dirs(const char *path, mode_t mode, struct fault *fault);

/* How many files the process may have open: as many as wanted when its hard limit lets it allow itself so many, and then it has. */
size_t file_limit(size_t wanted);

#endif
