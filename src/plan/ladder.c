/*
 * plan/ladder.c - the tuner with a fixed order: the first proposer with something to say wins.
 *
 * The order is that of plan/proposers.c. Simple to foresee, and what the joint planner has to beat.
 */
#include "plan/scene.h"

static bool ask_pass(struct scene *s, bool late, struct proposal *out)
{
    for (int i = 0; i < PROPOSERS; i++)
        if (proposers[i].ladder && proposers[i].late == late && proposer_ask(&proposers[i], "ladder", s, out))
            return true;
    return false;
}

static enum err ask_passes(struct scene *s, struct proposal *out, struct fault *fault)
{
    if (ask_pass(s, false, out))
        return OK;
    s->second_try = true;
    if (ask_pass(s, false, out) || ask_pass(s, true, out))
        return OK;
    *out = (struct proposal){ 0 };
    return proposers_exhausted(s, fault);
}

static enum err ladder_ask(const struct planner_told *told, int n, uint64_t seed, const struct planner_view *view, struct proposal *out, struct fault *fault)
{
    return proposers_answer(told, n, seed, view, ask_passes, out, fault);
}

const struct planner_kind planner_ladder = { "ladder", "rule of thumb, ladders, symptoms, then models of all that was tried, then a seeded search around what is in force", ladder_ask, NULL };
