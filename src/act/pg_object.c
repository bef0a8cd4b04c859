/*
 * act/pg_object.c - meeting a server to work on its tables: session, fence, the right server, and patience with bounds.
 *
 * Statements here may run for hours.  Two things end them early: a stop switch, which cancels, and our own death, which the
 * server notices by client_connection_check_interval, so that nothing of ours goes on unwatched.
 */
#include "act/pg_object.h"

#include "act/sql.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int64_t now_us(void) { return clock_mono_us(&clock_real); }

static const char *text_of(const json_t *o, const char *key) { return json_string_value(json_object_get(o, key)); }

static void remember_server(struct pg_work *w, const json_t *snapshot)
{
    const json_t *server = json_object_get(snapshot, "server");
    const char   *id = text_of(server, "system_identifier"), *line = text_of(server, "timeline");
    w->then = (struct pg_server){ .system_identifier = id ? arena_text(&w->arena, id) : NULL, .timeline = line ? arena_text(&w->arena, line) : NULL };
}

static enum err check_server(struct pg_work *w, struct fault *fault)
{
    if (w->server.in_recovery) {
        enum err e = fail(fault, ERR_STATE, "%s is a standby (in recovery): it takes its changes from its primary", w->server.address);
        fail_hint(fault, "give the primary as target; target_session_attrs=read-write in dsn finds it among several hosts");
        return e;
    }
    if (w->server.pooled) {
        enum err e = fail(fault, ERR_STATE, "a connection pooler answers at %s, not the server itself", w->server.address);
        fail_hint(fault, "let dsn name PostgreSQL directly: locks and settings of a borrowed session are not ours to rely on");
        return e;
    }
    return pg_guard_same_server(w, fault);
}

enum err object_meet(struct pg_work *w, const json_t *snapshot, int64_t deadline_us, struct fault *fault)
{
    if (snapshot)
        remember_server(w, snapshot);
    enum err e = pg_connect(w, deadline_us, fault);
    return e == OK ? check_server(w, fault) : e;
}

enum err object_meet_again(struct pg_work *w, const json_t *snapshot, int64_t deadline_us, struct fault *fault)
{
    if (snapshot)
        remember_server(w, snapshot);
    enum err e = pg_wait_up(w, deadline_us, fault);
    return e == OK ? check_server(w, fault) : e;
}

static const char *keep(struct pg_work *w, const PGresult *r, int column)
{
    const char *cell = pg_cell(r, 0, column);
    return cell ? arena_text(&w->arena, cell) : NULL;
}

static bool   yes(const PGresult *r, int column) { const char *c = pg_cell(r, 0, column); return c && *c == 't'; }
static double number(const PGresult *r, int column) { const char *c = pg_cell(r, 0, column); return c ? strtod(c, NULL) : (double)NAN; }
static int64_t whole(const PGresult *r, int column) { const char *c = pg_cell(r, 0, column); return c ? strtoll(c, NULL, 10) : 0; }

enum err object_table(struct pg_work *w, const char *schema, const char *table, struct pg_table *t, struct fault *fault)
{
    PGresult *r CLEANUP(pg_result_clear) = NULL;
    *t = (struct pg_table){ 0 };
    enum err e = pg_link_query(w->link, sql_act_table, 2, (const char *[]){ schema, table }, pg_soon(w, OBJECT_LOOK_S), &r, fault);
    if (e != OK || PQntuples(r) == 0)
        return e;
    *t = (struct pg_table){ .found = true, .oid = keep(w, r, 0), .kind = keep(w, r, 1), .persistence = keep(w, r, 2), .bytes = number(r, 3), .rows = number(r, 4), .ours = yes(r, 5),
                            .owner = keep(w, r, 6), .may_create = yes(r, 7), .analyzes = whole(r, 8), .analyzed_us = whole(r, 9), .modified = number(r, 10), .now_us = whole(r, 11) };
    if (t->rows < 0)
        t->rows = (double)NAN;
    return t->oid && t->kind && t->persistence && t->owner ? OK : fail(fault, ERR_LIMIT, "no memory for what the server says of a table");
}

const char *object_array(struct pg_work *w, const char *const *names, int n)
{
    struct text t CLEANUP(text_done);
    text_init(&t, 16 * 1024);
    text_add(&t, "{");
    for (int i = 0; i < n; i++) {
        text_add(&t, i ? ",\"" : "\"");
        for (const char *s = names[i]; *s; s++) {
            if (*s == '"' || *s == '\\')
                text_add(&t, "\\");
            text_add_n(&t, s, 1);
        }
        text_add(&t, "\"");
    }
    text_add(&t, "}");
    return arena_text(&w->arena, t.s);
}

enum err object_columns(struct pg_work *w, const char *schema, const char *table, const char *const *names, int n, double *width, struct fault *fault)
{
    PGresult   *r CLEANUP(pg_result_clear) = NULL;
    const char *list = object_array(w, names, n);
    *width = 0;
    if (!list)
        return fail(fault, ERR_LIMIT, "no memory for the names of columns");
    enum err e = pg_link_query(w->link, sql_act_table_columns, 3, (const char *[]){ schema, table, list }, pg_soon(w, OBJECT_LOOK_S), &r, fault);
    if (e != OK)
        return e;
    int found = 0;
    for (int i = 0; i < n; i++) {
        const char *name = pg_cell(r, found, 0);
        if (!name || strcmp(name, names[i]) != 0)
            return fail(fault, ERR_MISSING, "%s.%s has no column %s", schema, table, names[i]);
        *width += strtod(pg_cell(r, found, 1) ? pg_cell(r, found, 1) : "32", NULL);
        found++;
    }
    return OK;
}

enum err object_patience(struct pg_work *w, int lock_s, struct fault *fault)
{
    char    sql[200];
    int64_t left_ms = (w->c->deadline_us - now_us()) / US_PER_MS;
    if (left_ms <= 0)
        return fail(fault, ERR_TIMEOUT, "no time is left");
    (void)snprintf(sql, sizeof sql, "SELECT set_config('lock_timeout', '%lldms', false), set_config('statement_timeout', '%lldms', false)",
                   (long long)(lock_s * INT64_C(1000) < left_ms ? lock_s * INT64_C(1000) : left_ms), (long long)left_ms);
    enum err e = pg_link_run(w->link, sql_act_patient, pg_soon(w, OBJECT_LOOK_S), fault);
    if (e == OK)
        e = pg_link_run(w->link, sql, pg_soon(w, OBJECT_LOOK_S), fault);
    struct fault ignored = { 0 };   /* where the platform cannot, a half-dead session is waited for instead */
    if (e == OK && pg_link_run(w->link, "SET client_connection_check_interval = '2s'", pg_soon(w, OBJECT_LOOK_S), &ignored) != OK)
        pg_work_note(w, "the server will not notice when we are gone: %.200s", ignored.text);
    return e;
}

enum err object_run(struct pg_work *w, const char *sql, struct fault *fault)
{
    if (w->output)
        text_printf(w->output, "%s;\n", sql);
    pg_link_watch(w->link, w->c->cancelled, w->c->cancelled_ctx);
    enum err e = pg_link_run(w->link, sql, w->c->deadline_us, fault);
    pg_link_watch(w->link, NULL, NULL);
    if (e == ERR_TIMEOUT && w->c->cancelled && w->c->cancelled(w->c->cancelled_ctx))
        e = fail(fault, ERR_STATE, "stopped while it was under way");
    return e;
}

json_t *object_server_json(const struct pg_work *w)
{
    const struct pg_server *s = &w->server;
    return json_pack("{s:i, s:s, s:s?, s:s?, s:I}", "version", s->version, "address", s->address, "system_identifier", s->system_identifier, "timeline", s->timeline,
                     "postmaster_start_us", (json_int_t)s->start_us);
}
