/* math/learn/ops.c - element by element, sums, parts, losses: what each computes, and above it the way back. */
#include "math/learn/ops.h"

#include "math/learn/kernel.h"

#include <assert.h>
#include <string.h>

static struct math_node *unary(struct math_tape *t, struct math_node *a, void (*backward)(const struct math_node *))
{
    return a ? math_node_new(t, a->rows, a->cols, backward, &a, 1) : NULL;
}

/* ---- one operand ------------------------------------------------------------------------------------------------------ */

static void relu_back(const struct math_node *n)     { kernel_relu_back(n->x, n->g, n->in[0]->g, math_node_size(n)); }
static void tanh_back(const struct math_node *n)     { kernel_tanh_back(n->x, n->g, n->in[0]->g, math_node_size(n)); }
static void sigmoid_back(const struct math_node *n)  { kernel_sigmoid_back(n->x, n->g, n->in[0]->g, math_node_size(n)); }
static void softplus_back(const struct math_node *n) { kernel_softplus_back(n->in[0]->x, n->g, n->in[0]->g, math_node_size(n)); }
static void shift_back(const struct math_node *n)    { kernel_add(n->g, n->in[0]->g, math_node_size(n)); }
static void scale_back(const struct math_node *n)    { kernel_axpy(n->k, n->g, n->in[0]->g, math_node_size(n)); }

static void exp_back(const struct math_node *n)
{
    for (size_t i = 0; i < math_node_size(n); i++)
        n->in[0]->g[i] += n->g[i] * n->x[i];
}

static void log_back(const struct math_node *n)
{
    for (size_t i = 0; i < math_node_size(n); i++)
        n->in[0]->g[i] += n->g[i] / n->in[0]->x[i];
}

static void square_back(const struct math_node *n)
{
    for (size_t i = 0; i < math_node_size(n); i++)
        n->in[0]->g[i] += 2 * n->g[i] * n->in[0]->x[i];
}

/* Where nothing was cut off, the value is still the operand's. */
static void clamp_back(const struct math_node *n)
{
    for (size_t i = 0; i < math_node_size(n); i++)
        n->in[0]->g[i] += n->x[i] == n->in[0]->x[i] ? n->g[i] : R(0);
}

#define UNARY(name)                                                             \
    struct math_node *math_node_##name(struct math_tape *t, struct math_node *a)     \
    {                                                                           \
        struct math_node *n = unary(t, a, name##_back);                         \
        if (n)                                                                  \
            kernel_##name(a->x, n->x, math_node_size(n));                       \
        return n;                                                               \
    }

UNARY(relu)
UNARY(tanh)
UNARY(sigmoid)
UNARY(softplus)
UNARY(exp)

struct math_node *math_node_log(struct math_tape *t, struct math_node *a)
{
    struct math_node *n = unary(t, a, log_back);
    for (size_t i = 0; n && i < math_node_size(n); i++)
        n->x[i] = real_log(a->x[i]);
    return n;
}

struct math_node *math_node_square(struct math_tape *t, struct math_node *a)
{
    struct math_node *n = unary(t, a, square_back);
    for (size_t i = 0; n && i < math_node_size(n); i++)
        n->x[i] = a->x[i] * a->x[i];
    return n;
}

struct math_node *math_node_scale(struct math_tape *t, struct math_node *a, real k)
{
    struct math_node *n = unary(t, a, scale_back);
    if (n)
        n->k = k;
    for (size_t i = 0; n && i < math_node_size(n); i++)
        n->x[i] = a->x[i] * k;
    return n;
}

struct math_node *math_node_shift(struct math_tape *t, struct math_node *a, real k)
{
    struct math_node *n = unary(t, a, shift_back);
    for (size_t i = 0; n && i < math_node_size(n); i++)
        n->x[i] = a->x[i] + k;
    return n;
}

struct math_node *math_node_clamp(struct math_tape *t, struct math_node *a, real lo, real hi)
{
    struct math_node *n = unary(t, a, clamp_back);
    for (size_t i = 0; n && i < math_node_size(n); i++)
        n->x[i] = a->x[i] < lo ? lo : a->x[i] > hi ? hi : a->x[i];
    return n;
}

/* ---- two operands, the second broadcast ------------------------------------------------------------------------------ */

/* How far b moves with a row and with a column of a: not at all where it is broadcast. */
struct stride { size_t row, col; };

static struct stride stride_of(const struct math_node *a, const struct math_node *b)
{
    assert((b->rows == a->rows || b->rows == 1) && (b->cols == a->cols || b->cols == 1));
    return (struct stride){ b->rows == a->rows && a->rows > 1 ? (size_t)b->cols : 0, b->cols == a->cols && a->cols > 1 ? 1 : 0 };
}

static struct math_node *binary(struct math_tape *t, struct math_node *a, struct math_node *b, void (*backward)(const struct math_node *))
{
    if (!a || !b)
        return NULL;
    (void)stride_of(a, b);
    return math_node_new(t, a->rows, a->cols, backward, (struct math_node *[]){ a, b }, 2);
}

/* Runs `what` with i, the place in a and n, and j, the place in b. */
#define EACH(n, a, b, what)                                                     \
    do {                                                                        \
        struct stride s_ = stride_of(a, b);                                     \
        size_t        i = 0;                                                    \
        for (size_t r_ = 0; r_ < (size_t)(n)->rows; r_++)                       \
            for (size_t c_ = 0, j = r_ * s_.row; c_ < (size_t)(n)->cols; c_++, i++, j += s_.col) \
                what;                                                           \
    } while (0)

static void pass_on(const struct math_node *n, real to_b)
{
    struct math_node *a = n->in[0], *b = n->in[1];
    if (a->g)
        kernel_add(n->g, a->g, math_node_size(n));
    if (b->g)
        EACH(n, a, b, b->g[j] += to_b * n->g[i]);
}

static void add_back(const struct math_node *n) { pass_on(n, 1); }
static void sub_back(const struct math_node *n) { pass_on(n, -1); }

static void mul_back(const struct math_node *n)
{
    struct math_node *a = n->in[0], *b = n->in[1];
    if (a->g)
        EACH(n, a, b, a->g[i] += n->g[i] * b->x[j]);
    if (b->g)
        EACH(n, a, b, b->g[j] += n->g[i] * a->x[i]);
}

static void min_back(const struct math_node *n)
{
    struct math_node *a = n->in[0], *b = n->in[1];
    if (a->g)
        EACH(n, a, b, a->g[i] += a->x[i] <= b->x[j] ? n->g[i] : R(0));
    if (b->g)
        EACH(n, a, b, b->g[j] += a->x[i] <= b->x[j] ? R(0) : n->g[i]);
}

struct math_node *math_node_add(struct math_tape *t, struct math_node *a, struct math_node *b)
{
    struct math_node *n = binary(t, a, b, add_back);
    if (n)
        EACH(n, a, b, n->x[i] = a->x[i] + b->x[j]);
    return n;
}

struct math_node *math_node_sub(struct math_tape *t, struct math_node *a, struct math_node *b)
{
    struct math_node *n = binary(t, a, b, sub_back);
    if (n)
        EACH(n, a, b, n->x[i] = a->x[i] - b->x[j]);
    return n;
}

struct math_node *math_node_mul(struct math_tape *t, struct math_node *a, struct math_node *b)
{
    struct math_node *n = binary(t, a, b, mul_back);
    if (n)
        EACH(n, a, b, n->x[i] = a->x[i] * b->x[j]);
    return n;
}

struct math_node *math_node_min(struct math_tape *t, struct math_node *a, struct math_node *b)
{
    struct math_node *n = binary(t, a, b, min_back);
    if (n)
        EACH(n, a, b, n->x[i] = a->x[i] <= b->x[j] ? a->x[i] : b->x[j]);
    return n;
}

static void matmul_back(const struct math_node *n)
{
    struct math_node *a = n->in[0], *b = n->in[1];
    if (a->g)
        real_gemm(false, true, a->rows, a->cols, n->cols, 1, n->g, n->cols, b->x, b->cols, 1, a->g, a->cols);
    if (b->g)
        real_gemm(true, false, b->rows, b->cols, n->rows, 1, a->x, a->cols, n->g, n->cols, 1, b->g, b->cols);
}

struct math_node *math_node_matmul(struct math_tape *t, struct math_node *a, struct math_node *b)
{
    if (!a || !b)
        return NULL;
    assert(a->cols == b->rows);
    struct math_node *n = math_node_new(t, a->rows, b->cols, matmul_back, (struct math_node *[]){ a, b }, 2);
    if (n)
        real_gemm(false, false, n->rows, n->cols, a->cols, 1, a->x, a->cols, b->x, b->cols, 0, n->x, n->cols);
    return n;
}

/* ---- sums ------------------------------------------------------------------------------------------------------------ */

/* n->k is the weight of each element: 1 for a sum, one n-th for a mean. */
static void sum_back(const struct math_node *n)
{
    real g = n->g[0] * n->k;
    for (size_t i = 0; i < math_node_size(n->in[0]); i++)
        n->in[0]->g[i] += g;
}

static struct math_node *weighted_sum(struct math_tape *t, struct math_node *a, bool mean)
{
    struct math_node *n = a ? math_node_new(t, 1, 1, sum_back, &a, 1) : NULL;
    if (!n)
        return NULL;
    double sum = 0;
    for (size_t i = 0; i < math_node_size(a); i++)
        sum += (double)a->x[i];
    n->k = mean ? 1 / R(math_node_size(a)) : R(1);
    n->x[0] = R(mean ? sum / (double)math_node_size(a) : sum);
    return n;
}

struct math_node *math_node_sum(struct math_tape *t, struct math_node *a)  { return weighted_sum(t, a, false); }
struct math_node *math_node_mean(struct math_tape *t, struct math_node *a) { return weighted_sum(t, a, true); }

static void row_sum_back(const struct math_node *n)
{
    const struct math_node *a = n->in[0];
    for (int r = 0; r < a->rows; r++)
        for (int c = 0; c < a->cols; c++)
            a->g[r * a->cols + c] += n->g[r];
}

struct math_node *math_node_row_sum(struct math_tape *t, struct math_node *a)
{
    struct math_node *n = a ? math_node_new(t, a->rows, 1, row_sum_back, &a, 1) : NULL;
    for (int r = 0; n && r < a->rows; r++) {
        n->x[r] = 0;
        for (int c = 0; c < a->cols; c++)
            n->x[r] += a->x[r * a->cols + c];
    }
    return n;
}

/* ---- parts ----------------------------------------------------------------------------------------------------------- */

struct math_node *math_node_rows(struct math_tape *t, struct math_node *a, int from, int count)
{
    if (!a)
        return NULL;
    assert(from >= 0 && count >= 0 && from + count <= a->rows);
    size_t at = (size_t)from * (size_t)a->cols;
    return math_node_leaf(t, a->x + at, a->g ? a->g + at : NULL, count, a->cols);
}

/* Adds (or copies) `cols` columns of each row between matrices with rows of different length. */
static void copy_columns(real *to, int to_stride, const real *from, int from_stride, int rows, int cols)
{
    for (int r = 0; r < rows; r++)
        memcpy(to + (size_t)r * (size_t)to_stride, from + (size_t)r * (size_t)from_stride, (size_t)cols * sizeof *to);
}

static void add_columns(real *to, int to_stride, const real *from, int from_stride, int rows, int cols)
{
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < cols; c++)
            to[(size_t)r * (size_t)to_stride + (size_t)c] += from[(size_t)r * (size_t)from_stride + (size_t)c];
}

static void columns_back(const struct math_node *n)
{
    add_columns(n->in[0]->g + (size_t)n->k, n->in[0]->cols, n->g, n->cols, n->rows, n->cols);
}

struct math_node *math_node_columns(struct math_tape *t, struct math_node *a, int from, int count)
{
    if (!a)
        return NULL;
    assert(from >= 0 && count >= 0 && from + count <= a->cols && from < 1 << 24);
    struct math_node *n = math_node_new(t, a->rows, count, columns_back, &a, 1);
    if (n) {
        n->k = R(from);
        copy_columns(n->x, count, a->x + from, a->cols, a->rows, count);
    }
    return n;
}

static void join_back(const struct math_node *n)
{
    const struct math_node *a = n->in[0], *b = n->in[1];
    if (a->g)
        add_columns(a->g, a->cols, n->g, n->cols, n->rows, a->cols);
    if (b->g)
        add_columns(b->g, b->cols, n->g + a->cols, n->cols, n->rows, b->cols);
}

struct math_node *math_node_join(struct math_tape *t, struct math_node *a, struct math_node *b)
{
    if (!a || !b)
        return NULL;
    assert(a->rows == b->rows);
    struct math_node *n = math_node_new(t, a->rows, a->cols + b->cols, join_back, (struct math_node *[]){ a, b }, 2);
    if (n) {
        copy_columns(n->x, n->cols, a->x, a->cols, a->rows, a->cols);
        copy_columns(n->x + a->cols, n->cols, b->x, b->cols, b->rows, b->cols);
    }
    return n;
}

/* ---- rows by index --------------------------------------------------------------------------------------------------- */

static void gather_back(const struct math_node *n)
{
    const int *index = n->aux;
    size_t     cols = (size_t)n->cols;
    for (int r = 0; r < n->rows; r++)
        kernel_add(n->g + (size_t)r * cols, n->in[0]->g + (size_t)index[r] * cols, cols);
}

struct math_node *math_node_gather(struct math_tape *t, struct math_node *a, const int *index, int rows)
{
    struct math_node *n = a ? math_node_new(t, rows, a->cols, gather_back, &a, 1) : NULL;
    if (!n)
        return NULL;
    n->aux = index;
    for (int r = 0; r < rows; r++) {
        assert(index[r] >= 0 && index[r] < a->rows);
        copy_columns(n->x + (size_t)r * (size_t)n->cols, n->cols, a->x + (size_t)index[r] * (size_t)n->cols, n->cols, 1, n->cols);
    }
    return n;
}

static void segment_back(const struct math_node *n)
{
    const int              *segment = n->aux;
    const struct math_node *a = n->in[0];
    size_t                  cols = (size_t)n->cols;
    for (int r = 0; r < a->rows; r++)
        kernel_add(n->g + (size_t)segment[r] * cols, a->g + (size_t)r * cols, cols);
}

struct math_node *math_node_segment_sum(struct math_tape *t, struct math_node *a, const int *segment, int segments)
{
    struct math_node *n = a ? math_node_new(t, segments, a->cols, segment_back, &a, 1) : NULL;
    if (!n)
        return NULL;
    size_t cols = (size_t)n->cols;
    n->aux = segment;
    memset(n->x, 0, math_node_size(n) * sizeof *n->x);
    for (int r = 0; r < a->rows; r++) {
        assert(segment[r] >= 0 && segment[r] < segments);
        kernel_add(a->x + (size_t)r * cols, n->x + (size_t)segment[r] * cols, cols);
    }
    return n;
}

static void pick_back(const struct math_node *n)
{
    const int *index = n->aux;
    for (int r = 0; r < n->rows; r++)
        n->in[0]->g[r * n->in[0]->cols + index[r]] += n->g[r];
}

struct math_node *math_node_pick(struct math_tape *t, struct math_node *a, const int *index)
{
    struct math_node *n = a ? math_node_new(t, a->rows, 1, pick_back, &a, 1) : NULL;
    if (!n)
        return NULL;
    n->aux = index;
    for (int r = 0; r < n->rows; r++) {
        assert(index[r] >= 0 && index[r] < a->cols);
        n->x[r] = a->x[r * a->cols + index[r]];
    }
    return n;
}

/* ---- softmax --------------------------------------------------------------------------------------------------------- */

static void softmax_back(const struct math_node *n)
{
    for (int r = 0; r < n->rows; r++) {
        size_t at = (size_t)r * (size_t)n->cols;
        real   along = 0;
        for (int c = 0; c < n->cols; c++)
            along += n->g[at + (size_t)c] * n->x[at + (size_t)c];
        for (size_t i = at; i < at + (size_t)n->cols; i++)
            n->in[0]->g[i] += n->x[i] * (n->g[i] - along);
    }
}

struct math_node *math_node_softmax(struct math_tape *t, struct math_node *a)
{
    struct math_node *n = unary(t, a, softmax_back);
    if (n) {
        memcpy(n->x, a->x, math_node_size(n) * sizeof *n->x);
        kernel_softmax(n->x, n->rows, n->cols, n->cols);
    }
    return n;
}

static void log_softmax_back(const struct math_node *n)
{
    for (int r = 0; r < n->rows; r++) {
        size_t at = (size_t)r * (size_t)n->cols;
        real   sum = 0;
        for (int c = 0; c < n->cols; c++)
            sum += n->g[at + (size_t)c];
        for (size_t i = at; i < at + (size_t)n->cols; i++)
            n->in[0]->g[i] += n->g[i] - real_exp(n->x[i]) * sum;
    }
}

struct math_node *math_node_log_softmax(struct math_tape *t, struct math_node *a)
{
    struct math_node *n = unary(t, a, log_softmax_back);
    for (int r = 0; n && r < n->rows; r++) {
        const real *x = a->x + (size_t)r * (size_t)a->cols;
        real       *y = n->x + (size_t)r * (size_t)a->cols, most = -R(INFINITY), sum = 0;
        for (int c = 0; c < a->cols; c++)
            most = real_max(most, x[c]);
        for (int c = 0; c < a->cols; c++)
            sum += real_exp(x[c] - most);
        sum = real_log(sum);
        for (int c = 0; c < a->cols; c++)
            y[c] = x[c] - most - sum;
    }
    return n;
}

/* ---- losses ---------------------------------------------------------------------------------------------------------- */

static void huber_back(const struct math_node *n)
{
    const struct math_node *a = n->in[0];
    const real             *target = n->aux;
    real                    g = n->g[0] / R(math_node_size(a));
    for (size_t i = 0; i < math_node_size(a); i++) {
        real d = a->x[i] - target[i];
        a->g[i] += g * (d > n->k ? n->k : d < -n->k ? -n->k : d);
    }
}

struct math_node *math_node_huber(struct math_tape *t, struct math_node *a, const real *target, real delta)
{
    struct math_node *n = a ? math_node_new(t, 1, 1, huber_back, &a, 1) : NULL;
    if (!n)
        return NULL;
    double sum = 0;
    for (size_t i = 0; i < math_node_size(a); i++) {
        double d = fabs((double)a->x[i] - (double)target[i]), k = (double)delta;
        sum += d <= k ? d * d / 2 : k * (d - k / 2);
    }
    n->k = delta;
    n->aux = target;
    n->x[0] = R(sum / (double)math_node_size(a));
    return n;
}

static void mse_back(const struct math_node *n)
{
    const struct math_node *a = n->in[0];
    const real             *target = n->aux;
    real                    g = 2 * n->g[0] / R(math_node_size(a));
    for (size_t i = 0; i < math_node_size(a); i++)
        a->g[i] += g * (a->x[i] - target[i]);
}

struct math_node *math_node_mse(struct math_tape *t, struct math_node *a, const real *target)
{
    struct math_node *n = a ? math_node_new(t, 1, 1, mse_back, &a, 1) : NULL;
    if (!n)
        return NULL;
    double sum = 0;
    for (size_t i = 0; i < math_node_size(a); i++) {
        double d = (double)a->x[i] - (double)target[i];
        sum += d * d;
    }
    n->aux = target;
    n->x[0] = R(sum / (double)math_node_size(a));
    return n;
}

struct math_node *math_node_cross_entropy(struct math_tape *t, struct math_node *logits, const int *labels)
{
    return math_node_scale(t, math_node_mean(t, math_node_pick(t, math_node_log_softmax(t, logits), labels)), -1);
}
