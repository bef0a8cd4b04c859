/*
 * plan/proposers.c - who has something to propose, as one table: whose credit it earns, and in which order the fixed one comes.
 *
 * With about five minutes a case and half an hour a campaign, order is everything: what can win most comes first, what needs a
 * restart comes together, single knobs come last.
 */
#include "plan/scene.h"

#include "base/text.h"
#include "math/search/portfolio.h"

#include <stdio.h>
#include <string.h>

const struct proposer proposers[PROPOSERS] = {
    /* name               credit       n  opening late   ladder joint */
    { "recall",            ARM_NONE,    1, true,  false, true,  true,  draft_recall },
    { "transfer",          ARM_NONE,    1, true,  false, true,  true,  draft_transfer },
    { "big-step",          ARM_THUMB,   3, true,  false, true,  true,  draft_big_step },
    { "thumb",             ARM_THUMB,   1, true,  false, true,  true,  draft_thumb },
    { "climb",             ARM_THUMB,   4, false, false, true,  true,  draft_climb },
    { "checkpoints",       ARM_THUMB,   1, false, false, true,  true,  draft_checkpoints },
    { "background-writer", ARM_THUMB,   1, false, false, true,  true,  draft_background_writer },
    { "costs",             ARM_THUMB,   1, false, false, true,  true,  draft_costs },
    { "symptom",           ARM_SYMPTOM, 0, false, false, true,  true,  draft_symptom },
    { "learned",           ARM_NONE,    3, false, true,  true,  false, draft_learned },
    { "gp",                ARM_GP,      2, false, false, false, true,  draft_gp },
    { "forest",            ARM_FOREST,  2, false, false, false, true,  draft_forest },
    { "local",             ARM_LOCAL,   2, false, false, false, true,  draft_local },
    { "ppo",               ARM_PPO,     1, false, false, false, true,  draft_ppo },
    { "restart",           ARM_RESTART, 1, false, true,  true,  true,  draft_restart },
    { "search",            ARM_SEARCH,  1, false, true,  true,  true,  draft_search },
};

const char *proposer_arm_name(enum arm a)
{
    static const char *const names[ARM_COUNT] = { "thumb", "symptom", "gp", "forest", "local", "restart", "search", "ppo" };
    return a >= 0 && a < ARM_COUNT ? names[a] : "none";
}

enum arm proposer_arm_of(const char *planner)
{
    const char *slash = strchr(planner, '/');
    if (!slash)
        return ARM_NONE;
    /* The models' own small changes have the name of their way, which in the fixed order is that of a rung. */
    if (strncmp(planner, "learned/", 8) == 0 && strcmp(slash + 1, math_search_name(MATH_SEARCH_CLIMB)) == 0)
        return ARM_LOCAL;
    for (int i = 0; i < PROPOSERS; i++)
        if (strcmp(proposers[i].name, slash + 1) == 0)
            return proposers[i].arm;
    return symptom_is(slash + 1) ? ARM_SYMPTOM : ARM_NONE;
}

bool proposer_ask(const struct proposer *r, const char *kind, struct scene *s, struct proposal *p)
{
    int variants = r->variants ? r->variants : draft_symptoms();
    for (int v = 0; v < variants; v++) {
        *p = (struct proposal){ 0 };
        (void)snprintf(p->planner, sizeof p->planner, "%s/%s", kind, r->name);
        if (!r->draft(s, v, p))
            continue;
        if (!warm_warns(s, p))
            return true;
        if (!s->withheld[0])
            (void)text_copy(s->withheld, sizeof s->withheld, p->title);
    }
    return false;
}

enum err proposers_may(const struct planner_view *view, struct fault *fault)
{
    const struct target_facts *f = view->facts;
    if (f->server_version == 0 || f->settings == 0)
        return fail(fault, ERR_UNKNOWN, "the server's version or parameters are not known, so there is nothing to plan from");
    if (f->in_recovery || f->owner != OWNER_NONE)
        return fail(fault, ERR_STATE, "nothing is proposed for %s", f->in_recovery ? "a standby" : "a server whose configuration somebody else manages");
    return OK;
}

enum err proposers_answer(const struct planner_told *told, int n, uint64_t seed, const struct planner_view *view, proposers_ask *ask, struct proposal *out, struct fault *fault)
{
    struct scene s;
    enum err     e = proposers_may(view, fault);
    if (e != OK)
        return e;
    scene_init(&s, view, told, n, seed);
    e = warm_open(&s, fault);
    if (e == OK)
        e = ask(&s, out, fault);
    warm_close(&s);
    return e;
}

enum err proposers_exhausted(const struct scene *s, struct fault *fault)
{
    (void)fail(fault, ERR_MISSING, "nothing is left to try: %d proposals were judged, the last %d without a gain", scene_told_here(s), scene_told_since_better(s));
    fail_hint(fault, "%s", s->restarts ? "a changed load or more memory would bring new candidates" : "parameters that need a restart were not considered: policy forbids it, no window opens soon or one did when nobody worked, somebody else's change waits for one, or it could not be undone while the server is down");
    proposers_tell_withheld(s, fault);
    return ERR_MISSING;
}

void proposers_tell_withheld(const struct scene *s, struct fault *fault)
{
    if (!s->withheld[0] || !fault)
        return;
    size_t used = strlen(fault->text);
    (void)snprintf(fault->text + used, sizeof fault->text - used, "; \"%.60s\" was held back, as databases like this one found it a loss", s->withheld);
    fail_hint(fault, "with knowledge.use: false, for all or for its tenant, it is tried all the same");
}
