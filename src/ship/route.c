/* ship/route.c - see route.h. */
#include "ship/route.h"

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum field { FIELD_ATTRIBUTE, FIELD_TENANT, FIELD_SOURCE, FIELD_TYPE, FIELD_NAME, FIELD_SEVERITY };

struct condition {
    enum field field;
    char      *key, *value;
    bool       negated, is_regex;
    regex_t    regex;
};

struct route { size_t n; struct condition condition[]; };

const char *route_type_name(enum event_type t)
{
    static const char *const names[] = { [EVENT_LOG] = "logs", [EVENT_POINT] = "metrics", [EVENT_SPAN] = "traces" };
    return (size_t)t < sizeof names / sizeof names[0] ? names[t] : "unknown";
}

static enum field field_of(const char *key)
{
    static const struct { const char *key; enum field field; } named[] = {
        { "tenant", FIELD_TENANT }, { "source", FIELD_SOURCE }, { "type", FIELD_TYPE }, { "name", FIELD_NAME }, { "severity", FIELD_SEVERITY },
    };
    for (size_t i = 0; i < sizeof named / sizeof named[0]; i++)
        if (strcmp(key, named[i].key) == 0)
            return named[i].field;
    return FIELD_ATTRIBUTE;
}

static enum err compile(struct condition *c, struct fault *fault)
{
    size_t n = strlen(c->value) + 5;
    char  *whole = malloc(n), why[120];
    if (!whole)
        return fail(fault, ERR_LIMIT, "no memory for a condition");
    (void)snprintf(whole, n, "^(%s)$", c->value);
    int bad = regcomp(&c->regex, whole, REG_EXTENDED | REG_NOSUB);
    free(whole);
    if (bad) {
        (void)regerror(bad, &c->regex, why, sizeof why);
        return fail(fault, ERR_INPUT, "%.80s is not a regular expression: %s", c->value, why);
    }
    c->is_regex = true;
    return OK;
}

static enum err parse(const char *text, struct condition *c, struct fault *fault)
{
    size_t n = strcspn(text, "=~!");
    bool   negated = text[n] == '!', regex;
    *c = (struct condition){ .negated = negated };
    if (strlen(text) > ROUTE_CONDITION_LENGTH_MAX)
        return fail(fault, ERR_INPUT, "a condition is longer than %d characters", ROUTE_CONDITION_LENGTH_MAX);
    const char *sign = text + n + negated;
    if (n == 0 || (*sign != '=' && *sign != '~')) {
        enum err e = fail(fault, ERR_INPUT, "%.80s is not a condition", text);
        fail_hint(fault, "write key=value, key!=value, key~regex or key!~regex");
        return e;
    }
    regex = *sign == '~';
    c->key = strndup(text, n);
    c->value = strdup(sign + 1);
    if (!c->key || !c->value)
        return fail(fault, ERR_LIMIT, "no memory for a condition");
    c->field = field_of(c->key);
    return regex ? compile(c, fault) : OK;
}

static void condition_done(struct condition *c)
{
    if (c->is_regex)
        regfree(&c->regex);
    free(c->key);
    free(c->value);
}

enum err route_condition_check(const char *condition, struct fault *fault)
{
    struct condition c;
    enum err         e = parse(condition, &c, fault);
    condition_done(&c);
    return e;
}

enum err route_new(const char *const *conditions, size_t n, struct route **out, struct fault *fault)
{
    *out = NULL;
    if (n > ROUTE_CONDITIONS_MAX)
        return fail(fault, ERR_INPUT, "more than %d conditions", ROUTE_CONDITIONS_MAX);
    struct route *r = calloc(1, sizeof *r + n * sizeof r->condition[0]);
    if (!r)
        return fail(fault, ERR_LIMIT, "no memory for conditions");
    for (size_t i = 0; i < n; i++) {
        r->n++;
        enum err e = parse(conditions[i], &r->condition[i], fault);
        if (e != OK) {
            route_free(r);
            return e;
        }
    }
    *out = r;
    return OK;
}

void route_free(struct route *r)
{
    for (size_t i = 0; r && i < r->n; i++)
        condition_done(&r->condition[i]);
    free(r);
}

static struct slice value_of(const struct condition *c, const struct event *e, struct arena *a)
{
    switch (c->field) {
    case FIELD_TENANT: return e->tenant;
    case FIELD_SOURCE: return e->source;
    case FIELD_TYPE:   return slice_of(route_type_name(e->type));
    case FIELD_NAME:
        return e->type == EVENT_POINT ? e->as.point.name : e->type == EVENT_SPAN ? e->as.span.name : e->as.log.name;
    case FIELD_SEVERITY: {
        char *s = e->type == EVENT_LOG ? arena_printf(a, "%d", e->as.log.severity) : NULL;
        return s ? slice_of(s) : (struct slice){ 0 };
    }
    case FIELD_ATTRIBUTE: break;
    }
    const struct value *v = event_find(e, c->key);
    if (!v && strncmp(c->key, "resource.", 9) == 0)
        v = attrs_find(&e->resource->attrs, c->key + 9);
    return !v ? (struct slice){ 0 } : v->kind == VALUE_TEXT ? v->as.text : value_text(v, a);
}

static bool holds(const struct condition *c, const struct event *e, struct arena *a)
{
    struct slice v = value_of(c, e, a);
    if (!c->is_regex)
        return slice_is(v, c->value) != c->negated;
    regmatch_t m = { .rm_so = 0, .rm_eo = (regoff_t)v.n };
    return (regexec(&c->regex, v.s ? v.s : "", 1, &m, REG_STARTEND) == 0) != c->negated;
}

bool route_takes(const struct route *r, const struct event *e, struct arena *a)
{
    for (size_t i = 0; r && i < r->n; i++)
        if (!holds(&r->condition[i], e, a))
            return false;
    return true;
}
