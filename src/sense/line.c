/*
 * sense/line.c - the life of a connection: look up, connect, open, asked, given up, wait, again.
 *
 * Everything that waits is a handle on the loop: a poll on libpq's socket (a new one whenever libpq changes it), one timer
 * for the limit of what is under way and one for the next attempt.
 */
#include "sense/line.h"

#include "base/rand.h"
#include "base/text.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum phase { PHASE_WAITING, PHASE_LOOKING_UP, PHASE_CONNECTING, PHASE_OPEN, PHASE_ASKED, PHASE_LATE };

enum { NAMES_MAX = 32, HOSTS_TEXT = LINE_ADDRESSES_MAX * 257 };

struct line {
    uv_loop_t        *loop;
    struct line_calls calls;
    struct pg_params  params;
    int               connect_limit_ms, backoff_min_ms, backoff_max_ms, backoff_ms;
    int               first_address;     /* where to begin in a list of several: one that hangs must not hide the others */
    struct rand       chance;
    enum phase        phase;
    bool              freed;
    int               handles;           /* not yet closed; the line goes with the last */

    uv_timer_t        again, limit;
    uv_poll_t        *poll;              /* on the heap: it closes later than the socket */
    int               fd;
    struct lookup    *lookup;
    PGconn           *conn;

    const char       *prepared[NAMES_MAX];
    int               prepared_count;

    int               items, answered;   /* of the questions under way */
    const char       *item_name[LINE_ITEMS_MAX];
    bool              preparing[LINE_ITEMS_MAX];
    int               result_of_item;    /* which of its results comes next */
    bool              told_end;

    /* What a lookup found: lists for libpq, one entry per address. */
    char              hosts[HOSTS_TEXT], addresses[HOSTS_TEXT], ports[HOSTS_TEXT];
};

/* One lookup of all hosts of the conninfo, one after the other. It may outlive the line. */
struct lookup {
    uv_getaddrinfo_t request;
    struct line     *line;               /* NULL once nobody waits for it */
    char             host[256], port[16];
    int              next;               /* which host of the list */
    int              found;
    struct { char host[256], address[INET6_ADDRSTRLEN], port[16]; } at[LINE_ADDRESSES_MAX];
};

static void start_attempt(struct line *l);

/* ---- handles ---- */

static void line_gone(struct line *l)
{
    if (--l->handles > 0 || !l->freed)
        return;
    pg_params_done(&l->params);
    free(l);
}

static void timer_closed(uv_handle_t *h) { line_gone(h->data); }

static void poll_closed(uv_handle_t *h)
{
    struct line *l = h->data;
    free(h);
    line_gone(l);
}

static void drop_poll(struct line *l)
{
    if (!l->poll)
        return;
    (void)uv_poll_stop(l->poll);
    uv_close((uv_handle_t *)l->poll, poll_closed);
    l->poll = NULL;
    l->fd = -1;
}

static void on_socket(uv_poll_t *poll, int status, int events);

/* Wait for the socket that libpq uses now. false: no memory. */
static bool watch_socket(struct line *l, int events)
{
    int fd = PQsocket(l->conn);
    if (l->poll && l->fd != fd)
        drop_poll(l);
    if (!l->poll) {
        l->poll = calloc(1, sizeof *l->poll);
        if (!l->poll || uv_poll_init(l->loop, l->poll, fd) != 0) {
            free(l->poll);
            l->poll = NULL;
            return false;
        }
        l->poll->data = l;
        l->handles++;
        l->fd = fd;
    }
    return uv_poll_start(l->poll, events, on_socket) == 0;
}

/* ---- losing it ---- */

static void close_connection(struct line *l)
{
    drop_poll(l);
    (void)uv_timer_stop(&l->limit);
    if (l->lookup)
        l->lookup->line = NULL;
    l->lookup = NULL;
    PQfinish(l->conn);
    l->conn = NULL;
    l->prepared_count = 0;
}

static void on_again(uv_timer_t *t) { start_attempt(t->data); }

static void end_questions(struct line *l, enum line_end how)
{
    if (l->told_end)
        return;
    l->told_end = true;
    l->calls.on_end(l->calls.ctx, how);
}

/* Full jitter around the nominal wait, so that many watchers do not come back in step. */
static void wait_and_retry(struct line *l, enum err code)
{
    if (l->backoff_ms == 0)
        l->backoff_ms = l->backoff_min_ms;
    /* Who is told "no" for a reason that will not go away by itself need not ask often. */
    int nominal = code == ERR_DENIED || code == ERR_INPUT || code == ERR_STATE ? l->backoff_max_ms : l->backoff_ms;
    int wait = (int)(nominal * (0.75 + 0.5 * rand_unit(&l->chance)));
    l->backoff_ms = l->backoff_ms * 2 < l->backoff_max_ms ? l->backoff_ms * 2 : l->backoff_max_ms;
    l->phase = PHASE_WAITING;
    (void)uv_timer_start(&l->again, on_again, (uint64_t)wait, 0);
}

static void lose(struct line *l, const struct fault *why)
{
    bool was_open = l->phase >= PHASE_OPEN, owed = l->phase == PHASE_ASKED;
    close_connection(l);
    l->phase = PHASE_WAITING;
    if (was_open)
        l->backoff_ms = 0;
    wait_and_retry(l, why->code);
    if (owed)
        end_questions(l, LINE_BROKEN);
    l->calls.on_lost(l->calls.ctx, was_open, why);
}

void line_drop(struct line *l, const struct fault *why)
{
    if (l->phase != PHASE_WAITING)
        lose(l, why);
}

/* ---- connecting ---- */

static void go_on_connecting(struct line *l, PostgresPollingStatusType want)
{
    struct fault why = { 0 };
    switch (want) {
    case PGRES_POLLING_READING:
    case PGRES_POLLING_WRITING:
        if (!watch_socket(l, want == PGRES_POLLING_READING ? UV_READABLE : UV_WRITABLE)) {
            (void)fail(&why, ERR_LIMIT, "cannot wait for a connection: out of memory or descriptors");
            lose(l, &why);
        }
        return;
    case PGRES_POLLING_OK:
        if (pg_check_server(l->conn, &why) != OK) {
            lose(l, &why);
            return;
        }
        if (PQsetnonblocking(l->conn, 1) != 0 || PQenterPipelineMode(l->conn) != 1 || !watch_socket(l, UV_READABLE)) {
            (void)fail(&why, ERR_LIMIT, "cannot use the connection: out of memory or descriptors");
            lose(l, &why);
            return;
        }
        (void)uv_timer_stop(&l->limit);
        l->phase = PHASE_OPEN;
        l->backoff_ms = 0;
        l->calls.on_open(l->calls.ctx);
        return;
    default:
        (void)pg_fault_connect(l->conn, &why);
        lose(l, &why);
    }
}

static void on_connect_limit(uv_timer_t *t)
{
    struct line *l = t->data;
    struct fault why = { 0 };
    (void)fail(&why, ERR_TIMEOUT, "no answer within %d ms while %s", l->connect_limit_ms, l->phase == PHASE_LOOKING_UP ? "looking up the host name" : "connecting");
    fail_hint(&why, "check host and port in dsn and the firewall on the way; a frozen or overloaded server looks the same");
    l->first_address++;
    lose(l, &why);
}

static void ignore_notice(void *ctx, const char *text) { (void)ctx, (void)text; }

static void connect_with(struct line *l, const struct pg_params *params)
{
    struct fault why = { 0 };
    l->phase = PHASE_CONNECTING;
    l->conn = pg_params_start(params, &why);
    if (l->conn)
        (void)PQsetNoticeProcessor(l->conn, ignore_notice, NULL);
    if (!l->conn)
        lose(l, &why);
    else if (PQstatus(l->conn) == CONNECTION_BAD)
        go_on_connecting(l, PGRES_POLLING_FAILED);
    else
        go_on_connecting(l, PGRES_POLLING_WRITING);
}

/* ---- names ---- */

/* The i-th entry of a comma-separated list; the last one stands for all behind it. false: there is none at all. */
static bool entry_of(const char *list, int i, char *out, size_t size, bool repeat)
{
    out[0] = '\0';
    for (int at = 0; list; at++) {
        size_t n = strcspn(list, ",");
        bool   last = list[n] == '\0';
        if (at == i || (last && repeat)) {
            (void)snprintf(out, size, "%.*s", (int)n, list);
            return true;
        }
        list = last ? NULL : list + n + 1;
    }
    return false;
}

static bool is_name(const char *host)
{
    unsigned char address[sizeof(struct in6_addr)];
    return *host && *host != '/' && *host != '@' && inet_pton(AF_INET, host, address) != 1 && inet_pton(AF_INET6, host, address) != 1;
}

static void add_address(struct lookup *k, const char *address)
{
    if (k->found == LINE_ADDRESSES_MAX)
        return;
    int i = k->found++;
    (void)text_copy(k->at[i].host, sizeof k->at[i].host, k->host);
    (void)text_copy(k->at[i].port, sizeof k->at[i].port, k->port);
    (void)text_copy(k->at[i].address, sizeof k->at[i].address, address);
}

static void append(char *list, size_t size, const char *entry, bool first)
{
    size_t used = strlen(list);
    (void)snprintf(list + used, size - used, "%s%s", first ? "" : ",", entry);
}

static void lookup_next(struct lookup *k);

static void lookup_ended(struct lookup *k)
{
    struct line *l = k->line;
    struct fault why = { 0 };
    l->lookup = NULL;
    l->hosts[0] = l->addresses[0] = l->ports[0] = '\0';
    for (int i = 0; i < k->found; i++) {
        int at = (i + l->first_address) % k->found;
        append(l->hosts, sizeof l->hosts, k->at[at].host, i == 0);
        append(l->addresses, sizeof l->addresses, k->at[at].address, i == 0);
        append(l->ports, sizeof l->ports, k->at[at].port, i == 0);
    }
    bool found = k->found > 0;
    if (!found) {
        (void)fail(&why, ERR_IO, "cannot look up host \"%.100s\"", pg_params_get(&l->params, "host"));
        fail_hint(&why, "the host name in dsn is not known here");
    }
    free(k);
    if (!found) {
        lose(l, &why);
        return;
    }
    /* Borrowed entries: the lists stand in for what the conninfo said. */
    struct pg_params p = l->params;
    const char *const names[3] = { "host", "hostaddr", "port" }, *const values[3] = { l->hosts, l->addresses, l->ports };
    for (int i = 0; i < 3; i++) {
        int at = 0;
        while (at < p.count && strcmp(p.keyword[at], names[i]) != 0)
            at++;
        if (at == PG_PARAMS_MAX)
            continue;
        p.keyword[at] = names[i];
        p.value[at] = values[i];
        if (at == p.count) {
            p.count++;
            p.keyword[p.count] = p.value[p.count] = NULL;
        }
    }
    connect_with(l, &p);
}

static void on_looked_up(uv_getaddrinfo_t *request, int status, struct addrinfo *found)
{
    struct lookup *k = request->data;
    char           address[INET6_ADDRSTRLEN];
    if (!k->line) {
        uv_freeaddrinfo(found);
        free(k);
        return;
    }
    for (const struct addrinfo *a = status == 0 ? found : NULL; a; a = a->ai_next) {
        int failed = a->ai_family == AF_INET ? uv_ip4_name((const struct sockaddr_in *)a->ai_addr, address, sizeof address)
                                             : uv_ip6_name((const struct sockaddr_in6 *)a->ai_addr, address, sizeof address);
        if (failed == 0)
            add_address(k, address);
    }
    uv_freeaddrinfo(found);
    lookup_next(k);
}

/* The next host of the list: names go to the resolver, everything else is taken as it is. */
static void lookup_next(struct lookup *k)
{
    static const struct addrinfo stream = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
    struct line *l = k->line;
    const char  *host = pg_params_get(&l->params, "host"), *port = pg_params_get(&l->params, "port");
    while (entry_of(host, k->next++, k->host, sizeof k->host, false)) {
        (void)entry_of(port ? port : "", k->next - 1, k->port, sizeof k->port, true);
        if (is_name(k->host)) {
            if (uv_getaddrinfo(l->loop, &k->request, on_looked_up, k->host, NULL, &stream) == 0)
                return;
        } else {
            add_address(k, *k->host == '/' || *k->host == '@' ? "" : k->host);
        }
    }
    lookup_ended(k);
}

/* Lists are taken apart as well, so that the next attempt can begin elsewhere. */
static bool needs_lookup(const struct line *l)
{
    const char *host = pg_params_get(&l->params, "host");
    char        one[256];
    if (!host || pg_params_get(&l->params, "hostaddr"))
        return false;
    return strchr(host, ',') || (entry_of(host, 0, one, sizeof one, false) && is_name(one));
}

static void start_attempt(struct line *l)
{
    assert(!l->conn && !l->poll);
    (void)uv_timer_start(&l->limit, on_connect_limit, (uint64_t)l->connect_limit_ms, 0);
    l->phase = PHASE_LOOKING_UP;
    if (!needs_lookup(l)) {
        connect_with(l, &l->params);
        return;
    }
    struct lookup *k = calloc(1, sizeof *k);
    if (!k) {
        struct fault why = { 0 };
        (void)fail(&why, ERR_LIMIT, "no memory to look up a host");
        lose(l, &why);
        return;
    }
    k->request.data = k;
    k->line = l;
    l->lookup = k;
    lookup_next(k);
}

/* ---- asking ---- */

static bool is_prepared(const struct line *l, const char *name)
{
    for (int i = 0; i < l->prepared_count; i++)
        if (strcmp(l->prepared[i], name) == 0)
            return true;
    return false;
}

static void on_grace_over(uv_timer_t *t)
{
    struct fault why = { 0 };
    (void)fail(&why, ERR_TIMEOUT, "the server owes an answer since %d ms after its limit", LINE_GRACE_MS);
    fail_hint(&why, "the server or the way to it seems frozen; connecting anew");
    lose(t->data, &why);
}

static void on_late(uv_timer_t *t)
{
    struct line *l = t->data;
    l->phase = PHASE_LATE;
    (void)uv_timer_start(&l->limit, on_grace_over, LINE_GRACE_MS, 0);
    end_questions(l, LINE_LATE);
}

static void lose_connection(struct line *l)
{
    struct fault why = { 0 };
    (void)pg_fault_result(l->conn, NULL, "read from the server", &why);
    lose(l, &why);
}

/* Send what is queued; wait for writability only while something is left. */
static bool flush(struct line *l)
{
    int left = PQflush(l->conn);
    return left >= 0 && watch_socket(l, left > 0 ? UV_READABLE | UV_WRITABLE : UV_READABLE);
}

void line_send(struct line *l, const struct line_item *items, int n, int limit_ms)
{
    assert(l->phase == PHASE_OPEN && n > 0 && n <= LINE_ITEMS_MAX);
    bool sent = true;
    for (int i = 0; i < n && sent; i++) {
        l->item_name[i] = items[i].name;
        l->preparing[i] = !is_prepared(l, items[i].name);
        if (l->preparing[i])
            sent = PQsendPrepare(l->conn, items[i].name, items[i].sql, 0, NULL) == 1;
        sent = sent && PQsendQueryPrepared(l->conn, items[i].name, items[i].n, items[i].values, NULL, NULL, 0) == 1 && PQpipelineSync(l->conn) == 1;
    }
    l->items = n;
    l->answered = l->result_of_item = 0;
    l->told_end = false;
    l->phase = PHASE_ASKED;
    (void)uv_timer_start(&l->limit, on_late, (uint64_t)limit_ms, 0);
    if (!sent || !flush(l))
        lose_connection(l);
}

/* The results of one item are: of the preparation (the first time), of the statement, and the end of its transaction. */
static void take_result(struct line *l, const PGresult *r)
{
    ExecStatusType status = PQresultStatus(r);
    int            item = l->answered;
    if (status == PGRES_PIPELINE_SYNC) {
        l->answered++;
        l->result_of_item = 0;
        return;
    }
    bool of_preparation = l->preparing[item] && l->result_of_item++ == 0;
    if (of_preparation && status == PGRES_COMMAND_OK) {
        if (l->prepared_count < NAMES_MAX)
            l->prepared[l->prepared_count++] = l->item_name[item];
        return;
    }
    if (status == PGRES_PIPELINE_ABORTED || l->phase != PHASE_ASKED)
        return;   /* the error itself was told; or nobody waits any more */
    l->calls.on_answer(l->calls.ctx, item, r);
}

static void take_results(struct line *l)
{
    int nothing = 0;   /* NULL separates the statements of a pipeline; two in a row mean that nothing more has come */
    while (l->conn && l->answered < l->items && nothing < 2 && !PQisBusy(l->conn)) {
        PGresult *r = PQgetResult(l->conn);
        nothing = r ? 0 : nothing + 1;
        if (r)
            take_result(l, r);
        PQclear(r);
    }
    if (!l->conn || l->answered < l->items)
        return;
    (void)uv_timer_stop(&l->limit);
    l->phase = PHASE_OPEN;
    end_questions(l, LINE_ANSWERED);
}

static void on_socket(uv_poll_t *poll, int status, int events)
{
    struct line *l = poll->data;
    if (l->poll != poll)
        return;
    if (l->phase == PHASE_CONNECTING) {
        /* libpq may close this socket and open another one under the same number. */
        (void)uv_poll_stop(poll);
        go_on_connecting(l, PQconnectPoll(l->conn));
        return;
    }
    if (status < 0 || ((events & UV_READABLE) && !PQconsumeInput(l->conn))) {
        lose_connection(l);
        return;
    }
    if ((events & UV_WRITABLE) && !flush(l)) {
        lose_connection(l);
        return;
    }
    if (l->phase == PHASE_ASKED || l->phase == PHASE_LATE)
        take_results(l);
    if (l->conn && PQstatus(l->conn) == CONNECTION_BAD)
        lose_connection(l);
}

/* ---- outside ---- */

enum err line_new(uv_loop_t *loop, const struct line_conf *conf, const struct line_calls *calls, struct line **line, struct fault *fault)
{
    *line = NULL;
    struct line *l = calloc(1, sizeof *l);
    if (!l)
        return fail(fault, ERR_LIMIT, "no memory for a connection");
    enum err e = pg_params_init(&l->params, &conf->pg, fault);
    if (e != OK) {
        free(l);
        return e;
    }
    l->loop = loop;
    l->calls = *calls;
    l->connect_limit_ms = conf->connect_limit_ms;
    l->backoff_min_ms = conf->backoff_min_ms;
    l->backoff_max_ms = conf->backoff_max_ms;
    l->fd = -1;
    l->told_end = true;
    rand_seed(&l->chance, conf->seed);
    (void)uv_timer_init(loop, &l->again);
    (void)uv_timer_init(loop, &l->limit);
    l->again.data = l->limit.data = l;
    l->handles = 2;
    (void)uv_timer_start(&l->again, on_again, 0, 0);   /* from the loop, so that nothing is called back from in here */
    *line = l;
    return OK;
}

void line_free(struct line *l)
{
    if (!l)
        return;
    close_connection(l);
    l->freed = true;
    uv_close((uv_handle_t *)&l->again, timer_closed);
    uv_close((uv_handle_t *)&l->limit, timer_closed);
}

bool    line_is_open(const struct line *l) { return l->phase == PHASE_OPEN; }
bool    line_is_busy(const struct line *l) { return l->phase == PHASE_ASKED || l->phase == PHASE_LATE; }
PGconn *line_conn(const struct line *l) { return l->phase >= PHASE_OPEN ? l->conn : NULL; }
