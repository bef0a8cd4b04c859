/* ingest/part_receive.c - listeners on the network. */
#include "ingest/inside.h"

#include "receive/server.h"

#include <inttypes.h>

static enum err receive_start(struct ingest *in, void **self, struct fault *fault)
{
    struct receive_hooks   hooks = { 0 };
    struct receive_server *server = NULL;
    enum err               e = receive_server_start(in->conf, in->journal, &hooks, &server, fault);
    *self = server;
    return e;
}

static enum err receive_reload(struct ingest *in, void **self, void **gone, struct fault *fault)
{
    return *self ? receive_server_reload(*self, in->conf, fault) : receive_start(in, self, fault);
}

static void receive_stop(struct ingest *in, void *self) { receive_server_stop(self); }

static json_t *receive_status(struct ingest *in, void *self)
{
    struct receive_stats s;
    size_t               n;
    json_t              *listeners = json_object(), *protocols = json_object();
    receive_server_stats(self, &s);
    const struct receive_listener *l = conf_instances(in->conf, &receive_listeners_section, &n);
    for (size_t i = 0; i < n; i++)
        json_object_set_new(listeners, l[i].name, json_pack("{s:s, s:i}", "host", l[i].address.host, "port", receive_server_port(self, l[i].name)));
    for (int p = 0; p < RECEIVE_PROTOCOL_COUNT; p++) {
        uint64_t refused = 0;
        for (int r = 0; r < RECEIVE_REFUSAL_COUNT; r++)
            refused += s.of[p].refused[r];
        json_object_set_new(protocols, receive_protocol_name((enum receive_protocol)p),
                            json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "requests", (json_int_t)s.of[p].requests, "accepted", (json_int_t)s.of[p].accepted, "events", (json_int_t)s.of[p].events,
                                      "rejected_events", (json_int_t)s.of[p].rejected_events, "bytes", (json_int_t)s.of[p].bytes, "refused", (json_int_t)refused));
    }
    return json_pack("{s:o, s:o, s:I, s:I, s:I, s:I}", "listeners", listeners, "protocols", protocols, "connections", (json_int_t)s.connections, "in_flight_bytes",
                     (json_int_t)s.in_flight_bytes, "paused", (json_int_t)s.paused, "evicted", (json_int_t)s.connections_evicted);
}

static void receive_metrics(struct ingest *in, void *self, struct gauge *g)
{
    struct receive_stats s;
    receive_server_stats(self, &s);
#define EACH(name, help, member)                                                                                                     \
    for (int p = 0; p < RECEIVE_PROTOCOL_COUNT; p++)                                                                                 \
        gauge_counter(g, name, help, (double)s.of[p].member, "protocol", receive_protocol_name((enum receive_protocol)p), NULL)
    EACH("homeostat_receive_requests_total", "Requests that came.", requests);
    EACH("homeostat_receive_accepted_total", "Requests that were made durable and acknowledged.", accepted);
    EACH("homeostat_receive_events_total", "Logs, points and spans in them.", events);
    EACH("homeostat_receive_rejected_events_total", "Events that their specification does not allow, told to the sender.", rejected_events);
    EACH("homeostat_receive_bytes_total", "Bytes of bodies as they came.", bytes);
#undef EACH
    for (int p = 0; p < RECEIVE_PROTOCOL_COUNT; p++)
        for (int r = 1; r < RECEIVE_REFUSAL_COUNT; r++)
            if (s.of[p].refused[r])
                gauge_counter(g, "homeostat_receive_refused_total", "Requests that were refused; full and trouble are told to come again.", (double)s.of[p].refused[r], "protocol",
                              receive_protocol_name((enum receive_protocol)p), "reason", receive_refusal_name((enum receive_refusal)r), NULL);
    gauge_set(g, "homeostat_receive_connections", "Open now.", (double)s.connections, NULL);
    gauge_set(g, "homeostat_receive_paused", "Connections that are not read from right now: back-pressure.", (double)s.paused, NULL);
    gauge_set(g, "homeostat_receive_in_flight_bytes", "Of bodies that are not durable yet.", (double)s.in_flight_bytes, NULL);
    gauge_counter(g, "homeostat_receive_connections_total", "Since the start.", (double)s.connections_opened, NULL);
    gauge_counter(g, "homeostat_receive_connections_evicted_total", "Closed while idle, to make room.", (double)s.connections_evicted, NULL);
    uint64_t sum = 0;
    text_add(g->out, "# HELP homeostat_receive_ack_seconds From a complete body to its acknowledgement.\n# TYPE homeostat_receive_ack_seconds histogram\n");
    for (int i = 0; i < RECEIVE_LATENCY_BUCKETS; i++) {
        sum += s.ack_latency[i];
        if (i + 1 < RECEIVE_LATENCY_BUCKETS)
            text_printf(g->out, "homeostat_receive_ack_seconds_bucket{le=\"%g\"} %" PRIu64 "\n", (double)receive_latency_bounds_us[i] / 1e6, sum);
    }
    text_printf(g->out, "homeostat_receive_ack_seconds_bucket{le=\"+Inf\"} %" PRIu64 "\nhomeostat_receive_ack_seconds_sum %.6f\nhomeostat_receive_ack_seconds_count %" PRIu64 "\n", sum,
                (double)s.ack_latency_sum_us / 1e6, sum);
}

const struct ingest_part ingest_part_receive = { "receive", "Listeners: OTLP, remote write, rows, Arrow Flight.",
    receive_start, receive_reload, receive_stop, receive_status, receive_metrics, NULL };
