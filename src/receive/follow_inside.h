/* receive/follow_inside.h - what follow.c (turns), follow_find.c (globs, watches) and follow_file.c (one file) share. */
#ifndef RECEIVE_FOLLOW_INSIDE_H
#define RECEIVE_FOLLOW_INSIDE_H

#include "receive/follow.h"
#include "receive/follow_store.h"
#include "receive/inputs_conf.h"
#include "receive/lines.h"

#include <limits.h>
#include <sys/stat.h>

struct follow_rule {                              /* an entry of `files`, copied */
    char               *name, *tenant, *service, *source;
    char              **paths, **exclude;         /* ending with NULL */
    struct lines_rules  lines;
    regex_t             start;
    bool                has_start;
    enum files_from     from;
    int64_t             linger_us, poll_us, group_us;
    bool                begun;                    /* read before: new files are not there "for the first time" */
    bool                shares;                   /* told: another entry reads a file of its */
    struct attr         origin_attr[2];
    struct batch_origin origin;
    struct lane         lane;
};

/* One life of a file: from its beginning to its truncation. */
struct follow_life { uint64_t print, tail; uint32_t print_n, tail_n; int64_t at, durable; };

struct follow_copy { uint64_t dev, ino; int64_t since_us; };

struct followed {
    struct followed    *next;
    struct follow_rule *rule;
    char               *path, *base;              /* base: of the real path, in the folder that is watched; points into real */
    char               *real;
    uint64_t            dev, ino, generation;
    int                 fd, wd;                   /* -1: closed, read and quiet; -1: not watched */
    struct follow_life  now, before;              /* before: until it was truncated; print_n 0: it was not */
    int64_t             marked;                   /* the offset of the last mark; between it and now.at lie empty lines */
    int64_t             size, grown_us, unnamed_us, changed_ns;     /* changed_ns: the file's own time, when it was looked at */
    bool                named, met;               /* a path of its rule names it; met: in this search */
    bool                look, ended;              /* ended: nothing more will come, all is read */
    uint64_t            owes;                     /* one more than the last generation of before that has lines on their way, up to `owed`; 0: none has */
    int64_t             owed;
    bool                calm;                     /* nothing was added for group_us, and what that completes was taken */
};

struct follow {
    char                store_path[PATH_MAX];
    struct batcher      batcher;
    size_t              rules_n;
    struct follow_rule *rules;
    pthread_mutex_t     lock;                     /* over what follow_status reads: the list, and lives, while they change */
    struct followed    *files;
    size_t              files_n, open_n;
    size_t              open_max;                 /* an eighth of the files that the process may have open; beyond it they take turns */
    bool                crowded;                  /* one had to wait for its turn */
    struct follow_store old;                      /* what was stored and is not met yet, or belongs to rules that are not there now */
    int                 inotify;
    bool                blind;                    /* the kernel does not tell of everything: look more often */
    bool                search_soon, dirty, ending, too_many;
    int64_t             searched_us, saved_us;
    uint64_t            split, truncated;
    struct follow_copy  copies[FOLLOW_COPIES_MAX];   /* what may become a copy of copytruncate, and waits */
    char               *chunk;
    struct text         scratch;
};

/* follow_find.c */
void follow_search(struct follow *f, int64_t now_us);             /* all globs; new files are opened, others are found again */
void follow_told(struct follow *f);                               /* what inotify has to tell */

/* follow_file.c */
struct followed *followed_open(struct follow *f, struct follow_rule *rule, const char *path, bool named, int64_t now_us);   /* NULL: cannot be, told */
bool             followed_wake(struct follow *f, struct followed *x);      /* open again; false: it is not there any more */
void             followed_read(struct follow *f, struct followed *x, int64_t now_us);
void             followed_sleep(struct follow *f, struct followed *x);
void             followed_free(struct followed *x);
/* The path in `folder` of this file; false: it is not there. */
bool             followed_elsewhere(const char *path, uint64_t dev, uint64_t ino, char *out, size_t size);

#endif
