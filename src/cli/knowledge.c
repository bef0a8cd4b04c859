/* cli/knowledge.c - what trials taught: looked at, written into a file that carries over to another Homeostat, and taken in from one. */
#include "base/file.h"
#include "base/text.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/print.h"
#include "plan/knowledge.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PAGE = 500, BATCH_BYTES = 700 * 1024 };      /* what is sent at once stays below what one request may have */

/* Whole lists come page by page. NULL: complained, with *code. */
static json_t *ask_all(struct cli *c, bool shared, long most, int *code)
{
    struct client *client = NULL;
    struct fault   fault = { 0 };
    json_t        *all = json_array(), *some;
    char           path[CLIENT_PATH_MAX], limit[24], cursor[64] = "";
    bool           more = true;
    *code = client_open(c, &client, &fault) == OK ? CLI_DONE : cli_complain(c, &fault);
    while (*code == CLI_DONE && more) {
        struct client_answer a CLEANUP(client_answer_done) = { 0 };
        (void)snprintf(path, sizeof path, "/knowledge");
        (void)snprintf(limit, sizeof limit, "%ld", most > 0 && most < PAGE ? most : (long)PAGE);
        (void)(client_query(path, sizeof path, "limit", limit) && client_query(path, sizeof path, "shared", shared ? "true" : "") && client_query(path, sizeof path, "cursor", cursor));
        if (client_ask(client, &(struct client_request){ .method = "GET", .path = path, .what = "reading what trials taught" }, &a, &fault) != OK) {
            *code = cli_complain(c, &fault);
        } else if ((some = client_list(c, client, &a, code))) {
            (void)json_array_extend(all, some);
            (void)snprintf(cursor, sizeof cursor, "%s", print_text(a.json, "next_cursor"));
            more = *cursor && (most <= 0 || (long)json_array_size(all) < most);
        }
    }
    client_close(client);
    if (*code == CLI_DONE)
        return all;
    json_decref(all);
    return NULL;
}

/* ---- looking ---- */

static const struct print_column columns[] = {
    { "WHEN", "record.at", PRINT_TIME, 0 }, { "DATABASE", "record.database", PRINT_SHORT, 0 }, { "TENANT", "record.tenant", PRINT_SHORT, 0 }, { "SHARED", "shared", PRINT_TEXT, 0 },
    { "RESULT", "record.result", PRINT_TEXT, 0 }, { "EFFECT", "record.effect", PRINT_GAIN, 0 }, { "MEMORY MB", "record.machine.memory_mb", PRINT_TEXT, 0 },
    { "CORES", "record.machine.cpus", PRINT_TEXT, 0 }, { "PLANNER", "record.planner", PRINT_TEXT, 24 }, { "CHANGED", "changed", PRINT_TEXT, 80 }, { NULL, NULL, PRINT_TEXT, 0 },
};

static void name_changes(json_t *row)
{
    struct text t CLEANUP(text_done);
    size_t      i;
    json_t     *change;
    text_init(&t, 1024);
    json_array_foreach(print_member(row, "record.changes"), i, change)
        text_printf(&t, "%s%s", i ? ", " : "", print_text(change, "name"));
    (void)json_object_set_new(row, "changed", json_string(t.s));
}

int cmd_knowledge_list(struct cli *c)
{
    int     code;
    size_t  i;
    json_t *rows = ask_all(c, false, c->o.all ? 0 : (long)c->o.limit, &code), *row;
    if (!rows)
        return code;
    if (!cli_put_json(c, rows)) {
        json_array_foreach(rows, i, row)
            name_changes(row);
        print_table(c->out, rows, columns, "nothing was learned yet");
    }
    json_decref(rows);
    return CLI_DONE;
}

/* ---- to a file ---- */

static bool add_line(struct text *t, json_t *json)
{
    char *line = json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(KNOWLEDGE_DIGITS));
    if (line)
        text_printf(t, "%s\n", line);
    free(line);
    return line && !t->cut;
}

/* The oldest first: a story is read from its beginning. */
static enum err compose(const json_t *rows, struct text *t, struct fault *fault)
{
    json_t *head = knowledge_head();
    bool    whole = add_line(t, head);
    json_decref(head);
    for (size_t i = json_array_size(rows); i-- > 0 && whole; )
        whole = add_line(t, json_object_get(json_array_get(rows, i), "record"));
    return whole ? OK : fail(fault, ERR_LIMIT, "%zu records are more than a file may hold", json_array_size(rows));
}

int cmd_knowledge_export(struct cli *c)
{
    const char  *path = c->o.word[0];
    bool         print = strcmp(path, "-") == 0;
    struct fault fault = { 0 };
    struct text  t CLEANUP(text_done);
    int          code;
    text_init(&t, KNOWLEDGE_FILE_MAX);
    if (!print && !c->o.force && access(path, F_OK) == 0) {
        (void)fail(&fault, ERR_STATE, "%.300s is there already", path);
        fail_hint(&fault, "--force writes over it");
        return cli_complain(c, &fault);
    }
    json_t *rows = ask_all(c, true, 0, &code);
    if (!rows)
        return code;
    int n = (int)json_array_size(rows);
    enum err e = compose(rows, &t, &fault);
    json_decref(rows);
    if (e == OK && print)
        fputs(t.s, c->out);
    else if (e == OK)
        e = file_write(path, t.s, t.used, 0640, &fault);
    if (e != OK)
        return cli_complain(c, &fault);
    json_t *said = json_pack("{s:s, s:i}", "written", path, "records", n);
    if (!print && !cli_put_json(c, said))
        fprintf(c->out, "%d record%s written to %s\n", n, n == 1 ? "" : "s", path);
    json_decref(said);
    return CLI_DONE;
}

/* ---- from a file ---- */

struct complaining { struct cli *c; const char *path; };

static void bad_line(void *ctx, int line, const char *why)
{
    struct complaining *p = ctx;
    fprintf(p->c->err, "%s:%d: ", p->path, line);
    print_safe(p->c->err, why, false);
    fputc('\n', p->c->err);
}

/* One request's worth, which is taken in whole or not at all. */
static int send_batch(struct cli *c, struct client *client, json_t *batch, int *added)
{
    int     code;
    json_t *body = json_pack("{s:O}", "records", batch);
    json_t *data = client_data(c, client, &(struct client_request){ .method = "POST", .path = "/knowledge", .body = body, .what = "sending what trials taught" }, &code);
    json_decref(body);
    if (!data)
        return code;
    *added += (int)json_integer_value(json_object_get(data, "added"));
    json_decref(data);
    return CLI_DONE;
}

static int send_all(struct cli *c, const json_t *records, int *added)
{
    struct client *client = NULL;
    struct fault   fault = { 0 };
    size_t         i, bytes = 0;
    json_t        *record, *batch = json_array();
    if (client_open(c, &client, &fault) != OK) {
        json_decref(batch);
        return cli_complain(c, &fault);
    }
    int code = CLI_DONE;
    json_array_foreach(records, i, record) {
        size_t size = json_dumpb(record, NULL, 0, JSON_COMPACT) + 16;
        if (bytes + size > BATCH_BYTES && code == CLI_DONE) {
            code = send_batch(c, client, batch, added);
            json_array_clear(batch);
            bytes = 0;
        }
        bytes += size;
        (void)json_array_append(batch, record);
    }
    if (code == CLI_DONE && json_array_size(batch) > 0)
        code = send_batch(c, client, batch, added);
    json_decref(batch);
    client_close(client);
    if (code != CLI_DONE && *added > 0)
        fprintf(c->err, "%d records had been taken in before; import the file again, what is there already is not added twice\n", *added);
    return code;
}

int cmd_knowledge_import(struct cli *c)
{
    struct complaining p = { c, c->o.word[0] };
    struct fault       fault = { 0 };
    char              *text = NULL;
    size_t             size;
    json_t            *records = NULL;
    int                added = 0;
    enum err           e = file_read(p.path, KNOWLEDGE_FILE_MAX, &text, &size, &fault);
    if (e == OK)
        e = knowledge_file_parse(text, size, bad_line, &p, &records, &fault);     /* all of it, before anything is sent */
    free(text);
    if (e != OK)
        return cli_complain(c, &fault);
    int n = (int)json_array_size(records), code = send_all(c, records, &added);
    json_decref(records);
    if (code != CLI_DONE)
        return code;
    json_t *said = json_pack("{s:i, s:i}", "records", n, "added", added);
    if (!cli_put_json(c, said))
        fprintf(c->out, "%d of %d record%s added; the others were there already\n", added, n, n == 1 ? "" : "s");
    json_decref(said);
    return CLI_DONE;
}
