/* ship/http.c - see http.h; libcurl does the work, the bounds and the rules about credentials are ours. */
#include "ship/http.h"

#include "base/clock.h"
#include "base/text.h"
#include "conf/conf.h"
#include "ship/json.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <libdeflate.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { REPLY_USUAL = 64 * 1024, URL_ROOM = 4096, GZIP_LEVEL = 1, RETRY_AFTER_MOST_S = 3600, SECRET_LEAST = 4, BASIC_MAX = 128 * 1024 };

struct http_client {
    const struct sink_conf *conf;
    CURL                   *curl;
    struct text             body, type, url;
    size_t                  reply_max;
    struct text            *whole;
    bool                    cut;
    bool                    away;               /* so it was said on the connection that is open, to the address that is known */
    atomic_bool             cancelled;
    char                    why[CURL_ERROR_SIZE];
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static void start_curl(void) { (void)curl_global_init(CURL_GLOBAL_DEFAULT); }

/* ---- what curl calls ---- */

static size_t on_body(char *data, size_t size, size_t n, void *ctx)
{
    struct http_client *c = ctx;
    size_t              room = c->reply_max - c->body.used, all = size * n;
    long                status = 0;
    if (c->whole && curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK && status >= 200 && status < 300) {
        text_add_n(c->whole, data, all);
        c->cut = c->whole->cut;
        return c->cut ? 0 : all;                 /* 0: no need to read the rest */
    }
    text_add_n(&c->body, data, all < room ? all : room);
    c->cut = c->cut || all > room;
    return all;
}

static int on_progress(void *ctx, curl_off_t a, curl_off_t b, curl_off_t d, curl_off_t e)
{
    (void)a, (void)b, (void)d, (void)e;
    return atomic_load(&((struct http_client *)ctx)->cancelled);
}

/* ---- open ---- */

static bool prepare(struct http_client *c)
{
    const struct sink_conf *s = c->conf;
    CURL                   *h = c->curl;
    long                    ms = (long)(s->timeout_us / 1000);
    bool fine = curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK && curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
        curl_easy_setopt(h, CURLOPT_PROXY, "") == CURLE_OK && curl_easy_setopt(h, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
        curl_easy_setopt(h, CURLOPT_TIMEOUT_MS, ms) == CURLE_OK && curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT_MS, ms) == CURLE_OK &&
        curl_easy_setopt(h, CURLOPT_ERRORBUFFER, c->why) == CURLE_OK && curl_easy_setopt(h, CURLOPT_USERAGENT, "homeostat") == CURLE_OK &&
        curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK && curl_easy_setopt(h, CURLOPT_WRITEDATA, c) == CURLE_OK &&
        curl_easy_setopt(h, CURLOPT_XFERINFOFUNCTION, on_progress) == CURLE_OK && curl_easy_setopt(h, CURLOPT_XFERINFODATA, c) == CURLE_OK &&
        curl_easy_setopt(h, CURLOPT_NOPROGRESS, 0L) == CURLE_OK && curl_easy_setopt(h, CURLOPT_TCP_KEEPALIVE, 1L) == CURLE_OK &&
        curl_easy_setopt(h, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) == CURLE_OK;
    if (fine && *s->tls_ca)
        fine = curl_easy_setopt(h, CURLOPT_CAINFO, s->tls_ca) == CURLE_OK && curl_easy_setopt(h, CURLOPT_CAPATH, NULL) == CURLE_OK;
    if (fine && *s->tls_certificate)
        fine = curl_easy_setopt(h, CURLOPT_SSLCERT, s->tls_certificate) == CURLE_OK && curl_easy_setopt(h, CURLOPT_SSLKEY, s->tls_key.path) == CURLE_OK;
    return fine;
}

enum err http_client_open(const struct sink_conf *conf, struct http_client **out, struct fault *fault)
{
    *out = NULL;
    (void)pthread_once(&once, start_curl);
    struct http_client *c = calloc(1, sizeof *c);
    if (!c)
        return fail(fault, ERR_LIMIT, "no memory for a client");
    c->conf = conf;
    c->curl = curl_easy_init();
    text_init(&c->body, HTTP_REPLY_MAX + 1);
    text_init(&c->type, 256);
    text_init(&c->url, URL_ROOM);
    if (!c->curl || !prepare(c)) {
        http_client_close(c);
        return fail(fault, ERR_LIMIT, "sink %s: cannot prepare HTTP requests", conf->name);
    }
    *out = c;
    return OK;
}

/* Another connection, to whoever bears the name by now. Without the memory for it the old one goes on. */
static void begin_anew(struct http_client *c)
{
    CURL *old = c->curl;
    if (!(c->curl = curl_easy_init()) || !prepare(c)) {
        curl_easy_cleanup(c->curl);
        c->curl = old;
        return;
    }
    curl_easy_cleanup(old);
}

/* What a server says that is being replaced, and a balancer in front of one that is. */
static bool is_away(long status) { return status == 421 || (status >= 502 && status <= 504); }

void http_client_close(struct http_client *c)
{
    if (!c)
        return;
    if (c->curl)
        curl_easy_cleanup(c->curl);
    text_done(&c->body);
    text_done(&c->type);
    text_done(&c->url);
    free(c);
}

void http_client_cancel(struct http_client *c) { atomic_store(&c->cancelled, true); }

/* ---- ask ---- */

static bool add_header(struct curl_slist **list, const char *text)
{
    struct curl_slist *longer = curl_slist_append(*list, text);
    if (longer)
        *list = longer;
    return longer != NULL;
}

static bool add_pair(struct curl_slist **list, const char *name, const char *value)
{
    char line[300];
    return !value || ((size_t)snprintf(line, sizeof line, "%s: %s", name, value) < sizeof line && add_header(list, line));
}

static bool set_headers(struct http_client *c, const struct http_ask *ask, struct curl_slist **list)
{
    bool fine = (ask->type ? add_pair(list, "Content-Type", ask->type) : add_header(list, "Content-Type:")) && add_pair(list, "Content-Encoding", ask->encoding) && add_header(list, "Expect:");
    for (size_t i = 0; fine && i < c->conf->headers.count; i++)
        fine = add_header(list, c->conf->headers.item[i]);
    for (size_t i = 0; fine && ask->headers && ask->headers[i]; i++)
        fine = i < HTTP_HEADERS_MAX && add_header(list, ask->headers[i]);
    return fine && curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, *list) == CURLE_OK;
}

static bool set_credentials(struct http_client *c, bool none)
{
    const struct sink_conf *s = c->conf;
    CURL                   *h = c->curl;
    bool                    bearer = !none && *s->token.path, basic = !none && *s->user && *s->password.path;
    if (curl_easy_setopt(h, CURLOPT_XOAUTH2_BEARER, bearer ? s->token.value : NULL) != CURLE_OK ||
        curl_easy_setopt(h, CURLOPT_USERNAME, basic ? s->user : NULL) != CURLE_OK || curl_easy_setopt(h, CURLOPT_PASSWORD, basic ? s->password.value : NULL) != CURLE_OK)
        return false;
    return curl_easy_setopt(h, CURLOPT_HTTPAUTH, bearer ? (long)CURLAUTH_BEARER : (long)CURLAUTH_BASIC) == CURLE_OK;
}

static bool set_method(struct http_client *c, const struct http_ask *ask)
{
    const char *method = ask->method ? ask->method : "POST";
    CURL       *h = c->curl;
    bool        bare = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0 || (strcmp(method, "DELETE") == 0 && !ask->body.n);
    if (bare)
        return curl_easy_setopt(h, CURLOPT_HTTPGET, 1L) == CURLE_OK && curl_easy_setopt(h, CURLOPT_NOBODY, strcmp(method, "HEAD") == 0 ? 1L : 0L) == CURLE_OK &&
               curl_easy_setopt(h, CURLOPT_CUSTOMREQUEST, strcmp(method, "DELETE") == 0 ? method : NULL) == CURLE_OK;
    return curl_easy_setopt(h, CURLOPT_NOBODY, 0L) == CURLE_OK && curl_easy_setopt(h, CURLOPT_POST, 1L) == CURLE_OK &&
           curl_easy_setopt(h, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)ask->body.n) == CURLE_OK &&
           curl_easy_setopt(h, CURLOPT_POSTFIELDS, ask->body.n ? ask->body.s : "") == CURLE_OK &&
           curl_easy_setopt(h, CURLOPT_CUSTOMREQUEST, strcmp(method, "POST") ? method : NULL) == CURLE_OK;
}

static bool set_url(struct http_client *c, const char *path)
{
    size_t n = strlen(c->conf->url);
    while (path && *path == '/' && n && c->conf->url[n - 1] == '/')
        n--;
    text_clear(&c->url);
    text_add_n(&c->url, c->conf->url, n);
    text_add(&c->url, path ? path : "");
    return !c->url.cut && curl_easy_setopt(c->curl, CURLOPT_URL, c->url.s) == CURLE_OK;
}

/* Ours shall be the words that reach a log: curl's never hold credentials, since those are not in the address. */
static bool no_answer(struct http_client *c, struct http_reply *r, CURLcode code)
{
    long out = 0;
    (void)curl_easy_getinfo(c->curl, CURLINFO_REQUEST_SIZE, &out);
    r->asked = out > 0;
    r->timed_out = code == CURLE_OPERATION_TIMEDOUT;
    if (atomic_load(&c->cancelled))
        (void)snprintf(r->why, sizeof r->why, "cut short: the sink is stopping");
    else if (code == CURLE_OPERATION_TIMEDOUT)
        (void)snprintf(r->why, sizeof r->why, "no whole answer within %lld ms", (long long)(c->conf->timeout_us / 1000));
    else
        (void)snprintf(r->why, sizeof r->why, "%.199s", *c->why ? c->why : curl_easy_strerror(code));
    r->status = 0;
    return false;
}

/* Nobody was asked to pack an answer, but some do: what cannot be unpacked within the bound stays as it is. */
static void unpack(struct text *body)
{
    struct libdeflate_decompressor *z = body->used > 2 && memcmp(body->s, "\x1f\x8b", 2) == 0 ? libdeflate_alloc_decompressor() : NULL;
    char                           *out = z ? malloc(REPLY_USUAL) : NULL;
    size_t                          n = 0;
    if (out && libdeflate_gzip_decompress(z, body->s, body->used, out, REPLY_USUAL, &n) == LIBDEFLATE_SUCCESS) {
        text_clear(body);
        text_add_n(body, out, n);
    }
    free(out);
    libdeflate_free_decompressor(z);
}

static void hide_one(struct text *body, const char *secret, size_t n)
{
    for (char *at = body->s, *found; n >= SECRET_LEAST && body->used && (found = memmem(at, body->used - (size_t)(at - body->s), secret, n)); at = found + n)
        memset(found, '*', n);
}

/* Some answer with what they were asked, for debugging; that is quoted in logs, letters and what a sink says of itself. */
static void hide_secrets(struct http_client *c)
{
    const struct sink_conf *s = c->conf;
    struct text             pair CLEANUP(text_done), basic CLEANUP(text_done);
    text_init(&pair, BASIC_MAX);
    text_init(&basic, 2 * BASIC_MAX);
    if (*s->token.path)
        hide_one(&c->body, s->token.value, strlen(s->token.value));
    if (*s->password.path) {
        hide_one(&c->body, s->password.value, strlen(s->password.value));
        text_printf(&pair, "%s:%s", s->user, s->password.value);
        ship_json_base64(&basic, (struct slice){ pair.s, pair.used });
        hide_one(&c->body, basic.s, basic.used);
        explicit_bzero(pair.s, pair.used);
        explicit_bzero(basic.s, basic.used);
    }
}

bool http_client_ask(struct http_client *c, const struct http_ask *ask, struct http_reply *r)
{
    struct curl_slist *list = NULL;
    CURLcode           code = CURLE_OUT_OF_MEMORY;
    if (c->away)
        begin_anew(c);
    c->away = false;
    *r = (struct http_reply){ 0 };
    *c->why = '\0';
    text_clear(&c->body);
    text_clear(&c->type);
    c->cut = false;
    c->whole = ask->whole;
    c->reply_max = !ask->reply_max ? REPLY_USUAL : ask->reply_max < HTTP_REPLY_MAX ? ask->reply_max : HTTP_REPLY_MAX;
    if (set_url(c, ask->path) && set_headers(c, ask, &list) && set_credentials(c, ask->no_credentials) && set_method(c, ask))
        code = curl_easy_perform(c->curl);
    curl_slist_free_all(list);
    (void)curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, NULL);
    if (code != CURLE_OK)
        return no_answer(c, r, code);
    char      *type = NULL;
    curl_off_t after = 0;
    (void)curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &r->status);
    c->away = is_away(r->status);
    (void)curl_easy_getinfo(c->curl, CURLINFO_CONTENT_TYPE, &type);
    (void)curl_easy_getinfo(c->curl, CURLINFO_RETRY_AFTER, &after);
    text_add(&c->type, type ? type : "");
    if (!ask->whole)
        unpack(&c->body);
    if (r->status < 200 || r->status >= 300)
        hide_secrets(c);
    r->retry_after_us = (after < RETRY_AFTER_MOST_S ? after : RETRY_AFTER_MOST_S) * US_PER_S;
    r->type = (struct slice){ c->type.s, c->type.used };
    r->body = (struct slice){ c->body.s, c->body.used };
    r->cut = c->cut;
    return true;
}

/* ---- what it means ---- */

/* The first line of an answer, as far as it can be printed; of a page of HTML, such as proxies answer with, its words. */
static void quote(struct slice body, char *out, size_t size)
{
    bool   page = body.n && body.s[0] == '<', tag = false;
    size_t n = 0;
    for (size_t i = 0; i < body.n && n + 1 < size && (page || body.s[i] != '\n'); i++) {
        char c = (unsigned char)body.s[i] < 0x20 || body.s[i] == 0x7f ? ' ' : body.s[i];
        bool mark = page && (tag || c == '<');
        tag = mark && c != '>';
        if (mark)
            c = ' ';
        if (!page || c != ' ' || (n && out[n - 1] != ' '))
            out[n++] = c;
    }
    while (page && n && out[n - 1] == ' ')
        n--;
    out[n] = '\0';
}

/* What must be told loudly, for it does not become better by itself: "" when the status says enough. */
static const char *what_to_look_at(long status)
{
    switch (status) {
    case 301: case 302: case 303: case 307: case 308: return " (redirects are not followed; is the address right?)";
    case 401: case 403: case 407:                     return " (are token, user and password right?)";
    case 404: case 405: case 410: case 415: case 421: return " (are address and kind right?)";
    default:                                          return "";
    }
}

/* Words of servers that got plain http where they speak TLS, or no certificate where they want one. They say 400, but it is not the events' fault. */
static bool wants_other_tls(struct slice body)
{
    static const char *const words[] = { "HTTP request to an HTTPS server", "HTTP request was sent to HTTPS port", "speaking plain HTTP to an SSL-enabled server",
                                         "No required SSL certificate was sent", "The SSL certificate error" };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (body.n && memmem(body.s, body.n, words[i], strlen(words[i])))
            return true;
    return false;
}

/* What is behind the door speaks gRPC and has a limit of its own: Loki, Mimir and others say 500 then, however often they are asked. */
static bool is_too_large(const struct http_reply *r) { return r->status == 413 || (r->status >= 500 && r->body.n && memmem(r->body.s, r->body.n, "message larger than max", 23)); }

enum sent http_verdict(const struct http_reply *r, struct sent_answer *a)
{
    char said[150];
    if (r->status >= 200 && r->status < 300)
        return SENT_ALL;
    quote(r->body, said, sizeof said);
    if (r->status == 0)
        (void)snprintf(a->why, sizeof a->why, "%s", r->why);
    else
        (void)snprintf(a->why, sizeof a->why, "answered %ld%s%s%s", r->status, what_to_look_at(r->status), *said ? ": " : "", said);
    a->retry_after_us = r->retry_after_us;
    a->timed_out = r->status == 504 || (r->status == 0 && r->timed_out && r->asked);
    if (is_too_large(r))
        return SENT_TOO_LARGE;
    switch (r->status) {
    case 400: return wants_other_tls(r->body) ? SENT_LATER : SENT_REFUSED;
    case 422: return SENT_REFUSED;
    default:  return SENT_LATER;
    }
}

char *http_gzip(struct slice body, size_t *n)
{
    struct libdeflate_compressor *z = libdeflate_alloc_compressor(GZIP_LEVEL);
    size_t                        room = z ? libdeflate_gzip_compress_bound(z, body.n) : 0;
    char                         *out = z ? malloc(room) : NULL;
    *n = out ? libdeflate_gzip_compress(z, body.s ? body.s : "", body.n, out, room) : 0;
    libdeflate_free_compressor(z);
    if (*n)
        return out;
    free(out);
    return NULL;
}

/* ---- the configuration ---- */

bool http_host_is_here(const char *host)
{
    struct in_addr  four;
    struct in6_addr six;
    char            bare[64];
    size_t          n = strlen(host);
    if (strcasecmp(host, "localhost") == 0)
        return true;
    if (inet_pton(AF_INET, host, &four) == 1)
        return (ntohl(four.s_addr) >> 24) == 127;
    if (n < 3 || n >= sizeof bare || *host != '[')
        return false;
    (void)snprintf(bare, sizeof bare, "%.*s", (int)n - 2, host + 1);
    return inet_pton(AF_INET6, bare, &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
}

void http_conf_check(const struct sink_conf *s, struct conf_checker *c)
{
    CURLU *u = curl_url();
    char  *scheme = NULL, *host = NULL, *user = NULL, *password = NULL, *query = NULL, *fragment = NULL;
    bool   readable = u && curl_url_set(u, CURLUPART_URL, s->url, 0) == CURLUE_OK && curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
        curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK && (strcasecmp(scheme, "http") == 0 || strcasecmp(scheme, "https") == 0);
    if (u) {
        (void)curl_url_get(u, CURLUPART_USER, &user, 0);
        (void)curl_url_get(u, CURLUPART_PASSWORD, &password, 0);
        (void)curl_url_get(u, CURLUPART_QUERY, &query, 0);
        (void)curl_url_get(u, CURLUPART_FRAGMENT, &fragment, 0);
    }
    if (*s->url && !readable)
        conf_refuse(c, "url", "Write https://host:port/path.", "not an address of http or https");
    else if (user || password)
        conf_refuse(c, "url", "Take the part before @ out; use user and password.", "an address is printed and logged, so it carries no credentials");
    else if (query)
        conf_refuse(c, "url", "Take the part from ? on out.", "the address must not have a query");
    else if (fragment)
        conf_refuse(c, "url", "Take the part from # on out.", "what stands behind # is sent to nobody, and neither is what a sink adds to the address");
    else if (readable && strcasecmp(scheme, "http") == 0 && !http_host_is_here(host) && (*s->token.path || *s->password.path))
        conf_refuse(c, "url", "Use https.", "credentials would go over the network readable by anyone");
    curl_free(scheme);
    curl_free(host);
    curl_free(user);
    curl_free(password);
    curl_free(query);
    curl_free(fragment);
    curl_url_cleanup(u);
}
