/*
 * math/learn/params.h - the numbers that are learned: one array for all values, one for their gradients, two for Adam's moments.
 *
 * Layers (math/learn/layers.h) add their tensors while a network is put together and
 * remember indices; afterwards the set keeps its shape.  What does not fit
 * makes the set `full`, which math_params_ready() reports once for all.
 * Because everything lies in a row, copying, averaging and clipping a whole
 * network are loops over one array.
 */
#ifndef MATH_PARAMS_H
#define MATH_PARAMS_H

#include "base/err.h"
#include "base/rand.h"
#include "math/learn/tape.h"

enum { MATH_TENSORS_MAX = 128, MATH_PARAMS_MAX = 1 << 24, MATH_NAME_SIZE = 48 };

struct math_tensor { char name[MATH_NAME_SIZE]; int rows, cols; size_t at; };

struct math_params {
    struct math_tensor tensors[MATH_TENSORS_MAX];
    int                count;
    real              *value, *gradient, *moment1, *moment2;
    size_t             size, room;     /* reals in use, reals there is memory for */
    double             steps;          /* of Adam, so far */
    bool               full;
};

void math_params_init(struct math_params *p);
void math_params_done(struct math_params *p);

/* A tensor of zeros; its index, or -1 when the set is full. Names are for files and people: "actor.0.weight". */
int math_params_add(struct math_params *p, const char *name, int rows, int cols);
MUST_CHECK enum err math_params_ready(const struct math_params *p, struct fault *fault);   /* ERR_LIMIT when something did not fit */

static inline real *math_params_value(const struct math_params *p, int i) { return p->value + p->tensors[i].at; }

/* On the tape, with its gradient. */
struct math_node *math_params_leaf(struct math_tape *t, const struct math_params *p, int i);

/* Between sets of one shape (assert): values only; steps, moments and gradients stay. to = (1 - share) to + share from. */
void math_params_copy(struct math_params *to, const struct math_params *from);
void math_params_blend(struct math_params *to, const struct math_params *from, real share);

/*
 * First values.  Orthogonal (Saxe, McClelland, Ganguli 2014): rows, or columns where there are fewer of them, are orthonormal
 * times gain, drawn uniformly (QR of a Gaussian matrix with a positive diagonal of R).
 */
void math_init_orthogonal(real *w, int rows, int cols, double gain, struct rand *chance);
void math_init_uniform(real *w, size_t n, double bound, struct rand *chance);    /* -bound..bound */
void math_init_constant(real *w, size_t n, double value);

#endif
