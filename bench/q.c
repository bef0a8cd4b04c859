/*
 * bench/q.c - Q-learning on a slippery lake, where the best success is known exactly, and with a network on CartPole.
 *
 *   q                               ten seeds of each, one verdict
 *   q lake | lake8 | cartpole [name=value ...]
 *
 * The best policy for gamma = 0.99 that does not look at the clock crosses the 4 x 4 lake within 100 steps with probability
 * .740165 (8 x 8: .862955), and none crosses it more often than .744190 (.913220): exact, by dynamic programming.
 */
#include "gym.h"
#include "learn.h"

#include "math/stats/describe.h"
#include "math/learn/dqn.h"
#include "math/learn/q.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { SEEDS_MAX = 100, CROSSINGS = 10000, POLES = 100 };

struct lake { int steps, seeds, first; struct math_q_options options; };
struct pole { int steps, seeds, first; struct math_dqn_options options; };

static struct lake lake(int states)
{
    return (struct lake){ states == 16 ? 2000000 : 10000000, 10, 1,
                          { .states = states, .actions = 4, .gamma = 0.99, .rate_power = 0.6, .first = 0, .explore_first = 1, .explore_last = 0.1 } };
}

static struct pole pole(void)
{
    struct pole p = { 50000, 10, 1, math_dqn_usual(4, 2) };
    p.options.gamma = 0.995;      /* the cart drifts slowly out of the picture: hundreds of steps, which 0.99 hardly sees */
    return p;
}

#define OPTION(of, name, kind) { #name, kind, offsetof(struct of, options.name) }
static const struct learn_option lake_table[] = {
    { "steps", LEARN_INT, offsetof(struct lake, steps) }, { "seeds", LEARN_INT, offsetof(struct lake, seeds) }, { "seed", LEARN_INT, offsetof(struct lake, first) },
    OPTION(lake, gamma, LEARN_REAL), OPTION(lake, rate, LEARN_REAL), OPTION(lake, rate_power, LEARN_REAL), OPTION(lake, first, LEARN_REAL),
    OPTION(lake, explore_first, LEARN_REAL), OPTION(lake, explore_last, LEARN_REAL),
};
static const struct learn_option pole_table[] = {
    { "steps", LEARN_INT, offsetof(struct pole, steps) }, { "seeds", LEARN_INT, offsetof(struct pole, seeds) }, { "seed", LEARN_INT, offsetof(struct pole, first) },
    { "width", LEARN_INT, offsetof(struct pole, options.width[0]) }, { "width2", LEARN_INT, offsetof(struct pole, options.width[1]) },
    OPTION(pole, gamma, LEARN_REAL), OPTION(pole, ahead, LEARN_INT), OPTION(pole, memory, LEARN_INT), OPTION(pole, start, LEARN_INT), OPTION(pole, every, LEARN_INT),
    OPTION(pole, times, LEARN_INT), OPTION(pole, batch, LEARN_INT), OPTION(pole, target_every, LEARN_INT), OPTION(pole, target_share, LEARN_REAL),
    OPTION(pole, rate, LEARN_REAL), OPTION(pole, rate_last, LEARN_REAL), OPTION(pole, explore_first, LEARN_REAL), OPTION(pole, explore_last, LEARN_REAL),
    OPTION(pole, explore_until, LEARN_REAL), OPTION(pole, gradient_most, LEARN_REAL), OPTION(pole, twice, LEARN_BOOL),
    OPTION(pole, scale_observations, LEARN_BOOL), OPTION(pole, norm, LEARN_BOOL),
};

/* Shares of success of each seed, sorted; or complaints. */
static enum err cross(const struct lake *l, const struct math_world_kind *kind, double *share, struct fault *fault)
{
    static double returns[CROSSINGS];
    for (int seed = l->first; seed < l->first + l->seeds; seed++) {
        struct math_q q;
        enum err      e = math_q_init(&q, &l->options, fault);
        if (e != OK)
            return e;
        e = math_q_train(&q, kind, (uint64_t)seed, l->steps, fault);
        double v = e == OK ? q.value[math_q_best(&q, 0)] : (double)NAN;
        if (e == OK)
            e = math_world_score(kind, math_q_choose, &q, CROSSINGS, 1000000 + (uint64_t)seed, returns, fault);
        math_q_done(&q);
        if (e != OK)
            return e;
        share[seed - l->first] = math_mean(returns, CROSSINGS);
        printf("lake seed %d: success %.4f, value of the start %.4f\n", seed, share[seed - l->first], v);
    }
    (void)learn_median(share, l->seeds);
    return OK;
}

static enum err balance(const struct pole *p, double *means, struct fault *fault)
{
    double returns[POLES];
    for (int seed = p->first; seed < p->first + p->seeds; seed++) {
        struct math_dqn_options o = p->options;
        struct math_dqn        *d;
        o.seed = (uint64_t)seed;
        enum err e = math_dqn_new(&o, &d, fault);
        if (e != OK)
            return e;
        double began = learn_cpu_s();
        e = math_dqn_train(d, &gym_cartpole, 1000 + (uint64_t)seed, p->steps, fault);
        double took = learn_cpu_s() - began;
        if (e == OK)
            e = math_world_score(&gym_cartpole, math_dqn_choose, d, POLES, 1000000 + (uint64_t)seed, returns, fault);
        math_dqn_free(d);
        if (e != OK)
            return e;
        means[seed - p->first] = math_mean(returns, POLES);
        printf("cartpole seed %d: return %.1f, %.2f s\n", seed, means[seed - p->first], took);
        fflush(stdout);
    }
    double median = learn_median(means, p->seeds);
    printf("cartpole: median %.1f, worst %.1f\n", median, means[0]);
    return OK;
}

int main(int argc, char **argv)
{
    const char  *what = argc > 1 ? argv[1] : "";
    bool         big = strcmp(what, "lake8") == 0;
    struct lake  l = lake(big ? 64 : 16);
    struct pole  p = pole();
    struct fault fault = { 0 };
    double       share[SEEDS_MAX], means[SEEDS_MAX];
    if (learn_options(argc, argv, strcmp(what, "cartpole") ? lake_table : pole_table, strcmp(what, "cartpole") ? sizeof lake_table / sizeof *lake_table : sizeof pole_table / sizeof *pole_table,
                      strcmp(what, "cartpole") ? (void *)&l : (void *)&p) != 0 || l.seeds < 1 || l.seeds > SEEDS_MAX || p.seeds < 1 || p.seeds > SEEDS_MAX)
        return 2;
    bool lakes = !*what || big || strcmp(what, "lake") == 0, poles = !*what || strcmp(what, "cartpole") == 0;
    if ((!lakes && !poles) || (lakes && cross(&l, big ? &gym_lake_8 : &gym_lake_4, share, &fault) != OK) || (poles && balance(&p, means, &fault) != OK)) {
        fprintf(stderr, "q: %s\n", *fault.text ? fault.text : "usage: q [lake|lake8|cartpole [name=value ...]]");
        return 1;
    }
    if (*what)
        return 0;
    double known = 0.740165, room = 3 * sqrt(known * (1 - known) / CROSSINGS);
    double success = share[l.seeds / 2], upright = learn_median(means, p.seeds);
    bool   ok = fabs(share[0] - known) <= room && fabs(share[l.seeds - 1] - known) <= room && upright >= 500;
    printf("q %.4f success (bar %.4f +- %.4f, FrozenLake 4x4, every one of %d seeds: %.4f to %.4f; CartPole DQN %.1f of 500 at %d steps, median of %d seeds, worst %.1f) %s\n", success, known,
           room, l.seeds, share[0], share[l.seeds - 1], upright, p.steps, p.seeds, means[0], ok ? "ok" : "short");
    return ok ? 0 : 1;
}
