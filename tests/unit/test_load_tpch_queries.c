/* load: TPC-H's parameters are those of the specification, and the same seed asks the same. */
#include "unit.h"

#include "load/tpch_queries.h"
#include "load/tpch_words.h"

#include <regex.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DRAWS 4000

/* What each value must look like (clause 2.4). */
static const struct { int query; const char *pattern[LOAD_QUERY_PARAMETERS]; } shapes[] = {
    { 1, { "^([6-9][0-9]|1[01][0-9]|120)$" } },
    { 2, { "^([1-9]|[1-4][0-9]|50)$", "^(TIN|NICKEL|BRASS|STEEL|COPPER)$", "^(AFRICA|AMERICA|ASIA|EUROPE|MIDDLE EAST)$" } },
    { 3, { "^(AUTOMOBILE|BUILDING|FURNITURE|MACHINERY|HOUSEHOLD)$", "^1995-03-(0[1-9]|[12][0-9]|3[01])$" } },
    { 4, { "^(199[3-6]-(0[1-9]|1[0-2])|1997-(0[1-9]|10))-01$" } },
    { 5, { "^(AFRICA|AMERICA|ASIA|EUROPE|MIDDLE EAST)$", "^199[3-7]-01-01$" } },
    { 6, { "^199[3-7]-01-01$", "^0[.]0[2-9]$", "^2[45]$" } },
    { 7, { "^[A-Z ]+$", "^[A-Z ]+$" } },
    { 8, { "^[A-Z ]+$", "^[A-Z ]+$", "^[A-Z]+ [A-Z]+ [A-Z]+$" } },
    { 9, { "^[a-z]+$" } },
    { 10, { "^(1993-(0[2-9]|1[0-2])|1994-(0[1-9]|1[0-2])|1995-01)-01$" } },
    { 11, { "^[A-Z ]+$", "^0[.]0100000000$" } },
    { 12, { "^(REG AIR|AIR|RAIL|SHIP|TRUCK|MAIL|FOB)$", "^(REG AIR|AIR|RAIL|SHIP|TRUCK|MAIL|FOB)$", "^199[3-7]-01-01$" } },
    { 13, { "^(special|pending|unusual|express)$", "^(packages|requests|accounts|deposits)$" } },
    { 14, { "^199[3-7]-(0[1-9]|1[0-2])-01$" } },
    { 15, { "^(199[3-6]-(0[1-9]|1[0-2])|1997-(0[1-9]|10))-01$" } },
    { 16, { "^Brand#[1-5][1-5]$", "^[A-Z]+ [A-Z]+$", "^[1-9][0-9]?$" } },
    { 17, { "^Brand#[1-5][1-5]$", "^(SM|LG|MED|JUMBO|WRAP) (CASE|BOX|BAG|JAR|PKG|PACK|CAN|DRUM)$" } },
    { 18, { "^31[2-5]$" } },
    { 19, { "^([1-9]|10)$", "^(1[0-9]|20)$", "^(2[0-9]|30)$", "^Brand#[1-5][1-5]$", "^Brand#[1-5][1-5]$", "^Brand#[1-5][1-5]$" } },
    { 20, { "^[a-z]+$", "^199[3-7]-01-01$", "^[A-Z ]+$" } },
    { 21, { "^[A-Z ]+$" } },
    { 22, { "^(1[0-9]|2[0-9]|3[0-4])$" } },
};

static void values_are_what_the_specification_allows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        for (int p = 0; p < LOAD_QUERY_PARAMETERS && shapes[i].pattern[p]; p++) {
            regex_t shape;
            assert_int_equal(regcomp(&shape, shapes[i].pattern[p], REG_EXTENDED | REG_NOSUB), 0);
            for (int n = 0; n < DRAWS; n++) {
                struct load_question q;
                load_question_draw(&q, shapes[i].query, 0.01, 1, n % 7, n);
                if (regexec(&shape, q.value[p], 0, NULL, 0) != 0)
                    fail_msg("query %d, value %d: %s", shapes[i].query, p + 1, q.value[p]);
            }
            regfree(&shape);
        }
}

/* How many different values the first parameter of a query takes. */
static int variety(int query, int parameter)
{
    static char seen[DRAWS][LOAD_QUERY_PARAM_SIZE];
    int         different = 0;
    for (int n = 0; n < DRAWS; n++) {
        struct load_question q;
        load_question_draw(&q, query, 1, 9, 1, n);
        int i = 0;
        while (i < different && strcmp(seen[i], q.value[parameter]) != 0)
            i++;
        if (i == different)
            strcpy(seen[different++], q.value[parameter]);
    }
    return different;
}

static void every_allowed_value_is_drawn(void **state)
{
    (void)state;
    static const struct { int query, parameter, values; } wanted[] = {
        { 1, 0, 61 }, { 2, 0, 50 }, { 3, 1, 31 }, { 4, 0, 58 }, { 6, 1, 8 }, { 8, 2, 150 }, { 9, 0, 92 }, { 10, 0, 24 }, { 11, 0, 25 }, { 14, 0, 60 }, { 15, 0, 58 },
        { 16, 1, 30 }, { 17, 1, 40 }, { 18, 0, 4 }, { 19, 1, 11 }, { 21, 0, 25 }, { 22, 0, 25 },
    };
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
        assert_int_equal(variety(wanted[i].query, wanted[i].parameter), wanted[i].values);
}

static void what_must_differ_differs_and_what_belongs_together_does(void **state)
{
    (void)state;
    for (int n = 0; n < DRAWS; n++) {
        struct load_question q;
        load_question_draw(&q, 7, 1, 2, 0, n);
        assert_string_not_equal(q.value[0], q.value[1]);
        load_question_draw(&q, 12, 1, 2, 0, n);
        assert_string_not_equal(q.value[0], q.value[1]);
        load_question_draw(&q, 16, 1, 2, 0, n);
        for (int i = 2; i < 10; i++)
            for (int j = 2; j < i; j++)
                assert_string_not_equal(q.value[i], q.value[j]);
        load_question_draw(&q, 22, 1, 2, 0, n);
        for (int i = 0; i < 7; i++)
            for (int j = 0; j < i; j++)
                assert_string_not_equal(q.value[i], q.value[j]);
        load_question_draw(&q, 8, 1, 2, 0, n);
        int nation = 0;
        while (strcmp(load_nations[nation].name, q.value[0]) != 0)
            nation++;
        assert_string_equal(load_regions[load_nations[nation].region], q.value[1]);
    }
}

static void parameters_depend_on_seed_stream_round_and_query_alone(void **state)
{
    (void)state;
    struct load_question a, b;
    int                  changed[4] = { 0 };
    for (int n = 0; n < 200; n++) {
        load_question_draw(&a, 16, 1, 5, 3, n);
        load_question_draw(&b, 9, 1, 5, 3, n);   /* others in between change nothing */
        load_question_draw(&b, 16, 1, 5, 3, n);
        assert_memory_equal(&a, &b, sizeof a);
        load_question_draw(&b, 16, 1, 6, 3, n);
        changed[0] += memcmp(&a, &b, sizeof a) != 0;
        load_question_draw(&b, 16, 1, 5, 4, n);
        changed[1] += memcmp(&a, &b, sizeof a) != 0;
        load_question_draw(&b, 16, 1, 5, 3, n + 1);
        changed[2] += memcmp(&a, &b, sizeof a) != 0;
    }
    for (int i = 0; i < 3; i++)
        assert_in_range(changed[i], 199, 200);
}

static void a_stream_asks_each_query_once_and_the_power_test_in_the_specified_order(void **state)
{
    (void)state;
    int order[LOAD_QUERIES], again[LOAD_QUERIES], first[LOAD_QUERIES];
    load_query_order(7, 0, first);
    assert_int_equal(first[0], 14);
    assert_int_equal(first[21], 12);
    for (int stream = 0; stream < 30; stream++) {
        bool seen[LOAD_QUERIES + 1] = { false };
        load_query_order(7, stream, order);
        load_query_order(7, stream, again);
        assert_memory_equal(order, again, sizeof order);
        for (int i = 0; i < LOAD_QUERIES; i++) {
            assert_in_range(order[i], 1, LOAD_QUERIES);
            assert_false(seen[order[i]]);
            seen[order[i]] = true;
        }
        if (stream > 0)
            assert_memory_not_equal(order, first, sizeof order);
    }
}

static void statements_have_as_many_places_as_there_are_parameters(void **state)
{
    (void)state;
    for (int n = 1; n <= LOAD_QUERIES; n++) {
        const struct load_query *q = load_query(n);
        char                     place[8];
        assert_int_equal(q->number, n);
        for (int p = 1; p <= LOAD_QUERY_PARAMETERS + 1; p++) {
            (void)snprintf(place, sizeof place, "$%d:", p);
            assert_true((strstr(q->sql, place) != NULL) == (p <= q->parameters));
        }
        assert_true((strstr(q->sql, "\nLIMIT") != NULL) == (q->limit > 0));
        assert_true((strstr(q->sql, "\nORDER BY") != NULL) == (q->sorted_by[0] > 0));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_what_the_specification_allows),
        cmocka_unit_test(every_allowed_value_is_drawn),
        cmocka_unit_test(what_must_differ_differs_and_what_belongs_together_does),
        cmocka_unit_test(parameters_depend_on_seed_stream_round_and_query_alone),
        cmocka_unit_test(a_stream_asks_each_query_once_and_the_power_test_in_the_specified_order),
        cmocka_unit_test(statements_have_as_many_places_as_there_are_parameters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
