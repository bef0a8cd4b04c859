/* math/learn/layers.c - the indices of each layer, and the operations they stand for. */
#include "math/learn/layers.h"

#include "math/learn/fused.h"
#include "math/learn/ops.h"

#include <assert.h>
#include <stdio.h>

static int add(struct math_params *p, const char *name, const char *part, int rows, int cols)
{
    char whole[MATH_NAME_SIZE + 16];
    (void)snprintf(whole, sizeof whole, "%s.%s", name, part);
    return math_params_add(p, whole, rows, cols);
}

static int add_uniform(struct math_params *p, const char *name, const char *part, int rows, int cols, double bound, struct rand *chance)
{
    int i = add(p, name, part, rows, cols);
    if (i >= 0)
        math_init_uniform(math_params_value(p, i), (size_t)rows * (size_t)cols, bound, chance);
    return i;
}

struct math_node *math_activate(struct math_tape *t, struct math_node *x, enum math_activation how)
{
    switch (how) {
    case MATH_RELU:     return math_node_relu(t, x);
    case MATH_TANH:     return math_node_tanh(t, x);
    case MATH_SOFTPLUS: return math_node_softplus(t, x);
    }
    return NULL;
}

/* ---- linear ---------------------------------------------------------------------------------------------------------- */

struct math_linear math_linear_add(struct math_params *p, const char *name, int in, int out, struct rand *chance)
{
    double             bound = 1 / sqrt((double)in);
    struct math_linear l = { .weight = add_uniform(p, name, "weight", out, in, bound, chance) };
    l.bias = add_uniform(p, name, "bias", 1, out, bound, chance);
    return l;
}

void math_linear_orthogonal(struct math_params *p, const struct math_linear *l, double gain, struct rand *chance)
{
    if (p->full)
        return;
    const struct math_tensor *w = &p->tensors[l->weight];
    math_init_orthogonal(math_params_value(p, l->weight), w->rows, w->cols, gain, chance);
    math_init_constant(math_params_value(p, l->bias), (size_t)w->rows, 0);
}

struct math_node *math_linear(struct math_tape *t, const struct math_params *p, const struct math_linear *l, struct math_node *x)
{
    return math_node_affine(t, x, math_params_leaf(t, p, l->weight), math_params_leaf(t, p, l->bias));
}

struct math_mlp math_mlp_add(struct math_params *p, const char *name, const int *widths, int layers, enum math_activation how, struct rand *chance)
{
    struct math_mlp m = { .layers = layers, .how = how };
    assert(layers >= 1 && layers <= MATH_MLP_LAYERS);
    for (int i = 0; i < layers; i++) {
        char part[MATH_NAME_SIZE];
        (void)snprintf(part, sizeof part, "%s.%d", name, i);
        m.layer[i] = math_linear_add(p, part, widths[i], widths[i + 1], chance);
    }
    return m;
}

void math_mlp_orthogonal(struct math_params *p, const struct math_mlp *m, double hidden_gain, double last_gain, struct rand *chance)
{
    for (int i = 0; i < m->layers; i++)
        math_linear_orthogonal(p, &m->layer[i], i + 1 < m->layers ? hidden_gain : last_gain, chance);
}

struct math_node *math_mlp(struct math_tape *t, const struct math_params *p, const struct math_mlp *m, struct math_node *x)
{
    for (int i = 0; i < m->layers; i++) {
        x = math_linear(t, p, &m->layer[i], x);
        if (i + 1 < m->layers)
            x = math_activate(t, x, m->how);
    }
    return x;
}

struct math_node *math_mlp_hidden(struct math_tape *t, const struct math_params *p, const struct math_mlp *m, struct math_node *x)
{
    return math_activate(t, math_mlp(t, p, m, x), m->how);
}

/* ---- layer norm ------------------------------------------------------------------------------------------------------ */

struct math_norm_layer math_norm_add(struct math_params *p, const char *name, int cols)
{
    struct math_norm_layer l = { .gain = add(p, name, "gain", 1, cols) };
    l.bias = add(p, name, "bias", 1, cols);
    if (l.gain >= 0)
        math_init_constant(math_params_value(p, l.gain), (size_t)cols, 1);
    return l;
}

struct math_node *math_norm(struct math_tape *t, const struct math_params *p, const struct math_norm_layer *l, struct math_node *x)
{
    return math_node_layernorm(t, x, math_params_leaf(t, p, l->gain), math_params_leaf(t, p, l->bias), R(1e-5));
}

/* ---- LSTM ------------------------------------------------------------------------------------------------------------ */

struct math_lstm_layer math_lstm_add(struct math_params *p, const char *name, int in, int hidden, struct rand *chance)
{
    double                 bound = 1 / sqrt((double)hidden);
    struct math_lstm_layer l = { .w_in = add_uniform(p, name, "w_in", 4 * hidden, in, bound, chance) };
    l.w_back = add_uniform(p, name, "w_back", 4 * hidden, hidden, bound, chance);
    l.b_in = add_uniform(p, name, "b_in", 1, 4 * hidden, bound, chance);
    l.b_back = add_uniform(p, name, "b_back", 1, 4 * hidden, bound, chance);
    return l;
}

struct math_node *math_lstm_run(struct math_tape *t, const struct math_params *p, const struct math_lstm_layer *l, struct math_node *x, struct math_node *first, const real *keep)
{
    struct math_lstm_weights w = { math_params_leaf(t, p, l->w_in), math_params_leaf(t, p, l->w_back), math_params_leaf(t, p, l->b_in), math_params_leaf(t, p, l->b_back) };
    return math_node_lstm(t, x, first, &w, keep);
}

/* ---- attention ------------------------------------------------------------------------------------------------------- */

struct math_heads_layer math_heads_add(struct math_params *p, const char *name, int width, int heads, struct rand *chance)
{
    static const char *const parts[] = { "q", "k", "v", "out" };
    struct math_heads_layer  l = { .heads = heads };
    struct math_linear      *each[] = { &l.q, &l.k, &l.v, &l.out };
    for (int i = 0; i < 4; i++) {
        char part[MATH_NAME_SIZE];
        (void)snprintf(part, sizeof part, "%s.%s", name, parts[i]);
        *each[i] = math_linear_add(p, part, width, width, chance);
        if (p->full)
            continue;
        /* The three projections together are one matrix [3 E,E] of Glorot & Bengio 2010; the result's keeps its own. */
        if (i < 3)
            math_init_uniform(math_params_value(p, each[i]->weight), (size_t)width * (size_t)width, sqrt(6.0 / (4.0 * width)), chance);
        math_init_constant(math_params_value(p, each[i]->bias), (size_t)width, 0);
    }
    return l;
}

struct math_node *math_heads(struct math_tape *t, const struct math_params *p, const struct math_heads_layer *l, struct math_node *queries, struct math_node *keys, int batch,
                             const bool *blocked, const int *lengths)
{
    struct math_node *q = math_linear(t, p, &l->q, queries), *k = math_linear(t, p, &l->k, keys), *v = math_linear(t, p, &l->v, keys);
    return math_linear(t, p, &l->out, math_node_attention(t, q, k, v, (struct math_attention_shape){ batch, l->heads, blocked, lengths }));
}

/* ---- graphs ---------------------------------------------------------------------------------------------------------- */

struct math_graph_layer math_graph_add(struct math_params *p, const char *name, int in, int out, struct rand *chance)
{
    char                    part[MATH_NAME_SIZE];
    struct math_graph_layer l;
    (void)snprintf(part, sizeof part, "%s.own", name);
    l.own = math_linear_add(p, part, in, out, chance);
    (void)snprintf(part, sizeof part, "%s.message", name);
    l.message = math_linear_add(p, part, in, out, chance);
    return l;
}

struct math_node *math_graph(struct math_tape *t, const struct math_params *p, const struct math_graph_layer *l, struct math_node *x, const int *from, const int *to, int edges)
{
    if (!x)
        return NULL;
    struct math_node *sent = math_node_relu(t, math_linear(t, p, &l->message, math_node_gather(t, x, from, edges)));
    return math_node_add(t, math_linear(t, p, &l->own, x), math_node_segment_sum(t, sent, to, x->rows));
}
