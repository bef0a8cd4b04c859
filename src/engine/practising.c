/*
 * engine/practising.c - a policy that practises for each target, and the base that they share.
 *
 * Only with `tune.planner: joint-ppo`.  Whenever a target has been told something new, a clone of the base practises on what is
 * believed of it; clones of tenants that share are federated into the base, which lies in the store's folder.  A tenant that does
 * not share adds nothing; one that does not use begins with nothing.
 */
#include "base/log.h"
#include "engine/inside.h"
#include "plan/practice.h"

#include <stdio.h>
#include <stdlib.h>

enum err practising_start(struct engine *e, struct fault *fault)
{
    struct practising *p = &e->practising;
    struct fault       why;
    if (e->d.tune->planner != DAEMON_PLANNER_JOINT_PPO)
        return OK;
    int n = snprintf(p->path, sizeof p->path, "%s/policy.bin", e->d.store->folder);
    if (n < 0 || (size_t)n >= sizeof p->path)
        return fail(fault, ERR_LIMIT, "the path of %s/policy.bin is too long", e->d.store->folder);
    enum err err = practice_new((uint64_t)e->d.tune->seed, NULL, &p->base, fault);
    if (err != OK)
        return err;
    struct tenants_policy base = practice_networks(p->base);
    err = tenants_load(p->path, &base, &p->edition, &why);
    if (err != OK && err != ERR_MISSING)
        log_warn("the policy that targets share cannot be read; it begins anew", F("file", (const char *)p->path), F("why", (const char *)why.text));
    return OK;
}

static void forget_clone(struct etarget *t)
{
    for (int i = 0; i < 2 && t->practised; i++)
        math_params_done(&t->clone[i]);
    t->practised = 0;
}

void practising_stop(struct engine *e)
{
    for (int i = 0; i < e->targets; i++)
        forget_clone(&e->target[i]);
    math_ppo_free(e->practising.base);
    e->practising.base = NULL;
}

void practising_show(struct engine *e, const struct etarget *t, struct planner_view *view)
{
    struct practising *p = &e->practising;
    if (!p->base)
        return;
    p->networks = practice_networks(p->base);
    view->base = daemon_knowledge_of(&e->d, t->conf->tenant).use ? &p->networks : NULL;
}

/* What a clone has become stays with its target until it is asked for again. */
static enum err practise(struct engine *e, struct etarget *t, const struct planner_view *view, int told, struct fault *fault)
{
    struct math_ppo      *policy = NULL;
    struct tenants_policy base = practice_networks(e->practising.base);
    enum err err = practice_new((uint64_t)e->d.tune->seed, &base, &policy, fault);
    if (err == OK)
        err = planner_practise(t->planner, view, policy, fault);
    if (err == OK) {
        forget_clone(t);
        err = tenants_clone(math_ppo_actor(policy), &t->clone[0], fault);
        if (err == OK && (err = tenants_clone(math_ppo_critic(policy), &t->clone[1], fault)) != OK)
            math_params_done(&t->clone[0]);
        t->practised = err == OK ? told : 0;
    }
    math_ppo_free(policy);
    return err;
}

static enum err federate(struct engine *e, struct fault *fault)
{
    struct practising     *p = &e->practising;
    struct tenants_part   *part = calloc((size_t)e->targets, sizeof *part);
    struct tenants_policy *clone = calloc((size_t)e->targets, sizeof *clone);
    struct tenants_heard  *heard = calloc((size_t)e->targets, sizeof *heard);
    int                    parts = 0;
    double                 experiences = 0;
    for (int i = 0; i < e->targets && part && clone && heard && parts < TENANTS_PARTS_MAX; i++) {
        struct etarget *t = &e->target[i];
        if (!t->practised)
            continue;
        clone[parts] = (struct tenants_policy){ { &t->clone[0], &t->clone[1] }, 2 };
        part[parts] = (struct tenants_part){ .shares = daemon_knowledge_of(&e->d, t->conf->tenant).share, .experiences = t->practised, .policy = &clone[parts] };
        experiences += part[parts].shares ? t->practised : 0;
        parts++;
    }
    struct tenants_policy base = practice_networks(p->base);
    enum err err = part && clone && heard ? tenants_federate(&base, part, parts, NULL, heard, fault) : fail(fault, ERR_LIMIT, "no memory for a round");
    if (err == OK) {
        p->edition = (struct tenants_edition){ p->edition.rounds + 1, experiences };
        err = tenants_save(p->path, &base, &p->edition, fault);
        e->count.policy_rounds += err == OK;
    }
    free(part);
    free(clone);
    free(heard);
    return err == ERR_MISSING ? OK : err;      /* nobody shares */
}

void practising_learn(struct engine *e, struct etarget *t, const struct planner_view *view)
{
    struct planner_stats stats;
    struct fault         why;
    if (!e->practising.base || !daemon_knowledge_of(&e->d, t->conf->tenant).share)
        return;
    planner_stats_of(t->planner, view->bounds, &stats);
    if (stats.ever == t->practised)
        return;
    enum err err = practise(e, t, view, stats.ever, &why);
    if (err == OK)
        err = federate(e, &why);
    if (err != OK && err != ERR_MISSING)
        log_warn("the policy that targets share learned nothing from this one", F("target", t->conf->name), F("why", (const char *)why.text));
}
