/* math/search/forest.h: trees split where the steps are, and know where they do not know. */
#include "unit.h"
#include "near.h"

#include "math/search/forest.h"

#include <math.h>

static struct math_forest *make(int columns, const int *choices)
{
    struct fault        fault;
    struct math_forest *f;
    assert_ok(math_forest_new(columns, choices, &f, &fault), &fault);
    return f;
}

static void a_step_is_found_where_it_is(void **state)
{
    (void)state;
    enum { N = 60 };
    struct fault        fault;
    struct rand         r;
    double              x[2 * N], y[N], mean, variance, at[2] = { 0.2, 0.5 };
    struct math_forest *f = make(2, NULL);
    rand_seed(&r, 1);
    for (int i = 0; i < N; i++) {
        x[2 * i] = rand_unit(&r);
        x[2 * i + 1] = rand_unit(&r);
        y[i] = x[2 * i] > 0.6 ? 10 : 3;
    }
    struct math_forest_options all = { .trees = 10, .every_point = true, .columns_share = 1 };
    assert_ok(math_forest_fit(f, N, x, y, &all, &r, &fault), &fault);
    double below = 0, above = 1;
    for (int i = 0; i < N; i++) {
        if (x[2 * i] <= 0.6 && x[2 * i] > below)
            below = x[2 * i];
        if (x[2 * i] > 0.6 && x[2 * i] < above)
            above = x[2 * i];
    }
    for (int t = 0; t < f->trees; t++) {                            /* one split is enough, and it lies between the neighbours */
        const struct math_forest_node *top = &f->node[f->root[t]];
        assert_int_equal(top->column, 0);
        assert_true(top->threshold >= below && top->threshold < above);
        assert_int_equal(f->node[top->left].column, -1);
        assert_int_equal(f->node[top->right].column, -1);
    }
    math_forest_predict(f, 1, at, &mean, &variance);
    assert_near(mean, 3, 1e-12);
    at[0] = 0.95;
    math_forest_predict(f, 1, at, &mean, &variance);
    assert_near(mean, 10, 1e-12);
    assert_true(variance > 0);                                       /* never quite sure */
    assert_near(f->importance[0], 1, 1e-12);
    math_forest_free(f);
}

static void choices_are_split_by_what_they_bring_and_not_by_their_numbers(void **state)
{
    (void)state;
    enum { N = 120 };
    struct fault        fault;
    struct rand         r;
    const int           choices[2] = { 6, 0 };
    double              x[2 * N], y[N], mean, variance;
    struct math_forest *f = make(2, choices);
    rand_seed(&r, 2);
    for (int i = 0; i < N; i++) {
        x[2 * i] = i % 6;
        x[2 * i + 1] = rand_unit(&r);
        y[i] = (i % 6 == 0 || i % 6 == 3 || i % 6 == 4) ? 1 : 0;
    }
    struct math_forest_options all = { .trees = 5, .every_point = true, .columns_share = 1 };
    assert_ok(math_forest_fit(f, N, x, y, &all, &r, &fault), &fault);
    assert_int_equal(f->node[f->root[0]].column, 0);
    assert_true(f->node[f->root[0]].left_choices == 0x26);           /* 1, 2 and 5 at once */
    for (int c = 0; c < 6; c++) {
        double at[2] = { c, 0.5 };
        math_forest_predict(f, 1, at, &mean, &variance);
        assert_near(mean, c == 0 || c == 3 || c == 4, 1e-12);
    }
    math_forest_free(f);
}

static void trees_disagree_where_there_are_no_points(void **state)
{
    (void)state;
    enum { N = 80 };
    struct fault        fault;
    struct rand         r;
    double              x[N], y[N], mean[2], variance[2], at[2] = { 0.2, 0.65 };
    struct math_forest *f = make(1, NULL);
    rand_seed(&r, 3);
    for (int i = 0; i < N; i++) {
        x[i] = i < N / 2 ? 0.4 * rand_unit(&r) : 0.9 + 0.1 * rand_unit(&r);
        y[i] = x[i] < 0.5 ? 1 : 5;
    }
    assert_ok(math_forest_fit(f, N, x, y, NULL, &r, &fault), &fault);
    math_forest_predict(f, 2, at, mean, variance);
    assert_near(mean[0], 1, 1e-9);
    assert_true(variance[1] > 20 * variance[0]);
    math_forest_free(f);
}

static void noise_within_leaves_counts_as_variance(void **state)
{
    (void)state;
    enum { N = 300 };
    struct fault        fault;
    struct rand         r;
    double              x[N], y[N], mean, variance, at = 0.5;
    struct math_forest *f = make(1, NULL);
    rand_seed(&r, 4);
    for (int i = 0; i < N; i++) {
        x[i] = rand_unit(&r);
        y[i] = 2 * rand_normal(&r);
    }
    struct math_forest_options coarse = { .leaf_min = 50 };
    assert_ok(math_forest_fit(f, N, x, y, &coarse, &r, &fault), &fault);
    math_forest_predict(f, 1, &at, &mean, &variance);
    assert_true(fabs(mean) < 0.7 && variance > 2 && variance < 6);
    math_forest_free(f);
}

static void the_same_seed_grows_the_same_trees(void **state)
{
    (void)state;
    enum { N = 50 };
    struct fault fault;
    struct rand  r;
    double       x[2 * N], y[N], mean[2], variance[2], at[2] = { 0.3, 0.6 };
    rand_seed(&r, 5);
    for (int i = 0; i < N; i++) {
        x[2 * i] = rand_unit(&r);
        x[2 * i + 1] = rand_unit(&r);
        y[i] = sin(6 * x[2 * i]) + x[2 * i + 1];
    }
    for (int k = 0; k < 2; k++) {
        struct math_forest *f = make(2, NULL);
        rand_seed(&r, 6);
        assert_ok(math_forest_fit(f, N, x, y, NULL, &r, &fault), &fault);
        math_forest_predict(f, 1, at, &mean[k], &variance[k]);
        math_forest_free(f);
    }
    assert_true(mean[0] == mean[1] && variance[0] == variance[1]);
}

static void one_point_constant_results_and_equal_points_make_one_leaf(void **state)
{
    (void)state;
    struct fault        fault;
    struct rand         r;
    double              x[3] = { 0.5, 0.5, 0.5 }, y[3] = { 2, 2, 2 }, mean, variance;
    struct math_forest *f = make(1, NULL);
    rand_seed(&r, 7);
    assert_ok(math_forest_fit(f, 1, x, y, NULL, &r, &fault), &fault);
    math_forest_predict(f, 1, x, &mean, &variance);
    assert_near(mean, 2, 0);
    assert_true(variance > 0);
    y[1] = 5;
    assert_ok(math_forest_fit(f, 3, x, y, NULL, &r, &fault), &fault);
    math_forest_predict(f, 1, x, &mean, &variance);
    assert_true(mean > 2 && mean < 5 && f->importance[0] == 0);
    math_forest_free(f);
}

static void what_is_no_number_or_no_choice_is_refused(void **state)
{
    (void)state;
    struct fault        fault;
    struct rand         r;
    const int           choices[1] = { 3 }, many[1] = { 65 };
    double              x[1] = { 3 }, y[1] = { 1 }, nan = (double)NAN;
    struct math_forest *f = make(1, choices), *none;
    rand_seed(&r, 8);
    assert_int_equal(math_forest_fit(f, 1, x, y, NULL, &r, &fault), ERR_INPUT);
    x[0] = 2;
    assert_int_equal(math_forest_fit(f, 1, x, &nan, NULL, &r, &fault), ERR_INPUT);
    assert_int_equal(math_forest_fit(f, 1, &nan, y, NULL, &r, &fault), ERR_INPUT);
    assert_int_equal(math_forest_fit(f, 0, x, y, NULL, &r, &fault), ERR_INPUT);
    assert_int_equal(math_forest_new(1, many, &none, &fault), ERR_INPUT);
    assert_int_equal(math_forest_new(0, NULL, &none, &fault), ERR_INPUT);
    assert_ok(math_forest_fit(f, 1, x, y, NULL, &r, &fault), &fault);
    math_forest_free(f);
    math_forest_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_step_is_found_where_it_is),
        cmocka_unit_test(choices_are_split_by_what_they_bring_and_not_by_their_numbers),
        cmocka_unit_test(trees_disagree_where_there_are_no_points),
        cmocka_unit_test(noise_within_leaves_counts_as_variance),
        cmocka_unit_test(the_same_seed_grows_the_same_trees),
        cmocka_unit_test(one_point_constant_results_and_equal_points_make_one_leaf),
        cmocka_unit_test(what_is_no_number_or_no_choice_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
