/*
 * bench/ppo.c - PPO against returns that are known, and against the clock.
 *
 *   ppo                                 ten seeds of Pendulum (307 200 steps) and of CartPole (100 000), one verdict
 *   ppo pendulum [name=value ...]       one of them, with other options
 *   ppo cartpole | mountain-car
 *
 * The same options for all seeds, 1..10; what is reported is the policy as it is at the end, without exploring, over 1000
 * (CartPole 100) new episodes.  Speed is steps of training, with everything that belongs to them, per second of processor
 * time on one core.
 */
#include "gym.h"
#include "learn.h"

#include "math/stats/describe.h"
#include "math/learn/ppo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEEDS_MAX = 100, EPISODES_MAX = 1000 };

struct task {
    const char                   *name;
    const struct math_world_kind *kind;
    int                           steps, seeds, first, episodes;
    struct math_ppo_options       options;
};

struct result { double median, worst, best, steps_per_s; };

static struct task pendulum(void)
{
    struct task t = { "pendulum", &gym_pendulum, 307200, 10, 1, 1000, math_ppo_usual(3, 1) };
    t.options.width[0] = t.options.width[1] = 64;
    t.options.spread_seen = false;
    t.options.spread_first = 1;
    t.options.worlds = 64;
    t.options.horizon = 64;
    t.options.batch = 256;
    t.options.epochs = 2;
    t.options.gamma = 0.9;
    t.options.rate = 1e-3;
    t.options.rate_last = 1e-4;
    return t;
}

static struct task cartpole(void)
{
    struct task t = { "cartpole", &gym_cartpole, 100000, 10, 1, 100, math_ppo_usual(4, 2) };
    t.options.discrete = true;
    t.options.width[0] = t.options.width[1] = 64;
    t.options.worlds = 8;
    t.options.horizon = 125;      /* 100 memories are 100 000 steps, none more */
    t.options.batch = 256;
    t.options.epochs = 8;
    t.options.gamma = 0.995;
    t.options.rate = 1e-3;
    t.options.rate_last = 0;
    return t;
}

static struct task mountain_car(void)
{
    struct task t = { "mountain-car", &gym_mountain_car, 320000, 10, 1, 100, math_ppo_usual(2, 1) };
    t.options.width[0] = t.options.width[1] = 64;
    t.options.spread_seen = false;
    t.options.spread_first = 2;
    t.options.worlds = 16;
    t.options.horizon = 1000;      /* whole stories: whoever forgets before the first one reached the top learns to stand still */
    t.options.batch = 256;
    t.options.epochs = 4;
    t.options.gamma = 0.999;
    t.options.rate = 1e-3;
    t.options.rate_last = 0;
    return t;
}

#define OPTION(name, kind) { #name, kind, offsetof(struct task, options.name) }
static const struct learn_option table[] = {
    { "steps", LEARN_INT, offsetof(struct task, steps) },
    { "seeds", LEARN_INT, offsetof(struct task, seeds) },
    { "seed", LEARN_INT, offsetof(struct task, first) },
    { "episodes", LEARN_INT, offsetof(struct task, episodes) },
    { "width", LEARN_INT, offsetof(struct task, options.width[0]) },
    { "width2", LEARN_INT, offsetof(struct task, options.width[1]) },
    { "activation", LEARN_INT, offsetof(struct task, options.activation) },
    OPTION(spread_seen, LEARN_BOOL), OPTION(spread_first, LEARN_REAL), OPTION(worlds, LEARN_INT), OPTION(horizon, LEARN_INT),
    OPTION(batch, LEARN_INT), OPTION(epochs, LEARN_INT), OPTION(gamma, LEARN_REAL), OPTION(lambda, LEARN_REAL), OPTION(clip, LEARN_REAL),
    OPTION(rate, LEARN_REAL), OPTION(rate_last, LEARN_REAL), OPTION(value_weight, LEARN_REAL), OPTION(entropy_weight, LEARN_REAL),
    OPTION(gradient_most, LEARN_REAL), OPTION(kl_most, LEARN_REAL), OPTION(scale_observations, LEARN_BOOL), OPTION(scale_rewards, LEARN_BOOL),
};

static bool tell(void *ctx, int64_t steps, const struct math_ppo_report *r)
{
    if (ctx)
        printf("  %7lld: policy %8.5f value %8.5f entropy %7.4f kl %.5f clipped %.3f explained %6.3f skipped %d\n", (long long)steps, r->policy_loss, r->value_loss, r->entropy,
               r->kl, r->clipped, r->explained, r->skipped);
    return true;
}

static enum err run(const struct task *task, bool loud, struct result *result, struct fault *fault)
{
    double means[SEEDS_MAX], returns[EPISODES_MAX], cpu_s = 0;
    if (task->seeds < 1 || task->seeds > SEEDS_MAX || task->episodes < 1 || task->episodes > EPISODES_MAX)
        return fail(fault, ERR_INPUT, "1..%d seeds and 1..%d episodes", SEEDS_MAX, EPISODES_MAX);
    for (int seed = task->first; seed < task->first + task->seeds; seed++) {
        struct math_ppo_options o = task->options;
        struct math_ppo        *p;
        o.seed = (uint64_t)seed;
        enum err e = math_ppo_new(&o, &p, fault);
        if (e != OK)
            return e;
        double began = learn_cpu_s();
        e = math_ppo_train(p, task->kind, 1000 + (uint64_t)seed, task->steps, tell, loud ? p : NULL, fault);
        double took = learn_cpu_s() - began;
        if (e == OK)
            e = math_world_score(task->kind, math_ppo_choose, p, task->episodes, 1000000 + (uint64_t)seed, returns, fault);
        math_ppo_free(p);
        if (e != OK)
            return e;
        means[seed - task->first] = math_mean(returns, task->episodes);
        printf("%s seed %d: return %.1f +- %.1f, %.2f s, %.0f steps/s\n", task->name, seed, means[seed - task->first], math_sd(returns, task->episodes), took, task->steps / took);
        fflush(stdout);
        cpu_s += took;
    }
    result->median = learn_median(means, task->seeds);
    result->worst = means[0];
    result->best = means[task->seeds - 1];
    result->steps_per_s = (double)task->steps * task->seeds / cpu_s;
    printf("%s: median %.1f, %.1f to %.1f, %.0f steps/s\n", task->name, result->median, result->worst, result->best, result->steps_per_s);
    return OK;
}

int main(int argc, char **argv)
{
    struct task   tasks[] = { pendulum(), cartpole(), mountain_car() };
    struct fault  fault;
    struct result swing, pole;
    for (size_t i = 0; argc > 1 && i < sizeof tasks / sizeof *tasks; i++) {
        if (strcmp(argv[1], tasks[i].name) != 0)
            continue;
        bool loud = argc > 2 && strcmp(argv[2], "-v") == 0;
        if (learn_options(argc, argv, table, sizeof table / sizeof *table, &tasks[i]) != 0)
            return 2;
        if (run(&tasks[i], loud, &swing, &fault) == OK)
            return 0;
        fprintf(stderr, "ppo: %s\n", fault.text);
        return 1;
    }
    if (argc > 1) {
        fprintf(stderr, "usage: ppo [pendulum|cartpole|mountain-car [-v] [name=value ...]]\n");
        return 2;
    }
    if (run(&tasks[0], false, &swing, &fault) != OK || run(&tasks[1], false, &pole, &fault) != OK) {
        fprintf(stderr, "ppo: %s\n", fault.text);
        return 1;
    }
    bool ok = swing.median >= -180 && swing.steps_per_s >= 120000 && pole.median >= 500;
    printf("ppo %.1f return (bar >= -180, Pendulum, median of 10 seeds at 307200 steps, worst %.1f; %.0f training steps/s of >= 120000, 64x64 nets, 2 epochs, batch 256; "
           "CartPole %.1f of 500 at 100000 steps, worst seed %.1f) %s\n",
           swing.median, swing.worst, swing.steps_per_s, pole.median, pole.worst, ok ? "ok" : "short");
    return ok ? 0 : 1;
}
