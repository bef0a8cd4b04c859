/* history/files.c - see files.h. */
#include "history/files.h"

#include "base/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

char *history_file_name(int64_t at_us, char out[HISTORY_FILE_NAME])
{
    time_t    t = (time_t)(at_us / 1000000);
    struct tm utc;
    if (!gmtime_r(&t, &utc) || !strftime(out, HISTORY_FILE_NAME, "minutes.%Y%m%dT%H%M", &utc))
        snprintf(out, HISTORY_FILE_NAME, "minutes.19700101T0000");
    return out;
}

static int64_t time_of(const char *name)
{
    struct tm   utc = { 0 };
    const char *end = strncmp(name, "minutes.", 8) == 0 ? strptime(name + 8, "%Y%m%dT%H%M", &utc) : NULL;
    return end && !*end && strlen(name) < HISTORY_FILE_NAME ? (int64_t)timegm(&utc) * 1000000 : -1;
}

static int by_name(const void *a, const void *b) { return strcmp(((const struct history_file *)a)->name, ((const struct history_file *)b)->name); }

enum err history_files_list(const char *folder, struct history_files *out, struct fault *fault)
{
    *out   = (struct history_files){ 0 };
    DIR *d = opendir(folder);
    if (!d)
        return fail(fault, errno == ENOENT ? ERR_MISSING : ERR_IO, "cannot open the history %s: %s", folder, strerror(errno));
    if (!(out->item = calloc(HISTORY_FILES_MAX, sizeof *out->item))) {
        closedir(d);
        return fail(fault, ERR_LIMIT, "out of memory for the history %s", folder);
    }
    for (struct dirent *e; (e = readdir(d)) && out->count < HISTORY_FILES_MAX;) {
        int64_t     from = time_of(e->d_name);
        struct stat st;
        if (from < 0 || fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode))
            continue;
        struct history_file *f = &out->item[out->count++];
        text_copy(f->name, sizeof f->name, e->d_name);      /* time_of() has looked at its length */
        f->from_us = from;
        f->size    = st.st_size;
    }
    closedir(d);
    qsort(out->item, out->count, sizeof *out->item, by_name);
    return OK;
}

void history_files_done(struct history_files *f)
{
    free(f->item);
    *f = (struct history_files){ 0 };
}
