/*
 * ship/http.h - requests to a sink that speaks HTTP: one connection kept, TLS, credentials, a time limit, an answer that is bounded.
 *
 *     http_client_open(conf, &client, fault);
 *     struct http_reply reply;
 *     if (http_client_ask(client, &(struct http_ask){ .method = "POST", .path = "/v1/logs", .type = "application/x-protobuf", .body = b }, &reply))
 *         sent = http_verdict(&reply, answer);
 *
 * The address, token, user and password, TLS files, extra headers and time limit come from the settings.  Redirects are not followed,
 * and neither are proxies that the environment names: credentials go where the configuration says and nowhere else.
 *
 * Threads: a client belongs to one thread; only http_client_cancel() may come from another.
 */
#ifndef SHIP_HTTP_H
#define SHIP_HTTP_H

#include "base/err.h"
#include "base/slice.h"
#include "base/text.h"
#include "ship/conf.h"
#include "ship/sink.h"

#include <stdint.h>

enum { HTTP_REPLY_MAX = 1024 * 1024, HTTP_HEADERS_MAX = 32 };

struct http_client;
struct http_ask {
    const char        *method;               /* NULL: POST */
    const char        *path;                 /* appended to the url of the settings, as it is; with a query when there is one. NULL: nothing */
    const char        *type, *encoding;      /* Content-Type, Content-Encoding; NULL: none */
    const char *const *headers;              /* more "Name: value"; ends with NULL; NULL: none */
    struct slice       body;
    size_t             reply_max;            /* bytes kept of the answer; 0: 64 KiB; at most HTTP_REPLY_MAX. The rest is read and thrown away. What came packed with gzip is unpacked, up to 64 KiB */
    bool               no_credentials;       /* the caller signs by itself */
    struct text       *whole;                /* where the body of a 2xx goes instead of the reply, up to its maximum; NULL: into the reply */
};

struct http_reply {
    long         status;                     /* 0: no answer */
    int64_t      retry_after_us;             /* 0: not said */
    struct slice type;                       /* of the answer; valid until the next request */
    struct slice body;                       /* valid until the next request; followed by a NUL */
    bool         cut;                        /* there was more of it than is kept */
    bool         asked;                      /* status 0: a connection was there and the request, or some of it, went out: it may have been done */
    bool         timed_out;                  /* status 0: the time was over */
    char         why[200];                   /* status 0: what went wrong */
};

/* Nobody is asked yet. conf must live as long. */
MUST_CHECK enum err http_client_open(const struct sink_conf *conf, struct http_client **c, struct fault *fault);
void                http_client_close(struct http_client *c);
/* True: there is an answer, of whatever status. */
bool                http_client_ask(struct http_client *c, const struct http_ask *ask, struct http_reply *reply);
/* A request that runs ends soon, without an answer, and so does every later one. Any thread. */
void                http_client_cancel(struct http_client *c);

/*
 * What an answer means to a batch, with the reason put into a:
 *     2xx                                            SENT_ALL
 *     413, and 5xx of gRPC's "message larger than max"   SENT_TOO_LARGE
 *     400, 422                                       SENT_REFUSED, but for the 400 of a server that wants https, or a certificate
 *     everything else, and no answer                 SENT_LATER: a wrong address, protocol or password must not throw data away
 */
enum sent           http_verdict(const struct http_reply *reply, struct sent_answer *a);

/* In the check of a kind: an address of http or https without credentials in it; those go over https or stay on this machine. */
void                http_conf_check(const struct sink_conf *conf, struct conf_checker *c);

/* localhost, 127.0.0.0/8, [::1]: what is said there is not on a network. */
bool                http_host_is_here(const char *host);

/* gzip into a buffer that is the caller's to free; n is 0 and NULL comes back when there is no memory. */
char               *http_gzip(struct slice body, size_t *n);

#endif
