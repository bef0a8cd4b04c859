/* cli/telemetry.c - what came in: how ingest stands, what its digest tells, windows asked for again. */
#include "base/clock.h"
#include "base/text.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/print.h"
#include "cli/shared.h"
#include "cli/where.h"
#include "conf/knob.h"
#include "ingest/look.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- asking: the daemon, or without one its files ---- */

static bool make_path(struct cli *c, const struct shared_question *q, char *out, size_t size)
{
    char         limit[24];
    struct fault fault;
    (void)snprintf(limit, sizeof limit, "%lld", (long long)c->o.limit);
    (void)snprintf(out, size, "%s", q->path);
    if ((!q->id || client_encode(out, size, q->id)) && client_query(out, size, "service", q->service ? q->service : "") && client_query(out, size, "name", q->metric ? q->metric : "") &&
        client_query(out, size, "kind", q->kind ? q->kind : "") &&
        client_query(out, size, "tenant", c->o.tenant) && client_query(out, size, "since", c->o.since) && client_query(out, size, "limit", limit))
        return true;
    (void)fail(&fault, ERR_INPUT, "that is too long for a question");
    (void)cli_complain(c, &fault);
    return false;
}

/* A moment, or how long ago; an hour when nothing was said, as over HTTP. */
static enum err since_of(const char *said, int64_t now_us, int64_t *us, struct fault *fault)
{
    int64_t ago_us = 3600 * US_PER_S;
    if (*said && (*us = clock_parse(said)) >= 0)
        return OK;
    if (*said && (knob_time_parse(said, &ago_us, NULL) != OK || ago_us < 0))
        return fail(fault, ERR_INPUT, "--since %.40s is no time: a moment such as 2026-01-31T12:00:00Z, or how long ago: 15min, 2h", said);
    *us = ago_us < now_us ? now_us - ago_us : 0;
    return OK;
}

/* Nobody answers: what the digest wrote is on this machine all the same. Without it, that nobody answers is what is wrong. */
static json_t *ask_files(struct cli *c, const struct shared_question *q, const struct fault *nobody, int *code)
{
    char                   store[WHERE_FOLDER_SIZE], journal[WHERE_FOLDER_SIZE], path[WHERE_FOLDER_SIZE + 16];
    struct fault           fault = { 0 };
    json_t                *out = NULL;
    int64_t                now_us = clock_wall_us(&clock_real);
    struct ingest_question question = { .what = q->what, .id = q->id, .service = q->service, .metric = q->metric, .kind = q->kind, .tenant = c->o.tenant, .until_us = now_us, .limit = (int)c->o.limit };
    bool found = where_folder(&c->o, WHERE_JOURNAL, journal, &fault) == OK && where_folder(&c->o, WHERE_STORE, store, &fault) == OK;
    (void)snprintf(path, sizeof path, "%s/digest.db", found ? store : "");
    if (!found || access(path, F_OK) != 0) {
        struct fault said = *nobody;
        if (found && errno == EACCES)
            fail_hint(&said, "%.120s; as root, or the user that it runs as, this reads the files in %.100s instead", nobody->hint, store);
        *code = cli_complain(c, &said);
        return NULL;
    }
    fprintf(c->err, "homeostat: %s; this is read from the files in %s\n", nobody->text, store);
    enum err e = since_of(c->o.since, now_us, &question.since_us, &fault);
    if (e == OK)
        e = look_answer(&(struct look_at){ .store = store, .journal_folder = journal }, &question, NULL, &out, &fault);
    *code = e == OK ? CLI_DONE : cli_complain(c, &fault);
    return e == OK ? out : NULL;
}

json_t *shared_ask(struct cli *c, const struct shared_question *q, int *code)
{
    char         path[CLIENT_PATH_MAX];
    const char  *url = getenv("HOMEOSTAT_URL");
    bool         elsewhere = *c->o.url || (url && *url);       /* somebody said where to ask, so it is not for us to look here */
    struct fault nobody = { 0 };
    *code = CLI_USAGE;
    if (!make_path(c, q, path, sizeof path))
        return NULL;
    json_t *data = client_once_or(c, &(struct client_request){ .method = "GET", .path = path }, elsewhere ? NULL : &nobody, code);
    return nobody.code == OK ? data : ask_files(c, q, &nobody, code);
}

/* Told apart from the answer, which a program may read. */
static void tell_cut(struct cli *c, bool cut)
{
    if (cut)
        fprintf(c->err, "homeostat: at most %lld are shown, and there may be more; --limit lets more through, up to 500\n", (long long)c->o.limit);
}

/* Takes data. rows is a member of it, or data itself. */
static int put(struct cli *c, json_t *data, const json_t *rows, const struct print_column *columns, const char *empty)
{
    bool cut = rows == data ? json_array_size(rows) >= (size_t)c->o.limit : json_is_true(json_object_get(data, "cut"));
    if (!cli_put_json(c, data))
        print_table(c->out, rows, columns, empty);
    tell_cut(c, cut);
    json_decref(data);
    return CLI_DONE;
}

/* ---- how it stands ---- */

static const struct print_column journal_record[] = {
    { "journal", "folder", PRINT_TEXT, 0 }, { "records", "first_id", PRINT_TEXT, 0 }, { "up to", "last_id", PRINT_TEXT, 0 }, { "bytes on disk", "bytes", PRINT_TEXT, 0 },
    { "oldest", "oldest_at", PRINT_TIME, 0 }, { "found no room", "refused", PRINT_TEXT, 0 }, { "dropped events", "dropped_events", PRINT_TEXT, 0 },
    { "damaged blocks", "damaged_blocks", PRINT_TEXT, 0 }, { "lost segments", "lost_segments", PRINT_TEXT, 0 }, { "full", "why_full", PRINT_TEXT, 0 }, { NULL, NULL, PRINT_TEXT, 0 },
};
static const struct print_column consumer_columns[] = {
    { "CONSUMER", "name", PRINT_TEXT, 0 }, { "COMMITTED", "committed", PRINT_TEXT, 0 }, { "BEHIND", "behind", PRINT_TEXT, 0 }, { "LAG S", "lag_seconds", PRINT_TEXT, 0 },
    { NULL, NULL, PRINT_TEXT, 0 },
};
static const struct print_column sink_columns[] = {
    { "SINK", "name", PRINT_TEXT, 0 }, { "KIND", "kind", PRINT_TEXT, 0 }, { "SENT", "sent", PRINT_TEXT, 0 }, { "DEAD", "dead", PRINT_TEXT, 0 }, { "DROPPED", "dropped", PRINT_TEXT, 0 },
    { "BEHIND", "behind", PRINT_TEXT, 0 }, { "STUCK", "stuck", PRINT_TEXT, 0 }, { "LAST ERROR", "last_error", PRINT_TEXT, 80 }, { NULL, NULL, PRINT_TEXT, 0 },
};

static void put_trouble(struct cli *c, const char *name, const char *is, const char *why)
{
    (void)fprintf(c->out, "\n%s%s", name, is);
    print_safe(c->out, why, false);
    (void)fputc('\n', c->out);
}

int cmd_ingest(struct cli *c)
{
    int     code;
    json_t *data = client_once(c, &(struct client_request){ .method = "GET", .path = "/ingest" }, &code);
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
        json_object_foreach(print_member(data, "inputs"), name, one) {
            const char *why = print_text(one, "last_error");
            if (*why)
                put_trouble(c, name, ", last trouble: ", why);
        }
        json_int_t unrouted = json_integer_value(print_member(data, "ship.unrouted"));
        if (unrouted)
            (void)fprintf(c->out, "\n%" JSON_INTEGER_FORMAT " events were taken by no sink\n", unrouted);
        json_object_foreach(data, name, one) {
            const char *trouble = print_text(one, "reload_trouble.text");
            if (*trouble)
                put_trouble(c, name, " goes on with an older configuration: ", trouble);
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
    { "RESOURCE", "urn", PRINT_TEXT, 0 }, { "TENANT", "tenant", PRINT_TEXT, 24 }, { "LINES", "logs", PRINT_TEXT, 0 }, { "ERRORS", "errors", PRINT_TEXT, 0 }, { "OF LINES", "error_rate", PRINT_SHARE, 0 },
    { "CALLS", "calls", PRINT_TEXT, 0 }, { "FAILED", "calls_failed", PRINT_TEXT, 0 }, { "OF CALLS", "call_error_rate", PRINT_SHARE, 0 },
    { "METRICS", "metrics", PRINT_TEXT, 0 }, { NULL, NULL, PRINT_TEXT, 0 },
};
#define DOWNSTREAM { "IT CALLS", "urn", PRINT_TEXT, 0 }, { "TENANT", "tenant", PRINT_TEXT, 24 }, { "CALLS", "calls", PRINT_TEXT, 0 }, { "FAILED", "errors", PRINT_TEXT, 0 }, \
    { "OF CALLS", "err_rate", PRINT_SHARE, 0 }, { "CALLS/S", "rps", PRINT_TEXT, 0 }, { "P50 MS", "p50_ms", PRINT_TEXT, 0 }, { "P95 MS", "p95_ms", PRINT_TEXT, 0 }, \
    { "LAST WINDOW", "last", PRINT_TIME, 0 }, { "A RECORD", "sample_record", PRINT_TEXT, 0 }, { NULL, NULL, PRINT_TEXT, 0 }
static const struct print_column downstream_columns[] = { DOWNSTREAM }, downstream_of_many_columns[] = { { "SERVICE", "from", PRINT_TEXT, 0 }, DOWNSTREAM };
static const struct print_column pattern_columns[] = {
    { "COUNT", "count", PRINT_TEXT, 0 }, { "ERRORS", "errors", PRINT_TEXT, 0 }, { "SEVERITY", "severity", PRINT_TEXT, 0 }, { "RESOURCE", "urn", PRINT_TEXT, 40 }, { "TENANT", "tenant", PRINT_TEXT, 24 },
    { "LAST WINDOW", "last", PRINT_TIME, 0 }, { "PATTERN", "pattern", PRINT_TEXT, 120 }, { NULL, NULL, PRINT_TEXT, 0 },
};
#define NUMBERS { "AVG", "avg", PRINT_TEXT, 0 }, { "P95", "p95", PRINT_TEXT, 0 }, { "MAX", "max", PRINT_TEXT, 0 }, { "MIN", "min", PRINT_TEXT, 0 }, { "SAMPLES", "samples", PRINT_TEXT, 0 }
#define WHOSE { "RESOURCE", "urn", PRINT_TEXT, 40 }, { "TENANT", "tenant", PRINT_TEXT, 24 }, { NULL, NULL, PRINT_TEXT, 0 }
static const struct print_column metric_columns[] = { { "METRIC", "metric", PRINT_TEXT, 60 }, { "MINUTE", "time", PRINT_TIME, 0 }, { "SERIES", "series", PRINT_TEXT, 0 }, NUMBERS, WHOSE };
static const struct print_column minute_columns[] = { { "MINUTE", "time", PRINT_TIME, 0 }, NUMBERS, { "LABELS", "labels", PRINT_TEXT, 80 }, WHOSE };
static const struct print_column locator_columns[] = {
    { "RAW DATA", "dataset", PRINT_TEXT, 0 }, { "FROM", "from", PRINT_TIME, 0 }, { "EVENTS", "events", PRINT_TEXT, 0 }, { "HOW", "query_hint", PRINT_TEXT, 80 }, WHOSE,
};
static const struct print_column run_columns[] = {
    { "JOB", "job", PRINT_TEXT, 0 }, { "TENANT", "tenant", PRINT_TEXT, 0 }, { "FROM", "from", PRINT_TIME, 0 }, { "TO", "to", PRINT_TIME, 0 }, { "STATUS", "status", PRINT_TEXT, 0 },
    { "ROWS", "rows", PRINT_TEXT, 0 }, { "ERROR", "error", PRINT_TEXT, 80 }, { NULL, NULL, PRINT_TEXT, 0 },
};
static const struct print_column circuit_columns[] = {
    { "JOB", "job", PRINT_TEXT, 0 }, { "CIRCUIT", "state", PRINT_TEXT, 0 }, { "FAILURES", "failures", PRINT_TEXT, 0 }, { "NOT BEFORE", "open_until", PRINT_TIME, 0 }, { NULL, NULL, PRINT_TEXT, 0 },
};
static const struct print_column table_columns[] = {
    { "TABLE", "table", PRINT_TEXT, 0 }, { "TENANT", "tenant", PRINT_TEXT, 24 }, { "KIND", "kind", PRINT_TEXT, 0 }, { "SINCE", "created_at", PRINT_TIME, 0 }, { "COLUMNS", "columns", PRINT_TEXT, 120 },
    { NULL, NULL, PRINT_TEXT, 0 },
};

int cmd_look_trace(struct cli *c)
{
    int     code;
    json_t *data = shared_ask(c, &(struct shared_question){ .path = "/trace/", .what = "trace", .id = c->o.word[0] }, &code);
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
    json_t *data = shared_ask(c, &(struct shared_question){ .path = "/service", .what = "services" }, &code);
    return data ? put(c, data, data, service_columns, "nothing came in") : code;
}

/* What the worst of them and the service itself have under a name, as one table; nothing when there is nothing. */
static void put_beside(struct cli *c, const json_t *data, const char *member, const struct print_column *columns)
{
    enum { WORST = 5 };
    json_t *rows = json_array(), *one;
    size_t  i;
    json_array_foreach(json_object_get(data, "downstreams"), i, one)
        if (i < WORST)
            (void)json_array_extend(rows, json_object_get(one, member));
    (void)json_array_extend(rows, json_object_get(data, member));
    if (json_array_size(rows)) {
        (void)fputc('\n', c->out);
        print_table(c->out, rows, columns, "");
    }
    json_decref(rows);
}

int cmd_look_downstreams(struct cli *c)
{
    int     code;
    json_t *data = shared_ask(c, &(struct shared_question){ .path = "/downstreams", .what = "downstreams", .service = c->o.word[0] }, &code);
    if (!data)
        return code;
    if (!cli_put_json(c, data)) {
        bool many = json_array_size(json_object_get(data, "service")) > 1;
        print_table(c->out, json_object_get(data, "downstreams"), many ? downstream_of_many_columns : downstream_columns, "it calls nobody");
        put_beside(c, data, "patterns", pattern_columns);
        put_beside(c, data, "metrics", metric_columns);
        put_beside(c, data, "locators", locator_columns);
    }
    tell_cut(c, json_is_true(json_object_get(data, "cut")));
    json_decref(data);
    return CLI_DONE;
}

int cmd_look_metrics(struct cli *c)
{
    int         code;
    const char *metric = c->o.words > 1 ? c->o.word[1] : NULL;
    json_t     *data = shared_ask(c, &(struct shared_question){ .path = "/service/metrics", .what = "metrics", .service = c->o.word[0], .metric = metric }, &code);
    if (!data)
        return code;
    return metric ? put(c, data, json_object_get(data, "minutes"), minute_columns, "no minute of it in this time; without its name, the metrics are listed")
                  : put(c, data, json_object_get(data, "metrics"), metric_columns, "no metrics of it in this time");
}

int cmd_look_patterns(struct cli *c)
{
    int     code;
    json_t *data = shared_ask(c, &(struct shared_question){ .path = "/pattern", .what = "patterns", .service = c->o.words ? c->o.word[0] : NULL }, &code);
    return data ? put(c, data, data, pattern_columns, "no lines") : code;
}

int cmd_look_jobs(struct cli *c)
{
    int     code;
    json_t *data = shared_ask(c, &(struct shared_question){ .path = "/job", .what = "jobs" }, &code);
    if (!data)
        return code;
    if (!cli_put_json(c, data)) {
        print_table(c->out, json_object_get(data, "runs"), run_columns, "no job has run");
        (void)fprintf(c->out, "\n");
        print_table(c->out, json_object_get(data, "circuits"), circuit_columns, "no job has a circuit yet");
    }
    json_decref(data);
    return CLI_DONE;
}

/* "time timestamp, value double": for people; a program has the schema. */
static void list_columns(json_t *table)
{
    struct text   t CLEANUP(text_done);
    const json_t *one;
    size_t        i;
    text_init(&t, 512);
    json_array_foreach(json_object_get(json_object_get(table, "schema"), "columns"), i, one)
        text_printf(&t, "%s%s %s", i ? ", " : "", print_text(one, "name"), print_text(one, "type"));
    (void)json_object_set_new(table, "columns", json_string(t.s));
}

int cmd_look_tables(struct cli *c)
{
    int     code;
    json_t *data = shared_ask(c, &(struct shared_question){ .path = "/table", .what = "tables" }, &code), *one;
    size_t  i;
    if (!data)
        return code;
    if (!c->o.json)
        json_array_foreach(json_object_get(data, "tables"), i, one)
            list_columns(one);
    return put(c, data, json_object_get(data, "tables"), table_columns, "no table was registered");
}

int cmd_backfill(struct cli *c)
{
    int     code;
    bool    own = strcmp(c->o.tenant, DIGEST_OWN_TENANT) == 0;     /* as answers name it; its code is empty */
    json_t *body = json_pack("{s:s, s:s, s:s, s:s}", "job", c->o.word[0], "tenant_id", own ? "" : c->o.tenant, "from", c->o.word[1], "to", c->o.word[2]);
    json_t *data = client_once(c, &(struct client_request){ .method = "POST", .path = "/events/enqueue", .body = body }, &code);
    json_decref(body);
    if (!data)
        return code;
    const char *due = json_string_value(json_object_get(data, "due"));
    if (!cli_put_json(c, data))
        (void)fprintf(c->out, due ? "asked for; it waits until it is over, at %s\n" : "asked for; homeostat look jobs tells when it is done\n", due);
    json_decref(data);
    return CLI_DONE;
}
