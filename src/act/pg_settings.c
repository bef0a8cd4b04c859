/*
 * act/pg_settings.c - what the server says is in force and in its files, entries written by SQL, and the wait until they
 * have arrived.
 *
 * pg_reload_conf() answers t also for a file that nobody can read, so it is never believed: what counts is that
 * pg_conf_load_time() has moved, that pg_file_settings has no error, and that a session of its own sees the values.
 */
#include "act/pg.h"

#include "act/sql.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum { POLL_MS = 30, RELOAD_WAIT_S = 5, RELOAD_DOUBT_POLLS = 10, IN_FORCE_WAIT_S = 10, CONNECT_S = 5 };

static int64_t now_us(void) { return clock_mono_us(&clock_real); }
static void    nap(void) { (void)nanosleep(&(struct timespec){ .tv_nsec = POLL_MS * 1000000L }, NULL); }
static int64_t sooner(int64_t a, int64_t b) { return a < b ? a : b; }

/* NULL cells and a full arena both read as NULL: the caller treats NULL as "not known". */
static const char *keep(struct arena *a, const PGresult *r, int row, int column)
{
    const char *cell = pg_cell(r, row, column);
    return cell ? arena_text(a, cell) : NULL;
}

static bool yes(const PGresult *r, int row, int column)
{
    const char *cell = pg_cell(r, row, column);
    return cell && *cell == 't';
}

static int64_t whole(const PGresult *r, int row, int column)
{
    const char *cell = pg_cell(r, row, column);
    return cell ? strtoll(cell, NULL, 10) : 0;
}

/* ---- the session ---- */

/* Whoever acts may mostly do anything, and asks with names that mean the server's own; but a search_path is read back only where it is not set by us. */
static bool only_catalog(const struct pg_work *w)
{
    bool path = false;
    for (int i = 0; i < w->changes; i++)
        path = path || strcasecmp(w->change[i].name, "search_path") == 0;
    return !path;
}

/* An acting session keeps its own deadlines; a statement_timeout meant for watching would cut a CHECKPOINT short. */
static enum err open_session(const struct pg_work *w, int64_t deadline_us, struct pg_link **link, struct fault *fault)
{
    struct pg_link_conf conf = w->c->target->link;
    conf.statement_timeout_ms = 0;
    conf.only_catalog = only_catalog(w);
    conf.lock_timeout_ms = conf.lock_timeout_ms ? conf.lock_timeout_ms : 5000;
    return pg_link_open(&conf, sooner(deadline_us, now_us() + CONNECT_S * US_PER_S), link, fault);
}

enum err pg_connect(struct pg_work *w, int64_t deadline_us, struct fault *fault)
{
    if (pg_link_alive(w->link))
        return OK;
    pg_link_close(w->link);
    w->link = NULL;
    enum err e = open_session(w, deadline_us, &w->link, fault);
    if (e == OK && w->fence.fd >= 0)   /* we are acting: the server's half of the fence comes with the session */
        e = fence_take_session(w->link, sooner(deadline_us, now_us() + CONNECT_S * US_PER_S), fault);
    if (e == OK)
        e = pg_read_server(w, deadline_us, fault);
    if (e != OK) {
        pg_link_close(w->link);
        w->link = NULL;
    }
    return e;
}

enum err pg_read_server(struct pg_work *w, int64_t deadline_us, struct fault *fault)
{
    PGresult *r CLEANUP(pg_result_clear) = NULL;
    enum err  e = pg_link_query(w->link, sql_act_server, 0, NULL, deadline_us, &r, fault);
    if (e != OK)
        return e;
    struct pg_server *s = &w->server;
    *s = (struct pg_server){
        .version = (int)whole(r, 0, 0), .in_recovery = yes(r, 0, 1), .system_identifier = keep(&w->arena, r, 0, 2),
        .data_directory = keep(&w->arena, r, 0, 3), .start_us = whole(r, 0, 4), .load_us = whole(r, 0, 5), .address = keep(&w->arena, r, 0, 6),
        .user = keep(&w->arena, r, 0, 7), .superuser = yes(r, 0, 8), .may_reload = yes(r, 0, 9), .may_read_files = yes(r, 0, 10),
        .may_checkpoint = yes(r, 0, 11), .may_stat_files = yes(r, 0, 12), .standbys = (int)whole(r, 0, 13), .physical_slots = (int)whole(r, 0, 14),
        .wal_segment_mb = (int)whole(r, 0, 15), .timeline = keep(&w->arena, r, 0, 16), .pooled = whole(r, 0, 17) != PQbackendPID(pg_link_conn(w->link)),
        .alter_system_off = pg_cell(r, 0, 18) && strcmp(pg_cell(r, 0, 18), "off") == 0,
    };
    return s->system_identifier && s->address && s->user ? OK : fail(fault, ERR_LIMIT, "no memory for what the server says of itself");
}

/* ---- reading ---- */

const char *pg_names_array(struct pg_work *w)
{
    struct text t CLEANUP(text_done);
    text_init(&t, PG_CHANGES_MAX * 80);
    for (int i = 0; i < w->changes; i++)   /* names were checked: nothing in them needs an escape */
        text_printf(&t, "%c\"%s\"", i ? ',' : '{', w->change[i].name);
    text_add(&t, w->changes ? "}" : "{}");
    return arena_text(&w->now_arena, t.s);
}

static struct pg_change *change_of(struct pg_work *w, const char *name)
{
    for (int i = 0; name && i < w->changes; i++)
        if (strcmp(w->change[i].name, name) == 0)
            return &w->change[i];
    return NULL;
}

/* Columns of act_files. */
enum { F_NAME, F_SETTING, F_APPLIED, F_ERROR, F_FILE, F_LINE, F_AUTO, F_VALUE, F_VARTYPE, F_UNIT, F_CONTEXT, F_SOURCE, F_PENDING };

static void take_entry(struct pg_work *w, struct pg_change *ch, const PGresult *r, int row)
{
    const char *setting = keep(&w->now_arena, r, row, F_SETTING);
    if (yes(r, row, F_AUTO)) {
        ch->now.entry = setting ? setting : "";
    } else {
        ch->now.elsewhere = setting ? setting : "";
        ch->now.elsewhere_file = keep(&w->now_arena, r, row, F_FILE);
    }
}

/*
 * Of a parameter that takes a restart and has left the files the server says so in a row that names neither a file nor the
 * parameter.  That is no error in a file: everything else is taken up, and a restart finds nothing wrong.
 */
static bool has_left_the_files(const PGresult *r, int row)
{
    const char *error = pg_cell(r, row, F_ERROR);
    return error && !pg_cell(r, row, F_NAME) && !pg_cell(r, row, F_FILE) && strstr(error, "cannot be changed without restarting the server");
}

/* A syntax error in postgresql.conf ends the server's reading before it comes to postgresql.auto.conf, so look there ourselves. */
static enum err entries_from_file(struct pg_work *w, struct pg_link *link, int64_t deadline_us, struct fault *fault)
{
    PGresult *r CLEANUP(pg_result_clear) = NULL;
    struct pg_file f;
    enum err e = pg_link_query(link, sql_act_read_auto_conf, 0, NULL, deadline_us, &r, fault);
    if (e == OK)
        e = pg_file_parse(pg_cell(r, 0, 0) ? pg_cell(r, 0, 0) : "", pg_cell(r, 0, 0) ? strlen(pg_cell(r, 0, 0)) : 0, &f, fault);
    else if (w->local.proven)
        e = pg_local_read(&w->local, &f, fault);
    if (e != OK)
        return fail_in(fault, "the configuration files have an error, and postgresql.auto.conf cannot be read past it");
    for (int i = 0; i < w->changes; i++) {
        const char *entry = pg_file_get(&f, w->change[i].name);
        w->change[i].now.entry = entry ? arena_text(&w->now_arena, entry) : NULL;
    }
    pg_file_done(&f);
    return OK;
}

enum err pg_read_settings(struct pg_work *w, struct pg_link *link, int64_t deadline_us, struct fault *fault)
{
    arena_reset(&w->now_arena);
    for (int i = 0; i < w->changes; i++)
        w->change[i].now = (struct pg_now){ 0 };
    const char *names = pg_names_array(w);
    if (!names)
        return fail(fault, ERR_LIMIT, "no memory for parameter names");
    PGresult *r CLEANUP(pg_result_clear) = NULL, *files CLEANUP(pg_result_clear) = NULL;
    enum err  e = pg_link_query(link, sql_act_settings, 1, &names, deadline_us, &r, fault);
    if (e == OK)
        e = pg_link_query(link, sql_act_files, 0, NULL, deadline_us, &files, fault);
    if (e != OK)
        return e;
    for (int i = 0; i < w->changes && i < PQntuples(r); i++) {
        struct arena *a = &w->now_arena;
        w->change[i].now = (struct pg_now){ .known = pg_cell(r, i, 1) != NULL, .value = keep(a, r, i, 1), .vartype = keep(a, r, i, 2), .unit = keep(a, r, i, 3),
            .context = keep(a, r, i, 4), .source = keep(a, r, i, 5), .boot = keep(a, r, i, 6), .pending = yes(r, i, 7), .source_file = keep(a, r, i, 8) };
        w->change[i].needs_restart = w->change[i].now.context && strcmp(w->change[i].now.context, "postmaster") == 0;
    }
    bool broken = false;
    for (int row = 0; row < PQntuples(files); row++) {
        struct pg_change *ch = change_of(w, pg_cell(files, row, F_NAME));
        broken = broken || (!pg_cell(files, row, F_NAME) && pg_cell(files, row, F_ERROR) && !has_left_the_files(files, row));
        if (ch)
            take_entry(w, ch, files, row);
    }
    return broken ? entries_from_file(w, link, deadline_us, fault) : OK;
}

enum err pg_check_files(struct pg_work *w, int64_t deadline_us, struct fault *fault)
{
    PGresult *r CLEANUP(pg_result_clear) = NULL;
    enum err  e = pg_link_query(w->link, sql_act_files, 0, NULL, deadline_us, &r, fault);
    if (e != OK)
        return e;
    for (int i = 0; i < PQntuples(r); i++) {
        const char *error = pg_cell(r, i, F_ERROR), *context = pg_cell(r, i, F_CONTEXT), *name = pg_cell(r, i, F_NAME);
        /* "could not be applied" is also what it says of a good value that waits for a restart. */
        bool waits = context && strcmp(context, "postmaster") == 0 && yes(r, i, F_PENDING);
        if (!error || waits || has_left_the_files(r, i))
            continue;
        e = fail(fault, ERR_STATE, "%s, line %s: %s%s%s", pg_cell(r, i, F_FILE) ? pg_cell(r, i, F_FILE) : "the configuration",
                 pg_cell(r, i, F_LINE) ? pg_cell(r, i, F_LINE) : "?", name ? name : "", name ? ": " : "", error);
        fail_hint(fault, "the server would not take up the file as it is (and might not start with it); SELECT * FROM pg_file_settings WHERE error IS NOT NULL");
        return e;
    }
    return OK;
}

/* ---- sides ---- */

static const char *side_entry(const struct pg_change *ch, enum pg_side side) { return side == SIDE_NEW ? ch->to : ch->old_entry; }
static const char *or_empty(const char *s) { return s ? s : ""; }

static bool same(const struct pg_change *ch, const char *a, const char *b)
{
    return pg_value_same(ch->name, ch->now.vartype ? ch->now.vartype : "string", or_empty(ch->now.unit), a, b);
}

/* An empty list is written by taking the entry out (see pg_alter_text), so it is as good as none. */
static const char *none_if_empty(const struct pg_change *ch, const char *entry) { return entry && !*entry && pg_name_is_list(ch->name) ? NULL : entry; }

static bool entry_is(const struct pg_change *ch, const char *side)
{
    const char *want = none_if_empty(ch, side), *is = none_if_empty(ch, ch->now.entry);
    return want && is ? strcmp(want, is) == 0 || same(ch, want, is) : want == is;
}

bool pg_entry_is(const struct pg_change *ch, enum pg_side side) { return entry_is(ch, side_entry(ch, side)); }

bool pg_entry_is_ours(const struct pg_change *ch)
{
    for (int i = 0; i < ch->passes; i++)
        if (entry_is(ch, ch->passed[i]))
            return true;
    return pg_entry_is(ch, SIDE_NEW);
}

/* What ought to be in force, going by the files as they are. */
static const char *effective(const struct pg_change *ch, const char *entry)
{
    return entry ? entry : ch->now.elsewhere ? ch->now.elsewhere : or_empty(ch->now.boot);
}

/*
 * The server's flag tells too much: it stays on when a change leaves the files again before any restart, and it is on for good
 * where the command line wins over a file that says otherwise.
 */
bool pg_is_pending(const struct pg_change *ch)
{
    const char *source = or_empty(ch->now.source);
    bool        in_files = ch->now.entry || ch->now.elsewhere || strcmp(source, "configuration file") == 0;
    return ch->now.pending && in_files && strcmp(source, "command line") != 0;
}

bool pg_value_is(const struct pg_change *ch, enum pg_side side)
{
    if (!ch->now.value || pg_is_pending(ch))
        return false;
    if (side == SIDE_OLD && ch->old_value && same(ch, ch->now.value, ch->old_value))
        return true;
    const char *want = effective(ch, side_entry(ch, side));
    return same(ch, ch->now.value, want) || pg_value_computed(ch->name, want);
}

bool pg_is_overridden(const struct pg_change *ch)
{
    static const char *const stronger[] = { "global", "database", "user", "database user" };
    for (size_t i = 0; i < sizeof stronger / sizeof *stronger; i++)
        if (strcmp(or_empty(ch->now.source), stronger[i]) == 0)
            return true;
    return false;
}

/* ---- writing ---- */

enum err pg_write_entry(struct pg_work *w, const struct pg_change *ch, enum pg_side side, int64_t deadline_us, struct fault *fault)
{
    const char *value = side_entry(ch, side);
    if (value && !none_if_empty(ch, value))
        pg_work_note(w, "%s: an empty list cannot be written by ALTER SYSTEM; the entry was taken out instead", ch->name);
    struct text sql CLEANUP(text_done);
    text_init(&sql, 2 * PG_VALUE_MAX + 256);
    pg_alter_text(&sql, ch->name, value);
    if (sql.cut)
        return fail(fault, ERR_LIMIT, "the value of %s is too long", ch->name);
    if (w->output)
        text_printf(w->output, "%s;\n", sql.s);
    return pg_link_run(w->link, sql.s, deadline_us, fault);
}

enum err pg_reload(struct pg_work *w, int64_t deadline_us, struct fault *fault)
{
    PGresult *before CLEANUP(pg_result_clear) = NULL;
    w->reloaded = false;
    enum err  e = pg_link_query(w->link, sql_act_times, 0, NULL, deadline_us, &before, fault);
    if (e == OK)
        e = pg_link_run(w->link, sql_act_reload, deadline_us, fault);
    if (e != OK)
        return e;
    if (w->output)
        text_printf(w->output, "%s\n", sql_act_reload);
    int64_t loaded_us = whole(before, 0, 0), until_us = sooner(deadline_us, now_us() + RELOAD_WAIT_S * US_PER_S);
    for (int polls = 1; now_us() < until_us; polls++) {
        PGresult *r CLEANUP(pg_result_clear) = NULL;
        e = pg_link_query(w->link, sql_act_times, 0, NULL, until_us, &r, fault);
        w->reloaded = e == OK && whole(r, 0, 0) != loaded_us;   /* later or, by a clock that was set back meanwhile, earlier */
        if (w->reloaded)
            return OK;
        if (e == OK && polls % RELOAD_DOUBT_POLLS == 0)   /* with an error in a file it would never come */
            e = pg_check_files(w, deadline_us, fault);
        if (e != OK)
            return e;
        nap();
    }
    return fail(fault, ERR_TIMEOUT, "the server did not take up its configuration within %d s of pg_reload_conf()", RELOAD_WAIT_S);
}

/* Why a change is not in force, in words. */
static enum err not_in_force(const struct pg_change *ch, enum pg_side side, struct fault *fault)
{
    const char *want = side_entry(ch, side);
    if (!pg_entry_is(ch, side)) {
        enum err e = fail(fault, ERR_CONFLICT, "%s: postgresql.auto.conf has %.80s where %.80s was expected", ch->name, ch->now.entry ? ch->now.entry : "no entry", want ? want : "no entry");
        fail_hint(fault, "somebody else has changed it");
        return e;
    }
    enum err e = fail(fault, ERR_STATE, "%s: %.80s is in force where %.80s was expected (source: %s%s)", ch->name, or_empty(ch->now.value), effective(ch, want),
                      or_empty(ch->now.source), pg_is_pending(ch) ? "; waiting for a restart" : "");
    return e;
}

/* The acting session would show some parameters as they were when it began. */
enum err pg_read_fresh(struct pg_work *w, int64_t deadline_us, struct fault *fault)
{
    struct pg_link *fresh = NULL;
    enum err        e = open_session(w, deadline_us, &fresh, fault);
    w->own_session_only = e == ERR_BUSY && pg_link_alive(w->link);
    if (e == OK || w->own_session_only)
        e = pg_read_settings(w, fresh ? fresh : w->link, deadline_us, fault);
    pg_link_close(fresh);
    return e;
}

enum err pg_wait_in_force(struct pg_work *w, enum pg_side side, bool pending_is_fine, int64_t deadline_us, struct fault *fault)
{
    int64_t until_us = sooner(deadline_us, now_us() + IN_FORCE_WAIT_S * US_PER_S);
    for (;;) {
        struct fault why = { 0 };
        enum err     e = pg_read_fresh(w, until_us, &why);
        const struct pg_change *off = NULL;
        for (int i = 0; e == OK && !off && i < w->changes; i++) {
            const struct pg_change *ch = &w->change[i];
            if (!pg_entry_is(ch, side) || !(pg_value_is(ch, side) || (pending_is_fine && pg_is_pending(ch))))
                off = ch;
        }
        if (e == OK && !off)
            return OK;
        if (off)
            e = not_in_force(off, side, &why);
        if (e == ERR_CONFLICT || now_us() + POLL_MS * US_PER_MS >= until_us) {
            if (fault)
                *fault = why;
            return e;
        }
        nap();
    }
}
