/*
 * web/route.c - the table, and how a path finds its row.
 *
 * The rows that change something come from the engine's own table, so that none can be forgotten.
 */
#include "web/inside.h"

#include <string.h>

#define JSON "application/json"

const struct web_route web_routes[] = {
#define X(id, name, method, route, role, text) { method, route, role, command_handle, COMMAND_##id, JSON, text },
    ENGINE_COMMAND_MAP(X)
#undef X
    { "GET", "/case",                 ROLE_VIEWER,   look_cases,     -1, JSON, "Cases, newest first, by state, target, tenant and time" },
    { "GET", "/case/{id}",            ROLE_VIEWER,   look_case,      -1, JSON, "One case as it is now" },
    { "GET", "/case/{id}/timeline",   ROLE_VIEWER,   look_timeline,  -1, JSON, "Everything that happened to a case, in order" },
    { "GET", "/case/{id}/file",       ROLE_VIEWER,   look_case_file, -1, JSON, "The whole file: plans, verdicts, steps, trial, outcome, evidence" },
    { "GET", "/case/{id}/explanation", ROLE_VIEWER,  look_explanation, -1, NULL, "Why a change helped or not: through what it acted, with intervals, refuters and what else was tried" },
    { "GET", "/target",               ROLE_VIEWER,   look_targets,   -1, JSON, "What is watched, as it is right now" },
    { "GET", "/target/{id}",          ROLE_VIEWER,   look_target,    -1, JSON, "One target as it is right now" },
    { "GET", "/target/{id}/series",   ROLE_VIEWER,   look_series,    -1, JSON, "The last minutes of a target, second by second" },
    { "GET", "/target/{id}/metric",   ROLE_VIEWER,   look_metric,    -1, JSON, "One metric of a target, minute by minute" },
    { "GET", "/target/{id}/outcomes", ROLE_VIEWER,   look_outcomes,  -1, JSON, "What was tried with a target and what became of it" },
    { "GET", "/target/{id}/report",   ROLE_VIEWER,   look_report,    -1, JSON, "What a careful look at a database finds: symptoms, indexes that could help, indexes and statistics that hurt" },
    { "GET", "/knowledge",            ROLE_VIEWER,   look_knowledge, -1, JSON, "What trials taught, newest first, in a form that other databases can use" },
    { "GET", "/stop",                 ROLE_VIEWER,   look_stops,     -1, JSON, "The stop switches" },
    { "GET", "/budget",               ROLE_VIEWER,   look_budgets,   -1, JSON, "What has been spent of each budget" },
    { "GET", "/rules",                ROLE_VIEWER,   look_rules,     -1, JSON, "How a case moves: the rule table" },
    { "GET", "/policy",               ROLE_VIEWER,   look_policy,    -1, JSON, "The policy in force" },
    { "GET", "/events",               ROLE_VIEWER,   stream_handle,  -1, "text/event-stream", "The live stream, resumable by Last-Event-ID" },
    { "GET", "/ingest",               ROLE_VIEWER,   telemetry_status,      -1, JSON, "How ingest stands: journal, listeners, digest, sinks, and how far each is behind" },
    { "POST", "/ingest/consumers/{id}/replay", ROLE_OPERATOR, telemetry_consumer_replay, -1, JSON, "Have a sink read the journal again from a record or a moment on" },
    { "POST", "/ingest/consumers/{id}/forget", ROLE_OPERATOR, telemetry_consumer_forget, -1, JSON, "Forget a consumer that will not come back, so that it holds nothing any more" },
    { "POST", "/events/enqueue",      ROLE_OPERATOR, telemetry_enqueue,     -1, JSON, "Ask for the windows of a job again: a back-fill" },
    { "GET", "/trace/{id}",           ROLE_VIEWER,   telemetry_trace,       -1, JSON, "The spans and logs of one trace, out of the journal" },
    { "GET", "/service",              ROLE_VIEWER,   telemetry_services,    -1, JSON, "Services with their calls and error rates" },
    { "GET", "/service/{id}/downstreams", ROLE_VIEWER, telemetry_downstreams, -1, JSON, "The same by a plain name, without slashes and blanks: what a service calls" },
    { "GET", "/downstreams",          ROLE_VIEWER,   telemetry_downstreams, -1, JSON, "What a service calls, by any name or URN: the failing and the slow first, with metrics, patterns of logs and where the raw data lies" },
    { "GET", "/service/metrics",      ROLE_VIEWER,   telemetry_metrics,     -1, JSON, "The metrics of a service with their newest minute, or the minutes of one of them" },
    { "GET", "/pattern",              ROLE_VIEWER,   telemetry_patterns,    -1, JSON, "Patterns of log lines, the most frequent errors first" },
    { "GET", "/job",                  ROLE_VIEWER,   telemetry_jobs,        -1, JSON, "Windows of the jobs: done, failed, how far behind" },
    { "GET", "/table",                ROLE_VIEWER,   telemetry_tables,      -1, JSON, "Tables of rows that were registered, with their columns" },
    { "POST", "/event",               ROLE_OPERATOR, event_post,            -1, JSON, "Tell of something that happened: a deploy, an incident; the same again is the same event" },
    { "GET", "/event",                ROLE_VIEWER,   telemetry_events,      -1, JSON, "What happened, the newest first, by time, kind and service" },
    { "GET", "/event/{id}",           ROLE_VIEWER,   telemetry_event,       -1, JSON, "One event with its evidence and pointers to the raw data" },
    { "GET", "/whoami",               ROLE_VIEWER,   look_whoami,    -1, JSON, "Whose token this is and what it may do" },
    { "GET", "/metrics",              ROUTE_METRICS, look_metrics,   -1, NULL, "Metrics of the engine itself" },
    { "GET", "/livez",                ROUTE_OPEN,    look_livez,     -1, JSON, "Is the loop alive?" },
    { "GET", "/readyz",               ROUTE_OPEN,    look_readyz,    -1, JSON, "Is everything ready?" },
    { "GET", "/openapi.json",         ROUTE_OPEN,    openapi_json,   -1, JSON, "This interface, as OpenAPI 3.1" },
    { "GET", "/openapi.yaml",         ROUTE_OPEN,    openapi_yaml,   -1, "application/yaml", "This interface, as OpenAPI 3.1" },
    { "GET", "/",                     ROUTE_OPEN,    page_index,     -1, "text/html", "The dashboard" },
    { "GET", "/assets/{id}",          ROUTE_OPEN,    page_asset,     -1, NULL, "Files of the dashboard" },
};
const size_t web_route_count = sizeof web_routes / sizeof web_routes[0];
_Static_assert(sizeof web_routes / sizeof web_routes[0] <= METER_ROUTES, "each route has a counter");

/* Does the path fit the pattern? What stands for {id} is copied; it must fit, too. */
static bool path_fits(const char *pattern, const char *path, char id[ROUTE_ID_SIZE])
{
    id[0] = '\0';
    while (*pattern) {
        if (*pattern == '{') {
            size_t n = strcspn(path, "/");
            if (n == 0 || n >= ROUTE_ID_SIZE)
                return false;
            for (size_t i = 0; i < n; i++)
                if ((unsigned char)path[i] <= ' ' || path[i] == 0x7f)
                    return false;
            memcpy(id, path, n);
            id[n] = '\0';
            path += n;
            pattern = strchr(pattern, '}') + 1;
        } else if (*pattern++ != *path++) {
            return false;
        }
    }
    return *path == '\0';
}

static bool has_braces(const char *s) { return strchr(s, '{') != NULL; }

void route_find(const char *method, const char *path, struct route_match *m)
{
    const char *wanted = strcmp(method, "HEAD") == 0 ? "GET" : method;
    char        id[ROUTE_ID_SIZE];
    /* A path written out goes before one with braces: POST /case/create is not the case called "create". */
    *m = (struct route_match){ 0 };
    for (int braces = 0; braces < 2 && m->allow[0] == '\0'; braces++)
        for (size_t i = 0; i < web_route_count; i++) {
            const struct web_route *r = &web_routes[i];
            if (has_braces(r->path) != (braces == 1) || !path_fits(r->path, path, id))
                continue;
            size_t used = strlen(m->allow);
            (void)snprintf(m->allow + used, sizeof m->allow - used, "%s%s%s", used ? ", " : "", r->method, strcmp(r->method, "GET") == 0 ? ", HEAD" : "");
            if (strcmp(r->method, wanted) == 0) {
                m->route = r;
                memcpy(m->id, id, sizeof id);
            }
        }
    if (m->allow[0] != '\0') {
        size_t used = strlen(m->allow);
        (void)snprintf(m->allow + used, sizeof m->allow - used, ", OPTIONS");
    }
}
