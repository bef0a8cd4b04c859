/* math/learn/ppo.c - the learner: its networks, how it acts, what it remembers. Learning is in ppo_learn.c. */
#include "math/learn/ppo_inside.h"

#include "math/learn/fused.h"
#include "math/learn/ops.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define SPREAD_LEAST 1e-5
static const double within_scale = 10;      /* scaled observations and rewards are cut off here */

struct math_ppo_options math_ppo_usual(int observation, int action)
{
    return (struct math_ppo_options){
        .observation = observation, .action = action, .width = { 128, 128 }, .activation = MATH_RELU, .spread_seen = true, .spread_first = 0.5,
        .worlds = 1, .horizon = 10000, .batch = 64, .epochs = 10, .gamma = 0.95, .lambda = 0.95, .clip = 0.2, .rate = 3e-4, .rate_last = 3e-4,
        .value_weight = 0.5, .entropy_weight = 0, .gradient_most = 0.5, .kl_most = 0, .scale_observations = true, .scale_rewards = true, .seed = 1,
    };
}

/* ---- options --------------------------------------------------------------------------------------------------------- */

static enum err check(const struct math_ppo_options *o, struct fault *fault)
{
    const struct { const char *name; double value, least, most; } bounds[] = {
        { "observation", o->observation, 1, MATH_PPO_WIDTH_MAX }, { "action", o->action, o->discrete ? 2 : 1, MATH_PPO_WIDTH_MAX },
        { "width[0]", o->width[0], 1, MATH_PPO_WIDTH_MAX },       { "width[1]", o->width[1], 1, MATH_PPO_WIDTH_MAX },
        { "worlds", o->worlds, 1, 65536 },                        { "horizon", o->horizon, 1, MATH_PPO_MEMORY_MAX },
        { "batch", o->batch, 1, 1 << 20 },                        { "epochs", o->epochs, 1, 1000 },
        { "gamma", o->gamma, 0, 1 },                              { "lambda", o->lambda, 0, 1 },
        { "clip", o->clip, 1e-6, 10 },                            { "rate", o->rate, 0, 1 },
        { "rate_last", o->rate_last, 0, 1 },                      { "value_weight", o->value_weight, 0, 1e6 },
        { "entropy_weight", o->entropy_weight, 0, 1e6 },          { "gradient_most", o->gradient_most, 0, 1e9 },
        { "kl_most", o->kl_most, 0, 1e9 },                        { "spread_first", o->spread_first, 1e-4, 100 },
    };
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++)
        if (!(bounds[i].value >= bounds[i].least && bounds[i].value <= bounds[i].most))
            return fail(fault, ERR_INPUT, "PPO: %s is %g, and must be in %g..%g", bounds[i].name, bounds[i].value, bounds[i].least, bounds[i].most);
    if ((double)o->worlds * o->horizon > MATH_PPO_MEMORY_MAX)
        return fail(fault, ERR_INPUT, "PPO: %d worlds with %d steps each are more than %d to remember", o->worlds, o->horizon, MATH_PPO_MEMORY_MAX);
    return OK;
}

/* ---- making one ------------------------------------------------------------------------------------------------------ */

static void networks_add(struct math_ppo *p)
{
    const struct math_ppo_options *o = &p->o;
    double                         gain = o->activation == MATH_TANH ? 5.0 / 3 : sqrt(2);
    int                            actor[] = { o->observation, o->width[0], o->width[1] }, critic[] = { o->observation, o->width[0], o->width[1], 1 };

    p->trunk = math_mlp_add(&p->actor, "actor", actor, 2, o->activation, &p->chance);
    math_mlp_orthogonal(&p->actor, &p->trunk, gain, gain, &p->chance);
    p->head = math_linear_add(&p->actor, "actor.head", o->width[1], o->action, &p->chance);
    math_linear_orthogonal(&p->actor, &p->head, 0.01, &p->chance);
    p->value = math_mlp_add(&p->critic, "critic", critic, 3, o->activation, &p->chance);
    math_mlp_orthogonal(&p->critic, &p->value, gain, 1, &p->chance);

    double raw = log(expm1(o->spread_first - SPREAD_LEAST));      /* softplus leads back */
    int    tensor = -1;
    if (o->discrete)
        return;
    if (o->spread_seen) {
        p->spread = math_linear_add(&p->actor, "actor.spread", o->width[1], o->action, &p->chance);
        math_linear_orthogonal(&p->actor, &p->spread, 0.01, &p->chance);
        tensor = p->spread.bias;
    } else {
        tensor = p->spread_free = math_params_add(&p->actor, "actor.spread", 1, o->action);
    }
    if (tensor >= 0)
        math_init_constant(math_params_value(&p->actor, tensor), (size_t)o->action, raw);
}

static bool memory_new(struct ppo_memory *m, const struct math_ppo_options *o)
{
    size_t rows = (size_t)o->worlds * (size_t)o->horizon, wide = (size_t)o->observation, act = o->discrete ? 1 : (size_t)o->action;
    m->rows = (int)rows;
    real **columns[] = { &m->reward, &m->value, &m->next, &m->logp, &m->advantage, &m->target };
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        if (!(*columns[i] = calloc(rows, sizeof(real))))
            return false;
    m->seen = calloc(rows * wide, sizeof(real));
    m->led = calloc((size_t)o->worlds * wide, sizeof(double));
    m->action = calloc(rows * act, sizeof(real));
    m->choice = calloc(rows, sizeof(int));
    m->terminated = calloc(rows, sizeof(bool));
    m->ended = calloc(rows, sizeof(bool));
    m->cut = calloc(rows, sizeof(int));
    m->cut_seen = calloc(rows * wide, sizeof(real));
    m->order = calloc(rows, sizeof(int));
    return m->seen && m->led && m->action && m->choice && m->terminated && m->ended && m->cut && m->cut_seen && m->order;
}

static void memory_free(struct ppo_memory *m)
{
    void *all[] = { m->reward, m->value, m->next, m->logp, m->advantage, m->target, m->seen, m->led, m->action, m->choice, m->terminated, m->ended, m->cut, m->cut_seen, m->order };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
}

/* Values and gradients of both networks' layers for a minibatch, the batch itself, and some small change. */
static size_t tape_bound(const struct math_ppo_options *o, int chunk)
{
    size_t hidden = 8 * ((size_t)o->width[0] + (size_t)o->width[1]), rest = 2 * (size_t)o->observation + 16 * (size_t)o->action + 64;
    return (size_t)chunk * (hidden + rest) * sizeof(real) + (256u << 10);
}

enum err math_ppo_new(const struct math_ppo_options *o, struct math_ppo **ppo, struct fault *fault)
{
    *ppo = NULL;
    enum err e = check(o, fault);
    if (e != OK)
        return e;
    struct math_ppo *p = calloc(1, sizeof *p);
    if (!p)
        return fail(fault, ERR_LIMIT, "no memory for a learner");
    p->o = *o;
    p->chunk = o->batch > o->worlds ? o->batch : o->worlds;
    rand_seed(&p->chance, o->seed);
    math_params_init(&p->actor);
    math_params_init(&p->critic);
    networks_add(p);
    p->scaling = (struct math_scaling){ .cols = o->observation, .limit = within_scale, .mean = calloc((size_t)o->observation, sizeof(double)), .ss = calloc((size_t)o->observation, sizeof(double)) };
    p->returns = (struct math_returns){ .gamma = o->gamma, .limit = within_scale };
    p->sums = calloc((size_t)o->worlds, sizeof *p->sums);
    p->scaled = calloc((size_t)p->chunk * (size_t)o->observation, sizeof *p->scaled);
    if (!p->scaling.mean || !p->scaling.ss || !p->sums || !p->scaled || !memory_new(&p->m, o))
        e = fail(fault, ERR_LIMIT, "no memory for a learner that remembers %d steps", p->m.rows);
    if (e == OK)
        e = math_params_ready(&p->actor, fault);
    if (e == OK)
        e = math_params_ready(&p->critic, fault);
    if (e == OK)
        e = math_tape_init(&p->tape, tape_bound(o, p->chunk), fault);
    if (e == OK)
        *ppo = p;
    else
        math_ppo_free(p);
    return e;
}

void math_ppo_free(struct math_ppo *p)
{
    if (!p)
        return;
    math_params_done(&p->actor);
    math_params_done(&p->critic);
    math_tape_done(&p->tape);
    memory_free(&p->m);
    free(p->scaling.mean);
    free(p->scaling.ss);
    free(p->sums);
    free(p->scaled);
    free(p);
}

struct math_params *math_ppo_actor(struct math_ppo *p)  { return &p->actor; }
struct math_params *math_ppo_critic(struct math_ppo *p) { return &p->critic; }

/* ---- networks on a tape ---------------------------------------------------------------------------------------------- */

struct ppo_policy ppo_policy_on(struct math_ppo *p, struct math_node *seen)
{
    struct math_tape *t = &p->tape;
    struct ppo_policy y = { 0 };
    struct math_node *hidden = math_mlp_hidden(t, &p->actor, &p->trunk, seen), *out = math_linear(t, &p->actor, &p->head, hidden);
    if (p->o.discrete) {
        y.logits = math_node_log_softmax(t, out);
        return y;
    }
    y.mean = math_node_tanh(t, out);
    struct math_node *raw = p->o.spread_seen ? math_linear(t, &p->actor, &p->spread, hidden) : math_params_leaf(t, &p->actor, p->spread_free);
    y.spread = math_node_shift(t, math_node_softplus(t, raw), R(SPREAD_LEAST));
    return y;
}

struct math_node *ppo_logp_on(struct math_ppo *p, const struct ppo_policy *y, const real *action, const int *choice)
{
    return p->o.discrete ? math_node_pick(&p->tape, y->logits, choice) : math_node_gauss_logp(&p->tape, y->mean, y->spread, action);
}

struct math_node *ppo_value_on(struct math_ppo *p, struct math_node *seen) { return math_mlp(&p->tape, &p->critic, &p->value, seen); }

static void scale(const struct math_ppo *p, const double *observations, int rows, real *out)
{
    if (p->o.scale_observations) {
        math_scaling_apply(&p->scaling, observations, rows, out);
        return;
    }
    for (size_t i = 0; i < (size_t)rows * (size_t)p->o.observation; i++)
        out[i] = R(observations[i]);
}

/* ---- acting ---------------------------------------------------------------------------------------------------------- */

static int draw(const real *logp, int n, struct rand *chance)
{
    double u = rand_unit(chance);
    for (int i = 0; i + 1 < n; i++)
        if ((u -= exp((double)logp[i])) < 0)
            return i;
    return n - 1;
}

static bool known_all(const double *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!math_world_known(x[i]))
            return false;
    return true;
}

static bool is_finite(const struct math_node *n)
{
    for (size_t i = 0; n && i < math_node_size(n); i++)
        if (!isfinite((double)n->x[i]))
            return false;
    return true;
}

/* The story of a world ends, unfinished, with this row; `seen` is what it led to. */
static void cut_off(struct math_ppo *p, size_t row, const real *seen)
{
    struct ppo_memory *m = &p->m;
    size_t             wide = (size_t)p->o.observation;
    m->cut[row] = m->cuts;
    memcpy(m->cut_seen + (size_t)m->cuts++ * wide, seen, wide * sizeof *seen);
}

/* What comes next is not known: whatever is remembered later does not follow from what was remembered last. */
static void cut_all_off(struct math_ppo *p)
{
    struct ppo_memory *m = &p->m;
    size_t             worlds = (size_t)p->o.worlds;
    for (size_t w = 0; w < worlds; w++) {
        p->sums[w] = 0;
        if (m->t == 0 || m->ended[((size_t)m->t - 1) * worlds + w])
            continue;
        size_t last = ((size_t)m->t - 1) * worlds + w;
        m->ended[last] = true;
        scale(p, m->led + w * (size_t)p->o.observation, 1, p->scaled);
        cut_off(p, last, p->scaled);
    }
}

enum err math_ppo_act(struct math_ppo *p, const double *observations, double *actions, struct fault *fault)
{
    struct ppo_memory *m = &p->m;
    int                worlds = p->o.worlds, wide = p->o.observation, act = p->o.action;
    assert(!m->acted && m->t < p->o.horizon);
    if (!known_all(observations, (size_t)worlds * (size_t)wide)) {
        cut_all_off(p);
        return fail(fault, ERR_INPUT, "something that is seen is not a number, or beyond %g", MATH_WORLD_MOST);
    }
    size_t row = (size_t)m->t * (size_t)worlds;
    real  *seen = m->seen + row * (size_t)wide;
    if (p->o.scale_observations)
        math_scaling_add(&p->scaling, observations, worlds);
    scale(p, observations, worlds, seen);
    math_tape_reset(&p->tape, false);
    struct ppo_policy y = ppo_policy_on(p, math_node_input(&p->tape, seen, worlds, wide));
    assert(!p->tape.full);
    if (!is_finite(y.mean) || !is_finite(y.spread) || !is_finite(y.logits)) {
        cut_all_off(p);
        return fail(fault, ERR_UNKNOWN, "the policy has no answer: the numbers of its network lead beyond all bounds");
    }
    for (int w = 0; w < worlds; w++) {
        if (p->o.discrete) {
            m->choice[row + (size_t)w] = draw(y.logits->x + (size_t)w * (size_t)act, act, &p->chance);
            actions[w] = m->choice[row + (size_t)w];
            continue;
        }
        for (int k = 0; k < act; k++) {
            size_t at = (size_t)w * (size_t)act + (size_t)k, s = y.spread->rows == 1 ? (size_t)k : at;
            real   a = R((double)y.mean->x[at] + (double)y.spread->x[s] * rand_normal(&p->chance));
            m->action[row * (size_t)act + at] = a;
            actions[at] = (double)(a < -1 ? R(-1) : a > 1 ? R(1) : a);
        }
    }
    m->acted = true;
    return OK;
}

static enum err forget_step(struct math_ppo *p, struct fault *fault)
{
    cut_all_off(p);
    p->m.acted = false;
    return fail(fault, ERR_INPUT, "what came of an action is not a number, or beyond %g", MATH_WORLD_MOST);
}

enum err math_ppo_tell(struct math_ppo *p, const struct math_outcome *outcomes, const double *followed, struct fault *fault)
{
    struct ppo_memory *m = &p->m;
    int                worlds = p->o.worlds, wide = p->o.observation;
    bool               known = known_all(followed, (size_t)worlds * (size_t)wide);
    assert(m->acted);
    for (int w = 0; w < worlds; w++)
        known = known && math_world_known(outcomes[w].reward);
    if (!known)
        return forget_step(p, fault);
    for (int w = 0; w < worlds; w++) {
        const struct math_outcome *o = &outcomes[w];
        size_t                     row = (size_t)m->t * (size_t)worlds + (size_t)w;
        m->terminated[row] = o->terminated;
        m->ended[row] = o->terminated || o->truncated;
        m->reward[row] = R(p->o.scale_rewards ? math_returns_scale(&p->returns, &p->sums[w], o->reward, m->ended[row]) : o->reward);
        m->cut[row] = -1;
        if (!o->terminated && (o->truncated || m->t + 1 == p->o.horizon)) {
            scale(p, followed + (size_t)w * (size_t)wide, 1, p->scaled);
            cut_off(p, row, p->scaled);
        }
    }
    memcpy(m->led, followed, (size_t)worlds * (size_t)wide * sizeof *followed);
    m->t++;
    m->acted = false;
    return OK;
}

bool math_ppo_full(const struct math_ppo *p) { return p->m.t == p->o.horizon; }

void math_ppo_forget(struct math_ppo *p)
{
    p->m.t = p->m.cuts = 0;
    p->m.acted = false;
    memset(p->sums, 0, (size_t)p->o.worlds * sizeof *p->sums);
}

/* ---- asking without learning ----------------------------------------------------------------------------------------- */

void math_ppo_policy(struct math_ppo *p, const double *observations, int rows, double *mean, double *spread)
{
    int wide = p->o.observation, act = p->o.action;
    for (int from = 0; from < rows; from += p->chunk) {
        int n = rows - from < p->chunk ? rows - from : p->chunk;
        scale(p, observations + (size_t)from * (size_t)wide, n, p->scaled);
        math_tape_reset(&p->tape, false);
        struct ppo_policy y = ppo_policy_on(p, math_node_input(&p->tape, p->scaled, n, wide));
        assert(!p->tape.full);
        for (size_t i = 0; i < (size_t)n * (size_t)act; i++) {
            size_t at = (size_t)from * (size_t)act + i;
            mean[at] = p->o.discrete ? exp((double)y.logits->x[i]) : (double)y.mean->x[i];
            if (spread)
                spread[at] = p->o.discrete ? 0 : (double)y.spread->x[y.spread->rows == 1 ? i % (size_t)act : i];
        }
    }
}

void math_ppo_choose(void *ppo, const double *observations, int rows, double *actions)
{
    struct math_ppo *p = ppo;
    int              act = p->o.action, wide = p->o.observation;
    if (!p->o.discrete) {
        math_ppo_policy(p, observations, rows, actions, NULL);
        return;
    }
    for (int from = 0; from < rows; from += p->chunk) {
        int n = rows - from < p->chunk ? rows - from : p->chunk;
        scale(p, observations + (size_t)from * (size_t)wide, n, p->scaled);
        math_tape_reset(&p->tape, false);
        struct ppo_policy y = ppo_policy_on(p, math_node_input(&p->tape, p->scaled, n, wide));
        assert(!p->tape.full);
        for (int r = 0; r < n; r++) {
            const real *logp = y.logits->x + (size_t)r * (size_t)act;
            int         best = 0;
            for (int k = 1; k < act; k++)
                best = logp[k] > logp[best] ? k : best;
            actions[from + r] = best;
        }
    }
}

double math_ppo_value(struct math_ppo *p, const double *observation)
{
    scale(p, observation, 1, p->scaled);
    math_tape_reset(&p->tape, false);
    struct math_node *v = ppo_value_on(p, math_node_input(&p->tape, p->scaled, 1, p->o.observation));
    assert(v);
    return (double)v->x[0];
}

/* ---- files ----------------------------------------------------------------------------------------------------------- */

int math_ppo_arrays(struct math_ppo *p, struct math_array arrays[MATH_PPO_ARRAYS])
{
    int n = math_pack_params(&p->actor, arrays, MATH_PPO_ARRAYS);
    n += math_pack_moments(&p->actor, "actor", arrays + n, MATH_PPO_ARRAYS - n);
    n += math_pack_params(&p->critic, arrays + n, MATH_PPO_ARRAYS - n);
    n += math_pack_moments(&p->critic, "critic", arrays + n, MATH_PPO_ARRAYS - n);
    assert(n + 6 <= MATH_PPO_ARRAYS);
    arrays[n++] = math_pack_doubles("seen.mean", p->scaling.mean, p->o.observation, false);
    arrays[n++] = math_pack_doubles("seen.ss", p->scaling.ss, p->o.observation, true);
    arrays[n++] = math_pack_doubles("seen.n", &p->scaling.n, 1, true);
    arrays[n++] = math_pack_doubles("returns.n", &p->returns.n, 1, true);
    arrays[n++] = math_pack_doubles("returns.mean", &p->returns.mean, 1, false);
    arrays[n++] = math_pack_doubles("returns.ss", &p->returns.ss, 1, true);
    return n;
}
