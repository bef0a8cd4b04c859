/* base/rand.c - xoshiro256** and what is drawn from it. */
#include "base/rand.h"

#include <assert.h>
#include <math.h>

static uint64_t rotl(uint64_t x, int k) { return (x << k) | (x >> (64 - k)); }

void rand_seed(struct rand *r, uint64_t seed)
{
    for (int i = 0; i < 4; i++) {
        uint64_t z = (seed += UINT64_C(0x9e3779b97f4a7c15));
        z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
        r->s[i] = z ^ (z >> 31);
    }
}

uint64_t rand_u64(struct rand *r)
{
    uint64_t result = rotl(r->s[1] * 5, 7) * 9, t = r->s[1] << 17;
    r->s[2] ^= r->s[0];
    r->s[3] ^= r->s[1];
    r->s[1] ^= r->s[2];
    r->s[0] ^= r->s[3];
    r->s[2] ^= t;
    r->s[3] = rotl(r->s[3], 45);
    return result;
}

double rand_unit(struct rand *r) { return (double)(rand_u64(r) >> 11) * 0x1.0p-53; }

int64_t rand_int(struct rand *r, int64_t lo, int64_t hi)
{
    assert(lo <= hi);
    uint64_t span = (uint64_t)hi - (uint64_t)lo + 1;
    if (span == 0)
        return (int64_t)rand_u64(r);
    uint64_t limit = UINT64_MAX - UINT64_MAX % span, x;
    do
        x = rand_u64(r);
    while (x >= limit);
    return (int64_t)((uint64_t)lo + x % span);
}

double rand_normal(struct rand *r)
{
    double u, v, s;
    do {
        u = 2 * rand_unit(r) - 1;
        v = 2 * rand_unit(r) - 1;
        s = u * u + v * v;
    } while (s >= 1 || s == 0);
    return u * sqrt(-2 * log(s) / s);
}
