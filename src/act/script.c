/*
 * act/script.c - the adapter of script.exec: somebody's own program as a step.
 *
 *   { "argv": ["/usr/bin/install", "-m", "644", "a", "b"] }     an argument vector: nothing is interpreted
 *   { "script": "echo ok" }                                      plain words, split at blanks; no shell, so no shell signs either
 *   { "script": "a | b > c", "shell": true }                     a shell, because it was asked for
 *
 * and beside it: "env" {NAME: value} on top of a bare PATH, "cwd", "timeout_s" (never more than the step's own),
 * "witness": argument vector of a program whose output tells whether the step has happened (it is run before and after),
 * "undo": argument vector that takes it back, "fails_clean": true when an exit code other than 0 means that nothing was changed.
 *
 * Without a witness an exit code of 0 is all there is to go by, and a result that was lost stays unknown.
 */
#include "act/fence.h"
#include "act/pg_value.h"
#include "act/process.h"
#include "act/rows.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/crash.h"
#include "base/id.h"

#include <string.h>

enum { ARGS_MAX = 256, ENV_MAX = 128, SCRIPT_ARENA = 512 * 1024, WITNESS_MAX = 2 * 1024, WITNESS_TIMEOUT_S = 60, FENCE_WAIT_S = 5 };

struct script {
    const char *argv[ARGS_MAX + 1], *witness[ARGS_MAX + 1], *undo[ARGS_MAX + 1];   /* [0] NULL: not given */
    const char *env[ENV_MAX + 1];
    const char *cwd;
    int64_t     timeout_us;
    bool        fails_clean;
    struct arena arena;
};

static bool handles(enum plan_action action) { return action == PLAN_SCRIPT_EXEC; }

/* ---- what the step says ---- */

static enum err take_vector(const json_t *list, const char *key, const char **out, struct fault *fault)
{
    size_t n = json_array_size(list);
    if (!json_is_array(list) || n == 0 || n > ARGS_MAX)
        return fail(fault, ERR_INPUT, "/params/%s must be a list of 1 to %d texts", key, ARGS_MAX);
    for (size_t i = 0; i < n; i++) {
        out[i] = json_string_value(json_array_get(list, i));
        if (!out[i] || strlen(out[i]) != json_string_length(json_array_get(list, i)) || (i == 0 && !*out[i]))
            return fail(fault, ERR_INPUT, "/params/%s/%zu must be a text without NUL%s", key, i, i == 0 ? ", and not empty" : "");
    }
    return OK;
}

enum err script_split(const char *words, struct arena *a, const char **out, int max, struct fault *fault)
{
    const char *sign = strpbrk(words, "|&;<>()$`\\\"'*?[]#~!{}\n\r");
    if (sign) {
        enum err e = fail(fault, ERR_INPUT, "/params/script has %s, which only a shell would understand", *sign == '\n' || *sign == '\r' ? "a line end" : (char[]){ '"', *sign, '"', 0 });
        fail_hint(fault, "give \"argv\": [\"program\", \"argument\", ...], or add \"shell\": true if a shell is really meant");
        return e;
    }
    char *copy = arena_text(a, words), *save = NULL;
    int   n = 0;
    for (char *w = copy ? strtok_r(copy, " \t", &save) : NULL; w; w = strtok_r(NULL, " \t", &save)) {
        if (n == max)
            return fail(fault, ERR_INPUT, "/params/script has more than %d words", max);
        out[n++] = w;
    }
    out[n] = NULL;
    return n > 0 ? OK : fail(fault, ERR_INPUT, "/params/script is empty");
}

static enum err take_command(struct script *s, const json_t *p, struct fault *fault)
{
    const json_t *argv = json_object_get(p, "argv"), *shell = json_object_get(p, "shell");
    const char   *words = json_string_value(json_object_get(p, "script"));
    if (shell && !json_is_boolean(shell))
        return fail(fault, ERR_INPUT, "/params/shell must be true or false");
    if (argv && words)
        return fail(fault, ERR_INPUT, "/params has both argv and script; give one of them");
    if (argv)
        return json_is_true(shell) ? fail(fault, ERR_INPUT, "/params/shell goes with script, not with argv") : take_vector(argv, "argv", s->argv, fault);
    if (!words || !*words) {
        enum err e = fail(fault, ERR_INPUT, "/params/argv is missing");
        fail_hint(fault, "\"argv\": [\"/bin/echo\", \"ok\"], or \"script\": \"echo ok\"");
        return e;
    }
    if (!json_is_true(shell))
        return script_split(words, &s->arena, s->argv, ARGS_MAX, fault);
    s->argv[0] = "/bin/sh";
    s->argv[1] = "-c";
    s->argv[2] = words;
    return OK;
}

static enum err add_env(struct script *s, int *n, const char *name, const char *value, struct fault *fault)
{
    size_t name_size = strlen(name);
    for (int i = 0; i < *n; i++)
        if (strncmp(s->env[i], name, name_size) == 0 && s->env[i][name_size] == '=') {
            s->env[i] = arena_printf(&s->arena, "%s=%s", name, value);
            return s->env[i] ? OK : fail(fault, ERR_LIMIT, "/params/env is too large");
        }
    if (*n == ENV_MAX)
        return fail(fault, ERR_INPUT, "/params/env has more than %d names", ENV_MAX - 4);
    s->env[*n] = arena_printf(&s->arena, "%s=%s", name, value);
    return s->env[(*n)++] ? OK : fail(fault, ERR_LIMIT, "/params/env is too large");
}

static enum err take_env(struct script *s, const struct act_context *c, const json_t *env, struct fault *fault)
{
    int      n = 0;
    enum err e = add_env(s, &n, "PATH", PROCESS_PATH, fault);
    if (e == OK)
        e = add_env(s, &n, "LANG", "C.UTF-8", fault);
    if (env && !json_is_object(env))
        return fail(fault, ERR_INPUT, "/params/env must be an object of texts");
    const char *name;
    json_t     *value;
    json_object_foreach((json_t *)(uintptr_t)env, name, value) {
        if (!*name || strchr(name, '=') || !json_is_string(value))
            return fail(fault, ERR_INPUT, "/params/env/%.60s must be a text, and its name without =", name);
        if (e == OK)
            e = add_env(s, &n, name, json_string_value(value), fault);
    }
    return e == OK ? add_env(s, &n, "HOMEOSTAT_ACTION_ID", c->action_id ? c->action_id : "", fault) : e;
}

static enum err check_members(const json_t *p, struct fault *fault)
{
    static const char *const known[] = { "argv", "script", "shell", "env", "cwd", "timeout_s", "witness", "undo", "fails_clean", "target" };
    const char *name;
    json_t     *value;
    json_object_foreach((json_t *)(uintptr_t)p, name, value) {
        bool found = false;
        for (size_t i = 0; i < sizeof known / sizeof *known; i++)
            found = found || strcmp(known[i], name) == 0;
        if (!found) {
            enum err e = fail(fault, ERR_INPUT, "/params/%.60s is not known", name);
            fail_hint(fault, "known: argv, script, shell, env, cwd, timeout_s, witness, undo, fails_clean, target");
            return e;
        }
    }
    return OK;
}

static enum err script_init(struct script *s, const struct act_context *c, const struct plan_step *step, struct fault *fault)
{
    *s = (struct script){ .timeout_us = step->timeout_s * US_PER_S };
    arena_init(&s->arena, SCRIPT_ARENA);
    const json_t *p = step->params, *timeout = json_object_get(p, "timeout_s"), *cwd = json_object_get(p, "cwd");
    enum err      e = check_members(p, fault);
    if (e == OK)
        e = take_command(s, p, fault);
    if (e == OK)
        e = take_env(s, c, json_object_get(p, "env"), fault);
    if (e == OK && json_object_get(p, "witness"))
        e = take_vector(json_object_get(p, "witness"), "witness", s->witness, fault);
    if (e == OK && json_object_get(p, "undo"))
        e = take_vector(json_object_get(p, "undo"), "undo", s->undo, fault);
    if (e == OK && timeout && (!json_is_number(timeout) || json_number_value(timeout) < 0.1 || json_number_value(timeout) > step->timeout_s))
        e = fail(fault, ERR_INPUT, "/params/timeout_s must be a number from 0.1 to the step's timeout_s (%d)", step->timeout_s);
    if (e == OK && timeout)
        s->timeout_us = (int64_t)(json_number_value(timeout) * (double)US_PER_S);
    s->cwd = json_string_value(cwd);
    if (e == OK && cwd && (!s->cwd || *s->cwd != '/'))
        e = fail(fault, ERR_INPUT, "/params/cwd must be a whole path");
    s->fails_clean = json_is_true(json_object_get(p, "fails_clean"));
    if (e != OK)
        arena_done(&s->arena);
    return e;
}

static void script_done(struct script *s) { arena_done(&s->arena); }

/* ---- running ---- */

static const char *path_in(const struct script *s) { return s->env[0] + strlen("PATH="); }

static enum err run(const struct script *s, const struct act_context *c, const char *const *argv, int64_t timeout_us, int lock_fd,
                    bool effect, struct process_result *result, struct fault *fault)
{
    int64_t left_us = c->deadline_us - clock_mono_us(&clock_real);
    if (left_us <= 0) {
        *result = (struct process_result){ .exit_code = -1 };
        text_init(&result->output, 1);
        return fail(fault, ERR_TIMEOUT, "no time left to run %s", argv[0]);
    }
    struct process_order order = { .argv = argv, .env = s->env, .cwd = s->cwd, .lock_fd = lock_fd, .timeout_us = timeout_us < left_us ? timeout_us : left_us,
                                   .end_leftovers = true, .effect = effect };
    return process_run(&order, result, fault);
}

/* All of the output counts, by its digest; only its beginning is kept to be read. */
static json_t *words_of_witness(const struct process_result *r)
{
    size_t n = r->output.used < WITNESS_MAX ? r->output.used : WITNESS_MAX;
    while (n > 0 && n < r->output.used && ((unsigned char)r->output.s[n] & 0xc0) == 0x80)
        n--;   /* not in the middle of a letter */
    return json_pack("{s:i, s:s%, s:s}", "exit", r->exit_code, "output", r->output.s, n, "sha256", r->sha256);
}

/* Whatever is behind the part that was read may have changed, so that says nothing when it is the same. */
static enum err refuse_cut(const struct script *s, struct fault *fault)
{
    enum err e = fail(fault, ERR_LIMIT, "the witness %s printed more than %d bytes, and what is behind them was not seen", s->witness[0], PROCESS_OUTPUT_MAX);
    fail_hint(fault, "let it print less, say a checksum of what it looks at");
    return e;
}

/* The witness's word: exit code and output. NULL with a fault when it could not be asked. */
static json_t *ask_witness(const struct script *s, const struct act_context *c, int lock_fd, bool *whole, struct fault *fault)
{
    struct process_result r;
    json_t  *said = NULL;
    enum err e = run(s, c, s->witness, WITNESS_TIMEOUT_S * US_PER_S, lock_fd, false, &r, fault);
    if (e == OK && r.timed_out)
        (void)fail(fault, ERR_TIMEOUT, "the witness %s took too long", s->witness[0]);
    else if (e == OK)
        said = words_of_witness(&r);
    *whole = !r.output.cut;
    process_result_done(&r);
    return said;
}

static enum err probe(const struct act_context *c, const struct plan_step *step, json_t **snapshot, struct fault *fault)
{
    struct script s;
    char          path[4096];
    enum err      e = script_init(&s, c, step, fault);
    if (e != OK)
        return e;
    e = process_find(s.argv[0], path_in(&s), path, sizeof path, fault);
    if (e == OK && s.undo[0])
        e = process_find(s.undo[0], path_in(&s), path, sizeof path, fault);
    json_t *before = NULL;
    bool    whole = true;
    if (e == OK && s.witness[0]) {
        before = ask_witness(&s, c, -1, &whole, fault);
        e = before && !whole ? refuse_cut(&s, fault) : before ? OK : fault ? fault->code : ERR_UNKNOWN;
    }
    script_done(&s);
    if (e != OK) {
        json_decref(before);
        return e;
    }
    *snapshot = before ? json_pack("{s:s, s:o}", "kind", "script", "witness", before) : json_pack("{s:s}", "kind", "script");
    return *snapshot ? OK : fail(fault, ERR_LIMIT, "no memory for a snapshot");
}

static void say_why(struct act_report *report, const char *program, const struct process_result *r)
{
    struct text how CLEANUP(text_done);
    text_init(&how, 200);
    process_describe(r, &how);
    (void)fail(&report->fault, r->timed_out ? ERR_TIMEOUT : ERR_STATE, "%s %s", program, how.s);
    fail_hint(&report->fault, "what it printed stands in the output of this action");
}

/* After the program has ended (badly or well): what does the witness say? changed: -1 cannot be told, else 0 or 1. */
static int changed_since(const struct script *s, const struct act_context *c, const json_t *snapshot, int lock_fd, struct act_report *report, struct fault *fault)
{
    const json_t *before = json_object_get(snapshot, "witness");
    if (!s->witness[0] || !before)
        return -1;
    bool    whole;
    json_t *after = ask_witness(s, c, lock_fd, &whole, fault);
    if (!after)
        return -1;
    int changed = !json_equal(before, after);
    json_decref(report->witness);
    report->witness = json_pack("{s:O, s:o}", "before", before, "after", after);
    if (changed || whole)
        return changed;
    (void)refuse_cut(s, fault);
    return -1;
}

/* well: exit code 0. Rows: what the witness says; the exit code alone is believed only where nobody else can be asked. */
static enum act_outcome judge(bool well, int changed, bool can_undo, bool fails_clean)
{
    if (well)
        return changed == 0 ? ACT_UNTOUCHED : ACT_DONE;
    if (changed == 0 || (changed < 0 && fails_clean))
        return ACT_UNTOUCHED;
    return can_undo ? ACT_PARTIAL : ACT_UNKNOWN;
}

static void act(const struct act_context *c, const struct plan_step *step, const json_t *snapshot, struct act_report *report)
{
    struct script s;
    struct fence  fence;
    fence_init(&fence);
    report->outcome = ACT_UNTOUCHED;
    if (script_init(&s, c, step, &report->fault) != OK)
        return;
    if (fence_take(&fence, c, clock_mono_us(&clock_real) + FENCE_WAIT_S * US_PER_S, &report->fault) != OK) {
        script_done(&s);
        return;
    }
    if (c->cancelled && c->cancelled(c->cancelled_ctx)) {
        (void)fail(&report->fault, ERR_STATE, "stopped before %s was run", s.argv[0]);
    } else {
        struct process_result r;
        CRASH_POINT(CRASH_BEFORE_EFFECT);
        enum err e = run(&s, c, s.argv, s.timeout_us, fence.fd, true, &r, &report->fault);
        CRASH_POINT(CRASH_AFTER_EFFECT);
        text_add_n(&report->output, r.output.s, r.output.used);
        if (r.output.cut)
            text_add(&report->output, "\n(cut here)\n");
        bool well = e == OK && r.exit_code == 0 && !r.timed_out;
        if (e == OK && !well)
            say_why(report, s.argv[0], &r);
        if (e == OK || r.started) {
            struct fault silent = { 0 };
            int changed = changed_since(&s, c, snapshot, fence.fd, report, &silent);
            report->outcome = e == OK ? judge(well, changed, s.undo[0] != NULL, s.fails_clean) : ACT_UNKNOWN;
            if (well && changed == 0)
                (void)fail(&report->fault, ERR_STATE, "%s exited with 0, but the witness %s says the same as before", s.argv[0], s.witness[0]);
            if (well && changed < 0 && s.witness[0]) {
                report->outcome = ACT_UNKNOWN;
                report->fault = silent;
            }
        }
        process_result_done(&r);
        CRASH_POINT(CRASH_AFTER_READBACK);
    }
    fence_release(&fence);
    script_done(&s);
}

static void undo(const struct act_context *c, const struct plan_step *step, const json_t *snapshot, struct act_report *report)
{
    struct script s;
    struct fence  fence;
    fence_init(&fence);
    report->outcome = ACT_UNTOUCHED;
    if (script_init(&s, c, step, &report->fault) != OK)
        return;
    if (fence_take(&fence, c, c->deadline_us, &report->fault) != OK) {
        script_done(&s);
        return;
    }
    int changed = changed_since(&s, c, snapshot, fence.fd, report, &report->fault);
    if (changed == 0) {
        report->outcome = ACT_DONE;   /* there is nothing to take back */
    } else if (!s.undo[0]) {
        (void)fail(&report->fault, ERR_STATE, "%s cannot be taken back: the step names no undo", s.argv[0]);
        fail_hint(&report->fault, "give \"undo\": [\"program\", ...] with the step; now a person has to look");
    } else {
        struct process_result r;
        report->fault = (struct fault){ 0 };
        CRASH_POINT(CRASH_BEFORE_EFFECT);
        enum err e = run(&s, c, s.undo, step->timeout_s * US_PER_S, fence.fd, true, &r, &report->fault);
        CRASH_POINT(CRASH_AFTER_EFFECT);
        text_add_n(&report->output, r.output.s, r.output.used);
        bool well = e == OK && r.exit_code == 0 && !r.timed_out;
        if (e == OK && !well)
            say_why(report, s.undo[0], &r);
        changed = e == OK ? changed_since(&s, c, snapshot, fence.fd, report, &report->fault) : -1;
        if (changed == 1 && well)
            (void)fail(&report->fault, ERR_STATE, "the undo %s exited with 0, but the witness does not say what it said before the step", s.undo[0]);
        report->outcome = changed == 0 || (well && changed < 0 && !s.witness[0]) ? ACT_DONE : changed == 1 ? ACT_PARTIAL : !r.started ? ACT_UNTOUCHED : ACT_UNKNOWN;
        process_result_done(&r);
        CRASH_POINT(CRASH_AFTER_READBACK);
    }
    fence_release(&fence);
    script_done(&s);
}

static void recover(const struct act_context *c, const struct plan_step *step, const json_t *snapshot, struct act_report *report)
{
    struct script s;
    struct fence  fence;
    fence_init(&fence);
    report->outcome = ACT_UNKNOWN;
    if (script_init(&s, c, step, &report->fault) != OK)
        return;
    if (fence_take(&fence, c, c->deadline_us, &report->fault) == OK) {
        int changed = changed_since(&s, c, snapshot, fence.fd, report, &report->fault);
        if (changed >= 0) {
            report->outcome = changed ? ACT_DONE : ACT_UNTOUCHED;
        } else if (!s.witness[0]) {
            (void)fail(&report->fault, ERR_UNKNOWN, "the result of %s was lost, and the step names no witness to ask", s.argv[0]);
            fail_hint(&report->fault, "look whether it has happened; it is never run again by itself");
        }
    }
    fence_release(&fence);
    script_done(&s);
}

/* ---- words ---- */

static void say_command(struct text *out, const char *const *argv)
{
    for (int i = 0; argv[i]; i++) {
        text_add(out, i ? " " : "");
        shell_quote(out, argv[i]);
    }
    text_add(out, "\n");
}

static enum err dry_run(const struct act_context *c, const struct plan_step *step, struct text *out, struct fault *fault)
{
    struct script s;
    enum err      e = script_init(&s, c, step, fault);
    if (e != OK)
        return e;
    say_command(out, s.argv);
    text_add(out, "# undo:\n");
    if (s.undo[0])
        say_command(out, s.undo);
    else
        text_add(out, "# (none: this cannot be taken back by itself)\n");
    script_done(&s);
    return OK;
}

static enum err undo_script(const struct act_context *c, const struct plan_step *step, const json_t *snapshot, struct text *out, struct fault *fault)
{
    struct script s;
    enum err      e = script_init(&s, c, step, fault);
    if (e != OK)
        return e;
    text_add(out, "#!/bin/sh\n");
    if (s.undo[0]) {
        text_add(out, "cd ");
        shell_quote(out, s.cwd ? s.cwd : "/");
        /* The values of env may be secrets, so only what the names would hold by themselves is set. */
        text_add(out, " && PATH=");
        shell_quote(out, path_in(&s));
        text_add(out, " ");
        say_command(out, s.undo);
        if (json_object_size(json_object_get(step->params, "env")) > 0)
            text_add(out, "# the step also had an environment of its own; its values are not written here\n");
    } else {
        struct text ran CLEANUP(text_done);      /* what a plan brought must not be read by the shell that undoes it */
        text_init(&ran, SCRIPT_ARENA);
        text_add(&ran, "this step names no undo; it ran:\n");
        say_command(&ran, s.argv);
        text_add(out, "printf '%s' ");
        shell_quote(out, ran.s);
        text_add(out, " >&2\nfalse\n");
    }
    script_done(&s);
    return OK;
}

const struct act_adapter act_script = { "script", handles, probe, act, undo, recover, dry_run, undo_script };
