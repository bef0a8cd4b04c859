/*
 * web/telemetry.c - what came in: how ingest stands, what the digest made of it, and windows that are asked for again.
 *
 * The room ingest answers through web_sources; without it these routes say that it is off.
 */
#include "web/inside.h"

#include "conf/knob.h"

#include <stdlib.h>
#include <string.h>

static enum MHD_Result answer_off(struct exchange *x)
{
    struct fault fault;
    (void)fail(&fault, ERR_MISSING, "nothing is taken in here");
    fail_hint(&fault, "set ingest.enabled: yes in the configuration, and restart");
    return answer_problem(x, PROBLEM_NOT_FOUND, &fault, NULL);
}

enum MHD_Result telemetry_status(struct exchange *x)
{
    const struct web_sources *s = &x->web->sources;
    json_t                   *status = s->ingest ? s->ingest(s->ctx) : NULL;
    return status ? answer_data(x, 200, status, NULL) : answer_off(x);
}

/* A moment or how long ago; an absent one is `missing`. False: *out is not to be used. */
static bool moment(struct exchange *x, const char *name, int64_t missing, int64_t *out)
{
    const char  *said = exchange_query(x, name);
    struct fault fault;
    int64_t      ago_us, now_us = clock_wall_us(x->web->clock);
    *out = missing;
    if (!said || !*said || (*out = clock_parse(said)) >= 0)
        return true;
    if (knob_time_parse(said, &ago_us, &fault) != OK || ago_us < 0)
        return false;
    *out = ago_us < now_us ? now_us - ago_us : 0;
    return true;
}

/* All of it, from 1. */
static bool number_upto(const char *said, int most, int *out)
{
    char *rest;
    long  n = strtol(said, &rest, 10);
    *out = n >= 1 && n <= most ? (int)n : 0;
    return *said != '\0' && *rest == '\0' && *out > 0;
}

static enum MHD_Result answer_question(struct exchange *x, const char *what, const char *service)
{
    enum { HOUR_S = 3600, LIMIT = 100, LIMIT_MAX = 1000 };
    const struct web_sources *s = &x->web->sources;
    struct fault              fault = { 0 };
    struct web_question       q = { .what = what, .id = x->id, .service = service, .metric = exchange_query(x, "name"), .tenant = exchange_query(x, "tenant"), .kind = exchange_query(x, "kind"), .limit = LIMIT };
    const char               *limit = exchange_query(x, "limit");
    json_t                   *out = NULL;
    int64_t                   now_us = clock_wall_us(x->web->clock);
    if (!s->look)
        return answer_off(x);
    const char *odd = !moment(x, "since", now_us - HOUR_S * US_PER_S, &q.since_us) ? "since" : !moment(x, "until", now_us, &q.until_us) ? "until" : NULL;
    if (odd) {
        (void)fail(&fault, ERR_INPUT, "%s: this is no time", odd);
        fail_hint(&fault, "a moment as 2026-01-31T12:00:00Z, or how long ago as 90s, 15min, 2h");
        return answer_problem(x, PROBLEM_MALFORMED, &fault, json_pack("{s:s}", "parameter", odd));
    }
    if (limit && !number_upto(limit, LIMIT_MAX, &q.limit)) {
        (void)fail(&fault, ERR_INPUT, "limit must be 1 to %d", LIMIT_MAX);
        return answer_problem(x, PROBLEM_MALFORMED, &fault, json_pack("{s:s}", "parameter", "limit"));
    }
    return s->look(s->ctx, &q, &out, &fault) == OK ? answer_data(x, 200, out, NULL) : answer_fault(x, &fault);
}

/* Names of things hold slashes and blanks, so they stand in the query; a part of the path is enough for plain ones. */
static enum MHD_Result answer_of_service(struct exchange *x, const char *what)
{
    const char  *service = *x->id ? x->id : exchange_query(x, "service");
    struct fault fault = { 0 };
    if (service && *service)
        return answer_question(x, what, service);
    (void)fail(&fault, ERR_INPUT, "service is missing: a name such as cart, or a URN such as urn:k8s:svc:shop/cart");
    return answer_problem(x, PROBLEM_MALFORMED, &fault, json_pack("{s:s}", "parameter", "service"));
}

enum MHD_Result telemetry_trace(struct exchange *x)       { return answer_question(x, "trace", NULL); }
enum MHD_Result telemetry_services(struct exchange *x)    { return answer_question(x, "services", NULL); }
enum MHD_Result telemetry_downstreams(struct exchange *x) { return answer_of_service(x, "downstreams"); }
enum MHD_Result telemetry_metrics(struct exchange *x)     { return answer_of_service(x, "metrics"); }
enum MHD_Result telemetry_patterns(struct exchange *x)    { return answer_question(x, "patterns", exchange_query(x, "service")); }
enum MHD_Result telemetry_jobs(struct exchange *x)        { return answer_question(x, "jobs", NULL); }
enum MHD_Result telemetry_tables(struct exchange *x)      { return answer_question(x, "tables", NULL); }
enum MHD_Result telemetry_event(struct exchange *x)       { return answer_question(x, "event", NULL); }
enum MHD_Result telemetry_events(struct exchange *x)      { return answer_question(x, "events", exchange_query(x, "service")); }

/* The body as JSON, which the caller gives back; NULL: it was answered, and *result says how. */
static json_t *read_json(struct exchange *x, const char *wanted, enum MHD_Result *result)
{
    struct fault      fault = { 0 };
    struct body_fault where = { 0 };
    struct body       body = { 0 };
    if (body_read(x->body.s, x->body.used, header_content_type(exchange_request_header(x, "Content-Type")), &body, &where, &fault) != OK) {
        *result = command_refuse_body(x, &where, &fault);
        return NULL;
    }
    if (!body.json) {
        (void)fail(&fault, ERR_INPUT, "%s", wanted);
        *result = answer_problem(x, PROBLEM_MALFORMED, &fault, NULL);
    }
    return body.json;
}

/* POST /events/enqueue {job, tenant_id, from, to}: the same request again asks for the same windows, so it needs no key. 202: they are not over yet, and wait. */
enum MHD_Result telemetry_enqueue(struct exchange *x)
{
    const struct web_sources *s = &x->web->sources;
    struct fault              fault = { 0 };
    enum MHD_Result           result;
    json_t                   *out = NULL, *body;
    if (!s->enqueue)
        return answer_off(x);
    if (!(body = read_json(x, "a window is wanted: {\"job\": \"oo-agg\", \"tenant_id\": ..., \"from\": ..., \"to\": ...}", &result)))
        return result;
    enum err e = s->enqueue(s->ctx, body, &out, &fault);
    json_decref(body);
    return e == OK ? answer_data(x, json_is_string(json_object_get(out, "due")) ? 202 : 200, out, NULL) : answer_fault(x, &fault);
}

/* POST /ingest/consumers/{name}/replay {from} or {since}. */
enum MHD_Result telemetry_consumer_replay(struct exchange *x)
{
    const struct web_sources *s = &x->web->sources;
    struct fault              fault = { 0 };
    enum MHD_Result           result;
    json_t                   *out = NULL, *body;
    if (!s->replay)
        return answer_off(x);
    if (!(body = read_json(x, "a place is wanted: {\"from\": 4711}, or {\"since\": \"2h\"}", &result)))
        return result;
    enum err e = s->replay(s->ctx, x->id, body, &out, &fault);
    json_decref(body);
    return e == OK ? answer_data(x, 200, out, NULL) : answer_fault(x, &fault);
}

enum MHD_Result telemetry_consumer_forget(struct exchange *x)
{
    const struct web_sources *s = &x->web->sources;
    struct fault              fault = { 0 };
    json_t                   *out = NULL;
    if (!s->forget)
        return answer_off(x);
    return s->forget(s->ctx, x->id, &out, &fault) == OK ? answer_data(x, 200, out, NULL) : answer_fault(x, &fault);
}
