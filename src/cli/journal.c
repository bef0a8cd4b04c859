/* cli/journal.c - the journal from outside: its segments and consumers, its records, whether it is whole. Nobody is asked; the files are read. */
#include "base/clock.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/print.h"
#include "cli/sections.h"
#include "cli/where.h"
#include "conf/knob.h"
#include "journal/journal.h"
#include "ship/worker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SEGMENTS_MAX = 65536 };

static const struct print_column segment_columns[] = {
    { "FILE", "file", PRINT_TEXT, 0 }, { "STATE", "state", PRINT_TEXT, 0 }, { "FIRST", "first_id", PRINT_TEXT, 0 }, { "LAST", "last_id", PRINT_TEXT, 0 },
    { "BLOCKS", "blocks", PRINT_TEXT, 0 }, { "USED", "bytes_used", PRINT_TEXT, 0 }, { "BYTES", "bytes", PRINT_TEXT, 0 }, { "SINCE", "since", PRINT_TIME, 0 },
    { "UNTIL", "until", PRINT_TIME, 0 }, { NULL, NULL, PRINT_TEXT, 0 },
};

static const struct print_column consumer_columns[] = {
    { "CONSUMER", "name", PRINT_TEXT, 0 }, { "COMMITTED", "committed", PRINT_TEXT, 0 }, { "BEHIND", "behind", PRINT_TEXT, 0 }, { "LAG S", "lag_s", PRINT_TEXT, 0 }, { NULL, NULL, PRINT_TEXT, 0 },
};

static json_t *time_json(int64_t us)
{
    char text[32];
    return us ? json_string(clock_format(us, text, sizeof text)) : json_null();
}

/* NULL: no memory. */
static json_t *segments_json(struct journal_view *v, uint64_t *damaged)
{
    struct journal_segment *list = calloc(SEGMENTS_MAX, sizeof *list);
    json_t                 *rows = list ? json_array() : NULL;
    size_t                  n = list ? journal_view_segments(v, list, SEGMENTS_MAX) : 0;
    *damaged = 0;
    for (size_t i = 0; i < n; i++) {
        const struct journal_segment *s = &list[i];
        *damaged += s->damaged;
        (void)json_array_append_new(rows, json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o}", "file", s->file, "state", s->damaged ? "damaged" : s->free ? "free" : "used",
            "generation", (json_int_t)s->generation, "first_id", (json_int_t)s->first_id, "last_id", (json_int_t)s->last_id, "blocks", (json_int_t)s->blocks,
            "damaged", (json_int_t)s->damaged, "bytes_used", (json_int_t)s->bytes_used, "bytes", (json_int_t)s->bytes, "since", time_json(s->first_us), "until", time_json(s->last_us)));
    }
    free(list);
    return rows;
}

static json_t *consumers_json(struct journal_view *v)
{
    struct journal_progress list[JOURNAL_CONSUMERS_MAX];
    json_t                 *rows = json_array();
    size_t                  n = journal_view_progress(v, list, JOURNAL_CONSUMERS_MAX);
    for (size_t i = 0; i < n; i++)
        (void)json_array_append_new(rows, json_pack("{s:s, s:I, s:I, s:I}", "name", list[i].name, "committed", (json_int_t)list[i].committed, "behind", (json_int_t)list[i].behind, "lag_s",
                                                    (json_int_t)(list[i].lag_us / US_PER_S)));
    return rows;
}

static enum err view_open(struct cli *c, struct journal_view **v, struct fault *fault)
{
    char     folder[WHERE_FOLDER_SIZE];
    enum err e = where_folder(&c->o, WHERE_JOURNAL, folder, fault);
    if (e == OK && (e = journal_view_open(folder, v, fault)) == ERR_MISSING)
        fail_hint(fault, "it is made when Homeostat runs with ingest.enabled: yes; --config or --folder says where it is");
    else if (e == ERR_IO && access(folder, R_OK | X_OK) != 0 && errno == EACCES)
        fail_hint(fault, "it is for root and the user that Homeostat runs as");
    return e;
}

int cmd_journal_ls(struct cli *c)
{
    struct journal_view *v;
    struct fault         fault = { 0 };
    uint64_t             damaged;
    if (view_open(c, &v, &fault) != OK)
        return cli_complain(c, &fault);
    struct journal_stats s;
    journal_view_stats(v, &s);
    json_t *all = json_pack("{s:o, s:o, s:I}", "segments", segments_json(v, &damaged), "consumers", consumers_json(v), "lost_segments", (json_int_t)s.lost_segments);
    journal_view_close(v);
    if (!cli_put_json(c, all)) {
        print_table(c->out, json_object_get(all, "segments"), segment_columns, "no segments");
        if (s.lost_segments)
            fprintf(c->out, "%llu more are gone\n", (unsigned long long)s.lost_segments);
        fputc('\n', c->out);
        print_table(c->out, json_object_get(all, "consumers"), consumer_columns, "no consumers");
    }
    json_decref(all);
    return CLI_DONE;
}

static bool put_record(struct cli *c, const struct record *r)
{
    if (strcmp(c->o.body, "raw") == 0)
        return fwrite(r->body.s, 1, r->body.n, c->out) == r->body.n;
    /* A sender's bytes that are no text are left out of JSON, not turned into other ones. */
    json_t *line = json_pack("{s:s, s:I, s:o, s:o?, s:o?, s:I, s:i, s:I, s:I}", "kind", record_kind_name(r->kind), "id", (json_int_t)r->id, "time", time_json(r->received_us),
                             "source", json_stringn(r->source.n ? r->source.s : "", r->source.n), "tenant", r->tenant.n ? json_stringn(r->tenant.s, r->tenant.n) : NULL,
                             "events", (json_int_t)r->events, "form", (int)r->form, "labels_bytes", (json_int_t)r->labels.n, "body_bytes", (json_int_t)r->body.n);
    print_json(c->out, line, JSON_COMPACT);
    json_decref(line);
    return !ferror(c->out);
}

int cmd_journal_cat(struct cli *c)
{
    struct journal_view *v;
    struct fault         fault = { 0 };
    struct record        r;
    uint64_t             from = (uint64_t)c->o.from;
    enum err             e = OK;
    if (view_open(c, &v, &fault) != OK)
        return cli_complain(c, &fault);
    for (int64_t n = 0; (c->o.all || n < c->o.limit) && (e = journal_view_read(v, from, &r, &fault)) == OK && put_record(c, &r); n++)
        from = r.id + 1;
    int code = e == OK || e == ERR_MISSING ? CLI_DONE : cli_complain(c, &fault);
    journal_view_close(v);
    return code;
}

int cmd_journal_verify(struct cli *c)
{
    struct journal_view *v;
    struct fault         fault = { 0 };
    struct journal_stats s;
    uint64_t             damaged = 0;
    json_int_t           blocks = 0;
    size_t               i;
    json_t              *rows, *row;
    if (view_open(c, &v, &fault) != OK)
        return cli_complain(c, &fault);
    rows = segments_json(v, &damaged);
    journal_view_stats(v, &s);
    journal_view_close(v);
    json_array_foreach(rows, i, row)
        blocks += json_integer_value(json_object_get(row, "blocks"));
    bool    whole = damaged == 0 && s.lost_segments == 0;
    json_t *said = json_pack("{s:b, s:I, s:I, s:I, s:I, s:I}", "whole", whole, "segments", (json_int_t)json_array_size(rows), "blocks", blocks, "damaged", (json_int_t)damaged,
                             "lost_segments", (json_int_t)s.lost_segments, "cut_bytes", (json_int_t)s.cut_bytes);
    if (!cli_put_json(c, said)) {
        json_array_foreach(rows, i, row)
            if (json_integer_value(json_object_get(row, "damaged")))
                fprintf(c->out, "%s: %lld damaged\n", print_text(row, "file"), (long long)json_integer_value(json_object_get(row, "damaged")));
        if (s.lost_segments)
            fprintf(c->out, "%llu segments are gone, with what was durable in them\n", (unsigned long long)s.lost_segments);
        if (s.cut_bytes)
            fprintf(c->out, "%llu bytes of a write that was not finished; the next start cuts them off\n", (unsigned long long)s.cut_bytes);
        fprintf(c->out, "%zu segments, %lld blocks, %llu damaged\n", json_array_size(rows), (long long)blocks, (unsigned long long)damaged);
    }
    json_decref(said);
    json_decref(rows);
    return whole ? CLI_DONE : CLI_FAILED;
}

/* A Homeostat has the journal: it is asked to do it. NULL: it was complained. With --folder it is not known which one that would be. */
static json_t *ask_daemon(struct cli *c, const char *what, const json_t *body, const struct fault *busy, int *code)
{
    char path[256];
    if (*c->o.folder) {
        *code = cli_complain(c, busy);
        return NULL;
    }
    for (const char *p = c->o.word[0]; *p; p++)
        if (*p <= ' ' || strchr("/?#%", *p)) {
            *code = cli_complain(c, busy);
            return NULL;
        }
    (void)snprintf(path, sizeof path, "/ingest/consumers/%.100s/%s", c->o.word[0], what);
    return client_once(c, &(struct client_request){ .method = "POST", .path = path, .body = body }, code);
}

int cmd_journal_forget(struct cli *c)
{
    struct fault fault = { 0 };
    char         folder[WHERE_FOLDER_SIZE];
    int          code;
    enum err     e = where_folder(&c->o, WHERE_JOURNAL, folder, &fault);
    if (e == OK)
        e = journal_view_forget(folder, c->o.word[0], &fault);
    if (e == ERR_BUSY) {
        json_t *done = ask_daemon(c, "forget", NULL, &fault, &code);
        if (!done)
            return code;
        json_decref(done);
        e = OK;
    }
    if (e != OK)
        return cli_complain(c, &fault);
    json_t *said = json_pack("{s:s}", "forgotten", c->o.word[0]);
    if (!cli_put_json(c, said))
        fprintf(c->out, "%s is forgotten\n", c->o.word[0]);
    json_decref(said);
    return CLI_DONE;
}

/* Everybody who reads by name can be sent back; nobody else may have the journal open. */
static enum err move_cursor(const char *folder, const char *name, const char *since, uint64_t *id, struct fault *fault)
{
    int64_t wall_us = 0, ago_us;
    if (*since && (wall_us = clock_parse(since)) < 0) {
        enum err e = knob_time_parse(since, &ago_us, fault);
        if (e != OK)
            return e;
        wall_us = clock_wall_us(&clock_real) - ago_us;
    }
    *id = *since ? 0 : *id ? *id : 1;
    enum err e = journal_view_seek(folder, name, wall_us, id, fault);
    if (e == ERR_BUSY)
        fail_hint(fault, "a Homeostat that runs has it: stop that, replay, and start it again");
    if (e == ERR_MISSING)
        fail_hint(fault, "homeostat journal ls tells who reads it");
    return e;
}

/* Of a sink that the configuration has: what it took before, it takes once more. */
static enum err allow_replay(struct cli *c, const char *consumer, struct fault *fault)
{
    struct conf  *conf = NULL;
    struct fault  ignored;
    size_t        n;
    enum err      e = OK;
    if (strncmp(consumer, "sink:", 5) != 0)
        return OK;
    if (*c->o.folder || conf_load(where_config(&c->o), program_sections, program_sections_count, &conf, NULL, &ignored) != OK) {
        (void)fprintf(c->err, "homeostat: the cursor was moved; but without the configuration a sink of kind files goes on leaving out what it has written: replay without --folder, or while Homeostat runs\n");
        return OK;
    }
    const struct sink_conf *sinks = conf_instances(conf, &sinks_section, &n);
    for (size_t i = 0; i < n && e == OK; i++)
        if (strcmp(sinks[i].name, consumer + 5) == 0)
            e = ship_replay_allow(&sinks[i], fault);
    conf_free(conf);
    return e;
}

int cmd_journal_replay(struct cli *c)
{
    char         folder[WHERE_FOLDER_SIZE];
    struct fault fault = { 0 };
    uint64_t     id = (uint64_t)c->o.from;
    if (strcmp(c->o.word[0], "digest") == 0) {
        (void)fail(&fault, ERR_INPUT, "the digest keeps its own place, together with what it made");
        fail_hint(&fault, "homeostat backfill makes its windows again");
        return cli_complain(c, &fault);
    }
    enum err e = where_folder(&c->o, WHERE_JOURNAL, folder, &fault);
    if (e == OK)
        e = move_cursor(folder, c->o.word[0], c->o.since, &id, &fault);
    bool runs = e == ERR_BUSY;
    if (runs) {
        int     code;
        json_t *body = *c->o.since ? json_pack("{s:s}", "since", c->o.since) : json_pack("{s:I}", "from", (json_int_t)(c->o.from > 0 ? c->o.from : 1));
        json_t *done = ask_daemon(c, "replay", body, &fault, &code);
        json_decref(body);
        if (!done)
            return code;
        id = (uint64_t)json_integer_value(json_object_get(done, "from"));
        json_decref(done);
    } else if (e != OK || allow_replay(c, c->o.word[0], &fault) != OK) {
        return cli_complain(c, &fault);
    }
    json_t *said = json_pack("{s:s, s:I}", "consumer", c->o.word[0], "from", (json_int_t)id);
    if (!cli_put_json(c, said))
        fprintf(c->out, "%s goes on with record %llu%s\n", c->o.word[0], (unsigned long long)id, runs ? "" : " when Homeostat starts");
    json_decref(said);
    return CLI_DONE;
}
