/*
 * act/pg_undo.c - back to the snapshot, by whatever means are left; and where we stand after a crash.
 *
 * Only entries that hold our value are touched.  What somebody else has written meanwhile is theirs: it stays, is named in
 * the report, and keeps the outcome from being called done.
 */
#include "act/pg.h"

#include "base/crash.h"

#include <string.h>
#include <time.h>

enum { PUT_BACK_S = 15, STARTS_MAX = 3, NAP_MS = 200 };

static int64_t now_us(void) { return clock_mono_us(&clock_real); }

/* Putting back is owed even when the step's own time is used up. */
static int64_t put_back_deadline(const struct pg_work *w)
{
    const struct act_target *t = w->c->target;
    int64_t own_us = now_us() + PUT_BACK_S * US_PER_S;
    if (w->restart)
        own_us += (t->restart_timeout_ms > 0 ? t->restart_timeout_ms : PG_RESTART_DEFAULT_MS) * US_PER_MS;
    return own_us > w->c->deadline_us ? own_us : w->c->deadline_us;
}

static bool foreign(const struct pg_change *ch) { return !pg_entry_is(ch, SIDE_OLD) && !pg_entry_is_ours(ch); }

static enum err name_foreign(const struct pg_change *ch, struct fault *fault)
{
    enum err e = fail(fault, ERR_CONFLICT, "%s was changed by somebody else: postgresql.auto.conf has %.80s, not our %.80s; it was left alone", ch->name,
                      ch->now.entry ? ch->now.entry : "no entry", ch->to ? ch->to : "(no entry)");
    fail_hint(fault, "decide which value is meant; before Homeostat acted it was %.80s", ch->old_entry ? ch->old_entry : "not in the file");
    return e;
}

enum act_outcome pg_where_are_we(const struct pg_work *w, struct fault *fault)
{
    int old = 0, new = 0, between = 0;
    for (int i = 0; i < w->changes; i++) {
        const struct pg_change *ch = &w->change[i];
        if (foreign(ch)) {
            (void)name_foreign(ch, fault);
            return ACT_UNKNOWN;
        }
        bool is_old = pg_entry_is(ch, SIDE_OLD) && pg_value_is(ch, SIDE_OLD), is_new = pg_entry_is(ch, SIDE_NEW) && pg_value_is(ch, SIDE_NEW);
        old += is_old;
        new += is_new;
        between += !is_old && !is_new;
    }
    bool restarted = !w->restart || w->server.start_us != w->then.start_us;
    if (new == w->changes && restarted)
        return ACT_DONE;
    if (old == w->changes)
        return ACT_UNTOUCHED;
    (void)fail(fault, ERR_STATE, "half-way: of %d parameters %d are new, %d old and %d not yet in force", w->changes, new, old, between);
    return ACT_PARTIAL;
}

enum act_outcome pg_where_is_the_file(struct pg_work *w, struct fault *fault)
{
    struct pg_file f;
    if (pg_local_read(&w->local, &f, fault) != OK)
        return ACT_UNKNOWN;
    int  ours = 0;
    bool strange = false;
    for (int i = 0; i < w->changes; i++) {
        struct pg_change *ch = &w->change[i];
        ch->now.entry = pg_file_get(&f, ch->name);
        strange = strange || foreign(ch);
        ours += !pg_entry_is(ch, SIDE_OLD);
        ch->now.entry = NULL;   /* it lives in f */
    }
    pg_file_done(&f);
    bool owed = w->restart && pg_start_is_owed(w);
    (void)fail(fault, ERR_STATE, "the server is down%s, and postgresql.auto.conf has %s", owed ? " since a restart of ours" : "",
               strange ? "entries that somebody else has changed" : ours ? "our values" : "the old values");
    fail_hint(fault, "the undo puts the file back%s", owed ? " and starts the server" : "; the server is to be started by whoever stopped it");
    return !strange && (ours > 0 || owed) ? ACT_PARTIAL : ACT_UNKNOWN;
}

/* ---- with a server ---- */

static enum err write_back(struct pg_work *w, int64_t deadline_us, int *wrote, struct fault *fault)
{
    *wrote = 0;
    for (int i = 0; i < w->changes; i++) {
        const struct pg_change *ch = &w->change[i];
        if (foreign(ch) || pg_entry_is(ch, SIDE_OLD))
            continue;
        enum err e = pg_write_entry(w, ch, SIDE_OLD, deadline_us, fault);
        if (e != OK)
            return e;
        (*wrote)++;
        CRASH_POINT(CRASH_MID_EFFECT);
    }
    return OK;
}

/*
 * All but the foreign ones: entry and value old? restart_needed: the entry is, the value needs a restart.  Where somebody has
 * overridden the value for our role or database since (a look before the act refuses that), a file that was taken up is all
 * there is to put back; every other session has the old value.
 */
static bool all_back(const struct pg_work *w, bool *restart_needed)
{
    bool all = true;
    *restart_needed = false;
    for (int i = 0; i < w->changes; i++) {
        const struct pg_change *ch = &w->change[i];
        if (foreign(ch))
            continue;
        bool entry = pg_entry_is(ch, SIDE_OLD), value = pg_value_is(ch, SIDE_OLD) || (w->reloaded && pg_is_overridden(ch));
        all = all && entry && value;
        *restart_needed = *restart_needed || (entry && !value && ch->needs_restart);
    }
    return all;
}

/* Reading until it is so, or long enough not so; a reload takes a moment to arrive. */
static enum err settle(struct pg_work *w, bool *all, bool *restart_needed, int64_t deadline_us, struct fault *fault)
{
    int64_t until_us = now_us() + 5 * US_PER_S < deadline_us ? now_us() + 5 * US_PER_S : deadline_us;
    for (;;) {
        enum err e = pg_read_fresh(w, deadline_us, fault);
        if (e != OK)
            return e;
        *all = all_back(w, restart_needed);
        if (*all || *restart_needed || now_us() + NAP_MS * US_PER_MS >= until_us)
            return OK;
        (void)nanosleep(&(struct timespec){ .tv_nsec = NAP_MS * 1000000L }, NULL);
    }
}

static enum err back_by_sql(struct pg_work *w, int64_t deadline_us, struct fault *fault)
{
    int      wrote = 0;
    bool     all = false, restart_needed = false;
    struct fault reload_fault = { 0 };
    w->reloaded = false;   /* what counts is one that comes after the old entries */
    enum err e = pg_guard_same_server(w, fault);
    if (e == OK)
        pg_start_was_seen(w);
    if (e == OK)
        e = pg_read_settings(w, w->link, deadline_us, fault);
    CRASH_POINT(CRASH_BEFORE_EFFECT);
    if (e == OK)
        e = write_back(w, deadline_us, &wrote, fault);
    if (e != OK)
        return e;
    if (wrote > 0 || !all_back(w, &restart_needed)) {
        /* A reload that is refused because of somebody's broken line is no failure of ours when the values are back. */
        (void)!pg_reload(w, deadline_us, &reload_fault);
        e = settle(w, &all, &restart_needed, deadline_us, fault);
        if (e == OK && restart_needed && w->restart) {
            pg_checkpoint_before_restart(w, deadline_us);
            e = pg_restart(w, false, deadline_us, fault);
            if (e == OK)
                e = settle(w, &all, &restart_needed, deadline_us, fault);
        }
    } else {
        all = true;
    }
    CRASH_POINT(CRASH_AFTER_EFFECT);
    for (int i = 0; e == OK && all && i < w->changes; i++)
        if (pg_is_overridden(&w->change[i]))
            pg_work_note(w, "%s is back in the files; in our own session ALTER ROLE or ALTER DATABASE ... SET decides since", w->change[i].name);
    if (e == OK && !all) {
        e = reload_fault.code ? reload_fault.code : fail(fault, ERR_STATE, "the old values are back in postgresql.auto.conf, but not in force%s",
                                                         restart_needed ? ": that takes a restart" : "");
        if (reload_fault.code && fault)
            *fault = reload_fault;
    }
    return e;
}

/* ---- without one ---- */

static enum err back_by_file(struct pg_work *w, struct fault *fault)
{
    struct pg_file f;
    enum err e = pg_local_read(&w->local, &f, fault);
    if (e != OK)
        return e;
    struct text out CLEANUP(text_done);
    text_init(&out, PG_FILE_BYTES_MAX);
    int wrote = 0;
    for (int i = 0; e == OK && i < w->changes; i++) {
        struct pg_change *ch = &w->change[i];
        ch->now.entry = pg_file_get(&f, ch->name);
        bool ours = pg_entry_is_ours(ch) && !pg_entry_is(ch, SIDE_OLD);
        if (ours) {
            e = pg_file_set(&f, ch->name, ch->old_entry, fault);
            wrote++;
            if (w->output)
                text_printf(w->output, "%s: %s%s put back by file\n", w->local.auto_conf, ch->name, ch->old_entry ? "" : " (no entry)");
        }
    }
    pg_file_print(&f, &out);
    if (e == OK && out.cut)
        e = fail(fault, ERR_LIMIT, "%s would grow beyond %d bytes", w->local.auto_conf, PG_FILE_BYTES_MAX);
    if (e == OK && wrote > 0)
        e = pg_file_save(w->local.auto_conf, out.s, out.used, fault);
    for (int i = 0; i < w->changes; i++)
        w->change[i].now.entry = NULL;   /* it lived in f */
    pg_file_done(&f);
    return e;
}

/* A server that is down: its file first, then the server, if starting it is ours to do. */
static enum err back_while_down(struct pg_work *w, int64_t deadline_us, struct fault *fault)
{
    enum err e = back_by_file(w, fault);
    if (e != OK)
        return e;
    CRASH_POINT(CRASH_MID_EFFECT);
    /* A start that we owe is no restart: that those are forbidden since does not leave the server down. */
    bool may = w->restart && w->starts < STARTS_MAX;
    bool ours_to_start = may && (pg_start_is_owed(w) || (w->c->target->restart_allowed && !pg_local_stopped_properly(&w->local)));
    w->starts += ours_to_start;
    e = ours_to_start ? pg_restart(w, true, deadline_us, fault) : pg_wait_up(w, deadline_us, fault);
    if (e != OK) {
        (void)fail_in(fault, "postgresql.auto.conf has been put back by file, but the server does not answer");
        fail_hint(fault, "start the server; its log says why it is down");
    }
    return e;
}

/* ---- both ---- */

static enum err one_attempt(struct pg_work *w, int64_t deadline_us, struct fault *fault)
{
    struct fault why = { 0 };
    int64_t      soon_us = now_us() + 3 * US_PER_S;
    enum err     e = pg_connect(w, soon_us < deadline_us ? soon_us : deadline_us, &why);
    if (e == ERR_IO || e == ERR_TIMEOUT || e == ERR_BUSY) {
        enum err down = pg_local_prove_down(w, fault);
        e = down == OK ? back_while_down(w, deadline_us, fault) : pg_wait_up(w, deadline_us, fault);
    } else if (e != OK && fault) {
        *fault = why;
    }
    if (e == OK && !w->local.proven)
        (void)!pg_local_prove(w, &why);   /* where its files are ours, a server that goes down meanwhile is not waited for in vain */
    return e == OK ? back_by_sql(w, deadline_us, fault) : e;
}

static enum act_outcome outcome_of_undo(struct pg_work *w, struct fault *fault)
{
    for (int i = 0; i < w->changes; i++)
        if (foreign(&w->change[i])) {
            (void)name_foreign(&w->change[i], fault);
            return ACT_PARTIAL;
        }
    bool restart_needed;
    if (all_back(w, &restart_needed))
        return ACT_DONE;
    struct fault ignored = { 0 };
    enum act_outcome o = pg_where_are_we(w, &ignored);
    return o == ACT_DONE ? ACT_UNTOUCHED : o == ACT_UNTOUCHED ? ACT_DONE : o;
}

/* The server went away or is not there yet: what was tried is to be tried again, which does no harm. */
static bool passing(enum err e) { return e == ERR_IO || e == ERR_BUSY || e == ERR_TIMEOUT; }

static enum err look(struct pg_work *w, struct fault *fault)
{
    enum err e = pg_connect(w, now_us() + 5 * US_PER_S, fault);
    if (e == OK)
        e = pg_guard_same_server(w, fault);
    return e == OK ? pg_read_fresh(w, now_us() + 10 * US_PER_S, fault) : e;
}

void pg_put_back(struct pg_work *w, struct act_report *report)
{
    int64_t      deadline_us = put_back_deadline(w);
    enum err     e, seen;
    struct fault why;
    for (;;) {
        report->fault = why = (struct fault){ 0 };
        e = one_attempt(w, deadline_us, &report->fault);
        seen = passing(e) ? e : look(w, &why);   /* whatever was answered: what counts is what is seen */
        if ((!passing(e) && !passing(seen)) || now_us() + US_PER_S >= deadline_us)
            break;
        (void)nanosleep(&(struct timespec){ .tv_nsec = NAP_MS * 1000000L }, NULL);
    }
    if (passing(e))
        seen = look(w, &why);
    if (seen == OK) {
        report->outcome = outcome_of_undo(w, e == OK ? &report->fault : &why);
        if (report->outcome == ACT_DONE)
            report->fault = (struct fault){ 0 };
    } else {
        report->outcome = ACT_UNKNOWN;
        if (e == OK)
            report->fault = why;
    }
}
