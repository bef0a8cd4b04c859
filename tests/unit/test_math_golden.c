/*
 * math: every layer gives PyTorch's numbers, forward, backward and after ten steps of Adam.
 *
 * The numbers are in golden/layers.h, their program beside them.  Compiled
 * twice: with real as float, and as double, where hardly anything may differ.
 */
#include "unit.h"

#include "golden/layers.h"
#include "math/learn/fused.h"
#include "math/learn/layers.h"
#include "math/learn/ops.h"
#include "math/learn/optimise.h"

enum { OPERANDS = 8, STEPS = 10 };
static const bool wide = sizeof(real) == sizeof(double);

/* A matrix of a case with what PyTorch has for its gradient, and for itself after ten steps (NULL: not looked at). */
struct known { const char *name; int rows, cols; const double *x, *d, *late; };

/* What a case computes: one or two parts, which lie one behind the other in y and pull. */
struct parts { struct math_node *part[2]; };

struct golden {
    const struct known *inputs, *weights;
    int                 input_count, weight_count;
    const double       *y, *pull, *losses;
    struct parts      (*forward)(struct math_tape *t, struct math_node **x, struct math_node **w);
};

#define DATA(c, n, rows, cols)   { #n, rows, cols, c##_##n, c##_d_##n, NULL }
#define WEIGHT(c, n, rows, cols) { #n, rows, cols, c##_##n, c##_d_##n, c##_late_##n }
#define COUNT(a) ((int)(sizeof(a) / sizeof *(a)))
#define GOLDEN(c, i, w, f) { i, w, COUNT(i), COUNT(w), c##_y, c##_pull, c##_losses, f }

static void assert_close(const char *what, const real *x, const double *known, size_t n, double relative, double absolute)
{
    for (size_t i = 0; i < n; i++)
        if (!(fabs((double)x[i] - known[i]) <= absolute + relative * fabs(known[i])))
            fail_msg("%s[%zu] is %.12g, and PyTorch has %.12g", what, i, (double)x[i], known[i]);
}

static void add_known(struct math_params *p, const struct known *k)
{
    int i = math_params_add(p, k->name, k->rows, k->cols);
    assert_true(i >= 0);
    for (size_t c = 0; c < (size_t)k->rows * (size_t)k->cols; c++)
        math_params_value(p, i)[c] = R(k->x[c]);
}

static struct parts forward(struct math_tape *t, const struct golden *g, const struct math_params *inputs, const struct math_params *weights)
{
    struct math_node *x[OPERANDS], *w[OPERANDS];
    math_tape_reset(t, true);
    for (int i = 0; i < g->input_count; i++)
        x[i] = math_params_leaf(t, inputs, i);
    for (int i = 0; i < g->weight_count; i++)
        w[i] = math_params_leaf(t, weights, i);
    return g->forward(t, x, w);
}

/* sum(y pull), and with square half the mean of y^2. pull is the golden one as reals. */
static struct math_node *loss_of(struct math_tape *t, const struct parts *y, const real *pull, bool square)
{
    struct math_node *loss = NULL;
    size_t            at = 0, all = 0;
    for (int k = 0; k < 2 && y->part[k]; k++)
        all += math_node_size(y->part[k]);
    for (int k = 0; k < 2 && y->part[k]; k++) {
        struct math_node *n = y->part[k], *sum = math_node_sum(t, math_node_mul(t, n, math_node_input(t, pull + at, n->rows, n->cols)));
        if (square)
            sum = math_node_add(t, sum, math_node_scale(t, math_node_sum(t, math_node_square(t, n)), R(0.5 / (double)all)));
        loss = loss ? math_node_add(t, loss, sum) : sum;
        at += math_node_size(n);
    }
    return loss;
}

static void check(const struct golden *g)
{
    struct fault       fault;
    struct math_tape   t;
    struct math_params inputs, weights;
    real               pull[256];
    double             relative = wide ? 1e-10 : 1e-4, absolute = wide ? 1e-12 : 1e-5;
    assert_ok(math_tape_init(&t, 1 << 20, &fault), &fault);
    math_params_init(&inputs);
    math_params_init(&weights);
    for (int i = 0; i < g->input_count; i++)
        add_known(&inputs, &g->inputs[i]);
    for (int i = 0; i < g->weight_count; i++)
        add_known(&weights, &g->weights[i]);

    struct parts y = forward(&t, g, &inputs, &weights);
    for (size_t k = 0, at = 0; k < 2 && y.part[k]; at += math_node_size(y.part[k]), k++) {
        assert_close("y", y.part[k]->x, g->y + at, math_node_size(y.part[k]), relative, absolute);
        for (size_t i = 0; i < math_node_size(y.part[k]); i++)
            pull[at + i] = R(g->pull[at + i]);
    }
    assert_ok(math_backward(&t, loss_of(&t, &y, pull, false), &fault), &fault);
    for (int i = 0; i < g->input_count; i++)
        assert_close(g->inputs[i].name, inputs.gradient + inputs.tensors[i].at, g->inputs[i].d, (size_t)(g->inputs[i].rows * g->inputs[i].cols), relative, absolute);
    for (int i = 0; i < g->weight_count; i++)
        assert_close(g->weights[i].name, weights.gradient + weights.tensors[i].at, g->weights[i].d, (size_t)(g->weights[i].rows * g->weights[i].cols), relative, absolute);

    const struct math_adam adam = { 0.9, 0.999, 1e-5 };
    for (int step = 0; g->losses && step < STEPS; step++) {
        y = forward(&t, g, &inputs, &weights);
        struct math_node *loss = loss_of(&t, &y, pull, true);
        math_gradients_clear(&weights);
        assert_ok(math_backward(&t, loss, &fault), &fault);
        assert_close("loss", loss->x, g->losses + step, 1, wide ? 1e-9 : 1e-3, wide ? 1e-9 : 1e-4);
        math_adam_step(&weights, &adam, 0.01);
    }
    for (int i = 0; g->losses && i < g->weight_count; i++) {
        if (!g->weights[i].late)
            continue;
        assert_close(g->weights[i].name, math_params_value(&weights, i), g->weights[i].late, (size_t)(g->weights[i].rows * g->weights[i].cols), wide ? 1e-9 : 1e-3,
                     wide ? 1e-9 : 1e-5);
    }
    math_params_done(&inputs);
    math_params_done(&weights);
    math_tape_done(&t);
}

/* ---- the cases ------------------------------------------------------------------------------------------------------- */

static struct parts linear(struct math_tape *t, struct math_node **x, struct math_node **w) { return (struct parts){ { math_node_affine(t, x[0], w[0], w[1]) } }; }

static void a_linear_layer_is_pytorchs(void **state)
{
    (void)state;
    const struct known inputs[] = { DATA(linear, x, 5, 4) }, weights[] = { WEIGHT(linear, w, 3, 4), WEIGHT(linear, b, 1, 3) };
    check(&(struct golden)GOLDEN(linear, inputs, weights, linear));
}

static struct parts mlp(struct math_tape *t, struct math_node **x, struct math_node **w, enum math_activation how)
{
    return (struct parts){ { math_node_affine(t, math_activate(t, math_node_affine(t, x[0], w[0], w[1]), how), w[2], w[3]) } };
}
static struct parts mlp_relu(struct math_tape *t, struct math_node **x, struct math_node **w)     { return mlp(t, x, w, MATH_RELU); }
static struct parts mlp_tanh(struct math_tape *t, struct math_node **x, struct math_node **w)     { return mlp(t, x, w, MATH_TANH); }
static struct parts mlp_softplus(struct math_tape *t, struct math_node **x, struct math_node **w) { return mlp(t, x, w, MATH_SOFTPLUS); }

#define MLP(c)                                                                                          \
    do {                                                                                                \
        const struct known inputs[] = { DATA(c, x, 6, 3) };                                             \
        const struct known weights[] = { WEIGHT(c, w1, 5, 3), WEIGHT(c, b1, 1, 5), WEIGHT(c, w2, 2, 5), WEIGHT(c, b2, 1, 2) }; \
        check(&(struct golden)GOLDEN(c, inputs, weights, c));                                           \
    } while (0)

static void networks_with_each_activation_are_pytorchs(void **state)
{
    (void)state;
    MLP(mlp_relu);
    MLP(mlp_tanh);
    MLP(mlp_softplus);
}

static struct parts layernorm(struct math_tape *t, struct math_node **x, struct math_node **w) { return (struct parts){ { math_node_layernorm(t, x[0], w[0], w[1], R(1e-5)) } }; }

static void layer_norm_is_pytorchs(void **state)
{
    (void)state;
    const struct known inputs[] = { DATA(layernorm, x, 4, 7) }, weights[] = { WEIGHT(layernorm, gain, 1, 7), WEIGHT(layernorm, bias, 1, 7) };
    check(&(struct golden)GOLDEN(layernorm, inputs, weights, layernorm));
}

static struct parts lstm(struct math_tape *t, struct math_node **x, struct math_node **w)
{
    struct math_lstm_weights weights = { w[0], w[1], w[2], w[3] };
    struct math_node        *y = math_node_lstm(t, x[0], math_node_join(t, x[1], x[2]), &weights, NULL);
    return (struct parts){ { math_node_columns(t, y, 0, 5), math_node_columns(t, math_node_rows(t, y, 6, 2), 5, 5) } };
}

static void an_lstm_over_a_sequence_is_pytorchs(void **state)
{
    (void)state;
    const struct known inputs[] = { DATA(lstm, x, 8, 3), DATA(lstm, h0, 2, 5), DATA(lstm, c0, 2, 5) };
    const struct known weights[] = { WEIGHT(lstm, w_in, 20, 3), WEIGHT(lstm, w_back, 20, 5), WEIGHT(lstm, b_in, 1, 20), WEIGHT(lstm, b_back, 1, 20) };
    check(&(struct golden)GOLDEN(lstm, inputs, weights, lstm));
}

/* PyTorch keeps the three projections in one matrix, the queries' first. */
#define THIRD(c, n, k, rows, cols) { #n, rows, cols, c##_##n + (k) * (rows) * (cols), c##_d_##n + (k) * (rows) * (cols), c##_late_##n + (k) * (rows) * (cols) }

static struct parts heads(struct math_tape *t, struct math_node **x, struct math_node **w)
{
    static const bool blocked[] = { false, true, true, true, false, false, true, true, false, false, false, true, false, false, false, false };
    static const int  lengths[] = { 4, 3 };
    struct math_node *q = math_node_affine(t, x[0], w[0], w[1]), *k = math_node_affine(t, x[0], w[2], w[3]), *v = math_node_affine(t, x[0], w[4], w[5]);
    return (struct parts){ { math_node_affine(t, math_node_attention(t, q, k, v, (struct math_attention_shape){ 2, 2, blocked, lengths }), w[6], w[7]) } };
}

static void attention_of_several_heads_is_pytorchs(void **state)
{
    (void)state;
    const struct known inputs[] = { DATA(heads, x, 8, 6) };
    /* The keys' bias changes nothing in a softmax, so its true gradient is zero and in float Adam follows nothing but rounding. */
    struct known key_bias = THIRD(heads, b_in, 1, 1, 6);
    if (!wide)
        key_bias.late = NULL;
    const struct known weights[] = {
        THIRD(heads, w_in, 0, 6, 6), THIRD(heads, b_in, 0, 1, 6), THIRD(heads, w_in, 1, 6, 6), key_bias,
        THIRD(heads, w_in, 2, 6, 6), THIRD(heads, b_in, 2, 1, 6), WEIGHT(heads, w_out, 6, 6),  WEIGHT(heads, b_out, 1, 6),
    };
    check(&(struct golden)GOLDEN(heads, inputs, weights, heads));
}

static struct parts graph(struct math_tape *t, struct math_node **x, struct math_node **w)
{
    static const int  from[] = { 0, 1, 1, 3, 2 }, to[] = { 1, 2, 1, 0, 1 };
    struct math_node *sent = math_node_relu(t, math_node_affine(t, math_node_gather(t, x[0], from, 5), w[2], w[3]));
    return (struct parts){ { math_node_add(t, math_node_affine(t, x[0], w[0], w[1]), math_node_segment_sum(t, sent, to, 4)) } };
}

static void messages_along_a_graph_are_pytorchs(void **state)
{
    (void)state;
    const struct known inputs[] = { DATA(graph, x, 4, 3) };
    const struct known weights[] = { WEIGHT(graph, w_own, 2, 3), WEIGHT(graph, b_own, 1, 2), WEIGHT(graph, w_sent, 2, 3), WEIGHT(graph, b_sent, 1, 2) };
    check(&(struct golden)GOLDEN(graph, inputs, weights, graph));
}

static struct parts gauss(struct math_tape *t, struct math_node **x, struct math_node **w)
{
    static real action[COUNT(gauss_action)];
    for (int i = 0; i < COUNT(gauss_action); i++)
        action[i] = R(gauss_action[i]);
    struct math_node *mean = math_node_tanh(t, math_node_affine(t, x[0], w[0], w[1])), *spread = math_node_shift(t, math_node_softplus(t, math_node_affine(t, x[0], w[2], w[3])), R(1e-5));
    return (struct parts){ { math_node_gauss_logp(t, mean, spread, action) } };
}

static void a_gaussian_policy_is_pytorchs(void **state)
{
    (void)state;
    const struct known inputs[] = { DATA(gauss, x, 5, 3) };
    const struct known weights[] = { WEIGHT(gauss, w_mean, 2, 3), WEIGHT(gauss, b_mean, 1, 2), WEIGHT(gauss, w_spread, 2, 3), WEIGHT(gauss, b_spread, 1, 2) };
    check(&(struct golden)GOLDEN(gauss, inputs, weights, gauss));
}

static const real *target_of_losses(void)
{
    static real target[COUNT(losses_target)];
    for (int i = 0; i < COUNT(losses_target); i++)
        target[i] = R(losses_target[i]);
    return target;
}

static struct parts mse(struct math_tape *t, struct math_node **x, struct math_node **w)   { return (struct parts){ { math_node_mse(t, x[0], target_of_losses()) } }; }
static struct parts huber(struct math_tape *t, struct math_node **x, struct math_node **w) { return (struct parts){ { math_node_huber(t, x[0], target_of_losses(), R(0.7)) } }; }
static struct parts softmax(struct math_tape *t, struct math_node **x, struct math_node **w) { return (struct parts){ { math_node_softmax(t, x[0]) } }; }
static struct parts cross(struct math_tape *t, struct math_node **x, struct math_node **w)
{
    static const int labels[] = { 2, 0, 1, 1 };
    return (struct parts){ { math_node_cross_entropy(t, x[0], labels) } };
}

#define LOSS(c)                                                                                         \
    do {                                                                                                \
        const struct known inputs[] = { DATA(c, x, 4, 3) };                                             \
        check(&(struct golden){ inputs, NULL, 1, 0, c##_y, c##_pull, NULL, c });                        \
    } while (0)

static void losses_and_softmax_are_pytorchs(void **state)
{
    (void)state;
    LOSS(mse);
    LOSS(huber);
    LOSS(cross);
    LOSS(softmax);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_linear_layer_is_pytorchs),
        cmocka_unit_test(networks_with_each_activation_are_pytorchs),
        cmocka_unit_test(layer_norm_is_pytorchs),
        cmocka_unit_test(an_lstm_over_a_sequence_is_pytorchs),
        cmocka_unit_test(attention_of_several_heads_is_pytorchs),
        cmocka_unit_test(messages_along_a_graph_are_pytorchs),
        cmocka_unit_test(a_gaussian_policy_is_pytorchs),
        cmocka_unit_test(losses_and_softmax_are_pytorchs),
    };
    return cmocka_run_group_tests_name("math_golden", tests, NULL, NULL);
}
