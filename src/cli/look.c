/* cli/look.c - what is watched, what was learned, what is stopped. */
#include "base/clock.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/print.h"
#include "cli/shared.h"
#include "model/casefile.h"

#include <stdlib.h>
#include <string.h>

enum { OPEN_OF_STATE_MAX = 50 };

static json_t *get(struct cli *c, const char *path, const char *what, int *exit_code)
{
    return client_once(c, &(struct client_request){ .method = "GET", .path = path, .what = what }, exit_code);
}

static bool path_of(const char *target, const char *rest, char *path, size_t size)
{
    (void)snprintf(path, size, "/target/");
    if (!*target || !client_encode(path, size, target) || strlen(path) + strlen(rest) >= size)
        return false;
    (void)strcat(path, rest);
    return true;
}

static bool target_path(struct cli *c, const char *rest, char *path, size_t size, int *exit_code)
{
    struct fault fault;
    if (path_of(c->o.word[0], rest, path, size))
        return true;
    (void)fail(&fault, ERR_INPUT, "\"%.40s\" is no target", c->o.word[0]);
    (void)cli_complain(c, &fault);
    *exit_code = CLI_USAGE;
    return false;
}

/* Print a member of what came, or all of it as JSON. Takes data. */
static int put_table(struct cli *c, json_t *data, const struct print_column *columns, const char *empty)
{
    if (!cli_put_json(c, data))
        print_table(c->out, data, columns, empty);
    json_decref(data);
    return CLI_DONE;
}

/* ---- targets ---- */

static const struct print_column target_columns[] = {
    { "TARGET", "name", PRINT_TEXT, 0 }, { "UP", "up", PRINT_TEXT, 0 }, { "MODE", "mode", PRINT_TEXT, 0 }, { "TPS", "latest.tps", PRINT_TEXT, 0 },
    { "P99 MS", "latest.latency_p99", PRINT_TEXT, 0 }, { "CPU", "latest.cpu", PRINT_TEXT, 0 }, { "KEPT", "kept", PRINT_TEXT, 0 }, { "BEST", "best_effect", PRINT_GAIN, 0 },
    { "CASE", "case_id", PRINT_TEXT, 0 }, { "STATE", "case_state", PRINT_TEXT, 0 }, { "WAITS", "idle_why", PRINT_TEXT, 50 }, { NULL, NULL, PRINT_TEXT, 0 },
};
static const struct print_column target_record[] = {
    { "target", "name", PRINT_TEXT, 0 }, { "up", "up", PRINT_TEXT, 0 }, { "trouble", "trouble", PRINT_TEXT, 0 }, { "mode", "mode", PRINT_TEXT, 0 }, { "seen", "time", PRINT_TIME, 0 },
    { "case", "case_id", PRINT_TEXT, 0 }, { "state", "case_state", PRINT_TEXT, 0 }, { "kept changes", "kept", PRINT_TEXT, 0 }, { "best effect", "best_effect", PRINT_GAIN, 0 },
    { "waits", "idle_why", PRINT_TEXT, 0 }, { "until", "idle_until", PRINT_TIME, 0 }, { "stopped", "stopped.why", PRINT_TEXT, 0 }, { NULL, NULL, PRINT_TEXT, 0 },
};
static const struct print_column facts_record[] = {
    { "server version", "facts.server_version", PRINT_TEXT, 0 }, { "on this machine", "facts.local", PRINT_TEXT, 0 }, { "in recovery", "facts.in_recovery", PRINT_TEXT, 0 },
    { "owned by", "facts.owner", PRINT_TEXT, 0 }, { "data directory", "facts.data_directory", PRINT_TEXT, 0 }, { "processors", "facts.cpus", PRINT_TEXT, 0 },
    { "memory (bytes)", "facts.memory_bytes", PRINT_TEXT, 0 }, { "databases (bytes)", "facts.database_bytes", PRINT_TEXT, 0 }, { "disk free (bytes)", "facts.disk_free_bytes", PRINT_TEXT, 0 },
    { "may change", "facts.may_alter_system", PRINT_TEXT, 0 }, { NULL, NULL, PRINT_TEXT, 0 },
};
static const struct print_column setting_columns[] = {
    { "PARAMETER", "name", PRINT_TEXT, 0 }, { "VALUE", "value", PRINT_TEXT, 24 }, { "DEFAULT", "default", PRINT_TEXT, 24 }, { "SOURCE", "source", PRINT_TEXT, 24 },
    { "PENDING", "pending_restart", PRINT_TEXT, 0 }, { NULL, NULL, PRINT_TEXT, 0 },
};

/* Into the target: what was won under the load of its newest trial. Gains under different loads are no sum, so none is made here. */
static bool add_best(struct cli *c, json_t *target, int *exit_code)
{
    char path[200];
    if (!path_of(print_text(target, "name"), "/outcomes?limit=1", path, sizeof path))
        return true;
    json_t *newest = get(c, path, "reading what was won", exit_code);
    if (!newest)
        return false;
    json_t *best = json_object_get(json_array_get(newest, 0), "best");
    (void)json_object_set_new(target, "best_effect", best ? json_incref(best) : json_null());
    json_decref(newest);
    return true;
}

/* With what is wrong with each, which no column would hold. */
static void put_targets(struct cli *c, const json_t *targets)
{
    size_t  i;
    json_t *target;
    print_table(c->out, targets, target_columns, "no targets");
    json_array_foreach(targets, i, target)
        if (*print_text(target, "trouble")) {
            fputc('\n', c->out);
            print_safe(c->out, print_text(target, "name"), false);
            fputs(": ", c->out);
            print_safe(c->out, print_text(target, "trouble"), false);
            fputc('\n', c->out);
        }
}

int cmd_target_ls(struct cli *c)
{
    int     code = CLI_DONE;
    size_t  i;
    json_t *target, *data = get(c, "/target", "reading the targets", &code);
    json_array_foreach(data, i, target)
        if (!add_best(c, target, &code)) {
            json_decref(data);
            return code;
        }
    if (data && !cli_put_json(c, data))
        put_targets(c, data);
    json_decref(data);
    return code;
}

int cmd_target_show(struct cli *c)
{
    char path[200];
    int  code;
    if (!target_path(c, "", path, sizeof path, &code))
        return code;
    json_t *data = get(c, path, "reading the target", &code);
    if (!data || !add_best(c, data, &code)) {
        json_decref(data);
        return code;
    }
    if (!cli_put_json(c, data)) {
        print_record(c->out, data, target_record);
        print_record(c->out, data, facts_record);
        const char *name;
        json_t     *value;
        char        text[60];
        json_object_foreach(json_object_get(data, "latest"), name, value)
            if (!json_is_null(value))
                fprintf(c->out, "  %-26s %s\n", name, print_value(value, PRINT_TEXT, text, sizeof text));
        if (json_array_size(print_member(data, "facts.settings")) > 0)
            print_table(c->out, print_member(data, "facts.settings"), setting_columns, "");
    }
    json_decref(data);
    return CLI_DONE;
}

int cmd_target_mode(struct cli *c)
{
    char path[200];
    int  code;
    if (!target_path(c, "/mode", path, sizeof path, &code))
        return code;
    json_t *body = json_pack("{s:s}", "mode", c->o.word[1]);
    shared_set(body, "why", c->o.why);
    json_t *data = client_once(c, &(struct client_request){ .method = "PUT", .path = path, .body = body, .what = "changing the mode" }, &code);
    json_decref(body);
    if (!data)
        return code;
    if (!cli_put_json(c, data))
        fprintf(c->out, "%s: %s\n", print_text(data, "target"), print_text(data, "mode"));
    json_decref(data);
    return CLI_DONE;
}

/* Minutes are told by their text, seconds by milliseconds. */
static const char *moment_text(const json_t *value, char *text, size_t size)
{
    json_t *us = json_is_integer(value) ? json_integer(json_integer_value(value) * (US_PER_S / 1000)) : NULL;
    (void)print_value(us ? us : value, PRINT_TIME, text, size);
    json_decref(us);
    return text;
}

/* Arrays of equal length under names -> one line per moment. */
static void put_series(struct cli *c, const json_t *data, const char *axis)
{
    const json_t *times = json_object_get(data, axis), *column;
    const char   *name;
    char          text[60];
    fprintf(c->out, "%-19s", "WHEN");
    json_object_foreach((json_t *)(uintptr_t)data, name, column)
        if (column != times)
            fprintf(c->out, "  %14s", name);
    fputc('\n', c->out);
    for (size_t i = 0; i < json_array_size(times); i++) {
        fprintf(c->out, "%-19s", moment_text(json_array_get(times, i), text, sizeof text));
        json_object_foreach((json_t *)(uintptr_t)data, name, column)
            if (column != times)
                fprintf(c->out, "  %14s", print_value(json_array_get(column, i), PRINT_TEXT, text, sizeof text));
        fputc('\n', c->out);
    }
}

static int series(struct cli *c, const char *rest, const char *axis, const char *const names[4], const char *const values[4])
{
    char         path[CLIENT_PATH_MAX];
    int          code;
    struct fault fault;
    if (!target_path(c, rest, path, sizeof path, &code))
        return code;
    for (int i = 0; i < 4 && names[i]; i++)
        if (!client_query(path, sizeof path, names[i], values[i])) {
            (void)fail(&fault, ERR_INPUT, "what to look for is too long");
            return cli_complain(c, &fault);
        }
    json_t *data = get(c, path, "reading the series", &code);
    if (!data)
        return code;
    if (!cli_put_json(c, data))
        put_series(c, data, axis);
    json_decref(data);
    return CLI_DONE;
}

int cmd_series(struct cli *c)
{
    return series(c, "/series", "time", (const char *const[4]){ "metrics", "since" }, (const char *const[4]){ c->o.metrics, c->o.since });
}

int cmd_metric(struct cli *c)
{
    return series(c, "/metric", "bucket", (const char *const[4]){ "name", "from", "to" }, (const char *const[4]){ c->o.metric, c->o.since, c->o.to });
}

static const struct print_column outcome_columns[] = {
    { "WHEN", "created_at", PRINT_TIME, 0 }, { "RESULT", "result", PRINT_TEXT, 0 }, { "KEPT", "kept", PRINT_TEXT, 0 }, { "EFFECT", "effect", PRINT_GAIN, 0 },
    { "FROM", "lo", PRINT_GAIN, 0 }, { "TO", "hi", PRINT_GAIN, 0 }, { "PLANNER", "planner", PRINT_TEXT, 20 }, { "CASE", "case_id", PRINT_TEXT, 0 },
    { "WHY", "verdict.why", PRINT_TEXT, 80 }, { NULL, NULL, PRINT_TEXT, 0 },
};

int cmd_outcomes(struct cli *c)
{
    char path[CLIENT_PATH_MAX], limit[16];
    int  code;
    if (!target_path(c, "/outcomes", path, sizeof path, &code))
        return code;
    (void)snprintf(limit, sizeof limit, "%d", (int)c->o.limit);
    (void)client_query(path, sizeof path, "limit", limit);
    json_t *data = get(c, path, "reading the outcomes", &code);
    return data ? put_table(c, data, outcome_columns, "nothing was tried yet") : code;
}

/* ---- stops, budgets ---- */

static const struct print_column stop_columns[] = {
    { "STOPPED", "scope", PRINT_TEXT, 0 }, { "WHY", "why", PRINT_TEXT, 60 }, { "BY", "actor", PRINT_TEXT, 30 }, { "SINCE", "created_at", PRINT_TIME, 0 },
    { "UNTIL", "expires_at", PRINT_TIME, 0 }, { NULL, NULL, PRINT_TEXT, 0 },
};

/* The empty scope is everything; say so. */
static void name_scopes(json_t *stops)
{
    size_t  i;
    json_t *stop;
    json_array_foreach(stops, i, stop)
        if (!*print_text(stop, "scope"))
            json_object_set_new(stop, "scope", json_string("everything"));
}

static int list_stops(struct cli *c)
{
    int     code;
    json_t *data = get(c, "/stop", "reading the stop switches", &code);
    if (!data)
        return code;
    if (!c->o.json)
        name_scopes(data);
    return put_table(c, data, stop_columns, "nothing is stopped");
}

int cmd_stop(struct cli *c)
{
    int          code;
    struct fault fault;
    json_t      *data;
    if (c->o.clear && (*c->o.why || c->o.for_us)) {
        (void)fail(&fault, ERR_INPUT, "stop --clear takes neither --why nor --for");
        (void)cli_complain(c, &fault);
        return CLI_USAGE;
    }
    if (c->o.clear) {
        char path[CLIENT_PATH_MAX] = "/stop";
        (void)client_query(path, sizeof path, "target", c->o.target);
        data = client_once(c, &(struct client_request){ .method = "DELETE", .path = path, .what = "clearing the stop" }, &code);
    } else if (*c->o.why) {
        json_t *body = json_pack("{s:s}", "why", c->o.why);
        shared_set(body, "target", c->o.target);
        if (c->o.for_us)
            json_object_set_new(body, "expires_s", json_integer((c->o.for_us + US_PER_S - 1) / US_PER_S));
        data = client_once(c, &(struct client_request){ .method = "POST", .path = "/stop", .body = body, .what = "stopping" }, &code);
        json_decref(body);
    } else if (*c->o.target || c->o.for_us) {
        (void)fail(&fault, ERR_INPUT, "a stop wants a reason");
        fail_hint(&fault, "homeostat stop --why 'what is going on'; with --clear it ends, alone it lists what is stopped");
        (void)cli_complain(c, &fault);
        return CLI_USAGE;
    } else {
        return list_stops(c);
    }
    if (!data)
        return code;
    if (!cli_put_json(c, data)) {
        const char *scope = print_text(data, "scope");
        char        until[40];
        bool        still = c->o.clear && json_is_true(json_object_get(data, "stopped"));
        fputs(!c->o.clear ? "stopped: " : still ? "the stop of " : "", c->out);
        print_safe(c->out, *scope ? scope : "everything", false);
        fputs(!c->o.clear ? "" : still ? " is cleared, and everything is stopped still: " : " may be acted on again\n", c->out);
        if (still) {
            print_safe(c->out, print_text(data, "why"), false);
            fputc('\n', c->out);
        }
        if (!c->o.clear && *print_text(data, "expires_at"))
            fprintf(c->out, ", until %s", print_value(json_object_get(data, "expires_at"), PRINT_TIME, until, sizeof until));
        else if (!c->o.clear)
            fputs(", until it is cleared", c->out);
        if (!c->o.clear)
            fputc('\n', c->out);
    }
    json_decref(data);
    return CLI_DONE;
}

static const struct print_column budget_columns[] = {
    { "TARGET", "target", PRINT_TEXT, 0 }, { "KIND", "kind", PRINT_TEXT, 0 }, { "LAST DAY", "count", PRINT_TEXT, 0 }, { "LAST", "last_at", PRINT_TIME, 0 }, { NULL, NULL, PRINT_TEXT, 0 },
};
static const struct print_column lifetime_columns[] = {
    { "TARGET", "target", PRINT_TEXT, 0 }, { "LEVELS OF VERDICTS, SUMMED", "alpha_spent", PRINT_TEXT, 0 }, { "OUTCOMES", "outcomes", PRINT_TEXT, 0 },
    { "SECONDS WORSE", "degraded_s", PRINT_TEXT, 0 }, { NULL, NULL, PRINT_TEXT, 0 },
};

int cmd_budget(struct cli *c)
{
    int     code;
    json_t *data = get(c, "/budget", "reading the budgets", &code);
    if (!data)
        return code;
    if (!cli_put_json(c, data)) {
        print_table(c->out, json_object_get(data, "last_day"), budget_columns, "no changes in the last day");
        print_table(c->out, json_object_get(data, "lifetime"), lifetime_columns, "no outcomes yet");
    }
    json_decref(data);
    return CLI_DONE;
}

/* ---- Homeostat itself ---- */

/* Its own text where it is known; a file that was edited since is not what is in force. */
int cmd_policy_show(struct cli *c)
{
    int     code;
    json_t *data = get(c, "/policy", "reading the policy", &code);
    if (!data)
        return code;
    if (!cli_put_json(c, data)) {
        fprintf(c->out, "# version %s\n", print_text(data, "version"));
        if (*print_text(data, "yaml"))
            print_safe(c->out, print_text(data, "yaml"), true);
        else
            fputs("# its file has changed since it was read; homeostat reload puts the new one into force\n", c->out);
    }
    json_decref(data);
    return CLI_DONE;
}

int cmd_whoami(struct cli *c)
{
    int     code;
    json_t *data = get(c, "/whoami", "asking", &code);
    if (!data)
        return code;
    if (!cli_put_json(c, data)) {
        size_t  i;
        json_t *role;
        print_safe(c->out, print_text(data, "name"), false);
        json_array_foreach(json_object_get(data, "roles"), i, role)
            fprintf(c->out, "%s%s", i ? ", " : ": ", json_string_value(role) ? json_string_value(role) : "");
        fputc('\n', c->out);
    }
    json_decref(data);
    return CLI_DONE;
}

/* Text, not JSON: as it comes. */
int cmd_metrics(struct cli *c)
{
    struct client       *client = NULL;
    struct fault         fault = { 0 };
    struct client_answer a CLEANUP(client_answer_done) = { 0 };
    if (client_open(c, &client, &fault) != OK)
        return cli_complain(c, &fault);
    int code;
    if (client_ask(client, &(struct client_request){ .method = "GET", .path = "/metrics", .what = "reading the metrics" }, &a, &fault) != OK)
        code = cli_complain(c, &fault);
    else if ((code = client_exit_of(&a)) != CLI_DONE)
        (void)client_complain(c, client, &a);
    else
        fputs(a.text, c->out);
    client_close(client);
    return code;
}

/* Every case that is not closed, the newest of each state. NULL: complained, with *exit_code. */
static json_t *open_cases(struct cli *c, struct client *client, int *exit_code)
{
    json_t *open = json_array();
    for (int s = 0; s < CASE_STATE_COUNT && open; s++) {
        char path[80];
        if (s == CASE_CLOSED)
            continue;
        (void)snprintf(path, sizeof path, "/case?limit=%d&state=%s", OPEN_OF_STATE_MAX, case_state_name((enum case_state)s));
        json_t *some = client_data(c, client, &(struct client_request){ .method = "GET", .path = path, .what = "reading cases" }, exit_code);
        if (some)
            (void)json_array_extend(open, some);
        else {
            json_decref(open);
            open = NULL;
        }
        json_decref(some);
    }
    return open;
}

/* Is it alive and ready, what is watched, what is open, what is stopped: one answer of one page. Not ready is exit status 1. */
int cmd_status(struct cli *c)
{
    struct client       *client = NULL;
    struct fault         fault = { 0 };
    struct client_answer live CLEANUP(client_answer_done) = { 0 }, ready CLEANUP(client_answer_done) = { 0 };
    int                  code = CLI_DONE;
    if (client_open(c, &client, &fault) != OK)
        return cli_complain(c, &fault);
    if (client_ask(client, &(struct client_request){ .method = "GET", .path = "/livez", .what = "asking", .health = true }, &live, &fault) != OK ||
        client_ask(client, &(struct client_request){ .method = "GET", .path = "/readyz?verbose=1", .what = "asking", .health = true }, &ready, &fault) != OK) {
        code = cli_complain(c, &fault);
        client_close(client);
        return code;
    }
    json_t *targets = client_data(c, client, &(struct client_request){ .method = "GET", .path = "/target", .what = "reading the targets" }, &code);
    json_t *open = targets ? open_cases(c, client, &code) : NULL;
    json_t *stops = open ? client_data(c, client, &(struct client_request){ .method = "GET", .path = "/stop", .what = "reading the stop switches" }, &code) : NULL;
    client_close(client);
    bool    alive = live.status == 200, is_ready = ready.status == 200, told = stops != NULL;
    size_t  i;
    json_t *target;
    json_array_foreach(targets, i, target)
        told = told && add_best(c, target, &code);
    if (told) {
        const json_t *checks = print_member(ready.json, is_ready ? "data.checks" : "checks");
        json_t *all = json_pack("{s:b, s:b, s:O?, s:O, s:O, s:O}", "alive", alive, "ready", is_ready, "checks", checks, "targets", targets, "open_cases", open, "stops", stops);
        if (!cli_put_json(c, all)) {
            fprintf(c->out, "homeostat is %s%s\n\n", !alive ? "not alive" : "alive", is_ready ? " and ready" : ", and not ready");
            if (!is_ready && checks) {
                char *text = json_dumps(checks, JSON_COMPACT | JSON_ENCODE_ANY);
                print_safe(c->out, text ? text : "", false);
                free(text);
                fputs("\n\n", c->out);
            }
            name_scopes(stops);
            if (json_array_size(stops) > 0) {
                print_table(c->out, stops, stop_columns, "");
                fputc('\n', c->out);
            }
            put_targets(c, targets);
            static const struct print_column open_columns[] = {
                { "OPEN CASE", "id", PRINT_TEXT, 0 }, { "STATE", "status", PRINT_TEXT, 0 }, { "PHASE", "phase", PRINT_TEXT, 0 }, { "TARGET", "target", PRINT_TEXT, 16 },
                { "TITLE", "title", PRINT_TEXT, 60 }, { NULL, NULL, PRINT_TEXT, 0 },
            };
            fputc('\n', c->out);
            print_table(c->out, open, open_columns, "no open cases");
        }
        json_decref(all);
        code = alive && is_ready ? CLI_DONE : CLI_FAILED;
    }
    json_decref(targets);
    json_decref(open);
    json_decref(stops);
    return code;
}
