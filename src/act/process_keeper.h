/*
 * act/process_keeper.h - the process between us and a program that we run; see process.h for why it exists.
 */
#ifndef ACT_PROCESS_KEEPER_H
#define ACT_PROCESS_KEEPER_H

#include "act/process.h"

enum { KEEPER_GROUPS_MAX = 64, KEEPER_MAGIC = 0x6b656570 };

/* Filled before the fork: the keeper allocates nothing. */
struct keeper {
    const char        *path;
    const char *const *argv, *const *env;
    const char        *cwd;
    int                report_fd, lock_fd;
    int64_t            timeout_us;
    bool               end_leftovers, as_other;
    uid_t              uid;
    gid_t              gid;
    size_t             groups;
    gid_t              group[KEEPER_GROUPS_MAX];
    char               output[PROCESS_OUTPUT_MAX];
};

/* What it writes to report_fd when the program has ended, followed by the output. */
struct keeper_report {
    int  magic;
    int  failed_errno;    /* the program could not be executed */
    int  status;          /* as of waitpid */
    bool timed_out, cut;
};

/* The keeper's whole life; called in the forked child, with all signals blocked. */
_Noreturn void keeper_main(struct keeper *k);

#endif
