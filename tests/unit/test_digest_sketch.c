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
    double most = fmax(fabs(sketch_min(a)), fabs(sketch_max(a)));
    assert_true(!isfinite(sketch_sum(a)) || !isfinite(sketch_sum(b)) || fabs(sketch_sum(a) - sketch_sum(b)) <= 1e-12 * most * (double)sketch_count(a));
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

static void one_value_far_from_the_others_takes_nothing_from_them(void **state)
{
    (void)state;
    const double far[] = { (double)INT64_MAX, DBL_MAX, 5e-324, -DBL_MAX, -5e-324 };
    struct sketch *s = sketch_new();
    for (int i = 0; i < 990; i++)
        assert_true(sketch_add(s, 5 + i % 3, 1));
    for (int i = 0; i < 5; i++) {
        assert_true(sketch_add(s, far[i], 1));
        must_be_near(sketch_quantile(s, 0.5), 6);
        must_be_near(sketch_quantile(s, 0.95), 7);
    }
    assert_true(sketch_bytes(s) < 400);
    sketch_free(s);
}

/* Of both signs, over all that a double holds, in more buckets than there is room for. */
static double anywhere(struct rand *r)
{
    double v = exp(-744 + (744 + 709.7) * rand_unit(r));
    return rand_unit(r) < 0.5 ? -v : v;
}

static void values_all_over_the_place_double_the_error_evenly_in_whatever_order_they_come(void **state)
{
    (void)state;
    static double  v[VALUES];
    struct rand    r;
    struct sketch *up = sketch_new(), *down = sketch_new(), *parts = sketch_new(), *fine = sketch_new(), *part = sketch_new();
    rand_seed(&r, 5);
    for (int i = 0; i < VALUES; i++)
        v[i] = anywhere(&r);
    for (int i = 0; i < VALUES; i++) {
        assert_true(sketch_add(up, v[i], 1) && sketch_add(down, v[VALUES - 1 - i], 1) && sketch_add(part, v[i], 1));
        if (i % 3000 == 2999 || i == VALUES - 1) {
            assert_true(sketch_merge(parts, part));
            sketch_clear(part);
        }
    }
    assert_true(sketch_error(up) > 0.5 && sketch_error(up) < 0.57);
    must_be_the_same(up, down);
    must_be_the_same(up, parts);
    assert_true(sketch_bytes(up) < 12 * SKETCH_BUCKETS_MAX + 200);
    /* A fine one and a coarse one, either into the other. */
    for (int i = 0; i < 100; i++)
        assert_true(sketch_add(fine, i + 1, 1) && sketch_add(up, i + 1, 1));
    assert_true(sketch_error(fine) < 0.0101);
    assert_true(sketch_merge(down, fine) && sketch_merge(fine, parts));
    must_be_the_same(up, down);
    must_be_the_same(up, fine);
    struct sketch *all[] = { up, down, parts, fine, part };
    for (int i = 0; i < 5; i++)
        sketch_free(all[i]);
}

struct shape { int kind, outliers; double width, tail; };     /* outliers: in a thousand */
enum { SHAPES = 400 };

static double shaped(struct rand *r, const struct shape *s)
{
    static const double far[] = { DBL_MAX, -DBL_MAX, 9.2e18, -9.2e18, 5e-324, -1e-310, 1e300, 0 };
    double              u = rand_unit(r), t = rand_unit(r);
    if (rand_unit(r) * 1000 < s->outliers)
        return far[(int)(u * 8)];
    switch (s->kind) {
    case 0:  return (u - 0.3) * s->width;                                                     /* even, of both signs */
    case 1:  return sqrt(-2 * log(1 - u)) * cos(6.283185307 * t) * s->width + s->width * s->tail;   /* normal */
    case 2:  return exp(sqrt(-2 * log(1 - u)) * cos(6.283185307 * t) * s->tail);              /* lognormal */
    case 3:  return s->width * pow(1 - u, -s->tail);                                          /* Pareto, with tails that have no mean */
    case 4:  return (t < 0.5 ? -1 : 1) * pow(1 - u, -s->tail);                                /* of both signs */
    case 5:  return floor(u * 9.2e18);                                                        /* integers */
    case 6:  return u * 1e-308 * s->tail;                                                     /* down to denormals */
    case 7:  return floor(u * 4);                                                             /* few */
    case 8:  return t < 0.9 ? u * s->width : s->width * (1e12 + u);                           /* of two places */
    default: return anywhere(r);
    }
}

static void of_whatever_shape_its_quantiles_are_within_the_error_it_promises(void **state)
{
    (void)state;
    static double v[VALUES];
    int           coarse = 0;
    for (int round = 0; round < SHAPES; round++) {
        struct rand    r;
        struct sketch *s = sketch_new(), *half[2] = { sketch_new(), sketch_new() };
        rand_seed(&r, 1000 + (uint64_t)round);
        struct shape shape = { round % 10, round % 3 ? 0 : (int)(rand_unit(&r) * 40), exp(40 * rand_unit(&r) - 20), 0.1 + 3 * rand_unit(&r) };
        int          count = 2 + (int)(rand_unit(&r) * (round % 7 ? 3000 : VALUES - 2));
        for (int i = 0; i < count; i++) {
            v[i] = shaped(&r, &shape);
            assert_true(sketch_add(s, v[i], 1) && sketch_add(half[rand_unit(&r) < 0.2], v[i], 1));
        }
        qsort(v, (size_t)count, sizeof *v, order);
        double error = sketch_error(s);
        if (shape.kind < 9 || count <= SKETCH_BUCKETS_MAX)
            assert_true(error <= SKETCH_ERROR * (1 + 1e-9));
        coarse += error > 0.011;
        for (size_t k = 0; k < sizeof asked / sizeof *asked; k++) {
            double rank = ceil(asked[k] * count), exact = v[rank < 1 ? 0 : (int)rank - 1], said = sketch_quantile(s, asked[k]);
            if (!(fabs(said - exact) <= error * fabs(exact) * (1 + 1e-9) + 5e-324))
                fail_msg("shape %d of %d: %.17g instead of %.17g at %g", shape.kind, count, said, exact, asked[k]);
        }
        assert_true(sketch_merge(half[1], half[0]));
        must_be_the_same(s, half[1]);
        sketch_free(s);
        sketch_free(half[0]);
        sketch_free(half[1]);
    }
    assert_true(coarse > 0);
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
    /* As many buckets as there may be, of both signs, far apart, with counts as large as they can all be. */
    for (int i = 0; i < SKETCH_BUCKETS_MAX / 2; i++)
        for (int sign = -1; sign <= 1; sign += 2)
            assert_true(sketch_add(s, sign * 1e-300 * pow(grow, (i < 600 ? 34 * i : 34 * 600 + i) + 0.5), i < 100 ? UINT64_C(1) << 56 : UINT64_C(1) << 49));
    assert_true(sketch_error(s) < 0.0101);
    size_t n = sketch_pack(s, bytes, sizeof bytes);
    assert_true(n > 9 * SKETCH_BUCKETS_MAX);
    assert_ok(sketch_unpack((struct slice){ bytes, n }, &t, &f), &f);
    must_be_the_same(s, t);
    sketch_free(s);
    sketch_free(t);
}

static unsigned char *put_real(unsigned char *at, double v)
{
    uint64_t bits;
    memcpy(&bits, &v, 8);
    for (int i = 0; i < 8; i++)
        *at++ = (unsigned char)(bits >> (8 * i));
    return at;
}

static void what_version_1_wrote_is_read(void **state)
{
    (void)state;
    /* Four zeros; 1 three times and 2 once, 35 buckets apart; -1 twice. */
    unsigned char  bytes[64] = { 'S', 1, 1, 4, 0, 0 }, *at = bytes + 6;
    struct fault   f;
    struct sketch *s, *t = sketch_new();
    at = put_real(put_real(put_real(at, 3), -1), 2);
    const unsigned char sides[] = { 36, 0, 3, 0, 33, 1, 1, 0, 2 };
    memcpy(at, sides, sizeof sides);
    size_t n = (size_t)(at - bytes) + sizeof sides;
    assert_ok(sketch_unpack((struct slice){ (char *)bytes, n }, &s, &f), &f);
    assert_true(sketch_add(t, 0, 4) && sketch_add(t, 1, 3) && sketch_add(t, 2, 1) && sketch_add(t, -1, 2));
    must_be_the_same(s, t);
    sketch_free(s);
    sketch_free(t);
    for (size_t cut = 0; cut < n; cut++)
        assert_int_equal(sketch_unpack((struct slice){ (char *)bytes, cut }, &s, &f), ERR_INPUT);
}

static void a_coarse_one_survives_as_bytes_and_goes_on(void **state)
{
    (void)state;
    static char    bytes[SKETCH_PACKED_MAX];
    struct fault   f;
    struct rand    r;
    struct sketch *s = sketch_new(), *t;
    rand_seed(&r, 3);
    for (int i = 0; i < 10000; i++)
        assert_true(sketch_add(s, anywhere(&r), 1));
    size_t n = sketch_pack(s, bytes, sizeof bytes);
    assert_ok(sketch_unpack((struct slice){ bytes, n }, &t, &f), &f);
    must_be_the_same(s, t);
    for (int i = 0; i < 30000; i++) {
        double v = anywhere(&r);
        assert_true(sketch_add(s, v, 1) && sketch_add(t, v, 1));
    }
    assert_true(sketch_error(s) == sketch_error(t));
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
        cmocka_unit_test(one_value_far_from_the_others_takes_nothing_from_them),
        cmocka_unit_test(values_all_over_the_place_double_the_error_evenly_in_whatever_order_they_come),
        cmocka_unit_test(of_whatever_shape_its_quantiles_are_within_the_error_it_promises),
        cmocka_unit_test(what_is_not_a_number_is_left_out_and_infinities_are_beyond_all),
        cmocka_unit_test(the_ends_of_what_a_double_holds_are_counted),
        cmocka_unit_test(more_than_can_be_counted_is_refused_and_nothing_added),
        cmocka_unit_test(packed_and_unpacked_it_is_the_same),
        cmocka_unit_test(the_largest_there_can_be_fits_into_what_is_promised),
        cmocka_unit_test(what_version_1_wrote_is_read),
        cmocka_unit_test(a_coarse_one_survives_as_bytes_and_goes_on),
        cmocka_unit_test(a_few_values_cost_little),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
