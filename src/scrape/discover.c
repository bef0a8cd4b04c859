/* scrape/discover.c - see discover.h. A look costs a glob and a stat for each file; nothing is read while nothing changed. */
#include "scrape/discover.h"

#include "base/file.h"

#include <errno.h>
#include <fnmatch.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { FILE_MEMORY = 64 * 1024 * 1024 };

struct file {
    char                *path;
    struct stat          was;
    bool                 there, read_once, unread;      /* unread: it could not be, and may be the next time although it is the same */
    struct arena         memory;             /* what it told last */
    struct target_group *group; size_t groups;
    char                 trouble[400];
};

/* Which files a job's globs name. */
struct named { const char *job; size_t file; };

struct discover {
    struct file  *file; size_t files;
    struct named *named; size_t nameds, named_room;
};

struct discover *discover_new(void)
{
    struct discover *d = calloc(1, sizeof *d);
    if (d && !(d->file = calloc(DISCOVER_FILES_MAX, sizeof *d->file))) {
        free(d);
        return NULL;
    }
    return d;
}

static void file_free(struct file *f)
{
    free(f->path);
    arena_done(&f->memory);
}

void discover_free(struct discover *d)
{
    if (!d)
        return;
    for (size_t i = 0; i < d->files; i++)
        file_free(&d->file[i]);
    free(d->file);
    free(d->named);
    free(d);
}

/* ---- one file ---- */

static bool same(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
           a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* Something new is wrong with it. */
static bool in_trouble(struct file *f, const struct fault *fault)
{
    bool news = strcmp(f->trouble, fault->text) != 0;
    (void)snprintf(f->trouble, sizeof f->trouble, "%s", fault->text);
    return news;
}

enum reading { READ_NEWS, READ_TROUBLE, READ_NOTHING_NEW };

static enum reading file_read_again(struct file *f, struct fault *fault)
{
    struct arena         fresh;
    struct target_group *group = NULL;
    size_t               groups = 0, size = 0;
    char                *data = NULL;
    arena_init(&fresh, FILE_MEMORY);
    enum err e = file_read(f->path, DISCOVER_FILE_BYTES, &data, &size, fault);
    f->unread  = e != OK && e != ERR_LIMIT;
    if (e == OK)
        e = targets_parse(f->path, data, size, &group, &groups, &fresh, fault);
    free(data);
    if (e != OK) {
        bool news = in_trouble(f, fault) || !f->unread;
        arena_done(&fresh);
        return news ? READ_TROUBLE : READ_NOTHING_NEW;
    }
    arena_done(&f->memory);
    f->memory = fresh;
    f->group = group;
    f->groups = groups;
    *f->trouble = '\0';
    return READ_NEWS;
}

static struct file *file_of(struct discover *d, const char *path)
{
    for (size_t i = 0; i < d->files; i++)
        if (!strcmp(d->file[i].path, path))
            return &d->file[i];
    if (d->files == DISCOVER_FILES_MAX)
        return NULL;
    struct file *f = &d->file[d->files];
    *f = (struct file){ .path = strdup(path) };
    arena_init(&f->memory, FILE_MEMORY);
    if (!f->path)
        return NULL;
    d->files++;
    return f;
}

/* ---- all of them ---- */

static bool name_it(struct discover *d, const char *job, size_t file)
{
    for (size_t i = 0; i < d->nameds; i++)
        if (d->named[i].file == file && !strcmp(d->named[i].job, job))
            return true;
    if (d->nameds == d->named_room) {
        size_t        room = d->named_room ? d->named_room * 2 : 16;
        struct named *more = realloc(d->named, room * sizeof *more);
        if (!more)
            return false;
        d->named = more;
        d->named_room = room;
    }
    d->named[d->nameds++] = (struct named){ job, file };
    return true;
}

struct looking { struct discover *d; void (*troubled)(void *, const struct fault *); void *ctx; bool changed; };

static void look_at(struct looking *l, const char *job, const char *path)
{
    struct fault fault = { 0 };
    struct stat  now;
    struct file *f = file_of(l->d, path);
    if (!f || !name_it(l->d, job, (size_t)(f - l->d->file))) {
        (void)fail(&fault, ERR_LIMIT, "%s is not read: more than %d files of targets", path, DISCOVER_FILES_MAX);
        if (l->troubled)
            l->troubled(l->ctx, &fault);
        return;
    }
    if (f->there)                    /* of another job's glob as well, or twice */
        return;
    f->there = true;
    if (stat(path, &now) != 0)
        memset(&now, 0, sizeof now);
    if (f->read_once && !f->unread && same(&now, &f->was))
        return;
    f->was = now;
    l->changed |= !f->read_once;
    f->read_once = true;
    enum reading is = file_read_again(f, &fault);
    l->changed |= is == READ_NEWS;
    if (is == READ_TROUBLE && l->troubled)
        l->troubled(l->ctx, &fault);
}

/* For glob(): a folder that is not there names nothing; one that cannot be read may. */
static int cannot_list(const char *folder, int error) { return error != ENOENT && error != ENOTDIR; }

/* A glob that could not be looked at names what it named before. */
static void look_again_later(struct looking *l, const char *job, const char *glob_text)
{
    for (size_t i = 0; i < l->d->files; i++) {
        struct file *f = &l->d->file[i];
        struct fault fault = { 0 };
        if (fnmatch(glob_text, f->path, FNM_PATHNAME | FNM_PERIOD) != 0 || !name_it(l->d, job, i))
            continue;
        (void)fail(&fault, ERR_IO, "%s: its folder cannot be listed", f->path);
        if (!f->there && in_trouble(f, &fault) && l->troubled)
            l->troubled(l->ctx, &fault);
        f->there = f->unread = true;
    }
}

/* Those that no glob names any more. Numbers of the others change, and so the names are made anew at each look. */
static void forget_gone(struct looking *l)
{
    struct discover *d = l->d;
    size_t           kept = 0;
    for (size_t i = 0; i < d->files; i++) {
        if (!d->file[i].there) {
            file_free(&d->file[i]);
            l->changed = true;
            continue;
        }
        for (size_t k = 0; k < d->nameds; k++)
            if (d->named[k].file == i)
                d->named[k].file = kept;
        d->file[kept++] = d->file[i];
    }
    d->files = kept;
}

bool discover_look(struct discover *d, const struct scrape_job *jobs, size_t n, void (*troubled)(void *ctx, const struct fault *fault), void *ctx)
{
    struct looking l = { d, troubled, ctx, false };
    size_t         before = d->nameds;
    d->nameds = 0;
    for (size_t i = 0; i < d->files; i++)
        d->file[i].there = false;
    for (size_t j = 0; j < n; j++)
        for (size_t g = 0; g < jobs[j].files.count; g++) {
            glob_t found = { 0 };
            int    is = glob(jobs[j].files.item[g], 0, cannot_list, &found);
            for (size_t i = 0; is == 0 && i < found.gl_pathc; i++)
                look_at(&l, jobs[j].name, found.gl_pathv[i]);
            if (is != 0 && is != GLOB_NOMATCH)
                look_again_later(&l, jobs[j].name, jobs[j].files.item[g]);
            globfree(&found);
        }
    forget_gone(&l);
    return l.changed || d->nameds != before;
}

size_t discover_files(const struct discover *d, const struct scrape_job *job, struct discover_file *list, size_t max)
{
    size_t n = 0;
    for (size_t i = 0; i < d->nameds && n < max; i++)
        if (!strcmp(d->named[i].job, job->name)) {
            const struct file *f = &d->file[d->named[i].file];
            list[n++] = (struct discover_file){ f->path, f->trouble, f->group, f->groups };
        }
    return n;
}

size_t discover_broken(const struct discover *d)
{
    size_t n = 0;
    for (size_t i = 0; i < d->files; i++)
        n += *d->file[i].trouble != '\0';
    return n;
}

json_t *discover_status(const struct discover *d)
{
    json_t *all = json_array();
    for (size_t i = 0; i < d->files; i++) {
        const struct file *f = &d->file[i];
        size_t             targets = 0;
        for (size_t g = 0; g < f->groups; g++)
            targets += f->group[g].addresses;
        json_array_append_new(all, json_pack("{s:s, s:I, s:s}", "path", f->path, "targets", (json_int_t)targets, "error", f->trouble));
    }
    return all;
}
