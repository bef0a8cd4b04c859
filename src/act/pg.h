/*
 * act/pg.h - what the chapters of the PostgreSQL adapter share.  For files in this room.
 *
 * One call of the adapter is one struct pg_work: the changes wanted, the snapshot they start from, the session and the
 * fence.  Each change has two sides, OLD (the snapshot's entry in postgresql.auto.conf) and NEW (the step's); do, undo and
 * toggle all mean "bring every change to that side, unless an entry holds neither".
 *
 *     pg_settings.c  reading the server; writing entries by SQL; waiting until they are in force
 *     pg_guard.c     when acting is refused
 *     pg_local.c     the server's files, when it is proven that they are ours to touch
 *     pg_trial.c     does a server start with these values?
 *     pg_restart.c   checkpoint, restart, wait
 *     pg_undo.c      bringing changes to a side, with and without a server; recovery
 *     pg_script.c    the same as text for people
 */
#ifndef ACT_PG_H
#define ACT_PG_H

#include "act/fence.h"
#include "act/pg_file.h"
#include "act/pg_value.h"
#include "act/rows.h"
#include "base/arena.h"
#include "base/clock.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { PG_CHANGES_MAX = 64, PG_PASSED_MAX = 64, PG_ARENA_BYTES = 8 * 1024 * 1024, PG_RESTART_DEFAULT_MS = 120000 };

enum pg_side { SIDE_OLD, SIDE_NEW };

/* One parameter as the server sees it now. Texts live in the work's arena. */
struct pg_now {
    bool        known;
    const char *value;          /* in force, in base units */
    const char *vartype, *unit, *context, *source, *boot, *source_file;
    bool        pending;        /* the file says otherwise, and a restart is needed */
    const char *entry;          /* the last one in postgresql.auto.conf; NULL: none */
    const char *elsewhere;      /* the last one in any other file; NULL: none */
    const char *elsewhere_file;
};

struct pg_change {
    const char *name;           /* lower case */
    const char *to;             /* NEW: the entry's value; NULL: no entry */
    const char *from;           /* what the plan saw in force; NULL: it did not say */
    const char *passed[PG_PASSED_MAX];   /* values on the road of a plan of several small steps (NULL: no entry): ours, too */
    int         passes;
    const char *old_entry;      /* OLD: from the snapshot; NULL: there was none */
    const char *old_value;      /* in force at the time of the snapshot */
    bool        needs_restart;
    struct pg_now now;
};

struct pg_server {
    int         version;
    bool        in_recovery, superuser, may_reload, may_read_files, may_checkpoint, may_stat_files;
    const char *system_identifier, *address, *user;
    const char *data_directory; /* NULL: not visible to this role */
    const char *timeline;       /* changes with every promotion; NULL on a standby */
    bool        pooled;         /* not PostgreSQL itself answers, but something that lends us its sessions */
    bool        alter_system_off;
    int64_t     start_us, load_us;
    int         standbys, physical_slots, wal_segment_mb;
};

/* The server's files on this machine. Only pg_local_prove fills it. */
struct pg_local {
    bool  proven;
    char  data_directory[PATH_MAX], auto_conf[PATH_MAX], bin[PATH_MAX];   /* bin: "" when no fitting binaries were found */
    uid_t uid;
    gid_t gid;
};

struct pg_work {
    const struct act_context *c;
    bool                      restart;      /* the step is postgres.restart */
    struct arena              arena;        /* lives as long as the work */
    struct arena              now_arena;    /* what was read last; each reading begins anew */
    struct pg_link           *link;         /* NULL while the server is down */
    struct fence              fence;
    struct pg_server          server;       /* as last read */
    struct pg_server          then;         /* as in the snapshot */
    struct pg_local           local;
    bool                      was_local;    /* the snapshot was taken with its files proven to be here */
    int                       starts;       /* how often we have tried to start a server that was down */
    int                       changes;
    struct pg_change          change[PG_CHANGES_MAX];
    bool                      own_session_only;    /* the last read-back could not open a session of its own */
    bool                      reloaded;            /* the last reload that was asked for has been taken up */
    json_t                   *notes, *overrides;   /* owned; go into snapshot and witness */
    struct text              *output;       /* borrowed; what was run. NULL: nobody wants to know */
};

/* ---- postgres.c ---- */
void                pg_work_begin(struct pg_work *w, const struct act_context *c, struct text *output);   /* without a change yet */
MUST_CHECK enum err pg_work_init(struct pg_work *w, const struct act_context *c, const struct plan_step *step, const json_t *snapshot,
                                 struct text *output, struct fault *fault);
/* More changes from another step; a name that is there already is refused. */
MUST_CHECK enum err pg_work_add(struct pg_work *w, const struct plan_step *step, const json_t *snapshot, struct fault *fault);
void                pg_work_done(struct pg_work *w);
PRINTF(2, 3) void   pg_work_note(struct pg_work *w, const char *format, ...);
json_t             *pg_work_witness(struct pg_work *w);
int64_t             pg_soon(const struct pg_work *w, int seconds);   /* the deadline, or so many seconds from now if that is sooner */

/* ---- pg_settings.c ---- */
MUST_CHECK enum err pg_connect(struct pg_work *w, int64_t deadline_us, struct fault *fault);      /* again, if need be */
MUST_CHECK enum err pg_read_server(struct pg_work *w, int64_t deadline_us, struct fault *fault);
MUST_CHECK enum err pg_read_settings(struct pg_work *w, struct pg_link *link, int64_t deadline_us, struct fault *fault);
/* $1 of the statements that take names: {"work_mem","max_wal_size"} */
const char         *pg_names_array(struct pg_work *w);
MUST_CHECK enum err pg_write_entry(struct pg_work *w, const struct pg_change *ch, enum pg_side side, int64_t deadline_us, struct fault *fault);
MUST_CHECK enum err pg_reload(struct pg_work *w, int64_t deadline_us, struct fault *fault);       /* and wait until it was taken up */
/* Entry of that side in the file? Its value in force (or pending, where only a restart helps)? */
bool                pg_entry_is(const struct pg_change *ch, enum pg_side side);
bool                pg_entry_is_ours(const struct pg_change *ch);   /* a value that the plan has set, at its end or on its way */
bool                pg_value_is(const struct pg_change *ch, enum pg_side side);
bool                pg_is_pending(const struct pg_change *ch);      /* a restart would put another value in force */
bool                pg_is_overridden(const struct pg_change *ch);   /* ALTER ROLE or ALTER DATABASE ... SET decides in our session, not the files */
/* pg_read_settings by a session that begins now: it has what the postmaster has. The acting one is asked when there is no room. */
MUST_CHECK enum err pg_read_fresh(struct pg_work *w, int64_t deadline_us, struct fault *fault);
/* Poll in that way until all changes are in force on that side; restarts still needed are counted, not waited for. */
MUST_CHECK enum err pg_wait_in_force(struct pg_work *w, enum pg_side side, bool pending_is_fine, int64_t deadline_us, struct fault *fault);
/* An error in the configuration files that PostgreSQL would skip over silently (or that would keep it from starting). */
MUST_CHECK enum err pg_check_files(struct pg_work *w, int64_t deadline_us, struct fault *fault);

/* ---- pg_guard.c ---- */
MUST_CHECK enum err pg_guard_server(struct pg_work *w, struct fault *fault);      /* standby, owner, privileges */
MUST_CHECK enum err pg_guard_changes(struct pg_work *w, struct fault *fault);     /* parameters, overrides, the plan's "from" */
MUST_CHECK enum err pg_guard_strangers(struct pg_work *w, struct fault *fault);   /* edits that our reload would put in force */
MUST_CHECK enum err pg_guard_same_server(struct pg_work *w, struct fault *fault); /* as in the snapshot */
MUST_CHECK enum err pg_guard_as_probed(struct pg_work *w, struct fault *fault);   /* nobody changed anything since */

/* ---- pg_local.c ---- */
MUST_CHECK enum err pg_local_prove(struct pg_work *w, struct fault *fault);       /* with a server that answers */
MUST_CHECK enum err pg_local_prove_down(struct pg_work *w, struct fault *fault);  /* by the snapshot, and that no server runs on it */
bool                pg_local_running(const struct pg_local *l);
bool                pg_local_stopped_properly(const struct pg_local *l);          /* by pg_control; false: it crashed, or cannot be told */
MUST_CHECK enum err pg_local_read(const struct pg_local *l, struct pg_file *f, struct fault *fault);

/* ---- pg_trial.c ---- */
/* ERR_STATE: it does not start, and why. What makes a trial impossible is noted, and OK. */
MUST_CHECK enum err pg_trial_start(struct pg_work *w, struct fault *fault);

/* ---- pg_restart.c ---- */
MUST_CHECK enum err pg_checkpoint(struct pg_work *w, int64_t deadline_us, struct fault *fault);
void                pg_checkpoint_before_restart(struct pg_work *w, int64_t deadline_us);   /* as far as half of the time allows */
/* Run the command, wait until it accepts connections and has a new start time. ERR_IO: the server is down now; ERR_TIMEOUT: perhaps not begun. */
MUST_CHECK enum err pg_restart(struct pg_work *w, bool only_start, int64_t deadline_us, struct fault *fault);
MUST_CHECK enum err pg_wait_up(struct pg_work *w, int64_t deadline_us, struct fault *fault);
/* Did we, or a predecessor of ours, begin a restart that has not been seen to its end? Then starting the server is owed. */
bool                pg_start_is_owed(const struct pg_work *w);
void                pg_start_was_seen(const struct pg_work *w);    /* it runs, whoever started it: nothing is owed any more */

/* ---- pg_undo.c ---- */
/* Bring everything back to OLD by whatever means are left. Sets the outcome as undo() would report it. */
void                pg_put_back(struct pg_work *w, struct act_report *report);
enum act_outcome    pg_where_are_we(const struct pg_work *w, struct fault *fault);
/* The same while the server is down: PARTIAL where an undo (file, then start) is called for, else UNKNOWN. */
enum act_outcome    pg_where_is_the_file(struct pg_work *w, struct fault *fault);

/* ---- pg_script.c ---- */
MUST_CHECK enum err pg_dry_run(const struct act_context *c, const struct plan_step *step, struct text *out, struct fault *fault);
MUST_CHECK enum err pg_undo_script(const struct act_context *c, const struct plan_step *step, const json_t *snapshot, struct text *out, struct fault *fault);

#endif
