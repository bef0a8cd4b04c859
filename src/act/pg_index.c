/*
 * act/pg_index.c - the adapter of postgres.index: an index beside running work, and back.
 *
 * The witness is the catalogue: under the step's name stands nothing, a usable index of exactly these columns, or one of
 * these columns that is not usable, which is what a concurrent build leaves behind when it fails or its server dies.  That
 * leftover is ours to clear away, because the name carries the digest of the columns; anything else is left alone.
 * Creating and dropping are the two directions of one movement: a step has a side it wants, and the undo is the other side.
 */
#include "act/pg_object.h"

#include "act/sql.h"
#include "base/crash.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { GO_BACK_S = 60 };
enum side { ABSENT, PRESENT };
enum seen { SEEN_NOTHING, SEEN_USABLE, SEEN_LEFTOVER, SEEN_STRANGER };

static bool handles(enum plan_action action) { return action == PLAN_POSTGRES_INDEX; }

static enum side wanted(const struct index_step *s) { return s->drop ? ABSENT : PRESENT; }

/* ---- looking ---- */

static bool names_are(const char *cell, const struct index_def *d, bool keys)
{
    json_t *list = cell ? json_loads(cell, 0, NULL) : NULL;
    int     n = keys ? d->columns : d->includes;
    bool    same = (int)json_array_size(list) == n;
    for (int i = 0; same && i < n; i++) {
        char        text[INDEX_NAME_SIZE + 8];
        const char *is = json_string_value(json_array_get(list, (size_t)i));
        if (keys)
            (void)snprintf(text, sizeof text, "%s%s", d->column[i].name, d->column[i].descending ? " desc" : "");
        else
            (void)snprintf(text, sizeof text, "%s", d->include[i]);
        same = is && strcmp(is, text) == 0;
    }
    json_decref(list);
    return same;
}

static bool is_true(const PGresult *r, int column) { const char *c = pg_cell(r, 0, column); return c && *c == 't'; }
static bool is_text(const PGresult *r, int column, const char *text) { const char *c = pg_cell(r, 0, column); return c && strcmp(c, text) == 0; }

static enum err look(struct pg_work *w, const struct index_def *d, enum seen *seen, double *bytes, struct fault *fault)
{
    PGresult *r CLEANUP(pg_result_clear) = NULL;
    enum err  e = pg_link_query(w->link, sql_act_index, 2, (const char *[]){ d->schema, d->name }, pg_soon(w, OBJECT_LOOK_S), &r, fault);
    *bytes = (double)NAN;
    *seen = SEEN_NOTHING;
    if (e != OK || PQntuples(r) == 0)
        return e;
    bool same = is_true(r, 1) && !is_true(r, 5) && is_text(r, 3, d->schema) && is_text(r, 4, d->table) && names_are(pg_cell(r, 0, 6), d, true) && names_are(pg_cell(r, 0, 7), d, false);
    *seen = !same ? SEEN_STRANGER : is_true(r, 2) ? SEEN_USABLE : SEEN_LEFTOVER;
    *bytes = pg_cell(r, 0, 8) ? strtod(pg_cell(r, 0, 8), NULL) : (double)NAN;
    return OK;
}

static enum err stranger(const struct index_def *d, struct fault *fault)
{
    enum err e = fail(fault, ERR_CONFLICT, "something else stands under the name %s.%s, and is left alone", d->schema, d->name);
    fail_hint(fault, "\\d %s.%s shows what it is; somebody gave it a name of ours", d->schema, d->name);
    return e;
}

/* ---- when building is refused ---- */

static enum err check_table(struct pg_work *w, const struct index_def *d, struct pg_table *t, struct fault *fault)
{
    enum err e = object_table(w, d->schema, d->table, t, fault);
    if (e != OK)
        return e;
    if (!t->found)
        return fail(fault, ERR_MISSING, "there is no table %s.%s in this database", d->schema, d->table);
    if (*t->kind == 'p') {
        e = fail(fault, ERR_STATE, "%s.%s is partitioned: no index on it can be built concurrently", d->schema, d->table);
        fail_hint(fault, "CREATE INDEX ON ONLY the parent, build concurrently on each partition, then ALTER INDEX ... ATTACH PARTITION");
        return e;
    }
    if ((*t->kind != 'r' && *t->kind != 'm') || *t->persistence == 't')
        return fail(fault, ERR_STATE, "%s.%s is no table of the kind that gets an index from us", d->schema, d->table);
    if (!t->ours || !t->may_create) {
        e = fail(fault, ERR_DENIED, t->ours ? "the role %s may not create anything in the schema of %s.%s" : "the role %s does not own %s.%s, and only owners build indexes",
                 w->server.user, d->schema, d->table);
        fail_hint(fault, t->ours ? "GRANT CREATE ON SCHEMA \"%s\" TO %s" : "GRANT \"%s\" TO %s", t->ours ? d->schema : t->owner, w->server.user);
    }
    return e;
}

static enum err check_size(struct pg_work *w, const struct index_step *s, const struct pg_table *t, double *estimate, struct fault *fault)
{
    const struct index_def *d = &s->def;
    const char *names[INDEX_COLUMNS_MAX + INDEX_INCLUDE_MAX];
    int         n = 0;
    double      width;
    for (int i = 0; i < d->columns; i++)
        names[n++] = d->column[i].name;
    for (int i = 0; i < d->includes; i++)
        names[n++] = d->include[i];
    enum err e = object_columns(w, d->schema, d->table, names, n, &width, fault);
    if (e != OK)
        return e;
    *estimate = index_bytes_estimate(t->rows, width);
    if (s->drop)
        return OK;
    if (isnan(*estimate)) {
        e = fail(fault, ERR_STATE, "%s.%s was never analysed, so nobody can say how large the index would be", d->schema, d->table);
        fail_hint(fault, "ANALYZE it first");
        return e;
    }
    const double slack = 16.0 * 1024 * 1024;
    if (s->bytes * 2 + slack < *estimate)
        return fail(fault, ERR_CONFLICT, "the plan believes in an index of %.0f MB; it would be about %.0f MB", s->bytes / 1048576, *estimate / 1048576);
    if (s->table_bytes * 1.5 + 4 * slack < t->bytes)
        return fail(fault, ERR_CONFLICT, "the plan believes in a table of %.0f MB; it is %.0f MB now", s->table_bytes / 1048576, t->bytes / 1048576);
    return OK;
}

static enum err check_alone(struct pg_work *w, struct fault *fault)
{
    PGresult *r CLEANUP(pg_result_clear) = NULL;
    enum err  e = pg_link_query(w->link, sql_act_builds, 0, NULL, pg_soon(w, OBJECT_LOOK_S), &r, fault);
    if (e != OK || PQntuples(r) == 0)
        return e;
    return fail(fault, ERR_BUSY, "another index build is under way on this server (process %s, database %s, table %s); one at a time is enough",
                pg_cell(r, 0, 0), pg_cell(r, 0, 1) ? pg_cell(r, 0, 1) : "?", pg_cell(r, 0, 2));
}

/* The same columns under another name would cost twice and help once. */
static enum err check_new(struct pg_work *w, const struct index_def *d, struct fault *fault)
{
    char        key[INDEX_COLUMNS_MAX][INDEX_NAME_SIZE + 8];
    const char *keys[INDEX_COLUMNS_MAX], *includes[INDEX_INCLUDE_MAX];
    for (int i = 0; i < d->columns; i++) {
        (void)snprintf(key[i], sizeof key[i], "%s%s", d->column[i].name, d->column[i].descending ? " desc" : "");
        keys[i] = key[i];
    }
    for (int i = 0; i < d->includes; i++)
        includes[i] = d->include[i];
    const char *a = object_array(w, keys, d->columns), *b = object_array(w, includes, d->includes);
    if (!a || !b)
        return fail(fault, ERR_LIMIT, "no memory for the names of columns");
    PGresult *r CLEANUP(pg_result_clear) = NULL;
    enum err  e = pg_link_query(w->link, sql_act_index_like, 4, (const char *[]){ d->schema, d->table, a, b }, pg_soon(w, OBJECT_LOOK_S), &r, fault);
    if (e != OK || PQntuples(r) == 0)
        return e;
    return fail(fault, ERR_CONFLICT, "%s.%s has such an index already: %s", d->schema, d->table, pg_cell(r, 0, 0));
}

/* ---- one call ---- */

struct index_work { struct pg_work w; struct index_step step; enum seen seen; double bytes; };

static enum err begin(struct index_work *x, const struct act_context *c, const struct plan_step *step, struct text *output, struct fault *fault)
{
    const char *target = json_string_value(json_object_get(step->params, "target"));
    if (!c->target)
        return fail(fault, ERR_INPUT, "%s needs a target", plan_action_info[step->action].name);
    if (target && strcmp(target, c->target->name) != 0)
        return fail(fault, ERR_INPUT, "the step is for target %.60s, this is %.60s", target, c->target->name);
    enum err e = index_step_parse(step->params, &x->step, fault);
    if (e == OK)
        pg_work_begin(&x->w, c, output);
    return e;
}

static enum err see(struct index_work *x, struct fault *fault) { return look(&x->w, &x->step.def, &x->seen, &x->bytes, fault); }

static const char *const seen_names[] = { "nothing", "a usable index", "a leftover", "something else" };

static json_t *witness(const struct index_work *x)
{
    struct text name CLEANUP(text_done);
    text_init(&name, 400);
    sql_identifier(&name, x->step.def.schema);
    text_add(&name, ".");
    sql_identifier(&name, x->step.def.name);
    return json_pack("{s:o, s:s, s:s, s:o, s:O}", "server", object_server_json(&x->w), "index", name.s, "seen", seen_names[x->seen], "bytes",
                     isfinite(x->bytes) ? json_integer((json_int_t)x->bytes) : json_null(), "notes", x->w.notes);
}

static enum err probe_look(struct index_work *x, json_t **snapshot, struct fault *fault)
{
    struct pg_table t;
    double          estimate = (double)NAN;
    enum err e = object_meet(&x->w, NULL, pg_soon(&x->w, OBJECT_LOOK_S), fault);
    if (e == OK)
        e = check_table(&x->w, &x->step.def, &t, fault);
    if (e == OK)
        e = check_size(&x->w, &x->step, &t, &estimate, fault);
    if (e == OK)
        e = see(x, fault);
    if (e == OK && x->seen == SEEN_STRANGER)
        e = stranger(&x->step.def, fault);
    if (e == OK && !x->step.drop && x->seen == SEEN_USABLE)
        e = fail(fault, ERR_CONFLICT, "%s.%s stands already", x->step.def.schema, x->step.def.name);
    if (e == OK && x->step.drop && x->seen == SEEN_NOTHING)
        e = fail(fault, ERR_CONFLICT, "there is no index %s.%s to drop", x->step.def.schema, x->step.def.name);
    if (e == OK && !x->step.drop)
        e = check_new(&x->w, &x->step.def, fault);
    if (e == OK && !x->step.drop)
        e = check_alone(&x->w, fault);
    if (e != OK)
        return e;
    *snapshot = json_pack("{s:s, s:i, s:o, s:s, s:s, s:f, s:o, s:O}", "kind", "postgres.index", "format", 1, "server", object_server_json(&x->w), "seen", seen_names[x->seen],
                          "table_oid", t.oid, "table_bytes", t.bytes, "index_bytes", isfinite(estimate) ? json_real(estimate) : json_null(), "notes", x->w.notes);
    return *snapshot ? OK : fail(fault, ERR_LIMIT, "no memory for a snapshot");
}

static enum err probe(const struct act_context *c, const struct plan_step *step, json_t **snapshot, struct fault *fault)
{
    struct index_work x = { 0 };
    enum err          e = begin(&x, c, step, NULL, fault);
    if (e != OK)
        return e;
    e = probe_look(&x, snapshot, fault);
    pg_work_done(&x.w);
    return e;
}

/* ---- moving ---- */

/* Who keeps a concurrent build or drop waiting: said to the person who may end that transaction. */
static void blame(struct index_work *x, struct fault *fault)
{
    PGresult    *r CLEANUP(pg_result_clear) = NULL;
    struct fault ignored = { 0 };
    if (fault->code == ERR_BUSY && pg_link_alive(x->w.link) && pg_link_query(x->w.link, sql_act_oldest, 0, NULL, pg_soon(&x->w, OBJECT_LOOK_S), &r, &ignored) == OK && PQntuples(r) > 0)
        fail_hint(fault, "it waits for older transactions: %s of %s (%s), %s, has been in one for %s s", pg_cell(r, 0, 0), pg_cell(r, 0, 1), pg_cell(r, 0, 2), pg_cell(r, 0, 3), pg_cell(r, 0, 4));
}

static enum err drop(struct index_work *x, int lock_s, struct fault *fault)
{
    struct text sql CLEANUP(text_done);
    text_init(&sql, 1024);
    index_drop_sql(&x->step.def, &sql);
    enum err e = object_patience(&x->w, lock_s, fault);
    if (e == OK)
        e = object_run(&x->w, sql.s, fault);
    if (e != OK)
        blame(x, fault);
    return e;
}

static enum err create(struct index_work *x, struct fault *fault)
{
    struct text sql CLEANUP(text_done), comment CLEANUP(text_done);
    text_init(&sql, 8192);
    text_init(&comment, 8192);
    index_create_sql(&x->step.def, &sql);
    enum err e = object_patience(&x->w, x->step.lock_timeout_s, fault);
    if (e == OK)
        e = object_run(&x->w, sql.s, fault);
    if (e != OK) {
        blame(x, fault);
        return e;
    }
    CRASH_POINT(CRASH_MID_EFFECT);
    text_add(&comment, "COMMENT ON INDEX ");
    sql_identifier(&comment, x->step.def.schema);
    text_add(&comment, ".");
    sql_identifier(&comment, x->step.def.name);
    char said[INDEX_COMMENT_SIZE];   /* the survey reads it: an index has to be some time old before it can be called unused */
    index_comment_write(clock_wall_us(&clock_real), x->w.c->action_id, said);
    text_printf(&comment, " IS '%s'", said);
    struct fault why = { 0 };   /* what says nothing is not dropped by itself */
    if (object_run(&x->w, comment.s, &why) != OK)
        pg_work_note(&x->w, "no comment on the index: %.200s", why.text);
    return OK;
}

/* Bring the index to that side; what was seen last must be true still. */
static enum err bring(struct index_work *x, enum side side, int lock_s, struct fault *fault)
{
    if (x->seen == SEEN_STRANGER)
        return stranger(&x->step.def, fault);
    enum err e = OK;
    if (x->seen == SEEN_LEFTOVER || (side == ABSENT && x->seen == SEEN_USABLE)) {
        if (x->seen == SEEN_LEFTOVER)
            pg_work_note(&x->w, "clearing away what an earlier build left behind");
        e = drop(x, lock_s, fault);
        if (e == OK)
            e = see(x, fault);
    }
    return e == OK && side == PRESENT && x->seen == SEEN_NOTHING ? create(x, fault) : e;
}

static bool arrived(const struct index_work *x, enum side side) { return x->seen == (side == PRESENT ? SEEN_USABLE : SEEN_NOTHING); }

/* Where we are, said with the step's side as "done". */
static enum act_outcome where(const struct index_work *x, enum side done, struct fault *fault)
{
    if (arrived(x, done))
        return ACT_DONE;
    if (arrived(x, done == PRESENT ? ABSENT : PRESENT))
        return ACT_UNTOUCHED;
    if (x->seen == SEEN_STRANGER) {
        (void)stranger(&x->step.def, fault);
        return ACT_UNKNOWN;
    }
    (void)fail(fault, ERR_STATE, "%s.%s stands there, but is not usable: a build or drop did not get to its end", x->step.def.schema, x->step.def.name);
    return ACT_PARTIAL;
}

/* It did not work: back to the other side, and tell why it did not work rather than how going back went. */
static void retreat(struct index_work *x, const json_t *snapshot, const struct fault *why, struct act_report *report)
{
    struct fault              after = { 0 };
    const struct act_context *own = x->w.c;
    struct act_context        patient = *own;   /* going back is not cut short by the stop that caused it, and has a minute of its own */
    int64_t                   until_us = clock_mono_us(&clock_real) + GO_BACK_S * US_PER_S;
    patient.cancelled = NULL;
    patient.deadline_us = until_us > own->deadline_us ? until_us : own->deadline_us;
    x->w.c = &patient;
    pg_work_note(&x->w, "failed, going back: %.300s", why->text);
    enum side other = wanted(&x->step) == PRESENT ? ABSENT : PRESENT;
    enum err  e = object_meet_again(&x->w, snapshot, pg_soon(&x->w, GO_BACK_S), &after);
    if (e == OK)
        e = see(x, &after);
    if (e == OK && !arrived(x, wanted(&x->step)) && !arrived(x, other))
        e = bring(x, other, GO_BACK_S, &after);
    struct fault looking = { 0 };
    if (pg_link_alive(x->w.link) && see(x, &looking) == OK)
        report->outcome = where(x, wanted(&x->step), &looking);
    else
        report->outcome = ACT_UNKNOWN;
    report->fault = *why;
    if (e != OK && *after.text)
        (void)fail(&report->fault, why->code, "%.190s; and going back: %.190s", why->text, after.text);
    if (*why->hint)
        fail_hint(&report->fault, "%s", why->hint);
    x->w.c = own;
}

static enum err ready(struct index_work *x, const json_t *snapshot, struct fault *fault)
{
    struct pg_table t;
    const char     *oid = json_string_value(json_object_get(snapshot, "table_oid"));
    enum err e = fence_take(&x->w.fence, x->w.c, pg_soon(&x->w, OBJECT_FENCE_WAIT_S), fault);
    if (e == OK)
        e = object_meet(&x->w, snapshot, pg_soon(&x->w, OBJECT_LOOK_S), fault);
    if (e == OK)
        e = check_table(&x->w, &x->step.def, &t, fault);
    if (e == OK && (!oid || strcmp(oid, t.oid) != 0))
        e = fail(fault, ERR_CONFLICT, "%s.%s is another table than the one that was looked at before", x->step.def.schema, x->step.def.table);
    if (e == OK)
        e = see(x, fault);
    if (e == OK && !x->step.drop && x->seen != SEEN_USABLE)
        e = check_alone(&x->w, fault);
    if (e == OK && x->w.c->cancelled && x->w.c->cancelled(x->w.c->cancelled_ctx))
        e = fail(fault, ERR_STATE, "stopped before anything was changed");
    return e;
}

static void act(const struct act_context *c, const struct plan_step *step, const json_t *snapshot, struct act_report *report)
{
    struct index_work x = { 0 };
    report->outcome = ACT_UNTOUCHED;
    if (begin(&x, c, step, &report->output, &report->fault) != OK)
        return;
    if (ready(&x, snapshot, &report->fault) == OK) {
        struct fault why = { 0 };
        CRASH_POINT(CRASH_BEFORE_EFFECT);
        enum err e = bring(&x, wanted(&x.step), x.step.lock_timeout_s, &why);
        CRASH_POINT(CRASH_AFTER_EFFECT);
        if (e == OK)
            e = see(&x, &why);
        if (e == OK && !arrived(&x, wanted(&x.step)))
            e = fail(&why, ERR_STATE, "it ran without an error, and yet there is %s", seen_names[x.seen]);
        if (e == OK)
            report->outcome = ACT_DONE;
        else
            retreat(&x, snapshot, &why, report);
        report->witness = witness(&x);
        CRASH_POINT(CRASH_AFTER_READBACK);
    }
    pg_work_done(&x.w);
}

static void undo(const struct act_context *c, const struct plan_step *step, const json_t *snapshot, struct act_report *report)
{
    struct index_work x = { 0 };
    struct act_context patient = *c;   /* an undo is never held back */
    patient.cancelled = NULL;
    report->outcome = ACT_UNKNOWN;
    if (begin(&x, &patient, step, &report->output, &report->fault) != OK)
        return;
    const char *was = json_string_value(json_object_get(snapshot, "seen"));
    bool        broken = was && strcmp(was, seen_names[SEEN_LEFTOVER]) == 0;   /* nobody wants that back */
    enum side   back = wanted(&x.step) == PRESENT || broken ? ABSENT : PRESENT;
    enum err  e = fence_take(&x.w.fence, &patient, patient.deadline_us, &report->fault);
    if (e == OK)
        e = object_meet_again(&x.w, snapshot, patient.deadline_us, &report->fault);
    if (e == OK)
        e = see(&x, &report->fault);
    if (e == OK) {
        struct fault why = { 0 };
        e = bring(&x, back, INDEX_LOCK_MAX_S, &why);
        struct fault looking = { 0 };
        if (pg_link_alive(x.w.link) && see(&x, &looking) == OK) {
            report->outcome = x.seen == SEEN_STRANGER ? ACT_PARTIAL : where(&x, back, &report->fault);
            report->witness = witness(&x);
        }
        if (e != OK)
            report->fault = why;
        CRASH_POINT(CRASH_AFTER_READBACK);
    }
    pg_work_done(&x.w);
}

static void recover(const struct act_context *c, const struct plan_step *step, const json_t *snapshot, struct act_report *report)
{
    struct index_work x = { 0 };
    report->outcome = ACT_UNKNOWN;
    if (begin(&x, c, step, &report->output, &report->fault) != OK)
        return;
    /* Both halves of the fence before the look: a predecessor's build may still be running in the server. */
    enum err e = fence_take(&x.w.fence, c, c->deadline_us, &report->fault);
    if (e == OK)
        e = object_meet_again(&x.w, snapshot, c->deadline_us, &report->fault);
    if (e == OK)
        e = see(&x, &report->fault);
    if (e == OK) {
        report->outcome = where(&x, wanted(&x.step), &report->fault);
        report->witness = witness(&x);
    }
    pg_work_done(&x.w);
}

/* ---- the same as text ---- */

static void say(const struct index_step *s, enum side side, struct text *out)
{
    if (side == PRESENT)
        index_create_sql(&s->def, out);
    else
        index_drop_sql(&s->def, out);
    text_add(out, ";\n");
}

static enum err dry_run(const struct act_context *c, const struct plan_step *step, struct text *out, struct fault *fault)
{
    struct index_step s;
    enum err          e = index_step_parse(step->params, &s, fault);
    if (e != OK)
        return e;
    text_printf(out, "SET lock_timeout = '%ds';\n", s.lock_timeout_s);
    say(&s, wanted(&s), out);
    text_add(out, "-- undo:\n");
    say(&s, wanted(&s) == PRESENT ? ABSENT : PRESENT, out);
    return OK;
}

static enum err undo_script(const struct act_context *c, const struct plan_step *step, const json_t *snapshot, struct text *out, struct fault *fault)
{
    struct index_step s;
    enum err          e = index_step_parse(step->params, &s, fault);
    if (e != OK)
        return e;
    struct text sql CLEANUP(text_done), drop_first CLEANUP(text_done);
    text_init(&sql, 8192);
    text_init(&drop_first, 1024);
    index_drop_sql(&s.def, &drop_first);   /* also what a broken build left behind: it would stand in the way */
    if (s.drop)
        index_create_sql(&s.def, &sql);
    /* Names mean the server's own, and bounds that are meant for clients do not end a build, as when we do it. */
    bool bounds_transactions = json_integer_value(json_object_get(json_object_get(snapshot, "server"), "version")) >= 170000;
    text_add(out, "#!/bin/sh\n# An index can only be put back in a server that runs; one that is down is not hurt by it.\nexport PGCONNECT_TIMEOUT=5 PGAPPNAME=homeostat-undo\n");
    text_printf(out, "export PGOPTIONS='-c search_path=pg_catalog -c statement_timeout=0%s'\n", bounds_transactions ? " -c transaction_timeout=0" : "");
    if (c->target->link.passfile) {
        text_add(out, "PGPASSFILE=");
        shell_quote(out, c->target->link.passfile);
        text_add(out, "\nexport PGPASSFILE\n");
    }
    text_add(out, "conninfo=");
    shell_quote(out, c->target->link.dsn);
    text_add(out, "\nrun() { printf '%s\\n' \"$1\" >&2; psql -XAtqw -v ON_ERROR_STOP=1 -d \"$conninfo\" -c \"$1\" </dev/null; }\n");
    if (s.drop) {
        struct text look_sql CLEANUP(text_done), quoted CLEANUP(text_done);
        text_init(&look_sql, 1024);
        text_init(&quoted, 400);
        sql_identifier(&quoted, s.def.schema);
        text_add(&quoted, ".");
        sql_identifier(&quoted, s.def.name);
        text_add(&look_sql, "SELECT 'usable' FROM pg_index WHERE indisvalid AND indexrelid = to_regclass('");
        for (const char *p = quoted.s; *p; p++)
            text_add_n(&look_sql, *p == '\'' ? "''" : p, *p == '\'' ? 2 : 1);
        text_add(&look_sql, "')");
        text_add(out, "[ \"$(run ");
        shell_quote(out, look_sql.s);
        text_add(out, ")\" = usable ] && exit 0\n");
    }
    text_add(out, "run ");
    shell_quote(out, drop_first.s);
    if (s.drop) {
        text_add(out, " && run ");
        shell_quote(out, sql.s);
    }
    text_add(out, "\n");
    return OK;
}

const struct act_adapter act_index = { "index", handles, probe, act, undo, recover, dry_run, undo_script };
