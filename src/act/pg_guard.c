/*
 * act/pg_guard.c - when acting is refused, and what would have to be different.
 *
 * The gate has judged the plan; this is the last door, and it looks at the world as it is now: whose server this is, what
 * we may do there, whether the parameter can be changed this way at all, and whether somebody else is at work.
 */
#include "act/pg.h"

#include "act/sql.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { LOOK_S = 20 };

/* ---- the server ---- */

static enum err owned(const char *kind, const char *how, struct fault *fault)
{
    static const struct { const char *kind, *name, *hint; } rows[] = {
        { "patroni", "Patroni", "change it through Patroni (patronictl edit-config); what is changed beside it is undone or lost at a failover" },
        { "cloud", "a cloud provider", "change it in the provider's parameter group. If the server is yours and only carries such a role from a restored dump, drop that role" },
        { "other", "another tool", "change it through that tool" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].kind, kind) == 0) {
            enum err e = fail(fault, ERR_DENIED, "the configuration of this server is managed by %s: %s", rows[i].name, how);
            fail_hint(fault, "%s", rows[i].hint);
            return e;
        }
    return fail(fault, ERR_DENIED, "the configuration of this server is managed by somebody else: %s", how);
}

static enum err check_owner(struct pg_work *w, struct fault *fault)
{
    static const char *const configured[] = { "", "patroni", "cloud", "other" };
    if (w->c->target->owner != OWNER_NONE)
        return owned(configured[w->c->target->owner], "the configuration of Homeostat says so", fault);
    const struct { const char *sql; bool may; } looks[] = {
        { sql_act_owners, true }, { sql_act_owners_files, w->server.may_read_files }, { sql_act_owners_folder, w->server.may_stat_files },
    };
    for (size_t i = 0; i < sizeof looks / sizeof *looks; i++) {
        PGresult *r CLEANUP(pg_result_clear) = NULL;
        enum err  e = looks[i].may ? pg_link_query(w->link, looks[i].sql, 0, NULL, pg_soon(w, LOOK_S), &r, fault) : OK;
        if (e != OK)
            return e;
        if (r && PQntuples(r) > 0)
            return owned(pg_cell(r, 0, 0), pg_cell(r, 0, 1), fault);
    }
    return OK;
}

static enum err lacks(struct fault *fault, const struct pg_work *w, const char *what, const char *grant)
{
    enum err e = fail(fault, ERR_DENIED, "the role %s may not %s", w->server.user, what);
    fail_hint(fault, grant, w->server.user, w->server.user);
    return e;
}

enum err pg_guard_server(struct pg_work *w, struct fault *fault)
{
    const struct pg_server *s = &w->server;
    if (s->in_recovery) {
        enum err e = fail(fault, ERR_STATE, "%s is a standby (in recovery): it takes its changes from its primary", s->address);
        fail_hint(fault, "give the primary as target; target_session_attrs=read-write in dsn finds it among several hosts");
        return e;
    }
    if (s->pooled) {
        enum err e = fail(fault, ERR_STATE, "a connection pooler answers at %s, not the server itself", s->address);
        fail_hint(fault, "let dsn name PostgreSQL directly: locks and settings of a borrowed session are not ours to rely on");
        return e;
    }
    enum err e = check_owner(w, fault);
    if (e != OK)
        return e;
    if (s->alter_system_off) {
        e = fail(fault, ERR_DENIED, "this server does not take ALTER SYSTEM (allow_alter_system = off)");
        fail_hint(fault, "its configuration is managed elsewhere; change it there");
        return e;
    }
    if (!s->may_read_files)
        return lacks(fault, w, "read pg_file_settings, without which no change can be proven",
                     "GRANT SELECT ON pg_file_settings TO %s; GRANT EXECUTE ON FUNCTION pg_show_all_file_settings() TO %s");
    if (!s->may_reload)
        return lacks(fault, w, "reload the configuration", "GRANT EXECUTE ON FUNCTION pg_reload_conf() TO %s%.0s");
    if (s->version < 150000 && !s->superuser && w->changes > 0)
        return lacks(fault, w, "ALTER SYSTEM: before PostgreSQL 15 that takes a superuser", "connect as a superuser (ALTER ROLE %s SUPERUSER), or upgrade to 15 and grant single parameters%.0s");
    return OK;
}

enum err pg_guard_same_server(struct pg_work *w, struct fault *fault)
{
    const struct pg_server *now = &w->server, *then = &w->then;
    if (now->in_recovery) {
        enum err e = fail(fault, ERR_STATE, "%s is a standby now: it has lost its role since the plan was made", now->address);
        fail_hint(fault, "a failover? Nothing is written here; find the new primary");
        return e;
    }
    bool other_id = then->system_identifier && strcmp(then->system_identifier, now->system_identifier) != 0;
    bool other_folder = then->data_directory && now->data_directory && strcmp(then->data_directory, now->data_directory) != 0;
    bool other_line = then->timeline && now->timeline && strcmp(then->timeline, now->timeline) != 0;
    if (!other_id && !other_folder && !other_line)
        return OK;
    enum err e = fail(fault, ERR_CONFLICT, "another server answers at %s than the one that was looked at before (%s)", now->address,
                      other_id ? "other system identifier" : other_folder ? "other data directory" : "other timeline: a standby was promoted");
    fail_hint(fault, "a failover, or the address was given to another server; nothing is written here");
    return e;
}

/* ---- parameters ---- */

/* Where a value comes from, when a file cannot change it. */
static enum err check_source(const struct pg_change *ch, struct fault *fault)
{
    static const struct { const char *source, *text, *hint; } rows[] = {
        { "command line", "is set on the server's command line, which wins over every file", "take -c %s=... out of the start command (postmaster.opts, service unit)" },
        { "override", "is fixed by the server itself", "%s cannot be changed" },
        { "global", "is set by ALTER ROLE ALL, which wins over every file", "ALTER ROLE ALL RESET %s" },
        { "user", "is set by ALTER ROLE for this session's own role, so nothing could be read back", "ALTER ROLE ... RESET %s, or connect as another role" },
        { "database", "is set by ALTER DATABASE for this database, which wins over every file", "ALTER DATABASE ... RESET %s" },
        { "database user", "is set by ALTER ROLE ... IN DATABASE, which wins over every file", "ALTER ROLE ... IN DATABASE ... RESET %s" },
        { "client", "is set by our own connection, so nothing could be read back", "take %s out of options in dsn" },
        { "session", "is set in our own session, so nothing could be read back", "take %s out of options in dsn" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (ch->now.source && strcmp(ch->now.source, rows[i].source) == 0 && !(strcmp(ch->name, "wal_buffers") == 0 && strcmp(rows[i].source, "override") == 0)) {
            enum err e = fail(fault, ERR_STATE, "%s %s", ch->name, rows[i].text);
            fail_hint(fault, rows[i].hint, ch->name);
            return e;
        }
    return OK;
}

static enum err check_context(const struct pg_work *w, const struct pg_change *ch, struct fault *fault)
{
    if (!ch->now.known) {
        enum err e = fail(fault, ERR_MISSING, "this server knows no parameter %s, or does not show it to %s", ch->name, w->server.user);
        fail_hint(fault, "look into pg_settings; GRANT pg_read_all_settings TO %s shows the hidden ones", w->server.user);
        return e;
    }
    if (strcmp(ch->now.context, "internal") == 0)
        return fail(fault, ERR_INPUT, "%s cannot be changed: it was fixed when the server was built or initialised", ch->name);
    if (ch->needs_restart && !w->restart) {
        enum err e = fail(fault, ERR_INPUT, "%s takes effect only after a restart", ch->name);
        fail_hint(fault, "plan it as postgres.restart, together with the other parameters that need one");
        return e;
    }
    return OK;
}

static enum err check_value(const struct pg_change *ch, struct fault *fault)
{
    if (ch->to && !*ch->to && pg_name_is_list(ch->name)) {
        enum err e = fail(fault, ERR_INPUT, "%s: ALTER SYSTEM cannot write an empty list", ch->name);
        fail_hint(fault, "\"to\": null takes the entry out of postgresql.auto.conf; what another file says of it counts then");
        return e;
    }
    if (!ch->to || (strcmp(ch->now.vartype, "integer") != 0 && strcmp(ch->now.vartype, "real") != 0))
        return OK;
    if (isnan(pg_value_number(ch->now.vartype, ch->now.unit, ch->to))) {
        enum err e = fail(fault, ERR_INPUT, "%s: %.80s is not a number%s%s", ch->name, ch->to, *ch->now.unit ? " in units of " : "", ch->now.unit);
        fail_hint(fault, "units are B, kB, MB, GB, TB and us, ms, s, min, h, d, written exactly so");
        return e;
    }
    return OK;
}

static enum err check_unchanged(const struct pg_change *ch, struct fault *fault)
{
    if (pg_is_pending(ch)) {
        enum err e = fail(fault, ERR_CONFLICT, "%s has been changed by somebody else and waits for a restart", ch->name);
        fail_hint(fault, "let that change be finished or taken back first");
        return e;
    }
    if (ch->from && !pg_value_same(ch->name, ch->now.vartype, ch->now.unit, ch->from, ch->now.value)) {
        enum err e = fail(fault, ERR_CONFLICT, "%s is %.80s%s%s now, but the plan was made when it was %.80s", ch->name, ch->now.value, *ch->now.unit ? " x " : "", ch->now.unit, ch->from);
        fail_hint(fault, "somebody else has changed it; it is left as it is. A new plan starts from the new value");
        return e;
    }
    return OK;
}

/* What is meant to be in force, going by the files. */
static const char *goal_of(const struct pg_change *ch) { return ch->to ? ch->to : ch->now.elsewhere ? ch->now.elsewhere : ch->now.boot; }

/* Raised on the primary first, these keep a standby from replaying, or from starting at all. */
static bool standbys_first(const char *name)
{
    static const char *const names[] = { "max_connections", "max_worker_processes", "max_wal_senders", "max_prepared_transactions", "max_locks_per_transaction" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

static enum err check_standbys(const struct pg_work *w, const struct pg_change *ch, struct fault *fault)
{
    if (w->server.standbys + w->server.physical_slots == 0 || w->c->target->standbys_ready || !standbys_first(ch->name))
        return OK;
    const char *to = goal_of(ch);
    if (to && !(pg_value_number(ch->now.vartype, ch->now.unit, to) > pg_value_number(ch->now.vartype, ch->now.unit, ch->now.value)))
        return OK;   /* lowering goes to the primary first: that is us */
    enum err e = fail(fault, ERR_DENIED, "%s may be raised here only after it was raised on the standbys (%d connected, %d physical slots)", ch->name, w->server.standbys, w->server.physical_slots);
    fail_hint(fault, "raise it on every standby and restart those, then raise it here by hand; drop the slots of standbys that are gone for good");
    return e;
}

static double level_of(const struct pg_change *ch, const char *value)
{
    static const char *const levels[] = { "minimal", "replica", "logical" };
    if (strcmp(ch->name, "wal_level") != 0)
        return pg_value_number(ch->now.vartype, ch->now.unit, value);
    for (int i = 0; i < 3; i++)
        if (pg_value_same(ch->name, "enum", "", value, levels[i]))
            return i;
    return (double)NAN;
}

/* Slots and prepared transactions outlive a restart, and a server without room for them does not start. A throwaway one has none. */
static enum err check_kept(struct pg_work *w, struct fault *fault)
{
    PGresult *r CLEANUP(pg_result_clear) = NULL;
    enum err  e = w->restart && w->changes > 0 ? pg_link_query(w->link, sql_act_kept, 0, NULL, pg_soon(w, LOOK_S), &r, fault) : OK;
    for (int row = 0; e == OK && r && row < PQntuples(r); row++)
        for (int i = 0; e == OK && i < w->changes; i++) {
            const struct pg_change *ch = &w->change[i];
            const char *name = pg_cell(r, row, 0), *least = pg_cell(r, row, 1), *what = pg_cell(r, row, 2), *goal = goal_of(ch);
            if (!name || strcmp(ch->name, name) != 0 || !goal || !(level_of(ch, goal) < level_of(ch, least)))
                continue;
            e = fail(fault, ERR_STATE, "the server would not start with %s = %.60s: it has %s, and they outlive a restart", ch->name, goal, what);
            fail_hint(fault, "%s takes at least %s as long as they are there", ch->name, least);
        }
    return e;
}

static enum err check_overrides(struct pg_work *w, struct fault *fault)
{
    const char *names = pg_names_array(w);
    PGresult   *r CLEANUP(pg_result_clear) = NULL;
    enum err    e = names ? pg_link_query(w->link, sql_act_overrides, 1, &names, pg_soon(w, LOOK_S), &r, fault) : fail(fault, ERR_LIMIT, "no memory");
    json_decref(w->overrides);
    w->overrides = json_array();
    for (int i = 0; e == OK && i < PQntuples(r); i++) {
        const char *db = pg_cell(r, i, 0), *role = pg_cell(r, i, 1), *name = pg_cell(r, i, 2), *value = pg_cell(r, i, 3);
        const char *who = *role || *db ? role : "ALL";
        bool        ours = pg_cell(r, i, 4) && *pg_cell(r, i, 4) == 't';
        json_array_append_new(w->overrides, json_pack("{s:s, s:s, s:s, s:s}", "database", db, "role", role, "name", name, "value", value ? value : ""));
        pg_work_note(w, "%s is overridden to %.60s for %s%.60s%s%s%.60s: there this change has no effect", name, value ? value : "", *who ? "role " : "", who, *role && *db ? " in " : "",
                     *db ? "database " : "", db);
        if (!ours)
            continue;
        e = fail(fault, ERR_STATE, "%s is overridden to %.80s by ALTER %s%.60s%s%.60s, which wins over postgresql.auto.conf", name, value ? value : "",
                 *who ? "ROLE " : "DATABASE ", *who ? who : db, *role && *db ? " IN DATABASE " : "", *role ? db : "");
        fail_hint(fault, "ALTER %s%.60s RESET %s, or leave this parameter out", *who ? "ROLE " : "DATABASE ", *who ? who : db, name);
    }
    return e;
}

static enum err check_may_alter(struct pg_work *w, struct fault *fault)
{
    if (w->server.superuser || w->changes == 0)
        return OK;
    const char *names = pg_names_array(w);
    PGresult   *r CLEANUP(pg_result_clear) = NULL;
    enum err    e = names ? pg_link_query(w->link, sql_act_may_alter, 1, &names, pg_soon(w, LOOK_S), &r, fault) : fail(fault, ERR_LIMIT, "no memory");
    for (int i = 0; e == OK && i < PQntuples(r); i++)
        if (!pg_cell(r, i, 1) || *pg_cell(r, i, 1) != 't') {
            e = fail(fault, ERR_DENIED, "the role %s may not ALTER SYSTEM SET %s", w->server.user, pg_cell(r, i, 0));
            fail_hint(fault, "GRANT ALTER SYSTEM ON PARAMETER %s TO %s", pg_cell(r, i, 0), w->server.user);
        }
    return e;
}

enum err pg_guard_changes(struct pg_work *w, struct fault *fault)
{
    for (int i = 0; i < w->changes; i++) {
        const struct pg_change *ch = &w->change[i];
        enum err e = check_context(w, ch, fault);
        if (e == OK)
            e = check_value(ch, fault);
        if (e == OK)
            e = check_unchanged(ch, fault);
        if (e == OK)
            e = check_standbys(w, ch, fault);
        if (e != OK)
            return e;
    }
    enum err e = check_kept(w, fault);
    if (e == OK)
        e = check_overrides(w, fault);   /* before the sources: it knows which role and database it is */
    for (int i = 0; e == OK && i < w->changes; i++)
        e = check_source(&w->change[i], fault);
    return e == OK ? check_may_alter(w, fault) : e;
}

enum err pg_guard_as_probed(struct pg_work *w, struct fault *fault)
{
    for (int i = 0; i < w->changes; i++) {
        const struct pg_change *ch = &w->change[i];
        if (pg_entry_is(ch, SIDE_OLD) && pg_value_is(ch, SIDE_OLD))
            continue;
        enum err e = fail(fault, ERR_CONFLICT, "%s was changed by somebody else since it was looked at: %.60s is in force, postgresql.auto.conf has %.60s", ch->name,
                          ch->now.value ? ch->now.value : "nothing", ch->now.entry ? ch->now.entry : "no entry");
        fail_hint(fault, "it was %.60s then, with %.60s in the file; it is left as it is now", ch->old_value ? ch->old_value : "?", ch->old_entry ? ch->old_entry : "no entry");
        return e;
    }
    return OK;
}

/* ---- strangers: edits that nobody has loaded yet, and that our reload would put in force ---- */

static bool listed(const PGresult *r, const char *text)
{
    for (int i = 0; r && text && i < PQntuples(r); i++)
        if (pg_cell(r, i, 0) && strcmp(pg_cell(r, i, 0), text) == 0)
            return true;
    return false;
}

static bool is_one_of_ours(const struct pg_work *w, const char *name)
{
    for (int i = 0; i < w->changes; i++)
        if (strcmp(w->change[i].name, name) == 0)
            return true;
    return false;
}

/*
 * Text can be written in more ways than we know of, and of TCP (tcp_keepalives_idle, ...) the server shows what is true of this
 * very connection: 0 on a socket, the system's own number for 0.  These count only in a file that was written since the last load.
 */
static bool unloaded(const struct pg_work *w, const PGresult *r, int row, const PGresult *written)
{
    enum { NAME, SETTING, FILE = 4, VALUE = 7, VARTYPE, UNIT, CONTEXT, SOURCE };
    const char *name = pg_cell(r, row, NAME), *setting = pg_cell(r, row, SETTING), *value = pg_cell(r, row, VALUE), *source = pg_cell(r, row, SOURCE);
    const char *type = pg_cell(r, row, VARTYPE), *context = pg_cell(r, row, CONTEXT);
    if (!name || !value || !type || !source || !context || !setting)
        return false;
    if (strcmp(source, "configuration file") != 0 && strcmp(source, "default") != 0)
        return false;   /* something stronger than files decides there */
    if (strcmp(context, "internal") == 0 || (strcmp(context, "postmaster") == 0 && !w->restart))
        return false;   /* a reload leaves those alone */
    if (pg_value_same(name, type, pg_cell(r, row, UNIT), setting, value) || pg_value_computed(name, setting))
        return false;
    bool certain = (strcmp(type, "integer") == 0 || strcmp(type, "real") == 0 || strcmp(type, "bool") == 0) && strncmp(name, "tcp_", 4) != 0;
    return certain || listed(written, pg_cell(r, row, FILE));
}

static enum err stranger(struct fault *fault, const char *text, const char *name, const char *file)
{
    enum err e = fail(fault, ERR_CONFLICT, "somebody else is at work: %s %s%s%s", name, text, file ? " in " : "", file ? file : "");
    fail_hint(fault, "what we do would put that edit in force too; let it be loaded or taken back first");
    return e;
}

static enum err check_pending(struct pg_work *w, struct fault *fault)
{
    PGresult *r CLEANUP(pg_result_clear) = NULL;
    enum err  e = w->restart ? pg_link_query(w->link, sql_act_pending, 0, NULL, pg_soon(w, LOOK_S), &r, fault) : OK;
    for (int i = 0; e == OK && r && i < PQntuples(r); i++)
        if (!is_one_of_ours(w, pg_cell(r, i, 0)))
            e = stranger(fault, "waits for a restart", pg_cell(r, i, 0), NULL);
    return e;
}

enum err pg_guard_strangers(struct pg_work *w, struct fault *fault)
{
    PGresult *files CLEANUP(pg_result_clear) = NULL, *written CLEANUP(pg_result_clear) = NULL, *out CLEANUP(pg_result_clear) = NULL;
    enum err  e = check_pending(w, fault);
    if (e == OK)
        e = pg_check_files(w, pg_soon(w, LOOK_S), fault);
    if (e == OK)
        e = pg_link_query(w->link, sql_act_files, 0, NULL, pg_soon(w, LOOK_S), &files, fault);
    if (e == OK && w->server.may_stat_files)
        e = pg_link_query(w->link, sql_act_written_since, 0, NULL, pg_soon(w, LOOK_S), &written, fault);
    if (e == OK)
        e = pg_link_query(w->link, sql_act_taken_out, 0, NULL, pg_soon(w, LOOK_S), &out, fault);
    if (e != OK)
        return e;
    if (PQntuples(out) > 0)
        return stranger(fault, "was taken out of the files and this is not loaded yet", pg_cell(out, 0, 0), NULL);
    for (int i = 0; i < PQntuples(files); i++) {
        bool last = true;   /* only the last entry of a name counts */
        for (int j = i + 1; last && j < PQntuples(files); j++)
            last = !pg_cell(files, i, 0) || !pg_cell(files, j, 0) || strcmp(pg_cell(files, i, 0), pg_cell(files, j, 0)) != 0;
        if (last && unloaded(w, files, i, written))
            return stranger(fault, "was edited and this is not loaded yet", pg_cell(files, i, 0), pg_cell(files, i, 4));
    }
    return OK;
}
