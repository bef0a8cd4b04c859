/* The event stream: nothing durable is missed, nobody slow holds up anybody, and the engine never waits. */
#include "web_fixture.h"

#include "base/text.h"
#include "web/stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static char got[4 * 1024 * 1024];

static int listen_to(const char *token, const char *query, const char *headers)
{
    char request[1024];
    int  fd = client_open(fx.port);
    (void)snprintf(request, sizeof request, "GET /events%s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n%s\r\n", query, token, headers);
    client_send(fd, request, strlen(request));
    (void)client_read(fd, got, sizeof got, "welcome\n\n", 5000);
    assert_non_null(strstr(got, "200 OK"));
    assert_non_null(strstr(got, "Content-Type: text/event-stream"));
    return fd;
}

/* Chunk sizes stand between the bytes of the stream; take them out to compare text. */
static void hear(int fd, const char *until, int ms) { (void)client_read(fd, got, sizeof got, until, ms); }

static void publish(int64_t id, bool store)
{
    char payload[64];
    (void)snprintf(payload, sizeof payload, "{\"n\":%lld}", (long long)id);
    double_publish(id, "evt.case.transition.v1", "case-1", payload, store);
}

static void a_message_is_framed_by_its_id_topic_and_lines(void **state)
{
    size_t size;
    char  *text = stream_format(57, "evt.x", "{\"a\":1}", &size);
    assert_string_equal(text, "id: 57\nevent: evt.x\ndata: {\"a\":1}\n\n");
    assert_int_equal(size, strlen(text));
    free(text);
    text = stream_format(0, "live.sample", "one\ntwo\r\nthree", &size);
    assert_string_equal(text, "event: live.sample\ndata: one\ndata: two\ndata: three\n\n");
    free(text);
    text = stream_format(0, "a\nid: 9", NULL, &size);   /* nobody can smuggle in a field */
    assert_string_equal(text, "event: a\ndata: \n\n");
    free(text);
}

static void what_happens_is_heard_at_once(void **state)
{
    int fd = listen_to(fx.viewer, "", "");
    publish(1, true);
    hear(fd, "{\"n\":1}\n\n", 3000);
    assert_non_null(strstr(got, "id: 1\nevent: evt.case.transition.v1\ndata: {\"n\":1}\n\n"));
    double_publish(0, "live.sample", "main", "{\"v\":{\"tps\":1}}", false);
    hear(fd, "}}\n\n", 3000);
    assert_non_null(strstr(got, "event: live.sample\ndata: {\"v\":{\"tps\":1}}\n\n"));
    assert_null(strstr(got, "id:"));
    close(fd);
}

static void without_an_id_only_the_present_is_told(void **state)
{
    publish(1, true);
    int fd = listen_to(fx.viewer, "", "");
    publish(2, true);
    hear(fd, "{\"n\":2}\n\n", 3000);
    assert_null(strstr(got, "{\"n\":1}"));
    close(fd);
}

/* Are the events from..to there, each once and in order? */
static void assert_all(int64_t from, int64_t to)
{
    const char *at = got;
    for (int64_t i = from; i <= to; i++) {
        char id[32];
        (void)snprintf(id, sizeof id, "id: %lld\n", (long long)i);
        const char *here = strstr(at, id);
        if (!here)
            fail_msg("event %lld is missing or out of order", (long long)i);
        at = here + strlen(id);
    }
}

static void who_comes_back_misses_nothing(void **state)
{
    for (int64_t i = 1; i <= 1000; i++)
        double_store_event(i, "evt.case.transition.v1", "case-1", "{}");
    int fd = listen_to(fx.viewer, "", "Last-Event-ID: 400\r\n");
    char *whole = strdup(got);   /* some may have come with the welcome */
    hear(fd, "id: 1000\n", 5000);
    char *more = strdup(got);
    (void)snprintf(got, sizeof got, "%s%s", whole, more);
    free(whole);
    free(more);
    assert_null(strstr(got, "id: 400\n"));
    assert_all(401, 1000);
    close(fd);
}

static void between_the_past_and_the_present_is_no_gap(void **state)
{
    /* The relay publishes before it marks: the last ones are on the bus but not yet in the store. */
    for (int64_t i = 1; i <= 500; i++)
        publish(i, i <= 300);
    for (int64_t i = 301; i <= 490; i++)
        double_store_event(i, "evt.case.transition.v1", "case-1", "{}");
    int fd = listen_to(fx.viewer, "?after=0", "");
    char *whole = strdup(got);
    publish(501, true);
    hear(fd, "id: 501\n", 5000);
    char *more = strdup(got);
    (void)snprintf(got, sizeof got, "%s%s", whole, more);
    free(whole);
    free(more);
    assert_all(1, 501);
    close(fd);
}

static void one_hears_only_what_one_asked_for(void **state)
{
    double_store_event(1, "evt.case.transition.v1", "case-1", "{\"n\":1}");
    double_store_event(2, "evt.case.transition.v1", "case-2", "{\"n\":2}");
    double_store_event(3, "evt.plan.proposed.v1", "case-2", "{\"n\":3}");
    int fd = listen_to(fx.viewer, "?after=0&case=case-2&topics=evt.case.,live.", "");
    double_publish(4, "evt.case.transition.v1", "case-1", "{\"n\":4}", true);
    double_publish(0, "live.sample", "main", "{\"n\":5}", false);
    double_publish(6, "evt.case.transition.v1", "case-2", "{\"n\":6}", true);
    char *whole = strdup(got);
    hear(fd, "{\"n\":6}", 3000);
    char *more = strdup(got);
    (void)snprintf(got, sizeof got, "%s%s", whole, more);
    free(whole);
    free(more);
    assert_non_null(strstr(got, "{\"n\":2}"));
    for (int i = 1; i <= 5; i++)
        if (i != 2) {
            char n[16];
            (void)snprintf(n, sizeof n, "{\"n\":%d}", i);
            assert_null(strstr(got, n));
        }
    close(fd);
}

static void a_wrong_id_is_refused(void **state)
{
    expect(fx.viewer, "GET", "/events", "Last-Event-ID: x\r\n", NULL, 400);
    expect(fx.viewer, "GET", "/events?after=-1", NULL, NULL, 400);
    expect(NULL, "GET", "/events", NULL, NULL, 401);
    expect(fx.viewer, "GET", "/events", "Accept: application/json\r\n", NULL, 406);
}

static void who_does_not_read_is_cut_off_and_nobody_waits_for_him(void **state)
{
    static char big[1200];
    memset(big, 'x', sizeof big - 1);
    int slow = listen_to(fx.viewer, "", ""), quick = listen_to(fx.viewer, "", "");
    int small = 4096;
    (void)setsockopt(slow, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    struct timespec began, ended;
    (void)clock_gettime(CLOCK_MONOTONIC, &began);
    bool cut = false;
    for (int i = 1; i <= 20000 && !cut; i++) {
        char payload[256 + sizeof big];
        (void)snprintf(payload, sizeof payload, "{\"n\":%d,\"x\":\"%s\"}", i, big);
        double_publish(i, "evt.x", "case-1", payload, false);
        if (i % 100 == 0) {   /* the quick one keeps up */
            char mark[32];
            (void)snprintf(mark, sizeof mark, "{\"n\":%d,", i);
            hear(quick, mark, 5000);
            assert_non_null(strstr(got, mark));
            struct answer a = ask(fx.viewer, "GET", "/metrics", NULL, NULL, 200);
            cut = strstr(a.body, "\nhomeostat_stream_cut_total 1\n") != NULL;
            answer_done(&a);
        }
    }
    (void)clock_gettime(CLOCK_MONOTONIC, &ended);
    assert_true(cut);
    assert_true(ended.tv_sec - began.tv_sec < 60);
    double_publish(0, "live.sample", "main", "{\"last\":1}", false);
    hear(quick, "{\"last\":1}", 5000);
    assert_non_null(strstr(got, "{\"last\":1}"));
    close(slow);
    close(quick);
}

static void there_is_room_for_so_many_and_no_more(void **state)
{
    fixture_stop();
    fx.options.subscribers = 2;
    fixture_start();
    int a = listen_to(fx.viewer, "", ""), b = listen_to(fx.viewer, "", "");
    expect(fx.viewer, "GET", "/events", NULL, NULL, 503);
    close(a);
    bool room = false;
    for (int i = 0; i < 100 && !room; i++) {   /* who left is noticed when something is said to him */
        double_publish(0, "live.sample", "main", "{}", false);
        usleep(20000);
        struct answer m = ask(fx.viewer, "GET", "/metrics", NULL, NULL, 200);
        room = strstr(m.body, "\nhomeostat_stream_subscribers 1\n") != NULL;
        answer_done(&m);
    }
    assert_true(room);
    int c = listen_to(fx.viewer, "", "");
    close(b);
    close(c);
}

static void silence_is_broken_by_a_heartbeat(void **state)
{
    fixture_stop();
    fx.options.heartbeat_us = US_PER_S;
    fixture_start();
    int fd = listen_to(fx.viewer, "", "");
    hear(fd, ": still here\n\n", 4000);
    assert_non_null(strstr(got, ": still here\n\n"));
    close(fd);
}

static void a_token_that_ends_ends_the_stream(void **state)
{
    int fd = listen_to(fx.viewer, "", "");
    FILE *f = fopen(fx.tokens_file, "w");
    assert_non_null(f);
    fputs("viewer other sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n", f);
    fclose(f);
    hear(fd, "0\r\n\r\n", 5000);   /* the last chunk */
    assert_non_null(strstr(got, "0\r\n\r\n"));
    close(fd);
}

static void streams_end_when_we_stop(void **state)
{
    int fd[10];
    for (int i = 0; i < 10; i++)
        fd[i] = listen_to(fx.viewer, "", "");
    struct timespec began, ended;
    (void)clock_gettime(CLOCK_MONOTONIC, &began);
    fixture_stop();
    (void)clock_gettime(CLOCK_MONOTONIC, &ended);
    assert_true(ended.tv_sec - began.tv_sec < 3);
    for (int i = 0; i < 10; i++) {
        hear(fd[i], "0\r\n\r\n", 2000);
        assert_non_null(strstr(got, "0\r\n\r\n"));
        close(fd[i]);
    }
    fixture_start();
}

static void many_come_and_go_while_much_happens(void **state)
{
    for (int round = 0; round < 20; round++) {
        int fd[8];
        for (int i = 0; i < 8; i++)
            fd[i] = listen_to(fx.viewer, round % 2 ? "?after=0" : "", "");
        for (int i = 0; i < 50; i++)
            publish(round * 50 + i + 1, true);
        for (int i = 0; i < 8; i++) {
            if (i % 2)
                hear(fd[i], "zzz", 1);
            close(fd[i]);
        }
    }
    expect(fx.viewer, "GET", "/case/case-1", NULL, NULL, 200);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_is_framed_by_its_id_topic_and_lines),
        TEST(what_happens_is_heard_at_once),
        TEST(without_an_id_only_the_present_is_told),
        TEST(who_comes_back_misses_nothing),
        TEST(between_the_past_and_the_present_is_no_gap),
        TEST(one_hears_only_what_one_asked_for),
        TEST(a_wrong_id_is_refused),
        TEST(who_does_not_read_is_cut_off_and_nobody_waits_for_him),
        TEST(there_is_room_for_so_many_and_no_more),
        TEST(silence_is_broken_by_a_heartbeat),
        TEST(a_token_that_ends_ends_the_stream),
        TEST(streams_end_when_we_stop),
        TEST(many_come_and_go_while_much_happens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
