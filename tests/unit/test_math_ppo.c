/* math: PPO does what the paper says, to the bit where bits can be had, and learns where it is easy. */
#include "unit.h"

#include "gym.h"
#include "math/learn/advantage.h"
#include "math/learn/ppo_inside.h"

#include <stdlib.h>
#include <string.h>

static void assert_near(double a, double b, double eps)
{
    if (!(fabs(a - b) <= eps))
        fail_msg("%.12g is not %.12g +- %g", a, b, eps);
}

/* ---- advantages ------------------------------------------------------------------------------------------------------ */

static void when_everything_is_as_expected_nothing_is_better(void **state)
{
    (void)state;
    enum { N = 50 };
    real reward[N], value[N], next[N], advantage[N];
    bool no[N] = { false };
    for (int i = 0; i < N; i++) {
        value[i] = next[i] = 10;
        reward[i] = R(10 * (1 - 0.9));
    }
    math_advantage(N, 1, reward, value, next, no, no, 0.9, 0.95, advantage);
    for (int i = 0; i < N; i++)
        assert_near((double)advantage[i], 0, 1e-5);
}

/* With lambda 1 an advantage is the discounted return minus the value, with 0 the error of one step; between, the sum in the paper. */
static void an_advantage_is_the_sum_in_the_paper(void **state)
{
    (void)state;
    enum { N = 12, WORLDS = 3 };
    real        reward[N * WORLDS], value[N * WORLDS], next[N * WORLDS], advantage[N * WORLDS];
    bool        terminated[N * WORLDS] = { false }, ended[N * WORLDS] = { false };
    struct rand chance;
    const double gamma = 0.97, lambdas[] = { 0, 0.9, 1 };
    rand_seed(&chance, 4);
    for (int i = 0; i < N * WORLDS; i++) {
        reward[i] = R(rand_normal(&chance));
        value[i] = R(rand_normal(&chance));
        next[i] = R(rand_normal(&chance));
    }
    terminated[5 * WORLDS + 1] = ended[5 * WORLDS + 1] = true;
    ended[7 * WORLDS + 2] = true;
    for (int l = 0; l < 3; l++)
        for (int w = 0; w < WORLDS; w++) {
            math_advantage(N, WORLDS, reward + w, value + w, next + w, terminated + w, ended + w, gamma, lambdas[l], advantage + w);
            for (int t = 0; t < N; t++) {
                double sum = 0, weight = 1;
                for (int k = t; k < N; k++) {
                    int i = k * WORLDS + w;
                    sum += weight * ((double)reward[i] + (terminated[i] ? 0 : gamma * (double)next[i]) - (double)value[i]);
                    weight *= gamma * lambdas[l];
                    if (ended[i])
                        break;
                }
                assert_near((double)advantage[t * WORLDS + w], sum, 1e-5);
            }
        }
}

static void being_cut_off_is_not_the_end(void **state)
{
    (void)state;
    const real reward[] = { 1, 1 }, value[] = { 5, 5 }, next[] = { 5, 7 };
    const bool yes[] = { false, true }, no[] = { false, false };
    real       at_an_end[2], cut_off[2];
    math_advantage(2, 1, reward, value, next, yes, yes, 0.9, 0.95, at_an_end);
    math_advantage(2, 1, reward, value, next, no, yes, 0.9, 0.95, cut_off);
    assert_near((double)at_an_end[1], 1 - 5, 1e-6);
    assert_near((double)cut_off[1], 1 + 0.9 * 7 - 5, 1e-6);
    assert_near((double)cut_off[0] - (double)at_an_end[0], 0.9 * 0.95 * 0.9 * 7, 1e-5);
}

static void advantages_of_a_minibatch_have_mean_zero_and_unbiased_spread_one(void **state)
{
    (void)state;
    real x[] = { 1, 2, 3, 4 }, one[] = { 7 };
    math_standardise(x, 4);
    assert_near((double)x[0], -1.5 / sqrt(5.0 / 3), 1e-6);
    assert_near((double)x[3], 1.5 / sqrt(5.0 / 3), 1e-6);
    math_standardise(one, 1);
    assert_true(one[0] == 7);
}

/* ---- small worlds ---------------------------------------------------------------------------------------------------- */

/* One step: the best action is 0.3 when 1 is seen and -0.5 when 0 is; ends, or is cut off, as `setting` says. */
struct aim { double seen; };

static void aim_reset(const struct math_world_kind *kind, void *world, struct rand *chance, double *seen)
{
    (void)kind;
    seen[0] = ((struct aim *)world)->seen = (double)rand_int(chance, 0, 1);
}

static struct math_outcome aim_step(const struct math_world_kind *kind, void *world, const double *action, struct rand *chance, double *seen)
{
    const struct aim *w = world;
    (void)kind;
    (void)chance;
    double off = action[0] - (w->seen > 0.5 ? 0.3 : -0.5);
    seen[0] = w->seen;
    return (struct math_outcome){ -off * off, true, false };
}

static struct math_outcome choose_step(const struct math_world_kind *kind, void *world, const double *action, struct rand *chance, double *seen)
{
    const struct aim *w = world;
    (void)kind;
    (void)chance;
    seen[0] = w->seen;
    return (struct math_outcome){ action[0] > 1.5 && w->seen > 0.5 ? 1 : action[0] < 0.5 && w->seen < 0.5 ? 1 : 0, true, false };
}

static const struct math_world_kind aim = { .name = "aim", .observation = 1, .action = 1, .size = sizeof(struct aim), .reset = aim_reset, .step = aim_step };
static const struct math_world_kind pick = { .name = "pick", .observation = 1, .action = 3, .discrete = true, .size = sizeof(struct aim), .reset = aim_reset, .step = choose_step };

static struct math_ppo_options small(int observation, int action)
{
    struct math_ppo_options o = math_ppo_usual(observation, action);
    o.width[0] = o.width[1] = 16;
    o.worlds = 8;
    o.horizon = 32;
    o.batch = 64;
    o.epochs = 4;
    o.rate = 2e-3;
    o.rate_last = 2e-4;
    return o;
}

static struct math_ppo *learner(const struct math_ppo_options *o)
{
    struct fault     fault;
    struct math_ppo *p;
    assert_ok(math_ppo_new(o, &p, &fault), &fault);
    return p;
}

static void it_learns_what_to_aim_at(void **state)
{
    (void)state;
    for (int spread_seen = 0; spread_seen < 2; spread_seen++) {
        struct fault            fault;
        struct math_ppo_options o = small(1, 1);
        o.spread_seen = spread_seen;
        struct math_ppo *p = learner(&o);
        double           seen[] = { 0, 1 }, mean[2], spread[2];
        assert_ok(math_ppo_train(p, &aim, 1, 30000, NULL, NULL, &fault), &fault);
        math_ppo_policy(p, seen, 2, mean, spread);
        assert_near(mean[0], -0.5, 0.1);
        assert_near(mean[1], 0.3, 0.1);
        assert_true(spread[0] < 0.3 && spread[0] > 0);
        math_ppo_free(p);
    }
}

static void it_learns_what_to_choose(void **state)
{
    (void)state;
    struct fault            fault;
    struct math_ppo_options o = small(1, 3);
    o.discrete = true;
    o.entropy_weight = 1e-3;
    struct math_ppo *p = learner(&o);
    double           seen[] = { 0, 1 }, action[2], returns[50], share[6];
    assert_ok(math_ppo_train(p, &pick, 1, 20000, NULL, NULL, &fault), &fault);
    math_ppo_choose(p, seen, 2, action);
    assert_true(action[0] == 0 && action[1] == 2);
    math_ppo_policy(p, seen, 2, share, NULL);
    assert_near(share[0] + share[1] + share[2], 1, 1e-5);
    assert_ok(math_world_score(&pick, math_ppo_choose, p, 50, 3, returns, &fault), &fault);
    for (int i = 0; i < 50; i++)
        assert_true(returns[i] == 1);
    math_ppo_free(p);
}

/* ---- bits ------------------------------------------------------------------------------------------------------------ */

static bool first_ratio_is_one(void *ctx, int64_t steps, const struct math_ppo_report *r)
{
    (void)steps;
    assert_true(r->first_error == 0);
    assert_true(r->skipped == 0 && r->steps > 0 && r->kl > 0);
    ++*(int *)ctx;
    return true;
}

static void the_first_ratio_of_every_round_is_exactly_one(void **state)
{
    (void)state;
    struct fault fault;
    for (int kind = 0; kind < 4; kind++) {
        const struct math_world_kind *world = kind == 3 ? &gym_cartpole : &gym_pendulum;
        struct math_ppo_options       o = small(world->observation, world->action);
        int                           rounds = 0;
        o.discrete = world->discrete;
        o.spread_seen = kind == 0;
        o.batch = kind == 2 ? 37 : 64;        /* that leaves a rest */
        struct math_ppo *p = learner(&o);
        assert_ok(math_ppo_train(p, world, 5, 256 * 6, first_ratio_is_one, &rounds, &fault), &fault);
        assert_int_equal(rounds, 6);
        math_ppo_free(p);
    }
}

static void fill(struct math_ppo *p, const struct math_world_kind *kind, uint64_t seed)
{
    struct fault        fault;
    struct rand         chance;
    double              seen[64 * 4], followed[64 * 4], actions[64];
    struct math_outcome outcomes[64];
    unsigned char      *worlds = calloc((size_t)p->o.worlds, kind->size);
    size_t              wide = (size_t)kind->observation, n = (size_t)p->o.worlds;
    assert_true(worlds && n <= 64);
    rand_seed(&chance, seed);
    for (size_t w = 0; w < n; w++)
        kind->reset(kind, worlds + w * kind->size, &chance, seen + w * wide);
    while (!math_ppo_full(p)) {
        assert_ok(math_ppo_act(p, seen, actions, &fault), &fault);
        for (size_t w = 0; w < n; w++) {
            outcomes[w] = kind->step(kind, worlds + w * kind->size, actions + w, &chance, followed + w * wide);
            memcpy(seen + w * wide, followed + w * wide, wide * sizeof *seen);
        }
        assert_ok(math_ppo_tell(p, outcomes, followed, &fault), &fault);
    }
    free(worlds);
}

static void log_probabilities_are_found_again_to_the_bit(void **state)
{
    (void)state;
    struct fault            fault;
    struct math_ppo_options o = small(3, 1);
    o.rate = o.rate_last = 0;        /* nothing moves, so what was computed can be computed again */
    o.epochs = 1;
    struct math_ppo *p = learner(&o);
    fill(p, &gym_pendulum, 8);
    assert_ok(math_ppo_learn(p, 0, NULL, &fault), &fault);
    for (int from = 0; from < p->m.rows; from += o.batch) {
        const int *rows = p->m.order + from;
        real       seen[64 * 3], action[64];
        for (int i = 0; i < o.batch; i++) {
            memcpy(seen + 3 * i, p->m.seen + 3 * rows[i], 3 * sizeof *seen);
            action[i] = p->m.action[rows[i]];
        }
        math_tape_reset(&p->tape, false);
        struct ppo_policy y = ppo_policy_on(p, math_node_input(&p->tape, seen, o.batch, 3));
        struct math_node *logp = ppo_logp_on(p, &y, action, NULL);
        for (int i = 0; i < o.batch; i++) {
            assert_memory_equal(&logp->x[i], &p->m.logp[rows[i]], sizeof(real));
            double z = ((double)action[i] - (double)y.mean->x[i]) / (double)y.spread->x[i];
            assert_near((double)logp->x[i], -z * z / 2 - log((double)y.spread->x[i]) - 0.9189385332, 1e-4);
        }
    }
    math_ppo_free(p);
}

static void the_same_seed_gives_the_same_bits(void **state)
{
    (void)state;
    struct fault            fault;
    struct math_ppo_options o = small(3, 1);
    struct math_ppo        *a = learner(&o), *b = learner(&o);
    o.seed = 2;
    struct math_ppo *c = learner(&o);
    assert_ok(math_ppo_train(a, &gym_pendulum, 5, 2048, NULL, NULL, &fault), &fault);
    assert_ok(math_ppo_train(b, &gym_pendulum, 5, 2048, NULL, NULL, &fault), &fault);
    assert_ok(math_ppo_train(c, &gym_pendulum, 5, 2048, NULL, NULL, &fault), &fault);
    assert_memory_equal(a->actor.value, b->actor.value, a->actor.size * sizeof(real));
    assert_memory_equal(a->critic.value, b->critic.value, a->critic.size * sizeof(real));
    assert_memory_not_equal(a->actor.value, c->actor.value, a->actor.size * sizeof(real));
    math_ppo_free(a);
    math_ppo_free(b);
    math_ppo_free(c);
}

static void what_is_sent_is_clipped_and_what_is_remembered_is_not(void **state)
{
    (void)state;
    struct fault            fault;
    struct math_ppo_options o = small(3, 1);
    o.spread_first = 2;
    struct math_ppo *p = learner(&o);
    double           seen[24] = { 0 }, actions[8];
    bool             outside = false;
    assert_ok(math_ppo_act(p, seen, actions, &fault), &fault);
    for (int w = 0; w < 8; w++) {
        assert_true(actions[w] >= -1 && actions[w] <= 1);
        outside = outside || fabs((double)p->m.action[w]) > 1;
        if (fabs((double)p->m.action[w]) <= 1)
            assert_true(actions[w] == (double)p->m.action[w]);
    }
    assert_true(outside);
    math_ppo_free(p);
}

/* ---- what is missing, what makes no sense ---------------------------------------------------------------------------- */

static void a_step_with_a_missing_number_is_forgotten_and_cuts_the_story(void **state)
{
    (void)state;
    struct fault            fault;
    struct math_ppo_options o = small(1, 1);
    o.worlds = 1;
    o.horizon = 4;
    o.batch = 4;
    struct math_ppo *p = learner(&o);
    struct math_outcome known = { 1, false, false }, missing = { (double)NAN, false, false };
    double              seen = 0.5, action;
    assert_ok(math_ppo_act(p, &seen, &action, &fault), &fault);
    assert_ok(math_ppo_tell(p, &known, &seen, &fault), &fault);
    seen = 0.75;
    assert_ok(math_ppo_act(p, &seen, &action, &fault), &fault);
    assert_int_equal(math_ppo_tell(p, &missing, &seen, &fault), ERR_INPUT);
    assert_int_equal(p->m.t, 1);
    assert_true(p->m.ended[0] && !p->m.terminated[0] && p->m.cut[0] == 0);
    seen = (double)NAN;
    assert_int_equal(math_ppo_act(p, &seen, &action, &fault), ERR_INPUT);
    seen = 0.25;
    while (!math_ppo_full(p)) {
        assert_ok(math_ppo_act(p, &seen, &action, &fault), &fault);
        assert_ok(math_ppo_tell(p, &known, &seen, &fault), &fault);
    }
    struct math_ppo_report r;
    assert_ok(math_ppo_learn(p, 0, &r, &fault), &fault);
    assert_true(r.skipped == 0 && isfinite(r.value_loss));
    math_ppo_free(p);
}

static void a_sight_that_is_missing_cuts_the_story_where_it_was_last_known(void **state)
{
    (void)state;
    struct fault            fault;
    struct math_ppo_options o = small(1, 1);
    o.worlds = 2;
    o.horizon = o.batch = 3;
    o.scale_observations = false;
    struct math_ppo    *p = learner(&o);
    struct math_outcome going_on[2] = { { 1, false, false }, { 1, false, false } }, one_ends[2] = { { 1, false, false }, { 1, true, false } };
    double              first[2] = { 0.125, 0.25 }, then[2] = { 0.5, 0.75 }, gap[2] = { (double)NAN, 0 }, far[2] = { -3, 3 }, actions[2];
    assert_int_equal(math_ppo_act(p, gap, actions, &fault), ERR_INPUT);      /* nothing is remembered yet, so nothing is cut */
    assert_ok(math_ppo_act(p, first, actions, &fault), &fault);
    assert_ok(math_ppo_tell(p, one_ends, then, &fault), &fault);
    assert_int_equal(math_ppo_act(p, gap, actions, &fault), ERR_INPUT);
    assert_int_equal(math_ppo_act(p, gap, actions, &fault), ERR_INPUT);
    assert_int_equal(p->m.cuts, 1);
    assert_true(p->m.ended[0] && !p->m.terminated[0] && p->m.cut[0] == 0 && p->m.cut_seen[0] == R(0.5));
    assert_true(p->m.terminated[1] && p->m.cut[1] == -1);
    assert_ok(math_ppo_act(p, first, actions, &fault), &fault);
    assert_ok(math_ppo_tell(p, going_on, far, &fault), &fault);
    assert_true(p->sums[0] != 0 && p->sums[1] != 0);
    assert_int_equal(math_ppo_act(p, gap, actions, &fault), ERR_INPUT);      /* each world by itself, and what it had earned is done with */
    assert_true(p->m.cuts == 3 && p->m.cut_seen[p->m.cut[2]] == R(-3) && p->m.cut_seen[p->m.cut[3]] == R(3));
    assert_true(p->sums[0] == 0 && p->sums[1] == 0);
    while (!math_ppo_full(p)) {
        assert_ok(math_ppo_act(p, far, actions, &fault), &fault);
        assert_ok(math_ppo_tell(p, going_on, far, &fault), &fault);
    }
    double                 value = math_ppo_value(p, then);
    struct math_ppo_report r;
    assert_ok(math_ppo_learn(p, 0, &r, &fault), &fault);
    assert_near((double)p->m.next[0], value, 1e-5);      /* the value of what was seen then, not of what came after the gap */
    math_ppo_free(p);
}

static void a_number_that_no_network_can_hold_is_missing(void **state)
{
    (void)state;
    struct fault            fault;
    struct math_ppo_options o = small(1, 1);
    struct math_array       arrays[MATH_PPO_ARRAYS];
    o.worlds = 1;
    o.horizon = o.batch = 4;
    for (int scaled = 0; scaled < 2; scaled++) {
        o.scale_observations = o.scale_rewards = scaled;
        struct math_ppo    *p = learner(&o);
        struct math_outcome known = { 1, false, false }, absurd = { 1e200, false, false };
        double              seen = 1e39, action;
        assert_int_equal(math_ppo_act(p, &seen, &action, &fault), ERR_INPUT);
        while (!math_ppo_full(p)) {
            seen = 0.5 * p->m.t;
            assert_ok(math_ppo_act(p, &seen, &action, &fault), &fault);
            assert_ok(math_ppo_tell(p, &known, &seen, &fault), &fault);
            if (math_ppo_full(p))
                break;
            assert_ok(math_ppo_act(p, &seen, &action, &fault), &fault);
            assert_int_equal(math_ppo_tell(p, &absurd, &seen, &fault), ERR_INPUT);
            assert_ok(math_ppo_act(p, &seen, &action, &fault), &fault);
            assert_int_equal(math_ppo_tell(p, &known, &(double){ -1e200 }, &fault), ERR_INPUT);
        }
        struct math_ppo_report r;
        assert_ok(math_ppo_learn(p, 0, &r, &fault), &fault);
        assert_true(r.skipped == 0 && isfinite(r.value_loss) && isfinite(p->returns.ss));
        int            n = math_ppo_arrays(p, arrays);
        size_t         size = math_pack_size(arrays, n);
        unsigned char *bytes = malloc(size);
        assert_non_null(bytes);
        math_pack(arrays, n, bytes);
        assert_ok(math_unpack(arrays, n, bytes, size, &fault), &fault);      /* it would refuse a scale that is infinite */
        free(bytes);
        math_ppo_free(p);
    }
}

static void the_usual_learner_is_the_catalogues(void **state)
{
    (void)state;
    const struct { const char *name; int rows, cols; } actor[] = {
        { "actor.0.weight", 128, 20 }, { "actor.0.bias", 1, 128 }, { "actor.1.weight", 128, 128 }, { "actor.1.bias", 1, 128 },
        { "actor.head.weight", 30, 128 }, { "actor.head.bias", 1, 30 }, { "actor.spread.weight", 30, 128 }, { "actor.spread.bias", 1, 30 },
    };
    struct math_ppo_options o = math_ppo_usual(20, 30);
    assert_true(o.worlds * o.horizon == 10000 && o.batch == 64 && o.epochs == 10 && o.clip == 0.2 && o.rate == 3e-4 && o.gamma == 0.95 && o.value_weight == 0.5 && o.gradient_most == 0.5);
    struct math_ppo          *p = learner(&o);
    const struct math_params *a = math_ppo_actor(p), *c = math_ppo_critic(p);
    assert_int_equal(a->count, sizeof actor / sizeof *actor);
    for (int i = 0; i < a->count; i++) {
        assert_string_equal(a->tensors[i].name, actor[i].name);
        assert_true(a->tensors[i].rows == actor[i].rows && a->tensors[i].cols == actor[i].cols);
    }
    assert_int_equal(c->size, 128 * 20 + 128 + 128 * 128 + 128 + 128 + 1);
    math_ppo_free(p);
}

static void options_that_make_no_sense_are_refused_by_name(void **state)
{
    (void)state;
    struct fault            fault;
    struct math_ppo        *p;
    struct math_ppo_options o = small(3, 1);
    o.gamma = 1.5;
    assert_int_equal(math_ppo_new(&o, &p, &fault), ERR_INPUT);
    assert_non_null(strstr(fault.text, "gamma"));
    assert_null(p);
    o = small(3, 1);
    o.horizon = MATH_PPO_MEMORY_MAX;
    assert_int_equal(math_ppo_new(&o, &p, &fault), ERR_INPUT);
    o = small(3, 1);
    o.rate = (double)NAN;
    assert_int_equal(math_ppo_new(&o, &p, &fault), ERR_INPUT);
    o = small(4, 1);
    assert_ok(math_ppo_new(&o, &p, &fault), &fault);
    assert_int_equal(math_ppo_train(p, &gym_pendulum, 1, 10, NULL, NULL, &fault), ERR_INPUT);
    math_ppo_free(p);
}

static void a_policy_that_moved_far_enough_is_left_alone(void **state)
{
    (void)state;
    struct fault            fault;
    struct math_ppo_options o = small(3, 1);
    o.kl_most = 1e-6;
    o.epochs = 50;
    struct math_ppo       *p = learner(&o);
    struct math_ppo_report r;
    fill(p, &gym_pendulum, 8);
    assert_ok(math_ppo_learn(p, 0, &r, &fault), &fault);
    assert_true(r.epochs < 50);
    math_ppo_free(p);
}

static void who_cannot_learn_anything_says_so(void **state)
{
    (void)state;
    struct fault            fault;
    struct math_ppo_options o = small(3, 1);
    struct math_ppo        *p = learner(&o);
    struct math_ppo_report  r;
    double                  seen[24] = { 0 }, actions[8];
    fill(p, &gym_pendulum, 8);
    for (int i = 0; i < 3 * 16; i++)
        math_params_value(&p->actor, 0)[i] = R(NAN);
    real before = p->critic.value[0];
    assert_int_equal(math_ppo_learn(p, 0, &r, &fault), ERR_UNKNOWN);
    assert_non_null(strstr(fault.text, "none of 16 gradients"));
    assert_true(r.steps == 0 && r.skipped == 16 && p->critic.value[0] == before);
    assert_false(math_ppo_full(p));
    assert_int_equal(math_ppo_act(p, seen, actions, &fault), ERR_UNKNOWN);
    for (int i = 0; i < 3 * 16; i++)
        math_params_value(&p->actor, 0)[i] = R(0.1);
    assert_ok(math_ppo_act(p, seen, actions, &fault), &fault);      /* nothing is stuck */
    math_ppo_free(p);
}

static struct math_tensor *tensor_of(struct math_params *set, const char *name)
{
    for (int i = 0; i < set->count; i++)
        if (strcmp(set->tensors[i].name, name) == 0)
            return &set->tensors[i];
    fail_msg("no tensor %s", name);
    return NULL;
}

/* What a policy says of an action has up to three parts, and each is looked at; then the story goes on as after a gap. */
static void a_policy_that_has_no_answer_is_not_acted_on_and_cuts_the_story(void **state)
{
    (void)state;
    static const struct { const char *broken; bool discrete; } each[] = { { "actor.head.weight", false }, { "actor.spread.weight", false }, { "actor.head.weight", true } };
    for (size_t k = 0; k < sizeof each / sizeof each[0]; k++) {
        struct fault            fault;
        struct math_ppo_options o = small(1, 2);
        o.worlds = 1;
        o.horizon = o.batch = 2;
        o.discrete = each[k].discrete;
        o.scale_observations = false;
        struct math_ppo          *p = learner(&o);
        const struct math_tensor *t = tensor_of(&p->actor, each[k].broken);
        struct math_outcome       going_on = { 1, false, false };
        struct math_ppo_report    r;
        double                    seen = 0.25, then = 0.75, actions[2];
        real                      was = p->actor.value[t->at];
        assert_ok(math_ppo_act(p, &seen, actions, &fault), &fault);
        assert_ok(math_ppo_tell(p, &going_on, &then, &fault), &fault);
        p->actor.value[t->at] = R(NAN);
        assert_int_equal(math_ppo_act(p, &then, actions, &fault), ERR_UNKNOWN);
        assert_true(!p->m.acted && p->m.t == 1 && p->m.ended[0] && p->m.cut[0] == 0 && p->m.cut_seen[0] == R(0.75));
        p->actor.value[t->at] = was;
        assert_ok(math_ppo_act(p, &seen, actions, &fault), &fault);
        assert_ok(math_ppo_tell(p, &going_on, &then, &fault), &fault);
        assert_ok(math_ppo_learn(p, 0, &r, &fault), &fault);
        math_ppo_free(p);
    }
}

static void what_was_learned_can_be_saved_and_given_to_another(void **state)
{
    (void)state;
    struct fault            fault;
    struct math_ppo_options o = small(3, 1);
    struct math_ppo        *a = learner(&o), *b;
    struct math_array       arrays[MATH_PPO_ARRAYS];
    double                  seen[] = { 1, 0, 0.5, 0, 1, -3 }, from_a[2], from_b[2];
    o.seed = 77;
    b = learner(&o);
    assert_ok(math_ppo_train(a, &gym_pendulum, 5, 1024, NULL, NULL, &fault), &fault);
    int            n = math_ppo_arrays(a, arrays);
    size_t         size = math_pack_size(arrays, n);
    unsigned char *bytes = malloc(size);
    assert_non_null(bytes);
    math_pack(arrays, n, bytes);
    n = math_ppo_arrays(b, arrays);
    assert_ok(math_unpack(arrays, n, bytes, size, &fault), &fault);
    math_ppo_choose(a, seen, 2, from_a);
    math_ppo_choose(b, seen, 2, from_b);
    assert_memory_equal(from_a, from_b, sizeof from_a);
    assert_true(math_ppo_value(a, seen) == math_ppo_value(b, seen));
    o.width[1] = 8;
    struct math_ppo *c = learner(&o);
    n = math_ppo_arrays(c, arrays);
    assert_int_equal(math_unpack(arrays, n, bytes, size, &fault), ERR_INPUT);
    free(bytes);
    math_ppo_free(a);
    math_ppo_free(b);
    math_ppo_free(c);
}

/* ---- scales ---------------------------------------------------------------------------------------------------------- */

static void scales_are_those_of_all_rows_together(void **state)
{
    (void)state;
    double              mean[2] = { 0 }, ss[2] = { 0 }, rows[20];
    struct math_scaling s = { .cols = 2, .limit = 10, .mean = mean, .ss = ss };
    struct rand         chance;
    real                out[4];
    rand_seed(&chance, 3);
    for (int i = 0; i < 20; i++)
        rows[i] = i % 2 ? 100 + 3 * rand_normal(&chance) : rand_normal(&chance);
    math_scaling_apply(&s, rows, 1, out);
    assert_true(out[0] == R(rows[0]) && out[1] == 10);       /* nothing known yet, but for the limit */
    math_scaling_add(&s, rows, 3);
    math_scaling_add(&s, rows + 6, 7);
    for (int c = 0; c < 2; c++) {
        double sum = 0, squares = 0;
        for (int r = 0; r < 10; r++)
            sum += rows[2 * r + c];
        for (int r = 0; r < 10; r++)
            squares += pow(rows[2 * r + c] - sum / 10, 2);
        assert_near(mean[c], sum / 10, 1e-9);
        assert_near(ss[c], squares, 1e-8);
    }
    math_scaling_apply(&s, rows, 2, out);
    assert_near((double)out[1], (rows[1] - mean[1]) / sqrt(ss[1] / 10), 1e-5);
}

static void rewards_keep_their_sign_and_zero(void **state)
{
    (void)state;
    struct math_returns r = { .gamma = 0.9, .limit = 10 };
    double              sum = 0, last = 0;
    for (int i = 0; i < 500; i++)
        last = math_returns_scale(&r, &sum, i % 2 ? 1000 : -500, i % 50 == 49);
    assert_true(last > 0 && last < 10);
    assert_true(sum == 0);
    assert_true(math_returns_scale(&r, &sum, 0, false) == 0);
    assert_true(math_returns_scale(&r, &sum, -500, false) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(when_everything_is_as_expected_nothing_is_better),
        cmocka_unit_test(an_advantage_is_the_sum_in_the_paper),
        cmocka_unit_test(being_cut_off_is_not_the_end),
        cmocka_unit_test(advantages_of_a_minibatch_have_mean_zero_and_unbiased_spread_one),
        cmocka_unit_test(it_learns_what_to_aim_at),
        cmocka_unit_test(it_learns_what_to_choose),
        cmocka_unit_test(the_first_ratio_of_every_round_is_exactly_one),
        cmocka_unit_test(log_probabilities_are_found_again_to_the_bit),
        cmocka_unit_test(the_same_seed_gives_the_same_bits),
        cmocka_unit_test(what_is_sent_is_clipped_and_what_is_remembered_is_not),
        cmocka_unit_test(a_step_with_a_missing_number_is_forgotten_and_cuts_the_story),
        cmocka_unit_test(a_sight_that_is_missing_cuts_the_story_where_it_was_last_known),
        cmocka_unit_test(a_number_that_no_network_can_hold_is_missing),
        cmocka_unit_test(the_usual_learner_is_the_catalogues),
        cmocka_unit_test(options_that_make_no_sense_are_refused_by_name),
        cmocka_unit_test(a_policy_that_moved_far_enough_is_left_alone),
        cmocka_unit_test(who_cannot_learn_anything_says_so),
        cmocka_unit_test(a_policy_that_has_no_answer_is_not_acted_on_and_cuts_the_story),
        cmocka_unit_test(what_was_learned_can_be_saved_and_given_to_another),
        cmocka_unit_test(scales_are_those_of_all_rows_together),
        cmocka_unit_test(rewards_keep_their_sign_and_zero),
    };
    return cmocka_run_group_tests_name("math_ppo", tests, NULL, NULL);
}
