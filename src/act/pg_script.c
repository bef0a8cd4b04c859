/*
 * act/pg_script.c - the same as text for people: the SQL and its undo, and a script that undoes without Homeostat.
 * No secrets: a conninfo holds none (link/pg_conninfo.c), and a password file is only named.
 */
#include "act/pg.h"

#include "act/files.h"
#include "act/sql.h"

#include <string.h>

enum { LOOK_S = 10 };

/* ---- dry run ---- */

static void say_change(struct text *out, const char *name, const char *value)
{
    pg_alter_text(out, name, value);
    text_add(out, ";\n");
}

static void say_command(const struct pg_work *w, struct text *out)
{
    const char *const *argv = w->c->target->restart_command;
    if (!w->restart)
        return;
    text_add(out, "CHECKPOINT;\n$ ");
    for (int i = 0; argv && argv[i]; i++) {
        text_add(out, i ? " " : "");
        shell_quote(out, argv[i]);
    }
    text_add(out, argv && argv[0] ? "\n" : "(no restart command is configured)\n");
}

enum err pg_dry_run(const struct act_context *c, const struct plan_step *step, struct text *out, struct fault *fault)
{
    struct pg_work w;
    enum err       e = pg_work_init(&w, c, step, NULL, NULL, fault);
    if (e != OK)
        return e;
    for (int i = 0; i < w.changes; i++)
        say_change(out, w.change[i].name, w.change[i].to);
    text_printf(out, "%s\n", sql_act_reload);
    say_command(&w, out);

    /* The undo restores entries, and those are only known by looking; reading is no effect. */
    struct fault why = { 0 };
    bool looked = pg_connect(&w, pg_soon(&w, LOOK_S), &why) == OK && pg_read_settings(&w, w.link, pg_soon(&w, LOOK_S), &why) == OK;
    text_add(out, "-- undo:\n");
    if (!looked && w.changes > 0)
        text_printf(out, "-- (made from the plan's \"from\", because the server could not be asked: %s)\n", why.text);
    for (int i = w.changes - 1; i >= 0; i--)
        say_change(out, w.change[i].name, looked ? w.change[i].now.entry : w.change[i].from);
    text_printf(out, "%s\n", sql_act_reload);
    say_command(&w, out);
    pg_work_done(&w);
    return OK;
}

/* ---- undo script ---- */

static void assign(struct text *out, const char *name, const char *value)
{
    text_printf(out, "%s=", name);
    shell_quote(out, value ? value : "");
    text_add(out, "\n");
}

static void start_hint(const struct act_target *t, struct text *out)
{
    const char *const *argv = t->start_command ? t->start_command : t->restart_command;
    if (t->start_hint) {
        text_add(out, t->start_hint);
        return;
    }
    for (int i = 0; argv && argv[i]; i++) {
        text_add(out, i ? " " : "");
        shell_quote(out, argv[i]);
    }
    if (!argv || !argv[0])
        text_add(out, "as its service is started on that machine (systemctl start postgresql, or pg_ctl start)");
}

static void entry_arguments(const struct pg_change *ch, struct text *out)
{
    struct text sql CLEANUP(text_done);
    text_init(&sql, 2 * PG_VALUE_MAX + 256);
    pg_alter_text(&sql, ch->name, ch->old_entry);
    struct text ours CLEANUP(text_done);
    text_init(&ours, (PG_PASSED_MAX + 1) * (PG_VALUE_MAX + 1));
    bool none = !ch->to;
    if (ch->to)
        text_add(&ours, ch->to);
    for (int i = 0; i < ch->passes; i++) {
        none = none || !ch->passed[i];
        if (ch->passed[i] && (!ch->to || strcmp(ch->passed[i], ch->to) != 0))
            text_printf(&ours, "%s%s", ours.used ? "\n" : "", ch->passed[i]);
    }
    const char *const has = !none ? "yes" : ours.used ? "both" : "no";
    const char *const words[] = { ch->name, ch->old_entry ? "yes" : "no", ch->old_entry ? ch->old_entry : "", has, ours.s, sql.s };
    text_add(out, " \\\n   ");
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        text_add(out, " ");
        shell_quote(out, words[i]);
    }
}

enum err pg_undo_script(const struct act_context *c, const struct plan_step *step, const json_t *snapshot, struct text *out, struct fault *fault)
{
    struct pg_work w;
    enum err       e = pg_work_init(&w, c, step, snapshot, NULL, fault);
    if (e != OK)
        return e;
    const struct act_target *t = c->target;
    const char *folder = t->data_directory ? t->data_directory : w.then.data_directory;
    struct text hint CLEANUP(text_done), auto_conf CLEANUP(text_done);
    text_init(&hint, 4096);
    text_init(&auto_conf, PATH_MAX);
    start_hint(t, &hint);
    if (folder)
        text_printf(&auto_conf, "%s/postgresql.auto.conf", folder);
    bool restart = false;
    for (int i = 0; i < w.changes; i++)
        restart = restart || w.change[i].needs_restart;

    text_add(out, "#!/bin/sh\n");
    assign(out, "target", t->name);
    assign(out, "conninfo", t->link.dsn);
    text_add(out, "export PGCONNECT_TIMEOUT=5 PGAPPNAME=homeostat-undo PGOPTIONS='-c search_path=pg_catalog'\n");   /* as we do: names mean the server's own */
    if (t->link.passfile) {
        assign(out, "PGPASSFILE", t->link.passfile);
        text_add(out, "export PGPASSFILE\n");
    }
    assign(out, "auto_conf", auto_conf.s);
    assign(out, "needs_restart", restart ? "yes" : "no");
    assign(out, "start_hint", hint.s);
    text_add(out, "set --");
    for (int i = w.changes - 1; i >= 0; i--)
        entry_arguments(&w.change[i], out);
    text_add(out, "\n\n");
    text_add_n(out, (const char *)act_files[1].data, act_files[1].size);
    pg_work_done(&w);
    return OK;
}
