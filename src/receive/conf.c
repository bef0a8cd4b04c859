/* receive/conf.c - the tables of receive/conf.h. The last column is what the operator reads in the documentation. */
#include "receive/conf.h"

#include "receive/tokens.h"

#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct conf_knob receive_knobs[] = {
    { "threads",         KNOB_INT(struct receive_conf, threads),         "1",      "1..64",           CONF_RESTART,
      "Threads that read from the network and check what came. One carries some 500 000 log records a second." },
    { "body_max",        KNOB_SIZE(struct receive_conf, body_max),       "64MiB",  "64KiB..64MiB",    CONF_LIVE,
      "The largest request, after decompression. Larger ones are refused for good: a client drops them." },
    { "budget",          KNOB_SIZE(struct receive_conf, budget),         "64MiB",  "1MiB..16GiB",     CONF_LIVE,
      "Memory for requests that are being received or wait to be durable. Beyond it nothing more is read: senders wait." },
    { "connections_max", KNOB_INT(struct receive_conf, connections_max), "1024",   "8..65536",        CONF_LIVE,
      "Connections at the same time, of which five eighths of the files that may be open (LimitNOFILE) are the most. One more sends the longest idle one away; with none idle the new one waits." },
    { "streams_max",     KNOB_INT(struct receive_conf, streams_max),     "128",    "1..4096",         CONF_LIVE,
      "Requests under way at the same time on one HTTP/2 connection." },
    { "head_max",        KNOB_SIZE(struct receive_conf, head_max),       "16KiB",  "1KiB..1MiB",      CONF_LIVE,
      "The largest head of a request: its line and fields." },
    { "patience",        KNOB_TIME(struct receive_conf, patience_us),    "5s",     "0s..5min",        CONF_LIVE,
      "How long a request may be kept waiting for memory or room in the journal before its sender is told to come again." },
    { "retry_after",     KNOB_TIME(struct receive_conf, retry_us),       "1s",     "1s..10min",       CONF_LIVE,
      "When a sender that is turned away is told to come again." },
    { "head_timeout",    KNOB_TIME(struct receive_conf, head_us),        "10s",    "100ms..10min",    CONF_LIVE,
      "TLS and the head of a first request must be there after this long." },
    { "stall_timeout",   KNOB_TIME(struct receive_conf, stall_us),       "30s",    "100ms..1h",       CONF_LIVE,
      "A request whose sender stops in the middle, or does not take its answer, is given up after this long." },
    { "idle_timeout",    KNOB_TIME(struct receive_conf, idle_us),        "10min",  "1s..7d",          CONF_LIVE,
      "A connection without requests is closed after this long." },
    { "stop_wait",       KNOB_TIME(struct receive_conf, stop_us),        "5s",     "0s..5min",        CONF_LIVE,
      "When stopping, how long clients have to finish what they have begun to send." },
};
static void receive_limits_check(const void *instance, struct conf_checker *c)
{
    const struct receive_conf *r = instance;
    if (r->budget < r->body_max)
        conf_refuse(c, "budget", "Raise receive.budget or lower receive.body_max.", "the largest body does not fit into the budget");
}

const struct conf_section receive_section = { .path = "receive", .knobs = receive_knobs, .count = COUNT(receive_knobs), .size = sizeof(struct receive_conf),
    .check = receive_limits_check, .why = "What comes in over the network: limits that hold for all listeners together." };

static enum err tenant_check(const char *value, struct fault *fault)
{
    return strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") == strlen(value)
               ? OK
               : fail(fault, ERR_INPUT, "a tenant's name is made of letters, digits, `-`, `_` and `.`");
}

static const struct conf_knob listener_knobs[] = {
    { "address",         KNOB_ADDRESS(struct receive_listener, address),         NULL, NULL,    CONF_LIVE,
      "Where to listen; port 0 takes any free one. Usual: 4317 for OTLP/gRPC, 4318 for OTLP/HTTP. Every protocol works on every port." },
    { "protocols",       KNOB_LIST(struct receive_listener, protocols),          "",   "0..6",  CONF_LIVE,
      "What is answered here: otlp-grpc, otlp-http, remote-write, rows, flight. Unset: all. GET /health always is." },
    { "tls_certificate", KNOB_PATH(struct receive_listener, tls_certificate),    "",   "file",  CONF_LIVE,
      "PEM file with the certificate and its chain; read again at each reload." },
    { "tls_key",         KNOB_SECRET_FILE(struct receive_listener, tls_key),     "",   NULL,    CONF_LIVE,
      "PEM file with the private key, mode 0600 or 0400." },
    { "tokens",          KNOB_SECRET_FILE(struct receive_listener, tokens),      "",   NULL,    CONF_LIVE,
      "File with a line `name token [tenant]` per sender, who then sends `Authorization: Bearer token`. Instead of the token its digest may stand there: sha256:HEX." },
    { "tenant",          KNOB_TEXT(struct receive_listener, tenant),             "",   "0..63", CONF_LIVE,
      "Whose everything is that comes in here, unless a token says otherwise. Unset: the installation's own.", tenant_check },
    { "insecure",        KNOB_BOOL(struct receive_listener, insecure),           "no", NULL,    CONF_LIVE,
      "Let it be reached from outside without TLS or without tokens. For a network that is guarded by other means." },
};

static void listener_check(const void *instance, struct conf_checker *c)
{
    const struct receive_listener *l = instance;
    struct fault                   why = { 0 };
    unsigned                       bits;
    size_t                         n;
    const struct receive_listener *all = conf_instances(conf_whole(c), &receive_listeners_section, &n);
    for (size_t i = 0; l->address.port && all + i < l && i < n; i++)
        if (all[i].address.port == l->address.port && strcmp(all[i].address.host, l->address.host) == 0)
            conf_refuse(c, "address", "Give one of them another port.", "listeners.%s has the same", all[i].name);
    if (!*l->tls_certificate != !*l->tls_key.path)
        conf_refuse(c, *l->tls_certificate ? "tls_certificate" : "tls_key", "Set both, or neither.", "certificate and key belong together");
    if (!l->address.loopback && !l->insecure && (!*l->tls_certificate || !*l->tokens.path))
        conf_refuse(c, "address", "Set tls_certificate, tls_key and tokens, listen on 127.0.0.1, or say `insecure: yes`.",
                    "%s can be reached from outside, so it needs TLS and tokens", l->address.host);
    if (receive_protocols_of(&l->protocols, &bits, &why) != OK)
        conf_refuse(c, "protocols", why.hint, "%s", why.text);
    if (*l->tokens.path) {
        struct receive_tokens *t = NULL;
        if (receive_tokens_new(l->tokens.value, l->tokens.size, &t, &why) != OK)
            conf_refuse(c, "tokens", why.hint, "%s", why.text);
        receive_tokens_free(t);
    }
}

const struct conf_section receive_listeners_section = { .path = "listeners", .knobs = listener_knobs, .count = COUNT(listener_knobs),
    .size = sizeof(struct receive_listener), .check = listener_check, .shape = CONF_MAP, .instances_max = RECEIVE_LISTENERS_MAX, .flags = CONF_LIVE,
    .name_at = offsetof(struct receive_listener, name), .why = "Addresses that telemetry is sent to. There are none unless they are named." };

static const char *const protocol_words[] = {
#define X(name, number, word) [number] = word,
    RECEIVE_PROTOCOL_MAP(X)
#undef X
};

const char *receive_protocol_name(enum receive_protocol p) { return (unsigned)p < RECEIVE_PROTOCOL_COUNT ? protocol_words[p] : "unknown"; }

enum err receive_protocols_of(const struct conf_list *words, unsigned *bits, struct fault *fault)
{
    *bits = words->count ? 1u << RECEIVE_HEALTH : (1u << RECEIVE_PROTOCOL_COUNT) - 1;
    for (size_t i = 0; i < words->count; i++) {
        unsigned p = 0;
        while (p < RECEIVE_PROTOCOL_COUNT && strcmp(protocol_words[p], words->item[i]) != 0)
            p++;
        if (p == RECEIVE_PROTOCOL_COUNT) {
            (void)fail(fault, ERR_INPUT, "there is no protocol %s", words->item[i]);
            fail_hint(fault, "Known are otlp-grpc, otlp-http, remote-write, rows, flight and health.");
            return ERR_INPUT;
        }
        *bits |= 1u << p;
    }
    return OK;
}
