/*
 * math/learn/fused.h - the heavy operations of networks, each one node with a way back of its own.
 *
 * They compute what PyTorch's modules of the same name compute, with the same
 * layout of weights, so that numbers can be compared one by one.  Shapes are
 * rows x cols; "sequence of T steps for B" means T B rows, row t B + b.
 */
#ifndef MATH_FUSED_H
#define MATH_FUSED_H

#include "math/learn/tape.h"

/* x w' + b: x [rows,in], w [out,in], b [1,out] or NULL; gives [rows,out]. */
struct math_node *math_node_affine(struct math_tape *t, struct math_node *x, struct math_node *w, struct math_node *b);

/* Each row to mean 0 and (biased) variance 1, then times gain [1,cols] plus bias [1,cols] (Ba, Kiros, Hinton 2016). */
struct math_node *math_node_layernorm(struct math_tape *t, struct math_node *x, struct math_node *gain, struct math_node *bias, real eps);

/*
 * A long short-term memory over a whole sequence (Hochreiter & Schmidhuber 1997; gates i, f, g, o in this order, two biases):
 * x [T B,in], first [B,2 H] (h beside c before the first step), w_in [4 H,in], w_back [4 H,H], both biases [1,4 H].
 * Gives [T B,2 H]: h beside c after every step; one step is T = 1.  keep [T B] (or NULL) multiplies the memory before each
 * step: 0 where a new episode begins, else 1.
 */
struct math_lstm_weights { struct math_node *w_in, *w_back, *b_in, *b_back; };
struct math_node *math_node_lstm(struct math_tape *t, struct math_node *x, struct math_node *first, const struct math_lstm_weights *w, const real *keep);

/*
 * Scaled dot-product attention of several heads (Vaswani et al. 2017): q [B Q,E], k and v [B K,E], row b Q + i, the columns cut
 * into `heads` parts.  blocked [Q,K] (or NULL) is true where i must not look at j; lengths [B] (or NULL) says how many of the K
 * belong to b.  A row that may look at nothing becomes zero.
 */
struct math_attention_shape { int batch, heads; const bool *blocked; const int *lengths; };
struct math_node *math_node_attention(struct math_tape *t, struct math_node *q, struct math_node *k, struct math_node *v, struct math_attention_shape shape);

/* log N(action; mean, sd) summed over each row: mean [rows,A], sd [rows,A] or [1,A], action [rows,A] as data; gives [rows,1]. */
struct math_node *math_node_gauss_logp(struct math_tape *t, struct math_node *mean, struct math_node *sd, const real *action);

#endif
