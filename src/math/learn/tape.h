/*
 * math/learn/tape.h - derivatives by writing down what was computed (reverse mode; Griewank & Walther 2008).
 *
 * An operation computes at once and leaves a node on the tape; math_backward()
 * walks the tape from its end and adds to the gradient of everything that wants
 * one.  Everything is a matrix of rows x cols, row-major; a vector is one row,
 * a number is 1 x 1.  Nodes and their arrays lie one behind the other in one
 * block of memory with a bound, and go all at once with math_tape_reset(),
 * once for each minibatch.
 *
 *     math_tape_reset(&t, true);
 *     struct math_node *x = math_node_input(&t, rows_of_data, 64, 20);
 *     struct math_node *w = math_node_leaf(&t, weights, gradient, 128, 20);
 *     struct math_node *y = math_node_relu(&t, math_node_affine(&t, x, w, NULL));
 *     struct math_node *loss = math_node_mean(&t, math_node_square(&t, y));
 *     try = math_backward(&t, loss, fault);      // gradient += d loss / d weights
 *
 * Beyond the bound an operation gives NULL; NULL as an operand gives NULL, and
 * math_backward() then says ERR_LIMIT, so there is one place to check.  Shapes
 * that do not fit are mistakes of our own code: assert.  Without learning
 * nothing wants a gradient and no memory goes to one.
 */
#ifndef MATH_TAPE_H
#define MATH_TAPE_H

#include "base/err.h"
#include "math/learn/real.h"

enum { MATH_OPERANDS = 6 };

struct math_node {
    int   rows, cols;
    real *x;                               /* the values */
    real *g;                               /* d loss / d x, same shape; NULL: nobody wants it */
    void (*backward)(const struct math_node *n);   /* adds to the gradients of the operands; NULL for inputs and leaves */
    struct math_node *in[MATH_OPERANDS];
    struct math_node *before;              /* the one written down before this */
    real       *saved;                     /* what an operation keeps for its way back */
    const void *aux;                       /* its indices, labels, shape */
    real        k;                         /* its constant */
};

struct math_tape {
    unsigned char    *memory;
    size_t            used, bound, most;   /* bytes; most: the highest used has been */
    struct math_node *last;
    bool              learning, full;
};

MUST_CHECK enum err math_tape_init(struct math_tape *t, size_t bound, struct fault *fault);
void math_tape_done(struct math_tape *t);

/* Forget everything; every node becomes invalid. */
void math_tape_reset(struct math_tape *t, bool learning);

/* Data, which stay where they are and must outlive the tape's use of them; they get no gradient. */
struct math_node *math_node_input(struct math_tape *t, const real *x, int rows, int cols);

/* What is learned: values and gradient lie elsewhere (math/learn/params.h), the gradient is added to. g may be NULL. */
struct math_node *math_node_leaf(struct math_tape *t, real *x, real *g, int rows, int cols);

/* The gradient of loss, which is 1 x 1, into every leaf. ERR_LIMIT when the tape was full, ERR_UNKNOWN when the loss is not a finite number. */
MUST_CHECK enum err math_backward(struct math_tape *t, struct math_node *loss, struct fault *fault);

/* Memory that lives as long as the nodes: n reals, zero; NULL beyond the bound. */
real *math_tape_reals(struct math_tape *t, size_t n);
void *math_tape_bytes(struct math_tape *t, size_t size);

/* For operations: a node with room for its values, and for its gradient when one of the operands wants one. Operands after the last are NULL. */
struct math_node *math_node_new(struct math_tape *t, int rows, int cols, void (*backward)(const struct math_node *), struct math_node *const *in, int operands);

static inline size_t math_node_size(const struct math_node *n) { return (size_t)n->rows * (size_t)n->cols; }

#endif
