/* plan: which indexes could help is read out of plans, merged, and weighed against what writes would pay. */
#include "unit.h"

#include "plan/index.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct survey           s;
static struct survey_table     table[4];
static struct survey_column    column[16];
static struct survey_index     index_[8];
static struct index_candidate *list;

enum { CUSTOMER, PLACED, STATE, ID, NOTE };

/* orders(customer, placed, state, id primary key, note): a million rows; small(a). */
static void fresh(void)
{
    survey_done(&s);
    survey_init(&s);
    static const struct { const char *name; double distinct, width; } columns[] = {
        { "customer", 50000, 4 }, { "placed", -1, 8 }, { "state", 4, 4 }, { "id", -1, 4 }, { "note", -0.5, 100 }, { "a", -1, 4 },
    };
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++)
        column[i] = (struct survey_column){ .name = columns[i].name, .type = "integer", .sortable = true, .analyzed = true, .n_distinct = columns[i].distinct, .width = columns[i].width };
    column[STATE].type = "character varying(8)";
    column[STATE].varying = true;
    table[0] = (struct survey_table){ .schema = "public", .name = "orders", .kind = 'r', .ours = true, .rows = 1e6, .bytes = 1e8, .all_visible = 0.95, .first_column = 0, .columns = 5 };
    table[1] = (struct survey_table){ .schema = "public", .name = "small", .kind = 'r', .ours = true, .rows = 100, .bytes = 8192, .first_column = 5, .columns = 1 };
    index_[0] = (struct survey_index){ .table = 0, .name = "orders_pkey", .definition = "", .method = "btree", .unique = true, .constraint = true, .valid = true, .keys = 1, .key = { ID } };
    s.table = table;
    s.column = column;
    s.index = index_;
    s.tables = 2;
    s.columns = 6;
    s.indexes = 1;
    s.stats_s = 10 * 86400;
    s.statements_s = 1000;
    s.load_ms = 1e5;
    s.has_statements = true;
}

/* ' becomes ", so that plans can be read here; a text constant in a condition is written as ^. */
static int ask(const char *plan, double total_ms, const char *text)
{
    char *copy = strdup(plan);
    for (char *p = copy; *p; p++)
        *p = *p == '\'' ? '"' : *p == '^' ? '\'' : *p;
    json_error_t where;
    struct survey_query *q = &s.query[s.queries];
    *q = (struct survey_query){ .id = s.queries + 1, .text = text ? text : "SELECT", .calls = 1000, .total_ms = total_ms, .rows = 1000, .plan = json_loads(copy, 0, &where) };
    if (!q->plan)
        fail_msg("%s at %d: %s", where.text, where.position, copy);
    q->cost = json_number_value(json_object_get(q->plan, "Total Cost"));
    free(copy);
    return s.queries++;
}

#define SCAN(alias, more) "{'Node Type':'Seq Scan','Schema':'public','Relation Name':'orders','Alias':'" alias "','Plan Rows':20,'Total Cost':20000," more "}"

static int draw(void) { return index_draw(&s, list); }

static const char *columns_of(const struct index_candidate *c)
{
    static char text[200];
    text[0] = '\0';
    for (int i = 0; i < c->def.columns; i++) {
        (void)strcat(strcat(text, i ? " " : ""), c->def.column[i].name);
        (void)strcat(text, c->def.column[i].descending ? "-" : "");
    }
    for (int i = 0; i < c->def.includes; i++)
        (void)strcat(strcat(text, i ? " " : " +"), c->def.include[i]);
    return text;
}

static bool drawn(int n, const char *columns)
{
    for (int i = 0; i < n; i++)
        if (strcmp(columns_of(&list[i]), columns) == 0)
            return true;
    return false;
}

static void what_is_compared_ordered_joined_and_needed_is_read_from_a_plan(void **state)
{
    (void)state;
    fresh();
    struct table_use uses[USES_MAX];
    int q = ask("{'Node Type':'Limit','Total Cost':100,'Plans':[{'Node Type':'Sort','Sort Key':['o.placed DESC'],'Plans':["
                SCAN("o", "'Output':['o.id','(o.note || ^x.y^::text)'],'Filter':'((o.customer = $1) AND ((o.state)::text = ANY (^{a,b}^::text[])) AND (o.placed > $2))'") "]}]}", 1, NULL);
    assert_int_equal(index_read(&s, &s.query[q], uses), 1);
    assert_int_equal(uses[0].equals, 2);
    assert_int_equal(uses[0].equal[0], CUSTOMER);
    assert_int_equal(uses[0].equal[1], STATE);
    assert_int_equal(uses[0].ranges, 1);
    assert_int_equal(uses[0].range[0], PLACED);
    assert_true(uses[0].orders == 1 && uses[0].order_descending[0]);
    assert_int_equal(uses[0].needs, 5);
    assert_true(uses[0].scans_whole && !uses[0].needs_all);
}

static void conditions_that_no_index_serves_are_passed_over(void **state)
{
    (void)state;
    static const char *const useless[] = {
        "'Filter':'((o.customer = 1) OR (o.state = 2))'", "'Filter':'(lower(o.note) = $1)'", "'Filter':'(o.customer = o.state)'", "'Filter':'(NOT (o.customer = 1))'",
        "'Filter':'((o.customer)::numeric = $1)'", "'Filter':'((o.id)::text = $1)'", "'Filter':'((o.state)::bpchar = $1)'", "'Filter':'((o.id)::character varying = $1)'", "'Filter':'(o.customer <> 5)'", "'Filter':'(o.note ~~ ^%o.customer = 1%^::text)'", "'Filter':'(o.unknown = 1)'", "'Filter':'(((('",
        "'Filter':'(o.note = ^it^^s (AND^::text) OR (o.id = 1)'", "'Filter':''",
    };
    for (size_t i = 0; i < sizeof useless / sizeof useless[0]; i++) {
        char             plan[600];
        struct table_use uses[USES_MAX];
        fresh();
        (void)snprintf(plan, sizeof plan, "{'Node Type':'Seq Scan','Schema':'public','Relation Name':'orders','Alias':'o','Total Cost':1,%s}", useless[i]);
        int q = ask(plan, 1, NULL);
        assert_int_equal(index_read(&s, &s.query[q], uses), 1);
        if (uses[0].equals || uses[0].ranges || uses[0].joins)
            fail_msg("%s was taken for something", useless[i]);
    }
}

static void a_cast_between_kinds_of_text_is_looked_through_and_no_other(void **state)
{
    (void)state;
    static const struct { const char *type; bool varying; const char *cast; int equals; } casts[] = {
        { "text", true, "character varying", 1 }, { "character varying", true, "text", 1 }, { "short_name", true, "text", 1 }, { "character(8)", false, "bpchar", 1 }, { "bpchar", false, "bpchar", 1 },
        { "character(8)", false, "text", 0 }, { "text", true, "bpchar", 0 }, { "uuid", false, "text", 0 }, { "citext", false, "text", 0 }, { "integer", false, "bpchar", 0 },
    };
    for (size_t i = 0; i < sizeof casts / sizeof casts[0]; i++) {
        char             plan[300];
        struct table_use uses[USES_MAX];
        fresh();
        column[NOTE].type = casts[i].type;
        column[NOTE].varying = casts[i].varying;
        (void)snprintf(plan, sizeof plan, "{'Node Type':'Seq Scan','Schema':'public','Relation Name':'orders','Alias':'o','Total Cost':1,'Filter':'((o.note)::%s = $1)'}", casts[i].cast);
        int q = ask(plan, 1, NULL);
        assert_int_equal(index_read(&s, &s.query[q], uses), 1);
        if (uses[0].equals != casts[i].equals)
            fail_msg("%s as %s", casts[i].type, casts[i].cast);
    }
}

static void equality_comes_first_then_a_range_or_the_order_wanted(void **state)
{
    (void)state;
    fresh();
    ask(SCAN("o", "'Filter':'((o.placed > $2) AND (o.state = $1) AND (o.customer = $3))'"), 50000, NULL);
    int n = draw();
    assert_true(drawn(n, "customer state placed") || drawn(n, "customer placed"));
    assert_false(drawn(n, "placed customer"));
    fresh();
    ask("{'Node Type':'Sort','Sort Key':['o.placed DESC','o.id DESC'],'Total Cost':20010,'Plans':[" SCAN("o", "'Filter':'(o.customer = $1)'") "]}", 50000, NULL);
    n = draw();
    assert_true(drawn(n, "customer placed id"));   /* read backwards */
    fresh();
    ask("{'Node Type':'Sort','Sort Key':['o.placed DESC','o.id'],'Total Cost':20010,'Plans':[" SCAN("o", "'Filter':'(o.customer = $1)'") "]}", 50000, NULL);
    assert_true(drawn(draw(), "customer placed- id"));
}

static void join_columns_are_tried_like_equality(void **state)
{
    (void)state;
    fresh();
    ask("{'Node Type':'Hash Join','Hash Cond':'(o.customer = s.a)','Total Cost':30000,'Plans':[" SCAN("o", "'Output':['o.id']")
        ",{'Node Type':'Hash','Plans':[{'Node Type':'Seq Scan','Schema':'public','Relation Name':'small','Alias':'s'}]}]}", 50000, NULL);
    int n = draw();
    assert_true(drawn(n, "customer"));
    for (int i = 0; i < n; i++)
        assert_int_equal(list[i].table, 0);   /* nothing for a table of a page */
}

static void a_table_that_is_joined_by_its_key_gets_an_index_for_what_it_is_filtered_by(void **state)
{
    (void)state;
    fresh();
    ask("{'Node Type':'Hash Join','Hash Cond':'(s.a = o.id)','Total Cost':30000,'Plans':[{'Node Type':'Seq Scan','Schema':'public','Relation Name':'small','Alias':'s'},"
        "{'Node Type':'Hash','Plans':[" SCAN("o", "'Output':['o.id','o.note'],'Filter':'(o.customer = $1)'") "]}]}", 50000, NULL);
    int n = draw();
    assert_int_equal(n, 1);
    assert_string_equal(columns_of(&list[0]), "customer");   /* by its key a row is found already */
}

static void what_a_join_finds_by_a_unique_index_is_not_drawn_again_with_more_columns(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {   /* by the key of the table; by a unique index that a constant completes */
        fresh();
        index_[1] = (struct survey_index){ .table = 0, .name = "x", .definition = "", .method = "btree", .unique = true, .valid = true, .keys = 2, .key = { CUSTOMER, STATE } };
        s.indexes = 1 + i;
        s.has_hypopg = true;
        char plan[500];
        (void)snprintf(plan, sizeof plan, "{'Node Type':'Hash Join','Hash Cond':'(s.a = o.%s)','Total Cost':30000,'Plans':[{'Node Type':'Seq Scan','Schema':'public','Relation Name':'small','Alias':'s'},"
                       "{'Node Type':'Hash','Plans':[" SCAN("o", "'Output':['o.note'],'Filter':'((o.%s = $1) AND (o.placed > $2))'") "]}]}", i ? "customer" : "id", i ? "state" : "customer");
        ask(plan, 50000, NULL);
        int n = draw();
        assert_true(n > 0);
        for (int k = 0; k < n; k++)
            assert_int_not_equal(list[k].key[0], i ? CUSTOMER : ID);
    }
}

static void a_unique_index_does_not_find_what_is_null_or_any_of_a_list(void **state)
{
    (void)state;
    static const char *const conditions[] = { "'Filter':'((o.customer IS NULL) AND (o.placed = $1))'", "'Filter':'((o.customer = ANY ($2)) AND (o.placed = $1))'" };
    for (int i = 0; i < 3; i++) {
        char plan[400];
        fresh();
        index_[1] = (struct survey_index){ .table = 0, .name = "x", .definition = "", .method = "btree", .unique = true, .valid = true, .keys = 1, .key = { CUSTOMER } };
        s.indexes = 2;
        (void)snprintf(plan, sizeof plan, "{'Node Type':'Seq Scan','Schema':'public','Relation Name':'orders','Alias':'o','Total Cost':20000,%s}",
                       i < 2 ? conditions[i] : "'Filter':'((o.customer = $2) AND (o.placed = $1))'");
        ask(plan, 50000, NULL);
        int n = draw();
        if (i < 2)
            assert_true(drawn(n, "placed"));
        else
            assert_int_equal(n, 0);
    }
}

static void what_is_there_already_is_not_drawn(void **state)
{
    (void)state;
    fresh();
    ask(SCAN("o", "'Filter':'(o.id = $1)'"), 50000, NULL);
    assert_int_equal(draw(), 0);
    fresh();
    index_[1] = (struct survey_index){ .table = 0, .name = "x", .definition = "", .method = "btree", .valid = true, .keys = 2, .key = { CUSTOMER, PLACED } };
    s.indexes = 2;
    ask(SCAN("o", "'Filter':'(o.customer = $1)'"), 50000, NULL);
    assert_int_equal(draw(), 0);
    index_[1].valid = false;   /* a broken one serves nobody */
    assert_int_equal(draw(), 1);
    index_[1].valid = index_[1].special = true;   /* nor does a partial one serve everybody */
    assert_int_equal(draw(), 1);
}

static void unselective_columns_unsortable_ones_and_partitioned_tables_get_no_index(void **state)
{
    (void)state;
    fresh();
    ask(SCAN("o", "'Filter':'(o.state = $1)'"), 50000, NULL);
    assert_int_equal(draw(), 0);
    fresh();
    column[CUSTOMER].sortable = false;
    ask(SCAN("o", "'Filter':'(o.customer = $1)'"), 50000, NULL);
    assert_int_equal(draw(), 0);
    fresh();
    table[0].kind = 'p';
    ask(SCAN("o", "'Filter':'(o.customer = $1)'"), 50000, NULL);
    assert_int_equal(draw(), 0);
    table[0].kind = 'r';
    assert_int_equal(draw(), 1);
    table[0].held = true;   /* its indexes were not looked at */
    assert_int_equal(draw(), 0);
}

static void judge_all(int n, double cost)
{
    for (int i = 0; i < n; i++) {
        list[i].judged = true;
        for (int q = 0; q < list[i].queries; q++)
            list[i].query[q].cost_after = cost;
    }
}

static void a_candidate_that_is_a_prefix_becomes_part_of_the_longer_one(void **state)
{
    (void)state;
    fresh();
    ask(SCAN("o", "'Filter':'(o.customer = $1)'"), 30000, NULL);
    ask(SCAN("o", "'Filter':'((o.customer = $1) AND (o.placed > $2))'"), 30000, NULL);
    int n = draw();
    for (int i = 0; i < n; i++) {
        if (strcmp(columns_of(&list[i]), "customer placed") == 0)
            assert_int_equal(list[i].queries, 2);
        list[i].judged = true;
        for (int q = 0; q < list[i].queries; q++)
            list[i].query[q].cost_after = list[i].keys == 2 ? 100 : 5000;
    }
    n = index_score(&s, list, n);
    assert_int_equal(n, 1);
    assert_string_equal(columns_of(&list[0]), "customer placed");
    n = draw();
    judge_all(n, 100);   /* where both do the same, the smaller one does */
    n = index_score(&s, list, n);
    assert_true(n == 1 && strcmp(columns_of(&list[0]), "customer") == 0);
}

static void included_columns_are_offered_only_for_hot_statements_on_tables_that_are_vacuumed(void **state)
{
    (void)state;
    fresh();
    ask(SCAN("o", "'Output':['o.state','o.id'],'Filter':'(o.customer = $1)'"), 50000, NULL);
    assert_true(drawn(draw(), "customer +state id"));
    table[0].all_visible = 0.1;
    assert_false(drawn(draw(), "customer +state id"));
    table[0].all_visible = 0.95;
    s.query[0].total_ms = 1000;   /* one per cent of the load */
    assert_false(drawn(draw(), "customer +state id"));
    fresh();
    ask(SCAN("o", "'Output':['o.note'],'Filter':'(o.customer = $1)'"), 50000, NULL);
    assert_int_equal(draw(), 1);   /* too wide to carry along */
}

static void an_index_that_saves_less_than_writes_would_pay_is_not_told(void **state)
{
    (void)state;
    fresh();
    ask(SCAN("o", "'Output':['o.note'],'Filter':'(o.customer = $1)'"), 2000, NULL);   /* 2 ms a second */
    int n = draw();
    judge_all(n, 100);
    assert_int_equal(index_score(&s, list, n), 1);
    assert_true(list[0].benefit_ms > 1.9 && list[0].benefit_ms < 2);
    table[0].inserts = 1000;                                   /* 20 ms a second */
    n = draw();
    judge_all(n, 100);
    assert_int_equal(index_score(&s, list, n), 0);
    s.stats_s = 600;                                           /* counters that began with the load tell nothing yet */
    n = draw();
    judge_all(n, 100);
    assert_int_equal(index_score(&s, list, n), 1);
}

static void updates_that_would_not_be_hot_any_more_are_counted(void **state)
{
    (void)state;
    fresh();
    table[0].updates = table[0].hot_updates = 50;
    ask(SCAN("o", "'Output':['o.note'],'Filter':'(o.customer = $1)'"), 50000, NULL);
    ask("{'Node Type':'ModifyTable','Operation':'Update','Schema':'public','Relation Name':'orders','Total Cost':1}", 10, "UPDATE orders SET customer = $1 WHERE id = $2");
    int n = draw();
    judge_all(n, 100);
    n = index_score(&s, list, n);
    assert_int_equal(n, 1);
    assert_true(list[0].overhead_ms > 0 && strstr(list[0].why, "HOT"));
    s.query[1].text = "UPDATE orders SET note = $1 WHERE customer = $2";
    n = draw();
    judge_all(n, 100);
    n = index_score(&s, list, n);
    assert_true(list[0].overhead_ms == 0);
}

static void without_hypothetical_indexes_a_candidate_says_that_nobody_has_judged_it(void **state)
{
    (void)state;
    fresh();
    ask(SCAN("o", "'Output':['o.note'],'Filter':'(o.customer = $1)'"), 50000, NULL);
    int n = index_score(&s, list, draw());
    assert_int_equal(n, 1);
    assert_true(isnan(list[0].benefit_ms) && !list[0].judged && strstr(list[0].why, "not judged") && strstr(list[0].why, "not installed"));
    s.has_hypopg = true;
    assert_int_equal(index_score(&s, list, draw()), 1);
    assert_non_null(strstr(list[0].why, "hypopg took no such index"));
    n = draw();
    judge_all(n, 20000);   /* judged, and it saves nothing */
    assert_int_equal(index_score(&s, list, n), 0);
}

static void what_an_index_finds_already_is_looked_at_again_only_where_that_can_be_judged(void **state)
{
    (void)state;
    fresh();
    ask("{'Node Type':'Index Scan','Schema':'public','Relation Name':'orders','Alias':'o','Plan Rows':20,'Total Cost':900,'Index Cond':'(o.customer = $1)','Filter':'(o.placed > $2)'}", 50000, NULL);
    assert_int_equal(draw(), 0);
    s.has_hypopg = true;
    assert_true(drawn(draw(), "customer placed"));
}

static void a_statement_over_many_tables_leaves_room_for_the_candidates_of_others(void **state)
{
    (void)state;
    static struct survey_column wide[100];
    static char                 names[100][16];
    char                        plan[16000] = "{'Node Type':'Append','Total Cost':1,'Plans':[";
    fresh();
    for (int i = 0; i < 100; i++) {
        (void)snprintf(names[i], sizeof names[i], "c%d", i);
        wide[i] = (struct survey_column){ .name = names[i], .type = "integer", .sortable = true, .analyzed = true, .n_distinct = -1, .width = 4 };
    }
    s.column = wide;
    s.columns = table[0].columns = 100;
    s.indexes = 0;
    for (int i = 0; i < 12; i++) {   /* for each table one candidate for the equality, and one more for each of two ranges */
        size_t used = strlen(plan);
        (void)snprintf(plan + used, sizeof plan - used, "%s{'Node Type':'Seq Scan','Schema':'public','Relation Name':'orders','Alias':'o%d','Filter':'((o%d.c%d = 1) AND (o%d.c%d > 1) AND (o%d.c%d > 1))'}",
                       i ? "," : "", i, i, i, i, 20 + i, i, 40 + i);
    }
    (void)strcat(plan, "]}");
    ask(plan, 50000, NULL);
    ask(SCAN("o", "'Filter':'(o.c99 = $1)'"), 50000, NULL);
    int n = draw();
    assert_int_equal(n, CANDIDATES_OF_QUERY_MAX + 1);
    assert_true(drawn(n, "c99"));
}

static void estimates_far_off_on_several_columns_are_told(void **state)
{
    (void)state;
    struct misjudged wrong[4];
    fresh();
    int q = ask(SCAN("o", "'Filter':'((o.customer = $1) AND (o.state = $2))'"), 50000, NULL);
    s.query[q].rows = 1000 * 20;
    assert_int_equal(index_misjudged(&s, wrong, 4), 0);
    s.query[q].rows = 1000 * 200;
    assert_int_equal(index_misjudged(&s, wrong, 4), 1);
    assert_true(wrong[0].columns == 2 && wrong[0].actual > 199);
    s.query[q].calls = 3;   /* too few to tell */
    assert_int_equal(index_misjudged(&s, wrong, 4), 0);
}

static void an_estimate_that_is_a_guess_about_a_range_or_a_list_says_nothing_of_columns_that_depend(void **state)
{
    (void)state;
    static const char *const more[] = {
        "(o.placed > $3)", "(o.id = ANY ($3))", "(o.note ~~ $3)", "(o.note <> $3)", "(lower(o.note) = $3)", "((o.id = $3) OR (o.id = $4))", "(NOT (o.id = $3))", "(o.placed IS NULL)", "(o.placed = $3)",
    };
    for (int i = 0; i < 9; i++) {
        char             plan[400];
        struct misjudged wrong[4];
        fresh();
        (void)snprintf(plan, sizeof plan, "{'Node Type':'Seq Scan','Schema':'public','Relation Name':'orders','Alias':'o','Plan Rows':20,'Total Cost':1,'Filter':'((o.customer = $1) AND (o.state = $2) AND %s)'}", more[i]);
        int q = ask(plan, 50000, NULL);
        s.query[q].rows = 1000 * 1000;
        if (index_misjudged(&s, wrong, 4) != (i < 7 ? 0 : 1))
            fail_msg("%s", more[i]);
    }
}

static int setup(void **state)
{
    (void)state;
    survey_init(&s);
    list = calloc(CANDIDATES_MAX, sizeof *list);
    return list ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    survey_done(&s);
    free(list);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_compared_ordered_joined_and_needed_is_read_from_a_plan),
        cmocka_unit_test(conditions_that_no_index_serves_are_passed_over),
        cmocka_unit_test(a_cast_between_kinds_of_text_is_looked_through_and_no_other),
        cmocka_unit_test(equality_comes_first_then_a_range_or_the_order_wanted),
        cmocka_unit_test(join_columns_are_tried_like_equality),
        cmocka_unit_test(a_table_that_is_joined_by_its_key_gets_an_index_for_what_it_is_filtered_by),
        cmocka_unit_test(what_a_join_finds_by_a_unique_index_is_not_drawn_again_with_more_columns),
        cmocka_unit_test(a_unique_index_does_not_find_what_is_null_or_any_of_a_list),
        cmocka_unit_test(what_is_there_already_is_not_drawn),
        cmocka_unit_test(unselective_columns_unsortable_ones_and_partitioned_tables_get_no_index),
        cmocka_unit_test(a_candidate_that_is_a_prefix_becomes_part_of_the_longer_one),
        cmocka_unit_test(included_columns_are_offered_only_for_hot_statements_on_tables_that_are_vacuumed),
        cmocka_unit_test(an_index_that_saves_less_than_writes_would_pay_is_not_told),
        cmocka_unit_test(updates_that_would_not_be_hot_any_more_are_counted),
        cmocka_unit_test(without_hypothetical_indexes_a_candidate_says_that_nobody_has_judged_it),
        cmocka_unit_test(what_an_index_finds_already_is_looked_at_again_only_where_that_can_be_judged),
        cmocka_unit_test(a_statement_over_many_tables_leaves_room_for_the_candidates_of_others),
        cmocka_unit_test(estimates_far_off_on_several_columns_are_told),
        cmocka_unit_test(an_estimate_that_is_a_guess_about_a_range_or_a_list_says_nothing_of_columns_that_depend),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
