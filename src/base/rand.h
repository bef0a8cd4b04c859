/*
 * base/rand.h - seeded chance: xoshiro256** (Blackman and Vigna, 2018), seeded by splitmix64.
 * The same seed gives the same story on every machine.  Not for secrets: see base/id.h.
 */
#ifndef BASE_RAND_H
#define BASE_RAND_H

#include <stdint.h>

struct rand { uint64_t s[4]; };

void     rand_seed(struct rand *r, uint64_t seed);
uint64_t rand_u64(struct rand *r);
double   rand_unit(struct rand *r);                        /* [0, 1), 53 bits */
int64_t  rand_int(struct rand *r, int64_t lo, int64_t hi); /* lo..hi, both included, without modulo bias */
double   rand_normal(struct rand *r);                      /* mean 0, variance 1 (polar method) */

#endif
