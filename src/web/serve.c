/*
 * web/serve.c - what libmicrohttpd calls, and the order in which a request is looked at:
 * path and method, who asks, may they, size; then the whole body; then its handler.
 *
 * A request that is refused is still read to its end, within bounds: closing on a client that is writing
 * would lose the answer that tells it why.
 */
#include "web/inside.h"

#include "base/log.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* ---- connections ---- */

void peer_cut(struct peer *p) { (void)shutdown(p->fd, SHUT_RDWR); }

void serve_connection(void *cls, struct MHD_Connection *connection, void **socket_context, enum MHD_ConnectionNotificationCode code)
{
    struct web *w = cls;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        struct peer *p = calloc(1, sizeof *p);
        if (!p)
            return;   /* serve_request() refuses a connection without one */
        p->fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
        peer_deadline(p, clock_mono_us(w->clock) + w->options.idle_timeout_us + w->options.header_timeout_us);
        (void)pthread_mutex_lock(&w->lock);
        p->after = w->peers;
        if (w->peers)
            w->peers->before = p;
        w->peers = p;
        (void)pthread_mutex_unlock(&w->lock);
        atomic_fetch_add(&w->meter.open_connections, 1);
        *socket_context = p;
        return;
    }
    struct peer *p = *socket_context;
    if (!p)
        return;
    (void)pthread_mutex_lock(&w->lock);
    if (p->before)
        p->before->after = p->after;
    else
        w->peers = p->after;
    if (p->after)
        p->after->before = p->before;
    (void)pthread_mutex_unlock(&w->lock);
    atomic_fetch_sub(&w->meter.open_connections, 1);
    free(p);
    *socket_context = NULL;
}

static struct peer *peer_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

void *serve_line(void *cls, const char *uri, struct MHD_Connection *connection)
{
    struct web  *w = cls;
    struct peer *p = peer_of(connection);
    if (p)
        peer_deadline(p, clock_mono_us(w->clock) + w->options.header_timeout_us);
    return NULL;
}

/* ---- looking at the headers ---- */

static void refuse(struct exchange *x, enum problem p, const char *text, const char *hint)
{
    x->refused = true;
    x->problem = p;
    (void)fail(&x->fault, ERR_INPUT, "%s", text);
    if (hint)
        fail_hint(&x->fault, "%s", hint);
}

static bool find_route(struct exchange *x)
{
    struct route_match m;
    route_find(x->method, x->path, &m);
    memcpy(x->allow, m.allow, sizeof x->allow);
    memcpy(x->id, m.id, sizeof x->id);
    x->route = m.route;
    if (strcmp(x->method, "OPTIONS") == 0 && (m.allow[0] || strcmp(x->path, "*") == 0))
        return true;
    if (!m.allow[0])
        refuse(x, PROBLEM_NOT_FOUND, "there is nothing at this path", "GET /openapi.json tells what there is");
    else if (!m.route)
        refuse(x, PROBLEM_METHOD, "this path has other methods", NULL);
    return !x->refused;
}

static bool authenticate(struct exchange *x)
{
    struct web        *w = x->web;
    const char        *token = header_bearer(exchange_request_header(x, "Authorization"));
    enum token_answer  answer = token ? tokens_find(&w->tokens, token, clock_wall_us(w->clock), &x->who, x->token_digest) : TOKEN_UNKNOWN;
    if (answer == TOKEN_GOOD)
        return true;
    x->who = (struct principal){ .name = "" };
    if (!token) {
        exchange_header(x, "WWW-Authenticate", "Bearer realm=\"homeostat\"");
        refuse(x, PROBLEM_UNAUTHENTICATED, "this needs a token", "send Authorization: Bearer hst_...; `homeostat token new` makes one");
        return false;
    }
    atomic_fetch_add(&w->meter.refused_tokens, 1);
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(x->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    int                             wait_s = throttle_failed(&w->throttle, info ? info->client_addr : NULL, clock_mono_us(w->clock));
    if (wait_s > 0) {
        atomic_fetch_add(&w->meter.throttled, 1);
        exchange_header(x, "Retry-After", "%d", wait_s);
        refuse(x, PROBLEM_TOO_MANY, "too many wrong tokens from this address", "use a token that is in the tokens file");
        return false;
    }
    exchange_header(x, "WWW-Authenticate", "Bearer realm=\"homeostat\", error=\"invalid_token\", error_description=\"%s\"",
                    answer == TOKEN_EXPIRED ? "The token has expired" : "The token is not known here");
    refuse(x, PROBLEM_UNAUTHENTICATED, answer == TOKEN_EXPIRED ? "the token has expired" : "the token is not known here",
           "`homeostat token new` makes a token");
    return false;
}

static bool authorise(struct exchange *x)
{
    unsigned least = x->route->least == ROUTE_METRICS ? ROLE_VIEWER : x->route->least;
    /* Whoever may do something may look. */
    if (least == ROLE_VIEWER ? x->who.roles != 0 : principal_may(&x->who, (enum role)least))
        return true;
    char role[16];
    token_roles_format(least, role, sizeof role);
    exchange_header(x, "WWW-Authenticate", "Bearer realm=\"homeostat\", error=\"insufficient_scope\", scope=\"%s\"", role);
    refuse(x, PROBLEM_FORBIDDEN, "", NULL);
    (void)fail(&x->fault, ERR_DENIED, "%s lacks the role %s, which %s %s needs", x->who.name, role, x->route->method, x->route->path);
    return false;
}

/* -1: not said (chunked, or none). */
static long long content_length(const struct exchange *x)
{
    const char *said = exchange_request_header(x, "Content-Length");
    return said ? strtoll(said, NULL, 10) : -1;
}

static void look_at_headers(struct exchange *x)
{
    if (!find_route(x) || !x->route)
        return;
    bool open = x->route->least == ROUTE_OPEN || (x->route->least == ROUTE_METRICS && x->web->options.metrics_open);
    if (!open && (!authenticate(x) || !authorise(x)))
        return;
    if (content_length(x) > WEB_BODY_MAX)
        refuse(x, PROBLEM_TOO_LARGE, "a body may have at most 1 MiB", NULL);
    else if (x->route->type && header_accept(exchange_request_header(x, "Accept"), (const char *const[]){ x->route->type, "application/problem+json" },
                                             strcmp(x->route->type, "application/json") == 0 ? 2 : 1) < 0)
        refuse(x, PROBLEM_NOT_ACCEPTABLE, "Accept leaves out the only format there is", x->route->type);
}

/* ---- the request as a whole ---- */

static struct exchange *exchange_new(struct web *w, struct MHD_Connection *connection, const char *url, const char *method)
{
    struct exchange *x = calloc(1, sizeof *x);
    if (!x)
        return NULL;
    x->web = w;
    x->connection = connection;
    x->peer = peer_of(connection);
    x->began_us = clock_mono_us(w->clock);
    text_init(&x->body, WEB_BODY_MAX);
    (void)text_copy(x->method, sizeof x->method, method);
    x->path = strncmp(url, "/v1/", 4) == 0 ? url + 3 : url;
    (void)header_trace_id(exchange_request_header(x, "traceparent"), x->trace_id);
    header_request_id(exchange_request_header(x, "X-Request-Id"), x->request_id);
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr          *a = info ? info->client_addr : NULL;
    if (a && a->sa_family == AF_INET)
        (void)inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)a)->sin_addr, x->address, sizeof x->address);
    else if (a && a->sa_family == AF_INET6)
        (void)inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)a)->sin6_addr, x->address, sizeof x->address);
    return x;
}

void exchange_free(struct exchange *x)
{
    if (!x)
        return;
    text_done(&x->body);
    free(x);
}

static enum MHD_Result answer_refused(struct exchange *x)
{
    json_t *more = NULL;
    if (x->problem == PROBLEM_METHOD) {
        exchange_header(x, "Allow", "%s", x->allow);
        more = json_pack("{s:s}", "allow", x->allow);
    } else if (x->problem == PROBLEM_NOT_ACCEPTABLE) {
        more = json_pack("{s:[s]}", "available", x->route->type);
    }
    return answer_problem(x, x->problem, &x->fault, more);
}

static enum MHD_Result begin(struct exchange *x)
{
    x->begun = true;
    look_at_headers(x);
    if (!x->refused)
        return MHD_YES;
    /* A client that waits for 100-continue, or that has more to say than we are willing to hear, is answered at once. */
    if (content_length(x) > SWALLOW_MAX || exchange_request_header(x, "Expect"))
        return answer_refused(x);
    return MHD_YES;
}

static enum MHD_Result take_body(struct exchange *x, const char *data, size_t size)
{
    x->body_seen += size;
    if (x->body_seen > SWALLOW_MAX)
        return MHD_NO;
    if (x->refused)
        return MHD_YES;
    text_add_n(&x->body, data, size);
    if (x->body.cut) {
        text_done(&x->body);
        refuse(x, PROBLEM_TOO_LARGE, "a body may have at most 1 MiB", NULL);
    }
    return MHD_YES;
}

static enum MHD_Result finish(struct exchange *x)
{
    peer_deadline(x->peer, 0);   /* from here on we are the slow ones; an answer sets its own */
    if (x->refused)
        return answer_refused(x);
    if (!x->route) {             /* OPTIONS */
        exchange_header(x, "Allow", "%s", x->allow[0] ? x->allow : "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
        return answer_nothing(x, 204);
    }
    return x->route->handle(x);
}

enum MHD_Result serve_request(void *cls, struct MHD_Connection *connection, const char *url, const char *method, const char *version,
                              const char *data, size_t *size, void **con_cls)
{
    struct web      *w = cls;
    struct exchange *x = *con_cls;
    if (!x) {
        x = *con_cls = exchange_new(w, connection, url, method);
        if (!x || !x->peer)
            return MHD_NO;
    }
    if (!x->begun)
        return begin(x);
    if (*size > 0) {
        size_t n = *size;
        *size = 0;
        return take_body(x, data, n);
    }
    return finish(x);
}

void serve_done(void *cls, struct MHD_Connection *connection, void **con_cls, enum MHD_RequestTerminationCode why)
{
    struct web      *w = cls;
    struct exchange *x = *con_cls;
    if (!x)
        return;
    command_done(x);
    if (x->begun && x->status == 0)   /* the connection broke before there was an answer */
        exchange_record(x);
    if (x->peer)
        peer_deadline(x->peer, clock_mono_us(w->clock) + w->options.idle_timeout_us + w->options.header_timeout_us);
    exchange_free(x);
    *con_cls = NULL;
}
