/*
 * verify/switchback.h - the estimate of a randomised switchback.
 *
 * Windows come in blocks of two neighbours, one per arm, in an order drawn for each block.  What is compared is the
 * difference within a block (candidate - incumbent): drift slower than a block cancels, and what does not cancel has
 * either sign with equal chance, because a coin decided who came first.
 *
 * The differences are batched until neighbouring batches have forgotten each other; the interval around their mean is the
 * time-uniform one for unknown spread (math/stats/sequential.h), which is exact from the second batch on and so takes the place of
 * the burn-in of 20 that a plugged-in spread would need; windows_min is the burn-in that remains.  A fifth of alpha goes to
 * the signs of the differences: one wild window stretches the interval of the mean, but is only one sign.
 */
#ifndef VERIFY_SWITCHBACK_H
#define VERIFY_SWITCHBACK_H

#include <stdbool.h>
#include <stdint.h>

/* What the observations say about the effect, whatever the method. */
struct estimate {
    bool   known;             /* false: there is no honest interval yet, lo and hi are infinite */
    double effect, lo, hi;    /* log ratio, + is better */
    bool   signs_better;      /* the signs alone prove more than the margin, and the mean does not contradict */
    bool   hopeless;          /* at the spread seen so far, windows_max will not be enough to prove anything */
    int    n;                 /* independent observations */
    double lag1;              /* of the batch means; NAN: too few to say */
};

struct switchback_conf { int pairs_min, pairs_max; double alpha, margin; };

/* d[n]: one difference per block, oldest first, n <= SWITCHBACK_PAIRS_MAX. */
enum { SWITCHBACK_PAIRS_MAX = 256 };
struct estimate switchback_estimate(const double *d, int n, const struct switchback_conf *conf);

/* Does the candidate go first in this block? A coin for each block, the same for the same seed. */
bool switchback_candidate_first(uint64_t seed, int block);

#endif
