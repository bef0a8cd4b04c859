/*
 * math/learn/ops.h - what can be written on a tape: element by element, sums, choices, losses.
 *
 * Every function computes at once, appends a node and returns it; NULL when an
 * operand is NULL or the tape is full (math/learn/tape.h).  Where b is broadcast it
 * may also be one row, one column or one number; a always has the full shape.
 * Arrays of indices are not copied and must outlive the tape's use of them.
 */
#ifndef MATH_OPS_H
#define MATH_OPS_H

#include "math/learn/tape.h"

/* Element by element. */
struct math_node *math_node_relu(struct math_tape *t, struct math_node *a);
struct math_node *math_node_tanh(struct math_tape *t, struct math_node *a);
struct math_node *math_node_sigmoid(struct math_tape *t, struct math_node *a);
struct math_node *math_node_softplus(struct math_tape *t, struct math_node *a);   /* log(1 + e^a), a itself above 20 */
struct math_node *math_node_exp(struct math_tape *t, struct math_node *a);
struct math_node *math_node_log(struct math_tape *t, struct math_node *a);
struct math_node *math_node_square(struct math_tape *t, struct math_node *a);
struct math_node *math_node_scale(struct math_tape *t, struct math_node *a, real k);      /* k a */
struct math_node *math_node_shift(struct math_tape *t, struct math_node *a, real k);      /* a + k */
struct math_node *math_node_clamp(struct math_tape *t, struct math_node *a, real lo, real hi);   /* no gradient outside */

/* Two operands; b is broadcast. The gradient of a minimum goes to the smaller, to a when they are equal. */
struct math_node *math_node_add(struct math_tape *t, struct math_node *a, struct math_node *b);
struct math_node *math_node_sub(struct math_tape *t, struct math_node *a, struct math_node *b);
struct math_node *math_node_mul(struct math_tape *t, struct math_node *a, struct math_node *b);
struct math_node *math_node_min(struct math_tape *t, struct math_node *a, struct math_node *b);

/* Sums: 1 x 1, 1 x 1, rows x 1. The mean is over all elements. */
struct math_node *math_node_sum(struct math_tape *t, struct math_node *a);
struct math_node *math_node_mean(struct math_tape *t, struct math_node *a);
struct math_node *math_node_row_sum(struct math_tape *t, struct math_node *a);

/* Parts: `count` rows (a view, nothing is copied) or columns from `from` on; a and b side by side. */
struct math_node *math_node_rows(struct math_tape *t, struct math_node *a, int from, int count);
struct math_node *math_node_columns(struct math_tape *t, struct math_node *a, int from, int count);
struct math_node *math_node_join(struct math_tape *t, struct math_node *a, struct math_node *b);

/* Row i is row index[i] of a: n rows. And the way back: row s is the sum of the rows i of a with segment[i] == s, which is how
 * messages along the edges of a graph reach its nodes; a segment without rows is zero. */
struct math_node *math_node_gather(struct math_tape *t, struct math_node *a, const int *index, int n);
struct math_node *math_node_segment_sum(struct math_tape *t, struct math_node *a, const int *segment, int segments);

/* The element of each row that index names: rows x 1. */
struct math_node *math_node_pick(struct math_tape *t, struct math_node *a, const int *index);

/* Over each row. */
struct math_node *math_node_softmax(struct math_tape *t, struct math_node *a);
struct math_node *math_node_log_softmax(struct math_tape *t, struct math_node *a);

/* a b: [m,k] [k,n]. */
struct math_node *math_node_matmul(struct math_tape *t, struct math_node *a, struct math_node *b);

/* Losses, averaged over all elements: 1 x 1. target has a's shape and gets no gradient; labels name a column of each row. */
struct math_node *math_node_mse(struct math_tape *t, struct math_node *a, const real *target);
struct math_node *math_node_huber(struct math_tape *t, struct math_node *a, const real *target, real delta);   /* d^2 / 2 up to delta, then delta (|d| - delta / 2) */
struct math_node *math_node_cross_entropy(struct math_tape *t, struct math_node *logits, const int *labels);

#endif
