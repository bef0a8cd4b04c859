/*
 * sense/survey.c - tables, columns, indexes and the plans of the heaviest statements, read once.
 *
 * Statements come from pg_stat_statements with $1 where constants were.  They are prepared and explained with a generic
 * plan, which is what the server itself would do without knowing the constants; EXPLAIN without ANALYZE runs nothing.
 */
#include "sense/survey.h"

#include "base/clock.h"
#include "base/utf8.h"
#include "sense/facts.h"
#include "sense/preparable.h"
#include "sense/sql.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STATEMENT_MS = 5000 /* for what concerns one statement or one column */, CATALOGUE_MS = 30000 /* a hundred thousand tables take their time */, LOCK_MS = 300, PARAMETERS_MAX = 200, COUNT_ROWS_MIN = 10000, COUNT_VALUES_MAX = 2000, COUNT_COLUMNS_MAX = 20, PLAN_TEXT_MAX = 512 * 1024 };

struct surveyor {
    struct pg_link *link;
    int64_t         deadline_us;
    char            path[4096];                 /* of our role: where statements of others are looked at with */
    char            statements[64], hypopg[64]; /* the schemas of these extensions; empty: they are not there */
};

/* ---- cells ---- */

static const char *keep(struct survey *s, const PGresult *r, int row, int column)
{
    const char *cell = pg_cell(r, row, column);
    return cell ? arena_text(&s->arena, cell) : NULL;
}

/* For people: what is no character of UTF-8 is not told. */
static const char *keep_clean(struct survey *s, const char *text)
{
    char *own = arena_text(&s->arena, text);
    if (own)
        utf8_clean(own, '?');
    return own;
}

static double number(const PGresult *r, int row, int column)
{
    const char *cell = pg_cell(r, row, column);
    return cell ? strtod(cell, NULL) : (double)NAN;
}

static int64_t whole(const PGresult *r, int row, int column)
{
    const char *cell = pg_cell(r, row, column);
    return cell ? strtoll(cell, NULL, 10) : 0;
}

static bool yes(const PGresult *r, int row, int column)
{
    const char *cell = pg_cell(r, row, column);
    return cell && *cell == 't';
}

static enum err no_memory(struct fault *fault) { return fail(fault, ERR_LIMIT, "the survey of this database needs more than %d bytes", SURVEY_BYTES_MAX); }

static enum err ask(struct surveyor *v, const char *sql, int n, const char *const *values, PGresult **r, struct fault *fault)
{
    return pg_link_query(v->link, sql, n, values, v->deadline_us, r, fault);
}

static enum err ask_in(struct surveyor *v, const char *sql, const char *schema, int n, const char *const *values, PGresult **r, struct fault *fault)
{
    struct text whole_sql CLEANUP(text_done);
    text_init(&whole_sql, 8192);
    sql_in_schema(sql, schema, &whole_sql);
    return ask(v, whole_sql.s, n, values, r, fault);
}

static enum err run(struct surveyor *v, const char *sql, struct fault *fault) { return pg_link_run(v->link, sql, v->deadline_us, fault); }

/* ---- the session ---- */

/* A borrowed session is not ours to set: the next one to borrow it would find it read-only. */
static enum err check_own_session(struct surveyor *v, struct fault *fault)
{
    PGresult *r CLEANUP(pg_result_clear) = NULL;
    enum err  e = ask(v, sql_survey_backend, 0, NULL, &r, fault);
    if (e != OK || whole(r, 0, 0) == PQbackendPID(pg_link_conn(v->link)))
        return e;
    e = fail(fault, ERR_STATE, "a connection pooler answers, not the server itself");
    fail_hint(fault, "let dsn name PostgreSQL directly: settings of a borrowed session would stay with whoever borrows it next");
    return e;
}

/* Where our role looks for names, for later. Ours mean the server's own. */
static enum err look_own_path(struct surveyor *v, struct fault *fault)
{
    PGresult *r CLEANUP(pg_result_clear) = NULL;
    enum err  e = ask(v, "SHOW search_path", 0, NULL, &r, fault);
    if (e == OK && (!pg_cell(r, 0, 0) || !text_copy(v->path, sizeof v->path, pg_cell(r, 0, 0))))
        e = fail(fault, ERR_LIMIT, "the search_path of our role is longer than %zu bytes", sizeof v->path - 1);
    return e != OK ? e : run(v, "SET search_path = pg_catalog", fault);
}

enum err surveyor_open(const struct pg_link_conf *conf, int64_t deadline_us, struct surveyor **v, struct fault *fault)
{
    struct pg_link_conf own = *conf;
    own.statement_timeout_ms = CATALOGUE_MS;
    own.lock_timeout_ms = LOCK_MS;
    own.keepalives = true;
    *v = calloc(1, sizeof **v);
    if (!*v)
        return fail(fault, ERR_LIMIT, "no memory for a survey");
    (*v)->deadline_us = deadline_us;
    enum err e = pg_link_open(&own, deadline_us, &(*v)->link, fault);
    if (e == OK)
        e = check_own_session(*v, fault);
    if (e == OK)
        e = look_own_path(*v, fault);
    if (e == OK)
        e = run(*v, "SET default_transaction_read_only = on", fault);
    if (e == OK)
        e = run(*v, "SET plan_cache_mode = force_generic_plan", fault);
    if (e != OK) {
        surveyor_close(*v);
        *v = NULL;
    }
    return e;
}

static enum err allow(struct surveyor *v, int ms, struct fault *fault)
{
    char sql[64];
    (void)snprintf(sql, sizeof sql, "SET statement_timeout = %d", ms);
    return run(v, sql, fault);
}

void surveyor_watch(struct surveyor *v, bool (*give_up)(void *ctx), void *ctx) { pg_link_watch(v->link, give_up, ctx); }

void surveyor_close(struct surveyor *v)
{
    if (!v)
        return;
    pg_link_close(v->link);
    free(v);
}

/* ---- the catalogue ---- */

/* A standby counts its own uses. The day after it was promoted an index that last night's report needed has not been used there for as long as there are counters. */
static void look_promotion(struct surveyor *v, struct survey *s, bool may)
{
    PGresult    *r CLEANUP(pg_result_clear) = NULL;
    struct fault ignored = { 0 };
    if (may && ask(v, sql_survey_promoted, 0, NULL, &r, &ignored) == OK)
        s->stats_s = fmin(s->stats_s, number(r, 0, 0));   /* NAN: it never was */
}

static enum err look_database(struct surveyor *v, struct survey *s, struct fault *fault)
{
    PGresult *r CLEANUP(pg_result_clear) = NULL;
    enum err  e = ask(v, sql_survey_database, 0, NULL, &r, fault);
    if (e != OK)
        return e;
    s->database = keep_clean(s, pg_cell(r, 0, 0));
    s->role = keep_clean(s, pg_cell(r, 0, 1));
    s->server_version = (int)whole(r, 0, 2);
    s->stats_s = number(r, 0, 3);
    (void)text_copy(v->statements, sizeof v->statements, pg_cell(r, 0, 4) ? pg_cell(r, 0, 4) : "");
    (void)text_copy(v->hypopg, sizeof v->hypopg, pg_cell(r, 0, 5) ? pg_cell(r, 0, 5) : "");
    s->has_statements = *v->statements != '\0';
    s->has_hypopg = *v->hypopg != '\0';
    s->standbys = (int)whole(r, 0, 6);
    s->sees_all = yes(r, 0, 7);
    s->superuser = yes(r, 0, 8);
    look_promotion(v, s, yes(r, 0, 9));
    return s->database && s->role ? OK : no_memory(fault);
}

static double per_second(const struct survey *s, double count) { return count / fmax(s->stats_s, 1); }

static enum err look_tables(struct surveyor *v, struct survey *s, struct fault *fault)
{
    PGresult *r CLEANUP(pg_result_clear) = NULL;
    char      most[16];
    (void)snprintf(most, sizeof most, "%d", SURVEY_TABLES_MAX);
    enum err e = ask(v, sql_survey_tables, 1, (const char *[]){ most }, &r, fault);
    if (e != OK)
        return e;
    s->tables = PQntuples(r);
    s->cut |= s->tables == SURVEY_TABLES_MAX;
    s->table = arena_alloc(&s->arena, (size_t)(s->tables ? s->tables : 1) * sizeof *s->table);
    if (!s->table)
        return no_memory(fault);
    for (int i = 0; i < s->tables; i++) {
        struct survey_table *t = &s->table[i];
        *t = (struct survey_table){ .oid = whole(r, i, 0), .schema = keep(s, r, i, 1), .name = keep(s, r, i, 2), .kind = *pg_cell(r, i, 3), .ours = yes(r, i, 4), .rows = number(r, i, 5),
                                    .live_rows = number(r, i, 6), .bytes = number(r, i, 7), .all_visible = number(r, i, 8), .inserts = per_second(s, number(r, i, 9)),
                                    .updates = per_second(s, number(r, i, 10)), .hot_updates = per_second(s, number(r, i, 11)), .deletes = per_second(s, number(r, i, 12)),
                                    .seq_scans = per_second(s, number(r, i, 13)), .seq_rows = per_second(s, number(r, i, 14)), .modified = number(r, i, 15), .analyzed_us = whole(r, i, 16),
                                    .analyze_at = number(r, i, 17), .held = yes(r, i, 18) };
        if (t->rows < 0)
            t->rows = (double)NAN;
        if (!t->schema || !t->name)
            return no_memory(fault);
    }
    return OK;
}

/* {1,2,3}: the tables' oids, in our order. */
static char *table_oids(const struct survey *s)
{
    struct text t;
    text_init(&t, SURVEY_TABLES_MAX * 12 + 3);
    for (int i = 0; i < s->tables; i++)
        text_printf(&t, "%c%lld", i ? ',' : '{', (long long)s->table[i].oid);
    text_add(&t, s->tables ? "}" : "{}");
    return text_take(&t);
}

static enum err look_columns(struct surveyor *v, struct survey *s, const char *oids, struct fault *fault)
{
    PGresult *r CLEANUP(pg_result_clear) = NULL;
    char      most[16];
    (void)snprintf(most, sizeof most, "%d", SURVEY_COLUMNS_MAX);
    enum err e = ask(v, sql_survey_columns, 2, (const char *[]){ most, oids }, &r, fault);
    if (e != OK)
        return e;
    s->columns = PQntuples(r);
    s->cut |= s->columns == SURVEY_COLUMNS_MAX;
    s->column = arena_alloc(&s->arena, (size_t)(s->columns ? s->columns : 1) * sizeof *s->column);
    if (!s->column)
        return no_memory(fault);
    for (int i = 0; i < s->columns; i++) {
        struct survey_table *t = &s->table[whole(r, i, 0)];
        s->column[i] = (struct survey_column){ .name = keep(s, r, i, 2), .type = keep(s, r, i, 3), .sortable = yes(r, i, 4), .n_distinct = number(r, i, 5), .correlation = number(r, i, 6),
                                               .null_frac = number(r, i, 7), .width = number(r, i, 8), .analyzed = yes(r, i, 9), .varying = yes(r, i, 10), .comparable = yes(r, i, 11), .counted = (double)NAN };
        if (t->columns++ == 0)
            t->first_column = i;
        if (!s->column[i].name || !s->column[i].type)
            return no_memory(fault);
    }
    return OK;
}

static void take_keys(const struct survey *s, struct survey_index *x, const char *names, const char *options)
{
    json_t *list = names ? json_loads(names, JSON_DECODE_ANY, NULL) : NULL;
    size_t  n = json_array_size(list);
    if (n > SURVEY_KEYS_MAX) {
        x->special = true;
        n = SURVEY_KEYS_MAX;
    }
    for (size_t i = 0; i < n; i++) {
        const char *name = json_string_value(json_array_get(list, i));
        x->key[i] = name ? survey_column_named(s, x->table, name) : -1;
        x->special |= x->key[i] < 0;
        long option = (int)i < x->keys && options ? strtol(options, (char **)(uintptr_t)&options, 10) : 0;
        x->descending[i] = (option & 1) != 0;
        x->own_order |= option == 1 || option == 2;   /* nulls where the order alone would not put them */
    }
    x->special |= x->own_order;
    x->includes = (int)n - x->keys;
    json_decref(list);
}

static enum err look_indexes(struct surveyor *v, struct survey *s, const char *oids, struct fault *fault)
{
    PGresult *r CLEANUP(pg_result_clear) = NULL;
    char      most[16];
    (void)snprintf(most, sizeof most, "%d", SURVEY_INDEXES_MAX);
    enum err e = ask(v, sql_survey_indexes, 2, (const char *[]){ most, oids }, &r, fault);
    if (e != OK)
        return e;
    s->indexes = PQntuples(r);
    s->cut |= s->indexes == SURVEY_INDEXES_MAX;
    s->index = arena_alloc(&s->arena, (size_t)(s->indexes ? s->indexes : 1) * sizeof *s->index);
    if (!s->index)
        return no_memory(fault);
    for (int i = 0; i < s->indexes; i++) {
        struct survey_index *x = &s->index[i];
        *x = (struct survey_index){ .table = (int)whole(r, i, 0), .oid = whole(r, i, 1), .name = keep(s, r, i, 2), .unique = yes(r, i, 3), .constraint = yes(r, i, 4), .valid = yes(r, i, 5),
                                    .method = keep(s, r, i, 6), .keys = (int)whole(r, i, 7), .condition = keep(s, r, i, 10), .definition = keep(s, r, i, 11), .scans = number(r, i, 12),
                                    .bytes = number(r, i, 13), .building = yes(r, i, 14), .own_order = yes(r, i, 15), .attached = yes(r, i, 16), .foreign_key = keep(s, r, i, 17),
                                    .built_us = index_comment_time(pg_cell(r, i, 18)) };
        if (!x->name || !x->method || !x->definition)
            return no_memory(fault);
        x->special |= x->condition != NULL || strcmp(x->method, "btree") != 0;
        take_keys(s, x, pg_cell(r, i, 8), pg_cell(r, i, 9));
    }
    return OK;
}

/* ---- different values, counted where an index makes that cheap ---- */

static bool worth_counting(const struct survey *s, const struct survey_index *x)
{
    if (!x->valid || x->special || x->unique || x->key[0] < 0 || s->table[x->table].kind != 'r' || !(s->table[x->table].rows >= COUNT_ROWS_MIN))
        return false;
    const struct survey_column *c = survey_column_of(s, x->table, x->key[0]);
    return c->comparable && c->n_distinct > 0 && c->n_distinct <= COUNT_VALUES_MAX && isnan(c->counted);
}

static void look_distinct(struct surveyor *v, struct survey *s)
{
    for (int i = 0, done = 0; i < s->indexes && done < COUNT_COLUMNS_MAX && pg_link_alive(v->link); i++) {
        const struct survey_index *x = &s->index[i];
        if (!worth_counting(s, x))
            continue;
        struct survey_column *c = &s->column[s->table[x->table].first_column + x->key[0]];
        struct fault          ignored = { 0 };   /* no SELECT on it, or too slow: then it is not known */
        PGresult             *sql CLEANUP(pg_result_clear) = NULL, *r CLEANUP(pg_result_clear) = NULL;
        char                  number_text[16];
        int                   most = (int)(c->n_distinct * 10) + 10;
        (void)snprintf(number_text, sizeof number_text, "%d", most);
        done++;
        if (ask(v, sql_survey_hop, 4, (const char *[]){ c->name, s->table[x->table].schema, s->table[x->table].name, number_text }, &sql, &ignored) != OK ||
            ask(v, pg_cell(sql, 0, 0), 0, NULL, &r, &ignored) != OK)
            continue;
        c->counted = number(r, 0, 0);
        c->counted_all = c->counted < most - 1;
    }
}

/* ---- statements and their plans ---- */

/* EXECUTE wants its parameters: any will do, since a generic plan does not look at them. */
static enum err explain_prepared(struct surveyor *v, json_t **plan, struct fault *fault)
{
    PGresult *r CLEANUP(pg_result_clear) = NULL, *x CLEANUP(pg_result_clear) = NULL;
    enum err  e = ask(v, sql_survey_parameters, 0, NULL, &r, fault);
    int       n = e == OK ? (int)whole(r, 0, 0) : 0;
    if (e == OK && n > PARAMETERS_MAX)
        e = fail(fault, ERR_LIMIT, "it has more than %d parameters", PARAMETERS_MAX);
    if (e != OK)
        return e;
    struct text sql CLEANUP(text_done);
    text_init(&sql, 8192);
    text_add(&sql, "EXPLAIN (VERBOSE, FORMAT JSON) EXECUTE homeostat_survey");
    for (int i = 0; i < n; i++)
        text_add(&sql, i ? ", NULL" : " (NULL");
    text_add(&sql, n ? ")" : "");
    e = ask(v, sql.s, 0, NULL, &x, fault);
    if (e != OK)
        return e;
    if (pg_cell(x, 0, 0) && strlen(pg_cell(x, 0, 0)) > PLAN_TEXT_MAX)   /* thousands of partitions, most likely */
        return fail(fault, ERR_LIMIT, "its plan is longer than %d bytes", PLAN_TEXT_MAX);
    json_t *all = pg_cell(x, 0, 0) ? json_loads(pg_cell(x, 0, 0), JSON_DECODE_INT_AS_REAL, NULL) : NULL;   /* rows of a join can be more than an integer holds */
    *plan = json_incref(json_object_get(json_array_get(all, 0), "Plan"));
    json_decref(all);
    return *plan ? OK : fail(fault, ERR_STATE, "its plan cannot be read");
}

static enum err explain(struct surveyor *v, const char *text, json_t **plan, struct fault *fault)
{
    struct text sql CLEANUP(text_done);
    text_init(&sql, SURVEY_TEXT_MAX + 100);
    preparable("homeostat_survey", text, &sql);
    *plan = NULL;
    if (sql.cut)
        return fail(fault, ERR_LIMIT, "its text is longer than %d bytes", SURVEY_TEXT_MAX);
    enum err e = run(v, sql.s, fault);
    if (e != OK)
        return e;
    e = explain_prepared(v, plan, fault);
    struct fault ignored = { 0 };
    if (pg_link_alive(v->link))
        (void)!run(v, "DEALLOCATE homeostat_survey", &ignored);
    return e;
}

static enum err look_statements(struct surveyor *v, struct survey *s, struct fault *fault)
{
    PGresult *r CLEANUP(pg_result_clear) = NULL, *set CLEANUP(pg_result_clear) = NULL;
    char      most[16];
    (void)snprintf(most, sizeof most, "%d", SURVEY_QUERIES_MAX);
    enum err e = allow(v, CATALOGUE_MS, fault);
    if (e == OK)
        e = ask_in(v, sql_survey_statements, v->statements, 1, (const char *[]){ most }, &r, fault);
    if (e == OK)
        e = ask(v, sql_survey_path_of_all, 1, (const char *[]){ v->path }, &set, fault);
    if (e == OK)
        e = allow(v, STATEMENT_MS, fault);
    if (e != OK)
        return e;
    for (int i = 0; i < PQntuples(r) && s->queries < SURVEY_QUERIES_MAX; i++) {
        struct survey_query *q = &s->query[s->queries++];
        struct fault         why = { 0 };
        *q = (struct survey_query){ .id = whole(r, i, 1), .text = keep(s, r, i, 2), .calls = number(r, i, 3), .total_ms = number(r, i, 4), .rows = number(r, i, 5), .cost = (double)NAN };
        s->load_ms = number(r, i, 0);
        s->statements_s = number(r, i, 6);
        s->nested = (int)whole(r, i, 7);
        if (!q->text) {
            s->queries--;   /* one without a text is none */
            return no_memory(fault);
        }
        if (explain(v, q->text, &q->plan, &why) == OK)
            q->cost = json_number_value(json_object_get(q->plan, "Total Cost"));
        else
            q->why_not = arena_text(&s->arena, why.text), s->denied += why.code == ERR_DENIED;
        if (!pg_link_alive(v->link))
            return fail(fault, why.code, "%s", why.text);
    }
    return OK;
}

enum err surveyor_look(struct surveyor *v, struct survey *s, struct fault *fault)
{
    s->taken_us = clock_wall_us(&clock_real);
    enum err e = look_database(v, s, fault);
    if (e == OK)
        e = look_tables(v, s, fault);
    char *oids = e == OK ? table_oids(s) : NULL;
    if (e == OK)
        e = look_columns(v, s, oids, fault);
    if (e == OK)
        e = look_indexes(v, s, oids, fault);
    free(oids);
    if (e == OK)
        e = allow(v, STATEMENT_MS, fault);
    if (e == OK)
        look_distinct(v, s);
    struct fault why = { 0 };
    if (e == OK && s->has_statements && look_statements(v, s, &why) != OK) {
        s->has_statements = false;   /* not preloaded, or not ours to read: told in the report, and no reason to tell nothing else */
        utf8_clean(why.text, '?');
        s->why_no_statements = arena_printf(&s->arena, "%s%s", why.text, why.code == ERR_MISSING ? "; what came with a server before 14 needs ALTER EXTENSION pg_stat_statements UPDATE" : "");
        if (!pg_link_alive(v->link))
            e = fail(fault, why.code, "%s", why.text);
    }
    return e;
}

/* ---- hypothetical indexes ---- */

static void hypothetical_sql(const struct index_def *d, struct text *out)
{
    struct text whole_sql CLEANUP(text_done);
    text_init(&whole_sql, 8192);
    index_create_sql(d, &whole_sql);
    text_add(out, "CREATE INDEX ON ");
    const char *on = strstr(whole_sql.s, "\" ON \"");   /* our own names hold no quotes */
    text_add(out, on ? on + strlen("\" ON ") : "");
}

enum err surveyor_judge(struct surveyor *v, const struct survey *s, struct index_candidate *list, int n, struct fault *fault)
{
    if (!s->has_hypopg)
        return OK;
    for (int i = 0; i < n; i++) {
        struct index_candidate *c = &list[i];
        struct text             sql CLEANUP(text_done);
        struct fault            why = { 0 };
        PGresult               *r CLEANUP(pg_result_clear) = NULL, *reset CLEANUP(pg_result_clear) = NULL;
        text_init(&sql, 8192);
        hypothetical_sql(&c->def, &sql);
        enum err e = ask_in(v, sql_survey_hypothetical, v->hypopg, 1, (const char *[]){ sql.s }, &r, &why);
        c->judged = e == OK;
        for (int k = 0; k < c->queries && e == OK; k++) {
            json_t *plan = NULL;
            if (explain(v, s->query[c->query[k].query].text, &plan, &why) == OK)
                c->query[k].cost_after = json_number_value(json_object_get(plan, "Total Cost"));
            json_decref(plan);
        }
        if (pg_link_alive(v->link))
            (void)!ask_in(v, sql_survey_forget, v->hypopg, 0, NULL, &reset, &why);
        if (!pg_link_alive(v->link))
            return fail(fault, why.code, "%s", why.text);
    }
    return OK;
}
