/* load/session.c - libpq's pipeline mode behind batches; every wait ends by data, by the time limit, or by the run's end. */
#include "load/session.h"

#include "base/clock.h"
#include "load/sql.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define OID_INT4 23
#define OID_TEXT 25
#define CANCEL_WAIT_S 1                         /* a server that answers does so in a moment */
#define POLL_MAX_US (INT64_C(600) * US_PER_S)   /* a query may take weeks, which are too many milliseconds for an int */

static const struct { const char *name, *text; } statements[STATEMENTS] = {
#define X(id, constant) [STATEMENT_##id] = { #constant, sql_##constant },
    LOAD_STATEMENT_MAP(X)
#undef X
};

/* Wait for the socket. LOAD_DONE: something is there. */
static enum load_outcome wait_for(const struct load_session *s, short events, int64_t deadline_us, struct fault *fault)
{
    for (;;) {
        int64_t left_us = deadline_us - clock_mono_us(&clock_real);
        if (left_us <= 0) {
            (void)fail(fault, ERR_TIMEOUT, "no answer from the server within %.10g s", (double)s->timeout_us / 1e6);
            return LOAD_BROKEN;
        }
        struct pollfd fds[] = { { .fd = PQsocket(s->conn), .events = events }, { .fd = s->stop_fd, .events = POLLIN } };
        int           n = poll(fds, s->stop_fd >= 0 ? 2 : 1, left_us < POLL_MAX_US ? (int)(left_us / 1000 + 1) : (int)(POLL_MAX_US / 1000));
        if (n < 0 && errno != EINTR) {
            (void)fail(fault, ERR_IO, "poll: %s", strerror(errno));
            return LOAD_BROKEN;
        }
        if (n <= 0)
            continue;
        if (fds[0].revents)
            return LOAD_DONE;
        if (fds[1].revents)
            return LOAD_STOPPED;
    }
}

static enum load_outcome broken(struct load_session *s, struct fault *fault)
{
    (void)load_fault_of(s->conn, NULL, fault);
    return LOAD_BROKEN;
}

static enum load_outcome flush(struct load_session *s, int64_t deadline_us, struct fault *fault)
{
    int left;
    while ((left = PQflush(s->conn)) > 0) {
        enum load_outcome o = wait_for(s, POLLIN | POLLOUT, deadline_us, fault);
        if (o != LOAD_DONE)
            return o;
        if (!PQconsumeInput(s->conn))
            return broken(s, fault);
    }
    return left == 0 ? LOAD_DONE : broken(s, fault);
}

/* The next result; *result is NULL at the end of a statement's results. */
static enum load_outcome next_result(struct load_session *s, int64_t deadline_us, PGresult **result, struct fault *fault)
{
    while (PQisBusy(s->conn)) {
        enum load_outcome o = wait_for(s, POLLIN, deadline_us, fault);
        if (o != LOAD_DONE)
            return o;
        if (!PQconsumeInput(s->conn))
            return broken(s, fault);
    }
    *result = PQgetResult(s->conn);
    return LOAD_DONE;
}

static enum load_outcome outcome_of(struct load_session *s, const PGresult *failed, struct fault *fault)
{
    const char *state = PQresultErrorField(failed, PG_DIAG_SQLSTATE), *severity = PQresultErrorField(failed, PG_DIAG_SEVERITY_NONLOCALIZED);
    (void)load_fault_of(s->conn, failed, fault);
    (void)snprintf(s->sqlstate, sizeof s->sqlstate, "%s", state ? state : "");
    if (PQstatus(s->conn) == CONNECTION_BAD || !state)
        return LOAD_BROKEN;
    if (strcmp(state, "40001") == 0 || strcmp(state, "40P01") == 0)
        return LOAD_RETRY;
    /* Behind FATAL the server closes the connection; a server that became a standby (25006) must be left, to find the primary. */
    bool leave = !severity || strcmp(severity, "ERROR") != 0 || strcmp(state, "25006") == 0;
    return leave ? LOAD_BROKEN : LOAD_FAILED;
}

static void forget_results(struct load_session *s)
{
    for (int i = 0; i < s->sent; i++) {
        PQclear(s->results[i]);
        s->results[i] = NULL;
    }
    s->sent = 0;
}

void load_batch_begin(struct load_session *s)
{
    forget_results(s);
    s->sqlstate[0] = '\0';
    s->parameters = 0;
    s->used = 0;
}

/* Room for n more bytes of parameters. */
static char *take(struct load_session *s, size_t n)
{
    assert(s->used + n <= sizeof s->bytes);
    char *p = s->bytes + s->used;
    s->used += n;
    return p;
}

static void add(struct load_session *s, const char *value, size_t length, int format)
{
    assert(s->parameters < LOAD_PARAMETERS);
    s->values[s->parameters] = value;
    s->lengths[s->parameters] = (int)length;
    s->formats[s->parameters] = format;
    s->parameters++;
}

static char *put_u32(char *p, uint32_t v)
{
    v = htonl(v);
    memcpy(p, &v, sizeof v);
    return p + sizeof v;
}

void load_batch_int(struct load_session *s, int value)
{
    char *p = take(s, 4);
    (void)put_u32(p, (uint32_t)value);
    add(s, p, 4, 1);
}

void load_batch_text(struct load_session *s, const char *value) { add(s, value, 0, 0); }

/* The binary form of a one-dimensional array: dimensions, has nulls, element type, length, lower bound; then the elements. */
static char *put_array_head(char *p, uint32_t type, size_t n)
{
    const uint32_t head[] = { 1, 0, type, (uint32_t)n, 1 };
    for (size_t i = 0; i < sizeof head / sizeof head[0]; i++)
        p = put_u32(p, head[i]);
    return p;
}

void load_batch_ints(struct load_session *s, const int *values, size_t n)
{
    assert(n > 0 && n <= LOAD_ARRAY_MAX);
    size_t size = 20 + n * 8;
    char  *start = take(s, size), *p = put_array_head(start, OID_INT4, n);
    for (size_t i = 0; i < n; i++)
        p = put_u32(put_u32(p, 4), (uint32_t)values[i]);
    add(s, start, size, 1);
}

void load_batch_texts(struct load_session *s, const char *const *values, size_t n)
{
    assert(n > 0 && n <= LOAD_ARRAY_MAX);
    size_t size = 20;
    for (size_t i = 0; i < n; i++)
        size += 4 + strlen(values[i]);
    char *start = take(s, size), *p = put_array_head(start, OID_TEXT, n);
    for (size_t i = 0; i < n; i++) {
        size_t length = strlen(values[i]);
        p = put_u32(p, (uint32_t)length);
        memcpy(p, values[i], length);
        p += length;
    }
    add(s, start, size, 1);
}

void load_batch_put(struct load_session *s, enum load_statement which)
{
    assert(s->sent < LOAD_BATCH_MAX);
    /* A failure to send shows when the batch runs, as a broken connection. */
    (void)PQsendQueryPrepared(s->conn, statements[which].name, s->parameters, s->values, s->lengths, s->formats, 0);
    s->results[s->sent++] = NULL;
    s->parameters = 0;
    s->used = 0;
}

void load_batch_put_sql(struct load_session *s, const char *sql)
{
    assert(s->sent < LOAD_BATCH_MAX);
    (void)PQsendQueryParams(s->conn, sql, s->parameters, NULL, s->values, s->lengths, s->formats, 0);
    s->results[s->sent++] = NULL;
    s->parameters = 0;
    s->used = 0;
}

/* The wait for an answer ended without one. */
static enum load_outcome given_up(struct load_session *s, enum load_outcome o)
{
    s->unanswered = true;
    return o;
}

enum load_outcome load_batch_run(struct load_session *s, struct fault *fault)
{
    int64_t deadline_us = clock_mono_us(&clock_real) + s->timeout_us;
    if (!PQpipelineSync(s->conn))
        return broken(s, fault);
    enum load_outcome o = flush(s, deadline_us, fault), worst = LOAD_DONE;
    if (o != LOAD_DONE)
        return given_up(s, o);
    for (int place = 0, nothing = 0;;) {
        PGresult *r;
        o = next_result(s, deadline_us, &r, fault);
        if (o != LOAD_DONE)
            return given_up(s, o);
        if (!r) {   /* the end of one statement's results; twice in a row there is no more to come, not even the sync */
            if (++nothing > 1 || PQstatus(s->conn) == CONNECTION_BAD)
                return broken(s, fault);
            continue;
        }
        nothing = 0;
        ExecStatusType status = PQresultStatus(r);
        if (status == PGRES_PIPELINE_SYNC) {
            PQclear(r);
            return worst;
        }
        if (status == PGRES_FATAL_ERROR && worst == LOAD_DONE)
            worst = outcome_of(s, r, fault);
        if (worst == LOAD_BROKEN) {
            PQclear(r);
            return worst;
        }
        if (place < s->sent && status != PGRES_FATAL_ERROR) {
            PQclear(s->results[place]);
            s->results[place++] = r;
        } else {
            place++;
            PQclear(r);
        }
    }
}

int load_result_rows(const struct load_session *s, int place)
{
    assert(place < s->sent);
    return s->results[place] ? PQntuples(s->results[place]) : 0;
}

const char *load_result_text(const struct load_session *s, int place, int row, int column)
{
    assert(place < s->sent && row < load_result_rows(s, place));
    return PQgetvalue(s->results[place], row, column);
}

int load_result_int(const struct load_session *s, int place, int row, int column) { return atoi(load_result_text(s, place, row, column)); }

const PGresult *load_result(const struct load_session *s, int place)
{
    assert(place < s->sent);
    return s->results[place];
}

static void *send_cancel(void *ctx)
{
    char      why[256];
    PGcancel *c = ctx;
    (void)PQcancel(c, why, sizeof why);   /* when it fails, closing the connection does the same, later */
    PQfreeCancel(c);
    return NULL;
}

/* PQcancel waits for the server to hang up, for ever when the server stands still; so it gets a thread, which may be left behind. */
static void cancel(struct load_session *s)
{
    pthread_t       thread;
    struct timespec until;
    PGcancel       *c = PQgetCancel(s->conn);   /* NULL: the connection is gone already */
    if (!c)
        return;
    if (pthread_create(&thread, NULL, send_cancel, c) != 0) {
        PQfreeCancel(c);
        return;
    }
    (void)clock_gettime(CLOCK_REALTIME, &until);   /* the clock that pthread_timedjoin_np goes by */
    until.tv_sec += CANCEL_WAIT_S;
    if (pthread_timedjoin_np(thread, NULL, &until) != 0)
        (void)pthread_detach(thread);
}

bool load_session_in_transaction(const struct load_session *s) { return PQtransactionStatus(s->conn) != PQTRANS_IDLE; }

bool load_session_is_lost(struct load_session *s)
{
    /* A server that goes says so first; the end of the connection may be found behind that only. */
    struct pollfd fd = { .fd = PQsocket(s->conn), .events = POLLIN };
    while (poll(&fd, 1, 0) > 0)
        if (!PQconsumeInput(s->conn) || PQstatus(s->conn) == CONNECTION_BAD)
            return true;
    return false;
}

/* connect_timeout, however it was set; 0: none, or the user says with tcp_user_timeout how long a host may be silent. */
static unsigned host_limit_ms(PGconn *conn)
{
    long              limit_s = 0, silence_ms = 0;
    PQconninfoOption *options = PQconninfo(conn);
    for (PQconninfoOption *o = options; o && o->keyword; o++)
        if (o->val && strcmp(o->keyword, "connect_timeout") == 0)
            limit_s = strtol(o->val, NULL, 10);
        else if (o->val && strcmp(o->keyword, "tcp_user_timeout") == 0)
            silence_ms = strtol(o->val, NULL, 10);
    PQconninfoFree(options);
    return limit_s <= 0 || silence_ms > 0 ? 0 : 1000u * (unsigned)(limit_s < 3600 ? limit_s : 3600);
}

/*
 * Libpq keeps its connect_timeout only while it waits itself.  We wait, so the kernel has to say that a host is not there; else a host that is
 * switched off has all the time of the attempt, and those that the DSN names behind it are never asked.  A socket of another kind refuses, rightly.
 */
static void limit_silence(int fd, unsigned ms) { (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof ms); }

static enum load_outcome connect_within(struct load_session *s, int64_t deadline_us, struct fault *fault)
{
    s->conn = PQconnectStartParams((const char *const *)s->target->keywords, (const char *const *)s->target->values, 0);
    if (!s->conn || PQstatus(s->conn) == CONNECTION_BAD)
        return broken(s, fault);
    unsigned limit_ms = host_limit_ms(s->conn);
    for (PostgresPollingStatusType want = PGRES_POLLING_WRITING; want != PGRES_POLLING_OK; want = PQconnectPoll(s->conn)) {
        if (want == PGRES_POLLING_FAILED)
            return broken(s, fault);
        if (limit_ms)   /* each host has a socket of its own */
            limit_silence(PQsocket(s->conn), limit_ms);
        enum load_outcome o = wait_for(s, want == PGRES_POLLING_READING ? POLLIN : POLLOUT, deadline_us, fault);
        if (o != LOAD_DONE)
            return o;
    }
    if (limit_ms)
        limit_silence(PQsocket(s->conn), 0);   /* from here on --timeout says how long an answer may take */
    load_target_watch(s->conn);                /* and a query of TPC-H may take as long as it likes */
    return LOAD_DONE;
}

/* Libpq's own would write the server's notices to standard error, between our lines. */
static void be_silent(void *ctx, const char *message) { (void)ctx, (void)message; }

/* TPC-C: isolation and all statements. */
static bool send_statements(struct load_session *s)
{
    bool ok = PQsendQueryParams(s->conn, sql_load_set_isolation, 1, NULL, &s->isolation, NULL, NULL, 0) == 1;
    for (int i = 0; i < STATEMENTS && ok; i++)
        ok = PQsendPrepare(s->conn, statements[i].name, statements[i].text, 0, NULL) == 1;
    return ok;
}

/* TPC-H: where the tables are, and how long a query may take. */
static bool send_settings(struct load_session *s)
{
    char limit[32];
    (void)snprintf(limit, sizeof limit, "%lld", (long long)((s->query_timeout_us + US_PER_MS - 1) / US_PER_MS));
    const char *values[] = { s->schema, limit };
    return PQsendQueryParams(s->conn, sql_load_tpch_session, 2, NULL, values, NULL, NULL, 0) == 1;
}

static enum load_outcome prepare(struct load_session *s, struct fault *fault)
{
    (void)PQsetNoticeProcessor(s->conn, be_silent, NULL);
    if (PQsetnonblocking(s->conn, 1) != 0 || !PQenterPipelineMode(s->conn))
        return broken(s, fault);
    if (!(s->schema ? send_settings(s) : send_statements(s)))
        return broken(s, fault);
    return load_batch_run(s, fault);
}

enum load_outcome load_session_open(struct load_session *s, struct fault *fault)
{
    load_session_close(s);
    int64_t           deadline_us = clock_mono_us(&clock_real) + s->timeout_us;
    enum load_outcome o = connect_within(s, deadline_us, fault);
    if (o == LOAD_DONE)
        o = prepare(s, fault);
    if (o != LOAD_DONE)
        load_session_close(s);
    return o == LOAD_DONE || o == LOAD_STOPPED ? o : LOAD_BROKEN;
}

void load_session_close(struct load_session *s)
{
    forget_results(s);
    if (s->conn && s->unanswered)
        cancel(s);
    s->unanswered = false;
    PQfinish(s->conn);
    s->conn = NULL;
}
