/* cli/deadletter.c - what sinks would not take: looked at in the files, and sent again or forgotten by the Homeostat that has them. */
#include "base/clock.h"
#include "cli/commands.h"
#include "cli/print.h"
#include "cli/sections.h"
#include "cli/where.h"
#include "event/event.h"
#include "ship/conf.h"
#include "ship/dead.h"
#include "ship/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SHOW_MEMORY_MAX = 1024 * 1024 * 1024, SHOW_TEXT_MAX = 256 * 1024 * 1024, FORMER_MAX = 4 };

static const struct print_column columns[] = {
    { "ID", "id", PRINT_TEXT, 0 }, { "WHEN", "when", PRINT_TIME, 0 }, { "SINK", "sink", PRINT_TEXT, 0 }, { "EVENTS", "events", PRINT_TEXT, 0 }, { "KIND", "kind", PRINT_TEXT, 0 },
    { "RECORD", "record", PRINT_TEXT, 0 }, { "STATE", "state", PRINT_TEXT, 0 }, { "WHY", "why", PRINT_TEXT, 100 }, { NULL, NULL, PRINT_TEXT, 0 },
};

/* Of others' bytes: what is no UTF-8 is shown as what it cannot be. */
static json_t *text_json(const char *s)
{
    json_t *j = json_string(s);
    return j ? j : json_string("(not a text)");
}

static json_t *letter_json(struct dead_view *v, const struct dead_letter *l)
{
    char               when[32];
    struct dead_replay r = { 0, 0 };
    struct fault       why;
    if (dead_view_replay_read(v, l->sink, &r, &why) != OK)
        r = (struct dead_replay){ 0, 0 };
    const char *state = !l->known ? "count only" : l->id <= r.done ? "sent again" : l->id <= r.until ? "to be sent" : "waits";
    json_t     *row = json_pack("{s:I, s:s, s:o, s:I, s:s, s:I, s:i, s:s, s:b, s:o}", "id", (json_int_t)l->id, "when", clock_format(l->when_us, when, sizeof when), "sink", text_json(l->sink),
                            "events", (json_int_t)l->count, "kind", l->known ? record_kind_name(l->content.kind) : "", "record", (json_int_t)l->record, "index", (int)l->index, "state", state,
                            "whole", (int)l->whole, "why", text_json(l->why));
    if (l->of)
        (void)json_object_set_new(row, "of", json_integer((json_int_t)l->of));
    return row;
}

static enum err view_open(struct cli *c, struct dead_view **v, struct fault *fault)
{
    char     folder[WHERE_FOLDER_SIZE];
    enum err e = where_folder(&c->o, WHERE_JOURNAL, folder, fault);
    *v = NULL;
    if (e != OK)
        return e == ERR_MISSING ? ERR_STATE : e;      /* that there is no folder of dead letters is another matter */
    return dead_view_open(folder, v, fault);
}

int cmd_deadletter_ls(struct cli *c)
{
    struct dead_view  *v;
    struct fault       fault = { 0 };
    struct dead_letter l CLEANUP(dead_letter_done) = { 0 };
    const char        *sink = c->o.words ? c->o.word[0] : NULL;
    uint64_t           from = (uint64_t)c->o.from;
    json_t            *rows = json_array();
    enum err           e = view_open(c, &v, &fault);
    if (e == OK) {
        while ((c->o.all || (int64_t)json_array_size(rows) < c->o.limit) && (e = dead_view_next(v, from, &l, &fault)) == OK) {
            from = l.id + 1;
            if (!sink || strcmp(sink, l.sink) == 0)
                (void)json_array_append_new(rows, letter_json(v, &l));
        }
        dead_view_close(v);
        e = e == ERR_MISSING ? OK : e;
    } else if (e == ERR_MISSING) {
        e = OK;                               /* no folder: nothing was ever refused */
    }
    if (e == OK && !cli_put_json(c, rows))
        print_table(c->out, rows, columns, "no dead letters");
    json_decref(rows);
    return e == OK ? CLI_DONE : cli_complain(c, &fault);
}

/* ---- one of them ---- */

static bool id_of(const char *word, uint64_t *id, struct fault *fault)
{
    char *end;
    errno = 0;
    *id = strtoull(word, &end, 10);
    if (!errno && end != word && !*end && *word != '-')
        return true;
    (void)fail(fault, ERR_INPUT, "%.60s is not the number of a dead letter", word);
    return false;
}

struct adding { json_t *to; const struct dead_letter *l; };

static bool add_event(void *ctx, const struct event *given)
{
    const struct adding *a = ctx;
    struct event         e = *given;
    struct text          t CLEANUP(text_done);
    text_init(&t, SHOW_TEXT_MAX);
    if (!a->l->whole)
        e.index = a->l->index;                /* alone in its letter; this is where it stood */
    ship_json_event(&t, &e);
    json_t *j = json_loadb(t.s, t.used, 0, NULL);
    return json_array_append_new(a->to, j ? j : json_string("(cannot be shown)")) == 0;
}

static json_t *events_json(const struct dead_letter *l, struct fault *why)
{
    struct arena        a;
    struct event_report report = { 0 };
    json_t             *events = json_array();
    arena_init(&a, SHOW_MEMORY_MAX);
    enum err e = l->known ? event_read(&l->content, &a, add_event, &(struct adding){ events, l }, &report, why) : OK;
    arena_done(&a);
    if (e == OK)
        why->text[0] = '\0';
    return events;
}

int cmd_deadletter_show(struct cli *c)
{
    struct dead_view  *v;
    struct fault       fault = { 0 }, why = { 0 };
    struct dead_letter l CLEANUP(dead_letter_done) = { 0 };
    uint64_t           id;
    if (!id_of(c->o.word[0], &id, &fault) || view_open(c, &v, &fault) != OK)
        return cli_complain(c, &fault);
    enum err e = dead_view_next(v, id, &l, &fault);
    if (e == ERR_MISSING || (e == OK && l.id != id))
        e = fail(&fault, ERR_MISSING, "there is no dead letter %llu, or it was forgotten", (unsigned long long)id);
    json_t *row = e == OK ? letter_json(v, &l) : NULL;
    dead_view_close(v);
    if (!row)
        return cli_complain(c, &fault);
    (void)json_object_set_new(row, "content", events_json(&l, &why));
    if (*why.text)
        (void)json_object_set_new(row, "unreadable", text_json(why.text));
    print_json(c->out, row, JSON_INDENT(2));
    json_decref(row);
    return CLI_DONE;
}

/* ---- what the daemon shall do ---- */

/* Who sends the letters of `word`: the sink of that name, or the one that was called so formerly. Without a configuration nobody can know. */
struct sender { char name[CONF_NAME_MAX + 1]; struct { char name[CONF_NAME_MAX + 1]; } letters_of[FORMER_MAX + 1]; size_t n; };

static void be_sender(struct sender *s, const char *name, const struct conf_list *formerly)
{
    (void)text_copy(s->name, sizeof s->name, name);
    (void)text_copy(s->letters_of[s->n++].name, sizeof s->name, name);
    for (size_t i = 0; formerly && i < formerly->count && s->n <= FORMER_MAX; i++)
        (void)text_copy(s->letters_of[s->n++].name, sizeof s->name, formerly->item[i]);
}

static enum err sender_of(const struct cli_options *o, const char *word, struct sender *s, struct fault *fault)
{
    struct conf *conf = NULL;
    size_t       n = 0;
    *s = (struct sender){ 0 };
    if (*o->folder || strcmp(word, SHIP_UNROUTED) == 0 || access(where_config(o), F_OK) != 0) {
        be_sender(s, word, NULL);
        return OK;
    }
    enum err e = conf_load(where_config(o), program_sections, program_sections_count, &conf, NULL, fault);
    if (e != OK)
        return e;
    const struct sink_conf *sink = conf_instances(conf, &sinks_section, &n);
    for (size_t i = 0; i < n && !s->n; i++) {
        bool its = strcmp(sink[i].name, word) == 0;
        for (size_t k = 0; k < sink[i].formerly.count; k++)
            its |= strcmp(sink[i].formerly.item[k], word) == 0;
        if (its)
            be_sender(s, sink[i].name, &sink[i].formerly);
    }
    conf_free(conf);
    if (s->n)
        return OK;
    e = fail(fault, ERR_INPUT, "no sink in %.300s is called %.60s, or was", where_config(o), word);
    fail_hint(fault, "its letters are kept: put the sink back, or let another one have them by `formerly: [%.60s]`", word);
    return e;
}

static bool is_one_of(const struct sender *s, const char *name)
{
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->letters_of[i].name, name) == 0)
            return true;
    return false;
}

int cmd_deadletter_replay(struct cli *c)
{
    struct sender      by;
    struct dead_view  *v;
    struct fault       fault = { 0 };
    struct dead_letter l CLEANUP(dead_letter_done) = { 0 };
    struct dead_replay r = { 0, 0 };
    json_int_t         letters = 0;
    if (view_open(c, &v, &fault) != OK)
        return cli_complain(c, &fault);
    enum err e = sender_of(&c->o, c->o.word[0], &by, &fault);
    for (size_t i = 0; e == OK && i < by.n; i++) {        /* its former names: when it has not run yet under its new one */
        struct dead_replay one;
        if ((e = dead_view_replay_read(v, by.letters_of[i].name, &one, &fault)) == OK && one.done > r.done)
            r = one;
    }
    for (uint64_t from = r.done + 1; e == OK && (e = dead_view_next(v, from, &l, &fault)) == OK; from = l.id + 1)
        letters += l.known && is_one_of(&by, l.sink);
    e = e == ERR_MISSING ? OK : e;
    if (e == OK)
        e = dead_view_want_replay(v, by.name, &r, &fault);
    dead_view_close(v);
    if (e != OK)
        return cli_complain(c, &fault);
    json_t *said = json_pack("{s:s, s:I, s:I}", "sink", by.name, "letters", letters, "until", (json_int_t)r.until);
    if (!cli_put_json(c, said))
        fprintf(c->out, "%lld dead letter%s of %s will be sent again\n", (long long)letters, letters == 1 ? "" : "s", by.name);
    json_decref(said);
    return CLI_DONE;
}

int cmd_deadletter_forget(struct cli *c)
{
    struct dead_view *v;
    struct fault      fault = { 0 };
    uint64_t          id;
    if (!id_of(c->o.word[0], &id, &fault) || view_open(c, &v, &fault) != OK)
        return cli_complain(c, &fault);
    enum err e = dead_view_want_forget(v, id, &fault);
    dead_view_close(v);
    if (e != OK)
        return cli_complain(c, &fault);
    json_t *said = json_pack("{s:I}", "forgotten", (json_int_t)id);
    if (!cli_put_json(c, said))
        fprintf(c->out, "dead letters up to %llu are forgotten\n", (unsigned long long)id);
    json_decref(said);
    return CLI_DONE;
}
