/*
 * ship/nats.c - the sink `nats`: a message per event, or per type of a batch, under subject.logs, subject.metrics and subject.traces.
 *
 * With `stream` set they go to JetStream, and a batch has arrived when each message was acknowledged as stored; each carries Nats-Msg-Id, so that
 * what comes again within the stream's window for duplicates is left out. Without it NATS promises nothing beyond having got them: a batch has
 * arrived when the server answered a ping behind it.
 *
 * The library waits for a handshake of TLS without end, and nobody can cut it short. So a connection is made on a thread of its own, of which a sink has one at most.
 */
#include "ship/kinds.h"

#include "base/clock.h"
#include "ship/conf.h"
#include "ship/http.h"
#include "ship/messages.h"

#include <ctype.h>
#include <limits.h>
#include <nats/nats.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SLICE_MS = 250, CONNECT_MS = 3000, DIALS_MAX = 64 /* of all sinks that ever were, when they hang */, SUBJECT_MAX = 300, STREAM_MESSAGE_TOO_LARGE = 10054 };

/* A connection in the making. Whoever is the last to let go frees it. */
struct dial {
    pthread_mutex_t lock;
    pthread_cond_t  changed;
    int             holders;
    bool            over;
    natsOptions    *options;
    natsConnection *connection;
    natsStatus      status;
    char            said[160];
};

struct nats {
    const struct sink_conf *conf;
    natsConnection         *connection;
    struct dial            *dial;                /* one that was not waited for any longer; NULL: there is none */
    jsCtx                  *stream;
    atomic_bool             cancelled;
    struct messages         messages;
    /* The first message that JetStream would not keep; told by a thread of the library, under the lock of `ears`. */
    struct nats            *next;
    uintptr_t               ear;                 /* what it is told of the connection by; 0: nothing is told */
    natsStatus              bad;
    jsErrCode               bad_code;
    char                    bad_text[160];
};

/*
 * Those who are told of refusals. The library does not wait for what is being told when a connection is destroyed: by then the sink may have another
 * connection, or be gone. So it is given a number of the connection and no address.
 */
static struct { pthread_mutex_t lock; struct nats *first; uintptr_t last; } ears = { PTHREAD_MUTEX_INITIALIZER, NULL, 0 };

static int64_t now_us(void) { return clock_mono_us(&clock_real); }

static int64_t ms_left(int64_t deadline_us)
{
    int64_t ms = (deadline_us - now_us()) / US_PER_MS;
    return ms > 1 ? ms : 1;
}

static void ear_open(struct nats *n)
{
    (void)pthread_mutex_lock(&ears.lock);
    n->ear = ++ears.last;
    n->next = ears.first;
    ears.first = n;
    (void)pthread_mutex_unlock(&ears.lock);
}

static void ear_close(struct nats *n)
{
    (void)pthread_mutex_lock(&ears.lock);
    struct nats **at = &ears.first;
    while (*at && *at != n)
        at = &(*at)->next;
    if (*at)
        *at = n->next;
    n->ear = 0;
    (void)pthread_mutex_unlock(&ears.lock);
}

static void hang_up(struct nats *n)
{
    ear_close(n);
    jsCtx_Destroy(n->stream);                    /* NULL is fine to both */
    natsConnection_Destroy(n->connection);
    n->stream = NULL;
    n->connection = NULL;
}

/* ---- connecting ---- */

static void host_of(const char *url, char *out, size_t size)
{
    const char *from = strstr(url, "://"), *to;
    from = from ? from + 3 : url;
    to = *from == '[' ? strchr(from, ']') : NULL;
    size_t n = to ? (size_t)(to + 1 - from) : strcspn(from, ":/");
    (void)snprintf(out, size, "%.*s", (int)n, from);
}

/* Credentials go over a network only when nobody can read along. */
static bool wants_tls(const struct sink_conf *c)
{
    char host[256];
    host_of(c->url, host, sizeof host);
    return strncmp(c->url, "tls://", 6) == 0 || *c->tls_ca || *c->tls_certificate || ((*c->token.path || *c->password.path) && !http_host_is_here(host));
}

static natsStatus describe(const struct sink_conf *c, natsOptions *o)
{
    natsStatus s = natsOptions_SetURL(o, c->url);
    if (s == NATS_OK)
        s = natsOptions_SetName(o, "homeostat");
    if (s == NATS_OK)
        s = natsOptions_SetAllowReconnect(o, false);             /* the worker decides when to try again */
    if (s == NATS_OK)
        s = natsOptions_SetTimeout(o, c->timeout_us / 1000 < CONNECT_MS ? c->timeout_us / 1000 : CONNECT_MS);
    if (s == NATS_OK)
        s = natsOptions_SetWriteDeadline(o, c->timeout_us / 1000);  /* who reads no more would hold us for ever */
    if (s == NATS_OK && *c->token.path)
        s = natsOptions_SetToken(o, c->token.value);
    if (s == NATS_OK && *c->password.path)
        s = natsOptions_SetUserInfo(o, c->user, c->password.value);
    if (s == NATS_OK && wants_tls(c))
        s = natsOptions_SetSecure(o, true);
    if (s == NATS_OK && *c->tls_ca)
        s = natsOptions_LoadCATrustedCertificates(o, c->tls_ca);
    if (s == NATS_OK && *c->tls_certificate)
        s = natsOptions_LoadCertificatesChain(o, c->tls_certificate, c->tls_key.path);
    return s;
}

static void on_refusal(jsCtx *js, jsPubAckErr *e, void *ctx)
{
    (void)js;
    (void)pthread_mutex_lock(&ears.lock);
    struct nats *n = ears.first;
    while (n && n->ear != (uintptr_t)ctx)
        n = n->next;
    if (n && n->bad == NATS_OK) {
        n->bad = e->Err ? e->Err : NATS_ERR;
        n->bad_code = e->ErrCode;
        (void)snprintf(n->bad_text, sizeof n->bad_text, "%.159s", e->ErrText ? e->ErrText : natsStatus_GetText(n->bad));
    }
    (void)pthread_mutex_unlock(&ears.lock);
}

static atomic_int dials;

static void dial_let_go(struct dial *d)
{
    (void)pthread_mutex_lock(&d->lock);
    bool last = --d->holders == 0;
    (void)pthread_mutex_unlock(&d->lock);
    if (!last)
        return;
    natsConnection_Destroy(d->connection);       /* NULL is fine to both */
    natsOptions_Destroy(d->options);
    (void)pthread_cond_destroy(&d->changed);
    (void)pthread_mutex_destroy(&d->lock);
    free(d);
    atomic_fetch_sub(&dials, 1);
}

static void *dial_run(void *ctx)
{
    struct dial    *d = ctx;
    natsConnection *c = NULL;
    natsStatus      s = natsConnection_Connect(&c, d->options);
    const char     *said = s == NATS_OK ? NULL : nats_GetLastError(NULL), *place = said && *said == '(' ? strstr(said, "): ") : NULL;     /* of a line of the library */
    (void)pthread_mutex_lock(&d->lock);
    d->connection = c;
    d->status = s;
    (void)snprintf(d->said, sizeof d->said, "%.159s", place ? place + 3 : said ? said : natsStatus_GetText(s));
    d->over = true;
    (void)pthread_cond_signal(&d->changed);
    (void)pthread_mutex_unlock(&d->lock);
    dial_let_go(d);
    nats_ReleaseThreadMemory();
    return NULL;
}

static struct dial *dial_new(const struct sink_conf *conf)
{
    struct dial       *d = calloc(1, sizeof *d);
    pthread_condattr_t attr;
    pthread_t          thread;
    if (!d)
        return NULL;
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&d->lock, NULL);
    (void)pthread_cond_init(&d->changed, &attr);
    (void)pthread_condattr_destroy(&attr);
    atomic_fetch_add(&dials, 1);
    d->holders = 2;
    if (natsOptions_Create(&d->options) == NATS_OK && describe(conf, d->options) == NATS_OK && pthread_create(&thread, NULL, dial_run, d) == 0) {
        (void)pthread_detach(thread);
        return d;
    }
    d->holders = 1;
    dial_let_go(d);
    return NULL;
}

/* True: it is made, or could not be. Else time is up, or we are to stop. */
static bool dial_await(struct nats *n, int64_t deadline_us)
{
    struct dial *d = n->dial;
    (void)pthread_mutex_lock(&d->lock);
    while (!d->over && now_us() < deadline_us && !atomic_load(&n->cancelled)) {
        int64_t         until = now_us() + SLICE_MS * US_PER_MS;
        struct timespec t = { .tv_sec = (time_t)(until / US_PER_S), .tv_nsec = (long)(until % US_PER_S) * 1000 };
        (void)pthread_cond_timedwait(&d->changed, &d->lock, &t);
    }
    bool over = d->over;
    (void)pthread_mutex_unlock(&d->lock);
    return over;
}

static natsStatus dial(struct nats *n, int64_t deadline_us, struct sent_answer *a)
{
    if (!n->dial && atomic_load(&dials) >= DIALS_MAX) {
        (void)snprintf(a->why, sizeof a->why, "NATS: %d connections that began to be made have not ended", DIALS_MAX);
        return NATS_TIMEOUT;
    }
    if (!n->dial && !(n->dial = dial_new(n->conf))) {
        (void)snprintf(a->why, sizeof a->why, "NATS: a connection cannot be made: the certificates of tls cannot be used, or there is no memory or thread");
        return NATS_NO_MEMORY;
    }
    if (!dial_await(n, deadline_us)) {
        (void)snprintf(a->why, sizeof a->why, "NATS: the server has not answered so far, perhaps in the handshake of TLS");
        return NATS_TIMEOUT;
    }
    natsStatus s = n->dial->status;              /* nobody else writes it any more */
    n->connection = n->dial->connection;
    n->dial->connection = NULL;
    if (s != NATS_OK)
        (void)snprintf(a->why, sizeof a->why, "NATS: %.159s", n->dial->said);
    dial_let_go(n->dial);
    n->dial = NULL;
    return s;
}

static natsStatus connect_to(struct nats *n, int64_t deadline_us, struct sent_answer *a)
{
    jsOptions js;
    if (n->connection && natsConnection_Status(n->connection) == NATS_CONN_STATUS_CONNECTED)
        return NATS_OK;
    hang_up(n);
    natsStatus s = dial(n, deadline_us, a);
    if (s == NATS_OK && *n->conf->stream) {
        (void)jsOptions_Init(&js);
        ear_open(n);
        js.PublishAsync.ErrHandler = on_refusal;
        js.PublishAsync.ErrHandlerClosure = (void *)n->ear;
        s = natsConnection_JetStream(&n->stream, n->connection, &js);
    }
    return s;
}

/* ---- a batch ---- */

static natsStatus publish(struct nats *n, size_t i)
{
    static const char *const types[] = { [EVENT_LOG] = "logs", [EVENT_POINT] = "metrics", [EVENT_SPAN] = "traces" };
    char          subject[SUBJECT_MAX], id[MESSAGE_ID_MAX];
    struct slice  body = messages_body(&n->messages, i);
    natsMsg      *m = NULL;
    jsPubOptions  o;
    (void)snprintf(subject, sizeof subject, "%s.%s", n->conf->subject, types[n->messages.list[i].type]);
    messages_id(&n->messages, i, id);
    natsStatus s = natsMsg_Create(&m, subject, NULL, body.s, (int)body.n);
    if (s == NATS_OK && n->stream) {
        (void)jsPubOptions_Init(&o);
        o.MsgId = id;
        o.ExpectStream = n->conf->stream;
        s = js_PublishMsgAsync(n->stream, &m, &o);
    } else if (s == NATS_OK) {
        s = natsMsgHeader_Set(m, "Nats-Msg-Id", id);
        s = s == NATS_OK ? natsConnection_PublishMsg(n->connection, m) : s;
    }
    natsMsg_Destroy(m);
    return s;
}

static natsStatus await_acknowledgements(struct nats *n, int64_t deadline_us)
{
    jsPubOptions o;
    natsStatus   s = NATS_TIMEOUT;
    (void)jsPubOptions_Init(&o);
    while (s == NATS_TIMEOUT && now_us() < deadline_us && !atomic_load(&n->cancelled) && !natsConnection_IsClosed(n->connection)) {
        int64_t left = ms_left(deadline_us);
        o.MaxWait = left < SLICE_MS ? left : SLICE_MS;
        s = js_PublishAsyncComplete(n->stream, &o);
    }
    return s;
}

/* A server that does not let us publish says so beside the messages; behind the ping it must have. */
static natsStatus await_ping(struct nats *n, int64_t deadline_us, char *why, size_t size)
{
    const char *last = NULL;
    natsStatus  s = natsConnection_FlushTimeout(n->connection, ms_left(deadline_us));
    if (s == NATS_OK && (s = natsConnection_GetLastError(n->connection, &last)) != NATS_OK && last)
        (void)snprintf(why, size, "%.200s", last);
    return s;
}

static natsStatus put_all(struct nats *n, int64_t deadline_us, struct sent_answer *a)
{
    natsStatus s = NATS_OK;
    for (size_t i = 0; s == NATS_OK && i < n->messages.count && !atomic_load(&n->cancelled); i++)
        s = now_us() < deadline_us ? publish(n, i) : NATS_TIMEOUT;
    if (s == NATS_OK && atomic_load(&n->cancelled))
        s = NATS_TIMEOUT;
    if (s == NATS_OK)
        s = n->stream ? await_acknowledgements(n, deadline_us) : await_ping(n, deadline_us, a->why, sizeof a->why);
    return s;
}

static bool fits(const struct nats *n)
{
    int64_t most = natsConnection_GetMaxPayload(n->connection);
    for (size_t i = 0; i < n->messages.count; i++)
        if (n->messages.list[i].n > (most > 0 && most < INT_MAX ? (size_t)most - MESSAGE_ID_MAX * 2 : (size_t)INT_MAX / 2))
            return false;
    return true;
}

static enum sent later(struct nats *n, natsStatus s, struct sent_answer *a)
{
    if (atomic_load(&n->cancelled))
        (void)snprintf(a->why, sizeof a->why, "cut short: the sink is stopping");
    else if (!*a->why)
        (void)snprintf(a->why, sizeof a->why, "NATS: %s", s == NATS_TIMEOUT ? "no whole answer in time" : natsStatus_GetText(s));
    hang_up(n);
    return SENT_LATER;
}

static enum sent nats_send(void *self, const struct batch *b, struct sent_answer *a)
{
    struct nats *n = self;
    struct fault fault = { 0 };
    int64_t      deadline_us = now_us() + n->conf->timeout_us;
    natsStatus   s = connect_to(n, deadline_us, a);
    if (s != NATS_OK)
        return later(n, s, a);
    enum err e = messages_make(&n->messages, b, n->conf->format, &fault);
    if (e != OK) {
        (void)snprintf(a->why, sizeof a->why, "%.239s", fault.text);
        return e == ERR_LIMIT ? SENT_TOO_LARGE : e == ERR_BUSY ? SENT_LATER : SENT_REFUSED;
    }
    if (!fits(n)) {
        (void)snprintf(a->why, sizeof a->why, "a message is larger than the %lld bytes that the server takes", (long long)natsConnection_GetMaxPayload(n->connection));
        return SENT_TOO_LARGE;
    }
    (void)pthread_mutex_lock(&ears.lock);
    n->bad = NATS_OK;
    (void)pthread_mutex_unlock(&ears.lock);
    s = put_all(n, deadline_us, a);
    (void)pthread_mutex_lock(&ears.lock);
    natsStatus bad = n->bad;
    jsErrCode  code = n->bad_code;
    if (bad != NATS_OK)
        (void)snprintf(a->why, sizeof a->why, "JetStream: %.160s", n->bad_text);
    (void)pthread_mutex_unlock(&ears.lock);
    if (s == NATS_OK && bad == NATS_OK)
        return SENT_ALL;
    if (s == NATS_OK && (int)code == STREAM_MESSAGE_TOO_LARGE)
        return SENT_TOO_LARGE;
    return later(n, s == NATS_OK ? bad : s, a);
}

/* ---- open and close ---- */

static void nats_close(void *self)
{
    struct nats *n = self;
    hang_up(n);
    if (n->dial)
        dial_let_go(n->dial);
    messages_done(&n->messages);
    free(n);
}

static enum err nats_open_sink(const struct sink_conf *conf, void **self, struct fault *fault)
{
    struct nats *n = calloc(1, sizeof *n);
    if (!n)
        return fail(fault, ERR_LIMIT, "no memory for a sink");
    n->conf = conf;
    messages_init(&n->messages);
    *self = n;
    return OK;
}

static void nats_cancel(void *self) { atomic_store(&((struct nats *)self)->cancelled, true); }

static void nats_check(const struct sink_conf *conf, struct conf_checker *c)
{
    bool fine = strncmp(conf->url, "nats://", 7) == 0 || strncmp(conf->url, "tls://", 6) == 0;
    if (*conf->url && (!fine || strchr(conf->url, ',')))
        conf_refuse(c, "url", "Write nats://host:port or tls://host:port.", "not the address of one NATS server");
    else if (strchr(conf->url, '@'))
        conf_refuse(c, "url", "Take the part before @ out; use user and password, or token.", "an address is printed and logged, so it carries no credentials");
    for (const char *p = conf->subject; *p; p++)
        if (isspace((unsigned char)*p) || *p == '*' || *p == '>') {
            conf_refuse(c, "subject", "Write words parted by dots.", "a subject to publish to has neither blanks nor wildcards");
            break;
        }
}

const struct sink_kind sink_nats = {
    .name = "nats", .takes = 1u << EVENT_LOG | 1u << EVENT_POINT | 1u << EVENT_SPAN, .why = "NATS: JSON for each event, or OTLP; with `stream` acknowledged by JetStream.",
    .open = nats_open_sink, .send = nats_send, .close = nats_close, .cancel = nats_cancel, .check = nats_check,
    .settings = "!url !subject stream token user password tls.ca tls.certificate tls.key format",
};
