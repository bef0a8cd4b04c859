/* math/learn/ppo_learn.c - what PPO does with a full memory, and how it lives in worlds until it has had enough. */
#include "math/learn/advantage.h"
#include "math/learn/ppo_inside.h"

#include "math/learn/ops.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* ---- before learning: what was expected ------------------------------------------------------------------------------ */

/* One minibatch, taken together out of the memory; lies on the tape. */
struct minibatch { int n; const int *rows; real *seen, *action, *old, *advantage, *target; int *choice; };

static bool gather(struct math_ppo *p, const int *rows, int n, bool learning, struct minibatch *b)
{
    const struct ppo_memory *m = &p->m;
    size_t                   wide = (size_t)p->o.observation, act = p->o.discrete ? 0 : (size_t)p->o.action, count = (size_t)n;
    math_tape_reset(&p->tape, learning);
    *b = (struct minibatch){ n, rows, math_tape_reals(&p->tape, count * wide), math_tape_reals(&p->tape, count * act), math_tape_reals(&p->tape, count),
                             math_tape_reals(&p->tape, count), math_tape_reals(&p->tape, count), math_tape_bytes(&p->tape, count * sizeof(int)) };
    if (p->tape.full)
        return false;
    for (size_t i = 0; i < count; i++) {
        size_t row = (size_t)rows[i];
        memcpy(b->seen + i * wide, m->seen + row * wide, wide * sizeof(real));
        memcpy(b->action + i * act, m->action + row * act, act * sizeof(real));
        b->choice[i] = m->choice[row];
        b->old[i] = m->logp[row];
        b->advantage[i] = m->advantage[row];
        b->target[i] = m->target[row];
    }
    return true;
}

/*
 * The log-probabilities of what was done and the values of what was seen, computed in the very minibatches that the first epoch
 * will use: the same products in the same order, so that its first ratio is exactly 1.
 */
static bool look_back(struct math_ppo *p)
{
    struct ppo_memory *m = &p->m;
    for (int from = 0; from < m->rows; from += p->o.batch) {
        struct minibatch b;
        if (!gather(p, m->order + from, m->rows - from < p->o.batch ? m->rows - from : p->o.batch, false, &b))
            return false;
        struct math_node *seen = math_node_input(&p->tape, b.seen, b.n, p->o.observation);
        struct ppo_policy y = ppo_policy_on(p, seen);
        struct math_node *logp = ppo_logp_on(p, &y, b.action, b.choice), *value = ppo_value_on(p, seen);
        if (!logp || !value)
            return false;
        for (int i = 0; i < b.n; i++) {
            m->logp[b.rows[i]] = logp->x[i];
            m->value[b.rows[i]] = value->x[i];
        }
    }
    return true;
}

/* The value of what followed each step: the next row's, or that of what was seen last before a cut. */
static bool look_ahead(struct math_ppo *p)
{
    struct ppo_memory *m = &p->m;
    for (int row = 0; row < m->rows; row++)
        m->next[row] = m->terminated[row] || m->cut[row] >= 0 ? R(0) : m->value[row + p->o.worlds];
    for (int from = 0; from < m->cuts; from += p->chunk) {
        int n = m->cuts - from < p->chunk ? m->cuts - from : p->chunk;
        math_tape_reset(&p->tape, false);
        struct math_node *v = ppo_value_on(p, math_node_input(&p->tape, m->cut_seen + (size_t)from * (size_t)p->o.observation, n, p->o.observation));
        if (!v)
            return false;
        memcpy(m->target + from, v->x, (size_t)n * sizeof(real));      /* room that is not needed yet */
    }
    for (int row = 0; row < m->rows; row++)
        if (m->cut[row] >= 0)
            m->next[row] = m->target[m->cut[row]];
    return true;
}

static double variance(const real *x, int n)
{
    double sum = 0, ss = 0;
    for (int i = 0; i < n; i++)
        sum += (double)x[i];
    for (int i = 0; i < n; i++)
        ss += ((double)x[i] - sum / n) * ((double)x[i] - sum / n);
    return ss / n;
}

static double expect(struct math_ppo *p)
{
    struct ppo_memory *m = &p->m;
    for (int w = 0; w < p->o.worlds; w++)
        math_advantage(p->o.horizon, p->o.worlds, m->reward + w, m->value + w, m->next + w, m->terminated + w, m->ended + w, p->o.gamma, p->o.lambda, m->advantage + w);
    for (int i = 0; i < m->rows; i++)
        m->target[i] = m->advantage[i] + m->value[i];
    double all = variance(m->target, m->rows);
    return all > 0 ? 1 - variance(m->advantage, m->rows) / all : (double)NAN;
}

/* ---- learning -------------------------------------------------------------------------------------------------------- */

struct losses { struct math_node *ratio, *policy, *value, *entropy, *all; };

static struct losses losses_on(struct math_ppo *p, const struct minibatch *b)
{
    struct math_tape *t = &p->tape;
    struct losses     l;
    struct math_node *seen = math_node_input(t, b->seen, b->n, p->o.observation), *better = math_node_input(t, b->advantage, b->n, 1);
    struct ppo_policy y = ppo_policy_on(p, seen);
    l.ratio = math_node_exp(t, math_node_sub(t, ppo_logp_on(p, &y, b->action, b->choice), math_node_input(t, b->old, b->n, 1)));
    struct math_node *kept = math_node_clamp(t, l.ratio, R(1 - p->o.clip), R(1 + p->o.clip));
    l.policy = math_node_scale(t, math_node_mean(t, math_node_min(t, math_node_mul(t, l.ratio, better), math_node_mul(t, kept, better))), -1);
    l.value = math_node_mse(t, ppo_value_on(p, seen), b->target);
    if (p->o.discrete)
        l.entropy = math_node_scale(t, math_node_sum(t, math_node_mul(t, math_node_exp(t, y.logits), y.logits)), -1 / R(b->n));
    else      /* but for a constant: log sd, of each dimension */
        l.entropy = y.spread ? math_node_scale(t, math_node_sum(t, math_node_log(t, y.spread)), 1 / R(y.spread->rows)) : NULL;
    l.all = math_node_add(t, l.policy, math_node_scale(t, l.value, R(p->o.value_weight)));
    if (p->o.entropy_weight > 0)
        l.all = math_node_sub(t, l.all, math_node_scale(t, l.entropy, R(p->o.entropy_weight)));
    return l;
}

/* How far the policy has moved within one epoch. */
struct moved { double kl, outside, furthest; };

static void moved_add(struct moved *d, const struct math_node *ratio, double clip)
{
    for (int i = 0; i < ratio->rows; i++) {
        double r = (double)ratio->x[i], off = fabs(r - 1);
        d->kl += r > 0 ? r - 1 - log(r) : 0;
        d->outside += off > clip;
        d->furthest = off > d->furthest ? off : d->furthest;
    }
}

static enum err learn_minibatch(struct math_ppo *p, const int *rows, int n, double rate, struct moved *moved, struct math_ppo_report *report, struct fault *fault)
{
    static const struct math_adam adam = { 0.9, 0.999, 1e-5 };
    struct minibatch              b;
    struct losses                 l = { 0 };
    if (gather(p, rows, n, true, &b)) {
        math_standardise(b.advantage, b.n);
        l = losses_on(p, &b);
    }
    math_gradients_clear(&p->actor);
    math_gradients_clear(&p->critic);
    enum err e = math_backward(&p->tape, l.all, fault);
    if (e == ERR_LIMIT)
        return e;
    double norm_actor = math_gradients_clip(&p->actor, p->o.gradient_most), norm_critic = math_gradients_clip(&p->critic, p->o.gradient_most);
    if (e != OK || !isfinite(norm_actor) || !isfinite(norm_critic)) {
        report->skipped++;
        return OK;
    }
    moved_add(moved, l.ratio, p->o.clip);
    report->policy_loss += (double)l.policy->x[0];
    report->value_loss += (double)l.value->x[0];
    report->entropy += (double)l.entropy->x[0];
    report->steps++;
    math_adam_step(&p->actor, &adam, rate);
    math_adam_step(&p->critic, &adam, rate);
    return OK;
}

static void shuffle(struct math_ppo *p)
{
    int *order = p->m.order;
    for (int i = p->m.rows - 1; i > 0; i--) {
        int j = (int)rand_int(&p->chance, 0, i), kept = order[i];
        order[i] = order[j];
        order[j] = kept;
    }
}

enum err math_ppo_learn(struct math_ppo *p, double progress, struct math_ppo_report *report, struct fault *fault)
{
    struct ppo_memory     *m = &p->m;
    struct math_ppo_report r = { 0 };
    struct math_schedule   rates = { MATH_LINEAR, p->o.rate, p->o.rate_last, 0 };
    double                 rate = math_schedule_at(&rates, progress);
    assert(math_ppo_full(p) && !m->acted);
    for (int i = 0; i < m->rows; i++)
        m->order[i] = i;
    shuffle(p);
    if (!look_back(p) || !look_ahead(p))
        return fail(fault, ERR_LIMIT, "a minibatch does not fit into a tape of %zu bytes", p->tape.bound);
    r.explained = expect(p);
    for (int epoch = 0; epoch < p->o.epochs; epoch++) {
        struct moved moved = { 0 };
        if (epoch > 0)
            shuffle(p);
        for (int from = 0; from < m->rows; from += p->o.batch) {
            enum err e = learn_minibatch(p, m->order + from, m->rows - from < p->o.batch ? m->rows - from : p->o.batch, rate, &moved, &r, fault);
            if (e != OK)
                return e;
            if (epoch == 0 && from == 0)
                r.first_error = moved.furthest;
        }
        r.epochs++;
        r.kl = moved.kl / m->rows;
        r.clipped = moved.outside / m->rows;
        if (p->o.kl_most > 0 && r.kl > 1.5 * p->o.kl_most)
            break;
    }
    double n = r.steps > 0 ? r.steps : 1;
    r.policy_loss /= n;
    r.value_loss /= n;
    r.entropy = r.entropy / n + (p->o.discrete ? 0 : p->o.action * 1.4189385332046727);      /* (1 + log 2 pi) / 2 */
    m->t = m->cuts = 0;
    if (report)
        *report = r;
    if (r.steps == 0)
        return fail(fault, ERR_UNKNOWN, "nothing was learned: none of %d gradients was a finite number", r.skipped);
    return OK;
}

/* ---- living in worlds ------------------------------------------------------------------------------------------------ */

struct crowd {
    unsigned char       *worlds;
    double              *seen, *followed, *actions;
    struct math_outcome *outcomes;
};

static void crowd_done(struct crowd *c)
{
    free(c->worlds);
    free(c->seen);
    free(c->followed);
    free(c->actions);
    free(c->outcomes);
}

enum err math_ppo_train(struct math_ppo *p, const struct math_world_kind *kind, uint64_t seed, int64_t steps,
                        bool (*each)(void *ctx, int64_t steps, const struct math_ppo_report *report), void *ctx, struct fault *fault)
{
    size_t       n = (size_t)p->o.worlds, wide = (size_t)kind->observation, act = kind->discrete ? 1 : (size_t)kind->action;
    struct rand  chance;
    struct crowd c CLEANUP(crowd_done) = { calloc(n, kind->size), calloc(n * wide, sizeof(double)), calloc(n * wide, sizeof(double)), calloc(n * act, sizeof(double)),
                                           calloc(n, sizeof(struct math_outcome)) };
    if (kind->observation != p->o.observation || kind->action != p->o.action || kind->discrete != p->o.discrete)
        return fail(fault, ERR_INPUT, "%s shows %d numbers and takes %d, which is not what this learner was made for", kind->name, kind->observation, kind->action);
    if (!c.worlds || !c.seen || !c.followed || !c.actions || !c.outcomes)
        return fail(fault, ERR_LIMIT, "no memory for %zu worlds of %s", n, kind->name);
    math_ppo_forget(p);
    rand_seed(&chance, seed);
    for (size_t w = 0; w < n; w++)
        kind->reset(kind, c.worlds + w * kind->size, &chance, c.seen + w * wide);
    for (int64_t done = 0; done < steps;) {
        enum err e = OK;
        while (!math_ppo_full(p)) {
            e = math_ppo_act(p, c.seen, c.actions, fault);
            if (e != OK)
                return fail_in(fault, "%s", kind->name);
            for (size_t w = 0; w < n; w++)
                c.outcomes[w] = kind->step(kind, c.worlds + w * kind->size, c.actions + w * act, &chance, c.followed + w * wide);
            e = math_ppo_tell(p, c.outcomes, c.followed, fault);
            if (e != OK)
                return fail_in(fault, "%s", kind->name);
            for (size_t w = 0; w < n; w++) {
                if (c.outcomes[w].terminated || c.outcomes[w].truncated)
                    kind->reset(kind, c.worlds + w * kind->size, &chance, c.seen + w * wide);
                else
                    memcpy(c.seen + w * wide, c.followed + w * wide, wide * sizeof(double));
            }
        }
        struct math_ppo_report report;
        e = math_ppo_learn(p, (double)done / (double)steps, &report, fault);
        if (e != OK)
            return e;
        done += p->m.rows;
        if (each && !each(ctx, done, &report))
            break;
    }
    return OK;
}
