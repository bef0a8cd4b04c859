/* cli/event.c - what happened, and what the digest knows around it. */
#include "base/clock.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/print.h"
#include "cli/shared.h"
#include "store/digest_read.h"

#include <stdio.h>
#include <string.h>

static const struct print_column list_columns[] = {
    { "WHEN", "detected_at", PRINT_TIME, 0 }, { "KIND", "kind", PRINT_TEXT, 0 }, { "SEVERITY", "severity", PRINT_TEXT, 0 }, { "ABOUT", "urn", PRINT_TEXT, 40 }, { "TENANT", "tenant", PRINT_TEXT, 24 }, { "TITLE", "title", PRINT_TEXT, 60 },
    { "EVIDENCE", "evidence", PRINT_TEXT, 0 }, { "COMPLETE", "complete", PRINT_TEXT, 0 }, { "EVENT", "event_id", PRINT_TEXT, 0 }, { NULL, NULL, PRINT_TEXT, 0 },
};
static const struct print_column event_record[] = {
    { "event", "event_id", PRINT_TEXT, 0 }, { "told as", "fingerprints.external_id", PRINT_TEXT, 0 }, { "at", "detected_at", PRINT_TIME, 0 }, { "about", "urn", PRINT_TEXT, 0 },
    { "tenant", "tenant", PRINT_TEXT, 0 }, { "kind", "kind", PRINT_TEXT, 0 }, { "severity", "severity", PRINT_TEXT, 0 }, { "title", "title", PRINT_TEXT, 0 }, { "summary", "summary", PRINT_TEXT, 0 },
    { "case", "labels.case", PRINT_TEXT, 0 }, { "evidence complete", "complete", PRINT_TEXT, 0 }, { NULL, NULL, PRINT_TEXT, 0 },
};
static const struct print_column evidence_columns[] = {
    { "SCORE", "score", PRINT_TEXT, 0 }, { "DIM", "dim", PRINT_TEXT, 0 }, { "WHY", "note", PRINT_TEXT, 140 }, { "RAW DATA", "query_hint", PRINT_TEXT, 0 }, { "THERE", "in_journal", PRINT_TEXT, 0 },
    { NULL, NULL, PRINT_TEXT, 0 },
};

int cmd_look_events(struct cli *c)
{
    int     code;
    json_t *data = shared_ask(c, &(struct shared_question){ .path = "/event", .what = "events", .service = c->o.words ? c->o.word[0] : NULL, .kind = c->o.kind }, &code);
    if (!data)
        return code;
    if (!cli_put_json(c, data))
        print_table(c->out, data, list_columns, "nothing happened, or nobody told of it");
    json_decref(data);
    return CLI_DONE;
}

int cmd_look_event(struct cli *c)
{
    int     code;
    json_t *data = shared_ask(c, &(struct shared_question){ .path = "/event/", .what = "event", .id = c->o.word[0] }, &code);
    if (!data)
        return code;
    if (!cli_put_json(c, data)) {
        print_record(c->out, data, event_record);
        (void)fprintf(c->out, "\n");
        print_table(c->out, json_object_get(data, "evidence"), evidence_columns, "no evidence is linked to it");
    }
    json_decref(data);
    return CLI_DONE;
}

/* NAME=TEXT each. False: complained. */
static bool read_labels(struct cli *c, json_t *labels)
{
    for (int i = 0; i < c->o.labels.n; i++) {
        const char  *said = c->o.labels.item[i], *equals = strchr(said, '=');
        struct fault fault;
        if (!equals || equals == said) {
            (void)fail(&fault, ERR_INPUT, "--label wants NAME=TEXT, not \"%.60s\"", said);
            (void)cli_complain(c, &fault);
            return false;
        }
        char name[120];
        (void)snprintf(name, sizeof name, "%.*s", (int)(equals - said), said);
        json_object_set_new(labels, name, json_string(equals + 1));
    }
    return true;
}

/* The moment is said here, so that the request can be sent again when its answer was lost, and is still the same event. */
int cmd_event_post(struct cli *c)
{
    char    now[32];
    int     code = CLI_USAGE;
    json_t *body = json_pack("{s:s, s:s, s:s, s:{}}", "kind", *c->o.kind ? c->o.kind : "deploy", "title", c->o.word[1], "at",
                             *c->o.moment ? c->o.moment : clock_format(clock_wall_us(&clock_real), now, sizeof now), "labels");
    shared_set(body, strncmp(c->o.word[0], "urn:", 4) == 0 ? "urn" : "service", c->o.word[0]);
    shared_set(body, "summary", c->o.words > 2 ? c->o.word[2] : "");
    shared_set(body, "severity", c->o.severity);
    shared_set(body, "tenant", strcmp(c->o.tenant, DIGEST_OWN_TENANT) == 0 ? "" : c->o.tenant);      /* as answers name it; its code is empty */
    shared_set(body, "event_id", c->o.id);
    if (*c->o.id && !*c->o.moment)
        json_object_del(body, "at");             /* the id does it, whenever it is told again */
    json_t *data = read_labels(c, json_object_get(body, "labels")) ? client_once(c, &(struct client_request){ .method = "POST", .path = "/event", .body = body, .what = "telling of an event" }, &code) : NULL;
    json_decref(body);
    if (!data)
        return code;
    if (!cli_put_json(c, data)) {
        print_safe(c->out, print_text(data, "event_id"), false);
        (void)fprintf(c->out, "%s\n", json_is_true(json_object_get(data, "created")) ? "" : " (it was there already)");
    }
    json_decref(data);
    return CLI_DONE;
}
