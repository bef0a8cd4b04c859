/*
 * act/pg_analyze.c - the adapter of postgres.analyze: the statistics of one table, anew.
 *
 * The witness is when the table was analysed last.  There is no way back to older statistics, and no need: the server
 * refreshes them by itself whenever it sees fit, so an undo has nothing to do and says so.
 */
#include "act/pg_object.h"

#include "base/crash.h"

#include <math.h>
#include <string.h>
#include <time.h>

enum { SEEN_WAIT_S = 5, POLL_MS = 50 };

static bool handles(enum plan_action action) { return action == PLAN_POSTGRES_ANALYZE; }

struct analyze_work { struct pg_work w; struct analyze_step step; struct pg_table table; };

static enum err begin(struct analyze_work *x, const struct act_context *c, const struct plan_step *step, struct text *output, struct fault *fault)
{
    const char *target = json_string_value(json_object_get(step->params, "target"));
    if (!c->target)
        return fail(fault, ERR_INPUT, "%s needs a target", plan_action_info[step->action].name);
    if (target && strcmp(target, c->target->name) != 0)
        return fail(fault, ERR_INPUT, "the step is for target %.60s, this is %.60s", target, c->target->name);
    enum err e = analyze_step_parse(step->params, &x->step, fault);
    if (e == OK)
        pg_work_begin(&x->w, c, output);
    return e;
}

static enum err look(struct analyze_work *x, struct fault *fault)
{
    const struct analyze_step *s = &x->step;
    enum err e = object_table(&x->w, s->schema, s->table, &x->table, fault);
    if (e != OK)
        return e;
    if (!x->table.found)
        return fail(fault, ERR_MISSING, "there is no table %s.%s in this database", s->schema, s->table);
    if (!strchr("rmpf", *x->table.kind))
        return fail(fault, ERR_STATE, "%s.%s has no statistics of its own", s->schema, s->table);
    if (!x->table.ours) {
        e = fail(fault, ERR_DENIED, "the role %s does not own %s.%s, so ANALYZE would skip it with a warning", x->w.server.user, s->schema, s->table);
        fail_hint(fault, "GRANT \"%s\" TO %s", x->table.owner, x->w.server.user);
    }
    return e;
}

static enum err check_columns(struct analyze_work *x, struct fault *fault)
{
    const char *names[INDEX_COLUMNS_MAX];
    double      width;
    for (int i = 0; i < x->step.columns; i++)
        names[i] = x->step.column[i];
    return object_columns(&x->w, x->step.schema, x->step.table, names, x->step.columns, &width, fault);
}

static json_t *table_json(const struct analyze_work *x)
{
    const struct pg_table *t = &x->table;
    return json_pack("{s:s, s:I, s:I, s:f, s:o}", "oid", t->oid ? t->oid : "", "analyzes", (json_int_t)t->analyzes, "analyzed_us", (json_int_t)t->analyzed_us, "modified_since",
                     isfinite(t->modified) ? t->modified : 0.0, "rows", isfinite(t->rows) ? json_real(t->rows) : json_null());
}

static enum err probe(const struct act_context *c, const struct plan_step *step, json_t **snapshot, struct fault *fault)
{
    struct analyze_work x = { 0 };
    enum err            e = begin(&x, c, step, NULL, fault);
    if (e != OK)
        return e;
    e = object_meet(&x.w, NULL, pg_soon(&x.w, OBJECT_LOOK_S), fault);
    if (e == OK)
        e = look(&x, fault);
    if (e == OK)
        e = check_columns(&x, fault);
    if (e == OK) {
        *snapshot = json_pack("{s:s, s:i, s:o, s:o}", "kind", "postgres.analyze", "format", 1, "server", object_server_json(&x.w), "table", table_json(&x));
        e = *snapshot ? OK : fail(fault, ERR_LIMIT, "no memory for a snapshot");
    }
    pg_work_done(&x.w);
    return e;
}

/* Later than the snapshot's, or counted once more; statistics that a crash has wiped out tell nothing. */
static bool was_analyzed(const struct analyze_work *x, const json_t *snapshot)
{
    const json_t *then = json_object_get(snapshot, "table");
    return x->table.analyzed_us > json_integer_value(json_object_get(then, "analyzed_us")) || x->table.analyzes > json_integer_value(json_object_get(then, "analyzes"));
}

/* Before 15 the collector takes a moment to know. */
static enum err read_back(struct analyze_work *x, const json_t *snapshot, bool *done, struct fault *fault)
{
    int64_t  until_us = pg_soon(&x->w, SEEN_WAIT_S);
    enum err e;
    for (;;) {
        e = look(x, fault);
        *done = e == OK && was_analyzed(x, snapshot);
        if (e != OK || *done || clock_mono_us(&clock_real) >= until_us)
            return e;
        (void)nanosleep(&(struct timespec){ .tv_nsec = POLL_MS * 1000000L }, NULL);
    }
}

static json_t *witness(const struct analyze_work *x)
{
    return json_pack("{s:o, s:o, s:O}", "server", object_server_json(&x->w), "table", table_json(x), "notes", x->w.notes);
}

static enum err run(struct analyze_work *x, const json_t *snapshot, struct fault *fault)
{
    struct text sql CLEANUP(text_done);
    bool        done = false;
    text_init(&sql, 2048);
    analyze_sql(&x->step, &sql);
    enum err e = object_patience(&x->w, 10, fault);
    CRASH_POINT(CRASH_BEFORE_EFFECT);
    if (e == OK)
        e = object_run(&x->w, sql.s, fault);
    CRASH_POINT(CRASH_AFTER_EFFECT);
    if (e == OK)
        e = read_back(x, snapshot, &done, fault);
    if (e == OK && !done) {
        e = fail(fault, ERR_STATE, "ANALYZE ran without an error, and yet the table does not show it");
        fail_hint(fault, "is track_counts off?");
    }
    return e;
}

static void act(const struct act_context *c, const struct plan_step *step, const json_t *snapshot, struct act_report *report)
{
    struct analyze_work x = { 0 };
    report->outcome = ACT_UNTOUCHED;
    if (begin(&x, c, step, &report->output, &report->fault) != OK)
        return;
    enum err e = fence_take(&x.w.fence, c, pg_soon(&x.w, OBJECT_FENCE_WAIT_S), &report->fault);
    if (e == OK)
        e = object_meet(&x.w, snapshot, pg_soon(&x.w, OBJECT_LOOK_S), &report->fault);
    if (e == OK)
        e = look(&x, &report->fault);
    if (e == OK && c->cancelled && c->cancelled(c->cancelled_ctx))
        e = fail(&report->fault, ERR_STATE, "stopped before anything was changed");
    if (e == OK) {
        e = run(&x, snapshot, &report->fault);
        /* It is one transaction: what was not seen to its end has not happened, unless the connection was lost meanwhile. */
        report->outcome = e == OK ? ACT_DONE : pg_link_alive(x.w.link) ? ACT_UNTOUCHED : ACT_UNKNOWN;
        report->witness = witness(&x);
        CRASH_POINT(CRASH_AFTER_READBACK);
    }
    pg_work_done(&x.w);
}

static void undo(const struct act_context *c, const struct plan_step *step, const json_t *snapshot, struct act_report *report)
{
    text_add(&report->output, "-- nothing to put back: statistics do not get older again, and the server refreshes them by itself\n");
    report->outcome = ACT_DONE;
}

static void recover(const struct act_context *c, const struct plan_step *step, const json_t *snapshot, struct act_report *report)
{
    struct analyze_work x = { 0 };
    report->outcome = ACT_UNKNOWN;
    if (begin(&x, c, step, &report->output, &report->fault) != OK)
        return;
    enum err e = fence_take(&x.w.fence, c, c->deadline_us, &report->fault);
    if (e == OK)
        e = object_meet_again(&x.w, snapshot, c->deadline_us, &report->fault);
    if (e == OK)
        e = look(&x, &report->fault);
    if (e == OK) {
        report->outcome = was_analyzed(&x, snapshot) ? ACT_DONE : ACT_UNTOUCHED;
        report->witness = witness(&x);
    }
    pg_work_done(&x.w);
}

static enum err dry_run(const struct act_context *c, const struct plan_step *step, struct text *out, struct fault *fault)
{
    struct analyze_step s;
    enum err            e = analyze_step_parse(step->params, &s, fault);
    if (e != OK)
        return e;
    analyze_sql(&s, out);
    text_add(out, ";\n-- undo:\n-- nothing to put back\n");
    return OK;
}

const struct act_adapter act_analyze = { "analyze", handles, probe, act, undo, recover, dry_run, NULL };
