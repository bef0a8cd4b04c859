/* receive/session.c - what both kinds of HTTP share: exchanges, whether a request is let in, and when time is up. See session.h. */
#include "receive/session.h"

#include "receive/session_inside.h"

#include <stdlib.h>
#include <string.h>

enum { BEYOND_PART = 8 };      /* so much of the budget, an eighth of it, may be taken beyond it by requests that are refused */

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/* ---- exchanges ---- */

struct exchange *exchange_new(struct session_host *h)
{
    struct exchange *x = h->spare;
    if (x) {
        h->spare = x->later;
        h->spares--;
        memset(x, 0, sizeof *x);
        return x;
    }
    return calloc(1, sizeof *x);
}

/* A buffer takes its least also for one byte; pages of a larger one that were not written to are nobody's. */
void exchange_count(struct session_host *h, struct exchange *x)
{
    size_t body = !x->body.room ? x->with_journal : x->body.n > BUFFER_LEAST ? x->body.n : BUFFER_LEAST;
    size_t is = SESSION_EXCHANGE + body + (x->out_open ? x->out.used : 0);
    if (is != x->counted)
        atomic_fetch_add_explicit(h->in_flight, (long long)is - (long long)x->counted, memory_order_relaxed);
    x->counted = is;
}

void exchange_drop_body(struct session_host *h, struct exchange *x)
{
    buffer_drop(&h->stock, &x->body);
    x->with_journal = x->raw;
    exchange_count(h, x);
}

static void uncount(struct session_host *h, struct exchange *x)
{
    if (x->counted)
        atomic_fetch_sub_explicit(h->in_flight, (long long)x->counted, memory_order_relaxed);
    x->counted = 0;
}

void request_exchange_free(struct session_host *h, struct exchange *x)
{
    if (x->extra && h->forget)
        h->forget(h, x);
    buffer_drop(&h->stock, &x->body);
    uncount(h, x);
    if (x->out_open)
        text_done(&x->out);
    if (x->has_trailers)
        answer_grpc_done(&x->trailers);
    if (h->spares < SESSION_SPARES_MAX) {
        x->later = h->spare;
        h->spare = x;
        h->spares++;
    } else
        free(x);
}

void session_host_done(struct session_host *h)
{
    for (struct exchange *x = h->spare, *next; x; x = next) {
        next = x->later;
        free(x);
    }
    h->spare = NULL;
    buffer_stock_done(&h->stock);
}

void session_leave(struct session *s, struct exchange *x)
{
    if (x->prev)
        x->prev->next = x->next;
    else
        s->first = x->next;
    if (x->next)
        x->next->prev = x->prev;
    x->prev = x->next = NULL;
    x->session = NULL;
    if (x->state != EXCHANGE_ANSWERED)
        s->under_way--;
    if (x->state != EXCHANGE_WITH_HOST && x->pending == 0)
        request_exchange_free(s->host, x);
}

/* ---- may it come in ---- */

static bool let_in(struct session *s, const struct head *h, struct exchange *x)
{
    struct slice tenant = { 0 };
    if (s->door->tokens
        && (h->authorization_n > HEAD_TOKEN_MAX || !receive_tokens_know(s->door->tokens, (struct slice){ h->authorization, h->authorization_n }, &tenant)))
        return false;
    if (!tenant.s)
        tenant = slice_of(s->door->tenant);
    if (tenant.n)
        memcpy(x->tenant, tenant.s, tenant.n);
    x->tenant[tenant.n] = '\0';
    return true;
}

/* Content type and packing, as each shape wants them. NULL: fine. */
static const char *form_wrong(const struct head *h, bool http2)
{
    switch (h->route->shape) {
    case ROUTE_GRPC:
    case ROUTE_FLIGHT:
        return !http2 ? "gRPC needs HTTP/2" : h->media != MEDIA_GRPC ? "the content type is not application/grpc" : NULL;
    case ROUTE_OTLP:
        return h->media != MEDIA_PROTOBUF && h->media != MEDIA_JSON ? "the content type is neither application/x-protobuf nor application/json"
               : h->packing == PACKED_UNKNOWN                        ? "this content encoding is not known"
                                                                     : NULL;
    case ROUTE_REMOTE:
        return h->media != MEDIA_PROTOBUF && h->media != MEDIA_REMOTE_2 ? "the content type is not application/x-protobuf of remote write 1.0 or 2.0"
               : h->packing != PACKED_SNAPPY                             ? "the content encoding is not snappy"
                                                                         : NULL;
    case ROUTE_ROWS:
        return h->media != MEDIA_JSON && h->media != MEDIA_JSON_LINES ? "the content type is neither application/json nor application/x-ndjson"
               : h->packing == PACKED_UNKNOWN                          ? "this content encoding is not known"
                                                                       : NULL;
    case ROUTE_SCHEMA:
        return h->media != MEDIA_JSON ? "the content type is not application/json" : h->packing == PACKED_UNKNOWN ? "this content encoding is not known" : NULL;
    case ROUTE_HEALTH: break;
    }
    return NULL;
}

static bool grpc_form_right(struct exchange *x, const struct head *h)
{
    if (h->message_packing != PACKED_UNKNOWN)
        return true;
    answer_refused(&x->answer, REFUSED_FORM, "messages can be packed with gzip, deflate, zstd, snappy or not at all");
    return false;
}

bool session_judge(struct session *s, const struct head *h, bool http2, struct exchange *x)
{
    const struct route *r = h->route;
    struct answer      *a = &x->answer;
    bool                right = r && (r->shape == ROUTE_HEALTH ? h->method == METHOD_GET || h->method == METHOD_HEAD : h->method == METHOD_POST);
    const char         *wrong;
    if (!r || !(s->door->protocols & 1u << r->protocol)) {
        x->route = NULL;
        answer_refused(a, REFUSED_UNKNOWN, "there is nothing at this path");
    } else if (!right) {
        answer_refused(a, REFUSED_UNKNOWN, "this path is asked with %s", r->shape == ROUTE_HEALTH ? "GET" : "POST");
        answer_code(a, 405, GRPC_UNIMPLEMENTED);
    } else if (r->shape != ROUTE_HEALTH && !let_in(s, h, x))
        answer_refused(a, REFUSED_DENIED, "a token is needed, and this is none that is known");
    else if ((wrong = form_wrong(h, http2)))
        answer_refused(a, REFUSED_FORM, "%s", wrong);
    else if (h->table_bad)
        answer_refused(a, REFUSED_MALFORMED, "table= is malformed or too long");
    else if (x->grpc && !grpc_form_right(x, h))
        return false;
    else if (h->length > (int64_t)s->host->limits.body_max + (x->grpc ? 5 : 0) && r->shape != ROUTE_FLIGHT)
        answer_refused(a, REFUSED_TOO_LARGE, "the body is larger than %zu bytes", s->host->limits.body_max);
    else
        return true;
    return false;
}

/* There are so many that even an answer to each takes too much: the stream is refused, and comes again. */
static struct exchange *too_many(struct session *s, const struct head *h)
{
    struct receive_protocol_stats *of = &s->host->stats->of[h->route ? h->route->protocol : RECEIVE_HEALTH];
    session_count(&of->requests, 1);
    session_count(&of->refused[REFUSED_FULL], 1);
    return NULL;
}

struct exchange *session_begin(struct session *s, const struct head *h, int32_t stream, bool *refused)
{
    if (s->first && session_over_budget(s->host, s->host->limits.budget / BEYOND_PART))
        return too_many(s, h);
    struct exchange *x = exchange_new(s->host);
    if (!x)
        return NULL;
    x->session = s;
    x->stream = stream;
    x->route = h->route;
    x->media = h->media;
    x->grpc = h->media == MEDIA_GRPC && stream;
    x->packing = x->grpc ? h->message_packing : h->packing;
    x->no_body = h->method == METHOD_HEAD;
    x->length = h->length;
    x->moved_us = s->host->now_us;
    x->answer.has_written = h->media == MEDIA_REMOTE_2;
    memcpy(x->table, h->table, sizeof x->table);
    x->next = s->first;
    if (s->first)
        s->first->prev = x;
    s->first = x;
    s->under_way++;
    s->requests++;
    *refused = !session_judge(s, h, stream != 0, x);
    if (!*refused && s->under_way > 1 && session_over_budget(s->host, 0)) {      /* one at a time may wait for room, with its window closed */
        answer_later(&x->answer, REFUSED_FULL, s->host->limits.retry_us, "there is no room for this request right now");
        *refused = true;
    }
    exchange_count(s->host, x);
    if (x->route)
        session_count(&s->host->stats->of[x->route->protocol].requests, 1);
    return x;
}

/* ---- bodies ---- */

static uint32_t frame_length(const char *at)
{
    const unsigned char *p = (const unsigned char *)at;
    return (uint32_t)p[1] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 8 | p[4];
}

/* How much room is sensible now: all that is said to come when that is little, else twice what there is. */
static size_t sensible_room(const struct exchange *x, size_t n)
{
    size_t have = x->body.n + n, said = 0;
    if (x->length > 0)
        said = (size_t)x->length;
    else if (x->grpc && x->body.n >= 5)
        said = (size_t)frame_length(x->body.s) + 5;
    if (said <= have)
        return have;
    return said <= 1024 * 1024 || said < have * 2 ? said : have * 2;
}

/* A unary call has one message: is what came so far that? */
static bool unary_fits(struct session *s, struct exchange *x)
{
    if (x->body.n < 5)
        return true;
    size_t said = frame_length(x->body.s), max = s->host->limits.body_max;
    if (said > max)
        answer_refused(&x->answer, REFUSED_TOO_LARGE, "the message is larger than %zu bytes", max);
    else if (x->body.n - 5 > said)
        answer_refused(&x->answer, REFUSED_MALFORMED, "there is more than one message in a unary call");
    else
        return true;
    return false;
}

/* Flight: give out each message that is whole. */
static bool stream_messages(struct session *s, struct exchange *x)
{
    size_t at = 0;
    while (x->body.n - at >= 5) {
        size_t said = frame_length(x->body.s + at);
        if (said > s->host->limits.body_max) {
            answer_refused(&x->answer, REFUSED_TOO_LARGE, "a message is larger than %zu bytes", s->host->limits.body_max);
            return false;
        }
        if (x->body.n - at - 5 < said)
            break;
        s->host->message(s->host, x, (struct slice){ x->body.s + at + 5, said }, x->body.s[at] & 1);
        if (x->answer.why != REFUSED_NOT)
            return false;
        at += 5 + said;
    }
    if (at) {
        memmove(x->body.s, x->body.s + at, x->body.n - at);
        x->body.n -= at;
        if (x->body.n == 0)
            buffer_drop(&s->host->stock, &x->body);
        exchange_count(s->host, x);
    }
    return true;
}

bool session_take(struct session *s, struct exchange *x, const char *bytes, size_t n)
{
    struct session_host *h = s->host;
    size_t               most = h->limits.body_max + (x->grpc ? 5 : 0) + (x->route->shape == ROUTE_FLIGHT || x->grpc ? SESSION_READ_MAX : 0);
    x->moved_us = h->now_us;
    x->raw += n;
    if (x->body.n + n > x->body.room && x->body.n + n <= most && !buffer_need(&h->stock, &x->body, sensible_room(x, n))) {
        answer_later(&x->answer, REFUSED_FULL, h->limits.retry_us, "out of memory for this body");
        return false;
    }
    if (!buffer_add(&h->stock, &x->body, bytes, n, most)) {
        answer_refused(&x->answer, REFUSED_TOO_LARGE, "the body is larger than %zu bytes", h->limits.body_max);
        return false;
    }
    exchange_count(h, x);
    return x->route->shape == ROUTE_FLIGHT ? stream_messages(s, x) : !x->grpc || unary_fits(s, x);
}

void session_complete(struct session *s, struct exchange *x)
{
    x->state = EXCHANGE_WITH_HOST;
    x->complete_us = s->host->now_us;
    s->host->complete(s->host, x);
}

/* ---- answers ---- */

void session_counted(struct session *s, struct exchange *x)
{
    struct receive_protocol_stats *of = &s->host->stats->of[x->route ? x->route->protocol : RECEIVE_HEALTH];
    s->under_way--;
    x->state = EXCHANGE_ANSWERED;
    session_count(&of->bytes, x->raw);
    if (x->answer.why != REFUSED_NOT) {
        session_count(&of->refused[x->answer.why], 1);
        return;
    }
    session_count(&of->accepted, 1);
    session_count(&of->events, x->answer.events);
    session_count(&of->rejected_events, x->answer.rejected);
    if (x->route && x->route->shape != ROUTE_HEALTH) {
        int64_t took = s->host->now_us - x->complete_us;
        int     b = 0;
        while (took > receive_latency_bounds_us[b])
            b++;
        session_count(&s->host->stats->ack_latency[b], 1);
        session_count(&s->host->stats->ack_latency_sum_us, took > 0 ? (uint64_t)took : 0);
    }
}

void session_settle(struct session_host *h, struct exchange *x)
{
    struct session *s = x->session;
    buffer_drop(&h->stock, &x->body);
    x->with_journal = 0;
    exchange_count(h, x);
    if (!s) {
        request_exchange_free(h, x);
        return;
    }
    s->moved_us = x->moved_us = h->now_us;
    if (s->speech == SESSION_HTTP2)
        session_http2_answer(s, x);
    else
        session_http1_answer(s, x);
}

/* ---- the connection ---- */

struct session *session_new(struct session_host *h, const struct session_door *door, enum session_speech speech)
{
    struct session *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->host = h;
    s->door = door;
    s->began_us = s->moved_us = s->head_us = h->now_us;
    s->speech = speech;
    if (speech == SESSION_HTTP1)
        session_http1_start(s);
    if (speech == SESSION_HTTP2 && !session_http2_start(s)) {
        session_free(s);
        return NULL;
    }
    return s;
}

void session_free(struct session *s)
{
    if (!s)
        return;
    if (s->http2)
        nghttp2_session_del(s->http2);
    s->http2 = NULL;
    while (s->first)
        session_leave(s, s->first);
    http1_done(&s->http1);
    buffer_drop(&s->host->stock, &s->held);
    buffer_drop(&s->host->stock, &s->out);
    free(s);
}

void session_door(struct session *s, const struct session_door *door) { s->door = door; }
void session_set_user(struct session *s, void *user) { s->user = user; }
void *session_user(const struct session *s) { return s->user; }

/* HTTP/2 begins with its preface; as soon as it differs it is HTTP/1.1. False: not clear yet. */
static bool decide(struct session *s)
{
    size_t n = s->held.n < sizeof preface - 1 ? s->held.n : sizeof preface - 1;
    if (memcmp(s->held.s, preface, n) != 0)
        s->speech = SESSION_HTTP1;
    else if (n == sizeof preface - 1)
        s->speech = SESSION_HTTP2;
    else
        return false;
    if (s->speech == SESSION_HTTP1)
        session_http1_start(s);
    else
        s->broken |= !session_http2_start(s);
    return true;
}

bool session_feed(struct session *s, const char *bytes, size_t n)
{
    s->moved_us = s->host->now_us;
    if (s->broken || s->lingers)
        return !s->broken;
    if (s->speech == SESSION_EITHER) {
        if (!buffer_add(&s->host->stock, &s->held, bytes, n, SESSION_READ_MAX + sizeof preface)) {
            s->broken = true;
            return false;
        }
        if (!decide(s))
            return true;
        struct buffer first = s->held;
        s->held = (struct buffer){ 0 };
        bool ok = !s->broken && session_feed(s, first.s, first.n);
        buffer_drop(&s->host->stock, &first);
        return ok;
    }
    if (s->speech == SESSION_HTTP2)
        s->broken |= !session_http2_feed(s, bytes, n);
    else
        session_http1_feed(s, (struct slice){ bytes, n });
    return !s->broken;
}

void session_out(struct session *s, const void *bytes, size_t n)
{
    if (!buffer_add(&s->host->stock, &s->out, bytes, n, 4u * SESSION_OUT_MAX))
        s->broken = s->closing = true;
}

struct slice session_output(struct session *s)
{
    if (s->speech == SESSION_HTTP2 && !s->broken)
        session_http2_pull(s);
    return s->out.n == s->out_sent ? (struct slice){ 0 } : (struct slice){ s->out.s + s->out_sent, s->out.n - s->out_sent };
}

void session_sent(struct session *s, size_t n)
{
    s->out_sent += n;
    if (s->out_sent == s->out.n) {
        buffer_drop(&s->host->stock, &s->out);
        s->out_sent = 0;
    }
}

bool session_wants_input(const struct session *s)
{
    if (s->broken || s->out.n - s->out_sent > SESSION_OUT_MAX)
        return false;
    return s->speech == SESSION_HTTP1 ? s->lingers || (!s->closing && s->held.n == 0 && (!s->current || s->current->state == EXCHANGE_RECEIVING)) : true;
}

bool session_over(struct session *s)
{
    if (s->out.n != s->out_sent)
        return false;
    if (s->broken || s->closing)
        return true;
    return s->speech == SESSION_HTTP2 && !nghttp2_session_want_read(s->http2) && !nghttp2_session_want_write(s->http2);
}

bool session_lingers(const struct session *s) { return s->lingers; }
bool session_idle(const struct session *s) { return s->under_way == 0 && s->out.n == s->out_sent && (s->speech != SESSION_HTTP1 || http1_between(&s->http1)); }
bool session_under_way(const struct session *s) { return s->under_way > 0; }
int64_t session_moved_us(const struct session *s) { return s->moved_us; }

bool session_receiving(const struct session *s)
{
    for (const struct exchange *x = s->first; x; x = x->next)
        if (x->state == EXCHANGE_RECEIVING)
            return true;
    return false;
}

void session_pause(struct session *s)
{
    if (!s->paused_us)
        s->paused_us = s->host->now_us;
}

void session_resume(struct session *s)
{
    for (struct exchange *x = s->first; x; x = x->next) {
        x->moved_us = s->host->now_us;
        x->waited_us += s->paused_us && x->state == EXCHANGE_RECEIVING ? s->host->now_us - s->paused_us : 0;
    }
    s->paused_us = 0;
    if (s->speech == SESSION_HTTP2)
        session_http2_give_back(s);
}

/*
 * Refuse what is still being received, the newest first, until there is room: its sender comes again.  Not all at once, or those who come
 * together would be sent away together, again and again.
 */
static void turn_away(struct session *s)
{
    struct session_host *h = s->host;
    for (struct exchange *x = s->first, *next; x; x = next) {
        next = x->next;
        if (!h->full && !session_over_budget(h, 0))
            break;
        if (x->state != EXCHANGE_RECEIVING)
            continue;
        answer_later(&x->answer, REFUSED_FULL, s->host->limits.retry_us, "there is no room for this request right now");
        session_settle(s->host, x);
    }
}

bool session_tick(struct session *s)
{
    const struct session_limits *l = &s->host->limits;
    int64_t                      now = s->host->now_us;
    if (s->paused_us) {
        if (now - s->paused_us > l->patience_us)
            turn_away(s);
        return true;
    }
    if (s->speech == SESSION_HTTP2)
        session_http2_give_back(s);      /* withheld by what is complete meanwhile */
    bool head_open = (s->requests == 0 && s->speech != SESSION_HTTP2) || (s->speech == SESSION_HTTP1 && !s->current && !http1_between(&s->http1));
    if (head_open && s->under_way == 0 && now - s->head_us > l->head_us)
        return false;
    for (struct exchange *x = s->first, *next; x; x = next) {
        next = x->next;
        if (x->state == EXCHANGE_ANSWERED && !x->ended && now - x->moved_us > l->stall_us)
            (void)nghttp2_submit_rst_stream(s->http2, NGHTTP2_FLAG_NONE, x->stream, NGHTTP2_NO_ERROR);      /* he never ended his side */
        bool resting = x->route && x->route->shape == ROUTE_FLIGHT && x->body.n == 0;      /* between two messages of a stream */
        if (x->state != EXCHANGE_RECEIVING || x->pending || now - x->moved_us <= (resting ? l->idle_us : l->stall_us))
            continue;
        session_count(&s->host->stats->timeouts, 1);
        session_count(&s->host->stats->of[x->route ? x->route->protocol : RECEIVE_HEALTH].refused[REFUSED_LATE], 1);
        if (s->speech != SESSION_HTTP2)
            return false;
        (void)nghttp2_submit_rst_stream(s->http2, NGHTTP2_FLAG_NONE, x->stream, NGHTTP2_CANCEL);
    }
    if (s->under_way == 0 && now - s->moved_us > l->idle_us)
        session_shutdown(s);
    return true;
}

void session_shutdown(struct session *s)
{
    if (s->draining)
        return;
    s->draining = true;
    if (s->speech == SESSION_HTTP2) {
        (void)nghttp2_submit_goaway(s->http2, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(s->http2), NGHTTP2_NO_ERROR, NULL, 0);
        if (s->under_way == 0)
            s->closing = true;
    } else if (!s->current && (s->speech == SESSION_EITHER || http1_between(&s->http1)))
        s->closing = true;
}

const int64_t receive_latency_bounds_us[RECEIVE_LATENCY_BUCKETS] = { 250, 500, 1000, 2000, 5000, 10000, 20000, 50000, 100000, 200000, 500000, 1000000,
                                                                     2000000, 5000000, 10000000, INT64_MAX };
