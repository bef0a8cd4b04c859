/* sense: statements out of pg_stat_statements are said so that they can be prepared. */
#include "unit.h"

#include "sense/preparable.h"

#include <stdio.h>
#include <string.h>

static const char *said(const char *statement)
{
    static char out[2000];
    struct text t CLEANUP(text_done);
    text_init(&t, sizeof out - 1);
    preparable("q", statement, &t);
    (void)text_copy(out, sizeof out, t.s);
    return out;
}

static void what_can_be_prepared_stays_as_it_is(void **state)
{
    (void)state;
    static const char *const plain[] = {
        "SELECT a FROM t WHERE b = $1 LIMIT $2", "SELECT date, interval_ FROM t", "SELECT 'interval $1', \"date $2\" FROM t -- interval $3", "SELECT /* date $1 */ 1", "SELECT update_date $1", "",
        "SELECT 'it''s date $1'", "SELECT 'not closed date $1",
    };
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
        char wanted[200];
        (void)snprintf(wanted, sizeof wanted, "PREPARE q AS %s", plain[i]);
        assert_string_equal(said(plain[i]), wanted);
    }
}

static void a_type_in_front_of_a_constant_becomes_a_cast(void **state)
{
    (void)state;
    assert_string_equal(said("SELECT 1 FROM l WHERE d <= date $1 - interval $2 day AND e > TIMESTAMP\n$3"),
                        "PREPARE q AS SELECT 1 FROM l WHERE d <= $1::date - $2::interval day AND e > $3::TIMESTAMP");
    assert_string_equal(said("SELECT 1 FROM l WHERE a > timestamp with time zone $1 AND b < TIME WITHOUT\nTIME ZONE $2 AND c = uuid $3 AND d @> jsonb $4"),
                        "PREPARE q AS SELECT 1 FROM l WHERE a > $1::timestamp with time zone AND b < $2::TIME WITHOUT\nTIME ZONE AND c = $3::uuid AND d @> $4::jsonb");
    assert_string_equal(said("SELECT a::timestamp with time zone, time, zone, json FROM l WHERE text = $1"), "PREPARE q AS SELECT a::timestamp with time zone, time, zone, json FROM l WHERE text = $1");
}

static void what_stood_in_select_and_in_group_by_is_the_same_again(void **state)
{
    (void)state;
    assert_string_equal(said("SELECT date_trunc($1, d), count(*) FROM t WHERE a = $2 GROUP BY DATE_TRUNC( $3, d)"),
                        "PREPARE q (text, unknown, text) AS SELECT date_trunc('day', d), count(*) FROM t WHERE a = $2 GROUP BY date_trunc('day', d)");
    assert_string_equal(said("SELECT d AT TIME ZONE $1, date_part($2, d), date_trunc(b, $3) FROM t"), "PREPARE q (text, text, unknown) AS SELECT d AT TIME zone 'UTC', date_part('day', d), date_trunc(b, $3) FROM t");
}

static void a_field_that_became_a_parameter_is_named_again_and_the_parameter_declared(void **state)
{
    (void)state;
    assert_string_equal(said("SELECT EXTRACT($1 FROM d), $2::int FROM t WHERE a = $3"), "PREPARE q (text, unknown, unknown) AS SELECT extract(year FROM d), $2::int FROM t WHERE a = $3");
    assert_string_equal(said("SELECT extract(year from d)"), "PREPARE q AS SELECT extract(year from d)");
}

static void a_list_of_which_one_constant_is_told_remains_a_list(void **state)
{
    (void)state;
    assert_string_equal(said("SELECT a FROM t WHERE b = $1 AND c IN ($2 /*, ... */) AND d = ANY (ARRAY[$3 /*, ... */])"),
                        "PREPARE q AS SELECT a FROM t WHERE b = $1 AND c IN ($2 , $2) AND d = ANY (ARRAY[$3 , $3])");
    assert_string_equal(said("/*, ... */ SELECT $1 /*, */"), "PREPARE q AS /*, ... */ SELECT $1 /*, */");
}

static void what_does_not_fit_is_said_to_be_cut(void **state)
{
    (void)state;
    struct text t CLEANUP(text_done);
    text_init(&t, 30);
    preparable("q", "SELECT aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", &t);
    assert_true(t.cut);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_can_be_prepared_stays_as_it_is),
        cmocka_unit_test(a_type_in_front_of_a_constant_becomes_a_cast),
        cmocka_unit_test(what_stood_in_select_and_in_group_by_is_the_same_again),
        cmocka_unit_test(a_field_that_became_a_parameter_is_named_again_and_the_parameter_declared),
        cmocka_unit_test(a_list_of_which_one_constant_is_told_remains_a_list),
        cmocka_unit_test(what_does_not_fit_is_said_to_be_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
