/*
 * plan/ladder.c - the first tuner: proposers in order, the first with something to say wins.
 *
 * With about five minutes a case and half an hour a campaign, order is
 * everything: what was proven on databases like this one comes first, then what
 * can win most; what needs a restart comes together, single knobs come last.
 */
#include "plan/scene.h"

#include <stdio.h>
#include <string.h>

static const struct proposer {
    const char *name;
    int         variants;        /* 0: as many as there are symptoms */
    bool        search;          /* only when everything before has been told twice */
    bool      (*draft)(const struct scene *s, int variant, struct proposal *p);
} proposers[] = {
    { "transfer",          3, false, draft_transfer },
    { "big-step",          3, false, draft_big_step },
    { "thumb",             1, false, draft_thumb },
    { "climb",             4, false, draft_climb },
    { "checkpoints",       1, false, draft_checkpoints },
    { "background-writer", 1, false, draft_background_writer },
    { "costs",             1, false, draft_costs },
    { "symptom",           0, false, draft_symptom },
    { "learned",           3, true,  draft_learned },
    { "search",            1, true,  draft_search },
};

static bool ask_pass(const struct scene *s, bool search, struct proposal *out)
{
    for (size_t i = 0; i < sizeof proposers / sizeof proposers[0]; i++) {
        const struct proposer *r = &proposers[i];
        int variants = r->variants ? r->variants : draft_symptoms();
        for (int v = 0; v < variants && r->search == search; v++) {
            *out = (struct proposal){ 0 };
            (void)snprintf(out->planner, sizeof out->planner, "ladder/%s", r->name);
            if (r->draft(s, v, out))
                return true;
        }
    }
    return false;
}

static enum err ladder_ask(const struct planner_told *told, int n, uint64_t seed, const struct planner_view *view, struct proposal *out, struct fault *fault)
{
    if (view->facts->server_version == 0 || view->facts->settings == 0)
        return fail(fault, ERR_UNKNOWN, "the server's version or parameters are not known, so there is nothing to plan from");
    const struct target_facts *f = view->facts;
    if (f->in_recovery || f->owner != OWNER_NONE)
        return fail(fault, ERR_STATE, "nothing is proposed for %s", f->in_recovery ? "a standby" : "a server whose configuration somebody else manages");
    struct scene s;
    scene_init(&s, view, told, n, seed);
    if (ask_pass(&s, false, out))
        return OK;
    s.second_try = true;
    if (ask_pass(&s, false, out) || ask_pass(&s, true, out))
        return OK;
    *out = (struct proposal){ 0 };
    (void)fail(fault, ERR_MISSING, "nothing is left to try: %d proposals were judged, the last %d without a gain", n, scene_told_since_better(&s));
    fail_hint(fault, "%s", s.restarts ? "a changed load or more memory would bring new candidates" : "parameters that need a restart were not considered: policy forbids it, or it could not be undone while the server is down");
    return ERR_MISSING;
}

const struct planner_kind planner_ladder = { "ladder", "rule of thumb, ladders, symptoms, then models of all that was tried, then a seeded search around what is in force", ladder_ask };
