/* math/learn/world.c - many worlds side by side, until each has come to its end. */
#include "math/learn/world.h"

#include <stdlib.h>

/* A step bound for worlds that never end by themselves: whoever made one forgot to cut it off. */
enum { STEPS_MAX = 1 << 20 };

struct crowd {
    unsigned char *worlds;
    double        *seen, *actions;
    int           *alive;          /* which episodes go on: seen and actions hold a row for each of these */
};

static void crowd_done(struct crowd *c)
{
    free(c->worlds);
    free(c->seen);
    free(c->actions);
    free(c->alive);
}

enum err math_world_score(const struct math_world_kind *kind, math_choose_fn *choose, void *ctx, int episodes, uint64_t seed, double *returns, struct fault *fault)
{
    size_t       n = episodes > 0 ? (size_t)episodes : 1, wide = (size_t)kind->observation, act = kind->discrete ? 1 : (size_t)kind->action;
    struct rand  chance;
    struct crowd c CLEANUP(crowd_done) = { calloc(n, kind->size), calloc(n * wide, sizeof(double)), calloc(n * act, sizeof(double)), calloc(n, sizeof(int)) };
    if (!c.worlds || !c.seen || !c.actions || !c.alive)
        return fail(fault, ERR_LIMIT, "no memory for %d worlds of %s", episodes, kind->name);
    rand_seed(&chance, seed);
    for (int i = 0; i < episodes; i++) {
        returns[i] = 0;
        c.alive[i] = i;
        kind->reset(kind, c.worlds + (size_t)i * kind->size, &chance, c.seen + (size_t)i * wide);
    }
    int alive = episodes;
    for (int step = 0; alive > 0; step++) {
        if (step == STEPS_MAX)
            return fail(fault, ERR_LIMIT, "%s does not end within %d steps", kind->name, (int)STEPS_MAX);
        int still = 0;
        choose(ctx, c.seen, alive, c.actions);
        for (int k = 0; k < alive; k++) {
            int                 i = c.alive[k];
            struct math_outcome o = kind->step(kind, c.worlds + (size_t)i * kind->size, c.actions + (size_t)k * act, &chance, c.seen + (size_t)still * wide);
            returns[i] += o.reward;
            if (!o.terminated && !o.truncated)
                c.alive[still++] = i;
        }
        alive = still;
    }
    return OK;
}
