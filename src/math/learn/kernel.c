/*
 * math/learn/kernel.c - plain loops.
 *
 * This chapter alone is compiled for several kinds of processor at once, the
 * best is taken when the program starts (gcc).  Products and sums are not fused and
 * sums keep their order, so that all of them give the same bits.
 */
#include "math/learn/kernel.h"

#include <string.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__x86_64__) || defined(__clang__)
#define KERNEL_ONE_KIND
#endif
#ifdef KERNEL_ONE_KIND
#define KINDS                  /* sanitizers do not like a choice that is made before they are there; clang 14 gives the chosen one another name */
#else
#define KINDS __attribute__((target_clones("avx512f", "avx2", "default")))
#endif

/* ---- exponentials ---------------------------------------------------------------------------------------------------- */

#ifdef MATH_REAL_DOUBLE

static inline real one_exp(real x)   { return exp(x); }
static inline real one_expm1(real x) { return expm1(x); }
static inline real one_log1p(real x) { return log1p(x); }

#else

/* 2^n for n in -126..127, made of its bits. */
static inline float power_of_two(float n)
{
    unsigned bits = (unsigned)((int)n + 127) << 23;
    float    x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* e^r - 1 for |r| <= ln 2 / 2: the series, whose rest after r^8 is below 2^-27. */
static inline float series_expm1(float r)
{
    float p = 1.0f / 40320;
    p = p * r + 1.0f / 5040;
    p = p * r + 1.0f / 720;
    p = p * r + 1.0f / 120;
    p = p * r + 1.0f / 24;
    p = p * r + 1.0f / 6;
    p = p * r + 0.5f;
    return p * r * r + r;
}

/* x = n ln 2 + r; adding and taking away 1.5 * 2^23 rounds. ln 2 comes in two parts, the first short enough that n times it is exact. */
static inline float split(float x, float *n)
{
    const float shift = 12582912.0f;
    *n = (x * 1.44269504f + shift) - shift;
    return (x - *n * 0.693359375f) - *n * -2.12194440e-4f;
}

static inline float one_exp(float x)
{
    float n, kept = x > -87.0f ? (x < 88.0f ? x : 88.0f) : -87.0f;
    float r = split(kept, &n);
    float y = power_of_two(n) * (series_expm1(r) + 1);
    return x < -87.0f ? 0.0f : x > 88.0f ? (float)INFINITY : x == x ? y : x;
}

/* For x in -80..80. */
static inline float one_expm1(float x)
{
    float n, r = split(x, &n), s = power_of_two(n);
    return s * series_expm1(r) + (s - 1);
}

/* log(1 + x) for x in [0, 1]: 2 artanh(x / (2 + x)), whose argument is at most 1/3. */
static inline float one_log1p(float x)
{
    float z = x / (2 + x), q = z * z;
    float p = 1.0f / 13;
    p = p * q + 1.0f / 11;
    p = p * q + 1.0f / 9;
    p = p * q + 1.0f / 7;
    p = p * q + 1.0f / 5;
    p = p * q + 1.0f / 3;
    return 2 * (z + z * q * p);
}

#endif

static inline real one_tanh(real x)
{
    real a = x < 0 ? -x : x;
    real e = one_expm1(2 * (a < 20 ? a : R(20)));
    real y = e / (e + 2);
    y = x == x ? y : x;
    return x < 0 ? -y : y;
}

static inline real one_sigmoid(real x)
{
    real e = one_exp(x < 0 ? x : -x);
    return (x < 0 ? e : R(1)) / (1 + e);
}

static inline real one_softplus(real x)
{
    real e = one_exp(x < 0 ? x : -x);
    real y = (x > 0 ? x : R(0)) + one_log1p(e);
    return x > 20 ? x : y;
}

KINDS void kernel_exp(const real *x, real *y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = one_exp(x[i]);
}

KINDS void kernel_tanh(const real *x, real *y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = one_tanh(x[i]);
}

KINDS void kernel_sigmoid(const real *x, real *y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = one_sigmoid(x[i]);
}

KINDS void kernel_relu(const real *x, real *y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] < 0 ? R(0) : x[i];
}

KINDS void kernel_softplus(const real *x, real *y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = one_softplus(x[i]);
}

KINDS void kernel_tanh_back(const real *restrict y, const real *restrict dy, real *restrict dx, size_t n)
{
    for (size_t i = 0; i < n; i++)
        dx[i] += dy[i] * (1 - y[i] * y[i]);
}

KINDS void kernel_sigmoid_back(const real *restrict y, const real *restrict dy, real *restrict dx, size_t n)
{
    for (size_t i = 0; i < n; i++)
        dx[i] += dy[i] * y[i] * (1 - y[i]);
}

KINDS void kernel_relu_back(const real *restrict y, const real *restrict dy, real *restrict dx, size_t n)
{
    for (size_t i = 0; i < n; i++)
        dx[i] += y[i] > 0 ? dy[i] : R(0);
}

KINDS void kernel_softplus_back(const real *restrict x, const real *restrict dy, real *restrict dx, size_t n)
{
    for (size_t i = 0; i < n; i++)
        dx[i] += dy[i] * (x[i] > 20 ? R(1) : one_sigmoid(x[i]));
}

/* ---- sums ------------------------------------------------------------------------------------------------------------ */

KINDS void kernel_add(const real *restrict x, real *restrict y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] += x[i];
}

KINDS void kernel_axpy(real a, const real *restrict x, real *restrict y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] += a * x[i];
}

KINDS void kernel_scale(real a, real *y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] *= a;
}

/* Eight sums side by side: the order is part of the code, not the compiler's choice. */
KINDS double kernel_sum_squares(const real *x, size_t n)
{
    double part[8] = { 0 }, sum = 0;
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (size_t k = 0; k < 8; k++)
            part[k] += (double)x[i + k] * (double)x[i + k];
    for (; i < n; i++)
        sum += (double)x[i] * (double)x[i];
    for (int k = 0; k < 8; k++)
        sum += part[k];
    return sum;
}

void kernel_rows_fill(const real *row, real *y, int rows, int cols)
{
    for (int r = 0; r < rows; r++)
        memcpy(y + (size_t)r * (size_t)cols, row, (size_t)cols * sizeof *y);
}

KINDS void kernel_columns_add(const real *restrict x, real *restrict row, int rows, int cols)
{
    for (int r = 0; r < rows; r++, x += cols)
        for (int c = 0; c < cols; c++)
            row[c] += x[c];
}

void kernel_softmax(real *x, int rows, int cols, int stride)
{
    for (int r = 0; r < rows; r++, x += stride) {
        real most = -R(INFINITY), sum = 0;
        for (int c = 0; c < cols; c++)
            most = x[c] > most || x[c] != x[c] ? x[c] : most;      /* NAN stays: what is unknown is not nothing */
        if (most == -R(INFINITY)) {
            memset(x, 0, (size_t)cols * sizeof *x);
            continue;
        }
        for (int c = 0; c < cols; c++)
            x[c] -= most;
        kernel_exp(x, x, (size_t)cols);
        for (int c = 0; c < cols; c++)
            sum += x[c];
        kernel_scale(1 / sum, x, (size_t)cols);
    }
}

/* ---- layer norm ------------------------------------------------------------------------------------------------------ */

void kernel_layernorm(const real *x, const real *gain, const real *bias, real eps, real *y, real *saved, int rows, int cols)
{
    for (int r = 0; r < rows; r++, x += cols, y += cols) {
        real sum = 0, ss = 0;
        for (int c = 0; c < cols; c++)
            sum += x[c];
        real mean = sum / R(cols);
        for (int c = 0; c < cols; c++)
            ss += (x[c] - mean) * (x[c] - mean);
        real one_over = 1 / real_sqrt(ss / R(cols) + eps);
        for (int c = 0; c < cols; c++)
            y[c] = (x[c] - mean) * one_over * gain[c] + bias[c];
        saved[2 * r] = mean;
        saved[2 * r + 1] = one_over;
    }
}

void kernel_layernorm_back(const real *x, const real *gain, const real *saved, const real *dy, real *dx, real *dgain, real *dbias, int rows, int cols)
{
    for (int r = 0; r < rows; r++, x += cols, dy += cols) {
        real mean = saved[2 * r], one_over = saved[2 * r + 1], sum = 0, along = 0;
        for (int c = 0; c < cols; c++) {
            real z = (x[c] - mean) * one_over, dz = dy[c] * gain[c];
            sum += dz;
            along += dz * z;
            if (dgain)
                dgain[c] += dy[c] * z;
            if (dbias)
                dbias[c] += dy[c];
        }
        sum /= R(cols);
        along /= R(cols);
        for (int c = 0; dx && c < cols; c++)
            dx[c] += one_over * (dy[c] * gain[c] - sum - (x[c] - mean) * one_over * along);
        if (dx)
            dx += cols;
    }
}

/* ---- Adam ------------------------------------------------------------------------------------------------------------ */

KINDS void kernel_adam(const real *restrict g, real *restrict m, real *restrict v, real *restrict p, size_t n, real beta1, real beta2, real rate, real root, real eps)
{
    for (size_t i = 0; i < n; i++) {
        m[i] = beta1 * m[i] + (1 - beta1) * g[i];
        v[i] = beta2 * v[i] + (1 - beta2) * g[i] * g[i];
        p[i] -= rate * m[i] / (real_sqrt(v[i]) * root + eps);
    }
}
