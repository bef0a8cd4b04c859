/* cli/cases.c - looking at cases, and moving them by events. */
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/print.h"
#include "cli/shared.h"

#include <stdlib.h>
#include <string.h>

static const struct print_column case_columns[] = {
    { "CASE", "id", PRINT_TEXT, 0 }, { "STATE", "status", PRINT_TEXT, 0 }, { "PHASE", "phase", PRINT_TEXT, 0 }, { "TARGET", "target", PRINT_TEXT, 16 },
    { "OPENED", "created_at", PRINT_TIME, 0 }, { "KEPT", "outcome.kept", PRINT_TEXT, 0 }, { "EFFECT", "outcome.effect", PRINT_GAIN, 0 },
    { "TITLE", "title", PRINT_TEXT, 60 }, { NULL, NULL, PRINT_TEXT, 0 },
};

static const struct print_column case_record[] = {
    { "case", "id", PRINT_TEXT, 0 }, { "title", "title", PRINT_TEXT, 0 }, { "state", "status", PRINT_TEXT, 0 }, { "version", "version", PRINT_TEXT, 0 },
    { "target", "target", PRINT_TEXT, 0 }, { "tenant", "tenant", PRINT_TEXT, 0 }, { "opened by", "opened_by", PRINT_TEXT, 0 },
    { "driven by", "driver", PRINT_TEXT, 0 }, { "phase", "phase", PRINT_TEXT, 0 }, { "step", "step", PRINT_TEXT, 0 }, { "of", "steps", PRINT_TEXT, 0 },
    { "in force proven", "in_force_is_proven", PRINT_TEXT, 0 }, { "event", "event_id", PRINT_TEXT, 0 }, { NULL, NULL, PRINT_TEXT, 0 },
};
static const struct print_column case_record_times[] = {
    { "opened", "created_at", PRINT_TIME, 0 }, { "changed", "updated_at", PRINT_TIME, 0 }, { "deadline", "deadline_at", PRINT_TIME, 0 }, { NULL, NULL, PRINT_TEXT, 0 },
};

static const struct print_column timeline_columns[] = {
    { "WHEN", "created_at", PRINT_TIME, 0 }, { "EVENT", "event", PRINT_TEXT, 24 }, { "TO", "to", PRINT_TEXT, 0 }, { "RULE", "rule", PRINT_RULE, 0 },
    { "RUN", "run_rule", PRINT_RULE, 0 }, { "ACTOR", "actor", PRINT_TEXT, 24 }, { "REASON", "reason", PRINT_TEXT, 0 }, { NULL, NULL, PRINT_TEXT, 0 },
};

/* ---- shared with the other files ---- */

bool shared_case_path(struct cli *c, const char *id, const char *rest, char *path, size_t size, int *exit_code)
{
    struct fault fault = { 0 };
    (void)snprintf(path, size, "/case/");
    if (*id && client_encode(path, size, id) && strlen(path) + strlen(rest) < size) {
        (void)strcat(path, rest);
        return true;
    }
    (void)fail(&fault, ERR_INPUT, "\"%.40s\" is no case", id);
    fail_hint(&fault, "homeostat case ls lists them");
    (void)cli_complain(c, &fault);
    *exit_code = CLI_USAGE;
    return false;
}

int shared_put_case(struct cli *c, json_t *data)
{
    if (!cli_put_json(c, data)) {
        print_record(c->out, data, case_record);
        print_record(c->out, data, case_record_times);
    }
    json_decref(data);
    return CLI_DONE;
}

void shared_put_move(struct cli *c, const json_t *data)
{
    fprintf(c->out, "case ");
    print_safe(c->out, print_text(data, "id"), false);
    fputs(": ", c->out);
    print_safe(c->out, print_text(data, "status"), false);
    fputc('\n', c->out);
}

void shared_set(json_t *body, const char *name, const char *text)
{
    if (*text)
        json_object_set_new(body, name, json_string(text));
}

static json_t *read_of_case(struct cli *c, const char *rest, int *exit_code)
{
    char path[200];
    if (!shared_case_path(c, c->o.word[0], rest, path, sizeof path, exit_code))
        return NULL;
    return client_once(c, &(struct client_request){ .method = "GET", .path = path, .what = "reading the case" }, exit_code);
}

/* ---- looking ---- */

static bool list_path(struct cli *c, const char *cursor, char *path, size_t size)
{
    char limit[16];
    (void)snprintf(limit, sizeof limit, "%d", c->o.all ? 500 : (int)c->o.limit);
    (void)snprintf(path, size, "/case");
    return client_query(path, size, "limit", limit) && client_query(path, size, "state", c->o.state) && client_query(path, size, "target", c->o.target) &&
           client_query(path, size, "tenant", c->o.tenant) && client_query(path, size, "since", c->o.since) && client_query(path, size, "cursor", cursor);
}

int cmd_case_ls(struct cli *c)
{
    struct client *client = NULL;
    struct fault   fault = { 0 };
    json_t        *all = json_array(), *some;
    char           path[CLIENT_PATH_MAX], cursor[200] = "";
    int            code = CLI_DONE;
    bool           more = true;
    if (client_open(c, &client, &fault) != OK)
        code = cli_complain(c, &fault);
    while (code == CLI_DONE && more) {
        struct client_answer a CLEANUP(client_answer_done) = { 0 };
        if (!list_path(c, cursor, path, sizeof path)) {
            (void)fail(&fault, ERR_INPUT, "what to look for is too long");
            code = cli_complain(c, &fault);
        } else if (client_ask(client, &(struct client_request){ .method = "GET", .path = path, .what = "reading cases" }, &a, &fault) != OK) {
            code = cli_complain(c, &fault);
        } else if ((some = client_list(c, client, &a, &code))) {
            (void)json_array_extend(all, some);
            (void)snprintf(cursor, sizeof cursor, "%s", print_text(a.json, "next_cursor"));
            more = c->o.all && *cursor;
        }
    }
    if (code == CLI_DONE && !cli_put_json(c, all)) {
        print_table(c->out, all, case_columns, "no cases");
        if (*cursor)
            fprintf(c->err, "there are more; --all lists them\n");
    }
    json_decref(all);
    client_close(client);
    return code;
}

int cmd_case_show(struct cli *c)
{
    int     code;
    json_t *data = read_of_case(c, "", &code);
    return data ? shared_put_case(c, data) : code;
}

int cmd_case_timeline(struct cli *c)
{
    int     code;
    json_t *data = read_of_case(c, "/timeline", &code);
    if (!data)
        return code;
    if (!cli_put_json(c, data))
        print_table(c->out, data, timeline_columns, "nothing happened yet");
    json_decref(data);
    return CLI_DONE;
}

/* The whole file has no form but JSON; `homeostat explain` is the form for reading. */
int cmd_case_file(struct cli *c)
{
    int     code;
    json_t *data = read_of_case(c, "/file", &code);
    if (!data)
        return code;
    c->o.json = true;
    (void)cli_put_json(c, data);
    json_decref(data);
    return CLI_DONE;
}

/* ---- changing ---- */

/* Send the body (which is taken) and show the case that comes back. */
static int change(struct cli *c, const char *method, const char *path, json_t *body, const char *what)
{
    int     code;
    json_t *data = client_once(c, &(struct client_request){ .method = method, .path = path, .body = body, .what = what }, &code);
    json_decref(body);
    if (!data)
        return code;
    if (!cli_put_json(c, data))
        shared_put_move(c, data);
    json_decref(data);
    return CLI_DONE;
}

int cmd_case_open(struct cli *c)
{
    json_t *body = json_object();
    shared_set(body, "title", *c->o.title ? c->o.title : c->o.words > 0 ? c->o.word[0] : "");
    shared_set(body, "target", c->o.target);
    shared_set(body, "tenant", c->o.tenant);
    shared_set(body, "driver", c->o.driver);
    if (!json_object_get(body, "title")) {
        struct fault fault;
        (void)fail(&fault, ERR_INPUT, "case open wants a title");
        json_decref(body);
        (void)cli_complain(c, &fault);
        return CLI_USAGE;
    }
    int     code;
    json_t *data = client_once(c, &(struct client_request){ .method = "POST", .path = "/case/create", .body = body, .what = "opening a case" }, &code);
    json_decref(body);
    if (!data)
        return code;
    if (!cli_put_json(c, data))      /* the id alone, so that a script can take it */
        fprintf(c->out, "%s\n", print_text(data, "id"));
    json_decref(data);
    return CLI_DONE;
}

static int send_event(struct cli *c, const char *event)
{
    char path[200];
    int  code;
    if (!shared_case_path(c, c->o.word[0], "/transition", path, sizeof path, &code))
        return code;
    json_t *body = json_pack("{s:s}", "event", event);
    shared_set(body, "reason", c->o.why);
    shared_set(body, "actor", c->o.as);
    return change(c, "PATCH", path, body, "moving the case");
}

int cmd_case_start(struct cli *c)   { return send_event(c, "start_analysis"); }
int cmd_case_cancel(struct cli *c)  { return send_event(c, "cancel"); }
int cmd_case_resume(struct cli *c)  { return send_event(c, "resume"); }
int cmd_case_give_up(struct cli *c) { return send_event(c, "give_up"); }
int cmd_case_event(struct cli *c)   { return send_event(c, c->o.word[1]); }

int cmd_case_comment(struct cli *c)
{
    char path[200];
    int  code;
    if (!shared_case_path(c, c->o.word[0], "/comment", path, sizeof path, &code))
        return code;
    json_t *body = json_pack("{s:s}", "text", c->o.word[1]);
    if (!body) {
        struct fault fault;
        (void)fail(&fault, ERR_INPUT, "the remark is not UTF-8");
        return cli_complain(c, &fault);
    }
    shared_set(body, "actor", c->o.as);
    return change(c, "POST", path, body, "adding a remark");
}

/* What is approved is what was looked at: the hash of the plan goes along, so that another one cannot slip in between. */
static int decide(struct cli *c, const char *rest)
{
    char           path[200], look[200];
    int            code;
    struct client *client = NULL;
    struct fault   fault = { 0 };
    if (!shared_case_path(c, c->o.word[0], rest, path, sizeof path, &code) || !shared_case_path(c, c->o.word[0], "", look, sizeof look, &code))
        return code;
    if (client_open(c, &client, &fault) != OK)
        return cli_complain(c, &fault);
    json_t *seen = client_data(c, client, &(struct client_request){ .method = "GET", .path = look, .what = "reading the case" }, &code), *data = NULL;
    if (seen) {
        json_t *body = json_object();
        shared_set(body, "plan_hash", print_text(seen, "plan_hash"));
        shared_set(body, "reason", c->o.why);
        shared_set(body, "actor", c->o.as);
        data = client_data(c, client, &(struct client_request){ .method = "POST", .path = path, .body = body, .what = "telling the gate" }, &code);
        json_decref(body);
    }
    json_decref(seen);
    client_close(client);
    if (!data)
        return code;
    if (!cli_put_json(c, data)) {
        shared_put_move(c, data);
        shared_put_gate(c, json_object_get(data, "verdict"));
    }
    /* Approved, and the gate still waits for something (a second person, a window): that is no success yet. */
    code = strcmp(rest, "/approve") == 0 && strcmp(print_text(data, "status"), "WAIT_GATE") == 0 ? CLI_GATED : CLI_DONE;
    json_decref(data);
    return code;
}

int cmd_case_approve(struct cli *c) { return decide(c, "/approve"); }
int cmd_case_reject(struct cli *c)  { return decide(c, "/reject"); }
