/* act: two texts are the same value exactly when the server would think so, and nothing breaks out of its quotes. */
#include "unit.h"

#include "act/adapter.h"
#include "act/pg_value.h"
#include "base/arena.h"

#include <math.h>
#include <string.h>

static void numbers_with_units_are_compared_in_base_units(void **state)
{
    assert_true(pg_value_same("shared_buffers", "integer", "8kB", "1GB", "131072"));
    assert_true(pg_value_same("shared_buffers", "integer", "8kB", "1.3GB", "170368"));   /* rounded to MB first, as the server does */
    assert_true(pg_value_same("max_wal_size", "integer", "MB", "1228MB", "1228"));
    assert_true(pg_value_same("checkpoint_timeout", "integer", "s", "5min", "300"));
    assert_true(pg_value_same("work_mem", "integer", "kB", "8 MB", " 8192"));
    assert_true(pg_value_same("log_file_mode", "integer", "", "0600", "384"));
    assert_true(pg_value_same("vacuum_cost_delay", "real", "ms", "2ms", "2"));
    assert_true(pg_value_same("random_page_cost", "real", "", "1.10", "1.1"));
    assert_true(pg_value_same("seq_page_cost", "real", "", "1.23456789", "1.23457"));
    assert_false(pg_value_same("random_page_cost", "real", "", "1.1", "1.2"));
    assert_false(pg_value_same("work_mem", "integer", "kB", "8MB", "8193"));
    assert_false(pg_value_same("work_mem", "integer", "kB", "8mb", "8192"));             /* units are case-sensitive */
    assert_true(isnan(pg_value_number("integer", "kB", "5min")));
    assert_true(isnan(pg_value_number("integer", "kB", "8MB extra")));
    assert_true(isnan(pg_value_number("integer", "", "")));
    assert_true(isnan(pg_value_number("real", "", "inf")));
}

static void words_are_compared_as_the_server_reads_them(void **state)
{
    assert_true(pg_value_same("jit", "bool", "", "false", "off"));
    assert_true(pg_value_same("jit", "bool", "", "T", "on"));
    assert_false(pg_value_same("jit", "bool", "", "o", "on"));
    assert_true(pg_value_same("wal_compression", "enum", "", "on", "pglz"));
    assert_true(pg_value_same("synchronous_commit", "enum", "", "true", "on"));
    assert_true(pg_value_same("wal_level", "enum", "", "Hot_Standby", "replica"));
    assert_false(pg_value_same("wal_compression", "enum", "", "lz4", "pglz"));
    assert_true(pg_value_same("datestyle", "string", "", "iso, mdy", "ISO, MDY"));
    assert_false(pg_value_same("log_line_prefix", "string", "", "%m", "%M"));
    assert_true(pg_value_same("shared_preload_libraries", "string", "", "a,b", "a, \"b\""));
    assert_false(pg_value_same("shared_preload_libraries", "string", "", "a,b", "a"));
    assert_true(pg_value_same("x", "string", "", NULL, NULL));
    assert_false(pg_value_same("x", "string", "", NULL, ""));
}

static const char *alter(struct text *t, const char *name, const char *value)
{
    text_clear(t);
    pg_alter_text(t, name, value);
    return t->s;
}

static void values_cannot_break_out_of_their_quotes(void **state)
{
    struct text t CLEANUP(text_done);
    text_init(&t, 4096);
    assert_string_equal(alter(&t, "work_mem", "8MB"), "ALTER SYSTEM SET work_mem = '8MB'");
    assert_string_equal(alter(&t, "work_mem", NULL), "ALTER SYSTEM RESET work_mem");
    assert_string_equal(alter(&t, "x", "'; DROP TABLE t; --"), "ALTER SYSTEM SET x = '''; DROP TABLE t; --'");
    assert_string_equal(alter(&t, "x", "\\'"), "ALTER SYSTEM SET x = E'\\\\'''");
    assert_string_equal(alter(&t, "DateStyle", "ISO"), "ALTER SYSTEM SET \"DateStyle\" = 'ISO'");
    assert_string_equal(alter(&t, "auto_explain.Log", "1"), "ALTER SYSTEM SET auto_explain.\"Log\" = '1'");
    assert_string_equal(alter(&t, "shared_preload_libraries", "a, b,\"c d\""), "ALTER SYSTEM SET shared_preload_libraries = 'a', 'b', 'c d'");
    assert_string_equal(alter(&t, "search_path", ""), "ALTER SYSTEM RESET search_path");   /* SET would write a list of one nameless element */
    assert_string_equal(alter(&t, "log_line_prefix", ""), "ALTER SYSTEM SET log_line_prefix = ''");
    static const char *const bad[] = { "", "1x", "x y", "x;", "x\"", "x.", ".x", "x..y", "x-y", "x'" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(pg_name_valid(bad[i]));
    assert_true(pg_name_valid("auto_explain.log_min_duration"));
}

static void words_for_a_shell_stay_one_word(void **state)
{
    struct text t CLEANUP(text_done);
    text_init(&t, 4096);
    shell_quote(&t, "plain-word_1.0/x");
    text_add(&t, " ");
    shell_quote(&t, "");
    text_add(&t, " ");
    shell_quote(&t, "it's $HOME `x`");
    assert_string_equal(t.s, "plain-word_1.0/x '' 'it'\\''s $HOME `x`'");
}

static void a_script_is_split_at_blanks_and_shell_signs_are_refused(void **state)
{
    struct arena a;
    arena_init(&a, 65536);
    const char  *argv[5];
    struct fault fault = { 0 };
    assert_ok(script_split("  echo\tok  --x=1 ", &a, argv, 4, &fault), &fault);
    assert_string_equal(argv[0], "echo");
    assert_string_equal(argv[1], "ok");
    assert_string_equal(argv[2], "--x=1");
    assert_null(argv[3]);
    static const char *const bad[] = { "", "   ", "a | b", "a; b", "a $(b)", "a `b`", "a > b", "a 'b c'", "a \"b\"", "a *", "a\nb", "a ~", "a && b", "a \\ b", "1 2 3 4 5" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(script_split(bad[i], &a, argv, 4, &fault), ERR_INPUT);
    arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_with_units_are_compared_in_base_units),
        cmocka_unit_test(words_are_compared_as_the_server_reads_them),
        cmocka_unit_test(values_cannot_break_out_of_their_quotes),
        cmocka_unit_test(words_for_a_shell_stay_one_word),
        cmocka_unit_test(a_script_is_split_at_blanks_and_shell_signs_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
