/*
 * act/pg_trial.c - does a server start with these values?  Tried in a throwaway instance before the real one is stopped.
 *
 * ALTER SYSTEM accepts what no server can start with: shared_buffers beyond the memory, a library that is not there,
 * wal_level=minimal beside max_wal_senders.  The throwaway takes every setting of the real server's files with ours over
 * them, except what ties a server to its place (files, ports, archives, standbys).
 */
#include "act/pg.h"
#include "act/process.h"

#include "act/files.h"
#include "act/sql.h"
#include "base/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TRIAL_READY_S = 60, TRIAL_LIMIT_S = 120, TRIAL_CONF_MAX = 1024 * 1024 };

/* Not for a copy. A name that ends in * stands for all that begin so. */
static const char *const tied_to_its_place[] = {
    "allow_system_table_mods", "archive_*", "bonjour*", "cluster_name", "config_file", "data_directory", "default_tablespace", "event_source",
    "external_pid_file", "hba_file", "ident_file", "include*", "krb_*", "listen_addresses", "log_*", "logging_collector", "pg_stat_statements.save",
    "port", "primary_*", "promote_trigger_file", "recovery_*", "restore_command", "ssl*", "stats_temp_directory", "synchronous_standby_names",
    "syslog_*", "temp_tablespaces", "unix_socket_*", "wal_receiver_*",
};

static const char place_of_its_own[] =
    "listen_addresses = ''\nunix_socket_directories = '.'\narchive_mode = off\nlogging_collector = off\nlog_destination = 'stderr'\n"
    "fsync = off\nlc_messages = 'C'\n";

static bool tied(const char *name)
{
    for (size_t i = 0; i < sizeof tied_to_its_place / sizeof *tied_to_its_place; i++) {
        const char *row = tied_to_its_place[i];
        size_t      n = strlen(row);
        if (row[n - 1] == '*' ? strncmp(row, name, n - 1) == 0 : strcmp(row, name) == 0)
            return true;
    }
    return false;
}

static const struct pg_change *change_of(const struct pg_work *w, const char *name)
{
    for (int i = 0; i < w->changes; i++)
        if (strcmp(w->change[i].name, name) == 0)
            return &w->change[i];
    return NULL;
}

static void add(struct text *conf, const char *name, const char *value)
{
    pg_file_entry_text(conf, name, value);
    text_add(conf, "\n");
}

static enum err make_conf(struct pg_work *w, struct text *conf, struct fault *fault)
{
    PGresult *r CLEANUP(pg_result_clear) = NULL;
    enum err  e = pg_link_query(w->link, sql_act_files, 0, NULL, pg_soon(w, 20), &r, fault);
    if (e != OK)
        return e;
    for (int i = 0; i < PQntuples(r); i++) {   /* the last entry counts here, too */
        const char *name = pg_cell(r, i, 0), *value = pg_cell(r, i, 1);
        const struct pg_change *ours = name ? change_of(w, name) : NULL;
        bool taken_out = ours && !ours->to && pg_cell(r, i, 6) && *pg_cell(r, i, 6) == 't';
        if (name && value && !tied(name) && !taken_out)
            add(conf, name, value);
    }
    for (int i = 0; i < w->changes; i++)
        if (w->change[i].to && !tied(w->change[i].name))
            add(conf, w->change[i].name, w->change[i].to);
    text_add(conf, place_of_its_own);
    return conf->cut ? fail(fault, ERR_LIMIT, "the server's configuration is larger than %d bytes", TRIAL_CONF_MAX) : OK;
}

/* ---- huge pages ---- */

/*
 * A server that insists on huge pages (huge_pages = on) holds them while a throwaway one would ask for as many again, and a pool
 * has seldom twice of what is needed.  So the throwaway does without, and it is counted whether they would be enough, as far as
 * the server says how many it has: from 15 on, and of the system's own size.  held: "" when there is nothing to count.
 */
static enum err huge_pages_held(struct pg_work *w, char *held, size_t size, struct fault *fault)
{
    PGresult *r CLEANUP(pg_result_clear) = NULL;
    const struct pg_change *ours = change_of(w, "huge_pages");
    held[0] = '\0';
    enum err    e = pg_link_query(w->link, sql_act_huge_pages, 0, NULL, pg_soon(w, 20), &r, fault);
    const char *insists = pg_cell(r, 0, 0), *pages = pg_cell(r, 0, 1), *own_size = pg_cell(r, 0, 2);
    if (e != OK || !insists || *insists != 't' || !own_size || *own_size != 't' || !pages || strtoll(pages, NULL, 10) <= 0)
        return e;
    if (!ours || (ours->to && pg_value_same("huge_pages", "enum", "", ours->to, "on")))
        (void)snprintf(held, size, "%lld", strtoll(pages, NULL, 10));
    return OK;
}

/* ---- what came of it ---- */

/* What stands behind the first FATAL or PANIC, and the reason given with it. */
static void first_fatal(const char *output, char *out, size_t size)
{
    const char *at = strstr(output, "FATAL:");
    at = at ? at : strstr(output, "PANIC:");
    at = at ? at + 6 : output;
    at += strspn(at, " \t\n");
    (void)snprintf(out, size, "%.*s", (int)strcspn(at, "\n"), at);
}

static enum err judge(struct pg_work *w, const struct process_result *r, struct fault *fault)
{
    char why[200];
    first_fatal(r->output.s, why, sizeof why);
    switch (r->timed_out ? 2 : r->exit_code) {
    case 0:
        pg_work_note(w, "a throwaway server starts with these values");
        return OK;
    case 1:
        (void)fail(fault, ERR_STATE, "a server would not start with these values: %s", why);
        if (strstr(r->output.s, "could not map anonymous shared memory"))
            fail_hint(fault, "the throwaway server has to fit beside the real one, which keeps its memory meanwhile; trial_start: false goes without a trial");
        else
            fail_hint(fault, "tried in a throwaway instance on this machine; the real server was not touched");
        return ERR_STATE;
    case 2:
        (void)fail(fault, ERR_STATE, "a throwaway server with these values was not ready within %d s", TRIAL_READY_S);
        fail_hint(fault, "the real server was not touched");
        return ERR_STATE;
    default:
        pg_work_note(w, "no trial start was possible: %.200s", why);
        return OK;
    }
}

static enum err run_trial(struct pg_work *w, const char *folder, const char *held, struct fault *fault)
{
    char segment[16], tenths[16], script_name[] = "trial";
    (void)snprintf(segment, sizeof segment, "%d", w->server.wal_segment_mb > 0 ? w->server.wal_segment_mb : 16);
    (void)snprintf(tenths, sizeof tenths, "%d", TRIAL_READY_S * 10);
    const char *argv[] = { "/bin/sh", "-c", (const char *)act_files[0].data, script_name, folder, w->local.bin, segment, tenths, held, NULL };
    const char *env[] = { "PATH=" PROCESS_PATH, "LANG=C", "LC_ALL=C", NULL };
    int64_t     left_us = w->c->deadline_us - clock_mono_us(&clock_real), limit_us = TRIAL_LIMIT_S * US_PER_S;
    struct process_order order = { .argv = argv, .env = env, .lock_fd = w->fence.fd, .timeout_us = limit_us < left_us ? limit_us : left_us, .end_leftovers = true,
                                   .as_other = geteuid() == 0, .uid = w->local.uid, .gid = w->local.gid };
    struct process_result r;
    enum err e = process_run(&order, &r, fault);
    if (e == OK)
        e = judge(w, &r, fault);
    process_result_done(&r);
    return e;
}

enum err pg_trial_start(struct pg_work *w, struct fault *fault)
{
    if (!w->c->target->trial_start || w->changes == 0)
        return OK;
    if (!*w->local.bin || (geteuid() == 0 && w->local.uid == 0)) {
        pg_work_note(w, "no trial start was possible: %s", *w->local.bin ? "the server's files belong to root" : "no binaries of the server's version were found");
        return OK;
    }
    struct text conf CLEANUP(text_done);
    text_init(&conf, TRIAL_CONF_MAX);
    char     held[24] = "";
    enum err e = make_conf(w, &conf, fault);
    if (e == OK)
        e = huge_pages_held(w, held, sizeof held, fault);
    if (e != OK)
        return e;
    if (*held)
        text_add(&conf, "huge_pages = off\n");
    /* Not in our own folder: the server's user cannot reach that, and a socket's path must be short. */
    char folder[] = "/var/tmp/homeostat-trial-XXXXXX", path[sizeof folder + 16];
    if (!mkdtemp(folder)) {
        pg_work_note(w, "no trial start was possible: cannot make a folder in /var/tmp: %s", strerror(errno));
        return OK;
    }
    (void)snprintf(path, sizeof path, "%s/trial.conf", folder);
    e = file_write(path, conf.s, conf.used, 0644, fault);
    if (e == OK && geteuid() == 0 && (chown(path, w->local.uid, w->local.gid) != 0 || chown(folder, w->local.uid, w->local.gid) != 0))
        e = fail(fault, ERR_IO, "cannot give %s to the server's user: %s", folder, strerror(errno));
    if (e == OK)
        e = run_trial(w, folder, held, fault);
    (void)unlink(path);      /* the script has removed everything, unless it never ran */
    (void)rmdir(folder);
    return e;
}
