/* receive/session_http2.c - a connection that speaks HTTP/2 through nghttp2: windows by hand, answers of gRPC with trailers. */
#include "receive/session_inside.h"

#include <stdio.h>
#include <string.h>

enum { STREAM_WINDOW = 2 * 1024 * 1024, CONNECTION_WINDOW = 8 * 1024 * 1024, FRAME_MAX = 128 * 1024, ACKS_MAX = 100, RESETS_BURST = 500, RESETS_PER_S = 100,
       AFTER_MAX = 64 * 1024 };

#define NV(name_, value_, n_, flags_) \
    ((nghttp2_nv){ (uint8_t *)(uintptr_t)(name_), (uint8_t *)(uintptr_t)(value_), sizeof(name_) - 1, (n_), (uint8_t)(NGHTTP2_NV_FLAG_NO_COPY_NAME | (flags_)) })
#define NV_SAME(name, value)  NV(name, value, sizeof(value) - 1, NGHTTP2_NV_FLAG_NO_COPY_VALUE)
#define NV_TEXT(name, value)  NV(name, value, strlen(value), 0)

static const char accepted_packings[] = "identity,gzip,deflate,zstd,snappy";

/* ---- windows ---- */

void session_http2_consume(struct session *s, struct exchange *x, size_t n)
{
    if (s->host->pressed) {
        s->withheld += n;
        if (x)
            x->withheld += n;
        return;
    }
    (void)nghttp2_session_consume_connection(s->http2, n);
    if (x)
        (void)nghttp2_session_consume_stream(s->http2, x->stream, n);
}

void session_http2_give_back(struct session *s)
{
    if (s->host->pressed)
        return;
    for (struct exchange *x = s->first; x; x = x->next) {
        if (x->withheld)
            (void)nghttp2_session_consume_stream(s->http2, x->stream, x->withheld);
        x->withheld = 0;
    }
    if (s->withheld)
        (void)nghttp2_session_consume_connection(s->http2, s->withheld);
    s->withheld = 0;
}

/* ---- answers ---- */

static int trailers_submit(struct session *s, struct exchange *x)
{
    nghttp2_nv nv[3] = { NV_TEXT("grpc-status", x->trailers.status) };
    size_t     n = 1;
    if (x->trailers.grpc_message.used)
        nv[n++] = NV_TEXT("grpc-message", x->trailers.grpc_message.s);
    if (x->trailers.details.used)
        nv[n++] = NV_TEXT("grpc-status-details-bin", x->trailers.details.s);
    return nghttp2_submit_trailer(s->http2, x->stream, nv, n);
}

static ssize_t out_read(nghttp2_session *http2, int32_t stream, uint8_t *to, size_t room, uint32_t *flags, nghttp2_data_source *source, void *user)
{
    struct session  *s = user;
    struct exchange *x = source->ptr;
    size_t           n = x->out.used - x->out_sent;
    if (n > room)
        n = room;
    if (n)
        memcpy(to, x->out.s + x->out_sent, n);
    x->out_sent += n;
    if (x->out_sent < x->out.used)
        return (ssize_t)n;
    text_clear(&x->out);
    x->out_sent = 0;
    exchange_count(s->host, x);
    if (!x->out_last)
        return n ? (ssize_t)n : NGHTTP2_ERR_DEFERRED;
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (x->grpc) {
        *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
        if (trailers_submit(s, x) != 0)
            return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    return (ssize_t)n;
}

/* A stream that cannot be answered is reset; its sender sees that nothing was accepted. */
static void give_up(struct session *s, struct exchange *x) { (void)nghttp2_submit_rst_stream(s->http2, NGHTTP2_FLAG_NONE, x->stream, NGHTTP2_CANCEL); }

static void grpc_begin(struct session *s, struct exchange *x)
{
    nghttp2_nv            nv[] = { NV_SAME(":status", "200"), NV_SAME("content-type", "application/grpc"), NV_SAME("grpc-accept-encoding", accepted_packings) };
    nghttp2_data_provider from = { .source.ptr = x, .read_callback = out_read };
    x->out_begun = true;
    if (nghttp2_submit_response(s->http2, x->stream, nv, 3, &from) != 0)
        give_up(s, x);
}

static void grpc_answer(struct session *s, struct exchange *x)
{
    if (x->has_trailers)
        return;
    answer_grpc_init(&x->trailers, &x->answer, x->route);
    x->has_trailers = x->out_last = true;
    if (x->answer.why != REFUSED_NOT && !x->out_begun) {      /* trailers only */
        nghttp2_nv nv[6] = { NV_SAME(":status", "200"), NV_SAME("content-type", "application/grpc"), NV_TEXT("grpc-status", x->trailers.status),
                             NV_TEXT("grpc-message", x->trailers.grpc_message.s) };
        size_t     n = 4;
        if (x->trailers.details.used)
            nv[n++] = NV_TEXT("grpc-status-details-bin", x->trailers.details.s);
        if (x->answer.grpc == GRPC_UNIMPLEMENTED)
            nv[n++] = NV_SAME("grpc-accept-encoding", accepted_packings);
        if (nghttp2_submit_response(s->http2, x->stream, nv, n, NULL) != 0)
            give_up(s, x);
        return;
    }
    if (!x->out_open)
        text_init(&x->out, 64 * 1024);
    x->out_open = true;
    text_add_n(&x->out, x->trailers.message.s, x->trailers.message.used);
    if (x->out_begun)
        (void)nghttp2_session_resume_data(s->http2, x->stream);
    else
        grpc_begin(s, x);
}

static void http_answer(struct session *s, struct exchange *x)
{
    struct answer_http    h;
    nghttp2_nv            nv[ANSWER_FIELDS_MAX + 2];
    char                  status[8], length[24];
    size_t                n = 0;
    nghttp2_data_provider from = { .source.ptr = x, .read_callback = out_read };
    answer_http_init(&h, &x->answer, x->route, x->media);
    (void)snprintf(status, sizeof status, "%d", h.status);
    nv[n++] = NV_TEXT(":status", status);
    for (size_t i = 0; i < h.fields; i++)
        nv[n++] = (nghttp2_nv){ (uint8_t *)(uintptr_t)h.field[i].name, (uint8_t *)h.field[i].value, strlen(h.field[i].name), strlen(h.field[i].value),
                                NGHTTP2_NV_FLAG_NO_COPY_NAME };
    (void)snprintf(length, sizeof length, "%zu", h.body.used);
    if (h.status != 204)
        nv[n++] = NV_TEXT("content-length", length);
    bool body = h.status != 204 && !x->no_body && h.body.used;
    if (body) {
        text_init(&x->out, 64 * 1024);
        x->out_open = true;
        text_add_n(&x->out, h.body.s, h.body.used);
    }
    x->out_last = x->out_begun = true;
    if (nghttp2_submit_response(s->http2, x->stream, nv, n, body ? &from : NULL) != 0)
        give_up(s, x);
    answer_http_done(&h);
}

void session_http2_answer(struct session *s, struct exchange *x)
{
    session_counted(s, x);
    session_http2_give_back(s);
    if (x->grpc)
        grpc_answer(s, x);
    else
        http_answer(s, x);
}

/* ---- Flight: several answers on one stream ---- */

/* To each answer there are clients that send a ping, an update of a window or two, and the ping's own: an answer pays for them. */
static void flood_earned(struct session *s) { s->flood = s->flood > SESSION_FLOOD_ANSWER ? s->flood - SESSION_FLOOD_ANSWER : 0; }

static bool gone(struct session_host *h, struct exchange *x)
{
    if (x->session)
        return false;
    if (x->pending == 0)
        request_exchange_free(h, x);
    return true;
}

void session_flight_put(struct session_host *h, struct exchange *x, struct slice frame)
{
    x->pending--;
    if (gone(h, x) || x->state == EXCHANGE_ANSWERED || (x->out_open && x->out.cut))
        return;
    if (!x->out_open)
        text_init(&x->out, h->limits.body_max);
    x->out_open = true;
    text_add_n(&x->out, frame.s, frame.n);
    exchange_count(h, x);
    flood_earned(x->session);
    if (x->out.cut)      /* he reads no answers; half of one would be worse than none */
        give_up(x->session, x);
    else if (!x->out_begun)
        grpc_begin(x->session, x);
    else
        (void)nghttp2_session_resume_data(x->session->http2, x->stream);
}

void session_flight_end(struct session_host *h, struct exchange *x)
{
    if (x->session && x->state != EXCHANGE_ANSWERED)
        session_http2_answer(x->session, x);
}

/* ---- callbacks ---- */

static int on_begin(nghttp2_session *http2, const nghttp2_frame *frame, void *user)
{
    struct session *s = user;
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    head_begin(&s->head);
    s->head_n = 0;
    s->head_over = false;
    return 0;
}

static int on_field(nghttp2_session *http2, const nghttp2_frame *frame, const uint8_t *name, size_t name_n, const uint8_t *value, size_t value_n, uint8_t flags, void *user)
{
    struct session *s = user;
    struct slice    n = { (const char *)name, name_n }, v = { (const char *)value, value_n };
    s->head_n += name_n + value_n + 32;
    if (s->head_n > s->host->limits.head_max)
        s->head_over = true;
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST || s->head_over)
        return 0;
    if (name_n && *name == ':') {
        if (slice_is(n, ":method"))
            head_method(&s->head, v);
        else if (slice_is(n, ":path"))
            head_target(&s->head, v);
    } else
        head_field(&s->head, n, v);
    return 0;
}

static int head_complete(struct session *s, int32_t stream, bool ended)
{
    bool             refused;
    struct exchange *x = session_begin(s, &s->head, stream, &refused);
    if (!x)
        return nghttp2_submit_rst_stream(s->http2, NGHTTP2_FLAG_NONE, stream, NGHTTP2_REFUSED_STREAM);
    x->ended = ended;
    if (nghttp2_session_set_stream_user_data(s->http2, stream, x) != 0)
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    if (s->head_over) {
        answer_refused(&x->answer, REFUSED_TOO_LARGE, "the head of the request is larger than %zu bytes", s->host->limits.head_max);
        answer_code(&x->answer, 431, GRPC_RESOURCE_EXHAUSTED);
        refused = true;
    }
    if (refused)
        session_settle(s->host, x);
    else if (ended)
        session_complete(s, x);
    return 0;
}

/* What costs us more than it costs the peer is counted; too much of it in a short time ends the connection. */
static int flood(struct session *s)
{
    int64_t passed = s->host->now_us - s->flood_us;
    if (passed > 0) {
        int64_t back = passed > 60 * INT64_C(1000000) ? SESSION_FLOOD_BURST : passed * SESSION_FLOOD_PER_S / 1000000;
        if (back > 0) {
            s->flood = s->flood > back ? s->flood - back : 0;
            s->flood_us = s->host->now_us;
        }
    }
    if (++s->flood <= SESSION_FLOOD_BURST)
        return 0;
    if (s->flood == SESSION_FLOOD_BURST + 1) {
        session_count(&s->host->stats->floods, 1);
        (void)nghttp2_session_terminate_session(s->http2, NGHTTP2_ENHANCE_YOUR_CALM);
    }
    return 0;
}

static int on_frame(nghttp2_session *http2, const nghttp2_frame *frame, void *user)
{
    struct session  *s = user;
    bool             ended = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
    struct exchange *x;
    switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
        if (frame->headers.cat == NGHTTP2_HCAT_REQUEST)
            return head_complete(s, frame->hd.stream_id, ended);
        break;      /* trailers of a request */
    case NGHTTP2_DATA:
        if (frame->hd.length == 0 && !ended)
            return flood(s);
        break;
    case NGHTTP2_PING:
    case NGHTTP2_SETTINGS:
    case NGHTTP2_PRIORITY:
    case NGHTTP2_RST_STREAM:
    case NGHTTP2_WINDOW_UPDATE: return flood(s);
    default: return 0;
    }
    x = ended ? nghttp2_session_get_stream_user_data(http2, frame->hd.stream_id) : NULL;
    if (x && !x->ended) {
        x->ended = true;
        if (x->state == EXCHANGE_RECEIVING)
            session_complete(s, x);
    }
    return 0;
}

/*
 * The answer is away and the peer still sends: when that is more than a little he is told to stop.  The little is let pass, since there are
 * clients that throw an answer away when a reset follows it.
 */
static int enough(struct session *s, struct exchange *x)
{
    return x->out_away && !x->ended && x->after > AFTER_MAX ? nghttp2_submit_rst_stream(s->http2, NGHTTP2_FLAG_NONE, x->stream, NGHTTP2_NO_ERROR) : 0;
}

static int on_data(nghttp2_session *http2, uint8_t flags, int32_t stream, const uint8_t *data, size_t n, void *user)
{
    struct session  *s = user;
    struct exchange *x = nghttp2_session_get_stream_user_data(http2, stream);
    if (!x || x->state != EXCHANGE_RECEIVING) {
        (void)nghttp2_session_consume(http2, stream, n);
        if (x)
            x->after += n;
        return x ? enough(s, x) : 0;
    }
    session_http2_consume(s, x, n);
    if (!session_take(s, x, (const char *)data, n) && x->state == EXCHANGE_RECEIVING)      /* else a message of it was answered at once */
        session_settle(s->host, x);
    return 0;
}

static int on_sent(nghttp2_session *http2, const nghttp2_frame *frame, void *user)
{
    if (frame->hd.type == NGHTTP2_RST_STREAM)
        return flood(user);      /* made to reset again and again, we would serve more streams than are open */
    if ((frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) || !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
        return 0;
    struct exchange *x = nghttp2_session_get_stream_user_data(http2, frame->hd.stream_id);
    if (!x)
        return 0;
    x->out_away = true;
    flood_earned(user);
    return enough(user, x);
}

static int on_close(nghttp2_session *http2, int32_t stream, uint32_t code, void *user)
{
    struct session  *s = user;
    struct exchange *x = nghttp2_session_get_stream_user_data(http2, stream);
    if (!x)
        return 0;
    (void)nghttp2_session_set_stream_user_data(http2, stream, NULL);
    session_leave(s, x);
    return 0;
}

/* ---- the session ---- */

bool session_http2_start(struct session *s)
{
    nghttp2_session_callbacks *c = NULL;
    nghttp2_option            *o = NULL;
    const struct session_limits *l = &s->host->limits;
    const nghttp2_settings_entry settings[] = {
        { NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, l->streams_max },
        { NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW },
        { NGHTTP2_SETTINGS_MAX_FRAME_SIZE, FRAME_MAX },
        { NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, (uint32_t)l->head_max },
    };
    bool made = nghttp2_session_callbacks_new(&c) == 0 && nghttp2_option_new(&o) == 0;
    if (made) {
        nghttp2_session_callbacks_set_on_begin_headers_callback(c, on_begin);
        nghttp2_session_callbacks_set_on_header_callback(c, on_field);
        nghttp2_session_callbacks_set_on_frame_recv_callback(c, on_frame);
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, on_data);
        nghttp2_session_callbacks_set_on_frame_send_callback(c, on_sent);
        nghttp2_session_callbacks_set_on_stream_close_callback(c, on_close);
        nghttp2_option_set_no_auto_window_update(o, 1);
        nghttp2_option_set_no_closed_streams(o, 1);
        nghttp2_option_set_max_outbound_ack(o, ACKS_MAX);
        nghttp2_option_set_stream_reset_rate_limit(o, RESETS_BURST, RESETS_PER_S);
        made = nghttp2_session_server_new2(&s->http2, c, s, o) == 0
               && nghttp2_submit_settings(s->http2, NGHTTP2_FLAG_NONE, settings, sizeof settings / sizeof settings[0]) == 0
               && nghttp2_session_set_local_window_size(s->http2, NGHTTP2_FLAG_NONE, 0, CONNECTION_WINDOW) == 0;
    }
    nghttp2_session_callbacks_del(c);
    nghttp2_option_del(o);
    s->flood_us = s->host->now_us;
    return made;
}

bool session_http2_feed(struct session *s, const char *bytes, size_t n)
{
    ssize_t taken = nghttp2_session_mem_recv(s->http2, (const uint8_t *)bytes, n);
    if (taken < 0) {
        session_http2_pull(s);
        return false;
    }
    return true;
}

void session_http2_pull(struct session *s)
{
    const uint8_t *bytes;
    ssize_t        n;
    while (s->out.n - s->out_sent < SESSION_OUT_STEP && (n = nghttp2_session_mem_send(s->http2, &bytes)) != 0) {
        if (n < 0) {
            s->broken = true;
            return;
        }
        session_out(s, bytes, (size_t)n);
    }
}
