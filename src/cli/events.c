/* cli/events.c - what happens, one line each; and anything else the API can be asked. */
#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/print.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { BODY_MAX = 1024 * 1024 };

static void put_event(struct cli *c, const struct client_event *e, const json_t *data)
{
    const json_t *inner = json_object_get(data, "data") ? json_object_get(data, "data") : data;
    char          when[40];
    const char   *subject = print_text(data, "subject");
    fprintf(c->out, "%6s  %s  ", *e->id ? e->id : "", print_value(json_object_get(data, "time"), PRINT_TIME, when, sizeof when));
    print_safe(c->out, e->topic, false);
    if (*subject) {
        fputc(' ', c->out);
        print_safe(c->out, subject, false);
    }
    if (*print_text(inner, "from") && *print_text(inner, "to")) {
        fputs("  ", c->out);
        print_safe(c->out, print_text(inner, "from"), false);
        fputs(" -> ", c->out);
        print_safe(c->out, print_text(inner, "to"), false);
    }
    if (*print_text(inner, "reason")) {
        fputs("  ", c->out);
        print_safe(c->out, print_text(inner, "reason"), false);
    }
    fputc('\n', c->out);
}

static bool on_event(void *ctx, const struct client_event *e)
{
    struct cli *c = ctx;
    json_t     *data = json_loads(e->data, 0, NULL);
    if (c->o.json) {        /* a line each: what reads it can read it as it comes */
        json_t *all = json_pack("{s:s?, s:s, s:o?}", "id", *e->id ? e->id : NULL, "event", e->topic, "data", json_incref(data));
        print_json(c->out, all, JSON_COMPACT);
        json_decref(all);
    } else {
        put_event(c, e, data);
    }
    json_decref(data);
    return fflush(c->out) == 0;
}

int cmd_events(struct cli *c)
{
    struct client *client = NULL;
    struct fault   fault = { 0 };
    char           path[CLIENT_PATH_MAX] = "/events";
    const char    *topics = *c->o.topics ? c->o.topics : c->o.follow ? "" : "evt.,cmd.";
    if (!client_query(path, sizeof path, "topics", topics) || !client_query(path, sizeof path, "case", c->o.case_id)) {
        (void)fail(&fault, ERR_INPUT, "what to listen to is too long");
        return cli_complain(c, &fault);
    }
    if (client_open(c, &client, &fault) != OK)
        return cli_complain(c, &fault);
    /* Without --follow: what is stored, until there is silence. */
    int64_t  after = c->o.follow ? c->o.after : c->o.after < 0 ? 0 : c->o.after;
    enum err e = client_stream(client, path, after, c->o.follow ? 0 : 1500 * US_PER_MS, on_event, c, &fault);
    client_close(client);
    return e == OK ? CLI_DONE : cli_complain(c, &fault);
}

/* ---- homeostat api METHOD PATH [BODY] ---- */

/* BODY is JSON, @FILE, or - for standard input. */
static json_t *read_body(struct cli *c, const char *said, struct fault *fault)
{
    char       *data = NULL;
    struct text t;
    json_error_t where;
    if (strcmp(said, "-") == 0) {
        char   piece[8192];
        size_t n;
        text_init(&t, BODY_MAX);
        while ((n = fread(piece, 1, sizeof piece, stdin)) > 0)
            text_add_n(&t, piece, n);
        bool cut = t.cut;
        data = text_take(&t);
        if (cut) {
            free(data);
            (void)fail(fault, ERR_LIMIT, "the body is longer than %d bytes", BODY_MAX);
            return NULL;
        }
    } else if (said[0] == '@') {
        if (file_read(said + 1, BODY_MAX, &data, NULL, fault) != OK)
            return NULL;
    }
    json_t *body = json_loads(data ? data : said, JSON_REJECT_DUPLICATES, &where);
    if (!body)
        (void)fail(fault, ERR_INPUT, "the body is no JSON: line %d, column %d: %s", where.line, where.column, where.text);
    free(data);
    return body;
}

int cmd_api(struct cli *c)
{
    struct client       *client = NULL;
    struct fault         fault = { 0 };
    struct client_answer a CLEANUP(client_answer_done) = { 0 };
    char                 method[10] = "";
    json_t              *body = NULL;
    int                  code;
    for (size_t i = 0; c->o.word[0][i] && i + 1 < sizeof method; i++)
        method[i] = (char)toupper((unsigned char)c->o.word[0][i]);
    if (strspn(method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != strlen(c->o.word[0]) || c->o.word[1][0] != '/' || strpbrk(c->o.word[1], " \r\n")) {
        (void)fail(&fault, ERR_INPUT, "api wants a method and a path, as in: homeostat api GET /case");
        (void)cli_complain(c, &fault);
        return CLI_USAGE;
    }
    if (c->o.words > 2 && !(body = read_body(c, c->o.word[2], &fault)))
        return cli_complain(c, &fault);
    if (client_open(c, &client, &fault) != OK) {
        json_decref(body);
        return cli_complain(c, &fault);
    }
    if (client_ask(client, &(struct client_request){ .method = method, .path = c->o.word[1], .body = body, .health = strcmp(method, "GET") == 0 }, &a, &fault) != OK) {
        code = cli_complain(c, &fault);
    } else {
        code = client_exit_of(&a);
        if (a.json) {
            print_json(c->out, a.json, JSON_INDENT(2));
        } else {
            fputs(a.text, c->out);
        }
    }
    json_decref(body);
    client_close(client);
    return code;
}
