/*
 * math/stats/multiple.h - many decisions: how a promise about one of them becomes a promise about all.
 */
#ifndef MATH_MULTIPLE_H
#define MATH_MULTIPLE_H

#include <stdbool.h>

/* Share of alpha for the j-th decision (j = 1, 2, ...) of an endless stream: alpha * 6 / (pi^2 j^2), which sums up to alpha. 0 for j < 1. */
double math_alpha_spend(double alpha, int j);

/*
 * LORD++ (Ramdas, Yang, Wainwright, Jordan 2017): the level of decision j when decisions found[0..k) (1-based, ascending, all
 * < j) were rejections.  Keeps the expected share of false ones among all rejections below alpha for ever (where there is nothing
 * to find: the probability of any), and earns back what rejections deserve: a tenth of alpha for the first, all of it for each
 * later one, so that after these the level begins about as high as at the start, where spending would be dry.  The weights are
 * those of math_alpha_spend(); nine tenths of alpha are put in at the start, so that the first decision is hardly weaker than there.
 */
double math_alpha_lord(double alpha, int j, const int *found, int k);

/* Bonferroni: the level of each of k tests so that all together keep alpha. */
double math_bonferroni(double alpha, int k);

/* Holm 1979: reject[i] for p[i], family-wise error alpha under any dependence. k <= MATH_TESTS_MAX. Returns the number rejected. */
enum { MATH_TESTS_MAX = 256 };
int math_holm(const double *p, int k, double alpha, bool *reject);

/* e-BH (Wang & Ramdas 2022): false discovery rate alpha under any dependence; e given as logarithms. Returns the number rejected. */
int math_e_bh(const double *log_e, int k, double alpha, bool *reject);

#endif
