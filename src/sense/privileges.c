/* sense/privileges.c - the table, and what facts say about each row. */
#include "sense/privileges.h"

#include "sense/facts.h"
#include "sense/sql.h"

#include <stdlib.h>
#include <string.h>

const struct ability_info ability_info[ABILITY_COUNT] = {
    [ABILITY_CONNECT] = { "connect", true, "ask anything at all", "nothing can be seen",
        "GRANT CONNECT ON DATABASE {database} TO {role};", 0 },
    [ABILITY_WATCH] = { "watch", true, "sessions, locks, replication and sizes of everybody", "these metrics stay unknown",
        "GRANT pg_monitor TO {role};", 0 },
    [ABILITY_SETTINGS] = { "settings", true, "every parameter, data_directory among them", "the machine cannot be tied to the server, some parameters are invisible",
        "GRANT pg_read_all_settings TO {role};  -- part of pg_monitor", 0 },
    [ABILITY_STATEMENTS] = { "statements", true, "calls and times of each statement: the response that proofs are made of", "latencies stay unknown without a load driver, and nothing can be proven per statement",
        "ALTER SYSTEM SET shared_preload_libraries = ..., 'pg_stat_statements';  -- for ... all that SHOW tells, each in quotes of its own; then restart the server and, "
        "in database {database}: CREATE EXTENSION pg_stat_statements;", 0 },
    [ABILITY_IO_TIMING] = { "io_timing", true, "time spent reading blocks", "block_read_time stays unknown",
        "ALTER SYSTEM SET track_io_timing = on; SELECT pg_reload_conf();", 0 },
    [ABILITY_FILE_SETTINGS] = { "file_settings", false, "read back what the configuration files say", "no change can be proven to be in the files",
        "GRANT SELECT ON pg_file_settings TO {role}; GRANT EXECUTE ON FUNCTION pg_show_all_file_settings() TO {role};", 0 },
    [ABILITY_ALTER_SYSTEM] = { "alter_system", false, "change parameters", "changes can only be suggested",
        "GRANT ALTER SYSTEM ON PARAMETER max_wal_size, checkpoint_timeout, work_mem, shared_buffers TO {role};  -- and every other parameter it may change", 150000 },
    [ABILITY_RELOAD] = { "reload", false, "put changed parameters into force", "changes wait for somebody to reload",
        "GRANT EXECUTE ON FUNCTION pg_reload_conf() TO {role};", 0 },
    [ABILITY_CHECKPOINT] = { "checkpoint", false, "a checkpoint before a restart and inside of measurements", "no restart and no proof of checkpoint parameters",
        "GRANT pg_checkpoint TO {role};", 150000 },
    [ABILITY_RESTART_FILE] = { "restart_file", false, "put the configuration back by file when the server does not start", "parameters that need a restart are not touched",
        "run Homeostat on the server's machine as the operating system user that owns the data directory (or as root)", 0 },
};

static void replace(const char *text, const char *what, const char *by, char *out, size_t size)
{
    struct text t CLEANUP(text_done);
    text_init(&t, 4096);
    for (const char *at; (at = strstr(text, what)); text = at + strlen(what)) {
        text_add_n(&t, text, (size_t)(at - text));
        text_add(&t, by);
    }
    text_add(&t, text);
    (void)text_copy(out, size, t.s);
}

/* An identifier that needs no quotes stays as it is. */
static void quote_name(const char *name, char *out, size_t size)
{
    size_t plain = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");
    if (*name && name[plain] == '\0' && !(*name >= '0' && *name <= '9')) {
        (void)text_copy(out, size, name);
        return;
    }
    char doubled[160];
    replace(name, "\"", "\"\"", doubled, sizeof doubled);
    (void)snprintf(out, size, "\"%s\"", doubled);
}

void privilege_grant(enum ability a, const struct privileges *p, char *out, size_t size)
{
    char role[180], database[180], half[1024];
    if (p->server_version > 0 && p->server_version < ability_info[a].since) {
        (void)snprintf(out, size, "connect as a superuser (before PostgreSQL %d this cannot be granted)", ability_info[a].since / 10000);
        return;
    }
    quote_name(*p->role ? p->role : "homeostat", role, sizeof role);
    quote_name(*p->database ? p->database : "postgres", database, sizeof database);
    replace(a == ABILITY_STATEMENTS && *p->statements ? p->statements : ability_info[a].grant, "{role}", role, half, sizeof half);
    replace(half, "{database}", database, out, size);
}

static void note(struct privileges *p, enum ability a, bool has, const char *why)
{
    p->has[a] = has ? PRIVILEGE_HAS : PRIVILEGE_LACKS;
    (void)text_copy(p->why[a], sizeof p->why[a], has ? "" : why);
}

/* The libraries of a list as ALTER SYSTEM wants them: each in quotes of its own. One literal for all of them would be one library that no server finds. */
static void add_libraries(struct text *t, const char *list)
{
    while (*(list += strspn(list, " ,"))) {
        bool quoted = *list == '"';
        list += quoted;
        size_t whole = strcspn(list, quoted ? "\"" : ","), n = whole;
        while (!quoted && n > 0 && list[n - 1] == ' ')
            n--;
        text_add(t, "'");
        for (size_t i = 0; i < n; i++)
            text_add_n(t, list[i] == '\'' ? "''" : list + i, list[i] == '\'' ? 2 : 1);
        text_add(t, "', ");
        list += whole + (list[whole] == '"');
    }
}

/* What somebody pastes must not take away the libraries that are there. What is not shown to us is left to who sees it. */
static void say_statements(const struct target_facts *f, struct privileges *p)
{
    const struct setting *loaded = target_setting(f, "shared_preload_libraries");
    struct text           t CLEANUP(text_done);
    text_init(&t, sizeof p->statements);
    if (!f->may_watch_all)
        text_printf(&t, "GRANT pg_monitor TO {role};%s", f->has_statements ? "" : "  -- then look again: the extension is not there yet, or does not answer");
    else if (loaded && facts_preload_statements(f))
        text_add(&t, "CREATE EXTENSION pg_stat_statements;  -- in database {database}");
    else if (loaded) {
        text_add(&t, "ALTER SYSTEM SET shared_preload_libraries = ");
        add_libraries(&t, loaded->value);
        text_add(&t, "'pg_stat_statements';  -- then restart the server and, in database {database}: CREATE EXTENSION pg_stat_statements;");
    }
    if (!t.cut)
        (void)text_copy(p->statements, sizeof p->statements, t.used ? t.s : "");
}

static const char *value_of(const struct target_facts *f, const char *name)
{
    const struct setting *s = target_setting(f, name);
    return s ? s->value : "";
}

void privileges_of(const struct target_facts *f, struct privileges *p)
{
    *p = (struct privileges){ .server_version = f->server_version };
    (void)text_copy(p->role, sizeof p->role, f->role);
    (void)text_copy(p->database, sizeof p->database, f->database);
    for (int a = 0; a < ABILITY_COUNT; a++)
        p->has[a] = PRIVILEGE_UNKNOWN;
    if (f->server_version == 0)
        return;
    note(p, ABILITY_CONNECT, true, "");
    note(p, ABILITY_WATCH, f->may_watch_all, "the role sees only its own sessions");
    note(p, ABILITY_SETTINGS, f->settings_complete, "the role does not see every parameter");
    note(p, ABILITY_STATEMENTS, f->has_statements && f->may_watch_all,
         !f->may_watch_all ? "the role sees only its own statements (GRANT pg_monitor)"
         : !facts_preload_statements(f) ? "pg_stat_statements is not in shared_preload_libraries"
                                        : "the extension pg_stat_statements is not there in this database, or does not answer");
    say_statements(f, p);
    if (f->settings > 0)
        note(p, ABILITY_IO_TIMING, strcmp(value_of(f, "track_io_timing"), "on") == 0, "track_io_timing is off");
    note(p, ABILITY_FILE_SETTINGS, f->may_read_file_settings, "the role may not read pg_file_settings");
    note(p, ABILITY_ALTER_SYSTEM, f->may_alter_system, "the role may not change any parameter");
    note(p, ABILITY_RELOAD, f->may_reload, "the role may not call pg_reload_conf()");
    note(p, ABILITY_CHECKPOINT, f->may_checkpoint, "the role may not run CHECKPOINT");
    if (f->local_why[0])
        note(p, ABILITY_RESTART_FILE, f->file_access, f->local ? "postgresql.auto.conf cannot be written from here" : "the server is not proven to run on this machine");
}

void privileges_print(const struct privileges *p, struct text *out)
{
    static const char *const words[] = { [PRIVILEGE_HAS] = "yes", [PRIVILEGE_LACKS] = "no", [PRIVILEGE_UNKNOWN] = "?" };
    char grant[1024];
    for (int a = 0; a < ABILITY_COUNT; a++) {
        text_printf(out, "%-14s %-4s %s\n", ability_info[a].name, words[p->has[a]], ability_info[a].what);
        if (p->has[a] != PRIVILEGE_LACKS)
            continue;
        privilege_grant((enum ability)a, p, grant, sizeof grant);
        text_printf(out, "                    %s; %s\n                    %s\n", p->why[a], ability_info[a].without, grant);
    }
}

/* ---- asking, for the command line ---- */

static enum err ask(struct pg_link *l, enum fact_question q, int64_t deadline_us, struct target_facts *f, struct fault *fault)
{
    struct line_item item;
    PGresult *r CLEANUP(pg_result_clear) = NULL;
    fact_item(q, pg_link_version(l), &item);
    enum err e = pg_link_query(l, item.sql, 0, NULL, deadline_us, &r, fault);
    if (e != OK)
        return fail_in(fault, "cannot %s", fact_what[q]);
    return facts_take(q, r, f) ? OK : fail(fault, ERR_STATE, "cannot %s: the answer is not understood", fact_what[q]);
}

enum err privileges_check(const struct pg_link_conf *conf, int64_t deadline_us, struct privileges *p, struct target_facts *f, struct fault *fault)
{
    struct pg_link *link = NULL;
    struct target_facts *own = f ? NULL : malloc(sizeof *own);
    struct target_facts *to = f ? f : own;
    if (!to)
        return fail(fault, ERR_LIMIT, "no memory for facts");
    facts_clear(to);
    struct pg_link_conf careful = *conf;
    careful.only_catalog = true;
    enum err e = pg_link_open(&careful, deadline_us, &link, fault);
    for (int q = FACT_SERVER; e == OK && q < FACT_SIZES; q++) {
        struct fault why = { 0 };
        if (ask(link, (enum fact_question)q, deadline_us, to, &why) == OK || (q != FACT_SERVER && q != FACT_SETTINGS))
            continue;   /* the others may be forbidden; then they stay unknown */
        e = why.code;
        if (fault)
            *fault = why;
    }
    if (e == OK) {
        PGresult   *r CLEANUP(pg_result_clear) = NULL;
        struct text sql CLEANUP(text_done);
        text_init(&sql, 1024);
        sql_in_schema(sql_sense_statements_answer, to->statements_schema, &sql);
        if (to->has_statements && pg_link_query(link, sql.s, 0, NULL, deadline_us, &r, NULL) != OK)
            to->has_statements = false;
        facts_finish(to);
        privileges_of(to, p);
    }
    pg_link_close(link);
    free(own);
    return e;
}
