/* sense/facts.c */
#include "sense/facts.h"

#include "base/text.h"
#include "model/index.h"
#include "model/knob.h"
#include "sense/sql.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char *const fact_what[FACT_COUNT] = {
    [FACT_SERVER] = "read what the server is", [FACT_CONTROL] = "read pg_control_system()", [FACT_SETTINGS] = "read pg_settings",
    [FACT_OVERRIDES] = "read pg_db_role_setting", [FACT_OWNER] = "look for who manages the server", [FACT_SIZES] = "read sizes",
};

static const struct { enum fact_question q; int since; const char *name, *sql; } texts[] = {
    { FACT_SERVER,    140000, "sense_facts_server_14", sql_sense_facts_server_14 },
    { FACT_SERVER,    150000, "sense_facts_server_15", sql_sense_facts_server_15 },
    { FACT_CONTROL,   140000, "sense_facts_control",   sql_sense_facts_control },
    { FACT_SETTINGS,  140000, "sense_facts_settings",  sql_sense_facts_settings },
    { FACT_SETTINGS,  150000, "sense_facts_settings",  sql_sense_facts_settings_15 },   /* the same, and a column more */
    { FACT_OVERRIDES, 140000, "sense_facts_overrides", sql_sense_facts_overrides },
    { FACT_OWNER,     140000, "sense_facts_owner",     sql_sense_facts_owner },
    { FACT_SIZES,     140000, "sense_sizes",           sql_sense_sizes },
};

void sql_in_schema(const char *sql, const char *schema, struct text *out)
{
    static const char mark[] = "{schema}";
    for (const char *at; (at = strstr(sql, mark)); sql = at + sizeof mark - 1) {
        text_add_n(out, sql, (size_t)(at - sql));
        sql_identifier(out, schema);
    }
    text_add(out, sql);
}

void fact_item(enum fact_question q, int server_version, struct line_item *item)
{
    *item = (struct line_item){ 0 };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (texts[i].q == q && texts[i].since <= server_version) {
            item->name = texts[i].name;
            item->sql = texts[i].sql;
        }
}

void facts_clear(struct target_facts *f)
{
    memset(f, 0, sizeof *f);
    f->memory_bytes = f->memory_machine_bytes = f->disk_free_bytes = f->database_bytes = (double)NAN;
    f->cpus_limit = f->memory_used_bytes = f->slots_retained_bytes = f->wal_disk_free_bytes = (double)NAN;
    f->overrides = -1;
}

/* ---- cells ---- */

static const char *cell(const PGresult *a, int row, const char *column)
{
    int c = PQfnumber(a, column);
    return c >= 0 && row < PQntuples(a) && !PQgetisnull(a, row, c) ? PQgetvalue(a, row, c) : "";
}

static bool yes(const PGresult *a, const char *column)
{
    const char *v = cell(a, 0, column);
    return strcmp(v, "t") == 0 || strcmp(v, "on") == 0;
}

static double number(const PGresult *a, const char *column)
{
    const char *v = cell(a, 0, column);
    char       *end;
    double      n = strtod(v, &end);
    return end == v ? (double)NAN : n;
}

/* ---- answers ---- */

static bool take_server(const PGresult *a, struct target_facts *f)
{
    f->server_version = atoi(cell(a, 0, "version"));
    (void)text_copy(f->role, sizeof f->role, cell(a, 0, "role"));
    (void)text_copy(f->database, sizeof f->database, cell(a, 0, "database"));
    f->in_recovery = yes(a, "in_recovery");
    f->postmaster_start_us = strtoll(cell(a, 0, "postmaster_start_us"), NULL, 10);
    f->superuser = yes(a, "superuser");
    f->may_watch_all = yes(a, "all_stats");
    f->settings_complete = yes(a, "all_settings") || f->superuser;
    f->may_alter_system = yes(a, "alter_system");
    f->may_reload = yes(a, "reload");
    f->may_checkpoint = yes(a, "checkpoint");
    f->may_read_file_settings = yes(a, "file_settings");
    (void)text_copy(f->statements_schema, sizeof f->statements_schema, cell(a, 0, "statements_schema"));
    f->has_statements = *f->statements_schema != '\0';   /* whether it answers is added by the caller */
    f->slots = atoi(cell(a, 0, "slots"));
    f->slots_retained_bytes = number(a, "slots_retained");
    f->standbys = atoi(cell(a, 0, "standbys"));
    return f->server_version > 0;
}

static bool take_settings(const PGresult *a, struct target_facts *f)
{
    static const struct { const char *column; size_t at, size; } texts_of[] = {
#define T(column, member) { column, offsetof(struct setting, member), sizeof((struct setting *)0)->member }
        T("name", name), T("setting", value), T("unit", unit), T("boot_val", boot), T("context", context), T("source", source),
        T("sourcefile", source_file), T("min_val", min), T("max_val", max),
#undef T
    };
    int n = PQntuples(a), column[9], pending = PQfnumber(a, "pending_restart"), may = PQfnumber(a, "may_alter");
    for (int i = 0; i < 9; i++)
        column[i] = PQfnumber(a, texts_of[i].column);
    if (column[0] < 0 || column[1] < 0 || pending < 0 || n == 0)
        return false;
    f->settings = n < SETTINGS_MAX ? n : SETTINGS_MAX;
    for (int row = 0; row < f->settings; row++) {
        struct setting *s = &f->setting[row];
        *s = (struct setting){ .pending_restart = PQgetvalue(a, row, pending)[0] == 't', .denied = may >= 0 && PQgetvalue(a, row, may)[0] == 'f' };
        for (int i = 0; i < 9; i++)
            if (column[i] >= 0 && !PQgetisnull(a, row, column[i]))
                (void)text_copy((char *)s + texts_of[i].at, texts_of[i].size, PQgetvalue(a, row, column[i]));
    }
    return true;
}

static void add_override(const PGresult *a, int row, struct target_facts *f)
{
    struct setting_override *o = &f->override[f->overrides++];
    (void)text_copy(o->name, sizeof o->name, cell(a, row, "name"));
    (void)text_copy(o->value, sizeof o->value, cell(a, row, "value"));
    (void)text_copy(o->role, sizeof o->role, cell(a, row, "role"));
    (void)text_copy(o->database, sizeof o->database, cell(a, row, "database"));
}

/* A thousand roles may have a search_path each: the first of each parameter that we may change has room before all others, which come by name. */
static bool take_overrides(const PGresult *a, struct target_facts *f)
{
    f->overrides = 0;
    for (int turn = 0; turn < 2; turn++)
        for (int row = 0; row < PQntuples(a) && f->overrides < OVERRIDES_MAX; row++) {
            const char *name = cell(a, row, "name");
            bool first = (row == 0 || strcasecmp(name, cell(a, row - 1, "name")) != 0) && knob_find(name);
            if (*name && first == (turn == 0))      /* without a name: there is none */
                add_override(a, row, f);
        }
    return PQfnumber(a, "name") >= 0;
}

/* ---- the owner ---- */

/* Traces of whoever manages the configuration. A pattern that ends in * is a prefix. The first that is found counts. */
static const struct { const char *kind, *pattern; enum target_owner owner; const char *who; } signs[] = {
    { "role",      "rdsadmin",           OWNER_CLOUD,   "Amazon RDS" },
    { "role",      "rds_superuser",      OWNER_CLOUD,   "Amazon RDS" },
    { "role",      "cloudsqladmin",      OWNER_CLOUD,   "Google Cloud SQL" },
    { "role",      "cloudsqlsuperuser",  OWNER_CLOUD,   "Google Cloud SQL" },
    { "role",      "alloydbadmin",       OWNER_CLOUD,   "Google AlloyDB" },
    { "role",      "azuresu",            OWNER_CLOUD,   "Azure Database" },
    { "role",      "azure_pg_admin",     OWNER_CLOUD,   "Azure Database" },
    { "role",      "avnadmin",           OWNER_CLOUD,   "Aiven" },
    { "role",      "doadmin",            OWNER_CLOUD,   "DigitalOcean" },
    { "role",      "neon_superuser",     OWNER_CLOUD,   "Neon" },
    { "role",      "supabase_admin",     OWNER_CLOUD,   "Supabase" },
    { "setting",   "rds.*",              OWNER_CLOUD,   "Amazon RDS" },
    { "setting",   "cloudsql.*",         OWNER_CLOUD,   "Google Cloud SQL" },
    { "setting",   "alloydb.*",          OWNER_CLOUD,   "Google AlloyDB" },
    { "setting",   "azure.*",            OWNER_CLOUD,   "Azure Database" },
    { "setting",   "neon.*",             OWNER_CLOUD,   "Neon" },
    { "extension", "rds_tools",          OWNER_CLOUD,   "Amazon RDS" },
    { "extension", "azure",              OWNER_CLOUD,   "Azure Database" },
    { "extension", "aiven_extras",       OWNER_CLOUD,   "Aiven" },
    { "extension", "google_vacuum_mgmt", OWNER_CLOUD,   "Google Cloud SQL" },
    { "session",   "Patroni*",           OWNER_PATRONI, "Patroni" },
    { "session",   "patroni*",           OWNER_PATRONI, "Patroni" },
    { "setting",   "cnpg.*",             OWNER_OTHER,   "CloudNativePG" },
    { "session",   "cnpg*",              OWNER_OTHER,   "CloudNativePG" },
    { "session",   "cloudnative*",       OWNER_OTHER,   "CloudNativePG" },
    { "session",   "stolon*",            OWNER_OTHER,   "stolon" },
    { "session",   "pg_autoctl*",        OWNER_OTHER,   "pg_auto_failover" },
    { "session",   "pgautofailover*",    OWNER_OTHER,   "pg_auto_failover" },
    { "extension", "pgautofailover",     OWNER_OTHER,   "pg_auto_failover" },
    { "role",      "autoctl_node",       OWNER_OTHER,   "pg_auto_failover" },
};

static bool fits(const char *value, const char *pattern)
{
    size_t n = strlen(pattern);
    return pattern[n - 1] == '*' ? strncmp(value, pattern, n - 1) == 0 : strcmp(value, pattern) == 0;
}

/* A role alone may have come with a dump from a cloud; whoever is superuser here is not in one. */
static void note_sign(const char *kind, const char *value, struct target_facts *f)
{
    for (size_t i = 0; i < sizeof signs / sizeof *signs && f->owner == OWNER_NONE; i++)
        if (strcmp(signs[i].kind, kind) == 0 && fits(value, signs[i].pattern) && !(f->superuser && signs[i].owner == OWNER_CLOUD && kind[0] == 'r')) {
            f->owner = signs[i].owner;
            (void)snprintf(f->owner_why, sizeof f->owner_why, "%s: there is a %s %.60s", signs[i].who, kind, value);
        }
}

static bool take_owner(const PGresult *a, struct target_facts *f)
{
    for (int row = 0; row < PQntuples(a); row++)
        note_sign(cell(a, row, "kind"), cell(a, row, "value"), f);
    return PQfnumber(a, "kind") >= 0 && PQfnumber(a, "value") >= 0;
}

/* Patroni gives these on the command line of the postmaster; no packaging of PostgreSQL gives more than one or two of them. */
static bool started_like_patroni(const struct target_facts *f)
{
    static const char *const names[] = { "max_connections", "max_worker_processes", "max_prepared_transactions", "max_locks_per_transaction", "wal_level",
                                         "hot_standby", "cluster_name", "track_commit_timestamp" };
    int given = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const struct setting *s = target_setting(f, names[i]);
        given += s && strcmp(s->source, "command line") == 0;
    }
    return given >= 5;
}

void facts_finish(struct target_facts *f)
{
    const struct setting *s = target_setting(f, "data_directory");
    if (s)
        (void)text_copy(f->data_directory, sizeof f->data_directory, s->value);
    for (int i = 0; i < f->settings && f->owner == OWNER_NONE; i++) {
        note_sign("setting", f->setting[i].name, f);
        if (strstr(f->setting[i].source_file, "patroni")) {
            f->owner = OWNER_PATRONI;
            (void)snprintf(f->owner_why, sizeof f->owner_why, "Patroni: %s is set in %.80s", f->setting[i].name, f->setting[i].source_file);
        }
    }
    if (f->owner == OWNER_NONE && started_like_patroni(f)) {
        f->owner = OWNER_PATRONI;
        (void)snprintf(f->owner_why, sizeof f->owner_why, "Patroni: the postmaster was given the parameters on its command line that Patroni gives");
    }
}

bool facts_take(enum fact_question q, const PGresult *answer, struct target_facts *f)
{
    switch (q) {
    case FACT_SERVER:
        return take_server(answer, f);
    case FACT_CONTROL:
        f->timeline = atoi(cell(answer, 0, "timeline"));
        return text_copy(f->system_identifier, sizeof f->system_identifier, cell(answer, 0, "system_identifier"));
    case FACT_SETTINGS:
        return take_settings(answer, f);
    case FACT_OVERRIDES:
        return take_overrides(answer, f);
    case FACT_OWNER:
        return take_owner(answer, f);
    default:
        return false;
    }
}

bool facts_preload_statements(const struct target_facts *f)
{
    const struct setting *s = target_setting(f, "shared_preload_libraries");
    bool cut = s && strlen(s->value) == sizeof s->value - 1;      /* of a long list the end is not known */
    return !s || cut || strstr(s->value, "pg_stat_statements");
}

int64_t facts_own_id(enum fact_question q, const PGresult *answer)
{
    for (int row = 0; row < PQntuples(answer) && q == FACT_OWNER; row++)
        if (strcmp(cell(answer, row, "kind"), "own") == 0)
            return strtoll(cell(answer, row, "value"), NULL, 10);
    return strtoll(cell(answer, 0, "own_id"), NULL, 10);
}

bool facts_take_sizes(const PGresult *answer, struct sizes *s)
{
    s->database_bytes = number(answer, "database_bytes");
    s->dead_tuples = number(answer, "dead_tuples");
    return PQfnumber(answer, "database_bytes") >= 0;
}
