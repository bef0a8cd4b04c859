/* sensor/probe.c - one question; see probe.h. */
#include "sensor/probe.h"

#include <curl/curl.h>
#include <errno.h>
#include <math.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *const class_names[] = {
#define X(name, word, what) word,
    PROBE_CLASS_MAP(X)
#undef X
};

const char *probe_class_name(enum probe_class c) { return c < PROBE_CLASSES ? class_names[c] : "other"; }

enum err probe_target_check(enum probe_kind kind, const char *target, struct fault *fault)
{
    const char *colon = strrchr(target, ':');
    char       *end;
    long        port  = colon ? strtol(colon + 1, &end, 10) : 0;
    for (const char *c = target; *c; c++)
        if ((unsigned char)*c <= ' ' || *c == 127)
            return fail(fault, ERR_INPUT, "the target has a blank or a control character in it");
    if (kind == PROBE_TCP && (!colon || colon == target || *end || port < 1 || port > 65535 || strpbrk(target, "/?#@")))
        return fail(fault, ERR_INPUT, "a target of kind tcp is host:port");
    if (kind == PROBE_DNS && strpbrk(target, "/:@"))
        return fail(fault, ERR_INPUT, "a target of kind dns is a name");
    if (kind == PROBE_HTTP && strncmp(target, "http://", 7) != 0 && strncmp(target, "https://", 8) != 0)
        return fail(fault, ERR_INPUT, "a target of kind http begins with http:// or https://");
    if (kind == PROBE_HTTP && strchr(target, '@'))
        return fail(fault, ERR_INPUT, "a target has no user and no password in it");
    return OK;
}

/* ---- names ---- */

/*
 * A look-up cannot be cut short, so it has a thread; whoever comes last, the thread or its owner, frees what they share. There is one of
 * these for each probe at most.
 */
struct probe_pending { pthread_mutex_t lock; pthread_cond_t changed; bool done, left; int error; char name[1024]; };

enum { LOOK_UP_STACK = 512 * 1024 };

static void pending_done(struct probe_pending *p)
{
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->changed);
    free(p);
}

static void *look_up_alone(void *ctx)
{
    struct probe_pending *p     = ctx;
    struct addrinfo       hints = { .ai_socktype = SOCK_STREAM }, *found = NULL;
    int                   error = getaddrinfo(p->name, NULL, &hints, &found);
    if (!error)
        freeaddrinfo(found);
    pthread_mutex_lock(&p->lock);
    p->error  = error;
    p->done   = true;
    bool last = p->left;
    pthread_cond_signal(&p->changed);
    pthread_mutex_unlock(&p->lock);
    if (last)
        pending_done(p);
    return NULL;
}

void probe_pending_free(struct probe_pending *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    bool last = p->done;
    p->left   = true;
    pthread_mutex_unlock(&p->lock);
    if (last)
        pending_done(p);
}

static bool pending_is_done(struct probe_pending *p)
{
    pthread_mutex_lock(&p->lock);
    bool done = p->done;
    pthread_mutex_unlock(&p->lock);
    return done;
}

static struct probe_pending *pending_new(const char *name)
{
    struct probe_pending *p = calloc(1, sizeof *p);
    pthread_condattr_t    clock;
    pthread_attr_t        how;
    pthread_t             thread;
    if (!p)
        return NULL;
    snprintf(p->name, sizeof p->name, "%s", name);
    pthread_mutex_init(&p->lock, NULL);
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&p->changed, &clock);
    pthread_condattr_destroy(&clock);
    pthread_attr_init(&how);
    pthread_attr_setdetachstate(&how, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&how, LOOK_UP_STACK);
    int error = pthread_create(&thread, &how, look_up_alone, p);
    pthread_attr_destroy(&how);
    if (error) {
        pending_done(p);
        return NULL;
    }
    return p;
}

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static bool cancelled(const atomic_bool *cancel) { return cancel && atomic_load(cancel); }

static struct probe_result look_up(const char *target, int64_t timeout_us, const atomic_bool *cancel, struct probe_pending **pending)
{
    struct probe_result r     = { PROBE_CLASS_TIMEOUT, NAN, NAN, NAN, NAN, NAN, 0 };
    double              began = now_s(), limit = (double)timeout_us / 1e6;
    if (*pending && !pending_is_done(*pending)) {       /* the one before has not ended: no second beside it */
        r.total_s = 0;
        return r;
    }
    probe_pending_free(*pending);
    struct probe_pending *p = *pending = pending_new(target);
    if (!p) {
        r.class = PROBE_CLASS_OTHER;
        return r;
    }
    pthread_mutex_lock(&p->lock);
    while (!p->done && now_s() - began < limit && !cancelled(cancel)) {
        double          until = began + limit, soon = now_s() + 0.1;        /* cancel is looked at now and then */
        until                 = until < soon ? until : soon;
        struct timespec at    = { (time_t)until, (long)((until - floor(until)) * 1e9) };
        pthread_cond_timedwait(&p->changed, &p->lock, &at);
    }
    bool done  = p->done;
    int  error = p->error;
    pthread_mutex_unlock(&p->lock);
    r.total_s = now_s() - began;
    if (!done)
        return r;
    r.class  = error ? PROBE_CLASS_DNS : PROBE_CLASS_NONE;
    r.dns_s  = r.total_s;
    *pending = NULL;
    probe_pending_free(p);
    return r;
}

/* ---- connections and pages ---- */

static size_t drop(char *bytes, size_t size, size_t n, void *ctx)
{
    (void)bytes;
    (void)ctx;
    return size * n;
}

static int progress(void *ctx, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    (void)a, (void)b, (void)c, (void)d;
    return cancelled(ctx);
}

static enum probe_class class_of(CURLcode code, long error)
{
    switch (code) {
    case CURLE_OK: return PROBE_CLASS_NONE;
    case CURLE_COULDNT_RESOLVE_HOST: return PROBE_CLASS_DNS;
    case CURLE_OPERATION_TIMEDOUT: return PROBE_CLASS_TIMEOUT;
    case CURLE_COULDNT_CONNECT:
        return error == ECONNREFUSED ? PROBE_CLASS_REFUSED : error == ETIMEDOUT ? PROBE_CLASS_TIMEOUT : error == ECONNRESET ? PROBE_CLASS_RESET
             : error == EHOSTUNREACH || error == ENETUNREACH ? PROBE_CLASS_UNREACHABLE : PROBE_CLASS_OTHER;
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE: return PROBE_CLASS_RESET;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR: return PROBE_CLASS_TLS;
    default: return PROBE_CLASS_OTHER;
    }
}

/* Of curl's sums from the beginning to the length of a phase; NAN when it was not reached. */
static double phase(curl_off_t from, curl_off_t to) { return to > 0 && to >= from ? (double)(to - from) / 1e6 : NAN; }

static struct probe_result by_curl(enum probe_kind kind, const char *target, int64_t timeout_us, const atomic_bool *cancel)
{
    struct probe_result r = { PROBE_CLASS_OTHER, NAN, NAN, NAN, NAN, NAN, 0 };
    char                url[1200];
    CURL               *c = curl_easy_init();
    if (!c)
        return r;
    snprintf(url, sizeof url, "%s%s", kind == PROBE_TCP ? "http://" : "", target);
    long ms = (long)(timeout_us / 1000);
    curl_easy_setopt(c, CURLOPT_URL, url);
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_PROXY, "");
    curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, ms < 1 ? 1L : ms);
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, ms < 1 ? 1L : ms);
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(c, CURLOPT_CONNECT_ONLY, kind == PROBE_TCP ? 1L : 0L);
    curl_easy_setopt(c, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(c, CURLOPT_FORBID_REUSE, 1L);
    curl_easy_setopt(c, CURLOPT_USERAGENT, "homeostat-probe");
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, drop);
    curl_easy_setopt(c, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)64 * 1024 * 1024);
    curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, progress);
    curl_easy_setopt(c, CURLOPT_XFERINFODATA, (void *)(uintptr_t)cancel);
    double     began = now_s();
    CURLcode   code  = curl_easy_perform(c);
    long       error = 0;
    curl_off_t dns = 0, connected = 0, tls = 0, sent = 0, first = 0;
    r.total_s = now_s() - began;
    curl_easy_getinfo(c, CURLINFO_OS_ERRNO, &error);
    curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &r.status);
    curl_easy_getinfo(c, CURLINFO_NAMELOOKUP_TIME_T, &dns);
    curl_easy_getinfo(c, CURLINFO_CONNECT_TIME_T, &connected);
    curl_easy_getinfo(c, CURLINFO_APPCONNECT_TIME_T, &tls);
    curl_easy_getinfo(c, CURLINFO_PRETRANSFER_TIME_T, &sent);
    curl_easy_getinfo(c, CURLINFO_STARTTRANSFER_TIME_T, &first);
    curl_easy_cleanup(c);
    r.class     = class_of(code, error);
    r.dns_s     = phase(0, dns);
    r.connect_s = phase(dns, connected);
    r.tls_s     = tls > 0 ? phase(connected, tls) : NAN;
    if (kind == PROBE_HTTP) {
        r.first_byte_s = phase(sent, first);
        if (r.class == PROBE_CLASS_NONE && (r.status < 200 || r.status > 399))
            r.class = PROBE_CLASS_STATUS;
    }
    return r;
}

struct probe_result probe_once(enum probe_kind kind, const char *target, int64_t timeout_us, const atomic_bool *cancel, struct probe_pending **pending)
{
    return kind == PROBE_DNS ? look_up(target, timeout_us, cancel, pending) : by_curl(kind, target, timeout_us, cancel);
}
