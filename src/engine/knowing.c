/*
 * engine/knowing.c - what trials taught, kept for other databases, and what others have told, brought to the planner.
 *
 * Names of tenants and databases become digests here, before anything is kept.  What a tenant does not share stays with it: the
 * planner of its own databases may use it, nobody else's, and no file carries it.
 */
#include "base/log.h"
#include "base/text.h"
#include "engine/inside.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static enum err make_room(struct knowing *k, struct fault *fault)
{
    if (k->n < k->room)
        return OK;
    int                      room = k->room ? 2 * k->room : 64;
    struct known_record     *record = realloc(k->record, (size_t)room * sizeof *record);
    const struct knowledge **shown = record ? realloc(k->shown, (size_t)room * sizeof *shown) : NULL;
    if (record)
        k->record = record;
    if (!shown)
        return fail(fault, ERR_LIMIT, "no memory for %d records of knowledge", room);
    k->shown = shown;
    k->room = room;
    return OK;
}

static bool is_ours(const struct knowing *k, const struct knowledge *of) { return strcmp(of->source, k->source) == 0; }

/*
 * As in the store: half of the room is for our own, so that no file from elsewhere can push out all that was learned here; whose
 * there are too many, of those the oldest goes.
 */
static void forget_one(struct knowing *k, const struct knowledge *coming)
{
    int own = is_ours(k, coming), i = 0;
    for (int j = 0; j < k->n; j++)
        own += is_ours(k, &k->record[j].of);
    bool ours = own > KNOWLEDGE_MAX / 2;
    while (i < k->n && is_ours(k, &k->record[i].of) != ours)
        i++;
    i = i == k->n ? 0 : i;
    memmove(k->record + i, k->record + i + 1, (size_t)(--k->n - i) * sizeof *k->record);
}

static enum err append(struct knowing *k, const struct knowledge *of, bool shared, struct fault *fault)
{
    enum err err = make_room(k, fault);
    if (err != OK)
        return err;
    if (k->n == KNOWLEDGE_MAX)
        forget_one(k, of);
    k->record[k->n++] = (struct known_record){ *of, shared };
    return OK;
}

/* ---- whose it is ---- */

static void tenant_id(const struct engine *e, const char *name, char out[KNOWLEDGE_ID_SIZE]) { knowledge_opaque(e->knowing.secret, "tenant", name, out); }
static void database_id(const struct engine *e, const struct etarget *t, char out[KNOWLEDGE_ID_SIZE]) { knowledge_opaque(e->knowing.secret, "database", t->conf->name, out); }

/* May a record that comes now be told to others? Those of other installations may, or they would not be here; unless nobody's may. */
static bool shares(const struct engine *e, const char *tenant)
{
    for (int i = 0; i < e->knowing.mutes; i++)
        if (strcmp(e->knowing.mute[i], tenant) == 0)
            return false;
    return e->d.knowledge->share;
}

static void mute(struct engine *e, const char *tenant)
{
    struct knowing *k = &e->knowing;
    char            id[KNOWLEDGE_ID_SIZE];
    tenant_id(e, tenant, id);
    if (!daemon_knowledge_of(&e->d, tenant).share && shares(e, id))
        (void)text_copy(k->mute[k->mutes++], KNOWLEDGE_ID_SIZE, id);
}

/* What is there already follows the configuration as far as that speaks of its tenant; a tenant that left it is as it was. */
static enum err mark(struct engine *e, const char *tenant, struct fault *fault)
{
    struct knowing *k = &e->knowing;
    char            id[KNOWLEDGE_ID_SIZE];
    tenant_id(e, tenant, id);
    bool share = shares(e, id);
    for (int i = 0; i < k->n; i++)
        if (strcmp(k->record[i].of.tenant, id) == 0)
            k->record[i].shared = share;
    return store_knowledge_share(e->store, id, share, fault);
}

enum err knowing_mark(struct engine *e, struct fault *fault)
{
    struct knowing *k = &e->knowing;
    k->mutes = 0;                        /* whoever does not share is known before anything can fail */
    for (int i = 0; i < e->targets; i++)
        mute(e, e->target[i].conf->tenant);
    for (size_t i = 0; i < e->d.tenants; i++)
        mute(e, e->d.tenant[i].name);
    for (int i = 0; i < k->n && !e->d.knowledge->share; i++)
        k->record[i].shared = false;
    enum err err = e->d.knowledge->share ? OK : store_knowledge_share_none(e->store, fault);
    for (int i = 0; i < e->targets && err == OK; i++)
        err = mark(e, e->target[i].conf->tenant, fault);
    for (size_t i = 0; i < e->d.tenants && err == OK; i++)
        err = mark(e, e->d.tenant[i].name, fault);
    return err;
}

enum err knowing_mark_again(struct engine *e, struct fault *fault)
{
    enum err err = turn_begin(e, fault), marked = knowing_mark(e, err == OK ? fault : &(struct fault){ 0 });
    if (err == OK && marked != OK)
        turn_fail(e, fault);
    return err == OK ? marked : err;
}

/* ---- start ---- */

struct remembering { struct engine *e; enum err err; int unreadable; struct fault *fault; };

static void remember(void *ctx, const json_t *json, bool shared)
{
    struct remembering *r = ctx;
    struct knowledge    record;
    struct fault        why;
    if (r->err != OK)
        return;
    if (knowledge_parse(json, &record, &why) != OK)
        r->unreadable++;
    else
        r->err = append(&r->e->knowing, &record, shared, r->fault);
}

enum err knowing_start(struct engine *e, struct fault *fault)
{
    struct remembering r = { .e = e, .fault = fault };
    enum err err = store_secret(e->store, e->knowing.secret, fault);
    if (err != OK)
        return err;
    knowledge_opaque(e->knowing.secret, "installation", "", e->knowing.source);
    err = knowing_mark(e, fault);
    if (err == OK)
        err = store_knowledge(e->store, remember, &r, fault);
    if (r.unreadable)
        log_warn("records of knowledge that cannot be read are left alone", F("records", r.unreadable));
    return err == OK ? r.err : err;
}

void knowing_stop(struct engine *e)
{
    free(e->knowing.record);
    free(e->knowing.shown);
    e->knowing = (struct knowing){ 0 };
}

/* ---- to the planner ---- */

void knowing_show(struct engine *e, const struct etarget *t, struct planner_view *view)
{
    struct knowing *k = &e->knowing;
    char            tenant[KNOWLEDGE_ID_SIZE], database[KNOWLEDGE_ID_SIZE];
    int             n = 0;
    tenant_id(e, t->conf->tenant, tenant);
    database_id(e, t, database);
    bool use = daemon_knowledge_of(&e->d, t->conf->tenant).use;
    for (int i = 0; i < k->n && use; i++) {
        const struct known_record *r = &k->record[i];
        bool                       elsewhere = strcmp(r->of.source, k->source) != 0;      /* what came from there was told to be used */
        if (strcmp(r->of.database, database) != 0 && (r->shared || elsewhere || strcmp(r->of.tenant, tenant) == 0))
            k->shown[n++] = &r->of;
    }
    view->known = k->shown;
    view->knowns = n;
}

/* ---- from a trial ---- */

enum err knowing_put(struct engine *e, struct knowledge *record, const json_t *as_told, bool *added, struct fault *fault)
{
    json_t *json = as_told ? json_incref((json_t *)as_told) : knowledge_json(record);
    if (!json)
        return fail(fault, ERR_LIMIT, "no memory for a record of knowledge");
    struct stored_knowledge s = { .id = record->id, .source = record->source, .tenant = record->tenant, .database = record->database, .result = told_name(record->told),
                                  .shared = shares(e, record->tenant), .effect = record->effect, .happened_us = record->at_us, .record = json };
    enum err err = store_knowledge_add(e->store, &s, clock_wall_us(e->clock), added, fault);
    json_decref(json);
    return err;
}

enum err knowing_take(struct engine *e, const struct knowledge *record, struct fault *fault)
{
    return append(&e->knowing, record, shares(e, record->tenant), fault);
}

enum err knowing_learn(struct engine *e, struct etarget *t, const struct proposal *p, enum told told, const struct stored_outcome *o, struct fault *fault)
{
    struct workload  load;
    struct knowledge record;
    struct fault     why;
    char             tenant[KNOWLEDGE_ID_SIZE], database[KNOWLEDGE_ID_SIZE];
    bool             added;
    if (!o->verdict || !t->facts || told == TOLD_REFUSED)
        return OK;                       /* without a verdict nobody knows why it ended */
    tenant_id(e, t->conf->tenant, tenant);
    database_id(e, t, database);
    workload_of(&load, t->history, t->histories, t->facts);
    double                  sd = outcome_sd(o);
    struct knowledge_origin origin = { e->knowing.source, tenant, database, clock_wall_us(e->clock) };
    if (knowledge_of(&origin, p, t->facts, &load, told, o->kept, o->effect, isfinite(sd) ? fmin(fmax(sd, 0), KNOWLEDGE_EFFECT_MOST) : (double)NAN, &record, &why) != OK) {
        log_debug("nothing is told to other databases", F("target", t->conf->name), F("why", (const char *)why.text));
        return OK;
    }
    enum err err = knowing_put(e, &record, NULL, &added, fault);
    if (err == OK && added)
        err = store_knowledge_forget(e->store, e->knowing.source, KNOWLEDGE_MAX, fault);
    return err == OK && added ? knowing_take(e, &record, fault) : err;
}
