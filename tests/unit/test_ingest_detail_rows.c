/* Rows of digest.db as lines that COPY takes: what is special is escaped, what PostgreSQL does not hold is replaced and counted. */
#include "unit.h"

#include "ingest/detail_rows.h"

#include <string.h>

static sqlite3           *db;
static struct detail_rows rows;

static int begin(void **state)
{
    (void)state;
    detail_rows_init(&rows, 4096);
    return sqlite3_open(":memory:", &db) == SQLITE_OK ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    detail_rows_done(&rows);
    return sqlite3_close(db);
}

static const char *line_of(const char *sql)
{
    struct db_rows r = { 0 };
    text_clear(&rows.out);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &r.s, NULL), SQLITE_OK);
    while (db_next(&r))
        detail_rows_add(&rows, &r);
    sqlite3_finalize(r.s);
    return rows.out.s;
}

static void numbers_texts_and_nothing_are_told_apart(void **state)
{
    (void)state;
    assert_string_equal(line_of("SELECT 1, -9223372036854775807 - 1, 0.1, 1e300 * 1e10, NULL, '', '\\N'"), "1\t-9223372036854775808\t0.10000000000000001\tinf\t\\N\t\t\\\\N\n");
    assert_int_equal(rows.rows, 1);
}

static void what_would_end_a_field_or_a_line_is_escaped(void **state)
{
    (void)state;
    assert_string_equal(line_of("SELECT 'a' || char(9) || 'b' || char(10) || 'c' || char(13) || 'd\\e' || char(92) || '.'"), "a\\tb\\nc\\rd\\\\e\\\\.\n");
    assert_int_equal(rows.replaced, 0);
}

static void what_postgresql_does_not_hold_is_replaced_and_counted(void **state)
{
    (void)state;
    assert_string_equal(line_of("SELECT CAST(x'61006262ff63c3a4e282ac' AS TEXT)"), "a\xef\xbf\xbd" "bb\xef\xbf\xbd" "c\xc3\xa4\xe2\x82\xac\n");
    assert_int_equal(rows.replaced, 2);
}

static void the_escape_of_nul_is_replaced_where_it_becomes_jsonb_and_only_there(void **state)
{
    (void)state;
    assert_string_equal(line_of("SELECT '{\"a\":\"\\u0000\\\\u0000\\n\"}' AS labels"), "{\"a\":\"\\\\ufffd\\\\\\\\u0000\\\\n\"}\n");
    assert_int_equal(rows.replaced, 1);
    assert_string_equal(line_of("SELECT '{\\u0000}' AS pattern"), "{\\\\u0000}\n");
    assert_int_equal(rows.replaced, 1);
}

static void what_does_not_fit_is_said(void **state)
{
    (void)state;
    (void)line_of("SELECT printf('%.*c', 3000, 'x') UNION ALL SELECT printf('%.*c', 3000, 'y')");
    assert_true(rows.out.cut);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, begin, end)
    const struct CMUnitTest tests[] = {
        T(numbers_texts_and_nothing_are_told_apart),
        T(what_would_end_a_field_or_a_line_is_escaped),
        T(what_postgresql_does_not_hold_is_replaced_and_counted),
        T(the_escape_of_nul_is_replaced_where_it_becomes_jsonb_and_only_there),
        T(what_does_not_fit_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
