/* link/http.c - see http.h; libcurl does the work, the bounds are ours. */
#include "link/http.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <curl/curl.h>
#include <pthread.h>
#include <string.h>
#include <strings.h>

enum { URL_MAX = 2048 };

static bool is_loopback(const char *host)
{
    struct in_addr  four;
    struct in6_addr six;
    char            bare[256];
    size_t          n = strlen(host);
    if (n >= 2 && host[0] == '[' && host[n - 1] == ']' && n - 2 < sizeof bare) {
        memcpy(bare, host + 1, n - 2);
        bare[n - 2] = '\0';
        host = bare;
    }
    if (strcasecmp(host, "localhost") == 0)
        return true;
    if (inet_pton(AF_INET, host, &four) == 1)
        return (ntohl(four.s_addr) >> 24) == 127;
    return inet_pton(AF_INET6, host, &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
}

static enum err check_parts(const char *scheme, const char *host, const char *user, struct fault *fault)
{
    if (user) {
        enum err e = fail(fault, ERR_INPUT, "the address carries credentials");
        fail_hint(fault, "an address is printed and logged; take the part before @ out");
        return e;
    }
    if (strcasecmp(scheme, "https") == 0 || (strcasecmp(scheme, "http") == 0 && is_loopback(host)))
        return OK;
    enum err e = fail(fault, ERR_INPUT, "%.20s://%.100s: only https, or http on this machine", scheme, host);
    fail_hint(fault, "use https://, or http://127.0.0.1:PORT");
    return e;
}

enum err http_url_check(const char *url, struct fault *fault)
{
    if (strlen(url) > URL_MAX)
        return fail(fault, ERR_INPUT, "the address is longer than %d bytes", URL_MAX);
    CURLU *u = curl_url();
    if (!u)
        return fail(fault, ERR_LIMIT, "no memory for an address");
    char    *scheme = NULL, *host = NULL, *user = NULL;
    enum err e;
    if (curl_url_set(u, CURLUPART_URL, url, 0) != CURLUE_OK || curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
        curl_url_get(u, CURLUPART_HOST, &host, 0) != CURLUE_OK) {
        e = fail(fault, ERR_INPUT, "not an http address");
        fail_hint(fault, "write http://127.0.0.1:PORT/PATH");
    } else {
        (void)curl_url_get(u, CURLUPART_USER, &user, 0);
        e = check_parts(scheme, host, user, fault);
    }
    curl_free(scheme);
    curl_free(host);
    curl_free(user);
    curl_url_cleanup(u);
    return e;
}

static pthread_once_t once = PTHREAD_ONCE_INIT;
static void start_curl(void) { (void)curl_global_init(CURL_GLOBAL_DEFAULT); }

static size_t on_body(char *data, size_t size, size_t n, void *ctx)
{
    struct text *body = ctx;
    text_add_n(body, data, size * n);
    return body->cut ? 0 : size * n;   /* anything but all of it makes curl stop */
}

/* Short strings that curl wants as varargs; a failure of one of these is a failure of memory. */
static bool prepare(CURL *h, const char *url, int timeout_ms, struct text *body, char *why)
{
    return curl_easy_setopt(h, CURLOPT_URL, url) == CURLE_OK && curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L) == CURLE_OK && curl_easy_setopt(h, CURLOPT_PROXY, "") == CURLE_OK &&
           curl_easy_setopt(h, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK && curl_easy_setopt(h, CURLOPT_TIMEOUT_MS, (long)timeout_ms) == CURLE_OK &&
           curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT_MS, (long)timeout_ms) == CURLE_OK && curl_easy_setopt(h, CURLOPT_ERRORBUFFER, why) == CURLE_OK &&
           curl_easy_setopt(h, CURLOPT_USERAGENT, "homeostat") == CURLE_OK && curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
           curl_easy_setopt(h, CURLOPT_WRITEDATA, body) == CURLE_OK;
}

enum err http_get(const char *url, int timeout_ms, size_t body_max, struct http_answer *answer, struct fault *fault)
{
    *answer = (struct http_answer){ 0 };
    enum err e = http_url_check(url, fault);
    if (e != OK)
        return e;
    (void)pthread_once(&once, start_curl);
    CURL *h = curl_easy_init();
    if (!h)
        return fail(fault, ERR_LIMIT, "no memory for a request");
    char why[CURL_ERROR_SIZE] = "";
    text_init(&answer->body, body_max < HTTP_BODY_MAX ? body_max : HTTP_BODY_MAX);
    CURLcode code = prepare(h, url, timeout_ms, &answer->body, why) ? curl_easy_perform(h) : CURLE_OUT_OF_MEMORY;
    (void)curl_easy_getinfo(h, CURLINFO_RESPONSE_CODE, &answer->status);
    curl_easy_cleanup(h);

    if (answer->body.cut)
        e = fail(fault, ERR_LIMIT, "GET %.160s: the answer is longer than %zu bytes", url, answer->body.max);
    else if (code == CURLE_OPERATION_TIMEDOUT)
        e = fail(fault, ERR_TIMEOUT, "GET %.160s: no whole answer within %d ms", url, timeout_ms);
    else if (code != CURLE_OK)
        e = fail(fault, ERR_IO, "GET %.160s: %.120s", url, *why ? why : curl_easy_strerror(code));
    else if (answer->status < 200 || answer->status > 299)
        e = fail(fault, ERR_STATE, "GET %.160s: answered %ld", url, answer->status);
    if (e != OK)
        text_done(&answer->body);
    return e;
}

void http_answer_done(struct http_answer *answer)
{
    if (answer->body.s)
        text_done(&answer->body);
    *answer = (struct http_answer){ 0 };
}
