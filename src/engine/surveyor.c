/*
 * engine/surveyor.c - the thread that takes a careful look at a database when somebody asks.
 *
 * It asks on a connection of its own, which is read-only and gone when the look is over, and changes nothing.  What it found
 * is an immutable report, kept until the next one; readers take a reference.  A suggestion carries the plan that a case
 * would need: whether it is carried out is decided where every plan is decided, at the gate.
 */
#include "base/log.h"
#include "base/text.h"
#include "base/utf8.h"
#include "diagnose/upkeep.h"
#include "engine/inside.h"
#include "plan/index.h"
#include "sense/survey.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LOOK_MAX_S = 180, LOOK_PAUSE_S = 5 /* between two looks, however often somebody asks */, TOLD_STATEMENTS = 10, TOLD_TEXT = 300, MISJUDGED_MAX = 10, ANALYZE_TIMEOUT_S = 1800, BUILD_TIMEOUT_MIN_S = 300, BUILD_TIMEOUT_MAX_S = 3 * 3600 };
static const double build_bytes_per_s = 4e6;             /* slower than any disk that a database lives on */
static const double switchback_bytes_max = 64e6;         /* built and dropped several times within a trial */

struct survey_slot {
    json_t *report;            /* NULL before the first */
    int64_t made_us;           /* mono */
    bool    wanted, under_way, outdated;   /* outdated: the look under way began before something changed */
};

struct surveying {
    struct engine      *engine;
    pthread_t           thread;
    pthread_mutex_t     lock;  /* of all below */
    pthread_cond_t      wake;
    struct survey_slot *slot;
    atomic_int          quit;
};

static json_t *number(double v) { return isfinite(v) ? json_real(v) : json_null(); }

/* ---- what is told ---- */

/* Names and messages of a server without an encoding, or cut within a character: a byte that is no character must not take the whole finding with it. */
static json_t *told(const char *text)
{
    char   *copy = strdup(text);
    json_t *j = NULL;
    if (copy) {
        utf8_clean(copy, '?');
        j = json_string(copy);
    }
    free(copy);
    return j;
}

static json_t *brief(const char *text)
{
    char out[TOLD_TEXT + 4];
    if (!text_copy(out, TOLD_TEXT, text)) {
        size_t n = TOLD_TEXT - 1;
        while (n > 0 && ((unsigned char)text[n] & 0xC0) == 0x80)   /* not within a character */
            n--;
        (void)snprintf(out + n, sizeof out - n, "...");
    }
    json_t *j = json_string(out);
    return j ? j : json_string("(not readable)");
}

static json_t *plan_of_step(const char *title, json_t *step, const char *method)
{
    return json_pack("{s:s,s:[o],s:{s:s},s:{s:s}}", "title", title, "steps", step, "rollback", "how", "reverse", "verify", "method", method);
}

static json_t *index_plan(const struct survey *s, const struct index_candidate *c, const char *target)
{
    struct index_step step = { .def = c->def, .bytes = c->bytes, .table_bytes = s->table[c->table].bytes, .lock_timeout_s = INDEX_LOCK_DEFAULT_S };
    double timeout = BUILD_TIMEOUT_MIN_S + (c->bytes + s->table[c->table].bytes) / build_bytes_per_s;
    char   title[PLAN_TITLE_SIZE];
    (void)snprintf(title, sizeof title, "an index on %s.%s", c->def.schema, c->def.table);
    json_t *plan = plan_of_step(title, index_step_json(&step, target, (int)fmin(timeout, BUILD_TIMEOUT_MAX_S)), c->bytes <= switchback_bytes_max ? "planner" : "slow");
    json_t *queries = json_array();
    for (int i = 0; i < c->queries; i++)
        json_array_append_new(queries, json_sprintf("%lld", (long long)s->query[c->query[i].query].id));
    json_object_set_new(json_object_get(plan, "verify"), "queries", queries);
    return plan;
}

static json_t *candidate_json(const struct survey *s, const struct index_candidate *c, const char *target)
{
    json_t     *queries = json_array(), *columns = json_array(), *include = json_array();
    struct text sql CLEANUP(text_done);
    text_init(&sql, 8192);
    index_create_sql(&c->def, &sql);
    for (int i = 0; i < c->def.columns; i++) {
        char column[INDEX_NAME_SIZE + 8];
        (void)snprintf(column, sizeof column, "%s%s", c->def.column[i].name, c->def.column[i].descending ? " desc" : "");
        json_array_append_new(columns, told(column));
    }
    for (int i = 0; i < c->def.includes; i++)
        json_array_append_new(include, told(c->def.include[i]));
    for (int i = 0; i < c->queries; i++) {
        const struct survey_query *q = &s->query[c->query[i].query];
        json_array_append_new(queries, json_pack("{s:o,s:o,s:o,s:o,s:o,s:o}", "id", json_sprintf("%lld", (long long)q->id), "text", brief(q->text), "calls", number(q->calls),
                                                 "total_ms", number(q->total_ms), "cost_before", number(c->query[i].cost_before), "cost_after", number(c->query[i].cost_after)));
    }
    json_t *plan = index_plan(s, c, target);      /* NULL: a name that cannot be said in JSON, so nobody could carry it out as it stands */
    bool    ours = s->table[c->table].ours && plan;
    return json_pack("{s:s,s:o,s:o,s:o,s:o,s:o,s:b,s:o,s:o,s:o,s:s,s:o,s:o,s:b,s:o}", "name", c->def.name, "schema", told(c->def.schema), "table", told(c->def.table), "columns", columns, "include", include,
                     "bytes", number(c->bytes), "judged", c->judged, "benefit_ms", number(c->benefit_ms), "overhead_ms", number(c->overhead_ms), "at_most_ms", number(c->at_most_ms),
                     "why", c->why, "sql", told(sql.s), "queries", queries, "may_build", ours, "plan", plan ? plan : json_null());
}

static json_t *finding_json(const struct finding *f, const char *target)
{
    json_t *j = json_pack("{s:i,s:s,s:o,s:o,s:o}", "number", f->number, "kind", f->kind, "subject", told(f->subject), "text", told(f->text), "advice", told(f->advice));
    if (f->refresh) {
        char title[PLAN_TITLE_SIZE];
        (void)snprintf(title, sizeof title, "statistics of %.160s", f->subject);
        json_object_set_new(j, "plan", plan_of_step(title, analyze_step_json(&f->analyze, target, ANALYZE_TIMEOUT_S), "readback"));
    }
    if (f->drop) {
        struct index_step step = { .def = f->ours, .drop = true, .bytes = (double)NAN, .table_bytes = (double)NAN, .lock_timeout_s = INDEX_LOCK_DEFAULT_S };
        char title[PLAN_TITLE_SIZE];
        (void)snprintf(title, sizeof title, "drop %.160s", f->subject);
        json_object_set_new(j, "plan", plan_of_step(title, index_step_json(&step, target, BUILD_TIMEOUT_MIN_S), "readback"));
    }
    return j;
}

static json_t *statements_json(const struct survey *s)
{
    json_t *list = json_array();
    for (int i = 0; i < s->queries && i < TOLD_STATEMENTS; i++) {
        const struct survey_query *q = &s->query[i];
        json_array_append_new(list, json_pack("{s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "id", json_sprintf("%lld", (long long)q->id), "text", brief(q->text), "calls", number(q->calls), "total_ms",
                                              number(q->total_ms), "share", number(q->total_ms / s->load_ms), "cost", number(q->cost), "why_no_plan", told(q->why_not ? q->why_not : "")));
    }
    return list;
}

/* What the look could not see, so that nobody takes silence for health. */
static json_t *limits_json(const struct survey *s, int drawn, int left_out)
{
    json_t *list = json_array();
    int     blind = 0, held = 0, partitioned = 0;
    for (int i = 0; i < s->queries; i++)
        blind += s->query[i].why_not != NULL;
    for (int i = 0; i < s->tables; i++) {
        held += s->table[i].held;
        partitioned += s->table[i].kind == 'p';
    }
    if (!s->has_statements)
        json_array_append_new(list, json_sprintf("pg_stat_statements %s in this database, so nothing is known of its statements and no index can be drawn from them (%s)",
                                                 s->why_no_statements ? "does not answer" : "is not there",
                                                 s->why_no_statements ? s->why_no_statements : "shared_preload_libraries, then CREATE EXTENSION pg_stat_statements"));
    if (s->has_statements && !s->sees_all)
        json_array_append_new(list, json_sprintf("the role %s sees its own statements only, not those of others (GRANT pg_monitor TO %s)", s->role, s->role));
    if (s->has_statements && !s->has_hypopg)
        json_array_append_new(list, json_string("hypopg is not installed in this database, so index candidates could not be judged: they are suggestions to look at (CREATE EXTENSION hypopg)"));
    if (s->has_statements && s->superuser)
        json_array_append_new(list, json_sprintf("the role %s is a superuser: planning a statement evaluates functions that whoever owns them declared immutable, with its rights "
                                                 "(a role with pg_monitor and pg_read_all_data sees as much, and owners of tables build indexes)", s->role));
    if (s->has_statements && s->queries == 0)
        json_array_append_new(list, json_string("no statement of this database that reads or writes a table has been counted yet"));
    if (s->nested)
        json_array_append_new(list, json_sprintf("%d statements inside of others, most of them such that functions run, were not looked at: what they take is in the statements that call them", s->nested));
    if (s->denied)
        json_array_append_new(list, json_sprintf("%d of the %d heaviest statements could not be planned by the role %s, which may not read their tables (GRANT pg_read_all_data TO %s)",
                                                 s->denied, s->queries, s->role, s->role));
    if (blind > s->denied)
        json_array_append_new(list, json_sprintf("%d of the %d heaviest statements could not be planned; see statements[].why_no_plan (what does not exist there may stand in a schema which is "
                                                 "not in the search_path of the role %s: ALTER ROLE %s SET search_path)", blind - s->denied, s->queries, s->role, s->role));
    if (drawn == CANDIDATES_MAX)
        json_array_append_new(list, json_sprintf("there were more than %d index candidates: those of the heaviest statements were weighed", CANDIDATES_MAX));
    if (left_out)
        json_array_append_new(list, json_sprintf("%d more findings are not told: of each kind there are %d, first those that a case could mend, then those on the largest tables", left_out, FINDINGS_OF_KIND_MAX));
    if (partitioned)
        json_array_append_new(list, json_sprintf("%d tables are partitioned: indexes are suggested for single partitions at most, because over all of them none can be built beside running work", partitioned));
    if (held)
        json_array_append_new(list, json_sprintf("somebody held %d of the %d tables exclusively, so their indexes were not looked at: look again when that is over", held, s->tables));
    if (s->stats_s < 86400)
        json_array_append_new(list, json_sprintf("the statistics of tables are %.1f hours old: unused indexes are told after a day", s->stats_s / 3600));
    if (s->cut)
        json_array_append_new(list, json_string("the database has more tables or indexes than are looked at; the largest were"));
    json_array_append_new(list, json_sprintf("only database %s was looked at, the one that dsn names", s->database));
    return list;
}

static json_t *findings_json(const struct survey *s, const char *target, int *left_out)
{
    struct finding  *list = calloc(FINDINGS_MAX, sizeof *list);
    struct misjudged wrong[MISJUDGED_MAX];
    json_t          *all = json_array();
    int              n = list ? diagnose_upkeep(s, list, FINDINGS_MAX, left_out) : 0, m = index_misjudged(s, wrong, MISJUDGED_MAX);
    for (int i = 0; i < n; i++)
        json_array_append_new(all, finding_json(&list[i], target));
    for (int i = 0; i < m && list; i++) {
        struct correlation c = { wrong[i].query, wrong[i].table, wrong[i].columns, { 0 }, wrong[i].expected, wrong[i].actual };
        memcpy(c.column, wrong[i].column, sizeof c.column);
        diagnose_correlation(s, &c, &list[0]);
        json_array_append_new(all, finding_json(&list[0], target));
    }
    free(list);
    return all;
}

/* ---- one look ---- */

static bool has_to_quit(void *ctx) { return atomic_load(&((struct surveying *)ctx)->quit) != 0; }

static enum err look(struct surveying *g, const struct act_target *t, struct survey *s, struct index_candidate *list, int *drawn, int *n, struct fault *fault)
{
    struct surveyor *v = NULL;
    enum err         e = surveyor_open(&t->link, clock_mono_us(&clock_real) + LOOK_MAX_S * US_PER_S, &v, fault);
    if (e == OK)
        surveyor_watch(v, has_to_quit, g);
    if (e == OK)
        e = surveyor_look(v, s, fault);
    if (e == OK) {
        *n = *drawn = index_draw(s, list);
        e = surveyor_judge(v, s, list, *n, fault);
    }
    if (e == OK)
        *n = index_score(s, list, *n);
    surveyor_close(v);
    return e;
}

static json_t *make_report(struct surveying *g, int index)
{
    const struct act_target *t = atomic_load(&g->engine->target[index].act);
    struct survey           *s = malloc(sizeof *s);
    struct index_candidate  *list = calloc(CANDIDATES_MAX, sizeof *list);
    struct fault             fault = { 0 };
    char                     when[32];
    int                      n = 0, drawn = 0, left_out = 0;
    json_t *report = json_pack("{s:s,s:s}", "target", t->name, "taken_at", clock_format(clock_wall_us(&clock_real), when, sizeof when));
    if (!s || !list) {
        free(s);
        free(list);
        json_object_set_new(report, "error", json_string("no memory for a survey"));
        return report;
    }
    survey_init(s);
    if (look(g, t, s, list, &drawn, &n, &fault) == OK) {
        json_t *indexes = json_array(), *findings = findings_json(s, t->name, &left_out);
        for (int i = 0; i < n; i++)
            json_array_append_new(indexes, candidate_json(s, &list[i], t->name));
        json_t *more = json_pack("{s:s,s:s,s:i,s:o,s:o,s:i,s:i,s:b,s:o,s:o,s:o,s:o,s:n}", "database", s->database, "role", s->role,
                                 "server_version", s->server_version, "statistics_age_s", number(s->stats_s), "statements_age_s", number(s->statements_s), "tables", s->tables, "indexes_seen", s->indexes, "hypothetical_indexes", s->has_hypopg, "limits",
                                 limits_json(s, drawn, left_out), "findings", findings, "indexes", indexes, "statements", statements_json(s), "error");
        json_object_update(report, more);
        json_decref(more);
    } else {
        json_object_set_new(report, "error", told(fault.text));
        json_object_set_new(report, "hint", told(fault.hint));
    }
    survey_done(s);
    free(s);
    free(list);
    return report;
}

/* ---- the thread ---- */

static int next_wanted(struct surveying *g)
{
    for (int i = 0; i < g->engine->targets; i++)
        if (g->slot[i].wanted)
            return i;
    return -1;
}

static void *surveying_main(void *arg)
{
    struct surveying *g = arg;
    pthread_mutex_lock(&g->lock);
    while (!atomic_load(&g->quit)) {
        int i = next_wanted(g);
        if (i < 0) {
            pthread_cond_wait(&g->wake, &g->lock);
            continue;
        }
        g->slot[i].wanted = false;
        g->slot[i].under_way = true;
        pthread_mutex_unlock(&g->lock);
        json_t *report = make_report(g, i);
        const char *error = json_string_value(json_object_get(report, "error"));
        if (error)
            log_warn("a database could not be looked at", F("target", g->engine->target[i].conf->name), F("why", error));
        pthread_mutex_lock(&g->lock);
        json_decref(g->slot[i].report);
        g->slot[i].report = report;
        g->slot[i].made_us = clock_mono_us(&clock_real);
        g->slot[i].under_way = false;
        if (g->slot[i].outdated) {
            json_decref(report);
            g->slot[i].report = NULL;
            g->slot[i].wanted = true;
        }
        g->slot[i].outdated = false;
    }
    pthread_mutex_unlock(&g->lock);
    return NULL;
}

enum err surveying_start(struct engine *e, struct fault *fault)
{
    struct surveying *g = calloc(1, sizeof *g);
    if (g)
        g->slot = calloc((size_t)(e->targets ? e->targets : 1), sizeof *g->slot);
    if (!g || !g->slot) {
        free(g);
        return fail(fault, ERR_LIMIT, "no memory for surveys");
    }
    g->engine = e;
    pthread_mutex_init(&g->lock, NULL);
    pthread_cond_init(&g->wake, NULL);
    if (pthread_create(&g->thread, NULL, surveying_main, g) != 0) {
        free(g->slot);
        free(g);
        return fail(fault, ERR_LIMIT, "cannot start the thread that surveys");
    }
    e->surveying = g;
    return OK;
}

void surveying_stop(struct engine *e)
{
    struct surveying *g = e->surveying;
    if (!g)
        return;
    pthread_mutex_lock(&g->lock);
    atomic_store(&g->quit, 1);
    pthread_cond_signal(&g->wake);
    pthread_mutex_unlock(&g->lock);
    pthread_join(g->thread, NULL);
    for (int i = 0; i < e->targets; i++)
        json_decref(g->slot[i].report);
    pthread_cond_destroy(&g->wake);
    pthread_mutex_destroy(&g->lock);
    free(g->slot);
    free(g);
    e->surveying = NULL;
}

void engine_report_forget(struct engine *e, const char *target)
{
    struct surveying *g = e->surveying;
    int               i = engine_target_index(e, target);
    if (!g || i < 0)
        return;
    pthread_mutex_lock(&g->lock);
    json_decref(g->slot[i].report);
    g->slot[i].report = NULL;
    g->slot[i].outdated = g->slot[i].under_way;
    pthread_mutex_unlock(&g->lock);
}

/* What the seconds complain about, as it is now. */
static void add_symptoms(struct engine *e, int target, json_t *report)
{
    json_t *live = engine_live(e), *of = json_array_get(json_object_get(live, "targets"), (size_t)target);
    json_t *symptoms = json_object_get(of, "symptoms");
    json_object_set_new(report, "symptoms", symptoms ? json_incref(symptoms) : json_array());
    json_decref(live);
}

enum err engine_report(struct engine *e, const char *target, int64_t max_age_us, json_t **report, struct fault *fault)
{
    struct surveying *g = e->surveying;
    int               i = engine_target_index(e, target);
    *report = NULL;
    if (i < 0)
        return fail(fault, ERR_MISSING, "there is no such target");
    if (!g)
        return fail(fault, ERR_BUSY, "nothing can be looked at yet");
    pthread_mutex_lock(&g->lock);
    struct survey_slot *slot = &g->slot[i];
    bool fresh = slot->report && clock_mono_us(&clock_real) - slot->made_us <= max_age_us;
    if (fresh) {
        *report = json_copy(slot->report);   /* shallow: what stands in it is shared, and never changed */
    } else if (!slot->under_way && (slot->made_us == 0 || clock_mono_us(&clock_real) - slot->made_us >= LOOK_PAUSE_S * US_PER_S)) {
        slot->wanted = true;
        pthread_cond_signal(&g->wake);
    }
    pthread_mutex_unlock(&g->lock);
    if (fresh)
        add_symptoms(e, i, *report);
    return fresh ? OK : fail(fault, ERR_BUSY, "the database is being looked at");
}
