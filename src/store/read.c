/* store/read.c - rows into JSON, for those who only look. */
#include "store/read.h"

#include "base/clock.h"
#include "base/text.h"
#include "model/casefile.h"
#include "model/told.h"
#include "store/db.h"
#include "store/lossy.h"
#include "store/read_sql.h"
#include "store/telemetry_sql.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct store_reader { struct db *cases, *telemetry; struct fault blind; };   /* telemetry is NULL, and blind says why, when that cannot be read */

static enum err open_one(const char *folder, const char *name, const struct sql_statement *statements, size_t n, struct db **db, struct fault *fault)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    enum err e = db_open(path, DB_READ, db, fault);
    return e == OK ? db_prepare(*db, statements, n, fault) : e;
}

enum err store_reader_open(const char *folder, struct store_reader **out, struct fault *fault)
{
    enum err e = lossy_from_environment(fault);
    if (e != OK)
        return e;
    struct store_reader *r = calloc(1, sizeof *r);
    if (!r)
        return fail(fault, ERR_LIMIT, "no memory to open a reader");
    e = open_one(folder, "cases.db", read_statements, read_statement_count, &r->cases, fault);
    if (e != OK) {
        store_reader_close(r);
        return e;
    }
    /* It may be thrown away, and so it hides no case when it is damaged or gone. */
    if (open_one(folder, "telemetry.db", telemetry_statements, telemetry_statement_count, &r->telemetry, &r->blind) != OK) {
        (void)fail_in(&r->blind, "telemetry.db cannot be read");
        fail_hint(&r->blind, "it holds minutes of metrics and nothing else; when it is damaged homeostat puts it aside, and begins another one, with its next start");
        db_close(r->telemetry);
        r->telemetry = NULL;
    }
    *out = r;
    return OK;
}

void store_reader_close(struct store_reader *r)
{
    if (!r)
        return;
    db_close(r->cases);
    db_close(r->telemetry);
    free(r);
}

/* ---- rows to JSON by a table: one line a column ---- */

enum column_kind { TEXT, INT, BOOL, REAL, TIME, JSON, PHASE, DRIVER };
struct column { const char *name; enum column_kind kind; };

static json_t *cell(struct db_rows *r, int at, enum column_kind kind)
{
    char when[32];
    if (db_null(r, at))
        return json_null();
    switch (kind) {
    case TEXT: return told_text(db_text(r, at));
    case INT:  return json_integer(db_int(r, at));
    case BOOL: return json_boolean(db_int(r, at) != 0);
    case REAL: return json_real(db_real(r, at));
    case TIME: return db_int(r, at) ? json_string(clock_format(db_int(r, at), when, sizeof when)) : json_null();
    case JSON: return db_json(r, at);
    case PHASE: return json_string(run_phase_name((enum run_phase)db_int(r, at)));
    case DRIVER: return json_string(db_int(r, at) == DRIVER_ENGINE ? "engine" : "person");
    }
    return json_null();
}

static json_t *row_json(struct db_rows *r, const struct column *columns)
{
    json_t *o = json_object();
    for (int i = 0; columns[i].name; i++)
        json_object_set_new(o, columns[i].name, cell(r, i, columns[i].kind));
    return o;
}

static const struct column case_columns[] = {
    { "id", TEXT }, { "tenant", TEXT }, { "title", TEXT }, { "status", TEXT }, { "version", INT }, { "target", TEXT }, { "opened_by", TEXT },
    { "driver", DRIVER }, { "plans_tried", INT }, { "in_force_is_proven", BOOL }, { "phase", PHASE }, { "step", INT }, { "steps", INT },
    { "plan_id", TEXT }, { "plan_hash", TEXT }, { "deadline_at", TIME }, { "created_at", TIME }, { "updated_at", TIME }, { NULL, TEXT },
};
static const struct column timeline_columns[] = {
    { "id", INT }, { "version", INT }, { "event", TEXT }, { "from", TEXT }, { "to", TEXT }, { "rule", INT }, { "run_rule", INT }, { "moved", BOOL },
    { "actor", TEXT }, { "reason", TEXT }, { "correlation_id", TEXT }, { "meta", JSON }, { "created_at", TIME }, { NULL, TEXT },
};
static const struct column plan_columns[] = {
    { "id", TEXT }, { "plan", JSON }, { "hash", TEXT }, { "planner", TEXT }, { "proposal", JSON }, { "case_version", INT }, { "created_at", TIME }, { NULL, TEXT },
};
static const struct column decision_columns[] = {
    { "id", TEXT }, { "plan_id", TEXT }, { "decision", JSON }, { "answer", TEXT }, { "created_at", TIME }, { NULL, TEXT },
};
static const struct column approval_columns[] = {
    { "principal", TEXT }, { "granted", BOOL }, { "reason", TEXT }, { "plan_hash", TEXT }, { "case_version", INT }, { "policy_version", TEXT },
    { "created_at", TIME }, { "expires_at", TIME }, { NULL, TEXT },
};
static const struct column action_columns[] = {
    { "action", INT }, { "kind", TEXT }, { "step", INT }, { "outcome", TEXT }, { "snapshot", JSON }, { "witness", JSON }, { "output", TEXT },
    { "fault", TEXT }, { "intent_at", TIME }, { "result_at", TIME }, { NULL, TEXT },
};
static const struct column run_columns[] = { { "units", JSON }, { "trial", JSON }, { "verdict", JSON }, { "undo_path", TEXT }, { NULL, TEXT } };
static const struct column outcome_columns[] = {
    { "case_id", TEXT }, { "target", TEXT }, { "planner", TEXT }, { "proposal", JSON }, { "result", TEXT }, { "kept", BOOL }, { "effect", REAL },
    { "lo", REAL }, { "hi", REAL }, { "alpha", REAL }, { "degraded_s", REAL }, { "verdict", JSON }, { "workload", JSON }, { "created_at", TIME }, { NULL, TEXT },
};
static const struct column case_outcome_columns[] = {
    { "result", TEXT }, { "kept", BOOL }, { "effect", REAL }, { "lo", REAL }, { "hi", REAL }, { "verdict", JSON }, { NULL, TEXT },
};
static const struct column evidence_columns[] = {
    { "event_id", TEXT }, { "detected_at", TIME }, { "severity", TEXT }, { "kind", TEXT }, { "title", TEXT }, { "summary", TEXT }, { "labels", JSON }, { NULL, TEXT },
};
static const struct column knowledge_columns[] = { { "row", INT }, { "shared", BOOL }, { "created_at", TIME }, { "record", JSON }, { NULL, TEXT } };
static const struct column stop_columns[] = {
    { "scope", TEXT }, { "why", TEXT }, { "actor", TEXT }, { "created_at", TIME }, { "expires_at", TIME }, { NULL, TEXT },
};
static const struct column budget_columns[] = { { "target", TEXT }, { "kind", TEXT }, { "count", INT }, { "last_at", TIME }, { NULL, TEXT } };
static const struct column alpha_columns[] = { { "target", TEXT }, { "alpha_spent", REAL }, { "outcomes", INT }, { "degraded_s", REAL }, { NULL, TEXT } };
static const struct column event_columns[] = { { "id", INT }, { "topic", TEXT }, { "key", TEXT }, { "payload", JSON }, { NULL, TEXT } };

/* Run out a question that is bound already. */
static enum err collect(struct db *db, struct db_rows *r, const struct column *columns, json_t **out, struct fault *fault)
{
    json_t *list = json_array();
    while (db_next(r))
        json_array_append_new(list, row_json(r, columns));
    enum err e = db_end(db, r, fault);
    if (e == OK)
        *out = list;
    else
        json_decref(list);
    return e;
}

static enum err by_case(struct store_reader *r, const char *sql, const char *case_id, const struct column *columns, json_t **out, struct fault *fault)
{
    struct db_rows rows;
    enum err       e = db_ask(r->cases, sql, &rows, fault, "t", case_id);
    return e == OK ? collect(r->cases, &rows, columns, out, fault) : e;
}

static json_t *first_of(json_t *list)
{
    json_t *first = json_incref(json_array_get(list, 0));
    json_decref(list);
    return first;
}

enum err read_case(struct store_reader *r, const char *id, json_t **out, int64_t *version, struct fault *fault)
{
    json_t  *list = NULL;
    enum err e = by_case(r, sql_read_case, id, case_columns, &list, fault);
    if (e != OK)
        return e;
    *out = first_of(list);
    if (!*out)
        return fail(fault, ERR_MISSING, "there is no case %.40s", id);
    *version = json_integer_value(json_object_get(*out, "version"));
    return OK;
}

/* A case in a list carries what became of it. */
static enum err add_outcome(struct store_reader *r, json_t *c, struct fault *fault)
{
    json_t  *list = NULL;
    enum err e = by_case(r, sql_read_case_outcome, json_string_value(json_object_get(c, "id")), case_outcome_columns, &list, fault);
    if (e != OK)
        return e;
    json_t *outcome = first_of(list);
    if (outcome) {
        json_t *why = json_incref(json_object_get(json_object_get(outcome, "verdict"), "why"));
        json_object_del(outcome, "verdict");
        if (why)
            json_object_set_new(outcome, "why", why);
    }
    json_object_set_new(c, "outcome", outcome ? outcome : json_null());
    return OK;
}

enum err read_cases(struct store_reader *r, const struct case_filter *f, json_t **out, struct fault *fault)
{
    struct db_rows rows;
    int            limit = f->limit < 1 ? 100 : f->limit > 500 ? 500 : f->limit;
    json_t        *list = NULL;
    enum err       e = db_ask(r->cases, sql_read_cases, &rows, fault, "tttIti", f->state, f->target, f->tenant, f->since_us, f->cursor, limit + 1);
    if (e == OK)
        e = collect(r->cases, &rows, case_columns, &list, fault);
    if (e != OK)
        return e;
    bool more = json_array_size(list) > (size_t)limit;
    if (more)
        json_array_remove(list, (size_t)limit);
    size_t  i;
    json_t *c;
    json_array_foreach(list, i, c)
        if (e == OK)
            e = add_outcome(r, c, fault);
    if (e != OK) {
        json_decref(list);
        return e;
    }
    json_t *last = json_array_get(list, json_array_size(list) - 1);
    *out = json_pack("{s:O,s:o}", "data", list, "next_cursor", more ? json_incref(json_object_get(last, "id")) : json_null());
    json_decref(list);
    return OK;
}

enum err read_timeline(struct store_reader *r, const char *case_id, json_t **out, struct fault *fault)
{
    json_t  *c = NULL;
    int64_t  version;
    enum err e = read_case(r, case_id, &c, &version, fault);
    json_decref(c);
    return e == OK ? by_case(r, sql_read_timeline, case_id, timeline_columns, out, fault) : e;
}

enum err read_case_file(struct store_reader *r, const char *case_id, json_t **out, struct fault *fault)
{
    static const struct { const char *name; const char *sql; const struct column *columns; bool single; } parts[] = {
        { "timeline", sql_read_timeline, timeline_columns, false }, { "plans", sql_read_plans, plan_columns, false },
        { "decisions", sql_read_decisions, decision_columns, false }, { "approvals", sql_read_approvals, approval_columns, false },
        { "actions", sql_read_actions, action_columns, false }, { "run", sql_read_run, run_columns, true },
        { "outcome", sql_read_case_outcomes, outcome_columns, true }, { "evidence", sql_read_evidence, evidence_columns, false },
    };
    json_t  *c = NULL;
    int64_t  version;
    enum err e = read_case(r, case_id, &c, &version, fault);
    if (e != OK)
        return e;
    json_t *file = json_pack("{s:o}", "case", c);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0] && e == OK; i++) {
        json_t *list = NULL;
        e = by_case(r, parts[i].sql, case_id, parts[i].columns, &list, fault);
        if (e != OK)
            break;
        json_t *part = parts[i].single ? first_of(list) : list;
        json_object_set_new(file, parts[i].name, part ? part : json_null());
    }
    if (e == OK)
        *out = file;
    else
        json_decref(file);
    return e;
}

enum err read_outcomes(struct store_reader *r, const char *target, int limit, json_t **out, struct fault *fault)
{
    struct db_rows rows;
    enum err       e = db_ask(r->cases, sql_read_outcomes, &rows, fault, "ti", target, limit < 1 || limit > 1000 ? 200 : limit);
    return e == OK ? collect(r->cases, &rows, outcome_columns, out, fault) : e;
}

enum err read_knowledge(struct store_reader *r, bool shared, const char *cursor, int limit, json_t **out, struct fault *fault)
{
    struct db_rows rows;
    int            most = limit < 1 ? 100 : limit > 500 ? 500 : limit;
    char          *rest = NULL, next[24];
    long long      before = cursor ? strtoll(cursor, &rest, 10) : 0;
    json_t        *list = NULL, *row;
    size_t         i;
    if (cursor && (*rest != '\0' || before < 1))
        return fail(fault, ERR_INPUT, "the cursor is none that was given out");
    enum err e = db_ask(r->cases, sql_read_knowledge, &rows, fault, "bIi", shared, (int64_t)before, most + 1);
    if (e == OK)
        e = collect(r->cases, &rows, knowledge_columns, &list, fault);
    if (e != OK)
        return e;
    bool more = json_array_size(list) > (size_t)most;
    if (more)
        json_array_remove(list, (size_t)most);
    (void)snprintf(next, sizeof next, "%lld", (long long)json_integer_value(json_object_get(json_array_get(list, json_array_size(list) - 1), "row")));
    json_array_foreach(list, i, row)
        json_object_del(row, "row");
    *out = json_pack("{s:o,s:o}", "data", list, "next_cursor", more ? json_string(next) : json_null());
    return OK;
}

enum err read_stops(struct store_reader *r, json_t **out, struct fault *fault)
{
    struct db_rows rows;
    enum err       e = db_ask(r->cases, sql_read_stops, &rows, fault, "");
    return e == OK ? collect(r->cases, &rows, stop_columns, out, fault) : e;
}

enum err read_budgets(struct store_reader *r, json_t **out, struct fault *fault)
{
    struct db_rows rows;
    json_t        *changes = NULL, *alpha = NULL;
    enum err       e = db_ask(r->cases, sql_read_budgets, &rows, fault, "II", clock_wall_us(&clock_real), (int64_t)(86400 * US_PER_S));
    if (e == OK)
        e = collect(r->cases, &rows, budget_columns, &changes, fault);
    if (e == OK)
        e = db_ask(r->cases, sql_read_alpha, &rows, fault, "");
    if (e == OK)
        e = collect(r->cases, &rows, alpha_columns, &alpha, fault);
    if (e != OK) {
        json_decref(changes);
        return e;
    }
    *out = json_pack("{s:o,s:o}", "last_day", changes, "lifetime", alpha);
    return OK;
}

enum err read_events(struct store_reader *r, int64_t after_id, int limit, json_t **out, struct fault *fault)
{
    struct db_rows rows;
    enum err       e = db_ask(r->cases, sql_read_events, &rows, fault, "Ii", after_id, limit < 1 || limit > 1000 ? 1000 : limit);
    return e == OK ? collect(r->cases, &rows, event_columns, out, fault) : e;
}

enum err read_metric(struct store_reader *r, const char *target, const char *metric, int64_t from_us, int64_t to_us, json_t **out, struct fault *fault)
{
    static const char *const names[] = { "bucket", "avg", "max", "p95" };
    struct db_rows rows;
    if (!r->telemetry) {
        *fault = r->blind;
        return fault->code;
    }
    enum err e = db_ask(r->telemetry, sql_metric_read, &rows, fault, "ttII", target, metric, from_us, to_us);
    if (e != OK)
        return e;
    json_t *series[4] = { json_array(), json_array(), json_array(), json_array() };
    while (db_next(&rows))
        for (int i = 0; i < 4; i++)
            json_array_append_new(series[i], cell(&rows, i, i == 0 ? TIME : REAL));
    e = db_end(r->telemetry, &rows, fault);
    json_t *all = json_object();
    for (int i = 0; i < 4; i++)
        json_object_set_new(all, names[i], series[i]);
    if (e == OK)
        *out = all;
    else
        json_decref(all);
    return e;
}
