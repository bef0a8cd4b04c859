/*
 * bench/planners.c - the joint planner, the fixed order and each proposer alone, side by side: the same budget, worlds and seeds.
 *
 * For each: the true gain after 15, 30 and 45 cases and in the end (medians of log ratios), restarts, steps that were truly more
 * than a tenth worse, and how often it had nothing left to propose.  It is ok when the joint planner is not behind any of its
 * proposers.                                                usage: planners [--seeds 20] [--cases 45] [--steep 2] [--restarts]
 */
#include "plan_world.h"

#include "math/stats/describe.h"
#include "plan/scene.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEEDS_MAX = 200, CASES_MAX = 200, BEGIN = 5 };

static int    seeds = 20, cases = 45;
static double steep = 2;
static bool   restarts;

static bool by_arm(struct scene *s, enum arm arm, struct proposal *p)
{
    for (int i = 0; i < PROPOSERS; i++)
        if (proposers[i].joint && proposers[i].arm == arm && proposer_ask(&proposers[i], "joint", s, p))
            return true;
    return false;
}

/* Who is asked: a whole kind, or the proposers of one arm and nobody else; models that have seen nothing yet begin with a search. */
static enum err ask(const struct planner_kind *kind, enum arm arm, const struct planner_told *told, int n, uint64_t seed, const struct planner_view *v, struct proposal *p)
{
    static struct scene s;
    struct fault        ignored;
    if (kind)
        return kind->ask(told, n, seed, v, p, &ignored);
    scene_init(&s, v, told, n, seed);
    for (int again = 0; again < 2; again++, s.second_try = true)
        if (by_arm(&s, arm, p))
            return OK;
    return n < BEGIN && by_arm(&s, ARM_SEARCH, p) ? OK : ERR_MISSING;
}

/* The median gain in the end. */
static double walk(const struct planner_kind *kind, enum arm arm)
{
    static struct planner_told told[CASES_MAX];
    static struct plan_world   w;
    double gain[4][SEEDS_MAX], scratch[SEEDS_MAX];
    int    asked_restarts = 0, unsafe = 0, tried = 0, ended = 0;
    for (int k = 0; k < seeds; k++) {
        int n = 0;
        plan_world_start(&w, (uint64_t)k + 1, steep);
        w.bounds.restart_allowed = restarts;
        for (int i = 0; i < cases; i++) {
            struct planner_view v = plan_world_view(&w);
            struct proposal     p;
            for (int g = 0; g < 3; g++)
                if (i == 15 * (g + 1))
                    gain[g][k] = w.best;
            if (ask(kind, arm, told, n, (uint64_t)k + 1, &v, &p) != OK) {
                ended++;
                break;
            }
            told[n] = (struct planner_told){ .proposal = p, .workload = p.workload, .sd = w.noise };
            told[n].told = plan_world_judge(&w, &p, &told[n].effect);
            n++;
        }
        for (int g = 0; g < 4; g++)
            if (g == 3 || 15 * (g + 1) >= n)      /* who has ended stays where it is */
                gain[g][k] = w.best;
        asked_restarts += w.restarts;
        unsafe += w.unsafe;
        tried += w.cases;
    }
    printf("%-10s %8.3f %8.3f %8.3f %8.3f %9.1f %8.1f %8.2f %% %6d\n", kind ? kind->name : proposer_arm_name(arm), math_median(gain[0], seeds, scratch), math_median(gain[1], seeds, scratch),
           math_median(gain[2], seeds, scratch), math_median(gain[3], seeds, scratch), (double)tried / seeds, (double)asked_restarts / seeds, tried ? 100.0 * unsafe / tried : 0, ended);
    return math_median(gain[3], seeds, scratch);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--restarts") == 0)
            restarts = true;
        else if (i + 1 < argc && strcmp(argv[i], "--seeds") == 0)
            seeds = atoi(argv[++i]);
        else if (i + 1 < argc && strcmp(argv[i], "--cases") == 0)
            cases = atoi(argv[++i]);
        else if (i + 1 < argc && strcmp(argv[i], "--steep") == 0)
            steep = strtod(argv[++i], NULL);
    }
    seeds = seeds < 1 ? 1 : seeds > SEEDS_MAX ? SEEDS_MAX : seeds;
    cases = cases < 1 ? 1 : cases > CASES_MAX ? CASES_MAX : cases;
    printf("%-10s %8s %8s %8s %8s %9s %8s %10s %6s\n", "planner", "at 15", "at 30", "at 45", "end", "cases", "restarts", "unsafe", "ended");
    double joint = walk(&planner_joint, ARM_NONE), ppo = walk(&planner_joint_ppo, ARM_NONE), ladder = walk(&planner_ladder, ARM_NONE), best = -INFINITY;
    enum arm who = ARM_NONE;
    for (int a = 0; a < ARM_COUNT; a++) {
        double alone = walk(NULL, (enum arm)a);
        if (alone > best) {
            best = alone;
            who = (enum arm)a;
        }
    }
    printf("planners %.3f log-gain (bar >= %.3f, the best proposer alone, %s; with a policy that practises %.3f, in a fixed order %.3f; %d seeds, %d cases, restarts %s) %s\n",
           joint, best, proposer_arm_name(who), ppo, ladder, seeds, cases, restarts ? "allowed" : "never", joint >= best ? "ok" : "short");
    return joint >= best ? 0 : 1;
}
