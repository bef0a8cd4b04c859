/* One policy for many tenants: the mean of what they learned, of which nobody can take more than a share. */
#include "unit.h"

#include "base/file.h"
#include "base/rand.h"
#include "plan/tenants.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NETS = 5 };
static struct math_params    base_actor, base_critic, actor[NETS], critic[NETS];
static struct tenants_policy base, policy[NETS];
static struct tenants_part   part[NETS];
static struct tenants_heard  heard[NETS];
static struct fault          fault;

static void make(struct math_params *p, const char *name, uint64_t seed)
{
    char        weight[40], bias[40];
    struct rand chance;
    (void)snprintf(weight, sizeof weight, "%s.0.weight", name);
    (void)snprintf(bias, sizeof bias, "%s.0.bias", name);
    math_params_init(p);
    int w = math_params_add(p, weight, 8, 5), b = math_params_add(p, bias, 1, 8);
    rand_seed(&chance, seed);
    math_init_orthogonal(math_params_value(p, w), 8, 5, 1, &chance);
    math_init_uniform(math_params_value(p, b), 8, 0.1, &chance);
}

static int setup(void **state)
{
    (void)state;
    make(&base_actor, "actor", 1);
    make(&base_critic, "critic", 2);
    base = (struct tenants_policy){ { &base_actor, &base_critic }, 2 };
    for (int i = 0; i < NETS; i++) {
        assert_ok(tenants_clone(&base_actor, &actor[i], &fault), &fault);
        assert_ok(tenants_clone(&base_critic, &critic[i], &fault), &fault);
        policy[i] = (struct tenants_policy){ { &actor[i], &critic[i] }, 2 };
        part[i] = (struct tenants_part){ .shares = true, .experiences = 100, .policy = &policy[i] };
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    math_params_done(&base_actor);
    math_params_done(&base_critic);
    for (int i = 0; i < NETS; i++) {
        math_params_done(&actor[i]);
        math_params_done(&critic[i]);
    }
    return 0;
}

/* As if it had learned something: every number moves by so much. */
static void learn(int tenant, double by)
{
    for (int s = 0; s < 2; s++)
        for (size_t i = 0; i < policy[tenant].set[s]->size; i++)
            policy[tenant].set[s]->value[i] += (real)by;
}

static double moved(const struct math_params *now, uint64_t seed, const char *name)
{
    struct math_params was;
    double             most = 0;
    make(&was, name, seed);
    for (size_t i = 0; i < now->size; i++)
        most = fmax(most, fabs((double)now->value[i] - (double)was.value[i]));
    math_params_done(&was);
    return most;
}

static void a_clone_is_equal_and_apart(void **state)
{
    (void)state;
    assert_float_equal(moved(&actor[0], 1, "actor"), 0, 0);
    learn(0, 1);
    assert_float_equal(moved(&base_actor, 1, "actor"), 0, 0);
    assert_string_equal(actor[0].tensors[1].name, "actor.0.bias");
}

static void the_mean_of_two_that_are_equal_is_what_they_are(void **state)
{
    (void)state;
    learn(0, 0.03);
    learn(1, 0.03);
    part[1].experiences = 700;
    assert_ok(tenants_federate(&base, part, 2, NULL, heard, &fault), &fault);
    for (int s = 0; s < 2; s++)
        for (size_t i = 0; i < base.set[s]->size; i++)
            assert_float_equal((double)base.set[s]->value[i], (double)policy[0].set[s]->value[i], 1e-6);
}

static void who_has_seen_three_times_as_much_pulls_three_times_as_hard(void **state)
{
    (void)state;
    struct tenants_limits fair = { .share_most = 1 };
    learn(0, 0.04);
    part[1].experiences = 300;
    assert_ok(tenants_federate(&base, part, 2, &fair, heard, &fault), &fault);
    assert_float_equal(heard[0].weight, 0.25, 1e-12);
    assert_float_equal(moved(&base_actor, 1, "actor"), 0.01, 1e-6);
}

static void nobody_weighs_more_than_its_share_however_much_it_says_to_have_seen(void **state)
{
    (void)state;
    part[0].experiences = 1e300;
    part[1].experiences = 300;
    assert_ok(tenants_federate(&base, part, 3, NULL, heard, &fault), &fault);
    assert_float_equal(heard[0].weight, 0.5, 1e-12);
    assert_float_equal(heard[1].weight, 0.375, 1e-9);
    assert_float_equal(heard[2].weight, 0.125, 1e-9);
    struct tenants_limits third = { .share_most = 0.1 };     /* less than an equal share is not to be had */
    assert_ok(tenants_federate(&base, part, 2, &third, heard, &fault), &fault);
    assert_float_equal(heard[0].weight, 0.5, 1e-12);
    assert_float_equal(heard[1].weight, 0.5, 1e-12);
}

static void who_opted_out_adds_nothing_and_who_has_seen_nothing_neither(void **state)
{
    (void)state;
    learn(0, 0.5);
    learn(1, 0.5);
    learn(2, 0.02);
    part[0].shares = false;
    part[1].experiences = 0;
    part[3].experiences = (double)NAN;
    assert_ok(tenants_federate(&base, part, 4, NULL, heard, &fault), &fault);
    assert_int_equal(heard[0].answer, TENANTS_OPTED_OUT);
    assert_true(isnan(heard[0].moved));
    assert_int_equal(heard[1].answer, TENANTS_NOTHING_SEEN);
    assert_int_equal(heard[2].answer, TENANTS_TAKEN);
    assert_int_equal(heard[3].answer, TENANTS_NOTHING_SEEN);
    assert_float_equal(moved(&base_actor, 1, "actor"), 0.02, 1e-6);
    part[2].shares = false;
    assert_int_equal(tenants_federate(&base, part, 4, NULL, heard, &fault), ERR_MISSING);
    assert_float_equal(moved(&base_actor, 1, "actor"), 0.02, 1e-6);
}

static void a_poisoned_contribution_pulls_no_further_than_the_bound(void **state)
{
    (void)state;
    double norm = 0, pulled = 0;
    for (int s = 0; s < 2; s++)
        for (size_t i = 0; i < base.set[s]->size; i++)
            norm += (double)base.set[s]->value[i] * (double)base.set[s]->value[i];
    learn(0, 1e6);
    part[0].experiences = 1e12;
    assert_ok(tenants_federate(&base, part, 4, NULL, heard, &fault), &fault);
    assert_int_equal(heard[0].answer, TENANTS_SHORTENED);
    for (int s = 0; s < 2; s++)
        for (size_t i = 0; i < base.set[s]->size; i++) {
            double d = (double)base.set[s]->value[i] - (double)policy[1].set[s]->value[i];     /* whose clone is the old base */
            pulled += d * d;
        }
    assert_true(sqrt(pulled) <= 0.5 * 0.25 * sqrt(norm) * 1.001);
}

static void what_is_not_finite_or_of_another_shape_is_left_out(void **state)
{
    (void)state;
    struct math_params other;
    make(&other, "other", 3);
    struct tenants_policy odd = { { &actor[1], &other }, 2 }, half = { { &actor[2] }, 1 };
    actor[0].value[7] = (real)NAN;
    part[1].policy = &odd;
    part[2].policy = &half;
    critic[3].value[0] = (real)INFINITY;
    learn(4, 0.01);
    assert_ok(tenants_federate(&base, part, 5, NULL, heard, &fault), &fault);
    assert_int_equal(heard[0].answer, TENANTS_NOT_FINITE);
    assert_int_equal(heard[1].answer, TENANTS_OTHER_SHAPE);
    assert_int_equal(heard[2].answer, TENANTS_OTHER_SHAPE);
    assert_int_equal(heard[3].answer, TENANTS_NOT_FINITE);
    assert_float_equal(heard[4].weight, 1, 1e-12);
    assert_float_equal(moved(&base_actor, 1, "actor"), 0.01, 1e-6);
    for (int a = 0; a <= TENANTS_NOT_FINITE; a++)
        assert_true(strlen(tenants_answer_text((enum tenants_answer)a)) > 3);
    math_params_done(&other);
}

static void a_saved_policy_comes_back_and_a_damaged_one_is_refused_whole(void **state)
{
    (void)state;
    char folder[] = "/tmp/homeostat-tenants-XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/policy", folder);
    learn(0, 0.25);
    struct tenants_edition edition = { 3, 1200 }, got = { 0 };
    assert_ok(tenants_save(path, &policy[0], &edition, &fault), &fault);
    assert_ok(tenants_load(path, &policy[1], &got, &fault), &fault);
    assert_float_equal(got.rounds, 3, 0);
    assert_float_equal(got.experiences, 1200, 0);
    assert_memory_equal(policy[1].set[1]->value, policy[0].set[1]->value, policy[0].set[1]->size * sizeof(real));
    char  *bytes;
    size_t size;
    assert_ok(file_read(path, TENANTS_FILE_MAX, &bytes, &size, &fault), &fault);
    bytes[size / 2] = (char)(bytes[size / 2] ^ 1);
    assert_ok(file_write(path, bytes, size, 0600, &fault), &fault);
    assert_int_equal(tenants_load(path, &policy[2], &got, &fault), ERR_INPUT);
    assert_non_null(strstr(fault.text, "checksum"));
    assert_float_equal(moved(&actor[2], 1, "actor"), 0, 0);
    free(bytes);
    actor[0].value[0] = (real)NAN;
    assert_int_equal(tenants_save(path, &policy[0], &edition, &fault), ERR_INPUT);
    (void)unlink(path);
    (void)rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_clone_is_equal_and_apart, setup, teardown),
        cmocka_unit_test_setup_teardown(the_mean_of_two_that_are_equal_is_what_they_are, setup, teardown),
        cmocka_unit_test_setup_teardown(who_has_seen_three_times_as_much_pulls_three_times_as_hard, setup, teardown),
        cmocka_unit_test_setup_teardown(nobody_weighs_more_than_its_share_however_much_it_says_to_have_seen, setup, teardown),
        cmocka_unit_test_setup_teardown(who_opted_out_adds_nothing_and_who_has_seen_nothing_neither, setup, teardown),
        cmocka_unit_test_setup_teardown(a_poisoned_contribution_pulls_no_further_than_the_bound, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_not_finite_or_of_another_shape_is_left_out, setup, teardown),
        cmocka_unit_test_setup_teardown(a_saved_policy_comes_back_and_a_damaged_one_is_refused_whole, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
