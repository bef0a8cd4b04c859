/*
 * math: what each operation says of its derivative is what differences say, to a millionth.
 *
 * Compiled with real as double.  The loss is a sum of the outputs with fixed
 * random weights, so that no derivative can hide behind a symmetry.
 */
#include "unit.h"

#include "base/rand.h"
#include "math/learn/fused.h"
#include "math/learn/layers.h"
#include "math/learn/ops.h"

#include <string.h>

enum { LEAVES = 6, CELLS = 64 };

/* A leaf's shape, and the interval its numbers are drawn from. */
struct leaf { int rows, cols; double lo, hi; };
struct operation {
    const char       *name;
    struct leaf       leaves[LEAVES];
    struct math_node *(*make)(struct math_tape *t, struct math_node **in);
};

struct world { struct math_tape tape; struct math_params p; real pull[CELLS * 4]; };

static struct math_node *loss_of(struct world *w, const struct operation *o)
{
    struct math_node *in[LEAVES];
    math_tape_reset(&w->tape, true);
    for (int i = 0; i < w->p.count; i++)
        in[i] = math_params_leaf(&w->tape, &w->p, i);
    struct math_node *y = o->make(&w->tape, in);
    assert_non_null(y);
    assert_true(math_node_size(y) <= sizeof w->pull / sizeof *w->pull);
    return math_node_sum(&w->tape, math_node_mul(&w->tape, y, math_node_input(&w->tape, w->pull, y->rows, y->cols)));
}

static void check(const struct operation *o, uint64_t seed)
{
    struct fault fault;
    struct world w;
    struct rand  chance;
    rand_seed(&chance, seed);
    assert_ok(math_tape_init(&w.tape, 1 << 20, &fault), &fault);
    math_params_init(&w.p);
    for (int i = 0; i < LEAVES && o->leaves[i].rows; i++) {
        const struct leaf *l = &o->leaves[i];
        char               name[2] = { (char)('a' + i), 0 };
        int                k = math_params_add(&w.p, name, l->rows, l->cols);
        for (int c = 0; c < l->rows * l->cols; c++)
            math_params_value(&w.p, k)[c] = R(l->lo + (l->hi - l->lo) * rand_unit(&chance));
    }
    math_init_uniform(w.pull, sizeof w.pull / sizeof *w.pull, 1, &chance);
    assert_ok(math_backward(&w.tape, loss_of(&w, o), &fault), &fault);
    real gradient[CELLS * LEAVES];
    assert_true(w.p.size <= sizeof gradient / sizeof *gradient);
    memcpy(gradient, w.p.gradient, w.p.size * sizeof *gradient);
    for (size_t i = 0; i < w.p.size; i++) {
        const real h = R(1e-5);
        real       kept = w.p.value[i];
        w.p.value[i] = kept + h;
        real up = loss_of(&w, o)->x[0];
        w.p.value[i] = kept - h;
        real down = loss_of(&w, o)->x[0];
        w.p.value[i] = kept;
        double slope = (double)(up - down) / (2 * (double)h), said = (double)gradient[i];
        if (!(fabs(slope - said) <= 1e-6 * fmax(1, fmax(fabs(slope), fabs(said)))))
            fail_msg("%s: derivative %zu is said to be %.10g, and differences give %.10g", o->name, i, said, slope);
    }
    math_params_done(&w.p);
    math_tape_done(&w.tape);
}

/* ---- the operations ------------------------------------------------------------------------------------------------------ */

#define OP(name, expression) static struct math_node *name(struct math_tape *t, struct math_node **in) { return expression; }

OP(relu, math_node_relu(t, in[0]))
OP(tanh_, math_node_tanh(t, in[0]))
OP(sigmoid, math_node_sigmoid(t, in[0]))
OP(softplus, math_node_softplus(t, in[0]))
OP(exp_, math_node_exp(t, in[0]))
OP(log_, math_node_log(t, in[0]))
OP(square, math_node_square(t, in[0]))
OP(scale, math_node_scale(t, in[0], R(-2.5)))
OP(shift, math_node_shift(t, in[0], R(3)))
OP(clamp, math_node_clamp(t, in[0], R(-0.5), R(0.5)))
OP(add, math_node_add(t, in[0], in[1]))
OP(sub, math_node_sub(t, in[0], in[1]))
OP(mul, math_node_mul(t, in[0], in[1]))
OP(minimum, math_node_min(t, in[0], in[1]))
OP(itself, math_node_mul(t, in[0], math_node_add(t, in[0], in[0])))
OP(matmul, math_node_matmul(t, in[0], in[1]))
OP(sum, math_node_sum(t, math_node_square(t, in[0])))
OP(mean, math_node_mean(t, math_node_square(t, in[0])))
OP(row_sum, math_node_row_sum(t, math_node_square(t, in[0])))
OP(rows, math_node_square(t, math_node_rows(t, math_node_square(t, in[0]), 1, 2)))
OP(columns, math_node_columns(t, math_node_square(t, in[0]), 1, 2))
OP(join, math_node_square(t, math_node_join(t, in[0], in[1])))
OP(softmax, math_node_softmax(t, in[0]))
OP(log_softmax, math_node_log_softmax(t, in[0]))
OP(affine, math_node_affine(t, in[0], in[1], in[2]))
OP(affine_bare, math_node_affine(t, in[0], in[1], NULL))
OP(layernorm, math_node_layernorm(t, in[0], in[1], in[2], R(1e-5)))

static const int  picked[] = { 2, 0, 1, 1 }, edges_from[] = { 3, 0, 0, 2, 1 }, edges_to[] = { 1, 1, 0, 1 };
static const real targets[] = { 0.3, -2, 1.5, 0.2, 0, 1, -1, 0.5, 0.1, -0.3, 0.7, 2 }, fresh[] = { 1, 1, 1, 0, 0, 1 };
OP(pick, math_node_pick(t, in[0], picked))
OP(cross_entropy, math_node_cross_entropy(t, in[0], picked))
OP(mse, math_node_mse(t, in[0], targets))
OP(huber, math_node_huber(t, in[0], targets, R(0.5)))
OP(gather, math_node_gather(t, in[0], edges_from, 5))
OP(segment_sum, math_node_segment_sum(t, math_node_square(t, in[0]), edges_to, 3))
OP(gauss_rows, math_node_gauss_logp(t, in[0], in[1], targets))
OP(lstm, math_node_lstm(t, in[0], in[1], (&(struct math_lstm_weights){ in[2], in[3], in[4], in[5] }), NULL))
OP(lstm_fresh, math_node_lstm(t, in[0], in[1], (&(struct math_lstm_weights){ in[2], in[3], in[4], in[5] }), fresh))

static const bool blocked[] = { false, true, true, true, true, true, false, false, true };
static const int  lengths[] = { 3, 2 };
OP(attention, math_node_attention(t, in[0], in[1], in[2], (struct math_attention_shape){ 2, 2, NULL, NULL }))
OP(attention_masked, math_node_attention(t, in[0], in[1], in[2], (struct math_attention_shape){ 2, 2, blocked, lengths }))

static const struct operation operations[] = {
    { "relu", { { 4, 3, -1, 1 } }, relu },
    { "tanh", { { 4, 3, -3, 3 } }, tanh_ },
    { "sigmoid", { { 4, 3, -4, 4 } }, sigmoid },
    { "softplus", { { 4, 3, -4, 4 } }, softplus },
    { "softplus far out", { { 2, 3, 19, 25 } }, softplus },
    { "exp", { { 4, 3, -2, 2 } }, exp_ },
    { "log", { { 4, 3, 0.2, 3 } }, log_ },
    { "square", { { 4, 3, -2, 2 } }, square },
    { "scale", { { 4, 3, -2, 2 } }, scale },
    { "shift", { { 4, 3, -2, 2 } }, shift },
    { "clamp", { { 4, 3, -1, 1 } }, clamp },
    { "add", { { 4, 3, -2, 2 }, { 4, 3, -2, 2 } }, add },
    { "add a row", { { 4, 3, -2, 2 }, { 1, 3, -2, 2 } }, add },
    { "add a column", { { 4, 3, -2, 2 }, { 4, 1, -2, 2 } }, add },
    { "sub", { { 4, 3, -2, 2 }, { 4, 3, -2, 2 } }, sub },
    { "sub a number", { { 4, 3, -2, 2 }, { 1, 1, -2, 2 } }, sub },
    { "mul", { { 4, 3, -2, 2 }, { 4, 3, -2, 2 } }, mul },
    { "mul by a row", { { 4, 3, -2, 2 }, { 1, 3, -2, 2 } }, mul },
    { "mul by a column", { { 4, 3, -2, 2 }, { 4, 1, -2, 2 } }, mul },
    { "mul by a number", { { 4, 3, -2, 2 }, { 1, 1, -2, 2 } }, mul },
    { "min", { { 4, 3, -2, 2 }, { 4, 3, -2, 2 } }, minimum },
    { "min with a row", { { 4, 3, -2, 2 }, { 1, 3, -2, 2 } }, minimum },
    { "one operand twice", { { 4, 3, -2, 2 } }, itself },
    { "matmul", { { 4, 3, -2, 2 }, { 3, 5, -2, 2 } }, matmul },
    { "sum", { { 4, 3, -2, 2 } }, sum },
    { "mean", { { 4, 3, -2, 2 } }, mean },
    { "row sum", { { 4, 3, -2, 2 } }, row_sum },
    { "rows", { { 4, 3, -2, 2 } }, rows },
    { "columns", { { 4, 3, -2, 2 } }, columns },
    { "join", { { 4, 3, -2, 2 }, { 4, 2, -2, 2 } }, join },
    { "softmax", { { 4, 3, -2, 2 } }, softmax },
    { "log softmax", { { 4, 3, -2, 2 } }, log_softmax },
    { "pick", { { 4, 3, -2, 2 } }, pick },
    { "cross entropy", { { 4, 3, -2, 2 } }, cross_entropy },
    { "mse", { { 4, 3, -2, 2 } }, mse },
    { "huber", { { 4, 3, -2, 2 } }, huber },
    { "gather", { { 4, 3, -2, 2 } }, gather },
    { "segment sum", { { 4, 3, -2, 2 } }, segment_sum },
    { "affine", { { 4, 3, -2, 2 }, { 5, 3, -2, 2 }, { 1, 5, -2, 2 } }, affine },
    { "affine to one", { { 4, 3, -2, 2 }, { 1, 3, -2, 2 }, { 1, 1, -2, 2 } }, affine },
    { "affine without a bias", { { 4, 3, -2, 2 }, { 5, 3, -2, 2 } }, affine_bare },
    { "layer norm", { { 4, 5, -2, 2 }, { 1, 5, -2, 2 }, { 1, 5, -2, 2 } }, layernorm },
    { "gaussian, a spread for each row", { { 4, 3, -2, 2 }, { 4, 3, 0.3, 2 } }, gauss_rows },
    { "gaussian, one spread for all", { { 4, 3, -2, 2 }, { 1, 3, 0.3, 2 } }, gauss_rows },
    { "lstm, one step", { { 2, 3, -2, 2 }, { 2, 8, -1, 1 }, { 16, 3, -1, 1 }, { 16, 4, -1, 1 }, { 1, 16, -1, 1 }, { 1, 16, -1, 1 } }, lstm },
    { "lstm, three steps of two", { { 6, 3, -2, 2 }, { 2, 8, -1, 1 }, { 16, 3, -1, 1 }, { 16, 4, -1, 1 }, { 1, 16, -1, 1 }, { 1, 16, -1, 1 } }, lstm },
    { "lstm that begins anew", { { 6, 3, -2, 2 }, { 2, 8, -1, 1 }, { 16, 3, -1, 1 }, { 16, 4, -1, 1 }, { 1, 16, -1, 1 }, { 1, 16, -1, 1 } }, lstm_fresh },
    { "attention", { { 6, 4, -2, 2 }, { 4, 4, -2, 2 }, { 4, 4, -2, 2 } }, attention },
    { "attention, masked", { { 6, 4, -2, 2 }, { 6, 4, -2, 2 }, { 6, 4, -2, 2 } }, attention_masked },
};

static void every_operation_knows_its_derivative(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++)
        for (uint64_t seed = 1; seed <= 3; seed++)
            check(&operations[i], seed);
}

static void what_wants_no_gradient_gets_none(void **state)
{
    (void)state;
    struct fault     fault;
    struct math_tape t;
    real             x[6] = { 1, 2, 3, 4, 5, 6 }, w[3] = { 1, -1, 2 }, g[3] = { 0 };
    assert_ok(math_tape_init(&t, 1 << 16, &fault), &fault);
    struct math_node *in = math_node_input(&t, x, 2, 3);
    math_tape_reset(&t, true);
    in = math_node_input(&t, x, 2, 3);
    struct math_node *y = math_node_affine(&t, in, math_node_leaf(&t, w, g, 1, 3), NULL);
    assert_null(in->g);
    assert_non_null(y->g);
    assert_ok(math_backward(&t, math_node_sum(&t, y), &fault), &fault);
    assert_true(g[0] == 5 && g[1] == 7 && g[2] == 9);
    assert_ok(math_backward(&t, math_node_sum(&t, math_node_square(&t, in)), &fault), &fault);
    assert_true(g[0] == 5);   /* a loss that depends on nothing that is learned */
    math_tape_reset(&t, false);
    y = math_node_affine(&t, math_node_input(&t, x, 2, 3), math_node_leaf(&t, w, g, 1, 3), NULL);
    assert_null(y->g);
    math_tape_done(&t);
}

static void a_tape_that_is_full_says_so_once_at_the_end(void **state)
{
    (void)state;
    struct fault      fault;
    struct math_tape  t;
    real              x[64] = { 0 }, g[64] = { 0 };
    assert_ok(math_tape_init(&t, 4096, &fault), &fault);
    math_tape_reset(&t, true);
    struct math_node *y = math_node_leaf(&t, x, g, 8, 8);
    for (int i = 0; i < 100; i++)
        y = math_node_tanh(&t, math_node_add(&t, y, y));
    assert_null(y);
    assert_int_equal(math_backward(&t, math_node_sum(&t, y), &fault), ERR_LIMIT);
    math_tape_reset(&t, true);
    assert_ok(math_backward(&t, math_node_sum(&t, math_node_leaf(&t, x, g, 8, 8)), &fault), &fault);
    math_tape_done(&t);
}

static void a_loss_that_is_no_number_moves_nothing(void **state)
{
    (void)state;
    struct fault     fault;
    struct math_tape t;
    real             x[2] = { -1, 1 }, g[2] = { 0 };
    assert_ok(math_tape_init(&t, 1 << 14, &fault), &fault);
    math_tape_reset(&t, true);
    assert_int_equal(math_backward(&t, math_node_sum(&t, math_node_log(&t, math_node_leaf(&t, x, g, 1, 2))), &fault), ERR_UNKNOWN);
    assert_true(g[0] == 0 && g[1] == 0);
    math_tape_done(&t);
}

static void a_query_that_may_look_at_nothing_becomes_zero(void **state)
{
    (void)state;
    struct fault     fault;
    struct math_tape t;
    real             x[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
    const bool       none[] = { true, true, false, false };
    assert_ok(math_tape_init(&t, 1 << 14, &fault), &fault);
    math_tape_reset(&t, false);
    struct math_node *a = math_node_input(&t, x, 2, 4), *y = math_node_attention(&t, a, a, a, (struct math_attention_shape){ 1, 2, none, NULL });
    for (int i = 0; i < 4; i++)
        assert_true(y->x[i] == 0 && y->x[4 + i] > 0);
    math_tape_done(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_operation_knows_its_derivative),
        cmocka_unit_test(what_wants_no_gradient_gets_none),
        cmocka_unit_test(a_tape_that_is_full_says_so_once_at_the_end),
        cmocka_unit_test(a_loss_that_is_no_number_moves_nothing),
        cmocka_unit_test(a_query_that_may_look_at_nothing_becomes_zero),
    };
    return cmocka_run_group_tests_name("math_gradient", tests, NULL, NULL);
}
