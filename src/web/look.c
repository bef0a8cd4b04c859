/*
 * web/look.c - what only looks: at the store, and at what the engine sees right now.
 */
#include "web/inside.h"

#include "conf/knob.h"
#include "explain/explain.h"
#include "model/casefile.h"

#include <stdlib.h>
#include <string.h>

enum { LIST_DEFAULT = 100, LIST_MAX = 500, OUTCOMES_FOLLOWED = 1000, METRIC_DAYS_MAX = 31 };

/* ---- parameters ---- */

static bool bad_parameter(struct exchange *x, const char *name, const char *text, const char *hint, enum MHD_Result *answered)
{
    struct fault fault;
    (void)fail(&fault, ERR_INPUT, "%s: %s", name, text);
    if (hint)
        fail_hint(&fault, "%s", hint);
    *answered = answer_problem(x, PROBLEM_MALFORMED, &fault, json_pack("{s:s}", "parameter", name));
    return false;
}

/* A moment (RFC 3339) or how long ago (90s, 15min, 2h). Absent: missing_us. */
static bool query_time(struct exchange *x, const char *name, int64_t missing_us, int64_t *out, enum MHD_Result *answered)
{
    const char  *said = exchange_query(x, name);
    struct fault fault;
    int64_t      ago_us;
    *out = missing_us;
    if (!said || !*said)
        return true;
    if ((*out = clock_parse(said)) >= 0)
        return true;
    if (knob_time_parse(said, &ago_us, &fault) == OK && ago_us >= 0) {
        int64_t now_us = clock_wall_us(x->web->clock);
        *out = ago_us < now_us ? now_us - ago_us : 0;
        return true;
    }
    return bad_parameter(x, name, "this is no time", "a moment as 2026-01-31T12:00:00Z, or how long ago as 90s, 15min, 2h", answered);
}

static bool query_limit(struct exchange *x, int *limit, enum MHD_Result *answered)
{
    const char *said = exchange_query(x, "limit");
    char       *rest;
    *limit = LIST_DEFAULT;
    if (!said)
        return true;
    long n = strtol(said, &rest, 10);
    if (*said == '\0' || *rest != '\0' || n < 1 || n > LIST_MAX)
        return bad_parameter(x, "limit", "must be 1 to 500", NULL, answered);
    *limit = (int)n;
    return true;
}

/* ---- the store ---- */

typedef enum err read_one(struct store_reader *r, const char *id, json_t **out, struct fault *fault);

/* Where ingest runs, the event of a case has the case's id: GET /event/{id}. */
static void name_event(struct exchange *x, json_t *out, const char *id)
{
    if (x->web->sources.event && json_is_object(out))
        json_object_set_new(out, "event_id", json_string(id));
}

/* Give the reader back and answer with what it read. More members of the answer are taken from *out when it is a list with a cursor. */
static enum MHD_Result answer_read(struct exchange *x, struct store_reader *r, enum err code, json_t *out, const struct fault *fault)
{
    web_reader_give(x->web, r, code != ERR_IO);
    return code == OK ? answer_data(x, 200, out, NULL) : answer_fault(x, fault);
}

static enum MHD_Result read_and_answer(struct exchange *x, read_one *read)
{
    struct fault         fault = { 0 };
    json_t              *out = NULL;
    struct store_reader *r = web_reader_take(x->web, &fault);
    if (!r)
        return answer_fault(x, &fault);
    enum err code = read(r, x->id, &out, &fault);
    return answer_read(x, r, code, out, &fault);
}

static enum err read_all_budgets(struct store_reader *r, const char *id, json_t **out, struct fault *fault) { return read_budgets(r, out, fault); }

enum MHD_Result look_timeline(struct exchange *x)  { return read_and_answer(x, read_timeline); }
enum MHD_Result look_budgets(struct exchange *x)   { return read_and_answer(x, read_all_budgets); }

/* The store keeps those that have ended, too, until they are cleared. */
static void leave_out_the_ended(json_t *stops, int64_t now_us)
{
    for (size_t i = json_array_size(stops); i-- > 0;) {
        const char *expires = json_string_value(json_object_get(json_array_get(stops, i), "expires_at"));
        if (expires && clock_parse(expires) <= now_us)
            (void)json_array_remove(stops, i);
    }
}

enum MHD_Result look_stops(struct exchange *x)
{
    struct fault         fault = { 0 };
    json_t              *out = NULL;
    struct store_reader *r = web_reader_take(x->web, &fault);
    if (!r)
        return answer_fault(x, &fault);
    enum err code = read_stops(r, &out, &fault);
    leave_out_the_ended(out, clock_wall_us(x->web->clock));
    return answer_read(x, r, code, out, &fault);
}

enum MHD_Result look_case_file(struct exchange *x)
{
    struct fault         fault = { 0 };
    json_t              *out = NULL;
    struct store_reader *r = web_reader_take(x->web, &fault);
    if (!r)
        return answer_fault(x, &fault);
    enum err code = read_case_file(r, x->id, &out, &fault);
    if (code == OK)
        name_event(x, out, x->id);
    return answer_read(x, r, code, out, &fault);
}

enum MHD_Result look_case(struct exchange *x)
{
    struct fault         fault = { 0 };
    json_t              *out = NULL;
    int64_t              version = 0;
    struct store_reader *r = web_reader_take(x->web, &fault);
    if (!r)
        return answer_fault(x, &fault);
    enum err code = read_case(r, x->id, &out, &version, &fault);
    if (code == OK) {
        exchange_header(x, "ETag", "\"v%lld\"", (long long)version);
        if (header_if_none_match(exchange_request_header(x, "If-None-Match"), version)) {
            web_reader_give(x->web, r, true);
            json_decref(out);
            return answer_nothing(x, 304);
        }
    }
    if (code == OK)
        name_event(x, out, x->id);
    return answer_read(x, r, code, out, &fault);
}

/* Percent-encode what is not unreserved. */
static void add_encoded(struct text *t, const char *s)
{
    for (; *s; s++)
        if (strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~", *s))
            text_add_n(t, s, 1);
        else
            text_printf(t, "%%%02X", (unsigned)(unsigned char)*s);
}

static void link_next(struct exchange *x, const char *cursor, int limit)
{
    static const char *const kept[] = { "state", "target", "tenant", "since", "shared" };
    struct text url CLEANUP(text_done);
    text_init(&url, 2048);
    text_printf(&url, "/v1%s?limit=%d", x->route->path, limit);
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        const char *value = exchange_query(x, kept[i]);
        if (value && *value) {
            text_printf(&url, "&%s=", kept[i]);
            add_encoded(&url, value);
        }
    }
    text_add(&url, "&cursor=");
    add_encoded(&url, cursor);
    if (!url.cut)
        exchange_header(x, "Link", "<%s>; rel=\"next\"", url.s);
}

static const char *not_empty(const char *s) { return s && *s ? s : NULL; }

/* {"data": [...], "next_cursor": ...} as it is. Gives the reader back. */
static enum MHD_Result answer_page(struct exchange *x, struct store_reader *r, enum err code, json_t *page, int limit, const struct fault *fault)
{
    web_reader_give(x->web, r, code != ERR_IO);
    if (code != OK)
        return code == ERR_INPUT ? answer_problem(x, PROBLEM_MALFORMED, fault, json_pack("{s:s}", "parameter", "cursor")) : answer_fault(x, fault);
    const char *cursor = json_string_value(json_object_get(page, "next_cursor"));
    if (cursor)
        link_next(x, cursor, limit);
    return answer_json(x, 200, "application/json", page);
}

enum MHD_Result look_cases(struct exchange *x)
{
    enum MHD_Result    answered = MHD_NO;
    struct case_filter f = {
        .state = not_empty(exchange_query(x, "state")), .target = not_empty(exchange_query(x, "target")),
        .tenant = not_empty(exchange_query(x, "tenant")), .cursor = not_empty(exchange_query(x, "cursor")),
    };
    enum case_state state;
    if (f.state && !case_state_parse(f.state, &state)) {
        (void)bad_parameter(x, "state", "there is no such state", "NEW, ANALYZING, PLANNING, WAIT_GATE, EXECUTING, VERIFYING, PARKED or CLOSED", &answered);
        return answered;
    }
    if (!query_limit(x, &f.limit, &answered) || !query_time(x, "since", 0, &f.since_us, &answered))
        return answered;

    struct fault         fault = { 0 };
    json_t              *out = NULL;
    struct store_reader *r = web_reader_take(x->web, &fault);
    if (!r)
        return answer_fault(x, &fault);
    enum err code = read_cases(r, &f, &out, &fault);
    return answer_page(x, r, code, out, f.limit, &fault);
}

enum MHD_Result look_knowledge(struct exchange *x)
{
    enum MHD_Result answered = MHD_NO;
    const char     *shared = not_empty(exchange_query(x, "shared"));
    int             limit;
    if (shared && strcmp(shared, "true") != 0 && strcmp(shared, "false") != 0) {
        (void)bad_parameter(x, "shared", "must be true or false", NULL, &answered);
        return answered;
    }
    if (!query_limit(x, &limit, &answered))
        return answered;
    struct fault         fault = { 0 };
    json_t              *out = NULL;
    struct store_reader *r = web_reader_take(x->web, &fault);
    if (!r)
        return answer_fault(x, &fault);
    bool only = shared && strcmp(shared, "true") == 0;
    enum err code = read_knowledge(r, only, not_empty(exchange_query(x, "cursor")), limit, &out, &fault);
    return answer_page(x, r, code, out, limit, &fault);
}

/* What each has reached follows from those before it, more of which are read than are wanted. */
static enum err read_followed(struct store_reader *r, const char *target, int limit, json_t **out, struct fault *fault)
{
    enum err code = read_outcomes(r, target, OUTCOMES_FOLLOWED, out, fault);
    if (code != OK)
        return code;
    code = explain_levels(*out, fault);
    while (code == OK && json_array_size(*out) > (size_t)limit)
        (void)json_array_remove(*out, json_array_size(*out) - 1);
    if (code != OK) {
        json_decref(*out);
        *out = NULL;
    }
    return code;
}

enum MHD_Result look_outcomes(struct exchange *x)
{
    enum MHD_Result answered = MHD_NO;
    int             limit;
    if (!query_limit(x, &limit, &answered))
        return answered;
    struct fault         fault = { 0 };
    json_t              *out = NULL;
    struct store_reader *r = web_reader_take(x->web, &fault);
    if (!r)
        return answer_fault(x, &fault);
    enum err code = read_followed(r, x->id, limit, &out, &fault);
    return answer_read(x, r, code, out, &fault);
}

enum MHD_Result look_metric(struct exchange *x)
{
    enum MHD_Result answered = MHD_NO;
    int64_t         now_us = clock_wall_us(x->web->clock), from_us, to_us;
    const char     *name = exchange_query(x, "name");
    if (!name || !*name) {
        (void)bad_parameter(x, "name", "which metric?", "as in ?name=tps", &answered);
        return answered;
    }
    if (!query_time(x, "from", now_us - 3600 * US_PER_S, &from_us, &answered) || !query_time(x, "to", now_us, &to_us, &answered))
        return answered;
    if (from_us >= to_us) {
        (void)bad_parameter(x, "from", "must be before `to`", NULL, &answered);
        return answered;
    }
    if (to_us - from_us > METRIC_DAYS_MAX * 86400 * US_PER_S) {   /* half a year is kept: some hundred thousand minutes */
        (void)bad_parameter(x, "from", "must be at most 31 days before `to`", "ask for a longer time in parts", &answered);
        return answered;
    }
    struct fault         fault = { 0 };
    json_t              *out = NULL;
    struct store_reader *r = web_reader_take(x->web, &fault);
    if (!r)
        return answer_fault(x, &fault);
    enum err code = read_metric(r, x->id, name, from_us, to_us, &out, &fault);
    return answer_read(x, r, code, out, &fault);
}

/* ---- right now ---- */

static enum MHD_Result answer_missing(struct exchange *x, const char *what)
{
    struct fault fault;
    (void)fail(&fault, ERR_MISSING, "%s", what);
    return answer_problem(x, PROBLEM_NOT_FOUND, &fault, NULL);
}

static enum MHD_Result answer_nothing_seen(struct exchange *x)
{
    struct fault fault;
    (void)fail(&fault, ERR_BUSY, "nothing has been seen yet");
    exchange_header(x, "Retry-After", "1");
    return answer_problem(x, PROBLEM_BUSY, &fault, NULL);
}

/* engine_live() tells everything at once: {"targets": [{"name": ...}, ...], "engine": {...}}. It is shared: look, never touch. */
enum MHD_Result look_targets(struct exchange *x)
{
    json_t *live = engine_live(x->web->engine);
    json_t *targets = json_incref(json_object_get(live, "targets")), *engine = json_incref(json_object_get(live, "engine"));
    json_decref(live);
    if (!targets) {
        json_decref(engine);
        return answer_nothing_seen(x);
    }
    return answer_data(x, 200, targets, engine ? json_pack("{s:o}", "engine", engine) : NULL);
}

enum MHD_Result look_target(struct exchange *x)
{
    json_t *live = engine_live(x->web->engine), *found = NULL, *t;
    bool    seen = json_object_get(live, "targets") != NULL;
    size_t  i;
    json_array_foreach(json_object_get(live, "targets"), i, t) {
        const char *name = json_string_value(json_object_get(t, "name"));
        if (!found && name && strcmp(name, x->id) == 0)
            found = json_incref(t);
    }
    json_decref(live);
    if (!seen)
        return answer_nothing_seen(x);
    return found ? answer_data(x, 200, found, NULL) : answer_missing(x, "there is no such target");
}

enum MHD_Result look_series(struct exchange *x)
{
    enum MHD_Result answered = MHD_NO;
    int64_t         since_us;
    if (!query_time(x, "since", clock_wall_us(x->web->clock) - 300 * US_PER_S, &since_us, &answered))
        return answered;
    json_t *series = engine_series(x->web->engine, x->id, not_empty(exchange_query(x, "metrics")), since_us);
    return series ? answer_data(x, 200, series, NULL) : answer_missing(x, "there is no such target, or no such metric");
}

/* The look is made elsewhere and may take a while: until it is there the answer is "not now", and how soon to ask again. */
enum MHD_Result look_report(struct exchange *x)
{
    enum MHD_Result answered = MHD_NO;
    int64_t         now_us = clock_wall_us(x->web->clock), since_us;
    if (!query_time(x, "max_age", now_us - 60 * US_PER_S, &since_us, &answered))
        return answered;
    struct fault fault = { 0 };
    json_t      *report = NULL;
    enum err     code = engine_report(x->web->engine, x->id, now_us - since_us, &report, &fault);
    if (code == ERR_BUSY) {
        exchange_header(x, "Retry-After", "1");
        return answer_problem(x, PROBLEM_BUSY, &fault, NULL);
    }
    return code == OK ? answer_data(x, 200, report, NULL) : answer_missing(x, "there is no such target");
}

enum MHD_Result look_rules(struct exchange *x)
{
    const struct web_sources *s = &x->web->sources;
    json_t                   *rules = s->rules ? s->rules(s->ctx) : NULL;
    return rules ? answer_data(x, 200, rules, NULL) : answer_missing(x, "the rule table is not available here");
}

enum MHD_Result look_policy(struct exchange *x)
{
    const struct web_sources *s = &x->web->sources;
    json_t                   *policy = s->policy ? s->policy(s->ctx) : NULL;
    return policy ? answer_data(x, 200, policy, NULL) : answer_missing(x, "the policy is not available here");
}

enum MHD_Result look_whoami(struct exchange *x)
{
    static const enum role roles[] = { ROLE_VIEWER, ROLE_OPERATOR, ROLE_APPROVER, ROLE_ADMIN };
    json_t *held = json_array();
    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++)
        if (x->who.roles & (unsigned)roles[i]) {
            char name[16];
            token_roles_format((unsigned)roles[i], name, sizeof name);
            (void)json_array_append_new(held, json_string(name));
        }
    return answer_data(x, 200, json_pack("{s:s, s:o}", "name", x->who.name, "roles", held), NULL);
}

/* ---- health and metrics ---- */

static enum MHD_Result answer_health(struct exchange *x, bool ready)
{
    json_t *health = engine_health(x->web->engine, ready);
    bool    ok = json_is_true(json_object_get(health, "ok"));
    json_t *checks = json_incref(json_object_get(health, "checks"));
    char    why[200] = "";
    const struct web_sources *s = &x->web->sources;
    bool    flows = !ready || !s->ingest_ready || s->ingest_ready(s->ctx, checks, why, sizeof why);
    struct fault fault;
    if (!ok || !flows)
        (void)fail(&fault, ERR_BUSY, "%s", ok ? why : json_string_value(json_object_get(health, "why")));
    ok = ok && flows;
    json_decref(health);
    if (!ok)
        return answer_problem(x, PROBLEM_BUSY, &fault, checks ? json_pack("{s:o}", "checks", checks) : NULL);
    json_t *data = json_pack("{s:b}", "ok", true);
    /* ?verbose has no value, hence the longer question. */
    if (checks && MHD_lookup_connection_value_n(x->connection, MHD_GET_ARGUMENT_KIND, "verbose", strlen("verbose"), NULL, NULL) == MHD_YES)
        (void)json_object_set(data, "checks", checks);
    json_decref(checks);
    return answer_data(x, 200, data, NULL);
}

enum MHD_Result look_livez(struct exchange *x)  { return answer_health(x, false); }
enum MHD_Result look_readyz(struct exchange *x) { return answer_health(x, true); }

enum MHD_Result look_metrics(struct exchange *x)
{
    static const char *const offers[] = {
        "text/plain; version=0.0.4; charset=utf-8",
        "application/openmetrics-text; version=1.0.0; charset=utf-8",
    };
    int form = header_accept(exchange_request_header(x, "Accept"), offers, 2);
    if (form < 0) {
        struct fault fault;
        (void)fail(&fault, ERR_INPUT, "metrics are text");
        return answer_problem(x, PROBLEM_NOT_ACCEPTABLE, &fault, json_pack("{s:[s,s]}", "available", offers[0], offers[1]));
    }
    struct text all CLEANUP(text_done), open CLEANUP(text_done);
    text_init(&all, 8 * 1024 * 1024);
    text_init(&open, 8 * 1024 * 1024);
    char *engine = engine_metrics(x->web->engine);
    text_add(&all, engine ? engine : "");
    free(engine);
    if (all.used > 0 && all.s[all.used - 1] != '\n')
        text_add(&all, "\n");
    if (x->web->sources.ingest_metrics)
        x->web->sources.ingest_metrics(x->web->sources.ctx, &all);
    meter_write(&x->web->meter, &all);
    if (form == 1)
        meter_openmetrics(all.s, &open);
    const struct text *out = form == 1 ? &open : &all;
    if (out->cut)
        return answer_problem(x, PROBLEM_INTERNAL, NULL, NULL);
    return answer_text(x, 200, offers[form], out->s, out->used);
}
