/* math/learn/params.c - tensors side by side, and what they begin with. */
#include "math/learn/params.h"

#include "base/text.h"
#include "math/learn/kernel.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void math_params_init(struct math_params *p) { memset(p, 0, sizeof *p); }

void math_params_done(struct math_params *p)
{
    free(p->value);
    free(p->gradient);
    free(p->moment1);
    free(p->moment2);
    memset(p, 0, sizeof *p);
}

static bool grow(real **array, size_t used, size_t room)
{
    real *bigger = realloc(*array, room * sizeof *bigger);
    if (!bigger)
        return false;
    memset(bigger + used, 0, (room - used) * sizeof *bigger);
    *array = bigger;
    return true;
}

int math_params_add(struct math_params *p, const char *name, int rows, int cols)
{
    assert(rows > 0 && cols > 0);
    size_t size = (size_t)rows * (size_t)cols;
    if (p->full || p->count == MATH_TENSORS_MAX || size > MATH_PARAMS_MAX - p->size) {
        p->full = true;
        return -1;
    }
    if (size > p->room - p->size) {
        size_t room = p->room ? 2 * p->room : 1024;
        while (room < p->size + size)
            room *= 2;
        if (!grow(&p->value, p->size, room) || !grow(&p->gradient, p->size, room) || !grow(&p->moment1, p->size, room) || !grow(&p->moment2, p->size, room)) {
            p->full = true;
            return -1;
        }
        p->room = room;
    }
    struct math_tensor *t = &p->tensors[p->count];
    *t = (struct math_tensor){ .rows = rows, .cols = cols, .at = p->size };
    bool whole = text_copy(t->name, sizeof t->name, name);
    assert(whole);
    (void)whole;
    p->size += size;
    return p->count++;
}

enum err math_params_ready(const struct math_params *p, struct fault *fault)
{
    if (p->full)
        return fail(fault, ERR_LIMIT, "a network has at most %d tensors and %d numbers", MATH_TENSORS_MAX, MATH_PARAMS_MAX);
    return OK;
}

struct math_node *math_params_leaf(struct math_tape *t, const struct math_params *p, int i)
{
    assert(i >= 0 && i < p->count);
    const struct math_tensor *k = &p->tensors[i];
    return math_node_leaf(t, p->value + k->at, p->gradient + k->at, k->rows, k->cols);
}

static void same_shape(const struct math_params *a, const struct math_params *b)
{
    assert(a->count == b->count && a->size == b->size);
    (void)a;
    (void)b;
}

void math_params_copy(struct math_params *to, const struct math_params *from)
{
    same_shape(to, from);
    memcpy(to->value, from->value, from->size * sizeof *to->value);
}

void math_params_blend(struct math_params *to, const struct math_params *from, real share)
{
    same_shape(to, from);
    for (size_t i = 0; i < to->size; i++)
        to->value[i] = (1 - share) * to->value[i] + share * from->value[i];
}

/* ---- first values ---------------------------------------------------------------------------------------------------- */

static double dot(const double *a, const double *b, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

/* Gram-Schmidt, twice, since once loses orthogonality where two rows are nearly alike (Giraud et al. 2005). */
void math_init_orthogonal(real *w, int rows, int cols, double gain, struct rand *chance)
{
    int     count = rows < cols ? rows : cols, length = rows < cols ? cols : rows;
    double *q = calloc((size_t)count * (size_t)length, sizeof *q);
    if (!q) {                           /* a bounded network: its size was allocated a moment ago */
        math_init_constant(w, (size_t)rows * (size_t)cols, 0);
        return;
    }
    for (int i = 0; i < count; i++) {
        double *row = q + (size_t)i * (size_t)length;
        for (int k = 0; k < length; k++)
            row[k] = rand_normal(chance);
        for (int pass = 0; pass < 2; pass++)
            for (int j = 0; j < i; j++) {
                const double *other = q + (size_t)j * (size_t)length;
                double        along = dot(row, other, length);
                for (int k = 0; k < length; k++)
                    row[k] -= along * other[k];
            }
        double norm = sqrt(dot(row, row, length));
        for (int k = 0; k < length; k++)
            row[k] /= norm;
    }
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < cols; c++)
            w[(size_t)r * (size_t)cols + (size_t)c] = R(gain * (rows < cols ? q[(size_t)r * (size_t)length + (size_t)c] : q[(size_t)c * (size_t)length + (size_t)r]));
    free(q);
}

void math_init_uniform(real *w, size_t n, double bound, struct rand *chance)
{
    for (size_t i = 0; i < n; i++)
        w[i] = R(bound * (2 * rand_unit(chance) - 1));
}

void math_init_constant(real *w, size_t n, double value)
{
    for (size_t i = 0; i < n; i++)
        w[i] = R(value);
}
