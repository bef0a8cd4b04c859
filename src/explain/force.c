/*
 * explain/force.c - is the change in force? Only the outcome of a case says that it was kept or not; before there is one, the run
 * says how far it has got, and what was not read back is not known. A plan that was refused is no change that was not kept.
 */
#include "explain/inside.h"

#include "model/casefile.h"

#include <string.h>

static bool is_phase(const json_t *one, enum run_phase p) { return strcmp(explain_text_of(one, "phase"), run_phase_name(p)) == 0; }

/* While steps are done, compared or put back: the case is watched over, and what it is at is what there is to say. */
static enum explain_force force_while_acting(const json_t *one, enum case_state state, bool decided)
{
    static const enum run_phase trial[] = { RUN_DONE, RUN_TO_INCUMBENT, RUN_TO_CANDIDATE }, before[] = { RUN_IDLE, RUN_PREPARING, RUN_PROBING, RUN_DOING, RUN_WATCHING };
    if (is_phase(one, RUN_UNDOING))
        return FORCE_PUTTING_BACK;
    if (is_phase(one, RUN_UNDONE))
        return FORCE_PUT_BACK;
    for (size_t i = 0; i < sizeof trial / sizeof *trial; i++)
        if (is_phase(one, trial[i]))
            return state == CASE_VERIFYING && !decided ? FORCE_ON_TRIAL : FORCE_UNDER_WAY;
    for (size_t i = 0; i < sizeof before / sizeof *before; i++)
        if (is_phase(one, before[i]))
            return FORCE_UNDER_WAY;
    return FORCE_UNKNOWN;
}

/* While nothing is done: what there was before is in force, if that was read back. The last plan of a case without one was given up. */
static enum explain_force force_at_rest(const json_t *one, enum case_state state)
{
    if (!json_is_true(json_object_get(one, "in_force_is_proven")))
        return FORCE_UNKNOWN;
    if (is_phase(one, RUN_UNDONE))
        return FORCE_PUT_BACK;
    if (is_phase(one, RUN_UNKNOWN))
        return FORCE_READ_BACK;
    if (!is_phase(one, RUN_IDLE))
        return FORCE_UNKNOWN;
    return state == CASE_PARKED || state == CASE_CLOSED ? FORCE_NOT_DONE : *explain_text_of(one, "plan_id") ? FORCE_PLANNED : FORCE_GIVEN_UP;
}

enum explain_force force_of(const json_t *file)
{
    const json_t   *one = json_object_get(file, "case"), *outcome = json_object_get(file, "outcome"), *kept = json_object_get(outcome, "kept");
    bool            decided = *explain_text_of(json_object_get(json_object_get(file, "run"), "verdict"), "outcome") != '\0';
    enum case_state state;
    if (json_is_true(kept))
        return FORCE_KEPT;
    bool unknown = strcmp(explain_text_of(outcome, "result"), "unknown") == 0 || json_is_false(json_object_get(one, "in_force_is_proven"));
    if (json_is_false(kept) && !unknown && is_phase(one, RUN_IDLE))
        return FORCE_NOT_DONE;                                      /* refused, overtaken, not answered: it never came to be tried */
    if (json_is_false(kept))
        return unknown ? FORCE_UNKNOWN : FORCE_NOT_KEPT;
    if (!case_state_parse(explain_text_of(one, "status"), &state))
        return FORCE_UNKNOWN;
    return state == CASE_EXECUTING || state == CASE_VERIFYING ? force_while_acting(one, state, decided) : force_at_rest(one, state);
}

const char *force_words(enum explain_force f)
{
    static const char *const words[FORCES] = {
        [FORCE_UNKNOWN] = "what is in force is not known", [FORCE_KEPT] = "kept", [FORCE_NOT_KEPT] = "not kept", [FORCE_PLANNED] = "planned", [FORCE_GIVEN_UP] = "given up for another plan",
        [FORCE_NOT_DONE] = "not done", [FORCE_UNDER_WAY] = "under way", [FORCE_ON_TRIAL] = "on trial", [FORCE_PUTTING_BACK] = "being put back", [FORCE_PUT_BACK] = "put back",
        [FORCE_READ_BACK] = "its result was lost; what is in force was read back since",
    };
    return (unsigned)f < FORCES ? words[f] : words[FORCE_UNKNOWN];
}
