/* ingest: a table that was registered stands in table_registry, whatever falls meanwhile. */
#include "digester_site.h"

#include "store/digest_read.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS(type) "\"columns\":[{\"name\":\"time\",\"type\":\"timestamp\"},{\"name\":\"value\",\"type\":\"" type "\"}]"

static void registered(struct journal *j, const char *tenant, const char *table, const char *json)
{
    struct fault  fault = { 0 };
    struct record r = { .kind = RECORD_SCHEMA, .form = FORM_JSON, .events = 1, .tenant = slice_of(tenant), .source = slice_of(table), .body = slice_of(json) };
    assert_ok(journal_append_wait(j, &r, NULL, &fault), &fault);
}

static void a_table_that_was_registered_is_in_table_registry_with_its_schema_and_since_when(void **state)
{
    (void)state;
    struct journal *j = the_journal();
    wall = BEGIN;
    registered(j, "", "orders", "{" COLUMNS("double") "}");
    wall += MINUTE;
    whole(0, j, 0);
    assert_int_equal(number(0, "SELECT count(*) FROM table_registry"), 1);
    assert_int_equal(number(0, "SELECT created_at FROM table_registry WHERE table_name = 'orders'"), BEGIN);
    assert_int_equal(number(0, "SELECT schema = '{" COLUMNS("double") ",\"kind\":\"metrics\"}' FROM table_registry"), 1);
    assert_int_equal(number(0, "SELECT count(*) FROM pragma_table_info('table_registry') WHERE name IN ('table_name', 'schema', 'created_at')"), 3);
    journal_close(j);
}

static void a_table_that_is_registered_again_has_the_new_schema_and_its_first_time(void **state)
{
    (void)state;
    struct journal *j = the_journal();
    wall = BEGIN;
    registered(j, "", "orders", "{\"table\":\"orders\"," COLUMNS("double") "}");
    wall += MINUTE;
    registered(j, "", "orders", "{\"table_name\":\"orders\",\"schema\":{" COLUMNS("text") "}}");
    whole(0, j, 0);
    assert_int_equal(number(0, "SELECT count(*) FROM table_registry"), 1);
    assert_int_equal(number(0, "SELECT created_at FROM table_registry"), BEGIN);
    assert_int_equal(number(0, "SELECT schema = '{" COLUMNS("text") ",\"kind\":\"logs\"}' FROM table_registry"), 1);
    journal_close(j);
}

static void tenants_may_call_their_tables_alike(void **state)
{
    (void)state;
    struct journal *j = the_journal();
    wall = BEGIN;
    registered(j, "", "orders", "{" COLUMNS("double") "}");
    registered(j, "acme", "orders", "{" COLUMNS("text") "}");
    whole(0, j, 0);
    assert_int_equal(number(0, "SELECT schema LIKE '%double%' FROM table_registry WHERE table_name = 'orders'"), 1);
    assert_int_equal(number(0, "SELECT schema LIKE '%text%' FROM table_registry WHERE table_name = 'acme/orders'"), 1);
    journal_close(j);
}

/* Among other records, and killed at another place each time. */
static void killed(int64_t save_us)
{
    struct fault            fault = { 0 };
    struct journal         *j = the_journal();
    struct digester_options o = options(0, j, save_us);
    char                    name[32], late[128];
    int64_t                 again_us = 0;
    int                     lives = 0, took;
    wall = BEGIN;
    for (int i = 0; i < 12; i++) {
        (void)snprintf(name, sizeof name, "table_%d", i % 9);
        again_us = i == 9 ? wall : again_us;
        registered(j, "", name, i < 9 ? "{" COLUMNS("double") "}" : "{" COLUMNS("text") "}");
        minutes_into(j, wall, 1, small);
        wall += MINUTE;
    }
    wall = BEGIN + 30 * MINUTE;
    o.records_a_turn = 1;
    do {
        struct digester *d;
        assert_ok(digester_open(&o, &d, &fault), &fault);
        took = turns(d, 1 + lives % 3 * 5);
        digester_close(d);
        lives++;
    } while (took >= 1 + (lives - 1) % 3 * 5 && lives < 1000);
    assert_true(lives > 2);
    if (save_us) {
        o.records_a_turn = 1000;
        whole(0, j, save_us);
    }
    assert_int_equal(number(0, "SELECT count(*) FROM table_registry"), 9);
    assert_int_equal(number(0, "SELECT count(*) FROM table_registry WHERE schema LIKE '%\"text\"%' AND table_name IN ('table_0', 'table_1', 'table_2')"), 3);
    assert_int_equal(number(0, "SELECT count(*) FROM table_registry WHERE schema LIKE '%double%'"), 6);
    (void)snprintf(late, sizeof late, "SELECT count(*) FROM table_registry WHERE created_at >= %" PRId64, again_us);
    assert_int_equal(number(0, late), 0);
    journal_close(j);
}

static void a_digest_that_is_killed_at_any_turn_has_every_table_once(void **state) { (void)state; killed(0); }
static void a_digest_that_is_killed_between_its_saves_has_every_table_once(void **state) { (void)state; killed(3600 * US_PER_S); }

static void a_table_that_cannot_be_written_is_tried_again_and_nothing_behind_it_is_read_before(void **state)
{
    (void)state;
    struct fault            fault = { 0 };
    struct journal         *j = the_journal();
    struct digester_options o = options(0, j, 0);
    struct digester        *d;
    struct digester_stats   s;
    bool                    idle;
    wall = BEGIN;
    assert_ok(digester_open(&o, &d, &fault), &fault);
    registered(j, "", "orders", "{" COLUMNS("double") "}");
    registered(j, "", "items", "{" COLUMNS("double") "}");
    run_sql(0, "CREATE TRIGGER no BEFORE INSERT ON table_registry WHEN NEW.table_name = 'orders' BEGIN SELECT RAISE(ABORT, 'no'); END");
    assert_int_not_equal(digester_step(d, &idle, &fault), OK);
    digester_stats(d, &s);
    assert_true(s.waiting && s.failures == 1);
    assert_int_equal(number(0, "SELECT count(*) FROM table_registry"), 0);
    run_sql(0, "DROP TRIGGER no");
    wall += 2 * MINUTE;
    turns(d, 1000);
    digester_close(d);
    assert_int_equal(number(0, "SELECT count(*) FROM table_registry"), 2);
    journal_close(j);
}

static void a_description_that_cannot_be_read_is_counted_and_what_follows_is_read(void **state)
{
    (void)state;
    struct fault            fault = { 0 };
    struct journal         *j = the_journal();
    struct digester_options o = options(0, j, 0);
    struct digester        *d;
    struct digester_stats   s;
    wall = BEGIN;
    registered(j, "", "orders", "{");
    registered(j, "", "items", "{" COLUMNS("double") "}");
    assert_ok(digester_open(&o, &d, &fault), &fault);
    turns(d, 1000);
    digester_stats(d, &s);
    assert_int_equal(s.bad_records, 1);
    digester_close(d);
    assert_int_equal(number(0, "SELECT count(*) FROM table_registry WHERE table_name = 'items'"), 1);
    journal_close(j);
}

static json_t *shown(const char *tenant, int limit)
{
    struct fault          fault = { 0 };
    struct digest_reader *r;
    json_t               *out = NULL;
    assert_ok(digest_reader_open(site_store[0], &r, &fault), &fault);
    assert_ok(digest_read_tables(r, tenant, limit, &out, &fault), &fault);
    digest_reader_close(r);
    return out;
}

static void who_asks_for_tables_is_told_whose_they_are_and_whether_there_are_more(void **state)
{
    (void)state;
    static const struct { const char *tenant; int limit; const char *says; } asks[] = {
        { "", 3, "{\"tables\":[{\"table\":\"items\",\"tenant\":\"installation\",\"kind\":\"logs\"},{\"table\":\"orders\",\"tenant\":\"installation\",\"kind\":\"metrics\"},"
                 "{\"table\":\"orders\",\"tenant\":\"acme\",\"kind\":\"logs\"}],\"cut\":false}" },
        { "", 1, "{\"tables\":[{\"table\":\"items\",\"tenant\":\"installation\",\"kind\":\"logs\"}],\"cut\":true}" },
        { "acme", 9, "{\"tables\":[{\"table\":\"orders\",\"tenant\":\"acme\",\"kind\":\"logs\"}],\"cut\":false}" },
        { "nobody", 9, "{\"tables\":[],\"cut\":false}" },
    };
    struct journal *j = the_journal();
    json_t         *one;
    size_t          k;
    wall = BEGIN;
    registered(j, "", "orders", "{" COLUMNS("double") "}");
    registered(j, "acme", "orders", "{" COLUMNS("text") "}");
    registered(j, "", "items", "{" COLUMNS("text") "}");
    whole(0, j, 0);
    for (size_t i = 0; i < sizeof asks / sizeof *asks; i++) {
        json_t *out = shown(asks[i].tenant, asks[i].limit);
        json_array_foreach(json_object_get(out, "tables"), k, one) {
            assert_int_equal(json_array_size(json_object_get(json_object_get(one, "schema"), "columns")), 2);
            assert_non_null(strstr(json_string_value(json_object_get(one, "created_at")), "2023-11-14"));
            (void)json_object_del(one, "schema");
            (void)json_object_del(one, "created_at");
        }
        char *text = json_dumps(out, JSON_COMPACT);
        assert_string_equal(text, asks[i].says);
        free(text);
        json_decref(out);
    }
    journal_close(j);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, site_make, site_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_table_that_was_registered_is_in_table_registry_with_its_schema_and_since_when),
        TEST(a_table_that_is_registered_again_has_the_new_schema_and_its_first_time),
        TEST(tenants_may_call_their_tables_alike),
        TEST(who_asks_for_tables_is_told_whose_they_are_and_whether_there_are_more),
        TEST(a_digest_that_is_killed_at_any_turn_has_every_table_once),
        TEST(a_digest_that_is_killed_between_its_saves_has_every_table_once),
        TEST(a_table_that_cannot_be_written_is_tried_again_and_nothing_behind_it_is_read_before),
        TEST(a_description_that_cannot_be_read_is_counted_and_what_follows_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
