/* digest: a sketch answers quantiles within one percent, however its parts were put together. */
#include "unit.h"

#include "base/rand.h"
#include "digest/sketch.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { VALUES = 20000 };

static const double asked[] = { 0, 0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1 };

static int order(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double drawn(struct rand *r, int kind)
{
    double u = rand_unit(r);
    switch (kind) {
    case 0:  return u * 1000;                                    /* even */
    case 1:  return exp(4 * (u + rand_unit(r) + rand_unit(r)));  /* a long tail */
    case 2:  return -log(1 - u) * 1e-6;                          /* small */
    case 3:  return pow(1 - u, -1.5);                            /* a longer tail */
    case 4:  return (u - 0.5) * 1e6;                             /* of both signs */
    case 5:  return -pow(1 - u, -1.2);                           /* negative */
    case 6:  return u < 0.3 ? 0 : u < 0.6 ? -u : u;              /* with zeros */
    default: return floor(u * 5);                                /* few values */
    }
}
enum { KINDS = 8 };

static void must_be_near(double said, double exact)
{
    if (!(fabs(said - exact) <= SKETCH_ERROR * fabs(exact) * (1 + 1e-9)))
        fail_msg("%.17g instead of %.17g", said, exact);
}

static void quantiles_are_within_one_percent_of_the_exact_ones(void **state)
{
    (void)state;
    static double v[VALUES];
    for (int kind = 0; kind < KINDS; kind++) {
        struct rand    r;
        struct sketch *s = sketch_new();
        double         sum = 0;
        rand_seed(&r, 7 + (uint64_t)kind);
        for (int i = 0; i < VALUES; i++) {
            v[i] = drawn(&r, kind);
            sum += v[i];
            assert_true(sketch_add(s, v[i], 1));
        }
        qsort(v, VALUES, sizeof *v, order);
        for (size_t k = 0; k < sizeof asked / sizeof *asked; k++) {
            double rank = ceil(asked[k] * VALUES);
            must_be_near(sketch_quantile(s, asked[k]), v[rank < 1 ? 0 : (int)rank - 1]);
        }
        assert_int_equal(sketch_count(s), VALUES);
        assert_true(fabs(sketch_sum(s) - sum) <= 1e-9 * fabs(sum) + 1e-9);
        assert_true(sketch_min(s) == v[0] && sketch_max(s) == v[VALUES - 1]);
        assert_true(sketch_quantile(s, 0) == v[0] && sketch_quantile(s, 1) == v[VALUES - 1]);
        sketch_free(s);
    }
}

static struct sketch *of(int kind, uint64_t seed, int n)
{
    struct rand    r;
    struct sketch *s = sketch_new();
    rand_seed(&r, seed);
    for (int i = 0; i < n; i++)
        assert_true(sketch_add(s, drawn(&r, kind), 1));
    return s;
}

/* All but the sum, which is rounded in the order of adding. */
static void must_be_the_same(const struct sketch *a, const struct sketch *b)
{
    assert_int_equal(sketch_count(a), sketch_count(b));
    assert_true(sketch_min(a) == sketch_min(b) && sketch_max(a) == sketch_max(b));
    assert_true(fabs(sketch_sum(a) - sketch_sum(b)) <= 1e-9 * fabs(sketch_sum(a)) || (isnan(sketch_sum(a)) && isnan(sketch_sum(b))));
    for (double q = 0; q <= 1; q += 0.0005)
        assert_true(sketch_quantile(a, q) == sketch_quantile(b, q));
}

static void parts_may_be_put_together_in_any_order(void **state)
{
    (void)state;
    for (int round = 0; round < KINDS; round++) {
        struct sketch *a = of(round, 1, 500), *b = of((round + 1) % KINDS, 2, 3000), *c = of((round + 3) % KINDS, 3, 7);
        struct sketch *ab_c = sketch_new(), *c_ba = sketch_new(), *bc = sketch_new();
        assert_true(sketch_merge(ab_c, a) && sketch_merge(ab_c, b) && sketch_merge(ab_c, c));
        assert_true(sketch_merge(c_ba, c) && sketch_merge(c_ba, b) && sketch_merge(c_ba, a));
        assert_true(sketch_merge(bc, b) && sketch_merge(bc, c) && sketch_merge(bc, a));
        must_be_the_same(ab_c, c_ba);
        must_be_the_same(ab_c, bc);
        struct sketch *all[] = { a, b, c, ab_c, c_ba, bc };
        for (int i = 0; i < 6; i++)
            sketch_free(all[i]);
    }
}

static void the_same_holds_where_small_buckets_had_to_become_one(void **state)
{
    (void)state;
    struct sketch *up = sketch_new(), *down = sketch_new(), *parts = sketch_new(), *part = sketch_new();
    for (int i = -300; i <= 300; i++)
        assert_true(sketch_add(up, pow(10, i), 1) && sketch_add(down, pow(10, -i), 1));
    for (int i = -300; i <= 300; i++) {
        sketch_clear(part);
        assert_true(sketch_add(part, pow(10, (i * 7) % 301), 1) && sketch_merge(parts, part));
    }
    must_be_the_same(up, down);
    must_be_near(sketch_quantile(up, 0.99), pow(10, 294));
    must_be_near(sketch_quantile(up, 0.98), pow(10, 288));
    assert_true(sketch_bytes(up) <= 2 * SKETCH_BUCKETS_MAX * sizeof(uint64_t) + 200);
    assert_int_equal(sketch_count(parts), 601);
    sketch_free(up);
    sketch_free(down);
    sketch_free(parts);
    sketch_free(part);
}

static void what_is_not_a_number_is_left_out_and_infinities_are_beyond_all(void **state)
{
    (void)state;
    struct sketch *s = sketch_new();
    assert_true(isnan(sketch_quantile(s, 0.5)) && isnan(sketch_sum(s)) && isnan(sketch_min(s)) && isnan(sketch_max(s)));
    assert_true(sketch_add(s, NAN, 3));
    assert_int_equal(sketch_count(s), 0);
    assert_true(sketch_add(s, 1, 8) && sketch_add(s, INFINITY, 1) && sketch_add(s, -INFINITY, 1));
    assert_int_equal(sketch_count(s), 10);
    must_be_near(sketch_quantile(s, 0.5), 1);
    must_be_near(sketch_quantile(s, 0.11), 1);
    assert_true(isinf(sketch_max(s)) && sketch_max(s) > 0 && isinf(sketch_min(s)) && sketch_min(s) < 0);
    assert_true(isnan(sketch_quantile(s, NAN)));
    sketch_free(s);
}

static void the_ends_of_what_a_double_holds_are_counted(void **state)
{
    (void)state;
    struct sketch *s = sketch_new();
    assert_true(sketch_add(s, DBL_MAX, 3) && sketch_add(s, -DBL_MAX, 3) && sketch_add(s, 0.0, 3) && sketch_add(s, -0.0, 1));
    must_be_near(sketch_quantile(s, 0.2), -DBL_MAX);
    assert_true(sketch_quantile(s, 0.5) == 0);
    must_be_near(sketch_quantile(s, 0.9), DBL_MAX);
    sketch_clear(s);
    assert_true(sketch_add(s, 5e-324, 2) && sketch_add(s, 1e-323, 2));
    assert_true(sketch_quantile(s, 0.4) >= 0 && sketch_quantile(s, 0.6) <= 1e-323);
    sketch_free(s);
}

static void more_than_can_be_counted_is_refused_and_nothing_added(void **state)
{
    (void)state;
    struct sketch *s = sketch_new(), *t = sketch_new();
    assert_true(sketch_add(s, 2, UINT64_MAX - 1));
    assert_false(sketch_add(s, 3, 2));
    assert_true(sketch_add(t, 3, 2));
    assert_false(sketch_merge(s, t));
    assert_int_equal(sketch_count(s), UINT64_MAX - 1);
    assert_true(sketch_max(s) == 2);
    sketch_free(s);
    sketch_free(t);
}

static void packed_and_unpacked_it_is_the_same(void **state)
{
    (void)state;
    static char  bytes[SKETCH_PACKED_MAX], again[SKETCH_PACKED_MAX];
    struct fault f;
    for (int kind = -1; kind < KINDS; kind++) {
        struct sketch *s = kind < 0 ? sketch_new() : of(kind, 5, 4000), *t;
        if (kind == 3)
            assert_true(sketch_add(s, INFINITY, 2) && sketch_add(s, -INFINITY, 1));
        size_t n = sketch_pack(s, bytes, sizeof bytes);
        assert_true(n > 0 && n < 4000);
        assert_int_equal(sketch_pack(s, again, n - 1), 0);
        assert_ok(sketch_unpack((struct slice){ bytes, n }, &t, &f), &f);
        if (kind >= 0)
            must_be_the_same(s, t);
        assert_int_equal(sketch_pack(t, again, sizeof again), n);
        assert_memory_equal(bytes, again, n);
        for (size_t cut = 0; cut < n; cut++) {
            struct sketch *u;
            assert_int_equal(sketch_unpack((struct slice){ bytes, cut }, &u, &f), ERR_INPUT);
            assert_null(u);
        }
        sketch_free(s);
        sketch_free(t);
    }
}

static void the_largest_there_can_be_fits_into_what_is_promised(void **state)
{
    (void)state;
    static char    bytes[SKETCH_PACKED_MAX];
    struct fault   f;
    struct sketch *s = sketch_new(), *t;
    double         grow = (1 + SKETCH_ERROR) / (1 - SKETCH_ERROR);
    for (int i = 0; i < SKETCH_BUCKETS_MAX; i++)
        assert_true(sketch_add(s, 1e-9 * pow(grow, i + 0.5), UINT64_C(1) << 51) && sketch_add(s, -1e-9 * pow(grow, i + 0.5), UINT64_C(1) << 51));
    size_t n = sketch_pack(s, bytes, sizeof bytes);
    assert_true(n > 4000);
    assert_ok(sketch_unpack((struct slice){ bytes, n }, &t, &f), &f);
    must_be_the_same(s, t);
    sketch_free(s);
    sketch_free(t);
}

static void a_few_values_cost_little(void **state)
{
    (void)state;
    static char    bytes[SKETCH_PACKED_MAX];
    struct sketch *s = sketch_new();
    assert_true(sketch_add(s, 12.5, 1) && sketch_add(s, 13, 4));
    assert_true(sketch_bytes(s) < 400);
    assert_true(sketch_pack(s, bytes, sizeof bytes) < 60);
    sketch_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantiles_are_within_one_percent_of_the_exact_ones),
        cmocka_unit_test(parts_may_be_put_together_in_any_order),
        cmocka_unit_test(the_same_holds_where_small_buckets_had_to_become_one),
        cmocka_unit_test(what_is_not_a_number_is_left_out_and_infinities_are_beyond_all),
        cmocka_unit_test(the_ends_of_what_a_double_holds_are_counted),
        cmocka_unit_test(more_than_can_be_counted_is_refused_and_nothing_added),
        cmocka_unit_test(packed_and_unpacked_it_is_the_same),
        cmocka_unit_test(the_largest_there_can_be_fits_into_what_is_promised),
        cmocka_unit_test(a_few_values_cost_little),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
