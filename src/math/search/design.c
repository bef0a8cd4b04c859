/* math/search/design.c - Sobol points, Latin hypercubes, and how even they are. */
#include "math/search/design.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* Joe & Kuo's D6 from the second dimension on: degree of the primitive polynomial, its inner coefficients, the first odd numbers m. */
static const struct { uint8_t degree, inner; uint16_t m[9]; } joe_kuo[MATH_SOBOL_MAX - 1] = {
    { 1, 0, { 1 } }, { 2, 1, { 1, 3 } }, { 3, 1, { 1, 3, 1 } }, { 3, 2, { 1, 1, 1 } }, { 4, 1, { 1, 1, 3, 3 } },
    { 4, 4, { 1, 3, 5, 13 } }, { 5, 2, { 1, 1, 5, 5, 17 } }, { 5, 4, { 1, 1, 5, 5, 5 } }, { 5, 7, { 1, 1, 7, 11, 19 } },
    { 5, 11, { 1, 1, 5, 1, 1 } }, { 5, 13, { 1, 1, 1, 3, 11 } }, { 5, 14, { 1, 3, 5, 5, 31 } }, { 6, 1, { 1, 3, 3, 9, 7, 49 } },
    { 6, 13, { 1, 1, 1, 15, 21, 21 } }, { 6, 16, { 1, 3, 1, 13, 27, 49 } }, { 6, 19, { 1, 1, 1, 15, 7, 5 } },
    { 6, 22, { 1, 3, 1, 15, 13, 25 } }, { 6, 25, { 1, 1, 5, 5, 19, 61 } }, { 7, 1, { 1, 3, 7, 11, 23, 15, 103 } },
    { 7, 4, { 1, 3, 7, 13, 13, 15, 69 } }, { 7, 7, { 1, 1, 3, 13, 7, 35, 63 } }, { 7, 8, { 1, 3, 5, 9, 1, 25, 53 } },
    { 7, 14, { 1, 3, 1, 13, 9, 35, 107 } }, { 7, 19, { 1, 3, 1, 5, 27, 61, 31 } }, { 7, 21, { 1, 1, 5, 11, 19, 41, 61 } },
    { 7, 28, { 1, 3, 5, 3, 3, 13, 69 } }, { 7, 31, { 1, 1, 7, 13, 1, 19, 1 } }, { 7, 32, { 1, 3, 7, 5, 13, 19, 59 } },
    { 7, 37, { 1, 1, 3, 9, 25, 29, 41 } }, { 7, 41, { 1, 3, 5, 13, 23, 1, 55 } }, { 7, 42, { 1, 3, 7, 3, 13, 59, 17 } },
    { 7, 50, { 1, 3, 1, 3, 5, 53, 69 } }, { 7, 55, { 1, 1, 5, 5, 23, 33, 13 } }, { 7, 56, { 1, 1, 7, 7, 1, 61, 123 } },
    { 7, 59, { 1, 1, 7, 9, 13, 61, 49 } }, { 7, 62, { 1, 3, 3, 5, 3, 55, 33 } }, { 8, 14, { 1, 3, 1, 15, 31, 13, 49, 245 } },
    { 8, 21, { 1, 3, 5, 15, 31, 59, 63, 97 } }, { 8, 22, { 1, 3, 1, 11, 11, 11, 77, 249 } }, { 8, 38, { 1, 3, 1, 11, 27, 43, 71, 9 } },
    { 8, 47, { 1, 1, 7, 15, 21, 11, 81, 45 } }, { 8, 49, { 1, 3, 7, 3, 25, 31, 65, 79 } }, { 8, 50, { 1, 3, 1, 1, 19, 11, 3, 205 } },
    { 8, 52, { 1, 1, 5, 9, 19, 21, 29, 157 } }, { 8, 56, { 1, 3, 7, 11, 1, 33, 89, 185 } }, { 8, 67, { 1, 3, 3, 3, 15, 9, 79, 71 } },
    { 8, 70, { 1, 3, 7, 11, 15, 39, 119, 27 } }, { 8, 84, { 1, 1, 3, 1, 11, 31, 97, 225 } }, { 8, 97, { 1, 1, 1, 3, 23, 43, 57, 177 } },
    { 8, 103, { 1, 3, 7, 7, 17, 17, 37, 71 } }, { 8, 115, { 1, 3, 1, 5, 27, 63, 123, 213 } }, { 8, 122, { 1, 1, 3, 5, 11, 43, 53, 133 } },
    { 9, 8, { 1, 3, 5, 5, 29, 17, 47, 173, 479 } }, { 9, 13, { 1, 3, 3, 11, 3, 1, 109, 9, 69 } },
    { 9, 16, { 1, 1, 1, 5, 17, 39, 23, 5, 343 } }, { 9, 22, { 1, 3, 1, 5, 25, 15, 31, 103, 499 } },
    { 9, 25, { 1, 1, 1, 11, 11, 17, 63, 105, 183 } }, { 9, 44, { 1, 1, 5, 11, 9, 29, 97, 231, 363 } },
    { 9, 47, { 1, 1, 5, 15, 19, 45, 41, 7, 383 } }, { 9, 52, { 1, 3, 7, 7, 31, 19, 83, 137, 221 } },
    { 9, 55, { 1, 1, 1, 3, 23, 15, 111, 223, 83 } }, { 9, 59, { 1, 1, 5, 13, 31, 15, 55, 25, 161 } },
    { 9, 62, { 1, 1, 3, 13, 25, 47, 39, 87, 257 } },
};

/* The direction numbers of a dimension; the first dimension is van der Corput's sequence. */
static void directions(int dim, uint32_t *v)
{
    if (dim == 0) {
        for (int j = 0; j < MATH_SOBOL_BITS; j++)
            v[j] = UINT32_C(1) << (31 - j);
        return;
    }
    int      s = joe_kuo[dim - 1].degree;
    uint32_t inner = joe_kuo[dim - 1].inner;
    for (int j = 0; j < MATH_SOBOL_BITS; j++) {
        if (j < s) {
            v[j] = (uint32_t)joe_kuo[dim - 1].m[j] << (31 - j);
            continue;
        }
        v[j] = v[j - s] ^ (v[j - s] >> s);
        for (int k = 1; k < s; k++)
            if ((inner >> (s - 1 - k)) & 1)
                v[j] ^= v[j - k];
    }
}

/* Every bit becomes the parity of itself and a random choice of the bits above it. */
static void scramble(uint32_t *v, struct rand *r)
{
    uint32_t row[MATH_SOBOL_BITS];
    for (int i = 0; i < MATH_SOBOL_BITS; i++) {
        uint32_t above = i == 0 ? 0 : UINT32_MAX << (32 - i);
        row[i] = ((uint32_t)(rand_u64(r) >> 32) & above) | UINT32_C(1) << (31 - i);
    }
    for (int j = 0; j < MATH_SOBOL_BITS; j++) {
        uint32_t mixed = 0;
        for (int i = 0; i < MATH_SOBOL_BITS; i++)
            mixed |= (uint32_t)__builtin_parity(row[i] & v[j]) << (31 - i);
        v[j] = mixed;
    }
}

enum err math_sobol_init(struct math_sobol *s, int dims, struct rand *r, struct fault *fault)
{
    if (dims < 1 || dims > MATH_SOBOL_MAX)
        return fail(fault, ERR_INPUT, "a Sobol sequence of %d dimensions; there are 1 to %d", dims, MATH_SOBOL_MAX);
    memset(s, 0, sizeof *s);
    s->dims = dims;
    for (int d = 0; d < dims; d++) {
        directions(d, s->direction[d]);
        if (r) {
            scramble(s->direction[d], r);
            s->shift[d] = (uint32_t)(rand_u64(r) >> 32);
        }
    }
    return OK;
}

void math_sobol_next(struct math_sobol *s, double *x)
{
    if (s->next > 0) {
        int bit = __builtin_ctz(s->next);              /* the one bit in which two Gray codes differ */
        for (int d = 0; d < s->dims; d++)
            s->at[d] ^= s->direction[d][bit];
    }
    s->next++;
    for (int d = 0; d < s->dims; d++)
        x[d] = (s->at[d] ^ s->shift[d]) * 0x1p-32;
}

void math_latin(int n, int dims, struct rand *r, double *x, int *scratch)
{
    assert(n >= 0 && dims >= 0);
    for (int d = 0; d < dims; d++) {
        for (int i = 0; i < n; i++)
            scratch[i] = i;
        for (int i = n - 1; i > 0; i--) {
            int j = (int)rand_int(r, 0, i), other = scratch[i];
            scratch[i] = scratch[j];
            scratch[j] = other;
        }
        for (int i = 0; i < n; i++)
            x[i * dims + d] = (scratch[i] + rand_unit(r)) / n;
    }
}

double math_discrepancy(const double *x, int n, int dims)
{
    if (n < 1 || dims < 1)
        return (double)NAN;
    double single = 0, pairs = 0;
    for (int i = 0; i < n; i++) {
        double product = 1;
        for (int d = 0; d < dims; d++) {
            double a = fabs(x[i * dims + d] - 0.5);
            product *= 1 + 0.5 * a - 0.5 * a * a;
        }
        single += product;
        for (int j = 0; j < n; j++) {
            product = 1;
            for (int d = 0; d < dims; d++) {
                double u = x[i * dims + d], v = x[j * dims + d];
                product *= 1 + 0.5 * fabs(u - 0.5) + 0.5 * fabs(v - 0.5) - 0.5 * fabs(u - v);
            }
            pairs += product;
        }
    }
    return pow(13.0 / 12, dims) - 2 * single / n + pairs / ((double)n * n);
}
