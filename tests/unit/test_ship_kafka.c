/* ship: messages for Kafka against the broker that librdkafka carries inside for such tests. */
#include "ship_fixture.h"

#include "ship/kinds.h"
#include "ship/load.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { API_PRODUCE = 0, TAKEN_MAX = 200, WAIT_MS = 20000 };

static struct world             w;
static struct load              load;
static rd_kafka_t              *host;
static rd_kafka_mock_cluster_t *cluster;
static char                     brokers[256];
static const char              *broker_list[1] = { brokers };
static struct sent_answer       answered;

static void quiet(const rd_kafka_t *rk, int level, const char *where, const char *what) { (void)rk, (void)level, (void)where, (void)what; }

static int set_up(void **state)
{
    (void)state;
    char             why[256];
    rd_kafka_conf_t *c = rd_kafka_conf_new();
    world_begin(&w, false);
    load_init(&load);
    rd_kafka_conf_set_log_cb(c, quiet);
    host = rd_kafka_new(RD_KAFKA_PRODUCER, c, why, sizeof why);
    assert_non_null(host);
    cluster = rd_kafka_mock_cluster_new(host, 1);
    assert_non_null(cluster);
    (void)snprintf(brokers, sizeof brokers, "%s", rd_kafka_mock_cluster_bootstraps(cluster));
    assert_int_equal(rd_kafka_mock_topic_create(cluster, "obs.logs", 1, 1), RD_KAFKA_RESP_ERR_NO_ERROR);
    w.conf.brokers = (struct conf_list){ broker_list, 1 };
    w.conf.topic = "obs";
    w.conf.user = "";
    w.conf.password = (struct conf_secret){ "", "", 0 };
    w.conf.tls_ca = w.conf.tls_certificate = "";
    w.conf.tls_key = (struct conf_secret){ "", "", 0 };
    w.conf.sasl = SASL_NONE;
    w.conf.timeout_us = 20 * US_PER_S;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rd_kafka_mock_cluster_destroy(cluster);
    rd_kafka_destroy(host);
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

static enum sent send_to(void *self, const struct batch *b)
{
    answered = (struct sent_answer){ 0 };
    return sink_kafka.send(self, b, &answered);
}

/* ---- what lies there ---- */

struct taken { char body[TAKEN_MAX][512], id[TAKEN_MAX][64], key[TAKEN_MAX][40]; size_t n; };
static struct taken taken;

/* All that lies in the topic, up to its end. */
static void take_all(void)
{
    char             why[256];
    rd_kafka_conf_t *c = rd_kafka_conf_new();
    assert_int_equal(rd_kafka_conf_set(c, "bootstrap.servers", brokers, why, sizeof why), RD_KAFKA_CONF_OK);
    assert_int_equal(rd_kafka_conf_set(c, "group.id", "test", why, sizeof why), RD_KAFKA_CONF_OK);
    assert_int_equal(rd_kafka_conf_set(c, "enable.partition.eof", "true", why, sizeof why), RD_KAFKA_CONF_OK);
    assert_int_equal(rd_kafka_conf_set(c, "fetch.wait.max.ms", "10", why, sizeof why), RD_KAFKA_CONF_OK);
    rd_kafka_conf_set_log_cb(c, quiet);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, c, why, sizeof why);
    assert_non_null(rk);
    (void)rd_kafka_poll_set_consumer(rk);
    rd_kafka_topic_partition_list_t *parts = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(parts, "obs.logs", 0)->offset = RD_KAFKA_OFFSET_BEGINNING;
    assert_int_equal(rd_kafka_assign(rk, parts), RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_topic_partition_list_destroy(parts);
    memset(&taken, 0, sizeof taken);
    for (bool end = false; !end; ) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(rk, WAIT_MS);
        assert_non_null(m);
        end = m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
        if (!m->err) {
            rd_kafka_headers_t *headers;
            const void         *id;
            size_t              n;
            assert_true(taken.n < TAKEN_MAX);
            (void)snprintf(taken.body[taken.n], sizeof taken.body[0], "%.*s", (int)m->len, (const char *)m->payload);
            (void)snprintf(taken.key[taken.n], sizeof taken.key[0], "%.*s", (int)m->key_len, m->key ? (const char *)m->key : "");
            assert_int_equal(rd_kafka_message_headers(m, &headers), RD_KAFKA_RESP_ERR_NO_ERROR);
            assert_int_equal(rd_kafka_header_get_last(headers, "id", &id, &n), RD_KAFKA_RESP_ERR_NO_ERROR);
            (void)snprintf(taken.id[taken.n++], sizeof taken.id[0], "%.*s", (int)n, (const char *)id);
        }
        rd_kafka_message_destroy(m);
    }
    rd_kafka_destroy(rk);
}

static void a_damaged_certificate_is_waited_out_and_keeps_nobody_from_starting(void **state)
{
    (void)state;
    char         path[128];
    void        *self = NULL;
    struct batch b = lines(0, 9);
    (void)snprintf(path, sizeof path, "%s/ca.pem", w.folder);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    (void)fputs("-----BEGIN CERTIFICATE-----\ncut", f);
    (void)fclose(f);
    w.conf.tls_ca = path;
    assert_ok(sink_kafka.open(&w.conf, &self, &fault), &fault);
    assert_int_equal(send_to(self, &b), SENT_LATER);
    assert_non_null(strstr(answered.why, "cannot begin with Kafka"));
    sink_kafka.close(self);
}

static void assert_each_once(int n)
{
    take_all();
    assert_int_equal(taken.n, n);
    for (int i = 0; i < n; i++) {
        char body[32];
        (void)snprintf(body, sizeof body, "\"body\":\"%d\"", i);
        assert_non_null(strstr(taken.body[i], body));
    }
}

/* ---- tests ---- */

static void each_event_is_a_message_in_order_with_an_id_that_stays(void **state)
{
    (void)state;
    void        *self = NULL;
    struct batch b = lines(0, 49);
    assert_ok(sink_kafka.open(&w.conf, &self, &fault), &fault);
    assert_int_equal(send_to(self, &b), SENT_ALL);
    sink_kafka.close(self);
    assert_each_once(50);
    char want[64];
    (void)snprintf(want, sizeof want, "%016llx-%llx-1-49", (unsigned long long)b.event[49]->resource->id, (unsigned long long)b.event[49]->received_us);
    assert_string_equal(taken.id[49], want);
    want[16] = '\0';
    assert_string_equal(taken.key[49], want);           /* no trace: the resource */
}

static void what_a_broker_refuses_for_now_is_there_once(void **state)
{
    (void)state;
    void        *self = NULL;
    struct batch b = lines(0, 49);
    assert_ok(sink_kafka.open(&w.conf, &self, &fault), &fault);
    rd_kafka_mock_push_request_errors(cluster, API_PRODUCE, 2, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION);
    assert_int_equal(send_to(self, &b), SENT_ALL);
    sink_kafka.close(self);
    assert_each_once(50);
}

static void what_was_delivered_is_not_sent_again_while_the_rest_waits(void **state)
{
    (void)state;
    void        *self = NULL;
    struct batch b = lines(0, 49), half = { .event = b.event, .count = 25, .load = 1 }, rest = { .event = b.event + 25, .count = 25, .load = 1, .at = 25 };
    assert_ok(sink_kafka.open(&w.conf, &self, &fault), &fault);
    rd_kafka_mock_push_request_errors(cluster, API_PRODUCE, 1, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    enum sent first = send_to(self, &b);                /* what the library had put into the first request failed */
    assert_int_equal(first, SENT_LATER);
    assert_non_null(strstr(answered.why, "authorization failed"));
    assert_int_equal(send_to(self, &half), SENT_ALL);
    assert_int_equal(send_to(self, &half), SENT_ALL);   /* taken already */
    assert_int_equal(send_to(self, &rest), SENT_ALL);
    sink_kafka.close(self);
    take_all();
    int seen[50] = { 0 };
    for (size_t i = 0; i < taken.n; i++)
        seen[atoi(strrchr(taken.id[i], '-') + 1)]++;
    for (int i = 0; i < 25; i++)
        assert_int_equal(seen[i], 1);
    for (int i = 25; i < 50; i++)
        assert_true(seen[i] >= 1);
}

static void a_message_that_is_too_large_says_so(void **state)
{
    (void)state;
    void        *self = NULL;
    struct batch b = lines(0, 0);
    assert_ok(sink_kafka.open(&w.conf, &self, &fault), &fault);
    rd_kafka_mock_push_request_errors(cluster, API_PRODUCE, 1, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
    assert_int_equal(send_to(self, &b), SENT_TOO_LARGE);
    assert_true(*answered.why);
    sink_kafka.close(self);
}

static int ended;

void __real_rd_kafka_destroy(rd_kafka_t *rk);
void __wrap_rd_kafka_destroy(rd_kafka_t *rk);
void __wrap_rd_kafka_destroy(rd_kafka_t *rk)
{
    ended++;
    __real_rd_kafka_destroy(rk);
}

/* Large bodies are not copied: what was given up on its way may still be on it, and ends with its producer only. */
static void who_gave_up_what_was_on_its_way_begins_anew_before_it_makes_other_messages(void **state)
{
    (void)state;
    void *self = NULL;
    (void)append_point(&w, "load", 1);
    struct batch b = lines(0, 9);
    assert_int_equal(rd_kafka_mock_topic_create(cluster, "obs.metrics", 1, 1), RD_KAFKA_RESP_ERR_NO_ERROR);
    assert_ok(sink_kafka.open(&w.conf, &self, &fault), &fault);
    assert_int_equal(send_to(self, &b), SENT_ALL);
    b = lines(10, 19);
    b.load = 2;
    assert_int_equal(rd_kafka_mock_broker_push_request_error_rtts(cluster, 1, API_PRODUCE, 2, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, 0, RD_KAFKA_RESP_ERR_NO_ERROR, 60000), RD_KAFKA_RESP_ERR_NO_ERROR);
    w.conf.timeout_us = 5 * US_PER_S;            /* the library's own patience is that of the beginning */
    ended = 0;
    assert_int_equal(send_to(self, &b), SENT_TOO_LARGE);
    assert_int_equal(ended, 1);
    sink_kafka.close(self);
}

static void nobody_there_is_waited_for_and_can_be_cut_short(void **state)
{
    (void)state;
    void        *self = NULL;
    struct batch b = lines(0, 9);
    assert_int_equal(rd_kafka_mock_broker_set_down(cluster, 1), RD_KAFKA_RESP_ERR_NO_ERROR);
    w.conf.timeout_us = 300 * US_PER_MS;
    assert_ok(sink_kafka.open(&w.conf, &self, &fault), &fault);
    assert_int_equal(send_to(self, &b), SENT_LATER);
    assert_true(*answered.why);
    assert_int_equal(rd_kafka_mock_broker_set_up(cluster, 1), RD_KAFKA_RESP_ERR_NO_ERROR);
    for (int i = 0; i < 100 && send_to(self, &b) != SENT_ALL; i++)
        continue;
    assert_each_once(10);
    sink_kafka.cancel(self);
    b.load = 2;
    assert_int_equal(send_to(self, &b), SENT_LATER);
    assert_non_null(strstr(answered.why, "stopping"));
    sink_kafka.close(self);
}

static void a_request_of_otlp_is_one_message(void **state)
{
    (void)state;
    void        *self = NULL;
    struct batch b = lines(0, 9);
    w.conf.format = FORMAT_OTLP;
    assert_ok(sink_kafka.open(&w.conf, &self, &fault), &fault);
    assert_int_equal(send_to(self, &b), SENT_ALL);
    assert_int_equal(send_to(self, &b), SENT_ALL);
    sink_kafka.close(self);
    take_all();
    assert_int_equal(taken.n, 1);
    assert_int_equal(taken.body[0][0], 0x0a);           /* resource_logs */
    assert_string_equal(taken.key[0], "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_event_is_a_message_in_order_with_an_id_that_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_a_broker_refuses_for_now_is_there_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_delivered_is_not_sent_again_while_the_rest_waits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_message_that_is_too_large_says_so, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_gave_up_what_was_on_its_way_begins_anew_before_it_makes_other_messages, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_damaged_certificate_is_waited_out_and_keeps_nobody_from_starting, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nobody_there_is_waited_for_and_can_be_cut_short, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_request_of_otlp_is_one_message, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
