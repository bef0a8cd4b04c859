/* receive/schema.c - see schema.h. */
#include "receive/schema.h"

#include "base/text.h"

#include <jansson.h>
#include <string.h>

static const char *const types[] = { "text", "int", "real", "bool", "time", "json", NULL };

static bool name_fine(const char *s)
{
    return s && *s && strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == strlen(s);
}

static enum err column_check(const json_t *c, size_t i, struct fault *fault)
{
    const char *name = json_string_value(json_object_get(c, "name")), *type = json_string_value(json_object_get(c, "type"));
    if (!name_fine(name) || strlen(name) > 127)
        return fail(fault, ERR_INPUT, "columns[%zu].name is missing, too long, or not made of letters, digits, `_`, `.` and `-`", i);
    for (size_t t = 0; type && types[t]; t++)
        if (strcmp(type, types[t]) == 0)
            return OK;
    return fail(fault, ERR_INPUT, "columns[%zu].type is none of text, int, real, bool, time and json", i);
}

static enum err read_object(const json_t *j, char *table, size_t size, const char **kind, struct fault *fault)
{
    const char   *name = json_string_value(json_object_get(j, "table")), *word = json_string_value(json_object_get(j, "kind"));
    const json_t *columns = json_object_get(j, "columns");
    if (!name_fine(name) || !text_copy(table, size, name))
        return fail(fault, ERR_INPUT, "table is missing, too long, or not made of letters, digits, `_`, `.` and `-`");
    *kind = word && strcmp(word, "logs") == 0 ? "logs" : word && strcmp(word, "metrics") == 0 ? "metrics" : NULL;
    if (!*kind)
        return fail(fault, ERR_INPUT, "kind is neither metrics nor logs");
    size_t n = json_array_size(columns);
    if (n == 0 || n > SCHEMA_COLUMNS_MAX)
        return fail(fault, ERR_INPUT, "columns is no list of 1 to %d columns", SCHEMA_COLUMNS_MAX);
    for (size_t i = 0; i < n; i++) {
        enum err e = column_check(json_array_get(columns, i), i, fault);
        if (e != OK)
            return e;
    }
    return OK;
}

enum err schema_read(struct slice json, char *table, size_t size, const char **kind, struct fault *fault)
{
    json_error_t why;
    if (json.n > SCHEMA_BODY_MAX)
        return fail(fault, ERR_LIMIT, "the description of a table is larger than %d bytes", SCHEMA_BODY_MAX);
    json_t *j = json_loadb(json.n ? json.s : "", json.n, JSON_REJECT_DUPLICATES, &why);
    if (!j)
        return fail(fault, ERR_INPUT, "line %d of the body is no JSON: %s", why.line, why.text);
    enum err e = read_object(j, table, size, kind, fault);
    json_decref(j);
    return e;
}
