/*
 * ship/remote_write.c - the sink `remote-write`: Prometheus remote write 1.0, which every receiver of it understands.
 *
 * Samples that the other side will not have because newer ones of the series are there already, or because another value stands at that time,
 * are refused with 400, by Thanos with 409, and some of them by Prometheus up to 2.4x with 500, told by its words: such a batch is halved until they are
 * found. Points of delta temporality have no place in Prometheus and are left out before they are sent.
 *
 * A sample from the future is not sent: Prometheus up to 2.4x takes it, and then refuses everything that is more than an hour older, for as long as its head lives.
 *
 * An answer that got lost leaves open what was taken. What is refused as out of order or a duplicate afterwards, alone, was taken then.
 */
#include "ship/http.h"
#include "ship/kinds.h"

#include "base/clock.h"
#include "event/flatten.h"
#include "wire/remote.h"
#include "wire/snappy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REQUEST_MAX = 256 * 1024 * 1024, FLAT_MAX = 64 * 1024 * 1024, RESET_AT = 1024 * 1024 };
#define AHEAD_MOST_US (600 * US_PER_S)         /* as newer versions of Prometheus have it */

struct remote_sink {
    const struct sink_conf *conf;
    struct http_client     *http;
    struct remote_writer    writer;
    struct arena            arena;
    char                   *packed;
    size_t                  room;
    struct { uint64_t load; size_t from, to; } unknown;      /* events of an attempt that ended without an answer: perhaps they are there */
};

static void remote_sink_close(void *self)
{
    struct remote_sink *r = self;
    http_client_close(r->http);
    remote_write_done(&r->writer);
    arena_done(&r->arena);
    free(r->packed);
    free(r);
}

static enum err remote_sink_open(const struct sink_conf *conf, void **self, struct fault *fault)
{
    struct remote_sink *r = calloc(1, sizeof *r);
    if (!r)
        return fail(fault, ERR_LIMIT, "no memory for a sink");
    r->conf = conf;
    arena_init(&r->arena, FLAT_MAX);
    remote_write_init(&r->writer, REMOTE_V1, REQUEST_MAX);
    enum err e = http_client_open(conf, &r->http, fault);
    if (e == OK)
        *self = r;
    else
        remote_sink_close(r);
    return e;
}

struct taking { struct remote_writer *w; bool delta; };

static bool take(void *ctx, const struct flatten_sample *s)
{
    struct taking *t = ctx;
    if (s->delta) {
        t->delta = true;
        return false;
    }
    remote_write_series(t->w, s->labels, s->labels_n, s->type, s->help, s->unit);
    if (s->native)
        remote_write_histogram(t->w, s->native);
    else
        remote_write_sample(t->w, s->value, s->time_ms, s->start_ms);
    return true;
}

/* Of the two clocks the later one: a dead letter may have been of the future when it came, and be of today when it is sent again. */
static bool is_ahead(const struct event *e, int64_t now_us)
{
    return e->as.point.time_ns / 1000 > (e->received_us > now_us ? e->received_us : now_us) + AHEAD_MOST_US;
}

/* SENT_ALL: it is composed. */
static enum sent compose(struct remote_sink *r, const struct batch *b, struct sent_answer *a)
{
    struct taking t = { .w = &r->writer };
    struct fault  fault = { 0 };
    int64_t       now_us = clock_wall_us(&clock_real);
    remote_write_reset(&r->writer);
    arena_reset(&r->arena);
    for (size_t i = 0; i < b->count; i++) {
        if (is_ahead(b->event[i], now_us)) {
            (void)snprintf(a->why, sizeof a->why, "its time is more than ten minutes ahead of when it was received: look at the clocks of who sent it, and of this machine");
            return SENT_REFUSED;
        }
        if (r->arena.used > RESET_AT)
            arena_reset(&r->arena);
        enum err e = flatten_point(b->event[i], NULL, &r->arena, take, &t, &fault);
        if (t.delta) {
            (void)snprintf(a->why, sizeof a->why, "a point of delta temporality: Prometheus keeps totals only");
            return SENT_REFUSED;
        }
        if (e != OK) {
            (void)snprintf(a->why, sizeof a->why, "%.239s", fault.text);
            return SENT_REFUSED;
        }
    }
    return SENT_ALL;
}

static enum sent pack(struct remote_sink *r, size_t *n, struct sent_answer *a)
{
    struct fault fault = { 0 };
    struct slice body = remote_write_take(&r->writer);
    if (r->writer.full) {
        (void)snprintf(a->why, sizeof a->why, "the request is larger than %d bytes", REQUEST_MAX);
        return SENT_TOO_LARGE;
    }
    size_t bound = snappy_block_bound(body.n);
    if (bound > r->room) {
        char *more = realloc(r->packed, bound);
        if (!more) {
            (void)snprintf(a->why, sizeof a->why, "no memory for a request of %zu bytes", bound);
            return SENT_LATER;
        }
        r->packed = more;
        r->room = bound;
    }
    if (snappy_block_write(body, r->packed, r->room, n, &fault) == OK)
        return SENT_ALL;
    (void)snprintf(a->why, sizeof a->why, "%.239s", fault.text);
    return SENT_LATER;
}

/* ---- answers ---- */

static bool says(const struct http_reply *r, const char *const *words)
{
    for (; *words; words++)
        if (r->body.n && strcasestr(r->body.s, *words))      /* the body ends with a NUL */
            return true;
    return false;
}

static void note_unknown(struct remote_sink *r, const struct batch *b)
{
    bool same = r->unknown.load == b->load && r->unknown.to;
    r->unknown.from = same && r->unknown.from < b->at ? r->unknown.from : b->at;
    r->unknown.to = same && r->unknown.to > b->at + b->count ? r->unknown.to : b->at + b->count;
    r->unknown.load = b->load;
}

static enum sent verdict(struct remote_sink *r, const struct batch *b, const struct http_reply *reply, struct sent_answer *a)
{
    static const char *const of_the_sample[] = { "too old sample", "out of order", "out of bounds", NULL }, *const there[] = { "out of order", "duplicate", NULL };
    enum sent sent = http_verdict(reply, a);
    if (reply->status == 409 || (reply->status == 500 && says(reply, of_the_sample)))
        sent = SENT_REFUSED;
    if ((reply->status == 0 && reply->asked) || reply->status == 504)
        note_unknown(r, b);
    bool perhaps = r->unknown.load == b->load && b->at >= r->unknown.from && b->at < r->unknown.to;
    return sent == SENT_REFUSED && b->count == 1 && perhaps && says(reply, there) ? SENT_ALL : sent;
}

static enum sent remote_sink_send(void *self, const struct batch *b, struct sent_answer *a)
{
    static const char *const version[] = { "X-Prometheus-Remote-Write-Version: 0.1.0", NULL };
    struct remote_sink *r = self;
    struct http_reply   reply;
    size_t              n = 0;
    enum sent           sent = compose(r, b, a);
    if (sent == SENT_ALL)
        sent = pack(r, &n, a);
    if (sent != SENT_ALL || n == 0)
        return sent;
    (void)http_client_ask(r->http, &(struct http_ask){ .type = "application/x-protobuf", .encoding = "snappy", .headers = version, .body = { r->packed, n } }, &reply);
    return verdict(r, b, &reply, a);
}

static bool holds(const struct event *e)
{
    const struct point_event *p = &e->as.point;
    return e->type != EVENT_POINT || p->temporality != TEMPORALITY_DELTA || (p->kind != POINT_SUM && p->kind != POINT_HISTOGRAM && p->kind != POINT_EXPONENTIAL);
}

static void remote_sink_cancel(void *self) { http_client_cancel(((struct remote_sink *)self)->http); }

const struct sink_kind sink_remote_write = {
    .name = "remote-write", .takes = 1u << EVENT_POINT, .why = "Prometheus remote write: Prometheus, Mimir, Thanos, VictoriaMetrics. Metrics only.",
    .open = remote_sink_open, .send = remote_sink_send, .close = remote_sink_close, .cancel = remote_sink_cancel, .check = http_conf_check,
    .holds = holds, .lacks = "points of delta temporality: Prometheus keeps totals only. Have the sender use cumulative temporality, or send them elsewhere",
    .settings = "!url token user password tls.ca tls.certificate tls.key headers",
};
