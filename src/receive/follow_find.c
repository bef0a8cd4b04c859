/* receive/follow_find.c - which files there are: globs, and what the kernel tells of their folders. */
#include "receive/follow_inside.h"

#include "base/log.h"

#include <errno.h>
#include <fnmatch.h>
#include <glob.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

enum { WATCHED = IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_MODIFY | IN_DELETE_SELF | IN_MOVE_SELF };

static bool excluded(const struct follow_rule *r, const char *path)
{
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    for (char **e = r->exclude; *e; e++)
        if (fnmatch(*e, strchr(*e, '/') ? path : base, 0) == 0)
            return true;
    return false;
}

static struct followed *file_of(const struct follow *f, const struct stat *st)
{
    for (struct followed *x = f->files; x; x = x->next)
        if (x->ino == st->st_ino && x->dev == st->st_dev && !(x->ended))
            return x;
    return NULL;
}

static void add(struct follow *f, struct followed *x)
{
    if (!x)
        return;
    (void)pthread_mutex_lock(&f->lock);
    x->next = f->files;
    f->files = x;
    f->files_n++;
    f->open_n++;
    if (f->open_n > f->open_max)
        followed_sleep(f, x);      /* it is known by now, and read when its turn comes */
    (void)pthread_mutex_unlock(&f->lock);
}

/* Found again, perhaps under another name. */
static void met(struct follow *f, struct followed *x, const char *path, const struct stat *st)
{
    x->met = true;
    if (st->st_size != (x->size < 0 ? x->now.at : x->size) || st->st_mtim.tv_sec * INT64_C(1000000000) + st->st_mtim.tv_nsec != x->changed_ns)
        x->look = true;
    if (strcmp(x->path, path) == 0)
        return;
    char *copy = strdup(path), *real = realpath(path, NULL);
    if (!copy || !real) {
        free(copy);
        free(real);
        return;
    }
    (void)pthread_mutex_lock(&f->lock);
    free(x->path);
    free(x->real);
    x->path = copy;
    x->real = real;
    char *slash = strrchr(real, '/');
    x->base = slash ? slash + 1 : real;
    x->look = true;
    f->dirty = true;
    (void)pthread_mutex_unlock(&f->lock);
    if (f->inotify >= 0) {
        char folder[PATH_MAX];
        (void)text_copy(folder, sizeof folder, real);
        x->wd = inotify_add_watch(f->inotify, dirname(folder), WATCHED);
    }
}

/* The lines of a file are taken in once, by the entry that came to it first; that of a file that was renamed out of an entry reads it to its end. */
static void shared(struct follow *f, struct follow_rule *r, const struct followed *x, const char *path)
{
    if (r->shares || !x->named)
        return;
    r->shares = true;
    batcher_trouble(&f->batcher, "%s is read by the entry %s, so %s does not get its lines", path, x->rule->name, r->name);
    log_warn("two entries of files name the same file; only the first of them reads it", F("path", path), F("reads", (const char *)x->rule->name), F("does_not", (const char *)r->name));
}

static void see(struct follow *f, struct follow_rule *r, const char *path, int64_t now_us)
{
    struct stat st;
    if (excluded(r, path) || stat(path, &st) != 0 || !S_ISREG(st.st_mode))
        return;
    struct followed *x = file_of(f, &st);
    if (x && x->rule != r)
        shared(f, r, x, path);
    else if (x && !x->met)
        met(f, x, path, &st);
    else if (!x && f->files_n < FOLLOW_FILES_MAX)
        add(f, followed_open(f, r, path, true, now_us));
    else if (!x && !f->too_many) {
        f->too_many = true;
        batcher_trouble(&f->batcher, "there are more than %d files to follow: %s and others wait until some are gone", FOLLOW_FILES_MAX, path);
        log_warn("too many files to follow; the others wait until some are gone", F("most", FOLLOW_FILES_MAX), F("path", path));
    }
}

/* The folders a pattern speaks of: so that new files are told of, also where there are none yet. */
static void watch_folders(struct follow *f, const char *pattern)
{
    char   folder[PATH_MAX];
    glob_t g;
    if (f->inotify < 0)
        return;
    (void)text_copy(folder, sizeof folder, pattern);
    if (glob(dirname(folder), GLOB_NOSORT, NULL, &g) != 0)
        return;
    for (size_t i = 0; i < g.gl_pathc; i++)
        if (inotify_add_watch(f->inotify, g.gl_pathv[i], WATCHED | IN_ONLYDIR) < 0 && errno != ENOTDIR && errno != ENOENT && !f->blind) {
            f->blind = true;
            batcher_trouble(&f->batcher, "%s cannot be watched (%s): it is looked at once a second", g.gl_pathv[i], strerror(errno));
        }
    globfree(&g);
}

static void search_rule(struct follow *f, struct follow_rule *r, int64_t now_us)
{
    for (char **p = r->paths; *p; p++) {
        glob_t g;
        watch_folders(f, *p);
        if (glob(*p, 0, NULL, &g) != 0)
            continue;
        for (size_t i = 0; i < g.gl_pathc; i++)
            see(f, r, g.gl_pathv[i], now_us);
        globfree(&g);
    }
}

static struct follow_rule *rule_named(struct follow *f, const char *name)
{
    for (size_t i = 0; i < f->rules_n; i++)
        if (strcmp(f->rules[i].name, name) == 0)
            return &f->rules[i];
    return NULL;
}

enum { MISSED_MAX = 4096 };
#define MISSED_KEEP_US (INT64_C(24) * 3600 * US_PER_S)

/*
 * What was followed before we were started, and has no name of ours now: it was renamed meanwhile, and its end is still to be read.  Or its place
 * is not there yet, on a disk that is mounted late: where we were is kept for a day, and it goes on there when it comes.
 */
static void search_lost(struct follow *f, int64_t now_us)
{
    char   path[PATH_MAX];
    size_t missed = 0;
    for (size_t i = 0; i < f->old.seen_n; i++) {
        struct follow_seen *s = &f->old.seen[i];
        struct follow_rule *r = rule_named(f, s->rule);
        if (s->taken || !r)
            continue;
        if (!s->missed_us) {
            s->missed_us = now_us ? now_us : 1;
            bool             there = followed_elsewhere(s->path, s->dev, s->ino, path, sizeof path) && !excluded(r, path);
            struct followed *x = there ? followed_open(f, r, path, false, now_us) : NULL;      /* takes it, if it can be opened */
            add(f, x);
            if (there && !x && !s->taken)
                s->missed_us = 0;             /* it is there, and is tried again */
            else if (!x)
                log_info("a file that was followed is gone; if something was added to it meanwhile, that was not read", F("path", (const char *)s->path), F("offset", s->offset));
        }
        s->taken = s->taken || ++missed > MISSED_MAX || (s->missed_us && now_us - s->missed_us > MISSED_KEEP_US);
        f->dirty |= s->taken;
    }
}

void follow_search(struct follow *f, int64_t now_us)
{
    f->search_soon = false;
    f->searched_us = now_us ? now_us : 1;
    for (struct followed *x = f->files; x; x = x->next)
        x->met = false;
    for (size_t i = 0; i < f->rules_n; i++)
        search_rule(f, &f->rules[i], now_us);
    search_lost(f, now_us);
    for (size_t i = 0; i < f->rules_n; i++) {
        f->dirty |= !f->rules[i].begun;
        f->rules[i].begun = true;
    }
    for (struct followed *x = f->files; x; x = x->next) {
        if (x->named && !x->met)
            x->unnamed_us = now_us;
        x->named = x->met;
        x->look |= !x->named;
    }
}

/* ---- what the kernel tells ---- */

static void told_of(struct follow *f, const struct inotify_event *e)
{
    if (e->mask & IN_Q_OVERFLOW) {
        f->search_soon = true;
        for (struct followed *x = f->files; x; x = x->next)
            x->look = true;
    } else if (e->mask & IN_MODIFY) {
        for (struct followed *x = f->files; x && e->len; x = x->next)
            if (x->wd == e->wd && strcmp(x->base, e->name) == 0)
                x->look = true;
    } else
        f->search_soon = true;
}

void follow_told(struct follow *f)
{
    _Alignas(struct inotify_event) char buffer[16 * 1024];
    ssize_t n;
    while (f->inotify >= 0 && (n = read(f->inotify, buffer, sizeof buffer)) > 0)
        for (char *p = buffer; p < buffer + n;) {
            const struct inotify_event *e = (const struct inotify_event *)(void *)p;
            told_of(f, e);
            p += sizeof *e + e->len;
        }
}
