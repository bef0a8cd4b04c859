/*
 * scrape/discover.h - files that name targets, read again when they changed.
 *
 * A file is looked at by times, inode and size.  One that cannot be read, or whose folder cannot be listed, keeps the targets it told last, says so, and is
 * tried again at each look; one that is gone takes its targets with it.  Belongs to one thread.
 */
#ifndef SCRAPE_DISCOVER_H
#define SCRAPE_DISCOVER_H

#include "scrape/targets.h"

#include <jansson.h>

enum { DISCOVER_FILES_MAX = 512, DISCOVER_FILE_BYTES = 8 * 1024 * 1024 };

struct discover;
struct discover_file { const char *path; const char *trouble /* "" */; const struct target_group *group; size_t groups; };

struct discover *discover_new(void);         /* NULL: no memory */
void             discover_free(struct discover *d);
/* Look at all files that the jobs' globs name. True: something changed. troubled gets each file that has become bad, once per change; may be NULL. */
bool             discover_look(struct discover *d, const struct scrape_job *jobs, size_t n, void (*troubled)(void *ctx, const struct fault *fault), void *ctx);
/* What the globs of a job name, as found at the last look; valid until the next. Answers how many. */
size_t           discover_files(const struct discover *d, const struct scrape_job *job, struct discover_file *list, size_t max);
size_t           discover_broken(const struct discover *d);
json_t          *discover_status(const struct discover *d);

#endif
