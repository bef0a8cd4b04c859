/* plan/template.c - runbooks: read whole and strictly, filled in without ever looking at a value twice. */
#include "plan/template.h"

#include "base/arena.h"
#include "conf/yaml.h"
#include "model/plan.h"
#include "plan/runbooks.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum param_type { PARAM_TEXT, PARAM_INT, PARAM_REAL, PARAM_BOOL, PARAM_TYPES };
static const char *const type_names[PARAM_TYPES] = { "text", "int", "real", "bool" };

enum { PARAM_TEXT_MAX = 4096, TEMPLATE_DEPTH_MAX = 16 };

struct param {
    char            name[TEMPLATE_NAME_SIZE];
    enum param_type type;
    bool            required;
    double          min, max;     /* numbers: values; text: bytes. NAN: no bound */
    json_t         *initial;      /* NULL: none */
    json_t         *one_of;       /* list of allowed values; NULL: any */
};

struct template {
    char         name[TEMPLATE_NAME_SIZE];
    json_t      *body;            /* title, why, steps, rollback, verify: still with ${...} */
    int          params;
    struct param param[TEMPLATE_PARAMS_MAX];
    json_t      *about;           /* as templates_json() shows it */
};

struct template_set { int count; struct template *list; };

static bool name_ok(const char *s)
{
    size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");
    return n > 0 && s[n] == '\0' && n < TEMPLATE_NAME_SIZE;
}

static void template_done(struct template *t)
{
    for (int i = 0; i < t->params; i++) {
        json_decref(t->param[i].initial);
        json_decref(t->param[i].one_of);
    }
    json_decref(t->body);
    json_decref(t->about);
}

void templates_free(struct template_set *set)
{
    if (!set)
        return;
    for (int i = 0; i < set->count; i++)
        template_done(&set->list[i]);
    free(set->list);
    free(set);
}

/* ---- parameters ---- */

static enum err check_value(const struct param *p, const json_t *v, struct fault *fault)
{
    bool   fits = p->type == PARAM_TEXT ? json_is_string(v) : p->type == PARAM_INT ? json_is_integer(v) : p->type == PARAM_REAL ? json_is_number(v) : json_is_boolean(v);
    double size = p->type == PARAM_TEXT ? (double)json_string_length(v) : json_number_value(v);
    if (!fits)
        return fail(fault, ERR_INPUT, "parameter %s must be %s", p->name, type_names[p->type]);
    if (p->type != PARAM_BOOL && (size < p->min || size > p->max)) {
        (void)fail(fault, ERR_INPUT, "parameter %s is out of range", p->name);
        if (!isnan(p->min))
            fail_hint(fault, isnan(p->max) ? "at least %g" : "from %g to %g", p->min, p->max);
        else
            fail_hint(fault, "at most %g", p->max);
        return ERR_INPUT;
    }
    if (p->type == PARAM_TEXT && (json_string_length(v) > PARAM_TEXT_MAX || strlen(json_string_value(v)) != json_string_length(v)))
        return fail(fault, ERR_INPUT, "parameter %s has a NUL inside or is longer than %d bytes", p->name, PARAM_TEXT_MAX);
    bool found = p->one_of == NULL;
    for (size_t i = 0; !found && i < json_array_size(p->one_of); i++)
        found = json_equal(json_array_get(p->one_of, i), (json_t *)(uintptr_t)v);
    return found ? OK : fail(fault, ERR_INPUT, "parameter %s has a value that the template does not offer", p->name);
}

static enum err read_bound(const struct yaml_node *spec, const char *key, double *out, struct fault *fault)
{
    const struct yaml_node *n = yaml_get(spec, key);
    *out = (double)NAN;
    return n ? yaml_real(n, out, fault) : OK;
}

static enum err read_param(const struct yaml_node *spec, struct param *p, struct fault *fault)
{
    static const char *const keys[] = { "type", "required", "default", "min", "max", "one_of", "why" };
    enum err e = yaml_keys_check(spec, keys, sizeof keys / sizeof keys[0], fault);
    if (e != OK)
        return e;
    if (!name_ok(spec->key) || !text_copy(p->name, sizeof p->name, spec->key))
        return yaml_fail(fault, spec, "a parameter's name is made of letters, digits, '_', '.' and '-', at most %d", TEMPLATE_NAME_SIZE - 1);
    const char *type = yaml_text(yaml_get(spec, "type"));
    int         t = 0;
    while (type && t < PARAM_TYPES && strcmp(type, type_names[t]) != 0)
        t++;
    if (!type || t == PARAM_TYPES)
        return yaml_fail(fault, spec, "parameter %s needs a type: text, int, real or bool", p->name);
    p->type = (enum param_type)t;
    const struct yaml_node *required = yaml_get(spec, "required"), *initial = yaml_get(spec, "default"), *one_of = yaml_get(spec, "one_of");
    if (required && (e = yaml_bool(required, &p->required, fault)) != OK)
        return e;
    if ((e = read_bound(spec, "min", &p->min, fault)) != OK || (e = read_bound(spec, "max", &p->max, fault)) != OK)
        return e;
    if (one_of && (one_of->kind != YAML_LIST || one_of->count == 0))
        return yaml_fail(fault, one_of, "one_of must be a list of values");
    if (one_of && (e = yaml_to_json(one_of, &p->one_of, fault)) != OK)
        return e;
    if (initial && (e = yaml_to_json(initial, &p->initial, fault)) != OK)
        return e;
    if (p->required == (p->initial != NULL))
        return yaml_fail(fault, spec, "parameter %s needs either required: true or a default", p->name);
    struct fault why = { 0 };
    if (p->initial && check_value(p, p->initial, &why) != OK)
        return yaml_fail(fault, initial, "the default does not fit: %s", why.text);
    return OK;
}

static const struct param *param_find(const struct template *t, const char *name, size_t size)
{
    for (int i = 0; i < t->params; i++)
        if (strlen(t->param[i].name) == size && strncmp(t->param[i].name, name, size) == 0)
            return &t->param[i];
    return NULL;
}

/* ---- substitution ---- */

struct filling { const struct template *t; json_t *values; };   /* every parameter has a value */

static void add_value(struct text *out, const json_t *v)
{
    if (json_is_string(v))
        text_add_n(out, json_string_value(v), json_string_length(v));
    else if (json_is_integer(v))
        text_printf(out, "%lld", (long long)json_integer_value(v));
    else if (json_is_real(v))
        text_printf(out, "%.6g", json_real_value(v));
    else
        text_add(out, json_is_true(v) ? "true" : "false");
}

static enum err fill_text(const struct filling *f, const json_t *in, json_t **out, struct fault *fault)
{
    const char *s = json_string_value(in);
    struct text t CLEANUP(text_done);
    text_init(&t, 64 * 1024);
    for (const char *at = s; *at;) {
        const char *open = strstr(at, "${");
        if (!open) {
            text_add(&t, at);
            break;
        }
        const char *close = strchr(open, '}');
        const struct param *p = close ? param_find(f->t, open + 2, (size_t)(close - open - 2)) : NULL;
        if (!p)
            return fail(fault, ERR_INPUT, "\"%.60s\" names no parameter", open);
        const json_t *v = f->values ? json_object_get(f->values, p->name) : json_null();
        if (open == s && close[1] == '\0') {           /* alone: keeps its type */
            *out = json_deep_copy(v);
            return *out ? OK : fail(fault, ERR_LIMIT, "no memory for a template");
        }
        text_add_n(&t, at, (size_t)(open - at));
        add_value(&t, v);
        at = close + 1;
    }
    *out = t.cut ? NULL : json_string(t.s);
    return *out ? OK : fail(fault, ERR_LIMIT, "a text of the template becomes too long");
}

static enum err fill(const struct filling *f, const json_t *in, int depth, json_t **out, struct fault *fault)
{
    if (depth > TEMPLATE_DEPTH_MAX)
        return fail(fault, ERR_LIMIT, "the template is nested deeper than %d", TEMPLATE_DEPTH_MAX);
    if (json_is_string(in))
        return fill_text(f, in, out, fault);
    if (!json_is_object(in) && !json_is_array(in)) {
        *out = json_deep_copy(in);
        return *out ? OK : fail(fault, ERR_LIMIT, "no memory for a template");
    }
    json_t     *made = json_is_object(in) ? json_object() : json_array();
    enum err    e = OK;
    const char *key;
    json_t     *v, *one = NULL;
    size_t      i;
    if (json_is_object(in)) {
        json_object_foreach((json_t *)(uintptr_t)in, key, v) {
            if (e == OK && (e = fill(f, v, depth + 1, &one, fault)) == OK && json_object_set_new(made, key, one) != 0)
                e = fail(fault, ERR_LIMIT, "no memory for a template");
        }
    } else {
        json_array_foreach(in, i, v) {
            if (e == OK && (e = fill(f, v, depth + 1, &one, fault)) == OK && json_array_append_new(made, one) != 0)
                e = fail(fault, ERR_LIMIT, "no memory for a template");
        }
    }
    if (e == OK)
        *out = made;
    else
        json_decref(made);
    return e;
}

/* ---- reading ---- */

static enum err read_body(const struct yaml_node *root, struct template *t, struct fault *fault)
{
    static const char *const parts[] = { "title", "steps", "rollback", "verify", "why", "risk_score" };
    t->body = json_object();
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        const struct yaml_node *n = yaml_get(root, parts[i]);
        json_t                 *v = NULL;
        if (!n && i < 4)
            return yaml_fail(fault, root, "the template has no %s", parts[i]);
        if (!n)
            continue;
        enum err e = yaml_to_json(n, &v, fault);
        if (e != OK)
            return e;
        if (json_object_set_new(t->body, parts[i], v) != 0)
            return fail(fault, ERR_LIMIT, "no memory for a template");
    }
    /* Every ${...} must name a parameter: found out now, not in the night when it is needed. */
    struct filling dry = { t, NULL };
    json_t        *made = NULL;
    struct fault   why = { 0 };
    enum err       e = fill(&dry, t->body, 0, &made, &why);
    json_decref(made);
    return e == OK ? OK : yaml_fail(fault, root, "%s", why.text);
}

static enum err read_template(const struct yaml_node *root, struct template *t, struct fault *fault)
{
    static const char *const keys[] = { "name", "title", "why", "params", "steps", "rollback", "verify", "risk_score" };
    enum err e = yaml_keys_check(root, keys, sizeof keys / sizeof keys[0], fault);
    if (e != OK)
        return e;
    const char *name = yaml_text(yaml_get(root, "name"));
    if (!name || !name_ok(name))
        return yaml_fail(fault, root, "the template needs a name of letters, digits, '_', '.' and '-', at most %d", TEMPLATE_NAME_SIZE - 1);
    (void)text_copy(t->name, sizeof t->name, name);
    const struct yaml_node *params = yaml_get(root, "params");
    if (params && params->kind != YAML_MAP)
        return yaml_fail(fault, params, "params must be a map from names to what they are");
    if (params && params->count > TEMPLATE_PARAMS_MAX)
        return yaml_fail(fault, params, "a template has at most %d parameters", TEMPLATE_PARAMS_MAX);
    for (const struct yaml_node *n = params ? params->first : NULL; n; n = n->next)
        if ((e = read_param(n, &t->param[t->params++], fault)) != OK)
            return e;
    if ((e = read_body(root, t, fault)) != OK)
        return e;
    json_t *about = NULL;
    if (params && (e = yaml_to_json(params, &about, fault)) != OK)
        return e;
    const char *why = yaml_text(yaml_get(root, "why")), *title = yaml_text(yaml_get(root, "title"));
    t->about = json_pack("{s:s, s:s, s:s, s:o}", "name", t->name, "title", title ? title : "", "why", why ? why : "", "params", about ? about : json_object());
    return t->about ? OK : fail(fault, ERR_LIMIT, "no memory for a template");
}

static enum err add(struct template_set *set, const struct yaml_node *root, struct fault *fault)
{
    if (set->count >= TEMPLATES_MAX)
        return fail(fault, ERR_LIMIT, "there are more than %d templates", TEMPLATES_MAX);
    struct template *more = realloc(set->list, (size_t)(set->count + 1) * sizeof *more);
    if (!more)
        return fail(fault, ERR_LIMIT, "no memory for templates");
    set->list = more;
    struct template *t = &more[set->count++];
    *t = (struct template){ 0 };
    enum err e = read_template(root, t, fault);
    for (int i = 0; e == OK && i < set->count - 1; i++)
        if (strcmp(more[i].name, t->name) == 0)
            e = yaml_fail(fault, root, "there is another template named %s", t->name);
    return e;
}

static int is_runbook(const struct dirent *d)
{
    size_t n = strlen(d->d_name);
    return d->d_name[0] != '.' && n > 5 && strcmp(d->d_name + n - 5, ".yaml") == 0;
}

enum err templates_load(const char *folder, struct template_set **set, struct fault *fault)
{
    struct dirent **list = NULL;
    int             n = scandir(folder, &list, is_runbook, alphasort);
    if (n < 0)
        return fail(fault, errno == ENOENT ? ERR_MISSING : ERR_IO, "cannot read the folder of runbooks %s: %s", folder, strerror(errno));
    struct template_set *made = calloc(1, sizeof *made);
    enum err e = made ? OK : fail(fault, ERR_LIMIT, "no memory for templates");
    for (int i = 0; i < n; i++) {
        char              path[4096];
        struct arena      arena;
        struct yaml_node *root = NULL;
        arena_init(&arena, YAML_ARENA_MIN);
        (void)snprintf(path, sizeof path, "%s/%s", folder, list[i]->d_name);
        if (e == OK && (e = yaml_read(&arena, path, &root, NULL, fault)) == OK)
            e = add(made, root, fault);
        arena_done(&arena);
        free(list[i]);
    }
    free(list);
    if (e == OK)
        *set = made;
    else
        templates_free(made);
    return e;
}

static enum err add_text(struct template_set *set, const char *name, const char *text, size_t size, struct fault *fault)
{
    struct arena      arena;
    struct yaml_node *root = NULL;
    arena_init(&arena, YAML_ARENA_MIN);
    enum err e = yaml_parse(&arena, name, text, size, &root, NULL, fault);
    if (e == OK)
        e = add(set, root, fault);
    arena_done(&arena);
    return e;
}

enum err templates_built_in(struct template_set **set, struct fault *fault)
{
    struct template_set *made = calloc(1, sizeof *made);
    enum err             e = made ? OK : fail(fault, ERR_LIMIT, "no memory for templates");
    for (size_t i = 0; i < runbook_file_count && e == OK; i++)
        e = add_text(made, runbook_files[i].name, (const char *)runbook_files[i].data, runbook_files[i].size, fault);
    if (e == OK)
        *set = made;
    else
        templates_free(made);
    return e;
}

enum err templates_parse(const char *name, const char *text, size_t size, struct template_set **set, struct fault *fault)
{
    struct template_set *made = calloc(1, sizeof *made);
    enum err             e = made ? add_text(made, name, text, size, fault) : fail(fault, ERR_LIMIT, "no memory for templates");
    if (e == OK)
        *set = made;
    else
        templates_free(made);
    return e;
}

/* ---- asking ---- */

int         templates_count(const struct template_set *set)        { return set->count; }
const char *template_name(const struct template_set *set, int i)   { return set->list[i].name; }
const char *template_title(const struct template_set *set, int i)  { return json_string_value(json_object_get(set->list[i].about, "title")); }

json_t *templates_json(const struct template_set *set)
{
    json_t *list = json_array();
    for (int i = 0; i < set->count; i++)
        (void)json_array_append(list, set->list[i].about);
    return list;
}

static enum err gather_values(const struct template *t, const json_t *params, json_t *values, struct fault *fault)
{
    if (params && !json_is_object(params))
        return fail(fault, ERR_INPUT, "the parameters of a template are an object");
    const char *key;
    json_t     *v;
    json_object_foreach((json_t *)(uintptr_t)params, key, v) {
        if (!param_find(t, key, strlen(key)))
            return fail(fault, ERR_INPUT, "template %s has no parameter \"%.60s\"", t->name, key);
    }
    for (int i = 0; i < t->params; i++) {
        const struct param *p = &t->param[i];
        json_t *given = json_object_get(params, p->name);
        if (!given && p->required)
            return fail(fault, ERR_INPUT, "template %s needs the parameter %s", t->name, p->name);
        enum err e = given ? check_value(p, given, fault) : OK;
        if (e != OK)
            return e;
        if (json_object_set(values, p->name, given ? given : p->initial) != 0)
            return fail(fault, ERR_LIMIT, "no memory for a template");
    }
    return OK;
}

/* Nobody lists them elsewhere. */
static enum err no_template(const struct template_set *set, const char *name, struct fault *fault)
{
    struct text names CLEANUP(text_done);
    text_init(&names, 200);
    for (int i = 0; i < set->count; i++)
        text_printf(&names, "%s%s", i ? ", " : "", set->list[i].name);
    (void)fail(fault, ERR_MISSING, "there is no template \"%.60s\"", name);
    fail_hint(fault, "there are: %s%s", names.used ? names.s : "none at all in runbooks.folder", names.cut ? " ..." : "");
    return ERR_MISSING;
}

enum err template_make(const struct template_set *set, const char *name, const json_t *params, json_t **plan, struct fault *fault)
{
    const struct template *t = NULL;
    for (int i = 0; i < set->count && !t; i++)
        t = strcmp(set->list[i].name, name) == 0 ? &set->list[i] : NULL;
    if (!t)
        return no_template(set, name, fault);
    json_t     *values = json_object(), *made = NULL;
    struct plan checked;
    enum err    e = values ? gather_values(t, params, values, fault) : fail(fault, ERR_LIMIT, "no memory for a template");
    if (e == OK)
        e = fill(&(struct filling){ t, values }, t->body, 0, &made, fault);
    json_decref(values);
    if (e != OK)
        return e;
    if ((e = plan_parse(made, &checked, fault)) != OK) {
        json_decref(made);
        return fail_in(fault, "template %s", t->name);
    }
    plan_done(&checked);
    *plan = made;
    return OK;
}
