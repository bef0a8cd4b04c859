/* receive/schema.c - see schema.h. */
#include "receive/schema.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* How databases call them. */
static const struct { const char *word; bool number; } types[] = {
    { "text", false }, { "string", false }, { "varchar", false }, { "character varying", false }, { "char", false }, { "uuid", false },
    { "int", true }, { "integer", true }, { "bigint", true }, { "smallint", true }, { "int2", true }, { "int4", true }, { "int8", true }, { "int32", true }, { "int64", true },
    { "real", true }, { "double", true }, { "double precision", true }, { "float", true }, { "float4", true }, { "float8", true }, { "float32", true }, { "float64", true },
    { "numeric", true }, { "decimal", true },
    { "bool", false }, { "boolean", false },
    { "time", false }, { "timestamp", false }, { "timestamptz", false }, { "timestamp with time zone", false }, { "timestamp without time zone", false }, { "datetime", false },
    { "json", false }, { "jsonb", false },
};
enum { TYPES = sizeof types / sizeof *types };

static bool name_fine(const char *s)
{
    return s && *s && strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == strlen(s);
}

/* Without a length: "varchar(20)" is varchar. TYPES: it is none that is known. */
static size_t type_find(const char *type)
{
    size_t n = type ? strlen(type) : 0, t = 0;
    if (n && type[n - 1] == ')')
        n = strcspn(type, "(");
    while (n && type[n - 1] == ' ')
        n--;
    while (t < TYPES && (n != strlen(types[t].word) || strncasecmp(type, types[t].word, n) != 0))
        t++;
    return t;
}

static enum err column_check(const json_t *c, size_t i, bool *value, struct fault *fault)
{
    const char *name = json_string_value(json_object_get(c, "name")), *type = json_string_value(json_object_get(c, "type"));
    size_t      t = type_find(type);
    if (!name_fine(name) || strlen(name) > 127)
        return fail(fault, ERR_INPUT, "columns[%zu].name is missing, too long, or not made of letters, digits, `_`, `.` and `-`", i);
    if (t == TYPES)
        return fail(fault, ERR_INPUT, "columns[%zu].type is none of text, int, real, bool, time and json, nor what databases call these (varchar, bigint, double, timestamp, jsonb, ...)", i);
    *value |= types[t].number && strcmp(name, "value") == 0;
    return OK;
}

/* Said in the body, under either name, or in the path; more than once only when it is the same. */
static enum err read_name(const json_t *j, char *table, size_t size, struct fault *fault)
{
    static const char *const keys[] = { "table", "table_name" };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const json_t *said = json_object_get(j, keys[i]);
        const char   *name = json_string_value(said);
        if (!said || json_is_null(said))
            continue;
        if (!name_fine(name))
            return fail(fault, ERR_INPUT, "%s is missing, too long, or not made of letters, digits, `_`, `.` and `-`", keys[i]);
        if (*table && strcmp(table, name) != 0)
            return fail(fault, ERR_INPUT, "%s is another name than the one already given, '%s'", keys[i], table);
        if (!text_copy(table, size, name))
            return fail(fault, ERR_INPUT, "%s is missing, too long, or not made of letters, digits, `_`, `.` and `-`", keys[i]);
    }
    if (!*table)
        return fail(fault, ERR_INPUT, "the table has no name: give it as \"table\" or \"table_name\" in the body, or as ?table= in the path");
    return name_fine(table) ? OK : fail(fault, ERR_INPUT, "table= is not made of letters, digits, `_`, `.` and `-`");
}

/* What describes the table on one level, without its name. NULL: no memory, or it stands on both levels. */
static json_t *described(json_t *j)
{
    json_t *inner = json_object_get(j, "schema");
    if (inner && json_object_get(inner, "columns") && json_object_get(j, "columns"))
        return NULL;
    json_t *all = json_copy(j);
    if (!all)
        return NULL;
    (void)json_object_del(all, "table");
    (void)json_object_del(all, "table_name");
    if (json_is_object(inner)) {
        (void)json_object_del(all, "schema");
        if (json_object_update(all, inner) != 0) {
            json_decref(all);
            return NULL;
        }
    }
    return all;
}

static enum err read_columns(const json_t *all, const char **kind, struct fault *fault)
{
    const json_t *columns = json_object_get(all, "columns"), *said = json_object_get(all, "kind");
    const char   *word = json_string_value(said);
    size_t        n = json_array_size(columns);
    bool          value = false;
    if (n == 0 || n > SCHEMA_COLUMNS_MAX)
        return fail(fault, ERR_INPUT, "columns is no list of 1 to %d columns", SCHEMA_COLUMNS_MAX);
    for (size_t i = 0; i < n; i++) {
        enum err e = column_check(json_array_get(columns, i), i, &value, fault);
        if (e != OK)
            return e;
    }
    if (said && !json_is_null(said))
        *kind = word && strcmp(word, "logs") == 0 ? "logs" : word && strcmp(word, "metrics") == 0 ? "metrics" : NULL;
    else
        *kind = value ? "metrics" : "logs";
    return *kind ? OK : fail(fault, ERR_INPUT, "kind is neither metrics nor logs");
}

static enum err write_down(json_t *all, const char *kind, struct text *schema, struct fault *fault)
{
    char *s = json_object_set_new(all, "kind", json_string(kind)) == 0 ? json_dumps(all, JSON_COMPACT) : NULL;
    if (s)
        text_add(schema, s);
    bool whole = s && !schema->cut;
    free(s);
    return whole ? OK : fail(fault, ERR_LIMIT, "no memory for the description of a table");
}

enum err schema_read(struct slice json, char *table, size_t size, const char **kind, struct text *schema, struct fault *fault)
{
    json_error_t why;
    if (json.n > SCHEMA_BODY_MAX)
        return fail(fault, ERR_LIMIT, "the description of a table is larger than %d bytes", SCHEMA_BODY_MAX);
    json_t *j = json_loadb(json.n ? json.s : "", json.n, JSON_REJECT_DUPLICATES, &why);
    if (!j)
        return fail(fault, ERR_INPUT, "line %d of the body is no JSON: %s", why.line, why.text);
    json_t  *all = NULL;
    enum err e = json_is_object(j) ? read_name(j, table, size, fault) : fail(fault, ERR_INPUT, "the description of a table is a JSON object");
    if (e == OK && !(all = described(j)))
        e = fail(fault, ERR_INPUT, "columns stand both in the body and in its \"schema\"");
    if (e == OK)
        e = read_columns(all, kind, fault);
    if (e == OK)
        e = write_down(all, *kind, schema, fault);
    json_decref(all);
    json_decref(j);
    return e;
}
