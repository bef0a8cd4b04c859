/* load/target.c - parsing of DSNs with libpq's own parser, and blocking questions. */
#include "load/target.h"

#include "load/sql.h"

#include <assert.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static enum err refuse_password(struct fault *fault)
{
    enum err code = fail(fault, ERR_DENIED, "the DSN contains a password, and arguments are readable by everybody on this machine");
    fail_hint(fault, "leave it out and put it into ~/.pgpass (or the file named by PGPASSFILE), a service file, or the environment as PGPASSWORD");
    return code;
}

/* Taken for a database's name, a URI with a slip in its first word would be told to the server and to the log, with whatever secret it holds. */
static bool is_connection_string(const char *dsn) { return strchr(dsn, '=') || strstr(dsn, "://"); }

static void set(struct load_target *t, size_t i, const char *keyword, const char *value)
{
    assert(i < LOAD_TARGET_WORDS);
    t->keywords[i] = strdup(keyword);
    t->values[i] = strdup(value);
    assert(t->keywords[i] && t->values[i]);
}

static enum err parse_options(const char *dsn, struct load_target *t, size_t *n, struct fault *fault)
{
    char             *why = NULL;
    PQconninfoOption *options = PQconninfoParse(dsn, &why);
    if (!options) {
        /* libpq quotes the place it stumbled over, which may be half of a secret. */
        bool     tell = why && !strcasestr(dsn, "pass") && !strchr(dsn, '@');
        enum err code = fail(fault, ERR_INPUT, "the DSN is malformed%s%.*s", tell ? ": " : "", tell ? (int)strcspn(why, "\n") : 0, tell ? why : "");
        fail_hint(fault, "write \"host=127.0.0.1 port=5432 user=postgres dbname=tpcc\" or postgresql://user@host:port/database");
        PQfreemem(why);
        return code;
    }
    enum err code = OK;
    for (PQconninfoOption *o = options; o->keyword && code == OK; o++) {
        if (!o->val)
            continue;
        if (strcmp(o->keyword, "password") == 0 || strcmp(o->keyword, "sslpassword") == 0)
            code = refuse_password(fault);
        else if (*n >= LOAD_TARGET_WORDS - 2)
            code = fail(fault, ERR_LIMIT, "the DSN has too many keywords");
        else
            set(t, (*n)++, o->keyword, o->val);
    }
    PQconninfoFree(options);
    return code;
}

enum err load_target_parse(const char *dsn, struct load_target *t, struct fault *fault)
{
    size_t n = 0;
    *t = (struct load_target){ 0 };
    if (dsn && *dsn && !is_connection_string(dsn)) {
        set(t, n++, "dbname", dsn);
    } else if (dsn && *dsn) {
        enum err code = parse_options(dsn, t, &n, fault);
        if (code != OK) {
            load_target_done(t);
            return code;
        }
    }
    bool has_timeout = false;
    for (size_t i = 0; i < n; i++)
        has_timeout = has_timeout || strcmp(t->keywords[i], "connect_timeout") == 0;
    if (!has_timeout && !getenv("PGCONNECT_TIMEOUT"))
        set(t, n++, "connect_timeout", "10");
    set(t, n++, "fallback_application_name", "homeostat-load");
    return OK;
}

void load_target_done(struct load_target *t)
{
    for (size_t i = 0; t->keywords[i]; i++) {
        free(t->keywords[i]);
        free(t->values[i]);
    }
    *t = (struct load_target){ 0 };
}

void load_target_watch(PGconn *conn)
{
    static const struct { const char *keyword; int option, value; } probes[] = {
        { "keepalives_idle", TCP_KEEPIDLE, 30 }, { "keepalives_interval", TCP_KEEPINTVL, 10 }, { "keepalives_count", TCP_KEEPCNT, 3 },
    };
    PQconninfoOption *options = PQconninfo(conn);
    for (PQconninfoOption *o = options; o && o->keyword; o++)
        for (size_t i = 0; i < sizeof probes / sizeof probes[0]; i++)
            if (strcmp(o->keyword, probes[i].keyword) == 0 && !(o->val && *o->val))
                (void)setsockopt(PQsocket(conn), IPPROTO_TCP, probes[i].option, &probes[i].value, sizeof probes[i].value);   /* a socket of another kind refuses, rightly */
    PQconninfoFree(options);
}

enum err load_target_open(const struct load_target *t, PGconn **conn, struct fault *fault)
{
    *conn = PQconnectdbParams((const char *const *)t->keywords, (const char *const *)t->values, 0);
    if (*conn && PQstatus(*conn) == CONNECTION_OK) {
        load_target_watch(*conn);
        return OK;
    }
    enum err code = load_fault_of(*conn, NULL, fault);
    if (*conn && PQconnectionNeedsPassword(*conn))
        fail_hint(fault, "the server wants a password: ~/.pgpass (or PGPASSFILE), a service file, or PGPASSWORD in the environment");
    (void)fail_in(fault, "cannot connect");
    PQfinish(*conn);
    *conn = NULL;
    return code;
}

enum err load_target_open_patiently(const struct load_target *t, PGconn **conn, struct fault *fault)
{
    enum err code = load_target_open(t, conn, fault);
    if (code == OK)
        code = load_ask(*conn, sql_load_no_limits, 0, NULL, NULL, fault);
    if (code != OK) {
        PQfinish(*conn);
        *conn = NULL;
    }
    return code;
}

void load_target_label(const PGconn *conn, char *out, size_t size)
{
    const char *host = PQhost(conn), *port = PQport(conn), *name = PQdb(conn);
    (void)snprintf(out, size, "%s:%s/%s", host && *host ? host : "local", port ? port : "", name ? name : "");
}

enum err load_ask(PGconn *conn, const char *sql, int n, const char *const *values, PGresult **result, struct fault *fault)
{
    PGresult *r = n > 0 ? PQexecParams(conn, sql, n, NULL, values, NULL, NULL, 0) : PQexec(conn, sql);
    ExecStatusType status = PQresultStatus(r);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_COPY_IN) {
        enum err code = load_fault_of(conn, r, fault);
        PQclear(r);
        if (result)
            *result = NULL;
        return code;
    }
    if (result)
        *result = r;
    else
        PQclear(r);
    return OK;
}

enum err load_fault_of(PGconn *conn, const PGresult *result, struct fault *fault)
{
    const char *primary = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    if (primary) {
        const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE), *detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
        enum err    code = fail(fault, ERR_IO, "%s%s%s%s (SQLSTATE %s)", primary, detail ? " (" : "", detail ? detail : "", detail ? ")" : "", state ? state : "?");
        const char *hint = PQresultErrorField(result, PG_DIAG_MESSAGE_HINT);
        if (hint)
            fail_hint(fault, "%s", hint);
        return code;
    }
    const char *message = conn ? PQerrorMessage(conn) : "out of memory";
    size_t      n = strlen(message);
    while (n > 0 && message[n - 1] == '\n')
        n--;
    if (n == 0)
        return fail(fault, ERR_IO, "the connection to the server is lost");
    enum err code = fail(fault, ERR_IO, "%.*s", (int)n, message);
    for (char *p = fault ? fault->text : NULL; p && *p; p++)
        if (*p == '\n')
            *p = ' ';
    return code;
}
