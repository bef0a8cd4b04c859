/* math/learn/tape.c - the block of memory, the chain of nodes, the way back. */
#include "math/learn/tape.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ALIGNMENT ((size_t)64)      /* a cache line, and the longest vector there is */

enum err math_tape_init(struct math_tape *t, size_t bound, struct fault *fault)
{
    *t = (struct math_tape){ 0 };
    if (bound > SIZE_MAX - ALIGNMENT)
        return fail(fault, ERR_LIMIT, "a tape of %zu bytes is more than there can be", bound);
    bound = (bound + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    t->memory = aligned_alloc(ALIGNMENT, bound ? bound : ALIGNMENT);
    if (!t->memory)
        return fail(fault, ERR_LIMIT, "no memory for a tape of %zu bytes", bound);
    t->bound = bound;
    return OK;
}

void math_tape_done(struct math_tape *t)
{
    free(t->memory);
    *t = (struct math_tape){ 0 };
}

void math_tape_reset(struct math_tape *t, bool learning)
{
    t->used = 0;
    t->last = NULL;
    t->learning = learning;
    t->full = false;
}

/* Not zeroed: most of what is asked for is written over at once. */
static void *take(struct math_tape *t, size_t size)
{
    if (t->full || size > t->bound || (size = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT) > t->bound - t->used) {
        t->full = true;
        return NULL;
    }
    void *p = t->memory + t->used;
    t->used += size;
    if (t->used > t->most)
        t->most = t->used;
    return p;
}

void *math_tape_bytes(struct math_tape *t, size_t size)
{
    void *p = take(t, size);
    return p ? memset(p, 0, size) : NULL;
}

real *math_tape_reals(struct math_tape *t, size_t n)
{
    return n <= SIZE_MAX / sizeof(real) ? math_tape_bytes(t, n * sizeof(real)) : NULL;
}

static struct math_node *node_add(struct math_tape *t, int rows, int cols)
{
    assert(rows >= 0 && cols >= 0);
    struct math_node *n = take(t, sizeof *n);
    if (!n)
        return NULL;
    *n = (struct math_node){ .rows = rows, .cols = cols, .before = t->last };
    t->last = n;
    return n;
}

struct math_node *math_node_input(struct math_tape *t, const real *x, int rows, int cols) { return math_node_leaf(t, (real *)(uintptr_t)x, NULL, rows, cols); }

struct math_node *math_node_leaf(struct math_tape *t, real *x, real *g, int rows, int cols)
{
    struct math_node *n = node_add(t, rows, cols);
    if (n) {
        n->x = x;
        n->g = t->learning ? g : NULL;
    }
    return n;
}

struct math_node *math_node_new(struct math_tape *t, int rows, int cols, void (*backward)(const struct math_node *), struct math_node *const *in, int operands)
{
    bool wanted = false;
    assert(operands <= MATH_OPERANDS);
    struct math_node *n = node_add(t, rows, cols);
    if (!n || !(n->x = take(t, math_node_size(n) * sizeof(real))))
        return NULL;
    for (int i = 0; i < operands; i++) {
        n->in[i] = in[i];
        wanted = wanted || (in[i] && in[i]->g);
    }
    if (wanted && t->learning) {
        n->backward = backward;
        if (!(n->g = math_tape_reals(t, math_node_size(n))))
            return NULL;
    }
    return n;
}

enum err math_backward(struct math_tape *t, struct math_node *loss, struct fault *fault)
{
    if (t->full || !loss)
        return fail(fault, ERR_LIMIT, "the computation does not fit into a tape of %zu bytes", t->bound);
    assert(t->learning && loss->rows == 1 && loss->cols == 1);
    if (!isfinite((double)loss->x[0]))
        return fail(fault, ERR_UNKNOWN, "the loss is %g, which has no gradient", (double)loss->x[0]);
    if (!loss->g)
        return OK;                           /* it depends on nothing that is learned */
    loss->g[0] += 1;
    for (struct math_node *n = t->last; n; n = n->before)
        if (n->backward)
            n->backward(n);
    return OK;
}
