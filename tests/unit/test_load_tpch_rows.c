/* load: TPC-H's rows have the specification's distributions, and depend on the seed alone, not on who writes which part of them. */
#include "unit.h"

#include "base/text.h"
#include "load/tpch_rows.h"
#include "load/tpch_words.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct load_tpch *make(double scale, uint64_t seed)
{
    static struct load_tpch t;
    load_tpch_init(&t, scale, seed);
    return &t;
}

static enum err keep(void *ctx, const char *data, size_t size, struct fault *fault)
{
    (void)fault;
    text_add_n(ctx, data, size);
    return OK;
}

/* Rows of some units as text; the caller frees it. */
static char *rows_of(const struct load_tpch *t, enum load_tpch_table table, int64_t from, int64_t to, int64_t step)
{
    static struct load_sink sink;
    struct text             all;
    struct fault            fault = { 0 };
    uint64_t                rows = 0;
    text_init(&all, 64 * 1024 * 1024);
    sink.send = keep;
    sink.ctx = &all;
    sink.rows = &rows;
    for (int64_t at = from; at < to; at += step)
        assert_ok(load_tpch_write(t, table, at, at + step < to ? at + step : to, &sink, &fault), &fault);
    assert_false(all.cut);
    return text_take(&all);
}

static void the_same_seed_writes_the_same_rows_in_whatever_pieces(void **state)
{
    (void)state;
    for (int table = 0; table < TPCH_TABLES; table++) {
        const struct load_tpch *t = make(0.01, 42);
        int64_t                 units = load_tpch_units(t, (enum load_tpch_table)table);
        char                   *whole = rows_of(t, (enum load_tpch_table)table, 0, units, units), *pieces = rows_of(t, (enum load_tpch_table)table, 0, units, 7);
        char                   *other = rows_of(make(0.01, 43), (enum load_tpch_table)table, 0, units, units);
        assert_string_equal(whole, pieces);
        assert_string_not_equal(whole, other);
        free(whole), free(pieces), free(other);
    }
}

static int count_of(const char *text, char c)
{
    int n = 0;
    for (; *text; text++)
        n += *text == c;
    return n;
}

static void every_row_has_its_columns_and_no_letters_that_copy_would_misread(void **state)
{
    (void)state;
    static const int columns[TPCH_TABLES] = { 3, 4, 7, 8, 9, 5, 9, 16 };
    const struct load_tpch *t = make(0.01, 5);
    for (int table = 0; table < TPCH_TABLES; table++) {
        int64_t units = load_tpch_units(t, (enum load_tpch_table)table);
        char   *text = rows_of(t, (enum load_tpch_table)table, 0, units, units);
        int     rows = count_of(text, '\n');
        assert_int_equal(count_of(text, '\t'), rows * (columns[table] - 1));
        assert_int_equal(count_of(text, '\\'), 0);
        if (table != TPCH_LINEITEM)
            assert_int_equal(rows, load_tpch_rows_expected(t, (enum load_tpch_table)table));
        free(text);
    }
}

static void tables_grow_with_the_scale_factor_and_stay_in_proportion(void **state)
{
    (void)state;
    const struct load_tpch *t = make(1, 1);
    assert_true(t->suppliers == 10000 && t->parts == 200000 && t->customers == 150000 && t->orders == 1500000 && t->clerks == 1000);
    t = make(0.0123, 1);
    assert_true(t->suppliers == 123 && t->parts == 2460 && t->customers == 1845 && t->orders == 18450 && t->scale == 0.0123);
    t = make(LOAD_SCALE_LEAST, 1);
    assert_true(t->suppliers == 10 && t->clerks == 1);
    assert_string_equal(t->dates[0], "1992-01-01");
    assert_string_equal(t->dates[59], "1992-02-29");
    assert_string_equal(t->dates[LOAD_DAY_TODAY], "1995-06-17");
    assert_string_equal(t->dates[LOAD_DAY_LAST_ORDER], "1998-08-02");
    assert_string_equal(t->dates[LOAD_DAYS - 1], "1998-12-31");
}

static void a_part_has_four_different_suppliers_at_every_scale(void **state)
{
    (void)state;
    static const double scales[] = { 0.001, 0.0012, 0.005, 0.01, 0.012, 0.0228, 0.1, 1 };
    for (size_t i = 0; i < sizeof scales / sizeof scales[0]; i++) {
        const struct load_tpch *t = make(scales[i], 1);
        for (int64_t part = 1; part <= t->parts; part++)
            for (int a = 0; a < 4; a++) {
                int64_t s = load_tpch_part_supplier(t, part, a);
                assert_in_range(s, 1, t->suppliers);
                for (int b = 0; b < a; b++)
                    assert_true(s != load_tpch_part_supplier(t, part, b));
            }
    }
}

static void prices_and_keys_follow_the_rules(void **state)
{
    (void)state;
    assert_int_equal(load_tpch_part_price_cents(1), 90100);
    assert_int_equal(load_tpch_part_price_cents(1000), 90100);
    assert_int_equal(load_tpch_part_price_cents(200000), 90000 + 20000);
    assert_int_equal(load_tpch_order_key(0), 1);
    assert_int_equal(load_tpch_order_key(7), 8);
    assert_int_equal(load_tpch_order_key(8), 33);
    assert_int_equal(load_tpch_order_key(1499999), 5999976);
}

static void assert_share(double part, double whole, double expected)
{
    double share = part / whole, margin = 5 * sqrt(expected * (1 - expected) / whole);
    if (fabs(share - expected) > margin)
        fail_msg("a share of %.5f instead of %.5f +- %.5f", share, expected, margin);
}

static void orders_and_lines_have_the_specified_distributions(void **state)
{
    (void)state;
    const struct load_tpch *t = make(0.05, 3);
    int    lines_of[8] = { 0 }, urgent = 0, air = 0, returned = 0, past = 0, none = 0, discount[11] = { 0 }, partial = 0, year = 0, lines = 0;
    double quantity = 0;
    for (int64_t n = 0; n < t->orders; n++) {
        struct load_tpch_order o;
        load_tpch_draw_order(t, n, &o);
        assert_in_range(o.customer, 1, t->customers);
        assert_true(o.customer % 3 != 0);
        assert_in_range(o.date, 0, LOAD_DAY_LAST_ORDER);
        assert_in_range(o.clerk, 1, t->clerks);
        lines_of[o.lines]++;
        urgent += o.priority == 0;
        partial += o.status == 'P';
        year += o.date >= 366 && o.date < 366 + 365;
        int64_t total = 0;
        for (int i = 0; i < o.lines; i++) {
            const struct load_tpch_line *l = &o.line[i];
            assert_in_range(l->shipped - o.date, 1, 121);
            assert_in_range(l->promised - o.date, 30, 90);
            assert_in_range(l->received - l->shipped, 1, 30);
            assert_int_equal(l->price_cents, l->quantity * load_tpch_part_price_cents(l->part));
            assert_int_equal(l->status, l->shipped > LOAD_DAY_TODAY ? 'O' : 'F');
            assert_true(l->received < LOAD_DAYS);
            total += l->price_cents * (100 + l->tax) * (100 - l->discount);
            lines++;
            quantity += l->quantity;
            discount[l->discount]++;
            air += strcmp(load_ship_modes[l->mode], "AIR") == 0;
            none += strcmp(load_instructions[l->instruction], "NONE") == 0;
            past += l->received <= LOAD_DAY_TODAY;
            returned += l->returned == 'R';
        }
        assert_int_equal(o.total_cents, (total + 5000) / 10000);
    }
    for (int i = 1; i <= 7; i++)
        assert_share(lines_of[i], (double)t->orders, 1.0 / 7);
    for (int i = 0; i <= 10; i++)
        assert_share(discount[i], lines, 1.0 / 11);
    assert_share(urgent, (double)t->orders, 0.2);
    assert_share(year, (double)t->orders, 365.0 / (LOAD_DAY_LAST_ORDER + 1));
    assert_share(air, lines, 1.0 / 7);
    assert_share(none, lines, 0.25);
    assert_share(returned, past, 0.5);
    assert_true(fabs(quantity / lines - 25.5) < 0.2);
    assert_in_range(partial * 1000 / (int)t->orders, 15, 40);   /* orders of the four months around today */
}

static int column_matches(const char *rows, int column, bool (*matches)(const char *text, size_t n))
{
    int found = 0;
    for (const char *row = rows; *row; row = strchr(row, '\n') + 1) {
        const char *at = row;
        for (int i = 0; i < column; i++)
            at = strchr(at, '\t') + 1;
        found += matches(at, strcspn(at, "\t\n"));
    }
    return found;
}

static bool has(const char *text, size_t n, const char *word) { return memmem(text, n, word, strlen(word)) != NULL; }
static bool has_green(const char *text, size_t n)        { return has(text, n, "green"); }
static bool begins_forest(const char *text, size_t n)    { return n > 6 && memcmp(text, "forest", 6) == 0; }
static bool is_promo(const char *text, size_t n)         { return n > 5 && memcmp(text, "PROMO", 5) == 0; }

static const char *first_word, *second_word;
static bool has_pair(const char *text, size_t n)
{
    const char *at = memmem(text, n, first_word, strlen(first_word));
    return at && has(at + strlen(first_word), n - (size_t)(at - text) - strlen(first_word), second_word);
}

static void patterns_select_as_much_as_the_queries_count_on(void **state)
{
    (void)state;
    const struct load_tpch *t = make(0.05, 11);
    char                   *parts = rows_of(t, TPCH_PART, 0, t->parts, t->parts), *orders = rows_of(t, TPCH_ORDERS, 0, t->orders, t->orders);
    assert_share(column_matches(parts, 1, has_green), (double)t->parts, 5.0 / 92);       /* Q9 */
    assert_share(column_matches(parts, 1, begins_forest), (double)t->parts, 1.0 / 92);   /* Q20 */
    assert_share(column_matches(parts, 4, is_promo), (double)t->parts, 1.0 / 6);         /* Q14 */
    for (int i = 0; i < LOAD_PAIR_WORDS; i++)
        for (int j = 0; j < LOAD_PAIR_WORDS; j++) {                                      /* Q13: about one order in a hundred, whichever words it asks for */
            first_word = load_pair_first[i];
            second_word = load_pair_second[j];
            double share = column_matches(orders, 8, has_pair) / (double)t->orders;
            if (share < 0.007 || share > 0.015)
                fail_msg("%s ... %s in a share of %.4f", first_word, second_word, share);
        }
    free(parts), free(orders);
}

static bool complains(const char *text, size_t n)  { first_word = "Customer", second_word = "Complaints"; return has_pair(text, n); }
static bool recommends(const char *text, size_t n) { first_word = "Customer", second_word = "Recommends"; return has_pair(text, n); }

static void five_suppliers_of_ten_thousand_are_complained_about_and_five_recommended(void **state)
{
    (void)state;
    static const struct { double scale; int each; } cases[] = { { 1, 5 }, { 0.2, 1 }, { 0.01, 1 }, { 0.001, 1 } };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct load_tpch *t = make(cases[i].scale, 8);
        char                   *rows = rows_of(t, TPCH_SUPPLIER, 0, t->suppliers, t->suppliers);
        assert_int_equal(column_matches(rows, 6, complains), cases[i].each);
        assert_int_equal(column_matches(rows, 6, recommends), cases[i].each);
        free(rows);
    }
}

static void comments_keep_to_their_lengths_and_do_not_end_in_a_blank(void **state)
{
    (void)state;
    struct rand r;
    char        out[200];
    size_t      least = 999, most = 0;
    rand_seed(&r, 4);
    for (int i = 0; i < 20000; i++) {
        size_t n = load_draw_comment(&r, 10, 43, out);
        least = n < least ? n : least;
        most = n > most ? n : most;
        assert_true(out[n - 1] != ' ' && out[0] != ' ');
    }
    assert_true(least == 10 && most == 43);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_writes_the_same_rows_in_whatever_pieces),
        cmocka_unit_test(every_row_has_its_columns_and_no_letters_that_copy_would_misread),
        cmocka_unit_test(tables_grow_with_the_scale_factor_and_stay_in_proportion),
        cmocka_unit_test(a_part_has_four_different_suppliers_at_every_scale),
        cmocka_unit_test(prices_and_keys_follow_the_rules),
        cmocka_unit_test(orders_and_lines_have_the_specified_distributions),
        cmocka_unit_test(patterns_select_as_much_as_the_queries_count_on),
        cmocka_unit_test(five_suppliers_of_ten_thousand_are_complained_about_and_five_recommended),
        cmocka_unit_test(comments_keep_to_their_lengths_and_do_not_end_in_a_blank),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
