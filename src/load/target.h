/*
 * load/target.h - which database, and how to ask it something once.
 *
 * A DSN is what libpq takes: keyword=value pairs, a URI, or a database name; what it leaves out comes from libpq's
 * environment, service file and password file.  A DSN with a password in it is refused: arguments are readable by
 * everybody on the machine.
 */
#ifndef LOAD_TARGET_H
#define LOAD_TARGET_H

#include "base/err.h"

#include <libpq-fe.h>
#include <stddef.h>

#define LOAD_TARGET_WORDS 64   /* libpq 15 knows about 45 keywords */

struct load_target {
    char *keywords[LOAD_TARGET_WORDS + 1], *values[LOAD_TARGET_WORDS + 1];   /* NULL-terminated */
};

/* dsn NULL or "" means: all of it from libpq's environment. */
MUST_CHECK enum err load_target_parse(const char *dsn, struct load_target *t, struct fault *fault);
void load_target_done(struct load_target *t);

/* A blocking connection for the work before and beside the load. The caller closes it with PQfinish. */
MUST_CHECK enum err load_target_open(const struct load_target *t, PGconn **conn, struct fault *fault);
/* The same for work that takes as long as it takes: without the limits on time that the role or the database has for its clients. */
MUST_CHECK enum err load_target_open_patiently(const struct load_target *t, PGconn **conn, struct fault *fault);

/* A host that goes without a word, as one that is switched off, is noticed within a minute, unless the user says otherwise; the kernel would take two hours. */
void load_target_watch(PGconn *conn);

/* "host:port/database" of an open connection; nothing secret in it. */
void load_target_label(const PGconn *conn, char *out, size_t size);

/* One statement (or, without parameters, several). The caller clears *result; result may be NULL when rows are not wanted. */
MUST_CHECK enum err load_ask(PGconn *conn, const char *sql, int n, const char *const *values, PGresult **result, struct fault *fault);

/* A failed result or connection as a fault: the server's primary message, detail, SQLSTATE, without trailing newlines. */
enum err load_fault_of(PGconn *conn, const PGresult *result, struct fault *fault);

#endif
