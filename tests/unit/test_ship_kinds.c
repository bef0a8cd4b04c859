/* ship: what the settings of the kinds that fill stores and queues must be like. */
#include "unit.h"

#include "base/clock.h"
#include "base/text.h"
#include "conf/conf.h"
#include "ship/conf.h"
#include "ship/kinds.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const struct conf_section *const sections[] = { &sinks_section };
static struct fault fault;
static char         secret[] = "/tmp/ship-secret-XXXXXX";

/* rest: the settings behind kind, each on a line with four blanks in front. What is said about them; "" when they are accepted. The caller frees it. */
static char *said_of(const char *kind, const char *rest)
{
    struct conf_complaints all;
    struct conf           *conf = NULL;
    struct text            said, yaml;
    text_init(&said, 65536);
    text_init(&yaml, 65536);
    text_printf(&yaml, "sinks:\n  a:\n    kind: %s\n%s", kind, rest);
    conf_complaints_init(&all);
    if (conf_load_text("t.yaml", yaml.s, yaml.used, sections, 1, &conf, &all, &fault) != OK)
        conf_complaints_text(&all, &said);
    else
        conf_print(conf, &yaml);
    assert_null(strstr(yaml.s, "s3cret"));
    conf_complaints_done(&all);
    conf_free(conf);
    text_done(&yaml);
    return text_take(&said);
}

static void accepted(const char *kind, const char *rest)
{
    char *said = said_of(kind, rest);
    if (*said)
        fail_msg("%s", said);
    free(said);
}

static void refused(const char *kind, const char *rest, const char *why)
{
    char *said = said_of(kind, rest);
    if (!strstr(said, why))
        fail_msg("%s%s\nsays: %s\nwanted: %s", kind, rest, said, why);
    free(said);
}

static void a_path_of_folders_has_a_dataset_and_times_in_it_and_stays_below_its_folder(void **state)
{
    (void)state;
    static const struct { const char *path, *why; } wrong[] = {
        { "../{dataset}/%Y", "is not a path of folders" }, { "/{dataset}/%Y", "is not a path of folders" }, { "{dataset}//%Y", "is not a path of folders" },
        { "{dataset}/%Y/", "is not a path of folders" },   { ".hidden/{dataset}", "is not a path of folders" }, { "{dataset}/%S", "%S cannot stand" },
        { "{dataset}/%", "cannot stand" },                 { "{tenant}/%Y", "cannot stand" },                { "{dataset}/a b", "cannot stand" },
        { "yyyy=%Y", "one another's folders" },
    };
    char yaml[200];
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        (void)snprintf(yaml, sizeof yaml, "    folder: /tmp/lake\n    path: \"%s\"\n", wrong[i].path);
        refused("files", yaml, wrong[i].why);
        (void)snprintf(yaml, sizeof yaml, "    url: http://far.example:9000\n    bucket: lake\n    path: \"%s\"\n", wrong[i].path);
        refused("object", yaml, wrong[i].why);
    }
    accepted("files", "    folder: /tmp/lake\n    path: \"{dataset}/yyyy=%Y/hh=%Y-%m-%dT%H/mm=%M\"\n");
    accepted("files", "    folder: /tmp/lake\n    types: [logs]\n    path: yyyy=%Y\n");
    refused("files", "    folder: /tmp/lake\n    types: [logs, traces]\n    path: yyyy=%Y\n", "one another's folders");
    refused("kafka", "    brokers: [\"a:9092\"]\n    topic: obs\n    path: x\n", "does not know it");
}

static void postgres_takes_a_dsn_without_a_password(void **state)
{
    (void)state;
    accepted("postgres", "    dsn: host=db dbname=obs user=writer\n    schema: obs\n    keep: 30d\n    pack_after: 7d\n");
    refused("postgres", "    schema: obs\n", "needs it");
    refused("postgres", "    dsn: host=db password=x\n", "a password does not belong");
    refused("postgres", "    dsn: nonsense here\n", "dsn");
    refused("postgres", "    dsn: host=db\n    topic: x\n", "does not know it");
}

static void clickhouse_takes_a_plain_name_for_its_table(void **state)
{
    (void)state;
    accepted("clickhouse", "    url: http://127.0.0.1:8123\n    database: obs\n    table: logs_2\n    compress: gzip\n");
    refused("clickhouse", "    url: http://127.0.0.1:8123\n    table: logs;drop\n", "other characters");
    refused("clickhouse", "    url: http://127.0.0.1:8123\n    table: 2logs\n", "begins with a digit");
    refused("clickhouse", "    url: http://127.0.0.1:8123\n    compress: lz4\n", "compress");
    refused("clickhouse", "    url: http://127.0.0.1:8123\n    types: [metrics]\n", "holds no metrics");
}

static void an_object_store_needs_both_halves_of_a_key(void **state)
{
    (void)state;
    char yaml[300];
    accepted("object", "    url: http://far.example:9000\n    bucket: lake\n    prefix: raw/\n    path_style: yes\n");
    refused("object", "    url: http://far.example:9000\n", "needs it");
    refused("object", "    url: http://far.example:9000\n    bucket: a/b\n", "a bucket has");
    refused("object", "    url: http://far.example:9000\n    bucket: lake\n    user: id\n", "without its secret");
    (void)snprintf(yaml, sizeof yaml, "    url: http://far.example:9000\n    bucket: lake\n    user: id\n    password: %s\n", secret);
    accepted("object", yaml);                    /* it signs; the key is not sent */
}

static void nats_takes_one_server_and_a_subject_to_publish_to(void **state)
{
    (void)state;
    accepted("nats", "    url: nats://far.example:4222\n    subject: obs.eu\n    stream: OBS\n    format: otlp\n");
    refused("nats", "    url: http://far.example:4222\n    subject: obs\n", "not the address");
    refused("nats", "    url: nats://me:s@far.example:4222\n    subject: obs\n", "carries no credentials");
    refused("nats", "    url: nats://far.example:4222\n    subject: obs.*\n", "wildcards");
    refused("nats", "    url: nats://far.example:4222\n", "needs it");
}

static void kafka_takes_a_password_by_sasl_only(void **state)
{
    (void)state;
    char yaml[300];
    accepted("kafka", "    brokers: [\"a:9092\", \"b:9092\"]\n    topic: obs\n");
    (void)snprintf(yaml, sizeof yaml, "    brokers: [\"a:9092\"]\n    topic: obs\n    sasl: scram-sha-256\n    user: me\n    password: %s\n", secret);
    accepted("kafka", yaml);
    (void)snprintf(yaml, sizeof yaml, "    brokers: [\"a:9092\"]\n    topic: obs\n    user: me\n    password: %s\n", secret);
    refused("kafka", yaml, "by SASL only");
    refused("kafka", "    brokers: [\"a:9092\"]\n    topic: obs\n    sasl: plain\n", "nothing to log in with");
    refused("kafka", "    brokers: [\"kafka://a:9092\"]\n    topic: obs\n", "not a host and a port");
    refused("kafka", "    brokers: [\"a:9092\"]\n    topic: o/bs\n", "no topics");
    refused("kafka", "    topic: obs\n", "needs it");
}

static void kafka_knows_every_setting_that_it_is_given(void **state)
{
    (void)state;
    static const char *const brokers[] = { "far.example:9092" };
    struct sink_conf         c = { .name = "k", .kind = "kafka", .timeout_us = 5000000, .brokers = { brokers, 1 }, .topic = "obs", .user = "me", .password = { secret, "s3cret", 6 },
        .tls_ca = "", .tls_certificate = "", .tls_key = { "", "", 0 } };
    for (c.sasl = SASL_PLAIN; c.sasl <= SASL_SCRAM_SHA_512; c.sasl++)
        for (c.compress = COMPRESS_AUTO; c.compress <= COMPRESS_LZ4; c.compress++) {
            void *self = NULL;
            assert_ok(sink_kafka.open(&c, &self, &fault), &fault);
            sink_kafka.close(self);
        }
}

/* A server that takes the connection and never says a word. */
static void a_connect_to_postgres_is_cut_short_when_the_sink_shall_stop(void **state)
{
    (void)state;
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t          n = sizeof a;
    char               dsn[128];
    int                fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
    (void)snprintf(dsn, sizeof dsn, "host=127.0.0.1 port=%d user=x dbname=x sslmode=disable gssencmode=disable", ntohs(a.sin_port));
    struct sink_conf   conf = { .name = "pg", .kind = "postgres", .dsn = dsn, .schema = "", .password = { "", "", 0 }, .timeout_us = 100 * US_PER_S };
    struct sent_answer said = { 0 };
    void              *self = NULL;
    assert_ok(sink_postgres.open(&conf, &self, &fault), &fault);
    sink_postgres.cancel(self);
    assert_int_equal(sink_postgres.send(self, &(struct batch){ .load = 1 }, &said), SENT_LATER);
    assert_non_null(strstr(said.why, "cut short"));
    sink_postgres.close(self);
    (void)close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connect_to_postgres_is_cut_short_when_the_sink_shall_stop),
        cmocka_unit_test(a_path_of_folders_has_a_dataset_and_times_in_it_and_stays_below_its_folder),
        cmocka_unit_test(postgres_takes_a_dsn_without_a_password),
        cmocka_unit_test(clickhouse_takes_a_plain_name_for_its_table),
        cmocka_unit_test(an_object_store_needs_both_halves_of_a_key),
        cmocka_unit_test(nats_takes_one_server_and_a_subject_to_publish_to),
        cmocka_unit_test(kafka_takes_a_password_by_sasl_only),
        cmocka_unit_test(kafka_knows_every_setting_that_it_is_given),
    };
    int fd = mkstemp(secret);
    if (fd < 0 || write(fd, "s3cret\n", 7) != 7 || close(fd) != 0)
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void)unlink(secret);
    return failed;
}
