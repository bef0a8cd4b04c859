/*
 * act/adapter.h - how one kind of step touches the world: probe, do, read back, undo, dry run.
 *
 * Adapters run on the act worker's thread and may take as long as the action's
 * deadline; they never see the store.  Exit codes prove nothing: the answer to
 * "did it happen" is always a read-back.
 *
 * For one action the worker calls, in this order:
 *     probe     look before; fills the snapshot (what an undo restores) and the
 *               witness (what will be different afterwards), or refuses
 *     do        the side effect, under the fence
 *     read_back is what the step promised in force?
 * and for an undo:  undo (with the snapshot of the probe), read_back_undo.
 * After a crash, recover() looks at the witness of an intent whose result was
 * lost: it first takes the fence, so that no half-dead predecessor can still act.
 *
 * act() that fails half-way puts back by itself what it can before it returns.
 * For undo() the outcomes read: ACT_DONE the snapshot's values are in force, read
 * back; ACT_UNTOUCHED the step's values still are; ACT_PARTIAL some of each, or an
 * entry that somebody else has changed meanwhile was left alone (the fault names
 * it); ACT_UNKNOWN it cannot be told.  undo() does not ask `cancelled`, and may be
 * called again: what is back already is left as it is.
 */
#ifndef ACT_ADAPTER_H
#define ACT_ADAPTER_H

#include "act/target.h"
#include "base/err.h"
#include "base/text.h"
#include "model/plan.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum act_outcome {
    ACT_DONE,        /* read back: in force */
    ACT_UNTOUCHED,   /* failed, and read back: nothing has changed */
    ACT_PARTIAL,     /* failed half-way; the undo is needed and the snapshot allows it */
    ACT_UNKNOWN      /* cannot be told */
};
const char *act_outcome_name(enum act_outcome o);

/* What an adapter needs to know of its surroundings. Borrowed; outlives the call. */
struct act_context {
    const struct act_target *target;     /* NULL for steps that touch no configured target */
    const char  *state_folder;           /* undo scripts and lock files live here */
    int64_t      deadline_us;            /* mono */
    const char  *action_id;              /* the fence's name: travels with every effect */
    bool       (*cancelled)(void *ctx);  /* stop switch or shutdown: do not begin new effects */
    void        *cancelled_ctx;
};

enum { ACT_OUTPUT_MAX = 64 * 1024 };
struct act_report {
    enum act_outcome outcome;
    json_t          *witness;            /* owned: what was seen after; may be NULL */
    struct text      output;             /* bounded; what a script printed, what SQL was run */
    struct fault     fault;              /* why not, when outcome is not ACT_DONE */
};
void act_report_init(struct act_report *r);
void act_report_done(struct act_report *r);

struct act_adapter {
    const char *name;
    bool (*handles)(enum plan_action action);
    /* Fill *snapshot (owned by the caller afterwards). Refuses with a clear fault; nothing has been touched then. */
    enum err (*probe)(const struct act_context *c, const struct plan_step *step, json_t **snapshot, struct fault *fault);
    void (*act)(const struct act_context *c, const struct plan_step *step, const json_t *snapshot, struct act_report *report);
    void (*undo)(const struct act_context *c, const struct plan_step *step, const json_t *snapshot, struct act_report *report);
    /* What is in force: ACT_DONE the step's values, ACT_UNTOUCHED the snapshot's, ACT_PARTIAL some of each, else ACT_UNKNOWN. */
    void (*recover)(const struct act_context *c, const struct plan_step *step, const json_t *snapshot, struct act_report *report);
    /* The SQL or command line that would be run, then its undo. Touches nothing. */
    enum err (*dry_run)(const struct act_context *c, const struct plan_step *step, struct text *out, struct fault *fault);
    /* A shell script that undoes the step without Homeostat (and without a running server); NULL: nothing to undo. */
    enum err (*undo_script)(const struct act_context *c, const struct plan_step *step, const json_t *snapshot, struct text *out, struct fault *fault);
};

/* NULL when no adapter in this build handles the action. */
const struct act_adapter *act_adapter_for(enum plan_action action);

/* The words of {"script": "..."}: split at blanks, NULL at the end; signs that only a shell understands are refused. */
struct arena;
MUST_CHECK enum err script_split(const char *words, struct arena *a, const char **out, int max, struct fault *fault);

/* ---- more than one step at a time ---- */

struct act_done_step {               /* a step of which the snapshot is known */
    const struct plan_step *step;
    const json_t           *snapshot;
};

/*
 * state_folder/undo/<case_id>.sh: puts all steps back, last one first, without Homeostat and without a running server.  On disk
 * (fsynced, mode 0700) when this returns OK; written again, whole, as more steps are probed.  path may be NULL.
 */
MUST_CHECK enum err act_undo_script_write(const struct act_context *c, const char *case_id, const struct act_done_step *steps, int n,
                                          char *path, size_t path_size, struct fault *fault);

/*
 * VERIFYING: switch between incumbent (the snapshots) and candidate (the steps) in one batch and one reload.  Only steps with
 * the action postgres.set are touched; an entry that holds neither value is somebody else's: ERR_CONFLICT, nothing is written.
 */
void act_pg_toggle(const struct act_context *c, const struct act_done_step *steps, int n, bool candidate, struct act_report *report);

/* CHECKPOINT, for windows that must carry their own cost. Changes no setting, so it needs no fence. Given up (ERR_TIMEOUT) when `cancelled` says so; the server goes on with it. */
MUST_CHECK enum err act_pg_checkpoint(const struct act_context *c, struct fault *fault);

#endif
