/*
 * plan/joint.c - the tuner that chooses among its proposers by what each has earned.
 *
 * On a new target, and whenever the load has become another one, the opening comes first: what was best under the nearest known
 * load, then the large step that the machine suggests.  Trials are few, and nothing else has as much to win.  From then on the
 * proposer is drawn by its credit (math/search/credit.h): what its proposals gained, less what they cost.  Rules begin with more credit
 * than models, and keep it only as long as they earn it.
 *
 * A policy that practises (plan/practice.h) is one of the proposers only in "joint-ppo": bench/planners.c shows what it adds.
 *
 * When no rule has anything new to say, models are asked how much may be left to win at most; when that is hardly anything, it
 * is said, and nothing is proposed until the load changes.
 */
#include "plan/belief.h"

#include "math/search/credit.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { WITHOUT_GAIN_MIN = 6 };      /* proposals in a row that brought nothing, before anybody says that nothing is left */
#define GAIN_FULL 0.10              /* a gain that earns everything, in log units */
#define GAIN_ANY  0.40              /* what a proven gain earns, however small */
#define RESTART_KEEPS 0.7           /* share of what is earned that is left after a restart */

/* What each begins with, as if earned in won + lost turns. */
static const struct { double won, lost; } prior[ARM_COUNT] = {
    [ARM_THUMB] = { 3, 1 }, [ARM_SYMPTOM] = { 2, 1 }, [ARM_GP] = { 1.5, 1 }, [ARM_FOREST] = { 1, 1 }, [ARM_LOCAL] = { 1, 1.5 }, [ARM_RESTART] = { 1, 2 }, [ARM_SEARCH] = { 1, 1.5 }, [ARM_PPO] = { 1, 1.5 },
};

static double earned(const struct planner_told *t)
{
    double gain = isnan(t->effect) ? 0 : fmin(fmax(t->effect / GAIN_FULL, 0), 1);
    double e = t->told == TOLD_BETTER ? GAIN_ANY + (1 - GAIN_ANY) * gain : t->told == TOLD_UNDECIDED ? 0.1 * gain : 0;
    return t->proposal.needs_restart ? RESTART_KEEPS * e : e;
}

static struct math_credit credit_of(const struct planner_told *told, int n)
{
    struct math_credit c = math_credit_usual(ARM_COUNT);
    for (int a = 0; a < ARM_COUNT; a++) {
        c.won[a] = prior[a].won;
        c.lost[a] = prior[a].lost;
    }
    for (int i = 0; i < n; i++) {
        enum arm a = proposer_arm_of(told[i].proposal.planner);
        if (a == ARM_NONE)
            continue;
        math_credit_told(&c, (int)a, earned(&told[i]));
        if (told[i].told == TOLD_FAILED)      /* the server stood still for nothing: that costs more than a trial */
            math_credit_told(&c, (int)a, 0);
    }
    return c;
}

static void arms_of(const struct planner_told *told, int n, uint64_t seed, bool ppo, struct planner_arm *arm, int *arms)
{
    struct math_credit c = credit_of(told, n);
    double             share[ARM_COUNT];
    struct rand        r;
    rand_seed(&r, seed);
    c.arms = *arms = ppo ? ARM_COUNT : ARM_PPO;
    math_credit_shares(&c, NULL, 400, &r, share);
    for (int a = 0; a < *arms; a++) {
        arm[a] = (struct planner_arm){ .name = proposer_arm_name((enum arm)a), .mean = math_credit_mean(&c, a), .share = share[a] };
        for (int i = 0; i < n; i++)
            arm[a].told += proposer_arm_of(told[i].proposal.planner) == (enum arm)a;
    }
}

/* The first proposer of this arm (or, before all, of the opening) that has something to say. */
static bool ask_arm(struct scene *s, enum arm a, bool opening, struct proposal *out)
{
    for (int i = 0; i < PROPOSERS; i++) {
        const struct proposer *r = &proposers[i];
        if (r->joint && (opening ? r->opening : r->arm == a) && proposer_ask(r, "joint", s, out))
            return true;
    }
    return false;
}

static bool is_rule(int a) { return a == ARM_THUMB || a == ARM_SYMPTOM; }

/* What was refused was never tried, and taught nothing. */
static int tried_here(const struct scene *s)
{
    int n = 0;
    for (int i = 0; i < s->tolds; i++)
        n += !s->elsewhere[i] && s->told[i].told != TOLD_REFUSED;
    return n;
}

/* The most that a model believes to be left in any one parameter, as a share, and of how many it says so; NAN: too little is known to say. */
static double left_to_win(const struct scene *s, int *parameters)
{
    struct story  story;
    struct belief b;
    struct fault  ignored;
    double        left = (double)NAN;
    if (tried_here(s) < s->view->bounds->trials_min || scene_told_since_better(s) < WITHOUT_GAIN_MIN || story_of(s, &story, &ignored) != OK)
        return left;
    if (belief_of(s, &story, &(struct belief_how){ .restarts = s->restarts, .seed = s->seed, .portfolio = { .starts = 1 } }, &b, &ignored) == OK) {
        left = expm1(belief_left(&b, s->seed));
        *parameters = b.knobs - b.given;
        belief_done(&b);
    }
    story_done(&story);
    return left;
}

/* Of what it says so: nobody has looked at what must not be varied, needs a restart that must not be, or shows only after hours. */
static void tell_left(const struct scene *s, double left, int parameters, struct fault *fault)
{
    size_t used = strlen(fault->text);
    (void)snprintf(fault->text + used, sizeof fault->text - used, "at most %+.1f %% with 95 %% confidence is believed to be left in any one of the %d parameters that were looked at%s",
                   100 * left, parameters, s->restarts ? "" : ", none of which needs a restart");
}

static enum err ask_all(struct scene *s, bool ppo, struct proposal *out, struct fault *fault)
{
    static const uint64_t golden = UINT64_C(0x9e3779b97f4a7c15);
    struct proposal rule[ARM_COUNT];
    bool            may[ARM_COUNT], ready[ARM_COUNT] = { false }, news = false;
    if (ask_arm(s, ARM_NONE, true, out))
        return OK;
    for (int a = 0; a < ARM_COUNT; a++) {
        may[a] = ppo || a != ARM_PPO;
        ready[a] = is_rule(a) && ask_arm(s, (enum arm)a, false, &rule[a]);
        news = news || ready[a];
    }
    int    parameters = 0;
    double left = news ? (double)NAN : left_to_win(s, &parameters);
    if (left < s->view->bounds->gain_min) {
        *out = (struct proposal){ 0 };
        (void)fail(fault, ERR_MISSING, "nothing is left to win here after %d trials: ", tried_here(s));
        tell_left(s, left, parameters, fault);
        fail_hint(fault, "when the load changes it is looked at again%s",
                  s->restarts ? "" : "; a restart, where it is allowed and can be undone, would bring parameters that were not looked at");
        proposers_tell_withheld(s, fault);
        return ERR_MISSING;
    }
    struct math_credit c = credit_of(s->told, s->tolds);
    struct rand        r;
    rand_seed(&r, s->seed ^ ((uint64_t)s->tolds * golden));
    s->second_try = true;
    for (int a; (a = math_credit_choose(&c, may, &r)) >= 0; may[a] = false) {
        if (ready[a])
            *out = rule[a];
        if (ready[a] || ask_arm(s, (enum arm)a, false, out))
            return OK;
    }
    *out = (struct proposal){ 0 };
    (void)proposers_exhausted(s, fault);
    if (!isnan(left)) {
        size_t used = strlen(fault->text);
        (void)snprintf(fault->text + used, sizeof fault->text - used, "; ");
        tell_left(s, left, parameters, fault);
    }
    return ERR_MISSING;
}

static enum err ask_without_ppo(struct scene *s, struct proposal *out, struct fault *fault) { return ask_all(s, false, out, fault); }
static enum err ask_with_ppo(struct scene *s, struct proposal *out, struct fault *fault)    { return ask_all(s, true, out, fault); }

static enum err joint_ask(const struct planner_told *told, int n, uint64_t seed, const struct planner_view *view, struct proposal *out, struct fault *fault)
{
    return proposers_answer(told, n, seed, view, ask_without_ppo, out, fault);
}

static enum err joint_ppo_ask(const struct planner_told *told, int n, uint64_t seed, const struct planner_view *view, struct proposal *out, struct fault *fault)
{
    return proposers_answer(told, n, seed, view, ask_with_ppo, out, fault);
}

static void joint_arms(const struct planner_told *told, int n, uint64_t seed, struct planner_arm *arm, int *arms)     { arms_of(told, n, seed, false, arm, arms); }
static void joint_ppo_arms(const struct planner_told *told, int n, uint64_t seed, struct planner_arm *arm, int *arms) { arms_of(told, n, seed, true, arm, arms); }

const struct planner_kind planner_joint = { "joint", "the large step that the machine suggests, then rules, models and searches as their proposals have earned it", joint_ask, joint_arms };
const struct planner_kind planner_joint_ppo = { "joint-ppo", "the same, and a policy that practises on what the models believe", joint_ppo_ask, joint_ppo_arms };
