/* math/learn/fused.c - affine, layer norm, LSTM, attention, Gaussian density: forward, and above it the way back. */
#include "math/learn/fused.h"

#include "math/learn/kernel.h"

#include <assert.h>
#include <string.h>

static size_t cells(int rows, int cols) { return (size_t)rows * (size_t)cols; }

/* ---- affine ---------------------------------------------------------------------------------------------------------- */

static void affine_back(const struct math_node *n)
{
    const struct math_node *x = n->in[0], *w = n->in[1], *b = n->in[2];
    if (x->g)
        real_gemm(false, false, x->rows, x->cols, n->cols, 1, n->g, n->cols, w->x, w->cols, 1, x->g, x->cols);
    if (w->g && n->cols == 1)
        real_gemv(true, x->rows, x->cols, 1, x->x, x->cols, n->g, 1, 1, w->g, 1);
    else if (w->g)
        real_gemm(true, false, w->rows, w->cols, n->rows, 1, n->g, n->cols, x->x, x->cols, 1, w->g, w->cols);
    if (b && b->g)
        kernel_columns_add(n->g, b->g, n->rows, n->cols);
}

struct math_node *math_node_affine(struct math_tape *t, struct math_node *x, struct math_node *w, struct math_node *b)
{
    if (!x || !w)
        return NULL;
    assert(x->cols == w->cols && (!b || (b->rows == 1 && b->cols == w->rows)));
    struct math_node *n = math_node_new(t, x->rows, w->rows, affine_back, (struct math_node *[]){ x, w, b }, 3);
    if (!n)
        return NULL;
    if (b)
        kernel_rows_fill(b->x, n->x, n->rows, n->cols);
    if (n->cols == 1)
        real_gemv(false, x->rows, x->cols, 1, x->x, x->cols, w->x, 1, b ? R(1) : R(0), n->x, 1);
    else
        real_gemm(false, true, n->rows, n->cols, x->cols, 1, x->x, x->cols, w->x, w->cols, b ? R(1) : R(0), n->x, n->cols);
    return n;
}

/* ---- layer norm ------------------------------------------------------------------------------------------------------ */

static void layernorm_back(const struct math_node *n)
{
    const struct math_node *x = n->in[0], *gain = n->in[1], *bias = n->in[2];
    kernel_layernorm_back(x->x, gain->x, n->saved, n->g, x->g, gain->g, bias->g, n->rows, n->cols);
}

struct math_node *math_node_layernorm(struct math_tape *t, struct math_node *x, struct math_node *gain, struct math_node *bias, real eps)
{
    if (!x || !gain || !bias)
        return NULL;
    assert(math_node_size(gain) == (size_t)x->cols && math_node_size(bias) == (size_t)x->cols);
    struct math_node *n = math_node_new(t, x->rows, x->cols, layernorm_back, (struct math_node *[]){ x, gain, bias }, 3);
    if (!n || !(n->saved = math_tape_reals(t, 2 * (size_t)x->rows)))
        return NULL;
    kernel_layernorm(x->x, gain->x, bias->x, eps, n->x, n->saved, n->rows, n->cols);
    return n;
}

/* ---- LSTM ------------------------------------------------------------------------------------------------------------ */

/* What lies in `saved`, one behind the other. */
struct lstm_memory {
    real *gates;      /* [T B,4 H] i, f, g, o; on the way back their gradients before the squashing */
    real *came;       /* [T B,2 H] h and c as each step found them, after `keep` */
    real *squashed;   /* [T B,H] tanh(c) */
    real *carry;      /* [B,2 H] what the step after hands back */
};

enum lstm_operand { LSTM_X, LSTM_FIRST, LSTM_W_IN, LSTM_W_BACK, LSTM_B_IN, LSTM_B_BACK, LSTM_OPERANDS };

static size_t lstm_cut(real *saved, size_t rows, size_t batch, size_t h, struct lstm_memory *m)
{
    size_t gates = rows * 4 * h, came = rows * 2 * h, squashed = rows * h;
    if (m)
        *m = (struct lstm_memory){ saved, saved + gates, saved + gates + came, saved + gates + came + squashed };
    return gates + came + squashed + batch * 2 * h;
}

/* d of step: from the gradients of h and c after it to those of its gates and of h and c before it, for one row. */
static void lstm_row_back(int h, const real *after, const real *carry, real *gates, const real *came_c, const real *squashed, real *carry_c)
{
    for (int k = 0; k < h; k++) {
        real i = gates[k], f = gates[h + k], g = gates[2 * h + k], o = gates[3 * h + k], s = squashed[k];
        real dh = after[k] + carry[k], dc = after[h + k] + carry[h + k] + dh * o * (1 - s * s);
        gates[k] = dc * g * i * (1 - i);
        gates[h + k] = dc * came_c[k] * f * (1 - f);
        gates[2 * h + k] = dc * i * (1 - g * g);
        gates[3 * h + k] = dh * s * o * (1 - o);
        carry_c[k] = dc * f;
    }
}

static void lstm_back(const struct math_node *n)
{
    const struct math_node *x = n->in[LSTM_X], *first = n->in[LSTM_FIRST], *w_in = n->in[LSTM_W_IN], *w_back = n->in[LSTM_W_BACK];
    const real             *keep = n->aux;
    int                     h = w_back->cols, batch = first->rows, rows = x->rows;
    struct lstm_memory      m;
    lstm_cut(n->saved, (size_t)rows, (size_t)batch, (size_t)h, &m);
    memset(m.carry, 0, cells(batch, 2 * h) * sizeof *m.carry);
    for (int from = rows - batch; from >= 0; from -= batch) {
        for (int b = 0; b < batch; b++) {
            size_t row = (size_t)(from + b);
            real  *carry = m.carry + cells(b, 2 * h);
            lstm_row_back(h, n->g + row * 2 * (size_t)h, carry, m.gates + row * 4 * (size_t)h, m.came + row * 2 * (size_t)h + h,
                          m.squashed + row * (size_t)h, carry + h);
        }
        real_gemm(false, false, batch, h, 4 * h, 1, m.gates + cells(from, 4 * h), 4 * h, w_back->x, h, 0, m.carry, 2 * h);
        for (int b = 0; keep && b < batch; b++)
            kernel_scale(keep[from + b], m.carry + cells(b, 2 * h), 2 * (size_t)h);
    }
    if (first->g)
        kernel_add(m.carry, first->g, cells(batch, 2 * h));
    if (x->g)
        real_gemm(false, false, rows, x->cols, 4 * h, 1, m.gates, 4 * h, w_in->x, x->cols, 1, x->g, x->cols);
    if (w_in->g)
        real_gemm(true, false, 4 * h, x->cols, rows, 1, m.gates, 4 * h, x->x, x->cols, 1, w_in->g, x->cols);
    if (w_back->g)
        real_gemm(true, false, 4 * h, h, rows, 1, m.gates, 4 * h, m.came, 2 * h, 1, w_back->g, h);
    for (int i = LSTM_B_IN; i <= LSTM_B_BACK; i++)
        if (n->in[i]->g)
            kernel_columns_add(m.gates, n->in[i]->g, rows, 4 * h);
}

/* The gates' sums are there; squash them, and make the new h and c of one row. */
static void lstm_row(int h, real *gates, const real *came_c, real *squashed, real *out)
{
    kernel_sigmoid(gates, gates, 2 * (size_t)h);
    kernel_tanh(gates + 2 * h, gates + 2 * h, (size_t)h);
    kernel_sigmoid(gates + 3 * h, gates + 3 * h, (size_t)h);
    for (int k = 0; k < h; k++)
        out[h + k] = gates[h + k] * came_c[k] + gates[k] * gates[2 * h + k];
    kernel_tanh(out + h, squashed, (size_t)h);
    for (int k = 0; k < h; k++)
        out[k] = gates[3 * h + k] * squashed[k];
}

struct math_node *math_node_lstm(struct math_tape *t, struct math_node *x, struct math_node *first, const struct math_lstm_weights *w, const real *keep)
{
    if (!x || !first || !w->w_in || !w->w_back || !w->b_in || !w->b_back)
        return NULL;
    int h = w->w_back->cols, batch = first->rows, rows = x->rows;
    assert(first->cols == 2 * h && w->w_in->rows == 4 * h && w->w_back->rows == 4 * h && w->w_in->cols == x->cols && batch > 0 && rows % batch == 0);
    assert(w->b_in->cols == 4 * h && w->b_back->cols == 4 * h);
    struct math_node *in[LSTM_OPERANDS] = { x, first, w->w_in, w->w_back, w->b_in, w->b_back };
    struct math_node *n = math_node_new(t, rows, 2 * h, lstm_back, in, LSTM_OPERANDS);
    if (!n || !(n->saved = math_tape_reals(t, lstm_cut(NULL, (size_t)rows, (size_t)batch, (size_t)h, NULL))))
        return NULL;
    n->aux = keep;
    struct lstm_memory m;
    lstm_cut(n->saved, (size_t)rows, (size_t)batch, (size_t)h, &m);

    kernel_rows_fill(w->b_in->x, m.gates, rows, 4 * h);
    for (int r = 0; r < rows; r++)
        kernel_add(w->b_back->x, m.gates + cells(r, 4 * h), 4 * (size_t)h);
    real_gemm(false, true, rows, 4 * h, x->cols, 1, x->x, x->cols, w->w_in->x, x->cols, 1, m.gates, 4 * h);
    for (int from = 0; from < rows; from += batch) {
        const real *came = from ? n->x + cells(from - batch, 2 * h) : first->x;
        memcpy(m.came + cells(from, 2 * h), came, cells(batch, 2 * h) * sizeof *came);
        for (int b = 0; keep && b < batch; b++)
            kernel_scale(keep[from + b], m.came + cells(from + b, 2 * h), 2 * (size_t)h);
        real_gemm(false, true, batch, 4 * h, h, 1, m.came + cells(from, 2 * h), 2 * h, w->w_back->x, h, 1, m.gates + cells(from, 4 * h), 4 * h);
        for (int r = from; r < from + batch; r++)
            lstm_row(h, m.gates + cells(r, 4 * h), m.came + cells(r, 2 * h) + h, m.squashed + cells(r, h), n->x + cells(r, 2 * h));
    }
    return n;
}

/* ---- attention ------------------------------------------------------------------------------------------------------- */

/* One head of one batch: where its parts begin, and how long they are. */
struct head { int q_rows, k_rows, width, stride; size_t q, k, p; };

static struct head head_of(const struct math_node *q, const struct math_node *k, const struct math_attention_shape *s, int b, int i)
{
    struct head h = { q->rows / s->batch, k->rows / s->batch, q->cols / s->heads, q->cols, 0, 0, 0 };
    h.q = cells(b * h.q_rows, h.stride) + (size_t)(i * h.width);
    h.k = cells(b * h.k_rows, h.stride) + (size_t)(i * h.width);
    h.p = cells(b * s->heads + i, h.q_rows) * (size_t)h.k_rows;
    return h;
}

static void attention_back(const struct math_node *n)
{
    const struct math_node             *q = n->in[0], *k = n->in[1], *v = n->in[2];
    const struct math_attention_shape  *s = n->aux;
    size_t                              all = cells(s->batch * s->heads, q->rows / s->batch) * (size_t)(k->rows / s->batch);
    for (int b = 0; b < s->batch; b++)
        for (int i = 0; i < s->heads; i++) {
            struct head h = head_of(q, k, s, b, i);
            real       *p = n->saved + h.p, *d = n->saved + all;      /* d is room for one head */
            if (v->g)
                real_gemm(true, false, h.k_rows, h.width, h.q_rows, 1, p, h.k_rows, n->g + h.q, h.stride, 1, v->g + h.k, h.stride);
            if (!q->g && !k->g)
                continue;
            real_gemm(false, true, h.q_rows, h.k_rows, h.width, 1, n->g + h.q, h.stride, v->x + h.k, h.stride, 0, d, h.k_rows);
            for (int r = 0; r < h.q_rows; r++) {
                real *dr = d + cells(r, h.k_rows), *pr = p + cells(r, h.k_rows), along = 0;
                for (int c = 0; c < h.k_rows; c++)
                    along += dr[c] * pr[c];
                for (int c = 0; c < h.k_rows; c++)
                    dr[c] = pr[c] * (dr[c] - along) * n->k;
            }
            if (q->g)
                real_gemm(false, false, h.q_rows, h.width, h.k_rows, 1, d, h.k_rows, k->x + h.k, h.stride, 1, q->g + h.q, h.stride);
            if (k->g)
                real_gemm(true, false, h.k_rows, h.width, h.q_rows, 1, d, h.k_rows, q->x + h.q, h.stride, 1, k->g + h.k, h.stride);
        }
}

struct math_node *math_node_attention(struct math_tape *t, struct math_node *q, struct math_node *k, struct math_node *v, struct math_attention_shape shape)
{
    if (!q || !k || !v)
        return NULL;
    assert(shape.batch > 0 && shape.heads > 0 && q->cols % shape.heads == 0 && q->rows % shape.batch == 0 && k->rows % shape.batch == 0);
    assert(q->cols == k->cols && q->cols == v->cols && k->rows == v->rows);
    int                          q_rows = q->rows / shape.batch, k_rows = k->rows / shape.batch;
    struct math_attention_shape *s = math_tape_bytes(t, sizeof *s);
    struct math_node            *n = math_node_new(t, q->rows, q->cols, attention_back, (struct math_node *[]){ q, k, v }, 3);
    if (!s || !n || !(n->saved = math_tape_reals(t, (cells(shape.batch * shape.heads, q_rows) + (size_t)q_rows) * (size_t)k_rows)))
        return NULL;
    *s = shape;
    n->aux = s;
    n->k = 1 / real_sqrt(R(q->cols / shape.heads));
    for (int b = 0; b < shape.batch; b++)
        for (int i = 0; i < shape.heads; i++) {
            struct head h = head_of(q, k, s, b, i);
            real       *p = n->saved + h.p;
            int         seen = shape.lengths ? shape.lengths[b] : k_rows;
            real_gemm(false, true, q_rows, k_rows, h.width, n->k, q->x + h.q, h.stride, k->x + h.k, h.stride, 0, p, k_rows);
            for (int r = 0; r < q_rows; r++)
                for (int c = 0; c < k_rows; c++)
                    if (c >= seen || (shape.blocked && shape.blocked[cells(r, k_rows) + (size_t)c]))
                        p[cells(r, k_rows) + (size_t)c] = -R(INFINITY);
            kernel_softmax(p, q_rows, k_rows, k_rows);
            real_gemm(false, false, q_rows, h.width, k_rows, 1, p, k_rows, v->x + h.k, h.stride, 0, n->x + h.q, h.stride);
        }
    return n;
}

/* ---- Gaussian density ------------------------------------------------------------------------------------------------ */

static void gauss_back(const struct math_node *n)
{
    const struct math_node *mean = n->in[0], *sd = n->in[1];
    const real             *action = n->aux;
    int                     step = sd->rows == 1 ? 0 : sd->cols;
    for (int r = 0; r < n->rows; r++)
        for (int c = 0; c < mean->cols; c++) {
            size_t at = cells(r, mean->cols) + (size_t)c, s = cells(r, step) + (size_t)c;
            real   one_over = 1 / sd->x[s], z = (action[at] - mean->x[at]) * one_over;
            if (mean->g)
                mean->g[at] += n->g[r] * z * one_over;
            if (sd->g)
                sd->g[s] += n->g[r] * (z * z - 1) * one_over;
        }
}

struct math_node *math_node_gauss_logp(struct math_tape *t, struct math_node *mean, struct math_node *sd, const real *action)
{
    if (!mean || !sd)
        return NULL;
    assert(sd->cols == mean->cols && (sd->rows == mean->rows || sd->rows == 1));
    struct math_node *n = math_node_new(t, mean->rows, 1, gauss_back, (struct math_node *[]){ mean, sd }, 2);
    if (!n)
        return NULL;
    n->aux = action;
    int step = sd->rows == 1 ? 0 : sd->cols;
    for (int r = 0; r < n->rows; r++) {
        real sum = 0;
        for (int c = 0; c < mean->cols; c++) {
            size_t at = cells(r, mean->cols) + (size_t)c, s = cells(r, step) + (size_t)c;
            real   z = (action[at] - mean->x[at]) / sd->x[s];
            sum -= z * z / 2 + real_log(sd->x[s]) + R(0.91893853320467274178);     /* log(2 pi) / 2 */
        }
        n->x[r] = sum;
    }
    return n;
}
