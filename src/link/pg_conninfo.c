/*
 * link/pg_conninfo.c - from a conninfo that a person wrote to the arrays that libpq takes.
 *
 * A password does not belong into a configuration file that is printed, diffed and mailed, so it is refused here, before
 * anything has been logged.  What the person set stays; our time limits are added to it.
 */
#include "link/pg.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

enum { OPTIONS_MAX = 4096, DSN_MAX = 8192 };

static const char *const secrets[] = { "password", "sslpassword" };

/* A parser's message quotes the place where it stumbled, which may be the middle of a password. */
static bool may_hold_a_secret(const char *dsn)
{
    return strstr(dsn, "pass") || (strstr(dsn, "://") && strchr(dsn, '@'));
}

static enum err set(struct pg_params *p, const char *keyword, const char *value, struct fault *fault)
{
    char *copy = strdup(value);
    if (!copy)
        return fail(fault, ERR_LIMIT, "no memory for a connection parameter");
    for (int i = 0; i < p->count; i++)
        if (strcmp(p->keyword[i], keyword) == 0) {
            free((char *)(uintptr_t)p->value[i]);
            p->value[i] = copy;
            return OK;
        }
    char *name = p->count < PG_PARAMS_MAX ? strdup(keyword) : NULL;
    if (!name) {
        free(copy);
        return fail(fault, ERR_LIMIT, "too many connection parameters (at most %d)", PG_PARAMS_MAX);
    }
    p->keyword[p->count] = name;
    p->value[p->count++] = copy;
    return OK;
}

static enum err set_default(struct pg_params *p, const char *keyword, const char *value, struct fault *fault)
{
    return pg_params_get(p, keyword) ? OK : set(p, keyword, value, fault);
}

static enum err take_dsn(struct pg_params *p, const char *dsn, struct fault *fault)
{
    if (strlen(dsn) > DSN_MAX)
        return fail(fault, ERR_INPUT, "dsn is longer than %d bytes", DSN_MAX);
    char              *why = NULL;
    PQconninfoOption *options = PQconninfoParse(dsn, &why);
    if (!options) {
        enum err e = fail(fault, ERR_INPUT, "dsn is not a connection string%s%.200s", may_hold_a_secret(dsn) || !why ? "" : ": ",
                          may_hold_a_secret(dsn) || !why ? "" : why);
        if (fault)
            fault->text[strcspn(fault->text, "\n")] = '\0';
        fail_hint(fault, "write dsn: \"host=127.0.0.1 port=5432 dbname=postgres user=homeostat\" or postgresql://homeostat@127.0.0.1:5432/postgres");
        PQfreemem(why);
        return e;
    }
    enum err e = OK;
    for (const PQconninfoOption *o = options; e == OK && o->keyword; o++) {
        if (!o->val)
            continue;
        for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++)
            if (strcmp(o->keyword, secrets[i]) == 0 && *o->val) {
                e = fail(fault, ERR_INPUT, "dsn carries a %s", secrets[i]);
                fail_hint(fault, "take it out and put the password into a file of mode 0600 (host:port:database:user:password) named by passfile, "
                                 "or use service= with a pg_service.conf");
            }
        if (e == OK && *o->val)
            e = set(p, o->keyword, o->val, fault);
    }
    PQconninfoFree(options);
    return e;
}

/* Ours come last: a person's own "-c statement_timeout" would otherwise lift the bound that we rely on. */
static enum err set_options(struct pg_params *p, const struct pg_link_conf *conf, struct fault *fault)
{
    struct text t CLEANUP(text_done);
    text_init(&t, OPTIONS_MAX);
    const char *own = pg_params_get(p, "options");
    if (own)
        text_add(&t, own);
    if (conf->statement_timeout_ms > 0)
        text_printf(&t, "%s-c statement_timeout=%d", t.used ? " " : "", conf->statement_timeout_ms);
    if (conf->lock_timeout_ms > 0)
        text_printf(&t, "%s-c lock_timeout=%d", t.used ? " " : "", conf->lock_timeout_ms);
    /* A function or an operator in a schema of the path that fits its arguments better than the server's own would be called instead, with our rights. */
    if (conf->only_catalog)
        text_printf(&t, "%s-c search_path=pg_catalog", t.used ? " " : "");
    /* Where costs of jit are absurd, compiling our queries takes longer than running them. Not jit=off: what is read from
     * pg_settings in this session is taken for the server's, and jit is a parameter that we may change. */
    text_printf(&t, "%s-c jit_above_cost=-1", t.used ? " " : "");
    if (t.cut)
        return fail(fault, ERR_INPUT, "options in dsn are longer than %d bytes", OPTIONS_MAX);
    return set(p, "options", t.s, fault);
}

static enum err set_keepalives(struct pg_params *p, struct fault *fault)
{
    static const char *const rows[][2] = {
        { "keepalives", "1" }, { "keepalives_idle", "10" }, { "keepalives_interval", "5" }, { "keepalives_count", "3" }, { "tcp_user_timeout", "25000" },
    };
    enum err e = OK;
    for (size_t i = 0; e == OK && i < sizeof rows / sizeof *rows; i++)
        e = set_default(p, rows[i][0], rows[i][1], fault);
    return e;
}

enum err pg_params_init(struct pg_params *p, const struct pg_link_conf *conf, struct fault *fault)
{
    *p = (struct pg_params){ 0 };
    enum err e = take_dsn(p, conf->dsn ? conf->dsn : "", fault);
    if (e == OK && conf->passfile && *conf->passfile)
        e = set(p, "passfile", conf->passfile, fault);
    if (e == OK && conf->application_name)
        e = set(p, "application_name", conf->application_name, fault);
    if (e == OK)
        e = set_default(p, "application_name", "homeostat", fault);
    if (e == OK)
        e = set(p, "client_encoding", "UTF8", fault);
    if (e == OK)
        e = set_options(p, conf, fault);
    if (e == OK && conf->keepalives)
        e = set_keepalives(p, fault);
    if (e == OK && conf->connect_timeout_ms > 0) {
        char seconds[16];   /* only for whoever connects by PQconnectdb; ours keep to their deadline */
        (void)snprintf(seconds, sizeof seconds, "%d", conf->connect_timeout_ms < 2000 ? 2 : (conf->connect_timeout_ms + 999) / 1000);
        e = set_default(p, "connect_timeout", seconds, fault);
    }
    if (e != OK)
        pg_params_done(p);
    return e;
}

void pg_params_done(struct pg_params *p)
{
    for (int i = 0; i < p->count; i++) {
        free((char *)(uintptr_t)p->keyword[i]);
        free((char *)(uintptr_t)p->value[i]);
    }
    *p = (struct pg_params){ 0 };
}

const char *pg_params_get(const struct pg_params *p, const char *keyword)
{
    for (int i = 0; i < p->count; i++)
        if (strcmp(p->keyword[i], keyword) == 0)
            return p->value[i];
    return NULL;
}

PGconn *pg_params_start(const struct pg_params *p, struct fault *fault)
{
    PGconn *c = PQconnectStartParams(p->keyword, p->value, 0);
    if (!c) {
        (void)fail(fault, ERR_LIMIT, "no memory for a connection");
        return NULL;
    }
    /* The SQLSTATE tells what went wrong in every language that a server may speak. */
    (void)PQsetErrorVerbosity(c, PQERRORS_VERBOSE);
    return c;
}
