/* cli/diagnose.c - one look at a database, told to a person. */
#include "base/clock.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/print.h"

#include <math.h>
#include <string.h>

#define PATIENCE_US (180 * US_PER_S)   /* a large catalogue takes its time */

static void line(struct cli *c, const char *before, const char *text)
{
    fputs(before, c->out);
    print_safe(c->out, text, false);
    fputc('\n', c->out);
}

static void put_symptoms(struct cli *c, const json_t *list)
{
    size_t  i;
    json_t *s;
    fputs(json_array_size(list) ? "\nWhat the last minutes complain about\n" : "", c->out);
    json_array_foreach(list, i, s) {
        fprintf(c->out, "  %3lld ", (long long)json_integer_value(json_object_get(s, "number")));
        line(c, "", print_text(s, "text"));
    }
}

static void put_findings(struct cli *c, const json_t *list)
{
    size_t      i;
    json_t     *f;
    const char *last = "";
    fputs(json_array_size(list) ? "\nIndexes and statistics\n" : "\nIndexes and statistics: nothing to complain about\n", c->out);
    json_array_foreach(list, i, f) {
        const char *kind = print_text(f, "kind");
        if (strcmp(kind, last) != 0)
            fprintf(c->out, "  %3lld %s\n", (long long)json_integer_value(json_object_get(f, "number")), kind);
        last = kind;
        fputs("      ", c->out);
        print_safe(c->out, print_text(f, "subject"), false);
        line(c, ": ", print_text(f, "text"));
        if (*print_text(f, "advice"))
            line(c, "        ", print_text(f, "advice"));
    }
}

static void put_indexes(struct cli *c, const json_t *list)
{
    size_t  i, k;
    json_t *x, *q;
    fputs(json_array_size(list) ? "\nIndexes that could help\n" : "\nIndexes that could help: none was found\n", c->out);
    json_array_foreach(list, i, x) {
        fprintf(c->out, "  %2zu. ", i + 1);
        line(c, "", print_text(x, "sql"));
        line(c, "      ", print_text(x, "why"));
        json_array_foreach(json_object_get(x, "queries"), k, q) {
            char before[40], after[40];
            fprintf(c->out, "      cost %s -> %s  ", print_value(json_object_get(q, "cost_before"), PRINT_TEXT, before, sizeof before),
                    json_is_number(json_object_get(q, "cost_after")) ? print_value(json_object_get(q, "cost_after"), PRINT_TEXT, after, sizeof after) : "?");
            line(c, "", print_text(q, "text"));
        }
        if (!json_is_true(json_object_get(x, "may_build")))
            fputs("      our role does not own the table and could not build it\n", c->out);
    }
}

static void put_report(struct cli *c, const json_t *r)
{
    size_t  i;
    json_t *limit;
    char    when[40];
    print_safe(c->out, print_text(r, "target"), false);
    fprintf(c->out, ", looked at %s", print_value(json_object_get(r, "taken_at"), PRINT_TIME, when, sizeof when));
    if (*print_text(r, "error")) {
        line(c, "\nIt could not be looked at: ", print_text(r, "error"));
        if (*print_text(r, "hint"))
            line(c, "  ", print_text(r, "hint"));
        put_symptoms(c, json_object_get(r, "symptoms"));
        return;
    }
    line(c, ": database ", print_text(r, "database"));
    put_symptoms(c, json_object_get(r, "symptoms"));
    put_findings(c, json_object_get(r, "findings"));
    put_indexes(c, json_object_get(r, "indexes"));
    fputs("\nWhat could not be seen\n", c->out);
    json_array_foreach(json_object_get(r, "limits"), i, limit)
        line(c, "  ", json_string_value(limit) ? json_string_value(limit) : "");
    if (json_array_size(json_object_get(r, "indexes")) > 0)
        fputs("\nNothing was changed. With --json each suggestion has a plan: homeostat case open --target ..., homeostat plan CASE --plan FILE, homeostat gate CASE\n", c->out);
}

/* The target that is meant: named, or the only one. */
static json_t *targets_meant(struct cli *c, int *exit_code)
{
    if (*c->o.target)
        return json_pack("[s]", c->o.target);
    json_t *all = client_once(c, &(struct client_request){ .method = "GET", .path = "/target", .what = "reading the targets" }, exit_code), *names = all ? json_array() : NULL, *t;
    size_t  i;
    json_array_foreach(all, i, t)
        json_array_append_new(names, json_string(print_text(t, "name")));
    json_decref(all);
    return names;
}

int cmd_diagnose(struct cli *c)
{
    int     code = CLI_DONE, asked = CLI_DONE;
    size_t  i;
    json_t *name, *reports = json_array(), *names = targets_meant(c, &code);
    c->o.retry_us = c->o.retry_us > PATIENCE_US ? c->o.retry_us : PATIENCE_US;
    if (names && json_array_size(names) == 0) {
        struct fault fault;
        (void)fail(&fault, ERR_MISSING, "no database is configured that could be looked at");
        fail_hint(&fault, "homeostat init --dsn ... writes a watch-only configuration for one of yours");
        code = cli_complain(c, &fault);
    }
    json_array_foreach(names, i, name) {
        char path[CLIENT_PATH_MAX] = "/target/";
        if (!client_encode(path, sizeof path, json_string_value(name)) || strlen(path) + 10 > sizeof path) {
            struct fault fault;
            (void)fail(&fault, ERR_INPUT, "\"%.40s\" is no target", json_string_value(name));
            (void)cli_complain(c, &fault);
            code = CLI_USAGE;
            break;
        }
        (void)strcat(path, "/report");
        json_t *report = client_once(c, &(struct client_request){ .method = "GET", .path = path, .what = "looking at the database" }, &asked);
        if (!report) {
            code = asked;
            break;
        }
        if (*print_text(report, "error"))
            code = CLI_FAILED;
        json_array_append_new(reports, report);
    }
    json_decref(names);
    json_t *shown = json_array_size(reports) == 1 ? json_array_get(reports, 0) : reports;
    bool    told = asked != CLI_DONE && c->o.json;       /* the complaint was the answer */
    if (json_array_size(reports) > 0 && !told && !cli_put_json(c, shown))
        json_array_foreach(reports, i, name) {
            fputs(i ? "\n" : "", c->out);
            put_report(c, name);
        }
    json_decref(reports);
    return code;
}
