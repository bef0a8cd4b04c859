/*
 * web/web.c - starting and stopping the server, and the ticker.
 */
#include "web/inside.h"

#include "base/file.h"
#include "base/log.h"
#include "conf/daemon.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * A thread of libmicrohttpd (0.9.75) takes 128 events at once, and when there are just so many it waits for another one before it
 * looks at any.  So no thread may have that many connections; there are more threads instead.
 */
enum { THREAD_CONNECTIONS = 100 };

struct web_options web_options_default(void)
{
    return (struct web_options){
        .host = "127.0.0.1", .port = 7433, .folder = "", .tokens_file = "", .certificate_file = "", .key_file = "",
        .threads = 4, .connections = 512, .connections_per_address = 0, .subscribers = 64,
        .header_timeout_us = 30 * US_PER_S, .idle_timeout_us = 60 * US_PER_S,
        .wait_default_us = 10 * US_PER_S, .wait_max_us = 60 * US_PER_S, .heartbeat_us = 15 * US_PER_S,
    };
}

struct web_options web_options_of(const struct daemon_conf *conf)
{
    struct web_options o = web_options_default();
    o.host = conf->web->listen.host;
    o.port = conf->web->listen.port;
    o.folder = conf->store->folder;
    o.tokens_file = conf->web->tokens.path;
    o.certificate_file = conf->web->tls_certificate;
    o.key_file = conf->web->tls_key.path;
    o.metrics_open = conf->web->metrics_open;
    return o;
}

static const char *or_empty(const char *s) { return s ? s : ""; }

/* ---- what is allowed ---- */

/* An address of ours, as what bind() takes. False: it is no address. */
static bool read_address(const char *host, int port, struct sockaddr_storage *out, socklen_t *size, bool *loopback)
{
    struct sockaddr_in  *v4 = (struct sockaddr_in *)(void *)out;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)out;
    memset(out, 0, sizeof *out);
    if (strcmp(host, "localhost") == 0)
        host = "127.0.0.1";
    if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons((uint16_t)port);
        *size = sizeof *v4;
        *loopback = ntohl(v4->sin_addr.s_addr) >> 24 == 127;
        return true;
    }
    if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons((uint16_t)port);
        *size = sizeof *v6;
        *loopback = IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
        return true;
    }
    return false;
}

enum err web_check(const struct web_options *o, struct fault *fault)
{
    struct sockaddr_storage address;
    socklen_t               size;
    bool                    loopback, tls = *or_empty(o->certificate_file) && *or_empty(o->key_file);
    if (!read_address(or_empty(o->host), o->port, &address, &size, &loopback) || o->port < 0 || o->port > 65535) {
        (void)fail(fault, ERR_INPUT, "cannot listen on '%.80s' port %d: this is no address", or_empty(o->host), o->port);
        fail_hint(fault, "an address such as 127.0.0.1 or ::1");
        return ERR_INPUT;
    }
    if (!*or_empty(o->certificate_file) != !*or_empty(o->key_file))
        return fail(fault, ERR_INPUT, "TLS needs both a certificate and its key");
    if (!loopback && (!tls || !*or_empty(o->tokens_file))) {
        (void)fail(fault, ERR_DENIED, "listening on %s, beyond this machine, needs %s%s%s", o->host, tls ? "" : "TLS (certificate and key)",
                   tls || *or_empty(o->tokens_file) ? "" : " and ", *or_empty(o->tokens_file) ? "" : "a tokens file");
        fail_hint(fault, "or listen on 127.0.0.1 and let a proxy or an SSH tunnel do the rest");
        return ERR_DENIED;
    }
    if (o->threads < 1 || o->threads > READERS_MAX || o->connections < o->threads || o->subscribers < 0 || o->connections_per_address < 0 ||
        o->header_timeout_us < US_PER_S || o->idle_timeout_us < US_PER_S || o->heartbeat_us < US_PER_S || o->wait_default_us < 0 ||
        o->wait_max_us < o->wait_default_us)
        return fail(fault, ERR_INPUT, "the web's limits do not go together");
    return OK;
}

/* ---- readers of the store ---- */

struct store_reader *web_reader_take(struct web *w, struct fault *fault)
{
    struct store_reader *r = NULL;
    (void)pthread_mutex_lock(&w->lock);
    if (w->readers > 0)
        r = w->reader[--w->readers];
    (void)pthread_mutex_unlock(&w->lock);
    if (!r && store_reader_open(w->folder, &r, fault) != OK)
        return NULL;
    return r;
}

void web_reader_give(struct web *w, struct store_reader *r, bool usable)
{
    (void)pthread_mutex_lock(&w->lock);
    bool keep = usable && w->readers < READERS_MAX;
    if (keep)
        w->reader[w->readers++] = r;
    (void)pthread_mutex_unlock(&w->lock);
    if (!keep)
        store_reader_close(r);
}

/* ---- what time decides ---- */

static void cut_the_slow(struct web *w, int64_t mono_us)
{
    (void)pthread_mutex_lock(&w->lock);
    for (struct peer *p = w->peers; p; p = p->after) {
        int64_t deadline = atomic_load_explicit(&p->deadline_us, memory_order_relaxed);
        if (deadline != 0 && deadline <= mono_us) {
            peer_deadline(p, 0);
            peer_cut(p);
        }
    }
    (void)pthread_mutex_unlock(&w->lock);
}

static void warn_of_clear_tokens(struct web *w)
{
    size_t n = tokens_in_clear(&w->tokens);
    if (n > 0)
        log_warn("tokens stand in the tokens file themselves; their digest (sha256:...) would do", F("file", w->tokens.path), F("tokens", (int64_t)n));
}

static void refresh_tokens(struct web *w)
{
    struct fault fault = { 0 };
    bool         changed;
    if (tokens_refresh(&w->tokens, &changed, &fault) != OK)
        log_fault(LOG_ERROR, "the tokens could not be read again; the old ones stay in force", &fault);
    else if (changed) {
        log_info("the tokens were read again", F("file", w->tokens.path), F("tokens", (int64_t)w->tokens.count));
        warn_of_clear_tokens(w);
    }
}

static void *tick(void *arg)
{
    struct web *w = arg;
    (void)pthread_mutex_lock(&w->lock);
    while (!w->stopping) {
        struct timespec until;
        (void)clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += 1;
        (void)pthread_cond_timedwait(&w->nudge, &w->lock, &until);
        if (w->stopping)
            break;
        (void)pthread_mutex_unlock(&w->lock);
        int64_t now_us = clock_mono_us(w->clock);
        cut_the_slow(w, now_us);
        command_tick(w, now_us, false);
        stream_tick(&w->stream, now_us);
        refresh_tokens(w);
        (void)pthread_mutex_lock(&w->lock);
    }
    (void)pthread_mutex_unlock(&w->lock);
    return NULL;
}

/* ---- start ---- */

PRINTF(2, 0) static void on_mhd_log(void *cls, const char *format, va_list args)
{
    char line[300];
    (void)vsnprintf(line, sizeof line, format, args);
    line[strcspn(line, "\r\n")] = '\0';
    log_debug("http", F("says", (const char *)line));
}

static enum err read_tls(struct web *w, struct fault *fault)
{
    if (!*or_empty(w->options.certificate_file))
        return OK;
    enum err code = file_read(w->options.certificate_file, 256 * 1024, &w->certificate, NULL, fault);
    if (code == OK)
        code = file_read(w->options.key_file, 256 * 1024, &w->key, NULL, fault);
    w->tls = code == OK;
    return code;
}

static enum err start_daemon(struct web *w, struct fault *fault)
{
    const struct web_options *o = &w->options;
    struct sockaddr_storage   address;
    socklen_t                 size;
    bool                      loopback;
    if (!read_address(w->host, o->port, &address, &size, &loopback))
        return fail(fault, ERR_INPUT, "'%.80s' is no address", w->host);
    unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
    flags |= address.ss_family == AF_INET6 ? MHD_USE_IPv6 : 0u;
    flags |= w->tls ? MHD_USE_TLS : 0u;
    const struct MHD_OptionItem tls[] = {
        { MHD_OPTION_HTTPS_MEM_CERT, 0, w->certificate },
        { MHD_OPTION_HTTPS_MEM_KEY, 0, w->key },
        { MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)"NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2" },
        { MHD_OPTION_END, 0, NULL },
    };
    const struct MHD_OptionItem none[] = { { MHD_OPTION_END, 0, NULL } };
    int needed = (o->connections + THREAD_CONNECTIONS - 1) / THREAD_CONNECTIONS, threads = o->threads > needed ? o->threads : needed;
    /* MHD's own time-out counts silence; it is a little longer than ours, which counts everything. */
    unsigned silence_s = (unsigned)((o->idle_timeout_us + o->header_timeout_us) / US_PER_S) + 5;
    errno = 0;
    w->daemon = MHD_start_daemon(flags, (uint16_t)o->port, NULL, NULL, serve_request, w,
        MHD_OPTION_EXTERNAL_LOGGER, on_mhd_log, NULL,
        MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&address,
        MHD_OPTION_THREAD_POOL_SIZE, (unsigned)threads,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)o->connections,
        MHD_OPTION_PER_IP_CONNECTION_LIMIT, (unsigned)o->connections_per_address,
        MHD_OPTION_CONNECTION_TIMEOUT, silence_s,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)WEB_HEADERS_MAX,
        MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_URI_LOG_CALLBACK, serve_line, w,
        MHD_OPTION_NOTIFY_COMPLETED, serve_done, w,
        MHD_OPTION_NOTIFY_CONNECTION, serve_connection, w,
        MHD_OPTION_ARRAY, w->tls ? tls : none,
        MHD_OPTION_END);
    if (!w->daemon) {
        int why = errno;
        (void)fail(fault, ERR_IO, "cannot listen on %s port %d%s%s", w->host, o->port, why ? ": " : "", why ? strerror(why) : "");
        fail_hint(fault, why == EACCES ? "ports below 1024 need the capability CAP_NET_BIND_SERVICE" : why == EADDRNOTAVAIL ? "no interface of this machine has that address"
                       : w->tls        ? "is the port taken, or do certificate and key not belong together?" : "is the port taken? see: ss -ltnp");
        return ERR_IO;
    }
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(w->daemon, MHD_DAEMON_INFO_BIND_PORT);
    w->port = info ? info->port : o->port;
    return OK;
}

static void web_free(struct web *w, bool has_tokens)
{
    while (w->readers > 0)
        store_reader_close(w->reader[--w->readers]);
    openapi_done(w);
    if (w->key)
        explicit_bzero(w->key, strlen(w->key));
    free(w->key);
    free(w->certificate);
    if (has_tokens)
        tokens_done(&w->tokens);
    throttle_done(&w->throttle);
    (void)pthread_cond_destroy(&w->nudge);
    (void)pthread_mutex_destroy(&w->lock);
    free(w);
}

enum err web_start(const struct web_options *o, struct engine *e, const struct web_sources *s, struct web **out, struct fault *fault)
{
    enum err code = web_check(o, fault);
    if (code != OK)
        return code;
    struct web *w = calloc(1, sizeof *w);
    if (!w)
        return fail(fault, ERR_LIMIT, "no memory for the web");
    w->options = *o;
    w->engine = e;
    w->sources = s ? *s : (struct web_sources){ 0 };
    w->clock = o->clock ? o->clock : &clock_real;
    (void)pthread_mutex_init(&w->lock, NULL);
    pthread_condattr_t monotonic;
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&w->nudge, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    throttle_init(&w->throttle);

    if (!text_copy(w->host, sizeof w->host, o->host) || !text_copy(w->folder, sizeof w->folder, or_empty(o->folder)))
        code = fail(fault, ERR_LIMIT, "the path of the store is too long");
    if (code == OK)
        code = tokens_open(&w->tokens, o->tokens_file, w->folder, fault);
    if (code != OK) {
        web_free(w, false);
        return code;
    }
    code = openapi_open(w, fault);
    if (code == OK)
        code = read_tls(w, fault);
    if (code == OK) {
        stream_open(&w->stream, w);
        code = start_daemon(w, fault);
        if (code == OK && pthread_create(&w->ticker, NULL, tick, w) != 0) {
            MHD_stop_daemon(w->daemon);
            code = fail(fault, ERR_LIMIT, "no thread for the web");
        }
        if (code != OK) {
            stream_end(&w->stream);
            stream_done(&w->stream);
        }
    }
    if (code != OK) {
        web_free(w, true);
        return code;
    }
    log_info("the web listens", F("address", w->host), F("port", w->port), F("tls", w->tls), F("tokens", (int64_t)w->tokens.count));
    log_info(w->tokens.local ? "there is one token, for this machine; it stands in this file" : "tokens are in this file", F("file", w->tokens.path));
    warn_of_clear_tokens(w);
    *out = w;
    return OK;
}

int web_port(const struct web *w) { return w->port; }

enum err web_reload(struct web *w, const struct web_options *o, struct fault *fault)
{
    enum err code = tokens_move(&w->tokens, o->tokens_file, w->folder, fault);
    if (code == OK)
        warn_of_clear_tokens(w);
    return code;
}

/* ---- stop ---- */

/* Wait until nobody waits and nobody streams, at most so long. True: so it is. */
static bool wait_for_quiet(struct web *w, int64_t most_us)
{
    static const struct timespec moment = { .tv_nsec = 5000000 };
    for (int64_t until = clock_mono_us(&clock_real) + most_us;;) {
        (void)pthread_mutex_lock(&w->lock);
        bool quiet = w->waiting == 0;
        (void)pthread_mutex_unlock(&w->lock);
        (void)pthread_mutex_lock(&w->stream.lock);
        quiet &= w->stream.subscribers == 0;
        (void)pthread_mutex_unlock(&w->stream.lock);
        if (quiet || clock_mono_us(&clock_real) >= until)
            return quiet;
        (void)nanosleep(&moment, NULL);
    }
}

void web_stop(struct web *w)
{
    if (!w)
        return;
    MHD_socket listening = MHD_quiesce_daemon(w->daemon);
    (void)pthread_mutex_lock(&w->lock);
    w->stopping = true;
    (void)pthread_cond_broadcast(&w->nudge);
    (void)pthread_mutex_unlock(&w->lock);
    (void)pthread_join(w->ticker, NULL);
    stream_end(&w->stream);
    if (!wait_for_quiet(w, 2 * US_PER_S)) {   /* who still waits hears that we are going, and who does not read is left behind */
        command_tick(w, 0, true);
        (void)pthread_mutex_lock(&w->lock);
        for (struct peer *p = w->peers; p; p = p->after)
            peer_cut(p);
        (void)pthread_mutex_unlock(&w->lock);
        (void)wait_for_quiet(w, 5 * US_PER_S);
    }
    MHD_stop_daemon(w->daemon);
    if (listening != MHD_INVALID_SOCKET)
        (void)close(listening);
    stream_done(&w->stream);
    web_free(w, true);
}
