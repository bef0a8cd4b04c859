/*
 * tests/live/act_tool.c - one call of an adapter, from JSON on standard input to JSON on standard output, so that the live
 * tests drive the production code against a real PostgreSQL without an engine around it.
 *
 *   { "call": "probe", "target": {"name": "main", "dsn": "..."}, "state": "/folder", "deadline_s": 30, "steps": [ {"action": ..., "params": {...}} ],
 *     "snapshots": [ ... ] }
 *
 * calls: probe, act, undo, recover, dry_run, undo_script, write_undo, toggle (with "candidate"), checkpoint, sql (with "sql": a
 * statement on a blocking connection, with the deadline).
 */
#include "act/adapter.h"
#include "base/clock.h"
#include "base/crash.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ARGV_MAX = 32 };

static const char *text_of(const json_t *o, const char *key) { return json_string_value(json_object_get(o, key)); }

static const char *const *vector_of(const json_t *o, const char *key, const char **out)
{
    const json_t *list = json_object_get(o, key);
    size_t        n = json_array_size(list);
    for (size_t i = 0; i < n && i < ARGV_MAX; i++)
        out[i] = json_string_value(json_array_get(list, i));
    out[n < ARGV_MAX ? n : ARGV_MAX] = NULL;
    return n ? out : NULL;
}

static json_t *fault_json(const struct fault *f, json_t *out)
{
    json_object_set_new(out, "code", json_string(f->code ? err_name(f->code) : "ok"));
    json_object_set_new(out, "text", json_string(f->text));
    json_object_set_new(out, "hint", json_string(f->hint));
    return out;
}

static json_t *report_json(struct act_report *r)
{
    json_t *out = json_pack("{s:s, s:s%}", "outcome", act_outcome_name(r->outcome), "output", r->output.s, r->output.used);
    if (r->witness)
        json_object_set(out, "witness", r->witness);
    if (r->outcome == ACT_DONE)
        r->fault = (struct fault){ 0 };
    fault_json(&r->fault, out);
    act_report_done(r);
    return out;
}

/* true, or the path of a file that is there. */
static bool cancelled(void *ctx)
{
    const json_t *said = ctx;
    return json_is_true(said) || (json_is_string(said) && access(json_string_value(said), F_OK) == 0);
}

static enum err run_sql(const struct act_context *c, const char *sql, struct fault *fault)
{
    struct pg_link *l = NULL;
    enum err e = pg_link_open(&c->target->link, c->deadline_us, &l, fault);
    if (e == OK)
        e = pg_link_run(l, sql, c->deadline_us, fault);
    pg_link_close(l);
    return e;
}

static json_t *call(const char *name, const json_t *in, const struct act_context *c, const struct plan *plan)
{
    struct fault             f = { 0 };
    struct act_report        report;
    json_t                  *snapshots = json_object_get(in, "snapshots"), *first = json_array_get(snapshots, 0);
    const struct act_adapter *a = act_adapter_for(plan->step[0].action);
    struct act_done_step     steps[PLAN_STEPS_MAX];
    struct text              out CLEANUP(text_done);
    text_init(&out, 1 << 20);
    act_report_init(&report);
    for (int i = 0; i < plan->steps; i++)
        steps[i] = (struct act_done_step){ &plan->step[i], json_array_get(snapshots, (size_t)i) };
    if (strcmp(name, "probe") == 0) {
        json_t *snapshot = NULL;
        enum err e = a->probe(c, &plan->step[0], &snapshot, &f);
        json_t  *j = fault_json(&f, json_pack("{s:b}", "ok", e == OK));
        if (snapshot)
            json_object_set_new(j, "snapshot", snapshot);
        return j;
    }
    if (strcmp(name, "act") == 0)
        a->act(c, &plan->step[0], first, &report);
    else if (strcmp(name, "undo") == 0)
        a->undo(c, &plan->step[0], first, &report);
    else if (strcmp(name, "recover") == 0)
        a->recover(c, &plan->step[0], first, &report);
    else if (strcmp(name, "toggle") == 0)
        act_pg_toggle(c, steps, plan->steps, json_is_true(json_object_get(in, "candidate")), &report);
    else {
        char     path[4096] = "";
        enum err e = strcmp(name, "dry_run") == 0       ? a->dry_run(c, &plan->step[0], &out, &f)
                     : strcmp(name, "undo_script") == 0 ? a->undo_script(c, &plan->step[0], first, &out, &f)
                     : strcmp(name, "write_undo") == 0  ? act_undo_script_write(c, text_of(in, "case"), steps, plan->steps, path, sizeof path, &f)
                     : strcmp(name, "checkpoint") == 0  ? act_pg_checkpoint(c, &f)
                     : strcmp(name, "sql") == 0         ? run_sql(c, text_of(in, "sql"), &f)
                                                        : fail(&f, ERR_INPUT, "no such call: %s", name);
        return fault_json(&f, json_pack("{s:b, s:s, s:s}", "ok", e == OK, "output", out.s, "path", path));
    }
    return report_json(&report);
}

int main(void)
{
    json_error_t where;
    json_t      *in = json_loadf(stdin, 0, &where);
    if (!in) {
        fprintf(stderr, "act_tool: %s\n", where.text);
        return 2;
    }
    crash_arm_from_environment();
    const json_t *t = json_object_get(in, "target");
    const char   *restart[ARGV_MAX + 1], *start[ARGV_MAX + 1];
    struct act_target target = {
        .name = text_of(t, "name"), .data_directory = text_of(t, "data_directory"), .bin_directory = text_of(t, "bin_directory"),
        .link = { .dsn = text_of(t, "dsn"), .passfile = text_of(t, "passfile"), .connect_timeout_ms = 30000, .keepalives = true },
        .restart_command = vector_of(t, "restart_command", restart), .start_command = vector_of(t, "start_command", start),
        .restart_timeout_ms = (int)json_integer_value(json_object_get(t, "restart_timeout_ms")),
        .restart_allowed = !json_is_false(json_object_get(t, "restart_allowed")), .trial_start = !json_is_false(json_object_get(t, "trial_start")),
        .standbys_ready = json_is_true(json_object_get(t, "standbys_ready")), .owner = (enum target_owner)json_integer_value(json_object_get(t, "owner")),
    };
    const json_t *deadline = json_object_get(in, "deadline_s");
    struct act_context c = {
        .target = t ? &target : NULL, .state_folder = text_of(in, "state"), .action_id = text_of(in, "action_id"), .cancelled = cancelled,
        .cancelled_ctx = json_object_get(in, "cancelled"),
        .deadline_us = clock_mono_us(&clock_real) + (int64_t)((deadline ? json_number_value(deadline) : 60) * (double)US_PER_S),
    };
    struct plan  plan;
    struct fault fault = { 0 };
    json_t *wrapped = json_pack("{s:s, s:O, s:{}, s:{}}", "title", "live test", "steps", json_object_get(in, "steps"), "rollback", "verify");
    if (plan_parse(wrapped, &plan, &fault) != OK) {
        fprintf(stderr, "act_tool: %s\n", fault.text);
        return 2;
    }
    json_t *out = call(text_of(in, "call"), in, &c, &plan);
    json_dumpf(out, stdout, JSON_INDENT(1));
    puts("");
    json_decref(out);
    plan_done(&plan);
    json_decref(wrapped);
    json_decref(in);
    return 0;
}
