/* act/noop.c - the step that does nothing, and does it properly: with crash points, a result and an (empty) undo. */
#include "act/rows.h"

#include "base/crash.h"

static bool handles(enum plan_action action) { return action == PLAN_NOOP; }

static enum err probe(const struct act_context *c, const struct plan_step *step, json_t **snapshot, struct fault *fault)
{
    *snapshot = json_object();
    return *snapshot ? OK : fail(fault, ERR_LIMIT, "no memory");
}

static void act(const struct act_context *c, const struct plan_step *step, const json_t *snapshot, struct act_report *report)
{
    CRASH_POINT(CRASH_BEFORE_EFFECT);
    CRASH_POINT(CRASH_MID_EFFECT);
    CRASH_POINT(CRASH_AFTER_EFFECT);
    report->outcome = ACT_DONE;
    CRASH_POINT(CRASH_AFTER_READBACK);
}

/* Nothing is as much done as not done; "done" lets the case go on where it was. */
static void same(const struct act_context *c, const struct plan_step *step, const json_t *snapshot, struct act_report *report)
{
    report->outcome = ACT_DONE;
}

static enum err dry_run(const struct act_context *c, const struct plan_step *step, struct text *out, struct fault *fault)
{
    text_add(out, "(nothing)\n");
    return OK;
}

const struct act_adapter act_noop = { "noop", handles, probe, act, same, same, dry_run, NULL };
