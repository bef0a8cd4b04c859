/* cli/telemetry.c - what came in: how ingest stands, what its digest tells, windows asked for again. */
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/print.h"

#include <stdio.h>
#include <string.h>

/* path, then the word of the command, then `rest`, then what the options narrow. False: told already. */
static bool make_path(struct cli *c, const char *path, const char *rest, char *out, size_t size)
{
    char         limit[24] = "";
    struct fault fault;
    if (c->o.limit > 0)
        (void)snprintf(limit, sizeof limit, "%lld", (long long)c->o.limit);
    (void)snprintf(out, size, "%s", path);
    if ((c->o.words == 0 || client_encode(out, size, c->o.word[0])) && strlen(out) + strlen(rest) < size && strcat(out, rest) && client_query(out, size, "since", c->o.since) &&
        client_query(out, size, "limit", limit))
        return true;
    (void)fail(&fault, ERR_INPUT, "that is too long for a question");
    (void)cli_complain(c, &fault);
    return false;
}

static json_t *ask(struct cli *c, const char *path, const char *rest, int *code)
{
    char whole[CLIENT_PATH_MAX];
    *code = CLI_USAGE;
    return make_path(c, path, rest, whole, sizeof whole) ? client_once(c, &(struct client_request){ .method = "GET", .path = whole }, code) : NULL;
}

static int put(struct cli *c, json_t *data, const json_t *rows, const struct print_column *columns, const char *empty)
{
    if (!cli_put_json(c, data))
        print_table(c->out, rows, columns, empty);
    json_decref(data);
    return CLI_DONE;
}

/* ---- how it stands ---- */

static const struct print_column journal_record[] = {
    { "journal", "folder", PRINT_TEXT, 0 }, { "records", "first_id", PRINT_TEXT, 0 }, { "up to", "last_id", PRINT_TEXT, 0 }, { "bytes on disk", "bytes", PRINT_TEXT, 0 },
    { "oldest", "oldest_at", PRINT_TIME, 0 }, { "told to come again", "refused", PRINT_TEXT, 0 }, { "dropped events", "dropped_events", PRINT_TEXT, 0 },
    { "damaged blocks", "damaged_blocks", PRINT_TEXT, 0 }, { "full", "why_full", PRINT_TEXT, 0 }, { NULL, NULL, PRINT_TEXT, 0 },
};
static const struct print_column consumer_columns[] = {
    { "CONSUMER", "name", PRINT_TEXT, 0 }, { "COMMITTED", "committed", PRINT_TEXT, 0 }, { "BEHIND", "behind", PRINT_TEXT, 0 }, { "LAG S", "lag_seconds", PRINT_TEXT, 0 },
    { NULL, NULL, PRINT_TEXT, 0 },
};
static const struct print_column sink_columns[] = {
    { "SINK", "name", PRINT_TEXT, 0 }, { "KIND", "kind", PRINT_TEXT, 0 }, { "SENT", "sent", PRINT_TEXT, 0 }, { "DEAD", "dead", PRINT_TEXT, 0 }, { "DROPPED", "dropped", PRINT_TEXT, 0 },
    { "BEHIND", "behind", PRINT_TEXT, 0 }, { "STUCK", "stuck", PRINT_TEXT, 0 }, { "LAST ERROR", "last_error", PRINT_TEXT, 80 }, { NULL, NULL, PRINT_TEXT, 0 },
};

int cmd_ingest(struct cli *c)
{
    int     code;
    json_t *data = ask(c, "/ingest", "", &code);
    if (!data)
        return code;
    if (!cli_put_json(c, data)) {
        const char *name;
        json_t     *one;
        print_record(c->out, json_object_get(data, "journal"), journal_record);
        (void)fprintf(c->out, "\n");
        print_table(c->out, print_member(data, "journal.consumers"), consumer_columns, "nobody reads the journal");
        (void)fprintf(c->out, "\n");
        print_table(c->out, print_member(data, "ship.sinks"), sink_columns, "no sinks");
        json_object_foreach(data, name, one) {
            const char *trouble = print_text(one, "reload_trouble.text");
            if (*trouble)
                (void)fprintf(c->out, "\n%s goes on with an older configuration: %s\n", name, trouble);
        }
    }
    json_decref(data);
    return CLI_DONE;
}

/* ---- asking the digest ---- */

static const struct print_column trace_columns[] = {
    { "START", "start", PRINT_TIME, 0 }, { "SERVICE", "service", PRINT_TEXT, 24 }, { "SPAN", "name", PRINT_TEXT, 40 }, { "KIND", "kind", PRINT_TEXT, 0 }, { "MS", "ms", PRINT_TEXT, 0 },
    { "STATUS", "status", PRINT_TEXT, 0 }, { "ID", "span_id", PRINT_TEXT, 0 }, { "PARENT", "parent_id", PRINT_TEXT, 0 }, { NULL, NULL, PRINT_TEXT, 0 },
};
static const struct print_column trace_log_columns[] = {
    { "TIME", "time", PRINT_TIME, 0 }, { "SERVICE", "service", PRINT_TEXT, 24 }, { "SEVERITY", "severity", PRINT_TEXT, 0 }, { "LINE", "body", PRINT_TEXT, 120 }, { NULL, NULL, PRINT_TEXT, 0 },
};
static const struct print_column service_columns[] = {
    { "RESOURCE", "urn", PRINT_TEXT, 0 }, { "LOGS", "logs", PRINT_TEXT, 0 }, { "ERRORS", "errors", PRINT_TEXT, 0 }, { "RATE", "error_rate", PRINT_TEXT, 0 }, { "CALLS", "calls", PRINT_TEXT, 0 },
    { "FAILED", "calls_failed", PRINT_TEXT, 0 }, { NULL, NULL, PRINT_TEXT, 0 },
};
static const struct print_column downstream_columns[] = {
    { "CALLS", "urn", PRINT_TEXT, 0 }, { "N", "calls", PRINT_TEXT, 0 }, { "ERR", "err_rate", PRINT_TEXT, 0 }, { "RPS", "rps", PRINT_TEXT, 0 }, { "P50 MS", "p50_ms", PRINT_TEXT, 0 },
    { "P95 MS", "p95_ms", PRINT_TEXT, 0 }, { NULL, NULL, PRINT_TEXT, 0 },
};
static const struct print_column pattern_columns[] = {
    { "COUNT", "count", PRINT_TEXT, 0 }, { "ERRORS", "errors", PRINT_TEXT, 0 }, { "SEVERITY", "severity", PRINT_TEXT, 0 }, { "RESOURCE", "urn", PRINT_TEXT, 40 }, { "PATTERN", "pattern", PRINT_TEXT, 120 },
    { NULL, NULL, PRINT_TEXT, 0 },
};
static const struct print_column run_columns[] = {
    { "JOB", "job", PRINT_TEXT, 0 }, { "TENANT", "tenant", PRINT_TEXT, 0 }, { "FROM", "from", PRINT_TIME, 0 }, { "TO", "to", PRINT_TIME, 0 }, { "STATUS", "status", PRINT_TEXT, 0 },
    { "ROWS", "rows", PRINT_TEXT, 0 }, { "ERROR", "error", PRINT_TEXT, 80 }, { NULL, NULL, PRINT_TEXT, 0 },
};
int cmd_look_trace(struct cli *c)
{
    int     code;
    json_t *data = ask(c, "/trace/", "", &code);
    if (!data)
        return code;
    if (!cli_put_json(c, data)) {
        print_table(c->out, json_object_get(data, "spans"), trace_columns, "no spans");
        (void)fprintf(c->out, "\n");
        print_table(c->out, json_object_get(data, "logs"), trace_log_columns, "no lines of logs");
    }
    json_decref(data);
    return CLI_DONE;
}

int cmd_look_services(struct cli *c)
{
    int     code;
    json_t *data = ask(c, "/service", "", &code);
    return data ? put(c, data, data, service_columns, "nothing came in") : code;
}

int cmd_look_downstreams(struct cli *c)
{
    int     code;
    json_t *data = ask(c, "/service/", "/downstreams", &code);
    return data ? put(c, data, json_object_get(data, "downstreams"), downstream_columns, "it calls nobody") : code;
}

int cmd_look_patterns(struct cli *c)
{
    char path[CLIENT_PATH_MAX] = "/pattern", limit[24] = "";
    int  code = CLI_USAGE;
    if (c->o.limit > 0)
        (void)snprintf(limit, sizeof limit, "%lld", (long long)c->o.limit);
    if (!client_query(path, sizeof path, "service", c->o.words ? c->o.word[0] : "") || !client_query(path, sizeof path, "since", c->o.since) || !client_query(path, sizeof path, "limit", limit))
        return code;
    json_t *data = client_once(c, &(struct client_request){ .method = "GET", .path = path }, &code);
    return data ? put(c, data, data, pattern_columns, "no lines") : code;
}

int cmd_look_jobs(struct cli *c)
{
    int     code;
    json_t *data = ask(c, "/job", "", &code);
    return data ? put(c, data, json_object_get(data, "runs"), run_columns, "no job has run") : code;
}

int cmd_backfill(struct cli *c)
{
    int     code;
    json_t *body = json_pack("{s:s, s:s, s:s, s:s}", "job", c->o.word[0], "tenant_id", c->o.tenant, "from", c->o.word[1], "to", c->o.word[2]);
    json_t *data = client_once(c, &(struct client_request){ .method = "POST", .path = "/events/enqueue", .body = body }, &code);
    json_decref(body);
    if (!data)
        return code;
    if (!cli_put_json(c, data))
        (void)fprintf(c->out, "asked for; homeostat look jobs tells when it is done\n");
    json_decref(data);
    return CLI_DONE;
}
