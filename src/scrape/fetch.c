/*
 * scrape/fetch.c - see fetch.h; libcurl does the work, the bounds and the rules about credentials are ours.
 *
 * gzip is taken off here and not by libcurl, which does not mind when a packed answer ends too early.
 */
#include "scrape/fetch.h"

#include "base/clock.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <libdeflate.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum place_state { PLACE_FREE, PLACE_RUNNING, PLACE_DONE, PLACE_TAKEN };

enum { KEEP_BYTES = 1024 * 1024, PACKED_LEAST = 18 };

struct place {
    enum place_state   state;
    CURL              *curl;
    struct curl_slist *headers;
    void              *ctx;
    int64_t            timeout_us, body_max;
    char              *data; size_t n, room;         /* as received */
    char              *plain; size_t plain_room;     /* unpacked */
    size_t             head;                         /* bytes of headers and trailers */
    bool               too_large, head_too_large, no_memory;
    CURLcode           code;
    char               said[CURL_ERROR_SIZE];
};

struct fetches {
    CURLM                          *multi;
    struct libdeflate_decompressor *z;
    struct place                   *place; size_t places, busy;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static void start_curl(void) { (void)curl_global_init(CURL_GLOBAL_DEFAULT); }

/* ---- all of them ---- */

enum err fetches_new(size_t most, struct fetches **out, struct fault *fault)
{
    *out = NULL;
    (void)pthread_once(&once, start_curl);
    struct fetches *f = calloc(1, sizeof *f);
    if (f) {
        f->place = calloc(most, sizeof *f->place);
        f->places = f->place ? most : 0;
        f->multi = curl_multi_init();
        f->z = libdeflate_alloc_decompressor();
    }
    if (!f || !f->place || !f->multi || !f->z) {
        fetches_free(f);
        return fail(fault, ERR_LIMIT, "no memory for asking targets");
    }
    for (size_t i = 0; i < most; i++)
        if (!(f->place[i].curl = curl_easy_init())) {
            fetches_free(f);
            return fail(fault, ERR_LIMIT, "no memory for asking targets");
        }
    *out = f;
    return OK;
}

static void place_clear(struct place *p)
{
    curl_slist_free_all(p->headers);
    p->headers = NULL;
    p->n = 0;
    if (p->room > KEEP_BYTES) {
        free(p->data);
        p->data = NULL;
        p->room = 0;
    }
    if (p->plain_room > KEEP_BYTES) {
        free(p->plain);
        p->plain = NULL;
        p->plain_room = 0;
    }
    p->ctx = NULL;
    p->state = PLACE_FREE;
}

void fetches_free(struct fetches *f)
{
    if (!f)
        return;
    for (size_t i = 0; i < f->places; i++) {
        struct place *p = &f->place[i];
        if (p->state == PLACE_RUNNING)
            (void)curl_multi_remove_handle(f->multi, p->curl);
        place_clear(p);
        if (p->curl)
            curl_easy_cleanup(p->curl);
        free(p->data);
        free(p->plain);
    }
    if (f->multi)
        (void)curl_multi_cleanup(f->multi);
    if (f->z)
        libdeflate_free_decompressor(f->z);
    free(f->place);
    free(f);
}

size_t fetches_busy(const struct fetches *f) { return f->busy; }

/* ---- one ---- */

static bool has_room(char **at, size_t *room, size_t want, size_t most)
{
    if (want <= *room)
        return true;
    size_t n = *room ? *room : 16384;
    while (n < want)
        n *= 2;
    n = n < most ? n : most;
    char *more = realloc(*at, n);
    if (more) {
        *at = more;
        *room = n;
    }
    return more != NULL;
}

static size_t on_body(char *data, size_t size, size_t n, void *ctx)
{
    struct place *p = ctx;
    size_t        all = size * n;
    if (all > (size_t)p->body_max - p->n)
        p->too_large = true;
    else if (!has_room(&p->data, &p->room, p->n + all, (size_t)p->body_max))
        p->no_memory = true;
    else {
        memcpy(p->data + p->n, data, all);
        p->n += all;
        return all;
    }
    return 0;
}

static size_t on_head(char *line, size_t size, size_t n, void *ctx)
{
    struct place *p = ctx;
    p->head += size * n;
    p->head_too_large = p->head > FETCH_HEAD_MAX;
    return p->head_too_large ? 0 : size * n;
}

static bool secret(const struct scrape_job *j) { return *j->token.path || *j->password.path; }

/* 127.0.0.0/8, ::1, localhost. The host of an address that targets.c has made. */
static bool is_here(const char *url)
{
    const char     *host = strstr(url, "://");
    char            bare[64];
    struct in_addr  four;
    struct in6_addr six;
    if (!host)
        return false;
    host += 3;
    size_t n = *host == '[' ? strcspn(host, "]") : strcspn(host, ":/?");
    if (*host == '[') {
        host++;
        n--;
    }
    if (n >= sizeof bare)
        return false;
    memcpy(bare, host, n);
    bare[n] = '\0';
    if (strcasecmp(bare, "localhost") == 0)
        return true;
    if (inet_pton(AF_INET, bare, &four) == 1)
        return (ntohl(four.s_addr) >> 24) == 127;
    return inet_pton(AF_INET6, bare, &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
}

static bool header(struct place *p, const char *line)
{
    struct curl_slist *longer = curl_slist_append(p->headers, line);
    if (longer)
        p->headers = longer;
    return longer != NULL;
}

#define SET(option, value) (curl_easy_setopt(p->curl, option, value) == CURLE_OK)

static bool prepare(struct place *p, const struct fetch_ask *ask)
{
    const struct scrape_job *j = ask->job;
    long                     ms = (long)(ask->timeout_us / 1000);
    char                     timeout[80];
    bool                     guarded = secret(j) || *j->tls_key.path;
    (void)snprintf(timeout, sizeof timeout, "X-Prometheus-Scrape-Timeout-Seconds: %.6g", (double)ask->timeout_us / 1e6);
    curl_easy_reset(p->curl);
    bool fine = header(p, "Accept: application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.1") &&
        header(p, "Accept-Encoding: gzip") && header(p, timeout) && SET(CURLOPT_HTTPHEADER, p->headers) && SET(CURLOPT_URL, ask->url) && SET(CURLOPT_PROTOCOLS_STR, "http,https") &&
        SET(CURLOPT_REDIR_PROTOCOLS_STR, "http,https") && SET(CURLOPT_NOSIGNAL, 1L) && SET(CURLOPT_PROXY, "") && SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) &&
        SET(CURLOPT_FOLLOWLOCATION, guarded ? 0L : 1L) && SET(CURLOPT_MAXREDIRS, (long)FETCH_REDIRECTS_MAX) && SET(CURLOPT_TIMEOUT_MS, ms ? ms : 1L) &&
        SET(CURLOPT_CONNECTTIMEOUT_MS, ms ? ms : 1L) && SET(CURLOPT_ERRORBUFFER, p->said) && SET(CURLOPT_USERAGENT, "homeostat") && SET(CURLOPT_WRITEFUNCTION, on_body) &&
        SET(CURLOPT_WRITEDATA, p) && SET(CURLOPT_HEADERFUNCTION, on_head) && SET(CURLOPT_HEADERDATA, p) && SET(CURLOPT_PRIVATE, p) && SET(CURLOPT_TCP_KEEPALIVE, 1L) && SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) &&
        SET(CURLOPT_QUICK_EXIT, 1L);         /* a look-up that outlasts its request is left to its thread; to wait for it would hold up all the others */
    if (fine && *j->token.path)
        fine = SET(CURLOPT_XOAUTH2_BEARER, j->token.value) && SET(CURLOPT_HTTPAUTH, (long)CURLAUTH_BEARER);
    if (fine && *j->user)
        fine = SET(CURLOPT_USERNAME, j->user) && SET(CURLOPT_PASSWORD, j->password.value) && SET(CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
    if (fine && *j->tls_ca)
        fine = SET(CURLOPT_CAINFO, j->tls_ca) && SET(CURLOPT_CAPATH, NULL);
    if (fine && *j->tls_certificate)
        fine = SET(CURLOPT_SSLCERT, j->tls_certificate) && SET(CURLOPT_SSLKEY, j->tls_key.path);
    if (fine && j->tls_skip)
        fine = SET(CURLOPT_SSL_VERIFYPEER, 0L) && SET(CURLOPT_SSL_VERIFYHOST, 0L);
    return fine;
}

enum err fetch_start(struct fetches *f, const struct fetch_ask *ask, struct fault *fault)
{
    struct place *p = NULL;
    for (size_t i = 0; i < f->places && !p; i++)
        if (f->place[i].state == PLACE_FREE)
            p = &f->place[i];
    if (!p)
        return fail(fault, ERR_BUSY, "%zu targets are being asked already", f->places);
    if (secret(ask->job) && !ask->job->insecure && strncmp(ask->url, "https:", 6) != 0 && !is_here(ask->url)) {
        (void)fail(fault, ERR_DENIED, "not asked: token or password would go over the network readable by anyone");
        fail_hint(fault, "use `scheme: https`, or say `insecure: yes`");
        return ERR_DENIED;
    }
    p->ctx = ask->ctx;
    p->timeout_us = ask->timeout_us;
    p->body_max = ask->job->body_max;
    p->head = 0;
    p->too_large = p->head_too_large = p->no_memory = false;
    *p->said = '\0';
    if (!prepare(p, ask) || curl_multi_add_handle(f->multi, p->curl) != CURLM_OK) {
        place_clear(p);
        return fail(fault, ERR_LIMIT, "the request could not be made");
    }
    p->state = PLACE_RUNNING;
    f->busy++;
    return OK;
}

void fetch_wait(struct fetches *f, int64_t timeout_us)
{
    int      running, left;
    CURLMsg *m;
    int64_t  ms = timeout_us <= 0 ? 0 : (timeout_us + 999) / 1000;
    (void)curl_multi_poll(f->multi, NULL, 0, (int)(ms < 60000 ? ms : 60000), NULL);
    (void)curl_multi_perform(f->multi, &running);
    while ((m = curl_multi_info_read(f->multi, &left))) {
        struct place *p = NULL;
        CURLcode      code = m->data.result;
        if (m->msg != CURLMSG_DONE || curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&p) != CURLE_OK || !p)
            continue;
        (void)curl_multi_remove_handle(f->multi, p->curl);
        p->code = code;
        p->state = PLACE_DONE;
    }
}

void fetch_wake(struct fetches *f) { (void)curl_multi_wakeup(f->multi); }

/* ---- what came ---- */

static void unpack(struct fetches *f, struct place *p, struct fetch_done *d)
{
    const unsigned char *in = (const unsigned char *)p->data;
    size_t               left = p->n, used, made;
    uint32_t             told = 0;
    if (left < PACKED_LEAST) {
        (void)snprintf(d->why, sizeof d->why, "the answer says it is gzip, and is not");
        return;
    }
    memcpy(&told, in + left - 4, 4);         /* a guess to begin with: what the last bytes of gzip say */
    if (!has_room(&p->plain, &p->plain_room, told && told <= (uint64_t)p->body_max ? told : left, (size_t)p->body_max)) {
        (void)snprintf(d->why, sizeof d->why, "no memory to unpack the answer");
        return;
    }
    size_t at = 0;
    while (left) {
        size_t                 room = p->plain_room < (size_t)p->body_max ? p->plain_room : (size_t)p->body_max;
        enum libdeflate_result r = libdeflate_gzip_decompress_ex(f->z, in, left, p->plain + at, room - at, &used, &made);
        if (r == LIBDEFLATE_INSUFFICIENT_SPACE) {
            if (room >= (size_t)p->body_max)
                (void)snprintf(d->why, sizeof d->why, "the answer is larger than body_max when unpacked, %lld bytes", (long long)p->body_max);
            else if (has_room(&p->plain, &p->plain_room, p->plain_room + 1, (size_t)p->body_max))
                continue;
            else
                (void)snprintf(d->why, sizeof d->why, "no memory to unpack the answer");
            return;
        }
        if (r != LIBDEFLATE_SUCCESS) {
            (void)snprintf(d->why, sizeof d->why, "the answer is damaged: its gzip does not end well");
            return;
        }
        in += used;
        left -= used;
        at += made;
    }
    d->body = (struct slice){ p->plain, at };
    d->fine = true;
}

static void judge(struct fetches *f, struct place *p, struct fetch_done *d)
{
    struct curl_header *h;
    char               *type = NULL;
    (void)curl_easy_getinfo(p->curl, CURLINFO_RESPONSE_CODE, &d->status);
    (void)curl_easy_getinfo(p->curl, CURLINFO_CONTENT_TYPE, &type);
    d->type = slice_of(type);
    if (p->too_large)
        (void)snprintf(d->why, sizeof d->why, "the answer is larger than body_max, %lld bytes", (long long)p->body_max);
    else if (p->head_too_large)
        (void)snprintf(d->why, sizeof d->why, "the headers and trailers of the answer are larger than %d bytes", FETCH_HEAD_MAX);
    else if (p->no_memory)
        (void)snprintf(d->why, sizeof d->why, "no memory for the answer");
    else if (p->code == CURLE_OUT_OF_MEMORY)         /* so libcurl calls what it has no room for by its own bounds, too */
        (void)snprintf(d->why, sizeof d->why, "a line of its head is longer than is taken, or there is no memory for the answer");
    else if (p->code == CURLE_OPERATION_TIMEDOUT)
        (void)snprintf(d->why, sizeof d->why, "no whole answer within %lld ms", (long long)(p->timeout_us / 1000));
    else if (p->code != CURLE_OK)
        (void)snprintf(d->why, sizeof d->why, "%.200s", *p->said ? p->said : curl_easy_strerror(p->code));
    else if (d->status >= 300 && d->status < 400)
        (void)snprintf(d->why, sizeof d->why, "answered %ld: whoever carries credentials does not follow to elsewhere", d->status);
    else if (d->status != 200)
        (void)snprintf(d->why, sizeof d->why, "answered %ld", d->status);
    else if (curl_easy_header(p->curl, "Content-Encoding", 0, CURLH_HEADER, -1, &h) != CURLHE_OK || strcasecmp(h->value, "identity") == 0) {
        d->body = (struct slice){ p->data, p->n };
        d->fine = true;
    } else if (strcasecmp(h->value, "gzip") == 0 || strcasecmp(h->value, "x-gzip") == 0)
        unpack(f, p, d);
    else
        (void)snprintf(d->why, sizeof d->why, "the answer is packed in a way that was not asked for");
}

bool fetch_next(struct fetches *f, struct fetch_done *d)
{
    for (size_t i = 0; i < f->places && f->busy; i++) {
        struct place *p = &f->place[i];
        curl_off_t    us = 0;
        if (p->state != PLACE_DONE)
            continue;
        *d = (struct fetch_done){ .ctx = p->ctx, .place = i };
        (void)curl_easy_getinfo(p->curl, CURLINFO_TOTAL_TIME_T, &us);
        d->took_us = us;
        judge(f, p, d);
        p->state = PLACE_TAKEN;
        return true;
    }
    return false;
}

void fetch_release(struct fetches *f, const struct fetch_done *d)
{
    place_clear(&f->place[d->place]);
    f->busy--;
}

void fetch_forget(struct fetches *f, const void *ctx)
{
    for (size_t i = 0; i < f->places; i++) {
        struct place *p = &f->place[i];
        if (p->ctx != ctx || p->state == PLACE_FREE || p->state == PLACE_TAKEN)
            continue;
        if (p->state == PLACE_RUNNING)
            (void)curl_multi_remove_handle(f->multi, p->curl);
        place_clear(p);
        f->busy--;
    }
}
