/* model: steps on indexes and statistics say what they mean, and names tell ours from others'. */
#include "unit.h"

#include "model/index.h"
#include "model/plan.h"

#include <math.h>
#include <string.h>

static struct fault fault;

static struct index_def def_of(const char *table, const char *a, const char *b)
{
    struct index_def d = { .columns = b ? 2 : 1 };
    (void)text_copy(d.schema, sizeof d.schema, "public");
    (void)text_copy(d.table, sizeof d.table, table);
    (void)text_copy(d.column[0].name, sizeof d.column[0].name, a);
    if (b)
        (void)text_copy(d.column[1].name, sizeof d.column[1].name, b);
    index_name_make(&d);
    return d;
}

static void a_name_is_made_of_table_columns_and_a_digest_and_belongs_to_them_alone(void **state)
{
    (void)state;
    struct index_def d = def_of("orders", "customer", NULL), other = def_of("orders", "customer", NULL);
    assert_string_equal(d.name, "homeostat_orders_customer_dcf485ec");
    assert_true(index_name_fits(&d) && index_name_is_ours(d.name));
    other.column[0].descending = true;
    assert_false(index_name_fits(&other));
    index_name_make(&other);
    assert_string_not_equal(d.name, other.name);
    assert_false(index_def_same(&d, &other));
    assert_false(index_name_is_ours("orders_customer_idx"));
    assert_false(index_name_is_ours("homeostat_orders"));
    assert_false(index_name_is_ours("homeostat_orders_customer_DCF485EC"));
}

static void long_and_odd_names_still_fit_what_postgresql_takes(void **state)
{
    (void)state;
    struct index_def d = def_of("ttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttt", "cccccccccccccccccccccccccccccccccccccccccc", "ddddddddddd");
    assert_int_equal(strlen(d.name), 63);
    assert_true(index_name_is_ours(d.name));
    d = def_of("Odd \"one\"", "a b", "\xc3\xa4");
    struct text sql CLEANUP(text_done);
    text_init(&sql, 1000);
    index_create_sql(&d, &sql);
    assert_non_null(strstr(sql.s, "ON \"public\".\"Odd \"\"one\"\"\" (\"a b\", \"\xc3\xa4\")"));
    assert_true(strspn(d.name, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(d.name));
}

static void a_step_survives_the_way_to_json_and_back(void **state)
{
    (void)state;
    struct index_step s = { .def = def_of("orders", "customer", "placed"), .bytes = 1e6, .table_bytes = (double)NAN, .lock_timeout_s = 30 }, back;
    s.def.column[1].descending = true;
    s.def.includes = 1;
    (void)text_copy(s.def.include[0], sizeof s.def.include[0], "total");
    index_name_make(&s.def);
    json_t *step = index_step_json(&s, "main", 60), *params = json_object_get(step, "params");
    assert_ok(index_step_parse(params, &back, &fault), &fault);
    assert_true(index_def_same(&s.def, &back.def) && !back.drop && isnan(back.table_bytes));
    assert_string_equal(s.def.name, back.def.name);
    enum plan_action action;
    assert_true(plan_action_parse(json_string_value(json_object_get(step, "action")), &action) && action == PLAN_POSTGRES_INDEX);
    json_decref(step);
}

static void what_a_step_must_not_be_is_refused_with_its_member(void **state)
{
    (void)state;
    static const struct { const char *member, *json, *text; } bad[] = {
        { "do", "\"reindex\"", "/params/do" }, { "schema", "\"\"", "/params/schema" }, { "table", "null", "/params/table" }, { "columns", "[]", "/params/columns" },
        { "columns", "[\"customer\",\"customer\"]", "twice" }, { "columns", "[1]", "/params/columns/0" }, { "include", "[\"\"]", "/params/include/0" },
        { "include", "[\"customer\"]", "twice" }, { "name", "\"orders_idx\"", "/params/name" }, { "lock_timeout_s", "0", "/params/lock_timeout_s" },
        { "columns", "[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\",\"i\"]", "1 to 8" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct index_step s = { .def = def_of("orders", "customer", NULL), .lock_timeout_s = 60 }, back;
        json_t *step = index_step_json(&s, "main", 60), *params = json_object_get(step, "params");
        json_object_set_new(params, bad[i].member, json_loads(bad[i].json, JSON_DECODE_ANY, NULL));
        if (index_step_parse(params, &back, &fault) == OK || !strstr(fault.text, bad[i].text))
            fail_msg("%s = %s: %s", bad[i].member, bad[i].json, fault.text);
        json_decref(step);
    }
}

static void when_an_index_was_built_is_read_back_from_what_is_written_on_it(void **state)
{
    (void)state;
    char          said[INDEX_COMMENT_SIZE];
    const int64_t when = INT64_C(1769903999123000);
    index_comment_write(when, "7", said);
    assert_string_equal(said, "built by Homeostat at 2026-01-31T23:59:59.123Z, action 7");
    assert_true(index_comment_time(said) == when);
    index_comment_write(when, "it's", said);   /* it goes into quotes */
    assert_true(index_comment_time(said) == when && !strchr(said, '\''));
    static const char *const others[] = { "built by Homeostat, action 7", "built by Homeostat at noon, action 7", "built by Homeostat at ", "for the nightly job", "", NULL };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_true(index_comment_time(others[i]) == 0);
}

static void the_size_of_an_index_is_estimated_and_unknown_stays_unknown(void **state)
{
    (void)state;
    /* A B-tree on a bigint of 10 000 000 rows has 214 MB when just built. */
    double mb = index_bytes_estimate(1e7, 8) / 1048576;
    assert_true(mb > 180 && mb < 250);
    assert_true(isnan(index_bytes_estimate((double)NAN, 8)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_is_made_of_table_columns_and_a_digest_and_belongs_to_them_alone),
        cmocka_unit_test(long_and_odd_names_still_fit_what_postgresql_takes),
        cmocka_unit_test(a_step_survives_the_way_to_json_and_back),
        cmocka_unit_test(what_a_step_must_not_be_is_refused_with_its_member),
        cmocka_unit_test(when_an_index_was_built_is_read_back_from_what_is_written_on_it),
        cmocka_unit_test(the_size_of_an_index_is_estimated_and_unknown_stays_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
