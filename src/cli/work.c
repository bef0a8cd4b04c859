/* cli/work.c - the stations of a case: plan, gate, execution, verification. */
#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/print.h"
#include "cli/shared.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PLAN_FILE_MAX = 1024 * 1024 };

/* ---- in words ---- */

/* Whoever approves it sees all of it. */
static void put_whole(struct cli *c, const json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    fputc(' ', c->out);
    print_safe(c->out, text ? text : "(no memory to show it)", false);
    free(text);
}

void shared_put_plan(struct cli *c, const json_t *plan)
{
    size_t  i, k;
    json_t *step, *setting;
    if (!json_is_object(plan))
        return;
    fputs("plan: ", c->out);
    print_safe(c->out, print_text(plan, "title"), false);
    fputc('\n', c->out);
    json_array_foreach(json_object_get(plan, "steps"), i, step) {
        fprintf(c->out, "  %zu. ", i + 1);
        print_safe(c->out, print_text(step, "action"), false);
        const json_t *params = json_object_get(step, "params"), *settings = json_object_get(params, "settings");
        json_array_foreach(settings, k, setting) {
            char from[200], to[200];
            fputs(k ? ", " : " ", c->out);
            print_safe(c->out, print_text(setting, "name"), false);
            fprintf(c->out, " %s -> %s", print_value(json_object_get(setting, "from"), PRINT_TEXT, from, sizeof from),
                    json_is_null(json_object_get(setting, "to")) ? "default" : print_value(json_object_get(setting, "to"), PRINT_TEXT, to, sizeof to));
        }
        if (!settings && json_object_size(params) > 0)
            put_whole(c, params);
        char timeout[32];
        fprintf(c->out, "  (timeout %s s", print_value(json_object_get(step, "timeout_s"), PRINT_TEXT, timeout, sizeof timeout));
        if (json_integer_value(json_object_get(step, "watch_s")) > 0)
            fprintf(c->out, ", then watched for %lld s", (long long)json_integer_value(json_object_get(step, "watch_s")));
        fputs(")\n", c->out);
    }
    if (json_object_size(json_object_get(plan, "verify")) > 0) {
        fputs("  verified by", c->out);
        put_whole(c, json_object_get(plan, "verify"));
        fputc('\n', c->out);
    }
}

void shared_put_gate(struct cli *c, const json_t *v)
{
    size_t  i;
    json_t *one;
    char    risk[40];
    if (!json_is_object(v))
        return;
    fputs("gate: ", c->out);
    print_safe(c->out, print_text(v, "answer"), false);
    fprintf(c->out, ", rule %lld: ", (long long)json_integer_value(json_object_get(v, "rule")));
    print_safe(c->out, print_text(v, "why"), false);
    fprintf(c->out, "\n  risk %s", print_value(json_object_get(v, "risk"), PRINT_TEXT, risk, sizeof risk));
    const json_t *parts = json_object_get(v, "risk_parts") ? json_object_get(v, "risk_parts") : json_object_get(v, "parts");
    json_array_foreach(parts, i, one) {
        fputs(i ? ", " : " = ", c->out);
        print_safe(c->out, print_text(one, "name"), false);
        fprintf(c->out, " %s", print_value(json_object_get(one, "value"), PRINT_TEXT, risk, sizeof risk));
    }
    fputc('\n', c->out);
    json_array_foreach(json_object_get(v, "reasons"), i, one) {
        fprintf(c->out, "  %4lld %-8s ", (long long)json_integer_value(json_object_get(one, "rule")), print_text(one, "answer"));
        print_safe(c->out, print_text(one, "text"), false);
        fputc('\n', c->out);
    }
    if (*print_text(v, "wait_until"))
        fprintf(c->out, "  not before %s\n", print_value(json_object_get(v, "wait_until"), PRINT_TIME, risk, sizeof risk));
}

static void put_guards(struct cli *c, const json_t *guards)
{
    size_t  i;
    json_t *g;
    json_array_foreach(guards, i, g) {
        char ratio[40], bound[40];
        fprintf(c->out, "  guard ");
        print_safe(c->out, print_text(g, "name"), false);
        fprintf(c->out, ": %s (at most %s) %s", print_value(json_object_get(g, "ratio"), PRINT_TEXT, ratio, sizeof ratio),
                print_value(json_object_get(g, "bound"), PRINT_TEXT, bound, sizeof bound), json_is_true(json_object_get(g, "holds")) ? "holds" : "DOES NOT HOLD");
        if (*print_text(g, "text")) {
            fputs(" - ", c->out);
            print_safe(c->out, print_text(g, "text"), false);
        }
        fputc('\n', c->out);
    }
}

void shared_put_verdict(struct cli *c, const json_t *v)
{
    char effect[40], lo[40], hi[40], n[40], alpha[40];
    if (!json_is_object(v))
        return;
    fputs("verdict: ", c->out);
    print_safe(c->out, print_text(v, "outcome"), false);
    if (*print_text(v, "why")) {
        fputs(" - ", c->out);
        print_safe(c->out, print_text(v, "why"), false);
    }
    fputc('\n', c->out);
    if (json_is_number(json_object_get(v, "effect")))
        fprintf(c->out, "  effect %s, between %s and %s; %s independent observations by the method ", print_value(json_object_get(v, "effect"), PRINT_GAIN, effect, sizeof effect),
                print_value(json_object_get(v, "lo"), PRINT_GAIN, lo, sizeof lo), print_value(json_object_get(v, "hi"), PRINT_GAIN, hi, sizeof hi),
                print_value(json_object_get(v, "n"), PRINT_TEXT, n, sizeof n));
    if (json_is_number(json_object_get(v, "effect"))) {
        print_safe(c->out, print_text(v, "method"), false);
        fprintf(c->out, ", error probability spent %s\n", print_value(json_object_get(v, "alpha"), PRINT_TEXT, alpha, sizeof alpha));
    }
    put_guards(c, json_object_get(v, "guards"));
}

/* ---- making a plan ---- */

static json_t *read_plan(struct cli *c, int *exit_code)
{
    char        *data = NULL;
    struct fault fault = { 0 };
    enum err     e = OK;
    if (strcmp(c->o.plan, "-") == 0) {
        struct text t;
        char        piece[8192];
        size_t      n;
        text_init(&t, PLAN_FILE_MAX);
        while ((n = fread(piece, 1, sizeof piece, stdin)) > 0)
            text_add_n(&t, piece, n);
        if (t.cut)
            e = fail(&fault, ERR_LIMIT, "the plan is longer than %d bytes", PLAN_FILE_MAX);
        data = text_take(&t);
    } else {
        e = file_read(c->o.plan, PLAN_FILE_MAX, &data, NULL, &fault);
    }
    json_error_t where;
    json_t      *plan = e == OK ? json_loads(data, JSON_REJECT_DUPLICATES, &where) : NULL;
    if (e == OK && !plan)
        (void)fail(&fault, ERR_INPUT, "%.200s:%d:%d: %s", strcmp(c->o.plan, "-") == 0 ? "(standard input)" : c->o.plan, where.line, where.column, where.text);
    free(data);
    if (!plan)
        *exit_code = cli_complain(c, &fault);
    return plan;
}

/* NAME=TEXT, or NAME:=JSON for what is no text (30, true, ["a"]). */
static json_t *read_params(struct cli *c, int *exit_code)
{
    json_t *params = json_object();
    for (int i = 0; i < c->o.params.n; i++) {
        const char *said = c->o.params.item[i], *equals = strchr(said, '=');
        char        name[100];
        bool        typed = equals && equals > said && equals[-1] == ':';
        size_t      n = equals ? (size_t)(equals - said) - typed : 0;
        json_t     *value = !equals ? NULL : typed ? json_loads(equals + 1, JSON_DECODE_ANY, NULL) : json_string(equals + 1);
        if (!value || n == 0 || n >= sizeof name) {
            struct fault fault;
            (void)fail(&fault, ERR_INPUT, "--param wants NAME=TEXT or NAME:=JSON, not \"%.60s\"", said);
            (void)cli_complain(c, &fault);
            *exit_code = CLI_USAGE;
            json_decref(value);
            json_decref(params);
            return NULL;
        }
        (void)snprintf(name, sizeof name, "%.*s", (int)n, said);
        json_object_set_new(params, name, value);
    }
    return params;
}

int cmd_plan(struct cli *c)
{
    int     code = CLI_DONE;
    json_t *body = json_pack("{s:s}", "case_id", c->o.word[0]);
    shared_set(body, "template", c->o.template);
    shared_set(body, "reason", c->o.why);
    if (*c->o.plan) {
        json_t *plan = read_plan(c, &code);
        if (plan)
            json_object_set_new(body, "plan", plan);
    }
    if (code == CLI_DONE && c->o.params.n > 0) {
        json_t *params = read_params(c, &code);
        if (params)
            json_object_set_new(body, "params", params);
    }
    json_t *data = NULL;
    if (code == CLI_DONE)
        data = client_once(c, &(struct client_request){ .method = "POST", .path = "/plan/generate", .body = body, .what = "planning" }, &code);
    json_decref(body);
    if (!data)
        return code;
    if (!cli_put_json(c, data)) {
        shared_put_move(c, data);
        shared_put_plan(c, json_object_get(data, "plan"));
    }
    json_decref(data);
    return CLI_DONE;
}

/* ---- the gate ---- */

int cmd_gate(struct cli *c)
{
    int     code;
    json_t *body = json_pack("{s:s}", "case_id", c->o.word[0]);
    json_t *data = client_once(c, &(struct client_request){ .method = "POST", .path = "/gate/eval", .body = body, .what = "asking the gate" }, &code);
    json_decref(body);
    if (!data)
        return code;
    const json_t *verdict = json_object_get(data, "verdict") ? json_object_get(data, "verdict") : data;
    if (!cli_put_json(c, data)) {
        if (*print_text(data, "status"))
            shared_put_move(c, data);
        shared_put_gate(c, verdict);
        if (strcmp(print_text(verdict, "answer"), "ask") == 0)
            fprintf(c->out, "a person decides: homeostat case approve %s, or reject\n", c->o.word[0]);
    }
    code = strcmp(print_text(verdict, "answer"), "approve") == 0 ? CLI_DONE : CLI_GATED;
    json_decref(data);
    return code;
}

/* ---- execution and verification ---- */

static bool is_one_of(const char *state, const char *const *states)
{
    for (; *states; states++)
        if (strcmp(*states, state) == 0)
            return true;
    return false;
}

/* The case as it is now, after Homeostat was away for --retry at most: it may be started again while it works, and goes on then. */
static json_t *look_again(struct cli *c, struct client *client, const char *path, struct cli_progress *p, int *exit_code)
{
    int64_t give_up_us = clock_mono_us(&clock_real) + c->o.retry_us;
    for (;;) {
        struct fault nobody = { 0 };
        json_t      *data = client_data_or(c, client, &(struct client_request){ .method = "GET", .path = path, .what = "reading the case" }, &nobody, exit_code);
        if (nobody.code == OK)
            return data;
        if (clock_mono_us(&clock_real) >= give_up_us) {
            *exit_code = cli_complain(c, &nobody);
            return NULL;
        }
        cli_progress_tick(p, "nobody answers at the moment");
        (void)nanosleep(&(struct timespec){ .tv_nsec = 500 * 1000 * 1000 }, NULL);
    }
}

/* The case once it has left the given states, or when --wait is over. */
static json_t *wait_until_left(struct cli *c, struct client *client, const char *path, const char *const *states, json_t *data, int *exit_code)
{
    struct cli_progress p;
    int64_t             until_us = clock_mono_us(&clock_real) + c->o.wait_us;
    cli_progress_begin(&p, c, "waiting for the case");
    while (data && is_one_of(print_text(data, "status"), states) && clock_mono_us(&clock_real) < until_us) {
        char detail[100];
        (void)snprintf(detail, sizeof detail, "%.20s, %.30s, step %lld of %lld", print_text(data, "status"), print_text(data, "phase"),
                       (long long)json_integer_value(json_object_get(data, "step")), (long long)json_integer_value(json_object_get(data, "steps")));
        cli_progress_tick(&p, detail);
        (void)nanosleep(&(struct timespec){ .tv_nsec = 500 * 1000 * 1000 }, NULL);
        json_decref(data);
        data = look_again(c, client, path, &p, exit_code);
    }
    cli_progress_end(&p);
    return data;
}

/* The approved step that comes next, from the file of the case: what is executed must equal it, so it is sent as it stands there. */
static json_t *exec_body(struct cli *c, struct client *client, int *exit_code)
{
    char path[200];
    if (!shared_case_path(c, c->o.word[0], "/file", path, sizeof path, exit_code))
        return NULL;
    json_t *file = client_data(c, client, &(struct client_request){ .method = "GET", .path = path, .what = "reading the plan" }, exit_code), *body = NULL, *one;
    if (!file)
        return NULL;
    const char *plan_id = print_text(file, "case.plan_id");
    size_t      i;
    json_array_foreach(json_object_get(file, "plans"), i, one)
        if (strcmp(print_text(one, "id"), plan_id) == 0) {
            json_t *step = json_array_get(print_member(one, "plan.steps"), (size_t)json_integer_value(print_member(file, "case.step")));
            if (step)
                body = json_pack("{s:s, s:s, s:O}", "case_id", c->o.word[0], "action", print_text(step, "action"), "params",
                                 json_object_get(step, "params") ? json_object_get(step, "params") : json_object());
        }
    json_decref(file);
    if (!body) {
        struct fault fault;
        (void)fail(&fault, ERR_STATE, "the case has no plan that could be executed");
        fail_hint(&fault, "homeostat plan makes one, homeostat gate asks whether it may be carried out");
        (void)cli_complain(c, &fault);
        *exit_code = CLI_CONFLICT;
    }
    return body;
}

/* Send it, wait for the end, say how it ended. */
static int work(struct cli *c, const char *route, bool exec, const char *const *during, const char *what)
{
    struct client *client = NULL;
    struct fault   fault = { 0 };
    char           path[200];
    int            code = CLI_DONE;
    if (!shared_case_path(c, c->o.word[0], "", path, sizeof path, &code))
        return code;
    if (client_open(c, &client, &fault) != OK)
        return cli_complain(c, &fault);
    json_t *body = exec ? exec_body(c, client, &code) : json_pack("{s:s}", "case_id", c->o.word[0]), *data = NULL, *verdict = NULL;
    if (body) {
        shared_set(body, "actor", c->o.as);
        data = client_data(c, client, &(struct client_request){ .method = "POST", .path = route, .body = body, .what = what, .wait_us = c->o.no_wait ? 0 : US_PER_S }, &code);
    }
    json_decref(body);
    if (data)
        verdict = json_incref(json_object_get(data, "verdict"));
    if (data && !c->o.no_wait) {
        data = wait_until_left(c, client, path, during, data, &code);
        char file_path[220];
        (void)snprintf(file_path, sizeof file_path, "%s/file", path);
        json_t *file = data && !exec ? client_data(c, client, &(struct client_request){ .method = "GET", .path = file_path, .what = "reading the verdict" }, &code) : NULL;
        if (file) {
            json_decref(verdict);
            verdict = json_incref(print_member(file, "run.verdict"));
            json_decref(file);
        } else if (data && !exec) {      /* which has been complained of; there is one answer only */
            json_decref(data);
            data = NULL;
        }
    }
    client_close(client);
    if (data) {
        const char *state = print_text(data, "status");
        bool        goes_on = is_one_of(state, during);
        if (verdict && json_is_object(verdict))
            json_object_set(data, "verdict", verdict);
        if (!cli_put_json(c, data)) {
            shared_put_move(c, data);
            shared_put_verdict(c, verdict);
            if (goes_on)
                fprintf(c->out, "the work goes on; homeostat case show %s\n", c->o.word[0]);
        }
        code = goes_on ? CLI_DONE : strcmp(state, "PARKED") == 0 ? CLI_FAILED : CLI_DONE;
    }
    json_decref(verdict);
    json_decref(data);
    return code;
}

int cmd_exec(struct cli *c)
{
    static const char *const during[] = { "EXECUTING", NULL };
    return work(c, "/adapter/exec", true, during, "executing");
}

int cmd_verify(struct cli *c)
{
    static const char *const during[] = { "VERIFYING", NULL };
    return work(c, "/verify/run", false, during, "verifying");
}
