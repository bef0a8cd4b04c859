/*
 * cli/explain.c - one case told: from its file what it was about, who decided by which rule, what was done, what came of it; and from
 * its explanation why. In Markdown and HTML the explanation is a report of its own, made by Homeostat and only passed on here.
 */
#include "base/file.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/print.h"
#include "cli/shared.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void heading(struct cli *c, const char *text) { fprintf(c->out, "\n%s\n", text); }

static void line(struct cli *c, const json_t *object, const char *path, const char *before, const char *after)
{
    const char *s = print_text(object, path);
    if (!*s)
        return;
    fputs(before, c->out);
    print_safe(c->out, s, false);
    fputs(after, c->out);
}

static void put_evidence(struct cli *c, const json_t *file)
{
    size_t  i;
    json_t *e;
    char    when[40];
    if (json_array_size(json_object_get(file, "evidence")) == 0)
        return;
    heading(c, "What was noticed");
    json_array_foreach(json_object_get(file, "evidence"), i, e) {
        fprintf(c->out, "  %s ", print_value(json_object_get(e, "detected_at"), PRINT_TIME, when, sizeof when));
        line(c, e, "severity", "", " ");
        line(c, e, "title", "", "");
        line(c, e, "summary", ": ", "");
        fputc('\n', c->out);
    }
}

static const json_t *plan_of(const json_t *file, const char *id)
{
    size_t  i;
    json_t *p;
    json_array_foreach(json_object_get(file, "plans"), i, p)
        if (strcmp(print_text(p, "id"), id) == 0)
            return p;
    return NULL;
}

static void put_plan(struct cli *c, const json_t *file)
{
    const json_t *p = plan_of(file, print_text(file, "case.plan_id"));
    size_t        tried = json_array_size(json_object_get(file, "plans"));
    heading(c, "What was planned");
    if (!p) {
        fputs("  nothing yet\n", c->out);
        return;
    }
    fputs("  ", c->out);
    shared_put_plan(c, json_object_get(p, "plan"));
    line(c, p, "planner", "  by ", "");
    fprintf(c->out, ", plan %.12s%s\n", print_text(p, "hash"), tried > 1 ? ", after others that were given up" : "");
    line(c, p, "proposal.why", "  because ", "\n");
}

static void put_gate(struct cli *c, const json_t *file)
{
    const json_t *decisions = json_object_get(file, "decisions");
    size_t        i, n = json_array_size(decisions);
    json_t       *a;
    char          when[40];
    heading(c, "Who decided");
    if (n == 0)
        fputs("  nobody yet\n", c->out);
    else {
        fputs("  ", c->out);
        shared_put_gate(c, json_object_get(json_array_get(decisions, n - 1), "decision"));
    }
    json_array_foreach(json_object_get(file, "approvals"), i, a) {
        fprintf(c->out, "  %s ", print_value(json_object_get(a, "created_at"), PRINT_TIME, when, sizeof when));
        line(c, a, "principal", "", json_is_true(json_object_get(a, "granted")) ? " approved plan " : " rejected plan ");
        fprintf(c->out, "%.12s under policy %.12s", print_text(a, "plan_hash"), print_text(a, "policy_version"));
        line(c, a, "reason", ": ", "");
        fputc('\n', c->out);
    }
}

static void put_actions(struct cli *c, const json_t *file)
{
    size_t  i;
    json_t *a;
    char    when[40];
    heading(c, "What was done");
    json_array_foreach(json_object_get(file, "actions"), i, a) {
        fprintf(c->out, "  %s %lld. ", print_value(json_object_get(a, "intent_at"), PRINT_TIME, when, sizeof when), (long long)json_integer_value(json_object_get(a, "action")));
        line(c, a, "kind", "", "");
        line(c, a, "outcome", ": ", "");
        line(c, a, "fault", " - ", "");
        fputc('\n', c->out);
    }
    if (json_array_size(json_object_get(file, "actions")) == 0)
        fputs("  nothing was touched\n", c->out);
    line(c, file, "run.undo_path", "  undo script: ", "\n");
    bool proven = json_is_true(print_member(file, "case.in_force_is_proven"));
    fprintf(c->out, "  what is in force %s\n", proven ? "was read back" : "has NOT been proven");
    if (!proven && strcmp(print_text(file, "case.status"), "PARKED") == 0) {
        fputs("  nothing of it ends by itself: look at the target, put it back with the undo script if need be, then homeostat case event ", c->out);
        print_safe(c->out, print_text(file, "case.id"), false);
        fputs(" in_force_proven\n", c->out);
    }
}

/* Not kept means put back only where somebody has looked. */
static bool was_read_back(const json_t *file)
{
    return strcmp(print_text(file, "outcome.result"), "unknown") != 0 && !json_is_false(print_member(file, "case.in_force_is_proven"));
}

static void put_outcome(struct cli *c, const json_t *file)
{
    const json_t *outcome = json_object_get(file, "outcome"), *verdict = print_member(file, "run.verdict");
    char          text[60];
    heading(c, "What came of it");
    if (json_is_object(verdict)) {
        fputs("  ", c->out);
        shared_put_verdict(c, verdict);
    }
    if (json_is_object(outcome)) {
        line(c, outcome, "result", "  ", "");
        bool done = strcmp(print_text(file, "case.phase"), "idle") != 0;      /* what was refused, or not answered in time, never came to be tried */
        fprintf(c->out, ", %s", json_is_true(json_object_get(outcome, "kept")) ? "kept" : !was_read_back(file) ? "what is in force is not known" : done ? "not kept" : "not done");
        if (json_is_number(json_object_get(outcome, "degraded_s")))
            fprintf(c->out, "; %s s worse than before while finding out", print_value(json_object_get(outcome, "degraded_s"), PRINT_TEXT, text, sizeof text));
        fputc('\n', c->out);
    }
    if (!json_is_object(verdict) && !json_is_object(outcome))
        fputs("  no verdict\n", c->out);
}

static void put_moves(struct cli *c, const json_t *file)
{
    size_t  i;
    json_t *row;
    char    when[40];
    heading(c, "How it moved");
    json_array_foreach(json_object_get(file, "timeline"), i, row) {
        bool moved = *print_text(row, "to") && strcmp(print_text(row, "to"), print_text(row, "from")) != 0;
        if (!moved && strcmp(print_text(row, "event"), "comment") != 0)
            continue;
        fprintf(c->out, "  %s ", print_value(json_object_get(row, "created_at"), PRINT_TIME, when, sizeof when));
        line(c, row, moved ? "to" : "event", "", "");
        if (json_is_integer(json_object_get(row, "rule")))
            fprintf(c->out, " (rule %lld)", (long long)json_integer_value(json_object_get(row, "rule")));
        line(c, row, "actor", " by ", "");
        line(c, row, "reason", ": ", "");
        fputc('\n', c->out);
    }
}

/* ---- why ---- */

enum { TRIES_TOLD = 10 };

static void put_refuters(struct cli *c, const json_t *why)
{
    size_t  i;
    json_t *r;
    if (json_array_size(json_object_get(why, "refuters")) == 0)
        return;
    heading(c, "What tried to refute it");
    json_array_foreach(json_object_get(why, "refuters"), i, r) {
        const json_t *refuted = json_object_get(r, "refuted");
        line(c, r, "name", "  ", ": ");
        fputs(json_is_true(refuted) ? "it refuted it" : json_is_false(refuted) ? "the effect stood" : "could not be made", c->out);
        if (!json_is_boolean(refuted))
            line(c, r, "why", ", ", "");
        fputc('\n', c->out);
    }
}

static void put_try(struct cli *c, const json_t *t)
{
    char when[40], effect[40], lo[40], hi[40];
    fprintf(c->out, "  %s ", print_value(json_object_get(t, "time"), PRINT_TIME, when, sizeof when));
    line(c, t, "title", "", ": ");
    line(c, t, "result", "", "");
    fputs(json_is_true(json_object_get(t, "kept")) ? ", kept" : "", c->out);
    if (json_is_number(json_object_get(t, "effect")))
        fprintf(c->out, ", %s (%s to %s)%s", print_value(json_object_get(t, "effect"), PRINT_GAIN, effect, sizeof effect), print_value(json_object_get(t, "lo"), PRINT_GAIN, lo, sizeof lo),
                print_value(json_object_get(t, "hi"), PRINT_GAIN, hi, sizeof hi), json_is_null(json_object_get(t, "level")) ? " of the statements it was made for" : "");
    fputs(json_is_true(json_object_get(t, "this")) ? "  <- this one\n" : "\n", c->out);
}

/* The newest, oldest of them first; effects as speed: more is better. */
static void put_tries(struct cli *c, const json_t *why)
{
    const json_t *tries = json_object_get(why, "tries");
    size_t        n = json_array_size(tries);
    long long     all = (long long)n + json_integer_value(json_object_get(why, "tries_left_out"));
    if (n == 0)
        return;
    heading(c, "What was tried with this target");
    if (all > TRIES_TOLD)
        fprintf(c->out, "  the newest %d of %lld\n", (int)TRIES_TOLD, all);
    for (size_t i = n > TRIES_TOLD ? n - TRIES_TOLD : 0; i < n; i++)
        put_try(c, json_array_get(tries, i));
}

static void put_importance(struct cli *c, const json_t *why)
{
    const json_t *model = json_object_get(why, "model");
    size_t        i;
    json_t       *k;
    char          share[40];
    if (json_array_size(json_object_get(model, "importance")) == 0)
        return;
    heading(c, "Which parameters matter here");
    line(c, model, "doubt", "  ", "\n");
    json_array_foreach(json_object_get(model, "importance"), i, k) {
        line(c, k, "knob", "  ", " ");
        fprintf(c->out, "%s\n", print_value(json_object_get(k, "weight"), PRINT_SHARE, share, sizeof share));
    }
}

static void put_why(struct cli *c, const json_t *why)
{
    size_t  i;
    json_t *u, *p;
    heading(c, "Why");
    line(c, why, "lead", "  ", "\n");
    line(c, why, "way", "  ", "\n");
    json_array_foreach(json_object_get(why, "units"), i, u) {
        const json_t *figure = json_object_get(u, "figure");
        if (!json_is_number(json_object_get(figure, "estimate")))
            continue;
        line(c, u, "cause", "  ", "");
        line(c, u, "effect", " -> ", "");
        fprintf(c->out, " %+.3g", json_number_value(json_object_get(figure, "estimate")));
        line(c, u, "unit", " ", "");
        fprintf(c->out, " (%+.3g to %+.3g", json_number_value(json_object_get(figure, "lo")), json_number_value(json_object_get(figure, "hi")));
        line(c, figure, "why", ", ", "");
        fputs(")\n", c->out);
    }
    line(c, why, "missing", "  this explanation lacks: ", "\n");
    put_refuters(c, why);
    heading(c, "How sure");
    line(c, why, "sure.level", "  ", "\n");
    json_array_foreach(print_member(why, "sure.points"), i, p)
        line(c, p, "text", json_is_true(json_object_get(p, "good")) ? "  + " : "  - ", "\n");
    put_tries(c, why);
    put_importance(c, why);
}

static int put_story(struct cli *c, const json_t *why)
{
    char path[200];
    int  code;
    if (!shared_case_path(c, c->o.word[0], "/file", path, sizeof path, &code))
        return code;
    json_t *file = client_once(c, &(struct client_request){ .method = "GET", .path = path, .what = "reading the case" }, &code);
    if (!file)
        return code;
    line(c, file, "case.title", "", "");
    line(c, file, "case.target", " (", ")");
    line(c, file, "case.status", ": ", "");
    line(c, file, "case.opened_by", ", opened by ", "\n");
    put_evidence(c, file);
    put_plan(c, file);
    put_gate(c, file);
    put_actions(c, file);
    put_outcome(c, file);
    put_why(c, why);
    put_moves(c, file);
    json_decref(file);
    return CLI_DONE;
}

/* ---- where it goes ---- */

/* A file is written whole or not at all: what is in c->out until then lies in memory. */
static int write_out(struct cli *c, const char *text, size_t size)
{
    struct fault fault = { 0 };
    if (!*c->o.out || strcmp(c->o.out, "-") == 0) {
        (void)fwrite(text, 1, size, c->out);
        return CLI_DONE;
    }
    mode_t mask = umask(077);       /* a report holds statements: who may read it is for whoever wrote it to say */
    (void)umask(mask);
    return file_write(c->o.out, text, size, 0666 & ~mask, &fault) == OK ? CLI_DONE : cli_complain(c, &fault);
}

static int put_rendering(struct cli *c, const char *path)
{
    struct client       *client = NULL;
    struct client_answer a CLEANUP(client_answer_done) = { 0 };
    struct fault         fault = { 0 };
    int                  code = CLI_DONE;
    if (client_open(c, &client, &fault) != OK || client_ask(client, &(struct client_request){ .method = "GET", .path = path, .what = "explaining the case" }, &a, &fault) != OK)
        code = cli_complain(c, &fault);
    else if (client_exit_of(&a) != CLI_DONE)
        code = client_complain(c, client, &a);
    else
        code = write_out(c, a.text, strlen(a.text));
    client_close(client);
    return code;
}

static int put_text(struct cli *c, const char *path)
{
    int     code;
    json_t *why = client_once(c, &(struct client_request){ .method = "GET", .path = path, .what = "explaining the case" }, &code);
    if (!why)
        return code;
    FILE  *out = c->out;
    char  *text = NULL;
    size_t size = 0;
    if (!(c->out = open_memstream(&text, &size))) {
        c->out = out;
        json_decref(why);
        return CLI_FAILED;
    }
    code = cli_put_json(c, why) ? CLI_DONE : put_story(c, why);
    (void)fclose(c->out);
    c->out = out;
    if (code == CLI_DONE)
        code = write_out(c, text, size);
    free(text);
    json_decref(why);
    return code;
}

int cmd_explain(struct cli *c)
{
    bool         as_text = strcmp(c->o.format, "text") == 0;
    char         path[240];
    struct fault fault = { 0 };
    int          code;
    if (*c->o.out && strcmp(c->o.out, "-") != 0 && !c->o.force && access(c->o.out, F_OK) == 0) {     /* before the engine works for it */
        (void)fail(&fault, ERR_STATE, "%.300s is there already", c->o.out);
        fail_hint(&fault, "--force writes over it");
        return cli_complain(c, &fault);
    }
    if (!shared_case_path(c, c->o.word[0], "/explanation", path, sizeof path, &code))
        return code;
    if (!as_text && !client_query(path, sizeof path, "format", c->o.format))
        return CLI_USAGE;
    return as_text ? put_text(c, path) : put_rendering(c, path);
}
