/*
 * math/learn/kernel.h - the loops under the tape: one pass over arrays each, written so that compilers make vectors of them.
 *
 * y and x never overlap unless a line says so.  Functions named ..._add add to
 * what is in their output, as gradients need.  In float, exp and its relatives
 * are our own (below): they are the same bits on every x86-64, and some ten
 * times faster than one call after the other; relative error below 5e-7.  In
 * double they are those of the C library.
 */
#ifndef MATH_KERNEL_H
#define MATH_KERNEL_H

#include "math/learn/real.h"

/* y[i] = f(x[i]); x may be y. */
void kernel_exp(const real *x, real *y, size_t n);
void kernel_tanh(const real *x, real *y, size_t n);
void kernel_sigmoid(const real *x, real *y, size_t n);
void kernel_relu(const real *x, real *y, size_t n);
void kernel_softplus(const real *x, real *y, size_t n);       /* log(1 + e^x), x itself above 20 */

/* dx += dy f'(x), from the values that are cheapest: y = f(x), or x. */
void kernel_tanh_back(const real *y, const real *dy, real *dx, size_t n);
void kernel_sigmoid_back(const real *y, const real *dy, real *dx, size_t n);
void kernel_relu_back(const real *y, const real *dy, real *dx, size_t n);
void kernel_softplus_back(const real *x, const real *dy, real *dx, size_t n);

void   kernel_add(const real *x, real *y, size_t n);                    /* y += x */
void   kernel_axpy(real a, const real *x, real *y, size_t n);           /* y += a x */
void   kernel_scale(real a, real *y, size_t n);                         /* y *= a */
double kernel_sum_squares(const real *x, size_t n);
void   kernel_rows_fill(const real *row, real *y, int rows, int cols);       /* every row of y becomes row */
void   kernel_columns_add(const real *x, real *row, int rows, int cols);     /* row += sum of the rows of x */
void   kernel_softmax(real *x, int rows, int cols, int stride);              /* in place; -INFINITY is never chosen; a row of nothing else becomes zeros; one with a NAN becomes NAN */

/* One layer norm and the way back (Ba, Kiros, Hinton 2016): mean and 1 / sqrt(biased variance + eps) of each row are left in saved[2 rows]. */
void kernel_layernorm(const real *x, const real *gain, const real *bias, real eps, real *y, real *saved, int rows, int cols);
void kernel_layernorm_back(const real *x, const real *gain, const real *saved, const real *dy, real *dx, real *dgain, real *dbias, int rows, int cols);   /* dx, dgain, dbias may be NULL */

/* A step of Adam (Kingma & Ba 2015) over n parameters; rate and eps are already corrected for the bias of young moments. */
void kernel_adam(const real *g, real *m, real *v, real *p, size_t n, real beta1, real beta2, real rate, real root, real eps);

#endif
