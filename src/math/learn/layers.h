/*
 * math/learn/layers.h - networks put together from layers.
 *
 * A layer is a handful of indices into a set of parameters.  ..._add() makes
 * its tensors with the first values that PyTorch gives them; the function of
 * the layer's own name computes.  The same layer may be used several times on
 * one tape, and with another set of the same shape (a target network).
 *
 *     struct math_mlp net = math_mlp_add(&p, "critic", (int[]){ 20, 128, 128, 1 }, 3, MATH_RELU, &chance);
 *     try = math_params_ready(&p, fault);
 *     struct math_node *v = math_mlp(&t, &p, &net, math_node_input(&t, observations, rows, 20));
 */
#ifndef MATH_LAYERS_H
#define MATH_LAYERS_H

#include "math/learn/params.h"

enum math_activation { MATH_RELU, MATH_TANH, MATH_SOFTPLUS };
struct math_node *math_activate(struct math_tape *t, struct math_node *x, enum math_activation how);

/* weight [out,in], bias [1,out], both uniform in +-1 / sqrt(in). */
struct math_linear { int weight, bias; };
struct math_linear math_linear_add(struct math_params *p, const char *name, int in, int out, struct rand *chance);
void               math_linear_orthogonal(struct math_params *p, const struct math_linear *l, double gain, struct rand *chance);   /* instead; bias 0 */
struct math_node  *math_linear(struct math_tape *t, const struct math_params *p, const struct math_linear *l, struct math_node *x);

/* Linear layers of widths[0..layers], an activation after each but the last. */
enum { MATH_MLP_LAYERS = 8 };
struct math_mlp { int layers; enum math_activation how; struct math_linear layer[MATH_MLP_LAYERS]; };
struct math_mlp   math_mlp_add(struct math_params *p, const char *name, const int *widths, int layers, enum math_activation how, struct rand *chance);
void              math_mlp_orthogonal(struct math_params *p, const struct math_mlp *m, double hidden_gain, double last_gain, struct rand *chance);
struct math_node *math_mlp(struct math_tape *t, const struct math_params *p, const struct math_mlp *m, struct math_node *x);
struct math_node *math_mlp_hidden(struct math_tape *t, const struct math_params *p, const struct math_mlp *m, struct math_node *x);   /* activated after every layer, also the last */

/* gain 1, bias 0, eps 1e-5. */
struct math_norm_layer { int gain, bias; };
struct math_norm_layer math_norm_add(struct math_params *p, const char *name, int cols);
struct math_node      *math_norm(struct math_tape *t, const struct math_params *p, const struct math_norm_layer *l, struct math_node *x);

/* See math_node_lstm(): gates i, f, g, o; everything uniform in +-1 / sqrt(hidden). Gives h beside c. */
struct math_lstm_layer { int w_in, w_back, b_in, b_back; };
struct math_lstm_layer math_lstm_add(struct math_params *p, const char *name, int in, int hidden, struct rand *chance);
struct math_node      *math_lstm_run(struct math_tape *t, const struct math_params *p, const struct math_lstm_layer *l, struct math_node *x, struct math_node *first, const real *keep);

/* Multi-head attention with projections of queries, keys, values and the result; see math_node_attention() for shapes. */
struct math_heads_layer { struct math_linear q, k, v, out; int heads; };
struct math_heads_layer math_heads_add(struct math_params *p, const char *name, int width, int heads, struct rand *chance);
struct math_node       *math_heads(struct math_tape *t, const struct math_params *p, const struct math_heads_layer *l, struct math_node *queries, struct math_node *keys, int batch,
                                   const bool *blocked, const int *lengths);

/*
 * One round of messages along the edges of a graph (after Gilmer et al. 2017): new x[v] = x[v] own' + sum over edges e into v of
 * relu(x[from[e]] message') + bias.  from and to name rows of x.
 */
struct math_graph_layer { struct math_linear own, message; };
struct math_graph_layer math_graph_add(struct math_params *p, const char *name, int in, int out, struct rand *chance);
struct math_node       *math_graph(struct math_tape *t, const struct math_params *p, const struct math_graph_layer *l, struct math_node *x, const int *from, const int *to, int edges);

#endif
