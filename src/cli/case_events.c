/* cli/case_events.c - cases as events of the telemetry. */
#include "cli/case_events.h"

#include "base/clock.h"
#include "base/log.h"
#include "digest/minute.h"
#include "store/read.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *text_of(const json_t *o, const char *name)
{
    const char *s = json_string_value(json_object_get(o, name));
    return s ? s : "";
}

json_t *case_event_of(const json_t *about, const char *host)
{
    char        urn[320], host_urn[160];
    const char *target = text_of(about, "target"), *tenant = text_of(about, "tenant");
    /* Who opened it says what it is: a person has an incident; the engine has found something that could be better. */
    bool        own = strcmp(text_of(about, "opened_by"), "engine") == 0;
    const char *kind = own ? "anomaly" : "incident", *severity = own ? "INFO" : "WARN";
    urn_host(host, host_urn, sizeof host_urn);
    if (*target)
        urn_database(target, "server", urn, sizeof urn);
    else
        (void)snprintf(urn, sizeof urn, "%s", host_urn);
    /* What comes in without a tenant is the installation's own, as is what belongs to the tenant "default" of the configuration. */
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:{s:s, s:s, s:s}}", "event_id", text_of(about, "id"), "tenant", strcmp(tenant, "default") == 0 ? "" : tenant, "kind", kind, "severity",
                     severity, "urn", urn, "at", text_of(about, "created_at"), "title", text_of(about, "title"), "labels", "case", text_of(about, "id"), "host", host_urn, "opened_by",
                     text_of(about, "opened_by"));
}

static void tell(struct case_events *c, const json_t *about)
{
    char name[96] = "localhost";
    (void)gethostname(name, sizeof name - 1);
    json_t *event = case_event_of(about, name);
    if (event)
        ingest_happened(c->ingest, event);
}

/* On the engine's thread. */
static void on_message(void *ctx, const struct bus_message *m)
{
    if (strcmp(m->topic, "evt.case.transition.v1") != 0 || !strstr(m->payload, "\"created\""))
        return;
    json_t *message = json_loads(m->payload, 0, NULL), *data = json_object_get(message, "data"), *about = json_object_get(data, "case");
    if (strcmp(text_of(data, "event"), "created") == 0 && json_is_object(about))
        tell(ctx, about);
    json_decref(message);
}

static void tell_again(struct case_events *c, const char *store_folder)
{
    struct store_reader *r = NULL;
    struct case_filter   f = { .since_us = clock_wall_us(&clock_real) - CASE_EVENTS_AGAIN_US, .limit = CASE_EVENTS_AGAIN_MAX };
    struct fault         fault = { 0 };
    json_t              *out = NULL, *one;
    size_t               i;
    enum err             e = store_reader_open(store_folder, &r, &fault);
    if (e == OK)
        e = read_cases(r, &f, &out, &fault);
    if (e != OK)
        log_fault(LOG_WARN, "cases are not told again to ingest; those of before the start may be without evidence", &fault);
    json_array_foreach(json_object_get(out, "data"), i, one)
        tell(c, one);
    json_decref(out);
    store_reader_close(r);
}

void case_events_begin(struct case_events *c, struct engine *e, struct ingest *in, const char *store_folder)
{
    *c = (struct case_events){ .engine = e, .ingest = in, .handle = -1 };
    if (!in)
        return;
    tell_again(c, store_folder);
    c->handle = engine_subscribe(e, on_message, c);
    if (c->handle < 0)
        log_warn("cases are not told to ingest: too many listen to the engine");
}

void case_events_end(struct case_events *c)
{
    if (c->handle > 0)
        engine_unsubscribe(c->engine, c->handle);
}
