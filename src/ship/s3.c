/* ship/s3.c - see s3.h. */
#include "ship/s3.h"

#include "base/clock.h"
#include "ship/conf.h"
#include "ship/sigv4.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { URL_ROOM = 1600, HOST_ROOM = 512, QUERY_ROOM = 8192, TOKEN_ROOM = 2048, PAGE_KEYS = 500, PAGES_MAX = 100000 };

struct s3 {
    struct sink_conf    conf;                     /* with the address of the bucket */
    char                url[URL_ROOM], host[HOST_ROOM], base[URL_ROOM];      /* base: the path in front of the key, as it is sent */
    struct http_client *http;
};

/* ---- open and close ---- */

/* https://s3.example.org/x and bucket b: virtual host https://b.s3.example.org/x, path style https://s3.example.org/x/b. False: too long. */
static bool make_address(struct s3 *o, const struct sink_conf *conf)
{
    const char *rest = strstr(conf->url, "://"), *scheme_end = rest ? rest + 3 : conf->url;
    size_t      authority = strcspn(scheme_end, "/"), path = strlen(scheme_end + authority);
    int         scheme = (int)(scheme_end - conf->url), n, m, k;
    while (path && scheme_end[authority + path - 1] == '/')
        path--;
    n = snprintf(o->host, sizeof o->host, "%s%s%.*s", conf->path_style ? "" : conf->bucket, conf->path_style ? "" : ".", (int)authority, scheme_end);
    m = snprintf(o->base, sizeof o->base, "%.*s%s%s", (int)path, scheme_end + authority, conf->path_style ? "/" : "", conf->path_style ? conf->bucket : "");
    if (n < 0 || (size_t)n >= sizeof o->host || m < 0 || (size_t)m >= sizeof o->base)
        return false;
    k = snprintf(o->url, sizeof o->url, "%.*s%s", scheme, conf->url, o->host);
    const char *usual = strncmp(conf->url, "https", 5) == 0 ? ":443" : ":80";      /* what curl leaves out of the header Host */
    size_t      h = strlen(o->host), u = strlen(usual);
    if (h > u && strcmp(o->host + h - u, usual) == 0)
        o->host[h - u] = '\0';
    return k > 0 && (size_t)k < sizeof o->url;
}

void s3_close(struct s3 *s)
{
    if (!s)
        return;
    http_client_close(s->http);
    free(s);
}

enum err s3_open(const struct sink_conf *conf, struct s3 **out, struct fault *fault)
{
    struct s3 *s = calloc(1, sizeof *s);
    *out = NULL;
    if (!s)
        return fail(fault, ERR_LIMIT, "no memory for an object store");
    s->conf = *conf;
    s->conf.url = s->url;
    enum err e = make_address(s, conf) ? http_client_open(&s->conf, &s->http, fault) : fail(fault, ERR_INPUT, "sink %s: the address is too long", conf->name);
    if (e == OK)
        *out = s;
    else
        s3_close(s);
    return e;
}

void s3_cancel(struct s3 *s) { http_client_cancel(s->http); }

/* ---- a request ---- */

bool s3_ask(struct s3 *s, const struct s3_ask *ask, struct http_reply *r)
{
    char        path[S3_KEY_MAX * 3 + URL_ROOM], target[S3_KEY_MAX * 3 + URL_ROOM + QUERY_ROOM], escaped[S3_KEY_MAX * 3], hash[SIGV4_HASH], date[SIGV4_DATE] = "", authorization[SIGV4_MAX];
    char        hash_line[128], date_line[64], authorization_line[SIGV4_MAX + 32];
    const char *query = ask->query ? ask->query : "";
    struct tm   t = { 0 };
    time_t      now = (time_t)(clock_wall_us(&clock_real) / US_PER_S);
    bool        sign = *s->conf.password.path;
    if (gmtime_r(&now, &t))
        (void)strftime(date, sizeof date, "%Y%m%dT%H%M%SZ", &t);
    bool fine = sigv4_escape(ask->key, escaped, sizeof escaped) && sigv4_hash(ask->body.s, ask->body.n, hash);
    (void)snprintf(path, sizeof path, "%s/%s", s->base, fine ? escaped : "");
    int n = snprintf(target, sizeof target, "%s%s%s", path, *query ? "?" : "", query);
    const struct sigv4_header headers[] = { { "host", s->host }, { "x-amz-content-sha256", hash }, { "x-amz-date", date } };
    fine = fine && n > 0 && (size_t)n < sizeof target;
    fine = fine && (!sign || sigv4_sign(&(struct sigv4){ .key_id = s->conf.user, .secret = s->conf.password.value, .region = *s->conf.region ? s->conf.region : "us-east-1", .service = "s3",
        .method = ask->method, .path = path, .query = query, .header = headers, .headers = 3, .payload = hash, .date = date }, authorization, sizeof authorization));
    if (!fine)
        return false;
    (void)snprintf(hash_line, sizeof hash_line, "x-amz-content-sha256: %s", hash);
    (void)snprintf(date_line, sizeof date_line, "x-amz-date: %s", date);
    (void)snprintf(authorization_line, sizeof authorization_line, "Authorization: %s", sign ? authorization : "");
    const char *const more[] = { hash_line, date_line, sign ? authorization_line : NULL, NULL };
    (void)http_client_ask(s->http, &(struct http_ask){ .method = ask->method, .path = target, .type = ask->type, .headers = more, .body = ask->body, .no_credentials = true, .whole = ask->whole,
                                                       .reply_max = ask->reply_max }, r);
    return true;
}

static enum err ask_well(struct s3 *s, const struct s3_ask *ask, struct http_reply *r, struct fault *fault)
{
    struct sent_answer a = { 0 };
    if (!s3_ask(s, ask, r))
        return fail(fault, ERR_IO, "cannot sign a request to the object store of %s", s->conf.name);
    if (r->cut)
        return fail(fault, ERR_LIMIT, "what the object store of %s answers is too large", s->conf.name);
    if (http_verdict(r, &a) != SENT_ALL)
        return fail(fault, ERR_IO, "the object store of %s: %s", s->conf.name, a.why);
    return OK;
}

enum err s3_get(struct s3 *s, const char *key, struct text *out, struct fault *fault)
{
    struct http_reply r;
    text_clear(out);
    enum err e = ask_well(s, &(struct s3_ask){ .method = "GET", .key = key, .whole = out }, &r, fault);
    if (e == OK && r.status != 200)
        e = fail(fault, ERR_IO, "the object store of %s answered %ld", s->conf.name, r.status);
    if (e == OK)
        return OK;
    if (out->cut)
        return fail(fault, ERR_LIMIT, "%.200s has more than %zu bytes", key, out->max);
    return fail_in(fault, "%.200s", key);
}

/* ---- lists ---- */

/* The five entities of XML and those with a number, within Latin; what cannot be read stays as it is. */
static size_t entity(const char *at, char *out)
{
    static const struct { const char *name; char c; } names[] = { { "&amp;", '&' }, { "&lt;", '<' }, { "&gt;", '>' }, { "&quot;", '"' }, { "&apos;", '\'' } };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strncmp(at, names[i].name, strlen(names[i].name)) == 0) {
            *out = names[i].c;
            return strlen(names[i].name);
        }
    char *end = NULL;
    long  n = strncmp(at, "&#x", 3) == 0 ? strtol(at + 3, &end, 16) : strncmp(at, "&#", 2) == 0 ? strtol(at + 2, &end, 10) : 0;
    *out = end && *end == ';' && n > 0 && n < 128 ? (char)n : *at;
    return end && *end == ';' && n > 0 && n < 128 ? (size_t)(end - at) + 1 : 1;
}

/* What stands in the first such element from there on. NULL: there is none, or it is too long; else behind it. */
static const char *element(const char *from, const char *name, char *out, size_t size)
{
    char open[40], close[40];
    (void)snprintf(open, sizeof open, "<%s>", name);
    (void)snprintf(close, sizeof close, "</%s>", name);
    const char *at = strstr(from, open), *end = at ? strstr(at, close) : NULL;
    size_t      used = 0;
    for (at = end ? at + strlen(open) : NULL; at && at < end && used + 1 < size; )
        at += entity(at, &out[used++]);
    out[used] = '\0';
    return end && at >= end ? end + strlen(close) : NULL;
}

enum page { PAGE_TAKEN, PAGE_ENOUGH, PAGE_BAD };

static enum page take_page(const char *xml, s3_take *take, void *ctx)
{
    char key[S3_KEY_MAX * 2];
    for (const char *at = strstr(xml, "<Contents>"); at; at = strstr(at, "<Contents>")) {
        if (!(at = element(at, "Key", key, sizeof key)))
            return PAGE_BAD;
        if (!take(ctx, key))
            return PAGE_ENOUGH;
    }
    return PAGE_TAKEN;
}

enum err s3_list(struct s3 *s, const char *prefix, s3_take *take, void *ctx, struct fault *fault)
{
    char token[TOKEN_ROOM] = "", said[8], escaped[TOKEN_ROOM * 3], begin[S3_KEY_MAX * 3], query[QUERY_ROOM + sizeof begin];
    for (int page = 0; page < PAGES_MAX; page++) {
        struct http_reply r;
        if (!sigv4_escape_value(token, escaped, sizeof escaped) || !sigv4_escape_value(prefix, begin, sizeof begin))
            return fail(fault, ERR_LIMIT, "a list of what begins with %.200s cannot be asked for: it is too long", prefix);
        (void)snprintf(query, sizeof query, "%s%s%slist-type=2&max-keys=%d&prefix=%s", *token ? "continuation-token=" : "", *token ? escaped : "", *token ? "&" : "", PAGE_KEYS, begin);
        enum err e = ask_well(s, &(struct s3_ask){ .method = "GET", .key = "", .query = query, .reply_max = HTTP_REPLY_MAX }, &r, fault);
        if (e != OK)
            return fail_in(fault, "listing %.200s", prefix);
        if (!strstr(r.body.s, "<ListBucketResult"))
            return fail(fault, ERR_IO, "listing %.200s: the object store of %s does not answer with a list", prefix, s->conf.name);
        bool more = element(r.body.s, "IsTruncated", said, sizeof said) && strcmp(said, "true") == 0;
        enum page taken = take_page(r.body.s, take, ctx);
        if (taken == PAGE_BAD)
            return fail(fault, ERR_IO, "listing %.200s: there is no name that can be read in what the object store of %s answers", prefix, s->conf.name);
        if (taken == PAGE_ENOUGH || !more)
            return OK;
        if (!element(r.body.s, "NextContinuationToken", token, sizeof token) || !*token)
            return fail(fault, ERR_IO, "listing %.200s: the object store of %s says that there is more, and not how to ask for it", prefix, s->conf.name);
    }
    return fail(fault, ERR_LIMIT, "listing %.200s takes more than %d answers", prefix, PAGES_MAX);
}
