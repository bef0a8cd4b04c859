/*
 * act/postgres.c - the adapter of postgres.set and postgres.restart: what a step says, and the order of things.
 */
#include "act/pg.h"

#include "base/crash.h"
#include "base/id.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FENCE_WAIT_S = 5, LOOK_S = 20, NOTES_MAX = 64 };

static int64_t now_us(void) { return clock_mono_us(&clock_real); }

int64_t pg_soon(const struct pg_work *w, int seconds)
{
    int64_t soon_us = now_us() + seconds * US_PER_S;
    return soon_us < w->c->deadline_us ? soon_us : w->c->deadline_us;
}

static bool handles(enum plan_action action) { return action == PLAN_POSTGRES_SET || action == PLAN_POSTGRES_RESTART; }

/* ---- what a step and a snapshot say ---- */

/* 4, 1.5 and true are as good as "4", "1.5" and "on". */
static enum err value_text(struct pg_work *w, const json_t *v, const char *name, const char *member, const char **out, struct fault *fault)
{
    const char *text = json_string_value(v);
    if (!v || json_is_null(v))
        *out = NULL;
    else if (text)
        *out = arena_text(&w->arena, text);
    else if (json_is_boolean(v))
        *out = json_is_true(v) ? "on" : "off";
    else if (json_is_integer(v))
        *out = arena_printf(&w->arena, "%lld", (long long)json_integer_value(v));
    else if (json_is_real(v))
        *out = arena_printf(&w->arena, "%.15g", json_real_value(v));
    else
        return fail(fault, ERR_INPUT, "%s: \"%s\" must be a text, a number, true, false or null", name, member);
    if (text && (strlen(text) > PG_VALUE_MAX || strpbrk(text, "\r\n") || strlen(text) != json_string_length(v)))
        return fail(fault, ERR_INPUT, "%s: \"%s\" is longer than %d bytes or has a line end", name, member, PG_VALUE_MAX);
    return !v || json_is_null(v) || *out ? OK : fail(fault, ERR_LIMIT, "no memory for a value");
}

static enum err take_setting(struct pg_work *w, const json_t *one, struct fault *fault)
{
    const char *name = json_string_value(json_object_get(one, "name"));
    if (!name || !pg_name_valid(name))
        return fail(fault, ERR_INPUT, "/params/settings: \"name\" must be the name of a parameter%s%.60s", name ? ", which this is not: " : "", name ? name : "");
    if (w->changes == PG_CHANGES_MAX)
        return fail(fault, ERR_LIMIT, "more than %d parameters at once", PG_CHANGES_MAX);
    char *lower = arena_text(&w->arena, name);
    if (!lower)
        return fail(fault, ERR_LIMIT, "no memory for a name");
    for (char *p = lower; *p; p++)
        *p = (char)tolower((unsigned char)*p);
    for (int i = 0; i < w->changes; i++)
        if (strcmp(w->change[i].name, lower) == 0)
            return fail(fault, ERR_INPUT, "%s is named twice", lower);
    if (!json_object_get(one, "to"))
        return fail(fault, ERR_INPUT, "%s: \"to\" is missing (null means: take the entry out)", lower);
    struct pg_change *ch = &w->change[w->changes];
    *ch = (struct pg_change){ .name = lower };
    enum err e = value_text(w, json_object_get(one, "to"), lower, "to", &ch->to, fault);
    if (e == OK)
        e = value_text(w, json_object_get(one, "from"), lower, "from", &ch->from, fault);
    size_t  i;
    json_t *passed;
    json_array_foreach(json_object_get(one, "passed"), i, passed)
        if (e == OK && ch->passes < PG_PASSED_MAX)
            e = value_text(w, passed, lower, "passed", &ch->passed[ch->passes++], fault);
    if (e == OK)
        w->changes++;
    return e;
}

static const json_t *snapshot_row(const json_t *snapshot, const char *name)
{
    size_t  i;
    json_t *row;
    json_array_foreach(json_object_get(snapshot, "settings"), i, row) {
        const char *n = json_string_value(json_object_get(row, "name"));
        if (n && strcmp(n, name) == 0)
            return row;
    }
    return NULL;
}

static const char *keep_text(struct pg_work *w, const json_t *object, const char *key)
{
    const char *s = json_string_value(json_object_get(object, key));
    return s ? arena_text(&w->arena, s) : NULL;
}

static enum err take_snapshot(struct pg_work *w, const json_t *snapshot, int first, struct fault *fault)
{
    const json_t *server = json_object_get(snapshot, "server");
    if (!json_is_object(server))
        return fail(fault, ERR_INPUT, "the snapshot of this step is not one of a PostgreSQL");
    w->then = (struct pg_server){ .system_identifier = keep_text(w, server, "system_identifier"), .data_directory = keep_text(w, server, "data_directory"),
                                  .timeline = keep_text(w, server, "timeline"),
                                  .start_us = json_integer_value(json_object_get(server, "postmaster_start_us")),
                                  .version = (int)json_integer_value(json_object_get(server, "version")) };
    for (int i = first; i < w->changes; i++) {
        struct pg_change *ch = &w->change[i];
        const json_t     *row = snapshot_row(snapshot, ch->name);
        if (!row)
            return fail(fault, ERR_INPUT, "the snapshot of this step does not have %s", ch->name);
        ch->old_entry = keep_text(w, row, "entry");
        ch->old_value = keep_text(w, row, "in_force");
        /* While the server is down these say how to compare. */
        ch->now.vartype = keep_text(w, row, "vartype");
        ch->now.unit = keep_text(w, row, "unit");
        const char *context = json_string_value(json_object_get(row, "context"));
        ch->needs_restart = context && strcmp(context, "postmaster") == 0;
    }
    w->server.start_us = w->then.start_us;
    w->server.version = w->then.version;
    w->was_local = json_is_object(json_object_get(snapshot, "auto_conf"));
    return OK;
}

enum err pg_work_add(struct pg_work *w, const struct plan_step *step, const json_t *snapshot, struct fault *fault)
{
    const json_t *settings = json_object_get(step->params, "settings");
    const char   *target = json_string_value(json_object_get(step->params, "target"));
    if (!w->c->target)
        return fail(fault, ERR_INPUT, "%s needs a target", plan_action_info[step->action].name);
    if (target && strcmp(target, w->c->target->name) != 0)
        return fail(fault, ERR_INPUT, "the step is for target %.60s, this is %.60s", target, w->c->target->name);
    bool restart = step->action == PLAN_POSTGRES_RESTART;
    if ((settings && !json_is_array(settings)) || (!restart && json_array_size(settings) == 0)) {
        enum err e = fail(fault, ERR_INPUT, "/params/settings must be a list of parameters");
        fail_hint(fault, "\"settings\": [ { \"name\": \"work_mem\", \"from\": \"4MB\", \"to\": \"8MB\" } ]");
        return e;
    }
    w->restart = w->restart || restart;
    int     first = w->changes;
    size_t  i;
    json_t *one;
    json_array_foreach(settings, i, one) {
        enum err e = take_setting(w, one, fault);
        if (e != OK)
            return e;
    }
    return snapshot ? take_snapshot(w, snapshot, first, fault) : OK;
}

void pg_work_begin(struct pg_work *w, const struct act_context *c, struct text *output)
{
    *w = (struct pg_work){ .c = c, .output = output, .notes = json_array(), .overrides = json_array() };
    fence_init(&w->fence);
    arena_init(&w->arena, PG_ARENA_BYTES);
    arena_init(&w->now_arena, PG_ARENA_BYTES);
}

enum err pg_work_init(struct pg_work *w, const struct act_context *c, const struct plan_step *step, const json_t *snapshot, struct text *output,
                      struct fault *fault)
{
    pg_work_begin(w, c, output);
    enum err e = pg_work_add(w, step, snapshot, fault);
    if (e != OK)
        pg_work_done(w);
    return e;
}

void pg_work_done(struct pg_work *w)
{
    pg_link_close(w->link);
    fence_release(&w->fence);
    arena_done(&w->arena);
    arena_done(&w->now_arena);
    json_decref(w->notes);
    json_decref(w->overrides);
    w->link = NULL;
    w->notes = w->overrides = NULL;
}

void pg_work_note(struct pg_work *w, const char *format, ...)
{
    char    text[400];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (json_array_size(w->notes) < NOTES_MAX)
        json_array_append_new(w->notes, json_string(text));
    if (w->output)
        text_printf(w->output, "-- %s\n", text);
}

/* ---- what was seen ---- */

static json_t *text_or_null(const char *s) { return s ? json_string(s) : json_null(); }

static json_t *server_json(const struct pg_server *s)
{
    return json_pack("{s:i, s:s?, s:s?, s:s?, s:s?, s:I, s:I}", "version", s->version, "system_identifier", s->system_identifier, "timeline", s->timeline,
                     "data_directory", s->data_directory, "address", s->address, "postmaster_start_us", (json_int_t)s->start_us, "conf_load_us", (json_int_t)s->load_us);
}

static json_t *settings_json(const struct pg_work *w)
{
    json_t *list = json_array();
    for (int i = 0; i < w->changes; i++) {
        const struct pg_change *ch = &w->change[i];
        const struct pg_now    *n = &ch->now;
        json_array_append_new(list, json_pack("{s:s, s:o, s:s?, s:s?, s:s?, s:s?, s:s?, s:b}", "name", ch->name, "entry", text_or_null(n->entry), "in_force",
                                              n->value, "unit", n->unit, "vartype", n->vartype, "context", n->context, "source", n->source, "pending_restart", n->pending));
    }
    return list;
}

json_t *pg_work_witness(struct pg_work *w)
{
    if (pg_link_alive(w->link))
        (void)!pg_read_server(w, now_us() + 5 * US_PER_S, NULL);   /* for the times in it */
    return json_pack("{s:o, s:o, s:O, s:O, s:s}", "server", server_json(&w->server), "settings", settings_json(w), "overrides", w->overrides, "notes", w->notes,
                     "read_back_by", w->own_session_only ? "the acting session" : "a session of its own");
}

/* The file's digest, where we can read it: a person comparing later wants to know whether it is the same file. */
static json_t *auto_conf_json(const struct pg_work *w)
{
    struct pg_file f;
    if (!w->local.proven || pg_local_read(&w->local, &f, NULL) != OK)
        return json_null();
    struct text t CLEANUP(text_done);
    text_init(&t, PG_FILE_BYTES_MAX);
    pg_file_print(&f, &t);
    char digest[DIGEST_SIZE];
    digest_hex(t.s, t.used, digest);
    json_t *j = json_pack("{s:s, s:s, s:i}", "path", w->local.auto_conf, "sha256", digest, "bytes", (int)t.used);
    pg_file_done(&f);
    return j;
}

/* ---- probe ---- */

static enum err guard_restart(struct pg_work *w, struct fault *fault)
{
    const struct act_target *t = w->c->target;
    if (!w->restart)
        return OK;
    if (!t->restart_allowed) {
        enum err e = fail(fault, ERR_DENIED, "restarts of %s are not allowed", t->name);
        fail_hint(fault, "policy decides that; parameters that need no restart can be planned without");
        return e;
    }
    if (!t->restart_command || !t->restart_command[0]) {
        enum err e = fail(fault, ERR_STATE, "no restart command is configured for %s", t->name);
        fail_hint(fault, "restart_command: [systemctl, restart, postgresql@15-main]");
        return e;
    }
    return OK;
}

static enum err look(struct pg_work *w, struct fault *fault)
{
    enum err e = guard_restart(w, fault);
    if (e == OK)
        e = pg_connect(w, pg_soon(w, LOOK_S), fault);
    if (e == OK)
        e = pg_guard_server(w, fault);
    if (e == OK)
        e = pg_check_files(w, pg_soon(w, LOOK_S), fault);
    if (e == OK)
        e = pg_read_settings(w, w->link, pg_soon(w, LOOK_S), fault);
    if (e == OK)
        e = pg_guard_changes(w, fault);
    if (e == OK)
        e = pg_guard_strangers(w, fault);
    struct fault why = { 0 };
    if (e == OK && pg_local_prove(w, w->restart ? fault : &why) != OK) {
        if (w->restart)
            return fault ? fault->code : ERR_DENIED;
        pg_work_note(w, "no proven access to the server's files: %.300s", why.text);
    }
    return e;
}

static enum err probe(const struct act_context *c, const struct plan_step *step, json_t **snapshot, struct fault *fault)
{
    struct pg_work w;
    enum err       e = pg_work_init(&w, c, step, NULL, NULL, fault);
    if (e != OK)
        return e;
    e = look(&w, fault);
    if (e == OK) {
        *snapshot = json_pack("{s:s, s:i, s:o, s:o, s:o, s:O, s:O}", "kind", "postgres", "format", 1, "server", server_json(&w.server), "auto_conf",
                              auto_conf_json(&w), "settings", settings_json(&w), "overrides", w.overrides, "notes", w.notes);
        e = *snapshot ? OK : fail(fault, ERR_LIMIT, "no memory for a snapshot");
    }
    pg_work_done(&w);
    return e;
}

/* ---- act ---- */

/* Everything that can still be said before the first effect. */
static enum err ready(struct pg_work *w, struct fault *fault)
{
    enum err e = guard_restart(w, fault);
    if (e == OK)
        e = fence_take(&w->fence, w->c, pg_soon(w, FENCE_WAIT_S), fault);
    if (e == OK)
        e = pg_connect(w, pg_soon(w, LOOK_S), fault);
    if (e == OK)
        e = pg_guard_same_server(w, fault);
    if (e == OK)
        pg_start_was_seen(w);   /* of an earlier action, after which a person started it */
    if (e == OK)
        e = pg_check_files(w, pg_soon(w, LOOK_S), fault);
    if (e == OK)
        e = pg_read_settings(w, w->link, pg_soon(w, LOOK_S), fault);
    if (e == OK)
        e = pg_guard_as_probed(w, fault);
    if (e == OK)
        e = pg_guard_strangers(w, fault);
    struct fault why = { 0 };
    if (e == OK && pg_local_prove(w, w->restart ? fault : &why) != OK && w->restart)
        return fault ? fault->code : ERR_DENIED;
    if (e == OK && w->restart)
        e = pg_trial_start(w, fault);
    if (e == OK && w->c->cancelled && w->c->cancelled(w->c->cancelled_ctx))
        e = fail(fault, ERR_STATE, "stopped before anything was changed");
    return e;
}

static enum err write_all(struct pg_work *w, enum pg_side side, struct fault *fault)
{
    for (int i = 0; i < w->changes; i++) {
        if (i > 0)
            CRASH_POINT(CRASH_MID_EFFECT);
        enum err e = pg_write_entry(w, &w->change[i], side, w->c->deadline_us, fault);
        if (e != OK)
            return e;
    }
    CRASH_POINT(CRASH_MID_EFFECT);
    enum err e = w->changes > 0 ? pg_reload(w, w->c->deadline_us, fault) : OK;
    return e == OK && w->changes > 0 ? pg_check_files(w, w->c->deadline_us, fault) : e;
}

/* It may take minutes, in which somebody may press the stop switch: then the server is not restarted any more. */
static enum err before_restart(struct pg_work *w, struct fault *fault)
{
    const struct act_context *c = w->c;
    pg_link_watch(w->link, c->cancelled, c->cancelled_ctx);
    pg_checkpoint_before_restart(w, c->deadline_us);
    pg_link_watch(w->link, NULL, NULL);
    return c->cancelled && c->cancelled(c->cancelled_ctx) ? fail(fault, ERR_STATE, "stopped before the restart") : OK;
}

static enum err effect(struct pg_work *w, struct fault *fault)
{
    enum err e = write_all(w, SIDE_NEW, fault);
    if (e == OK && w->restart) {
        e = pg_wait_in_force(w, SIDE_NEW, true, w->c->deadline_us, fault);   /* all of it taken, as far as possible without a restart */
        if (e == OK)
            e = before_restart(w, fault);
        if (e == OK)
            e = pg_restart(w, false, w->c->deadline_us, fault);
    }
    CRASH_POINT(CRASH_AFTER_EFFECT);
    return e == OK ? pg_wait_in_force(w, SIDE_NEW, false, w->c->deadline_us, fault) : e;
}

/* It did not work: put back, and tell why it did not work rather than how putting back went, if that went well. */
static void retreat(struct pg_work *w, const struct fault *why, struct act_report *report)
{
    pg_work_note(w, "failed, putting back: %.300s", why->text);
    pg_put_back(w, report);
    enum act_outcome back = report->outcome;
    report->outcome = back == ACT_DONE ? ACT_UNTOUCHED : back == ACT_UNTOUCHED ? ACT_PARTIAL : back;
    struct fault after = report->fault;
    report->fault = *why;
    if (back != ACT_DONE && *after.text)
        (void)fail(&report->fault, why->code, "%.190s; and putting back: %.190s", why->text, after.text);
}

static void act(const struct act_context *c, const struct plan_step *step, const json_t *snapshot, struct act_report *report)
{
    struct pg_work w;
    report->outcome = ACT_UNTOUCHED;
    if (pg_work_init(&w, c, step, snapshot, &report->output, &report->fault) != OK)
        return;
    if (ready(&w, &report->fault) == OK) {
        struct fault why = { 0 };
        CRASH_POINT(CRASH_BEFORE_EFFECT);
        if (effect(&w, &why) == OK)
            report->outcome = ACT_DONE;
        else
            retreat(&w, &why, report);
        report->witness = pg_work_witness(&w);
        CRASH_POINT(CRASH_AFTER_READBACK);
    }
    pg_work_done(&w);
}

/* ---- undo and recovery ---- */

static void undo(const struct act_context *c, const struct plan_step *step, const json_t *snapshot, struct act_report *report)
{
    struct pg_work w;
    report->outcome = ACT_UNKNOWN;
    if (pg_work_init(&w, c, step, snapshot, &report->output, &report->fault) != OK)
        return;
    if (fence_take(&w.fence, c, c->deadline_us, &report->fault) == OK) {
        pg_put_back(&w, report);
        report->witness = pg_work_witness(&w);
        CRASH_POINT(CRASH_AFTER_READBACK);
    }
    pg_work_done(&w);
}

static void recover(const struct act_context *c, const struct plan_step *step, const json_t *snapshot, struct act_report *report)
{
    struct pg_work w;
    report->outcome = ACT_UNKNOWN;
    if (pg_work_init(&w, c, step, snapshot, &report->output, &report->fault) != OK)
        return;
    /* Both halves of the fence before the look: a keeper of our predecessor may still be restarting the server. */
    if (fence_take(&w.fence, c, c->deadline_us, &report->fault) == OK) {
        struct fault ignored = { 0 };
        (void)!pg_local_prove_down(&w, &ignored);   /* so that a server which is gone is not waited for */
        enum err e = pg_wait_up(&w, c->deadline_us, &report->fault);
        bool down = e != OK && pg_local_prove_down(&w, &ignored) == OK;
        if (e == OK)
            e = pg_guard_same_server(&w, &report->fault);
        if (e == OK)
            pg_start_was_seen(&w);
        if (e == OK)
            e = pg_read_fresh(&w, pg_soon(&w, LOOK_S), &report->fault);
        if (e == OK)
            report->outcome = pg_where_are_we(&w, &report->fault);
        else if (down)
            report->outcome = pg_where_is_the_file(&w, &report->fault);
        report->witness = pg_work_witness(&w);
    }
    pg_work_done(&w);
}

/* ---- more than one step ---- */

static enum err gather(struct pg_work *w, const struct act_done_step *steps, int n, struct fault *fault)
{
    for (int i = 0; i < n; i++) {
        enum err e = steps[i].step->action == PLAN_POSTGRES_SET ? pg_work_add(w, steps[i].step, steps[i].snapshot, fault) : OK;
        if (e != OK)
            return e;
    }
    return OK;
}

static enum err toggle_ready(struct pg_work *w, struct fault *fault)
{
    enum err e = fence_take(&w->fence, w->c, pg_soon(w, FENCE_WAIT_S), fault);
    if (e == OK)
        e = pg_connect(w, pg_soon(w, LOOK_S), fault);
    if (e == OK)
        e = pg_guard_same_server(w, fault);
    if (e == OK)
        e = pg_read_settings(w, w->link, pg_soon(w, LOOK_S), fault);
    for (int i = 0; e == OK && i < w->changes; i++) {
        const struct pg_change *ch = &w->change[i];
        if (!pg_entry_is(ch, SIDE_OLD) && !pg_entry_is(ch, SIDE_NEW)) {
            e = fail(fault, ERR_CONFLICT, "%s was changed by somebody else: postgresql.auto.conf has %.80s", ch->name, ch->now.entry ? ch->now.entry : "no entry");
            fail_hint(fault, "nothing was written; the trial cannot go on");
        }
    }
    return e == OK ? pg_guard_strangers(w, fault) : e;
}

void act_pg_toggle(const struct act_context *c, const struct act_done_step *steps, int n, bool candidate, struct act_report *report)
{
    struct pg_work w;
    enum pg_side   side = candidate ? SIDE_NEW : SIDE_OLD;
    report->outcome = ACT_UNTOUCHED;
    pg_work_begin(&w, c, &report->output);
    enum err e = gather(&w, steps, n, &report->fault);
    if (e == OK)
        e = toggle_ready(&w, &report->fault);
    if (e == OK) {
        struct fault why = { 0 };
        CRASH_POINT(CRASH_BEFORE_EFFECT);
        e = write_all(&w, side, &why);
        CRASH_POINT(CRASH_AFTER_EFFECT);
        if (e == OK)
            e = pg_wait_in_force(&w, side, false, c->deadline_us, &why);
        if (e == OK)
            report->outcome = ACT_DONE;
        else
            retreat(&w, &why, report);
        if (!candidate && report->outcome == ACT_UNTOUCHED)
            report->outcome = ACT_DONE;   /* it was the way back that took two attempts */
        report->witness = pg_work_witness(&w);
        CRASH_POINT(CRASH_AFTER_READBACK);
    }
    pg_work_done(&w);
}

enum err act_pg_checkpoint(const struct act_context *c, struct fault *fault)
{
    struct pg_work w;
    pg_work_begin(&w, c, NULL);
    enum err e = c->target ? OK : fail(fault, ERR_INPUT, "a checkpoint needs a target");
    if (e == OK)
        e = pg_connect(&w, pg_soon(&w, LOOK_S), fault);
    if (e == OK) {
        pg_link_watch(w.link, c->cancelled, c->cancelled_ctx);
        e = pg_checkpoint(&w, c->deadline_us, fault);
    }
    pg_work_done(&w);
    return e;
}

const struct act_adapter act_postgres = { "postgres", handles, probe, act, undo, recover, pg_dry_run, pg_undo_script };
