/* engine/command_knowledge.c - taking in what trials elsewhere have taught: all of a request, or nothing of it. */
#include "base/log.h"
#include "engine/commands.h"
#include "model/problem.h"

#include <stdio.h>
#include <stdlib.h>

static bool parse_all(const json_t *list, struct knowledge *record, struct answer *a)
{
    struct fault why;
    char         text[480];
    size_t       i;
    json_t      *json;
    json_array_foreach(list, i, json) {
        enum err e = json_dumpb(json, NULL, 0, JSON_COMPACT) > KNOWLEDGE_LINE_MAX ? fail(&why, ERR_INPUT, "a record has at most %d bytes", KNOWLEDGE_LINE_MAX) : knowledge_parse(json, &record[i], &why);
        if (e != OK) {
            (void)snprintf(text, sizeof text, "/records/%zu: %s", i, why.text);
            command_problem(a, PROBLEM_INVALID, text, "nothing was taken in");
            return false;
        }
    }
    return true;
}

enum err command_knowledge_import(struct engine *e, struct engine_request *r, struct answer *a, struct fault *fault)
{
    const json_t *list = json_object_get(r->body, "records");
    size_t        n = json_array_size(list);
    int           fresh = 0;                   /* those that were not there yet come to stand in front */
    if (!json_is_array(list) || n < 1 || n > KNOWLEDGE_MAX) {
        command_problem(a, PROBLEM_INVALID, "/records must be a list of records", "homeostat knowledge export writes them");
        return OK;
    }
    struct knowledge *record = malloc(n * sizeof *record);
    if (!record)
        return fail(fault, ERR_LIMIT, "no memory for %zu records", n);
    enum err err = OK;
    if (parse_all(list, record, a)) {
        for (size_t i = 0; i < n && err == OK && a->status == 0; i++) {
            bool added = false;
            err = knowing_put(e, &record[i], json_array_get(list, i), &added, fault);
            if (err == OK && added)
                record[fresh++] = record[i];
        }
        if (err == OK && fresh > 0)
            err = store_knowledge_forget(e->store, e->knowing.source, KNOWLEDGE_MAX, fault);
        for (int i = 0; i < fresh && err == OK; i++)
            err = knowing_take(e, &record[i], fault);
    }
    free(record);
    if (err != OK || a->status != 0)
        return err;
    log_info("knowledge imported", F("records", (int)n), F("new", fresh), F("by", (const char *)r->who.name));
    a->status = 200;
    a->body = json_pack("{s:{s:i,s:i}}", "data", "records", (int)n, "added", fresh);
    return OK;
}
