/* receive: tables are registered in the words of databases, by either name, and what is wrong is said. */
#include "unit.h"

#include "receive/schema.h"

#include <stdio.h>
#include <string.h>

struct read { char table[128], said[4096]; const char *kind; struct fault fault; };

static enum err read_one(struct read *r, const char *path, const char *json)
{
    struct text t CLEANUP(text_done);
    text_init(&t, sizeof r->said - 1);
    *r = (struct read){ .kind = NULL };
    (void)snprintf(r->table, sizeof r->table, "%s", path);
    enum err e = schema_read(slice_of(json), r->table, sizeof r->table, &r->kind, &t, &r->fault);
    (void)snprintf(r->said, sizeof r->said, "%s", t.s);
    return e;
}

#define SEED "\"columns\":[{\"name\":\"time\",\"type\":\"timestamp\"},{\"name\":\"value\",\"type\":\"double\"},{\"name\":\"labels\",\"type\":\"jsonb\"}]"

static void a_table_gets_its_name_from_the_body_under_either_key_or_from_the_path(void **state)
{
    static const struct { const char *path, *json; } all[] = {
        { "", "{\"table\":\"orders\"," SEED "}" }, { "", "{\"table_name\":\"orders\"," SEED "}" }, { "orders", "{" SEED "}" },
        { "orders", "{\"table\":\"orders\",\"table_name\":\"orders\"," SEED "}" }, { "orders", "{\"table\":null," SEED "}" },
    };
    struct read r;
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        assert_ok(read_one(&r, all[i].path, all[i].json), &r.fault);
        assert_string_equal(r.table, "orders");
        assert_string_equal(r.kind, "metrics");
        assert_string_equal(r.said, "{" SEED ",\"kind\":\"metrics\"}");
    }
}

static void what_describes_a_table_may_stand_one_level_down_and_nothing_of_it_is_lost(void **state)
{
    struct read r;
    (void)state;
    assert_ok(read_one(&r, "", "{\"table_name\":\"orders\",\"owner\":\"shop\",\"schema\":{" SEED ",\"keep\":30}}"), &r.fault);
    assert_string_equal(r.said, "{\"owner\":\"shop\"," SEED ",\"keep\":30,\"kind\":\"metrics\"}");
    assert_int_equal(read_one(&r, "orders", "{" SEED ",\"schema\":{" SEED "}}"), ERR_INPUT);
    assert_non_null(strstr(r.fault.text, "both"));
}

static void types_are_those_of_databases_in_any_case_and_with_their_lengths(void **state)
{
    static const char *const right[] = { "text", "int", "real", "bool", "time", "json", "timestamp", "timestamptz", "TIMESTAMP WITH TIME ZONE", "double", "Double Precision", "float", "float8",
                                         "numeric", "numeric(10, 2)", "integer", "BIGINT", "int8", "string", "String", "varchar", "varchar(20)", "boolean", "JSONB", "DateTime" };
    static const char *const wrong[] = { "", "(20)", "texts", "tex", "varchar(20", "double  precision", "blob", "Nested" };
    struct read r;
    char        json[256];
    (void)state;
    for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
        (void)snprintf(json, sizeof json, "{\"columns\":[{\"name\":\"a\",\"type\":\"%s\"}]}", right[i]);
        assert_ok(read_one(&r, "t", json), &r.fault);
        assert_non_null(strstr(r.said, right[i]));           /* kept as it was said */
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        (void)snprintf(json, sizeof json, "{\"columns\":[{\"name\":\"a\",\"type\":\"text\"},{\"name\":\"b\",\"type\":\"%s\"}]}", wrong[i]);
        if (read_one(&r, "t", json) != ERR_INPUT)
            fail_msg("taken: %s", wrong[i]);
        assert_non_null(strstr(r.fault.text, "columns[1].type"));
    }
}

static void a_table_with_a_column_value_of_numbers_is_one_of_metrics_unless_it_says_what_it_is(void **state)
{
    static const struct { const char *json, *kind; } all[] = {
        { "{\"columns\":[{\"name\":\"value\",\"type\":\"BIGINT\"}]}", "metrics" },
        { "{\"columns\":[{\"name\":\"value\",\"type\":\"text\"}]}", "logs" },
        { "{\"columns\":[{\"name\":\"values\",\"type\":\"int\"}]}", "logs" },
        { "{\"columns\":[{\"name\":\"value\",\"type\":\"int\"}],\"kind\":\"logs\"}", "logs" },
        { "{\"schema\":{\"columns\":[{\"name\":\"n\",\"type\":\"int\"}],\"kind\":\"metrics\"}}", "metrics" },
        { "{\"kind\":null,\"columns\":[{\"name\":\"n\",\"type\":\"int\"}]}", "logs" },
    };
    struct read r;
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        assert_ok(read_one(&r, "t", all[i].json), &r.fault);
        assert_string_equal(r.kind, all[i].kind);
    }
}

static void what_is_wrong_is_said(void **state)
{
    static const struct { const char *path, *json, *says; } all[] = {
        { "", "{" SEED "}", "?table=" },
        { "", "[]", "object" },
        { "", "{", "no JSON" },
        { "app/errors", "{" SEED "}", "letters" },
        { "", "{\"table\":\"a b\"," SEED "}", "letters" },
        { "", "{\"table_name\":7," SEED "}", "table_name" },
        { "orders", "{\"table\":\"items\"," SEED "}", "another name" },
        { "", "{\"table\":\"a\",\"table_name\":\"b\"," SEED "}", "another name" },
        { "t", "{\"kind\":\"spans\"," SEED "}", "kind" },
        { "t", "{\"kind\":7," SEED "}", "kind" },
        { "t", "{}", "columns" },
        { "t", "{\"columns\":[]}", "columns" },
        { "t", "{\"schema\":[{\"name\":\"a\",\"type\":\"int\"}]}", "columns" },
        { "t", "{\"columns\":[{\"type\":\"int\"}]}", "columns[0].name" },
        { "t", "{\"columns\":[7]}", "columns[0].name" },
    };
    struct read r;
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (read_one(&r, all[i].path, all[i].json) != ERR_INPUT)
            fail_msg("taken: %s", all[i].json);
        assert_non_null(strstr(r.fault.text, all[i].says));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_gets_its_name_from_the_body_under_either_key_or_from_the_path),
        cmocka_unit_test(what_describes_a_table_may_stand_one_level_down_and_nothing_of_it_is_lost),
        cmocka_unit_test(types_are_those_of_databases_in_any_case_and_with_their_lengths),
        cmocka_unit_test(a_table_with_a_column_value_of_numbers_is_one_of_metrics_unless_it_says_what_it_is),
        cmocka_unit_test(what_is_wrong_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
