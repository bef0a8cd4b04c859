/* math: what goes along a path is the product of its edges, parts add up to the whole, and wrong estimates fall when they are pushed. */
#include "unit.h"

#include "base/rand.h"
#include "math/cause/cause.h"
#include "math/cause/logit.h"
#include "math/cause/refute.h"

#include <math.h>
#include <string.h>

#define assert_near(a, b, eps)                                                  \
    do {                                                                        \
        double a_ = (a), b_ = (b);                                              \
        if (!(fabs(a_ - b_) <= (eps)))                                          \
            fail_msg("%s is %.15g, not %.15g +- %g", #a, a_, b_, (double)(eps)); \
    } while (0)

struct bench { struct arena arena; struct fault fault; struct rand rand; };

static int set_up(void **state)
{
    static struct bench b;
    arena_init(&b.arena, (size_t)512 << 20);
    rand_seed(&b.rand, 12);
    *state = &b;
    return 0;
}

static int tear_down(void **state)
{
    arena_done(&((struct bench *)*state)->arena);
    return 0;
}

/* x -> m -> l -> y, x -> l, x -> y; c acts on x, l and y. */
enum { ROWS = 1500 };
static double x[ROWS], m[ROWS], l[ROWS], y[ROWS], c[ROWS];

static void tell(struct bench *b, int n)
{
    for (int i = 0; i < n; i++) {
        c[i] = rand_normal(&b->rand);
        x[i] = 0.5 * c[i] + rand_normal(&b->rand);
        m[i] = 0.6 * x[i] + rand_normal(&b->rand);
        l[i] = 0.7 * m[i] + 0.2 * x[i] + 0.4 * c[i] + rand_normal(&b->rand);
        y[i] = -0.5 * l[i] + 0.3 * x[i] + 0.8 * c[i] + rand_normal(&b->rand);
    }
}

static void total_is_direct_plus_indirect_to_the_last_digits(void **state)
{
    struct bench *b = *state;
    const double *mediators[2] = { m, l }, *covariates[1] = { c }, *both[2] = { x, c };
    for (int run = 0; run < 50; run++) {
        int n = 20 + 20 * run;
        tell(b, n);
        struct math_chain chain = { n, 2, 1, x, y, mediators, covariates };
        struct math_mediation_conf conf = { 0 };
        struct math_mediation d;
        struct math_ols whole;
        arena_reset(&b->arena);
        assert_ok(math_mediation(&chain, &conf, &b->arena, &d, &b->fault), &b->fault);
        assert_ok(math_ols(y, both, 2, n, MATH_ERRORS_HC3, &b->arena, &whole, &b->fault), &b->fault);
        assert_near(d.total.estimate, d.direct.estimate + d.indirect.estimate, 1e-15);
        assert_near(d.total.estimate, whole.beta[1], 1e-10);
        assert_near(d.indirect.estimate, d.through[0].estimate + d.through[1].estimate, 1e-12);
        assert_near(d.total.se, whole.se[1], 0.35 * whole.se[1]);    /* the same number's error, by another way */
    }
}

static void the_parts_are_those_that_were_planted(void **state)
{
    struct bench *b = *state;
    const double *mediators[2] = { m, l }, *covariates[1] = { c };
    tell(b, ROWS);
    struct math_chain chain = { ROWS, 2, 1, x, y, mediators, covariates };
    struct math_mediation_conf conf = { .draws = 300, .rand = &b->rand };
    struct math_mediation d;
    assert_ok(math_mediation(&chain, &conf, &b->arena, &d, &b->fault), &b->fault);
    double through = -0.5 * (0.2 + 0.6 * 0.7);
    assert_near(d.direct.estimate, 0.3, 4 * d.direct.se);
    assert_near(d.indirect.estimate, through, 4 * d.indirect.se);
    assert_near(d.through[0].estimate, 0, 4 * d.through[0].se);      /* m acts on y through l only */
    assert_near(d.through[1].estimate, through, 4 * d.through[1].se);
    assert_true(d.indirect.p < 1e-6 && d.through[0].p > 1e-3);
    assert_true(isnan(d.share));                                      /* of a total that is next to nothing there is no share */
    assert_int_equal(d.failed, 0);
    assert_near(d.indirect.boot_lo, d.indirect.lo, 0.3 * d.indirect.se);
    assert_near(d.indirect.boot_hi, d.indirect.hi, 0.3 * d.indirect.se);
    conf.draws = 0;
    assert_ok(math_mediation(&chain, &conf, &b->arena, &d, &b->fault), &b->fault);
    assert_true(isnan(d.indirect.boot_lo) && d.draws == 0);
}

static void a_path_through_the_graph_is_the_product_of_its_edges(void **state)
{
    struct bench *b = *state;
    enum { X, M, L, Y, C };
    struct math_dag g;
    struct math_data data = { ROWS, { x, m, l, y, c } };
    struct math_mediation_conf conf = { 0 };
    struct math_path paths[8];
    struct math_way way;
    enum math_standing standing;
    int broken;
    tell(b, ROWS);
    assert_ok(math_dag_init(&g, 5, &b->fault), &b->fault);
    static const int edges[][2] = { { X, M }, { M, L }, { X, L }, { L, Y }, { X, Y }, { C, X }, { C, L }, { C, Y } };
    for (size_t i = 0; i < sizeof edges / sizeof edges[0]; i++)
        assert_ok(math_dag_edge(&g, edges[i][0], edges[i][1], &b->fault), &b->fault);
    int n = math_dag_paths(&g, X, Y, paths, 8);
    assert_int_equal(n, 3);
    double sum = 0;
    for (int i = 0; i < n; i++) {
        assert_ok(math_cause_path(&g, &data, &paths[i], &conf, &b->arena, &way, &standing, &broken, &b->fault), &b->fault);
        assert_int_equal(standing, MATH_KNOWN);
        double truth = paths[i].length == 4 ? 0.6 * 0.7 * -0.5 : paths[i].length == 3 ? 0.2 * -0.5 : 0.3, product = 1;
        assert_near(way.product.estimate, truth, 4 * way.product.se);
        for (int k = 0; k < way.links; k++)
            product *= way.edge[k].estimate;
        assert_near(way.product.estimate, product, 1e-15);
        assert_true(way.product.lo < way.product.estimate && way.product.estimate < way.product.hi);
        sum += way.product.estimate;
    }
    struct math_effect_conf how = { .method = MATH_BY_REGRESSION };
    struct math_cause total;
    assert_ok(math_cause(&g, &data, X, Y, &how, &b->arena, &total, &b->fault), &b->fault);
    assert_near(sum, total.effect.estimate, 0.5 * total.effect.se);
    math_dag_hide(&g, UINT64_C(1) << C);                               /* then l -> y cannot be told from l <- c -> y */
    struct math_path longest = { 4, { X, M, L, Y } };
    assert_ok(math_cause_path(&g, &data, &longest, &conf, &b->arena, &way, &standing, &broken, &b->fault), &b->fault);
    assert_int_equal(standing, MATH_NOT_IDENTIFIED);
    assert_int_equal(broken, 2);
    struct math_path wrong = { 2, { M, Y } };
    assert_int_equal(math_cause_path(&g, &data, &wrong, &conf, &b->arena, &way, &standing, &broken, &b->fault), ERR_INPUT);
}

static void a_product_of_errors_covers_and_so_does_its_bootstrap(void **state)
{
    struct bench *b = *state;
    enum { RUNS = 300, N = 120 };
    const double *mediators[1] = { m };
    struct math_chain chain = { N, 1, 0, x, y, mediators, NULL };
    int delta = 0, boot = 0;
    for (int run = 0; run < RUNS; run++) {
        for (int i = 0; i < N; i++) {
            x[i] = rand_normal(&b->rand);
            m[i] = 0.6 * x[i] + rand_normal(&b->rand);
            y[i] = 0.7 * m[i] + 0.2 * x[i] + rand_normal(&b->rand);
        }
        struct math_mediation_conf conf = { .draws = 100, .rand = &b->rand };
        struct math_mediation d;
        arena_reset(&b->arena);
        assert_ok(math_mediation(&chain, &conf, &b->arena, &d, &b->fault), &b->fault);
        delta += d.indirect.lo <= 0.42 && 0.42 <= d.indirect.hi;
        boot += d.indirect.boot_lo <= 0.42 && 0.42 <= d.indirect.boot_hi;
    }
    double three_sd = 3 * sqrt(0.05 * 0.95 / RUNS);
    assert_near((double)delta / RUNS, 0.95, three_sd);
    assert_near((double)boot / RUNS, 0.94, three_sd);
}

static void what_cannot_be_mediated_is_refused(void **state)
{
    struct bench *b = *state;
    const double *mediators[2] = { m, x };
    tell(b, 100);
    struct math_chain chain = { 100, 2, 0, x, y, mediators, NULL };
    struct math_mediation_conf conf = { 0 }, classic = { .errors = MATH_ERRORS_CLASSIC }, unseeded = { .draws = 10 };
    struct math_mediation d;
    assert_int_equal(math_mediation(&chain, &conf, &b->arena, &d, &b->fault), ERR_INPUT);
    assert_non_null(strstr(b->fault.text, "combination of other columns"));
    chain.mediators = 1;
    assert_int_equal(math_mediation(&chain, &classic, &b->arena, &d, &b->fault), ERR_INPUT);
    assert_int_equal(math_mediation(&chain, &unseeded, &b->arena, &d, &b->fault), ERR_INPUT);
    m[3] = (double)NAN;
    assert_int_equal(math_mediation(&chain, &conf, &b->arena, &d, &b->fault), ERR_INPUT);
}

static void the_same_seed_gives_the_same_bootstrap(void **state)
{
    struct bench *b = *state;
    const double *mediators[1] = { m };
    tell(b, 200);
    struct math_chain chain = { 200, 1, 0, x, y, mediators, NULL };
    struct math_mediation d[2];
    for (int i = 0; i < 2; i++) {
        struct rand r;
        rand_seed(&r, 99);
        struct math_mediation_conf conf = { .draws = 50, .rand = &r };
        assert_ok(math_mediation(&chain, &conf, &b->arena, &d[i], &b->fault), &b->fault);
    }
    assert_near(d[0].indirect.boot_lo, d[1].indirect.boot_lo, 0);
}

/* ---- refuters ---- */

struct story { struct math_study honest, careless; const double *adjust[1]; double y[400], t[400], c[400], before[400], aside[400]; };

static void tell_story(struct bench *b, struct story *s, bool binary)
{
    for (int i = 0; i < 400; i++) {
        s->c[i] = rand_normal(&b->rand);
        s->aside[i] = rand_normal(&b->rand);
        s->t[i] = binary ? rand_unit(&b->rand) < math_logistic(s->c[i]) : 0.7 * s->c[i] + rand_normal(&b->rand);
        s->y[i] = s->t[i] + s->c[i] + s->aside[i] + rand_normal(&b->rand);
        s->before[i] = s->c[i] + rand_normal(&b->rand);
    }
    s->adjust[0] = s->c;
    s->honest = (struct math_study){ 400, 1, s->y, s->t, s->adjust };
    s->careless = (struct math_study){ 400, 0, s->y, s->t, s->adjust };
}

static void an_honest_estimate_survives_and_a_careless_one_falls(void **state)
{
    struct bench *b = *state;
    static struct story s;
    for (int binary = 0; binary < 2; binary++) {
        struct math_effect_conf conf = { .method = binary ? MATH_BY_DOUBLY : MATH_BY_REGRESSION };
        struct math_estimator how = math_effect_estimator(&conf);
        struct math_refute_conf push = { .draws = 100, .alpha = 0.03, .rand = &b->rand };
        struct math_refutation r;
        tell_story(b, &s, binary);
        for (int careless = 0; careless < 2; careless++) {
            const struct math_study *study = careless ? &s.careless : &s.honest;
            assert_ok(math_refute_placebo(study, s.adjust, 1, &how, &push, &b->arena, &r, &b->fault), &b->fault);
            assert_int_equal(r.standing, MATH_KNOWN);
            assert_int_equal(r.refuted, careless);
            assert_true(careless ? r.mean > 1.5 * r.sd : fabs(r.mean) < r.sd);
            assert_ok(math_refute_negative_outcome(study, s.before, &how, &push, &b->arena, &r, &b->fault), &b->fault);
            assert_int_equal(r.refuted, careless);
            assert_ok(math_refute_common_cause(study, NULL, &how, &push, &b->arena, &r, &b->fault), &b->fault);
            assert_false(r.refuted);
            assert_near(r.mean, r.original, 0.05);
            assert_ok(math_refute_subset(study, &how, &push, &b->arena, &r, &b->fault), &b->fault);
            assert_false(r.refuted);
            assert_near(r.mean, r.original, 0.1);
        }
        assert_ok(math_refute_common_cause(&s.careless, s.c, &how, &push, &b->arena, &r, &b->fault), &b->fault);
        assert_true(r.refuted && r.mean < 0);                         /* with the real cause the effect comes down */
        assert_ok(math_refute_common_cause(&s.honest, s.aside, &how, &push, &b->arena, &r, &b->fault), &b->fault);
        assert_true(r.p > 0.01);
    }
    assert_string_equal(math_refuter_name(MATH_SUBSET), "subset of the rows");
}

/* Of twenty draws no rank is rarer than one in ten: they can refute all the same. */
static void few_draws_can_refute_too(void **state)
{
    struct bench *b = *state;
    static struct story s;
    struct math_effect_conf conf = { .method = MATH_BY_REGRESSION };
    struct math_estimator how = math_effect_estimator(&conf);
    struct math_refute_conf push = { .draws = 20, .rand = &b->rand };
    struct math_refutation r;
    tell_story(b, &s, false);
    assert_ok(math_refute_placebo(&s.careless, s.adjust, 1, &how, &push, &b->arena, &r, &b->fault), &b->fault);
    assert_true(r.refuted && r.p < 0.01 && r.draws == 20);
    push.draws = 39;                                                   /* the rarest rank is one in twenty, and no rarer */
    assert_ok(math_refute_placebo(&s.careless, s.adjust, 1, &how, &push, &b->arena, &r, &b->fault), &b->fault);
    assert_true(r.refuted && r.p < 0.01);
    push.draws = 40;
    assert_ok(math_refute_placebo(&s.careless, s.adjust, 1, &how, &push, &b->arena, &r, &b->fault), &b->fault);
    assert_true(r.refuted && fabs(r.p - 2.0 / 41) < 1e-12);            /* enough for a rank */
    push.draws = 20;
    assert_ok(math_refute_common_cause(&s.careless, s.c, &how, &push, &b->arena, &r, &b->fault), &b->fault);
    assert_true(r.refuted && r.p < 0.01);
    assert_ok(math_refute_subset(&s.honest, &how, &push, &b->arena, &r, &b->fault), &b->fault);
    assert_true(r.standing == MATH_KNOWN && !r.refuted && r.p > 0.05 && r.p <= 1);
    conf.method = MATH_BY_DIFFERENCE;                                  /* adjusts for nothing: one more column changes nothing at all */
    tell_story(b, &s, true);
    assert_ok(math_refute_common_cause(&s.honest, NULL, &how, &push, &b->arena, &r, &b->fault), &b->fault);
    assert_true(!r.refuted && r.p > 0.99);
}

/* An honest estimate is refuted about as seldom as alpha says, or more seldom, however few the draws. */
static void few_draws_seldom_refute_an_honest_effect(void **state)
{
    struct bench *b = *state;
    static struct story s;
    struct math_effect_conf conf = { .method = MATH_BY_REGRESSION };
    struct math_estimator how = math_effect_estimator(&conf);
    struct math_refute_conf push = { .draws = 20, .rand = &b->rand };
    struct math_refutation r;
    int refuted[3] = { 0 };
    for (int i = 0; i < 100; i++) {
        tell_story(b, &s, true);
        assert_ok(math_refute_placebo(&s.honest, s.adjust, 1, &how, &push, &b->arena, &r, &b->fault), &b->fault);
        refuted[0] += r.refuted;
        assert_ok(math_refute_common_cause(&s.honest, NULL, &how, &push, &b->arena, &r, &b->fault), &b->fault);
        refuted[1] += r.refuted;
        assert_ok(math_refute_subset(&s.honest, &how, &push, &b->arena, &r, &b->fault), &b->fault);
        refuted[2] += r.refuted;
    }
    print_message("of 100 honest effects refuted: %d %d %d\n", refuted[0], refuted[1], refuted[2]);
    assert_true(refuted[0] <= 3 && refuted[1] <= 3 && refuted[2] <= 3);
}

static void a_mere_shuffle_takes_every_effect_away(void **state)
{
    struct bench *b = *state;
    static struct story s;
    struct math_effect_conf conf = { .method = MATH_BY_REGRESSION };
    struct math_estimator how = math_effect_estimator(&conf);
    struct math_refute_conf push = { .rand = &b->rand };
    struct math_refutation r;
    tell_story(b, &s, true);
    double ones = 0, after = 0;
    for (int i = 0; i < 400; i++)
        ones += s.t[i];
    assert_ok(math_refute_placebo(&s.honest, NULL, 0, &how, &push, &b->arena, &r, &b->fault), &b->fault);
    for (int i = 0; i < 400; i++)
        after += s.t[i];
    assert_near(ones, after, 0);                                       /* on a copy */
    assert_int_equal(r.draws, 200);
    assert_true(fabs(r.mean) < r.sd && r.original > 5 * r.sd && !r.refuted);
}

static void where_there_is_no_estimate_there_is_nothing_to_refute(void **state)
{
    struct bench *b = *state;
    static struct story s;
    struct math_effect_conf conf = { .method = MATH_BY_DOUBLY };
    struct math_estimator how = math_effect_estimator(&conf);
    struct math_refute_conf push = { .rand = &b->rand }, unseeded = { 0 };
    struct math_refutation r;
    tell_story(b, &s, true);
    for (int i = 0; i < 400; i++)
        s.t[i] = s.c[i] > 0;
    assert_ok(math_refute_subset(&s.honest, &how, &push, &b->arena, &r, &b->fault), &b->fault);
    assert_int_equal(r.standing, MATH_NO_OVERLAP);
    assert_true(isnan(r.p) && !r.refuted && r.why[0]);
    assert_int_equal(math_refute_subset(&s.honest, &how, &unseeded, &b->arena, &r, &b->fault), ERR_INPUT);
    s.y[0] = (double)NAN;
    assert_int_equal(math_refute_subset(&s.honest, &how, &push, &b->arena, &r, &b->fault), ERR_INPUT);
}

#define with_bench(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_bench(total_is_direct_plus_indirect_to_the_last_digits),
        with_bench(the_parts_are_those_that_were_planted),
        with_bench(a_path_through_the_graph_is_the_product_of_its_edges),
        with_bench(a_product_of_errors_covers_and_so_does_its_bootstrap),
        with_bench(what_cannot_be_mediated_is_refused),
        with_bench(the_same_seed_gives_the_same_bootstrap),
        with_bench(an_honest_estimate_survives_and_a_careless_one_falls),
        with_bench(few_draws_can_refute_too),
        with_bench(few_draws_seldom_refute_an_honest_effect),
        with_bench(a_mere_shuffle_takes_every_effect_away),
        with_bench(where_there_is_no_estimate_there_is_nothing_to_refute),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
