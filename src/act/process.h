/*
 * act/process.h - run a program to its end, within a time, with its output in hand, even if we die meanwhile.
 *
 * Between us and the program stands a keeper: a small process of its own session that holds the fence's lock file, reads
 * the program's output and enforces the time limit.  If we are killed, the keeper carries on: the program is neither cut
 * off half-way (it would die of a closed pipe between "stop" and "start") nor does it run on for ever, and whoever comes
 * after us gets the lock only when the program has ended.  The program itself does not inherit the lock: a server that it
 * starts would hold it for good.
 *
 * No shell.  The environment is what is given, nothing else.  Standard input is empty.
 */
#ifndef ACT_PROCESS_H
#define ACT_PROCESS_H

#include "base/err.h"
#include "base/id.h"
#include "base/text.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { PROCESS_OUTPUT_MAX = 64 * 1024, PROCESS_KILL_GRACE_MS = 3000 };

struct process_order {
    const char *const *argv;         /* NULL at the end; argv[0] is a whole path, or looked up in the PATH of env */
    const char *const *env;          /* "NAME=value", NULL at the end */
    const char        *cwd;          /* NULL: "/" */
    int                lock_fd;      /* held by the keeper until the program has ended; -1: none */
    int64_t            timeout_us;   /* then TERM to its process group, then KILL */
    bool               end_leftovers;/* when it has ended, kill what it left behind in its process group */
    bool               effect;       /* this is the side effect itself, not a look at the world: crash points count */
    bool               as_other;     /* run as uid and gid below (root only) */
    uid_t              uid;
    gid_t              gid;
};

struct process_result {
    bool        started;       /* the program was executed at all */
    bool        timed_out;
    int         exit_code;     /* -1: ended by a signal */
    int         signal;        /* 0: none */
    struct text output;        /* standard output and error, the first PROCESS_OUTPUT_MAX bytes, fit for JSON ('?' for what is not
                                  UTF-8); cut says when there was more */
    char        sha256[DIGEST_SIZE];   /* of those bytes as they were printed */
};

/*
 * OK: it has ended, and the result says how; an exit code of 1 is OK here.
 * ERR_MISSING, ERR_DENIED: it could not be started.  ERR_IO: could not even fork.  ERR_UNKNOWN: the keeper was lost.
 * The result is to be done() in every case.
 */
MUST_CHECK enum err process_run(const struct process_order *order, struct process_result *result, struct fault *fault);
void                process_result_done(struct process_result *result);

/* "exited with 3", "was killed by signal 9", "took too long and was stopped". */
void                process_describe(const struct process_result *r, struct text *out);

/* Where the program is that argv[0] names: a whole path, or a name that is looked for in the whole paths of the list. */
MUST_CHECK enum err process_find(const char *name, const char *path_list, char *out, size_t size, struct fault *fault);

#define PROCESS_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

#endif
