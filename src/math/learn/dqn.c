/* math/learn/dqn.c - a memory of steps, a network, an older copy of it. */
#include "math/learn/dqn.h"

#include "math/learn/ops.h"
#include "math/learn/optimise.h"
#include "math/learn/scaling.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct math_dqn {
    struct math_dqn_options o;
    struct rand             chance;
    struct math_params      now, older;
    struct math_linear      layer[3];
    struct math_norm_layer  norm[2];
    struct math_tape        tape;
    int64_t                 told;
    int                     chunk;
    struct math_scaling     scaling;
    /* The memory: step i lies at i % memory; what was seen as it was, since the scales move. */
    double *seen, *followed;
    real   *reward;
    int    *action;
    bool   *terminated, *ended;
    /* A minibatch. */
    real *batch_seen, *batch_followed, *batch_target;
    real *batch_discount;      /* of the value after what batch_target has summed up; 0 where the story ended */
    int  *batch_action;
};

struct math_dqn_options math_dqn_usual(int observation, int actions)
{
    return (struct math_dqn_options){
        .observation = observation, .actions = actions, .width = { 64, 64 }, .gamma = 0.99, .ahead = 3, .memory = 100000, .start = 1000, .every = 2, .times = 1, .batch = 64,
        .target_every = 1, .target_share = 0.04, .rate = 1e-3, .rate_last = 0, .explore_first = 1, .explore_last = 0.04, .explore_until = 0.2, .gradient_most = 10,
        .twice = true, .norm = true, .scale_observations = true, .seed = 1,
    };
}

static enum err check(const struct math_dqn_options *o, struct fault *fault)
{
    const struct { const char *name; double value, least, most; } bounds[] = {
        { "observation", o->observation, 1, 4096 },     { "actions", o->actions, 2, 4096 },
        { "width[0]", o->width[0], 1, 4096 },           { "width[1]", o->width[1], 1, 4096 },
        { "gamma", o->gamma, 0, 1 },                    { "memory", o->memory, 1, MATH_DQN_MEMORY_MAX },
        { "ahead", o->ahead, 1, 1000 },
        { "start", o->start, 1, MATH_DQN_MEMORY_MAX },  { "every", o->every, 1, 1e9 },
        { "times", o->times, 1, 1e6 },                  { "batch", o->batch, 1, 65536 },
        { "target_every", o->target_every, 1, 1e9 },    { "target_share", o->target_share, 1e-6, 1 },
        { "rate", o->rate, 0, 1 },                      { "rate_last", o->rate_last, 0, 1 },
        { "explore_first", o->explore_first, 0, 1 },    { "explore_last", o->explore_last, 0, 1 },
        { "explore_until", o->explore_until, 0, 1 },    { "gradient_most", o->gradient_most, 0, 1e9 },
    };
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++)
        if (!(bounds[i].value >= bounds[i].least && bounds[i].value <= bounds[i].most))
            return fail(fault, ERR_INPUT, "DQN: %s is %g, and must be in %g..%g", bounds[i].name, bounds[i].value, bounds[i].least, bounds[i].most);
    return OK;
}

static bool arrays_new(struct math_dqn *d)
{
    size_t steps = (size_t)d->o.memory, wide = (size_t)d->o.observation, batch = (size_t)d->chunk;
    d->scaling = (struct math_scaling){ .cols = d->o.observation, .limit = 10, .mean = calloc(wide, sizeof(double)), .ss = calloc(wide, sizeof(double)) };
    d->seen = calloc(steps * wide, sizeof(double));
    d->followed = calloc(steps * wide, sizeof(double));
    d->reward = calloc(steps, sizeof(real));
    d->action = calloc(steps, sizeof(int));
    d->terminated = calloc(steps, sizeof(bool));
    d->ended = calloc(steps, sizeof(bool));
    d->batch_seen = calloc(batch * wide, sizeof(real));
    d->batch_followed = calloc(batch * wide, sizeof(real));
    d->batch_target = calloc(batch, sizeof(real));
    d->batch_discount = calloc(batch, sizeof(real));
    d->batch_action = calloc(batch, sizeof(int));
    return d->scaling.mean && d->scaling.ss && d->seen && d->followed && d->reward && d->action && d->terminated && d->ended && d->batch_seen && d->batch_followed && d->batch_target && d->batch_discount && d->batch_action;
}

static void network_add(struct math_dqn *d, struct math_params *p, struct rand *chance)
{
    const int widths[] = { d->o.observation, d->o.width[0], d->o.width[1], d->o.actions };
    for (int i = 0; i < 3; i++) {
        const char name[] = { 'q', '.', (char)('0' + i), 0 }, norm[] = { 'n', '.', (char)('0' + i), 0 };
        d->layer[i] = math_linear_add(p, name, widths[i], widths[i + 1], chance);
        if (d->o.norm && i < 2)
            d->norm[i] = math_norm_add(p, norm, widths[i + 1]);
    }
}

enum err math_dqn_new(const struct math_dqn_options *o, struct math_dqn **dqn, struct fault *fault)
{
    *dqn = NULL;
    enum err e = check(o, fault);
    if (e != OK)
        return e;
    struct math_dqn *d = calloc(1, sizeof *d);
    if (!d)
        return fail(fault, ERR_LIMIT, "no memory for a learner");
    d->o = *o;
    d->chunk = o->batch;
    rand_seed(&d->chance, o->seed);
    struct rand again = d->chance;
    math_params_init(&d->now);
    math_params_init(&d->older);
    network_add(d, &d->older, &again);      /* the same first values in both */
    network_add(d, &d->now, &d->chance);
    size_t row = 6 * ((size_t)o->observation + 4 * (size_t)(o->width[0] + o->width[1]) + 4 * (size_t)o->actions);
    e = math_params_ready(&d->now, fault);
    if (e == OK)
        e = math_params_ready(&d->older, fault);
    if (e == OK && !arrays_new(d))
        e = fail(fault, ERR_LIMIT, "no memory for a learner that remembers %d steps", o->memory);
    if (e == OK)
        e = math_tape_init(&d->tape, row * (size_t)d->chunk * sizeof(real) + (64u << 10), fault);
    if (e == OK)
        *dqn = d;
    else
        math_dqn_free(d);
    return e;
}

void math_dqn_free(struct math_dqn *d)
{
    if (!d)
        return;
    void *all[] = { d->scaling.mean, d->scaling.ss, d->seen, d->followed, d->reward, d->action, d->terminated, d->ended, d->batch_seen, d->batch_followed, d->batch_target, d->batch_discount, d->batch_action };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
    math_params_done(&d->now);
    math_params_done(&d->older);
    math_tape_done(&d->tape);
    free(d);
}

/* ---- asking ---------------------------------------------------------------------------------------------------------- */

static struct math_node *network_on(struct math_dqn *d, const struct math_params *of, struct math_node *x)
{
    for (int i = 0; i < 3; i++) {
        x = math_linear(&d->tape, of, &d->layer[i], x);
        if (i < 2 && d->o.norm)
            x = math_norm(&d->tape, of, &d->norm[i], x);
        if (i < 2)
            x = math_node_relu(&d->tape, x);
    }
    return x;
}

/* Of one network, for rows that are reals already; NULL when the tape is too short. */
static const real *worth(struct math_dqn *d, const struct math_params *of, const real *seen, int rows)
{
    struct math_node *q = network_on(d, of, math_node_input(&d->tape, seen, rows, d->o.observation));
    return q ? q->x : NULL;
}

static void scale(const struct math_dqn *d, const double *observations, int rows, real *out)
{
    if (d->o.scale_observations) {
        math_scaling_apply(&d->scaling, observations, rows, out);
        return;
    }
    for (size_t i = 0; i < (size_t)rows * (size_t)d->o.observation; i++)
        out[i] = R(observations[i]);
}

static int best(const real *q, int n)
{
    int k = 0;
    for (int a = 1; a < n; a++)
        k = q[a] > q[k] ? a : k;
    return k;
}

void math_dqn_values(struct math_dqn *d, const double *observations, int rows, double *values)
{
    size_t wide = (size_t)d->o.observation, actions = (size_t)d->o.actions;
    for (int from = 0; from < rows; from += d->chunk) {
        int n = rows - from < d->chunk ? rows - from : d->chunk;
        scale(d, observations + (size_t)from * wide, n, d->batch_seen);
        math_tape_reset(&d->tape, false);
        const real *q = worth(d, &d->now, d->batch_seen, n);
        assert(q);
        for (size_t i = 0; i < (size_t)n * actions; i++)
            values[(size_t)from * actions + i] = (double)q[i];
    }
}

void math_dqn_choose(void *dqn, const double *observations, int rows, double *actions)
{
    struct math_dqn *d = dqn;
    size_t           wide = (size_t)d->o.observation;
    for (int from = 0; from < rows; from += d->chunk) {
        int n = rows - from < d->chunk ? rows - from : d->chunk;
        scale(d, observations + (size_t)from * wide, n, d->batch_seen);
        math_tape_reset(&d->tape, false);
        const real *q = worth(d, &d->now, d->batch_seen, n);
        assert(q);
        for (int r = 0; r < n; r++)
            actions[from + r] = best(q + (size_t)r * (size_t)d->o.actions, d->o.actions);
    }
}

int math_dqn_act(struct math_dqn *d, const double *observation, double explore)
{
    double action;
    if (rand_unit(&d->chance) < explore)
        return (int)rand_int(&d->chance, 0, d->o.actions - 1);
    math_dqn_choose(d, observation, 1, &action);
    return (int)action;
}

/* ---- learning -------------------------------------------------------------------------------------------------------- */

/* Row i of the minibatch begins with step `from`: its rewards until `ahead` are summed up, or the story ends, or nothing newer is known. */
static void draw_one(struct math_dqn *d, size_t i, int64_t from)
{
    size_t wide = (size_t)d->o.observation, memory = (size_t)d->o.memory, row = (size_t)from % memory;
    double sum = 0, discount = 1;
    d->batch_action[i] = d->action[row];
    scale(d, d->seen + row * wide, 1, d->batch_seen + i * wide);
    for (int64_t step = from; step < d->told && step < from + d->o.ahead; step++) {
        row = (size_t)step % memory;
        sum += discount * (double)d->reward[row];
        discount *= d->terminated[row] ? 0 : d->o.gamma;
        if (d->ended[row])
            break;
    }
    scale(d, d->followed + row * wide, 1, d->batch_followed + i * wide);
    d->batch_target[i] = R(sum);
    d->batch_discount[i] = R(discount);
}

static void draw_batch(struct math_dqn *d)
{
    int64_t oldest = d->told < d->o.memory ? 0 : d->told - d->o.memory;
    for (size_t i = 0; i < (size_t)d->o.batch; i++)
        draw_one(d, i, rand_int(&d->chance, oldest, d->told - 1));
}

static bool aim(struct math_dqn *d)
{
    math_tape_reset(&d->tape, false);
    const real *older = worth(d, &d->older, d->batch_followed, d->o.batch), *judge = d->o.twice ? worth(d, &d->now, d->batch_followed, d->o.batch) : older;
    if (!older || !judge)
        return false;
    for (int i = 0; i < d->o.batch; i++) {
        real future = older[i * d->o.actions + best(judge + (size_t)i * (size_t)d->o.actions, d->o.actions)];
        if (d->batch_discount[i] > 0)
            d->batch_target[i] += d->batch_discount[i] * future;
    }
    return true;
}

static enum err learn(struct math_dqn *d, double rate, struct fault *fault)
{
    draw_batch(d);
    if (!aim(d))
        return fail(fault, ERR_LIMIT, "a minibatch does not fit into a tape of %zu bytes", d->tape.bound);
    math_tape_reset(&d->tape, true);
    struct math_node *q = network_on(d, &d->now, math_node_input(&d->tape, d->batch_seen, d->o.batch, d->o.observation));
    math_gradients_clear(&d->now);
    enum err e = math_backward(&d->tape, math_node_huber(&d->tape, math_node_pick(&d->tape, q, d->batch_action), d->batch_target, 1), fault);
    if (e != OK)
        return e;
    double norm = math_gradients_clip(&d->now, d->o.gradient_most);
    if (!isfinite(norm))
        return fail(fault, ERR_UNKNOWN, "the gradient of what actions are worth is not finite");
    math_adam_step(&d->now, &MATH_ADAM_USUAL, rate);
    return OK;
}

enum err math_dqn_tell(struct math_dqn *d, const double *observation, int action, const struct math_outcome *outcome, const double *followed, double progress,
                       struct fault *fault)
{
    size_t wide = (size_t)d->o.observation;
    bool   known = math_world_known(outcome->reward);
    assert(action >= 0 && action < d->o.actions);
    for (size_t i = 0; i < wide; i++)
        known = known && math_world_known(observation[i]) && math_world_known(followed[i]);
    if (!known && d->told > 0)
        d->ended[(size_t)((d->told - 1) % d->o.memory)] = true;
    if (!known)
        return fail(fault, ERR_INPUT, "what came of an action is not a number, or beyond %g", MATH_WORLD_MOST);
    size_t row = (size_t)(d->told++ % d->o.memory);
    memcpy(d->seen + row * wide, observation, wide * sizeof *observation);
    memcpy(d->followed + row * wide, followed, wide * sizeof *followed);
    math_scaling_add(&d->scaling, observation, 1);
    d->action[row] = action;
    d->reward[row] = R(outcome->reward);
    d->terminated[row] = outcome->terminated;
    d->ended[row] = outcome->terminated || outcome->truncated;
    if (d->told % d->o.target_every == 0)
        math_params_blend(&d->older, &d->now, R(d->o.target_share));
    if (d->told < d->o.start || d->told % d->o.every != 0)
        return OK;
    struct math_schedule rates = { MATH_LINEAR, d->o.rate, d->o.rate_last, 0 };
    for (int i = 0; i < d->o.times; i++) {
        enum err e = learn(d, math_schedule_at(&rates, progress), fault);
        if (e != OK)
            return e;
    }
    return OK;
}

/* ---- living in a world ----------------------------------------------------------------------------------------------- */

static enum err live(struct math_dqn *d, const struct math_world_kind *kind, unsigned char *world, double *seen, double *followed, struct rand *chance, int64_t steps,
                     struct fault *fault)
{
    struct math_schedule explore = { MATH_LINEAR, d->o.explore_first, d->o.explore_last, 0 };
    kind->reset(kind, world, chance, seen);
    for (int64_t i = 0; i < steps; i++) {
        double              progress = (double)i / (double)steps;
        int                 action = math_dqn_act(d, seen, math_schedule_at(&explore, d->o.explore_until > 0 ? progress / d->o.explore_until : 1));
        struct math_outcome o = kind->step(kind, world, &(double){ action }, chance, followed);
        enum err            e = math_dqn_tell(d, seen, action, &o, followed, progress, fault);
        if (e != OK)
            return e;
        if (o.terminated || o.truncated)
            kind->reset(kind, world, chance, seen);
        else
            memcpy(seen, followed, (size_t)kind->observation * sizeof *seen);
    }
    return OK;
}

enum err math_dqn_train(struct math_dqn *d, const struct math_world_kind *kind, uint64_t seed, int64_t steps, struct fault *fault)
{
    if (kind->observation != d->o.observation || kind->action != d->o.actions || !kind->discrete)
        return fail(fault, ERR_INPUT, "%s shows %d numbers and takes %d, which is not what this learner was made for", kind->name, kind->observation, kind->action);
    struct rand    chance;
    unsigned char *world = calloc(1, kind->size);
    double        *seen = calloc(2 * (size_t)kind->observation, sizeof *seen);
    enum err       e = ERR_LIMIT;
    rand_seed(&chance, seed);
    if (world && seen)
        e = live(d, kind, world, seen, seen + kind->observation, &chance, steps, fault);
    else
        (void)fail(fault, e, "no memory for a world of %s", kind->name);
    free(world);
    free(seen);
    return e;
}

int math_dqn_arrays(struct math_dqn *d, struct math_array arrays[MATH_DQN_ARRAYS])
{
    int n = math_pack_params(&d->now, arrays, MATH_DQN_ARRAYS);
    n += math_pack_moments(&d->now, "q", arrays + n, MATH_DQN_ARRAYS - n);
    n += math_pack_params(&d->older, arrays + n, MATH_DQN_ARRAYS - n);
    assert(n + 3 <= MATH_DQN_ARRAYS);
    arrays[n++] = math_pack_doubles("seen.mean", d->scaling.mean, d->o.observation, false);
    arrays[n++] = math_pack_doubles("seen.ss", d->scaling.ss, d->o.observation, true);
    arrays[n++] = math_pack_doubles("seen.n", &d->scaling.n, 1, true);
    return n;
}
