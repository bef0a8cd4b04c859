/*
 * plan/knowledge_text.c - records as JSON, and many of them as a file.
 *
 * What is read comes from elsewhere and is taken as hostile: every member is checked, what is out of range is refused, and the
 * digest tells whether a record is still what its maker wrote.
 */
#include "plan/knowledge.h"

#include "base/clock.h"
#include "base/id.h"
#include "base/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIB 1048576.0

static const char *const disk_names[] = { [KNOWLEDGE_DISK_UNKNOWN] = "unknown", [KNOWLEDGE_DISK_FLASH] = "flash", [KNOWLEDGE_DISK_SPINNING] = "spinning" };
static const char *const scale_names[] = { [KNOWLEDGE_PLAIN] = "", [KNOWLEDGE_OF_MEMORY] = "of_memory", [KNOWLEDGE_PER_CORE] = "per_core" };

/* ---- writing ---- */

static json_t *value_json(const struct knowledge_value *v)
{
    char text[48];
    return v->scale == KNOWLEDGE_PLAIN ? json_string(knob_format(knob_at(v->knob), v->value, text, sizeof text)) : json_pack("{s:f}", scale_names[v->scale], v->value);
}

static json_t *real_or_null(double v) { return isfinite(v) ? json_real(v) : json_null(); }

/* The digest of everything but the id itself, members in the order of their names. */
static bool digest_of(json_t *json, char id[KNOWLEDGE_ID_SIZE])
{
    char    digest[DIGEST_SIZE];
    json_t *bare = json_copy(json);
    (void)json_object_del(bare, "id");
    char *text = json_dumps(bare, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(KNOWLEDGE_DIGITS));
    json_decref(bare);
    if (!text)
        return false;
    digest_hex(text, strlen(text), digest);
    free(text);
    (void)snprintf(id, KNOWLEDGE_ID_SIZE, "%.*s", KNOWLEDGE_ID_SIZE - 1, digest);
    return true;
}

json_t *knowledge_json(struct knowledge *k)
{
    char    at[32];
    json_t *settings = json_object(), *changes = json_array();
    for (int i = 0; i < k->settings; i++)
        (void)json_object_set_new(settings, knob_at(k->setting[i].knob)->name, value_json(&k->setting[i]));
    for (int i = 0; i < k->changes; i++)
        (void)json_array_append_new(changes, json_pack("{s:s,s:o,s:o}", "name", knob_at(k->change[i].to.knob)->name, "from", value_json(&k->change[i].from),
                                                       "to", value_json(&k->change[i].to)));
    json_t *json = json_pack("{s:s,s:s,s:s,s:s,s:i,s:s,s:{s:o,s:i,s:s,s:b},s:o,s:o,s:o,s:s,s:b,s:o,s:o}", "source", k->source, "tenant", k->tenant, "database", k->database,
                             "at", clock_format(k->at_us, at, sizeof at), "server", k->server_version, "planner", k->planner,
                             "machine", "memory_mb", real_or_null(k->machine.memory_bytes / MIB), "cpus", k->machine.cpus, "disk", disk_names[k->machine.disk],
                             "limit_counts_cache", (int)k->machine.limit_counts_cache, "workload", workload_json(&k->workload), "configuration", settings, "changes", changes,
                             "result", told_name(k->told), "kept", (int)k->kept, "effect", real_or_null(k->effect), "sd", real_or_null(k->sd));
    if (!json || !digest_of(json, k->id) || json_object_set_new(json, "id", json_string(k->id)) != 0) {
        json_decref(json);
        return NULL;
    }
    return json;
}

json_t *knowledge_head(void) { return json_pack("{s:i}", "homeostat_knowledge", KNOWLEDGE_VERSION); }

/* ---- reading ---- */

static enum err bad(struct fault *fault, const char *member) { return fail(fault, ERR_INPUT, "%s is missing or not as it should be", member); }

static bool read_id(const json_t *json, const char *member, char out[KNOWLEDGE_ID_SIZE])
{
    const char *text = json_string_value(json_object_get(json, member));
    return text && strlen(text) == KNOWLEDGE_ID_SIZE - 1 && strspn(text, "0123456789abcdef") == KNOWLEDGE_ID_SIZE - 1 && text_copy(out, KNOWLEDGE_ID_SIZE, text);
}

/* A number within lo..hi, or null for unknown. */
static bool read_real(const json_t *json, const char *member, double lo, double hi, double *out)
{
    const json_t *v = json_object_get(json, member);
    *out = json_is_number(v) ? json_number_value(v) : (double)NAN;
    return json_is_null(v) || (*out >= lo && *out <= hi);
}

static bool read_int(const json_t *json, const char *member, int lo, int hi, int *out)
{
    const json_t *v = json_object_get(json, member);
    if (!json_is_integer(v) || json_integer_value(v) < lo || json_integer_value(v) > hi)
        return false;
    *out = (int)json_integer_value(v);
    return true;
}

static bool read_bool(const json_t *json, const char *member, bool *out)
{
    const json_t *v = json_object_get(json, member);
    *out = json_is_true(v);
    return json_is_boolean(v);
}

static bool read_word(const json_t *json, const char *member, const char *const *words, int n, int *out)
{
    const char *text = json_string_value(json_object_get(json, member));
    for (int i = 0; i < n && text; i++)
        if (strcmp(text, words[i]) == 0) {
            *out = i;
            return true;
        }
    return false;
}

static enum err read_value(const struct knob *k, const json_t *json, struct knowledge_value *v, struct fault *fault)
{
    *v = (struct knowledge_value){ .knob = k->id };
    if (json_is_string(json))
        return knob_parse(k, json_string_value(json), &v->value, fault);
    for (int s = KNOWLEDGE_OF_MEMORY; s <= KNOWLEDGE_PER_CORE; s++) {
        bool fits = s == KNOWLEDGE_OF_MEMORY ? k->hi.of_memory > 0 && knob_unit_bytes(k) > 0 : k->hi.per_cpu > 0;
        if (!fits || !json_is_number(json_object_get(json, scale_names[s])))
            continue;
        v->scale = (enum knowledge_scale)s;
        v->value = json_number_value(json_object_get(json, scale_names[s]));
        return v->value > 0 && v->value < 1e6 ? OK : fail(fault, ERR_INPUT, "%s has a share that cannot be", k->name);
    }
    return fail(fault, ERR_INPUT, "%s has no value that is understood", k->name);
}

/* Only what one may tune can be told; so no file can speak of durability. */
static const struct knob *tuned(const char *name, struct fault *fault)
{
    const struct knob *k = name ? knob_find(name) : NULL;
    if (k && (k->flags & KNOB_TUNED) && !(k->flags & KNOB_DURABILITY))
        return k;
    (void)fail(fault, ERR_INPUT, "\"%.40s\" is no parameter that is tuned", name ? name : "");
    return NULL;
}

static enum err read_settings(const json_t *json, struct knowledge *k, struct fault *fault)
{
    const char *name;
    json_t     *value;
    if (!json_is_object(json) || json_object_size(json) >= KNOB_COUNT)
        return bad(fault, "configuration");
    json_object_foreach((json_t *)json, name, value) {
        const struct knob *knob = tuned(name, fault);
        if (!knob || read_value(knob, value, &k->setting[k->settings++], fault) != OK)
            return ERR_INPUT;
    }
    return OK;
}

static enum err read_changes(const json_t *json, struct knowledge *k, struct fault *fault)
{
    size_t  i;
    json_t *c;
    if (!json_is_array(json) || json_array_size(json) < 1 || json_array_size(json) > PROPOSAL_CHANGES_MAX)
        return bad(fault, "changes");
    json_array_foreach(json, i, c) {
        const struct knob       *knob = tuned(json_string_value(json_object_get(c, "name")), fault);
        struct knowledge_change *to = &k->change[k->changes++];
        if (!knob || read_value(knob, json_object_get(c, "from"), &to->from, fault) != OK || read_value(knob, json_object_get(c, "to"), &to->to, fault) != OK)
            return ERR_INPUT;
        for (int before = 0; before < k->changes - 1; before++)
            if (k->change[before].to.knob == knob->id)
                return fail(fault, ERR_INPUT, "the changes name %s twice", knob->name);
    }
    return OK;
}

static enum err read_machine(const json_t *json, struct knowledge_machine *m, struct fault *fault)
{
    int disk = 0;
    if (!read_real(json, "memory_mb", 1, 1e9, &m->memory_bytes) || !read_int(json, "cpus", 0, 1 << 20, &m->cpus) ||
        !read_word(json, "disk", disk_names, (int)(sizeof disk_names / sizeof disk_names[0]), &disk) || !read_bool(json, "limit_counts_cache", &m->limit_counts_cache))
        return bad(fault, "machine");
    m->memory_bytes *= MIB;
    m->disk = (enum knowledge_disk)disk;
    return OK;
}

static enum err read_head(const json_t *json, struct knowledge *k, struct fault *fault)
{
    const char *at = json_string_value(json_object_get(json, "at")), *planner = json_string_value(json_object_get(json, "planner"));
    const char *result = json_string_value(json_object_get(json, "result"));
    if (!read_id(json, "id", k->id) || !read_id(json, "source", k->source) || !read_id(json, "tenant", k->tenant) || !read_id(json, "database", k->database))
        return bad(fault, "id, source, tenant or database");
    if (!at || (k->at_us = clock_parse(at)) < 0)
        return bad(fault, "at");
    if (!planner || !text_copy(k->planner, sizeof k->planner, planner))
        return bad(fault, "planner");
    if (!result || !told_parse(result, &k->told) || !read_bool(json, "kept", &k->kept))
        return bad(fault, "result or kept");
    if (!read_real(json, "effect", -KNOWLEDGE_EFFECT_MOST, KNOWLEDGE_EFFECT_MOST, &k->effect) || !read_real(json, "sd", 0, KNOWLEDGE_EFFECT_MOST, &k->sd))
        return bad(fault, "effect or sd");
    if (!read_int(json, "server", 90000, 1000000, &k->server_version))
        return bad(fault, "server");
    return OK;
}

enum err knowledge_parse(const json_t *json, struct knowledge *out, struct fault *fault)
{
    struct knowledge k = { 0 };
    char             id[KNOWLEDGE_ID_SIZE];
    if (!json_is_object(json))
        return fail(fault, ERR_INPUT, "a record is a JSON object");
    enum err e = read_head(json, &k, fault);
    if (e == OK)
        e = read_machine(json_object_get(json, "machine"), &k.machine, fault);
    if (e == OK)
        e = workload_parse(json_object_get(json, "workload"), &k.workload, fault);
    if (e == OK)
        e = read_settings(json_object_get(json, "configuration"), &k, fault);
    if (e == OK)
        e = read_changes(json_object_get(json, "changes"), &k, fault);
    if (e == OK && (!digest_of((json_t *)json, id) || strcmp(id, k.id) != 0))
        e = fail(fault, ERR_INPUT, "the id is not the digest of the record: it was changed, or cut off, on the way");
    if (e == OK)
        *out = k;
    return e;
}

/* ---- files ---- */

static enum err parse_head(const char *line, size_t size, struct fault *fault)
{
    json_error_t why;
    json_t      *json = json_loadb(line, size, JSON_REJECT_DUPLICATES, &why);
    json_t      *version = json_object_get(json, "homeostat_knowledge");
    enum err     e = OK;
    if (!json_is_integer(version))
        e = fail(fault, ERR_INPUT, "this is no file of knowledge: its first line is not {\"homeostat_knowledge\": %d}", KNOWLEDGE_VERSION);
    else if (json_integer_value(version) != KNOWLEDGE_VERSION)
        e = fail(fault, ERR_INPUT, "a file of version %lld; only %d can be read", (long long)json_integer_value(version), KNOWLEDGE_VERSION);
    json_decref(json);
    return e;
}

/* One line, into the list unless it is there already. */
static enum err parse_line(const char *line, size_t size, json_t *seen, json_t *records, struct fault *fault)
{
    json_error_t     why;
    struct knowledge k;
    if (size > KNOWLEDGE_LINE_MAX)
        return fail(fault, ERR_INPUT, "the line has more than %d bytes", KNOWLEDGE_LINE_MAX);
    json_t *json = json_loadb(line, size, JSON_REJECT_DUPLICATES, &why);
    if (!json)
        return fail(fault, ERR_INPUT, "this is not JSON: %s", why.text);
    enum err e = knowledge_parse(json, &k, fault);
    if (e == OK && !json_object_get(seen, k.id)) {
        (void)json_object_set_new(seen, k.id, json_true());
        (void)json_array_append(records, json);
    }
    json_decref(json);
    return e;
}

enum err knowledge_file_parse(const char *text, size_t size, knowledge_bad_line *bad_line, void *ctx, json_t **out, struct fault *fault)
{
    json_t     *records = json_array(), *seen = json_object();
    const char *end = text + size;
    int         line = 0, wrong = 0, lines = 0;
    enum err    e = OK;
    for (const char *at = text; at < end && e == OK; ) {
        const char  *stop = memchr(at, '\n', (size_t)(end - at));
        size_t       n = (size_t)((stop ? stop : end) - at);
        struct fault why = { 0 };
        line++;
        if (line == 1) {
            e = parse_head(at, n, fault);
        } else if (n > 0) {
            lines++;
            if (parse_line(at, n, seen, records, &why) != OK) {
                wrong++;
                if (bad_line)
                    bad_line(ctx, line, why.text);
            }
        }
        at = stop ? stop + 1 : end;
    }
    json_decref(seen);
    if (e == OK && line == 0)
        e = fail(fault, ERR_INPUT, "the file is empty");
    if (e == OK && wrong > 0) {
        e = fail(fault, ERR_INPUT, "%d of %d records cannot be used, so none is taken", wrong, lines);
        fail_hint(fault, "export the file again where it comes from, or leave those lines out");
    }
    if (e == OK)
        *out = records;
    else
        json_decref(records);
    return e;
}
