/* sense: what answers say of a server, and what does not fit. */
#include "unit.h"

#include "sense/facts.h"
#include "sense/privileges.h"

#include <stdio.h>
#include <string.h>

static PGresult *answer_of(const char *const *names, int columns)
{
    PGresAttDesc described[8] = { { 0 } };
    PGresult    *a = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    for (int i = 0; i < columns; i++)
        described[i] = (PGresAttDesc){ .name = (char *)(uintptr_t)names[i], .typid = 25, .typlen = -1, .atttypmod = -1 };
    assert_non_null(a);
    assert_int_equal(PQsetResultAttrs(a, columns, described), 1);
    return a;
}

/* NULL is NULL. */
static void set(PGresult *a, int row, int column, const char *value)
{
    char copy[256];
    (void)snprintf(copy, sizeof copy, "%s", value ? value : "");
    assert_int_equal(PQsetvalue(a, row, column, value ? copy : NULL, value ? (int)strlen(copy) : -1), 1);
}

static PGresult *overrides(void)
{
    return answer_of((const char *const[]){ "name", "value", "role", "database", "own_id" }, 5);
}

static void add(PGresult *a, const char *name, const char *value, const char *role)
{
    int row = PQntuples(a);
    set(a, row, 0, name);
    set(a, row, 1, value);
    set(a, row, 2, role);
    set(a, row, 3, "");
    set(a, row, 4, "204");
}

static const struct setting_override *override_of(const struct target_facts *f, const char *name)
{
    for (int i = 0; i < f->overrides; i++)
        if (strcmp(f->override[i].name, name) == 0)
            return &f->override[i];
    return NULL;
}

static void what_overrides_a_parameter_of_ours_is_not_crowded_out_by_what_does_not(void **state)
{
    (void)state;
    static struct target_facts f;
    PGresult *a = overrides();
    char      role[32];
    facts_clear(&f);
    for (int i = 0; i < 2 * OVERRIDES_MAX; i++) {      /* sorted by name, as the server answers */
        (void)snprintf(role, sizeof role, "tenant_%03d", i);
        add(a, "random_page_cost", "2", role);
    }
    for (int i = 0; i < 2 * OVERRIDES_MAX; i++) {
        (void)snprintf(role, sizeof role, "tenant_%03d", i);
        add(a, "search_path", "t, public", role);
    }
    add(a, "work_mem", "64MB", "report");
    assert_true(facts_take(FACT_OVERRIDES, a, &f));
    assert_int_equal(f.overrides, OVERRIDES_MAX);
    assert_non_null(override_of(&f, "random_page_cost"));
    assert_non_null(override_of(&f, "work_mem"));
    assert_string_equal(override_of(&f, "work_mem")->role, "report");
    PQclear(a);
}

static void no_override_is_none_and_not_one_without_a_name(void **state)
{
    (void)state;
    static struct target_facts f;
    PGresult *a = overrides();
    facts_clear(&f);
    assert_int_equal(f.overrides, -1);
    add(a, NULL, NULL, "");
    assert_true(facts_take(FACT_OVERRIDES, a, &f));
    assert_int_equal(f.overrides, 0);
    assert_int_equal(facts_own_id(FACT_OVERRIDES, a), 204);
    PQclear(a);
}

static void a_library_at_the_end_of_a_long_list_is_not_taken_for_missing(void **state)
{
    (void)state;
    static struct target_facts f;
    PGresult *a = answer_of((const char *const[]){ "name", "setting", "pending_restart" }, 3);
    facts_clear(&f);
    set(a, 0, 0, "shared_preload_libraries");
    set(a, 0, 1, "auto_explain,");
    set(a, 0, 2, "f");
    assert_true(facts_preload_statements(&f));      /* not shown to us */
    assert_true(facts_take(FACT_SETTINGS, a, &f));
    assert_false(facts_preload_statements(&f));
    char list[256] = "timescaledb,pg_cron,pgaudit,pg_hint_plan,auto_explain,pglogical,pg_partman_bgw,pg_wait_sampling,pg_stat_kcache,pg_qualstats,powa,set_user,credcheck,"
                     "passwordcheck,wal2json,pg_stat_statements";
    set(a, 0, 1, list);
    assert_true(facts_take(FACT_SETTINGS, a, &f));
    assert_true(facts_preload_statements(&f));
    PQclear(a);
}

static void how_to_get_statements_takes_no_library_away(void **state)
{
    (void)state;
    static struct target_facts f;
    static struct privileges   p;
    char      grant[1024];
    PGresult *a = answer_of((const char *const[]){ "name", "setting", "pending_restart" }, 3);
    static const struct { const char *libraries; bool there, watches; const char *grant; } cases[] = {
        { "", false, true, "ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements';  -- then restart the server and, in database shop: CREATE EXTENSION pg_stat_statements;" },
        { "timescaledb, \"pg cron\"", false, true, "ALTER SYSTEM SET shared_preload_libraries = 'timescaledb', 'pg cron', 'pg_stat_statements';  -- then restart the server and, "
                                                     "in database shop: CREATE EXTENSION pg_stat_statements;" },
        { "timescaledb,pg_stat_statements", false, true, "CREATE EXTENSION pg_stat_statements;  -- in database shop" },
        { "timescaledb,pg_stat_statements", true, false, "GRANT pg_monitor TO watcher;" },
        { NULL, false, false, "GRANT pg_monitor TO watcher;  -- then look again: the extension is not there yet, or does not answer" },
        { NULL, false, true, "ALTER SYSTEM SET shared_preload_libraries = ..., 'pg_stat_statements';  -- for ... all that SHOW tells, each in quotes of its own; then restart the server and, "
                             "in database shop: CREATE EXTENSION pg_stat_statements;" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        facts_clear(&f);
        f.server_version = 150000;
        f.has_statements = cases[i].there;
        f.may_watch_all = cases[i].watches;
        (void)snprintf(f.role, sizeof f.role, "watcher");
        (void)snprintf(f.database, sizeof f.database, "shop");
        if (cases[i].libraries) {
            set(a, 0, 0, "shared_preload_libraries");
            set(a, 0, 1, cases[i].libraries);
            set(a, 0, 2, "f");
            assert_true(facts_take(FACT_SETTINGS, a, &f));
        }
        privileges_of(&f, &p);
        privilege_grant(ABILITY_STATEMENTS, &p, grant, sizeof grant);
        assert_string_equal(grant, cases[i].grant);
    }
    PQclear(a);
}

static void an_extension_is_named_with_its_schema_in_quotes(void **state)
{
    (void)state;
    struct text sql CLEANUP(text_done);
    text_init(&sql, 256);
    sql_in_schema("SELECT {schema}.a() FROM {schema}.b", "Odd \"one\"", &sql);
    assert_string_equal(sql.s, "SELECT \"Odd \"\"one\"\"\".a() FROM \"Odd \"\"one\"\"\".b");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_overrides_a_parameter_of_ours_is_not_crowded_out_by_what_does_not),
        cmocka_unit_test(no_override_is_none_and_not_one_without_a_name),
        cmocka_unit_test(a_library_at_the_end_of_a_long_list_is_not_taken_for_missing),
        cmocka_unit_test(how_to_get_statements_takes_no_library_away),
        cmocka_unit_test(an_extension_is_named_with_its_schema_in_quotes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
