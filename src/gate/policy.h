/*
 * gate/policy.h - what Homeostat may do, written by the people who own the databases.
 *
 * A policy is read whole or not at all; every mistake is told as
 * file:line:column with what would be right.  Its version is the digest of what
 * it means, so comments and order do not invalidate approvals.  Everything has
 * a default, and the defaults are cautious: deploy/policy.yaml is them, with
 * comments.
 *
 *     struct policy p;
 *     policy_default(&p);
 *     if (*path && policy_read(path, &p, &complaints, fault) != OK) ...     p is unchanged then
 */
#ifndef GATE_POLICY_H
#define GATE_POLICY_H

#include "base/err.h"
#include "base/id.h"
#include "base/text.h"
#include "conf/complain.h"
#include "conf/conf.h"
#include "gate/window.h"
#include "model/bounds.h"

#include <stdbool.h>
#include <stdint.h>

enum { POLICY_WINDOWS_MAX = 16, POLICY_FREEZES_MAX = 64, POLICY_PROGRAMS_MAX = 64, POLICY_ARGS_MAX = 8,
       POLICY_WORD_SIZE = 128, POLICY_WHY_SIZE = 120 };

enum policy_build { BUILD_NEVER, BUILD_ASK, BUILD_AUTO };   /* auto: a person only where mode or risk ask for one */
enum policy_restart { RESTART_NEVER, RESTART_WINDOW, RESTART_ALLOWED };
const char *policy_restart_name(enum policy_restart r);

/* Everything that is one value; each field has a row in policy.c with its range and its reason. Times are microseconds. */
struct policy_values {
    double  step_ratio;
    int64_t steps_max, settings_max, targets_max, watch_min_us;
    double  memory_fraction, sessions_factor, nodes_per_session;
    int64_t session_bytes, work_mem_total_bytes;
    bool    half_of_cache_size;
    double  disk_fraction;
    int64_t recovery_max_us, replay_bytes_per_s;
    int     restart;                       /* enum policy_restart */
    int64_t restarts_per_day;              /* per target */
    int64_t changes_per_hour;              /* per target: plans that were applied */
    int64_t cool_down_us;                  /* after a rollback, per target */
    int64_t degraded_per_day_us;           /* per target; beyond it nothing more is tried that day */
    double  harm_max[VERIFY_CLASS_COUNT], gain_min;   /* shares; model/bounds.h */
    int64_t trials_min;
    double  risk_auto_max, risk_max;       /* automatic up to here; nobody may approve beyond */
    bool    four_eyes;                     /* who opened a case, or brought its plan, may not approve it */
    int64_t approval_expires_us;
    bool    scripts, shell;                /* script.exec at all; a real shell */
    int64_t script_timeout_max_us;
    int     index_build, index_drop, analyze;   /* enum policy_build */
    int64_t index_table_max_bytes;
    double  index_disk_fraction, index_cpu_max;
};

struct policy_freeze {
    bool               weekly;
    struct week_window window;             /* weekly */
    int64_t            from_us, to_us;     /* otherwise; wall */
    char               target[64];         /* empty: all */
    char               why[POLICY_WHY_SIZE];
};

/* A program that scripts may run: its words must be these, and, with more, anything may follow them. */
struct policy_program { int words; char word[POLICY_ARGS_MAX][POLICY_WORD_SIZE]; bool more; };

struct policy {
    struct policy_values  set;
    struct bounds         bounds;                       /* the part that planners keep to, made from set and the knobs */
    int                   windows;
    struct week_window    window[POLICY_WINDOWS_MAX];   /* for restarts */
    int                   index_windows;
    struct week_window    index_window[POLICY_WINDOWS_MAX];   /* in which an index build begins; none: at any time */
    int                   freezes;
    struct policy_freeze  freeze[POLICY_FREEZES_MAX];
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

/* The tables behind it, for documentation and for the test of tables. */
extern const struct conf_section *const policy_sections[];
extern const size_t                     policy_sections_count;

#endif
