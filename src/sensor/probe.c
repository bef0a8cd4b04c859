/* sensor/probe.c - one question; see probe.h. */
#include "sensor/probe.h"

#include "sensor/probe_name.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <linux/errqueue.h>
#include <math.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *const class_names[] = {
#define X(name, word, what) word,
    PROBE_CLASS_MAP(X)
#undef X
};

const char *probe_class_name(enum probe_class c) { return c < PROBE_CLASSES ? class_names[c] : "other"; }

/* ---- targets ---- */

enum { HOST_SIZE = 1024 };

/* Of host:port or [address]:port; a colon in a host stands in brackets only. */
static bool host_and_port(const char *target, char host[HOST_SIZE], long *port)
{
    const char *colon = strrchr(target, ':');
    char       *end   = NULL;
    if (!colon || colon == target || (size_t)(colon - target) >= HOST_SIZE || colon[1] < '0' || colon[1] > '9')
        return false;
    *port     = strtol(colon + 1, &end, 10);
    size_t n  = (size_t)(colon - target);
    bool   in = *target == '[' && target[n - 1] == ']';
    memcpy(host, target + in, n - 2 * in);
    host[n - 2 * in] = 0;
    return !*end && *port >= 1 && *port <= 65535 && *host && !strpbrk(host, in ? "[]/?#@" : "[]:/?#@");
}

/* Of a page's address, as curl will look it up. */
static bool url_host_and_port(const char *target, char host[HOST_SIZE], long *port)
{
    CURLU *u = curl_url();
    char  *h = NULL, *p = NULL;
    bool   ok = u && curl_url_set(u, CURLUPART_URL, target, 0) == CURLUE_OK && curl_url_get(u, CURLUPART_PORT, &p, CURLU_DEFAULT_PORT) == CURLUE_OK;
#ifdef CURLU_PUNYCODE
    ok = ok && curl_url_get(u, CURLUPART_HOST, &h, CURLU_PUNYCODE) == CURLUE_OK;
#else
    ok = ok && curl_url_get(u, CURLUPART_HOST, &h, 0) == CURLUE_OK;
#endif
    if (ok) {
        size_t n  = strlen(h);
        bool   in = n > 2 && *h == '[';
        *port     = strtol(p, NULL, 10);
        ok        = n > 0 && n < HOST_SIZE;
        snprintf(host, HOST_SIZE, "%.*s", (int)(n - 2 * in), h + in);
    }
    curl_free(h);
    curl_free(p);
    curl_url_cleanup(u);
    return ok;
}

static bool is_address(const char *host)
{
    uint8_t bytes[16];
    char    plain[PROBE_ADDRESS_SIZE];
    snprintf(plain, sizeof plain, "%.*s", (int)strcspn(host, "%"), host);      /* an IPv6 address may name its interface */
    return inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, plain, bytes) == 1;
}

enum err probe_target_check(enum probe_kind kind, const char *target, struct fault *fault)
{
    char host[HOST_SIZE];
    long port;
    for (const char *c = target; *c; c++)
        if ((unsigned char)*c <= ' ' || *c == 127)
            return fail(fault, ERR_INPUT, "the target has a blank or a control character in it");
    if (kind == PROBE_TCP && !host_and_port(target, host, &port))
        return fail(fault, ERR_INPUT, "a target of kind tcp is host:port, an IPv6 address in brackets: [::1]:80");
    if (kind == PROBE_DNS && strpbrk(target, "/:@"))
        return fail(fault, ERR_INPUT, "a target of kind dns is a name");
    if (kind == PROBE_HTTP && strncmp(target, "http://", 7) != 0 && strncmp(target, "https://", 8) != 0)
        return fail(fault, ERR_INPUT, "a target of kind http begins with http:// or https://");
    if (kind == PROBE_HTTP && strchr(target, '@'))
        return fail(fault, ERR_INPUT, "a target has no user and no password in it");
    if (kind == PROBE_HTTP && !url_host_and_port(target, host, &port))
        return fail(fault, ERR_INPUT, "a target of kind http is http://host[:port]/path, an IPv6 address in brackets: http://[::1]:80/");
    return OK;
}

/* ---- who says no ---- */

bool probe_icmp_prohibits(int origin, int type, int code)
{
    if (origin == SO_EE_ORIGIN_ICMP)
        return type == ICMP_DEST_UNREACH && (code == ICMP_NET_ANO || code == ICMP_HOST_ANO || code == ICMP_PKT_FILTERED);
    return origin == SO_EE_ORIGIN_ICMP6 && type == ICMP6_DST_UNREACH && code == ICMP6_DST_UNREACH_ADMIN;
}

/* What a question's callbacks share. */
struct asking { const atomic_bool *cancel; int64_t body, head; bool too_large, prohibited; };

/* The kernel keeps the ICMP messages of a socket when it is asked to; they are read before it is closed. */
static int prepare(void *ctx, curl_socket_t fd, curlsocktype purpose)
{
    int on = 1;
    (void)ctx, (void)purpose;
    /* either fails on a socket of the other family */
    (void)setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof on);
    (void)setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof on);
    return CURL_SOCKOPT_OK;
}

static int close_it(void *ctx, curl_socket_t fd)
{
    struct asking *a = ctx;
    union { char bytes[512]; struct cmsghdr align; } control;
    char          byte[64];
    for (int i = 0; i < 8; i++) {       /* more than a few are not waited for */
        struct iovec  v = { byte, sizeof byte };
        struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes };
        if (recvmsg(fd, &m, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
            break;
        for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
            struct sock_extended_err e;
            if (!((c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) || (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR)))
                continue;
            memcpy(&e, CMSG_DATA(c), sizeof e);
            a->prohibited |= probe_icmp_prohibits(e.ee_origin, e.ee_type, e.ee_code);
        }
    }
    return close(fd);
}

/* ---- connections and pages ---- */

static size_t drop(char *bytes, size_t size, size_t n, void *ctx)
{
    struct asking *a = ctx;
    (void)bytes;
    a->body     += (int64_t)(size * n);
    a->too_large = a->body > PROBE_BODY_MAX;
    return a->too_large ? 0 : size * n;
}

static size_t see_head(char *bytes, size_t size, size_t n, void *ctx)
{
    struct asking *a = ctx;
    (void)bytes;
    a->head     += (int64_t)(size * n);
    a->too_large = a->head > PROBE_HEAD_MAX;
    return a->too_large ? 0 : size * n;
}

static int progress(void *ctx, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    const struct asking *q = ctx;
    (void)a, (void)b, (void)c, (void)d;
    return q->cancel && atomic_load(q->cancel);
}

static enum probe_class class_of_connect(long error, const struct asking *a)
{
    switch (error) {
    case ECONNREFUSED: return PROBE_CLASS_REFUSED;
    case ETIMEDOUT: return PROBE_CLASS_TIMEOUT;
    case ECONNRESET: return PROBE_CLASS_RESET;
    case EPERM:
    case EACCES: return PROBE_CLASS_BLOCKED;        /* a rule of this host */
    case EHOSTUNREACH:
    case ENETUNREACH: return a->prohibited ? PROBE_CLASS_BLOCKED : PROBE_CLASS_UNREACHABLE;
    default: return PROBE_CLASS_OTHER;
    }
}

static enum probe_class class_of(CURLcode code, long error, bool connected, const struct asking *a)
{
    switch (code) {
    case CURLE_OK: return PROBE_CLASS_NONE;
    case CURLE_COULDNT_RESOLVE_HOST: return PROBE_CLASS_DNS;
    case CURLE_OPERATION_TIMEDOUT: return connected ? PROBE_CLASS_NO_ANSWER : PROBE_CLASS_TIMEOUT;
    case CURLE_COULDNT_CONNECT: return class_of_connect(error, a);
    case CURLE_FILESIZE_EXCEEDED: return PROBE_CLASS_TOO_LARGE;
    case CURLE_WRITE_ERROR: return a->too_large ? PROBE_CLASS_TOO_LARGE : PROBE_CLASS_OTHER;
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

/* What was found for a name, handed over in curl's words: it looks nothing up by itself, as that cannot be cut short. NULL: it needs none. */
static struct curl_slist *known(const char *host, long port, const struct probe_name *name)
{
    char   line[HOST_SIZE + 16 + PROBE_ADDRESSES_MAX * (PROBE_ADDRESS_SIZE + 3)];
    size_t used = (size_t)snprintf(line, sizeof line, "%s:%ld:", host, port);
    for (size_t i = 0; i < name->count; i++)
        used += (size_t)snprintf(line + used, sizeof line - used, strchr(name->address[i], ':') ? "%s[%s]" : "%s%s", i ? "," : "", name->address[i]);
    return name->count ? curl_slist_append(NULL, line) : NULL;
}

static void set_up(CURL *c, const struct probe_question *q, const char *url, long ms, struct curl_slist *names, struct asking *a)
{
    curl_easy_setopt(c, CURLOPT_URL, url);
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_PROXY, "");
    curl_easy_setopt(c, CURLOPT_RESOLVE, names);
    curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, ms);
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, ms);
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(c, CURLOPT_CONNECT_ONLY, q->kind == PROBE_TCP ? 1L : 0L);
    curl_easy_setopt(c, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(c, CURLOPT_FORBID_REUSE, 1L);
    curl_easy_setopt(c, CURLOPT_USERAGENT, "homeostat-probe");
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, drop);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, a);
    curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, see_head);
    curl_easy_setopt(c, CURLOPT_HEADERDATA, a);
    curl_easy_setopt(c, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)PROBE_BODY_MAX);
    curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, progress);
    curl_easy_setopt(c, CURLOPT_XFERINFODATA, a);
    curl_easy_setopt(c, CURLOPT_SOCKOPTFUNCTION, prepare);
    curl_easy_setopt(c, CURLOPT_CLOSESOCKETFUNCTION, close_it);
    curl_easy_setopt(c, CURLOPT_CLOSESOCKETDATA, a);
}

static void take_times(CURL *c, struct probe_result *r, curl_off_t *connected)
{
    curl_off_t dns = 0, tls = 0, sent = 0, first = 0;
    curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &r->status);
    curl_easy_getinfo(c, CURLINFO_NAMELOOKUP_TIME_T, &dns);
    curl_easy_getinfo(c, CURLINFO_CONNECT_TIME_T, connected);
    curl_easy_getinfo(c, CURLINFO_APPCONNECT_TIME_T, &tls);
    curl_easy_getinfo(c, CURLINFO_PRETRANSFER_TIME_T, &sent);
    curl_easy_getinfo(c, CURLINFO_STARTTRANSFER_TIME_T, &first);
    r->connect_s    = phase(dns, *connected);
    r->tls_s        = tls > 0 ? phase(*connected, tls) : NAN;
    r->first_byte_s = phase(sent, first);
}

static void by_curl(const struct probe_question *q, struct curl_slist *names, int64_t timeout_us, struct probe_result *r)
{
    struct asking a = { .cancel = q->cancel };
    char          url[1200];
    curl_off_t    connected = 0;
    long          error = 0, ms = (long)(timeout_us / 1000);
    CURL         *c = curl_easy_init();
    if (!c)
        return;
    snprintf(url, sizeof url, "%s%s", q->kind == PROBE_TCP ? "http://" : "", q->target);
    set_up(c, q, url, ms < 1 ? 1L : ms, names, &a);
    CURLcode code = curl_easy_perform(c);
    curl_easy_getinfo(c, CURLINFO_OS_ERRNO, &error);
    take_times(c, r, &connected);
    curl_easy_cleanup(c);
    r->class = class_of(code, error, connected > 0, &a);
    if (q->kind == PROBE_TCP)
        r->first_byte_s = NAN;
    else if (r->class == PROBE_CLASS_NONE && (r->status < 200 || r->status > 399))
        r->class = PROBE_CLASS_STATUS;
}

struct probe_result probe_once(const struct probe_question *q, struct probe_pending **pending)
{
    struct probe_result r       = { PROBE_CLASS_OTHER, NAN, NAN, NAN, NAN, NAN, 0 };
    double              began_s = probe_now_s();
    struct probe_name   name    = { .class = PROBE_CLASS_NONE };
    char                host[HOST_SIZE];
    long                port = 0;
    if (q->kind == PROBE_DNS)
        snprintf(host, sizeof host, "%s", q->target);
    else if (!(q->kind == PROBE_TCP ? host_and_port : url_host_and_port)(q->target, host, &port))
        return r;
    if (q->kind == PROBE_DNS || !is_address(host)) {
        name    = probe_name_find(host, q, pending);
        r.dns_s = name.class == PROBE_CLASS_NONE || name.class == PROBE_CLASS_DNS_NO_NAME ? name.seconds : NAN;
    }
    r.class   = name.class;
    r.total_s = name.seconds;
    if (q->kind == PROBE_DNS || name.class != PROBE_CLASS_NONE)
        return r;
    struct curl_slist *names = known(host, port, &name);
    r.class                  = PROBE_CLASS_OTHER;
    if (!name.count || names)
        by_curl(q, names, q->timeout_us - (int64_t)(name.seconds * 1e6), &r);
    curl_slist_free_all(names);
    r.total_s = probe_now_s() - began_s;
    return r;
}

/* ---- the last questions ---- */

void probe_history_see(struct probe_history *h, enum probe_kind kind, const struct probe_result *r)
{
    const uint64_t mask = (UINT64_C(1) << PROBE_HISTORY) - 1;
    bool           lost = r->class == PROBE_CLASS_TIMEOUT || r->class == PROBE_CLASS_NO_ANSWER || (kind == PROBE_DNS && r->class == PROBE_CLASS_DNS);
    h->fine   = (h->fine << 1 | (r->class == PROBE_CLASS_NONE)) & mask;
    h->lost   = (h->lost << 1 | lost) & mask;
    h->count += h->count < PROBE_HISTORY;
    double d  = kind == PROBE_DNS ? r->dns_s : kind == PROBE_TCP ? r->connect_s : r->first_byte_s;
    if (r->class != PROBE_CLASS_NONE || isnan(d))
        return;
    if (h->timed) {
        h->jitter_s += (fabs(d - h->before_s) - h->jitter_s) / 16;      /* RFC 3550, 6.4.1 */
        h->again     = true;
    }
    h->before_s = d;
    h->timed    = true;
}

static double share(const struct probe_history *h, uint64_t bits) { return h->count < PROBE_HISTORY_LEAST ? NAN : (double)__builtin_popcountll(bits) / h->count; }

double probe_history_available(const struct probe_history *h) { return share(h, h->fine); }
double probe_history_lost(const struct probe_history *h) { return share(h, h->lost); }
double probe_history_jitter(const struct probe_history *h) { return h->again ? h->jitter_s : NAN; }
