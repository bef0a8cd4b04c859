/* tests/unit/receive_double.c - see receive_double.h. */
#include "receive_double.h"

#include <stdlib.h>
#include <string.h>

const char one_log[20] = { 0x0a, 0x12, 0x12, 0x10, 0x12, 0x0e, 0x09, 1, 2, 3, 4, 5, 6, 7, 8, 0x2a, 0x03, 0x0a, 0x01, 'x' };

static void keep(struct receive_double *d, struct exchange *x)
{
    const struct record *r = &x->record;
    if (d->kept_n == DOUBLE_RECORDS_MAX || d->waiting_n == DOUBLE_RECORDS_MAX)
        abort();
    struct kept *k = &d->kept[d->kept_n++];
    *k = (struct kept){ .kind = r->kind, .form = r->form, .events = r->events, .labels = r->labels, .body_n = r->body.n };
    memcpy(k->tenant, r->tenant.s ? r->tenant.s : "", r->tenant.n);
    memcpy(k->source, r->source.s ? r->source.s : "", r->source.n);
    k->body = malloc(r->body.n + 1);
    if (r->body.n)
        memcpy(k->body, r->body.s, r->body.n);
    d->waiting[d->waiting_n++] = x;
    if (d->at_once)
        double_durable(d, OK);
}

static void complete(struct session_host *h, struct exchange *x)
{
    struct receive_double *d = (struct receive_double *)h;
    if (x->route->shape == ROUTE_FLIGHT)
        flight_ended(h, x);
    else if (intake_read(&d->intake, h, x))
        keep(d, x);
    else
        session_settle(h, x);
}

static void message(struct session_host *h, struct exchange *x, struct slice m, bool packed)
{
    struct receive_double *d = (struct receive_double *)h;
    struct exchange       *part = flight_message(&d->intake, h, x, m, packed);
    if (part && d->too_large) {
        answer_refused(&part->answer, REFUSED_TOO_LARGE, "larger than a record may be");
        flight_settle(h, part);
    } else if (part)
        keep(d, part);
}

static void forget(struct session_host *h, struct exchange *x) { flight_forget(h, x); }

void double_open(struct receive_double *d)
{
    memset(d, 0, sizeof *d);
    d->host.limits = (struct session_limits){ .body_max = 1024 * 1024, .head_max = 8192, .streams_max = 16, .budget = 64 * 1024 * 1024, .retry_us = 2000000, .patience_us = 1000000,
                                              .head_us = 10000000, .stall_us = 30000000, .idle_us = 600000000 };
    d->host.in_flight = &d->in_flight;
    d->host.stats = &d->stats;
    d->host.complete = complete;
    d->host.message = message;
    d->host.forget = forget;
    d->host.now_us = 1000000;
    d->door = (struct session_door){ .protocols = ~0u, .tenant = "" };
    intake_init(&d->intake, event_check_record);
}

void double_close(struct receive_double *d)
{
    double_durable(d, OK);
    for (size_t i = 0; i < d->kept_n; i++)
        free(d->kept[i].body);
    intake_done(&d->intake);
    session_host_done(&d->host);
    if (atomic_load(&d->in_flight) != 0)
        abort();      /* every byte that was counted is counted out again */
}

void double_durable(struct receive_double *d, enum err result)
{
    struct exchange *list[DOUBLE_RECORDS_MAX];
    size_t           n = d->waiting_n;
    memcpy(list, d->waiting, sizeof list);
    d->waiting_n = 0;
    for (size_t i = 0; i < n; i++) {
        if (result != OK)
            answer_later(&list[i]->answer, REFUSED_TROUBLE, d->host.limits.retry_us, "it could not be made durable");
        if (list[i]->of)
            flight_settle(&d->host, list[i]);
        else
            session_settle(&d->host, list[i]);
    }
}

void double_said(struct session *s, char *to, size_t size)
{
    struct slice out;
    size_t       n = strlen(to);
    while ((out = session_output(s)).n) {
        size_t take = out.n < size - 1 - n ? out.n : size - 1 - n;
        memcpy(to + n, out.s, take);
        n += take;
        session_sent(s, out.n);
    }
    to[n] = '\0';
}

/* ---- the client ---- */

static struct double_stream *stream_of(struct double_client *c, int32_t id)
{
    for (size_t i = 0; i < c->n; i++)
        if (c->of[i].id == id)
            return &c->of[i];
    return NULL;
}

static void copy(char *to, size_t size, const uint8_t *s, size_t n)
{
    n = n < size - 1 ? n : size - 1;
    memcpy(to, s, n);
    to[n] = '\0';
}

static int on_header(nghttp2_session *h, const nghttp2_frame *f, const uint8_t *name, size_t nn, const uint8_t *value, size_t vn, uint8_t flags, void *user)
{
    struct double_stream *s = stream_of(user, f->hd.stream_id);
    struct slice          n = { (const char *)name, nn };
    if (!s)
        return 0;
    if (slice_is(n, ":status")) copy(s->status, sizeof s->status, value, vn);
    if (slice_is(n, "grpc-status")) copy(s->grpc_status, sizeof s->grpc_status, value, vn);
    if (slice_is(n, "grpc-message")) copy(s->message, sizeof s->message, value, vn);
    if (slice_is(n, "grpc-status-details-bin")) copy(s->details, sizeof s->details, value, vn);
    if (slice_is(n, "content-type")) copy(s->type, sizeof s->type, value, vn);
    if (slice_is(n, "retry-after")) copy(s->retry, sizeof s->retry, value, vn);
    if (slice_is(n, "x-prometheus-remote-write-samples-written")) copy(s->written, sizeof s->written, value, vn);
    return 0;
}

static int on_frame(nghttp2_session *h, const nghttp2_frame *f, void *user)
{
    struct double_client *c = user;
    struct double_stream *s = stream_of(c, f->hd.stream_id);
    if (f->hd.type == NGHTTP2_GOAWAY) {
        c->goaway = true;
        c->goaway_code = f->goaway.error_code;
    }
    if (f->hd.type == NGHTTP2_WINDOW_UPDATE)
        c->window_updates++;
    if (s && f->hd.type == NGHTTP2_HEADERS)
        s->trailers = ++s->headers == 2;
    return 0;
}

static int on_data(nghttp2_session *h, uint8_t flags, int32_t id, const uint8_t *data, size_t n, void *user)
{
    struct double_stream *s = stream_of(user, id);
    if (s)
        s->came += n;
    if (s && s->data_n + n <= sizeof s->data) {
        memcpy(s->data + s->data_n, data, n);
        s->data_n += n;
    }
    return 0;
}

static int on_close(nghttp2_session *h, int32_t id, uint32_t code, void *user)
{
    struct double_stream *s = stream_of(user, id);
    if (s) {
        s->closed = true;
        s->code = code;
    }
    return 0;
}

void client_open(struct double_client *c, struct session *peer)
{
    nghttp2_session_callbacks *cb;
    memset(c, 0, sizeof *c);
    c->peer = peer;
    if (nghttp2_session_callbacks_new(&cb) != 0)
        abort();
    nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_close);
    if (nghttp2_session_client_new(&c->http2, cb, c) != 0 || nghttp2_submit_settings(c->http2, 0, NULL, 0) != 0)
        abort();
    nghttp2_session_callbacks_del(cb);
}

void client_close(struct double_client *c) { nghttp2_session_del(c->http2); }

static ssize_t body_read(nghttp2_session *h, int32_t id, uint8_t *to, size_t room, uint32_t *flags, nghttp2_data_source *source, void *user)
{
    struct double_stream *s = source->ptr;
    size_t                n = s->body_n - s->sent < room ? s->body_n - s->sent : room;
    if (n)
        memcpy(to, s->body + s->sent, n);
    s->sent += n;
    if (s->sent == s->body_n) {
        if (s->hold_end && n == 0)
            return NGHTTP2_ERR_DEFERRED;
        if (!s->hold_end)
            *flags |= NGHTTP2_DATA_FLAG_EOF;
    }
    return (ssize_t)n;
}

static nghttp2_nv nv(const char *name, const char *value)
{
    return (nghttp2_nv){ (uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name), strlen(value), NGHTTP2_NV_FLAG_NONE };
}

size_t client_post(struct double_client *c, const char *path, const char *type, const char *const *fields, const char *body, size_t n, bool hold_end)
{
    struct double_stream *s = &c->of[c->n];
    nghttp2_nv            list[16] = { nv(":method", "POST"), nv(":scheme", "http"), nv(":authority", "here"), nv(":path", path), nv("content-type", type), nv("te", "trailers") };
    size_t                k = 6;
    for (size_t i = 0; fields && fields[i]; i += 2)
        list[k++] = nv(fields[i], fields[i + 1]);
    *s = (struct double_stream){ .body = body, .body_n = n, .hold_end = hold_end };
    nghttp2_data_provider from = { .source.ptr = s, .read_callback = body_read };
    s->id = nghttp2_submit_request(c->http2, NULL, list, k, &from, NULL);
    if (s->id < 0 || c->n + 1 >= DOUBLE_STREAMS_MAX)
        abort();
    return c->n++;
}

void client_talk(struct double_client *c)
{
    for (bool moved = true; moved;) {
        const uint8_t *bytes;
        ssize_t        n;
        moved = false;
        while ((n = nghttp2_session_mem_send(c->http2, &bytes)) > 0) {
            (void)session_feed(c->peer, (const char *)bytes, (size_t)n);
            moved = true;
        }
        for (struct slice out; (out = session_output(c->peer)).n;) {
            if (nghttp2_session_mem_recv(c->http2, (const uint8_t *)out.s, out.n) < 0)
                abort();
            session_sent(c->peer, out.n);
            moved = true;
        }
    }
}

char *grpc_frame(const char *m, size_t n, bool packed, size_t *size)
{
    char *s = malloc(n + 5);
    s[0] = packed;
    for (int i = 0; i < 4; i++)
        s[1 + i] = (char)(n >> (24 - 8 * i));
    if (n)
        memcpy(s + 5, m, n);
    *size = n + 5;
    return s;
}
