/*
 * gate/policy.h - what Homeostat may do, written by the people who own the databases.
 *
 * A policy is read whole or not at all; every mistake is told as
 * file:line:column with what would be right.  Its version is the digest of what
 * it means, so comments and order do not invalidate approvals.  Everything has
 * a default, and the defaults are cautious: deploy/policy.yaml is them, with
 * comments.
 */
#ifndef GATE_POLICY_H
#define GATE_POLICY_H

#include "base/err.h"
#include "base/id.h"
#include "base/text.h"
#include "conf/complain.h"
#include "model/bounds.h"

#include <stdbool.h>
#include <stdint.h>

enum { POLICY_WINDOWS_MAX = 16, POLICY_FREEZES_MAX = 64, POLICY_PROGRAMS_MAX = 64, POLICY_ARGS_MAX = 8,
       POLICY_WORD_SIZE = 128, POLICY_WHY_SIZE = 120, POLICY_TARGETS_MAX = 16 };

enum policy_restart { RESTART_NEVER, RESTART_WINDOW, RESTART_ALLOWED };
const char *policy_restart_name(enum policy_restart r);

/* A piece of each week, in local time of a fixed offset. from == to: the whole day; from > to: over midnight. */
struct policy_window {
    unsigned days;                   /* bit 0 is Monday; the day on which it begins */
    int      from_min, to_min;       /* minutes after midnight */
    int      offset_min;             /* of local time to UTC: +60 for +01:00 */
};

struct policy_freeze {
    bool                 recurring;
    struct policy_window window;     /* recurring */
    int64_t              from_us, to_us;     /* otherwise; wall */
    char                 target[64]; /* empty: all */
    char                 why[POLICY_WHY_SIZE];
};

/* A program that scripts may run: the first words must be these. */
struct policy_program { int words; char word[POLICY_ARGS_MAX][POLICY_WORD_SIZE]; bool exact; };

struct policy {
    struct bounds         bounds;                 /* knobs, ranges, step, memory, disk, recovery */
    enum policy_restart   restart;
    int                   windows;
    struct policy_window  window[POLICY_WINDOWS_MAX];   /* for restarts */
    int                   freezes;
    struct policy_freeze  freeze[POLICY_FREEZES_MAX];
    int                   changes_per_hour;       /* per target: applied plans */
    int                   restarts_per_day;       /* per target */
    int64_t               cooldown_us;            /* after a rollback, per target */
    double                degraded_s_per_day;     /* per target; beyond it nothing more is tried that day */
    double                risk_auto_max;          /* automatic up to here */
    double                risk_max;               /* nobody may approve beyond */
    bool                  four_eyes;              /* who opened a case may not approve it */
    int64_t               approval_expires_us;
    int                   targets_max;            /* one plan may touch this many */
    int                   settings_max;           /* knobs in one plan */
    int                   steps_max;
    bool                  scripts, shell;         /* script.exec at all; a real shell */
    int                   script_timeout_max_s;
    int                   programs;
    struct policy_program program[POLICY_PROGRAMS_MAX];
    char                  version[DIGEST_SIZE];
};

void policy_default(struct policy *p);

/* all may be NULL. Nothing in *p is changed on failure. */
MUST_CHECK enum err policy_read(const char *path, struct policy *p, struct conf_complaints *all, struct fault *fault);
MUST_CHECK enum err policy_parse(const char *name, const char *text, size_t size, struct policy *p,
                                 struct conf_complaints *all, struct fault *fault);

/* As commented YAML that policy_parse() reads back to the same version. */
void policy_print(const struct policy *p, struct text *out);

/* Is the moment inside; when not, when does it open next (INT64_MAX: never)? */
bool policy_window_open(const struct policy_window *w, int64_t wall_us, int64_t *opens_us, int64_t *closes_us);

#endif
