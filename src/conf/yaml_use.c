/* conf/yaml_use.c - reading a tree: keys, typed scalars by YAML's core schema, JSON. */
#include "conf/yaml.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct yaml_node *yaml_get(const struct yaml_node *node, const char *key)
{
    if (!node || node->kind != YAML_MAP)
        return NULL;
    for (struct yaml_node *n = node->first; n; n = n->next)
        if (strcmp(n->key, key) == 0)
            return n;
    return NULL;
}

static bool one_of(const char *s, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(s, words[i]) == 0)
            return true;
    return false;
}

#define ONE_OF(s, ...) one_of(s, (const char *const[]){ __VA_ARGS__ }, sizeof(const char *[]){ __VA_ARGS__ } / sizeof(const char *))

bool yaml_is_null(const struct yaml_node *node)
{
    return !node || (node->kind == YAML_SCALAR && node->plain && ONE_OF(node->text, "", "~", "null", "Null", "NULL"));
}

const char *yaml_text(const struct yaml_node *node) { return yaml_is_null(node) ? NULL : node->text; }

enum err yaml_fail(struct fault *fault, const struct yaml_node *node, const char *format, ...)
{
    char    text[sizeof ((struct fault *)0)->text], place[256];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return fail(fault, ERR_INPUT, "%s: %s", conf_place_text(node->at, place, sizeof place), text);
}

/* What a plain scalar is by the core schema. */
enum scalar { IS_NULL, IS_BOOL, IS_INT, IS_REAL, IS_NOT_FINITE, IS_TEXT };

static size_t digits(const char *s) { return strspn(s, "0123456789"); }

static bool looks_real(const char *s)
{
    s += *s == '+' || *s == '-';
    size_t before = digits(s), after = 0;
    s += before;
    if (*s == '.') {
        after = digits(++s);
        s += after;
    }
    if (before + after == 0)
        return false;
    if (*s == 'e' || *s == 'E') {
        s += 1 + (s[1] == '+' || s[1] == '-');
        size_t n = digits(s);
        if (n == 0)
            return false;
        s += n;
    }
    return *s == '\0';
}

static bool looks_int(const char *s)
{
    if (s[0] == '0' && s[1] == 'x' && s[2])
        return s[2 + strspn(s + 2, "0123456789abcdefABCDEF")] == '\0';
    if (s[0] == '0' && s[1] == 'o' && s[2])
        return s[2 + strspn(s + 2, "01234567")] == '\0';
    s += *s == '+' || *s == '-';
    return *s && s[digits(s)] == '\0';
}

static enum scalar scalar_of(const struct yaml_node *n)
{
    if (!n->plain)
        return IS_TEXT;
    const char *s = n->text;
    if (yaml_is_null(n))
        return IS_NULL;
    if (ONE_OF(s, "true", "True", "TRUE", "false", "False", "FALSE"))
        return IS_BOOL;
    if (looks_int(s))
        return IS_INT;
    if (looks_real(s))
        return IS_REAL;
    const char *unsigned_ = s + (*s == '+' || *s == '-');
    if (ONE_OF(unsigned_, ".inf", ".Inf", ".INF") || ONE_OF(s, ".nan", ".NaN", ".NAN"))
        return IS_NOT_FINITE;
    return IS_TEXT;
}

static const char *what(const struct yaml_node *n)
{
    static const char *const names[] = { "nothing", "true or false", "a whole number", "a number", "no finite number", "text" };
    return n->kind == YAML_MAP ? "a map" : n->kind == YAML_LIST ? "a list" : names[scalar_of(n)];
}

enum err yaml_int(const struct yaml_node *n, int64_t *out, struct fault *fault)
{
    if (n->kind != YAML_SCALAR || scalar_of(n) != IS_INT)
        return yaml_fail(fault, n, "a whole number is wanted here, this is %s", what(n));
    bool  octal = n->text[0] == '0' && n->text[1] == 'o', hex = n->text[0] == '0' && n->text[1] == 'x';
    char *end;
    errno = 0;
    long long v = strtoll(n->text + (octal || hex ? 2 : 0), &end, octal ? 8 : hex ? 16 : 10);
    if (errno || *end)
        return yaml_fail(fault, n, "%.40s is beyond 64 bits", n->text);
    *out = v;
    return OK;
}

enum err yaml_real(const struct yaml_node *n, double *out, struct fault *fault)
{
    enum scalar is = n->kind == YAML_SCALAR ? scalar_of(n) : IS_TEXT;
    if (is == IS_INT) {
        int64_t  i;
        enum err e = yaml_int(n, &i, fault);
        if (e == OK)
            *out = (double)i;
        return e;
    }
    if (is != IS_REAL)
        return yaml_fail(fault, n, "a number is wanted here, this is %s", what(n));
    double v = strtod(n->text, NULL);
    if (!isfinite(v))
        return yaml_fail(fault, n, "%.40s is too large", n->text);
    *out = v;
    return OK;
}

enum err yaml_bool(const struct yaml_node *n, bool *out, struct fault *fault)
{
    if (n->kind != YAML_SCALAR || scalar_of(n) != IS_BOOL)
        return yaml_fail(fault, n, "true or false is wanted here, this is %s", what(n));
    *out = tolower((unsigned char)n->text[0]) == 't';
    return OK;
}

enum err yaml_keys_check(const struct yaml_node *map, const char *const *keys, size_t count, struct fault *fault)
{
    if (map->kind != YAML_MAP)
        return yaml_fail(fault, map, "a map is wanted here, this is %s", what(map));
    for (const struct yaml_node *n = map->first; n; n = n->next) {
        if (one_of(n->key, keys, count))
            continue;
        char        place[256];
        const char *meant = conf_nearest(n->key, keys, count);
        (void)fail(fault, ERR_INPUT, "%s: unknown key `%.60s`", conf_place_text(n->key_at, place, sizeof place), n->key);
        if (meant)
            fail_hint(fault, "Did you mean `%s`?", meant);
        return ERR_INPUT;
    }
    return OK;
}

/* ---- JSON ---- */

static enum err scalar_to_json(const struct yaml_node *n, json_t **out, struct fault *fault)
{
    enum err e = OK;
    bool     b = false;
    int64_t  i = 0;
    double   r = 0;
    switch (scalar_of(n)) {
    case IS_NULL: *out = json_null(); break;
    case IS_BOOL: e = yaml_bool(n, &b, fault); *out = json_boolean(b); break;
    case IS_INT:  e = yaml_int(n, &i, fault);  *out = e == OK ? json_integer(i) : NULL; break;
    case IS_REAL: e = yaml_real(n, &r, fault); *out = e == OK ? json_real(r) : NULL; break;
    case IS_TEXT: *out = json_string(n->text); break;
    case IS_NOT_FINITE: return yaml_fail(fault, n, "%s is not a number that can be used", n->text);
    }
    return e != OK ? e : *out ? OK : fail(fault, ERR_LIMIT, "out of memory");
}

/* As deep as the tree at most, which is bounded by YAML_DEPTH_MAX. */
enum err yaml_to_json(const struct yaml_node *node, json_t **out, struct fault *fault)
{
    if (node->kind == YAML_SCALAR)
        return scalar_to_json(node, out, fault);
    json_t *all = node->kind == YAML_MAP ? json_object() : json_array();
    for (const struct yaml_node *n = node->first; n; n = n->next) {
        json_t  *one = NULL;
        enum err e = yaml_to_json(n, &one, fault);
        if (e == OK && (node->kind == YAML_MAP ? json_object_set_new(all, n->key, one) : json_array_append_new(all, one)) != 0)
            e = fail(fault, ERR_LIMIT, "out of memory");
        if (e != OK) {
            json_decref(all);
            return e;
        }
    }
    *out = all;
    return OK;
}
