/* ingest/happened.c - what happened, from JSON. */
#include "ingest/happened.h"

#include "base/clock.h"
#include "event/event.h"
#include "store/digest_read.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define AHEAD_US (300 * US_PER_S)            /* clocks differ */
enum { TOLD_ID_MAX = 63, LABEL_TEXT_MAX = 1000 };

static const struct { const char *kind, *severity; } kinds[] = { { "deploy", "INFO" }, { "anomaly", "WARN" }, { "slo_violation", "ERROR" }, { "incident", "ERROR" } };
static const char *const severities[] = { "TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL" };

/* As a UUID of version 8 (RFC 9562: what is in it is the maker's own). */
static void uuid_of(const char *digest, char id[ID_SIZE])
{
    (void)snprintf(id, ID_SIZE, "%.8s-%.4s-8%.3s-a%.3s-%.12s", digest, digest + 8, digest + 13, digest + 17, digest + 20);
}

void happened_id(const char *told, char id[ID_SIZE])
{
    char digest[DIGEST_SIZE];
    if (strlen(told) == ID_SIZE - 1 && id_valid(told)) {
        for (int i = 0; i < ID_SIZE; i++)
            id[i] = (char)tolower((unsigned char)told[i]);
        return;
    }
    digest_hex(told, strlen(told), digest);
    uuid_of(digest, id);
}

/* A text that is there, not empty and not too long; NULL: it is not there, or (with *e) it is wrong. */
static const char *text_of(const json_t *request, const char *name, size_t max, enum err *e, struct fault *fault)
{
    const json_t *j = json_object_get(request, name);
    const char   *s = json_string_value(j);
    if (*e != OK || !j || json_is_null(j))
        return NULL;
    if (!s || !*s || strlen(s) > max) {
        *e = fail(fault, ERR_INPUT, "/%s must be a text of 1 to %zu bytes", name, max);
        return NULL;
    }
    return s;
}

static enum err read_id(const json_t *request, struct happened *h, struct fault *fault)
{
    enum err    e = OK;
    const char *told = text_of(request, "event_id", TOLD_ID_MAX, &e, fault);
    for (const char *c = told; c && *c; c++)
        if (!isalnum((unsigned char)*c) && !strchr("._:-", *c))
            return fail(fault, ERR_INPUT, "/event_id may hold letters, digits and . _ : - alone");
    char *all = json_dumps(request, JSON_COMPACT | JSON_SORT_KEYS);
    digest_hex(all ? all : "", all ? strlen(all) : 0, h->said);
    bool fine = all != NULL;
    free(all);
    if (e != OK || !fine)
        return e != OK ? e : fail(fault, ERR_LIMIT, "no memory to read an event");
    if (told)
        happened_id(told, h->id);
    h->external_id = told && strcasecmp(told, h->id) != 0 ? told : NULL;
    return OK;
}

static enum err read_kind(const json_t *request, struct happened *h, struct fault *fault)
{
    const char *kind = json_string_value(json_object_get(request, "kind")), *severity = json_string_value(json_object_get(request, "severity"));
    for (size_t i = 0; kind && i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kind, kinds[i].kind) == 0) {
            h->kind = kinds[i].kind;
            h->severity = kinds[i].severity;
        }
    if (!h->kind)
        return fail(fault, ERR_INPUT, "/kind must be deploy, anomaly, slo_violation or incident");
    if (!json_object_get(request, "severity"))
        return OK;
    for (size_t i = 0; severity && i < sizeof severities / sizeof *severities; i++)
        if (strcasecmp(severity, severities[i]) == 0) {
            h->severity = severities[i];
            return OK;
        }
    return fail(fault, ERR_INPUT, "/severity must be TRACE, DEBUG, INFO, WARN, ERROR or FATAL");
}

static const char *type_of(const char *urn)
{
    static const struct { const char *begin, *type; } types[] = { { "urn:svc:", "svc" }, { "urn:k8s:svc:", "svc" }, { "urn:host:", "host" }, { "urn:db:", "db" }, { "urn:queue:", "queue" },
        { "urn:source:", "source" }, { "urn:external", "external" } };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strncmp(urn, types[i].begin, strlen(types[i].begin)) == 0)
            return types[i].type;
    return "other";
}

static enum err read_place(const json_t *request, struct happened *h, struct fault *fault)
{
    enum err    e = OK;
    const char *urn = text_of(request, "urn", PLACE_URN_MAX - 1, &e, fault), *service = text_of(request, "service", 200, &e, fault);
    if (e != OK)
        return e;
    if (!urn && !service) {
        (void)fail(fault, ERR_INPUT, "/service or /urn is missing: where did it happen?");
        fail_hint(fault, "service: a name as in homeostat look services; urn: as urn:svc:cart, urn:host:web-1, urn:db:postgres:main/orders");
        return ERR_INPUT;
    }
    if (!urn) {
        struct attr  named = { SLICE("service.name"), { .kind = VALUE_TEXT, .as.text = slice_of(service) } };
        struct attrs all = { &named, 1 };
        place_of_resource(&all, SLICE("event"), &h->place);      /* its URN if nothing is known by that name */
        h->service = service;
        return OK;
    }
    if (strncmp(urn, "urn:", 4) != 0 || !urn[4])
        return fail(fault, ERR_INPUT, "/urn must begin with urn:, as urn:svc:cart");
    for (const char *c = urn; *c; c++)
        if ((unsigned char)*c <= ' ' || *c == 0x7f || *c == '"' || *c == '\\')
            return fail(fault, ERR_INPUT, "/urn may not hold blanks, quotes and backslashes");
    const char *slash = strrchr(urn, '/'), *colon = strrchr(urn, ':');
    h->place.type = type_of(urn);
    (void)snprintf(h->place.urn, sizeof h->place.urn, "%s", urn);
    (void)snprintf(h->place.name, sizeof h->place.name, "%s", slash ? slash + 1 : colon + 1);
    return OK;
}

static enum err read_time(const json_t *request, int64_t now_us, int64_t oldest_us, struct happened *h, struct fault *fault)
{
    const json_t *at = json_object_get(request, "at");
    const char   *text = json_string_value(at);
    h->at_us = now_us;
    if (!at || json_is_null(at))
        return OK;
    if (!text || (h->at_us = clock_parse(text)) < 0)
        return fail(fault, ERR_INPUT, "/at must be a moment such as 2026-01-31T12:00:00Z");
    if (h->at_us > now_us + AHEAD_US)
        return fail(fault, ERR_INPUT, "/at lies in the future");
    return h->at_us >= oldest_us ? OK : fail(fault, ERR_INPUT, "/at lies so far back that events of then are no longer kept");
}

static enum err read_labels(const json_t *request, struct happened *h, struct fault *fault)
{
    json_t     *labels = json_object_get(request, "labels"), *v;
    const char *key;
    if (!labels || json_is_null(labels))
        return OK;
    if (!json_is_object(labels) || json_object_size(labels) > HAPPENED_LABELS_MAX)
        return fail(fault, ERR_INPUT, "/labels must be an object with at most %d members", HAPPENED_LABELS_MAX);
    json_object_foreach(labels, key, v)
        if (!(json_is_number(v) || json_is_boolean(v) || (json_is_string(v) && json_string_length(v) <= LABEL_TEXT_MAX)) || strlen(key) > 100)
            return fail(fault, ERR_INPUT, "/labels/%.40s must be a text of at most %d bytes, a number or a boolean", key, LABEL_TEXT_MAX);
    h->labels = labels;
    return OK;
}

enum err happened_read(const json_t *request, int64_t now_us, int64_t oldest_us, struct happened *h, struct fault *fault)
{
    *h = (struct happened){ 0 };
    if (!json_is_object(request))
        return fail(fault, ERR_INPUT, "an event is an object");
    enum err    e = OK;
    const char *tenant = json_string_value(json_object_get(request, "tenant"));
    h->title = text_of(request, "title", HAPPENED_TITLE_MAX, &e, fault);
    h->summary = text_of(request, "summary", HAPPENED_SUMMARY_MAX, &e, fault);
    if (e == OK && !h->title)
        e = fail(fault, ERR_INPUT, "/title is missing");
    if (e == OK && ((json_object_get(request, "tenant") && !tenant) || (tenant && strlen(tenant) > RECORD_TENANT_MAX)))
        e = fail(fault, ERR_INPUT, "/tenant must be a text of at most %d bytes", RECORD_TENANT_MAX);
    if (e == OK)
        (void)snprintf(h->tenant, sizeof h->tenant, "%s", tenant && strcmp(tenant, DIGEST_OWN_TENANT) != 0 ? tenant : "");
    if (e == OK)
        e = read_kind(request, h, fault);
    if (e == OK)
        e = read_place(request, h, fault);
    if (e == OK)
        e = read_time(request, now_us, oldest_us, h, fault);
    if (e == OK)
        e = read_labels(request, h, fault);
    if (e == OK)
        e = read_id(request, h, fault);
    if (e != OK || *h->id)
        return e;
    char own[DIGEST_SIZE + 32], digest[DIGEST_SIZE];
    (void)snprintf(own, sizeof own, "%s %lld", h->said, json_is_string(json_object_get(request, "at")) ? 0LL : (long long)now_us);
    digest_hex(own, strlen(own), digest);
    uuid_of(digest, h->id);
    return OK;
}
