/*
 * act/pg_restart.c - checkpoint, restart by the configured command, wait until it is a new server that answers.
 *
 * What the command's exit code says is noted and not believed: the witness is pg_postmaster_start_time().
 */
#include "act/pg.h"
#include "act/process.h"

#include "act/sql.h"
#include "base/file.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { ATTEMPT_S = 2, NAP_MS = 100, DOWN_FOR_CERTAIN_MS = 2000, RESTART_LEAST_MS = 10000 };

static int64_t now_us(void) { return clock_mono_us(&clock_real); }

/* It takes as long as the disk does, so a bound that is meant for statements of clients would end it; ours is the deadline. */
enum err pg_checkpoint(struct pg_work *w, int64_t deadline_us, struct fault *fault)
{
    enum err e = pg_link_run(w->link, sql_act_patient, deadline_us, fault);
    if (e == OK && w->output)
        text_add(w->output, "CHECKPOINT;\n");
    return e == OK ? pg_link_run(w->link, "CHECKPOINT", deadline_us, fault) : e;
}

/* It makes the restart shorter, and may take minutes itself: half of the time is for the restart. */
void pg_checkpoint_before_restart(struct pg_work *w, int64_t deadline_us)
{
    struct fault why = { 0 };
    int64_t      now = now_us();
    if (pg_checkpoint(w, now + (deadline_us - now) / 2, &why) != OK)
        pg_work_note(w, "no checkpoint before the restart, so it may take longer: %.200s", why.text);
}

/*
 * Until it lets us in.  Where its files are here we see whether a server process is there at all, and need not wait for one
 * that is gone; a server that recovers from a crash is waited for.
 */
enum err pg_wait_up(struct pg_work *w, int64_t deadline_us, struct fault *fault)
{
    int64_t gone_since_us = 0;
    for (;;) {
        int64_t  now = now_us();
        enum err e = pg_connect(w, now + ATTEMPT_S * US_PER_S < deadline_us ? now + ATTEMPT_S * US_PER_S : deadline_us, fault);
        if (e == OK || (e != ERR_IO && e != ERR_BUSY && e != ERR_TIMEOUT))
            return e;
        bool gone = w->local.proven && !pg_local_running(&w->local);
        gone_since_us = !gone ? 0 : gone_since_us ? gone_since_us : now;
        if (gone && now - gone_since_us > DOWN_FOR_CERTAIN_MS * US_PER_MS)
            return fail(fault, ERR_IO, "the server is down: no process runs on %s", w->local.data_directory);
        if (now_us() + NAP_MS * US_PER_MS >= deadline_us)
            return e;
        (void)nanosleep(&(struct timespec){ .tv_nsec = NAP_MS * 1000000L }, NULL);
    }
}

/* ---- the start that is owed ---- */

/*
 * A file that exists from before the restart command until the server was seen again.  Without it a server that was shut
 * down properly is somebody's wish, and is not started by an undo.
 */
static bool owed_path(const struct pg_work *w, char *out, size_t size)
{
    return (size_t)snprintf(out, size, "%s/%s.restarting", w->c->state_folder, w->c->target->name) < size;
}

bool pg_start_is_owed(const struct pg_work *w)
{
    char path[PATH_MAX];
    return owed_path(w, path, sizeof path) && access(path, F_OK) == 0;
}

static enum err owe_start(const struct pg_work *w, struct fault *fault)
{
    char        path[PATH_MAX];
    const char *action = w->c->action_id ? w->c->action_id : "";
    return owed_path(w, path, sizeof path) ? file_write(path, action, strlen(action), 0600, fault) : fail(fault, ERR_LIMIT, "path too long");
}

void pg_start_was_seen(const struct pg_work *w)
{
    char path[PATH_MAX];
    if (owed_path(w, path, sizeof path))
        (void)unlink(path);
}

/* ---- the command ---- */

static int limit_ms_of(const struct act_target *t) { return t->restart_timeout_ms > 0 ? t->restart_timeout_ms : PG_RESTART_DEFAULT_MS; }

/* A command that is ended as soon as it has begun may have stopped the server by then, and starts it no more. */
static enum err check_time(const struct act_target *t, int64_t deadline_us, struct fault *fault)
{
    int64_t least_ms = limit_ms_of(t) < RESTART_LEAST_MS ? limit_ms_of(t) : RESTART_LEAST_MS;
    if (deadline_us - now_us() >= least_ms * US_PER_MS)
        return OK;
    enum err e = fail(fault, ERR_TIMEOUT, "no time is left to restart %s, so that was not begun", t->name);
    fail_hint(fault, "give the step a longer timeout_s; what came before the restart took most of it");
    return e;
}

static enum err run_command(struct pg_work *w, const char *const *argv, int64_t deadline_us, struct process_result *r, struct fault *fault)
{
    char        action[64 + 24];
    (void)snprintf(action, sizeof action, "HOMEOSTAT_ACTION_ID=%.60s", w->c->action_id ? w->c->action_id : "");
    const char *const env[] = { "PATH=" PROCESS_PATH, "LANG=C.UTF-8", action, NULL };
    int     limit_ms = limit_ms_of(w->c->target);
    int64_t left_us = deadline_us - now_us(), timeout_us = limit_ms * US_PER_MS < left_us ? limit_ms * US_PER_MS : left_us;
    struct process_order order = { .argv = argv, .env = env, .lock_fd = w->fence.fd, .timeout_us = timeout_us, .effect = true };
    enum err e = process_run(&order, r, fault);
    if (w->output) {
        for (int i = 0; argv[i]; i++) {
            text_add(w->output, i ? " " : "$ ");
            shell_quote(w->output, argv[i]);
        }
        text_printf(w->output, "\n%s%s", r->output.s, r->output.used && r->output.s[r->output.used - 1] != '\n' ? "\n" : "");
    }
    return e;
}

enum err pg_restart(struct pg_work *w, bool only_start, int64_t deadline_us, struct fault *fault)
{
    const struct act_target *t = w->c->target;
    const char *const       *argv = only_start && t->start_command ? t->start_command : t->restart_command;
    if (!argv || !argv[0])
        return fail(fault, ERR_STATE, "no restart command is configured for %s", t->name);
    enum err e = only_start ? OK : check_time(t, deadline_us, fault);   /* a server that is down is started in any case */
    if (e != OK)
        return e;
    /* Our own session would keep a smart shutdown waiting; the file lock stays held. */
    pg_link_close(w->link);
    w->link = NULL;
    int64_t started_us = w->server.start_us;
    e = owe_start(w, fault);
    if (e != OK && !only_start)   /* our own disk may be full; a server that is down is not left so for that */
        return e;
    struct process_result r;
    struct fault          why = { 0 };
    enum err ran = run_command(w, argv, deadline_us, &r, &why);
    bool     well = ran == OK && !r.timed_out && r.exit_code == 0;
    if (ran == OK && !well) {
        struct text how CLEANUP(text_done);
        text_init(&how, 200);
        process_describe(&r, &how);
        (void)fail(&why, r.timed_out ? ERR_TIMEOUT : ERR_STATE, "%s %s", argv[0], how.s);
        fail_hint(&why, "what it printed stands in the output of this action; the server's own log says more");
    }
    process_result_done(&r);

    struct fault up_fault = { 0 };
    enum err     up = pg_wait_up(w, deadline_us, &up_fault);
    if (up == OK)
        pg_start_was_seen(w);
    if (up == OK && (only_start || w->server.start_us != started_us))
        return OK;   /* a new server answers; if the command had something to complain about, that stands in the output */
    if (up == OK) {
        if (well)
            (void)fail(&why, ERR_STATE, "%s exited with 0, but the server was not restarted: it still has its old start time", argv[0]);
        if (fault)
            *fault = why;
        return why.code;
    }
    if (fault)
        *fault = up_fault;
    if (!well)   /* the cause, then the effect */
        (void)fail(fault, up, "%.180s; %.180s", why.text, up_fault.text);
    return up;
}
