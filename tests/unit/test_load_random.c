/* load: chance is what TPC-C says it is, and input stays inside its bounds. */
#include "unit.h"

#include "load/random.h"
#include "load/transactions.h"

#include <stdlib.h>
#include <string.h>

static void nurand_stays_in_its_range_for_every_constant(void **state)
{
    (void)state;
    struct rand r;
    rand_seed(&r, 1);
    for (int i = 0; i < 100000; i++) {
        int c = (int)rand_int(&r, 0, LOAD_A_ITEM);
        assert_in_range(load_nurand(&r, LOAD_A_ITEM, c, 1, LOAD_ITEMS), 1, LOAD_ITEMS);
        assert_in_range(load_nurand(&r, LOAD_A_CUSTOMER, c & LOAD_A_CUSTOMER, 1, LOAD_CUSTOMERS), 1, LOAD_CUSTOMERS);
        assert_in_range(load_nurand(&r, LOAD_A_LAST_NAME, c & LOAD_A_LAST_NAME, 0, 999), 0, 999);
    }
}

static void nurand_prefers_some_values_by_far(void **state)
{
    (void)state;
    static int  seen[LOAD_CUSTOMERS + 1];
    struct rand r;
    int         most = 0;
    rand_seed(&r, 2);
    for (int i = 0; i < 300000; i++)
        seen[load_nurand(&r, LOAD_A_CUSTOMER, 259, 1, LOAD_CUSTOMERS)]++;
    for (int i = 1; i <= LOAD_CUSTOMERS; i++)
        if (seen[i] > most)
            most = seen[i];
    assert_true(most > 5 * 300000 / LOAD_CUSTOMERS);
}

static void drawn_all_alike_no_customer_and_no_item_is_preferred(void **state)
{
    (void)state;
    static int            seen[LOAD_CUSTOMERS + 1];
    struct load_constants c = { .customer = 259, .item = 7911, .last_name = 223, .uniform = true };
    struct rand           r;
    int                   most = 0, least = 300000;
    rand_seed(&r, 2);
    for (int i = 0; i < 300000; i++) {
        seen[load_draw_customer(&r, &c)]++;
        assert_in_range(load_draw_item(&r, &c), 1, LOAD_ITEMS);
        assert_in_range(load_draw_last_name(&r, &c), 0, LOAD_LAST_NAMES - 1);
    }
    for (int i = 1; i <= LOAD_CUSTOMERS; i++) {
        most = seen[i] > most ? seen[i] : most;
        least = seen[i] < least ? seen[i] : least;
    }
    assert_int_equal(seen[0], 0);
    assert_true(most < 160 && least > 45);      /* 100 each, by chance within six standard deviations */
}

static void a_run_draws_its_constant_at_the_right_distance_from_the_loads(void **state)
{
    (void)state;
    for (int loaded = 0; loaded <= LOAD_A_LAST_NAME; loaded++)
        for (uint64_t seed = 1; seed <= 20; seed++) {
            struct load_constants c;
            struct rand           r;
            rand_seed(&r, seed);
            load_constants_draw_for_run(&c, loaded, &r);
            int d = abs(c.last_name - loaded);
            assert_in_range(c.last_name, 0, LOAD_A_LAST_NAME);
            assert_in_range(d, 65, 119);
            assert_int_not_equal(d, 96);
            assert_int_not_equal(d, 112);
        }
}

static void last_names_are_three_syllables(void **state)
{
    (void)state;
    char name[LOAD_LAST_NAME_SIZE];
    (void)load_last_name(0, name);
    assert_string_equal(name, "BARBARBAR");
    (void)load_last_name(371, name);
    assert_string_equal(name, "PRICALLYOUGHT");
    assert_int_equal(load_last_name(999, name), 12);
    assert_string_equal(name, "EINGEINGEING");
    for (int i = 0; i < LOAD_LAST_NAMES; i++)
        assert_in_range(load_last_name(i, name), 9, 16);
}

static void a_deck_has_the_standard_mix_and_another_order_each_time(void **state)
{
    (void)state;
    struct load_deck deck;
    struct rand      r;
    const int        mix[LOAD_KINDS] = { 45, 43, 4, 4, 4 };
    unsigned char    first[100], again[100];
    load_deck_init(&deck);
    rand_seed(&r, 3);
    for (int round = 0; round < 50; round++) {
        int seen[LOAD_KINDS] = { 0 };
        for (int i = 0; i < 100; i++) {
            enum load_kind k = load_deck_draw(&deck, &r);
            seen[k]++;
            (round ? again : first)[i] = (unsigned char)k;
        }
        assert_memory_equal(seen, mix, sizeof mix);
    }
    assert_memory_not_equal(first, again, sizeof first);
}

static void letters_and_digits_keep_to_their_lengths(void **state)
{
    (void)state;
    struct rand r;
    char        out[64];
    size_t      least = 99, most = 0;
    rand_seed(&r, 4);
    for (int i = 0; i < 5000; i++) {
        size_t n = load_draw_letters(&r, 14, 24, out);
        least = n < least ? n : least;
        most = n > most ? n : most;
        for (size_t j = 0; j < n; j++)
            assert_true(out[j] > ' ' && out[j] < 127 && out[j] != '\\' && out[j] != '\t');
    }
    assert_int_equal(least, 14);
    assert_int_equal(most, 24);
    assert_int_equal(load_draw_digits(&r, 16, 16, out), 16);
    assert_int_equal(strspn(out, "0123456789"), 16);
}

struct tally { int total, remote_lines, lines, rolled_back, remote, by_name; };

static struct tally draw_many(enum load_kind kind, int warehouses, int n)
{
    struct load_scale       scale = { warehouses, { 7, 8, 9 } };
    struct load_transaction t;
    struct tally            seen = { 0 };
    struct rand             r;
    rand_seed(&r, 5);
    for (int i = 0; i < n; i++) {
        load_transaction_draw(&t, kind, &scale, &r);
        assert_in_range(t.warehouse, 1, warehouses);
        assert_in_range(t.customer_warehouse, 1, warehouses);
        assert_in_range(t.district, 1, 10);
        assert_in_range(t.customer_district, 1, 10);
        for (int l = 0; l < t.lines; l++) {
            bool last = l == t.lines - 1;
            assert_in_range(t.line[l].supply, 1, warehouses);
            assert_in_range(t.line[l].quantity, 1, 10);
            assert_in_range(t.line[l].item, 1, LOAD_ITEMS + (last && t.rolls_back ? 1 : 0));
            seen.remote_lines += t.line[l].supply != t.warehouse;
        }
        seen.total++;
        seen.lines += t.lines;
        seen.rolled_back += t.rolls_back;
        seen.remote += t.customer_warehouse != t.warehouse;
        seen.by_name += t.last_name[0] != '\0';
    }
    return seen;
}

static double share(int part, int whole) { return (double)part / whole; }
static void assert_about(double x, double expected, double margin) { assert_true(x > expected - margin && x < expected + margin); }

static void one_new_order_in_a_hundred_rolls_back_and_one_line_in_a_hundred_is_remote(void **state)
{
    (void)state;
    struct tally t = draw_many(LOAD_NEW_ORDER, 5, 100000);
    assert_about(share(t.rolled_back, t.total), 0.01, 0.002);
    assert_about(share(t.remote_lines, t.lines), 0.01, 0.001);
    assert_about(share(t.lines, t.total), 10, 0.1);
    assert_int_equal(t.by_name, 0);
}

static void payments_are_remote_in_fifteen_and_by_name_in_sixty_of_a_hundred(void **state)
{
    (void)state;
    struct tally t = draw_many(LOAD_PAYMENT, 5, 100000);
    assert_about(share(t.remote, t.total), 0.15, 0.01);
    assert_about(share(t.by_name, t.total), 0.60, 0.01);
    t = draw_many(LOAD_ORDER_STATUS, 5, 20000);
    assert_about(share(t.by_name, t.total), 0.60, 0.02);
}

static void with_one_warehouse_nothing_is_remote(void **state)
{
    (void)state;
    assert_int_equal(draw_many(LOAD_NEW_ORDER, 1, 5000).remote_lines, 0);
    assert_int_equal(draw_many(LOAD_PAYMENT, 1, 5000).remote, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nurand_stays_in_its_range_for_every_constant),
        cmocka_unit_test(nurand_prefers_some_values_by_far),
        cmocka_unit_test(drawn_all_alike_no_customer_and_no_item_is_preferred),
        cmocka_unit_test(a_run_draws_its_constant_at_the_right_distance_from_the_loads),
        cmocka_unit_test(last_names_are_three_syllables),
        cmocka_unit_test(a_deck_has_the_standard_mix_and_another_order_each_time),
        cmocka_unit_test(letters_and_digits_keep_to_their_lengths),
        cmocka_unit_test(one_new_order_in_a_hundred_rolls_back_and_one_line_in_a_hundred_is_remote),
        cmocka_unit_test(payments_are_remote_in_fifteen_and_by_name_in_sixty_of_a_hundred),
        cmocka_unit_test(with_one_warehouse_nothing_is_remote),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
