/*
 * link/pg_error.c - what libpq and the server said, as a code, a sentence and what to do about it.
 *
 * Decided by SQLSTATE, because a server's text may be in any language; where the trouble is on our side of the wire
 * there is none, and libpq's own English is looked at.
 */
#include "link/pg.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

struct state_row { const char *state; enum err code; const char *hint; };

/* A state of two characters stands for its whole class; rows above win. */
static const struct state_row on_connect[] = {
    { "28P01", ERR_DENIED,  "write the right password into the file named by passfile (host:port:database:user:password, mode 0600)" },
    { "28000", ERR_DENIED,  "create the role (CREATE ROLE ... LOGIN; GRANT pg_monitor TO ...) and allow it in pg_hba.conf, then SELECT pg_reload_conf()" },
    { "3D000", ERR_MISSING, "name an existing database in dsn (dbname=postgres exists on most servers; psql -l lists them)" },
    { "42501", ERR_DENIED,  "GRANT CONNECT ON DATABASE <dbname> TO <user>" },
    { "53300", ERR_BUSY,    "all connection slots are taken; raise max_connections or free some, or set a limit on other roles" },
    { "57P03", ERR_BUSY,    "wait until the server accepts connections" },
    { "57P01", ERR_BUSY,    "the server is being stopped or the session was terminated; wait until it accepts connections" },
    { "57P02", ERR_BUSY,    "the server is recovering from a crash of one of its processes; wait until it accepts connections" },
    { "57P04", ERR_MISSING, "the database was dropped; name another one in dsn" },
    { "55000", ERR_BUSY,    "the database does not accept connections now" },
    { "08P01", ERR_STATE,   "something between us and the server does not pass start-up parameters on (a pooler?); connect to PostgreSQL itself" },
    { "0A000", ERR_STATE,   "this does not talk the protocol of PostgreSQL 14 or later" },
    { "22023", ERR_INPUT,   "look at options= in dsn" },
    { "42704", ERR_INPUT,   "look at options= in dsn" },
    { "53",    ERR_BUSY,    "the server is out of a resource" },
    { "58",    ERR_IO,      "" },
};

static const struct state_row on_query[] = {
    { "42501", ERR_DENIED,  "" },                     /* hint: see hint_privilege() */
    { "57014", ERR_TIMEOUT, "it took longer than statement_timeout or was cancelled" },
    { "55P03", ERR_BUSY,    "another session holds a lock; lock_timeout passed" },
    { "40001", ERR_BUSY,    "" },
    { "40P01", ERR_BUSY,    "" },
    { "55006", ERR_BUSY,    "" },
    { "25006", ERR_STATE,   "this server or session is read-only; give the primary as target" },
    { "55P02", ERR_STATE,   "this parameter cannot be changed while the server runs" },
    { "22023", ERR_INPUT,   "the value is not one that this parameter takes" },
    { "42704", ERR_MISSING, "" },
    { "42P01", ERR_MISSING, "" },
    { "42883", ERR_MISSING, "" },
    { "42703", ERR_MISSING, "" },
    { "0A",    ERR_STATE,   "" },
    { "22",    ERR_INPUT,   "" },
    { "42",    ERR_INPUT,   "" },
    { "53100", ERR_LIMIT,   "the server's disk is full" },
    { "53",    ERR_LIMIT,   "the server is out of a resource" },
    { "57P",   ERR_IO,      "the server ended the session; what the statement did must be read back" },
    { "08",    ERR_IO,      "the connection was lost; what the statement did must be read back" },
    { "58",    ERR_IO,      "the server could not read or write one of its files" },
    { "XX",    ERR_IO,      "" },
};

/* libpq's own words, when no server has spoken. */
static const struct { const char *says; enum err code; const char *hint; } by_text[] = {
    { "could not translate host name", ERR_IO,      "the host name in dsn is not known here" },
    { "Connection refused",            ERR_IO,      "nothing listens there: check host and port in dsn, listen_addresses, and whether the server runs" },
    { "No such file or directory",     ERR_IO,      "no socket there: check the folder given as host and the port, and whether the server runs" },
    { "Permission denied",             ERR_DENIED,  "this operating system user may not open the socket" },
    { "No route to host",              ERR_IO,      "check host in dsn and the network or firewall on the way" },
    { "Network is unreachable",        ERR_IO,      "check host in dsn and the network" },
    { "timeout expired",               ERR_TIMEOUT, "check host and port in dsn, and the firewall on the way" },
    { "timed out",                     ERR_TIMEOUT, "check host and port in dsn, and the firewall on the way" },
    { "no password supplied",          ERR_DENIED,  "the server asks for a password: write it into the file named by passfile (host:port:database:user:password, mode 0600)" },
    { "password authentication failed", ERR_DENIED, "write the right password into the file named by passfile" },
    { "does not support SSL",          ERR_STATE,   "set sslmode=prefer in dsn, or switch ssl on in the server" },
    { "certificate",                   ERR_DENIED,  "check sslrootcert and sslmode in dsn against the server's certificate" },
    { "SSL",                           ERR_IO,      "check sslmode in dsn" },
    { "read-only",                     ERR_STATE,   "give the primary as target" },
    { "closed the connection unexpectedly", ERR_IO, "the server went away: look into its log" },
};

/* ":  28P01: " is how verbose messages carry it, whatever the language of the words around it. */
static bool find_state(const char *message, char state[6])
{
    for (const char *p = strstr(message, ":  "); p; p = strstr(p + 1, ":  ")) {
        const char *s = p + 3;
        int         n = 0;
        while (n < 5 && (isdigit((unsigned char)s[n]) || isupper((unsigned char)s[n])))
            n++;
        if (n == 5 && s[5] == ':') {
            memcpy(state, s, 5);
            state[5] = '\0';
            return true;
        }
    }
    return false;
}

static const struct state_row *row_of(const struct state_row *rows, size_t n, const char *state)
{
    for (size_t i = 0; i < n; i++)
        if (strncmp(rows[i].state, state, strlen(rows[i].state)) == 0)
            return &rows[i];
    return NULL;
}
#define ROW_OF(rows, state) row_of(rows, sizeof(rows) / sizeof *(rows), state)

/* The first line, without libpq's address prefix, the SQLSTATE and the place in the server's source. */
static void short_text(const char *message, const char *state, char *out, size_t size)
{
    const char *from = message;
    char        mark[12];
    if (state) {
        (void)snprintf(mark, sizeof mark, ":  %s: ", state);
        const char *at = strstr(message, mark);
        if (at)
            from = at + strlen(mark);
    } else {
        const char *at = strstr(message, " failed: ");
        if (at)
            from = at + strlen(" failed: ");
    }
    size_t n = strcspn(from, "\n");
    (void)snprintf(out, size, "%.*s", (int)(n < size ? n : size - 1), from);
}

static void who_and_where(PGconn *c, char *out, size_t size)
{
    const char *host = PQhost(c), *port = PQport(c), *user = PQuser(c), *db = PQdb(c);
    (void)snprintf(out, size, "%.80s:%.12s (database %.60s, user %.60s)", host && *host ? host : "the local socket", port ? port : "?",
                   db && *db ? db : "?", user && *user ? user : "?");
}

enum err pg_fault_connect(PGconn *c, struct fault *fault)
{
    const char *message = c ? PQerrorMessage(c) : "out of memory";
    char        state[6], where[256] = "", text[160];
    if (c)
        who_and_where(c, where, sizeof where);
    if (find_state(message, state)) {
        const struct state_row *row = ROW_OF(on_connect, state);
        short_text(message, state, text, sizeof text);
        enum err e = fail(fault, row ? row->code : ERR_IO, "%s refused the connection: %s (%s)", where, text, state);
        if (row && *row->hint)
            fail_hint(fault, "%s", row->hint);
        return e;
    }
    short_text(message, NULL, text, sizeof text);
    for (size_t i = 0; i < sizeof by_text / sizeof *by_text; i++)
        if (strstr(message, by_text[i].says)) {
            enum err e = fail(fault, by_text[i].code, "cannot connect to %s: %s", where, text);
            fail_hint(fault, "%s", by_text[i].hint);
            return e;
        }
    return fail(fault, ERR_IO, "cannot connect to %s: %s", where, *text ? text : "no reason given");
}

/* Name the GRANT. The server's English is tried first; in another language the general advice has to do. */
static void hint_privilege(PGconn *c, const char *message, struct fault *fault)
{
    const char *user = c && PQuser(c) ? PQuser(c) : "the role";
    char        kind[32] = "", name[96] = "";
    if (strncmp(message, "could not ", 10) == 0)   /* a file, not a role: errors of the system carry the same state */
        fail_hint(fault, "the server itself was not allowed to do that: look at the owner, the mode and the mount of the file, and at SELinux or AppArmor");
    else if (sscanf(message, "permission denied to set parameter \"%95[^\"]\"", name) == 1)
        fail_hint(fault, "GRANT ALTER SYSTEM ON PARAMETER %s TO %s (PostgreSQL 15 and later), or connect as a superuser", name, user);
    else if (strstr(message, "pg_checkpoint") || strstr(message, "CHECKPOINT"))
        fail_hint(fault, "GRANT pg_checkpoint TO %s (PostgreSQL 15 and later), or connect as a superuser", user);
    else if (sscanf(message, "permission denied for %31s %95s", kind, name) == 2 && strcmp(kind, "function") == 0)
        fail_hint(fault, "GRANT EXECUTE ON FUNCTION %s() TO %s", name, user);
    else if (strncmp(name, "pg_stat", 7) == 0)
        fail_hint(fault, "GRANT pg_monitor TO %s", user);
    else if (strcmp(kind, "table") == 0 || strcmp(kind, "view") == 0)
        fail_hint(fault, "GRANT SELECT ON %s TO %s", name, user);
    else
        fail_hint(fault, "the role %s lacks a privilege; GRANT pg_monitor is enough to watch, acting needs what 'homeostat init' lists", user);
}

enum err pg_fault_result(PGconn *c, const PGresult *r, const char *what, struct fault *fault)
{
    const char *state = r ? PQresultErrorField(r, PG_DIAG_SQLSTATE) : NULL;
    const char *message = r ? PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    if (!state || !message) {
        char text[160];
        short_text(c ? PQerrorMessage(c) : "no connection", NULL, text, sizeof text);
        enum err e = fail(fault, ERR_IO, "cannot %s: %s", what, *text ? text : "the connection was lost");
        fail_hint(fault, "the server went away: look into its log");
        return e;
    }
    const struct state_row *row = ROW_OF(on_query, state);
    enum err e = fail(fault, row ? row->code : ERR_IO, "cannot %s: %.240s (%s)", what, message, state);
    const char *server_hint = PQresultErrorField(r, PG_DIAG_MESSAGE_HINT);
    if (e == ERR_DENIED)
        hint_privilege(c, message, fault);
    else if (server_hint)
        fail_hint(fault, "%s", server_hint);
    else if (row && *row->hint)
        fail_hint(fault, "%s", row->hint);
    return e;
}

enum err pg_check_server(PGconn *c, struct fault *fault)
{
    int v = PQserverVersion(c);
    if (v >= PG_VERSION_LEAST)
        return OK;
    enum err e = v <= 0 ? fail(fault, ERR_STATE, "the server does not say which version it is")
                        : fail(fault, ERR_STATE, "the server is PostgreSQL %d.%d, too old to work with", v / 10000, v >= 100000 ? v % 10000 : v / 100 % 100);
    fail_hint(fault, "PostgreSQL 14 or later is needed");
    return e;
}
