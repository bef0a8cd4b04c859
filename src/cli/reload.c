/* cli/reload.c - the configuration read again, until everybody has taken it or said why not. */
#include "base/clock.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/print.h"

#include <time.h>

enum { STILL_TAKING_US = 15 * 1000 * 1000 };

/* How ingest stands; NULL: it is off, or, with a fault, it cannot be asked. */
static json_t *ingest_now(struct client *client, struct fault *fault)
{
    struct client_answer a CLEANUP(client_answer_done) = { 0 };
    *fault = (struct fault){ 0 };
    if (client_ask(client, &(struct client_request){ .method = "GET", .path = "/ingest", .what = "waiting for ingest" }, &a, fault) != OK)
        return NULL;
    if (a.status != 200 && a.status != 404)
        (void)fail(fault, ERR_IO, "it answered %d: %.200s", a.status, print_text(a.json, "title"));
    return a.status == 200 ? json_incref(json_object_get(a.json, "data")) : NULL;
}

static bool is_taking(const json_t *ingest) { return json_is_true(print_member(ingest, "reload.pending")); }

/* The parts of ingest take it one after the other, and a sink may need a while to let go of what it sends. */
static json_t *ingest_after(struct client *client, struct fault *fault)
{
    int64_t until_us = clock_mono_us(&clock_real) + STILL_TAKING_US;
    json_t *now = ingest_now(client, fault);
    while (is_taking(now) && clock_mono_us(&clock_real) < until_us) {
        (void)nanosleep(&(struct timespec){ .tv_nsec = 50 * 1000 * 1000 }, NULL);
        json_decref(now);
        now = ingest_now(client, fault);
    }
    return now;
}

static int tell_troubles(struct cli *c, json_t *ingest)
{
    const char *part;
    json_t     *one;
    int         code = CLI_DONE;
    json_object_foreach(ingest, part, one) {
        const char *text = print_text(one, "reload_trouble.text"), *hint = print_text(one, "reload_trouble.hint");
        if (!*text)
            continue;
        (void)fprintf(c->err, "homeostat: %s goes on with what it had: ", part);
        print_safe(c->err, text, false);
        (void)fputs(*hint ? "\n  " : "", c->err);
        print_safe(c->err, hint, false);
        (void)fputc('\n', c->err);
        code = CLI_FAILED;
    }
    if (is_taking(ingest)) {
        (void)fprintf(c->err, "homeostat: ingest is still taking it; `homeostat ingest` says when it has\n");
        code = CLI_FAILED;
    }
    return code;
}

static void tell_reloaded(struct cli *c, const json_t *data)
{
    size_t  i;
    json_t *one;
    fprintf(c->out, "the configuration was read again; policy %.12s\n", print_text(data, "policy_version"));
    json_array_foreach(json_object_get(data, "waits"), i, one) {
        fputs("  ", c->out);
        print_safe(c->out, json_string_value(one) ? json_string_value(one) : "", false);
        fputc('\n', c->out);
    }
}

int cmd_reload(struct cli *c)
{
    struct client *client = NULL;
    struct fault   fault = { 0 };
    int            code;
    if (client_open(c, &client, &fault) != OK)
        return cli_complain(c, &fault);
    json_t *data = client_data(c, client, &(struct client_request){ .method = "POST", .path = "/reload", .what = "reading the configuration again" }, &code);
    if (data) {
        json_t *ingest = ingest_after(client, &fault);
        if (!cli_put_json(c, data))
            tell_reloaded(c, data);
        code = tell_troubles(c, ingest);
        if (fault.code != OK) {
            (void)fprintf(c->err, "homeostat: whether ingest has taken it cannot be asked: ");
            print_safe(c->err, fault.text, false);
            (void)fputs("\n  homeostat ingest tells\n", c->err);
            code = CLI_FAILED;
        }
        json_decref(ingest);
        json_decref(data);
    }
    client_close(client);
    return code;
}
