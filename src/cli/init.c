/*
 * cli/init.c - homeostat init: look at somebody's database once, change nothing, and write a configuration that only watches.
 *
 * What is written is loaded again before it is written, so it cannot be refused later.
 */
#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "base/utf8.h"
#include "cli/commands.h"
#include "cli/sections.h"
#include "conf/daemon.h"
#include "link/pg.h"
#include "sense/privileges.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CONF_SIZE_MAX = 256 * 1024, GRANT_SIZE = 1100 };
static const int64_t patience_us = 20 * US_PER_S;

/* ---- what is refused ---- */

static enum err no_standby(const struct target_facts *f, struct fault *fault)
{
    if (!f->in_recovery)
        return OK;
    enum err e = fail(fault, ERR_STATE, "this server is a standby: it only repeats what its primary does");
    fail_hint(fault, "give the primary; with several hosts in dsn, target_session_attrs=read-write finds it");
    return e;
}

static enum err absolute(const char *path, char *out, size_t size, struct fault *fault)
{
    char cwd[2048];
    if (*path == '/' || !*path)
        return text_copy(out, size, path) ? OK : fail(fault, ERR_INPUT, "the path %.100s is too long", path);
    if (!getcwd(cwd, sizeof cwd))
        return fail(fault, ERR_IO, "the current folder cannot be named: %s", strerror(errno));
    int n = snprintf(out, size, "%s/%s", cwd, path);
    return n > 0 && (size_t)n < size ? OK : fail(fault, ERR_INPUT, "the path %.100s is too long", path);
}

/* ---- what is written ---- */

/* In single quotes, where only the quote itself is special. */
static enum err add_quoted(struct text *t, const char *value, struct fault *fault)
{
    for (const char *s = value; *s; s++)
        if ((unsigned char)*s < ' ' || *s == 0x7f)
            return fail(fault, ERR_INPUT, "dsn and passfile must not hold line breaks or control characters");
    text_add(t, "'");
    for (const char *s = value; *s; s++)
        text_add_n(t, *s == '\'' ? "''" : s, *s == '\'' ? 2 : 1);
    text_add(t, "'");
    return OK;
}

/* Each line of text as a comment. */
static void add_comment(struct text *t, const char *indent, const char *text)
{
    while (*text) {
        size_t n = strcspn(text, "\n");
        text_printf(t, "%s# %.*s\n", indent, (int)n, text);
        text += n + (text[n] == '\n');
    }
}

static const char *mark(enum privilege_state s)
{
    static const char *const marks[] = { [PRIVILEGE_HAS] = "yes", [PRIVILEGE_LACKS] = "NO", [PRIVILEGE_UNKNOWN] = "not known" };
    return marks[s];
}

static void add_abilities(struct text *t, const struct privileges *p)
{
    char grant[GRANT_SIZE], line[GRANT_SIZE + 400];
    for (int a = 0; a < ABILITY_COUNT; a++) {
        const struct ability_info *i = &ability_info[a];
        (void)snprintf(line, sizeof line, "%-14s %-9s %s%s", i->name, mark(p->has[a]), i->what, i->for_watching ? "" : " (only to change things)");
        add_comment(t, "", line);
        if (p->has[a] != PRIVILEGE_LACKS)
            continue;
        privilege_grant((enum ability)a, p, grant, sizeof grant);
        (void)snprintf(line, sizeof line, "               %s; to get it:\n               %s", p->why[a], grant);
        add_comment(t, "", line);
    }
}

/* Debian's layout tells the name of the service. */
static void add_restart_example(struct text *t, const struct target_facts *f)
{
    char version[16], cluster[64];
    text_add(t, "    # Needed only beyond suggest:\n"
                "    # restart: window           # never | window | allowed: settings that need a restart, e.g. shared_buffers; the policy has to allow it, too\n");
    if (sscanf(f->data_directory, "/var/lib/postgresql/%15[0-9]/%63[^/]", version, cluster) == 2)
        text_printf(t, "    # restart_command: [systemctl, restart, postgresql@%s-%s]\n", version, cluster);
    else
        text_add(t, "    # restart_command: [systemctl, restart, postgresql]\n");
}

static enum err compose(const struct cli_options *o, const char *passfile, const struct privileges *p, const struct target_facts *f, struct text *t, struct fault *fault)
{
    char when[32];
    text_printf(t, "# homeostat.yaml - written by `homeostat init` on %.10s; it only watches. Nothing here lets Homeostat change your database.\n#\n",
                clock_format(clock_wall_us(&clock_real), when, sizeof when));
    text_add(t, "# Check it with     homeostat config check FILE\n# All keys, with their units, ranges and reasons:   homeostat config docs\n"
                "#\n# Times and sizes carry a unit (90s, 5min, 64MiB). Relative paths start at the folder of this file.\n\n"
                "log:\n  level: info                   # debug | info | warn | error\n\n");
    text_printf(t, "store:\n  folder: %s    # cases, history, undo scripts\n\n", access("/var/lib/homeostat", W_OK) == 0 || geteuid() == 0 ? "/var/lib/homeostat" : "homeostat-data");
    text_add(t, "web:\n  listen: 127.0.0.1:7433        # the API and the dashboard; anything but loopback needs TLS and tokens\n\ntargets:\n");
    text_printf(t, "  %s:\n    # No password here: it comes from the passfile (mode 0600), ~/.pgpass or a service file.\n    dsn: ", *o->name ? o->name : "main");
    enum err e = add_quoted(t, o->dsn, fault);
    if (e == OK && *passfile) {
        text_add(t, "\n    passfile: ");
        e = add_quoted(t, passfile, fault);
    }
    text_add(t, "\n\n    # watch    look on                      suggest  print what could be done, with its undo\n"
                "    # approve  do what a person approves    auto     do by itself what the policy allows\n    mode: watch\n\n");
    if (f->owner != OWNER_NONE)
        text_printf(t, "    # Its configuration is owned by %s (%s); it is changed through that, so this stays at watch or suggest.\n", target_owner_name(f->owner), f->owner_why);
    add_restart_example(t, f);
    text_add(t, "\n# What may be changed, how far and when; without it a cautious policy holds (homeostat policy print).\n# policy:\n#   file: policy.yaml\n\n");
    text_printf(t, "# What the role %s may do, on PostgreSQL %d.%d, when this was written:\n#\n", p->role, f->server_version / 10000, f->server_version % 10000);
    add_abilities(t, p);
    return e == OK && t->cut ? fail(fault, ERR_LIMIT, "the configuration became too long") : e;
}

/* Relative paths of the text mean the folder of the file, so it is read under its name. */
static enum err read_back(const char *name, const struct text *t, struct fault *fault)
{
    struct conf *conf = NULL;
    enum err     e = conf_load_text(name, t->s, t->used, program_sections, program_sections_count, &conf, NULL, fault);
    conf_free(conf);
    return e;
}

static enum err write_out(const struct cli_options *o, const char *path, const struct text *t, struct fault *fault)
{
    if (access(path, F_OK) == 0 && !o->force) {
        enum err e = fail(fault, ERR_STATE, "%.300s is there already", path);
        fail_hint(fault, "--force writes over it, --out FILE writes elsewhere, --out - prints it");
        return e;
    }
    return file_write(path, t->s, t->used, 0640, fault);
}

/* ---- what is told ---- */

static json_t *abilities_json(const struct privileges *p)
{
    json_t *list = json_array();
    char    grant[GRANT_SIZE];
    for (int a = 0; a < ABILITY_COUNT; a++) {
        privilege_grant((enum ability)a, p, grant, sizeof grant);
        bool lacks = p->has[a] == PRIVILEGE_LACKS;
        json_array_append_new(list, json_pack("{s:s, s:s, s:b, s:s, s:s, s:s?}", "name", ability_info[a].name, "state", p->has[a] == PRIVILEGE_HAS ? "has" : lacks ? "lacks" : "unknown",
                                              "for_watching", ability_info[a].for_watching, "what", ability_info[a].what, "why", p->why[a], "grant", lacks ? grant : NULL));
    }
    return list;
}

static void tell(struct cli *c, FILE *to, const struct privileges *p, const struct target_facts *f, const char *path, const char *full)
{
    char grant[GRANT_SIZE];
    int  missing = 0, later = 0;
    fprintf(to, "PostgreSQL %d.%d, as role %s in database %s: it can be watched.\n", f->server_version / 10000, f->server_version % 10000, p->role, p->database);
    if (f->owner != OWNER_NONE)
        fprintf(to, "Its configuration is owned by %s (%s): Homeostat will not change it past its owner.\n", target_owner_name(f->owner), f->owner_why);
    for (int pass = 0; pass < 2; pass++)
        for (int a = 0; a < ABILITY_COUNT; a++) {
            if (p->has[a] != PRIVILEGE_LACKS || ability_info[a].for_watching != (pass == 0))
                continue;
            if (pass == 0 ? missing++ == 0 : later++ == 0)
                fputs(pass == 0 ? "\nMissing, to see everything:\n" : "\nMissing, should it ever change something (not needed to watch):\n", to);
            privilege_grant((enum ability)a, p, grant, sizeof grant);
            fprintf(to, "  %s: %s; %s\n      %s\n", ability_info[a].name, p->why[a], ability_info[a].without, grant);
        }
    if (missing == 0)
        fputs("Nothing is missing to watch it.\n", to);
    if (path)
        fprintf(to, "\n%s was written; it only watches. Next:\n  homeostat run --config %s\nand, where you ask it: export HOMEOSTAT_CONFIG=%s; homeostat status\n", path, path, full);
}

/* ---- the command ---- */

/* What the server says of itself is printed, and written into comments of a configuration, where a line break would begin a setting. */
static void tame(struct privileges *p, struct target_facts *f)
{
    utf8_tame(p->role, '?');
    utf8_tame(p->database, '?');
    for (int a = 0; a < ABILITY_COUNT; a++)
        utf8_tame(p->why[a], '?');
    utf8_tame(f->owner_why, '?');
    utf8_tame(f->data_directory, '?');
}

static enum err look(struct cli *c, const char *passfile, struct privileges *p, struct target_facts *f, struct fault *fault)
{
    struct pg_link_conf conf = { .dsn = c->o.dsn, .passfile = *passfile ? passfile : NULL, .application_name = "homeostat init", .connect_timeout_ms = 10000,
                                 .statement_timeout_ms = 10000, .lock_timeout_ms = 2000 };
    struct cli_progress progress;
    cli_progress_begin(&progress, c, "looking at the database");
    cli_progress_alone(&progress);
    enum err e = privileges_check(&conf, clock_mono_us(&clock_real) + patience_us, p, f, fault);
    cli_progress_end(&progress);
    if (e == OK)
        tame(p, f);
    return e == OK ? no_standby(f, fault) : e;
}

static int do_init(struct cli *c, struct privileges *p, struct target_facts *f)
{
    struct fault fault = { 0 };
    struct text  t CLEANUP(text_done);
    char         passfile[2300] = "", path[2300] = "";
    if (!*c->o.out)
        c->o.out = "homeostat.yaml";
    bool print = strcmp(c->o.out, "-") == 0;
    text_init(&t, CONF_SIZE_MAX);
    if (absolute(c->o.passfile, passfile, sizeof passfile, &fault) != OK || (!print && absolute(c->o.out, path, sizeof path, &fault) != OK))
        return cli_complain(c, &fault);
    if (!print && !c->o.force && access(path, F_OK) == 0)       /* before anybody waits for a connection */
        return write_out(&c->o, path, &t, &fault) == OK ? CLI_DONE : cli_complain(c, &fault);
    if (look(c, passfile, p, f, &fault) != OK || compose(&c->o, passfile, p, f, &t, &fault) != OK || read_back(print ? "homeostat.yaml" : path, &t, &fault) != OK ||
        (!print && write_out(&c->o, path, &t, &fault) != OK))
        return cli_complain(c, &fault);
    json_t *o = json_pack("{s:s?, s:s, s:s, s:i, s:o}", "written", print ? NULL : path, "role", p->role, "database", p->database, "server_version", f->server_version,
                          "abilities", abilities_json(p));
    if (!cli_put_json(c, o)) {
        if (print)
            fputs(t.s, c->out);
        tell(c, print ? c->err : c->out, p, f, print ? NULL : c->o.out, path);
    }
    json_decref(o);
    return CLI_DONE;
}

int cmd_init(struct cli *c)
{
    struct fault fault = { 0 };
    if (!*c->o.dsn) {
        (void)fail(&fault, ERR_INPUT, "init wants --dsn");
        fail_hint(&fault, "homeostat init --dsn 'host=... dbname=postgres user=homeostat'");
        (void)cli_complain(c, &fault);
        return CLI_USAGE;
    }
    struct { struct privileges p; struct target_facts f; } *seen = calloc(1, sizeof *seen);
    if (!seen) {
        (void)fail(&fault, ERR_LIMIT, "no memory for facts");
        return cli_complain(c, &fault);
    }
    int code = do_init(c, &seen->p, &seen->f);
    free(seen);
    return code;
}
