/* ship: signatures as AWS publishes them, and objects put where they belong. The store is a script in this process. */
#include "ship_fixture.h"
#include "ship_server.h"

#include "ship/kinds.h"
#include "ship/load.h"
#include "ship/sigv4.h"

#include <libdeflate.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the examples of "Signature Calculations for the Authorization Header" in the API reference of S3, by value ---- */

#define KEY_ID "AKIAIOSFODNN7EXAMPLE"
#define SECRET "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
#define NOTHING "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define HOST { "host", "examplebucket.s3.amazonaws.com" }
#define DATE { "x-amz-date", "20130524T000000Z" }
#define HASH { "x-amz-content-sha256", NOTHING }

static void assert_signature(const char *method, const char *path, const char *query, const struct sigv4_header *h, size_t n, const char *payload, const char *names, const char *signature)
{
    char         out[SIGV4_MAX], want[SIGV4_MAX];
    struct sigv4 s = { .key_id = KEY_ID, .secret = SECRET, .region = "us-east-1", .service = "s3", .method = method, .path = path, .query = query, .header = h, .headers = n, .payload = payload,
                       .date = "20130524T000000Z" };
    assert_true(sigv4_sign(&s, out, sizeof out));
    (void)snprintf(want, sizeof want, "AWS4-HMAC-SHA256 Credential=" KEY_ID "/20130524/us-east-1/s3/aws4_request,SignedHeaders=%s,Signature=%s", names, signature);
    assert_string_equal(out, want);
    assert_false(sigv4_sign(&s, out, 100));
}

static void signatures_are_those_that_aws_publishes(void **state)
{
    (void)state;
    static const struct sigv4_header get[] = { HOST, { "range", "bytes=0-9" }, HASH, DATE };
    assert_signature("GET", "/test.txt", "", get, 4, NOTHING, "host;range;x-amz-content-sha256;x-amz-date", "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
    static const char welcome[] = "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072";
    static const struct sigv4_header put[] = { { "date", "Fri, 24 May 2013 00:00:00 GMT" }, HOST, { "x-amz-content-sha256", welcome }, DATE, { "x-amz-storage-class", "REDUCED_REDUNDANCY" } };
    char hash[SIGV4_HASH], path[64];
    assert_true(sigv4_hash("Welcome to Amazon S3.", 21, hash));
    assert_string_equal(hash, welcome);
    assert_true(sigv4_escape("/test$file.text", path, sizeof path));
    assert_string_equal(path, "/test%24file.text");
    assert_signature("PUT", path, "", put, 5, hash, "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class", "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
    static const struct sigv4_header bare[] = { HOST, HASH, DATE };
    assert_signature("GET", "/", "lifecycle=", bare, 3, NOTHING, "host;x-amz-content-sha256;x-amz-date", "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
    assert_signature("GET", "/", "max-keys=2&prefix=J", bare, 3, NOTHING, "host;x-amz-content-sha256;x-amz-date", "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
    assert_true(sigv4_hash(NULL, 0, hash));
    assert_string_equal(hash, NOTHING);
    assert_false(sigv4_escape("/aaaaaaaa", path, 8));
}

/* ---- objects ---- */

static struct world w;
static struct load  load;
static char         url[64];

static int set_up(void **state)
{
    (void)state;
    world_begin(&w, false);
    load_init(&load);
    server_begin();
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%d/", server.port);
    w.conf.url = url;
    w.conf.bucket = "lake";
    w.conf.region = "eu-west-1";
    w.conf.prefix = "raw";
    w.conf.path_style = true;
    w.conf.user = "";
    w.conf.password = (struct conf_secret){ "", "", 0 };
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

static struct batch all_of_it(void)
{
    struct journal_consumer *c;
    struct record            r;
    struct load_counts       counts = { 0 };
    struct sieve             sieve = { .types = 7 };
    load_reset(&load);
    assert_ok(journal_consumer_open(w.journal, "test", JOURNAL_FROM_START, &c, &fault), &fault);
    while (journal_read(c, &r, &fault) == OK)
        assert_ok(load_add(&load, &r, &sieve, NULL, 0, &counts, &fault), &fault);
    journal_consumer_close(c);
    return (struct batch){ .event = load.event, .count = load.count, .load = 1 };
}

static struct sent_answer answered;

static enum sent send_once(const struct batch *b)
{
    void *self = NULL;
    answered = (struct sent_answer){ 0 };
    assert_ok(sink_object.open(&w.conf, &self, &fault), &fault);
    enum sent s = sink_object.send(self, b, &answered);
    sink_object.close(self);
    return s;
}

/* "PUT /lake/raw/..." up to the blank. */
static void target_of(int i, char *out, size_t size) { (void)snprintf(out, size, "%.*s", (int)strcspn(server.head[i] + 4, " "), server.head[i] + 4); }

static void a_batch_becomes_an_object_for_each_type_and_hour_and_comes_again_under_the_same_name(void **state)
{
    (void)state;
    char first[300], again[300], want[300];
    (void)append_lines(&w, 0, 4);
    (void)append_point(&w, "temperature", 7);
    (void)append_lines(&w, 5, 6);
    struct batch        b = all_of_it();
    struct event        later[2];
    const struct event *event[8];
    assert_int_equal(b.count, 8);
    for (size_t i = 0; i < 8; i++)
        event[i] = b.event[i];
    for (size_t i = 0; i < 2; i++) {
        later[i] = *b.event[6 + i];
        later[i].received_us += 3600 * US_PER_S;
        event[6 + i] = &later[i];
    }
    b.event = event;
    assert_int_equal(send_once(&b), SENT_ALL);
    assert_int_equal(server.n, 3);
    target_of(0, first, sizeof first);
    char      hour[64];
    time_t    at = (time_t)(b.event[0]->received_us / US_PER_S);
    struct tm t;
    assert_non_null(gmtime_r(&at, &t));
    (void)strftime(hour, sizeof hour, "yyyy%%3D%Y/mm%%3D%m/dd%%3D%d/hh%%3D%H", &t);
    (void)snprintf(want, sizeof want, "/lake/raw/logs/%s/s.000000000001-0.000000000001-4.%lld.jsonl.gz", hour, (long long)b.event[0]->received_us);
    assert_string_equal(first, want);
    assert_non_null(strstr(server.head[1], "/lake/raw/logs/"));
    assert_non_null(strstr(server.head[2], "/lake/raw/metrics/"));
    assert_false(head_has(0, "authorization"));
    assert_int_equal(send_once(&b), SENT_ALL);
    target_of(3, again, sizeof again);
    assert_string_equal(first, again);
    assert_int_equal(server.size[0], server.size[3]);
    assert_memory_equal(server.body[0], server.body[3], server.size[0]);
}

static void a_batch_is_parted_by_the_folders_that_path_makes_of_it(void **state)
{
    (void)state;
    char target[300], first[300];
    (void)append_lines(&w, 0, 4);
    struct batch        b = all_of_it();
    struct event        minute[4];
    const struct event *event[4];
    for (size_t i = 0; i < 4; i++) {                       /* 22:13:20, 22:13:40, 22:14:00, 22:14:20 */
        minute[i] = *b.event[i];
        minute[i].received_us = 1700000000 * US_PER_S + (int64_t)i * 20 * US_PER_S;
        event[i] = &minute[i];
    }
    b.event = event;
    b.count = 4;
    w.conf.path = "{dataset}/yyyy=%Y/hh=%Y-%m-%dT%H/mm=%M";
    assert_int_equal(send_once(&b), SENT_ALL);
    assert_int_equal(server.n, 2);
    target_of(0, first, sizeof first);
    assert_string_equal(first, "/lake/raw/logs/yyyy%3D2023/hh%3D2023-11-14T22/mm%3D13/s.000000000001-0.000000000001-1.1700000000000000.jsonl.gz");
    target_of(1, target, sizeof target);
    assert_string_equal(target, "/lake/raw/logs/yyyy%3D2023/hh%3D2023-11-14T22/mm%3D14/s.000000000001-2.000000000001-3.1700000040000000.jsonl.gz");
    w.conf.path = "all/%Y-%m-%d";
    assert_int_equal(send_once(&b), SENT_ALL);
    assert_int_equal(server.n, 3);
    target_of(2, target, sizeof target);
    assert_string_equal(target, "/lake/raw/all/2023-11-14/s.000000000001-0.000000000001-3.1700000000000000.jsonl.gz");
}

static void an_object_holds_a_line_for_each_event(void **state)
{
    (void)state;
    char   out[8192];
    size_t n = 0, count = 0;
    (void)append_lines(&w, 0, 4);
    struct batch b = all_of_it();
    assert_int_equal(send_once(&b), SENT_ALL);
    struct libdeflate_decompressor *z = libdeflate_alloc_decompressor();
    assert_int_equal(libdeflate_gzip_decompress(z, server.body[0], server.size[0], out, sizeof out - 1, &n), LIBDEFLATE_SUCCESS);
    libdeflate_free_decompressor(z);
    for (size_t i = 0; i < n; i++)
        count += out[i] == '\n';
    out[n] = '\0';
    assert_int_equal(count, 5);
    assert_non_null(strstr(out, "\"id\":\"1-4\""));
}

static void what_is_signed_is_what_is_sent(void **state)
{
    (void)state;
    char host[64], path[300], date[SIGV4_DATE] = "", hash[SIGV4_HASH], want[SIGV4_MAX];
    w.conf.user = KEY_ID;
    w.conf.password = (struct conf_secret){ "/x", SECRET, sizeof SECRET - 1 };
    w.conf.compress = COMPRESS_NONE;
    w.conf.format = FORMAT_OTLP;
    (void)append_lines(&w, 0, 4);
    struct batch b = all_of_it();
    assert_int_equal(send_once(&b), SENT_ALL);
    target_of(0, path, sizeof path);
    assert_non_null(strstr(path, ".otlp"));
    assert_null(strstr(path, ".gz"));
    (void)snprintf(host, sizeof host, "127.0.0.1:%d", server.port);
    const char *d = strcasestr(server.head[0], "\r\nx-amz-date: ");
    assert_non_null(d);
    memcpy(date, d + 14, SIGV4_DATE - 1);
    assert_true(sigv4_hash(server.body[0], server.size[0], hash));
    const struct sigv4_header h[] = { { "host", host }, { "x-amz-content-sha256", hash }, { "x-amz-date", date } };
    assert_true(sigv4_sign(&(struct sigv4){ .key_id = KEY_ID, .secret = SECRET, .region = "eu-west-1", .service = "s3", .method = "PUT", .path = path, .query = "", .header = h, .headers = 3,
                                            .payload = hash, .date = date }, want, sizeof want));
    assert_true(head_has(0, want));
    assert_true(head_has(0, hash));
    assert_false(head_has(0, SECRET));
}

static void a_virtual_host_has_the_bucket_in_front(void **state)
{
    (void)state;
    char local[64];
    (void)append_lines(&w, 0, 4);
    struct batch b = all_of_it();
    (void)snprintf(local, sizeof local, "http://localhost:%d", server.port);
    w.conf.url = local;
    w.conf.path_style = false;
    assert_int_equal(send_once(&b), SENT_ALL);             /* what ends in .localhost is this machine */
    (void)snprintf(local, sizeof local, "\r\nHost: lake.localhost:%d\r\n", server.port);
    assert_true(head_has(0, local));
    assert_non_null(strstr(server.head[0], "PUT /raw/logs/"));
}

static void an_object_store_never_blames_the_events(void **state)
{
    (void)state;
    static const struct { const char *answer; enum sent sent; } rows[] = {
        { "HTTP/1.1 400 X\r\nContent-Length: 35\r\n\r\n<Error><Code>ExpiredToken</Code></E>", SENT_LATER },
        { "HTTP/1.1 403 X\r\nContent-Length: 0\r\n\r\n", SENT_LATER },
        { "HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n", SENT_LATER },
        { "HTTP/1.1 409 X\r\nContent-Length: 0\r\n\r\n", SENT_LATER },
        { "HTTP/1.1 503 SlowDown\r\nContent-Length: 0\r\n\r\n", SENT_LATER },
        { "HTTP/1.1 400 X\r\nContent-Length: 37\r\n\r\n<Error><Code>EntityTooLarge</Code></E>", SENT_TOO_LARGE },
    };
    (void)append_lines(&w, 0, 4);
    struct batch b = all_of_it();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        server.answer[atomic_load(&server.n)] = rows[i].answer;
        assert_int_equal(send_once(&b), rows[i].sent);
        assert_true(*answered.why);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signatures_are_those_that_aws_publishes),
        cmocka_unit_test_setup_teardown(a_batch_becomes_an_object_for_each_type_and_hour_and_comes_again_under_the_same_name, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_batch_is_parted_by_the_folders_that_path_makes_of_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_object_holds_a_line_for_each_event, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_signed_is_what_is_sent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_virtual_host_has_the_bucket_in_front, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_object_store_never_blames_the_events, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
