/* receive/session_http1.c - a connection that speaks HTTP/1.1: one request after the other, answered in that order. */
#include "receive/session_inside.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

void session_http1_start(struct session *s) { http1_init(&s->http1, s->host->limits.head_max); }

static void date_field(struct session *s, char *to, size_t size)
{
    static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    struct tm         t;
    time_t            now = (time_t)(s->host->wall_us / 1000000);
    to[0] = '\0';
    if (s->host->wall_us > 0 && gmtime_r(&now, &t))
        (void)snprintf(to, size, "date: %.3s, %02d %.3s %d %02d:%02d:%02d GMT\r\n", days + (ptrdiff_t)3 * t.tm_wday, t.tm_mday, months + (ptrdiff_t)3 * t.tm_mon,
                       t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
}

/* Everything but the body is small and bounded, so it fits. */
static void answer_write(struct session *s, const struct answer *a, const struct route *route, enum media media, bool no_body)
{
    struct answer_http h;
    char               text[2048], date[64];
    answer_http_init(&h, a, route, media);
    date_field(s, date, sizeof date);
    int n = snprintf(text, sizeof text, "HTTP/1.1 %d %s\r\n%s", h.status, answer_reason(h.status), date);
    for (size_t i = 0; i < h.fields; i++)
        n += snprintf(text + n, sizeof text - (size_t)n, "%s: %s\r\n", h.field[i].name, h.field[i].value);
    if (h.status != 204)
        n += snprintf(text + n, sizeof text - (size_t)n, "content-length: %zu\r\n", h.body.used);
    n += snprintf(text + n, sizeof text - (size_t)n, "%s\r\n", !s->keep_alive ? "connection: close\r\n" : s->tells_keep ? "connection: keep-alive\r\n" : "");
    session_out(s, text, (size_t)n);
    if (!no_body && h.status != 204)
        session_out(s, h.body.s, h.body.used);
    answer_http_done(&h);
}

static void run(struct session *s, struct slice in);

/* The request did not end yet: what is left of it is read by nobody, so this connection ends with the answer. */
static void abandon(struct session *s)
{
    s->keep_alive = false;
    s->lingers = true;
}

void session_http1_answer(struct session *s, struct exchange *x)
{
    if (x->state == EXCHANGE_RECEIVING)
        abandon(s);
    s->keep_alive &= !s->draining;
    session_counted(s, x);
    answer_write(s, &x->answer, x->route, x->media, x->no_body);
    s->current = NULL;
    session_leave(s, x);
    s->closing |= !s->keep_alive;
    if (s->closing || s->held.n == 0)
        return;
    struct buffer held = s->held;      /* the next one came with this one */
    s->held = (struct buffer){ 0 };
    run(s, buffer_slice(&held));
    buffer_drop(&s->host->stock, &held);
}

static void refuse_bytes(struct session *s, int status, const char *why)
{
    struct answer a = { 0 };
    answer_refused(&a, status == 413 || status == 431 ? REFUSED_TOO_LARGE : REFUSED_MALFORMED, "%s", why);
    a.http = status;
    session_count(&s->host->stats->of[RECEIVE_HEALTH].refused[a.why], 1);
    abandon(s);
    if (s->current) {
        s->current->answer = a;
        s->current->answer.has_written = s->current->media == MEDIA_REMOTE_2;
        session_http1_answer(s, s->current);
        return;
    }
    answer_write(s, &a, NULL, MEDIA_NONE, false);
    s->closing = true;
}

static void head_complete(struct session *s, bool more)
{
    bool refused;
    s->head.length = s->http1.length;
    s->keep_alive = s->http1.keep_alive;
    s->tells_keep = s->keep_alive && s->http1.version < 11;
    struct exchange *x = session_begin(s, &s->head, 0, &refused);
    if (!x) {
        struct answer a = { 0 };
        answer_later(&a, REFUSED_FULL, s->host->limits.retry_us, "out of memory for this request");
        abandon(s);
        answer_write(s, &a, NULL, MEDIA_NONE, false);
        s->closing = true;
        return;
    }
    s->current = x;
    if (refused) {
        if (s->http1.length == 0)
            x->state = EXCHANGE_WITH_HOST;      /* it has ended: the connection can go on */
        session_settle(s->host, x);
    } else if (s->http1.expect && !more)
        session_out(s, "HTTP/1.1 100 Continue\r\n\r\n", 25);
}

/* An exchange without a body that was refused at once: its end is still to be read. */
static void request_end(struct session *s)
{
    struct exchange *x = s->current;
    if (x && x->state == EXCHANGE_RECEIVING)
        session_complete(s, x);
}

static void run(struct session *s, struct slice in)
{
    struct http1 *p = &s->http1;
    while (!s->closing && !s->broken) {
        if (s->current && s->current->state != EXCHANGE_RECEIVING) {      /* the next has to wait */
            if (in.n && !buffer_add(&s->host->stock, &s->held, in.s, in.n, (size_t)2 * SESSION_READ_MAX))
                s->broken = true;
            return;
        }
        bool              fresh = http1_between(p) && in.n;
        enum http1_event e = http1_next(p, &in);
        if (fresh)
            s->head_us = s->host->now_us;
        switch (e) {
        case HTTP1_MORE: return;
        case HTTP1_REQUEST:
            head_begin(&s->head);
            head_method(&s->head, p->method);
            head_target(&s->head, p->target);
            break;
        case HTTP1_FIELD: head_field(&s->head, p->name, p->value); break;
        case HTTP1_HEAD:  head_complete(s, in.n > 0); break;
        case HTTP1_DATA:
            if (s->current && !session_take(s, s->current, p->value.s, p->value.n))
                session_settle(s->host, s->current);
            break;
        case HTTP1_END: request_end(s); break;
        case HTTP1_BAD: refuse_bytes(s, p->status, p->why); break;
        }
    }
}

void session_http1_feed(struct session *s, struct slice in)
{
    if (s->held.n == 0) {
        run(s, in);
        return;
    }
    if (!buffer_add(&s->host->stock, &s->held, in.s, in.n, (size_t)2 * SESSION_READ_MAX))
        s->broken = true;
}
