/*
 * math/learn/optimise.h - from gradients to better parameters.
 *
 *     math_gradients_clear(&p);
 *     ... forward, math_backward() ...
 *     double norm = math_gradients_clip(&p, 0.5);
 *     if (isfinite(norm))
 *         math_adam_step(&p, &adam, rate);
 */
#ifndef MATH_OPTIMISE_H
#define MATH_OPTIMISE_H

#include "math/learn/params.h"

void math_gradients_clear(struct math_params *p);

/* The Euclidean norm of all gradients together; when it is above most (> 0) they are scaled by most / (norm + 1e-6). NAN or infinite: left alone, and no step should be made. */
double math_gradients_clip(struct math_params *p, double most);

/* Adam (Kingma & Ba 2015) with corrected moments: value -= rate m / (sqrt(v) + eps). */
struct math_adam { double beta1, beta2, eps; };
#define MATH_ADAM_USUAL ((struct math_adam){ 0.9, 0.999, 1e-8 })
void math_adam_step(struct math_params *p, const struct math_adam *a, double rate);

/* A rate over the course of learning, progress in 0..1: rises for the share `warm`, then goes from first to last. */
enum math_schedule_shape { MATH_CONSTANT, MATH_LINEAR, MATH_COSINE };
struct math_schedule { enum math_schedule_shape shape; double first, last, warm; };
double math_schedule_at(const struct math_schedule *s, double progress);

#endif
