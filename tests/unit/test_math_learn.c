/* math: first values, Adam, clipping, schedules, and parameters as bytes that cannot be fooled. */
#include "unit.h"

#include "math/learn/kernel.h"
#include "math/learn/layers.h"
#include "math/learn/ops.h"
#include "math/learn/optimise.h"
#include "math/learn/pack.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

static void assert_near(double a, double b, double eps)
{
    if (!(fabs(a - b) <= eps))
        fail_msg("%.12g is not %.12g +- %g", a, b, eps);
}

static void the_library_of_linear_algebra_has_no_threads_of_its_own(void **state)
{
    (void)state;
    assert_int_equal(openblas_get_parallel(), 0);
}

static void functions_of_our_own_are_those_of_the_library(void **state)
{
    (void)state;
    for (double x = -30; x <= 30; x += 0.0137) {
        real in = R(x), out;
        kernel_exp(&in, &out, 1);
        assert_near((double)out / exp((double)in), 1, 5e-7);
        kernel_tanh(&in, &out, 1);
        assert_near((double)out / tanh((double)in), 1, 5e-7);
        kernel_sigmoid(&in, &out, 1);
        assert_near((double)out * (1 + exp(-(double)in)), 1, 5e-7);
        kernel_softplus(&in, &out, 1);
        assert_near((double)out / log1p(exp((double)in)), 1, 5e-7);
    }
    const real far[] = { -R(INFINITY), R(INFINITY), R(NAN), R(-200), R(200), R(1e-20) };
    real       out[6];
    kernel_exp(far, out, 6);
    assert_true(out[0] == 0 && isinf(out[1]) && isnan(out[2]) && out[5] == 1);
    kernel_tanh(far, out, 6);
    assert_true(out[0] == -1 && out[1] == 1 && isnan(out[2]) && out[3] == -1 && out[4] == 1 && out[5] == R(1e-20));
    kernel_softplus(far, out, 6);
    assert_true(out[0] == 0 && isinf(out[1]) && isnan(out[2]) && out[4] == 200);
}

static void a_choice_among_what_is_unknown_is_unknown(void **state)
{
    (void)state;
    real rows[] = { -R(INFINITY), 0, 0, -R(INFINITY), -R(INFINITY), -R(INFINITY), R(NAN), -R(INFINITY), -R(INFINITY), R(NAN), R(NAN), R(NAN), 1, R(NAN), 2 };
    kernel_softmax(rows, 5, 3, 3);
    assert_true(rows[0] == 0 && rows[1] == R(0.5) && rows[2] == R(0.5));
    for (int i = 3; i < 6; i++)
        assert_true(rows[i] == 0);       /* where nothing may be chosen, nothing is */
    for (int i = 6; i < 15; i++)
        assert_true(isnan(rows[i]));
}

static void orthogonal_means_orthogonal(void **state)
{
    (void)state;
    const int   shapes[][2] = { { 64, 20 }, { 20, 64 }, { 32, 32 }, { 1, 64 }, { 64, 1 } };
    struct rand chance;
    rand_seed(&chance, 7);
    for (int s = 0; s < 5; s++) {
        int  rows = shapes[s][0], cols = shapes[s][1], few = rows < cols ? rows : cols;
        real w[64 * 64];
        math_init_orthogonal(w, rows, cols, sqrt(2), &chance);
        for (int i = 0; i < few; i++)
            for (int j = 0; j < few; j++) {
                double sum = 0;
                for (int k = 0; k < (rows < cols ? cols : rows); k++)
                    sum += rows < cols ? (double)w[i * cols + k] * (double)w[j * cols + k] : (double)w[k * cols + i] * (double)w[k * cols + j];
                assert_near(sum, i == j ? 2 : 0, 1e-5);
            }
    }
}

static void clipping_scales_the_whole_gradient(void **state)
{
    (void)state;
    struct math_params p;
    math_params_init(&p);
    math_params_add(&p, "a", 1, 2);
    math_params_add(&p, "b", 1, 1);
    p.gradient[0] = 3;
    p.gradient[1] = 0;
    p.gradient[2] = -4;
    assert_near(math_gradients_clip(&p, 10), 5, 1e-9);
    assert_true(p.gradient[0] == 3 && p.gradient[2] == -4);
    assert_near(math_gradients_clip(&p, 0.5), 5, 1e-9);
    assert_near((double)p.gradient[0], 0.3, 1e-6);
    assert_near((double)p.gradient[2], -0.4, 1e-6);
    p.gradient[1] = R(NAN);
    assert_true(isnan(math_gradients_clip(&p, 0.5)));
    assert_near((double)p.gradient[0], 0.3, 1e-6);
    math_params_done(&p);
}

static void adam_finds_the_bottom_of_a_bowl(void **state)
{
    (void)state;
    struct fault       fault;
    struct math_tape   t;
    struct math_params p;
    const real         bottom[] = { 1, -2, R(0.5) };
    assert_ok(math_tape_init(&t, 1 << 16, &fault), &fault);
    math_params_init(&p);
    int w = math_params_add(&p, "w", 1, 3);
    for (int i = 0; i < 3000; i++) {
        struct math_schedule rate = { MATH_COSINE, 0.05, 0, 0.1 };
        math_tape_reset(&t, true);
        math_gradients_clear(&p);
        assert_ok(math_backward(&t, math_node_mse(&t, math_params_leaf(&t, &p, w), bottom), &fault), &fault);
        math_adam_step(&p, &MATH_ADAM_USUAL, math_schedule_at(&rate, i / 3000.0));
    }
    for (int i = 0; i < 3; i++)
        assert_near((double)p.value[i], (double)bottom[i], 1e-3);
    math_params_done(&p);
    math_tape_done(&t);
}

static void a_schedule_rises_and_falls_as_it_says(void **state)
{
    (void)state;
    struct math_schedule s = { MATH_LINEAR, 1, 0.2, 0 };
    assert_near(math_schedule_at(&s, 0), 1, 0);
    assert_near(math_schedule_at(&s, 0.5), 0.6, 1e-12);
    assert_near(math_schedule_at(&s, 7), 0.2, 1e-12);
    s = (struct math_schedule){ MATH_COSINE, 1, 0, 0.2 };
    assert_near(math_schedule_at(&s, 0.1), 0.5, 1e-12);
    assert_near(math_schedule_at(&s, 0.2), 1, 1e-12);
    assert_near(math_schedule_at(&s, 0.6), 0.5, 1e-12);
    assert_near(math_schedule_at(&s, 1), 0, 1e-12);
    s.shape = MATH_CONSTANT;
    assert_near(math_schedule_at(&s, 0.9), 1, 0);
}

static void a_set_that_is_full_says_so(void **state)
{
    (void)state;
    struct fault       fault;
    struct math_params p;
    math_params_init(&p);
    assert_ok(math_params_ready(&p, &fault), &fault);
    assert_int_equal(math_params_add(&p, "much", 5000, 5000), -1);
    assert_int_equal(math_params_ready(&p, &fault), ERR_LIMIT);
    math_params_done(&p);
    for (int i = 0; i < MATH_TENSORS_MAX; i++)
        assert_int_equal(math_params_add(&p, "one", 1, 1), i);
    assert_int_equal(math_params_add(&p, "one", 1, 1), -1);
    math_params_done(&p);
}

static void networks_can_be_averaged(void **state)
{
    (void)state;
    struct math_params a, b;
    math_params_init(&a);
    math_params_init(&b);
    math_params_add(&a, "w", 1, 2);
    math_params_add(&b, "w", 1, 2);
    a.value[0] = 1;
    b.value[0] = 3;
    b.value[1] = -1;
    math_params_blend(&a, &b, R(0.25));
    assert_true(a.value[0] == R(1.5) && a.value[1] == R(-0.25));
    math_params_blend(&a, &b, 1);
    assert_memory_equal(a.value, b.value, 2 * sizeof(real));
    math_params_done(&a);
    math_params_done(&b);
}

/* ---- bytes ----------------------------------------------------------------------------------------------------------- */

struct net { struct math_params p; struct math_mlp mlp; struct math_array arrays[16]; int count; };

static void net_new(struct net *n, int hidden, uint64_t seed)
{
    struct rand chance;
    rand_seed(&chance, seed);
    math_params_init(&n->p);
    n->mlp = math_mlp_add(&n->p, "net", (int[]){ 3, hidden, 2 }, 2, MATH_TANH, &chance);
    n->count = math_pack_params(&n->p, n->arrays, 16);
    n->count += math_pack_moments(&n->p, "net", n->arrays + n->count, 16 - n->count);
}

static unsigned char *packed(const struct net *n, size_t *size)
{
    *size = math_pack_size(n->arrays, n->count);
    unsigned char *bytes = malloc(*size);
    assert_non_null(bytes);
    math_pack(n->arrays, n->count, bytes);
    return bytes;
}

static void what_was_saved_is_what_is_loaded(void **state)
{
    (void)state;
    struct fault   fault;
    struct net     a, b;
    size_t         size, again;
    net_new(&a, 4, 1);
    net_new(&b, 4, 2);
    a.p.steps = 17;
    a.p.moment2[3] = R(0.125);
    unsigned char *bytes = packed(&a, &size);
    assert_memory_not_equal(a.p.value, b.p.value, a.p.size * sizeof(real));
    assert_ok(math_unpack(b.arrays, b.count, bytes, size, &fault), &fault);
    assert_memory_equal(a.p.value, b.p.value, a.p.size * sizeof(real));
    assert_memory_equal(a.p.moment2, b.p.moment2, a.p.size * sizeof(real));
    assert_true(b.p.steps == 17);
    unsigned char *same = packed(&b, &again);
    assert_int_equal(size, again);
    assert_memory_equal(bytes, same, size);
    free(bytes);
    free(same);
    math_params_done(&a.p);
    math_params_done(&b.p);
}

static void saved_bytes_are_the_same_on_every_machine(void **state)
{
    (void)state;
    float              x = 1.5f;
    double             y = -2;
    unsigned char      bytes[256];
    const struct math_array arrays[] = { { "x", MATH_FLOAT, 1, 1, &x, false }, { "yy", MATH_DOUBLE, 1, 1, &y, false } };
    const unsigned char known[] = { 'H', 'O', 'M', 'E', 'O', 'N', 'E', 'T', 1, 0, 0, 0, 2, 0, 0, 0,
                                    4, 1, 'x', 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0xc0, 0x3f,
                                    8, 2, 'y', 'y', 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xc0 };
    assert_int_equal(math_pack_size(arrays, 2), sizeof known + 8);
    math_pack(arrays, 2, bytes);
    assert_memory_equal(bytes, known, sizeof known);
    uint64_t sum = math_pack_sum(known, sizeof known);
    for (int i = 0; i < 8; i++)
        assert_int_equal(bytes[sizeof known + (size_t)i], (unsigned char)(sum >> (8 * i)));
}

static void float_and_double_can_read_each_other(void **state)
{
    (void)state;
    struct fault      fault;
    double            wide[] = { 0.1, -3e4 };
    float             narrow[2];
    unsigned char     bytes[128];
    struct math_array from = { "x", MATH_DOUBLE, 1, 2, wide, false }, to = { "x", MATH_FLOAT, 1, 2, narrow, false };
    math_pack(&from, 1, bytes);
    assert_ok(math_unpack(&to, 1, bytes, math_pack_size(&from, 1), &fault), &fault);
    assert_true(narrow[0] == 0.1f && narrow[1] == -3e4f);
    wide[0] = 1e300;
    math_pack(&from, 1, bytes);
    assert_int_equal(math_unpack(&to, 1, bytes, math_pack_size(&from, 1), &fault), ERR_INPUT);
    assert_true(narrow[0] == 0.1f);
}

static void bytes_that_are_not_right_are_refused_and_change_nothing(void **state)
{
    (void)state;
    struct fault fault;
    struct net   a, b, other;
    size_t       size;
    real         before[64];
    net_new(&a, 4, 1);
    net_new(&b, 4, 2);
    net_new(&other, 5, 2);
    memcpy(before, b.p.value, b.p.size * sizeof(real));
    unsigned char *bytes = packed(&a, &size);
    for (size_t cut = 0; cut < size; cut++)
        assert_int_equal(math_unpack(b.arrays, b.count, bytes, cut, &fault), ERR_INPUT);
    for (size_t i = 0; i < size; i++) {
        bytes[i] ^= 0x40;
        assert_int_equal(math_unpack(b.arrays, b.count, bytes, size, &fault), ERR_INPUT);
        bytes[i] ^= 0x40;
    }
    assert_int_equal(math_unpack(other.arrays, other.count, bytes, size, &fault), ERR_INPUT);
    assert_non_null(strstr(fault.text, "net.0.weight is 4 x 3, and should be 5 x 3"));
    assert_int_equal(math_unpack(b.arrays, b.count - 1, bytes, size, &fault), ERR_INPUT);

    /* Right sums, wrong numbers. */
    a.p.value[2] = R(NAN);
    math_pack(a.arrays, a.count, bytes);
    assert_int_equal(math_unpack(b.arrays, b.count, bytes, size, &fault), ERR_INPUT);
    a.p.value[2] = 0;
    a.p.moment2[0] = -1;
    math_pack(a.arrays, a.count, bytes);
    assert_int_equal(math_unpack(b.arrays, b.count, bytes, size, &fault), ERR_INPUT);
    assert_memory_equal(before, b.p.value, b.p.size * sizeof(real));
    free(bytes);
    math_params_done(&a.p);
    math_params_done(&b.p);
    math_params_done(&other.p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_library_of_linear_algebra_has_no_threads_of_its_own),
        cmocka_unit_test(functions_of_our_own_are_those_of_the_library),
        cmocka_unit_test(a_choice_among_what_is_unknown_is_unknown),
        cmocka_unit_test(orthogonal_means_orthogonal),
        cmocka_unit_test(clipping_scales_the_whole_gradient),
        cmocka_unit_test(adam_finds_the_bottom_of_a_bowl),
        cmocka_unit_test(a_schedule_rises_and_falls_as_it_says),
        cmocka_unit_test(a_set_that_is_full_says_so),
        cmocka_unit_test(networks_can_be_averaged),
        cmocka_unit_test(what_was_saved_is_what_is_loaded),
        cmocka_unit_test(saved_bytes_are_the_same_on_every_machine),
        cmocka_unit_test(float_and_double_can_read_each_other),
        cmocka_unit_test(bytes_that_are_not_right_are_refused_and_change_nothing),
    };
    return cmocka_run_group_tests_name("math_learn", tests, NULL, NULL);
}
