/*
 * ship/loki.c - the sink `loki`: POST /loki/api/v1/push in JSON. Logs only.
 *
 * A stream is what a few attributes say (`labels`; unset: service.name, service.namespace, deployment.environment, host.name, and the level); few, since Loki
 * suffers from many streams. Everything else goes along as structured metadata, unless Loki says that it does not allow that. The line is the body: a text as it is, anything else as JSON.
 */
#include "ship/http.h"
#include "ship/json.h"
#include "ship/kinds.h"

#include "base/log.h"
#include "base/text.h"
#include "event/flatten.h"
#include "wire/otlp_reply.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REQUEST_MAX = 256 * 1024 * 1024, STREAM_MAX = 16 * 1024, MEMORY_MAX = 128 * 1024 * 1024, ARENA_SPARE = 2 * RECORD_LABELS_MAX };

struct loki {
    const struct sink_conf *conf;
    struct http_client     *http;
    struct text             body;
    struct arena            arena;             /* of one batch */
    struct line { const char *stream; const struct event *event; size_t at; } *line;
    size_t                  room;
    bool                    bare;              /* it takes no structured metadata */
};

static void loki_close(void *self)
{
    struct loki *k = self;
    http_client_close(k->http);
    text_done(&k->body);
    arena_done(&k->arena);
    free(k->line);
    free(k);
}

static enum err loki_open(const struct sink_conf *conf, void **self, struct fault *fault)
{
    struct loki *k = calloc(1, sizeof *k);
    if (!k)
        return fail(fault, ERR_LIMIT, "no memory for a sink");
    k->conf = conf;
    text_init(&k->body, REQUEST_MAX);
    arena_init(&k->arena, MEMORY_MAX);
    enum err e = http_client_open(conf, &k->http, fault);
    if (e == OK)
        *self = k;
    else
        loki_close(k);
    return e;
}

/* ---- streams ---- */

static const char *level_of(int severity)
{
    static const char *const words[] = { "unknown", "trace", "debug", "info", "warn", "error", "fatal" };
    return words[severity < 1 || severity > 24 ? 0 : (severity - 1) / 4 + 1];
}

static void pair(struct text *t, struct arena *a, struct slice key, struct slice value)
{
    text_add(t, t->used > 1 ? "," : "");
    json_put_text(t, flatten_label(key, a));
    text_add(t, ":");
    json_put_text(t, value);
}

static const char *const usual[] = { "service.name", "service.namespace", "deployment.environment", "host.name", "level" };

static bool is_label(const struct loki *k, struct slice key)
{
    size_t             n = k->conf->labels.count ? k->conf->labels.count : sizeof usual / sizeof usual[0];
    const char *const *name = k->conf->labels.count ? k->conf->labels.item : usual;
    for (size_t i = 0; i < n; i++)
        if (slice_is(key, name[i]))
            return true;
    return false;
}

/* {"service_name":"shop","level":"info"} in the arena; the same text for the same stream. NULL: no memory. */
static const char *stream_of(struct loki *k, const struct event *e)
{
    size_t             n = k->conf->labels.count ? k->conf->labels.count : sizeof usual / sizeof usual[0];
    const char *const *name = k->conf->labels.count ? k->conf->labels.item : usual;
    struct text        t CLEANUP(text_done);
    text_init(&t, STREAM_MAX);
    text_add(&t, "{");
    for (size_t i = 0; i < n; i++) {
        const struct value *v = event_find(e, name[i]);
        struct slice        s = v ? value_text(v, &k->arena) : strcmp(name[i], "level") == 0 ? slice_of(level_of(e->as.log.severity)) : strcmp(name[i], "tenant") == 0 ? e->tenant : (struct slice){ 0 };
        if (s.n)
            pair(&t, &k->arena, slice_of(name[i]), s);
    }
    if (t.used == 1)                           /* Loki wants one at least */
        pair(&t, &k->arena, SLICE("source"), e->source.n ? e->source : SLICE("homeostat"));
    text_add(&t, "}");
    return t.cut ? NULL : arena_text(&k->arena, t.s);
}

static int by_stream(const void *x, const void *y)
{
    const struct line *a = x, *b = y;
    int                o = strcmp(a->stream, b->stream);
    return o ? o : (a->at > b->at) - (a->at < b->at);
}

/* ---- lines ---- */

static void metadata(struct loki *k, struct text *t, const struct attrs *a)
{
    for (size_t i = 0; i < a->count; i++)
        if (!is_label(k, a->item[i].key) && a->item[i].value.kind != VALUE_NONE)
            pair(t, &k->arena, a->item[i].key, value_text(&a->item[i].value, &k->arena));
}

static void hex_pair(struct loki *k, struct text *t, const char *key, struct slice id)
{
    struct text hex CLEANUP(text_done);
    text_init(&hex, 64);
    if (!id.n)
        return;
    ship_json_hex(&hex, id);
    pair(t, &k->arena, slice_of(key), (struct slice){ hex.s, hex.used });
}

static void put_metadata(struct loki *k, const struct event *e, struct text *t)
{
    const struct log_event *l = &e->as.log;
    metadata(k, t, &e->attrs);
    metadata(k, t, &e->scope->attrs);
    metadata(k, t, &e->resource->attrs);
    hex_pair(k, t, "trace_id", l->trace_id);
    hex_pair(k, t, "span_id", l->span_id);
    if (l->severity_text.n)
        pair(t, &k->arena, SLICE("severity_text"), l->severity_text);
    if (l->name.n)
        pair(t, &k->arena, SLICE("event_name"), l->name);
}

static bool put_line(struct loki *k, const struct event *e)
{
    const struct log_event *l = &e->as.log;
    struct text             t CLEANUP(text_done);
    text_printf(&k->body, "[\"%" PRId64 "\",", l->time_ns);
    json_put_text(&k->body, value_text(&l->body, &k->arena));
    text_init(&t, REQUEST_MAX);
    text_add(&t, "{");
    if (!k->bare)
        put_metadata(k, e, &t);
    if (t.used > 1) {
        text_add(&k->body, ",");
        text_add_n(&k->body, t.s, t.used);
        text_add(&k->body, "}");
    }
    text_add(&k->body, "]");
    return !k->body.cut && !t.cut && k->arena.used < MEMORY_MAX - ARENA_SPARE;      /* beyond it attributes could be missing */
}

static bool compose(struct loki *k, const struct batch *b)
{
    arena_reset(&k->arena);
    text_clear(&k->body);
    for (size_t i = 0; i < b->count; i++) {
        k->line[i] = (struct line){ stream_of(k, b->event[i]), b->event[i], i };
        if (!k->line[i].stream)
            return false;
    }
    qsort(k->line, b->count, sizeof *k->line, by_stream);
    text_add(&k->body, "{\"streams\":[");
    for (size_t i = 0; i < b->count; i++) {
        bool first = i == 0 || strcmp(k->line[i - 1].stream, k->line[i].stream) != 0, last = i + 1 == b->count || strcmp(k->line[i + 1].stream, k->line[i].stream) != 0;
        if (first)
            text_printf(&k->body, "%s{\"stream\":", i ? "," : "");
        text_add(&k->body, first ? k->line[i].stream : ",");
        text_add(&k->body, first ? ",\"values\":[" : "");
        if (!put_line(k, k->line[i].event))
            return false;
        text_add(&k->body, last ? "]}" : "");
    }
    text_add(&k->body, "]}");
    return !k->body.cut;
}

/* Not what it says of a line that has too much of it. */
static bool takes_none(const struct http_reply *r)
{
    return r->status == 400 && r->body.n && (strstr(r->body.s, "feature is disallowed") || strstr(r->body.s, "limits_config.allow_structured_metadata"));
}

static enum sent loki_send(void *self, const struct batch *b, struct sent_answer *a)
{
    struct loki      *k = self;
    struct http_reply reply;
    size_t            n = 0;
    if (b->count > k->room) {
        struct line *more = realloc(k->line, b->count * sizeof *more);
        if (!more) {
            (void)snprintf(a->why, sizeof a->why, "no memory for a batch of %zu lines", b->count);
            return SENT_LATER;
        }
        k->line = more;
        k->room = b->count;
    }
    if (!compose(k, b)) {
        (void)snprintf(a->why, sizeof a->why, "the request is larger than %d bytes", REQUEST_MAX);
        return SENT_TOO_LARGE;
    }
    struct http_ask q = { .path = "/loki/api/v1/push", .type = "application/json", .body = { k->body.s, k->body.used } };
    char           *packed = k->conf->compress == COMPRESS_NONE ? NULL : http_gzip(q.body, &n);
    if (packed) {
        q.body = (struct slice){ packed, n };
        q.encoding = "gzip";
    }
    (void)http_client_ask(k->http, &q, &reply);
    free(packed);
    enum sent sent = http_verdict(&reply, a);
    if (k->bare || !takes_none(&reply))
        return sent;
    k->bare = true;
    log_warn("Loki does not allow structured metadata, so lines go without what is no label (limits_config.allow_structured_metadata)", F("sink", k->conf->name));
    return SENT_LATER;
}

static void loki_cancel(void *self) { http_client_cancel(((struct loki *)self)->http); }

static void loki_check(const struct sink_conf *conf, struct conf_checker *c)
{
    http_conf_check(conf, c);
    if (conf->compress != COMPRESS_AUTO && conf->compress != COMPRESS_NONE && conf->compress != COMPRESS_GZIP)
        conf_refuse(c, "compress", "Use auto, gzip or none.", "Loki's JSON knows gzip only");
}

const struct sink_kind sink_loki = {
    .name = "loki", .takes = 1u << EVENT_LOG, .why = "Grafana Loki. Logs only.",
    .open = loki_open, .send = loki_send, .close = loki_close, .cancel = loki_cancel, .check = loki_check,
    .settings = "!url token user password tls.ca tls.certificate tls.key headers compress labels",
};
