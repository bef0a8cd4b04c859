/* ship: logs as RowBinary, byte by byte, and what ClickHouse's answers mean to a batch. The server is a script in this process. */
#include "ship_fixture.h"
#include "ship_server.h"

#include "ship/clickhouse_layout.h"
#include "ship/kinds.h"
#include "ship/load.h"

#include <stdio.h>
#include <string.h>

static struct world w;
static struct load  load;
static char         url[64];

static int set_up(void **state)
{
    (void)state;
    world_begin(&w, false);
    load_init(&load);
    server_begin();
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%d", server.port);
    w.conf.url = url;
    w.conf.database = "obs";
    w.conf.table = "";
    w.conf.compress = COMPRESS_NONE;
    w.conf.timeout_us = 5 * US_PER_S;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    server_end();
    load_done(&load);
    world_end(&w);
    return 0;
}

static struct batch lines(int from, int to)
{
    struct journal_consumer *c;
    struct record            r;
    struct load_counts       counts = { 0 };
    struct sieve             sieve = { .types = 7 };
    (void)append_lines(&w, from, to);
    load_reset(&load);
    assert_ok(journal_consumer_open(w.journal, "test", JOURNAL_FROM_START, &c, &fault), &fault);
    while (journal_read(c, &r, &fault) == OK)
        assert_ok(load_add(&load, &r, &sieve, NULL, 0, &counts, &fault), &fault);
    journal_consumer_close(c);
    return (struct batch){ .event = load.event, .count = load.count, .load = 1 };
}

static void a_row_is_as_the_format_says(void **state)
{
    (void)state;
    static const struct attr of_resource[] = { { SLICE("service.name"), { .kind = VALUE_TEXT, .as.text = SLICE("shop") } }, { SLICE("zone"), { .kind = VALUE_TEXT, .as.text = SLICE("eu") } } };
    static const struct attr own[] = { { SLICE("n"), { .kind = VALUE_INT, .as.integer = 7 } } };
    struct resource resource = { .attrs = { of_resource, 2 }, .id = 0x1122334455667788 };
    struct scope    scope = { 0 };
    char            message[200];
    memset(message, 'x', sizeof message);
    struct event e = { .type = EVENT_LOG, .record = 258, .index = 3, .tenant = SLICE("t"), .resource = &resource, .scope = &scope, .attrs = { own, 1 },
        .as.log = { .time_ns = 0x0102030405060708, .severity = 9, .trace_id = SLICE("\x0f\x10"), .body = { .kind = VALUE_TEXT, .as.text = { message, sizeof message } } } };
    static const char front[] = "\x08\x07\x06\x05\x04\x03\x02\x01" "\x04shop" "\x00" "\x04" "0f10" "\x00" "\x04INFO" "\x09" "\xc8\x01";
    static const char back[] = "\x02" "\x01n\x01" "7" "\x04zone\x02" "eu" "\x01t" "\x88\x77\x66\x55\x44\x33\x22\x11" "\x02\x01\x00\x00\x00\x00\x00\x00" "\x03\x00\x00\x00";
    struct text out CLEANUP(text_done), scratch CLEANUP(text_done);
    text_init(&out, 4096);
    text_init(&scratch, 4096);
    click_row(&out, &e, &scratch);
    assert_int_equal(out.used, sizeof front - 1 + sizeof message + sizeof back - 1);
    assert_memory_equal(out.s, front, sizeof front - 1);
    assert_memory_equal(out.s + sizeof front - 1 + sizeof message, back, sizeof back - 1);
}

static const char no_table[] = "HTTP/1.1 404 X\r\nContent-Length: 28\r\n\r\nCode: 60. DB::Exception: Tab\n";
static const char denied[] = "HTTP/1.1 403 X\r\nContent-Length: 29\r\n\r\nCode: 497. DB::Exception: Not\n";

static void the_table_is_made_once_and_rows_go_with_a_token_of_their_own(void **state)
{
    (void)state;
    void              *self = NULL;
    struct sent_answer a = { 0 };
    w.conf.user = "me";
    w.conf.password = (struct conf_secret){ "/x", "pass", 4 };
    struct batch b = lines(0, 9);
    server.answer[0] = no_table;
    assert_ok(sink_clickhouse.open(&w.conf, &self, &fault), &fault);
    assert_int_equal(sink_clickhouse.send(self, &b, &a), SENT_ALL);
    assert_int_equal(sink_clickhouse.send(self, &b, &a), SENT_ALL);
    b.count--;
    assert_int_equal(sink_clickhouse.send(self, &b, &a), SENT_ALL);
    sink_clickhouse.close(self);
    assert_int_equal(server.n, 5);
    assert_non_null(strstr(server.head[1], "POST /?database=obs"));
    assert_non_null(strstr(server.body[1], "CREATE TABLE IF NOT EXISTS logs_events ("));
    assert_null(strchr(server.body[1], '@'));
    assert_non_null(strstr(server.head[0], "&async_insert=0&wait_for_async_insert=1&"));
    assert_true(head_has(0, "\r\nAuthorization: Basic bWU6cGFzcw=="));
    assert_non_null(strstr(server.head[2], "&query=INSERT%20INTO%20logs_events%20%28timestamp%2C"));
    assert_non_null(strstr(server.head[2], "FORMAT%20RowBinary"));
    const char *token = strstr(server.head[2], "insert_deduplication_token=s-1-0-1-9-10-");
    assert_non_null(token);
    size_t n = strcspn(token, "&");
    assert_memory_equal(token, strstr(server.head[3], "insert_deduplication_token="), n + 1);        /* the same again */
    assert_null(strstr(server.head[4], "insert_deduplication_token=s-1-0-1-9-10-"));
    assert_int_equal(server.size[2], server.size[3]);
    assert_memory_equal(server.body[2], server.body[3], server.size[2]);
}

static void what_is_kept_is_said_to_the_table(void **state)
{
    (void)state;
    void              *self = NULL;
    struct sent_answer a = { 0 };
    w.conf.keep_us = 3600 * US_PER_S;
    w.conf.table = "mine";
    struct batch b = lines(0, 0);
    assert_ok(sink_clickhouse.open(&w.conf, &self, &fault), &fault);
    assert_int_equal(sink_clickhouse.send(self, &b, &a), SENT_ALL);
    sink_clickhouse.close(self);
    assert_int_equal(server.n, 2);
    assert_string_equal(server.body[0], "ALTER TABLE mine MODIFY TTL toDateTime(timestamp) + INTERVAL 3600 SECOND DELETE");
}

static void a_user_who_may_only_insert_does(void **state)
{
    (void)state;
    void              *self = NULL;
    struct sent_answer a = { 0 };
    w.conf.keep_us = 3600 * US_PER_S;
    struct batch b = lines(0, 0);
    server.answer[0] = denied;
    assert_ok(sink_clickhouse.open(&w.conf, &self, &fault), &fault);
    assert_int_equal(sink_clickhouse.send(self, &b, &a), SENT_ALL);
    assert_int_equal(sink_clickhouse.send(self, &b, &a), SENT_ALL);
    sink_clickhouse.close(self);
    assert_int_equal(server.n, 3);                                   /* it is not asked again */
    assert_non_null(strstr(server.head[1], "INSERT"));
    assert_non_null(strstr(server.head[2], "INSERT"));
}

static void each_error_waits_unless_the_data_is_to_blame(void **state)
{
    (void)state;
    static const struct { const char *answer; enum sent sent; } rows[] = {
        { "HTTP/1.1 500 X\r\nContent-Length: 29\r\n\r\nCode: 241. DB::Exception: Mem\n", SENT_LATER },           /* memory limit */
        { "HTTP/1.1 500 X\r\nContent-Length: 29\r\n\r\nCode: 252. DB::Exception: Too\n", SENT_LATER },           /* too many parts */
        { "HTTP/1.1 400 X\r\nContent-Length: 29\r\n\r\nCode: 115. DB::Exception: Set\n", SENT_LATER },           /* unknown setting: ours to mend */
        { "HTTP/1.1 400 X\r\nContent-Length: 29\r\n\r\nCode: 33. DB::Exception: Read\n", SENT_LATER },           /* cannot read all data: columns of another type */
        { "HTTP/1.1 400 X\r\nContent-Length: 29\r\n\r\nCode: 117. DB::Exception: Inc\n", SENT_LATER },
        { "HTTP/1.1 400 X\r\nContent-Length: 28\r\n\r\nCode: 6. DB::Exception: Text\n", SENT_REFUSED },
        { "HTTP/1.1 500 X\r\nContent-Length: 29\r\n\r\nCode: 469. DB::Exception: Con\n", SENT_REFUSED },         /* a constraint */
        { "HTTP/1.1 200 OK\r\nContent-Length: 29\r\n\r\nCode: 159. DB::Exception: Tim\n", SENT_LATER },          /* too late for a status */
        { "HTTP/1.1 400 X\r\nContent-Length: 5\r\n\r\nproxy", SENT_LATER },
        { "HTTP/1.1 413 X\r\nContent-Length: 0\r\n\r\n", SENT_TOO_LARGE },
    };
    void        *self = NULL;
    struct batch b = lines(0, 9);
    assert_ok(sink_clickhouse.open(&w.conf, &self, &fault), &fault);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sent_answer a = { 0 };
        server.answer[i] = rows[i].answer;
        assert_int_equal(sink_clickhouse.send(self, &b, &a), rows[i].sent);
        assert_true(*a.why);
        assert_int_equal(a.timed_out, strstr(rows[i].answer, "Code: 241") || strstr(rows[i].answer, "Code: 159"));
    }
    sink_clickhouse.close(self);
}

static void a_table_that_was_dropped_is_made_again(void **state)
{
    (void)state;
    void              *self = NULL;
    struct sent_answer a = { 0 };
    struct batch       b = lines(0, 9);
    w.conf.keep_us = 3600 * US_PER_S;
    server.answer[2] = no_table;
    assert_ok(sink_clickhouse.open(&w.conf, &self, &fault), &fault);
    assert_int_equal(sink_clickhouse.send(self, &b, &a), SENT_ALL);      /* keep, rows */
    assert_int_equal(sink_clickhouse.send(self, &b, &a), SENT_ALL);      /* rows in vain, table, keep, rows */
    sink_clickhouse.close(self);
    assert_int_equal(server.n, 6);
    assert_non_null(strstr(server.body[3], "CREATE TABLE"));
    assert_non_null(strstr(server.body[4], "ALTER TABLE"));
    assert_non_null(strstr(server.head[5], "INSERT"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_is_as_the_format_says),
        cmocka_unit_test_setup_teardown(the_table_is_made_once_and_rows_go_with_a_token_of_their_own, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_kept_is_said_to_the_table, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_user_who_may_only_insert_does, set_up, tear_down),
        cmocka_unit_test_setup_teardown(each_error_waits_unless_the_data_is_to_blame, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_table_that_was_dropped_is_made_again, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
