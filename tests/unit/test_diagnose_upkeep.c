/* diagnose: indexes that are broken, double or idle, and statistics that mislead; what is unknown complains of nothing. */
#include "unit.h"

#include "diagnose/upkeep.h"

#include <math.h>
#include <string.h>

static struct survey        s;
static struct survey_table  table[2];
static struct survey_column column[4];
static struct survey_index  index_[6];
static struct finding       list[FINDINGS_MAX];

static void fresh(void)
{
    s = (struct survey){ .table = table, .column = column, .index = index_, .tables = 1, .columns = 3, .taken_us = INT64_C(1800000000) * 1000000, .stats_s = 10 * 86400.0, .load_ms = (double)NAN, .statements_s = (double)NAN };
    table[0] = (struct survey_table){ .schema = "public", .name = "orders", .kind = 'r', .ours = true, .rows = 1e5, .live_rows = 1e5, .bytes = 1e7, .modified = 10, .analyze_at = 10050,
                                      .analyzed_us = 1, .columns = 3 };
    for (int i = 0; i < 3; i++)
        column[i] = (struct survey_column){ .counted = (double)NAN, .n_distinct = 10, .name = (const char *[]){ "a", "b", "c" }[i], .type = "integer", .sortable = true, .analyzed = true };
}

static struct survey_index *add(const char *name, int keys, int a, int b)
{
    struct survey_index *x = &index_[s.indexes++];
    *x = (struct survey_index){ .table = 0, .name = name, .definition = "", .method = "btree", .valid = true, .keys = keys, .key = { a, b }, .scans = 5, .bytes = 5e6 };
    return x;
}

static const struct finding *look(int number, int expected)
{
    int found = 0, n = diagnose_upkeep(&s, list, FINDINGS_MAX, NULL);
    const struct finding *first = NULL;
    for (int i = 0; i < n; i++)
        if (list[i].number == number && found++ == 0)
            first = &list[i];
    assert_int_equal(found, expected);
    return first;
}

static void a_healthy_table_complains_of_nothing(void **state)
{
    (void)state;
    fresh();
    add("one", 1, 0, 0);
    add("other", 1, 1, 0);
    assert_int_equal(diagnose_upkeep(&s, list, FINDINGS_MAX, NULL), 0);
}

static void an_invalid_index_is_told_unless_somebody_is_building_it(void **state)
{
    (void)state;
    fresh();
    struct survey_index *x = add("broken \"one\"", 1, 0, 0);
    x->valid = false;
    const struct finding *f = look(201, 1);
    assert_string_equal(f->advice, "DROP INDEX CONCURRENTLY \"public\".\"broken \"\"one\"\"\"");
    assert_false(f->drop);   /* not ours */
    x->building = true;
    assert_string_equal(look(201, 1)->advice, "");
}

static void a_leftover_of_ours_comes_with_the_definition_a_case_needs(void **state)
{
    (void)state;
    fresh();
    struct index_def d = { .schema = "public", .table = "orders", .columns = 1, .column = { { "a", false } } };
    index_name_make(&d);
    struct survey_index *x = add(d.name, 1, 0, 0);
    x->valid = false;
    assert_true(look(201, 1)->drop);
    x->key[0] = 1;   /* our name on other columns is somebody else's joke */
    assert_false(look(201, 1)->drop);
    table[0].ours = false;
    x->key[0] = 0;
    assert_false(look(201, 1)->drop);
}

static void of_twins_one_is_told_and_never_the_one_that_guards_uniqueness(void **state)
{
    (void)state;
    fresh();
    add("first", 1, 0, 0);
    add("second", 1, 0, 0);
    assert_string_equal(look(202, 1)->subject, "public.second");
    fresh();
    add("plain", 1, 0, 0);
    add("key", 1, 0, 0)->unique = true;
    assert_string_equal(look(202, 1)->subject, "public.plain");
    index_[0].condition = "(a > 1)";
    index_[0].special = true;
    look(202, 0);
}

static void an_index_in_an_order_of_its_own_has_no_twin_even_where_both_are_partial(void **state)
{
    (void)state;
    fresh();
    for (int i = 0; i < 2; i++) {
        struct survey_index *x = add(i ? "pattern" : "plain", 1, 0, 0);
        x->condition = "(b > 1)";
        x->special = true;
    }
    look(202, 1);
    index_[1].own_order = true;   /* text_pattern_ops, another collation, nulls elsewhere: it serves other conditions */
    look(202, 0);
    look(203, 0);
    index_[1].condition = NULL;
    index_[0].condition = NULL;
    index_[0].special = false;
    look(202, 0);
}

static void an_index_that_another_begins_with_is_redundant(void **state)
{
    (void)state;
    fresh();
    add("short", 1, 0, 0);
    add("long", 2, 0, 1);
    assert_string_equal(look(203, 1)->subject, "public.short");
    index_[1].descending[0] = true;
    look(203, 0);
}

static void of_two_indexes_never_both_are_told_for_each_others_sake(void **state)
{
    (void)state;
    fresh();
    add("used", 1, 0, 0);
    add("idle", 2, 0, 1)->scans = 0;
    assert_string_equal(look(204, 1)->subject, "public.idle");
    look(203, 0);   /* it begins like the used one, and goes */
    add("busy", 3, 0, 1)->key[2] = 2;
    look(203, 2);   /* this one stays, and serves for both */
    fresh();
    add("first", 1, 0, 0)->scans = 0;
    add("second", 1, 0, 0);
    assert_string_equal(look(204, 1)->subject, "public.first");
    look(202, 0);
    s.stats_s = 3600;   /* nothing is told to be idle so soon */
    assert_string_equal(look(202, 1)->subject, "public.second");
}

static void an_unused_index_is_told_only_when_the_counters_are_old_enough(void **state)
{
    (void)state;
    fresh();
    struct survey_index *x = add("idle", 1, 0, 0);
    x->scans = 0;
    s.standbys = 1;
    assert_non_null(strstr(look(204, 1)->text, "standbys"));
    s.stats_s = 3600;
    look(204, 0);
    s.stats_s = (double)NAN;
    look(204, 0);
    s.stats_s = 1e6;
    x->scans = (double)NAN;
    look(204, 0);
    x->scans = 0;
    x->constraint = true;
    look(204, 0);
}

static struct survey_index *add_ours(void)
{
    static struct index_def d;
    d = (struct index_def){ .schema = "public", .table = "orders", .columns = 1, .column = { { "a", false } } };
    index_name_make(&d);
    struct survey_index *x = add(d.name, 1, 0, 0);
    x->scans = 0;
    x->built_us = 1;
    return x;
}

static void an_idle_index_of_ours_is_offered_to_be_dropped_only_where_nothing_else_may_need_it(void **state)
{
    (void)state;
    fresh();
    struct survey_index *x = add_ours();
    assert_true(look(204, 1)->drop);
    s.standbys = 1;
    assert_false(look(204, 1)->drop);
    s.standbys = 0;
    x->foreign_key = "orders_customer_fkey";
    assert_false(look(204, 1)->drop);
    assert_non_null(strstr(look(204, 1)->text, "orders_customer_fkey"));
    x->foreign_key = NULL;
    x->built_us = 0;   /* whoever built it was killed before that was said on it: it may be minutes old */
    assert_false(look(204, 1)->drop);
}

static void an_index_of_ours_that_was_built_today_is_not_called_unused(void **state)
{
    (void)state;
    fresh();
    struct survey_index *x = add_ours();
    x->built_us = s.taken_us - INT64_C(86399) * 1000000;
    look(204, 0);
    x->built_us -= 2 * 1000000;
    look(204, 1);
}

static void a_part_of_a_partitioned_index_is_never_told_alone(void **state)
{
    (void)state;
    fresh();
    add("part", 1, 0, 0)->attached = true;
    index_[0].scans = 0;
    look(204, 0);
    add("whole", 1, 0, 0);
    index_[1].unique = true;
    look(202, 0);
}

static void an_index_over_all_partitions_and_one_on_an_expression_are_told_with_what_dropping_them_means(void **state)
{
    (void)state;
    fresh();
    table[0].kind = 'p';
    add("whole", 1, 0, 0)->scans = 0;
    const char *advice = look(204, 1)->advice;
    assert_true(strstr(advice, "DROP INDEX \"public\".\"whole\"") == advice && strstr(advice, "lock_timeout"));
    fresh();
    struct survey_index *x = add("lower", 1, -1, 0);
    x->special = true;
    x->scans = 0;
    assert_non_null(strstr(look(204, 1)->text, "expression"));
}

static void missing_and_stale_statistics_are_told_and_come_with_an_analyze(void **state)
{
    (void)state;
    fresh();
    table[0].analyzed_us = 0;
    for (int i = 0; i < 3; i++)
        column[i].analyzed = false;
    const struct finding *f = look(205, 1);
    assert_true(f->refresh);
    assert_string_equal(f->analyze.table, "orders");
    fresh();
    table[0].modified = 30000;
    look(206, 1);
    table[0].analyze_at = (double)NAN;
    assert_non_null(strstr(look(206, 1)->text, "switched off"));
    fresh();
    table[0].modified = 15000;   /* autovacuum will come */
    look(206, 0);
    table[0].live_rows = 3e5;
    look(207, 1);
    table[0].ours = false;
    assert_false(look(207, 1)->refresh);
}

static void a_partitioned_table_that_was_never_analysed_is_told_because_nothing_else_does_it(void **state)
{
    (void)state;
    fresh();
    table[0].kind = 'p';
    table[0].bytes = 0;
    table[0].rows = (double)NAN;   /* of the whole nothing is known: the partitions' rows are */
    table[0].modified = table[0].analyze_at = (double)NAN;
    for (int i = 0; i < 3; i++)
        column[i].analyzed = false;
    const struct finding *f = look(205, 1);
    assert_true(f->refresh && strstr(f->text, "partitions"));
    for (int i = 0; i < 3; i++)
        column[i].analyzed = true;
    table[0].rows = 100;
    table[0].modified = 30000;   /* of these its partitions tell */
    assert_int_equal(diagnose_upkeep(&s, list, FINDINGS_MAX, NULL), 0);
}

static void values_that_were_counted_are_compared_with_what_statistics_know(void **state)
{
    (void)state;
    fresh();
    column[1].counted = 50;
    look(209, 0);
    column[1].counted = 51;
    assert_non_null(strstr(look(209, 1)->text, "values of b, "));
    assert_false(look(209, 1)->refresh);
    column[1].counted = 1;   /* at least one is no news */
    look(209, 0);
    column[1].counted_all = true;
    look(209, 1);
}

static void names_as_long_and_as_odd_as_postgresql_takes_them_are_said_whole(void **state)
{
    (void)state;
    static char long_table[64], long_column[3][64];
    fresh();
    for (int i = 0; i < 63; i++)
        long_table[i] = "\xc3\xa4\""[i % 3];   /* an umlaut and a quote, again and again */
    for (int k = 0; k < 3; k++) {
        memcpy(long_column[k], long_table, sizeof long_table);
        long_column[k][60] = long_column[k][61] = 'x';
        long_column[k][62] = (char)('a' + k);
        column[k].name = long_column[k];
    }
    table[0].schema = table[0].name = long_table;
    struct finding f;
    diagnose_correlation(&s, &(struct correlation){ .query = 0, .table = 0, .columns = 3, .column = { 0, 1, 2 }, .expected = 1, .actual = 100 }, &f);
    struct text t CLEANUP(text_done);
    text_init(&t, FINDING_ADVICE_SIZE);
    struct index_def d = { .columns = 3 };
    memcpy(d.schema, long_table, sizeof long_table);
    memcpy(d.table, long_table, sizeof long_table);
    for (int k = 0; k < 3; k++)
        memcpy(d.column[k].name, long_column[k], sizeof long_column[k]);
    index_name_make(&d);
    text_add(&t, "CREATE STATISTICS ");   /* with a name: 14 and 15 want one */
    sql_identifier(&t, long_table);
    text_printf(&t, ".\"%s\" (dependencies, ndistinct, mcv) ON ", d.name);
    for (int k = 0; k < 3; k++) {
        text_add(&t, k ? ", " : "");
        sql_identifier(&t, long_column[k]);
    }
    for (int i = 0; i < 2; i++) {
        text_add(&t, i ? "; ANALYZE " : " FROM ");
        sql_identifier(&t, long_table);
        text_add(&t, ".");
        sql_identifier(&t, long_table);
    }
    assert_string_equal(f.advice, t.s);
    for (int k = 0; k < 3; k++) {   /* of the statement told, too: names are not cut within a character */
        text_clear(&t);
        sql_identifier(&t, long_column[k]);
        assert_non_null(strstr(f.text, t.s));
    }
    assert_non_null(strstr(f.text, "depend on each other"));
    column[1].counted = 51;
    const struct finding *w = look(209, 1);
    assert_non_null(strstr(w->text, long_column[1]));
    text_clear(&t);
    text_add(&t, "ALTER TABLE ");
    sql_identifier(&t, long_table);
    text_add(&t, ".");
    sql_identifier(&t, long_table);
    text_add(&t, " ALTER COLUMN ");
    sql_identifier(&t, long_column[1]);
    text_add(&t, " SET STATISTICS 1000");
    assert_non_null(strstr(w->advice, t.s));
}

static void what_is_unknown_complains_of_nothing(void **state)
{
    (void)state;
    fresh();
    table[0].rows = table[0].live_rows = table[0].modified = (double)NAN;
    table[0].bytes = 100;
    assert_int_equal(diagnose_upkeep(&s, list, FINDINGS_MAX, NULL), 0);
}

static void more_findings_than_there_is_room_for_are_cut_off(void **state)
{
    (void)state;
    fresh();
    for (int i = 0; i < 6; i++)
        add("broken", 1, 0, 0)->valid = false;
    assert_int_equal(diagnose_upkeep(&s, list, 4, NULL), 4);
}

static void many_of_one_kind_leave_room_for_the_others_and_are_counted(void **state)
{
    (void)state;
    static struct survey_index many[FINDINGS_OF_KIND_MAX + 5];
    int left_out = 0;
    fresh();
    for (int i = 0; i < FINDINGS_OF_KIND_MAX + 5; i++)
        many[i] = (struct survey_index){ .table = 0, .name = "broken", .definition = "", .method = "btree", .keys = 1 };
    s.index = many;
    s.indexes = FINDINGS_OF_KIND_MAX + 5;
    table[0].modified = 30000;
    assert_int_equal(diagnose_upkeep(&s, list, FINDINGS_MAX, &left_out), FINDINGS_OF_KIND_MAX + 1);
    assert_int_equal(left_out, 5);
    assert_int_equal(list[FINDINGS_OF_KIND_MAX].number, 206);
}

static void what_a_case_could_mend_is_told_before_any_number_of_what_none_could(void **state)
{
    (void)state;
    static struct survey_index many[FINDINGS_OF_KIND_MAX + 1];
    static struct survey_table tables[FINDINGS_OF_KIND_MAX + 1];
    fresh();
    struct survey_index *ours = add_ours();
    for (int i = 0; i <= FINDINGS_OF_KIND_MAX; i++) {   /* ours comes last, as what lies on the smallest table does */
        many[i] = *ours;
        tables[i] = table[0];
        tables[i].modified = 30000;
        tables[i].ours = i == FINDINGS_OF_KIND_MAX;
        many[i].table = i;
        many[i].name = tables[i].ours ? ours->name : "stranger";
    }
    s.index = many;
    s.table = tables;
    s.indexes = s.tables = FINDINGS_OF_KIND_MAX + 1;
    for (int invalid = 0; invalid < 2; invalid++) {
        int drops = 0, refreshes = 0, n = diagnose_upkeep(&s, list, FINDINGS_MAX, NULL);
        assert_int_equal(n, 2 * FINDINGS_OF_KIND_MAX);
        for (int i = 0; i < n; i++) {
            drops += list[i].drop;
            refreshes += list[i].refresh;
        }
        assert_int_equal(drops, 1);
        assert_int_equal(refreshes, 1);
        for (int i = 0; i <= FINDINGS_OF_KIND_MAX; i++)
            many[i].valid = false;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_healthy_table_complains_of_nothing),
        cmocka_unit_test(an_invalid_index_is_told_unless_somebody_is_building_it),
        cmocka_unit_test(a_leftover_of_ours_comes_with_the_definition_a_case_needs),
        cmocka_unit_test(of_twins_one_is_told_and_never_the_one_that_guards_uniqueness),
        cmocka_unit_test(an_index_in_an_order_of_its_own_has_no_twin_even_where_both_are_partial),
        cmocka_unit_test(an_index_that_another_begins_with_is_redundant),
        cmocka_unit_test(of_two_indexes_never_both_are_told_for_each_others_sake),
        cmocka_unit_test(an_unused_index_is_told_only_when_the_counters_are_old_enough),
        cmocka_unit_test(an_idle_index_of_ours_is_offered_to_be_dropped_only_where_nothing_else_may_need_it),
        cmocka_unit_test(an_index_of_ours_that_was_built_today_is_not_called_unused),
        cmocka_unit_test(a_part_of_a_partitioned_index_is_never_told_alone),
        cmocka_unit_test(an_index_over_all_partitions_and_one_on_an_expression_are_told_with_what_dropping_them_means),
        cmocka_unit_test(missing_and_stale_statistics_are_told_and_come_with_an_analyze),
        cmocka_unit_test(a_partitioned_table_that_was_never_analysed_is_told_because_nothing_else_does_it),
        cmocka_unit_test(values_that_were_counted_are_compared_with_what_statistics_know),
        cmocka_unit_test(names_as_long_and_as_odd_as_postgresql_takes_them_are_said_whole),
        cmocka_unit_test(what_is_unknown_complains_of_nothing),
        cmocka_unit_test(more_findings_than_there_is_room_for_are_cut_off),
        cmocka_unit_test(many_of_one_kind_leave_room_for_the_others_and_are_counted),
        cmocka_unit_test(what_a_case_could_mend_is_told_before_any_number_of_what_none_could),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
