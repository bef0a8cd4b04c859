/* ship/conf.c - the table of the settings of sinks, and which of them go with which kind. */
#include "ship/conf.h"

#include "event/event.h"
#include "relabel/conf.h"
#include "ship/folder.h"
#include "ship/route.h"
#include "ship/sink.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* ---- single values ---- */

static enum err check_kind(const char *value, struct fault *fault)
{
    char   known[200] = "";
    size_t n, used = 0;
    if (sink_kind_find(value))
        return OK;
    const struct sink_kind *const *kinds = sink_kinds(&n);
    for (size_t i = 0; i < n && used < sizeof known; i++)
        used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "", kinds[i]->name);
    enum err e = fail(fault, ERR_INPUT, "there is no kind of sink called %.60s", value);
    fail_hint(fault, "known are %s", known);
    return e;
}

static enum err check_type(const char *value, struct fault *fault)
{
    for (enum event_type t = EVENT_LOG; t <= EVENT_SPAN; t++)
        if (strcmp(value, route_type_name(t)) == 0)
            return OK;
    return fail(fault, ERR_INPUT, "%.60s is not logs, metrics or traces", value);
}

static enum err check_header(const char *value, struct fault *fault)
{
    size_t n = strcspn(value, ":");
    for (const char *p = value; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            return fail(fault, ERR_INPUT, "a header with a control character in it");
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)value[i]) && !strchr("-_.!#$%&'*+^`|~", value[i]))
            n = 0;
    if (n == 0 || value[n] != ':')
        return fail(fault, ERR_INPUT, "%.60s is not `Name: value`", value);
    if ((n == 13 && strncasecmp(value, "authorization", 13) == 0) || (n == 6 && strncasecmp(value, "cookie", 6) == 0)) {
        enum err e = fail(fault, ERR_INPUT, "a secret does not belong into a configuration that is printed");
        fail_hint(fault, "use token, or user and password: they name files");
        return e;
    }
    return OK;
}

static enum err check_name(const char *value, struct fault *fault)
{
    for (const char *p = value; *p; p++)
        if (!isalnum((unsigned char)*p) && *p != '-' && *p != '_')
            return fail(fault, ERR_INPUT, "%.60s is not the name of a sink: letters, digits, - and _", value);
    return *value && strlen(value) <= CONF_NAME_MAX ? OK : fail(fault, ERR_INPUT, "the name of a sink has 1 to %u characters", CONF_NAME_MAX);
}

static enum err check_dsn(const char *value, struct fault *fault)
{
    if (!strcasestr(value, "password"))
        return OK;
    enum err e = fail(fault, ERR_INPUT, "a password does not belong into a configuration that is printed");
    fail_hint(fault, "put it into a file of mode 0600 and name that with `password`");
    return e;
}

/* ---- the table ---- */

#define S struct sink_conf

static const struct conf_knob sink_knobs[] = {
    { "kind",           KNOB_TEXT(S, kind),              NULL,    "1..31",          CONF_LIVE, "What it is: files, otlp, ...; each kind lists the settings it knows.", check_kind },
    { "formerly",       KNOB_LIST(S, formerly),          "",      "0..4",           CONF_LIVE, "Names it had before. It goes on where they stopped, so that a renamed sink neither loses nor repeats.", check_name },
    { "types",          KNOB_LIST(S, types),             "",      "0..3",           CONF_LIVE, "logs, metrics, traces; unset: all that the kind can hold.", check_type },
    { "match",          KNOB_LIST(S, match),             "",      "0..32",          CONF_LIVE, "Conditions that must all hold: key=value, key!=value, key~regex, key!~regex. The key is tenant, source, type, name, severity, an attribute, or resource.KEY.", route_condition_check },
    { "relabel",        KNOB_LIST(S, relabel),           "",      "0..32",          CONF_LIVE, "Sets of rules of the section relabel, in this order: they drop or change events before the sink gets them." },
    { "batch.events",   KNOB_INT(S, batch_events),       "5000",  "1..100000",      CONF_LIVE, "How many events are sent at once at most." },
    { "batch.bytes",    KNOB_SIZE(S, batch_bytes),       "4MiB",  "1KiB..64MiB",    CONF_LIVE, "And how many bytes, about, before they are packed." },
    { "batch.delay",    KNOB_TIME(S, batch_delay_us),    "1s",    "0s..1min",       CONF_LIVE, "How long a batch that is not full waits for company." },
    { "rate",           KNOB_REAL(S, rate),              "off",   "0.1..1e7 or off", CONF_LIVE, "Events a second at most, to spare the other side; the rest waits in the journal." },
    { "timeout",        KNOB_TIME(S, timeout_us),        "30s",   "100ms..10min",   CONF_LIVE, "How long one batch may take before it is tried again." },
    { "retry.first",    KNOB_TIME(S, retry_first_us),    "500ms", "10ms..1min",     CONF_LIVE, "The first pause after a failure; it doubles with each further one." },
    { "retry.most",     KNOB_TIME(S, retry_most_us),     "1min",  "10ms..1h",       CONF_LIVE, "The longest pause. There is no last attempt." },
    { "stuck_after",    KNOB_TIME(S, stuck_after_us),    "5min",  "1s..7d",         CONF_LIVE, "When nothing went forward for so long though something waits, the sink is called stuck." },
    { "paused",         KNOB_BOOL(S, paused),            "false", NULL,             CONF_LIVE, "Send nothing for now; the journal keeps what comes." },
    { "when_new",       KNOB_CHOICE(S, when_new),        "start", "start|now",      CONF_LIVE, "A sink that was never there begins with what the journal still holds, or with what comes from now on." },

    { "url",            KNOB_TEXT(S, url),               "",      "0..1024",        CONF_LIVE, "Address of the other side, without credentials. https, unless it is on this machine or nobody has to log in." },
    { "token",          KNOB_SECRET_FILE(S, token),      "",      NULL,             CONF_LIVE, "File with the bearer token." },
    { "user",           KNOB_TEXT(S, user),              "",      "0..255",         CONF_LIVE, "Who logs in; for an object store the id of the access key." },
    { "password",       KNOB_SECRET_FILE(S, password),   "",      NULL,             CONF_LIVE, "File with the password; for an object store the secret key; for PostgreSQL a passfile (host:port:database:user:password)." },
    { "tls.ca",         KNOB_PATH(S, tls_ca),            "",      "file",           CONF_LIVE, "PEM file with the authorities to believe; unset: those of the system." },
    { "tls.certificate", KNOB_PATH(S, tls_certificate),  "",      "file",           CONF_LIVE, "PEM file with our own certificate, where the other side wants one." },
    { "tls.key",        KNOB_SECRET_FILE(S, tls_key),    "",      NULL,             CONF_LIVE, "PEM file with its private key." },
    { "headers",        KNOB_LIST(S, headers),           "",      "0..16",          CONF_LIVE, "Further headers, `Name: value`, such as X-Scope-OrgID; not for secrets.", check_header },
    { "compress",       KNOB_CHOICE(S, compress),        "auto",  "auto|none|gzip|zstd|snappy|lz4", CONF_LIVE, "auto is what the kind does best." },

    { "folder",         KNOB_PATH(S, folder),            "",      NULL,             CONF_LIVE, "Where files are put; made when it is not there." },
    { "path",           KNOB_TEXT(S, path),              SHIP_FOLDER_PATH, "1..120", CONF_LIVE, "Into which folders: names with {dataset} (logs, metrics, traces) and the time of reception (UTC) as %Y %m %d %H %M in them.", ship_folder_check },
    { "database",       KNOB_TEXT(S, database),          "",      "0..255",         CONF_LIVE, "The database there." },
    { "schema",         KNOB_TEXT(S, schema),            "",      "0..63",          CONF_LIVE, "The schema there." },
    { "table",          KNOB_TEXT(S, table),             "",      "0..63",          CONF_LIVE, "The table, or what the names of tables begin with." },
    { "bucket",         KNOB_TEXT(S, bucket),            "",      "0..255",         CONF_LIVE, "The bucket of an object store." },
    { "region",         KNOB_TEXT(S, region),            "",      "0..63",          CONF_LIVE, "The region of an object store." },
    { "prefix",         KNOB_TEXT(S, prefix),            "",      "0..255",         CONF_LIVE, "What the names of objects begin with." },
    { "topic",          KNOB_TEXT(S, topic),             "",      "0..249",         CONF_LIVE, "The topic, or what the names of topics begin with." },
    { "subject",        KNOB_TEXT(S, subject),           "",      "0..255",         CONF_LIVE, "The subject, or what subjects begin with." },
    { "stream",         KNOB_TEXT(S, stream),            "",      "0..255",         CONF_LIVE, "The stream that keeps the subjects." },
    { "dsn",            KNOB_TEXT(S, dsn),               "",      "0..1024",        CONF_LIVE, "How to reach the database, as libpq writes it: host=... dbname=... user=...", check_dsn },
    { "layout",         KNOB_CHOICE(S, layout),          "layered", "layered|detail", CONF_LIVE, "Which tables: layered are the events themselves; detail is what the digest makes of them: aggregates, pointers to the raw data, evidence." },
    { "origin",         KNOB_TEXT(S, origin),            "",      "0..200",         CONF_LIVE, "With layout: detail, the name under which this Homeostat counts in tables that several may share; unset: the name of the machine." },
    { "brokers",        KNOB_LIST(S, brokers),           "",      "0..32",          CONF_LIVE, "host:port of those that know the cluster." },
    { "sasl",           KNOB_CHOICE(S, sasl),            "none",  "none|plain|scram-sha-256|scram-sha-512", CONF_LIVE, "How user and password are proven." },
    { "labels",         KNOB_LIST(S, labels),            "",      "0..64",          CONF_LIVE, "Attributes that become labels there; unset: the few that the kind finds sensible." },
    { "format",         KNOB_CHOICE(S, format),          "auto",  "auto|json|otlp", CONF_LIVE, "How events are written: a JSON object on each line, or OTLP protobuf." },
    { "roll.bytes",     KNOB_SIZE(S, roll_bytes),        "64MiB", "4KiB..4GiB",     CONF_LIVE, "A file is finished when it has this size." },
    { "roll.after",     KNOB_TIME(S, roll_after_us),     "5min",  "1s..1d",         CONF_LIVE, "Or when it is this old." },
    { "keep",           KNOB_TIME(S, keep_us),           "off",   "1h..36500d or off", CONF_LIVE, "What is older is thrown away over there." },
    { "pack_after",     KNOB_TIME(S, pack_after_us),     "off",   "1h..36500d or off", CONF_LIVE, "What is older is compressed over there, where that side can." },
    { "path_style",     KNOB_BOOL(S, path_style),        "false", NULL,             CONF_LIVE, "The bucket stands in the path of the address, not in front of the host." },
};

enum { COMMON = 15 };      /* those that every sink has */

/* Is `name` a word of "!url token user"? must: it has the mark. */
static bool listed(const char *words, const char *name, bool *must)
{
    size_t n = strlen(name);
    for (const char *p = words ? words : ""; *p; p += strspn(p, " ")) {
        bool   mark = *p == '!';
        size_t length = strcspn(p += mark, " ");
        if (length == n && strncmp(p, name, n) == 0) {
            *must = mark;
            return true;
        }
        p += length;
    }
    return false;
}

static void check(const void *instance, struct conf_checker *c)
{
    const struct sink_conf *s = instance;
    const struct sink_kind *k = sink_kind_find(s->kind);
    if (!k)
        return;
    for (size_t i = COMMON; i < COUNT(sink_knobs); i++) {
        bool must = false, known = listed(k->settings, sink_knobs[i].path, &must);
        if (!known && conf_is_set(c, sink_knobs[i].path))
            conf_refuse(c, sink_knobs[i].path, "Take it out.", "a sink of kind %s does not know it", k->name);
        if (must && !conf_is_set(c, sink_knobs[i].path))
            conf_refuse(c, sink_knobs[i].path, sink_knobs[i].why, "a sink of kind %s needs it", k->name);
    }
    for (size_t i = 0; i < s->types.count; i++)
        for (enum event_type t = EVENT_LOG; t <= EVENT_SPAN; t++)
            if (strcmp(s->types.item[i], route_type_name(t)) == 0 && !(k->takes & 1u << t))
                conf_refuse(c, "types", k->why, "a sink of kind %s holds no %s", k->name, s->types.item[i]);
    if (strcmp(s->name, SHIP_UNROUTED) == 0)
        conf_refuse(c, "kind", "Call the sink something else.", "%s is the name of what no sink takes", SHIP_UNROUTED);
    for (size_t i = 0; i < s->formerly.count; i++)
        if (strcmp(s->formerly.item[i], SHIP_UNROUTED) == 0)
            conf_refuse(c, "formerly", "Take it out.", "%s is the name of what no sink takes", SHIP_UNROUTED);
        else if (strcmp(s->formerly.item[i], s->name) == 0)
            conf_refuse(c, "formerly", "Name what it was called before.", "%s is what it is called now", s->name);
        else if (conf_instance(conf_whole(c), &sinks_section, s->formerly.item[i]))
            conf_refuse(c, "formerly", "Take that sink away, or this name.", "%s is another sink in the same configuration", s->formerly.item[i]);
    relabel_check_sets(&s->relabel, RELABEL_OVER_EVENTS, "relabel", c);
    if (s->retry_most_us < s->retry_first_us)
        conf_refuse(c, "retry.most", "Make it at least retry.first.", "the longest pause is shorter than the first");
    if (*s->password.path && !*s->user && listed(k->settings, "user", &(bool){ false }))
        conf_refuse(c, "password", "Set user.", "a password without a user");
    if (*s->token.path && *s->password.path)
        conf_refuse(c, "token", "Keep one of them.", "both a token and a password are set");
    if (!*s->tls_certificate != !*s->tls_key.path)
        conf_refuse(c, *s->tls_certificate ? "tls.certificate" : "tls.key", "Set both, or neither.", "certificate and key belong together");
    if (listed(k->settings, "path", &(bool){ false }) && s->types.count != 1 && !ship_folder_has_dataset(s->path))
        conf_refuse(c, "path", "Put {dataset} into it, or take one of the types only.", "the types would lie in one another's folders");
    if (k->check)
        k->check(s, c);
}

const struct conf_section sinks_section = { .path = "sinks", .knobs = sink_knobs, .count = COUNT(sink_knobs), .size = sizeof(struct sink_conf), .check = check,
    .shape = CONF_MAP, .instances_max = SHIP_SINKS_CONF_MAX, .flags = CONF_LIVE, .name_at = offsetof(struct sink_conf, name),
    .why = "Where events go. Each sink reads the journal at its own pace; what it cannot deliver now waits there." };

/* ---- copies ---- */

enum err sink_conf_copy(struct sink_conf *to, const struct sink_conf *from, struct arena *a, struct fault *fault)
{
    *to = (struct sink_conf){ .name = arena_text(a, from->name) };
    if (!to->name)
        return fail(fault, ERR_LIMIT, "no memory for the settings of sink %s", from->name);
    for (size_t i = 0; i < COUNT(sink_knobs); i++) {
        enum err e = knob_copy(&sink_knobs[i], to, from, a, fault);
        if (e != OK)
            return e;
    }
    return OK;
}

void sink_conf_wipe(struct sink_conf *c)
{
    for (size_t i = 0; i < COUNT(sink_knobs); i++)
        if (sink_knobs[i].kind == CONF_SECRET_FILE)
            knob_wipe(&sink_knobs[i], c);
}

bool sink_conf_same(const struct sink_conf *a, const struct sink_conf *b)
{
    for (size_t i = 0; i < COUNT(sink_knobs); i++)
        if (!knob_same(&sink_knobs[i], a, b))
            return false;
    return strcmp(a->name, b->name) == 0;
}
