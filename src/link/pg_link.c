/*
 * link/pg_link.c - blocking conversations with PostgreSQL that end when they were told to.
 *
 * libpq's own blocking calls wait for as long as a frozen server likes, so everything here is sent without blocking and
 * waited for with poll().
 */
#include "link/pg.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* How long we wait for a cancelled statement to admit that it was; and how many cancels may hang on frozen servers. */
enum { CANCEL_GRACE_MS = 1000, CANCELS_MAX = 8, WATCH_MS = 250, COPY_PIECE = 256 * 1024 };

struct pg_link {
    PGconn *conn;
    bool    broken;
    char    state[6];              /* SQLSTATE of the last statement that failed; "" when no server said one */
    bool    of_table;              /* and whether a table was named, but no column and no constraint of it */
    bool  (*give_up)(void *ctx);   /* NULL: only the deadline ends a statement */
    void   *give_up_ctx;
};

static int64_t now_us(void) { return clock_mono_us(&clock_real); }

/* 1: ready, 0: deadline passed, -1: poll itself failed. */
static int wait_for(int fd, short events, int64_t deadline_us)
{
    for (;;) {
        int64_t left_us = deadline_us - now_us();
        if (left_us <= 0)
            return 0;
        int64_t       left_ms = (left_us + US_PER_MS - 1) / US_PER_MS;
        struct pollfd p = { .fd = fd, .events = events };
        int           n = poll(&p, 1, left_ms > 3600000 ? 3600000 : (int)left_ms);
        if (n > 0)
            return 1;
        if (n < 0 && errno != EINTR)
            return -1;
    }
}

/* As wait_for(), in short pieces while somebody may want to give up. */
static int wait_watched(const struct pg_link *l, short events, int64_t deadline_us)
{
    while (l->give_up) {
        int64_t soon_us = now_us() + WATCH_MS * US_PER_MS;
        int     ready = wait_for(PQsocket(l->conn), events, soon_us < deadline_us ? soon_us : deadline_us);
        if (ready != 0 || soon_us >= deadline_us || l->give_up(l->give_up_ctx))
            return ready;
    }
    return wait_for(PQsocket(l->conn), events, deadline_us);
}

static enum err connect_within(const struct pg_link *l, int64_t deadline_us, struct fault *fault)
{
    PGconn                   *c = l->conn;
    PostgresPollingStatusType want = PGRES_POLLING_WRITING;
    while (PQstatus(c) != CONNECTION_BAD) {
        int ready = wait_watched(l, want == PGRES_POLLING_READING ? POLLIN : POLLOUT, deadline_us);
        if (ready < 0)
            return fail(fault, ERR_IO, "cannot wait for a connection: %s", strerror(errno));
        if (ready == 0) {
            enum err e = fail(fault, ERR_TIMEOUT, "no answer from %.80s:%.12s in time", PQhost(c) && *PQhost(c) ? PQhost(c) : "the local socket", PQport(c));
            fail_hint(fault, "check host and port in dsn and the firewall on the way; a frozen or overloaded server looks the same");
            return e;
        }
        want = PQconnectPoll(c);
        if (want == PGRES_POLLING_OK)
            return pg_check_server(c, fault);
        if (want == PGRES_POLLING_FAILED)
            break;
    }
    return pg_fault_connect(c, fault);
}

/* Whatever is below a warning is not told either. */
static void on_notice(void *ctx, const PGresult *r)
{
    struct pg_warned *w = ctx;
    const char       *severity = PQresultErrorField(r, PG_DIAG_SEVERITY_NONLOCALIZED), *text = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
    if (!w || !severity || !text || strcmp(severity, "WARNING") != 0 || strncmp(w->last, text, sizeof w->last - 1) == 0)
        return;
    (void)text_copy(w->last, sizeof w->last, text);
    log_warn("PostgreSQL warns", F("who", w->who), F("warning", text));
}

enum err pg_link_open(const struct pg_link_conf *conf, int64_t deadline_us, struct pg_link **link, struct fault *fault)
{
    *link = NULL;
    struct pg_params params;
    enum err e = pg_params_init(&params, conf, fault);
    if (e != OK)
        return e;
    if (conf->connect_timeout_ms > 0) {
        int64_t own_us = now_us() + conf->connect_timeout_ms * US_PER_MS;
        deadline_us = own_us < deadline_us ? own_us : deadline_us;
    }
    PGconn *c = pg_params_start(&params, fault);
    pg_params_done(&params);
    if (!c)
        return ERR_LIMIT;
    struct pg_link *l = calloc(1, sizeof *l);
    if (!l) {
        PQfinish(c);
        return fail(fault, ERR_LIMIT, "no memory for a connection");
    }
    (void)PQsetNoticeReceiver(c, on_notice, conf->warned);
    *l = (struct pg_link){ .conn = c, .give_up = conf->give_up, .give_up_ctx = conf->give_up_ctx };
    e = connect_within(l, deadline_us, fault);
    if (e == OK && PQsetnonblocking(c, 1) != 0)
        e = fail(fault, ERR_LIMIT, "no memory for a connection");
    if (e == OK)
        *link = l;
    else
        pg_link_close(l);
    return e;
}

void pg_link_close(struct pg_link *l)
{
    if (!l)
        return;
    PQfinish(l->conn);
    free(l);
}

bool    pg_link_alive(const struct pg_link *l) { return l && !l->broken && PQstatus(l->conn) == CONNECTION_OK; }
void    pg_link_watch(struct pg_link *l, bool (*give_up)(void *ctx), void *ctx) { l->give_up = give_up, l->give_up_ctx = ctx; }
PGconn *pg_link_conn(struct pg_link *l) { return l->conn; }
const char *pg_link_state(const struct pg_link *l) { return l->state; }
bool    pg_link_of_table(const struct pg_link *l) { return l->of_table; }
int     pg_link_version(const struct pg_link *l) { return PQserverVersion(l->conn); }

/* ---- giving up on a statement ---- */

static atomic_int cancels_under_way;

static void *cancel_thread(void *arg)
{
    PGcancel *cancel = arg;
    char      ignored[256];
    (void)PQcancel(cancel, ignored, sizeof ignored);   /* hangs on a frozen server, which is why it has its own thread */
    PQfreeCancel(cancel);
    atomic_fetch_sub(&cancels_under_way, 1);
    return NULL;
}

static void ask_to_cancel(PGconn *c)
{
    PGcancel *cancel = PQgetCancel(c);
    if (!cancel)
        return;
    pthread_t thread;
    if (atomic_fetch_add(&cancels_under_way, 1) >= CANCELS_MAX || pthread_create(&thread, NULL, cancel_thread, cancel) != 0) {
        atomic_fetch_sub(&cancels_under_way, 1);
        PQfreeCancel(cancel);
        return;
    }
    (void)pthread_detach(thread);
}

/* ---- statements ---- */

enum { READY = 1, LATE = 0, LOST = -1 };

static int flush_within(const struct pg_link *l, int64_t deadline_us)
{
    for (;;) {
        int n = PQflush(l->conn);
        if (n <= 0)
            return n == 0 ? READY : LOST;
        int ready = wait_watched(l, POLLIN | POLLOUT, deadline_us);
        if (ready <= 0)
            return ready == 0 ? LATE : LOST;
        if (!PQconsumeInput(l->conn))
            return LOST;
    }
}

/* The last result of the statement; keeps reading until libpq says that it is over. */
static int gather_within(const struct pg_link *l, int64_t deadline_us, PGresult **last)
{
    PGconn *c = l->conn;
    for (;;) {
        while (PQisBusy(c)) {
            int ready = wait_watched(l, POLLIN, deadline_us);
            if (ready <= 0)
                return ready == 0 ? LATE : LOST;
            if (!PQconsumeInput(c))
                return LOST;
        }
        PGresult *r = PQgetResult(c);
        if (!r)
            return READY;
        PQclear(*last);
        *last = r;
        ExecStatusType s = PQresultStatus(r);
        if (s == PGRES_COPY_IN || s == PGRES_COPY_OUT || s == PGRES_COPY_BOTH)
            return LOST;   /* pg_link_copy() has dealt with the one that it began */
    }
}

static void brief(const char *sql, char *out, size_t size)
{
    (void)snprintf(out, size, "run \"%.*s%s\"", (int)size - 16, sql, strlen(sql) > size - 16 ? "..." : "");
}

/* What came of a statement. last is given away; *result may be NULL: nobody wants it. */
static enum err conclude(struct pg_link *l, int how, PGresult *last, const char *what, PGresult **result, struct fault *fault)
{
    l->state[0] = '\0';
    if (how == LATE) {
        bool told = l->give_up && l->give_up(l->give_up_ctx);
        ask_to_cancel(l->conn);
        l->give_up = NULL;   /* already given up: what is waited for now is its end */
        int ended = gather_within(l, now_us() + CANCEL_GRACE_MS * US_PER_MS, &last);
        l->broken = ended != READY;
        PQclear(last);
        enum err e = fail(fault, ERR_TIMEOUT, "gave up to %s: %s", what, told ? "something else is to be done" : "it took longer than it was allowed to");
        fail_hint(fault, "what it did must be read back");
        return e;
    }
    ExecStatusType s = last ? PQresultStatus(last) : PGRES_FATAL_ERROR;
    if (how == LOST || (s != PGRES_TUPLES_OK && s != PGRES_COMMAND_OK && s != PGRES_EMPTY_QUERY)) {
        const char *state = last ? PQresultErrorField(last, PG_DIAG_SQLSTATE) : NULL;
        (void)snprintf(l->state, sizeof l->state, "%s", state ? state : "");
        l->of_table = last && PQresultErrorField(last, PG_DIAG_TABLE_NAME) && !PQresultErrorField(last, PG_DIAG_COLUMN_NAME) && !PQresultErrorField(last, PG_DIAG_CONSTRAINT_NAME);
        l->broken = how == LOST || PQstatus(l->conn) != CONNECTION_OK;
        enum err e = pg_fault_result(l->conn, last, what, fault);
        PQclear(last);
        return e;
    }
    if (result)
        *result = last;
    else
        PQclear(last);
    return OK;
}

static enum err may_begin(struct pg_link *l, const char *what, int64_t deadline_us, struct fault *fault)
{
    l->state[0] = '\0';
    if (!pg_link_alive(l))
        return fail(fault, ERR_IO, "cannot %s: the connection was lost before", what);
    if (now_us() >= deadline_us)
        return fail(fault, ERR_TIMEOUT, "no time left to %s", what);
    return OK;
}

enum err pg_link_query(struct pg_link *l, const char *sql, int n, const char *const *values, int64_t deadline_us, PGresult **result,
                       struct fault *fault)
{
    assert(n >= 0 && n <= PG_QUERY_PARAMS_MAX);
    *result = NULL;
    char what[120];
    brief(sql, what, sizeof what);
    enum err e = may_begin(l, what, deadline_us, fault);
    if (e != OK)
        return e;
    PGresult *last = NULL;
    int       how = PQsendQueryParams(l->conn, sql, n, NULL, values, NULL, NULL, 0) ? flush_within(l, deadline_us) : LOST;
    if (how == READY)
        how = gather_within(l, deadline_us, &last);
    return conclude(l, how, last, what, result, fault);
}

/* Until the server says that it wants data. *last: what it said instead. */
static int begin_copy(const struct pg_link *l, const char *sql, int64_t deadline_us, PGresult **last)
{
    PGconn *c = l->conn;
    int     how = PQsendQuery(c, sql) ? flush_within(l, deadline_us) : LOST;
    while (how == READY && PQisBusy(c)) {
        int ready = wait_watched(l, POLLIN, deadline_us);
        how = ready < 0 || (ready > 0 && !PQconsumeInput(c)) ? LOST : ready == 0 ? LATE : READY;
    }
    *last = how == READY ? PQgetResult(c) : NULL;
    return how;
}

static int put_copy(const struct pg_link *l, const char *data, size_t n, int64_t deadline_us)
{
    int how = READY;
    for (size_t at = 0, piece; how == READY && at < n; at += piece) {
        piece = n - at < COPY_PIECE ? n - at : COPY_PIECE;
        int put = PQputCopyData(l->conn, data + at, (int)piece);
        if (put == 0)
            piece = 0;        /* no room: flush, then once more */
        how = put < 0 ? LOST : flush_within(l, deadline_us);
    }
    return how;
}

enum err pg_link_copy(struct pg_link *l, const char *sql, const char *data, size_t n, int64_t deadline_us, struct fault *fault)
{
    char what[120];
    brief(sql, what, sizeof what);
    enum err e = may_begin(l, what, deadline_us, fault);
    if (e != OK)
        return e;
    PGresult *last = NULL;
    int       how = begin_copy(l, sql, deadline_us, &last);
    if (how == READY && PQresultStatus(last) == PGRES_COPY_IN) {
        PQclear(last);
        last = NULL;
        how = put_copy(l, data, n, deadline_us);
        for (int put = 0; how == READY && put == 0; ) {
            put = PQputCopyEnd(l->conn, NULL);
            how = put < 0 ? LOST : flush_within(l, deadline_us);
        }
    }
    if (how == READY)
        how = gather_within(l, deadline_us, &last);
    return conclude(l, how, last, what, NULL, fault);
}

enum err pg_link_run(struct pg_link *l, const char *sql, int64_t deadline_us, struct fault *fault)
{
    PGresult *r = NULL;
    enum err  e = pg_link_query(l, sql, 0, NULL, deadline_us, &r, fault);
    PQclear(r);
    return e;
}

void pg_result_clear(PGresult **r)
{
    PQclear(*r);
    *r = NULL;
}

const char *pg_cell(const PGresult *r, int row, int column)
{
    if (row >= PQntuples(r) || column >= PQnfields(r) || PQgetisnull(r, row, column))
        return NULL;
    return PQgetvalue(r, row, column);
}
