/*
 * ship/kafka.c - the sink `kafka`: a message per event, or per type of a batch, to topic.logs, topic.metrics and topic.traces.
 *
 * acks=all and idempotence; a batch has arrived when each message was reported as delivered. What was delivered of a batch that has to wait is not sent
 * again by this process; after a crash it may be, and the header id, which is the same whenever a message comes, tells. The key is the trace, where the
 * event has one, else the resource, so that what belongs together stays in order; a request of OTLP holds many and has none.
 */
#include "ship/kinds.h"

#include "base/clock.h"
#include "ship/columns.h"
#include "ship/conf.h"
#include "ship/http.h"
#include "ship/json.h"
#include "ship/messages.h"

#include <inttypes.h>
#include <librdkafka/rdkafka.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SLICE_MS = 100, TOPIC_MAX = 264, BROKERS_MAX = 8192, QUEUE_MESSAGES = 200000, QUEUE_KBYTES = 1024 * 1024, MESSAGE_MAX = 16 * 1024 * 1024, PURGE_MS = 1000 };

struct kafka {
    const struct sink_conf *conf;
    rd_kafka_t             *producer;
    atomic_bool             cancelled;
    struct messages         messages;
    const struct batch     *batch;               /* while it is under way */
    size_t                  under_way;
    rd_kafka_resp_err_t     bad;                 /* of the first message that was not delivered */
    bool                    refused, too_large, purged;
    char                    said[200];           /* by the library, about connections; for the reason */
};

/* ---- what the library calls, all from rd_kafka_poll() ---- */

static bool is_of_the_data(rd_kafka_resp_err_t e) { return e == RD_KAFKA_RESP_ERR_INVALID_RECORD || e == RD_KAFKA_RESP_ERR_INVALID_MSG || e == RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP; }

static void note_failure(struct kafka *k, rd_kafka_resp_err_t e)
{
    bool large = e == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE || e == RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE;
    k->too_large = k->too_large || large;
    k->refused = k->refused || is_of_the_data(e);
    if (k->bad == RD_KAFKA_RESP_ERR_NO_ERROR)
        k->bad = e;
}

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *ctx)
{
    struct kafka *k = ctx;
    (void)rk;
    k->under_way--;
    if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR)
        messages_taken(&k->messages, k->batch, (size_t)(uintptr_t)m->_private);
    else
        note_failure(k, m->err);
}

static void on_error(rd_kafka_t *rk, int error, const char *why, void *ctx)
{
    struct kafka *k = ctx;
    (void)rk, (void)error;
    (void)snprintf(k->said, sizeof k->said, "%.199s", why);
}

static void on_log(const rd_kafka_t *rk, int level, const char *where, const char *what) { (void)rk, (void)level, (void)where, (void)what; }     /* on_error() has what matters */

/* ---- a producer ---- */

static bool set(rd_kafka_conf_t *c, const char *name, const char *value, struct fault *fault)
{
    char why[256];
    if (rd_kafka_conf_set(c, name, value, why, sizeof why) == RD_KAFKA_CONF_OK)
        return true;
    (void)fail(fault, ERR_INPUT, "Kafka does not take the setting %s", name);      /* its own words would hold the value, which may be a secret */
    return false;
}

static bool set_number(rd_kafka_conf_t *c, const char *name, int64_t value, struct fault *fault)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%" PRId64, value);
    return set(c, name, text, fault);
}

static const char *packing(int compress)
{
    switch (compress) {
    case COMPRESS_NONE:   return "none";
    case COMPRESS_GZIP:   return "gzip";
    case COMPRESS_ZSTD:   return "zstd";
    case COMPRESS_SNAPPY: return "snappy";
    default:              return "lz4";
    }
}

/* Credentials go over a network only when nobody can read along. */
static bool wants_tls(const struct sink_conf *s)
{
    if (*s->tls_ca || *s->tls_certificate)
        return true;
    for (size_t i = 0; *s->password.path && i < s->brokers.count; i++) {
        char host[256];
        (void)snprintf(host, sizeof host, "%.*s", (int)strcspn(s->brokers.item[i], ":"), s->brokers.item[i]);
        if (!http_host_is_here(host))
            return true;
    }
    return false;
}

static bool set_security(rd_kafka_conf_t *c, const struct sink_conf *s, struct fault *fault)
{
    static const char *const mechanisms[] = { [SASL_NONE] = "", [SASL_PLAIN] = "PLAIN", [SASL_SCRAM_SHA_256] = "SCRAM-SHA-256", [SASL_SCRAM_SHA_512] = "SCRAM-SHA-512" };
    bool tls = wants_tls(s), sasl = s->sasl != SASL_NONE;
    return set(c, "security.protocol", tls ? sasl ? "sasl_ssl" : "ssl" : sasl ? "sasl_plaintext" : "plaintext", fault) &&
        (!sasl || (set(c, "sasl.mechanism", mechanisms[s->sasl], fault) && set(c, "sasl.username", s->user, fault) && set(c, "sasl.password", s->password.value, fault))) &&
        (!*s->tls_ca || set(c, "ssl.ca.location", s->tls_ca, fault)) &&
        (!*s->tls_certificate || (set(c, "ssl.certificate.location", s->tls_certificate, fault) && set(c, "ssl.key.location", s->tls_key.path, fault)));
}

static bool describe(rd_kafka_conf_t *c, const struct sink_conf *s, struct fault *fault)
{
    char   brokers[BROKERS_MAX] = "";
    size_t used = 0;
    for (size_t i = 0; i < s->brokers.count && used < sizeof brokers; i++)
        used += (size_t)snprintf(brokers + used, sizeof brokers - used, "%s%s", i ? "," : "", s->brokers.item[i]);
    if (used >= sizeof brokers)
        return fail(fault, ERR_INPUT, "the names of the brokers are too long together") == OK;
    int64_t ms = s->timeout_us / 1000;
    return set(c, "bootstrap.servers", brokers, fault) && set(c, "client.id", "homeostat", fault) && set(c, "enable.idempotence", "true", fault) && set(c, "acks", "all", fault) &&
        set(c, "compression.type", packing(s->compress), fault) && set_number(c, "message.timeout.ms", ms, fault) &&
        set_number(c, "request.timeout.ms", ms < 30000 ? ms : 30000, fault) && set(c, "linger.ms", "5", fault) && set_number(c, "message.max.bytes", MESSAGE_MAX, fault) &&
        set_number(c, "queue.buffering.max.messages", QUEUE_MESSAGES, fault) && set_number(c, "queue.buffering.max.kbytes", QUEUE_KBYTES, fault) &&
        set(c, "reconnect.backoff.max.ms", "2000", fault) && set_security(c, s, fault);
}

static enum err make_producer(struct kafka *k, struct fault *fault)
{
    char             why[256];
    rd_kafka_conf_t *c = rd_kafka_conf_new();
    if (!describe(c, k->conf, fault)) {
        rd_kafka_conf_destroy(c);
        return fault->code;
    }
    rd_kafka_conf_set_opaque(c, k);
    rd_kafka_conf_set_dr_msg_cb(c, on_delivery);
    rd_kafka_conf_set_error_cb(c, on_error);
    rd_kafka_conf_set_log_cb(c, on_log);
    k->producer = rd_kafka_new(RD_KAFKA_PRODUCER, c, why, sizeof why);
    if (k->producer)
        return OK;
    rd_kafka_conf_destroy(c);
    return fail(fault, ERR_INPUT, "sink %s: cannot begin with Kafka: %.200s", k->conf->name, why);
}

/* What is still under way is given up; nobody waits for brokers that are gone. */
static void drop_producer(struct kafka *k)
{
    if (!k->producer)
        return;
    (void)rd_kafka_purge(k->producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    (void)rd_kafka_flush(k->producer, PURGE_MS);
    rd_kafka_destroy(k->producer);
    k->producer = NULL;
    k->under_way = 0;
}

/* ---- a batch ---- */

static size_t key_of(const struct message *m, char out[40])
{
    struct slice trace = columns_trace(m->first);
    if (trace.n == 16) {
        for (size_t i = 0; i < 16; i++)
            (void)snprintf(out + 2 * i, 3, "%02x", (unsigned)(unsigned char)trace.s[i]);
        return 32;
    }
    return (size_t)snprintf(out, 40, "%016" PRIx64, m->first->resource->id);
}

static rd_kafka_resp_err_t produce(struct kafka *k, size_t i)
{
    char                  topic[TOPIC_MAX], id[MESSAGE_ID_MAX], key[40];
    const struct message *m = &k->messages.list[i];
    struct slice          body = messages_body(&k->messages, i);
    size_t                key_n = k->messages.json ? key_of(m, key) : 0;
    static const char *const types[] = { [EVENT_LOG] = "logs", [EVENT_POINT] = "metrics", [EVENT_SPAN] = "traces" };
    (void)snprintf(topic, sizeof topic, "%s.%s", k->conf->topic, types[m->type]);
    messages_id(&k->messages, i, id);
    k->under_way++;
    /* The body stays where it is until all are reported, so it is not copied. The library does not write to it. */
    rd_kafka_resp_err_t e = rd_kafka_producev(k->producer, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_VALUE(k->messages.body.s + m->from, body.n), RD_KAFKA_V_KEY(key_n ? key : NULL, key_n),
        RD_KAFKA_V_HEADER("id", id, (ssize_t)strlen(id)), RD_KAFKA_V_TIMESTAMP(columns_time_ns(m->first) > 0 ? columns_time_ns(m->first) / 1000000 : m->first->received_us / 1000),
        RD_KAFKA_V_OPAQUE((void *)(uintptr_t)i), RD_KAFKA_V_END);
    if (e != RD_KAFKA_RESP_ERR_NO_ERROR)
        k->under_way--;
    return e;
}

static void produce_all(struct kafka *k, int64_t deadline_us)
{
    for (size_t i = 0; i < k->messages.count && !atomic_load(&k->cancelled); ) {
        rd_kafka_resp_err_t e = produce(k, i);
        if (e == RD_KAFKA_RESP_ERR__QUEUE_FULL && clock_mono_us(&clock_real) < deadline_us) {
            (void)rd_kafka_poll(k->producer, SLICE_MS);
            continue;
        }
        if (e != RD_KAFKA_RESP_ERR_NO_ERROR)
            note_failure(k, e);
        (void)rd_kafka_poll(k->producer, 0);
        i++;
    }
    while (k->under_way && clock_mono_us(&clock_real) < deadline_us && !atomic_load(&k->cancelled))
        (void)rd_kafka_poll(k->producer, SLICE_MS);
    k->purged = k->under_way > 0;
    if (k->purged) {
        (void)rd_kafka_purge(k->producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        (void)rd_kafka_flush(k->producer, PURGE_MS);
    }
}

static enum sent verdict(struct kafka *k, struct sent_answer *a)
{
    bool all = k->bad == RD_KAFKA_RESP_ERR_NO_ERROR && !k->under_way && !atomic_load(&k->cancelled);
    if (all)
        return SENT_ALL;
    if (atomic_load(&k->cancelled))
        (void)snprintf(a->why, sizeof a->why, "cut short: the sink is stopping");
    else
        (void)snprintf(a->why, sizeof a->why, "Kafka: %.100s%s%.110s", k->bad && k->bad != RD_KAFKA_RESP_ERR__PURGE_QUEUE && k->bad != RD_KAFKA_RESP_ERR__PURGE_INFLIGHT ? rd_kafka_err2str(k->bad) : "not delivered in time", *k->said ? "; " : "", k->said);
    /* It remembers for minutes what a topic or a broker once answered, and after some errors for ever; and what was purged it may still send, out of our memory. */
    if (k->purged || (!k->too_large && !k->refused))
        drop_producer(k);
    return atomic_load(&k->cancelled) ? SENT_LATER : k->too_large ? SENT_TOO_LARGE : k->refused ? SENT_REFUSED : SENT_LATER;
}

static enum sent kafka_send(void *self, const struct batch *b, struct sent_answer *a)
{
    struct kafka *k = self;
    struct fault  fault = { 0 };
    int64_t       deadline_us = clock_mono_us(&clock_real) + k->conf->timeout_us;
    if (k->producer && rd_kafka_fatal_error(k->producer, NULL, 0) != RD_KAFKA_RESP_ERR_NO_ERROR)
        drop_producer(k);
    enum err e = k->producer ? OK : make_producer(k, &fault);
    if (e != OK) {
        (void)snprintf(a->why, sizeof a->why, "%.239s", fault.text);
        return SENT_LATER;
    }
    if ((e = messages_make(&k->messages, b, k->conf->format, &fault)) != OK) {
        (void)snprintf(a->why, sizeof a->why, "%.239s", fault.text);
        return e == ERR_LIMIT ? SENT_TOO_LARGE : e == ERR_BUSY ? SENT_LATER : SENT_REFUSED;
    }
    k->batch = b;
    k->bad = RD_KAFKA_RESP_ERR_NO_ERROR;
    k->refused = k->too_large = false;
    k->said[0] = '\0';
    produce_all(k, deadline_us);
    enum sent sent = verdict(k, a);
    k->batch = NULL;
    return sent;
}

/* Lets the library say what it has to say; nothing of ours is under way. */
static void kafka_idle(void *self, int64_t now_us)
{
    struct kafka *k = self;
    (void)now_us;
    if (k->producer)
        (void)rd_kafka_poll(k->producer, 0);
}

/* ---- open and close: the producer is made when something is to be sent; what is wrong with it, such as a damaged file of tls.ca, is waited out like all trouble ---- */

static void kafka_close(void *self)
{
    struct kafka *k = self;
    drop_producer(k);
    messages_done(&k->messages);
    free(k);
}

static enum err kafka_open(const struct sink_conf *conf, void **self, struct fault *fault)
{
    struct kafka *k = calloc(1, sizeof *k);
    if (!k)
        return fail(fault, ERR_LIMIT, "no memory for a sink");
    k->conf = conf;
    messages_init(&k->messages);
    *self = k;
    return OK;
}

static void kafka_cancel(void *self) { atomic_store(&((struct kafka *)self)->cancelled, true); }

static void kafka_check(const struct sink_conf *conf, struct conf_checker *c)
{
    for (const char *p = conf->topic; *p; p++)
        if (!(*p >= 'a' && *p <= 'z') && !(*p >= 'A' && *p <= 'Z') && !(*p >= '0' && *p <= '9') && !strchr("-._", *p)) {
            conf_refuse(c, "topic", "Use letters, digits, -, . and _.", "Kafka has no topics with other characters in their names");
            break;
        }
    if (strlen(conf->topic) > 249 - sizeof ".metrics")
        conf_refuse(c, "topic", "Use a shorter one.", "the name with its ending is too long");
    if (conf->sasl != SASL_NONE && (!*conf->user || !*conf->password.path))
        conf_refuse(c, "sasl", "Set user and password.", "nothing to log in with");
    if (conf->sasl == SASL_NONE && *conf->password.path)
        conf_refuse(c, "password", "Set sasl.", "Kafka takes a password by SASL only");
    for (size_t i = 0; i < conf->brokers.count; i++)
        if (strstr(conf->brokers.item[i], "://") || strchr(conf->brokers.item[i], '@') || strchr(conf->brokers.item[i], ','))
            conf_refuse(c, "brokers", "Write host:port, one item for each.", "not a host and a port");
}

const struct sink_kind sink_kafka = {
    .name = "kafka", .takes = 1u << EVENT_LOG | 1u << EVENT_POINT | 1u << EVENT_SPAN, .why = "Kafka: JSON for each event, or OTLP, to topic.logs, topic.metrics and topic.traces.",
    .open = kafka_open, .send = kafka_send, .idle = kafka_idle, .close = kafka_close, .cancel = kafka_cancel, .check = kafka_check,
    .settings = "!brokers !topic sasl user password tls.ca tls.certificate tls.key compress format",
};
