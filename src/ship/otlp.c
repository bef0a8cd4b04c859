/*
 * ship/otlp.c - the sink `otlp`: OTLP over HTTP in protobuf, to a collector, Tempo, OpenObserve or another Homeostat.
 *
 * A batch becomes a request for each type that is in it. What one type got through is not sent again when another has to wait.
 */
#include "ship/http.h"
#include "ship/kinds.h"
#include "ship/parts.h"

#include "base/text.h"
#include "event/encode.h"
#include "wire/json_pull.h"
#include "wire/protobuf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REQUEST_MAX = 256 * 1024 * 1024, SMALL = 512 };      /* below SMALL bytes packing is not worth it */

struct otlp {
    const struct sink_conf *conf;
    struct http_client     *http;
    struct parts            parts;
    uint64_t                refused;                         /* by requests of a batch that is not through yet */
    char                    why[sizeof ((struct sent_answer *)0)->why];
    const struct event    **picked;
    size_t                  room;
    struct text             body;
};

static void otlp_close(void *self)
{
    struct otlp *o = self;
    http_client_close(o->http);
    text_done(&o->body);
    free(o->picked);
    free(o);
}

static enum err otlp_open(const struct sink_conf *conf, void **self, struct fault *fault)
{
    struct otlp *o = calloc(1, sizeof *o);
    if (!o)
        return fail(fault, ERR_LIMIT, "no memory for a sink");
    o->conf = conf;
    text_init(&o->body, REQUEST_MAX);
    enum err e = http_client_open(conf, &o->http, fault);
    if (e == OK)
        *self = o;
    else
        otlp_close(o);
    return e;
}

/* Export*ServiceResponse: 1 partial_success { 1 rejected, 2 error_message }. What cannot be read says nothing: the status was 200. */
static uint64_t rejected(struct slice body, struct slice *message)
{
    struct pb       m = pb_of(body), part;
    struct pb_field f, g;
    uint64_t        n = 0;
    *message = (struct slice){ 0 };
    while (pb_next(&m, &f) > 0) {
        if (f.number != 1 || f.type != PB_LEN)
            continue;
        part = pb_of(f.bytes);
        while (pb_next(&part, &g) > 0) {
            if (g.number == 1 && g.type == PB_VARINT)
                n = g.n;
            else if (g.number == 2 && g.type == PB_LEN)
                *message = g.bytes;
        }
    }
    return n;
}

/* The same as JSON, which some answer whatever they were sent: {"partialSuccess":{"rejectedSpans":"3","errorMessage":"..."}}. The message keeps its escapes. */
static uint64_t rejected_json(struct slice body, struct slice *message)
{
    static const char *const counts[] = { "rejectedLogRecords", "rejectedDataPoints", "rejectedSpans", "rejected_log_records", "rejected_data_points", "rejected_spans" };
    struct pull p;
    uint64_t    n = 0;
    bool        is_count = false, is_message = false;
    *message = (struct slice){ 0 };
    pull_init(&p, body);
    for (enum pull_token t = pull_next(&p); t != PULL_BAD && t != PULL_END; t = pull_next(&p)) {
        if (t == PULL_KEY) {
            is_count = false;
            for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
                is_count |= pull_text_is(&p, counts[i]);
            is_message = pull_text_is(&p, "errorMessage") || pull_text_is(&p, "error_message");
        } else if (is_count && (t == PULL_NUMBER || t == PULL_TEXT)) {
            (void)number_u64(p.text, &n);
        } else if (is_message && t == PULL_TEXT) {
            *message = p.text;
        }
    }
    return n;
}

/* How many of those that were sent the other side has not kept. */
static uint64_t note_partial(struct otlp *o, const struct http_reply *r, size_t sent)
{
    struct slice message;
    bool         json = strncmp(r->type.n ? r->type.s : "", "application/json", 16) == 0 || (r->body.n && *r->body.s == '{');      /* a blank in front could be protobuf's */
    uint64_t     n = (json ? rejected_json : rejected)(r->body, &message);
    if (!n)
        return 0;
    (void)snprintf(o->why, sizeof o->why, "partial success: %.*s", (int)(message.n < 200 ? message.n : 200), message.n ? message.s : "");
    return n < sent ? n : sent;
}

static enum sent ask(struct otlp *o, enum event_type t, struct sent_answer *a, struct http_reply *r)
{
    static const char *const paths[] = { [EVENT_LOG] = "/v1/logs", [EVENT_POINT] = "/v1/metrics", [EVENT_SPAN] = "/v1/traces" };
    struct http_ask q = { .path = paths[t], .type = "application/x-protobuf", .body = { o->body.s, o->body.used } };
    char           *packed = NULL;
    size_t          n = 0;
    if (o->conf->compress != COMPRESS_NONE && o->body.used >= SMALL)
        packed = http_gzip(q.body, &n);
    if (packed) {
        q.body = (struct slice){ packed, n };
        q.encoding = "gzip";
    }
    (void)http_client_ask(o->http, &q, r);
    free(packed);
    return http_verdict(r, a);
}

static enum sent send_type(struct otlp *o, const struct batch *b, enum event_type t, struct sent_answer *a)
{
    struct http_reply r;
    struct fault      fault = { 0 };
    size_t            n = parts_pick(&o->parts, b, t, o->picked);
    if (n == 0)
        return SENT_ALL;
    text_clear(&o->body);
    enum err e = event_encode(o->picked, n, &o->body, &fault);
    if (e != OK) {
        (void)snprintf(a->why, sizeof a->why, "%.239s", fault.text);
        return e == ERR_LIMIT ? SENT_TOO_LARGE : SENT_REFUSED;
    }
    enum sent sent = ask(o, t, a, &r);
    if (sent != SENT_ALL)
        return sent;
    uint64_t lost = note_partial(o, &r, n);
    if (lost == n) {                            /* none was kept, so it is known which: they become letters with all that is in them */
        (void)snprintf(a->why, sizeof a->why, "%s", o->why);
        return SENT_REFUSED;
    }
    o->refused += lost;
    parts_taken(&o->parts, b, t);
    return SENT_ALL;
}

static enum sent otlp_send(void *self, const struct batch *b, struct sent_answer *a)
{
    struct otlp *o = self;
    if (b->count > o->room) {
        const struct event **more = realloc(o->picked, b->count * sizeof *more);
        if (!more) {
            (void)snprintf(a->why, sizeof a->why, "no memory for a batch of %zu events", b->count);
            return SENT_LATER;
        }
        o->picked = more;
        o->room = b->count;
    }
    for (enum event_type t = EVENT_LOG; t <= EVENT_SPAN; t++) {
        enum sent sent = send_type(o, b, t, a);
        if (sent != SENT_ALL)
            return sent;
    }
    a->refused = o->refused;
    if (o->refused)
        (void)snprintf(a->why, sizeof a->why, "%s", o->why);
    o->refused = 0;
    return SENT_ALL;
}

static void otlp_cancel(void *self) { http_client_cancel(((struct otlp *)self)->http); }

static void otlp_check(const struct sink_conf *conf, struct conf_checker *c)
{
    http_conf_check(conf, c);
    if (conf->compress != COMPRESS_AUTO && conf->compress != COMPRESS_NONE && conf->compress != COMPRESS_GZIP)
        conf_refuse(c, "compress", "Use auto, gzip or none.", "OTLP over HTTP knows gzip only");
}

const struct sink_kind sink_otlp = {
    .name = "otlp", .takes = 1u << EVENT_LOG | 1u << EVENT_POINT | 1u << EVENT_SPAN, .why = "OTLP over HTTP: a collector, Tempo, OpenObserve, another Homeostat.",
    .open = otlp_open, .send = otlp_send, .close = otlp_close, .cancel = otlp_cancel, .check = otlp_check,
    .settings = "!url token user password tls.ca tls.certificate tls.key headers compress",
};
